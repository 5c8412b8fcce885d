"""Both ends on a network that loses, doubles and reorders: both stream, or both are told why not; and results come through."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol.control.channel import StreamChannel
from cts.protocol.control.client import HandshakeMode
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.limits import Reason, Refusal
from cts.protocol.control.messages import Results
from cts.protocol.control.results import RESULTS_REPEATED_NS
from cts.protocol.control.states import State
from cts.units import SECOND
from tests.protocol.control.bad_network import BadNetwork

SEEDS = st.integers(0, 2**32)
LOSS = st.floats(0, 1)
MODES = st.sampled_from([HandshakeMode.CTS, HandshakeMode.AUTO])
BUSY = Refusal(Reason.BUSY, "it is full")
MINE = Results("Succeeded", received=ReceiverCounts(completed=150))
YOURS = Results("Succeeded", sent=SenderCounts(frames_due=150))


@settings(deadline=None)
@given(SEEDS, LOSS, LOSS, st.integers(1, 3000), MODES, st.one_of(st.none(), st.just(BUSY)))
def test_in_the_end_both_stream_or_each_says_why_not(
    seed: int, loss: float, doubled: float, delay_ms: int, mode: HandshakeMode, refusal: Refusal | None
) -> None:
    network = BadNetwork(seed, loss, doubled, delay_ms, refusal, mode)
    network.run(20 * SECOND)
    client, channel, streams = network.client, network.client_channel, network.server_channels
    assert len(streams) <= 1
    assert not client.pending
    if client.state is State.WELCOMED:
        assert len(streams) == 1
        assert channel is not None
        assert (channel.state is State.CONFIRMED) != (channel.explanation is not None)
        assert streams[0].session._token == channel.session._token
    else:
        assert client.explanation is not None
        assert all(stream.state is State.UNCONFIRMED and stream.explanation for stream in streams)
    if client.state is State.REFUSED:
        assert client.refusal == refusal
    if client.state in (State.REFUSED, State.ORIGINAL):
        assert streams == []


@settings(deadline=None)
@given(SEEDS, LOSS, st.integers(1, 400))
def test_doubling_and_reordering_alone_change_nothing(seed: int, doubled: float, delay_ms: int) -> None:
    network = BadNetwork(seed, 0, doubled, delay_ms, mode=HandshakeMode.AUTO)
    network.run(4 * SECOND)
    assert network.client.state is State.WELCOMED
    assert [network.client_channel.state, *(each.state for each in network.server_channels)] == [  # type: ignore[union-attr]
        State.CONFIRMED,
        State.CONFIRMED,
    ]


@pytest.mark.parametrize("seed", range(60))
def test_over_a_path_that_loses_thirty_percent_results_come_through(seed: int) -> None:
    network = streaming(seed)
    both = finish(network)
    network.run(network.now_ns + 2 * RESULTS_REPEATED_NS)
    client, server = both
    assert (client.peer_results, server.peer_results) == (YOURS, MINE)


@settings(deadline=None)
@given(SEEDS, LOSS)
def test_whatever_is_lost_the_exchange_ends_and_what_came_is_what_the_peer_said(seed: int, loss: float) -> None:
    network = streaming(seed)
    network.loss = loss
    client, server = finish(network)
    began_ns = network.now_ns
    network.run(began_ns + 60 * SECOND, lambda: client.is_over(network.now_ns) and server.is_over(network.now_ns))
    assert network.now_ns <= began_ns + RESULTS_REPEATED_NS + 1
    assert client.peer_results in (None, YOURS)
    assert server.peer_results in (None, MINE)
    # Who is told that it was acknowledged can rely on it.
    assert not client.acknowledged or server.peer_results == MINE
    assert not server.acknowledged or client.peer_results == YOURS


def streaming(seed: int) -> BadNetwork:
    """Return a network on which both ends know that they stream."""
    network = BadNetwork(seed, loss=0)
    network.run(2 * SECOND)
    network.loss = 0.3
    return network


def finish(network: BadNetwork) -> tuple[StreamChannel, StreamChannel]:
    client, (server,) = network.client_channel, network.server_channels
    assert client is not None
    client.finish(MINE, network.now_ns, peer_ends_ns=0)
    server.finish(YOURS, network.now_ns, peer_ends_ns=0)
    return client, server
