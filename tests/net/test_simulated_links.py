"""The links of a simulated network: what it tells of them, and that they know nothing of each other."""

from __future__ import annotations

import attrs
import pytest

from cts.api import Address, EndpointStatistics, FrameTotals
from cts.impairment.delay import Normal
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott
from cts.records.truth_writer import Transmission
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import CLIENT, MS, PATH, PLAN, SECOND, SERVER, config_of, losing
from tests.engine.virtual_world import World, in_world

ROUGH = Impairment(
    delay=Normal(30 * MS, 15 * MS),
    keep_order=False,
    loss=GilbertElliott(0.05, 0.4),
    reorder=0.05,
    duplicate=0.05,
    corrupt=0.05,
)


# What it tells


def test_transmissions_are_numbered_in_each_client_s_link() -> None:
    async def main(world: World) -> list[Transmission]:
        client, other = await world.connect(), await world.connect()
        await client.send(SERVER, b"1", b"2")
        await client.endpoint.send_train(SERVER, b"head", [memoryview(b"payload")] * 3)
        await other.send(SERVER, b"1", at_ns=7)
        await client.send(SERVER, b"6")
        return world.transmissions

    transmissions = in_world(main, to_server=losing((2, 3)))
    told = [(each.at_ns, each.client, each.address, each.first, len(each.fates)) for each in transmissions]
    second = Address("10.0.0.2", CLIENT.port)
    assert told == [
        (0, 1, CLIENT, 1, 1),
        (0, 1, CLIENT, 2, 1),
        (0, 1, CLIENT, 3, 3),
        (7, 2, second, 1, 1),
        (7, 1, CLIENT, 6, 1),
    ]
    assert [bool(fate.arrivals) for each in transmissions for fate in each.fates] == [True, False, False, *[True] * 4]


def test_its_statistics_count_what_was_read_by_endpoints_that_are_closed_too() -> None:
    async def main(world: World) -> EndpointStatistics:
        server, client = await world.listen(), await world.connect()
        await client.send(SERVER, b"1", b"2")
        await server.send(client.address, b"3")
        await world.until(SECOND)
        client.endpoint.close()
        return world.network.statistics()

    assert in_world(main) == EndpointStatistics(datagrams=3, overflowed=0)


# Links know nothing of each other


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_more_clients_change_nothing_for_the_first(direction: str) -> None:
    def first_client(connections: int) -> tuple[list[Transmission], FrameTotals]:
        transmissions: list[Transmission] = []
        config = config_of(direction, client={"connections": connections}, stream={"verify": "count"})
        report = simulated(config, to_client=ROUGH, to_server=ROUGH, seed=3, on_transmission=transmissions.append)
        (frames,) = [each.counts.frames for each in report.results if CLIENT in (each.local, each.remote)]
        return [each for each in transmissions if each.client == 1], frames

    alone, frames = first_client(1)
    among_five, frames_among_five = first_client(5)
    assert len(alone) > PLAN.final_frame
    assert alone == among_five
    assert frames == frames_among_five


def test_more_addresses_to_listen_on_change_nothing_for_a_client() -> None:
    def transmissions(*addresses: Address) -> list[Transmission]:
        async def main(world: World) -> list[Transmission]:
            for address in addresses:
                await world.listen(address)
            client = await world.connect()
            await client.send(SERVER, *[b"x"] * 50)
            return world.transmissions

        return in_world(main, to_server=ROUGH)

    assert transmissions(SERVER) == transmissions(Address("192.0.2.2", 4444), Address("2001:db8::1", 4444), SERVER)


def test_each_client_and_each_way_has_fates_of_its_own() -> None:
    async def main(world: World) -> list[list[bool]]:
        server = await world.listen()
        clients = [await world.connect() for _ in range(2)]
        for client in clients:
            await client.send(SERVER, *[b"x"] * 50)
            await server.send(client.address, *[b"x"] * 50)
        fates: dict[tuple[int, str], list[bool]] = {}
        for each in world.transmissions:
            fates.setdefault((each.client, each.way), []).append(bool(each.fates[0].arrivals))
        return list(fates.values())

    lossy = attrs.evolve(PATH, loss=Bernoulli(0.5))
    fates = in_world(main, to_client=lossy, to_server=lossy)
    assert len({tuple(each) for each in fates}) == 4
