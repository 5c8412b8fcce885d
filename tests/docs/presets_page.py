"""Makes docs/presets.md out of the presets that are shipped: ``python -m tests.docs.presets_page`` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cts.cli.presets_text import preset_cells
from cts.config.presets import presets

PAGE = Path(__file__).parents[2] / "docs" / "presets.md"

_INTRODUCTION = """\
# Presets

<!-- Made from cts/config/presets.toml by `python -m tests.docs.presets_page`: change it there. -->

`cts test HOST --as PRESET` and `cts serve --as PRESET` stream as a medium does; `cts test --presets` lists them. A flag goes
over the preset (`--as stream-4k --buffer 200ms`), and `--print-config` shows what comes of it. How long to stream is for
`--time` to say.

What a source gives is taken for the rate of UDP payload, though few say at which layer they count. Frames are all of one size,
as at a constant bit rate; an encoder's vary. Of a buffer of B frames, one less are intervals for what varies on the way: the
first frame takes one to be sent. The summary says which other buffer would have been enough ([playout](playout.md)).

Where a source says *not opened*, whoever wrote this could not see it, and goes by what others quote of it, or, of RFCs, by
memory.
"""


def page() -> str:
    """Return the whole page."""
    table, sources = "\n".join(_table()), "\n".join(_sources())
    return f"{_INTRODUCTION}\n{table}\n\n## Where the numbers come from\n\n{sources}\n"


def _table() -> Iterator[str]:
    yield "| preset | what | rate | frames/s | buffer | direction |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, each in presets().items():
        yield f"| `{name}` | {' | '.join((each.summary, *preset_cells(each)))} |"


def _sources() -> Iterator[str]:
    for name, each in presets().items():
        yield f"- **`{name}`**: {each.source}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
