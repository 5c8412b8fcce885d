"""When a peer is gone: the network has said so for long enough, does so still, and nothing was heard of the peer since."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.protocol.absence import Absence
from cts.protocol.handshake import handshake_of
from cts.protocol.roles import Role
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import DatagramBatch, IOAction, IOStatus, StreamError
from cts.protocol.wire import START
from tests.protocol.test_sender import ANSWER, BASE, NAME, PLAN

SECOND = 1_000_000_000
PATIENCE = 3 * SECOND


def gone_at(*said_ns: int) -> list[bool]:
    absence = Absence(PATIENCE)
    return [absence.said(1, each) for each in said_ns]


def test_a_peer_is_gone_once_it_was_unreachable_for_as_long_as_the_patience_lasts() -> None:
    assert gone_at(7, SECOND, PATIENCE + 6, PATIENCE + 7) == [False, False, False, True]


def test_two_moments_are_too_few_however_far_apart_and_however_often_it_was_said_in_each() -> None:
    assert not any(gone_at(0, 0, 1, 2, 10 * SECOND, 10 * SECOND, 10 * SECOND + 1))


def test_a_peer_of_many_streams_is_gone_though_the_network_says_so_of_each_now_and_then() -> None:
    assert gone_at(0, 20 * SECOND, 50 * SECOND) == [False, False, True]


def test_what_was_said_more_than_a_minute_before_is_forgotten() -> None:
    assert gone_at(0, 60 * SECOND, 121 * SECOND, 122 * SECOND) == [False, False, False, False]
    assert gone_at(0, 60 * SECOND, 120 * SECOND) == [False, False, True]


def test_a_peer_that_is_heard_of_is_there() -> None:
    absence = Absence(PATIENCE)
    absence.said(1, 0)
    absence.said(1, 2 * SECOND)
    absence.heard()
    assert not absence.said(1, PATIENCE)
    assert not absence.said(1, PATIENCE + SECOND)
    assert absence.said(1, 2 * PATIENCE)


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, SECOND))))
def test_without_patience_all_is_counted_and_nobody_is_ever_gone(said: list[tuple[int, int]]) -> None:
    absence, now_ns = Absence(), 0
    for times, after_ns in said:
        now_ns += after_ns
        assert not absence.said(times, now_ns)
    assert absence.times == sum(times for times, _ in said)


def sender(gone_after_ns: int | None) -> MediaStreamSender:
    pattern = MediaStreamSender(
        PLAN, handshake_of(PLAN, BASE, role=Role.SENDER, connection_id=NAME), gone_after_ns=gone_after_ns
    )
    pattern.initiate_io(BASE)
    naming = pattern.initiate_io(BASE)
    pattern.complete_io(naming, now_ns=BASE)
    return pattern


def test_a_stream_whose_peer_is_gone_fails_by_its_name_and_nothing_changes_that() -> None:
    pattern = sender(PATIENCE)
    frame = pattern.initiate_io(BASE)
    assert pattern.unreachable(2, BASE) is IOStatus.CONTINUE
    assert pattern.unreachable(1, BASE + SECOND) is IOStatus.CONTINUE
    assert pattern.unreachable(1, BASE + PATIENCE) is IOStatus.FAILED
    assert pattern.complete_io(frame, now_ns=BASE + PATIENCE, transferred=frame.size) is IOStatus.FAILED
    assert (pattern.error, pattern.ended_ns) == (StreamError.PEER_GONE, BASE + PATIENCE)
    assert pattern.absence.times == 4


def test_a_dispatched_frame_that_goes_after_the_end_is_counted_and_the_last_one() -> None:
    pattern = sender(0)
    frame = pattern.initiate_io(BASE)
    for _ in range(3):
        pattern.unreachable(1, BASE + 1)
    assert pattern.frame_went(BASE + 2) is None
    assert (pattern.confirmed_bytes, pattern.in_flight_bytes) == (frame.size, 0)
    assert (pattern.status, pattern.ended_ns) == (IOStatus.FAILED, BASE + 1)


def test_a_stream_that_has_ended_well_is_not_failed_by_what_comes_back_later() -> None:
    pattern = sender(0)
    for _ in range(PLAN.final_frame):
        frame = pattern.initiate_io(BASE)
        assert frame.action is IOAction.SEND
        pattern.complete_io(frame, now_ns=frame.due_ns, transferred=frame.size)
    assert pattern.unreachable(1, BASE + 10 * SECOND) is IOStatus.COMPLETED
    assert (pattern.error, pattern.absence.times) == (None, 1)


@pytest.mark.parametrize("what", [START, ANSWER, b"anything"])
def test_whatever_a_sender_hears_of_its_peer_shows_that_it_is_there(what: bytes) -> None:
    pattern = MediaStreamSender(
        PLAN, handshake_of(PLAN, BASE, role=Role.SENDER, connection_id=NAME), gone_after_ns=PATIENCE
    )
    recv = pattern.initiate_io(BASE)
    for at_ns in (BASE, BASE + SECOND):
        pattern.unreachable(1, at_ns)
    if what == START:
        pattern.start_repeated(BASE + SECOND + 1)
    else:
        pattern.complete_io(recv, now_ns=BASE + SECOND + 1, data=DatagramBatch(what, len(what), BASE + SECOND + 1))
    assert pattern.unreachable(1, BASE + PATIENCE) is IOStatus.CONTINUE
