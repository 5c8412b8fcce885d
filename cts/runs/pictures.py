"""From a run's events to what a report shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cts.records.events_header import RunHeader
from cts.report import PictureObserver, RunPicture
from cts.runs.replay import replay

__all__ = ["picture_of"]


def picture_of(events: Path, name: str) -> RunPicture:
    """Read a run's events, of schema 1 or 2, gzip or not; of a run that was killed as far as they go.

    Args:
        events: the file.
        name: what the run is called.

    Raises:
        UserError: the file cannot be read, or is no such log.
    """
    watching: list[PictureObserver] = []

    def watch(header: RunHeader) -> Sequence[PictureObserver]:
        watching.append(PictureObserver(header.plan.interval_ns))
        return watching

    replayed = replay(events, {}, watch=watch, oldest=1)
    return watching[0].picture(name, replayed.header, replayed.report, replayed.missing)
