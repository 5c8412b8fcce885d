"""What a stream's failure is recorded as: a payload that is wrong, a connected socket that raises in mid-stream."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
import trio

from cts.api import FrameTotals, IConnectedSocket, IConnectedSocketFactory, Outcome, StreamRequest, StreamResult
from cts.engine.connected_socket import ConnectedSocket
from cts.errors import PluginFailure
from cts.protocol.wire import Data
from tests.engine.hand_driven_streams import on_time, receive_by_script
from tests.engine.simulated_runs import both_sides
from tests.engine.small_stream import CLIENT, LATENCY, MS, PLAN, SERVER, datagrams_of

FRAMES = PLAN.final_frame
BOTH = pytest.mark.parametrize("direction", ["pull", "push"])
BREAKS_AFTER = 1375 * MS
WRONG = Data(2, 0, 10_000_000, bytes(374)).encode()
"""As long as the first two datagrams of the second frame, which are alike."""


# A wrong payload


@BOTH
@pytest.mark.parametrize(
    ("verify", "frames"),
    [
        ("count", FrameTotals(completed=FRAMES - 1, dropped=1, error=2)),
        ("connection", FrameTotals(completed=FRAMES)),
    ],
)
def test_a_wrong_payload_is_counted_or_not_looked_at_as_configured(
    direction: str, verify: str, frames: FrameTotals
) -> None:
    script = [(at, WRONG if each == datagrams_of(2)[0] else each) for at, each in on_time(range(1, FRAMES + 1))]
    result = receive_by_script(direction, script, verify=verify).result
    assert (result.outcome, result.counts.frames) == (Outcome.SUCCESSFUL, frames)


@BOTH
def test_a_wrong_payload_fails_its_stream_at_its_arrival_unless_configured_otherwise(direction: str) -> None:
    at_ns = 260 * MS
    stream = receive_by_script(direction, [*on_time([1]), (at_ns, WRONG), *on_time(range(3, FRAMES + 1))])
    assert stream.result.outcome is Outcome.PROTOCOL_ERROR
    assert stream.result.result == "ErrorDataDidNotMatchBitPattern"
    assert stream.result.ended_ns == stream.base_ns + at_ns
    assert stream.result.counts.frames == FrameTotals(error=1)
    assert stream.result.counts.bytes_received == PLAN.frame_size


# A connected socket that raises


class Breaking(ConnectedSocket):
    """A stream that breaks in its middle, as a plugin's may."""

    failure: Exception

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        with trio.move_on_after(BREAKS_AFTER / 1e9):
            return await super().run(task_status=task_status)
        raise self.failure


class BreakingFactory(IConnectedSocketFactory):
    """Makes streams that break with this."""

    api = 1

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        socket = Breaking(request)
        socket.failure = self._failure
        return socket

    def close(self) -> None: ...


@BOTH
@pytest.mark.parametrize(
    ("failure", "outcome", "text"),
    [
        (
            PluginFailure("factory 'breaking': KeyError: 1, 2"),
            Outcome.PROTOCOL_ERROR,
            "ErrorPlugin: factory 'breaking':",
        ),
        (OSError(errno.EIO, "line cut"), Outcome.NETWORK_ERROR, f"{errno.EIO}: line cut"),
    ],
    ids=["plugin", "network"],
)
def test_a_socket_that_raises_is_recorded_with_what_it_had_counted(
    direction: str, failure: Exception, outcome: Outcome, text: str
) -> None:
    sides = both_sides(direction, factory=BreakingFactory(failure))
    (server,), (client,) = sides.server.results, sides.client.results
    for result, peer, began_ns in ((server, CLIENT, LATENCY), (client, SERVER, 0)):
        assert (result.outcome, result.remote) == (outcome, peer)
        assert result.result.startswith(text)
        assert "," not in result.result
        assert (result.started_ns, result.ended_ns) == (began_ns, began_ns + BREAKS_AFTER)
        assert result.connection_id == server.connection_id
    assert (sides.sender.counts.bytes_sent, sides.receiver.counts.bytes_received) == (13 * PLAN.frame_size,) * 2
