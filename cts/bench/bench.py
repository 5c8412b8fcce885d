"""The bench itself: which trials, in which order, with which progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import trio

from cts.bench.findings import Findings, Rounds
from cts.bench.iperf import iperf_goodput, iperf_path
from cts.bench.punctuality import measure_pacing, measure_stalls
from cts.bench.search import greatest_that_holds
from cts.bench.trials import StreamLoad, run_trial, without_loss
from cts.net.offload import Offload, detect_offload
from cts.output.figures import about_rate
from cts.records.results import RunReport
from cts.signals import stop_signals
from cts.units import SECOND

__all__ = ["run_bench"]

_GIGABIT = 1_000_000_000
_STALLS_NS = 2 * SECOND
_WAKE_RATES = (1_000, 10_000, 50_000)
_ROUNDS = 5
_GOODPUT = StreamLoad(8 * _GIGABIT, frame_rate=1000, buffer="60s")
_LOSSLESS = StreamLoad(4 * _GIGABIT, frame_rate=1000)
# Long enough for all to run at once for some seconds, with too little buffer to hide that they get later and later.
_MANY = StreamLoad(1_000_000, frame_rate=60, seconds=3, buffer="250ms")


def run_bench(
    say: Callable[[str], None], *, offload: str, datagram_max_size: int, with_iperf: bool
) -> tuple[Findings, int | None]:
    """Measure what this host can do; takes about a minute and a half, two and a half with iperf3.

    Returns the findings, and the signal that cut them short, if one did.

    Args:
        say: takes a line of progress.
        offload: ``auto``, or ``off`` to do without the kernel's offloads.
        datagram_max_size: bytes of the datagrams.
        with_iperf: whether to run iperf3 beside it, where it is installed.
    """
    say(f"stalls: a busy loop, {_STALLS_NS // SECOND} s")
    # A busy loop hears of no task that ends it; nothing is lost if a signal ends it, and everything with it.
    findings = Findings(
        offload=detect_offload() if offload == "auto" else Offload(),
        datagram_max_size=datagram_max_size,
        stalls=measure_stalls(time.monotonic_ns, _STALLS_NS),
    )
    return trio.run(partial(_Bench(say, offload, datagram_max_size, findings).run, with_iperf=with_iperf))


@attrs.define(eq=False)
class _Bench:
    _say: Callable[[str], None]
    _offload: str
    _size: int
    _findings: Findings

    async def run(self, *, with_iperf: bool) -> tuple[Findings, int | None]:
        """Measure until all is, or a signal comes."""
        stopped_by: list[int] = []
        with stop_signals() as signals:
            async with trio.open_nursery() as measuring:

                async def obey() -> None:
                    stopped_by.append(await anext(signals))
                    self._say("stopping: what was measured up to here is")
                    measuring.cancel_scope.cancel()

                measuring.start_soon(obey)
                await self._measure(iperf_path() if with_iperf else None)
                measuring.cancel_scope.cancel()
        return self._findings, stopped_by[0] if stopped_by else None

    async def _measure(self, iperf3: str | None) -> None:
        self._say(f"pacing: {len(_WAKE_RATES)} rates of wakes, 2 s each")
        self._found(pacing=tuple([await measure_pacing(rate, 2) for rate in _WAKE_RATES]))
        goodput = await self._goodput()
        self._found(goodput=goodput)
        self._found(lossless=await self._lossless(goodput))
        self._found(streams=await self._streams())
        if iperf3 is not None:
            self._found(rounds=await self._rounds(iperf3, goodput))

    def _found(self, **figures: Any) -> None:
        self._findings = attrs.evolve(self._findings, **figures)

    async def _goodput(self) -> int:
        """Offer more and more until what comes through grows no more."""
        best, offered = 0, _GOODPUT.bits_per_second
        while True:
            got = await self._received(offered)
            self._say(f"one stream: {about_rate(offered)} offered, {about_rate(got)} received")
            if got <= best * 1.05 and got < offered * 0.9:
                return max(best, got)
            best = max(best, got)
            if got < offered * 0.5:
                return best
            offered = offered * 3 // 2

    async def _lossless(self, goodput: int) -> int:
        async def holds(bits_per_second: int) -> bool:
            held = await self._holds(attrs.evolve(_LOSSLESS, bits_per_second=bits_per_second))
            self._say(f"without loss: {about_rate(bits_per_second)} {'holds' if held else 'does not hold'}")
            return held

        return await greatest_that_holds(holds, max(goodput // 2, 1_000_000), 1_000_000, 2 * goodput + 2_000_000)

    async def _streams(self) -> int:
        async def holds(connections: int) -> bool:
            held = await self._holds(attrs.evolve(_MANY, connections=connections))
            self._say(f"many streams: {connections:,} {'hold' if held else 'do not hold'}")
            return held

        return await greatest_that_holds(holds, 500, 1, 4096, closeness=1.3)

    async def _rounds(self, path: str, goodput: int) -> Rounds:
        ours, theirs = [], []
        for number in range(1, _ROUNDS + 1):
            ours.append(await self._received(goodput * 5 // 4))
            theirs.append(await iperf_goodput(path, self._size, 1))
            self._say(f"round {number} of {_ROUNDS}: cts {about_rate(ours[-1])}, iperf3 {about_rate(theirs[-1])}")
        return Rounds(tuple(ours), tuple(theirs))

    async def _received(self, offered: int) -> int:
        report = await self._trial(attrs.evolve(_GOODPUT, bits_per_second=offered))
        return max((result.bits_per_second for result in report.results), default=0)

    async def _holds(self, load: StreamLoad) -> bool:
        return without_loss(await self._trial(load), load)

    async def _trial(self, load: StreamLoad) -> RunReport:
        return await run_trial(attrs.evolve(load, datagram_max_size=self._size, offload=self._offload), self._say)
