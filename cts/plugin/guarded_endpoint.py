"""What the plugin of one stream raises where others than the stream call it: noted, and the stream ends by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import trio

from cts.api import (
    Address,
    DatagramBatch,
    DatagramHandler,
    ForwardingEndpoint,
    IDatagramEndpoint,
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


class GuardedEndpoint(ForwardingEndpoint):
    """The engine's endpoint as a plugin's factory is given it.

    One reader serves all streams: what a plugin raises in what it does with the datagrams of one ends that one.

    Args:
        endpoint: the engine's.
        ending: of the stream.
    """

    def __init__(self, endpoint: IDatagramEndpoint, ending: Ending) -> None:
        super().__init__(endpoint)
        self._ending = ending

    def receive_into(self, handler: DatagramHandler) -> None:
        """Have every batch handed to ``handler``, until it raises."""

        def guarded(local: Address, remote: Address, batch: DatagramBatch) -> None:
            if self._ending.failure is None:
                with self._ending.noting():
                    handler(local, remote, batch)

        super().receive_into(guarded)

    def unreachable_into(self, handler: UnreachableHandler) -> None:
        """Have ``handler`` told, under guard."""

        def guarded(remote: Address, times: int) -> None:
            with self._ending.noting():
                handler(remote, times)

        super().unreachable_into(guarded)
