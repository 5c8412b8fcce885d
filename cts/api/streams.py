"""What a stream is made of: who sends its frames, the connected socket that runs it, and who makes that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import ClassVar

import trio
from attrs import define, field

from cts.api.network import IDatagramEndpoint, IPacer
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.histogram import Histogram
from cts.protocol.control.greeting import Opening
from cts.protocol.control.pinging import Pace
from cts.protocol.frames import RenderedFrame, VerdictRule
from cts.protocol.outgoing import Frame
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.task import DatagramBatch, Verify
from cts.protocol.trains import Train
from cts.records.peer_end import PeerEnd
from cts.records.snapshots import Address, StreamSnapshot
from cts.records.stream_results import StreamResult

__all__ = [
    "BackgroundTask",
    "IConnectedSocket",
    "IConnectedSocketFactory",
    "IPeerDatagrams",
    "ISender",
    "StreamRequest",
]

BackgroundTask = Callable[[], Awaitable[None]]
"""Runs in a stream's nursery from its beginning, and is cancelled at its end. What it raises ends the stream."""


class ISender(ABC):
    """Puts the frames of one stream on the wire; made anew for every stream.

    Decides when and how datagrams leave, never how large a frame is: both ends derive that from the plan.

    Args:
        options: an instance of the class's ``options``, or None where it declares none.
        plan: the stream's arithmetic.
    """

    api: ClassVar[int]
    options: ClassVar[type | None] = None

    @abstractmethod
    def __init__(self, options: object, plan: StreamPlan) -> None: ...

    @abstractmethod
    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Send every datagram of ``frame`` once, in any order; called at ``frame.due_ns``, once a frame, in order.

        May suspend; the next frame waits for its return, and is called late if this takes past its due time. Returns the
        bytes handed to the network, as the endpoint's sends returned them.
        """

    def use_random(self, random: Random) -> None:  # noqa: B027
        """Keep the stream's own generator, by seed and number, to draw from it alone; called once, before all else."""

    def trains(self, segment_limit: int) -> Sequence[Train] | None:
        """Return the trains that each frame leaves in, for the engine to hand over in this sender's place.

        A sender that does nothing else with a frame than hand it over whole when it is due can offer this: the frames of many
        streams then leave in one call, stamped when they do. It is still asked to send frames that are too large for that.

        Args:
            segment_limit: datagrams of a train at most.

        Returns:
            The same object for every frame (as ``plan.trains`` gives it); None to be asked for each frame.
        """
        return None

    def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask | None:
        """Return a task to run beside the stream, in its nursery; None for none. Asked once, when the stream begins.

        The stream's end cancels it. Whatever it raises, an ``OSError`` as well, fails the stream in the plugin's name.
        """
        return None


class IPeerDatagrams(ABC):
    """What a server does with the datagrams of a peer that has a stream."""

    @abstractmethod
    def on_data_received(self, batch: DatagramBatch) -> None:
        """Take datagrams of the peer that somebody else read (a passive receiver's are). Never blocks."""

    @abstractmethod
    def on_start_repeated(self, received_ns: int) -> None:
        """Take note that the peer asked once more for the stream that it has, by START or by HELLO."""

    def on_unreachable(self, times: int) -> None:  # noqa: B027
        """Take note that the network said so many times (by ICMP) that the peer does not get what is sent to it.

        Whoever stands in front of another socket hands this on.
        """


class IConnectedSocket(IPeerDatagrams):
    """One stream with one peer: its life. It opens its own nursery, in which everything runs that belongs to the stream."""

    @property
    @abstractmethod
    def remote(self) -> Address:
        """The peer."""

    @property
    @abstractmethod
    def role(self) -> Role:
        """Which part this side plays."""

    @property
    @abstractmethod
    def connection_id(self) -> str | None:
        """The UUID that the server gave the stream; None while it is not known."""

    @abstractmethod
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        """Run the stream to its end; a failure is a result, no exception. ``started()`` once datagrams may be handed to it."""

    @property
    def send_lateness(self) -> Histogram | None:
        """How late frames were handed to the sender, nanoseconds after they were due; None for a receiver."""
        return None

    @property
    def peer_end(self) -> PeerEnd | None:
        """What the other end told so far; None where the stream was begun by START.

        Whoever stands in front of another socket hands this on. Never suspends.
        """
        return None

    def begins_another(self, received_ns: int) -> bool:
        """Tell whether a START of the peer, received then, cannot repeat one of this stream's, and so begins another stream.

        This one then gets no more of the peer's datagrams: a receiver renders what it has, a sender is cancelled. Whoever
        stands in front of another socket passes the question on. Never suspends.
        """
        return False

    @property
    def measured_ns(self) -> int | None:
        """How long it took from the beginning to the final frame, nanoseconds; None while that has not come, or gone."""
        return None

    @abstractmethod
    def observe(self, now_ns: int) -> StreamSnapshot:
        """Return the counts with everything that happened before ``now_ns`` in them."""

    def counts(self, now_ns: int) -> StreamSnapshot:
        """Return the counts as they stand, without looking what else happened before ``now_ns``, which may take long.

        Asked soon after :meth:`observe`, which is all that is done by default. Whoever stands in front of another socket hands
        this on. Never suspends.
        """
        return self.observe(now_ns)

    @property
    def ended(self) -> StreamResult | None:
        """What became of the stream, as ``run`` would return it, once it has ended by itself; None before, or where unknown.

        Asked after :meth:`observe` where ``run`` was cancelled before it could return. Whoever stands in front of another
        socket hands this on. Never suspends.
        """
        return None


@define(kw_only=True)
class StreamRequest:
    """What a connected socket is made from.

    Attributes:
        role: which part this side plays.
        active: whether it reads its own endpoint; if not, somebody else does and calls ``on_data_received``.
        plan: the stream's arithmetic.
        endpoint: where its datagrams go out, and come in if it is active.
        peer: the other end.
        sender: puts frames on the wire; unused by a receiver.
        pacer: the run's clock.
        connection_id: the name to give the stream (server), or None to ask for it (client).
        verify: what a receiver does about wrong payloads.
        gone_after_ns: how long the network may say that the peer cannot be reached, with nothing heard of that peer, until a
            sender's stream ends; None for as long as it lasts.
        verdict: by what a receiver judges frames.
        on_frame, on_missed: told of each rendered frame; of data that came after its frame had been rendered. None for nobody.
        on_record: told what is known of each frame's datagrams, in order, maybe of several frames together; None for nobody.
        on_failure: told of the exception that ended the stream, or None.
        on_remark: told what a person should hear of the stream while it runs, "" once that no longer holds, or None.
        shares_settings: whether the peer is known to have this side's settings, as one of the same run has.
        background: tasks that run in the stream's nursery beside it; a factory may add its own.
        opening: how it begins by HELLO; None for START.
        pace: how often, once both ends have agreed on it, this one says what.
    """

    role: Role
    active: bool
    plan: StreamPlan
    endpoint: IDatagramEndpoint
    peer: Address
    sender: ISender
    pacer: IPacer
    connection_id: str | None
    verify: Verify = Verify.DATA
    verdict: VerdictRule = VerdictRule.DISTINCT
    on_frame: Callable[[RenderedFrame], None] | None = None
    on_missed: Callable[[MissedRecord], None] | None = None
    on_record: Callable[[FrameRecord], None] | None = None
    gone_after_ns: int | None = None
    on_remark: Callable[[str], None] | None = None
    shares_settings: bool = False
    on_failure: Callable[[BaseException], None] | None = None
    background: list[BackgroundTask] = field(factory=list)
    opening: Opening | None = None
    pace: Pace = field(factory=Pace)


class IConnectedSocketFactory(ABC):
    """Makes the connected socket of each stream; one instance serves a whole run. ``options`` are as a sender's."""

    api: ClassVar[int]
    options: ClassVar[type | None] = None

    @abstractmethod
    def __init__(self, options: object) -> None: ...

    @abstractmethod
    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        """Return the connected socket for ``request``.

        Args:
            request: what to make it from; may be changed, for instance to put another endpoint in front of the given one.
            default: the engine's own way to make one.
        """

    @abstractmethod
    def close(self) -> None:
        """The run is over: flush and close what the factory opened."""
