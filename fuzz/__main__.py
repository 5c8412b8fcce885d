"""Fuzzes cts: ``python -m fuzz TARGET``, from the root of a clone, with plugins installed (see fuzz/README.md).

    python -m fuzz receive_path --datagrams 10000000      coverage-guided (needs the extra ``fuzz``)
    python -m fuzz receive_path --blind --seconds 60      the corpus mutated at random, without atheris: some times as fast
    python -m fuzz receive_path FILE...                   these inputs alone, each once

What fails is left as a file; it is an argument of the last form.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TELL_SECONDS = 30


class Finished(Exception):
    """As much has been done as was asked for."""


class Watched:
    """A target that counts, says now and then how far it is, and ends when enough has been done.

    Args:
        target: returns how many datagrams it played, or nothing.
        datagrams, seconds: the bounds; 0 for none.
    """

    def __init__(self, target: Callable[[bytes], object], *, datagrams: int, seconds: float) -> None:
        self._target = target
        self._most = datagrams
        self._began = self._told = time.monotonic()
        self._ends = self._began + seconds if seconds else float("inf")
        self.inputs = self.datagrams = 0
        self.resident: list[int] = []

    def __call__(self, data: bytes) -> None:
        played = self._target(data)
        self.inputs += 1
        self.datagrams += played if isinstance(played, int) else 0
        now = time.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self.tell()
        if now > self._ends or 0 < self._most <= self.datagrams:
            raise Finished

    def tell(self) -> None:
        """Say how far it is."""
        self.resident.append(resident_kib())
        seconds = time.monotonic() - self._began
        counts = {"inputs": self.inputs, "datagrams": self.datagrams}
        told = {"seconds": round(seconds), **counts, "rss_kib": self.resident[-1]}
        print(json.dumps(told), file=sys.stderr, flush=True)


def resident_kib() -> int:
    """Return what this process has in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4


def seeds_of(name: str) -> list[bytes]:
    """Return a target's corpus."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutated(seeds: list[bytes], chance: random.Random, longest: int) -> Iterator[bytes]:
    """Yield inputs without end: seeds with bytes changed, cut out, put in, and parts of others put behind."""
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(1 << chance.randrange(6)):
            at = chance.randrange(len(data) + 1)
            way = chance.randrange(5)
            if way == 0:
                other = chance.choice(seeds)
                start = chance.randrange(len(other) + 1)
                data[at:at] = other[start : start + chance.randrange(1, 257)]
            elif way == 1:
                del data[at : at + chance.randrange(1, 17)]
            elif way == 2:
                data[at:at] = chance.randbytes(chance.randrange(1, 17))
            elif at < len(data):
                data[at] = chance.randrange(256) if way == 3 else data[at] ^ 1 << chance.randrange(8)
        yield bytes(data[:longest])


def keep(data: bytes) -> Path:
    """Leave an input that failed as a file; return it."""
    path = Path(f"crash-{hashlib.sha1(data, usedforsecurity=False).hexdigest()}")
    path.write_bytes(data)
    return path


def blind(watched: Watched, seeds: list[bytes], seed: int, longest: int) -> None:
    """Fuzz without looking at what is reached."""
    try:
        for data in mutated(seeds, random.Random(seed), longest):
            try:
                watched(data)
            except Finished:
                raise
            except BaseException:
                print(f"left in {keep(data)}", file=sys.stderr)
                raise
    except Finished:
        watched.tell()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("target")
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--blind", action="store_true", help="mutate at random, without coverage")
    parser.add_argument("--datagrams", type=int, default=0, help="end after so many")
    parser.add_argument("--seconds", type=float, default=0, help="end after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=4_096, help="bytes of an input at most")
    parser.add_argument("--found", type=Path, help="where coverage-guided fuzzing keeps what reached something new")
    options = parser.parse_args()
    atheris = None
    if not options.blind and not options.inputs:
        atheris = import_module("atheris")
        with atheris.instrument_imports(include=["cts"], enable_loader_override=False):
            targets = import_module("fuzz.targets").TARGETS
    else:
        targets = import_module("fuzz.targets").TARGETS
    if options.target not in targets:
        parser.error(f"no target {options.target!r}; allowed: {', '.join(targets)}")
    watched = Watched(targets[options.target], datagrams=options.datagrams, seconds=options.seconds)
    if options.inputs:
        for path in options.inputs:
            watched(path.read_bytes())
        watched.tell()
    elif atheris is None:
        blind(watched, seeds_of(options.target), options.seed, options.longest)
    else:
        guided(atheris, watched, options)


def guided(atheris: object, watched: Watched, options: argparse.Namespace) -> None:
    """Fuzz for what has not been reached yet; libFuzzer ends the process."""

    def test(data: bytes) -> None:
        try:
            watched(data)
        except Finished:
            watched.tell()
            sys.stderr.flush()
            # libFuzzer takes any exception for a finding, and nothing returns from its loop.
            os._exit(0)

    found = options.found or Path(f"/tmp/cts-fuzz-found-{options.target}")
    found.mkdir(exist_ok=True)
    bounds = ["-timeout=60", "-rss_limit_mb=4096", "-len_control=0"]
    flags = [f"-max_len={options.longest}", f"-seed={options.seed}", *bounds]
    atheris.Setup([sys.argv[0], *flags, str(found), str(CORPUS / options.target)], test)  # type: ignore[attr-defined]
    atheris.Fuzz()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
