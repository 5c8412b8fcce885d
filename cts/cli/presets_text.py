"""The presets as ``--presets`` lists them."""

from __future__ import annotations

from cts.config import structure_config
from cts.config.presets import Preset, presets
from cts.config.quick_config import DEFAULT_STREAM
from cts.units import format_duration, format_frame_rate, format_rate

__all__ = ["preset_cells", "presets_text"]


def preset_cells(each: Preset) -> tuple[str, str, str, str]:
    """Return rate, frames per second, buffer and direction of a preset, for people."""
    stream = structure_config({"stream": {**DEFAULT_STREAM, **each.stream}}).stream
    return (
        format_rate(stream.bits_per_second),
        format_frame_rate(stream.frame_rate),
        format_duration(stream.buffer_depth),
        stream.direction.value,
    )


def presets_text() -> str:
    """Return a line for each preset."""
    lines = []
    for name, each in presets().items():
        rate, frame_rate, buffer, direction = preset_cells(each)
        lines.append(f"{name:<14} {rate:>11} {frame_rate:>4} frames/s {buffer:>7} buffer  {direction}  {each.summary}")
    return "\n".join(lines)
