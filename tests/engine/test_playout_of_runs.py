"""Which buffer would have been enough: what a run and its streams report."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest

from cts.metrics.playout import Playout
from cts.testing import SimulatedRun, simulate

STREAM: dict[str, object] = {
    "bits_per_second": 80_000,
    "frame_rate": 10,
    "stream_length": "3s",
    "buffer_depth": "300ms",
    "datagram_max_size": 1000,
}


def run(direction: str = "pull", *, client: dict[str, object] | None = None, **network: object) -> SimulatedRun:
    config = {"stream": {**STREAM, "direction": direction}, "network": network, "client": client or {}}
    return simulate(config, seed=1)


def playouts(run: SimulatedRun) -> list[Playout]:
    found = [stream.receiver.playout for stream in run.streams if stream.receiver is not None]
    return [playout for playout in found if playout is not None]


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_the_run_s_own_depth_has_the_run_s_own_verdicts(direction: str) -> None:
    run_ = run(direction, latency="80ms", jitter="120ms", keep_order=False, duplicate=0.2)
    (playout,) = playouts(run_)
    own = playout.at(playout.buffered_frames)
    frames = run_.json["frames"]
    assert isinstance(frames, dict)
    assert (own.completed, own.repeated, own.dropped) == (frames["completed"], frames["repeated"], frames["dropped"])
    assert own.dropped
    assert own.repeated


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_deeper_buffer_would_have_had_what_came_late(direction: str) -> None:
    (playout,) = playouts(run(direction, reorder=0.1, reorder_delay="450ms", latency="20ms"))
    assert playout.at(playout.buffered_frames).dropped
    assert playout.smallest(95) == 6


def test_the_run_has_the_sum_of_its_streams() -> None:
    run_ = run(client={"connections": 3, "iterations": 2}, latency="80ms", jitter="70ms", keep_order=False)
    each = playouts(run_)
    total = reduce(add, each)
    assert (len(each), total.frames) == (6, 180)
    told = run_.json["playout"]
    assert isinstance(told, dict)
    rows = [[row.depth / 10, row.completed, row.repeated, row.dropped] for row in total.table()]
    assert told["depths"] == rows


def test_the_end_that_sends_has_none() -> None:
    sender = run().stream.sender
    assert sender is not None
    assert sender.playout is None


def test_a_stream_that_never_started_is_dropped_at_every_depth() -> None:
    run_ = run(loss=1.0)
    (playout,) = playouts(run_)
    assert (playout.frames, playout.known, playout.table()[-1].dropped) == (30, 3, 30)
    assert not [line for line in run_.summary.splitlines() if line.startswith("buffer")]


def test_a_stream_that_is_cut_off_has_what_was_rendered() -> None:
    config = {"stream": STREAM, "run": {"time_limit": "1550ms"}}
    (playout,) = playouts(simulate(config, seed=1))
    assert playout.frames == 13
