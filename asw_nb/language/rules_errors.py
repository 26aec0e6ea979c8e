"""Rules for Retry and Catch: the shape of each entry, the place of ``States.ALL``, entries that nothing can reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.language.rules_base import State, Step, listed, short, wrong_language
from asw_nb.language.rules_expressions import assign_field, payload_template, result_path_field

# The names that the language reserves (States Language specification, appendix A, and the cloud's list of error names).
RESERVED_ERRORS = frozenset(
    {
        "States.ALL",
        "States.BranchFailed",
        "States.DataLimitExceeded",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.Http.Socket",
        "States.IntrinsicFailure",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.QueryEvaluationError",
        "States.ResultPathMatchFailure",
        "States.ResultWriterFailed",
        "States.Runtime",
        "States.TaskFailed",
        "States.Timeout",
    }
)

# What States.TaskFailed does not stand for.
_NOT_TASK_FAILED = frozenset(
    {"States.ALL", "States.Timeout", "States.HeartbeatTimeout", "States.Runtime", "States.DataLimitExceeded"}
)

_RETRY_FIELDS = (
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
)
_CATCH_FIELDS = ("ErrorEquals", "Next", "ResultPath", "Assign", "Output", "Comment")

# field -> (whether it must be whole, lowest, highest), as the cloud has them
_NUMBERS: dict[str, tuple[bool, float, float]] = {
    "IntervalSeconds": (True, 0, 99_999_999),
    "MaxAttempts": (True, 0, 99_999_999),
    "BackoffRate": (False, 1, float("inf")),
    "MaxDelaySeconds": (True, 1, 31_622_400),
}


def retry_field(state: State, field: str, value: Any) -> None:
    """Retry: a list of retriers."""
    _entries(state, field, value, _RETRY_FIELDS, _retrier)


def catch_field(state: State, field: str, value: Any) -> None:
    """Catch: a list of catchers."""
    _entries(state, field, value, _CATCH_FIELDS, _catcher)


def _entries(
    state: State,
    field: str,
    value: Any,
    known: tuple[str, ...],
    one: Callable[[State, dict[str, Any], tuple[Step, ...]], None],
) -> None:
    if not isinstance(value, list):
        state.error("Expected value of type Array", field, fix='Write a list: [{"ErrorEquals": [...], ...}].')
        return
    for index, entry in enumerate(value):
        state.checkup.spend(6)
        place = (field, index)
        if not isinstance(entry, dict):
            fix = 'Write an object such as {"ErrorEquals": ["States.ALL"]}.'
            state.error("Expected value of type Object", *place, fix=fix)
            continue
        required = [name for name in ("ErrorEquals", "Next") if name in known and name not in entry]
        if required:
            fix = " and ".join(f'"{name}"' for name in required)
            state.error(f"These fields are required: {listed(required)}", *place, fix=f"Add {fix}.")
        if "ErrorEquals" in entry:
            _error_equals(state, entry["ErrorEquals"], (*place, "ErrorEquals"), index == len(value) - 1)
        one(state, entry, place)
        for name in entry:
            if name not in known and state.checkup.wants_warnings:
                fix = state.checkup.did_you_mean(name, known) or "Remove it."
                state.warning(f"Field '{short(name)}' is not supported", *place, at=(*place, name), of="key", fix=fix)
    _entries_never_reached(state, field, value)


def _error_equals(state: State, names: Any, place: tuple[Step, ...], is_last: bool) -> None:
    if not isinstance(names, list):
        fix = (
            f'Write ["{short(names, 60)}"].'
            if isinstance(names, str)
            else 'Write a list of names such as ["States.ALL"].'
        )
        state.error("Expected value of type Array", *place, fix=fix)
        return
    if not names:
        state.error("Value cannot be empty", *place, fix='Write at least one error name, such as "States.ALL".')
        return
    state.checkup.spend(0.2 * len(names))
    for index, name in enumerate(names):
        if not isinstance(name, str):
            state.error("Expected value of type String", *place, index, fix="Write the name of an error.")
        elif not name.startswith("States.") or name in RESERVED_ERRORS or name.startswith("States.Http."):
            continue
        elif state.checkup.wants_warnings:
            fix = state.checkup.did_you_mean(name, RESERVED_ERRORS) or 'Names that start with "States." are reserved.'
            message = f'There is no error "{short(name, 80)}" in the language.'
            state.warning(message, *place, index, code="UNKNOWN_ERROR_NAME", fix=fix)
    if "States.ALL" in names and (len(names) > 1 or not is_last):
        fix = (
            "Give it an entry of its own, the last one."
            if len(names) > 1
            else "Move this entry to the end of the list."
        )
        state.error("States.ALL must appear alone and at end of list", *place, fix=fix)


def _retrier(state: State, entry: dict[str, Any], place: tuple[Step, ...]) -> None:
    for name, (whole, low, high) in _NUMBERS.items():
        if name in entry:
            _number(state, entry[name], (*place, name), whole, low, high)
    if "JitterStrategy" in entry and entry["JitterStrategy"] not in ("NONE", "FULL"):
        state.error(
            "Value should be one of the following: [NONE, FULL]",
            *place,
            "JitterStrategy",
            fix='Write "FULL" or "NONE".',
        )
    delay, interval = entry.get("MaxDelaySeconds"), entry.get("IntervalSeconds", 1)
    if type(delay) is int and type(interval) is int and 1 <= delay <= interval:
        message = f"MaxDelaySeconds {delay} is not above IntervalSeconds {interval}, so the delay never grows."
        state.warning(message, *place, "MaxDelaySeconds", code="RETRY_DELAY", fix="Raise MaxDelaySeconds or remove it.")


def _number(state: State, value: Any, place: tuple[Step, ...], whole: bool, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (whole and value != int(value)):
        kind = "Integer" if whole else "Number"
        state.error(f"Expected value of type {kind}", *place, fix="Write a number, without quotes.")
    elif value < low:
        state.error(f"Minimum value is {low:g}", *place, fix=f"Write {low:g} or more.")
    elif value > high:
        state.error(f"Maximum value is {high:.0f}", *place, fix=f"Write {high:.0f} or less.")


def _catcher(state: State, entry: dict[str, Any], place: tuple[Step, ...]) -> None:
    if "Next" in entry and not isinstance(entry["Next"], str):
        state.error("Expected value of type String", *place, "Next", fix="Write the name of a state.")
    if "Assign" in entry:
        assign_field(state, "Assign", entry["Assign"], *place)
    for name, is_jsonata in (("ResultPath", False), ("Output", True)):
        if name not in entry:
            continue
        if is_jsonata != state.jsonata:
            message = wrong_language(state.jsonata, name)
            fix = 'Write "Output" instead.' if state.jsonata else 'Write "ResultPath" instead.'
            state.error(message, *place, at=(*place, name), of="key", fix=fix)
        elif is_jsonata:
            payload_template(state, name, entry[name], *place)
        else:
            result_path_field(state, name, entry[name], *place)


def _entries_never_reached(state: State, field: str, entries: list[Any]) -> None:
    """The first entry that matches an error wins, so an entry whose names are all taken before it does nothing."""
    taken: set[str] = set()
    for index, entry in enumerate(entries):
        if not state.checkup.wants_warnings:
            return
        names = entry.get("ErrorEquals") if isinstance(entry, dict) else None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            continue
        covered = [
            name for name in names if name in taken or ("States.TaskFailed" in taken and name not in _NOT_TASK_FAILED)
        ]
        if len(covered) == len(names):
            message = (
                f"No error reaches this entry: an earlier one already takes {listed(short(n, 60) for n in names[:5])}."
            )
            state.warning(message, field, index, code="ENTRY_NEVER_REACHED", fix="Move it up or remove it.")
        taken.update(names)


__all__ = ["RESERVED_ERRORS", "catch_field", "retry_field"]
