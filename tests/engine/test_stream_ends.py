"""A stream is counted once, by what became of either of its ends, however these are found to belong together."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from itertools import count, permutations

import pytest
from attrs import define, field

from cts.api import Address, Outcome, Role, StreamResult, StreamSnapshot
from cts.engine.stream_ends import RESULTS_KEPT, StreamLedger
from cts.protocol.roles import Direction
from cts.records.stream_results import result_of

SERVER = Address("192.0.2.1", 4444)
PORT = Address("10.0.0.1", 50_000)
RELAY = Address("192.0.2.9", 60_000)
FINE, FAILED, CUT, DOWN = Outcome.SUCCESSFUL, Outcome.PROTOCOL_ERROR, Outcome.CANCELLED, Outcome.NETWORK_ERROR
BOTH = pytest.mark.parametrize("direction", [Direction.PULL, Direction.PUSH])


@define
class Run:
    """A run of both sides, an instant for each thing that happens."""

    direction: Direction
    ledger: StreamLedger = field(init=False)
    clock: count[int] = field(factory=count)

    def __attrs_post_init__(self) -> None:
        self.ledger = StreamLedger(Role.RECEIVER, self.direction.client_role, both=True)

    def client(self, address: Address = PORT, *, at_ns: int | None = None) -> int:
        opened_ns = next(self.clock) if at_ns is None else at_ns
        return self.ledger.opened(address, SERVER, self.direction.client_role, opened_ns)

    def server(self, address: Address = PORT) -> int:
        return self.ledger.opened(SERVER, address, self.direction.server_role, next(self.clock))

    def client_ended(self, number: int, outcome: Outcome = FINE, name: str | None = None, port: Address = PORT) -> None:
        self.ledger.ended(number, self.result(port, SERVER, self.direction.client_role, outcome, name))

    def server_ended(self, number: int, outcome: Outcome = FINE, name: str | None = None, port: Address = PORT) -> None:
        self.ledger.ended(number, self.result(SERVER, port, self.direction.server_role, outcome, name))

    def result(self, local: Address, remote: Address, role: Role, outcome: Outcome, name: str | None) -> StreamResult:
        ended_ns = next(self.clock)
        life, text = (0, ended_ns), (outcome, outcome.value)
        return result_of(local, remote, role, connection_id=name, outcome=text, life_ns=life, counts=StreamSnapshot())

    @property
    def outcomes(self) -> dict[Outcome, int]:
        return dict(+self.ledger.outcomes)

    @property
    def ends(self) -> list[tuple[Role, Outcome, list[Outcome]]]:
        streams = self.ledger.streams
        return [(each.end.role, each.end.outcome, [other.outcome for other in each.others]) for each in streams]


@BOTH
@pytest.mark.parametrize(
    ("receiver", "sender", "whole"),
    [
        (FINE, FINE, FINE),
        (FINE, FAILED, FAILED),
        (FINE, DOWN, DOWN),
        (FAILED, FINE, FAILED),
        (FAILED, DOWN, FAILED),
        (DOWN, FAILED, DOWN),
        (CUT, FAILED, FAILED),
        (CUT, CUT, CUT),
        (FINE, CUT, FINE),
    ],
)
@pytest.mark.parametrize("first", ["client", "server"])
def test_a_stream_counts_once_and_a_failure_of_either_end_is_its_own(
    direction: Direction, receiver: Outcome, sender: Outcome, whole: Outcome, first: str
) -> None:
    run = Run(direction)
    number = run.client()
    assert run.server() == number
    client, server = (receiver, sender) if direction is Direction.PULL else (sender, receiver)
    if first == "client":
        run.client_ended(number, client)
    run.server_ended(number, server)
    if first == "server":
        run.client_ended(number, client)
    assert run.outcomes == {whole: 1}
    assert run.ends == [(Role.RECEIVER, receiver, [sender])]


@BOTH
def test_a_failure_of_the_end_that_is_not_measured_counts_while_the_other_still_runs(direction: Direction) -> None:
    run = Run(direction)
    number = run.client()
    run.server()
    (run.server_ended if direction is Direction.PULL else run.client_ended)(number, FAILED)
    assert run.outcomes == {FAILED: 1}
    assert run.ends == [(Role.SENDER, FAILED, [])]


def test_a_push_that_no_server_knows_counts_by_its_client() -> None:
    run = Run(Direction.PUSH)
    run.client_ended(run.client(), CUT)
    run.client_ended(run.client(RELAY), FAILED, port=RELAY)
    assert run.outcomes == {CUT: 1, FAILED: 1}


def test_what_a_server_sends_to_a_stranger_counts_if_it_fails() -> None:
    run = Run(Direction.PULL)
    run.server_ended(run.server(), FINE)
    assert run.outcomes == {}
    run.server_ended(run.server(), FAILED)
    assert run.outcomes == {FAILED: 1}


@BOTH
def test_a_port_that_serves_one_stream_after_the_other_mixes_none_of_them_up(direction: Direction) -> None:
    run = Run(direction)
    unanswered = run.client()
    run.client_ended(unanswered, FAILED)
    answered = run.client()
    assert run.server() == answered != unanswered
    run.client_ended(answered)
    run.server_ended(answered)
    assert run.outcomes == {FAILED: 1, FINE: 1}


def test_a_server_that_begins_a_pull_anew_for_a_client_fails_one_stream() -> None:
    run = Run(Direction.PULL)
    number = run.client()
    for _ in range(20):
        assert run.server() == number
        run.server_ended(number, FAILED)
    run.client_ended(number, FAILED)
    assert run.outcomes == {FAILED: 1}
    assert len(run.ends[0][2]) < 20


def test_a_server_that_begins_a_push_anew_for_a_client_has_a_stream_more() -> None:
    run = Run(Direction.PUSH)
    number = run.client()
    assert run.server() == number
    again = run.server()
    assert again != number
    run.server_ended(number)
    run.server_ended(again, FAILED)
    run.client_ended(number)
    assert run.outcomes == {FINE: 1, FAILED: 1}


@BOTH
def test_ends_of_two_processes_may_be_told_of_in_either_order(direction: Direction) -> None:
    run = Run(direction)
    asked_ns = next(run.clock)
    number = run.server()
    assert run.client(at_ns=asked_ns) == number


@BOTH
@pytest.mark.parametrize("first", ["client", "server"])
def test_ends_with_a_relay_between_them_are_found_by_their_name(direction: Direction, first: str) -> None:
    run = Run(direction)
    client, server = run.client(), run.server(RELAY)
    assert client != server
    if first == "client":
        run.client_ended(client, name="a")
    run.server_ended(server, FAILED, "a", RELAY)
    if first == "server":
        run.client_ended(client, name="a")
    assert run.outcomes == {FAILED: 1}
    assert len(run.ends) == 1


def test_an_end_that_nobody_was_told_of_gives_its_number_back() -> None:
    run = Run(Direction.PULL)
    number = run.client()
    run.ledger.withdrawn(number, Role.RECEIVER)
    assert run.client(RELAY) == number


@BOTH
def test_ends_that_wait_for_others_in_vain_are_forgotten_in_the_end(
    direction: Direction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cts.engine.stream_ends.RESULTS_KEPT", 5)
    run = Run(direction)
    for port in range(1, 100):
        address = Address("10.0.0.2", port)
        run.client_ended(run.client(address), FAILED, str(port), address)
    ledger = run.ledger
    assert len(ledger._last_at) == len(ledger._named) == 5 < RESULTS_KEPT
    assert run.outcomes == {FAILED: 99}


def test_streams_are_in_the_order_of_their_ends_and_then_of_their_addresses() -> None:
    run = Run(Direction.PULL)
    ports = [Address("10.0.0.1", port) for port in (3, 1, 2)]
    run.clock = count(7, 0)
    for port in ports:
        run.client_ended(run.client(port), port=port)
    assert [each.end.local.port for each in run.ledger.streams] == [1, 2, 3]


@BOTH
def test_where_one_side_is_here_each_end_is_a_stream(direction: Direction) -> None:
    ledger = StreamLedger(direction.server_role, direction.client_role, both=False)
    numbers = [ledger.opened(SERVER, PORT, direction.server_role, at_ns) for at_ns in range(3)]
    assert numbers == [1, 2, 3]


def _stream_of(results: Iterable[StreamResult]) -> StreamLedger:
    ledger = StreamLedger(Role.RECEIVER, Role.RECEIVER, both=True)
    number = ledger.opened(PORT, SERVER, Role.RECEIVER, 0)
    for result in results:
        assert ledger.opened(SERVER, PORT, Role.SENDER, result.started_ns) == number
        ledger.ended(number, result)
    run = Run(Direction.PULL)
    ledger.ended(number, run.result(PORT, SERVER, Role.RECEIVER, FINE, None))
    return ledger


def test_other_ends_stand_in_the_order_of_their_times_whatever_order_their_tasks_ran_in() -> None:
    made = [
        result_of(
            SERVER,
            PORT,
            Role.SENDER,
            connection_id=None,
            outcome=(CUT, str(number)),
            life_ns=(number, 9),
            counts=StreamSnapshot(),
        )
        for number in range(3)
    ]
    orders = [_stream_of(order).streams[0].others for order in permutations(made)]
    assert orders == [tuple(made)] * 6


@BOTH
@pytest.mark.parametrize("name", ["one", None])
def test_a_ledger_that_is_told_the_numbers_lays_the_same_ends_together(direction: Direction, name: str | None) -> None:
    run = Run(direction)
    replayed = StreamLedger(Role.RECEIVER, direction.client_role, both=True)

    def begin(number: int, role: Role, address: Address) -> None:
        local, remote = (address, SERVER) if role is direction.client_role else (SERVER, address)
        replayed.opened_as(number, local, remote, role, 0)

    def end(number: int, result: StreamResult) -> None:
        for ledger in (run.ledger, replayed):
            ledger.ended(number, result)

    client, server = direction.client_role, direction.server_role
    # A server that begins again; a client's stream that comes to nothing; one whose ends a relay keeps apart.
    number = run.client()
    begin(number, client, PORT)
    for outcome in (FAILED, FINE):
        served = run.server()
        begin(served, server, PORT)
        end(served, run.result(SERVER, PORT, server, outcome, name))
    end(number, run.result(PORT, SERVER, client, FINE, name))
    lone = run.client(Address("10.0.0.2", 7))
    begin(lone, client, Address("10.0.0.2", 7))
    end(lone, run.result(Address("10.0.0.2", 7), SERVER, client, CUT, None))
    apart = run.client(RELAY), run.server(Address("10.0.0.3", 8))
    begin(apart[0], client, RELAY)
    begin(apart[1], server, Address("10.0.0.3", 8))
    end(apart[1], run.result(SERVER, Address("10.0.0.3", 8), server, FAILED, "two"))
    end(apart[0], run.result(RELAY, SERVER, client, FINE, "two"))
    assert replayed.streams == run.ledger.streams
    assert replayed.outcomes == run.ledger.outcomes
    assert (replayed.lone, replayed.omitted, replayed.ended_ns) == (
        run.ledger.lone,
        run.ledger.omitted,
        run.ledger.ended_ns,
    )
    assert len(run.ledger.streams) >= 2


def test_a_server_s_ten_thousand_results_are_few_objects_to_the_garbage_collector_and_come_back_as_they_were() -> None:
    ledger = StreamLedger(Role.RECEIVER, Role.SENDER, both=False)
    results = []
    for number in range(200):
        peer = Address("10.0.0.1", 50_000 + number)
        counts = StreamSnapshot(bytes_received=number)
        results.append(
            result_of(
                SERVER,
                peer,
                Role.RECEIVER,
                connection_id=None,
                outcome=(FINE, FINE.value),
                life_ns=(0, number),
                counts=counts,
            )
        )
    before = len(gc.get_objects())
    for result in results:
        ledger.ended(ledger.opened(SERVER, result.remote, Role.RECEIVER, 0), result)
    assert len(gc.get_objects()) - before < 6 * len(results)
    assert [each.end for each in ledger.streams] == results
    assert ledger.omitted == 0
    assert ledger.lone == ()
