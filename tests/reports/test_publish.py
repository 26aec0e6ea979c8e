"""Whole notebooks: parameters in, executed, and a page out that needs no network."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from nbformat import v4

import asw_nb as asw
from asw_nb.reports import execute, publish

CELLS = [
    ("code", "import asw_nb as asw\nfail = False\nn = 1", ["parameters"]),
    ("markdown", "# Sums\n\n![gone](http://example.invalid/x.png)", []),
    ("code", "flow = asw.workflow({'StartAt': 'A', 'States': {'A': {'Type': 'Choice', 'Choices': [{'Variable': '$.fail', 'BooleanEquals': True, 'Next': 'No'}], 'Default': 'Yes'},"
     " 'No': {'Type': 'Fail', 'Error': 'Wanted'}, 'Yes': {'Type': 'Pass', 'End': True}}}, 'sums')\nrun = flow.run({'fail': fail, 'n': n})\nrun", []),
    ("code", "password = 'hunter2xyz'\nprint('password=hunter2xyz', n)", ["hide-input"]),
    ("code", "%load_ext asw_nb\nrun.timeline()", []),
]  # fmt: skip


def notebook(*more: str):
    cells = []
    for kind, source, tags in [*CELLS, *(("code", source, []) for source in more)]:
        make = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
        cells.append(make(source, metadata={"tags": tags} if tags else {}))
    return v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook, run once with a parameter."""
    folder = tmp_path_factory.mktemp("published")
    made = notebook()
    execute.set_parameters(made, {"n": 41})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASW_NB_HOME", str(folder / "home"))
        return execute.execute(made, folder)


def test_parameters_are_put_behind_their_cell(executed):
    cell = executed.notebook.cells[1]
    assert (cell.source, cell.metadata.tags) == ("# Parameters\nn = 41", ["injected-parameters"])
    assert "password=hunter2xyz 41" in executed.notebook.cells[4].outputs[0].text


def test_parameters_replace_those_of_an_earlier_run():
    made = notebook()
    execute.set_parameters(made, {"n": 1})
    execute.set_parameters(made, {"n": 2, "text": "it's"})
    assert [c.source for c in made.cells][:2] == [CELLS[0][1], "# Parameters\nn = 2\ntext = \"it's\""]
    nbformat.validate(made)
    bare = v4.new_notebook(cells=[v4.new_code_cell("n")])
    execute.set_parameters(bare, {"n": 3})
    assert bare.cells[0].source == "# Parameters\nn = 3"
    with pytest.raises(asw.UsageError) as wrong:
        execute.set_parameters(bare, {"n; import os": 3})
    assert str(wrong.value) == '-p n; import os: "n; import os" is no name of a variable.'


def test_parameters_that_nothing_expects_are_found():
    cells = [v4.new_code_cell("n, (a, *b) = 1, (2, 3)\nprint(x)", metadata={"tags": ["parameters"]}), v4.new_code_cell("y = 1")]
    assert execute.unknown_parameters(v4.new_notebook(cells=cells), ["n", "a", "b", "x", "y"]) == ["x", "y"]
    assert execute.unknown_parameters(v4.new_notebook(cells=cells[1:]), ["y"]) == ["y"]


def test_what_ran_is_told(executed):
    assert executed.ok
    assert [(e["workflow"], e["status"]) for e in executed.executions] == [("sums", "SUCCEEDED")]
    assert len(executed.notebook.cells) == len(CELLS) + 1


def test_the_page_fetches_nothing_and_runs_nothing_of_others(executed, tmp_path):
    executed.notebook.cells[2].attachments = {}
    text = publish.page(executed.notebook, "sums", tmp_path)
    rule = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)[1]
    assert rule.startswith("default-src 'none'; img-src data:; ") and rule.count("sha256-") == 2
    assert re.findall(r"<(?:script|link|iframe)[^>]+(?:src|href)=", text) == []
    assert "requirejs" not in text and "mathjax" not in text.lower() and "cdn" not in re.sub(r"[A-Za-z0-9+/=]{200,}", "", text)
    assert text.count("<figure data-chart=") == 1 and "SUCCEEDED" in text


def test_secrets_and_hidden_sources_are_not_in_the_page(executed, tmp_path):
    text = publish.page(executed.notebook, "sums", tmp_path)
    assert "hunter2xyz" not in text and "•••" in text
    assert "hunter2xyz" in publish.page(executed.notebook, "sums", tmp_path, redact=False)
    assert '"n">flow<' in text and '"n">flow<' not in publish.page(executed.notebook, "sums", tmp_path, code=False)
    assert "hunter2xyz" in executed.notebook.cells[4].source  # what is published is a copy


def test_scripts_in_outputs_stay_out_unless_asked_for(tmp_path):
    outputs = [
        v4.new_output("display_data", data={"text/html": "<script src='https://example.invalid/x.js'></script><b>bold</b>"}),
        v4.new_output("display_data", data={"text/html": "<meta http-equiv='refresh' content='0;url=https://example.invalid/'>"}),
        v4.new_output("display_data", data={"application/javascript": "alert(1)", "text/plain": "a script"}),
    ]
    made = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)])
    text = publish.page(made, "x", tmp_path)
    assert "example.invalid" not in text and "alert(1)" not in text and "<b>bold</b>" in text
    text = publish.page(made, "x", tmp_path, scripts=True)
    assert "example.invalid" in text and "script-src 'unsafe-inline'" in text


def test_widgets_show_their_still_form(tmp_path):
    output = v4.new_output("display_data", data={publish.WIDGET_MIME: {"model_id": "x"}, "text/plain": "Button(Stop)"})
    made = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=[output])], metadata={"widgets": {"state": {}}})
    text = publish.page(made, "x", tmp_path)
    assert "Button(Stop)" in text and "jupyter.widget" not in text


def test_a_cell_that_raises_ends_the_run(tmp_path):
    made = v4.new_notebook(cells=[v4.new_code_cell(s) for s in ("1", "", "raise ValueError('password=hunter2xyz')", "2")])
    done = execute.execute(made, tmp_path)
    assert (done.failed_cell, done.error, done.ok) == (2, "ValueError: password=hunter2xyz", False)
    assert "hunter2xyz" not in publish.page(made, "x", tmp_path)


@pytest.mark.slow
def test_a_cell_that_will_not_stop_is_ended_with_its_kernel(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(execute, "GRACE_S", 0.5)
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        print('no')"
    made = v4.new_notebook(cells=[v4.new_code_cell(s) for s in ("1", stubborn, "2")])
    done = execute.execute(made, tmp_path, timeout_s=1)
    assert (done.failed_cell, done.error) == (2, "it ran longer than 1 s, and an interrupt did not stop it: its kernel was ended")
    assert [cell.execution_count for cell in made.cells] == [1, 2, None] and made.cells[1].outputs[0].text == "no\n"
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_cell_that_ends_well_after_its_time_has_failed_too(tmp_path):
    patient = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('ended')"
    made = v4.new_notebook(cells=[v4.new_code_cell(s) for s in (patient, "2")])
    done = execute.execute(made, tmp_path, timeout_s=0.5)
    assert (done.failed_cell, done.error, made.cells[0].outputs[0].text) == (1, "it ran longer than 0.5 s", "ended\n")


def test_what_is_stored_tells_how_it_went():
    failed = v4.new_output("execute_result", data={"text/plain": "asw run sums/it | FAILED at No | Wanted | 0.1 s"})
    made = v4.new_notebook(cells=[v4.new_code_cell("run", outputs=[failed])])
    done = execute.stored(made)
    assert (done.ok, done.executions) == (False, [{"workflow": "sums", "name": "it", "status": "FAILED", "error": None, "failed_at": "No"}])
    again = v4.new_output("execute_result", data={"text/plain": "asw run sums/it | SUCCEEDED | 0.1 s"})
    made.cells.append(v4.new_code_cell("run", outputs=[again]))
    assert execute.stored(made).ok
    made.cells.append(v4.new_code_cell("x", outputs=[v4.new_output("error", ename="KeyError", evalue="'x'", traceback=[])]))
    done = execute.stored(made)
    assert (done.failed_cell, done.error) == (3, "KeyError: 'x'")


def test_values_of_parameters():
    assert json.dumps([execute.value_of(t) for t in ("1", "1.5", "true", "[1]", "x", "None", "NaN-ish")]) == '[1, 1.5, true, [1], "x", null, "NaN-ish"]'


def test_files_that_are_no_notebooks_are_refused(tmp_path):
    (tmp_path / "x.ipynb").write_text("{}")
    with pytest.raises(asw.UsageError, match=r'x\.ipynb" is no notebook: '):
        execute.read(tmp_path / "x.ipynb")
    with pytest.raises(asw.UsageError) as wrong:
        execute.read(tmp_path / "y.ipynb")
    assert str(wrong.value) == f'the notebook "{tmp_path}/y.ipynb" cannot be read: No such file or directory.'
    with pytest.raises(asw.UsageError) as wrong:
        execute.execute(v4.new_notebook(), tmp_path, kernel="julia-9")
    assert str(wrong.value) == 'there is no kernel "julia-9": jupyter kernelspec list shows those that there are.'
