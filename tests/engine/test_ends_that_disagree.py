"""A server and a client of different settings, each a session of its own: what the receiving side is told."""

from __future__ import annotations

import pytest
from attrs import evolve

from cts.api import Outcome
from cts.impairment.link import Impairment
from cts.output.ordering import PromptObserver
from cts.protocol.wire import ConnectionId
from cts.records.results import RunReport
from cts.records.snapshots import StreamInfo
from cts.runs.session_settings import plan_of
from tests.engine.small_stream import LATENCY, NAME, PATH, PLAN, SECOND, config_of, datagrams_of
from tests.engine.virtual_world import Recorder, World, in_world

DISAGREE = "ErrorSettingsDisagree"


class Listener(PromptObserver):
    def __init__(self) -> None:
        self.remarks: list[str] = []

    def remarked(self, stream: StreamInfo, text: str) -> None:
        self.remarks.append(text)


def reports(
    server: dict[str, object],
    client: dict[str, object],
    direction: str = "pull",
    heard: Listener | None = None,
    time_limit: str | None = None,
    to_client: Impairment = PATH,
) -> tuple[RunReport, RunReport]:
    """Run a server and a client whose [stream] tables have these keys laid over the small stream's; return what both report.

    Both have the time limit.
    """
    limit = {} if time_limit is None else {"time_limit": time_limit}

    async def main(world: World) -> tuple[RunReport, RunReport]:
        tables = {"stream": server}
        serving = await world.serve(
            world.session(config_of(direction, run={"role": "server", **limit}, **tables), observer=Recorder())
        )
        asking = world.session(
            config_of(direction, run={"role": "client", **limit}, stream=client, output={"status_update": "500ms"}),
            observer=heard,
        )
        report = await asking.run()
        return await serving.stop(), report

    return in_world(main, to_client=to_client)


MISMATCHES: dict[str, tuple[dict[str, object], str]] = {
    "rate": ({"bits_per_second": 160_000}, "160 kbit/s where 80 kbit/s are set"),
    "frame rate": ({"frame_rate": 20}, "20 frames a second where 10 are set"),
    "length": ({"stream_length": "3s"}, "more than the 20 frames (2 s) that are set"),
    "datagram size": ({"datagram_max_size": 300}, "datagrams of up to 300 bytes where 400 are set"),
    "rate and length": (
        {"bits_per_second": 96_000, "stream_length": "3s"},
        "96 kbit/s where 80 kbit/s are set, more than the 20 frames (2 s) that are set",
    ),
    "rate and frame rate": (
        {"bits_per_second": 160_000, "frame_rate": 20},
        "160 kbit/s where 80 kbit/s are set, 20 frames a second where 10 are set",
    ),
}


@pytest.mark.parametrize("direction", ["pull", "push"])
@pytest.mark.parametrize("name", MISMATCHES)
def test_the_receiving_side_fails_by_settings_and_says_which(name: str, direction: str) -> None:
    others, words = MISMATCHES[name]
    sides = reports(others, {}) if direction == "pull" else reports({}, others, "push")
    (result,) = sides[direction == "pull"].results
    assert (result.outcome, result.result) == (Outcome.PROTOCOL_ERROR, DISAGREE)
    assert result.remark == f"the two ends do not agree: the peer sends {words}"
    assert sides[direction == "pull"].failed


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_frames_past_the_end_are_received_and_make_no_rate(direction: str) -> None:
    longer: dict[str, object] = {"stream_length": "4s", "buffer_depth": "1s"}
    sides = reports(longer, {}) if direction == "pull" else reports({}, longer, "push")
    (result,) = sides[direction == "pull"].results
    assert result.counts.arrivals.no_such_frame > 0
    assert result.counts.bytes_received > PLAN.transfer_size
    assert PLAN.bits_per_second * 9 // 10 < result.bits_per_second <= PLAN.bits_per_second


def test_ends_that_both_send_are_both_told() -> None:
    for report in reports({"direction": "pull"}, {}, "push"):
        (result,) = report.results
        assert result.result == DISAGREE
        assert "the peer sends frames, too" in (result.remark or "")


def test_ends_that_both_receive_are_both_told_that_a_direction_may_be_wrong() -> None:
    for report in reports({"direction": "push"}, {}):
        (result,) = report.results
        assert result.result == "ErrorNotAllDataTransferred"
        assert "its direction is pu" in (result.remark or "")


def test_a_shorter_stream_is_told_as_silence_since_when() -> None:
    (result,) = reports({"stream_length": "1s"}, {})[1].results
    assert (result.remark or "").startswith("the peer fell silent 1.040 s after the stream began, in frame 10 of 20")


def test_silence_is_told_while_a_stream_runs_and_is_in_what_became_of_one_that_is_cut_short() -> None:
    heard = Listener()
    client: dict[str, object] = {"stream_length": "10s"}
    (result,) = reports({}, client, heard=heard, time_limit="6s")[1].results
    assert (result.outcome, result.remark) == (Outcome.CANCELLED, heard.remarks[-1])
    assert heard.remarks[-1].startswith("the peer fell silent 2.040 s after the stream began, in frame 20 of 100")


def test_a_silence_that_is_over_is_not_in_what_became_of_a_stream_that_is_cut_short() -> None:
    heard = Listener()
    long: dict[str, object] = {"stream_length": "10s"}
    silent = evolve(PATH, outages=[(2 * SECOND, 5 * SECOND)])
    (result,) = reports(long, long, heard=heard, time_limit="8s", to_client=silent)[1].results
    assert any("fell silent" in text for text in heard.remarks)
    assert (result.outcome, result.remark) == (Outcome.CANCELLED, None)


def test_a_stream_whose_first_data_comes_late_has_not_fallen_silent_then() -> None:
    heard = Listener()
    # HELLO comes, and no data for longer than the buffer lasts.
    late = evolve(PATH, outages=[(3 * LATENCY, 3 * SECOND)])
    long: dict[str, object] = {"stream_length": "10s"}

    async def main(world: World) -> RunReport:
        receiving = config_of("push", run={"role": "server"}, stream=long, output={"status_update": "500ms"})
        serving = await world.serve(world.session(receiving, observer=heard))
        asking = config_of("push", run={"role": "client"}, stream=long, client={"handshake": "cts"})
        await world.session(asking).run()
        return await serving.stop()

    (result,) = in_world(main, to_server=late).results
    assert result.counts.frames.completed
    assert heard.remarks == []


def test_a_disagreement_is_told_while_the_stream_runs() -> None:
    heard = Listener()
    reports({"frame_rate": 40, "stream_length": "2s"}, {}, heard=heard)
    assert "40 frames a second where 10 are set" in heard.remarks[0]


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_stream_that_is_cut_off_keeps_what_was_remarked_of_it(direction: str) -> None:
    others: dict[str, object] = {"frame_rate": 40}
    sides = reports(others, {}, time_limit="1.9s") if direction == "pull" else reports({}, others, "push", None, "1.9s")
    (result,) = sides[direction == "pull"].results
    assert result.outcome is Outcome.CANCELLED
    assert "40 frames a second where 10 are set" in (result.remark or "")


def test_what_was_remarked_too_soon_is_no_part_of_the_result() -> None:
    """A sender that is twice as fast in the first half of the stream only, by its own clock."""
    heard = Listener()

    async def main(world: World) -> RunReport:
        server = await world.listen()
        config = config_of(run={"role": "client"}, stream={"stream_length": "10s"}, output={"status_update": "500ms"})
        running = await world.serve(world.session(config, observer=heard))
        await world.until(2 * LATENCY)
        (client,) = {each.remote for each in server.received}
        await server.send(client, ConnectionId(NAME).encode())
        plan = plan_of(config)
        for sequence in range(1, plan.final_frame + 1):
            qpc = plan.send_offset_ns(sequence) // (200 if sequence <= 50 else 100)
            await server.send(
                client, *datagrams_of(sequence, plan, qpc), at_ns=plan.send_offset_ns(sequence) + 2 * LATENCY
            )
        return await running.report()

    report = in_world(main)
    assert "20 frames a second where 10 are set" in heard.remarks[0]
    assert [(result.outcome, result.remark) for result in report.results] == [(Outcome.SUCCESSFUL, None)]


def test_ends_that_agree_hear_nothing() -> None:
    heard = Listener()
    for report in reports({}, {}, heard=heard):
        assert [result.remark for result in report.results] == [None]
    assert not heard.remarks
