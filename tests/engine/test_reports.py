"""What a run reports of itself: which sides it had, when it began, whose streams it tells of, in which order."""

from __future__ import annotations

import pytest
import trio

from cts.api import Address, EndpointStatistics, IDatagramEndpoint, Outcome, Role, StreamResult
from cts.engine.contracts import INetwork
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.roles import Direction
from cts.records.results import RunReport
from cts.records.snapshots import StreamInfo
from tests.engine.simulated_runs import both_sides
from tests.engine.small_stream import CLIENT, END, LATENCY, PLAN, SECOND, SERVER, config_of
from tests.engine.virtual_world import Recorder, World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])


@BOTH
def test_each_side_s_report_tells_its_role_and_the_direction(direction: str) -> None:
    sides = both_sides(direction)
    assert (sides.server.role, sides.client.role) == ("server", "client")
    assert (sides.server.direction, sides.client.direction) == (Direction(direction), Direction(direction))


@BOTH
def test_a_loopback_run_reports_its_receivers_and_when_it_began(direction: str) -> None:
    async def main(world: World) -> RunReport:
        await world.until(5 * SECOND)
        return await world.session(config_of(direction)).run()

    report = in_world(main)
    assert (report.role, report.began_ns) == ("loopback", 5 * SECOND)
    (result,) = report.results
    base_ns = 0 if direction == "pull" else LATENCY
    assert (result.role, result.ended_ns) == (Role.RECEIVER, 5 * SECOND + base_ns + END)
    assert report.elapsed_ns == base_ns + END


class Watching(Recorder):
    """Keeps when the run began and which stream rendered what."""

    wants_frames = True

    def __init__(self) -> None:
        super().__init__()
        self.began: list[int] = []
        self.frames: list[tuple[int, int, Verdict, int]] = []

    def run_began(self, began_ns: int) -> None:
        self.began.append(began_ns)

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        self.frames.append((stream.number, frame.sequence, frame.verdict, frame.due_ns))


@BOTH
def test_who_watches_is_told_when_the_run_began_and_of_every_frame_of_the_measured_streams(direction: str) -> None:
    watching = Watching()

    async def main(world: World) -> None:
        await world.until(5 * SECOND)
        await world.session(config_of(direction, client={"connections": 2}), observer=watching).run()

    in_world(main)
    assert watching.began == [5 * SECOND]
    base_ns = 5 * SECOND + (0 if direction == "pull" else LATENCY)
    assert sorted(watching.frames) == [
        (number, sequence, Verdict.COMPLETED, base_ns + PLAN.render_offset_ns(sequence))
        for number in (1, 2)
        for sequence in range(1, PLAN.final_frame + 1)
    ]


def test_a_run_that_began_before_its_session_reports_that_and_counts_from_there() -> None:
    async def main(world: World) -> tuple[RunReport, list[int], list[int]]:
        await world.until(5 * SECOND)
        report = await world.session(config_of(), began_ns=4 * SECOND).run()
        recorder = world.recorder
        return report, [stream.opened_ns for stream in recorder.opened], [each.elapsed_ns for each in recorder.statuses]

    report, opened, statuses = in_world(main)
    assert (report.began_ns, report.elapsed_ns) == (4 * SECOND, SECOND + END)
    assert opened == [SECOND]
    assert statuses[-1] == SECOND + END + 1


class Overrun(INetwork):
    """A network on a host that loses datagrams of its own, with peers that are gone."""

    def __init__(self, inner: INetwork) -> None:
        self._inner = inner

    async def listen(self, local: Address) -> IDatagramEndpoint:
        return await self._inner.listen(local)

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        return await self._inner.connect(remote)

    def statistics(self) -> EndpointStatistics:
        return self._inner.statistics() + EndpointStatistics(0, overflowed=7, unreachable=3)


def test_what_the_host_dropped_and_whom_the_network_could_not_reach_is_in_the_snapshot() -> None:
    async def main(world: World) -> RunReport:
        return await world.session(config_of(), network=Overrun(world.network)).run()

    snapshot = in_world(main).snapshot
    assert (snapshot.overflowed, snapshot.unreachable) == (7, 3)


@BOTH
def test_the_lateness_of_every_frame_is_in_the_report_whichever_side_sent_it(direction: str) -> None:
    async def main(world: World) -> RunReport:
        return await world.session(config_of(direction, client={"connections": 2})).run()

    lateness = in_world(main).send_lateness
    # In virtual time every frame leaves at its instant.
    assert (lateness.count, lateness.greatest) == (2 * PLAN.final_frame, 0)


@BOTH
def test_only_the_sending_side_reports_lateness(direction: str) -> None:
    sides = both_sides(direction)
    sender, receiver = (sides.server, sides.client) if direction == "pull" else (sides.client, sides.server)
    assert (sender.send_lateness.count, receiver.send_lateness.count) == (PLAN.final_frame, 0)
    assert sides.sender.send_lateness == sender.send_lateness.percentiles()
    assert sides.receiver.send_lateness is None


@BOTH
def test_the_rate_is_that_of_the_measured_interval(direction: str) -> None:
    # From the sender's beginning to its last frame, and from the receiver's to that frame's arrival.
    sides = both_sides(direction)
    sent_ns = 2 * SECOND
    received_ns = sent_ns + 2 * LATENCY
    assert sides.sender.bits_per_second == 8 * PLAN.transfer_size * SECOND // sent_ns
    assert sides.receiver.bits_per_second == 8 * PLAN.transfer_size * SECOND // received_ns


@BOTH
def test_each_side_counts_the_bytes_of_its_own_way_only(direction: str) -> None:
    sides = both_sides(direction)
    sender, receiver = sides.sender.counts, sides.receiver.counts
    assert (sender.bytes_sent, sender.bytes_received) == (PLAN.transfer_size, 0)
    assert (receiver.bytes_sent, receiver.bytes_received) == (0, PLAN.transfer_size)


@BOTH
def test_a_stream_s_two_results_name_each_other_and_their_roles(direction: str) -> None:
    sides = both_sides(direction)
    (server,), (client,) = sides.server.results, sides.client.results
    assert (server.local, server.remote) == (SERVER, CLIENT)
    assert (client.local, client.remote) == (CLIENT, SERVER)
    assert (sides.sender.role, sides.receiver.role) == (Role.SENDER, Role.RECEIVER)


class Unanswered(Recorder):
    """Keeps the ends that had no measured one."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[StreamResult] = []
        self.lone: list[StreamResult] = []

    def other_end_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        self.others.append(result)

    def lone_end(self, result: StreamResult) -> None:
        self.lone.append(result)


@pytest.mark.parametrize("stops_at_ns", [None, 1])
def test_who_watches_is_told_of_streams_that_got_no_answer_as_the_report_tells_of_them(stops_at_ns: int | None) -> None:
    async def main(world: World) -> RunReport:
        session = world.session(config_of("push", client={"connections": 2}), observer=watching)
        async with trio.open_nursery() as nursery:
            if stops_at_ns is not None:

                async def stop() -> None:
                    await world.until(stops_at_ns)
                    session.stop_now()

                nursery.start_soon(stop)
            report = await session.run()
        assert tuple(watching.lone) == report.results
        assert tuple(watching.others) == report.results
        return report

    watching = Unanswered()
    report = in_world(main, to_server=Impairment(loss=Bernoulli(1.0)))
    outcome = Outcome.PROTOCOL_ERROR if stops_at_ns is None else Outcome.CANCELLED
    assert report.snapshot.outcomes == {outcome: 2}
