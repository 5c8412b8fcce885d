"""The live view's table of streams: the worst ones by name, as many as there is room for. Imports rich."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import lru_cache

from rich.text import Text

from cts.errors import printable
from cts.output.figures import about_time, percentage
from cts.output.live_state import LiveState, orders_of
from cts.records.live import StreamGlance, StreamOrder, worst_of

__all__ = ["streams_table"]

_COLUMN_WIDTH = 12
_NAME_AT_LEAST = 24
_NAME_AT_MOST = 56
_ROWS_AT_LEAST = 3
_LINES_A_STEP = 16
_LINES_KEPT = 256


def streams_table(state: LiveState, columns: int, rows: int) -> Generator[None, None, list[Text]]:
    """Make, in steps, a heading and a line for each stream; nothing where there is one stream, or no room.

    Args:
        state: what to show.
        columns, rows: what there is room for.
    """
    streams = state.live.streams
    if len(streams) < 2 or rows < _ROWS_AT_LEAST:
        return []
    orders = sorted(orders_of(state.measure), key=lambda order: order is not state.order)
    orders = orders[: max(1, (columns - _NAME_AT_LEAST) // _COLUMN_WIDTH)]
    name_width = max(1, min(_NAME_AT_MOST, columns - len(orders) * _COLUMN_WIDTH))
    heading = Text(f"{f'Worst of {state.snapshot.open_streams:,}':<{name_width}}"[:name_width], "bold")
    for order in orders:
        heading.append(f"{order.value:>{_COLUMN_WIDTH}}", "bold" if order is state.order else "bright_black")
    lines = [heading]
    for number, stream in enumerate(worst_of(streams, state.order, rows - 1)):
        if number % _LINES_A_STEP == 0:
            yield
        texts = [(order, _CELLS[order](stream)) for order in orders]
        cells = tuple((text, "red" if text not in _GOOD and order in _SHARES else "") for order, text in texts)
        # Whoever shows it may cut it off.
        lines.append(_line(f"{stream.number} {stream.peer}", name_width, cells).copy())
    return lines


@lru_cache(_LINES_KEPT)
def _line(name: str, width: int, cells: tuple[tuple[str, str], ...]) -> Text:
    """Return a stream's line: seldom another one than in the drawing before."""
    line = Text(" ".join(printable(name).split()))
    line.truncate(width - 1, overflow="ellipsis")
    line.pad_right(width - line.cell_len)
    for text, style in cells:
        line.append(f"{text:>{_COLUMN_WIDTH}}", style)
    return line


_SHARES = (StreamOrder.DROPPED, StreamOrder.MISSING)
_GOOD = ("-", "0.00 %")
_CELLS: Mapping[StreamOrder, Callable[[StreamGlance], str]] = {
    StreamOrder.DROPPED: lambda stream: percentage(stream.dropped, stream.rendered),
    StreamOrder.MISSING: lambda stream: percentage(stream.missing, stream.due),
    StreamOrder.JITTER: lambda stream: "-" if stream.jitter_ns is None else about_time(stream.jitter_ns),
    StreamOrder.FREEZES: lambda stream: "-" if stream.freezes is None else f"{stream.freezes:,}",
    StreamOrder.UNREACHABLE: lambda stream: f"{stream.unreachable:,}",
}
