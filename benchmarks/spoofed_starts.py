"""STARTs from many addresses, with ``--hellos`` HELLOs in turn with them, at a server on the simulated network that serves.

Told are the clients' frames, and memory.

    python benchmarks/spoofed_starts.py --seconds 60 --per-second 200000 --addresses 65000
    python benchmarks/spoofed_starts.py --seconds 60 --trusted
    python benchmarks/spoofed_starts.py --seconds 60 --hellos

Without ``--trusted`` the addresses are outside ``server.original_clients``; with it they are inside, and take what places there
are. On real sockets: ``new_streams.py --per-second 0 --addresses 65000``.
"""

from __future__ import annotations

import argparse
import resource
import time
from functools import partial
from pathlib import Path

import trio
from start_flood import hello

from cts.api import Address, IDatagramEndpoint
from cts.clock.virtual_time import VirtualTime
from cts.config import structure_config
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender
from cts.engine.session import Session
from cts.impairment.link import Impairment
from cts.net.simulated import SimulatedEndpoint, SimulatedNetwork
from cts.net.surroundings import running
from cts.protocol.wire import START
from cts.runs.session_settings import session_settings
from cts.runs.simulated_session import simulated_connection_id
from cts.units import MILLISECOND, SECOND

__all__ = ["main"]

SERVER = Address("192.0.2.1", 4444)


class KeepingNetwork(SimulatedNetwork):
    """Remembers the endpoint that the server listens on."""

    server: SimulatedEndpoint

    async def listen(self, local: Address) -> IDatagramEndpoint:
        endpoint = await super().listen(local)
        assert isinstance(endpoint, SimulatedEndpoint)
        self.server = endpoint
        return endpoint


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


async def _flood(options: argparse.Namespace, pacer: VirtualTime, server: SimulatedEndpoint) -> None:
    first = 10 << 24 | 128 << 16 if options.trusted else 198 << 24 | 18 << 16
    sources = [
        Address(".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)), 50_000)
        for number in range(first, first + options.addresses)
    ]
    each, sent, began = options.per_second // 1000, 0, time.monotonic()
    datagrams = (START, hello()) if options.hellos else (START,)
    for turn in range(int(options.seconds * 1000)):
        now_ns = SECOND + turn * MILLISECOND
        await pacer.wait_until(now_ns)
        for _ in range(each):
            datagram = datagrams[sent % len(datagrams)]
            server.arrive(now_ns, 0, sent, sources[sent % len(sources)], datagram, len(datagram))
            sent += 1
        server.deliver(now_ns)
        if turn % 5000 == 4999:
            print(
                f"{sent:,} datagrams, {_resident_mib():.1f} MiB, {sent / (time.monotonic() - began):,.0f} a second",
                flush=True,
            )


async def _main(options: argparse.Namespace, pacer: VirtualTime) -> None:
    seconds = options.seconds + 2
    stream = {"bits_per_second": "1M", "frame_rate": 30, "stream_length": seconds}
    tables = {"stream": stream, "server": {"listen": [str(SERVER)], "connection_limit": options.connection_limit}}
    network = KeepingNetwork(pacer, to_client=Impairment(), to_server=Impairment(), seed=1)

    def session(role: str) -> Session:
        config = structure_config(
            {
                **tables,
                "run": {"role": role, "grace": 0},
                "client": {"target": [str(SERVER)], "connections": options.streams},
            }
        )
        return Session(
            session_settings(config),
            network=network,
            pacer=pacer,
            listen=[SERVER],
            targets=[(SERVER,)],
            make_sender=partial(AutoSender, None),
            factory=DefaultConnectedSocketFactory(None),
            new_connection_id=partial(simulated_connection_id, 1),
            is_virtual=True,
        )

    server, client = session("server"), session("client")
    async with running(pacer, network), trio.open_nursery() as nursery:
        await nursery.start(server.run)
        nursery.start_soon(_flood, options, pacer, network.server)
        report = await client.run()
        print(f"clients: {report.snapshot.counts.frames}", flush=True)
        print(f"server refused: {dict(server.snapshot().refused)}", flush=True)
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--per-second", type=int, default=200_000)
    parser.add_argument("--addresses", type=int, default=65_000)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--connection-limit", type=int, default=64)
    parser.add_argument("--trusted", action="store_true")
    parser.add_argument("--hellos", action="store_true", help="every other one is a HELLO without a cookie")
    options = parser.parse_args()
    pacer = VirtualTime()
    trio.run(_main, options, pacer, clock=pacer)


if __name__ == "__main__":
    main()
