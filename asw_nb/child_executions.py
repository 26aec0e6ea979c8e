"""Nested executions: what a Task of ``startExecution`` starts, found again when its parent goes on in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from asw_nb import driving
from asw_nb.definitions import check
from asw_nb.engine.run import Order, Run
from asw_nb.errors import StateError, UnknownExecution, did_you_mean
from asw_nb.history.store import Record
from asw_nb.language.plan import compile_plan
from asw_nb.launch import Launch, given_input
from asw_nb.names import known_workflows

if TYPE_CHECKING:
    from asw_nb.workspace import Workspace

_MISSING = object()


def start(
    workspace: Workspace, order: Order, machine: str, given: Any, name: str | None, workflows: Mapping[str, Any]
) -> tuple[Record, Run]:
    """Start a nested execution, or find the one that this order has started before.

    Raises
    ------
    StateError
        There is no such workflow, or an execution of that name is there already.
    """
    short = machine.rpartition(":")[2] or machine
    definition, kind = _definition(machine, short, workflows)
    parent = order.run.state.context_execution
    child_name = name or f"{str(parent['Name'])[:60]}-{order.frame}-{order.token}"
    checked = check(definition, order.run.state.plan.dialect, kind, f'workflow "{short}"')
    try:
        found = workspace.store.find(child_name, short)
    except UnknownExecution:
        found = None
    if found is not None:
        if found.tags.get("parent") == parent["Id"] and found.input == given_input(given):
            child = _again(workspace, found, order, workflows)
            if child is not None:
                return found, child
        raise StateError("StepFunctions.ExecutionAlreadyExistsException", f"Execution Already Exists: '{found.id}'")
    plan = compile_plan(checked.document.value, checked.dialect)
    launch = Launch.prepare(
        workspace, plan, short, functions=_functions(order), type=kind, workflows=workflows, clock=order.run.clock, tags={"parent": parent["Id"]}
    )
    execution = launch.start(given, child_name)
    assert execution._run is not None
    return execution._record, execution._run


def _definition(machine: str, short: str, workflows: Mapping[str, Any]) -> tuple[Any, str]:
    """The definition and the type of a workflow: of those that were handed over, else of those that are defined here."""
    definition = workflows.get(machine, workflows.get(short, _MISSING))
    if definition is _MISSING:
        flow = known_workflows.get(short)
        if flow is None:
            known = sorted({*known_workflows, *workflows})
            raise StateError(
                "StepFunctions.StateMachineDoesNotExistException",
                f"State Machine Does Not Exist: '{machine}'.{did_you_mean(short, known)} Define it, or pass workflows={{name: definition}}.",
            )
        return flow.definition, flow.type
    if isinstance(definition, Mapping) and "definition" in definition and "States" not in definition:
        return definition["definition"], definition.get("type", "STANDARD")
    if hasattr(definition, "definition"):
        return definition.definition, definition.type
    return definition, "STANDARD"


def _functions(order: Order) -> Mapping[str, Any] | None:
    """The functions that were handed to the parent."""
    return getattr(getattr(order.run.perform, "resolver", None), "given", None)


def _again(workspace: Workspace, record: Record, order: Order, workflows: Mapping[str, Any]) -> Run | None:
    """The run of a child that a parent started before this process took the parent over."""
    live = workspace.runs.get(record.key)
    if live is not None and live.broken is None:
        return live
    functions = _functions(order)
    if record.status == "RUNNING":
        workspace.resume(record.key, functions=functions, workflows=workflows)
        return workspace.runs.get(record.key)
    ended = driving.load(workspace, record, driving.Means(functions, None, workflows))
    driving.must_be_kept(record, ended.state.output)
    ended.finished_us = record.finished_us
    ended.done.set()
    return ended


__all__ = ["start"]
