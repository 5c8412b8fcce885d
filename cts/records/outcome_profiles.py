"""Profiles of applications for Quality of Outcome, from TOML: those that are shipped, and a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

import tomli

from cts.errors import ConfigError
from cts.metrics.quality_of_outcome import Profile, Requirement
from cts.units import parse_duration_ns, parse_rate

__all__ = ["chosen_profile", "default_profile", "profiles_in", "shipped_profiles"]

_DEFAULT = "interactive"
_KEYS = frozenset({"rate", "loss", "latency"})


@cache
def shipped_profiles() -> Mapping[str, Profile]:
    """Return the profiles that come with cts, by name."""
    file = files("cts.records") / "outcome_profiles.toml"
    return profiles_in(tomli.loads(file.read_text(encoding="utf-8")), file.name)


def default_profile() -> Profile:
    """Return the one that a run is scored by unless it names another."""
    return shipped_profiles()[_DEFAULT]


def chosen_profile(own: Mapping[str, Profile] | None, name: str | None) -> Profile:
    """Return the profile that a run is scored by.

    Args:
        own: a user's, which come before shipped ones of the same name; None for none.
        name: which one; None for the first of one's own, else the default.

    Raises:
        ValueError: there is none of that name; says which there are.
    """
    if name is None:
        return next(iter(own.values())) if own else default_profile()
    known = {**shipped_profiles(), **(own or {})}
    if name not in known:
        raise ValueError(f"{name!r} is no profile; allowed: {', '.join(map(repr, known))}")
    return known[name]


def profiles_in(tables: Mapping[str, object], source: str) -> dict[str, Profile]:
    """Read profiles, each a table by its name.

    Keys of ``latency`` are percentiles, with ``_`` for the point: ``99_9`` is 99.9 %.

    Args:
        tables: from TOML.
        source: where they came from, for messages.

    Raises:
        ConfigError: a table makes no profile, or there is none.
    """
    if not tables:
        raise ConfigError(source, ["holds no profile; allowed: at least one table"])
    profiles, problems = {}, []
    for name, table in tables.items():
        try:
            profiles[name] = _profile(name, table)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ConfigError(source, problems)
    return profiles


def _profile(name: str, table: object) -> Profile:
    keys = _table(table)
    if unknown := keys.keys() - _KEYS:
        raise ValueError(f"{min(unknown)} is not a key; allowed: {', '.join(sorted(_KEYS))}")
    latency = {
        _percent(percent): _requirement(f"latency.{percent}", value, lambda text: parse_duration_ns(str(text)))
        for percent, value in _table(keys.get("latency", {})).items()
    }
    if not latency:
        raise ValueError("latency has no percentile; allowed: at least one")
    loss = _requirement("loss", keys.get("loss"), _share)
    return Profile(
        name=name, latency=latency, loss=loss, rate=parse_rate(str(keys["rate"])) if "rate" in keys else None
    )


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a table")  # noqa: TRY004 - told as any other mistake in the file
    return value


def _percent(key: str) -> float:
    try:
        percent = float(key.replace("_", "."))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise ValueError(f"latency.{key} is not a percentile; allowed: more than 0 to 100")
    return percent


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is not a share; allowed: 0 to 1")
    return float(value)


def _requirement(key: str, value: object, read: Callable[[object], float]) -> Requirement:
    ends = _table({} if value is None else value)
    if ends.keys() != {"optimal", "unacceptable"}:
        raise ValueError(f"{key} needs optimal and unacceptable, and nothing else")
    try:
        return Requirement(read(ends["optimal"]), read(ends["unacceptable"]))
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
