"""The ground-truth log: what the network did to each datagram. ``docs/truth.md`` defines it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from attrs import define

from cts.impairment.link import Fate
from cts.records.log_file import LogFile
from cts.records.snapshots import Address

__all__ = ["HEAD_SIZE", "TRUTH_SCHEMA", "RelayTruthLog", "TruthLog"]

TRUTH_SCHEMA = 1
HEAD_SIZE = 39
"""Bytes of a datagram that are written: as long as the longest header of the protocol."""

_WAITING_LIMIT: Final = 65_536
_UNDER_WAY: Final = -1
_UNSENT: Final = "unsent"


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
        self._file.write_line(self._client_line(now_ns, number, address, upstream))

    def datagrams(
        self,
        now_ns: int,
        client: int,
        way: str,
        first: int,
        datagrams: Iterable[tuple[int, str]],
        fates: Sequence[Fate],
    ) -> None:
        """Write what became of datagrams that were offered together.

        Args:
            now_ns: when they were offered.
            client, way: to which link.
            first: number of the first of them in that link.
            datagrams: size in bytes and first bytes in hexadecimal of each.
            fates: what became of each.
        """
        began_ns = self._began_ns
        opening = self._opening(now_ns, client, way)
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

    def flush(self) -> None:
        """Write what has been gathered: what the file held before is gone from then on."""
        self._file.flush()

    def abandon(self) -> None:
        """Close without writing: the run never began."""
        self._file.abandon()

    def _write(self, line: dict[str, object]) -> None:
        self._file.write_line(_json(line))

    def _client_line(self, now_ns: int, number: int, address: Address, upstream: Address) -> str:
        line = {"kind": "client", "client": number, "t": now_ns - self._began_ns}
        return _json({**line, "address": str(address), "upstream": str(upstream)})

    def _opening(self, now_ns: int, client: int, way: str) -> str:
        """Begin the line of a datagram that was offered then, up to its number."""
        return f'{{"kind":"datagram","t":{now_ns - self._began_ns},"client":{client},"dir":"{way}","n":'


def _json(line: dict[str, object]) -> str:
    return json.dumps(line, separators=(",", ":"))


@define(eq=False)
class _Line:
    """A line that is complete once every arrival has left, or never will.

    Attributes:
        key: client, way and number.
        text: the line up to its fate.
        fate: what the link did.
        left: for each arrival when it left, None if it never did, :data:`_UNDER_WAY` before either is known.
        missing: arrivals under way.
    """

    key: tuple[int, str, int]
    text: str
    fate: Fate
    left: list[int | None]
    missing: int


class RelayTruthLog(TruthLog):
    """Writes a relay's log, whose arrivals are the times when the relay sent them, known some time after the fate.

    A line is held until all its arrivals have left, and those after it are too, so that lines stand in the order in which
    datagrams were offered, as in a simulation's log.

    Args:
        path, key, seed, began_ns, began_unix_ns: as for :class:`TruthLog`.
        waiting_limit: lines that may be held. Where there are more, the first is written with the times when its arrivals
            are due in place of those that are not known yet.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        key: str,
        *,
        seed: int,
        began_ns: int,
        began_unix_ns: int,
        waiting_limit: int = _WAITING_LIMIT,
    ) -> None:
        super().__init__(path, key, seed=seed, began_ns=began_ns, began_unix_ns=began_unix_ns)
        self._waiting_limit = waiting_limit
        self._waiting: deque[_Line | str] = deque()
        self._under_way: dict[tuple[int, str, int], _Line] = {}

    def client(self, now_ns: int, number: int, address: Address, upstream: Address) -> None:
        """Write that a client was seen."""
        self._waiting.append(self._client_line(now_ns, number, address, upstream))
        self._write_complete()

    def datagrams(
        self,
        now_ns: int,
        client: int,
        way: str,
        first: int,
        datagrams: Iterable[tuple[int, str]],
        fates: Sequence[Fate],
    ) -> None:
        """Write what became of datagrams that were offered together, once :meth:`departed` has told of all their arrivals."""
        opening = self._opening(now_ns, client, way)
        for number, ((size, head), fate) in enumerate(zip(datagrams, fates, strict=True), first):
            count = len(fate.arrivals)
            line = _Line(
                (client, way, number),
                f'{opening}{number},"size":{size},"head":"{head}"',
                fate,
                [_UNDER_WAY] * count,
                count,
            )
            self._waiting.append(line)
            if count:
                self._under_way[line.key] = line
        self._datagrams += len(fates)
        self._write_complete()

    def departed(self, client: int, way: str, number: int, arrival: int, sent_ns: int | None) -> None:
        """Take note of when an arrival of a datagram left.

        Args:
            client, way, number: which datagram; one whose line is written is passed over.
            arrival: which of the arrivals of its fate, from 0.
            sent_ns: when, None if it could not be sent.
        """
        line = self._under_way.get((client, way, number))
        if line is not None:
            line.left[arrival] = sent_ns
            line.missing -= 1
            if not line.missing:
                del self._under_way[line.key]
                self._write_complete()

    def close(self, now_ns: int) -> None:
        """Write the lines that are held, whose arrivals under way never leave, the last line, and close."""
        for line in self._under_way.values():
            line.left = [None if left == _UNDER_WAY else left for left in line.left]
            line.missing = 0
        self._under_way.clear()
        self._write_complete()
        super().close(now_ns)

    def _write_complete(self) -> None:
        waiting = self._waiting
        while waiting:
            line = waiting[0]
            if isinstance(line, str):
                self._file.write_line(line)
            elif not line.missing or len(waiting) > self._waiting_limit:
                self._file.write_line(self._whole(line))
                self._under_way.pop(line.key, None)
            else:
                return
            waiting.popleft()

    def _whole(self, line: _Line) -> str:
        at, bits = [], []
        for arrival, left in zip(line.fate.arrivals, line.left, strict=True):
            if left is not None:
                left_ns = arrival.arrival_ns if left == _UNDER_WAY else left
                at.append(str(left_ns - self._began_ns))
                bits.append("null" if arrival.corrupt_bit is None else str(arrival.corrupt_bit))
        fate = _UNSENT if line.left and not at else line.fate.kind
        return f'{line.text},"fate":"{fate}","at":[{",".join(at)}],"bits":[{",".join(bits)}]}}'
