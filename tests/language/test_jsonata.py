"""JSONata: values of every operator and kind of expression, errors in the reference's words, and the hot path."""

from __future__ import annotations

import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.jsonata import (
    UNDEFINED,
    Expression,
    JsonataError,
    JsonataSyntaxError,
    check_syntax,
    compile_jsonata,
)
from asw_nb.language.jsonata_guard import Run

SHOP = {
    "name": "Kiosk",
    "open": True,
    "note": None,
    "rate": 2.5,
    "tags": ["new", "old"],
    "empty": [],
    "grid": [[1, 2], [3, 4]],
    "orders": [
        {"id": 1, "to": "Ann", "lines": [{"sku": "a", "qty": 2, "price": 3}, {"sku": "b", "qty": 1, "price": 10}]},
        {"id": 2, "to": "Bob", "lines": [{"sku": "a", "qty": 5, "price": 3}]},
        {"id": 3, "to": "Ann", "lines": []},
    ],
    "owner": {"first name": "Eve", "address": {"city": "Ulm", "zip": "89073"}},
}


def value_of(text: str, data: object = SHOP, **variables: object) -> object:
    """The value of an expression whose `$` is `data`."""
    return compile_jsonata(text).evaluate(data, {}, variables, Run(random.Random(0)))


def in_state(text: str, states: dict, variables: dict | None = None) -> object:
    return compile_jsonata(text)(states, variables or {}, random.Random(0))


CASES = [
    # literals
    ("12", 12),
    ("-1.50", -1.5),
    ("1e3", 1000),
    ('"tab\\t\\u00e9"', "tab\té"),
    ("true", True),
    ("null", None),
    ("[]", []),
    ("{}", {}),
    # paths
    ("name", "Kiosk"),
    ("$.name", "Kiosk"),
    ("$$.owner.address.city", "Ulm"),
    ("owner.`first name`", "Eve"),
    ("owner.'first name'", "Eve"),
    ("missing", UNDEFINED),
    ("note.x", UNDEFINED),
    ("name.x", UNDEFINED),
    ("empty", []),
    ("tags", ["new", "old"]),
    ("orders.id", [1, 2, 3]),
    ("orders.lines.sku", ["a", "b", "a"]),
    ("orders[1].lines.sku", "a"),
    ("orders[1].lines.sku[]", ["a"]),
    ("orders.lines[0].sku", ["a", "a"]),
    ("(orders.lines)[0].sku", "a"),
    ("orders[-1].to", "Ann"),
    ("orders[9]", UNDEFINED),
    ("orders[[0..1]].id", [1, 2]),
    ("orders[id > 1].id", [2, 3]),
    ("orders[to = 'Bob'].id", 2),
    ("orders[lines].id", [1, 2]),
    ("tags[0]", "new"),
    ("tags[-1]", "old"),
    ("tags[0.9]", "new"),
    ("grid[1]", [3, 4]),
    ("grid[1][0]", 3),
    ("grid.$", [1, 2, 3, 4]),
    ("owner.*.city", "Ulm"),
    ("owner.address.*", ["Ulm", "89073"]),
    ("**.sku", ["a", "b", "a"]),
    ("orders.lines.%.id", [1, 1, 2]),
    ("orders.lines.(sku & %.id)", ["a1", "b1", "a2"]),
    ("orders#$i.{'at': $i, 'id': id}", [{"at": 0, "id": 1}, {"at": 1, "id": 2}, {"at": 2, "id": 3}]),
    ("orders@$o.lines.{'id': $o.id, 'sku': $o.lines[0].sku}", UNDEFINED),
    ("orders.lines@$l.{'sku': $l.sku, 'to': to}", [{"sku": "a", "to": "Ann"}, {"sku": "b", "to": "Ann"}, {"sku": "a", "to": "Bob"}]),
    ("orders.[id, to]", [[1, "Ann"], [2, "Bob"], [3, "Ann"]]),
    ("orders.{to: id}", [{"Ann": 1}, {"Bob": 2}, {"Ann": 3}]),
    ("orders{to: id}", {"Ann": [1, 3], "Bob": 2}),
    ("orders{to: $sum(lines.(qty * price))}", {"Ann": 16, "Bob": 15}),
    ("orders^(>id).id", [3, 2, 1]),
    ("orders^(to, >id).id", [3, 1, 2]),
    ("orders^(lines[0].qty).id", [1, 2, 3]),
    # arithmetic
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("7 / 2", 3.5),
    ("6 / 3", 2),
    ("7 % 3", 1),
    ("-7 % 3", -1),
    ("7.5 % 2", 1.5),
    ("-rate", -2.5),
    ("0.1 + 0.2", 0.30000000000000004),
    ("rate + missing", UNDEFINED),
    ("9007199254740993 * 1", 9007199254740992),
    # comparison
    ("1 = 1.0", True),
    ("1 = '1'", False),
    ("true = 1", False),
    ("[1, {'a': [2]}] = [1, {'a': [2]}]", True),
    ("{'a': 1, 'b': 2} = {'b': 2, 'a': 1}", True),
    ("1 != 2", True),
    ("missing = missing", False),
    ("missing != 1", False),
    ("null = null", True),
    ("2 < 10", True),
    ("'2' < '10'", False),
    ("3 >= 3", True),
    ("missing > 1", UNDEFINED),
    ("'new' in tags", True),
    ("'x' in tags", False),
    ("1 in 1", True),
    # boolean
    ("true and 1", True),
    ("false or ''", False),
    ("missing and true", False),
    ("true or $error('never')", True),
    ("false and $error('never')", False),
    # text
    ("name & '-' & rate & true & null", "Kiosk-2.5truenull"),
    ("'a' & missing", "a"),
    ("'x' & [1, 'two', {'k': 0.1 + 0.2}]", 'x[1,"two",{"k":0.3}]'),
    # ranges and arrays
    ("[1..4]", [1, 2, 3, 4]),
    ("[3..1]", []),
    ("[0, 2..3, [4]]", [0, 2, 3, [4]]),
    ("[missing, 1]", [1]),
    ("[tags, 'x']", ["new", "old", "x"]),
    ("[[1]]", [[1]]),
    # objects
    ("{'a': missing, 'b': 1}", {"b": 1}),
    ("{name: rate}", {"Kiosk": 2.5}),
    ("{'list': orders.id}", {"list": [1, 2, 3]}),
    # control
    ("open ? 'yes' : 'no'", "yes"),
    ("missing ? 1", UNDEFINED),
    ("missing ?: 'else'", "else"),
    ("'' ?: 'else'", "else"),
    ("note ?? 'else'", None),
    ("missing ?? 'else'", "else"),
    ("grid[0] ?: 0", [1, 2]),
    ("($x := 2; $y := $x * 3; $x + $y)", 8),
    ("($x := 1; ($x := 2; $x); $x)", 1),
    ("( )", UNDEFINED),
    ("/* a comment */ 1", 1),
    # functions
    ("function($a, $b) { $a - $b }(5, 3)", 2),
    ("λ($a) { $a + 1 }(1)", 2),
    ("($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(20))", 2432902008176640000),
    ("($even := function($n) { $n = 0 ? true : $odd($n - 1) }; $odd := function($n) { $n = 0 ? false : $even($n - 1) }; $even(500))", True),
    ("($add := function($a, $b) { $a + $b }; $inc := $add(?, 1); $inc(4))", 5),
    ("($first := $substring(?, 0, 3); $first('abcdef'))", "abc"),
    ("($twice := function($x) { $x * 2 } ~> function($x) { $x + 1 }; $twice(5))", 11),
    ("name ~> $uppercase() ~> $substring(0, 2)", "KI"),
    ("name ~> $uppercase", "KIOSK"),
    ("function($a)<n:n> { $a }(3)", 3),
    ("[1..5] ~> $map(function($v) { $v * $v }) ~> $sum()", 55),
    ("($k := 10; $map([1, 2], function($v, $i, $all) { $v * $k + $i + $count($all) }))", [12, 23]),
    # transform
    ("owner ~> |address|{'city': 'Bonn'}|", {"first name": "Eve", "address": {"city": "Bonn", "zip": "89073"}}),
    ("owner ~> |address|{}, 'zip'|", {"first name": "Eve", "address": {"city": "Ulm"}}),
    ("owner ~> |address|{}, ['zip', 'city']|", {"first name": "Eve", "address": {}}),
    ("(orders[0] ~> |lines|{'total': qty * price}|).lines.total", [6, 10]),
    # regular expressions
    ("$contains(name, /^k/i)", True),
    ("$contains('a\\nb', /^b$/m)", True),
    ("$contains('a\\nb', /a.b/)", False),
    ("$match('a1b22', /[a-z](\\d+)/)[1]", {"match": "b22", "index": 2, "groups": ["22"]}),
    ("$match('x', /(y)?x/).groups", [None]),
    ("$replace('John Smith', /(\\w+)\\s(\\w+)/, '$2, $1')", "Smith, John"),
    ("$replace('cost 5', /\\d/, '$$$0')", "cost $5"),
    ("$replace('abc', /[ac]/, function($m) { $uppercase($m.match) })", "AbC"),
    ("$split('a1b2c', /\\d/)", ["a", "b", "c"]),
    ("/b/('abc').start", 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_the_value_of_an_expression(text, expected):
    before = copy.deepcopy(SHOP)
    value = value_of(text)
    assert value == expected
    assert type(value) is type(expected)
    assert before == SHOP


ERRORS = [
    ("'a' + 1", "T2001", 'The left side of the "+" operator must evaluate to a number', 5),
    ("1 - null", "T2002", 'The right side of the "-" operator must evaluate to a number', 3),
    ("-'a'", "D1002", 'Cannot negate a non-numeric value: "a"', 1),
    ("1 < 'a'", "T2009", 'The values 1 and "a" either side of operator "<" must be of the same data type', 3),
    ("[] < 1", "T2010", 'The expressions either side of operator "<" must evaluate to numeric or string values', 4),
    ("[1.5..2]", "T2003", "The left side of the range operator (..) must evaluate to an integer", 6),
    ("[1..'2']", "T2004", "The right side of the range operator (..) must evaluate to an integer", 4),
    ("{1: 2}", "T1003", "Key in object structure must evaluate to a string; got: 1", 1),
    ("{'a': 1, 'a': 2}", "D1009", 'Multiple key definitions evaluate to same key: "a"', 1),
    ("count(1)", "T1005", "Attempted to invoke a non-function. Did you mean $count?", 6),
    ("$nope(1)", "T1006", "Attempted to invoke a non-function", 6),
    ("$eval('1')", "T1006", "Attempted to invoke a non-function", 6),
    ("$nope(?)", "T1008", "Attempted to partially apply a non-function", 6),
    ("1 ~> 2", "T2006", "The right side of the function application operator ~> must be a function", 4),
    ("$sum(['a'])", "T0412", 'Argument 1 of function "sum" must be an array of "numbers"', 5),
    ("$length(1)", "T0410", 'Argument 1 of function "length" does not match function signature', 8),
    ("$number('x')", "D3030", 'Unable to cast value to a number: "x"', 8),
    ("$sqrt(-1)", "D3060", "The sqrt function cannot be applied to a negative number: -1", 6),
    (
        "$power(10, 999)",
        "D3061",
        "The power function has resulted in a value that cannot be represented as a JSON number: base=10, exponent=999",
        7,
    ),
    ("$string(1/0)", "D3001", "Attempting to invoke string function on Infinity or NaN", 8),
    ("1/0 + 1", "D1001", "Number out of range: null", 5),
    ("$error('no stock')", "D3137", "no stock", 7),
    ("$error()", "D3137", "$error() function evaluated", 7),
    ("$assert(false)", "D3141", "$assert() statement failed", 8),
    ("$single([1, 2])", "D3138", "The $single() function expected exactly 1 matching result.  Instead it matched more.", 8),
    ("$single([], function($v) { true })", "D3139", "The $single() function expected exactly 1 matching result.  Instead it matched 0.", 8),
    ("$replace('a', '', 'b')", "D3010", "Second argument of replace function cannot be an empty string", 9),
    ("$replace('a', /a/, function($m) { 1 })", "D3012", "Attempted to replace a matched string with a non-string value", 9),
    ("$match('ab', /(?:)/)", "D1004", "Regular expression matches zero length string", 7),
    ("[3, 'a']^($)", "T2007", 'Type mismatch when comparing values 3 and "a" in order-by clause', 9),
    ("[true, false]^($)", "T2008", "The expressions within an order-by clause must evaluate to numeric or string values", 14),
    ("$toMillis('tomorrow')", "D3110", 'The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "tomorrow"', 10),
    ("$decodeUrl('%zz')", "D3140", 'Malformed URL passed to $decodeUrl(): "%zz"', 11),
    ("$reduce([1], function($a) { 1 })", "D3050", "The second argument of reduce function must be a function with at least two arguments", 8),
    ("{'a': 1} ~> |$|5|", "T2011", "The insert/update clause of the transform expression must evaluate to an object: 5", 16),
    ("function($x) { $x }", "D3144", "The expression yields a function, which is no JSON value", None),
    ("[$sum]", "D3144", "The expression yields a function, which is no JSON value", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message", "position"), ERRORS, ids=[row[0] for row in ERRORS])
def test_an_error_has_the_words_and_the_place_of_the_reference(text, code, message, position):
    with pytest.raises(JsonataError) as caught:
        value_of(text)
    error = caught.value
    assert (error.code, error.message, error.position) == (code, message, position)
    assert str(error) == f"{code}: {message}"


def test_an_error_names_its_operator_and_its_value():
    with pytest.raises(JsonataError) as caught:
        value_of("'a' + 1")
    assert (caught.value.token, caught.value.value) == ("+", "a")


SYNTAX = [
    ("", "S0207", "Unexpected end of expression", 0),
    ("a.", "S0207", "Unexpected end of expression", 2),
    ("a b", "S0201", 'Syntax error: "b"', 3),
    ("(1", "S0203", 'Expected ")" before end of expression', 2),
    ("[1, 2)", "S0202", 'Expected "]", got ")"', 6),
    ("'abc", "S0101", "String literal must be terminated by a matching quote", 4),
    ("'\\q'", "S0103", 'Unsupported escape sequence: \\"q"', 2),
    ("'\\u12'", "S0104", "The escape sequence \\u must be followed by 4 hex digits", 2),
    ("`abc", "S0105", "Quoted property name must be terminated with a backquote (`)", 4),
    ("1 /* x", "S0106", "Comment has no closing tag", 2),
    ("1e999", "S0102", 'Number out of range: "1e999"', 0),
    ("a ! b", "S0204", 'Unknown operator: "!"', 3),
    ("& 1", "S0211", 'The symbol "&" cannot be used as a unary operator', 1),
    ("1 := 2", "S0212", "The left side of := must be a variable name (start with $)", 1),
    ("a.1", "S0213", "The literal value 1 cannot be used as a step within a path expression", 3),
    ("a@b", "S0214", 'The right side of "@" must be a variable name (start with $)', 3),
    ("function($a, b) { 1 }", "S0208", "Parameter 2 of function definition must be a variable name (start with $)", 14),
    ("%", "S0217", "The object representing the 'parent' cannot be derived from this expression", 0),
    ("a[0]{'k': 1}{'l': 2}", "S0210", "Each step can only have one grouping expression", 13),
    ("//", "S0301", "Empty regular expressions are not allowed", 1),
    ("/a", "S0302", "No terminating / in regular expression", 2),
    ("/a(/", "S0302", "No terminating / in regular expression", 4),
    ("/a**/", "S0303", "Invalid regular expression: /a**/: multiple repeat", 5),
    ("function($a)<n<n>>{1}", "S0401", "Type parameters can only be applied to functions and arrays", 19),
]


@pytest.mark.parametrize(("text", "code", "message", "position"), SYNTAX, ids=[row[0] for row in SYNTAX])
def test_a_syntax_error_has_its_code_message_and_place(text, code, message, position):
    with pytest.raises(JsonataSyntaxError) as caught:
        compile_jsonata(text)
    error = caught.value
    assert (error.code, error.message, error.position) == (code, message, position)
    assert str(error) == f"{code}: {message} (character {position})"
    assert check_syntax(text) == message


def test_a_right_text_has_no_syntax_message():
    assert check_syntax("$states.input.a + 1") is None


# --- in a state machine ---------------------------------------------------------------------------------------------

STATES = {
    "input": {"a": 1, "f": 5.0, "big": 2**70, "list": [{"p": 1}, {"p": 2}], "one": [{"p": 1}], "deep": {"x": [[7], 8]}},
    "result": {"x": [10, 20, [30]]},
    "context": {"Execution": {"Id": "e1"}},
}

IN_STATE = [
    ("$states.input.a", 1),
    ("$states.input.f", 5),
    ("$states.input.big", 2**70),
    ("$states.input.list.p", [1, 2]),
    ("$states.input.one.p", 1),
    ("$states.input.one[0].p", 1),
    ("$states.input.list[1].p", 2),
    ("$states.input.list[-1].p", 2),
    ("$states.input.list[2].p", UNDEFINED),
    ("$states.input.a[0]", 1),
    ("$states.input.a[-1]", 1),
    ("$states.input.a[1]", UNDEFINED),
    ("$states.input.a.b", UNDEFINED),
    ("$states.result.x", [10, 20, [30]]),
    ("$states.result.x[0]", 10),
    ("$states.result.x[2]", [30]),
    ("$states.result.x[2][0]", 30),
    ("$states.input.deep.x", [[7], 8]),
    ("$states.input.deep.x[0]", [7]),
    ("$states.errorOutput", UNDEFINED),
    ("$states.context.Execution.Id", "e1"),
    ("$y.z", 3),
    ("$y", {"z": 3}),
    ("$unknown", UNDEFINED),
    ("$", UNDEFINED),
    ("$sum($states.input.list.p) + $y.z", 6),
]


@pytest.mark.parametrize(("text", "expected"), IN_STATE, ids=[text for text, _ in IN_STATE])
def test_states_and_variables(text, expected):
    value = in_state(text, STATES, {"y": {"z": 3}})
    assert value == expected
    assert type(value) is type(expected)


def test_a_variable_may_hide_a_function():
    assert in_state("$sum", {}, {"sum": 4}) == 4


def test_nothing_that_is_handed_in_is_changed_and_what_was_not_computed_is_shared():
    before = copy.deepcopy(STATES)
    result = in_state("$states.input ~> |$states.input.list|{'p': 0}|", STATES)
    assert result == {**STATES["input"], "f": 5}
    assert before == STATES
    assert in_state("{'kept': $states.input.list}", STATES)["kept"] is STATES["input"]["list"]


NAMES = [
    ("$x.y + $z", {"x", "z"}, False),
    ("$states.input.a", set(), False),
    ("$states.result & $states.errorOutput.Cause", set(), False),
    ("$states.context.Execution.Id", set(), True),
    ("$states", set(), True),
    ("$states.*", set(), True),
    ("$string($states)", set(), True),
    ("($x := 1; $x + $y)", {"y"}, False),
    ("($x := $x + 1; $x)", {"x"}, False),
    ("($f := function($n) { $f($n - $step) }; $f(1))", {"step"}, False),
    ("orders#$i@$o.[$i, $o, $k]", {"k"}, False),
    ("$map($list, function($v) { $v })", {"list"}, False),
    ("{$k: $v}", {"k", "v"}, False),
    ("a[b = $w]^($u)", {"w", "u"}, False),
    ("a ~> |$p|{'q': $r}, $d|", {"p", "r", "d"}, False),
]


@pytest.mark.parametrize(("text", "names", "context"), NAMES, ids=[row[0] for row in NAMES])
def test_an_expression_knows_its_variables_and_whether_it_reads_the_context(text, names, context):
    expression = compile_jsonata(text)
    assert (expression.variables, expression.uses_context, expression.text) == (names, context, text)


def test_compiling_twice_gives_the_same_object():
    assert compile_jsonata("1 + 41") is compile_jsonata("1 + 41")
    assert repr(Expression("1 + 41")) == "Expression('1 + 41')"


# --- the hot path equals the general one ----------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 2.0, "", "t"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
STEPS = st.lists(st.sampled_from([".a", ".b", ".c", ".a[0]", ".b[-1]", ".a[1]", ".c[5]"]), max_size=4)


@given(TREES, STEPS)
def test_a_plain_path_is_read_as_the_general_path_reads_it(tree, steps):
    states = {"input": tree}
    short = compile_jsonata("$states.input" + "".join(steps))
    # A head in parentheses is no plain path: this one is mapped step by step.
    general = compile_jsonata("($states).input" + "".join(steps))
    assert repr(short(states, {}, random.Random(0))) == repr(general(states, {}, random.Random(0)))


@given(TREES, STEPS)
def test_a_plain_path_inside_an_expression_is_read_as_the_general_path_reads_it(tree, steps):
    path = "".join(steps)
    both = compile_jsonata(f"[[$v{path}], [($v){path}]]")({}, {"v": tree}, random.Random(0))
    assert repr(both[0]) == repr(both[1])


@given(TREES, TREES)
def test_equality_is_an_equivalence_that_agrees_with_the_text(left, right):
    both = {"l": left, "r": right}
    assert value_of("l = l", both) is True
    assert value_of("l = r", both) == value_of("r = l", both)
    if value_of("$string(l) = $string(r)", both) is True and not isinstance(left, str) and not isinstance(right, str):
        assert value_of("l = r", both) is True


@given(TREES)
def test_a_value_passes_through_unchanged_and_reads_back_from_its_text(tree):
    assert value_of("$", tree) == tree
    assert value_of("$parse($string($)) = $", {"v": tree}) is True
