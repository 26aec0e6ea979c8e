"""One table of commands and options: it drives parsing, ``-h``, ``%%asw?``, completion and the docs.

Splitting a line is our own because shell rules would take the quotes out of ``-i {"a": 1}``: a word that begins with
a brace or bracket runs to its partner, untouched."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from asw_nb.errors import UsageError, did_you_mean

VIEWS = ("auto", "widget", "html", "text", "none")


class HelpWanted(Exception):
    """``-h`` was given; `text` is the answer."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. {self.prog} -h lists the options.")


@dataclass(frozen=True)
class Option:
    """One option of a command: its spellings and what argparse needs."""

    names: tuple[str, ...]
    help: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A magic, or a sub-command of ``%asw``."""

    name: str
    summary: str
    options: tuple[Option, ...]
    examples: tuple[str, ...] = ()

    def parser(self) -> argparse.ArgumentParser:
        """The argparse parser of this command."""
        epilog = "\n".join(["examples:", *(f"  {e}" for e in self.examples)]) if self.examples else None
        parser = _Parser(
            prog=self.name, description=self.summary, epilog=epilog, add_help=False, formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )  # fmt: skip
        for option in self.options:
            parser.add_argument(*option.names, help=option.help, **option.more)
        parser.add_argument("-h", "--help", action="store_true", help="show this help")
        return parser

    def flags(self) -> list[str]:
        """Every option that starts with a dash."""
        return sorted({n for o in self.options for n in o.names if n.startswith("-")} | {"-h", "--help"})

    def help(self) -> str:
        """The help text."""
        return self.parser().format_help()

    def parse(self, line: str) -> argparse.Namespace:
        """Parse a line.

        Raises
        ------
        HelpWanted
        UsageError
            Names the option, and the one that was probably meant.
        """
        words = split(line)
        if "-h" in words or "--help" in words:
            raise HelpWanted(self.help())
        parsed, unknown = self.parser().parse_known_args(words)
        if unknown:
            word = unknown[0]
            if word.startswith("-"):
                flag = word.partition("=")[0]
                raise UsageError(
                    f'{self.name}: there is no option "{flag}".{did_you_mean(flag, self.flags())} Options: {", ".join(self.flags())}.'
                )
            raise UsageError(
                f'{self.name}: "{word}" is one word too many. Put quotes around a value with blanks; {self.name} -h shows the form.'
            )
        return parsed


_PAIRS = {"{": "}", "[": "]"}


def split(line: str) -> list[str]:
    """Words of a line; quotes group, JSON in braces or brackets stays as it is, `` # comment`` and a closing ``;``
    fall away.

    Examples
    --------
    >>> split('sum -i {"a": 1} -o run  # go')
    ['sum', '-i', '{"a": 1}', '-o', 'run']
    """
    words: list[str] = []
    at, size = 0, len(line)
    while at < size:
        c = line[at]
        if c.isspace():
            at += 1
        elif c == "#" and (at == 0 or line[at - 1].isspace()):
            break
        elif c in _PAIRS:
            end = _json_end(line, at)
            words.append(line[at:end])
            at = end
        else:
            word, at = _word(line, at)
            words.append(word)
    if words and words[-1].endswith(";") and not words[-1].startswith(("{", "[")):
        words[-1] = words[-1].rstrip(";")
        if not words[-1]:
            words.pop()
    return words


def _word(line: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    while at < len(line) and not line[at].isspace():
        c = line[at]
        if c in "'\"":
            end = at + 1
            while end < len(line) and line[end] != c:
                end += 2 if line[end] == "\\" and c == '"' else 1
            if end >= len(line):
                raise UsageError(f"a quote ({c}) is opened and never closed: {line[at : at + 40]}")
            text = line[at + 1 : end]
            out.append(text.replace('\\"', '"') if c == '"' else text)
            at = end + 1
        elif c in _PAIRS and out and out[-1].endswith("="):
            end = _json_end(line, at)
            out.append(line[at:end])
            at = end
        else:
            out.append(c)
            at += 1
    return "".join(out), at


def _json_end(line: str, at: int) -> int:
    stack: list[str] = []
    quoted = False
    begin = at
    while at < len(line):
        c = line[at]
        if quoted:
            if c == "\\":
                at += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in _PAIRS:
            stack.append(_PAIRS[c])
        elif stack and c == stack[-1]:
            stack.pop()
            if not stack:
                return at + 1
        at += 1
    raise UsageError(f'a "{line[begin]}" is opened and never closed: {line[begin : begin + 40]}')


# --------------------------------------------------------------------------- the table

_INPUT = Option(("-i", "--input"), "the input: a variable, JSON, or @file.json", {"metavar": "X"})
_OUT = Option(("-o", "--out"), "bind the Execution to this variable", {"metavar": "VAR"})
_NAME = Option(("--name",), "the execution's name", {"metavar": "NAME", "dest": "execution_name"})
_WAIT = Option(
    ("--wait",),
    "wait for the end (the default under nbclient, papermill and in scripts)",
    {"action": "store_true", "default": None, "dest": "wait"},
)
_BACKGROUND = Option(
    ("--background", "--bg"),
    "return at once (the default in an interactive kernel)",
    {"action": "store_false", "default": None, "dest": "wait"},
)
_VIEW = Option(("--view",), f"what to show while it runs: {', '.join(VIEWS)}; auto is the setting of the session", {"choices": VIEWS, "default": "auto"})
_TYPE = Option(
    ("--type",),
    "STANDARD (durable) or EXPRESS (history in memory)",
    {"choices": ("STANDARD", "EXPRESS"), "default": "STANDARD"},
)
_DIALECT = Option(("--dialect",), "auto, tcsl or asl", {"choices": ("auto", "tcsl", "asl"), "default": "auto"})
_EXECUTOR = Option(
    ("--executor",), "threads, or inline: on the engine's own thread", {"choices": ("threads", "inline")}
)
_ON = Option(("--on",), "where it runs: local", {"metavar": "PLACE"})
_PARAMETER = Option(
    ("-p", "--parameter"),
    "a value for ${NAME} in the definition, also for one that was left open; may be repeated",
    {"action": "append", "default": [], "metavar": "NAME=VALUE"},
)
_FAIL = Option(
    ("--fail",),
    "an execution that fails while the cell waits fails the cell (the default)",
    {"action": "store_true", "default": True, "dest": "fail"},
)
_NO_FAIL = Option(
    ("--no-fail",), "the cell succeeds whatever the execution does", {"action": "store_false", "dest": "fail"}
)
_TIME = Option(("--time",), "real, or virtual: waits take no time", {"choices": ("real", "virtual"), "default": "real"})
_SEED = Option(("--seed",), "for jitter and random intrinsics", {"type": int, "metavar": "N"})
_TIMEOUT = Option(
    ("--timeout",), "end the execution as TIMED_OUT after that many seconds", {"type": float, "metavar": "SECONDS"}
)
_MOCK = Option(("--mock",), "answers in place of calls: a variable, JSON, or @file.json", {"metavar": "X"})
_QUIET = Option(("-q", "--quiet"), "show nothing", {"action": "store_true"})
_EXECUTION = Option(
    ("execution",), "an execution: a variable, a name or id, or latest", {"nargs": "?", "default": "latest"}
)
_RUNNING = (
    _INPUT,
    _OUT,
    _NAME,
    _WAIT,
    _BACKGROUND,
    _VIEW,
    _TYPE,
    _DIALECT,
    _EXECUTOR,
    _ON,
    _FAIL,
    _NO_FAIL,
    _TIME,
    _SEED,
    _TIMEOUT,
    _MOCK,
    _QUIET,
)

ASW_CELL = Command(
    "%%asw",
    "Define a workflow: check it, draw it, bind it to NAME. It runs only with -r or -i.",
    (
        Option(("name",), "the workflow's name, and the variable that it is bound to"),
        Option(("-r", "--run"), "run it with the input {}", {"action": "store_true"}),
        *_RUNNING,
        _PARAMETER,
        Option(("--as",), "bind the workflow to this variable instead of NAME", {"metavar": "VAR", "dest": "variable"}),
        Option(("-f", "--file"), "take the definition from a file; the cell's body is then empty", {"metavar": "PATH"}),
        Option(("-w", "--write"), "write the definition to a file as well", {"metavar": "PATH"}),
    ),
    ("%%asw nightly", "%%asw sum -i '{\"values\": [1, 2, 3]}' -o run"),
)
FUNCTION_CELL = Command(
    "%%asw_function",
    "Register the cell's code as a cloud function: its main_handler(event, context) is called.",
    (
        Option(("name",), "the function's name"),
        Option(
            ("--handler",),
            "which function of the cell is called, such as main_handler or index.main_handler",
            {"metavar": "NAME"},
        ),
        Option(("--namespace",), "SCF namespace", {"metavar": "NAME"}),
        Option(("--version",), "version or alias", {"metavar": "NAME"}),
        Option(("--unpack",), "call it with the event's fields as arguments", {"action": "store_true"}),
        _QUIET,
    ),
    ("%%asw_function sum",),
)
COMMANDS: dict[str, Command] = {
    c.name.removeprefix("%asw "): c
    for c in (
        Command("%asw run", "Run a workflow.", (Option(("workflow",), "a workflow's variable or name"), *_RUNNING, _PARAMETER), ("%asw run nightly -i payload -o run", "%asw run sweep -i payload -p gpus=2")),
        Command(
            "%asw test", "Run one state alone, once, and show its data at every stage; nothing is written into the history.",
            (
                Option(("workflow",), "a workflow's variable or name"),
                Option(("state",), "the state's name, or its path, such as EachTable/Load"),
                _INPUT,
                Option(("-o", "--out"), "bind the test to this variable", {"metavar": "VAR"}),
                _MOCK,
                Option(("--context",), "parts of the context object: a variable, JSON, or @file.json", {"metavar": "X"}),
                Option(("--variables",), "workflow variables that are set: a variable, JSON, or @file.json", {"metavar": "X"}),
                Option(("--retries",), "how many retries the state has behind it", {"type": int, "default": 0, "metavar": "N"}),
                _PARAMETER,
                _SEED,
                _QUIET,
            ),
            ("%asw test nightly Extract -i payload", '%asw test nightly EachTable/Load -i {"table": "orders"} --mock {"Load": 3} -o test'),
        ),
        Command(
            "%asw list", "List the executions, newest first.",
            (
                Option(("workflow",), "only of this workflow", {"nargs": "?"}),
                Option(("--status",), "only with this status", {"metavar": "STATUS"}),
                Option(("-n", "--limit"), "how many", {"type": int, "default": 20, "metavar": "N"}),
            ),
        ),
        Command(
            "%asw functions", "List the registered functions, or show one: its source, where it was defined, its last runs.",
            (Option(("function",), "a function's name", {"nargs": "?"}),), ("%asw functions", "%asw functions load"),
        ),
        Command("%asw show", "Show an execution: verdict, graph, states, output.", (_EXECUTION,), ("%asw show", "%asw show run")),
        Command("%asw states", "Show the table of visits to states.", (_EXECUTION,)),
        Command(
            "%asw timeline", "Show one bar per attempt, waits apart.",
            (
                _EXECUTION,
                Option(("--axis",), "relative or absolute", {"choices": ("relative", "absolute"), "default": "relative"}),
                Option(("--rows",), "a row per path, or one per state", {"choices": ("path", "state"), "default": "path"}),
                Option(("--unfold",), "a Map whose items get rows of their own; may be repeated", {"action": "append", "metavar": "MAP"}),
            ),
            ("%asw timeline", "%asw timeline run --rows state --unfold EachTable"),
        ),
        Command("%asw summary", "Show where the time went: critical path, busy, waiting and idle time.", (_EXECUTION,)),
        Command(
            "%asw compare", "Show executions side by side; the first one is the base.",
            (
                Option(("executions",), "variables, names or ids; the two newest of a workflow when left out", {"nargs": "*"}),
                Option(("--workflow",), "take the two newest of this workflow", {"metavar": "NAME"}),
                Option(("--all",), "also what is the same in all", {"action": "store_true"}),
            ),
            ("%asw compare monday tuesday", "%asw compare --workflow nightly"),
        ),
        Command(
            "%asw report", "Write a report that can be handed to somebody; without a path it is shown.",
            (
                _EXECUTION,
                Option(("path",), "a file ending in .html, .ipynb or .md", {"nargs": "?"}),
                Option(("--title",), "the heading", {"metavar": "TEXT"}),
                Option(("--code",), "show the source of the functions as well", {"action": "store_true"}),
                Option(("--section",), "only this section; may be repeated", {"action": "append", "metavar": "NAME"}),
                Option(("--last",), "executions of the same workflow to show beside it", {"type": int, "default": 5, "metavar": "N"}),
            ),
            ("%asw report run run.html", "%asw report latest --section errors"),
        ),
        Command("%asw graph", "Show the graph of an execution or a workflow.", (Option(("thing",), "an execution or a workflow", {"nargs": "?", "default": "latest"}),)),
        Command(
            "%asw stop", "Stop an execution, or all that run here.",
            (
                Option(("execution",), "an execution; all that run here when left out", {"nargs": "?"}),
                Option(("--error",), "the error that is recorded", {"metavar": "NAME"}),
                Option(("--cause",), "the cause that is recorded", {"metavar": "TEXT"}),
            ),
        ),
        Command(
            "%asw resume", "Go on with what a dead kernel left running.",
            (
                Option(("execution",), "an execution; all that nobody drives when left out", {"nargs": "?"}),
                Option(("--force",), "also executions whose driver runs on another host", {"action": "store_true"}),
                _WAIT, _BACKGROUND, _VIEW,
            ),
            ("%asw resume",),
        ),
        Command(
            "%asw redrive", "Let an ended execution go on from where it failed.",
            (
                _EXECUTION,
                Option(("--from",), "begin again at this top-level state", {"metavar": "STATE", "dest": "from_state"}),
                Option(("--dry-run",), "show what would be kept and what would run again", {"action": "store_true"}),
                _WAIT, _BACKGROUND, _VIEW, _FAIL, _NO_FAIL,
            ),
            ("%asw redrive run --dry-run", "%asw redrive run --from Load"),
        ),
        Command(
            "%asw schedule", "Start executions of a workflow by themselves while this kernel lives; without a workflow, list the schedules.",
            (
                Option(("workflow",), "a workflow's variable or name", {"nargs": "?"}),
                Option(("--every",), "again and again after that time: 30s, 15m, 2h, 1d", {"metavar": "TIME"}),
                Option(("--cron",), 'a cron expression, such as "0 2 * * *"', {"metavar": "EXPRESSION"}),
                Option(("--at",), "once, then: 2026-12-01T02:00", {"metavar": "MOMENT"}),
                Option(("--tz",), "the time zone of --cron and --at, such as Europe/Paris", {"default": "UTC", "metavar": "ZONE"}),
                Option(("--overlap",), "start also when the one before still runs", {"action": "store_true"}),
                Option(("--cancel",), "let this schedule, or all, start nothing more", {"metavar": "NUMBER"}),
                Option(("-i", "--input"), "the input: a variable, JSON, or @file.json; or a function of the moment", {"metavar": "X"}),
                _TIMEOUT, _PARAMETER,
            ),
            ("%asw schedule nightly --every 15m -i payload", '%asw schedule nightly --cron "0 2 * * *" --tz Europe/Paris', "%asw schedule --cancel 1"),
        ),
        Command(
            "%asw config", "Show what counts where a line says nothing, and set it for this session.",
            (
                Option(("settings",), "NAME=VALUE: view, executor, wait, workspace or redact; all are shown when left out", {"nargs": "*", "metavar": "NAME=VALUE"}),
                _QUIET,
            ),
            ("%asw config", "%asw config view=html wait=background", "%asw config workspace=/data/etl redact=iban"),
        ),
        Command(
            "%asw doctor", "Check the history file and what it stands on.",
            (
                Option(("path",), "a history file; the notebook's own when left out", {"nargs": "?"}),
                Option(("--repair",), "mend what can be mended; what would lose something is copied first", {"action": "store_true"}),
            ),
            ("%asw doctor", "%asw doctor --repair"),
        ),
        Command(
            "%asw backup", "Copy the history file while it is in use.",
            (Option(("path",), "a file that does not exist yet, or a folder", {"metavar": "PATH"}),), ("%asw backup history-monday.db",),
        ),
        Command(
            "%asw prune", "Show which ended executions would be deleted, and delete them with --yes.",
            (
                Option(("--older-than",), "ended before that: 30d, 12h, or a date in UTC", {"metavar": "AGE"}),
                Option(("--status",), "only with this status; may be repeated", {"action": "append", "metavar": "STATUS"}),
                Option(("--workflow",), "only of this workflow", {"metavar": "NAME"}),
                Option(("--keep",), "the newest of each workflow that stay in any case", {"type": int, "metavar": "N"}),
                Option(("--yes",), "delete them", {"action": "store_true"}),
            ),
            ("%asw prune --older-than 30d", "%asw prune --keep 100 --yes"),
        ),
        Command("%asw vacuum", "Give the space of deleted executions back to the disk.", ()),
        Command("%asw help", "Show this list, or the help of one command.", (Option(("command",), "a command", {"nargs": "?"}),)),
    )
}  # fmt: skip


def overview() -> str:
    """What ``%asw help`` prints."""
    width = max(len(c.name) for c in (*COMMANDS.values(), FUNCTION_CELL))
    lines = [f"{c.name:<{width}}  {c.summary}" for c in (ASW_CELL, FUNCTION_CELL, *COMMANDS.values())]
    return "\n".join([*lines, "", "Each answers to -h."])


def command(line: str) -> tuple[Command, str]:
    """The sub-command that a ``%asw`` line names, and the rest of the line.

    Raises
    ------
    UsageError
        With the nearest command.
    """
    word, _, rest = line.strip().partition(" ")
    if word in ("", "-h", "--help"):
        return COMMANDS["help"], ""
    if word not in COMMANDS:
        raise UsageError(
            f'%asw: there is no command "{word}".{did_you_mean(word, COMMANDS)} Commands: {", ".join(COMMANDS)}.'
        )
    return COMMANDS[word], rest


def complete(text: str, line: str, names: Sequence[str]) -> list[str]:
    """Completions of a magic's line: sub-commands, options, and then names."""
    words = line.lstrip().split()
    if line.lstrip().startswith("%%asw_function"):
        options = FUNCTION_CELL.flags()
    elif line.lstrip().startswith("%%asw"):
        options = ASW_CELL.flags()
    elif len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):
        return [c for c in COMMANDS if c.startswith(text)]
    else:
        options = COMMANDS[words[1]].flags() if words[1] in COMMANDS else []
    pool = options if text.startswith("-") else [*names, *options]
    return [o for o in pool if o.startswith(text)]


__all__ = [
    "ASW_CELL",
    "COMMANDS",
    "FUNCTION_CELL",
    "VIEWS",
    "Command",
    "HelpWanted",
    "Option",
    "command",
    "complete",
    "overview",
    "split",
]
