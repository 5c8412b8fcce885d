"""What an end that only sends knows of what came: nothing by itself, and what the receiving ends told at their end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cts.expectations.json_keys import figure_at

__all__ = ["as_peers_told"]

_THEIRS = ("frames", "arrivals", "bytes_received")
_UNKNOWN = ("bytes_on_time",)
_OUTCOMES = ("successful", "network_errors", "protocol_errors", "cancelled")


def as_peers_told(paths: Iterable[str], figures: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the figures of a run that only sends, with what its peers counted in the place of its own, which are 0.

    None for a run that receives, and where no path is about what comes. Where not every stream's peer has told its results,
    what comes is not known.

    Args:
        paths: keys that are to be looked up.
        figures: what ``--json`` prints of the run.
    """
    if not _only_sends(figures) or not any(_is_theirs(path) for path in paths):
        return None
    begun = sum(_count(figures, f"connections.{each}") for each in _OUTCOMES) - _count(figures, "streams_never_began")
    # Results may come without counts, or with such as cannot be.
    whole = 0 < begun <= min(_count(figures, "peers.results"), _count(figures, "peers.received.streams"))
    theirs = {key: figure_at(figures, f"peers.received.{key}") if whole else None for key in _THEIRS}
    loss = figure_at(figures, "peers.received.loss") if whole else None
    return {**figures, **theirs, **dict.fromkeys(_UNKNOWN), "loss": loss or figures.get("loss")}


def _only_sends(figures: Mapping[str, object]) -> bool:
    # Of what was not there in time an end knows nothing that receives nothing.
    return "on_time" in _table(figures, "loss") and figure_at(figures, "loss.on_time") is None


def _is_theirs(path: str) -> bool:
    return path.partition(".")[0] in (*_THEIRS, *_UNKNOWN, "loss") and path not in ("loss.due", "loss.not_sent")


def _table(figures: Mapping[str, object], key: str) -> Mapping[str, object]:
    table = figures.get(key)
    return table if isinstance(table, Mapping) else {}


def _count(figures: Mapping[str, object], path: str) -> int:
    count = figure_at(figures, path)
    return count if isinstance(count, int) else 0
