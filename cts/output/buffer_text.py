"""What buffers the kernel gave, in words, and what would have it give more."""

from __future__ import annotations

from cts.records.buffers import BufferRoom, SocketBuffers
from cts.units import format_size

__all__ = ["buffers_json", "buffers_text", "more_receive_buffer", "short_buffers"]

_LIMITS = {"receive": "net.core.rmem_max", "send": "net.core.wmem_max"}
"""What bounds a socket without privilege (socket(7))."""

_ENOUGH = 4 << 20
"""Bytes: less is not worth advising."""


def _named(buffers: SocketBuffers) -> tuple[tuple[str, BufferRoom], ...]:
    return ("receive", buffers.receive), ("send", buffers.send)


def buffers_text(buffers: SocketBuffers) -> str:
    """Return a line for the banner."""
    given = [
        f"{format_size(room.given)}{f' of {format_size(room.asked)}' if room.short else ''} to {name}"
        for name, room in _named(buffers)
    ]
    limits = [_LIMITS[name] for name, room in _named(buffers) if room.short]
    return f"buffers: {', '.join(given)}" + (f"; the rest is beyond {' and '.join(limits)}" if limits else "")


def short_buffers(buffers: SocketBuffers) -> list[str]:
    """Return what to tell where the kernel gave less than the configuration asks for."""
    return [
        f"run.{name}_buffer: the kernel gives {format_size(room.given)} of {format_size(room.asked)}; for all of it: "
        f"sysctl -w {_LIMITS[name]}={room.asked}, or run with CAP_NET_ADMIN"
        for name, room in _named(buffers)
        if room.short and room.by_name
    ]


def more_receive_buffer(buffers: SocketBuffers) -> str:
    """Return what to do where a receive buffer was full."""
    room = buffers.receive
    if room.short:
        return f"it has {format_size(room.given)}; for more: sysctl -w {_LIMITS['receive']}={room.asked}"
    more = max(2 * room.asked, _ENOUGH)
    after = f" after sysctl -w {_LIMITS['receive']}={more}" if room.limit is not None and more > room.limit else ""
    return f"it has {format_size(room.given)}; for more: run.receive_buffer = {format_size(more)!r}{after}"


def buffers_json(buffers: SocketBuffers | None) -> dict[str, dict[str, int]] | None:
    """Return both as what ``json.dumps`` takes, bytes; None where there are no real sockets."""
    if buffers is None:
        return None
    return {name: {"asked": room.asked, "given": room.given} for name, room in _named(buffers)}
