"""A factory that puts an endpoint and a socket in front of the engine's, which hand everything on."""

from __future__ import annotations

from collections.abc import Callable

import trio

from cts.api import (
    Address,
    DatagramBatch,
    Histogram,
    IConnectedSocket,
    IConnectedSocketFactory,
    PeerEnd,
    Role,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
)
from tests.testing.through_endpoint import ThroughEndpoint

__all__ = ["Default", "ThroughFactory", "ThroughSocket", "with_endpoint", "with_socket"]

Default = Callable[[StreamRequest], IConnectedSocket]


class ThroughSocket(IConnectedSocket):
    """Hands everything on; a subclass goes wrong at one thing."""

    def __init__(self, socket: IConnectedSocket) -> None:
        self.socket = socket

    @property
    def remote(self) -> Address:
        return self.socket.remote

    @property
    def role(self) -> Role:
        return self.socket.role

    @property
    def connection_id(self) -> str | None:
        return self.socket.connection_id

    @property
    def send_lateness(self) -> Histogram | None:
        return self.socket.send_lateness

    @property
    def measured_ns(self) -> int | None:
        return self.socket.measured_ns

    @property
    def peer_end(self) -> PeerEnd | None:
        return self.socket.peer_end

    @property
    def ended(self) -> StreamResult | None:
        return self.socket.ended

    def begins_another(self, received_ns: int) -> bool:
        return self.socket.begins_another(received_ns)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        return await self.socket.run(task_status=task_status)

    def on_data_received(self, batch: DatagramBatch) -> None:
        self.socket.on_data_received(batch)

    def on_start_repeated(self, received_ns: int) -> None:
        self.socket.on_start_repeated(received_ns)

    def on_unreachable(self, times: int) -> None:
        self.socket.on_unreachable(times)

    def observe(self, now_ns: int) -> StreamSnapshot:
        return self.socket.observe(now_ns)

    def counts(self, now_ns: int) -> StreamSnapshot:
        return self.socket.counts(now_ns)


class ThroughFactory(IConnectedSocketFactory):
    """Puts an endpoint in front of the given one and a socket in front of the default one."""

    api = 1

    endpoint_class: type[ThroughEndpoint] = ThroughEndpoint
    socket_class: type[ThroughSocket] = ThroughSocket

    def __init__(self, options: object) -> None: ...

    def make(self, request: StreamRequest, default: Default) -> IConnectedSocket:
        request.endpoint = self.endpoint_class(request.endpoint)
        return self.socket_class(default(request))

    def close(self) -> None: ...


def with_endpoint(endpoint_class: type[ThroughEndpoint]) -> type[ThroughFactory]:
    return type("Wrong", (ThroughFactory,), {"endpoint_class": endpoint_class})


def with_socket(socket_class: type[ThroughSocket]) -> type[ThroughFactory]:
    return type("Wrong", (ThroughFactory,), {"socket_class": socket_class})
