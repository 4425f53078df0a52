"""Large arguments and results on their way between client or worker and the object store itself.

What comes so counts for nothing before it was committed here: the parts become an object, which is looked at as if it had come
through the gateway.
"""

import asyncio
import hashlib
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from qiskit_serverless.encodings import LARGE
from qiskit_serverless.serialization.container import MEDIA_TYPE
from treadle.domain.errors import InvalidError, NotFoundError, TooLargeError, TreadleError
from treadle.domain.ids import id_for
from treadle.domain.users import User
from treadle.ports.clock import Clock
from treadle.ports.objects import ObjectStore
from treadle.ports.transfers import PartialUpload, Transfers
from treadle.services.values import StoredValue, Values, arguments_key

logger = logging.getLogger(__name__)

_FORGOTTEN = timedelta(days=1)  # an upload that was begun so long ago will not be committed any more
_BETWEEN_SWEEPS = timedelta(hours=1)
_REDUCING_SECONDS = 10.0  # PyPI clients wait 30 s for an answer


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What a client says of an upload that it has finished.

    Attributes:
        upload_id: The store's name for it.
        etags: What the store answered to each part, in order.
    """

    upload_id: str
    etags: Sequence[str]


class DirectValues:
    """Values that do not pass through the gateway."""

    def __init__(
        self, values: Values, objects: ObjectStore, transfers: Transfers | None, clock: Clock, largest: int
    ) -> None:
        """Use a store.

        Args:
            values: What checks and reads values.
            objects: Where they lie.
            transfers: What signs URLs; None where the store cannot be reached but through the gateway.
            clock: The time.
            largest: Most bytes of a value.
        """
        self._values = values
        self._objects = objects
        self._transfers = transfers
        self._clock = clock
        self._largest = largest
        self._swept: datetime | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def offered(self) -> bool:
        """Whether there is a direct way."""
        return self._transfers is not None

    async def begin(self, key: str, what: str, size: int) -> PartialUpload:
        """Begin an upload.

        Args:
            key: Where the value shall lie.
            what: What it is, in error messages.
            size: Its bytes.

        Raises:
            NotFoundError: There is no direct way.
            InvalidError: It is too small to go that way.
            TooLargeError: It is larger than is allowed.
            StorageUnavailableError: The store does not answer.
        """
        transfers = self._direct()
        if size < LARGE:
            raise InvalidError(f"The {what} has {size} bytes; from {LARGE} on it can be uploaded in parts.")
        if size > self._largest:
            raise TooLargeError(f"The {what} has {size} bytes, and this platform takes {self._largest} at most.")
        self._sweep_sometimes(transfers)
        return await transfers.begin(key, size)

    async def begin_arguments(self, user: User, idempotency_key: str, size: int) -> PartialUpload | None:
        """Begin an upload of the arguments of a job that a user is about to run with this key; None if there is no such way.

        Raises:
            InvalidError: They are too small to go that way.
            TooLargeError: They are larger than is allowed.
            StorageUnavailableError: The store does not answer.
        """
        if not self.offered:
            return None
        return await self.begin(arguments_key(id_for(user.id, idempotency_key)), "arguments", size)

    async def commit(self, key: str, what: str, uploaded: Uploaded) -> None:
        """Make a value of what was uploaded, if it is one. Committing it again does no harm.

        Raises:
            NotFoundError: There is no direct way.
            InvalidError: The parts are not those that were uploaded, or they make neither text nor a whole container.
            TooLargeError: It is larger than is allowed.
            StorageUnavailableError: The store does not answer.
        """
        await self._direct().complete(key, uploaded.upload_id, uploaded.etags)
        try:
            await self._values.check(key, what)
        except (InvalidError, TooLargeError):
            await self._values.delete(key)
            raise

    async def location(self, stored: StoredValue) -> str | None:
        """Return a URL of a value as it lies in the store, None if it has to come through the gateway.

        Raises:
            StorageUnavailableError: The URL cannot be signed now.
        """
        if self._transfers is None or stored.size < LARGE:
            return None
        return await self._transfers.url(stored.key, MEDIA_TYPE if stored.is_container else "application/json")

    async def reduced_location(self, stored: StoredValue, gateway_host: str | None) -> str | None:
        """Return a URL of the JSON text of a value, without what only our own clients know.

        The text is made once and kept beside the value. None if it has to come through the gateway, for now or for ever.

        Args:
            stored: The value.
            gateway_host: Host name by which the caller reaches the gateway. PyPI clients take an answer for the text itself
                only if it comes from another host.

        Raises:
            StorageUnavailableError: The store does not answer.
        """
        if self._transfers is None or stored.size < LARGE:
            return None
        key = f"{stored.key}.{hashlib.sha256(stored.mark.encode()).hexdigest()[:16]}"
        url = await self._transfers.url(key, "application/json")
        if urlsplit(url).hostname == gateway_host:
            return None
        there = await self._objects.open(key) is not None or await self._reduced_in_time(stored, key)
        return url if there else None

    async def _reduced_in_time(self, stored: StoredValue, key: str) -> bool:
        task = self._in_background(key, self._values.store_reduced(key, stored))
        done, _ = await asyncio.wait([task], timeout=_REDUCING_SECONDS)
        return bool(done) and task.exception() is None

    def _sweep_sometimes(self, transfers: Transfers) -> None:
        now = self._clock.now()
        if self._swept is None or now - self._swept > _BETWEEN_SWEEPS:
            self._swept = now
            self._in_background("sweep", transfers.sweep(now - _FORGOTTEN))

    def _in_background(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something once at a time, also when nobody waits for it any more."""
        if name in self._tasks:
            work.close()
        else:
            self._tasks[name] = asyncio.create_task(work)
            self._tasks[name].add_done_callback(lambda task: self._ended(name, task))
        return self._tasks[name]

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        del self._tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("what was to be done in the background (%s) failed: %s", name, error, exc_info=_fault(error))

    def _direct(self) -> Transfers:
        if self._transfers is None:
            raise NotFoundError("This platform takes values through its gateway only.")
        return self._transfers


def _fault(error: BaseException) -> BaseException | None:
    """Return an error that nobody expects, whose place is worth telling."""
    return None if isinstance(error, TreadleError) else error
