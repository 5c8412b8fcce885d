"""In which settings two runs differ, as far as that bears on what is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from cts.protocol.plan import StreamPlan
from cts.records.events_header import RunHeader
from cts.records.results import RunReport
from cts.units import format_duration, format_frame_rate, format_rate

__all__ = ["SettingDifference", "differing_settings", "settings_of"]


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


def differing_settings(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[SettingDifference, ...]:
    """Return in which settings two runs differ, by their keys."""
    return tuple(SettingDifference(key, a[key], b[key]) for key in a if a[key] != b[key])


def settings_of(header: RunHeader, report: RunReport) -> Mapping[str, str]:
    """Return a run's settings by their keys: those of the streams that it received, as a client may ask for others."""
    plans = {end.plan or header.plan for end in report.received} or {header.plan}

    def of_all(write: Callable[[StreamPlan], str]) -> str:
        return ", ".join(sorted({write(plan) for plan in plans}))

    return {
        "stream.bits_per_second": of_all(lambda plan: format_rate(plan.bits_per_second)),
        "stream.frame_rate": of_all(lambda plan: f"{format_frame_rate(plan.frame_rate)} frames/s"),
        "stream.datagram_max_size": of_all(lambda plan: f"{plan.datagram_max_size} bytes"),
        "stream.stream_length": of_all(lambda plan: format_duration(plan.stream_length_ns)),
        "stream.buffer_depth": of_all(lambda plan: format_duration(plan.buffer_depth_ns)),
        "stream.direction": report.judged.value,
        "stream.verdict": header.verdict.value,
        "run": "simulated" if header.began_unix_ns == 0 else "real",
        "role": header.role,
    }
