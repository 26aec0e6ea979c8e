"""Executions go on with the definition of their start, and a cell that differs from it is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

import asw_nb as asw
from asw_nb import driving

WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "Next": "B"}, "B": {"Type": "Pass", "Result": 1, "End": True}}}  # fmt: skip
EDITED = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "Next": "C"}, "C": {"Type": "Pass", "Result": 2, "End": True}}}  # fmt: skip


def test_resume_says_that_the_cell_differs(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as first:
        asw.workflow(WAIT, "flow", workspace=first).start(name="one")
    asw.workflow(EDITED, "flow")
    with pytest.warns(UserWarning) as told, asw.Workspace(tmp_path, resume=True) as second:
        (run,) = second.resumed
        assert [str(w.message) for w in told] == [
            'execution "one" goes on with the definition of its start, and workflow "flow" has been edited since (changed W; added C; '
            "removed B). To use the new one, stop it and start again."
        ]
        assert second.plan_of(run._record).document == WAIT
        run.stop()


def test_resume_of_the_same_definition_says_nothing(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    with asw.Workspace(tmp_path) as first:
        asw.workflow(WAIT, "flow", workspace=first).start(name="one")
    asw.workflow(WAIT, "flow")
    with asw.Workspace(tmp_path, resume=True) as second:
        second.resumed[0].stop()
    assert [str(w.message) for w in recwarn] == []


def test_a_workspace_resumes_only_when_asked(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as first:
        run = asw.workflow(WAIT, "flow", workspace=first).start(name="one")
    with asw.Workspace(tmp_path) as second:
        assert second.resumed == []
        assert second.driver(run.key) == ("dead", "nobody")


def test_a_cell_that_is_edited_while_executions_run(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as ws:
        flow = asw.workflow(WAIT, "flow", workspace=ws)
        runs = [flow.start(name=f"run-{n}") for n in range(5)]
        assert driving.edited_while_running(flow) is None
        assert driving.edited_while_running(asw.workflow(EDITED, "other", workspace=ws)) is None
        assert driving.edited_while_running(asw.workflow(EDITED, "flow", workspace=ws)) == (
            'executions "run-4", "run-3", "run-2", ... go on with the definition of their start, and workflow "flow" has been edited since '
            "(changed W; added C; removed B). To use the new one, stop them and start again."
        )
        for run in runs:
            run.stop()
            run.wait()
        assert driving.edited_while_running(asw.workflow(EDITED, "flow", workspace=ws)) is None


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({**WAIT, "Comment": "x"}, "changed Comment"),
        ({**WAIT, "StartAt": "B"}, "changed StartAt"),
        ({"States": WAIT["States"], "StartAt": "W"}, "its fields stand in another order"),
        ({"StartAt": "W", "States": {**WAIT["States"], **{f"S{n}": {"Type": "Fail"} for n in range(7)}}}, "added S0, S1, S2, S3, S4, ..."),
    ],
)  # fmt: skip
def test_changes_are_named(after: dict, told: str) -> None:
    assert driving.changes(WAIT, after) == told


def test_redrive_names_an_option_that_is_none(tmp_path: Path) -> None:
    with asw.Workspace(tmp_path) as ws:
        run = asw.workflow({"StartAt": "F", "States": {"F": {"Type": "Fail"}}}, "flow", workspace=ws).run()
        with pytest.raises(asw.UsageError) as refused:
            run.redrive(function={})
        assert str(refused.value) == (
            '"function" is no option of a redrive. Did you mean "functions"? Options: functions, executor, workflows, clock.'
        )
