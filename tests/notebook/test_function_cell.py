"""``%%asw_function``: a cell's own code as a function."""

from __future__ import annotations

import re
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.errors import UsageError
from tests.notebook.shell import Notebook


def call(notebook: Notebook, name: str, event: Any) -> Any:
    """The result of a registered function, called by a workflow."""
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": name, "End": True}}}
    return asw.run(definition, event).result()


def test_names_of_the_cell_stay_in_the_cell(notebook):
    notebook.run(
        "%%asw_function area -q\nimport math\nunit = 'm2'\ndef helper(r):\n    return math.floor(math.pi * r * r)\ndef main_handler(event, context):\n    return [helper(event), unit]\n"
    )
    assert call(notebook, "area", 2) == [12, "m2"]
    assert [name for name in ("math", "unit", "helper", "main_handler") if name in notebook] == []


def test_names_of_the_notebook_are_seen_as_they_are_when_it_runs(notebook):
    notebook.run("rate = 2\ndef scaled(x):\n    return x * rate\n")
    notebook.run("%%asw_function price -q\ndef main_handler(event, context):\n    return scaled(event) + rate\n")
    assert call(notebook, "price", 10) == 22
    notebook.run("rate = 3")
    assert call(notebook, "price", 10) == 33


def test_two_cells_with_a_helper_of_one_name_do_not_disturb_each_other(notebook):
    for name in ("one", "two"):
        notebook.run(
            f"%%asw_function {name} -q\ndef helper():\n    return '{name}'\ndef main_handler(event, context):\n    return helper()\n"
        )
    assert (call(notebook, "one", {}), call(notebook, "two", {})) == ("one", "two")


@pytest.mark.parametrize("handler", ["second", "index.second"])
def test_a_handler_is_chosen(notebook, handler):
    notebook.run(
        f"%%asw_function f -q --handler {handler}\ndef main_handler(event):\n    return 1\ndef second(event):\n    return 2\n"
    )
    assert call(notebook, "f", {}) == 2


def test_without_a_handlers_name_the_only_function_is_taken(notebook):
    notebook.run(
        "%%asw_function f -q\nimport json\nclass Box: pass\ndef anything(event):\n    return json.dumps(event)\n"
    )
    assert call(notebook, "f", [1]) == "[1]"


def test_unpack_gives_the_fields_as_arguments(notebook):
    notebook.run("%%asw_function f -q --unpack\ndef main_handler(a, b=2):\n    return a * b\n")
    assert call(notebook, "f", {"a": 21}) == 42


def test_registering_says_so(notebook):
    [output] = notebook.run("%%asw_function f\ndef f(event): ...\n").displayed
    assert output == {"text/html": "<div>function <b>f</b> registered</div>", "text/plain": "asw function f registered"}


def test_a_traceback_shows_the_cells_own_line(notebook):
    notebook.run(
        "%%asw_function f -q\n\ndef helper(event):\n    return event['missing']  # here\ndef main_handler(event, context):\n    return helper(event)\n"
    )
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}, {})
    assert re.sub(r"\n +[~^]+", "", run["A"].traceback) == (
        "Traceback (most recent call last):\n"
        '  File "<asw function f>", line 6, in main_handler\n'
        "    return helper(event)\n"
        '  File "<asw function f>", line 4, in helper\n'
        "    return event['missing']  # here\n"
        "KeyError: 'missing'\n"
    )
    assert run["A"].source == "def main_handler(event, context):\n    return helper(event)\n"


def test_an_error_of_the_cells_code_is_shown_from_its_own_line_on(notebook):
    shown = notebook.fails("%%asw_function f\ndef ratio(n):\n    return 1 / n\nratio(0)\n", ZeroDivisionError)
    assert re.sub(r"\n +[~^]+", "", shown) == (
        "Traceback (most recent call last):\n"
        '  File "<asw function f>", line 4, in <module>\n'
        "    ratio(0)\n"
        '  File "<asw function f>", line 3, in ratio\n'
        "    return 1 / n\n"
        "ZeroDivisionError: division by zero"
    )


def test_a_mistake_in_the_cells_grammar_is_shown_at_its_line(notebook):
    shown = notebook.fails("%%asw_function f\n\ndef main_handler(event:\n    pass\n", UsageError)
    assert shown == (
        "UsageError: %%asw_function f, line 3, column 17: '(' was never closed\n"
        "    def main_handler(event:\n"
        "                    ^"
    )
