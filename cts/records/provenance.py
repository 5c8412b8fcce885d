"""What a run was, in its user's words, and what ran it: so that a log says so wherever it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping

from attrs import frozen

from cts.records.json_lines import Fields

__all__ = ["Provenance", "provenance_written", "read_provenance"]


@frozen(kw_only=True)
class Provenance:
    """What a run was.

    Attributes:
        title, tags: the user's words; None and empty for none.
        cts: the version that ran it.
        python: the interpreter and its version.
        kernel: the system and its release; None in a simulation, which no host has a part in.
        cpus: processors that the run may use; None as ``kernel`` is.
        configuration: its tables as they were written, with what the command line laid over them, but without where logs went;
            None if they are too long.
    """

    title: str | None = None
    tags: tuple[str, ...] = ()
    cts: str
    python: str
    kernel: str | None = None
    cpus: int | None = None
    configuration: Mapping[str, object] | None = None


def provenance_written(provenance: Provenance) -> dict[str, object]:
    """Return it as an event and JSON have it."""
    return {
        "title": provenance.title,
        "tags": list(provenance.tags),
        "cts": provenance.cts,
        "python": provenance.python,
        "kernel": provenance.kernel,
        "cpus": provenance.cpus,
        "configuration": provenance.configuration,
    }


def read_provenance(fields: Fields) -> Provenance | None:
    """Return what the key ``provenance`` of an event says; None if it is not there.

    Raises:
        UserError: it is damaged.
    """
    told = fields.within_or_none("provenance")
    if told is None:
        return None
    configuration = told.object_or_none("configuration")
    try:
        json.dumps(configuration, allow_nan=False)
    except (ValueError, RecursionError):
        raise fields.refused("has a 'configuration' that JSON cannot hold") from None
    return Provenance(
        title=told.text_or_none("title"),
        tags=told.texts("tags"),
        cts=told.text("cts"),
        python=told.text("python"),
        kernel=told.text_or_none("kernel"),
        cpus=told.integer_or_none("cpus"),
        configuration=configuration,
    )
