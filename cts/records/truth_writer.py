"""The ground-truth log: what the network did to each datagram. ``docs/truth.md`` defines it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import define, frozen

from cts.impairment.link import Arrival, Fate
from cts.protocol.stamps import headers_of
from cts.records.gzip_stream import is_packed
from cts.records.log_file import LogFile
from cts.records.snapshots import Address
from cts.records.writers import AT_ONCE, Writer

__all__ = ["TRUTH_SCHEMA", "RelayTruthLog", "SimulationTruthLog", "Transmission", "TruthLog"]

TRUTH_SCHEMA = 1
_HEAD_SIZE: Final = 39
"""Bytes of a datagram that are written: as long as the longest header of the protocol."""

_WAITING_LIMIT: Final = 65_536
_UNDER_WAY: Final = -1
_UNSENT: Final = "unsent"


@frozen
class Transmission:
    """Datagrams that were offered to a link in one call, and what it did to each.

    Attributes:
        at_ns: when they were offered, in the run's clock.
        client: number of the client whose link it is, from 1.
        address: that client's address.
        way: ``to_server`` or ``to_client``.
        first: number of the first datagram in that link, from 1.
        header, payloads: what the datagrams begin with (see :func:`cts.api.headers_of`), and what follows in each.
        fates: what became of each.
    """

    at_ns: int
    client: int
    address: Address
    way: str
    first: int
    header: bytes
    payloads: Sequence[bytes | memoryview]
    fates: Sequence[Fate]


class TruthLog:
    """Writes the log.

    Args:
        path: the file, written as gzip if its name ends in ``.gz``; what it held is lost.
        key: what asked for it, for messages.
        seed: what all chance follows from.
        began_ns: time 0 in the run's clock.
        began_unix_ns: the same as a Unix time; 0 in a simulation.
        writer: who writes.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(
        self, path: Path, key: str, *, seed: int, began_ns: int, began_unix_ns: int, writer: Writer = AT_ONCE
    ) -> None:
        self._file = LogFile(path, key, writer=writer, packed=is_packed(path))
        self._began_ns = self._file.began_ns = began_ns
        self._datagrams = 0
        self._write({"kind": "began", "schema": TRUTH_SCHEMA, "seed": seed, "began_unix_ns": began_unix_ns})

    @property
    def failure(self) -> str | None:
        """Why the file is not complete, None if it is."""
        return self._file.failure

    def client(self, now_ns: int, number: int, address: Address, upstream: Address) -> None:
        """Write that a client was seen."""
        self._file.write_line(self._client_line(now_ns, number, address, upstream))

    def transmitted(self, transmission: Transmission) -> None:
        """Write what became of datagrams that were offered together."""
        for text, fate in zip(self._beginnings(transmission), transmission.fates, strict=True):
            self._file.write_line(text + self._end(fate.kind, fate.arrivals))

    def close(self, now_ns: int, *, interrupted: bool = False) -> None:
        """Write the last line, which says whether the run was to go on, and close."""
        ended = {"kind": "ended", "t": now_ns - self._began_ns, "datagrams": self._datagrams}
        self._write({**ended, "interrupted": interrupted})
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

    def _beginnings(self, offered: Transmission) -> list[str]:
        """Count the datagrams and return of each its line up to the fate."""
        self._datagrams += len(offered.fates)
        now_ns = offered.at_ns - self._began_ns
        headers = headers_of(offered.header, offered.payloads)
        header_size = len(headers[0]) if headers else 0
        opening = f'{{"kind":"datagram","t":{now_ns},"client":{offered.client},"dir":"{offered.way}","n":'
        room = max(0, _HEAD_SIZE - header_size)
        return [
            f'{opening}{number},"size":{header_size + len(payload)},'
            f'"head":"{header[:_HEAD_SIZE].hex()}{bytes(payload[:room]).hex()}"'
            for number, (header, payload) in enumerate(zip(headers, offered.payloads, strict=True), offered.first)
        ]

    def _end(self, kind: str, arrivals: Sequence[Arrival]) -> str:
        """Return the rest of a line: what became of the datagram, and when it arrived with which bit flipped."""
        began_ns = self._began_ns
        at = ",".join([str(each.arrival_ns - began_ns) for each in arrivals])
        bits = ",".join(["null" if each.corrupt_bit is None else str(each.corrupt_bit) for each in arrivals])
        return f',"fate":"{kind}","at":[{at}],"bits":[{bits}]}}'


def _json(line: dict[str, object]) -> str:
    return json.dumps(line, separators=(",", ":"))


class SimulationTruthLog(TruthLog):
    """Writes a simulation's log, in which everything is told by what is transmitted.

    What is offered at one instant is offered in the order in which tasks happen to run; it is held until the next instant and
    written in order of client, way and number.

    Args:
        path, key, seed: as for :class:`TruthLog`.
        began_ns: time 0 in the run's clock.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path, key: str, *, seed: int, began_ns: int = 0) -> None:
        super().__init__(path, key, seed=seed, began_ns=began_ns, began_unix_ns=0)
        self._held: list[Transmission] = []
        self._now_ns = began_ns

    def transmitted(self, transmission: Transmission) -> None:
        """Write it once a later instant comes."""
        if transmission.at_ns != self._now_ns:
            self._write_held()
            self._now_ns = transmission.at_ns
        self._held.append(transmission)

    def end(self, *, interrupted: bool) -> None:
        """Write what is held, and the last line with the time of the last transmission, and close."""
        self._write_held()
        self.close(self._now_ns, interrupted=interrupted)

    def _write_held(self) -> None:
        self._held.sort(key=lambda each: (each.client, each.way, each.first))
        for each in self._held:
            if each.first == 1 and each.way == "to_server":
                self.client(each.at_ns, each.client, each.address, each.address)
            super().transmitted(each)
        self._held.clear()


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
        path, key, seed, began_ns, began_unix_ns, writer: as for :class:`TruthLog`.
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
        writer: Writer = AT_ONCE,
        waiting_limit: int = _WAITING_LIMIT,
    ) -> None:
        super().__init__(path, key, seed=seed, began_ns=began_ns, began_unix_ns=began_unix_ns, writer=writer)
        self._waiting_limit = waiting_limit
        self._waiting: deque[_Line | str] = deque()
        self._under_way: dict[tuple[int, str, int], _Line] = {}
        # A relay that is killed must not leave a log that is whole, of another run.
        self.flush()

    def client(self, now_ns: int, number: int, address: Address, upstream: Address) -> None:
        """Write that a client was seen."""
        self._waiting.append(self._client_line(now_ns, number, address, upstream))
        self._write_complete()

    def transmitted(self, transmission: Transmission) -> None:
        """Write what became of datagrams that were offered together, once :meth:`departed` has told of all their arrivals."""
        told = zip(self._beginnings(transmission), transmission.fates, strict=True)
        for number, (text, fate) in enumerate(told, transmission.first):
            count = len(fate.arrivals)
            line = _Line((transmission.client, transmission.way, number), text, fate, [_UNDER_WAY] * count, count)
            self._waiting.append(line)
            if count:
                self._under_way[line.key] = line
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

    def close(self, now_ns: int, *, interrupted: bool = False) -> None:
        """Write the lines that are held, whose arrivals under way never leave, the last line, and close."""
        for line in self._under_way.values():
            line.left = [None if left == _UNDER_WAY else left for left in line.left]
            line.missing = 0
        self._under_way.clear()
        self._write_complete()
        super().close(now_ns, interrupted=interrupted)

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
        due = zip(line.fate.arrivals, line.left, strict=True)
        left = [each if ns == _UNDER_WAY else each._replace(arrival_ns=ns) for each, ns in due if ns is not None]
        return line.text + self._end(_UNSENT if line.left and not left else line.fate.kind, left)
