"""The built-in plugins pass the contracts that a stranger's must pass."""

from __future__ import annotations

import pytest

from cts.api import StreamPlan
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender, PlainSender
from cts.testing import ConnectedSocketFactoryContract, SenderContract, plan_of, record_frames

AWKWARD = plan_of(64 * 1400 + 10)
LIMITS = [1, 2, 46]


class TestPlain(SenderContract):
    sender_class = PlainSender


class TestAuto(SenderContract):
    sender_class = AutoSender


class TestDefaultFactory(ConnectedSocketFactoryContract):
    factory_class = DefaultConnectedSocketFactory


@pytest.mark.parametrize("sender_class", [PlainSender, AutoSender])
@pytest.mark.parametrize("segment_limit", LIMITS)
@pytest.mark.parametrize("plan", [AWKWARD, plan_of(3 * 1400), plan_of(40)], ids=["awkward", "equal", "one"])
def test_a_frame_leaves_in_the_order_of_its_datagrams(
    sender_class: type[PlainSender], segment_limit: int, plan: StreamPlan
) -> None:
    run = record_frames(sender_class, plan, None, segment_limit=segment_limit)
    for frame in run.frames:
        assert [len(sent.datagram) for sent in frame.datagrams] == list(plan.datagram_sizes)
