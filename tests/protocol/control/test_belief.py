"""What is believed of a peer's counts: no set of numbers that speaks against itself, the plan, or what this end has seen."""

from __future__ import annotations

import pytest
from attrs import evolve

from cts.protocol.control.belief import Seen, believed
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import Counts, Results
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.units import SECOND

PLAN = StreamPlan(1_000_000, 30, SECOND, SECOND, 1400)
FRAME, DATAGRAMS = PLAN.frame_size, len(PLAN.datagram_sizes)
ALL = PLAN.final_frame

RECEIVED = ReceiverCounts(
    completed=20,
    dropped=6,
    repeated=2,
    on_time=23 * DATAGRAMS + 2,
    late=2,
    ahead=1,
    no_such_frame=1,
    bytes_received=23 * FRAME + 6 * 1400,
    bytes_on_time=23 * FRAME + 2 * 1400,
    bytes_of_no_frame=1400,
    due=28 * FRAME,
    missing=6 * FRAME,
    late_bytes=2 * 1400,
    sent_late=1400,
    early=1400,
    duplicate=2,
)
"""What a receiver has counted shortly before the end: one frame is in its buffer, and two have come twice in part."""
SENT = SenderCounts(
    frames_due=28,
    frames_unsent=3,
    bytes_sent=25 * FRAME,
    due=28 * FRAME,
    missing=3 * FRAME,
    lateness_count=28,
    lateness_p50_ns=1,
    lateness_p99_ns=2,
    lateness_greatest_ns=2,
)
WHOLE = ReceiverCounts(
    completed=ALL,
    on_time=ALL * DATAGRAMS,
    bytes_received=ALL * FRAME,
    bytes_on_time=ALL * FRAME,
    due=ALL * FRAME,
)
ALL_SENT = SenderCounts(frames_due=ALL, bytes_sent=ALL * FRAME, due=ALL * FRAME)


def test_what_can_be_is_believed() -> None:
    told = Counts(RECEIVED, SENT)
    assert believed(told, PLAN) == told


def test_copies_on_the_way_are_no_contradiction() -> None:
    told = evolve(WHOLE, on_time=50 * WHOLE.on_time, bytes_on_time=50 * ALL * FRAME, bytes_received=50 * ALL * FRAME)
    told = evolve(told, completed=0, repeated=ALL, duplicate=49 * WHOLE.on_time)
    assert believed(Counts(told), PLAN, Seen(Role.SENDER, ALL)).received == told


def test_what_strangers_send_is_no_contradiction() -> None:
    told = evolve(RECEIVED, undecodable=10**9, wrong_payload=10**9, unexpected=10**9, handshake=10**9)
    told = evolve(
        told, no_such_frame=10**9, bytes_of_no_frame=10**12, bytes_received=told.bytes_received - 1400 + 10**12
    )
    assert believed(Counts(told), PLAN).received == told


@pytest.mark.parametrize(
    "lie",
    [
        {"completed": 23},
        {"bytes_received": 2**47},
        {"on_time": 2**47},
        {"undecodable": 2**48},
        {"elapsed_ns": 2**62},
        {"due": 29 * FRAME},
        {"missing": 5},
        {"missing": 7 * FRAME},
        {"late_bytes": 6 * FRAME + 1},
        {"sent_late": 2 * 1400 + 1},
        {"bytes_on_time": 22 * FRAME - 1, "bytes_received": 22 * FRAME + 4 * 1400 - 1},
        {"early": 26},
        {"early": 0},
        {"late": 0},
        {"late": 10**4},
        {"bytes_of_no_frame": 0},
        {"no_such_frame": 0},
        {"hidden_losses": 3},
        {"duplicate": 10**5},
        {"bytes_received": 0},
    ],
)
def test_a_receiver_s_counts_that_speak_against_each_other_or_the_plan_are_not_believed(lie: dict[str, int]) -> None:
    assert believed(Counts(evolve(RECEIVED, **lie)), PLAN) == Counts()


def test_more_good_data_than_any_network_makes_of_the_stream_is_not_believed() -> None:
    plan = StreamPlan(12_000_000, 30, SECOND, SECOND, 1400)
    frames, size = plan.final_frame, 100 * plan.transfer_size
    told = evolve(WHOLE, on_time=size // 1400, bytes_on_time=size, bytes_received=size, due=plan.transfer_size)
    assert believed(Counts(told), plan, Seen(Role.SENDER, frames)).received == told
    told = evolve(told, bytes_on_time=size + 1, bytes_received=size + 1)
    assert believed(Counts(told), plan, Seen(Role.SENDER, frames)) == Counts()


@pytest.mark.parametrize(
    "lie",
    [
        {"frames_due": 31},
        {"frames_due": 2},
        {"frames_due": 26},
        {"frames_unsent": 2},
        {"bytes_sent": 2**47},
        {"bytes_sent": 0},
        {"bytes_sent": 2**47, "due": 2**47 + 3 * FRAME},
        {"missing": 0},
        {"lateness_count": 2**48},
        {"lateness_p50_ns": 3},
        {"lateness_greatest_ns": 2**62},
        {"lateness_p99_ns": 3},
    ],
)
def test_a_sender_s_counts_that_speak_against_each_other_or_the_plan_are_not_believed(lie: dict[str, int]) -> None:
    assert believed(Counts(sent=evolve(SENT, **lie)), PLAN) == Counts()


def test_what_is_not_believed_of_one_part_says_nothing_of_the_other() -> None:
    told = Counts(RECEIVED, evolve(SENT, frames_due=31))
    assert believed(told, PLAN) == Counts(RECEIVED)


@pytest.mark.parametrize(("role", "kept"), [(Role.SENDER, Counts(WHOLE)), (Role.RECEIVER, Counts(sent=ALL_SENT))])
def test_a_peer_plays_the_other_part_only(role: Role, kept: Counts) -> None:
    assert believed(Counts(WHOLE, ALL_SENT), PLAN, Seen(role, ALL)) == kept


def test_no_receiver_has_more_frames_than_have_begun_to_leave() -> None:
    played = RECEIVED.completed + RECEIVED.repeated
    told = Counts(RECEIVED)
    assert believed(told, PLAN, Seen(Role.SENDER, played)) == told
    assert believed(told, PLAN, Seen(Role.SENDER, played - 1)) == Counts()


def test_no_receiver_has_more_of_its_frames_than_have_begun_to_leave() -> None:
    told = evolve(RECEIVED, completed=0, dropped=26, missing=26, on_time=28 * DATAGRAMS, bytes_on_time=28 * FRAME)
    told = evolve(told, bytes_received=28 * FRAME + 4 * 1400, late_bytes=26, sent_late=0)
    assert believed(Counts(told), PLAN, Seen(Role.SENDER, 28)).received == told
    assert believed(Counts(told), PLAN, Seen(Role.SENDER, 27)) == Counts()


def test_a_sender_has_sent_in_the_end_what_has_come() -> None:
    told = Results("Cancelled", sent=SENT)
    # The last one may have left as the stream was cut off.
    assert believed(told, PLAN, Seen(Role.RECEIVER, 29)) == told
    assert believed(told, PLAN, Seen(Role.RECEIVER, 30)) == Results("Cancelled")


def test_bytes_that_came_have_been_sent_in_the_end() -> None:
    sent = SenderCounts(frames_due=28, bytes_sent=20 * FRAME, due=20 * FRAME)
    told = Results("ErrorNotAllDataTransferred", sent=sent)
    assert believed(told, PLAN, Seen(Role.RECEIVER, 21)) == told
    assert believed(told, PLAN, Seen(Role.RECEIVER, 22)) == evolve(told, sent=None)


def test_counts_of_a_running_stream_may_be_older_than_what_has_come() -> None:
    told = Counts(sent=SENT)
    assert believed(told, PLAN, Seen(Role.RECEIVER, ALL)) == told


def test_who_has_succeeded_has_counted_the_whole_stream() -> None:
    assert believed(Results("Succeeded", RECEIVED, SENT), PLAN) == Results("Succeeded")
    told = Results("Succeeded", WHOLE, ALL_SENT)
    assert believed(told, PLAN) == told
