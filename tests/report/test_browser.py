"""In a real browser: nothing is complained of, every plot is drawn, all zoom together. Skipped where there is no Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.chromium import BROWSER, Chromium
from tests.report.recorded import LOSSY, page_of, plots_of, recorded

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

_DRAWN = "[...document.querySelectorAll('[data-plot]')].map((place) => place.querySelector('canvas'))"
_INK = f"""{_DRAWN}.map((canvas) => {{
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let coloured = 0;
    for (let i = 0; i < data.length; i += 4) {{
        const [r, g, b] = data.slice(i, i + 3);
        coloured += data[i + 3] > 0 && Math.max(r, g, b) - Math.min(r, g, b) > 60;
    }}
    return coloured;
}})"""
_SECONDS = "[...document.querySelectorAll('[data-plot$=rate] .u-axis')].length"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "report.html"
    one = recorded(folder / "one.jsonl", *LOSSY)
    many = recorded(folder / "many.jsonl", *LOSSY, "client.connections=3", "network.loss=0.1")
    path.write_text(page_of(one, many), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_every_plot_is_drawn_and_nothing_is_complained_of(
    browser: Chromium, page: Path, width: int, dark: bool
) -> None:
    browser.show(page, width=width, dark=dark)
    plots = plots_of(page.read_text(encoding="utf-8"))
    ink = dict(zip([plot["key"] for plot in plots], browser.of(_INK), strict=True))
    assert [key for key, coloured in ink.items() if coloured < 50] == []
    assert browser.said == []
    assert browser.requested == [page.resolve().as_uri()]
    assert browser.of("document.documentElement.scrollWidth <= innerWidth")


def test_a_drag_across_one_plot_zooms_its_group_and_a_button_shows_the_whole_run_again(
    browser: Chromium, page: Path
) -> None:
    browser.show(page)
    shown = "[...document.querySelectorAll('#run1 [data-zoom]')].map((place) => place.dataset.zoom)"
    whole = browser.of(shown)
    assert len(set(whole)) == 1
    assert len(whole) == 5
    elsewhere = browser.of("document.querySelector('#run2 [data-zoom]').dataset.zoom")
    over = "document.querySelector('#plot-run1-verdicts .u-over')"
    browser.of(f"{over}.scrollIntoView({{block: 'center'}})")
    left, top, width, height = browser.of(
        f"(({{x, y, width, height}}) => [x, y, width, height])({over}.getBoundingClientRect())"
    )
    middle = top + height / 2
    browser.drag((left + width / 4, middle), (left + width / 2, middle))
    zoomed = browser.of(shown)
    assert len(set(zoomed)) == 1
    least, greatest = map(float, zoomed[0].split())
    full = float(whole[0].split()[1])
    assert least == pytest.approx(full / 4, rel=0.05)
    assert greatest == pytest.approx(full / 2, rel=0.05)
    assert browser.of("document.querySelector('#run2 [data-zoom]').dataset.zoom") == elsewhere
    browser.of("document.querySelector('[data-whole=run1]').click()")
    assert browser.of(shown) == whole
    assert browser.said == []


_PAINTED = f"""{_DRAWN.replace("[data-plot]", "#plot-run1-verdicts")}.map((canvas) => {{
    const row = canvas.getContext('2d').getImageData(0, canvas.height / 3, canvas.width, 1).data;
    const painted = [];
    for (let x = 0, from = null; x <= canvas.width; x++) {{
        const is = x < canvas.width && Math.max(row[4 * x], row[4 * x + 2]) - row[4 * x + 1] > 60;
        if (is && from === null) from = x;
        if (!is && from !== null) {{ painted.push(x - from); from = null; }}
    }}
    return painted;
}})[0]"""
"""Widths of what is painted beside each other at two thirds of a plot's height."""


def test_bars_are_as_wide_as_their_windows_and_lie_over_none_of_the_others(browser: Chromium, page: Path) -> None:
    browser.show(page)
    edges = next(plot for plot in plots_of(page.read_text(encoding="utf-8")) if plot["key"] == "run1-verdicts")["edges"]
    widths = browser.of(_PAINTED)
    assert len(widths) == len(edges) - 1
    scale = sum(widths) / (edges[-1] - edges[0])
    for width, begin, end in zip(widths, edges[:-1], edges[1:], strict=True):
        assert width == pytest.approx((end - begin) * scale, abs=2.5)


def test_each_plot_can_be_saved_as_a_png_file(browser: Chromium, page: Path, tmp_path: Path) -> None:
    browser.show(page, dark=True)
    browser.keep_downloads_in(tmp_path)
    buttons = browser.of(
        "[...document.querySelectorAll('button[data-save]:not([hidden])')].map((each) => each.dataset.save)"
    )
    assert buttons == [plot["key"] for plot in plots_of(page.read_text(encoding="utf-8"))]
    for key in ("run1-verdicts", "run2-streams"):
        browser.of(f"document.querySelector('[data-save={key}]').click()")
        saved = browser.download()
        assert saved.name == f"cts-report-2-runs-{key}.png"
        shown = browser.of(f"document.querySelector('#plot-{key} canvas').width")
        data = saved.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert int.from_bytes(data[16:20], "big") == shown + 32
    assert browser.said == []
    assert browser.requested == [page.resolve().as_uri()]
