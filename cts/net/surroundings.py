"""The clock and the network that a run takes place in, set up and taken down in one place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import trio
from attrs import frozen

from cts.clock.system_pacer import SystemPacer, open_pacer
from cts.clock.timerfd_pacer import TimerPacer
from cts.net.udp_network import Offload, UdpNetwork, detect_offload

__all__ = ["Surroundings", "real_surroundings"]


class _Running(Protocol):
    """What has to run while it is used."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; ``started()`` once it can be used."""


PacerT = TypeVar("PacerT", bound=_Running)
NetworkT = TypeVar("NetworkT", bound=_Running)


@frozen
class Surroundings(Generic[PacerT, NetworkT]):
    """A clock, and a network under it.

    Attributes:
        pacer: the run's clock.
        network: where endpoints come from.
    """

    pacer: PacerT
    network: NetworkT

    @asynccontextmanager
    async def running(self) -> AsyncIterator[trio.Nursery]:
        """Keep both going inside the block; yield their nursery, for what else is to end with it."""
        async with trio.open_nursery() as services:
            await services.start(self.pacer.run)
            await services.start(self.network.run)
            yield services
            services.cancel_scope.cancel()


def real_surroundings(*, offload: bool, shared: bool = False) -> Surroundings[SystemPacer | TimerPacer, UdpNetwork]:
    """Return this machine's clock and sockets.

    Args:
        offload: whether to use what the kernel can do for whole batches; tried out, which takes about a millisecond.
        shared: whether other processes listen on the same addresses.
    """
    pacer = open_pacer()
    return Surroundings(pacer, UdpNetwork(pacer, detect_offload() if offload else Offload(), shared=shared))
