"""Both sides of a stream, each with its handshake."""

from __future__ import annotations

from cts.protocol.frames import FrameObserver
from cts.protocol.handshake import handshake_of
from cts.protocol.plan import StreamPlan
from cts.protocol.receiver import MediaStreamReceiver
from cts.protocol.roles import Role
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import Verify


def receiver_of(
    plan: StreamPlan,
    *,
    base_ns: int,
    connection_id: str | None,
    verify: Verify = Verify.DATA,
    on_frame: FrameObserver | None = None,
) -> MediaStreamReceiver:
    handshake = handshake_of(plan, base_ns, role=Role.RECEIVER, connection_id=connection_id)
    return MediaStreamReceiver(plan, handshake, verify=verify, on_frame=on_frame)


def sender_of(plan: StreamPlan, *, base_ns: int, connection_id: str | None) -> MediaStreamSender:
    return MediaStreamSender(plan, handshake_of(plan, base_ns, role=Role.SENDER, connection_id=connection_id))
