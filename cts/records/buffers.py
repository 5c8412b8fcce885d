"""How much room the kernel gave the sockets of a run, beside what was asked for."""

from __future__ import annotations

from attrs import frozen

__all__ = ["BufferRoom", "SocketBuffers"]


@frozen
class BufferRoom:
    """One buffer of a socket.

    Attributes:
        asked: bytes that were asked for.
        given: bytes that the kernel gave, counted as it counts what is asked: Linux sets aside twice as much, for what it
            keeps beside the datagrams (socket(7)).
        by_name: whether the configuration asks for it, not a default.
        limit: bytes that the system gives to anybody; None where that is not known.
    """

    asked: int
    given: int
    by_name: bool = False
    limit: int | None = None

    @property
    def short(self) -> bool:
        """Whether the kernel gave less than was asked for."""
        return self.given < self.asked


@frozen
class SocketBuffers:
    """Those of every socket of a run."""

    receive: BufferRoom
    send: BufferRoom
