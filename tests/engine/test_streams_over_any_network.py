"""What holds for every stream, whatever the network does to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cts.api import Outcome, RenderedFrame
from cts.impairment.delay import Constant, Normal, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.snapshots import StreamInfo
from cts.records.stream_results import UNKNOWN_CONNECTION_ID
from tests.engine.simulated_runs import both_sides, simulated
from tests.engine.small_stream import END, FIRST_RENDER, LAST_SEND, MS, PLAN, config_of
from tests.examples import WHOLE_RUNS

DIRECTIONS = ["pull", "push"]

rates = st.sampled_from([0.0, 0.02, 0.3])
impairments = st.builds(
    Impairment,
    delay=st.sampled_from([Constant(0), Constant(60 * MS), Uniform(0, 300 * MS), Normal(200 * MS, 200 * MS)]),
    keep_order=st.booleans(),
    loss=st.sampled_from([None, Bernoulli(0.1), Bernoulli(0.6), GilbertElliott(0.1, 0.3)]),
    reorder=rates,
    duplicate=rates,
    corrupt=rates,
    bandwidth_bits_per_second=st.sampled_from([None, 70_000, 200_000]),
    outages=st.sampled_from([(), ((700 * MS, 1500 * MS),), ((0, 550 * MS),)]),
)


class FrameSequences(Observer):
    """Keeps the sequence numbers of rendered frames by stream."""

    wants_frames = True

    def __init__(self) -> None:
        self.rendered: dict[int, list[int]] = {}

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        self.rendered.setdefault(stream.number, []).append(frame.sequence)


@WHOLE_RUNS
@given(direction=st.sampled_from(DIRECTIONS), to_client=impairments, to_server=impairments)
def test_every_frame_gets_one_verdict_and_every_stream_ends_at_its_computed_instant(
    direction: str, to_client: Impairment, to_server: Impairment
) -> None:
    sides = both_sides(
        direction,
        to_client=to_client,
        to_server=to_server,
        stream={"verify": "count"},
        client={"connections": 2},
    )
    for result in sides.receivers:
        frames = result.counts.frames
        assert frames.rendered == PLAN.final_frame
        # A client begins at once; a server begins anew with each START before the first data.
        nothing_came = result.result == "ErrorNotAllDataTransferred"
        lasts_ns = FIRST_RENDER if nothing_came else END
        base_ns = result.ended_ns - lasts_ns
        assert base_ns == result.started_ns if direction == "pull" else base_ns >= result.started_ns
        if nothing_came:
            assert frames.dropped == PLAN.final_frame
        else:
            named = result.connection_id != UNKNOWN_CONNECTION_ID
            assert result.result == ("Succeeded" if named else "ErrorNoConnectionId")
    for result in sides.senders:
        if result.outcome is Outcome.SUCCESSFUL:
            assert result.counts.bytes_sent == PLAN.transfer_size
            assert result.ended_ns - LAST_SEND >= result.started_ns


@WHOLE_RUNS
@given(direction=st.sampled_from(DIRECTIONS), to_client=impairments, to_server=impairments, seed=st.integers(0, 1000))
def test_verdicts_do_not_depend_on_when_and_how_often_anybody_looks(
    direction: str, to_client: Impairment, to_server: Impairment, seed: int
) -> None:
    def run(status_update: str, *observers: Observer) -> RunReport:
        config = config_of(
            direction,
            stream={"verify": "count"},
            client={"connections": 2},
            output={"status_update": status_update},
        )
        return simulated(config, to_client=to_client, to_server=to_server, seed=seed, observers=observers)

    sequences = FrameSequences()
    seldom = run("1h")
    assert run("7ms").results == seldom.results
    assert run("1h", sequences).results == seldom.results
    for rendered in sequences.rendered.values():
        assert rendered == sorted(set(rendered))


def test_latency_that_is_longer_than_a_client_s_buffer_drops_every_frame() -> None:
    result = both_sides("pull", to_client=Impairment(delay=Constant(FIRST_RENDER))).receiver
    assert (result.outcome, result.counts.frames.dropped) == (Outcome.PROTOCOL_ERROR, PLAN.final_frame)


def test_latency_that_is_longer_than_a_server_s_buffer_costs_a_push_nothing() -> None:
    """START took as long as the frames behind it."""
    result = both_sides("push", to_client=Impairment(), to_server=Impairment(delay=Constant(FIRST_RENDER - 1))).receiver
    assert (result.outcome, result.counts.frames.completed) == (Outcome.SUCCESSFUL, PLAN.final_frame)
