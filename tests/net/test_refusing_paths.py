"""Paths that take no runs: an endpoint finds out, says so, and goes on one datagram at a time."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import pytest

from cts.api import Address, Frame, IDatagramEndpoint, StreamPlan
from cts.clock.system_pacer import SystemPacer
from cts.engine.senders import AutoSender
from cts.net.offload import detect_offload
from cts.net.segmentation import SegmentedSender
from cts.net.udp import UdpEndpoint
from cts.net.udp_network import UdpNetwork
from cts.protocol.trains import DATAGRAMS_PER_TRAIN
from tests.net.real_endpoints import BOTH, narrow, views
from tests.net.test_udp import HEADER, V6, Net, drain

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the offloads are Linux's"),
    pytest.mark.skipif(detect_offload() != BOTH, reason="this kernel has no offloads"),
]


@pytest.fixture
def offloaded() -> Net:
    pacer = SystemPacer()
    return Net(UdpNetwork(pacer, BOTH), pacer)


async def test_a_path_that_refuses_runs_goes_on_plainly(offloaded: Net) -> None:
    payloads = [bytes([number]) * 1374 for number in range(10)]
    async with offloaded.pair(V6) as (listening, connected):
        narrow(connected)
        inbox = offloaded.inbox(listening)
        sent = await connected.send_train(listening.local, HEADER, views(payloads))
        assert sent == 10 * 1400
        assert connected.segment_limit_to(listening.local) == 1
        await connected.send_train(listening.local, HEADER, views([b"next"]))
        assert await drain(listening, inbox, 11) == [HEADER + payload for payload in (*payloads, b"next")]


async def test_a_refusal_is_said_when_it_happens_once_by_peer(offloaded: Net) -> None:
    said: list[str] = []
    offloaded.network.say = said.append
    async with offloaded.pair(V6) as (listening, connected):
        await connected.send_train(listening.local, HEADER, views([b"x" * 1374] * 2))
        assert said == []
        narrow(connected)
        for _ in range(3):
            await connected.send_train(listening.local, HEADER, views([b"x" * 1374] * 2))
            assert len(said) == 1
        (note,) = said
    assert f"the path to {listening.local} refused segmented sends" in note
    assert "Invalid argument" in note or "too long" in note


async def test_a_path_that_refuses_plain_sends_just_the_same_is_not_said_to_refuse_segments(
    offloaded: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with offloaded.pair() as (listening, connected):
        said: list[str] = []
        offloaded.network.say = said.append

        def refuse(*arguments: object) -> int:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        monkeypatch.setattr(SegmentedSender, "send", refuse)
        monkeypatch.setattr(UdpEndpoint, "send_train", refuse)
        with pytest.raises(OSError, match="Invalid argument"):
            await connected.send_train(listening.local, HEADER, views([b"one", b"two"]))
        assert said == []
        assert connected.segment_limit_to(listening.local) == DATAGRAMS_PER_TRAIN


async def test_a_refusal_concerns_its_endpoint_alone(offloaded: Net) -> None:
    async with offloaded.pair(V6) as (listening, connected):
        narrow(connected)
        await connected.send_train(listening.local, HEADER, views([b"x" * 1374] * 2))
        assert connected.segment_limit_to(listening.local) == 1
        assert listening.segment_limit_to(connected.local) == DATAGRAMS_PER_TRAIN


async def test_a_refusal_concerns_its_peer_alone(offloaded: Net) -> None:
    async with offloaded.pair(V6) as (listening, connected):
        await send_refused(connected, listening)
        other = Address(listening.local.host, listening.local.port ^ 1)
        assert connected.segment_limit_to(other) == connected.segment_limit == DATAGRAMS_PER_TRAIN


async def test_a_path_that_refused_is_tried_again_after_a_while(
    offloaded: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    send = SegmentedSender.send

    def counted(self: SegmentedSender, *arguments: Any) -> int:
        calls.append(len(arguments[2]))
        return send(self, *arguments)

    monkeypatch.setattr(SegmentedSender, "send", counted)
    monkeypatch.setattr("cts.net.offload._REFUSED_FOR_NS", 0)
    async with offloaded.pair(V6) as (listening, connected):
        await send_refused(connected, listening)
        assert connected.segment_limit_to(listening.local) == DATAGRAMS_PER_TRAIN
        await connected.send_train(listening.local, HEADER, views([b"x" * 1000] * 3))
    assert calls == [2, 3]


async def send_refused(connected: IDatagramEndpoint, listening: IDatagramEndpoint) -> None:
    """Send a train that the path refuses."""
    narrow(connected)
    await connected.send_train(listening.local, HEADER, views([b"x" * 1374] * 2))


async def test_runs_that_fit_a_narrow_path_are_not_refused(offloaded: Net) -> None:
    async with offloaded.pair(V6) as (listening, connected):
        narrow(connected)
        inbox = offloaded.inbox(listening)
        await connected.send_train(listening.local, HEADER, views([b"x" * 1000] * 9))
        assert len(await drain(listening, inbox, 9)) == 9
        assert connected.segment_limit_to(listening.local) == DATAGRAMS_PER_TRAIN


async def test_a_frame_that_is_refused_half_way_is_sent_once(offloaded: Net) -> None:
    plan = StreamPlan(100_123 * 8 * 10, 10, 1_000_000_000)
    async with offloaded.pair(V6) as (listening, connected):
        narrow(connected)
        inbox = offloaded.inbox(listening)
        for sequence in (1, 2):
            sent = await AutoSender(None, plan).send_frame(
                Frame(plan, sequence, 0), connected, listening.local, offloaded.pacer
            )
            assert sent == plan.frame_size
        datagrams = await drain(listening, inbox, 2 * len(plan.datagram_sizes))
    assert [len(datagram) for datagram in datagrams] == [*plan.datagram_sizes] * 2
