"""``cts impair`` between processes: a server, a relay before it, and its clients."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import pytest
from attrs import frozen

from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    PATIENCE_S,
    QUIET,
    SERVER,
    Finished,
    Running,
    free_port,
    run_cts,
    run_here,
)

Json: TypeAlias = Mapping[str, object]

LOSSY: Final = ("network.latency=20ms", "network.loss=0.1", "network.duplicate=0.05")
FRAMES: Final = (
    "stream.bits_per_second=800000",
    "stream.datagram_max_size=1000",
    "stream.stream_length=700ms",
    "stream.buffer_depth=700ms",
)
"""21 frames of 3,333 bytes in 4 datagrams, and all the time there is until the first is rendered."""
FRAME_COUNT: Final = 21
SERVER_HOSTS: Final = {"pull": "[::1]", "push": "127.0.0.1"}
ENDINGS: Final = {"SIGINT": Running.interrupt, "SIGTERM": Running.terminate, "SIGHUP": Running.hang_up}
STATUSES: Final = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "time limit": 0}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("impair") / "network.toml"
    path.write_text("[network]\n")
    return path


def relay(config: Path, *args: str | Path, to: str, listen: Sequence[str], sets: Iterable[str] = ()) -> Running:
    listening = [text for address in listen for text in ("--listen", address)]
    return Running("impair", *listening, "--to", to, config, *args, sets=sets)


def bound(running: Running) -> list[str]:
    """Wait until it relays; return the addresses that it says it listens on."""
    found: list[str] = []

    def says_where(text: str) -> bool:
        match = re.search(r"relay on (.+) to ", text)
        found[:] = match[1].split(", ") if match else []
        return bool(found)

    running.wait_until_it_says(says_where)
    return found


def counts(finished: Finished) -> Json:
    assert "Traceback" not in finished.stderr, finished.stderr
    return cast(Json, json.loads(finished.stdout))


def way(finished: Finished, name: str) -> Mapping[str, int]:
    return cast(Mapping[str, int], counts(finished)[name])


def truth_of(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def exchange(family: socket.AddressFamily, address: str, data: bytes) -> socket.socket:
    host, _, port = address.rpartition(":")
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE_S)
    sock.connect((host.strip("[]"), int(port)))
    sock.send(data)
    return sock


@frozen
class Streamed:
    """Two streams through a relay that loses some of what their sender sends; all three have left."""

    server: Finished
    client: Finished
    relay: Finished
    truth: list[Json]


def stream_through(config: Path, direction: str) -> Streamed:
    truth = config.with_name(f"{direction}.jsonl")
    host = SERVER_HOSTS[direction]
    upstream = f"{host}:{free_port(host.strip('[]'))}"
    sets = (*FRAMES, f"stream.direction={direction}")
    serving = (*sets, *CLOSELY, f"server.listen={upstream}", "server.server_exit_limit=2")
    lossy = tuple(key.replace("network.", f"network.{data_way(direction)}.") for key in LOSSY)
    with (
        Running("run", SERVER, "--json", sets=serving) as server,
        relay(
            config, "--json", "--truth", truth, to=upstream, listen=["127.0.0.1:0", "[::1]:0"], sets=lossy
        ) as between,
    ):
        server.wait_for_row()
        targets = [f"client.target={json.dumps(bound(between))}", "client.connections=2"]
        client = run_cts("run", CLIENT, "--json", sets=(*sets, *QUIET, *targets))
        served = server.finish()
        between.interrupt()
        return Streamed(served, client, between.finish(), truth_of(truth))


def data_way(direction: str) -> str:
    """Return the way of the relay that a stream's data takes."""
    return "to_client" if direction == "pull" else "to_server"


def end_idle(config: Path, end: Callable[[Running], None], *args: str | Path) -> Finished:
    """End a relay as soon as it relays."""
    with relay(config, "--json", *args, to="127.0.0.1:9", listen=["127.0.0.1:0"]) as running:
        bound(running)
        end(running)
        return running.finish()


def relay_another_protocol(config: Path) -> Finished:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE_S)
        with relay(config, to=f"127.0.0.1:{server.getsockname()[1]}", listen=["[::1]:0"]) as running:
            [address] = bound(running)
            with exchange(socket.AF_INET6, address, b"any protocol") as client:
                question, remote = server.recvfrom(100)
                server.sendto(b"an answer", remote)
                assert (question, client.recv(100)) == (b"any protocol", b"an answer")
                running.wait_until_it_says(lambda text: "1 client | to server 1 in, 1 out, 0 lost" in text)
            running.interrupt()
            return running.finish()


class Relayed:
    """All of these, which spend their time waiting, some at a time."""

    def __init__(self, config: Path) -> None:
        with ThreadPoolExecutor(3) as pool:
            streamed = {direction: pool.submit(stream_through, config, direction) for direction in SERVER_HOSTS}
            other = pool.submit(relay_another_protocol, config)
            ended = {how: pool.submit(end_idle, config, end) for how, end in ENDINGS.items()}
            limit = ("--listen", "127.0.0.1:0", "--to", "127.0.0.1:9", config, "--time-limit", "300ms")
            limited = run_here("impair", "--json", *limit)
            self.streamed = {direction: streams.result() for direction, streams in streamed.items()}
            self.other = other.result()
            self.ended = {how: finished.result() for how, finished in ended.items()} | {"time limit": limited}


@pytest.fixture(scope="module")
def relayed(config: Path) -> Relayed:
    return Relayed(config)


def test_it_says_whether_its_host_was_good_enough(relayed: Relayed) -> None:
    trust: Any = counts(relayed.streamed["pull"].relay)["trust"]
    assert trust["verdict"] in {"trusted", "doubtful", "not to be trusted"}
    assert trust["figures"]["loop_lag_seconds"] is not None
    assert trust["figures"]["send_lateness_p99_seconds"] > 0
    assert "\ntrust " in relayed.other.stdout


@pytest.mark.parametrize("direction", SERVER_HOSTS)
def test_streams_go_through_it_and_every_datagram_is_accounted_for(relayed: Relayed, direction: str) -> None:
    streamed = relayed.streamed[direction]
    receiver = streamed.client if direction == "pull" else streamed.server
    assert (streamed.relay.status, receiver.report["connections"]["successful"]) == (130, 2)
    frames = receiver.report["frames"]
    assert frames["completed"] + frames["dropped"] + frames["repeated"] == 2 * FRAME_COUNT
    data = way(streamed.relay, data_way(direction))
    assert data["lost"] > 0
    assert data["delivered"] + data["duplicated"] == data["forwarded"] + data["held"]
    lines = streamed.truth
    assert [line["kind"] for line in (lines[0], lines[-1])] == ["began", "ended"]
    assert counts(streamed.relay)["clients_total"] == sum(line["kind"] == "client" for line in lines) == 2
    offered = [line for line in lines if line["kind"] == "datagram"]
    assert len(offered) == lines[-1]["datagrams"]
    assert sum(line["fate"] == "lost" for line in offered) == data["lost"]


@pytest.mark.parametrize("how", STATUSES)
def test_however_it_is_ended_it_says_what_it_did(relayed: Relayed, how: str) -> None:
    assert relayed.ended[how].status == STATUSES[how]
    assert counts(relayed.ended[how])["clients_total"] == 0


def test_it_relays_what_is_no_stream_of_its_own_and_shows_its_counts(relayed: Relayed) -> None:
    assert relayed.other.status == 130
    assert "to client  1 datagram, 9 bytes" in relayed.other.stdout


def test_what_cannot_be_is_a_message_and_no_relay(config: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        used = f"127.0.0.1:{taken.getsockname()[1]}"

        def refusal(*args: str | Path, listen: str = "127.0.0.1:0", to: str = "127.0.0.1:9") -> str:
            return run_here("impair", "--listen", listen, "--to", to, config, *args).message

        assert f"cannot listen on {used}: Address already in use" in refusal(listen=used)
        assert "--to: the name 'nowhere.invalid' does not resolve" in refusal(to="nowhere.invalid:1")
        assert "--listen: the name 'nowhere.invalid' does not resolve" in refusal(listen="nowhere.invalid:1")
        own = f"127.0.0.1:{free_port()}"
        assert f"{own} is the relay itself" in refusal(listen=own, to=own)
        assert "--to: '127.0.0.1:0' has port 0" in refusal(to="127.0.0.1:0")
        assert "--listen: '::1' has more than one colon" in refusal(listen="::1")
        assert "--time-limit: " in refusal("--time-limit", "soon")
        assert "--time-limit: " in refusal("--time-limit", "0s")
        assert "output.truth_file: cannot write" in refusal("--truth", tmp_path / "no" / "such")
        assert "is the configuration itself" in refusal("--truth", config)
        assert "network.loss" in refusal("--set", "network.loss=2")


def test_a_family_that_this_system_lacks_is_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.net.addresses._can_bind", lambda host: ":" not in host)
    to = ("--to", "127.0.0.1:9")
    assert (
        "note: this system has no IPv6"
        in run_here("impair", "--listen", "*:0", *to, config, "--time-limit", "1ms").stderr
    )
    one = run_here("impair", "--listen", "127.0.0.1:0", *to, config, "--time-limit", "1ms")
    assert (one.status, "IPv6" in one.stderr) == (0, False)


def test_a_server_that_is_not_there_is_counted_and_said(config: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with relay(config, "--clients", "3", to=nobody, listen=["127.0.0.1:0"]) as running:
        host, port = bound(running)[0].rsplit(":", 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:

            def is_said(text: str) -> bool:
                client.sendto(b"anybody?", (host, int(port)))
                return "unreachable" in text

            running.wait_until_it_says(is_said)
        running.interrupt()
        finished = running.finish()
    assert re.search(r"^unreachable +[\d,]+ times? that the network refused", finished.stdout, re.MULTILINE)


def test_a_relay_that_cannot_begin_spoils_no_ground_truth(config: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text("another relay's\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        used = f"127.0.0.1:{taken.getsockname()[1]}"
        run_here("impair", "--listen", used, "--to", "127.0.0.1:9", config, "--truth", truth)
    assert truth.read_text() == "another relay's\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no file that is always full")
def test_a_ground_truth_that_cannot_be_completed_is_said_and_is_failure(config: Path) -> None:
    finished = end_idle(config, Running.interrupt, "--truth", "/dev/full")
    assert finished.status == 1
    assert "output.truth_file: cannot write '/dev/full': No space left on device" in finished.stderr
    assert counts(finished)["truth_complete"] is False
