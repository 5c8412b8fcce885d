"""Streams that begin by HELLO, in virtual time: who is served with what, and what a network can do to the beginning."""

from __future__ import annotations

import pytest

from cts.api import Outcome, Role, StreamPlan
from cts.engine.admission import Admission
from cts.engine.hellos import Hellos
from cts.engine.settings import AdmissionSettings
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli
from cts.protocol.control.acceptor import Acceptor
from cts.protocol.control.client import HELLO_RETRY_NS, ClientHandshake
from cts.protocol.control.datagrams import decode_control_untrusted
from cts.protocol.control.keys import Key
from cts.protocol.control.limits import Caps
from cts.protocol.control.messages import Challenge, Refused, Welcome
from cts.protocol.control.states import State
from cts.protocol.roles import Direction
from cts.protocol.wire import HEADER_SIZE, PATTERN, START, ConnectionId, Data, is_control
from cts.records.stream_results import UNKNOWN_CONNECTION_ID
from tests.engine.bare_server import BareServer, stranger
from tests.engine.simulated_runs import both_sides, simulated
from tests.engine.small_stream import LATENCY, MS, NAME, PATH, PLAN, SECOND, SERVER, config_of, losing
from tests.engine.virtual_world import World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
BY_HELLO = {"handshake": "cts"}
OTHER = {"bits_per_second": 160_000, "frame_rate": 20, "stream_length": "1s", "buffer_depth": "500ms"}


@BOTH
@pytest.mark.parametrize("handshake", ["cts", "auto"])
def test_a_stream_that_begins_by_hello_is_whole(direction: str, handshake: str) -> None:
    sides = both_sides(direction, client={"handshake": handshake})
    assert sides.receiver.outcome is sides.sender.outcome is Outcome.SUCCESSFUL
    assert sides.receiver.counts.frames.completed == PLAN.final_frame
    assert sides.receiver.connection_id == sides.sender.connection_id != UNKNOWN_CONNECTION_ID
    assert START not in [each.header for each in sides.transmissions]
    assert sides.client.notes == sides.server.notes == ()


@BOTH
def test_the_server_serves_the_plan_that_is_asked_for_whatever_its_own_is(direction: str) -> None:
    async def main(world: World) -> None:
        server = await world.serve(world.session(config_of(direction, run={"role": "server", "grace": "1h"})))
        client = world.session(config_of(direction, run={"role": "client"}, client=BY_HELLO, stream=OTHER))
        report = await client.run()
        (at_client,), (at_server,) = report.results, (await server.stop()).results
        assert at_client.result == at_server.result == "Succeeded"
        receiver = at_client if direction == "pull" else at_server
        assert receiver.counts.frames.completed == 20
        assert at_server.plan == StreamPlan(160_000, 20, SECOND, 500 * MS, 400)
        assert at_client.plan is None

    in_world(main)


def test_a_plan_beyond_a_cap_is_refused_and_the_client_says_what_to_do() -> None:
    sides = both_sides("pull", client=BY_HELLO, server={"limits": {"bits_per_second_per_stream": 40_000}})
    (result,) = sides.client.results
    assert (result.outcome, result.result) == (Outcome.PROTOCOL_ERROR, "ErrorRefused")
    assert result.remark == (
        "the server refuses: 80 kbit/s is asked for, and its server.limits.bits_per_second_per_stream is 40 kbit/s: "
        "ask for less, or raise it"
    )
    assert sides.server.results == ()


@pytest.mark.parametrize(
    ("limits", "cap"),
    [
        ({"bits_per_second_per_address": 40_000}, "bits_per_second_per_address is 40 kbit/s"),
        ({"bits_per_second": 40_000}, "bits_per_second is 40 kbit/s"),
        ({"stream_length": "1s"}, "stream_length is 1 s"),
        ({"frame_rate": 5}, "frame_rate is 5/s"),
        ({"datagram_max_size": 300}, "datagram_max_size is 300 B"),
        ({"buffer_depth": "500ms"}, "buffer_depth is 500 ms"),
        ({"frame_size": 999}, "frame_size is 999 B"),
    ],
)
def test_each_cap_is_named(limits: dict[str, object], cap: str) -> None:
    sides = both_sides("pull", client=BY_HELLO, server={"limits": limits})
    (result,) = sides.client.results
    assert result.result == "ErrorRefused"
    assert f"server.limits.{cap}" in (result.remark or "")


def test_who_is_denied_is_told_so() -> None:
    sides = both_sides("pull", client=BY_HELLO, server={"deny": ["10.0.0.0/8"]})
    (result,) = sides.client.results
    assert result.remark == (
        "the server refuses: this address is not served there: see its server.allow and server.deny"
    )
    assert sides.server.snapshot.refused == {"in server.deny": 1}


@BOTH
def test_a_server_serves_whichever_direction_is_asked_for(direction: str) -> None:
    own = "push" if direction == "pull" else "pull"

    async def main(world: World) -> None:
        server = await world.serve(world.session(config_of(own, run={"role": "server", "grace": "1h"})))
        clients = [config_of(each, run={"role": "client"}, client=BY_HELLO) for each in (direction, own)]
        asked, as_configured = [await world.session(each).run() for each in clients]
        report = await server.stop()
        ((at_client,), (own_at_client,)) = asked.results, as_configured.results
        assert [each.result for each in (at_client, own_at_client, *report.results)] == ["Succeeded"] * 4
        assert [each.role for each in report.results] == [direction_role(direction), direction_role(own)]
        receivers = [each for each in (*report.results, at_client, own_at_client) if each.role is Role.RECEIVER]
        assert [each.counts.frames.completed for each in receivers] == [PLAN.final_frame] * 2
        assert report.roles == frozenset(Role)
        assert report.loss.due == PLAN.transfer_size
        assert report.loss.missing == 0

    in_world(main)


def direction_role(direction: str) -> Role:
    return Direction(direction).server_role


def test_where_one_side_is_a_client_the_server_beside_it_serves_that_direction_alone() -> None:
    async def main(world: World) -> None:
        run = {"role": "loopback", "grace": "1h"}
        loopback = await world.serve(world.session(config_of("pull", run=run, client={"iterations": 3})))
        report = await world.session(config_of("push", run={"role": "client"}, client=BY_HELLO)).run()
        await loopback.report()
        (result,) = report.results
        assert result.result == "ErrorRefused"
        assert "it serves pull alone" in (result.remark or "")

    in_world(main)


def test_where_nothing_answers_auto_begins_by_start_after_a_second_and_says_so_once() -> None:
    async def main(world: World) -> None:
        old = await world.listen()
        client = config_of(run={"role": "client"}, client={"handshake": "auto", "iterations": 2})
        report = await world.session(client).run()
        assert old.starts()[0] == 4 * HELLO_RETRY_NS + LATENCY + 1
        hellos = [each.at_ns for each in old.received if is_control(each.data)]
        assert hellos == [number * HELLO_RETRY_NS + LATENCY for number in range(4)]
        (note,) = report.notes
        assert (
            note
            == f"{SERVER} does not answer HELLO and is asked by START, as the original is: settings are not compared"
        )

    in_world(main)


def test_where_nothing_answers_cts_fails_and_says_what_may_be_wrong() -> None:
    async def main(world: World) -> None:
        await world.listen()
        report = await world.session(config_of(run={"role": "client"}, client=BY_HELLO)).run()
        (result,) = report.results
        assert (result.outcome, result.result) == (Outcome.PROTOCOL_ERROR, "ErrorNoAnswer")
        assert (result.remark or "").startswith("no cts server answers within 5 s: nobody listens there")
        assert result.ended_ns - result.started_ns == 5 * SECOND + 1

    in_world(main)


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_lost_doubled_and_reordered_messages_of_the_beginning_lose_no_stream(direction: str, seed: int) -> None:
    bad = Impairment(delay=PATH.delay, loss=Bernoulli(0.3), duplicate=0.3, reorder=0.2, reorder_delay_ns=100 * MS)
    config = config_of(direction, client={**BY_HELLO, "connections": 20}, stream={"verify": "count"})
    report = simulated(config, to_client=bad, to_server=bad, seed=seed)
    assert len(report.streams) == 20
    for stream in report.streams:
        (other,) = stream.others
        assert stream.end.result in ("Succeeded", "ErrorNoConnectionId")
        assert other.connection_id == stream.end.connection_id or stream.end.connection_id == UNKNOWN_CONNECTION_ID


@BOTH
def test_a_welcome_that_is_lost_costs_no_frame(direction: str) -> None:
    # The first to the client is CHALLENGE, the second WELCOME.
    sides = both_sides(direction, to_client=losing((2, 2)), client=BY_HELLO)
    assert sides.receiver.result == sides.sender.result == "Succeeded"
    assert sides.receiver.counts.frames.completed == PLAN.final_frame
    assert sides.receiver.connection_id == sides.sender.connection_id


def hello_of(
    plan: StreamPlan = PLAN, direction: Direction = Direction.PULL, nonce: bytes = bytes(16)
) -> ClientHandshake:
    return ClientHandshake(plan, direction, nonce=nonce, now_ns=0)


def with_hellos(world: World, admission: Admission | None = None) -> tuple[BareServer, Acceptor]:
    acceptor = Acceptor(bytes(32))
    hellos = Hellos(
        acceptor=acceptor,
        plan=PLAN,
        directions=frozenset({Direction.PULL}),
        chance=lambda purpose: bytes(32),
        admission=admission,
    )
    return BareServer(world, admission=admission, hellos=hellos), acceptor


def test_until_its_cookie_comes_back_nothing_is_kept_of_who_asks_and_it_gets_less_than_came() -> None:
    async def main(world: World) -> None:
        bare, acceptor = with_hellos(world, Admission(AdmissionSettings()))
        await bare.begin()
        came = 0
        for number in range(1000):
            hello = hello_of(nonce=number.to_bytes(16, "little")).poll(0)
            assert hello is not None
            came += len(hello)
            bare.endpoint.deliver(hello, stranger(number))
        sent = bare.endpoint.sent
        assert {type(decode_control_untrusted(each.datagram).message) for each in sent} == {Challenge}
        assert len(sent) == 1000
        assert sum(len(each.datagram) for each in sent) < came
        assert bare.manager.awaiting == acceptor.decisions == 0
        assert bare.refused == {}
        await bare.end()

    in_world(main)


def test_a_copy_of_a_hello_begins_no_other_stream_and_is_answered_by_the_same_bytes() -> None:
    async def main(world: World) -> None:
        bare, _ = with_hellos(world)
        await bare.begin()
        client, peer = hello_of(), stranger(1)

        def deliver() -> bytes:
            hello = client.poll(0)
            assert hello is not None
            bare.endpoint.deliver(hello, peer)
            return hello

        deliver()
        client.hear(decode_control_untrusted(bare.endpoint.sent[0].datagram), 0)
        hello = deliver()
        for at_ns in (50 * MS, 60 * MS, 3 * SECOND):
            await world.until(at_ns)
            bare.endpoint.deliver(hello, peer)
        await world.until(3 * SECOND + 1)
        sent = [each.datagram for each in bare.endpoint.sent if is_control(each.datagram)]
        controls = [each for each in sent if isinstance(decode_control_untrusted(each).message, Welcome)]
        assert len(controls) >= 3
        assert len(set(controls)) == 1
        # It waits for its client's results for a while.
        await world.until(6 * SECOND)
        assert bare.ledger.outcomes.total() == 1
        await bare.end()

    in_world(main)


@pytest.mark.parametrize("at_ns", [1 * SECOND, 3 * SECOND], ids=["while it sends", "while it waits for results"])
def test_start_in_the_name_of_who_has_agreed_on_a_stream_begins_no_other(at_ns: int) -> None:
    async def main(world: World) -> None:
        bare, _ = with_hellos(world)
        await bare.begin()
        client = hello_of()
        for _ in range(2):
            hello = client.poll(0)
            assert hello is not None
            bare.endpoint.deliver(hello, stranger(1))
            client.hear(decode_control_untrusted(bare.endpoint.sent[0].datagram), 0)
        await world.until(at_ns)
        bare.start(stranger(1))
        await world.until(6 * SECOND)
        assert bare.refused == {"repeated START": 1}
        assert bare.ledger.outcomes.total() == 1
        assert ConnectionId(NAME).encode() not in [each.datagram for each in bare.endpoint.sent]
        await bare.end()

    in_world(main)


def test_who_has_not_the_right_key_is_counted() -> None:
    async def main(world: World) -> None:
        bare, acceptor = with_hellos(world)
        await bare.begin()
        client = ClientHandshake(PLAN, Direction.PULL, nonce=bytes(16), now_ns=0, key=Key(None, bytes(16)))
        for _ in range(2):
            bare.endpoint.deliver(client.poll(0) or b"", stranger(1))
            client.hear(decode_control_untrusted(bare.endpoint.sent[-1].datagram), 0)
        assert client.state is State.REFUSED
        assert (bare.refused, acceptor.decisions) == ({"HELLO without the right key": 1}, 0)
        await bare.end()

    in_world(main)


@pytest.mark.parametrize("knows_hello", [False, True])
def test_a_client_of_start_alone_gets_byte_for_byte_what_it_got_before(knows_hello: bool) -> None:
    async def main(world: World) -> list[tuple[int, bytes]]:
        bare = with_hellos(world)[0] if knows_hello else BareServer(world)
        await bare.begin()
        for at_ns in (0, 100 * MS, 600 * MS):
            await world.until(at_ns)
            bare.start(stranger(1))
            bare.endpoint.deliver(b"nothing that anybody knows", stranger(1))
        await bare.end()
        assert bare.refused == {"repeated START": 2, "not START from a stranger": 1}
        return [(each.time_ns, each.datagram) for each in bare.endpoint.sent]

    sent = in_world(main)
    assert next(at_ns for at_ns, datagram in sent if datagram == ConnectionId(NAME).encode()) == 0
    data = [Data.encode(each) for sequence in range(1, 21) for each in stamped(sequence)]
    assert [datagram for _, datagram in sent if datagram != ConnectionId(NAME).encode()] == data


def stamped(sequence: int) -> list[Data]:
    """Return the datagrams of a frame with the stamps that tell them apart."""
    due = PLAN.send_offset_ns(sequence) // 100
    sizes = enumerate(PLAN.datagram_sizes)
    return [Data(sequence, due + number, 10_000_000, PATTERN[: size - HEADER_SIZE]) for number, size in sizes]


def test_what_is_decided_within_a_cap_depends_on_who_asks() -> None:
    admission = Admission(AdmissionSettings(own=("172.16.0.0/16",), caps=Caps(bits_per_second=8)))

    async def main(world: World) -> None:
        bare, _ = with_hellos(world, admission)
        await bare.begin()
        answers = []
        for peer in (stranger(1), stranger(70_000)):
            client = hello_of()
            for _ in range(2):
                hello = client.poll(0)
                assert hello is not None
                bare.endpoint.deliver(hello, peer)
                await world.until(world.pacer.now_ns() + MS)
                controls = [
                    decode_control_untrusted(each.datagram) for each in bare.endpoint.sent if is_control(each.datagram)
                ]
                answer = [each for each in controls if isinstance(each.message, Challenge | Welcome | Refused)][-1]
                answers.append(answer.message)
                client.hear(answer, 0)
        assert [type(each) for each in answers] == [Challenge, Welcome, Challenge, Refused]
        await bare.end()

    in_world(main)
