"""``${name}``: filled by options and the notebook's variables, or left open until the run."""

from __future__ import annotations

from typing import Any

import pytest

from asw_nb.errors import DefinitionError, UsageError
from tests.notebook.shell import Notebook


def filled(notebook: Notebook, options: str, text: str) -> Any:
    """The Result of a Pass state whose Result is `text`."""
    source = (
        f"%%asw filled -q {options}\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    Result: {text}\n    End: true\n"
    )
    cell = notebook.run(source)
    assert cell.error is None, cell.shown
    return notebook["filled"].definition["States"]["A"]["Result"]


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ("-p n=3", '"${n}"', 3),
        ("-p n=3", '"no. ${n} of ${n}"', "no. 3 of 3"),
        ("-p table=orders", '"${table}"', "orders"),
        ("-p 'table=\"3\"'", '"${table}"', "3"),
        ("-p t=[1,2]", '"${t[1]}"', 2),
        ("-p t={\"a\":[1]}", '"${t.a}"', [1]),
        ("-p first=1 -p second=2", '["${first}", "${second}"]', [1, 2]),
        ("", '"${config.rows[0]}"', 7),
        ("-p config=mine", '"${config}"', "mine"),
        ("", '"$${config}"', "${config}"),
    ],
)  # fmt: skip
def test_names_are_filled_typed_and_options_come_first(notebook, options, text, value):
    notebook.run('config = {"rows": [7, 8]}')
    assert filled(notebook, options, text) == value


def test_a_name_that_nothing_fills_is_a_problem_with_line_and_column(notebook):
    notebook.run("table = 'orders'")
    shown = notebook.fails(
        "%%asw filled -r\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    Comment: x ${tabel}\n    Result: ${table.upper()}\n    End: true\n",
        DefinitionError,
    )
    assert shown == "\n".join([
        'DefinitionError: 2 problems in workflow "filled"',
        """  States.A.Comment (line 6, column 14): there is no "tabel" for "${tabel}". Did you mean "table"?""",
        "       6 |     Comment: x ${tabel}",
        "         |              ^",
        '  States.A.Result (line 7, column 13): "table.upper" has no value. Check what "table" holds.',
        "       7 |     Result: ${table.upper()}",
        "         |             ^",
    ])  # fmt: skip


SWEEP = """%%asw sweep OPTIONS
StartAt: Train
States:
  Train:
    Type: Map
    MaxConcurrency: ${gpus}
    ItemProcessor:
      StartAt: Fit
      States:
        Fit: {Type: Pass, Parameters: {"data": "${data}", "of.$": $, "literal": "$${data}", "share": "${share}"}, End: true}
    End: true
"""


def test_a_name_may_stay_open_until_the_run(notebook):
    notebook.run("share = 5")
    cell = notebook.run(SWEEP.replace("OPTIONS", ""))
    assert cell.error is None
    assert cell.displayed[0]["text/plain"].splitlines() == [
        "asw workflow sweep | asl | open: gpus, data",
        'WARNING: States.Train.MaxConcurrency (line 6, column 21): "${gpus}" is open: there is no "gpus" so far. Give it to the run with -p gpus=VALUE.',
        'WARNING: States.Train.ItemProcessor.States.Fit.Parameters.data (line 10, column 48): "${data}" is open: there is no "data" so far. '
        "Give it to the run with -p data=VALUE.",
    ]
    assert 'alt="graph of sweep"' in cell.displayed[0]["text/html"]
    notebook.run("share = 7\ndata = {'path': 'x'}")  # what was found is kept; what was open is looked for again
    assert notebook.run("%asw run sweep -i [1] -p gpus=2 -o run -q").error is None
    assert notebook["run"].output == [{"data": {"path": "x"}, "of": 1, "literal": "${data}", "share": 5}]
    assert notebook["run"].definition["States"]["Train"]["MaxConcurrency"] == 2
    assert notebook["sweep"].open == ("gpus", "data")
    tested = notebook.run("%asw test sweep Fit -i 3 -p gpus=2 -p data=4").value
    assert tested.output == {"data": 4, "of": 3, "literal": "${data}", "share": 5}
    filled = notebook["sweep"].fill(gpus=1, data=None)
    assert filled.run([2]).output == [{"data": None, "of": 2, "literal": "${data}", "share": 5}]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("%asw run sweep -i []", UsageError, 'workflow "sweep" leaves "${gpus}", "${data}" open. Run it with -p gpus=VALUE -p data=VALUE, or fill(gpus=..., data=...) it first.'),
        ("%asw run sweep -p gpus=1", UsageError, 'workflow "sweep" leaves "${data}" open. Run it with -p data=VALUE, or fill(data=...) it first.'),
        ("sweep.start()", UsageError, 'workflow "sweep" leaves "${gpus}", "${data}" open. Run it with -p gpus=VALUE -p data=VALUE, or fill(gpus=..., data=...) it first.'),
        ("%asw run sweep -p gpsu=1", UsageError, 'workflow "sweep" has no open "${gpsu}". Did you mean "gpus"? Open: gpus, data.'),
        ("%asw run other -p gpus=1", UsageError, 'workflow "other" has no open "${gpus}". Nothing is.'),
        (
            "%asw run sweep -p gpus=many -p data=1", DefinitionError,
            """1 problem in workflow "sweep"
  States.Train.MaxConcurrency (line 6, column 21): Expected value of type Integer. Write a whole number, without quotes.
       6 |     MaxConcurrency: ${gpus}
         |                     ^""",
        ),
    ],
)  # fmt: skip
def test_what_stays_open_does_not_run(notebook, source, kind, message):
    notebook.run("share = 5")
    notebook.run(SWEEP.replace("OPTIONS", "-q"))
    notebook.run("""%%asw other -q\n{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}""")
    assert notebook.fails(source, kind) == f"{kind.__name__}: {message}"


def test_a_cell_that_runs_leaves_nothing_open(notebook):
    shown = notebook.fails(SWEEP.replace("OPTIONS", "-r -p share=5"), DefinitionError)
    assert 'there is no "gpus" for "${gpus}". Define it, or give it with -p gpus=VALUE.' in shown
    assert "sweep" not in notebook
