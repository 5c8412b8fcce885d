from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import asdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cts.config import Config, load_config, structure_config
from cts.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(CONFIGS.glob("*.toml"))

Write = Callable[[str], Path]

CLIENT_KEYS = "target, connections, iterations, start_spread, bind, handshake, psk_file, psk_name"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def problems_of(raw: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        structure_config(raw)
    return caught.value.problems


def the_problem_of(raw: dict[str, object]) -> str:
    (problem,) = problems_of(raw)
    return problem


# what is shipped


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    assert isinstance(load_config(path), Config)


def test_the_promised_configs_are_shipped() -> None:
    promised = {"stream.toml", "server.toml", "client.toml", "push.toml", "4k-video.toml", "many-streams.toml"}
    assert promised <= {path.name for path in SHIPPED}


def test_the_stream_config_shows_the_defaults() -> None:
    shown = load_config(CONFIGS / "stream.toml")
    assert shown == Config()


def test_every_key_that_the_stream_config_shows_in_a_comment_is_known(write: Write) -> None:
    lines = (CONFIGS / "stream.toml").read_text(encoding="utf-8").splitlines()
    live = [line[2:] if line.startswith("# ") and " = " in line and '"' in line else line for line in lines]
    live = [line for line in live if not line.startswith("A rate") and not line.startswith("second")]
    config = load_config(write("\n".join(live)))
    assert len(config.output.files()) == 5
    assert config.run.time_limit == 60_000_000_000


def test_the_server_and_client_configs_pair_up() -> None:
    server, client = load_config(CONFIGS / "server.toml"), load_config(CONFIGS / "client.toml")
    assert (server.run.role, client.run.role) == ("server", "client")
    assert server.stream == client.stream
    assert server.server.listen == client.client.target


# what a file says


def test_an_empty_file_gives_the_defaults(write: Write) -> None:
    config = load_config(write(""))
    assert config == Config()
    assert (config.run.role, config.run.time_limit, config.run.grace) == ("loopback", None, 2_000_000_000)
    assert (config.server.accept_limit, config.server.connection_limit) == (100, 4096)


def test_quantities_become_whole_base_units(write: Write) -> None:
    stream = load_config(
        write(
            """
            [stream]
            bits_per_second = "100M"
            stream_length = 2.5
            buffer_depth = "333.3ms"
            datagram_max_size = "1 KiB"
            """
        )
    ).stream
    assert stream.bits_per_second == 100_000_000
    assert (stream.stream_length, stream.buffer_depth) == (2_500_000_000, 333_300_000)
    assert stream.datagram_max_size == 1024


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(b'\xef\xbb\xbf[stream]\r\nframe_rate = 60\r\ndirection = "push"\r\n')
    assert load_config(path).stream.frame_rate == 60


def test_a_single_text_stands_for_an_array_of_one() -> None:
    assert structure_config({"client": {"target": "example.org"}}).client.target == ("example.org",)


def test_options_are_handed_on_as_they_are() -> None:
    options = {"gap": "2ms", "inner": {"list": [1, 2.5, True]}}
    assert structure_config({"sender": {"strategy": "spread", "options": options}}).sender.options == options


def test_files_lists_what_is_to_be_written_in_the_order_of_the_keys() -> None:
    output = structure_config({"output": {"jitter_file": "j.csv", "status_file": "s.csv"}}).output
    assert output.files() == {"status_file": Path("s.csv"), "jitter_file": Path("j.csv")}


# what is refused, key by key


def test_every_problem_is_told_at_once() -> None:
    problems = problems_of(
        {
            "run": {"role": "sever", "time_limit": "0s"},
            "stream": {"bits_per_second": "25Mbs", "frame-rate": 30, "frame_rate": "x", "stream_length": True},
            "client": {"target": ["ok", "bad:port", 5]},
            "outputs": {},
            "output": {"status_file": "a.csv", "jitter_file": "a.csv"},
        }
    )
    assert [problem.partition(": ")[0] for problem in problems] == [
        "run.role",
        "run.time_limit",
        "stream.bits_per_second",
        "stream.frame_rate",
        "stream.stream_length",
        "stream.frame-rate",
        "client.target[1]",
        "client.target[2]",
        "outputs",
        "output.jitter_file",
    ]


def test_a_bad_unit_names_the_key_the_value_and_what_is_allowed() -> None:
    problem = the_problem_of({"stream": {"bits_per_second": "25Mbs"}})
    assert problem.startswith("stream.bits_per_second: '25Mbs' is not a rate; allowed: a number and bit/s, ")
    assert problem.endswith("; did you mean '25Mbps'?")


def test_the_text_of_the_error_names_the_source_before_each_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        structure_config({"a": 1, "b": 2}, "some.toml")
    assert [line.partition(": unknown")[0] for line in str(caught.value).splitlines()] == [
        "some.toml: a",
        "some.toml: b",
    ]


@pytest.mark.parametrize(
    ("table", "key", "value", "text"),
    [
        ("stream", "frame_rate", True, "true is not a frame rate; allowed: a number of frames per second"),
        ("stream", "frame_rate", [30], "an array is not a frame rate"),
        ("stream", "frame_rate", {}, "a table is not a frame rate"),
        ("stream", "frame_rate", 0, "'0' is out of range; allowed: a number of frames per second more than 0"),
        ("stream", "frame_rate", "30 fps", "'30 fps' is not a frame rate"),
        ("stream", "frame_rate", float("nan"), "nan is not a frame rate"),
        ("server", "accept_limit", "7", "'7' is not a whole number"),
        ("server", "accept_limit", 30.0, "30.0 is not a whole number"),
        ("stream", "bits_per_second", True, "true is not a rate"),
        ("stream", "bits_per_second", 8e6, "8000000.0 is not a rate"),
        ("stream", "bits_per_second", 0, "0 bit/s is out of range; allowed: more than 0"),
        ("stream", "bits_per_second", -8, "-8 is not a rate"),
        ("stream", "bits_per_second", 1 << 300, "a very large number is not a rate"),
        ("stream", "datagram_max_size", 26, "26 B is out of range; allowed: 53 B to 65500 B"),
        ("stream", "datagram_max_size", 65_501, "65501 B is out of range"),
        ("stream", "datagram_max_size", "big", "'big' is not a size"),
        ("stream", "stream_length", 0, "0 s is out of range; allowed: more than 0"),
        ("stream", "stream_length", False, "false is not a duration"),
        ("stream", "stream_length", float("inf"), "inf is not a duration"),
        ("stream", "stream_length", float("nan"), "nan is not a duration"),
        ("stream", "buffer_depth", -1, "-1 is not a duration"),
        ("stream", "buffer_depth", "1m30s", "'1m30s' is not a duration"),
        ("stream", "direction", "pul", "'pul' is unknown; allowed: 'pull' or 'push'; did you mean 'pull'?"),
        ("stream", "verify", 1, "1 is unknown; allowed: 'data' or 'count' or 'connection'"),
        ("run", "grace", "soon", "'soon' is not a duration"),
        ("server", "listen", 4444, "4444 is not an array"),
        ("server", "listen", {"a": 1}, "a table is not an array"),
        ("server", "accept_limit", 0, "0 is out of range; allowed: at least 1"),
        ("server", "peer_gone", "stop", "'stop' is unknown; allowed: 'go on' or 'end'"),
        ("server", "connection_limit", 0, "0 is out of range; allowed: at least 1"),
        ("server", "server_exit_limit", -1, "-1 is out of range; allowed: at least 0"),
        ("client", "connections", 0, "0 is out of range; allowed: at least 1"),
        ("client", "iterations", -1, "-1 is out of range; allowed: at least 0"),
        ("sender", "strategy", "", "'' is not a name"),
        ("sender", "strategy", 5, "5 is not text"),
        ("sender", "options", "x", "'x' is not a table"),
        ("connected_socket", "factory", " ", "'' is not a name"),
        ("output", "status_file", "", "'' is not a file name"),
        ("output", "status_file", "a\0b", "'a\\x00b' is not a file name"),
        ("output", "status_file", True, "true is not a file name"),
        ("output", "status_update", "1us", "1 us is out of range; allowed: at least 1 ms"),
        (
            "output",
            "console",
            "quite",
            "'quite' is unknown; allowed: 'auto' or 'live' or 'lines' or 'quiet'; did you mean",
        ),
        ("output", "encoding", "latin-1", "'latin-1' is unknown; allowed: 'utf-8' or 'utf-16'"),
    ],
)
def test_a_wrong_value_is_refused_at_its_key(table: str, key: str, value: object, text: str) -> None:
    assert the_problem_of({table: {key: value}}).startswith(f"{table}.{key}: {text}")


def test_a_number_of_more_digits_than_python_prints_is_refused() -> None:
    assert the_problem_of({"stream": {"frame_rate": -(1 << 20_000)}}).startswith(
        "stream.frame_rate: a very large number "
    )


def test_a_value_where_a_table_belongs_is_refused() -> None:
    assert (
        the_problem_of({"run": 5})
        == "run: 5 is not a table; allowed: a table with keys of: role, time_limit, grace, offload, processes, "
        "cpu_affinity, interface, ttl, receive_buffer, send_buffer, seed, measured_streams, "
        "outcome_profile, outcome_profiles, title, tags"
    )


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({"stream": {"frame-rate": 60}}, "stream.frame-rate: unknown key; did you mean 'frame_rate'?"),
        ({"stream": {"frame_rat": 60}}, "stream.frame_rat: unknown key; did you mean 'frame_rate'?"),
        ({"stream": {"connections": 2}}, "stream.connections: unknown key; did you mean client.connections?"),
        ({"verify": "data"}, "verify: unknown key; did you mean stream.verify?"),
        ({"options": {}}, "options: unknown key; did you mean sender.options or connected_socket.options?"),
        ({"strem": {}}, "strem: unknown key; did you mean 'stream'?"),
        (
            {"client": {"zzz": 1}},
            ("client.zzz: unknown key; allowed: " + CLIENT_KEYS),
        ),
        (
            {"client": {"a\nb.c": 1}},
            ("client.'a\\nb.c': unknown key; allowed: " + CLIENT_KEYS),
        ),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(raw: dict[str, object], text: str) -> None:
    assert the_problem_of(raw) == text


# anything at all

DEFAULTS = asdict(Config())
TABLES = list(DEFAULTS)
KEYS = sorted({key for table in DEFAULTS.values() for key in table})
TEXTS = st.sampled_from(["pull", "client", "5s", "8 Mbit/s", "127.0.0.1:4444", "*", "a.csv", "[::1]:0"]) | st.text()
SCALARS = (
    st.booleans() | st.integers() | st.integers(0, 100) | st.floats() | TEXTS | st.dates() | st.times() | st.datetimes()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)
GARBAGE = st.dictionaries(
    st.sampled_from(TABLES) | st.text(),
    st.dictionaries(st.sampled_from(KEYS) | st.text(), VALUES, max_size=6) | VALUES,
    max_size=6,
)


@given(GARBAGE)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_any_structure_is_a_config_or_a_config_error(raw: dict[str, object]) -> None:
    try:
        config = structure_config(raw)
    except ConfigError as refused:
        told = refused.problems
    else:
        assert isinstance(config, Config)
        return
    assert told
    assert all(problem.isprintable() and len(problem) < 500 for problem in told)
