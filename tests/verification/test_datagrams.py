"""Each datagram's fate by the truth against what the events say of frames' datagrams and of late data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.api import Address, Frame, IDatagramEndpoint, IPacer
from cts.engine.senders import AutoSender, PlainSender
from cts.errors import UserError
from cts.impairment.delay import Constant, Delay, Pareto, Uniform
from cts.impairment.link import Impairment
from cts.impairment.loss import Bernoulli, GilbertElliott, Ranges
from cts.verification.bounds import Bounds
from cts.verification.came import Came
from cts.verification.identity import Identity
from cts.verification.order import Order
from cts.verification.verify import Verification, verify_run
from tests.examples import WHOLE_RUNS
from tests.verification.simulated_logs import (
    MS,
    Logs,
    as_relayed,
    config_of,
    simulated_logs,
    without_records,
    write_lines,
)

RICH = Impairment(delay=Uniform(10 * MS, 60 * MS), keep_order=False, loss=Bernoulli(0.05), duplicate=0.2, reorder=0.02)
SIZES = (400, 400, 200)
TICKS = 10_000_000


def some_delays() -> st.SearchStrategy[Delay]:
    return st.sampled_from(
        [
            Constant(20 * MS),
            Uniform(0, 60 * MS),
            Uniform(500 * MS, 1300 * MS),
            Pareto(minimum_ns=20 * MS, shape=1.0),
        ]
    )


PATHS = st.builds(
    Impairment,
    delay=some_delays(),
    keep_order=st.booleans(),
    loss=st.sampled_from([None, Bernoulli(0.02), Bernoulli(0.4), GilbertElliott(p=0.05, r=0.3)]),
    duplicate=st.sampled_from([0.0, 0.1, 1.0]),
    reorder=st.sampled_from([0.0, 0.1]),
    reorder_delay_ns=st.sampled_from([30 * MS, 1500 * MS]),
    corrupt=st.sampled_from([0.0, 0.05]),
)


class OneStamp(PlainSender):
    """Gives all datagrams of a frame one stamp, as cts did before it told them apart."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        header = bytes(frame.stamp(pacer.now_ns()))
        return sum([await endpoint.send(peer, header, payload) for payload in frame.payloads])


class ScatteredStamps(PlainSender):
    """Leaves room between the stamps of a frame's datagrams, as one that takes its time."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        sent = 0
        for place, payload in enumerate(frame.payloads):
            sent += await endpoint.send(peer, bytes(frame.stamp(pacer.now_ns() + 10_000 * place)), payload)
        return sent


@WHOLE_RUNS
@given(
    direction=st.sampled_from(["pull", "push"]),
    verdict=st.sampled_from(["distinct", "bytes"]),
    sender=st.sampled_from([AutoSender, PlainSender, ScatteredStamps, OneStamp]),
    datagram=st.sampled_from([60, 100, 400, 600, 1400]),
    path=PATHS,
    seed=st.integers(0, 2**32),
)
def test_whatever_the_network_does_what_is_told_of_each_datagram_is_so(
    direction: str, verdict: str, sender: type[PlainSender], datagram: int, path: Impairment, seed: int
) -> None:
    stream = {"verdict": verdict, "datagram_max_size": datagram, "verify": "count", "frame_rate": 20}
    config = config_of(direction, stream=stream, client={"connections": 2}, output={"status_update": "150ms"})
    with TemporaryDirectory() as folder:
        logs = simulated_logs(
            Path(folder), config, to_client=path, to_server=path, seed=seed, make_sender=lambda plan: sender(None, plan)
        )
        verification = verify_run(logs.events, logs.truth)
    assert [str(difference) for difference in verification.differences] == []
    assert verification.frames_by_datagram == verification.frames
    assert verification.order_open_frames == 0


@pytest.mark.parametrize("late", [0, 1])
def test_late_datagrams_are_counted(tmp_path: Path, late: int) -> None:
    path = Impairment(delay=Constant(20 * MS), loss=None, reorder=0.2 * late, reorder_delay_ns=1500 * MS)
    verification = verify(simulated_logs(tmp_path, config_of(), to_client=path))
    assert verification.agrees
    assert (verification.late_datagrams > 0) == bool(late)


def verify(logs: Logs) -> Verification:
    return verify_run(logs.events, logs.truth)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events_that_tell_nothing_of_datagrams_are_compared_without(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of(), to_client=RICH)
    without_records(logs)
    verification = verify(logs)
    assert verification.agrees
    assert (verification.frames, verification.frames_by_datagram, verification.late_datagrams) == (20, 0, 0)


def test_extents_that_are_told_of_beforehand_are_the_next_frames(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of(), to_client=RICH)
    lines = lines_of(logs.events)
    at = next(index for index, line in enumerate(lines) if len(line.get("extents", ())) > 1)
    extents = lines[at].pop("extents")
    before = {"event": "extents", "time_ns": 0, "stream": 1, "extents": extents[:1]}
    write_lines(logs.events, [*lines[:at], before, {**lines[at], "extents": extents[1:]}, *lines[at + 1 :]])
    assert verify(logs).agrees
    write_lines(logs.events, [*lines[:at], before, *lines[at:]])
    assert [each.what for each in verify(logs).differences] == ["extents"]


def test_extents_without_end_are_refused(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of())
    began, opened, *rest = lines_of(logs.events)
    extents = {"event": "extents", "time_ns": 0, "stream": 1, "extents": [1] * 4000}
    write_lines(logs.events, [began, opened, *[extents] * 263, *rest])
    with pytest.raises(UserError, match="tells of too many datagrams that are behind"):
        verify(logs)


def test_a_frame_that_tells_nothing_among_others_that_do_is_found(tmp_path: Path) -> None:
    logs = simulated_logs(tmp_path, config_of())
    logs.change_events(lambda line: line.__delitem__("due"), event="frame", sequence=7)
    assert [str(each) for each in verify(logs).differences] == [
        "stream 1, client 1, frame 7: due is absent in the events, 3 by the truth"
    ]


def test_a_difference_of_a_datagram_is_named(tmp_path: Path) -> None:
    # The connection id is number 1, frame k the numbers 3k - 1 to 3k + 1.
    logs = simulated_logs(tmp_path, config_of(), to_client=Impairment(delay=Constant(20 * MS), loss=Ranges(((8, 9),))))
    assert verify(logs).agrees
    logs.change_events(lambda line: line.update(missing=[0, 0]), event="frame", sequence=3)
    assert [str(each) for each in verify(logs).differences] == [
        "stream 1, client 1, frame 3: missing is '0' in the events, '0 to 1' by the truth"
    ]


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_through_a_relay_times_may_lie_apart_by_the_tolerance(tmp_path: Path, direction: str) -> None:
    path = Impairment(
        delay=Constant(20 * MS), loss=Bernoulli(0.1), duplicate=0.1, reorder=0.1, reorder_delay_ns=1500 * MS
    )
    logs = simulated_logs(tmp_path, config_of(direction), to_client=path, to_server=path, seed=3)
    as_relayed(logs, early_ns=700_000, late_ns=300_000)
    verification = verify(logs)
    assert verification.differences == ()
    assert verification.frames_by_datagram == 20
    assert verification.late_datagrams > 0


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("distinct", 1),
        ("duplicate", 1),
        ("missing", [0, 0]),
        ("missing", None),
        ("first_ns", 5),
        ("whole_ns", None),
        ("again_ns", 5),
        ("least_transit_ns", 5),
        ("greatest_transit_ns", 5),
    ],
)
def test_through_a_relay_a_wrong_value_is_found(tmp_path: Path, key: str, change: object) -> None:
    logs = simulated_logs(tmp_path, config_of())
    as_relayed(logs, early_ns=700_000, late_ns=300_000)
    logs.change_events(lambda line: line.update({key: change}), event="frame", sequence=7)
    assert [(each.what, each.sequence) for each in verify(logs).differences] == [(key, 7)]


@pytest.mark.parametrize(("key", "change"), [("extents", [1]), ("transit_ns", 5)])
def test_through_a_relay_what_rests_on_the_order_of_arrivals_that_are_too_close_is_not_judged_but_counted(
    tmp_path: Path, key: str, change: object
) -> None:
    logs = simulated_logs(tmp_path, config_of())
    as_relayed(logs, early_ns=700_000, late_ns=300_000)
    frame = next(line for line in lines_of(logs.events) if line.get("sequence") == 7)
    transit_ns = frame["received_ns"] - frame["sender_qpc"] * 100
    rest = {"least_transit_ns": transit_ns, "greatest_transit_ns": frame.get("greatest_transit_ns", transit_ns)}
    logs.change_events(lambda line: line.update({key: change, **rest}), event="frame", sequence=7)
    verification = verify(logs)
    assert (verification.agrees, verification.order_open_frames) == (True, 1)


def test_through_a_relay_the_order_of_arrivals_far_apart_is_judged(tmp_path: Path) -> None:
    one_each = {"datagram_max_size": 1400}
    logs = simulated_logs(tmp_path, config_of(stream=one_each))
    as_relayed(logs, early_ns=700_000, late_ns=300_000)
    logs.change_events(lambda line: line.update(extents=[1]), event="frame", sequence=7)
    assert [each.what for each in verify(logs).differences] == ["extents"]


@pytest.mark.parametrize("key", ["datagrams", "size", "fresh", "missing", "whole"])
def test_through_a_relay_wrong_values_of_late_data_are_found(tmp_path: Path, key: str) -> None:
    path = Impairment(delay=Constant(20 * MS), reorder=0.1, reorder_delay_ns=1500 * MS)
    logs = simulated_logs(tmp_path, config_of(), to_client=path, seed=3)
    as_relayed(logs, early_ns=700_000, late_ns=300_000)
    wrong: dict[str, object] = {"datagrams": 2, "size": 1, "fresh": 0, "missing": [0, 0], "whole": False}
    logs.change_events(lambda line: line.update({key: wrong[key]}), event="missed", whole=True)
    assert f"{key} of missed" in [each.what for each in verify(logs).differences]


# ------------------------------------------------------------------------------------------- the definitions, by hand


def came_of(*stamps: int, sizes: Sequence[int] = SIZES, places: Sequence[int] | None = None) -> Came:
    """Return a frame of which datagrams with these stamps came, one a nanosecond; by default their places are the stamps."""
    came = Came(tuple(sizes), sum(sizes))
    for at_ns, (stamp, place) in enumerate(zip(stamps, places or stamps, strict=True)):
        came.take(at_ns, sizes[place], (stamp, TICKS))
    return came


@pytest.mark.parametrize(
    ("stamps", "sizes", "missing"),
    [
        ((), SIZES, ((0, 2),)),
        ((0, 1, 2), SIZES, ()),
        ((0, 2), SIZES, ((1, 1),)),
        ((2,), SIZES, ((0, 1),)),
        ((0,), SIZES, ((1, 2),)),
        ((1,), SIZES, ((1, 2),)),
        ((1,), (400, 400, 400), ((1, 2),)),
        ((2, 0), (400, 400, 400), ((1, 1),)),
        ((1, 3), (400, 400, 400, 400), ((1, 1), (3, 3))),
    ],
)
def test_positions_are_told_by_consecutive_stamps_and_a_shorter_last_datagram(
    stamps: tuple[int, ...], sizes: tuple[int, ...], missing: object
) -> None:
    assert came_of(*stamps, sizes=sizes).missing() == missing


def test_positions_are_not_known_where_stamps_lie_further_apart_than_datagrams_are_due() -> None:
    assert came_of(0, 1000, places=(0, 1)).missing() is None


def test_a_frame_is_whole_when_the_last_of_its_datagrams_has_come_once() -> None:
    record = came_of(0, 0, 2, 1, 1).record(by_stamps=True)
    assert (record.distinct, record.duplicate, record.first_ns, record.again_ns) == (3, 2, 0, 1)
    assert (record.whole_ns, record.last_ns, record.missing) == (3, 4, ())


def test_by_bytes_it_is_whole_when_as_many_have_come() -> None:
    record = came_of(0, 0, 0, 0, places=(0, 1, 2, 0)).record(by_stamps=False)
    assert (record.distinct, record.duplicate, record.missing) == (3, 1, None)
    assert (record.whole_ns, record.again_ns) == (2, 3)


def test_consecutive_stamps_show_at_once_that_they_tell_datagrams_apart() -> None:
    identity = Identity()
    assert identity.rendered(came_of(0, 1, 0), 1000)
    assert identity.told_apart is True


def test_one_frame_of_one_stamp_decides_where_nothing_was_known_and_changes_nothing_where_something_was() -> None:
    train = (0, 0, 0)
    unknown, known = Identity(), Identity()
    known.rendered(came_of(0, 1, 0), 1000)
    assert not unknown.rendered(came_of(*train, places=(0, 1, 2)), 1000)
    assert [known.rendered(came_of(*train, places=(0, 1, 2)), 1000) for _ in range(8)] == [True] * 7 + [False]


def test_the_extent_of_a_datagram_counts_from_the_earliest_arrival_that_was_sent_later() -> None:
    order = Order()
    extents = [order.arrived(sequence, 0) for sequence in (1, 4, 2, 5, 3)]
    assert extents == [None, None, Bounds(1, 1), None, Bounds(3, 3)]


def test_what_was_overtaken_by_one_that_may_be_forgotten_has_an_extent_within_bounds() -> None:
    order = Order()
    for sequence in range(2, 1000):
        assert order.arrived(sequence, 0) is None
    assert order.arrived(1, 0) == Bounds(256, 998)
    for sequence in range(1000, 9000):
        order.arrived(sequence, 0)
    assert order.arrived(1, 1) == Bounds(256, 8999)
