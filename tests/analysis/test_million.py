"""A history of more than a million events becomes tables in seconds and in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAKE = """
import sys, asw_nb as asw
processor = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "Next": "B"}, "B": {"Type": "Pass", "End": True}}}
flow = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": processor, "End": True}}}
with asw.Workspace(sys.argv[1]) as ws:
    run = asw.run(flow, list(range(125_000)), functions={"f": lambda e: e + 1}, executor="inline", workspace=ws, name="m", payload_limit_bytes=None)
    print(run._run.state.event_id)
"""
LOOK = """
import json, resource, sys, time
import pandas, asw_nb as asw
with asw.Workspace(sys.argv[1]) as ws:
    begun = time.process_time()
    n = len(ws.executions())
    listed = time.process_time()
    states = ws.execution("m").states()
    folded = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps([n, len(states), peak, listed - begun, folded - listed]))
"""


def python(code: str, path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True, timeout=240)
    return done.stdout


@pytest.mark.slow
def test_a_million_events_become_tables(tmp_path: Path) -> None:
    assert int(python(MAKE, tmp_path / "history.db")) > 1_000_000
    executions, visits, peak_bytes, listing_s, folding_s = json.loads(python(LOOK, tmp_path / "history.db"))
    assert (executions, visits) == (1, 250_001)
    assert peak_bytes < 1_000_000_000
    # of the processor, since others share it: the whole of what these do is computing
    assert (listing_s < 0.5, folding_s < 5) == (True, True), (listing_s, folding_s)
