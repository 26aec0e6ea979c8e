"""The notebooks, executed with nobody watching: by nbclient and by papermill, each in a kernel of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def kernels_see_this_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kernels import this package, and nothing that the user has configured."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("ASW_NB_HOME")


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook with its outputs; its kernel starts in `folder`."""
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def read(name: str) -> NotebookNode:
    return nbformat.read(SOURCES / f"{name}.ipynb", as_version=4)


def outputs_of(notebook: NotebookNode, source: str) -> list[NotebookNode]:
    """The outputs of the one code cell whose source holds `source`."""
    [cell] = [c for c in notebook.cells if c.cell_type == "code" and source in c.source]
    return cell.outputs


def data(notebook: NotebookNode, source: str, mime: str = "text/plain") -> str:
    """What the cell displayed last, in one form."""
    return outputs_of(notebook, source)[-1].data[mime]


def assert_reads_everywhere(notebook: NotebookNode) -> None:
    """No widget, no output without HTML or text, no error, nothing on stderr."""
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type in ("display_data", "execute_result", "stream"), output
            assert output.get("name", "stdout") == "stdout", output
            if output.output_type != "stream":
                assert WIDGET not in output.data
                assert "text/plain" in output.data


def assert_is_quickstart(notebook: NotebookNode) -> None:
    [card] = outputs_of(notebook, "%asw run sum_flow")
    assert 'alt="graph of sum: SUCCEEDED"' in card.data["text/html"]
    assert card.data["text/plain"].startswith("asw run sum/")
    assert "| SUCCEEDED |" in card.data["text/plain"]
    assert data(notebook, "run.result()") == "15"
    assert data(notebook, "again.output") == "30"
    history = data(notebook, 'history(form="tencent")', "text/html")
    assert re.findall(r"<td>(ExecutionStart|TaskNode\w+|START|END)</td>", history) == [
        "ExecutionStart", "START", "START", "TaskNodeEnter", "TaskNodeExit", "END",
    ]  # fmt: skip
    assert outputs_of(notebook, 'run["sum"].source')[0].text.startswith("def main_handler(event, context):\n")
    assert set(outputs_of(notebook, "run.timeline()")[0].data) == {
        "application/vnd.plotly.v1+json", "text/html", "text/plain",
    }  # fmt: skip
    assert_reads_everywhere(notebook)


def test_the_quickstart_under_nbclient(tmp_path):
    assert_is_quickstart(execute(read("quickstart"), tmp_path))
    assert (tmp_path / ".asw" / "history.db").exists()


def test_the_quickstart_under_papermill(tmp_path):
    target = tmp_path / "executed.ipynb"
    papermill.execute_notebook(
        str(SOURCES / "quickstart.ipynb"), str(target), cwd=str(tmp_path), kernel_name="python3", progress_bar=False
    )
    assert_is_quickstart(nbformat.read(target, as_version=4))


def test_the_etl_notebook_under_nbclient(tmp_path):
    notebook = execute(read("etl_trades"), tmp_path)
    assert data(notebook, "broken.write_bytes").startswith("'1,000,000 trades in 14 files, ")
    [card] = outputs_of(notebook, "%asw run trades")
    assert 'alt="graph of trades: SUCCEEDED"' in card.data["text/html"]
    assert data(notebook, "run.result()") == "{'periods': 13, 'failed': ['2026-11-06_12.csv'], 'rows': 930423}"
    top = data(notebook, "top.pivot")
    assert len(top.splitlines()) == 2 + 13
    assert data(notebook, "run.timeline()").startswith("timeline: 31 rows, 33 attempts (5 failed), ")
    failed = data(notebook, "status == 'FAILED'")
    assert (failed.count("ShareBusy"), failed.count("TypeError")) == (4, 1)
    items = data(notebook, "run.map_items()")
    assert items.count("SUCCEEDED") == 14
    assert "33 attempts, 4 retries" in data(notebook, "run.summary()")
    assert data(notebook, "asw.failures").startswith("errors: 5 failures of 2 kinds in 1 executions; most frequent: ShareBusy in Read and clean, 80%")
    assert data(notebook, "asw.cost").endswith("state transitions")
    assert_reads_everywhere(notebook)


def kilobytes(notebook: NotebookNode) -> float:
    """What the outputs of all cells take in the file."""
    return sum(len(nbformat.v4.writes(nbformat.v4.new_notebook(cells=[cell]))) - len(cell.source) for cell in notebook.cells if cell.get("outputs")) / 1e3


def journey(notebook: NotebookNode) -> list[str]:
    """What the cells say that they do, those of a journey that its users wrote down."""
    said = [line.removeprefix("# ") for cell in notebook.cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.startswith("# ")]
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    return [line for line in said if line in JOURNEYS]


JOURNEYS = {
    "one line, no server, no account", "ordinary Python functions are the tasks", "one state alone, every data-flow stage as a table", "dry run on a virtual clock",
    "the real one: returns at once, this cell stays live", "one bar per attempt, waiting hatched, critical path outlined", "which states are kept, which run again, and why",
    "back-fill a week", "then look across the runs", "share: one file, opens offline, secrets masked; and a trace for Perfetto",
    "what would happen, with mocks, before burning hours", "live, while it trains: one row per trial, sparkline of loss, best so far",
    "tidy metrics: execution, path, state, attempt, step, name, value, timestamp", "curves by epoch, smoothing shown over the raw line",
    "where did the time go? utilisation of the two places, queueing, retries", "parameters, best and last metrics, durations, and what changed in the definition: only what differs",
    "after a kernel restart or a closed laptop", "a model card to send",
}  # fmt: skip


def test_the_training_notebook_under_nbclient(tmp_path):
    notebook = execute(read("training_sweep"), tmp_path)
    assert journey(notebook) == [
        "what would happen, with mocks, before burning hours", "live, while it trains: one row per trial, sparkline of loss, best so far",
        "tidy metrics: execution, path, state, attempt, step, name, value, timestamp", "curves by epoch, smoothing shown over the raw line",
        "where did the time go? utilisation of the two places, queueing, retries", "parameters, best and last metrics, durations, and what changed in the definition: only what differs",
        "after a kernel restart or a closed laptop", "a model card to send",
    ]  # fmt: skip
    assert data(notebook, "%%asw sweep").splitlines() == [
        "asw workflow sweep | asl | open: gpus",
        'WARNING: States.Train.MaxConcurrency (line 9, column 21): "${gpus}" is open: there is no "gpus" so far. Give it to the run with -p gpus=VALUE.',
    ]
    assert data(notebook, "dry.status") == "('FAILED', 'NotGoodEnough', 'val_loss >= 0.3')"
    [card] = outputs_of(notebook, "%asw run sweep")
    assert 'alt="graph of sweep: SUCCEEDED"' in card.data["text/html"]
    assert data(notebook, "run.result()").startswith("{'published': 'published.npz', 'trial': 4, 'val_loss': 0.1")
    assert data(notebook, "smooth=0.5") == "curves: val_loss; 8 lines"
    assert data(notebook, "timeline=True") == "curves: val_accuracy; 8 lines"
    assert data(notebook, "trials.best").startswith("(0.1, 0.0001, 0.1")
    assert data(notebook, "trials.scatter").startswith("scatter: val_loss_best against learning_rate, 8 trials; best 0.1")
    assert data(notebook, "trials.parallel").startswith("parallel coordinates: learning_rate, alpha, val_loss_best; 8 trials")
    failed = data(notebook, "status == 'FAILED'")
    assert re.findall(r"Train\[\d\]/Fit +\d +\w+", failed) == ["Train[2]/Fit        1  BadZipFile"]
    assert "12 attempts, 1 retry" in data(notebook, "run.summary()")
    assert "finer" in data(notebook, "asw.compare")
    assert len(re.findall(r"(?m)^\d+ ", data(notebook, "state == 'Round'"))) >= 3
    assert data(notebook, 'asw.execution("latest"') == "('SUCCEEDED', 0.1, ['SUCCEEDED', 'SUCCEEDED', 'FAILED'])"
    plan = data(notebook, "dry_run=True")
    assert plan.count(" keep ") == 5
    assert [line.split()[1] for line in plan.splitlines() if "run again" in line] == ["Choose", "Good", "Publish", "Stop"]
    assert data(notebook, "asw.watch(run") == "asw watch | 1 execution | 1 SUCCEEDED"
    watched = data(notebook, "asw.watch(run", "text/html")
    assert re.findall(r"Train\[\d\]/Fit", watched) == [f"Train[{n}]/Fit" for n in range(8)]
    assert len(re.findall(r'<img alt="from [\d.e+]+ to [\d.e+]+"', watched)) == 8 and watched.count("★") == 1
    assert data(notebook, "asw.report") == "'sweep.html'"
    card = (tmp_path / "sweep.html").read_text()
    assert "<title>Digits: the finer sweep against the first" in card
    assert_reads_everywhere(notebook)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    charts = re.findall(r'<img alt="(curves|scatter|parallel coordinates|concurrency|timeline): [^"]*" src="data:image/svg', page)
    assert charts == ["curves", "curves", "scatter", "parallel coordinates", "concurrency", "timeline"]
    assert kilobytes(notebook) < 1_000


def test_the_nightly_notebook_under_nbclient(tmp_path):
    notebook = execute(read("etl_nightly"), tmp_path)
    assert journey(notebook) == [
        "one line, no server, no account", "ordinary Python functions are the tasks", "one state alone, every data-flow stage as a table", "dry run on a virtual clock",
        "the real one: returns at once, this cell stays live", "one bar per attempt, waiting hatched, critical path outlined", "which states are kept, which run again, and why",
        "back-fill a week", "then look across the runs", "share: one file, opens offline, secrets masked; and a trace for Perfetto",
    ]  # fmt: skip
    draft, mended = (c.outputs for c in notebook.cells if c.source.startswith("%%asw nightly_etl"))
    warning = 'States.Summarise.Resource (line 21, column 37): no function "sumarise" answers to the resource "py:sumarise".'
    assert draft[0].data["text/plain"].splitlines()[1].startswith(f"WARNING: {warning} Registered: extract, load. ")
    assert outputs_of(notebook, "missing_functions()")[0].text.startswith(f'{warning} Did you mean "summarise"? Registered: extract, load, summarise. ')
    assert mended[0].data["text/plain"] == "asw workflow nightly_etl | 4 states | asl"
    assert data(notebook, 'test("Extract"') == "asw test EachTable/Extract | SUCCEEDED | next: Load"
    stages = re.findall(r'nowrap"><b>(\w+)</b>', data(notebook, 'test("Extract"', "text/html"))
    assert stages == ["Input", "InputPath", "Parameters", "Result", "ResultSelector", "ResultPath", "OutputPath"]
    assert "reading orders of 2026-11-01" in data(notebook, 'test("Extract"', "text/html")
    assert data(notebook, 'test("EachTable/Load"').endswith("| RETRIABLE | Warehouse.Busy | tried again after 1.0 s, 2 more after that")
    assert data(notebook, "dry.attempts()").count("SUCCEEDED") == 5
    assert "| SUCCEEDED | 1.0 s" in data(notebook, "--time virtual")
    assert data(notebook, "run.timeline").startswith("timeline: 4 rows, 8 attempts (1 failed), ")
    assert data(notebook, "run.summary()").endswith("| 8 attempts, 1 retry")
    traceback = outputs_of(notebook, "bad.failed_at")[0].text
    assert traceback.startswith("FAILED at EachTable[0]/Extract | NoSuchTable\n")
    assert 'the source has no table "oops"' in traceback
    assert data(notebook, "dry_run=True").count("run again") == 4
    assert data(notebook, "bad.output") == "{'rows': 1210}"
    assert data(notebook, "asw.map") == "asw watch | 7 executions | 7 SUCCEEDED"
    assert len(data(notebook, "describe(").splitlines()) == 2 + 4
    assert data(notebook, "asw.failures").startswith("errors: 10 failures of 2 kinds in 10 executions; most frequent: Warehouse.Busy in Load, 90%")
    assert data(notebook, "asw.compare").startswith("asw comparison of day-2026-11-03, day-2026-11-09 | ")
    assert data(notebook, "asw.cost").endswith(" USD for 63 state transitions")
    assert data(notebook, "run.trace") == "'etl.trace.json'"
    assert (tmp_path / "events.csv").read_text().startswith("execution,id,previous_id,timestamp,type,path,state\n")
    page = (tmp_path / "etl_week.html").read_text()
    assert "<title>ETL week 45" in page and page.count("day-2026-11-0") >= 7 and "def load(" not in page
    assert_reads_everywhere(notebook)
    assert kilobytes(notebook) < 1_000
    shown, _ = HTMLExporter().from_notebook_node(notebook)
    assert "ResultSelector" in shown and "7 executions" in shown


FAILING = ["%load_ext asw_nb", '%%asw flow -r\n{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "NoData", "Cause": "empty"}}}', "'not reached'"]  # fmt: skip


def test_an_execution_that_fails_stops_the_notebook(tmp_path):
    notebook = new_notebook(cells=[new_code_cell(source) for source in FAILING])
    with pytest.raises(CellExecutionError) as caught:
        execute(notebook, tmp_path)
    assert caught.value.ename == "ExecutionFailed"
    assert caught.value.evalue.endswith(' FAILED at state "A": NoData: empty')
    card, error = notebook.cells[1].outputs
    assert 'alt="graph of flow: FAILED"' in card.data["text/html"]
    assert len(error.traceback) == 1
    assert notebook.cells[2].outputs == []


def test_with_no_fail_the_notebook_goes_on(tmp_path):
    sources = [FAILING[0], FAILING[1].replace("flow -r", "flow -r -o run --no-fail"), "run.status, run.error"]
    notebook = execute(new_notebook(cells=[new_code_cell(source) for source in sources]), tmp_path)
    assert data(notebook, "run.status") == "('FAILED', 'NoData')"
