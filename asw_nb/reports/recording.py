"""`recording`: a report on whatever is run inside a ``with`` block."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from asw_nb import driving
from asw_nb.errors import UsageError
from asw_nb.reports import build
from asw_nb.reports.blocks import Code, Section, text
from asw_nb.reports.make import MAX_BYTES, Report, form_of, report

if TYPE_CHECKING:
    from asw_nb.engine.run import Run
    from asw_nb.handle import Execution
    from asw_nb.history.store import Record
    from asw_nb.workspace import Workspace


class recording:
    """Gather the executions that are started inside the block, by any workspace of this process, and write a report on them when it ends.

    What still runs then is waited for; a block that raises is reported on as far as it came, and goes on raising. Nested executions belong to those that started
    them, and are not told apart.

    Parameters
    ----------
    path : str or Path
        ``.html``, ``.md`` or ``.ipynb``.
    title : str, optional
    code : bool
        Show the code of the block, and the source of the functions.
    sections, last, max_bytes
        As for `asw_nb.report`.
    wait_s : float, optional
        Longest wait for what still runs; as long as it takes when left out.

    Attributes
    ----------
    runs : list of Execution
        In the order of their start.
    path : Path

    Examples
    --------
    >>> import asw_nb, tempfile
    >>> with recording(tempfile.mkdtemp() + "/both.html") as both:
    ...     for n in (1, 2):
    ...         _ = asw_nb.run({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, n, workflow="doc")
    >>> [run.input for run in both.runs], both.path.exists()
    ([1, 2], True)
    """

    def __init__(
        self, path: str | os.PathLike[str], *, title: str | None = None, code: bool = False, sections: Sequence[str] | None = None, last: int = 5,
        max_bytes: int = MAX_BYTES, wait_s: float | None = None,
    ) -> None:  # fmt: skip
        self.path = Path(path)
        form_of(self.path)
        build.chosen(sections, code)
        self.title, self.code, self.wait_s = title, code, wait_s
        self._options: dict[str, Any] = {"sections": sections, "last": last}
        self._max_bytes = max_bytes
        self.runs: list[Execution] = []
        self._source = ""

    def __enter__(self) -> recording:
        if self.code:
            self._source = _block(sys._getframe(1))
        driving.on_start.append(self._started)
        return self

    def _started(self, workspace: Workspace, record: Record, run: Run) -> None:
        from asw_nb.handle import Execution

        if "parent" in record.tags:
            return
        # a redriven execution is there already; its newest life counts
        self.runs = [one for one in self.runs if one.key != record.key]
        self.runs.append(Execution(workspace, record, run))

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        driving.on_start.remove(self._started)
        give_up = None if self.wait_s is None else time.monotonic() + self.wait_s
        if raised is None or isinstance(raised, Exception):
            for run in self.runs:
                run.wait(None if give_up is None else max(0.0, give_up - time.monotonic()))
        if not self.runs:
            if raised is None:
                raise UsageError(f'nothing was run inside recording("{self.path}"): there is nothing to report on.')
            return
        made: Report = report(self.runs, title=self.title, code=self.code, **self._options)
        made.extra = self._sections(raised)
        made.save(self.path, self._max_bytes)

    def _sections(self, raised: BaseException | None) -> list[Section]:
        out = []
        if raised is not None:
            out.append(Section("raised", "The block raised", [Code(text(f"{type(raised).__name__}: {raised}", 2_000))]))
        if self._source:
            out.append(Section("calling", "The code of the block", [Code(text(self._source, 20_000), "python")]))
        return out


def _block(frame: FrameType) -> str:
    """The ``with`` statement that a frame is at; all that is known of its file when it cannot be told."""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        return ""
    inner = [n for n in ast.walk(tree) if isinstance(n, ast.With | ast.AsyncWith) and n.lineno <= frame.f_lineno <= (n.end_lineno or n.lineno)]
    if not inner:
        return ""
    statement = max(inner, key=lambda n: n.lineno)
    return textwrap.dedent("".join(lines[statement.lineno - 1 : statement.end_lineno])).rstrip()


__all__ = ["recording"]
