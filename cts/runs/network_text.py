"""What ``[network]`` will do to a stream, in words: each way by itself, and what a frame meets on its way."""

from __future__ import annotations

from statistics import median

from cts.api import StreamPlan
from cts.config import Config
from cts.config.network_links import impairments
from cts.impairment.delay import Constant, Delay, Normal, Pareto, Trace, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, EveryNth, GilbertElliott, Loss, Ranges
from cts.output.figures import about_rate, about_time, significant
from cts.protocol.roles import Direction
from cts.protocol.task import Verify
from cts.units import SECOND, counted, format_duration, format_rate, format_size

__all__ = ["network_rows", "relay_notes", "share_whole"]


def network_rows(config: Config, plan: StreamPlan) -> list[tuple[str, str]]:
    """Return the rows of a plan that tell of its network; none where none is given."""
    if not config.network.is_set:
        return []
    to_client, to_server = impairments(config.network, ipv6=any("[" in each for each in config.server.listen))
    data, way = (to_client, "client") if config.stream.direction is Direction.PULL else (to_server, "server")
    texts = [f"to client: {_way(to_client)}", f"to server: {_way(to_server)}"]
    texts += [f"a frame to the {way}: {text}" for text in _frame(data, plan, config.stream.verify)]
    texts.append(_first_frame(to_client, to_server, data, plan))
    return [("network" if not index else "", text) for index, text in enumerate(texts)]


def relay_notes(config: Config, *, ipv6: bool) -> list[str]:
    """Return what a relay does each way, and what to know of it; ``ipv6`` as in :func:`impairments`."""
    to_client, to_server = impairments(config.network, ipv6=ipv6)
    ways = [_way(link) for link in (to_client, to_server)]
    if all(way in ("no delay", "no delay, no loss") for way in ways):
        return ["note: [network] says of no impairment: everything is passed on as it comes"]
    return [f"to {peer}: {way}" for peer, way in zip(("client", "server"), ways, strict=True)]


def _way(link: Impairment) -> str:
    """Say what one way does."""
    said = [_delay(link.delay)]
    if link.reorder:
        said.append(f"{_share(link.reorder)} take {format_duration(link.reorder_delay_ns)} more and are overtaken")
    elif not link.keep_order and not isinstance(link.delay, Constant):
        said.append("order is not kept")
    if link.loss is not None:
        said.append(_loss(link.loss))
    if (rate := link.bandwidth_bits_per_second) is not None:
        queue = link.queue_limit_bytes or 0
        said.append(f"{format_rate(rate)}, queue of {format_size(queue)} ({about_time(_time_ns(queue, rate))})")
    if link.mtu_bytes is not None:
        said.append(f"MTU {link.mtu_bytes:,} bytes")
    if link.duplicate:
        said.append(f"{_share(link.duplicate)} come twice")
    if link.corrupt:
        said.append(f"{_share(link.corrupt)} come with a bit flipped")
    said += [f"down from {format_duration(begin)} to {format_duration(end)}" for begin, end in link.outages[:3]]
    if len(link.outages) > 3:
        said.append(f"and {counted(len(link.outages) - 3, 'outage')} more")
    return ", ".join(said)


def _delay(delay: Delay) -> str:
    if isinstance(delay, Constant):
        return f"delay {format_duration(delay.delay_ns)}" if delay.delay_ns else "no delay"
    if isinstance(delay, Normal):
        return f"delay {format_duration(delay.mean_ns)} ± {format_duration(delay.sigma_ns)} (normal)"
    if isinstance(delay, Uniform):
        return f"delay {format_duration(delay.low_ns)} to {format_duration(delay.high_ns)}"
    typical = f"half of them within {about_time(_typical_ns(delay))}"
    if isinstance(delay, Pareto):
        bounds = f"{format_duration(delay.minimum_ns)} to {format_duration(delay.cap_ns)}"
        return f"delay {bounds}, {typical} (Pareto)"
    bounds = f"{about_time(min(delay.delays_ns))} to {about_time(max(delay.delays_ns))}"
    return f"delay {bounds}, {typical} (a trace of {len(delay.delays_ns):,})"


def _typical_ns(delay: Delay) -> int:
    """Return the delay that half of the datagrams have at most."""
    if isinstance(delay, Constant):
        return delay.delay_ns
    if isinstance(delay, Normal):
        return delay.mean_ns
    if isinstance(delay, Uniform):
        return (delay.low_ns + delay.high_ns) // 2
    if isinstance(delay, Trace):
        return int(median(delay.delays_ns))
    scale = delay.minimum_ns if delay.scale_ns is None else delay.scale_ns
    return min(delay.cap_ns, delay.minimum_ns - scale + round(scale * 2 ** (1 / delay.shape)))


def _loss(loss: Loss) -> str:
    if isinstance(loss, Bernoulli):
        return f"{_share(loss.p)} lost at random" if loss.p else "no loss"
    if isinstance(loss, GilbertElliott):
        return f"{_share(_long_run(loss))} lost, in bad times of {_on_average(1 / loss.r, 'datagram')}"
    if isinstance(loss, EveryNth):
        return f"one in {loss.n:,} lost, at equal distances" if loss.n > 1 else "everything lost"
    assert isinstance(loss, Ranges)
    return f"datagrams lost by their numbers, in {counted(len(loss.ranges), 'range')}"


def _on_average(number: float, noun: str) -> str:
    """Write a mean count: ``3.3 datagrams on average``."""
    return f"{significant(number)} {noun}s on average"


def _long_run(loss: GilbertElliott) -> float:
    return (loss.p * loss.loss_bad + loss.r * loss.loss_good) / (loss.p + loss.r)


def share_whole(loss: Loss | None, datagrams: int) -> float | None:
    """Return the share of frames of so many datagrams that lose none; None where it depends on which they are."""
    if loss is None:
        return 1.0
    if isinstance(loss, Bernoulli):
        return float((1 - loss.p) ** datagrams)
    if isinstance(loss, EveryNth):
        return max(0.0, 1 - datagrams / loss.n)
    if not isinstance(loss, GilbertElliott):
        return None
    # The chance to be in either state with nothing lost so far, from what it is in the long run, datagram by datagram.
    kept_good, kept_bad = 1 - loss.loss_good, 1 - loss.loss_bad
    step = (kept_good * (1 - loss.p), kept_good * loss.p, kept_bad * loss.r, kept_bad * (1 - loss.r))
    power = (1.0, 0.0, 0.0, 1.0)
    while datagrams:
        if datagrams & 1:
            power = _product(power, step)
        step = _product(step, step)
        datagrams >>= 1
    good = loss.r / (loss.p + loss.r)
    return good * (power[0] + power[1]) + (1 - good) * (power[2] + power[3])


_Matrix = tuple[float, float, float, float]


def _product(one: _Matrix, other: _Matrix) -> _Matrix:
    (a, b, c, d), (e, f, g, h) = one, other
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _frame(link: Impairment, plan: StreamPlan, verify: Verify) -> list[str]:
    """Say what one frame, sent at once, meets on its way."""
    sizes = plan.datagram_sizes
    count = len(sizes)
    on_link = sum(sizes) + count * link.overhead_bytes
    largest = sizes[0] + link.overhead_bytes
    said = []
    if link.mtu_bytes is not None and largest > link.mtu_bytes:
        fits = link.mtu_bytes - link.overhead_bytes
        text = f"its datagrams are of {largest:,} bytes with headers, more than the MTU: none is whole"
        said.append(f"{text}; stream.datagram_max_size = {fits} fits" if fits > 0 else text)
    if (rate := link.bandwidth_bits_per_second) is not None:
        said += _queued(link, rate, on_link, plan)
    whole = share_whole(link.loss, count)
    if whole is not None and whole < 1:
        said.append(f"of its {counted(count, 'datagram')} one or more is lost in {_share(1 - whole)} of frames")
    if link.corrupt and verify is Verify.DATA:
        said.append("the first with a flipped bit that is not in its header fails the stream (stream.verify)")
    return said


def _queued(link: Impairment, rate: int, on_link: int, plan: StreamPlan) -> list[str]:
    queue = link.queue_limit_bytes or 0
    needed = int(on_link * 8 * plan.frame_rate)
    said = [f"{on_link:,} bytes with headers, which take {about_time(_time_ns(on_link, rate))} to pass"]
    if needed > rate:
        lost = _share(1 - rate / needed)
        said.append(
            f"the stream needs {about_rate(needed)} with headers, and {about_rate(rate)} pass: once the queue is full "
            f"({about_time(_time_ns(queue, rate))} late) {lost} is lost"
        )
    elif on_link > queue:
        said.append(f"sent at once, it does not fit the queue of {format_size(queue)}: part of each is lost")
    return said


def _first_frame(to_client: Impairment, to_server: Impairment, data: Impairment, plan: StreamPlan) -> str:
    """Say whether frames come in time: both ways count, since one end begins when it hears of the other."""
    on_link = sum(plan.datagram_sizes) + len(plan.datagram_sizes) * data.overhead_bytes
    taken_ns = _typical_ns(to_client.delay) + _typical_ns(to_server.delay)
    if data.bandwidth_bits_per_second is not None:
        taken_ns += _time_ns(on_link, data.bandwidth_bits_per_second)
    tolerated_ns = plan.render_offset_ns(1) - plan.send_offset_ns(1)
    text = f"frames are about {about_time(taken_ns)} under way, START's way included, and the buffer tolerates"
    late = ": most come too late" if taken_ns > tolerated_ns else ""
    return f"{text} {about_time(tolerated_ns)}{late}"


def _time_ns(size: int, bits_per_second: int) -> int:
    return size * 8 * SECOND // bits_per_second


def _share(share: float) -> str:
    """Write a share in percent, three digits: ``0.05 %``; only nothing is 0 and only everything 100."""
    text = significant(share * 100)
    return "more than 99.9 %" if text == "100" and share < 1 else f"{text} %"
