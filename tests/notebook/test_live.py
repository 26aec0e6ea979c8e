"""The live view against a display that only takes notes: how often it paints, what the last frame is, what a frame
costs, and that nobody's text becomes markup."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asw_nb as asw
from asw_nb.analysis.card import MAX_FOLDED_EVENTS, execution_card, live_card
from asw_nb.handle import Execution
from asw_nb.notebook import live
from asw_nb.notebook.live import IDLE_PAINT_S, PAINT_EVERY_S, LiveView

WIDGET = "application/vnd.jupyter.widget-view+json"


class Screen:
    """A front end's side of one display id: every frame, and when it came."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, Any]] = []

    def update(self, frame: Any, raw: bool = False) -> None:
        self.frames.append((time.monotonic(), frame))

    @property
    def last(self) -> Any:
        return self.frames[-1][1]


@pytest.fixture
def screens(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Screen]]:
    """The displays that a test makes, in order: that of the view, then that of its button."""
    made: list[Screen] = []

    def display(thing: Any, raw: bool = False, display_id: bool = False) -> Screen:
        made.append(Screen())
        made[-1].update(thing)
        return made[-1]

    monkeypatch.setattr(live, "display", display)
    yield made


class Gate:
    """A task that runs until the test lets it go; counts how often it has begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Semaphore(0)

    def __call__(self, event: Any) -> Any:
        self.begun.release()
        assert self.open.acquire(timeout=30)
        return event


def mapped(concurrency: int = 1) -> dict[str, Any]:
    """Each item through the function "gate", so many at a time."""
    return {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "MaxConcurrency": concurrency,
                "ItemProcessor": {"StartAt": "Gate", "States": {"Gate": {"Type": "Task", "Resource": "gate", "End": True}}},
                "End": True,
            }
        },
    }  # fmt: skip


def started(definition: dict[str, Any], given: Any, gate: Any, workflow: str = "flow") -> Execution:
    return asw.workflow(definition, name=workflow).start(given, functions={"gate": gate})


def test_a_frame_at_most_every_quarter_of_a_second_and_the_last_is_the_static_card(screens):
    gate = Gate()
    run = started(mapped(), list(range(20_000)), gate)
    view = LiveView(run, button=False)
    begun = time.monotonic()
    # events all the time: an item ends every two milliseconds or so
    while time.monotonic() - begun < 2.2:
        assert gate.begun.acquire(timeout=30)
        gate.open.release()
        threading.Event().wait(0.002)
    lasted = time.monotonic() - begun
    run.stop()
    gate.open.release()
    view.finish()

    [screen] = screens
    # the first frame, the one shortly after it and the last come besides
    assert 2 <= len(screen.frames) <= lasted / PAINT_EVERY_S + 4
    times = [at for at, _ in screen.frames[2:-1]]
    assert all(later - earlier >= PAINT_EVERY_S * 0.9 for earlier, later in itertools.pairwise(times))
    assert screen.last == run._repr_mimebundle_()
    assert screen.last["text/html"] == execution_card(run)
    assert {mime for _, frame in screen.frames for mime in frame} == {"text/plain", "text/html"}


def test_a_run_in_which_nothing_happens_is_painted_less_often(screens):
    gate = Gate()
    run = started(mapped(), [1], gate)
    assert gate.begun.acquire(timeout=30)
    view = LiveView(run, button=False)
    begun = time.monotonic()
    threading.Event().wait(2.5)
    painted, lasted = len(screens[0].frames), time.monotonic() - begun
    gate.open.release()
    view.finish()
    assert 3 <= painted <= lasted / IDLE_PAINT_S + 4
    assert screens[0].last == run._repr_mimebundle_()


def test_a_live_frame_tells_what_runs(screens):
    gate = Gate()
    run = started(mapped(2), [0, 1, 2, 3], gate, "paced")
    for _ in range(2):
        assert gate.begun.acquire(timeout=30)
    gate.open.release()
    assert gate.begun.acquire(timeout=30)
    view = LiveView(run, button=True)
    texts = visible_text(screens[0].last["text/html"])
    assert texts[:2] == ["paced", "▶ RUNNING"]
    assert texts[4:7] == ["1", "states done  ·", "3"]
    assert re.fullmatch(r"running  ·  1\d events", texts[7])
    assert texts[8:10] == ["Each", "1 of 4 items · 2 running"]
    assert texts[-2:] == ["Stop it with the button, or from any cell:", "%asw stop"]
    assert screens[0].last["text/plain"].startswith(f"asw run paced/{run.name} | RUNNING | ")
    for _ in range(3):
        gate.open.release()
    assert run.result() == [0, 1, 2, 3]
    view.finish()


def test_the_button_stops_the_execution_and_leaves_nothing_behind(screens):
    gate = Gate()
    run = started(mapped(), [1], gate)
    view = LiveView(run, button=True)
    _, beside = screens
    button = beside.frames[0][1]
    assert (button.description, button.tooltip, button.disabled) == ("Stop", f"Stop {run.name}", False)
    button.click()
    gate.open.release()
    view.finish()
    assert (run.status, run.cause, button.disabled) == ("ABORTED", "stopped in the notebook", True)
    assert beside.last == {"text/plain": "", "text/html": ""}
    assert WIDGET not in screens[0].last


def test_an_execution_that_is_over_gets_no_button(screens):
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, {})
    LiveView(run, button=True).finish()
    [screen] = screens
    assert screen.last == run._repr_mimebundle_()


# --------------------------------------------------------------------------- what a frame costs


def frame_after(items: int, finished: int) -> str:
    """The live card when so many of a Map's items are done."""
    begun, go = threading.Semaphore(0), threading.Event()

    def gate(item: int) -> int:
        begun.release()
        assert item < finished or go.wait(30)  # those that are done are the first, whoever was faster
        return item

    run = started(mapped(8), list(range(items)), gate)
    for _ in range(min(finished + 8, items)):
        assert begun.acquire(timeout=30)
    try:
        return live_card(run._run, run._record, ["  1.00 s  Each[3] started"] * 6)
    finally:
        run.stop()
        go.set()


def test_a_frame_does_not_grow_with_the_items():
    few, many = frame_after(20, 10), frame_after(10_000, 3_000)
    assert "10 of 20" in few
    assert "3,000 of 10,000" in many
    assert len(many) == pytest.approx(len(few), rel=0.2)
    assert many.count("<div") == few.count("<div")


LOOP = {
    "StartAt": "Again",
    "States": {
        "Again": {"Type": "Pass", "Next": "Enough"},
        "Enough": {"Type": "Choice", "Choices": [{"Variable": "$.enough", "IsPresent": True, "Next": "Done"}], "Default": "Again"},
        "Done": {"Type": "Succeed"},
    },
}  # fmt: skip


def test_the_card_of_a_very_long_history_is_made_of_tallies(screens):
    run = asw.workflow(LOOP, name="endless").start({}, type="EXPRESS")
    view = LiveView(run, button=False)
    while run._run.state.count <= MAX_FOLDED_EVENTS:
        threading.Event().wait(0.01)
    run.stop()
    begun = time.monotonic()
    view.finish()
    assert time.monotonic() - begun < 3
    state = run._run.state
    texts = visible_text(screens[0].last["text/html"])
    assert texts[:2] == ["endless", "■ ABORTED"]
    at = texts.index("visits")
    rows = texts[at + 1 : texts.index("run.states()") - 1]
    ended = [f"✓ {n:,} SUCCEEDED" for n in state.exited[:2]]
    aborted = ["■ 1 ABORTED"]
    first, second = (aborted if state.entered[i] > state.exited[i] else [] for i in range(2))
    assert rows == ["Again", "Pass", ended[0], *first, "Enough", "Choice", ended[1], *second]
    assert f"{state.count:,} events;" in texts


# --------------------------------------------------------------------------- the static card


class Texts(HTMLParser):
    """Tags and texts of a piece of HTML; fails on a tag or an attribute that the card never uses."""

    TAGS = frozenset(
        (
            "b",
            "br",
            "code",
            "details",
            "div",
            "img",
            "pre",
            "span",
            "summary",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
        )
    )
    ATTRIBUTES = frozenset(("style", "src", "alt", "title"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.TAGS, tag
        assert {name for name, _ in attrs} <= self.ATTRIBUTES, attrs
        assert all(
            value is not None and value.startswith("data:image/svg+xml;base64,") for n, value in attrs if n == "src"
        )
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.replace("\xa0", " ").strip())


def visible_text(html: str) -> list[str]:
    """The texts of well-formed HTML that holds nothing but what a card may hold."""
    parser = Texts()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.texts


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></div><b>",
    "&lt;i&gt;",
    "$x$ `a` {{b}}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nobodys_text_becomes_markup(screens, text):
    def gate(event: Any) -> Any:
        raise asw.TaskError(text, text)

    definition = {
        "StartAt": text,
        "States": {
            text: {"Type": "Task", "Resource": "gate", "Next": "End", "Catch": [{"ErrorEquals": [text], "Next": "Boom"}]},
            "End": {"Type": "Succeed"},
            "Boom": {"Type": "Fail", "Error": text, "Cause": text},
        },
    }  # fmt: skip
    run = started(definition, {text: text}, gate)
    LiveView(run, button=False).finish()
    for _, frame in screens[0].frames:
        visible_text(frame["text/html"])
    texts = visible_text(live_card(run._run, run._record, [text]))
    assert text in texts
    texts = visible_text(screens[0].last["text/html"])
    assert texts.count(text) >= 3


@given(
    st.text(max_size=40), st.recursive(st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_any_payload_gives_a_well_formed_card(name, payload):
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": name, "ResultPath": None, "End": True}}}
    run = asw.run(definition, payload)
    assert run.status == "SUCCEEDED"
    texts = visible_text(execution_card(run))
    assert texts[:2] == ["workflow", "✓ SUCCEEDED"]


def test_the_card_of_a_few_visits_has_a_row_for_each():
    run = asw.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}, {"n": 1})
    texts = visible_text(execution_card(run))
    at = texts.index("state")
    assert texts[at : at + 4] == ["state", "type", "status", "duration"]
    assert [texts[at + 4 + i] for i in (0, 1, 2, 4, 5, 6)] == [
        "A",
        "Pass",
        "✓ SUCCEEDED",
        "B",
        "Succeed",
        "✓ SUCCEEDED",
    ]
    assert texts[texts.index("Output") + 1] == '{"n": 1}'


def test_the_card_of_many_visits_has_a_row_per_state_and_all_visits_folded_away():
    def gate(event: int) -> int:
        if event == 3:
            raise ValueError("three")
        return event

    definition = mapped(1)
    definition["States"]["Each"]["ToleratedFailureCount"] = 1
    run = started(definition, list(range(20)), gate).wait()
    texts = visible_text(execution_card(run))
    at = texts.index("error")
    assert [t for t in texts[at + 1 : texts.index("Output")] if not t.endswith((" s", "ms", "µs"))] == [
        "Each", "Map", "✓ SUCCEEDED",
        "Each/Gate", "Task", "✓ 19 SUCCEEDED", "✗ 1 FAILED", "20", "gate", "ValueError, in Each[3]/Gate",
    ]  # fmt: skip
    assert "All 21 visits to states" in texts


def test_the_card_of_a_failure_has_message_and_traceback_of_the_function():
    def gate(event: Any) -> Any:
        return event["rows"]

    run = started({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "gate", "End": True}}}, {}, gate).wait()
    texts = visible_text(execution_card(run))
    at = texts.index("FAILED at")
    assert texts[at : at + 6] == ["FAILED at", "A", ":", "KeyError", "KeyError: 'rows'", "Traceback"]
    assert 'return event["rows"]' in texts[at + 6]
