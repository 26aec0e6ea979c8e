"""A notebook whose cells run one after the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from asw_nb.names import known_workflows, registry
from tests.notebook.shell import Notebook


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook in an empty directory; functions and workflows that its cells register are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    # the shell makes its own namespace the main module
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(registry, "_functions", {})
    monkeypatch.setattr(registry, "services", {})
    known = dict(known_workflows)
    hooks, streams = (sys.excepthook, sys.displayhook), (sys.stdout, sys.stderr)
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    try:
        made = Notebook(shell)
        assert made.run("%load_ext asw_nb").error is None
        yield made
    finally:
        InteractiveShell.clear_instance()
        known_workflows.clear()
        known_workflows.update(known)
        sys.excepthook, sys.displayhook = hooks
        sys.stdout, sys.stderr = streams
