"""Chance that can be repeated: a seed for a whole run, and from it a generator for each of its streams."""

from __future__ import annotations

import secrets
from hashlib import blake2b
from random import Random

__all__ = ["fresh_seed", "stream_random"]

_FRESH_BITS = 32
"""Few enough that a person types a seed again, enough that two runs hardly ever share one."""


def fresh_seed() -> int:
    """Return a seed for a run that was given none."""
    return secrets.randbits(_FRESH_BITS)


def stream_random(seed: int, number: int, purpose: str = "stream") -> Random:
    """Return the generator of a run's stream ``number`` (from 1) for a purpose, a pure function of its arguments.

    It depends neither on the hash seed nor on other streams, and is the same on every supported Python.
    """
    text = f"cts {purpose} 1 {seed} {number}"
    return Random(int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big"))
