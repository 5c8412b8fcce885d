"""What workers have told for a live view, put together."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from attrs import evolve

from cts.records.live import LiveFigures
from cts.runs.workers.worker_process import Worker

__all__ = ["live_of"]


def live_of(workers: Collection[Worker], measured: Collection[Worker]) -> LiveFigures | None:
    """Return what workers told last, under the run's numbers of streams; None where none has told anything.

    Args:
        workers: all of them: how the host serves each counts.
        measured: those whose streams count.
    """
    told = {worker: worker.snapshot.live for worker in workers if worker.snapshot.live is not None}
    if not told:
        return None
    parts = [
        live.renumbered({number: info.number for number, info in worker.infos.items()})
        for worker in measured
        if (live := told.get(worker)) is not None
    ]
    hosts = [evolve(host, name=worker.name) for worker, live in told.items() for host in live.hosts]
    streams = chain.from_iterable(part.streams for part in parts)
    return LiveFigures.of(streams, (part.media for part in parts), (part.playout for part in parts), hosts)
