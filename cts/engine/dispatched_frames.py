"""The frames of one stream that the dispatcher sends: what the stream's own task does for a frame, without any waiting."""

from __future__ import annotations

from collections.abc import Sequence

from cts.api import Frame, Histogram, Message, StreamRequest
from cts.engine.frame_dispatcher import FrameDispatcher, FrameSource
from cts.engine.senders import send_trains, stamped
from cts.protocol.sender import MediaStreamSender
from cts.protocol.task import IOTask
from cts.protocol.trains import TRAINS_PER_STAMP, Train, train_size

__all__ = ["DispatchedFrames"]


class DispatchedFrames(FrameSource):
    """Sends a stream's frames for as long as the endpoint takes them whole.

    Args:
        request: the stream; its sender may offer trains for others to hand over.
        pattern: its sending side.
        lateness: where to record how late each frame was handed over.
        dispatcher: asks for the frames when they are due.
    """

    def __init__(
        self, request: StreamRequest, pattern: MediaStreamSender, lateness: Histogram, dispatcher: FrameDispatcher
    ) -> None:
        self._sender = request.sender
        self.endpoint = request.endpoint
        self._peer = request.peer
        # One for all, since nobody keeps it.
        self._frame = Frame(request.plan, 0, 0)
        self._trains: Sequence[Train] = ()
        self.messages: Sequence[Message] = ()
        self.size = 0
        self._pacer = request.pacer
        self._pattern = pattern
        self._lateness = lateness
        self._dispatcher = dispatcher
        self._due_ns = 0
        # How many trains went of a frame that did not go whole.
        self._gone: int | None = None

    def possible(self) -> bool:
        """Tell whether a frame can go at once. A large one takes its time, and others need theirs."""
        limit = self.endpoint.segment_limit_to(self._peer)
        self._trains = (self._sender.trains(limit) if limit > 1 else None) or ()
        return 0 < len(self._trains) <= TRAINS_PER_STAMP

    async def send(self, task: IOTask) -> None:
        """Send this frame, which is :meth:`possible`, and those after it.

        Returns when the endpoint does not take one at once (which is then sent from here) or the pattern wants something else.

        Raises:
            OSError: the network refused a datagram for good.
        """
        self._due_ns = task.due_ns
        self.size = task.size
        # Stamped when they leave; until then they say how many there are.
        self.messages = [(self._peer, b"", train) for train in self._trains]
        await self._dispatcher.send_frames(self, task.due_ns)
        if self._gone is not None:
            gone, self._gone = self._gone, None
            sent = sum(map(train_size, self._trains[:gone]))
            sent += await send_trains(self._frame, self._trains, self.endpoint, self._peer, self._pacer, first=gone)
            # Whichever frame it was, the task of the first has its size.
            self._pattern.complete_io(task, now_ns=self._pacer.now_ns(), transferred=sent)

    def left_late(self, now_ns: int, late_ns: int) -> None:
        """Take note of a frame that the stream's own task sent."""
        self._dispatcher.left_late(now_ns, late_ns)

    def stamp(self, now_ns: int) -> None:
        """Make the messages the due frame."""
        frame = self._frame
        frame.sequence = self._pattern.sequence
        self.messages = stamped(frame, self._trains, self._peer, now_ns)
        self._lateness.record(now_ns - self._due_ns)

    def went(self, now_ns: int) -> int | None:
        """Go on to the next frame."""
        due_ns = self._pattern.frame_went(now_ns)
        if due_ns is not None:
            self._due_ns = due_ns
        return due_ns

    def held_up(self, gone: int) -> None:
        """Leave the rest of the frame to the stream's own task."""
        self._gone = gone
