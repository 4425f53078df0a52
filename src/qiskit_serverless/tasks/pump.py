"""What moves messages: threads that wait for a value and, when there are none, a thread in the background.

A thread that waits reads the sockets itself, so a result reaches it without a switch of threads. The background thread
sees to it that tasks go on while the program does something else. It keeps out of the way for a moment after each call of
the program: two threads that take turns in reading would spend more time on handing over the interpreter than on reading.
"""

import math
import os
import select
import threading
import time
from collections.abc import Callable

_QUIET_SECONDS = 0.002
_ALONG_SECONDS = 0.0002
_LEAST_REST_SECONDS = 0.0005

Events = list[tuple[int, int]]


class Pump:
    """Waits for descriptors and hands them, when they are ready, to `process`, with the lock held.

    Attributes:
        lock: Guards all that `process` works on.
    """

    def __init__(self, process: Callable[[Events], None], next_deadline: Callable[[], float | None]) -> None:
        """Make a pump; the background thread starts with the first call of `along`.

        Args:
            process: Called with the descriptors that are ready, possibly none, and their events.
            next_deadline: Returns the time (of ``time.monotonic``) at which `process` is to be called at the latest.
        """
        self.lock = threading.RLock()
        self._process = process
        self._next_deadline = next_deadline
        self._epoll = select.epoll()
        self._changed = threading.Condition(self.lock)
        self._driven = threading.Condition(self.lock)
        self._drivers = 0
        self._driving = False
        self._last_call = 0.0
        self._next_along = 0.0
        self._pending = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # for the background thread
        self._kick = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # for the thread that drives
        self._epoll.register(self._kick, select.EPOLLIN)
        self._sleep_until = 0.0
        self._asleep = False  # the background thread waits for descriptors
        self._parked = False  # it waits for the last driver to leave
        self._closed = False
        self._thread: threading.Thread | None = None

    def register(self, fd: int) -> None:
        """Wait for this descriptor to be readable from now on."""
        self._epoll.register(fd, select.EPOLLIN)

    def expect_room(self, fd: int, wanted: bool) -> None:
        """Wait, or do not wait, for this descriptor to be writable, too."""
        self._epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def unregister(self, fd: int) -> None:
        """Wait for this descriptor no more."""
        self._epoll.unregister(fd)

    def along(self, *, urgent: bool) -> None:
        """Have `process` called, with the lock held: the program is calling, and may call again at once.

        Args:
            urgent: Now, and not in a moment.
        """
        self._last_call = now = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="qiskit-serverless-tasks", daemon=True)
            self._thread.start()
        self._pending = True
        if urgent or now >= self._next_along or self._drivers:
            self._next_along = now + _ALONG_SECONDS
            self._call(self._epoll.poll(0) if not self._driving else [])
            self._hasten()

    def _call(self, events: Events) -> None:
        self._pending = False
        self._process(events)

    def _hasten(self) -> None:
        """Wake who sleeps if there is a deadline before the end of its sleep."""
        deadline = self._next_deadline()
        if deadline is not None and deadline < self._sleep_until:
            os.eventfd_write(self._kick if self._driving else self._wake, 1)

    def wait_until(self, ready: Callable[[], bool], timeout: float | None, leisure: Callable[[], float]) -> bool:
        """Wait, with the lock held once, and released while there is nothing to do.

        Args:
            ready: Says, with the lock held, whether to stop.
            timeout: Longest time to wait in seconds.
            leisure: Says for how many seconds it need not look at the sockets.

        Returns:
            Whether it is ready.
        """
        until = None if timeout is None else time.monotonic() + timeout
        self._enter()
        try:
            if self._pending:
                self._call([])
            while not ready():
                rest = None if until is None else until - time.monotonic()
                if rest is not None and rest <= 0:
                    return False
                self._drive(rest)
                if self._drivers == 1:
                    self._rest(leisure())
            return True
        finally:
            self._leave()

    def _enter(self) -> None:
        self._drivers += 1
        if self._asleep:
            os.eventfd_write(self._wake, 1)

    def _leave(self) -> None:
        self._drivers -= 1
        self._last_call = time.monotonic()
        if self._drivers:
            self._changed.notify()
        elif self._parked:
            self._driven.notify()

    def _drive(self, timeout: float | None) -> None:
        """Read the sockets or, if another thread does, wait for it to bring something or to stop."""
        if self._driving:
            self._changed.wait(timeout)
            return
        self._driving = True
        try:
            self._call(self._poll(timeout))
        finally:
            self._driving = False

    def _rest(self, seconds: float) -> None:
        """Let events come together, if that saves more than it costs."""
        if seconds > _LEAST_REST_SECONDS:
            self._changed.wait(seconds)

    def _poll(self, timeout: float | None) -> Events:
        timeout = self._until_deadline(timeout)
        self.lock.release()
        try:
            events = self._epoll.poll(timeout)
        finally:
            self.lock.acquire()
            self._sleep_until = 0.0
        if any(fd == self._kick for fd, _ in events):
            os.eventfd_read(self._kick)
        return events

    def _until_deadline(self, timeout: float | None) -> float | None:
        """Return how long to sleep, and note until when."""
        deadline = self._next_deadline()
        self._sleep_until = math.inf if deadline is None else deadline
        if deadline is None:
            return timeout
        rest = max(0.0, deadline - time.monotonic())
        return rest if timeout is None else min(timeout, rest)

    def changed(self) -> None:
        """Have all waiting threads look again."""
        if self._drivers > 1:
            self._changed.notify_all()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._epoll.fileno(), select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        with self.lock:
            while not self._closed:
                self._background(poll)

    def _background(self, poll: "select.poll") -> None:
        quiet = self._last_call + _QUIET_SECONDS - time.monotonic()
        if quiet > 0:
            self._driven.wait(quiet)
        elif self._drivers:
            self._parked = True
            self._driven.wait()
            self._parked = False
        elif self._pending:
            self._call([])
        else:
            self._sleep(poll)
            if not (self._drivers or self._closed):
                self._call(self._epoll.poll(0))

    def _sleep(self, poll: "select.poll") -> None:
        rest = self._until_deadline(None)
        self._asleep = True
        self.lock.release()
        try:
            events = poll.poll(None if rest is None else rest * 1000)
        finally:
            self.lock.acquire()
            self._asleep = False
            self._sleep_until = 0.0
        if any(fd == self._wake for fd, _ in events):
            os.eventfd_read(self._wake)

    def close(self) -> None:
        """Stop the background thread and close everything."""
        with self.lock:
            self._closed = True
            os.eventfd_write(self._wake, 1)
            self._driven.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._epoll.close()
        os.close(self._wake)
        os.close(self._kick)
