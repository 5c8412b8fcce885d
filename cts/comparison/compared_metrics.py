"""Which metrics are compared: what each is of a stretch of time, which way is better, and of which runs it can be compared.

Names and definitions are those of ``cts/expectations/definitions.toml``, but for two that there are of any stretch of time only
as a rate: ``goodput`` and ``freezes``.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from cts.comparison.cells import Sum, Times

__all__ = ["METRICS", "ComparedMetric", "Percentile", "Ratio", "Setting"]

Setting = str
"""What may differ between two sides, by its key in the configuration."""

_FRAMES: Final = ("stream.bits_per_second", "stream.frame_rate", "stream.datagram_max_size")
_PLAYING: Final = (*_FRAMES, "stream.buffer_depth")


@frozen
class Ratio:
    """Sums over sums.

    Attributes:
        over: what is summed above.
        less: what is taken from it.
        under: what is summed below.
        scale: by which it is multiplied.
    """

    over: Sum
    under: tuple[Sum, ...]
    less: Sum | None = None
    scale: float = 1.0

    @property
    def is_rate(self) -> bool:
        """Whether it is so much in a time, and no share."""
        return self.scale != 1.0


@frozen
class Percentile:
    """A percentile of times, in seconds.

    Attributes:
        times: of what.
        percent: which.
        of_frames: whether it is one of all frames that were due, those that have no time standing at the end.
    """

    times: Times
    percent: float
    of_frames: bool = False


@frozen(kw_only=True)
class ComparedMetric:
    """A metric that is compared.

    Attributes:
        name: what it is called.
        unit: by the schema's names; ``per_minute`` beside these.
        better: 1 if more is better, -1 if less is.
        of: how it comes about.
        needs: settings that must be the same on both sides for a difference to be the network's.
    """

    name: str
    unit: str
    better: int
    of: Ratio | Percentile
    needs: tuple[Setting, ...] = ()


METRICS: Final = (
    ComparedMetric(
        name="completed",
        unit="share",
        better=1,
        of=Ratio(Sum.COMPLETED, (Sum.FRAMES,)),
        needs=(*_PLAYING, "stream.verdict"),
    ),
    ComparedMetric(name="played", unit="share", better=1, of=Ratio(Sum.PLAYED, (Sum.FRAMES,)), needs=_PLAYING),
    ComparedMetric(name="loss", unit="share", better=-1, of=Ratio(Sum.DUE, (Sum.DUE,), less=Sum.CAME)),
    ComparedMetric(name="late", unit="share", better=-1, of=Ratio(Sum.LATE, (Sum.DUE,)), needs=_PLAYING),
    ComparedMetric(name="duplicates", unit="share", better=-1, of=Ratio(Sum.DUPLICATE, (Sum.CAME, Sum.DUPLICATE))),
    ComparedMetric(name="reordered", unit="share", better=-1, of=Ratio(Sum.REORDERED, (Sum.CAME,)), needs=_FRAMES),
    ComparedMetric(
        name="goodput",
        unit="bits_per_second",
        better=1,
        of=Ratio(Sum.BYTES, (Sum.WATCHED_NS,), scale=8e9),
        needs=_PLAYING,
    ),
    *(
        ComparedMetric(
            name=f"pdv_p{percent}", unit="seconds", better=-1, of=Percentile(Times.PDV, percent), needs=_FRAMES
        )
        for percent in (50, 95, 99)
    ),
    ComparedMetric(
        name="interarrival_jitter_p99", unit="seconds", better=-1, of=Percentile(Times.JITTER, 99), needs=_FRAMES
    ),
    ComparedMetric(
        name="freezes",
        unit="per_minute",
        better=-1,
        of=Ratio(Sum.FREEZES, (Sum.WATCHED_NS,), scale=60e9),
        needs=_PLAYING,
    ),
    ComparedMetric(name="frozen", unit="share", better=-1, of=Ratio(Sum.FROZEN_NS, (Sum.WATCHED_NS,)), needs=_PLAYING),
    ComparedMetric(
        name="buffer", unit="seconds", better=-1, of=Percentile(Times.BUFFER, 99.9, of_frames=True), needs=_FRAMES
    ),
)
