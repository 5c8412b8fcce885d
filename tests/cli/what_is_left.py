"""What a run in this process must not leave behind: descriptors and threads."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.running_cts import PATIENCE_S
from tests.open_descriptors import open_descriptors


def _open_and_running() -> set[tuple[str, str]]:
    # What nobody refers to any more is closed when it is collected.
    gc.collect()
    ours = [each for each in threading.enumerate() if each.name.startswith("cts")]
    for thread in ours:
        # It has been told to end.
        thread.join(PATIENCE_S)
    return {*open_descriptors(), *(("thread", each.name) for each in ours if each.is_alive())}


@contextmanager
def nothing_is_left() -> Iterator[None]:
    """Refuse what is open or runs afterwards and was not before."""
    before = _open_and_running()
    yield
    assert not _open_and_running() - before
