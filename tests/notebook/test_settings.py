"""``%asw config``: what counts where a line says nothing."""

from __future__ import annotations

from typing import Any

import pytest

import asw_nb as asw
from asw_nb.errors import UsageError
from tests.notebook.shell import Cell


def settings_of(cell: Cell) -> dict[str, Any]:
    return dict(zip(cell.value["setting"], cell.value["value"], strict=True))


@pytest.fixture
def no_names_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asw_nb.history.redact._added", ())
    monkeypatch.delenv("ASW_NB_REDACT", raising=False)


def test_the_settings_are_shown_and_set(notebook, tmp_path, monkeypatch, no_names_learned):
    monkeypatch.setenv("ASW_NB_HOME", str(tmp_path / "home"))
    cell = notebook.run("%asw config")
    assert list(cell.value.columns) == ["setting", "value", "may_be", "meaning"]
    assert settings_of(cell) == {
        "view": "auto", "executor": "threads", "wait": "auto", "workspace": str(tmp_path / "home" / "history.db"), "redact": "",
    }  # fmt: skip
    cell = notebook.run(f"%asw config view=none executor=inline wait=wait workspace={tmp_path / 'other'} redact=iban")
    changed = {"view": "none", "executor": "inline", "wait": "wait", "workspace": str(tmp_path / "other" / "history.db"), "redact": "iban"}
    assert settings_of(cell) == changed
    cell = notebook.run('%%asw set -i {"iban": "DE1"} -o run\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    assert (cell.printed, cell.displayed) == ("", [])
    assert notebook["run"].status == "SUCCEEDED"
    assert (tmp_path / "other" / "history.db").exists()
    table = notebook.run("%asw list").value
    assert table["name"].tolist() == [notebook["run"].name]
    assert notebook["run"].states()["input"][0] == {"iban": "•••"}
    assert asw.executions()["backend"].tolist() == ["inline"]
    notebook.run("%config AswMagics.view = 'text'")
    assert settings_of(notebook.run("%asw config"))["view"] == "text"
    assert notebook.run("%asw run set").printed.startswith("  0.")


def test_what_a_line_says_counts_more(notebook):
    notebook.run("%asw config view=none wait=background")
    cell = notebook.run('%%asw set -r --wait --view text -o run\n{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    assert "asw run set/" in cell.printed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vew=html", '%asw config: there is no setting "vew". Did you mean "view"? Settings: view, executor, wait, workspace, redact.'),
        ("view", "%asw config: write view=VALUE. It may be: auto, widget, html, text, none."),
        ("wait=wait view=htm", '%asw config: view="htm" is not known. Did you mean "html"? Use one of: auto, widget, html, text, none.'),
        ("workspace=file.db", '%asw config: workspace=file.db is a file: name the folder of a history file called "history.db".'),
        ("redact=(", 'redact="(" is no regular expression: missing ), unterminated subpattern at position 0.'),
    ],
)
def test_a_setting_that_cannot_be_is_refused(notebook, tmp_path, line, message):
    (tmp_path / "file.db").touch()
    assert notebook.fails(f"%asw config {line}", UsageError) == f"UsageError: {message}"
    assert settings_of(notebook.run("%asw config"))["wait"] == "auto"
