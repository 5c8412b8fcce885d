"""A server's population: slots, streams at once, streams in all, peers that wait for a slot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cts.api import Address, DatagramBatch, FrameTotals, Outcome
from cts.config import Config
from cts.errors import UserError
from cts.output.ordering import PromptObserver
from cts.protocol.wire import START
from cts.records.results import RunReport
from cts.testing import PEER
from tests.engine.bare_server import BareServer, stranger
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import END, FIRST_RENDER, LAST_SEND, LATENCY, MS, PLAN, SECOND, SERVER, config_of
from tests.engine.virtual_world import Peer, Recorder, World, in_world

FRAMES = PLAN.final_frame
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
V6 = Address("2001:db8::1", 4444)


def server_config(direction: str = "pull", **server: object) -> Config:
    return config_of(direction, run={"role": "server", "grace": "1h"}, server=server)


def ends(report: RunReport) -> list[tuple[Address, int]]:
    return sorted((result.remote, result.ended_ns) for result in report.results)


# accept_limit


@BOTH
def test_one_accepting_slot_is_enough_for_peers_that_ask_in_the_same_instant(direction: str) -> None:
    report = simulated(config_of(direction, client={"connections": 5}, server={"accept_limit": 1}))
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 5}
    assert report.snapshot.counts.frames == FrameTotals(completed=5 * FRAMES)
    assert report.snapshot.refused == {}


# connection_limit


def test_a_peer_beyond_the_connection_limit_waits_and_is_served_when_a_stream_has_ended() -> None:
    async def main(world: World) -> tuple[list[Peer], RunReport]:
        server = await world.serve(world.session(server_config(connection_limit=1)))
        peers = [await world.connect() for _ in range(2)]
        await peers[0].start()
        await peers[1].start(at_ns=SECOND + 100 * MS)
        await world.until(LATENCY + LAST_SEND - 1)
        assert peers[1].received == []
        await world.until(LATENCY + LAST_SEND + 100 * MS)
        return peers, await server.stop()

    peers, report = in_world(main)
    first_ends = LATENCY + LAST_SEND
    assert peers[1].names() == [first_ends + LATENCY]
    assert ends(report) == [(peers[0].address, first_ends), (peers[1].address, first_ends + LAST_SEND)]
    assert report.snapshot.refused == {}


def _waiting_peers() -> tuple[list[Peer], RunReport]:
    """Let one peer be served and three wait: one has waited just as long as it may, one longer, one asked again."""
    freed_ns = LATENCY + LAST_SEND
    last_chance_ns = freed_ns - FIRST_RENDER - LATENCY

    async def main(world: World) -> tuple[list[Peer], RunReport]:
        server = await world.serve(world.session(server_config(connection_limit=1)))
        peers = [await world.connect() for _ in range(4)]
        served, patient, gone, again = peers
        await served.start()
        await again.start(at_ns=MS)
        await gone.start(at_ns=last_chance_ns - 1)
        await patient.start(at_ns=last_chance_ns)
        await again.start(at_ns=last_chance_ns)
        await world.until(freed_ns + 3 * SECOND)
        return peers, await server.stop()

    return in_world(main)


def test_a_peer_is_dropped_when_it_has_waited_longer_than_a_client_waits() -> None:
    peers, _ = _waiting_peers()
    freed_ns = LATENCY + LAST_SEND
    _, patient, gone, again = peers
    assert gone.received == []
    # The one that asked first is served first; the other has by then waited too long.
    assert again.names() == [freed_ns + LATENCY]
    assert patient.names() == []


def test_a_peer_that_has_waited_just_as_long_as_a_client_waits_is_served() -> None:
    freed_ns = LATENCY + LAST_SEND

    async def main(world: World) -> Peer:
        server = await world.serve(world.session(server_config(connection_limit=1)))
        served, patient = [await world.connect() for _ in range(2)]
        await served.start()
        await patient.start(at_ns=freed_ns - FIRST_RENDER - LATENCY)
        await world.until(freed_ns + SECOND)
        await server.stop()
        return patient

    assert in_world(main).names() == [freed_ns + LATENCY]


def test_peers_that_repeat_start_for_ever_and_push_nothing_do_not_keep_the_slots() -> None:
    asks_ns = 3 * FIRST_RENDER // 2

    async def main(world: World) -> BareServer:
        bare = BareServer(world, "push", connection_limit=8)
        await bare.begin()
        assert bare.endpoint.handler is not None
        for at_ns in range(0, 4 * FIRST_RENDER, 50 * MS):
            await world.until(at_ns)
            for remote in [*map(stranger, range(8)), *[PEER] * (at_ns == asks_ns)]:
                # Not lent: trio holds on to the call that cancels a sleep, until the sleeper wakes.
                bare.endpoint.handler(SERVER, remote, DatagramBatch(START, len(START), at_ns))
        await bare.end()
        return bare

    bare = in_world(main)
    (name,) = [sent.time_ns for sent in bare.endpoint.sent if sent.remote == PEER]
    assert name == 2 * FIRST_RENDER + 1


@pytest.mark.parametrize("limit", [1, 2])
def test_that_the_limit_makes_clients_wait_is_told_once_while_it_does_and_in_the_report(limit: int) -> None:
    said: list[tuple[int, str]] = []

    class Listener(PromptObserver):
        def __init__(self, now_ns: Callable[[], int]) -> None:
            self._now_ns = now_ns

        def noted(self, text: str) -> None:
            said.append((self._now_ns(), text))

    async def main(world: World) -> RunReport:
        session = world.session(server_config(connection_limit=limit), observer=Listener(world.pacer.now_ns))
        server = await world.serve(session)
        for number in range(limit + 2):
            await (await world.connect()).start(at_ns=number * MS)
        await world.until(5 * SECOND)
        return await server.stop()

    report = in_world(main)
    ((at_ns, text),) = said
    assert at_ns == LATENCY + limit * MS
    assert f"server.connection_limit = {limit} " in text
    assert report.notes == (text,)


def test_a_server_that_has_room_for_all_says_nothing_of_its_limit() -> None:
    assert simulated(config_of(client={"connections": 2}, server={"connection_limit": 2})).notes == ()


def test_a_peer_that_waited_in_vain_is_counted_as_refused() -> None:
    _, report = _waiting_peers()
    assert report.snapshot.refused == {"repeated START": 1, "START that waited in vain": 2}


# server_exit_limit


def test_a_server_leaves_by_itself_when_its_exit_limit_has_run() -> None:
    async def main(world: World) -> tuple[list[Peer], RunReport, int]:
        server = await world.serve(world.session(server_config(server_exit_limit=2)))
        peers = [await world.connect() for _ in range(3)]
        for peer in peers:
            await peer.start()
        report = await server.report()
        return peers, report, world.pacer.now_ns()

    peers, report, over_ns = in_world(main)
    assert ends(report) == [(peer.address, LATENCY + LAST_SEND) for peer in peers[:2]]
    assert over_ns == LATENCY + LAST_SEND
    assert peers[2].received == []


def test_a_start_after_which_nothing_came_does_not_use_up_the_exit_limit() -> None:
    async def main(world: World) -> RunReport:
        server = await world.serve(world.session(server_config("push", server_exit_limit=1)))
        strangers = [await world.connect() for _ in range(2)]
        for each in strangers:
            await each.start()
            await world.until(world.pacer.now_ns() + 2 * FIRST_RENDER)
        return await server.stop()

    report = in_world(main)
    assert report.snapshot.outcomes == {Outcome.PROTOCOL_ERROR: 2}


def test_a_stream_that_runs_outlives_the_exit_limit_s_other_streams() -> None:
    async def main(world: World) -> tuple[RunReport, int]:
        server = await world.serve(world.session(server_config(server_exit_limit=2)))
        peers = [await world.connect() for _ in range(2)]
        await peers[0].start()
        await peers[1].start(at_ns=SECOND)
        return await server.report(), world.pacer.now_ns()

    report, over_ns = in_world(main)
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 2}
    assert over_ns == SECOND + LATENCY + LAST_SEND


def test_start_is_refused_and_counted_once_the_server_accepts_no_more() -> None:
    async def main(world: World) -> tuple[Peer, RunReport]:
        server = await world.serve(world.session(server_config()))
        first, late = [await world.connect() for _ in range(2)]
        await first.start()
        await world.until(SECOND)
        server.session.stop()
        await late.start()
        return late, await server.report()

    late, report = in_world(main)
    assert late.received == []
    assert report.snapshot.refused == {"START while not accepting": 1}
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 1}


# Listen addresses


@BOTH
@pytest.mark.parametrize("listen", [[str(SERVER), str(V6)], ["*:4444"]])
def test_several_listen_addresses_of_both_families_are_served_at_once(direction: str, listen: list[str]) -> None:
    recorder = Recorder()
    config = config_of(direction, client={"connections": 4, "target": []}, server={"listen": listen})
    report = simulated(config, observers=[recorder])
    assert report.snapshot.counts.frames == FrameTotals(completed=4 * FRAMES)
    pairs = [
        (info.remote, info.local) if direction == "pull" else (info.local, info.remote) for info in recorder.opened
    ]
    assert sorted(server for server, _ in pairs) == [SERVER, SERVER, V6, V6]
    assert all((":" in server.host) == (":" in client.host) for server, client in pairs)


def test_answers_leave_from_the_address_that_was_asked() -> None:
    async def main(world: World) -> list[set[Address]]:
        await world.serve(world.session(server_config(), listen=[SERVER, V6]))
        peers = [await world.connect(SERVER), await world.connect(V6)]
        for peer, address in zip(peers, (SERVER, V6), strict=True):
            await peer.send(address, b"START")
        await world.until(END)
        for peer in peers:
            peer.endpoint.drain()
        return [{received.remote for received in peer.received} for peer in peers]

    assert in_world(main) == [{SERVER}, {V6}]


def test_a_server_tells_where_it_is_bound_with_a_free_port_for_port_0() -> None:
    async def main(world: World) -> object:
        session = world.session(server_config(), listen=[SERVER, Address("192.0.2.9", 0)])
        bound = await world.nursery.start(session.run)
        session.stop()
        return bound

    assert in_world(main) == [SERVER, Address("192.0.2.9", 49152)]


def test_an_address_that_is_in_use_is_the_user_s_to_put_right() -> None:
    async def main(world: World) -> None:
        await world.listen(SERVER)
        await world.session(server_config()).run()

    with pytest.raises(
        UserError, match=r"^server\.listen: cannot listen on 192\.0\.2\.1:4444: Address already in use$"
    ):
        in_world(main)


def test_addresses_that_were_bound_are_given_back_when_another_cannot_be_had() -> None:
    async def main(world: World) -> None:
        await world.listen(SERVER)
        with pytest.raises(UserError):
            await world.session(server_config(), listen=[V6, SERVER]).run()
        await world.listen(V6)

    in_world(main)
