"""The graph of the monitor: a picture with a button over each state's box.

The picture is an ``<img>``, as everywhere; over it, in the same cell of a CSS grid, lies one core ipywidgets button per state, without ink of its
own. So a state is clicked, reached with Tab, pressed with Enter and read aloud with its status, and no front-end module has to be there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from asw_nb.analysis.card import SMALLEST_SCALE, cut
from asw_nb.analysis.figure import html_text, svg_data_uri
from asw_nb.analysis.graph import boxes, to_svg
from asw_nb.analysis.status import Counts, Statuses

WIDEST_PX, HIGHEST_PX = 620, 760
MOST_BUTTONS = 150
"""More states than that are chosen from the list only: each button costs the page three models."""

SELECTED = "2px solid #2468B4"
_SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)"')
_PLACE = re.compile(r"translate\(([\d.]+) ([\d.]+)\)")


class StateGraph:
    """The clickable graph.

    Parameters
    ----------
    document : dict
        The definition.
    on_choose : callable
        Called with the path of the state that was pressed.

    Attributes
    ----------
    widget : ipywidgets.Box
    """

    def __init__(self, document: dict[str, Any], on_choose: Callable[[str], None]) -> None:
        self.document, self._on_choose = document, on_choose
        self._selected: str | None = None
        self._shown: tuple[Any, ...] | None = None
        self._geometry: tuple[float, ...] | None = None
        self._picture = ipywidgets.HTML(layout=ipywidgets.Layout(grid_area="1 / 1 / 2 / 2", margin="0"))
        self._boxes = boxes(document)
        self._buttons: dict[str, ipywidgets.Button] = {}
        if len(self._boxes) <= MOST_BUTTONS:
            style = ipywidgets.ButtonStyle(button_color="transparent", text_color="transparent")
            # outer boxes first: what lies inside them is drawn over them
            for path, _ in sorted(self._boxes.items(), key=lambda item: item[0].count("/")):
                self._buttons[path] = self._button(path, style)
        self._grid = ipywidgets.GridBox(
            [self._picture, *self._buttons.values()],
            layout=ipywidgets.Layout(align_items="flex-start", justify_items="flex-start", overflow="visible"),
        )
        self.widget = ipywidgets.Box(
            [self._grid], layout=ipywidgets.Layout(overflow="auto", max_height=f"{HIGHEST_PX}px", margin="0 12px 0 0", flex="0 1 auto", max_width="100%")
        )  # fmt: skip

    def _button(self, path: str, style: Any) -> Any:
        button = ipywidgets.Button(style=style, layout=ipywidgets.Layout(grid_area="1 / 1 / 2 / 2", padding="0"))
        button.on_click(lambda _: self._on_choose(path))
        return button

    def show(self, statuses: Statuses, counts: Counts, alt: str) -> None:
        """Draw the states in these statuses; nothing is sent when nothing has changed."""
        shown = (statuses, counts)
        if shown == self._shown:
            return
        self._shown = shown
        svg = to_svg(self.document, statuses, counts)
        size, place = _SIZE.search(svg), _PLACE.search(svg)
        assert size is not None and place is not None
        width, height, left, top = float(size[1]), float(size[2]), float(place[1]), float(place[2])
        scale = min(1.0, max(WIDEST_PX / width, SMALLEST_SCALE))
        if (width, height, left, top) != self._geometry:
            self._geometry = (width, height, left, top)
            self._place(scale, width, height, left, top)
        style = f"display:block;max-width:none;width:{width * scale:.0f}px;height:{height * scale:.0f}px"
        self._picture.value = f'<img alt="{html_text(alt)}" style="{style}" src="{svg_data_uri(svg)}">'
        self._name(statuses)

    def _place(self, scale: float, width: float, height: float, left: float, top: float) -> None:
        layout = self._grid.layout
        layout.grid_template_columns, layout.grid_template_rows = f"{width * scale:.0f}px", f"{height * scale:.0f}px"
        layout.width, layout.height = f"{width * scale:.0f}px", f"{height * scale:.0f}px"
        for path, button in self._buttons.items():
            rect = self._boxes[path]
            button.layout.width, button.layout.height = f"{rect.width * scale:.0f}px", f"{rect.height * scale:.0f}px"
            button.layout.margin = f"{(rect.y + top) * scale:.0f}px 0 0 {(rect.x + left) * scale:.0f}px"

    def _name(self, statuses: Mapping[str, str]) -> None:
        for path, button in self._buttons.items():
            words = f"{cut(path, 80)}: {statuses.get(path, 'not reached').lower().replace('_', ' ')}"
            if button.description != words:
                button.description = button.tooltip = words

    def select(self, path: str) -> None:
        """Mark one state."""
        for one, border in ((self._selected, None), (path, SELECTED)):
            button = self._buttons.get(one) if one is not None else None
            if button is not None:
                button.layout.border = border
        self._selected = path


__all__ = ["StateGraph"]
