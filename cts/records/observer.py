"""What a run tells those who watch it.

An observer is fed by synchronous calls from the engine's tasks. It must not block and must not raise on what it is told; it
holds what it cannot write at once. Streams are numbered in the order in which they were opened, from 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from cts.metrics.frame_record import MissedRecord
from cts.protocol.frames import RenderedFrame
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import StreamResult

__all__ = ["Observer"]


class Observer:
    """Watches a run; every method does nothing until overridden. All times are nanoseconds since the run began."""

    wants_frames = False
    """Whether :meth:`frame_rendered` and :meth:`data_missed` are to be called: telling of every frame costs the engine time."""

    wants_delays = False
    """Whether a :class:`RunSnapshot`'s ``delays`` are to be counted: that takes a receiver time with every frame."""

    hears_failures = False
    """Whether it is closed last, after it was told what went wrong with the run and with what the others were to write."""

    redraws = False
    """Whether it draws the present over the past: then :meth:`redraw` is called between two statuses a second or more apart."""

    def stream_opened(self, stream: StreamInfo) -> None:
        """A stream began."""

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """A frame got its verdict. The frame's own times are in the run's clock: see ``began_ns`` in :meth:`run_began`."""

    def data_missed(self, stream: StreamInfo, record: MissedRecord) -> None:
        """Data came after its frame had got its verdict. Times are in the run's clock, as a frame's are."""

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """A stream ended; its result's times are in the run's clock."""

    def other_end_opened(self, stream: StreamInfo) -> None:
        """An end began on the side that is not measured; its stream's number, that of the measured end where there is one."""

    def other_end_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Such an end ended; its result's times are in the run's clock."""

    def lone_end(self, result: StreamResult) -> None:
        """Told when the run is over, of a stream that counts though it never had a measured end: until then it might come."""

    def reported(self, report: RunReport) -> None:
        """The run is over, and this is what is known of it; told to those who have :attr:`hears_failures`, before failures."""

    def run_failed(self, failure: str) -> None:
        """Something went wrong with the run itself; told when it is over, to those who have :attr:`hears_failures`."""

    def remarked(self, stream: StreamInfo, text: str) -> None:
        """A person should hear this of a stream. Its result holds what stands at its end; what comes late is told after it."""

    def noted(self, text: str) -> None:
        """A person should hear this of the run; its report will hold it."""

    def run_began(self, began_ns: int) -> None:
        """The run began at ``began_ns`` of its clock."""

    def status(self, snapshot: RunSnapshot) -> None:
        """A status interval ended, or the run did (then ``closing`` follows)."""

    def catch_up(self) -> Iterator[None]:
        """Do what was put off, in steps between which frames may leave; begun before each status and each redraw, the rest left
        for the status."""
        yield from ()

    def redraw(self, snapshot: RunSnapshot) -> None:
        """A second passed within a status interval."""

    def closing(self) -> None:
        """The run is over: write what is held and close."""

    def abandoned(self) -> None:
        """The run never began: close, and leave what was there before."""
        self.closing()

    def opening(self) -> tuple[str, ...]:
        """Return what a person should hear as the run begins, such as where this can be looked at."""
        return ()

    def say(self, line: str) -> bool:
        """Show a line to the person who watches and return True; False from who has no console."""
        return False

    def failures(self) -> tuple[str, ...]:
        """Return why what was to be written is not whole, which makes the run a failure."""
        return ()

    def notes(self) -> tuple[str, ...]:
        """Return what a person should hear about the watching itself, such as a log that could not be written."""
        return ()
