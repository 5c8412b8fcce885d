from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.api import Address
from cts.errors import UserError
from cts.impairment import link
from cts.impairment.link import FateKind
from cts.records.truth_writer import TRUTH_SCHEMA, RelayTruthLog, Transmission, TruthLog

BEGAN_NS = 1_000
HEAD = "00" * 39


def arrival_at(arrival_ns: int, corrupt_bit: int | None = None) -> link.Arrival:
    return link.Arrival(arrival_ns, corrupt_bit, is_copy=False)


def fate_of(kind: str, arrivals: tuple[link.Arrival, ...] = ()) -> link.Fate:
    return link.Fate(FateKind(kind), arrivals)


def offered(
    at_ns: int, first: int, payloads: list[bytes], fates: Sequence[link.Fate], header: bytes = b""
) -> Transmission:
    return Transmission(BEGAN_NS + at_ns, 1, Address("127.0.0.1", 5), "to_client", first, header, payloads, fates)


def begun(path: Path) -> TruthLog:
    return TruthLog(path, "output.truth_file", seed=7, began_ns=BEGAN_NS, began_unix_ns=11)


def test_a_log_begins_with_its_schema_and_seed_and_ends_with_its_count(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "t.jsonl")
    log.close(BEGAN_NS + 50)
    assert path.read_text("ascii").splitlines() == [
        f'{{"kind":"began","schema":{TRUTH_SCHEMA},"seed":7,"began_unix_ns":11}}',
        '{"kind":"ended","t":50,"datagrams":0,"interrupted":false}',
    ]


def test_a_client_is_told_with_both_its_addresses(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "t.jsonl")
    log.client(BEGAN_NS + 5, 2, Address("127.0.0.1", 5), Address("::1", 6))
    log.close(BEGAN_NS)
    assert json.loads(path.read_text("ascii").splitlines()[1]) == {
        "kind": "client",
        "client": 2,
        "t": 5,
        "address": "127.0.0.1:5",
        "upstream": "[::1]:6",
    }


def test_datagrams_offered_together_are_numbered_and_each_has_its_fate(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "t.jsonl")
    fates = [
        fate_of("delivered", (arrival_at(BEGAN_NS + 30), arrival_at(BEGAN_NS + 40, 13))),
        fate_of("lost"),
    ]
    log.transmitted(offered(20, 8, [bytes(1374), b"\xab"], fates, header=bytes(26)))
    log.close(BEGAN_NS + 60)
    _, first, second, ended = map(json.loads, path.read_text("ascii").splitlines())
    common = {"kind": "datagram", "t": 20, "client": 1, "dir": "to_client"}
    assert first == {
        **common,
        "n": 8,
        "size": 1400,
        "head": HEAD,
        "fate": "delivered",
        "at": [30, 40],
        "bits": [None, 13],
    }
    assert second == {**common, "n": 9, "size": 27, "head": "00" * 26 + "ab", "fate": "lost", "at": [], "bits": []}
    assert ended == {"kind": "ended", "t": 60, "datagrams": 2, "interrupted": False}


def test_a_fate_too_few_is_a_bug_and_not_passed_over(tmp_path: Path) -> None:
    log = begun(tmp_path / "t.jsonl")
    with pytest.raises(ValueError, match="shorter"):
        log.transmitted(offered(0, 1, [b"1", b"2"], [fate_of("lost")]))
    log.close(BEGAN_NS)


def test_a_file_that_cannot_be_written_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"output\.truth_file: cannot write "):
        begun(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="nothing here is always full")
def test_a_full_disk_is_remembered_and_raises_nothing() -> None:
    log = begun(Path("/dev/full"))
    assert log.failure is None
    log.close(BEGAN_NS)
    assert log.failure == "output.truth_file: cannot write '/dev/full': No space left on device"


# -- a relay's ---------------------------------------------------------------------------------------------------------


def begun_relay(path: Path, waiting_limit: int = 100) -> RelayTruthLog:
    return RelayTruthLog(
        path, "output.truth_file", seed=7, began_ns=BEGAN_NS, began_unix_ns=11, waiting_limit=waiting_limit
    )


def due(*at_ns: int) -> link.Fate:
    return fate_of("delivered", tuple(arrival_at(BEGAN_NS + each) for each in at_ns))


def offer(log: TruthLog, at_ns: int, number: int, *fates: link.Fate) -> None:
    log.transmitted(offered(at_ns, number, [b"\xab"] * len(fates), fates))


def leave(log: RelayTruthLog, number: int, at_ns: int | None, arrival: int = 0) -> None:
    log.departed(1, "to_client", number, arrival, None if at_ns is None else BEGAN_NS + at_ns)


def told(path: Path) -> list[tuple[int, str, list[int]]]:
    lines = map(json.loads, path.read_text("ascii").splitlines())
    return [(line["n"], line["fate"], line["at"]) for line in lines if line["kind"] == "datagram"]


def test_arrivals_of_a_relay_are_the_times_when_they_left(tmp_path: Path) -> None:
    log = begun_relay(path := tmp_path / "t.jsonl")
    offer(log, 5, 1, due(20, 30), fate_of("lost"))
    leave(log, 1, 21)
    leave(log, 1, 33, arrival=1)
    log.close(BEGAN_NS + 50)
    assert told(path) == [(1, "delivered", [21, 33]), (2, "lost", [])]


def test_what_could_not_be_sent_did_not_arrive(tmp_path: Path) -> None:
    log = begun_relay(path := tmp_path / "t.jsonl")
    offer(log, 5, 1, due(20), fate_of("delivered", (arrival_at(BEGAN_NS + 20, 3), arrival_at(BEGAN_NS + 30, 4))))
    leave(log, 1, None)
    leave(log, 2, None)
    leave(log, 2, 31, arrival=1)
    log.close(BEGAN_NS + 50)
    assert told(path) == [(1, "unsent", []), (2, "delivered", [31])]
    assert '"at":[31],"bits":[4]}' in path.read_text("ascii")


def test_what_has_not_left_at_the_end_never_does(tmp_path: Path) -> None:
    log = begun_relay(path := tmp_path / "t.jsonl")
    offer(log, 5, 1, due(20), due(20, 30))
    leave(log, 2, 22)
    log.close(BEGAN_NS + 25)
    assert told(path) == [(1, "unsent", []), (2, "delivered", [22])]
    assert path.read_text("ascii").endswith('{"kind":"ended","t":25,"datagrams":2,"interrupted":false}\n')


def test_a_client_comes_between_the_datagrams_that_were_offered_before_and_after_it(tmp_path: Path) -> None:
    log = begun_relay(path := tmp_path / "t.jsonl")
    offer(log, 5, 1, due(20))
    log.client(BEGAN_NS + 6, 2, Address("127.0.0.1", 5), Address("::1", 6))
    offer(log, 7, 2, fate_of("lost"))
    leave(log, 1, 20)
    log.close(BEGAN_NS + 25)
    kinds = [json.loads(line)["kind"] for line in path.read_text("ascii").splitlines()]
    assert kinds == ["began", "datagram", "client", "datagram", "ended"]


def test_where_too_many_lines_wait_the_first_says_when_it_is_due(tmp_path: Path) -> None:
    log = begun_relay(path := tmp_path / "t.jsonl", waiting_limit=2)
    offer(log, 5, 1, due(20, 90))
    leave(log, 1, 21)
    for number in (2, 3, 4):
        offer(log, 5 + number, number, due(20))
    leave(log, 1, 95, arrival=1)
    for number in (4, 3, 2):
        leave(log, number, 30 + number)
    log.close(BEGAN_NS + 100)
    assert told(path) == [
        (1, "delivered", [21, 90]),
        (2, "delivered", [20]),
        (3, "delivered", [33]),
        (4, "delivered", [34]),
    ]


@settings(deadline=None)
@given(
    arrivals=st.lists(st.lists(st.integers(50, 99), max_size=2), max_size=12),
    pick=st.randoms(use_true_random=False),
)
def test_whatever_leaves_first_lines_stand_in_the_order_of_a_simulation(
    arrivals: list[list[int]], pick: Random
) -> None:
    fates = [due(*each) if each else fate_of("lost") for each in arrivals]
    departures = [(number, index) for number, each in enumerate(arrivals, 1) for index in range(len(each))]
    pick.shuffle(departures)
    with TemporaryDirectory() as folder:
        simulated, relayed = Path(folder) / "simulated.jsonl", Path(folder) / "relayed.jsonl"
        plain, log = begun(simulated), begun_relay(relayed)
        for number, fate in enumerate(fates, 1):
            for each in (plain, log):
                offer(each, number, number, fate)
        for number, index in departures:
            leave(log, number, arrivals[number - 1][index], index)
        for each in (plain, log):
            each.close(BEGAN_NS + 100)
        assert relayed.read_bytes() == simulated.read_bytes()


def test_a_relay_that_is_killed_leaves_no_log_of_another_run(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text('{"kind":"began"}\n{"kind":"ended"}\n')
    log = begun_relay(path)
    lines = path.read_text().splitlines()
    log.close(BEGAN_NS + 6)
    assert [json.loads(line)["kind"] for line in lines] == ["began"]
