"""The console: status lines in the original's layout, or the live view; and how far a simulation has come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TextIO

from attrs import evolve

from cts.metrics.counters import FrameTotals
from cts.metrics.unsent import NO_UNSENT, UnsentFrames
from cts.output.console_stream import ConsoleStream
from cts.output.figures import seconds, unsent_text
from cts.output.ordering import PromptObserver
from cts.output.peer_text import sending_text
from cts.output.slices import SliceReader, StatusSlice
from cts.output.speaking import SpeakingConsole
from cts.output.stream_lines import StreamLines
from cts.output.wrapping import columns_of, for_reader, is_terminal
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.records.observer import Observer
from cts.records.peer_end import PeerTotals
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.records.stream_results import UNKNOWN_CONNECTION_ID, StreamResult, came_to_nothing
from cts.units import SECOND

__all__ = ["ConsoleMode", "LineConsole", "ProgressConsole", "choose_console", "fitted", "moves_cursor", "status_line"]

ConsoleMode = Literal["auto", "live", "lines", "quiet"]

LIVE_COLUMNS, LIVE_ROWS = 30, 5
"""What a live view needs at the least to be worth more than lines."""
ROWS_PER_HEADER = 40
_NO_FRAMES = FrameTotals()
_BEGINNING_NS = SECOND // 10
"""What a first line without anything would tell of is the run's beginning, not that nothing comes."""
COLUMN_ENDS = (10, 25, 36, 48, 58, 69, 79)
COLUMN_NAMES = ("TimeSlice", "Bits/Sec", "Streams", "Completed", "Dropped", "Repeated", "Errors")
COLUMN_WIDTHS = tuple(end - start for start, end in zip((0, *COLUMN_ENDS), COLUMN_ENDS, strict=False))
LATE_SHARE = 1 / 2
"""Of the frame interval, by which frames of a peer may leave late without a line."""
HEADER = "".join(name.rjust(width) for name, width in zip(COLUMN_NAMES, COLUMN_WIDTHS, strict=True)) + " "
LEGEND = """\
A line tells of the time since the one before, up to TimeSlice (s).
Completed: frames whole when due. Dropped: not whole. Repeated: duplicated.
Errors: datagrams discarded, such as those that came too late for their frame.
"""
SENDERS_LEGEND = """\
A line tells of the time since the one before, up to TimeSlice (s).
This end sends. Who receives judges the frames: the last columns are what it
tells, up to a status interval later, and 0 where it tells nothing.
"""
SERVERS_LEGEND = """\
A line tells of the time since the one before, up to TimeSlice (s).
What clients send is judged here: completed, dropped, repeated frames, errors.
Of what they receive that counts which they tell, up to an interval later.
"""


def fitted(value: int, width: int) -> str:
    """Write a count in at most ``width`` - 1 characters: as it is, or in millions and more as ``1.5x^6``, rounded down.

    A count beyond what the greatest exponent (12) can shorten enough comes out wider.
    """
    text = str(value)
    for exponent in (6, 9, 12):
        if len(text) < width:
            break
        tenths = value // 10 ** (exponent - 1)
        text = f"{tenths // 10}.{tenths % 10}x^{exponent}"
    return text


def status_line(row: StatusSlice) -> str:
    """Write a row of status, right-justified under :data:`HEADER`."""
    frames = row.frames
    counts = (row.bits_per_second, row.open_streams, frames.completed, frames.dropped, frames.repeated, frames.error)
    time = seconds(row.ended_ns)
    if len(time) > COLUMN_WIDTHS[0]:
        time = time.partition(".")[0]
    cells = [time.rjust(COLUMN_WIDTHS[0])]
    cells += [fitted(count, width).rjust(width) for count, width in zip(counts, COLUMN_WIDTHS[1:], strict=True)]
    return "".join(cells)


def moves_cursor(environment: Mapping[str, str]) -> bool:
    """Tell whether a terminal understands escape codes, for all that is known: nothing is of one that has no name."""
    return environment.get("TERM", "") not in ("", "dumb")


class _TextWriter:
    """Writes text for people.

    Args:
        stream: where to write. A write that fails (a closed pipe) ends the writing, not the run.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._broken = False

    def write(self, text: str) -> None:
        if self._broken:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._broken = True

    def prose(self, text: str) -> None:
        """Write what may be cut between words."""
        if text:
            self.write(for_reader(text, self._stream))

    @property
    def columns(self) -> int:
        return columns_of(self._stream)


class LineConsole(SpeakingConsole):
    """A legend, then a line per status, and the header again every 40 lines; none of the run's first moment, which has nothing.

    Args:
        stream: where to write.
        measure: whose bytes make the rate.
        least_ns: how long a slice counts at least, nanoseconds.
        streams: makes lines of streams that come and go; None for none.
        plan: what streams are made of, for how late is late; that of one that begins with its own goes before it.
        both: whether this side may play both parts, as a server does: then the bytes of both make the rate.
    """

    def __init__(
        self,
        stream: TextIO,
        measure: Role,
        least_ns: int = 0,
        streams: StreamLines | None = None,
        *,
        plan: StreamPlan | None = None,
        both: bool = False,
    ) -> None:
        super().__init__(streams)
        self._plan = plan
        self._never_due = 0
        self._writer = _TextWriter(stream)
        self._sends = measure is Role.SENDER
        self._both = both
        self._legend = SERVERS_LEGEND if both else SENDERS_LEGEND if self._sends else LEGEND
        self._slices = SliceReader(measure, least_ns, both=both)
        self._rows = 0
        self._first = True
        self._unsent: UnsentFrames = NO_UNSENT
        self._peers = PeerTotals()

    def run_began(self, began_ns: int) -> None:
        """Write the legend."""
        super().run_began(began_ns)
        self._writer.prose(self._legend)

    def stream_opened(self, stream: StreamInfo) -> None:
        """Tell it, unless too many come."""
        super().stream_opened(stream)
        self._plan = stream.plan or self._plan

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Tell it, unless too many go; frames of a stream that never began have not been dropped."""
        super().stream_ended(stream, result)
        if result.connection_id == UNKNOWN_CONNECTION_ID and came_to_nothing(result):
            self._never_due += result.counts.frames.dropped

    def tell(self, line: str) -> None:
        """Write it."""
        self._writer.prose(f"{line}\n")

    def status(self, snapshot: RunSnapshot) -> None:
        """Write the line of the slice that ends here."""
        self.tell_what_was_left_out()
        row = self._slices.read(snapshot)
        first, self._first = self._first, False
        if row is None or (
            first and row.ended_ns < _BEGINNING_NS and not row.bits_per_second and row.frames == _NO_FRAMES
        ):
            return
        header = f"\n{HEADER}\n" if self._rows % ROWS_PER_HEADER == 0 else ""
        self._rows += 1
        dropped, self._never_due = max(row.frames.dropped - self._never_due, 0), 0
        row = evolve(row, frames=evolve(row.frames, dropped=dropped))
        before, self._peers = self._peers, snapshot.counts.peers
        if self._sends or self._both:
            row = evolve(row, frames=row.frames + self._peers.frames - before.frames)
        more = self._unsent_since(snapshot) + self._sending_since(before)
        self._writer.write(f"{header}{status_line(row)}\n")
        self._writer.prose(more)

    def _unsent_since(self, snapshot: RunSnapshot) -> str:
        """Return a line for each cause for which this host let out less since the line before."""
        before, self._unsent = self._unsent, snapshot.unsent
        return "".join(
            f"{unsent_text(cause, unsent)}\n"
            for cause, unsent in snapshot.unsent.items()
            if unsent != before.get(cause)
        )

    def _sending_since(self, before: PeerTotals) -> str:
        """Return a line on how peers send, if since the line before they let out less, or later than some of an interval."""
        peers = self._peers
        late_ns = 0 if self._plan is None else self._plan.interval_ns * LATE_SHARE
        wrong = peers.frames_unsent > before.frames_unsent or peers.lateness > max(before.lateness, late_ns)
        return f"peer: {sending_text(peers)}\n" if wrong and (self._both or not self._sends) else ""


class ProgressConsole(PromptObserver):
    """Writes how much time has been simulated; nothing at all where that takes no longer than one interval.

    Args:
        stream: where to write; a terminal's line is written over, elsewhere each is a line of its own.
        expected_ns: how long the simulated run will take, nanoseconds; None if nobody knows.
        now: returns real seconds.
    """

    def __init__(self, stream: TextIO, expected_ns: int | None, now: Callable[[], float]) -> None:
        self._writer = _TextWriter(stream)
        self._expected_ns = expected_ns
        self._now = now
        self._overwrites = stream.isatty() and moves_cursor(os.environ)
        self._interval = 0.5 if self._overwrites else 5.0
        self._began = self._next = 0.0
        self._written = False

    def run_began(self, began_ns: int) -> None:
        """Note the real time."""
        self._began = self._now()
        self._next = self._began + self._interval

    def status(self, snapshot: RunSnapshot) -> None:
        """Write a line if the last one is an interval old."""
        now = self._now()
        if now < self._next:
            return
        self._next = now + self._interval
        text = f"simulated {snapshot.elapsed_ns / SECOND:,.0f} s"
        pace = snapshot.elapsed_ns / SECOND / (now - self._began)
        more = [f" of {self._expected_ns / SECOND:,.0f} s"] if self._expected_ns else []
        more += [f", {pace:,.1f} times as fast as real time", f", streams open: {snapshot.open_streams:,}"]
        if self._overwrites:
            self._writer.write(f"\r{_as_much_as_fits(text, more, self._writer.columns - 1)}\033[K")
        else:
            self._writer.write(f"{text}{''.join(more)}\n")
        self._written = True

    def closing(self) -> None:
        """Clear the terminal's line."""
        if self._written and self._overwrites:
            self._writer.write("\r\033[K")


def _as_much_as_fits(text: str, more: Iterable[str], columns: int) -> str:
    """Return text with as much more as there is room for: of what takes two rows only the last can be written over."""
    for part in more:
        if 0 <= columns < len(text) + len(part):
            break
        text += part
    return text


def choose_console(
    mode: ConsoleMode,
    stream: TextIO,
    measure: Role,
    expected_ns: int | None = None,
    least_ns: int = 0,
    environment: Mapping[str, str] = os.environ,
    *,
    plan: StreamPlan | None = None,
    tells_streams: bool = False,
    both: bool = False,
    result_follows: bool = False,
) -> Observer:
    """Return what shows the run's status.

    Args:
        mode: ``auto`` is live on a terminal that can move its cursor and is not tiny, and lines elsewhere.
        stream: where to write; standard error, so that standard output holds results alone.
        measure: whose bytes make the rate.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
        least_ns: how long a slice counts at least, nanoseconds.
        environment: where TERM is looked up.
        plan: what streams are made of.
        tells_streams: whether each stream that begins or ends is told.
        both: whether this side may play both parts, as a server does.
        result_follows: whether the summary comes to the same terminal, which the live view then leaves as it was.
    """
    if mode == "quiet":
        return Observer()
    streams = StreamLines() if tells_streams else None
    if mode == "lines" or (mode == "auto" and not (_has_room(stream) and moves_cursor(environment))):
        return LineConsole(stream, measure, least_ns, streams, plan=plan, both=both)
    from cts.output.live import LiveConsole, terminal  # brings in rich

    is_behind = (lambda: stream.is_behind) if isinstance(stream, ConsoleStream) else None
    console = terminal(stream)
    return LiveConsole(console, measure, expected_ns, is_behind, plan=plan, streams=streams, erased=result_follows)


def _has_room(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that is large enough for a live view, for all that is known of its size."""
    if not is_terminal(stream):
        return False
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return True
    return (columns or LIVE_COLUMNS) >= LIVE_COLUMNS and (rows or LIVE_ROWS) >= LIVE_ROWS
