"""One stream with one peer: the driver that works its pattern, and the default factory that makes one.

A stream is one task. It asks the pattern what comes next, sends or waits, and ends when the pattern has. What arrives is
handed in by ``on_data_received``, whoever read it, and wakes the task only if there is something new to do.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from cts.api import (
    SUCCEEDED,
    Address,
    DatagramBatch,
    Frame,
    Histogram,
    IConnectedSocket,
    IConnectedSocketFactory,
    Outcome,
    Role,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from cts.engine.dispatched_frames import DispatchedFrames
from cts.engine.frame_dispatcher import FrameDispatcher
from cts.engine.senders import sends_at_once
from cts.errors import PluginFailure
from cts.protocol.pattern import IOPattern
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import IOAction, IOStatus, IOTask, SendKind
from cts.protocol.wire import START, ConnectionId
from cts.records.results import UNKNOWN_CONNECTION_ID

__all__ = ["ConnectedSocket", "DefaultConnectedSocketFactory", "bits_per_second", "failure_result"]

_NANOSECONDS = 1_000_000_000


def bits_per_second(size: int, elapsed_ns: int) -> int:
    """Return the rate of ``size`` bytes in ``elapsed_ns``, rounded down; 0 for no time at all."""
    return size * 8 * _NANOSECONDS // elapsed_ns if elapsed_ns > 0 else 0


def failure_result(error: Exception) -> tuple[Outcome, str]:
    """Return whose fault an error was and its text for the logs, which quote nothing: commas become spaces."""
    if isinstance(error, OSError):
        return Outcome.NETWORK_ERROR, f"{error.errno}: {error.strerror or error}".replace(",", " ")
    return Outcome.PROTOCOL_ERROR, "ErrorPlugin: " + " ".join(str(error).replace(",", " ").split())


class ConnectedSocket(IConnectedSocket):
    """Runs one side of one stream, sender or receiver, client or server: the pattern makes the difference.

    Args:
        request: the stream.
        dispatcher: sends frames that go at once; None to send them all from the stream's own task.
    """

    def __init__(self, request: StreamRequest, dispatcher: FrameDispatcher | None = None) -> None:
        self._request = request
        self._endpoint = request.endpoint
        self._pacer = request.pacer
        self._started_ns = request.pacer.now_ns()
        self._receiver: MediaStreamReceiver | None = None
        self._send_lateness: Histogram | None = None
        self._dispatched: DispatchedFrames | None = None
        self._pattern: IOPattern
        if request.role is Role.RECEIVER:
            self._pattern = self._receiver = MediaStreamReceiver(
                request.plan,
                base_ns=self._started_ns,
                connection_id=request.connection_id,
                verify=request.verify,
                on_frame=request.on_frame,
            )
        else:
            self._pattern = sending = MediaStreamSender(
                request.plan, base_ns=self._started_ns, connection_id=request.connection_id
            )
            self._send_lateness = Histogram()
            # A factory may have put another clock in front.
            if dispatcher is not None and dispatcher.pacer is request.pacer and sends_at_once(request.sender):
                self._dispatched = DispatchedFrames(request, sending, self._send_lateness, dispatcher)
        self._recv = self._pattern.initiate_io(self._started_ns)
        self._waiting: trio.CancelScope | None = None

    @property
    def remote(self) -> Address:
        """The peer."""
        return self._request.peer

    @property
    def role(self) -> Role:
        """Which part this side plays."""
        return self._request.role

    @property
    def connection_id(self) -> str | None:
        """The stream's name, once known."""
        return self._pattern.connection_id

    @property
    def send_lateness(self) -> Histogram | None:
        """How late frames were handed to the sender."""
        return self._send_lateness

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        """Run the stream to its end and return what became of it."""
        if self._request.active:
            self._endpoint.receive_into(self._on_read)
        task_status.started()
        failure: Exception | None = None
        try:
            await self._drive()
        except (OSError, PluginFailure) as error:
            failure = error
        return self._result(failure)

    def on_data_received(self, batch: DatagramBatch) -> None:
        """Hand a batch to the pattern."""
        status = self._pattern.complete_io(self._recv, now_ns=batch.received_ns, data=batch)
        if status is not IOStatus.CONTINUE or self._pattern.ready:
            self._wake()

    def _on_read(self, local: Address, remote: Address, batch: DatagramBatch) -> None:
        self.on_data_received(batch)

    def on_start_repeated(self, received_ns: int) -> None:
        """Tell the pattern."""
        self._pattern.start_repeated(received_ns)
        if self._pattern.ready:
            self._wake()

    def observe(self, now_ns: int) -> StreamSnapshot:
        """Return the counts with everything that happened before ``now_ns`` in them."""
        if self._receiver is None:
            return StreamSnapshot(self._pattern.counts.totals(), 0, self._pattern.confirmed_bytes)
        self._endpoint.drain()
        self._receiver.observe(now_ns)
        return StreamSnapshot(self._receiver.counts.totals(), self._receiver.frames.bytes_received, 0)

    async def _drive(self) -> None:
        pattern = self._pattern
        while pattern.status is IOStatus.CONTINUE:
            # Whatever arrived before this moment must be seen before the pattern decides by this moment.
            now_ns = self._pacer.now_ns()
            if self._receiver is not None or pattern.connection_id is None:
                self._endpoint.drain()
            task = pattern.initiate_io(now_ns)
            if task.action is IOAction.SEND:
                await self._send(task, now_ns)
            elif task.action is IOAction.NONE:
                await self._wait(task.due_ns)
            else:
                pattern.complete_io(task, now_ns=now_ns)

    async def _send(self, task: IOTask, now_ns: int) -> None:
        request = self._request
        if task.kind is SendKind.FRAME and self._dispatched is not None and self._dispatched.possible():
            await self._dispatched.send(task)
            return
        if task.kind is SendKind.FRAME:
            # A checkpoint also when it is late: a stream that has to catch up must not keep the others from their turn.
            await self._pacer.wait_until(task.due_ns)
            frame = Frame(request.plan, task.sequence, task.due_ns)
            if self._send_lateness is not None:
                self._send_lateness.record(self._pacer.now_ns() - task.due_ns)
            sent = await request.sender.send_frame(frame, self._endpoint, request.peer, self._pacer)
        elif task.due_ns > now_ns:
            # An answer may come first and make this send needless: ask again then.
            await self._wait(task.due_ns)
            return
        elif task.kind is SendKind.CONNECTION_ID and request.connection_id is not None:
            sent = await self._endpoint.send(request.peer, ConnectionId(request.connection_id).encode())
        else:
            sent = await self._endpoint.send(request.peer, START)
        self._pattern.complete_io(task, now_ns=self._pacer.now_ns(), transferred=sent)

    async def _wait(self, due_ns: int) -> None:
        with trio.CancelScope() as self._waiting:
            await self._pacer.wait_until(due_ns)
        self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _result(self, failure: Exception | None) -> StreamResult:
        pattern = self._pattern
        ended_ns = pattern.ended_ns if pattern.ended_ns is not None else self._pacer.now_ns()
        if failure is not None:
            outcome, text = failure_result(failure)
        elif pattern.error is not None:
            outcome, text = Outcome.PROTOCOL_ERROR, pattern.error.value
        else:
            outcome, text = Outcome.SUCCESSFUL, SUCCEEDED
        counts = self.observe(ended_ns)
        until_ns = ended_ns if pattern.measured_until_ns is None else pattern.measured_until_ns
        measured_ns = until_ns - pattern.base_ns
        return StreamResult(
            connection_id=pattern.connection_id or UNKNOWN_CONNECTION_ID,
            local=self._endpoint.local,
            remote=self._request.peer,
            role=self._request.role,
            outcome=outcome,
            result=text,
            started_ns=self._started_ns,
            ended_ns=ended_ns,
            bits_per_second=bits_per_second(counts.bytes_received + counts.bytes_sent, measured_ns),
            counts=counts,
        )


class DefaultConnectedSocketFactory(IConnectedSocketFactory):
    """The engine's own sockets, as they are."""

    api = 1

    def __init__(self, options: object) -> None: ...

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        """Return the engine's own connected socket."""
        return default(request)

    def close(self) -> None:
        """Nothing was opened."""
