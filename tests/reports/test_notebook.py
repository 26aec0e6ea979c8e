"""The notebook form: valid, clean, and able to run again with another parameter."""

from __future__ import annotations

import nbformat
import pytest

import asw_nb as asw
from asw_nb.names import registry
from asw_nb.reports import execute
from tests.reports.samples import SECRETS, nightly, secretive, written

DOUBLE = {"StartAt": "Double", "States": {"Double": {"Type": "Task", "Resource": "double", "End": True}}}


@pytest.fixture
def double(monkeypatch):
    """A function that is registered while the test runs."""
    monkeypatch.setattr(registry, "_functions", {})

    @asw.function
    def double(event):
        return {"twice": 2 * event["n"]}

    return double


def read(run, folder, **options):
    return nbformat.reads(written(run, folder, ".ipynb", **options), as_version=4)


def test_it_is_valid_and_its_metadata_is_clean(tmp_path):
    notebook = read(nightly(fail=True), tmp_path, code=True)
    nbformat.validate(notebook)
    assert dict(notebook.metadata) == {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"},
    }  # fmt: skip
    assert [cell.id for cell in notebook.cells] == [f"asw-{i:03d}" for i in range(1, len(notebook.cells) + 1)]
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


def test_each_section_is_a_cell_with_its_output_stored(tmp_path):
    notebook = read(nightly(fail=True), tmp_path)
    shown = {cell.source: cell.outputs[0].data for cell in notebook.cells if cell.get("outputs")}
    assert list(shown)[:5] == ["run", 'run.report(sections="errors")', 'run.report(sections="parameters")', "run.graph()", "run.timeline()"]
    assert all(set(data) <= {"text/html", "text/plain", "application/vnd.plotly.v1+json"} for data in shown.values())
    assert "application/vnd.plotly.v1+json" in shown["run.timeline()"]
    assert "<script" not in "".join(data["text/html"] for data in shown.values())


def test_the_parameters_stand_in_the_cell_that_papermill_fills(tmp_path):
    run = nightly(name="it")
    (cell,) = [cell for cell in read(run, tmp_path).cells if "parameters" in cell.metadata.get("tags", [])]
    names: dict = {}
    exec(cell.source, names)
    assert {k: names[k] for k in ("execution", "workflow", "history", "input", "functions")} == {
        "execution": "it", "workflow": "nightly", "history": "asw_home/history.db", "input": None, "functions": None,
    }  # fmt: skip


def test_the_source_of_functions_is_registered_under_their_names(tmp_path, double):
    run = asw.run(DOUBLE, {"n": 2}, workflow="double", functions={"double": double})
    sources = [cell.source for cell in read(run, tmp_path, code=True).cells if cell.cell_type == "code"]
    assert 'import asw_nb as asw\n\n@asw.function\ndef double(event):\n    return {"twice": 2 * event["n"]}' in sources


def test_several_executions_are_shown_without_code(tmp_path):
    notebook = read([nightly(), nightly(fail=True)], tmp_path)
    assert {cell.source for cell in notebook.cells if cell.cell_type == "code"} == {""}


@pytest.mark.slow
def test_run_again_it_masks_what_it_masked_before(tmp_path):
    secretive().report(tmp_path / "report.ipynb")
    notebook = execute.read(tmp_path / "report.ipynb")
    assert execute.execute(notebook, tmp_path).ok
    shown = "".join(nbformat.writes(notebook))
    assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.slow
def test_it_runs_again_as_it_is_and_with_another_input(tmp_path, double):
    run = asw.run(DOUBLE, {"n": 2}, workflow="double", name="it", functions={"double": double})
    path = run.report(tmp_path / "report.ipynb", code=True)
    notebook = execute.read(path)
    done = execute.execute(notebook, tmp_path)
    assert (done.ok, done.error, done.executions) == (True, "", [])
    printed = "".join(o.text for cell in notebook.cells for o in cell.get("outputs", []) if o.output_type == "stream")
    assert printed == f"{run!r}\n"

    notebook = execute.read(path)
    execute.set_parameters(notebook, {"input": '{"n": 21}'})
    done = execute.execute(notebook, tmp_path)
    assert done.ok and [(e["workflow"], e["status"]) for e in done.executions] == [("double", "SUCCEEDED")]
    assert asw.execution("latest").output == {"twice": 42}
