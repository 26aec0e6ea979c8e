"""Several executions in one table: which rows, how often it is painted, and what a script prints."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.analysis.watch_card import MOST_ROWS, Watched, watch_card, watch_text
from asw_nb.notebook import watch as module
from asw_nb.notebook.live import PAINT_EVERY_S
from asw_nb.notebook.watch import WatchView

TASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


class Held:
    """A function that runs until the test lets it go, and fails for the input "bad"."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, event: Any) -> Any:
        if event == "bad":
            raise ValueError("token=abc <b>")
        assert self.go.wait(30)
        return event


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    frames: list[Any] = []

    class Screen:
        def update(self, frame: Any, raw: bool = False) -> None:
            frames.append(frame)

    def display(frame: Any, raw: bool = False, display_id: bool = False) -> Screen:
        frames.append(frame)
        return Screen()

    monkeypatch.setattr(module, "display", display)
    return frames


def started(inputs: list[Any], held: Held) -> list[Any]:
    flow = asw.workflow(TASK, name="one")
    return [flow.start(given, name=f"run-{n}", functions={"f": held}) for n, given in enumerate(inputs)]


def texts(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ").split())


def test_running_ones_come_first_then_those_that_failed(shown):
    held = Held()
    runs = started([1, "bad", 2], held)
    runs[1].wait(20)
    view = WatchView(runs)
    words = texts(shown[0]["text/html"])
    assert words.startswith(
        "3 executions 2 ▶ RUNNING 1 ✗ FAILED execution status time states done where it stands one run-0 ▶ RUNNING"
    )
    assert re.search(r"run-2 ▶ RUNNING .* 0 A one run-1 ✗ FAILED", words)
    assert words.endswith("ValueError at A: token=••• &lt;b&gt;")
    assert shown[0]["text/plain"] == "asw watch | 3 executions | 2 RUNNING, 1 FAILED"
    held.go.set()
    assert view.done.wait(20)
    assert shown[-1]["text/plain"] == "asw watch | 3 executions | 1 FAILED, 2 SUCCEEDED"
    assert {mime for frame in shown for mime in frame} == {"text/plain", "text/html"}


def test_it_is_painted_at_most_four_times_a_second(shown):
    quick = asw.workflow({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 0, "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "C"}], "Default": "A"}, "C": {"Type": "Succeed"}}}, name="busy")  # fmt: skip
    run = quick.start({}, type="EXPRESS")
    begun = time.monotonic()
    view = WatchView([run])
    threading.Event().wait(1.2)
    painted, lasted = view.frames, time.monotonic() - begun
    run.stop()
    assert view.done.wait(20)
    assert 2 <= painted <= lasted / PAINT_EVERY_S + 1


def test_more_than_fit_are_counted():
    held = Held()
    held.go.set()
    runs = [run.wait(20) for run in started(list(range(MOST_ROWS + 5)), held)]
    html = watch_card([Watched(run._latest(), run._run, run.duration_s) for run in runs])
    assert html.count("<tr>") == MOST_ROWS + 1
    assert "5 more: asw.executions()" in html
    assert watch_text([]) == "asw watch | 0 executions"


def test_a_script_prints_a_line_per_transition(capsys):
    held = Held()
    runs = started(["bad", 1], held)
    runs[0].wait(20)
    threading.Timer(0.3, held.go.set).start()
    asw.watch(runs)
    lines = [re.sub(r" [ \d.]+ s", " ", line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "run-0   A",
        "run-0   A: failed, ValueError",
        "run-1   A",
        "asw run one/run-0 | FAILED at A | ValueError | ",
        "asw run one/run-1 | SUCCEEDED | ",
    ]


def test_an_execution_that_nobody_drives_is_not_waited_for(shown, asw_home):
    held = Held()
    [run] = started([1], held)
    run._workspace.close()
    held.go.set()
    past = asw.Workspace().execution("run-0")
    assert past.status == "RUNNING"
    view = WatchView([past])
    assert view.done.wait(20)
    assert "driven by another process" in shown[-1]["text/html"]
    past._workspace.close()


def test_something_else_is_refused():
    with pytest.raises(asw.UsageError) as refused:
        asw.watch(["run-1"])
    assert str(refused.value) == "watch() takes executions, such as flow.start(...) gives, not 'run-1'."


# --------------------------------------------------------------------------- metrics while they are recorded


TRIALS = {
    "StartAt": "Train",
    "States": {"Train": {"Type": "Map", "ItemProcessor": {"StartAt": "Fit", "States": {"Fit": {"Type": "Task", "Resource": "fit", "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 0}], "End": True}}}, "End": True}},
}  # fmt: skip


def rows_of(html: str) -> list[str]:
    """The rows of the trials' table as words."""
    return [" ".join(texts(row).split()) for row in re.findall(r"<tr>.*?</tr>", html.partition(">val_loss<")[2])[1:]]


def test_metrics_are_seen_while_they_are_recorded(shown):
    go, reached = threading.Event(), threading.Barrier(3)

    def fit(event: Any, context: Any) -> None:
        if event == 1 and context.attempt == 1:
            context.metric(step=0, val_loss=9)
            raise asw.TaskError("Again")
        for step in range(4):
            context.metric(step=step, val_loss=4 - step + event + (3 if step == 3 else 0), other=1)
        reached.wait(20)
        assert go.wait(20)
        context.metric(step=4, val_loss=0.5 + event)

    run = asw.workflow(TRIALS, name="sweep").start([0, 1], functions={"fit": fit})
    view = WatchView([run], metrics={"val_loss": "min"})
    reached.wait(20)
    html = view._bundle()["text/html"]
    assert rows_of(html) == ["Train[0]/Fit 3 4 2 ★", "Train[1]/Fit attempt 2 3 5 3"]
    assert html.count('<img alt="from 4 to 4"') == 1
    assert ">other<" not in html
    go.set()
    assert view.done.wait(20)
    assert rows_of(shown[-1]["text/html"]) == ["Train[0]/Fit 4 0.5 0.5 ★", "Train[1]/Fit attempt 2 4 1.5 1.5"]


def test_before_anything_is_recorded_the_metric_is_named(shown):
    held = Held()
    view = WatchView(started([1], held), metrics="val_loss")
    assert texts(shown[0]["text/html"]).endswith("val_loss not recorded so far")
    held.go.set()
    assert view.done.wait(20)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"loss": "last"}, 'metrics={"loss": "last"}: use "min" or "max".'),
        (3, 'metrics=3 must be a name, a list of names, or such as {"val_loss": "min"}.'),
    ],
)
def test_metrics_that_cannot_be_watched_are_refused(metrics, message):
    with pytest.raises(asw.UsageError) as refused:
        asw.watch([], metrics=metrics)
    assert str(refused.value) == message
