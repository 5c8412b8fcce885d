"""From ``[network]`` to the two links of a path: profile, then ``[network]``, then one way's own table, key by key."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeVar

from attrs import evolve

from cts.config.network import (
    Bernoulli,
    EveryNth,
    GilbertElliott,
    Latency,
    LinkConfig,
    Loss,
    NetworkConfig,
    Normal,
    Pareto,
    Ranges,
    Trace,
    Uniform,
)
from cts.impairment import delay, loss
from cts.impairment.link import IPV4_UDP_OVERHEAD, IPV6_UDP_OVERHEAD, Impairment
from cts.impairment.profiles import PROFILES

__all__ = ["DIRECTIONS", "Direction", "impairments", "profile_link", "short_form", "way_of"]

T = TypeVar("T")

Direction: TypeAlias = Literal["to_client", "to_server"]
DIRECTIONS: tuple[Direction, ...] = ("to_client", "to_server")


def impairments(network: NetworkConfig, *, ipv6: bool = False) -> tuple[Impairment, Impairment]:
    """Return what the links to the client and to the server do.

    Args:
        network: checked, as :func:`cts.config.load_config` and ``structure_config`` give it.
        ipv6: the headers that bandwidth, queue and MTU count are those of IPv6.
    """
    overhead = IPV6_UDP_OVERHEAD if ipv6 else IPV4_UDP_OVERHEAD
    return _link(network, "to_client", overhead), _link(network, "to_server", overhead)


def way_of(network: NetworkConfig, direction: Direction) -> LinkConfig:
    """Return the keys of one way's own table."""
    return network.to_client if direction == "to_client" else network.to_server


def profile_link(network: NetworkConfig, direction: Direction) -> Impairment:
    """Return what one way starts from: its profile's link, or one that does nothing."""
    name = way_of(network, direction).profile or network.profile
    if name is None:
        return Impairment()
    found = PROFILES[name]
    return found.to_client if direction == "to_client" else found.to_server


def short_form(found: delay.Delay) -> tuple[int, int] | None:
    """Return the latency and the jitter that say the same, in nanoseconds; None where only a table does."""
    if isinstance(found, delay.Constant):
        return found.delay_ns, 0
    return (found.mean_ns, found.sigma_ns) if isinstance(found, delay.Normal) else None


def _link(network: NetworkConfig, direction: Direction, overhead: int) -> Impairment:
    base, way = profile_link(network, direction), way_of(network, direction)

    def given(of_way: T | None, of_both: T | None, otherwise: T) -> T:
        return of_way if of_way is not None else of_both if of_both is not None else otherwise

    rate = given(way.bandwidth, network.bandwidth, base.bandwidth_bits_per_second)
    bandwidth = int(rate) if isinstance(rate, int) else None
    process = given(way.loss, network.loss, None)
    outages = given(way.outages, network.outages, None)
    return evolve(
        base,
        delay=_delay(base.delay, network, way),
        keep_order=given(way.keep_order, network.keep_order, base.keep_order),
        delay_hold_ns=int(given(way.delay_hold, network.delay_hold, base.delay_hold_ns)),
        loss=base.loss if process is None else _loss(process),
        reorder=given(way.reorder, network.reorder, base.reorder),
        reorder_delay_ns=int(given(way.reorder_delay, network.reorder_delay, base.reorder_delay_ns)),
        duplicate=given(way.duplicate, network.duplicate, base.duplicate),
        corrupt=given(way.corrupt, network.corrupt, base.corrupt),
        bandwidth_bits_per_second=bandwidth,
        queue_bytes=None if bandwidth is None else _int(given(way.queue, network.queue, base.queue_bytes)),
        mtu_bytes=_int(given(way.mtu, network.mtu, base.mtu_bytes)),
        overhead_bytes=overhead,
        outages=base.outages if outages is None else tuple((int(each.begin), int(each.end)) for each in outages),
    )


def _int(value: int | None) -> int | None:
    """Make a plain int of a quantity: arithmetic on subclasses is slower, and this is done for each datagram."""
    return None if value is None else int(value)


def _delay(base: delay.Delay, network: NetworkConfig, way: LinkConfig) -> delay.Delay:
    latency = way.latency if way.latency is not None else network.latency
    jitter = way.jitter if way.jitter is not None else network.jitter
    if latency is not None and not isinstance(latency, int):
        return _distribution(latency)
    short = short_form(base)
    if latency is None and (jitter is None or short is None):
        return base
    mean, sigma = short or (0, 0)
    return delay.jittered(mean if latency is None else int(latency), sigma if jitter is None else int(jitter))


def _distribution(latency: Latency) -> delay.Delay:
    match latency:
        case Uniform():
            return delay.Uniform(int(latency.low), int(latency.high))
        case Normal():
            return delay.Normal(int(latency.mean), int(latency.sigma))
        case Pareto():
            return delay.Pareto(int(latency.minimum), latency.shape, _int(latency.scale), int(latency.cap))
        case Trace():
            return delay.Trace(latency.file.delays_ns)
        case _:
            return delay.Constant(int(latency))


def _loss(process: Loss) -> loss.Loss:
    match process:
        case Bernoulli():
            return loss.Bernoulli(process.p)
        case GilbertElliott():
            bad = 1 - process.h if process.h is not None else process.loss_bad
            good = 1 - process.k if process.k is not None else process.loss_good
            return loss.GilbertElliott(process.p, process.r, 1.0 if bad is None else bad, 0.0 if good is None else good)
        case EveryNth():
            return loss.EveryNth(process.n)
        case Ranges():
            return loss.Ranges(process.ranges)
        case _:
            return loss.Bernoulli(process)
