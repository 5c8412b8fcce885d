"""What must be told of data that came when its frame had been rendered, and whether the events say so.

Whatever came of a frame in one instant is looked at together, for no truth knows what a receiver reads together; through a
relay all that came late of a frame is, for then nobody knows what came in one instant. What frames lacked is remembered of the
last 1,024 that lacked something, and of as many that something of them came again; before the first of them, nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from cts.records.reported_records import ReportedMissed
from cts.verification.bounds import Bounds
from cts.verification.came import Came, Ranges, Stamp
from cts.verification.identity import Identity
from cts.verification.order import Order

__all__ = ["ExpectedMisses", "Missed", "grouped"]

_SECOND_NS = 10**9
_REMEMBERED = 1024

Key = tuple[int, int]
"""The frame, and the instant; 0 where all instants are one."""


@define(eq=False)
class Missed:
    """Late data that is looked at together: by the names of the events' keys; ``fresh`` is None where it is not known.

    ``due_ns`` is the render time, or what is told of it; ``whole`` and ``again`` are how often they are true; ``open`` says
    that it cannot be judged, ``order_open`` that which came last is not known.
    """

    due_ns: set[int]
    first_ns: int
    last_ns: int
    datagrams: int = 0
    size: int = 0
    fresh: int | None = 0
    missing: Ranges | None = ()
    whole: int = 0
    again: int = 0
    transit_ns: int = 0
    steps: list[tuple[int, Ranges | None, int]] = field(factory=list)
    """How many had come by then, what was missing then, and the transit of that one."""
    extents: list[Bounds] = field(factory=list)
    open: bool = False
    order_open: bool = False

    def is_open(self, end_ns: int) -> bool:
        """Tell whether it cannot be judged, where what comes after an instant may come after the stream's end."""
        return self.open or self.last_ns >= end_ns

    def more(self, fresh: int | None, missing: Ranges | None, *, whole: bool, again: bool) -> None:
        """Take note of what came of the next of it."""
        self.fresh = None if fresh is None or self.fresh is None else self.fresh + fresh
        self.missing = None if self.fresh is None else missing
        self.steps.append((self.datagrams, self.missing, self.transit_ns))
        self.whole += whole
        self.again += again


def grouped(told: Iterable[ReportedMissed], together: bool) -> dict[Key, Missed]:
    """Return what events say, as it is looked at; ``together`` tells whether all instants are one."""
    groups: dict[Key, Missed] = {}
    for each in told:
        at_ns = each.received_ns
        key = each.sequence, 0 if together else at_ns
        group = groups.get(key)
        if group is None:
            group = groups[key] = Missed({each.due_ns}, at_ns, at_ns)
        group.due_ns.add(each.due_ns)
        group.first_ns, group.last_ns = min(at_ns, group.first_ns), max(at_ns, group.last_ns)
        group.datagrams += each.datagrams
        group.size += each.size
        group.transit_ns = each.transit_ns
        group.more(each.fresh, each.missing, whole=each.whole, again=each.again)
        group.extents += [Bounds(extent, extent) for extent in each.extents]
    return groups


@define(eq=False)
class ExpectedMisses:
    """One stream's late data, and what its frames lack still.

    Args:
        identity: whether the peer's datagrams are told apart.
        order: of all that arrives.
        tolerance_ns: how far times of truth and run may lie apart; all instants are one where they may.

    Attributes:
        groups: what came late.
        open: frames of which something may have come in time or late.
    """

    _identity: Identity
    _order: Order
    _tolerance_ns: int
    groups: dict[Key, Missed] = field(factory=dict, init=False)
    _lacking: dict[int, tuple[Came, int]] = field(factory=dict, init=False)
    """What came of each frame that lacked something, and how many bytes it lacks."""
    _forgotten: int = field(default=0, init=False)
    _again: dict[int, None] = field(factory=dict, init=False)
    open: set[int] = field(factory=set, init=False)

    def rendered(self, sequence: int, came: Came, lacks: int, *, again: bool, in_doubt: bool) -> None:
        """Take note of a frame that is rendered, what came of it in time, and how many bytes it lacks."""
        if in_doubt:
            self.open.add(sequence)
        if again:
            self._came_again(sequence)
        if lacks:
            self._lacking[sequence] = came, lacks
            if len(self._lacking) > _REMEMBERED:
                self._forgotten = next(iter(self._lacking))
                del self._lacking[self._forgotten]

    def came(self, at_ns: int, sequence: int, size: int, stamp: Stamp, due_ns: int, *, sure: bool) -> None:
        """Take note of a datagram that came too late."""
        key = sequence, 0 if self._tolerance_ns else at_ns
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Missed({due_ns}, at_ns, at_ns)
        elif self._tolerance_ns and at_ns - group.last_ns <= 2 * self._tolerance_ns:
            group.order_open = True
        group.last_ns = at_ns
        group.datagrams += 1
        group.size += size
        if stamp[1] > 0:
            group.transit_ns = at_ns - stamp[0] * _SECOND_NS // stamp[1]
        else:
            group.transit_ns = 0
        group.open = group.open or not sure
        came, lacks = self._lacking.get(sequence, (None, 0))
        if came is None or not lacks:
            if sequence > self._forgotten:
                group.more(0, (), whole=False, again=self._came_again(sequence))
            else:
                group.more(None, None, whole=False, again=False)
            return
        before = came.distinct_size
        fresh = came.take(at_ns, size, stamp)
        if fresh and (extent := self._order.arrived(sequence, stamp[0])) is not None:
            came.extents.append(extent)
        by_stamps = came.due == 1 or self._identity.by_stamps
        brought = min(came.distinct_size - before if by_stamps else size, lacks)
        self._lacking[sequence] = came, lacks - brought
        whole = brought == lacks
        if by_stamps:
            group.extents += came.taken_extents()
            again = not fresh and self._came_again(sequence)
            group.more(int(fresh), () if whole else came.missing(), whole=whole, again=again)
        else:
            group.more(None, None, whole=whole, again=False)

    def _came_again(self, sequence: int) -> bool:
        if sequence in self._again:
            return False
        self._again[sequence] = None
        if len(self._again) > _REMEMBERED:
            del self._again[next(iter(self._again))]
        return True
