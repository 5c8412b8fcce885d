"""The server's tables, alone and together with its broker, in any order of arrivals, slots, repetitions and ends."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cts.api import Address, Role
from cts.engine.broker import Broker
from cts.engine.connection_manager import ConnectionManager
from cts.engine.contracts import StartAnswer
from cts.engine.open_streams import OpenStream
from cts.records.snapshots import StreamInfo
from cts.testing import RecordingEndpoint, RecordingSocket, request_for
from tests.engine.small_stream import SECOND

PATIENCE = 10
PEERS = [Address(f"10.0.0.{number}", 50_000) for number in range(8)]
ROLE = Role.SENDER


ENDPOINTS = [RecordingEndpoint(), RecordingEndpoint()]


def manager_of(limit: int = 3) -> ConnectionManager:
    return ConnectionManager(awaiting_limit=limit, patience_ns=PATIENCE)


def stream_of(peer: Address, role: Role = ROLE) -> OpenStream:
    endpoint = RecordingEndpoint()
    socket = RecordingSocket(request_for(endpoint, role=role, active=False, peer=peer))
    return OpenStream(StreamInfo(1, endpoint.local, peer, role, 0), socket)


def test_nobody_is_matched_without_a_slot_and_no_slot_without_a_peer() -> None:
    manager = manager_of()
    assert manager.match(0) is None
    assert manager.request_start(PEERS[0], ENDPOINTS[0], 0) is StartAnswer.AWAITING
    assert manager.match(0) is None
    manager.open_slot()
    assert manager.match(0) == (PEERS[0], ENDPOINTS[0])
    manager.open_slot()
    assert manager.match(0) is None
    assert (manager.slots, manager.awaiting) == (1, 0)


def test_peers_are_matched_in_the_order_in_which_they_first_asked() -> None:
    manager = manager_of()
    for peer in PEERS[:3]:
        manager.request_start(peer, ENDPOINTS[0], 0)
    assert manager.request_start(PEERS[0], ENDPOINTS[0], 1) is StartAnswer.REPEATED
    for peer in PEERS[:3]:
        manager.open_slot()
        matched = manager.match(1)
        assert matched is not None
        assert matched[0] == peer


def test_who_waits_no_more_gives_back_where_it_was_to_be_answered_from() -> None:
    manager = manager_of()
    manager.request_start(PEERS[0], ENDPOINTS[0], 0)
    manager.request_start(PEERS[0], ENDPOINTS[1], 0)
    assert manager.withdraw(PEERS[0]) is ENDPOINTS[1]
    assert manager.withdraw(PEERS[0]) is None
    assert manager.awaiting == 0


def test_a_peer_is_answered_from_where_it_last_asked() -> None:
    manager = manager_of()
    manager.request_start(PEERS[0], ENDPOINTS[0], 0)
    manager.request_start(PEERS[0], ENDPOINTS[1], 1)
    manager.open_slot()
    assert manager.match(1) == (PEERS[0], ENDPOINTS[1])


def test_beyond_the_limit_there_is_no_room_but_those_who_wait_may_ask_again() -> None:
    manager = manager_of(2)
    answers = [manager.request_start(peer, ENDPOINTS[0], 0) for peer in (*PEERS[:3], PEERS[1], PEERS[2])]
    awaiting, repeated, no_room = StartAnswer
    assert answers == [awaiting, awaiting, no_room, repeated, no_room]
    assert manager.awaiting == 2


def test_who_has_waited_too_long_is_dropped_and_the_slot_goes_to_the_next() -> None:
    manager = manager_of()
    manager.request_start(PEERS[0], ENDPOINTS[0], 0)
    manager.request_start(PEERS[1], ENDPOINTS[0], 1)
    manager.request_start(PEERS[2], ENDPOINTS[0], 0)
    manager.request_start(PEERS[2], ENDPOINTS[0], 5)
    manager.open_slot()
    matched = manager.match(PATIENCE + 1)
    assert matched is not None
    assert (matched[0], manager.slots, manager.awaiting, manager.expired) == (PEERS[1], 0, 1, 1)


def test_who_waits_no_more_gives_its_place_back_though_no_slot_opens_whatever_the_patience_of_others() -> None:
    gone: list[Address] = []
    manager = ConnectionManager(awaiting_limit=3, patience_ns=PATIENCE, on_expired=gone.append)
    manager.request_start(PEERS[0], ENDPOINTS[0], 0, patience_ns=3 * PATIENCE)
    manager.request_start(PEERS[1], ENDPOINTS[0], 0)
    manager.request_start(PEERS[2], ENDPOINTS[0], 0)
    manager.request_start(PEERS[2], ENDPOINTS[0], 5)
    manager.forget_expired(PATIENCE + 1)
    assert gone == [PEERS[1]]
    manager.forget_expired(3 * PATIENCE + 1)
    assert sorted(gone) == PEERS[:3]
    assert (manager.awaiting, manager.expired) == (0, 3)


def test_a_slot_stays_open_when_all_who_waited_have_given_up() -> None:
    manager = manager_of()
    for peer in PEERS[:3]:
        manager.request_start(peer, ENDPOINTS[0], 0)
    manager.open_slot()
    assert manager.match(SECOND) is None
    assert (manager.slots, manager.awaiting, manager.expired) == (1, 0, 3)


async def test_streams_are_found_by_role_and_peer_until_they_are_removed() -> None:
    manager = manager_of()
    sending, receiving = stream_of(PEERS[0], Role.SENDER), stream_of(PEERS[0], Role.RECEIVER)
    manager.add(sending)
    manager.add(receiving)
    assert manager.connected(Role.SENDER, PEERS[0]) is sending
    assert manager.connected(Role.RECEIVER, PEERS[0]) is receiving
    assert manager.connected(Role.SENDER, Address(PEERS[0].host, 50_001)) is None
    manager.remove(sending)
    assert manager.connected(Role.SENDER, PEERS[0]) is None
    assert manager.connected(Role.RECEIVER, PEERS[0]) is receiving


class PopulationMachine(RuleBasedStateMachine):
    """A server's tables and broker as the server works them, against a model of lists; time passes between arrivals."""

    @initialize(
        limit=st.integers(1, 4),
        pending=st.integers(1, 3),
        at_once=st.integers(1, 4),
        in_all=st.sampled_from([0, 5, 12]),
    )
    def begin(self, limit: int, pending: int, at_once: int, in_all: int) -> None:
        self.limit, self.pending_limit, self.at_once, self.in_all = limit, pending, at_once, in_all
        self.manager = manager_of(limit)
        self.broker = Broker(pending_limit=pending, at_once=at_once, in_all=in_all)
        self.now_ns = 0
        self.waiting: dict[Address, int] = {}
        self.given_up = 0
        self.streams: dict[Address, OpenStream] = {}
        self.asked = 0
        self.served = 0

    @rule(wait_ns=st.integers(0, 2 * PATIENCE))
    def time_passes(self, wait_ns: int) -> None:
        self.now_ns += wait_ns

    @rule(peer=st.sampled_from(PEERS), endpoint=st.sampled_from(ENDPOINTS))
    def start_arrives(self, peer: Address, endpoint: RecordingEndpoint) -> None:
        if self.manager.connected(ROLE, peer) is not None:
            return
        answer = self.manager.request_start(peer, endpoint, self.now_ns)
        if peer in self.waiting:
            assert answer is StartAnswer.REPEATED
            self.waiting[peer] = self.now_ns
        elif len(self.waiting) < self.limit:
            assert answer is StartAnswer.AWAITING
            self.waiting[peer] = self.now_ns
            self.asked += 1
        else:
            assert answer is StartAnswer.NO_ROOM

    @rule()
    def slots_open(self) -> None:
        while self.broker.open():
            self.manager.open_slot()

    @rule()
    def a_peer_is_matched(self) -> None:
        slots = self.manager.slots
        matched = self.manager.match(self.now_ns)
        for peer in [each for each, asked_ns in self.waiting.items() if self.now_ns - asked_ns > PATIENCE]:
            del self.waiting[peer]
            self.given_up += 1
        expected = next(iter(self.waiting)) if slots and self.waiting else None
        if expected is not None:
            del self.waiting[expected]
        assert (matched[0] if matched is not None else None) == expected
        if expected is not None:
            assert expected not in self.streams
            self.broker.started()
            self.streams[expected] = stream_of(expected)
            self.manager.add(self.streams[expected])
            self.served += 1

    @rule(data=st.data())
    def a_stream_ends(self, data: st.DataObject) -> None:
        if self.streams:
            peer = data.draw(st.sampled_from(sorted(self.streams)))
            self.manager.remove(self.streams.pop(peer))
            self.broker.finish_one()

    @invariant()
    def bounds_hold(self) -> None:
        assert self.manager.awaiting == len(self.waiting) <= self.limit
        assert 0 <= self.manager.slots == self.broker.pending <= self.pending_limit
        assert self.broker.running == len(self.streams)
        assert self.broker.pending + self.broker.running <= self.at_once
        assert not self.in_all or self.broker.opened <= self.in_all

    @invariant()
    def everybody_who_asked_waits_was_served_once_or_gave_up(self) -> None:
        assert self.manager.expired == self.given_up
        assert self.asked == self.served + self.given_up + len(self.waiting)

    @invariant()
    def streams_are_found_and_nothing_else_is(self) -> None:
        for peer in PEERS:
            assert self.manager.connected(ROLE, peer) is self.streams.get(peer)


TestAnyOrder = PopulationMachine.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=50, stateful_step_count=30)
