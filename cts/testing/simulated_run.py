"""What a simulation in process comes to, as one value: two are equal if everything in them happened the same."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from attrs import define, field, frozen

from cts.api import Address, RenderedFrame, Role, StreamPlan, StreamResult, headers_of
from cts.errors import DecodeError, PluginFailure, first_of
from cts.impairment.link import Arrival
from cts.output.summary import summary_text
from cts.output.summary_json import summary_json
from cts.protocol.wire import Data, decode_untrusted
from cts.records.observer import Observer
from cts.records.results import RunReport, RunResult
from cts.records.snapshots import StreamInfo
from cts.records.truth_writer import Transmission
from cts.testing.difference import ComparedInOrder

__all__ = ["Notebook", "OfferedDatagram", "SimulatedRun", "SimulatedStream", "own_error"]


@frozen
class OfferedDatagram:
    """A datagram that an end sent, and what the network did to it.

    Attributes:
        time_ns: when it was sent, in the run's clock.
        datagram: its bytes, header included.
        way: ``to_client`` or ``to_server``.
        fate: ``delivered``, or by what it was dropped: ``lost``, ``queue``, ``mtu``, ``outage``.
        arrivals: when it arrived and which bit was flipped on the way, once for each time that it did.
    """

    time_ns: int
    datagram: bytes
    way: str
    fate: str
    arrivals: tuple[Arrival, ...]

    def decode(self) -> Data | None:
        """Return the data datagram that it is; None if it belongs to no frame, but to the handshake."""
        try:
            decoded = decode_untrusted(self.datagram)
        except DecodeError:
            return None
        return decoded if isinstance(decoded, Data) else None

    @property
    def sequence(self) -> int | None:
        """The frame that it belongs to, None if none."""
        data = self.decode()
        return None if data is None else data.sequence


@frozen(kw_only=True, eq=False)
class SimulatedStream(ComparedInOrder):
    """One stream, seen from both its ends and from the network between them. All times are the run's clock, nanoseconds.

    Attributes:
        number: its client's number, from 1, as in the ground truth of ``cts sim``.
        client: the client's address, which no other stream has.
        results: what each end made of it, in the order in which they began. A server has several where its client had to ask
            again, for instance because the sender failed at once.
        frames: each frame that was rendered: its verdict, and what of it came on time.
        offered: every datagram that either end sent.
        errors: exceptions that ended it on either side; a plugin's is the plugin's own, with its traceback.
    """

    number: int
    client: Address
    results: tuple[StreamResult, ...]
    frames: tuple[RenderedFrame, ...] = field(repr=False)
    offered: tuple[OfferedDatagram, ...] = field(repr=False)
    errors: tuple[BaseException, ...] = field(eq=False)

    @property
    def sender(self) -> StreamResult | None:
        """What the sending end made of it; None if it never came to that."""
        return self._first(Role.SENDER)

    @property
    def receiver(self) -> StreamResult | None:
        """What the receiving end made of it; None if it never came to that."""
        return self._first(Role.RECEIVER)

    @property
    def sent(self) -> tuple[OfferedDatagram, ...]:
        """The datagrams of its frames, as its sender sent them."""
        return tuple(each for each in self.offered if each.sequence is not None)

    def _first(self, role: Role) -> StreamResult | None:
        return next((each for each in self.results if each.role is role), None)


@frozen(kw_only=True, eq=False)
class SimulatedRun(ComparedInOrder):
    """A whole simulation.

    Attributes:
        seed: what all chance followed from.
        plan: the streams' arithmetic.
        began_ns: the run's beginning, in its clock.
        elapsed_ns: to the end of the last stream, nanoseconds.
        streams: in the order in which their clients opened them.
        json: what ``cts sim --json`` prints of this run.
        summary: what ``cts sim`` prints of it.
        exit_status: what ``cts sim`` leaves with: 0 if all streams succeeded, else 1.
        failures: what went wrong with the run itself, and with ends that ``json`` has no entry for.
        errors: the exceptions behind ``failures`` and failed streams, the plugin's own.
        logs: if they were asked for, the text of each log: ``status.csv``, ``connection.csv``, ``jitter.csv`` (of several
            streams ``jitter-1.csv`` …), ``errors.txt``, ``events.jsonl``, ``truth.jsonl``.
    """

    seed: int
    plan: StreamPlan
    began_ns: int
    elapsed_ns: int
    streams: tuple[SimulatedStream, ...]
    json: Mapping[str, object] = field(repr=False)
    summary: str = field(repr=False)
    exit_status: int
    failures: tuple[str, ...]
    errors: tuple[BaseException, ...] = field(eq=False)
    logs: Mapping[str, str] = field(repr=False)

    @property
    def stream(self) -> SimulatedStream:
        """The only stream; ValueError if there are others."""
        (only,) = self.streams
        return only


@define(eq=False)
class Notebook(Observer):
    """Takes down what happens in a simulation.

    Args:
        client_role: which part clients play.
    """

    _client_role: Role
    wants_frames = True
    _frames: dict[Address, list[RenderedFrame]] = field(factory=dict, init=False)
    _offered: dict[Address, list[OfferedDatagram]] = field(factory=dict, init=False)
    _results: dict[Address, list[StreamResult]] = field(factory=dict, init=False)
    _errors: list[tuple[Address, BaseException]] = field(factory=list, init=False)

    def frame_rendered(self, stream: StreamInfo, frame: RenderedFrame) -> None:
        """Take it down."""
        self._frames.setdefault(self._client_of(stream), []).append(frame)

    def stream_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Take it down."""
        self._results.setdefault(self._client_of(result), []).append(result)

    def other_end_ended(self, stream: StreamInfo, result: StreamResult) -> None:
        """Take it down, too."""
        self.stream_ended(stream, result)

    def transmitted(self, transmission: Transmission) -> None:
        """Take down what the network did."""
        offered = self._offered.setdefault(transmission.address, [])
        headers = headers_of(transmission.header, transmission.payloads)
        for header, payload, fate in zip(headers, transmission.payloads, transmission.fates, strict=True):
            datagram = bytes(header) + bytes(payload)
            offered.append(
                OfferedDatagram(transmission.at_ns, datagram, transmission.way, fate.kind.value, fate.arrivals)
            )

    def failed(self, stream: StreamInfo, error: BaseException) -> None:
        """Take down what ended a stream."""
        self._errors.append((self._client_of(stream), own_error(error)))

    def conclude(
        self,
        plan: StreamPlan,
        report: RunReport,
        *,
        error: BaseException | None = None,
        logs: Mapping[str, str],
    ) -> SimulatedRun:
        """Return what was taken down.

        Args:
            plan: the streams' arithmetic.
            report: of the run.
            error: what went wrong when the run was over.
            logs: the texts of its logs.
        """
        by_client = self._results
        clients = sorted(by_client.keys() | self._offered.keys(), key=_opening)
        assert report.seed is not None
        return SimulatedRun(
            seed=report.seed,
            plan=plan,
            began_ns=report.began_ns,
            elapsed_ns=report.elapsed_ns,
            streams=tuple(
                SimulatedStream(
                    number=number,
                    client=client,
                    results=tuple(sorted(by_client.get(client, ()), key=_beginning)),
                    frames=tuple(self._frames.get(client, ())),
                    # What both ends send in one instant, they send in the order in which tasks happen to run.
                    offered=tuple(sorted(self._offered.get(client, ()), key=_sending)),
                    errors=tuple(error for whose, error in self._errors if whose == client),
                )
                for number, client in enumerate(clients, 1)
            ),
            json=summary_json(report),
            summary=summary_text(report),
            exit_status=RunResult(report, None).exit_status,
            failures=report.failures,
            errors=(*(each for _, each in self._errors), *([] if error is None else [own_error(error)])),
            logs=logs,
        )

    def _client_of(self, stream: StreamInfo | StreamResult) -> Address:
        return stream.local if stream.role is self._client_role else stream.remote


def own_error(error: BaseException) -> BaseException:
    """Return what a plugin raised where ``error`` says that it did; any other error as it is."""
    return first_of(error.__cause__) if isinstance(error, PluginFailure) and error.__cause__ is not None else error


def _opening(client: Address) -> tuple[int, int]:
    """Simulated clients are given ascending addresses."""
    return int(ipaddress.ip_address(client.host)), client.port


def _sending(offered: OfferedDatagram) -> tuple[int, str]:
    return offered.time_ns, offered.way


def _beginning(result: StreamResult) -> tuple[int, str]:
    return result.started_ns, result.role.value
