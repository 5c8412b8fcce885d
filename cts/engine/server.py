"""The server: makes sense of what its listening sockets read, matches who asks with slots, runs a stream for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import trio
from attrs import Factory, define, field

from cts.api import Address, DatagramBatch, IDatagramEndpoint, Role
from cts.engine.broker import Broker
from cts.engine.contracts import IAdmission, IConnectionManager, IListenerHandler, IListeningSocket, StartAnswer
from cts.engine.latecomers import GivenUpPeers, gave_up
from cts.engine.listening_socket import ListeningSocket
from cts.engine.opening_pace import OpeningPace
from cts.engine.streams import OpenStream, Streams
from cts.engine.turned_away import TurnedAway
from cts.errors import UserError, system_error
from cts.protocol.handshake import starts_apart
from cts.protocol.wire import START
from cts.records.results import came_to_nothing

__all__ = ["Server"]


@define(eq=False, kw_only=True)
class Server(IListenerHandler):
    """Serves streams until its broker has run enough of them.

    Args:
        manager: the tables.
        broker: the population.
        streams: makes, runs and records the streams.
        new_connection_id: returns the UUID text for a stream with that peer.
        admission: who may ask at all; None for everybody.
        pace: how fast streams are opened; None for at once.

    Attributes:
        refused: datagrams that were read and answered with nothing, by reason: a short text out of a fixed set.
    """

    _manager: IConnectionManager
    _broker: Broker
    _streams: Streams
    _new_connection_id: Callable[[Address], str]
    _admission: IAdmission | None = None
    _pace: OpeningPace | None = None
    refused: Counter[str] = field(factory=Counter, init=False)
    _crowded: str | None = field(default=None, init=False)
    _overloaded: str | None = field(default=None, init=False)
    _turned_away: TurnedAway = field(
        default=Factory(lambda self: TurnedAway(self._streams.note), takes_self=True), init=False
    )
    _asked: trio.Event = field(factory=trio.Event, init=False)
    _accepting: bool = field(default=True, init=False)
    _given_up: GivenUpPeers = field(factory=GivenUpPeers, init=False)

    def on_packet_received(
        self, listening_socket: IListeningSocket, local: Address, remote: Address, batch: DatagramBatch
    ) -> None:
        """Hand a peer's datagrams to its stream; take START from others; answer everything else with nothing."""
        connected = self._manager.connected(self._streams.role, remote)
        starts, others = starts_apart(batch)
        # What the kernel handed over together came before the START, which is short and so can only be the last.
        if others is not None and connected is None:
            known = self._given_up.take(remote, others)
            self.refused["too late for its stream" if known else "not START from a stranger"] += len(others)
        elif others is not None and connected is not None:
            connected.on_data_received(others)
        if not starts:
            return
        if connected is None or connected.begins_another(batch.received_ns):
            endpoint = listening_socket.endpoint.at(local)
            gives_way = connected is not None and self._streams.role is Role.SENDER
            if self._start(endpoint, remote, starts, batch.received_ns, instead=gives_way) and connected is not None:
                self._streams.give_way(connected)
        else:
            self.refused["repeated START"] += starts
            self._came(remote, starts)
            connected.on_start_repeated(batch.received_ns)

    def on_unreachable(self, remote: Address, times: int) -> None:
        """Tell the peer's stream; of others nothing is kept, for anybody can make such a message up."""
        connected = self._manager.connected(self._streams.role, remote)
        if connected is not None:
            connected.on_unreachable(times)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should hear of who was not served, or not at once."""
        return (*self._turned_away.notes, *filter(None, [self._crowded, self._overloaded]))

    async def serve(
        self,
        endpoints: Sequence[IDatagramEndpoint],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve on bound endpoints until the exit limit is reached, or until stopped and the streams have ended.

        Calls ``started()`` once peers may ask. Cancellation ends the streams; what they had counted is recorded.

        Raises:
            UserError: the system does not let one be read.
        """
        for endpoint in endpoints:
            try:
                ListeningSocket(endpoint, self)
            except OSError as error:
                raise UserError(f"server.listen: cannot read {endpoint.local}: {system_error(error)}") from error
        async with trio.open_nursery() as streams:
            self._open_slots()
            task_status.started()
            while self._accepting:
                await self._asked.wait()
                self._asked = trio.Event()
                await self._match(streams)

    def stop_accepting(self) -> None:
        """Refuse every further START; streams that run go on."""
        self._accepting = False
        self._count_in_vain()
        self._broker.stop()
        self._asked.set()

    def _start(
        self, endpoint: IDatagramEndpoint, remote: Address, starts: int, received_ns: int, *, instead: bool
    ) -> bool:
        """Enter a peer that asks; tell whether it is new among those who wait. Until it is let in, nothing is kept of it."""
        if not self._accepting:
            self.refused["START while not accepting"] += starts
            return False
        refusal = self._refusal(remote, received_ns, instead=instead)
        if refusal is not None:
            self.refused[refusal] += starts
            self._turned_away.refused(remote, refusal, starts, received_ns)
            return False
        self._came(remote, starts)
        answer = self._manager.request_start(remote, endpoint, received_ns)
        if answer is StartAnswer.AWAITING:
            starts -= 1
            self._asked.set()
        if starts:
            reason = StartAnswer.NO_ROOM if answer is StartAnswer.NO_ROOM else StartAnswer.REPEATED
            self.refused[reason.value] += starts
        if answer is StartAnswer.NO_ROOM:
            self._give_back(remote)
        return answer is StartAnswer.AWAITING

    def _refusal(self, remote: Address, received_ns: int, *, instead: bool) -> str | None:
        """Ask the doors; who passes has a place taken, unless it waits with one already."""
        admission = self._admission
        if admission is None or (refusal := admission.refusal(remote, received_ns)) is not None:
            return None if admission is None else refusal
        return (
            None
            if self._manager.awaits(remote)
            else admission.take(remote, self._streams.bits_per_second, instead=instead)
        )

    def _came(self, remote: Address, starts: int) -> None:
        """Take note of what a peer may be answered for."""
        if self._admission is not None and self._streams.role is Role.RECEIVER:
            self._admission.came(remote, starts * len(START), starts)

    def _give_back(self, remote: Address) -> None:
        if self._admission is not None:
            self._admission.give_back(remote, self._streams.bits_per_second)

    def _open_slots(self) -> None:
        while self._broker.open():
            self._manager.open_slot()

    async def _match(self, streams: trio.Nursery) -> None:
        """Open a stream for each peer that waits and has a slot, as fast as the host takes them on."""
        pace = self._pace
        if pace is not None and self._manager.awaiting:
            await pace.begin()
        while self._accepting and (matched := self._manager.match(self._streams.pacer.now_ns())) is not None:
            self._open(*matched, streams)
            self._open_slots()
            if pace is not None:
                await pace.opened()
        if self._accepting and self._manager.awaiting and self._broker.is_full and self._crowded is None:
            limit = f"server.connection_limit = {self._broker.at_once}"
            self._crowded = f"as many streams ran at once as {limit} lets: clients that asked then had to wait"
            self._streams.note(self._crowded)
        self._count_in_vain()
        if self._manager.expired and pace is not None and pace.held_up and self._overloaded is None:
            self._overloaded = "this host had no time left for more streams: clients waited in vain"
            self._streams.note(self._overloaded)

    def _count_in_vain(self) -> None:
        if in_vain := self._manager.expired + (0 if self._accepting else self._manager.awaiting):
            self.refused["START that waited in vain"] = in_vain

    def _open(self, remote: Address, endpoint: IDatagramEndpoint, streams: trio.Nursery) -> None:
        if self._admission is not None and self._streams.role is Role.RECEIVER:
            endpoint = self._admission.toward(remote, endpoint)
        self._broker.started()
        stream = self._streams.open(endpoint, remote, active=False, connection_id=self._new_connection_id(remote))
        if stream is None:
            self._give_back(remote)
            self._retire_one(counts=False)
        else:
            self._manager.add(stream.socket)
            streams.start_soon(self._run, stream, name=f"stream {remote}")

    async def _run(self, stream: OpenStream) -> None:
        try:
            result = await self._streams.run(stream)
        finally:
            self._manager.remove(stream.socket)
            self._give_back(stream.info.remote)
        if self._admission is not None and self._admission.held_back:
            self.refused["START whose answer was too much for what came"] = self._admission.held_back
        if result is not None and gave_up(result):
            take = self._streams.latecomers.of(stream.info, result.ended_ns)
            self._given_up.add(stream.info.remote, result.ended_ns, take)
        self._retire_one(counts=result is None or not came_to_nothing(result))
        self._open_slots()
        self._asked.set()

    def _retire_one(self, *, counts: bool) -> None:
        self._broker.finish_one(counts=counts)
        if self._broker.finished:
            self.stop_accepting()
