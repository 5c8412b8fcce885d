"""What the live view shows of a run: rows by their weight, as many as there is room for. Imports rich."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from attrs import field, frozen
from rich.console import Console
from rich.text import Text

from cts.output.live_rows import Row, rows_of
from cts.output.live_state import LiveState
from cts.output.live_streams import streams_table

__all__ = ["NAME_WIDTH", "view_in_steps"]

NAME_WIDTH = 12
_ROWS_A_STEP = 4


@frozen
class _Fitted:
    row: Row
    lines: Sequence[Text] = field(factory=tuple)


def view_in_steps(state: LiveState, *, console: Console, columns: int, rows: int) -> Generator[None, None, list[Text]]:
    """Make the lines to draw, in steps between which frames may leave.

    A value that is too long for a line is wrapped, if there are rows for that.

    Args:
        state: what to show.
        console: where it will be drawn.
        columns, rows: what there is room for.
    """
    width = max(1, columns - NAME_WIDTH)
    found = []
    for number, row in enumerate(rows_of(state, width, _draws_blocks(console))):
        if number % _ROWS_A_STEP == 0:
            yield
        found.append(_fitted(row, console, width))
    left, kept = rows, {}
    for index in sorted(range(len(found)), key=lambda index: -found[index].row.weight):
        if left:
            kept[index] = found[index].lines[:left]
            left -= len(kept[index])
    lines = [line for index in sorted(kept) for line in _named(found[index].row.name, kept[index])]
    yield
    table = yield from streams_table(state, columns, left - 1)
    yield
    if table:
        # Above the last row, which says what keys do.
        at = len(lines) - (state.hears_keys and found[-1].row.name == "Keys" and len(found) - 1 in kept)
        lines[at:at] = [Text(), *table]
    for line in lines:
        line.truncate(columns, overflow="crop")
        line.rstrip()
    return lines


def _draws_blocks(console: Console) -> bool:
    return console.encoding.lower().replace("-", "").startswith("utf")


def _fitted(row: Row, console: Console, width: int) -> _Fitted:
    """Return the first of its texts that fits in a line, or the last one wrapped."""
    for text in row.texts:
        if text.cell_len <= width:
            return _Fitted(row, (text,))
    return _Fitted(row, tuple(row.texts[-1].wrap(console, width, tab_size=8)) or (Text(),))


def _named(name: str, texts: Sequence[Text]) -> Iterator[Text]:
    for number, text in enumerate(texts):
        text.rstrip()
        yield Text(f"{'' if number else name:<{NAME_WIDTH}}") + text
