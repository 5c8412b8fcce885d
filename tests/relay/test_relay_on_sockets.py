"""The relay on real sockets of this host's loopback interfaces. Times are only bounds for what is broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import pytest
import trio
from attrs import define

from cts.api import Address, DatagramBatch, IDatagramEndpoint
from cts.clock.system_pacer import SystemPacer, open_pacer
from cts.clock.timerfd_pacer import TimerPacer
from cts.impairment.link import Impairment
from cts.net.offload import Offload, detect_offload
from cts.net.udp_network import UdpNetwork
from cts.relay.relay import Relay
from tests.relay.relays import CLEAR, LATE, LATENCY, MS, relay_of

V4, V6 = Address("127.0.0.1", 0), Address("::1", 0)
FAMILIES = pytest.mark.parametrize(
    ("listen", "server"), [(V4, V4), (V6, V6), (V4, V6), (V6, V4)], ids=["4to4", "6to6", "4to6", "6to4"]
)
OFFLOADS = pytest.mark.parametrize("offload", [Offload(), detect_offload()], ids=["plain", "offloaded"])
PATIENCE_S = 30


class Socket:
    """A real socket that a test sends from; what it reads waits in a queue."""

    def __init__(self, endpoint: IDatagramEndpoint) -> None:
        self.endpoint = endpoint
        self._news, self._read = trio.open_memory_channel[tuple[Address, bytes, int]](1000)
        endpoint.receive_into(self._take)

    def _take(self, local: Address, remote: Address, batch: DatagramBatch) -> None:
        for datagram in batch.datagrams():
            self._news.send_nowait((remote, bytes(datagram), batch.received_ns))

    async def send(self, remote: Address, data: bytes) -> None:
        await self.endpoint.send(remote, data)

    async def receive(self) -> tuple[Address, bytes, int]:
        return await self._read.receive()

    async def echo(self) -> None:
        """Send everything back to where it came from."""
        async for remote, data, _ in self._read:
            await self.send(remote, data)


@define
class Host:
    """This machine: its sockets and its clock."""

    pacer: SystemPacer | TimerPacer
    network: UdpNetwork
    nursery: trio.Nursery
    open: ExitStack

    async def listen(self, local: Address) -> Socket:
        return self._socket(await self.network.listen(local))

    async def connect(self, remote: Address) -> Socket:
        return self._socket(await self.network.connect(remote))

    def _socket(self, endpoint: IDatagramEndpoint) -> Socket:
        self.open.callback(endpoint.close)
        return Socket(endpoint)

    async def relay(
        self, *listen: Address, upstream: Address, to_client: Impairment = CLEAR, to_server: Impairment = CLEAR
    ) -> tuple[Relay, list[Address]]:
        relay = relay_of(
            self.network, self.pacer, listen=listen, upstream=upstream, to_client=to_client, to_server=to_server
        )
        return relay, await self.nursery.start(relay.run)


async def on_this_host(main: Callable[[Host], Awaitable[None]], offload: Offload | None = None) -> None:
    pacer = open_pacer()
    network = UdpNetwork(pacer, offload)
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as services:
            await services.start(pacer.run)
            await services.start(network.run)
            with ExitStack() as sockets:
                async with trio.open_nursery() as nursery:
                    await main(Host(pacer, network, nursery, sockets))
                    nursery.cancel_scope.cancel()
            services.cancel_scope.cancel()


@FAMILIES
@OFFLOADS
async def test_a_datagram_goes_there_and_back_whatever_the_families(
    listen: Address, server: Address, offload: Offload
) -> None:
    async def main(host: Host) -> None:
        echo = await host.listen(server)
        host.nursery.start_soon(echo.echo)
        relay, [address] = await host.relay(listen, upstream=echo.endpoint.local)
        client = await host.connect(address)
        for data in (b"", b"x", b"hello", bytes(range(256)) * 5):
            await client.send(address, data)
            assert (await client.receive())[:2] == (address, data)
        statistics = relay.statistics()
        assert (statistics.to_server.forwarded, statistics.to_client.forwarded) == (4, 4)
        assert (statistics.clients, statistics.dropped) == (1, 0)

    await on_this_host(main, offload)


@OFFLOADS
async def test_clients_of_both_families_at_once_each_get_their_own_answers(offload: Offload) -> None:
    async def main(host: Host) -> None:
        echo = await host.listen(V6)
        host.nursery.start_soon(echo.echo)
        relay, addresses = await host.relay(V4, V6, upstream=echo.endpoint.local, to_client=LATE, to_server=LATE)
        clients = [(await host.connect(address), address) for address in addresses for _ in range(10)]
        for index, (client, address) in enumerate(clients):
            await client.send(address, b"%d" % index)
        for index, (client, address) in enumerate(clients):
            assert (await client.receive())[:2] == (address, b"%d" % index)
        assert relay.statistics().clients == 20

    await on_this_host(main, offload)


async def test_a_datagram_takes_at_least_the_latency() -> None:
    async def main(host: Host) -> None:
        server = await host.listen(V4)
        _, [address] = await host.relay(V4, upstream=server.endpoint.local, to_server=LATE)
        client = await host.connect(address)
        sent_ns = host.pacer.now_ns()
        await client.send(address, b"late")
        _, _, received_ns = await server.receive()
        # The kernel's receive times are translated from its wall clock.
        assert received_ns >= sent_ns + LATENCY - MS

    await on_this_host(main)


async def test_a_run_of_datagrams_arrives_whole_and_in_order() -> None:
    async def main(host: Host) -> None:
        server = await host.listen(V4)
        _, [address] = await host.relay(V4, upstream=server.endpoint.local, to_server=LATE)
        client = await host.connect(address)
        payloads = [memoryview(bytes([index]) * 1000) for index in range(20)]
        await client.endpoint.send_train(address, bytes(26), payloads)
        assert [(await server.receive())[1][26:] for _ in payloads] == [bytes(each) for each in payloads]

    await on_this_host(main, detect_offload())


async def test_a_server_that_is_not_there_yet_is_found_once_it_is() -> None:
    async def main(host: Host) -> None:
        gone = await host.listen(V4)
        server_address = gone.endpoint.local
        gone.endpoint.close()
        relay, [address] = await host.relay(V4, upstream=server_address)
        client = await host.connect(address)
        await client.send(address, b"anybody?")
        while not relay.statistics().to_server.forwarded:
            await trio.lowlevel.checkpoint()
        server = await host.listen(server_address)
        await client.send(address, b"hello")
        assert (await server.receive())[1] == b"hello"

    await on_this_host(main)


async def test_a_relay_that_has_ended_gives_its_addresses_back() -> None:
    async def main(host: Host) -> None:
        async with trio.open_nursery() as nursery:
            relay = relay_of(host.network, host.pacer, listen=(V4, V6), upstream=Address("127.0.0.1", 9))
            addresses = await nursery.start(relay.run)
            client = await host.connect(addresses[0])
            await client.send(addresses[0], b"x")
            while not relay.statistics().clients:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        for address in addresses:
            await host.listen(address)

    await on_this_host(main)
