"""Tells what is wrong with a connected socket that a factory put in front of another, and with the request it passed on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import trio
from attrs import define, field

from cts.api import (
    SUCCEEDED,
    Address,
    BackgroundTask,
    Frame,
    FrameRecord,
    IConnectedSocket,
    IDatagramEndpoint,
    IPacer,
    MissedRecord,
    Outcome,
    RenderedFrame,
    StreamPlan,
    StreamRequest,
    StreamResult,
    Train,
    Verdict,
    VerdictRule,
    Verify,
)
from cts.errors import first_of
from cts.protocol.control.client import ClientHandshake
from cts.protocol.control.pinging import Pace
from cts.protocol.roles import Direction
from cts.testing.endpoints import PEER, RecordingEndpoint
from cts.testing.frame_run import OneByOneSender
from cts.testing.pacers import PATIENCE_S, trio_now_ns
from cts.testing.sockets import RecordingSocket
from cts.units import MILLISECOND, SECOND

__all__ = ["ProbedSender", "RequestKept", "answer_faults", "ending_faults", "request_faults"]

_GONE_AFTER_NS = 987_654_321
_REMARK = "a remark that only this contract makes"
_FAILURE = RuntimeError("a failure that only this contract makes")
_MISSED = MissedRecord(1, 2, 3, 4, 5, 6, (), False, False, 7)
_RECORD = FrameRecord(1, 2, 1, 1, 3000, 0, (), 3, 4, 5, None, 6, 7, 8)
_OPENING = ClientHandshake(StreamPlan(80_000, 10, SECOND, SECOND), Direction.PULL, nonce=bytes(16), now_ns=0)
_PACE = Pace(ping_interval_ns=777 * MILLISECOND)
_FRAME = RenderedFrame(1, Verdict.COMPLETED, 3000, 7, 8, 9, 10)


class ProbedSender(OneByOneSender):
    """A sender that offers trains and a background task, and knows what it was asked for.

    Attributes:
        frames: the frames that it was given.
        ran: whether its background task has run.
    """

    def __init__(self, options: object, plan: StreamPlan) -> None:
        self.plan = plan
        self.frames: list[int] = []
        self.ran = False

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Take note of the frame, then send it."""
        self.frames.append(frame.sequence)
        return await super().send_frame(frame, endpoint, peer, pacer)

    def trains(self, segment_limit: int) -> Sequence[Train] | None:
        """Offer the plan's."""
        return self.plan.trains(segment_limit)

    def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask | None:
        """Return a task that takes note."""

        async def run() -> None:
            self.ran = True
            await trio.lowlevel.checkpoint()

        return run


@define(eq=False)
class RequestKept:
    """What a request held before a factory had it.

    Attributes:
        heard: the frames that its ``on_frame`` was told of.
        told: what its ``on_record``, its ``on_missed``, its ``on_remark`` and its ``on_failure`` were told.
    """

    request: StreamRequest
    sender: ProbedSender = field(init=False)
    heard: list[RenderedFrame] = field(factory=list, init=False)
    told: list[object] = field(factory=list, init=False)
    _plan: StreamPlan = field(init=False)
    _pacer: IPacer = field(init=False)
    _connection_id: str | None = field(init=False)
    _active: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        request = self.request
        self.sender = ProbedSender(None, request.plan)
        request.sender, request.verify, request.on_frame = self.sender, Verify.COUNT, self.heard.append
        request.gone_after_ns, request.shares_settings = _GONE_AFTER_NS, True
        request.verdict, request.opening, request.pace = VerdictRule.BYTES, _OPENING, _PACE
        request.on_record = request.on_missed = request.on_remark = request.on_failure = self.told.append
        self._plan, self._pacer = request.plan, request.pacer
        self._connection_id, self._active = request.connection_id, request.active

    def faults(self, passed_on: StreamRequest) -> Iterable[str]:
        """Look at what the default socket is made from."""
        for name, is_, was in (
            ("plan", passed_on.plan, self._plan),
            ("connection_id", passed_on.connection_id, self._connection_id),
            ("active", passed_on.active, self._active),
            ("verify", passed_on.verify, Verify.COUNT),
            ("verdict", passed_on.verdict, VerdictRule.BYTES),
            ("gone_after_ns", passed_on.gone_after_ns, _GONE_AFTER_NS),
            ("shares_settings", passed_on.shares_settings, True),
            ("pace", passed_on.pace, _PACE),
        ):
            if is_ != was:
                yield f"the request's {name} was {was} and is {is_} for the default socket: pass {name} on as it is"
        if passed_on.opening is not _OPENING:
            yield "the request's opening is another for the default socket, so the stream begins by START: pass opening on"
        if passed_on.on_frame is not None:
            passed_on.on_frame(_FRAME)
        if self.heard != [_FRAME]:
            yield "a rendered frame did not reach the request's on_frame, so no log has it: pass on_frame on, or call it"
        if passed_on.on_record is not None:
            passed_on.on_record(_RECORD)
        if _RECORD not in self.told:
            yield "a frame's record did not reach the request's on_record, so no metric has it: pass on_record on, or call it"
        if passed_on.on_missed is not None:
            passed_on.on_missed(_MISSED)
        if _MISSED not in self.told:
            yield "late data did not reach the request's on_missed, so no log has it: pass on_missed on, or call it"
        if passed_on.on_remark is not None:
            passed_on.on_remark(_REMARK)
        if _REMARK not in self.told:
            yield "a remark did not reach the request's on_remark, so nobody hears it: pass on_remark on, or call it"
        if passed_on.on_failure is not None:
            passed_on.on_failure(_FAILURE)
        if _FAILURE not in self.told:
            yield "what ended a stream did not reach the request's on_failure: pass on_failure on, or call it"
        if trio.lowlevel.checkpoint not in passed_on.background:
            yield "a task that was in request.background is there no more: append to it"


async def request_faults(kept: RequestKept, passed_on: StreamRequest) -> Iterable[str]:
    """Look at what the default socket is made from, its sender and its pacer by what they do."""
    faults = list(kept.faults(passed_on))
    pacer, endpoint = passed_on.pacer, RecordingEndpoint()
    due_ns = trio_now_ns() + MILLISECOND
    await pacer.wait_until(due_ns)
    if not pacer.now_ns() == trio_now_ns() == due_ns:
        faults.append(
            f"the pacer for the default socket woke at {trio_now_ns()} and says {pacer.now_ns()} where it was to wake at"
            f" {due_ns}: keep to the run's clock, the request's pacer"
        )
    sender, frame = passed_on.sender, Frame(passed_on.plan, 5, due_ns)
    sent = await sender.send_frame(frame, endpoint, PEER, pacer)
    if kept.sender.frames != [5] or sent != frame.size:
        faults.append("a frame did not reach the request's sender, which the user chose: hand send_frame on to it")
    if sender.trains(2) not in (None, kept.sender.trains(2)):
        faults.append("the sender for the default socket offers other trains than the request's: hand trains on to it")
    task = sender.background(endpoint, PEER, pacer)
    if task is not None:
        with trio.move_on_after(PATIENCE_S):
            await task()
    if not kept.sender.ran:
        faults.append("the background task of the request's sender does not run: hand background on to it")
    return faults


def answer_faults(socket: IConnectedSocket, inner: RecordingSocket) -> Iterable[str]:
    """Look at what it answers, before and after something has happened in the stream."""
    socket.on_start_repeated(77)
    if inner.repeats != [77]:
        yield "on_start_repeated did not reach the default socket: hand it on, with its time"
    socket.on_unreachable(3)
    if inner.unreachable != [3]:
        yield "on_unreachable did not reach the default socket, so nobody learns that the peer is gone: hand it on"
    for _ in range(2):
        for name in ("connection_id", "measured_ns", "send_lateness", "peer_end"):
            says, is_ = getattr(socket, name), getattr(inner, name)
            if says != is_:
                yield (
                    f"{name} is {_shown(says)}, and the default socket's {_shown(is_)}: hand {name} on whenever it is asked for"
                )
        inner.progress()
    for now_ns in (55, 66):
        if socket.observe(now_ns) != inner.observe(now_ns):
            yield f"observe({now_ns}) does not answer what the default socket does, so counts get lost: hand observe on"
        if socket.counts(now_ns) != inner.counts(now_ns):
            yield f"counts({now_ns}) does not answer what the default socket does: hand counts on, or each status takes long"
    for received_ns in (inner.another_from_ns - 1, inner.another_from_ns):
        if (says := socket.begins_another(received_ns)) is not inner.begins_another(received_ns):
            yield (
                f"begins_another({received_ns}) is {says}, and the default socket's {not says}, so a port that is used again"
                " gets no stream: hand begins_another on"
            )


async def ending_faults(socket: IConnectedSocket, inner: RecordingSocket, way: str) -> Iterable[str]:
    """Look at how it starts and ends, where the default socket succeeds, fails, raises or is cancelled, by ``way``."""
    faults: list[str] = []
    results: list[StreamResult] = []
    raised: list[Exception] = []
    error = RuntimeError("a bug")
    scope = trio.CancelScope()

    async def run(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            with scope:
                results.append(await socket.run(task_status=task_status))
        except Exception as caught:
            raised.append(caught)

    with trio.move_on_after(PATIENCE_S) as patience:
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            if not inner.running:
                faults.append("run called started() before the default socket did: pass task_status on")
            match way:
                case "succeeds":
                    inner.end(Outcome.SUCCESSFUL, SUCCEEDED)
                case "fails":
                    inner.end(Outcome.NETWORK_ERROR, "101: Network is unreachable")
                case "raises":
                    inner.fail(error)
                case _:
                    scope.cancel()
    if patience.cancelled_caught:
        faults.append(f"run did not end when the default socket's run {_ENDED[way]}: return with it")
    elif way == "is cancelled":
        if results or raised or inner.running:
            faults.append("run was cancelled and returned or raised all the same: let trio.Cancelled pass")
    elif way == "raises":
        if [first_of(each) for each in raised] != [error]:
            faults.append(f"the default socket's run raised {error!r}, which did not come out of run: let it pass")
    elif results == [inner.result()]:
        if (says := socket.ended) != inner.ended:
            faults.append(
                f"ended is {_shown(says)} where the default socket's run {_ENDED[way]}, so a stream that had ended when its"
                " run was cut off is said to be cancelled: hand ended on"
            )
    else:
        faults.append(f"run did not end with the default socket's result where that {way}: return what its run returns")
    return faults


_ENDED = {"succeeds": "returned", "fails": "returned", "raises": "raised", "is cancelled": "was cancelled"}


def _shown(value: object) -> str:
    return repr(value) if value is None or isinstance(value, str | int) else f"a {type(value).__name__}"
