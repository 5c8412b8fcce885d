"""Messages between parent and workers: however the pipe cuts the bytes, the same messages come out."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Mapping

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cts.api import Address
from cts.config.tables import Config, StreamConfig
from cts.engine.settings import ClientSettings, SessionSettings
from cts.errors import UserError
from cts.metrics.counters import FrameTotals
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.histogram import Histogram
from cts.metrics.host import HostFigures
from cts.metrics.playout import Playout
from cts.metrics.quality_of_outcome import Profile, Requirement
from cts.protocol.frames import RenderedFrame, Verdict
from cts.protocol.plan import StreamPlan
from cts.protocol.roles import Direction, Role
from cts.records.late import LateArrivals
from cts.records.peer_end import PeerEnd
from cts.records.results import RunReport
from cts.records.snapshots import Outcome, RunSnapshot, StreamInfo, StreamSnapshot
from cts.records.stream_results import StreamEnds, StreamResult
from cts.runs.own_processes import MessageReader, packed
from cts.runs.session_settings import session_settings
from cts.runs.workers.messages import (
    Bound,
    Ended,
    Failed,
    Frames,
    Message,
    Missed,
    Noted,
    Opened,
    Ready,
    Reported,
    Status,
    WorkerTask,
)
from cts.units import FrameRate
from tests.output.live_states import live_figures, many_streams
from tests.output.test_intervals import delays
from tests.output.test_media_text import WHOLE
from tests.output.test_peer_text import RECEIVER, SENDER
from tests.runs.processes import HANGS_S

HERE, THERE = Address("127.0.0.1", 4444), Address("::1", 50000)
PLAYOUT = Playout(
    buffered_frames=2,
    final_frame=9,
    steps=1,
    step_ns=5,
    frames=6,
    known=7,
    whole=((1, 2), (3, 1)),
    again=((3, 1),),
)
RESULT = StreamResult(
    "id",
    HERE,
    THERE,
    Role.RECEIVER,
    Outcome.PROTOCOL_ERROR,
    "ErrorX",
    5,
    90,
    8000,
    StreamSnapshot(FrameTotals(1, 2, 3, 4), unreachable=7),
    playout=PLAYOUT,
)
SNAPSHOT = RunSnapshot(
    7, 1, RESULT.counts, {Outcome.SUCCESSFUL: 3}, {"unknown peer": 2}, 9, delays=delays(1, 9, 2_000_000).totals()
)
LATENESS = Histogram()
LATENESS.record(12_345)
RECORD = FrameRecord(3, 30, 24, 20, 28_000, 2, ((0, 1), (5, 6)), 1, 20, None, 19, 4, 9, 5, (1, 7))
MESSAGES: tuple[Message, ...] = (
    Ready(),
    Bound((HERE, THERE)),
    Opened(StreamInfo(1, HERE, THERE, Role.RECEIVER, 4)),
    Frames(1, (RenderedFrame(3, Verdict.COMPLETED, 4166, 11, 12, 20, 30),) * 20),
    Frames(1, (RenderedFrame(3, Verdict.DROPPED, 4166, 11, 12, 20, 30, RECORD),)),
    Frames(1, (RenderedFrame(3, Verdict.DROPPED, 4166, 11, 12, 20, 30, RECORD._replace(missing=None, extents=())),)),
    Missed(1, MissedRecord(3, 40, 10, 2, 2800, 1, ((1, 1), (4, 7)), False, True, 9, (3,))),
    Missed(1, MissedRecord(3, 40, 10, 2, 2800, None, None, True, False, 9)),
    Ended(1, RESULT),
    Ended(1, evolve(RESULT, metrics=WHOLE)),
    *(Ended(1, evolve(RESULT, peer=each)) for each in (RECEIVER, SENDER, PeerEnd())),
    Status(evolve(SNAPSHOT, counts=evolve(RESULT.counts, peers=SENDER.totals)), whole=True),
    Status(SNAPSHOT, whole=True),
    Status(evolve(SNAPSHOT, live=live_figures(many_streams(2))), whole=False),
    Noted("what a person should hear: ä\n"),
    Failed(""),
    Reported(
        RunReport(
            role="server",
            direction=Direction.PULL,
            began_ns=1,
            elapsed_ns=2,
            snapshot=SNAPSHOT,
            streams=(StreamEnds(RESULT),),
            send_lateness=LATENESS,
            late=LateArrivals(5, 1, 2, 3, 4),
            playout=PLAYOUT,
            plan=StreamPlan(8_000_000, FrameRate(30_000, 1001), 5_000_000_000),
            hosts=(HostFigures(name="a", loop_lag=LATENESS, read_delay_ns=3, host_share=0.5, preempted=4),),
        )
    ),
)

RECORD = FrameRecord(3, 30, 24, 20, 28_000, 2, ((0, 1), (5, 6)), 1, 20, None, 19, 4, 9, 5, (1, 7))


def read(portions: list[bytes]) -> list[object]:
    reader = MessageReader()
    return [message for portion in portions for message in reader.feed(portion)]


def test_every_message_comes_out_as_it_went_in() -> None:
    for message in MESSAGES:
        assert read([packed(message)]) == [message]


@settings(deadline=None)
@given(st.lists(st.sampled_from(MESSAGES), max_size=6), st.data())
def test_any_split_of_the_bytes_gives_the_same_messages(messages: list[Message], data: st.DataObject) -> None:
    stream = b"".join(map(packed, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    portions = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(portions) == messages


@pytest.mark.parametrize("rate", [FrameRate(30), FrameRate(30_000, 1001)])
def test_a_worker_is_told_the_frame_rate_exactly(rate: FrameRate) -> None:
    settings = session_settings(Config(stream=StreamConfig(frame_rate=rate)))
    task = WorkerTask(settings=settings, source="x", offload=True, began_ns=0, listen=(), targets=())
    (told,) = read([packed(task)])
    assert isinstance(told, WorkerTask)
    assert (told, told.settings.plan.frame_rate) == (task, rate)


def test_single_bytes_give_the_same_messages() -> None:
    stream = b"".join(map(packed, MESSAGES))
    assert read([stream[at : at + 1] for at in range(len(stream))]) == list(MESSAGES)


def test_half_a_message_gives_nothing_yet() -> None:
    data = packed(Noted("half"))
    reader = MessageReader()
    assert list(reader.feed(data[:-1])) == []
    assert list(reader.feed(data[-1:])) == [Noted("half")]


def test_a_message_is_given_before_the_next_is_whole() -> None:
    reader = MessageReader()
    assert list(reader.feed(packed(Ready()) + packed(Noted("next"))[:5])) == [Ready()]


SECONDS = st.times().map(lambda time: time.replace(fold=0))
ZONES = st.none() | st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=-7, minutes=-30))])
TOML_VALUES = st.recursive(
    st.text(max_size=5) | st.integers() | st.booleans() | st.dates() | SECONDS | st.datetimes(timezones=ZONES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), TOML_VALUES, max_size=3))
@example({"since": dt.date(2024, 1, 1), "table": {"date": "2024-01-01"}, "toml": "hello"})
def test_a_task_carries_whatever_toml_can_say_to_a_plugin(options: Mapping[str, object]) -> None:
    task = WorkerTask(
        settings=SessionSettings(
            direction=Direction.PULL,
            plan=StreamPlan(8_000_000, 30, 10**9, 10**9, 1400),
            client=ClientSettings(),
            profile=Profile(name="mine", latency={99.9: Requirement(1, 2.5)}, loss=Requirement(0, 0.1), rate=7),
            status_interval_ns=10**9,
            grace_ns=0,
        ),
        sender={"strategy": "spread", "options": options},
        source="stream.toml",
        offload=True,
        began_ns=1,
        listen=(HERE,),
        targets=((THERE,),),
    )
    assert read([packed(task)]) == [task]


@pytest.mark.parametrize("data", [b'{"version":1,"message":"Ready"}\n', bytes(64)])
def test_a_message_of_another_version_says_what_to_look_for(data: bytes) -> None:
    with pytest.raises(UserError, match="upgraded while it ran"):
        read([data])


@pytest.mark.parametrize("data", [b"garbage" * 10, bytes(64), packed(Ready())[:3] + b"\xff" * 64])
def test_a_process_that_is_given_garbage_in_place_of_its_task_says_so_and_ends(data: bytes) -> None:
    command = [sys.executable, "-m", "cts.runs.workers.worker"]
    done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=HANGS_S)
    ready, failed = read([done.stdout])
    assert isinstance(ready, Ready)
    assert isinstance(failed, Failed)
    assert "upgraded while it ran" in failed.text
    assert (done.returncode, done.stderr) == (0, b"")
