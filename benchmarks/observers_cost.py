"""Compare a run that nobody watches with one that is scraped, drawn live and recorded at once, in alternating rounds.

    python benchmarks/observers_cost.py --rounds 9

Server and client are a process each; both have a terminal, a Prometheus port asked every second and an events file, or none of
them. Lateness is of the sending side's sends, frames are the receiving side's. On a host with few processors the two compete:
``--deaf`` has streams asked for by somebody who never reads, so that the server is alone; ``--stranger`` has a process that has
nothing to do with them take a share of a processor in place of the watching. README.md beside this file says how to read it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pty
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from attrs import frozen
from stream_load import finish, start

from cts.protocol.wire import Start

_PROCESSORS = sorted(os.sched_getaffinity(0))
_WAYS = ("live", "scrape", "events")
_SIDES = ("server", "client")
_PERCENTILES = ("p50", "p99", "p999")
LISTENS_SECONDS = 3
"""After so long a server listens."""
_WORK = """
import time
while True:
    began = time.perf_counter()
    while time.perf_counter() - began < 0.001:
        pass
    time.sleep({rest})
"""


@frozen
class Figures:
    """One round of the sender's lateness.

    Attributes:
        lateness: seconds, by percentile.
        frames: by verdict of who reads them.
        cpu_seconds: CPU time of all sides.
        stolen_share: of the processors' time, what the hypervisor took.
    """

    lateness: dict[str, float]
    frames: dict[str, int] | None
    cpu_seconds: float
    stolen_share: float

    def __str__(self) -> str:
        late = ", ".join(f"{key} {value * 1e3:.3f}" for key, value in self.lateness.items())
        text = f"late ms {late}; {self.cpu_seconds:.1f} s of CPU, {self.stolen_share:.1%} stolen"
        if self.frames is None:
            return text
        return f"{text}; {self.frames['completed'] / (self.frames['completed'] + self.frames['dropped']):.3%} whole"


def free_port(kind: socket.SocketKind) -> int:
    """Return a port that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def terminal() -> Iterator[int]:
    """Give the descriptor of a terminal of 80 columns whose screen is read and forgotten."""
    screen, end = pty.openpty()

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(screen, 65536):
                pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield end
    finally:
        os.close(end)
        reader.join()
        os.close(screen)


@contextlib.contextmanager
def repeated(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Do something again and again in the block, in a thread, so far apart."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            act()

    repeating = threading.Thread(target=repeat)
    repeating.start()
    try:
        yield
    finally:
        over.set()
        repeating.join()


def scrape(port: int) -> None:
    """Ask a Prometheus port, where somebody listens yet or still."""
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()


def watched(stack: ExitStack, folder: Path, role: str, ways: Collection[str]) -> tuple[list[str], int]:
    """Return the settings of a side that is watched in some ways, and its terminal."""
    settings, end = ["output.console=quiet"], subprocess.DEVNULL
    if "live" in ways:
        settings, end = ["output.console=live"], stack.enter_context(terminal())
    if "scrape" in ways:
        port = free_port(socket.SOCK_STREAM)
        stack.enter_context(repeated(1, partial(scrape, port)))
        settings.append(f"output.prometheus=127.0.0.1:{port}")
    if "events" in ways:
        settings.append(f"output.events_file={json.dumps(str(folder / f'{role}.jsonl'))}")
    return settings, end


@contextlib.contextmanager
def stranger(share: float) -> Iterator[None]:
    """Have a process take that share of a processor, a millisecond at a time."""
    with subprocess.Popen([sys.executable, "-c", _WORK.format(rest=0.001 / share - 0.001)]) as process:
        try:
            yield
        finally:
            process.kill()


def ask(address: str, beginnings: Iterable[float]) -> list[socket.socket]:
    """Ask for a stream at each time, seconds from now, and read nothing; return what must stay open as long as they run."""
    host, _, port = address.rpartition(":")
    began, asking = time.monotonic(), []
    for beginning in beginnings:
        time.sleep(max(0, began + beginning - time.monotonic()))
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # What does not fit is thrown away, which costs nothing.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        sock.connect((host, int(port)))
        sock.send(Start().encode())
        asking.append(sock)
    return asking


def keep_apart(pid: int) -> None:
    """Give a process a processor of its own, as on a machine of its own; this one and what it starts get the others."""
    first, *others = _PROCESSORS
    if others:
        os.sched_setaffinity(pid, {first})
        os.sched_setaffinity(0, set(others))


def play(chosen: argparse.Namespace, ways: Collection[str]) -> Figures:
    """Run the streams once."""
    address = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    streams = chosen.connections
    # A frame interval more than whole ones: the streams' frames are due at times spread evenly over it, in each round alike.
    spread = round((streams + 1) * 1e6 / chosen.rate)
    common = [
        f"stream.bits_per_second={chosen.bits}",
        f"stream.frame_rate={chosen.rate}",
        f"stream.stream_length={chosen.seconds}s",
    ]
    own = {
        "server": [f"server.listen={address}", f"server.accept_limit={streams}"],
        "client": [f"client.target={address}", f"client.connections={streams}", f"client.start_spread={spread}us"],
    }
    sides: list[subprocess.Popen[str]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for role in ("server",) if chosen.deaf else ("server", "client"):
            more, end = watched(stack, folder, role, ways if role in chosen.sides else ())
            sides.append(start(role, [*common, *own[role], *more], end))
            if chosen.apart and role == "server":
                keep_apart(sides[-1].pid)
        server, *client = sides
        if chosen.deaf:
            time.sleep(LISTENS_SECONDS)
            asking = ask(address, [number * spread / 1e6 / streams for number in range(streams)])
            time.sleep(chosen.seconds + 0.5)
        received = [finish(side) for side in client]
        server.send_signal(signal.SIGINT)
        sent = finish(server)
        if chosen.deaf:
            for sock in asking:
                sock.close()
    lateness = sent.report["send_lateness_seconds"]
    assert isinstance(lateness, dict)
    late = {name: lateness[name] for name in _PERCENTILES}
    frames = received[0].report["frames"] if received else None
    assert frames is None or isinstance(frames, dict)
    trust = sent.report["trust"]
    assert isinstance(trust, dict)
    stolen = trust["figures"]["stolen_share"] or 0.0
    return Figures(late, frames, sum(side.cpu_seconds for side in (sent, *received)), stolen)


def main() -> None:
    """Run the rounds and print medians and ratios, taken round by round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--rate", type=int, default=100, help="frames per second")
    parser.add_argument("--bits", default="1M", help="bits per second of each stream")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--ways", nargs="*", default=_WAYS, choices=_WAYS, help="how it is watched")
    parser.add_argument("--sides", nargs="*", default=_SIDES, choices=_SIDES, help="which processes are watched")
    parser.add_argument("--apart", action="store_true", help="the server has a processor of its own")
    parser.add_argument("--deaf", action="store_true", help="nobody reads what is sent")
    parser.add_argument(
        "--stranger", type=float, help="share of a processor that something else takes, in place of watching"
    )
    parser.add_argument(
        "--stolen", type=float, default=1.0, help="greatest share that the hypervisor may take of a round that counts"
    )
    chosen = parser.parse_args()
    compared = "watched" if chosen.stranger is None else "beside a stranger"
    results: dict[str, list[Figures]] = {"alone": [], compared: []}
    for number in range(chosen.rounds):
        for name in sorted(results, reverse=not number % 2):
            if name == "alone":
                figures = play(chosen, ())
            elif chosen.stranger is None:
                figures = play(chosen, chosen.ways)
            else:
                with stranger(chosen.stranger):
                    figures = play(chosen, ())
            results[name].append(figures)
            print(f"round {number + 1} {name}: {figures}", flush=True)
    both = list(zip(*results.values(), strict=True))
    rounds = [pair for pair in both if max(figures.stolen_share for figures in pair) <= chosen.stolen]
    print(f"{len(rounds)} of {len(both)} rounds count")
    if not rounds:
        return
    of_what = {name: [other.lateness[name] / alone.lateness[name] for alone, other in rounds] for name in _PERCENTILES}
    of_what["CPU"] = [other.cpu_seconds / alone.cpu_seconds for alone, other in rounds]
    for name, ratios in of_what.items():
        print(f"{name} {compared}: {statistics.median(ratios):.3f} of alone ({min(ratios):.2f} to {max(ratios):.2f})")
    for name in _PERCENTILES:
        alone, other = (
            statistics.median(figures.lateness[name] for figures in side) for side in zip(*rounds, strict=True)
        )
        print(f"{name} in ms, medians: alone {alone * 1e3:.3f}, {compared} {other * 1e3:.3f}")


if __name__ == "__main__":
    main()
