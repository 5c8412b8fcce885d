"""The engine on the simulated network, against verdicts recomputed from the truth: they agree, whatever the network does."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Outcome, StreamPlan
from cts.config import Config
from cts.impairment.delay import Constant, Delay, Normal, Pareto, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, EveryNth, GilbertElliott, Loss, Ranges
from cts.protocol.roles import Direction
from cts.runs.session_settings import plan_of
from cts.verification.arrivals import Decoder, Kind
from cts.verification.verify import Verification, verify_run
from tests.examples import WHOLE_RUNS
from tests.plugin.plugins_that_fail import RaisingSender, guarded_sender
from tests.verification.simulated_logs import MS, PATH, Logs, config_of, simulated_logs

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
VERIFY = pytest.mark.parametrize("verify", ["data", "count", "connection"])
NO_DATA = "ErrorNotAllDataTransferred"
MISMATCH = "ErrorDataDidNotMatchBitPattern"

IMPAIRED = {
    "nothing": Impairment(),
    "latency": PATH,
    "loss": Impairment(loss=Bernoulli(0.1)),
    "every third": Impairment(loss=EveryNth(3), delay=Constant(20 * MS)),
    "bursts": Impairment(loss=GilbertElliott(p=0.05, r=0.3), delay=Constant(20 * MS)),
    "reordering": Impairment(delay=Uniform(0, 400 * MS), keep_order=False),
    "much reordering": Impairment(delay=Constant(20 * MS), reorder=0.3, reorder_delay_ns=900 * MS),
    "duplicates": Impairment(delay=Constant(20 * MS), duplicate=0.4),
    "copies much later": Impairment(delay=Uniform(0, 1500 * MS), duplicate=1.0),
    "corruption": Impairment(delay=Constant(20 * MS), corrupt=0.02),
    "much corruption": Impairment(delay=Constant(20 * MS), corrupt=0.5, duplicate=0.5),
    "too little bandwidth": Impairment(bandwidth_bits_per_second=70_000),
    "a short queue": Impairment(bandwidth_bits_per_second=100_000, queue_bytes=900),
    "a small MTU": Impairment(mtu_bytes=300),
    "an outage": Impairment(outages=((300 * MS, 900 * MS),)),
    "as late as the buffer is deep": Impairment(delay=Uniform(850 * MS, 950 * MS)),
    "in the instant of the render time": Impairment(delay=Constant(450 * MS), loss=EveryNth(7)),
    "too late": Impairment(delay=Constant(950 * MS)),
    "a heavy tail": Impairment(delay=Pareto(minimum_ns=30 * MS, shape=1.2), keep_order=False),
    "everything": Impairment(
        delay=Normal(300 * MS, 200 * MS),
        keep_order=False,
        loss=Bernoulli(0.05),
        duplicate=0.1,
        reorder=0.1,
        corrupt=0.01,
        bandwidth_bits_per_second=90_000,
    ),
}


def verified(logs: Logs) -> Verification:
    verification = verify_run(logs.events, logs.truth)
    assert [str(difference) for difference in verification.differences] == []
    assert verification.undecidable_frames == verification.undecidable_streams == 0
    return verification


@BOTH
@VERIFY
@pytest.mark.parametrize("name", IMPAIRED)
def test_verdicts_are_those_of_the_truth(tmp_path: Path, direction: str, verify: str, name: str) -> None:
    config = config_of(direction, stream={"verify": verify}, client={"connections": 2})
    logs = simulated_logs(tmp_path, config, to_client=IMPAIRED[name], to_server=IMPAIRED[name], seed=5)
    verified(logs)


@BOTH
def test_a_clean_run_has_every_frame_compared(tmp_path: Path, direction: str) -> None:
    verification = verified(simulated_logs(tmp_path, config_of(direction, client={"connections": 3})))
    assert (len(verification.streams), verification.frames, verification.unanswered) == (3, 60, 0)
    assert {row.result for row in verification.streams} == {"Succeeded"}


def test_streams_one_after_the_other_are_told_apart(tmp_path: Path) -> None:
    config = config_of("push", client={"connections": 2, "iterations": 3})
    verification = verified(simulated_logs(tmp_path, config, to_server=Impairment(loss=Bernoulli(0.1))))
    assert [row.stream for row in verification.streams] == [1, 2, 3, 4, 5, 6]


def test_a_peer_that_waits_for_a_slot_begins_when_it_gets_one(tmp_path: Path) -> None:
    # A client is done with sending 1 s before the server is with rendering, and asks again.
    config = config_of("push", client={"iterations": 2}, server={"connection_limit": 1})
    verification = verified(simulated_logs(tmp_path, config))
    first, second = verification.streams
    assert second.opened_ns == first.ended_ns + 1
    assert second.result == "Succeeded"


def test_a_peer_that_is_gone_when_its_turn_comes_began_all_the_same(tmp_path: Path) -> None:
    # START takes longer than its client waits; the one of the next client comes when the run is over.
    config = config_of("push", stream={"buffer_depth": "500ms"}, client={"iterations": 2})
    verification = verified(simulated_logs(tmp_path, config, to_server=Impairment(delay=Constant(700 * MS))))
    assert [(row.opened_ns, row.result) for row in verification.streams] == [(700 * MS, NO_DATA)]
    assert verification.unanswered == 1


def test_a_start_that_comes_after_its_stream_has_ended_begins_another(tmp_path: Path) -> None:
    config = config_of("push", stream={"buffer_depth": "800ms"}, client={"iterations": 4})
    path = Impairment(delay=Uniform(0, 1500 * MS), keep_order=False, duplicate=1.0)
    gone = Impairment(loss=Bernoulli(1.0))
    verification = verified(simulated_logs(tmp_path, config, to_client=gone, to_server=path, seed=0))
    assert sorted(row.client for row in verification.streams) == [1, 1, 1, 2, 3, 3]


def sequences_of(logs: Logs, client: int) -> list[int]:
    """Return which frames a client was sent, in the order in which their datagrams left."""
    lines = [json.loads(line) for line in logs.truth.read_text().splitlines()]
    sent = [line for line in lines if line.get("client") == client and line.get("dir") == "to_client"]
    arrived = [Decoder().decode(line["head"], line["size"], None) for line in sent]
    return [each.sequence for each in arrived if each.kind is Kind.DATA]


def test_a_pulls_server_that_begins_anew_for_a_client_without_a_name_sends_from_then_on(tmp_path: Path) -> None:
    config = config_of(stream={"stream_length": "4s", "buffer_depth": "3s"}, client={"connections": 20})
    lossy = Impairment(loss=Bernoulli(0.6), delay=Constant(50 * MS))
    logs = simulated_logs(tmp_path, config, to_client=lossy, to_server=lossy)
    verification = verified(logs)
    assert "ErrorNoConnectionId" in {row.result for row in verification.streams}
    sent = [sequences_of(logs, row.client) for row in verification.streams]
    assert any(each != sorted(each) for each in sent)


def test_a_push_goes_on_beside_the_next_one_that_a_late_start_began(tmp_path: Path) -> None:
    config = config_of("push", stream={"buffer_depth": "2s"}, client={"connections": 8, "iterations": 2})
    late = Impairment(delay=Constant(400 * MS), reorder=0.4, reorder_delay_ns=1500 * MS)
    verification = verified(simulated_logs(tmp_path, config, to_client=late, to_server=late))
    rows = sorted(verification.streams, key=lambda row: (row.address, row.opened_ns))
    assert any(old.address == new.address and new.opened_ns < old.ended_ns for old, new in pairwise(rows))


@BOTH
def test_a_stream_that_was_cut_short_is_compared_up_to_there(tmp_path: Path, direction: str) -> None:
    config = config_of(direction, run={"time_limit": "1500ms"}, client={"connections": 2})
    verification = verified(simulated_logs(tmp_path, config, to_server=Impairment(), to_client=Impairment()))
    assert verification.cut_short == 2
    assert verification.frames == 2 * 5, "frames 1 to 5 are due before 1.5 s, and frame 6 in that instant"


def test_streams_over_ipv6_are_found(tmp_path: Path) -> None:
    config = config_of(server={"listen": ["[2001:db8::1]:4444"]}, client={"target": ["[2001:db8::1]:4444"]})
    (row,) = verified(simulated_logs(tmp_path, config)).streams
    assert row.address == "[fd00::0:1]:49152"


def some_delays() -> st.SearchStrategy[Delay]:
    milliseconds = st.integers(0, 1300).map(lambda each: each * MS)
    return st.one_of(
        milliseconds.map(Constant),
        # There and back, a multiple of many frame intervals: arrivals in the very instant of a render time.
        st.sampled_from([0, 50, 100, 150, 250, 450, 500]).map(lambda each: Constant(each * MS)),
        st.tuples(milliseconds, milliseconds).map(lambda pair: Uniform(min(pair), max(pair))),
        st.builds(Normal, st.just(200 * MS), milliseconds),
        st.builds(Pareto, minimum_ns=st.just(20 * MS), shape=st.floats(0.8, 3)),
    )


def some_losses() -> st.SearchStrategy[Loss | None]:
    return st.one_of(
        st.none(),
        st.builds(Bernoulli, st.sampled_from([0.02, 0.3, 0.9])),
        st.builds(EveryNth, st.integers(2, 9)),
        st.builds(GilbertElliott, p=st.just(0.1), r=st.just(0.3)),
        st.builds(Ranges, st.tuples(st.tuples(st.integers(1, 3), st.integers(3, 30)))),
    )


def some_impairments() -> st.SearchStrategy[Impairment]:
    return st.builds(
        Impairment,
        delay=some_delays(),
        keep_order=st.booleans(),
        loss=some_losses(),
        reorder=st.sampled_from([0.0, 0.0, 0.2]),
        duplicate=st.sampled_from([0.0, 0.0, 0.1, 1.0]),
        corrupt=st.sampled_from([0.0, 0.0, 0.01, 0.2]),
        bandwidth_bits_per_second=st.sampled_from([None, None, 40_000, 120_000]),
        mtu_bytes=st.sampled_from([None, None, None, 250]),
        outages=st.sampled_from([(), (), ((400 * MS, 900 * MS),)]),
    )


@st.composite
def some_configs(draw: st.DrawFn) -> Config:
    rate = Fraction(draw(st.sampled_from(["5", "7", "10", "24", "30", "30000/1001", "25/2"])))
    stream = {
        "bits_per_second": 8 * -(-rate * draw(st.integers(40, 700)) // 1),
        "frame_rate": str(rate),
        "stream_length": f"{draw(st.integers(250, 1500))}ms",
        "buffer_depth": f"{draw(st.integers(1000 // rate + 1, 1300))}ms",
        "datagram_max_size": draw(st.sampled_from([60, 100, 400, 1400])),
        "verify": draw(st.sampled_from(["data", "count", "connection"])),
    }
    connections = draw(st.integers(1, 3))
    client = {"connections": connections, "iterations": draw(st.sampled_from([1, 1, 2]))}
    server = {"connection_limit": draw(st.sampled_from([connections, 100]))}
    run = draw(st.sampled_from([{}, {}, {}, {"time_limit": "1s"}]))
    return config_of(draw(st.sampled_from(["pull", "push"])), stream=stream, client=client, server=server, run=run)


@WHOLE_RUNS
@given(
    config=some_configs(),
    to_client=some_impairments(),
    to_server=some_impairments(),
    seed=st.integers(0, 2**32),
)
def test_every_stream_ends_when_it_must_with_the_verdicts_of_the_truth(
    config: Config, to_client: Impairment, to_server: Impairment, seed: int
) -> None:
    plan = plan_of(config)
    with TemporaryDirectory() as folder:
        logs = simulated_logs(Path(folder), config, to_client=to_client, to_server=to_server, seed=seed)
        verification = verified(logs)
    rows = {(row.address, row.opened_ns): row for row in verification.streams}
    for result in logs.report.results:
        if result.outcome is Outcome.CANCELLED or result.role.value == "sender":
            continue
        peer = result.local if config.stream.direction is Direction.PULL else result.remote
        row = rows[str(peer), result.started_ns]
        counts = result.counts.frames
        if result.result == MISMATCH:
            assert counts.rendered <= plan.final_frame
        else:
            assert counts.rendered == plan.final_frame
        # A push begins anew with each START before the first data; a pull's base is its opening.
        last = plan.render_offset_ns(1) if result.result == NO_DATA else plan.end_offset_ns
        assert result.ended_ns == row.ended_ns
        if config.stream.direction is Direction.PULL and result.result != MISMATCH:
            assert result.ended_ns == result.started_ns + last
        elif result.result != MISMATCH:
            assert result.ended_ns >= result.started_ns + last


class FailsNowAndThen(RaisingSender):
    """Every other stream's sender raises, each at another frame."""

    made = 0

    def __init__(self, options: object, plan: StreamPlan) -> None:
        super().__init__(options, plan)
        FailsNowAndThen.made += 1
        self.at_frame = FailsNowAndThen.made * 3 % 20 if FailsNowAndThen.made % 4 < 2 else 0


@BOTH
@pytest.mark.parametrize("path", ["latency", "reordering", "bursts", "copies much later", "too late", "a heavy tail"])
def test_a_run_whose_senders_fail_agrees_too(tmp_path: Path, direction: str, path: str) -> None:
    client = {"connections": 6, "iterations": 2}
    config, way = config_of(direction, output={"status_update": "100ms"}, client=client), IMPAIRED[path]
    make_sender = guarded_sender(FailsNowAndThen)
    logs = simulated_logs(tmp_path, config, to_client=way, to_server=way, make_sender=make_sender)
    verified(logs)
    assert any(other.failed for stream in logs.report.streams for other in (stream.end, *stream.others))


@BOTH
def test_what_the_statuses_say_of_streams_rests_on_both_their_ends(tmp_path: Path, direction: str) -> None:
    logs = simulated_logs(tmp_path, config_of(direction), make_sender=guarded_sender(RaisingSender))
    assert verified(logs).agrees
    logs.change_events(lambda line: line.update(outcome="successful"), event="stream_ended", role="sender")
    found = [each.what.partition(" ")[0] for each in verify_run(logs.events, logs.truth).differences]
    assert {"outcomes.successful", "outcomes.protocol"} == set(found)
