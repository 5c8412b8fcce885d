"""Contracts of cts, and the value types that they speak in: all that a plugin may import (with ``cts.testing``).

A *sender* decides when and how a frame's datagrams leave; a *connected-socket factory* makes the object that runs one
stream. Both are found through entry points, carry ``api = 1``, and may declare ``options``, an attrs class that their options
are structured into. Times are integer nanoseconds of the run's clock, which is :meth:`IPacer.now_ns`.
"""

from __future__ import annotations

from cts.api.forwarding import ForwardingEndpoint
from cts.api.network import DatagramHandler, IDatagramEndpoint, IPacer, Message, Turn, UnreachableHandler
from cts.api.streams import (
    BackgroundTask,
    IConnectedSocket,
    IConnectedSocketFactory,
    IPeerDatagrams,
    ISender,
    StreamRequest,
)
from cts.metrics.counters import FrameTotals
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.histogram import Histogram, Percentiles
from cts.protocol.frames import RenderedFrame, Verdict, VerdictRule
from cts.protocol.outgoing import Frame
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Role
from cts.protocol.stamps import Header, headers_of
from cts.protocol.task import DatagramBatch, Verify
from cts.protocol.trains import Train
from cts.protocol.wire import HEADER_SIZE
from cts.records.peer_end import PeerEnd
from cts.records.snapshots import Address, EndpointStatistics, Outcome, StreamSnapshot
from cts.records.stream_results import SUCCEEDED, StreamResult

__all__ = [
    "API_VERSION",
    "HEADER_SIZE",
    "SUCCEEDED",
    "Address",
    "BackgroundTask",
    "DatagramBatch",
    "DatagramHandler",
    "EndpointStatistics",
    "ForwardingEndpoint",
    "Frame",
    "FrameRecord",
    "FrameTotals",
    "Header",
    "Histogram",
    "IConnectedSocket",
    "IConnectedSocketFactory",
    "IDatagramEndpoint",
    "IPacer",
    "IPeerDatagrams",
    "ISender",
    "Message",
    "MissedRecord",
    "Outcome",
    "PeerEnd",
    "Percentiles",
    "RenderedFrame",
    "Role",
    "StreamPlan",
    "StreamRequest",
    "StreamResult",
    "StreamSnapshot",
    "Train",
    "Turn",
    "UnreachableHandler",
    "Verdict",
    "VerdictRule",
    "Verify",
    "headers_of",
]

API_VERSION = 1
"""What a plugin class says it was written for, in its attribute ``api``."""
