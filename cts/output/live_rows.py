"""The live view's rows: of each its name, its weight, and what it says, at length and in brief. Imports rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen
from rich.text import Text

from cts.metrics.counters import FrameTotals
from cts.metrics.host import Verdict
from cts.output.figures import about_rate, about_time, outcome_counts, percentage, refused_text, seconds, unsent_text
from cts.output.live_history import Second
from cts.output.live_state import LiveState
from cts.output.peer_text import sending_text
from cts.output.playout_text import buffer_words
from cts.output.sparkline import ASCII_LEVELS, LEVELS, sparkline
from cts.output.trust_text import reason_of
from cts.protocol.roles import Role
from cts.records.snapshots import RunSnapshot
from cts.units import SECOND, counted

__all__ = ["Row", "rows_of"]

_BAR_WIDTH = 24
_FIGURE_WIDTH = 15
_SPARKLINE_WIDTHS = range(5, 121)
_LITTLE_MISSING = 0.01
"""A second in which less was missing does not fill its column."""
_STILL_NS = 2 * SECOND


@frozen
class Row:
    """A row.

    Attributes:
        weight: where there is no room for all, the lightest are left out.
        name: what stands before it.
        texts: what it says, the longest first: the first that fits is shown, or the last one wrapped.
    """

    weight: int
    name: str
    texts: tuple[Text, ...]


def rows_of(state: LiveState, width: int, blocks: bool) -> Iterator[Row]:
    """Yield all rows, from top to bottom.

    Args:
        state: what to show.
        width: of a value, columns.
        blocks: whether the terminal has other characters than ASCII.
    """
    snapshot, peers = state.snapshot, state.snapshot.counts.peers
    yield Row(20, "Time", tuple(_time(state, width, blocks)))
    yield _row(15, "Streams", _streams(snapshot))
    levels = LEVELS if blocks else ASCII_LEVELS
    # A server may be asked for either direction, whatever its own settings say.
    receives = state.measure is Role.RECEIVER or snapshot.counts.bytes_received > 0
    if receives:
        yield _row(16, "Received", _rate(state, lambda second: second.received, width, levels))
        yield _row(12, "Missing", *_missing(state, width, levels))
    if state.measure is Role.SENDER or snapshot.counts.bytes_sent:
        weight = 16 if state.measure is Role.SENDER else 4
        yield _row(weight, "Sent", _rate(state, lambda second: second.sent, width, levels))
    if not receives:
        yield _row(15, "Sent in all", Text(f"{snapshot.counts.bytes_sent:,} bytes"))
        if peers.receiving:
            yield from _verdicts(peers.frames)
    else:
        yield from _verdicts(snapshot.counts.frames)
        yield from _media(state)
        if peers.sending:
            yield _row(5, "Peer", Text(sending_text(peers), "red" if peers.frames_unsent else ""))
    yield from _trouble(snapshot)
    if (trust := state.trust) is not None:
        verdict, colour = trust.verdict.value, _TRUST_COLOURS[trust.verdict]
        brief = (Text(verdict, colour),) if trust.verdict is Verdict.TRUSTED else ()
        yield _row(7, "Host", Text(f"{verdict}: {reason_of(trust)}", colour), *brief)
    if state.hears_keys:
        pause = "goes on" if state.paused else "pause"
        several = len(state.live.streams) > 1
        order = (f"  s worst by {state.order.value}", "  s sort") if several else ("", "")
        yield _row(14, "Keys", *(Text(f"q stop  p {pause}{text}", "dim") for text in order))


_TRUST_COLOURS = {Verdict.TRUSTED: "", Verdict.DOUBTFUL: "yellow", Verdict.WRONG: "red"}


def _row(weight: int, name: str, *texts: Text) -> Row:
    return Row(weight, name, texts)


def _time(state: LiveState, width: int, blocks: bool) -> Iterator[Text]:
    elapsed_ns, expected_ns = state.snapshot.elapsed_ns, state.expected_ns
    mark = Text("  paused", "reverse") if state.paused else Text()
    if expected_ns is None:
        yield Text(f"{_tenths(elapsed_ns)} s") + mark
        return
    of = f"{_tenths(elapsed_ns)} of {_tenths(expected_ns)} s"
    text = Text(f"{of}, {_tenths(max(0, expected_ns - elapsed_ns))} s left") + mark
    room = min(_BAR_WIDTH, width - text.cell_len - 2)
    if room >= _SPARKLINE_WIDTHS.start:
        yield text + Text("  ") + _bar(min(elapsed_ns, expected_ns) / expected_ns, room, blocks)
    yield text
    yield Text(of) + mark


def _bar(share: float, width: int, blocks: bool) -> Text:
    done = round(share * width)
    full, rest = ("━", "━") if blocks else ("#", "-")
    return Text.assemble((full * done, "green"), (rest * (width - done), "bright_black"))


def _rate(state: LiveState, rate: Callable[[Second], int], width: int, levels: str) -> Text:
    text = Text(f"{about_rate(rate(state.last)):<{_FIGURE_WIDTH}}")
    if (room := min(width - _FIGURE_WIDTH, _SPARKLINE_WIDTHS.stop - 1)) >= _SPARKLINE_WIDTHS.start:
        text.append(sparkline([rate(second) for second in state.seconds], room, levels=levels), "cyan")
    return text


def _missing(state: LiveState, width: int, levels: str) -> Iterator[Text]:
    due = state.snapshot.counts.due
    now = state.last.missing
    text = Text(f"{_share(now):<{_FIGURE_WIDTH}}", "red" if now else "")
    if (room := min(width - _FIGURE_WIDTH, _SPARKLINE_WIDTHS.stop - 1)) >= _SPARKLINE_WIDTHS.start:
        line = sparkline([second.missing for second in state.seconds], room, least_top=_LITTLE_MISSING, levels=levels)
        for level in line:
            text.append(level, "bright_black" if level == levels[0] else "red")
    in_all = Text(f"  {percentage(due.missing, due.due)} in all", "" if due.missing else "bright_black")
    if due.due:
        yield text + in_all
    yield text


def _verdicts(frames: FrameTotals) -> Iterator[Row]:
    yield _row(19, "Completed", *_frames(frames.completed, frames.rendered, "green"))
    yield _row(18, "Dropped", *_frames(frames.dropped, frames.rendered, "red"))
    if frames.repeated:
        yield _row(6, "Duplicated", *_frames(frames.repeated, frames.rendered, "yellow"))
    if frames.error:
        yield _row(5, "Discarded", _datagrams(frames.error))


def _media(state: LiveState) -> Iterator[Row]:
    """Yield how delay varies, which buffer would do, and freezes, of the streams that were looked at."""
    media, playout = state.live.media, state.live.playout
    if media is None:
        return
    worst = f" (worst of {media.streams:,} streams)" if media.streams > 1 else ""
    if media.pdv_p99:
        # Of streams that have ended there is none now.
        now = f"{about_time(media.jitter)}; " if media.jitter else ""
        p95, p99 = about_time(media.pdv_p95), about_time(media.pdv_p99)
        took = f"frames took up to {p95} (95 %), {p99} (99 %) longer than the fastest"
        brief = f"99 % within {p99}"
        texts = f"{now}{took}{worst}", f"{now}95 % within {p95}, 99 % {p99}", f"{now}{brief}", brief
        yield _row(10, "Jitter", *map(Text, texts))
    if playout is not None and playout.frames and playout.whole and (set_ns := state.buffer_ns):
        yield _row(13, "Buffer", *map(Text, buffer_words(playout, set_ns)))
    still = f"no frame for {state.still_ns / SECOND:.0f} s" if state.still_ns >= _STILL_NS else ""
    frozen = f"{media.freezes:,}, {about_time(media.longest_stall)} at most" if media.freezes else ""
    # Where there is no room for both, what still lasts is said alone.
    said = [text for text in ("; ".join(filter(None, (still, frozen))), still) if text]
    yield _row(11, "Freezes", *(Text(text, "red") for text in said), *(() if said else (Text("none"),)))


def _trouble(snapshot: RunSnapshot) -> Iterator[Row]:
    """Yield what goes wrong, if it does."""
    if ignored := sum(snapshot.refused.values()):
        yield _row(3, "Ignored", _datagrams(ignored, refused_text(snapshot.refused)), _datagrams(ignored))
    if snapshot.overflowed:
        yield _row(9, "Overflow", _datagrams(snapshot.overflowed))
    for cause, unsent in snapshot.unsent.items():
        yield _row(9, "Unsent", Text(unsent_text(cause, unsent), "red"))
    if snapshot.unreachable:
        yield _row(9, "Unreachable", Text(f"{counted(snapshot.unreachable, 'time')} said by the network", "red"))


def _frames(count: int, rendered: int, colour: str) -> Iterator[Text]:
    share = percentage(count, rendered)
    for text in (f"{count:>9,}  {share:>8}", f"{count:,} {share}"):
        yield Text(text, colour if count else "")


def _share(share: float) -> str:
    return percentage(round(share * 1_000_000), 1_000_000)


def _tenths(duration_ns: int) -> str:
    return seconds(duration_ns)[:-2]


def _streams(snapshot: RunSnapshot) -> Text:
    return Text(", ".join([f"{snapshot.open_streams:,} open", *outcome_counts(snapshot.outcomes)]))


def _datagrams(count: int, reasons: str = "") -> Text:
    text = counted(count, "datagram")
    return Text(f"{text}: {reasons}" if reasons else text, "red")
