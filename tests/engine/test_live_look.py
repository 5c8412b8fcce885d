"""What is told of the streams that run to who draws the present, and to nobody else."""

from __future__ import annotations

from cts.engine.live_look import LOOKED_AT
from cts.output.ordering import PromptObserver
from cts.records.live import STREAMS_SHOWN, LiveFigures, StreamOrder, worst_of
from cts.records.snapshots import RunSnapshot
from tests.engine.small_stream import SERVER, config_of
from tests.engine.virtual_world import World, in_world


class Told(PromptObserver):
    def __init__(self, *, redraws: bool = True) -> None:
        self.redraws = redraws
        self.figures: list[LiveFigures | None] = []

    def status(self, snapshot: RunSnapshot) -> None:
        self.figures.append(snapshot.live)


def figures(connections: int = 1, direction: str = "pull", *, redraws: bool = True) -> list[LiveFigures | None]:
    """Return what was told at 0, 1, 2 s, and when all was over."""
    observer = Told(redraws=redraws)

    async def main(world: World) -> None:
        config = config_of(direction, client={"connections": connections}, output={"status_update": "1s"})
        await world.session(config, observer=observer).run()

    in_world(main)
    return observer.figures


def test_who_does_not_draw_is_told_nothing() -> None:
    assert figures(redraws=False) == [None] * 4


def test_a_stream_that_runs_is_told_of_by_its_peer_and_what_became_of_its_frames() -> None:
    live = figures()[2]
    assert live is not None
    (stream,) = live.streams
    assert (stream.number, stream.peer, stream.dropped, stream.freezes) == (1, str(SERVER), 0, 0)
    assert stream.rendered == 10
    assert live.media is not None
    assert live.media.streams == 1
    assert live.playout is not None
    assert live.playout.smallest(100) == 2


def test_what_has_ended_counts_still() -> None:
    live = figures()[-1]
    assert live is not None
    assert live.streams == ()
    assert live.media is not None
    assert live.playout is not None
    assert live.playout.frames == 20


def test_of_very_many_streams_a_bounded_number_is_looked_at_and_told_of() -> None:
    live = figures(connections=100)[2]
    assert live is not None
    assert len(live.streams) <= STREAMS_SHOWN * len(StreamOrder)
    assert live.media is not None
    assert 0 < live.media.streams <= LOOKED_AT


def test_simulated_time_has_no_host() -> None:
    assert all(live is not None and live.hosts == () for live in figures())


def test_of_streams_that_are_as_bad_as_each_other_the_earliest_are_told() -> None:
    live = figures(connections=40)[2]
    assert live is not None
    assert [stream.number for stream in worst_of(live.streams, StreamOrder.DROPPED, 3)] == [1, 2, 3]
