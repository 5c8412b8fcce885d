"""Keeps a stranger's exceptions apart from ours: a plugin's fails its stream and is named, a bug of cts ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cts.api import (
    Address,
    Frame,
    IConnectedSocket,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    StreamPlan,
    StreamRequest,
)
from cts.errors import CtsError

__all__ = ["GuardedFactory", "GuardedSender", "PluginFailure", "unwrap"]


class PluginFailure(CtsError):
    """A plugin raised an exception; the text names the plugin and tells what it raised."""


def unwrap(error: Exception) -> Exception:
    """Return the first error inside nested exception groups, which is what a person needs to see."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def _blaming(label: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause = unwrap(error)
        if isinstance(cause, OSError | PluginFailure):
            raise cause from None
        raise PluginFailure(f"{label} raised {type(cause).__name__}: {cause}") from error


class GuardedSender(ISender):
    """Runs a plugin's sender; an ``OSError`` passes through, since that is the network's.

    Args:
        options, plan: what the plugin's sender is made from.
        cls: the plugin's sender class.
        label: names the plugin in messages.
    """

    def __init__(self, options: object, plan: StreamPlan, *, cls: type[ISender], label: str) -> None:
        self._label = label
        with _blaming(label):
            self._sender = cls(options, plan)

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Send through the plugin.

        Raises:
            PluginFailure: the plugin raised, or did not return a number.
        """
        with _blaming(self._label):
            sent = await self._sender.send_frame(frame, endpoint, peer, pacer)
            if type(sent) is not int:
                raise TypeError(f"send_frame returned {sent!r}, not the number of bytes sent")
        return sent


class GuardedFactory(IConnectedSocketFactory):
    """Makes connected sockets through a plugin's factory.

    Args:
        factory: the plugin's.
        label: names the plugin in messages.
    """

    def __init__(self, factory: IConnectedSocketFactory, label: str) -> None:
        self._factory = factory
        self._label = label

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        """Make one through the plugin.

        Raises:
            PluginFailure: the plugin raised, or returned something else.
        """
        with _blaming(self._label):
            made = self._factory.make(request, default)
            if not isinstance(made, IConnectedSocket):
                raise TypeError(f"make returned {made!r}, not an IConnectedSocket")
        return made

    def close(self) -> None:
        """Close the plugin's factory."""
        with _blaming(self._label):
            self._factory.close()
