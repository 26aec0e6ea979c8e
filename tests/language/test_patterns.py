"""How large regular expressions become."""

from __future__ import annotations

import pytest

from asw_nb.errors import StateError
from asw_nb.language.jsonata import check_syntax
from asw_nb.language.path_queries import compile_query
from asw_nb.language.patterns import EXPANDED_LIMIT, expanded_size

SIZES = {
    "": 0,
    "abc": 3,
    "a*b+c?": 3,
    r"\d{3}": 3,
    "[a{9}]{4}": 4,
    "[^]]{2}": 2,
    "(a)": 2,
    "(ab){3}": 9,
    "((a{99}){99}){99}": 99 * (1 + 99 * (1 + 99)),
    "a{2,}": 2,
    "a{0,1000000}": 1,
    "a{,5}": 5,
    r"\{5}": 3,
    "(a|b){100}": 400,
    "a)": 2,
}


@pytest.mark.parametrize("pattern", SIZES)
def test_repetitions_count_as_often_as_they_must(pattern):
    assert expanded_size(pattern) == SIZES[pattern]


@pytest.mark.parametrize("pattern", ["a{6000}", "(a{99}){99}", "((((((a{99}){99}){99}){99}){99}){99})", "a{" + "9" * 1000 + "}"])
def test_a_pattern_that_becomes_large_is_not_compiled(pattern):
    assert expanded_size(pattern) > EXPANDED_LIMIT
    assert check_syntax(f"$match($x, /{pattern}/)") == (
        f"Invalid regular expression: /{pattern[:100]}/: with all its repetitions it has more than {EXPANDED_LIMIT} parts"
    )
    find, _ = compile_query(f"[?search(@, '{pattern}')]")
    with pytest.raises(StateError) as failed:
        find(["aaa"])
    assert failed.value.cause == f"With all its repetitions, /{pattern[:100]}/ has more than {EXPANDED_LIMIT} parts."


def test_a_pattern_of_the_usual_size_is_compiled():
    assert check_syntax("$match($x, /^[0-9a-f]{64}(-\\d{1,4096}){2}$/)") is None
    find, _ = compile_query("[?search(@, '^[0-9a-f]{4}$')]")
    assert find(["12ab", "12"]) == ["12ab"]
