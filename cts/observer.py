"""What a run tells those who watch it: the observer's contract and its values.

An observer is fed by synchronous calls from the engine's tasks. It must not block and must not raise on what it is told; it
holds what it cannot write at once. Streams are numbered in the order in which they were opened, from 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from cts.protocol.frames import RenderedFrame
from cts.protocol.result import Address, Outcome, Role, StreamResult, StreamSnapshot

__all__ = ["Observer", "RunSnapshot", "StreamInfo"]


@frozen
class StreamInfo:
    """A stream that was opened.

    Attributes:
        number: from 1, in the order of opening.
        local, remote: its two ends.
        role: which part this side plays.
        opened_ns: when, in nanoseconds since the run began.
    """

    number: int
    local: Address
    remote: Address
    role: Role
    opened_ns: int


@frozen
class RunSnapshot:
    """The whole run at one moment.

    Attributes:
        elapsed_ns: nanoseconds since the run began.
        open_streams: streams that run now.
        counts: totals of all streams, ended ones included.
        outcomes: ended streams by outcome.
        refused: datagrams that were read and answered with nothing, by reason.
        overflowed: datagrams that the kernel dropped for want of receive-buffer space.
        unreachable: times that the network said (by ICMP) that a peer does not get what was sent.
        cut_off_by_time_limit: streams that the time limit cut off when it ended the run; None while it has not.
    """

    elapsed_ns: int
    open_streams: int
    counts: StreamSnapshot
    outcomes: Mapping[Outcome, int] = field(factory=dict)
    refused: Mapping[str, int] = field(factory=dict)
    overflowed: int = 0
    unreachable: int = 0
    cut_off_by_time_limit: int | None = None


class Observer:
    """Watches a run; every method does nothing until overridden. All times are nanoseconds since the run began."""

    wants_frames = False
    """Whether :meth:`frame_rendered` is to be called: telling of every frame costs the engine time."""

    redraws = False
    """Whether it draws the present over the past: it may be told a status also between those that all are told."""

    def stream_opened(self, stream: StreamInfo) -> None:
        """A stream began."""

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """A frame got its verdict. The frame's own times are in the run's clock: see ``began_ns`` in :meth:`run_began`."""

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """A stream ended; its result's times are in the run's clock."""

    def run_began(self, began_ns: int) -> None:
        """The run began at ``began_ns`` of its clock."""

    def status(self, snapshot: RunSnapshot) -> None:
        """A status interval ended, or the run did (then ``closing`` follows)."""

    def closing(self) -> None:
        """The run is over: write what is held and close."""

    def abandoned(self) -> None:
        """The run never began: close, and leave what was there before."""
        self.closing()

    def say(self, line: str) -> bool:
        """Show a line to the person who watches and return True; False from who has no console."""
        return False

    def notes(self) -> tuple[str, ...]:
        """Return what a person should hear about the watching itself, such as a log that could not be written."""
        return ()
