"""The payload pattern: the 16-bit numbers 0, 1, 2 … 32767, little-endian, repeated; each datagram starts at number 0."""

from __future__ import annotations

import struct

__all__ = ["PATTERN", "matches_pattern"]

_NUMBERS = 32768

PATTERN: bytes = struct.pack(f"<{_NUMBERS}H", *range(_NUMBERS))
"""One period, 65 536 bytes: longer than any UDP payload, so that every datagram's payload is a prefix of it."""


def matches_pattern(payload: bytes | memoryview) -> bool:
    """Tell whether ``payload`` is the pattern from its first number on."""
    return PATTERN.startswith(bytes(payload))
