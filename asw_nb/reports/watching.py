"""What goes on inside the kernel of a notebook that is executed from outside: which executions it started, and how they ended.

`publish` calls this in the kernel, before the first cell and after the last one that was run."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from asw_nb import driving
from asw_nb.history.redact import redact_text

_seen: dict[int, tuple[Any, Any]] = {}


def watch() -> None:
    """Remember each execution that this kernel begins to drive."""
    driving.on_start.append(lambda workspace, record, run: _seen.update({record.key: (record, run)}))


def told(wait_s: float) -> str:
    """How they stand, as JSON; what still runs, and the views that show it, are waited for at most `wait_s` seconds together."""
    end = time.monotonic() + wait_s
    for _, run in list(_seen.values()):
        run.done.wait(max(0.0, end - time.monotonic()))
    for thread in threading.enumerate():
        if thread.name == "asw-view":
            thread.join(10)
    rows = []
    for record, run in list(_seen.values()):
        # on a virtual clock an execution is a rehearsal
        if "parent" not in record.tags and not getattr(run.clock, "virtual", False):
            state = run.state
            error = None if state.error is None else redact_text(state.error)
            rows.append({"workflow": record.workflow, "name": record.name, "status": state.status, "error": error, "failed_at": state.failed_path})
    return json.dumps(rows)


__all__ = ["told", "watch"]
