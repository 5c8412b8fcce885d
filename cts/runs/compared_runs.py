"""From runs' events to what they are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from cts.comparison.cell_observer import CellObserver
from cts.comparison.compare import ComparedRun
from cts.comparison.settings import differing_settings
from cts.errors import UserError
from cts.protocol.roles import Role
from cts.records.events_header import RunHeader
from cts.records.observer import Observer
from cts.report import PictureObserver, RunPicture
from cts.runs.replay import replay

__all__ = ["ReadRun", "read_run", "refuse_mixed"]

_MAY_DIFFER = frozenset({"stream.stream_length"})


@frozen
class ReadRun:
    """A run, and what a page shows of it; None where no page was asked for."""

    run: ComparedRun
    picture: RunPicture | None


def read_run(events: Path, name: str, *, pictured: bool = False) -> ReadRun:
    """Read a run's events, gzip or not; of a run that was killed as far as they go.

    Args:
        events: the file.
        name: what the run is called.
        pictured: whether it is to be shown on a page.

    Raises:
        UserError: the file cannot be read, is no such log, or is of a side that only sends.
    """
    cells: list[CellObserver] = []
    pictures: list[PictureObserver] = []

    def watch(header: RunHeader) -> Sequence[Observer]:
        if header.measured is Role.SENDER and header.role != "server":
            raise _judges_no_frames(events, header)
        cells.append(CellObserver(header.plan))
        if pictured:
            pictures.append(PictureObserver(header.plan.interval_ns))
        return (*cells, *pictures)

    replayed = replay(events, {}, watch=watch)
    if Role.RECEIVER not in replayed.report.roles:
        raise _judges_no_frames(events, replayed.header)
    run = ComparedRun(
        name=name,
        header=replayed.header,
        report=replayed.report,
        missing=replayed.missing,
        cells=cells[0].cells,
        without_delays=cells[0].without_delays,
    )
    picture = None
    if pictured:
        picture = pictures[0].picture(name, replayed.header, replayed.report, replayed.missing)
    return ReadRun(run, picture)


def _judges_no_frames(events: Path, header: RunHeader) -> UserError:
    return UserError(
        f"'{events}' is of a {header.role} that sends, which judges no frames; allowed: the receiving side's events"
    )


def refuse_mixed(side: str, runs: Sequence[ComparedRun]) -> None:
    """Refuse a side whose runs are of different settings: what would be compared then is no network."""
    for run in runs[1:]:
        for each in differing_settings(runs[0].settings, run.settings):
            if each.key not in _MAY_DIFFER:
                raise UserError(
                    f"{side}: {runs[0].name} and {run.name} differ in {each.key} ({each.a}, {each.b}); allowed: "
                    "runs of the same settings on a side"
                )
