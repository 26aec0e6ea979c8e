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
    assert_reads_everywhere(notebook)


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
