"""The receiving side: asking and answering, judging what arrives, and ending by its renderer alone."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.handshake import retry_ns
from cts.protocol.plan import StreamPlan
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.task import DatagramBatch, IOAction, IOStatus, IOTask, StreamError
from cts.protocol.wire import PATTERN, START, ConnectionId, Data
from tests.protocol.sides import receiver_of

SECOND = 1_000_000_000
MS = 1_000_000
BASE = 7 * SECOND
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
ANSWER = ConnectionId(NAME).encode()
OTHER_NAME = "3ed28da8-75a8-435f-9213-f676f9186495"
# 20 frames of 400 + 400 + 200 bytes, B = 3, window 6; renders from 300 ms on, ends at 2.2 s.
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND, 300 * MS, 400)
FIRST_RENDER = BASE + 300 * MS
RETRY = retry_ns(PLAN)
END = BASE + 2200 * MS
# The same with a buffer that leaves time to ask again.
PATIENT = StreamPlan(8 * 10_000, 10, 4 * SECOND, 2 * SECOND, 400)


def data(sequence: int, size: int = 400) -> bytes:
    return Data(sequence, 5, 10_000_000, PATTERN[: size - 26]).encode()


def frame(sequence: int) -> list[bytes]:
    return [data(sequence, size) for size in PLAN.datagram_sizes]


class Driven:
    """A receiver with its RECV task, and everything that it reported."""

    def __init__(self, plan: StreamPlan = PLAN, *, connection_id: str | None = None) -> None:
        self.rendered: list[RenderedFrame] = []
        self.pattern = receiver_of(plan, base_ns=BASE, connection_id=connection_id, on_frame=self.rendered.append)
        self.recv = self.pattern.initiate_io(BASE)

    def get(self, received_ns: int, *datagrams: bytes) -> IOStatus:
        """Hand over one batch; its datagrams have one length, only the last may be shorter."""
        batch = DatagramBatch(b"".join(datagrams), len(datagrams[0]), received_ns)
        return self.pattern.complete_io(self.recv, now_ns=received_ns, data=batch)

    def next(self, now_ns: int) -> IOTask:
        return self.pattern.initiate_io(now_ns)

    def send(self, now_ns: int) -> IOTask:
        """Do the next task, which is a send."""
        task = self.next(now_ns)
        assert task.action is IOAction.SEND
        assert self.pattern.complete_io(task, now_ns=max(now_ns, task.due_ns)) is IOStatus.CONTINUE
        return task

    def end(self, now_ns: int = END + 1) -> IOStatus:
        """Do the last task."""
        task = self.next(now_ns)
        assert task.action in {IOAction.ABORT, IOAction.FATAL_ABORT}
        return self.pattern.complete_io(task, now_ns=now_ns)

    def ended_at(self, now_ns: int) -> int | None:
        """Tell when the stream ended, as it looks at ``now_ns``."""
        self.pattern.observe(now_ns)
        return self.pattern.ended_ns

    def state(self) -> tuple[object, ...]:
        """Everything that must not depend on when the code looked."""
        pattern = self.pattern
        return (
            pattern.counts,
            tuple(self.rendered),
            pattern.frames.bytes_received,
            pattern.handshake.connection_id,
            pattern.handshake.base_ns,
            pattern.measured_until_ns,
            pattern.ended_ns,
            pattern.error,
            pattern.status,
        )


# ------------------------------------------------------------------------------------------------ asking (pull)


def test_a_client_first_receives_and_then_asks_at_its_base() -> None:
    driven = Driven()
    assert driven.recv == IOTask(IOAction.RECV, BASE)
    assert driven.next(BASE) == IOTask(IOAction.SEND, BASE, datagram=START)


def test_start_is_repeated_an_interval_and_500_ms_after_the_one_before() -> None:
    driven = Driven(PATIENT)
    asked = [driven.send(BASE).due_ns - BASE for _ in range(4)]
    assert asked == [0, 600 * MS + 1, 1200 * MS + 1, 1800 * MS + 1]
    assert driven.next(BASE) == IOTask(IOAction.NONE, BASE + 2 * SECOND + 1)


def test_start_keeps_its_schedule_when_it_is_sent_late() -> None:
    driven = Driven(PATIENT)
    driven.send(BASE + 100 * MS)
    assert driven.send(BASE + 900 * MS).due_ns == BASE + 600 * MS + 1
    assert driven.next(BASE + 900 * MS).due_ns == BASE + 1200 * MS + 1


def test_a_start_that_nobody_could_answer_in_time_is_not_sent() -> None:
    driven = Driven(StreamPlan(8 * 10_000, 10, 2 * SECOND, 600 * MS, 400))
    driven.send(BASE)
    assert driven.next(BASE) == IOTask(IOAction.NONE, BASE + 600 * MS + 1)


@pytest.mark.parametrize("came", [(data(1), ANSWER), (ANSWER, data(1))])
def test_data_and_a_name_end_the_asking_in_either_order(came: tuple[bytes, ...]) -> None:
    driven = Driven(PATIENT)
    driven.send(BASE)
    for each in came:
        driven.get(BASE + 1, each)
    assert driven.next(BASE + 2) == IOTask(IOAction.NONE, BASE + PATIENT.end_offset_ns + 1)


@pytest.mark.parametrize("came", [data(1), ANSWER])
def test_data_alone_or_a_name_alone_does_not_end_the_asking(came: bytes) -> None:
    driven = Driven(PATIENT)
    driven.send(BASE)
    driven.get(BASE + 1, came)
    assert driven.next(BASE + 2).datagram == START


def test_a_client_that_has_data_asks_for_the_name_no_longer_than_the_server_sends() -> None:
    plan = StreamPlan(8 * 10_000, 10, SECOND, SECOND, 400)  # it sends until 1 s
    driven = Driven(plan)
    driven.get(BASE, data(1))
    assert [driven.send(BASE).due_ns for _ in range(2)] == [BASE, BASE + 600 * MS + 1]
    assert driven.next(BASE + 700 * MS) == IOTask(IOAction.NONE, BASE + plan.end_offset_ns + 1)


def test_a_stream_that_never_got_a_name_runs_to_its_end_and_does_not_succeed() -> None:
    driven = Driven()
    for sequence in range(1, 21):
        driven.get(BASE + sequence * 100 * MS, *frame(sequence))
    assert driven.end() is IOStatus.FAILED
    assert (driven.pattern.error, driven.pattern.ended_ns) == (StreamError.NO_CONNECTION_ID, END)
    assert driven.pattern.counts == FrameTotals(completed=20)


def test_data_and_a_name_that_came_before_the_first_start_was_sent_make_it_needless() -> None:
    driven = Driven()
    driven.get(BASE, data(1))
    driven.get(BASE, ANSWER)
    assert driven.next(BASE).action is IOAction.NONE


def test_a_client_takes_the_first_name_that_it_hears() -> None:
    driven = Driven()
    driven.get(BASE, ConnectionId(NAME).encode())
    driven.get(BASE, ConnectionId(OTHER_NAME).encode())
    assert driven.pattern.handshake.connection_id == NAME
    assert driven.pattern.counts == FrameTotals()


# ------------------------------------------------------------------------------------------------ answering (push)


def test_a_server_answers_with_the_name_and_then_waits_for_its_first_render() -> None:
    driven = Driven(connection_id=NAME)
    assert driven.next(BASE) == IOTask(IOAction.SEND, BASE, datagram=ANSWER)
    driven.send(BASE)
    assert driven.next(BASE) == IOTask(IOAction.NONE, FIRST_RENDER + 1)


def test_an_answer_that_was_not_sent_is_still_owed() -> None:
    driven = Driven(connection_id=NAME)
    assert driven.next(BASE) == driven.next(BASE)


def test_a_repeated_start_is_answered_again() -> None:
    driven = Driven(connection_id=NAME)
    driven.send(BASE)
    driven.pattern.start_repeated(BASE + 1)
    assert driven.send(BASE + 1).datagram == ANSWER
    assert driven.next(BASE + 1).action is IOAction.NONE


def test_a_repeated_start_calls_the_driver_until_it_asks_what_to_do() -> None:
    driven = Driven(connection_id=NAME)
    called = [driven.pattern.ready]
    driven.pattern.start_repeated(BASE + 1)
    called.append(driven.pattern.ready)
    driven.next(BASE + 1)
    called.append(driven.pattern.ready)
    assert called == [False, True, False]


def test_a_repeated_start_before_the_first_data_begins_the_schedule_anew() -> None:
    driven = Driven(connection_id=NAME)
    driven.send(BASE)
    driven.pattern.start_repeated(BASE + 200 * MS)
    driven.send(BASE + 200 * MS)
    assert driven.pattern.handshake.base_ns == BASE + 200 * MS
    assert driven.next(BASE + 200 * MS).due_ns == FIRST_RENDER + 200 * MS + 1
    driven.get(FIRST_RENDER + 200 * MS, *frame(1))
    assert driven.next(END).due_ns == END + 200 * MS + 1
    assert driven.end(END + 200 * MS + 1) is IOStatus.COMPLETED
    assert driven.pattern.ended_ns == END + 200 * MS
    assert driven.pattern.counts == FrameTotals(completed=1, dropped=19)


def test_a_repeated_start_without_data_moves_the_end_of_patience_too() -> None:
    driven = Driven(connection_id=NAME)
    driven.send(BASE)
    driven.pattern.start_repeated(FIRST_RENDER)
    assert driven.ended_at(FIRST_RENDER + 300 * MS) is None
    assert driven.ended_at(FIRST_RENDER + 300 * MS + 1) == FIRST_RENDER + 300 * MS


def test_start_repeated_for_ever_without_data_holds_a_stream_for_two_buffer_depths_at_most() -> None:
    driven = Driven(connection_id=NAME)
    for at_ns in range(BASE, END, 50 * MS):
        driven.pattern.start_repeated(at_ns)
    assert driven.end(END) is IOStatus.FAILED
    assert driven.pattern.ended_ns == FIRST_RENDER + 300 * MS


def test_a_repeated_start_after_the_first_data_leaves_the_schedule_alone() -> None:
    driven = Driven(connection_id=NAME)
    driven.send(BASE)
    driven.get(BASE + 1, *frame(1))
    driven.pattern.start_repeated(BASE + 200 * MS)
    assert driven.send(BASE + 200 * MS).datagram == ANSWER
    assert driven.pattern.handshake.base_ns == BASE
    assert driven.next(BASE + 200 * MS).due_ns == END + 1


def test_a_start_that_comes_after_the_first_render_of_a_silent_stream_revives_nothing() -> None:
    driven = Driven(connection_id=NAME)
    driven.send(BASE)
    driven.pattern.start_repeated(FIRST_RENDER + 1)
    assert not driven.pattern.ready
    assert driven.end(FIRST_RENDER + 2) is IOStatus.FAILED
    assert driven.pattern.ended_ns == FIRST_RENDER


@pytest.mark.parametrize("connection_id", [NAME, None])
@pytest.mark.parametrize("stray", [b"START", b"", b"\0\0", b"\xff" * 40])
def test_what_is_neither_data_nor_name_counts_as_an_error(stray: bytes, connection_id: str | None) -> None:
    driven = Driven(connection_id=connection_id)
    assert driven.get(BASE, stray) is IOStatus.CONTINUE
    assert driven.pattern.counts == FrameTotals(error=1)


def test_a_server_takes_no_name_from_its_peer() -> None:
    driven = Driven(connection_id=NAME)
    driven.get(BASE, ConnectionId(OTHER_NAME).encode())
    assert driven.pattern.handshake.connection_id == NAME
    assert driven.pattern.counts == FrameTotals(error=1)


# ------------------------------------------------------------------------------------------------ reports


def test_a_frame_is_reported_with_its_bytes_and_with_stamp_and_time_of_its_last_datagram_on_time() -> None:
    driven = Driven()
    first, last = (Data(1, qpc, qpf, PATTERN[:374]).encode() for qpc, qpf in ((5, 10_000_000), (6, 20_000_000)))
    driven.get(BASE + 1, first)
    driven.get(BASE + 2, last)
    driven.get(FIRST_RENDER + 1, data(1))
    (frame,) = driven.rendered
    assert frame._replace(record=None) == RenderedFrame(1, Verdict.DROPPED, 800, 6, 20_000_000, BASE + 2, FIRST_RENDER)


def test_frames_are_reported_together_by_the_first_arrival_that_shows_the_sixteenth_to_have_passed() -> None:
    driven = Driven(PATIENT)
    for sequence in range(1, 17):
        driven.get(BASE + sequence, data(sequence))
    sixteenth = driven.pattern.handshake.base_ns + PATIENT.render_offset_ns(16)
    driven.get(sixteenth, data(40))
    assert driven.rendered == []
    driven.get(sixteenth + 1, data(40))
    assert [frame.sequence for frame in driven.rendered] == list(range(1, 17))


def test_a_look_reports_every_frame_whose_render_time_has_passed() -> None:
    driven = Driven(PATIENT)
    driven.get(BASE + 1, data(1))
    first = driven.pattern.handshake.base_ns + PATIENT.render_offset_ns(1)
    driven.pattern.observe(first)
    assert driven.rendered == []
    driven.pattern.observe(first + 1)
    assert [frame.sequence for frame in driven.rendered] == [1]


# ------------------------------------------------------------------------------------------------ ending


def test_the_renderer_ends_the_stream_after_the_final_frame_and_not_before() -> None:
    driven = Driven()
    driven.get(BASE, data(1))
    driven.get(BASE, ANSWER)
    assert driven.next(END).action is IOAction.NONE
    task = driven.next(END + 1)
    assert task == IOTask(IOAction.ABORT, END + 1)
    assert driven.pattern.complete_io(task, now_ns=END + 1) is IOStatus.COMPLETED


def test_the_end_is_the_instant_of_the_schedule_however_late_it_is_noticed() -> None:
    driven = Driven()
    driven.get(BASE, data(1))
    driven.end(END + 3600 * SECOND)
    assert driven.pattern.ended_ns == END


def test_an_arrival_after_the_end_shows_the_end_as_well_as_a_look_does() -> None:
    driven = Driven()
    driven.get(BASE, *frame(1))
    driven.get(END + 1, *frame(20))
    assert driven.pattern.ended_ns == END
    assert driven.pattern.counts == FrameTotals(completed=1, dropped=19)


def test_nothing_received_by_the_first_render_is_fatal() -> None:
    driven = Driven()
    driven.send(BASE)
    assert driven.next(FIRST_RENDER) == IOTask(IOAction.NONE, FIRST_RENDER + 1)
    task = driven.next(FIRST_RENDER + 1)
    assert task == IOTask(IOAction.FATAL_ABORT, FIRST_RENDER + 1)
    assert driven.pattern.complete_io(task, now_ns=FIRST_RENDER + 2) is IOStatus.FAILED
    assert driven.pattern.error is StreamError.NOT_ALL_DATA_TRANSFERRED
    assert driven.pattern.ended_ns == FIRST_RENDER
    assert driven.pattern.counts == FrameTotals(dropped=20)


def test_data_in_the_very_nanosecond_of_the_first_render_saves_the_stream() -> None:
    driven = Driven(connection_id=NAME)
    driven.get(FIRST_RENDER, *frame(1))
    assert driven.end() is IOStatus.COMPLETED
    assert driven.pattern.counts == FrameTotals(completed=1, dropped=19)


def test_data_a_nanosecond_after_the_first_render_comes_too_late_to_save_the_stream() -> None:
    driven = Driven()
    driven.get(FIRST_RENDER + 1, *frame(2))
    assert driven.pattern.counts == FrameTotals(dropped=20)
    assert driven.end() is IOStatus.FAILED


def test_a_name_and_rubbish_are_no_data_and_do_not_save_the_stream() -> None:
    driven = Driven()
    driven.get(BASE, ConnectionId(NAME).encode())
    driven.get(BASE, b"rubbish")
    assert driven.end(FIRST_RENDER + 1) is IOStatus.FAILED


def test_the_final_sequence_ends_the_measured_interval_and_only_that() -> None:
    driven = Driven(connection_id=NAME)
    for sequence in range(1, 20):
        driven.get(BASE + sequence * 100 * MS, *frame(sequence))
    assert driven.get(BASE + 2000 * MS, data(20)) is IOStatus.CONTINUE
    assert driven.get(BASE + 2001 * MS, data(20), data(20, 200)) is IOStatus.CONTINUE
    assert driven.ended_at(END) is None
    assert driven.end() is IOStatus.COMPLETED
    assert driven.pattern.measured_until_ns == BASE + 2000 * MS
    assert driven.pattern.counts == FrameTotals(completed=20)


def test_a_final_sequence_that_the_buffer_does_not_take_ends_nothing() -> None:
    driven = Driven(connection_id=NAME)
    # The window is 6 frames.
    driven.get(BASE + 50 * MS, data(20))
    for sequence in range(1, 21):
        driven.get(BASE + sequence * 100 * MS, *frame(sequence))
    assert driven.end() is IOStatus.COMPLETED
    assert driven.pattern.measured_until_ns == BASE + 2000 * MS
    assert driven.pattern.counts == FrameTotals(completed=20, error=1)


def test_without_the_final_sequence_there_is_no_end_of_the_measured_interval() -> None:
    driven = Driven(connection_id=NAME)
    for sequence in range(1, 20):
        driven.get(BASE + sequence * 100 * MS, *frame(sequence))
    assert driven.end() is IOStatus.COMPLETED
    assert driven.pattern.measured_until_ns is None


def test_a_recv_that_brought_nothing_changes_nothing() -> None:
    driven = Driven()
    before = driven.state()
    assert driven.pattern.complete_io(driven.recv, now_ns=END + SECOND) is IOStatus.CONTINUE
    assert driven.state() == before


def test_no_receive_task_is_tracked() -> None:
    driven = Driven()
    driven.get(BASE, *frame(1))
    assert (driven.pattern.confirmed_bytes, driven.pattern.in_flight_bytes) == (0, 0)


def test_nothing_that_comes_after_the_end_changes_anything() -> None:
    driven = Driven(connection_id=NAME)
    driven.get(BASE, *frame(1))
    driven.end()
    before = driven.state()
    for stray in (data(20), bytes(100), b"START", b"", ConnectionId(OTHER_NAME).encode()):
        assert driven.get(END + 2, stray) is IOStatus.COMPLETED
    driven.pattern.start_repeated(END + 3)
    driven.pattern.observe(END + SECOND)
    assert driven.state() == before
    assert not driven.pattern.ready


def test_nothing_that_comes_between_the_end_and_its_task_changes_anything() -> None:
    driven = Driven(connection_id=NAME)
    driven.get(BASE, *frame(1))
    driven.pattern.observe(END + 1)
    before = driven.state()
    for stray in (data(20), bytes(100), b"START", b""):
        assert driven.get(END + 2, stray) is IOStatus.CONTINUE
    driven.pattern.start_repeated(END + 3)
    assert driven.state() == before
    assert driven.end(END + 4) is IOStatus.COMPLETED


# --------------------------------------------------------------------------- several frames rendered together, unobserved

ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 2500),  # ms after the base
        st.one_of(st.integers(1, 25), st.integers(-3, 60), st.integers(90, 220)),
        st.sampled_from([400, 200, 30, 3]),
        st.booleans(),
    ),
    max_size=60,
)
PLANS = [
    PLAN,
    StreamPlan(8 * 10_000, 10, 2 * SECOND, 2 * SECOND, 400),
    StreamPlan(8 * 200_000, 200, SECOND // 2, SECOND),
]


@settings(deadline=None)
@given(plan=st.sampled_from(PLANS), arrivals=ARRIVALS, looks=st.sets(st.integers(0, 60), max_size=5))
def test_a_receiver_that_nobody_observes_judges_as_one_that_reports_every_frame(
    plan: StreamPlan, arrivals: list[tuple[int, int, int, bool]], looks: set[int]
) -> None:
    told: list[RenderedFrame] = []
    receivers = [receiver_of(plan, base_ns=BASE, connection_id=None, on_frame=each) for each in (told.append, None)]
    tasks = [receiver.initiate_io(BASE) for receiver in receivers]
    for number, (at_ms, sequence, size, right) in enumerate(sorted(arrivals)):
        datagram = data(sequence, size) if size > 26 else b"???"
        if not right and size > 26:
            datagram = datagram[:-1] + b"!"
        batch = DatagramBatch(datagram, len(datagram), BASE + at_ms * MS)
        statuses = [
            receiver.complete_io(task, now_ns=batch.received_ns, data=batch)
            for receiver, task in zip(receivers, tasks, strict=True)
        ]
        assert statuses[0] is statuses[1]
        if number in looks:
            assert judged(receivers[0], batch.received_ns) == judged(receivers[1], batch.received_ns)
    assert judged(receivers[0], END + 5 * SECOND) == judged(receivers[1], END + 5 * SECOND)


# Renders every 5 ms from 100 ms on; at 116 ms the fifth is the next, and the window ends before the 45th.
@pytest.mark.parametrize(
    ("sequence", "credited"), [(4, False), (5, True), (6, True), (41, True), (44, True), (45, False)]
)
def test_a_datagram_that_comes_while_frames_wait_for_their_verdicts_counts_by_its_time(
    sequence: int, credited: bool
) -> None:
    plan = StreamPlan(8 * 200_000, 200, 2 * SECOND, 100 * MS)
    receiver = receiver_of(plan, base_ns=BASE, connection_id=None)
    recv = receiver.initiate_io(BASE)
    for at_ms, number in ((1, 1), (116, sequence)):
        batch = DatagramBatch(data(number, 200), 200, BASE + at_ms * MS)
        receiver.complete_io(recv, now_ns=batch.received_ns, data=batch)
    assert (receiver.frames.bytes_on_time, receiver.counts.error) == ((400, 0) if credited else (200, 1))
    assert receiver.frames.bytes_received == 400


@pytest.mark.parametrize("sequence", [100, 101, 150])
def test_what_comes_after_the_end_of_a_stream_that_nobody_observes_is_nothing(sequence: int) -> None:
    plan = PLANS[2]
    end_ns = BASE + plan.end_offset_ns
    receiver = receiver_of(plan, base_ns=BASE, connection_id=None)
    recv = receiver.initiate_io(BASE)
    for received_ns, number in ((BASE + MS, 1), (end_ns - 20 * MS, 98), (end_ns + 1, sequence)):
        batch = DatagramBatch(data(number, 200), 200, received_ns)
        receiver.complete_io(recv, now_ns=received_ns, data=batch)
    assert (receiver.ended_ns, receiver.counts.error, receiver.frames.bytes_received) == (end_ns, 0, 400)


def judged(receiver: MediaStreamReceiver, now_ns: int) -> tuple[object, ...]:
    receiver.observe(now_ns)
    return (
        receiver.counts,
        receiver.frames.bytes_received,
        receiver.frames.head,
        receiver.ended_ns,
        receiver.error,
        receiver.status,
        receiver.measured_until_ns,
    )


# A START that is another stream's


@pytest.mark.parametrize(
    ("sequences", "received_ns", "expected"),
    [
        pytest.param((), BASE + 250 * MS, False, id="before any data it is asked again"),
        pytest.param((), FIRST_RENDER + 1, True, id="after the end"),
        pytest.param((1,), BASE + 650 * MS, False, id="while its peer may repeat it"),
        pytest.param((1,), BASE + 100 * MS + RETRY + 1, True, id="when its peer sends no more"),
        pytest.param(range(1, 21), BASE + 2000 * MS + 1, True, id="when the final frame has come"),
    ],
)
def test_a_start_begins_another_stream_when_it_can_repeat_none_of_this_one_s(
    sequences: Iterable[int], received_ns: int, expected: bool
) -> None:
    driven = Driven(connection_id=NAME)
    for sequence in sequences:
        driven.get(BASE + sequence * 100 * MS, *frame(sequence))
    assert driven.pattern.begins_another(received_ns) is expected


def test_a_client_s_stream_is_not_asked_for() -> None:
    assert not Driven().pattern.handshake.begins_another(END)
