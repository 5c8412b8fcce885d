"""Runs over several processes: the workers, found as the operating system knows them, and which of them failed."""

from __future__ import annotations

import json
import os
import select
from pathlib import Path
from typing import cast

from tests.cli.running_cts import Finished

TWO = ("run.processes=2",)
HANGS_S = 20.0
"""After this long a run of several processes hangs."""


def failures(finished: Finished) -> list[str]:
    return cast("list[str]", json.loads(finished.stdout)["failures"])


def workers_of(pid: int) -> list[int]:
    """Return the process ids of a run's workers."""
    return _children_of(pid, b"cts.runs.workers.worker")


def presenters_of(pid: int) -> list[int]:
    """Return the process ids of who draws and serves metrics for a run."""
    return _children_of(pid, b"cts.runs.presenter.presenter")


def _children_of(pid: int, module: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and module in command:
            found.append(int(entry.name))
    return sorted(found)


class Watched:
    """Processes, by descriptors that no other process can take over."""

    def __init__(self, pids: list[int]) -> None:
        self._descriptors = [os.pidfd_open(pid) for pid in pids]

    def have_ended(self, patience_s: float) -> bool:
        """Wait until all have; closes the descriptors."""
        ended = True
        for descriptor in self._descriptors:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            ended = bool(poll.poll(patience_s * 1000)) and ended
            os.close(descriptor)
        return ended
