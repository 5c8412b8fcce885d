"""docs/definitions.md: what the table of metrics says, in a page."""

from __future__ import annotations

from tests.docs.definitions_page import PAGE, page


def test_the_page_is_made_from_the_table() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "python -m tests.docs.definitions_page makes it anew"
