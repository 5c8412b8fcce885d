"""What totals begin with counts nothing: adding up takes it for that without looking."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import NOTHING, Factory, fields

import cts.engine.session  # noqa: F401  (whose totals are looked at too)
from cts.metrics.counters import Totals, total_of
from cts.records.snapshots import StreamSnapshot


def kinds(kind: type[Totals] = Totals) -> Iterator[type[Totals]]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds(each)


def test_what_a_field_of_totals_begins_with_is_nothing() -> None:
    # Found when it runs: what else has been imported by then is no matter of which tests there are.
    for kind in set(kinds()):
        for each in fields(kind):
            if each.default is not NOTHING and not isinstance(each.default, Factory):  # type: ignore[arg-type]
                assert each.default + each.default == each.default, (kind, each.name)


def test_streams_of_which_none_was_told_anything_add_up_to_that() -> None:
    told = StreamSnapshot(bytes_sent=3)
    assert total_of([told, told]) == told + told
    assert total_of([told, told]).peers is told.peers
