from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.api import Address
from cts.impairment.link import Arrival, Fate, FateKind
from cts.records.truth_reader import Arrivals, TruthReader, TruthVisitor
from cts.records.truth_writer import Transmission, TruthLog
from tests.records.damaged_lines import damage, refusal_of

BEGAN_NS = 1_000
BEGAN_UNIX_NS = 1_700_000_000_000_000_000
CLIENTS = {1: Address("127.0.0.1", 5), 2: Address("::1", 6)}
UPSTREAM = Address("192.0.2.1", 7)

_TIMES = st.integers(0, 10**12)
_WAYS = ("to_server", "to_client")
_LOST = st.sampled_from([kind for kind in FateKind if kind is not FateKind.DELIVERED]).map(lambda kind: Fate(kind, ()))


@st.composite
def transmissions(draw: st.DrawFn) -> list[Transmission]:
    told = []
    offered: Counter[tuple[int, str]] = Counter()
    for at_ns in sorted(draw(st.lists(_TIMES, max_size=5))):
        client = draw(st.sampled_from(sorted(CLIENTS)))
        header, payloads = draw(st.binary(min_size=1, max_size=50)), draw(st.lists(st.binary(max_size=60), max_size=3))
        fates = [draw(_LOST | _delivered(BEGAN_NS + at_ns, 8 * len(header + payload))) for payload in payloads]
        way = draw(st.sampled_from(_WAYS))
        first = offered[client, way] + 1
        offered[client, way] += len(payloads)
        told.append(Transmission(BEGAN_NS + at_ns, client, CLIENTS[client], way, first, header, payloads, fates))
    return told


def _delivered(at_ns: int, bits: int) -> st.SearchStrategy[Fate]:
    arrival = st.builds(Arrival, _TIMES.map(at_ns.__add__), st.none() | st.integers(0, bits - 1), st.just(False))
    return st.lists(arrival, min_size=1, max_size=2).map(lambda arrivals: Fate(FateKind.DELIVERED, tuple(arrivals)))


def written(folder: str, told: list[Transmission]) -> Path:
    path = Path(folder) / "truth.jsonl"
    log = TruthLog(path, "output.truth_file", seed=7, began_ns=BEGAN_NS, began_unix_ns=BEGAN_UNIX_NS)
    for number, address in CLIENTS.items():
        log.client(BEGAN_NS, number, address, UPSTREAM)
    for transmission in told:
        log.transmitted(transmission)
    log.close(BEGAN_NS + 10**13)
    return path


class Heard(TruthVisitor):
    def __init__(self) -> None:
        self.clients: list[tuple[int, str, str]] = []
        self.datagrams: list[tuple[int, int, bool, int, int, str, Arrivals]] = []

    def client(self, client: int, address: str, upstream: str) -> None:
        self.clients.append((client, address, upstream))

    def offered(
        self, at_ns: int, client: int, to_client: bool, number: int, size: int, head: str, arrivals: Arrivals
    ) -> None:
        self.datagrams.append((at_ns, client, to_client, number, size, head, arrivals))


@settings(deadline=None)
@given(transmissions())
def test_what_was_written_reads_back(told: list[Transmission]) -> None:
    expected = []
    for each in told:
        for number, (payload, fate) in enumerate(zip(each.payloads, each.fates, strict=True), each.first):
            datagram = each.header + bytes(payload)
            arrivals = tuple((arrival.arrival_ns - BEGAN_NS, arrival.corrupt_bit) for arrival in fate.arrivals)
            to_client, head = each.way == "to_client", datagram[:39].hex()
            expected.append((each.at_ns - BEGAN_NS, each.client, to_client, number, len(datagram), head, arrivals))
    heard = Heard()
    with TemporaryDirectory() as folder:
        reader = TruthReader(written(folder, told))
        reader.read(heard)
    assert heard.clients == [(number, str(address), str(UPSTREAM)) for number, address in CLIENTS.items()]
    assert heard.datagrams == expected
    assert (reader.complete, reader.datagrams, reader.began_unix_ns) == (True, len(expected), BEGAN_UNIX_NS)


@pytest.mark.parametrize("altered", [f'"t":{"1" * 19}', f'"t":{"1" * 5000}', '"size":65536'])
def test_a_number_that_nothing_comes_to_is_refused(altered: str, tmp_path: Path) -> None:
    lost = Transmission(BEGAN_NS, 1, CLIENTS[1], "to_server", 1, b"head", [b""], [Fate(FateKind.LOST, ())])
    path = written(str(tmp_path), [lost])
    lines = path.read_text().splitlines(keepends=True)
    (at,) = (at for at, line in enumerate(lines) if '"kind":"datagram"' in line)
    key = altered.partition(":")[0]
    lines[at] = re.sub(rf"{key}:\d+", altered, lines[at])
    path.write_text("".join(lines))
    assert refusal_of(lambda: TruthReader(path).read(Heard())).startswith(f"{path}: line {at + 1} ")


@settings(deadline=None)
@given(transmissions(), st.data())
def test_a_damaged_line_is_refused_by_its_number(told: list[Transmission], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, told)
        number = damage(data, path)
        assert refusal_of(lambda: TruthReader(path).read(Heard())).startswith(f"{path}: line {number} ")
