"""``%asw test``: one state alone, from a cell."""

from __future__ import annotations

import pytest

from asw_nb.errors import UsageError

LOADING = """%%asw loading -q
StartAt: Each
States:
  Each:
    Type: Map
    ItemSelector: {"n.$": $$.Map.Item.Value}
    ItemProcessor:
      StartAt: Load
      States:
        Load: {Type: Task, Resource: load, Parameters: {"n.$": $.n, "i.$": $$.Map.Item.Index, "day.$": $day}, Retry: [{ErrorEquals: [Busy]}], End: true}
    End: true
"""


def test_one_state_is_tested_alone(notebook):
    notebook.run(LOADING)
    cell = notebook.run(
        """%asw test loading Load -i {"n": 3} --mock {"Load": 7} --context {"Map": {"Item": {"Index": 2}}} --variables '{"day": "monday"}' -o test"""
    )
    assert cell.error is None
    assert repr(cell.value) == "asw test Each/Load | SUCCEEDED | end"
    assert cell.value is notebook["test"]
    assert cell.value["Parameters"] == {"n": 3, "i": 2, "day": "monday"}
    assert notebook.run("%asw list").value.empty


def test_what_a_test_is_given_may_be_variables(notebook):
    notebook.run(LOADING)
    notebook.run("import asw_nb as asw\nitem, answers, day = {'n': 1}, {'Load': asw.TaskError('Busy')}, {'day': 'monday'}")
    cell = notebook.run("%asw test loading Each/Load -i item --mock answers --variables day --retries 2 -q -o test")
    assert (cell.value, cell.displayed) == (None, [])
    assert repr(notebook["test"]) == "asw test Each/Load | RETRIABLE | Busy | tried again after 4.0 s, the last one"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("test loading Laod", 'workflow "loading" has no state "Laod". Did you mean "Load"? Its states: "Each", "Each/Load".'),
        ("test loadin Load", 'there is no workflow "loadin". Did you mean "loading"? Define one with %%asw loadin.'),
        ("test loading", "%asw test: the following arguments are required: state. %asw test -h lists the options."),
        ("test loading Load -o a.b", '-o a.b: "a.b" is no variable name.'),
        ("test loading Load --contxt {}", '%asw test: there is no option "--contxt". Did you mean "--context"? Options: --context, --help, --input, --mock, --out, --parameter, --quiet, --retries, --seed, --variables, -h, -i, -o, -p, -q.'),
        ("test loading Load -i nothing", "-i: there is no variable \"nothing\". Give a variable, JSON, or @file.json."),
    ],
)
def test_a_test_that_cannot_be_is_refused(notebook, line, message):
    notebook.run(LOADING)
    assert notebook.fails(f"%asw {line}", UsageError) == f"UsageError: {message}"
