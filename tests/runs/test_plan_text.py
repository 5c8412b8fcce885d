"""What ``cts check`` says of a configuration that is right."""

import attrs
import pytest

from cts.api import StreamPlan
from cts.config import structure_config
from cts.plugin.choice import choose_plugins
from cts.runs.plan_text import banner, describe_plan, warnings_of
from cts.runs.session_settings import plan_of

NETWORK: dict[str, object] = {"network": {"loss": 0.1}}
TRUTH: dict[str, object] = {"output": {"truth_file": "t.jsonl"}}


def rows_of(raw: dict[str, object]) -> dict[str, str]:
    """Return what it says, by the name of the row."""
    config = structure_config(raw)
    rows = describe_plan(config, plan_of(config), choose_plugins(config, "configuration")).splitlines()
    return {name: text.strip() for name, _, text in (row.partition(" ") for row in rows)}


def row_of_commands(raw: dict[str, object]) -> str | None:
    """Return the row that says which commands a configuration is for, if there is one."""
    return rows_of(raw).get("for")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (NETWORK, "cts sim and cts impair; cts run refuses network"),
        (TRUTH, "cts sim and cts impair; cts run refuses output.truth_file"),
        (NETWORK | TRUTH, "cts sim and cts impair; cts run refuses network and output.truth_file"),
        (NETWORK | {"run": {"role": "server"}}, "cts impair; cts run refuses network"),
    ],
)
def test_a_plan_says_which_commands_it_is_for_where_a_real_run_refuses_it(raw: dict[str, object], text: str) -> None:
    assert row_of_commands(raw) == text


def test_a_plan_for_a_real_run_says_nothing_of_commands() -> None:
    assert row_of_commands({}) is None


@pytest.mark.parametrize(
    ("stream", "rate", "frames", "real"),
    [
        ({}, "30 frames per second", "150 frames, 4,999,950 bytes", "5 s at 7.99992 Mbit/s"),
        (
            {"frame_rate": 7, "stream_length": "0.4s"},
            "7 frames per second",
            "2 frames, 285,714 bytes",
            "285.714285 ms at 7.999992 Mbit/s",
        ),
        (
            {"frame_rate": "30000/1001"},
            "30000/1001 frames per second",
            "149 frames, 4,971,534 bytes",
            "4.971633333 s at 7.99984 Mbit/s",
        ),
        (
            {"frame_rate": 29.97},
            "29.97 frames per second",
            "149 frames, 4,971,534 bytes",
            "4.971638304 s at 7.999832 Mbit/s",
        ),
    ],
)
def test_it_says_how_long_and_how_fast_a_stream_of_whole_frames_is(
    stream: dict[str, object], rate: str, frames: str, real: str
) -> None:
    rows = rows_of({"stream": stream})
    assert rows["rate"] == f"8 Mbit/s at {rate}"
    assert (rows["stream"], rows["real"]) == (frames, real)


@pytest.mark.parametrize(("rate", "packets"), [(30, "720"), ("30000/1001", "719.3"), (0.5, "714.5")])
def test_it_says_how_many_packets_a_fractional_rate_makes(rate: object, packets: str) -> None:
    rows = rows_of({"stream": {"frame_rate": rate, "buffer_depth": "4s"}})
    assert rows["packets"] == f"{packets} per second and stream"


@pytest.mark.parametrize(("rate", "depth"), [(3, "334ms"), (30, "34ms"), (7, "143ms"), ("30000/1001", "34ms")])
def test_the_buffer_that_is_advised_holds_two_frames(rate: object, depth: str) -> None:
    note = rows_of({"stream": {"frame_rate": rate, "buffer_depth": depth}})["note"]
    advised = note.partition("stream.buffer_depth to ")[2].removesuffix(" or more")
    assert rows_of({"stream": {"frame_rate": rate, "buffer_depth": advised}})["buffer"].startswith("2 frames")


def test_it_says_how_late_a_datagram_may_be() -> None:
    assert rows_of({})["buffer"] == "30 frames, tolerates 967 ms; datagrams are taken for 60 frames ahead"


@pytest.mark.parametrize("stream", [{"frame_rate": 1}, {"buffer_depth": "34ms"}])
def test_a_buffer_of_one_frame_is_told_to_complete_none(stream: dict[str, object]) -> None:
    rows = rows_of({"stream": stream})
    assert rows["buffer"].startswith("1 frame, tolerates 0 ms")
    assert rows["note"].startswith("the buffer holds 1 frame, which is due when it is sent")


def test_datagrams_that_the_original_s_client_cuts_are_told_of() -> None:
    big = {"bits_per_second": "80 Mbit/s", "datagram_max_size": 64_001}
    assert "the original's client cuts them at 64,000" in rows_of({"stream": big})["note"]
    assert "note" not in rows_of({"stream": big | {"datagram_max_size": 64_000}})


def test_a_buffer_that_is_longer_than_the_stream_is_told_with_what_is_waited_for() -> None:
    cut = StreamPlan(8_000_000, 30, 3_000_000_000, 6_000_000_000)
    (text,) = warnings_of(cut)
    assert text.startswith(
        "stream.buffer_depth of 6 s is longer than the stream: a receiver waits 3 s for the first frame"
    )
    assert warnings_of(attrs.evolve(cut, buffer_depth_ns=3_000_000_000)) == []


@pytest.mark.parametrize(
    ("role", "text"), [("server", "over 2 processes"), ("loopback", "over 2 processes a side (cts sim has none)")]
)
def test_over_how_many_processes_a_run_is_spread_is_said_in_the_plan_and_in_the_banner(role: str, text: str) -> None:
    raw: dict[str, object] = {"run": {"role": role, "processes": 2}}
    assert rows_of(raw)["spread"] == text
    config = structure_config(raw)
    assert ", in 2 processes" in banner(config, plan_of(config))
    assert "processes" not in banner(config, plan_of(config), simulated=True)
    assert "spread" not in rows_of({})
