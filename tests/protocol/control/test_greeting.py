"""A client's side that begins by HELLO, as its pattern works with it: what begins its schedule, and what does not."""

from __future__ import annotations

from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.histogram import Histogram
from cts.metrics.loss import DueBytes
from cts.protocol.control.client import ClientHandshake, HandshakeMode
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.greeting import handshake_by
from cts.protocol.control.states import State
from cts.protocol.plan import StreamPlan
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.roles import Direction, Role
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import DatagramBatch, IOAction, IOTask, StreamError
from cts.protocol.wire import PATTERN, START, ConnectionId, Data
from cts.units import SECOND
from tests.protocol.control.ends import MS, NAME, accept, acceptor_of, challenged, client_of, hear, tell

# 20 frames of 400 + 400 + 200 bytes; the first is rendered after 300 ms.
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND, 300 * MS, 400)
JUNK = b"\x00\x20" + bytes(20)


class Asking:
    """A receiver that asks for its stream by HELLO, and what reads for it."""

    def __init__(self, mode: HandshakeMode = HandshakeMode.CTS) -> None:
        self.client = client_of(plan=PLAN, mode=mode)
        handshake = handshake_by(self.client, PLAN, 0, role=Role.RECEIVER, connection_id=None)
        self.pattern = MediaStreamReceiver(PLAN, handshake)
        self.reading: IOTask = self.pattern.initiate_io(0)

    def get(self, datagram: bytes, received_ns: int) -> None:
        batch = DatagramBatch(datagram, len(datagram), received_ns)
        self.pattern.complete_io(self.reading, now_ns=received_ns, data=batch)

    def goes_on(self, until_ns: int) -> IOTask:
        """Send what is due, instant by instant; return the first task that is due later, or that ends the stream."""
        now_ns = 0
        while (task := self.pattern.initiate_io(now_ns)).action is not IOAction.FATAL_ABORT and task.due_ns <= until_ns:
            now_ns = max(now_ns, task.due_ns)
            self.pattern.complete_io(task, now_ns=now_ns, transferred=task.size)
        return task

    @property
    def arrivals(self) -> ArrivalTotals:
        return self.pattern.arrivals.totals()


def data(sequence: int) -> bytes:
    return Data(sequence, 5, 10_000_000, PATTERN[:374]).encode()


def test_the_welcome_begins_the_schedule() -> None:
    asking, acceptor = Asking(), acceptor_of()
    answer = accept(acceptor, hear(acceptor, challenged(asking.client, acceptor)), plan=PLAN).answer
    asking.get(answer, 70 * MS)
    assert (asking.pattern.handshake.base_ns, asking.pattern.handshake.connection_id) == (70 * MS, NAME)
    assert asking.arrivals.handshake == 1


def test_data_that_overtakes_the_welcome_begins_the_schedule() -> None:
    asking, acceptor = Asking(), acceptor_of()
    challenged(asking.client, acceptor)
    asking.get(data(1), 150 * MS)
    assert asking.pattern.handshake.base_ns == 150 * MS - PLAN.send_offset_ns(1)
    assert asking.arrivals.on_time == 1


def test_data_before_anybody_was_asked_is_a_stranger_s() -> None:
    asking = Asking()
    asking.get(data(1), 150 * MS)
    assert (asking.pattern.handshake.began, asking.arrivals.unexpected) == (False, 1)


def test_a_control_datagram_that_is_none_changes_nothing() -> None:
    asking = Asking()
    asking.get(JUNK, 10 * MS)
    assert (asking.client.state, asking.arrivals.handshake) == (State.ASKING, 1)


def test_nobody_s_answer_ends_the_stream() -> None:
    asking = Asking()
    task = asking.goes_on(100 * SECOND)
    asking.pattern.complete_io(task, now_ns=100 * SECOND)
    assert asking.pattern.error is StreamError.NO_ANSWER


def test_who_falls_back_begins_by_start_and_takes_its_answer() -> None:
    asking = Asking(HandshakeMode.AUTO)
    falls_back_ns = HandshakeMode.AUTO.falls_back_ns
    asking.goes_on(falls_back_ns + 2)
    assert asking.client.state is State.ORIGINAL
    assert falls_back_ns < asking.pattern.handshake.base_ns <= falls_back_ns + 2
    asking.get(ConnectionId(NAME).encode(), falls_back_ns + 50 * MS)
    assert asking.pattern.handshake.connection_id == NAME


def test_the_welcome_that_data_overtook_names_the_stream_and_leaves_its_schedule() -> None:
    asking, acceptor = Asking(), acceptor_of()
    answer = accept(acceptor, hear(acceptor, challenged(asking.client, acceptor)), plan=PLAN).answer
    asking.get(data(1), 150 * MS)
    base_ns = asking.pattern.handshake.base_ns
    asking.get(answer, 170 * MS)
    assert (asking.pattern.handshake.base_ns, asking.pattern.handshake.connection_id) == (base_ns, NAME)


def test_of_several_datagrams_at_once_the_first_of_a_frame_begins_the_schedule() -> None:
    asking, acceptor = Asking(), acceptor_of()
    challenged(asking.client, acceptor)
    both = data(1) + data(1)
    batch = DatagramBatch(both, 400, 150 * MS)
    asking.pattern.complete_io(asking.reading, now_ns=150 * MS, data=batch)
    assert (asking.pattern.handshake.base_ns, asking.arrivals.on_time) == (150 * MS - PLAN.send_offset_ns(1), 2)


def test_a_start_that_comes_to_who_has_asked_by_hello_says_nothing_of_its_peer() -> None:
    asking, acceptor = Asking(), acceptor_of()
    challenged(asking.client, acceptor)
    asking.get(data(1), 150 * MS)
    for _ in range(10):
        asking.get(START, 160 * MS)
    assert (asking.pattern.remark, asking.arrivals.unexpected) == (None, 10)


def test_who_sends_waits_for_the_welcome_and_counts_its_frames_from_then_on() -> None:
    client, acceptor = client_of(plan=PLAN, mode=HandshakeMode.CTS), acceptor_of()
    pattern = MediaStreamSender(PLAN, handshake_by(client, PLAN, 0, role=Role.SENDER, connection_id=None))
    reading, hello = pattern.initiate_io(0), pattern.initiate_io(0)
    assert (hello.action, client.key_name) == (IOAction.SEND, None)
    incoming = hear(acceptor, hello.datagram)
    assert tell(client, incoming)
    answer = accept(acceptor, hear(acceptor, client.poll(0)), plan=PLAN).answer
    assert (pattern.frames_due, pattern.counts) == (0, FrameTotals())
    pattern.complete_io(reading, now_ns=SECOND, data=DatagramBatch(answer, len(answer), SECOND))
    assert pattern.handshake.base_ns == SECOND
    assert pattern.initiate_io(SECOND).action is not IOAction.FATAL_ABORT


def test_counts_are_put_together_from_what_is_counted() -> None:
    received = ReceiverCounts.of(
        FrameTotals(3, 2, 1), ArrivalTotals(9, 4), DueBytes(7, 6), elapsed_ns=5, bytes_received=8
    )
    assert (received.frames, received.due_bytes) == (FrameTotals(3, 2, 1, 4), DueBytes(7, 6))
    sent = SenderCounts.of(DueBytes(7, 6), Histogram().percentiles(), frames_due=3)
    assert (sent.due_bytes, sent.frames_due, sent.lateness_count) == (DueBytes(7, 6), 3, 0)


def test_who_asks_by_start_has_no_use_for_control_datagrams() -> None:
    handshake = handshake_by(None, PLAN, 0, role=Role.RECEIVER, connection_id=None)
    pattern = MediaStreamReceiver(PLAN, handshake)
    pattern.complete_io(pattern.initiate_io(0), now_ns=0, data=DatagramBatch(JUNK, len(JUNK), 0))
    assert pattern.arrivals.totals().undecodable == 1
    assert not handshake.data_first(1, 0)
    assert (handshake.failure, pattern.frames_due) == (None, 0)


def test_a_peer_that_is_gone_fails_a_stream_once() -> None:
    asking = Asking()
    for now_ns in (1, 2):
        asking.pattern.peer_gone(StreamError.PEER_GONE, now_ns)
        assert (asking.pattern.error, asking.pattern.ended_ns) == (StreamError.PEER_GONE, 1)


def test_the_challenge_begins_nothing() -> None:
    asking, acceptor = Asking(), acceptor_of()
    challenge = hear(acceptor, asking.client.poll(0))
    assert isinstance(challenge, bytes)
    asking.get(challenge, 30 * MS)
    assert (asking.client.state, asking.pattern.handshake.began) == (State.CHALLENGED, False)


def test_a_client_tells_whoever_asks_that_it_falls_back() -> None:
    told: list[str] = []
    client = ClientHandshake(
        PLAN, Direction.PULL, nonce=bytes(16), now_ns=0, mode=HandshakeMode.AUTO, on_fall_back=lambda: told.append("it")
    )
    for _ in range(5):
        client.poll(client.due_ns)
    assert (told, client.state) == (["it"], State.ORIGINAL)


def test_data_that_comes_in_time_to_a_patient_server_counts() -> None:
    acceptor, client = acceptor_of(), client_of(plan=PLAN)
    accepted = accept(acceptor, hear(acceptor, challenged(client, acceptor)), plan=PLAN)
    pattern = MediaStreamReceiver(PLAN, handshake_by(accepted, PLAN, 0, role=Role.RECEIVER, connection_id=NAME))
    pattern.complete_io(pattern.initiate_io(0), now_ns=SECOND, data=DatagramBatch(data(10), 400, SECOND))
    assert (pattern.ended_ns, pattern.arrivals.totals().on_time) == (None, 1)


def test_data_that_comes_when_a_patient_server_s_stream_is_over_ends_it() -> None:
    client, acceptor = client_of(plan=PLAN), acceptor_of()
    accepted = accept(acceptor, hear(acceptor, challenged(client, acceptor)), plan=PLAN)
    assert tell(client, accepted.answer)
    handshake = handshake_by(accepted, PLAN, 0, role=Role.RECEIVER, connection_id=NAME)
    pattern = MediaStreamReceiver(PLAN, handshake)
    late_ns = PLAN.end_offset_ns + 1
    pattern.complete_io(pattern.initiate_io(0), now_ns=late_ns, data=DatagramBatch(data(20), 400, late_ns))
    assert pattern.ended_ns == PLAN.end_offset_ns
    assert pattern.counts.dropped == PLAN.final_frame


def test_who_asked_and_was_welcomed_and_got_no_frame_names_the_size_that_may_not_pass() -> None:
    asking, acceptor = Asking(), acceptor_of()
    answer = accept(acceptor, hear(acceptor, challenged(asking.client, acceptor)), plan=PLAN).answer
    asking.get(answer, 70 * MS)
    task = asking.goes_on(100 * SECOND)
    asking.pattern.complete_io(task, now_ns=task.due_ns)
    assert asking.pattern.remark is not None
    assert "datagrams of 400 bytes do not pass, the peer stopped, or the first would come later" in (
        asking.pattern.remark.text
    )


def test_so_does_a_server_that_is_sent_nothing() -> None:
    acceptor, client = acceptor_of(), client_of(plan=PLAN)
    accepted = accept(acceptor, hear(acceptor, challenged(client, acceptor)), plan=PLAN)
    pattern = MediaStreamReceiver(PLAN, handshake_by(accepted, PLAN, 0, role=Role.RECEIVER, connection_id=NAME))
    now_ns = 0
    while pattern.ended_ns is None:
        task = pattern.initiate_io(now_ns)
        now_ns = max(now_ns, task.due_ns)
        pattern.complete_io(task, now_ns=now_ns, transferred=task.size)
    assert pattern.remark is not None
    assert "datagrams of 400 bytes do not pass, the peer stopped, or WELCOME does not reach it" in pattern.remark.text


def test_a_client_that_fell_back_in_vain_says_how_long_it_asked_before() -> None:
    asking = Asking(HandshakeMode.AUTO)
    asking.goes_on(3 * SECOND)
    asking.pattern.observe(3 * SECOND)
    assert asking.pattern.remark is not None
    assert asking.pattern.remark.text.startswith(
        "asked by HELLO for 1 s, then 1 START sent, and nothing came back in 300 ms: no server there"
    )


def test_who_asks_by_hello_takes_note_that_the_network_says_that_nobody_is_there() -> None:
    asking = Asking(HandshakeMode.AUTO)
    asking.pattern.unreachable(1, 20 * MS)
    assert asking.client.not_reached
