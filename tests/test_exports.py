"""The public names of the package: sorted, all there, and cheap until one of them is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import asw_nb

HEAVY = ["IPython", "ipywidgets", "jsonpath", "numpy", "pandas", "plotly", "yaml"]


def fresh_python(code: str) -> object:
    """What `code` prints, as JSON, in a process that has imported nothing yet."""
    root = Path(__file__).parents[1]
    python = [sys.executable, "-c", code]
    done = subprocess.run(python, cwd=root, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_importing_the_package_loads_nothing_heavy():
    loaded = fresh_python(f"import json, sys, asw_nb; print(json.dumps(sorted(set({HEAVY}) & set(sys.modules))))")
    assert loaded == []


def test_loading_a_heavy_package_would_be_noticed():
    loaded = fresh_python(f"import json, sys, yaml, asw_nb; print(json.dumps(sorted(set({HEAVY}) & set(sys.modules))))")
    assert loaded == ["yaml"]


def test_the_public_names_are_sorted_and_named_once():
    assert asw_nb.__all__ == sorted(set(asw_nb.__all__))


def test_every_public_name_resolves():
    missing = [name for name in asw_nb.__all__ if not hasattr(asw_nb, name)]
    assert missing == []


def test_every_public_name_is_offered_by_completion():
    assert set(asw_nb.__all__) <= set(dir(asw_nb))


def test_the_names_of_the_contract_are_public():
    contract = {
        "DefinitionError",
        "ExecutionFailed",
        "TaskError",
        "UsageError",
        "Workspace",
        "execution",
        "executions",
        "function",
        "run",
        "service",
        "validate",
        "workflow",
    }
    assert contract - set(asw_nb.__all__) == set()


def test_an_unknown_name_is_an_attribute_error():
    assert (
        fresh_python(
            "import json, asw_nb\ntry: asw_nb.no_such_name\nexcept AttributeError as e: print(json.dumps(str(e)))"
        )
        == "module 'asw_nb' has no attribute 'no_such_name'"
    )
