"""The files that a run reads: found beside its configuration, and overwritten by nothing that it writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from cts.config.key_sources import credential_of
from cts.config.problems import KeyPath, Problem, dotted, shown
from cts.config.toml_source import set_key
from cts.errors import UserError
from cts.impairment.way import WAYS

__all__ = ["files_of_run", "files_read", "overwritten", "refuse_same", "same_file", "with_files_beside"]

_KEYS: tuple[KeyPath, ...] = (
    ("run", "outcome_profiles"),
    ("server", "psk_file"),
    ("client", "psk_file"),
    *((*table, "latency", "file") for table in (("network",), *(("network", way) for way in WAYS))),
)


def files_read(raw: Mapping[str, object]) -> dict[KeyPath, Path]:
    """Return the files that what a TOML file held names, each by its key."""
    found: dict[KeyPath, Path] = {}
    for key in _KEYS:
        value: object = raw
        for part in key:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value.strip() and "\0" not in value and credential_of(value) is None:
            found[key] = Path(value)
    return found


def with_files_beside(raw: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Copy what a TOML file held, the files that it names being looked for in ``folder``."""
    table = dict(raw)
    for key, file in files_read(raw).items():
        set_key(table, key, str(folder / file))
    return table


def overwritten(raw: Mapping[str, object], written: Mapping[str, Path]) -> Iterable[Problem]:
    """Find those that are to be ``written`` as well, which are there by their key in ``[output]``."""
    read = {same_file(path): key for key, path in files_read(raw).items()}
    for key, path in written.items():
        if other := read.get(same_file(path)):
            yield Problem(("output", key), f"{shown(str(path))} is {dotted(other)}, which is read", (other,))


def files_of_run(source: str, written: Mapping[str, object], outputs: Mapping[str, Path]) -> dict[str, Path]:
    """Return every file that a run reads or writes, by what names it to a person.

    Args:
        source: the configuration's own.
        written: what that held, with what the command line laid over it.
        outputs: those that are to be written, by their key in ``[output]``.
    """
    folder = Path(source).parent
    read = {dotted(key): folder / file for key, file in files_read(written).items()}
    return {"CONFIG": Path(source), **read, **{f"output.{key}": file for key, file in outputs.items()}}


def refuse_same(option: str, path: Path, others: Mapping[str, Path]) -> None:
    """Refuse a file that is to be written and is one of some others, each by what names it; UserError with both names."""
    if str(path) == os.devnull:
        return
    for name, other in others.items():
        if same_file(other) == same_file(path):
            raise UserError(f"{option}: '{path}' is the file of {name}; allowed: another one")


def same_file(path: Path) -> str:
    """Return a text that is the same for two names of one file."""
    try:
        return os.path.realpath(path)
    except OSError:  # relative to a working directory that is gone
        return str(path)
