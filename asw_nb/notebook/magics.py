"""The magics: parse options, call the workspace, display. No logic of workflows lives here.

A cell that only defines has no side effect: running it again starts nothing. In an interactive kernel an execution
runs in the background, since a waiting cell would block the next one and every button; under nbclient, papermill and
in a terminal the cell waits, and fails when the execution does."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from IPython.core.magic import cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from asw_nb import scheduling
from asw_nb.analysis.card import graph_picture
from asw_nb.analysis.figure import Html, html_text
from asw_nb.api import doctor, functions
from asw_nb.driving import edited_while_running
from asw_nb.engine.clock import VirtualClock
from asw_nb.errors import AswError, UnknownExecution, UsageError, did_you_mean
from asw_nb.functions_view import where_of
from asw_nb.handle import Execution
from asw_nb.history.doctor import size_text
from asw_nb.history.redact import redact_text
from asw_nb.language.plan import compile_plan
from asw_nb.language.substitute import resolve
from asw_nb.names import registry
from asw_nb.notebook import settings
from asw_nb.notebook.function_cell import function_of
from asw_nb.notebook.options import ASW_CELL, COMMANDS, FUNCTION_CELL, Command, HelpWanted, command, complete, overview
from asw_nb.workflows import Workflow
from asw_nb.workspace import default_workspace

_MISSING = object()


class Interrupted(KeyboardInterrupt):
    """The cell was interrupted while it waited; the execution has been stopped."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        super().__init__(f'interrupted: execution "{execution.name}" is {execution.status}')

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31mKeyboardInterrupt\x1b[0m: {self}"]


@magics_class
class AswMagics(settings.Settings):
    """``%%asw``, ``%%asw_function`` and ``%asw``."""

    # the notebook around us ------------------------------------------------------------------------

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's namespace."""
        assert self.shell is not None
        return self.shell.user_ns

    def waits_by_default(self) -> bool:
        """Whether nobody sits at this kernel: a front end that can ask questions is one that a person uses."""
        kernel = getattr(self.shell, "kernel", None)
        return kernel is None or not getattr(kernel, "_allow_stdin", True)

    def value(self, text: str, what: str) -> Any:
        """A variable, JSON text, or ``@file.json``, in that order."""
        if text.isidentifier() and text in self.names:
            return self.names[text]
        if text.startswith("@"):
            path = Path(text[1:])
            try:
                return json.loads(path.read_text(encoding="utf-8"))
            except OSError as problem:
                raise UsageError(f'{what}: the file "{path}" cannot be read: {problem.strerror}.') from None
            except ValueError as problem:
                raise UsageError(f'{what}: the file "{path}" holds no JSON: {problem}.') from None
        try:
            return json.loads(text)
        except ValueError as problem:
            if text.isidentifier():
                raise UsageError(
                    f'{what}: there is no variable "{text}".{did_you_mean(text, _variables(self.names))} Give a variable, JSON, or @file.json.'
                ) from None
            raise UsageError(
                f"{what}: {redact_text(text, 60)[:60]} is no JSON ({problem}). Give a variable, JSON, or @file.json."
            ) from None

    def reference(self, parameters: Iterable[str]) -> Callable[[str], Any]:
        """What fills ``${...}``: the -p options first, then the notebook's variables."""
        given = self.parameters(parameters)

        def lookup(name: str) -> Any:
            return given[name] if name in given else self.names[name]

        return lambda text: resolve(text, lookup, lambda: [*given, *_variables(self.names)])

    def parameters(self, pairs: Iterable[str]) -> dict[str, Any]:
        """The values of -p options: JSON, else text."""
        given: dict[str, Any] = {}
        for pair in pairs:
            name, equals, text = pair.partition("=")
            if not equals or not name.isidentifier():
                raise UsageError(f'-p {pair}: write NAME=VALUE, such as -p table="orders" or -p n=3.')
            try:
                given[name] = json.loads(text)
            except ValueError:
                given[name] = text
        return given

    def filled(self, flow: Workflow, pairs: Iterable[str]) -> Workflow:
        """The workflow with what it left open filled: by -p options, else by the notebook's variables."""
        given = self.parameters(pairs)
        return flow.fill(**{**{name: self.names[name] for name in flow.open if name in self.names}, **given})

    def execution(self, word: str) -> Execution:
        """An execution by variable, name or id."""
        thing = self.names.get(word, _MISSING)
        if isinstance(thing, Execution):
            return thing
        if isinstance(thing, Workflow):
            try:
                return default_workspace().execution("latest", workflow=thing.name)
            except UnknownExecution:
                raise UsageError(f'workflow "{thing.name}" has not been run yet: %asw run {word}') from None
        return default_workspace().execution(word)

    def workflow(self, word: str) -> Workflow:
        """A workflow by variable, or by its name."""
        thing = self.names.get(word, _MISSING)
        if isinstance(thing, Workflow):
            return thing
        flows = {v.name: v for v in list(self.names.values()) if isinstance(v, Workflow)}
        if word in flows:
            return flows[word]
        variables = [k for k, v in self.names.items() if isinstance(v, Workflow) and not k.startswith("_")]
        raise UsageError(
            f'there is no workflow "{word}".{did_you_mean(word, [*variables, *flows])} Define one with %%asw {word if word.isidentifier() else "NAME"}.'
        )

    # magics ------------------------------------------------------------------------------------------

    @no_var_expand
    @cell_magic("asw")  # type: ignore[arg-type]
    def define(self, line: str, cell: str) -> None:
        """Define a workflow, and run it with -r or -i; %%asw -h lists the options."""
        self._guarded(lambda: self._define(line, cell))

    @no_var_expand
    @cell_magic("asw_function")  # type: ignore[arg-type]
    def define_function(self, line: str, cell: str) -> None:
        """Register the cell's code as a cloud function; %%asw_function -h lists the options."""
        self._guarded(lambda: self._define_function(line, cell))

    @no_var_expand
    @line_magic("asw")  # type: ignore[arg-type]
    def act(self, line: str) -> Any:
        """Work with workflows and executions; %asw help lists the commands."""
        return self._guarded(lambda: self._act(line))

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except HelpWanted as wanted:
            print(wanted.text)
            return None

    def _define(self, line: str, cell: str) -> None:
        options = ASW_CELL.parse(line)
        body: Any = cell
        first_line = 2
        if options.file:
            if cell.strip():
                raise UsageError("%%asw: with -f the definition comes from the file, so the cell's body must be empty.")
            body, first_line = Path(options.file), 1
        elif not cell.strip():
            raise UsageError(
                "%%asw: the cell has no definition. Write it, as JSON or YAML, below the first line; or give a file with -f."
            )
        if options.write:
            try:
                Path(options.write).write_text(cell, encoding="utf-8")
            except OSError as problem:
                raise UsageError(f'-w: the file "{options.write}" cannot be written: {problem.strerror}.') from None
        runs = options.run or options.input is not None
        flow = Workflow(
            body,
            options.name,
            options.dialect,
            options.type,
            first_line=first_line,
            value_of=self.reference(options.parameter),
            may_be_open=not runs,
        )
        variable = options.variable or re.sub(r"\W", "_", options.name)
        if not variable.isidentifier():
            variable = "_" + variable
        self.names[variable] = flow
        warnings = [*flow.problems, *flow.missing_functions()]
        edited = edited_while_running(flow)
        if edited is not None:
            print(edited)
        if not options.quiet and (not runs or warnings):
            display(_definition_card(flow, warnings, with_graph=not runs))
        if runs:
            self._run(flow, options)

    def _must_be_variable(self, name: str | None) -> None:
        if name and not name.isidentifier():
            raise UsageError(f'-o {name}: "{name}" is no variable name.')

    def _run(self, flow: Workflow, options: Any) -> None:
        self._must_be_variable(options.out)
        given = {} if options.input is None else self.value(options.input, "-i")
        more: dict[str, Any] = {}
        if options.mock is not None:
            more["mocks"] = self.value(options.mock, "--mock")
        if options.time == "virtual":
            more["clock"] = VirtualClock()
        kind = options.type if options.type != "STANDARD" else flow.type
        execution = flow.start(
            given, name=options.execution_name, type=kind, executor=options.executor or self.executor, on=options.on,
            timeout_s=options.timeout, seed=options.seed, dialect=options.dialect, **more,
        )  # fmt: skip
        if options.out:
            self.names[options.out] = execution
        self._watch(execution, self._waits(options), "none" if options.quiet else options.view, options.fail)

    def _watch(self, execution: Execution, waits: bool, view: str, fail: bool) -> None:
        from asw_nb.notebook.live import LiveView, TextView

        if view == "auto":
            view = self.view
        if view == "auto":
            view = "html" if getattr(self.shell, "kernel", None) is not None else "text"
        shown: Any = None
        if view == "widget" and waits:
            view = "html"  # its buttons would be dead in a cell that is busy
        if view == "widget":
            from asw_nb.notebook.monitor import Monitor

            Monitor(execution, until_end=True).show()
        elif view == "html":
            shown = LiveView(execution, button=not waits)
        elif view == "text" and waits:
            shown = TextView(execution)
        if not waits:
            if view == "text":
                print(repr(execution))
            return
        try:
            if isinstance(shown, TextView):
                shown.wait()
            execution.wait()
        except KeyboardInterrupt:
            execution.stop(cause="interrupted")
            if isinstance(shown, LiveView):
                shown.finish()
            raise Interrupted(execution) from None
        if isinstance(shown, LiveView):
            shown.finish()
        if fail and execution.status != "SUCCEEDED":
            raise execution.failure()

    def _define_function(self, line: str, cell: str) -> None:
        options = FUNCTION_CELL.parse(line)
        if not cell.strip():
            raise UsageError(
                "%%asw_function: the cell has no code. Write main_handler(event, context) below the first line."
            )
        call = function_of(line, cell, options.name, options.handler, self.names)
        registry.add(options.name, call, options.unpack, options.namespace, options.version)
        if not options.quiet:
            display(
                Html(
                    f"<div>function <b>{html_text(options.name)}</b> registered</div>",
                    f"asw function {options.name} registered",
                )
            )

    def _act(self, line: str) -> Any:
        chosen, rest = command(line)
        options = chosen.parse(rest)
        return getattr(self, "_command_" + chosen.name.removeprefix("%asw "))(options)

    # sub-commands: one method each, named after it ---------------------------------------------------

    def _command_run(self, options: Any) -> None:
        self._run(self.filled(self.workflow(options.workflow), options.parameter), options)

    def _command_test(self, options: Any) -> Any:
        self._must_be_variable(options.out)
        asked = {"mocks": ("--mock", options.mock), "context": ("--context", options.context), "variables": ("--variables", options.variables)}
        given = {name: self.value(text, flag) for name, (flag, text) in asked.items() if text is not None}
        data = None if options.input is None else self.value(options.input, "-i")
        test = self.filled(self.workflow(options.workflow), options.parameter).test(options.state, data, retries=options.retries, seed=options.seed, **given)
        if options.out:
            self.names[options.out] = test
        return None if options.quiet else test

    def _command_list(self, options: Any) -> Any:
        frame = default_workspace().executions(options.workflow, options.status, options.limit)
        return frame[["name", "workflow", "status", "started", "duration_s", "error", "type"]]

    def _command_functions(self, options: Any) -> Any:
        import pandas

        if options.function is not None:
            return functions(options.function)
        rows = [
            {
                "function": f.name,
                "namespace": f.namespace,
                "version": f.version,
                "defined": where_of(f.call),
                "context": f.wants_context,
            }
            for f in registry.all()
        ]
        return pandas.DataFrame(rows, columns=["function", "namespace", "version", "defined", "context"])

    def _command_show(self, options: Any) -> Any:
        return self.execution(options.execution)

    def _command_states(self, options: Any) -> Any:
        return self.execution(options.execution).states()

    def _command_timeline(self, options: Any) -> Any:
        return self.execution(options.execution).timeline(options.axis, options.rows, options.unfold)

    def _command_summary(self, options: Any) -> Any:
        return self.execution(options.execution).summary()

    def _command_compare(self, options: Any) -> Any:
        chosen = [self.execution(word) for word in options.executions] or None
        filters = {"workflow": options.workflow} if options.workflow is not None and chosen is None else {}
        return default_workspace().compare(chosen, not options.all, **filters)

    def _command_report(self, options: Any) -> Any:
        from asw_nb.reports.make import SUFFIXES

        word, path = options.execution, options.path
        if path is None and Path(word).suffix.lower() in SUFFIXES:
            word, path = "latest", word
        execution = self.execution(word)
        made = execution.report(path, title=options.title, code=options.code, sections=options.section, last=options.last)
        if path is None:
            return made
        print(f"{made}  {size_text(made.stat().st_size)}")
        return None

    def _command_graph(self, options: Any) -> Any:
        thing = self.names.get(options.thing, _MISSING)
        return (thing if isinstance(thing, Workflow) else self.execution(options.thing)).graph()

    def _command_stop(self, options: Any) -> None:
        if options.execution is not None:
            chosen = [self.execution(options.execution)]
        else:
            workspace = default_workspace()
            chosen = [workspace.execution(key) for key in list(workspace.runner.runs)]
        for execution in chosen:
            execution.stop(options.error, options.cause)
            print(repr(execution))
        if not chosen:
            print("nothing runs here")

    def _command_resume(self, options: Any) -> None:
        resumed = default_workspace().resume(
            self.execution(options.execution).key if options.execution is not None else None, force=options.force
        )
        if not resumed:
            print("nothing is left to go on with")
        for execution in resumed:
            print(repr(execution))
            self._watch(execution, self._waits(options), options.view, fail=False)

    def _command_redrive(self, options: Any) -> Any:
        execution = self.execution(options.execution)
        going = execution.redrive(options.from_state, options.dry_run)
        if options.dry_run:
            return going
        self._watch(execution, self._waits(options), options.view, options.fail)
        return None

    def _command_schedule(self, options: Any) -> Any:
        asked = [flag for flag in ("every", "cron", "at", "input") if getattr(options, flag) is not None]
        if options.cancel is not None:
            if options.workflow is not None or asked:
                raise UsageError("%asw schedule: --cancel NUMBER stands alone.")
            for one in scheduling.find(options.cancel):
                one.cancel()
                print(repr(one))
            return None
        if options.workflow is None:
            if asked:
                raise UsageError(f"%asw schedule: --{asked[0]} needs a workflow, such as %asw schedule nightly --{asked[0]} ...")
            return scheduling.schedules()
        flow = self.filled(self.workflow(options.workflow), options.parameter)
        data = None if options.input is None else self.value(options.input, "-i")
        more = {} if options.timeout is None else {"timeout_s": options.timeout}
        made = scheduling.schedule(
            flow, data, every=options.every, cron=options.cron, at=options.at, tz=options.tz, overlap=options.overlap, executor=self.executor, **more
        )
        print(repr(made))
        return None

    def _command_config(self, options: Any) -> Any:
        settings.apply(self, options.settings)
        return None if options.quiet else settings.table(self)

    def _command_doctor(self, options: Any) -> Any:
        return doctor(options.path, options.repair)

    def _command_backup(self, options: Any) -> None:
        copy = default_workspace().backup(options.path)
        print(f"{copy}  {size_text(copy.stat().st_size)}")

    def _command_prune(self, options: Any) -> Any:
        goes = default_workspace().prune(
            options.older_than, options.status, options.workflow, options.keep, dry_run=not options.yes
        )
        what = f"{len(goes):,} execution{'' if len(goes) == 1 else 's'}, {size_text(int(goes['size_bytes'].sum()))} of events"
        print(f"deleted: {what}" if options.yes else f"would be deleted: {what}. Add --yes to delete them.")
        return goes if len(goes) and not options.yes else None

    def _command_vacuum(self, options: Any) -> None:
        print(f"{size_text(default_workspace().vacuum())} given back to the disk")

    def _waits(self, options: Any) -> bool:
        if options.wait is not None:
            return options.wait
        return self.waits_by_default() if self.wait == "auto" else self.wait == "wait"

    def _command_help(self, options: Any) -> None:
        if options.command is None:
            print(overview())
        elif options.command in COMMANDS:
            print(COMMANDS[options.command].help())
        else:
            known: dict[str, Command] = {
                **COMMANDS,
                "%%asw": ASW_CELL,
                "%%asw_function": FUNCTION_CELL,
                "asw_function": FUNCTION_CELL,
            }
            if options.command not in known:
                raise UsageError(
                    f'%asw help: there is no command "{options.command}".{did_you_mean(options.command, COMMANDS)}'
                )
            print(known[options.command].help())


def _variables(names: dict[str, Any]) -> list[str]:
    return [n for n in names if not n.startswith("_") and n not in ("In", "Out", "exit", "quit", "get_ipython")]


def _definition_card(flow: Workflow, warnings: list[Any], with_graph: bool) -> Html:
    parts, lines = [], [repr(flow)]
    if with_graph:
        parts.append(graph_picture(flow.to_svg(), f"graph of {flow.name}"))
    for problem in warnings:
        lines.append(f"{problem.severity}: {problem}")
        parts.append(
            f'<div style="background:#fff8e1;color:#3d2f00;border-left:4px solid #c79220;padding:4px 10px;margin:4px 0;max-width:960px">'
            f"<b>{problem.severity}</b> {html_text(problem)}</div>"
        )
    return Html("".join(parts), "\n".join(lines))


def _completions(words: list[str], things: dict[str, Any]) -> list[str]:
    """What a name on the line may be: a workflow or an execution, or a state of the one that the line names already."""
    named = things.get(words[2]) if len(words) > 3 and words[:2] == ["%asw", "test"] else None
    if named is None and len(words) > 3 and "--from" in words[-2:]:
        named = things.get(words[2])
    if named is None:
        return list(things)
    if isinstance(named, Workflow) and named.open:
        return list(things)
    plan = named.plan if isinstance(named, Execution) else compile_plan(named.definition, named.dialect)
    return list(dict.fromkeys(word for state in plan.states for word in (state.name, state.path) if " " not in word))


def register(shell: Any) -> None:
    """Register the magics, and completion of their lines."""
    magics = AswMagics(shell)
    shell.register_magics(magics)

    def completer(_: Any, event: Any) -> list[str]:
        things = {k: v for k, v in shell.user_ns.items() if isinstance(v, (Workflow, Execution)) and not k.startswith("_")}
        return complete(event.symbol, event.line, _completions(event.line.split(), things))

    for key in ("%%asw", "%asw", "%%asw_function"):
        shell.set_hook("complete_command", completer, str_key=key)
    shell.events.register("post_run_cell", lambda *_: registry.retry() if registry.parked() else None)
    if sys.stdout is not None:
        from asw_nb.backends.capture import install

        install()


__all__ = ["AswError", "AswMagics", "Interrupted", "register"]
