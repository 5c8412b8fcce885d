"""The seed of a run: where it comes from, who says it, and that what senders draw repeats with it, over real sockets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from cts.chance import stream_random
from tests.cli.running_cts import (
    CLIENT,
    CLOSELY,
    CONFIGS,
    FREE_PORT,
    QUIET,
    SERVER,
    SHORT,
    STREAM,
    Finished,
    Running,
    free_port,
    run_here,
)

SEED = 4711
_DICE = """
from pathlib import Path
from attrs import frozen
from cts.testing import OneByOneSender

@frozen
class Options:
    file: str = ""

class Dice(OneByOneSender):
    options = Options

    def __init__(self, options, plan):
        self._file = options.file

    def use_random(self, random):
        self._random = random

    async def send_frame(self, frame, endpoint, peer, pacer):
        if frame.sequence == 1:
            with open(self._file, "a") as file:
                file.write(f"{self._random.getrandbits(64)}\\n")
        return await super().send_frame(frame, endpoint, peer, pacer)
"""


@pytest.fixture
def dice(tmp_path: Path) -> tuple[dict[str, str], Path, list[str]]:
    """A sender that writes down what it draws: the environment it is found in, its file, and the settings that choose it."""
    (tmp_path / "dicing.py").write_text(_DICE, encoding="utf-8")
    distribution = tmp_path / "cts_dicing-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: cts-dicing\nVersion: 1.0\n", encoding="utf-8")
    (distribution / "entry_points.txt").write_text("[cts.senders]\ndice = dicing:Dice\n", encoding="utf-8")
    drawn = tmp_path / "drawn.txt"
    return {"PYTHONPATH": str(tmp_path)}, drawn, ["sender.strategy=dice", f"sender.options.file={drawn}"]


def drawn_by(seed: int, numbers: Iterable[int]) -> list[int]:
    return sorted(stream_random(seed, number).getrandbits(64) for number in numbers)


def lines_of(path: Path) -> list[int]:
    return sorted(map(int, path.read_text().split()))


def loopback(*sets: str, environment: dict[str, str] | None = None) -> Finished:
    with Running("run", STREAM, "--json", sets=[*SHORT, *FREE_PORT, *sets], environment=environment) as running:
        finished = running.finish()
    assert finished.status == 0, finished.stderr
    return finished


def seed_of(finished: Finished) -> object:
    report: dict[str, object] = dict(finished.report)
    return report["seed"]


def test_a_run_without_a_seed_takes_a_fresh_one_and_says_it() -> None:
    seeds = {seed_of(loopback(*QUIET)) for _ in range(2)}
    assert len(seeds) == 2
    assert all(isinstance(seed, int) for seed in seeds)


def test_a_run_says_the_seed_on_the_console_where_its_sender_draws(
    dice: tuple[dict[str, str], Path, list[str]],
) -> None:
    environment, _, sets = dice
    drawing = loopback(*sets, *CLOSELY, environment=environment)
    assert f"seed: {seed_of(drawing)}; " in drawing.stderr
    assert "seed" not in loopback(*CLOSELY).stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_streams_draw_by_seed_and_number_over_processes_too(
    processes: int, dice: tuple[dict[str, str], Path, list[str]]
) -> None:
    environment, drawn, sets = dice
    sets = [*sets, *QUIET, "stream.direction=push", "client.connections=4", f"run.processes={processes}"]
    finished = loopback(*sets, f"run.seed={SEED}", environment=environment)
    assert seed_of(finished) == SEED
    assert lines_of(drawn) == drawn_by(SEED, range(1, 5))


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_server_and_a_client_draw_each_by_its_own_seed(
    direction: str, dice: tuple[dict[str, str], Path, list[str]]
) -> None:
    environment, drawn, sets = dice
    address = f"127.0.0.1:{free_port()}"
    sets = [*SHORT, *sets, f"stream.direction={direction}"]
    listening = [*sets, *CLOSELY, f"server.listen={address}", "server.server_exit_limit=2", "run.seed=1"]
    asking = [*sets, *QUIET, f"client.target={address}", "client.connections=2", "run.seed=2"]
    with Running("run", SERVER, sets=listening, environment=environment) as server:
        server.wait_for_row()
        with Running("run", CLIENT, sets=asking, environment=environment) as client:
            assert client.finish().status == 0
        assert server.finish().status == 0
    assert lines_of(drawn) == drawn_by(1 if direction == "pull" else 2, (1, 2))


def test_a_simulation_takes_the_seed_of_its_configuration_unless_one_is_given() -> None:
    config = CONFIGS / "sim-wifi.toml"
    own = [*SHORT, *QUIET, "run.seed=9"]
    assert seed_of(run_here("sim", config, "--json", sets=own)) == 9
    assert seed_of(run_here("sim", config, "--json", "--seed", "3", sets=own)) == 3
    assert seed_of(run_here("sim", config, "--json", sets=[*SHORT, *QUIET])) == 1


def test_a_relay_takes_the_seed_of_its_configuration() -> None:
    config = CONFIGS / "impair.toml"
    where = ("--listen", "127.0.0.1:0", "--to", "127.0.0.1:9", "--time-limit", "1ms")
    assert seed_of(run_here("impair", *where, config, "--json", sets=["run.seed=9"])) == 9


@pytest.mark.parametrize("value", ['"lucky"', "1.5", "true"])
def test_a_seed_that_is_no_whole_number_is_refused(value: str) -> None:
    message = run_here("check", SERVER, sets=[f"run.seed={value}"]).message
    assert "run.seed" in message
    assert "allowed" in message
