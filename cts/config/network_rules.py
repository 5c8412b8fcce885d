"""Which keys of ``[network]`` do not go together; a rule of ``cts.config.tables``.

A key that something else switched off (``jitter = 0``, ``reorder = 0``, ``bandwidth = "unlimited"``) is no mistake, so that
``--set`` can switch anything off. A key whose other half was never given is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from cts.config.network import GilbertElliott, LinkConfig, NetworkConfig, Pareto, Ranges, Uniform
from cts.config.network_links import DIRECTIONS, Direction, profile_link, short_form, way_of
from cts.config.problems import KeyPath, Problem, dotted
from cts.impairment.delay import Constant
from cts.units import Duration, Size, format_duration, format_size

__all__ = ["network_problems"]

NETWORK: KeyPath = ("network",)


def network_problems(network: NetworkConfig) -> Iterable[Problem]:
    """Return what is wrong with ``[network]`` beyond single keys, each once."""
    found: list[Problem] = []
    for table, keys in ((NETWORK, network), *(((*NETWORK, each), way_of(network, each)) for each in DIRECTIONS)):
        found += [*_latency_table(table, keys), *_loss_table(table, keys), *_outages(table, keys)]
    for direction in DIRECTIONS:
        found += _jitter_on_a_table(network, direction)
    for half in HALVES:
        found += _without_other_half(network, half)
    return {(each.path, each.text): each for each in found}.values()  # of both directions, the same once


def _latency_table(table: KeyPath, keys: LinkConfig) -> Iterator[Problem]:
    path, latency = (*table, "latency"), keys.latency
    if isinstance(latency, Uniform) and latency.high < latency.low:
        text = f"{format_duration(latency.high)}, and low is {format_duration(latency.low)}; allowed: low or more"
        yield Problem((*path, "high"), text, ((*path, "low"),))
    if not isinstance(latency, Pareto):
        return
    if latency.scale is None and latency.minimum == 0:
        text = "0 s, and scale, which is the minimum unless given, would be 0; allowed: more than 0, or a scale"
        yield Problem((*path, "minimum"), text, ((*path, "scale"),))
    if latency.cap < latency.minimum:
        text = f"{format_duration(latency.cap)}, and minimum is {format_duration(latency.minimum)}"
        yield Problem((*path, "cap"), f"{text}; allowed: minimum or more", ((*path, "minimum"),))


def _loss_table(table: KeyPath, keys: LinkConfig) -> Iterator[Problem]:
    path, loss = (*table, "loss"), keys.loss
    if isinstance(loss, GilbertElliott):
        if loss.h is not None and loss.loss_bad is not None:
            yield Problem((*path, "h"), "h is 1 - loss_bad, which is given too; allowed: one", ((*path, "loss_bad"),))
        if loss.k is not None and loss.loss_good is not None:
            yield Problem((*path, "k"), "k is 1 - loss_good, which is given too; allowed: one", ((*path, "loss_good"),))
    if isinstance(loss, Ranges):
        for index, (first, last) in enumerate(loss.ranges):
            if last < first:
                text = f"from {first} to {last}, which is backwards; allowed: [first, last]"
                yield Problem((*path, "ranges", index), text)


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


def _jitter_on_a_table(network: NetworkConfig, direction: Direction) -> Iterator[Problem]:
    """Tell of jitter that is given with a latency that is a table, or on top of one; one above takes its place."""
    way, base = way_of(network, direction), profile_link(network, direction)
    of_profile = base.delay if short_form(base.delay) is None else Duration(0)
    layers = (
        (NETWORK, of_profile, None),
        (NETWORK, network.latency, network.jitter),
        ((*NETWORK, direction), way.latency, way.jitter),
    )
    top = max(index for index, (_, latency, _) in enumerate(layers) if latency is not None)
    if isinstance(layers[top][1], int):
        return
    what = "the latency of a profile that has no jitter" if top == 0 else "a latency that is a table"
    for index, (table, _, jitter) in enumerate(layers):
        if jitter is not None and (index > top or (index == top and jitter > 0)):
            text = f"{format_duration(jitter)} with {what}; allowed: jitter with a latency that is a length of time"
            yield Problem((*table, "jitter"), text, tuple(_places(direction, ("latency", "profile"))))


Value: TypeAlias = Duration | Size | None


class Half(NamedTuple):
    """A key that does nothing without another one."""

    key: str
    other: str
    value: Callable[[LinkConfig], Value]
    idle: Callable[[NetworkConfig, Direction], bool]
    """Says whether it does nothing in a direction."""
    text: str


def _no_bandwidth(network: NetworkConfig, direction: Direction) -> bool:
    base, way = profile_link(network, direction), way_of(network, direction)
    return network.bandwidth is way.bandwidth is base.bandwidth_bits_per_second is None


def _no_reordering(network: NetworkConfig, direction: Direction) -> bool:
    base, way = profile_link(network, direction), way_of(network, direction)
    return network.reorder is way.reorder is None and not base.reorder


def _no_latency(network: NetworkConfig, direction: Direction) -> bool:
    base, way = profile_link(network, direction), way_of(network, direction)
    return network.latency is way.latency is None and isinstance(base.delay, Constant)


def _no_order(network: NetworkConfig, direction: Direction) -> bool:
    of_way = way_of(network, direction).keep_order
    return (network.keep_order if of_way is None else of_way) is False


HALVES = (
    Half(
        "queue",
        "bandwidth",
        lambda keys: keys.queue,
        _no_bandwidth,
        "no bandwidth is given, so that nothing ever waits",
    ),
    Half(
        "reorder_delay", "reorder", lambda keys: keys.reorder_delay, _no_reordering, "no reorder probability is given"
    ),
    Half("jitter", "latency", lambda keys: keys.jitter or None, _no_latency, "no latency is given that could vary"),
    Half("delay_hold", "latency", lambda keys: keys.delay_hold or None, _no_latency, "no latency is given to hold"),
    Half(
        "delay_hold",
        "keep_order",
        lambda keys: keys.delay_hold or None,
        _no_order,
        "keep_order is false: nothing holds",
    ),
)


def _without_other_half(network: NetworkConfig, half: Half) -> Iterator[Problem]:
    """Tell of a key that does nothing in any direction that it is for."""
    ways = {each: way_of(network, each) for each in DIRECTIONS}
    for table, keys, directions in (
        (NETWORK, network, [each for each in DIRECTIONS if half.value(ways[each]) is None]),
        *(((*NETWORK, each), ways[each], [each]) for each in DIRECTIONS),
    ):
        value = half.value(keys)
        if value is not None and directions and all(half.idle(network, each) for each in directions):
            shown = format_size(value) if isinstance(value, Size) else format_duration(value)
            others = tuple(place for each in directions for place in _places(each, (half.other, "profile")))
            yield Problem((*table, half.key), f"{shown}, and {half.text}", others)


def _places(direction: Direction, keys: Iterable[str]) -> Iterator[KeyPath]:
    """Return where a direction's keys may stand."""
    for key in keys:
        yield from ((*NETWORK, key), (*NETWORK, direction, key))
