"""A connected socket that records, to stand in for the engine's own where a factory is tested."""

from __future__ import annotations

import trio

from cts.api import (
    SUCCEEDED,
    Address,
    DatagramBatch,
    Frame,
    FrameTotals,
    Histogram,
    IConnectedSocket,
    IDatagramEndpoint,
    Outcome,
    Role,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from cts.metrics.counters import ArrivalTotals
from cts.metrics.loss import DueBytes
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.records.peer_end import PeerEnd
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

    Everything that it can be asked has an answer that nobody can guess, and that changes while it lives.

    Attributes:
        request: what it was made from.
        received: copies of the batches that it was handed.
        repeats: the times of the repeated STARTs that it was told of.
        unreachable: how often the network said that its peer cannot be reached, by each call.
        running: whether ``run`` is under way.
        another_from_ns: from when on a START begins another stream.
    """

    def __init__(self, request: StreamRequest) -> None:
        self.request = request
        self.received: list[DatagramBatch] = []
        self.repeats: list[int] = []
        self.unreachable: list[int] = []
        self.running = False
        self.another_from_ns = 1000
        self._end = trio.Event()
        self._failure: Exception | None = None
        self._outcome = Outcome.SUCCESSFUL, SUCCEEDED
        self._connection_id = request.connection_id
        self._measured_ns: int | None = None
        self._peer_end: PeerEnd | None = None
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
        """The name in the request, or once :meth:`progress` was called any that a test can tell from others."""
        return self._connection_id

    @property
    def measured_ns(self) -> int | None:
        """None, or once :meth:`progress` was called any figure that a test can tell from others."""
        return self._measured_ns

    @property
    def peer_end(self) -> PeerEnd | None:
        """None, or once :meth:`progress` was called any that a test can tell from others."""
        return self._peer_end

    @property
    def ended(self) -> StreamResult | None:
        """None, or once :meth:`end` was called :meth:`result`."""
        return self.result() if self._end.is_set() and self._failure is None else None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        """Receive if it is active, until :meth:`end` or :meth:`fail` is called; then return :meth:`result` or raise."""
        if self.request.active:
            self.request.endpoint.unreachable_into(lambda remote, times: self.on_unreachable(times))
            self.request.endpoint.receive_into(lambda local, remote, batch: self.on_data_received(batch))
        self.running = True
        task_status.started()
        try:
            await self._end.wait()
        finally:
            self.running = False
        if self._failure is not None:
            raise self._failure
        return self.result()

    def progress(self) -> None:
        """Be named, measured, and late with a frame, as a stream is in the course of its life."""
        self._connection_id = CONNECTION_ID
        self._measured_ns = 12_345
        self._peer_end = PeerEnd(outcome=SUCCEEDED, key_name="any")
        if self._lateness is not None:
            self._lateness.record(54_321)

    def end(self, outcome: Outcome = Outcome.SUCCESSFUL, result: str = SUCCEEDED) -> None:
        """Let ``run`` return a result with these."""
        self._outcome = outcome, result
        self._end.set()

    def fail(self, error: Exception) -> None:
        """Let ``run`` raise ``error``."""
        self._failure = error
        self._end.set()

    async def send(self) -> int:
        """Send one frame datagram by datagram and one in segments, and return the bytes handed to the network."""
        request = self.request
        frame = Frame(request.plan, 1, request.pacer.now_ns())
        sent = await request.sender.send_frame(frame, request.endpoint, request.peer, request.pacer)
        return sent + await self.send_trains()

    async def send_trains(self) -> int:
        """Send one frame in segments, and return the bytes handed to the network."""
        request, sent = self.request, 0
        frame = Frame(request.plan, 1, request.pacer.now_ns())
        for train in frame.trains(request.endpoint.segment_limit):
            sent += await request.endpoint.send_train(
                request.peer, frame.stamp(request.pacer.now_ns(), len(train)), train
            )
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

    def begins_another(self, received_ns: int) -> bool:
        """Tell whether it was not before ``another_from_ns``."""
        return received_ns >= self.another_from_ns

    @property
    def send_lateness(self) -> Histogram | None:
        """A histogram, always the same; None for a receiver."""
        return self._lateness

    def observe(self, now_ns: int) -> StreamSnapshot:
        """Return counts that depend on ``now_ns``, so that a test can tell what was asked; no two are alike."""
        return StreamSnapshot(
            frames=FrameTotals(now_ns + 1, now_ns + 2, now_ns + 3, now_ns + 4),
            bytes_received=now_ns,
            bytes_sent=len(self.received),
            arrivals=ArrivalTotals(*range(now_ns + 5, now_ns + 13)),
            unsent=UnsentFrames({"Network is unreachable": Unsent(now_ns + 13, now_ns + 14)}),
            bytes_on_time=now_ns - 1,
            due=DueBytes(*range(now_ns + 15, now_ns + 20)),
        )

    def counts(self, now_ns: int) -> StreamSnapshot:
        """Return others than :meth:`observe`."""
        return self.observe(now_ns + 1000)

    def result(self) -> StreamResult:
        """Return what ``run`` returns."""
        request = self.request
        return StreamResult(
            connection_id=CONNECTION_ID,
            local=request.endpoint.local,
            remote=request.peer,
            role=request.role,
            outcome=self._outcome[0],
            result=self._outcome[1],
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
