"""Reading: what becomes a tree, where its values stand, and what is refused in which words."""

from __future__ import annotations

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.errors import DefinitionError, UsageError
from asw_nb.language.reader import read

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x4E20, exclude_categories=("Cs", "Cc", "Zl", "Zp")))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=5)


def refusal(definition, **more):
    with pytest.raises(DefinitionError) as refused:
        read(definition, **more)
    return [str(problem) for problem in refused.value.problems]


def pointers(value, pointer=()):
    yield pointer, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in pairs:
        yield from pointers(child, (*pointer, step))


@given(OBJECTS, st.sampled_from([None, 0, 3]))
def test_json_values_stand_where_position_says(tree, indent):
    text = json.dumps(tree, indent=indent, ensure_ascii=False)
    document = read("\n" + text)
    assert document.value == tree
    lines = ("\n" + text).split("\n")
    for pointer, value in pointers(tree):
        line, column = document.position(pointer)
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        assert json.JSONDecoder().raw_decode(rest)[0] == value
        if pointer and isinstance(pointer[-1], str):
            line, column = document.position(pointer, "key")
            assert json.JSONDecoder().raw_decode(lines[line - 1][column - 1 :])[0] == pointer[-1]


@given(OBJECTS)
def test_json_read_as_yaml_gives_the_same_tree_and_places(tree):
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    as_json, as_yaml = read("\n" + text), read("---\n" + text)
    assert as_yaml.format == "yaml"
    assert as_yaml.value == as_json.value
    for pointer, _ in pointers(tree):
        assert as_yaml.position(pointer) == as_json.position(pointer)
        assert as_yaml.position(pointer, "key") == as_json.position(pointer, "key")


@given(OBJECTS)
def test_an_object_is_copied_and_has_no_places(tree):
    document = read(tree)
    assert document.value == tree
    assert document.value is not tree
    assert document.text is None
    assert document.position(["x"]) == (None, None)


@given(OBJECTS, st.data())
def test_a_damaged_text_is_read_or_refused_with_a_place(tree, data):
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(len(text), start + 3)))
    damaged = (
        text[:start]
        + data.draw(st.sampled_from(["", ",", '"', "{", "]", "'", ":", "#", "\t", "None", "\\"]))
        + text[stop:]
    )
    try:
        document = read(damaged)
    except DefinitionError as refused:
        for problem in refused.problems:
            assert problem.severity == "ERROR"
            assert 1 <= problem.line <= damaged.count("\n") + 1
            assert problem.column >= 1
            assert problem.message and problem.fix
    else:
        assert isinstance(document.value, dict)


def test_yaml_has_the_types_of_version_1_2():
    text = """
    yes: no
    On: off
    date: 2020-01-01
    zero: 0123
    octal: 0o17
    hex: 0x1F
    float: -1.5e3
    nothing: ~
    empty:
    truth: True
    time: 12:30:45
    text: |
      two
      lines
    """
    assert read(text).value == {
        "yes": "no",
        "On": "off",
        "date": "2020-01-01",
        "zero": 123,
        "octal": 15,
        "hex": 31,
        "float": -1500.0,
        "nothing": None,
        "empty": None,
        "truth": True,
        "time": "12:30:45",
        "text": "two\nlines\n",
    }


def test_yaml_aliases_are_followed_and_keep_the_place_of_their_anchor():
    document = read("a: &x\n  k: [1]\nb: *x\n")
    assert document.value == {"a": {"k": [1]}, "b": {"k": [1]}}
    assert document.position(["b", "k", 0]) == (2, 7)


def test_a_place_that_does_not_exist_is_shown_at_the_nearest_one_above():
    document = read('{"a": {"b": 1}}')
    assert document.position(["a", "x", "y"]) == (1, 7)
    assert document.position(["a", "x"], "key") == (1, 2)


def test_the_first_line_may_have_another_number():
    assert read('{"a":\n 1}', first_line=5).position(["a"]) == (6, 2)
    assert read("a:\n  1", first_line=5).position(["a"]) == (6, 3)
    assert refusal('{"a":\n 1,}', first_line=5) == [
        "(top level) (line 6, column 3): There is a comma after the last field of the object. Remove the comma."
    ]


def test_a_file_is_read_by_its_suffix_and_named_in_messages(tmp_path):
    good = tmp_path / "flow.yml"
    good.write_bytes(b"\xef\xbb\xbf{StartAt: A}")
    assert read(good).value == {"StartAt": "A"}
    assert read(good).source == "flow.yml"
    bad = tmp_path / "flow.json"
    bad.write_text("{'a': 1}")
    with pytest.raises(DefinitionError) as refused:
        read(bad)
    assert str(refused.value) == (
        "1 problem in flow.json\n"
        '  (top level) (line 1, column 2): Field names are written in double quotes, not in single quotes. Write "a".'
    )
    missing = pathlib.Path(tmp_path / "none.json")
    with pytest.raises(UsageError, match="No such file"):
        read(missing)


def test_tuples_become_lists():
    assert read({"a": (1, (2,))}).value == {"a": [1, [2]]}


JSON_SLIPS = {
    '{"a": 1,}': "(top level) (line 1, column 8): There is a comma after the last field of the object. "
    "Remove the comma.",
    '{"a": [1,]}': "a (line 1, column 9): There is a comma after the last item of the array. Remove the comma.",
    '{"a": 1 "b": 2}': "(top level) (line 1, column 8): A comma is missing here. Add a comma between the two values.",
    "{'a': 1}": "(top level) (line 1, column 2): Field names are written in double quotes, not in single quotes. "
    'Write "a".',
    "{\"a\": 'x'}": 'a (line 1, column 7): Texts are written in double quotes, not in single quotes. Write "x".',
    '{"a": {"b": [1,\n2': 'a.b (line 1, column 13): The array opened here with "[" is never closed. '
    'Add the missing "]".',
    '{"a": {"b": 1}': '(top level) (line 1, column 1): The object opened here with "{" is never closed. '
    'Add the missing "}".',
    '{"a": [1}': 'a (line 1, column 9): This "}" cannot close the array opened with "[" on line 1. '
    'Write "]", or close what is open first.',
    '{"a": True}': "a (line 1, column 7): True is no JSON value. Write true.",
    '{"a": None}': "a (line 1, column 7): None is no JSON value. Write null.",
    '{"a": NaN}': "a (line 1, column 7): NaN is no JSON value. Write a number, a string or null.",
    '{"a": -Infinity}': "a (line 1, column 7): -Infinity is no JSON value. Write a number, a string or null.",
    '{"a": Pass}': 'a (line 1, column 7): Pass is no JSON value. Write "Pass" if it is a text.',
    '{"a": 1 // x\n}': "a (line 1, column 9): JSON has no comments. "
    'Remove it, put the text in a "Comment" field, or write the definition as YAML.',
    "{a: 1}": '(top level) (line 1, column 2): The field name a has no quotes. Write "a".',
    '{"a" 1}': '(top level) (line 1, column 6): A ":" is missing after the field name "a". Write "a": value.',
    '{"a"=1}': '(top level) (line 1, column 5): JSON separates a field from its value with ":", not "=". '
    'Write "a": value.',
    '{"a": 01}': "a (line 1, column 7): 01 is no JSON number. "
    "Write digits without a leading zero or plus, and digits on both sides of a point.",
    '{"a": "x\n"}': "a (line 1, column 7): The string that starts here is not closed on its line. "
    "Add the closing double quote.",
    '{"a": "\t"}': 'a (line 1, column 8): A raw tab stands inside a string. Write "\\t".',
    '{"a": "\\d"}': 'a (line 1, column 8): "\\d" is no escape of JSON. Write two backslashes for one: "\\\\".',
    '{"a": “x”}': 'a (line 1, column 7): Typographic quotes do not quote in JSON. Use the straight quote " instead.',
    '{"a": ${x}}': "a (line 1, column 7): A ${name} stands outside of quotes. "
    'Write "${name}": the quotes go when it is filled in.',
    '{"a": 1}}': '(top level) (line 1, column 9): This "}" closes nothing: the definition ended before it. '
    'Remove the "}".',
    '{"a": 1} {': "(top level) (line 1, column 10): There is more text after the end of the definition. "
    "Remove it, or join the two parts.",
    '{"a": 1e999}': "a (line 1, column 7): The number 1e999... is too large. Write it as a string.",
    '{"a": "\\ud800"}': "a (line 1, column 7): This string holds half a surrogate pair. "
    "Write both halves, or the character itself.",
    '{"a": "\ud800"}': "(top level) (line 1, column 8): Half a surrogate pair (U+D800) stands in the text. "
    "Remove the character.",
}

YAML_SLIPS = {
    "a:\n\tb: 1": "a (line 2, column 1): YAML is indented with spaces; this line starts with a tab. "
    "Replace the tab with spaces.",
    "a: x\n1: 2": '(top level) (line 2, column 1): The key 1 is no string. Write "1" in quotes.',
    "a: x\ntrue: 2": '(top level) (line 2, column 1): The key true is no string. Write "true" in quotes.',
    "a: !!str x": "a (line 1, column 4): The tag !!str has no meaning in a definition. "
    "Remove the tag; quote the value to make it a string.",
    "a: *y": "a (line 1, column 4): The alias *y has no anchor &y before it. Define the anchor first.",
    "a: &x [*x]": "a[0] (line 1, column 8): The alias *x stands inside its own anchor. Write the value out.",
    "a: 1\n<<: {b: 1}": '(top level) (line 2, column 1): Merge keys ("<<") are no part of YAML 1.2. '
    "Write the fields out.",
    "a: .nan": "a (line 1, column 4): .nan is no JSON value. Write a number, a string or null.",
    "a: b: c": '(top level) (line 1, column 5): A ":" cannot start a value here. '
    'Put a text that contains ": " in quotes, and check the indentation.',
    "a: @x": 'a (line 1, column 4): A plain text cannot start with "@". Put the text in quotes.',
    'a: "x': "a (line 1, column 4): The quoted text that starts here is never closed. Add the closing quote.",
    "a: 1\n---\nb: 2": '(top level) (line 2, column 1): A second document starts here with "---"; '
    'a definition is one document. Remove the "---" or one of the two documents.',
    "a:\n  b: 1\n c: 2": "(top level) (line 3, column 2): This line does not fit into the structure around it. "
    'Indent the fields of one object equally, and write each as "name: value".',
}


@pytest.mark.parametrize("text", JSON_SLIPS)
def test_a_slip_in_json_is_explained(text):
    assert refusal(text) == [JSON_SLIPS[text]]


@pytest.mark.parametrize("text", YAML_SLIPS)
def test_a_slip_in_yaml_is_explained(text):
    assert refusal(text) == [YAML_SLIPS[text]]


def test_every_duplicate_key_is_told():
    assert refusal('{"a": 1,\n "b": {"c": 1, "c": 2},\n "a": 3}') == [
        'b.c (line 2, column 16): The key "c" is written twice in this object, first on line 2. '
        "Remove or rename one of the two.",
        'a (line 3, column 2): The key "a" is written twice in this object, first on line 1. '
        "Remove or rename one of the two.",
    ]
    assert refusal("a: 1\nb:\n  c: 1\n  c: 2\n") == [
        'b.c (line 4, column 3): The key "c" is written twice in this object, first on line 3. '
        "Remove or rename one of the two."
    ]


def test_nesting_is_bounded():
    assert read('{"a":' * 199 + "{}" + "}" * 199).format == "json"
    deep = "Objects and arrays are nested deeper than 200 levels. Flatten the definition."
    place = ".".join(["a"] * 12)
    assert refusal('{"a":' * 200 + "{}" + "}" * 200) == [f"{place} (line 1, column 1001): {deep}"]
    assert refusal('{"a":' * 100_000) == [f"{place} (line 1, column 1001): {deep}"]
    assert refusal("a: " + "[" * 100_000)[0].endswith(
        "(line 1, column 203): Mappings and lists are nested deeper than 200 levels. Flatten the definition."
    )


def test_growth_by_aliases_is_bounded():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert refusal("\n".join(lines)) == [
        "a4[7] (line 5, column 45): The aliases of this text grow it to more than 100000 values. "
        "Write the values out, or repeat less."
    ]


def test_an_object_that_is_no_json_is_refused_with_all_places():
    tree = {"a": {1: 2}, "b": [float("nan"), {3}], "c": b"x", "d": "\ud800"}
    assert refusal(tree) == [
        'a: The key 1 is no string but of type "int". Write "1".',
        "b[0]: nan is no JSON value. Write a number, a string or null.",
        'b[1]: A value of type "set" is no JSON value. Write a list.',
        'c: A value of type "bytes" is no JSON value. Decode it to a str.',
        "d: This string holds half a surrogate pair. Write both halves, or the character itself.",
    ]


def test_an_object_inside_itself_is_refused():
    tree = {}
    tree["a"] = tree["b"] = tree
    assert refusal(tree) == [
        "a.a.a: Objects and arrays are nested deeper than 200 levels, or inside themselves. Flatten the definition."
    ]


def test_bytes_that_are_no_utf_8_are_refused():
    assert refusal(b'{"a":\n "\xff"}') == [
        "(top level) (line 2, column 3): The byte 0xff is no UTF-8. Save the text as UTF-8."
    ]
    assert refusal('{"a": 1}'.encode("utf-16")) == [
        "(top level) (line 1, column 1): The file is UTF-16. Save it as UTF-8."
    ]


@pytest.mark.parametrize("text", ["", " \n", "[1]", '"x"', "5", "- a: 1", b""])
def test_what_is_no_object_gets_the_answer_of_the_cloud(text):
    with pytest.raises(DefinitionError) as refused:
        read(text)
    (problem,) = refused.value.problems
    assert (problem.code, problem.message, problem.location) == (
        "SCHEMA_VALIDATION_FAILED",
        "Definition must be a valid JSON object",
        "",
    )
    assert problem.fix == 'Write an object such as {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}.'


@pytest.mark.parametrize("value", [None, [1], 5])
def test_a_python_value_that_is_no_object_gets_the_same_answer(value):
    with pytest.raises(DefinitionError) as refused:
        read(value)
    assert refused.value.problems[0].message == "Definition must be a valid JSON object"


def test_a_text_that_is_nothing_gets_the_answer_of_the_cloud_and_our_help():
    with pytest.raises(DefinitionError) as refused:
        read("  order.asl.json")
    (problem,) = refused.value.problems
    assert problem.code == "INVALID_JSON_DESCRIPTION"
    assert problem.location == '[Source: (String)"  order.asl.json"; line: 1, column: 8]'
    assert problem.message == (
        "Unrecognized token 'order': was expecting "
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        '\n at [Source: (String)"  order.asl.json"; line: 1, column: 8]'
    )
    assert (problem.line, problem.column) == (1, 3)
    assert problem.fix == ('A str is read as text, never as a file name: pass pathlib.Path("order.asl.json").')


# --------------------------------------------------------------------------- a long YAML text is looked at while it is read

STATES = [f"  S{i}: {{Type: Pass, Next: S{i + 1}}}" for i in range(4_000)]
STOPPED = "Correct these first, then check again."


def long_yaml(*first, states=STATES, last=("  S4000: {Type: Succeed}",)):
    return "\n".join([*first, "StartAt: S0", "States:", *states, *last]) + "\n"


def test_a_long_yaml_text_that_is_good_is_read_to_its_end():
    assert len(read(long_yaml()).value["States"]) == 4_001
    jsonata = [f"  S{i}: {{Type: Pass, Output: 1, Next: S{i + 1}}}" for i in range(4_000)]
    assert len(read(long_yaml(states=jsonata, last=("  S4000: {Type: Succeed}", "QueryLanguage: JSONata"))).value["States"]) == 4_001
    one_state = [*STATES[:10], "  S10:", "    Type: Parallel", "    Branches:"]
    one_state += [f"    - {{StartAt: B{i}, States: {{B{i}: {{Type: Succeed}}}}}}" for i in range(3_000)]
    assert len(read(long_yaml(states=one_state, last=("    End: true",))).value["States"]["S10"]["Branches"]) == 3_000


def test_a_long_yaml_text_that_is_no_definition_is_refused_before_its_end():
    said = refusal(long_yaml(states=["  A: {Typ: Pass}", *STATES, "  B: {Typ: Pass}"]))
    assert said[0] == (
        "States.A (line 3, column 3): These fields are required: [Type]. "
        "Add \"Type\": one of Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait."
    )
    assert len(said) == 2
    assert said[1].startswith("(top level): Reading stopped after ") and said[1].endswith(STOPPED)
    assert refusal(long_yaml("x:", *["- 1"] * 6_000))[0] == (
        'x (line 1, column 1): The field "x" holds more than a definition has outside of its states. Remove the field.'
    )
    assert refusal("---\n" + "- a\n" * 6_000) == [
        "(top level) (line 2, column 1): Definition must be a valid JSON object. "
        'Write an object such as {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}.'
    ]
    assert refusal("".join(f"k{i}: 1\n" for i in range(3_000)))[0] == (
        "(top level) (line 1, column 1): The definition has more than 1000 fields outside of its states. "
        "Remove what is no field of a definition."
    )


def test_a_key_that_repeats_early_in_a_long_yaml_text_is_all_that_is_told():
    assert refusal(long_yaml(states=[STATES[0], *STATES, "\t"])) == [
        'States.S0 (line 4, column 3): The key "S0" is written twice in this object, first on line 3. '
        "Remove or rename one of the two."
    ]


def test_problems_of_what_is_not_read_to_its_end_do_not_count():
    """Next, the query language and the rest of a state may follow."""
    task = ["  A:", "    Catch:", *["    - {ErrorEquals: [a], Next: B, Output: 1}"] * 1_500]
    rest = ["    QueryLanguage: JSONata", "    Type: Task", "    Resource: f", "    End: true", "  B: {Type: Succeed}"]
    text = "\n".join(["StartAt: A", "States:", *task, *rest])
    assert read(text).value["States"]["A"]["QueryLanguage"] == "JSONata"
