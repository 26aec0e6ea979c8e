"""A workflow: a checked definition with a name, ready to be started."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asw_nb.backends.functions import Resolver
from asw_nb.definitions import check, choose, jsonata_problem
from asw_nb.engine.payload import copy_json
from asw_nb.errors import DefinitionError, UnknownFunction, UsageError, did_you_mean
from asw_nb.language import reader, rules
from asw_nb.language.calm import calm
from asw_nb.language.plan import Plan, compile_plan
from asw_nb.language.problems import Problem
from asw_nb.language.substitute import resolve
from asw_nb.launch import Launch
from asw_nb.names import known_workflows, main_namespace, registry, spelled
from asw_nb.workspace import Workspace, default_workspace

if TYPE_CHECKING:
    from asw_nb.analysis.figure import Html
    from asw_nb.engine.clock import Clock
    from asw_nb.handle import Execution
    from asw_nb.one_state import StateTest
    from asw_nb.testing import Mocks

MAX_NAME = 80


class Workflow:
    """A state machine that can be started any number of times.

    Attributes
    ----------
    name : str
    definition : dict
        A copy.
    dialect : str
        ``"tcsl"`` or ``"asl"``.
    problems : list of Problem
        The warnings of its check.
    open : tuple of str
        Names in ``${...}`` that nothing has filled: `fill` does, before it can run.

    Examples
    --------
    >>> flow = Workflow({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "nothing")
    >>> flow.dialect
    'asl'
    """

    def __init__(
        self,
        definition: Any,
        name: str | None = None,
        dialect: str = "auto",
        type: str = "STANDARD",
        workspace: Workspace | None = None,
        first_line: int = 1,
        value_of: Callable[[str], Any] | None = None,
        may_be_open: bool = False,
    ) -> None:
        if name is None:
            name = Path(definition).stem.partition(".")[0] if isinstance(definition, os.PathLike) else "workflow"
        self.name = _workflow_name(name)
        source = f'workflow "{name}"'
        found: dict[str, Any] = {}

        def remembered(reference: str) -> Any:
            assert value_of is not None
            found[reference] = value_of(reference)
            return found[reference]

        checked = check(definition, dialect, type, source, first_line, remembered if value_of is not None else None, may_be_open)
        self.dialect, self.problems, self.open = checked.dialect, checked.problems, checked.open
        self._document = checked.document
        self.type = type
        self._workspace = _workspace(workspace)
        self._plans: dict[str, Plan] = {}
        self._launched: tuple[Launch, dict[str, Any]] | None = None
        if self.open:  # it is compiled when it is filled
            text = checked.document.text
            self._unfilled = copy_json(definition) if text is None else text, dialect, first_line, found
        else:
            self._plan(self.dialect)
        known_workflows[self.name] = self

    def fill(self, **values: Any) -> Workflow:
        """The workflow with values for the names that ``%%asw`` left open; this one stays as it is.

        Raises
        ------
        UsageError
            A name is not open, or stays so.
        DefinitionError
            What comes out cannot run.
        """
        for name in values:
            if name not in self.open:
                is_open = f"Open: {', '.join(self.open)}." if self.open else "Nothing is."
                raise UsageError(f'workflow "{self.name}" has no open "${{{name}}}".{did_you_mean(name, self.open)} {is_open}')
        if any(name not in values for name in self.open):
            raise self._is_open([name for name in self.open if name not in values])
        if not self.open:
            return self
        definition, dialect, first_line, found = self._unfilled

        def value_of(reference: str) -> Any:
            return found[reference] if reference in found else resolve(reference, values.__getitem__, lambda: values)

        return Workflow(definition, self.name, dialect, self.type, self._workspace, first_line, value_of)

    def _is_open(self, names: Sequence[str]) -> UsageError:
        shown = ", ".join(f'"${{{name}}}"' for name in names)
        arguments, options = (sign.join(f"{name}={{}}" for name in names) for sign in (", ", " -p "))
        return UsageError(
            f'workflow "{self.name}" leaves {shown} open. Run it with -p {options.format(*["VALUE"] * len(names))}, or fill({arguments.format(*["..."] * len(names))}) it first.'
        )

    @property
    def definition(self) -> dict[str, Any]:
        """What was checked; a copy, since every execution relies on it."""
        return copy_json(self._document.value)

    def _plan(self, dialect: str) -> Plan:
        if self.open:
            raise self._is_open(self.open)
        plan = self._plans.get(dialect)
        if plan is None:
            plan = self._plans[dialect] = compile_plan(self._document.value, dialect)
        return plan

    def start(self, input: Any = None, *, workspace: Workspace | None = None, **options: Any) -> Execution:
        """Begin an execution in the background.

        Parameters
        ----------
        input : JSON value, optional
            ``{}`` when left out.
        name, functions, workflows, type, executor, on, timeout_s, mocks, clock, seed, tags
            See `asw_nb.run`.

        Returns
        -------
        Execution
        """
        place = _workspace(workspace) or self._workspace or default_workspace()
        name = options.pop("name", None)
        last = self._launched
        if last is None or last[0].workspace is not place or not _same(options, last[1]):
            # kept, since whoever starts one in a loop starts the next alike; with a copy of what can change between two starts
            last = self._launch(place, options), options
            if options.get("functions") is not None:
                options["functions"] = dict(options["functions"])
            self._launched = last if options.keys() <= LASTING else None
        return last[0].start(input, name)

    def _launch(self, place: Workspace, options: Mapping[str, Any]) -> Launch:
        """Check the options of a start."""
        unknown = set(options) - OPTIONS
        if unknown:
            word = min(unknown)
            raise UsageError(
                f'"{word}" is no option of an execution.{did_you_mean(word, OPTIONS)} Options: {", ".join(sorted(OPTIONS))}.'
            )
        options = dict(options)
        dialect = options.pop("dialect", "auto")
        resolved = self.dialect if dialect == "auto" else choose("dialect", dialect, ("auto", "tcsl", "asl"))
        kind = options.pop("type", None) or self.type
        if kind != self.type:
            check(self._document.value, resolved, kind, f'workflow "{self.name}"')
        return Launch.prepare(place, self._plan(resolved), self.name, type=kind, **options)

    def run(self, input: Any = None, **options: Any) -> Execution:
        """Begin an execution and wait for its end; an interrupt stops it.

        A workflow that fails raises nothing: look at `status`, or call `result`.
        """
        execution = self.start(input, **options)
        return execution.wait_or_stop()

    def test(
        self,
        state: str,
        input: Any = None,
        *,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        mocks: Mapping[str, Any] | Mocks | None = None,
        context: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        retries: int = 0,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> StateTest:
        """Run one state alone, once, and show its data at every stage; nothing is written into the history.

        Its function is really called (or its mock answers); a Map or Parallel runs its items or branches. Retries of the state itself are told, not
        made, and a Wait takes no time.

        Parameters
        ----------
        state : str
            Its name, or its path: ``"EachTable/Load"``, ``"EachTable[3]/Load"``.
        input : JSON value, optional
            What the state gets: for a state in a Map, what ItemSelector has made of the item. ``{}`` when left out.
        functions, mocks, seed
            See `asw_nb.run`.
        context : dict, optional
            Parts of the context object: ``{"Map": {"Item": {"Index": 3, "Value": "orders"}}}``, ``{"Execution": {"Name": "day-1"}}``.
        variables : dict, optional
            Workflow variables that are set when the state is entered.
        retries : int
            How many retries it has behind it: `context.attempt` is one more, and its retriers have so many fewer left.
        clock : Clock, optional
            Of a Task the real one, so that its TimeoutSeconds counts; else a virtual one.

        Returns
        -------
        StateTest

        Raises
        ------
        UsageError
            There is no such state, or what it waits for cannot come in a test: give its answer with `mocks`.

        Examples
        --------
        >>> flow = Workflow({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"n.$": "$.x"}, "ResultPath": "$.y", "End": True}}}, "doc")
        >>> test = flow.test("A", {"x": 1})
        >>> test, test["Parameters"], test.output
        (asw test A | SUCCEEDED | end, {'n': 1}, {'x': 1, 'y': {'n': 1}})
        """
        from asw_nb.one_state import run_state

        return run_state(
            self._plan(self.dialect), self.name, state, input, functions=functions, mocks=mocks, context=context, variables=variables, retries=retries,
            clock=clock, seed=seed,
        )  # fmt: skip

    def executions(self) -> Any:
        """A table of this workflow's executions, newest first."""
        return (self._workspace or default_workspace()).executions(workflow=self.name)

    def graph(self) -> Html:
        """The picture of the workflow, shown in every front end."""
        from asw_nb.analysis.card import graph_picture
        from asw_nb.analysis.figure import Html
        from asw_nb.analysis.graph import to_svg

        svg = to_svg(self.definition, title=self.name)
        return Html(graph_picture(svg, f"graph of {self.name}"), repr(self))

    def to_svg(self, theme: str = "auto") -> str:
        """The picture as SVG text."""
        from asw_nb.analysis.graph import to_svg

        return to_svg(self.definition, theme=theme, title=self.name)

    def to_mermaid(self) -> str:
        """The picture as Mermaid text, for Markdown."""
        from asw_nb.analysis.graph import to_mermaid

        return to_mermaid(self.definition)

    def missing_functions(self, functions: Mapping[str, Any] | None = None) -> list[Problem]:
        """A warning for each task whose function nobody has registered so far."""
        if self.open:
            return []
        resolver = Resolver(registry, functions, main_namespace)
        out = []
        for state in compile_plan(self._document.value, self.dialect).states:
            resource = state.resource
            if resource is None or resource.kind not in ("function", "service"):
                continue
            try:
                resolver.find(resource)
            except UnknownFunction as missing:
                pointer = (*state.pointer, "Resource")
                line, column = self._document.position(pointer)
                out.append(
                    Problem("WARNING", "UNKNOWN_FUNCTION", str(missing), reader.location_of(pointer), line, column)
                )
        return out

    def __repr__(self) -> str:
        if self.open:
            return f"asw workflow {self.name} | {self.dialect} | open: {', '.join(self.open)}"
        count = len(compile_plan(self._document.value, self.dialect).states)
        return f"asw workflow {self.name} | {count} state{'s' if count != 1 else ''} | {self.dialect}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.graph()._repr_mimebundle_(include, exclude)


OPTIONS = frozenset(
    (
        "name",
        "functions",
        "workflows",
        "type",
        "dialect",
        "executor",
        "on",
        "timeout_s",
        "mocks",
        "clock",
        "seed",
        "tags",
        "payload_limit_bytes",
        "workspace",
    )
)


LASTING = OPTIONS - {"mocks", "tags", "workflows", "workspace", "name"}


def _same(options: dict[str, Any], others: dict[str, Any]) -> bool:
    """Whether two sets of options are the very same objects, and the same functions by the same names."""
    if len(options) != len(others):
        return False
    for word, value in options.items():
        other = others.get(word, others)
        if other is not value and not (word == "functions" and value and other and _same(value, other)):
            return False
    return True


def _workspace(workspace: Workspace | None) -> Workspace | None:
    if workspace is not None and not isinstance(workspace, Workspace):
        raise UsageError(f"workspace={workspace!r} must be an asw_nb.Workspace.")
    return workspace


def _workflow_name(name: str) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
        raise UsageError(f"a workflow's name must be a text of 1 to {MAX_NAME} characters, not {name!r}.")
    return spelled("workflow", name)


@calm()
def validate(definition: Any, dialect: str = "auto", type: str = "STANDARD") -> list[Problem]:
    """Every problem of a definition; none raises.

    Parameters
    ----------
    definition : dict, str or Path
        An object, JSON text, YAML text, or a file.

    Returns
    -------
    list of Problem
        Errors and warnings, in the order of the text.

    Examples
    --------
    >>> print(validate({"StartAt": "B", "States": {"A": {"Type": "Succeed"}}})[0])
    StartAt: Missing 'Next' target: B. The states here are "A".
    """
    choose("dialect", dialect, ("auto", "tcsl", "asl"))
    try:
        document = reader.read(definition)
        problems = rules.check(document, dialect, type, jsonata_problem)
        if not any(p.severity == "ERROR" for p in problems):
            compile_plan(document.value, rules.dialect_of(document.value) if dialect == "auto" else dialect)
    except DefinitionError as refused:
        return refused.problems
    return problems


__all__ = ["Workflow", "validate"]
