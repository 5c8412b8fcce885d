"""Trials: streams over loopback between a server process and a client process, verified, as a real run's are."""

from __future__ import annotations

import os
from collections.abc import Callable

from attrs import frozen

from cts.api import Address
from cts.clock.system_pacer import open_pacer
from cts.config import Config, structure_config
from cts.records.results import RunReport
from cts.runs.session_settings import WorkerSetup, session_settings
from cts.runs.workers.session import WorkersSession

__all__ = ["StreamLoad", "run_trial", "without_loss"]


@frozen
class StreamLoad:
    """What a trial runs.

    Attributes:
        bits_per_second: of each stream.
        frame_rate: frames per second.
        seconds: how long the senders send.
        buffer: how long the receivers buffer, a duration as in a configuration.
        connections: how many streams at once.
        datagram_max_size: bytes.
        offload: ``auto`` or ``off``.
    """

    bits_per_second: int
    frame_rate: int
    seconds: int = 1
    buffer: str = "100ms"
    connections: int = 1
    datagram_max_size: int = 1400
    offload: str = "auto"

    def config(self) -> Config:
        """Return it as a configuration."""
        return structure_config(
            {
                "run": {"role": "loopback", "offload": self.offload, "cpu_affinity": _processors()},
                "stream": {
                    "bits_per_second": self.bits_per_second // 8 * 8,
                    "frame_rate": self.frame_rate,
                    "stream_length": self.seconds,
                    "buffer_depth": self.buffer,
                    "datagram_max_size": self.datagram_max_size,
                },
                "server": {"listen": ["127.0.0.1:0"], "accept_limit": self.connections},
                # To make a stream takes its time, too; begun all at once, they would be late from the beginning.
                "client": {"connections": self.connections, "start_spread": f"{min(self.connections, 1000)}ms"},
            },
            "cts bench",
        )


def _processors() -> list[int]:
    """Return a processor for each of the two processes: on one together each would get half; none where there is but one."""
    here = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return here if len(here) > 1 else []


async def run_trial(load: StreamLoad, say: Callable[[str], None]) -> RunReport:
    """Run a load, server and client in a process each; about a second longer than the streams take."""
    config = load.config()
    session = WorkersSession(
        session_settings(config),
        WorkerSetup.of(config, "cts bench"),
        pacer=open_pacer(),
        listen=[Address("127.0.0.1", 0)],
        targets=[],
        say=say,
    )
    return await session.run()


def without_loss(report: RunReport, load: StreamLoad) -> bool:
    """Tell whether every frame of every stream was completed and nothing overflowed."""
    frames = report.snapshot.counts.frames
    wanted = load.connections * load.frame_rate * load.seconds
    return not report.failed and frames.completed == wanted and not report.snapshot.overflowed
