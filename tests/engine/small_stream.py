"""The small stream that the engine's tests run, and its numbers.

It has 20 frames of 400 + 400 + 200 bytes, one every 100 ms, and 1 s of buffer. A receiver of base ``b`` renders first at
``b`` + 1 s and ends at ``b`` + 2.9 s. Every link takes 20 ms unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from cts.api import Address, StreamPlan
from cts.config import Config, structure_config
from cts.impairment.delay import Constant
from cts.impairment.link import Impairment
from cts.impairment.loss import Ranges
from cts.protocol.wire import PATTERN, Data
from cts.runs.session_settings import plan_of

MS = 1_000_000
SECOND = 1000 * MS
LATENCY = 20 * MS
FOREVER = 3600 * SECOND
SERVER = Address("192.0.2.1", 4444)
CLIENT = Address("10.0.0.1", 49152)
"""The first client of a simulated network."""
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"

PATH = Impairment(delay=Constant(LATENCY))


def config_of(direction: str = "pull", **tables: Mapping[str, object]) -> Config:
    """Return the small stream's configuration with these tables laid over it."""
    raw: dict[str, dict[str, object]] = {
        "stream": {
            "direction": direction,
            "bits_per_second": 80_000,
            "frame_rate": 10,
            "stream_length": "2s",
            "buffer_depth": "1s",
            "datagram_max_size": 400,
        },
        "server": {"listen": [str(SERVER)]},
        "client": {"target": [str(SERVER)], "start_spread": "0s"},
        "output": {"console": "quiet"},
    }
    for table, keys in tables.items():
        raw.setdefault(table, {}).update(keys)
    return structure_config(raw)


PLAN = plan_of(config_of())
FIRST_RENDER = PLAN.render_offset_ns(1)
LAST_SEND = PLAN.send_offset_ns(PLAN.final_frame)
END = PLAN.end_offset_ns
RETRY = PLAN.interval_ns + 500 * MS + 1
"""When a client's second START leaves, after its base."""


def losing(*ranges: tuple[int, int], path: Impairment = PATH) -> Impairment:
    """Return a link that loses the datagrams of these ranges, counted from 1 in its direction."""
    return attrs.evolve(path, loss=Ranges(ranges))


def datagrams_of(sequence: int, plan: StreamPlan = PLAN, qpc: int = 0) -> list[bytes]:
    """Return the datagrams of a frame as a peer would send them, stamped with ``qpc`` ticks of 100 ns."""
    return [Data(sequence, qpc, 10_000_000, PATTERN[: size - 26]).encode() for size in plan.datagram_sizes]
