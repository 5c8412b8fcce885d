"""Plugins that go wrong, each in one way, guarded as the program guards a stranger's."""

from __future__ import annotations

from collections.abc import Callable

from cts.api import (
    Address,
    Frame,
    IConnectedSocket,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    Role,
    StreamPlan,
    StreamRequest,
)
from cts.engine.senders import PlainSender
from cts.plugin.guard import GuardedFactory, GuardedSender
from tests.testing.through_socket import ThroughSocket

__all__ = [
    "FACTORY",
    "SENDER",
    "BrokenFactory",
    "RaisingSender",
    "guarded_factory",
    "guarded_sender",
]

SENDER = "sender 'fragile' of cts-fragile 1.0"
FACTORY = "connected-socket factory 'brittle' of cts-brittle 1.0"


def guarded_sender(cls: type[ISender]) -> Callable[[StreamPlan], ISender]:
    """Return what makes a stranger's sender."""
    return lambda plan: GuardedSender(None, plan, cls=cls, label=SENDER)


def guarded_factory(factory: IConnectedSocketFactory) -> IConnectedSocketFactory:
    """Return a stranger's factory as the engine sees it."""
    return GuardedFactory(factory, FACTORY)


class RaisingSender(PlainSender):
    """Sends as it should until a frame at which it does something else."""

    at_frame = 5

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        if frame.sequence == self.at_frame:
            await self.go_wrong()
        return await super().send_frame(frame, endpoint, peer, pacer)

    async def go_wrong(self) -> None:
        raise ValueError("no camera, no picture,\nno frame")


class BrokenFactory(IConnectedSocketFactory):
    """Wraps the engine's socket of one stream of a role (the number-th one) in one that goes wrong."""

    def __init__(
        self,
        options: object = None,
        *,
        wrap: Callable[[IConnectedSocket], IConnectedSocket] = ThroughSocket,
        role: Role = Role.RECEIVER,
        number: int = 1,
    ) -> None:
        self._wrap = wrap
        self._role = role
        self._number = number
        self._made = 0

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        made = default(request)
        if request.role is self._role:
            self._made += 1
            if self._made == self._number:
                return self._wrap(made)
        return made

    def close(self) -> None: ...
