"""What a process knows by name, whichever workspace asks: registered functions, defined workflows, the notebook's own variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from asw_nb.backends.functions import Registry

if TYPE_CHECKING:
    from asw_nb.workflows import Workflow

registry = Registry()
"""Functions registered with `asw_nb.function`, shared by every workspace of the process."""

known_workflows: dict[str, Workflow] = {}
"""The newest workflow of each name that was defined in this process: what a nested execution finds by name."""


def main_namespace() -> Mapping[str, Any]:
    """The notebook's (or script's) own names, where functions that nobody registered are looked for."""
    main = sys.modules.get("__main__")
    return vars(main) if main is not None else {}


__all__ = ["known_workflows", "main_namespace", "registry"]
