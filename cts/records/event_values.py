"""The values that events are made of, each as it is written and as it is read back; ``docs/events.md`` defines them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from attrs import asdict, fields_dict

from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.histogram import Histogram, Percentiles
from cts.metrics.host import HostFigures
from cts.metrics.loss import DueBytes
from cts.metrics.quality_of_outcome import Profile, Requirement
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.records.buffers import BufferRoom, SocketBuffers
from cts.records.json_lines import Fields
from cts.records.late import LateArrivals
from cts.records.peer_events import peers_read
from cts.records.snapshots import Address, Outcome, RunSnapshot, StreamSnapshot

__all__ = [
    "HISTOGRAMS",
    "add_histogram",
    "buffers_read",
    "buffers_written",
    "counts_read",
    "counts_written",
    "due_written",
    "histogram_written",
    "host_read",
    "host_written",
    "late_read",
    "late_written",
    "percentiles_read",
    "percentiles_written",
    "profile_read",
    "profile_written",
    "read_address",
    "snapshot_read",
    "unsent_written",
]

HISTOGRAMS = ("send_lateness", "loop_lag")
"""By the names of the report's and the hosts' attributes."""

_BUCKETS_A_LINE = 2000
_BUCKETS = range(64 << 7)
"""What 64-bit numbers fall into."""


def read_address(fields: Fields, key: str) -> Address:
    """Return the address that is written ``ip:port`` or ``[v6]:port``."""
    host, _, port = fields.text(key).rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= len("65535")):
        raise fields.refused(f"has a {key!r} that is no address")
    return Address(host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host, int(port))


def due_written(due: DueBytes) -> dict[str, int]:
    """Write what was due, and what of it was missing."""
    return asdict(due)


def unsent_written(unsent: UnsentFrames) -> dict[str, object]:
    """Write what this host did not let out, by cause."""
    return {cause: each._asdict() for cause, each in unsent.items()}


def _unsent_read(fields: Fields) -> UnsentFrames:
    causes = {cause: fields.within(cause) for cause in fields}
    return UnsentFrames(
        {cause: Unsent(each.integer("frames"), each.integer("time_ns")) for cause, each in causes.items()}
    )


def counts_written(counts: StreamSnapshot) -> dict[str, object]:
    """Write what streams and statuses both have of a snapshot."""
    return {
        "frames": asdict(counts.frames),
        "bytes_received": counts.bytes_received,
        "bytes_sent": counts.bytes_sent,
        "arrivals": asdict(counts.arrivals),
        "unsent": unsent_written(counts.unsent),
        "bytes_on_time": counts.bytes_on_time,
    }


def counts_read(fields: Fields) -> StreamSnapshot:
    """Read the snapshot of a stream that has ended."""
    return StreamSnapshot(
        frames=FrameTotals(**_integers(fields.within("frames"), FrameTotals)),
        bytes_received=fields.integer("bytes_received"),
        bytes_sent=fields.integer("bytes_sent"),
        arrivals=ArrivalTotals(**_integers(fields.within("arrivals"), ArrivalTotals)),
        unsent=_unsent_read(fields.within("unsent")),
        bytes_on_time=fields.integer("bytes_on_time"),
        unreachable=fields.integer("unreachable"),
        bytes_of_no_frame=fields.integer("bytes_of_no_frame"),
        due=DueBytes(**_integers(fields.within("due"), DueBytes)),
        peers=peers_read(fields),
    )


def snapshot_read(fields: Fields) -> RunSnapshot:
    """Read a status. What is unreachable or was not let out is the run's there, and of no side's streams alone."""
    outcomes = fields.within("outcomes")
    refused = fields.within("refused")
    return RunSnapshot(
        elapsed_ns=fields.instant("time_ns"),
        open_streams=fields.integer("open_streams"),
        counts=counts_read(fields),
        outcomes={outcome: outcomes.integer(outcome.value) for outcome in Outcome},
        refused={reason: refused.integer(reason) for reason in refused},
        overflowed=fields.integer("overflowed"),
        unreachable=fields.integer("unreachable"),
        unsent=_unsent_read(fields.within("unsent")),
    )


def percentiles_written(percentiles: Percentiles | None) -> dict[str, int] | None:
    """Write how late frames of a stream were sent."""
    return None if percentiles is None else asdict(percentiles)


def percentiles_read(fields: Fields, key: str) -> Percentiles | None:
    """Read it."""
    inner = fields.within_or_none(key)
    return None if inner is None else Percentiles(**_integers(inner, Percentiles))


def histogram_written(histogram: Histogram) -> Iterator[dict[str, object]]:
    """Write a histogram as parts of at most 2 000 buckets, each to a line; nothing for an empty one.

    ``buckets`` alternates steps from the bucket before, of the first from 0, and counts.
    """
    buckets = iter(sorted(histogram.buckets().items()))
    while part := list(islice(buckets, _BUCKETS_A_LINE)):
        before = 0
        told: list[int] = []
        for bucket, count in part:
            told += (bucket - before, count)
            before = bucket
        yield {"greatest": histogram.greatest, "buckets": told}


def add_histogram(histogram: Histogram, fields: Fields) -> None:
    """Read a part and add it."""
    told, bucket, buckets = fields.integers("buckets"), 0, {}
    for step, count in zip(told[::2], told[1::2], strict=False):
        bucket += step
        if bucket in _BUCKETS and count > 0:
            buckets[bucket] = count
    if not buckets or 2 * len(buckets) != len(told):
        raise fields.refused("has 'buckets' that are none")
    histogram.add(Histogram.of_buckets(buckets, fields.integer("greatest")))


def host_written(host: HostFigures) -> dict[str, object]:
    """Write how a process was served, but for its histograms."""
    return {name: getattr(host, name) for name in fields_dict(HostFigures) if name not in HISTOGRAMS}


def host_read(fields: Fields) -> HostFigures:
    """Read it."""
    return HostFigures(
        name=fields.text("name"),
        told=bool(fields.flag_or_none("told")),
        read_delay_ns=fields.integer("read_delay_ns"),
        overflowed=fields.integer("overflowed"),
        process_share=fields.number_or_none("process_share"),
        host_share=fields.number_or_none("host_share"),
        stolen_share=fields.number_or_none("stolen_share"),
        preempted=fields.integer_or_none("preempted"),
    )


def buffers_written(buffers: SocketBuffers | None) -> dict[str, object] | None:
    """Write what the kernel gave."""
    return None if buffers is None else asdict(buffers)


def buffers_read(fields: Fields, key: str) -> SocketBuffers | None:
    """Read it."""
    inner = fields.within_or_none(key)
    return None if inner is None else SocketBuffers(_room(inner.within("receive")), _room(inner.within("send")))


def _room(fields: Fields) -> BufferRoom:
    return BufferRoom(
        asked=fields.integer("asked"),
        given=fields.integer("given"),
        by_name=bool(fields.flag_or_none("by_name")),
        limit=fields.integer_or_none("limit"),
    )


def late_written(late: LateArrivals) -> dict[str, int] | None:
    """Write what came of streams that had been given up; None for nothing."""
    return asdict(late) if late.streams else None


def late_read(fields: Fields, key: str) -> LateArrivals:
    """Read it."""
    inner = fields.within_or_none(key)
    return LateArrivals() if inner is None else LateArrivals(**_integers(inner, LateArrivals))


def profile_written(profile: Profile) -> dict[str, object]:
    """Write what an application wants; percentiles are texts."""
    latency = {repr(percent): asdict(wanted) for percent, wanted in profile.latency.items()}
    return {"name": profile.name, "rate": profile.rate, "loss": asdict(profile.loss), "latency": latency}


def profile_read(fields: Fields) -> Profile:
    """Read it."""
    told = fields.within("latency")
    try:
        latency = {float(percent): _requirement(told.within(percent)) for percent in told}
        loss = _requirement(fields.within("loss"))
    except ValueError:
        latency = {}
    rate = fields.integer_or_none("rate")
    if not latency or not all(0 < percent <= 100 for percent in latency) or (rate is not None and rate < 0):
        raise fields.refused("has an 'outcome_profile' that is none")
    return Profile(name=fields.text("name"), latency=latency, loss=loss, rate=rate)


def _requirement(fields: Fields) -> Requirement:
    return Requirement(fields.number_or_none("optimal") or 0, fields.number_or_none("unacceptable") or 0)


def _integers(fields: Fields, of: type) -> Mapping[str, int]:
    """Return the whole numbers that a value is made of."""
    return {name: fields.integer(name) for name in fields_dict(of)}
