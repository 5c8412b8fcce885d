"""A server by itself, on endpoints that record: everything it is handed and everything it sends is in a test's hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import trio

from cts.api import Address, IConnectedSocketFactory, ISender, Role, StreamPlan, VerdictRule, Verify
from cts.chance import stream_random
from cts.engine.broker import Broker
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.connection_manager import ConnectionManager
from cts.engine.contracts import IAdmission
from cts.engine.hellos import Hellos
from cts.engine.senders import AutoSender
from cts.engine.server import Server
from cts.engine.stream_ends import StreamLedger
from cts.engine.stream_parts import StreamParts
from cts.engine.streams import Streams
from cts.protocol.wire import START
from cts.testing import RecordingEndpoint
from tests.engine.small_stream import FIRST_RENDER, NAME, PLAN, SERVER
from tests.engine.virtual_world import World

__all__ = ["BareServer", "parts_of", "stranger"]


def stranger(number: int) -> Address:
    """Return the address of one of many strangers."""
    return Address(f"172.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", 50_000)


def parts_of(
    world: World,
    make_sender: Callable[[StreamPlan], ISender] = lambda plan: AutoSender(None, plan),
    factory: IConnectedSocketFactory | None = None,
) -> StreamParts:
    """Return what streams in that world are made of."""
    return StreamParts(
        plan=PLAN,
        verify=Verify.DATA,
        verdict=VerdictRule.DISTINCT,
        measured_at_once=2,
        pacer=world.pacer,
        make_sender=make_sender,
        random_of=partial(stream_random, 1),
        factory=factory or DefaultConnectedSocketFactory(None),
    )


class BareServer:
    """A server and its tables, with one recording endpoint."""

    def __init__(
        self,
        world: World,
        direction: str = "pull",
        *,
        awaiting_limit: int = 4096,
        connection_limit: int = 8,
        accept_limit: int = 100,
        exit_limit: int = 0,
        admission: IAdmission | None = None,
        make_sender: Callable[[StreamPlan], ISender] = lambda plan: AutoSender(None, plan),
        factory: IConnectedSocketFactory | None = None,
        gone_after_ns: int | None = None,
        hellos: Hellos | None = None,
    ) -> None:
        self.world = world
        self.endpoint = RecordingEndpoint(local=SERVER)
        self.manager = ConnectionManager(
            awaiting_limit=awaiting_limit,
            patience_ns=FIRST_RENDER,
            on_expired=None
            if admission is None
            else partial(admission.give_back, bits_per_second=PLAN.bits_per_second),
        )
        self.broker = Broker(pending_limit=accept_limit, at_once=connection_limit, in_all=exit_limit)
        parts = parts_of(world, make_sender, factory)
        role = Role.SENDER if direction == "pull" else Role.RECEIVER
        self.ledger = StreamLedger(role, Role.SENDER if role is Role.RECEIVER else Role.RECEIVER, both=False)
        self.streams = Streams(
            parts,
            role,
            self.ledger,
            began_ns=world.pacer.now_ns(),
            observer=world.recorder,
            gone_after_ns=gone_after_ns,
        )
        self.server = Server(
            manager=self.manager,
            broker=self.broker,
            streams=self.streams,
            new_connection_id=lambda remote: NAME,
            admission=admission,
            hellos=hellos,
        )
        self._served = trio.Event()

    @property
    def refused(self) -> dict[str, int]:
        """What it refused so far, by reason."""
        return dict(self.server.refused)

    async def begin(self) -> None:
        """Serve in the background of the world; returns once peers may ask."""
        await self.world.nursery.start(self._serve)

    def start(self, remote: Address) -> None:
        """Hand it a START from that peer."""
        self.endpoint.deliver(START, remote)

    def sent_to(self) -> set[Address]:
        """Return everybody that it ever sent something to."""
        return {sent.remote for sent in self.endpoint.sent}

    async def end(self) -> None:
        """Accept no more and wait until the streams that run have ended."""
        self.server.stop_accepting()
        await self._served.wait()

    async def _serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        await self.server.serve([self.endpoint], task_status=task_status)
        self._served.set()
