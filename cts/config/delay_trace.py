"""Files of measured delays, one a line, which ``latency = {model = "trace", file = …}`` names.

A delay is written as everywhere in the configuration: with a unit, or in seconds. Blank lines and what stands behind ``#``
are skipped. A file is read while the configuration is, so that its bad lines are told with all that is wrong.
"""

from __future__ import annotations

from pathlib import Path

from cattrs.errors import IterableValidationError

from cts.config.problems import shown
from cts.errors import system_reason
from cts.units import parse_duration_ns

__all__ = ["MAX_LINES_TOLD", "MAX_TRACE_SIZE", "read_delays"]

MAX_TRACE_SIZE = 4 << 20
"""Bytes of a trace that are read, some half a million delays; a larger file is refused."""
MAX_LINES_TOLD = 20
"""Bad lines that are told of one file; no line is read after the last of them."""


def read_delays(path: Path) -> tuple[int, ...]:
    """Read a trace, in nanoseconds. Opens regular files alone: a pipe would wait, a device need not end.

    Raises ValueError, or a group of them with one for each bad line.
    """
    name = shown(str(path))
    try:
        if path.exists() and not path.is_file():
            raise ValueError(f"{name} is not a file; allowed: a file of one delay per line")
        with path.open("rb") as file:
            data = file.read(MAX_TRACE_SIZE + 1)
    except OSError as exc:
        raise ValueError(f"{name} cannot be read: {system_reason(exc)}") from None
    if len(data) > MAX_TRACE_SIZE:
        raise ValueError(f"{name} is too large; allowed: at most {MAX_TRACE_SIZE} bytes")
    delays: list[int] = []
    wrong: list[Exception] = []
    for number, line in enumerate(data.decode("utf-8-sig", "replace").split("\n"), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if len(wrong) == MAX_LINES_TOLD:
            wrong.append(ValueError(f"{name}: lines from {number} on were not read, after {MAX_LINES_TOLD} wrong ones"))
            break
        try:
            delays.append(int(parse_duration_ns(text)))
        except ValueError as exc:
            wrong.append(ValueError(f"{name}, line {number}: {exc}"))
    if wrong:
        raise IterableValidationError("bad lines", wrong, Path)
    if not delays:
        raise ValueError(f"{name} holds no delay; allowed: at least one line")
    return tuple(delays)
