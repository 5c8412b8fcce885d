"""The server: makes sense of what its listening sockets read, matches who asks with slots, runs a stream for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import trio
from attrs import define, field

from cts.api import Address, DatagramBatch, IDatagramEndpoint
from cts.engine.broker import Broker
from cts.engine.contracts import IAdmission, IConnectionManager, IListenerHandler, IListeningSocket, StartAnswer
from cts.engine.latecomers import GivenUpPeers, gave_up
from cts.engine.listening_socket import ListeningSocket
from cts.engine.streams import OpenStream, Streams
from cts.protocol.handshake import starts_apart
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

    Attributes:
        refused: datagrams that were read and answered with nothing, by reason: a short text out of a fixed set.
    """

    _manager: IConnectionManager
    _broker: Broker
    _streams: Streams
    _new_connection_id: Callable[[Address], str]
    _admission: IAdmission | None = None
    refused: Counter[str] = field(factory=Counter, init=False)
    notes: tuple[str, ...] = field(default=(), init=False)
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
            if self._start(endpoint, remote, starts, batch.received_ns) and connected is not None:
                self._streams.give_way(connected)
        else:
            self.refused["repeated START"] += starts
            connected.on_start_repeated(batch.received_ns)

    def on_unreachable(self, remote: Address, times: int) -> None:
        """Tell the peer's stream; of others nothing is kept, for anybody can make such a message up."""
        connected = self._manager.connected(self._streams.role, remote)
        if connected is not None:
            connected.on_unreachable(times)

    async def serve(
        self,
        endpoints: Sequence[IDatagramEndpoint],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve on bound endpoints until the exit limit is reached, or until stopped and the streams have ended.

        Calls ``started()`` once peers may ask. Cancellation ends the streams; what they had counted is recorded.
        """
        for endpoint in endpoints:
            ListeningSocket(endpoint, self)
        async with trio.open_nursery() as streams:
            self._open_slots()
            task_status.started()
            while self._accepting:
                await self._asked.wait()
                self._asked = trio.Event()
                self._match(streams)

    def stop_accepting(self) -> None:
        """Refuse every further START; streams that run go on."""
        self._accepting = False
        self._broker.stop()
        self._asked.set()

    def _start(self, endpoint: IDatagramEndpoint, remote: Address, starts: int, received_ns: int) -> bool:
        """Enter a peer that asks; tell whether it is new among those who wait. Until it is let in, nothing is kept of it."""
        refusal = "START while not accepting" if not self._accepting else None
        if refusal is None and self._admission is not None:
            refusal = self._admission.refusal(remote, received_ns)
        if refusal is not None:
            self.refused[refusal] += starts
            return False
        answer = self._manager.request_start(remote, endpoint, received_ns)
        if answer is StartAnswer.AWAITING:
            starts -= 1
            self._asked.set()
        if starts:
            reason = StartAnswer.NO_ROOM if answer is StartAnswer.NO_ROOM else StartAnswer.REPEATED
            self.refused[reason.value] += starts
        return answer is StartAnswer.AWAITING

    def _open_slots(self) -> None:
        while self._broker.open():
            self._manager.open_slot()

    def _match(self, streams: trio.Nursery) -> None:
        now_ns = self._streams.pacer.now_ns
        while self._accepting and (matched := self._manager.match(now_ns())) is not None:
            remote, endpoint = matched
            self._broker.started()
            stream = self._streams.open(endpoint, remote, active=False, connection_id=self._new_connection_id(remote))
            if stream is None:
                self._retire_one(counts=False)
            else:
                self._manager.add(stream.socket)
                streams.start_soon(self._run, stream, streams, name=f"stream {remote}")
            self._open_slots()
        if self._accepting and self._manager.awaiting and self._broker.is_full and not self.notes:
            limit = f"server.connection_limit = {self._broker.at_once}"
            self.notes = (f"as many streams ran at once as {limit} lets: clients that asked then had to wait",)
            self._streams.note(self.notes[0])
        if self._manager.expired:
            self.refused["START that waited in vain"] = self._manager.expired

    async def _run(self, stream: OpenStream, streams: trio.Nursery) -> None:
        try:
            result = await self._streams.run(stream)
        finally:
            self._manager.remove(stream.socket)
        if result is not None and gave_up(result):
            take = self._streams.latecomers.of(stream.info, result.ended_ns)
            self._given_up.add(stream.info.remote, result.ended_ns, take)
        self._retire_one(counts=result is None or not came_to_nothing(result))
        self._open_slots()
        self._match(streams)

    def _retire_one(self, *, counts: bool) -> None:
        self._broker.finish_one(counts=counts)
        if self._broker.finished:
            self.stop_accepting()
