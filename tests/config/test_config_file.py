import string
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import asdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cts.config import Config, load_config
from cts.config.toml_source import MAX_FILE_SIZE
from cts.errors import ConfigError, UserError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def load_problems(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert caught.value.source == str(path)
    return caught.value.problems


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


# --set


@pytest.mark.parametrize(
    ("override", "get", "value"),
    [
        ("stream.frame_rate=60", lambda config: config.stream.frame_rate, 60),
        ("stream.frame_rate = 60", lambda config: config.stream.frame_rate, 60),
        ("stream.direction=push", lambda config: config.stream.direction.value, "push"),
        ("stream.direction='push'", lambda config: config.stream.direction.value, "push"),
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


CONFIG = Path(__file__).parents[2] / "configs" / "stream.toml"


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
        config = load_config(CONFIG, overrides)
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
