"""The module-level calls: the default workspace, said shortly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from asw_nb.backends.activities import ActivityTask
from asw_nb.backends.functions import Resolver, describe
from asw_nb.errors import UsageError
from asw_nb.handle import Execution
from asw_nb.names import main_namespace, registry
from asw_nb.workflows import Workflow
from asw_nb.workspace import Workspace, default_workspace, examine

if TYPE_CHECKING:
    import os

    import pandas

    from asw_nb.history.doctor import Report

F = TypeVar("F", bound=Callable[..., Any])


@overload
def function(name: F) -> F: ...
@overload
def function(
    name: str | None = None, *, namespace: str | None = None, version: str | None = None, unpack: bool = False
) -> Callable[[F], F]: ...
def function(
    name: Any = None, *, namespace: str | None = None, version: str | None = None, unpack: bool = False
) -> Any:
    """Register a Python function as a cloud function.

    Parameters
    ----------
    name : str, optional
        The function's own name when left out (``@function`` without brackets works too).
    namespace, version : str, optional
        As in a Tencent resource; a function registered without them answers for all.
    unpack : bool
        Call it ``f(**event)``; a parameter named ``context`` or ``ctx`` gets the context.

    Returns
    -------
    callable
        The function itself, unchanged.

    Examples
    --------
    >>> @function
    ... def double(event):
    ...     return 2 * event
    >>> double(4)
    8
    """
    if callable(name):
        registry.add(name.__name__, name)
        return name

    def register(call: F) -> F:
        registry.add(name or call.__name__, call, unpack, namespace, version)
        return call

    return register


def service(resource: str) -> Callable[[F], F]:
    """Register a handler for a service resource, such as ``"mps:ProcessMedia"`` or a whole arn or qrn.

    Examples
    --------
    >>> @service("nlp:KeywordsExtraction")
    ... def keywords(event):
    ...     return {"Response": {"Keywords": event["Text"].split()}}
    """

    def register(call: F) -> F:
        registry.services[resource] = describe(resource, call)
        return call

    return register


def functions(name: str | None = None) -> Any:
    """Names of the registered functions; with a name, that function: its source, where it was defined, its last runs.

    Returns
    -------
    list of str or Html
    """
    if name is None:
        return registry.names()
    from asw_nb.functions_view import function_card

    return function_card(name, default_workspace(), Resolver(registry, None, main_namespace))


def workflow(
    definition: Any,
    name: str | None = None,
    *,
    dialect: str = "auto",
    type: str = "STANDARD",
    workspace: Workspace | None = None,
) -> Workflow:
    """Check a definition and give it a name.

    Parameters
    ----------
    definition : dict, str or Path
        An object, JSON text, YAML text, or a file.
    name : str, optional
        A file's own name, or ``"workflow"``, when left out.
    dialect : str
        ``"tcsl"``, ``"asl"``, or ``"auto"``: tcsl when a Resource is a ``qrn:``.
    type : str
        ``"STANDARD"`` (durable) or ``"EXPRESS"`` (history in memory).

    Raises
    ------
    DefinitionError
        With every problem of the definition.
    """
    return Workflow(definition, name, dialect, type, workspace)


def run(
    definition: Any,
    input: Any = None,
    *,
    workflow: str | None = None,
    dialect: str = "auto",
    type: str | None = None,
    **options: Any,
) -> Execution:
    """Define a workflow, run it, and wait for its end.

    Parameters
    ----------
    definition : dict, str, Path or Workflow
    input : JSON value, optional
        ``{}`` when left out.
    workflow : str, optional
        The workflow's name.
    name : str, optional
        The execution's; unique per workflow.
    functions : dict, optional
        Functions for this execution, by name or whole resource.
    type : str, optional
        ``"STANDARD"`` or ``"EXPRESS"``; a Workflow's own, or ``"STANDARD"``, when left out.
    executor : str
        ``"threads"``, or ``"inline"``: on the engine's own thread, for many short functions.
    timeout_s : float, optional
        The execution ends as TIMED_OUT after that many seconds.
    mocks : dict, optional
        Answers in place of calls: see `asw_nb.testing.Mocks`.
    clock : Clock, optional
        `VirtualClock()` makes waits take no time.
    seed : int, optional
        For jitter and random intrinsics.
    tags : dict, optional
    payload_limit_bytes : int, None or "auto"
        Largest result of a task, as JSON; "auto" is the cloud's 256 KiB in asl and no limit in tcsl.
    workflows : dict, optional
        Definitions of nested executions, by name or arn.
    workspace : Workspace, optional

    Returns
    -------
    Execution
        Also when it failed: nothing is raised for that.

    Raises
    ------
    DefinitionError
        The definition cannot run.
    UsageError
        The call is wrong.

    Examples
    --------
    >>> run({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 7, "End": True}}}, type="EXPRESS").output
    7
    """
    if isinstance(definition, Workflow):
        if workflow is not None and workflow != definition.name:
            raise UsageError(f'the workflow is called "{definition.name}" already: leave workflow="{workflow}" out.')
        return definition.run(input, dialect=dialect, type=type, **options)
    flow = Workflow(definition, workflow, dialect, type or "STANDARD", options.get("workspace"))
    return flow.run(input, **options)


def executions(
    workflow: str | Sequence[str] | None = None, status: str | Sequence[str] | None = None, limit: int | None = None, **filters: Any
) -> pandas.DataFrame:
    """A table of the executions in the default workspace, newest first; see `Workspace.executions` for the filters."""
    return default_workspace().executions(workflow, status, limit, **filters)


def execution(id_or_name: str | int, workflow: str | None = None) -> Execution:
    """A handle to any execution in the default workspace; ``"latest"`` is the newest."""
    return default_workspace().execution(id_or_name, workflow)


def resume(execution: str | int | None = None, **options: Any) -> list[Execution]:
    """Go on with what a dead kernel left running in the default workspace; see `Workspace.resume`."""
    return default_workspace().resume(execution, **options)


def doctor(path: str | os.PathLike[str] | None = None, repair: bool = False) -> Report:
    """Check a history file and what it stands on; with ``repair=True`` mend it, or say what to do.

    It works also where a workspace cannot be opened.

    Parameters
    ----------
    path : str or Path, optional
        The default workspace's file when left out.

    Returns
    -------
    Report
        Shows itself as a table; `.ok`, and `.table` with the columns check, status, detail, fix.
    """
    return examine(path, repair)


def send_task_success(task_token: str, output: Any = None) -> None:
    """Give the result of a task that waits for its task token; see `Workspace.send_task_success`."""
    default_workspace().send_task_success(task_token, output)


def send_task_failure(task_token: str, error: str | None = None, cause: str | None = None) -> None:
    """Fail a task that waits for its task token."""
    default_workspace().send_task_failure(task_token, error, cause)


def send_task_heartbeat(task_token: str) -> None:
    """Say that a task that waits for its task token is still being worked on."""
    default_workspace().send_task_heartbeat(task_token)


def create_activity(name: str) -> None:
    """Make an activity known in the default workspace; a state that names an unknown one fails."""
    default_workspace().activities.create(name.rpartition(":")[2])


def get_activity_task(name: str, worker: str | None = None, timeout_s: float = 60) -> ActivityTask | None:
    """Fetch the oldest task of an activity: its `task_token` and `input`; None when none comes in time."""
    return default_workspace().get_activity_task(name, worker, timeout_s)


__all__ = [
    "create_activity", "doctor", "execution", "executions", "function", "functions", "get_activity_task", "resume", "run", "send_task_failure",
    "send_task_heartbeat", "send_task_success", "service", "workflow",
]  # fmt: skip
