"""The function behind a state: its text, its place, its last runs."""

from __future__ import annotations

import re

import pytest

import asw_nb as asw
from asw_nb.functions_view import source_of, where_of

TASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "shown", "End": True}}}


def shown(event: int) -> int:
    if event == 2:
        raise ValueError("two")
    return event


def texts(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ").split())


def test_a_function_tells_its_text_its_place_and_its_last_runs():
    asw.function(shown)
    flow = asw.workflow(TASK, name="flow")
    for event in (1, 2, 3):
        flow.run(event, name=f"run-{event}")
    flow.run(4, type="EXPRESS")
    card = asw.functions("shown")
    line = shown.__code__.co_firstlineno
    assert card.text == f"asw function shown | test_functions_view.py:{line} | 2 SUCCEEDED, 1 FAILED"
    words = texts(card.html)
    assert words.startswith(f"shown test_functions_view.py:{line} def shown(event: int) -&gt; int: if event == 2:")
    assert re.search(
        r"Last runs: 2 SUCCEEDED, 1 FAILED execution path attempt status duration error "
        r"run-3 A 1 SUCCEEDED \S+ [mµ]s run-2 A 1 FAILED \S+ [mµ]s ValueError run-1 A 1 SUCCEEDED \S+ [mµ]s$",
        words,
    )


def test_a_function_that_has_not_run_says_so():
    asw.function("idle_one")(lambda event: event)
    assert asw.functions("idle_one").text.endswith(" | no runs yet")
    assert "idle_one" in asw.functions()


def test_an_unknown_function_has_the_nearest_name():
    asw.function("shown")(shown)
    with pytest.raises(asw.UnknownFunction, match='Did you mean "shown"'):
        asw.functions("shwon")
    with pytest.raises(asw.UsageError):
        asw.functions("")


def test_what_python_does_not_know_is_left_out():
    assert (where_of(len), source_of(len)) == ("", None)
    made: dict = {}
    exec(compile("def f(event): return event", "<asw function made>", "exec"), made)
    assert where_of(made["f"]) == "%%asw_function cell, line 1"
