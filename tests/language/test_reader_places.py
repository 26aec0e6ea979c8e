"""Where values stand: lines of a text, offsets in JSON and YAML, also far behind the beginning of a large text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.reader import read
from asw_nb.language.reader_places import JsonPlaces, Lines


@given(st.text("ab\n状", max_size=60), st.integers(1, 400), st.data())
def test_a_line_is_found_in_texts_of_many_blocks(piece, times, data):
    text = piece * times
    lines = Lines(text)
    for _ in range(3):
        offset = data.draw(st.integers(0, len(text)))
        before = text[:offset]
        assert lines.place(offset) == (before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
        assert lines.line_of(offset) == before.count("\n") + 1


@pytest.mark.parametrize("word", ["name", "状态", 'a "b" \\ \n', "😀"])
@pytest.mark.parametrize("ascii", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
def test_the_last_of_many_values_is_found(word, ascii, indent):
    tree = {"States": {f"{word}{i}": {"a": [word, i, {word: i}]} for i in range(3_000)}}
    text = json.dumps(tree, ensure_ascii=ascii, indent=indent)
    places = JsonPlaces(text)
    for i in (0, 399, 400, 401, 2_999, 5):
        for pointer, value in (
            (("States", f"{word}{i}"), {"a": [word, i, {word: i}]}),
            (("States", f"{word}{i}", "a", 1), i),
            (("States", f"{word}{i}", "a", 2, word), i),
        ):
            assert json.JSONDecoder().raw_decode(text, places.offset(pointer, "value"))[0] == value
        key = places.offset(("States", f"{word}{i}"), "key")
        assert json.JSONDecoder().raw_decode(text, key)[0] == f"{word}{i}"


def test_the_first_value_may_be_larger_than_what_is_looked_at_first():
    text = json.dumps({"a": ["x" * 100_000, 12], "b": 1.5, "c": [3]})
    places = JsonPlaces(text)
    assert text[places.offset(("a", 1), "value") :].startswith("12]")
    assert text[places.offset(("b",), "value") :].startswith("1.5,")
    assert text[places.offset(("c", 0), "value") :] == "3]}"
    assert text[places.offset(("c", 1, "x"), "value") :] == "[3]}"


def test_what_is_asked_for_too_often_has_the_place_of_what_is_around_it():
    text = '{"a":[' + ",".join(f'"x{i}"' for i in range(90_000)) + "]}"
    places = JsonPlaces(text)
    assert text[places.offset(("a", 5_000), "value") :].startswith('"x5000"')
    assert text[places.offset(("a", 89_999), "value") :].startswith('["x0"')


LONG_YAML = "StartAt: S0\nStates:\n" + "".join(f"  S{i}: {{Type: Pass, Next: S{i + 1}}}\n" for i in range(4_000))


def test_places_of_a_long_yaml_text():
    document = read(LONG_YAML + "  S4000: {Type: Succeed}\n")
    assert len(document.value["States"]) == 4_001
    assert document.position(["States", "S3999", "Next"]) == (4002, 29)
    assert document.position(["States", "S3999"], "key") == (4002, 3)
    assert document.position(["States", "S3999", "Nxt"]) == (4002, 10)
