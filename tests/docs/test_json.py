"""docs/json.md: what the shipped schemas say, in a page."""

from __future__ import annotations

import re

from cts.schemas import SCHEMAS
from tests.docs.json_page import PAGE, page
from tests.schemas.validating import schema_of

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_made_from_the_schemas() -> None:
    assert page() == TEXT, "python -m tests.docs.json_page makes it anew"


def test_the_page_has_every_key_of_every_schema_with_its_meaning() -> None:
    for command in SCHEMAS:
        schema = schema_of(command)
        for each in (schema, *schema["$defs"].values()):
            for key, value in each.get("properties", {}).items():
                assert f"`{key}`" in TEXT
                assert value.get("description", "") in TEXT


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    assert len(set(headings)) == len(headings)
    links = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert len(links) > 10
    assert links <= set(headings)
