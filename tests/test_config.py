import string
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import asdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cts.config import Config, load_config, loopback_targets, parse_endpoint, structure_config
from cts.errors import ConfigError, UserError
from cts.toml_source import MAX_FILE_SIZE

CONFIGS = Path(__file__).parent.parent / "configs"
SHIPPED = sorted(CONFIGS.glob("*.toml"))

Write = Callable[[str], Path]


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


def load_problems(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert caught.value.source == str(path)
    return caught.value.problems


# what is shipped


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    assert isinstance(load_config(path), Config)


def test_the_promised_configs_are_shipped() -> None:
    promised = {"stream.toml", "server.toml", "client.toml", "push.toml", "4k-video.toml", "many-streams.toml"}
    assert promised <= {path.name for path in SHIPPED}


def test_the_stream_config_shows_the_defaults() -> None:
    shown = load_config(CONFIGS / "stream.toml", ["client.target=[]"])
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


# what cannot be read


def test_a_missing_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml: no such file"):
        load_config(tmp_path / "nowhere.toml")


def test_a_directory_is_no_config(tmp_path: Path) -> None:
    assert load_problems(tmp_path) == ["is a directory; a TOML file is wanted"]


def test_a_file_below_a_file_is_no_config(write: Write) -> None:
    assert load_problems(write("") / "inner.toml") == ["cannot be read: Not a directory"]


def test_a_name_that_no_file_can_have_is_a_user_error(tmp_path: Path) -> None:
    (problem,) = load_problems(tmp_path / "a\0b")
    assert problem.startswith("cannot be read: ")


def test_a_file_without_permission_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # whoever runs the tests may be allowed to read everything
    assert load_problems(tmp_path / "secret.toml") == ["no permission to read it"]


def test_bytes_that_are_not_utf_8_are_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "latin1.toml"
    path.write_bytes(b"[run]\n# caf\xe9\n")
    assert load_problems(path) == ["line 2: not UTF-8 (byte 0xe9)"]


def test_a_syntax_error_is_told_by_line_and_column(write: Write) -> None:
    (problem,) = load_problems(write("[stream]\ndirection = pull\n"))
    assert problem.startswith("line 2, column 13: not TOML: ")
    assert problem.endswith("in 'direction = pull'")


def test_a_syntax_error_at_the_end_of_the_file_is_told(write: Write) -> None:
    (problem,) = load_problems(write('x = """\n'))
    assert "not TOML" in problem


def test_a_key_given_twice_is_a_syntax_error(write: Write) -> None:
    (problem,) = load_problems(write("[run]\n[run]\n"))
    assert problem.startswith("line 2, column ")


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = " + "9" * 5000])
def test_what_no_parser_takes_is_a_user_error(write: Write, text: str) -> None:
    (problem,) = load_problems(write(text))
    assert problem.startswith("not readable: ")


def test_a_huge_file_is_not_read(write: Write) -> None:
    (problem,) = load_problems(write("#" * (MAX_FILE_SIZE + 1)))
    assert problem == f"larger than {MAX_FILE_SIZE} bytes; is it a configuration?"


# what is refused, key by key


def test_every_problem_is_told_at_once() -> None:
    problems = problems_of(
        {
            "run": {"role": "sever", "time_limit": "0s"},
            "stream": {"bits_per_second": "25Mbs", "frame-rate": 30, "frame_rate": "30", "stream_length": True},
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
        ("stream", "frame_rate", "7", "'7' is not a whole number"),
        ("stream", "frame_rate", True, "true is not a whole number"),
        ("stream", "frame_rate", 30.0, "30.0 is not a whole number"),
        ("stream", "frame_rate", [30], "an array is not a whole number"),
        ("stream", "frame_rate", {}, "a table is not a whole number"),
        ("stream", "frame_rate", 0, "0 is out of range; allowed: at least 1"),
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
    assert the_problem_of({"run": 5}) == "run: 5 is not a table; allowed: a table with keys of: role, time_limit, grace"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({"stream": {"frame-rate": 60}}, "stream.frame-rate: unknown key; did you mean 'frame_rate'?"),
        ({"stream": {"frame_rat": 60}}, "stream.frame_rat: unknown key; did you mean 'frame_rate'?"),
        ({"stream": {"connections": 2}}, "stream.connections: unknown key; did you mean client.connections?"),
        ({"frame_rate": 60}, "frame_rate: unknown key; did you mean stream.frame_rate?"),
        ({"options": {}}, "options: unknown key; did you mean sender.options or connected_socket.options?"),
        ({"strem": {}}, "strem: unknown key; did you mean 'stream'?"),
        ({"client": {"zzz": 1}}, "client.zzz: unknown key; allowed: target, connections, iterations"),
        ({"client": {"a\nb.c": 1}}, "client.'a\\nb.c': unknown key; allowed: target, connections, iterations"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(raw: dict[str, object], text: str) -> None:
    assert the_problem_of(raw) == text


# addresses


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:5555", ("127.0.0.1", 5555)),
        ("127.0.0.1", ("127.0.0.1", 4444)),
        ("[::1]:5555", ("::1", 5555)),
        ("[::1]", ("::1", 4444)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
        ("*:0", ("*", 0)),
        ("*", ("*", 4444)),
        ("media.example.org:65535", ("media.example.org", 65_535)),
        ("bücher.example", ("bücher.example", 4444)),
        ("my_host-1.", ("my_host-1.", 4444)),
    ],
)
def test_an_address_splits_into_host_and_port(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":4444",
            "a:",
            "a:b",
            "a:65536",
            "a:-1",
            "a:1:2",
            "a:\uff14",
            "[::1",
            "::1]",
            "[::1]4444",
            "[]:1",
            "[a]:1",
            "[::1]:x",
        ),
        *(
            "127.0.0.256",
            "127.1",
            "1234",
            "a..b",
            "a b",
            "a/b",
            "udp://a:1",
            "a\0b",
            "a" * 64,
            "a." * 200,
            "[::1%a b]",
            "[::1]:1:1",
        ),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        parse_endpoint(text)


def test_an_ipv6_address_without_brackets_is_shown_with_them() -> None:
    with pytest.raises(ValueError, match="did you mean") as caught:
        parse_endpoint("fe80::1")
    assert str(caught.value).endswith("did you mean '[fe80::1]:4444'?")


@given(st.text() | st.text("[]:%.*0123456789abcdef"))
@settings(deadline=None)
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        host, port = parse_endpoint(text)
    except ValueError:
        return
    assert host
    assert 0 <= port <= 65_535


def test_a_listener_may_ask_for_any_port_and_every_address() -> None:
    assert structure_config({"server": {"listen": ["*:0", "[::]:0"]}}).server.listen == ("*:0", "[::]:0")


@pytest.mark.parametrize("target", ["*:4444", "0.0.0.0:4444", "[::]:4444", "127.0.0.1:0"])
def test_a_target_is_one_address_and_port(target: str) -> None:
    assert the_problem_of({"client": {"target": [target]}}).startswith(f"client.target[0]: '{target}' ")


def test_a_loopback_client_reaches_unspecified_addresses_on_loopback() -> None:
    bound = [("0.0.0.0", 1), ("::", 2), ("192.0.2.1", 3), ("fe80::1", 4), ("*", 5)]
    assert loopback_targets(bound) == ("127.0.0.1:1", "[::1]:2", "192.0.2.1:3", "[fe80::1]:4", "127.0.0.1:5")


# combinations


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({"run": {"role": "client"}}, "client.target: empty, and run.role is 'client'; allowed: at least one address"),
        ({"server": {"listen": []}}, "server.listen: empty, and run.role is 'loopback'; allowed: at least one address"),
        (
            {"run": {"role": "server"}, "server": {"listen": []}},
            "server.listen: empty, and run.role is 'server'; allowed: at least one address",
        ),
        ({"client": {"connections": 4097}}, "client.connections: 4097 streams at once, and server.connection_limit is"),
        (
            {"client": {"connections": 2, "iterations": 2}, "server": {"server_exit_limit": 3}},
            "server.server_exit_limit: 3 streams and the server leaves, and the client wants 4 streams",
        ),
        (
            {"client": {"iterations": 0}, "server": {"server_exit_limit": 3}},
            "server.server_exit_limit: 3 streams and the server leaves, and the client wants streams without end",
        ),
        ({"server": {"listen": ["a:1", "b:1", "a:1"]}}, "server.listen[2]: 'a:1' is listed twice"),
        ({"server": {"listen": ["127.0.0.1", "*:4444"]}}, "server.listen[0]: '127.0.0.1' is part of '*:4444'"),
        (
            {"output": {"status_file": "x.csv", "events_file": "./y/../x.csv"}, "stream": {}},
            "output.events_file: 'y/../x.csv' is output.status_file too",
        ),
        ({"output": {"error_file": "e.CSV"}}, "output.error_file: 'e.CSV' ends in .csv, but holds lines of text"),
        ({"output": {"events_file": "e.csv"}}, "output.events_file: 'e.csv' ends in .csv, but holds JSON lines"),
        ({"stream": {"bits_per_second": 8_000_001}}, "stream.bits_per_second: "),
        ({"stream": {"buffer_depth": "1ms"}}, "stream.buffer_depth: "),
    ],
)
def test_an_impossible_combination_is_refused(raw: dict[str, object], text: str) -> None:
    assert any(problem.startswith(text) for problem in problems_of(raw))


@pytest.mark.parametrize(
    "raw",
    [
        {"run": {"role": "server"}, "client": {"connections": 5000}},
        {"run": {"role": "client"}, "client": {"target": "a"}, "server": {"listen": []}},
        {"run": {"role": "server"}, "stream": {"direction": "pull"}, "output": {"jitter_file": "j.csv"}},
        {"server": {"listen": ["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"]}},
        {"server": {"listen": ["*:1", "127.0.0.1:2"]}},
        {"client": {"connections": 3}, "server": {"server_exit_limit": 3}},
        {"client": {"target": "127.0.0.1:5555"}},  # by way of a relay
        {"output": {"status_file": "/dev/null", "jitter_file": "/dev/null"}},
    ],
)
def test_a_possible_combination_is_taken(raw: dict[str, object]) -> None:
    structure_config(raw)


def test_a_combination_that_rests_on_a_wrong_key_is_not_told() -> None:
    raw: dict[str, object] = {
        "run": {"role": "klient"},
        "server": {"listen": []},
        "stream": {"frame_rate": 0, "bits_per_second": 9},
    }
    assert [problem.partition(": ")[0] for problem in problems_of(raw)] == ["run.role", "stream.frame_rate"]


def test_two_names_of_one_file_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "run.csv")
    raw: dict[str, object] = {
        "output": {"status_file": str(tmp_path / "run.csv"), "jitter_file": str(tmp_path / "link")}
    }
    assert "is output.status_file too" in the_problem_of(raw)


def test_a_log_never_overwrites_the_configuration(write: Write) -> None:
    path = write("")
    (problem,) = load_problems(path, f"output.status_file={path}")
    assert problem.startswith(f"output.status_file: '{path}'"[:40])
    assert "is the configuration itself" in problem


# --set


@pytest.mark.parametrize(
    ("override", "get", "value"),
    [
        ("stream.frame_rate=60", lambda config: config.stream.frame_rate, 60),
        ("stream.frame_rate = 60", lambda config: config.stream.frame_rate, 60),
        ("stream.direction=push", lambda config: config.stream.direction, "push"),
        ("stream.direction='push'", lambda config: config.stream.direction, "push"),
        ("stream.bits_per_second=100M", lambda config: config.stream.bits_per_second, 100_000_000),
        ("stream.bits_per_second=8 Mbit/s", lambda config: config.stream.bits_per_second, 8_000_000),
        ("stream.stream_length=2.5", lambda config: config.stream.stream_length, 2_500_000_000),
        ("client.target=127.0.0.1:5555", lambda config: config.client.target, ("127.0.0.1:5555",)),
        ("client.target=[::1]:5555", lambda config: config.client.target, ("[::1]:5555",)),
        ("client.target=['a', 'b']", lambda config: config.client.target, ("a", "b")),
        ("sender.options.gap=2ms", lambda config: config.sender.options, {"gap": "2ms"}),
        ("sender.options={gap = 2}", lambda config: config.sender.options, {"gap": 2}),
        ("output.status_file=a=b.csv", lambda config: config.output.status_file, Path("a=b.csv")),
        ("run={role = 'server'}", lambda config: config.run.role, "server"),
        ("sender.strategy=1\nb = 2", lambda config: config.sender.strategy, "1\nb = 2"),
    ],
)
def test_set_overrides_any_key(write: Write, override: str, get: Callable[[Config], object], value: object) -> None:
    path = write("[stream]\nframe_rate = 25\n[client]\ntarget = ['a']\n")
    assert get(load_config(path, [override])) == value


def test_the_last_set_of_a_key_holds(write: Write) -> None:
    assert load_config(write(""), ["stream.frame_rate=1", "stream.frame_rate=2"]).stream.frame_rate == 2


@pytest.mark.parametrize("override", ["", "foo", "=5", "stream.=5", ".a=5", "a b=5", "stream..x=5", "a.é=5"])
def test_a_set_without_key_or_value_is_refused(write: Write, override: str) -> None:
    (problem,) = load_problems(write(""), override)
    assert problem.startswith(f"--set {override}: not understood; allowed: KEY=VALUE, for example --set ")


def test_a_set_with_control_characters_is_shown_escaped(write: Write) -> None:
    (problem,) = load_problems(write(""), "a\x1b[31m=5")
    assert problem.startswith("--set 'a\\x1b[31m=5': not understood")


def test_a_set_below_what_is_no_table_is_refused(write: Write) -> None:
    (problem,) = load_problems(write("[stream]\nframe_rate = 25\n"), "stream.frame_rate.x=1")
    assert problem == "--set stream.frame_rate.x=1: stream.frame_rate is not a table"


def test_a_problem_that_a_set_made_names_it(write: Write) -> None:
    path = write("[stream]\nbits_per_second = 'slow'\n")
    slow, rat, zzz = load_problems(path, "stream.frame_rat=60", "zzz.a.b=1")
    assert "--set" not in slow
    assert rat == "stream.frame_rat: unknown key; did you mean 'frame_rate'? (from --set stream.frame_rat=60)"
    assert zzz.startswith("zzz: unknown key; ")
    assert zzz.endswith(" (from --set zzz.a.b=1)")


def test_a_combination_names_each_set_that_made_it(write: Write) -> None:
    (problem,) = load_problems(write(""), "server.listen=[]", "run.role=server")
    assert problem.endswith(" (from --set server.listen=[]) (from --set run.role=server)")


def test_unusable_sets_and_wrong_keys_are_told_together(write: Write) -> None:
    problems = load_problems(write("[stream]\nframe_rate = 0\n"), "foo", "run.role=sever")
    assert [problem.partition(":")[0] for problem in problems] == ["--set foo", "run.role", "stream.frame_rate"]


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
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
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


@given(
    st.lists(
        st.text()
        | st.builds(
            "{}.{}={}".format,
            st.sampled_from(TABLES),
            st.sampled_from(KEYS),
            st.text() | st.text(string.printable) | st.from_regex("[0-9.]+( ?[a-zA-Z/]+)?", fullmatch=True),
        ),
        max_size=5,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_set_gives_a_config_or_a_config_error(overrides: list[str]) -> None:
    try:
        config = load_config(CONFIGS / "stream.toml", overrides)
    except ConfigError as refused:
        told = refused.problems
    else:
        assert isinstance(config, Config)
        return
    assert told


@given(st.binary() | st.text("[]{}=\"'.#\n ab1").map(str.encode))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_config_or_a_config_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(data)
    try:
        config = load_config(path)
    except ConfigError as refused:
        told = refused.problems
    else:
        assert isinstance(config, Config)
        return
    assert told
