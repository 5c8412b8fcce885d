"""A row of small columns, one a value: what came last stands at the right."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ASCII_LEVELS", "LEVELS", "sparkline"]

LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = "_.:-=+*#"


def sparkline(values: Sequence[float], width: int, *, least_top: float = 0.0, levels: str = LEVELS) -> str:
    """Return the last values, each as one character: the lowest for 0 alone, the highest for the greatest that is shown.

    Args:
        values: from 0.
        width: characters at most.
        least_top: what the highest level stands for at least, so that little does not look like much.
        levels: characters, the lowest first.
    """
    shown = values[max(0, len(values) - width) :] if width > 0 else ()
    top = max([least_top, *shown], default=0.0)
    steps = len(levels) - 1
    return "".join(
        levels[min(steps, max(1, round(value / top * steps)))] if value > 0 else levels[0] for value in shown
    )
