"""Which field may stand in which state, in which query language, and what its value must be.

Two tables hold the language: `FIELDS` (state type -> its fields) and `VALUES` (field -> the rule for its value). A
field means the same in every state that has it. Sources: States Language specification, field tables of the state
types; where the cloud is stricter or laxer than the specification, what the cloud answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asw_nb.language.rules_base import State, Step, listed, short, wrong_language
from asw_nb.language.rules_choice import choices_field, is_timestamp
from asw_nb.language.rules_errors import catch_field, retry_field
from asw_nb.language.rules_expressions import (
    assign_field,
    expression_field,
    path_field,
    payload_template,
    result_path_field,
)
from asw_nb.language.rules_jsonata import is_jsonata, jsonata_string, jsonata_values
from asw_nb.language.rules_map import (
    is_dynamic,
    item_batcher_field,
    item_reader_field,
    label_field,
    result_writer_field,
)

ValueRule = Callable[[State, str, Any], None]

_ALL = ("Type", "Comment", "QueryLanguage")
_PATHS = (*_ALL, "InputPath", "OutputPath", "Output")
_STEP = (*_PATHS, "Assign", "Next", "End")
_WORK = (*_STEP, "Parameters", "ResultSelector", "ResultPath", "Retry", "Catch")

FIELDS: dict[str, frozenset[str]] = {
    "Pass": frozenset({*_STEP, "Result", "ResultPath", "Parameters"}),
    "Task": frozenset(
        {
            *_WORK,
            "Arguments",
            "Credentials",
            "HeartbeatSeconds",
            "HeartbeatSecondsPath",
            "Resource",
            "TimeoutSeconds",
            "TimeoutSecondsPath",
        }
    ),
    "Wait": frozenset({*_STEP, "Seconds", "SecondsPath", "Timestamp", "TimestampPath"}),
    "Choice": frozenset({*_PATHS, "Assign", "Choices", "Default"}),
    "Succeed": frozenset(_PATHS),
    "Fail": frozenset({*_ALL, "Error", "ErrorPath", "Cause", "CausePath"}),
    "Parallel": frozenset({*_WORK, "Arguments", "Branches"}),
    "Map": frozenset(
        {
            *_WORK,
            "ItemBatcher",
            "ItemProcessor",
            "ItemReader",
            "ItemSelector",
            "Items",
            "ItemsPath",
            "Iterator",
            "Label",
            "MaxConcurrency",
            "MaxConcurrencyPath",
            "ResultWriter",
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
        }
    ),
}
KNOWN_FIELDS = frozenset().union(*FIELDS.values())

JSONPATH_ONLY = frozenset(
    {
        "CausePath",
        "ErrorPath",
        "HeartbeatSecondsPath",
        "InputPath",
        "ItemsPath",
        "MaxConcurrencyPath",
        "OutputPath",
        "Parameters",
        "Result",
        "ResultPath",
        "ResultSelector",
        "SecondsPath",
        "TimeoutSecondsPath",
        "TimestampPath",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentagePath",
    }
)
JSONATA_ONLY = frozenset({"Arguments", "Items", "Output"})

# What to write instead of a field of the other query language.
_COUNTERPART = {
    "Arguments": "Parameters",
    "InputPath": "Arguments or Output",
    "Items": "ItemsPath",
    "ItemsPath": "Items",
    "Output": "ResultSelector, ResultPath or OutputPath",
    "OutputPath": "Output",
    "Parameters": "Arguments",
    "Result": "Output",
    "ResultPath": "Output",
    "ResultSelector": "Output",
}

REQUIRED: dict[str, tuple[str, ...]] = {"Task": ("Resource",), "Choice": ("Choices",), "Parallel": ("Branches",)}
ONE_OF: dict[str, tuple[str, ...]] = {
    "Map": ("ItemProcessor", "Iterator"),
    "Wait": ("SecondsPath", "Seconds", "TimestampPath", "Timestamp"),
}
AT_MOST_ONE: dict[str, tuple[tuple[str, str], ...]] = {
    "Task": (("TimeoutSeconds", "TimeoutSecondsPath"), ("HeartbeatSeconds", "HeartbeatSecondsPath")),
    "Fail": (("Error", "ErrorPath"), ("Cause", "CausePath")),
    "Map": (
        ("ItemSelector", "Parameters"),
        ("MaxConcurrency", "MaxConcurrencyPath"),
        ("ToleratedFailureCount", "ToleratedFailureCountPath"),
        ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ),
}


def supported_field(state: State, field: str) -> None:
    """A field that this type of state does not have."""
    if field == "ResultSelector" and state.type == "Pass" and state.checkup.dialect == "tcsl":
        return
    # The cloud refuses every field that it does not know. What Tencent's does is not documented.
    severity = "ERROR" if state.checkup.dialect == "asl" or field in KNOWN_FIELDS else "WARNING"
    own = FIELDS[state.type]
    if field in KNOWN_FIELDS:
        owners = [kind for kind, fields in FIELDS.items() if field in fields]
        fix = f"{state.type} has no {field}; it belongs to {', '.join(owners)}. Remove it."
        if field in ("Next", "End"):
            why = 'the rules and "Default" say where it goes' if state.type == "Choice" else "nothing comes after it"
            fix = f"Remove it: {why}."
    else:
        fix = state.checkup.did_you_mean(field, own) or 'Remove it; notes go into "Comment".'
    state.add(severity, f"Field '{short(field)}' is not supported", at=(field,), of="key", fix=fix)


def field_of_language(state: State, field: str) -> None:
    """A field that the state's query language does not have."""
    other = _COUNTERPART.get(field)
    if state.jsonata and field.endswith("Path") and other is None:
        other = f'{field.removesuffix("Path")} with a "{{% ... %}}" expression'
    fix = f"Write {other} instead" if other else "Remove it"
    if not state.jsonata:
        fix += ', or add "QueryLanguage": "JSONata"'
    state.error(wrong_language(state.jsonata, field), at=(field,), of="key", fix=fix + ".")


def required_fields(state: State) -> None:
    """Fields that the type needs, groups of which it needs one, and pairs of which it takes one."""
    value = state.value
    missing = [field for field in REQUIRED.get(state.type, ()) if field not in value]
    if missing:
        state.error(f"These fields are required: {listed(missing)}", fix=_nearest_field(state, missing[0]))
    group = ONE_OF.get(state.type)
    if group is not None:
        given = [field for field in group if field in value]
        if not given:
            fix = _nearest_field(state, group[0]) if state.type == "Map" else 'Add "Seconds": 10, or another of them.'
            state.error(f"This object should have only one of the following fields: {listed(group)}", fix=fix)
        elif len(given) > 1:
            fix = f"Keep {' or '.join(given)}."
            message = f"There should only be one of the following fields: {listed(group)}"
            state.error(message, at=(given[1],), of="key", fix=fix)
    for pair in AT_MOST_ONE.get(state.type, ()):
        if pair[0] in value and pair[1] in value:
            fix = f"Keep {pair[0]} or {pair[1]}."
            message = f"There should only be one of the following fields: {listed(pair)}"
            state.error(message, at=(pair[1],), of="key", fix=fix)


def _nearest_field(state: State, missing: str) -> str:
    for field in state.value:
        if field not in KNOWN_FIELDS and state.checkup.suggestion(field, (missing,)):
            return f'Rename "{short(field, 60)}" to "{missing}".'
    return f'Add "{missing}".'


def next_or_end(state: State) -> None:
    """Exactly one of Next and ``"End": true``."""
    value = state.value
    has_next, end = "Next" in value, value.get("End")
    if has_next and end is True:
        fix = "Keep Next to go on, or End to stop here."
        state.error("There should only be one of the following fields: [Next, End]", at=("End",), of="key", fix=fix)
    elif not has_next and end is not True:
        if "End" in value and not isinstance(end, bool):
            return
        fix = 'Add "Next" with the name of a state, or "End": true.'
        if end is False:
            fix = 'Write "End": true, or "Next" with the name of a state.'
        state.error("This object should have only one of the following fields: [Next, End]", fix=fix)
    elif end is False:
        state.warning('"End": false says nothing.', "End", fix="Remove it.")


def heartbeat_below_timeout(state: State) -> None:
    """A heartbeat that is not shorter than the timeout never counts."""
    beat, limit = state.value.get("HeartbeatSeconds"), state.value.get("TimeoutSeconds")
    if type(beat) is int and type(limit) is int and beat >= limit > 0:
        message = f"HeartbeatSeconds {beat} is not smaller than TimeoutSeconds {limit}"
        state.error(message, "HeartbeatSeconds", fix="Lower HeartbeatSeconds or raise TimeoutSeconds.")


def resource_of_type(state: State) -> None:
    """Express machines do not wait for jobs, callbacks or activities."""
    resource = state.value.get("Resource")
    if not state.scope.express or not isinstance(resource, str) or not resource.startswith("arn:"):
        return
    if ":states:" in resource and ":activity:" in resource:
        fix = "Use a STANDARD state machine for activities."
        state.error("Express state machine does not support Activity ARN", "Resource", fix=fix)
        return
    for pattern in (".waitForTaskToken", ".sync", ".sync:2"):
        if resource.endswith(pattern):
            message = f"Express state machine does not support '{pattern}' service integration "
            fix = f'Remove "{pattern}", or use a STANDARD state machine.'
            state.error(message, "Resource", fix=fix)


def comment_field(state: State, field: str, value: Any) -> None:
    """Comment: a string; nothing depends on it."""
    if not isinstance(value, str):
        state.warning("A Comment is a text.", field, fix="Write a text in quotes.")


def name_field(state: State, field: str, value: Any) -> None:
    """The name of a state."""
    if not isinstance(value, str):
        state.error("Expected value of type String", field, fix="Write the name of a state.")


def end_field(state: State, field: str, value: Any) -> None:
    """End: true."""
    if not isinstance(value, bool):
        state.error("Expected value of type Boolean", field, fix="Write true, without quotes.")


def language_field(state: State, field: str, value: Any) -> None:
    """QueryLanguage: one of two; a JSONata machine has no JSONPath states."""
    if not isinstance(value, str):
        state.error("Expected value of type String", field, fix='Write "JSONPath" or "JSONata".')
    elif value not in ("JSONPath", "JSONata"):
        fix = state.checkup.did_you_mean(value, ("JSONPath", "JSONata")) or 'Write "JSONPath" or "JSONata".'
        state.error("Value should be one of the following: [JSONPath, JSONata]", field, fix=fix)
    elif value == "JSONPath" and state.checkup.jsonata:
        message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
        fix = 'Remove "QueryLanguage" from the machine and add it to the states that use JSONata.'
        state.error(message, at=(field,), of="key", fix=fix)
    if state.checkup.dialect == "tcsl":
        state.checkup.tell_once('"QueryLanguage"', (*state.pointer, field), "key")


def dynamic_text_field(state: State, field: str, value: Any) -> None:
    """A string that JSONata may compute."""
    if not isinstance(value, str):
        state.error("Expected value of type String", field, fix="Write a text in quotes.")
    elif state.jsonata:
        jsonata_string(state, value, (field,))


def timestamp_field(state: State, field: str, value: Any) -> None:
    """Timestamp: an RFC 3339 text."""
    if is_dynamic(state, value):
        jsonata_string(state, value, (field,))
    elif not isinstance(value, str):
        state.error("Expected value of type String", field, fix='Write it as "2030-01-31T12:00:00Z".')
    elif not is_timestamp(value):
        path = isinstance(value, str) and value.startswith("$")
        fix = 'Write "TimestampPath" for a path.' if path else 'Write it as "2030-01-31T12:00:00Z".'
        state.error("String does not match RFC3339 timestamp", field, fix=fix)


def whole_number(low: int, high: int | None = None) -> ValueRule:
    """The rule for an integer within bounds."""

    def rule(state: State, field: str, value: Any) -> None:
        if is_jsonata(value) and state.jsonata:
            jsonata_string(state, value, (field,))
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            fix = "Write a whole number, without quotes."
            if isinstance(value, str) and value.startswith("$"):
                fix = f'Write "{field}Path" for a path.'
            state.error("Expected value of type Integer", field, fix=fix)
        elif value < low:
            state.error(f"Minimum value is {low}", field, fix=f"Write {low} or more.")
        elif high is not None and value > high:
            state.error(f"Maximum value is {high}", field, fix=f"Write {high} or less.")

    return rule


def percentage_field(state: State, field: str, value: Any) -> None:
    """A number from 0 to 100."""
    if is_jsonata(value) and state.jsonata:
        jsonata_string(state, value, (field,))
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        state.error("Expected value of type Number", field, fix="Write a number from 0 to 100, without quotes.")
    elif not 0 <= value <= 100:
        bound = f"Minimum value is {0}" if value < 0 else f"Maximum value is {100}"
        state.error(bound, field, fix="Write a number from 0 to 100.")


def input_path_field(state: State, field: str, value: Any) -> None:
    """InputPath and OutputPath: a path, or null for an empty object."""
    path_field(state, field, value, nullable=True)


def plain_path_field(state: State, field: str, value: Any) -> None:
    """A path to one value."""
    path_field(state, field, value)


def result_field(state: State, field: str, value: Any) -> None:
    """Result of a Pass: a constant, whatever its keys say."""
    stack: list[tuple[tuple[Step, ...], Any]] = [((field,), value)]
    while stack and state.checkup.wants_warnings:
        place, tree = stack.pop()
        if isinstance(tree, list):
            stack.extend(
                ((*place, index), child) for index, child in enumerate(tree) if isinstance(child, (dict, list))
            )
        elif isinstance(tree, dict):
            for key, child in tree.items():
                if key.endswith(".$") and isinstance(child, str) and state.checkup.wants_warnings:
                    message = "Attempt to use a path in the result of a pass state."
                    fix = 'Use "Parameters": "Result" is taken as it is.'
                    state.warning(message, *place, key, code="PASS_RESULT_IS_STATIC", of="key", fix=fix)
                elif isinstance(child, (dict, list)):
                    stack.append(((*place, key), child))


def items_field(state: State, field: str, value: Any) -> None:
    """Items: an array, an object, or an expression that gives one."""
    if not isinstance(value, (list, dict)) and not is_jsonata(value):
        fix = 'Write "{% $states.input.items %}".'
        state.error("Items must be an array, an object or a JSONata expression", field, fix=fix)
        return
    jsonata_values(state, value, (field,))


def credentials_field(state: State, field: str, value: Any) -> None:
    """Credentials: an object with the role."""
    if is_dynamic(state, value):
        jsonata_string(state, value, (field,))
    elif not isinstance(value, dict):
        state.error("Expected value of type Object", field, fix='Write {"RoleArn": "..."}.')
    else:
        if "RoleArn" not in value and (state.jsonata or "RoleArn.$" not in value):
            state.error("The field 'RoleArn' is required but was missing", field, fix='Add "RoleArn".')
        payload_template(state, field, value)


def resource_field(state: State, field: str, value: Any) -> None:
    """Resource: the name of a function, or a well-formed arn or qrn."""
    code = "INVALID_RESOURCE"
    if not isinstance(value, str):
        state.error("Expected value of type String", field, fix='Write the name of a function, such as "sum".')
    elif not value.strip():
        state.error("Value cannot be empty", field, fix='Write the name of a function, such as "sum".')
    elif value.startswith("arn:"):
        parts = value.split(":", 5)
        if len(parts) < 6 or not all((parts[1], parts[2], parts[5])):
            fix = 'Write "arn:aws:lambda:{region}:{account}:function:{name}", or just the name of a local function.'
            state.error("Value is not a valid resource ARN", field, fix=fix)
    elif value.startswith("qrn:"):
        _qrn(state, field, value, code)
    elif is_jsonata(value):
        fix = "Write a constant: the expression is not evaluated."
        state.error("Value is not a valid resource ARN", field, fix=fix)
    elif any(c in value for c in "\n\r\t\0"):
        state.error("The name of the resource contains a control character.", field, code=code, fix="Remove it.")


def _qrn(state: State, field: str, value: str, code: str) -> None:
    form = "qrn:qcs:asw:{region}:{appid}:sdk:json:qcloud:{service}:{action}"
    parts = value.split(":")
    if parts[:3] != ["qrn", "qcs", "asw"] or len(parts) < 8:
        state.error("The qrn has not the form of a resource.", field, code=code, fix=f'Write "{form}".')
    elif parts[5] == "sdk" and (len(parts) < 10 or parts[7] != "qcloud" or not parts[8] or not parts[9]):
        state.error("The qrn names no service and action.", field, code=code, fix=f'Write "{form}".')
    elif parts[5] == "sdk" and parts[8] == "scf" and not (parts[9].startswith("Invoke/") and parts[9].split("/")[1]):
        message = "A function is called with the action Invoke/{function}."
        state.error(message, field, code=code, fix='End the qrn with ":scf:Invoke/{function}".')


def template_field(state: State, field: str, value: Any) -> None:
    """Parameters, ResultSelector, ItemSelector: an object."""
    if not isinstance(value, (dict, list)) and not (state.jsonata and is_jsonata(value)):
        message = f"{field} is an object as a rule; this constant is taken as it is."
        state.warning(message, field, fix='Write {"name.$": "$.path"}.')
    payload_template(state, field, value)


def argument_field(state: State, field: str, value: Any) -> None:
    """Arguments and Output: any value with expressions in it."""
    payload_template(state, field, value)


VALUES: dict[str, ValueRule] = {
    "Arguments": argument_field,
    "Assign": assign_field,
    "Catch": catch_field,
    "Cause": dynamic_text_field,
    "CausePath": expression_field,
    "Choices": choices_field,
    "Comment": comment_field,
    "Credentials": credentials_field,
    "Default": name_field,
    "End": end_field,
    "Error": dynamic_text_field,
    "ErrorPath": expression_field,
    "HeartbeatSeconds": whole_number(1, 99_999_999),
    "HeartbeatSecondsPath": plain_path_field,
    "InputPath": input_path_field,
    "ItemBatcher": item_batcher_field,
    "ItemReader": item_reader_field,
    "ItemSelector": template_field,
    "Items": items_field,
    "ItemsPath": plain_path_field,
    "Label": label_field,
    "MaxConcurrency": whole_number(0),
    "MaxConcurrencyPath": plain_path_field,
    "Next": name_field,
    "Output": argument_field,
    "OutputPath": input_path_field,
    "Parameters": template_field,
    "QueryLanguage": language_field,
    "Resource": resource_field,
    "Result": result_field,
    "ResultPath": result_path_field,
    "ResultSelector": template_field,
    "ResultWriter": result_writer_field,
    "Retry": retry_field,
    "Seconds": whole_number(0, 99_999_999),
    "SecondsPath": plain_path_field,
    "TimeoutSeconds": whole_number(1, 99_999_999),
    "TimeoutSecondsPath": plain_path_field,
    "Timestamp": timestamp_field,
    "TimestampPath": plain_path_field,
    "ToleratedFailureCount": whole_number(0),
    "ToleratedFailureCountPath": plain_path_field,
    "ToleratedFailurePercentage": percentage_field,
    "ToleratedFailurePercentagePath": plain_path_field,
}

__all__ = [
    "FIELDS",
    "JSONATA_ONLY",
    "JSONPATH_ONLY",
    "VALUES",
    "field_of_language",
    "heartbeat_below_timeout",
    "next_or_end",
    "required_fields",
    "resource_of_type",
    "supported_field",
]
