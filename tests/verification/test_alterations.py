"""One thing changed in either log of a run, whatever it is: the difference is found, or the file is refused.

The run is a rich one: loss, copies, reordering, flipped bits, late and early data, two streams that go on beside each other.
What no other line of the two logs depends on is not here: why a datagram was lost, and what was in it.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from attrs import frozen

from cts.errors import UserError
from cts.impairment.delay import Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.verification.verify import verify_run
from tests.verification.simulated_logs import MS, PATH, Line, config_of, simulated_logs, write_lines

OTHER_ID = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
RICH = Impairment(
    delay=Uniform(10 * MS, 300 * MS),
    keep_order=False,
    loss=Bernoulli(0.02),
    duplicate=0.1,
    corrupt=0.1,
    reorder=0.05,
    reorder_delay_ns=1300 * MS,
)
Lines = list[Line]
Alteration = Callable[[Lines], object]


def of(**where: object) -> Callable[[Lines], int]:
    """Return what finds the first line that has these values."""
    return lambda lines: next(
        index for index, line in enumerate(lines) if all(line.get(key) == value for key, value in where.items())
    )


def changed(key: str, change: object, **where: object) -> tuple[str, Alteration]:
    """Return an alteration of a key, ``a.b`` within an object: to a value, or by what a function makes of it."""

    def alter(lines: Lines) -> None:
        place: dict[str, object] = lines[of(**where)(lines)]
        *outer, inner = key.split(".")
        for each in outer:
            within = place[each]
            assert isinstance(within, dict)
            place = within
        before = place[inner]
        place[inner] = change(before) if callable(change) else change
        assert place[inner] != before

    return f"{' '.join(map(str, where.values()))}: {key}", alter


def more(value: int) -> int:
    return value + 1


def moved(value: list[int]) -> list[int]:
    return [each + 1 for each in value]


def removed(**where: object) -> tuple[str, Alteration]:
    return f"removed {where}", lambda lines: lines.pop(of(**where)(lines))


def doubled(**where: object) -> tuple[str, Alteration]:
    def alter(lines: Lines) -> None:
        at = of(**where)(lines)
        lines.insert(at, lines[at])

    return f"doubled {where}", alter


def swapped(one: dict[str, object], other: dict[str, object]) -> tuple[str, Alteration]:
    def alter(lines: Lines) -> None:
        here, there = of(**one)(lines), of(**other)(lines)
        lines[here], lines[there] = lines[there], lines[here]

    return f"swapped {one} {other}", alter


FRAME = {"event": "frame", "stream": 1, "sequence": 4}
ENDED = {"event": "stream_ended", "stream": 1, "role": "receiver"}
OPENED = {"event": "stream_opened", "stream": 1, "role": "receiver"}
SENT = {"event": "stream_ended", "stream": 1, "role": "sender"}
SENDING = {"event": "stream_opened", "stream": 1, "role": "sender"}
COUNTS = (
    *(f"frames.{key}" for key in ("completed", "dropped", "repeated", "error")),
    "bytes_received",
    "bytes_on_time",
    "bytes_sent",
    *(
        f"arrivals.{key}"
        for key in [
            "on_time",
            "late",
            "ahead",
            "no_such_frame",
            "undecodable",
            "wrong_payload",
            "unexpected",
            "handshake",
            "duplicate",
        ]
    ),
    "frames.hidden_losses",
)
RECORD: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("due", (2,)),
    ("distinct", (1, 2)),
    ("distinct", (3, 2)),
    ("distinct_size", (999, 999)),
    ("duplicate", (1, 2)),
    ("duplicate", (0, 2)),
    ("missing", ([], [0, 0])),
    ("missing", ([1, 1], [0, 0])),
    ("missing", (None,)),
    *((key, (None, 7)) for key in ("first_ns", "last_ns", "whole_ns", "again_ns")),
    *((key, (7,)) for key in ("first_ns", "last_ns", "whole_ns", "again_ns")),
    *((key, (7,)) for key in ("transit_ns", "least_transit_ns", "greatest_transit_ns")),
    *((key, (None,)) for key in ("transit_ns", "least_transit_ns", "greatest_transit_ns")),
    ("extents", ([1], [2])),
    ("extents", ([], [1])),
)
"""Of each key of what is known of a frame's datagrams, values of which the first is told that is not told already."""
MISSED: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("event", ("late",)),
    ("time_ns", (7,)),
    ("stream", (1, 2)),
    ("sequence", (1, 2)),
    ("late_ns", (7,)),
    ("size", (199,)),
    ("transit_ns", (7,)),
    ("datagrams", (2,)),
    ("fresh", (0, 1)),
    ("fresh", (None,)),
    ("missing", ([], [0, 0])),
    ("missing", ([1, 1], [0, 0])),
    ("missing", (None,)),
    ("whole", (True, False)),
    ("again", (True, False)),
    ("extents", ([1], [2])),
)
SAMPLES: dict[str, Callable[[Line], bool]] = {
    "a plain frame": lambda line: line["event"] == "frame" and not {"missing", "duplicate"} & line.keys(),
    "a frame with copies": lambda line: line["event"] == "frame" and "duplicate" in line and "missing" not in line,
    "a frame with holes": lambda line: line["event"] == "frame" and line.get("missing") in ([0, 0], [1, 1], [2, 2]),
    "late and missing still": lambda line: line["event"] == "missed" and "missing" in line,
    "late and whole then": lambda line: line["event"] == "missed" and "whole" in line,
    "a late copy": lambda line: line["event"] == "missed" and line.get("fresh") == 0 and "again" in line,
}


def told(line: Line, key: str) -> object:
    """Return what an event says by a key, or by its not being there."""
    left_out: Line = {"distinct": 3, "distinct_size": line["size"], "duplicate": 0, "missing": [], "again_ns": None}
    left_out |= {"extents": [], "datagrams": 1, "fresh": 1, "whole": False, "again": False}
    left_out["whole_ns"] = None if line.get("missing") else line.get("received_ns")
    return line.get(key, left_out.get(key, line.get("received_ns")))


def other(key: str, values: tuple[object, ...], sample: str) -> tuple[str, Alteration]:
    """Return an alteration of a key that may be left out, to the first of some values that it has not."""

    def alter(lines: Lines) -> None:
        line = lines[of(sample=sample)(lines)]
        line[key] = next(value for value in values if value != told(line, key))

    return f"{sample}: {key} {values}", alter


def of_events() -> Iterator[tuple[str, Alteration]]:
    key: str
    change: object
    began = {"event": "run_began"}
    yield changed("event", "begun", **began)
    yield changed("time_ns", 1, **began)
    yield changed("schema", 3, **began)
    yield changed("began_unix_ns", 1, **began)
    yield changed("role", "client", **began)
    yield changed("role", "server", **began)
    yield changed("direction", lambda way: "push" if way == "pull" else "pull", **began)
    yield changed("verify", "data", **began)
    yield changed("verify", "connection", **began)
    yield changed("bits_per_second", 80_080, **began)
    yield changed("frame_rate", 11, **began)
    yield changed("frame_rate", "10000/1001", **began)
    yield changed("stream_length_ns", 2_100 * MS, **began)
    yield changed("buffer_depth_ns", 1_100 * MS, **began)
    yield changed("datagram_max_size", 401, **began)
    yield changed("status_interval_ns", more, **began)
    yield changed("seed", more, **began)
    for key, change in (
        ("event", "opened"),
        ("time_ns", more),
        ("stream", 7),
        ("local", "10.0.0.9:49152"),
        ("remote", "10.0.0.9:49152"),
        ("role", "sender"),
    ):
        yield changed(key, change, **OPENED)
    for key, change in (
        ("event", "frames"),
        ("time_ns", more),
        ("stream", 2),
        ("stream", 3),
        ("sequence", 5),
        ("verdict", lambda verdict: "dropped" if verdict == "completed" else "completed"),
        ("size", more),
        ("received_ns", more),
        ("received_ns", None),
        ("sender_qpc", more),
        ("sender_qpf", more),
        ("sender_qpf", None),
    ):
        yield changed(key, change, **FRAME)
    for sample in SAMPLES:
        for key, values in RECORD if "frame" in sample else MISSED:
            yield other(key, values, sample)
        yield removed(sample=sample)
        yield doubled(sample=sample)
    for key, change in (
        ("event", "ended"),
        ("time_ns", more),
        ("stream", 2),
        ("id", OTHER_ID),
        ("local", "10.0.0.9:49152"),
        ("remote", "10.0.0.9:49152"),
        ("role", "sender"),
        ("outcome", "protocol error"),
        ("outcome", "cancelled"),
        ("result", "ErrorNotAllDataTransferred"),
        ("started_ns", more),
        ("bits_per_second", more),
        ("unsent", {"Network is unreachable": {"frames": 1, "time_ns": 1}}),
        *((key, more) for key in COUNTS),
    ):
        yield changed(key, change, **ENDED)
    for key, change in (
        ("event", "ended"),
        ("stream", 3),
        ("role", "receiver"),
        ("outcome", "protocol error"),
        ("bytes_sent", more),
    ):
        yield changed(key, change, **SENT)
    for key, change in (("event", "opened"), ("stream", 3), ("role", "receiver")):
        yield changed(key, change, **SENDING)
    for status in ({"event": "status", "time_ns": 2_000 * MS}, {"event": "status", "open_streams": 0, "last": True}):
        for key in (
            "time_ns",
            "open_streams",
            *COUNTS,
            *(f"outcomes.{each}" for each in ("successful", "network error", "protocol error", "cancelled")),
            "overflowed",
            "unreachable",
        ):
            yield changed(key, more, **status)
        yield changed("unsent", {"Network is unreachable": {"frames": 1, "time_ns": 1}}, **status)
        yield changed("refused", lambda refused: {**refused, "START of another kind": 50}, **status)
        yield changed("event", "state", **status)
        yield removed(**status)
        yield doubled(**status)
    yield changed("event", "run_over", event="run_ended")
    yield changed("time_ns", more, event="run_ended")
    yield changed("cut_off_by_time_limit", 1, event="run_ended")
    yield changed("interrupted", True, event="run_ended")
    for line in (began, OPENED, FRAME, ENDED, SENDING, SENT, {"event": "run_ended"}):
        yield removed(**line)
        yield doubled(**line)
    yield swapped(OPENED, {**OPENED, "stream": 2})
    yield swapped(FRAME, {**FRAME, "sequence": 5})
    yield swapped(FRAME, {**FRAME, "stream": 2, "sequence": 8})
    yield swapped({**FRAME, "sequence": 15}, ENDED)
    yield swapped({"event": "status", "time_ns": 1_000 * MS}, {"event": "status", "time_ns": 2_000 * MS})


def of_truth() -> Iterator[tuple[str, Alteration]]:
    key: str
    change: object
    began, client, ended = {"kind": "began"}, {"kind": "client", "client": 1}, {"kind": "ended"}
    start = {"kind": "datagram", "client": 1, "dir": "to_server", "n": 1}
    data = {"kind": "datagram", "client": 1, "marked": True}
    for key, change in (("kind", "start"), ("schema", 2), ("seed", more), ("began_unix_ns", 1)):
        yield changed(key, change, **began)
    for key, change in (
        ("kind", "host"),
        ("client", 9),
        ("t", more),
        ("address", "10.0.0.9:49152"),
        ("upstream", "10.0.0.9:49152"),
    ):
        yield changed(key, change, **client)
    for key, change in (("t", more), ("size", 6), ("head", "5354415255"), ("n", 2), ("dir", "to_client")):
        yield changed(key, change, **start)
    for key, change in (
        ("kind", "packet"),
        ("t", lambda at_ns: at_ns + 5_000 * MS),
        ("t", lambda at_ns: at_ns - 5_000 * MS),
        ("client", 2),
        ("client", 9),
        ("dir", lambda way: "to_server" if way == "to_client" else "to_client"),
        ("dir", "away"),
        ("n", more),
        ("size", more),
        ("head", lambda head: head[:4] + "05" + head[6:]),
        ("head", lambda head: head[:20] + "05" + head[22:]),
        ("head", lambda head: head[:36] + "05" + head[38:]),
        ("head", lambda head: head[:60] + "05" + head[62:]),
        ("head", lambda head: head[2:]),
        ("fate", "lost"),
        ("fate", "eaten"),
        ("at", moved),
        ("at", []),
        ("at", lambda at: [*at, at[0] + 1]),
        ("bits", [0]),
        ("bits", [16]),
        ("bits", [80]),
        ("bits", [300]),
        ("bits", []),
    ):
        yield changed(key, change, **data)
    for key, change in (("kind", "end"), ("t", more), ("datagrams", more)):
        yield changed(key, change, **ended)
    for line in (began, client, start, data, ended):
        yield removed(**line)
        yield doubled(**line)
    yield swapped(start, data)
    yield swapped(client, start)


def named(alterations: Iterator[tuple[str, Alteration]]) -> list[object]:
    return [pytest.param(alter, id=name) for name, alter in alterations]


def read(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text().splitlines()]


@frozen
class Originals:
    """The two logs, as files and as what is altered: lines, some with a mark by which they are looked for."""

    events: Path
    truth: Path
    lines: Mapping[str, bytes]

    def are_found_out(self, name: str, alter: Alteration) -> bool:
        """Alter a copy of one of them, verify it with the other, and tell whether anything is found."""
        lines: Lines = pickle.loads(self.lines[name])
        alter(lines)
        altered = self.events.with_name("altered.jsonl")
        write(altered, lines)
        return is_found(altered, self.truth) if name == "events" else is_found(self.events, altered)


@pytest.fixture(scope="module", params=["pull", "push"])
def originals(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Originals:
    config = config_of(request.param, stream={"stream_length": "2s", "verify": "count"}, client={"connections": 3})
    with TemporaryDirectory() as scratch:
        to_client, to_server = (RICH, PATH) if request.param == "pull" else (PATH, RICH)
        logs = simulated_logs(Path(scratch), config, seed=8, to_client=to_client, to_server=to_server)
        verification = verify_run(logs.events, logs.truth)
        assert verification.differences == ()
        events, truth = read(logs.events), read(logs.truth)
    last = max(index for index, line in enumerate(events) if line["event"] == "status")
    events[last]["last"] = True
    for sample, is_one in SAMPLES.items():
        next(line for line in events if is_one(line))["sample"] = sample
    frame = events[of(**FRAME)(events)]
    # The datagram that completed frame 4 of stream 1 came once and as it was sent.
    next(
        line
        for line in truth
        if line.get("client") == 1 and line.get("at") == [frame["received_ns"]] and line["bits"] == [None]
    )["marked"] = True
    folder = tmp_path_factory.mktemp("altered")
    paths = folder / "events.jsonl", folder / "truth.jsonl"
    for path, lines in zip(paths, (events, truth), strict=True):
        write(path, lines)
    return Originals(*paths, {"events": pickle.dumps(events), "truth": pickle.dumps(truth)})


def write(path: Path, lines: Lines) -> None:
    write_lines(
        path, [{key: value for key, value in line.items() if key not in ("marked", "last", "sample")} for line in lines]
    )


def is_found(events: Path, truth: Path) -> bool:
    try:
        return not verify_run(events, truth).agrees
    except UserError:
        return True


def test_there_are_more_than_sixty_and_the_unaltered_agrees(originals: Originals) -> None:
    assert len(list(of_events())) + len(list(of_truth())) > 60
    assert not is_found(originals.events, originals.truth)


@pytest.mark.parametrize("alter", named(of_events()))
def test_an_alteration_of_the_events_is_found(originals: Originals, alter: Alteration) -> None:
    assert originals.are_found_out("events", alter)


@pytest.mark.parametrize("alter", named(of_truth()))
def test_an_alteration_of_the_truth_is_found(originals: Originals, alter: Alteration) -> None:
    assert originals.are_found_out("truth", alter)
