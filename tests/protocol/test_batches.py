"""How datagrams come together and when the code looks: neither changes what becomes of a stream."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.counters import FrameTotals
from cts.protocol.frames import RenderedFrame
from cts.protocol.plan import StreamPlan
from cts.protocol.task import DatagramBatch, IOStatus, StreamError, Verify
from cts.protocol.wire import PATTERN, ConnectionId, Data
from tests.protocol.sides import receiver_of

SECOND = 1_000_000_000
MS = 1_000_000
BASE = 7 * SECOND
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
OTHER_NAME = "3ed28da8-75a8-435f-9213-f676f9186495"
# 20 frames of 400 + 400 + 200 bytes, B = 3, window 6; ends at 2.2 s.
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND, 300 * MS, 400)
END = BASE + 2200 * MS


def data(sequence: int, size: int = 400, qpc: int = 5) -> bytes:
    return Data(sequence, qpc, 10_000_000, PATTERN[: size - 26]).encode()


def corrupt(datagram: bytes, at: int = -1) -> bytes:
    changed = bytearray(datagram)
    changed[at] ^= 0x40
    return bytes(changed)


class Driven:
    """A receiver with its RECV task, and everything that it reported."""

    def __init__(
        self, plan: StreamPlan = PLAN, *, connection_id: str | None = None, verify: Verify = Verify.DATA
    ) -> None:
        self.rendered: list[RenderedFrame] = []
        self.pattern = receiver_of(
            plan, base_ns=BASE, connection_id=connection_id, verify=verify, on_frame=self.rendered.append
        )
        self.recv = self.pattern.initiate_io(BASE)

    def get(self, received_ns: int, *datagrams: bytes) -> None:
        """Hand over one batch; its datagrams have one length, only the last may be shorter."""
        batch = DatagramBatch(b"".join(datagrams), len(datagrams[0]), received_ns)
        self.pattern.complete_io(self.recv, now_ns=received_ns, data=batch)

    def look(self, now_ns: int) -> None:
        """Ask for the next task though nobody needs one, and do it if it is due."""
        task = self.pattern.initiate_io(now_ns)
        if task.due_ns <= now_ns:
            self.pattern.complete_io(task, now_ns=now_ns)

    def end(self) -> None:
        """Do the last task, long after the end, if it is not done."""
        if self.pattern.status is IOStatus.CONTINUE:
            self.look(END + 2 * SECOND)
        assert self.pattern.status is not IOStatus.CONTINUE

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


# ------------------------------------------------------------------------------------------------ batches


@pytest.mark.parametrize(
    ("size", "segment_size", "lengths"),
    [(0, 0, [0]), (0, 1400, [0]), (5, 1400, [5]), (1400, 1400, [1400]), (1401, 1400, [1400, 1]), (4, 2, [2, 2])],
)
def test_a_batch_is_cut_into_datagrams_of_its_segment_size(size: int, segment_size: int, lengths: list[int]) -> None:
    batch = DatagramBatch(PATTERN[:size], segment_size, 0)
    assert [len(datagram) for datagram in batch.datagrams()] == lengths
    assert len(batch) == len(lengths)
    assert b"".join(batch.datagrams()) == PATTERN[:size]


def stamped(stamps: Sequence[int], size: int, last_size: int) -> bytearray:
    """Datagrams of one frame with these stamps, all of one size but the last."""
    sizes = [size] * (len(stamps) - 1) + [last_size]
    return bytearray(
        b"".join(data(3, each, qpc) if each > 26 else b"x" * each for qpc, each in zip(stamps, sizes, strict=True))
    )


_STAMPS = st.one_of(
    st.integers(0, 70_000), st.integers(2**62 - 300, 2**62), st.sampled_from([2**16 - 9, 2**24 - 5, 2**40 - 1])
)


@settings(deadline=None)
@given(_STAMPS, st.integers(0, 2), st.integers(1, 300), st.integers(27, 60), st.data())
def test_stamps_that_grow_by_none_or_one_are_all_that_a_steady_batch_differs_in(
    first: int, step: int, count: int, size: int, draw: st.DataObject
) -> None:
    last_size = draw.draw(st.integers(27, size))
    buffer = stamped([first + step * place for place in range(count)], size, last_size)
    before = bytes(buffer)
    expected = 0 if count == 1 else step if step == 0 or (step == 1 and count <= 256) else None
    assert DatagramBatch(memoryview(buffer), size if count > 1 else last_size, 0).stamp_step() == expected
    assert buffer == before


@settings(deadline=None)
@given(_STAMPS, st.integers(0, 1), st.integers(2, 40), st.data())
def test_a_bit_that_differs_anywhere_else_is_seen(first: int, step: int, count: int, draw: st.DataObject) -> None:
    buffer = stamped([first + step * place for place in range(count)], 40, 33)
    bit = draw.draw(st.integers(8 * 40, 8 * len(buffer) - 1))
    buffer[bit // 8] ^= 1 << bit % 8
    stamps = [int.from_bytes(buffer[at + 10 : at + 18], "little") for at in range(0, len(buffer), 40)]
    # Of two datagrams, the second's stamp may have become the neighbour of the first's, or the same.
    still = [buffer[:10] + buffer[18:33] == buffer[40:50] + buffer[58:73]] if count == 2 else [False]
    expected = stamps[1] - stamps[0] if all(still) and stamps[1] - stamps[0] in (0, 1) else None
    assert DatagramBatch(bytes(buffer), 40, 0).stamp_step() == expected


@pytest.mark.parametrize("size", [1, 5, 26])
def test_datagrams_too_short_to_have_stamps_are_looked_at_one_by_one(size: int) -> None:
    assert DatagramBatch(b"x" * (2 * size), size, 0).stamp_step() is None


def test_equal_datagrams_in_one_batch_are_credited_together() -> None:
    driven = Driven()
    driven.get(BASE, data(1), data(1), data(1, 200))
    driven.end()
    assert driven.pattern.counts == FrameTotals(completed=1, dropped=19)


def test_datagrams_of_different_frames_in_one_batch_are_told_apart() -> None:
    driven = Driven()
    driven.get(BASE, data(1), data(2), data(1), data(2), data(1, 200))
    driven.get(BASE, data(2, 200))
    driven.end()
    assert driven.pattern.counts == FrameTotals(completed=2, dropped=18)


def test_different_stamps_in_one_batch_are_no_corruption() -> None:
    driven = Driven()
    driven.get(BASE, data(1, qpc=1), data(1, qpc=2), data(1, 200, qpc=3))
    driven.end()
    assert driven.pattern.counts == FrameTotals(completed=1, dropped=19)
    assert driven.rendered[0].sender_qpc == 3


def test_stamps_that_run_over_are_looked_at_one_by_one() -> None:
    driven = Driven()
    driven.get(BASE, data(1, qpc=2**63 - 1), data(1, qpc=-(2**63)), data(1, 200, qpc=-(2**63) + 1))
    driven.end()
    assert driven.pattern.counts == FrameTotals(completed=1, dropped=19)
    assert driven.rendered[0].sender_qpc == -(2**63) + 1


@pytest.mark.parametrize("length", [1, 2, 25, 26])
def test_a_last_datagram_too_short_for_data_is_an_error_among_equals(length: int) -> None:
    driven = Driven()
    driven.get(BASE, data(1), data(1), data(1)[:length])
    assert driven.pattern.counts.error == 1
    assert driven.pattern.frames.bytes_received == 800


def test_a_shortest_last_datagram_is_credited_among_equals() -> None:
    driven = Driven()
    driven.get(BASE, data(1), data(1), data(1)[:27])
    assert driven.pattern.counts.error == 0
    assert driven.pattern.frames.bytes_received == 827


def test_equal_rubbish_in_one_batch_counts_each() -> None:
    driven = Driven()
    driven.get(BASE, b"START", b"START", b"START")
    driven.get(BASE, b"\xff" * 60, b"\xff" * 60, b"\xff" * 30)
    driven.get(BASE, data(99), data(99), data(99, 30))
    assert driven.pattern.counts.error == 9


def test_equal_wrong_payloads_count_the_same_in_one_batch_and_one_by_one() -> None:
    together, apart = Driven(verify=Verify.DATA), Driven(verify=Verify.DATA)
    wrong = corrupt(data(1))
    together.get(BASE, wrong, wrong, wrong)
    for _ in range(3):
        apart.get(BASE, wrong)
    assert together.state() == apart.state()


def test_a_good_short_datagram_behind_one_that_is_wrong_beyond_its_length_is_credited() -> None:
    together, apart = Driven(verify=Verify.COUNT), Driven(verify=Verify.COUNT)
    wrong, good = corrupt(data(1, 400), at=399), data(1, 200)
    together.get(BASE, wrong, good)
    apart.get(BASE, wrong)
    apart.get(BASE, good)
    assert together.state() == apart.state()


def test_a_connection_id_cut_short_behind_a_whole_one_counts_as_an_error() -> None:
    together, apart = Driven(), Driven()
    name = ConnectionId(NAME).encode()
    together.get(BASE, name, name[:30])
    apart.get(BASE, name)
    apart.get(BASE, name[:30])
    assert together.state() == apart.state()


# ------------------------------------------------------------------------------------------------ properties


@frozen
class Arrival:
    """Datagrams that arrived together; as one batch their lengths are equal, only the last one may be shorter."""

    received_ns: int
    datagrams: tuple[bytes, ...]


def an_arrival(received_ns: int, first: bytes, copies: int, wrong: bool, last: int, changed: int) -> Arrival:
    """Repeat ``first``, maybe wrong at its end; shorten the last copy to ``last`` and change one byte, both if they can be."""
    if not first:
        return Arrival(received_ns, (first,))
    run = [corrupt(first) if wrong else first] * copies
    run[-1] = run[-1][:last]
    if changed < len(run[0]):
        run[0] = corrupt(run[0], changed)
    return Arrival(received_ns, tuple(run))


def arrivals() -> st.SearchStrategy[list[Arrival]]:
    """Datagrams of all kinds in the order of their receive times, many right at a render time; the first one in time."""
    near_a_render = st.builds(
        lambda k, delta: BASE + PLAN.render_offset_ns(k) + delta, st.integers(1, 21), st.integers(-1, 1)
    )
    good = [data(sequence, size) for sequence in range(22) for size in (27, 200, 400, 1000)]
    names = [ConnectionId(NAME).encode(), ConnectionId(OTHER_NAME).encode() + bytes(30)]
    rubbish = [b"START", b"", b"\0\0", b"\xff" * 60, bytes(26)]
    arrival = st.builds(
        an_arrival,
        st.one_of(near_a_render, st.integers(BASE, END + SECOND)),
        st.one_of(st.sampled_from(good), st.sampled_from(good), st.sampled_from(names + rubbish)),
        st.integers(1, 4),
        st.sampled_from([False, False, False, True]),
        st.one_of(st.just(1000), st.integers(1, 60)),
        st.one_of(st.just(1000), st.just(1000), st.integers(0, 60)),
    )
    return st.lists(arrival, max_size=12).map(
        lambda drawn: [Arrival(BASE, (data(1),)), *sorted(drawn, key=lambda one: one.received_ns)]
    )


def deliver(driven: Driven, drawn: Sequence[Arrival]) -> None:
    """Hand everything over, whole and in order, and look a last time when all is over."""
    for one in drawn:
        driven.get(one.received_ns, *one.datagrams)
    driven.end()


VERIFY = st.sampled_from(Verify)
CONNECTION_ID = st.sampled_from([None, NAME])


@settings(deadline=None)
@given(arrivals(), VERIFY, CONNECTION_ID, st.integers(1, 3))
def test_verdicts_do_not_depend_on_how_datagrams_are_batched(
    drawn: list[Arrival], verify: Verify, connection_id: str | None, cut: int
) -> None:
    whole, split, single = (Driven(connection_id=connection_id, verify=verify) for _ in range(3))
    deliver(whole, drawn)
    parts = [
        Arrival(one.received_ns, part) for one in drawn for part in (one.datagrams[:cut], one.datagrams[cut:]) if part
    ]
    deliver(split, parts)
    deliver(single, [Arrival(one.received_ns, (datagram,)) for one in drawn for datagram in one.datagrams])
    assert whole.state() == split.state() == single.state()


@settings(deadline=None)
@given(
    arrivals(),
    VERIFY,
    CONNECTION_ID,
    st.lists(st.tuples(st.booleans(), st.integers(BASE, END + 2 * SECOND)), max_size=12),
)
def test_verdicts_do_not_depend_on_when_the_code_looks(
    drawn: list[Arrival], verify: Verify, connection_id: str | None, looks: list[tuple[bool, int]]
) -> None:
    lazy, busy = (Driven(connection_id=connection_id, verify=verify) for _ in range(2))
    deliver(lazy, drawn)
    # A look at an instant comes before what arrives in that instant, and after all that arrived before it.
    pending = sorted(looks, key=lambda one: one[1])
    for one in [*drawn, Arrival(END + 2 * SECOND, ())]:
        while pending and pending[0][1] <= one.received_ns:
            asks, now_ns = pending.pop(0)
            if asks:
                busy.look(now_ns)
            else:
                busy.pattern.observe(now_ns)
        if one.datagrams:
            busy.get(one.received_ns, *one.datagrams)
    busy.end()
    assert lazy.state() == busy.state()


@settings(deadline=None)
@given(arrivals(), st.sampled_from([Verify.COUNT, Verify.CONNECTION]))
def test_every_frame_of_a_stream_that_ran_to_its_end_has_one_verdict(drawn: list[Arrival], verify: Verify) -> None:
    driven = Driven(connection_id=NAME, verify=verify)
    deliver(driven, drawn)
    assert driven.pattern.status is not IOStatus.CONTINUE
    assert driven.pattern.error in (None, StreamError.SETTINGS_DISAGREE)
    assert driven.pattern.ended_ns == END
    assert driven.pattern.counts.rendered == PLAN.final_frame
    assert [shown.sequence for shown in driven.rendered] == list(range(1, 21))


@settings(deadline=None, max_examples=40)
@given(arrivals(), arrivals(), VERIFY)
def test_whatever_comes_after_the_end_changes_nothing(
    drawn: list[Arrival], later: list[Arrival], verify: Verify
) -> None:
    driven = Driven(verify=verify)
    deliver(driven, drawn)
    before = driven.state()
    for one in later:
        driven.get(one.received_ns + 5 * SECOND, *one.datagrams)
        driven.pattern.start_repeated(one.received_ns + 5 * SECOND)
    driven.pattern.observe(END + 20 * SECOND)
    assert driven.state() == before


@settings(deadline=None)
@given(arrivals(), st.sampled_from([Verify.COUNT, Verify.CONNECTION]))
def test_every_datagram_of_a_running_stream_is_credited_counted_or_a_name(drawn: list[Arrival], verify: Verify) -> None:
    # The buffer is as deep as the stream is long, and nothing is rendered meanwhile.
    driven = Driven(StreamPlan(8 * 10_000, 10, 100 * SECOND, 100 * SECOND, 400), verify=verify)
    for one in drawn:
        for datagram in one.datagrams:
            size, error = driven.pattern.frames.bytes_on_time, driven.pattern.counts.error
            driven.get(one.received_ns, datagram)
            gained, refused = driven.pattern.frames.bytes_on_time - size, driven.pattern.counts.error - error
            assert (gained, refused) in {(len(datagram), 0), (0, 1)} or datagram.startswith(b"\x00\x10")
