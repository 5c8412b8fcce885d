"""The ground-truth log: what the network did to each datagram. ``docs/truth.md`` defines it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from cts.api import Address
from cts.output.logfile import LogFile

__all__ = ["HEAD_SIZE", "TRUTH_SCHEMA", "LinkArrival", "LinkFate", "TruthLog"]

TRUTH_SCHEMA = 1
HEAD_SIZE = 39
"""Bytes of a datagram that are written: as long as the longest header of the protocol."""


class LinkArrival(Protocol):
    """One arrival of a datagram."""

    @property
    def arrival_ns(self) -> int:
        """When, in the run's clock."""

    @property
    def corrupt_bit(self) -> int | None:
        """The bit that was flipped."""


class LinkFate(Protocol):
    """What a link did to a datagram."""

    @property
    def kind(self) -> str:
        """``delivered``, or what dropped it."""

    @property
    def arrivals(self) -> Sequence[LinkArrival]:
        """When it arrived, and how often."""


class TruthLog:
    """Writes the log.

    Args:
        path: the file; what it held is lost.
        key: what asked for it, for messages.
        seed: what all chance follows from.
        began_ns: time 0 in the run's clock.
        began_unix_ns: the same as a Unix time; 0 in a simulation.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path, key: str, *, seed: int, began_ns: int, began_unix_ns: int) -> None:
        self._file = LogFile(path, key)
        self._began_ns = began_ns
        self._datagrams = 0
        self._write({"kind": "began", "schema": TRUTH_SCHEMA, "seed": seed, "began_unix_ns": began_unix_ns})

    @property
    def failure(self) -> str | None:
        """Why the file is not complete, None if it is."""
        return self._file.failure

    def client(self, now_ns: int, number: int, address: Address, upstream: Address) -> None:
        """Write that a client was seen."""
        line = {"kind": "client", "client": number, "t": now_ns - self._began_ns}
        self._write({**line, "address": str(address), "upstream": str(upstream)})

    def datagrams(
        self,
        now_ns: int,
        client: int,
        direction: str,
        first: int,
        datagrams: Iterable[tuple[int, str]],
        fates: Sequence[LinkFate],
    ) -> None:
        """Write what became of datagrams that were offered together.

        Args:
            now_ns: when they were offered.
            client, direction: to which link.
            first: number of the first of them in that link.
            datagrams: size in bytes and first bytes in hexadecimal of each.
            fates: what became of each.
        """
        began_ns = self._began_ns
        opening = f'{{"kind":"datagram","t":{now_ns - began_ns},"client":{client},"dir":"{direction}","n":'
        for number, ((size, head), fate) in enumerate(zip(datagrams, fates, strict=True), first):
            at = ",".join([str(arrival.arrival_ns - began_ns) for arrival in fate.arrivals])
            bits = ",".join(
                ["null" if arrival.corrupt_bit is None else str(arrival.corrupt_bit) for arrival in fate.arrivals]
            )
            self._file.write_line(
                f'{opening}{number},"size":{size},"head":"{head}","fate":"{fate.kind}","at":[{at}],"bits":[{bits}]}}'
            )
        self._datagrams += len(fates)

    def close(self, now_ns: int) -> None:
        """Write the last line and close."""
        self._write({"kind": "ended", "t": now_ns - self._began_ns, "datagrams": self._datagrams})
        self._file.close()

    def _write(self, line: dict[str, object]) -> None:
        self._file.write_line(json.dumps(line, separators=(",", ":")))
