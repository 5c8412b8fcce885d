"""The part of the sender contract that is about chance: what a sender sends follows from the generator that it is given.

A sender that draws from somewhere else cannot be seen to do so, but its runs do not repeat: each is run with the same generator
in two surroundings, where everything else that chance is usually had from differs.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Protocol

from cts.api import ISender, StreamPlan
from cts.testing.endpoints import SentDatagram
from cts.testing.frame_run import FrameRun, record_frames
from cts.testing.plugin_rules import ContractBroken, make_options
from cts.units import SECOND, format_duration

__all__ = ["ChanceContract"]

_CURE = (
    "draw from the generator that use_random(random) hands over, and from nothing else: not from the module random or numpy's,"
    " os.urandom, secrets, the time of day, an id, or what streams share"
)
_DAYS_APART = 1.000_001
_SECONDS_A_DAY = 86_400


class ChanceContract:
    """Tests of one sender class; see ``SenderContract``, which has them too."""

    sender_class: ClassVar[type[ISender]]
    options: ClassVar[Mapping[str, object]]
    plans: ClassVar[Mapping[str, StreamPlan]]

    def test_the_same_seed_sends_the_same(self) -> None:
        """Whatever it leaves to chance follows from the generator that it is given: bytes, order and times repeat."""
        for name, plan in self.plans.items():
            first = self._run_in(plan, surroundings=1, seed=1)
            # What another stream draws is nothing to this one.
            self._run_in(plan, surroundings=2, seed=2)
            again = self._run_in(plan, surroundings=3, seed=1)
            if difference := _difference(first, again):
                raise ContractBroken(
                    f"{self.sender_class.__name__}, {name}: two streams with the same generator differ: {difference}; {_CURE}"
                )

    def test_it_leaves_the_chance_of_others_alone(self) -> None:
        """It draws nothing from the module ``random``, whose generator is everybody's, and does not seed it."""
        for name, plan in self.plans.items():
            with _surroundings(1):
                before = random.getstate()
                self._record(plan, seed=1)
                if random.getstate() != before:
                    raise ContractBroken(
                        f"{self.sender_class.__name__}, {name}: it uses the generator of the module random; {_CURE}"
                    )

    def _run_in(self, plan: StreamPlan, *, surroundings: int, seed: int) -> FrameRun:
        with _surroundings(surroundings):
            return self._record(plan, seed=seed)

    def _record(self, plan: StreamPlan, *, seed: int) -> FrameRun:
        options = make_options(self.sender_class, self.options)
        return record_frames(self.sender_class, plan, options, seed=seed)


@contextmanager
def _surroundings(number: int) -> Iterator[None]:
    """Put what a process has of chance into a state of its own, and the time of day ``number`` days ahead."""
    ahead_s = number * _DAYS_APART * _SECONDS_A_DAY
    now, now_ns = time.time, time.time_ns
    state = random.getstate()
    numpy = _numpy_random()
    numpy_state = None if numpy is None else numpy.get_state()
    random.seed(number)
    if numpy is not None:
        numpy.seed(number)
    vars(time).update(time=lambda: now() + ahead_s, time_ns=lambda: now_ns() + round(ahead_s * SECOND))
    try:
        yield
    finally:
        vars(time).update(time=now, time_ns=now_ns)
        random.setstate(state)
        if numpy is not None:
            numpy.set_state(numpy_state)


class _NumpyRandom(Protocol):
    """numpy's shared generator."""

    seed: Callable[[int], None]
    get_state: Callable[[], object]
    set_state: Callable[[object], None]


def _numpy_random() -> _NumpyRandom | None:
    """Return numpy's shared generator where something has imported it: what has not cannot be drawn from."""
    found: _NumpyRandom | None = getattr(sys.modules.get("numpy"), "random", None)
    return found


def _difference(one: FrameRun, other: FrameRun) -> str | None:
    """Return the first difference between two runs in words, None if they sent the same."""
    for number, (first, second) in enumerate(zip(one.datagrams, other.datagrams, strict=False), 1):
        if first != second:
            return f"datagram {number} {_what_differs(first, second)}"
    if len(one.datagrams) != len(other.datagrams):
        return f"{len(one.datagrams)} datagrams left once, {len(other.datagrams)} the other time"
    return None


def _what_differs(first: SentDatagram, second: SentDatagram) -> str:
    if first.time_ns != second.time_ns:
        return f"left {format_duration(abs(second.time_ns - first.time_ns))} apart"
    if first.remote != second.remote:
        return f"went to {first.remote} once, to {second.remote} the other time"
    if len(first.datagram) != len(second.datagram):
        return f"was {len(first.datagram)} bytes once, {len(second.datagram)} the other time"
    return "had other bytes"
