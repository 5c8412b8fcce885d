"""The playout sweep of a simulated run, against running the simulation again with every other depth of the buffer.

A run with another depth is the same experiment where what both ends sent is the same. The depth says when a client stops asking:
at its first render time. Where a START went after the lesser of both first render times, or in a push the name came after it, one
of the two runs has datagrams that the other has not, or no stream at all; these are left out.
"""

from __future__ import annotations

from collections import Counter

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.frame_record import FrameRecord
from cts.metrics.playout import Playout, PlayoutSweep
from cts.testing import OfferedDatagram, SimulatedRun, simulate
from cts.units import SECOND
from tests.metrics.counted_receiver import Arrival, Received, received

RATE, FRAMES, DATAGRAMS = 20, 30, 3
STEP_NS = SECOND // RATE
STREAM: dict[str, object] = {
    "bits_per_second": RATE * 8 * 1200,
    "frame_rate": RATE,
    "stream_length": f"{FRAMES * 1000 // RATE}ms",
    "datagram_max_size": 400,
}

NETWORKS: dict[str, dict[str, object]] = {
    "perfect": {},
    "loss": {"latency": "30ms", "loss": 0.05},
    "duplication": {"latency": "70ms", "jitter": "30ms", "duplicate": 0.1},
    "loss and duplication": {"latency": "70ms", "jitter": "60ms", "loss": 0.05, "duplicate": 0.1, "keep_order": False},
    "reordering": {"latency": "20ms", "reorder": 0.1, "reorder_delay": "170ms"},
    "jitter": {"latency": "120ms", "jitter": "100ms", "keep_order": False},
    "jitter in order": {"latency": "90ms", "jitter": "80ms", "delay_hold": "70ms"},
    "a link that fills its queue": {"latency": "20ms", "bandwidth": "180kbit/s", "queue": "16KiB"},
    "a link that is too slow": {"latency": "20ms", "bandwidth": "205kbit/s", "queue": "6KiB", "jitter": "20ms"},
    "an outage": {"latency": "60ms", "jitter": "10ms", "outages": [{"from": "600ms", "to": "840ms"}]},
    "congested-wifi": {"profile": "congested-wifi", "reorder": 0.05, "reorder_delay": "300ms"},
}


def run_with(depth: int, *, network: dict[str, object], seed: int, direction: str) -> SimulatedRun:
    stream = {**STREAM, "direction": direction, "buffer_depth": f"{depth * 1000 // RATE}ms"}
    return simulate({"stream": stream, "network": network}, seed=seed)


@frozen
class Experiment:
    """A run, and what is known of it from what the network did."""

    run: SimulatedRun
    direction: str

    @property
    def depth(self) -> int:
        return self.run.plan.buffered_frames

    @property
    def data_way(self) -> str:
        return "to_client" if self.direction == "pull" else "to_server"

    @property
    def base_ns(self) -> int:
        """From when the receiver counts; a stream that never started has no use for it."""
        frames = self.run.stream.frames
        return frames[0].due_ns - self.run.plan.render_offset_ns(1) if frames else 0

    def sent_before(self, time_ns: int) -> list[OfferedDatagram]:
        return [each for each in self.run.stream.offered if each.way == self.data_way and each.time_ns < time_ns]

    @property
    def ended_ns(self) -> int:
        receiver = self.run.stream.receiver
        assert receiver is not None
        return receiver.ended_ns

    @property
    def arrivals(self) -> list[Arrival]:
        positions: Counter[int] = Counter()
        found = []
        for each in self.run.stream.sent:
            assert each.sequence is not None
            position = positions[each.sequence]
            positions[each.sequence] += 1
            found += [Arrival(one.arrival_ns - self.base_ns, each.sequence, position) for one in each.arrivals]
        return found

    @property
    def received(self) -> Received:
        return received(
            self.arrivals,
            depth=self.depth,
            frames=FRAMES,
            datagrams=DATAGRAMS,
            step_ns=(SECOND, RATE),
            base_ns=self.base_ns,
        )

    @property
    def verdicts(self) -> list[str]:
        """The run's own; a stream that never started tells of no frame, and drops all."""
        return [frame.verdict.value for frame in self.run.stream.frames] or ["dropped"] * FRAMES

    @property
    def playout(self) -> Playout:
        sweep = PlayoutSweep(self.depth, FRAMES, RATE, SECOND)
        if self.run.stream.frames:
            for record in self.received.records:
                if isinstance(record, FrameRecord):
                    sweep.frame(record)
                else:
                    sweep.missed(record)
        sweep.nothing_until(FRAMES)
        return sweep.playout()

    def verdict(self, sequence: int, depth: int) -> str:
        sweep = PlayoutSweep(self.depth, FRAMES, RATE, SECOND)
        if self.run.stream.frames:
            for record in self.received.records:
                if isinstance(record, FrameRecord):
                    sweep.frame(record if record.sequence == sequence else record._replace(whole_ns=None))
                elif record.sequence == sequence:
                    sweep.missed(record)
        row = sweep.playout().at(depth)
        return "completed" if row.completed else "repeated" if row.repeated else "dropped"

    def same_as(self, other: Experiment) -> bool:
        """Tell whether neither asked, or in a push was answered, when the one with the lesser depth had given up."""
        asked = [each for each in self.run.stream.offered if each.way == "to_server" and each.sequence is None]
        gave_up_ns = asked[0].time_ns + min(self.depth, other.depth) * STEP_NS
        if self.direction == "pull":
            return all(each.time_ns <= gave_up_ns for each in asked)
        named = [one.arrival_ns for each in self.run.stream.offered if each.way == "to_client" for one in each.arrivals]
        return bool(named) and min(named) <= gave_up_ns


def experiment(depth: int, network: str, seed: int, direction: str) -> Experiment:
    return Experiment(run_with(depth, network=NETWORKS[network], seed=seed, direction=direction), direction)


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("network", NETWORKS)
@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**32), depth=st.integers(1, 12), others=st.sets(st.integers(1, FRAMES), min_size=1, max_size=4)
)
def test_running_again_with_another_buffer_gives_the_verdicts_of_the_sweep(
    network: str, direction: str, seed: int, depth: int, others: set[int]
) -> None:
    one = experiment(depth, network, seed, direction)
    playout = one.playout
    for other_depth in sorted(others):
        other = experiment(other_depth, network, seed, direction)
        if not (one.same_as(other) and other.same_as(one)):
            continue
        ended_ns = min(one.ended_ns, other.ended_ns)
        assert other.sent_before(ended_ns) == one.sent_before(ended_ns)
        row = playout.at(other_depth)
        if other_depth <= depth:
            swept = row.completed, row.repeated, row.dropped
            counts = Counter(other.verdicts)
            assert swept == (counts["completed"], counts["repeated"], counts["dropped"])
        elif other_depth <= playout.known:
            assert row.dropped == other.verdicts.count("dropped")
        assert row.dropped >= other.verdicts.count("dropped")
        seen = FRAMES if other_depth <= depth else FRAMES + depth - other_depth
        for sequence in range(1, seen + 1 if one.run.stream.frames or other_depth <= depth else 0):
            assert one.verdict(sequence, other_depth) == other.verdicts[sequence - 1]
