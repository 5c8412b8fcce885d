"""What a user gets wrong in a configuration or on the command line: one message to act on, status 2, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running_cts import CLIENT, STREAM, run_here

BINARY = b"\xff\xfe[\x00r\x00u\x00n\x00]\x00"


def write(directory: Path, text: str) -> Path:
    path = directory / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(*sets: str, config: Path = STREAM) -> str:
    """Return the one line with which a run with these overrides is refused."""
    message = run_here("run", config, sets=sets).message
    assert message.count("\n") == 1, message
    return message


@pytest.fixture(params=["run", "check"])
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_missing_file_is_named(command: str) -> None:
    assert run_here(command, "nowhere.toml").message == "cts: nowhere.toml: no such file\n"


def test_a_directory_is_not_taken_for_a_file(command: str, tmp_path: Path) -> None:
    message = run_here(command, tmp_path).message
    assert str(tmp_path) in message
    assert "is a directory" in message


def test_a_file_that_is_not_text_is_said_to_be_that(command: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(BINARY)
    message = run_here(command, path).message
    assert f"{path}: line 1: not UTF-8" in message


def test_a_file_that_is_not_toml_gives_line_and_column(command: str, tmp_path: Path) -> None:
    path = write(tmp_path, '[run]\nrole = "loopback"\n[stream\n')
    message = run_here(command, path).message
    assert f"{path}: line 3, column 8: not TOML" in message


def test_an_empty_file_is_a_configuration_of_defaults(tmp_path: Path) -> None:
    assert run_here("check", write(tmp_path, "")).status == 0


def test_an_unknown_key_names_the_one_that_was_meant(command: str, tmp_path: Path) -> None:
    path = write(tmp_path, "[stream]\nframe_rat = 30\n")
    assert (
        run_here(command, path).message == f"cts: {path}: stream.frame_rat: unknown key; did you mean 'frame_rate'?\n"
    )


def test_an_unknown_table_names_the_one_that_was_meant(tmp_path: Path) -> None:
    path = write(tmp_path, "[strem]\n")
    assert "strem: unknown key; did you mean 'stream'?" in run_here("run", path).message


def test_a_key_of_another_table_is_sent_there(tmp_path: Path) -> None:
    path = write(tmp_path, "[run]\nframe_rate = 30\n")
    assert (
        "run.frame_rate: unknown key; did you mean stream.frame_rate or server.limits.frame_rate?"
        in run_here("run", path).message
    )


def test_a_bad_unit_names_the_key_the_value_and_what_is_allowed() -> None:
    message = refused("stream.bits_per_second=8 parsecs")
    assert "stream.bits_per_second: '8 parsecs' is not a rate; allowed: a number and bit/s" in message


def test_a_slip_in_a_unit_names_the_one_that_was_meant() -> None:
    assert "did you mean '8Mbit/s'?" in refused("stream.bits_per_second=8Mbt/s")


WRONG_VALUES = {
    "run.role=sever": ["run.role", "'sever'", "did you mean 'server'?"],
    "run.time_limit=0": ["run.time_limit", "0 s", "more than 0"],
    "stream.direction=sideways": ["stream.direction", "'sideways'", "'pull' or 'push'"],
    "stream.bits_per_second=-8": ["stream.bits_per_second", "-8", "allowed"],
    "stream.bits_per_second=12": ["stream.bits_per_second", "12", "multiple of 8"],
    "stream.frame_rate=0": ["stream.frame_rate", "0", "more than 0"],
    "stream.frame_rate=fast": ["stream.frame_rate", "'fast'", "30000/1001"],
    "stream.frame_rate=30000/0": ["stream.frame_rate", "30000/0", "out of range"],
    "stream.stream_length=soon": ["stream.stream_length", "'soon'", "ns, us, ms, s, min or h"],
    "stream.buffer_depth=1ns": ["stream.buffer_depth", "less than one frame"],
    "stream.datagram_max_size=65507": ["stream.datagram_max_size", "65507", "65500"],
    "stream.verify=true": ["stream.verify", "true", "'data' or 'count' or 'connection'"],
    "server.accept_limit=none": ["server.accept_limit", "'none'", "whole number"],
    "server.listen=127.0.0.1:99999": ["server.listen[0]", "99999", "0 to 65535"],
    "server.listen=::1": ["server.listen[0]", "'::1'", "did you mean '[::1]:4444'?"],
    "server.listen=[]": ["server.listen", "empty", "at least one"],
    "client.target=*:4444": ["client.target[0]", "'*:4444'", "a target is one"],
    "client.connections=5000": ["client.connections", "5000", "4096"],
    "sender.options=3": ["sender.options", "3 is not a table"],
    "output.console=loud": ["output.console", "'loud'", "'auto' or 'live' or 'lines' or 'quiet'"],
    "output.encoding=latin1": ["output.encoding", "'latin1'", "'utf-8' or 'utf-16'"],
}


@pytest.mark.parametrize("override", WRONG_VALUES)
def test_a_wrong_value_names_the_key_the_value_and_what_is_allowed(override: str) -> None:
    message = refused(override)
    assert [part for part in WRONG_VALUES[override] if part not in message] == []
    assert message.endswith(f"(from --set {override})\n")


def test_a_client_without_a_target_is_told_to_name_one() -> None:
    message = refused("client.target=[]", config=CLIENT)
    assert "client.target: empty, and run.role is 'client'; allowed: at least one address" in message


def test_several_errors_are_told_at_once(command: str) -> None:
    overrides = ("stream.verify=no", "stream.direction=up", "output.consol=live", "server.listen=:4444", "nonsense")
    lines = run_here(command, STREAM, sets=overrides).message.splitlines()
    assert len(lines) == len(overrides)
    for key in ("stream.verify", "stream.direction", "output.consol", "server.listen[0]", "--set nonsense"):
        assert sum(f": {key}: " in line for line in lines) == 1, lines


def test_each_of_several_errors_names_the_file() -> None:
    message = run_here("run", STREAM, sets=("stream.frame_rate=0", "stream.direction=up")).message
    assert all(line.startswith(f"cts: {STREAM}: ") for line in message.splitlines())


@pytest.mark.parametrize("override", ["nonsense", "=1", "stream..x=1", "a b=1"])
def test_an_override_that_is_none_shows_how_it_is_written(override: str) -> None:
    assert f"--set {override}: not understood; allowed: KEY=VALUE" in refused(override)


def test_an_override_below_a_value_is_refused() -> None:
    assert "stream.frame_rate is not a table" in refused("stream.frame_rate.x=1")


def test_an_override_without_text_is_refused() -> None:
    assert "--set" in run_here("run", STREAM, "--set").message


def test_an_override_beats_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[stream]\nframe_rate = 0\n")
    assert run_here("check", path, sets=["stream.frame_rate=25"]).status == 0


def test_the_last_of_two_overrides_of_a_key_holds() -> None:
    finished = run_here("check", STREAM, sets=["stream.frame_rate=0", "stream.frame_rate=25"])
    assert "at 25 frames per second" in finished.stdout


def test_control_characters_of_a_value_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in refused("stream.direction=\x1b[31mup")


@pytest.mark.parametrize("run_or_sim", ["run", "sim", "check"])
def test_everything_wrong_with_both_plugins_is_told_at_once(run_or_sim: str) -> None:
    names = ("sender.strategy=telepathy", "connected_socket.factory=telepathy")
    lines = run_here(run_or_sim, STREAM, sets=names).message.splitlines()
    assert [line.rpartition(" (from ")[2] for line in lines] == [f"--set {name})" for name in names]
    assert all(line.startswith(f"cts: {STREAM}: no ") for line in lines)
    options = ("sender.strategy=burst", "sender.options.frames=many", "sender.options.speed=1")
    lines = run_here(run_or_sim, STREAM, sets=(*options, "connected_socket.factory=pcap")).message.splitlines()
    assert sorted(line.split(": ")[2] for line in lines) == [
        "connected_socket.options.file",
        "sender.options.frames",
        "sender.options.speed",
    ]


OPTIONS = {
    "sender.options.speed=1": ("sender.strategy=plain",),
    "sender.options.frames=many": ("sender.strategy=burst",),
    "connected_socket.options.fiel=x": ("connected_socket.factory=pcap", "connected_socket.options.file=x"),
}


@pytest.mark.parametrize("override", OPTIONS)
def test_a_wrong_option_says_which_override_it_is_from(override: str) -> None:
    assert refused(*OPTIONS[override], override).endswith(f" (from --set {override})\n")


def test_a_wrong_option_of_the_file_itself_is_from_no_override(tmp_path: Path) -> None:
    path = write(tmp_path, "[sender]\nstrategy = 'burst'\noptions.frames = 'many'\n")
    assert "--set" not in refused("stream.frame_rate=60", config=path)


def test_an_unknown_sender_names_the_installed_ones() -> None:
    message = refused("sender.strategy=telepathy")
    assert "no sender is called 'telepathy' (sender.strategy)" in message
    assert "auto" in message
    assert "plain" in message


def test_a_slip_in_a_sender_names_the_one_that_was_meant() -> None:
    assert "did you mean 'plain'?" in refused("sender.strategy=plian")


def test_an_unknown_factory_names_the_installed_ones() -> None:
    message = refused("connected_socket.factory=telepathy")
    assert "no connected-socket factory is called 'telepathy' (connected_socket.factory)" in message
    assert "default" in message


def test_options_for_a_sender_that_takes_none_are_refused() -> None:
    message = refused("sender.strategy=plain", "sender.options.speed=1")
    assert "sender.options" in message
    assert "'speed'" in message
    assert "takes no options" in message


def test_an_unknown_option_names_the_one_that_was_meant() -> None:
    message = refused("sender.strategy=burst", "sender.options.frame=2")
    assert "sender.options.frame: unknown key; did you mean 'frames'?" in message


def test_an_option_of_the_wrong_type_names_its_key() -> None:
    message = refused("sender.strategy=burst", "sender.options.frames=many")
    assert "sender.options.frames: 'many' is not a whole number" in message


def test_an_option_out_of_range_says_what_is_allowed() -> None:
    assert "frames must be at least 1, got 0" in refused("sender.strategy=burst", "sender.options.frames=0")


def test_a_required_option_that_is_missing_is_named() -> None:
    assert "connected_socket.options.file: required" in refused("connected_socket.factory=pcap")


def test_a_factory_that_cannot_be_set_up_names_the_plugin_and_the_reason(tmp_path: Path) -> None:
    capture = tmp_path / "no" / "such.pcap"
    message = refused("connected_socket.factory=pcap", f"connected_socket.options.file={capture}")
    assert "connected-socket factory 'pcap' of cts-pcap" in message
    assert str(capture) in message


def break_a_plugin(directory: Path, value: str) -> None:
    metadata = directory / "cts_ghost-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: cts-ghost\nVersion: 1.5\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[cts.senders]\nghost = {value}\n", encoding="utf-8")
    (directory / "cts_ghost.py").write_text("class Ghost: ...\n", encoding="utf-8")


@pytest.fixture(params=["cts_ghost_that_is_not:Ghost", "cts_ghost:Nothing", "cts_ghost:Ghost"])
def broken_plugin(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_a_plugin(tmp_path, request.param)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("broken_plugin")
def test_a_broken_plugin_is_refused_with_its_distribution_and_the_cure() -> None:
    message = refused("sender.strategy=ghost")
    assert "cts-ghost 1.5" in message
    assert "pip uninstall cts-ghost" in message


@pytest.mark.usefixtures("broken_plugin")
def test_a_broken_plugin_is_listed_with_the_reason() -> None:
    finished = run_here("plugins")
    assert finished.status == 0
    assert "ghost  (cts-ghost 1.5)\n      BROKEN: " in finished.stdout


@pytest.mark.usefixtures("broken_plugin")
def test_a_broken_plugin_is_nobody_s_trouble_who_does_not_choose_it() -> None:
    assert run_here("check", STREAM).status == 0
