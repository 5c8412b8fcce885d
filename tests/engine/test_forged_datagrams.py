"""What a stranger can do to a stream that HELLO began by sending in its peer's name: nothing but be counted."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from cts.api import Outcome
from cts.impairment.link import Impairment
from cts.protocol.control.keys import StreamKeys
from cts.protocol.control.messages import Ping, Results
from cts.protocol.control.session import Session
from cts.protocol.wire import PATTERN, START, ConnectionId, Data
from cts.records.stream_results import StreamResult
from tests.engine.simulated_runs import both_sides
from tests.engine.small_stream import CLIENT, MS, PATH, SECOND, SERVER, config_of
from tests.engine.virtual_world import World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
BY_HELLO = {"handshake": "cts"}
OTHER_KEYS = StreamKeys(b"t" * 8, b"c" * 32, b"s" * 32)


def data_of(sequence: int, qpc: int, payload: bytes) -> bytes:
    return Data(sequence, qpc, 10_000_000, payload).encode()


def forged(chance: random.Random, *, stamps: Sequence[int] | None = None) -> list[bytes]:
    """Return what a stranger makes up who knows the protocol, and neither the peer's clock nor its keys."""
    wrong = bytes(chance.randrange(256) for _ in range(100))
    stamp = chance.choice(stamps) if stamps else chance.randrange(2**62)
    session = Session(OTHER_KEYS, is_client=chance.random() < 0.5)
    return [
        data_of(chance.randrange(1, 40), stamp, wrong),
        data_of(chance.randrange(1, 40), stamp, PATTERN[:300]),
        data_of(2**40, stamp, wrong),
        START,
        ConnectionId("27a22e1f-549a-4e0c-a6f9-89c72ab6bc09").encode(),
        session.seal(Ping(1)),
        session.seal(Results("ErrorOfSomebodyElse")),
        b"\x00\x20\x01\x12" + wrong,
        wrong,
    ]


def under_fire(direction: str, *, stamps: Sequence[int] | None = None) -> tuple[StreamResult, StreamResult]:
    """Run a stream at both of whose ends forged datagrams arrive all the time; return what became of either end."""
    chance = random.Random(1)

    async def main(world: World) -> tuple[StreamResult, StreamResult]:
        server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
        client = await world.serve(world.session(config_of(direction, run={"role": "client"}, client=BY_HELLO)))
        for at_ns in range(150 * MS, 2 * SECOND, 50 * MS):
            await world.until(at_ns)
            for datagram in forged(chance, stamps=stamps):
                world.forge(SERVER, CLIENT, datagram)
                world.forge(CLIENT, SERVER, datagram)
        (at_client,), (at_server,) = (await client.report()).results, (await server.stop()).results
        return at_client, at_server

    return in_world(main)


@BOTH
def test_a_stream_under_blind_forgeries_goes_on_with_verify_data_and_they_are_counted(direction: str) -> None:
    for result in under_fire(direction):
        assert result.outcome is Outcome.SUCCESSFUL
        assert result.remark is None
        assert result.peer is not None
        assert result.peer.outcome == "Succeeded"
        assert result.peer.control.other_stream > 50
        assert result.peer.control.undecodable > 30


@BOTH
def test_so_it_does_where_the_forger_guesses_how_long_the_host_has_been_up(direction: str) -> None:
    year = 365 * 24 * 3600 * 10_000_000
    for result in under_fire(direction, stamps=[year // 365, year // 12, year]):
        assert result.outcome is Outcome.SUCCESSFUL


def test_a_wrong_payload_of_the_peer_itself_fails_the_stream_still() -> None:
    corrupt = Impairment(delay=PATH.delay, corrupt=0.05)
    sides = both_sides("pull", to_client=corrupt, client=BY_HELLO)
    assert sides.receiver.result == "ErrorDataDidNotMatchBitPattern"


def test_of_a_stream_that_start_began_nobody_can_tell_and_any_wrong_payload_fails_it() -> None:
    async def main(world: World) -> None:
        await world.serve(world.session(config_of("pull", run={"role": "server", "grace": "1h"})))
        client = await world.serve(world.session(config_of("pull", run={"role": "client"})))
        await world.until(SECOND)
        world.forge(CLIENT, SERVER, data_of(5, 2**60, b"wrong" * 10))
        (result,) = (await client.report()).results
        assert result.result == "ErrorDataDidNotMatchBitPattern"

    in_world(main)


@BOTH
def test_a_control_datagram_that_comes_twice_is_taken_once(direction: str) -> None:
    doubled = Impairment(delay=PATH.delay, duplicate=1.0)
    sides = both_sides(direction, to_client=doubled, to_server=doubled, client=BY_HELLO)
    for result in (sides.sender, sides.receiver):
        assert result.outcome is Outcome.SUCCESSFUL
        assert result.peer is not None
        assert result.peer.control.replayed > 10
        assert result.peer.control.forged == 0
