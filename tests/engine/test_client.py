"""A client's population: so many streams at once, so many in all, targets in turn; what a network that refuses makes of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from cts.api import (
    Address,
    DatagramHandler,
    EndpointStatistics,
    IDatagramEndpoint,
    ISender,
    Outcome,
    Role,
    StreamPlan,
    StreamResult,
)
from cts.engine.broker import reachable
from cts.engine.contracts import INetwork
from cts.errors import PluginFailure
from cts.records.results import RunReport
from cts.records.stream_results import UNKNOWN_CONNECTION_ID
from tests.engine.simulated_runs import simulated
from tests.engine.small_stream import END, FIRST_RENDER, LATENCY, MS, PLAN, RETRY, SECOND, SERVER, config_of
from tests.engine.virtual_world import Recorder, World, in_world

UNREACHABLE = OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
UNREACHABLE_TEXT = f"{errno.ENETUNREACH}: {os.strerror(errno.ENETUNREACH)}"
RETRY_AFTER = 500 * MS


class RefusingEndpoint(IDatagramEndpoint):
    """Takes nothing from the ``refused_from``-th datagram on; passes everything else on."""

    def __init__(self, inner: IDatagramEndpoint, refused_from: int) -> None:
        self._inner = inner
        self._refused_from = refused_from
        self._sent = 0
        self.closed = 0

    @property
    def local(self) -> Address:
        return self._inner.local

    async def send(self, remote: Address, header: bytes | bytearray, payload: bytes | memoryview = b"") -> int:
        self._sent += 1
        if self._sent >= self._refused_from:
            raise UNREACHABLE
        return await self._inner.send(remote, header, payload)

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        self._sent += 1
        return self._sent < self._refused_from and self._inner.try_send(remote, datagram)

    def receive_into(self, handler: DatagramHandler) -> None:
        self._inner.receive_into(handler)

    def drain(self) -> None:
        self._inner.drain()

    def statistics(self) -> EndpointStatistics:
        return self._inner.statistics()

    def close(self) -> None:
        self.closed += 1
        self._inner.close()


class RefusingNetwork(INetwork):
    """Refuses connections while ``refuses`` says so of their number (from 1), and datagrams from ``refused_from`` on."""

    def __init__(
        self, inner: INetwork, refuses: Callable[[int], bool] = lambda number: True, *, refused_from: int = 1_000_000
    ) -> None:
        self._inner = inner
        self._refuses = refuses
        self._refused_from = refused_from
        self.asked = 0
        self.endpoints: list[RefusingEndpoint] = []

    async def listen(self, local: Address) -> IDatagramEndpoint:
        return await self._inner.listen(local)

    async def connect(self, remote: Address) -> IDatagramEndpoint:
        self.asked += 1
        if self._refuses(self.asked):
            raise UNREACHABLE
        self.endpoints.append(RefusingEndpoint(await self._inner.connect(remote), self._refused_from))
        return self.endpoints[-1]

    def statistics(self) -> EndpointStatistics:
        return self._inner.statistics()


def alone(
    client: dict[str, object],
    *,
    refuses: Callable[[int], bool] = lambda number: True,
    refused_from: int = 1_000_000,
    time_limit: str = "1h",
    targets: tuple[Address, ...] = (SERVER,),
) -> tuple[RunReport, RefusingNetwork]:
    """Run a client without any server on a network that refuses."""

    async def main(world: World) -> tuple[RunReport, RefusingNetwork]:
        network = RefusingNetwork(world.network, refuses, refused_from=refused_from)
        config = config_of(run={"role": "client", "time_limit": time_limit}, client=client)
        return await world.session(config, network=network, targets=targets).run(), network

    return in_world(main)


def times(report: RunReport) -> list[int]:
    return sorted(result.started_ns for result in report.results)


# Population


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_connections_times_iterations_streams_run_and_never_more_than_connections_at_once(direction: str) -> None:
    async def main(world: World) -> RunReport:
        await world.serve(world.session(config_of(direction, run={"role": "server"})))
        config = config_of(direction, run={"role": "client"}, client={"connections": 3, "iterations": 2})
        return await world.session(config).run()

    report = in_world(main)
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 6}
    one_ns = END + 1 if direction == "pull" else 2 * LATENCY + 2 * SECOND
    assert times(report) == [0, 0, 0, one_ns, one_ns, one_ns]
    assert report.snapshot.elapsed_ns == 2 * one_ns


def test_a_stream_is_replaced_as_soon_as_it_has_ended_whatever_the_others_do() -> None:
    # The second target does not answer, so its stream gives up at its first render; the third takes its place.
    nowhere = Address("192.0.2.2", 4444)

    async def main(world: World) -> RunReport:
        await world.serve(world.session(config_of(run={"role": "server"})))
        config = config_of(run={"role": "client"}, client={"connections": 2, "iterations": 2})
        return await world.session(config, targets=[SERVER, nowhere, SERVER, SERVER]).run()

    report = in_world(main)
    assert times(report) == [0, 0, FIRST_RENDER + 1, END + 1]
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 3, Outcome.PROTOCOL_ERROR: 1}


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_server_s_next_address_is_tried_when_one_says_nothing_and_stays_the_one(direction: str) -> None:
    target = (Address("192.0.2.2", 4444), SERVER, Address("192.0.2.3", 4444))

    async def main(world: World) -> tuple[Recorder, RunReport]:
        await world.serve(world.session(config_of(direction, run={"role": "server"})))
        config = config_of(direction, run={"role": "client"}, client={"iterations": 2})
        recorder = Recorder()
        return recorder, await world.session(config, targets=[target], observer=recorder).run()

    recorder, report = in_world(main)
    assert times(report)[0] == FIRST_RENDER + 1
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 2}
    assert report.answered == (SERVER,)
    assert [(info.number, info.remote) for info in recorder.opened] == [(1, SERVER), (2, SERVER)]


def test_silence_lasts_until_start_has_been_repeated_twice() -> None:
    target = (Address("192.0.2.2", 4444), SERVER)
    stream = {"buffer_depth": "2s", "stream_length": "3s"}

    async def main(world: World) -> RunReport:
        await world.serve(world.session(config_of(run={"role": "server"}, stream=stream)))
        config = config_of(run={"role": "client"}, stream=stream)
        return await world.session(config, targets=[target]).run()

    (tried_ns,) = times(in_world(main))
    assert 0 <= tried_ns - 2 * (RETRY - 1) <= 40 * MS


def test_when_none_of_a_server_s_addresses_answers_the_last_one_s_stream_fails() -> None:
    target = (Address("192.0.2.2", 4444), Address("192.0.2.3", 4444))

    async def main(world: World) -> RunReport:
        return await world.session(config_of(run={"role": "client"}), targets=[target]).run()

    report = in_world(main)
    assert [(result.remote, result.result) for result in report.results] == [(target[1], "ErrorNotAllDataTransferred")]
    assert report.answered == ()


def test_targets_are_taken_in_turn() -> None:
    targets = [Address(f"192.0.2.{number}", 4444) for number in (1, 2, 3)]

    async def main(world: World) -> list[int]:
        servers = [await world.listen(target) for target in targets]
        config = config_of(run={"role": "client"}, client={"connections": 2, "iterations": 4})
        await world.session(config, targets=targets).run()
        return [len(server.starts()) for server in servers]

    # 8 streams, each with a START and its repetition: numbers 1, 4, 7 and 2, 5, 8 and 3, 6.
    assert in_world(main) == [6, 6, 4]


def test_the_first_streams_begin_evenly_spread_and_those_after_them_as_soon_as_there_is_room() -> None:
    client = {"connections": 4, "iterations": 2, "start_spread": "400ms"}
    first = [0, 100 * MS, 200 * MS, 300 * MS]
    assert times(simulated(config_of(client=client))) == first + [begun + END + 1 for begun in first]


def test_a_run_that_began_before_its_client_spreads_the_streams_from_when_the_client_begins() -> None:
    async def main(world: World) -> list[int]:
        await world.serve(world.session(config_of(run={"role": "server"})))
        await world.until(SECOND)
        config = config_of(run={"role": "client"}, client={"connections": 2, "start_spread": "400ms"})
        return times(await world.session(config).run())

    assert in_world(main) == [SECOND, SECOND + 200 * MS]


@pytest.mark.parametrize(
    ("bound", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1")],
)
def test_a_server_bound_to_any_address_is_reached_on_loopback(bound: str, reached: str) -> None:
    assert reachable(Address(bound, 4444)) == Address(reached, 4444)


def test_an_endless_client_goes_on_until_the_time_limit() -> None:
    report = simulated(config_of(run={"time_limit": "10s"}, client={"connections": 2, "iterations": 0}))
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 6, Outcome.CANCELLED: 2}
    assert report.elapsed_ns == 10 * SECOND


def test_results_beyond_what_is_kept_are_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cts.engine.stream_ends.RESULTS_KEPT", 3)
    report = simulated(config_of(client={"connections": 2, "iterations": 4}))
    assert (len(report.results), report.streams_omitted) == (3, 5)
    assert report.snapshot.outcomes == {Outcome.SUCCESSFUL: 8}
    assert report.snapshot.counts.frames.completed == 8 * PLAN.final_frame


# Network errors


def assert_network_error(result: StreamResult) -> None:
    assert result.outcome is Outcome.NETWORK_ERROR
    assert result.result == UNREACHABLE_TEXT
    assert result.connection_id == UNKNOWN_CONNECTION_ID


def test_a_connection_that_is_refused_is_a_result_and_takes_its_turn_in_the_iterations() -> None:
    report, network = alone({"connections": 2, "iterations": 3})
    assert network.asked == 6
    assert times(report) == [0, 0, RETRY_AFTER, RETRY_AFTER, 2 * RETRY_AFTER, 2 * RETRY_AFTER]
    assert report.snapshot.outcomes == {Outcome.NETWORK_ERROR: 6}
    for result in report.results:
        assert_network_error(result)
        assert (result.local, result.remote, result.role) == (Address("0.0.0.0", 0), SERVER, Role.RECEIVER)


def test_a_refused_connection_over_ipv6_says_so_in_its_local_address() -> None:
    report, _ = alone({}, targets=(Address("2001:db8::1", 4444),))
    assert [str(result.local) for result in report.results] == ["[::]:0"]


def test_a_client_without_end_does_not_spin_on_a_network_that_refuses() -> None:
    report, network = alone({"connections": 2, "iterations": 0}, time_limit="9.9s")
    assert network.asked == 2 * 20
    assert report.snapshot.elapsed_ns == 9_900 * MS
    assert report.elapsed_ns == max(times(report))


def test_a_client_without_end_does_not_spin_on_a_socket_that_refuses_every_datagram() -> None:
    report, network = alone(
        {"connections": 2, "iterations": 0}, refuses=lambda number: False, refused_from=1, time_limit="9.9s"
    )
    # Each asks until its first render time would have come, and its place stays empty for 500 ms.
    assert network.asked == 2 * 7
    assert report.snapshot.outcomes == {Outcome.NETWORK_ERROR: 12, Outcome.CANCELLED: 2}
    assert [endpoint.closed for endpoint in network.endpoints] == [1] * 14
    for result in report.results[:12]:
        assert_network_error(result)
        assert result.local.host.startswith("10.")


def test_a_refused_connection_waits_before_it_is_tried_again_and_then_streams() -> None:
    async def main(world: World) -> RunReport:
        await world.serve(world.session(config_of(run={"role": "server"})))
        network = RefusingNetwork(world.network, lambda number: number <= 2)
        return await world.session(config_of(run={"role": "client"}, client={"iterations": 3}), network=network).run()

    report = in_world(main)
    assert [result.outcome for result in report.results] == [Outcome.NETWORK_ERROR] * 2 + [Outcome.SUCCESSFUL]
    assert report.results[2].started_ns == 2 * RETRY_AFTER


def test_a_socket_that_is_gone_in_mid_stream_ends_that_stream_and_its_text_has_no_comma(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{__name__}.UNREACHABLE", OSError(errno.EBADF, "line cut, twice, sorry"))

    async def main(world: World) -> RunReport:
        server = await world.serve(world.session(config_of("push", run={"role": "server", "grace": "1h"})))
        network = RefusingNetwork(world.network, lambda number: False, refused_from=1 + 3 * 4 + 2)
        config = config_of("push", run={"role": "client"})
        report = await world.session(config, network=network).run()
        await server.stop()
        return report

    (result,) = in_world(main).results
    assert result.outcome is Outcome.NETWORK_ERROR
    assert result.result == f"{errno.EBADF}: line cut  twice  sorry"
    assert result.ended_ns == 2 * LATENCY + PLAN.send_offset_ns(5)
    assert result.counts.bytes_sent == 4 * PLAN.frame_size


def test_an_endless_client_that_is_refused_stops_when_it_is_told_to() -> None:
    async def main(world: World) -> int:
        config = config_of(run={"role": "client"}, client={"iterations": 0})
        client = await world.serve(world.session(config, network=RefusingNetwork(world.network)))
        await world.until(700 * MS)
        report = await client.stop()
        assert report.snapshot.outcomes == {Outcome.NETWORK_ERROR: 2}
        return world.pacer.now_ns()

    assert in_world(main) <= 2 * RETRY_AFTER


# Plugins that fail


def test_a_client_without_end_does_not_spin_on_a_plugin_that_cannot_make_its_part() -> None:
    def make_sender(plan: StreamPlan) -> ISender:
        raise PluginFailure("sender 'broken': no, never")

    async def main(world: World) -> tuple[RunReport, RefusingNetwork]:
        network = RefusingNetwork(world.network, lambda number: False)
        config = config_of(run={"role": "client", "time_limit": "9.9s"}, client={"connections": 2, "iterations": 0})
        return await world.session(config, network=network, make_sender=make_sender).run(), network

    report, network = in_world(main)
    assert network.asked == 2 * 20
    assert [endpoint.closed for endpoint in network.endpoints] == [1] * 40
    assert report.snapshot.outcomes == {Outcome.PROTOCOL_ERROR: 40}
    assert {result.result for result in report.results} == {"ErrorPlugin: sender 'broken': no never"}
    assert times(report) == [turn * RETRY_AFTER for turn in range(20) for _ in range(2)]
