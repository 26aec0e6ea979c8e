"""Rules for the rules of a Choice: one table says which operator takes which operand.

::

    rule       = (comparison | combination | condition) + "Next"        in the list `Choices`
    comparison = "Variable" + one operator
    combination = "And": [rule...] | "Or": [rule...] | "Not": rule      (without "Next" inside)
    condition  = "Condition": "{% ... %}"                               (JSONata)
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from asw_nb.language.rules_base import State, Step, listed, short, wrong_language
from asw_nb.language.rules_expressions import assign_field, path_field, payload_template
from asw_nb.language.rules_jsonata import is_jsonata, jsonata_string

_RELATIONS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")

# operator -> the kind of its operand
OPERATORS: dict[str, str] = {
    **{f"{kind}{relation}": kind for kind in ("String", "Numeric", "Timestamp") for relation in _RELATIONS},
    "BooleanEquals": "Boolean",
    "StringMatches": "String",
}
OPERATORS.update({f"{operator}Path": "Path" for operator in OPERATORS if operator != "StringMatches"})
OPERATORS.update({f"Is{what}": "Boolean" for what in ("Null", "Present", "Numeric", "String", "Boolean", "Timestamp")})

# The operators that the documents of TCSL list (reference, section 3.3).
TCSL_OPERATORS = frozenset({"BooleanEquals", "NumericEquals", "StringEquals", "IsBoolean", "IsNumeric"})

SELECTORS = ("And", "Or", "Not", "Variable", "Condition")
_OTHERS = frozenset({"Next", "Comment", "Assign", "Output", *SELECTORS})
_KNOWN = frozenset({*OPERATORS, *_OTHERS})

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)


def is_timestamp(value: Any) -> bool:
    """Whether a value is an RFC 3339 text with capital ``T`` and ``Z``.

    Examples
    --------
    >>> is_timestamp("2016-03-14T01:59:00Z"), is_timestamp("2016-03-14 01:59:00"), is_timestamp("2016-13-14T01:59:00Z")
    (True, False, False)
    """
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True


def choices_field(state: State, field: str, value: Any) -> None:
    """Choices: a list of rules that is not empty."""
    if not isinstance(value, list):
        state.error("Expected value of type Array", field, fix='Write a list: [{"Variable": ..., "Next": ...}].')
        return
    if not value:
        state.error("Value cannot be empty", field, fix="Add a rule, or use a Pass state.")
        return
    for index, rule in enumerate(value):
        choice_rule(state, rule, ("Choices", index), True)
    _rules_that_never_match(state, value)


def choice_rule(state: State, rule: Any, place: tuple[Step, ...], top: bool) -> None:
    """One rule, or one of the rules inside And, Or and Not."""
    state.checkup.spend(6)
    if not isinstance(rule, dict):
        fix = 'Write a rule such as {"Variable": "$.a", "IsPresent": true}.'
        state.error("Expected value of type Object", *place, fix=fix)
        return
    _where_next_stands(state, rule, place, top)
    if state.jsonata:
        _jsonata_rule(state, rule, place)
    else:
        _jsonpath_rule(state, rule, place)
    _unknown_fields(state, rule, place)
    if "Assign" in rule:
        assign_field(state, "Assign", rule["Assign"], *place)
    if "Output" in rule:
        if state.jsonata:
            payload_template(state, "Output", rule["Output"], *place)
        else:
            _wrong_language(state, "Output", place)


def _where_next_stands(state: State, rule: dict[str, Any], place: tuple[Step, ...], top: bool) -> None:
    if not top:
        if "Next" in rule:
            fix = "Move it to the outermost rule."
            state.error("Field 'Next' is not supported", *place, at=(*place, "Next"), of="key", fix=fix)
    elif "Next" not in rule:
        state.error("These fields are required: [Next]", *place, fix='Add "Next" with the name of a state.')
    elif not isinstance(rule["Next"], str):
        state.error("Expected value of type String", *place, "Next", fix="Write the name of a state.")


def _wrong_language(state: State, field: str, place: tuple[Step, ...]) -> None:
    fix = 'Add "QueryLanguage": "JSONata" to the state, or remove the field.'
    if state.jsonata:
        fix = 'Write "Condition": "{% ... %}".'
    state.error(wrong_language(state.jsonata, field), *place, at=(*place, field), of="key", fix=fix)


def _jsonata_rule(state: State, rule: dict[str, Any], place: tuple[Step, ...]) -> None:
    wrong = [field for field in rule if field in OPERATORS or field in ("And", "Or", "Not", "Variable")]
    if wrong:
        _wrong_language(state, "Variable" if "Variable" in wrong else wrong[0], place)
    if "Condition" not in rule:
        if not wrong:
            state.error("These fields are required: [Condition]", *place, fix='Add "Condition": "{% ... %}".')
        return
    condition = rule["Condition"]
    if isinstance(condition, bool):
        return
    if not is_jsonata(condition):
        fix = 'Write "{% ... %}", true or false.'
        state.error("Condition must be a boolean or a JSONata expression", *place, "Condition", fix=fix)
        return
    jsonata_string(state, condition, (*place, "Condition"))


def _jsonpath_rule(state: State, rule: dict[str, Any], place: tuple[Step, ...]) -> None:
    selectors = [name for name in SELECTORS if name in rule]
    if "Condition" in rule:
        _wrong_language(state, "Condition", place)
        return
    if len(selectors) != 1:
        fix = "Keep one of them." if selectors else 'Add "Variable" and one comparison, such as "IsPresent": true.'
        state.error(f"The object must have only one of the following fields, {listed(SELECTORS)}", *place, fix=fix)
        return
    if selectors[0] == "Variable":
        _comparison(state, rule, place)
    else:
        _combination(state, selectors[0], rule, place)


def _combination(state: State, word: str, rule: dict[str, Any], place: tuple[Step, ...]) -> None:
    operators = [field for field in rule if field in OPERATORS]
    if operators:
        fix = f'Move it into the rules of "{word}".'
        at = (*place, operators[0])
        state.error(f"Field '{operators[0]}' is not supported", *place, at=at, of="key", fix=fix)
    if state.checkup.dialect == "tcsl":
        state.checkup.tell_once('"And", "Or" and "Not" in a choice rule', (*state.pointer, *place, word), "key")
    inner, at = rule[word], (*place, word)
    if word == "Not":
        choice_rule(state, inner, at, False)
    elif not isinstance(inner, list):
        state.error("Expected value of type Array", *at, fix="Write a list of rules.")
    elif not inner:
        state.error("Value cannot be empty", *at, fix="Add a rule.")
    else:
        for index, part in enumerate(inner):
            choice_rule(state, part, (*at, index), False)


def _comparison(state: State, rule: dict[str, Any], place: tuple[Step, ...]) -> None:
    path_field(state, "Variable", rule["Variable"], *place)
    operators = [field for field in rule if field in OPERATORS]
    if not operators:
        near = next((hit for field in rule if field not in _OTHERS and (hit := _near_operator(state, field))), None)
        fix = f'Did you mean "{near}"?' if near else 'Add one comparison, such as "StringEquals": "x".'
        state.error("The rule has a Variable but no comparison operator", *place, fix=fix)
    elif len(operators) > 1:
        fix = 'Keep one, or combine rules with "And".'
        message = f"There should only be one of the following fields: {listed(operators)}"
        state.error(message, *place, at=(*place, operators[1]), of="key", fix=fix)
    for operator in operators:
        _operand(state, operator, rule[operator], place)
        if operator not in TCSL_OPERATORS and state.checkup.dialect == "tcsl":
            state.checkup.tell_once(f'the operator "{operator}"', (*state.pointer, *place, operator), "key")


def _near_operator(state: State, field: str) -> str | None:
    return state.checkup.suggestion(field, OPERATORS)


def _operand(state: State, operator: str, value: Any, place: tuple[Step, ...]) -> None:
    kind = OPERATORS[operator]
    at = (*place, operator)
    if kind == "Path":
        path_field(state, operator, value, *place)
    elif kind == "Boolean":
        if not isinstance(value, bool):
            state.error("Expected value of type Boolean", *at, fix="Write true or false, without quotes.")
    elif kind == "Numeric":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            fix = _operand_fix(operator, value, "Write a number, without quotes.")
            state.error("Expected value of type Number", *at, fix=fix)
    elif not isinstance(value, str):
        state.error("Expected value of type String", *at, fix="Write a text in quotes.")
    elif kind == "Timestamp":
        if not is_timestamp(value):
            fix = _operand_fix(operator, value, 'Write it as "2030-01-31T12:00:00Z".')
            state.error("String does not match RFC3339 timestamp", *at, fix=fix)
    elif value.startswith(("$.", "$$.", "$[")) and operator != "StringMatches":
        message = "Field value looks like a path, but field name does not end with 'Path'"
        state.warning(message, *at, code="NO_PATH", fix=f'Write "{operator}Path" to compare with what the path finds.')


def _operand_fix(operator: str, value: Any, otherwise: str) -> str:
    if isinstance(value, str) and value.startswith("$"):
        return f'Write "{operator}Path" to compare with what a path finds.'
    return otherwise


def _unknown_fields(state: State, rule: dict[str, Any], place: tuple[Step, ...]) -> None:
    for field in rule:
        if field not in _KNOWN and state.checkup.wants_warnings:
            fix = state.checkup.did_you_mean(field, _KNOWN) or "Remove it."
            message = f"Field '{short(field)}' is not supported"
            state.warning(message, *place, at=(*place, field), of="key", fix=fix)


def _rules_that_never_match(state: State, rules: list[Any]) -> None:
    """A rule that asks what an earlier one asked, or that stands after a rule that always matches."""
    asked: dict[str, int] = {}
    always: int | None = None
    for index, rule in enumerate(rules):
        if not state.checkup.wants_warnings:
            return
        if not isinstance(rule, dict):
            continue
        if always is not None:
            message = f"This rule can never match: rule {always} always matches before it."
            state.warning(message, "Choices", index, code="CHOICE_NEVER_MATCHES", fix="Move it up or remove it.")
            continue
        question = {key: value for key, value in rule.items() if key not in ("Next", "Comment", "Assign", "Output")}
        if rule.get("Condition") is True:
            always = index
        elif rule.get("Condition") is False:
            state.warning("This rule never matches.", "Choices", index, code="CHOICE_NEVER_MATCHES", fix="Remove it.")
        if not question:
            continue
        shape = json.dumps(question, sort_keys=True)
        if shape in asked:
            message = f"This rule can never match: rule {asked[shape]} asks the same before it."
            fix = "Change one of the two or remove it."
            state.warning(message, "Choices", index, code="CHOICE_NEVER_MATCHES", fix=fix)
        else:
            asked[shape] = index


__all__ = ["OPERATORS", "SELECTORS", "TCSL_OPERATORS", "choice_rule", "choices_field", "is_timestamp"]
