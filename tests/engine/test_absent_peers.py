"""A client that is gone, as the network says: counted with its stream, which goes on or ends as the server was told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cts.api import Address, EndpointStatistics, ISender, Outcome, Role, StreamPlan, StreamResult
from cts.engine.contracts import INetwork
from cts.engine.senders import AutoSender
from cts.output.ordering import PromptObserver
from cts.records.snapshots import StreamInfo
from cts.testing import PEER, OneByOneSender, RecordingEndpoint
from tests.engine.bare_server import BareServer, stranger
from tests.engine.small_stream import LAST_SEND, MS, PLAN, SECOND, config_of
from tests.engine.virtual_world import World, in_world

FIRST, SECOND_PEER = stranger(1), stranger(2)
PATIENCE = SECOND
SENDERS = pytest.mark.parametrize(
    "make_sender",
    [lambda plan: AutoSender(None, plan), lambda plan: OneByOneSender(None, plan)],
    ids=["trains", "singly"],
)


def served(
    said_ns: range,
    *,
    gone_after_ns: int | None,
    direction: str = "pull",
    make_sender: Callable[[StreamPlan], ISender] = lambda plan: AutoSender(None, plan),
    repeats_start_at_ns: int | None = None,
) -> tuple[BareServer, list[StreamResult]]:
    """Serve two clients; of the first the network says at these times that it cannot be reached."""

    async def main(world: World) -> tuple[BareServer, list[StreamResult]]:
        server = BareServer(world, direction, gone_after_ns=gone_after_ns, make_sender=make_sender)
        server.endpoint.segment_limit = 64
        await server.begin()
        server.start(FIRST)
        server.start(SECOND_PEER)
        for at_ns in said_ns:
            await world.until(at_ns)
            if at_ns == repeats_start_at_ns:
                server.start(FIRST)
            server.endpoint.bring_back(FIRST)
        await world.until(10 * SECOND)
        await server.end()
        return server, world.recorder.ended

    return in_world(main)


@SENDERS
def test_a_stream_ends_as_peer_gone_at_the_instant_at_which_patience_does_and_sends_no_more(
    make_sender: Callable[[StreamPlan], ISender],
) -> None:
    server, (gone, other) = served(
        range(150 * MS, 1250 * MS, 100 * MS), gone_after_ns=PATIENCE, make_sender=make_sender
    )
    assert (gone.remote, gone.outcome, gone.result) == (FIRST, Outcome.PROTOCOL_ERROR, "ErrorPeerGone")
    assert (gone.ended_ns, gone.counts.unreachable) == (1150 * MS, 11)
    assert max(sent.time_ns for sent in server.endpoint.sent if sent.remote == FIRST) == 1100 * MS
    assert gone.counts.bytes_sent == 11 * 1000
    assert (other.result, other.ended_ns, other.counts.unreachable) == ("Succeeded", LAST_SEND, 0)
    assert server.manager.connected(Role.SENDER, FIRST) is None


@SENDERS
def test_a_stream_goes_on_to_its_end_and_is_counted_where_nothing_else_was_asked_for(
    make_sender: Callable[[StreamPlan], ISender],
) -> None:
    _, results = served(range(150 * MS, 1950 * MS, 100 * MS), gone_after_ns=None, make_sender=make_sender)
    assert [(each.result, each.ended_ns, each.counts.bytes_sent) for each in results] == [
        ("Succeeded", LAST_SEND, PLAN.transfer_size)
    ] * 2
    assert {each.remote: each.counts.unreachable for each in results} == {FIRST: 18, SECOND_PEER: 0}


def test_a_peer_that_asks_again_meanwhile_is_there_and_patience_begins_anew() -> None:
    _, results = served(range(150 * MS, 1450 * MS, 100 * MS), gone_after_ns=PATIENCE, repeats_start_at_ns=950 * MS)
    assert [each.result for each in results] == ["Succeeded"] * 2


def test_a_receiver_is_not_ended_by_it_and_counts_it_too() -> None:
    _, results = served(range(10 * MS, 950 * MS, 100 * MS), gone_after_ns=100 * MS, direction="push")
    assert {each.remote: (each.result, each.counts.unreachable) for each in results} == {
        FIRST: ("ErrorNotAllDataTransferred", 10),
        SECOND_PEER: ("ErrorNotAllDataTransferred", 0),
    }


def test_of_a_peer_without_a_stream_nothing_is_kept() -> None:
    async def main(world: World) -> BareServer:
        server = BareServer(world, gone_after_ns=0)
        await server.begin()
        for number in range(1000):
            server.endpoint.bring_back(stranger(number))
        await server.end()
        return server

    server = in_world(main)
    assert (server.refused, server.world.recorder.opened) == ({}, [])
    assert server.endpoint.statistics().unreachable == 1000


def test_a_session_takes_its_patience_from_the_configuration() -> None:
    async def main(world: World, peer_gone: str) -> StreamResult:
        network = _Recording()
        session = world.session(
            config_of(
                run={"role": "server"},
                server={"peer_gone": peer_gone, "server_exit_limit": 1},
                stream={"stream_length": "8s"},
            ),
            network=network,
        )
        running = await world.serve(session)
        network.endpoint.deliver(b"START", FIRST)
        for second in range(1, 7):
            await world.until(second * SECOND)
            network.endpoint.bring_back(FIRST)
        await running.report()
        return world.recorder.ended[0]

    ended, went_on = (in_world(lambda world, each=each: main(world, each)) for each in ("end", "go on"))  # type: ignore[misc]
    assert (ended.result, ended.ended_ns, ended.counts.unreachable) == ("ErrorPeerGone", 4 * SECOND, 4)
    assert (went_on.result, went_on.ended_ns, went_on.counts.unreachable) == ("Succeeded", 8 * SECOND, 6)


def test_a_client_counts_what_comes_back_from_its_server_with_the_stream() -> None:
    async def main(world: World) -> StreamResult:
        network = _Recording()
        session = world.session(config_of(run={"role": "client"}), network=network)
        running = await world.serve(session)
        await world.until(MS)
        network.endpoint.bring_back(times=3)
        return (await running.report()).results[0]

    result = in_world(main)
    assert (result.result, result.counts.unreachable) == ("ErrorNotAllDataTransferred", 3)


@pytest.mark.parametrize("role", ["server", "client"])
def test_that_a_peer_is_not_reached_is_told_once_while_the_stream_goes_on(role: str) -> None:
    said: list[tuple[int, str]] = []

    class Listener(PromptObserver):
        def __init__(self, now_ns: Callable[[], int]) -> None:
            self._now_ns = now_ns

        def remarked(self, stream: StreamInfo, text: str) -> None:
            said.append((self._now_ns(), text))

    async def main(world: World) -> None:
        network = _Recording()
        config = config_of(run={"role": role}, server={"server_exit_limit": 1}, output={"status_update": "200ms"})
        running = await world.serve(world.session(config, network=network, observer=Listener(world.pacer.now_ns)))
        await world.until(MS)
        if role == "server":
            network.endpoint.deliver(b"START", FIRST)
        for tenth in range(1, 8):
            await world.until(tenth * 100 * MS - 50 * MS)
            network.endpoint.bring_back(FIRST if role == "server" else PEER)
        await running.report()

    in_world(main)
    told = [(at_ns, text) for at_ns, text in said if text.startswith("the network says that nobody listens there")]
    assert told[0] == (200 * MS, "the network says that nobody listens there, or that the way is closed (2 times)")
    assert len(told) == (1 if role == "server" else 2)


class _Recording(INetwork):
    """One endpoint for all."""

    def __init__(self) -> None:
        self.endpoint = RecordingEndpoint()

    async def listen(self, local: Address) -> RecordingEndpoint:
        return self.endpoint

    async def connect(self, remote: Address) -> RecordingEndpoint:
        return self.endpoint

    def statistics(self) -> EndpointStatistics:
        return self.endpoint.statistics()
