"""Messages between the program and its workers: one pickled tuple per datagram, with file descriptors beside it.

A message that is too long for a datagram travels in an anonymous file of its own, whose descriptor is sent in its place.
"""

import array
import errno
import os
import pickle
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from qiskit_serverless.tasks.references import Handle
from qiskit_serverless.tasks.segments import Hold, Part, write_all
from qiskit_serverless.tasks.serializer import Payload

Message: TypeAlias = tuple[Any, ...]

MAX_DESCRIPTORS = 200  # the kernel passes 253 at once (SCM_MAX_FD in <net/scm.h>)
_DATAGRAM = 64 * 2**10  # the usual default of net.core.wmem_default allows about three times as much
_IN_FILE = b"file"  # no pickle starts like this
NO_WAIT = int(socket.MSG_DONTWAIT)
_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)  # the constants of `socket` are slow to combine
_ANCILLARY = socket.CMSG_SPACE((MAX_DESCRIPTORS + 1) * array.array("i").itemsize)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets that keep the boundaries of messages."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, message: Message, descriptors: Sequence[int] = (), flags: int = 0) -> None:
    """Send a message.

    Args:
        channel: A socket of `pair`.
        message: What pickle can pickle.
        descriptors: File descriptors to pass, `MAX_DESCRIPTORS` at most.
        flags: `NO_WAIT` or nothing.

    Raises:
        BlockingIOError: The socket is full, and the flags or the socket say not to wait.
        OSError: The other side has gone.
    """
    data = pickle.dumps(message, 5)
    if len(data) > _DATAGRAM:
        _send_in_file(channel, data, descriptors, flags)
    elif descriptors:
        channel.sendmsg([data], _rights(descriptors), flags)
    else:
        channel.send(data, flags)


def _send_in_file(channel: socket.socket, data: bytes, descriptors: Sequence[int], flags: int) -> None:
    fd = os.memfd_create("task-message", os.MFD_CLOEXEC)
    try:
        write_all(fd, data, 0)
        channel.sendmsg([_IN_FILE], _rights([fd, *descriptors]), flags)
    finally:
        os.close(fd)


def _rights(descriptors: Sequence[int]) -> list[tuple[int, int, "array.array[int]"]]:
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]


def receive(channel: socket.socket, flags: int = 0) -> tuple[Message, list[int]] | None:
    """Return the next message and the descriptors that came with it, or None if the other side has gone.

    If this process has too many open files, some descriptors are missing; `decode` tells.

    Raises:
        BlockingIOError: There is none, and the flags or the socket say not to wait.
    """
    data, ancillary = _receive(channel, flags | _CLOSE_ON_EXEC)
    if not data:
        return None
    descriptors = _descriptors(ancillary) if ancillary else []
    if data == _IN_FILE:
        data = _read_file(_next(descriptors))
    message: Message = pickle.loads(data)  # noqa: S301  (from our own process tree)
    return message, descriptors


def _receive(channel: socket.socket, flags: int) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    try:
        return channel.recvmsg(_DATAGRAM, _ANCILLARY, flags)[:2]
    except ConnectionResetError:  # said once when the other side has left messages unread; its own may still be here
        return channel.recvmsg(_DATAGRAM, _ANCILLARY, flags)[:2]


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)


def _next(descriptors: list[Any]) -> Any:  # noqa: ANN401  (as `Hold.handle`)
    if not descriptors:
        raise OSError(errno.EMFILE, "too many open files to receive a large value; raise the limit (ulimit -n)")
    return descriptors.pop(0)


def _read_file(fd: int) -> bytes:
    with os.fdopen(fd, "rb", buffering=0) as file:
        file.seek(0)
        return file.readall()


class Channel(Protocol):
    """One end of a connection between the program and a worker, which waits until a message has come or can go."""

    def send(self, message: Message, handles: Sequence[Any]) -> None:
        """Send a message, with what leads to the content of large values beside it.

        Raises:
            ConnectionError: The other side has gone.
        """

    def receive(self) -> tuple[Message, list[Any]] | None:
        """Return the next message and the handles that came with it, or None if the other side has gone."""


class PacketChannel:
    """A channel between processes of one machine. The handles are file descriptors."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: Message, handles: Sequence[int]) -> None:
        """Send a message."""
        send(self._end, message, handles)

    def receive(self) -> tuple[Message, list[Any]] | None:
        """Return the next message."""
        return receive(self._end)


Frame: TypeAlias = tuple[tuple[Part, ...] | None, tuple[int, ...], bool, tuple[int, ...], int]
"""A payload inside a message: parts (None if they are in a segment), lengths, whether there are circuits, numbers of
references, serial number of the sender's hold on the segment."""


def encode(payload: Payload, descriptors: list[Any]) -> Frame:
    """Return the frame of a payload, and append the handle of its segment, if any."""
    numbers = tuple(handle.number for handle in payload.references)
    if payload.segment is None:
        return payload.parts, payload.lengths, payload.has_circuits, numbers, 0
    if len(descriptors) == MAX_DESCRIPTORS:
        return payload.copied(), payload.lengths, payload.has_circuits, numbers, 0
    descriptors.append(payload.segment.handle)
    return None, payload.lengths, payload.has_circuits, numbers, payload.segment.serial


def decode(
    frame: Frame, descriptors: list[Any], adopt: Callable[[int], Handle], hold: Callable[[Any, int], Hold]
) -> Payload:
    """Return the payload of a frame.

    Args:
        frame: What `encode` made.
        descriptors: The handles that came with the message and are not used yet; one is taken if the payload is in a segment.
        adopt: Returns the handle for the number of a reference inside the value.
        hold: Makes the hold on the segment, from its handle and the serial number of the sender.

    Raises:
        OSError: This process had too many open files to receive the descriptor.
    """
    parts, lengths, has_circuits, numbers, serial = frame
    segment = hold(_next(descriptors), serial) if parts is None else None
    return Payload(parts or (), lengths, segment, has_circuits, tuple(map(adopt, numbers)))
