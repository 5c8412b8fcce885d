"""The anti-amplification limit: three times what came, in IP bytes, whatever comes and goes in which order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address
from cts.engine.amplification import AmplificationLimit, UnprovenEndpoint
from cts.protocol.wire import START, ConnectionId
from cts.testing import PEER, RecordingEndpoint
from tests.engine.small_stream import NAME

V4, V6 = Address("192.0.2.1", 5), Address("2001:db8::1", 5)
REMOTES = (V4, V6, V4._replace(port=6))


def headers(remote: Address) -> int:
    return 48 if ":" in remote.host else 28


def test_who_has_sent_nothing_gets_nothing() -> None:
    limit = AmplificationLimit()
    assert not limit.spend(V4, 0)
    assert limit.held_back == 1


def test_a_start_is_worth_one_connection_id_and_two_are_worth_no_three() -> None:
    size = len(ConnectionId(NAME).encode())
    for remote in (V4, V6):
        limit = AmplificationLimit()
        limit.came(remote, len(START))
        assert [limit.spend(remote, size) for _ in range(2)] == [True, False]
    limit = AmplificationLimit()
    limit.came(V4, 2 * len(START), datagrams=2)
    assert [limit.spend(V4, size) for _ in range(3)] == [True, True, False]


@given(
    st.lists(st.tuples(st.sampled_from(REMOTES), st.booleans(), st.integers(0, 1500)), max_size=80), st.integers(1, 4)
)
def test_nobody_ever_gets_more_than_three_times_what_came_from_there(
    steps: list[tuple[Address, bool, int]], at_most: int
) -> None:
    limit = AmplificationLimit(at_most)
    came: Counter[Address] = Counter()
    went: Counter[Address] = Counter()
    for remote, comes, size in steps:
        if comes:
            came[remote] += size + headers(remote)
            limit.came(remote, size)
        elif limit.spend(remote, size):
            went[remote] += size + headers(remote)
        assert went[remote] <= 3 * came[remote]
        assert len(limit) <= at_most


def test_the_accounts_are_bounded_and_one_that_was_used_not_long_ago_stays() -> None:
    limit = AmplificationLimit(100)
    for number in range(65_000):
        limit.came(V4, 5)
        limit.came(Address(f"10.0.{number >> 8 & 255}.{number & 255}", number), 5)
    assert len(limit) == 100
    assert limit.spend(V4, 1000)


def test_an_account_that_was_closed_is_as_one_that_never_was() -> None:
    limit = AmplificationLimit()
    limit.came(V4, 1000)
    limit.close(V4)
    limit.close(V4)
    assert not limit.spend(V4, 1)


async def test_an_endpoint_toward_the_unproven_sends_what_is_allowed_and_drops_the_rest_like_a_network() -> None:
    limit, recording = AmplificationLimit(), RecordingEndpoint()
    endpoint = UnprovenEndpoint(recording, limit)
    answer = ConnectionId(NAME).encode()
    assert await endpoint.send(PEER, answer) == len(answer)
    assert not endpoint.try_send(PEER, answer)
    assert endpoint.send_now([(PEER, answer, [memoryview(b"")])]) == 0
    assert recording.sent == []
    limit.came(PEER, 10, 2)
    assert await endpoint.send(PEER, answer[:20], answer[20:]) == len(answer)
    assert endpoint.try_send(PEER, answer)
    assert [each.datagram for each in recording.sent] == [answer, answer]
    assert endpoint.local == recording.local
