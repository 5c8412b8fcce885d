"""Logs written by hand: a stream of 5 frames of 100 bytes, 10 a second, of which the receiver buffers 2.

With base 0, frame k is due at (k + 1) * 100 ms: the first at 200 ms, the last at 600 ms. The window is 4 frames, so frame 5 is
taken from after 200 ms on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import define, evolve, field

from cts.protocol.wire import PATTERN, START, ConnectionId, Data
from cts.records.reported_run import ARRIVALS
from cts.verification.verify import Verification, verify_run
from tests.verification.simulated_logs import Line, write_lines

MS = 1_000_000
NAME = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
NAMELESS = "00000000-0000-0000-0000-000000000000"
CLIENT, SERVER = "10.0.0.1:49152", "192.0.2.1:4444"
FRAME_SIZE = 100
DUE = {sequence: (sequence + 1) * 100 * MS for sequence in range(1, 6)}
PAYLOAD_BIT = 8 * 26
STAMP = (7, 10_000_000)


@define
class Truth:
    """A truth of one client."""

    direction: str = "pull"
    began_unix_ns: int = 0
    lines: list[Line] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.lines += [
            {"kind": "began", "schema": 1, "seed": 1, "began_unix_ns": self.began_unix_ns},
            {"kind": "client", "client": 1, "t": 0, "address": CLIENT, "upstream": CLIENT},
        ]

    @property
    def frames_way(self) -> str:
        return "to_client" if self.direction == "pull" else "to_server"

    def sent(
        self, datagram: bytes, at_ns: int, *arrivals: int, way: str = "", bits: Sequence[int | None] = ()
    ) -> Truth:
        """Add a datagram that was sent at an instant and arrived at others; by default on the way that frames take."""
        way = way or self.frames_way
        self.lines.append(
            {
                "kind": "datagram",
                "t": at_ns,
                "client": 1,
                "dir": way,
                "n": 0,
                "size": len(datagram),
                "head": datagram[:39].hex(),
                "fate": "delivered" if arrivals else "lost",
                "at": list(arrivals),
                "bits": list(bits) or [None] * len(arrivals),
            }
        )
        return self

    def start(self, at_ns: int, *arrivals: int) -> Truth:
        """Add a START of the client."""
        return self.sent(START, at_ns, *arrivals, way="to_server")

    def name(self, at_ns: int, *arrivals: int) -> Truth:
        """Add a connection id of the server."""
        return self.sent(ConnectionId(NAME).encode(), at_ns, *arrivals, way="to_client")

    def frame(self, sequence: int, *arrivals: int, size: int = FRAME_SIZE, bits: Sequence[int | None] = ()) -> Truth:
        """Add a datagram of a frame, sent when it first arrived."""
        datagram = Data(sequence, *STAMP, PATTERN[: size - 26]).encode()
        return self.sent(datagram, min(arrivals, default=0), *arrivals, bits=bits)

    def write(self, path: Path) -> None:
        """Write it, in the order of its times, and numbered in that order."""
        began, client, *others = self.lines
        datagrams = sorted(others, key=lambda line: int(str(line["t"])))
        for way in ("to_server", "to_client"):
            for number, line in enumerate((line for line in datagrams if line["dir"] == way), 1):
                line["n"] = number
        client["t"] = datagrams[0]["t"]
        ended: Line = {"kind": "ended", "t": datagrams[-1]["t"], "datagrams": len(datagrams)}
        write_lines(path, [began, client, *datagrams, ended])


def opened_pull() -> Truth:
    """Return a truth in which a client asks at 0 and gets the stream's name at once."""
    return Truth().start(0, 0).name(0, 0)


def opened_push() -> Truth:
    """Return a truth in which the server hears START at 0 and names the stream."""
    return Truth("push").start(0, 0).name(0, 0)


def verdict_of(size: int) -> str:
    return "completed" if size == FRAME_SIZE else "dropped" if size < FRAME_SIZE else "repeated"


@define
class Events:
    """The events of a run of one stream, as they must be: ``frames`` holds (size, receive time) of each rendered frame."""

    frames: list[tuple[int, int | None]]
    error: int = 0
    result: str = "Succeeded"
    direction: str = "pull"
    verify: str = "data"
    opened_ns: int = 0
    started_ns: int = 0
    base_ns: int = 0
    ended_ns: int | None = None
    dropped: int | None = None
    pending_bytes: int = 0
    missed_bytes: int = 0
    bytes_of_no_frame: int = 0
    """Those of ``missed_bytes`` that are of no frame."""
    bits_per_second: int | None = None
    name: str = NAME
    began_unix_ns: int = 0
    arrivals: dict[str, int] | None = None
    """None to leave them out, as older logs do."""

    def lines(self) -> list[Line]:
        ends = {"local": CLIENT, "remote": SERVER} if self.direction == "pull" else {"local": SERVER, "remote": CLIENT}
        ends["role"] = "receiver"
        verdicts = [verdict_of(size) for size, _ in self.frames]
        ended_ns = self.base_ns + DUE[5] if self.ended_ns is None else self.ended_ns
        on_time = sum(size for size, _ in self.frames) + self.pending_bytes
        received = on_time + self.missed_bytes
        succeeded = self.result == "Succeeded"
        counts: Line = {verdict: verdicts.count(verdict) for verdict in ("completed", "dropped", "repeated")}
        if self.dropped is not None:
            counts["dropped"] = self.dropped
        last = self.frames[4][1] if len(self.frames) == 5 else None
        measured_ns = (ended_ns if last is None else last) - self.base_ns
        rate = (received - self.bytes_of_no_frame) * 8 * 1_000_000_000 // measured_ns
        plan: Line = {
            "bits_per_second": 8_000,
            "frame_rate": 10,
            "stream_length_ns": 500 * MS,
            "buffer_depth_ns": 200 * MS,
            "datagram_max_size": 1400,
        }
        began: Line = {"event": "run_began", "time_ns": 0, "schema": 1, "began_unix_ns": self.began_unix_ns}
        frames: list[Line] = [
            {
                "event": "frame",
                "time_ns": self.base_ns + DUE[sequence],
                "stream": 1,
                "sequence": sequence,
                "verdict": verdict_of(size),
                "size": size,
                "received_ns": received_ns,
                "sender_qpc": STAMP[0] if size else None,
                "sender_qpf": STAMP[1] if size else None,
            }
            for sequence, (size, received_ns) in enumerate(self.frames, 1)
        ]
        return [
            {**began, "role": "loopback", "direction": self.direction, "verify": self.verify, **plan},
            {"event": "stream_opened", "time_ns": self.opened_ns, "stream": 1, **ends},
            *frames,
            {
                "event": "stream_ended",
                "time_ns": ended_ns,
                "stream": 1,
                "id": self.name,
                **ends,
                "outcome": "successful" if succeeded else "protocol error",
                "result": self.result,
                "started_ns": self.started_ns,
                "bits_per_second": rate if self.bits_per_second is None else self.bits_per_second,
                "frames": {**counts, "error": self.error},
                "bytes_received": received,
                "bytes_on_time": on_time,
                "bytes_sent": 0,
                **({} if self.arrivals is None else {"arrivals": dict.fromkeys(ARRIVALS, 0) | self.arrivals}),
            },
            {"event": "run_ended", "time_ns": ended_ns},
        ]


def _both(first: Events, second: Events) -> list[Line]:
    """Return the events of a run of two streams."""
    began, *lines, _ = first.lines()
    *others, ended = second.lines()[1:]
    lines += [{**line, "stream": 2} for line in others]
    return [began, *sorted(lines, key=lambda line: int(str(line["time_ns"]))), ended]


@define
class Desk:
    """Where logs are written and compared."""

    folder: Path

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def truth(self) -> Path:
        return self.folder / "truth.jsonl"

    def verify(
        self, truth: Truth, events: Events, tolerance_ns: int | None = None, then: Events | None = None
    ) -> Verification:
        """Compare; ``then`` has the events of a second stream of the run."""
        truth.write(self.truth)
        write_lines(self.events, events.lines() if then is None else _both(events, then))
        verification = verify_run(self.events, self.truth, tolerance_ns=tolerance_ns)
        # Here only receivers are looked at: frames leave when it suits the test, not when they are due.
        found = tuple(each for each in verification.differences if each.what != "sent")
        return evolve(verification, differences=found, differences_total=len(found))

    def found(
        self, truth: Truth, events: Events, tolerance_ns: int | None = None, then: Events | None = None
    ) -> list[str]:
        """Return what differs, each as ``what[frame]``."""
        differences = self.verify(truth, events, tolerance_ns, then).differences
        return [each.what + (f"[{each.sequence}]" if each.sequence else "") for each in differences]
