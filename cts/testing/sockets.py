"""A connected socket that records, to stand in for the engine's own where a factory is tested."""

from __future__ import annotations

import trio

from cts.api import (
    SUCCEEDED,
    Address,
    DatagramBatch,
    Frame,
    Histogram,
    IConnectedSocket,
    IDatagramEndpoint,
    Outcome,
    Role,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from cts.testing.endpoints import PEER
from cts.testing.frame_run import OneByOneSender, plan_of
from cts.testing.pacers import MockPacer

__all__ = ["RecordingDefault", "RecordingSocket", "request_for"]

CONNECTION_ID = "0b6f4f27-0f5b-4c0e-a6a4-7f2f6f3b6a10"


def request_for(
    endpoint: IDatagramEndpoint, *, role: Role = Role.RECEIVER, active: bool = True, peer: Address = PEER
) -> StreamRequest:
    """Return a request for a small stream on ``endpoint``, on the mock clock."""
    plan = plan_of(3000)
    return StreamRequest(
        role=role,
        active=active,
        plan=plan,
        endpoint=endpoint,
        peer=peer,
        sender=OneByOneSender(None, plan),
        pacer=MockPacer(),
        connection_id=None if active else CONNECTION_ID,
    )


class RecordingSocket(IConnectedSocket):
    """Records what it is handed, sends what a test tells it to, and runs until it is told to end.

    Attributes:
        request: what it was made from.
        received: copies of the batches that it was handed.
        repeats: the times of the repeated STARTs that it was told of.
        unreachable: how often the network said that its peer cannot be reached, by each call.
        running: whether ``run`` is under way.
    """

    def __init__(self, request: StreamRequest) -> None:
        self.request = request
        self.received: list[DatagramBatch] = []
        self.repeats: list[int] = []
        self.unreachable: list[int] = []
        self.running = False
        self._end = trio.Event()
        self._lateness = Histogram() if request.role is Role.SENDER else None

    @property
    def remote(self) -> Address:
        """The peer."""
        return self.request.peer

    @property
    def role(self) -> Role:
        """Which part this side plays."""
        return self.request.role

    @property
    def connection_id(self) -> str | None:
        """The name in the request."""
        return self.request.connection_id

    @property
    def measured_ns(self) -> int | None:
        """Any figure that a test can tell from others."""
        return 12_345

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        """Receive if it is active, until :meth:`end` is called; then return :meth:`result`."""
        if self.request.active:
            self.request.endpoint.unreachable_into(lambda remote, times: self.on_unreachable(times))
            self.request.endpoint.receive_into(lambda local, remote, batch: self.on_data_received(batch))
        self.running = True
        task_status.started()
        await self._end.wait()
        self.running = False
        return self.result()

    def end(self) -> None:
        """Let ``run`` return."""
        self._end.set()

    async def send(self) -> int:
        """Send one frame datagram by datagram and one in segments, and return the bytes handed to the network."""
        request = self.request
        frame = Frame(request.plan, 1, request.pacer.now_ns())
        sent = await request.sender.send_frame(frame, request.endpoint, request.peer, request.pacer)
        for train in frame.trains(request.endpoint.segment_limit):
            sent += await request.endpoint.send_train(request.peer, frame.stamp(request.pacer.now_ns()), train)
        return sent

    def on_data_received(self, batch: DatagramBatch) -> None:
        """Keep a copy."""
        self.received.append(DatagramBatch(bytes(batch.data), batch.segment_size, batch.received_ns))

    def on_start_repeated(self, received_ns: int) -> None:
        """Note the time."""
        self.repeats.append(received_ns)

    def on_unreachable(self, times: int) -> None:
        """Note how often."""
        self.unreachable.append(times)

    @property
    def send_lateness(self) -> Histogram | None:
        """An empty histogram, always the same; None for a receiver."""
        return self._lateness

    def observe(self, now_ns: int) -> StreamSnapshot:
        """Return counts that depend on ``now_ns``, so that a test can tell what was asked."""
        return StreamSnapshot(bytes_received=now_ns, bytes_sent=len(self.received))

    def result(self) -> StreamResult:
        """Return what ``run`` returns."""
        request = self.request
        return StreamResult(
            connection_id=CONNECTION_ID,
            local=request.endpoint.local,
            remote=request.peer,
            role=request.role,
            outcome=Outcome.SUCCESSFUL,
            result=SUCCEEDED,
            started_ns=1,
            ended_ns=2,
            bits_per_second=3,
            counts=self.observe(4),
        )


class RecordingDefault:
    """Stands in for the engine's own way to make a connected socket; ``made`` holds what it made, in order."""

    def __init__(self) -> None:
        self.made: list[RecordingSocket] = []

    def __call__(self, request: StreamRequest) -> RecordingSocket:
        """Make one and keep it."""
        socket = RecordingSocket(request)
        self.made.append(socket)
        return socket
