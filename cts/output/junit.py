"""A run's expectations as a JUnit XML report, which continuous integration shows: a test case for each, and one for the run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from cts.errors import printable
from cts.expectations.judging import Judgement, Outcome
from cts.output.answer import answer_of
from cts.output.expectation_text import judged_text
from cts.records.results import RunReport
from cts.units import SECOND

__all__ = ["junit_xml"]

_NO_XML = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(report: RunReport, judgements: Sequence[Judgement]) -> bytes:
    """Return the report: what was missed is a failure; what is undecided, and a run that failed, is an error."""
    title = report.provenance.title if report.provenance is not None else None
    name = _text(f"cts: {title}" if title else "cts")
    undecided = [each for each in judgements if each.outcome is Outcome.UNDECIDED]
    missed = [each for each in judgements if each.outcome is Outcome.MISSED]
    counts = {
        "tests": str(1 + len(judgements)),
        "failures": str(len(missed)),
        "errors": str(len(undecided) + report.failed),
        "time": f"{report.elapsed_ns / SECOND:.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": name, "skipped": "0", **counts})
    ran = ET.SubElement(suite, "testcase", {"classname": name, "name": "the run", "time": counts["time"]})
    if report.failed:
        ET.SubElement(ran, "error", {"message": _text(answer_of(report)), "type": "failed"})
    for each in judgements:
        case = ET.SubElement(suite, "testcase", {"classname": name, "name": _text(str(each.expectation))})
        tag = {Outcome.MISSED: "failure", Outcome.UNDECIDED: "error"}.get(each.outcome)
        if tag is None:
            ET.SubElement(case, "system-out").text = _text(judged_text(each))
        else:
            ET.SubElement(case, tag, {"message": _text(judged_text(each)), "type": each.outcome.value})
    ET.SubElement(suite, "system-out").text = _text(answer_of(report, judgements))
    ET.indent(root)
    return b"".join((ET.tostring(root, encoding="utf-8", xml_declaration=True), b"\n"))


def _text(text: str) -> str:
    return _NO_XML.sub("?", printable(text))
