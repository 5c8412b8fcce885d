"""Every datagram that reaches a side is counted once, by what became of it."""

from __future__ import annotations

import pytest
from attrs import astuple
from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.counters import ArrivalTotals, Became
from cts.protocol.arrivals import ArrivalSink
from cts.protocol.plan import StreamPlan
from cts.protocol.task import DatagramBatch, Verify
from cts.protocol.wire import START, ConnectionId, Data
from tests.protocol.sides import receiver_of, sender_of

SECOND = 1_000_000_000
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND, SECOND // 5)  # 20 frames of 1000 bytes, B = 2, window 4
PATTERN = bytes(each for number in range(500) for each in number.to_bytes(2, "little"))[: 1000 - 26]


def data(sequence: int, payload: bytes = PATTERN) -> bytes:
    return Data(sequence, 1, 10_000_000, payload).encode()


def became(datagram: bytes, at_ns: int = 1, *, client: bool = True, verify: Verify = Verify.COUNT) -> ArrivalTotals:
    """Return the counts of a receiver that got frame 1 and then this datagram."""
    receiver = receiver_of(PLAN, base_ns=0, connection_id=None if client else NAME, verify=verify)
    recv = receiver.initiate_io(0)
    for each, received_ns in ((data(1), 0), (datagram, at_ns)):
        receiver.complete_io(recv, now_ns=received_ns, data=DatagramBatch(each, len(each), received_ns))
    totals = receiver.arrivals.totals()
    assert sum(astuple(totals)) == 2
    return totals


@pytest.mark.parametrize(
    ("datagram", "at_ns", "cause"),
    [
        (data(2), 1, "on_time"),
        (data(1), SECOND // 5 + 1, "late"),
        (data(5), 1, "ahead"),
        (data(20), 1, "ahead"),
        (data(21), 1, "no_such_frame"),
        (data(0), 1, "no_such_frame"),
        (data(-1), 1, "no_such_frame"),
        (b"junk", 1, "undecodable"),
        (data(2)[:26], 1, "undecodable"),
        (data(2, b"x" * 900), 1, "wrong_payload"),
        (START, 1, "unexpected"),
        (ConnectionId(NAME).encode(), 1, "handshake"),
    ],
)
def test_a_receiver_counts_by_cause(datagram: bytes, at_ns: int, cause: str) -> None:
    totals = became(datagram, at_ns)
    assert getattr(totals, cause) == (2 if cause == "on_time" else 1)
    assert totals.errors == (0 if cause in ("on_time", "handshake") else 1)


@pytest.mark.parametrize(
    ("datagram", "at_ns", "received", "on_time"),
    [
        (data(2), 1, 2000, 2000),
        (data(1), SECOND // 5 + 1, 2000, 1000),
        (data(5), 1, 2000, 1000),
        (data(21), 1, 2000, 1000),
        (data(2, b"x" * 900), 1, 1000, 1000),
        (b"junk", 1, 1000, 1000),
        (ConnectionId(NAME).encode(), 1, 1000, 1000),
    ],
)
def test_bytes_of_good_data_are_received_whatever_becomes_of_it(
    datagram: bytes, at_ns: int, received: int, on_time: int
) -> None:
    receiver = receiver_of(PLAN, base_ns=0, connection_id=None, verify=Verify.COUNT)
    recv = receiver.initiate_io(0)
    for each, received_ns in ((data(1), 0), (datagram, at_ns)):
        receiver.complete_io(recv, now_ns=received_ns, data=DatagramBatch(each, len(each), received_ns))
    assert (receiver.frames.bytes_received, receiver.frames.bytes_on_time) == (received, on_time)


def test_a_wrong_payload_that_fails_the_stream_is_counted_too() -> None:
    assert became(data(2, b"x" * 900), verify=Verify.DATA).wrong_payload == 1


def test_a_name_is_unexpected_where_a_server_gave_it() -> None:
    assert became(ConnectionId(NAME).encode(), client=False).unexpected == 1


@pytest.mark.parametrize(
    ("datagram", "cause"),
    [
        (data(1), "unexpected"),
        (b"junk", "undecodable"),
        (START, "unexpected"),
        (ConnectionId(NAME).encode(), "handshake"),
    ],
)
def test_a_sender_counts_what_it_has_no_use_for(datagram: bytes, cause: str) -> None:
    sender = sender_of(PLAN, base_ns=0, connection_id=None)
    recv = sender.initiate_io(0)
    sender.complete_io(recv, now_ns=1, data=DatagramBatch(datagram, len(datagram), 1))
    assert sender.arrivals.totals() == ArrivalTotals(**{cause: 1})


def test_alike_datagrams_that_came_together_are_told_together() -> None:
    receiver = receiver_of(PLAN, base_ns=0, connection_id=NAME)
    recv = receiver.initiate_io(0)
    datagrams = data(1, PATTERN[:474]) * 2
    receiver.complete_io(recv, now_ns=1, data=DatagramBatch(datagrams, 500, 1))
    assert receiver.arrivals.totals() == ArrivalTotals(on_time=2)


class Told(ArrivalSink):
    """A sink that keeps what it was told last."""

    facts: tuple[object, ...] = ()

    def take(self, became: Became, datagrams: int, size: int, received_ns: int, *stamp: int) -> None:
        super().take(became, datagrams, size, received_ns, *stamp)
        self.facts = (became, datagrams, size, received_ns, *stamp)


@pytest.mark.parametrize(
    ("datagram", "facts"),
    [
        (data(2), (Became.ON_TIME, 1, 1000, 9, 2, 1, 10_000_000)),
        (data(1, PATTERN[:474]) * 2, (Became.ON_TIME, 2, 1000, 9, 1, 1, 10_000_000)),
        (data(5), (Became.AHEAD, 1, 1000, 9, 5, 1, 10_000_000)),
        (data(2, b"x" * 474), (Became.WRONG_PAYLOAD, 1, 500, 9, 2, 1, 10_000_000)),
        (b"junk", (Became.UNDECODABLE, 1, 4, 9)),
        (START, (Became.UNEXPECTED, 1, 5, 9)),
        (ConnectionId(NAME).encode(), (Became.HANDSHAKE, 1, 39, 9)),
    ],
)
def test_an_arrival_is_told_with_its_bytes_and_time_and_data_with_its_frame_and_stamp(
    datagram: bytes, facts: tuple[object, ...]
) -> None:
    receiver = receiver_of(PLAN, base_ns=0, connection_id=None, verify=Verify.COUNT)
    told = receiver.arrivals = Told()
    size = 500 if facts[1] == 2 else len(datagram)
    receiver.complete_io(receiver.initiate_io(0), now_ns=10, data=DatagramBatch(datagram, size, 9))
    assert told.facts == facts


def test_a_sender_tells_the_bytes_and_time_of_what_arrives() -> None:
    sender = sender_of(PLAN, base_ns=0, connection_id=None)
    told = sender.arrivals = Told()
    sender.complete_io(sender.initiate_io(0), now_ns=10, data=DatagramBatch(b"junk", 4, 9))
    assert told.facts == (Became.UNDECODABLE, 1, 4, 9)


@given(st.lists(st.tuples(st.sampled_from(Became), st.integers(1, 9)), max_size=20))
def test_counts_add_up_and_errors_are_what_fits_no_frame(told: list[tuple[Became, int]]) -> None:
    sink, halves = ArrivalSink(), (ArrivalSink(), ArrivalSink())
    for index, (cause, datagrams) in enumerate(told):
        for one in (sink, halves[index % 2]):
            one.take(cause, datagrams, 100, 1)
    totals = sink.totals()
    assert totals == halves[0].totals() + halves[1].totals()
    fits = sum(datagrams for cause, datagrams in told if cause in (Became.ON_TIME, Became.HANDSHAKE))
    assert totals.errors == sum(datagrams for _, datagrams in told) - fits
