"""``cts`` itself, ``cts check``, ``cts plugins`` and ``cts schema``: what they say, and with which status they leave."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cts import __version__
from tests.cli.running_cts import CONFIGS, SERVER, STREAM, Finished, run_cts, run_here

COMMANDS = ("run", "check", "plugins", "schema")
ALL_CONFIGS = sorted(CONFIGS.glob("*.toml"))


def refused(*args: str | Path) -> str:
    return run_here(*args).message


def test_help_leaves_with_0_and_names_every_command() -> None:
    finished = run_here("--help")
    assert (finished.status, finished.stderr) == (0, "")
    assert [command for command in COMMANDS if not re.search(rf"^  {command} ", finished.stdout, re.MULTILINE)] == []


def test_the_short_form_of_help_is_the_same() -> None:
    assert run_here("-h") == run_here("--help")


def test_help_of_the_commands_fits_a_terminal_of_80_columns() -> None:
    for args in (["--help"], *([command, "--help"] for command in COMMANDS)):
        assert max(map(len, run_here(*args).stdout.splitlines())) <= 80


def test_help_cuts_no_sentence_short() -> None:
    commands = run_here("--help").stdout.partition("Commands:\n")[2]
    assert commands.count("\n") >= len(COMMANDS)
    assert "..." not in commands


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    finished = run_here(command, "--help")
    assert (finished.status, finished.stderr) == (0, "")
    assert finished.stdout.startswith(f"Usage: cts {command} ")


def test_the_help_of_run_shows_how_to_override_a_key() -> None:
    text = " ".join(run_here("run", "--help").stdout.split())
    assert "--set KEY=VALUE" in text
    assert "stream.frame_rate=60" in text


def test_version_is_the_package_s() -> None:
    finished = run_here("--version")
    assert finished.status == 0
    assert finished.stdout.split() == ["cts,", "version", __version__]


def test_without_a_command_the_help_is_shown_on_stderr() -> None:
    assert refused() == run_here("--help").stdout


def test_an_unknown_command_names_the_one_that_was_meant() -> None:
    assert "No such command 'rnu'. Did you mean 'run'?" in refused("rnu")


def test_an_unknown_option_names_the_one_that_was_meant() -> None:
    assert "'--json'" in refused("run", STREAM, "--jsn")


def test_a_missing_configuration_is_named() -> None:
    assert "Missing argument 'CONFIG'" in refused("run")


def test_the_script_leaves_with_2_for_a_wrong_command_line() -> None:
    assert "No such command 'rnu'" in run_cts("rnu").message


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_that_comes_along_is_valid(config: Path) -> None:
    finished = run_here("check", config)
    assert (finished.status, finished.stderr) == (0, "")


def test_the_configurations_of_every_role_come_along() -> None:
    wanted = {"stream", "server", "client", "push", "4k-video", "many-streams"}
    assert wanted <= {path.stem for path in ALL_CONFIGS}


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_that_comes_along_says_what_it_is_for_and_how_to_run_it(config: Path) -> None:
    first, *rest = config.read_text(encoding="utf-8").splitlines()
    assert re.match(r"# \w.*[.,]", first)
    assert any(re.search(rf"cts [a-z]+ .*configs/{config.name}", line) for line in rest)


def checked(*sets: str, config: Path = STREAM) -> dict[str, str]:
    """Return what ``cts check`` shows, by the word that each line begins with."""
    lines = run_here("check", config, sets=sets).stdout.splitlines()
    return dict(re.split(r" +", line, maxsplit=1) for line in lines)


def test_check_shows_the_frame_and_its_datagrams() -> None:
    assert checked()["frame"] == "33,333 bytes in 24 datagrams of at most 1,400 bytes, the last of 1,133 bytes"


def test_check_shows_the_packet_rate() -> None:
    assert checked()["packets"].startswith("720 per second")


def test_check_shows_when_a_stream_ends() -> None:
    assert checked()["end"].startswith("5.967 s")


def test_check_shows_frames_and_bytes_of_a_stream() -> None:
    assert checked()["stream"] == "150 frames, 4,999,950 bytes"


def test_check_says_when_a_client_that_is_gone_ends_its_stream_where_it_does() -> None:
    assert "absence" not in checked()
    said = "a stream ends when ICMP has said for 3 s that its client cannot be reached"
    assert checked("server.peer_gone=end")["absence"] == said
    assert checked("server.peer_gone=end", "stream.direction=push")["absence"].startswith(
        "server.peer_gone changes nothing"
    )


def test_check_follows_an_override() -> None:
    assert checked("stream.frame_rate=60")["packets"].startswith("720 per second")
    assert checked("stream.bits_per_second=100M")["frame"].startswith("416,666 bytes in 298 datagrams")


def test_check_shows_the_plugins_with_their_versions() -> None:
    chosen = checked("sender.strategy=burst", "connected_socket.factory=pcap", "connected_socket.options.file=x.pcap")
    assert chosen["sender"] == "burst (cts-burst 0.1.0)"
    assert chosen["factory"] == "pcap (cts-pcap 0.1.0)"


def test_check_takes_several_configurations_and_shows_each_under_its_name() -> None:
    finished = run_here("check", STREAM, SERVER)
    assert (finished.status, finished.stderr) == (0, "")
    blocks = finished.stdout.rstrip("\n").split("\n\n")
    single = [run_here("check", config).stdout for config in (STREAM, SERVER)]
    assert [f"{block}\n" for block in blocks] == [f"{STREAM}:\n{single[0]}", f"{SERVER}:\n{single[1]}"]


def test_check_tells_what_is_wrong_with_each_of_several_configurations(tmp_path: Path) -> None:
    wrong = [tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "c.toml"]
    wrong[0].write_text("[stream]\nframe_rate = 0\ndirection = 'up'\n", encoding="utf-8")
    wrong[1].write_text("[sender]\nstrategy = 'telepathy'\n", encoding="utf-8")
    finished = run_here("check", wrong[0], STREAM, *wrong[1:])
    assert finished.status == 2
    told = [line.removeprefix("cts: ").partition(": ")[0] for line in finished.stderr.splitlines()]
    assert told == [str(wrong[0]), str(wrong[0]), str(wrong[1]), str(wrong[2])]
    assert finished.stdout.startswith(f"{STREAM}:\nrole ")


def test_check_shows_how_many_streams_a_client_will_run() -> None:
    assert checked("client.connections=20", "client.iterations=3")["streams"] == "20 streams, 3 times over"


def test_check_shows_no_count_of_streams_for_a_server() -> None:
    assert "streams" not in checked(config=SERVER)


def test_check_writes_no_file(tmp_path: Path) -> None:
    sets = (
        f"output.status_file={tmp_path / 'status.csv'}",
        "connected_socket.factory=pcap",
        f"connected_socket.options.file={tmp_path / 'x.pcap'}",
    )
    assert run_here("check", STREAM, sets=sets).status == 0
    assert list(tmp_path.iterdir()) == []


def test_check_opens_no_socket() -> None:
    # An address that nobody here has and a name that does not resolve are no matter of the configuration itself.
    sets = ("server.listen=192.0.2.1:4444", "client.target=no.such.host.invalid")
    assert run_here("check", STREAM, sets=sets).status == 0


@pytest.fixture(scope="module")
def plugins() -> Finished:
    return run_here("plugins")


def test_plugins_leaves_with_0(plugins: Finished) -> None:
    assert (plugins.status, plugins.stderr) == (0, "")


def test_plugins_are_listed_under_the_key_that_chooses_them(plugins: Finished) -> None:
    blocks = plugins.stdout.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["connected_socket.factory:", "sender.strategy:"]
    factories, senders = (re.findall(r"^  (\S+)  \(", block, re.MULTILINE) for block in blocks)
    assert {"default", "pcap"} <= set(factories)
    assert {"auto", "plain", "spread", "burst"} <= set(senders)


def test_built_in_plugins_are_marked(plugins: Finished) -> None:
    for name in ("default", "auto", "plain"):
        assert f"  {name}  (built in)\n" in plugins.stdout


def test_installed_plugins_have_their_distribution_and_version(plugins: Finished) -> None:
    assert "  spread  (cts-spread 0.1.0)\n" in plugins.stdout


def test_a_plugin_s_options_have_type_and_default(plugins: Finished) -> None:
    assert "      option frames: int (default 4)\n" in plugins.stdout
    assert "      option file: str (required)\n" in plugins.stdout


def test_a_schema_of_nothing_that_prints_json_is_refused_with_those_that_are() -> None:
    names = "'run', 'sim', 'replay', 'serve', 'test', 'impair', 'verify-run', 'compare', 'bench', 'interval'"
    assert f"'plugins' is not one of {names}." in refused("schema", "plugins")
