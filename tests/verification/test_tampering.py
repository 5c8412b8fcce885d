"""One value changed in either log: the difference is found, and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
import pytest

from cts.impairment.loss import Ranges
from cts.protocol.wire import ConnectionId
from cts.verification.verify import Verification, verify_run
from tests.verification.simulated_logs import MS, PATH, Line, Logs, config_of, simulated_logs, write_lines

NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
LOSING_ONE = attrs.evolve(PATH, loss=Ranges(((8, 8),)))
"""The connection id is number 1, frame k the numbers 3k - 1 to 3k + 1: of frame 3 the first datagram is lost."""


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    logs = simulated_logs(tmp_path, config_of(), to_client=LOSING_ONE)
    assert verify(logs).agrees
    return logs


def verify(logs: Logs) -> Verification:
    return verify_run(logs.events, logs.truth)


def found(logs: Logs) -> list[tuple[str, int | None]]:
    return [(difference.what, difference.sequence) for difference in verify(logs).differences]


def setting(key: str, value: object) -> Callable[[Line], None]:
    return lambda line: line.update({key: value})


def adding(key: str, amount: int, line: Line) -> None:
    line[key] = int(str(line[key])) + amount


def counting(key: str, line: Line) -> None:
    frames = line["frames"]
    assert isinstance(frames, dict)
    frames[key] += 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (setting("verdict", "dropped"), "verdict"),
        (partial(adding, "size", -1), "size"),
        (partial(adding, "received_ns", 1), "received_ns"),
        (setting("received_ns", None), "received_ns"),
        (partial(adding, "time_ns", 1), "time_ns"),
    ],
)
def test_a_changed_frame_is_found(logs: Logs, change: Callable[[Line], None], what: str) -> None:
    logs.change_events(change, event="frame", sequence=5)
    assert found(logs) == [(what, 5)]


def test_a_dropped_frame_made_good_is_found(logs: Logs) -> None:
    logs.change_events(setting("verdict", "completed"), event="frame", sequence=3)
    (difference,) = verify(logs).differences
    assert str(difference) == (
        "stream 1, client 1, frame 3: verdict is 'completed' in the events, 'dropped' by the truth"
    )


def test_a_changed_sequence_is_found(logs: Logs) -> None:
    logs.change_events(setting("sequence", 6), event="frame", sequence=5)
    assert found(logs) == [("sequence", 5)]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (partial(counting, "completed"), "frames.completed"),
        (partial(counting, "dropped"), "frames.dropped"),
        (partial(counting, "repeated"), "frames.repeated"),
        (partial(counting, "error"), "frames.error"),
        (partial(adding, "bytes_received", 1), "bytes_received"),
        (partial(adding, "bits_per_second", 1), "bits_per_second"),
        (partial(adding, "time_ns", 1), "time_ns of stream_ended"),
        (setting("result", "ErrorNotAllDataTransferred"), "result"),
        (setting("outcome", "protocol error"), "outcome"),
        (setting("outcome", "cancelled"), "outcome"),
        (setting("id", NAME), "id"),
    ],
)
def test_a_changed_result_is_found(logs: Logs, change: Callable[[Line], None], what: str) -> None:
    logs.change_events(change, event="stream_ended", role="receiver")
    assert found(logs) == [(what, None)]


def test_a_changed_opening_is_found(logs: Logs) -> None:
    logs.change_events(partial(adding, "time_ns", 1), event="stream_opened", role="receiver")
    assert found(logs) == [("time_ns of stream_opened", None)]


def test_a_frame_that_is_missing_is_found(logs: Logs) -> None:
    lines = [json.loads(line) for line in logs.events.read_text().splitlines()]
    write_lines(logs.events, [line for line in lines if line.get("sequence") != 20])
    assert found(logs) == [("frame", 20)]


def test_a_frame_that_never_was_is_found(logs: Logs) -> None:
    lines = [json.loads(line) for line in logs.events.read_text().splitlines()]
    last = next(line for line in lines if line.get("sequence") == 20)
    lines.insert(lines.index(last) + 1, {**last, "sequence": 21})
    write_lines(logs.events, lines)
    assert found(logs) == [("frame", 21)]


def test_a_stream_that_is_missing_is_found(logs: Logs) -> None:
    lines = [json.loads(line) for line in logs.events.read_text().splitlines()]
    write_lines(logs.events, [line for line in lines if "stream" not in line])
    (difference,) = verify(logs).differences
    assert (difference.what, difference.stream, difference.client) == ("stream", None, 1)


def test_a_stream_of_another_port_is_found_on_both_sides(logs: Logs) -> None:
    logs.change_events(setting("local", "10.0.0.1:50000"), event="stream_opened", role="receiver")
    assert [(each.what, each.stream, each.client) for each in verify(logs).differences] == [
        ("stream", None, 1),
        ("stream", 1, None),
    ]


def test_a_stream_of_another_time_is_found_on_both_sides(logs: Logs) -> None:
    logs.change_events(partial(adding, "time_ns", 1000 * MS), event="stream_opened", role="receiver")
    assert found(logs) == [("stream", None), ("stream", None)]


def arriving(*arrivals: int, bits: tuple[int | None, ...] = ()) -> Callable[[Line], None]:
    fate = "delivered" if arrivals else "lost"
    return lambda line: line.update(at=list(arrivals), bits=list(bits) or [None] * len(arrivals), fate=fate)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (arriving(), [("size", 5), ("verdict", 5)]),
        (arriving(2000 * MS), [("size", 5), ("verdict", 5), ("frames.error", None)]),
        (arriving(520 * MS, 521 * MS), [("size", 5), ("verdict", 5)]),
        (arriving(520 * MS, bits=(0,)), [("size", 5), ("verdict", 5), ("frames.error", None)]),
        (arriving(520 * MS, bits=(16,)), [("size", 4), ("verdict", 4), ("size", 5), ("verdict", 5)]),
        (arriving(520 * MS, bits=(400,)), [("frame", 1), ("result", None), ("time_ns of stream_ended", None)]),
    ],
    ids=["lost", "late", "twice", "junk", "other frame", "wrong payload"],
)
def test_another_fate_of_a_datagram_is_found(
    logs: Logs, change: Callable[[Line], None], expected: list[tuple[str, int | None]]
) -> None:
    logs.change_truth(change, dir="to_client", n=14)  # of frame 5
    assert set(expected) <= set(found(logs))


def test_another_arrival_time_of_a_frames_last_datagram_is_found(logs: Logs) -> None:
    logs.change_truth(arriving(545 * MS), dir="to_client", n=16)
    assert found(logs) == [("received_ns", 5)]


def test_another_connection_id_is_found(logs: Logs) -> None:
    head = ConnectionId(NAME).encode().hex()
    logs.change_truth(setting("head", head), dir="to_client", n=1)
    assert found(logs) == [("id", None)]


def test_a_pull_that_began_later_is_found(logs: Logs) -> None:
    logs.change_truth(setting("t", 1), kind="client")
    logs.change_truth(setting("t", 1), dir="to_server", n=1)
    assert {("time_ns of stream_opened", None), ("time_ns", 1), ("time_ns", 20)} <= set(found(logs))


@pytest.mark.parametrize("other", ["count", "connection"])
def test_another_way_to_verify_is_found(tmp_path: Path, other: str) -> None:
    logs = simulated_logs(tmp_path, config_of(), to_client=attrs.evolve(PATH, corrupt=0.1))
    assert verify(logs).agrees
    logs.change_events(setting("verify", other), event="run_began")
    assert ("result", None) in found(logs)


def test_a_push_that_began_late_though_no_other_had_its_slot_is_found(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of("push"))
    assert verify(logs).agrees
    logs.change_truth(arriving(15 * MS), dir="to_server", n=1)
    assert found(logs) == [("time_ns of stream_opened", None)]


def test_every_difference_is_counted_and_the_first_hundred_are_listed(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of(client={"connections": 10}))
    lines = [json.loads(line) for line in logs.events.read_text().splitlines()]
    write_lines(logs.events, [{**line, "size": 1} if line["event"] == "frame" else line for line in lines])
    verification = verify(logs)
    assert (verification.differences_total, len(verification.differences)) == (200, 100)
    assert sum(row.differences for row in verification.streams) == 200
