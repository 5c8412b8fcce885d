"""What a status interval brought, from the snapshots at its ends."""

from __future__ import annotations

from attrs import evolve

from cts.metrics.counters import ArrivalTotals, FrameTotals
from cts.metrics.loss import DueBytes
from cts.metrics.recent_delays import DelayTally, RecentDelays
from cts.metrics.unsent import Unsent, UnsentFrames
from cts.output.intervals import Figures, IntervalReader, interval_keys
from cts.protocol.roles import Role
from cts.records.peer_end import PeerTotals
from cts.records.snapshots import Outcome, RunSnapshot, StreamSnapshot
from tests.schemas.validating import schema_of

SECOND, MS = 1_000_000_000, 1_000_000


def delays(*transits_ns: int) -> DelayTally:
    tally = DelayTally()
    recent = RecentDelays(tally)
    for transit in transits_ns:
        recent.frame(transit)
    recent.look()
    return tally


FIRST = RunSnapshot(
    SECOND,
    2,
    StreamSnapshot(FrameTotals(10, 3, 2, 1), 1000, 2000, ArrivalTotals(on_time=9, late=1), due=DueBytes(100, 10)),
    unsent=UnsentFrames({"a": Unsent(1, SECOND)}),
    refused={"x": 1},
)
SECOND_ONE = RunSnapshot(
    3 * SECOND,
    1,
    StreamSnapshot(
        FrameTotals(15, 7, 5, 3),
        5000,
        2500,
        ArrivalTotals(on_time=19, late=4),
        due=DueBytes(300, 60, 20),
        peers=PeerTotals(frames=FrameTotals(8)),
    ),
    {Outcome.SUCCESSFUL: 1},
    {"x": 3, "y": 4},
    unsent=UnsentFrames({"a": Unsent(3, 2 * SECOND), "b": Unsent(1, MS)}),
    overflowed=7,
    delays=delays(0, 4 * MS, MS).totals(),
)


def read(*snapshots: RunSnapshot, measure: Role = Role.RECEIVER, least_ns: int = 0) -> list[Figures | None]:
    reader = IntervalReader(measure, least_ns)
    return [reader.read(each) for each in snapshots]


def test_of_a_server_the_bytes_of_both_parts_make_the_rate() -> None:
    reader = IntervalReader(Role.RECEIVER, both=True)
    reader.read(FIRST)
    figures = reader.read(SECOND_ONE)
    assert figures is not None
    # 4,000 bytes came and 500 left in two seconds.
    assert figures["bits_per_second"] == 18_000


def second() -> Figures:
    _, figures = read(FIRST, SECOND_ONE)
    assert figures is not None
    return figures


def test_every_count_is_of_the_interval_alone() -> None:
    figures = second()
    wanted = {
        "until_seconds": 3.0,
        "interval_seconds": 2.0,
        "open_streams": 1,
        "frames_completed": 5,
        "frames_dropped": 4,
        "peer_frames_completed": 8,
        "bytes_received": 4000,
        "bytes_sent": 500,
        "bits_per_second": 16_000,
        "bytes_due": 200,
        "bytes_missing": 50,
        "bytes_late": 20,
        "missing_share": 0.25,
        "datagrams_late": 3,
        "datagrams_refused": 6,
        "datagrams_overflowed": 7,
        "frames_unsent": 3,
        "unsent_seconds": 1.001,
        "streams_successful": 1,
    }
    assert {key: figures[key] for key in wanted} == wanted


def test_delay_is_told_in_the_mean_with_a_bound_for_most() -> None:
    figures = second()
    assert figures["delay_variation_seconds"] == round(5 * MS / 3) / SECOND
    assert figures["delay_variation_p99_seconds"] == 0.005
    assert figures["jitter_seconds"] == 0.0035


def test_what_is_not_known_is_none_and_no_key_is_ever_missing() -> None:
    figures, *_ = read(RunSnapshot(SECOND, 0, StreamSnapshot()))
    assert figures is not None
    nothing = [key for key, value in figures.items() if value is None]
    assert nothing == ["missing_share", "delay_variation_seconds", "delay_variation_p99_seconds", "jitter_seconds"]
    assert tuple(figures) == tuple(second()) == interval_keys()


def test_the_keys_are_those_of_the_schema_in_its_order() -> None:
    assert list(schema_of("interval")["properties"]) == ["schema", "kind", *interval_keys()]


def test_a_moment_told_twice_is_one_interval_unless_something_came() -> None:
    first, again, more = read(FIRST, evolve(FIRST, open_streams=0), evolve(FIRST, overflowed=1))
    assert first is not None
    assert again is None
    assert more is not None
    assert (more["interval_seconds"], more["datagrams_overflowed"]) == (0.0, 1)


def test_a_run_that_only_sends_has_the_rate_of_what_it_sent() -> None:
    _, figures = read(FIRST, SECOND_ONE, measure=Role.SENDER)
    assert figures is not None
    assert figures["bits_per_second"] == 2000


def test_a_moment_counts_as_a_frame_interval_for_the_rate() -> None:
    _, figures = read(FIRST, evolve(SECOND_ONE, elapsed_ns=FIRST.elapsed_ns + MS), least_ns=40 * MS)
    assert figures is not None
    assert figures["bits_per_second"] == 800_000
