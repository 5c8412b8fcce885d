"""``[output]``: who is told what happens, and where; and which files do not go together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from attrs import field, frozen

from cts.config.files_read import same_file
from cts.config.problems import Problem, problem_at, shown
from cts.config.scrape_address import ScrapeAddress
from cts.units import MILLISECOND, SECOND, Between, Duration

__all__ = ["OutputConfig", "file_problems"]


@frozen
class OutputConfig:
    """``[output]``: who is told what happens, and where.

    ``encoding`` is that of the four logs of the original. ``truth_file`` is for what the network is known to have done:
    written where it is simulated or impaired. ``prometheus`` is where metrics are served.
    """

    status_update: Annotated[Duration, Between(MILLISECOND)] = field(default=Duration(SECOND))
    console: Literal["auto", "live", "lines", "quiet"] = "auto"
    status_file: Path | None = None
    connection_file: Path | None = None
    jitter_file: Path | None = None
    error_file: Path | None = None
    events_file: Path | None = None
    truth_file: Path | None = None
    encoding: Literal["utf-8", "utf-16"] = "utf-8"
    prometheus: ScrapeAddress | None = None

    def files(self) -> dict[str, Path]:
        """Return every file that is to be written, by its key in ``[output]``."""
        keys = ("status_file", "connection_file", "jitter_file", "error_file", "events_file", "truth_file")
        return {key: path for key in keys if (path := getattr(self, key)) is not None}


def file_problems(output: OutputConfig) -> Iterable[Problem]:
    """Refuse a file that is named twice, and names that say what a file does not hold."""
    files = output.files()
    first: dict[str, str] = {}
    for key, path in files.items():
        other = first.setdefault(same_file(path), key)
        if other != key and str(path) != os.devnull:
            yield problem_at(f"output.{key}", f"{shown(str(path))} is output.{other} too", f"output.{other}")
    for key, what in (("error_file", "lines of text"), ("events_file", "JSON lines"), ("truth_file", "JSON lines")):
        if key in files and files[key].suffix.lower() == ".csv":
            yield problem_at(
                f"output.{key}", f"{shown(str(files[key]))} ends in .csv, but holds {what}; choose another name"
            )
