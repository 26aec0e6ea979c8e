"""Executing a notebook from outside, as papermill does: parameters in, executed notebook out, and what became of its workflows."""

from __future__ import annotations

import ast
import contextlib
import json
import keyword
import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asw_nb.errors import MissingDependency, UsageError

PATIENCE_S = 60
"""How long a kernel may take to say what became of its executions."""

GRACE_S = 10.0
"""How long a cell that has been interrupted may go on before its kernel is ended."""

LAST_S = 10.0
"""How long after that nbclient gives it up, where there is no process to end."""

NOT_WELL = ("FAILED", "TIMED_OUT", "ABORTED")

_WATCH = """\
try:
    from asw_nb.reports import watching as _asw_watching
    _asw_watching.watch()
except ImportError:
    pass
"""
_TOLD = """\
try:
    print(_asw_watching.told({wait_s!r}))
except NameError:
    print("[]")
"""


@dataclass
class Executed:
    """What became of a notebook.

    Attributes
    ----------
    notebook : NotebookNode
    executions : list of dict
        workflow, name, status, error, failed_at of each that the notebook started.
    failed_cell : int or None
        The number of the cell that raised, from 1, and its error.
    interrupted : bool
        A person ended it.
    """

    notebook: Any
    executions: list[dict[str, Any]] = field(default_factory=list)
    failed_cell: int | None = None
    error: str = ""
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """No cell raised, and no workflow failed in the end."""
        return self.failed_cell is None and not any(e["status"] in NOT_WELL for e in self.executions)


def read(path: Path) -> Any:
    """A notebook file.

    Raises
    ------
    UsageError
        It cannot be read, or is no notebook.
    """
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except OSError as problem:
        raise UsageError(f'the notebook "{path}" cannot be read: {problem.strerror}.') from None
    except Exception as problem:
        raise UsageError(f'"{path}" is no notebook: {str(problem).splitlines()[0][:200]}') from None


def value_of(text: str) -> Any:
    """A parameter's value: a number, True, False, None or JSON is what it says, and everything else is text.

    Examples
    --------
    >>> [value_of(t) for t in ("3", "1e-3", "True", "null", '{"a": [1]}', "2026-11-01")]
    [3, 0.001, True, None, {'a': [1]}, '2026-11-01']
    """
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    try:
        return json.loads(text)
    except ValueError:
        return text


def set_parameters(notebook: Any, values: Mapping[str, Any]) -> None:
    """Put values behind the cell that is tagged ``parameters``; at the top of a notebook that has none.

    Raises
    ------
    UsageError
        A name is none.
    """
    from nbformat import v4

    if not values:
        return
    for name in values:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f'-p {name}: "{name}" is no name of a variable.')
    source = "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())])
    ast.parse(source)  # a value whose text is no Python must not reach the kernel
    cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    at = next((i + 1 for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", [])), 0)
    cell = v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    cell["id"] = "asw-parameters"
    if notebook.nbformat_minor < 5:
        del cell["id"]
    notebook.cells = [*cells[:at], cell, *cells[at:]]


def execute(
    notebook: Any, folder: Path, *, kernel: str | None = None, timeout_s: float | None = None, wait_s: float = 3600.0,
    progress: Callable[[int, int], None] | None = None,
) -> Executed:  # fmt: skip
    """Run all code cells in order, in a kernel that starts in `folder`; the first that raises is the last that is run.

    An interrupt is passed on to the cell that runs, as in JupyterLab; a second one ends it all.

    Parameters
    ----------
    kernel : str, optional
        The notebook's own when left out.
    timeout_s : float, optional
        For each cell.
    wait_s : float
        How long executions that the notebook left running are waited for.
    progress : callable, optional
        Told the number of the cell that begins, and of how many.
    """
    try:
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError:
        raise MissingDependency("nbclient", "reports") from None
    from jupyter_client.kernelspec import NoSuchKernel
    from nbformat import v4

    name = kernel or notebook.metadata.get("kernelspec", {}).get("name") or "python3"
    # else the kernel's warning about unencrypted TCP, meant for other machines, is the first thing to read
    quiet = ["--IPKernelApp.log_level=ERROR"]
    client = NotebookClient(notebook, timeout=PATIENCE_S, kernel_name=name, resources={"metadata": {"path": str(folder)}}, extra_arguments=quiet)
    done = Executed(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]

    def aside(source: str) -> Any:
        # in a cell of its own behind the last one, which is taken away again: what it prints belongs to no cell of the notebook
        notebook.cells.append(v4.new_code_cell(source))
        try:
            return client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1, store_history=False)
        finally:
            notebook.cells.pop()

    number = 0
    try:
        with client.setup_kernel(), _interrupts(client, done):
            aside(_WATCH)
            for number, index in enumerate(code, 1):
                if progress is not None:
                    progress(number, len(code))
                limit = _Limit(client, timeout_s)
                try:
                    with limit:
                        client.execute_cell(notebook.cells[index], index, execution_count=number)
                except (CellExecutionError, CellTimeoutError) as raised:
                    done.failed_cell, done.error = number, _words(raised)
                finally:
                    if limit.passed:  # what it started is asked for below
                        end = "" if not limit.killed else ", and an interrupt did not stop it: its kernel was ended"
                        done.failed_cell, done.error = number, f"it ran longer than {timeout_s:g} s{end}"
                if done.failed_cell is not None:
                    break
            wait_s = 0.0 if done.interrupted else wait_s
            with contextlib.suppress(CellExecutionError, CellTimeoutError), _Limit(client, wait_s + PATIENCE_S):  # a kernel that does not listen
                printed = aside(_TOLD.format(wait_s=wait_s)).outputs
                text = "".join(o.get("text", "") for o in printed if o.output_type == "stream" and o.get("name") == "stdout")
                done.executions = json.loads(text.strip().rpartition("\n")[2] or "[]")
    except NoSuchKernel:
        raise UsageError(f'there is no kernel "{name}": jupyter kernelspec list shows those that there are.') from None
    except DeadKernelError:
        if done.failed_cell is None:
            done.failed_cell, done.error = max(1, number), "the kernel died"
    return done


class _Limit:
    """Inside, a cell that runs longer than `seconds` is interrupted, and its kernel ended if that does not help.

    nbclient's own limit gives the cell up while its tasks still listen, and what they then meet is printed by asyncio. So it comes last, for a
    kernel that no signal reaches.
    """

    def __init__(self, client: Any, seconds: float | None):
        self.passed = self.killed = False
        self._client, self._seconds = client, seconds
        client.timeout = None if seconds is None else math.ceil(seconds + GRACE_S + LAST_S)
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._wait, name="asw-cell-limit", daemon=True)

    def __enter__(self) -> None:
        if self._seconds is not None:
            self._watch.start()

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        if self._seconds is not None:
            self._watch.join()

    def _wait(self) -> None:
        if self._over.wait(self._seconds):
            return
        self.passed = True
        if _interrupt(self._client) and self._over.wait(GRACE_S):
            return
        process = _process(self._client)
        if process is not None:
            self.killed = True
            process.kill()


def _process(client: Any) -> Any:
    """The kernel's process; None when there is none that a signal reaches."""
    return getattr(getattr(client.km, "provisioner", None), "process", None)


def _interrupt(client: Any) -> bool:
    """Interrupt what the kernel runs; whether that was possible."""
    process = _process(client)
    if process is not None:
        process.send_signal(signal.SIGINT)
    return process is not None


@contextlib.contextmanager
def _interrupts(client: Any, done: Executed) -> Iterator[None]:
    """Inside, the first interrupt goes to the kernel: raised here, it would leave nbclient's sockets and tasks behind, which complain for pages."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def passed_on(number: int, frame: Any) -> None:
        if done.interrupted or not _interrupt(client):
            raise KeyboardInterrupt
        done.interrupted = True

    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # as under nohup
        yield
        return
    signal.signal(signal.SIGINT, passed_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def unknown_parameters(notebook: Any, names: Iterable[str]) -> list[str]:
    """Those of the names that the cell tagged ``parameters`` does not set; all of them when there is no such cell.

    Call it before `set_parameters`.
    """
    known: set[str] = set()
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            with contextlib.suppress(SyntaxError):
                known |= {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return [name for name in names if name not in known]


def _words(raised: Exception) -> str:
    """An error in a cell in one line."""
    name, value = getattr(raised, "ename", ""), getattr(raised, "evalue", "")
    return f"{name}: {value}" if name else str(raised).strip().splitlines()[0]


def stored(notebook: Any) -> Executed:
    """What the outputs that a notebook holds say about it."""
    import re

    done = Executed(notebook)
    number = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        number += 1
        for output in cell.outputs:
            if output.output_type == "error" and done.failed_cell is None:
                done.failed_cell, done.error = number, f"{output.ename}: {output.evalue}"
            text = output.get("data", {}).get("text/plain", "")
            found = re.match(r"asw run ([^|]*)/([^|/]*) \| (\w+)(?: at ([^|]*?))?(?: \||$)", text if isinstance(text, str) else "".join(text))
            if found:
                row = {"workflow": found[1], "name": found[2].strip(), "status": found[3], "error": None, "failed_at": found[4]}
                done.executions = [e for e in done.executions if (e["workflow"], e["name"]) != (row["workflow"], row["name"])] + [row]
    return done


__all__ = ["Executed", "execute", "read", "set_parameters", "stored", "unknown_parameters", "value_of"]
