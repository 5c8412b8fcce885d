"""No text becomes markup unless it was made as such."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.report.markup import element, foreign, joined


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.values: list[str | None] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.values += [value for _, value in attrs]


def test_an_element_has_its_attributes_and_children() -> None:
    assert element("td", "a", element("b", "c"), class_="x", aria_hidden="true", id=None) == (
        '<td class="x" aria-hidden="true">a<b>c</b></td>'
    )
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


@settings(max_examples=30)
@given(st.text() | st.sampled_from(["<script>", "</td><script>x", '"><img src=x onerror=y>', "<!--", "&lt;"]))
def test_whatever_text_says_it_stays_text(text: str) -> None:
    made = element("td", text, joined(text), foreign(text), title=text)
    assert Seen(made).elements == ["td", "bdi"]
    assert len(Seen(made).values) == 1
    made.encode()
