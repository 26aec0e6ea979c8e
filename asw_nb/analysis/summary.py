"""Where the time of one execution went: sums that add up, the critical path, and how much ran side by side.

Everything is counted from the same pieces of time (`pieces`), so that busy, waiting and idle time add up to the duration, and
so do the steps of the critical path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asw_nb.analysis import chart_svg
from asw_nb.analysis.card import BOX, CELL, GREY, HEAD, TITLE, badge, duration_text
from asw_nb.analysis.chart import Axis, Chart, Line, Panel, chart, nothing
from asw_nb.analysis.critical_path import Step, critical_path
from asw_nb.analysis.figure import Html, html_text, svg_img
from asw_nb.analysis.palette import LINE_COLOUR, STATUS_COLOURS
from asw_nb.analysis.pieces import RUN, WAITING_KINDS, spent, uses
from asw_nb.analysis.tables import COUNT, SECONDS, TEXT, frame
from asw_nb.history.fold import Visit
from asw_nb.history.store import Record

if TYPE_CHECKING:
    import pandas

STATE_TIMES: dict[str, str] = {
    "state": TEXT, "type": TEXT, "visits": COUNT, "attempts": COUNT, "retries": COUNT, "failures": COUNT, "duration_s": SECONDS, "busy_s": SECONDS,
    "waiting_s": SECONDS, "idle_s": SECONDS, "critical_s": SECONDS, "mean_s": SECONDS, "max_s": SECONDS, "slowest": TEXT,
}  # fmt: skip
STEPS: dict[str, str] = {
    "begin_s": SECONDS, "end_s": SECONDS, "duration_s": SECONDS, "kind": TEXT, "path": TEXT, "state": TEXT, "attempt": COUNT,
}  # fmt: skip
CONCURRENCY: dict[str, str] = {"at_s": SECONDS, "running": COUNT, "waiting": COUNT}

SHOWN_ROWS = 12
SHARE_COLOURS = {"busy": STATUS_COLOURS["SUCCEEDED"], "waiting": STATUS_COLOURS["RETRYING"], "idle": LINE_COLOUR}


class Summary(Html):
    """Where the time of an execution went.

    Attributes
    ----------
    duration_s : float
        From its start to its end, or to its newest event while it runs.
    busy_s, waiting_s, idle_s : float
        Parts of the duration: some task ran; none ran and something waited for a worker, a backoff or a timer; neither.
    work_s : float
        The running time of all attempts together.
    attempts, retries : int
        Tries of tasks, and those of them that were not the first of their visit.
    peak : int
        Most attempts that ran at the same time.
    efficiency : float
        ``work_s / (duration_s * peak)``: 1 when as much as ever ran at once ran all the time. NaN when nothing ran.
    states : DataFrame
        One row per state, the most time first: visits, attempts, retries, failures, and seconds, summed over visits; `busy_s + waiting_s + idle_s =
        duration_s` in each row. `critical_s` is the time on the critical path, `slowest` the path of the longest visit.
    critical_path : DataFrame
        Its steps, oldest first: begin_s, end_s, duration_s, kind (run, queue, backoff, wait, idle), path, state, attempt.
    concurrency : DataFrame
        How many attempts run, and how many wait in a queue, from each moment on.
    """

    def __init__(self, record: Record, visits: Sequence[Visit], last_us: int) -> None:
        end = last_us if record.finished_us is None else max(last_us, record.finished_us - record.started_us)
        self.record = record
        each, whole = uses(visits, end)
        self.duration_s, self.busy_s, self.waiting_s, self.idle_s = (v / 1e6 for v in (whole.duration, whole.busy, whole.waiting, whole.idle))
        steps = critical_path(visits, end)
        self.critical_path = frame(STEPS, [_step_row(step) for step in steps])
        self.attempts = sum(len(v.attempts) for v in visits)
        self.retries = sum(max(0, len(v.attempts) - 1) for v in visits)
        self.states = _state_times(visits, each, steps)
        self.concurrency = _concurrency(visits, end)
        self.peak = int(self.concurrency["running"].max()) if len(self.concurrency) else 0
        self.work_s = sum(b - a for v in visits if v.attempts for a, b, kind in spent(v, end) if kind == RUN) / 1e6
        self.efficiency = self.work_s / (self.duration_s * self.peak) if self.peak and self.duration_s else float("nan")
        super().__init__(self._page(), self._line())

    def slowest(self, n: int = 5) -> pandas.DataFrame:
        """The states that took the most time."""
        return self.states.nlargest(n, "duration_s").reset_index(drop=True)

    def most_retried(self, n: int = 5) -> pandas.DataFrame:
        """The states with the most retries; none that had no retry."""
        retried = self.states[self.states["retries"] > 0]
        return retried.sort_values("retries", ascending=False, kind="stable").head(n).reset_index(drop=True)

    def figure(self) -> Chart:
        """Concurrency over time."""
        panel, text = self._panel()
        return chart([panel], text, self.concurrency) if panel is not None else nothing(text, self.concurrency)

    def _panel(self) -> tuple[Panel | None, str]:
        if not self.peak:
            return None, "no task was run"
        marks: list[Any] = []
        for name, colour, fill in [("running", STATUS_COLOURS["RUNNING"], True), ("waiting", STATUS_COLOURS["RETRYING"], False)]:
            if int(self.concurrency[name].max()):
                x, y = _stairs(self.concurrency["at_s"].tolist(), self.concurrency[name].tolist())
                marks.append(Line(x, y, f"tasks {name}", colour, fill=fill, width=1.5, dash="solid" if fill else "dot"))
        text = f"concurrency: {self.peak} at most, {self._mean():.2f} on average, over {duration_text(self.duration_s)}"
        return Panel(marks, Axis("time since the start (s)", low=0, high=self.duration_s), Axis("tasks", whole=True), height=150), text

    def _mean(self) -> float:
        return self.work_s / self.duration_s if self.duration_s else 0.0

    def _line(self) -> str:
        r = self.record
        shares = ", ".join(f"{name} {duration_text(seconds)}" for name, seconds in self._parts())
        return f"asw summary {r.workflow}/{r.name} | {duration_text(self.duration_s)} = {shares} | {_count(self.attempts, 'attempt')}, {_count(self.retries, 'retry')}"

    def _parts(self) -> list[tuple[str, float]]:
        return [("busy", self.busy_s), ("waiting", self.waiting_s), ("idle", self.idle_s)]

    def _page(self) -> str:
        r, efficiency = self.record, self.efficiency
        shown = "" if efficiency != efficiency else f" &nbsp;·&nbsp; parallel efficiency <b>{efficiency:.0%}</b> of {self.peak}"
        facts = f"{_count(self.attempts, 'attempt')}, {_count(self.retries, 'retry')} &nbsp;·&nbsp; {duration_text(self.work_s)} of work, {self._mean():.2f} at a time{shown}"
        path = self._path_rows()
        states: Any = self.states.head(SHOWN_ROWS)
        columns = ["state", "visits", "attempts", "retries", "failures", "duration", "busy", "waiting", "idle", "on critical path", "slowest visit"]
        rows = [
            (s.state, f"{s.visits:,}", _some(s.attempts), _some(s.retries), _some(s.failures), *(duration_text(v) if v else "" for v in (s.duration_s, s.busy_s, s.waiting_s, s.idle_s, s.critical_s)),
             f"{duration_text(s.max_s)} at {s.slowest}")
            for s in states.itertuples(index=False)
        ]  # fmt: skip
        rest = f'<div style="{GREY}">{len(self.states) - SHOWN_ROWS} more states; <code>.states</code> has all.</div>' if len(self.states) > SHOWN_ROWS else ""
        return (
            f'<div style="{BOX}"><div><b style="font-size:15px">{html_text(r.workflow)}</b> &nbsp;{badge(r.status)} &nbsp;{duration_text(self.duration_s)}</div>'
            f'<div style="{GREY};margin-top:2px">{html_text(r.name)} &nbsp;·&nbsp; {facts}</div>{_share_bar(self._parts(), self.duration_s)}'
            f'<div style="{TITLE}">Critical path, longest first</div>{_plain_table(["state", "kind", "time", "share"], path, 2)}'
            f'<div style="{TITLE}">States, most time first</div><div style="overflow-x:auto">{_plain_table(columns, rows, 1)}</div>{rest}'
            f'<div style="{TITLE}">Concurrency</div>{self._drawing()}</div>'
        )

    def _drawing(self) -> str:
        panel, text = self._panel()
        return html_text(text) if panel is None else svg_img(chart_svg.draw([panel]), text)

    def _path_rows(self) -> list[tuple[str, ...]]:
        if not len(self.critical_path):
            return []
        steps = self.critical_path.assign(state=self.critical_path["state"].fillna("(between the states)"))
        sums = steps.groupby(["state", "kind"], sort=False)["duration_s"].sum().sort_values(ascending=False, kind="stable").head(6)
        pairs: Any = sums.items()
        return [(state, kind, duration_text(v), f"{v / self.duration_s:.0%}" if self.duration_s else "") for (state, kind), v in pairs]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"


def _some(n: int) -> str:
    return f"{n:,}" if n else ""


def _step_row(step: Step) -> tuple[Any, ...]:
    path, state = (None, None) if step.visit is None else (step.visit.path, step.visit.state.name)
    return step.begin / 1e6, step.end / 1e6, (step.end - step.begin) / 1e6, step.kind, path, state, step.attempt


def _state_times(visits: Sequence[Visit], each: Sequence[Any], steps: Sequence[Step]) -> pandas.DataFrame:
    on_path: dict[str, int] = {}
    for step in steps:
        if step.visit is not None:
            on_path[step.visit.state.path] = on_path.get(step.visit.state.path, 0) + step.end - step.begin
    groups: dict[str, list[int]] = {}
    for i, visit in enumerate(visits):
        groups.setdefault(visit.state.path, []).append(i)
    rows = []
    for path, members in groups.items():
        of = [visits[i] for i in members]
        slowest = max(members, key=lambda i: each[i].duration)
        total = sum(each[i].duration for i in members)
        rows.append(
            (
                of[0].state.name, of[0].state.type, len(of), sum(len(v.attempts) for v in of), sum(max(0, v.tries - 1) for v in of),
                sum(v.status in ("FAILED", "CAUGHT", "TIMED_OUT") for v in of), total / 1e6, sum(each[i].busy for i in members) / 1e6,
                sum(each[i].waiting for i in members) / 1e6, sum(each[i].idle for i in members) / 1e6, on_path.get(path, 0) / 1e6,
                total / 1e6 / len(of), each[slowest].duration / 1e6, visits[slowest].path,
            )
        )  # fmt: skip
    rows.sort(key=lambda row: -row[6])
    return frame(STATE_TIMES, rows)


def _concurrency(visits: Sequence[Visit], end: int) -> pandas.DataFrame:
    """How many attempts run and wait after each change; moments at which nothing changes are left out."""
    changes: dict[int, list[int]] = {}
    for visit in visits:
        for since, until, kind in spent(visit, end) if visit.attempts or visit.waits else ():
            column = 0 if kind == RUN else 1 if kind in WAITING_KINDS else None
            if column is not None:
                changes.setdefault(since, [0, 0])[column] += 1
                changes.setdefault(until, [0, 0])[column] -= 1
    rows, now = [], [0, 0]
    for at in sorted(changes):
        change = changes[at]
        if change != [0, 0]:
            now = [now[0] + change[0], now[1] + change[1]]
            rows.append((at / 1e6, *now))
    return frame(CONCURRENCY, rows)


def _stairs(at: list[float], value: list[float]) -> tuple[list[float], list[float]]:
    """A step function as the corners of a line."""
    x, y = [0.0], [0.0]
    for moment, height in zip(at, value, strict=True):
        x += [moment, moment]
        y += [y[-1], float(height)]
    return x, y


def _share_bar(parts: list[tuple[str, float]], total: float) -> str:
    bars = "".join(
        f'<div style="float:left;height:10px;width:{100 * seconds / total:.2f}%;background:{SHARE_COLOURS[name]}"></div>' for name, seconds in parts if total and seconds
    )
    words = " &nbsp; ".join(
        f'<span style="color:{SHARE_COLOURS[name]}">■</span> {name} <b>{duration_text(seconds)}</b>{f" ({seconds / total:.0%})" if total else ""}'
        for name, seconds in parts
    )
    return f'<div style="background:#e4e7eb;height:10px;margin-top:10px;overflow:hidden">{bars}</div><div style="margin-top:3px">{words}</div>'


def _plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """An HTML table whose first `left` columns are texts and the last one too; columns that are empty are left out."""
    shown = [i for i in range(len(heads)) if any(row[i] for row in rows)]

    def style(i: int, base: str) -> str:
        return base + ("" if i < left or heads[i].startswith("slowest") else ";text-align:right") + ";white-space:nowrap"

    head = "".join(f'<th style="{style(i, HEAD)}">{heads[i]}</th>' for i in shown)
    body = "".join("<tr>" + "".join(f'<td style="{style(i, CELL)}">{html_text(row[i])}</td>' for i in shown) + "</tr>" for row in rows)
    return f'<table style="border-collapse:collapse;margin:0;font-size:12px"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


__all__ = ["CONCURRENCY", "STATE_TIMES", "STEPS", "Summary"]
