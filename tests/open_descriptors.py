"""Which descriptors this process has open: each by itself, since what earlier tests left behind may be collected any time."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

LISTED = Path("/proc/self/fd")


def open_descriptors() -> frozenset[tuple[str, str]]:
    """Return number and target of each, but of epolls: that of a network which never ran goes with its object, at last."""
    found = set()
    for each in LISTED.iterdir():
        with suppress(OSError):  # the one by which the folder is read
            found.add((each.name, str(each.readlink())))
    return frozenset(each for each in found if "eventpoll" not in each[1])
