"""A receiver as one would write it down: looks at a list of all arrivals, one by one, and at each depth anew."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen

from cts.metrics.frame_record import FrameRecord, MissedRecord

__all__ = ["Arrival", "Received", "received"]


@frozen(order=True)
class Arrival:
    """A datagram that came.

    Attributes:
        at_ns: when, from the receiver's base.
        sequence: its frame.
        position: which of its frame's it is, from 0.
    """

    at_ns: int
    sequence: int
    position: int


@define
class Received:
    """What a receiver with one depth makes of it.

    Attributes:
        verdicts: of each frame, in order.
        records: of frames and of what came late, in the order in which they happen; none if the stream never started.
        early: whether something came before there was room for it.
    """

    verdicts: list[str] = field(factory=list)
    records: list[FrameRecord | MissedRecord] = field(factory=list)
    early: bool = False


def received(
    arrivals: Iterable[Arrival], *, depth: int, frames: int, datagrams: int, step_ns: tuple[int, int], base_ns: int = 0
) -> Received:
    """Return what comes of arrivals at a depth, both in frames, where a frame takes ``step_ns[0] / step_ns[1]`` nanoseconds."""

    def render_ns(sequence: int) -> int:
        return (depth + sequence - 1) * step_ns[0] // step_ns[1]

    came = sorted(arrivals)
    result = Received()
    if not came or came[0].at_ns > render_ns(1):
        result.verdicts = ["dropped"] * frames
        return result
    times: dict[int, dict[int, list[int]]] = {sequence: {} for sequence in range(1, frames + 1)}
    head = 1

    def render(until: int) -> None:
        nonlocal head
        while head < until:
            record = _frame(head, times[head], base_ns + render_ns(head), datagrams, base_ns)
            result.records.append(record)
            dropped = record.whole_ns is None
            result.verdicts.append("dropped" if dropped else "completed" if record.again_ns is None else "repeated")
            head += 1

    for arrival in came:
        if arrival.at_ns > render_ns(frames):
            break
        render(next(sequence for sequence in times if render_ns(sequence) >= arrival.at_ns))
        if arrival.sequence >= head + 2 * depth:
            result.early = True
            continue
        before = times[arrival.sequence].get(arrival.position, [])
        was_whole, was_again = _whole_and_again(times[arrival.sequence], datagrams)
        times[arrival.sequence][arrival.position] = [*before, arrival.at_ns]
        if arrival.sequence >= head:
            continue
        whole, again = _whole_and_again(times[arrival.sequence], datagrams)
        result.records.append(
            MissedRecord(
                sequence=arrival.sequence,
                received_ns=base_ns + arrival.at_ns,
                late_ns=arrival.at_ns - render_ns(arrival.sequence),
                datagrams=1,
                size=100,
                fresh=0 if before else 1,
                missing=None,
                whole=whole and not was_whole,
                again=again and not was_again,
                transit_ns=arrival.at_ns,
            )
        )
    render(frames + 1)
    return result


def _whole_and_again(times: dict[int, list[int]], datagrams: int) -> tuple[bool, bool]:
    return len(times) == datagrams, any(len(each) > 1 for each in times.values())


def _frame(sequence: int, times: dict[int, list[int]], due_ns: int, datagrams: int, base_ns: int) -> FrameRecord:
    all_times = [base_ns + at_ns for each in times.values() for at_ns in each]
    whole, _ = _whole_and_again(times, datagrams)
    copies = [base_ns + at_ns for each in times.values() for at_ns in each[1:]]
    return FrameRecord(
        sequence=sequence,
        due_ns=due_ns,
        due=datagrams,
        distinct=len(times),
        distinct_size=100 * len(times),
        duplicate=len(copies),
        missing=None,
        first_ns=min(all_times, default=None),
        last_ns=max(all_times, default=None),
        whole_ns=base_ns + max(each[0] for each in times.values()) if whole else None,
        again_ns=min(copies, default=None),
        least_transit_ns=None,
        greatest_transit_ns=None,
        transit_ns=None,
    )
