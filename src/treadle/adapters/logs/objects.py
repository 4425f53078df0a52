"""Logs in an object store, for several gateways: immutable parts, named by the byte at which they begin.

A part is only ever created where nothing is yet. Whoever creates it knows all before it, so that two gateways cannot come to
different logs: of two that go on at the same byte one is refused, looks again and goes on behind the other.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore

from treadle.adapters.objects.obstore_objects import ObstoreObjects, storage_errors
from treadle.domain.log_parts import Chain, Part, part_name

_MOST_UNJOINED = 200  # parts of a log that grows; a listing tells of a thousand at once
_SECONDS_PER_PART = 0.05
_LONGEST_PAUSE = 5.0
_LOGS_REMEMBERED = 5000
_BLOCK = 1 << 20
_BLOCKS_REMEMBERED = 32
_READS_AT_ONCE = 8
_WINDOW = 4 << 20  # of a log that is joined


class ObjectLogs:
    """`treadle.ports.logs.LogStore` on an obstore store that honours create-only writes."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._objects = ObstoreObjects(store)
        self._chains: OrderedDict[str, Chain] = OrderedDict()
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    async def append(self, job_id: str, offset: int, data: bytes) -> int:
        """Store `data` at `offset` and return how many bytes the log now has."""
        chain = self._chains.get(job_id, Chain())
        if offset > chain.length:
            chain = await self._look(job_id)
        while 0 <= chain.length - offset < len(data):
            new = data[chain.length - offset :]
            try:
                with storage_errors():
                    await obstore.put_async(self._store, _key(job_id, part_name(chain.length)), new, mode="create")
            except AlreadyExistsError:
                chain = await self._look(job_id)
            else:
                self._keep_block(_key(job_id, part_name(chain.length)), 0, new)
                chain = self._keep(job_id, chain.grown(len(new)))
        if len(chain.unjoined) > _MOST_UNJOINED:
            await self._join(job_id, chain.unjoined[:-1])
        return chain.length

    async def read(self, job_id: str, start: int = 0, limit: int | None = None) -> bytes:
        """Return at most `limit` bytes from `start`; empty when there are none."""
        chain = self._chains.get(job_id)
        if chain is None or limit is None or start + limit > chain.length:
            chain = await self._look(job_id)
        try:
            return await self._read(job_id, chain, start, limit)
        except FileNotFoundError:  # another gateway has joined parts meanwhile
            return await self._read(job_id, await self._look(job_id), start, limit)

    def pause(self, job_id: str) -> float:
        """Return how many seconds should lie between two parts: the more, the more parts the log has."""
        return min(_SECONDS_PER_PART * len(self._chains.get(job_id, Chain()).unjoined), _LONGEST_PAUSE)

    async def settle(self, job_id: str) -> None:
        """Join the parts of a log that grows no more."""
        chain = await self._look(job_id)
        if len(chain.parts) > 1:
            await self._join(job_id, chain.parts)
        else:
            await self._remove_surplus(job_id, chain)

    async def _join(self, job_id: str, parts: Sequence[Part]) -> None:
        """Put parts that follow each other into one object, then remove them.

        Of a log that grows, the last part must not be among them. Its sender may not know yet that it was stored, and send it
        again by another gateway, which has to find it taken.
        """
        try:
            await self._objects.put_stream(_key(job_id, Part.joined(parts).name), self._contents(job_id, parts))
        except FileNotFoundError:  # another gateway has joined them meanwhile
            await self._look(job_id)
        else:
            await self._remove_surplus(job_id, await self._look(job_id))

    async def _remove_surplus(self, job_id: str, chain: Chain) -> None:
        if chain.surplus:
            with storage_errors():
                await obstore.delete_async(self._store, [_key(job_id, part.name) for part in chain.surplus])
            self._keep(job_id, Chain(chain.parts))

    async def _contents(self, job_id: str, parts: Sequence[Part]) -> AsyncIterator[bytes]:
        chain = Chain(tuple(parts))
        for start in range(parts[0].start, chain.length, _WINDOW):
            yield await self._read(job_id, chain, start, _WINDOW)

    async def _look(self, job_id: str) -> Chain:
        """Look which parts there are now."""
        stored: list[Part] = []
        with storage_errors():
            async for found in obstore.list(self._store, _key(job_id, ""), chunk_size=1000):
                stored += [Part.stored(meta["path"].rpartition("/")[2], meta["size"]) for meta in found]
        return self._keep(job_id, Chain.of(stored))

    def _keep(self, job_id: str, chain: Chain) -> Chain:
        self._chains[job_id] = chain
        self._chains.move_to_end(job_id)
        if len(self._chains) > _LOGS_REMEMBERED:
            self._chains.popitem(last=False)
        return chain

    async def _read(self, job_id: str, chain: Chain, start: int, limit: int | None) -> bytes:
        end = chain.length if limit is None else min(start + limit, chain.length)
        wanted = list(_slices(chain, start, end))
        pieces: list[bytes] = []
        for first in range(0, len(wanted), _READS_AT_ONCE):
            some = wanted[first : first + _READS_AT_ONCE]
            blocks = await asyncio.gather(*(self._block(job_id, part, number) for part, number, _ in some))
            pieces += [block[inner] for block, (_, _, inner) in zip(blocks, some, strict=True)]
        return b"".join(pieces)

    async def _block(self, job_id: str, part: Part, number: int) -> bytes:
        """Return one of the blocks of a part; what was read lately is remembered, for parts never change."""
        key, start = _key(job_id, part.name), number * _BLOCK
        known = self._blocks.get((key, number))
        if known is not None:
            self._blocks.move_to_end((key, number))
            return known
        length = min(_BLOCK, part.end - part.start - start)
        with storage_errors():
            read = (await obstore.get_range_async(self._store, key, start=start, length=length)).to_bytes()
        return self._keep_block(key, number, read)

    def _keep_block(self, key: str, number: int, block: bytes) -> bytes:
        self._blocks[key, number] = block
        if len(self._blocks) > _BLOCKS_REMEMBERED:
            self._blocks.popitem(last=False)
        return block


def _slices(chain: Chain, start: int, end: int) -> Iterator[tuple[Part, int, slice]]:
    """Yield where the bytes from `start` to before `end` are: in which part, which block of it, and where in that."""
    position = start
    for part in chain.covering(start, end) if start < end else ():
        while position < min(end, part.end):
            number, skipped = divmod(position - part.start, _BLOCK)
            size = min(_BLOCK - skipped, min(end, part.end) - position)
            yield part, number, slice(skipped, skipped + size)
            position += size


def _key(job_id: str, name: str) -> str:
    return f"logs/{job_id}/{name}"
