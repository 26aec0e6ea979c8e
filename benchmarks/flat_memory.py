"""Memory of the kernel and of the page while a cell watches a busy execution for a long time.

::

    python -m benchmarks.flat_memory                30 minutes
    python -m benchmarks.flat_memory --minutes 3

A real JupyterLab in a real Chromium; the cell shows the live view of a workflow that loops through a Map with retries until it is stopped.
Every minute: resident memory of the kernel, the page's heap after a collection, its nodes, and the events so far. Flat means: the last third
of the minutes lies within a few percent of the second.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import mean

import nbformat
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.browser.pages import LabPage
from tests.browser.server import JupyterServer

CELLS = (
    """import time, random
import asw_nb as asw
%load_ext asw_nb

@asw.function
def work(n):
    time.sleep(0.005)
    print("item", n)
    if random.random() < 0.05:
        raise ValueError("busy")
    return n

payload = {"items": list(range(100)), "stop": False}""",
    """%%asw busy -i payload -o run
StartAt: Each
States:
  Each:
    Type: Map
    Parameters: {"n.$": "$$.Map.Item.Value"}
    ItemsPath: $$.Execution.Input.items
    MaxConcurrency: 4
    Iterator:
      StartAt: Work
      States:
        Work: {Type: Task, Resource: work, Retry: [{ErrorEquals: [ValueError], IntervalSeconds: 1, MaxAttempts: 5}], End: true}
    ResultPath: null
    Next: Pause
  Pause: {Type: Wait, Seconds: 1, Next: Again}
  Again: {Type: Choice, Choices: [{Variable: $.stop, BooleanEquals: true, Next: Done}], Default: Each}
  Done: {Type: Succeed}
""",
)


def notebook(path: Path) -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)


def kernel_pid(server_pid: int) -> int:
    """The process of the only kernel."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == server_pid and b"ipykernel_launcher" in command:
                return int(folder.name)
    raise SystemExit("there is no kernel")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def events(history: Path) -> int:
    import sqlite3

    db = sqlite3.connect(history)
    try:
        return db.execute("SELECT coalesce(sum(count), 0) FROM events").fetchone()[0]
    finally:
        db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=30)
    chosen = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        raise SystemExit("no Chromium found")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        server = JupyterServer(Path(folder))
        server.start()
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            notebook(server.root / "busy.ipynb")
            page = LabPage(browser, server)
            page.open("busy.ipynb")
            page.run_all()
            time.sleep(20)
            watch(server, page, chosen.minutes)
            picture = Path("build") / "busy.png"
            picture.parent.mkdir(exist_ok=True)
            page.page.screenshot(path=picture)
            print(f"picture: {picture}")
        finally:
            browser.close()
            server.stop()


def watch(server: JupyterServer, page: LabPage, minutes: int) -> None:
    assert server._process is not None
    pid = kernel_pid(server._process.pid)
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable")
    history = next(server.root.rglob("history.db"), None)
    if history is None:
        raise SystemExit(f"nothing runs: {page.page.locator('.jp-OutputArea-output').all_inner_texts()}")
    print("minute    events    kernel MB    page heap MB    page nodes", flush=True)
    kernel, heap = [], []
    for minute in range(minutes + 1):
        session.send("HeapProfiler.collectGarbage")
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        kernel.append(resident_mb(pid))
        heap.append(metrics["JSHeapUsedSize"] / 1e6)
        print(f"{minute:>6}  {events(history):>8,}  {kernel[-1]:>11.1f}  {heap[-1]:>14.1f}  {metrics['Nodes']:>12,.0f}", flush=True)
        if minute < minutes:
            time.sleep(60)
    third = max(1, len(kernel) // 3)
    for what, values in (("kernel", kernel), ("page heap", heap)):
        print(f"{what}: last third / second third {mean(values[-third:]) / mean(values[third : 2 * third]):.3f}")


if __name__ == "__main__":
    main()
