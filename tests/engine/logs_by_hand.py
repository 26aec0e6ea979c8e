"""Logs of whole executions, worked out by hand: what each state type decides.

A case is a log. Its facts (results, failures, timers that fired) are fed to the engine one by one; every other event of
the log is what the engine must decide by itself in between, in exactly that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asw_nb.engine import events as ev
from asw_nb.engine.events import END, SAME, Event


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": "f", **fields}


def mapping(states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    processor = {"StartAt": "X", "States": states}
    return {"Type": "Map", "ItemProcessor": processor, **fields, "End": True}


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": [{"StartAt": next(iter(b)), "States": b} for b in branches], **fields}


@dataclass
class Case:
    name: str
    states: dict[str, Any]
    input: Any
    log: list[Event]
    end: dict[str, Any]


def succeeded(events: int, output: Any) -> dict[str, Any]:
    """How the execution ends; `events` is their number in the cloud's counting."""
    nothing = {"error": None, "cause": None, "failed_path": None}
    return {"status": "SUCCEEDED", "output": output, "event_id": events, **nothing}


def failed(events: int, path: str, error: str, cause: str | None) -> dict[str, Any]:
    end = {"status": "FAILED", "output": None, "event_id": events}
    return {**end, "error": error, "cause": cause, "failed_path": path}


def inside(state: str, event: int, text: str) -> str:
    """The cause of a failure inside a state."""
    return f"An error occurred while executing the state '{state}' (entered at the event id #{event}). {text}"


NO_Y = inside("A", 2, "The JSONPath '$.y' specified for the field 'n.$' could not be found in the input '{\"x\":1}'")
BAD_TIMEOUT = inside("A", 2, "The TimeoutSecondsPath parameter must be a positive integer, but was: 0")
NO_PLACE_A = inside("A", 2, 'Unable to apply ReferencePath $.a.b to input "text"')
NO_PLACE_X = inside("X", 4, 'Unable to apply ReferencePath $.a.b to input "text"')
NO_CHOICE = inside("A", 2, "Failed to transition out of the state. The state does not point to a next state.")
BAD_TIME = inside(
    "A",
    2,
    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.t == soon",
)
NO_N = inside("B", 7, "The JSONPath '$.n' specified for the field 'n.$' could not be found in the input '{}'")
NO_ARRAY = inside("A", 2, 'Reference path "$" must point to array.')

# fmt: off
CASES = [
    Case(
        "a Pass hands its input on, a second one puts a constant into it",
        {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Pass", "Result": {"k": 1}, "ResultPath": "$.r", "End": True},
        }, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.MOVED, 0, 0, 1), (ev.MOVED_WITH, 0, 0, END, {"x": 1, "r": {"k": 1}}),
        ],
        succeeded(6, {"x": 1, "r": {"k": 1}}),
    ),
    Case(
        "a Pass whose parameters name what is not there fails the execution",
        {"A": {"Type": "Pass", "Parameters": {"n.$": "$.y"}, "End": True}}, {"x": 1},
        [
            (ev.STARTED, 0, 0),
            (ev.ERRED, 0, 0, "States.Runtime", NO_Y, ev.FATAL),
            (ev.ENDED, 0, 0, "FAILED", "States.Runtime", NO_Y),
        ],
        failed(3, "A", "States.Runtime", NO_Y),
    ),
    Case(
        "a variable that is assigned is seen by the next state",
        {
            "A": {"Type": "Pass", "Assign": {"v.$": "$.x"}, "Next": "B"},
            "B": {"Type": "Pass", "Parameters": {"w.$": "$v"}, "End": True},
        }, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.ASSIGNED, 0, 0, {"v": 1}), (ev.MOVED, 0, 0, 1),
            (ev.MOVED_WITH, 0, 0, END, {"w": 1}),
        ],
        succeeded(6, {"w": 1}),
    ),
    Case(
        "a Task's result is its output",
        {"A": task(End=True)}, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, SAME, None, None), (ev.SUCCEEDED, 5, 0, 7, 2, "w"),
            (ev.MOVED_RESULT, 5, 0, END),
        ],
        succeeded(7, 7),
    ),
    Case(
        "a Task with every path field",
        {
            "A": task(
                Parameters={"n.$": "$.x"},
                ResultSelector={"v.$": "$.a"},
                ResultPath="$.r",
                OutputPath="$.r.v",
                TimeoutSeconds=10,
                HeartbeatSeconds=3,
                End=True,
            ),
        }, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, {"n": 1}, 10, 3), (ev.SUCCEEDED, 5, 0, {"a": 9}, 2, "w"),
            (ev.MOVED_WITH, 5, 0, END, 9),
        ],
        succeeded(7, 9),
    ),
    Case(
        "a Task that fails fails the execution",
        {"A": task(End=True)}, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, SAME, None, None), (ev.FAILED, 5, 0, "E", "why", 2, "w"),
            (ev.ENDED, 5, 0, "FAILED", "E", "why"),
        ],
        failed(6, "A", "E", "why"),
    ),
    Case(
        "a Task's timeout must be positive",
        {"A": task(TimeoutSecondsPath="$.t", End=True)}, {"t": 0},
        [
            (ev.STARTED, 0, 0),
            (ev.ERRED, 0, 0, "States.Runtime", BAD_TIMEOUT, ev.FATAL),
            (ev.ENDED, 0, 0, "FAILED", "States.Runtime", BAD_TIMEOUT),
        ],
        failed(3, "A", "States.Runtime", BAD_TIMEOUT),
    ),
    Case(
        "two retries with backoff, then the catcher",
        {
            "A": task(
                Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 3}],
                Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B", "ResultPath": "$.err"}],
                End=True,
            ),
            "B": {"Type": "Succeed"},
        }, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, SAME, None, None), (ev.FAILED, 5, 0, "E", "c1", 2, "w"),
            (ev.RETRYING, 5, 0, 2000005, 0, "E", "c1"), (ev.FIRED, 2000005, 0),
            (ev.SCHEDULED, 2000005, 0, SAME, None, None), (ev.FAILED, 2000009, 0, "E", "c2", 2000006, "w"),
            (ev.RETRYING, 2000009, 0, 8000009, 0, "E", "c2"), (ev.FIRED, 8000009, 0),
            (ev.SCHEDULED, 8000009, 0, SAME, None, None), (ev.TIMED_OUT, 8000010, 0, "E", "c3"),
            (ev.MOVED_WITH, 8000010, 0, 1, {"x": 1, "err": {"Error": "E", "Cause": "c3"}}),
            (ev.MOVED, 8000010, 0, END),
        ],
        succeeded(15, {"x": 1, "err": {"Error": "E", "Cause": "c3"}}),
    ),
    Case(
        "a retried Task that succeeds goes on as if nothing had been",
        {"A": task(Retry=[{"ErrorEquals": ["States.TaskFailed"]}], Next="B"), "B": {"Type": "Succeed"}}, {},
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, SAME, None, None), (ev.FAILED, 5, 0, "E", None, 2, "w"),
            (ev.RETRYING, 5, 0, 1000005, 0, "E", None), (ev.FIRED, 1000005, 0),
            (ev.SCHEDULED, 1000005, 0, SAME, None, None), (ev.SUCCEEDED, 1000009, 0, "ok", 1000006, "w"),
            (ev.MOVED_RESULT, 1000009, 0, 1), (ev.MOVED, 1000009, 0, END),
        ],
        succeeded(12, "ok"),
    ),
    Case(
        "each retrier counts for itself",
        {
            "A": task(
                Retry=[{"ErrorEquals": ["E1"], "MaxAttempts": 1}, {"ErrorEquals": ["E2"], "MaxAttempts": 1}],
                End=True,
            ),
        }, {},
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, SAME, None, None), (ev.FAILED, 5, 0, "E1", None, 2, "w"),
            (ev.RETRYING, 5, 0, 1000005, 0, "E1", None), (ev.FIRED, 1000005, 0),
            (ev.SCHEDULED, 1000005, 0, SAME, None, None), (ev.FAILED, 1000009, 0, "E2", None, 1000006, "w"),
            (ev.RETRYING, 1000009, 0, 2000009, 1, "E2", None), (ev.FIRED, 2000009, 0),
            (ev.SCHEDULED, 2000009, 0, SAME, None, None), (ev.FAILED, 2000010, 0, "E1", "again", 2000010, "w"),
            (ev.ENDED, 2000010, 0, "FAILED", "E1", "again"),
        ],
        failed(12, "A", "E1", "again"),
    ),
    Case(
        "an error that no catcher names fails the execution",
        {"A": task(Catch=[{"ErrorEquals": ["Other"], "Next": "B"}], End=True), "B": {"Type": "Succeed"}}, {},
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, SAME, None, None), (ev.FAILED, 5, 0, "E", None, 2, "w"),
            (ev.ENDED, 5, 0, "FAILED", "E", None),
        ],
        failed(6, "A", "E", None),
    ),
    Case(
        "an error in a catcher's own ResultPath is not caught by it",
        {
            "A": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B", "ResultPath": "$.a.b"}], End=True),
            "B": {"Type": "Succeed"},
        }, "text",
        [
            (ev.STARTED, 0, 0), (ev.SCHEDULED, 0, 0, SAME, None, None), (ev.FAILED, 5, 0, "E", "why", 2, "w"),
            (ev.ERRED, 5, 0, "States.ResultPathMatchFailure", NO_PLACE_A, None),
            (ev.ENDED, 5, 0, "FAILED", "States.ResultPathMatchFailure", NO_PLACE_A),
        ],
        failed(6, "A", "States.ResultPathMatchFailure", NO_PLACE_A),
    ),
    Case(
        "an error in a catcher's own ResultPath, in a branch, is caught around it",
        {
            "A": parallel(
                {
                    "X": task(
                        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Y", "ResultPath": "$.a.b"}],
                        End=True,
                    ),
                    "Y": {"Type": "Succeed"},
                },
                Catch=[{"ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "B", "ResultPath": None}],
                End=True,
            ),
            "B": {"Type": "Succeed"},
        }, "text",
        [
            (ev.STARTED, 0, 0), (ev.FORKED, 0, 0, SAME), (ev.SCHEDULED, 0, 1, SAME, None, None),
            (ev.FAILED, 5, 1, "E", "why", 2, "w"),
            (ev.ERRED, 5, 1, "States.ResultPathMatchFailure", NO_PLACE_X, None),
            (ev.CHILD_FAILED, 5, 1),
            (ev.BROKE, 5, 0, "States.ResultPathMatchFailure", NO_PLACE_X),
            (ev.GAVE_UP, 5, 0), (ev.MOVED_WITH, 5, 0, 1, "text"), (ev.MOVED, 5, 0, END),
        ],
        succeeded(13, "text"),
    ),
    Case(
        "a Choice that matches nothing takes its Default",
        {
            "A": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "B"}],
                "Default": "C",
            },
            "B": {"Type": "Succeed"},
            "C": {"Type": "Fail", "Error": "Small", "Cause": "n"},
        }, {"n": 2},
        [
            (ev.STARTED, 0, 0), (ev.MOVED, 0, 0, 2), (ev.ERRED, 0, 0, "Small", "n", None),
            (ev.ENDED, 0, 0, "FAILED", "Small", "n"),
        ],
        failed(5, "C", "Small", "n"),
    ),
    Case(
        "a Choice that matches",
        {
            "A": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "B"}],
                "Default": "C",
            },
            "B": {"Type": "Succeed", "OutputPath": "$.n"},
            "C": {"Type": "Fail"},
        }, {"n": 4},
        [
            (ev.STARTED, 0, 0), (ev.MOVED, 0, 0, 1), (ev.MOVED_WITH, 0, 0, END, 4),
        ],
        succeeded(6, 4),
    ),
    Case(
        "a Choice that matches nothing and has no Default fails",
        {
            "A": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "B"}]},
            "B": {"Type": "Succeed"},
        }, {"n": 2},
        [
            (ev.STARTED, 0, 0),
            (ev.ERRED, 0, 0, "States.Runtime", NO_CHOICE, ev.FATAL),
            (ev.ENDED, 0, 0, "FAILED", "States.Runtime", NO_CHOICE),
        ],
        failed(3, "A", "States.Runtime", NO_CHOICE),
    ),
    Case(
        "a loop of a Pass and a Choice",
        {
            "A": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "B"},
            "B": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericLessThan": 3, "Next": "A"}],
                "Default": "C",
            },
            "C": {"Type": "Succeed"},
        }, {"n": 0},
        [
            (ev.STARTED, 0, 0), (ev.MOVED_WITH, 0, 0, 1, {"n": 1}), (ev.MOVED, 0, 0, 0),
            (ev.MOVED_WITH, 0, 0, 1, {"n": 2}), (ev.MOVED, 0, 0, 0), (ev.MOVED_WITH, 0, 0, 1, {"n": 3}),
            (ev.MOVED, 0, 0, 2), (ev.MOVED, 0, 0, END),
        ],
        succeeded(16, {"n": 3}),
    ),
    Case(
        "Waits until a number of seconds and a moment are over",
        {
            "A": {"Type": "Wait", "Seconds": 3600, "Next": "B"},
            "B": {"Type": "Wait", "TimestampPath": "$.t", "End": True},
        }, {"t": "1970-01-01T02:00:00Z"},
        [
            (ev.STARTED, 0, 0), (ev.WAITING, 0, 0, 3600000000), (ev.FIRED, 3600000000, 0),
            (ev.MOVED, 3600000000, 0, 1), (ev.WAITING, 3600000000, 0, 7200000000), (ev.FIRED, 7200000000, 0),
            (ev.MOVED, 7200000000, 0, END),
        ],
        succeeded(6, {"t": "1970-01-01T02:00:00Z"}),
    ),
    Case(
        "a Wait for a moment in the past is due at once",
        {"A": {"Type": "Wait", "Timestamp": "1969-01-01T00:00:00Z", "End": True}}, {},
        [
            (ev.STARTED, 0, 0), (ev.WAITING, 0, 0, 0), (ev.FIRED, 3, 0), (ev.MOVED, 3, 0, END),
        ],
        succeeded(4, {}),
    ),
    Case(
        "a Wait for what is no time fails",
        {"A": {"Type": "Wait", "TimestampPath": "$.t", "End": True}}, {"t": "soon"},
        [
            (ev.STARTED, 0, 0),
            (ev.ERRED, 0, 0, "States.Runtime", BAD_TIME, ev.FATAL),
            (ev.ENDED, 0, 0, "FAILED", "States.Runtime", BAD_TIME),
        ],
        failed(3, "A", "States.Runtime", BAD_TIME),
    ),
    Case(
        "a Fail makes its error and cause from the data",
        {"A": {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('no {}', $.c)"}}, {"e": "E", "c": "c"},
        [
            (ev.STARTED, 0, 0), (ev.ERRED, 0, 0, "E", "no c", None), (ev.ENDED, 0, 0, "FAILED", "E", "no c"),
        ],
        failed(3, "A", "E", "no c"),
    ),
    Case(
        "a Parallel collects its branches in order",
        {"A": parallel({"X": task(End=True)}, {"Y": {"Type": "Pass", "Result": 2, "End": True}}, End=True)}, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.FORKED, 0, 0, SAME), (ev.SCHEDULED, 0, 1, SAME, None, None),
            (ev.MOVED_WITH, 0, 2, END, 2), (ev.SUCCEEDED, 4, 1, "one", 1, "w"), (ev.MOVED_RESULT, 4, 1, END),
            (ev.JOINED, 4, 0), (ev.MOVED_RESULT, 4, 0, END),
        ],
        succeeded(13, ["one", 2]),
    ),
    Case(
        "a branch that fails ends its siblings, and the Parallel's catcher takes its error",
        {
            "A": parallel(
                {"X": task(End=True)},
                {"Y": task(End=True)},
                Catch=[{"ErrorEquals": ["E"], "Next": "B"}],
                End=True,
            ),
            "B": {"Type": "Pass", "End": True},
        }, {"x": 1},
        [
            (ev.STARTED, 0, 0), (ev.FORKED, 0, 0, SAME), (ev.SCHEDULED, 0, 1, SAME, None, None),
            (ev.SCHEDULED, 0, 2, SAME, None, None), (ev.FAILED, 4, 2, "E", "why", 1, "w"), (ev.CHILD_FAILED, 4, 2),
            (ev.BROKE, 4, 0, "E", "why"), (ev.GAVE_UP, 4, 0),
            (ev.MOVED_WITH, 4, 0, 1, {"Error": "E", "Cause": "why"}), (ev.MOVED, 4, 0, END),
        ],
        succeeded(17, {"Error": "E", "Cause": "why"}),
    ),
    Case(
        "of two branches that fail at once the first decides",
        {
            "A": parallel(
                {"X": {"Type": "Fail", "Error": "E1"}},
                {"Y": {"Type": "Fail", "Error": "E2"}},
                End=True,
            ),
        }, {},
        [
            (ev.STARTED, 0, 0), (ev.FORKED, 0, 0, SAME), (ev.ERRED, 0, 1, "E1", None, None),
            (ev.ERRED, 0, 2, "E2", None, None), (ev.CHILD_FAILED, 0, 1), (ev.CHILD_FAILED, 0, 2),
            (ev.BROKE, 0, 0, "E1", None), (ev.GAVE_UP, 0, 0), (ev.ENDED, 0, 0, "FAILED", "E1", None),
        ],
        failed(7, "A[0]/X", "E1", None),
    ),
    Case(
        "a Parallel is retried as a whole",
        {
            "A": parallel(
                {"X": {"Type": "Fail", "Error": "E1"}},
                Retry=[{"ErrorEquals": ["E1"], "MaxAttempts": 1}],
                End=True,
            ),
        }, {},
        [
            (ev.STARTED, 0, 0), (ev.FORKED, 0, 0, SAME), (ev.ERRED, 0, 1, "E1", None, None), (ev.CHILD_FAILED, 0, 1),
            (ev.BROKE, 0, 0, "E1", None), (ev.RETRYING, 0, 0, 1000000, 0, "E1", None), (ev.FIRED, 1000000, 0),
            (ev.FORKED, 1000000, 0, SAME), (ev.ERRED, 1000000, 2, "E1", None, None), (ev.CHILD_FAILED, 1000000, 2),
            (ev.BROKE, 1000000, 0, "E1", None), (ev.GAVE_UP, 1000000, 0),
            (ev.ENDED, 1000000, 0, "FAILED", "E1", None),
        ],
        failed(8, "A[0]/X", "E1", None),
    ),
    Case(
        "the innermost failure is the one that is told",
        {"A": parallel({"P": parallel({"X": {"Type": "Fail", "Error": "E"}}, End=True)}, End=True)}, {},
        [
            (ev.STARTED, 0, 0), (ev.FORKED, 0, 0, SAME), (ev.FORKED, 0, 1, SAME), (ev.ERRED, 0, 2, "E", None, None),
            (ev.CHILD_FAILED, 0, 2), (ev.BROKE, 0, 1, "E", None), (ev.GAVE_UP, 0, 1), (ev.CHILD_FAILED, 0, 1),
            (ev.BROKE, 0, 0, "E", None), (ev.GAVE_UP, 0, 0), (ev.ENDED, 0, 0, "FAILED", "E", None),
        ],
        failed(9, "A[0]/P[0]/X", "E", None),
    ),
    Case(
        "a Parallel that was caught is not blamed for a later failure",
        {
            "A": parallel(
                {"X": {"Type": "Fail", "Error": "E"}},
                Catch=[{"ErrorEquals": ["E"], "Next": "B", "ResultPath": None}],
                End=True,
            ),
            "B": parallel({"Y": {"Type": "Succeed"}}, Parameters={"n.$": "$.n"}, End=True),
        }, {},
        [
            (ev.STARTED, 0, 0), (ev.FORKED, 0, 0, SAME), (ev.ERRED, 0, 1, "E", None, None), (ev.CHILD_FAILED, 0, 1),
            (ev.BROKE, 0, 0, "E", None), (ev.GAVE_UP, 0, 0), (ev.MOVED_WITH, 0, 0, 1, {}),
            (ev.ERRED, 0, 0, "States.Runtime", NO_N, ev.FATAL),
            (ev.ENDED, 0, 0, "FAILED", "States.Runtime", NO_N),
        ],
        failed(8, "B", "States.Runtime", NO_N),
    ),
    Case(
        "a Map keeps two items alive and collects them in order",
        {"A": mapping({"X": task(End=True)}, MaxConcurrency=2, ItemsPath="$.l")}, {"l": [10, 20, 30]},
        [
            (ev.STARTED, 0, 0), (ev.MAP_STARTED, 0, 0, 3, SAME), (ev.ITEM_STARTED, 0, 1, 0, 0, 10),
            (ev.ITEM_STARTED, 0, 2, 0, 1, 20), (ev.SCHEDULED, 0, 1, SAME, None, None),
            (ev.SCHEDULED, 0, 2, SAME, None, None), (ev.SUCCEEDED, 1, 2, "b", 1, "w"), (ev.MOVED_RESULT, 1, 2, END),
            (ev.ITEM_STARTED, 1, 3, 0, 2, 30), (ev.SCHEDULED, 1, 3, SAME, None, None),
            (ev.SUCCEEDED, 2, 1, "a", 1, "w"), (ev.MOVED_RESULT, 2, 1, END), (ev.SUCCEEDED, 3, 3, "c", 2, "w"),
            (ev.MOVED_RESULT, 3, 3, END), (ev.JOINED, 3, 0), (ev.MOVED_RESULT, 3, 0, END),
        ],
        succeeded(27, ["a", "b", "c"]),
    ),
    Case(
        "a Map of nothing",
        {"A": mapping({"X": task(End=True)})}, [],
        [
            (ev.STARTED, 0, 0), (ev.MAP_STARTED, 0, 0, 0, SAME), (ev.JOINED, 0, 0), (ev.MOVED_RESULT, 0, 0, END),
        ],
        succeeded(6, []),
    ),
    Case(
        "a Map wants an array",
        {"A": mapping({"X": task(End=True)})}, {"a": 1},
        [
            (ev.STARTED, 0, 0),
            (ev.ERRED, 0, 0, "States.Runtime", NO_ARRAY, ev.FATAL),
            (ev.ENDED, 0, 0, "FAILED", "States.Runtime", NO_ARRAY),
        ],
        failed(3, "A", "States.Runtime", NO_ARRAY),
    ),
    Case(
        "a Map's selector sees index, value and the Map's input",
        {
            "A": mapping(
                {"X": {"Type": "Pass", "End": True}},
                ItemsPath="$.l",
                ItemSelector={"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "k.$": "$.k"},
            ),
        }, {"l": ["a", "b"], "k": 1},
        [
            (ev.STARTED, 0, 0), (ev.MAP_STARTED, 0, 0, 2, SAME),
            (ev.ITEM_STARTED, 0, 1, 0, 0, {"i": 0, "v": "a", "k": 1}),
            (ev.ITEM_STARTED, 0, 2, 0, 1, {"i": 1, "v": "b", "k": 1}), (ev.MOVED, 0, 1, END), (ev.MOVED, 0, 2, END),
            (ev.JOINED, 0, 0), (ev.MOVED_RESULT, 0, 0, END),
        ],
        succeeded(14, [{"i": 0, "v": "a", "k": 1}, {"i": 1, "v": "b", "k": 1}]),
    ),
    Case(
        "an item that fails ends the Map",
        {"A": mapping({"X": task(End=True)}, MaxConcurrency=2)}, [1, 2, 3],
        [
            (ev.STARTED, 0, 0), (ev.MAP_STARTED, 0, 0, 3, SAME), (ev.ITEM_STARTED, 0, 1, 0, 0, 1),
            (ev.ITEM_STARTED, 0, 2, 0, 1, 2), (ev.SCHEDULED, 0, 1, SAME, None, None),
            (ev.SCHEDULED, 0, 2, SAME, None, None), (ev.FAILED, 1, 2, "E", "c", 1, "w"), (ev.CHILD_FAILED, 1, 2),
            (ev.BROKE, 1, 0, "E", "c"), (ev.GAVE_UP, 1, 0), (ev.ENDED, 1, 0, "FAILED", "E", "c"),
        ],
        failed(18, "A[1]/X", "E", "c"),
    ),
    Case(
        "a tolerated failure leaves its item out",
        {"A": mapping({"X": task(End=True)}, ToleratedFailureCount=1)}, [1, 2, 3],
        [
            (ev.STARTED, 0, 0), (ev.MAP_STARTED, 0, 0, 3, SAME), (ev.ITEM_STARTED, 0, 1, 0, 0, 1),
            (ev.ITEM_STARTED, 0, 2, 0, 1, 2), (ev.ITEM_STARTED, 0, 3, 0, 2, 3),
            (ev.SCHEDULED, 0, 1, SAME, None, None), (ev.SCHEDULED, 0, 2, SAME, None, None),
            (ev.SCHEDULED, 0, 3, SAME, None, None), (ev.FAILED, 1, 1, "E", "c", 1, "w"), (ev.CHILD_FAILED, 1, 1),
            (ev.SUCCEEDED, 2, 2, "b", 1, "w"), (ev.MOVED_RESULT, 2, 2, END), (ev.SUCCEEDED, 3, 3, "c", 1, "w"),
            (ev.MOVED_RESULT, 3, 3, END), (ev.JOINED, 3, 0), (ev.MOVED_RESULT, 3, 0, END),
        ],
        succeeded(27, ["b", "c"]),
    ),
    Case(
        "more failures than are tolerated fail the Map",
        {"A": mapping({"X": task(End=True)}, ToleratedFailurePercentage=34)}, [1, 2, 3],
        [
            (ev.STARTED, 0, 0), (ev.MAP_STARTED, 0, 0, 3, SAME), (ev.ITEM_STARTED, 0, 1, 0, 0, 1),
            (ev.ITEM_STARTED, 0, 2, 0, 1, 2), (ev.ITEM_STARTED, 0, 3, 0, 2, 3),
            (ev.SCHEDULED, 0, 1, SAME, None, None), (ev.SCHEDULED, 0, 2, SAME, None, None),
            (ev.SCHEDULED, 0, 3, SAME, None, None), (ev.FAILED, 1, 1, "E", "c", 1, "w"), (ev.CHILD_FAILED, 1, 1),
            (ev.FAILED, 2, 2, "E2", "c2", 1, "w"), (ev.CHILD_FAILED, 2, 2),
            (ev.BROKE, 2, 0, "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded"),
            (ev.GAVE_UP, 2, 0),
            (ev.ENDED, 2, 0, "FAILED", "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded"),
        ],
        failed(25, "A[0]/X", "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"),
    ),
    Case(
        "an item that catches its own failure is no failed item",
        {
            "A": mapping(
                {
                    "X": task(Catch=[{"ErrorEquals": ["E"], "Next": "Y"}], End=True),
                    "Y": {"Type": "Pass", "Result": "saved", "End": True},
                },
            ),
        }, [1],
        [
            (ev.STARTED, 0, 0), (ev.MAP_STARTED, 0, 0, 1, SAME), (ev.ITEM_STARTED, 0, 1, 0, 0, 1),
            (ev.SCHEDULED, 0, 1, SAME, None, None), (ev.FAILED, 1, 1, "E", "c", 1, "w"),
            (ev.MOVED_WITH, 1, 1, 2, {"Error": "E", "Cause": "c"}), (ev.MOVED_WITH, 1, 1, END, "saved"),
            (ev.JOINED, 1, 0), (ev.MOVED_RESULT, 1, 0, END),
        ],
        succeeded(15, ["saved"]),
    ),
]
# fmt: on
