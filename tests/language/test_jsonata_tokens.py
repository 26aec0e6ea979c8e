"""The tokens of an expression, and what is none."""

from __future__ import annotations

import pytest

from asw_nb.language.jsonata_tokens import BadToken, Tokens


def tokens(text, may_divide=False):
    reading = Tokens(text, lambda source, ignore_case, multiline: (source, ignore_case, multiline), lambda number: number)
    found = []
    while (token := reading.next(may_divide)) is not None:
        found.append((token.type, token.value, token.position))
    assert reading.position == len(text)
    return found


def test_every_kind_of_token():
    assert tokens(" a.`b c`[0] := $x ") == [
        ("name", "a", 2),
        ("operator", ".", 3),
        ("name", "b c", 8),
        ("operator", "[", 9),
        ("number", 0.0, 10),
        ("operator", "]", 11),
        ("operator", ":=", 14),
        ("variable", "x", 17),
    ]
    assert [t[:2] for t in tokens("true false null and or in truex $ $$ λ")] == [
        ("value", True),
        ("value", False),
        ("value", None),
        ("operator", "and"),
        ("operator", "or"),
        ("operator", "in"),
        ("name", "truex"),
        ("variable", ""),
        ("variable", "$"),
        ("name", "λ"),
    ]


@pytest.mark.parametrize("operator", [*"..[]{}(),@#;:?+-*%|=<>^&!~", "..", ":=", "!=", "<=", ">=", "**", "~>", "?:", "??"])
def test_every_operator(operator):
    assert tokens(f"a{operator}") == [("name", "a", 1), ("operator", operator, 1 + len(operator))]


def test_numbers_texts_and_comments():
    assert [t[1] for t in tokens("1 0.5 12e3 1.5E-3 01")] == [1.0, 0.5, 12000.0, 0.0015, 0.0, 1.0]
    assert tokens('"a\\"\\n\\u00e9" \'"\'') == [("string", 'a"\né', 13), ("string", '"', 17)]
    assert tokens("/* a */ 1 /*/ b */") == [("number", 1.0, 9)]


def test_a_slash_divides_or_begins_a_pattern():
    assert tokens("/", may_divide=True) == [("operator", "/", 1)]
    assert tokens("/a(\\)|[/])\\//i") == [("regex", ("a(\\)|[/])\\/", True, False), 14)]
    assert tokens("/a/im") == [("regex", ("a", True, True), 5)]


BAD = {
    "'abc": ("S0101", 4, None),
    "1e999": ("S0102", 0, None),
    "'\\u12'": ("S0104", 2, None),
    "'\\x'": ("S0301", 2, "x"),
    "'\\": ("S0301", 2, ""),
    "`a": ("S0105", 2, None),
    "a /*/": ("S0106", 2, None),
    "//": ("S0301", 1, None),
    "/a": ("S0302", 2, None),
    "/(a/": ("S0302", 4, None),
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_token_has_the_code_of_the_reference(text):
    with pytest.raises(BadToken) as refused:
        tokens(text)
    assert (refused.value.code, refused.value.position, refused.value.token) == BAD[text]
