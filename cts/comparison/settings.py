"""In which settings two runs differ, as far as that bears on what is measured."""

from __future__ import annotations

from attrs import frozen

from cts.records.events_header import RunHeader
from cts.units import format_duration, format_frame_rate, format_rate

__all__ = ["SettingDifference", "differing_settings"]


@frozen
class SettingDifference:
    """A setting that is not the same.

    Attributes:
        key: of the configuration, or ``run`` for what no key says.
        a, b: what it is on each side, as a person writes it.
    """

    key: str
    a: str
    b: str


def differing_settings(a: RunHeader, b: RunHeader) -> tuple[SettingDifference, ...]:
    """Return in which settings two runs differ, by their keys."""
    one, other = _settings(a), _settings(b)
    return tuple(SettingDifference(key, one[key], other[key]) for key in one if one[key] != other[key])


def _settings(header: RunHeader) -> dict[str, str]:
    plan = header.plan
    return {
        "stream.bits_per_second": format_rate(plan.bits_per_second),
        "stream.frame_rate": f"{format_frame_rate(plan.frame_rate)} frames/s",
        "stream.datagram_max_size": f"{plan.datagram_max_size} bytes",
        "stream.stream_length": format_duration(plan.stream_length_ns),
        "stream.buffer_depth": format_duration(plan.buffer_depth_ns),
        "stream.direction": header.direction.value,
        "stream.verdict": header.verdict.value,
        "run": "simulated" if header.began_unix_ns == 0 else "real",
        "role": header.role,
    }
