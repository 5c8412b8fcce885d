"""Whether the two ends agree, seen by a receiver: the peer sends the stream of its own settings over some network."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol.agreement import Agreement
from cts.protocol.handshake import Answering, handshake_of
from cts.protocol.plan import StreamPlan
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.roles import Role
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import DatagramBatch, IOAction, IOStatus, StreamError
from cts.protocol.wire import PATTERN, START, Data
from tests.examples import WHOLE_RUNS

MS = 1_000_000
SECOND = 1000 * MS
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
PLAN = StreamPlan(8_000_000, 30, 4 * SECOND)
Arrival = tuple[int, bytes]


def sent(plan: StreamPlan, late_ns: list[int] | None = None) -> list[Arrival]:
    """Return the datagrams of a whole stream, each with when it leaves."""
    left: list[Arrival] = []
    for sequence in range(1, plan.final_frame + 1):
        at_ns = plan.send_offset_ns(sequence) + (late_ns[sequence - 1] if late_ns else 0)
        left += [
            (at_ns, Data(sequence, at_ns // 100, 10_000_000, PATTERN[: size - 26]).encode())
            for size in plan.datagram_sizes
        ]
    return left


def through_a_queue(left: list[Arrival], room: int | None) -> list[Arrival]:
    """Return what passes a queue of so many bytes that is empty at each frame; None for one that takes everything."""
    passed: list[Arrival] = []
    queued, last_ns = 0, -1
    for at_ns, datagram in left:
        queued = queued if at_ns == last_ns else 0
        last_ns = at_ns
        if room is None or queued + len(datagram) <= room:
            queued += len(datagram)
            passed.append((at_ns, datagram))
    return passed


def receiver(plan: StreamPlan = PLAN, arrivals: list[Arrival] | None = None, until_ns: int = 0) -> MediaStreamReceiver:
    """Return a push server's receiver that got these, and ran to its end or until an instant."""
    handshake = handshake_of(plan, 0, role=Role.RECEIVER, connection_id=NAME)
    pattern = MediaStreamReceiver(plan, handshake, agreement=Agreement(plan))
    recv = pattern.initiate_io(0)
    pattern.complete_io(pattern.initiate_io(0), now_ns=0, transferred=39)
    for at_ns, datagram in arrivals or []:
        if not until_ns or at_ns < until_ns:
            pattern.complete_io(recv, now_ns=at_ns, data=DatagramBatch(datagram, len(datagram), at_ns))
    end_ns = until_ns or plan.end_offset_ns + SECOND
    pattern.observe(end_ns)
    if not until_ns:
        pattern.complete_io(pattern.initiate_io(end_ns), now_ns=end_ns)
    return pattern


def text_of(pattern: MediaStreamReceiver | MediaStreamSender) -> str:
    assert pattern.remark is not None
    return pattern.remark.text


MISMATCHES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "twice the rate": ({"bits_per_second": 16_000_000}, ["16 Mbit/s where 8 Mbit/s are set"]),
    "half the rate": ({"bits_per_second": 4_000_000}, ["4 Mbit/s where 8 Mbit/s are set"]),
    "a rate a little higher": ({"bits_per_second": 8_100_000}, ["frames of 33,750 bytes where 33,333 are set"]),
    "more frames a second": ({"frame_rate": 60}, ["60 frames a second where 30 are set"]),
    "fewer frames a second": ({"frame_rate": Fraction(24000, 1001)}, ["24 frames a second where 30 are set"]),
    "a longer stream": ({"stream_length_ns": 6 * SECOND}, ["more than the 120 frames (4 s) that are set"]),
    "smaller datagrams": ({"datagram_max_size": 1000}, ["datagrams of up to 1,000 bytes where 1,400 are set"]),
    "larger datagrams": ({"datagram_max_size": 9000}, ["datagrams of up to 9,000 bytes where 1,400 are set"]),
    "twice the rate and the frames a second": (
        {"bits_per_second": 16_000_000, "frame_rate": 60},
        ["16 Mbit/s where 8 Mbit/s are set", "60 frames a second where 30 are set"],
    ),
    "half the rate and the frames a second": (
        {"bits_per_second": 4_000_000, "frame_rate": 15},
        ["4 Mbit/s where 8 Mbit/s are set", "15 frames a second where 30 are set"],
    ),
    "rate and datagrams": (
        {"bits_per_second": 2_000_000, "datagram_max_size": 600},
        ["2 Mbit/s where 8 Mbit/s are set", "datagrams of up to 600 bytes where 1,400 are set"],
    ),
    "length and rate": (
        {"bits_per_second": 10_000_000, "stream_length_ns": 5 * SECOND},
        ["10 Mbit/s where 8 Mbit/s are set", "more than the 120 frames (4 s) that are set"],
    ),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_a_peer_of_other_settings_is_told_by_what_it_sends_and_what_is_set(name: str) -> None:
    changes, differences = MISMATCHES[name]
    pattern = receiver(arrivals=sent(attrs.evolve(PLAN, **changes)))
    assert text_of(pattern) == "the two ends do not agree: the peer sends " + ", ".join(differences)
    assert pattern.status is IOStatus.FAILED
    assert pattern.error is StreamError.SETTINGS_DISAGREE
    assert pattern.ended_ns == PLAN.end_offset_ns
    assert pattern.counts.rendered == PLAN.final_frame


@pytest.mark.parametrize("name", MISMATCHES)
def test_loss_and_duplication_do_not_hide_that_the_ends_disagree(name: str) -> None:
    changes, _ = MISMATCHES[name]
    random = Random(name)
    survived = [
        arrival
        for each in sent(attrs.evolve(PLAN, **changes))
        for arrival in [each] * random.choices((0, 1, 2), (1, 96, 3))[0]
    ]
    pattern = receiver(arrivals=survived)
    assert pattern.error is StreamError.SETTINGS_DISAGREE


@WHOLE_RUNS
@given(
    st.sampled_from([8_000_000, 800_000, 64_000, 3_360_000]),
    st.sampled_from([30, 60, Fraction(30000, 1001), 7]),
    st.sampled_from([1400, 400, 9000]),
    st.sampled_from([1, 2, 5, 60]),
    st.floats(0, 0.9),
    st.floats(0, 1),
    st.integers(0, 300),
    st.none() | st.integers(0, 50_000),
    st.integers(0, 2**32),
)
def test_no_network_makes_ends_of_one_setting_disagree(
    bits_per_second: int,
    frame_rate: Fraction,
    size: int,
    frames: int,
    loss: float,
    twice: float,
    jitter_ms: int,
    room: int | None,
    seed: int,
) -> None:
    length_ns = -(-frames * SECOND // frame_rate)
    plan = StreamPlan(bits_per_second, frame_rate, length_ns, datagram_max_size=size)
    random = Random(seed)
    arrivals = [
        (at_ns + random.randrange(jitter_ms * MS + 1), datagram)
        for at_ns, datagram in through_a_queue(sent(plan), room)
        if random.random() >= loss
        for _ in range(1 + (random.random() < twice))
    ]
    arrivals.sort()
    pattern = receiver(plan, arrivals)
    assert pattern.error is not StreamError.SETTINGS_DISAGREE


def test_datagrams_that_only_pass_when_they_are_small_are_a_network() -> None:
    pattern = receiver(arrivals=[each for each in sent(PLAN) if len(each[1]) < PLAN.datagram_max_size])
    assert pattern.error is None
    assert pattern.counts.dropped == PLAN.final_frame


def test_a_queue_that_holds_the_first_datagrams_of_each_frame_is_a_network() -> None:
    first = [each for index, each in enumerate(sent(PLAN)) if index % len(PLAN.datagram_sizes) < 10]
    assert receiver(arrivals=first).error is None


def test_a_queue_that_has_room_for_the_first_datagrams_and_the_short_last_one_is_a_network() -> None:
    count = len(PLAN.datagram_sizes)
    ends = [each for index, each in enumerate(sent(PLAN)) if index % count < 10 or index % count == count - 1]
    pattern = receiver(arrivals=ends)
    assert pattern.error is None
    assert text_of(pattern).endswith("the peer has another rate, or the network lets no more of a frame through")


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("lost", [True, False])
def test_a_short_stream_whose_frames_all_lost_or_doubled_a_datagram_met_a_network(frames: int, lost: bool) -> None:
    plan = attrs.evolve(PLAN, stream_length_ns=PLAN.send_offset_ns(frames) + 1)
    arrivals = [
        arrival
        for index, each in enumerate(sent(plan))
        for arrival in [each] * (1 if index % len(plan.datagram_sizes) != 3 else 0 if lost else 2)
    ]
    assert receiver(plan, arrivals).remark is None


ROUND = StreamPlan(2800 * 8 * 30, 30, 4 * SECOND)
"""Its frames are whole numbers of the largest datagram, and so are those of other rates: no datagram has a foreign size."""


def test_frames_that_are_all_longer_by_some_datagrams_are_told_by_their_size() -> None:
    pattern = receiver(ROUND, sent(attrs.evolve(ROUND, bits_per_second=ROUND.bits_per_second * 3 // 2)))
    assert "1.008 Mbit/s where 672 kbit/s are set" in text_of(pattern)
    assert pattern.error is StreamError.SETTINGS_DISAGREE


@pytest.mark.parametrize(
    ("times", "words"), [(2, "doubles every datagram"), (Fraction(1, 2), "lets no more of a frame")]
)
def test_where_another_rate_and_a_network_look_alike_both_are_named(times: Fraction, words: str) -> None:
    other = attrs.evolve(ROUND, bits_per_second=int(times * ROUND.bits_per_second))
    pattern = receiver(ROUND, sent(other))
    start = f"all frames come with {other.frame_size:,} bytes where 2,800 are set: the peer has another rate, or"
    assert text_of(pattern).startswith(start)
    assert words in text_of(pattern)
    assert pattern.error is None


def test_a_network_that_doubles_everything_disagrees_with_nobody() -> None:
    assert receiver(ROUND, [each for each in sent(ROUND) for _ in range(2)]).error is None


def test_a_sender_that_was_held_up_and_catches_up_does_not_disagree() -> None:
    held_up = [max(0, 2500 - 33 * sequence) * MS * (sequence > 20) for sequence in range(1, PLAN.final_frame + 1)]
    assert receiver(arrivals=sent(PLAN, held_up)).error is None


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 40), st.integers(0, 2**32))
def test_a_sender_on_a_host_that_holds_it_up_again_and_again_does_not_disagree(frames: int, seed: int) -> None:
    plan = attrs.evolve(PLAN, stream_length_ns=frames * SECOND // 30 + MS)
    random, late_ns, free_ns = Random(seed), [], 0
    for sequence in range(1, plan.final_frame + 1):
        due_ns = plan.send_offset_ns(sequence)
        free_ns = max(free_ns, due_ns) + min(int(random.expovariate(1 / (40 * MS))), 100 * MS) * random.randrange(2)
        late_ns.append(free_ns - due_ns)
    pattern = receiver(plan, sent(plan, late_ns))
    assert pattern.remark is None or not pattern.remark.disagrees


def test_a_sender_that_holds_frames_back_does_not_disagree() -> None:
    together = [(-sequence % 16) * PLAN.interval_ns for sequence in range(1, PLAN.final_frame + 1)]
    assert receiver(arrivals=sent(PLAN, together)).error is None


def test_a_pace_is_told_as_it_is_set_though_the_first_frame_that_came_had_been_held_back() -> None:
    other = attrs.evolve(PLAN, frame_rate=60)
    late = [3 * other.interval_ns, *[0] * (other.final_frame - 1)]
    expected = "the two ends do not agree: the peer sends 60 frames a second where 30 are set"
    assert text_of(receiver(arrivals=sent(other, late))) == expected


def test_a_sender_that_cannot_keep_up_is_said_to_be_slow_and_fails_nothing() -> None:
    random, behind, late = Random(1), 0, []
    for _ in range(PLAN.final_frame):
        behind += random.randrange(0, 60) * MS
        late.append(behind)
    pattern = receiver(arrivals=sent(PLAN, late))
    assert "it cannot keep up, or has other settings" in text_of(pattern)
    assert pattern.error is None


@pytest.mark.parametrize("sequence", [PLAN.final_frame + 5, 2**40, -3])
def test_one_stray_datagram_shows_nothing(sequence: int) -> None:
    stray = Data(sequence, 1, 10_000_000, PATTERN[:77]).encode()
    assert receiver(arrivals=[(0, stray), *sent(PLAN)]).remark is None


def damaged(datagram: bytes, at: int, bit: int) -> bytes:
    return datagram[:at] + bytes([datagram[at] ^ 1 << bit]) + datagram[at + 1 :]


@WHOLE_RUNS
@given(st.integers(0, 2**32))
def test_bits_that_are_flipped_on_the_way_make_ends_of_one_setting_no_disagreement(seed: int) -> None:
    random = Random(seed)
    arrivals = [
        (at_ns, damaged(datagram, random.randrange(2, 26), random.randrange(8)) if random.random() < 0.1 else datagram)
        for at_ns, datagram in sent(PLAN)
    ]
    assert receiver(arrivals=arrivals).error is None


def test_a_stamp_that_was_damaged_does_not_hide_another_pace() -> None:
    arrivals = sent(attrs.evolve(PLAN, frame_rate=60, bits_per_second=16_000_000))
    at_ns, datagram = arrivals[100]
    arrivals[100] = at_ns, damaged(datagram, 17, 6)
    arrivals.insert(50, (arrivals[50][0], damaged(arrivals[50][1], 2, 7)))
    assert "60 frames a second where 30 are set" in text_of(receiver(arrivals=arrivals))


def test_a_disagreement_shows_while_the_stream_runs_once_it_was_found_twice() -> None:
    arrivals = sent(attrs.evolve(PLAN, bits_per_second=16_000_000))
    assert receiver(arrivals=arrivals, until_ns=SECOND).remark is None
    pattern = receiver(arrivals=arrivals, until_ns=3 * SECOND)
    assert text_of(pattern) == "the two ends do not agree: the peer sends 16 Mbit/s where 8 Mbit/s are set"
    assert pattern.status is IOStatus.CONTINUE


def test_stamps_of_no_clock_are_no_pace() -> None:
    silly = [
        (at_ns, Data(1 + index // 24, (-1) ** index * 2**62, 0 if index % 2 else -1, PATTERN[:100]).encode())
        for index, (at_ns, _) in enumerate(sent(PLAN))
    ]
    assert "frames a second" not in text_of(receiver(arrivals=silly))


def test_datagrams_of_any_size_are_told_by_a_few_of_them() -> None:
    odd = [
        (at_ns, Data(1 + index // 24, 1, 10_000_000, PATTERN[: 50 + index % 997]).encode())
        for index, (at_ns, _) in enumerate(sent(PLAN))
    ]
    assert "bytes where 1,400 and 1,133 are set" in text_of(receiver(arrivals=odd))


def test_who_knows_that_settings_are_shared_looks_for_no_disagreement() -> None:
    handshake = handshake_of(PLAN, 0, role=Role.RECEIVER, connection_id=NAME)
    pattern = MediaStreamReceiver(PLAN, handshake)
    recv = pattern.initiate_io(0)
    for at_ns, datagram in sent(attrs.evolve(PLAN, bits_per_second=16_000_000)):
        pattern.complete_io(recv, now_ns=at_ns, data=DatagramBatch(datagram, len(datagram), at_ns))
    pattern.observe(PLAN.end_offset_ns + 1)
    assert pattern.remark is None
    assert pattern.counts.repeated == PLAN.final_frame


def sender(connection_id: str | None, *datagrams: bytes) -> MediaStreamSender:
    """Return a sender that got these and then sent its whole stream."""
    plan = StreamPlan(80_000, 10, SECOND)
    pattern = MediaStreamSender(plan, handshake_of(plan, 0, role=Role.SENDER, connection_id=connection_id or NAME))
    recv = pattern.initiate_io(0)
    for datagram in datagrams:
        pattern.complete_io(recv, now_ns=0, data=DatagramBatch(datagram, len(datagram), 0))
    now_ns = 0
    while pattern.status is IOStatus.CONTINUE:
        task = pattern.initiate_io(now_ns)
        now_ns = max(now_ns, task.due_ns)
        assert task.action is IOAction.SEND
        pattern.complete_io(task, now_ns=now_ns, transferred=task.size)
    return pattern


DATA = Data(1, 1, 10_000_000, PATTERN[:100]).encode()


def test_frames_that_come_to_a_sender_tell_that_both_ends_send() -> None:
    pattern = sender(NAME, DATA, DATA)
    assert pattern.error is StreamError.SETTINGS_DISAGREE
    assert "the peer sends frames, too" in text_of(pattern)


def test_one_frame_that_comes_to_a_sender_tells_nothing() -> None:
    assert sender(NAME, DATA).remark is None


def test_start_that_comes_to_a_client_tells_that_both_ends_ask() -> None:
    handshake = handshake_of(PLAN, 0, role=Role.RECEIVER, connection_id=None)
    pattern = MediaStreamReceiver(PLAN, handshake)
    recv = pattern.initiate_io(0)
    for _ in range(2):
        pattern.complete_io(recv, now_ns=0, data=DatagramBatch(START, len(START), 0))
    assert "the peer asks for a stream, too" in text_of(pattern)


def test_a_peer_that_sends_no_more_is_said_to_have_fallen_silent_and_when() -> None:
    pattern = receiver(arrivals=[each for each in sent(PLAN) if each[0] <= 2 * SECOND])
    assert text_of(pattern).startswith("the peer fell silent 2.000 s after the stream began, in frame 60 of 120")
    assert pattern.error is None


def test_a_peer_whose_first_data_comes_late_is_not_said_to_have_fallen_silent() -> None:
    base_ns = 1000 * SECOND
    handshake = Answering(PLAN, base_ns, "name", follows=True, answer=b"welcome", patience_ns=5 * SECOND)
    pattern = MediaStreamReceiver(PLAN, handshake)
    at_ns = base_ns + PLAN.render_offset_ns(1) + SECOND
    datagram = next(each for _, each in sent(PLAN))
    recv, answer = pattern.initiate_io(base_ns), pattern.initiate_io(base_ns)
    pattern.complete_io(answer, now_ns=base_ns, transferred=0)
    pattern.complete_io(recv, now_ns=at_ns, data=DatagramBatch(datagram, len(datagram), at_ns))
    assert pattern.remark is None


def test_a_short_gap_at_the_end_is_no_silence() -> None:
    assert receiver(arrivals=sent(PLAN)[: -5 * len(PLAN.datagram_sizes)]).remark is None


def test_a_server_that_gets_no_frame_says_what_came_and_what_may_be_wrong() -> None:
    assert text_of(receiver()).startswith("the peer asked 1 time, was answered, and sent no frame in 1 s")


@pytest.mark.parametrize(
    ("named", "words"),
    [(False, "2 STARTs sent, and nothing came back in 1 s: no server there"), (True, "its direction is push")],
)
def test_a_client_that_gets_no_frame_says_what_it_sent_and_what_came_back(named: bool, words: str) -> None:
    handshake = handshake_of(PLAN, 0, role=Role.RECEIVER, connection_id=None)
    pattern = MediaStreamReceiver(PLAN, handshake)
    pattern.initiate_io(0)
    for now_ns in (0, 600 * MS):
        task = pattern.initiate_io(now_ns)
        assert task.action is IOAction.SEND
        pattern.complete_io(task, now_ns=now_ns, transferred=5)
    if named:
        handshake.named(NAME, 700 * MS)
    pattern.observe(PLAN.render_offset_ns(1) + 1)
    assert words in text_of(pattern)
    assert pattern.error is StreamError.NOT_ALL_DATA_TRANSFERRED
