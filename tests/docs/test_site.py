"""mkdocs.yml: the site has every page of docs/; `mkdocs build --strict` in CI sees to the rest."""

from __future__ import annotations

import re

from tests.docs.pages import PAGES, ROOT, name_of


def test_every_page_of_docs_is_in_the_sites_navigation() -> None:
    listed = re.findall(r"[\w/.-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2])
    pages = [name_of(path).removeprefix("docs/") for path in PAGES if path.is_relative_to(ROOT / "docs")]
    assert set(pages) <= set(listed)
    assert len(listed) == len(set(listed))
