"""From the arguments of ``cts serve`` and ``cts test`` to a configuration, and what is wrong with them in their own words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import tomli
from attrs import evolve

from cts.config import structure_config
from cts.config.presets import presets
from cts.config.quick_config import StreamFlags, client_config, server_config
from cts.errors import UserError

NOTHING = StreamFlags()
ALL = StreamFlags(
    preset="stream-4k",
    bitrate="30M",
    fps="59.94",
    time="30s",
    buffer="200ms",
    direction="push",
    events="run.jsonl.gz",
    overrides=["stream.dscp=EF", "sender.options={}"],
)


def refused(flags: StreamFlags, hosts: Sequence[str] = ("192.0.2.1",), streams: int | None = None) -> list[str]:
    with pytest.raises(UserError) as caught:
        client_config(flags, hosts, streams=streams)
    return str(caught.value).splitlines()


# -- what is made ------------------------------------------------------------------------------------------------------


def test_both_ends_stream_the_same_without_any_flag() -> None:
    client, server = client_config(NOTHING, ["192.0.2.1"]), server_config(NOTHING, [])
    assert client.config.stream == server.config.stream
    assert (client.config.run.role, server.config.run.role) == ("client", "server")


def test_a_flag_goes_over_the_preset_and_a_set_over_both() -> None:
    flags = StreamFlags(preset="stream-4k", fps="30", buffer="200ms", overrides=["stream.frame_rate=25"])
    stream = client_config(flags, ["192.0.2.1"]).config.stream
    expected = {"bits_per_second": "25 Mbit/s", "frame_rate": 25, "stream_length": "10s", "buffer_depth": "200ms"}
    assert stream == structure_config({"stream": expected}).stream


def test_every_flag_sets_its_key() -> None:
    config = client_config(ALL, ["192.0.2.1:5000"], streams=3).config
    expected = {
        "run": {"role": "client"},
        "stream": {
            "direction": "push",
            "bits_per_second": "30 Mbit/s",
            "frame_rate": 59.94,
            "stream_length": "30s",
            "buffer_depth": "200ms",
            "dscp": "EF",
        },
        "client": {"target": "192.0.2.1:5000", "connections": 3, "handshake": "auto"},
        "output": {"events_file": "run.jsonl.gz"},
    }
    assert config == structure_config(expected)


def test_what_is_expected_is_in_the_file_that_is_printed() -> None:
    flags = StreamFlags(expect=["completed >= 99.9 %", "completed < 100 %", "metrics.datagrams.lost = 0", "trusted"])
    made = client_config(flags, ["192.0.2.1"])
    assert [str(each) for each in made.config.expect] == [
        "completed >= 99.9 %",
        "completed < 100 %",
        "metrics.datagrams.lost = 0",
        "trusted = true",
    ]
    assert structure_config(tomli.loads(made.text())) == made.config


def test_a_rate_without_its_unit_is_told_the_one_that_was_meant() -> None:
    assert refused(StreamFlags(bitrate="25")) == ["--bitrate: 25 is so many bits in a second; did you mean 25M?"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (StreamFlags(buffer="100"), "--buffer: '100' has no unit; did you mean '100ms' or '100s'?"),
        (StreamFlags(time="1.5"), "--time: '1.5' has no unit; did you mean '1.5ms' or '1.5s'?"),
    ],
)
def test_a_time_without_its_unit_is_told_what_may_be_meant(flags: StreamFlags, told: str) -> None:
    assert refused(flags) == [told]


def test_what_cannot_be_expected_is_told_as_it_was_written() -> None:
    assert refused(StreamFlags(expect=["completed >= 5 ms"]))[0].startswith("--expect 'completed >= 5 ms': ")


@pytest.mark.parametrize("name", [None, *presets()])
@pytest.mark.parametrize("flags", [NOTHING, ALL])
def test_the_file_that_is_printed_is_the_same_configuration(flags: StreamFlags, name: str | None) -> None:
    for made in (client_config(evolve(flags, preset=name), ["::1", "b.example"]), server_config(flags, ["*:5000"])):
        assert structure_config(tomli.loads(made.text())) == made.config


def test_every_key_that_a_flag_can_set_has_a_comment_in_the_file() -> None:
    for made in (client_config(evolve(ALL, overrides=[]), ["::1"], streams=2), server_config(NOTHING, [])):
        assert [line for line in made.text().splitlines() if " = " in line and " # " not in line] == []


def test_each_of_several_hosts_gets_a_stream() -> None:
    assert client_config(NOTHING, ["192.0.2.1", "192.0.2.2"]).config.client.connections == 2


def test_a_server_listens_on_every_address_unless_told_where() -> None:
    assert server_config(NOTHING, []).config.server.listen == ("*:4444",)
    assert server_config(NOTHING, ["192.0.2.1", "[::1]:5000"]).config.server.listen == ("192.0.2.1", "[::1]:5000")


@pytest.mark.parametrize("host", ["::1", "2001:db8::7", "fe80::1%eth0"])
def test_an_ipv6_address_needs_no_brackets_where_no_port_can_be_meant(host: str) -> None:
    assert client_config(NOTHING, [host]).config.client.target == (f"[{host}]",)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (StreamFlags(bitrate="25 mbps"), "--bitrate: '25 mbps' is not a rate; allowed: a number and bit/s, "),
        (StreamFlags(fps="many"), "--fps: 'many' is not a frame rate; allowed: a number of frames per second "),
        (StreamFlags(time="5m"), "--time: '5m' is not a duration; allowed: a number and ns, us, ms, s, min or h"),
        (StreamFlags(buffer="0"), "--buffer: 0 s is out of range; allowed: more than 0"),
        (
            StreamFlags(buffer="10ms"),
            "--buffer: is less than one frame; the buffer must hold at least 1: 33.4 ms at 30 f",
        ),
        (StreamFlags(bitrate="1k"), "--bitrate: gives frames of 4 bytes at 30 frames per second; "),
        (StreamFlags(preset="vopi"), "--as: 'vopi' is no preset; allowed: voip, "),
        (StreamFlags(events="run.csv"), "-o: 'run.csv' ends in .csv, but holds JSON lines; "),
        (StreamFlags(overrides=["stream.frames=1"]), "stream.frames: unknown key; did you mean "),
        (StreamFlags(overrides=["stream.frame_rate=0"]), "stream.frame_rate: '0' is out of range; "),
        (StreamFlags(bitrate="0"), "--bitrate: 0 bit/s is out of range; "),
        (StreamFlags(overrides=["stream"]), "--set stream: not understood; allowed: KEY=VALUE"),
        (
            StreamFlags(overrides=["stream.dscp"]),
            "--set stream.dscp: not understood; allowed: KEY=VALUE, for example --set stream.frame_rate=60",
        ),
        (
            StreamFlags(overrides=["stream.frame_rate.x=1"]),
            "--set stream.frame_rate.x=1: stream.frame_rate is not a table",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_flag_with_what_is_allowed(flags: StreamFlags, told: str) -> None:
    (message,) = refused(flags)
    assert message.startswith(told)


def test_a_server_is_told_of_no_flag_that_only_a_client_has() -> None:
    with pytest.raises(UserError) as caught:
        server_config(StreamFlags(overrides=["run.connections=1"]), [])
    assert str(caught.value) == "run.connections: unknown key; did you mean client.connections?"


def test_a_client_is_told_of_no_argument_that_only_a_server_has() -> None:
    assert refused(StreamFlags(overrides=["run.listen=a"])) == ["run.listen: unknown key; did you mean server.listen?"]


def test_connections_of_a_server_are_led_to_its_own_limit() -> None:
    for key in ("server.connections", "server.limits.connections"):
        told = refused(StreamFlags(overrides=[f"{key}=1"]))
        assert told == [f"{key}: unknown key; did you mean server.connection_limit?"]


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("*", "is every address, and a target is one"),
        ("2001:db8::5:4444", "did you mean '[2001:db8::5]:4444', or '[2001:db8::5:4444]:4444'?"),
        ("fe80::1", "did you mean '[fe80::1%eth0]:4444'?"),
        ("a:b:c", "has more than one colon outside brackets"),
        ("host:99999", "has port '99999', not one of 0 to 65535"),
        ("", "has no host"),
    ],
)
def test_a_host_that_is_none_is_told_as_host(host: str, told: str) -> None:
    (message,) = refused(NOTHING, [host])
    assert message.startswith(f"HOST: {host!r} ")
    assert told in message


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = refused(StreamFlags(bitrate="x", time="y"), ["a:b:c"], streams=0)
    assert {line.partition(":")[0] for line in told} == {"--bitrate", "--time", "HOST", "--streams"}


def test_an_address_is_told_as_address() -> None:
    with pytest.raises(UserError, match=r"^ADDRESS: '5000' is a number alone; .*did you mean '\*:5000'"):
        server_config(NOTHING, ["5000"])


def test_what_comes_to_light_when_it_is_run_is_told_in_the_same_words() -> None:
    quick = client_config(NOTHING, ["nowhere.invalid"])
    told = quick.in_words_of_flags("client.target: the name 'nowhere.invalid' does not resolve: no such name")
    assert told == "HOST: the name 'nowhere.invalid' does not resolve: no such name"


def test_a_name_of_a_file_that_is_not_utf_8_is_run_but_not_printed() -> None:
    quick = client_config(StreamFlags(events="\udcff.jsonl"), ["192.0.2.1"])
    with pytest.raises(UserError, match=r"^--print-config: .*not UTF-8"):
        quick.text()
