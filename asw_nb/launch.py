"""Starting executions: what those that are started alike have in common is decided once, and the rest is little.

A notebook starts one execution, or a thousand with the same functions in a loop. `Launch` is everything about a start but its input and
its name: checked, looked up, and good for any number of starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asw_nb import driving
from asw_nb.backends.calls import PAYLOAD_LIMIT, FunctionCalls
from asw_nb.backends.functions import Resolver
from asw_nb.definitions import TYPES, choose
from asw_nb.engine.clock import Clock
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.ids import ordered_id
from asw_nb.engine.payload import argument
from asw_nb.engine.run import Run
from asw_nb.engine.sprint import Sprint
from asw_nb.errors import UsageError
from asw_nb.history.store import Record
from asw_nb.language.plan import Plan
from asw_nb.names import main_namespace, registry, spelled
from asw_nb.testing import Mocks

if TYPE_CHECKING:
    from asw_nb.handle import Execution
    from asw_nb.workspace import Workspace

MAX_TIMEOUT_S = 10_000_000_000
"""Three hundred years: a longer limit is none, and its clock could not be written."""


_NO_TAGS: dict[str, Any] = {}
"""Shared by all executions without any."""


@dataclass(slots=True)
class Launch:
    """All about a start but its input and name."""

    workspace: Workspace
    plan: Plan
    workflow: str
    type: str
    place: str
    backend: Any
    clock: Clock
    calls: FunctionCalls
    special: dict[str, Any]
    timeout_s: float | None
    seed: int | None
    tags: dict[str, Any]
    payload_limit_bytes: int | str | None
    mocked: set[str]
    sprint: Sprint | None
    waiting: ExecutionState
    handle: Callable[..., Execution]

    @classmethod
    def prepare(
        cls,
        workspace: Workspace,
        plan: Plan,
        workflow: str,
        *,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        type: str = "STANDARD",
        executor: str | None = None,
        on: str | None = None,
        timeout_s: float | None = None,
        mocks: Mapping[str, Any] | Mocks | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        tags: Mapping[str, Any] | None = None,
        workflows: Mapping[str, Any] | None = None,
        payload_limit_bytes: int | str | None = "auto",
    ) -> Launch:
        """Check the options of a start; see `asw_nb.run`.

        Raises
        ------
        UsageError
        """
        from asw_nb.handle import Execution

        workspace.must_be_open()
        choose("type", type, TYPES)
        if on is not None and on != "local":
            raise UsageError(f'on="{on}" is not known. Executions run on "local".')
        limits = [t for t in (plan.timeout_s, _positive("timeout_s", timeout_s)) if t is not None]
        answers = mocks if mocks is None or isinstance(mocks, Mocks) else Mocks(mocks)
        if answers is not None:
            answers.check(plan)
        limit = payload_limit(payload_limit_bytes, plan.dialect)
        special = workspace.special(workflows) if workflows else workspace.plain_special
        free = type == "STANDARD" and answers is None and not limits and not (clock is not None and clock.virtual)
        return cls(
            workspace=workspace,
            plan=plan,
            workflow=workflow,
            type=type,
            place=executor if executor is not None and executor != "threads" else "local",
            backend=workspace.backend(executor or "threads"),
            clock=clock if clock is not None else workspace.runner.clock,
            calls=FunctionCalls(Resolver(registry, functions, main_namespace), answers, limit),
            special=special if answers is None else answers.stand_in(special),
            timeout_s=min(*limits, MAX_TIMEOUT_S) if limits else None,
            seed=seed,
            tags=_tags(tags),
            payload_limit_bytes=payload_limit_bytes,
            mocked=answers.resources(plan) if answers is not None else set(),
            sprint=Sprint.of(plan, special) if free else None,
            waiting=ExecutionState(plan, None, 0),
            handle=Execution,  # asked for here: an import within `start` would cost as much as a clock
        )

    def start(self, input: Any, name: str | None) -> Execution:
        """Begin an execution; returns at once.

        Raises
        ------
        UsageError
            The input is no JSON value, or the name is wrong or taken.
        """
        workspace, plan = self.workspace, self.plan
        workspace.must_be_open()
        store, runner = workspace.store, workspace.runner
        key = store.new_key()
        record = Record(
            key,
            self.workflow,
            ordered_id() if name is None else checked_name(name),
            self.type,
            self.clock.time_us(),
            given_input(input),
            store.definition_id(plan.digest, plan.dialect, plan.document),
            plan.dialect,
            plan.digest,
            backend=self.place,
            tags=dict(self.tags) if self.tags else _NO_TAGS,
            timeout_s=self.timeout_s,
        )
        # a lone start is on disk when this returns; in a burst it joins the transaction that is under way
        alone = name is not None or not runner.busy
        sprint = None if alone else self.sprint
        state = self.state(record) if sprint is None else self.waiting
        run = Run(key, state, self.clock, self.backend, self.calls, self.type == "EXPRESS", self.timeout_s, self, record)
        run.special, run.sprint = self.special, sprint
        run.artifacts = workspace.artifacts
        if alone:
            store.create(record)
        else:
            run.record = record
        workspace.runs[key] = run
        for tell in driving.on_start:
            tell(workspace, record, run)
        runner.start(run)
        return self.handle(workspace, record, run)

    def state(self, row: Record) -> ExecutionState:
        """The state of an execution before its first event."""
        workspace = self.workspace
        state = workspace.state_of(self.plan, row, self.seed, self.payload_limit_bytes)
        if self.mocked:
            state.activity_exists = lambda resource: resource.text in self.mocked or workspace.activities.exists(resource)
        return state


def given_input(value: Any) -> Any:
    """An execution's input, ``{}`` when there is none."""
    return {} if value is None else argument(value, "input")


def _tags(tags: Mapping[str, Any] | None) -> dict[str, Any]:
    if tags is not None and not isinstance(tags, Mapping):
        raise UsageError(f'tags={tags!r} must be a dict, such as {{"team": "etl"}}.')
    return argument(dict(tags or {}), "tags", "are")


def checked_name(name: str) -> str:
    """The name of an execution.

    Raises
    ------
    UsageError
        It cannot be one.
    """
    if not isinstance(name, str) or not 1 <= len(name) <= 80:
        raise UsageError(f'the execution\'s name "{str(name)[:90]}" must be a text of 1 to 80 characters.')
    return spelled("execution", name)


def payload_limit(value: int | str | None, dialect: str) -> int | None:
    """Largest result of a task in bytes: the cloud's 256 KiB in asl unless told otherwise, none in tcsl."""
    if value == "auto":
        return PAYLOAD_LIMIT if dialect == "asl" else None
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value <= 0):
        raise UsageError(f'payload_limit_bytes={value!r} must be a number of bytes, None for no limit, or "auto".')
    return value


def _positive(what: str, value: float | None) -> float | None:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf
    ):
        raise UsageError(f"{what}={value!r} must be a positive number of seconds.")
    return value


__all__ = ["MAX_TIMEOUT_S", "Launch", "checked_name", "given_input", "payload_limit"]
