"""Looking across executions: which states are slow, which errors are frequent, how much gets done. Tables in, tables and charts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asw_nb.analysis.card import duration_text, readable_cause
from asw_nb.analysis.chart import Axis, Bars, Chart, Line, Panel, Points, chart, nothing
from asw_nb.analysis.palette import LINE_COLOUR, SERIES_COLOURS, STATUS_COLOURS
from asw_nb.analysis.tables import COUNT, SECONDS, TEXT, TIME, frame
from asw_nb.analysis.timeline_svg import shorten
from asw_nb.errors import UsageError, did_you_mean
from asw_nb.history.redact import redact_text

if TYPE_CHECKING:
    import pandas

SLOW: dict[str, str] = {
    "workflow": TEXT, "state": TEXT, "type": TEXT, "executions": COUNT, "visits": COUNT, "attempts": COUNT, "retries": COUNT, "failures": COUNT,
    "failure_rate": SECONDS, "total_s": SECONDS, "mean_s": SECONDS, "p50_s": SECONDS, "p90_s": SECONDS, "p95_s": SECONDS, "p99_s": SECONDS, "max_s": SECONDS,
    "wait_s": SECONDS, "slowest": TEXT,
}  # fmt: skip
ERRORS: dict[str, str] = {
    "error": TEXT, "state": TEXT, "count": COUNT, "share": SECONDS, "together": SECONDS, "executions": COUNT, "last_seen": TIME, "example": TEXT,
}  # fmt: skip
SPREAD: dict[str, str] = {
    "state": TEXT, "visits": COUNT, "min_s": SECONDS, "p5_s": SECONDS, "p25_s": SECONDS, "p50_s": SECONDS, "p75_s": SECONDS, "p95_s": SECONDS, "max_s": SECONDS,
}  # fmt: skip
BAD = ("FAILED", "CAUGHT", "TIMED_OUT")
ABOUT_BARS = 30
_EVERY_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000)


def _grouped(states: pandas.DataFrame, workflows: dict[str, str]) -> Any:
    # a name may occur in two Maps of a workflow: the path without indices is what tells states apart
    place = states["path"].str.replace(r"\[\d+\]", "[*]", regex=True)
    return states.assign(workflow=states["execution"].map(workflows), place=place).groupby(["workflow", "place"], sort=False)


def _names(places: list[tuple[str, str, str]]) -> list[str]:
    """Of (workflow, place, state): the state's name; with its place where two of one workflow bear it, with its workflow where there are several."""
    from collections import Counter

    several = len({w for w, _, _ in places}) > 1
    known = Counter((w, s) for w, _, s in places)
    return [(f"{w} · " if several else "") + (p if known[w, s] > 1 else s) for w, p, s in places]


def slow(states: pandas.DataFrame, workflows: dict[str, str], by: str, n: int | None) -> pandas.DataFrame:
    """Statistics of each state, the largest `by` first."""
    allowed = [c for c, kind in SLOW.items() if kind != TEXT]
    if by not in allowed:
        raise UsageError(f'by="{by}" is no column to order by.{did_you_mean(by, allowed)} Use one of: {", ".join(allowed)}.')
    rows = []
    for (workflow, place), group in _grouped(states, workflows):
        ended = group["duration_s"].dropna()
        quantiles = ended.quantile([0.5, 0.9, 0.95, 0.99]).tolist()
        failures = int(group["status"].isin(BAD).sum())
        tries = group["attempts"]
        slowest = group["execution"].loc[ended.idxmax()] if len(ended) else None
        rows.append(
            (
                workflow, place, group["type"].iloc[0], group["execution"].nunique(), len(group), int(tries.sum()), int((tries - 1).clip(lower=0).sum()),
                failures, failures / len(group), float(ended.sum()), float(ended.mean()), *quantiles, float(ended.max()), float(group["wait_s"].sum()), slowest,
            )
        )  # fmt: skip
    shown = _names([(row[0], row[1], row[1].rpartition("/")[2]) for row in rows])
    several = len({row[0] for row in rows}) > 1
    rows = [(row[0], name.partition(" · ")[2] if several else name, *row[2:]) for row, name in zip(rows, shown, strict=True)]
    table = frame(SLOW, rows).sort_values(by, ascending=False, kind="stable", na_position="last")
    return (table if n is None else table.head(n)).reset_index(drop=True)


def distributions(states: pandas.DataFrame, workflows: dict[str, str], n: int, log: bool | None) -> Chart:
    """Boxes of the durations of each state."""
    ended = states.dropna(subset=["duration_s"])
    ended = ended[~ended["type"].isin(("Choice", "Pass", "Succeed", "Fail"))]
    found = []
    for (workflow, place), group in _grouped(ended, workflows):
        d = group["duration_s"]
        found.append((float(d.sum()), (workflow, place, place.rpartition("/")[2]), [len(d), *d.quantile([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist()]))
    found.sort(key=lambda f: -f[0])
    found = found[:n]
    names = _names([f[1] for f in found])
    table = frame(SPREAD, [(name, *f[2]) for name, f in zip(names, found, strict=True)])
    if not found:
        return nothing("no state that takes time has ended", table)
    low, high = float(table["min_s"].min()), float(table["max_s"].max())
    log = bool(log) if log is not None else low > 0 and high / low > 50
    floor = max(low, high * 1e-6, 1e-6)
    box, whisker, ends, middle = SERIES_COLOURS[0], LINE_COLOUR, LINE_COLOUR, SERIES_COLOURS[1]

    def of(column: str) -> list[float]:
        return [max(v, floor) if log else v for v in table[column].tolist()]

    at = list(range(len(table)))
    rows: Any = table.itertuples(index=False)
    hover = [
        f"<b>{shorten(r.state, 60)}</b><br>{r.visits:,} visits<br>median {duration_text(r.p50_s)}, half of them {duration_text(r.p25_s)} to {duration_text(r.p75_s)}"
        f"<br>5 % to 95 %: {duration_text(r.p5_s)} to {duration_text(r.p95_s)}<br>{duration_text(r.min_s)} to {duration_text(r.max_s)}"
        for r in rows
    ]
    hover = [_plain(h) for h in hover]
    nan = float("nan")
    x = [v for a, b in zip(of("p5_s"), of("p95_s"), strict=True) for v in (a, b, nan)]
    y = [v for i in at for v in (float(i), float(i), nan)]
    marks: list[Line | Points | Bars] = [
        Line(x, y, "5th to 95th percentile", whisker, width=2),
        Bars(at, of("p25_s"), of("p75_s"), "middle half", box, thickness=0.5, hover=hover),
        Points([*of("min_s"), *of("max_s")], [float(i) for i in (*at, *at)], "shortest, longest", ends, symbol="circle", size=6),
        Points(of("p50_s"), [float(i) for i in at], "median", middle, symbol="diamond", size=10, hover=hover),
    ]
    panel = Panel(marks, Axis("duration of a visit (s)", "log" if log else "linear"), Axis(kind="names", names=names), height=30 * len(names) + 10)
    visits = int(table["visits"].sum())
    text = f"durations of {len(names)} states, {visits:,} visits; slowest median: {names[int(table['p50_s'].argmax())]}, {duration_text(float(table['p50_s'].max()))}"
    return chart([panel], text, table, "Durations per state")


def failures(attempts: pandas.DataFrame, states: pandas.DataFrame, workflows: dict[str, str], n: int) -> Chart:
    """The Pareto chart of errors."""
    import pandas as pd

    tried = attempts[attempts["status"].isin(("FAILED", "TIMED_OUT"))]
    tried = tried[["execution", "state", "error", "cause", "finished"]].rename(columns={"finished": "at"})
    # A state without attempts failed by itself; a Parallel or Map only passes on what is counted where it came from.
    own = states[states["status"].isin(BAD) & ~states["type"].isin(("Map", "Parallel")) & ((states["attempts"] == 0) | (states["type"] != "Task"))]
    own = own[["execution", "state", "error", "cause", "exited"]].rename(columns={"exited": "at"})
    both = pd.concat([f for f in (tried, own) if len(f)]) if len(tried) + len(own) else tried
    both = both.assign(error=[redact_text(e) for e in both["error"].fillna("(no name)")])
    rows: list[tuple[Any, ...]] = []
    for (error, state), group in both.groupby(["error", "state"], sort=False):
        newest = group.sort_values("at", kind="stable").iloc[-1]
        micros = None if pd.isna(newest["at"]) else round(newest["at"].timestamp() * 1e6)
        example = shorten(redact_text(readable_cause(newest["cause"])), 160) if newest["cause"] else None
        rows.append((error, state, len(group), len(group) / len(both), 0.0, group["execution"].nunique(), micros, example))
    rows.sort(key=lambda row: (-row[2], row[0], row[1]))
    so_far = 0
    for i, row in enumerate(rows):
        so_far += row[2]
        rows[i] = (*row[:4], so_far / len(both), *row[5:])
    table = frame(ERRORS, rows)
    if not rows:
        return nothing("no error was recorded", table, "Errors")
    shown = table.head(n)
    at = list(range(len(shown)))
    names = [f"{e} · {s}" for e, s in zip(shown["error"], shown["state"], strict=True)]
    texts = [f"{c:,} ({share:.0%}, {together:.0%} together)" for c, share, together in zip(shown["count"], shown["share"], shown["together"], strict=True)]
    hover = [f"<b>{shorten(name, 80)}</b><br>{text}<br>in {runs:,} executions<br>{shorten(example or '', 100)}" for name, text, runs, example in zip(names, texts, shown["executions"], shown["example"], strict=True)]
    counts = [float(c) for c in shown["count"]]
    bars = Bars(at, [0.0] * len(at), counts, "failures", STATUS_COLOURS["FAILED"], text=texts, legend=False, hover=[_plain(h) for h in hover])
    # room for the words behind the longest bar
    panel = Panel([bars], Axis("failures", low=0, high=max(counts) * 1.35, whole=True), Axis(kind="names", names=names), height=30 * len(names) + 10)
    top = f"{rows[0][0]} in {rows[0][1]}, {rows[0][3]:.0%}"
    text = f"errors: {len(both):,} failures of {len(rows):,} kinds in {both['execution'].nunique():,} executions; most frequent: {top}"
    return chart([panel], text, table, "Errors, most frequent first")


def _plain(hover: str) -> str:
    """A hover text whose values may hold anything, with only our own tags left."""
    from asw_nb.analysis.figure import plotly_text

    text = plotly_text(hover)
    for tag in ("<b>", "</b>", "<br>"):
        text = text.replace(tag.replace("<", "&lt;").replace(">", "&gt;"), tag)
    return text


def throughput(executions: pandas.DataFrame, every: str | None) -> Chart:
    """Executions that ended, by status and time."""
    import pandas as pd

    ended = executions.dropna(subset=["finished"])
    columns: dict[str, str] = {"since": TIME, "ended": COUNT, "SUCCEEDED": COUNT, "FAILED": COUNT, "TIMED_OUT": COUNT, "ABORTED": COUNT, "mean_s": SECONDS}
    if not len(ended):
        return nothing("no execution has ended", frame(columns, []), "Throughput")
    first, last = ended["finished"].min(), ended["finished"].max()
    if every is None:
        raw = max((last - first).total_seconds() / ABOUT_BARS, 1.0)
        step = pd.Timedelta(seconds=next((s for s in _EVERY_S if s >= raw), _EVERY_S[-1]))
    else:
        try:
            step = pd.Timedelta(every)
        except ValueError:
            raise UsageError(f'every="{every}" must be a length of time such as "10min", "1h" or "1d".') from None
        if step <= pd.Timedelta(0):
            raise UsageError(f'every="{every}" must be longer than nothing.')
    slot = ended["finished"].dt.floor(step)
    rows = []
    for since, group in ended.groupby(slot, sort=True):
        counts = group["status"].value_counts()
        micros = round(since.timestamp() * 1e6)
        rows.append((micros, len(group), *(int(counts.get(s, 0)) for s in list(columns)[2:6]), float(group["duration_s"].mean())))
    table = frame(columns, rows)
    seconds = step.total_seconds()
    at = [row[0] / 1e6 + seconds / 2 for row in rows]
    base = [0.0] * len(rows)
    marks: list[Line | Points | Bars] = []
    hatches = {"FAILED": "/", "TIMED_OUT": "\\", "ABORTED": "."}
    for i, status in enumerate(list(columns)[2:6]):
        top = [b + row[2 + i] for b, row in zip(base, rows, strict=True)]
        if top != base:
            marks.append(Bars(at, base, top, status, STATUS_COLOURS[status], lying=False, thickness=seconds * 0.85, hatch=hatches.get(status, "")))
        base = top
    panel = Panel(marks, Axis("ended at (UTC)", "date"), Axis(f"executions per {_length(seconds)}", whole=True, low=0, high=max(base) * 1.05), height=200)
    text = f"throughput: {len(ended):,} executions ended in {duration_text((last - first).total_seconds())}, {max(row[1] for row in rows):,} at most per {_length(seconds)}"
    return chart([panel], text, table, "Throughput")


def _length(seconds: float) -> str:
    """The length of a bar in the largest unit that says it whole."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0 and seconds >= size:
            n = int(seconds // size)
            return unit if n == 1 else f"{n} {unit}s"
    return f"{seconds:g} seconds"


__all__ = ["ERRORS", "SLOW", "SPREAD", "distributions", "failures", "slow", "throughput"]
