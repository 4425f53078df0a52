"""Reading a log while it grows, as those see it who may see only a part."""

from pathlib import Path

import pytest

from treadle.adapters.logs.folder import FolderLogs
from treadle.domain.logs import Line, LogView, shown
from treadle.services.log_tail import LogTail, log_so_far

pytestmark = pytest.mark.anyio

LOG = b"[PUBLIC] one\n[PRIVATE] two [PUBLIC] in it\nthree\n\n[public] four\n[PUBLIC]"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def logs(tmp_path: Path) -> FolderLogs:
    return FolderLogs(tmp_path)


async def rest_of(tail: LogTail, *, ended: bool = True) -> str:
    """Return all there is to read now."""
    text = ""
    while (piece := await tail.next(ended=ended)) is not None:
        text += piece.text
    return text


@pytest.mark.parametrize("view", LogView)
async def test_from_whichever_byte_it_is_read_a_line_stays_what_it_is(logs: FolderLogs, view: LogView) -> None:
    await logs.append("job", 0, LOG)
    for offset in range(len(LOG) + 1):
        start = LOG.rfind(b"\n", 0, offset) + 1
        within = Line.of(LOG[start:]) if start < offset else None
        assert await rest_of(LogTail(logs, "job", view, offset)) == shown(LOG[offset:], view, within).decode()


@pytest.mark.parametrize("view", LogView)
async def test_a_log_larger_than_what_is_read_at_once_is_shown_whole(logs: FolderLogs, view: LogView) -> None:
    log = "".join(f"[PUBLIC] öffentlich {n}\n[private] geheim {n}\nübrig {n}\n" for n in range(5000)).encode()
    await logs.append("job", 0, log)
    pieces = [piece async for piece in log_so_far(logs, "job", view)]
    assert "".join(pieces) == shown(log, view).decode()
    assert max(map(len, pieces)) <= 64 * 1024


async def test_private_lines_are_never_taken_for_public_ones(logs: FolderLogs) -> None:
    log = b"[PRIVATE] [PUBLIC] [PUBLIC] hidden\nhidden [PUBLIC] hidden\n"
    await logs.append("job", 0, log)
    seen = {await rest_of(LogTail(logs, "job", LogView.PUBLIC, offset)) for offset in range(len(log))}
    assert seen == {""}


async def test_a_place_the_log_has_not_reached_is_judged_when_it_has(logs: FolderLogs) -> None:
    tail = LogTail(logs, "job", LogView.PUBLIC, 10)
    assert await rest_of(tail, ended=False) == ""
    await logs.append("job", 0, b"[PRIVATE] [PUBLIC] hidden\n[PUBLIC] shown\n")
    assert await rest_of(tail) == "shown\n"


async def test_lines_are_shown_as_they_grow_as_soon_as_it_is_clear_whose_they_are(logs: FolderLogs) -> None:
    public, private = (LogTail(logs, "job", view, 0) for view in (LogView.PUBLIC, LogView.PRIVATE))
    seen = []
    log = b""
    for part in (b"[PUB", b"LIC] 10 %", b" 20 %", b"\n[PRIV", b"ATE] secret"):
        length = await logs.append("job", len(log), part)
        log += part
        assert length == len(log)
        seen.append((await rest_of(public, ended=False), await rest_of(private, ended=False)))
    assert seen == [("", ""), ("10 %", ""), (" 20 %", ""), ("\n", ""), ("", "secret")]


@pytest.mark.parametrize("mark", [b"", b"[PRIVATE] ", b"[PUBLIC] "])
async def test_a_line_longer_than_what_is_read_at_once_keeps_its_mark(logs: FolderLogs, mark: bytes) -> None:
    line = mark + b"x" * 200_000 + b"\n"
    await logs.append("job", 0, line + b"[PUBLIC] end\n")
    is_public = mark == b"[PUBLIC] "
    for offset, left in ((0, 200_000), (len(line) - 70_001, 70_000)):
        text = "x" * left + "\n"
        assert await rest_of(LogTail(logs, "job", LogView.PUBLIC, offset)) == (text if is_public else "") + "end\n"
        assert await rest_of(LogTail(logs, "job", LogView.PRIVATE, offset)) == ("" if is_public else text)
