"""Reads a ground-truth log, line by line, and checks that it is one. ``docs/truth.md`` defines it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from cts.errors import UserError
from cts.records.json_lines import EVENTS, TRUTH, LineReader
from cts.units import SECOND

__all__ = ["Arrivals", "TruthReader", "TruthVisitor"]

_SCHEMA = 1
_HEAD_SIZE = 39
_HEAD_DIGITS = 2 * _HEAD_SIZE

_INTEGER = "([0-9]{1,19})"
_DATAGRAM = re.compile(
    rf'{{"kind":"datagram","t":{_INTEGER},"client":{_INTEGER},"dir":"to_(client|server)","n":{_INTEGER},"size":{_INTEGER},'
    r'"head":"([0-9a-f]*)","fate":"([a-z]+)","at":\[([0-9,]*)\],"bits":\[([0-9a-z,]*)\]}\n'
)
"""A datagram's line. Its form is fixed, and this is three times as fast as reading it as JSON."""

_DIGITS_MAX = 18
"""Of any number of such a line: nanoseconds of 31 years."""
_SIZE_MAX = 65_535

_RELAY_DISORDER_NS = SECOND
"""A relay reads its sockets one after the other, so that its lines need not be in the order of their times."""

_ENDED = '{"kind":"ended"'

_SIMULATED_FATES = frozenset({"delivered", "lost", "queue", "mtu", "outage"})
_FATES = _SIMULATED_FATES | {"unsent"}


Arrivals = tuple[tuple[int, int | None], ...]
"""When each copy of a datagram arrived, and which bit of it was flipped."""


class TruthVisitor(Protocol):
    """Is told what a truth holds, in its order."""

    def client(self, client: int, address: str, upstream: str) -> None:
        """A client appeared: its number, its own address, and the one that the server sees."""

    def offered(
        self, at_ns: int, client: int, to_client: bool, number: int, size: int, head: str, arrivals: Arrivals
    ) -> None:
        """A datagram was sent.

        Args:
            at_ns: when it was offered to the link.
            client: whose link it is.
            to_client: the way.
            number: its number in that link and on that way.
            size: its bytes.
            head: the first 39 of them, hexadecimal.
            arrivals: what arrived of it.
        """


class TruthReader:
    """Reads the log.

    Args:
        path: the file.

    Attributes:
        seed: what all chance followed from.
        began_unix_ns: when time 0 was, Unix time; 0 in a simulation.
        disorder_ns: how far lines may be out of the order of their times.
        last_ns: the latest time of a line so far.
        datagrams: datagrams read so far.
        complete: whether the last line has come.
        interrupted: whether that says that the simulation was cut short, None if it does not tell.

    Raises:
        UserError: the file cannot be read or is no such log, now or while reading.
    """

    def __init__(self, path: Path) -> None:
        self._reader = LineReader(path, "a ground-truth log of schema 1, as `cts sim` and `cts impair` write it")
        self._lines = iter(self._reader)
        self._numbers: dict[str, dict[int, int]] = {"client": {}, "server": {}}
        """By direction and client, of the datagram that came last."""
        self._seen_ns: dict[int, int] = {}
        self.last_ns = 0
        self.datagrams = 0
        self.complete = False
        self.interrupted: bool | None = None
        first = next(self._lines, None)
        if first is None:
            raise self._reader.unusable("is empty")
        fields = self._reader.fields(first)
        self._reader.refuse_other(fields, TRUTH, EVENTS)
        fields.one_of("kind", ("began",))
        if (schema := fields.integer("schema")) != _SCHEMA:
            raise self._reader.refused(f"says schema {schema}")
        self.seed = fields.integer("seed")
        self.began_unix_ns = fields.unix_time("began_unix_ns")
        self.disorder_ns = _RELAY_DISORDER_NS if self.began_unix_ns else 0

    def read(self, visitor: TruthVisitor) -> None:
        """Read the log to its end, once.

        Args:
            visitor: told of clients and datagrams.
        """
        match, offered = _DATAGRAM.fullmatch, visitor.offered
        to_client, to_server = self._numbers["client"], self._numbers["server"]
        for line in self._lines:
            found = match(line)
            if found is None:
                if line[-1] != "\n" and not (line.startswith(_ENDED) and line.endswith("}")):
                    return
                self._other(line, visitor)
                continue
            t, client_text, to, number_text, size_text, head, fate, at, bits = found.groups()
            at_ns, client, number, size = map(self._integer, (t, client_text, number_text, size_text))
            self.datagrams += 1
            if at_ns > self.last_ns:
                self.last_ns = at_ns
            elif at_ns < self.last_ns - self.disorder_ns:
                raise self._reader.refused("is out of the order of its times")
            numbers = to_client if to == "client" else to_server
            if self.complete or numbers.get(client) != number - 1:
                raise self._misplaced(client, to, number)
            numbers[client] = number
            if number == 1:
                self._first(at_ns, client, to)
            if size > _SIZE_MAX:
                raise self._reader.refused("has a 'size' that no datagram has")
            if len(head) != (_HEAD_DIGITS if size > _HEAD_SIZE else 2 * size):
                raise self._reader.refused("has a 'head' that does not fit its 'size'")
            arrivals: Arrivals = ()
            if bits == "null" and at and "," not in at:
                arrivals = ((self._integer(at), None),)
            elif at or bits:
                arrivals = self._arrivals(at, bits, size)
            if fate not in (_FATES if self.began_unix_ns else _SIMULATED_FATES) or (fate == "delivered") != bool(
                arrivals
            ):
                raise self._reader.refused("has a 'fate' that is none, or does not fit its 'at'")
            for arrived_ns, _ in arrivals:
                if arrived_ns < at_ns:
                    raise self._reader.refused("has it arrive before it was sent")
            offered(at_ns, client, numbers is to_client, number, size, head, arrivals)

    def _integer(self, text: str) -> int:
        if len(text) > _DIGITS_MAX:
            raise self._reader.refused("has a number that nothing comes to")
        return int(text)

    def _misplaced(self, client: int, to: str, number: int) -> UserError:
        if self.complete:
            return self._reader.refused("comes after the last line")
        last = self._numbers[to].get(client)
        if last is None:
            return self._reader.refused(f"tells of client {client}, which has no line before")
        return self._reader.refused(f"has the number {number} of client {client} to_{to}, and {last + 1} comes next")

    def _first(self, at_ns: int, client: int, to: str) -> None:
        """Check that a client was told of right before its first datagram."""
        seen_ns = self._seen_ns[client]
        if at_ns < seen_ns or (to == "server" and not self.began_unix_ns and at_ns != seen_ns):
            raise self._reader.refused(f"tells of client {client}, whose line says {seen_ns} ns")

    def _arrivals(self, at: str, bits: str, size: int) -> Arrivals:
        try:
            times = [self._integer(each) for each in at.split(",")]
            flipped = [None if each == "null" else self._integer(each) for each in bits.split(",")]
        except ValueError:
            raise self._reader.refused("has 'at' or 'bits' that are no lists of integers") from None
        if len(times) != len(flipped) or any(bit is not None and bit >= 8 * size for bit in flipped):
            raise self._reader.refused("has 'bits' that do not fit its 'at' and 'size'")
        return tuple(zip(times, flipped, strict=True))

    def _other(self, line: str, visitor: TruthVisitor) -> None:
        if self.complete:
            raise self._misplaced(0, "client", 0)
        fields = self._reader.fields(line)
        kind = fields.one_of("kind", ("client", "ended"))
        at_ns = fields.instant("t")
        if kind == "client":
            client = fields.integer("client")
            if client in self._seen_ns:
                raise self._reader.refused(f"tells of client {client} again")
            self._seen_ns[client] = at_ns
            self._numbers["client"][client] = self._numbers["server"][client] = 0
            address, upstream = fields.text("address"), fields.text("upstream")
            if address != upstream and not self.began_unix_ns:
                raise self._reader.refused("has an 'upstream' that is not the 'address', as in a simulation it is")
            visitor.client(client, address, upstream)
            return
        if at_ns < self.last_ns or (self.datagrams and not self.began_unix_ns and at_ns != self.last_ns):
            raise self._reader.refused("says another time than that of the last datagram")
        if (said := fields.integer("datagrams")) != self.datagrams:
            raise self._reader.refused(f"says {said} datagrams, and the log holds {self.datagrams}")
        self.interrupted = fields.flag_or_none("interrupted")
        self.complete = True
