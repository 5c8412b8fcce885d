"""Makes the corpus anew: ``python -m fuzz.seeds``. Captured datagrams, shipped configurations, the logs of small simulations.

Inputs that fuzzing found (``-merge=1`` of what it keeps) lie beside them as ``found-*`` and stay.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cts.api import Address
from cts.protocol.control.counts import ReceiverCounts
from cts.protocol.control.datagrams import encode_control, with_tag
from cts.protocol.control.fields import TAG_SIZE, TOKEN_SIZE
from cts.protocol.control.messages import Counts, Ping, Pong, Results, ResultsAck
from fuzz.controls import Controls
from fuzz.decoders import BETWEEN_FILES
from fuzz.script import STEP_SIZE, captured

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(__file__).parent / "corpus"

SMALL = (
    "stream.stream_length=300ms",
    "stream.buffer_depth=200ms",
    "stream.bits_per_second=100k",
    "stream.frame_rate=20",
)
SIMULATIONS = {
    "pull": ("stream.direction=pull", "network.loss=0.2", "network.duplicate=0.05"),
    "push": ("stream.direction=push", "network.latency=30ms", "network.jitter=20ms", "client.connections=2"),
    "corrupt": ("stream.direction=pull", "network.corrupt=0.3", "stream.verify=count"),
}


def logs_of(sets: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Return the events and the truth of a small simulation."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"events": Path(folder, "events.jsonl"), "truth": Path(folder, "truth.jsonl")}
        out = [f"output.{key}_file={path}" for key, path in files.items()]
        options = [each for text in (*SMALL, *sets, *out, "output.console=quiet") for each in ("--set", text)]
        command = [sys.executable, "-m", "cts", "sim", str(ROOT / "configs" / "stream.toml"), *options]
        assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode in (0, 1)
        return files["events"].read_bytes(), files["truth"].read_bytes()


def attacks() -> Iterator[tuple[str, bytes]]:
    """Yield scripts for the receive path: each kind of datagram with each change, in every setting, and at random."""
    for settings in range(16):
        for whom in (0, 3, 6):
            steps = [
                bytes(
                    [
                        whom,
                        128 + (change * 37 + kind * 11) % 100,
                        kind,
                        change,
                        kind * 3,
                        change,
                        change,
                        kind & 1 and 35,
                    ]
                )
                for kind in range(8)
                for change in range(11)
            ]
            if settings % 5 == whom % 5:
                yield f"each-{settings:02}-{whom}", bytes([settings]) + b"".join(steps)
    chance = random.Random("attacks")
    for number in range(16):
        yield f"random-{number:02}", bytes([number | (number & 1) << 4]) + chance.randbytes(STEP_SIZE * 60)


def control_datagrams() -> Iterator[bytes]:
    """Yield one of each kind of control datagram."""
    controls = Controls(lambda: 0)
    source = Address("192.0.2.7", 50_000)
    for kind, number in [(0, 0), (1, 4), (2, 0x4C0), *((5, each << 4) for each in range(3)), (7, 0x0310)]:
        yield controls.make(kind, number, source)
    for message in (Ping(1), Pong(1, 2, 3), Counts(ReceiverCounts(*range(22))), Results("Succeeded"), ResultsAck()):
        yield with_tag(encode_control(message, token=bytes(TOKEN_SIZE), sequence=7), bytes(TAG_SIZE))


def greetings() -> Iterator[tuple[str, bytes]]:
    """Yield scripts against streams that begin by HELLO, with control datagrams among the attack's."""
    chance = random.Random("greetings")
    for number in range(12):
        settings = (number & 1) | 8 * (number >> 1 & 1) | (1 + number % 3) << 5 | 128 * (number % 5 == 0)
        steps = [
            bytes([chance.choice([0, 3, 6, 14]), 128 + chance.randrange(90), 192 + chance.randrange(64)])
            + bytes([chance.choice([0, 0, 0, 6, 8, 9]), *chance.randbytes(3), chance.randrange(3)])
            for _ in range(60)
        ]
        yield f"hello-{number:02}", bytes([settings]) + b"".join(steps)


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """Yield target, name and content of every seed."""
    vectors = captured()
    for number in (0, 1, 2, 3, len(vectors) - 1):
        head = vectors[number][:64]
        yield "wire", f"captured-{number}", head
        yield "batch", f"captured-{number}", len(head).to_bytes(2, "little") + head * 3
    for number, datagram in enumerate(control_datagrams()):
        yield "control", f"kind-{number}", datagram
    yield "batch", "starts", (5).to_bytes(2, "little") + b"START" * 7
    for path in sorted((ROOT / "configs").glob("*.toml")):
        yield "config", path.stem, path.read_bytes()
    plugins = '[sender]\nstrategy = "burst"\noptions = {frames = 3}\n[connected_socket]\nfactory = "pcap"\n'
    yield "config", "plugins", plugins.encode()
    yield (
        "overrides",
        "some",
        b'stream.frame_rate=60\nnetwork.loss={model = "gilbert-elliott"}\nclient.target=[::1]:4444',
    )
    yield "trace", "some", b"20ms\n0.5 # seconds\n\n1us\n"
    for name, sets in SIMULATIONS.items():
        events, truth = logs_of(sets)
        yield "events", name, events
        yield "truth", name, truth
        yield "verification", name, events + BETWEEN_FILES + truth
    for name, script in (*attacks(), *greetings()):
        yield "receive_path", name, script


def main() -> None:
    sizes: dict[str, int] = {}
    for target, name, content in seeds():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        sizes[target] = sizes.get(target, 0) + len(content)
    print(json.dumps(sizes))


if __name__ == "__main__":
    main()
