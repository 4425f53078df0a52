"""Environment variables that name folders whose files are brought when somebody first looks.

A program learns where its files are from a variable. Until it looks, nothing is brought: most programs have no use for the files,
and those that have wait for them once. Another process that it starts would find the variable too, so that starting one counts as
looking; one that starts unseen does not find the variable at all.
"""

import os
import sys
import threading
from collections.abc import Callable

_STARTS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
_STARTERS = frozenset({"multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver"})

_awaited: dict[str, Callable[[], None]] = {}
_lock = threading.RLock()
_hooked = False


def await_look(name: str, value: str, bring: Callable[[], None]) -> None:
    """Set a variable of this process, and have its folder filled when somebody first looks at it.

    Args:
        name: Name of the variable.
        value: The folder.
        bring: Fills the folder. When it raises, so does the look, and the next one tries again.
    """
    global _hooked
    forget_looks(name)
    os.environ.__class__ = _TextVariables
    os.environb.__class__ = _ByteVariables
    os.environ._data[os.fsencode(name)] = os.fsencode(value)  # type: ignore[attr-defined]  # but not yet for other processes
    _awaited[name] = bring
    if not _hooked:
        sys.addaudithook(_on_event)
        _hooked = True


def forget_looks(*names: str) -> None:
    """Bring nothing any more for some variables, and take them away as far as nobody has looked at them."""
    for name in names:
        if _awaited.pop(name, None) is not None:
            os.environ._data.pop(os.fsencode(name), None)  # type: ignore[attr-defined]


class _TextVariables(type(os.environ)):  # type: ignore[misc]  # os._Environ
    def __getitem__(self, name: str) -> str:
        _look(name)
        return str(super().__getitem__(name))


class _ByteVariables(type(os.environ)):  # type: ignore[misc]
    def __getitem__(self, name: bytes) -> bytes:
        _look(os.fsdecode(name))
        return bytes(super().__getitem__(name))


def _look(name: str) -> None:
    if name not in _awaited:
        return
    with _lock:
        bring = _awaited.get(name)
        if bring is not None:
            bring()
            value = os.environ._data.get(os.fsencode(name))  # type: ignore[attr-defined]
            if value is not None:  # the program has not removed it
                os.putenv(name, value)
            del _awaited[name]


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    """Look for a process that is about to be started (PEP 578)."""
    if _awaited and (event in _STARTS or (event == "import" and arguments[0] in _STARTERS)):
        for name in list(_awaited):
            _look(name)
