"""What a run is and what runs it, as its report and its events carry it. No name of the host, nor of anybody, is looked up."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping

from attrs import evolve

from cts import __version__
from cts.config import Config
from cts.records.provenance import Provenance
from cts.records.results import RunReport

__all__ = ["provenance_of", "with_provenance"]

_LONGEST = 16_384
"""Characters of a configuration that are carried: the events' first line has room for them."""


def provenance_of(config: Config, *, simulated: bool) -> Provenance:
    """Return what is to be said of a run.

    Args:
        config: what it was told.
        simulated: whether no host has a part in it; what comes out is then a function of the configuration and the seed.
    """
    written = _without_places(config.written)
    fits = len(json.dumps(written)) <= _LONGEST
    return Provenance(
        title=config.run.title,
        tags=config.run.tags,
        cts=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        kernel=None if simulated else f"{platform.system()} {platform.release()}",
        cpus=None if simulated else _processors(),
        configuration=written if fits else None,
    )


def with_provenance(report: RunReport, config: Config, *, simulated: bool) -> RunReport:
    """Return a report that says what its run was, and what was expected of it."""
    return evolve(report, provenance=provenance_of(config, simulated=simulated), expectations=config.expect)


def _without_places(written: Mapping[str, object]) -> Mapping[str, object]:
    """Leave out where the run was watched from, its logs went and its keys lay: nobody's business, and not measured."""
    kept = {
        name: {key: value for key, value in table.items() if key not in _PRIVATE and not key.endswith("_file")}
        if isinstance(table, Mapping)
        else table
        for name, table in written.items()
    }
    return {name: table for name, table in kept.items() if table or not written[name]}


_PRIVATE = {"console", "outcome_profiles", "psk_name"}


def _processors() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
