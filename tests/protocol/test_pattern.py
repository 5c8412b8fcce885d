"""The base pattern: what ends a stream, and that the end is final."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cts.metrics.counters import FrameTotals
from cts.protocol.pattern import IOPattern
from cts.protocol.plan import StreamPlan
from cts.protocol.task import DatagramBatch, IOAction, IOStatus, IOTask, StreamError
from cts.protocol.wire import ConnectionId
from tests.protocol.sides import receiver_of, sender_of

SECOND = 1_000_000_000
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
ANSWER = ConnectionId(NAME).encode()
PLAN = StreamPlan(8 * 10_000, 10, 2 * SECOND)
MAKE: dict[str, Callable[..., IOPattern]] = {"receiver": receiver_of, "sender": sender_of}


def a_side(direction: str, role: str) -> tuple[IOPattern, IOTask]:
    """A server's side, its name sent, or a client's that has begun to ask."""
    stream_receives = role == "receiver"
    connection_id = NAME if (direction == "push") == stream_receives else None
    pattern = MAKE[role](PLAN, base_ns=0, connection_id=connection_id)
    recv = pattern.initiate_io(0)
    pattern.complete_io(pattern.initiate_io(0), now_ns=0)
    return pattern, recv


def finish(pattern: IOPattern, action: IOAction, now_ns: int) -> IOStatus:
    return pattern.complete_io(IOTask(action, now_ns), now_ns=now_ns)


SIDES = pytest.mark.parametrize(
    ("direction", "role"), [(d, r) for d in ("pull", "push") for r in ("receiver", "sender")]
)


@SIDES
def test_a_completed_stream_stays_completed(direction: str, role: str) -> None:
    pattern, recv = a_side(direction, role)
    assert finish(pattern, IOAction.ABORT, 5) is IOStatus.COMPLETED
    assert finish(pattern, IOAction.FATAL_ABORT, 6) is IOStatus.COMPLETED
    wrong = DatagramBatch(bytes(100), 100, 7)
    assert pattern.complete_io(recv, now_ns=7, data=wrong) is IOStatus.COMPLETED
    assert (pattern.error, pattern.ended_ns, pattern.counts) == (None, 5, FrameTotals())


@SIDES
def test_a_failed_stream_stays_failed(direction: str, role: str) -> None:
    pattern, _ = a_side(direction, role)
    assert finish(pattern, IOAction.FATAL_ABORT, 5) is IOStatus.FAILED
    assert finish(pattern, IOAction.ABORT, 6) is IOStatus.FAILED
    assert (pattern.error, pattern.ended_ns) == (StreamError.NOT_ALL_DATA_TRANSFERRED, 5)


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_the_first_error_of_a_receiver_sticks(direction: str) -> None:
    pattern, recv = a_side(direction, "receiver")
    wrong = DatagramBatch(bytes(100), 100, 5)
    assert pattern.complete_io(recv, now_ns=5, data=wrong) is IOStatus.FAILED
    assert finish(pattern, IOAction.FATAL_ABORT, 6) is IOStatus.FAILED
    assert pattern.error is StreamError.DATA_DID_NOT_MATCH_BIT_PATTERN
    assert pattern.ended_ns == 5


def test_the_first_error_of_a_sender_sticks_though_its_bytes_go_on_counting() -> None:
    pattern, _ = a_side("pull", "sender")
    task = pattern.initiate_io(0)
    assert pattern.complete_io(task, now_ns=5, transferred=task.size + 1) is IOStatus.FAILED
    assert finish(pattern, IOAction.FATAL_ABORT, 6) is IOStatus.FAILED
    assert pattern.error is StreamError.TOO_MUCH_DATA_TRANSFERRED
    assert (pattern.confirmed_bytes, pattern.in_flight_bytes) == (task.size + 1, 0)


@SIDES
def test_a_completed_stream_has_nothing_more_to_do_and_a_failed_one_only_to_close(direction: str, role: str) -> None:
    completed, _ = a_side(direction, role)
    finish(completed, IOAction.ABORT, 5)
    assert completed.initiate_io(10 * SECOND).action is IOAction.NONE
    failed, _ = a_side(direction, role)
    finish(failed, IOAction.FATAL_ABORT, 5)
    assert failed.initiate_io(10 * SECOND) == IOTask(IOAction.FATAL_ABORT, 10 * SECOND)


@SIDES
def test_waiting_completes_nothing(direction: str, role: str) -> None:
    pattern, _ = a_side(direction, role)
    assert finish(pattern, IOAction.NONE, 10 * SECOND) is IOStatus.CONTINUE
    assert pattern.ended_ns is None


@pytest.mark.parametrize("role", ["receiver", "sender"])
def test_a_server_owes_its_answer_until_that_went(role: str) -> None:
    pattern = MAKE[role](PLAN, base_ns=0, connection_id=NAME)
    pattern.initiate_io(0)
    answer = pattern.initiate_io(0)
    assert answer.datagram == pattern.initiate_io(0).datagram == ANSWER
    assert pattern.complete_io(answer, now_ns=0) is IOStatus.CONTINUE
    assert pattern.initiate_io(0).datagram is None
