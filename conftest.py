"""Every test, and every example in a docstring, has a history file of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def asw_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the default workspace of this test lies: `$ASW_NB_HOME`, a new directory. Closed when the test ends."""
    home = tmp_path / "asw_home"
    monkeypatch.setenv("ASW_NB_HOME", str(home))
    yield home
    workspace = sys.modules.get("asw_nb.workspace")
    if workspace is not None and workspace._default is not None:
        workspace._default.close()
