"""A server on an open port: strangers' bytes, floods of START, and clients that it serves all the same."""

from __future__ import annotations

import contextlib
import random
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from attrs import define

from tests.cli.running_cts import CLIENT, CLOSELY, SERVER, Finished, Running, free_port

START = b"START"
CONNECTION_ID_SIZE = 39
STRANGERS = 4
RANDOM, EMPTY, DATA = 15, 10, 10
FROM_STRANGERS = STRANGERS * (RANDOM + EMPTY + DATA)
"""Few enough to fit into any receive buffer, so that every one of them must be accounted for."""
FLOOD = 10_000
STREAM = ("stream.stream_length=500ms", "stream.buffer_depth=500ms", "stream.bits_per_second=1M")
STREAM_FRAMES = 15
MEMORY_KIB = 64 * 1024

linux_only = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to look at")


@define
class Siege:
    """What came of it.

    Attributes:
        server, client: the two, when they had left.
        answered: datagrams that came back to strangers.
        ids: connection ids that came back to a peer that sent START over and over.
        grown_kib: by how much the server's resident memory grew under a flood.
    """

    server: Finished
    client: Finished
    answered: int
    ids: set[bytes]
    grown_kib: int


@contextmanager
def sockets(count: int, port: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        made = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
        for sock in made:
            sock.connect(("127.0.0.1", port))
        yield made


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text(encoding="utf-8")) if status.exists() else None
    return int(found[1]) if found else 0


def waiting(sock: socket.socket) -> list[bytes]:
    sock.setblocking(False)
    datagrams = []
    while True:
        try:
            datagrams.append(sock.recv(65_536))
        except BlockingIOError:
            return datagrams


def pester(strangers: list[socket.socket]) -> None:
    """Send what no server asked for: noise, nothing at all, and well-formed data of no stream."""
    noise = random.Random(4444)
    for sock in strangers:
        for _ in range(RANDOM):
            sock.send(noise.randbytes(noise.randrange(6, 200)))
        for _ in range(EMPTY):
            sock.send(b"")
        for sequence in range(1, DATA + 1):
            sock.send(b"\0\0" + sequence.to_bytes(8, "little") + noise.randbytes(116))


def besiege(direction: str, *, flood: int) -> Siege:
    port = free_port()
    sets = (*STREAM, *CLOSELY, f"stream.direction={direction}")
    serving = (*sets, f"server.listen=127.0.0.1:{port}", "server.connection_limit=3", "run.grace=20s")
    with (
        Running("run", SERVER, "--json", sets=serving) as server,
        sockets(STRANGERS, port) as strangers,
        sockets(1, port) as (eager,),
        sockets(1, port) as (last,),
    ):
        server.wait_for_row()
        before = resident_kib(server.pid)
        with Running("run", CLIENT, "--json", sets=(*sets, f"client.target=127.0.0.1:{port}")) as client:
            client.wait_for_row(lambda row: row.bits_per_second > 0)
            pester(strangers)
            for _ in range(3):
                eager.send(START)
            ids = {wait_for_id(eager)}
            for _ in range(flood):
                eager.send(START)
                strangers[0].send(b"noise")
            client_finished = client.finish()
        # Datagrams are read in the order in which they came: once this one is answered, all before it were seen. After a
        # flood there may be no room for it at once.
        wait_for_id(last, asks=True)
        grown = resident_kib(server.pid) - before
        ids |= {datagram for datagram in waiting(eager) if len(datagram) == CONNECTION_ID_SIZE}
        answered = sum(len(waiting(sock)) for sock in strangers)
        server.interrupt()
        return Siege(server.finish(), client_finished, answered, ids, grown)


def wait_for_id(sock: socket.socket, *, asks: bool = False) -> bytes:
    sock.settimeout(1)
    for _ in range(60):
        if asks:
            sock.send(START)
        with contextlib.suppress(TimeoutError):
            while len(datagram := sock.recv(65_536)) != CONNECTION_ID_SIZE or datagram[:2] != b"\x00\x10":
                pass
            return datagram
    raise TimeoutError("no connection id came")


@pytest.fixture(scope="module")
def sieges() -> tuple[Siege, Siege]:
    with ThreadPoolExecutor() as pool:
        pestered, flooded = pool.submit(besiege, "push", flood=0), pool.submit(besiege, "pull", flood=FLOOD)
        return pestered.result(), flooded.result()


@pytest.fixture
def pestered(sieges: tuple[Siege, Siege]) -> Siege:
    """A server that receives; all that strangers sent fits into its socket's buffer."""
    return sieges[0]


@pytest.fixture
def flooded(sieges: tuple[Siege, Siege]) -> Siege:
    """A server that sends; strangers send more than it can read."""
    return sieges[1]


@pytest.fixture(params=[0, 1], ids=["pestered", "flooded"])
def siege(request: pytest.FixtureRequest, sieges: tuple[Siege, Siege]) -> Siege:
    either: Siege = sieges[request.param]
    return either


def test_a_client_among_strangers_ends_well(siege: Siege) -> None:
    assert siege.client.status == 0
    assert siege.client.report["connections"]["successful"] == 1


def test_a_server_among_strangers_receives_every_frame_of_its_client(pestered: Siege) -> None:
    (stream,) = pestered.client.report["streams"]
    received = {each["id"]: each["frames"] for each in pestered.server.report["streams"]}
    assert received[stream["id"]] == {
        "completed": STREAM_FRAMES,
        "dropped": 0,
        "repeated": 0,
        "error": 0,
        "hidden_losses": 0,
    }


def test_a_client_of_a_flooded_server_receives_every_frame(flooded: Siege) -> None:
    assert flooded.client.report["frames"]["completed"] == STREAM_FRAMES


def test_what_strangers_sent_is_counted_and_shown(pestered: Siege) -> None:
    assert pestered.server.report["refused"]["not START from a stranger"] == FROM_STRANGERS


def test_repeated_starts_are_counted_and_shown(pestered: Siege) -> None:
    assert pestered.server.report["refused"]["repeated START"] == 2


def test_a_flood_is_refused_or_dropped_by_the_kernel_and_either_is_shown(flooded: Siege) -> None:
    report = flooded.server.report
    assert FLOOD < sum(report["refused"].values()) + report["overflowed"] <= 2 * FLOOD + FROM_STRANGERS + 2


def test_repeated_starts_make_one_stream(pestered: Siege) -> None:
    assert len(pestered.ids) == 1


def test_strangers_who_never_sent_start_get_no_answer(siege: Siege) -> None:
    assert siege.answered == 0


def test_the_server_ends_by_ctrl_c_and_shows_no_traceback(siege: Siege) -> None:
    assert siege.server.status == 130
    assert "Traceback" not in siege.server.stderr


@linux_only
def test_a_flood_does_not_grow_the_server_s_memory(flooded: Siege) -> None:
    assert flooded.grown_kib < MEMORY_KIB


def test_peers_that_waited_too_long_for_a_slot_are_counted_and_shown() -> None:
    """One slot: who asks while it is taken waits, and is dropped unserved once it would have given up itself."""
    port = free_port()
    sets = (
        "stream.stream_length=500ms",
        "stream.buffer_depth=100ms",
        "run.grace=0s",
        f"server.listen=127.0.0.1:{port}",
    )
    with (
        Running("run", SERVER, "--json", sets=(*sets, *CLOSELY, "server.connection_limit=1")) as server,
        sockets(1, port) as (first,),
        sockets(5, port) as hopeful,
        sockets(1, port) as (last,),
    ):
        server.wait_for_row()
        first.send(START)
        wait_for_id(first)
        for sock in hopeful:
            sock.send(START)
        last.settimeout(0.05)
        while not answered(last):
            pass
        server.interrupt()
        report = server.finish().report
    assert len(report["streams"]) == 2
    others = {reason: count for reason, count in report["refused"].items() if reason != "repeated START"}
    assert sum(others.values()) == len(hopeful)


def answered(sock: socket.socket) -> bool:
    """Ask again, as a client does, until there is an answer."""
    sock.send(START)
    try:
        return bool(sock.recv(65_536))
    except TimeoutError:
        return False
