"""How the browser tests look at notebooks: pictures of cells, graphs that are drawn, files that hold no widget, pages that ask nobody.

Pictures are left in build/screenshots; with ``ASW_NB_PICTURES=1`` those that the documents show are written to docs/images as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat.notebooknode import NotebookNode
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.pages import NotebookPage
from tests.browser.server import CHECKOUT

IMAGES = CHECKOUT / "docs" / "images"
LARGEST_PICTURE = 150_000
LARGEST_OUTPUT = 200_000
# High enough for every cell that is pictured: what is scrolled out of sight is cut off.
VIEWPORT = {"width": 1280, "height": 2000}
WIDGET = "application/vnd.jupyter.widget-view+json"
LOST_WIDGET = re.compile("model not found|Loading widget|Error displaying widget")
IS_DRAWN = "image => image.complete && image.naturalWidth > 0"
IS_WHOLE = "table => table.parentElement.scrollWidth <= table.parentElement.clientWidth + 1"
PAGE_IS_DARK = """() => getComputedStyle(document.querySelector(".jp-NotebookPanel"))
    .backgroundColor.match(/\\d+/g).every(channel => channel < 60)"""

KEPT_PICTURES = (
    "quickstart-lab",
    "etl-live",
    "etl-card",
    "etl-timeline",
    "error",
    "dark",
    "monitor",
    "monitor-dark",
    "monitor-past",
    "watch",
)


class Album:
    """Pictures of cells, one PNG each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, page: Page, name: str, first: Locator, last: Locator | None = None) -> None:
        """A picture from the top of `first` to the bottom of `last`; one of the documents' when it has such a name."""
        page.mouse.move(640, 1)
        first.evaluate("cell => cell.scrollIntoView({block: 'start'})")
        top, bottom = first.bounding_box(), (last or first).bounding_box()
        assert top is not None and bottom is not None
        clip = {**top, "height": bottom["y"] + bottom["height"] - top["y"]}
        picture = page.screenshot(path=self.folder / f"{name}.png", clip=clip, animations="disabled")
        if os.environ.get("ASW_NB_PICTURES") and name in KEPT_PICTURES:
            assert len(picture) < LARGEST_PICTURE, f"{name}.png has {len(picture):,} bytes"
            (IMAGES / f"{name}.png").write_bytes(picture)


def graph(page: NotebookPage, cell: int, words: str) -> Locator:
    """The picture of a workflow in a cell's output, drawn."""
    image = page.outputs(cell).locator(f'img[alt="graph of {words}"]')
    expect(image).to_be_visible(timeout=60_000)
    page.page.wait_for_function(IS_DRAWN, arg=image.element_handle())
    return image


def wait_card(page: NotebookPage, cell: int, status: str) -> None:
    """Wait for the static card: the last frame, without the live view's list of events."""
    expect(page.outputs(cell).filter(has_text=status).first).to_be_visible(timeout=60_000)
    expect(page.outputs(cell).filter(has_text="Latest events")).to_have_count(0)
    expect(page.cell(cell).locator("button", has_text="Stop")).to_have_count(0)


def open_tall(page: NotebookPage, path: str) -> None:
    page.page.set_viewport_size(VIEWPORT)
    page.open(path)


def assert_holds_no_widget(notebook: NotebookNode) -> None:
    assert "widgets" not in notebook.metadata
    mimes = {mime for c in notebook.cells for o in c.get("outputs", []) for mime in o.get("data", {})}
    assert WIDGET not in mimes


@contextmanager
def dark_theme(page: NotebookPage) -> Iterator[None]:
    """JupyterLab's dark theme, for a while."""
    page.command("apputils:change-theme", {"theme": "JupyterLab Dark"})
    try:
        page.page.wait_for_function(PAGE_IS_DARK)
        yield
    finally:
        page.command("apputils:change-theme", {"theme": "JupyterLab Light"})


def requests_of(browser: Browser, page_file: Path) -> tuple[Page, set[str]]:
    """The page of a file, and the addresses that it asked for; none is answered."""
    asked: set[str] = set()
    page = browser.new_page(viewport=VIEWPORT)

    def refuse(route) -> None:
        asked.add(route.request.url)
        route.abort()

    page.route(re.compile("^(?!file:|data:)"), refuse)
    page.goto(page_file.as_uri())
    return page, asked


def converted(notebook: NotebookNode, target: Path) -> Path:
    """The notebook as ``jupyter nbconvert --to html`` writes it."""
    html, _ = HTMLExporter().from_notebook_node(notebook)
    target.write_text(html, encoding="utf-8")
    return target
