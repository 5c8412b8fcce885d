"""Damage to one line of a log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cts.errors import UserError

__all__ = ["damage", "refusal_of"]


def damage(data: st.DataObject, path: Path) -> int:
    """Spoil one line of a log in a way that leaves all others as they are, and return its number."""
    lines = path.read_bytes().splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    kept = lines[at][: data.draw(st.integers(0, len(lines[at]) - 1))]
    lines[at] = kept + data.draw(st.sampled_from([b"", b"\xff", b"\x00", b"\xe2\x80", b"x" * 70_000]))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return at + 1


def refusal_of(read: Callable[[], object]) -> str:
    """Return what a log is refused with."""
    with pytest.raises(UserError) as caught:
        read()
    return str(caught.value)
