"""What a difference must be to matter."""

from __future__ import annotations

import pytest

from cts.comparison.compared_metrics import METRICS
from cts.comparison.weight import Weights
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures
from cts.units import MILLISECOND, SECOND

NAMED = {metric.name: metric for metric in METRICS}


@pytest.mark.parametrize(("fps", "seconds"), [(60, 1 / 960), (30, 0.002), (0.5, 0.002)])
def test_of_times_it_is_a_sixteenth_of_the_frame_interval_and_no_more_than_two_milliseconds(
    fps: float, seconds: float
) -> None:
    assert Weights.of(round(SECOND / fps), ()).times == pytest.approx(seconds)


def test_of_times_it_is_no_less_than_what_a_host_was_late_by_itself() -> None:
    lag = Histogram()
    for _ in range(100):
        lag.record(7 * MILLISECOND)
    assert Weights.of(SECOND // 60, (HostFigures(), HostFigures(loop_lag=lag))).times == pytest.approx(0.007, rel=0.01)


@pytest.mark.parametrize(("name", "weight"), [("loss", 1e-4), ("frozen", 1e-4), ("goodput", 8000), ("freezes", 1 / 60)])
def test_of_the_rest_it_is_one_in_ten_thousand_or_a_thousandth_or_one_in_an_hour(name: str, weight: float) -> None:
    assert Weights(0.001).of_metric(NAMED[name], 8e6) == pytest.approx(weight)
