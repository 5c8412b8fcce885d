"""What the streams of a run are made of."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from attrs import frozen

from cts.api import IConnectedSocketFactory, IPacer, ISender, Role, StreamPlan, VerdictRule, Verify
from cts.engine.frame_dispatcher import FrameDispatcher
from cts.engine.greetings import Greetings
from cts.protocol.control.pinging import Pace
from cts.records.snapshots import StreamInfo

__all__ = ["OnFailure", "StreamParts"]

OnFailure = Callable[[StreamInfo, BaseException], None]
"""Called with a stream and the exception that became its result."""


@frozen(kw_only=True)
class StreamParts:
    """What the streams of a run are made of.

    Attributes:
        plan: the arithmetic of streams that are given none.
        verify: what receivers do about wrong payloads.
        verdict: by what they judge frames.
        measured_at_once: how many of those that run at the same time have media metrics.
        pacer: the run's clock.
        make_sender: makes a sender of the chosen strategy.
        factory: the chosen connected-socket factory.
        random_of: returns the generator of a stream's sender, by the stream's number.
        dispatcher: hands over frames of many streams together; its ``run`` must run. None to do without.
        shares_settings: whether their peers are of the same run.
        on_failure: told of each stream that an exception ended, and of that.
        greetings: how a client's streams begin; None for START.
        pace_of: returns how often the end of that role, of the stream of that number, with so many beside it, says what.
    """

    plan: StreamPlan
    verify: Verify
    verdict: VerdictRule
    measured_at_once: int
    pacer: IPacer
    make_sender: Callable[[StreamPlan], ISender]
    factory: IConnectedSocketFactory
    random_of: Callable[[int], Random]
    dispatcher: FrameDispatcher | None = None
    shares_settings: bool = False
    on_failure: OnFailure | None = None
    greetings: Greetings | None = None
    pace_of: Callable[[Role, int, int], Pace] = lambda _role, _number, _open: Pace()
