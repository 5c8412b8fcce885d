"""Makes the connected socket of a stream from what a whole run has in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import frozen

from cts.api import (
    Address,
    IConnectedSocket,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    RenderedFrame,
    Role,
    StreamPlan,
    StreamRequest,
    Verify,
)
from cts.engine.connected_socket import ConnectedSocket
from cts.engine.frame_dispatcher import FrameDispatcher

__all__ = ["StreamMaker"]


@frozen
class StreamMaker:
    """What the streams of a run have in common.

    Attributes:
        plan: the stream's arithmetic.
        verify: what receivers do about wrong payloads.
        pacer: the run's clock.
        make_sender: makes a sender of the chosen strategy.
        factory: the chosen connected-socket factory.
        dispatcher: sends the frames that go at once; its ``run`` must run. None to do without.
    """

    plan: StreamPlan
    verify: Verify
    pacer: IPacer
    make_sender: Callable[[StreamPlan], ISender]
    factory: IConnectedSocketFactory
    dispatcher: FrameDispatcher | None = None

    def make(
        self,
        *,
        role: Role,
        active: bool,
        endpoint: IDatagramEndpoint,
        peer: Address,
        connection_id: str | None,
        on_frame: Callable[[RenderedFrame], None] | None,
    ) -> IConnectedSocket:
        """Return the connected socket of one stream.

        Raises:
            PluginFailure, OSError: a plugin could not make its part.
        """
        request = StreamRequest(
            role=role,
            active=active,
            plan=self.plan,
            endpoint=endpoint,
            peer=peer,
            sender=self.make_sender(self.plan),
            pacer=self.pacer,
            connection_id=connection_id,
            verify=self.verify,
            on_frame=on_frame,
        )
        return self.factory.make(request, partial(ConnectedSocket, dispatcher=self.dispatcher))
