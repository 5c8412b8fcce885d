"""One HTML file that asks nothing of anybody: styles, script and data are in it, and its policy allows nothing else."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

from attrs import frozen

from cts.report.markup import Markup, element, foreign, joined
from cts.report.plot import Plot

__all__ = ["Section", "page"]

_ASSETS = files("cts.report") / "assets"
_SCRIPTS = ("uPlot.iife.min.js", "report.js")
_STYLES = ("uPlot.min.css", "report.css")
_LICENSE = "uPlot-LICENSE.txt"
_LICENSE_TITLE = "The pictures are drawn by uPlot, which is in this file under its licence"
_MARKUP_IN_JSON = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


@frozen
class Section:
    """A part of a page.

    Attributes:
        key: tells it from the others; letters, digits and hyphens.
        title: a stranger's text is allowed.
        body: what stands in it.
        plots: those that have a place in the body.
    """

    key: str
    title: str
    body: Markup
    plots: Sequence[Plot]


def page(title: str, sections: Sequence[Section]) -> str:
    """Return a page: UTF-8, no request to anywhere, no script but ours (Content-Security-Policy by hash).

    Args:
        title: a stranger's text is allowed.
        sections: one below the other, with links to each if there are several.
    """
    scripts, styles = ([_asset(name) for name in names] for names in (_SCRIPTS, _STYLES))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        *(element("style", Markup(text)) for text in styles),
    )
    several = len(sections) > 1
    links = [element("li", element("a", foreign(section.title), href=f"#{section.key}")) for section in sections]
    body = element(
        "body",
        element("header", element("h1", foreign(title)), element("nav", element("ul", *links)) if several else ""),
        element("main", *(_section(section, titled=several) for section in sections)),
        element("footer", element("details", element("summary", _LICENSE_TITLE), element("pre", _asset(_LICENSE)))),
        element("noscript", element("p", "The pictures are drawn by a script in this file, which is off here.")),
        element("script", _data(sections), type="application/json", id="plots"),
        *(element("script", Markup(text)) for text in scripts),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _section(section: Section, *, titled: bool) -> Markup:
    title = element("h2", foreign(section.title)) if titled else ""
    return element("section", joined(title, section.body), id=section.key)


def _data(sections: Sequence[Section]) -> Markup:
    """Return what the script draws, as JSON in which nothing can be taken for markup."""
    plots = [plot.as_json() for section in sections for plot in section.plots]
    text = json.dumps(plots, separators=(",", ":"), allow_nan=False)
    for sign, escaped in _MARKUP_IN_JSON.items():
        text = text.replace(sign, escaped)
    return Markup(text)


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
