"""The clock and the network that a run takes place in, set up and taken down in one place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import trio

from cts.clock.system_pacer import SystemPacer, open_pacer
from cts.clock.timerfd_pacer import TimerPacer
from cts.net.offload import Offload, detect_offload
from cts.net.socket_options import NOTHING_SET, SocketOptions
from cts.net.udp_network import UdpNetwork

__all__ = ["real_surroundings", "running"]


class _Service(Protocol):
    """What has to run while it is used."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; ``started()`` once it can be used."""


@asynccontextmanager
async def running(pacer: _Service, network: _Service) -> AsyncIterator[trio.Nursery]:
    """Keep a run's clock and network going inside the block; yield their nursery, for what else is to end with it."""
    async with trio.open_nursery() as services:
        await services.start(pacer.run)
        await services.start(network.run)
        yield services
        services.cancel_scope.cancel()


def real_surroundings(
    *, offload: bool, shared: bool = False, sockets: SocketOptions = NOTHING_SET
) -> tuple[SystemPacer | TimerPacer, UdpNetwork]:
    """Return this machine's clock and sockets.

    Args:
        offload: whether to use what the kernel can do for whole batches; tried out, which takes about a millisecond.
        shared: whether other processes listen on the same addresses.
        sockets: what each socket is set to.
    """
    pacer = open_pacer()
    return pacer, UdpNetwork(pacer, detect_offload() if offload else Offload(), shared=shared, sockets=sockets)
