"""Whole runs of the small stream: both sides with a session each, or a loopback configuration simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from cts.api import IConnectedSocketFactory, ISender, StreamPlan
from cts.config import Config
from cts.engine.connected_socket import DefaultConnectedSocketFactory
from cts.engine.senders import AutoSender
from cts.impairment.link import Impairment
from cts.records.observer import Observer
from cts.records.results import RunReport
from cts.records.stream_results import StreamResult
from cts.records.truth_writer import Transmission
from cts.runs.simulated_run import simulate
from tests.engine.small_stream import PATH, config_of
from tests.engine.virtual_world import World, in_world


@frozen
class Sides:
    """Both sides of a run, each with a session of its own."""

    direction: str
    server: RunReport
    client: RunReport
    transmissions: Sequence[Transmission]

    @property
    def receivers(self) -> tuple[StreamResult, ...]:
        """The streams of the receiving side."""
        return (self.client if self.direction == "pull" else self.server).results

    @property
    def senders(self) -> tuple[StreamResult, ...]:
        """The streams of the sending side."""
        return (self.server if self.direction == "pull" else self.client).results

    @property
    def receiver(self) -> StreamResult:
        """The only stream of the receiving side."""
        (result,) = self.receivers
        return result

    @property
    def sender(self) -> StreamResult:
        """The only stream of the sending side."""
        (result,) = self.senders
        return result

    def sent_at(self, direction: str) -> list[int]:
        """Return the instants at which something was offered to the client's link of that direction."""
        return [each.at_ns for each in self.transmissions if each.way == direction]


def both_sides(
    direction: str,
    *,
    to_client: Impairment = PATH,
    to_server: Impairment = PATH,
    make_sender: Callable[[StreamPlan], ISender] = lambda plan: AutoSender(None, plan),
    factory: IConnectedSocketFactory | None = None,
    **tables: Mapping[str, object],
) -> Sides:
    """Run a server and a client, each as its own session; the server is stopped when the client is done."""

    async def main(world: World) -> Sides:
        roles = ("server", "client")
        run = tables.get("run", {})
        configs = [config_of(direction, **{**tables, "run": {"role": role, "grace": "1h", **run}}) for role in roles]
        sessions = [world.session(each, make_sender=make_sender, factory=factory) for each in configs]
        server = await world.serve(sessions[0])
        client = await sessions[1].run()
        return Sides(direction, await server.stop(), client, world.transmissions)

    return in_world(main, to_client=to_client, to_server=to_server)


def simulated(
    config: Config,
    *,
    to_client: Impairment = PATH,
    to_server: Impairment = PATH,
    seed: int = 1,
    observers: Sequence[Observer] = (),
    make_sender: Callable[..., ISender] = lambda plan: AutoSender(None, plan),
    factory: IConnectedSocketFactory | None = None,
    on_transmission: Callable[[Transmission], None] | None = None,
) -> RunReport:
    """Run a loopback configuration through :func:`cts.runs.simulated_run.simulate`."""
    return simulate(
        config,
        seed=seed,
        to_client=to_client,
        to_server=to_server,
        make_sender=make_sender,
        factory=factory or DefaultConnectedSocketFactory(None),
        observers=observers,
        on_transmission=on_transmission,
    )
