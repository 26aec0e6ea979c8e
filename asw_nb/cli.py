"""``asw-nb``: run, look at and report on workflows from a shell, a script or cron.

What a program wants goes to standard output, what a person wants to see meanwhile to standard error; the exit code says how it went::

    0  done; the workflow succeeded          3  the definition has errors
    1  a workflow did not succeed            4  the history file cannot be used
    2  the call is wrong                     130  interrupted

Every message is one of ours, short; ``ASW_NB_DEBUG=1`` shows the traceback of a mistake of ours."""

from __future__ import annotations

import argparse
import errno
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from asw_nb.errors import AswError, DefinitionError, StoreError, UsageError, did_you_mean

DONE, FAILED, WRONG_CALL, WRONG_DEFINITION, NO_HISTORY, OUR_MISTAKE, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130

COLOURS = {"red": "\x1b[31m", "yellow": "\x1b[33m", "green": "\x1b[32m", "dim": "\x1b[2m", "end": "\x1b[0m"}

EPILOG = """\
exit codes:
  0    done; the workflow succeeded
  1    a workflow failed, timed out or was stopped, or a cell raised
  2    the call is wrong
  3    the definition has errors
  4    the history file cannot be used, or the doctor found an error in it
  130  interrupted
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. {self.prog} -h lists the options.")


def parser() -> argparse.ArgumentParser:
    """The whole command line; the docs are made from it."""
    top = _Parser(prog="asw-nb", description="Durable workflows from a shell.", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    top.add_argument("--version", action="store_true", help="print the version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, summary: str, *examples: str) -> argparse.ArgumentParser:
        epilog = "\n".join(["examples:", *(f"  {e}" for e in examples)]) if examples else None
        made = commands.add_parser(name, help=summary, description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
        return made

    run = command(
        "run", "Run a definition, or a notebook, and wait for its end.",
        "asw-nb run etl.yaml -i '{\"date\": \"2026-11-01\"}' --functions tasks.py", "asw-nb run etl.json -i @input.json --report etl.html --json",
        "asw-nb run training.ipynb -p epochs 3",
    )  # fmt: skip
    run.add_argument("file", metavar="FILE|NOTEBOOK", help="a definition (.json, .yaml) or a notebook (.ipynb)")
    run.add_argument("-i", "--input", metavar="X", help="the input: JSON, @file.json, or - for standard input; of a notebook, its parameter `input`")
    _parameters(run, "a value for ${NAME} in the definition, or a parameter of the notebook; may be repeated")
    run.add_argument("--functions", metavar="FILE|MODULE", action="append", default=[], help="Python that defines the functions; may be repeated")
    run.add_argument("--workflow", metavar="NAME", help="the workflow's name; the file's when left out")
    run.add_argument("--name", metavar="NAME", help="the execution's name; one that has succeeded is not run again with --once")
    run.add_argument("--once", action="store_true", help="with --name: when that execution exists, resume or show it instead of refusing")
    run.add_argument("--type", choices=("STANDARD", "EXPRESS"), default="STANDARD", help="durable, or history in memory")
    run.add_argument("--dialect", choices=("auto", "tcsl", "asl"), default="auto", help="auto, tcsl or asl")
    run.add_argument("--executor", choices=("threads", "inline"), help="where functions run")
    run.add_argument("--timeout", metavar="SECONDS", type=float, help="end the execution as TIMED_OUT after that many seconds; of a notebook, for each cell")
    run.add_argument("--time", choices=("real", "virtual"), default="real", help="virtual: waits take no time")
    run.add_argument("--tag", metavar=("NAME", "VALUE"), nargs=2, action="append", default=[], help="a tag of the execution; may be repeated")
    run.add_argument("--report", metavar="PATH", help="write a report (.html, .ipynb or .md), whether it succeeds or not")
    run.add_argument("--notebook", metavar="PATH", help="of a notebook: where the executed one is saved")
    _history(run)
    _secrets(run)
    _quiet(run)
    _json(run)

    listed = command("list", "List the executions, newest first.", "asw-nb list nightly --status FAILED --since 24h --json")
    listed.add_argument("workflow", nargs="?", help="only of this workflow; * stands for any text")
    listed.add_argument("--status", action="append", metavar="STATUS", help="only with this status; may be repeated")
    listed.add_argument("--since", metavar="WHEN", help="started then or later: a date, or an age such as 24h")
    listed.add_argument("-n", "--limit", type=int, default=20, metavar="N", help="how many")
    _history(listed)
    _secrets(listed)
    _json(listed)

    show = command("show", "Show an execution: how it ended, its input and output, its errors.", "asw-nb show latest", "asw-nb show nightly-17 --json")
    _execution(show)
    _history(show)
    _secrets(show)
    _json(show)

    states = command("states", "Show the visits to states, one line each.", "asw-nb states latest")
    _execution(states)
    _history(states)
    _secrets(states)
    _json(states)

    validate = command("validate", "Check definitions: every problem with its line, column and fix.", "asw-nb validate etl.yaml other.json")
    validate.add_argument("files", metavar="FILE", nargs="+", help="a definition (.json, .yaml), or - for standard input")
    validate.add_argument("--dialect", choices=("auto", "tcsl", "asl"), default="auto", help="auto, tcsl or asl")
    validate.add_argument("--type", choices=("STANDARD", "EXPRESS"), default="STANDARD", help="what it is to be run as")
    validate.add_argument("--strict", action="store_true", help="warnings count as errors")
    _json(validate)

    report = command("report", "Write a report that can be handed to somebody.", "asw-nb report latest run.html", "asw-nb report monday tuesday week.html --title 'Week 44'")
    report.add_argument("executions", nargs="*", metavar="EXECUTION", help="names or ids, or latest (the default); the last word may be the path")
    report.add_argument("-o", "--output", metavar="PATH", help="a file ending in .html, .ipynb or .md")
    report.add_argument("--workflow", metavar="NAME", help="look the names up among this workflow's executions")
    report.add_argument("--title", metavar="TEXT", help="the heading")
    report.add_argument("--code", action="store_true", help="show the source of the functions as well; they are known with --functions")
    report.add_argument("--functions", metavar="FILE|MODULE", action="append", default=[], help="Python that defines the functions; may be repeated")
    report.add_argument("--section", metavar="NAME", action="append", help="only this section; may be repeated")
    report.add_argument("--last", type=int, default=5, metavar="N", help="executions of the same workflow to show beside one")
    report.add_argument("--max-bytes", type=int, metavar="N", help="the file's size; what is longer is cut, and says so")
    _history(report)
    _json(report)

    resume = command("resume", "Go on with what a dead process left running, and wait for its end.", "asw-nb resume --functions tasks.py")
    resume.add_argument("execution", nargs="?", metavar="EXECUTION", help="a name or id; all that nobody drives when left out")
    resume.add_argument("--functions", metavar="FILE|MODULE", action="append", default=[], help="Python that defines the functions; may be repeated")
    resume.add_argument("--force", action="store_true", help="also executions whose driver runs on another host")
    _history(resume)
    _quiet(resume)
    _json(resume)

    doctor = command("doctor", "Check the history file and what it stands on.", "asw-nb doctor --repair")
    doctor.add_argument("path", nargs="?", help="a history file; the default one when left out")
    doctor.add_argument("--repair", action="store_true", help="mend what can be mended; what would lose something is copied first")
    _json(doctor)

    publish = command(
        "publish", "Execute a notebook and write it as one HTML page that needs no network.",
        "asw-nb publish etl.ipynb -p date 2026-11-01 -o etl.html", "asw-nb publish etl.ipynb --no-run --no-code",
    )  # fmt: skip
    publish.add_argument("notebook", help="a notebook")
    publish.add_argument("-o", "--output", metavar="PATH", help="the page; the notebook's name with .html when left out")
    _parameters(publish, "a parameter of the notebook, as for papermill; may be repeated")
    publish.add_argument("--no-run", action="store_true", help="take the outputs that are stored")
    publish.add_argument("--notebook", metavar="PATH", dest="executed", help="save the executed notebook as well")
    publish.add_argument("--no-code", action="store_true", help="hide the source of all cells (of cells tagged hide-input it always is)")
    publish.add_argument("--scripts", action="store_true", help="let scripts in the outputs run; else none of them does")
    publish.add_argument("--no-redact", action="store_true", help="leave sources and printed texts as they are")
    publish.add_argument("--no-fail", action="store_true", help="exit with 0 also when a workflow did not succeed; a cell that raises still counts")
    publish.add_argument("--kernel", metavar="NAME", help="the kernel; the notebook's own when left out")
    publish.add_argument("--timeout", metavar="SECONDS", type=float, help="for each cell")
    _quiet(publish)
    _json(publish)
    return top


def _parameters(command: argparse.ArgumentParser, words: str) -> None:
    command.add_argument("-p", "--parameter", metavar=("NAME", "VALUE"), nargs=2, action="append", default=[], help=words)


def _execution(command: argparse.ArgumentParser) -> None:
    command.add_argument("execution", nargs="?", default="latest", metavar="EXECUTION", help="a name or id, or latest (the default)")
    command.add_argument("--workflow", metavar="NAME", help="look the name up among this workflow's executions")


def _history(command: argparse.ArgumentParser) -> None:
    command.add_argument("--history", metavar="PATH", help="the history file; $ASW_NB_HOME/history.db or .asw/history.db when left out")


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


def _quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def _secrets(command: argparse.ArgumentParser) -> None:
    command.add_argument("--show-secrets", action="store_true", help="do not mask values under the names of secrets")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _ready()
    try:
        options = _parsed(words)
        if options is None:
            return DONE
        from asw_nb import cli_commands

        code = cli_commands.COMMANDS[options.command](options)
        sys.stdout.flush()
        return code
    except DefinitionError as wrong:
        _say(_problems(wrong))
        return WRONG_DEFINITION
    except StoreError as wrong:
        _say(worded(str(wrong)))
        return NO_HISTORY
    except AswError as wrong:
        _say(worded(str(wrong)))
        return WRONG_CALL
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as mistake:
        if isinstance(mistake, OSError) and mistake.filename is None and mistake.errno in (errno.ENOSPC, errno.EIO):
            _say(f"the output cannot be written: {mistake.strerror}.")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return WRONG_CALL
        if os.environ.get("ASW_NB_DEBUG"):
            raise
        _say(f"a mistake of asw_nb itself, {type(mistake).__name__}: {mistake}. ASW_NB_DEBUG=1 shows where.")
        return OUR_MISTAKE


def _ready() -> None:
    """Streams that take every letter, and that are there."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who called
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _parsed(words: list[str]) -> Any:
    top = parser()
    known = [name for action in top._actions if isinstance(action, argparse._SubParsersAction) for name in action.choices]
    if words and not words[0].startswith("-") and words[0] not in known:
        raise UsageError(f'there is no command "{words[0]}".{did_you_mean(words[0], known)} Commands: {", ".join(known)}.')
    try:
        options, unknown = top.parse_known_args(words)
    except SystemExit:  # -h, which has been answered
        return None
    if options.command == "report":  # argparse gives up on words that stand behind an option
        options.executions += [word for word in unknown if not word.startswith("-")]
        unknown = [word for word in unknown if word.startswith("-")]
    if unknown:
        flags = sorted(flag for action in _actions(top, options.command) for flag in action.option_strings)
        word = unknown[0].partition("=")[0]
        what = f'there is no option "{word}"' if word.startswith("-") else f'"{word}" is one word too many'
        raise UsageError(f"{what}.{did_you_mean(word, flags)} asw-nb {options.command or ''} -h lists the options.")
    if options.version:
        from asw_nb import __version__

        print(f"asw_nb {__version__}")
        return None
    if options.command is None:
        top.print_help()
        return None
    return options


def _actions(top: argparse.ArgumentParser, command: str | None) -> list[argparse.Action]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction) and command in action.choices:
            return list(action.choices[command]._actions)
    return list(top._actions)


IN_A_SHELL = (
    (r"asw_nb\.executions\(\) lists them\.", "asw-nb list shows those that there are."),
    (r"leave name= out, or choose another\.", "leave --name out, choose another, or say --once."),
    (r"another file with asw_nb\.Workspace\(path\) or the", "another file with --history or the"),
    (r"Register (one|it) with @asw_nb\.function or %%asw_function, or pass functions=\{\.\.\.\}\.", "Give it with --functions FILE."),
    (r"\bgive it with -p (\w+)=VALUE\b", r"give it with -p \1 VALUE"),
    (r"\bdoctor\(repair=True\)", "asw-nb doctor --repair"),
)
"""What messages advise in Python, and in a shell."""


def worded(message: str) -> str:
    """A message whose advice can be followed in a shell."""
    for python, shell in IN_A_SHELL:
        message = re.sub(python, shell, message)
    return message


def _problems(wrong: DefinitionError) -> str:
    return "\n  ".join(worded(str(wrong)).splitlines()).replace("\n    ", "\n  ")


def colours(stream: TextIO) -> dict[str, str]:
    """What switches colours on and off; nothing where they would be letters: in files and pipes, and where nobody wants them."""
    wanted = stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    return COLOURS if wanted else {}


def _say(message: str) -> None:
    """A message for a person."""
    codes = colours(sys.stderr)
    red, plain = codes.get("red", ""), codes.get("end", "")
    print(f"{red}asw-nb:{plain} {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())


__all__ = ["colours", "main", "parser", "worded"]
