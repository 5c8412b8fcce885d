"""Events of small simulated runs, and the pages that are made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from cts.report import report_page
from cts.runs.pictures import picture_of
from tests.cli.running_cts import STREAM, run_here

SMALL = ("stream.stream_length=2s", "stream.buffer_depth=200ms", "stream.frame_rate=60", "output.console=quiet")
LOSSY = ("network.loss=0.01", "network.jitter=10ms", "network.latency=20ms")


def recorded(path: Path, *sets: str) -> Path:
    """Simulate a stream of two seconds and return its events."""
    run_here("sim", STREAM, sets=(*SMALL, *sets, f"output.events_file={json.dumps(str(path))}"))
    return path


def page_of(*events: Path) -> str:
    return report_page([picture_of(path, path.name) for path in events])


def plots_of(page: str) -> list[dict[str, Any]]:
    """Return what the page's script is given to draw."""
    found = re.search(r'<script type="application/json" id="plots">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    plots: list[dict[str, Any]] = json.loads(found[1])
    return plots


class Read(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self._open = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag if tag in self.inside else ""
        if self._open:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside[self._open][-1] += data
        else:
            self.text += data

    def attributes(self, names: Iterable[str]) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.elements for name in names if name in attrs]
