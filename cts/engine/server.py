"""The server: makes sense of what its listening sockets read, matches who asks with slots, runs a stream for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from attrs import define, field

from cts.api import Address, DatagramBatch, IDatagramEndpoint, Role, StreamPlan
from cts.engine.broker import Broker
from cts.engine.contracts import IAdmission, IConnectionManager, IListenerHandler, IListeningSocket, StartAnswer
from cts.engine.hello_door import HelloDoor, hello_in
from cts.engine.hellos import Hellos
from cts.engine.latecomers import GivenUpPeers, gave_up
from cts.engine.listening_socket import ListeningSocket
from cts.engine.open_streams import OpenStream
from cts.engine.opening_pace import OpeningPace
from cts.engine.refusals import NO_STREAM, NOT_MADE, STRANGE, TOO_LATE, TOO_MUCH, WAITED_IN_VAIN
from cts.engine.start_door import StartDoor
from cts.engine.streams import Streams
from cts.engine.turned_away import TurnedAway
from cts.errors import UserError, system_error
from cts.protocol.control.datagrams import controls_apart
from cts.protocol.handshake import starts_apart
from cts.records.stream_results import came_to_nothing

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
    """

    _manager: IConnectionManager
    _broker: Broker
    _streams: Streams
    _new_connection_id: Callable[[Address], str]
    _admission: IAdmission | None = None
    _pace: OpeningPace | None = None
    _hellos: Hellos | None = None
    _others: Streams | None = None
    _crowded: str | None = field(default=None, init=False)
    _overloaded: str | None = field(default=None, init=False)
    _turned_away: TurnedAway = field(init=False)
    _start_door: StartDoor = field(init=False)
    _hello_door: HelloDoor | None = field(default=None, init=False)
    _asked: trio.Event = field(factory=trio.Event, init=False)
    _accepting: bool = field(default=True, init=False)
    _given_up: GivenUpPeers = field(factory=GivenUpPeers, init=False)

    def __attrs_post_init__(self) -> None:
        self._turned_away = TurnedAway(self._streams.note)
        self._start_door = StartDoor(
            manager=self._manager,
            turned_away=self._turned_away,
            admission=self._admission,
            bits_per_second=self._streams.bits_per_second,
            answers_first=self._streams.role is Role.RECEIVER,
        )
        if self._hellos is not None:
            self._hello_door = HelloDoor(
                hellos=self._hellos,
                manager=self._manager,
                broker=self._broker,
                turned_away=self._turned_away,
                admission=self._admission,
            )

    def on_packet_received(
        self, listening_socket: IListeningSocket, local: Address, remote: Address, batch: DatagramBatch
    ) -> None:
        """Hand a peer's datagrams to its stream; take START and HELLO from others; answer everything else with nothing."""
        if self._hello_door is not None:
            controls, rest = controls_apart(batch)
            for datagram in controls:
                self._control(
                    self._hello_door, listening_socket.endpoint.at(local), remote, datagram, batch.received_ns
                )
            if rest is None:
                return
            batch = rest
        present = self._present(remote)
        starts, others = starts_apart(batch)
        # What the kernel handed over together came before the START, which is short and so can only be the last.
        if others is not None and present is None:
            known = self._given_up.take(remote, others)
            self._turned_away.count(TOO_LATE if known else STRANGE, len(others))
        elif others is not None and present is not None:
            present.socket.on_data_received(others)
        if not starts:
            return
        # Who has agreed on a stream, or waits for one, by HELLO has no use for START: in that name it does nothing to that.
        by_hello = (present is not None and present.welcome is not None) or self._waits_by_hello(remote)
        if not by_hello and (present is None or present.socket.begins_another(batch.received_ns)):
            endpoint = listening_socket.endpoint.at(local)
            instead = present is not None and present.gives_way
            if self._start_door.ask(endpoint, remote, starts, batch.received_ns, instead=instead):
                self._awaits(present)
        else:
            self._turned_away.count(StartAnswer.REPEATED.value, starts)
            if present is not None and not by_hello:
                self._start_door.came(remote, starts)
                present.socket.on_start_repeated(batch.received_ns)

    def on_unreachable(self, remote: Address, times: int) -> None:
        """Tell the peer's stream; of others nothing is kept, for anybody can make such a message up."""
        present = self._present(remote)
        if present is not None:
            present.socket.on_unreachable(times)

    @property
    def refused(self) -> dict[str, int]:
        """Datagrams that were read and led to nothing, by reason: a short text out of a fixed set."""
        refused = dict(self._turned_away.counts)
        if self._admission is not None and self._admission.held_back:
            refused[TOO_MUCH] = self._admission.held_back
        if in_vain := self._manager.expired + (0 if self._accepting else self._manager.awaiting):
            refused[WAITED_IN_VAIN] = in_vain
        return refused

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
        """Let nobody in any more, and tell who waits and can be told; streams that run go on."""
        self._accepting = False
        self._start_door.closed = True
        if self._hello_door is not None:
            self._hello_door.close()
        self._broker.stop()
        self._asked.set()

    def _present(self, remote: Address) -> OpenStream | None:
        """Return the present stream of a peer, whichever way it goes: there is one at most."""
        present = self._manager.connected(self._streams.role, remote)
        if present is None and self._others is not None:
            present = self._manager.connected(self._others.role, remote)
        return present

    def _waits_by_hello(self, remote: Address) -> bool:
        return self._hellos is not None and self._hellos.awaits(remote)

    def _streams_of(self, role: Role) -> Streams:
        return self._streams if self._others is None or role is self._streams.role else self._others

    def _control(
        self, door: HelloDoor, endpoint: IDatagramEndpoint, remote: Address, datagram: bytes, received_ns: int
    ) -> None:
        """Take a control datagram: HELLO from anybody, everything else of a stream for that."""
        present = self._present(remote)
        hello = hello_in(datagram)
        if hello is not None:
            now_ns = self._streams.pacer.now_ns()
            if door.ask(endpoint, remote, hello, received_ns=received_ns, now_ns=now_ns, present=present):
                self._awaits(present)
        elif present is None:
            self._turned_away.count(NO_STREAM, 1)
        else:
            present.socket.on_data_received(DatagramBatch(datagram, len(datagram), received_ns))

    def _awaits(self, present: OpenStream | None) -> None:
        """Somebody is new among those who wait, to whom the stream that it has gives way."""
        self._asked.set()
        if present is not None:
            present.give_way()

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
        if self._manager.expired and pace is not None and pace.held_up and self._overloaded is None:
            self._overloaded = "this host had no time left for more streams: clients waited in vain"
            self._streams.note(self._overloaded)

    def _open(self, remote: Address, endpoint: IDatagramEndpoint, nursery: trio.Nursery) -> None:
        hellos, name = self._hellos, self._new_connection_id(remote)
        asked = None if hellos is None else hellos.take(remote)
        self._broker.started()
        if hellos is None or asked is None:
            if self._admission is not None and self._streams.role is Role.RECEIVER:
                endpoint = self._admission.toward(remote, endpoint)
            stream = self._streams.open(endpoint, remote, active=False, connection_id=name)
        else:
            accepted = hellos.accept(asked, remote, name, self._streams.pacer.now_ns())
            streams = self._streams_of(asked.server_role)
            stream = streams.open(endpoint, remote, active=False, connection_id=name, plan=asked.plan, opening=accepted)
            if stream is None:
                endpoint.try_send(remote, hellos.refuse(asked.incoming, NOT_MADE))
        if stream is None:
            self._give_back(remote, None if asked is None else asked.plan)
            self._retire_one(counts=False)
            return
        before = self._present(remote)
        if before is not None and before.info.role is not stream.info.role:
            self._manager.remove(before)
        self._manager.add(stream)
        nursery.start_soon(self._run, stream, name=f"stream {remote}")

    async def _run(self, stream: OpenStream) -> None:
        streams = self._streams_of(stream.info.role)
        try:
            result = await streams.run(stream)
        finally:
            self._manager.remove(stream)
            self._give_back(stream.info.remote, stream.info.plan)
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
