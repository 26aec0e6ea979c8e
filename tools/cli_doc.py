"""Writes docs/cli.md from the parser of ``asw-nb``, so that the page cannot say what the command does not do.

python tools/cli_doc.py            # write the page
python tools/cli_doc.py --check    # exit code 1 when the page is stale
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cli.md"

sys.path.insert(0, str(ROOT))

from asw_nb.cli import parser  # noqa: E402

INTRODUCTION = """\
# Command line

`asw-nb` (or `python -m asw_nb`) runs workflows and notebooks, looks at their history, and writes [reports](reports.md), from a shell, a script or cron. This page is made by
`tools/cli_doc.py` from the parser.

* **Standard output** has what a program wants: the output of a run as JSON, a table, the path of a report; with `--json` an object with everything.
* **Standard error** has what a person wants to see meanwhile: a line per state entered, and how it ended; in a terminal also how far it is. `-q` leaves it out; what went wrong
  is said all the same.
* Values under the names of secrets are masked in both; `--show-secrets` shows them.
* Functions come from Python files or modules, `--functions tasks.py`: their public functions by name, and what they register with `@asw.function`.
* An interrupt (Ctrl-C) stops the execution. A process that is killed leaves it in the history file, where `asw-nb resume` goes on with it.
* A cell of a notebook that runs longer than `--timeout` is interrupted, which is a failure; when it does not stop within 10 s, its kernel is ended.

| exit code | |
|---|---|
| 0 | done; the workflow succeeded |
| 1 | a workflow failed, timed out or was stopped, or a cell of a notebook raised |
| 2 | the call is wrong |
| 3 | the definition has errors |
| 4 | the history file cannot be used, or the doctor found an error in it |
| 70 | a mistake of asw_nb; `ASW_NB_DEBUG=1` shows its traceback |
| 130 | interrupted |

## From cron

A nightly run that is run once however often it is started, goes on where a crash left it, and leaves a report:

```
15 2 * * *  cd /srv/etl && asw-nb run etl.yaml --name "$(date +\\%F)" --once -i @input.json --functions tasks.py --report "reports/$(date +\\%F).html" -q
```

## Commands
"""


def page() -> str:
    """The page's text."""
    commands = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    rows = [f"| [`asw-nb {name}`](#asw-nb-{name}) | {command.description} |" for name, command in commands.choices.items()]
    sections = [_section(name, command) for name, command in commands.choices.items()]
    return "\n".join([INTRODUCTION, "| command | |", "|---|---|", *rows, "", *sections])


def _section(name: str, command: argparse.ArgumentParser) -> str:
    lines = [f"### asw-nb {name}", "", command.description or "", "", "| option | |", "|---|---|"]
    lines += [_row(action) for action in command._actions if not isinstance(action, argparse._HelpAction)]
    examples = [line.strip() for line in (command.epilog or "").splitlines()[1:]]
    return "\n".join([*lines, "", *(["```", *examples, "```", ""] if examples else [])])


def _row(action: argparse.Action) -> str:
    value = action.metavar or ("\\|".join(map(str, action.choices)) if action.choices else "")
    words = " ".join(value) if isinstance(value, tuple) else str(value)
    if action.option_strings:
        takes = action.nargs != 0
        told = ", ".join(f"`{flag}`" for flag in action.option_strings) + (f" {words or action.dest.upper()}" if takes else "")
    else:
        told = (words or action.dest.upper()) + {"?": " (optional)", "*": " ...", "+": " ..."}.get(str(action.nargs), "")
    default = action.default
    shown = f" (default: `{default}`)" if isinstance(default, str | int) and not isinstance(default, bool) and default != "latest" else ""
    return f"| {told.replace('FILE|', 'FILE&#124;')} | {(action.help or '').replace('|', '&#124;')}{shown} |"


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
