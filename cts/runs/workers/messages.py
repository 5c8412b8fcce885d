"""What parent and workers say to each other: commands of one byte, and messages, JSON lines with a version."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any, Union

from attrs import field, frozen
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from cts.api import Address, Histogram, RenderedFrame, StreamResult
from cts.engine.settings import SessionSettings
from cts.errors import UserError
from cts.metrics.confidence import BlockSums
from cts.metrics.distribution import Distribution, Lengths
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.recent_delays import DelayCounts
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.metrics.viewing import Longest
from cts.net.socket_options import NOTHING_SET, SocketOptions
from cts.records.results import RunReport
from cts.records.snapshots import RunSnapshot, StreamInfo
from cts.runs.key_files import KeySources
from cts.units import FrameRate

__all__ = [
    "STOP",
    "STOP_ACCEPTING",
    "STOP_NOW",
    "Bound",
    "Ended",
    "Failed",
    "Frames",
    "Message",
    "MessageReader",
    "Noted",
    "Opened",
    "Ready",
    "Remarked",
    "Reported",
    "Status",
    "TomlTable",
    "WorkerTask",
    "packed",
]

VERSION = 21
"""Rises when a message changes its meaning; parent and workers are the same program, but it may be upgraded in between."""

STOP_ACCEPTING = b"a"
STOP = b"s"
STOP_NOW = b"k"


@frozen
class TomlTable:
    """A table of the configuration that only a plugin can structure.

    Attributes:
        values: what TOML can say: also dates and times, which JSON has no form for.
    """

    values: dict[str, object] = field(factory=dict)


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
    sender: TomlTable = TomlTable()
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

_TABLE = "table"
_TIMES: dict[str, type[dt.date | dt.time]] = {kind.__name__: kind for kind in (dt.datetime, dt.date, dt.time)}
"""In a TomlTable every object is tagged, so that no key of a user is mistaken for a tag."""


def _tagged(value: object) -> object:
    if isinstance(value, dict):
        return {_TABLE: {key: _tagged(each) for key, each in value.items()}}
    if isinstance(value, list):
        return [_tagged(each) for each in value]
    return {type(value).__name__: value.isoformat()} if isinstance(value, dt.date | dt.time) else value


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        ((tag, content),) = value.items()
        if tag == _TABLE:
            return {key: _untagged(each) for key, each in content.items()}
        return _TIMES[tag].fromisoformat(content)
    return [_untagged(each) for each in value] if isinstance(value, list) else value


def _with_ranges(values: Sequence[Any], at: int) -> Iterator[Any]:
    """Yield a record's values: positions are pairs, and the extents at its end a tuple."""
    *values, extents = values
    for place, value in enumerate(values):
        yield tuple((first, last) for first, last in value) if place == at and value is not None else value
    yield tuple(extents)


_CONVERTER = make_converter()
_CONVERTER.register_unstructure_hook(FrameRate, lambda rate: rate.plain)
_CONVERTER.register_structure_hook(FrameRate, lambda value, _: FrameRate(value))
_CONVERTER.register_unstructure_hook(TomlTable, lambda table: _tagged(table.values))
_CONVERTER.register_structure_hook(TomlTable, lambda value, _: TomlTable(_untagged(value)))
_CONVERTER.register_structure_hook(Address, lambda value, _: Address(*value))
_CONVERTER.register_structure_hook(
    UnsentFrames, lambda value, _: UnsentFrames({cause: Unsent(*each) for cause, each in value.items()})
)
_CONVERTER.register_unstructure_hook(
    Histogram, lambda histogram: {"buckets": list(histogram.buckets().items()), "greatest": histogram.greatest}
)
_CONVERTER.register_structure_hook(
    Histogram, lambda value, _: Histogram.of_buckets(dict(value["buckets"]), value["greatest"])
)
for _kind in (Distribution, Lengths):
    _CONVERTER.register_unstructure_hook(
        _kind, lambda spread: [list(spread.buckets().items()), spread.least, spread.greatest]
    )
    _CONVERTER.register_structure_hook(_kind, lambda value, kind: kind.of_buckets(dict(value[0]), *value[1:]))
_CONVERTER.register_unstructure_hook(BlockSums, BlockSums.parts)
_CONVERTER.register_structure_hook(BlockSums, lambda value, _: BlockSums.of_parts(*value))
_CONVERTER.register_structure_hook(DelayCounts, lambda value, _: DelayCounts(value))
_CONVERTER.register_structure_hook(Longest, lambda value, _: Longest(value))
_CONVERTER.register_unstructure_hook(FrameRecord, list)
_CONVERTER.register_structure_hook(FrameRecord, lambda value, _: FrameRecord(*_with_ranges(value, 6)))
_CONVERTER.register_unstructure_hook(MissedRecord, list)
_CONVERTER.register_structure_hook(MissedRecord, lambda value, _: MissedRecord(*_with_ranges(value, 6)))
configure_tagged_union(Message, _CONVERTER, tag_name="message")


def packed(message: Message) -> bytes:
    """Return a message as it goes through the pipe."""
    value = _CONVERTER.unstructure(message, unstructure_as=Message)
    return json.dumps({"version": VERSION, **value}, separators=(",", ":")).encode() + b"\n"


class MessageReader:
    """Takes bytes from a pipe in any portions and gives whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def rest(self) -> bytes:
        """Return what came behind the last whole message."""
        return bytes(self._buffer)

    def feed(self, data: bytes | bytearray) -> Iterator[Message]:
        """Yield the messages that are complete now.

        Raises:
            UserError: a message is of another version.
        """
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            value = json.loads(line)
            if value.pop("version", None) != VERSION:
                raise UserError("parent and workers are not of one version: was cts upgraded while it ran?")
            message: Message = _CONVERTER.structure(value, Message)  # type: ignore[arg-type]
            yield message
