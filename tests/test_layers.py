"""The arrows between the parts of the package, drawn here, hold for every import in it.

::

    notebook -> workspace -> analysis -> history -> engine -> language -> errors
                workspace -> backends -------------> engine

The directories are layers; the modules beside them are the layer `workspace`, except `errors`. An import inside a
function is an arrow like any other. One for type checkers only is none: nothing is loaded by it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "asw_nb"

ARROWS = {
    "notebook": ("workspace",),
    "workspace": ("analysis", "backends"),
    "analysis": ("history",),
    "history": ("engine",),
    "backends": ("engine",),
    "engine": ("language",),
    "language": ("errors",),
    "errors": (),
}

# A package that only these layers may import ...
RESERVED = {
    "IPython": "notebook",
    "anywidget": "notebook",
    "ipykernel": "notebook",
    "ipywidgets": "notebook",
    "sqlite3": "history",
}

# ... and packages that cost too much, or may be missing, to be imported before they are used.
LAZY = {
    "adbc_driver_sqlite",
    "boto3",
    "botocore",
    "dask",
    "distributed",
    "fsspec",
    "loky",
    "numpy",
    "pandas",
    "plotly",
    "pyarrow",
    "ray",
    "tencentcloud",
}


def below(layer: str) -> set[str]:
    """The layer and everything that its arrows reach."""
    return {layer}.union(*(below(lower) for lower in ARROWS[layer]))


def layer_of(path: tuple[str, ...]) -> str:
    """The layer of a module, given its dotted path inside the package."""
    head = path[0] if path else "workspace"
    return head if head in ARROWS else "workspace"


def imports(tree: ast.Module, here: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...], bool]]:
    """Line, absolute dotted path and "runs when the module is loaded" of each import that is executed.

    `here` is the package that holds the module: relative imports start there.
    """
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, on_load = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, tuple(alias.name.split(".")), on_load
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            for alias in node.names:
                yield node.lineno, (*base, *(node.module.split(".") if node.module else ()), alias.name), on_load
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += [(child, on_load) for child in node.orelse]
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            waiting += [(child, on_load and not inside) for child in ast.iter_child_nodes(node)]


def violations(package: Path) -> list[str]:
    """One sentence for each import in `package` that breaks a rule, in the order of files and lines."""
    found = []
    for file in sorted(package.rglob("*.py")):
        inner = file.relative_to(package).with_suffix("").parts
        if inner == ("__init__",):
            # The list of public names: it reaches every layer, and test_exports.py holds it to loading none.
            continue
        layer = layer_of(inner)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for line, target, on_load in sorted(imports(tree, (package.name, *inner[:-1]))):
            where = f"{'/'.join(inner)}.py:{line}: {layer} imports"
            if target[0] == package.name:
                goal = layer_of(target[1:])
                if target[1:] != ("__version__",) and goal not in below(layer):
                    found.append(f"{where} {'.'.join(target)}, of the layer {goal}, not below it")
            elif RESERVED.get(target[0], layer) != layer:
                found.append(f"{where} {target[0]}, which only {RESERVED[target[0]]} may import")
            elif target[0] in LAZY and on_load:
                found.append(f"{where} {target[0]} when loaded; import it in the function that needs it")
    return found


def test_no_import_of_the_package_breaks_a_layer():
    assert violations(PACKAGE) == []


def test_the_whole_package_is_looked_at():
    layers = {layer_of(file.relative_to(PACKAGE).with_suffix("").parts) for file in PACKAGE.rglob("*.py")}
    assert layers == set(ARROWS)


@pytest.fixture
def tree(tmp_path):
    """Writes `{path: text}` as a package and returns what is wrong with it."""

    def check(files: dict[str, str]) -> list[str]:
        package = tmp_path / "asw_nb"
        for name, text in files.items():
            file = package / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return violations(package)

    return check


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "language/plan.py",
            "from asw_nb.engine.events import Event",
            "language/plan.py:1: language imports asw_nb.engine.events.Event, of the layer engine, not below it",
        ),
        (
            "engine/runner.py",
            "def go():\n    from asw_nb import workspace",
            "engine/runner.py:2: engine imports asw_nb.workspace, of the layer workspace, not below it",
        ),
        (
            "engine/states.py",
            "from ..history.store import Store",
            "engine/states.py:1: engine imports asw_nb.history.store.Store, of the layer history, not below it",
        ),
        (
            "backends/local.py",
            "import asw_nb.history.store",
            "backends/local.py:1: backends imports asw_nb.history.store, of the layer history, not below it",
        ),
        (
            "errors.py",
            "from asw_nb.language import problems",
            "errors.py:1: errors imports asw_nb.language.problems, of the layer language, not below it",
        ),
        (
            "workspace.py",
            "from .notebook import magics",
            "workspace.py:1: workspace imports asw_nb.notebook.magics, of the layer notebook, not below it",
        ),
        (
            "analysis/report.py",
            "import asw_nb as asw",
            "analysis/report.py:1: analysis imports asw_nb, of the layer workspace, not below it",
        ),
        (
            "history/store.py",
            "from asw_nb import run",
            "history/store.py:1: history imports asw_nb.run, of the layer workspace, not below it",
        ),
        (
            "analysis/card.py",
            "def show():\n    from IPython.display import display",
            "analysis/card.py:2: analysis imports IPython, which only notebook may import",
        ),
        (
            "workspace.py",
            "import sqlite3",
            "workspace.py:1: workspace imports sqlite3, which only history may import",
        ),
        (
            "analysis/tables.py",
            "try:\n    import pandas as pd\nexcept ImportError:\n    pd = None",
            "analysis/tables.py:2: analysis imports pandas when loaded; import it in the function that needs it",
        ),
        (
            "analysis/charts.py",
            "class Chart:\n    import plotly.graph_objects as go",
            "analysis/charts.py:2: analysis imports plotly when loaded; import it in the function that needs it",
        ),
    ],
)
def test_an_arrow_that_must_not_be_is_named(tree, file, text, message):
    assert tree({file: text}) == [message]


def test_every_broken_rule_is_listed_in_order(tree):
    assert tree(
        {
            "language/reader.py": "import yaml\nimport pandas\nimport sqlite3\n",
            "engine/runner.py": "from asw_nb.backends import local\n",
        }
    ) == [
        "engine/runner.py:1: engine imports asw_nb.backends.local, of the layer backends, not below it",
        "language/reader.py:2: language imports pandas when loaded; import it in the function that needs it",
        "language/reader.py:3: language imports sqlite3, which only history may import",
    ]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("engine/runner.py", "from asw_nb.language.plan import Plan\nfrom . import events\n"),
        ("analysis/tables.py", "def states():\n    import pandas as pd\n    return pd.DataFrame()\n"),
        ("errors.py", "if TYPE_CHECKING:\n    from asw_nb.language import problems\n"),
        ("engine/clock.py", "import typing\nif typing.TYPE_CHECKING:\n    import pandas\nelse:\n    import time\n"),
        ("history/store.py", "import sqlite3\nfrom asw_nb.engine import events\n"),
        ("notebook/magics.py", "import IPython\nfrom asw_nb import run\nfrom asw_nb.workspace import Workspace\n"),
        ("backends/aws.py", "from asw_nb import __version__\ndef client():\n    import boto3\n"),
        ("__init__.py", "from asw_nb.notebook import magics\n"),
    ],
)
def test_an_arrow_that_may_be_is_not_named(tree, file, text):
    assert tree({file: text}) == []
