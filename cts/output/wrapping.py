"""The one way in which text for people is cut: between words where a terminal would cut it anywhere; elsewhere not at all."""

from __future__ import annotations

import os
import re
from textwrap import wrap
from typing import TextIO

__all__ = ["columns_of", "for_reader", "is_terminal", "wrapped"]

_NAME = re.compile(r"\s*(\S.*?)?\s{2,}")
"""What stands before a row's text: its name, or nothing, and blanks."""
_LEAST_ROOM = 16
"""Characters of text on a line, below which what goes on begins near the margin, or a terminal may cut it as it likes."""
_MARGIN = 2


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream leads to a terminal; one that is closed, or None, does not."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def columns_of(stream: TextIO | None) -> int:
    """Return how wide the terminal is that a stream leads to; 0 if it leads to none, or nobody knows."""
    if stream is None or not is_terminal(stream):
        return 0
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def for_reader(text: str, stream: TextIO | None) -> str:
    """Return text as it is to be written to a stream: cut between words for a terminal, as it is for all else."""
    columns = columns_of(stream)
    return wrapped(text, columns) if columns else text


def wrapped(text: str, width: int) -> str:
    """Cut lines that are longer than ``width`` between words; what goes on stands below the text of its row.

    Words that are longer than there is room stay whole. Where there is hardly any room nothing is cut.
    """
    if width < _MARGIN + _LEAST_ROOM:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= width:
            lines.append(line)
            continue
        name = _NAME.match(line)
        before = "" if name is None or width - name.end() < _LEAST_ROOM else name.group()
        lines += wrap(
            line[len(before) :],
            width,
            initial_indent=before,
            subsequent_indent=" " * (len(before) or _MARGIN),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)
