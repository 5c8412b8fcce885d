"""What is known of frames and of late data, as their events have it: written and read. ``docs/events.md`` defines it.

There is one for every frame, so what is as it nearly always is stands for itself and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

from cts.metrics.frame_record import FrameRecord, MissedRecord, Ranges
from cts.records.json_lines import Fields
from cts.units import SECOND

__all__ = [
    "EXTENTS_AT_MOST",
    "EXTENTS_A_LINE",
    "LastArrival",
    "extents_read",
    "extents_written",
    "missed_read",
    "missed_written",
    "record_read",
    "record_written",
]

LastArrival = tuple[int, int, int] | None
"""When the last of a frame's datagrams that were on time came, in the run's clock, and the sender's stamp in it: ticks, and
ticks per second. None if none came."""

_MOST = 2**32
EXTENTS_A_LINE = 4000
"""More would make a line too long."""
EXTENTS_AT_MOST = 1 << 20
"""Of one frame: more datagrams than any has that a network carries."""


def record_written(record: FrameRecord, size: int, last: LastArrival, began_ns: int) -> str:
    """Return what an event says of a frame's datagrams, as JSON that goes on from what it says of the frame.

    Args:
        record: what is known.
        size: bytes of the frame that came on time, each time that they came.
        last: its last arrival.
        began_ns: time 0 in the run's clock.
    """
    (
        _,
        _,
        due,
        distinct,
        distinct_size,
        duplicate,
        missing,
        first_ns,
        last_ns,
        whole_ns,
        again_ns,
        least_ns,
        greatest_ns,
        transit_ns,
        extents,
    ) = record
    text = f',"due":{due}'
    if distinct != due:
        text += f',"distinct":{distinct}'
    if distinct_size != size:
        text += f',"distinct_size":{distinct_size}'
    if duplicate:
        text += f',"duplicate":{duplicate}'
    if missing != ():
        text += f',"missing":{_ranges(missing)}'
    received_ns = None if last is None else last[0]
    if first_ns != received_ns:
        text += f',"first_ns":{_since(first_ns, began_ns)}'
    if last_ns != received_ns:
        text += f',"last_ns":{_since(last_ns, began_ns)}'
    if whole_ns != (last_ns if missing == () else None):
        text += f',"whole_ns":{_since(whole_ns, began_ns)}'
    if again_ns is not None:
        text += f',"again_ns":{again_ns - began_ns}'
    if transit_ns != _transit_ns(last):
        text += f',"transit_ns":{_value(transit_ns)}'
    if least_ns != transit_ns:
        text += f',"least_transit_ns":{_value(least_ns)}'
    if greatest_ns != transit_ns:
        text += f',"greatest_transit_ns":{_value(greatest_ns)}'
    return f'{text},"extents":{_list(extents)}' if extents else text


def record_read(
    fields: Fields,
    sequence: int,
    due_ns: int,
    size: int,
    last: LastArrival,
    began_ns: int,
    due: int,
    extents: tuple[int, ...],
) -> FrameRecord | None:
    """Read it; None where the event says nothing of datagrams.

    Args:
        fields: the event.
        sequence, due_ns, size, last: the frame, its render time in the run's clock, its bytes and its last arrival.
        began_ns: time 0 in that clock.
        due: datagrams that a frame of the run is made of.
        extents: what events before this one told of them.
    """
    if "due" not in fields:
        return None
    if fields.integer("due") != due:
        raise fields.refused(f"has a 'due' that is not {due}, which the first line makes it")
    received_ns = None if last is None else last[0]
    last_ns = _instant(fields, "last_ns", began_ns, received_ns)
    missing = _ranges_read(fields, due)
    transit_ns = fields.wide_integer_or("transit_ns", _transit_ns(last))
    return FrameRecord(
        sequence=sequence,
        due_ns=due_ns,
        due=due,
        distinct=_count(fields, "distinct", due, due),
        distinct_size=_count(fields, "distinct_size", size, size),
        duplicate=_count(fields, "duplicate", 0),
        missing=missing,
        first_ns=_instant(fields, "first_ns", began_ns, received_ns),
        last_ns=last_ns,
        whole_ns=_instant(fields, "whole_ns", began_ns, last_ns if missing == () else None),
        again_ns=_instant(fields, "again_ns", began_ns, None),
        least_transit_ns=fields.wide_integer_or("least_transit_ns", transit_ns),
        greatest_transit_ns=fields.wide_integer_or("greatest_transit_ns", transit_ns),
        transit_ns=transit_ns,
        extents=extents + extents_read(fields),
    )


def missed_written(record: MissedRecord) -> str:
    """Return what an event says of late data, as JSON that goes on from whose it is."""
    text = f'"late_ns":{record.late_ns},"size":{record.size},"transit_ns":{record.transit_ns}'
    if record.datagrams != 1:
        text += f',"datagrams":{record.datagrams}'
    if record.fresh != record.datagrams:
        text += f',"fresh":{_value(record.fresh)}'
    if record.missing != ():
        text += f',"missing":{_ranges(record.missing)}'
    if record.whole:
        text += ',"whole":true'
    if record.again:
        text += ',"again":true'
    return f'{text},"extents":{_list(record.extents)}' if record.extents else text


def missed_read(fields: Fields, began_ns: int, due: int, extents: tuple[int, ...]) -> MissedRecord:
    """Read it; its arguments are those of :func:`record_read`."""
    datagrams = _count(fields, "datagrams", 1)
    fresh = (
        None
        if "fresh" in fields and fields.is_null("fresh")
        else _count(fields, "fresh", datagrams, min(datagrams, due))
    )
    return MissedRecord(
        sequence=fields.integer("sequence"),
        received_ns=began_ns + fields.instant("time_ns"),
        late_ns=_late(fields),
        datagrams=datagrams,
        size=_count(fields, "size", 0),
        fresh=fresh,
        missing=_ranges_read(fields, due),
        whole=fields.flag_or_none("whole") is True,
        again=fields.flag_or_none("again") is True,
        transit_ns=fields.wide_integer_or("transit_ns", 0) or 0,
        extents=extents + extents_read(fields),
    )


def extents_written(extents: tuple[int, ...]) -> Iterator[str]:
    """Yield lists for events of their own, before that of whose they are: of so many that a line would be too long."""
    for at in range(0, len(extents), EXTENTS_A_LINE):
        yield _list(extents[at : at + EXTENTS_A_LINE])


def extents_read(fields: Fields) -> tuple[int, ...]:
    """Read one of them, which may be left out."""
    extents = tuple(fields.integers("extents")) if "extents" in fields else ()
    if extents and min(extents) <= 0:
        raise fields.refused("has 'extents' of which one is not above 0")
    return extents


def _transit_ns(last: LastArrival) -> int | None:
    """Return the transit of the datagram that came last, as its stamp has it."""
    if last is None or last[2] <= 0:
        return None
    received_ns, qpc, qpf = last
    return received_ns - qpc * SECOND // qpf


def _ranges(ranges: Ranges | None) -> str:
    return "null" if ranges is None else _list(tuple(chain.from_iterable(ranges)))


def _ranges_read(fields: Fields, due: int) -> Ranges | None:
    if "missing" not in fields:
        return ()
    if fields.is_null("missing"):
        return None
    told = fields.integers("missing")
    # What counts positions must not be sent beyond the frame.
    if len(told) % 2 or not all(0 <= each < due for each in told):
        raise fields.refused(f"has a 'missing' that is no ranges of {due} positions")
    ranges = tuple(zip(told[::2], told[1::2], strict=True))
    apart = all(before[1] + 1 < after[0] for before, after in pairwise(ranges))
    if not apart or any(first > last for first, last in ranges):
        raise fields.refused(f"has a 'missing' that is no ranges of {due} positions")
    return ranges


def _since(time_ns: int | None, began_ns: int) -> str:
    return "null" if time_ns is None else str(time_ns - began_ns)


def _value(number: int | None) -> str:
    return "null" if number is None else str(number)


def _list(numbers: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, numbers))}]"


def _instant(fields: Fields, key: str, began_ns: int, left_out: int | None) -> int | None:
    if key not in fields:
        return left_out
    time_ns = fields.instant_or_none(key)
    return None if time_ns is None else began_ns + time_ns


def _count(fields: Fields, key: str, left_out: int, most: int = _MOST) -> int:
    count = fields.integer(key) if key in fields else left_out
    if not 0 <= count <= most:
        raise fields.refused(f"has a '{key}' of {count}; allowed: 0 to {most}")
    return count


def _late(fields: Fields) -> int:
    late_ns = fields.instant("late_ns")
    if late_ns <= 0:
        raise fields.refused(f"has a 'late_ns' of {late_ns}; allowed: more than 0")
    return late_ns
