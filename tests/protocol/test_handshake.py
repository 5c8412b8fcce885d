"""How a stream begins, on each side, whatever comes twice, late or never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.protocol.handshake import START_RETRY_NS, Answering, Asking, handshake_of, starts_apart
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.protocol.task import FOREVER_NS, DatagramBatch, IOAction, IOTask
from cts.protocol.wire import START, ConnectionId

SECOND = 1_000_000_000
MS = 1_000_000
BASE = 7 * SECOND
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
OTHER = "00000000-0000-4000-8000-000000000000"
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND)
RETRY = 100 * MS + START_RETRY_NS
GIVES_UP = BASE + SECOND


def asking(*, name_settles: bool) -> Asking:
    return Asking(PLAN, BASE, name_settles=name_settles)


@pytest.mark.parametrize("role", Role)
def test_who_has_no_name_asks_and_who_has_one_answers(role: Role) -> None:
    assert handshake_of(PLAN, BASE, role=role, connection_id=None).asks
    answering = handshake_of(PLAN, BASE, role=role, connection_id=NAME)
    assert (answering.asks, answering.connection_id) == (False, NAME)


@pytest.mark.parametrize("name_settles", [True, False])
def test_start_is_sent_at_the_base_and_just_after_each_repetition_s_time(name_settles: bool) -> None:
    side = asking(name_settles=name_settles)
    for due_ns in (BASE, BASE + RETRY + 1, BASE + 2 * RETRY + 1):
        assert side.task(BASE) == IOTask(IOAction.SEND, due_ns, datagram=START)
        side.sent()


def test_a_receiver_that_asks_is_settled_by_data_alone_and_asks_until_it_has_its_name_too() -> None:
    side = asking(name_settles=False)
    assert not side.named(NAME, BASE + 1)
    assert (side.connection_id, side.pending, side.settled, side.base_ns) == (NAME, True, False, BASE)
    side.data_came()
    assert (side.pending, side.settled) == (False, True)
    nameless = asking(name_settles=False)
    nameless.data_came()
    assert (nameless.pending, nameless.settled) == (True, True)
    assert not nameless.named(NAME, BASE + 1)
    assert not nameless.pending


def test_the_schedule_of_who_sends_start_begins_with_no_data_and_with_no_start_of_its_peer() -> None:
    side = asking(name_settles=False)
    assert not side.data_first(1, BASE + 1)
    assert not side.asked_again(BASE + 1)


def test_a_sender_that_asks_begins_when_its_name_comes() -> None:
    side = asking(name_settles=True)
    assert side.named(NAME, BASE + 300 * MS)
    assert (side.connection_id, side.pending, side.base_ns) == (NAME, False, BASE + 300 * MS)


@pytest.mark.parametrize("name_settles", [True, False])
def test_a_name_is_taken_once(name_settles: bool) -> None:
    side = asking(name_settles=name_settles)
    side.named(NAME, BASE + 1)
    assert not side.named(OTHER, BASE + 2)
    assert side.connection_id == NAME


def test_a_name_in_the_instant_of_giving_up_counts_for_a_sender_and_a_later_one_does_not() -> None:
    assert asking(name_settles=True).named(NAME, GIVES_UP)
    late = asking(name_settles=True)
    assert not late.named(NAME, GIVES_UP + 1)
    assert late.connection_id is None


def test_an_answer_is_due_at_once_and_once() -> None:
    side = Answering(PLAN, BASE, NAME, follows=True)
    assert side.task(BASE + 5) == IOTask(IOAction.SEND, BASE + 5, datagram=ConnectionId(NAME).encode())
    side.sent()
    assert not side.pending


def test_a_receiver_that_answers_begins_anew_with_each_start_until_data_comes() -> None:
    side = Answering(PLAN, BASE, NAME, follows=True)
    side.sent()
    assert side.asked_again(BASE + 9)
    assert (side.pending, side.base_ns) == (True, BASE + 9)
    side.data_came()
    side.sent()
    assert not side.asked_again(BASE + 10)
    assert (side.pending, side.base_ns) == (True, BASE + 9)


def test_a_receiver_begins_anew_for_one_buffer_depth_after_the_first_start_and_then_answers_no_more() -> None:
    side = Answering(PLAN, BASE, NAME, follows=True)
    side.sent()
    assert side.asked_again(BASE + 600 * MS)
    side.sent()
    # The client of the first START gives up in this instant, so that no later one can be its.
    assert side.asked_again(GIVES_UP)
    side.sent()
    assert not side.asked_again(GIVES_UP + 1)
    assert (side.pending, side.base_ns) == (False, GIVES_UP)


def test_a_receiver_that_has_data_answers_start_for_as_long_as_it_comes() -> None:
    side = Answering(PLAN, BASE, NAME, follows=True)
    side.sent()
    side.data_came()
    assert not side.asked_again(GIVES_UP + 1)
    assert (side.pending, side.base_ns) == (True, BASE)


def test_a_sender_that_answers_answers_again_and_stays_where_it_is() -> None:
    side = Answering(PLAN, BASE, NAME, follows=False)
    side.sent()
    assert not side.asked_again(BASE + 9)
    assert (side.pending, side.base_ns) == (True, BASE)


def test_an_answer_tells_nobody_a_name_and_never_gives_up() -> None:
    side = Answering(PLAN, BASE, NAME, follows=True)
    assert not side.named(OTHER, BASE)
    assert (side.connection_id, side.gives_up_ns) == (NAME, FOREVER_NS)


@given(
    st.lists(st.sampled_from(["sent", "data", "named", "again"]), max_size=12),
    st.sampled_from(Direction),
    st.booleans(),
)
def test_nothing_moves_the_base_once_it_is_settled(events: list[str], direction: Direction, client: bool) -> None:
    role = direction.client_role if client else direction.server_role
    side = handshake_of(PLAN, BASE, role=role, connection_id=None if client else NAME)
    for at_ns, event in enumerate(events, BASE + 1):
        settled, base_ns, name = side.settled, side.base_ns, side.connection_id
        if event == "sent" and side.pending:
            side.sent()
        elif event == "data":
            side.data_came()
        elif event == "named":
            moved = side.named(OTHER, at_ns)
            assert moved == (side.base_ns != base_ns)
        elif event == "again":
            moved = side.asked_again(at_ns)
            assert moved == (side.base_ns != base_ns)
        if settled:
            assert (side.settled, side.base_ns) == (True, base_ns)
        if name is not None:
            assert side.connection_id == name


# ------------------------------------------------------------------------------------------------ START among others


def batch(*datagrams: bytes) -> DatagramBatch:
    return DatagramBatch(b"".join(datagrams), len(datagrams[0]), BASE)


def test_starts_alone_leave_nothing() -> None:
    assert starts_apart(batch(START)) == (1, None)
    assert starts_apart(batch(START, START, START)) == (3, None)


@pytest.mark.parametrize("datagrams", [(b"XXXXX",), (b"XXXXX", b"XX"), (bytes(1400), bytes(1400)), (b"",)])
def test_a_batch_without_start_is_left_as_it_is(datagrams: tuple[bytes, ...]) -> None:
    whole = DatagramBatch(b"".join(datagrams), max(1, len(datagrams[0])), BASE)
    starts, others = starts_apart(whole)
    assert (starts, others is whole) == (0, True)


@pytest.mark.parametrize(
    ("datagrams", "starts"), [((b"XXXXX", START), 1), ((START, b"XXXXX"), 1), ((START, START, b"XX"), 2)]
)
def test_start_is_found_wherever_it_stands_among_datagrams_of_its_length(
    datagrams: tuple[bytes, ...], starts: int
) -> None:
    found, others = starts_apart(batch(*datagrams))
    assert found == starts
    assert others is not None
    assert [bytes(each) for each in others.datagrams()] == [each for each in datagrams if each != START]


def test_start_is_found_behind_data_that_it_came_together_with() -> None:
    data = bytes(1400)
    starts, others = starts_apart(batch(data, data, START))
    assert starts == 1
    assert others is not None
    assert (others.data, others.segment_size, others.received_ns) == (data + data, 1400, BASE)


@given(st.lists(st.sampled_from([START, b"XXXXX", b"START", b"start"]), min_size=1, max_size=9), st.booleans())
def test_every_datagram_is_either_start_or_among_the_others(datagrams: list[bytes], as_view: bool) -> None:
    data = b"".join(datagrams)
    starts, others = starts_apart(DatagramBatch(memoryview(data) if as_view else data, 5, BASE))
    assert starts == datagrams.count(START)
    left = [bytes(each) for each in others.datagrams()] if others is not None else []
    assert left == [each for each in datagrams if each != START]
