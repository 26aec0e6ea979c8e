"""`Execution`: the handle to one execution, running or past.

It holds no truth of its own: while this process drives the execution it reads the live state, afterwards (or in
another kernel) the history file. Everything with a table or a picture is folded from the events when asked for."""

from __future__ import annotations

import contextlib
import inspect
import math
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asw_nb import driving
from asw_nb.backends.functions import Resolver
from asw_nb.definitions import choose
from asw_nb.engine.events import Event
from asw_nb.engine.frames import TASK
from asw_nb.engine.payload import copy_json
from asw_nb.engine.run import Run
from asw_nb.errors import ExecutionFailed, StoreError, UnknownExecution, UnknownFunction, UsageError, did_you_mean
from asw_nb.history.fold import Fold
from asw_nb.history.owner import DEAD
from asw_nb.history.store import Record
from asw_nb.language.calm import calm
from asw_nb.language.plan import Plan
from asw_nb.names import main_namespace, registry
from asw_nb.state_visits import StateVisits
from asw_nb.views import View
from asw_nb.workspace import Workspace

if TYPE_CHECKING:

    from asw_nb.analysis.figure import Html

SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.02, 0.25
"""How often a waiting handle asks whether somebody has written to the file, at first and after a while."""

DRIVER_LOOK_S = 1.0
"""How often it asks whether the process that drives is alive."""


class Execution(View):
    """One run of a workflow.

    Attributes
    ----------
    name, workflow : str
    id : str
        The whole id, in the form of the dialect.
    status : str
        RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
    output : JSON value or None
    error, cause : str or None
        Why it did not succeed. None of the three raises.
    input : JSON value
    """

    def __init__(self, workspace: Workspace, record: Record, run: Run | None = None) -> None:
        self._workspace, self._record, self._run = workspace, record, run
        self._fold: tuple[int, Fold] | None = None
        self._recorded = True

    # what it is ----------------------------------------------------------------------------------

    @property
    def key(self) -> int:
        """The execution's number in the history file."""
        return self._record.key

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def workflow(self) -> str:
        return self._record.workflow

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def input(self) -> Any:
        return self._record.input

    @property
    def type(self) -> str:
        return self._record.type

    @property
    def definition(self) -> dict[str, Any]:
        """The definition that it was started with; a copy."""
        return copy_json(self.plan.document)

    @property
    def plan(self) -> Plan:
        return self._run.state.plan if self._run is not None else self._workspace.plan_of(self._record)

    def _driven(self) -> Run | None:
        """The run of this process that drives it, or drove it last."""
        run = self._run
        if run is None or run.broken is not None:
            newer = self._workspace.live(self.key)
            if newer is not None and newer is not run and (run is not None or not newer.done.is_set()):
                self._run = run = newer
        return run

    def _latest(self) -> Record:
        """The row, read again while it can still change."""
        if self._record.status == "RUNNING":
            run = self._driven()
            if run is not None and run.broken is None:
                if run.done.is_set():
                    state, r = run.state, self._record
                    # a copy: the state's output may be a constant of the plan, which the next execution shares
                    r.output = copy_json(state.output)
                    r.status, r.error, r.cause = state.status, state.error, state.cause
                    r.failed_path, r.finished_us = state.failed_path, run.finished_us
            elif not self._workspace.closed:
                try:
                    self._record = self._workspace.store.get(self.key)
                except UnknownExecution:
                    if run is None:
                        raise
                    self._recorded = False
                    self._record.status, self._record.cause = "ABORTED", f"its start was not recorded: {run.broken}"
                except StoreError:
                    if run is None:
                        raise
        return self._record

    @property
    def status(self) -> str:
        return self._latest().status

    @property
    def output(self) -> Any:
        return self._latest().output

    @property
    def error(self) -> str | None:
        return self._latest().error

    @property
    def cause(self) -> str | None:
        return self._latest().cause

    @property
    def failed_at(self) -> str | None:
        """Path of the state where it failed."""
        return self._latest().failed_path

    @property
    def duration_s(self) -> float:
        """Seconds from start to end, or to now."""
        record = self._latest()
        end = record.finished_us
        if end is None:
            clock = self._run.clock if self._run is not None else self._workspace.runner.clock
            end = clock.time_us()
        return (end - record.started_us) / 1e6

    # waiting and stopping --------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Execution:
        """Wait for the end, `timeout` seconds at most; gives the execution itself.

        An interrupt ends the waiting, not the execution: `stop` does that.

        Raises
        ------
        StoreError
            The history could not be written, so the execution cannot go on here.
        UsageError
            Its workspace was closed before it ended.
        """
        run = self._driven()
        if run is None:
            return self._wait_elsewhere(timeout)
        run.done.wait(timeout)
        if run.broken is not None and (self.status == "RUNNING" or not self._recorded):
            raise self._stopped(run.broken) from run.broken
        if self._workspace.closed and self.status == "RUNNING":
            raise UsageError(
                f'execution "{self.name}" was running when its workspace was closed: open {self._workspace!r} again to see how far it came.'
            )
        return self

    def _stopped(self, problem: BaseException) -> StoreError:
        if self.type == "EXPRESS" or not self._recorded:
            return StoreError(f'execution "{self.name}" is not recorded and has to be started again: {problem}')
        return StoreError(f'execution "{self.name}" stopped at its last recorded event: {problem}')

    def _wait_elsewhere(self, timeout: float | None) -> Execution:
        """Follow what another kernel drives: its row is read only after somebody has written to the file."""
        workspace = self._workspace
        end = math.inf if timeout is None else time.monotonic() + timeout
        pause, look_for_driver, seen = SHORTEST_LOOK_S, 0.0, -1
        while not workspace.closed:
            version = workspace.store.version()
            if version != seen and self.status != "RUNNING":
                break
            seen, begun = version, time.monotonic()
            if self._driven() is not None:
                return self.wait(None if timeout is None else max(0.0, end - begun))
            if begun >= look_for_driver:
                self._must_be_driven()
                look_for_driver = begun + DRIVER_LOOK_S
            if begun >= end:
                break
            time.sleep(min(pause, end - begun))
            pause = min(pause * 1.5, LONGEST_LOOK_S)
        return self

    def _must_be_driven(self) -> None:
        if self._workspace.driver(self.key)[0] == DEAD and self.status == "RUNNING":
            raise UsageError(self._abandoned())

    def _abandoned(self) -> str:
        if self.type == "EXPRESS":
            return f'execution "{self.name}" is EXPRESS and the process that ran it is gone: it has no history to go on from.'
        return f'execution "{self.name}" is driven by nobody: resume("{self.name}") goes on with it.'

    def wait_or_stop(self) -> Execution:
        """Wait for the end; an interrupt stops the execution, waits for that, and goes on as the interrupt it is."""
        try:
            return self.wait()
        except KeyboardInterrupt:
            self.stop(cause="interrupted")
            if self._run is not None:
                self._run.done.wait(5)
            raise

    def result(self, timeout: float | None = None) -> Any:
        """The output.

        Raises
        ------
        ExecutionFailed
            It did not succeed; says in which state, with error and cause.
        UsageError
            It still runs after `timeout` seconds.
        """
        self.wait(timeout)
        record = self._latest()
        if record.status == "SUCCEEDED":
            return record.output
        if record.status == "RUNNING":
            raise UsageError(f'execution "{self.name}" still runs after {timeout} s: wait longer, or stop() it.')
        raise self.failure()

    def failure(self) -> ExecutionFailed:
        """What `result` raises: its message has the function's own words, its `error` and `cause` are the whole."""
        record = self._latest()
        what = self.name, record.status, record.failed_path
        failure = ExecutionFailed(*what, record.error, record.cause)
        from asw_nb.analysis.words import readable_cause
        from asw_nb.history.redact import redact_text

        error = record.error and redact_text(record.error)
        words = readable_cause(record.cause).removeprefix(f"{error}: ")
        failure.args = ExecutionFailed(*what, error, words or None).args
        return failure

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """End the execution as ABORTED; functions that run see `context.cancelled`. Nothing happens when it has ended
        already."""
        run = self._driven()
        if run is not None and run.broken is None:
            run.runner.stop(run, error, cause)
            run.done.wait(5)
        elif self.status == "RUNNING":
            life, who = self._workspace.driver(self.key)
            if life == DEAD:
                raise UsageError(self._abandoned())
            raise UsageError(f'execution "{self.name}" is driven by {who}: stop it there.')

    @property
    def waiting_for(self) -> list[str]:
        """Functions that a resumed execution waits for, because nobody has registered them in this kernel yet."""
        orders = [o for o in registry.parked() if o.run is self._run]
        return sorted({o.state.resource.name for o in orders if o.state.resource is not None})

    def task_tokens(self) -> dict[str, str]:
        """The task tokens that the execution waits for right now, by path of the state."""
        run = self._run
        if run is None:
            return {}
        out = {}
        for frame in list(run.state.frames.values()):
            resource = frame.state.resource
            if (
                frame.phase == TASK
                and resource is not None
                and (resource.pattern == "waitForTaskToken" or resource.kind == "activity")
            ):
                out[frame.path] = self._workspace.task_token(run.key, frame.id, frame.token)
        return out

    @property
    def _resolver(self) -> Resolver:
        calls = self._run.perform if self._run is not None else None
        return getattr(calls, "resolver", None) or Resolver(registry, None, main_namespace)

    def function_sources(self, limit: int = 8) -> dict[str, str]:
        """Source text of the functions behind the tasks, by name, as far as this kernel knows them."""
        out: dict[str, str] = {}
        for state in self.plan.states:
            resource = state.resource
            if resource is None or resource.kind != "function" or resource.name in out or len(out) >= limit:
                continue
            with contextlib.suppress(UnknownFunction, OSError, TypeError):
                out[resource.name] = inspect.getsource(self._resolver.find(resource).call)
        return out

    def redrive(self, from_state: str | None = None, dry_run: bool = False, **options: Any) -> Any:
        """Go on from where it failed, timed out or was stopped.

        States, branches and items that ended well are kept; what failed, and what was ended with it, begins again. Functions are looked up
        anew, so an edited one is used. The history goes on: tables show both lives.

        Parameters
        ----------
        from_state : str, optional
            Begin again at this top-level state, with the input that it had, instead.
        dry_run : bool
            Change nothing; give the plan as a table.
        functions, workflows, executor, clock
            As for `asw_nb.run`.

        Returns
        -------
        Execution or DataFrame
            This execution, running again; or the plan: columns path, state, action (``"keep"`` or ``"run again"``), why.

        Raises
        ------
        UsageError
            It runs, or has succeeded, or its history was kept in memory only, or there is no such top-level state.
        """
        record = self._latest()
        if record.type == "EXPRESS":
            raise UsageError(f'execution "{self.name}" is EXPRESS: its history was not kept, so it cannot be redriven.')
        if record.status == "RUNNING":
            run = self._driven()
            life, who = self._workspace.driver(self.key)
            if life == DEAD and (run is None or run.done.is_set()):
                raise UsageError(self._abandoned())
            if run is None:
                raise UsageError(
                    f'execution "{self.name}" still runs, driven by {who}: stop it there before a redrive.'
                )
            raise UsageError(f'execution "{self.name}" still runs: wait for its end, or stop() it, before a redrive.')
        if record.status == "SUCCEEDED" and from_state is None:
            raise UsageError(
                f'execution "{self.name}" has succeeded: name the state to begin again at with from_state=.'
            )
        start = self._start_of(from_state) if from_state is not None else None
        if dry_run:
            from asw_nb.analysis import tables

            return tables.redrive_plan(self.fold(), from_state)
        self._run = driving.redrive(self._workspace, record, start, driving.Means.of(options))
        # not from the file: it may have ended again by now, and a file that keeps no secrets has less than is known here
        self._record = replace(
            record, status="RUNNING", redrives=record.redrives + 1, finished_us=None, output=None, error=None, cause=None, failed_path=None
        )
        self._fold = None
        return self

    def _start_of(self, name: str) -> tuple[int, Any, dict[str, Any]]:
        visits = [v for v in self.fold().visits if v.parent is None and name in (v.state.name, v.path)]
        if not visits:
            inside = next((s.path for s in self.plan.states if name in (s.name, s.path) and "/" in s.path), None)
            known = [s.name for s in self.plan.root.states]
            if inside is not None:
                top = inside.partition("/")[0].partition("[")[0]
                hint = f' It is inside "{top}": begin again there.'
            else:
                hint = did_you_mean(name, known) if name not in known else " It was never entered."
            raise UsageError(
                f'execution "{self.name}" cannot begin again at "{name}": it must be a top-level state.{hint}'
            )
        visit = visits[-1]
        return visit.state.index, visit.input, visit.variables

    # the history ---------------------------------------------------------------------------------------

    def _events(self) -> Iterable[Event]:
        run = self._run
        if run is not None and run.log is not None:
            return list(run.log)
        return self._workspace.store.events(self.key)

    def _outputs(self) -> dict[tuple[int, int], tuple[list[Any], list[Any], str | None]]:
        run = self._run
        if run is not None and run.log is not None:
            return {(f, t): (o.lines or [], o.metrics or [], o.traceback) for f, t, o in run.kept_outputs}
        return self._workspace.store.outputs(self.key)

    def tallies_of_end(self) -> tuple[int, list[dict[str, int]]] | None:
        """Of an ended execution with a long history: its events, and the visits by status of each state of its plan."""
        return self._workspace.store.summary(self.key)

    def fold(self) -> Fold:
        """Visits and attempts as far as they are recorded."""
        done = self.status != "RUNNING"
        if done and self._fold is not None:
            return self._fold[1]
        with calm():
            fold = Fold(self.plan, self.input, self._record.started_us).feed(self._events())
        if done:
            self._fold = (0, fold)
        return fold

    def history(self, form: str = "aws", redact: bool = False) -> list[dict[str, Any]]:
        """The history as a cloud gives it: the exact record, with the secrets that are in it.

        Parameters
        ----------
        form : str
            ``"aws"``: the events of GetExecutionHistory. ``"tencent"``: those of DescribeExecutionHistory.
        redact : bool
            Mask the secrets, to give it away.
        """
        choose("form", form, ("aws", "tencent"))
        r = self._record
        if form == "tencent":
            from asw_nb.history.tencent import tencent_history

            events = tencent_history(self.plan, r.input, r.started_us, self._events(), self.id, r.role)
        else:
            events = self._cloud_history()
        if not redact:
            return events
        from asw_nb.history.redact import redact as redacted

        return redacted(events)

    def _cloud_history(self, located: bool = False) -> list[dict[str, Any]]:
        r = self._record
        map_run = self.id.replace(":execution:", ":mapRun:").rpartition(":")[0]
        from asw_nb.history.cloud import CloudHistory

        with calm():
            return list(CloudHistory(self.plan, r.input, r.started_us, r.role, map_run, located).feed(self._events()))

    def graph(self) -> Html:
        """The workflow's picture in the colours of what happened."""
        from asw_nb.analysis.card import graph_picture
        from asw_nb.analysis.figure import Html

        return Html(graph_picture(self.to_svg(), f"graph of {self.workflow}, {self.status}"), repr(self))

    def to_svg(self, theme: str = "auto") -> str:
        """The picture as SVG text."""
        from asw_nb.analysis.graph import to_svg
        from asw_nb.analysis.status import graph_statuses

        statuses, counts = graph_statuses(self.fold())
        return to_svg(self.definition, statuses, counts, theme=theme, title=self.workflow)

    def monitor(self) -> Any:
        """Look into the execution in a notebook: click a state, go back in time, stop, redrive, answer a task that waits.

        See `asw_nb.monitor`.
        """
        from asw_nb import monitor

        return monitor(self)

    def __getitem__(self, state: str) -> StateVisits:
        """The visits to a state, by its name or path."""
        fold = self.fold()
        visits = [v for v in fold.visits if state in (v.path, v.state.name, v.state.path)]
        if not visits:
            known = {s.name: s.path for s in self.plan.states}
            if state in known or state in known.values():
                raise UsageError(f'execution "{self.name}" has not entered the state "{state}".')
            raise UsageError(f'workflow "{self.workflow}" has no state "{state}".{did_you_mean(state, known)}')
        return StateVisits(self, state, visits)

    # how it shows itself ----------------------------------------------------------------------------------

    def __repr__(self) -> str:
        from asw_nb.history.redact import redact_text

        record = self._latest()
        at = (
            f" at {record.failed_path}"
            if record.failed_path and record.status in ("FAILED", "TIMED_OUT", "ABORTED")
            else ""
        )
        why = f" | {redact_text(record.error)}" if record.error else ""
        if record.status == "RUNNING" and self._run is not None and self._run.broken is not None:
            why = " | stopped at its last recorded event"
        return f"asw run {self.workflow}/{self.name} | {record.status}{at}{why} | {self.duration_s:.1f} s"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from asw_nb.analysis.card import execution_card

        return {"text/plain": repr(self), "text/html": execution_card(self)}


__all__ = ["Execution"]
