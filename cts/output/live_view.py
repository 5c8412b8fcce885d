"""What the live view shows of a run: rows by their weight, as many as there is room for. Imports rich."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.text import Text

from cts.metrics.counters import FrameTotals
from cts.output.figures import about_rate, outcome_counts, percentage, seconds, unsent_text
from cts.output.peer_text import sending_text
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot
from cts.units import counted

__all__ = ["view"]

_NAME_WIDTH = 12
_BAR_WIDTH = 24
_NO_REASONS: Mapping[str, int] = {}


class _Row(NamedTuple):
    """A row, and how much it weighs: where there is no room for all, the lightest are left out."""

    weight: int
    name: str
    text: Text


def view(
    snapshot: RunSnapshot,
    bits_per_second: int,
    *,
    console: Console,
    measure: Role,
    expected_ns: int | None = None,
    columns: int,
    rows: int,
) -> list[Text]:
    """Return the lines to draw; a value that is too long for one is wrapped, if there are rows for that.

    Args:
        snapshot: the run now.
        bits_per_second: its rate of late.
        console: where it will be drawn.
        measure: whose part is told: a sender knows of no verdicts.
        expected_ns: how long the run will take, nanoseconds; None if nobody knows.
        columns, rows: what there is room for.
    """
    width = max(1, columns - _NAME_WIDTH)
    found = list(_rows(snapshot, bits_per_second, console, measure, expected_ns, width))
    wrapped = [list(row.text.wrap(console, width, tab_size=8)) or [Text()] for row in found]
    left, kept = rows, {}
    for index in sorted(range(len(found)), key=lambda index: -found[index].weight):
        if left:
            kept[index] = wrapped[index][:left]
            left -= len(kept[index])
    return [line for index in sorted(kept) for line in _lines(found[index].name, kept[index], columns)]


def _rows(
    snapshot: RunSnapshot,
    bits_per_second: int,
    console: Console,
    measure: Role,
    expected_ns: int | None,
    width: int,
) -> Iterator[_Row]:
    of = f" of {_tenths(expected_ns)}" if expected_ns else ""
    yield _Row(10, "Time", Text(f"{_tenths(snapshot.elapsed_ns)}{of} s"))
    if expected_ns:
        yield _Row(1, "", _bar(console, width, min(snapshot.elapsed_ns, expected_ns), expected_ns))
    yield _Row(7, "Streams", _streams(snapshot))
    yield _Row(6, "Rate now", Text(about_rate(bits_per_second)))
    peers = snapshot.counts.peers
    if measure is Role.SENDER:
        yield _Row(9, "Sent", Text(f"{snapshot.counts.bytes_sent:,} bytes"))
        if peers.receiving:
            yield from _verdicts(peers.frames)
    else:
        yield from _verdicts(snapshot.counts.frames)
        if peers.sending:
            yield _Row(3, "Peer", Text(sending_text(peers), "red" if peers.frames_unsent else ""))
    if ignored := sum(snapshot.refused.values()):
        yield _Row(2, "Ignored", _datagrams(ignored, snapshot.refused))
    if snapshot.overflowed:
        yield _Row(5, "Overflow", _datagrams(snapshot.overflowed))
    for cause, unsent in snapshot.unsent.items():
        yield _Row(5, "Unsent", Text(unsent_text(cause, unsent), "red"))
    if snapshot.unreachable:
        yield _Row(5, "Unreachable", Text(f"{counted(snapshot.unreachable, 'time')} said by the network", "red"))


def _verdicts(frames: FrameTotals) -> Iterator[_Row]:
    yield _Row(9, "Completed", _frames(frames.completed, frames.rendered, "green"))
    yield _Row(8, "Dropped", _frames(frames.dropped, frames.rendered, "red"))
    if frames.repeated:
        yield _Row(4, "Duplicated", _frames(frames.repeated, frames.rendered, "yellow"))
    if frames.error:
        yield _Row(3, "Discarded", _datagrams(frames.error))


def _lines(name: str, texts: Sequence[Text], columns: int) -> Iterator[Text]:
    for number, text in enumerate(texts):
        text.rstrip()
        line = Text(f"{'' if number else name:<{_NAME_WIDTH}}") + text
        line.truncate(columns, overflow="crop")
        line.rstrip()
        yield line


def _bar(console: Console, width: int, done_ns: int, of_ns: int) -> Text:
    bar = ProgressBar(total=of_ns, completed=done_ns, width=min(width, _BAR_WIDTH))
    segments = console.render(bar, console.options.update(width=width))
    return Text.assemble(*((segment.text, segment.style or "") for segment in segments))


def _frames(count: int, rendered: int, colour: str) -> Text:
    return Text(f"{count:>9,}  {percentage(count, rendered):>8}", colour if count else "")


def _tenths(duration_ns: int) -> str:
    return seconds(duration_ns)[:-2]


def _streams(snapshot: RunSnapshot) -> Text:
    return Text(", ".join([f"{snapshot.open_streams:,} open", *outcome_counts(snapshot.outcomes)]))


def _datagrams(count: int, reasons: Mapping[str, int] = _NO_REASONS) -> Text:
    text = counted(count, "datagram")
    if reasons:
        text += ": " + ", ".join(f"{reasons[reason]:,} {reason}" for reason in sorted(reasons) if reasons[reason])
    return Text(text, "red")
