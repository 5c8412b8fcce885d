"""The console: plain status lines in the original's layout, and the choice between them and the live view."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TextIO

from cts.output.figures import seconds
from cts.output.ordering import PromptObserver
from cts.output.slices import SliceReader, StatusSlice
from cts.protocol.roles import Role
from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot

__all__ = ["ConsoleMode", "LineConsole", "TextConsole", "choose_console", "fitted", "status_line"]

ConsoleMode = Literal["auto", "live", "lines", "quiet"]

ROWS_PER_HEADER = 40
COLUMN_ENDS = (10, 25, 36, 48, 58, 69, 79)
COLUMN_NAMES = ("TimeSlice", "Bits/Sec", "Streams", "Completed", "Dropped", "Repeated", "Errors")
COLUMN_WIDTHS = tuple(end - start for start, end in zip((0, *COLUMN_ENDS), COLUMN_ENDS, strict=False))
HEADER = "".join(name.rjust(width) for name, width in zip(COLUMN_NAMES, COLUMN_WIDTHS, strict=True)) + " "
LEGEND = """\
A line tells of the time since the one before, up to TimeSlice (s).
Completed, Dropped, Repeated: frames whole, short, too long when they were due.
Errors: datagrams that fit no frame.
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


class TextConsole(PromptObserver):
    """Writes text for people.

    Args:
        stream: where to write. A write that fails (a closed pipe) ends the writing, not the run.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._broken = False

    def _write(self, text: str) -> None:
        if self._broken:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._broken = True


class LineConsole(TextConsole):
    """A legend, then a line per status, and the header again every 40 lines.

    Args:
        stream: where to write.
        measure: whose bytes make the rate.
    """

    def __init__(self, stream: TextIO, measure: Role) -> None:
        super().__init__(stream)
        self._slices = SliceReader(measure)
        self._rows = 0

    def run_began(self, began_ns: int) -> None:
        """Write the legend."""
        self._write(LEGEND)

    def status(self, snapshot: RunSnapshot) -> None:
        """Write the line of the slice that ends here."""
        row = self._slices.read(snapshot)
        if row is None:
            return
        header = f"\n{HEADER}\n" if self._rows % ROWS_PER_HEADER == 0 else ""
        self._rows += 1
        self._write(f"{header}{status_line(row)}\n")


def choose_console(
    mode: ConsoleMode,
    stream: TextIO,
    measure: Role,
    expected_ns: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Observer:
    """Return what shows the run's status.

    Args:
        mode: ``auto`` is live on a terminal that can move its cursor, and lines elsewhere.
        stream: where to write; standard error, so that standard output holds results alone.
        measure: whose bytes make the rate.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
        environment: where TERM is looked up.
    """
    if mode == "quiet":
        return Observer()
    if mode == "lines" or (mode == "auto" and not (stream.isatty() and environment.get("TERM") != "dumb")):
        return LineConsole(stream, measure)
    from cts.output.live import LiveConsole, terminal  # brings in rich

    return LiveConsole(terminal(stream), measure, expected_ns)
