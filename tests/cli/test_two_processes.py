"""A server and its clients as processes of their own, from two configurations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import pytest

from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    QUIET,
    SERVER,
    SHORT,
    SHORT_END_S,
    SHORT_FIRST_RENDER_S,
    SHORT_FRAMES,
    Finished,
    Running,
    Stream,
    free_port,
    run_cts,
    run_here,
)

Pair: TypeAlias = tuple[Finished, Finished]
"""Server and client."""

DIRECTIONS = ("pull", "push")
LONGER = ("stream.stream_length=1s", "stream.buffer_depth=300ms")
LONGER_FRAMES = 30
LONGER_END_S = 38 / 30


def run_pair(direction: str) -> Pair:
    address = f"127.0.0.1:{free_port()}"
    sets = (*SHORT, f"stream.direction={direction}")
    listening = (*sets, *CLOSELY, f"server.listen={address}", "server.server_exit_limit=1")
    with Running("run", SERVER, "--json", sets=listening) as server:
        server.wait_for_row()
        client = run_cts("run", CLIENT, "--json", sets=(*sets, *QUIET, f"client.target={address}"))
        return server.finish(), client


def lose_the_server(direction: str) -> Finished:
    """Kill the server while it streams; return what becomes of its client."""
    address = f"127.0.0.1:{free_port()}"
    sets = (*LONGER, *CLOSELY, f"stream.direction={direction}")
    with Running("run", SERVER, sets=(*sets, f"server.listen={address}")) as server:
        server.wait_for_row()
        with Running("run", CLIENT, "--json", sets=(*sets, f"client.target={address}")) as client:
            client.wait_for_row(lambda row: row.completed > 0 or (direction == "push" and row.bits_per_second > 0))
            server.kill()
            return client.finish()


def ask_nobody(direction: str) -> Finished:
    """Run a client that has no server."""
    sets = (*SHORT, *QUIET, f"client.target=127.0.0.1:{free_port()}", f"stream.direction={direction}")
    return run_here("run", CLIENT, "--json", sets=sets)


class Ran:
    """All of these by direction, which spend their time waiting and so run at the same time.

    Attributes:
        pairs: servers and clients.
        orphans: clients whose server was killed.
        strangers: clients that never had a server.
    """

    def __init__(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            pairs = {direction: pool.submit(run_pair, direction) for direction in DIRECTIONS}
            orphans = {direction: pool.submit(lose_the_server, direction) for direction in DIRECTIONS}
            self.strangers = {direction: ask_nobody(direction) for direction in DIRECTIONS}
            self.pairs = {direction: pair.result() for direction, pair in pairs.items()}
            self.orphans = {direction: orphan.result() for direction, orphan in orphans.items()}


@pytest.fixture(scope="module")
def ran() -> Ran:
    return Ran()


@pytest.fixture
def orphans(ran: Ran) -> dict[str, Finished]:
    return ran.orphans


@pytest.fixture
def strangers(ran: Ran) -> dict[str, Finished]:
    return ran.strangers


@pytest.fixture(params=DIRECTIONS)
def direction(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pair(direction: str, ran: Ran) -> Pair:
    return ran.pairs[direction]


def only_stream(finished: Finished) -> Stream:
    (stream,) = finished.report["streams"]
    return stream


def test_both_leave_with_0(pair: Pair) -> None:
    assert [each.status for each in pair] == [0, 0], pair


def test_the_receiving_side_completes_every_frame(pair: Pair) -> None:
    (receiver,) = (each for each in pair if only_stream(each)["role"] == "receiver")
    assert receiver.report["frames"] == {
        "completed": SHORT_FRAMES,
        "dropped": 0,
        "repeated": 0,
        "error": 0,
        "hidden_losses": 0,
    }


def test_all_that_was_sent_was_received(pair: Pair) -> None:
    server, client = (each.report for each in pair)
    (sent,) = (each["bytes_sent"] for each in (server, client) if each["bytes_sent"] is not None)
    assert sent == server["bytes_received"] + client["bytes_received"] > 0


def test_both_know_the_stream_by_one_id(pair: Pair) -> None:
    server, client = map(only_stream, pair)
    assert server["id"] == client["id"]


def test_the_addresses_of_one_are_those_of_the_other(pair: Pair) -> None:
    server, client = map(only_stream, pair)
    assert (server["local"], server["remote"]) == (client["remote"], client["local"])


def test_each_says_which_part_it_played(pair: Pair, direction: str) -> None:
    server, client = (each.report for each in pair)
    assert (server["role"], server["direction"]) == ("server", direction)
    assert (client["role"], client["direction"]) == ("client", direction)


def test_a_client_without_a_server_leaves_with_1(strangers: dict[str, Finished], direction: str) -> None:
    assert strangers[direction].status == 1


def test_a_client_without_a_server_names_the_protocol_error(strangers: dict[str, Finished], direction: str) -> None:
    assert only_stream(strangers[direction])["result"] == "ErrorNotAllDataTransferred"
    assert strangers[direction].report["connections"]["protocol_errors"] == 1


def test_a_client_without_a_server_drops_every_frame_at_its_first_render(strangers: dict[str, Finished]) -> None:
    report, stream = strangers["pull"].report, only_stream(strangers["pull"])
    assert stream["frames"] == {"completed": 0, "dropped": SHORT_FRAMES, "repeated": 0, "error": 0, "hidden_losses": 0}
    assert (report["frames"]["dropped"], report["streams_never_began"]) == (0, 1)
    assert SHORT_FIRST_RENDER_S <= report["elapsed_seconds"] < SHORT_END_S


def test_a_client_whose_server_is_killed_ends_at_its_computed_instant(orphans: dict[str, Finished]) -> None:
    stream = only_stream(orphans["pull"])
    lasted = stream["ended_seconds"] - stream["started_seconds"]
    assert LONGER_END_S - 0.001 <= lasted < LONGER_END_S + 1


def test_a_client_whose_server_is_killed_drops_the_rest_of_its_frames(orphans: dict[str, Finished]) -> None:
    frames = orphans["pull"].report["frames"]
    assert frames["completed"] > 0
    assert frames["dropped"] > 0
    assert frames["completed"] + frames["dropped"] + frames["repeated"] == LONGER_FRAMES


def test_dropped_frames_alone_are_a_measurement_and_no_failure(orphans: dict[str, Finished]) -> None:
    assert orphans["pull"].status == 0
    assert only_stream(orphans["pull"])["result"] == "Succeeded"


def test_a_pushing_client_whose_server_is_killed_is_told_by_the_network(orphans: dict[str, Finished]) -> None:
    assert orphans["push"].report["unreachable"] > 0
    assert only_stream(orphans["push"])["result"] == "Succeeded"


def test_the_network_says_nothing_of_peers_that_are_there(pair: Pair) -> None:
    assert [each.report["unreachable"] for each in pair] == [0, 0]


def test_a_pushing_client_whose_server_is_killed_sends_to_its_end(orphans: dict[str, Finished]) -> None:
    assert orphans["push"].status == 0
    assert orphans["push"].report["bytes_sent"] == LONGER_FRAMES * (8_000_000 // 8 // 30)
