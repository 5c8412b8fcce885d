"""What a run in this process must not leave behind: descriptors and threads."""

from __future__ import annotations

import gc
import threading
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from tests.cli.running_cts import PATIENCE_S


def descriptors() -> int:
    """Return how many are open, but for epolls: that of a network which never ran goes with its object, at last."""
    kinds = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one by which the folder is read
            kinds.append(str(each.readlink()))
    return sum("eventpoll" not in kind for kind in kinds)


@frozen
class Left:
    """What is open and runs."""

    descriptors: int
    threads: list[str]

    @classmethod
    def now(cls) -> Left:
        # What nobody refers to any more is closed when it is collected.
        gc.collect()
        ours = [each for each in threading.enumerate() if each.name.startswith("cts")]
        for thread in ours:
            # It has been told to end.
            thread.join(PATIENCE_S)
        return cls(descriptors(), sorted(each.name for each in ours if each.is_alive()))
