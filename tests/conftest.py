"""Profiles of hypothesis, and fixtures that more than one directory of tests uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.notebook.shell import Notebook

# A shared machine has slow seconds: no example fails for its duration, in neither profile.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=50,
    # The one function-scoped fixture that every test has only names a directory: examples may share it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("ci", settings.get_profile("default"), max_examples=100, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def functions_of_one_test() -> Iterator[None]:
    """What a test registers is forgotten after it: error messages list what is registered."""
    from asw_nb.names import registry

    functions, services = dict(registry._functions), dict(registry.services)
    yield
    registry._functions.clear()
    registry._functions.update(functions)
    registry.services.clear()
    registry.services.update(services)


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook in an empty directory; functions and workflows that its cells register are forgotten afterwards."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from asw_nb.names import known_workflows, registry
    from tests.notebook.shell import Notebook

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
