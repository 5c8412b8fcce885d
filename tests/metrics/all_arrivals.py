"""The list of all arrivals of a stream: what it makes of frames, and every metric computed from it offline, the straightforward
way, with everything at hand and nothing shared with what is tested."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import NamedTuple

from hypothesis import strategies as st

from cts.metrics.frame_record import FrameRecord, MissedRecord, Ranges
from cts.metrics.media import MediaMetrics
from cts.metrics.media_totals import MediaTotals

INTERVAL = 20_000_000
DEPTH = 45_000_000
SIZE = 100


class Arrival(NamedTuple):
    frame: int
    position: int
    sent_ns: int
    received_ns: int


class Stream(NamedTuple):
    """Frames from 1, each of as many datagrams, and all that arrived, in the order of arriving; when frames were due."""

    frames: int
    datagrams: int
    arrivals: tuple[Arrival, ...]
    dues_ns: tuple[int, ...] = ()

    def due_ns(self, frame: int) -> int:
        return self.dues_ns[frame - 1] if self.dues_ns else DEPTH + (frame - 1) * INTERVAL

    def of_frame(self, frame: int) -> list[Arrival]:
        return [arrival for arrival in self.arrivals if arrival.frame == frame]

    def in_time(self, frame: int) -> list[Arrival]:
        return [arrival for arrival in self.of_frame(frame) if arrival.received_ns <= self.due_ns(frame)]

    def late(self, frame: int) -> list[Arrival]:
        return [arrival for arrival in self.of_frame(frame) if arrival.received_ns > self.due_ns(frame)]


def sent_ns(frame: int, position: int) -> int:
    return (frame - 1) * INTERVAL + position * 100


def stream_of(fates: list[list[list[int]]]) -> Stream:
    """Make a stream of what each datagram's copies take on their way: none, if it is lost."""
    arrivals = [
        Arrival(frame, position, sent_ns(frame, position), sent_ns(frame, position) + transit)
        for frame, datagrams in enumerate(fates, 1)
        for position, transits in enumerate(datagrams)
        for transit in transits
    ]
    arrivals.sort(key=lambda arrival: (arrival.received_ns, arrival.sent_ns))
    return Stream(len(fates), len(fates[0]) if fates else 1, tuple(arrivals))


def once_each(arrivals: list[Arrival]) -> list[Arrival]:
    seen: dict[int, Arrival] = {}
    for arrival in arrivals:
        seen.setdefault(arrival.position, arrival)
    return list(seen.values())


def ranges_of(positions: list[int]) -> Ranges:
    ranges: list[tuple[int, int]] = []
    for position in sorted(positions):
        if ranges and ranges[-1][1] == position - 1:
            ranges[-1] = (ranges[-1][0], position)
        else:
            ranges.append((position, position))
    return tuple(ranges)


def extents_of(arrivals: list[Arrival]) -> tuple[int, ...]:
    """RFC 4737, section 4.2.3: from the first arrival of one sent later to this one."""
    extents = []
    for place, arrival in enumerate(arrivals):
        before = [at for at in range(place) if arrivals[at].position > arrival.position]
        if before:
            extents.append(place - before[0])
    return tuple(extents)


def records_of(stream: Stream, *, identified: bool = True) -> list[FrameRecord | MissedRecord]:
    """Make the records of a stream, in the order in which a receiver would."""
    told: list[tuple[int, int, FrameRecord | MissedRecord]] = []
    for frame in range(1, stream.frames + 1):
        came, due_ns = stream.in_time(frame), stream.due_ns(frame)
        once = once_each(came)
        transits = [arrival.received_ns - arrival.sent_ns for arrival in came]
        missing = sorted(set(range(stream.datagrams)) - {arrival.position for arrival in once})
        distinct = len(once) if identified else min(len(came), stream.datagrams)
        record = FrameRecord(
            sequence=frame,
            due_ns=due_ns,
            due=stream.datagrams,
            distinct=distinct,
            distinct_size=distinct * SIZE,
            duplicate=len(came) - distinct,
            missing=ranges_of(missing) if identified else None,
            first_ns=came[0].received_ns if came else None,
            last_ns=came[-1].received_ns if came else None,
            whole_ns=None if missing else once[-1].received_ns,
            again_ns=None,
            least_transit_ns=min(transits, default=None),
            greatest_transit_ns=max(transits, default=None),
            transit_ns=transits[-1] if transits else None,
            extents=extents_of(once),
        )
        told.append((due_ns, 0, record))
        seen = {arrival.position for arrival in came}
        for arrival in stream.late(frame):
            fresh = arrival.position not in seen
            seen.add(arrival.position)
            late = MissedRecord(
                sequence=frame,
                received_ns=arrival.received_ns,
                late_ns=arrival.received_ns - due_ns,
                datagrams=1,
                size=SIZE,
                fresh=int(fresh) if identified else None,
                missing=ranges_of(sorted(set(range(stream.datagrams)) - seen)) if identified else None,
                whole=len(seen) == stream.datagrams,
                again=not fresh,
                transit_ns=arrival.received_ns - arrival.sent_ns,
            )
            told.append((arrival.received_ns, 1, late))
    return [record for _, _, record in sorted(told, key=lambda each: each[:2])]


def folded(records: list[FrameRecord | MissedRecord], interval_ns: int = INTERVAL) -> MediaTotals:
    metrics = MediaMetrics(interval_ns, 1)
    for record in records:
        if isinstance(record, FrameRecord):
            metrics.frame(record)
        else:
            metrics.missed(record)
    return metrics.totals()


def transit(arrival: Arrival) -> int:
    return arrival.received_ns - arrival.sent_ns


def last_in_time(stream: Stream) -> list[Arrival | None]:
    return [came[-1] if (came := stream.in_time(frame)) else None for frame in range(1, stream.frames + 1)]


def late_and_fresh(stream: Stream) -> list[Arrival]:
    fresh = []
    for frame in range(1, stream.frames + 1):
        in_time = {arrival.position for arrival in stream.in_time(frame)}
        fresh += [arrival for arrival in once_each(stream.late(frame)) if arrival.position not in in_time]
    return fresh


def pdv(stream: Stream) -> list[int]:
    last = {arrival.frame: arrival for arrival in last_in_time(stream) if arrival is not None}
    counted = (last | {arrival.frame: arrival for arrival in late_and_fresh(stream)}).values()
    in_time = [each for frame in range(1, stream.frames + 1) for each in stream.in_time(frame)]
    least = min(map(transit, in_time + late_and_fresh(stream)), default=0)
    return [transit(arrival) - least for arrival in counted]


def ipdv(stream: Stream) -> list[int]:
    return [transit(two) - transit(one) for one, two in pairwise(last_in_time(stream)) if one and two]


def jitter(stream: Stream) -> list[float]:
    """RFC 3550, section 6.4.1, after each difference."""
    came = [arrival for arrival in last_in_time(stream) if arrival is not None]
    estimate, estimates = 0.0, []
    for one, two in pairwise(came):
        estimate += (abs((two.received_ns - one.received_ns) - (two.sent_ns - one.sent_ns)) - estimate) / 16
        estimates.append(estimate)
    return estimates


def spread(stream: Stream) -> list[int]:
    together = [stream.in_time(frame) for frame in range(1, stream.frames + 1)]
    return [each[-1].received_ns - each[0].received_ns for each in together if each and stream.datagrams > 1]


def lost_row(stream: Stream) -> list[bool]:
    came = {(arrival.frame, arrival.position) for arrival in stream.arrivals}
    row = [(frame, at) for frame in range(1, stream.frames + 1) for at in range(stream.datagrams)]
    return [each not in came for each in row]


def runs_and_gaps(row: list[bool]) -> tuple[list[int], list[int]]:
    lengths = [(lost, len(list(group))) for lost, group in groupby(row)]
    runs = [length for lost, length in lengths if lost]
    inner = lengths[1:-1] if lengths else []
    gaps = [length for lost, length in inner if not lost]
    return runs, gaps


def played(stream: Stream) -> list[int]:
    """Return the render times of frames that were all there."""
    frames = range(1, stream.frames + 1)
    return [stream.due_ns(frame) for frame in frames if len(once_each(stream.in_time(frame))) == stream.datagrams]


def freezes(stream: Stream) -> list[int]:
    """webrtc-stats: intervals of at least max(3 avg, avg + 150 ms) over the 30 before; the beginning and the end as well."""
    rendered = played(stream)
    delays = [two - one for one, two in pairwise(rendered)]
    start_ns, end_ns = stream.due_ns(1), stream.due_ns(stream.frames)
    first_ns, last_ns = (rendered[0], rendered[-1]) if rendered else (end_ns, end_ns)
    found = []
    for at, delay in ((0, first_ns - start_ns), *enumerate((*delays, end_ns - last_ns))):
        before = delays[max(at - 30, 0) : at] or [INTERVAL]
        average = sum(before) / len(before)
        if delay >= max(3 * average, average + 150_000_000):
            found.append(delay)
    return found


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Draw streams that lose, double, delay and reorder; nothing comes later than three frames after its turn."""
    datagrams = draw(st.integers(1, 3))
    times = st.one_of(st.integers(5_000_000, 6_000_000), st.integers(5_000_000, DEPTH + 3 * INTERVAL))
    fate = st.one_of(st.lists(times, min_size=1, max_size=1), st.lists(times, max_size=2))
    frames = draw(st.integers(1, 40))
    broken = draw(st.lists(st.booleans(), min_size=frames, max_size=frames))
    good = st.lists(st.lists(times, min_size=1, max_size=1), min_size=datagrams, max_size=datagrams)
    bad = st.lists(fate, min_size=datagrams, max_size=datagrams)
    return stream_of([draw(bad if each else good) for each in broken])
