"""A document as a notebook: each section is a cell whose stored output shows it, and whose code shows it again.

The outputs need neither a kernel nor trust. Run again, the notebook looks at the execution that its parameters name; given another input, it runs the workflow
anew, from the definition that it carries. The cell tagged ``parameters`` is the one that papermill, and `asw-nb publish -p`, fill in."""

from __future__ import annotations

import ast
import json
from typing import Any

from asw_nb.analysis.figure import PLOTLY_MIME
from asw_nb.reports.blocks import Again, Document, Drawing, Section
from asw_nb.reports.inline import blocks_html
from asw_nb.reports.markdown import block_markdown, escaped

LARGEST_FIGURE = 400_000
"""Bytes up to which a chart's data is stored beside its still picture, for front ends that can zoom it."""

_PARAMETERS = """\
# Another execution may be named here. With an input (JSON text or a value) the workflow is run anew instead,
# with the functions of this kernel, or of a Python file.
execution = {execution!r}
workflow = {workflow!r}
history = {history!r}
input = None
functions = None"""

_OPEN = """\
import json
import asw_nb as asw

if functions is not None:
    get_ipython().run_line_magic("run", f"-i {functions}")
workspace = asw.Workspace(history)
if input is None:
    run = workspace.execution(execution, workflow)
else:
    given = json.loads(input) if isinstance(input, str) else input
    run = asw.workflow(definition, workflow, dialect=dialect, workspace=workspace).run(given)
print(run)"""

_SEVERAL = """\
import asw_nb as asw

runs = asw.executions(limit=20)
runs"""


def notebook(document: Document) -> str:
    """The whole file, valid by nbformat's own schema."""
    import nbformat
    from nbformat import v4

    cells: list[Any] = []

    def add(cell: Any, *tags: str) -> None:
        cell["id"] = f"asw-{len(cells) + 1:03d}"
        if tags:
            cell["metadata"]["tags"] = list(tags)
        cells.append(cell)

    alone = len(document.parts) == 1
    add(v4.new_markdown_cell(f"# {escaped(document.title)}"))
    if document.again is not None:
        _setup(document.again, add)
    for i, part in enumerate(document.parts):
        if not alone and i:
            add(v4.new_markdown_cell(f"## {escaped(part.title)}"))
        for section in part.sections:
            add(v4.new_markdown_cell(f"{'##' if alone or not i else '###'} {escaped(section.title)}"), "asw-report")
            again = document.again is not None and alone
            cell = v4.new_code_cell(section.call if again else "", outputs=[_output(section)])
            add(cell, "asw-report", "hide-input")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}}
    made = v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def _setup(again: Again, add: Any) -> None:
    from nbformat import v4

    add(v4.new_code_cell(_PARAMETERS.format(execution=again.execution, workflow=again.workflow, history=again.history)), "parameters")
    for key, source in again.functions.items():
        add(v4.new_code_cell(_registered(key, source)), "asw-report")
    body = again.definition or "null"
    for source in (f"import json\n\ndialect = {again.dialect!r}\ndefinition = json.loads({_quoted(body)})", _OPEN):
        add(v4.new_code_cell(source, metadata={"jupyter": {"source_hidden": True}}), "asw-report", "hide-input")


def _quoted(text: str) -> str:
    """JSON text as a literal that reads like JSON where that is safe."""
    if "'''" in text or "\\" in text or text.endswith("'"):
        return repr(text)
    return f"'''\n{text}\n'''"


def _registered(key: str, source: str) -> str:
    """A function's source, registered under its name when its own text does not do it; as a comment where it cannot stand alone."""
    import textwrap

    text = textwrap.dedent(source).strip()
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return "\n".join(f"# {line}" for line in [f"the source of {key} cannot stand alone:", *text.splitlines()])
    defined = next((node for node in body if isinstance(node, ast.FunctionDef)), None)
    if defined is None or defined.decorator_list or defined.name == key:
        return f"import asw_nb as asw\n\n{text}" if defined is not None and defined.decorator_list else text
    return f"import asw_nb as asw\n\n{text}\n\nasw.function({key!r})({defined.name})"


def _output(section: Section) -> Any:
    """What the cell shows before it is run: HTML that needs no trust, plain text, and a chart's data where it is small."""
    from nbformat import v4

    data: dict[str, Any] = {"text/html": blocks_html(section.blocks), "text/plain": "\n\n".join(map(block_markdown, section.blocks))}
    drawings = [b for b in section.blocks if isinstance(b, Drawing)]
    if len(section.blocks) == 1 and drawings and drawings[0].figure is not None:
        spec = drawings[0].figure.plotly.to_json()
        if len(spec) <= LARGEST_FIGURE:
            data[PLOTLY_MIME] = json.loads(spec)
    return v4.new_output("display_data", data=data)


__all__ = ["notebook"]
