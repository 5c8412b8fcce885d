"""The sending side: naming or asking, frames at their instants, and completion by confirmed bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.protocol.handshake import START_RETRY_NS
from cts.protocol.plan import StreamPlan
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import DatagramBatch, IOAction, IOStatus, IOTask, StreamError
from cts.protocol.wire import START, ConnectionId
from tests.protocol.sides import sender_of

SECOND = 1_000_000_000
MS = 1_000_000
BASE = 7 * SECOND
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
ANSWER = ConnectionId(NAME).encode()
OTHER_NAME = "3ed28da8-75a8-435f-9213-f676f9186495"
# 5 frames of 1000 bytes; a receiver would wait 1 s for the first of them.
PLAN = StreamPlan(8 * 5_000, 5, SECOND)


class Driven:
    """A sender with its RECV task."""

    def __init__(self, plan: StreamPlan = PLAN, *, connection_id: str | None = NAME) -> None:
        self.pattern = sender_of(plan, base_ns=BASE, connection_id=connection_id)
        self.recv = self.pattern.initiate_io(BASE)

    def get(self, received_ns: int, *datagrams: bytes) -> IOStatus:
        """Hand over one batch; its datagrams have one length, only the last may be shorter."""
        batch = DatagramBatch(b"".join(datagrams), len(datagrams[0]), received_ns)
        return self.pattern.complete_io(self.recv, now_ns=received_ns, data=batch)

    def next(self, now_ns: int = BASE) -> IOTask:
        return self.pattern.initiate_io(now_ns)

    def send(self, now_ns: int = BASE, *, short_by: int = 0) -> IOStatus:
        """Do the next task, which is a send."""
        task = self.next(now_ns)
        assert task.action is IOAction.SEND
        done_ns = max(now_ns, task.due_ns)
        return self.pattern.complete_io(task, now_ns=done_ns, transferred=task.size - short_by)


def plans_of_few_frames() -> st.SearchStrategy[StreamPlan]:
    return st.builds(
        lambda frames, rate, size: StreamPlan(8 * size * rate, rate, -(-frames * SECOND // rate)),
        st.integers(2, 9),
        st.integers(1, 240),
        st.integers(40, 5000),
    )


def sending() -> Driven:
    """A sender that has given its name."""
    driven = Driven()
    driven.send()
    return driven


# ------------------------------------------------------------------------------------------------ naming (pull)


def test_a_server_receives_then_names_the_stream_then_sends_frames() -> None:
    driven = Driven()
    assert driven.recv == IOTask(IOAction.RECV, BASE)
    assert driven.next() == IOTask(IOAction.SEND, BASE, datagram=ANSWER)
    driven.send()
    assert driven.next() == IOTask(IOAction.SEND, BASE + 200 * MS, True, 1000, 1)


def test_the_name_counts_for_no_bytes() -> None:
    driven = Driven()
    assert driven.pattern.complete_io(driven.next(), now_ns=BASE, transferred=39) is IOStatus.CONTINUE
    assert (driven.pattern.confirmed_bytes, driven.pattern.in_flight_bytes) == (0, 0)


def test_a_name_that_was_not_sent_is_still_owed() -> None:
    driven = Driven()
    assert driven.next() == driven.next()


def test_a_repeated_start_is_answered_before_the_next_frame_and_moves_nothing() -> None:
    driven = sending()
    driven.pattern.start_repeated(BASE + 1)
    assert driven.pattern.handshake.base_ns == BASE
    task = driven.next()
    assert task.datagram == ConnectionId(NAME).encode()
    driven.pattern.complete_io(task, now_ns=BASE + 2)
    assert driven.next().sequence == 1


def test_a_start_repeated_while_a_frame_is_on_its_way_is_answered_after_it() -> None:
    driven = sending()
    driven.next()
    driven.pattern.start_repeated(BASE + 1)
    assert driven.pattern.frame_went(BASE + 100 * MS) is None
    assert driven.next().datagram == ConnectionId(NAME).encode()


def test_a_start_can_no_more_be_a_repetition_when_its_client_has_given_up_or_would_have_asked_before() -> None:
    gives_up_ns, slack_ns = BASE + PLAN.render_offset_ns(1), START_RETRY_NS
    pattern = sending().pattern
    assert not pattern.begins_another(gives_up_ns + slack_ns)
    assert pattern.begins_another(gives_up_ns + slack_ns + 1)
    patient = Driven(StreamPlan(8 * 10_000, 10, 20 * SECOND, 10 * SECOND, 400)).pattern
    two_ns = 2 * (100 * MS + START_RETRY_NS)
    assert not patient.begins_another(BASE + two_ns + slack_ns)
    assert patient.begins_another(BASE + two_ns + slack_ns + 1)
    patient.start_repeated(BASE + SECOND)
    assert not patient.begins_another(BASE + SECOND + two_ns + slack_ns)


def test_a_start_after_the_end_begins_another_stream() -> None:
    driven = sending()
    for _ in range(PLAN.final_frame):
        task = driven.next()
        driven.pattern.complete_io(task, now_ns=BASE + 1, transferred=task.size)
    assert driven.pattern.begins_another(BASE + 1)


# ------------------------------------------------------------------------------------------------ frames


def test_every_frame_is_due_at_its_instant_from_the_base_however_late_the_one_before_was() -> None:
    driven = sending()
    driven.send(BASE + 190 * MS)
    driven.send(BASE + 777 * MS)
    assert driven.next(BASE + 777 * MS).due_ns == BASE + 600 * MS


def test_a_frame_is_in_flight_until_it_is_sent_and_confirmed_then() -> None:
    driven = sending()
    task = driven.next()
    assert (driven.pattern.in_flight_bytes, driven.pattern.confirmed_bytes) == (1000, 0)
    driven.pattern.complete_io(task, now_ns=task.due_ns, transferred=1000)
    assert (driven.pattern.in_flight_bytes, driven.pattern.confirmed_bytes) == (0, 1000)


def test_nothing_is_to_do_while_a_frame_is_in_flight() -> None:
    driven = sending()
    driven.next()
    task = driven.next()
    assert task.action is IOAction.NONE
    assert task.due_ns > BASE + 100 * 365 * 86_400 * SECOND
    assert driven.pattern.in_flight_bytes == 1000


def test_a_sender_completes_when_the_confirmed_bytes_are_the_transfer_size() -> None:
    driven = sending()
    statuses = [driven.send() for _ in range(PLAN.final_frame)]
    assert statuses == [IOStatus.CONTINUE] * 4 + [IOStatus.COMPLETED]
    assert driven.pattern.confirmed_bytes == PLAN.transfer_size
    assert driven.pattern.error is None
    assert driven.pattern.ended_ns == driven.pattern.measured_until_ns == BASE + SECOND


def test_a_completed_sender_hands_out_no_frame_beyond_the_final_one() -> None:
    driven = sending()
    for _ in range(PLAN.final_frame):
        driven.send()
    task = driven.next(BASE + 2 * SECOND)
    assert task.sequence == 0
    assert driven.pattern.in_flight_bytes == 0


def test_a_frame_that_lost_a_byte_on_its_way_to_the_network_fails_the_stream_at_its_end() -> None:
    driven = sending()
    driven.send(short_by=1)
    statuses = [driven.send() for _ in range(4)]
    assert statuses == [IOStatus.CONTINUE] * 3 + [IOStatus.FAILED]
    assert driven.pattern.error is StreamError.NOT_ALL_DATA_TRANSFERRED
    assert driven.pattern.ended_ns == BASE + SECOND
    assert driven.next().action is IOAction.FATAL_ABORT


def test_a_frame_of_a_byte_too_many_fails_the_stream_at_once() -> None:
    driven = sending()
    driven.send()
    assert driven.send(short_by=-1) is IOStatus.FAILED
    assert driven.pattern.error is StreamError.TOO_MUCH_DATA_TRANSFERRED
    assert driven.pattern.ended_ns == BASE + 400 * MS


def test_a_final_frame_of_a_byte_too_many_is_no_success() -> None:
    driven = sending()
    for _ in range(4):
        driven.send()
    assert driven.send(short_by=-1) is IOStatus.FAILED
    assert driven.pattern.error is StreamError.TOO_MUCH_DATA_TRANSFERRED


# ------------------------------------------------------------------------------------------------ asking (push)


def test_a_client_asks_at_its_base_and_again_an_interval_and_500_ms_later() -> None:
    driven = Driven(connection_id=None)
    assert driven.next() == IOTask(IOAction.SEND, BASE, datagram=START)
    driven.send()
    assert driven.next() == IOTask(IOAction.SEND, BASE + 700 * MS + 1, datagram=START)


def test_a_client_gives_up_when_a_receiver_would_have_rendered_its_first_frame() -> None:
    driven = Driven(connection_id=None)
    driven.send()
    driven.send(BASE + 700 * MS)
    assert driven.next(BASE + SECOND) == IOTask(IOAction.NONE, BASE + SECOND + 1)
    task = driven.next(BASE + SECOND + 1)
    assert task == IOTask(IOAction.FATAL_ABORT, BASE + SECOND + 1)
    assert driven.pattern.complete_io(task, now_ns=BASE + 2 * SECOND) is IOStatus.FAILED
    assert driven.pattern.error is StreamError.NOT_ALL_DATA_TRANSFERRED
    assert driven.pattern.ended_ns == BASE + SECOND


def test_a_start_that_nobody_could_answer_in_time_is_not_sent() -> None:
    driven = Driven(StreamPlan(8 * 5_000, 10, SECOND, 600 * MS), connection_id=None)
    driven.send()
    assert driven.next() == IOTask(IOAction.NONE, BASE + 600 * MS + 1)


def test_the_schedule_of_a_client_begins_when_the_name_arrives() -> None:
    driven = Driven(connection_id=None)
    driven.send()
    driven.get(BASE + 300 * MS, ConnectionId(NAME).encode())
    assert driven.pattern.ready
    assert driven.pattern.handshake.connection_id == NAME
    assert driven.next(BASE + 350 * MS) == IOTask(IOAction.SEND, BASE + 500 * MS, True, 1000, 1)


def test_asking_what_to_do_answers_the_call() -> None:
    driven = Driven(connection_id=None)
    driven.get(BASE, ConnectionId(NAME).encode())
    driven.next()
    assert not driven.pattern.ready


def test_a_name_that_comes_again_or_differs_changes_nothing() -> None:
    driven = Driven(connection_id=None)
    driven.send()
    driven.get(BASE + 300 * MS, ConnectionId(NAME).encode())
    driven.next(BASE + 300 * MS)
    driven.get(BASE + 400 * MS, ConnectionId(OTHER_NAME).encode(), ConnectionId(NAME).encode())
    assert (driven.pattern.handshake.connection_id, driven.pattern.handshake.base_ns) == (NAME, BASE + 300 * MS)
    assert not driven.pattern.ready
    assert driven.pattern.counts == FrameTotals()


def test_a_start_that_crosses_the_name_does_no_harm() -> None:
    driven = Driven(connection_id=None)
    task = driven.next()
    driven.get(BASE, ConnectionId(NAME).encode())
    assert driven.pattern.complete_io(task, now_ns=BASE) is IOStatus.CONTINUE
    assert driven.next().sequence


def test_a_client_that_has_its_name_sends_all_frames_and_completes() -> None:
    driven = Driven(connection_id=None)
    driven.send()
    driven.get(BASE + 300 * MS, ConnectionId(NAME).encode())
    assert [driven.send() for _ in range(5)][-1] is IOStatus.COMPLETED
    assert driven.pattern.ended_ns == BASE + 1300 * MS


def test_a_name_in_the_very_nanosecond_of_the_deadline_is_in_time() -> None:
    driven = Driven(connection_id=None)
    driven.next(BASE + SECOND)
    driven.get(BASE + SECOND, ConnectionId(NAME).encode())
    assert driven.next(BASE + SECOND + 1).sequence


def test_a_name_that_comes_after_the_deadline_starts_nothing_however_late_the_code_looks() -> None:
    prompt, late = Driven(connection_id=None), Driven(connection_id=None)
    prompt.next(BASE + SECOND + 1)
    for driven in (prompt, late):
        driven.get(BASE + SECOND + 2, ConnectionId(NAME).encode())
    assert prompt.next(BASE + SECOND + 3).action is IOAction.FATAL_ABORT
    assert late.next(BASE + SECOND + 3).action is IOAction.FATAL_ABORT


# ------------------------------------------------------------------------------------------------ strays


@pytest.mark.parametrize("connection_id", [NAME, None])
@pytest.mark.parametrize("stray", [b"START", b"", b"\0", bytes(100), b"\xff" * 40, b"\x00\x10short"])
def test_what_is_no_name_counts_as_an_error_and_stops_nothing(stray: bytes, connection_id: str | None) -> None:
    driven = Driven(connection_id=connection_id)
    assert driven.get(BASE, stray) is IOStatus.CONTINUE
    assert driven.pattern.counts == FrameTotals(error=1)
    assert not driven.pattern.ready
    assert driven.send() is IOStatus.CONTINUE


def test_a_server_takes_no_name_from_its_peer() -> None:
    driven = sending()
    driven.get(BASE + 1, ConnectionId(OTHER_NAME).encode())
    assert (driven.pattern.handshake.connection_id, driven.pattern.handshake.base_ns) == (NAME, BASE)
    assert driven.pattern.counts == FrameTotals(error=1)


def test_each_datagram_of_a_batch_is_looked_at() -> None:
    driven = Driven(connection_id=None)
    name = ConnectionId(NAME).encode()
    driven.get(BASE, b"\xff" * 39, name, name[:30])
    assert driven.pattern.handshake.connection_id == NAME
    assert driven.pattern.counts == FrameTotals(error=2)


def test_a_sender_judges_no_frames() -> None:
    driven = sending()
    for _ in range(PLAN.final_frame):
        driven.send()
    assert driven.pattern.counts.rendered == 0


# ------------------------------------------------------------------------------------------------ properties


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(40, 5000), st.integers(0, SECOND))
def test_a_stream_is_its_frames_in_order_each_at_its_instant_and_then_complete(
    frame_rate: int, frames: int, frame_size: int, lateness_ns: int
) -> None:
    length_ns = -(-frames * SECOND // frame_rate)
    plan = StreamPlan(8 * -(-frame_size * frames * SECOND // length_ns), frame_rate, length_ns)
    driven = Driven(plan)
    driven.send()
    status, sent, now_ns = IOStatus.CONTINUE, 0, BASE
    while status is IOStatus.CONTINUE:
        task = driven.next(now_ns)
        sent += 1
        assert task == IOTask(IOAction.SEND, BASE + plan.send_offset_ns(sent), True, plan.frame_size, sent)
        now_ns = max(now_ns, task.due_ns) + lateness_ns
        status = driven.pattern.complete_io(task, now_ns=now_ns, transferred=task.size)
        assert driven.pattern.confirmed_bytes == sent * plan.frame_size
    assert (status, sent, driven.pattern.error) == (IOStatus.COMPLETED, plan.final_frame, None)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=5, max_size=5))
def test_only_the_exact_transfer_size_completes(differences: list[int]) -> None:
    driven = sending()
    statuses, total = [], 0
    for number, difference in enumerate(differences, start=1):
        statuses.append(driven.send(short_by=-difference))
        total += 1000 + difference
        if total > number * 1000:
            assert driven.pattern.error is StreamError.TOO_MUCH_DATA_TRANSFERRED
            break
    assert all(status is IOStatus.CONTINUE for status in statuses[:-1])
    assert statuses[-1] is (IOStatus.COMPLETED if total == PLAN.transfer_size else IOStatus.FAILED)


# -------------------------------------------------------------------------------------- frame after frame, in one step


@settings(deadline=None)
@given(plan=plans_of_few_frames(), short_by=st.integers(0, 1))
def test_frames_that_went_whole_take_the_same_course_in_one_step_as_in_two(plan: StreamPlan, short_by: int) -> None:
    at_once, in_two = Driven(plan), Driven(plan)
    for driven in (at_once, in_two):
        driven.send()
    if short_by:
        for driven in (at_once, in_two):
            driven.send(short_by=short_by)
    task = in_two.next()
    due_ns: int | None = at_once.next().due_ns
    while due_ns is not None:
        assert (task.due_ns, task.sequence) == (due_ns, at_once.pattern.sequence)
        due_ns = at_once.pattern.frame_went(due_ns + 5)
        status = in_two.pattern.complete_io(task, now_ns=task.due_ns + 5, transferred=task.size)
        task = in_two.next()
        assert (due_ns is None) == (status is not IOStatus.CONTINUE)
        assert state(at_once.pattern) == state(in_two.pattern)


def state(pattern: MediaStreamSender) -> tuple[object, ...]:
    """Return everything that others see of a sender."""
    return (
        pattern.status,
        pattern.error,
        pattern.sequence,
        pattern.confirmed_bytes,
        pattern.in_flight_bytes,
        pattern.measured_until_ns,
        pattern.ended_ns,
    )


def test_a_frame_that_the_host_refused_is_unsent_and_not_confirmed() -> None:
    pattern = sender_of(PLAN, base_ns=BASE, connection_id=NAME)
    pattern.initiate_io(BASE)
    task = pattern.initiate_io(BASE)
    while not task.tracked:
        pattern.complete_io(task, now_ns=BASE)
        task = pattern.initiate_io(BASE)
    assert pattern.complete_io(task, now_ns=task.due_ns, refused=True) is IOStatus.CONTINUE
    assert (pattern.unsent_bytes, pattern.confirmed_bytes) == (PLAN.size_of(1), 0)
