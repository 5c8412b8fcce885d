"""The server: makes sense of what its listening sockets read, matches who asks with slots, runs a stream for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import trio
from attrs import Factory, define, field

from cts.api import Address, DatagramBatch, IConnectedSocket, IDatagramEndpoint, Role, StreamPlan
from cts.engine.broker import Broker
from cts.engine.contracts import IAdmission, IConnectionManager, IListenerHandler, IListeningSocket, StartAnswer
from cts.engine.hellos import HELLO_PATIENCE_NS, Asked, Declined, Hellos
from cts.engine.latecomers import GivenUpPeers, gave_up
from cts.engine.listening_socket import ListeningSocket
from cts.engine.opening_pace import OpeningPace
from cts.engine.refusals import LEAVING, NOT_MADE
from cts.engine.streams import OpenStream, Streams
from cts.engine.turned_away import TurnedAway
from cts.errors import UserError, system_error
from cts.protocol.control.acceptor import Accepted, Repeated
from cts.protocol.control.datagrams import controls_apart
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
        streams: makes, runs and records the streams that are asked for by START, and those by HELLO that go the same way.
        others: the same of those that go the other way; None for a server that serves none.
        new_connection_id: returns the UUID text for a stream with that peer.
        admission: who may ask at all; None for everybody.
        pace: how fast streams are opened; None for at once.
        hellos: answers HELLO; None for a server that does not know it.

    Attributes:
        refused: datagrams that were read and answered with nothing, by reason: a short text out of a fixed set.
    """

    _manager: IConnectionManager
    _broker: Broker
    _streams: Streams
    _new_connection_id: Callable[[Address], str]
    _admission: IAdmission | None = None
    _pace: OpeningPace | None = None
    _hellos: Hellos | None = None
    _others: Streams | None = None
    refused: Counter[str] = field(factory=Counter, init=False)
    _crowded: str | None = field(default=None, init=False)
    _overloaded: str | None = field(default=None, init=False)
    _turned_away: TurnedAway = field(
        default=Factory(lambda self: TurnedAway(self._streams.note), takes_self=True), init=False
    )
    _asked: trio.Event = field(factory=trio.Event, init=False)
    _accepting: bool = field(default=True, init=False)
    _given_up: GivenUpPeers = field(factory=GivenUpPeers, init=False)
    _welcomes: dict[Address, bytes] = field(factory=dict, init=False)
    """What the present stream of each peer that asked by HELLO was answered."""

    def on_packet_received(
        self, listening_socket: IListeningSocket, local: Address, remote: Address, batch: DatagramBatch
    ) -> None:
        """Hand a peer's datagrams to its stream; take START and HELLO from others; answer everything else with nothing."""
        if self._hellos is not None:
            controls, rest = controls_apart(batch)
            for datagram in controls:
                self._control(self._hellos, listening_socket.endpoint.at(local), remote, datagram, batch.received_ns)
            if rest is None:
                return
            batch = rest
        connected = self._connected(remote)
        starts, others = starts_apart(batch)
        # What the kernel handed over together came before the START, which is short and so can only be the last.
        if others is not None and connected is None:
            known = self._given_up.take(remote, others)
            self.refused["too late for its stream" if known else "not START from a stranger"] += len(others)
        elif others is not None and connected is not None:
            connected.on_data_received(others)
        if not starts:
            return
        # Who has agreed on a stream has no use for START: whoever sends it in that name, it does nothing to that.
        agreed = remote in self._welcomes
        if connected is None or (not agreed and connected.begins_another(batch.received_ns)):
            endpoint = listening_socket.endpoint.at(local)
            gives_way = connected is not None and connected.role is Role.SENDER
            if self._start(endpoint, remote, starts, batch.received_ns, instead=gives_way) and connected is not None:
                self._streams_of(connected.role).give_way(connected)
        else:
            self.refused["repeated START"] += starts
            if not agreed:
                self._came(remote, starts)
                connected.on_start_repeated(batch.received_ns)

    def on_unreachable(self, remote: Address, times: int) -> None:
        """Tell the peer's stream; of others nothing is kept, for anybody can make such a message up."""
        connected = self._connected(remote)
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

    def _connected(self, remote: Address) -> IConnectedSocket | None:
        """Return the present stream of a peer, whichever way it goes: there is one at most."""
        connected = self._manager.connected(self._streams.role, remote)
        if connected is None and self._others is not None:
            connected = self._manager.connected(self._others.role, remote)
        return connected

    def _streams_of(self, role: Role) -> Streams:
        return self._streams if self._others is None or role is self._streams.role else self._others

    def _control(
        self, hellos: Hellos, endpoint: IDatagramEndpoint, remote: Address, datagram: bytes, received_ns: int
    ) -> None:
        """Take a control datagram: HELLO from anybody, everything else of a stream for that."""
        connected = self._connected(remote)
        control = hellos.hello_in(datagram)
        if control is None:
            if connected is None:
                self.refused["control datagram of no stream"] += 1
            else:
                connected.on_data_received(DatagramBatch(datagram, len(datagram), received_ns))
            return
        heard = hellos.hear(control, remote, self._streams.pacer.now_ns())
        answer: bytes | None
        if isinstance(heard, Asked):
            answer = self._asked_by_hello(hellos, endpoint, remote, heard, received_ns)
        elif isinstance(heard, Declined):
            answer = self._told(remote, heard, received_ns)
        elif isinstance(heard, Repeated):
            answer = heard.answer
            if connected is not None and self._welcomes.get(remote) == answer:
                connected.on_start_repeated(received_ns)
                return
        else:
            answer = heard
        if answer is not None:
            endpoint.try_send(remote, answer)

    def _asked_by_hello(
        self, hellos: Hellos, endpoint: IDatagramEndpoint, remote: Address, asked: Asked, received_ns: int
    ) -> bytes | None:
        """Enter a peer that asks, and whose address is proven, among those who wait; return why it is not let in."""
        patience_ns = HELLO_PATIENCE_NS
        if not self._accepting:
            return hellos.refuse(asked.incoming, LEAVING)
        if hellos.waits_with(remote, asked):
            self._manager.request_start(remote, endpoint, received_ns, patience_ns=patience_ns)
            return None
        connected = self._connected(remote)
        admission = self._admission
        if admission is not None:
            reason = admission.refusal(remote, received_ns, proven=True)
            if reason is None:
                if self._manager.awaits(remote):
                    # Who has the port now asks for another stream than who waits.
                    hellos.waited_in_vain(remote)
                gives_way = connected is not None and connected.role is Role.SENDER
                reason = admission.take(remote, asked.plan.bits_per_second, instead=gives_way)
                if reason is not None:
                    self._manager.withdraw(remote)
            if reason is not None:
                return self._told(remote, Declined(reason, hellos.refuse(asked.incoming, reason)), received_ns)
        hellos.wait(remote, asked)
        answer = self._manager.request_start(remote, endpoint, received_ns, patience_ns=patience_ns)
        if answer is StartAnswer.NO_ROOM:
            hellos.waited_in_vain(remote)
            reason = answer.value
            return self._told(remote, Declined(reason, hellos.refuse(asked.incoming, reason)), received_ns)
        self._asked.set()
        if connected is not None:
            self._streams_of(connected.role).give_way(connected)
        return None

    def _told(self, remote: Address, declined: Declined, now_ns: int) -> bytes | None:
        """Take note of a HELLO that is refused; return the answer, if there is one."""
        self.refused[declined.reason] += 1
        self._turned_away.refused(remote, declined.reason, 1, now_ns)
        return declined.answer

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

    def _give_back(self, remote: Address, plan: StreamPlan | None = None) -> None:
        if self._admission is not None:
            bits_per_second = self._streams.bits_per_second if plan is None else plan.bits_per_second
            self._admission.give_back(remote, bits_per_second)

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

    def _open(self, remote: Address, endpoint: IDatagramEndpoint, nursery: trio.Nursery) -> None:
        hellos, name = self._hellos, self._new_connection_id(remote)
        asked = None if hellos is None else hellos.take(remote)
        accepted: Accepted | None = None
        self._broker.started()
        if hellos is None or asked is None:
            if self._admission is not None and self._streams.role is Role.RECEIVER:
                endpoint = self._admission.toward(remote, endpoint)
            stream = self._streams.open(endpoint, remote, active=False, connection_id=name)
        else:
            accepted = hellos.accept(asked, remote, name, self._streams.pacer.now_ns())
            streams = self._streams_of(asked.server_role)
            stream = streams.open(endpoint, remote, active=False, connection_id=name, plan=asked.plan, opening=accepted)
            if stream is None and (answer := hellos.refuse(asked.incoming, NOT_MADE)) is not None:
                endpoint.try_send(remote, answer)
        if stream is None:
            self._give_back(remote, None if asked is None else asked.plan)
            self._retire_one(counts=False)
            return
        before = self._connected(remote)
        if before is not None and before.role is not stream.socket.role:
            self._manager.remove(before)
        self._welcomes.pop(remote, None)
        if accepted is not None:
            self._welcomes[remote] = accepted.answer
        self._manager.add(stream.socket)
        nursery.start_soon(self._run, stream, name=f"stream {remote}")

    async def _run(self, stream: OpenStream) -> None:
        streams = self._streams_of(stream.info.role)
        try:
            result = await streams.run(stream)
        finally:
            self._manager.remove(stream.socket)
            if self._connected(stream.info.remote) is None:
                self._welcomes.pop(stream.info.remote, None)
            self._give_back(stream.info.remote, stream.info.plan)
        if self._admission is not None and self._admission.held_back:
            self.refused["START whose answer was too much for what came"] = self._admission.held_back
        if result is not None and gave_up(result):
            take = streams.latecomers.of(stream.info, result.ended_ns)
            self._given_up.add(stream.info.remote, result.ended_ns, take)
        self._retire_one(counts=result is None or not came_to_nothing(result))
        self._open_slots()
        self._asked.set()

    def _retire_one(self, *, counts: bool) -> None:
        self._broker.finish_one(counts=counts)
        if self._broker.finished:
            self.stop_accepting()
