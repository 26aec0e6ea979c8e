"""Writes the pictures of docs/analysis.md, docs/monitor.md and docs/testing.md: every chart, on a light and on a dark page, as Chromium draws it.

    python tools/chart_pictures.py [FOLDER]

The executions behind them run on a virtual clock, so that the pictures change only when the charts do. Both forms of a chart are drawn: the
interactive one is the picture in the documents; the static twin is written to FOLDER (build/charts when left out) beside it, to be looked at.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH = 980
PAGES = {"": ("#ffffff", "#1b1f24"), "-dark": ("#111111", "#e6e6e6")}

ETL: dict[str, Any] = {
    "StartAt": "List files",
    "States": {
        "List files": {"Type": "Task", "Resource": "list", "ResultPath": "$.files", "Next": "Each file"},
        "Each file": {
            "Type": "Map",
            "ItemsPath": "$.files",
            "MaxConcurrency": 3,
            "ItemProcessor": {
                "StartAt": "Read",
                "States": {
                    "Read": {"Type": "Wait", "SecondsPath": "$.read", "Next": "Clean"},
                    "Clean": {
                        "Type": "Task",
                        "Resource": "clean",
                        "Retry": [{"ErrorEquals": ["ShareBusy"], "IntervalSeconds": 4, "MaxAttempts": 2}],
                        "Catch": [{"ErrorEquals": ["Damaged"], "Next": "Skip"}],
                        "End": True,
                    },
                    "Skip": {"Type": "Pass", "End": True},
                },
            },
            "ResultPath": None,
            "Next": "Wait for the market",
        },
        "Wait for the market": {"Type": "Wait", "Seconds": 7200, "Next": "Write"},
        "Write": {"Type": "Task", "Resource": "write", "End": True},
    },
}
SWEEP: dict[str, Any] = {
    "StartAt": "Train",
    "States": {
        "Train": {
            "Type": "Map",
            "ItemsPath": "$.grid",
            "ItemProcessor": {
                "StartAt": "Fit",
                "States": {"Fit": {"Type": "Task", "Resource": "fit", "Retry": [{"ErrorEquals": ["OutOfMemory"], "IntervalSeconds": 5}], "End": True}},
            },
            "End": True,
        }
    },
}


def night(number: int, market_s: int = 7200, workflow: str = "trades") -> Any:
    """One night: files are read in parallel, some are locked, some damaged; number 19 is slow, two nights fail at the end."""
    import asw_nb as asw

    clock = asw.VirtualClock(1_793_577_600 + 43_200 * number)

    def files(event: Any) -> list[dict[str, Any]]:
        clock.advance(1.5)
        return [{"file": i, "read": 2 + (i * 7 + number) % 5 + (6 if number == 19 else 0)} for i in range(7)]

    def clean(event: Any, context: Any) -> int:
        clock.advance(0.5 + event["file"] % 3 * 0.6 + number % 4 * 0.1)
        if event["file"] % 5 == 2 and context.attempt == 1:
            raise asw.TaskError("ShareBusy", "the file is locked by another reader")
        if event["file"] == 5 and number % 3 == 1:
            raise asw.TaskError("Damaged", "the file is cut off")
        return event["file"]

    def write(event: Any) -> None:
        clock.advance(3)
        if number in (4, 11):
            raise asw.TaskError("DatabaseFull", "no space left")

    definition = {**ETL, "States": {**ETL["States"], "Wait for the market": {"Type": "Wait", "Seconds": market_s, "Next": "Write"}}}
    functions = {"list": files, "clean": clean, "write": write}
    return asw.run(definition, functions=functions, workflow=workflow, name=f"night-{number:02d}", clock=clock, executor="inline")


def sweep_run() -> Any:
    """Twelve trials whose losses fall, noisily, the faster the better the learning rate."""
    import math
    import random

    import asw_nb as asw

    clock = asw.VirtualClock(1_793_577_600)

    def fit(event: dict[str, Any], context: Any) -> dict[str, float]:
        rng = random.Random(event["trial"])
        if event["trial"] == 4 and context.attempt == 1:
            clock.advance(2)
            raise asw.TaskError("OutOfMemory", "cuda")
        rate = event["learning_rate"]
        speed = math.exp(-((math.log10(rate) + 1.5) ** 2))
        loss = 2.3
        for epoch in range(25):
            clock.advance(0.4)
            floor = 0.25 + 0.2 * (event["optimizer"] == "sgd") + 0.3 * event["dropout"]
            loss = floor + (loss - floor) * (1 - 0.35 * speed) + rng.gauss(0, 0.05) * (1 + (rate > 0.5) * 3)
            context.metric(step=epoch, val_loss=loss, val_accuracy=max(0.0, 1 - loss / 2.5))
        return {"val_loss": loss}

    grid = [(r, o, d) for r in (0.001, 0.01, 0.1, 1.0) for o, d in (("adam", 0.1), ("sgd", 0.1), ("adam", 0.5))]
    trials = [{"trial": i, "learning_rate": r, "optimizer": o, "dropout": d} for i, (r, o, d) in enumerate(grid)]
    return asw.run(SWEEP, {"grid": trials}, functions={"fit": fit}, workflow="sweep", name="first", clock=clock, executor="inline")


def one_state() -> Any:
    """One state of a nightly load, alone."""
    import asw_nb as asw

    task = {
        "Type": "Task", "Resource": "extract", "Parameters": {"table.$": "$.table", "day.$": "States.Format('day {}', $.date)"}, "ResultSelector": {"rows.$": "$.rows"},
        "ResultPath": "$.extracted", "Next": "Load",
    }  # fmt: skip
    inner = {"StartAt": "Extract", "States": {"Extract": task, "Load": {"Type": "Pass", "End": True}}}
    flow = asw.workflow({"StartAt": "EachTable", "States": {"EachTable": {"Type": "Map", "ItemProcessor": inner, "End": True}}}, name="nightly_etl")

    def extract(event: Any) -> dict[str, Any]:
        print(f"reading {event['table']} of {event['day']}")
        return {"table": event["table"], "rows": 98_000, "token": "f3a9"}

    return flow.test("Extract", {"date": "2026-11-01", "table": "orders"}, functions={"extract": extract})


class Watched:
    """What `asw.watch` shows of an execution."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def _repr_mimebundle_(self) -> dict[str, str]:
        from asw_nb.notebook.watch import WatchView

        return WatchView([self.run], shows=False, metrics={"val_loss": "min"})._bundle()


def charts() -> dict[str, Any]:
    """Every chart, by the name of its picture."""
    import asw_nb as asw

    nights = [night(number) for number in range(20)]
    sweep = sweep_run()
    trials = sweep.sweep("val_loss")
    return {
        "chart-timeline": nights[4].timeline(),
        "chart-timeline-states": nights[4].timeline(rows="state", gaps="keep"),
        "chart-summary": night(7, 6, "trades-today").summary(),
        "chart-concurrency": sweep.summary().figure(),
        "chart-distributions": asw.distributions(workflow="trades"),
        "chart-failures": asw.failures(workflow="trades"),
        "chart-throughput": asw.throughput(workflow="trades", every="1d"),
        "chart-curves": sweep.curves("val_loss", by="trial", smooth=0.6),
        "chart-curves-timeline": sweep.curves("val_accuracy", by="trial", timeline=True),
        "chart-scatter": trials.scatter("learning_rate"),
        "chart-parallel": trials.parallel(),
        "chart-compare": asw.compare([nights[18], nights[19]]),
        "chart-test-state": one_state(),
        "watch-metrics": Watched(sweep),
    }


SHOWN = {
    "chart-timeline", "chart-timeline-dark", "chart-summary", "chart-distributions", "chart-failures", "chart-throughput", "chart-curves", "chart-curves-timeline-dark",
    "chart-scatter", "chart-parallel", "chart-parallel-dark", "chart-compare", "chart-test-state", "watch-metrics",
}  # fmt: skip
"""The pictures that the documents show; the others are only to be looked at."""


def main(folder: Path) -> None:
    """Draw all charts."""
    import plotly
    from playwright.sync_api import sync_playwright

    script = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    drawn = charts()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM") or None, args=["--no-sandbox"])
        for suffix, (ground, ink) in PAGES.items():
            page = browser.new_page(viewport={"width": WIDTH, "height": 1200})
            for name, chart in drawn.items():
                bundle = chart._repr_mimebundle_()
                forms = {"-static": bundle["text/html"]}
                if hasattr(chart, "plotly"):
                    forms[""] = f"<script>{script}</script>" + chart.to_html(include_plotlyjs=False, full_html=False, config={"displayModeBar": False})
                else:
                    forms[""] = forms["-static"]
                for form, html in forms.items():
                    page.set_content(f"<body style='margin:0;background:{ground};color:{ink};font-family:system-ui,sans-serif'><div id='chart' style='padding:10px'>{html}</div></body>")
                    page.wait_for_timeout(400)
                    target = IMAGES if not form and name + suffix in SHOWN else folder
                    page.locator("#chart").screenshot(path=target / f"{name}{form}{suffix}.png", animations="disabled")
            page.close()
        browser.close()


if __name__ == "__main__":
    os.environ["ASW_NB_HOME"] = tempfile.mkdtemp(prefix="charts-")
    sys.path.insert(0, str(ROOT))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "charts")
