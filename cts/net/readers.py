"""Who reads sockets: one task over one epoll set, or, where there is no epoll, one task per socket."""

from __future__ import annotations

import errno
import select
from abc import ABC, abstractmethod
from collections.abc import Callable

import trio

__all__ = ["Readable", "SocketReader"]

_MANY = 64
_COLLECTING_SECONDS = 0.002
"""With many sockets something is always about to arrive. Reading what 2 ms bring together costs no accuracy, since the kernel
stamps arrivals, and spares the sender's processor from waking this one for each datagram."""

_SOCKETS_PER_TURN = 64
"""Sockets that are read, a millisecond or two, before other tasks have their turn."""

_SHORT_OF_MEMORY = frozenset({errno.ENOMEM, errno.ENOBUFS})
_READS_PER_TURN = 64
"""Reads from one socket before the next has its turn."""


class Readable(ABC):
    """A socket that can be read without blocking."""

    @abstractmethod
    def fileno(self) -> int:
        """Return the descriptor to wait on."""

    @abstractmethod
    def read(self, limit: int) -> None:
        """Read at most ``limit`` times and hand over what came; never blocks."""

    def read_errors(self) -> bool:
        """Read what was said of what the socket has sent, of which epoll tells apart; tell whether there was anything."""
        return False


class SocketReader:
    """Reads every socket that was added, while :meth:`run` runs.

    Args:
        before_turn: called before sockets are read, once for all that are ready together.
        on_failure: told of a socket that is read no more, for it cannot be, and why.
    """

    def __init__(
        self,
        before_turn: Callable[[], None] = lambda: None,
        on_failure: Callable[[Readable, OSError], None] = lambda socket, error: None,
    ) -> None:
        self._before_turn = before_turn
        self._on_failure = on_failure
        self._sockets: dict[int, Readable] = {}
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._nursery: trio.Nursery | None = None
        self._scopes: dict[int, trio.CancelScope] = {}

    def add(self, socket: Readable) -> None:
        """Read this socket from now on."""
        fd = socket.fileno()
        if self._epoll is not None:
            self._epoll.register(fd, select.EPOLLIN)
        self._sockets[fd] = socket
        if self._epoll is None and self._nursery is not None:
            self._nursery.start_soon(self._read_one, socket)

    def remove(self, socket: Readable) -> None:
        """Read it no more; to be called before it is closed. A socket that was never added is none to read."""
        fd = socket.fileno()
        if self._sockets.pop(fd, None) is None:
            return
        if self._epoll is not None:
            if not self._epoll.closed:
                self._epoll.unregister(fd)
        elif (scope := self._scopes.pop(fd, None)) is not None:
            scope.cancel()

    def reads_on(self, socket: Readable, error: OSError) -> bool:
        """Read a socket no more, since that fails, and tell of it; all others are read on.

        Where it is the kernel that is short of memory, it is read again in its next turn. Returns False: not in this one.
        """
        if error.errno not in _SHORT_OF_MEMORY:
            self.remove(socket)
            self._on_failure(socket, error)
        return False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read until cancelled. Calls ``started()`` once it does."""
        if self._epoll is None:
            async with trio.open_nursery() as self._nursery:
                for socket in self._sockets.values():
                    self._nursery.start_soon(self._read_one, socket)
                task_status.started()
                await trio.sleep_forever()
        with self._epoll:
            task_status.started()
            while True:
                read = self._read_ready(self._epoll)
                if read == _SOCKETS_PER_TURN:
                    await trio.lowlevel.checkpoint()
                elif read and len(self._sockets) >= _MANY:
                    await trio.sleep(_COLLECTING_SECONDS)
                else:
                    await trio.lowlevel.wait_readable(self._epoll.fileno())

    def _read_ready(self, epoll: select.epoll) -> int:
        """Read sockets that are ready; return how many were, _SOCKETS_PER_TURN if there may be more."""
        ready = epoll.poll(0, _SOCKETS_PER_TURN)
        if ready:
            self._before_turn()
            self._read_errors(ready)
            # Mostly one read takes all there is, and to look at all of them again takes one call, not another read of each.
            self._read(ready, 1)
        if 0 < len(ready) < _SOCKETS_PER_TURN:
            self._read(epoll.poll(0, _SOCKETS_PER_TURN), _READS_PER_TURN)
        return len(ready)

    def _read_errors(self, ready: list[tuple[int, int]]) -> None:
        for fd, events in ready:
            if events & select.EPOLLERR and (socket := self._sockets.get(fd)) is not None:
                socket.read_errors()

    def _read(self, ready: list[tuple[int, int]], limit: int) -> None:
        for fd, _ in ready:
            # A handler may have closed a socket that was ready in the same turn.
            socket = self._sockets.get(fd)
            if socket is not None:
                socket.read(limit)

    async def _read_one(self, socket: Readable) -> None:
        fd = socket.fileno()
        with trio.CancelScope() as scope:
            # It may have been removed before its task came to run, and be removed by what another one's reading brings.
            while self._sockets.get(fd) is socket:
                self._scopes[fd] = scope
                await trio.lowlevel.wait_readable(fd)
                if self._sockets.get(fd) is socket:
                    self._before_turn()
                    socket.read(_READS_PER_TURN)
