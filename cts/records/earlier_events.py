"""What events of schema 1 lack of schema 2, so that one reader does for both where that is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import fields_dict

from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.loss import DueBytes
from cts.records.json_lines import Fields

__all__ = ["LACKING", "as_schema_2"]

LACKING: Final = "what was due, how late frames were sent, buffers, host, notes, and the run's clock"
"""What cannot be known of a run whose events are of schema 1, in words."""

_COUNTS: Final[dict[str, object]] = {
    "frames": dict.fromkeys(fields_dict(FrameTotals), 0),
    "arrivals": dict.fromkeys(fields_dict(ArrivalTotals), 0),
    "due": dict.fromkeys(fields_dict(DueBytes), 0),
    "unsent": {},
    "unreachable": 0,
    "bytes_of_no_frame": 0,
}
_LEFT_OUT: Final[dict[str, Mapping[str, object]]] = {
    "stream_ended": _COUNTS,
    "status": _COUNTS | {"refused": {}, "overflowed": 0},
}


def as_schema_2(event: str, fields: Fields) -> Fields:
    """Return an event of schema 1 with what it lacks: nothing was counted."""
    return fields.over(_LEFT_OUT.get(event, {}))
