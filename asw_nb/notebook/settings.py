"""What counts where a line of a magic says nothing: `%asw config`, and the traits behind ``%config AswMagics.view``.

A setting lasts as long as the kernel. What belongs to more than one session has a home already: `$ASW_NB_HOME` and `$ASW_NB_REDACT`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics
from traitlets import Enum

from asw_nb.definitions import choose
from asw_nb.errors import UsageError, did_you_mean
from asw_nb.history.redact import ENVIRONMENT, added, learn
from asw_nb.notebook.options import VIEWS
from asw_nb.workspace import EXECUTORS, default_path

if TYPE_CHECKING:
    import pandas

WAITS = ("auto", "wait", "background")


class Settings(Magics):
    """The settings of a session, which IPython's own ``%config`` sees too."""

    view = Enum(VIEWS, "auto", help="what to show while an execution runs").tag(config=True)
    executor = Enum(EXECUTORS, "threads", help="where functions run").tag(config=True)
    wait = Enum(WAITS, "auto", help="whether a cell waits for the end").tag(config=True)


MEANINGS = {
    "view": (VIEWS, "what to show while an execution runs; auto: html in a notebook, text in a terminal"),
    "executor": (EXECUTORS, "where functions run: on threads, or inline, on the engine's own"),
    "wait": (WAITS, "whether a cell waits for the end; auto: where nobody can ask questions"),
    "workspace": (("a folder",), "where the history file is, for calls that name no workspace"),
    "redact": (("a word of a key",), "more names of secrets, for everything that is shown; not taken back"),
}


def apply(settings: Settings, pairs: Iterable[str]) -> None:
    """Set what the line says; nothing of it when a part is wrong.

    Raises
    ------
    UsageError
        There is no such setting, or it cannot have that value.
    """
    wanted: list[tuple[str, str]] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name not in MEANINGS:
            raise UsageError(f'%asw config: there is no setting "{name}".{did_you_mean(name, MEANINGS)} Settings: {", ".join(MEANINGS)}.')
        if not equals or not value:
            raise UsageError(f"%asw config: write {name}=VALUE. It may be: {', '.join(MEANINGS[name][0])}.")
        if name in ("view", "executor", "wait"):
            choose(f"%asw config: {name}", value, MEANINGS[name][0])
        elif name == "workspace" and Path(value).expanduser().is_file():
            raise UsageError(f'%asw config: workspace={value} is a file: name the folder of a history file called "history.db".')
        wanted.append((name, value))
    for name, value in wanted:
        if name == "workspace":
            os.environ["ASW_NB_HOME"] = str(Path(value).expanduser().absolute())
        elif name == "redact":
            learn(value)
        else:
            setattr(settings, name, value)


def table(settings: Settings) -> pandas.DataFrame:
    """Each setting: setting, value, may_be, meaning."""
    import pandas

    names = [*filter(None, map(str.strip, os.environ.get(ENVIRONMENT, "").split(","))), *added()]
    values: dict[str, Any] = {"workspace": str(default_path()), "redact": ", ".join(names)}
    rows = [(name, values.get(name, getattr(settings, name, None)), ", ".join(may_be), meaning) for name, (may_be, meaning) in MEANINGS.items()]
    return pandas.DataFrame(rows, columns=["setting", "value", "may_be", "meaning"])


__all__ = ["WAITS", "Settings", "apply", "table"]
