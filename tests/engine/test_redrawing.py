"""Who draws the present over the past is told of it every second, and nobody else more often than is configured."""

from __future__ import annotations

from cts.records.observer import Observer
from cts.records.snapshots import RunSnapshot
from tests.engine.small_stream import END, SECOND, config_of
from tests.engine.virtual_world import World, in_world

OVER = END + 1


class Told(Observer):
    """Remembers when it was told a status."""

    def __init__(self) -> None:
        self.times: list[int] = []

    def status(self, snapshot: RunSnapshot) -> None:
        self.times.append(snapshot.elapsed_ns)


def told(status_update: str, *, redraws: bool) -> tuple[list[int], list[int]]:
    """Return when everybody was told, and when the one who redraws was told besides."""
    everybody, drawing = Told(), Told()

    async def main(world: World) -> None:
        config = config_of(output={"status_update": status_update})
        session = world.session(config, observer=everybody)
        session.redrawing = [drawing] if redraws else []
        await session.run()

    in_world(main)
    return everybody.times, drawing.times


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
    assert told("10s", redraws=False) == ([0, OVER], [])
