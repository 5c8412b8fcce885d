"""What became of expectations, in words, as JSON and as JUnit XML."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cts.expectations.expectation import parse_expectation
from cts.expectations.judging import Doubt, Judgement, Measured, Outcome
from cts.output.answer import answer_of
from cts.output.expectation_text import expectations_json, judged_text, shown_value, verdict_sentence
from cts.output.junit import junit_xml
from cts.output.summary import summary_text
from cts.output.summary_json import judgements_of, summary_json
from cts.records.provenance import Provenance
from cts.records.results import RunReport
from tests.output.test_summary import REPORT

MET = Judgement(parse_expectation("completed >= 99 %"), Outcome.MET, Measured(1.0, 0.995, 1.0))
MISSED = Judgement(
    parse_expectation("pdv_p99 <= 5 ms"), Outcome.MISSED, Measured(0.0123, values=1000, least_values=100)
)
OPEN = Judgement(
    parse_expectation("played >= 99.9 %"), Outcome.UNDECIDED, Measured(0.9995, 0.998, 0.9998), Doubt.LIMITS, 130.0
)
THEIRS = Judgement(parse_expectation("completed >= 99 %"), Outcome.MET, Measured(1.0, by_peer=True))
FEW = Judgement(
    parse_expectation("pdv_p99 <= 5 ms"), Outcome.UNDECIDED, Measured(0.001, None, None, 60, 100), Doubt.FEW, 3.4
)
UNKNOWN = Judgement(parse_expectation("score >= 80"), Outcome.UNDECIDED, Measured(None), Doubt.UNKNOWN)


@pytest.mark.parametrize(
    ("judgement", "text"),
    [
        (MET, "met: completed >= 99 %; measured 100 % (95 % limits: 99.5 % to 100 %)"),
        (MISSED, "missed: pdv_p99 <= 5 ms; measured 12.3 ms"),
        (
            OPEN,
            "undecided: played >= 99.9 %; measured 99.95 % (95 % limits: 99.8 % to 99.98 %); a run of about 130 s would decide",
        ),
        (
            FEW,
            (
                "undecided: pdv_p99 <= 5 ms; measured 1 ms, of 60 values, of which 100 are needed; "
                "a run of about 3.4 s would decide"
            ),
        ),
        (THEIRS, "met: completed >= 99 %; measured 100 % by the receiving end, whose word this is"),
        (UNKNOWN, "undecided: score >= 80; it was not measured"),
    ],
)
def test_each_says_what_was_measured_and_what_would_decide(judgement: Judgement, text: str) -> None:
    assert judged_text(judgement) == text


def test_the_answer_says_which_were_not_met() -> None:
    assert verdict_sentence(()) is None
    assert verdict_sentence((MET, MET)) == "what was expected is met"
    assert answer_of(REPORT, (MET,)).endswith(". What was expected is met.")
    assert verdict_sentence((MET, MISSED, OPEN)) == (
        "of 3 expected: 1 missed (pdv_p99 <= 5 ms), 1 undecided (played >= 99.9 %)"
    )
    assert (
        verdict_sentence((MISSED,) * 5) == f"of 5 expected: 5 missed ({', '.join(['pdv_p99 <= 5 ms'] * 3)} and 2 more)"
    )


def test_the_json_has_each_in_the_unit_of_its_key() -> None:
    assert expectations_json((OPEN,)) == [
        {
            "expected": "played >= 99.9 %",
            "metric": "played",
            "outcome": "undecided",
            "measured": 0.9995,
            "low": 0.998,
            "high": 0.9998,
            "reason": "the bound is within the limits",
            "needs_seconds": 130.0,
            "by_peer": False,
        }
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.99999, "share", "99.999 %"),
        (-0.0005, "signed_seconds", "-500 us"),
        (0.0, "seconds", "0 s"),
        (7_999_920, "bits_per_second", "7.999 Mbit/s"),
        (12_000, "bytes", "12,000 bytes"),
        (3, "count", "3"),
        (1.5, "ppm", "1.5 ppm"),
        (True, "true or false", "true"),
        ("trusted", "text", "trusted"),
    ],
)
def test_a_value_is_shown_with_its_unit(value: Any, unit: str, text: str) -> None:
    assert shown_value(value, unit) == text


def expecting(*texts: str) -> RunReport:
    return evolve(REPORT, expectations=tuple(map(parse_expectation, texts)))


def test_the_summary_has_a_row_for_each_and_the_words_of_the_user() -> None:
    labelled = Provenance(title="the attic", tags=("wlan", "5 GHz"), cts="1", python="x")
    lines = summary_text(
        evolve(expecting("frames.completed >= 1", "rate >= 1 Gbit/s"), provenance=labelled)
    ).splitlines()
    assert lines[3:5] == ["title              the attic", "tags               wlan, 5 GHz"]
    assert lines[-2:] == [
        "expected           met: frames.completed >= 1; measured 150",
        "expected           missed: rate >= 1 Gbit/s; measured 7.999 Mbit/s",
    ]


def junit(report: RunReport) -> ET.Element:
    return ET.fromstring(junit_xml(report, judgements_of(report)))


def test_junit_has_a_case_for_the_run_and_for_each_expectation() -> None:
    suite = junit(expecting("frames.completed >= 1", "rate >= 1 Gbit/s", "score >= 80"))[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "time")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "time": "5.970",
    }
    found = [(case.get("name"), [each.tag for each in case]) for case in suite.iter("testcase")]
    assert found == [
        ("the run", []),
        ("frames.completed >= 1", ["system-out"]),
        ("rate >= 1 Gbit/s", ["failure"]),
        ("score >= 80", ["error"]),
    ]
    assert suite[2][0].get("message") == "missed: rate >= 1 Gbit/s; measured 7.999 Mbit/s"


def test_a_run_that_failed_is_an_error_in_junit() -> None:
    suite = junit(evolve(REPORT, failures=("a worker died",)))[0]
    assert (suite.get("errors"), suite[0][0].tag) == ("1", "error")


@given(st.text(max_size=30))
def test_junit_is_xml_whatever_the_title_is(title: str) -> None:
    named = evolve(REPORT, provenance=Provenance(title=title, cts="1", python="x"))
    assert junit(named)[0].get("name", "").startswith("cts")


def test_a_report_of_which_nothing_is_expected_is_judged_without_a_look_at_it() -> None:
    assert judgements_of(REPORT) == ()
    assert summary_json(REPORT)["expectations"] == []
