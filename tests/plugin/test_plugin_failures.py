"""A plugin's failure is its stream's result, and names the plugin; a bug of the engine ends the run."""

from __future__ import annotations

import errno
import re
import traceback
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn, cast

import pytest
import trio
from attrs import evolve

from cts.api import (
    Address,
    BackgroundTask,
    DatagramBatch,
    DatagramHandler,
    Frame,
    FrameTotals,
    Histogram,
    IConnectedSocket,
    IDatagramEndpoint,
    IPacer,
    ISender,
    Message,
    Outcome,
    RenderedFrame,
    Role,
    StreamPlan,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
    Train,
)
from cts.engine.senders import PlainSender
from cts.errors import PluginFailure
from cts.plugin.guard import close_factory
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.sender import MediaStreamSender
from tests.engine.bare_server import BareServer, stranger
from tests.engine.simulated_runs import Sides, both_sides, simulated
from tests.engine.small_stream import END, LATENCY, MS, PLAN, SECOND, config_of
from tests.engine.virtual_world import Recorder, World, in_world
from tests.plugin.plugins_that_fail import (
    FACTORY,
    SENDER,
    BrokenFactory,
    RaisingSender,
    guarded_factory,
    guarded_sender,
)
from tests.testing.through_endpoint import ThroughEndpoint
from tests.testing.through_socket import ThroughSocket

FRAMES = PLAN.final_frame
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
VICTIM = Address("10.0.0.2", 49_152)


class FailsForOnePeer(RaisingSender):
    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        self.at_frame = 5 if VICTIM in (peer, endpoint.local) else 0
        return await super().send_frame(frame, endpoint, peer, pacer)


class FailsWithTheNetwork(RaisingSender):
    async def go_wrong(self) -> None:
        raise OSError(errno.ENETDOWN, "Network is down")


class FailsInNurseries(RaisingSender):
    async def go_wrong(self) -> None:
        async with trio.open_nursery() as outer:
            outer.start_soon(self._fail_inside)
            await trio.sleep_forever()

    async def _fail_inside(self) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(super().go_wrong)


class FailsWithTheNetworkInANursery(FailsWithTheNetwork):
    async def go_wrong(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(super().go_wrong)


class FailsWhenMade(PlainSender):
    def __init__(self, options: object, plan: StreamPlan) -> None:
        raise ValueError("no camera, no picture,\nno frame")


class ReturnsNoNumber(PlainSender):
    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        await super().send_frame(frame, endpoint, peer, pacer)
        return cast("int", "four, or five")


class SendsTooLittle(PlainSender):
    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        return await super().send_frame(frame, endpoint, peer, pacer) - 1


class SaysItSentMore(PlainSender):
    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        return await super().send_frame(frame, endpoint, peer, pacer) + 1


class FailsWhenCancelled(RaisingSender):
    async def go_wrong(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(self._complain)

    async def _complain(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            await super().go_wrong()


def sides_with(direction: str, cls: type[ISender], *, connections: int = 1) -> Sides:
    return both_sides(direction, make_sender=guarded_sender(cls), client={"connections": connections})


def assert_plugin_failed(result: StreamResult, rest: str = "ValueError: no camera no picture no frame") -> None:
    assert result.outcome is Outcome.PROTOCOL_ERROR
    assert result.result == f"ErrorPlugin: {SENDER} raised {rest}"


# Senders


@BOTH
def test_a_sender_that_raises_fails_its_stream_and_the_peer_ends_at_its_computed_instant(direction: str) -> None:
    sides = sides_with(direction, RaisingSender)
    assert_plugin_failed(sides.sender)
    assert "," not in sides.sender.result
    base_ns = LATENCY if direction == "pull" else 2 * LATENCY
    assert sides.sender.ended_ns == base_ns + PLAN.send_offset_ns(5)
    assert sides.sender.counts.bytes_sent == 4 * PLAN.frame_size
    assert sides.receiver.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames == FrameTotals(completed=4, dropped=FRAMES - 4)
    assert sides.receiver.ended_ns == (0 if direction == "pull" else LATENCY) + END


@BOTH
def test_a_sender_that_raises_leaves_the_other_streams_alone(direction: str) -> None:
    sides = sides_with(direction, FailsForOnePeer, connections=3)
    (failed,) = (result for result in sides.senders if result.outcome is not Outcome.SUCCESSFUL)
    assert VICTIM in (failed.local, failed.remote)
    assert_plugin_failed(failed)
    completed = sorted(result.counts.frames.completed for result in sides.receivers)
    assert completed == [4, FRAMES, FRAMES]


@BOTH
def test_a_group_of_exceptions_is_unwrapped_to_the_first_one(direction: str) -> None:
    assert_plugin_failed(sides_with(direction, FailsInNurseries).sender)


@BOTH
@pytest.mark.parametrize("cls", [FailsWithTheNetwork, FailsWithTheNetworkInANursery])
def test_an_error_of_the_network_is_not_the_plugin_s_fault(direction: str, cls: type[ISender]) -> None:
    result = sides_with(direction, cls).sender
    assert (result.outcome, list(result.counts.unsent)) == (Outcome.SUCCESSFUL, ["Network is down"])


@BOTH
def test_a_sender_that_returns_no_number_fails_its_stream(direction: str) -> None:
    result = sides_with(direction, ReturnsNoNumber).sender
    assert_plugin_failed(
        result, "TypeError: send_frame returned 'four  or five' not the number of bytes sent".replace("  ", " ")
    )


@pytest.mark.parametrize(
    ("cls", "error", "frames"),
    [(SendsTooLittle, "ErrorNotAllDataTransferred", FRAMES), (SaysItSentMore, "ErrorTooMuchDataTransferred", 1)],
)
def test_a_sender_that_sent_another_amount_than_the_plan_s_fails_its_stream(
    cls: type[ISender], error: str, frames: int
) -> None:
    result = sides_with("pull", cls).sender
    assert (result.outcome, result.result) == (Outcome.PROTOCOL_ERROR, error)
    assert result.ended_ns == LATENCY + PLAN.send_offset_ns(frames)


@BOTH
def test_a_sender_that_cannot_be_made_fails_its_stream_before_it_has_begun(direction: str) -> None:
    recorder = Recorder()
    report = simulated(config_of(direction), make_sender=guarded_sender(FailsWhenMade), observers=[recorder])
    (result,) = report.results
    assert_plugin_failed(result)
    assert (result.started_ns, result.ended_ns, report.elapsed_ns) == (0, 0, 0)
    assert len(recorder.opened) == (1 if direction == "pull" else 0)


def test_senders_that_cannot_be_made_fail_the_streams_of_all_who_wait() -> None:
    """However many wait: the failure of one makes room for the next at once, and not inside of it."""
    depths: list[int] = []

    class FailsAndTellsItsDepth(FailsWhenMade):
        def __init__(self, options: object, plan: StreamPlan) -> None:
            depths.append(sum(1 for _ in traceback.walk_stack(None)))
            super().__init__(options, plan)

    async def main(world: World) -> BareServer:
        bare = BareServer(world, connection_limit=1, make_sender=guarded_sender(FailsAndTellsItsDepth))
        await bare.begin()
        for number in range(200):
            bare.start(stranger(number))
        await world.until(MS)
        await bare.end()
        return bare

    bare = in_world(main)
    assert bare.ledger.outcomes == {Outcome.PROTOCOL_ERROR: 200}
    assert max(depths) < depths[0] + 20  # 4096 may wait, and Python gives up at about 1000
    assert (bare.manager.awaiting, bare.manager.slots, bare.endpoint.sent) == (0, 1, [])


def test_an_endless_client_does_not_spin_on_a_sender_that_cannot_be_made() -> None:
    config = config_of(run={"role": "client", "time_limit": "9900ms"}, client={"iterations": 0})

    async def main(world: World) -> Counter[Outcome]:
        report = await world.session(config, make_sender=guarded_sender(FailsWhenMade)).run()
        return Counter(report.snapshot.outcomes)

    assert in_world(main) == {Outcome.PROTOCOL_ERROR: 20}


# What a sender offers: the engine hands it over in the plugin's place, where nobody could tell whose mistake it was


class OffersTrains(PlainSender):
    """Offers its frames' trains, each changed in one way."""

    def __init__(self, options: object, plan: StreamPlan) -> None:
        super().__init__(options, plan)
        self.plan = plan

    def change(self, trains: Sequence[Train]) -> object:
        return trains

    def trains(self, segment_limit: int) -> Sequence[Train]:
        return cast("Sequence[Train]", self.change(self.plan.trains(segment_limit)))


class OffersShortFirst(OffersTrains):
    def change(self, trains: Sequence[Train]) -> object:
        return [train[::-1] for train in trains]


class OffersBytes(OffersTrains):
    def change(self, trains: Sequence[Train]) -> object:
        return [tuple(bytes(payload) for payload in train) for train in trains]


class OffersWords(OffersTrains):
    def change(self, trains: Sequence[Train]) -> object:
        return [tuple(memoryview(array("I", [0] * len(payload))) for payload in train) for train in trains]


class OffersAnEmptyTrain(OffersTrains):
    def change(self, trains: Sequence[Train]) -> object:
        return [*trains, ()]


class OffersHalfAFrame(OffersTrains):
    def change(self, trains: Sequence[Train]) -> object:
        return (*trains[:-1], trains[-1][:-1])


class OffersOneLongTrain(OffersTrains):
    def trains(self, segment_limit: int) -> Sequence[Train]:
        return [tuple(self.plan.payloads)]


def limit_of(cls: type[OffersTrains]) -> int:
    """Return how many datagrams a train may have where the frame of PLAN is not to go as one."""
    return len(PLAN.payloads) - 1 if cls is OffersOneLongTrain else 64


@pytest.mark.parametrize(
    ("cls", "fault"),
    [
        (OffersShortFirst, "the payloads of a train differ in length; only the last may, and be shorter"),
        (OffersBytes, "a payload is not a memoryview of bytes"),
        (OffersWords, "a payload is not a memoryview of bytes"),
        (OffersAnEmptyTrain, "a train of 0 datagrams, 64 are allowed"),
        (OffersHalfAFrame, "they are not the frame's datagrams"),
        (OffersOneLongTrain, f"a train of {len(PLAN.payloads)} datagrams, {len(PLAN.payloads) - 1} are allowed"),
    ],
)
def test_trains_that_a_network_could_not_take_are_the_plugin_s_failure(cls: type[OffersTrains], fault: str) -> None:
    limit = limit_of(cls)
    with pytest.raises(PluginFailure, match=re.escape(f"{SENDER} raised ValueError: trains({limit}): {fault}")):
        guarded_sender(cls)(PLAN).trains(limit)


def test_trains_that_a_network_can_take_are_handed_on_as_they_are() -> None:
    assert guarded_sender(OffersTrains)(PLAN).trains(64) is PLAN.trains(64)


class BackgroundFails(PlainSender):
    def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
        return self.read_a_file

    async def read_a_file(self) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")


@BOTH
def test_whatever_a_sender_s_background_task_raises_names_the_plugin(direction: str) -> None:
    for result in sides_with(direction, BackgroundFails).senders:
        assert_plugin_failed(result, "FileNotFoundError: [Errno 2] No such file or directory")


@BOTH
def test_a_sender_that_raises_when_it_is_cancelled_does_not_take_the_run_down(direction: str) -> None:
    async def main(world: World) -> tuple[StreamResult, ...]:
        config = config_of(direction, run={"grace": "0s"})
        running = await world.serve(world.session(config, make_sender=guarded_sender(FailsWhenCancelled)))
        await world.until(SECOND)
        return (await running.stop()).results

    (result,) = in_world(main)
    assert result.outcome in {Outcome.CANCELLED, Outcome.PROTOCOL_ERROR}


# Connected-socket factories


class RunFails(ThroughSocket):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        raise ValueError("no camera, no picture,\nno frame")


class TakingDataFails(ThroughSocket):
    def on_data_received(self, batch: DatagramBatch) -> None:
        raise ValueError("no camera, no picture,\nno frame")


class ObservingFails(ThroughSocket):
    def observe(self, now_ns: int) -> StreamSnapshot:
        raise ValueError("no camera, no picture,\nno frame")


class CannotMake(BrokenFactory):
    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        raise ValueError("no camera, no picture,\nno frame")


class MakesSomethingElse(BrokenFactory):
    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        return cast("IConnectedSocket", None)


class TellsNoCounts(ThroughSocket):
    def observe(self, now_ns: int) -> StreamSnapshot:
        return cast("StreamSnapshot", 5)


class TellsNoLateness(ThroughSocket):
    @property
    def send_lateness(self) -> Histogram | None:
        return cast("Histogram", 5)


@pytest.mark.parametrize(("wrap", "role"), [(TellsNoCounts, Role.RECEIVER), (TellsNoLateness, Role.SENDER)])
def test_a_factory_s_socket_that_tells_nonsense_ends_no_run(
    wrap: Callable[[IConnectedSocket], IConnectedSocket], role: Role
) -> None:
    factory = guarded_factory(BrokenFactory(wrap=wrap, role=role, number=1))
    report = simulated(config_of("pull", client={"connections": 2}), factory=factory)
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 1, Outcome.PROTOCOL_ERROR: 1}


def test_a_factory_that_cannot_be_closed_is_named_and_costs_nothing() -> None:
    class CannotClose(BrokenFactory):
        def close(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

    assert close_factory(guarded_factory(CannotClose())) == (f"{FACTORY} raised OSError: [Errno 5] Input/output error",)


@BOTH
def test_a_sender_that_fails_in_a_loopback_run_fails_the_run(direction: str) -> None:
    report = simulated(config_of(direction), make_sender=guarded_sender(RaisingSender))
    ((receiver, (sender,)),) = ((stream.end, stream.others) for stream in report.streams)
    assert_plugin_failed(sender)
    assert receiver.outcome is Outcome.SUCCESSFUL
    assert report.snapshot.outcomes == {Outcome.PROTOCOL_ERROR: 1}
    assert report.failed


class ServesAnotherPeer(BrokenFactory):
    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        return default(evolve(request, peer=VICTIM))


@BOTH
def test_a_factory_whose_socket_is_for_another_peer_fails_its_stream(direction: str) -> None:
    sides = both_sides(direction, factory=guarded_factory(ServesAnotherPeer()))
    for result in (*sides.client.results, *sides.server.results):
        assert result.outcome is Outcome.PROTOCOL_ERROR
        assert f"{FACTORY} raised ValueError: make returned a socket for {VICTIM}" in result.result


class SaysNotHowManyWent(ThroughEndpoint):
    def send_now(self, messages: Sequence[Message]) -> int:
        return cast("int", None)


class WrapsTheEndpoint(BrokenFactory):
    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        return default(evolve(request, endpoint=SaysNotHowManyWent(request.endpoint)))


@BOTH
def test_a_factory_s_endpoint_that_does_not_say_how_many_messages_went_fails_its_stream(direction: str) -> None:
    sides = both_sides(direction, factory=guarded_factory(WrapsTheEndpoint()))
    assert {result.result for result in sides.senders} == {
        f"ErrorPlugin: {FACTORY} raised TypeError: send_now returned None not how many messages went"
    }


@BOTH
@pytest.mark.parametrize(
    ("factory", "text"),
    [
        (CannotMake(), "raised ValueError: no camera no picture no frame"),
        (MakesSomethingElse(), "raised TypeError: make returned None not an IConnectedSocket"),
    ],
)
def test_a_factory_that_cannot_make_a_socket_fails_its_stream(
    direction: str, factory: BrokenFactory, text: str
) -> None:
    sides = both_sides(direction, factory=guarded_factory(factory))
    results = [*sides.client.results, *sides.server.results]
    assert [result.result for result in results] == [f"ErrorPlugin: {FACTORY} {text}"]


@pytest.mark.parametrize(
    ("direction", "wrap", "successful"),
    [
        ("pull", RunFails, 2),
        ("push", RunFails, 3),  # its peer has no answer, asks once more, and is served
        ("push", TakingDataFails, 2),
        ("pull", ObservingFails, 2),
    ],
)
def test_a_factory_s_socket_that_raises_fails_its_stream_and_leaves_the_others_alone(
    direction: str, wrap: Callable[[IConnectedSocket], IConnectedSocket], successful: int
) -> None:
    factory = guarded_factory(BrokenFactory(wrap=wrap, role=Role.RECEIVER, number=2))
    report = simulated(config_of(direction, client={"connections": 3}), factory=factory)
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: successful, Outcome.PROTOCOL_ERROR: 1}
    (failed,) = (result for result in report.results if result.outcome is not Outcome.SUCCESSFUL)
    assert failed.result == f"ErrorPlugin: {FACTORY} raised ValueError: no camera no picture no frame"


class CannotOpenItsFile(BrokenFactory):
    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        raise OSError(errno.ENOSPC, "No space left on device")


@BOTH
def test_an_error_of_the_system_while_a_socket_is_made_names_the_plugin(direction: str) -> None:
    sides = both_sides(direction, factory=guarded_factory(CannotOpenItsFile()))
    (result,) = [*sides.client.results, *sides.server.results]
    assert result.result == f"ErrorPlugin: {FACTORY} raised OSError: [Errno 28] No space left on device"


class HandlesBadly(ThroughEndpoint):
    error: Exception = ValueError("no camera, no picture")

    def receive_into(self, handler: DatagramHandler) -> None:
        def handle(local: Address, remote: Address, batch: DatagramBatch) -> None:
            raise self.error

        self.endpoint.receive_into(handle)


class RecordsOnAFullDisk(HandlesBadly):
    error = OSError(errno.ENOSPC, "No space left on device")


class ReadsThrough(BrokenFactory):
    """Puts an endpoint in front of that of one active stream, the second."""

    def __init__(self, endpoint: type[ThroughEndpoint]) -> None:
        super().__init__()
        self._endpoint = endpoint

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        if request.active:
            self._made += 1
            if self._made == 2:
                request.endpoint = self._endpoint(request.endpoint)
        return default(request)


class RendersBadly(BrokenFactory):
    """Has itself told of the frames of one stream, the second, and fails at the third."""

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        self._made += request.role is self._role
        if request.role is self._role and self._made == 2:
            request.on_frame = self._rendered
        return default(request)

    def _rendered(self, frame: RenderedFrame) -> None:
        if frame.sequence == 3:
            raise ValueError("no camera, no picture")


@BOTH
@pytest.mark.parametrize(
    ("factory", "text"),
    [
        (partial(ReadsThrough, HandlesBadly), "ValueError: no camera no picture"),
        (partial(ReadsThrough, RecordsOnAFullDisk), "OSError: [Errno 28] No space left on device"),
        (RendersBadly, "ValueError: no camera no picture"),
    ],
)
def test_what_a_factory_does_wrong_with_what_is_read_ends_its_stream_and_no_run(
    direction: str, factory: Callable[[], BrokenFactory], text: str
) -> None:
    report = simulated(config_of(direction, client={"connections": 3}), factory=guarded_factory(factory()))
    assert report.snapshot.outcomes[Outcome.PROTOCOL_ERROR] == 1
    results = [end for stream in report.streams for end in (stream.end, *stream.others)]
    assert [each.result for each in results if FACTORY in each.result] == [f"ErrorPlugin: {FACTORY} raised {text}"]


class LatenessFails(ThroughSocket):
    @property
    def send_lateness(self) -> Histogram | None:
        raise ValueError("no clock")


class NameFails(ThroughSocket):
    @property
    def connection_id(self) -> str | None:
        raise ValueError("no clock")


class MeasuringFails(ThroughSocket):
    @property
    def measured_ns(self) -> int | None:
        raise ValueError("no clock")


@BOTH
@pytest.mark.parametrize("wrap", [LatenessFails, NameFails, MeasuringFails])
@pytest.mark.parametrize("role", [Role.SENDER, Role.RECEIVER])
def test_what_a_factory_s_socket_cannot_tell_at_its_end_fails_its_stream(
    direction: str, wrap: Callable[[IConnectedSocket], IConnectedSocket], role: Role
) -> None:
    sides = both_sides(direction, factory=guarded_factory(BrokenFactory(wrap=wrap, role=role)))
    results = [*sides.client.results, *sides.server.results]
    (failed,) = (result for result in results if result.role is role)
    assert failed.result == f"ErrorPlugin: {FACTORY} raised ValueError: no clock"


class LeavesTheProcess(RaisingSender):
    async def go_wrong(self) -> None:
        raise SystemExit(3)


@BOTH
def test_a_sender_that_leaves_the_process_fails_its_stream(direction: str) -> None:
    sides = both_sides(direction, make_sender=guarded_sender(LeavesTheProcess))
    results = [*sides.client.results, *sides.server.results]
    (failed,) = (result for result in results if result.role is Role.SENDER)
    assert failed.result == f"ErrorPlugin: {SENDER} raised SystemExit: 3"


# Bugs


def broken(*args: object, **kwargs: object) -> NoReturn:
    raise RuntimeError("a bug")


@BOTH
@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (MediaStreamReceiver, "_next_task"),
        (MediaStreamReceiver, "_received"),
        (MediaStreamReceiver, "_sent"),
        (MediaStreamReceiver, "observe"),
        (MediaStreamSender, "_next_task"),
        (MediaStreamSender, "_sent"),
    ],
)
def test_a_bug_of_the_engine_ends_the_run_and_closes_the_logs(
    monkeypatch: pytest.MonkeyPatch, direction: str, pattern: type, method: str
) -> None:
    class Closing(Recorder):
        closed = 0

        def closing(self) -> None:
            self.closed += 1

    monkeypatch.setattr(pattern, method, broken)
    recorder = Closing()
    with pytest.raises(ExceptionGroup) as raised:
        simulated(config_of(direction), observers=[recorder])
    assert raised.group_contains(RuntimeError, match="^a bug$")
    assert recorder.closed == 1
