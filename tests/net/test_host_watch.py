"""The watch on the host: what it sees of a loop that is late, of datagrams that lie unread, of the processors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from attrs import define

from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures
from cts.net.host_watch import HostWatch, ProcessorTimes, processor_times
from cts.testing import MockPacer

MS = 1_000_000
SECOND = 1000 * MS


@define(eq=False)
class World(MockPacer):
    """A host on a mock clock: wakes late once when told to, and knows what it is told of datagrams and processors."""

    streams: int = 0
    read_delay_ns: int = 0
    late_ns: int = 0
    busy: float = 0.5

    async def wait_until(self, due_ns: int) -> None:
        await super().wait_until(due_ns)
        late_ns, self.late_ns = self.late_ns, 0
        await trio.sleep(late_ns / SECOND)

    def take_read_delay_ns(self) -> int:
        taken, self.read_delay_ns = self.read_delay_ns, 0
        return taken

    def times(self, now_ns: int) -> ProcessorTimes:
        ticks = now_ns // MS
        return ProcessorTimes(now_ns, now_ns // 4, now_ns // SECOND, (ticks, round(ticks * self.busy), ticks // 10))


Step = Callable[[World], object]


async def watched(*steps: tuple[float, Step]) -> HostFigures:
    """Let the watch run, and after so many seconds each take a step; return what it saw."""
    world = World()
    watch = HostWatch(world, world, lambda: world.streams, world.times)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        for seconds, step in steps:
            await trio.sleep(seconds)
            step(world)
        figures = watch.figures()
        nursery.cancel_scope.cancel()
    return figures


def to(**values: float) -> Step:
    def step(world: World) -> None:
        for name, value in values.items():
            setattr(world, name, value)

    return step


def nothing(world: World) -> None: ...


BEGIN, END = to(streams=1), to(streams=0)


async def test_a_loop_that_wakes_in_time_has_no_lag(autojump_clock: trio.testing.MockClock) -> None:
    figures = await watched((0, BEGIN), (2, nothing))
    assert figures.loop_lag.count > 30
    assert figures.loop_lag.greatest < MS


async def test_a_standstill_is_seen_in_its_full_length_and_in_its_part_of_the_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    figures = await watched((0, BEGIN), (1, to(late_ns=500 * MS)), (1, nothing))
    assert 499 * MS < figures.loop_lag.greatest <= 501 * MS
    # A quarter of two seconds, in which lateness fell from the whole to nothing.
    assert 100 * MS < figures.loop_lag.percentile(85) < 300 * MS


async def test_a_standstill_that_lasts_past_the_end_of_the_run_is_seen(autojump_clock: trio.testing.MockClock) -> None:
    figures = await watched((0, BEGIN), (1, to(late_ns=60 * SECOND)), (3, END), (0, nothing))
    assert figures.loop_lag.greatest > 2 * SECOND


async def test_a_standstill_in_which_the_last_stream_ends_is_seen(autojump_clock: trio.testing.MockClock) -> None:
    figures = await watched((0, BEGIN), (1, to(late_ns=SECOND)), (0.5, END), (5, nothing))
    assert figures.loop_lag.greatest > 900 * MS


async def test_what_happens_while_no_stream_runs_says_nothing_of_any(autojump_clock: trio.testing.MockClock) -> None:
    figures = await watched(
        (1, to(late_ns=SECOND, read_delay_ns=SECOND)), (5, BEGIN), (1, END), (1, to(late_ns=SECOND)), (5, nothing)
    )
    assert figures.loop_lag.greatest < MS
    assert figures.read_delay_ns == 0
    assert figures.loop_lag.count < 25


async def test_the_longest_time_that_a_datagram_lay_unread_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    figures = await watched((0, BEGIN), (1, to(read_delay_ns=70 * MS)), (1, to(read_delay_ns=30 * MS)), (1, nothing))
    assert figures.read_delay_ns == 70 * MS


async def test_processors_are_watched_while_streams_run(autojump_clock: trio.testing.MockClock) -> None:
    figures = await watched((0.005, BEGIN), (4, END), (6, BEGIN), (2, nothing))
    assert figures.process_share == pytest.approx(0.25, abs=0.001)
    assert figures.host_share == pytest.approx(0.5, abs=0.01)
    assert figures.stolen_share == pytest.approx(0.1, abs=0.01)
    assert figures.preempted in (5, 6, 7)


async def test_a_moment_says_nothing_of_a_host_s_processors(autojump_clock: trio.testing.MockClock) -> None:
    figures = await watched((0, BEGIN), (0.099, nothing))
    assert (figures.host_share, figures.stolen_share) == (None, None)


async def test_who_has_seen_no_stream_knows_nothing(autojump_clock: trio.testing.MockClock) -> None:
    assert await watched((1, nothing)) == HostFigures()


def test_this_process_knows_its_own_processor_time() -> None:
    before = processor_times(1)
    sum(range(100_000))
    after = processor_times(2)
    assert after.process_ns > before.process_ns
    assert (before.at_ns, after.at_ns) == (1, 2)
    if before.host is not None and after.host is not None:
        assert all(busy <= total for total, busy, _ in (before.host, after.host))


@pytest.mark.parametrize("text", ["", "cpu 1 2", "intr 1 2 3 4 5 6 7 8 9", "cpu a b c d e f g h"])
def test_what_says_nothing_of_processors_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    stat = tmp_path_factory.mktemp("proc") / "stat"
    monkeypatch.setattr("cts.net.host_watch._PROC_STAT", stat)
    assert processor_times(1).host is None
    stat.write_text(text)
    assert processor_times(1).host is None


def test_processors_are_read_as_the_kernel_writes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stat = tmp_path_factory.mktemp("proc") / "stat"
    stat.write_text("cpu  100 1 20 700 30 4 5 6 50 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    monkeypatch.setattr("cts.net.host_watch._PROC_STAT", stat)
    assert processor_times(1).host == (866, 136, 6)


async def test_a_glance_while_streams_go_on_changes_nothing_of_what_is_told_in_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def seen(*, glances: bool) -> tuple[HostFigures, list[HostFigures]]:
        world, glanced = World(streams=1), []
        watch = HostWatch(world, world, lambda: world.streams, world.times)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            for _ in range(4):
                await trio.sleep(1.02)
                world.late_ns = 30 * MS
                if glances:
                    glanced.append(watch.glance(3, Histogram(), sends_when_due=True))
            figures = watch.figures()
            nursery.cancel_scope.cancel()
        return figures, glanced

    figures, glanced = await seen(glances=True)
    unseen, _ = await seen(glances=False)
    assert figures.loop_lag.greatest == pytest.approx(unseen.loop_lag.greatest, 1e-3)
    assert figures.preempted == unseen.preempted
    assert (figures.process_share, figures.host_share) == pytest.approx((unseen.process_share, unseen.host_share), 1e-3)
    assert [each.overflowed for each in glanced] == [3] * 4
    assert glanced[-1].process_share == pytest.approx(0.25)
    assert glanced[-1].loop_lag.greatest == pytest.approx(30 * MS, 1e-3)
