"""How the parts of a log in an object store follow each other: pure.

A part is named by the byte at which it begins, in digits, and holds what one call brought. A *joined* part is named by where it
begins and ends, and holds what several parts held; those may still be there beside it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a log.

    Attributes:
        name: What it is called.
        start: Byte of the log at which it begins.
        end: Byte of the log before which it ends.
    """

    name: str
    start: int
    end: int

    @classmethod
    def stored(cls, name: str, size: int) -> "Part":
        """Return the part with a name, as it lies in a store with so many bytes."""
        start = int(name.partition("-")[0])
        return cls(name, start, start + size)

    @classmethod
    def joined(cls, parts: Sequence["Part"]) -> "Part":
        """Return what holds the same as some parts of a chain, which follow each other there."""
        start, end = parts[0].start, parts[-1].end
        return cls(f"{start:0{_DIGITS}}-{end:0{_DIGITS}}", start, end)

    @property
    def is_joined(self) -> bool:
        """Whether it holds what several parts held."""
        return "-" in self.name


def part_name(start: int) -> str:
    """Return the name of a part that begins at a byte."""
    return f"{start:0{_DIGITS}}"


@dataclass(frozen=True, slots=True)
class Chain:
    """The parts of a log in order, without a gap between them. Joined ones may overlap: two gateways have joined at once.

    Attributes:
        parts: The parts.
        surplus: Parts whose bytes the others hold too: a join was cut short before it removed them.
    """

    parts: tuple[Part, ...] = ()
    surplus: tuple[Part, ...] = ()

    @classmethod
    def of(cls, stored: Iterable[Part]) -> "Chain":
        """Return the chain that some parts make."""
        parts: list[Part] = []
        surplus: list[Part] = []
        length = 0
        for part in sorted(stored, key=lambda part: (part.start, -part.end)):
            if part.end <= length:
                surplus.append(part)
            elif part.start <= length:
                parts.append(part)
                length = part.end
        return cls(tuple(parts), tuple(surplus))

    @property
    def length(self) -> int:
        """Bytes of the log."""
        return self.parts[-1].end if self.parts else 0

    @property
    def unjoined(self) -> tuple[Part, ...]:
        """The last parts, after all that were joined."""
        joined = [number for number, part in enumerate(self.parts) if part.is_joined]
        return self.parts[joined[-1] + 1 :] if joined else self.parts

    def grown(self, size: int) -> "Chain":
        """Return the chain with one more part of so many bytes at its end."""
        return Chain((*self.parts, Part.stored(part_name(self.length), size)), self.surplus)

    def covering(self, start: int, end: int) -> Sequence[Part]:
        """Return the parts that hold the bytes from `start` to before `end`."""
        first = bisect_right(self.parts, start, key=lambda part: part.end)
        last = bisect_right(self.parts, end - 1, key=lambda part: part.start)
        return self.parts[first:last]
