"""`make demo`: the quickstart notebook, executed from its first cell to its last with nobody watching.

Everything is written to ``build/demo``: the executed notebook, its HTML page, the history file, and the report of the
last execution. The tables printed at the end are read back from that history file by the public functions, in a
process that ran no workflow.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notebooks" / "quickstart.ipynb"
BUILD = ROOT / "build" / "demo"

# nbconvert's page asks a content delivery network for RequireJS and MathJax, which nothing in this notebook needs.
PAGE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
"""

EXECUTIONS = ["workflow", "name", "status", "started", "duration_s", "input", "output", "error"]
STATES = ["path", "type", "status", "entered", "duration_s", "attempts", "error"]


def execute() -> Path:
    """A copy of the notebook with all outputs, and beside it the page made of it, whose path this returns."""
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    notebook = nbformat.read(SOURCE, as_version=4)
    target = BUILD / SOURCE.name
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(BUILD)}},
        # Else the kernel's warning about unencrypted TCP, meant for other machines, is the first thing to read.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, target)
    page, _ = HTMLExporter(raw_template=PAGE).from_notebook_node(
        notebook, resources={"metadata": {"name": SOURCE.stem}}
    )
    html = target.with_suffix(".html")
    html.write_text(page, encoding="utf-8")
    return html


def show() -> None:
    """Print what the history file holds."""
    import pandas

    import asw_nb as asw

    pandas.set_option("display.width", 160, "display.max_columns", None, "display.max_colwidth", 40)
    executions = asw.executions().sort_values("started", ignore_index=True)
    if executions.empty:
        sys.exit(f"{SOURCE.name} ran, but left no execution in {BUILD / '.asw'}.")
    print("\nasw.executions()\n")
    print(executions[EXECUTIONS].to_string(index=False))
    first = asw.execution(executions["execution"].iloc[0])
    print(f"\nasw.execution({first.name!r}).states()\n")
    print(first.states()[STATES].to_string(index=False))


def main() -> None:
    """Run the demo in an empty ``build/demo``."""
    if not SOURCE.exists():
        sys.exit(f"{SOURCE.relative_to(ROOT)} is missing: restore it with git checkout, then run make demo again.")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    # The default history file lies under the working directory, for the kernel and for this process alike.
    os.chdir(BUILD)
    os.environ.pop("ASW_NB_HOME", None)
    print(f"Executing {SOURCE.relative_to(ROOT)}", flush=True)
    page = execute()
    show()
    print(f"\nThe executed notebook, as a page that needs no network: {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
