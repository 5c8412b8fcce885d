"""Both sides of a stream against each other, over a wire where each datagram has the fate that a test gives it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.protocol.outgoing import Frame
from cts.protocol.pattern import IOPattern
from cts.protocol.plan import StreamPlan
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import DatagramBatch, IOAction, IOStatus, IOTask, StreamError
from cts.protocol.wire import PATTERN, START, ConnectionId, Data
from tests.protocol.sides import receiver_of, sender_of

SECOND = 1_000_000_000
MS = 1_000_000
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND)  # 20 frames of one datagram of 1000 bytes, B = 10, window 20
FINAL = 20
DEPTH = SECOND
END = 2900 * MS
RETRY = 600 * MS + 1
LATENCY = MS
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])

Fate = Callable[[str, int], Sequence[int]]
"""How long after it is sent each copy of a datagram arrives, by its kind and number; nothing if it is lost."""


def on_time(_kind: str, _number: int) -> Sequence[int]:
    return [LATENCY]


def except_for(kind: str, *numbers: int, delays: Sequence[int] = ()) -> Fate:
    """These datagrams (all of the kind, if none is named) have that fate, the others are on time."""
    return lambda sent, number: delays if sent == kind and (not numbers or number in numbers) else [LATENCY]


class Side:
    """A pattern and a driver that works it as the package says."""

    def __init__(self, pattern: IOPattern, now_ns: int) -> None:
        self.pattern = pattern
        self.recv = pattern.initiate_io(now_ns)
        self.waits_for: IOTask | None = None

    def due_ns(self, now_ns: int) -> int:
        """Tell when there is something to do, at ``now_ns`` or later."""
        if self.waits_for is None or (self.pattern.ready and not self.waits_for.tracked):
            self.waits_for = self.pattern.initiate_io(now_ns)
        return max(now_ns, self.waits_for.due_ns)

    def take_task(self, now_ns: int) -> IOTask:
        """Return what is to do now; what is not tracked may have become needless, so ask again."""
        task, self.waits_for = self.waits_for, None
        return task if task is not None and task.tracked else self.pattern.initiate_io(now_ns)

    def get(self, now_ns: int, datagram: bytes) -> None:
        batch = DatagramBatch(datagram, len(datagram), now_ns)
        self.pattern.complete_io(self.recv, now_ns=now_ns, data=batch)


class Stream:
    """One stream from START to both ends, in virtual time from 0; the server's side begins when it hears START."""

    def __init__(self, direction: str, fate: Fate = on_time, injected: Sequence[tuple[int, bytes]] = ()) -> None:
        self.direction = direction
        self.fate = fate
        self.sent: Counter[str] = Counter()
        self.client = Side(self._make(0, None), 0)
        self.server: Side | None = None
        self._arrivals: list[tuple[int, int, str, bytes]] = []
        receives = "client" if direction == "pull" else "server"
        for at_ns, datagram in injected:
            heappush(self._arrivals, (at_ns, len(self._arrivals), receives, datagram))
        self._serial = len(self._arrivals)
        self._run()

    @property
    def receiver(self) -> MediaStreamReceiver:
        side = self.client if self.direction == "pull" else self.server
        assert side is not None
        assert isinstance(side.pattern, MediaStreamReceiver)
        return side.pattern

    @property
    def sender(self) -> MediaStreamSender:
        side = self.server if self.direction == "pull" else self.client
        assert side is not None
        assert isinstance(side.pattern, MediaStreamSender)
        return side.pattern

    def _make(self, now_ns: int, connection_id: str | None) -> IOPattern:
        if (self.direction == "pull") == (connection_id is None):
            return receiver_of(PLAN, base_ns=now_ns, connection_id=connection_id)
        return sender_of(PLAN, base_ns=now_ns, connection_id=connection_id)

    def _run(self) -> None:
        now_ns = 0
        while running := [side for side in self._sides() if side.pattern.status is IOStatus.CONTINUE]:
            assert now_ns < 60 * SECOND, "the stream does not end"
            due_ns, side = min(((side.due_ns(now_ns), side) for side in running), key=lambda one: one[0])
            if self._arrivals and self._arrivals[0][0] <= due_ns:
                now_ns, _, target, datagram = heappop(self._arrivals)
                self._arrive(now_ns, target, datagram)
            else:
                now_ns = due_ns
                self._work(side, now_ns)

    def _sides(self) -> list[Side]:
        return [self.client] if self.server is None else [self.client, self.server]

    def _arrive(self, now_ns: int, target: str, datagram: bytes) -> None:
        if target == "client":
            self.client.get(now_ns, datagram)
        elif self.server is None:
            if datagram == START:
                self.server = Side(self._make(now_ns, NAME), now_ns)
        elif datagram == START:
            self.server.pattern.start_repeated(now_ns)
        else:
            self.server.get(now_ns, datagram)

    def _work(self, side: Side, now_ns: int) -> None:
        task = side.take_task(now_ns)
        if task.due_ns > now_ns:
            side.waits_for = task
            return
        assert task.action is not IOAction.NONE, "nothing to do, and yet it is due"
        if task.action is IOAction.SEND:
            self._send(side, task, now_ns)
        transferred = task.size if task.sequence else 0
        side.pattern.complete_io(task, now_ns=now_ns, transferred=transferred)

    def _send(self, side: Side, task: IOTask, now_ns: int) -> None:
        if task.sequence:
            frame = Frame(PLAN, task.sequence, task.due_ns)
            (payload,) = frame.payloads
            kind, datagram = "data", bytes(frame.stamp(now_ns)) + bytes(payload)
        elif task.datagram == START:
            kind, datagram = "start", START
        else:
            kind, datagram = "id", ConnectionId(NAME).encode()
        self.sent[kind] += 1
        target = "server" if side is self.client else "client"
        for delay_ns in self.fate(kind, self.sent[kind]):
            self._serial += 1
            heappush(self._arrivals, (now_ns + delay_ns, self._serial, target, datagram))


def final_datagram() -> bytes:
    return Data(FINAL, 1, 10_000_000, PATTERN[: PLAN.frame_size - 26]).encode()


def began_at(direction: str) -> int:
    """When the receiver of an undisturbed stream begins: a client with its START, a server when that arrives."""
    return 0 if direction == "pull" else LATENCY


def assert_ran_to_its_end(stream: Stream, frames: FrameTotals, base_ns: int | None = None) -> None:
    base_ns = began_at(stream.direction) if base_ns is None else base_ns
    assert stream.receiver.counts == frames
    assert (stream.receiver.status, stream.receiver.error) == (IOStatus.COMPLETED, None)
    assert stream.receiver.ended_ns == base_ns + END
    assert (stream.sender.status, stream.sender.confirmed_bytes) == (IOStatus.COMPLETED, PLAN.transfer_size)


# ------------------------------------------------------------------------------------------------ scenarios


@BOTH
def test_an_undisturbed_stream_completes_every_frame_and_asks_once(direction: str) -> None:
    stream = Stream(direction)
    assert_ran_to_its_end(stream, FrameTotals(completed=20))
    assert stream.sent == {"start": 1, "id": 1, "data": 20}
    assert stream.client.pattern.handshake.connection_id == NAME


def test_a_passive_receiver_whose_final_datagram_arrives_finishes_by_its_renderer() -> None:
    stream = Stream("push")
    final_arrived_ns = 3 * LATENCY + 2 * SECOND  # START, then the id, then the frame
    assert stream.receiver.measured_until_ns == final_arrived_ns
    assert stream.receiver.status is IOStatus.COMPLETED
    assert stream.receiver.ended_ns == LATENCY + END


@BOTH
def test_a_lost_final_datagram_costs_a_frame_and_no_time(direction: str) -> None:
    stream = Stream(direction, except_for("data", FINAL))
    assert_ran_to_its_end(stream, FrameTotals(completed=19, dropped=1))
    assert stream.receiver.measured_until_ns is None


@BOTH
def test_a_duplicated_final_datagram_is_a_repeated_frame_and_no_earlier_end(direction: str) -> None:
    stream = Stream(direction, except_for("data", FINAL, delays=[LATENCY, 2 * LATENCY]))
    assert_ran_to_its_end(stream, FrameTotals(completed=19, repeated=1))


@BOTH
def test_a_final_datagram_that_is_late_but_in_time_is_completed(direction: str) -> None:
    stream = Stream(direction, except_for("data", FINAL, delays=[890 * MS]))
    assert_ran_to_its_end(stream, FrameTotals(completed=20))


@BOTH
def test_a_final_datagram_that_comes_after_the_end_finds_the_stream_ended(direction: str) -> None:
    stream = Stream(direction, except_for("data", FINAL, delays=[910 * MS]))
    assert_ran_to_its_end(stream, FrameTotals(completed=19, dropped=1))


@BOTH
def test_a_final_datagram_that_comes_first_ends_nothing(direction: str) -> None:
    stream = Stream(direction, except_for("data", FINAL), injected=[(2 * LATENCY, final_datagram())])
    assert_ran_to_its_end(stream, FrameTotals(completed=20))


@BOTH
def test_when_everything_is_lost_the_receiver_fails_at_its_first_render(direction: str) -> None:
    stream = Stream(direction, except_for("data"))
    assert (stream.receiver.status, stream.receiver.error) == (IOStatus.FAILED, StreamError.NOT_ALL_DATA_TRANSFERRED)
    assert stream.receiver.counts == FrameTotals(dropped=20)
    assert stream.receiver.ended_ns == began_at(direction) + DEPTH
    assert stream.sender.status is IOStatus.COMPLETED


@BOTH
def test_without_a_server_the_client_asks_while_there_is_hope_and_fails_at_the_first_render(direction: str) -> None:
    stream = Stream(direction, except_for("start"))
    client = stream.client.pattern
    assert stream.server is None
    assert stream.sent == {"start": 2}
    assert (client.status, client.error) == (IOStatus.FAILED, StreamError.NOT_ALL_DATA_TRANSFERRED)
    assert client.ended_ns == DEPTH


def test_a_lost_start_is_repeated_and_a_pulled_stream_keeps_its_end() -> None:
    stream = Stream("pull", except_for("start", 1))
    assert_ran_to_its_end(stream, FrameTotals(completed=20))
    assert stream.sent["start"] == 2


def test_a_lost_start_is_repeated_and_a_pushed_stream_begins_with_the_second() -> None:
    stream = Stream("push", except_for("start", 1))
    assert_ran_to_its_end(stream, FrameTotals(completed=20), base_ns=RETRY + LATENCY)
    assert stream.sent["start"] == 2


def test_a_start_that_arrives_twice_makes_no_difference_to_a_pulled_stream() -> None:
    stream = Stream("pull", except_for("start", delays=[LATENCY, 50 * MS]))
    assert_ran_to_its_end(stream, FrameTotals(completed=20))
    assert stream.sent["id"] == 2


def test_a_start_that_arrives_twice_before_the_data_begins_a_pushed_stream_anew() -> None:
    stream = Stream("push", except_for("start", delays=[LATENCY, 50 * MS]))
    assert_ran_to_its_end(stream, FrameTotals(completed=20), base_ns=50 * MS)
    assert stream.sent["id"] == 2


def test_a_start_that_arrives_again_after_the_data_is_only_answered() -> None:
    stream = Stream("push", except_for("start", delays=[LATENCY, 150 * MS]))
    assert_ran_to_its_end(stream, FrameTotals(completed=20))
    assert stream.sent["id"] == 2


def test_a_lost_id_is_asked_for_again_and_a_pulled_stream_is_whole() -> None:
    stream = Stream("pull", except_for("id", 1))
    assert_ran_to_its_end(stream, FrameTotals(completed=20))
    assert stream.sent == {"start": 2, "id": 2, "data": 20}


def test_when_every_id_is_lost_a_pulled_stream_is_whole_and_fails_for_want_of_its_name() -> None:
    stream = Stream("pull", except_for("id"))
    assert stream.receiver.counts == FrameTotals(completed=20)
    assert (stream.receiver.status, stream.receiver.error) == (IOStatus.FAILED, StreamError.NO_CONNECTION_ID)
    assert stream.receiver.ended_ns == END
    assert stream.client.pattern.handshake.connection_id is None


def test_a_lost_id_is_asked_for_again_and_the_pushed_stream_begins_then() -> None:
    stream = Stream("push", except_for("id", 1))
    assert_ran_to_its_end(stream, FrameTotals(completed=20), base_ns=RETRY + LATENCY)
    assert stream.sent == {"start": 2, "id": 2, "data": 20}


def test_when_every_id_is_lost_both_sides_of_a_push_give_up() -> None:
    stream = Stream("push", except_for("id"))
    assert stream.sent == {"start": 2, "id": 2}
    assert (stream.sender.status, stream.sender.ended_ns) == (IOStatus.FAILED, DEPTH)
    assert (stream.receiver.status, stream.receiver.ended_ns) == (IOStatus.FAILED, RETRY + LATENCY + DEPTH)
    assert stream.receiver.counts == FrameTotals(dropped=20)


@BOTH
def test_when_the_sender_falls_silent_the_rest_is_dropped_and_the_end_stays(direction: str) -> None:
    stream = Stream(direction, except_for("data", *range(8, FINAL + 1)))
    assert_ran_to_its_end(stream, FrameTotals(completed=7, dropped=13))


@settings(deadline=None)
@given(
    st.sampled_from(["pull", "push"]),
    st.lists(st.sampled_from([(), (MS,), (MS, 3 * MS), (400 * MS,), (1500 * MS,)]), min_size=1, max_size=30),
)
def test_whatever_the_network_does_both_sides_end_and_every_frame_has_its_verdict(
    direction: str, fates: list[tuple[int, ...]]
) -> None:
    stream = Stream(direction, lambda kind, number: fates[(number + len(kind)) % len(fates)])
    client = stream.client.pattern
    assert stream.server is not None or client.status is IOStatus.FAILED
    if stream.server is not None:
        receiver, sender = stream.receiver, stream.sender
        late_by = DEPTH if receiver.error is StreamError.NOT_ALL_DATA_TRANSFERRED else END
        assert receiver.ended_ns == receiver.handshake.base_ns + late_by
        assert receiver.counts.rendered == FINAL
        assert (receiver.status is IOStatus.COMPLETED) == (receiver.error is None)
        assert (sender.status is IOStatus.COMPLETED) == (sender.confirmed_bytes == PLAN.transfer_size)
