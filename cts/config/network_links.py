"""From ``[network]`` to the two links of a path: profile, then ``[network]``, then one way's own table, key by key."""

from __future__ import annotations

from typing import TypeVar

from attrs import evolve

from cts.config.network import LinkConfig, NetworkConfig
from cts.impairment.delay import Constant, Delay, Normal, jittered
from cts.impairment.link import IPV4_UDP_OVERHEAD, IPV6_UDP_OVERHEAD, Impairment
from cts.impairment.loss import Bernoulli
from cts.impairment.profiles import PROFILES
from cts.impairment.way import TO_CLIENT, TO_SERVER, Way

__all__ = ["impairments", "profile_link", "short_form", "way_of"]

T = TypeVar("T")


def impairments(network: NetworkConfig, *, ipv6: bool = False) -> tuple[Impairment, Impairment]:
    """Return what the links to the client and to the server do.

    Args:
        network: checked, as :func:`cts.config.load_config` and ``structure_config`` give it.
        ipv6: the headers that bandwidth, queue and MTU count are those of IPv6.
    """
    overhead = IPV6_UDP_OVERHEAD if ipv6 else IPV4_UDP_OVERHEAD
    return _link(network, TO_CLIENT, overhead), _link(network, TO_SERVER, overhead)


def way_of(network: NetworkConfig, way: Way) -> LinkConfig:
    """Return the keys of one way's own table."""
    return network.to_client if way == TO_CLIENT else network.to_server


def profile_link(network: NetworkConfig, way: Way) -> Impairment:
    """Return what one way starts from: its profile's link, or one that does nothing."""
    name = way_of(network, way).profile or network.profile
    if name is None:
        return Impairment()
    found = PROFILES[name]
    return found.to_client if way == TO_CLIENT else found.to_server


def short_form(delay: Delay) -> tuple[int, int] | None:
    """Return the latency and the jitter that say the same, in nanoseconds; None where only a table does."""
    if isinstance(delay, Constant):
        return delay.delay_ns, 0
    return (delay.mean_ns, delay.sigma_ns) if isinstance(delay, Normal) else None


def _link(network: NetworkConfig, way: Way, overhead: int) -> Impairment:
    base, own = profile_link(network, way), way_of(network, way)

    def given(of_way: T | None, of_both: T | None, otherwise: T) -> T:
        return of_way if of_way is not None else of_both if of_both is not None else otherwise

    rate = given(own.bandwidth, network.bandwidth, base.bandwidth_bits_per_second)
    bandwidth = int(rate) if isinstance(rate, int) else None
    loss = given(own.loss, network.loss, base.loss)
    outages = given(own.outages, network.outages, None)
    return evolve(
        base,
        delay=_delay(base.delay, network, own),
        keep_order=given(own.keep_order, network.keep_order, base.keep_order),
        delay_hold_ns=int(given(own.delay_hold, network.delay_hold, base.delay_hold_ns)),
        loss=Bernoulli(loss) if isinstance(loss, float) else loss,
        reorder=given(own.reorder, network.reorder, base.reorder),
        reorder_delay_ns=int(given(own.reorder_delay, network.reorder_delay, base.reorder_delay_ns)),
        duplicate=given(own.duplicate, network.duplicate, base.duplicate),
        corrupt=given(own.corrupt, network.corrupt, base.corrupt),
        bandwidth_bits_per_second=bandwidth,
        queue_bytes=None if bandwidth is None else _int(given(own.queue, network.queue, base.queue_bytes)),
        mtu_bytes=_int(given(own.mtu, network.mtu, base.mtu_bytes)),
        overhead_bytes=overhead,
        outages=base.outages if outages is None else tuple((int(each.begin), int(each.end)) for each in outages),
    )


def _int(value: int | None) -> int | None:
    """Make a plain int of a quantity: arithmetic on subclasses is slower, and this is done for each datagram."""
    return None if value is None else int(value)


def _delay(base: Delay, network: NetworkConfig, own: LinkConfig) -> Delay:
    latency = own.latency if own.latency is not None else network.latency
    jitter = own.jitter if own.jitter is not None else network.jitter
    if latency is not None and not isinstance(latency, int):
        return latency
    short = short_form(base)
    if latency is None and (jitter is None or short is None):
        return base
    mean, sigma = short or (0, 0)
    return jittered(mean if latency is None else int(latency), sigma if jitter is None else int(jitter))
