from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import frozen

from cts.api import Address
from cts.errors import UserError
from cts.output.truth_log import TRUTH_SCHEMA, TruthLog

BEGAN_NS = 1_000
HEAD = "00" * 39


@frozen
class Arrival:
    arrival_ns: int
    corrupt_bit: int | None = None


@frozen
class Fate:
    kind: str
    arrivals: tuple[Arrival, ...] = ()


def begun(path: Path) -> TruthLog:
    return TruthLog(path, "output.truth_file", seed=7, began_ns=BEGAN_NS, began_unix_ns=11)


def test_a_log_begins_with_its_schema_and_seed_and_ends_with_its_count(tmp_path: Path) -> None:
    log = begun(path := tmp_path / "t.jsonl")
    log.close(BEGAN_NS + 50)
    assert path.read_text("ascii").splitlines() == [
        f'{{"kind":"began","schema":{TRUTH_SCHEMA},"seed":7,"began_unix_ns":11}}',
        '{"kind":"ended","t":50,"datagrams":0}',
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
        Fate("delivered", (Arrival(BEGAN_NS + 30), Arrival(BEGAN_NS + 40, 13))),
        Fate("loss"),
    ]
    log.datagrams(BEGAN_NS + 20, 1, "to_client", 8, [(1400, HEAD), (27, "ab")], fates)
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
    assert second == {**common, "n": 9, "size": 27, "head": "ab", "fate": "loss", "at": [], "bits": []}
    assert ended == {"kind": "ended", "t": 60, "datagrams": 2}


def test_a_fate_too_few_is_a_bug_and_not_passed_over(tmp_path: Path) -> None:
    log = begun(tmp_path / "t.jsonl")
    with pytest.raises(ValueError, match="shorter"):
        log.datagrams(BEGAN_NS, 1, "to_client", 1, [(1, ""), (1, "")], [Fate("loss")])
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
