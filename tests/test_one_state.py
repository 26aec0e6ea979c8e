"""`flow.test`: one state alone. What it does is what it does in an execution, every stage is shown, and nothing is written."""

from __future__ import annotations

import copy
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.errors import UsageError
from asw_nb.one_state import StateTest

NIGHTLY = """
StartAt: EachTable
States:
  EachTable:
    Type: Map
    InputPath: $.job
    ItemsPath: $.tables
    ItemSelector: {"date.$": $.date, "table.$": $$.Map.Item.Value}
    MaxConcurrency: 1
    ItemProcessor:
      StartAt: Extract
      States:
        Extract:
          Type: Task
          Resource: extract
          InputPath: $.table
          Parameters: {"name.$": $, "day.$": $$.Execution.Name}
          ResultSelector: {"n.$": $.rows}
          ResultPath: $.got
          OutputPath: $.got
          Next: Load
        Load:
          Type: Task
          Resource: load
          Retry:
            - {ErrorEquals: [Busy], IntervalSeconds: 2, BackoffRate: 3, MaxAttempts: 2}
          Catch:
            - {ErrorEquals: [Gone], Next: Skipped}
            - {ErrorEquals: [States.ALL], ResultPath: $.error, Next: Skipped}
          End: true
        Skipped: {Type: Pass, Result: skipped, End: true}
    ResultSelector: {"parts.$": $}
    ResultPath: $.loaded
    Next: Pause
  Pause: {Type: Wait, SecondsPath: $.pause, Next: Big?}
  Big?:
    Type: Choice
    Choices:
      - {Variable: $.n, NumericGreaterThan: 10, Next: Stop}
      - {Variable: $.n, NumericGreaterThan: 5, Next: Pause}
    Default: Both
  Both:
    Type: Parallel
    Parameters: {"x.$": $.n}
    Branches:
      - {StartAt: Left, States: {Left: {Type: Pass, Parameters: {"left.$": $.x}, End: true}}}
      - {StartAt: Right, States: {Right: {Type: Pass, Parameters: {"right.$": $.x}, End: true}}}
    End: true
  Stop: {Type: Fail, Error: TooMany, Cause: more than 10}
"""


def extract(event: Any) -> Any:
    print("reading", event["name"])
    return {"rows": len(event["name"]), "more": True}


def load(event: Any, context: Any) -> Any:
    if context.attempt <= event.get("bad", 0):
        raise asw.TaskError(event.get("error", "Busy"), "lock timeout")
    return {"loaded": event["n"], "attempt": context.attempt}


FUNCTIONS = {"extract": extract, "load": load}


@pytest.fixture
def nightly() -> asw.Workflow:
    return asw.workflow(NIGHTLY, name="nightly")


def stages(test: StateTest) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in test.stages(redact=False).itertuples(index=False)]


def test_a_task_shows_every_stage_of_its_data(nightly):
    given = {"date": "2026-11-01", "table": "orders"}
    test = nightly.test("Extract", given, functions=FUNCTIONS, context={"Execution": {"Name": "day-1"}})
    assert list(test.stages().columns) == ["stage", "field", "value"]
    assert stages(test) == [
        ("Input", None, given),
        ("InputPath", "$.table", "orders"),
        ("Parameters", {"name.$": "$", "day.$": "$$.Execution.Name"}, {"name": "orders", "day": "day-1"}),
        ("Result", None, {"rows": 6, "more": True}),
        ("ResultSelector", {"n.$": "$.rows"}, {"n": 6}),
        ("ResultPath", "$.got", {**given, "got": {"n": 6}}),
        ("OutputPath", "$.got", {"n": 6}),
    ]
    assert (test.path, test.type, test.status, test.input) == ("EachTable/Extract", "Task", "SUCCEEDED", given)
    assert (test.output, test.next, test.error, test.cause) == ({"n": 6}, "Load", None, None)
    assert (test.retry, test.catcher, test.variables, test.logs, test.traceback) == (None, None, {}, ["reading orders"], None)
    assert test["Parameters"] == {"name": "orders", "day": "day-1"}
    assert repr(test) == "asw test EachTable/Extract | SUCCEEDED | next: Load"


def test_an_error_that_would_be_retried(nightly):
    test = nightly.test("EachTable/Load", {"n": 1, "bad": 1}, functions=FUNCTIONS)
    assert (test.status, test.output, test.next, test.error) == ("RETRIABLE", None, None, "Busy")
    assert '"errorMessage":"lock timeout"' in test.cause
    assert test.retry == {"retrier": 0, "delay_s": 2.0, "left": 1}
    assert test.catcher == 1
    assert [name for name, _, _ in stages(test)] == ["Input", "InputPath", "Parameters", "Error"]
    assert test.traceback.endswith("Busy: lock timeout\n")
    assert repr(test) == "asw test EachTable/Load | RETRIABLE | Busy | tried again after 2.0 s, 1 more after that"


def test_the_attempts_behind_it_count(nightly):
    last = nightly.test("EachTable/Load", {"n": 1, "bad": 9}, functions=FUNCTIONS, retries=1)
    assert (last.status, last.retry) == ("RETRIABLE", {"retrier": 0, "delay_s": 6.0, "left": 0})
    assert repr(last).endswith("| tried again after 6.0 s, the last one")
    none = nightly.test("EachTable/Load", {"n": 1, "bad": 9}, functions=FUNCTIONS, retries=2)
    assert (none.status, none.retry, none.catcher, none.next) == ("CAUGHT_ERROR", None, 1, "Skipped")
    well = nightly.test("EachTable/Load", {"n": 1, "bad": 1}, functions=FUNCTIONS, retries=1)
    assert (well.status, well.output, well.next) == ("SUCCEEDED", {"loaded": 1, "attempt": 2}, None)


def test_an_error_that_is_caught(nightly):
    test = nightly.test("EachTable/Load", {"n": 1, "bad": 1, "error": "Gone"}, functions=FUNCTIONS)
    shown = {"Error": "Gone", "Cause": test.cause}
    assert (test.status, test.output, test.next, test.catcher, test.error) == ("CAUGHT_ERROR", shown, "Skipped", 0, "Gone")
    assert stages(test)[-2:] == [("Error", None, shown), ("Catch ResultPath", None, shown)]
    test = nightly.test("EachTable/Load", {"n": 1}, mocks={"EachTable/Load": asw.TaskError("Other", "why")})
    assert (test.catcher, test.output["n"], test.output["error"]["Error"]) == (1, 1, "Other")
    assert stages(test)[-1] == ("Catch ResultPath", "$.error", test.output)
    assert repr(test) == "asw test EachTable/Load | CAUGHT_ERROR | Other | next: Skipped"


def test_an_error_that_nothing_takes(nightly):
    test = nightly.test("Extract", {"table": 7}, functions=FUNCTIONS)
    assert (test.status, test.output, test.next, test.error, test.retry, test.catcher) == ("FAILED", None, None, "TypeError", None, None)
    assert 'File "' in test.traceback and "in extract" in test.traceback
    assert stages(test)[-1] == ("Error", None, {"Error": "TypeError", "Cause": test.cause})


def test_an_expression_that_fails_ends_the_stages_there(nightly):
    test = nightly.test("Extract", {"table": "orders"}, mocks={"Extract": {"no": "rows"}})
    assert [name for name, _, _ in stages(test)] == ["Input", "InputPath", "Parameters", "Result", "Error"]
    assert (test.status, test.error) == ("FAILED", "States.Runtime")
    assert test.cause == (
        "An error occurred while executing the state 'Extract' (entered at the event id #2). The JSONPath '$.rows' specified for the field 'n.$' "
        "could not be found in the input '{\"no\":\"rows\"}'"
    )


def test_a_map_runs_its_items(nightly):
    given = {"job": {"date": "d", "tables": ["orders", "us"]}, "keep": 1}
    test = nightly.test("EachTable", given, functions=FUNCTIONS)
    parts = [{"loaded": 6, "attempt": 1}, {"loaded": 2, "attempt": 1}]
    assert stages(test) == [
        ("Input", None, given),
        ("InputPath", "$.job", given["job"]),
        ("ItemsPath", "$.tables", ["orders", "us"]),
        ("ItemSelector", {"date.$": "$.date", "table.$": "$$.Map.Item.Value"}, [{"date": "d", "table": "orders"}, {"date": "d", "table": "us"}]),
        ("Result", None, parts),
        ("ResultSelector", {"parts.$": "$"}, {"parts": parts}),
        ("ResultPath", "$.loaded", {**given, "loaded": {"parts": parts}}),
        ("OutputPath", None, {**given, "loaded": {"parts": parts}}),
    ]
    assert (test.next, test.logs) == ("Pause", ["reading orders", "reading us"])
    empty = nightly.test("EachTable", {"job": {"date": "d", "tables": []}})
    assert (empty["ItemsPath"], empty["ItemSelector"], empty["Result"], empty.status) == ([], [], [], "SUCCEEDED")


def test_a_map_whose_item_fails(nightly):
    test = nightly.test("EachTable", {"job": {"date": "d", "tables": ["orders", 3]}}, functions=FUNCTIONS)
    assert (test.status, test.error) == ("FAILED", "TypeError")
    assert [name for name, _, _ in stages(test)] == ["Input", "InputPath", "ItemsPath", "ItemSelector", "Error"]
    assert test["ItemsPath"] == ["orders", 3]


def test_a_parallel_runs_its_branches(nightly):
    test = nightly.test("Both", {"n": 3})
    assert stages(test) == [
        ("Input", None, {"n": 3}),
        ("InputPath", None, {"n": 3}),
        ("Parameters", {"x.$": "$.n"}, {"x": 3}),
        ("Result", None, [{"left": 3}, {"right": 3}]),
        ("ResultSelector", None, [{"left": 3}, {"right": 3}]),
        ("ResultPath", None, [{"left": 3}, {"right": 3}]),
        ("OutputPath", None, [{"left": 3}, {"right": 3}]),
    ]


@pytest.mark.parametrize(
    ("n", "choice", "next"),
    [
        (11, ({"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Stop"}, "rule 0: next is Stop"), "Stop"),
        (7, ({"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Pause"}, "rule 1: next is Pause"), "Pause"),
        (1, ("Both", "no rule: next is Both"), "Both"),
    ],
)
def test_a_choice_says_which_rule(nightly, n, choice, next):
    test = nightly.test("Big?", {"n": n})
    assert stages(test) == [("Input", None, {"n": n}), ("InputPath", None, {"n": n}), ("Choices", *choice), ("OutputPath", None, {"n": n})]
    assert (test.next, test.output) == (next, {"n": n})


def test_a_wait_takes_no_time(nightly):
    test = nightly.test("Pause", {"pause": 86_400})
    assert stages(test)[2] == ("SecondsPath", "$.pause", {"seconds": 86_400.0})
    assert (test.status, test.output, test.next) == ("SUCCEEDED", {"pause": 86_400}, "Big?")


def test_a_fail_fails(nightly):
    test = nightly.test("Stop", {"n": 1})
    assert (test.status, test.error, test.cause, test.next) == ("FAILED", "TooMany", "more than 10", None)
    assert stages(test) == [("Input", None, {"n": 1}), ("Error", None, {"Error": "TooMany", "Cause": "more than 10"})]


def test_a_pass_and_a_succeed_show_theirs():
    flow = asw.workflow(
        {
            "StartAt": "P",
            "States": {
                "P": {
                    "Type": "Pass", "Parameters": {"a.$": "$.x"}, "Result": {"r": 1}, "ResultPath": "$.y", "Assign": {"v.$": "$.r", "old.$": "$w"}, "Next": "S",
                },
                "S": {"Type": "Succeed", "InputPath": "$.y", "OutputPath": "$.r"},
            },
        }
    )  # fmt: skip
    test = flow.test("P", {"x": 5}, variables={"w": 2})
    assert stages(test) == [
        ("Input", None, {"x": 5}),
        ("InputPath", None, {"x": 5}),
        ("Parameters", {"a.$": "$.x"}, {"a": 5}),
        ("Result", {"r": 1}, {"r": 1}),
        ("ResultSelector", None, {"r": 1}),
        ("ResultPath", "$.y", {"x": 5, "y": {"r": 1}}),
        ("Assign", {"v.$": "$.r", "old.$": "$w"}, {"v": 1, "old": 2}),
        ("OutputPath", None, {"x": 5, "y": {"r": 1}}),
    ]
    assert (test.variables, test.next) == ({"v": 1, "old": 2}, "S")
    last = flow.test("S", test.output)
    assert stages(last) == [("Input", None, test.output), ("InputPath", "$.y", {"r": 1}), ("OutputPath", "$.r", 1)]
    assert (last.status, last.output, last.next) == ("SUCCEEDED", 1, None)


def test_jsonata_has_arguments_and_output():
    flow = asw.workflow(
        {
            "StartAt": "T", "QueryLanguage": "JSONata",
            "States": {
                "T": {
                    "Type": "Task", "Resource": "f", "Arguments": {"n": "{% $states.input.x + $w %}"}, "Assign": {"r": "{% $states.result %}"},
                    "Output": "{% {'out': $states.result, 'item': $states.context.Map.Item.Index} %}", "Next": "C",
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% {'e': $states.errorOutput.Error} %}", "Assign": {"bad": "{% $states.errorOutput.Error %}"}, "Next": "C"}],
                },
                "C": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.out > 3 %}", "Output": {"big": True}, "Next": "E"}], "Default": "T"},
                "E": {"Type": "Succeed"},
            },
        },
        name="jsonata",
    )  # fmt: skip
    test = flow.test("T", {"x": 1}, functions={"f": lambda e: e["n"] * 2}, variables={"w": 4}, context={"Map": {"Item": {"Index": 7}}})
    assert stages(test) == [
        ("Input", None, {"x": 1}),
        ("Arguments", {"n": "{% $states.input.x + $w %}"}, {"n": 5}),
        ("Result", None, 10),
        ("Assign", {"r": "{% $states.result %}"}, {"r": 10}),
        ("Output", "{% {'out': $states.result, 'item': $states.context.Map.Item.Index} %}", {"out": 10, "item": 7}),
    ]
    caught = flow.test("T", {"x": 1}, mocks={"T": ValueError("no")}, variables={"w": 4})
    assert stages(caught)[-2:] == [
        ("Assign", {"bad": "{% $states.errorOutput.Error %}"}, {"bad": "ValueError"}),
        ("Catch Output", "{% {'e': $states.errorOutput.Error} %}", {"e": "ValueError"}),
    ]
    rule = {"Condition": "{% $states.input.out > 3 %}", "Output": {"big": True}, "Next": "E"}
    assert stages(flow.test("C", {"out": 9})) == [("Input", None, {"out": 9}), ("Choices", rule, "rule 0: next is E"), ("Output", {"big": True}, {"big": True})]
    assert flow.test("C", {"out": 1}).next == "T"


def test_a_catcher_whose_own_expression_fails_takes_nothing():
    flow = asw.workflow(
        {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "f", "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.a.b", "Next": "T"}], "End": True}}}
    )
    test = flow.test("T", {"a": 1}, mocks={"T": ValueError("no")})
    assert (test.status, test.error, test.catcher) == ("FAILED", "States.ResultPathMatchFailure", None)


def test_a_state_that_goes_back_to_itself_is_run_once():
    flow = asw.workflow({"StartAt": "Again", "States": {"Again": {"Type": "Choice", "Choices": [{"Variable": "$.end", "IsPresent": True, "Next": "End"}], "Default": "Again"}, "End": {"Type": "Succeed"}}})
    assert repr(flow.test("Again")) == "asw test Again | SUCCEEDED | next: Again"


def test_random_values_are_the_same_in_every_stage():
    template = {"id.$": "States.UUID()", "n.$": "States.MathRandom(0, 1000000)"}
    flow = asw.workflow(
        {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "f", "Parameters": template, "ResultSelector": template, "ResultPath": "$.r", "End": True}}}
    )
    test = flow.test("T", {}, mocks={"T": 1}, seed=3)
    assert test["ResultPath"] == {"r": test["ResultSelector"]} == test.output
    assert test["Parameters"] != test["ResultSelector"]
    assert flow.test("T", {}, mocks={"T": 1}, seed=3).output == test.output
    passing = asw.workflow({"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": template, "ResultPath": "$.r", "End": True}}})
    passed = passing.test("P")
    assert passed.output == {"r": passed["Parameters"]}


def test_the_timeout_of_a_task_counts():
    flow = asw.workflow({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "f", "TimeoutSeconds": 1, "End": True}}})
    seen = []

    def slow(event: Any, context: Any) -> None:
        while not context.cancelled:
            pass
        seen.append("cancelled")

    test = flow.test("T", functions={"f": slow})
    assert (test.status, test.error) == ("FAILED", "States.Timeout")


def test_retries_inside_a_map_are_made_on_a_virtual_clock():
    inner = {"Type": "Task", "Resource": "f", "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3600}], "End": True}
    flow = asw.workflow({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": inner}}, "End": True}}})
    test = flow.test("M", [1], mocks={"T": [asw.TaskError("Busy"), asw.TaskError("Busy"), "done"]})
    assert (test.status, test.output) == ("SUCCEEDED", ["done"])


@pytest.mark.parametrize("pattern", ["arn:aws:states:::sqs:sendMessage.waitForTaskToken", "arn:aws:states:local:000000000000:activity:mail", "arn:aws:states:::states:startExecution.sync:2"])
def test_what_would_wait_for_others_is_mocked(pattern):
    task = {"Type": "Task", "Resource": pattern, "Parameters": {"StateMachineArn": "x", "t.$": "$$.Task.Token"} if "Token" in pattern else {}, "End": True}
    flow = asw.workflow({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "Ask", "States": {"Ask": task}}, "End": True}}})
    assert flow.test("Ask", 1, mocks={"Ask": {"approved": True}}).output == {"approved": True}
    assert flow.test("M", [1, 2], mocks={"Ask": 5}).output == [5, 5]
    with pytest.raises(UsageError, match=r'^state "M/Ask" (waits for|starts) .*, which a test does not do: give its answer with mocks=\{"Ask": \.\.\.\}\.$'):
        flow.test("M", [1])


def test_nothing_is_written_anywhere(nightly, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASW_NB_HOME", str(tmp_path / "home"))
    before = copy.deepcopy(nightly.definition)
    given = {"date": "d", "table": "orders"}
    kept = []

    def keeping(event: Any, context: Any) -> Any:
        event["name"] += "!"
        path = Path(context.artifact("model.bin"))
        path.write_bytes(b"x")
        kept.append(path)
        context.metric(step=1, rows=3)
        return {"rows": 1}

    assert nightly.test("Extract", given, functions={"extract": keeping}).status == "SUCCEEDED"
    assert os.listdir(tmp_path) == []
    assert kept[0].exists() and tmp_path not in kept[0].parents
    assert (given, nightly.definition) == ({"date": "d", "table": "orders"}, before)


def test_it_does_what_an_execution_does(nightly):
    run = nightly.run({"job": {"date": "d", "tables": ["orders"]}, "pause": 1, "n": 3}, functions=FUNCTIONS, clock=asw.VirtualClock())
    assert run.status == "SUCCEEDED"
    for name in ("EachTable", "EachTable[0]/Extract", "EachTable[0]/Load", "Pause", "Big?", "Both", "Both[1]/Right"):
        visit = run[name]
        test = nightly.test(name, visit.input, functions=FUNCTIONS, context={"Execution": {"Name": run.name}})
        assert (test.status, test.output) == ("SUCCEEDED", visit.output), name


# --------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            "Extrct",
            'workflow "nightly" has no state "Extrct". Did you mean "Extract"? Its states: "EachTable", "Pause", "Big?", "Both", "Stop", '
            '"EachTable/Extract", "EachTable/Load", "EachTable/Skipped", "Both[0]/Left", "Both[1]/Right".',
        ),
        (3, "the state to test is given by its name or path, not by 3."),
    ],
)
def test_a_state_that_is_not_there_is_told(nightly, state, message):
    with pytest.raises(UsageError, match="^" + re.escape(message) + "$"):
        nightly.test(state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "retries=-1 must be how many retries the state has behind it: 0 or more."),
        ({"context": {"Mpa": {}}}, 'context: there is no "Mpa" in the context object. Did you mean "Map"? Parts: Execution, StateMachine, State, Map, Task.'),
        ({"context": {"Map": 3}}, 'context: "Map" must be an object.'),
        ({"context": [1]}, 'context=[1] must be a dict, such as {"Map": {"Item": {"Index": 0, "Value": 1}}}.'),
        ({"variables": 3}, 'variables=3 must be a dict, such as {"day": "2026-11-01"}.'),
        ({"variables": {"x": {1}}}, None),
        ({"input": float("nan")}, "the input is no JSON value: input is nan, which JSON cannot hold: use None instead."),
        ({"mocks": {"Extrct": 1}}, 'mocks: the workflow has no state "Extrct". Did you mean "Extract"? Keys are state names, paths or resources.'),
    ],
)
def test_what_makes_no_sense_is_refused(nightly, options, message):
    with pytest.raises(UsageError) as refused:
        nightly.test("Extract", **options)
    assert message is None or str(refused.value) == message


def test_an_item_that_is_read_must_be_given():
    def flow(more: dict[str, Any]) -> asw.Workflow:
        inner = {"Type": "Pass", "Parameters": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}, "End": True}
        branch = {"StartAt": "B", "States": {"B": {"Type": "Parallel", "Branches": [{"StartAt": "P", "States": {"P": inner}}], "End": True}}}
        return asw.workflow({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": branch, **more, "End": True}}})

    assert flow({}).test("P", "item").output == {"v": "item", "i": 0}
    selecting = flow({"ItemSelector": {"a": 1}})
    with pytest.raises(UsageError) as refused:
        selecting.test("P", {"a": 1})
    assert str(refused.value) == 'state "M/B[0]/P" reads the item of the Map "M": say what it is with context={"Map": {"Item": {"Index": 0, "Value": ...}}}.'
    assert selecting.test("P", {"a": 1}, context={"Map": {"Item": {"Index": 4, "Value": "x"}}}).output == {"v": "x", "i": 4}
    assert selecting.test("B", {"a": 1}, context={"Map": {"Item": {"Index": 4, "Value": "x"}}}).output == [{"v": "x", "i": 4}]


def test_a_stage_that_is_not_there_is_told(nightly):
    test = nightly.test("Stop")
    with pytest.raises(UsageError, match=r'^the test of "Stop" has no stage "Eror"\. Did you mean "Error"\? Stages: Input, Error\.$'):
        test["Eror"]


# --------------------------------------------------------------------------- what is shown


def test_the_card_shows_the_stages_and_no_secret(nightly):
    given = {"date": "<b>d</b>", "table": "orders", "password": "hunter2"}
    test = nightly.test("Extract", given, functions=FUNCTIONS)
    page = test._repr_mimebundle_()["text/html"]
    assert "hunter2" not in page and "hunter2" not in test.stages().to_string()
    assert test["Input"] == given
    assert "&lt;b&gt;d&lt;/b&gt;" in page and "<b>d</b>" not in page
    assert re.findall(r'nowrap"><b>(\w+)</b>', page) == ["Input", "InputPath", "Parameters", "Result", "ResultSelector", "ResultPath", "OutputPath"]
    assert "SUCCEEDED" in page and "next: Load" in page and "reading orders" in page
    assert not re.search(r"<script|<style|<svg| id=", page)


def test_the_card_of_a_failure_has_the_functions_own_words(nightly):
    page = nightly.test("EachTable/Load", {"n": 1, "bad": 1}, functions=FUNCTIONS)._repr_mimebundle_()["text/html"]
    assert "RETRIABLE" in page and "lock timeout" in page and "<summary>Traceback</summary>" in page
    assert page.count(">the same</span>") == 2


# --------------------------------------------------------------------------- further kinds of states


def test_a_map_over_a_file_shows_what_it_read_and_batched(tmp_path):
    (tmp_path / "rows.json").write_text("[1, 2, 3]")
    inner = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Sum", "States": {"Sum": {"Type": "Task", "Resource": "add", "End": True}}}
    flow = asw.workflow(
        {
            "StartAt": "M",
            "States": {
                "M": {
                    "Type": "Map", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket.$": "$.folder", "Key": "rows.json"}},
                    "ItemBatcher": {"MaxItemsPerBatch": 2}, "ItemProcessor": inner, "End": True,
                }
            },
        }
    )  # fmt: skip
    test = flow.test("M", {"folder": str(tmp_path)}, functions={"add": lambda event: sum(event["Items"])})
    assert (test.status, test.output) == ("SUCCEEDED", [3, 3])
    assert (test["ItemReader"], test["ItemBatcher"]) == ([1, 2, 3], [{"Items": [1, 2]}, {"Items": [3]}])


def test_a_state_in_tcsl_has_its_ids_and_its_error_names():
    resource = "qrn:qcs:asw:ap-guangzhou:1:sdk:json:qcloud:scf:Invoke/sum/$DEFAULT/default"
    task = {"Type": "Task", "Resource": resource, "Parameters": {"id.$": "$$.Execution.Id", "x.$": "$.x"}, "End": True}
    flow = asw.workflow({"StartAt": "sum", "States": {"sum": task}}, name="sum")
    assert flow.test("sum", {"x": 1}, functions={"sum": lambda event: event}).output == {"id": "qrn:qcs:asw:local:0:execution:sum:test", "x": 1}
    assert flow.test("sum", {}).error == "States.ParameterPathFailure"


def test_an_interrupt_ends_the_test_and_the_function_is_told(nightly):
    begun, told = threading.Event(), threading.Event()

    def endless(event: Any, context: Any) -> None:
        begun.set()
        while not context.cancelled:
            time.sleep(0.005)
        told.set()

    def interrupt() -> None:
        assert begun.wait(20)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        nightly.test("Extract", {"table": "x"}, functions={"extract": endless})
    assert told.wait(20)
