"""Runs through a relay: logs of two clocks, and what lies too near an edge to be decided."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cts.config import Config
from cts.impairment.delay import Constant, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.protocol.roles import Direction
from cts.verification.verify import Verification, verify_run
from tests.examples import WHOLE_RUNS
from tests.verification.hand_written_logs import (
    DUE,
    FRAME_SIZE,
    MS,
    PAYLOAD_BIT,
    Desk,
    Events,
    Truth,
    opened_pull,
    opened_push,
)
from tests.verification.simulated_logs import PATH, Logs, as_relayed, config_of, simulated_logs

UNIX = 1_800_000_000_000_000_000
ON_TIME = {sequence: (sequence * 100 + 10) * MS for sequence in range(1, 6)}
ALL: list[tuple[int, int | None]] = [(FRAME_SIZE, ON_TIME[sequence]) for sequence in range(1, 6)]
NO_DATA = "ErrorNotAllDataTransferred"


def impaired_logs(folder: Path, config: Config, path: Impairment, seed: int = 1) -> Logs:
    """Simulate a run with an impairment on the way that frames take."""
    if config.stream.direction is Direction.PULL:
        return simulated_logs(folder, config, to_client=path, seed=seed)
    return simulated_logs(folder, config, to_server=path, seed=seed)


def relayed(folder: Path, direction: str, impairment: Impairment) -> Logs:
    logs = impaired_logs(folder, config_of(direction), impairment)
    as_relayed(logs, early_ns=700_000, late_ns=300_000)
    return logs


def real(truth: Truth) -> Truth:
    """Make it a relay's."""
    truth.lines[0]["began_unix_ns"] = UNIX
    return truth


def begun_at(began_ns: int, direction: str, received_ns: int = 110 * MS) -> Events:
    """Return the events of a real run in which frame 1 came, and which said that the stream began at an instant."""
    frames: list[tuple[int, int | None]] = [(FRAME_SIZE, received_ns), *[(0, None)] * 4]
    return Events(
        frames,
        direction=direction,
        began_unix_ns=UNIX,
        base_ns=began_ns,
        opened_ns=began_ns,
        started_ns=began_ns,
    )


def with_frame_3_at(desk: Desk, at_ns: int, size: int, error: int, tolerance_ns: int = 2 * MS) -> Verification:
    truth = opened_pull().frame(1, 110 * MS).frame(2, 210 * MS).frame(3, at_ns).frame(4, 410 * MS).frame(5, 510 * MS)
    frames = [*ALL[:2], (size, at_ns if size else None), *ALL[3:]]
    return desk.verify(truth, Events(frames, error=error, missed_bytes=FRAME_SIZE - size), tolerance_ns)


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_logs_of_two_clocks_agree_within_the_tolerance(tmp_path: Path, direction: str) -> None:
    logs = relayed(tmp_path, direction, Impairment(delay=Constant(20 * MS), loss=Bernoulli(0.1)))
    verification = verify_run(logs.events, logs.truth)
    assert verification.agrees
    assert (verification.tolerance_ns, verification.frames, verification.undecidable_frames) == (2 * MS, 20, 0)


def test_without_a_tolerance_they_differ(tmp_path: Path) -> None:
    logs = relayed(tmp_path, "pull", PATH)
    assert not verify_run(logs.events, logs.truth, tolerance_ns=0).agrees


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_a_wrong_rate_is_found_through_a_relay_too(tmp_path: Path, factor: float) -> None:
    logs = relayed(tmp_path, "pull", PATH)
    rate = logs.report.results[0].bits_per_second
    logs.change_events(
        lambda line: line.update(bits_per_second=int(rate * factor)), event="stream_ended", role="receiver"
    )
    assert [each.what for each in verify_run(logs.events, logs.truth).differences] == ["bits_per_second"]


@pytest.mark.parametrize("key", ["sender_qpc", "sender_qpf"])
def test_a_wrong_stamp_is_found_through_a_relay_too(tmp_path: Path, key: str) -> None:
    logs = relayed(tmp_path, "push", PATH)
    logs.change_events(lambda line: line.update({key: 5}), event="frame", sequence=7)
    assert [(each.what, each.sequence) for each in verify_run(logs.events, logs.truth).differences] == [(key, 7)]


def test_wrong_final_totals_are_found_through_a_relay_too(tmp_path: Path) -> None:
    logs = relayed(tmp_path, "pull", PATH)
    logs.change_events(lambda line: line.update(bytes_received=1), event="status", open_streams=0)
    (difference,) = verify_run(logs.events, logs.truth).differences
    assert difference.what.startswith("bytes_received of status at")


def test_a_wrong_verdict_is_found_through_a_relay_too(tmp_path: Path) -> None:
    logs = relayed(tmp_path, "push", PATH)
    logs.change_events(lambda line: line.update(verdict="dropped"), event="frame", sequence=7)
    assert [(each.what, each.sequence) for each in verify_run(logs.events, logs.truth).differences] == [("verdict", 7)]


@pytest.mark.parametrize("off_ns", [-2 * MS + 1, -1, 0, 1, 2 * MS])
@pytest.mark.parametrize(("size", "error"), [(FRAME_SIZE, 0), (0, 1)])
def test_what_comes_within_the_tolerance_of_a_render_time_may_count_or_not(
    desk: Desk, off_ns: int, size: int, error: int
) -> None:
    verification = with_frame_3_at(desk, DUE[3] + off_ns, size, error)
    assert (verification.agrees, verification.undecidable_frames) == (True, 1)


def test_what_comes_earlier_than_that_must_count(desk: Desk) -> None:
    assert with_frame_3_at(desk, DUE[3] - 2 * MS, FRAME_SIZE, 0).undecidable_frames == 0
    assert not with_frame_3_at(desk, DUE[3] - 2 * MS, 0, 1).agrees


def test_what_comes_later_than_that_must_not_count(desk: Desk) -> None:
    assert with_frame_3_at(desk, DUE[3] + 2 * MS + 1, 0, 1).undecidable_frames == 0
    assert not with_frame_3_at(desk, DUE[3] + 2 * MS + 1, FRAME_SIZE, 0).agrees


def test_an_undecidable_size_that_makes_no_difference_leaves_the_verdict_decided(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS).frame(2, 210 * MS).frame(3, DUE[3], size=50)
    for size, error in ((50, 0), (0, 1)):
        frames = [*ALL[:2], (size, DUE[3] if size else None), (0, None), (0, None)]
        verification = desk.verify(truth, Events(frames, error=error, missed_bytes=50 - size), 2 * MS)
        assert (verification.agrees, verification.undecidable_frames) == (True, 0)


def test_what_comes_near_the_edge_of_the_window_may_count_or_not(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS).frame(5, DUE[1] + MS)
    nothing: list[tuple[int, int | None]] = [(0, None)] * 3
    for frame, error in (((FRAME_SIZE, DUE[1] + MS), 0), ((0, None), 1)):
        rate = 2 * FRAME_SIZE * 8 * 10**9 // (DUE[1] + MS)
        events = Events(
            [ALL[0], *nothing, frame], error=error, missed_bytes=FRAME_SIZE - frame[0], bits_per_second=rate
        )
        verification = desk.verify(truth, events, 2 * MS)
        assert (verification.agrees, verification.undecidable_frames) == (True, 1)


def test_what_comes_near_the_end_is_an_error_or_nothing(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS).sent(b"junk!", DUE[5] - MS, DUE[5] - MS)
    for error, agrees in ((0, True), (1, True), (2, False)):
        events = Events([ALL[0], *[(0, None)] * 4], error=error)
        assert desk.verify(truth, events, 2 * MS).agrees is agrees


def test_a_frame_due_near_a_wrong_payload_may_be_rendered_or_not(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS).frame(2, DUE[1] + MS, bits=[PAYLOAD_BIT])
    result, ended_ns = "ErrorDataDidNotMatchBitPattern", DUE[1] + MS
    rendered = Events(ALL[:1], error=1, result=result, ended_ns=ended_ns)
    not_rendered = Events([], error=1, result=result, ended_ns=ended_ns, pending_bytes=FRAME_SIZE)
    two = Events([*ALL[:1], (0, None)], error=1, result=result, ended_ns=ended_ns)
    assert desk.verify(truth, rendered, 2 * MS).agrees
    assert desk.verify(truth, not_rendered, 2 * MS).agrees
    assert desk.found(truth, two, 2 * MS) == ["frame[2]", "frames.dropped"]


def test_first_data_near_the_first_render_time_leaves_the_stream_undecidable(desk: Desk) -> None:
    truth = opened_pull().frame(2, DUE[1] + MS)
    went_on = Events([(0, None), (FRAME_SIZE, DUE[1] + MS), *[(0, None)] * 3])
    gave_up = Events([], result=NO_DATA, ended_ns=DUE[1], dropped=5)
    for events in (went_on, gave_up):
        verification = desk.verify(truth, events, 2 * MS)
        assert (verification.agrees, verification.undecidable_streams) == (True, 1)


def test_a_wrong_payload_near_the_end_leaves_the_result_undecidable(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS).frame(5, DUE[5] + MS, bits=[PAYLOAD_BIT])
    verification = desk.verify(truth, Events([ALL[0], *[(0, None)] * 4]), 2 * MS)
    assert (verification.agrees, verification.undecidable_streams) == (True, 1)


def test_a_push_whose_server_answered_a_little_later_begins_then(desk: Desk) -> None:
    truth = opened_push()
    truth.lines[-1].update(t=MS, at=[MS])
    truth.frame(1, 110 * MS)
    events = Events([ALL[0], *[(0, None)] * 4], direction="push", began_unix_ns=UNIX)
    truth.lines[0]["began_unix_ns"] = UNIX
    assert desk.verify(truth, events).agrees


@pytest.mark.parametrize(
    ("began_ms", "differs"), [(-3, True), (-2, False), (6, False), (9, False), (11, False), (13, True)]
)
def test_a_push_may_begin_at_any_time_between_start_and_answer(desk: Desk, began_ms: int, differs: bool) -> None:
    truth = real(opened_push())
    truth.lines[-1].update(t=10 * MS, at=[10 * MS])
    truth.frame(1, 110 * MS)
    assert bool(desk.found(truth, begun_at(began_ms * MS, "push"), 2 * MS)) is differs


@pytest.mark.parametrize(("began_ms", "differs"), [(-103, True), (-102, False), (-5, False), (2, False), (3, True)])
def test_a_pull_may_begin_before_its_start_by_what_it_takes_to_make_a_stream(
    desk: Desk, began_ms: int, differs: bool
) -> None:
    truth = real(opened_pull()).frame(1, 90 * MS)
    assert bool(desk.found(truth, begun_at(began_ms * MS, "pull", received_ns=90 * MS), 2 * MS)) is differs


def test_render_times_count_from_when_a_stream_says_it_began(desk: Desk) -> None:
    truth = real(opened_push())
    truth.lines[-1].update(t=10 * MS, at=[10 * MS])
    truth.frame(1, 110 * MS).frame(2, DUE[2] + 3 * MS)
    events = Events([ALL[0], *[(0, None)] * 4], direction="push", began_unix_ns=UNIX, error=1)
    events.missed_bytes = FRAME_SIZE
    assert desk.found(truth, events, 2 * MS) == []
    events.base_ns = 3 * MS
    assert "time_ns[1]" in desk.found(truth, events, 2 * MS)


def test_a_start_repeated_while_the_answer_is_on_its_way_begins_the_stream_anew(desk: Desk) -> None:
    truth = real(opened_push()).start(5 * MS, 5 * MS)
    next(line for line in truth.lines if line.get("dir") == "to_client").update(t=10 * MS, at=[10 * MS])
    truth.frame(1, 110 * MS)
    events = Events([ALL[0], *[(0, None)] * 4], direction="push", began_unix_ns=UNIX, base_ns=5 * MS)
    assert desk.found(truth, events, MS) == []


def test_a_stream_may_be_told_of_as_long_before_it_begins_as_it_takes_to_make_one(desk: Desk) -> None:
    for early_ms, differences in ((102, []), (103, ["time_ns of stream_opened"])):
        truth = real(opened_pull()).frame(1, 110 * MS)
        events = Events([ALL[0], *[(0, None)] * 4], began_unix_ns=UNIX, opened_ns=-early_ms * MS)
        assert desk.found(truth, events, 2 * MS) == differences


def test_what_a_relay_could_not_send_never_came(desk: Desk) -> None:
    truth = real(opened_pull()).frame(1, 110 * MS).frame(2)
    truth.lines[-1]["fate"] = "unsent"
    assert desk.verify(truth, Events([ALL[0], *[(0, None)] * 4], began_unix_ns=UNIX)).agrees


def test_times_count_from_where_each_log_began(desk: Desk) -> None:
    truth = opened_pull().frame(1, 110 * MS)
    truth.lines[0]["began_unix_ns"] = UNIX
    events = Events([ALL[0], *[(0, None)] * 4], began_unix_ns=UNIX - MS)
    assert desk.verify(truth, events).agrees
    events.began_unix_ns = UNIX + 30 * MS
    assert {"time_ns of stream_opened", "received_ns[1]", "time_ns of stream_ended"} <= set(desk.found(truth, events))


@WHOLE_RUNS
@given(
    direction=st.sampled_from(["pull", "push"]),
    verify=st.sampled_from(["data", "count", "connection"]),
    low=st.sampled_from([5, 850, 895]),
    corrupt=st.sampled_from([0.0, 0.01, 0.2]),
    early_ns=st.integers(0, MS),
    late_ns=st.integers(0, MS),
    seed=st.integers(0, 2**32),
)
def test_what_the_tolerance_covers_is_no_difference(
    direction: str, verify: str, low: int, corrupt: float, early_ns: int, late_ns: int, seed: int
) -> None:
    """Latencies that end near render times."""
    path = Impairment(delay=Uniform(low * MS, 905 * MS), duplicate=0.1, corrupt=corrupt, loss=Bernoulli(0.05))
    with TemporaryDirectory() as folder:
        config = config_of(direction, stream={"verify": verify}, client={"connections": 3})
        logs = impaired_logs(Path(folder), config, path, seed)
        as_relayed(logs, early_ns=early_ns, late_ns=late_ns)
        verification = verify_run(logs.events, logs.truth)
    # A simulated network tells nothing of an answer to a client that is gone; a relay does.
    assume(not verification.unanswered)
    assert verification.differences == ()
