"""A user's own profiles for Quality of Outcome, in the file that ``run.outcome_profiles`` names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cattrs.errors import IterableValidationError

from cts.config.problems import Problem
from cts.config.toml_source import read_toml
from cts.errors import ConfigError
from cts.metrics.quality_of_outcome import Profile
from cts.records.outcome_profiles import chosen_profile, profiles_in

__all__ = ["profile_problems", "read_profiles"]


def read_profiles(path: Path) -> Mapping[str, Profile]:
    """Read the profiles of a file, by their names. Opens regular files alone: a pipe would wait, a device need not end.

    Raises ValueError, or a group of them with one for each wrong profile.
    """
    name = repr(str(path))
    if path.exists() and not path.is_file():
        raise ValueError(f"{name} is not a file; allowed: a TOML file with a table for each profile")
    try:
        return profiles_in(read_toml(path), str(path))
    except ConfigError as error:
        wrong = [ValueError(f"{name}: {problem}") for problem in error.problems]
    raise IterableValidationError("bad profiles", wrong, Path)


def profile_problems(own: Mapping[str, Profile] | None, name: str | None) -> Iterable[Problem]:
    """Find a name that is no profile's, neither of one's own nor of those that are shipped."""
    try:
        chosen_profile(own, name)
    except ValueError as error:
        yield Problem(("run", "outcome_profile"), str(error), (("run", "outcome_profiles"),))
