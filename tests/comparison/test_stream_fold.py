"""What cells hold of a run is what the run's own metrics are."""

from __future__ import annotations

from pathlib import Path

import pytest

from cts.comparison.blocks import SideBlocks, Values
from cts.comparison.cells import CELLS, Cells, Sum, Times
from cts.comparison.compared_metrics import METRICS
from cts.expectations.definitions import metric_named
from cts.expectations.judging import measure
from cts.output.summary_json import summary_json
from cts.runs.compared_runs import read_run
from tests.report.recorded import LOSSY, recorded

ROUGH = (
    *LOSSY,
    "network.duplicate=0.01",
    "network.jitter=80ms",
    "stream.stream_length=20s",
    "stream.bits_per_second=480000",
    "network.outages=[{from='5s',to='6s'},{from='19s',to='60s'}]",
)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("compare") / "run.jsonl.gz", *ROUGH)


def test_over_the_whole_run_metrics_are_those_that_the_run_reported(events: Path) -> None:
    run = read_run(events, "run").run
    figures = summary_json(run.report)
    side = SideBlocks.of([run.cells])
    compared = 0
    for metric in METRICS:
        definition = metric_named(metric.name)
        if definition is None or metric.name == "freezes":
            continue
        reported, found = measure(definition, figures).value, Values(metric, side).of(side.whole())
        if metric.unit == "share":
            assert found == pytest.approx(reported, abs=1e-3), metric.name
        elif reported is not None:
            assert found == pytest.approx(reported, rel=0.06, abs=20e-6), metric.name
        compared += 1
    assert compared >= 11
    freezes = sum(cell.sums[Sum.FREEZES] for cell in run.cells)
    assert freezes == measure(metric_named("freezes"), figures).value  # type: ignore[arg-type]
    assert freezes > 0


def test_a_long_run_has_no_more_cells_than_a_short_one() -> None:
    cells = Cells()
    for second in range(7200):
        cells.at(second * 10**9).sums[Sum.FRAMES] += 1
        cells.at(second * 10**9).times[Times.PDV].record(second)
    assert CELLS // 2 <= len(list(cells)) <= CELLS
    assert sum(cell.sums[Sum.FRAMES] for cell in cells) == 7200
    assert sum(cell.times[Times.PDV].count for cell in cells) == 7200


def test_a_stretch_of_time_counts_where_it_lay() -> None:
    cells = Cells()
    width = cells.width_ns
    cells.spread(Sum.FROZEN_NS, width // 2, 3 * width)
    assert [cell.sums[Sum.FROZEN_NS] for cell in cells] == [width // 2, width, width, 0]


def test_a_side_is_all_of_its_runs_whatever_their_lengths() -> None:
    short, long = Cells(), Cells()
    for cells, frames, played in ((short, 100, 100), (long, 900, 450)):
        for frame in range(frames):
            sums = cells.at(frame * 10**8).sums
            sums[Sum.FRAMES] += 1
            sums[Sum.PLAYED] += frame < played
    side = SideBlocks.of([short, long])
    played_share = next(metric for metric in METRICS if metric.name == "played")
    assert Values(played_share, side).of(side.whole()) == 550 / 1000
