"""Keeps a stranger's exceptions apart from ours: a plugin's fails its stream and is named, a bug of cts ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import TypeVar

import trio

from cts.api import (
    Address,
    BackgroundTask,
    DatagramBatch,
    Frame,
    Histogram,
    IConnectedSocket,
    IConnectedSocketFactory,
    IDatagramEndpoint,
    IPacer,
    ISender,
    PeerEnd,
    Role,
    StreamPlan,
    StreamRequest,
    StreamResult,
    StreamSnapshot,
    Train,
)
from cts.errors import PluginFailure, first_of
from cts.plugin.guarded_endpoint import Ending, GuardedEndpoint
from cts.protocol.trains import fault_of_trains

__all__ = ["GuardedConnectedSocket", "GuardedFactory", "GuardedSender", "close_factory"]

_Value = TypeVar("_Value")


def _blamed(label: str, error: Exception | SystemExit, *, for_network: bool) -> OSError | PluginFailure:
    cause = first_of(error)
    if isinstance(cause, PluginFailure) or (isinstance(cause, OSError) and not for_network):
        return cause
    return PluginFailure(f"{label} raised {type(cause).__name__}: {cause}")


@contextmanager
def _blaming(label: str, *, for_network: bool = False) -> Iterator[None]:
    """Turn what is raised inside into the plugin's failure, and with ``for_network`` also an ``OSError``."""
    try:
        yield
    except BaseExceptionGroup as group:
        # A stream that is being cancelled is cancelled, whatever its plugin thinks of it.
        cancelled, _ = group.split(trio.Cancelled)
        if cancelled is not None:
            raise cancelled from None
        if not isinstance(group, ExceptionGroup):
            raise
        raise _blamed(label, group, for_network=for_network) from group
    except (Exception, SystemExit) as error:
        # A library's sys.exit() is no reason to lose what was measured.
        raise _blamed(label, error, for_network=for_network) from error


def _checked(name: str, value: _Value, *kinds: type) -> _Value:
    """Return what a plugin gave if it is of one of these kinds, of which None may be one."""
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is {value!r}, where {' or '.join(kind.__name__ for kind in kinds)} belongs")
    return value


class GuardedSender(ISender):
    """Runs a plugin's sender; an ``OSError`` passes through, since that is the network's.

    Args:
        options, plan: what the plugin's sender is made from.
        cls: the plugin's sender class, or what else makes its sender.
        label: names the plugin in messages.
    """

    def __init__(
        self, options: object, plan: StreamPlan, *, cls: Callable[[object, StreamPlan], ISender], label: str
    ) -> None:
        self._label = label
        self._plan = plan
        self._offered: tuple[int, Sequence[Train]] | None = None
        with _blaming(label):
            self._sender = cls(options, plan)

    def use_random(self, random: Random) -> None:
        """Hand it to the plugin.

        Raises:
            PluginFailure: the plugin raised.
        """
        with _blaming(self._label, for_network=True):
            self._sender.use_random(random)

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        """Send through the plugin.

        Raises:
            PluginFailure: the plugin raised, or did not return a number.
        """
        with _blaming(self._label):
            sent = await self._sender.send_frame(frame, endpoint, peer, pacer)
            if type(sent) is not int:
                raise TypeError(f"send_frame returned {sent!r}, not the number of bytes sent")
        return sent

    def trains(self, segment_limit: int) -> Sequence[Train] | None:
        """Return what the plugin offers.

        Raises:
            PluginFailure: the plugin raised, or its trains are not a frame's datagrams.
        """
        with _blaming(self._label):
            trains = self._sender.trains(segment_limit)
            known = self._offered
            if trains is not None and (known is None or known[0] != segment_limit or known[1] is not trains):
                if fault := fault_of_trains(trains, self._plan.datagram_sizes, segment_limit):
                    raise ValueError(f"trains({segment_limit}): {fault}")
                self._offered = segment_limit, trains
        return trains

    def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask | None:
        """Return the plugin's task, which raises PluginFailure if the plugin raises, an ``OSError`` as well."""
        with _blaming(self._label):
            task = self._sender.background(endpoint, peer, pacer)

        async def guarded(task: BackgroundTask) -> None:
            # Nobody waits for it, so that an error of the network which it lets through is its own.
            with _blaming(self._label, for_network=True):
                await task()

        return None if task is None else partial(guarded, task)


class GuardedConnectedSocket(IConnectedSocket):
    """Runs a plugin's connected socket; what it raises where nobody expects it ends its stream, and no other.

    Args:
        socket: the plugin's.
        label: names the plugin in messages.
        ending: of its stream.
    """

    def __init__(self, socket: IConnectedSocket, label: str, ending: Ending) -> None:
        self._socket = socket
        self._label = label
        self._ending = ending
        self._observed = StreamSnapshot()
        self._name: str | None = None
        self._lateness: Histogram | None = None
        self._begins_another = False
        self._measured_ns: int | None = None
        self._ended: StreamResult | None = None
        self._peer_end: PeerEnd | None = None
        with _blaming(label):
            self._remote, self._role = socket.remote, socket.role

    @property
    def remote(self) -> Address:
        """The peer."""
        return self._remote

    @property
    def role(self) -> Role:
        """Which part this side plays."""
        return self._role

    @property
    def connection_id(self) -> str | None:
        """The stream's name, once known."""
        with self._ending.noting():
            self._name = _checked("connection_id", self._socket.connection_id, str, type(None))
        return self._name

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> StreamResult:
        """Run the plugin's socket.

        Raises:
            PluginFailure: the plugin raised, here or elsewhere.
        """
        result: StreamResult | None = None
        with self._ending.running, _blaming(self._label):
            result = await self._socket.run(task_status=task_status)
            if not isinstance(result, StreamResult):
                raise TypeError(f"run returned {result!r}, not a StreamResult")
        # Once the stream is over nobody is left to hear that one of these fails.
        _ = self.connection_id, self.measured_ns, self.send_lateness
        if self._ending.failure is not None:
            raise self._ending.failure
        assert result is not None
        return result

    def on_data_received(self, batch: DatagramBatch) -> None:
        """Hand it to the plugin's socket."""
        with self._ending.noting():
            self._socket.on_data_received(batch)

    @property
    def send_lateness(self) -> Histogram | None:
        """What the plugin's socket has recorded."""
        with self._ending.noting():
            self._lateness = _checked("send_lateness", self._socket.send_lateness, Histogram, type(None))
        return self._lateness

    def begins_another(self, received_ns: int) -> bool:
        """Ask the plugin's socket; one that fails begins nothing."""
        self._begins_another = False
        with self._ending.noting():
            self._begins_another = _checked("begins_another", self._socket.begins_another(received_ns), bool)
        return self._begins_another

    @property
    def ended(self) -> StreamResult | None:
        """What the plugin's socket says became of the stream; None if it fails now."""
        self._ended = None
        with self._ending.noting():
            self._ended = _checked("ended", self._socket.ended, StreamResult, type(None))
        return self._ended

    @property
    def peer_end(self) -> PeerEnd | None:
        """What the plugin's socket says that the other end told; None if it fails now."""
        self._peer_end = None
        with self._ending.noting():
            self._peer_end = _checked("peer_end", self._socket.peer_end, PeerEnd, type(None))
        return self._peer_end

    @property
    def measured_ns(self) -> int | None:
        """What the plugin's socket has measured."""
        with self._ending.noting():
            self._measured_ns = _checked("measured_ns", self._socket.measured_ns, int, type(None))
        return self._measured_ns

    def on_start_repeated(self, received_ns: int) -> None:
        """Tell the plugin's socket."""
        with self._ending.noting():
            self._socket.on_start_repeated(received_ns)

    def on_unreachable(self, times: int) -> None:
        """Tell the plugin's socket."""
        with self._ending.noting():
            self._socket.on_unreachable(times)

    def observe(self, now_ns: int) -> StreamSnapshot:
        """Return what the plugin's socket has counted, or what it last had if it fails now."""
        with self._ending.noting():
            self._observed = _checked("observe", self._socket.observe(now_ns), StreamSnapshot)
        return self._observed

    def counts(self, now_ns: int) -> StreamSnapshot:
        """Return the same, as it stands."""
        with self._ending.noting():
            self._observed = _checked("counts", self._socket.counts(now_ns), StreamSnapshot)
        return self._observed


class GuardedFactory(IConnectedSocketFactory):
    """Makes connected sockets through a plugin's factory.

    Args:
        factory: the plugin's.
        label: names the plugin in messages.
    """

    def __init__(self, factory: IConnectedSocketFactory, label: str) -> None:
        self._factory = factory
        self._label = label

    def make(self, request: StreamRequest, default: Callable[[StreamRequest], IConnectedSocket]) -> IConnectedSocket:
        """Make one through the plugin.

        Raises:
            PluginFailure: the plugin raised, an ``OSError`` as well, or returned something else.
        """
        ending = Ending(partial(_blaming, self._label, for_network=True))
        if request.active:
            request.endpoint = GuardedEndpoint(request.endpoint, ending)
        with _blaming(self._label, for_network=True):
            made = self._factory.make(request, default)
            if not isinstance(made, IConnectedSocket):
                raise TypeError(f"make returned {made!r}, not an IConnectedSocket")
            guarded = GuardedConnectedSocket(made, self._label, ending)
            if (guarded.remote, guarded.role) != (request.peer, request.role):
                raise ValueError(
                    f"make returned a socket for {guarded.remote}, {guarded.role.name.lower()},"
                    f" where {request.peer}, {request.role.name.lower()} was asked for"
                )
        return guarded

    def close(self) -> None:
        """Close the plugin's factory.

        Raises:
            PluginFailure: the plugin raised, an ``OSError`` as well.
        """
        with _blaming(self._label, for_network=True):
            self._factory.close()


def close_factory(factory: IConnectedSocketFactory) -> tuple[str, ...]:
    """Close a factory when its run is over; return what went wrong, which must not cost what was measured."""
    try:
        factory.close()
    except PluginFailure as failure:
        return (str(failure),)
    return ()
