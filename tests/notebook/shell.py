"""A real IPython shell for the tests of the magics, and a workflow to run in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

COLOURS = re.compile(r"\x1b\[[\d;]*m")


@dataclass
class Cell:
    """What one cell printed, displayed and raised."""

    printed: str
    displayed: list[dict[str, str]]
    value: Any
    error: BaseException | None

    @property
    def shown(self) -> str:
        """What the reader sees of an error, without colours."""
        return COLOURS.sub("", self.printed).rstrip("\n")


class Notebook:
    """An IPython shell with the extension loaded; its cells run one after the other."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, source: str) -> Cell:
        with capture_output() as captured:
            result = self.shell.run_cell(source)
        displayed = [output.data for output in captured.outputs]
        return Cell(captured.stdout, displayed, result.result, result.error_in_exec or result.error_before_exec)

    def fails(self, source: str, kind: type[BaseException]) -> str:
        """The text that is shown of the error."""
        cell = self.run(source)
        assert type(cell.error) is kind, cell
        return cell.shown

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.shell.user_ns


SUM = """{"StartAt": "sum", "States": {"sum": {"Type": "Task", "Resource": "sum", "End": true}}}"""
SUM_FUNCTION = """%%asw_function sum -q
def main_handler(event, context):
    total = 0
    for value in event["values"]:
        total += value
    return total
"""

__all__ = ["SUM", "SUM_FUNCTION", "Cell", "Notebook"]
