"""What other ends told, as events write it and as it is read back; ``docs/events.md`` defines it.

Numbers come from a stranger's u64, and are added up: they may be wider than 64 bits.
"""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import AttrsInstance, asdict, fields_dict

from cts.metrics.clock_figures import ClockFigures, DelayFigures
from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.loss import DueBytes
from cts.metrics.peer_clock import ClockEstimate
from cts.metrics.viewing import Longest
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.messages import Counts
from cts.records.json_lines import Fields
from cts.records.peer_end import ControlTotals, PeerEnd, PeerTotals

__all__ = ["peer_read", "peer_written", "peers_read", "peers_written"]

_T = TypeVar("_T", bound=AttrsInstance)


def peer_written(peer: PeerEnd | None) -> dict[str, object]:
    """Write what a stream's other end told, as the key ``peer``; no key where it was begun by START."""
    return {} if peer is None else {"peer": asdict(peer)}


def peer_read(fields: Fields) -> PeerEnd | None:
    """Read it."""
    peer = fields.within_or_none("peer")
    if peer is None:
        return None
    return PeerEnd(
        clock=_clock(peer.within_or_none("clock")),
        counts=_counts(peer.within_or_none("counts")),
        outcome=peer.text_or_none("outcome"),
        acknowledged=peer.flag_or_none("acknowledged") is True,
        key_name=peer.text_or_none("key_name"),
        control=_numbers(peer.within("control"), ControlTotals),
    )


def peers_written(peers: PeerTotals) -> dict[str, object]:
    """Write what all other ends told last, as the key ``peers``; no key where all streams were begun by START."""
    return {"peers": asdict(peers)} if peers.streams else {}


def peers_read(fields: Fields) -> PeerTotals:
    """Read it."""
    peers = fields.within_or_none("peers")
    if peers is None:
        return PeerTotals()
    parts = {"frames": FrameTotals, "arrivals": ArrivalTotals, "received": DueBytes, "sent": DueBytes}
    values: dict[str, Any] = {
        name: _numbers(peers.within(name), parts[name]) if name in parts else _number(peers, name)
        for name in fields_dict(PeerTotals)
    }
    return PeerTotals(**{**values, "lateness": Longest(values["lateness"])})


def _clock(fields: Fields | None) -> ClockFigures | None:
    if fields is None:
        return None
    media, drift = fields.within_or_none("media"), fields.within_or_none("drift")
    return ClockFigures(
        exchanges=_number(fields, "exchanges"),
        round_trip_least_ns=_number(fields, "round_trip_least_ns"),
        round_trip_p50_ns=_number(fields, "round_trip_p50_ns"),
        round_trip_p99_ns=_number(fields, "round_trip_p99_ns"),
        offset=_numbers(fields.within("offset"), ClockEstimate),
        drift=None if drift is None else _numbers(drift, ClockEstimate),
        steps=_number(fields, "steps"),
        to_peer=_delays(fields.within("to_peer")),
        from_peer=_delays(fields.within("from_peer")),
        media=None if media is None else _delays(media),
    )


def _delays(fields: Fields) -> DelayFigures:
    estimates = {name: _numbers(fields.within(name), ClockEstimate) for name in ("least", "p50", "p99")}
    return DelayFigures(count=_number(fields, "count"), **estimates)


def _counts(fields: Fields | None) -> Counts | None:
    if fields is None:
        return None
    received, sent = fields.within_or_none("received"), fields.within_or_none("sent")
    return Counts(
        None if received is None else _numbers(received, ReceiverCounts),
        None if sent is None else _numbers(sent, SenderCounts),
    )


def _numbers(fields: Fields, of: type[_T]) -> _T:
    return of(**{name: _number(fields, name) for name in fields_dict(of)})


def _number(fields: Fields, name: str) -> int:
    number = fields.wide_integer_or(name, None)
    if number is None:
        raise fields.refused(f"has no {name!r}")
    return number
