"""`report`: executions -> a file that can be handed to somebody, or something to look at in the cell.

A file has a budget: when a report is larger, everything in it is halved and it is made again, which every table and text then says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asw_nb.errors import UsageError, did_you_mean
from asw_nb.language.calm import calm
from asw_nb.reports import build
from asw_nb.reports.blocks import Document, Limits, Section
from asw_nb.reports.figures import library
from asw_nb.reports.told import count
from asw_nb.views import View

MAX_BYTES = 8_000_000
HALVINGS = 8
SUFFIXES = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".ipynb": "notebook"}


class Report:
    """A report that is not written yet; a notebook shows it in the cell.

    Attributes
    ----------
    document : Document
    extra : list of Section
        What is told besides, at the end of the first part.
    """

    def __init__(self, make: Callable[[Limits], Document]) -> None:
        self._make = make
        self.extra: list[Section] = []
        self._first = make(Limits())

    @property
    def document(self) -> Document:
        return self._with_extra(self._first)

    def _with_extra(self, document: Document) -> Document:
        first, *others = document.parts
        return replace(document, parts=[replace(first, sections=[*first.sections, *self.extra]), *others])

    def __repr__(self) -> str:
        parts = len(self.document.parts)
        return f"asw report {self.document.title} | {count(sum(len(p.sections) for p in self.document.parts), 'section')}" + (f" in {parts} parts" if parts > 1 else "")

    def text(self, form: str, max_bytes: int = MAX_BYTES) -> str:
        """The report as the text of a file: ``"html"``, ``"markdown"`` or ``"notebook"``.

        Raises
        ------
        UsageError
            It does not fit, however much of it is left out.
        """
        limits, written = Limits(), _written(form, self.document)
        if form == "html" and _size(written) > max_bytes and max_bytes < 2 * _size(library()[0]):
            # charts that can be zoomed would leave no room for anything else
            limits = replace(limits, live=0)
            written = _written(form, self._with_extra(self._make(limits)))
        for _ in range(HALVINGS):
            if _size(written) <= max_bytes:
                return written
            limits = limits.halved()
            written = _written(form, self._with_extra(self._make(limits)))
        if _size(written) > max_bytes:
            raise UsageError(f"the report does not fit in {max_bytes:,} bytes: the shortest one has {_size(written):,}.")
        return written

    def save(self, path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> Path:
        """Write it; the path's ending says in which form.

        Raises
        ------
        UsageError
            The ending is none of ``.html``, ``.md`` and ``.ipynb``, or the file cannot be written.
        """
        target = Path(path)
        written = self.text(form_of(target), max_bytes)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(written, encoding="utf-8", errors="replace", newline="\n")
        except OSError as problem:
            raise UsageError(f'the report "{target}" cannot be written: {problem.strerror}.') from None
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from asw_nb.reports.inline import document_html

        return {"text/plain": repr(self), "text/html": document_html(self.document)}


def _size(written: str) -> int:
    return len(written.encode("utf-8", "replace"))


def form_of(path: Path) -> str:
    """What the ending of a path asks for.

    Examples
    --------
    >>> form_of(Path("run.HTML"))
    'html'
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UsageError(f'the report "{path.name}" must end in .html, .md or .ipynb.{did_you_mean(path.suffix, SUFFIXES)}')
    return form


def _written(form: str, document: Document) -> str:
    if form == "html":
        from asw_nb.reports.page import page

        return page(document)
    if form == "markdown":
        from asw_nb.reports.markdown import markdown

        return markdown(document)
    from asw_nb.reports.notebook import notebook

    return notebook(document)


def report(
    runs: Any, path: str | os.PathLike[str] | None = None, *, title: str | None = None, code: bool = False, sections: Sequence[str] | None = None, last: int = 5,
    max_bytes: int = MAX_BYTES, workspace: Any = None,
) -> Any:  # fmt: skip
    """A report on one execution, or on several.

    Parameters
    ----------
    runs : Execution, name, id, or a list or table of these
        Executions; what is no execution is looked up in the workspace.
    path : str or Path, optional
        ``.html`` (one file, no network needed), ``.md`` or ``.ipynb``. Without it the report is shown in the cell.
    title : str, optional
    code : bool
        Show the source of the functions as well.
    sections : list of str, optional
        Only these: verdict, errors, parameters, graph, timeline, states, time, metrics, last, compare, logs, definition, functions, provenance.
    last : int
        How many executions of the same workflow before it are shown beside one execution.
    max_bytes : int
        The file's size; of what is longer everything is shown by half, and says so.
    workspace : Workspace, optional
        Where names are looked up; the default workspace when left out.

    Returns
    -------
    Path or Report
        Where it was written; without a path, what the cell shows.

    Raises
    ------
    UsageError
        There is no execution, no such section, or the path has another ending.

    Examples
    --------
    >>> import asw_nb, tempfile
    >>> run = asw_nb.run({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, {"n": 1}, workflow="doc", name="one")
    >>> report(run, tempfile.mkdtemp() + "/run.md").read_text().splitlines()[0]
    '# doc · one'
    """
    if path is not None:
        form_of(Path(path))
    wanted = build.chosen(sections, code)
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
        raise UsageError(f"max_bytes={max_bytes!r} must be a number of bytes.")
    views = _views(runs, workspace)
    with calm():
        materials = build.materials(views)
        folder = None if path is None else Path(path).absolute().parent
        made = Report(lambda limits: build.document(materials, title, wanted, limits, last, folder, code))
        return made if path is None else made.save(path, max_bytes)


def _views(runs: Any, workspace: Any) -> list[View]:
    if isinstance(runs, View):
        return [runs]
    if isinstance(runs, Iterable) and not isinstance(runs, str) and not hasattr(runs, "columns"):
        things = list(runs)
        if things and all(isinstance(thing, View) for thing in things):
            return things
        runs = things
    from asw_nb.workspace import default_workspace

    views = (workspace or default_workspace()).select(runs)
    if not views:
        raise UsageError("there is no execution to report on.")
    return views


__all__ = ["MAX_BYTES", "Report", "form_of", "report"]
