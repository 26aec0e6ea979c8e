"""Paths: which texts are reference paths, what they find, and what `put` builds without touching its input."""

from __future__ import annotations

import copy
from typing import Any

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.errors import AswError
from asw_nb.language.paths import (
    CannotPut,
    NoMatch,
    PathSyntaxError,
    compile_path,
    compile_put,
    normalised,
    parse_reference_path,
    split_root,
)

NAMES = st.sampled_from(["a", "b", "c-d", "名", "x y", "it's", 'say "hi"', "a.b", "back\\slash", "0", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
STEPS = st.lists(NAMES | st.integers(-3, 3), max_size=4)


class Env:
    """A context object and two variables."""

    variables: dict[str, Any] = {"v": {"k": [10, 20]}, "名": 3}  # noqa: RUF012

    def context(self) -> dict[str, Any]:
        return {"State": {"Name": "A"}, "Execution": {"Input": [1, 2, 3]}}


def written(steps: list[str | int]) -> str:
    """The steps in brackets, with quotes and backslashes escaped."""
    shown = (str(s) if isinstance(s, int) else "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'" for s in steps)
    return "$" + "".join(f"[{s}]" for s in shown)


# ---------------------------------------------------------------------------------------- the text


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("$", ("$", ())),
        ("$.a.b", ("$", ("a", "b"))),
        ("$['a b'][\"c\"]", ("$", ("a b", "c"))),
        ("$[ 'a' ][ 0 ]", ("$", ("a", 0))),
        ("$.l[0][-1].x", ("$", ("l", 0, -1, "x"))),
        (r"$['it\'s']['\\']", ("$", ("it's", "\\"))),
        ("$.job-spec.名", ("$", ("job-spec", "名"))),
        ("$$.Map.Item.Value", ("$$", ("Map", "Item", "Value"))),
        ("$$", ("$$", ())),
        ("$order.id", ("$order", ("id",))),
        ("$_x1", ("$_x1", ())),
        ("$.a[*]", None),
        ("$.a[0,1]", None),
        ("$.a[1:]", None),
        ("$..a", None),
        ("$.*", None),
        ("$.a[?(@.b)]", None),
        ("$.a.length()", None),
        ("$.a.", None),
        ("$.a b", None),
        ("a.b", None),
        ("", None),
    ],
)
def test_reference_paths(text: str, parsed: Any) -> None:
    assert parse_reference_path(text) == parsed


@pytest.mark.parametrize(
    ("text", "halves"),
    [("$.a", ("$", ".a")), ("$$.a", ("$$", ".a")), ("$ab.c", ("$ab", ".c")), ("$", ("$", "")), ("$[0]", ("$", "[0]"))],
)
def test_the_root_is_split_off(text: str, halves: tuple[str, str]) -> None:
    assert split_root(text) == halves


def test_a_path_starts_with_a_dollar() -> None:
    with pytest.raises(PathSyntaxError) as refused:
        split_root("order.id")
    assert str(refused.value) == '"order.id" is no path: a path starts with "$".'
    assert isinstance(refused.value, AswError)


def test_the_normalised_form_is_that_of_the_cloud() -> None:
    assert normalised(()) == "$"
    assert normalised(("a", 0, "b c")) == "$['a'][0]['b c']"
    assert normalised(("Execution",), "$$") == "$$['Execution']"


@given(STEPS)
def test_steps_survive_being_written(steps: list[str | int]) -> None:
    assert parse_reference_path(written(steps)) == ("$", tuple(steps))


# ---------------------------------------------------------------------------------------- getting

SHOP = {"items": [{"n": "tea", "p": 4}, {"n": "pot", "p": 30, "tags": ["new"]}], "a b": {"c.d": 1}, "nil": None}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$.items[1].p", 30),
        ("$.items[-1].n", "pot"),
        ("$['a b']['c.d']", 1),
        ("$.nil", None),
        ("$.items[*].n", ["tea", "pot"]),
        ("$.items[0,1].p", [4, 30]),
        ("$.items[-1:].n", ["pot"]),
        ("$..p", [4, 30]),
        ("$.items[?(@.p > 10)].n", ["pot"]),
        ("$.items[?(@.p > 99)]", []),
        ("$.gone[*]", []),
        ("$.items.length()", 2),
        ("$.length()", 3),
        ("$ ['a b'] ['c.d']", 1),
        ("$.items[1].n.length()", 3),
        ("$$.State.Name", "A"),
        ("$$.Execution.Input.length()", 3),
        ("$$.Execution.Input[1:]", [2, 3]),
        ("$v.k[1]", 20),
        ("$v", {"k": [10, 20]}),
        ("$v.k.length()", 2),
        ("$v.k[*]", [10, 20]),
        ("$名", 3),
    ],
)
def test_what_a_path_finds(text: str, found: Any) -> None:
    assert compile_path(text)(SHOP, Env()) == found


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$.gone", "$['gone']"),
        ("$.items.gone", "$['items']['gone']"),
        ("$.items[2]", "$['items'][2]"),
        ("$.items[-3]", "$['items'][-3]"),
        ("$.items[0].n.x", "$['items'][0]['n']['x']"),
        ("$['a b'][0]", "$['a b'][0]"),
        ("$.nil.x", "$['nil']['x']"),
        ("$$.Task.Token", "$['Task']['Token']"),
        ("$v.gone", "$['gone']"),
        ("$w.x", "$w"),
        ("$.nil.length()", "$.nil.length()"),
        ("$.gone.length()", "$['gone']"),
        ("$ .gone", "$ .gone"),
    ],
)
def test_where_a_path_finds_nothing(text: str, path: str) -> None:
    with pytest.raises(NoMatch) as miss:
        compile_path(text)(SHOP, Env())
    assert miss.value.path == path


@pytest.mark.parametrize("text", ["$.a.", "$.a[?(", "$$.a[", "$v..", "$.a[1:2:3:4]"])
def test_a_text_that_is_no_path_is_refused_when_compiled(text: str) -> None:
    with pytest.raises(PathSyntaxError) as refused:
        compile_path(text)
    # the reason behind the colon is the library's
    assert str(refused.value).startswith(f'"{text}" is no valid JSONPath: ')
    assert "\n" not in str(refused.value)


@given(VALUES, STEPS)
def test_reference_paths_find_what_the_library_finds(root: Any, steps: list[str | int]) -> None:
    text = written(steps)
    # the library takes a text for JSON that is to be read
    hits = [root] if not steps else [] if isinstance(root, str) else jsonpath.findall(text, root)
    value = root
    for step in steps if hits else ():  # the library takes an index for the name of a field, too; an object has no elements
        if isinstance(step, int) and isinstance(value, dict):
            hits = []
            break
        value = value[step]
    if hits:
        found = compile_path(text)(root, None)
        assert type(found) is type(hits[0])
        assert found == hits[0]
    else:
        with pytest.raises(NoMatch) as miss:
            compile_path(text)(root, None)
        assert miss.value.path == normalised(tuple(steps))


@given(VALUES, STEPS)
def test_a_miss_is_explained(root: Any, steps: list[str | int]) -> None:
    try:
        compile_path(written(steps))(root, None)
    except NoMatch as miss:
        assert miss.why.startswith(("No results for path: ", "Missing property in path ", "Property [", "The path $", "Filter: ["))
        assert miss.sensible is not miss.why.startswith("Filter: ")
        assert not miss.beyond or isinstance(steps[-1], int)


# ---------------------------------------------------------------------------------------- putting


@pytest.mark.parametrize(
    ("text", "root", "result"),
    [
        ("$", {"a": 1}, 9),
        ("$.a", {"a": 1, "b": 2}, {"a": 9, "b": 2}),
        ("$.x.y", {}, {"x": {"y": 9}}),
        ("$.a.y", {"a": None}, {"a": {"y": 9}}),
        ("$.l[0]", {"l": [1, 2]}, {"l": [9, 2]}),
        ("$.l[-1]", {"l": [1, 2]}, {"l": [1, 9]}),
        ("$.l[1].k", {"l": [1, {"j": 0}]}, {"l": [1, {"j": 0, "k": 9}]}),
        ("$[1]", [1, 2, 3], [1, 9, 3]),
        ("$.l[2]", {"l": [1, 2]}, {"l": [1, 2, 9]}),
        ("$.l[0]", {}, {"l": [9]}),
        ("$.l[0].k", {}, {"l": [{"k": 9}]}),
        ("$.l[0][0]", {}, {"l": [[9]]}),
    ],
)
def test_what_put_builds(text: str, root: Any, result: Any) -> None:
    before = copy.deepcopy(root)
    assert compile_put(text)(root, 9) == result
    assert root == before


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("$.a", [1]),
        ("$.a", "text"),
        ("$.a.b", {"a": 1}),
        ("$[0]", {"0": 1}),
        ("$.l[3]", {"l": [1]}),
        ("$.l[-2]", {"l": [1]}),
    ],
)
def test_where_nothing_can_be_put(text: str, root: Any) -> None:
    with pytest.raises(CannotPut):
        compile_put(text)(root, 9)


@pytest.mark.parametrize("text", ["$.a[*]", "$$.a", "$v.a", "$..a", "a"])
def test_only_reference_paths_into_the_data_can_be_put(text: str) -> None:
    with pytest.raises(PathSyntaxError) as refused:
        compile_put(text)
    assert str(refused.value) == f'"{text}" is no reference path: use "$", fields and indexes only, such as "$.a.b[0]".'


@given(VALUES, STEPS, VALUES)
def test_what_was_put_is_found_there_and_the_input_is_as_before(root: Any, steps: list[str | int], value: Any) -> None:
    text, before = written(steps), copy.deepcopy(root)
    try:
        made = compile_put(text)(root, value)
    except CannotPut:
        made = None
    else:
        assert compile_path(text)(made, None) == value
    assert root == before


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), VALUES)
def test_put_shares_what_it_does_not_write(root: dict[str, Any], value: Any) -> None:
    name = min(root)
    made = compile_put(written([name]))(root, value)
    assert made[name] == value
    assert list(made) == list(root)
    assert all(made[other] is root[other] for other in root if other != name)
