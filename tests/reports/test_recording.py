"""`recording`: what it gathers, what it shows, and what happens when the block raises."""

from __future__ import annotations

import threading

import pytest

import asw_nb as asw
from tests.reports.samples import NIGHTLY, load

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def test_whatever_runs_inside_is_gathered_in_order(tmp_path):
    asw.run(PASS, 0, name="before")
    with asw.Workspace(tmp_path / "other.db") as other, asw.recording(tmp_path / "both.md") as both:
        asw.run(PASS, 1, name="one")
        asw.workflow(PASS, "elsewhere", workspace=other).start(2, name="two")
    asw.run(PASS, 3, name="after")
    assert [run.name for run in both.runs] == ["one", "two"]
    text = both.path.read_text()
    assert "2 executions: 2 SUCCEEDED." in text
    assert "before" not in text and "after" not in text


def test_what_still_runs_is_waited_for(tmp_path):
    go = threading.Event()
    flow = asw.workflow({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "t", "End": True}}}, "waits")
    with asw.recording(tmp_path / "run.md") as recorded:
        run = flow.start({}, functions={"t": lambda e: go.wait(30)})
        threading.Timer(0.05, go.set).start()
    assert run.status == "SUCCEEDED"
    assert "Succeeded in" in recorded.path.read_text()


def test_the_code_of_the_block_is_shown_when_asked_for(tmp_path):
    with asw.recording(tmp_path / "run.md", code=True) as recorded:
        for password in ("hunter2xyz", "hunter3xyz"):
            asw.run(PASS, {"length": len(password)})
    text = recorded.path.read_text()
    assert "```python\nwith asw.recording(tmp_path / \"run.md\", code=True) as recorded:\n    for password in " in text
    assert "        asw.run(PASS, {\"length\": len(password)})\n```" in text
    with asw.recording(tmp_path / "run.md") as recorded:
        asw.run(PASS, name="two")
    assert "with asw.recording" not in recorded.path.read_text()


def test_a_block_that_raises_is_reported_on_and_goes_on_raising(tmp_path):
    with pytest.raises(ZeroDivisionError):
        with asw.recording(tmp_path / "run.md"):
            asw.run(PASS, name="one")
            _ = 1 / 0
    text = (tmp_path / "run.md").read_text()
    assert "one" in text and "## The block raised\n\n```\nZeroDivisionError: division by zero\n```" in text


def test_a_redriven_execution_is_told_once(tmp_path):
    run = asw.run(NIGHTLY, {"tables": [], "fail": True}, workflow="nightly", functions={"load": load})
    with asw.recording(tmp_path / "run.md") as recorded:
        run.redrive(functions={"load": load}).wait()
        run.redrive(functions={"load": load}).wait()
    assert [one.name for one in recorded.runs] == [run.name]
    assert recorded.runs[0]._latest().redrives == 2


def test_nested_executions_belong_to_their_parent(tmp_path):
    outer = {"StartAt": "N", "States": {"N": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": {"StateMachineArn": "inner", "Input": {}}, "End": True}}}
    with asw.recording(tmp_path / "run.md") as recorded:
        run = asw.run(outer, workflow="outer", workflows={"inner": PASS})
    assert run.status == "SUCCEEDED"
    assert [one.workflow for one in recorded.runs] == ["outer"]


def test_wrong_calls_are_refused_before_anything_runs(tmp_path):
    with pytest.raises(asw.UsageError, match=r'must end in \.html, \.md or \.ipynb'):
        asw.recording(tmp_path / "run.pdf")
    with pytest.raises(asw.UsageError) as wrong:
        with asw.recording(tmp_path / "run.md"):
            pass
    assert str(wrong.value) == f'nothing was run inside recording("{tmp_path}/run.md"): there is nothing to report on.'
