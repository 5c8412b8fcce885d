"""``cts.testing.simulate``: what ``cts sim`` runs, as a value, in a plain test and on a mock clock of trio."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from cts.api import (
    SUCCEEDED,
    Address,
    Frame,
    IConnectedSocket,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    Outcome,
    Role,
    StreamPlan,
    StreamRequest,
    Verdict,
)
from cts.config import structure_config
from cts.testing import ConfigError, OneByOneSender, SimulatedRun, simulate, simulate_in_trio
from tests.cli.running_cts import QUIET, run_here

MS = 1_000_000
STREAM: dict[str, object] = {
    "bits_per_second": 80_000,
    "frame_rate": 10,
    "stream_length": "2s",
    "datagram_max_size": 400,
}
CLEAN = {"stream": STREAM, "output": {"console": "quiet"}}
ROUGH = {
    **CLEAN,
    "client": {"connections": 2},
    "network": {"latency": "20ms", "jitter": "30ms", "loss": 0.1, "duplicate": 0.1},
}
TOML = """
[stream]
bits_per_second = 80000
frame_rate = 10
stream_length = "2s"
datagram_max_size = 400
[output]
console = "quiet"
"""
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


def directed(direction: str, config: dict[str, object] = CLEAN) -> dict[str, object]:
    return {**config, "stream": {**STREAM, "direction": direction}}


class Hesitant(OneByOneSender):
    """Waits by chance before each frame."""

    def use_random(self, random: Random) -> None:
        self._random = random

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        await pacer.wait_until(frame.due_ns + self._random.randrange(20 * MS))
        return await super().send_frame(frame, endpoint, peer, pacer)


class FailsAtThree(OneByOneSender):
    """Raises in its third frame."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        if frame.sequence == 3:
            raise LookupError("there is no third frame")
        return await super().send_frame(frame, endpoint, peer, pacer)


class PlainFactory(IConnectedSocketFactory):
    """Makes the engine's own sockets, and counts them."""

    api = 1

    def __init__(self, options: object = None) -> None:
        self.made: list[Role] = []
        self.closed = 0

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        self.made.append(request.role)
        return default(request)

    def close(self) -> None:
        self.closed += 1


# What comes out


@BOTH
def test_both_ends_of_a_stream_are_told_of(direction: str) -> None:
    stream = simulate(directed(direction)).stream
    assert stream.sender is not None
    assert stream.receiver is not None
    assert (stream.sender.role, stream.receiver.role) == (Role.SENDER, Role.RECEIVER)
    assert (stream.sender.result, stream.receiver.result) == (SUCCEEDED, SUCCEEDED)
    assert stream.sender.connection_id == stream.receiver.connection_id
    assert stream.client in (stream.sender.local, stream.sender.remote)


@BOTH
def test_every_frame_has_its_verdict_and_every_datagram_its_fate(direction: str) -> None:
    run = simulate({**directed(direction, ROUGH), "client": {"connections": 1}}, seed=3)
    stream = run.stream
    lost = {each.sequence for each in stream.sent if each.fate == "lost"}
    whole = {frame.sequence for frame in stream.frames if frame.verdict is not Verdict.DROPPED}
    assert [frame.sequence for frame in stream.frames] == list(range(1, 21))
    assert len(stream.sent) == 60
    assert lost
    assert not lost & whole
    assert {each.way for each in stream.sent} == {"to_client" if direction == "pull" else "to_server"}
    assert all(at.arrival_ns > each.time_ns for each in stream.offered for at in each.arrivals)


def test_the_handshake_is_among_what_was_offered_and_not_among_what_was_sent() -> None:
    stream = simulate(CLEAN).stream
    handshake = [each for each in stream.offered if each.sequence is None]
    assert {each.way for each in handshake} == {"to_client", "to_server"}
    assert len(handshake) + len(stream.sent) == len(stream.offered)


def test_streams_are_in_the_order_of_their_clients_and_none_shares_with_another() -> None:
    run = simulate({**ROUGH, "client": {"connections": 3, "iterations": 2}})
    assert [stream.number for stream in run.streams] == [1, 2, 3, 4, 5, 6]
    assert len({stream.client for stream in run.streams}) == 6
    assert {len(stream.frames) for stream in run.streams} == {20}
    assert {len(stream.results) for stream in run.streams} == {2}


@BOTH
def test_json_summary_status_and_logs_are_those_of_cts_sim(direction: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(TOML + '[network]\nprofile = "good-wifi"\nloss = 0.1\n[client]\nconnections = 2\n')
    logs = {
        "status_file": "status.csv",
        "connection_file": "connection.csv",
        "jitter_file": "jitter.csv",
        "error_file": "errors.txt",
        "events_file": "events.jsonl",
        "truth_file": "truth.jsonl",
    }
    sets = [f"stream.direction={direction}", *QUIET, *(f"output.{key}={tmp_path / name}" for key, name in logs.items())]
    printed = run_here("sim", config, "--json", "--seed", "5", sets=sets)
    text = config.read_text().replace("[stream]", f'[stream]\ndirection = "{direction}"')
    run = simulate(text, seed=5, logs=True)
    assert json.loads(json.dumps(run.json)) == printed.report
    assert run.exit_status == printed.status
    written = {path.name: path.read_text() for path in tmp_path.iterdir() if path != config}
    assert run.logs == written
    assert {"jitter-1.csv", "jitter-2.csv"} <= run.logs.keys()


def test_one_seed_is_one_run_and_another_is_another() -> None:
    first, again, other = (simulate(ROUGH, sender=Hesitant, seed=seed, logs=True) for seed in (7, 7, 8))
    assert first == again
    assert first.streams[0].sent != other.streams[0].sent


def test_the_seed_is_that_of_the_configuration_or_1() -> None:
    seeds = [simulate(config).seed for config in (CLEAN, {**CLEAN, "run": {"seed": 4}})]
    assert seeds == [1, 4]
    assert simulate({**CLEAN, "run": {"seed": 4}}, seed=5).seed == 5


def test_nothing_that_the_configuration_names_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    simulate({**CLEAN, "output": {"status_file": "status.csv", "truth_file": "truth.jsonl"}}, logs=True)
    assert list(tmp_path.iterdir()) == []


# What goes in


def test_a_configuration_is_a_table_a_text_a_file_or_one_that_was_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(TOML)
    table, text, path, read = (simulate(each) for each in (CLEAN, TOML, file, structure_config(CLEAN)))
    assert table == text == path == read


def test_no_configuration_is_the_default_one() -> None:
    nothing: dict[str, object] = {}
    runs = [simulate(config) for config in (None, "", nothing)]
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0].stream.frames) == 150


@frozen
class Options:
    """How often each frame's datagrams are given a rest."""

    rest_ms: int = 1


class Resting(OneByOneSender):
    """Rests before each frame."""

    options = Options

    def __init__(self, options: Options, plan: StreamPlan) -> None:
        self._rest_ns = options.rest_ms * MS

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        await pacer.wait_until(frame.due_ns + self._rest_ns)
        return await super().send_frame(frame, endpoint, peer, pacer)


def rest_of(run: SimulatedRun) -> int:
    stream = run.stream
    assert stream.sender is not None
    return stream.sent[0].time_ns - stream.sender.started_ns - run.plan.send_offset_ns(1)


def test_a_class_is_given_the_options_that_the_configuration_has() -> None:
    assert rest_of(simulate(CLEAN, sender=Resting)) == MS
    assert rest_of(simulate({**CLEAN, "sender": {"options": {"rest_ms": 7}}}, sender=Resting)) == 7 * MS


def test_options_that_a_class_does_not_take_are_refused_by_their_key() -> None:
    with pytest.raises(ConfigError, match=r"sender\.options\.rest_s"):
        simulate({**CLEAN, "sender": {"options": {"rest_s": 7}}}, sender=Resting)


def test_a_function_makes_a_sender_for_each_stream() -> None:
    plans: list[StreamPlan] = []

    def make(plan: StreamPlan) -> ISender:
        plans.append(plan)
        return Resting(Options(3), plan)

    assert rest_of(simulate(CLEAN, sender=make)) == 3 * MS
    assert len(plans) == 2


def test_an_installed_sender_is_given_by_its_name() -> None:
    one_by_one, in_trains = simulate(CLEAN, sender="plain"), simulate({**CLEAN, "sender": {"strategy": "auto"}})
    assert one_by_one.stream.sender == in_trains.stream.sender
    with pytest.raises(Exception, match="no sender is called 'plane'"):
        simulate(CLEAN, sender="plane")


@pytest.mark.parametrize("sender", [OneByOneSender(None, StreamPlan(8000, 10, 10**9, 10**9)), 7, object])
def test_what_is_no_sender_and_makes_none_is_refused(sender: object) -> None:
    with pytest.raises(TypeError):
        simulate(CLEAN, sender=sender)  # type: ignore[arg-type]


def test_a_factory_is_given_as_it_is_or_by_what_makes_it() -> None:
    factory = PlainFactory()
    runs = [simulate(CLEAN, factory=each) for each in (factory, PlainFactory, lambda: PlainFactory(), "default", None)]
    assert sorted(each.value for each in factory.made) == ["receiver", "sender"]
    assert factory.closed == 1
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize("factory", [7, object, lambda: None])
def test_what_is_no_factory_and_makes_none_is_refused(factory: object) -> None:
    with pytest.raises(TypeError):
        simulate(CLEAN, factory=factory)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"run": {"role": "server"}}, r"run\.role: 'server', and a simulation has both sides"),
        ({"client": {"iterations": 0}}, r"client\.iterations: 0 is no end"),
        ("stream.toml", r"'stream\.toml' is no text of TOML; a file is given as a pathlib\.Path"),
        ("[stream\n", "line 1, column 8: not TOML"),
        ({"stream": {"frame_rate": 0}}, r"stream\.frame_rate"),
    ],
)
def test_a_configuration_that_cannot_be_simulated_is_refused(config: dict[str, object] | str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        simulate(config)


def test_streams_without_end_run_to_their_time_limit() -> None:
    run = simulate({**CLEAN, "client": {"iterations": 0}, "run": {"time_limit": "10s"}})
    assert run.json["cut_off_by_time_limit"] == 1
    assert len(run.streams) == 4


# What goes wrong


@BOTH
def test_what_a_sender_raised_is_there_with_its_traceback(direction: str) -> None:
    run = simulate(directed(direction), sender=FailsAtThree)
    stream = run.stream
    (error,) = stream.errors
    assert run.errors == stream.errors
    assert isinstance(error, LookupError)
    assert "FailsAtThree" not in str(error)
    assert traceback.extract_tb(error.__traceback__)[-1].line == 'raise LookupError("there is no third frame")'
    assert stream.sender is not None
    assert stream.sender.outcome is Outcome.PROTOCOL_ERROR
    assert stream.sender.result == "ErrorPlugin: sender 'FailsAtThree' raised LookupError: there is no third frame"
    assert run.exit_status == 1


def test_a_failure_in_a_background_task_is_the_tasks_own() -> None:
    class Trips(OneByOneSender):
        def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> Callable[[], object]:  # type: ignore[override]
            async def trip() -> None:
                await pacer.wait_until(pacer.now_ns() + 300 * MS)
                raise ZeroDivisionError("tripped")

            return trip

    (error, *_) = simulate(CLEAN, sender=Trips).errors
    assert repr(error) == "ZeroDivisionError('tripped')"


def test_a_factory_that_fails_is_the_failure_of_both_ends() -> None:
    class Refuses(PlainFactory):
        def make(
            self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]
        ) -> IConnectedSocket:
            raise KeyError(request.role.value)

    run = simulate(CLEAN, factory=Refuses())
    assert {repr(error) for error in run.errors} == {"KeyError('receiver')"}
    assert run.exit_status == 1


def test_a_factory_that_cannot_be_closed_costs_nothing_that_was_measured() -> None:
    class Sticks(PlainFactory):
        def close(self) -> None:
            raise BrokenPipeError(32, "stuck")

    run = simulate(CLEAN, factory=Sticks)
    assert len(run.stream.frames) == 20
    assert [type(error) for error in run.errors] == [BrokenPipeError]
    assert "connected-socket factory 'Sticks'" in run.failures[0]
    assert run.exit_status == 1


@BOTH
def test_a_sender_that_never_returns_is_cancelled_an_hour_after_it_should_have_ended(direction: str) -> None:
    class Forgets(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            await trio.sleep_forever()
            raise AssertionError

    stream = simulate(directed(direction), sender=Forgets).stream
    assert stream.sender is not None
    assert stream.sender.outcome is Outcome.CANCELLED
    assert stream.sender.ended_ns > 3600 * 1000 * MS


# In somebody else's trio


@BOTH
@pytest.mark.parametrize("config", [CLEAN, ROUGH], ids=["clean", "rough"])
async def test_on_a_mock_clock_it_is_the_same_run(
    direction: str, config: dict[str, object], autojump_clock: MockClock
) -> None:
    run = await simulate_in_trio(directed(direction, config), sender=Hesitant, seed=5, logs=True)
    apart = await trio.to_thread.run_sync(
        lambda: simulate(directed(direction, config), sender=Hesitant, seed=5, logs=True)
    )
    assert run == apart


async def test_it_takes_virtual_time_beside_what_else_runs(autojump_clock: MockClock) -> None:
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(trio.current_time())
            await trio.sleep(0.5)

    await trio.sleep(1000.25)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        run = await simulate_in_trio(CLEAN, logs=True)
        nursery.cancel_scope.cancel()
    assert run.began_ns == 1_000_250 * MS
    assert run.elapsed_ns == 2_900 * MS
    assert ticks == [1000.25, 1000.75, 1001.25, 1001.75, 1002.25, 1002.75]
    first = json.loads(run.logs["truth.jsonl"].splitlines()[1])
    assert (first["kind"], first["t"]) == ("client", 0)


async def test_a_clock_that_the_test_moves_shows_a_process_that_stood_still(mock_clock: MockClock) -> None:
    runs: list[SimulatedRun] = []

    async def run() -> None:
        runs.append(await simulate_in_trio(CLEAN))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        while not runs:
            await trio.testing.wait_all_tasks_blocked()
            # It stands still from 0.9 s to 1.15 s, in which frames 10 and 11 are due.
            mock_clock.jump(0.25 if round(trio.current_time(), 3) == 0.9 else 0.025)
    left = {each.sequence: each.time_ns // MS for each in runs[0].stream.sent}
    assert [left[number] for number in (10, 11, 12)] == [1150, 1150, 1225]


async def test_a_clock_that_goes_by_itself_is_refused() -> None:
    with pytest.raises(RuntimeError, match="name pytest-trio's fixture autojump_clock"):
        await simulate_in_trio(CLEAN)


async def test_inside_trio_the_other_function_is_named(autojump_clock: MockClock) -> None:
    with pytest.raises(RuntimeError, match="await simulate_in_trio"):
        simulate(CLEAN)
