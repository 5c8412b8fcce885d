"""Receivers that hand-driven senders stream to: a script says which datagram arrives when, to the nanosecond."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from cts.api import StreamResult
from cts.protocol.wire import ConnectionId
from cts.records.results import RunReport
from tests.engine.small_stream import CLIENT, LATENCY, MS, NAME, PLAN, SERVER, config_of, datagrams_of
from tests.engine.virtual_world import Peer, World, in_world

__all__ = ["Arriving", "HandDriven", "final_datagram", "on_time", "receive_by_script"]

Arriving = tuple[int, bytes]
"""When a datagram is to arrive, in nanoseconds after the receiver's base, and its bytes."""
SOON = 50 * MS
"""Early enough to come before everything else, late enough for START to have come first."""


def final_datagram() -> bytes:
    """Return the last datagram of the final frame."""
    return datagrams_of(PLAN.final_frame)[-1]


def on_time(sequences: Iterable[int], *, without: bytes | None = None) -> list[Arriving]:
    """Return whole frames, each arriving 50 ms after its send time; ``without`` is left out."""
    return [
        (PLAN.send_offset_ns(sequence) + SOON, datagram)
        for sequence in sequences
        for datagram in datagrams_of(sequence)
        if datagram != without
    ]


@frozen
class HandDriven:
    """What became of a stream with a hand-driven sender."""

    base_ns: int
    result: StreamResult
    report: RunReport
    peer: Peer


def receive_by_script(direction: str, script: Sequence[Arriving], **stream: object) -> HandDriven:
    """Run one receiver and let a script's datagrams arrive at it.

    Args:
        direction: ``pull``: the receiver is a client; ``push``: it is a server's, and passive.
        script: what arrives.
        stream: keys of ``[stream]`` to change.
    """
    receive = _pull if direction == "pull" else _push
    return in_world(lambda world: receive(world, script, stream))


async def _pull(world: World, script: Sequence[Arriving], stream: dict[str, object]) -> HandDriven:
    server = await world.listen()
    client = await world.serve(world.session(config_of("pull", run={"role": "client"}, stream=stream)))
    await world.until(LATENCY + 1)
    await server.send(CLIENT, ConnectionId(NAME).encode())
    for offset_ns, datagram in sorted(script, key=lambda arriving: arriving[0]):
        await server.send(CLIENT, datagram, at_ns=offset_ns - LATENCY)
    report = await client.report()
    return HandDriven(0, report.results[0], report, server)


async def _push(world: World, script: Sequence[Arriving], stream: dict[str, object]) -> HandDriven:
    server = await world.serve(world.session(config_of("push", run={"role": "server", "grace": "1h"}, stream=stream)))
    client = await world.connect()
    await client.start(at_ns=0)
    for offset_ns, datagram in sorted(script, key=lambda arriving: arriving[0]):
        await client.send(SERVER, datagram, at_ns=offset_ns)  # base and arrivals are both later by the latency
    await world.until(world.pacer.now_ns() + LATENCY + 2 * MS)  # a network card's moderation holds it back 1 ms
    report = await server.stop()
    return HandDriven(LATENCY, report.results[0], report, client)
