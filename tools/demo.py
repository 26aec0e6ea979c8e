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

EXECUTIONS = ["workflow", "name", "status", "started", "duration_s", "input", "output", "error"]
STATES = ["path", "type", "status", "entered", "duration_s", "attempts", "error"]


def execute() -> Path:
    """A copy of the notebook with all outputs, and beside it the page made of it, whose path this returns."""
    from asw_nb import cli

    # a kernel starts in the folder of its notebook, and leaves its history there
    copy = Path(shutil.copy(SOURCE, BUILD))
    if cli.main(["publish", str(copy), "--notebook", str(copy), "--quiet"]):
        sys.exit(f"{SOURCE.name} did not run to its end.")
    return copy.with_suffix(".html")


def show() -> Path:
    """Print what the history file holds, and write the report of its last execution, whose path this returns."""
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
    return asw.execution("latest").report(BUILD / "report.html", code=True)


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
    report = show()
    print("\nTwo files that need no network, no kernel and no extension:")
    print(f"  the report of the last execution   {report.relative_to(ROOT)}")
    print(f"  the executed notebook as a page    {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
