"""What the variables of an execution may have in bytes: one, those of one Assign, all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.engine.payload import TooLarge, check_all_variables, check_variables, size_bytes

LIMIT = 262_144


def run(states: dict[str, Any], data: Any = None, **options: Any) -> asw.Execution:
    machine = {"StartAt": next(iter(states)), "States": states}
    return asw.run(machine, data, type="EXPRESS", clock=asw.VirtualClock(), **options)


def assigning(**values: Any) -> dict[str, Any]:
    return {"A": {"Type": "Pass", "Assign": values, "End": True}}


def text_of(size: int) -> str:
    """A text of so many bytes of JSON."""
    return "x" * (size - 2)


def cause(state: str, event: int, text: str) -> str:
    return f"An error occurred while executing the state '{state}' (entered at the event id #{event}). {text}"


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: [text[:-2]], lambda text: {"k": text[:-6]}])
def test_one_variable_has_256_kib(size: int, wrap: Any) -> None:
    value = wrap(text_of(size))
    assert size_bytes(value) == size
    ended = run(assigning(**{"v.$": "$"}), value)
    if size == LIMIT:
        assert (ended.status, ended.output) == ("SUCCEEDED", value)
    else:
        said = f"The variable 'v' has a size of {size} bytes, which exceeds the limit of {LIMIT} bytes."
        assert (ended.error, ended.cause) == ("States.DataLimitExceeded", cause("A", 2, said))


def test_the_variables_of_one_assign_have_256_kib_together() -> None:
    half = text_of(LIMIT // 2)
    assert run(assigning(**{"a.$": "$", "b.$": "$"}), half).status == "SUCCEEDED"
    ended = run(assigning(**{"a.$": "$", "b.$": "$", "n": 12}), half)
    said = f"The variables of one Assign have a size of {LIMIT + 2} bytes, which exceeds the limit of {LIMIT} bytes."
    assert (ended.error, ended.cause) == ("States.DataLimitExceeded", cause("A", 2, said))


def many(count: int, size: int, name: str = "v#") -> dict[str, Any]:
    """States that assign one variable each."""
    states: dict[str, Any] = {}
    for i in range(count):
        value = {name.replace("#", str(i)): text_of(size)}
        states[f"S{i}"] = {"Type": "Pass", "Assign": value, "Next": f"S{i + 1}"}
    return {**states, f"S{count}": {"Type": "Succeed"}}


def test_all_variables_have_forty_times_as_much() -> None:
    limited = {"payload_limit_bytes": 1000}
    assert run(many(40, 1000), **limited).status == "SUCCEEDED"
    ended = run(many(41, 1000), **limited)
    said = "The variables of the execution have a size of 41000 bytes, which exceeds the limit of 40000 bytes."
    assert (ended.error, ended.cause) == ("States.DataLimitExceeded", cause("S40", 82, said))


def test_a_variable_that_gets_another_value_gives_the_old_one_back() -> None:
    assert run(many(300, 1000, "v"), payload_limit_bytes=1000).status == "SUCCEEDED"


def test_the_variables_of_all_branches_count_and_end_with_them() -> None:
    def each(number: int, following: str) -> dict[str, Any]:
        assigning = {"Type": "Pass", "Assign": {"v.$": "$"}, "Next": f"W{number}"}
        states = {f"V{number}": assigning, f"W{number}": {"Type": "Wait", "Seconds": 1, "End": True}}
        return {"Type": "Map", "ItemProcessor": {"StartAt": f"V{number}", "States": states}, "Next": following}

    states = {"Each": each(1, "Again"), "Again": each(2, "End"), "End": {"Type": "Succeed"}}
    items = [text_of(1000)] * 30
    assert run(states, items, payload_limit_bytes=1000).status == "SUCCEEDED"
    ended = run(states, [text_of(1000)[i:] for i in range(50)], payload_limit_bytes=1000)
    assert ended.error == "States.DataLimitExceeded"
    assert (ended.cause or "").endswith("bytes, which exceeds the limit of 40000 bytes.")


@pytest.mark.parametrize(
    ("dialect", "limit", "error"),
    [
        ("asl", "auto", "States.DataLimitExceeded"),
        ("tcsl", "auto", None),
        ("asl", None, None),
        ("asl", 1_000_000, None),
        ("tcsl", 10, "States.DataLimitExceeded"),
    ],
)
def test_the_limits_are_those_of_the_payload(dialect: str, limit: Any, error: str | None) -> None:
    assert run(assigning(**{"v.$": "$"}), text_of(LIMIT + 1), dialect=dialect, payload_limit_bytes=limit).error == error


def test_a_catcher_that_names_the_error_gets_it_and_one_for_all_does_not() -> None:
    task = {"Type": "Task", "Resource": "f", "Assign": {"v.$": "$"}, "Next": "End"}
    states: dict[str, Any] = {"A": task, "B": {"Type": "Pass", "End": True}, "End": {"Type": "Succeed"}}
    functions = {"f": lambda event: text_of(2000)}
    for names, status in ((["States.DataLimitExceeded"], "SUCCEEDED"), (["States.ALL"], "FAILED")):
        task["Catch"] = [{"ErrorEquals": names, "Next": "B"}]
        assert run(states, functions=functions, payload_limit_bytes=2000).status == "SUCCEEDED"
        task["Assign"] = {"v.$": "States.Array($)"}
        assert run(states, functions=functions, payload_limit_bytes=2000).status == status
        task["Assign"] = {"v.$": "$"}


def test_what_a_catcher_assigns_is_limited_too() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B", "Assign": {"v": text_of(101)}}]
    states = {"A": {"Type": "Task", "Resource": "f", "Catch": catch, "End": True}, "B": {"Type": "Pass", "End": True}}
    ended = run(states, functions={"f": lambda event: 1 / 0}, payload_limit_bytes=100)
    assert ended.error == "States.DataLimitExceeded"
    catch[0]["Assign"] = {"v": text_of(100)}
    assert run(states, functions={"f": lambda event: 1 / 0}, payload_limit_bytes=100).status == "SUCCEEDED"


JSON = st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=300), lambda s: st.lists(s) | st.dictionaries(st.text(), s))


@given(st.dictionaries(st.text(min_size=1), JSON), st.integers(300, 2000))
def test_what_passes_is_within_the_limit(values: dict[str, Any], limit: int) -> None:
    sizes = [size_bytes(value) for value in values.values()]
    try:
        size = check_variables(values, limit)
    except TooLarge:
        assert sum(sizes) > limit
    else:
        assert sum(sizes) <= limit
        assert size == 0 or sum(sizes) <= size <= sum(sizes) + len(sizes) + 2
    assert check_all_variables([values, values, dict(values)], limit=10**9) <= sum(sizes)
