"""The playout sweep of a simulated run, against running the simulation again with other depths of the buffer.

A run with another depth is the same experiment where both ends send the same. They do but for the beginning, since the depth
says when a client stops asking: at its first render time. Where in a pull a START went after the lesser of both first render
times, the run with that depth lacks it and what answers it; where in a push the name came after that time, it lacks the whole
stream. These pairs are left out; the last tests here show one of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.playout import Playout, PlayoutSweep
from cts.testing import OfferedDatagram, SimulatedRun, simulate
from cts.units import SECOND
from tests.examples import RUNS_OF_MANY_CASES
from tests.metrics.counted_receiver import Arrival, Received, received

RATE, FRAMES, DATAGRAMS = 20, 24, 3
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
    "loss and duplication": {
        "latency": "70ms",
        "jitter": "60ms",
        "loss": 0.05,
        "duplicate": 0.1,
        "keep_order": False,
    },
    "reordering": {"latency": "20ms", "reorder": 0.1, "reorder_delay": "170ms"},
    "jitter": {"latency": "120ms", "jitter": "100ms", "keep_order": False},
    "jitter in order": {"latency": "90ms", "jitter": "80ms", "delay_hold": "70ms"},
    "a link that fills its queue": {"latency": "20ms", "bandwidth": "180kbit/s", "queue": "16KiB"},
    "a link that is too slow": {"latency": "20ms", "bandwidth": "205kbit/s", "queue": "6KiB", "jitter": "20ms"},
    "an outage": {"latency": "60ms", "jitter": "10ms", "outages": [{"from": "600ms", "to": "840ms"}]},
    "congested-wifi": {"profile": "congested-wifi", "reorder": 0.05, "reorder_delay": "300ms"},
}


def verdict_at(playout: Playout, depth: int) -> str:
    """Return what the one frame comes to of which a sweep knows that it was whole."""
    row = playout.at(depth)
    return "completed" if row.completed else "repeated" if row.repeated else "dropped"


@frozen(slots=False)
class Experiment:
    """A run, and what is known of it from what the network did."""

    run: SimulatedRun
    direction: str

    @property
    def depth(self) -> int:
        return self.run.plan.buffered_frames

    @property
    def started(self) -> bool:
        return bool(self.run.stream.frames)

    @property
    def base_ns(self) -> int:
        """From when the receiver counts."""
        return self.run.stream.frames[0].due_ns - self.run.plan.render_offset_ns(1)

    @property
    def ended_ns(self) -> int:
        """When its receiver ended."""
        receiver = self.run.stream.receiver
        assert receiver is not None
        return receiver.ended_ns

    def sent_before(self, time_ns: int) -> list[OfferedDatagram]:
        """What the sending end sent."""
        way = "to_client" if self.direction == "pull" else "to_server"
        return [each for each in self.run.stream.offered if each.way == way and each.time_ns < time_ns]

    @cached_property
    def received(self) -> Received:
        """What came, by the network's account, and what a receiver would make of it."""
        positions: Counter[int] = Counter()
        arrivals = []
        for each in self.run.stream.offered if self.started else ():
            if (sequence := each.sequence) is not None:
                position = positions[sequence]
                positions[sequence] += 1
                arrivals += [Arrival(one.arrival_ns - self.base_ns, sequence, position) for one in each.arrivals]
        return received(
            arrivals,
            depth=self.depth,
            frames=FRAMES,
            datagrams=DATAGRAMS,
            step_ns=(SECOND, RATE),
            base_ns=self.base_ns if self.started else 0,
        )

    @property
    def verdicts(self) -> list[str]:
        """The run's own; a stream that never started tells of no frame, and drops all."""
        return [frame.verdict.value for frame in self.run.stream.frames] or ["dropped"] * FRAMES

    @property
    def playout(self) -> Playout:
        """The run's own."""
        receiver = self.run.stream.receiver
        assert receiver is not None
        assert receiver.playout is not None
        return receiver.playout

    def sweep(self, records: list[FrameRecord | MissedRecord]) -> Playout:
        sweep = PlayoutSweep(self.depth, FRAMES, RATE, SECOND)
        for record in records:
            if isinstance(record, FrameRecord):
                sweep.frame(record)
            else:
                sweep.missed(record)
        sweep.nothing_until(FRAMES)
        return sweep.playout()

    def sweep_of(self, sequence: int) -> Playout:
        """Tell a sweep of all frames, and of the others that they lacked something."""
        return self.sweep(
            [
                record._replace(whole_ns=None)
                if isinstance(record, FrameRecord) and record.sequence != sequence
                else record
                for record in self.received.records
                if isinstance(record, FrameRecord) or record.sequence == sequence
            ]
        )

    def same_as(self, other: Experiment) -> bool:
        """Tell whether nothing of the beginning came when the one with the lesser depth had given up."""
        if self.run.stream.receiver is None:
            return False
        offered = self.run.stream.offered
        asked = [each for each in offered if each.way == "to_server" and each.sequence is None]
        gave_up_ns = asked[0].time_ns + min(self.depth, other.depth) * SECOND // RATE
        if self.direction == "pull":
            return all(each.time_ns <= gave_up_ns for each in asked)
        named = [one.arrival_ns for each in offered if each.way == "to_client" for one in each.arrivals]
        return bool(named) and min(named) <= gave_up_ns


def experiment(depth: int, network: Mapping[str, object], seed: int, direction: str) -> Experiment:
    stream = {**STREAM, "direction": direction, "buffer_depth": f"{depth * 1000 // RATE}ms"}
    return Experiment(simulate({"stream": stream, "network": network}, seed=seed), direction)


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("network", NETWORKS)
@RUNS_OF_MANY_CASES
@given(
    seed=st.integers(0, 2**32), depth=st.integers(1, 12), others=st.sets(st.integers(1, FRAMES), min_size=2, max_size=4)
)
def test_running_again_with_another_buffer_gives_the_verdicts_of_the_sweep(
    network: str, direction: str, seed: int, depth: int, others: set[int]
) -> None:
    one = experiment(depth, NETWORKS[network], seed, direction)
    each = [one.sweep_of(sequence) for sequence in range(1, FRAMES + 1)]
    for other_depth in sorted(others):
        other = experiment(other_depth, NETWORKS[network], seed, direction)
        if not (one.same_as(other) and other.same_as(one)):
            continue
        ended_ns = min(one.ended_ns, other.ended_ns)
        assert other.sent_before(ended_ns) == one.sent_before(ended_ns)
        row, counts = one.playout.at(other_depth), Counter(other.verdicts)
        if other_depth <= depth:
            assert (row.completed, row.repeated, row.dropped) == tuple(
                counts[verdict] for verdict in ("completed", "repeated", "dropped")
            )
        elif other_depth <= one.playout.known:
            assert row.dropped == counts["dropped"]
        assert row.dropped >= counts["dropped"]
        if one.started or other_depth <= depth:
            seen = FRAMES - max(0, other_depth - depth)
            assert [verdict_at(playout, other_depth) for playout in each[:seen]] == other.verdicts[:seen]


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("network", NETWORKS)
@RUNS_OF_MANY_CASES
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 12))
def test_the_engine_tells_the_sweep_what_the_network_s_account_does(
    network: str, direction: str, seed: int, depth: int
) -> None:
    one = experiment(depth, NETWORKS[network], seed, direction)
    if one.run.stream.receiver is None:
        return
    assert one.playout == one.sweep(one.received.records)
    by_account = [record for record in one.received.records if isinstance(record, FrameRecord)]
    by_engine = [frame.record for frame in one.run.stream.frames if frame.record is not None]
    assert [(record.first_ns, record.whole_ns, record.again_ns) for record in by_engine] == [
        (record.first_ns, record.whole_ns, record.again_ns) for record in by_account
    ]


def test_in_a_pull_a_deeper_buffer_has_the_client_ask_again_where_the_first_start_was_lost() -> None:
    network = {"latency": "20ms", "to_server": {"outages": [{"from": "0s", "to": "1ms"}]}}
    shallow, deep = (experiment(depth, network, 1, "pull") for depth in (10, 20))
    assert not shallow.started
    assert set(deep.verdicts) == {"completed"}
    # What came shows how deep is deep enough, and so the deeper of both knows what the other one saw.
    assert deep.playout.smallest(100) == 13
    assert deep.playout.at(10).dropped == FRAMES


def test_in_a_push_the_sweep_cannot_know_that_the_client_would_have_given_up_before_it_was_answered() -> None:
    network = {"latency": "20ms", "to_client": {"outages": [{"from": "0s", "to": "100ms"}]}}
    shallow, deep = (experiment(depth, network, 1, "push") for depth in (10, 20))
    assert set(shallow.verdicts) == {"dropped"}
    assert set(deep.verdicts) == {"completed"}
    assert deep.playout.smallest(100) == 2
