"""Streams whose two ends share a key, and what becomes of who has none."""

from __future__ import annotations

import pytest

from cts.engine.shared_keys import SharedKeys
from cts.protocol.control.keys import Key, KeyRing
from cts.records.results import RunReport
from tests.engine.small_stream import SECOND, config_of
from tests.engine.virtual_world import World, in_world

ALICE, BOB = Key("alice", b"a" * 32), Key("bob", b"b" * 32)
RING = KeyRing([ALICE, BOB])
BY_HELLO = {"handshake": "cts"}


def reports(direction: str, ring: KeyRing | None, own: Key | None) -> tuple[RunReport, RunReport]:
    """Return what the server and the client say of a stream."""

    async def main(world: World) -> tuple[RunReport, RunReport]:
        # As a configuration with server.psk_file has it.
        needs = {} if ring is None else {"psk_file": "keys"}
        served = config_of(direction, run={"role": "server", "grace": "1h"}, server=needs)
        asked = config_of(direction, run={"role": "client"}, client=BY_HELLO)
        running = await world.serve(world.session(served, keys=SharedKeys(ring)))
        report = await world.session(asked, keys=SharedKeys(None, own)).run()
        return await running.stop(), report

    return in_world(main)


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_with_one_of_the_servers_keys_a_client_is_served_and_the_server_knows_whose_it_is(direction: str) -> None:
    server, client = reports(direction, RING, BOB)
    (at_server,), (at_client,) = server.results, client.results
    assert at_server.result == at_client.result == "Succeeded"
    assert at_server.peer is not None
    assert at_server.peer.key_name == "bob"
    assert at_server.peer.outcome == "Succeeded"
    assert at_server.peer.control == type(at_server.peer.control)()


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (None, "it serves only who has a key: set client.psk_file to one of its keys"),
        (Key("bob", b"x" * 32), "the key is not one of this server's, or has another name there"),
        (Key("carol", b"b" * 32), "the key is not one of this server's, or has another name there"),
        (Key(None, b"b" * 32), "the key is not one of this server's, or has another name there"),
    ],
)
def test_without_one_it_is_refused_and_told_why(own: Key | None, told: str) -> None:
    server, client = reports("pull", RING, own)
    (result,) = client.results
    assert result.result == "ErrorRefused"
    assert result.remark == f"the server refuses: {told}"
    assert server.results == ()


def test_a_client_with_a_key_is_refused_by_a_server_that_has_none() -> None:
    _, client = reports("pull", None, ALICE)
    (result,) = client.results
    assert result.result == "ErrorRefused"
    assert "it has no keys" in (result.remark or "")


def test_a_client_with_a_key_never_asks_by_start() -> None:
    async def main(world: World) -> None:
        nobody = await world.listen()
        asked = config_of(run={"role": "client"}, client={"handshake": "auto"})
        (result,) = (await world.session(asked, keys=SharedKeys(None, ALICE)).run()).results
        assert result.result == "ErrorNoAnswer"
        assert nobody.starts() == []

    in_world(main)


def test_a_server_with_keys_does_not_answer_start_of_anybody() -> None:
    async def main(world: World) -> None:
        served = config_of(run={"role": "server"}, server={"psk_file": "keys"})
        running = await world.serve(world.session(served, keys=SharedKeys(RING)))
        peer = await world.connect()
        await peer.start()
        await world.until(SECOND)
        report = await running.stop()
        assert peer.received == []
        assert report.snapshot.refused == {"START without a key": 1}
        assert report.results == ()

    in_world(main)


def test_nothing_that_a_run_says_of_itself_has_a_key() -> None:
    server, client = reports("pull", RING, BOB)
    said = repr((server, client, RING, BOB, SharedKeys(RING, BOB)))
    assert "b" * 32 not in said
    assert (b"b" * 32).hex() not in said
