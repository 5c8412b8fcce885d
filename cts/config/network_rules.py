"""Which keys of ``[network]`` do not go together; a rule of ``cts.config.tables``.

A key that something else switched off (``jitter = 0``, ``reorder = 0``, ``bandwidth = "unlimited"``) is no mistake, so that
``--set`` can switch anything off. A key whose other half was never given is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from cts.config.network import LinkConfig, NetworkConfig
from cts.config.network_links import profile_link, short_form, way_of
from cts.config.problems import KeyPath, Problem, dotted
from cts.impairment.delay import Constant
from cts.impairment.way import WAYS, Way
from cts.units import Duration, Size, format_duration, format_size

__all__ = ["network_problems"]

NETWORK: KeyPath = ("network",)


def network_problems(network: NetworkConfig) -> Iterable[Problem]:
    """Return what is wrong with ``[network]`` beyond single keys, each once."""
    found: list[Problem] = []
    for table, keys in ((NETWORK, network), *(((*NETWORK, each), way_of(network, each)) for each in WAYS)):
        found += _outages(table, keys)
    for way in WAYS:
        found += _jitter_on_a_table(network, way)
    for half in HALVES:
        found += _without_other_half(network, half)
    return {(each.path, each.text): each for each in found}.values()  # of both ways, the same once


def _outages(table: KeyPath, keys: LinkConfig) -> Iterator[Problem]:
    path = (*table, "outages")
    forward: list[tuple[int, int, int]] = []
    for index, outage in enumerate(keys.outages or ()):
        if outage.begin < outage.end:
            forward.append((outage.begin, outage.end, index))
            continue
        what = "empty" if outage.begin == outage.end else "backwards"
        text = f"from {format_duration(outage.begin)} to {format_duration(outage.end)}, which is {what}"
        yield Problem((*path, index), f"{text}; allowed: to later than from")
    up_ns, last = 0, 0
    for begin, end, index in sorted(forward):
        if begin < up_ns:
            text = f"begins at {format_duration(begin)}, within {dotted((*path, last))}, which ends at"
            yield Problem((*path, index), f"{text} {format_duration(up_ns)}; allowed: outages one after the other")
        if end > up_ns:
            up_ns, last = end, index


def _jitter_on_a_table(network: NetworkConfig, way: Way) -> Iterator[Problem]:
    """Tell of jitter that is given with a latency that is a table, or on top of one; one above takes its place."""
    own, base = way_of(network, way), profile_link(network, way)
    of_profile = base.delay if short_form(base.delay) is None else Duration(0)
    layers = (
        (NETWORK, of_profile, None),
        (NETWORK, network.latency, network.jitter),
        ((*NETWORK, way), own.latency, own.jitter),
    )
    top = max(index for index, (_, latency, _) in enumerate(layers) if latency is not None)
    if isinstance(layers[top][1], int):
        return
    what = "the latency of a profile that has no jitter" if top == 0 else "a latency that is a table"
    for index, (table, _, jitter) in enumerate(layers):
        if jitter is not None and (index > top or (index == top and jitter > 0)):
            text = f"{format_duration(jitter)} with {what}; allowed: jitter with a latency that is a length of time"
            yield Problem((*table, "jitter"), text, tuple(_places(way, ("latency", "profile"))))


Value: TypeAlias = Duration | Size | None


class Half(NamedTuple):
    """A key that does nothing without another one."""

    key: str
    other: str
    idle: Callable[[NetworkConfig, Way], bool]
    """Tell whether it does nothing in one way."""
    text: str

    def value(self, keys: LinkConfig) -> Value:
        """Return what is given, None if nothing is; a time of 0 switches its key off, a size of 0 does not."""
        given: Value = getattr(keys, self.key)
        return None if isinstance(given, Duration) and not given else given


def _no_bandwidth(network: NetworkConfig, way: Way) -> bool:
    base, own = profile_link(network, way), way_of(network, way)
    return network.bandwidth is own.bandwidth is base.bandwidth_bits_per_second is None


def _no_reordering(network: NetworkConfig, way: Way) -> bool:
    base, own = profile_link(network, way), way_of(network, way)
    return network.reorder is own.reorder is None and not base.reorder


def _no_latency(network: NetworkConfig, way: Way) -> bool:
    base, own = profile_link(network, way), way_of(network, way)
    return network.latency is own.latency is None and isinstance(base.delay, Constant)


def _no_order(network: NetworkConfig, way: Way) -> bool:
    of_way = way_of(network, way).keep_order
    return (network.keep_order if of_way is None else of_way) is False


HALVES = (
    Half("queue", "bandwidth", _no_bandwidth, "no bandwidth is given, so that nothing ever waits"),
    Half("reorder_delay", "reorder", _no_reordering, "no reorder probability is given"),
    Half("jitter", "latency", _no_latency, "no latency is given that could vary"),
    Half("delay_hold", "latency", _no_latency, "no latency is given to hold"),
    Half("delay_hold", "keep_order", _no_order, "keep_order is false: nothing holds"),
)


def _without_other_half(network: NetworkConfig, half: Half) -> Iterator[Problem]:
    """Tell of a key that does nothing in any way that it is for."""
    own = {each: way_of(network, each) for each in WAYS}
    for table, keys, ways in (
        (NETWORK, network, [each for each in WAYS if half.value(own[each]) is None]),
        *(((*NETWORK, each), own[each], [each]) for each in WAYS),
    ):
        value = half.value(keys)
        if value is not None and ways and all(half.idle(network, each) for each in ways):
            shown = format_size(value) if isinstance(value, Size) else format_duration(value)
            others = tuple(place for each in ways for place in _places(each, (half.other, "profile")))
            yield Problem((*table, half.key), f"{shown}, and {half.text}", others)


def _places(way: Way, keys: Iterable[str]) -> Iterator[KeyPath]:
    """Return where a way's keys may stand."""
    for key in keys:
        yield from ((*NETWORK, key), (*NETWORK, way, key))
