"""``cts impair``: the relay on real sockets, with names, signals, counts and its ground truth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import TypeVar

import trio
from attrs import evolve, field, frozen

from cts.api import Address, IPacer
from cts.errors import UserError
from cts.impairment.link import Impairment
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures, Trust, trust_in
from cts.net.addresses import resolve_listen, resolve_targets
from cts.net.host_watch import HostWatch
from cts.net.receive_clock import unix_offset_ns
from cts.net.socket_options import NOTHING_SET, SocketOptions, try_out
from cts.net.surroundings import real_surroundings, running
from cts.records.buffers import SocketBuffers
from cts.records.truth_writer import RelayTruthLog
from cts.records.writers import LOG_LIMIT, WriterThread, finish_writers
from cts.relay.relay import Relay, RelayLimits
from cts.relay.statistics import RelayStatistics
from cts.signals import exit_status_of, stop_signals
from cts.units import SECOND

__all__ = ["RelayOrder", "RelayResult", "run_relay"]


@frozen(kw_only=True)
class RelayOrder:
    """What to relay.

    Attributes:
        links: returns what each client's links to the client and to the server do; told whether the headers that they count
            are those of IPv6, as the server's address is.
        listen: hosts and ports that clients send to; ``*`` is every address of both families.
        to: host and port of the server.
        seed: all chance follows from it.
        truth_file: where to write the ground truth, None for nowhere.
        time_limit_ns: how long to run, None for no end.
        limits: bounds on clients and memory.
        offload: whether to read many datagrams at once where the kernel can.
        sockets: what each socket is set to; those towards the server are a client's.
        interval_ns, buffer_ns: time between frames of the streams that it relays, and how long their receivers buffer: against
            these it is held how this host serves it.
    """

    links: Callable[[bool], tuple[Impairment, Impairment]]
    listen: Sequence[tuple[str, int]]
    to: tuple[str, int]
    seed: int
    interval_ns: int
    buffer_ns: int
    truth_file: Path | None = None
    time_limit_ns: int | None = None
    limits: RelayLimits = field(factory=RelayLimits)
    offload: bool = True
    sockets: SocketOptions = NOTHING_SET


@frozen(kw_only=True)
class RelayResult:
    """What a relay came to.

    Attributes:
        listen: the addresses that it was bound to.
        upstream: the server.
        seed: what all chance followed from.
        statistics: the final counts.
        signal: the signal that ended it, None if it was the time limit.
        failure: why the ground truth is not complete, None if it is or none was asked for.
        buffers: what each socket had.
        trust: whether this host was good enough for what the network is said to have done.
    """

    listen: tuple[Address, ...]
    upstream: Address
    seed: int
    statistics: RelayStatistics
    signal: int | None
    failure: str | None
    buffers: SocketBuffers
    trust: Trust

    @property
    def exit_status(self) -> int:
        """1: the ground truth is not complete; else 128 + signal (130 for Ctrl-C), 0 where the time limit ended it."""
        if self.failure is not None:
            return 1
        return 0 if self.signal is None else exit_status_of(self.signal)


def run_relay(
    order: RelayOrder,
    *,
    began: Callable[[Sequence[Address], Address, SocketBuffers], None],
    watch: Callable[[RelayStatistics], None],
    give_up: Callable[[RelayResult], object],
) -> RelayResult:
    """Relay between clients and a server until SIGINT, SIGTERM, SIGHUP or the time limit.

    Args:
        order: what to relay.
        began: told the bound addresses, the server's, and what buffers the sockets have, once datagrams are relayed.
        watch: told the counts every second.
        give_up: told what is known of a relay that does not end when it is stopped (:mod:`cts.signals`).

    Raises:
        UserError: a name, an address or the file is not to be had.
    """
    return trio.run(_run, order, began, watch, give_up)


async def _run(
    order: RelayOrder,
    began: Callable[[Sequence[Address], Address, SocketBuffers], None],
    watch: Callable[[RelayStatistics], None],
    give_up: Callable[[RelayResult], object],
) -> RelayResult:
    upstream = (await _resolved("--to", "client.target", resolve_targets([order.to])))[0][0]
    pacer, network = real_surroundings(offload=order.offload, sockets=order.sockets)
    if not order.sockets.reaches(upstream):
        raise UserError(f"client.bind: {order.sockets.client_host} is not of the family of the server, {upstream}")
    buffers = try_out(order.sockets, ipv6=":" in upstream.host, client=True)
    to_client, to_server = order.links(":" in upstream.host)
    log: RelayTruthLog | None = None
    writer = WriterThread(LOG_LIMIT, pacer.now_ns)

    def open_log(path: Path, began_ns: int) -> RelayTruthLog:
        nonlocal log
        began_unix_ns = began_ns - unix_offset_ns(pacer.now_ns)
        log = RelayTruthLog(
            path,
            "output.truth_file",
            seed=order.seed,
            began_ns=began_ns,
            began_unix_ns=began_unix_ns,
            writer=writer,
        )
        return log

    relay = Relay(
        listen=await _resolved("--listen", "server.listen", resolve_listen(order.listen)),
        upstream=upstream,
        network=network,
        pacer=pacer,
        to_client=to_client,
        to_server=to_server,
        seed=order.seed,
        limits=order.limits,
        call_witness=None if order.truth_file is None else partial(open_log, order.truth_file),
    )
    bound: list[Address] = []
    mistake: UserError | None = None
    stopped_by: int | None = None

    host = HostWatch(pacer, network, lambda: relay.clients)

    def end(stopped_by: int | None) -> RelayResult:
        if log is not None:
            log.close(pacer.now_ns())
        statistics = relay.statistics()
        return RelayResult(
            listen=tuple(bound),
            upstream=upstream,
            seed=order.seed,
            statistics=statistics,
            signal=stopped_by,
            failure=log.failure if log is not None else None,
            buffers=buffers,
            trust=trust_in((_served(host, statistics),), interval_ns=order.interval_ns, buffer_ns=order.buffer_ns),
        )

    def abandon(number: int) -> None:
        give_up(end(number))
        finish_writers([writer])

    try:
        with stop_signals(abandon) as signals:
            # Relaying ends while its sockets are still read.
            async with running(pacer, network), trio.open_nursery() as relaying:
                try:
                    bound += await relaying.start(relay.run)
                except UserError as error:  # to be raised outside of the nurseries, which would make a group of it
                    mistake = error
                else:
                    began(bound, upstream, buffers)
                    relaying.start_soon(host.run)
                    relaying.start_soon(_show_counts, relay, pacer, watch)
                    stopped_by = await _signal_within(order.time_limit_ns, signals)
                relaying.cancel_scope.cancel()
    finally:
        if log is not None:
            log.close(pacer.now_ns())
            finish_writers([writer])
    if mistake is not None:
        raise mistake
    return end(stopped_by)


def _served(host: HostWatch, statistics: RelayStatistics) -> HostFigures:
    """Return how this host served a relay; each datagram is to be sent when it is due."""
    late = Histogram.of((statistics.to_server.lateness, statistics.to_client.lateness))
    return evolve(host.figures(), overflowed=statistics.overflowed, send_lateness=late)


T = TypeVar("T")


async def _resolved(option: str, key: str, addresses: Awaitable[list[T]]) -> list[T]:
    """Return what a name resolves to; a message names the option in place of the configuration's key."""
    try:
        return await addresses
    except UserError as error:
        raise UserError(f"{option}{str(error).removeprefix(key)}") from error


async def _signal_within(limit_ns: int | None, signals: AsyncIterator[int]) -> int | None:
    with trio.move_on_after(inf if limit_ns is None else limit_ns / SECOND):
        return await anext(signals)
    return None


async def _show_counts(relay: Relay, pacer: IPacer, watch: Callable[[RelayStatistics], None]) -> None:
    due_ns = pacer.now_ns()
    while True:
        due_ns += SECOND
        await pacer.wait_until(due_ns)
        watch(relay.statistics())
