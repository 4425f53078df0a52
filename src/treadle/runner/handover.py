"""How a launch travels from the engine to the zygote, to a supervisor and to its program.

It lies in a file without a name whose descriptor is passed on: it may be larger than a datagram, and has no business on disk.
"""

import os
import socket

from treadle.domain.launch import Launch

_LARGEST_LETTER = 4096


def written(launch: Launch) -> int:
    """Return the descriptor of a new nameless file that holds a launch."""
    descriptor = os.memfd_create("launch")
    with os.fdopen(os.dup(descriptor), "w") as file:
        file.write(launch.to_json())
    return descriptor


def read(descriptor: int) -> Launch:
    """Return the launch in a nameless file."""
    return Launch.from_json(os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode())


def pass_on(channel: socket.socket, descriptor: int, letter: bytes = b"{}") -> None:
    """Send a descriptor with some text over a ``SOCK_SEQPACKET`` socket.

    Raises:
        ConnectionError: The other side is gone.
    """
    socket.send_fds(channel, [letter], [descriptor])


def take(channel: socket.socket) -> tuple[bytes, int | None]:
    """Receive text and the descriptor that came with it, if any; empty text if the other side is gone."""
    try:
        letter, descriptors, _, _ = socket.recv_fds(channel, _LARGEST_LETTER, 1, socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return b"", None
    return letter, descriptors[0] if descriptors else None
