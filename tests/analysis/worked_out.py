"""Comparing tables with rows that were worked out by hand."""

from __future__ import annotations

from typing import Any

import pandas

from asw_nb.analysis import tables

START = 1_700_000_000


def rows(frame: pandas.DataFrame) -> list[tuple[Any, ...]]:
    """The values; times as seconds since the start, nothing as None."""
    out = []
    for row in frame.itertuples(index=False):
        cells = []
        for cell in row:
            if isinstance(cell, (dict, list)):
                cells.append(cell)
            elif pandas.isna(cell):
                cells.append(None)
            elif isinstance(cell, pandas.Timestamp):
                cells.append(cell.timestamp() - START)
            else:
                cells.append(cell)
        out.append(tuple(cells))
    return out


TYPES = {
    tables.TIME: "datetime64[us, UTC]",
    tables.SECONDS: "float64",
    tables.COUNT: "Int64",
    tables.TEXT: "object",
    tables.JSON: "object",
}


def check(frame: pandas.DataFrame, columns: dict[str, str], id: str, expected: list[tuple[Any, ...]]) -> None:
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {n: TYPES[k] for n, k in columns.items()}
    assert list(frame.index) == list(range(len(expected)))
    assert rows(frame) == [(id, *row) for row in expected]
