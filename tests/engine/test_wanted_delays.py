"""How frames' delays vary while a run goes on is counted where somebody watches who wants to know, and not else."""

from __future__ import annotations

import pytest

from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot
from tests.engine.small_stream import PLAN, config_of
from tests.engine.virtual_world import World, in_world


class Told(Observer):
    """Remembers how many frames' delays each status knew of."""

    def __init__(self, *, wants_delays: bool) -> None:
        self.wants_delays = wants_delays
        self.frames: list[int] = []

    def status(self, snapshot: RunSnapshot) -> None:
        self.frames.append(snapshot.delays.frames)


@pytest.mark.parametrize("wants", [False, True])
def test_delays_are_counted_if_somebody_wants_to_know(wants: bool) -> None:
    observer = Told(wants_delays=wants)

    async def main(world: World) -> None:
        await world.session(config_of(output={"status_update": "1s"}), observer=observer).run()

    in_world(main)
    assert observer.frames[-1] == (PLAN.final_frame if wants else 0)
