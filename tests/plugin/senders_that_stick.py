"""Senders that never come back from their third frame, each in one way; installed in a folder, as a plugin is."""

from __future__ import annotations

from pathlib import Path

__all__ = ["KINDS", "stuck_senders"]

KINDS = ("loops", "sleeps", "shields", "swallows")

_MODULE = """
import sys, time, trio
from cts.api import ISender

class Stuck(ISender):
    api = 1
    def __init__(self, options, plan): ...
    async def send_frame(self, frame, endpoint, peer, pacer):
        if frame.sequence == 3:
            print("stuck", file=sys.stderr, flush=True)
            await self.stick()
        return sum([await endpoint.send(peer, frame.stamp(pacer.now_ns()), payload) for payload in frame.payloads])

class Loops(Stuck):
    async def stick(self):
        while True: pass

class Sleeps(Stuck):
    async def stick(self): time.sleep(1000)

class Shields(Stuck):
    async def stick(self):
        with trio.CancelScope(shield=True): await trio.sleep_forever()

class Swallows(Stuck):
    async def stick(self):
        while True:
            try: await trio.sleep_forever()
            except trio.Cancelled: await trio.lowlevel.cancel_shielded_checkpoint()
"""


def stuck_senders(folder: Path) -> dict[str, str]:
    """Write them into a folder; return the environment in which they are found."""
    (folder / "sticking.py").write_text(_MODULE, encoding="utf-8")
    distribution = folder / "cts_sticking-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: cts-sticking\nVersion: 1.0\n", encoding="utf-8"
    )
    points = "".join(f"{kind} = sticking:{kind.capitalize()}\n" for kind in KINDS)
    (distribution / "entry_points.txt").write_text(f"[cts.senders]\n{points}", encoding="utf-8")
    return {"PYTHONPATH": str(folder)}
