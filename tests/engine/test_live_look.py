"""What is told of the streams that run to who draws the present, and to nobody else."""

from __future__ import annotations

import pytest

from cts.api import Histogram
from cts.engine.live_look import LOOKED_AT, LiveLook
from cts.impairment.delay import Constant, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.metrics.host import HostFigures
from cts.output.ordering import PromptObserver
from cts.records.live import STREAMS_SHOWN, LiveFigures, StreamOrder, worst_of
from cts.records.snapshots import RunSnapshot
from tests.engine.small_stream import LATENCY, MS, PATH, SECOND, SERVER, config_of
from tests.engine.virtual_world import World, in_world

# By which those that asked first are not those that are served first.
JITTERY = Uniform(10 * MS, 90 * MS)


class Told(PromptObserver):
    def __init__(self, *, redraws: bool = True) -> None:
        self.redraws = redraws
        self.figures: list[LiveFigures | None] = []

    def status(self, snapshot: RunSnapshot) -> None:
        self.figures.append(snapshot.live)


def figures(
    connections: int = 1,
    direction: str = "pull",
    *,
    redraws: bool = True,
    measured: int = 256,
    path: Impairment = PATH,
) -> list[LiveFigures | None]:
    """Return what was told at 0, 1, 2 s, and when all was over."""
    observer = Told(redraws=redraws)

    async def main(world: World) -> None:
        config = config_of(
            direction,
            client={"connections": connections},
            output={"status_update": "1s"},
            run={"measured_streams": measured},
        )
        await world.session(config, observer=observer).run()

    in_world(main, to_client=path, to_server=path)
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


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("path", [Impairment(delay=Constant(LATENCY), loss=Bernoulli(0.02)), Impairment(delay=JITTERY)])
def test_streams_that_nothing_is_wrong_with_are_left_out_only_where_nobody_would_see_them(
    direction: str, path: Impairment, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = figures(60, direction, measured=0, path=path)
    monkeypatch.setattr("cts.engine.live_look._has_trouble", lambda stream, counts: True)
    assert figures(60, direction, measured=0, path=path) == told
    live = told[2]
    assert live is not None
    assert 16 <= len(live.streams) < 60


def test_the_host_is_looked_at_often_at_first_and_then_every_five_seconds() -> None:
    looked: list[int] = []
    observer = Told()

    async def main(world: World) -> None:
        config = config_of(stream={"stream_length": "20s"}, output={"status_update": "1s"})
        session = world.session(config, observer=observer)

        def look(overflowed: int, lateness: Histogram) -> HostFigures:
            looked.append(world.pacer.now_ns() // SECOND)
            return HostFigures(loop_lag=Histogram.of_buckets({len(looked): 1}, len(looked)))

        session.look.at_host = look
        await session.run()

    in_world(main)
    # The last look is that of the run's end.
    assert looked == [0, 1, 2, 4, 8, 13, 18, 20]
    hosts = [live.hosts[0].loop_lag.count for live in observer.figures if live is not None]
    assert hosts == [1] * len(observer.figures)


def test_a_look_that_is_less_late_than_the_one_before_is_still_one_at_the_host() -> None:
    looked: list[int] = []

    def look_at_host(overflowed: int, lateness: Histogram) -> HostFigures:
        looked.append(now_ns // SECOND)
        return HostFigures()

    look = LiveLook(look_at_host)
    for second in range(10):
        now_ns = second * SECOND + (10 - second) * MS
        for _ in look.take([], [], 0, now_ns):
            pass
    assert looked == [0, 1, 2, 4, 8]


def test_a_run_that_is_abandoned_before_it_began_has_a_report() -> None:
    async def main(world: World) -> None:
        report = world.session(config_of(), observer=Told()).abandon()
        assert report.snapshot.interrupted

    in_world(main)
