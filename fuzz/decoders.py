"""Everything that makes values of bytes from outside, as functions that a fuzzer calls: each lets out no error but its own.

A target that is given two files has them in one input, with a line of ``=`` signs between them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from cts.config import load_config
from cts.config.delay_trace import read_delays
from cts.config.network_links import impairments
from cts.errors import DecodeError, UserError
from cts.plugin.choice import choose_plugins
from cts.protocol.control.acceptor import Acceptor
from cts.protocol.control.channel import StreamChannel
from cts.protocol.control.client import ClientHandshake
from cts.protocol.control.datagrams import HelloDatagram, controls_apart, decode_control_untrusted
from cts.protocol.control.keys import StreamKeys
from cts.protocol.control.session import Session
from cts.protocol.handshake import starts_apart
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction
from cts.protocol.task import DatagramBatch
from cts.protocol.wire import CONNECTION_ID_LENGTH, ConnectionId, decode_untrusted, is_start
from cts.records.events_reader import read_events
from cts.records.truth_reader import Arrivals, TruthReader
from cts.runs.plan_text import banner, describe_plan
from cts.runs.session_settings import plan_of, session_settings
from cts.units import SECOND
from cts.verification.report import verification_json, verification_text
from cts.verification.verify import verify_run

__all__ = ["BETWEEN_FILES", "DECODERS"]

BETWEEN_FILES = b"\n====\n"


class _Deaf:
    """Is told what a truth holds, and does nothing."""

    def client(self, client: int, address: str, upstream: str) -> None: ...

    def offered(
        self, at_ns: int, client: int, to_client: bool, number: int, size: int, head: str, arrivals: Arrivals
    ) -> None: ...


@cache
def _folder(pid: int) -> Path:
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix=f"cts-fuzz-{pid}-", dir=memory if memory.is_dir() else None))


def _file(name: str, data: bytes) -> Path:
    path = _folder(os.getpid()) / name
    path.write_bytes(data)
    return path


def wire(data: bytes) -> None:
    """A datagram; what is decoded encodes to the same bytes."""
    with suppress(DecodeError):
        decoded = decode_untrusted(data)
        length = CONNECTION_ID_LENGTH if isinstance(decoded, ConnectionId) else len(data)
        assert decoded.encode() == data[:length]


def control(data: bytes) -> None:
    """A control datagram, at both ends of a handshake and at one end of a stream: no bytes do more than be counted."""
    try:
        decoded = decode_control_untrusted(data)
    except DecodeError:
        return
    plan = StreamPlan(80_000, 10, SECOND)
    ClientHandshake(plan, Direction.PULL, nonce=bytes(16), now_ns=0).hear(decoded, 0)
    if (hello := HelloDatagram.of(decoded)) is not None:
        heard = Acceptor(bytes(16)).hear(hello, b"192.0.2.7", 50_000, 0)
        # The answer to who has shown nothing is smaller than the question.
        assert isinstance(heard, bytes)
        assert len(heard) <= len(data)
    StreamChannel(Session(StreamKeys.of(None, b"", b""), is_client=True), now_ns=0, jitter=lambda: 0.0).hear(decoded, 0)


def batch(data: bytes) -> None:
    """What the kernel read at once, its segment size in the first two bytes: nothing of it is lost on the way apart."""
    segment_size = max(1, int.from_bytes(data[:2], "little"))
    whole = DatagramBatch(data[2:], segment_size, 0)
    controls, rest = controls_apart(whole)
    assert len(controls) + (0 if rest is None else len(rest)) == len(whole)
    starts, others = starts_apart(whole)
    assert starts + (0 if others is None else len(others)) == len(whole)
    assert others is None or not any(map(is_start, others.datagrams()))


def config(data: bytes) -> None:
    """A configuration, from TOML to what a run is made of, its plugins' options included."""
    with suppress(UserError):
        loaded = load_config(_file("config.toml", data))
        plan = plan_of(loaded)
        describe_plan(loaded, plan, choose_plugins(loaded, "fuzz"))
        banner(loaded, plan)
        session_settings(loaded)
        impairments(loaded.network)


def overrides(data: bytes) -> None:
    """Texts of ``--set``, a line each, on an empty file."""
    texts = data.decode("utf-8", "surrogateescape").split("\n")
    with suppress(UserError):
        load_config(_file("config.toml", b""), texts)


def trace(data: bytes) -> None:
    """A file of delays; what is wrong with it is a ValueError, or a group of them."""
    path = _file("delays.txt", data)
    try:
        read_delays(path)
    except ValueError:
        pass
    except BaseExceptionGroup as group:
        if group.split(ValueError)[1] is not None:
            raise


def events(data: bytes) -> None:
    """An events log."""
    with suppress(UserError):
        read_events(_file("events.jsonl", data), 0)


def truth(data: bytes) -> None:
    """A ground-truth log."""
    with suppress(UserError):
        TruthReader(_file("truth.jsonl", data)).read(_Deaf())


def verification(data: bytes) -> None:
    """An events log and a ground-truth log, and all that is computed of both."""
    first, _, second = data.partition(BETWEEN_FILES)
    with suppress(UserError):
        verification = verify_run(_file("events.jsonl", first), _file("truth.jsonl", second))
        verification_text(verification)
        verification_json(verification)


DECODERS: Mapping[str, Callable[[bytes], None]] = {
    "wire": wire,
    "control": control,
    "batch": batch,
    "config": config,
    "overrides": overrides,
    "trace": trace,
    "events": events,
    "truth": truth,
    "verification": verification,
}
