"""The notebooks of this project as people meet them: run by "Run All", watched while they run, saved, and opened again
by others.

A task that is to be seen running waits for a file, which the test writes: what is on screen then does not depend on
how fast this machine is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode
from playwright.sync_api import Browser, expect

from tests.browser.looking import (
    IS_DRAWN,
    IS_WHOLE,
    LARGEST_OUTPUT,
    LOST_WIDGET,
    VIEWPORT,
    Album,
    assert_holds_no_widget,
    converted,
    dark_theme,
    graph,
    open_tall,
    requests_of,
    wait_card,
)
from tests.browser.pages import LabPage, NotebookPage
from tests.browser.server import CHECKOUT, JupyterServer, Notebooks

SOURCES = CHECKOUT / "notebooks"
QUICKSTART = {"define": 2, "run": 3, "result": 4, "timeline": 8, "again": 10}
ETL = {"run": 4, "result": 5, "timeline": 7}


# --------------------------------------------------------------------------- looking at cells


def table_rows(page: NotebookPage, cell: int) -> list[list[str]]:
    """The texts in the body of the first table of a cell's output."""
    rows = page.outputs(cell).locator("table").first.locator("tbody tr").all()
    return [[text.strip() for text in row.locator("td").all_inner_texts()] for row in rows]


def assert_shows_timeline(page: NotebookPage, cell: int) -> None:
    # plotly's renderer leaves a PNG in the file, and shows it until somebody touches the figure
    timeline = page.outputs(cell).locator("img, svg.main-svg").first
    expect(timeline).to_be_visible()
    box = timeline.bounding_box()
    assert box is not None and min(box["width"], box["height"]) > 80


def output_size(notebook: NotebookNode, cell: int) -> int:
    """Bytes that the outputs of a code cell take in the file."""
    code = [c for c in notebook.cells if c.cell_type == "code"]
    return len(json.dumps(code[cell].outputs, ensure_ascii=False).encode())


# --------------------------------------------------------------------------- the two notebooks, run once each


class Finished:
    """A notebook that has been run and saved in JupyterLab, its page still open."""

    def __init__(self, page: LabPage, notebooks: Notebooks, path: str) -> None:
        self.page, self.notebooks, self.path = page, notebooks, path
        page.save()
        self.saved = notebooks.read(path)


@pytest.fixture(scope="module")
def open_lab(browser: Browser, jupyter_lab: JupyterServer) -> Iterator[Callable[[], LabPage]]:
    """Makes pages that stay open until the module ends."""
    pages: list[LabPage] = []

    def make() -> LabPage:
        pages.append(LabPage(browser, jupyter_lab))
        return pages[-1]

    yield make
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def quickstart(open_lab: Callable[[], LabPage], jupyter_lab: JupyterServer) -> Finished:
    """The quickstart after "Run All"."""
    page, notebooks = open_lab(), Notebooks(jupyter_lab, "quickstart")
    path = notebooks.write(nbformat.read(SOURCES / "quickstart.ipynb", as_version=4), "quickstart.ipynb")
    open_tall(page, path)
    page.run_all()
    page.wait_done()
    page.wait_output("30", QUICKSTART["again"])
    wait_card(page, QUICKSTART["run"], "SUCCEEDED")
    return Finished(page, notebooks, path)


HELD = """
@asw.function
def read_and_clean(event, context):
    import time
    while int(event["file"][8:10]) > 5 and not Path("go").exists():
        time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def etl(open_lab: Callable[[], LabPage], jupyter_lab: JupyterServer) -> Finished:
    """The ETL notebook after "Run All"; from its eighth file on, reading waits until the page has been looked at."""
    page, notebooks = open_lab(), Notebooks(jupyter_lab, "etl")
    notebook = nbformat.read(SOURCES / "etl_trades.ipynb", as_version=4)
    functions = next(c for c in notebook.cells if "def read_and_clean" in c.source)
    functions.source = functions.source.replace("\n@asw.function\ndef read_and_clean(event, context):\n", HELD)
    assert 'Path("go")' in functions.source
    path = notebooks.write(notebook, "etl_trades.ipynb")
    open_tall(page, path)
    page.run_all()
    page.wait_output("8 of 14", ETL["run"], timeout=120)
    pictures = CHECKOUT / "build" / "screenshots"
    pictures.mkdir(parents=True, exist_ok=True)
    graph(page, ETL["run"], "trades, running")
    Album(pictures).take(page.page, "etl-live", page.cell(ETL["run"]))
    (notebooks.folder / "go").touch()
    page.wait_done(120)
    wait_card(page, ETL["run"], "SUCCEEDED")
    return Finished(page, notebooks, path)


def test_the_quickstart_in_jupyterlab(quickstart: Finished, album: Album) -> None:
    page = quickstart.page
    graph(page, QUICKSTART["define"], "sum")
    graph(page, QUICKSTART["run"], "sum: SUCCEEDED")
    [[*row, duration, function]] = table_rows(page, QUICKSTART["run"])
    assert (row, function) == (["sum", "Task", "✓ SUCCEEDED", "1"], "sum")
    assert re.fullmatch(r"[\d.]+ m?s", duration)
    assert page.outputs(QUICKSTART["run"]).locator("pre").first.inner_text() == "15"
    assert page.output_text(QUICKSTART["result"]) == "15"
    assert page.output_text(QUICKSTART["again"]) == "30"
    assert page.prompts() == [f"[{n}]:" for n in range(1, 12)]
    assert page.outside_requests == []
    album.take(page.page, "quickstart-lab", page.cell(QUICKSTART["define"]), page.cell(QUICKSTART["run"]))


def test_the_quickstart_in_notebook_7(notebook7: NotebookPage, notebooks: Notebooks, album: Album) -> None:
    path = notebooks.write(nbformat.read(SOURCES / "quickstart.ipynb", as_version=4), "quickstart.ipynb")
    open_tall(notebook7, path)
    notebook7.run_all()
    notebook7.wait_done()
    notebook7.wait_output("30", QUICKSTART["again"])
    wait_card(notebook7, QUICKSTART["run"], "SUCCEEDED")

    graph(notebook7, QUICKSTART["run"], "sum: SUCCEEDED")
    assert notebook7.output_text(QUICKSTART["result"]) == "15"
    assert notebook7.outside_requests == []
    album.take(
        notebook7.page, "quickstart-notebook7", notebook7.cell(QUICKSTART["define"]), notebook7.cell(QUICKSTART["run"])
    )
    notebook7.save()
    assert_holds_no_widget(notebooks.read(path))


def test_the_etl_notebook_in_jupyterlab(etl: Finished, album: Album) -> None:
    page = etl.page
    graph(page, ETL["run"], "trades: SUCCEEDED")
    rows = {row[0]: row for row in table_rows(page, ETL["run"])}
    assert {state: " ".join(row[2].split()) for state, row in rows.items()} == {
        "List files": "✓ SUCCEEDED",
        "Each period": "✓ SUCCEEDED",
        "Each period/Read and clean": "✓ 13 SUCCEEDED ↷ 1 CAUGHT",
        "Each period/Top 5": "✓ 13 SUCCEEDED",
        "Each period/Report damage": "✓ SUCCEEDED",
        "Write summary": "✓ SUCCEEDED",
    }
    assert rows["Each period/Read and clean"][3] == "18"
    assert rows["Each period/Read and clean"][6] == "TypeError, in Each period[9]/Read and clean"
    assert "{'periods': 13, 'failed': ['2026-11-06_12.csv']" in page.output_text(ETL["result"])
    assert page.outside_requests == []
    assert_shows_timeline(page, ETL["timeline"])
    album.take(page.page, "etl-card", page.cell(ETL["run"]))
    album.take(page.page, "etl-timeline", page.cell(ETL["timeline"]))

    with dark_theme(page):
        album.take(page.page, "dark", page.cell(ETL["run"]))
        album.take(page.page, "dark-timeline", page.cell(ETL["timeline"]))


# --------------------------------------------------------------------------- while it runs

PACED = """
import time
from pathlib import Path

@asw.function
def step(event):
    while not Path(f"go{event}").exists():
        time.sleep(0.02)
    return event
"""

EIGHT_STEPS = """%%asw paced -i '[0, 1, 2, 3, 4, 5, 6, 7]' -o run
StartAt: Each
States:
  Each:
    Type: Map
    MaxConcurrency: 3
    ItemProcessor:
      StartAt: Step
      States:
        Step: {Type: Task, Resource: step, End: true}
    Next: Done
  Done: {Type: Succeed}
"""

ENDLESS = """%%asw endless -r -o run
StartAt: Again
States:
  Again: {Type: Pass, Next: Enough}
  Enough:
    Type: Choice
    Choices: [{Variable: $.enough, IsPresent: true, Next: Done}]
    Default: Again
  Done: {Type: Succeed}
"""

LOAD = "%load_ext asw_nb\nimport asw_nb as asw"


def test_a_cell_shows_its_execution_while_other_cells_run(lab: LabPage, notebooks: Notebooks, album: Album) -> None:
    path = notebooks.write([LOAD + PACED, EIGHT_STEPS, 'print("meanwhile:", run.status)'])
    open_tall(lab, path)
    lab.run_all()
    lab.wait_output("meanwhile: RUNNING", 2)
    lab.wait_output("0 of 8", 1)
    assert lab.prompts() == ["[1]:", "[2]:", "[3]:"]
    graph(lab, 1, "paced, running")
    expect(lab.outputs(1).first).to_contain_text("RUNNING")
    expect(lab.outputs(1).first).to_contain_text("0 states done")
    expect(lab.outputs(1).first).to_contain_text("4 running")
    assert bar_share(lab, 1) == 0
    place = lab.cell(2).bounding_box()

    for item in range(3):
        (notebooks.folder / f"go{item}").touch()
    lab.wait_output("3 of 8", 1)
    expect(lab.outputs(1).first).to_contain_text("3 states done")
    expect(lab.outputs(1).first).to_contain_text("Each[3] started")
    assert bar_share(lab, 1) == pytest.approx(3 / 8, abs=0.01)
    assert lab.cell(2).bounding_box() == place, "the cells below have jumped while it ran"
    album.take(lab.page, "paced-live", lab.cell(1), lab.cell(2))

    for item in range(3, 8):
        (notebooks.folder / f"go{item}").touch()
    wait_card(lab, 1, "SUCCEEDED")
    graph(lab, 1, "paced: SUCCEEDED")
    assert lab.outputs(1).locator("pre").first.inner_text() == "[0, 1, 2, 3, 4, 5, 6, 7]"
    lab.save()
    assert_holds_no_widget(notebooks.read(path))


def bar_share(page: NotebookPage, cell: int) -> float:
    """Which share of the first Map's strip is green."""
    track = page.outputs(cell).locator('div[style*="e4e7eb"]').first
    whole = track.bounding_box()
    assert whole is not None
    parts = [part.bounding_box() for part in track.locator('div[style*="1FA971"]').all()]
    return sum(part["width"] for part in parts if part is not None) / whole["width"]


def test_the_stop_button_ends_an_endless_loop(lab: LabPage, notebooks: Notebooks, album: Album) -> None:
    path = notebooks.write([LOAD, ENDLESS])
    open_tall(lab, path)
    lab.run_all()
    stop = lab.cell(1).locator("button", has_text="Stop")
    stop.wait_for()
    lab.wait_output("RUNNING", 1)
    stop.click()
    wait_card(lab, 1, "ABORTED")
    expect(lab.outputs(1).first).to_contain_text("stopped in the notebook")
    graph(lab, 1, "endless: ABORTED")
    album.take(lab.page, "stopped", lab.cell(1))
    lab.save()
    assert_holds_no_widget(notebooks.read(path))


def test_the_stop_magic_ends_an_endless_loop_from_another_cell(lab: LabPage, notebooks: Notebooks) -> None:
    counted = 'while sum(run._run.state.exited) < 10_000: pass\nprint("meanwhile:", run.status)'
    lab.open(notebooks.write([LOAD, ENDLESS, counted, "%asw stop", "run.status"]))
    lab.run_all()
    lab.wait_done()
    assert lab.output_text(2) == "meanwhile: RUNNING"
    assert re.fullmatch(r"asw run endless/\S+ \| ABORTED at (Again|Enough) \| [\d.]+ s", lab.output_text(3))
    assert lab.output_text(4) == "'ABORTED'"
    wait_card(lab, 1, "ABORTED")


# --------------------------------------------------------------------------- a definition with mistakes

FIVE_MISTAKES = """%%asw nightly
StartAt: Load
States:
  Load:
    Type: Task
    Resource: load
    TimeoutSecond: 60
    Retry: [{ErrorEquals: [States.ALL], MaxAttempts: three}]
    Next: Check
  Check:
    Type: Choice
    Choices:
      - {Variable: $.rows, NumericGreaterThan: "100", Next: Finish}
    Default: Finnish
  Finish:
    Type: Succeed
    Next: Load
"""


def test_a_definition_with_mistakes_is_refused_with_all_of_them(
    lab: LabPage, notebooks: Notebooks, album: Album
) -> None:
    open_tall(lab, notebooks.write([LOAD, FIVE_MISTAKES, "'not reached'"]))
    lab.run_all()
    lab.wait_done()
    lab.wait_output("DefinitionError", 1)
    text = lab.output_text(1)
    assert text.splitlines()[0] == 'DefinitionError: 5 problems in workflow "nightly"'
    assert (
        """States.Check.Default (line 14, column 14): Missing 'Next' target: Finnish. Did you mean "Finish"?""" in text
    )
    assert "      14 |     Default: Finnish" in text.splitlines()
    assert "Traceback" not in text
    album.take(lab.page, "error", lab.cell(1))


# --------------------------------------------------------------------------- the saved file, in other hands


@pytest.fixture(params=["quickstart", "etl"])
def finished(request: pytest.FixtureRequest) -> tuple[Finished, dict[str, int], str, str]:
    """Each of the two notebooks, where its cells are, its workflow's name and its output."""
    if request.param == "quickstart":
        return request.getfixturevalue("quickstart"), QUICKSTART, "sum", "15"
    return request.getfixturevalue("etl"), ETL, "trades", '{"periods": 13, "failed": ["2026-11-06_12.csv"]'


def test_a_saved_notebook_holds_no_widget_and_is_small(finished) -> None:
    done, cells, _, _ = finished
    assert_holds_no_widget(done.saved)
    assert output_size(done.saved, cells["run"]) < LARGEST_OUTPUT


def assert_shows_everything(page: NotebookPage, cells: dict[str, int], workflow: str, output: str) -> None:
    graph(page, cells["run"], f"{workflow}: SUCCEEDED")
    assert table_rows(page, cells["run"])[0][2] == "✓ SUCCEEDED"
    assert page.outputs(cells["run"]).locator("table").first.evaluate(IS_WHOLE)
    assert page.outputs(cells["run"]).locator("pre").first.inner_text().startswith(output)
    assert_shows_timeline(page, cells["timeline"])
    assert LOST_WIDGET.search(page.output_text()) is None
    assert page.outside_requests == []


def test_a_stranger_sees_everything(finished, lab: LabPage, album: Album) -> None:
    done, cells, workflow, output = finished
    path = done.notebooks.copy_as_stranger(done.path)
    assert not done.notebooks.is_trusted(path)
    open_tall(lab, path)
    assert_shows_everything(lab, cells, workflow, output)
    album.take(lab.page, f"{workflow}-untrusted", lab.cell(cells["run"]))


def test_everything_is_seen_without_a_kernel(finished, lab: LabPage, jupyter_lab: JupyterServer) -> None:
    done, cells, workflow, output = finished
    path = done.notebooks.copy_as_stranger(done.path, "no_kernel.ipynb")
    lab.page.set_viewport_size(VIEWPORT)
    lab.open_without_kernel(path)
    assert jupyter_lab.session(path) is None
    assert_shows_everything(lab, cells, workflow, output)


def test_the_author_sees_everything_with_a_new_kernel(quickstart: Finished, lab: LabPage) -> None:
    path = quickstart.notebooks.write(quickstart.saved, "tomorrow.ipynb", trusted=True)
    assert quickstart.notebooks.is_trusted(path)
    open_tall(lab, path)
    assert_shows_everything(lab, QUICKSTART, "sum", "15")


def test_nbconvert_keeps_everything_and_asks_nobody(finished, browser: Browser, tmp_path: Path, album: Album) -> None:
    done, cells, workflow, output = finished
    # nbconvert's own template asks a network for scripts, whatever the notebook: those requests are not ours
    bare, theirs = requests_of(browser, converted(nbformat.v4.new_notebook(), tmp_path / "empty.html"))
    bare.close()
    page, asked = requests_of(browser, converted(done.saved, tmp_path / "converted.html"))
    try:
        assert asked <= theirs
        areas = page.locator(".jp-CodeCell")
        card, timeline = areas.nth(cells["run"]), areas.nth(cells["timeline"])
        for image in (card.locator(f'img[alt="graph of {workflow}: SUCCEEDED"]'), timeline.locator("img")):
            expect(image).to_have_count(1)
            assert image.get_attribute("src").startswith("data:image/svg+xml;base64,")
            assert image.evaluate(IS_DRAWN)
        assert card.locator("tbody tr").first.locator("td").nth(2).inner_text() == "✓ SUCCEEDED"
        assert card.locator("table").first.evaluate(IS_WHOLE)
        assert card.locator("pre").filter(has_text=output[:20]).count() >= 1
        assert LOST_WIDGET.search(page.locator("body").inner_text()) is None
        album.take(page, f"{workflow}-nbconvert", card)
        album.take(page, f"{workflow}-nbconvert-timeline", timeline)
    finally:
        page.close()
