"""The doors of a server, each by itself: networks, rates, limits; and what a server behind them does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address, DatagramBatch, FrameTotals, Outcome
from cts.engine.admission import REASONS, Admission
from cts.engine.ip_networks import LOCAL_NETWORKS
from cts.engine.opening_pace import HostLoad, OpeningPace
from cts.engine.population import PopulationLimits
from cts.engine.settings import AdmissionSettings
from cts.protocol.wire import CONNECTION_ID_LENGTH, START, ConnectionId
from tests.engine.bare_server import BareServer, stranger
from tests.engine.small_stream import END, FIRST_RENDER, LATENCY, MS, NAME, PLAN, SECOND, SERVER, config_of
from tests.engine.virtual_world import Peer, World, in_world

BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
LOCAL, FAR, FAR_V6 = Address("10.1.2.3", 5000), Address("198.51.100.7", 5000), Address("2001:db8::7", 5000)
EVERYBODY = AdmissionSettings(original_clients=None)
DENIED, NOT_ALLOWED, UNTRUSTED = REASONS[:3]
RATE = PLAN.bits_per_second


def refusals(settings: AdmissionSettings, *remotes: Address, proven: bool = False) -> list[str | None]:
    admission = Admission(settings)
    return [admission.refusal(each, 0, proven=proven) for each in remotes]


# Networks


def test_by_default_local_addresses_may_ask_by_start_and_others_may_not() -> None:
    assert refusals(AdmissionSettings(), LOCAL, FAR, FAR_V6) == [None, UNTRUSTED, UNTRUSTED]


def test_who_has_shown_that_it_receives_need_not_be_trusted_for_its_address() -> None:
    assert refusals(AdmissionSettings(), LOCAL, FAR, FAR_V6, proven=True) == [None] * 3


def test_start_may_be_answered_to_everybody_to_nobody_or_to_networks() -> None:
    assert refusals(EVERYBODY, LOCAL, FAR, FAR_V6) == [None] * 3
    assert refusals(AdmissionSettings(original_clients=()), LOCAL, FAR) == [UNTRUSTED] * 2
    some = AdmissionSettings(original_clients=("198.51.100.0/24",))
    assert refusals(some, LOCAL, FAR) == [UNTRUSTED, None]


def test_who_is_not_allowed_is_refused_whatever_it_has_shown() -> None:
    settings = attrs.evolve(EVERYBODY, allow=("198.51.100.0/24",))
    for proven in (False, True):
        assert refusals(settings, LOCAL, FAR, FAR_V6, proven=proven) == [NOT_ALLOWED, None, NOT_ALLOWED]


def test_who_is_denied_is_refused_even_if_allowed() -> None:
    settings = attrs.evolve(EVERYBODY, allow=("198.51.100.0/24",), deny=("198.51.100.7",))
    assert refusals(settings, FAR, Address("198.51.100.8", 1)) == [DENIED, None]


def test_an_ipv4_address_mapped_into_ipv6_comes_by_the_same_doors() -> None:
    mapped = Address(f"::ffff:{FAR.host}", 5000)
    assert refusals(attrs.evolve(EVERYBODY, deny=("198.51.100.0/24",)), mapped) == [DENIED]
    assert refusals(AdmissionSettings(), mapped, Address("::ffff:10.0.0.1", 1)) == [UNTRUSTED, None]


def test_an_empty_list_of_who_is_allowed_lets_nobody_in() -> None:
    # As of names that have no address; the configuration's empty list is no list.
    assert refusals(attrs.evolve(EVERYBODY, allow=()), LOCAL) == [NOT_ALLOWED]


def test_a_run_s_own_client_comes_by_no_door() -> None:
    settings = AdmissionSettings(own=("198.51.100.7",), deny=("0.0.0.0/0",), original_clients=())
    admission = Admission(attrs.evolve(settings, starts_per_second=1, limits=PopulationLimits(streams_per_address=1)))
    for _ in range(20):
        assert admission.refusal(FAR, 0) is None
        assert admission.take(FAR, RATE) is None


# Rates


def test_an_address_may_ask_at_its_rate_from_whatever_ports() -> None:
    admission = Admission(AdmissionSettings(starts_per_second_per_address=10))
    at_once = [admission.refusal(Address(LOCAL.host, port), 0) for port in range(50)]
    assert Counter(at_once) == {None: 40, "beyond server.limits.starts_per_second_per_address": 10}
    later = [admission.refusal(LOCAL, SECOND) for _ in range(11)]
    assert later.count(None) == 10
    assert admission.refusal(stranger(1), 0) is None


def test_all_together_may_ask_at_a_rate() -> None:
    admission = Admission(AdmissionSettings(starts_per_second=10))
    answers = Counter(admission.refusal(stranger(number), 0) for number in range(50))
    assert answers == {None: 40, "beyond server.limits.starts_per_second": 10}


def test_those_who_are_not_let_in_use_nothing_up_for_those_who_are() -> None:
    admission = Admission(AdmissionSettings(starts_per_second=1, deny=("172.16.0.0/12",)))
    for number in range(65_000):
        assert admission.refusal(stranger(number), 0) == DENIED
        assert admission.refusal(Address(f"198.51.{number >> 8 & 255}.{number & 255}", 1), 0) == UNTRUSTED
    assert admission.refusal(LOCAL, 0) is None
    assert (len(admission._rates), len(admission._population), len(admission._limit)) == (1, 0, 0)


def test_65_000_addresses_grow_no_table_and_keep_nobody_s_rate_from_it() -> None:
    admission = Admission(AdmissionSettings(starts_per_second=10**9))
    for number in range(65_000):
        assert admission.refusal(stranger(number), 0) is None
    assert len(admission._rates) <= 16_384
    assert admission.refusal(LOCAL, 0) is None


# Limits


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (PopulationLimits(streams_per_address=1), "streams_per_address"),
        (PopulationLimits(streams_per_network=1), "streams_per_network"),
        (PopulationLimits(bits_per_second_per_address=2 * RATE - 1), "bits_per_second_per_address"),
        (PopulationLimits(bits_per_second=2 * RATE - 1), "bits_per_second"),
    ],
)
def test_a_stream_beyond_a_limit_is_refused_by_its_name_until_one_has_ended(
    limits: PopulationLimits, reason: str
) -> None:
    admission = Admission(AdmissionSettings(limits=limits))
    assert admission.take(LOCAL, RATE) is None
    assert admission.take(LOCAL, RATE) == f"beyond server.limits.{reason}"
    admission.give_back(LOCAL, RATE)
    assert admission.take(LOCAL, RATE) is None


def test_a_stream_in_the_place_of_another_needs_no_room() -> None:
    admission = Admission(AdmissionSettings(limits=PopulationLimits(streams_per_address=1)))
    assert admission.take(LOCAL, RATE) is None
    assert admission.take(LOCAL, RATE, instead=True) is None
    admission.give_back(LOCAL, RATE)
    assert admission.take(LOCAL, RATE) == "beyond server.limits.streams_per_address"


@given(st.lists(st.tuples(st.sampled_from([LOCAL, FAR, FAR_V6, stranger(1)]), st.integers(0, SECOND)), max_size=60))
def test_every_refusal_is_one_of_a_fixed_set(steps: Sequence[tuple[Address, int]]) -> None:
    settings = AdmissionSettings(
        deny=(stranger(1).host,),
        allow=("10.0.0.0/8", "198.51.100.0/24"),
        starts_per_second=3,
        starts_per_second_per_address=2,
        limits=PopulationLimits(streams_per_address=1),
    )
    admission = Admission(settings)
    for remote, at_ns in steps:
        for reason in (admission.refusal(remote, at_ns), admission.take(remote, RATE)):
            assert reason is None or reason in REASONS


# A server behind them


def served(
    admission: Admission,
    direction: str,
    *remotes: Address,
    repeat: int = 1,
    connection_limit: int = 8,
    awaiting_limit: int = 4096,
) -> BareServer:
    """Have peers send START so many times, and let whatever comes of that end."""

    async def main(world: World) -> BareServer:
        bare = BareServer(
            world,
            direction,
            admission=admission,
            connection_limit=connection_limit,
            awaiting_limit=awaiting_limit,
        )
        await bare.begin()
        for number in range(repeat):
            await world.until(number * 100 * MS)
            for remote in remotes:
                # Not lent: trio holds on to the call that cancels a sleep, until the sleeper wakes.
                assert bare.endpoint.handler is not None
                bare.endpoint.handler(SERVER, remote, DatagramBatch(START, len(START), world.pacer.now_ns()))
        await world.until(2 * END)
        await bare.end()
        return bare

    return in_world(main)


@BOTH
def test_outside_the_trusted_networks_nobody_gets_a_byte_for_start_however_often_it_asks(direction: str) -> None:
    bare = served(Admission(AdmissionSettings()), direction, FAR, FAR_V6, LOCAL, repeat=5)
    assert bare.sent_to() == {LOCAL}
    assert bare.refused[UNTRUSTED] == 10
    assert [text for text in bare.server.notes if UNTRUSTED in text] == list(bare.server.notes)
    assert len(bare.server.notes) == 1


@BOTH
def test_what_was_taken_is_given_back_however_a_stream_ends_or_never_begins(direction: str) -> None:
    admission = Admission(EVERYBODY)
    # One is served, two wait in vain, and for the last there is no room.
    remotes = [stranger(number) for number in range(4)]
    bare = served(admission, direction, *remotes, connection_limit=1, awaiting_limit=3)
    assert bare.ledger.outcomes.total() == 1
    assert bare.refused == {"START that waited in vain": 2, "START beyond the limit of awaiting endpoints": 1}
    assert len(admission._population) == 0


@BOTH
def test_streams_of_an_address_are_limited_while_they_wait_and_one_that_asks_again_is_none_more(direction: str) -> None:
    admission = Admission(attrs.evolve(EVERYBODY, limits=PopulationLimits(streams_per_address=2)))
    remotes = [Address("10.9.9.9", port) for port in (1, 2, 3)]
    bare = served(admission, direction, *remotes, stranger(1), repeat=3, connection_limit=1)
    assert bare.refused["beyond server.limits.streams_per_address"] == 3
    assert bare.refused["repeated START"] >= 2


def test_pull_who_asks_from_its_last_stream_s_port_is_let_in_at_its_limit() -> None:
    admission = Admission(attrs.evolve(EVERYBODY, limits=PopulationLimits(streams_per_address=1)))

    async def main(world: World) -> BareServer:
        bare = BareServer(world, admission=admission)
        await bare.begin()
        for at_ns in (0, FIRST_RENDER + SECOND - 100 * MS):
            await world.until(at_ns)
            assert bare.endpoint.handler is not None
            bare.endpoint.handler(SERVER, LOCAL, DatagramBatch(START, len(START), at_ns))
        await world.until(6 * SECOND)
        await bare.end()
        return bare

    bare = in_world(main)
    assert [result.outcome for result in bare.world.recorder.ended] == [Outcome.CANCELLED, Outcome.SUCCESSFUL]
    assert len(admission._population) == 0


# Amplification


def ip_bytes(sizes: Sequence[int]) -> int:
    return sum(sizes) + 28 * len(sizes)


def test_an_answer_is_allowed_for_by_what_came_and_what_is_not_is_counted() -> None:
    admission = Admission(EVERYBODY)
    assert not admission.may_answer(FAR, 1)
    admission.came(FAR, 100, 1)
    assert [admission.may_answer(FAR, 300), admission.may_answer(FAR, 300)] == [True, False]
    assert admission.held_back == 2


def test_push_an_answer_that_is_too_much_for_what_came_is_held_back_and_counted() -> None:
    class Forgetful(Admission):
        def came(self, remote: Address, size: int, datagrams: int) -> None:
            """Lose every account, as where too many others have one."""

    bare = served(Forgetful(EVERYBODY), "push", FAR)
    assert bare.sent_to() == set()
    assert bare.refused == {"START whose answer was too much for what came": 1}


def test_clients_that_wait_in_vain_while_the_host_has_no_time_are_told_of() -> None:
    class Late(OpeningPace):
        async def begin(self) -> None:
            await self._pacer.wait_until(2 * FIRST_RENDER)
            self.held_up = True

    async def main(world: World) -> BareServer:
        bare = BareServer(world)
        bare.server._pace = Late(world.pacer, HostLoad(lambda: 0, lambda: 0.0, lambda: 0), SECOND)
        await bare.begin()
        bare.start(LOCAL)
        await world.until(3 * FIRST_RENDER)
        await bare.end()
        return bare

    bare = in_world(main)
    assert bare.refused == {"START that waited in vain": 1}
    assert bare.server.notes == ("this host had no time left for more streams: clients waited in vain",)


@given(st.lists(st.tuples(st.sampled_from([START, b"", b"junk", ConnectionId(NAME).encode()]), st.integers(0, 5))))
def test_push_no_peer_that_sends_no_data_gets_more_than_three_times_its_bytes(steps: list[tuple[bytes, int]]) -> None:
    async def main(world: World) -> BareServer:
        bare = BareServer(world, "push", admission=Admission(EVERYBODY))
        await bare.begin()
        assert bare.endpoint.handler is not None
        came = 0
        for datagram, wait in steps:
            await world.until(world.pacer.now_ns() + wait * 100 * MS)
            bare.endpoint.handler(SERVER, FAR, DatagramBatch(datagram, max(1, len(datagram)), world.pacer.now_ns()))
            came += ip_bytes([len(datagram)])
            await world.until(world.pacer.now_ns() + 1)
            assert ip_bytes([len(sent.datagram) for sent in bare.endpoint.sent]) <= 3 * came
        await bare.end()
        return bare

    bare = in_world(main)
    names = [sent for sent in bare.endpoint.sent if len(sent.datagram) == CONNECTION_ID_LENGTH]
    assert len(names) == len(bare.endpoint.sent) <= sum(datagram == START for datagram, _ in steps)


@BOTH
def test_over_the_network_strangers_get_nothing_by_any_path_and_a_trusted_client_what_it_always_got(
    direction: str,
) -> None:
    async def run(world: World, strangers: bool) -> tuple[list[Peer], FrameTotals, list[int]]:
        # On a simulated network clients are 10.0.0.1, 10.0.0.2 and so on.
        server_table = {"original_clients": ["10.0.0.1"]}
        config = config_of(direction, run={"role": "server", "grace": "1h"}, server=server_table)
        server = await world.serve(world.session(config))
        client = await world.serve(world.session(config_of(direction, run={"role": "client"})))
        await world.until(MS)  # so that the client is the network's first
        peers = [await world.connect() for _ in range(3 * strangers)]
        for step in range(20):
            for peer in peers:
                await peer.send(
                    SERVER, START, START, b"x" * 1400, ConnectionId(NAME).encode(), at_ns=step * 100 * MS + 2 * MS
                )
        reports = await client.report(), await server.stop()
        measured = reports[0] if direction == "pull" else reports[1]
        return peers, measured.snapshot.counts.frames, [each.at_ns for each in world.sent_to(1)]

    peers, frames, sent_at = in_world(lambda world: run(world, True))
    assert [peer.received for peer in peers] == [[], [], []]
    assert in_world(lambda world: run(world, False))[1:] == (frames, sent_at)
    assert frames == FrameTotals(completed=PLAN.final_frame)
    assert sent_at[0] == LATENCY


def test_local_networks_are_those_of_the_settings_default() -> None:
    assert AdmissionSettings().original_clients == LOCAL_NETWORKS
