"""Sections of words: how it ended, what went wrong, what it was given, what it was made of, and where it all comes from."""

from __future__ import annotations

import json
import platform
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from typing import NamedTuple

from asw_nb.analysis.compare import leaves
from asw_nb.analysis.words import cut, duration_text, readable_cause, share_text, stack_trace
from asw_nb.history.fold import Attempt, Visit
from asw_nb.history.redact import redact, redact_lines, redact_text
from asw_nb.reports.blocks import (
    Block,
    Code,
    Facts,
    Fold,
    Limits,
    Prose,
    Section,
    Verdict,
    cropped,
    name,
    payload,
    short,
    text,
)
from asw_nb.reports.material import Material

BAD = ("FAILED", "TIMED_OUT", "ABORTED")
MOST_TRACEBACKS = 5
PACKAGES = ("asw_nb", "pandas", "plotly")


def moment(us: int | None) -> str:
    """A time in UTC, to the millisecond.

    Examples
    --------
    >>> moment(1_790_000_000_123_456)
    '2026-09-21 14:13:20.123 UTC'
    """
    if us is None:
        return ""
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    Examples
    --------
    >>> count(1, "retry"), count(2000, "retry")
    ('1 retry', '2,000 retries')
    """
    many = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else many}"


def again(key: str) -> str:
    """The code that shows a section for which no other view masks the secrets.

    Examples
    --------
    >>> again("parameters")
    'run.report(sections="parameters")'
    """
    return f'run.report(sections="{key}")'


def verdict(material: Material, limits: Limits) -> Section:
    """How it ended, in a sentence, with what came out."""
    record = material.record
    blocks: list[Block] = [Verdict(record.status, _sentence(material))]
    facts = [
        ("workflow", name(record.workflow)), ("execution", name(record.name)), ("started", moment(record.started_us)),
        ("ended", moment(record.finished_us) or "not yet"), ("duration", duration_text(material.duration_s)),
    ]  # fmt: skip
    if record.redrives:
        facts.append(("redrives", f"{record.redrives:,}"))
    summary = material.summary
    if summary is not None and summary.duration_s:
        parts = [("busy", summary.busy_s), ("waiting", summary.waiting_s), ("idle", summary.idle_s)]
        facts.append(("time", ", ".join(f"{what} {duration_text(s)} ({share_text(s / summary.duration_s)})" for what, s in parts if s)))
    blocks.append(Facts(facts))
    if record.status == "SUCCEEDED":
        blocks += [Prose("Output"), payload(record.output, limits.text)]
    return Section("verdict", "Verdict", blocks, "run")


def _sentence(material: Material) -> str:
    record = material.record
    took = duration_text(material.duration_s)
    entered = len({v.state.path for v in material.visits}) or len(material.tallies())
    known = f" of {count(len(material.view.plan.states), 'state')}" if hasattr(material.view, "plan") else " states"
    done = f"{entered}{known} entered, {count(material.events, 'event')}"
    tries = sum(len(v.attempts) for v in material.visits)
    if tries:
        again = sum(max(0, v.tries - 1) for v in material.visits if v.attempts)
        done += f", {count(tries, 'attempt')}" + (f", {count(again, 'retry')}" if again else "")
    caught = sum(v.status == "CAUGHT" for v in material.visits)
    if caught:
        done += f", {count(caught, 'caught error')}"
    if record.status == "RUNNING":
        return f"Still running when this was made, after {took}: {done}."
    if record.status == "SUCCEEDED":
        return f"Succeeded in {took}: {done}."
    words = {"FAILED": "Failed", "TIMED_OUT": "Timed out", "ABORTED": "Was stopped"}[record.status]
    where = f" at {name(record.failed_path)}" if record.failed_path else ""
    message = text(" ".join(_message(record.error, record.cause).split()), 200).rstrip(".")
    why = "".join(f": {words}" for words in (text(record.error, 200) if record.error else "", message) if words)
    return f"{words}{where} after {took}{why}. {done[0].upper()}{done[1:]}."


def _message(error: str | None, cause: str | None) -> str:
    """A cause as a person reads it, without the error's name before it."""
    return readable_cause(cause).removeprefix(f"{error}: ")


# --------------------------------------------------------------------------- errors


def errors(material: Material, limits: Limits) -> Section | None:
    """What went wrong, the end of the execution first; None when nothing did."""
    record = material.record
    blocks: list[Block] = []
    if record.status in BAD:
        where = f" at {name(record.failed_path)}" if record.failed_path else ""
        blocks.append(Verdict(record.status, f"{text(record.error or record.status)}{where}"))
        message = readable_cause(record.cause)
        if message:
            blocks.append(Code(text(message, limits.text)))
        trace = _last_traceback(material) or "".join(stack_trace(record.cause))
        if trace:
            blocks += [Prose("Traceback"), Code(_tail(redact_text(trace), limits.text), "pytb")]
    else:
        trace = ""
    failed = sorted(_failures(material), key=lambda failure: failure.at)
    alone = len(failed) == 1 and bool(blocks) and failed[0].path == name(record.failed_path or "")  # it is told already
    if failed and not alone:
        rows = [(f.path, f.attempt, duration_text(f.at / 1e6), f.error, f.message, f.then) for f in failed]
        heads = ("state", "attempt", "at", "error", "message", "what followed")
        followed = Counter(f.then.partition(",")[0] for f in failed)
        said = ", ".join(f"{n:,} {then}" for then, n in followed.most_common())
        blocks += [Prose(f"{count(len(failed), 'failure')}, in the order of time: {said}.")]
        blocks += [cropped(heads, rows, limits.rows, "failures", right=frozenset({1, 2})), *_tracebacks(failed, trace, limits)]
    return Section("errors", "Errors", blocks, again("errors")) if blocks else None


class Failure(NamedTuple):
    """A try, or a state, that failed; `at` is in microseconds since the start, `then` what followed."""

    at: int
    path: str
    attempt: str
    error: str
    message: str
    then: str
    trace: str


def _failures(material: Material) -> Iterator[Failure]:
    """Each failed try, and each state that failed by itself."""
    outputs = material.outputs if material.visits else {}
    for visit in material.visits:
        bad = [a for a in visit.attempts if a.status in ("FAILED", "TIMED_OUT")]
        for attempt in bad:
            trace = (outputs.get((visit.frame, attempt.token)) or ((), (), None))[2] or ""
            yield _failure(visit, attempt, attempt.error, attempt.cause, trace or "".join(stack_trace(attempt.cause)))
        if not bad and visit.status in ("FAILED", "TIMED_OUT", "CAUGHT") and visit.error:
            yield _failure(visit, None, visit.error, visit.cause, "")


def _failure(visit: Visit, attempt: Attempt | None, error: str | None, cause: str | None, trace: str) -> Failure:
    last = attempt is None or attempt is visit.attempts[-1]
    then = "retried" if not last else {"CAUGHT": "caught", "SUCCEEDED": "recovered"}.get(visit.status, visit.status.lower())
    if then == "caught" and visit.next_name:
        then = f"caught, on to {name(visit.next_name, 60)}"
    at = visit.entered if attempt is None else attempt.finished or attempt.scheduled
    number = "" if attempt is None else str(attempt.number)
    return Failure(at, name(visit.path), number, text(error or "", 120), text(_message(error, cause), 200), then, trace)


def _tracebacks(failed: list[Failure], shown: str, limits: Limits) -> list[Block]:
    """One traceback of each kind of error, by its state, but for the one that is shown already."""
    kinds: dict[tuple[str, str], list[Failure]] = {}
    for failure in failed:
        if failure.trace and failure.trace != shown:
            kinds.setdefault((re.sub(r"\[\d+\]", "[*]", failure.path), failure.error), []).append(failure)
    blocks: list[Block] = [
        Fold(f"Traceback of {what} at {same[0].path}" + (f" and {len(same) - 1:,} more like it" if len(same) > 1 else ""),
             [Code(_tail(redact_text(same[0].trace), limits.text), "pytb")])
        for (_, what), same in list(kinds.items())[:MOST_TRACEBACKS]
    ]  # fmt: skip
    if len(kinds) > MOST_TRACEBACKS:
        blocks.append(Prose(f"{len(kinds) - MOST_TRACEBACKS:,} more kinds of errors have tracebacks."))
    return blocks


def _last_traceback(material: Material) -> str:
    """The traceback of the newest try of the state at which it failed."""
    for visit in reversed(material.visits):
        if visit.path == material.record.failed_path:
            for attempt in reversed(visit.attempts):
                trace = (material.outputs.get((visit.frame, attempt.token)) or ((), (), None))[2]
                if trace:
                    return trace
    return ""


def _tail(trace: str, limit: int) -> str:
    """A traceback's end: there stands what went wrong."""
    return trace if len(trace) <= limit else f"({len(trace) - limit:,} characters before) …{trace[-limit:]}"


# --------------------------------------------------------------------------- what it was given, and what it was made of


def parameters(material: Material, limits: Limits) -> Section:
    """The input, value by value, and the tags."""
    record = material.record
    clean = redact(record.input)
    blocks: list[Block] = []
    if isinstance(clean, (dict, list)) and clean:
        rows = [(name(path), short(value)) for path, value in leaves(clean)]
        blocks.append(cropped(("parameter", "value"), rows, limits.rows, "parameters"))
        blocks.append(Fold("The input as JSON", [payload(record.input, limits.text)]))
    else:
        blocks.append(payload(record.input, limits.text))
    if record.tags:
        tags = redact(record.tags)
        blocks += [Prose("Tags"), Facts([(text(k, 80), short(v)) for k, v in tags.items()])]
    return Section("parameters", "Parameters", blocks, again("parameters"))


def definition(material: Material, limits: Limits) -> Section | None:
    """The definition, as it was when the execution was started."""
    document = material.definition
    if document is None:
        return None
    comment = document.get("Comment")
    said: list[Block] = [Prose(text(comment))] if isinstance(comment, str) and comment else []
    shown = json.dumps(redact(document), ensure_ascii=False, indent=2, default=str)
    return Section("definition", "Definition", [*said, Code(cut(shown, limits.source), "json")], again("definition"))


def functions(material: Material, limits: Limits) -> Section | None:
    """The source of the functions behind the tasks, as this kernel knows them."""
    tell = getattr(material.view, "function_sources", None)
    sources: dict[str, str] = tell(50) if tell is not None else {}
    if not sources:
        return None
    blocks: list[Block] = []
    for key, source in sources.items():
        blocks += [Prose(name(key)), Code(text(source.rstrip(), limits.source), "python")]
    return Section("functions", "Functions", blocks, again("functions"))


def logs(material: Material, limits: Limits) -> Section | None:
    """What the functions printed and logged, the newest lines."""
    if not material.visits:
        return None
    lines: list[tuple[int, str, str, str]] = []
    for visit in material.visits:
        for attempt in visit.attempts:
            kept = material.outputs.get((visit.frame, attempt.token))
            if kept and kept[0]:
                words = redact_lines([str(line) for _, _, line in kept[0]])
                lines += [(at, visit.path, stream, word) for (at, stream, _), word in zip(kept[0], words, strict=True)]
    if not lines:
        return None
    lines.sort(key=lambda line: line[0])
    shown = lines[-limits.lines :]
    zero = material.record.started_us
    body = "\n".join(f"{(at - zero) / 1e6:8.2f} s  {name(path, 60)}  {text(word.rstrip(), 500)}" for at, path, _, word in shown)
    left = [Prose(f"The newest {len(shown):,} of {len(lines):,} lines are shown.")] if len(shown) < len(lines) else []
    return Section("logs", "Printed lines", [Fold(count(len(shown), "line"), [Code(body)]), *left], "run.logs()")


def provenance(material: Material, limits: Limits) -> Section:
    """Where it all comes from: ids, hashes, who started it and when, and what made this report."""
    record = material.record
    rows = [
        ("execution", name(record.id)), ("state machine", name(record.machine_id)), ("definition hash", record.digest), ("dialect", record.dialect),
        ("type", record.type), ("ran on", record.backend), ("started by", material.started_by()), ("started", moment(record.started_us)),
        ("ended", moment(record.finished_us)), ("redrives", str(record.redrives)), ("events", f"{material.events:,}"),
    ]  # fmt: skip
    made = [("Python", platform.python_version()), *((p, _version(p)) for p in PACKAGES), ("system", f"{platform.system()} {platform.machine()}")]
    blocks: list[Block] = [Facts([row for row in rows if row[1]]), Prose("Made with"), Facts(made)]
    return Section("provenance", "Environment and provenance", blocks, again("provenance"))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


__all__ = ["again", "count", "definition", "errors", "functions", "logs", "moment", "parameters", "provenance", "verdict"]
