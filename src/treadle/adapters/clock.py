"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """`treadle.ports.clock.Clock` of the machine."""

    def now(self) -> datetime:
        """Return the time in UTC, with its time zone."""
        return datetime.now(UTC)
