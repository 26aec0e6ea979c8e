"""The option table: how a line is split, what a command makes of it, and that help and completion come from it too."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asw_nb.errors import UsageError
from asw_nb.notebook.options import (
    ASW_CELL,
    COMMANDS,
    FUNCTION_CELL,
    Command,
    HelpWanted,
    command,
    complete,
    overview,
    split,
)

EVERY_COMMAND = [ASW_CELL, FUNCTION_CELL, *COMMANDS.values()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("sum", ["sum"]),
        ("  sum   -o  run ", ["sum", "-o", "run"]),
        ("""sum -i '{"a": [1, 2]}'""", ["sum", "-i", '{"a": [1, 2]}']),
        ("""sum -i {"a": [1, 2]} -o run""", ["sum", "-i", '{"a": [1, 2]}', "-o", "run"]),
        ("""sum -i [1, {"b": "]"}]""", ["sum", "-i", '[1, {"b": "]"}]']),
        (r"""sum -i {"a": "\"}"}""", ["sum", "-i", r'{"a": "\"}"}']),
        ("""sum -i "{\\"a\\": 1}\"""", ["sum", "-i", '{"a": 1}']),
        ("sum --input={} -q", ["sum", "--input={}", "-q"]),
        ("""sum --input={"a": 1} -q""", ["sum", '--input={"a": 1}', "-q"]),
        ("sum -i @input.json", ["sum", "-i", "@input.json"]),
        ("sum -p day='2 May' -p n=3", ["sum", "-p", "day=2 May", "-p", "n=3"]),
        ("sum # a comment -r", ["sum"]),
        ("# only a comment", []),
        ("sum -p colour=#fff", ["sum", "-p", "colour=#fff"]),
        ("sum -r;", ["sum", "-r"]),
        ("sum -r ;", ["sum", "-r"]),
        ("""sum -i {"a": ";"};""", ["sum", "-i", '{"a": ";"}']),
        ("""sum -i ''""", ["sum", "-i", ""]),
        ("sum --cause 'it''s'", ["sum", "--cause", "its"]),
        ("汇总 -o 结果", ["汇总", "-o", "结果"]),
    ],
)
def test_a_line_is_split_into_words(line, words):
    assert split(line) == words


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sum -i 'abc", "a quote (') is opened and never closed: 'abc"),
        ('sum -i {"a": [1, 2}', 'a "{" is opened and never closed: {"a": [1, 2}'),
        ("sum -i [1, 2", 'a "[" is opened and never closed: [1, 2'),
    ],
)
def test_what_is_opened_must_be_closed(line, message):
    with pytest.raises(UsageError) as caught:
        split(line)
    assert str(caught.value) == message


json_objects = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, (dict, list)))


@given(json_objects, st.booleans())
def test_unquoted_json_is_one_word_whatever_it_holds(value, as_ascii):
    text = json.dumps(value, ensure_ascii=as_ascii)
    assert split(f"sum -i {text} -o run  # a comment") == ["sum", "-i", text, "-o", "run"]
    assert split(f"sum --input={text}") == ["sum", f"--input={text}"]


@given(json_objects)
def test_single_quoted_json_is_one_word_unless_it_holds_that_quote(value):
    text = json.dumps(value)
    if "'" not in text:
        assert split(f"sum -i '{text}' -q") == ["sum", "-i", text, "-q"]


@given(st.text(max_size=60))
def test_a_line_is_split_or_refused_and_never_breaks(line):
    try:
        words = split(line)
    except UsageError as refused:
        assert "is opened and never closed" in str(refused)
    else:
        assert all(isinstance(word, str) for word in words)


def test_what_asw_makes_of_its_options():
    parsed = ASW_CELL.parse(
        "sum -i x -o run --name first --bg --view text --time virtual --seed 7 --no-fail -p a=1 -p b=2 --as flow"
    )
    assert vars(parsed) == {
        "name": "sum", "input": "x", "out": "run", "execution_name": "first", "wait": False, "view": "text", "type": "STANDARD",
        "dialect": "auto", "executor": None, "on": None, "fail": False, "time": "virtual", "seed": 7, "timeout": None, "mock": None,
        "quiet": False, "parameter": ["a=1", "b=2"], "variable": "flow", "file": None, "write": None, "run": False, "help": False,
    }  # fmt: skip


def test_parameters_of_one_line_do_not_reach_the_next():
    assert ASW_CELL.parse("sum -p a=1").parameter == ["a=1"]
    assert ASW_CELL.parse("sum").parameter == []


@pytest.mark.parametrize(
    ("chosen", "line", "message"),
    [
        (FUNCTION_CELL, "sum --handlr x", '%%asw_function: there is no option "--handlr". Did you mean "--handler"? '
         "Options: --handler, --help, --namespace, --quiet, --unpack, --version, -h, -q."),
        (COMMANDS["list"], "--state FAILED", '%asw list: there is no option "--state". Did you mean "--status"? '
         "Options: --help, --limit, --status, -h, -n."),
        (COMMANDS["show"], "run again", '%asw show: "again" is one word too many. Put quotes around a value with blanks; %asw show -h shows the form.'),
        (FUNCTION_CELL, "", "%%asw_function: the following arguments are required: name. %%asw_function -h lists the options."),
        (COMMANDS["list"], "-n many", "%asw list: argument -n/--limit: invalid int value: 'many'. %asw list -h lists the options."),
        (COMMANDS["run"], "sum --type EXPRES", "%asw run: argument --type: invalid choice: 'EXPRES' (choose from 'STANDARD', 'EXPRESS'). %asw run -h lists the options."),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_with_what_was_meant(chosen, line, message):
    with pytest.raises(UsageError) as caught:
        chosen.parse(line)
    # Python 3.12 and later print the choices without quotes
    assert (
        str(caught.value).replace("(choose from STANDARD, EXPRESS)", "(choose from 'STANDARD', 'EXPRESS')") == message
    )


def test_an_unknown_command_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        command("timelin run")
    assert str(caught.value) == (
        f'%asw: there is no command "timelin". Did you mean "timeline"? Commands: {", ".join(COMMANDS)}.'
    )


@pytest.mark.parametrize(
    ("line", "name", "rest"),
    [
        ("", "%asw help", ""),
        ("-h", "%asw help", ""),
        ("run sum -r", "%asw run", "sum -r"),
        ("  show  ", "%asw show", ""),
    ],
)
def test_a_line_names_its_command(line, name, rest):
    chosen, left = command(line)
    assert (chosen.name, left) == (name, rest)


@pytest.mark.parametrize("chosen", EVERY_COMMAND, ids=lambda c: c.name)
@pytest.mark.parametrize("line", ["-h", "--help", "x --no-such-option -h"])
def test_help_is_the_parsers_own(chosen: Command, line):
    with pytest.raises(HelpWanted) as wanted:
        chosen.parse(line)
    assert wanted.value.text == chosen.parser().format_help()
    assert wanted.value.text.startswith(f"usage: {chosen.name}")
    for option in chosen.options:
        for name in option.names if option.names[0].startswith("-") else ():
            assert name in wanted.value.text


def test_the_overview_has_every_command_with_its_summary():
    assert overview().splitlines() == [
        *(f"{c.name:<{max(len(c.name) for c in EVERY_COMMAND)}}  {c.summary}" for c in EVERY_COMMAND), "", "Each answers to -h.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("sh", "%asw sh", ["show"]),
        ("st", "%asw st", ["states", "stop"]),
        ("--st", "%asw list --st", ["--status"]),
        ("--v", "%%asw sum --v", ["--view"]),
        ("--h", "%%asw_function sum --h", ["--handler", "--help"]),
        ("nig", "%asw show nig", ["nightly"]),
        ("", "%asw show ", ["nightly", "other", "--help", "-h"]),
        ("x", "%asw nonsense x", []),
        ("--wr", "%asw run sum --wr", []),
    ],
)
def test_completion(text, line, found):
    assert complete(text, line, ["nightly", "other"]) == found


def test_completion_offers_every_command_of_the_table():
    assert complete("", "%asw ", []) == list(COMMANDS)
