"""Who drives an execution, and taking over what nobody drives: resume and redrive.

An execution belongs to the process whose identity stands beside it in the history file. Here is decided whether that process lives, what
may be taken over, and how a run is made from a log: fold it, and nothing else.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from asw_nb.backends.calls import PAYLOAD_LIMIT, FunctionCalls
from asw_nb.backends.functions import Resolver
from asw_nb.engine import events as ev
from asw_nb.engine.clock import Clock
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.run import Run
from asw_nb.errors import StoreError, UsageError, did_you_mean
from asw_nb.history import owner
from asw_nb.history.store import Record, Store
from asw_nb.language.plan import digest
from asw_nb.names import known_workflows, main_namespace, registry

if TYPE_CHECKING:
    from asw_nb.handle import Execution
    from asw_nb.workflows import Workflow
    from asw_nb.workspace import Workspace

workspaces: weakref.WeakSet[Workspace] = weakref.WeakSet()
"""Those that are open, and some that were."""

on_start: list[Callable[[Workspace, Record, Run], None]] = []
"""Who is told of each execution that this process begins to drive: a recording."""

_resuming = threading.RLock()


def is_driven(run: Run | None) -> bool:
    """Whether it goes on here, or is about to."""
    if run is None or run.done.is_set():
        return False
    runner = getattr(run, "runner", None)  # none yet: it is about to start
    return runner is None or not runner.closed


def _runs() -> list[tuple[int, Run]]:
    """What this process drives, by any of its workspaces: the file names processes, and two workspaces on one file are one process."""
    return [item for workspace in list(workspaces) for item in list(workspace.runs.items())]


@dataclass(frozen=True, slots=True)
class Means:
    """What an execution that goes on is to run with; what is left out stays as it was."""

    functions: Mapping[str, Callable[..., Any]] | None = None
    executor: str | None = None
    workflows: Mapping[str, Any] | None = None
    clock: Clock | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Means:
        """From keyword arguments.

        Raises
        ------
        UsageError
            Names the option that is none.
        """
        known = [f.name for f in fields(cls)]
        for word in options:
            if word not in known:
                raise UsageError(
                    f'"{word}" is no option of a redrive.{did_you_mean(word, known)} Options: {", ".join(known)}.'
                )
        return cls(**options)


def resume(workspace: Workspace, execution: str | int | None, means: Means, force: bool) -> list[Execution]:
    """See `Workspace.resume`."""
    from asw_nb.handle import Execution

    if execution is None:
        records = [r for r in workspace.store.rows(status="RUNNING") if r.type == "STANDARD"]
    else:
        records = [workspace.execution(execution)._latest()]
        _must_be_resumable(records[0])
    out: list[tuple[Record, Run]] = []
    hidden = []
    with _resuming:
        # whatever file it was read from: a copy of this one holds executions that run here
        here = {key for key, run in _runs() if is_driven(run)}
        for record in sorted(records, key=lambda r: r.key):
            if record.key not in here and workspace.store.adopt(record.key, force, orphan=True):
                try:
                    record = workspace.store.get(record.key)
                    out.append((record, load(workspace, record, means)))
                except StoreError as problem:
                    if execution is not None:
                        raise
                    warnings.warn(f'execution "{record.name}" is left as it is: {problem}', stacklevel=3)
            elif execution is not None:
                raise UsageError(_not_resumed(workspace, record))
            elif driver(workspace, record.key)[0] == owner.UNKNOWN:
                hidden.append(record)
        for _, run in out:  # all are known before the first goes on: a parent looks for its children
            workspace.runner.start(run, resumed=bool(run.committed))
    if hidden:
        warnings.warn(_hidden(workspace, hidden), stacklevel=3)
    for sentence in _other_definitions(workspace, [record for record, _ in out]):
        warnings.warn(sentence, stacklevel=3)
    return [Execution(workspace, record, run) for record, run in out]


def _must_be_resumable(record: Record) -> None:
    if record.status != "RUNNING":
        raise UsageError(f'execution "{record.name}" is {record.status}: only a running one can be resumed.')
    if record.type == "EXPRESS":
        raise UsageError(f'execution "{record.name}" is EXPRESS: its history was not kept, so it cannot be resumed.')


def _not_resumed(workspace: Workspace, record: Record) -> str:
    life, who = driver(workspace, record.key)
    if life == owner.UNKNOWN:
        return (
            f'execution "{record.name}" is driven by {who}, which cannot be seen from here. If that process is dead, go on with the '
            f"execution with resume({record.name!r}, force=True)."
        )
    return f'execution "{record.name}" is driven by {who}, which is alive: wait for its end, or stop it there.'


def _hidden(workspace: Workspace, records: list[Record]) -> str:
    return (
        f"not resumed: {_names(records)}, driven by {driver(workspace, records[0].key)[1]}, which cannot be seen from here. If that process is "
        f"dead, resume(name, force=True) goes on."
    )


def _names(records: list[Record]) -> str:
    return ", ".join(f'"{r.name}"' for r in records[:3]) + (", ..." if len(records) > 3 else "")


# a definition that was edited since ---------------------------------------------------------------


def _other_definitions(workspace: Workspace, records: list[Record]) -> list[str]:
    """One sentence for each workflow whose newest definition is not the one that these executions go on with."""
    by_definition: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        flow = known_workflows.get(record.workflow)
        if flow is not None and not flow.open and digest(flow.definition) != record.digest:
            by_definition.setdefault((record.workflow, record.definition), []).append(record)
    return [_pinned(workspace.store, known_workflows[name], found) for (name, _), found in by_definition.items()]


def edited_while_running(flow: Workflow) -> str | None:
    """What is said when a cell defines anew a workflow of which executions with another definition run here."""
    if flow.open:  # which values it will run with is not known
        return None
    new = digest(flow.definition)
    for workspace in list(workspaces):
        here = {key for key, run in list(workspace.runs.items()) if is_driven(run)}
        if not here or workspace.closed:
            continue
        rows = workspace.store.rows(flow.name, "RUNNING")
        found = [r for r in rows if r.key in here and r.digest != new]
        if found:
            return _pinned(workspace.store, flow, found)
    return None


def _pinned(store: Store, flow: Workflow, records: list[Record]) -> str:
    changed = changes(store.document(records[0].definition), flow.definition)
    one = len(records) == 1
    return (
        f"{'execution' if one else 'executions'} {_names(records)} {'goes' if one else 'go'} on with the definition of "
        f'{"its" if one else "their"} start, and workflow "{flow.name}" has been edited since ({changed}). To use the new one, stop '
        f"{'it' if one else 'them'} and start again."
    )


def changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Which states differ between two definitions, in words: ``changed Load; added Check``."""
    old, new = before.get("States", {}), after.get("States", {})
    parts = [
        ("changed", [s for s in old if s in new and old[s] != new[s]]),
        ("added", [s for s in new if s not in old]),
        ("removed", [s for s in old if s not in new]),
        ("changed", [k for k in {**before, **after} if k != "States" and before.get(k) != after.get(k)]),
    ]
    told = [f"{word} {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" for word, names in parts if names]
    return "; ".join(told) or "its fields stand in another order"


# ----------------------------------------------------------------------------------------------------


def driver(workspace: Workspace, key: int) -> tuple[str, str]:
    """See `Workspace.driver`."""
    identity = workspace.store.owner_of(key)
    if identity != owner.this_process():
        return owner.life(identity), owner.describe(identity)
    run = next((run for k, run in _runs() if k == key and is_driven(run)), None)
    if run is None:
        return owner.DEAD, "nobody"
    return owner.ALIVE, "this kernel" if workspace.runs.get(key) is run else "another workspace of this kernel"


def _folded(workspace: Workspace, record: Record) -> tuple[ExecutionState, int]:
    """An execution's state from its log, and how many events that took."""
    state = workspace.state_of(workspace.plan_of(record), record)
    count = 0
    try:
        for event in workspace.store.events(record.key):
            state.apply(event)
            count += 1
            if not count & 1023:
                state.doze()
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as problem:
        raise StoreError(
            f'the history of execution "{record.name}" in "{workspace.path}" cannot be followed beyond event {count} ({problem!r}): see asw_nb.doctor().'
        ) from problem
    return state, count


def _refuse(record: Record, gone: str | None) -> None:
    """Raise when something is gone; it stands in words, as `redact_store` finds it."""
    if gone is not None:
        raise StoreError(
            f'execution "{record.name}" cannot go on from its history: {gone} was not kept (redact_store=True). Start it again with its input.'
        )


def must_be_kept(record: Record, output: Any) -> None:
    """Refuse an ended execution whose output somebody waits for, when a part of it is not in the history.

    Raises
    ------
    StoreError
    """
    from asw_nb.history import redact_store

    gone = redact_store.first_removed(output)
    _refuse(record, None if gone is None else f"{gone} of its output")


def _at_hand(workspace: Workspace, record: Record) -> ExecutionState | None:
    """The state of an execution that ended in this kernel, which has the secrets that its history lacks."""
    run = workspace.runs.get(record.key)
    if run is None or run.log is not None or run.broken is not None or not run.done.is_set():
        return None
    state = run.state.whole()
    return state if (state.status, state.redrives) == (record.status, record.redrives) else None


def load(workspace: Workspace, record: Record, means: Means, at_hand: ExecutionState | None = None) -> Run:
    """A run from the log, or from the state `at_hand`. What this process drove until it broke keeps its functions, clock and place."""
    from asw_nb.history import redact_store

    if at_hand is None:
        state, count = _folded(workspace, record)
        if state.status == "RUNNING" and redact_store.lacks(workspace.store, record.key):
            _refuse(record, redact_store.missing(state))
    else:
        from asw_nb.history.travel import copied_state

        state, count = copied_state(at_hand), at_hand.count
        state._execution = {**state.context_execution, "RedriveCount": record.redrives}
    ran = workspace.runs.get(record.key)
    before = ran if ran is not None and ran.broken is not None else None
    if before is not None and means.functions is None:
        calls = before.perform
    else:
        limit = PAYLOAD_LIMIT if record.dialect == "asl" else None
        # what the notebook defines comes first, since it may have been edited; what was handed over at the start is better than none
        earlier = getattr(getattr(ran.perform, "resolver", None), "source", None) if ran is not None else None
        resolver = Resolver(registry, means.functions, main_namespace, earlier)
        calls = FunctionCalls(resolver, None, limit, patient=True)
    if before is not None and means.executor is None:
        place = before.backend
    else:
        place = workspace.backend(means.executor or ("inline" if record.backend == "inline" else "threads"))
    clock = means.clock or (before.clock if before is not None else workspace.runner.clock)
    run = Run(record.key, state, clock, place, calls, timeout_s=record.timeout_s)
    run.committed = count
    run.special = (
        before.special if before is not None and means.workflows is None else workspace.special(means.workflows or {})
    )
    run.artifacts = workspace.artifacts
    workspace.runs[record.key] = run
    for tell in on_start:
        tell(workspace, record, run)
    return run


def redrive(workspace: Workspace, record: Record, start: tuple[int, Any, dict[str, Any]] | None, means: Means) -> Run:
    """Drive an ended execution on; see `Execution.redrive`."""
    from asw_nb.history import redact_store

    at_hand = None
    if redact_store.lacks(workspace.store, record.key):
        at_hand = _at_hand(workspace, record)
        if start is not None:
            _refuse(record, redact_store.missing_at(workspace.plan_of(record).states[start[0]].path, *start[1:]))
        elif at_hand is None:  # asked before anything is changed
            _refuse(record, redact_store.missing(_folded(workspace, record)[0]))
    if not workspace.store.reopen(record.key, record.status):
        raise UsageError(f'execution "{record.name}" has been redriven already, by another kernel: look at it again.')
    run = load(workspace, workspace.store.get(record.key), means, at_hand)
    workspace.runner.redrive(run, (ev.REDRIVEN, 0, 0, *(start or ())))
    return run


__all__ = [
    "Means",
    "changes",
    "driver",
    "edited_while_running",
    "is_driven",
    "load",
    "must_be_kept",
    "redrive",
    "resume",
    "workspaces",
]
