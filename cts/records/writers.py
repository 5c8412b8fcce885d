"""Who writes output, and when: at once, or in a thread of its own, so that a slow disk or reader holds up no stream."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from attrs import frozen

__all__ = ["AT_ONCE", "LOG_LIMIT", "Piece", "Writer", "WriterThread", "finish_writers", "write_all"]

LOG_LIMIT = 16 * 1024 * 1024
"""Bytes of a log that wait for the disk or the reader: some seconds of 10,000 frames a second."""
PATIENCE_SECONDS = 2.0
"""How long what is left may take to be written at the end."""
POLL_MILLISECONDS = 50


@frozen(eq=False)
class Piece:
    """Something to be written in one go.

    Attributes:
        size: bytes that it keeps in memory.
        write: writes it and raises nothing; looks at what it is given now and then while nobody takes it, whether to give up.
        lose: takes note that it will not be written.
    """

    size: int
    write: Callable[[Callable[[], bool]], None]
    lose: Callable[[], None]


class Writer:
    """Writes at once, however long it takes: in a simulation, which has no hurry, logs are complete."""

    def now_ns(self) -> int | None:
        """Return the run's clock, by which it is told from when on something is missing; None where that is not told."""
        return None

    def put(self, piece: Piece) -> bool:
        """Write a piece, now or later; return whether there was room for it."""
        piece.write(_never)
        return True


AT_ONCE = Writer()


class WriterThread(Writer):
    """Writes in a thread, which begins with the first piece; to give it one never blocks.

    Where no thread can be started it writes at once what the file takes at once, and loses the rest.

    Args:
        limit: bytes that may wait.
        now_ns: the run's clock.
    """

    def __init__(self, limit: int, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns  # type: ignore[method-assign]
        self._limit = limit
        self._waiting: deque[Piece] = deque()
        self._under_way: Piece | None = None
        self._size = 0
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = self._gave_up = self._done = False

    @property
    def waiting(self) -> int:
        """Bytes that are still to be written."""
        return self._size

    def put(self, piece: Piece) -> bool:
        """Have a piece written after those before it; return False if there is no room.

        One that comes when all that came before the end has been written is written at once, and waited for as long as that.
        """
        if self._done:
            deadline = time.monotonic() + PATIENCE_SECONDS
            piece.write(lambda: time.monotonic() > deadline)
            return True
        with self._news:
            if self._ended or self._size + piece.size > self._limit:
                return False
            if self._thread is None:
                self._thread = _started(self._serve)
            if self._thread is not None:
                self._waiting.append(piece)
                self._size += piece.size
                self._news.notify_all()
                return True
        piece.write(lambda: True)
        return True

    def drop_oldest(self) -> bool:
        """Lose the piece that has waited longest; return whether there was one."""
        with self._news:
            if not self._waiting:
                return False
            piece = self._waiting.popleft()
            self._size -= piece.size
        piece.lose()
        return True

    def end(self) -> None:
        """Take no more pieces."""
        with self._news:
            self._ended = True
            self._news.notify_all()

    def join(self, deadline: float) -> None:
        """Wait until all is written, or until ``deadline`` in monotonic seconds; what is left then is lost."""
        if self._thread is None:
            self._done = True
            return
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self._done = not self._thread.is_alive()
        # A thread that waits for a reader loses the rest now; one that the kernel holds up, in the middle of a write to a disk
        # that does not answer, ends with the process.
        self._gave_up = True
        self._thread.join(5 * POLL_MILLISECONDS / 1000)
        if self._thread.is_alive():
            if self._under_way is not None:
                self._under_way.lose()
            while self.drop_oldest():
                pass

    def settle(self) -> bool:
        """Wait until all is written, or for two seconds no piece was; return whether all is."""
        with self._news:
            waiting, deadline = self._size, time.monotonic() + PATIENCE_SECONDS
            while self._size and (rest := deadline - time.monotonic()) > 0:
                self._news.wait(rest)
                if self._size < waiting:
                    waiting, deadline = self._size, time.monotonic() + PATIENCE_SECONDS
            return not self._size

    def _serve(self) -> None:
        while True:
            with self._news:
                if self._under_way is not None:
                    self._size -= self._under_way.size
                    self._under_way = None
                    self._news.notify_all()
                while not self._waiting:
                    if self._ended:
                        return
                    self._news.wait()
                piece = self._under_way = self._waiting.popleft()
            if piece.size and self._gave_up:
                piece.lose()
            else:
                piece.write(lambda: self._gave_up)


def _started(serve: Callable[[], None]) -> threading.Thread | None:
    thread = threading.Thread(target=serve, name="cts writer", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the operating system lets this process have no more
        return None
    return thread


def finish_writers(writers: Sequence[WriterThread]) -> None:
    """Have all end together, and wait for them for two seconds at most."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for writer in writers:
        writer.end()
    for writer in writers:
        writer.join(deadline)


def write_all(fd: int, data: bytes | bytearray, gives_up: Callable[[], bool]) -> int:
    """Write data to a file, pipe or terminal, and wait for room; return the bytes written, all unless ``gives_up`` said so.

    Raises:
        OSError: it cannot be written.
    """
    # What blocks is told in time by poll, if no more is written than surely fits.
    step = select.PIPE_BUF if os.get_blocking(fd) else len(data)
    room = select.poll()
    room.register(fd, select.POLLOUT)
    written = 0
    with memoryview(data) as view:
        while written < len(view):
            if room.poll(POLL_MILLISECONDS):
                try:
                    written += os.write(fd, view[written : written + step])
                except BlockingIOError:
                    time.sleep(POLL_MILLISECONDS / 1000)
            elif gives_up():
                break
    return written


def _never() -> bool:
    return False
