"""Who draws the present over the past is told of it every second, and nobody else more often than is configured."""

from __future__ import annotations

from cts.engine.live_look import status_parts
from cts.output.ordering import PromptObserver
from cts.records.snapshots import RunSnapshot
from tests.engine.small_stream import END, SECOND, config_of
from tests.engine.virtual_world import World, in_world

OVER = END + 1


class Told(PromptObserver):
    """Remembers when it was told a status, and when it was to redraw."""

    def __init__(self, *, redraws: bool) -> None:
        self.redraws = redraws
        self.times: list[int] = []
        self.redrawn: list[int] = []

    def status(self, snapshot: RunSnapshot) -> None:
        self.times.append(snapshot.elapsed_ns)

    def redraw(self, snapshot: RunSnapshot) -> None:
        self.redrawn.append(snapshot.elapsed_ns)


def told(status_update: str, *, redraws: bool) -> tuple[list[int], list[int]]:
    """Return when a status was told, and when it was to be redrawn besides."""
    observer = Told(redraws=redraws)

    async def main(world: World) -> None:
        config = config_of(output={"status_update": status_update})
        await world.session(config, observer=observer).run()

    in_world(main)
    return observer.times, observer.redrawn


def test_between_two_statuses_a_drawing_is_told_every_second() -> None:
    everybody, drawing = told("10s", redraws=True)
    assert everybody == [0, OVER]
    assert drawing == [SECOND, 2 * SECOND]


def test_a_status_interval_that_is_no_whole_second_is_cut_into_even_parts() -> None:
    assert told("1500ms", redraws=True) == ([0, 3 * SECOND // 2, OVER], [3 * SECOND // 4, 9 * SECOND // 4])


def test_a_short_status_interval_needs_no_more() -> None:
    everybody, drawing = told("1s", redraws=True)
    assert (everybody, drawing) == ([0, SECOND, 2 * SECOND, OVER], [])


def test_where_nobody_draws_nothing_happens_between_two_statuses() -> None:
    assert told("2s", redraws=False) == ([0, 2 * SECOND, OVER], [])
    assert status_parts(2 * SECOND, Told(redraws=False)) == 1
