"""`asw.map`: one execution for each of many inputs, so many at a time.

A thread feeds: it starts the next execution when one of those that run has ended. Nothing else depends on it; each execution is an ordinary one,
recorded, driven and found like every other. What has not been started is known to this kernel alone, and goes with it; see `map`."""

from __future__ import annotations

import contextlib
import copy
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from asw_nb.engine.clock import VirtualClock
from asw_nb.engine.payload import NotJson, to_json
from asw_nb.engine.run import Run
from asw_nb.errors import AswError, UsageError
from asw_nb.handle import Execution
from asw_nb.history.owner import DEAD
from asw_nb.launch import checked_name
from asw_nb.workflows import Workflow
from asw_nb.workspace import Workspace, default_workspace

if TYPE_CHECKING:
    import pandas

PENDING = "PENDING"
"""What an input is whose execution has not been started."""

LOOK_S = 0.5
"""How long a wait sleeps at most, so that an interrupt is heard everywhere."""

FAILED = ("FAILED", "TIMED_OUT", "ABORTED")


class Executions(Sequence[Execution]):
    """The executions of a back-fill, in the order of their inputs.

    It can be given wherever executions are taken: `asw_nb.states`, `compare`, `report`, `watch`. Looking at one that has not been started waits for its
    start, and so does going through all of them; those that never will be are left out.

    Attributes
    ----------
    workflow : str
    inputs : list of JSON value
    started : list of Execution
        Those that have been started so far.
    failed : list of Execution
        Those of them that ended without success.
    counts : dict
        How many are PENDING, RUNNING, SUCCEEDED...
    fed : bool
        Whether nothing more will be started.
    done : bool
        Whether nothing runs and nothing will be started.
    """

    def __init__(self, workflow: str, inputs: list[Any], names: list[str] | None, max_parallel: int, fail_fast: bool, start: Callable[[int], Execution]) -> None:
        self.workflow, self.inputs = workflow, inputs
        self._names, self._start, self._fail_fast = names, start, fail_fast
        self._slots = threading.Semaphore(max_parallel)
        self._changed = threading.Condition()
        self._made: dict[int, Execution] = {}
        self._ended: set[int] = set()
        self._problem: tuple[int, BaseException] | None = None
        self._halted: str | None = None
        self.fed = not inputs
        self._thread: threading.Thread | None = None
        if inputs:
            self._slots.acquire()
            self._begin(0)  # what is wrong with the call is said by the call
            self._thread = threading.Thread(target=self._feed, name="asw-map", daemon=True)
            self._thread.start()

    # feeding ---------------------------------------------------------------------------------------

    def _begin(self, index: int) -> None:
        execution = self._start(index)
        with self._changed:
            self._made[index] = execution
            self._changed.notify_all()
        run = execution._run
        if run is None or run.done.is_set():
            self._end(index, execution.status)
            return

        def ended(run: Run) -> None:
            self._end(index, run.state.status)

        run.on_end.append(ended)
        if run.done.is_set():  # it ended before it could be asked to tell
            ended(run)

    def _end(self, index: int, status: str) -> None:
        with self._changed:
            if index in self._ended:
                return
            self._ended.add(index)
            if self._fail_fast and status in FAILED and self._halted is None:
                self._halted = f"execution {index} is {status}, and fail_fast=True"
            self._changed.notify_all()
        self._slots.release()

    def _feed(self) -> None:
        for index in range(1, len(self.inputs)):
            self._slots.acquire()
            if self._halted is not None:
                break
            try:
                self._begin(index)
            except BaseException as problem:
                with self._changed:
                    self._problem, self._halted = (index, problem), f"execution {index} could not be started: {problem}"
                break
        with self._changed:
            self.fed = True
            self._changed.notify_all()

    # what it holds -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.inputs)

    @overload
    def __getitem__(self, index: int) -> Execution: ...
    @overload
    def __getitem__(self, index: slice) -> list[Execution]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        execution = self._wait_for(number)
        if execution is None:
            raise UsageError(f"input {number} has not been started, and will not be: {self._halted}.")
        return execution

    def __iter__(self) -> Iterator[Execution]:
        for number in range(len(self)):
            execution = self._wait_for(number)
            if execution is not None:
                yield execution

    def _wait_for(self, number: int) -> Execution | None:
        with self._changed:
            while number not in self._made and not self.fed:
                self._changed.wait(LOOK_S)
            return self._made.get(number)

    @property
    def started(self) -> list[Execution]:
        with self._changed:
            return [self._made[index] for index in sorted(self._made)]

    @property
    def failed(self) -> list[Execution]:
        return [one for one in self.started if one.status in FAILED]

    @property
    def counts(self) -> dict[str, int]:
        tally = Counter(one.status for one in self.started)
        tally[PENDING] = len(self) - sum(tally.values())
        return {status: tally[status] for status in (PENDING, "RUNNING", "SUCCEEDED", *FAILED) if tally[status]}

    @property
    def done(self) -> bool:
        return self.fed and not any(one.status == "RUNNING" for one in self.started)

    # waiting and stopping --------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Executions:
        """Wait until all have ended, `timeout` seconds at most; gives itself.

        An interrupt stops the back-fill: nothing more is started, and what runs is stopped.

        Raises
        ------
        AswError
            An execution could not be started, or cannot go on: the others have ended by then.
        """
        end = None if timeout is None else time.monotonic() + timeout
        try:
            with self._changed:
                while not self.fed and (end is None or time.monotonic() < end):
                    self._changed.wait(LOOK_S if end is None else min(LOOK_S, max(0.0, end - time.monotonic())))
            trouble: AswError | None = None
            for execution in self.started:
                try:
                    execution.wait(None if end is None else max(0.0, end - time.monotonic()))
                except AswError as problem:
                    trouble = trouble or problem
        except KeyboardInterrupt:
            self.stop(cause="interrupted")
            raise
        if self._problem is not None:
            raise self._problem[1]
        if trouble is not None:
            raise trouble
        return self

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Start nothing more, and end what runs as ABORTED."""
        self.hold("it was stopped")
        for execution in self.started:
            if execution.status == "RUNNING":
                with contextlib.suppress(UsageError):  # it has ended meanwhile, or another kernel drives it
                    execution.stop(error, cause)

    def hold(self, why: str = "it was held") -> None:
        """Start nothing more; what runs goes on."""
        with self._changed:
            if not self.fed and self._halted is None:
                self._halted = why
        self._slots.release()  # the feeder looks again
        if self._thread is not None:
            self._thread.join(5)

    def results(self, timeout: float | None = None) -> list[Any]:
        """The outputs, in the order of the inputs.

        Raises
        ------
        ExecutionFailed
            The first that did not succeed.
        UsageError
            Not all were started, or they still run after `timeout` seconds.
        """
        self.wait(timeout)
        return [self[number].result(0) for number in range(len(self))]

    # how it shows itself -------------------------------------------------------------------------------

    def table(self, redact: bool = True) -> pandas.DataFrame:
        """One row per input, started or not.

        Returns
        -------
        DataFrame
            Columns index, name, status (PENDING: not started), started, duration_s, input, output, error, cause.
        """
        from asw_nb.analysis.tables import frame

        with self._changed:
            made = dict(self._made)
        rows: list[tuple[Any, ...]] = []
        for index, data in enumerate(self.inputs):
            execution = made.get(index)
            if execution is None:
                rows.append((index, self._names[index] if self._names else None, PENDING, None, None, data, None, None, None))
                continue
            r = execution._latest()
            rows.append((index, r.name, r.status, r.started_us, execution.duration_s, data, r.output, r.error, r.cause))
        return frame(TABLE, rows, redact)

    def __repr__(self) -> str:
        words = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        count = f"{len(self)} execution{'s' if len(self) != 1 else ''}"
        return " | ".join(["asw map of " + self.workflow, count, *([words] if words else [])])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from asw_nb.analysis.watch_card import Watched, watch_card

        watched = [Watched(one._latest(), one._run, one.duration_s) for one in self.started]
        return {"text/plain": repr(self), "text/html": watch_card(watched, len(self) - len(watched))}

    def _ipython_display_(self) -> None:
        ipython = sys.modules.get("IPython")
        if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
            print(repr(self))
            return
        from asw_nb import watch

        watch(self)


TABLE = {
    "index": "Int64", "name": "text", "status": "text", "started": "datetime64[us, UTC]", "duration_s": "float64", "input": "json", "output": "json", "error": "text",
    "cause": "text",
}  # fmt: skip


def map(
    flow: Any, inputs: Iterable[Any], *, max_parallel: int = 4, names: Sequence[str] | Callable[[Any], str] | None = None, reuse: bool = False,
    fail_fast: bool = False, workflow: str | None = None, **options: Any,
) -> Executions:  # fmt: skip
    """Start one execution for each input, `max_parallel` at a time: a back-fill. Returns at once.

    One that fails does not stop the others. When the kernel dies, what runs is gone on with by `asw_nb.resume`; what had not been started is lost with
    it. So give names and call again with ``reuse=True``: executions that are in the history already are taken as they are, and the rest is started.

    Parameters
    ----------
    flow : Workflow, dict, str or Path
    inputs : list or DataFrame
        One input each; of a DataFrame, a row each.
    max_parallel : int
        Most executions that run at the same time.
    names : list of str or callable, optional
        The executions' names, or a function that makes one of an input.
    reuse : bool
        Take an execution that bears the name already, when it had the same input: one that a dead kernel left behind goes on, one that ended is not run
        again, whether it succeeded or failed.
    fail_fast : bool
        Start nothing more after one has failed; what runs goes on.
    workflow : str, optional
        The workflow's name, when `flow` is a definition.
    options
        Of every execution, as for `asw_nb.run`. Each gets a copy of a virtual clock.

    Returns
    -------
    Executions

    Raises
    ------
    UsageError
        An argument is wrong, or a name is taken.

    Examples
    --------
    >>> flow = Workflow({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "days")
    >>> week = map(flow, [{"day": n} for n in range(7)], max_parallel=3)
    >>> week.wait()
    asw map of days | 7 executions | 7 SUCCEEDED
    >>> week.results()[2]
    {'day': 2}
    """
    machine = _workflow(flow, workflow, options)
    data = _inputs(inputs)
    if isinstance(max_parallel, bool) or not isinstance(max_parallel, int) or max_parallel < 1:
        raise UsageError(f"max_parallel={max_parallel!r} must be how many executions may run at the same time: 1 or more.")
    if "name" in options:
        raise UsageError('each execution of a map has a name of its own: give names=[...], or names=lambda input: f"day-{input[\'day\']}".')
    chosen = _names(names, data)
    place = options.get("workspace") or machine._workspace or default_workspace()
    taken = place.store.names(machine.name) if chosen is not None else set()
    if reuse and chosen is None:
        raise UsageError("reuse=True finds executions by their names: give names=.")
    if chosen is not None and not reuse:
        for name in chosen:
            if name in taken:
                raise UsageError(
                    f'workflow "{machine.name}" has an execution "{name}" already. Give other names, or reuse=True to take those that are there.'
                )

    def start(index: int) -> Execution:
        name = chosen[index] if chosen is not None else None
        if name is not None and name in taken:
            return _again(place, machine.name, name, data[index], options)
        given = dict(options)
        if isinstance(given.get("clock"), VirtualClock):
            given["clock"] = copy.copy(given["clock"])
        return machine.start(data[index], name=name, **given)

    return Executions(machine.name, data, chosen, max_parallel, fail_fast, start)


def _workflow(flow: Any, name: str | None, options: dict[str, Any]) -> Workflow:
    if not isinstance(flow, Workflow):
        return Workflow(flow, name, options.get("dialect", "auto"), options.get("type") or "STANDARD", options.get("workspace"))
    if name is not None and name != flow.name:
        raise UsageError(f'the workflow is called "{flow.name}" already: leave workflow="{name}" out.')
    return flow


def _inputs(inputs: Any) -> list[Any]:
    if hasattr(inputs, "to_dict") and hasattr(inputs, "columns"):
        inputs = inputs.to_dict("records")
    if isinstance(inputs, (str, bytes, dict)) or not isinstance(inputs, Iterable):
        raise UsageError(f"inputs must be a list with the input of each execution, not a {type(inputs).__name__}.")
    out = []
    for number, value in enumerate(inputs):
        try:
            out.append(to_json(value, f"inputs[{number}]"))
        except NotJson as problem:
            raise UsageError(f"an input is no JSON value: {problem}.") from None
    return out


def _names(names: Any, inputs: list[Any]) -> list[str] | None:
    if names is None:
        return None
    if callable(names):
        names = [names(value) for value in inputs]
    elif isinstance(names, str):
        raise UsageError("names must be a list with a name for each input, or a function that makes one of an input.")
    chosen = [checked_name(name if name is not None else "") for name in names]
    if len(chosen) != len(inputs):
        raise UsageError(f"there are {len(inputs)} inputs and {len(chosen)} names: give each input one.")
    double = next((name for name, count in Counter(chosen).items() if count > 1), None)
    if double is not None:
        raise UsageError(f'names: "{double}" stands there twice; names are unique in a workflow.')
    return chosen


def _again(place: Workspace, workflow: str, name: str, data: Any, options: dict[str, Any]) -> Execution:
    """The execution that is there already; one that a dead kernel left behind goes on."""
    record = place.store.find(name, workflow)
    if record.input != data:
        raise UsageError(f'execution "{name}" of workflow "{workflow}" had another input. Give other names.')
    if record.status == "RUNNING" and record.type == "STANDARD" and place.driver(record.key)[0] == DEAD:
        means = {word: options[word] for word in ("functions", "executor", "workflows", "clock") if options.get(word) is not None}
        return place.resume(record.key, **means)[0]
    return Execution(place, record, place.live(record.key))


__all__ = ["PENDING", "Executions", "map"]
