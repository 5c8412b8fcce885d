"""The broker: how many connections may be pending, running and opened in all."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cts.engine.broker import Broker


def opened_at_once(broker: Broker) -> int:
    count = 0
    while broker.open():
        count += 1
    return count


def finish(broker: Broker, count: int) -> None:
    for _ in range(count):
        broker.finish_one()


def start(broker: Broker, count: int) -> None:
    for _ in range(count):
        broker.started()


@pytest.mark.parametrize(
    ("pending_limit", "at_once", "in_all", "expected"), [(3, 10, 0, 3), (10, 3, 0, 3), (10, 10, 3, 3), (1, 1, 1, 1)]
)
def test_it_opens_as_many_as_the_tightest_limit_allows(
    pending_limit: int, at_once: int, in_all: int, expected: int
) -> None:
    broker = Broker(pending_limit=pending_limit, at_once=at_once, in_all=in_all)
    assert opened_at_once(broker) == expected
    assert (broker.pending, broker.running, broker.ended, broker.opened) == (expected, 0, 0, expected)


def test_a_connection_that_got_its_peer_makes_room_for_another_to_be_pending() -> None:
    broker = Broker(pending_limit=2, at_once=3, in_all=0)
    assert opened_at_once(broker) == 2
    start(broker, 2)
    assert opened_at_once(broker) == 1
    assert (broker.pending, broker.running) == (1, 2)


def test_a_connection_that_ended_makes_room_for_another_to_run() -> None:
    broker = Broker(pending_limit=2, at_once=2, in_all=0)
    assert opened_at_once(broker) == 2
    start(broker, 2)
    assert not broker.open()
    broker.finish_one()
    assert opened_at_once(broker) == 1


def test_it_is_finished_when_as_many_as_were_wanted_have_ended() -> None:
    broker = Broker(pending_limit=2, at_once=2, in_all=3)
    for ended in range(3):
        assert not broker.finished
        opened_at_once(broker)
        broker.started()
        broker.finish_one()
        assert broker.wants_more == (ended < 1)
    assert broker.finished


def test_without_an_end_it_is_never_finished_by_itself() -> None:
    broker = Broker(pending_limit=1, at_once=1, in_all=0)
    for _ in range(1000):
        assert broker.open()
        broker.started()
        broker.finish_one()
    assert not broker.finished
    assert broker.wants_more


def test_once_stopped_it_opens_no_more_and_is_finished_when_those_that_run_have_ended() -> None:
    broker = Broker(pending_limit=3, at_once=3, in_all=10)
    opened_at_once(broker)
    start(broker, 2)
    broker.stop()
    assert not broker.open()
    assert (broker.pending, broker.running, broker.finished, broker.wants_more) == (0, 2, False, False)
    finish(broker, 2)
    assert broker.finished


def test_stopped_before_anything_ran_it_is_finished() -> None:
    broker = Broker(pending_limit=3, at_once=3, in_all=0)
    opened_at_once(broker)
    broker.stop()
    assert broker.finished


class BrokerMachine(RuleBasedStateMachine):
    """Any order of what may happen to a population."""

    @initialize(pending_limit=st.integers(1, 4), at_once=st.integers(1, 6), in_all=st.integers(0, 10))
    def begin(self, pending_limit: int, at_once: int, in_all: int) -> None:
        self.limits = pending_limit, at_once, in_all
        self.broker = Broker(pending_limit=pending_limit, at_once=at_once, in_all=in_all)
        self.stopped = False
        self.counts = [0, 0, 0]

    @rule()
    def open(self) -> None:
        pending_limit, at_once, in_all = self.limits
        pending, running, ended = self.counts
        room = pending < pending_limit and pending + running < at_once
        wanted = not self.stopped and (not in_all or pending + running + ended < in_all)
        assert self.broker.open() == (room and wanted)
        self.counts[0] += room and wanted

    @precondition(lambda self: self.counts[0])
    @rule()
    def peer_comes(self) -> None:
        self.broker.started()
        self.counts[0] -= 1
        self.counts[1] += 1

    @precondition(lambda self: self.counts[1])
    @rule()
    def stream_ends(self) -> None:
        self.broker.finish_one()
        self.counts[1] -= 1
        self.counts[2] += 1

    @rule()
    def stop(self) -> None:
        self.broker.stop()
        self.stopped = True
        self.counts[0] = 0

    @invariant()
    def limits_hold(self) -> None:
        pending_limit, at_once, in_all = self.limits
        broker = self.broker
        assert [broker.pending, broker.running, broker.ended] == self.counts
        assert 0 <= broker.pending <= pending_limit
        assert 0 <= broker.running <= broker.pending + broker.running <= at_once
        assert not in_all or broker.opened <= in_all
        assert broker.finished == (not self.counts[1] and (self.stopped or (bool(in_all) and self.counts[2] >= in_all)))
        assert not (broker.finished and broker.wants_more)


TestAnyOrder = BrokerMachine.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=50, stateful_step_count=30)
