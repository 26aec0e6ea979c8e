"""The monitor without a front end: what its widgets say after each press, and what a redraw costs."""

from __future__ import annotations

import re
import threading
import time
from html.parser import HTMLParser
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.handle import Execution
from asw_nb.notebook import monitor as module
from asw_nb.notebook.monitor import WIDGET, Monitor

ETL = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map", "MaxConcurrency": 1, "Next": "Sum",
            "ItemProcessor": {
                "StartAt": "Load",
                "States": {
                    "Load": {"Type": "Task", "Resource": "load", "End": True, "Catch": [{"ErrorEquals": ["Busy"], "Next": "Skip"}]},
                    "Skip": {"Type": "Pass", "Result": 0, "End": True},
                },
            },
        },
        "Sum": {"Type": "Task", "Resource": "total", "End": True},
    },
}  # fmt: skip


def load(table: str) -> int:
    print(f"loading {table}, password=hunter2")
    if table == "users":
        raise asw.TaskError("Busy", "lock timeout on users")
    return len(table)


def etl(**options: Any) -> Execution:
    flow = asw.workflow(ETL, name="etl")
    return flow.run(["orders", "users", "items"], functions={"load": load, "total": sum}, **options)


class Page(HTMLParser):
    """The visible text of a pane; fails on a tag that no pane uses, and on one that is not closed."""

    TAGS = frozenset({"b", "br", "code", "div", "pre", "span", "table", "tbody", "td", "th", "thead", "tr", "img"})
    ATTRIBUTES = frozenset({"style", "role", "aria-label", "scope", "alt", "src"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.TAGS, tag
        assert {name for name, _ in attrs} <= self.ATTRIBUTES, attrs
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def text(html: str) -> str:
    return " ".join(" ".join(Page(html).words).split())


def pane(monitor: Monitor) -> str:
    """What the open tab says."""
    return text(monitor.details._panes[monitor.details.tab.selected_index].value)


def names(monitor: Monitor) -> dict[str, str]:
    """What a screen reader says of each state's box."""
    return dict(b.description.rsplit(": ", 1) for b in monitor.graph._buttons.values())


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The frames of every display that a monitor makes."""
    frames: list[Any] = []

    class Screen:
        def update(self, frame: Any, raw: bool = False) -> None:
            frames.append(frame)

    def display(frame: Any, raw: bool = False, display_id: bool = False) -> Screen:
        frames.append(frame)
        return Screen()

    monkeypatch.setattr(module, "display", display)
    return frames


# --------------------------------------------------------------------------- looking


def test_a_box_is_a_button_that_says_how_its_state_stands():
    monitor = Monitor(etl())
    assert names(monitor) == {
        "Each": "succeeded", "Each/Load": "caught", "Each/Skip": "succeeded", "Sum": "succeeded",
    }  # fmt: skip
    assert list(monitor.graph._buttons) == ["Each", "Sum", "Each/Load", "Each/Skip"]


def test_a_press_on_a_box_shows_the_state_s_data():
    monitor = Monitor(etl())
    monitor.graph._buttons["Sum"].click()
    assert monitor.details.state.value == "Sum"
    assert re.fullmatch(
        r'Sum ✓ SUCCEEDED Task · at \d\.\d\d s · \d+ [mµ]s Input \[6, 0, 5\] Output 11 In Python: asw\.execution\("\S+"\)\["Sum"\]\.output',
        pane(monitor),
    )
    assert monitor.graph._buttons["Sum"].layout.border_top == "2px solid #2468B4"
    monitor.graph._buttons["Each/Load"].click()
    assert monitor.graph._buttons["Sum"].layout.border_top is None
    assert "Each[2]/Load ✓ SUCCEEDED Task · visit 3 of 3" in pane(monitor)
    assert monitor.details.of.value == "of 3 (0: the newest)"


def test_a_visit_is_chosen_by_its_number_and_a_failure_from_its_list():
    monitor = Monitor(etl())
    monitor.graph._buttons["Each/Load"].click()
    monitor.details.visit.value = 1
    assert "Each[0]/Load ✓ SUCCEEDED Task · visit 1 of 3" in pane(monitor)
    assert [label for label, _ in monitor.details.failures.options] == ["1 in all: choose one", "Each[1]/Load: Busy"]
    monitor.graph._buttons["Sum"].click()
    monitor.details.failures.value = monitor.details.failures.options[1][1]
    said = pane(monitor)
    assert monitor.details.state.value == "Each/Load"
    assert "Each[1]/Load ↷ CAUGHT" in said
    assert "Error: Busy Busy: lock timeout on users Traceback Traceback (most recent call last): File" in said
    assert 'raise asw.TaskError("Busy", "lock timeout on users")' in said


def test_the_tabs_have_attempts_lines_and_the_function():
    monitor = Monitor(etl())
    monitor.details.choose("Each/Load")
    monitor.details.tab.selected_index = 1
    assert re.match(r"attempt status at duration worker error 1 ✓ SUCCEEDED \d\.\d\d s \d+ [mµ]s \S+", pane(monitor))
    monitor.details.tab.selected_index = 2
    assert re.fullmatch(
        r'loading items, password=••• In Python: asw\.execution\("\S+"\)\["Each\[2\]/Load"\]\.logs', pane(monitor)
    )
    monitor.details.tab.selected_index = 3
    assert re.match(r"load test_monitor\.py:\d+ def load\(table: str\) -> int: print", pane(monitor))
    monitor.details.choose("Each")
    assert pane(monitor) == "No function stands behind a Map state."


def test_the_slider_shows_graph_and_data_as_they_were():
    monitor = Monitor(etl())
    monitor.details.choose("Each/Load")
    whole = monitor.travel.count
    assert (monitor.slider.value, monitor.slider.max) == (whole, whole)
    seen = []
    for count in range(whole, -1, -1):
        monitor.slider.value = count
        seen.append((names(monitor)["Sum"], names(monitor)["Each"], monitor.details.of.value[:4], monitor.live.value))
    assert seen[0] == ("succeeded", "succeeded", "of 3", True)
    assert seen[-1] == ("not reached", "not reached", "of 0", False)
    assert ("not reached", "running", "of 2", False) in seen
    assert pane(monitor) == "Each/Load has not been entered at this moment."
    assert monitor.slider.max == whole
    monitor.later.click()
    monitor.later.click()
    monitor.earlier.click()
    assert (monitor.slider.value, names(monitor)["Each"], text(monitor.moment.value)[:7]) == (1, "running", "event 2")
    monitor.live.value = True
    assert (monitor.slider.value, names(monitor)["Sum"]) == (whole, "succeeded")
    assert "newest" in text(monitor.moment.value)


def test_the_events_are_filtered_by_type_state_and_text():
    monitor = Monitor(etl())
    table = monitor.events
    assert text(table._table.value).startswith("id time type path details 34 ")
    table.type.value = "MapIterationStarted"
    assert len(re.findall("MapIterationStarted", table._table.value)) == 3
    table.state.value = "Sum"
    assert text(table._table.value) == "id time type path details No such event here. Nothing lies before these."
    table.type.value = ""
    assert set(re.findall(r"TaskStateEntered|TaskStateExited|LambdaFunction\w+", table._table.value)) == {
        "TaskStateEntered", "TaskStateExited", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded",
    }  # fmt: skip
    table.state.value, table.text.value = "", "LOCK TIMEOUT"
    assert "Each[1]/Load" in table._table.value
    assert "Each[0]/Load" not in table._table.value


def test_every_event_is_on_one_page_of_the_table(monkeypatch):
    monkeypatch.setattr("asw_nb.history.travel.INTERVAL", 10)
    monkeypatch.setattr("asw_nb.history.travel.CHUNK", 10)
    monkeypatch.setattr("asw_nb.notebook.monitor_events.PAGE", 7)
    run = etl()
    monitor = Monitor(run)
    table, seen = monitor.events, []
    while True:
        seen += [int(number) for number in re.findall(r"<tr><td[^>]*>(\d+)</td>", table._table.value)]
        if table.older.disabled:
            break
        table.older.click()
    assert seen == [event["id"] for event in reversed(run.history())]


# --------------------------------------------------------------------------- acting


class Gate:
    """A task that runs until the test lets it go."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, event: Any) -> Any:
        self.begun.set()
        assert self.open.wait(30)
        return event


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def one_task(resource: str = "gate", **fields: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, **fields, "End": True}}}


def test_stop_ends_the_execution(shown):
    gate = Gate()
    run = asw.workflow(one_task(), name="stopped").start({}, functions={"gate": gate})
    assert gate.begun.wait(20)
    monitor = Monitor(run)
    assert names(monitor) == {"A": "running"}
    assert (monitor.stop.disabled, monitor.redrive.disabled) == (False, True)
    monitor.stop.click()
    gate.open.set()
    assert (run.wait(20).status, run.cause) == ("ABORTED", "stopped in the notebook")
    monitor.refresh()
    assert names(monitor) == {"A": "aborted"}
    assert (monitor.stop.disabled, monitor.redrive.disabled) == (True, False)


def test_a_redrive_shows_its_plan_and_waits_for_a_word():
    answers = [asw.TaskError("NotYet", "come back"), 7]

    def f(event: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asw.function("again")(f)
    definition = one_task("again")
    definition["States"]["A"] |= {"Next": "B"}
    del definition["States"]["A"]["End"]
    definition["States"]["B"] = {"Type": "Succeed"}
    run = asw.workflow(definition, name="again").run({})
    monitor = Monitor(run)
    form = monitor.redrive_form
    assert form.widget.layout.display == "none"
    monitor.redrive.click()
    assert text(form._plan.value) == (
        "A redrive would run 2 again and keep 0. path action why A run again FAILED: NotYet B run again not reached yet"
    )
    form.cancel.click()
    assert (form.widget.layout.display, run.status, len(answers)) == ("none", "FAILED", 1)
    monitor.redrive.click()
    form.confirm.click()
    assert run.wait(20).output == 7
    monitor.refresh()
    assert names(monitor) == {"A": "succeeded", "B": "succeeded"}
    assert "Redriven: the execution runs again." in text(monitor._status.value)
    assert monitor.redrive.disabled is False
    monitor.redrive.click()
    assert [label for label, _ in form.start.options] == ["A", "B"]


WAITING = one_task(
    "arn:aws:states:::lambda:invoke.waitForTaskToken",
    Parameters={"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}},
)


def waiting_run() -> tuple[Execution, Monitor]:
    run = asw.workflow(WAITING, name="approval").start({}, functions={"ask": lambda event: None})
    until(run.task_tokens)
    return run, Monitor(run)


def test_a_task_that_waits_is_approved():
    run, monitor = waiting_run()
    form = monitor.answer
    assert form.widget.layout.display is None
    assert text(form._head.value) == "A task waits for an answer. The output is JSON."
    assert form.task.value == "A"
    form.output.value = "{not json"
    form.approve.click()
    assert text(monitor._status.value).startswith("The output is no JSON: ")
    assert run.status == "RUNNING"
    form.output.value = '{"ok": true}'
    form.approve.click()
    assert run.wait(20).output == {"ok": True}
    monitor.refresh()
    assert form.widget.layout.display == "none"
    assert text(monitor._status.value) == "Approved A."


def test_a_task_that_waits_is_rejected():
    run, monitor = waiting_run()
    monitor.answer.error.value, monitor.answer.cause.value = "TooDear", "over the budget"
    monitor.answer.reject.click()
    assert run.wait(20).status == "FAILED"
    assert (run.error, run.cause) == ("TooDear", "over the budget")
    monitor.answer.approve.click()
    assert text(monitor._status.value) == "Not approved: that task does not wait any more."


def test_what_is_new_is_painted_at_most_four_times_a_second(shown):
    gate = Gate()
    definition = {
        "StartAt": "Each",
        "States": {"Each": {"Type": "Map", "ItemProcessor": one_task("busy"), "MaxConcurrency": 2, "Next": "Gate"}, "Gate": {"Type": "Task", "Resource": "gate", "End": True}},
    }  # fmt: skip
    slowly = threading.Event()
    functions = {"gate": gate, "busy": lambda n: slowly.wait(0.005)}
    run = asw.workflow(definition, name="busy").start(list(range(500)), functions=functions)
    monitor = Monitor(run)
    monitor.show()
    begun, painted = time.monotonic(), monitor.frames
    assert gate.begun.wait(30)
    lasted, painted = time.monotonic() - begun, monitor.frames - painted
    assert 1 <= painted <= lasted / module.PAINT_EVERY_S + 2
    gate.open.set()
    run.wait(20)
    until(lambda: names(monitor)["Gate"] == "succeeded")
    monitor.close()


# --------------------------------------------------------------------------- what stays in the notebook


def test_closed_it_leaves_the_static_card_and_no_widget(shown):
    run = etl()
    monitor = Monitor(run)
    monitor.show()
    card = run._repr_mimebundle_()
    assert shown[0] == {**card, WIDGET: {"version_major": 2, "version_minor": 0, "model_id": monitor.box.model_id}}
    monitor.close_button.click()
    assert shown[-1] == card
    assert monitor.closed
    assert monitor.box.comm is None
    monitor.close()
    monitor.refresh()
    assert shown[-1] == card


def test_left_alone_it_closes_by_itself(shown):
    run = etl()
    monitor = Monitor(run, keep_s=0)
    monitor.show()
    assert WIDGET in shown[0]
    until(lambda: monitor.closed)
    until(lambda: shown[-1] == run._repr_mimebundle_())
    assert (monitor.closed, shown[-1]) == (True, run._repr_mimebundle_())


def test_as_the_view_of_a_cell_it_closes_when_the_execution_ends(shown):
    gate = Gate()
    run = asw.workflow(one_task(), name="cell").start({}, functions={"gate": gate})
    monitor = Monitor(run, until_end=True)
    monitor.show()
    assert WIDGET in shown[0]
    gate.open.set()
    run.wait(20)
    until(lambda: monitor.closed)
    until(lambda: shown[-1] == run._repr_mimebundle_())


def test_shown_again_the_first_place_keeps_the_card(shown):
    run = etl()
    monitor = Monitor(run)
    monitor.show()
    monitor.show()
    assert [WIDGET in frame for frame in shown[:3]] == [True, False, True]
    monitor.close()


def test_without_a_notebook_it_says_what_to_do_instead():
    with pytest.raises(asw.UsageError) as refused:
        etl().monitor()
    assert (
        str(refused.value)
        == "a monitor needs a notebook. In a script, print(run.states()) or run.report(path) tell the same."
    )


def test_an_express_execution_of_the_past_cannot_be_looked_into():
    run = etl(type="EXPRESS")
    assert names(Monitor(run))["Sum"] == "succeeded"
    run._run = None
    with pytest.raises(asw.UsageError, match="is EXPRESS: its history was not kept"):
        Monitor(run)


# --------------------------------------------------------------------------- nobody's text, and its size

HOSTILE = [
    "<script>window.evil=1</script>", "</script><script>window.evil=1</script>", '"><img src=x onerror=window.evil=1>', "javascript:window.evil=1",
    "'\"`&lt;", "\u202etxt.exe", "</pre></div>",
]  # fmt: skip


@pytest.mark.parametrize("evil", HOSTILE)
def test_nobody_s_text_becomes_markup(evil):
    def f(event: Any) -> Any:
        print(evil)
        raise asw.TaskError(evil, evil)

    definition = {
        "StartAt": evil,
        "States": {
            evil: {"Type": "Task", "Resource": "f", "Next": "End", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Boom"}]},
            "End": {"Type": "Succeed"},
            "Boom": {"Type": "Fail", "Error": evil, "Cause": evil},
        },
    }  # fmt: skip
    run = asw.workflow(definition, name="evil").run({evil: evil}, functions={"f": f})
    monitor = Monitor(run)
    for path in monitor.details._by_path:
        monitor.details.choose(path)
        for tab in range(4):
            monitor.details.tab.selected_index = tab
            pane(monitor)
    monitor.redrive.click()
    for html in (
        monitor._head,
        monitor._status,
        monitor.moment,
        monitor.events._table,
        monitor.redrive_form._plan,
        monitor.graph._picture,
    ):
        assert "\u202e" not in html.value
        if html.value:
            Page(html.value)


def test_a_large_payload_is_cut_and_costs_little():
    big = {"text": "x" * 1_000_000, "rows": list(range(100_000)), "deep": [[["y" * 5000]] * 100] * 100}
    definition = one_task("f")
    run = asw.workflow(definition, name="big").run(
        big, functions={"f": lambda event: event}, type="EXPRESS", payload_limit_bytes=None
    )
    monitor = Monitor(run)
    said = monitor.details._panes[0].value
    assert len(said) < 60_000
    assert "(998,000 more characters)" in said
    took = []
    for _ in range(5):
        monitor.details._shown = None
        begun = time.perf_counter()
        monitor.details.show(monitor.travel.count)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.25
