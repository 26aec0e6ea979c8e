"""`%asw report` in a real IPython shell."""

from __future__ import annotations

from pathlib import Path

from asw_nb.errors import UsageError
from tests.notebook.shell import Notebook

RUN = "import asw_nb as asw\nrun = asw.run({'StartAt': 'A', 'States': {'A': {'Type': 'Pass', 'End': True}}}, {'n': 1}, workflow='one', name='first')"


def test_a_report_is_written_and_its_size_told(notebook: Notebook):
    notebook.run(RUN)
    cell = notebook.run("%asw report run run.md")
    size = Path("run.md").stat().st_size
    assert cell.printed == f"run.md  {size / 1024:.1f} KB\n"
    assert Path("run.md").read_text().startswith("# one · first\n")


def test_a_path_alone_is_of_the_latest_execution(notebook: Notebook):
    notebook.run(RUN)
    assert notebook.run("%asw report out.html --section verdict --title 'A title'").error is None
    assert "<h1>A title</h1>" in Path("out.html").read_text()


def test_without_a_path_it_is_shown_in_the_cell(notebook: Notebook):
    notebook.run(RUN)
    cell = notebook.run("%asw report latest --section parameters")
    assert repr(cell.value) == "asw report one · first | 1 section"
    assert "$.n" in cell.value._repr_mimebundle_()["text/html"]


def test_a_wrong_ending_is_refused(notebook: Notebook):
    notebook.run(RUN)
    assert notebook.fails("%asw report run run.pdf", UsageError) == 'UsageError: the report "run.pdf" must end in .html, .md or .ipynb.'
