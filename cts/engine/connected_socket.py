"""One stream with one peer: its life, from the opening of its nursery to its result; and the default factory.

::

    connected socket        its nursery opens with run() and ends with it; what belongs to the stream runs in it
    ├─ the driver           in the nursery's own body: START, answers, frames, the render timer, the end
    ├─ reading              an active side's endpoint hands over what arrives from here on
    └─ background tasks     the sender's, and those that a factory added

One that HELLO begins has a nursery around that one, for the talk with its peer (``agreed_stream``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import trio
from attrs import define, field

from cts.api import (
    SUCCEEDED,
    Address,
    BackgroundTask,
    DatagramBatch,
    FrameRecord,
    Histogram,
    IConnectedSocket,
    IConnectedSocketFactory,
    Outcome,
    PeerEnd,
    Role,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from cts.engine.agreed_stream import AgreedStream
from cts.engine.dispatched_frames import DispatchedFrames
from cts.engine.frame_dispatcher import FrameDispatcher
from cts.engine.stream_driver import StreamDriver
from cts.errors import PluginFailure, explained, first_of
from cts.metrics.loss import DueBytes
from cts.protocol.agreement import Agreement
from cts.protocol.control.greeting import handshake_by
from cts.protocol.pattern import IOPattern
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.remark import Remark, not_reached
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import StreamError
from cts.records.peer_end import NOTHING_TOLD
from cts.records.stream_results import failure_of, result_of

__all__ = ["ConnectedSocket", "DefaultConnectedSocketFactory"]

_OUTCOMES: Final = {
    StreamError.PEER_ENDED: Outcome.CANCELLED,
    StreamError.PEER_SILENT: Outcome.NETWORK_ERROR,
}
"""Whose fault an end was that was not the protocol's."""


@define(eq=False)
class ConnectedSocket(IConnectedSocket):
    """Runs one side of one stream, sender or receiver, client or server: the pattern makes the difference.

    Args:
        request: the stream.
        dispatcher: hands over the frames of many streams together; None to send them all from the stream's own task.
    """

    _request: StreamRequest
    _dispatcher: FrameDispatcher | None = None
    remote: Address = field(init=False)
    role: Role = field(init=False)
    send_lateness: Histogram | None = field(default=None, init=False)
    _started_ns: int = field(init=False)
    _receiver: MediaStreamReceiver | None = field(default=None, init=False)
    _pattern: IOPattern = field(init=False)
    _driver: StreamDriver = field(init=False)
    _said: str = field(default="", init=False)
    _told_not_reached: bool = field(default=False, init=False)
    _agreed: AgreedStream | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        request = self._request
        self.remote, self.role = request.peer, request.role
        self._started_ns = request.pacer.now_ns()
        handshake = handshake_by(
            request.opening,
            request.plan,
            self._started_ns,
            role=request.role,
            connection_id=request.connection_id,
        )
        if request.role is Role.RECEIVER:
            agreement = None if request.shares_settings else Agreement(request.plan)
            self._pattern = self._receiver = MediaStreamReceiver(
                request.plan,
                handshake,
                verify=request.verify,
                on_frame=request.on_frame,
                on_missed=request.on_missed,
                on_record=request.on_record if request.opening is None or request.on_record is None else self._rendered,
                agreement=agreement,
                rule=request.verdict,
            )
            self._driver = StreamDriver(request, self._receiver)
        else:
            self._pattern = sender = MediaStreamSender(request.plan, handshake, request.gone_after_ns)
            self.send_lateness = Histogram()
            dispatcher, dispatched = self._dispatcher, None
            # A factory may have put another clock in front.
            if dispatcher is not None and dispatcher.pacer is request.pacer:
                dispatched = DispatchedFrames(request, sender, self.send_lateness, dispatcher)
            self._driver = StreamDriver(request, sender, self.send_lateness, dispatched)
        if request.opening is not None:
            agreed = self._agreed = AgreedStream(request, self._driver, self._pattern, self.send_lateness, self.observe)
            if self._receiver is not None:
                self._receiver.belongs = agreed.belongs

    @property
    def connection_id(self) -> str | None:
        """The stream's name, once known."""
        return self._pattern.handshake.connection_id

    @property
    def measured_ns(self) -> int | None:
        """How long it took to the final frame."""
        pattern = self._pattern
        until_ns = pattern.measured_until_ns
        return None if until_ns is None else until_ns - pattern.handshake.base_ns

    @property
    def ended(self) -> StreamResult | None:
        """What became of the stream, once its pattern has ended."""
        return self._result(None) if self._driver.over() else None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        """Run the stream to its end and return what became of it."""
        failure: BaseException | None = None
        stream = partial(self._stream, task_status)
        try:
            await (stream() if self._agreed is None else self._agreed.run(stream))
        except BaseExceptionGroup as group:
            failures, others = group.split((OSError, PluginFailure))
            if failures is None or others is not None:
                # A stream that is being cancelled is cancelled, whatever failed in the same moment; the rest is a bug.
                raise (others if others is not None and others.split(trio.Cancelled)[1] is None else group) from None
            failure = first_of(failures)
            if self._request.on_failure is not None:
                self._request.on_failure(failure)
        return self._result(failure)

    async def _stream(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            if self._request.active:
                self._request.endpoint.unreachable_into(lambda _remote, times: self.on_unreachable(times))
                received = (self._driver if self._agreed is None else self._agreed).received
                self._request.endpoint.receive_into(lambda _local, _remote, batch: received(batch))
            for task in self._background():
                nursery.start_soon(task)
            task_status.started()
            await self._driver.run()
            nursery.cancel_scope.cancel()

    def on_data_received(self, batch: DatagramBatch) -> None:
        """Hand a batch to the pattern, and to who speaks with the peer what is of that."""
        (self._driver if self._agreed is None else self._agreed).received(batch)

    def begins_another(self, received_ns: int) -> bool:
        """Ask the pattern."""
        return self._driver.begins_another(received_ns)

    def on_start_repeated(self, received_ns: int) -> None:
        """Tell the pattern; where that is over, answer in its place."""
        if self._agreed is None or not self._agreed.answers_again():
            self._driver.start_repeated(received_ns)

    def on_unreachable(self, times: int) -> None:
        """Tell the pattern; that a peer has left which has all results is no news."""
        if self._agreed is None or not self._agreed.is_finished:
            self._driver.unreachable(times)

    @property
    def peer_end(self) -> PeerEnd | None:
        """What the talk with the peer has come to."""
        return None if self._agreed is None else self._agreed.known

    def observe(self, now_ns: int) -> StreamSnapshot:
        """Return the counts with everything that happened before ``now_ns`` in them."""
        if self._receiver is not None:
            self._request.endpoint.drain()
            self._receiver.observe(now_ns)
        self._say(self._pattern.remark)
        self._say_not_reached(self._pattern.absence.times)
        return self.counts(now_ns)

    def counts(self, now_ns: int) -> StreamSnapshot:
        """Return the counts as they stand: those of the frames that have been told of."""
        received = on_time = of_no_frame = duplicates = 0
        pattern = self._pattern
        due = DueBytes(pattern.confirmed_bytes + pattern.unsent_bytes, pattern.unsent_bytes)
        if self._receiver is not None:
            frames = self._receiver.frames
            received, on_time, of_no_frame = frames.bytes_received, frames.bytes_on_time, frames.bytes_of_no_frame
            due, duplicates = frames.due, frames.duplicates
        return StreamSnapshot(
            frames=pattern.counts,
            bytes_received=received,
            bytes_sent=pattern.confirmed_bytes,
            arrivals=pattern.arrivals.totals(duplicates),
            unsent=self._driver.unsent,
            bytes_on_time=on_time,
            unreachable=pattern.absence.times,
            bytes_of_no_frame=of_no_frame,
            due=due,
            peers=NOTHING_TOLD if self._agreed is None else self._agreed.totals,
        )

    def _rendered(self, record: FrameRecord) -> None:
        """Tell of a frame's datagrams, and take its delay."""
        if self._request.on_record is not None:
            self._request.on_record(record)
        if self._agreed is not None:
            self._agreed.rendered(record)

    def _say(self, remark: Remark | None) -> None:
        text = "" if remark is None else remark.text
        if text != self._said:
            self._said = text
            if self._request.on_remark is not None:
                self._request.on_remark(text)

    def _say_not_reached(self, times: int) -> None:
        """Tell once, while the stream runs, what counts and other remarks say at its end."""
        if times and not self._told_not_reached and self._pattern.remark is None:
            self._told_not_reached = True
            if self._request.on_remark is not None:
                self._request.on_remark(not_reached(times))

    def _background(self) -> list[BackgroundTask]:
        request = self._request
        tasks = list(request.background)
        if request.role is Role.SENDER:
            task = request.sender.background(self._request.endpoint, request.peer, request.pacer)
            tasks += [task] if task is not None else []
        return tasks

    def _result(self, failure: BaseException | None) -> StreamResult:
        pattern = self._pattern
        error = failure if failure is not None else self._driver.refusal if pattern.error is not None else None
        if error is not None and (text := explained(error)) is not None:
            pattern.remark = Remark(text)
        ended_ns = pattern.ended_ns if pattern.ended_ns is not None else self._request.pacer.now_ns()
        if error is not None:
            outcome = failure_of(error)
        elif pattern.error is not None:
            outcome = _OUTCOMES.get(pattern.error, Outcome.PROTOCOL_ERROR), pattern.error.value
        else:
            outcome = Outcome.SUCCESSFUL, SUCCEEDED
        measured_ns = self.measured_ns
        counts = self.observe(ended_ns)
        return result_of(
            self._request.endpoint.local,
            self._request.peer,
            self._request.role,
            connection_id=self.connection_id,
            outcome=outcome,
            life_ns=(self._started_ns, ended_ns),
            measured_ns=ended_ns - pattern.handshake.base_ns if measured_ns is None else measured_ns,
            counts=counts,
            # What was said too soon stands no more.
            remark=None if pattern.remark is None else pattern.remark.text,
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
