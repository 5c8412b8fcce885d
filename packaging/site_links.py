"""MkDocs' hook: some pages outside of docs/ are part of the site; other links that leave docs/ become plain text."""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = ("CHANGELOG.md", "SECURITY.md", "fuzz/README.md", "packaging/README.md", "plugins/README.md")
"""Pages by their path in the tree, which is that in the site."""

_LINK = re.compile(r"\[([^\]]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the pages outside in."""
    from mkdocs.structure.files import File

    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the text with its links as the site has them."""
    here = page.file.src_uri
    folder = Path(here if here in OUTSIDE else f"docs/{here}").parent

    def mended(link: re.Match[str]) -> str:
        text, path, anchor = link[1], link[2], link[3] or ""
        target = os.path.normpath(folder / path).removesuffix("/README.md")
        target = f"{target}/README.md" if f"{target}/README.md" in OUTSIDE else target
        page_name = target if target in OUTSIDE else target.removeprefix("docs/")
        if target not in OUTSIDE and not target.startswith("docs/"):
            if not (ROOT / target).exists():
                raise ValueError(f"{here}: {path} is not there")
            return text  # part of the source, not of the site
        return f"[{text}]({os.path.relpath(page_name, Path(here).parent)}{anchor})"

    return _LINK.sub(mended, markdown)
