"""What comes of a stream after it was given up with nothing received: counted and told, and nothing else is changed by it."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address, DatagramBatch, Outcome
from cts.engine.latecomers import LISTEN_ON_NS, GivenUpPeers
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.output.ordering import PromptObserver
from cts.protocol.wire import ConnectionId
from cts.records.late import LateArrivals
from cts.records.results import RunReport
from cts.records.snapshots import StreamInfo
from tests.engine.simulated_runs import Sides, both_sides, simulated
from tests.engine.small_stream import FIRST_RENDER, LATENCY, MS, NAME, SECOND, config_of, losing
from tests.engine.virtual_world import World, in_world

NOT_ALL = "ErrorNotAllDataTransferred"
SLOW = Impairment(delay=Constant(600 * MS))
"""A round trip that is 200 ms longer than the buffer."""
PEER = Address("10.0.0.1", 5000)
SOMETHING = DatagramBatch(b"xx", 1, 0)


class Listener(PromptObserver):
    def __init__(self) -> None:
        self.remarks: list[str] = []

    def remarked(self, stream: StreamInfo, text: str) -> None:
        self.remarks.append(text)


def client_alone(*, answers_at_ns: int | None, stops_at_ns: int | None = None) -> tuple[RunReport, int, list[str]]:
    """Run a push client whose server, driven by hand, answers then; return its report, when it was over, and its remarks."""
    heard = Listener()

    async def main(world: World) -> tuple[RunReport, int]:
        server = await world.listen()
        session = world.session(config_of("push", run={"role": "client"}), observer=heard)
        running = await world.serve(session)
        if answers_at_ns is not None:
            await world.until(answers_at_ns - LATENCY)
            await server.send(server.received[0].remote, ConnectionId(NAME).encode())
        if stops_at_ns is not None:
            await world.until(stops_at_ns)
            session.stop()
        return await running.report(), world.pacer.now_ns()

    return *in_world(main), heard.remarks


def test_an_answer_that_comes_after_the_buffer_ran_out_is_counted_and_told() -> None:
    report, _, remarks = client_alone(answers_at_ns=FIRST_RENDER + 70 * MS)
    assert report.late == LateArrivals(FIRST_RENDER, 1, 1, 70 * MS, 70 * MS)
    assert remarks[-1].startswith("the first datagram came 70 ms after the 1 s buffer had run out")


def test_the_result_is_that_of_the_end_whatever_comes_later() -> None:
    late, _, _ = client_alone(answers_at_ns=FIRST_RENDER + 70 * MS)
    never, _, _ = client_alone(answers_at_ns=None)
    assert late.results == never.results
    (result,) = late.results
    assert (result.result, result.ended_ns) == (NOT_ALL, FIRST_RENDER)
    assert late.elapsed_ns == never.elapsed_ns == FIRST_RENDER
    assert never.late == LateArrivals()


def test_the_run_ends_when_it_has_been_listened_for_a_second() -> None:
    report, over_ns, _ = client_alone(answers_at_ns=FIRST_RENDER + LISTEN_ON_NS + 50 * MS)
    assert report.late.streams == 0
    _, over_ns, _ = client_alone(answers_at_ns=None)
    assert FIRST_RENDER + LISTEN_ON_NS <= over_ns < FIRST_RENDER + LISTEN_ON_NS + 10 * MS


def test_a_run_that_is_stopped_listens_no_longer() -> None:
    at_ns = FIRST_RENDER + 100 * MS
    report, over_ns, _ = client_alone(answers_at_ns=None, stops_at_ns=at_ns)
    assert over_ns == at_ns
    assert [result.result for result in report.results] == [NOT_ALL]


def test_a_time_limit_ends_the_listening_and_cuts_off_no_stream() -> None:
    async def main(world: World) -> tuple[RunReport, int]:
        config = config_of(run={"role": "client", "time_limit": "1300ms"})
        return await world.session(config).run(), world.pacer.now_ns()

    report, over_ns = in_world(main)
    assert report.snapshot.cut_off_by_time_limit is None
    assert over_ns < 1301 * MS


def test_all_frames_that_come_within_the_second_are_counted() -> None:
    sides = both_sides("pull", to_client=SLOW, to_server=SLOW)
    # Two ids, for START was repeated, and until 2 s seven frames of three datagrams.
    assert sides.client.late == LateArrivals(FIRST_RENDER, 1, 2 + 7 * 3, 200 * MS, 200 * MS)
    assert sides.client.snapshot.counts.bytes_received == 0


def test_a_stream_that_had_something_is_not_listened_for() -> None:
    for sides in (both_sides("pull"), both_sides("push"), both_sides("pull", to_client=losing((9, 1_000_000)))):
        assert sides.client.late == sides.server.late == LateArrivals()


def patient_client() -> Sides:
    """Run a push over the slow path whose client waits for longer than its server, which hears START once."""

    async def main(world: World) -> Sides:
        serving = await world.serve(world.session(config_of("push", run={"role": "server", "grace": "1h"})))
        client = await world.session(config_of("push", run={"role": "client"}, stream={"buffer_depth": "2s"})).run()
        return Sides("push", await serving.stop(), client, world.transmissions)

    return in_world(main, to_client=SLOW, to_server=losing((2, 2), path=SLOW))


def test_a_server_counts_the_data_of_a_push_that_it_had_given_up() -> None:
    sides = patient_client()
    assert sides.receiver.result == NOT_ALL
    assert (sides.server.late.streams, sides.server.late.soonest_ns) == (1, 300 * MS)
    refused = sides.server.snapshot.refused
    assert refused["too late for its stream"] == sides.server.late.datagrams > 0
    # What comes after that second is a stranger's again.
    assert refused["not START from a stranger"] > 0
    # Seven of twenty frames are under way when the client has sent its last, and the server is stopped.
    assert sum(refused.values()) == 3 * (20 - 7)


def test_in_a_run_of_both_sides_it_is_listened_while_the_other_side_goes_on_and_no_longer() -> None:
    report = simulated(config_of(), to_client=SLOW, to_server=SLOW)
    assert report.late.streams == 1
    lost = simulated(config_of(), to_server=losing((1, 1_000_000)))
    assert lost.snapshot.elapsed_ns < FIRST_RENDER + MS
    assert [result.outcome for result in lost.results] == [Outcome.PROTOCOL_ERROR]


def test_a_client_that_opens_more_streams_does_not_keep_the_ports_of_those_before() -> None:
    async def main(world: World) -> RunReport:
        return await world.session(config_of(run={"role": "client"}, client={"iterations": 3})).run()

    report = in_world(main)
    assert [result.ended_ns // MS for result in report.results] == [FIRST_RENDER * turn // MS for turn in (1, 2, 3)]


def test_a_server_remembers_so_many_peers_and_no_more() -> None:
    peers = GivenUpPeers()
    for number in range(10_000):
        peers.add(Address("10.0.0.1", number), 0, lambda batch: None)
    assert sum(peers.take(Address("10.0.0.1", number), SOMETHING) for number in range(10_000)) == 4096


@pytest.mark.parametrize(("after_ns", "taken"), [(LISTEN_ON_NS, True), (LISTEN_ON_NS + 1, False)])
def test_a_server_remembers_a_peer_for_a_second(after_ns: int, taken: bool) -> None:
    peers = GivenUpPeers()
    peers.add(PEER, SECOND, lambda batch: None)
    assert peers.take(PEER, evolve(SOMETHING, received_ns=SECOND + after_ns)) is taken


LATE = st.one_of(
    st.just(LateArrivals()),
    st.builds(
        LateArrivals, st.just(SECOND), st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.integers(9, 20)
    ),
)


@given(LATE, LATE, LATE)
def test_what_came_late_adds_up_in_any_order(one: LateArrivals, two: LateArrivals, three: LateArrivals) -> None:
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one
    assert (one + two).datagrams == one.datagrams + two.datagrams
    assert one + LateArrivals() == one
