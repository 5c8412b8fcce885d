"""The server: makes sense of what its listening sockets read, matches who asks with slots, runs a stream for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from attrs import frozen

from cts.api import Address, DatagramBatch, IConnectedSocket, IDatagramEndpoint, Role
from cts.engine.broker import Broker
from cts.engine.contracts import IConnectionManager, IListenerHandler, IListeningSocket, StartAnswer
from cts.engine.listening_socket import ListeningSocket
from cts.engine.stream_maker import StreamMaker
from cts.engine.streams import Streams
from cts.errors import PluginFailure
from cts.metrics.counters import RefusedDatagrams
from cts.protocol.wire import START
from cts.records.snapshots import StreamInfo

__all__ = ["Server", "StartRequested"]


@frozen
class StartRequested:
    """A peer asked for a stream and was entered as awaiting."""

    remote: Address


class Server(IListenerHandler):
    """Serves streams until its broker has run enough of them.

    Args:
        role: which part the server plays in every stream.
        maker: makes connected sockets.
        manager: the tables.
        broker: the population.
        streams: runs and records the streams.
        new_connection_id: returns the UUID text for a stream with that peer.
        start_queue: START events that may wait to be looked at; more are refused.
    """

    def __init__(
        self,
        *,
        role: Role,
        maker: StreamMaker,
        manager: IConnectionManager,
        broker: Broker,
        streams: Streams,
        new_connection_id: Callable[[Address], str],
        start_queue: int,
    ) -> None:
        self._role = role
        self._maker = maker
        self._manager = manager
        self._broker = broker
        self._streams = streams
        self._new_connection_id = new_connection_id
        self._starts, self._start_events = trio.open_memory_channel[StartRequested](start_queue)
        self._accepting = True
        self.refused = RefusedDatagrams()

    def on_packet_received(
        self, listening_socket: IListeningSocket, local: Address, remote: Address, batch: DatagramBatch
    ) -> None:
        """Hand a peer's datagrams to its stream; take START from others; answer everything else with nothing."""
        connected = self._manager.connected(self._role, remote)
        is_start = batch.segment_size == len(START) and batch.data[: len(START)] == START
        if connected is None:
            if is_start:
                self._start(listening_socket, remote, batch)
            else:
                self.refused["not START from a stranger"] += len(batch)
        elif is_start:
            self.refused["repeated START"] += len(batch)
            connected.on_start_repeated(batch.received_ns)
        else:
            connected.on_data_received(batch)

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
            async for _ in self._start_events:
                self._match(streams)

    def stop_accepting(self) -> None:
        """Refuse every further START; streams that run go on."""
        self._accepting = False
        self._broker.stop()
        self._starts.close()

    def _start(self, listening_socket: IListeningSocket, remote: Address, batch: DatagramBatch) -> None:
        if not self._accepting:
            self.refused["START while not accepting"] += len(batch)
            return
        answer = self._manager.request_start(remote, listening_socket, batch.received_ns)
        repeated = len(batch)
        if answer is StartAnswer.AWAITING:
            repeated -= 1
            try:
                self._starts.send_nowait(StartRequested(remote))
            except trio.WouldBlock:
                # The peer stays awaiting: it is looked at with whoever wakes the accept loop.
                self.refused["START beyond the queue"] += 1
        if repeated:
            reason = StartAnswer.NO_ROOM if answer is StartAnswer.NO_ROOM else StartAnswer.REPEATED
            self.refused[reason.value] += repeated

    def _open_slots(self) -> None:
        while self._broker.open():
            self._manager.open_slot()

    def _match(self, streams: trio.Nursery) -> None:
        while self._accepting and (matched := self._manager.match(self._maker.pacer.now_ns())) is not None:
            self._broker.started()
            if not self._connect(*matched, streams):
                self._retire_one()
            self._open_slots()
        if self._manager.expired:
            self.refused["START that waited in vain"] = self._manager.expired

    def _connect(self, remote: Address, listening_socket: IListeningSocket, streams: trio.Nursery) -> bool:
        """Start a stream; tell whether it could begin."""
        endpoint = listening_socket.endpoint
        info = self._streams.announce(endpoint.local, remote, self._role)
        try:
            connected = self._maker.make(
                role=self._role,
                active=False,
                endpoint=endpoint,
                peer=remote,
                connection_id=self._new_connection_id(remote),
                on_frame=self._streams.frame_observer(info),
            )
        except (OSError, PluginFailure) as error:
            self._streams.fail(info, error)
            return False
        self._manager.add(connected)
        streams.start_soon(self._run, info, connected, streams, name=f"stream {remote}")
        return True

    async def _run(self, info: StreamInfo, connected: IConnectedSocket, streams: trio.Nursery) -> None:
        try:
            await self._streams.run(info, connected)
        finally:
            self._manager.remove(self._role, info.remote)
        self._retire_one()
        self._open_slots()
        self._match(streams)

    def _retire_one(self) -> None:
        self._broker.finish_one()
        if self._broker.finished:
            self.stop_accepting()
