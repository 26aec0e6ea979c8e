"""The monitor and the table of several executions in a real page: pressed, typed into and dragged, then saved and read by others.

Tasks wait for files that the test writes, so that what is on screen does not depend on how fast this machine is.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Locator, expect

from tests.browser.looking import (
    IS_DRAWN,
    LARGEST_OUTPUT,
    LOST_WIDGET,
    WIDGET,
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
from tests.browser.server import JupyterServer, Notebooks

SET_UP = '''%load_ext asw_nb
import asw_nb as asw, time
from pathlib import Path

@asw.function
def load(table):
    print("loading", table)
    while not Path(f"go_{table}").exists():
        time.sleep(0.02)
    if table == "users":
        raise asw.TaskError("Busy", "lock timeout on users")
    return {"table": table, "rows": 98_000, "password": "hunter2"}

@asw.function
def ask(event):
    print("who approves?")

etl = asw.workflow("""
StartAt: Each table
States:
  Each table:
    Type: Map
    ItemProcessor:
      StartAt: Load
      States:
        Load: {Type: Task, Resource: load, End: true, Catch: [{ErrorEquals: [Busy], Next: Skip}]}
        Skip: {Type: Pass, Result: {}, End: true}
    Next: Approve
  Approve:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke.waitForTaskToken
    Parameters: {FunctionName: ask, Payload: {"token.$": $$.Task.Token}}
    Next: Good
  Good:
    Type: Choice
    Choices: [{Variable: $.ok, BooleanEquals: true, Next: Publish}]
    Default: Refused
  Publish: {Type: Succeed}
  Refused: {Type: Fail, Error: Refused, Cause: nobody wanted it}
""", name="etl")
forever = asw.workflow("""
StartAt: Again
States:
  Again: {Type: Wait, Seconds: 0, Next: Enough}
  Enough:
    Type: Choice
    Choices: [{Variable: $.enough, IsPresent: true, Next: Done}]
    Default: Again
  Done: {Type: Succeed}
""", name="forever")
run = etl.start(["orders", "users", "items"])
endless = forever.start({})'''


def plain(text: str) -> str:
    """A regular expression that matches the text; Playwright's own notation ends one at a slash."""
    return re.escape(text).replace("/", r"\/")


def press(page: NotebookPage, cell: int, name: str | re.Pattern[str]) -> None:
    """Press the button of that name; an icon before the name does not count."""
    wanted = name if isinstance(name, re.Pattern) else re.compile(f"{plain(name)}$")
    page.cell(cell).get_by_role("button", name=wanted).first.click()


def box(page: NotebookPage, cell: int, state: str, status: str) -> Locator:
    """The box of a state in the monitor's graph; waits until it has that status."""
    found = page.cell(cell).get_by_role("button", name=re.compile(f"^{plain(state)}: {status}$"))
    expect(found).to_have_count(1, timeout=30_000)
    return found


def fill_of(page: NotebookPage, cell: int, state: str) -> tuple[str, str]:
    """Status and colour of a state's box, as the picture has it."""
    address = page.cell(cell).locator('img[alt^="graph of"]').first.get_attribute("src") or ""
    svg = base64.b64decode(address.partition(",")[2]).decode()
    found = re.search(rf'data-state="{re.escape(state)}"(?: data-status="(\w+)")?>.*?fill="(#\w+)"', svg)
    assert found is not None
    return found[1] or "", found[2]


def region(page: NotebookPage, cell: int, label: str) -> Locator:
    """A pane of the monitor, by the name that a screen reader says."""
    return page.cell(cell).get_by_role("region", name=re.compile(f"^{plain(label)}"))


def at_rest(page: NotebookPage, found: Locator) -> FloatRect:
    """Where something stands when it no longer moves: the page is laid out anew after its colours changed."""
    before = None
    for _ in range(50):
        here = found.bounding_box()
        if here is not None and here == before:
            return here
        before = here
        page.page.wait_for_timeout(200)
    raise AssertionError(f"{found} does not come to rest")


def focus(page: NotebookPage, found: Locator) -> None:
    """Put the focus there for good: a click that came before may still move it, when the front end gets to it."""
    for _ in range(50):
        found.focus()
        page.page.wait_for_timeout(200)
        if found.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{found} does not keep the focus")


def drag_to_the_start(page: NotebookPage, cell: int) -> None:
    """Drag the handle of the time slider to its left end."""
    handle = page.cell(cell).locator(".noUi-handle")
    track = page.cell(cell).locator(".noUi-target")
    handle.scroll_into_view_if_needed()
    grip, whole = at_rest(page, handle), at_rest(page, track)
    y = grip["y"] + grip["height"] / 2
    page.page.mouse.move(grip["x"] + grip["width"] / 2, y)
    page.page.mouse.down()
    page.page.mouse.move(whole["x"] + whole["width"] / 2, y, steps=4)
    page.page.mouse.move(whole["x"] - 20, y, steps=4)
    page.page.mouse.up()


def test_the_monitor_is_worked_with_and_leaves_a_card(
    either: NotebookPage,
    notebooks: Notebooks,
    browser: Browser,
    jupyter_lab: JupyterServer,
    tmp_path: Path,
    album: Album,
) -> None:
    path = notebooks.write([SET_UP, "run.monitor()", "endless.monitor()"])
    open_tall(either, path)
    either.run_all()
    front_end = type(either).__name__.removesuffix("Page").lower()

    # states change colour while it runs
    box(either, 1, "Each table/Load", "running")
    running, running_colour = fill_of(either, 1, "Each table/Load")
    box(either, 1, "Approve", "not reached")
    for table in ("orders", "users", "items"):
        (notebooks.folder / f"go_{table}").touch()
    box(either, 1, "Approve", "running")
    ended, ended_colour = fill_of(either, 1, "Each table/Load")
    assert (running, ended) == ("RUNNING", "CAUGHT")
    assert running_colour != ended_colour

    # a state's data
    box(either, 1, "Each table/Load", "caught").click()
    expect(region(either, 1, "State Each table[2]/Load")).to_contain_text('Input"items"')
    expect(region(either, 1, "State Each table[2]/Load")).to_contain_text('"password": "•••"')
    expect(region(either, 1, "State Each table[2]/Load")).to_contain_text('In Python: run["Each table[2]/Load"].output')
    either.cell(1).get_by_label("Failures").select_option(index=1)
    failed = region(either, 1, "State Each table[1]/Load")
    expect(failed).to_contain_text("Error: Busy")
    expect(failed).to_contain_text('raise asw.TaskError("Busy", "lock timeout on users")')
    either.cell(1).get_by_role("tab", name="Logs").click()
    expect(region(either, 1, "Logs")).to_contain_text("loading users")
    either.cell(1).get_by_role("tab", name="Function").click()
    expect(region(either, 1, "Function")).to_contain_text("load Cell In[1]")
    either.cell(1).get_by_role("tab", name="Data").click()

    # the events
    either.cell(1).get_by_label("Type").select_option("LambdaFunctionFailed")
    expect(region(either, 1, "Events").locator("tbody tr")).to_have_count(1)
    expect(region(either, 1, "Events")).to_contain_text("Busy: lock timeout on users")
    album.take(either.page, "monitor" if front_end == "lab" else f"monitor-{front_end}", either.cell(1))
    if isinstance(either, LabPage):
        with dark_theme(either):
            album.take(either.page, "monitor-dark", either.cell(1))

    # back in time, and forth, with the mouse and with the keyboard
    drag_to_the_start(either, 1)
    box(either, 1, "Each table/Load", "not reached")
    expect(either.cell(1)).to_contain_text("as it was")
    focus(either, either.cell(1).get_by_role("button", name="Later", exact=True))
    for _ in range(6):
        either.page.keyboard.press("Space")
    box(either, 1, "Each table/Load", "running")
    box(either, 1, "Approve", "not reached")
    album.take(either.page, "monitor-past" if front_end == "lab" else f"monitor-past-{front_end}", either.cell(1))
    press(either, 1, re.compile("Newest$"))
    box(either, 1, "Approve", "running")

    # the answer to the task that waits
    focus(either, box(either, 1, "Approve", "running"))
    either.page.keyboard.press("Enter")
    expect(region(either, 1, "State Approve")).to_contain_text("RUNNING")
    either.cell(1).get_by_role("textbox", name="Output").fill('{"ok": true}')
    press(either, 1, "Approve")
    box(either, 1, "Publish", "succeeded")
    expect(region(either, 1, "Execution")).to_contain_text("SUCCEEDED")

    # Stop, in the other cell
    box(either, 2, "Again", "(running|waiting|succeeded)")
    press(either, 2, "Stop")
    expect(region(either, 2, "Execution")).to_contain_text("ABORTED")

    # saved while it is open, strangers and nbconvert find the card beside the widget
    either.page.wait_for_timeout(1000)
    either.save()
    [output] = [o for o in notebooks.read(path).cells[1].outputs if WIDGET in o.get("data", {})]
    assert "SUCCEEDED" in output.data["text/html"]
    page, _ = requests_of(browser, converted(notebooks.read(path), tmp_path / "open.html"))
    expect(page.locator(".jp-CodeCell").nth(1).locator('img[alt="graph of etl: SUCCEEDED"]')).to_be_visible()
    page.close()

    # closed, it is the card alone
    press(either, 1, "Close")
    press(either, 2, "Close")
    wait_card(either, 1, "SUCCEEDED")
    wait_card(either, 2, "ABORTED")
    either.save()
    saved = notebooks.read(path)
    assert_holds_no_widget(saved)
    assert max(len(json.dumps(cell.outputs)) for cell in saved.cells) < LARGEST_OUTPUT
    assert either.outside_requests == []
    stranger = LabPage(browser, jupyter_lab)
    try:
        received = notebooks.copy_as_stranger(path)
        assert not notebooks.is_trusted(received)
        stranger.page.set_viewport_size({"width": 1280, "height": 2000})
        stranger.open_without_kernel(received)
        assert_shows_the_card(stranger)
        stranger.close()
        stranger = LabPage(browser, jupyter_lab)
        open_tall(stranger, notebooks.write(saved, "tomorrow.ipynb", trusted=True))
        assert_shows_the_card(stranger)
    finally:
        stranger.close()
    page, _ = requests_of(browser, converted(saved, tmp_path / "closed.html"))
    try:
        image = page.locator(".jp-CodeCell").nth(1).locator('img[alt="graph of etl: SUCCEEDED"]')
        expect(image).to_be_visible()
        assert image.evaluate(IS_DRAWN)
        assert LOST_WIDGET.search(page.locator("body").inner_text()) is None
    finally:
        page.close()


def assert_shows_the_card(page: LabPage) -> None:
    """Graph, table and result are there, and no widget is missed."""
    graph(page, 1, "etl: SUCCEEDED")
    graph(page, 2, "forever: ABORTED")
    expect(page.outputs(1).locator("table").first).to_contain_text("Each table[1]/Load")
    expect(page.outputs(1).locator("pre").first).to_have_text('{"ok": true}')
    assert LOST_WIDGET.search(page.output_text()) is None


# --------------------------------------------------------------------------- texts that would like to be code

HOSTILE = """%load_ext asw_nb
import asw_nb as asw
evil = ["<script>window.evil=1</script>", '"><img src=x onerror="window.evil=1">', "</script></pre></div>", "javascript:window.evil=1",
        "<a href='javascript:window.evil=1'>x</a>", "'quoted' \\"twice\\" `back`", "\\u202etxt.exe \\u2066\\u200f", "x" * 1_000_000, "很长的名字" * 20]

@asw.function
def attack(event):
    for text in evil:
        print(text)
    raise asw.TaskError(evil[0], " ".join(evil[:7]))

states = {name[:70]: {"Type": "Pass", "Result": {name[:70]: evil[:7]}, "ResultPath": "$.x", "Next": after[:70]} for name, after in zip(evil, [*evil[1:], "Attack"])}
states["Attack"] = {"Type": "Task", "Resource": "attack", "Next": "Calm", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Boom"}]}
states["Calm"] = {"Type": "Succeed"}
states["Boom"] = {"Type": "Fail", "Error": evil[1], "Cause": " ".join(evil[:7])}
run = asw.workflow({"StartAt": evil[0], "States": states}, name="evil").run({text[:90]: text for text in evil}, type="EXPRESS", payload_limit_bytes=None)"""

OVERFLOWS = """cell => [...cell.querySelectorAll(".jp-OutputArea-output")]
    .filter(output => output.scrollWidth > output.clientWidth + 1).map(output => output.scrollWidth + " in " + output.clientWidth)"""


def test_nobody_s_text_runs_or_breaks_the_layout(lab: LabPage, notebooks: Notebooks, album: Album) -> None:
    open_tall(lab, notebooks.write([HOSTILE, "run.monitor()", "run", "asw.watch([run])", 'asw.functions("attack")']))
    before = list(lab.page_errors)
    lab.run_all()
    lab.wait_done()
    choices = lab.cell(1).get_by_label("State").first
    expect(choices).to_be_visible()
    for state in range(choices.locator("option").count()):
        choices.select_option(index=state)
        for tab in ("Data", "Logs", "Function", "Attempts"):
            lab.cell(1).get_by_role("tab", name=tab).click()
    choices.select_option("Attack")
    lab.cell(1).get_by_role("tab", name="Data").click()
    expect(region(lab, 1, "State Attack")).to_contain_text("<script>window.evil=1</script>")
    lab.wait_output("evil", 3)
    album.take(lab.page, "monitor-hostile", lab.cell(1))
    for cell in range(1, 5):
        assert lab.cell(cell).evaluate(OVERFLOWS) == []
    assert lab.page.evaluate("() => window.evil") is None
    assert lab.page_errors == before
    assert lab.outside_requests == []
    album.take(lab.page, "card-hostile", lab.cell(2), lab.cell(4))


# --------------------------------------------------------------------------- several at once

SEVERAL = """@asw.function
def slow(event):
    while not Path(f"go{event}").exists():
        time.sleep(0.02)
    if event == 2:
        raise ValueError("two is too many")
    return event

"""


def test_several_executions_in_one_table(lab: LabPage, notebooks: Notebooks, album: Album) -> None:
    definition = {
        "StartAt": "Wait for it",
        "States": {"Wait for it": {"Type": "Task", "Resource": "slow", "End": True}},
    }
    wide = {
        "StartAt": "Each",
        "States": {"Each": {"Type": "Map", "MaxConcurrency": 2, "End": True, "ItemProcessor": definition}},
    }
    flows = f"one, wide = asw.workflow({definition!r}, name='one'), asw.workflow({wide!r}, name='wide')"
    cells = [
        "%load_ext asw_nb\nimport asw_nb as asw, time\nfrom pathlib import Path",
        SEVERAL + flows,
        'runs = [one.start(1, name="first"), one.start(2, name="second"), wide.start([3, 3, 3, 4], name="third")]\nasw.watch(runs)',
        'print("meanwhile:", [run.status for run in runs])',
        "%%asw viewed -i 5 --view widget\n" + json.dumps(definition),
    ]
    path = notebooks.write(cells)
    open_tall(lab, path)
    lab.run_all()
    lab.wait_output("meanwhile: ['RUNNING', 'RUNNING', 'RUNNING']", 3)
    lab.wait_output("0 of 4 items · 2 running", 2)
    for event in (2, 3):
        (notebooks.folder / f"go{event}").touch()
    lab.wait_output("ValueError at Wait for it: two is too many", 2)
    lab.wait_output("3 of 4 items · 1 running", 2)
    rows = [row.split("\n")[0].split("\t")[0] for row in lab.outputs(2).locator("tbody tr").all_inner_texts()]
    assert rows == ["one", "wide", "one"]
    album.take(lab.page, "watch", lab.cell(2))
    for event in (1, 4):
        (notebooks.folder / f"go{event}").touch()
    lab.wait_output(re.compile("1 ✗ FAILED.*2 ✓ SUCCEEDED"), 2)
    # the monitor as the view of a cell leaves the card when the execution ends
    box(lab, 4, "Wait for it", "running")
    (notebooks.folder / "go5").touch()
    wait_card(lab, 4, "SUCCEEDED")
    graph(lab, 4, "viewed: SUCCEEDED")
    lab.save()
    saved = notebooks.read(path)
    assert_holds_no_widget(saved)
    [output] = saved.cells[2].outputs
    assert output.data["text/plain"] == "asw watch | 3 executions | 1 FAILED, 2 SUCCEEDED"
