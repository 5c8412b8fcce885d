"""Compares what is told of a run as a whole: its beginning, every status, and its end."""

from __future__ import annotations

from collections.abc import Set
from itertools import count

from attrs import define, field

from cts.records.reported_run import STATUS, ReportedStatus, RunEvents
from cts.records.truth_reader import TruthReader
from cts.verification.bounds import Bounds
from cts.verification.differences import Difference, Differences, Value
from cts.verification.status import NEVER_NS, StatusLines

__all__ = ["RunWide"]


@define(eq=False)
class RunWide:
    """One run.

    Args:
        run: what it reported.
        differences: where what does not agree goes.
        simulated: whether it was a simulation.
        tolerance_ns: how far times of truth and run may lie apart.
    """

    _run: RunEvents
    _differences: Differences
    _simulated: bool = False
    _tolerance_ns: int = 0
    _off: dict[str, int] = field(factory=dict, init=False)

    def compare(
        self,
        truth: TruthReader,
        sizes: Set[int],
        sent_sizes: Set[int],
        lines: StatusLines,
        refused_lines: StatusLines,
    ) -> None:
        """Compare the run with its truth, which has been read.

        Args:
            truth: its first and its last line.
            sizes: what datagrams of the stream's frames have.
            sent_sizes: what those had that were sent; empty where too few were.
            lines: what the status lines must say.
            refused_lines: what they must say of what was answered with nothing.
        """
        run = self._run
        if self._simulated:
            if run.seed is not None:
                self._same("seed", truth.seed, run.seed)
            self._same("role", "loopback", run.role)
        if sent_sizes and not sizes <= sent_sizes:
            self._differ("datagram sizes", _listed(sent_sizes), _listed(sizes))
        self._schedule()
        for status, must, refused in zip(run.statuses, lines.expected(), refused_lines.expected(), strict=False):
            self._status(status, must, refused["refused"])
        self._end(truth)

    def _schedule(self) -> None:
        """Compare the times of the status lines: one at the beginning of each interval, and one at the end."""
        interval_ns = self._run.status_interval_ns
        if interval_ns is None:
            return
        statuses = self._run.statuses
        if not statuses and self._run.complete:
            self._differ("status", "at the end", None)
        # With several processes there may be two at the end.
        for number, status in zip(count(), statuses[: -1 if self._simulated else -2], strict=False):
            due_ns = number * interval_ns
            late_ns = status.time_ns - due_ns
            if late_ns if self._simulated else late_ns < -self._tolerance_ns:
                self._differ("time_ns of status", due_ns, status.time_ns)
                return
        if self._simulated and statuses and statuses[-1].time_ns > (len(statuses) - 1) * interval_ns:
            self._differ("time_ns of status", (len(statuses) - 1) * interval_ns, statuses[-1].time_ns)

    def _status(self, status: ReportedStatus, must: dict[str, Bounds], refused: Bounds) -> None:
        opened, ended = must["opened"], must["ended"]
        must["open_streams"] = Bounds(opened.low - ended.high, opened.high - ended.low)
        must["unsent"] = must["overflowed and unreachable"] = Bounds()
        told = dict(zip(STATUS, status.counts, strict=True))
        if not self._simulated:
            # Of a real run the truth knows what came through, and that only where the sender is in the same process.
            must["bytes_sent"] = Bounds(0, NEVER_NS) if self._run.role == "loopback" else must["served"]
        else:
            told |= {"refused": status.refused, "unsent": status.unsent, "overflowed and unreachable": status.lost}
            must["refused"] = refused
        for key, value in told.items():
            bounds = must[key]
            off = 0 if value is None else value - min(max(value, bounds.low), bounds.high)
            # Counts go on from line to line: one that is off by as much as before is so for the same reason.
            if off and off != self._off.get(key):
                right = bounds.low if bounds.low == bounds.high else str(bounds)
                self._differ(f"{key} of status at {status.time_ns} ns", right, value)
            self._off[key] = off

    def _end(self, truth: TruthReader) -> None:
        run = self._run
        if not truth.complete:
            self._differ("ended", None, "a whole run")
        if not run.complete:
            self._differ("run_ended", "the last line", None)
        elif run.statuses:
            last = run.statuses[-1]
            self._same("time_ns of run_ended", last.time_ns, run.ended_ns)
            if self._simulated and truth.complete:
                self._same("interrupted of run_ended", truth.interrupted, run.interrupted)
            cancelled = dict(zip(STATUS, last.counts, strict=True))["outcomes.cancelled"]
            sent = [end.bytes_sent for end in (*run.lone, *(each for stream in run.streams for each in stream.others))]
            if sent:
                self._same(
                    "bytes_sent of stream_ended", dict(zip(STATUS, last.counts, strict=True))["bytes_sent"], sum(sent)
                )
            if self._simulated and run.cut_off is not None:
                self._same("cut_off_by_time_limit", cancelled, run.cut_off)

    def _same(self, what: str, right: Value, told: Value) -> None:
        if right != told:
            self._differ(what, right, told)

    def _differ(self, what: str, truth: Value, events: Value) -> None:
        self._differences.add(Difference(what, None, None, None, truth, events))


def _listed(sizes: Set[int]) -> str:
    return " ".join(map(str, sorted(sizes, reverse=True)[:8]))
