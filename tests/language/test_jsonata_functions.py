"""Functions of JSONata, the six that Step Functions adds, and pictures of numbers and times."""

from __future__ import annotations

import random
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.language.jsonata import UNDEFINED, JsonataError, compile_jsonata
from asw_nb.language.jsonata_dates import date_of, days_of
from asw_nb.language.jsonata_functions import FUNCTIONS


def value_of(text: str, seed: int = 0, **variables: object) -> object:
    return compile_jsonata(text)({}, variables, random.Random(seed))


CASES = [
    # text
    ("$string(5)", "5"),
    ("$string(1e21)", "1e+21"),
    ("$string(0.000001)", "0.000001"),
    ("$string(1.5e-7)", "1.5e-7"),
    ("$string([1.0, true, null, 'x'])", '[1,true,null,"x"]'),
    ("$string({'a': [1]}, true)", '{\n  "a": [\n    1\n  ]\n}'),
    ("$string($sum)", ""),
    ("$string(nothing)", UNDEFINED),
    ("$length('héllo 𝄞')", 7),
    ("$substring('hello', 1)", "ello"),
    ("$substring('hello', -3, 2)", "ll"),
    ("$substring('hello', 1, 0)", ""),
    ("$substring('hello', -9, 2)", "he"),
    ("$substringBefore('a=b=c', '=')", "a"),
    ("$substringBefore('abc', '=')", "abc"),
    ("$substringAfter('a=b=c', '=')", "b=c"),
    ("$lowercase('ÄB')", "äb"),
    ("$uppercase('straße')", "STRASSE"),
    ("$trim('  a \\n b ')", "a b"),
    ("$pad('x', 4, '-+')", "x-+-"),
    ("$pad('x', -3)", "  x"),
    ("$pad('long', 2)", "long"),
    ("$contains('abc', 'bc')", True),
    ("$split('a, b, c', ', ', 2)", ["a", "b"]),
    ("$split('abc', '')", ["a", "b", "c"]),
    ("$split('a.b', /\\./)", ["a", "b"]),
    ("$join(['a', 'b'], '/')", "a/b"),
    ("$join('a')", "a"),
    ("$replace('a.b.c', '.', '-', 1)", "a-b.c"),
    ("$replace('aaa', /a/, 'b', 2)", "bba"),
    ("$replace('ab', /(a)(b)/, '$2$1$3')", "ba"),
    ("$match('ababab', /ab/, 2).index", [0, 2]),
    ("$base64encode('Straße')", "U3RyYd9l"),
    ("$base64decode('aGk')", "hi"),
    ("$encodeUrlComponent('a b&c/ü')", "a%20b%26c%2F%C3%BC"),
    ("$encodeUrl('https://x.de/a b?q=ü&r=1')", "https://x.de/a%20b?q=%C3%BC&r=1"),
    ("$decodeUrlComponent('a%20b%26')", "a b&"),
    ("$decodeUrl('a%20b%26')", "a b%26"),
    # numbers
    ("$number('12.50')", 12.5),
    ("$number('0x1f')", 31),
    ("$number(true)", 1),
    ("$abs(-2.5)", 2.5),
    ("$floor(-1.5)", -2),
    ("$ceil(-1.5)", -1),
    ("$round(2.5)", 2),
    ("$round(3.5)", 4),
    ("$round(1.005, 2)", 1),
    ("$round(125, -1)", 120),
    ("$power(2, 10)", 1024),
    ("$power(2, -1)", 0.5),
    ("$sqrt(16)", 4),
    ("$formatBase(255, 16)", "ff"),
    ("$formatBase(-5, 2)", "-101"),
    ("$sum([1, 2.5])", 3.5),
    ("$sum([])", 0),
    ("$max([3, 7, 1])", 7),
    ("$min([])", UNDEFINED),
    ("$average([1, 2])", 1.5),
    ("$count([1, 2])", 2),
    ("$count(nothing)", 0),
    ("$count('one')", 1),
    # about values
    ("$boolean([0, 'x'])", True),
    ("$boolean([0])", False),
    ("$boolean({})", False),
    ("$not('')", True),
    ("$exists(nothing)", False),
    ("$exists(null)", True),
    ("[null, 1, 'a', true, [], {}, $sum].$type($)", ["null", "number", "string", "boolean", "array", "object", "function"]),
    ("$assert(true)", UNDEFINED),
    # arrays
    ("$append([1], [2, 3])", [1, 2, 3]),
    ("$append(1, nothing)", 1),
    ("$reverse([1, 2, 3])", [3, 2, 1]),
    ("$distinct([1, 1.0, '1', true, {'a': [1]}, {'a': [1]}])", [1, "1", True, {"a": [1]}]),
    ("$sort(['b', 'a'])", ["a", "b"]),
    ("$sort([3, 1, 2], function($l, $r) { $l < $r })", [3, 2, 1]),
    ("$zip([1, 2, 3], ['a', 'b'])", [[1, "a"], [2, "b"]]),
    ("$shuffle([1]) ", [1]),
    ("$sort($shuffle([1..9]))", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    # objects
    ("$keys([{'a': 1}, {'b': 2, 'a': 3}])", ["a", "b"]),
    ("$lookup({'a b': 1}, 'a b')", 1),
    ("$lookup([{'a': 1}, {'a': 2}], 'a')", [1, 2]),
    ("$spread({'a': 1, 'b': 2})", [{"a": 1}, {"b": 2}]),
    ("$merge([{'a': 1}, {'a': 2, 'b': 3}])", {"a": 2, "b": 3}),
    ("$each({'a': 1, 'b': 2}, function($v, $k) { $k & $v })", ["a1", "b2"]),
    ("$sift({'a': 1, 'b': 2}, function($v) { $v > 1 })", {"b": 2}),
    ("$sift({'a': 1}, function($v, $k) { $k = 'z' })", UNDEFINED),
    # with functions
    ("$map([1, 2], function($v, $i) { $v * $i })", [0, 2]),
    ("$map(['a', 'b'], $uppercase)", ["A", "B"]),
    ("$filter([1..6], function($v, $i) { $i % 2 = 1 })", [2, 4, 6]),
    ("$single([1, 2, 3], function($v) { $v = 2 })", 2),
    ("$reduce([1..4], function($acc, $v) { $acc * $v })", 24),
    ("$reduce([], function($acc, $v) { $acc + $v }, 7)", 7),
    # numbers as pictures
    ("$formatNumber(1234.5678, '#,##0.00')", "1,234.57"),
    ("$formatNumber(-7, '0;(0)')", "(7)"),
    ("$formatNumber(0.256, '0.0%')", "25.6%"),
    ("$formatNumber(1234567, '0.00e0')", "1.23e6"),
    ("$formatNumber(0.5, '#.##')", ".5"),
    ("$formatNumber(12, '###')", "12"),
    ("$formatNumber(1234.5, '#.##0,00', {'decimal-separator': ',', 'grouping-separator': '.'})", "1.234,50"),
    ("$formatInteger(1999, 'I')", "MCMXCIX"),
    ("$formatInteger(28, 'a')", "ab"),
    ("$formatInteger(1234, 'w')", "one thousand, two hundred and thirty-four"),
    ("$formatInteger(21, 'Ww;o')", "Twenty-First"),
    ("$formatInteger(112, '0;o')", "112th"),
    ("$formatInteger(1234567, '#,##0')", "1,234,567"),
    ("$formatInteger(7, '٠٠')", "٠٧"),
    ("$parseInteger('MCMXCIX', 'I')", 1999),
    ("$parseInteger('two hundred and five', 'w')", 205),
    ("$parseInteger('12,345', '#,##0')", 12345),
    ("$parseInteger('ab', 'a')", 28),
    # times
    ("$fromMillis(0)", "1970-01-01T00:00:00.000Z"),
    ("$fromMillis(1709208000000, '[FNn], [D1o] [MNn] [Y0001]')", "Thursday, 29th February 2024"),
    ("$fromMillis(1709208000000, '[Y]-[M01]-[D01] [h]:[m] [P]', '+0530')", "2024-02-29 5:30 pm"),
    ("$fromMillis(1735603200000, '[X]-W[W01]-[F1] [d]')", "2025-W01-2 366"),
    ("$fromMillis(0, '[[[Y]]]')", "[1970]"),
    ("$fromMillis(-1, '[H01]:[m01]:[s01].[f001] [Z]')", "23:59:59.999 +00:00"),
    ("$toMillis('1970-01-01T00:00:01.5Z')", 1500),
    ("$toMillis('2024-02-29T12:00:00+02:00')", 1709200800000),
    ("$toMillis('2024')", 1704067200000),
    ("$toMillis('29 Feb 2024', '[D] [MNn,3-3] [Y]')", 1709164800000),
    ("$toMillis('2024-060', '[Y]-[d]')", 1709164800000),
    ("$toMillis('3:05 pm 1/2/2024', '[h]:[m] [P] [D]/[M]/[Y]')", 1706799900000),
    ("$toMillis('1/2/2024 3:05 pm', '[D]/[M]/[Y] [h]:[m] [P]')", 1706799900000),
    ("$toMillis('nothing like it', '[Y]')", UNDEFINED),
    ("$millis() = $toMillis($now())", True),
    # what Step Functions adds
    ("$partition([1, 2, 3, 4, 5], 2)", [[1, 2], [3, 4], [5]]),
    ("$partition([], 2)", UNDEFINED),
    ("$partition([1], 0)", UNDEFINED),
    ("$partition([1], -1)", UNDEFINED),
    ("$partition([1])", UNDEFINED),
    ("$partition([1, 2, 3], 2.9)", [[1, 2], [3]]),
    ("$partition('a', 2)", [["a"]]),
    ("$range(0, 10, 5)", [0, 5, 10]),
    ("$range(0, 9, 5)", [0, 5]),
    ("$range(3, 1, -1)", [3, 2, 1]),
    ("$range(3, 1, 1)", UNDEFINED),
    ("$range(1, 2, 0)", UNDEFINED),
    ("$range(1, 2)", UNDEFINED),
    ("$range(3, 3, 1)", 3),
    ("[$range(3, 3, 1)]", [3]),
    ("$range(-1.7, 2.9, 1.2)", [-1, 0, 1, 2]),
    ("$hash('a')", UNDEFINED),
    ("[1/0, -1/0, 0/0]", ["Infinity", "-Infinity", "NaN"]),
    ("{'k': 1e308 * 10}", {"k": "Infinity"}),
    ("$hash('hello', 'MD5')", "5d41402abc4b2a76b9719d911017c592"),
    ("$hash('hello', 'SHA-1')", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
    ("$hash('', 'SHA-256')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("$length($hash('ü', 'SHA-384'))", 96),
    ("$length($hash('ü', 'SHA-512'))", 128),
    ("$parse('{\\\"a\\\": [1, 2.5, null]}')", {"a": [1, 2.5, None]}),
    ("$parse('12345678901234567890')", 12345678901234567890),
    ("$parse(nothing)", UNDEFINED),
    ("$random(7) = $random(7.0)", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_what_a_function_yields(text, expected):
    value = value_of(text)
    assert value == expected
    assert type(value) is type(expected)


ERRORS = [
    ("$partition([1], 'a')", "T0410", 'Argument 2 of function "partition" does not match function signature'),
    ("$range(0, 99999999, 1)", "D2014", "The size of the sequence allocated by the range operator (..) must not exceed 1e7.  Attempted to allocate 100000000."),
    ("$hash('a', 'CRC')", "D3142", "Argument 2 of function $hash must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512, but was CRC"),
    ("$hash(1, 'MD5')", "T0410", 'Argument 1 of function "hash" does not match function signature'),
    ("$parse('{')", "D3143", "Argument 1 of function $parse is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ("$parse('NaN')", "D3143", "Argument 1 of function $parse is no JSON: NaN is no JSON value"),
    ("$uuid(1)", "T0410", 'Argument 1 of function "uuid" does not match function signature'),
    ("$random('a')", "T0410", 'Argument 1 of function "random" does not match function signature'),
    ("$formatNumber(1, '0;0;0')", "D3080", "The picture string must only contain a maximum of two sub-pictures"),
    ("$formatNumber(1, '0.0.0')", "D3081", "The sub-picture must not contain more than one instance of the 'decimal-separator' character"),
    ("$formatInteger(1, 'q')", "D3130", 'Formatting or parsing an integer as a sequence starting with "q" is not supported by this implementation'),
    ("$formatInteger(1, '1٠')", "D3131", "In a decimal digit pattern, all digits must be from the same decimal group"),
    ("$fromMillis(0, '[q]')", "D3132", 'Unknown component specifier "q" in date/time picture string'),
    ("$fromMillis(0, '[YN]')", "D3133", "The 'name' modifier can only be applied to months and days in the date/time picture string, not \"Y\""),
    ("$fromMillis(0, '[Z00000]')", "D3134", "The timezone integer format specifier cannot have more than four digits"),
    ("$fromMillis(0, '[Y')", "D3135", "No matching closing bracket ']' in date/time picture string"),
    ("$toMillis('2024 5', '[Y] [H]')", "D3136", "The date/time picture string is missing specifiers required to parse the timestamp"),
    ("$formatBase(1, 99)", "D3100", "The radix of the formatBase function must be between 2 and 36.  It was given 99"),
    ("$fromMillis(1e300)", "D1001", "Number out of range: 1e+300"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message"), ERRORS, ids=[row[0] for row in ERRORS])
def test_how_a_function_fails(text, code, message):
    with pytest.raises(JsonataError) as caught:
        value_of(text)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_there_is_no_eval():
    assert "eval" not in FUNCTIONS
    assert len(FUNCTIONS) == 69


def test_random_numbers_and_ids_come_from_the_source_that_is_handed_in():
    assert value_of("$random()", seed=1) == random.Random(1).random()
    first, second = (value_of("[$random(), $uuid(), $shuffle([1..9])]", seed=5) for _ in range(2))
    assert first == second
    assert value_of("$random()", seed=6) != value_of("$random()", seed=7)
    assert value_of("$random(3)", seed=6) == value_of("$random(3)", seed=7)


@given(st.integers(0, 2**32))
def test_a_uuid_is_of_version_4_and_a_random_number_below_1(seed):
    made = value_of("$uuid()", seed=seed)
    assert uuid.UUID(made).version == 4
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made)
    assert 0 <= value_of("$random()", seed=seed) < 1
    assert 0 <= value_of(f"$random({seed})") < 1


@given(st.lists(st.integers(), min_size=1, max_size=20), st.integers(1, 9))
def test_partition_keeps_the_order_and_fills_every_chunk_but_the_last(values, size):
    chunks = value_of("$partition($v, $n)", v=values, n=size)
    assert [item for chunk in chunks for item in chunk] == values
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= size for chunk in chunks[-1:])


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_range_goes_by_its_step_and_not_beyond_its_end(first, last, step):
    expected, value = [], first
    while value <= last if step > 0 else value >= last:
        expected.append(value)
        value += step
    found = value_of("$range($a, $b, $c)", a=first, b=last, c=step)
    assert found == (expected if len(expected) > 1 else expected[0] if expected else UNDEFINED)


@given(st.integers(-99_000_000, 99_000_000))
def test_a_day_and_its_date_are_counted_back_and_forth(day):
    year, month, date = date_of(day)
    assert days_of(year, month, date) == day
    assert 0 <= month <= 11 and 1 <= date <= 31


@given(st.integers(-62_000_000_000_000, 250_000_000_000_000))
def test_a_time_reads_back_from_its_text(millis):
    assert value_of("$toMillis($fromMillis($t))", t=millis) == millis


@given(st.integers(0, 3_999))
def test_an_integer_reads_back_from_every_picture(value):
    for picture in ("I", "a", "w", "#,##0", "0000", "٠", "1;o", "w;o"):
        text = value_of("$formatInteger($v, $p)", v=value, p=picture)
        if value or picture not in ("I", "a"):
            assert value_of("$parseInteger($t, $p)", t=text, p=picture) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_from_its_text(value):
    # A text keeps 15 significant digits of a fraction and all of a whole number.
    kept = value if value.is_integer() else float(f"{value:.15g}")
    assert value_of("$number($string($v))", v=value) == kept
