"""Compare a run that nobody watches with one that is scraped, drawn live and recorded at once, in alternating rounds.

    python benchmarks/observers_cost.py --rounds 9

Server and client are a process each; both have a terminal, a Prometheus port asked every second and an events file, or none of
them. Lateness is of the sending side's sends, frames are the receiving side's. README.md beside this file says how to read it.
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
import tempfile
import threading
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen
from stream_load import finish, start

_PROCESSORS = sorted(os.sched_getaffinity(0))
_WAYS = ("live", "scrape", "events")
_SIDES = ("server", "client")
_PERCENTILES = ("p50", "p99", "p999")


@frozen
class Figures:
    """One round: lateness in seconds by percentile, frames by verdict, seconds of CPU time of both sides together."""

    lateness: dict[str, float]
    frames: dict[str, int]
    cpu_seconds: float


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
def scraped(port: int) -> Iterator[None]:
    """Ask a Prometheus port every second; where nobody listens yet or any more, ask again."""
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(1):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()

    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        yield
    finally:
        over.set()
        scraper.join()


def watched(stack: ExitStack, folder: Path, role: str, ways: Collection[str]) -> tuple[list[str], int]:
    """Return the settings of a side that is watched in some ways, and its terminal."""
    settings, end = ["output.console=quiet"], subprocess.DEVNULL
    if "live" in ways:
        settings, end = ["output.console=live"], stack.enter_context(terminal())
    if "scrape" in ways:
        port = free_port(socket.SOCK_STREAM)
        stack.enter_context(scraped(port))
        settings.append(f"output.prometheus=127.0.0.1:{port}")
    if "events" in ways:
        settings.append(f"output.events_file={json.dumps(str(folder / f'{role}.jsonl'))}")
    return settings, end


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
        for role in ("server", "client"):
            more, end = watched(stack, folder, role, ways if role in chosen.sides else ())
            sides.append(start(role, [*common, *own[role], *more], end))
            if chosen.apart and role == "server":
                keep_apart(sides[-1].pid)
        server, client = sides
        received = finish(client)
        server.send_signal(signal.SIGINT)
        sent = finish(server)
    lateness, frames = sent.report["send_lateness_seconds"], received.report["frames"]
    assert isinstance(lateness, dict)
    assert isinstance(frames, dict)
    late = {name: lateness[name] for name in _PERCENTILES}
    return Figures(late, frames, sent.cpu_seconds + received.cpu_seconds)


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
    chosen = parser.parse_args()
    alone: list[Figures] = []
    observed: list[Figures] = []
    for number in range(chosen.rounds):
        order = (alone, observed) if number % 2 else (observed, alone)
        for results in order:
            results.append(play(chosen, chosen.ways if results is observed else ()))
        for name, results in (("alone", alone), ("watched", observed)):
            last = results[-1]
            late = ", ".join(f"{key} {value * 1e3:.3f}" for key, value in last.lateness.items())
            whole = last.frames["completed"] / sum(last.frames[key] for key in ("completed", "dropped"))
            print(
                f"round {number + 1} {name}: late ms {late}; {whole:.3%} whole; {last.cpu_seconds:.1f} s of CPU",
                flush=True,
            )
    for name in _PERCENTILES:
        ratios = [b.lateness[name] / a.lateness[name] for a, b in zip(alone, observed, strict=True)]
        print(f"{name} of watched: {statistics.median(ratios):.3f} of alone ({min(ratios):.2f} to {max(ratios):.2f})")
    seconds = [b.cpu_seconds / a.cpu_seconds for a, b in zip(alone, observed, strict=True)]
    print(f"CPU of watched: {statistics.median(seconds):.3f} of alone ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
