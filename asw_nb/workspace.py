"""A workspace: one history file, the functions, and the executions that this process drives.

Everything public goes through here: `Workspace.start` reads and checks a definition (once per definition), compiles
it, and hands a `Run` to the runner; what comes back is an `Execution`, a handle that reads live state while there is
any and the history file otherwise."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asw_nb import child_executions, driving
from asw_nb.backends.activities import ActivityBackend, ActivityTask
from asw_nb.backends.functions import Resolver
from asw_nb.backends.local import InlineBackend, ThreadBackend
from asw_nb.backends.nested import NestedBackend
from asw_nb.definitions import choose
from asw_nb.engine.clock import Clock, RealClock
from asw_nb.engine.execution import ExecutionState
from asw_nb.engine.payload import argument
from asw_nb.engine.run import Order, Outcome, Run
from asw_nb.engine.runner import Runner
from asw_nb.errors import (
    StoreError,
    UnknownFunction,
    UsageError,
)
from asw_nb.history import faults
from asw_nb.history.store import Record, Store
from asw_nb.language.plan import Plan, compile_plan
from asw_nb.language.resources import Resource
from asw_nb.launch import payload_limit
from asw_nb.names import main_namespace, registry
from asw_nb.selection import Selection, wanted
from asw_nb.weak import WeakValues

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    import pandas

    from asw_nb.handle import Execution
    from asw_nb.history.doctor import Report

EXECUTORS = ("threads", "inline")

CLOSING_S = 2.0
"""How long a workspace that closes waits for a locked file, to say that it drives no more."""


class _Lazily:
    """A backend that is made when the first order comes."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def submit(self, orders: list[Order], from_worker: bool) -> None:
        self._make().submit(orders, from_worker)


class Workspace(Selection):
    """One history file with everything that runs on it.

    Parameters
    ----------
    path : str or Path, optional
        The history file; the default is ``.asw/history.db`` under the working directory, or under ``$ASW_NB_HOME``.
    max_workers : int
        Most functions that run at the same time on threads.
    resume : bool
        Go on with what a dead kernel left running, as `Workspace.resume` does.
    group_commit : bool
        Write the results of tasks that take microseconds together, a millisecond after the first of them (up to ten where the disk is slow);
        with False each is written before the next state begins. Results of longer tasks are always written at once.
    redact : str or iterable of str
        More names of secrets, as regular expressions for words in a key (``"iban"``); ``"!tokens"`` is a key that is none. They count for everything that
        this kernel shows.
    redact_store : bool, optional
        Keep values under secret names out of the file, for good: an execution that would need one cannot be resumed. What
        ``$ASW_NB_REDACT_STORE`` says when left out.

    Attributes
    ----------
    path : Path
    resumed : list of Execution
        What ``resume=True`` goes on with.

    Raises
    ------
    StoreError
        The file cannot be used.
    UsageError
        The path is SQLite's word for no file.

    Examples
    --------
    >>> import tempfile, os
    >>> with Workspace(os.path.join(tempfile.mkdtemp(), "history.db")) as ws:
    ...     len(ws.executions())
    0
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, max_workers: int = 128, resume: bool = False, group_commit: bool = True,
        redact: str | Iterable[str] = (), redact_store: bool | None = None,
    ) -> None:  # fmt: skip
        if redact:
            from asw_nb.history.redact import learn

            learn(redact)
        self.path = Path(path) if path is not None else default_path()
        if str(self.path) == faults.MEMORY:
            raise UsageError(
                'a history is a file: give its path, such as Workspace("history.db"). Executions with type="EXPRESS" keep theirs in memory.'
            )
        if self.path.is_dir():
            self.path = self.path / "history.db"
        self.path = self.path.absolute()
        self.artifacts = str(self.path.parent / "artifacts")
        self.store = _store(self.path, redact_store)
        self.place = self.path.resolve()
        self.runner = Runner(self.store, RealClock())
        if not group_commit:
            self.runner.write_every_ns = self.runner.write_seldom_ns = 0
        self.max_workers = max_workers
        self._backends: dict[str, Any] = {}
        # weak: an execution that has ended lives on only in the handles to it, and in the file
        self.runs: WeakValues[int, Run] = WeakValues()
        self._lock = threading.Lock()
        self._closed = False
        driving.workspaces.add(self)
        self.activities = ActivityBackend(self.runner, self._function_answers, _Lazily(lambda: self.backend("threads")))
        self._sign = self.task_token
        self._activity_exists = self.activities.exists
        self.plain_special = self.special({})
        self.resumed = self.resume() if resume else []

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'Workspace("{self.path}")'

    def close(self) -> None:
        """Stop driving and close the file; what still runs can be gone on with by another workspace on the same
        file."""
        if self._closed:
            return
        self._closed = True
        driven = [run.key for run in list(self.runs.values()) if driving.is_driven(run) or run.broken is not None]
        self.runner.close()
        for backend in self._backends.values():
            backend.close()
        self._let_go(driven)
        self.store.close()
        for run in list(self.runs.values()):  # nobody drives them on here: whoever waits for their end is told
            run.done.set()
        forget(self)

    def _let_go(self, keys: list[int]) -> None:
        """Say in the file that nobody drives here any more, so that another kernel can go on while this one lives."""
        self.store.patience_s = min(self.store.patience_s, CLOSING_S)
        with contextlib.suppress(StoreError):
            self.store.release(keys)

    def backend(self, name: str) -> Any:
        """The place where tasks run, made when first used."""
        choose("executor", name, EXECUTORS)
        with self._lock:
            if name not in self._backends:
                made = InlineBackend(self.runner) if name == "inline" else ThreadBackend(self.runner, self.max_workers)
                self._backends[name] = made
            return self._backends[name]

    def special(self, workflows: Mapping[str, Any]) -> dict[str, Any]:
        """Backends of one execution for what no function does."""

        def start(order: Order, machine: str, given: Any, name: str | None) -> tuple[Record, Run]:
            return child_executions.start(self, order, machine, given, name, workflows)

        return {"activity": self.activities, "workflow": NestedBackend(self.runner, start)}

    def _function_answers(self, resource: Resource) -> bool:
        try:
            return bool(Resolver(registry, None, main_namespace).find(resource))
        except UnknownFunction:
            return False

    def task_token(self, key: int, frame: int, order: int) -> str:
        """The callback secret of one order: names it, and proves to have come from this history."""
        return self.store.sign(f"{key}.{frame}.{order}")

    def _callback(self, token: str, outcome: Outcome | None) -> None:
        """Answer (or, without an outcome, keep alive) the order that a task token names."""
        text = self.store.verify(token)
        if text is None:
            raise UsageError(
                "this task token is not one of this history's. Take it from $$.Task.Token, or from run.task_tokens()."
            )
        key, frame, order = (int(part) for part in text.split("."))
        run = self.runs.get(key)
        if run is None or run.done.is_set():
            raise UsageError("the execution that this task token belongs to does not run here any more.")
        cursor = run.state.frames.get(frame)
        if cursor is None or cursor.token != order:
            raise UsageError(
                "the task that this task token belongs to has been answered, has timed out, or was stopped."
            )
        if outcome is None:
            made = Order(run, cursor)
            self.runner.heartbeat(made)
        else:
            self.runner.callback(run, frame, order, outcome)

    def send_task_success(self, task_token: str, output: Any = None) -> None:
        """Give the result of a task that waits for its task token.

        Raises
        ------
        UsageError
            The token is not valid (any more), or the output is no JSON value.
        """
        self._callback(task_token, Outcome(argument(output, "output")))

    def send_task_failure(self, task_token: str, error: str | None = None, cause: str | None = None) -> None:
        """Fail a task that waits for its task token."""
        self._callback(task_token, Outcome(error=error, cause=cause, failed=True))

    def send_task_heartbeat(self, task_token: str) -> None:
        """Say that a task that waits for its task token is still being worked on: HeartbeatSeconds starts anew."""
        self._callback(task_token, None)

    def get_activity_task(self, name: str, worker: str | None = None, timeout_s: float = 60) -> ActivityTask | None:
        """Fetch the oldest task of an activity, which this call makes known; None when none comes in time."""
        short = name.rpartition(":")[2]
        return self.activities.take(short, worker, timeout_s, lambda o: self.task_token(o.run.key, o.frame, o.token))

    def resume(
        self, execution: str | int | None = None, *, functions: Mapping[str, Callable[..., Any]] | None = None, force: bool = False,
        executor: str | None = None, workflows: Mapping[str, Any] | None = None, clock: Clock | None = None,
    ) -> list[Execution]:  # fmt: skip
        """Go on with executions that nobody drives: their process died, or could not write to the history file.

        A task whose result was recorded is not run again; a task that was in flight is. Timers keep their due time.

        Parameters
        ----------
        execution : str or int, optional
            One execution; all when left out.
        functions, workflows, executor
            As for `asw_nb.run`; they are not kept with an execution, except by the process that drove it before.
        force : bool
            Adopt also executions whose driver is on another host or in another container, where it may be alive.

        Returns
        -------
        list of Execution
            Those that run here again, oldest first. Executions that another living process drives are left to it.

        Raises
        ------
        UsageError
            The execution that was named has ended, or somebody drives it.
        """
        return driving.resume(self, execution, driving.Means(functions, executor, workflows, clock), force)

    def driver(self, key: int) -> tuple[str, str]:
        """Whether somebody drives a running execution (``"alive"``, ``"dead"`` or ``"unknown"``), and who, in words."""
        return driving.driver(self, key)

    def state_of(
        self, plan: Plan, record: Record, seed: int | None = None, payload_limit_bytes: int | str | None = "auto"
    ) -> ExecutionState:
        """An execution's state before its first event."""
        state = ExecutionState(plan, record.input, record.started_us, seed=seed, about=record, sign=self._sign)
        state.activity_exists = self._activity_exists
        state.variables_limit = payload_limit(payload_limit_bytes, plan.dialect)
        return state

    def plan_of(self, record: Record) -> Plan:
        """The plan of the definition that an execution was started with."""
        return compile_plan(self.store.document(record.definition), record.dialect)

    def doctor(self, repair: bool = False) -> Report:
        """Check the history file and what it stands on; with ``repair=True`` mend it, or say what to do.

        What would lose something is done only after a copy of the file has been put beside it.
        """
        from asw_nb.history import doctor

        if not repair:
            return doctor.examine(self.path, driver=self.driver)
        if any(driving.is_driven(run) for run in list(self.runs.values())):
            raise UsageError("executions run in this kernel: wait for their end, or stop() them, before a repair.")
        with self.store.aside():
            return doctor.examine(self.path, True)

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """Copy the history file, as it is at this moment, while it is in use; files of `context.artifact` are not in it.

        Parameters
        ----------
        path : str or Path
            A file that does not exist, or a folder: the copy then bears the time in its name.

        Returns
        -------
        Path
            The copy; it can be opened with `Workspace(path)`.

        Raises
        ------
        UsageError
            The file exists already.
        StoreError
            The copy could not be written.
        """
        from asw_nb.history import upkeep

        return upkeep.backup(self.store, path)

    def prune(
        self,
        older_than: str | timedelta | datetime | None = None,
        status: str | Sequence[str] | None = None,
        workflow: str | None = None,
        keep: int | None = None,
        dry_run: bool = True,
    ) -> pandas.DataFrame:
        """Delete ended executions that fit all that is given, with their events, outputs and artifacts.

        Parameters
        ----------
        older_than : str, timedelta or datetime, optional
            Ended before that: an age such as ``"30d"``, or a moment (UTC).
        status : str or list of str, optional
            SUCCEEDED, FAILED, TIMED_OUT, ABORTED.
        workflow : str, optional
        keep : int, optional
            The newest of each workflow that stay in any case.
        dry_run : bool
            Delete nothing, only say what would go.

        Returns
        -------
        DataFrame
            What goes, newest first: columns execution, name, workflow, status, started, finished, size_bytes (of its events).

        Raises
        ------
        UsageError
            Nothing is given, or it makes no sense.
        """
        from asw_nb.analysis import tables
        from asw_nb.history import upkeep

        records = upkeep.old(self.store, older_than, status, workflow, keep)
        table = tables.executions(records)[["execution", "name", "workflow", "status", "started", "finished"]]
        table["size_bytes"] = upkeep.sizes(self.store, records)
        if not dry_run:
            upkeep.delete(self.store, records, Path(self.artifacts))
        return table

    def vacuum(self) -> int:
        """Give the space of pruned executions back to the disk; the number of bytes by which the file shrank.

        Raises
        ------
        StoreError
            The disk has no room for the copy that this takes for a moment.
        """
        from asw_nb.history import upkeep

        return upkeep.vacuum(self.store)

    def must_be_open(self) -> None:
        """Raise when it is closed.

        Raises
        ------
        UsageError
        """
        if self._closed:
            raise UsageError(f"{self!r} is closed: open another one.")

    @property
    def closed(self) -> bool:
        """Whether it was closed: what is in the file is there for another workspace."""
        return self._closed

    def live(self, key: int) -> Run | None:
        """The run of an execution that this process drives, or has driven."""
        return self.runs.get(key)

    def settle(self) -> None:
        """Wait until what was started is in the file, for a moment at most."""
        pending = [r for r in list(self.runs.values()) if r.record is not None]
        for run in pending[-1:]:
            run.done.wait(0.2)

    def executions(
        self, workflow: str | Sequence[str] | None = None, status: str | Sequence[str] | None = None, limit: int | None = None,
        redact: bool = True, **filters: Any,
    ) -> pandas.DataFrame:  # fmt: skip
        """A table of the executions, newest first; see `asw_nb.analysis.tables.EXECUTIONS` for the columns.

        Parameters
        ----------
        workflow, status : str or list of str, optional
            Any of these; a ``*`` in a workflow's name stands for any text.
        limit : int, optional
        redact : bool
            Mask the secrets in it.
        filters
            name, type, backend, error, since, until, tags: as in `asw_nb.history.queries.Wanted`.

        Raises
        ------
        UsageError
            A filter makes no sense.
        """
        from asw_nb.analysis import tables
        from asw_nb.history.queries import records

        self.settle()
        asked = wanted({"workflow": workflow, "status": status, "limit": limit, **filters})
        return tables.executions(records(self.store, asked), redact)

    def execution(self, id_or_name: str | int, workflow: str | None = None) -> Execution:
        """A handle to any execution in the file.

        Parameters
        ----------
        id_or_name : str or int
            Its name, its whole id (arn or qrn), or ``"latest"``.

        Raises
        ------
        UnknownExecution
        """
        from asw_nb.handle import Execution

        self.settle()
        if isinstance(id_or_name, int):
            record = self.store.get(id_or_name)
        elif id_or_name == "latest" and (rows := self.store.rows(workflow, limit=1)):
            record = rows[0]
        else:
            text = str(id_or_name)
            if text.startswith(("arn:", "qrn:")):
                *_, workflow, text = text.split(":")
            record = self.store.find(text, workflow)
        live = self.runs.get(record.key)
        if live is not None and live.done.is_set() and record.redrives > live.state.redrives:
            live = None  # another kernel has redriven it since
        return Execution(self, record, live)


def _store(path: Path, redact: bool | None) -> Store:
    """The history file; whether secrets are kept out of it is said by the call, else by the environment."""
    if redact is None:
        redact = os.environ.get("ASW_NB_REDACT_STORE", "").strip().lower() in ("1", "true", "yes", "on")
    if not redact:
        return Store(path)
    from asw_nb.history.redact_store import RedactingStore

    return RedactingStore(path)


# --------------------------------------------------------------------------- the default workspace

_default: Workspace | None = None
_default_home: str | None = None
_default_lock = threading.Lock()


def default_path() -> Path:
    """Where the default history file lives."""
    home = os.environ.get("ASW_NB_HOME")
    return Path(home) / "history.db" if home else Path.cwd() / ".asw" / "history.db"


def default_workspace() -> Workspace:
    """The workspace of module-level calls: opened at the first, and kept (another ``$ASW_NB_HOME`` opens another)."""
    global _default, _default_home
    home = os.environ.get("ASW_NB_HOME")
    with _default_lock:
        if _default is None or _default_home != home:
            _default, _default_home = Workspace(), home
        return _default


def examine(path: str | os.PathLike[str] | None, repair: bool) -> Report:
    """The doctor's report on a file that is open here, or on any other; see `Workspace.doctor`."""
    from asw_nb.history import doctor

    file = Path(path).absolute() if path is not None else default_path().absolute()
    if file.is_dir():
        file = file / "history.db"
    for workspace in list(driving.workspaces):
        if workspace.place == file.resolve() and not workspace.closed:
            return workspace.doctor(repair)
    return doctor.examine(file, repair)


def forget(workspace: Workspace) -> None:
    """A closed workspace is no default any more."""
    global _default
    if _default is workspace:
        _default = None


__all__ = [
    "Workspace", "default_path", "default_workspace", "examine",
]  # fmt: skip
