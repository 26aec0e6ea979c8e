"""Reports as they are received: in a browser without a network, on paper, and as a notebook in somebody else's JupyterLab."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import asw_nb as asw
from asw_nb.reports import execute, publish
from tests.browser.looking import IS_DRAWN, Album
from tests.browser.pages import LabPage
from tests.browser.server import CHECKOUT, Notebooks
from tests.reports.samples import hostile, nightly

RANGE = "chart => chart.querySelector('.live').layout.xaxis.range"
CUT = """() => [...document.querySelectorAll("table, pre, img")]
    .filter(thing => { const box = thing.getBoundingClientRect(); return box.width && box.right > document.documentElement.clientWidth + 1; })
    .map(thing => thing.outerHTML.slice(0, 100))"""

SCROLLED = """() => [...document.querySelectorAll("pre")]
    .filter(thing => thing.clientWidth && (thing.scrollWidth > thing.clientWidth + 1 || thing.scrollHeight > thing.clientHeight + 2))
    .map(thing => thing.outerHTML.slice(0, 100))"""
"""Texts of which a part is not on the paper."""


class Reader:
    """A page of a browser that has no network, and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.messages: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))

    def open(self, path: Path) -> Page:
        """Show a file."""
        self.page.goto(path.as_uri())
        return self.page

    def draw_all(self) -> int:
        """Scroll to each chart until it can be zoomed; how many there are."""
        charts = self.page.locator("figure[data-chart]")
        for i in range(charts.count()):
            charts.nth(i).scroll_into_view_if_needed()
            expect(charts.nth(i)).to_have_attribute("data-drawn", "yes", timeout=60_000)
        return charts.count()

    def assert_quiet(self, path: Path) -> None:
        """Nothing was asked for but the file itself, and nothing was complained about."""
        assert self.requests == [path.as_uri()]
        assert self.messages == []


@pytest.fixture
def reader(browser: Browser) -> Iterator[Callable[[], Reader]]:
    contexts = []

    def make() -> Reader:
        contexts.append(browser.new_context(offline=True, viewport={"width": 1200, "height": 900}))
        return Reader(contexts[-1].new_page())

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Reports of the executions of the three notebooks, which are run here, and the page of one of them."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASW_NB_HOME", str(folder / "home"))
        out = {}
        for name in ("quickstart", "etl_trades", "training_sweep"):
            notebook = execute.read(CHECKOUT / "notebooks" / f"{name}.ipynb")
            done = execute.execute(notebook, folder)
            assert done.failed_cell is None, done.error
            if name == "etl_trades":
                out["page"] = folder / "page.html"
                out["page"].write_text(publish.page(notebook, name, folder), encoding="utf-8")
            with asw.Workspace(folder / "home" / "history.db") as workspace:
                best = [e for e in done.executions if e["status"] == "SUCCEEDED"][-1 if name != "training_sweep" else 0]
                out[name] = workspace.execution(best["name"], best["workflow"]).report(folder / f"{name}.html")
        yield out


def picture(album: Album, page: Page, name: str, selector: str) -> None:
    """A picture in build/screenshots, and for the documents when they are being made."""
    target = album.folder / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    page.locator(selector).first.scroll_into_view_if_needed()
    page.evaluate("for (const note of document.querySelectorAll('.plotly-notifier')) note.remove()")
    page.wait_for_timeout(500)  # a chart follows the width of its page
    content = page.locator(selector).first.screenshot(path=target, animations="disabled")
    if os.environ.get("ASW_NB_PICTURES") and len(content) < 150_000:
        (CHECKOUT / "docs" / "images" / f"{name}.png").write_bytes(content)


@pytest.mark.parametrize("name", ["quickstart", "etl_trades", "training_sweep"])
def test_a_report_shows_everything_without_a_network(reader, made, name, tmp_path):
    album = Album(CHECKOUT / "build" / "screenshots")
    one = reader()
    page = one.open(made[name])
    assert one.draw_all() >= 1
    one.assert_quiet(made[name])
    assert page.locator("#\\30-graph img").evaluate(IS_DRAWN)
    assert page.locator("#\\30-states tbody tr").count() >= 1
    chart = page.locator("#\\30-timeline figure")
    before = chart.evaluate(RANGE)
    chart.scroll_into_view_if_needed()
    area = chart.locator(".nsewdrag").first.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + area["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + area["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_function(f"([chart, before]) => ({RANGE})(chart)[0] > before", arg=[chart.element_handle(), before[0]])
    after = chart.evaluate(RANGE)
    assert before[0] < after[0] < after[1] < before[1]
    assert page.locator("[data-title]").evaluate_all("b => b.map(x => x.dataset.title)")[:3] == ["Zoom", "Pan", "Reset axes"]
    chart.locator("[data-title='Reset axes']").click()
    page.wait_for_function(f"([chart, before]) => Math.abs(({RANGE})(chart)[0] - before) < 1e-6", arg=[chart.element_handle(), before[0]])
    if name == "training_sweep":
        page.set_viewport_size({"width": 860, "height": 900})
        picture(album, page, "report-metrics", "#\\30-metrics figure")
    if name == "etl_trades":
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=album.folder / "report-whole.png", full_page=True)
        page.set_viewport_size({"width": 860, "height": 900})
        picture(album, page, "report-timeline", "#\\30-timeline")
        picture(album, page, "report-errors", "#\\30-errors")


@pytest.mark.parametrize("name", ["etl_trades", "training_sweep", "page"])
def test_nothing_is_cut_on_paper(reader, made, name, tmp_path):
    one = reader()
    page = one.open(made[name])
    one.draw_all()
    page.set_viewport_size({"width": 1032, "height": 700})  # A4, landscape, without its margins
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(CUT) == []
    assert page.evaluate(SCROLLED) == []
    assert page.locator("figure .live").evaluate_all("all => all.every(one => getComputedStyle(one).display === 'none')")
    assert page.locator("section > details").evaluate_all("all => all.every(one => one.open)")
    assert page.pdf().startswith(b"%PDF")


def test_a_published_notebook_needs_no_network(reader, made):
    one = reader()
    page = one.open(made["page"])
    assert one.draw_all() >= 1
    one.assert_quiet(made["page"])
    expect(page.get_by_text("SUCCEEDED").first).to_be_visible()


def test_no_hostile_text_runs(reader, tmp_path):
    path = hostile().report(tmp_path / "hostile.html", code=True)
    one = reader()
    page = one.open(path)
    one.draw_all()
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    page.mouse.move(600, 400)
    assert page.evaluate("window.hit") is None
    assert page.locator("iframe, svg[onload], img[onerror]").count() == 0
    one.assert_quiet(path)


def test_folded_executions_draw_their_charts_when_they_are_opened(reader, tmp_path):
    path = asw.report([nightly(name="one"), nightly(name="two", fail=True)], tmp_path / "both.html")
    one = reader()
    page = one.open(path)
    chart = page.locator("#part-2 figure[data-chart]").first
    expect(chart).to_be_hidden()
    page.locator("#part-2 > summary").click()
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "yes", timeout=60_000)
    one.assert_quiet(path)


def test_the_notebook_form_shows_everything_to_a_stranger(lab: LabPage, notebooks: Notebooks, tmp_path: Path):
    run: Any = nightly(fail=True, name="it")
    received = execute.read(run.report(tmp_path / "report.ipynb"))
    path = notebooks.write(received)
    assert not notebooks.is_trusted(path)
    lab.open(path)
    lab.wait_output("NotEnough at Broken")
    lab.wait_output("Traceback of LookupError at Each[2]/Load")
    assert lab.page.locator(".jp-OutputArea-output img[alt^='graph of nightly']").first.evaluate(IS_DRAWN)
    expect(lab.page.locator(".jp-OutputArea-output .main-svg, .jp-OutputArea-output img[alt^='timeline']").first).to_be_visible()
    assert lab.page.locator(".jp-OutputArea-output table").count() >= 6
    assert lab.outside_requests == []
    lab.screenshot(CHECKOUT / "build" / "screenshots" / "report-notebook.png")
