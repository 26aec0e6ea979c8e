"""What the engine promises however long a workflow is: the process stays responsive."""

from __future__ import annotations

import threading
from typing import Any

import asw_nb as asw

PATIENCE = 60.0

LENGTH = 10_000
CHAIN: dict[str, Any] = {f"P{i}": {"Type": "Pass", "Next": f"P{i + 1}"} for i in range(LENGTH)}
ENDLESS = {
    "StartAt": "P0",
    "States": {
        **CHAIN,
        f"P{LENGTH}": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.end", "IsPresent": True, "Next": "Out"}],
            "Default": "P0",
        },
        "Out": {"Type": "Succeed"},
    },
}
SHORT = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


def test_ten_thousand_pass_states_in_a_loop_leave_the_process_responsive() -> None:
    flow = asw.workflow(ENDLESS, "endless")
    for kind in ("STANDARD", "EXPRESS"):
        round_again = threading.Event()
        run = flow.start({}, type=kind)
        assert run._run is not None

        def watch(live: Any, events: list[Any], told: threading.Event = round_again) -> None:
            if live.state.entered[0] > 1:
                told.set()

        run._run.listeners.append(watch)
        assert round_again.wait(PATIENCE)
        for executor in ("threads", "inline"):
            other = asw.workflow(SHORT).start(5, functions={"f": lambda n: n + 1}, executor=executor)
            assert other.result(PATIENCE) == 6
        assert run.status == "RUNNING"
        run.stop("Enough")
        assert (run.wait(PATIENCE).status, run.error) == ("ABORTED", "Enough")
        assert len(asw.executions(status="RUNNING")) == 0
