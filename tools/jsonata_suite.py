"""Run the official JSONata test-suite through `asw_nb.language.jsonata` and print the counts and every deviation.

The suite is not part of this repository; it is the folder ``test/test-suite`` of the reference implementation.

    python tools/jsonata_suite.py FOLDER [--quiet]

FOLDER holds ``groups/<group>/<case>.json`` and ``datasets/<name>.json``. A case passes when its result is equal, when it
yields nothing where nothing is expected, or when the error has the expected code.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asw_nb.language.jsonata import UNDEFINED, JsonataError, JsonataSyntaxError, compile_jsonata
from asw_nb.language.jsonata_guard import Run


def cases(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every case with its id, ``group/case`` and, in a file of several, ``[n]``."""
    for file in sorted((folder / "groups").glob("*/*.json")):
        read = json.loads(file.read_text("utf-8"))
        for index, case in enumerate(read if isinstance(read, list) else [read]):
            if "expr-file" in case:
                case["expr"] = (file.parent / case["expr-file"]).read_text("utf-8")
            suffix = f"[{index}]" if isinstance(read, list) else ""
            yield f"{file.parent.name}/{file.stem}{suffix}", case


def data_of(folder: Path, case: dict[str, Any]) -> Any:
    if "data" in case:
        return case["data"]
    if case.get("dataset"):
        return json.loads((folder / "datasets" / f"{case['dataset']}.json").read_text("utf-8"))
    return UNDEFINED


def outcome(folder: Path, case: dict[str, Any]) -> tuple[str, Any]:
    """("value", value), ("nothing", None) or ("error", code)."""
    run = Run(random.Random(0), limit_s=max(case.get("timelimit", 10_000), 1_000) / 1000)
    try:
        expression = compile_jsonata(case["expr"])
        value = expression.evaluate(data_of(folder, case), case.get("bindings") or {}, {}, run)
    except (JsonataError, JsonataSyntaxError) as error:
        return "error", error.code
    return ("nothing", None) if value is UNDEFINED else ("value", value)


def expected(case: dict[str, Any]) -> tuple[str, Any]:
    if "code" in case:
        return "error", case["code"]
    if "error" in case:
        return "error", case["error"].get("code")
    if case.get("undefinedResult"):
        return "nothing", None
    return "value", case.get("result")


def same(left: Any, right: Any, unordered: bool = False) -> bool:
    """Equality of JSON: true is not 1, 1.0 is 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        if unordered:
            left, right = (sorted(side, key=lambda item: json.dumps(item, sort_keys=True)) for side in (left, right))
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return (type(left) is type(right) and left == right) or (_is_number(left) and _is_number(right) and left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def main() -> int:
    """Run the suite; 0 whatever deviates, because what deviates is documented."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--quiet", action="store_true", help="counts only")
    chosen = options.parse_args()
    counts: dict[str, list[int]] = {"value": [0, 0], "nothing": [0, 0], "error": [0, 0]}
    for name, case in cases(chosen.folder):
        want, got = expected(case), outcome(chosen.folder, case)
        passed = want[0] == got[0] and (want[0] == "nothing" or same(got[1], want[1], case.get("unordered", False)))
        counts[want[0]][1] += 1
        counts[want[0]][0] += passed
        if not passed and not chosen.quiet:
            text = json.dumps(" ".join(case["expr"].split()))[1:-1]
            print(f"{name}: {text[:100]}\n    expected {want[0]} {_short(want[1])}, got {got[0]} {_short(got[1])}")
    for kind, (passed, total) in counts.items():
        print(f"{kind}: {passed} of {total}")
    print(f"together: {sum(row[0] for row in counts.values())} of {sum(row[1] for row in counts.values())}")
    return 0


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else text[:160] + "..."


if __name__ == "__main__":
    sys.exit(main())
