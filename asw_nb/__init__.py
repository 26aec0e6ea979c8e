"""asw_nb: durable workflows in the notebook, in the Amazon States Language and Tencent's TCSL.

>>> import asw_nb as asw
>>> flow = asw.workflow({"StartAt": "Add", "States": {"Add": {"Type": "Task", "Resource": "add", "End": True}}}, name="doc")
>>> flow.run({"a": 1, "b": 2}, functions={"add": lambda e: e["a"] + e["b"]}, type="EXPRESS").output
3
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> where it lives; loaded when first used, so that importing the package costs next to nothing
_HOMES = {
    "AswError": "errors",
    "DefinitionError": "errors",
    "EarlyStopping": "training",
    "Execution": "handle",
    "ExecutionFailed": "errors",
    "MissingDependency": "errors",
    "Problem": "language.problems",
    "StateError": "errors",
    "StoreError": "errors",
    "TaskError": "errors",
    "UnknownExecution": "errors",
    "UnknownFunction": "errors",
    "UsageError": "errors",
    "VirtualClock": "engine.clock",
    "Workflow": "workflows",
    "Workspace": "workspace",
    "attempts": "across",
    "compare": "across",
    "cost": "across",
    "create_activity": "api",
    "distributions": "across",
    "doctor": "api",
    "events": "across",
    "execution": "api",
    "executions": "api",
    "failures": "across",
    "function": "api",
    "functions": "api",
    "get_activity_task": "api",
    "load_history": "loaded",
    "logs": "across",
    "map": "backfill",
    "map_items": "across",
    "metrics": "across",
    "monitor": "notebook.monitor",
    "recording": "reports.recording",
    "regressions": "across",
    "report": "reports.make",
    "resume": "api",
    "run": "api",
    "schedule": "scheduling",
    "schedules": "scheduling",
    "send_task_failure": "api",
    "send_task_heartbeat": "api",
    "send_task_success": "api",
    "service": "api",
    "slow": "across",
    "states": "across",
    "throughput": "across",
    "validate": "workflows",
    "watch": "notebook.watch",
    "workflow": "api",
}

__all__ = [
    "AswError",
    "DefinitionError",
    "EarlyStopping",
    "Execution",
    "ExecutionFailed",
    "MissingDependency",
    "Problem",
    "StateError",
    "StoreError",
    "TaskError",
    "UnknownExecution",
    "UnknownFunction",
    "UsageError",
    "VirtualClock",
    "Workflow",
    "Workspace",
    "attempts",
    "compare",
    "cost",
    "create_activity",
    "distributions",
    "doctor",
    "events",
    "execution",
    "executions",
    "failures",
    "function",
    "functions",
    "get_activity_task",
    "load_history",
    "logs",
    "map",
    "map_items",
    "metrics",
    "monitor",
    "recording",
    "regressions",
    "report",
    "resume",
    "run",
    "schedule",
    "schedules",
    "send_task_failure",
    "send_task_heartbeat",
    "send_task_success",
    "service",
    "slow",
    "states",
    "throughput",
    "validate",
    "watch",
    "workflow",
]

if TYPE_CHECKING:
    from asw_nb.across import (
        attempts,
        compare,
        cost,
        distributions,
        events,
        failures,
        logs,
        map_items,
        metrics,
        regressions,
        slow,
        states,
        throughput,
    )
    from asw_nb.api import (
        create_activity,
        doctor,
        execution,
        executions,
        function,
        functions,
        get_activity_task,
        resume,
        run,
        send_task_failure,
        send_task_heartbeat,
        send_task_success,
        service,
        workflow,
    )
    from asw_nb.backfill import map
    from asw_nb.engine.clock import VirtualClock
    from asw_nb.errors import (
        AswError,
        DefinitionError,
        ExecutionFailed,
        MissingDependency,
        StateError,
        StoreError,
        TaskError,
        UnknownExecution,
        UnknownFunction,
        UsageError,
    )
    from asw_nb.handle import Execution
    from asw_nb.language.problems import Problem
    from asw_nb.loaded import load_history
    from asw_nb.notebook.monitor import monitor
    from asw_nb.notebook.watch import watch
    from asw_nb.reports.make import report
    from asw_nb.reports.recording import recording
    from asw_nb.scheduling import schedule, schedules
    from asw_nb.training import EarlyStopping
    from asw_nb.workflows import Workflow, validate
    from asw_nb.workspace import Workspace


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    thing = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext asw_nb``: registers the magics."""
    from asw_nb.notebook.magics import register

    register(shell)
