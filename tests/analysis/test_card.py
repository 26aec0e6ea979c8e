"""The card of a cell: everything in one piece of HTML that stands alone, escaped, cut where it is long."""

from __future__ import annotations

import html
import re
import threading
from html.parser import HTMLParser
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.analysis.card import (
    cut,
    describe,
    duration_text,
    execution_card,
    json_text,
    live_card,
    readable_cause,
    states_table,
)
from asw_nb.engine import events as ev

ONE = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}
EVIL = "<script>alert('x')</script>&\""


class Reader(HTMLParser):
    """The text of a page, its tags, and whether every tag is closed in order."""

    VOID = frozenset({"br", "img", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.words: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (0, "0 µs"),
        (0.00042, "420 µs"),
        (0.0123, "12 ms"),
        (1.25, "1.2 s"),
        (59.94, "59.9 s"),
        (75.0, "1 min 15 s"),
        (3600, "1 h 0 min"),
        (90_061, "25 h 1 min"),
    ],
)
def test_durations_are_told_as_people_do(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


def test_long_things_are_cut_and_say_how_much() -> None:
    assert cut("short") == "short"
    assert cut("x" * 5_500) == "x" * 4_000 + "… (1,500 more characters)"
    assert json_text({"a": 1}) == '{"a": 1}'
    assert json_text({"a": "x" * 80}) == '{\n "a": "' + "x" * 80 + '"\n}'
    assert json_text(["x" * 9_000]) == '["' + "x" * 3_998 + "… (5,004 more characters)"


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (None, ""),
        ("plain words", "plain words"),
        ('{"errorMessage": "no row", "errorType": "LookupError", "stackTrace": []}', "LookupError: no row"),
        ('{"errorMessage": "no row"}', "Error: no row"),
        ('{"other": 1}', '{"other": 1}'),
        ("[1]", "[1]"),
    ],
)
def test_a_cause_is_told_as_a_person_reads_it(cause: str | None, text: str) -> None:
    assert readable_cause(cause) == text


def test_a_card_of_a_success() -> None:
    run = asw.run(ONE, {"n": 3}, functions={"f": lambda event: event["n"] * 2}, workflow="double", name="nightly")
    page = Reader(execution_card(run))
    for words in (
        "double",
        "✓ SUCCEEDED",
        "nightly",
        "UTC",
        "A Task ✓ SUCCEEDED 1",
        "Output 6",
        'Input {"n": 3}',
        run.id,
    ):
        assert words in page.text
    assert "event[&quot;n&quot;] * 2" in execution_card(run)  # the function's source stands behind it


def test_a_card_of_a_failure_tells_where_and_why() -> None:
    def broken(event: Any) -> None:
        raise LookupError("no row 7")

    page = Reader(execution_card(asw.run(ONE, functions={"f": broken})))
    assert "FAILED at A : LookupError LookupError: no row 7" in page.text
    assert "Output" not in page.text


def test_a_card_stands_alone_and_escapes_what_users_wrote() -> None:
    state = {"Type": "Task", "Resource": "f", "End": True}
    flow = asw.workflow({"StartAt": EVIL, "States": {EVIL: state}}, "evil")
    for function in (lambda event: EVIL, lambda event: 1 / 0):
        card = execution_card(flow.run({EVIL: EVIL}, functions={"f": function}))
        page = Reader(card)
        assert EVIL in html.unescape(card)
        assert page.tags & {"script", "style", "link", "iframe", "object"} == set()
        assert {name for name in page.names if name.startswith("on") or name == "id"} == set()
        assert re.findall(r'(?:src|href)="(?!data:)', card) == []


def test_a_long_history_shows_failures_first_and_the_rest_by_number() -> None:
    inner = {"StartAt": "X", "States": {"X": {"Type": "Task", "Resource": "f", "End": True}}}
    state = {"Type": "Map", "ItemProcessor": inner, "ToleratedFailureCount": 1, "MaxConcurrency": 1, "End": True}

    def f(n: int) -> int:
        return n // (n - 97)

    run = asw.run({"StartAt": "M", "States": {"M": state}}, list(range(100)), functions={"f": f}, executor="inline")
    page = Reader(states_table(run.fold(), limit=10))
    assert "10 of 101 visits, failures first; run.states() has all." in page.text
    shown = re.findall(r"(M(?:\[\d+\]/X)?) (?:Task|Map)", page.text)
    assert shown == ["M", *(f"M[{n}]/X" for n in range(8)), "M[97]/X"]


def test_the_live_card_counts_and_draws_the_items_of_a_map() -> None:
    inner = {"StartAt": "X", "States": {"X": {"Type": "Task", "Resource": "f", "End": True}}}
    state = {"Type": "Map", "ItemProcessor": inner, "MaxConcurrency": 1, "End": True}
    third, go = threading.Event(), threading.Event()

    def f(n: int) -> int:
        if n == 2:
            third.set()
            assert go.wait(30)
        return n

    run = asw.workflow({"StartAt": "M", "States": {"M": state}}, "bars").start([0, 1, 2, 3], functions={"f": f})
    assert third.wait(30)
    live = run._run
    assert live is not None
    page = Reader(live_card(live, run._record, ["first line", "<second>"]))
    assert "bars ▶ RUNNING" in page.text
    assert "2 states done · 2 running · 21 events" in page.text
    assert "M 2 of 4 items · 1 running" in page.text
    assert "first line <second>" in page.text
    go.set()
    assert run.result(30) == [0, 1, 2, 3]


def test_one_line_about_each_event_that_says_something() -> None:
    run = asw.run(ONE, functions={"f": dict})._run
    assert run is not None
    told = [
        ((ev.MOVED, 1_500_000, 0, 0), "  1.50 s  A"),
        ((ev.MOVED_WITH, 0, 0, -1, {}), None),
        ((ev.ITEM_STARTED, 0, 4, 0, 3, "x"), "  0.00 s  item 3 started"),
        ((ev.FAILED, 2_000_000, 0, "E", "why", 0, "w"), "  2.00 s  failed, E"),
        ((ev.TIMED_OUT, 2_000_000, 0, "States.Timeout", None), "  2.00 s  failed, States.Timeout"),
        ((ev.RETRYING, 0, 0, 2_500_000, 0, "E", None), "  0.00 s  E, next attempt in 2.5 s"),
        ((ev.WAITING, 0, 0, 90_000_000), "  0.00 s  waiting for 1 min 30 s"),
        ((ev.SCHEDULED, 0, 0, {}, None, None), None),
    ]
    assert [describe(run, event) for event, _ in told] == [line for _, line in told]


def test_a_line_about_a_frame_that_still_runs_says_where_it_stands() -> None:
    branch = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 90, "End": True}}}
    definition = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [branch], "End": True}}}
    run = asw.workflow(definition).start(name="waiting")
    live = run._run
    assert live is not None
    while len(events := list(run._events())) < 3:
        pass
    lines = [describe(live, event) for event in events]
    run.stop()
    assert lines[:2] == [None, None]
    assert str(lines[2]).endswith("P[0]/W: waiting for 1 min 30 s")
