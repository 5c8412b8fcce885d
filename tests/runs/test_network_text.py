"""What ``cts check`` says that ``[network]`` will do, held to what a simulation then does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.config import Config, structure_config
from cts.config.network_links import impairments
from cts.impairment.loss import GilbertElliott
from cts.plugin.choice import choose_plugins
from cts.records.results import RunReport
from cts.runs.network_text import network_rows, relay_notes, share_whole
from cts.runs.session_settings import plan_of
from cts.runs.simulated_run import simulate

STREAM = {"stream_length": "20s", "bits_per_second": 800_000, "datagram_max_size": 200}
"""600 frames of 17 datagrams."""


def config_of(network: dict[str, object], **stream: object) -> Config:
    return structure_config({"stream": STREAM | stream, "network": network})


def texts_of(config: Config) -> str:
    return "\n".join(text for _, text in network_rows(config, plan_of(config)))


def simulated(config: Config) -> RunReport:
    to_client, to_server = impairments(config.network)
    plugins = choose_plugins(config, "configuration")
    return simulate(
        config,
        seed=1,
        to_client=to_client,
        to_server=to_server,
        make_sender=plugins.make_sender,
        factory=plugins.make_factory(),
    )


def dropped(config: Config) -> float:
    frames = simulated(config).snapshot.counts.frames
    return 100 * frames.dropped / frames.rendered


def test_nothing_is_said_where_there_is_no_network() -> None:
    assert texts_of(config_of({})) == ""


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ({"latency": "30ms"}, "to client: delay 30 ms\n"),
        ({"latency": "30ms", "jitter": "2ms"}, "delay 30 ms ± 2 ms (normal)"),
        ({"latency": {"model": "uniform", "low": "1ms", "high": "3ms"}}, "delay 1 ms to 3 ms"),
        (
            {"latency": {"model": "pareto", "minimum": "5ms", "shape": 1}},
            "delay 5 ms to 10 s, half of them within 10 ms (Pareto)",
        ),
        ({"loss": 0.01}, "no delay, 1 % lost at random"),
        (
            {"loss": {"model": "gilbert-elliott", "p": 0.01, "r": 0.25}},
            "3.85 % lost, in bad times of 4 datagrams on average",
        ),
        ({"loss": {"model": "every-nth", "n": 50}}, "one in 50 lost"),
        ({"loss": {"model": "ranges", "ranges": [[1, 2]]}}, "datagrams lost by their numbers, in 1 range"),
        ({"bandwidth": "10 Mbit/s"}, "10 Mbit/s, queue of 250 kB (200 ms)"),
        ({"mtu": 1280}, "MTU 1,280 bytes"),
        ({"duplicate": 0.5, "corrupt": 0.001}, "50 % come twice, 0.1 % come with a bit flipped"),
        ({"reorder": 0.01}, "1 % take 50 ms more and are overtaken"),
        ({"outages": [{"from": "1s", "to": "2s"}]}, "down from 1 s to 2 s"),
        ({"to_server": {"loss": 1.0}}, "to client: no delay\nto server: no delay, 100 % lost at random\n"),
    ],
)
def test_each_way_is_said_in_words(network: dict[str, object], text: str) -> None:
    assert text in texts_of(config_of(network))


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize(
    "loss",
    [
        0.02,
        {"model": "gilbert-elliott", "p": 0.01, "r": 0.25},
        {"model": "gilbert-elliott", "p": 0.02, "r": 0.2, "loss_bad": 0.5, "loss_good": 0.001},
        {"model": "every-nth", "n": 50},
    ],
)
def test_the_share_of_frames_that_lose_a_datagram_is_about_what_is_dropped(loss: object, direction: str) -> None:
    way = "to_client" if direction == "pull" else "to_server"
    config = config_of({way: {"loss": loss}}, direction=direction)
    said = re.search(
        r"a frame to the (\w+): of its 17 datagrams one or more is lost in ([0-9.]+) % of", texts_of(config)
    )
    assert said is not None
    assert f"to_{said[1]}" == way
    # 600 frames with a chance of one in three: a standard deviation of 2 %.
    assert float(said[2]) == pytest.approx(dropped(config), abs=6)


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize(("latency", "late"), [("32ms", False), ("34ms", True)])
def test_it_says_whether_frames_come_in_time(latency: str, late: bool, direction: str) -> None:
    config = config_of({"latency": latency}, buffer_depth="100ms", direction=direction)
    assert ("most come too late" in texts_of(config)) is late
    assert dropped(config) == (100 if late else 0)


def test_it_says_what_a_link_that_is_too_slow_comes_to() -> None:
    config = config_of({"bandwidth": "600 kbit/s"})
    said = re.search(
        r"the stream needs 914.\d+ kbit/s with headers.* \(200 ms late\) ([0-9.]+) % is lost", texts_of(config)
    )
    assert said is not None
    counts = simulated(config).snapshot.counts
    arrived = 100 * counts.bytes_received / counts.bytes_sent
    assert 100 - float(said[1]) == pytest.approx(arrived, abs=2)


def test_it_says_that_a_frame_does_not_fit_the_queue() -> None:
    config = config_of({"bandwidth": "10 Mbit/s", "queue": "2 KiB"})
    assert "sent at once, it does not fit the queue of 2 KiB: part of each is lost" in texts_of(config)
    assert dropped(config) == 100


def test_it_says_that_datagrams_are_larger_than_the_mtu_and_which_size_fits() -> None:
    network: dict[str, object] = {"mtu": 180}
    config = config_of(network)
    fits = re.search(r"more than the MTU: none is whole; stream.datagram_max_size = (\d+) fits", texts_of(config))
    assert fits is not None
    assert dropped(config) == 100
    assert dropped(config_of(network, datagram_max_size=int(fits[1]))) == 0


def test_a_flipped_bit_is_told_to_fail_the_stream_where_payloads_are_verified() -> None:
    network: dict[str, object] = {"corrupt": 0.01}
    assert "fails the stream (stream.verify)" in texts_of(config_of(network))
    assert "fails the stream" not in texts_of(config_of(network, verify="count"))


@given(st.floats(0, 1), st.floats(0.01, 1), st.floats(0, 1), st.floats(0, 1), st.integers(1, 60))
def test_the_share_of_whole_frames_is_that_of_the_chain_step_by_step(
    p: float, r: float, loss_bad: float, loss_good: float, count: int
) -> None:
    loss = GilbertElliott(p, r, loss_bad, loss_good)
    good, bad = r / (p + r), p / (p + r)
    for _ in range(count):
        good, bad = good * (1 - loss_good), bad * (1 - loss_bad)
        good, bad = good * (1 - p) + bad * r, good * p + bad * (1 - r)
    assert share_whole(loss, count) == pytest.approx(good + bad, abs=1e-9)


def test_a_relay_says_what_it_does_each_way() -> None:
    config = config_of({"latency": "20ms", "to_server": {"loss": 0.1}})
    assert relay_notes(config, ipv6=False) == ["to client: delay 20 ms", "to server: delay 20 ms, 10 % lost at random"]


@pytest.mark.parametrize("network", [{}, {"loss": 0}])
def test_a_relay_that_does_nothing_says_so(network: dict[str, object]) -> None:
    (note,) = relay_notes(config_of(network), ipv6=False)
    assert note.startswith("note: [network] says of no impairment")
