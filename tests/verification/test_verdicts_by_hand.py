"""What each stream must report, against logs written by hand: here the definitions are, not the engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cts.protocol.wire import START
from tests.verification.hand_written_logs import (
    DUE,
    FRAME_SIZE,
    MS,
    NAMELESS,
    PAYLOAD_BIT,
    Desk,
    Events,
    Truth,
    opened_pull,
    opened_push,
)

ON_TIME = {sequence: (sequence * 100 + 10) * MS for sequence in range(1, 6)}
ALL: list[tuple[int, int | None]] = [(FRAME_SIZE, ON_TIME[sequence]) for sequence in range(1, 6)]
NOTHING = (0, None)
MISMATCH = "ErrorDataDidNotMatchBitPattern"
NO_DATA = "ErrorNotAllDataTransferred"
NO_NAME = "ErrorNoConnectionId"


def all_but(truth: Truth, *missing: int, until: int = 5) -> Truth:
    for sequence in range(1, until + 1):
        if sequence not in missing:
            truth.frame(sequence, ON_TIME[sequence])
    return truth


def having(**changed: tuple[int, int | None]) -> list[tuple[int, int | None]]:
    """Return all frames complete, but for some: ``f3=(size, received)``."""
    return [changed.get(f"f{sequence}", ALL[sequence - 1]) for sequence in range(1, 6)]


@pytest.mark.parametrize("opened", [opened_pull, opened_push])
def test_frames_that_came_in_time_are_completed(desk: Desk, opened: Callable[[], Truth]) -> None:
    truth = opened()
    assert desk.found(all_but(truth), Events(ALL, direction=truth.direction)) == []


def test_a_lost_frame_is_dropped(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3)
    assert desk.found(truth, Events(having(f3=NOTHING))) == []


def test_half_a_frame_is_dropped_with_its_size(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, 310 * MS, size=50)
    assert desk.found(truth, Events(having(f3=(50, 310 * MS)))) == []


def test_a_frame_that_came_twice_is_repeated(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, 310 * MS, 320 * MS)
    assert desk.found(truth, Events(having(f3=(200, 320 * MS)))) == []


def test_arriving_in_the_instant_of_the_render_time_is_in_time(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, DUE[3])
    assert desk.found(truth, Events(having(f3=(FRAME_SIZE, DUE[3])))) == []


def test_arriving_a_nanosecond_after_the_render_time_is_an_error(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, DUE[3] + 1)
    assert desk.found(truth, Events(having(f3=NOTHING), error=1, missed_bytes=FRAME_SIZE)) == []


def test_arriving_before_the_window_reaches_the_frame_is_an_error(desk: Desk) -> None:
    # The window is 4 frames: while frame 1 is at the head, which it is up to its render time, frame 5 is beyond it.
    # Nor does it end the measured interval, though it is of the final frame.
    truth = all_but(opened_pull().frame(5, DUE[1]), 5)
    events = Events(having(f5=NOTHING), error=1, missed_bytes=FRAME_SIZE)
    assert desk.found(truth, events) == []


def test_arriving_a_nanosecond_after_the_window_reached_the_frame_counts(desk: Desk) -> None:
    truth = all_but(opened_pull(), 5).frame(5, DUE[1] + 1)
    assert desk.found(truth, Events(having(f5=(FRAME_SIZE, DUE[1] + 1)))) == []


@pytest.mark.parametrize("sequence", [-1, 0, 6, 2**63 - 1])
def test_a_sequence_that_no_frame_has_is_an_error(desk: Desk, sequence: int) -> None:
    events = Events(ALL, error=1, missed_bytes=FRAME_SIZE, bytes_of_no_frame=FRAME_SIZE)
    assert desk.found(all_but(opened_pull().frame(sequence, 150 * MS)), events) == []


def test_a_frame_past_the_end_is_received_and_makes_no_rate(desk: Desk) -> None:
    counted = Events(ALL, error=1, missed_bytes=FRAME_SIZE)
    assert desk.found(all_but(opened_pull().frame(6, 550 * MS)), counted) == ["bits_per_second"]


@pytest.mark.parametrize("datagram", [b"", b"\0", b"STARt", b"\0" * 26, b"\x00\x10" + b"x" * 37, b"\x34\x12" * 30])
def test_what_is_nothing_of_the_protocol_is_an_error(desk: Desk, datagram: bytes) -> None:
    truth = opened_pull().sent(datagram, 150 * MS, 150 * MS)
    assert desk.found(all_but(truth), Events(ALL, error=1)) == []


def test_start_is_of_no_use_to_a_client(desk: Desk) -> None:
    assert desk.found(all_but(opened_pull().sent(START, 150 * MS, 150 * MS)), Events(ALL, error=1)) == []


def test_a_second_connection_id_is_no_error_for_a_client_and_one_for_a_server(desk: Desk) -> None:
    pull, push = opened_pull().name(150 * MS, 150 * MS), opened_push()
    name = bytes.fromhex(str(push.lines[-1]["head"]))
    push.sent(name, 150 * MS, 150 * MS)
    assert desk.found(all_but(pull), Events(ALL)) == []
    assert desk.found(all_but(push), Events(ALL, error=1, direction="push")) == []


def test_without_data_by_the_first_render_time_all_frames_are_dropped(desk: Desk) -> None:
    truth = all_but(opened_pull().frame(1, DUE[1] + 1), 1)
    events = Events([], result=NO_DATA, ended_ns=DUE[1], dropped=5)
    assert desk.found(truth, events) == []


def test_data_that_no_frame_takes_keeps_the_stream_going_all_the_same(desk: Desk) -> None:
    truth = opened_pull().frame(6, DUE[1])
    assert desk.found(truth, Events([NOTHING] * 5, error=1, missed_bytes=FRAME_SIZE, bits_per_second=0)) == []


def test_the_stream_ends_with_its_last_render_time_and_nothing_counts_after_it(desk: Desk) -> None:
    truth = all_but(opened_pull(), 5).frame(5, DUE[5] + 1).sent(b"junk!", 700 * MS, 700 * MS)
    assert desk.found(truth, Events(having(f5=NOTHING))) == []


def test_a_wrong_payload_ends_the_stream_when_it_arrives(desk: Desk) -> None:
    truth = all_but(opened_pull(), until=2).frame(3, 305 * MS, bits=[PAYLOAD_BIT]).frame(4, 400 * MS)
    events = Events(ALL[:2], error=1, result=MISMATCH, ended_ns=305 * MS)
    assert desk.found(truth, events) == []


def test_a_frame_due_in_the_instant_of_a_wrong_payload_is_not_rendered(desk: Desk) -> None:
    truth = all_but(opened_pull(), until=2).frame(3, DUE[2], bits=[PAYLOAD_BIT])
    events = Events([ALL[0]], error=1, result=MISMATCH, ended_ns=DUE[2], pending_bytes=FRAME_SIZE)
    assert desk.found(truth, events) == []


def test_of_what_comes_at_one_instant_a_wrong_payload_lets_count_what_was_sent_before(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS).frame(2, 110 * MS, bits=[PAYLOAD_BIT]).frame(3, 110 * MS)
    events = Events([], error=1, result=MISMATCH, ended_ns=110 * MS, pending_bytes=FRAME_SIZE)
    assert desk.found(truth, events) == []


def test_a_wrong_payload_beyond_the_bytes_in_the_truth_is_seen_by_the_flipped_bit(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS, bits=[FRAME_SIZE * 8 - 1])
    assert desk.found(truth, Events([], error=1, result=MISMATCH, ended_ns=110 * MS)) == []


def test_a_payload_that_was_sent_wrong_is_wrong(desk: Desk) -> None:
    truth = opened_pull().sent(b"\0\0" + (1).to_bytes(8, "little") + bytes(16) + b"wrong", 110 * MS, 110 * MS)
    assert desk.found(truth, Events([], error=1, result=MISMATCH, ended_ns=110 * MS)) == []


def test_where_wrong_payloads_are_counted_the_stream_goes_on(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, 310 * MS, bits=[PAYLOAD_BIT])
    assert desk.found(truth, Events(having(f3=NOTHING), error=1, verify="count")) == []


def test_where_payloads_are_not_looked_at_a_wrong_one_is_as_good_as_any(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, 310 * MS, bits=[PAYLOAD_BIT])
    assert desk.found(truth, Events(having(f3=(FRAME_SIZE, 310 * MS)), verify="connection")) == []


def test_wrong_payloads_alone_are_no_data(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS, bits=[PAYLOAD_BIT])
    events = Events([], error=1, result=NO_DATA, ended_ns=DUE[1], dropped=5, verify="count")
    assert desk.found(truth, events) == []


def test_a_bit_flipped_in_the_sequence_credits_another_frame(desk: Desk) -> None:
    # 2 ^ 1 = 3
    truth = all_but(opened_pull(), 2).frame(2, 210 * MS, bits=[16])
    assert desk.found(truth, Events(having(f2=NOTHING, f3=(200, 310 * MS)))) == []


def test_a_bit_flipped_in_the_flag_makes_it_junk(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, 310 * MS, bits=[0])
    assert desk.found(truth, Events(having(f3=NOTHING), error=1)) == []


def test_each_copy_has_a_flipped_bit_of_its_own(desk: Desk) -> None:
    truth = all_but(opened_pull(), 3).frame(3, 310 * MS, 320 * MS, bits=[PAYLOAD_BIT, None])
    assert desk.found(truth, Events(having(f3=(FRAME_SIZE, 320 * MS)), error=1, verify="count")) == []


def test_a_pull_begins_with_the_first_start_that_is_sent_whatever_becomes_of_it(desk: Desk) -> None:
    truth = Truth().start(0).start(50 * MS, 50 * MS).name(50 * MS, 50 * MS)
    assert desk.found(all_but(truth), Events(ALL)) == []


def test_a_pull_whose_name_never_came_is_nameless_and_does_not_succeed(desk: Desk) -> None:
    truth = all_but(Truth().start(0, 0).name(0))
    assert desk.found(truth, Events(ALL, name=NAMELESS, result=NO_NAME)) == []
    assert desk.found(truth, Events(ALL, name=NAMELESS)) == ["result", "outcome"]


def test_of_a_pull_whose_name_came_within_the_tolerance_of_its_end_nothing_is_said(desk: Desk) -> None:
    truth = all_but(Truth().start(0, 0)).name(0, DUE[5] - MS)
    for events in (Events(ALL), Events(ALL, name=NAMELESS, result=NO_NAME)):
        verification = desk.verify(truth, events, tolerance_ns=2 * MS)
        assert (verification.agrees, verification.undecidable_streams) == (True, 1)


@pytest.mark.parametrize(
    ("came", "again_ms"),
    [
        pytest.param([1, 2, 3, 4, 5], 511, id="the final sequence has come"),
        pytest.param([1, 2, 3, 4], 501, id="its time to be sent has passed"),
    ],
)
def test_a_push_that_is_over_goes_on_to_its_end_while_its_port_begins_another(
    desk: Desk, came: list[int], again_ms: int
) -> None:
    again_ns = again_ms * MS
    truth = opened_push()
    for sequence in came:
        truth.frame(sequence, ON_TIME[sequence])
    truth.start(again_ns, again_ns).name(again_ns, again_ns)
    for sequence in range(1, 6):
        truth.frame(sequence, again_ns + ON_TIME[sequence])
    old = Events([ALL[each - 1] if each in came else NOTHING for each in range(1, 6)], direction="push")
    later: list[tuple[int, int | None]] = [(size, again_ns + (at_ns or 0)) for size, at_ns in ALL]
    new = Events(later, direction="push", opened_ns=again_ns, started_ns=again_ns, base_ns=again_ns)
    assert desk.found(truth, old, then=new) == []


def test_a_push_begins_anew_with_each_start_that_comes_before_data(desk: Desk) -> None:
    truth = opened_push().start(0, 40 * MS).frame(1, 110 * MS).start(0, 150 * MS)
    events = Events([(FRAME_SIZE, 110 * MS)] + [NOTHING] * 4, direction="push", base_ns=40 * MS)
    assert desk.found(truth, events) == []


def test_a_corrupted_start_is_junk_to_a_stream_that_runs(desk: Desk) -> None:
    truth = opened_push().sent(START, 40 * MS, 40 * MS, way="to_server", bits=[1])
    assert desk.found(all_but(truth), Events(ALL, error=1, direction="push")) == []


def test_lines_of_one_instant_may_stand_in_any_order(desk: Desk) -> None:
    # A connection id before the START that it answers.
    truth = Truth("push").name(0, 0).start(0, 0)
    assert desk.found(all_but(truth), Events(ALL, direction="push")) == []
