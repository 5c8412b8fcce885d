from __future__ import annotations

import io

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from cts.errors import printable
from cts.metrics.counters import FrameTotals
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.metrics.viewing import Longest
from cts.output.live_state import LiveState, orders_of
from cts.protocol.roles import Role
from cts.records.live import StreamOrder
from cts.records.peer_end import PeerTotals
from cts.records.snapshots import StreamSnapshot
from tests.output.live_states import (
    BUSY,
    EVERY,
    MANY,
    MS,
    ONE,
    QUIET,
    SECOND,
    SENDER,
    live_figures,
    many_streams,
    snapshot_of,
    view,
)

PLAIN = Console(file=io.TextIOWrapper(io.BytesIO(), "utf-8"), width=300, color_system=None)
ASCII = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=300, color_system=None)
EXPECTED_NS = 5_967 * MS
NARROW, USUAL, WIDE = (39, 9), (79, 23), (199, 59)


def lines(state: LiveState, size: tuple[int, int] = USUAL, console: Console = PLAIN) -> list[str]:
    return [line.plain for line in view(state, console=console, columns=size[0], rows=size[1])]


def names(state: LiveState, size: tuple[int, int] = USUAL) -> list[str]:
    return [line[:12].strip() for line in lines(state, size)]


def test_a_usual_terminal_shows_all_of_a_stream() -> None:
    assert lines(ONE) == [
        "Time        12.3 of 60.9 s, 48.6 s left  ━━━━━━━━━━━━━━━━━━━━━━━━",
        "Streams     1 open, 5 successful",
        "Received    22.000 Mbit/s  ██████▇▇▇▇▇",
        "Missing     0.01 %         ▁▁▂▂▁█▁▁▂▁▂  0.15 % in all",
        "Sent        25.000 Mbit/s  ███████████",
        "Completed         699   99.43 %",
        "Dropped             1    0.14 %",
        "Duplicated          3    0.43 %",
        "Discarded   12 datagrams",
        "Jitter      210 us; 95 % within 1.2 ms, 99 % 3.4 ms",
        "Buffer      184 ms would do for 99.9 % of frames; set: 1 s",
        "Freezes     2, 450 ms at most",
        "Host        trusted",
        "Keys        q stop  p pause",
    ]


def test_the_buffer_that_is_called_set_is_the_stream_s_own_whatever_the_server_s_is() -> None:
    live = ONE.live
    assert live.playout is not None
    own = evolve(live, playout=evolve(live.playout, buffered_frames=6))
    shown = lines(evolve(ONE, snapshot=evolve(ONE.snapshot, live=own)))
    assert "Buffer      184 ms would do for 99.9 % of frames; set: 100 ms" in shown


def test_a_host_is_judged_by_the_buffer_that_streams_have_whatever_the_server_s_is() -> None:
    live = ONE.live
    assert live.playout is not None
    own = evolve(live, playout=evolve(live.playout, buffered_frames=6))
    trust = evolve(ONE, snapshot=evolve(ONE.snapshot, live=own)).trust
    assert trust is not None
    assert trust.buffer_ns == 100 * MS


def test_streams_that_have_ended_have_no_jitter_now() -> None:
    live = ONE.live
    assert live.media is not None
    ended = evolve(live, media=evolve(live.media, jitter=Longest(0)))
    shown = lines(evolve(ONE, snapshot=evolve(ONE.snapshot, live=ended, open_streams=0)))
    assert "Jitter      95 % within 1.2 ms, 99 % 3.4 ms" in shown


def test_a_narrow_terminal_shows_what_matters_most_in_brief() -> None:
    assert lines(ONE, NARROW) == [
        "Time        12.3 of 60.9 s, 48.6 s left",
        "Streams     1 open, 5 successful",
        "Received    22.000 Mbit/s  ██████▇▇▇▇▇",
        "Missing     0.01 %         ▁▁▂▂▁█▁▁▂▁▂",
        "Completed         699   99.43 %",
        "Dropped             1    0.14 %",
        "Buffer      184 ms for 99.9 %; set: 1 s",
        "Freezes     2, 450 ms at most",
        "Keys        q stop  p pause",
    ]


def test_what_does_not_fit_on_a_narrow_terminal_is_said_in_fewer_words_and_not_cut() -> None:
    live = ONE.live
    assert live.playout is not None
    short = evolve(live, playout=evolve(live.playout, buffered_frames=6))
    state = evolve(ONE, snapshot=evolve(ONE.snapshot, live=short), still_ns=12 * SECOND)
    assert lines(state, NARROW)[-3:] == [
        "Buffer      184 ms for 99.9 %",
        "Freezes     no frame for 12 s",
        "Keys        q stop  p pause",
    ]
    assert "Jitter      99 % within 3.4 ms" in lines(state, (30, 23))


def test_a_wide_terminal_shows_the_worst_streams_by_name_the_worst_first() -> None:
    shown = lines(MANY, WIDE)
    at = next(at for at, line in enumerate(shown) if line.startswith("Worst of 1,000"))
    assert shown[at].split() == ["Worst", "of", "1,000", "dropped", "missing", "jitter", "freezes"]
    assert shown[at + 1].split() == ["40", "192.0.2.7:4444", "4.00", "%", "0.40", "%", "40", "ms", "4"]
    assert [line.split()[0] for line in shown[at + 1 : at + 4]] == ["40", "39", "38"]
    assert shown[-1] == "Keys        q stop  p pause  s worst by dropped"


def test_a_sender_shows_what_it_sent_and_no_verdicts() -> None:
    assert lines(SENDER) == [
        "Time        2.3 s",
        "Streams     2 open",
        "Sent        25.000 Mbit/s  ███████████",
        "Sent in all 1,234,567 bytes",
        "Host        not to be trusted: 1 % of frames left 20 ms late or later; the",
        "            bound is 16.7 ms, 100 % of the frame interval",
        "",
        "Worst of 2                                                  missing unreachable",
        "2 192.0.2.8:5000                                             7.00 %          12",
        "1 192.0.2.7:5000                                             0.00 %           0",
    ]


def test_a_sender_shows_the_verdicts_that_its_peers_tell() -> None:
    peers = PeerTotals(streams=1, receiving=1, frames=FrameTotals(97, 3))
    sender = evolve(SENDER, snapshot=evolve(SENDER.snapshot, counts=StreamSnapshot(bytes_sent=100, peers=peers)))
    assert [line for line in lines(sender) if line.startswith(("Completed", "Dropped"))] == [
        "Completed          97   97.00 %",
        "Dropped             3    3.00 %",
    ]


def test_a_server_that_is_asked_for_both_directions_shows_both() -> None:
    counts = StreamSnapshot(FrameTotals(97, 3), bytes_received=100, bytes_sent=100)
    shown = names(evolve(SENDER, snapshot=evolve(SENDER.snapshot, counts=counts)))
    assert {"Sent", "Received", "Missing", "Completed", "Dropped"} <= set(shown)
    assert "Sent in all" not in shown


def test_a_receiver_shows_how_its_peers_send() -> None:
    peers = PeerTotals(streams=1, sending=1, frames_due=100, frames_unsent=2)
    assert "Peer" in names(evolve(ONE, snapshot=evolve(ONE.snapshot, counts=StreamSnapshot(peers=peers))))


@pytest.mark.parametrize("order", orders_of(Role.RECEIVER))
def test_what_streams_are_sorted_by_is_shown_first(order: StreamOrder) -> None:
    state = evolve(MANY, order=order)
    heading = next(line for line in lines(state, USUAL) if line.startswith("Worst"))
    assert heading.split()[3] == order.value
    assert lines(state)[-1].endswith(f"s worst by {order.value}")


def test_what_a_tiny_terminal_cut_off_is_there_on_a_wider_one() -> None:
    before = lines(MANY, (13, 500))
    lines(MANY, (9, 500))
    assert lines(MANY, (13, 500)) == before


def test_a_view_that_waits_for_a_key_says_so() -> None:
    shown = lines(evolve(ONE, paused=True))
    assert "paused" in shown[0]
    assert "p goes on" in shown[-1]


def test_nobody_is_told_of_keys_that_do_nothing() -> None:
    assert "Keys" not in names(evolve(ONE, hears_keys=False))


def test_a_picture_that_stands_still_is_told_before_it_goes_on() -> None:
    assert any("no frame for 3 s; 2, 450 ms at most" in line for line in lines(evolve(ONE, still_ns=3_000 * MS)))


@pytest.mark.parametrize("columns", [39, 79, 199])
def test_every_value_is_readable_at_any_width(columns: int) -> None:
    words = " ".join(" ".join(lines(evolve(BUSY, expected_ns=EXPECTED_NS), (columns, 30))).split())
    for text in (
        "Time 2.3 of 5.9 s, 3.6 s left",
        "Streams 1,234 open, 98 successful, 3 network errors",
        "Received 25.004 Mbit/s",
        "Completed 1,499,999 >99.99 %",
        "Dropped 1 <0.01 %",
        "Duplicated 3 <0.01 %",
        "Discarded 12 datagrams",
        "Ignored 1,000,003 datagrams",
        "Overflow 77 datagrams",
    ):
        assert text in words


def test_what_is_ignored_is_told_by_reason() -> None:
    one = evolve(ONE, snapshot=evolve(ONE.snapshot, refused={"control datagram of no stream": 2}))
    assert any("2 datagrams: control datagram of no stream (2)" in line for line in lines(one, (199, 30)))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 240), st.integers(1, 70), st.sampled_from(EVERY), st.booleans(), st.sampled_from(StreamOrder))
def test_it_is_never_larger_than_its_place_and_ends_no_line_with_blanks(
    columns: int, rows: int, state: LiveState, paused: bool, order: StreamOrder
) -> None:
    shown = lines(evolve(state, paused=paused, order=order, expected_ns=EXPECTED_NS), (columns, rows))
    assert 1 <= len(shown) <= rows
    assert all(cell_len(line) <= columns for line in shown)
    assert all(line == line.rstrip() for line in shown)


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=300), st.sampled_from([NARROW, USUAL, WIDE]))
def test_a_hostile_name_is_shown_in_printable_characters_within_its_line(name: str, size: tuple[int, int]) -> None:
    state = evolve(MANY, snapshot=snapshot_of(live_figures(many_streams(5, name + "\x1b[2J\u202e\r\n"))))
    shown = lines(state, size)
    assert all(printable(line) == line and "\n" not in line for line in shown)
    assert all(cell_len(line) <= size[0] for line in shown)


def test_what_matters_most_is_shown_where_there_is_little_room() -> None:
    assert names(evolve(BUSY, expected_ns=EXPECTED_NS), (39, 4)) == ["Time", "Received", "Completed", "Dropped"]


def test_what_a_terminal_is_narrowed_to_most_often_holds_it_whole() -> None:
    assert max(map(len, lines(evolve(QUIET, expected_ns=EXPECTED_NS), (39, 20)))) < 40


def test_what_did_not_happen_is_not_shown() -> None:
    assert names(QUIET) == ["Time", "Streams", "Received", "Missing", "Completed", "Dropped"]


def test_a_run_of_unknown_length_shows_only_the_time_that_passed() -> None:
    shown = lines(BUSY)
    assert shown[0] == "Time        2.3 s"
    assert "━" not in "".join(shown)


def test_what_the_network_and_this_host_do_not_take_is_shown_once_it_happens() -> None:
    unsent = UnsentFrames({"No route to host": Unsent(2, 1_000_000_000)})
    trouble = evolve(BUSY, snapshot=evolve(BUSY.snapshot, unreachable=3, unsent=unsent))
    words = " ".join(" ".join(lines(trouble)).split())
    assert "Unreachable 3 times said by the network" in words
    assert "Unsent 2 frames could not be sent: No route to host" in words


@pytest.mark.parametrize("state", EVERY)
def test_a_terminal_of_ascii_alone_gets_ascii_alone(state: LiveState) -> None:
    assert "".join(lines(evolve(state, expected_ns=EXPECTED_NS), console=ASCII)).isascii()
