"""What a process knows by name, whichever workspace asks: registered functions, defined workflows, the notebook's own variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from asw_nb.backends.functions import Registry
from asw_nb.errors import UsageError

if TYPE_CHECKING:
    from asw_nb.workflows import Workflow

registry = Registry()
"""Functions registered with `asw_nb.function`, shared by every workspace of the process."""

known_workflows: dict[str, Workflow] = {}
"""The newest workflow of each name that was defined in this process: what a nested execution finds by name."""


_FORBIDDEN = frozenset('<>{}[]?*"#%\\^|~`$&,;:/')


def spelled(what: str, name: str) -> str:
    """The name, when it has no characters that break an id or a path.

    Raises
    ------
    UsageError
    """
    bad = sorted({c for c in name if c in _FORBIDDEN or c <= " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff"})
    if bad:
        shown = " ".join(repr(c) for c in bad)
        raise UsageError(f'the {what}\'s name "{name}" has characters that a name must not have: {shown}.')
    return name


def main_namespace() -> Mapping[str, Any]:
    """The notebook's (or script's) own names, where functions that nobody registered are looked for."""
    main = sys.modules.get("__main__")
    return vars(main) if main is not None else {}


__all__ = ["known_workflows", "main_namespace", "registry", "spelled"]
