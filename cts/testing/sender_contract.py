"""The tests that every sender must pass; a plugin's own test suite subclasses them.

    class TestMySender(SenderContract):
        sender_class = MySender
        options = {"fraction": 0.5}  # optional

Everything runs on a mock clock and on recording endpoints, so it takes no time and no network.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import ClassVar

from cts.api import HEADER_SIZE, ISender, StreamPlan
from cts.errors import DecodeError
from cts.protocol.trains import fault_of_trains
from cts.protocol.wire import NANOSECONDS_PER_TICK, TICKS_PER_SECOND, matches_pattern
from cts.testing.chance_contract import ChanceContract
from cts.testing.endpoints import PEER, SentDatagram
from cts.testing.frame_run import FrameRun, SentFrame, make_sender, plan_of, record_frames
from cts.testing.plugin_rules import ContractBroken, check_api, check_imports, check_options, make_options
from cts.testing.sender_probes import (
    cancel_background,
    cancel_in_the_network,
    cancel_in_the_pacer,
    kept_frames,
    refuse,
    send_both,
)
from cts.testing.sender_watch import Watched, watch_sender
from cts.units import format_duration

__all__ = ["CONTRACT_PLANS", "SenderContract"]

CONTRACT_PLANS: Mapping[str, StreamPlan] = MappingProxyType(
    {
        "one tiny datagram a frame": plan_of(40, frames=10, frame_rate=25),
        "equal datagrams": plan_of(3 * 1400),
        "a short last datagram": plan_of(2 * 1400 + 200, frames=9, frame_rate=Fraction(60_000, 1001)),
        "a datagram that gave up bytes": plan_of(2 * 1400 + 10),
        "big datagrams": plan_of(150_000, frames=5, datagram_max_size=65_500),
        "many datagrams": plan_of(100_123, frames=6, frame_rate=7),
    }
)
"""What a sender is tried on; more than the default four frames of ``burst``, and not a multiple of it."""

_SEGMENT_LIMITS = (1, 46)
_WAYS = ((1, 0), (46, 0), (1, 3_000_100))
"""(segment limit, how late a frame is handed over, nanoseconds) of the recorded runs."""


class SenderContract(ChanceContract):
    """Tests of one sender class.

    Attributes:
        sender_class: the class to test; a subclass must set it.
        options: values for the class's ``options``, as a config's ``[sender.options]`` gives them.
        plans: what to try it on, by a name for messages.
    """

    sender_class: ClassVar[type[ISender]]
    options: ClassVar[Mapping[str, object]] = MappingProxyType({})
    plans: ClassVar[Mapping[str, StreamPlan]] = CONTRACT_PLANS

    _recorded: ClassVar[dict[tuple[str, int, int], FrameRun]]
    _watched: ClassVar[dict[str, Watched]]

    def __init_subclass__(cls) -> None:
        cls._recorded, cls._watched = {}, {}

    # What it is

    def test_it_is_a_sender_of_this_api(self) -> None:
        """It derives from ISender, defines send_frame as a coroutine function, and says the API version of this cts."""
        check_api(self.sender_class, ISender)
        if not inspect.iscoroutinefunction(self.sender_class.send_frame):
            raise ContractBroken(f"{self._name}.send_frame must be `async def`")

    def test_its_options_have_defaults_and_take_these_values(self) -> None:
        """Its options are an attrs class that needs no value, or None."""
        check_options(self.sender_class, self.options, defaults=True)

    def test_it_imports_nothing_of_cts_but_the_api(self) -> None:
        """Neither its module nor what that imports of its own package knows cts's inside."""
        check_imports(self.sender_class)

    # What it sends

    def test_it_sends_every_datagram_of_a_frame_once(self) -> None:
        """The sizes of what leaves during a call are those of the frame's datagrams, in any order."""
        for where, run, frame in self._frames():
            expected, sizes = Counter(run.plan.datagram_sizes), Counter(len(sent.datagram) for sent in frame.datagrams)
            missing, extra = sorted((expected - sizes).elements()), sorted((sizes - expected).elements())
            if missing or extra:
                raise ContractBroken(
                    f"{where}: {_datagrams(len(frame.datagrams))} left, the frame has {len(run.plan.datagram_sizes)};"
                    f" sizes missing: {missing}, sent too often: {extra}"
                )

    def test_every_header_is_that_of_its_frame(self) -> None:
        """What leaves are data datagrams with the frame's sequence number and the clock rate of cts."""
        for where, _, frame in self._frames():
            for sent in frame.datagrams:
                try:
                    data = sent.decode()
                except DecodeError as error:
                    raise ContractBroken(f"{where}: sent no data datagram: {error}") from error
                if data.sequence != frame.sequence:
                    raise ContractBroken(f"{where}: a datagram of frame {data.sequence} left in its call")
                if data.qpf != TICKS_PER_SECOND:
                    raise ContractBroken(f"{where}: QPF is {data.qpf}, not {TICKS_PER_SECOND}")

    def test_every_payload_is_the_pattern_from_its_beginning(self) -> None:
        """Each datagram's payload is 0, 1, 2 … as 16-bit numbers, whatever place it has in its frame."""
        for where, _, frame in self._frames():
            for number, sent in enumerate(frame.datagrams, 1):
                if not matches_pattern(sent.datagram[HEADER_SIZE:]):
                    raise ContractBroken(
                        f"{where}: the payload of datagram {number} is not the pattern; send the frame's payloads as they are"
                    )

    def test_it_returns_the_bytes_that_it_sent(self) -> None:
        """The number returned is the size of the datagrams that left, which is the frame's."""
        for where, run, frame in self._frames():
            if type(frame.returned) is not int:
                raise ContractBroken(f"{where}: send_frame returned {frame.returned!r}, not the number of bytes sent")
            handed = sum(len(sent.datagram) for sent in frame.datagrams)
            if not frame.returned == handed == run.plan.frame_size:
                raise ContractBroken(
                    f"{where}: send_frame returned {frame.returned} bytes, {handed} left, the frame has {run.plan.frame_size}"
                )

    def test_the_trains_that_it_offers_are_what_it_sends(self) -> None:
        """Where the engine may hand over frames in its place, the same datagrams leave, all of them when the frame is due."""
        for name, plan in self.plans.items():
            sender = self._make(plan)
            for segment_limit in (2, 64) if isinstance(sender, ISender) else ():
                trains = sender.trains(segment_limit)
                if trains is None:
                    continue
                where = f"{name}, trains({segment_limit})"
                if fault := fault_of_trains(trains, plan.datagram_sizes, segment_limit):
                    raise ContractBroken(f"{where}: {fault}")
                if trains is not sender.trains(segment_limit):
                    raise ContractBroken(f"{where}: another object each time; return the same, as plan.trains does")
                offered = [bytes(payload) for train in trains for payload in train]
                for frame in self._run(name, segment_limit, 0).frames:
                    sent = [each.datagram[HEADER_SIZE:] for each in frame.datagrams]
                    if sent != offered or any(each.time_ns != frame.due_ns for each in frame.datagrams):
                        raise ContractBroken(
                            f"{where}: send_frame sends frame {frame.sequence} in another way or later"
                        )

    def test_it_sends_to_the_given_peer_only(self) -> None:
        """Every datagram goes to the peer of the call."""
        for where, _, sent in self._sent():
            if sent.remote != PEER:
                raise ContractBroken(f"{where}: a datagram went to {sent.remote}, the peer is {PEER}")

    # When it sends

    def test_nothing_leaves_before_its_frame_is_due(self) -> None:
        """A frame may be late, never early: its content would not exist yet."""
        for where, run, sent in self._sent():
            early_ns = run.base_ns + run.plan.send_offset_ns(sent.sequence) - sent.time_ns
            if early_ns > 0:
                raise ContractBroken(
                    f"{where}: a datagram of frame {sent.sequence} left {format_duration(early_ns)} before it was due"
                )

    def test_every_stamp_is_the_time_of_its_send(self) -> None:
        """QPC is taken right before the send, also for a frame that was handed over late."""
        for where, run, sent in self._sent():
            # On the mock clock no time passes between a stamp and its send, so they agree to the tick, but for the ticks
            # that tell apart what leaves together.
            age_ns = sent.time_ns // NANOSECONDS_PER_TICK * NANOSECONDS_PER_TICK - sent.stamp_ns
            if not 0 <= -age_ns < len(run.plan.payloads) * NANOSECONDS_PER_TICK:
                when = f"{format_duration(age_ns)} before" if age_ns > 0 else f"{format_duration(-age_ns)} after"
                raise ContractBroken(
                    f"{where}, frame {sent.sequence}: a datagram's stamp says {when} the moment it left; call"
                    " frame.stamp(pacer.now_ns()) right before each send, after every wait"
                )

    def test_every_datagram_of_a_frame_has_a_stamp_of_its_own(self) -> None:
        """Each is greater than the one before it: they are what a receiver tells the datagrams of a frame apart by."""
        for where, run in self._runs():
            for frame in run.frames:
                stamps = [sent.stamp_ns for sent in frame.datagrams]
                for number, (before, stamp) in enumerate(pairwise(stamps), 2):
                    if stamp <= before:
                        what = "the stamp" if stamp == before else "an earlier stamp than that"
                        raise ContractBroken(
                            f"{where}, frame {frame.sequence}: datagram {number} has {what} of the one before it, so that a"
                            " receiver takes one of them for a copy; stamp each datagram anew, and a train of n with"
                            " frame.stamp(pacer.now_ns(), n)"
                        )

    def test_it_waits_for_nothing_but_the_pacer_and_the_network(self) -> None:
        """No sleep of its own, no event that only real time brings, no other clock: the pacer's time is the only one."""
        for name in self.plans:
            if wrong := self._watch(name).waits:
                raise ContractBroken(f"{self._name}, {name}: {wrong}")

    def test_it_lets_other_streams_run(self) -> None:
        """It holds the event loop for no longer than a frame takes to send: no blocking call, no busy waiting."""
        for name in self.plans:
            if wrong := self._watch(name).blocks:
                raise ContractBroken(f"{self._name}, {name}: {wrong}")

    def test_it_keeps_up_with_its_frames(self) -> None:
        """A frame may be held back, also for many intervals, but not each one longer than the one before."""
        for name in self.plans:
            if wrong := self._watch(name).pace:
                raise ContractBroken(f"{self._name}, {name}: {wrong}")

    # How it ends

    def test_a_cancelled_wait_for_the_pacer_ends_the_call(self) -> None:
        """Cancelled while the pacer makes it wait, it ends at once and lets trio.Cancelled through."""
        for name, plan in self.plans.items():
            if wrong := cancel_in_the_pacer(self._make, plan):
                raise ContractBroken(f"{self._name}, {name}, cancelled in pacer.wait_until: {wrong}")

    def test_a_cancelled_wait_for_the_network_ends_the_call(self) -> None:
        """Cancelled while the send buffer is full, it ends at once and lets trio.Cancelled through."""
        for name, plan, after, limit in self._stops():
            if wrong := cancel_in_the_network(self._make, plan, after=after, segment_limit=limit):
                raise ContractBroken(f"{self._name}, {name}, cancelled in the send of datagram {after + 1}: {wrong}")

    def test_its_background_task_runs_until_it_is_cancelled(self) -> None:
        """What background returns, if anything, raises nothing while a stream lasts, and ends at once when cancelled."""
        for name, plan in self.plans.items() if issubclass(self.sender_class, ISender) else ():
            if wrong := cancel_background(self._make, plan):
                raise ContractBroken(f"{self._name}, {name}: the task of background {wrong}")

    def test_an_error_of_the_network_reaches_the_caller(self) -> None:
        """An OSError that the endpoint raises comes out of send_frame, alone or in an exception group."""
        for name, plan, after, limit in self._stops():
            if instead := refuse(self._make, plan, after=after, segment_limit=limit):
                raise ContractBroken(
                    f"{self._name}, {name}: the endpoint raised an OSError for datagram {after + 1}, but {instead} out of"
                    " send_frame; let it pass"
                )

    def test_it_leaves_no_task_behind(self) -> None:
        """When a call has returned, nothing of it goes on."""
        for where, run in self._runs():
            if run.stray:
                raise ContractBroken(
                    f"{where}: {_datagrams(len(run.stray))} left after send_frame had returned: nobody would count or stop them"
                )
            if run.tasks_left > 0:
                raise ContractBroken(
                    f"{where}: tasks were left running ({run.tasks_left}); use a nursery inside send_frame"
                )

    def test_it_lets_go_of_sent_frames(self) -> None:
        """A frame is not kept after its call, so that memory does not grow with the stream (the last one may be)."""
        for name, plan in self.plans.items():
            kept = kept_frames(self._make, plan)
            if kept > 1:
                raise ContractBroken(
                    f"{self._name}, {name}: still holds {kept} of {plan.final_frame} frames that were sent"
                )

    def test_streams_do_not_share_state(self) -> None:
        """Two streams at once each send what one sends alone."""
        for name, plan in self.plans.items():
            alone = list(self._run(name, 1, 0).datagrams)
            if any(together != alone for together in send_both(self._make, plan)):
                raise ContractBroken(f"{self._name}, {name}: two streams at once do not each send what one alone does")

    # The machinery

    @property
    def _name(self) -> str:
        return self.sender_class.__name__

    def _make(self, plan: StreamPlan) -> ISender:
        return make_sender(self.sender_class, self._options(), plan)

    def _options(self) -> object:
        return make_options(self.sender_class, self.options)

    def _run(self, name: str, segment_limit: int, late_ns: int) -> FrameRun:
        key = name, segment_limit, late_ns
        if key not in self._recorded:
            self._recorded[key] = record_frames(
                self.sender_class, self.plans[name], self._options(), segment_limit=segment_limit, late_ns=late_ns
            )
        return self._recorded[key]

    def _watch(self, name: str) -> Watched:
        if name not in self._watched:
            limits = _SEGMENT_LIMITS if issubclass(self.sender_class, ISender) else ()
            seen = [watch_sender(self.sender_class, self._make, self.plans[name], limit) for limit in limits]
            self._watched[name] = next((each for each in seen if each != Watched()), Watched())
        return self._watched[name]

    def _runs(self) -> Iterator[tuple[str, FrameRun]]:
        for name in self.plans:
            for segment_limit, late_ns in _WAYS:
                how = f"segment limit {segment_limit}" + (
                    f", handed over {format_duration(late_ns)} late" if late_ns else ""
                )
                yield f"{self._name}, {name} ({how})", self._run(name, segment_limit, late_ns)

    def _frames(self) -> Iterator[tuple[str, FrameRun, SentFrame]]:
        for where, run in self._runs():
            for frame in run.frames:
                yield f"{where}, frame {frame.sequence}", run, frame

    def _sent(self) -> Iterator[tuple[str, FrameRun, SentDatagram]]:
        for where, run in self._runs():
            for sent in run.datagrams:
                yield where, run, sent

    def _stops(self) -> Iterator[tuple[str, StreamPlan, int, int]]:
        for name, plan in self.plans.items():
            datagrams = len(plan.payloads)
            for after in sorted({0, datagrams // 2, datagrams - 1}):
                for segment_limit in _SEGMENT_LIMITS:
                    yield f"{name} (segment limit {segment_limit})", plan, after, segment_limit


def _datagrams(count: int) -> str:
    return "1 datagram" if count == 1 else f"{count} datagrams"
