"""What one way of one flow does to its datagrams: the impairment model.

``Impairment`` describes it, ``Link`` is its state. A datagram passes, in this order, MTU, outage,
queue and bandwidth, loss, latency, reordering, duplication, corruption; the first that drops it names its
fate. ``docs/impairments.md`` defines every parameter.

Each feature has a random stream of its own, and its draws depend on which datagrams are offered and when,
never on what befalls them (copies have streams of their own). So turning one feature on or off, or changing
the bandwidth, never changes which datagrams another one hits, and it does not matter whether datagrams are
handed over one at a time or many at once.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TypeAlias

from attrs import field, frozen

from cts.impairment.delay import Constant, Delay, TimedDelays, held
from cts.impairment.description import AtLeastOne, Description, Probability, Time, Unfit
from cts.impairment.loss import Loss, chance, losses, pairs
from cts.units import SECOND, Between

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "IPV4_UDP_OVERHEAD",
    "IPV6_UDP_OVERHEAD",
    "Arrival",
    "Fate",
    "FateKind",
    "Impairment",
    "Link",
    "flipped",
    "link_rng",
]

IPV4_UDP_OVERHEAD: Final = 28
"""Bytes of IPv4 header without options (RFC 791) and UDP header (RFC 768)."""
IPV6_UDP_OVERHEAD: Final = 48
"""Bytes of IPv6 header without extensions (RFC 8200) and UDP header."""
MIN_MTU: Final = 68  # RFC 791, section 3.2
DELAY_HOLD_NS: Final = 1_000_000
REORDER_DELAY_NS: Final = 50_000_000  # more than a frame interval at 24/s, so that something does overtake
DEFAULT_QUEUE_MS: Final = 200
MIN_DEFAULT_QUEUE: Final = 3000  # two full Ethernet frames
FEATURES: Final = ("loss", "delay", "reorder", "duplicate", "corrupt", "copy delay", "copy corrupt")


@frozen(kw_only=True)
class Impairment(Description):
    """One way of a path. The default does nothing: datagrams arrive at the instant they are sent.

    Raises Unfit, a ValueError, that names what is out of range or contradicts what.
    """

    delay: Delay = field(factory=Constant)
    keep_order: bool = True
    """Nothing overtakes because of its latency: a datagram arrives no earlier than the one before it."""
    delay_hold_ns: Time = DELAY_HOLD_NS
    """How long a draw of the latency holds while order is kept; 0: each datagram draws."""
    loss: Loss | None = None
    reorder: Probability = 0.0
    """Probability that a datagram takes ``reorder_delay_ns`` more, and later ones do not wait for it."""
    reorder_delay_ns: AtLeastOne = REORDER_DELAY_NS
    duplicate: Probability = 0.0
    """Probability that a datagram arrives twice; the copy has a latency of its own, the original is first."""
    corrupt: Probability = 0.0
    """Probability, per arrival, that one bit of the UDP payload is flipped, each bit being equally likely."""
    bandwidth_bits_per_second: AtLeastOne | None = None
    """Rate at which IP datagrams leave the queue; None: no limit."""
    queue_bytes: Annotated[int, Between(0)] | None = None
    """IP bytes that may wait or be under way onto the link, tail drop; None: 200 ms worth of the bandwidth."""
    mtu_bytes: Annotated[int, Between(MIN_MTU)] | None = None
    """Largest IP datagram that passes; a larger one is dropped, never fragmented; None: no limit."""
    overhead_bytes: Annotated[int, Between(0)] = IPV4_UDP_OVERHEAD
    """Header bytes that bandwidth, queue and MTU count on top of the UDP payload."""
    outages: tuple[tuple[int, int], ...] = field(default=(), converter=pairs)
    """(from, to) in ns since the network began; what is sent at from <= t < to is dropped."""

    def agree(self) -> None:
        """Refuse a queue where nothing waits, and an outage that does not go forward."""
        if self.queue_bytes is not None and self.bandwidth_bits_per_second is None:
            raise Unfit("needs a bandwidth: without one, nothing ever waits", "queue", "bandwidth")
        for begin, end in self.outages:
            if not 0 <= begin < end:
                raise Unfit(f"from {begin} to {end}: 0 <= from < to is needed", "outages")

    @property
    def queue_limit_bytes(self) -> int | None:
        """Return the bytes of queue in force; None without a bandwidth."""
        if self.bandwidth_bits_per_second is None or self.queue_bytes is not None:
            return self.queue_bytes
        return max(MIN_DEFAULT_QUEUE, self.bandwidth_bits_per_second * DEFAULT_QUEUE_MS // 8000)


class FateKind(StrEnum):
    """What became of a datagram offered to a link."""

    DELIVERED = "delivered"
    LOST = "lost"
    QUEUE = "queue"
    MTU = "mtu"
    OUTAGE = "outage"


class Arrival(NamedTuple):
    """One arrival of a datagram at the far end."""

    arrival_ns: int
    corrupt_bit: int | None
    """Bit to flip, counted from the lowest bit of the first payload byte; None: intact."""
    is_copy: bool


class Fate(NamedTuple):
    """What a link did to one datagram; ``arrivals`` is empty unless it was delivered.

    Where arrivals of one way fall on one instant, the order in which they were sent is the order of arrival.
    """

    kind: FateKind
    arrivals: tuple[Arrival, ...]


DELIVERED: Final = FateKind.DELIVERED
LOST: Final = Fate(FateKind.LOST, ())
QUEUE: Final = Fate(FateKind.QUEUE, ())
TOO_BIG: Final = Fate(FateKind.MTU, ())
OUTAGE: Final = Fate(FateKind.OUTAGE, ())
NEVER_NS: Final = -(1 << 80)  # before any instant
new = tuple.__new__  # half the cost of calling a NamedTuple's class

Transmit: TypeAlias = "Callable[[int, Sequence[int]], list[Fate]]"


def link_rng(seed: int, flow: str, way: str) -> Random:
    """Return the random stream of one way of one flow, a pure function of its arguments.

    It depends neither on the hash seed nor on other flows, and is the same on every supported Python.
    """
    text = f"cts link 1 {seed} {len(flow)} {flow} {way}"
    return Random(int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest(), "big"))


def flipped(datagram: bytes, bit: int) -> bytes:
    """Return the datagram with one bit changed, as corruption does; bit 0 is the lowest of the first byte."""
    changed = bytearray(datagram)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


class Link:
    """State of one way of one flow.

    ``rng`` seeds the streams of the features and is not drawn from later. ``start_ns`` is the instant, on
    the clock of ``now_ns``, from which outages count. Memory is constant: a queue is kept as a number.
    """

    __slots__ = ("_transmit", "offered")

    def __init__(self, impairment: Impairment, rng: Random, *, start_ns: int = 0) -> None:
        seeds = [rng.getrandbits(64) for _ in FEATURES]  # all of them, so that none depends on which are on
        streams = dict(zip(FEATURES, seeds, strict=True))
        self._transmit = compiled(impairment, streams, start_ns)
        self.offered = 0
        """Datagrams offered so far; the first is number 1."""

    def transmit_many(self, now_ns: int, sizes: Sequence[int]) -> list[Fate]:
        """Offer datagrams of these payload bytes that leave at ``now_ns``, which should not go back, in order.

        It is the same to offer them one by one.
        """
        self.offered += len(sizes)
        return self._transmit(now_ns, sizes)


def compiled(impairment: Impairment, seeds: Mapping[str, int], start_ns: int) -> Transmit:
    """Return the cheapest function that does what the description says."""
    two_stages = (
        impairment.reorder == impairment.duplicate == impairment.corrupt == 0.0
        and impairment.bandwidth_bits_per_second is None
        and impairment.mtu_bytes is None
        and not impairment.outages
    )
    if not two_stages:
        return compile_all(impairment, seeds, start_ns)
    if impairment.loss is None and isinstance(impairment.delay, Constant):
        return compile_constant(impairment.delay.delay_ns, keep_order=impairment.keep_order)
    return compile_delay_and_loss(impairment, seeds)


def compile_constant(delay_ns: int, *, keep_order: bool) -> Transmit:
    """Compile what gives all datagrams of an instant one fate."""
    last_ns, fate = NEVER_NS, LOST

    def transmit(now_ns: int, sizes: Sequence[int]) -> list[Fate]:
        nonlocal last_ns, fate
        at_ns = now_ns + delay_ns
        if at_ns != last_ns and (at_ns > last_ns or not keep_order):
            last_ns = at_ns
            fate = new(Fate, (DELIVERED, (new(Arrival, (at_ns, None, False)),)))
        return [fate] * len(sizes)

    return transmit


def compile_delay_and_loss(impairment: Impairment, seeds: Mapping[str, int]) -> Transmit:
    """Compile latency and loss alone, the usual case."""
    take_losses = losses(impairment.loss, seeds["loss"])
    take_delays = delay_sampler(impairment, seeds)
    keep_order = impairment.keep_order
    last_ns, fate = NEVER_NS, LOST

    def transmit(now_ns: int, sizes: Sequence[int]) -> list[Fate]:
        nonlocal last_ns, fate
        count = len(sizes)
        fates = []
        for lost, delay_ns in zip(take_losses(count), take_delays(now_ns, count), strict=True):
            if lost:
                fates.append(LOST)
                continue
            at_ns = now_ns + delay_ns
            if at_ns != last_ns and (at_ns > last_ns or not keep_order):
                last_ns = at_ns
                fate = new(Fate, (DELIVERED, (new(Arrival, (at_ns, None, False)),)))
            fates.append(fate)
        return fates

    return transmit


def compile_all(impairment: Impairment, seeds: Mapping[str, int], start_ns: int) -> Transmit:
    """Compile every feature; those that are off cost a comparison and take no draws."""
    take_losses = losses(impairment.loss, seeds["loss"])
    take_delays = delay_sampler(impairment, seeds)
    take_copy_delays = impairment.delay.sampler(Random(seeds["copy delay"]))
    take_late = chance(impairment.reorder, seeds["reorder"])
    take_copied = chance(impairment.duplicate, seeds["duplicate"])
    corrupt = impairment.corrupt
    spoil, spoil_copy = Random(seeds["corrupt"]).random, Random(seeds["copy corrupt"]).random
    keep_order, reorder_delay_ns = impairment.keep_order, impairment.reorder_delay_ns
    overhead, mtu = impairment.overhead_bytes, impairment.mtu_bytes
    in_outage = outage_test(impairment.outages, start_ns)
    rate = impairment.bandwidth_bits_per_second
    # The queue is kept as the instant at which it will be empty, times the rate: whole numbers, so no rounding adds up.
    room = (impairment.queue_limit_bytes or 0) * 8 * SECOND
    empty_at = NEVER_NS
    last_ns = NEVER_NS

    def transmit(now_ns: int, sizes: Sequence[int]) -> list[Fate]:
        nonlocal empty_at, last_ns
        count = len(sizes)
        copied_flags = take_copied(count)
        copy_delays = iter(take_copy_delays(sum(copied_flags)))
        down = in_outage(now_ns)
        depart_ns = now_ns
        fates = []
        for size, lost, delay_ns, late, copied in zip(
            sizes, take_losses(count), take_delays(now_ns, count), take_late(count), copied_flags, strict=True
        ):
            bit = corrupted_bit(spoil, corrupt, size) if corrupt else None
            copy_delay_ns = next(copy_delays) if copied else 0
            copy_bit = corrupted_bit(spoil_copy, corrupt, size) if copied and corrupt else None
            ip_size = size + overhead
            if mtu is not None and ip_size > mtu:
                fates.append(TOO_BIG)
                continue
            if down:
                fates.append(OUTAGE)
                continue
            if rate is not None:
                work = ip_size * 8 * SECOND
                backlog = empty_at - now_ns * rate
                if backlog <= 0:
                    backlog = 0
                elif backlog + work > room:
                    fates.append(QUEUE)
                    continue
                empty_at = now_ns * rate + backlog + work
                depart_ns = -(-empty_at // rate)
            if lost:
                fates.append(LOST)
                continue
            at_ns = depart_ns + delay_ns
            if keep_order:
                if at_ns < last_ns:
                    at_ns = last_ns
                last_ns = at_ns
            if late:
                at_ns += reorder_delay_ns
            arrival = new(Arrival, (at_ns, bit, False))
            if copied:
                copy = new(Arrival, (max(at_ns, depart_ns + copy_delay_ns), copy_bit, True))
                fates.append(new(Fate, (DELIVERED, (arrival, copy))))
            else:
                fates.append(new(Fate, (DELIVERED, (arrival,))))
        return fates

    return transmit


def corrupted_bit(draw: Callable[[], float], probability_: float, size: int) -> int | None:
    """Return the bit to flip, or None: one draw decides both, given a hit what is left of it is uniform again."""
    value = draw()
    if value >= probability_ or size == 0:
        return None
    bits = size * 8
    return min(bits - 1, int(value / probability_ * bits))


def delay_sampler(impairment: Impairment, seeds: Mapping[str, int]) -> TimedDelays:
    """Compile the latency. Where order is not kept each datagram has a path, and a draw, of its own."""
    hold_ns = impairment.delay_hold_ns if impairment.keep_order else 0
    return held(impairment.delay, Random(seeds["delay"]), hold_ns)


def outage_test(outages: tuple[tuple[int, int], ...], start_ns: int) -> Callable[[int], bool]:
    """Return a function that tells whether an instant lies in an outage, in O(log n)."""
    begins: list[int] = []
    ends: list[int] = []
    for begin, end in sorted(outages):
        if ends and begin <= ends[-1] - start_ns:
            ends[-1] = max(ends[-1], start_ns + end)
        else:
            begins.append(start_ns + begin)
            ends.append(start_ns + end)
    if not begins:
        return lambda _now_ns: False

    def down(now_ns: int) -> bool:
        index = bisect_right(begins, now_ns) - 1
        return index >= 0 and now_ns < ends[index]

    return down
