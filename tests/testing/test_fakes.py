from __future__ import annotations

from fractions import Fraction

import pytest
import trio
import trio.testing

from cts.api import Address, DatagramBatch, EndpointStatistics, StreamPlan
from cts.errors import DecodeError
from cts.testing import (
    LOCAL,
    PEER,
    FailingEndpoint,
    MockPacer,
    OneByOneSender,
    RecordingEndpoint,
    StallingEndpoint,
    StallingPacer,
    plan_of,
    record_frames,
    run_on_mock_clock,
)


async def test_a_recording_endpoint_keeps_copies_with_their_times(autojump_clock: trio.testing.MockClock) -> None:
    endpoint, header = RecordingEndpoint(), bytearray(b"head")
    await trio.sleep(2)
    assert await endpoint.send(PEER, header, b"payload") == 11
    header[:] = b"gone"
    (sent,) = endpoint.sent
    assert (sent.time_ns, sent.remote, sent.datagram) == (2_000_000_000, PEER, b"headpayload")


async def test_a_segmented_send_is_one_call_of_many_datagrams() -> None:
    endpoint = RecordingEndpoint(segment_limit=46)
    view = memoryview(b"abcdef")
    assert await endpoint.send_train(PEER, b"-", [view[:3], view[3:], view[:1]]) == 10
    assert [sent.datagram for sent in endpoint.sent] == [b"-abc", b"-def", b"-a"]
    assert endpoint.calls == [3]


@pytest.mark.parametrize("sizes", [[], [1, 2], [2, 1, 2], [2, 1, 1]])
async def test_what_no_segmented_send_can_carry_is_refused(sizes: list[int]) -> None:
    with pytest.raises(AssertionError, match="send_train was given"):
        await RecordingEndpoint().send_train(PEER, b"-", [memoryview(bytes(size)) for size in sizes])


async def test_what_is_delivered_reaches_the_handler_with_both_addresses() -> None:
    endpoint = RecordingEndpoint()
    taken: list[tuple[Address, Address, list[bytes]]] = []

    def take(local: Address, remote: Address, batch: DatagramBatch) -> None:
        taken.append((local, remote, [bytes(datagram) for datagram in batch.datagrams()]))

    endpoint.receive_into(take)
    endpoint.deliver(b"aabbc", segment_size=2)
    assert taken == [(LOCAL, PEER, [b"aa", b"bb", b"c"])]
    assert endpoint.statistics() == EndpointStatistics(3, 0)


async def test_nothing_can_be_delivered_before_somebody_receives() -> None:
    with pytest.raises(AssertionError, match="nobody has called receive_into"):
        RecordingEndpoint().deliver(b"x")


async def test_a_stalling_endpoint_waits_once_and_says_so(autojump_clock: trio.testing.MockClock) -> None:
    told: list[float] = []
    endpoint = StallingEndpoint(after=1, on_stall=lambda: told.append(trio.current_time()))
    for _ in range(3):
        await endpoint.send(PEER, b"x")
    assert told == [0]
    assert [sent.time_ns for sent in endpoint.sent] == [0, 3_600_000_000_000, 3_600_000_000_000]


async def test_a_failing_endpoint_takes_what_comes_before_and_nothing_after() -> None:
    endpoint = FailingEndpoint(after=1)
    await endpoint.send(PEER, b"x")
    for _ in range(2):
        with pytest.raises(OSError, match="unreachable"):
            await endpoint.send(PEER, b"x")
    assert endpoint.refused
    assert len(endpoint.sent) == 1


@pytest.mark.parametrize(
    "endpoint", [StallingEndpoint(after=1, on_stall=lambda: None), FailingEndpoint(after=1)], ids=["full", "refused"]
)
async def test_what_is_to_go_at_once_neither_waits_nor_raises(
    endpoint: StallingEndpoint | FailingEndpoint, autojump_clock: trio.testing.MockClock
) -> None:
    assert endpoint.try_send(PEER, b"one")
    assert not endpoint.try_send(PEER, b"two")
    assert [sent.datagram for sent in endpoint.sent] == [b"one"]


async def test_a_closed_endpoint_sends_nothing_at_once(autojump_clock: trio.testing.MockClock) -> None:
    endpoint = RecordingEndpoint()
    endpoint.close()
    assert not endpoint.try_send(PEER, b"late")
    assert endpoint.sent == []


@pytest.mark.parametrize("due_ns", [1, 999, 1_000_000_007, 123_456_789_012_345])
async def test_the_pacer_wakes_at_the_nanosecond(due_ns: int, autojump_clock: trio.testing.MockClock) -> None:
    pacer = MockPacer()
    await pacer.wait_until(due_ns)
    assert pacer.now_ns() == due_ns


async def test_a_wait_for_the_past_is_a_checkpoint_and_takes_no_time(autojump_clock: trio.testing.MockClock) -> None:
    pacer = MockPacer()
    with trio.testing.assert_checkpoints():
        await pacer.wait_until(-5)
    assert pacer.now_ns() == 0


async def test_a_stalling_pacer_waits_once_and_then_pretends(autojump_clock: trio.testing.MockClock) -> None:
    told: list[float] = []
    pacer = StallingPacer(on_stall=lambda: told.append(trio.current_time()))
    await pacer.wait_until(0)
    assert told == []
    await pacer.wait_until(1000)
    assert (told, trio.current_time()) == ([0], 3600)
    await pacer.wait_until(4_000_000_000_000)
    assert (pacer.now_ns(), trio.current_time()) == (4_000_000_000_000, 3600)


@pytest.mark.parametrize("frame_rate", [1, 7, 30, 60, 240, Fraction(30_000, 1001), Fraction(1, 2), Fraction(3, 7)])
@pytest.mark.parametrize("frames", [1, 6, 100])
def test_a_plan_has_the_frames_that_were_asked_for(frames: int, frame_rate: int | Fraction) -> None:
    plan = plan_of(1234, frames=frames, frame_rate=frame_rate, buffer_depth_s=3)
    assert (plan.frame_size, plan.final_frame) == (1234, frames)
    assert plan.frame_rate == frame_rate


def test_every_frame_is_handed_over_when_it_is_due() -> None:
    plan = plan_of(1500, frames=30, frame_rate=7)
    run = record_frames(OneByOneSender, plan)
    assert [frame.due_ns - run.base_ns for frame in run.frames] == [plan.send_offset_ns(k) for k in range(1, 31)]
    assert all(run.offsets_ns(k) == [0, 0] for k in range(1, 31))
    assert [frame.returned for frame in run.frames] == [1500] * 30
    assert (run.stray, run.tasks_left) == ((), 0)


def test_a_frame_can_be_handed_over_late() -> None:
    run = record_frames(OneByOneSender, plan_of(100, frames=2), late_ns=12_345)
    assert run.offsets_ns(2) == [12_345]


def test_the_options_and_the_plan_reach_the_sender() -> None:
    seen: list[object] = []

    class Curious(OneByOneSender):
        def __init__(self, options: object, plan: StreamPlan) -> None:
            seen.extend((options, plan))

    plan = plan_of(100, frames=1)
    record_frames(Curious, plan, "these")
    assert seen == ["these", plan]


def test_what_is_no_data_datagram_has_no_sequence_number() -> None:
    async def main() -> RecordingEndpoint:
        endpoint = RecordingEndpoint()
        await endpoint.send(PEER, b"START")
        return endpoint

    with pytest.raises(DecodeError, match="Start is not a data datagram"):
        _ = run_on_mock_clock(main).sent[0].sequence
