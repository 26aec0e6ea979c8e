"""Writes docs/magics.md from the option table that parses the magics, so that the page cannot say what they do not do.

python tools/magics_doc.py            # write the page
python tools/magics_doc.py --check    # exit code 1 when the page is stale
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "magics.md"

sys.path.insert(0, str(ROOT))

from asw_nb.notebook.options import ASW_CELL, COMMANDS, FUNCTION_CELL, Command, Option  # noqa: E402

INTRODUCTION = """\
# Magics

`%load_ext asw_nb` registers `%%asw`, `%%asw_function` and `%asw`. Each of them, and each command of `%asw`, answers to `-h`; Tab completes commands, options, workflows
and executions. This page is made by `tools/magics_doc.py` from the table that parses them.

## How a line is read

* Quotes, single or double, keep blanks together. JSON in braces or brackets needs none: `-i {"values": [1, 2]}`.
* A value that is data (`-i`, `--mock`) is a variable, else JSON, else a file: `-i payload`, `-i '[1, 2]'`, `-i @payload.json`.
* `# comment` and a closing `;` are left out.
* An option that does not exist is refused, with the one that was probably meant.

## Filling in values

`${name}` in a string of the definition is filled after the text has been parsed: from `-p NAME=VALUE`, else from a variable of the notebook. Fields and indexes may follow,
`${config.tables[0]}`. A string that is nothing but a reference becomes the value itself, number, list or object; inside a longer string it becomes text. Nothing is evaluated.
`$${` is a literal `${`. A cell that runs must find every name; in one that only defines, a name that nothing bears is a warning and stays **open** until a run gives it, so that the type of a place such as
`MaxConcurrency: ${gpus}` is checked then: `%asw run sweep -p gpus=2` (or a variable `gpus`), in Python `sweep.fill(gpus=2).run(...)`.

## Waiting, and failing

In an interactive kernel an execution runs in the background: the cell returns, shows what happens, and ends as a static card; other cells run meanwhile, and the Stop button works.
Under nbclient, papermill and in scripts the cell waits (`--wait`, `--background` choose). A run that fails while its cell waits makes the cell fail, unless `--no-fail` is given.
Interrupting a cell that waits stops the execution.

| `--view` | while it runs |
|---|---|
| `auto` | `html` in a notebook, `text` in a terminal |
| `html` | graph, progress of each Map, counts, latest events; at most four pictures a second; when it ends, the static card |
| `widget` | the [monitor](monitor.md): click a state, go back in time, stop, answer; when it ends, the static card. In a cell that waits it is `html` |
| `text` | one line per transition, printed by a cell that waits |
| `none` | nothing |

`%asw config view=html wait=background` sets what counts where a line says nothing, until the kernel ends; `%config AswMagics.view = "html"` does the same.

## What a cell keeps

The static card holds no widget and no script: it reads in a notebook that somebody else opens, untrusted or without a kernel, on GitHub, and after nbconvert. It has the verdict, the
error with the function's traceback, the graph, the states, the output, and, folded away, every visit, the input and the source of the functions.

![The card of an execution](images/etl-card.png)

In a dark theme it stays a light card:

![The same card in JupyterLab's dark theme](images/dark.png)
"""


def page() -> str:
    """The page's text."""
    commands = [_section(c) for c in (ASW_CELL, FUNCTION_CELL, *COMMANDS.values())]
    return "\n".join([INTRODUCTION, "## Reference", "", _index(), *commands])


def _index() -> str:
    rows = (
        f"| [`{c.name}`](#{_anchor(c.name)}) | {_cell(c.summary)} |"
        for c in (ASW_CELL, FUNCTION_CELL, *COMMANDS.values())
    )
    return "\n".join(["| magic | |", "|---|---|", *rows, ""])


def _section(command: Command) -> str:
    lines = [f"### {command.name}", "", command.summary, ""]
    if command.options:
        lines += ["| option | |", "|---|---|", *map(_row, command.options), ""]
    if command.examples:
        lines += ["```", *command.examples, "```", ""]
    return "\n".join(lines)


def _row(option: Option) -> str:
    value = option.more.get("metavar") or "\\|".join(option.more.get("choices", ()))
    if option.names[0].startswith("-"):
        spelling = ", ".join(f"`{name}`" for name in option.names) + (f" {value}" if value else "")
    else:
        spelling = f"{option.names[0].upper()}" + (" (optional)" if option.more.get("nargs") == "?" else "")
    default = option.more.get("default")
    told = f" (default: `{default}`)" if isinstance(default, str | int) and not isinstance(default, bool) else ""
    return f"| {spelling} | {_cell(option.help)}{told} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return "".join(c for c in heading.lower().replace(" ", "-") if c.isalnum() or c in "-_")


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
