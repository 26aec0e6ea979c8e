"""A definition from a stranger: whatever the expression, it ends in time, in memory, in an error of its own."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asw_nb.language import jsonata_guard
from asw_nb.language.jsonata import UNDEFINED, JsonataError, JsonataSyntaxError, compile_jsonata
from asw_nb.language.jsonata_guard import Run


def nested(levels: int) -> dict:
    tree: dict = {"leaf": 1}
    for _ in range(levels):
        tree = {"down": tree, "side": [1, 2]}
    return tree


STATES = {
    "input": {
        "text": "a" * 40 + "!",
        "long": "x" * 1_000_000,
        "deep": nested(300),
        "wide": [{"b": i, "c": {"d": [i, i]}} for i in range(25_000)],
    }
}
# A value that is small here and endless when its branches are walked one by one.
TWINS = "$reduce([1..60], function($a, $v) { {'l': $a, 'r': $a} }, 1)"
TWIN_ARRAYS = "$reduce([1..60], function($a, $v) { [[$a], [$a]] }, 0)"
ENDLESS = "$reduce([1..100000], function($a, $v) { [[$a]] }, 1)"


@pytest.fixture
def short(monkeypatch):
    """A fifth of a second for each expression, so that the set of them takes no longer than it must."""
    monkeypatch.setattr(jsonata_guard, "TIME_LIMIT_S", 0.2)


def run(text: str) -> object:
    return compile_jsonata(text)(STATES, {}, random.Random(0))


TIMEOUT = ("D1012", "Evaluation timeout after 200 milliseconds. Check for infinite loop")
STACK = (
    "D1011",
    "Stack overflow. Check for non-terminating recursive function.  Consider rewriting as tail-recursive",
)
PIECE = ("D1014", "The expression builds more than 33554432 bytes of data")
TOGETHER = ("D1014", "The expression builds more than 268435456 bytes of data")

HOSTILE = [
    # regular expressions
    ("$contains($states.input.text, /^(a|a|aa)+$/)", [TIMEOUT]),
    ("$contains($states.input.long, /(x+x+)+y/)", [TIMEOUT]),
    ("$match($states.input.long, /x*(?=x*y)/)", [TIMEOUT]),
    ("$replace($states.input.long, /x/, $states.input.long)", [TOGETHER]),
    # loops
    ("($f := function($n) { $f($n + 1) }; $f(1))", [TIMEOUT]),
    ("($f := function($n) { $g($n) }; $g := function($n) { $f($n) }; $f(1))", [TIMEOUT]),
    ("($f := function($n) { 1 + $f($n) }; $f(1))", [STACK]),
    ("$map([1..9999], function($a) { $map([1..9999], function($b) { 1 }) })", [TIMEOUT]),
    ("$reduce([1..800000], function($a, $v) { $a + $v })", [TIMEOUT]),
    ("$sort([1..200000], function($a, $b) { $random() > 0.5 })", [TIMEOUT]),
    ("[1..200000]^($random())", [TIMEOUT]),
    ("$states.input.wide[b in $states.input.wide.b]", [TIMEOUT]),
    ("[1..999]@$a.[1..999]@$b.[1..999]@$c.($a)", [TIMEOUT, TOGETHER, PIECE]),
    ("$states.input.**.**.**.**", [TIMEOUT]),
    ("$states.input ~> |**|{'z': 1}|", [TIMEOUT, TOGETHER]),
    # sizes
    ("[1..10000000]", [PIECE]),
    ("$range(1, 9000000, 1)", [PIECE]),
    ("[1..500].([1..500000])", [TIMEOUT, TOGETHER]),
    ("$pad('x', 1e300)", [PIECE]),
    ("$join([1..100000].('x'), $states.input.long)", [PIECE, TIMEOUT]),
    ("$reduce([1..60], function($a, $v) { $a & $a }, 'x')", [PIECE]),
    ("$reduce([1..60], function($a, $v) { $replace($a, 'x', 'xx') }, 'x')", [PIECE, TIMEOUT]),
    ("$reduce([1..60], function($a, $v) { [$a, $a] }, 1)", [PIECE]),
    ("$reduce([1..100000], function($a, $v) { $append($a, $v) })", [TOGETHER, TIMEOUT]),
    ("[1..1000].$uppercase($states.input.long)", [TOGETHER, TIMEOUT]),
    ("$split($states.input.long, '')", [PIECE]),
    ("$formatInteger(1e15, 'I')", [PIECE]),
    ("$parse('[' & $pad('', 3000000, '[],') & '1]')", [PIECE]),
    ("[1..100000].($states.input.wide)", [TIMEOUT, TOGETHER]),
    # shared branches
    (TWINS, [TIMEOUT, TOGETHER]),
    (f"$string({TWINS})", [TIMEOUT, TOGETHER]),
    (f"{TWINS} = {TWINS}", [TIMEOUT]),
    (f"$distinct([{TWINS}, 1])", [TIMEOUT, TOGETHER]),
    (f"$clone({TWINS})", [TIMEOUT, TOGETHER]),
    (f"$count({TWINS}.**)", [TIMEOUT, TOGETHER]),
    (f"{TWIN_ARRAYS} ? 1 : 2", [TIMEOUT]),
    (f"$keys({TWIN_ARRAYS})", [TIMEOUT]),
    (f"{TWIN_ARRAYS}.a", [TIMEOUT]),
    # depth
    (ENDLESS, [STACK, TIMEOUT, TOGETHER]),
    (f"$string({ENDLESS})", [STACK, TIMEOUT, TOGETHER]),
    (f"{ENDLESS} = {ENDLESS}", [STACK, TIMEOUT, TOGETHER]),
    ("$reduce([1..9999], function($a, $v) { {'f': $a.f ~> function($x) { $x }} }, {'f': $string}).f(1)", [STACK, TIMEOUT]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "ends"), HOSTILE, ids=[text for text, _ in HOSTILE])
def test_a_hostile_expression_ends_within_its_bounds(text, ends, short):
    started = time.perf_counter()
    with pytest.raises(JsonataError) as caught:
        run(text)
    # on a machine that is busy with something else the time bound may come before any other
    assert (caught.value.code, caught.value.message) in [*ends, TIMEOUT]
    assert time.perf_counter() - started < 60, "it hangs"


HARMLESS = [
    ("$count($states.input.**)", 125_905),
    ("$count($states.input.deep.**)", 902),
    ("$contains($states.input.text, /a*!$/)", True),
    ("$length($states.input.long & $states.input.long)", 2_000_000),
    ("$sum([1..100000])", 5_000_050_000),
    ("($f := function($n, $acc) { $n = 0 ? $acc : $f($n - 1, $acc + $n) }; $f(9999, 0))", 49_995_000),
    ("($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(100))", 100),
    ("$count($states.input.wide[b > 100])", 24_899),
    ("$round(1.5, 1e9)", 1.5),
    ("{'a': 1} ~> |$|{'self': $}|", {"a": 1, "self": {"a": 1}}),
]


@pytest.mark.parametrize(("text", "expected"), HARMLESS, ids=[text for text, _ in HARMLESS])
def test_what_is_large_and_still_allowed(text, expected):
    assert run(text) == expected


HUGE = [
    ("'" + "x" * 100_001 + "'", "S0501", "The expression is too long: 100003 characters, at most 100000 are read"),
    ("(" * 10_000 + "1" + ")" * 10_000, "S0502", "The expression is nested too deeply"),
    ("[" * 10_000 + "]" * 10_000, "S0502", "The expression is nested too deeply"),
    ("-" * 10_000 + "1", "S0502", "The expression is nested too deeply"),
    ("1 ? " * 10_000 + "1", "S0502", "The expression is nested too deeply"),
    ("$f(" * 9_000, "S0502", "The expression is nested too deeply"),
    ("function($x) {" * 7_000, "S0502", "The expression is nested too deeply"),
    ("1" + " + 1" * 3_000, "S0502", "The expression is nested too deeply"),
    (
        "a" + ".a" * 40_000,
        "S0503",
        "The expression is too large: at most 8000 names, operators and literals are read",
    ),
    (
        "(" * 40 + "a" + " ?? b)" * 40,
        "S0503",
        "The expression is too large: at most 8000 names, operators and literals are read",
    ),
    ("/" + "a" * 3_000 + "/", "S0303", "Invalid regular expression: 3000 characters, at most 2000 are read"),
]


@pytest.mark.parametrize(("text", "code", "message"), HUGE, ids=[f"{row[0][:12]}..." for row in HUGE])
def test_a_huge_text_is_a_syntax_error(text, code, message):
    with pytest.raises(JsonataSyntaxError) as caught:
        compile_jsonata(text)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_reading_does_not_raise_the_recursion_limit_of_the_process():
    """The library raises it to 10,000 when it is imported."""
    child = (
        "import sys; from asw_nb.language.jsonata import compile_jsonata; before = sys.getrecursionlimit();"
        "compile_jsonata('1'); print(before == sys.getrecursionlimit())"
    )
    assert subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout == "True\n"


def test_the_memory_of_an_evaluation_is_bounded():
    """In a child that may take 700 MB: what would not fit into it fails as an expression, not as a process."""
    child = textwrap.dedent(
        """
        import json, random, resource, sys
        from asw_nb.language.jsonata import JsonataError, compile_jsonata
        compile_jsonata("/a/")
        resource.setrlimit(resource.RLIMIT_AS, (700 * 2**20, 700 * 2**20))
        codes = []
        for text in json.load(sys.stdin):
            try:
                compile_jsonata(text)({"input": {"long": "x" * 1_000_000}}, {}, random.Random(0))
                codes.append("none")
            except JsonataError as error:
                codes.append(error.code)
        print(json.dumps(codes))
        """
    )
    texts = [
        "[1..800000] ~> $map(function($v) { [1..800000] })",
        "[" + ", ".join(["[1..800000]"] * 40) + "]",
        "$reduce([1..60], function($a, $v) { $a & $a }, 'x')",
        "[1..1000].$uppercase($states.input.long)",
        "$reduce([1..100000], function($a, $v) { $append($a, $v) })",
        "($a := [1..800000]; $zip($a, $a, $a, $a, $a, $a))",
        "$reduce([1..40], function($a, $v) { $merge([$a, {$string($v): $a}]) }, {})",
        "$match($states.input.long, /(x*)(x*)(x*)(x*)y/)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", child], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    codes = json.loads(done.stdout)
    # D1011 would be a MemoryError, caught at the last moment.
    assert len(codes) == len(texts) and set(codes) <= {"D1014", "D1012", "none"}
    assert set(codes[:5]) <= {"D1014", "D1012"}


def test_other_threads_run_while_a_regular_expression_runs_away(short):
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.01):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    with pytest.raises(JsonataError):
        run("$contains($states.input.text, /^(a|a|aa)+$/)")
    stop.set()
    thread.join()
    assert len(ticks) >= 5


def test_one_expression_on_many_threads():
    text = "($f := function($n) { $n = 0 ? 0 : $n + $f($n - 1) }; {'sum': $f($n), 'own': $states.input.own})"
    expression = compile_jsonata(text)
    results: dict[int, object] = {}

    def work(own: int) -> None:
        for _ in range(20):
            results[own] = expression({"input": {"own": own}}, {"n": own}, random.Random(own))

    threads = [threading.Thread(target=work, args=(own,)) for own in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {own: {"sum": own * (own + 1) // 2, "own": own} for own in range(1, 9)}


# --- any text at all ------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["$", "$$", "$x", "a", "`b`", "'t'", "1", ".", "[", "]", "(", ")", "{", "}", ":", ":=", ";", ",", "+", "-", "*", "**", "%",
     "/", "&", "=", "!=", "<", ">", "<=", "in", "and", "or", "?", "??", "?:", "~>", "|", "@", "#", "^", "..", "function($v)",
     "$map", "$sum", "/a/i", "\\", "\"", "!", "~", " ", "\n", "null", "true", "/*", "*/", "λ", "\u2028"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=20))
def test_any_text_is_an_expression_or_a_syntax_error(text):
    try:
        expression = compile_jsonata(text)
    except JsonataSyntaxError as error:
        assert error.code[0] == "S" and 0 <= error.position <= len(text)
        return
    try:
        value = expression({"input": {"a": [1, {"b": 2}]}}, {"x": [1]}, random.Random(0))
    except JsonataError as error:
        assert error.code != "D3145"
        return
    assert value is UNDEFINED or json.dumps(value)


ATOMS = st.sampled_from(
    ["1", "-2.5", "'b'", "''", "true", "null", "[]", "[1, 'a']", "{}", "{'a': [1]}", "nothing", "$", "$x", "a", "b.c", "*", "**",
     "$sum", "function($v) { $v }", "/[a-c]/", "$x[0]", "1e300", "1/0", "[1..3]"]
)  # fmt: skip
CALLS = st.sampled_from([name for name in compile_jsonata.__globals__["FUNCTIONS"] if name not in ("now", "millis")])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ["+", "-", "*", "/", "%", "=", "!=", "<", "&", "and", "or", "in", "~>", "??", "?:", "."]
    )
    return (
        st.tuples(inner, operators, inner).map(lambda t: f"[({t[0]}){t[1]}({t[2]})]")
        | st.tuples(CALLS, st.lists(inner, max_size=4)).map(lambda t: f"${t[0]}({', '.join(t[1])})")
        | st.tuples(inner, inner).map(lambda t: f"({t[0]})[{t[1]}]")
        | st.tuples(inner, inner).map(lambda t: f"({t[0]})^({t[1]})")
        | st.tuples(inner, inner).map(lambda t: f"({t[0]}) ~> |{t[1]}|{{'z': {t[0]}}}|")
        | st.tuples(inner, inner).map(lambda t: f"($y := {t[0]}; {{'k': $y, 'l': {t[1]}}})")
    )


@settings(max_examples=400, deadline=None)
@given(st.recursive(ATOMS, grown, max_leaves=6))
def test_no_expression_meets_a_bug(text):
    """Functions get whatever an expression can make: each fails as JSONata fails, or yields JSON."""
    data = {"a": [3, {"b": "x"}], "b": {"c": [[1], 2]}}
    try:
        value = compile_jsonata(text).evaluate(data, {}, {"x": ["a", 1]}, Run(random.Random(0), limit_s=0.5))
    except JsonataSyntaxError:
        # A slash behind a parenthesis divides, and a literal is no step of a path.
        return
    except JsonataError as error:
        assert error.code != "D3145", error.message
        assert isinstance(error.message, str)
        return
    assert value is UNDEFINED or json.loads(json.dumps(value)) is not Ellipsis
    assert data == {"a": [3, {"b": "x"}], "b": {"c": [[1], 2]}}
