"""What parent and workers say to each other: commands of one byte, and messages (:mod:`cts.runs.own_processes`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from attrs import field, frozen

from cts.api import Address, RenderedFrame, StreamResult
from cts.engine.settings import SessionSettings
from cts.metrics.frame_record import MissedRecord
from cts.net.socket_options import NOTHING_SET, SocketOptions
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.runs.key_files import KeySources

__all__ = [
    "STOP",
    "STOP_ACCEPTING",
    "STOP_NOW",
    "Bound",
    "Ended",
    "Failed",
    "Frames",
    "Message",
    "Noted",
    "Opened",
    "Ready",
    "Remarked",
    "Reported",
    "Status",
    "WorkerTask",
]

STOP_ACCEPTING = b"a"
STOP = b"s"
STOP_NOW = b"k"


@frozen(kw_only=True)
class WorkerTask:
    """What a worker is to run.

    Attributes:
        settings: the worker's own side and share of the connections.
        sender: the configuration's ``[sender]``: strategy and options.
        source: where the configuration came from, for messages.
        offload: whether to use what the kernel can do for whole batches.
        sockets: what each socket is set to.
        began_ns: when the run began, on the machine's monotonic clock.
        listen, targets: resolved addresses.
        wants_frames: whether the parent wants to hear of every frame.
        wants_delays: whether it wants to hear how frames' delays vary.
        redraws: whether it wants to hear how things stand every second.
        cpu: the only processor to run on; None for any.
        keys: where the worker finds its side's keys, which no message has.
    """

    settings: SessionSettings
    sender: Mapping[str, object] = field(factory=dict)
    source: str
    offload: bool
    sockets: SocketOptions = NOTHING_SET
    began_ns: int
    listen: tuple[Address, ...]
    targets: tuple[tuple[Address, ...], ...]
    wants_frames: bool = False
    wants_delays: bool = False
    redraws: bool = False
    cpu: int | None = None
    keys: KeySources = field(factory=KeySources)


@frozen
class Ready:
    """The worker has started and waits for its task."""


@frozen
class Bound:
    """The worker listens (on these addresses) and has begun."""

    addresses: tuple[Address, ...]


@frozen
class Opened:
    """A stream began."""

    info: StreamInfo


@frozen
class Frames:
    """Frames of one stream were rendered, in this order."""

    number: int
    frames: tuple[RenderedFrame, ...]


@frozen
class Missed:
    """Data of a stream came after its frame had been rendered."""

    number: int
    record: MissedRecord


@frozen
class Remarked:
    """A person should hear this of a stream that runs."""

    number: int
    text: str


@frozen
class Ended:
    """A stream ended."""

    number: int
    result: StreamResult


@frozen
class Status:
    """A status interval ended; or a second of it, where ``whole`` is false."""

    snapshot: RunSnapshot
    whole: bool


@frozen
class Reported:
    """The worker's session is over; its streams have been told of, and are not in the report."""

    report: RunReport


@frozen
class Failed:
    """The worker could not run, through the user's mistake."""

    text: str


@frozen
class Noted:
    """Something that a person should hear."""

    text: str


Message = Union[WorkerTask, Ready, Bound, Opened, Frames, Missed, Remarked, Ended, Status, Reported, Failed, Noted]  # noqa: UP007
