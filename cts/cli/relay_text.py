"""What a relay does, in words and as JSON: the line of every second, and the counts at its end."""

from __future__ import annotations

from collections.abc import Sequence

from cts import __version__
from cts.api import Address
from cts.impairment.link import FateKind
from cts.output.buffer_text import buffers_json, buffers_text, short_buffers
from cts.output.figures import overflow_text, percentage, seconds, two_columns, whole_milliseconds
from cts.output.trust_text import trust_json, trust_rows
from cts.records.buffers import SocketBuffers
from cts.relay.run import RelayResult
from cts.relay.statistics import RelayStatistics, WayCounts
from cts.units import MILLISECOND, counted

__all__ = ["RELAY_SCHEMA", "relay_banner", "relay_json", "relay_line", "relay_text"]

RELAY_SCHEMA = 1
"""Rises when a key changes its meaning or goes; new keys do not raise it."""
_WHY = {
    FateKind.LOST: "lost",
    FateKind.QUEUE: "at a full queue",
    FateKind.MTU: "larger than the MTU",
    FateKind.OUTAGE: "in an outage",
}


def relay_banner(bound: Sequence[Address], upstream: Address, seed: int, buffers: SocketBuffers) -> str:
    """Return the lines that a relay begins with."""
    lines = [f"cts {__version__}: relay on {', '.join(map(str, bound))} to {upstream}, seed {seed}; Ctrl-C ends it"]
    lines += [buffers_text(buffers), *(f"note: {text}" for text in short_buffers(buffers))]
    return "\n".join(lines)


def relay_line(statistics: RelayStatistics) -> str:
    """Return the counts on one line."""
    ways = [_way_line("to server", statistics.to_server), _way_line("to client", statistics.to_client)]
    late_ns = max(statistics.to_server.greatest_lateness_ns, statistics.to_client.greatest_lateness_ns)
    own = f" | {statistics.dropped:,} dropped by the relay" if statistics.dropped else ""
    own += f" | {statistics.unreachable:,} unreachable" if statistics.unreachable else ""
    clients = counted(statistics.clients, "client")
    return f"{seconds(statistics.elapsed_ns):>9} s  {clients} | {' | '.join(ways)} | at most {_late(late_ns)} late{own}"


def relay_text(result: RelayResult) -> str:
    """Return the final counts as a block of lines for people, without a line end after the last."""
    statistics = result.statistics
    rows = [
        ("relay", f"{', '.join(map(str, result.listen))} to {result.upstream}, {seconds(statistics.elapsed_ns)} s"),
        ("seed", str(result.seed)),
        ("clients", f"{statistics.clients_total:,}, {statistics.clients:,} at the end"),
    ]
    if statistics.displaced:
        rows.append(("", f"{statistics.displaced:,} unanswered ones gave their place to others"))
    for name, way in (("to server", statistics.to_server), ("to client", statistics.to_client)):
        rows.append((name, f"{counted(way.offered, 'datagram')}, {counted(way.offered_bytes, 'byte')}"))
        rows += [("", text) for text in _way_rows(way)]
    rows.append(("overflow", overflow_text(statistics.overflowed, result.buffers)))
    if statistics.unreachable:
        rows.append(
            ("unreachable", f"{counted(statistics.unreachable, 'time')} that the network refused a datagram (ICMP)")
        )
    rows += trust_rows(result.trust, sent="datagrams")
    return "\n".join(two_columns(rows))


def relay_json(result: RelayResult) -> dict[str, object]:
    """Return the final counts as what ``json.dumps`` takes; seconds have three decimals, all else is in whole units."""
    statistics = result.statistics
    return {
        "schema": RELAY_SCHEMA,
        "listen": [str(address) for address in result.listen],
        "upstream": str(result.upstream),
        "seed": result.seed,
        "elapsed_seconds": whole_milliseconds(statistics.elapsed_ns) / 1000,
        "clients": statistics.clients,
        "clients_total": statistics.clients_total,
        "displaced": statistics.displaced,
        "to_server": _way_json(statistics.to_server),
        "to_client": _way_json(statistics.to_client),
        "overflowed": statistics.overflowed,
        "unreachable": statistics.unreachable,
        "truth_complete": result.failure is None,
        "buffers": buffers_json(result.buffers),
        "trust": trust_json(result.trust, sent="datagrams"),
    }


def _way_line(name: str, way: WayCounts) -> str:
    return f"{name} {way.offered:,} in, {way.forwarded:,} out, {way.lost:,} lost, {way.held:,} held"


def _way_rows(way: WayCounts) -> list[str]:
    rows = [
        f"{way.fates[kind]:,} {why} ({percentage(way.fates[kind], way.offered)})"
        for kind, why in _WHY.items()
        if way.fates[kind]
    ]
    rows += [
        f"{count:,} {what}" for count, what in ((way.duplicated, "duplicated"), (way.corrupted, "corrupted")) if count
    ]
    rows.append(f"{way.forwarded:,} sent on, at most {_late(way.greatest_lateness_ns)} late")
    if way.held:
        rows.append(f"{way.held:,} still held")
    rows += [f"{count:,} dropped by the relay: {reason}" for reason, count in sorted(way.dropped.items())]
    return rows


def _way_json(way: WayCounts) -> dict[str, object]:
    return {
        "offered": way.offered,
        "offered_bytes": way.offered_bytes,
        **{kind.value: way.fates[kind] for kind in FateKind},
        "duplicated": way.duplicated,
        "corrupted": way.corrupted,
        "forwarded": way.forwarded,
        "forwarded_bytes": way.forwarded_bytes,
        "held": way.held,
        "held_bytes": way.held_bytes,
        "relay_dropped": dict(sorted(way.dropped.items())),
        "greatest_lateness_ns": way.greatest_lateness_ns,
    }


def _late(late_ns: int) -> str:
    return f"{late_ns / MILLISECOND:.2f} ms"
