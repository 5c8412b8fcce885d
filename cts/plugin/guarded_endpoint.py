"""What the plugin of one stream raises where others than the stream call it: noted, and the stream ends by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import trio

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    EndpointStatistics,
    Header,
    IDatagramEndpoint,
    Message,
    UnreachableHandler,
)
from cts.errors import PluginFailure

__all__ = ["Ending", "GuardedEndpoint"]


class Ending:
    """Ends a stream by the first thing that its plugin raises in place of whoever called.

    Args:
        blaming: turns what is raised within it into the plugin's failure.

    Attributes:
        failure: what was raised; None for nothing.
        running: the stream runs within it.
    """

    def __init__(self, blaming: Callable[[], AbstractContextManager[None]]) -> None:
        self._blaming = blaming
        self.failure: Exception | None = None
        self.running = trio.CancelScope()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep what is raised inside, and end the stream."""
        try:
            with self._blaming():
                yield
        except (OSError, PluginFailure) as failure:
            if self.failure is None:
                self.failure = failure
                self.running.cancel()


class GuardedEndpoint(IDatagramEndpoint):
    """The engine's endpoint as a plugin's factory is given it. Hands everything on.

    One reader serves all streams: what a plugin raises in what it does with the datagrams of one ends that one.

    Args:
        endpoint: the engine's.
        ending: of the stream.
    """

    def __init__(self, endpoint: IDatagramEndpoint, ending: Ending) -> None:
        self._endpoint = endpoint
        self._ending = ending

    @property
    def local(self) -> Address:
        """The engine's."""
        return self._endpoint.local

    @property
    def segment_limit(self) -> int:
        """The engine's."""
        return self._endpoint.segment_limit

    def segment_limit_to(self, remote: Address) -> int:
        """The engine's."""
        return self._endpoint.segment_limit_to(remote)

    def at(self, local: Address) -> IDatagramEndpoint:
        """The engine's, under the same guard."""
        return GuardedEndpoint(self._endpoint.at(local), self._ending)

    async def send(self, remote: Address, header: Header, payload: bytes | memoryview = b"") -> int:
        """Send by the engine's."""
        return await self._endpoint.send(remote, header, payload)

    async def send_train(self, remote: Address, header: Header, payloads: Sequence[memoryview]) -> int:
        """Send by the engine's."""
        return await self._endpoint.send_train(remote, header, payloads)

    def send_now(self, messages: Sequence[Message]) -> int:
        """Send by the engine's."""
        return self._endpoint.send_now(messages)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        """Send by the engine's."""
        return self._endpoint.try_send(remote, datagram)

    def receive_into(self, handler: DatagramHandler) -> None:
        """Have every batch handed to ``handler``, until it raises."""

        def guarded(local: Address, remote: Address, batch: DatagramBatch) -> None:
            if self._ending.failure is None:
                with self._ending.noting():
                    handler(local, remote, batch)

        self._endpoint.receive_into(guarded)

    def unreachable_into(self, handler: UnreachableHandler) -> None:
        """Have ``handler`` told, under guard."""

        def guarded(remote: Address, times: int) -> None:
            with self._ending.noting():
                handler(remote, times)

        self._endpoint.unreachable_into(guarded)

    def drain(self) -> None:
        """Drain the engine's."""
        self._endpoint.drain()

    def statistics(self) -> EndpointStatistics:
        """The engine's."""
        return self._endpoint.statistics()

    def close(self) -> None:
        """Close the engine's."""
        self._endpoint.close()
