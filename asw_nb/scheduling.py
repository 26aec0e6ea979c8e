"""`asw.schedule`: executions that start by themselves, while this kernel lives.

One thread sleeps until the next moment of any schedule; it is there only while there are schedules. Moments are those of the wall clock, so a
machine that slept catches up with one execution, not with all that it missed. Nothing of a schedule is written down: see
``docs/decisions/0008-schedules-live-in-the-kernel.md``."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from asw_nb.errors import MissingDependency, UsageError, did_you_mean
from asw_nb.launch import given_input
from asw_nb.workflows import OPTIONS, Workflow

if TYPE_CHECKING:
    import pandas

    from asw_nb.handle import Execution

KEPT = 100
"""Executions that a schedule remembers; the history has them all."""

LOOK_S = 30.0
"""The thread sleeps no longer: a machine that is suspended stops the clock that it sleeps by, and not the wall clock."""

_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)")


def _now() -> datetime:
    return datetime.now(UTC)


class When(Protocol):
    """The moments of a schedule."""

    @property
    def text(self) -> str: ...

    def after(self, moment: datetime) -> datetime | None:
        """The first one after that moment, in UTC; None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again, counted from the moment when it was said."""

    text: str
    since: datetime
    length: timedelta

    def after(self, moment: datetime) -> datetime:
        return self.since + self.length * max(1, (moment - self.since) // self.length + 1)


@dataclass(frozen=True, slots=True)
class Once:
    """At one moment."""

    text: str
    at: datetime

    def after(self, moment: datetime) -> datetime | None:
        return self.at if self.at > moment else None


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in a time zone."""

    text: str
    expression: str
    zone: tzinfo

    def after(self, moment: datetime) -> datetime | None:
        from cronsim import CronSim

        found = next(CronSim(self.expression, moment.astimezone(self.zone)), None)
        return None if found is None else found.astimezone(UTC)


class Schedule:
    """Executions of a workflow that start by themselves, until it is cancelled or the kernel ends.

    Attributes
    ----------
    number : int
    workflow : str
    when : str
    next : datetime or None
        When the next one starts (UTC); None when there is none any more.
    runs : list of Execution
        The newest that it has started, oldest first.
    started, skipped : int
        How many were started, and how many times it was left out because the one before still ran.
    error : str or None
        Why the newest could not be started.
    """

    def __init__(self, number: int, flow: Workflow, when: When, input: Any, overlap: bool, options: dict[str, Any]) -> None:
        self.number, self.workflow, self.when = number, flow.name, when.text
        self._flow, self._when, self._input, self._overlap, self._options = flow, when, input, overlap, options
        self.next = when.after(_now())
        self.runs: list[Execution] = []
        self.started = self.skipped = 0
        self.error: str | None = None

    def cancel(self) -> None:
        """Start nothing more; what runs goes on."""
        with _changed:
            self.next = None
            _changed.notify_all()

    def fire(self, now: datetime) -> None:
        """Start an execution when its moment has come; of several missed moments, one."""
        with _changed:
            due = self.next
            if due is None or due > now:
                return
            self.next = self._when.after(now)
        if not self._overlap and self.runs and self.runs[-1].status == "RUNNING":
            self.skipped += 1
            return
        try:
            given = self._input(due) if callable(self._input) else self._input
            execution = self._flow.start(given, **self._options)
        except Exception as problem:  # told where one looks; the next moment is another try
            self.error = f"{type(problem).__name__}: {problem}"
            return
        self.error = None
        self.started += 1
        self.runs = [*self.runs, execution][-KEPT:]

    def __repr__(self) -> str:
        to_come = f"next {self.next:%Y-%m-%d %H:%M:%S} UTC" if self.next is not None else "nothing more"
        words = [f"asw schedule {self.number} of {self.workflow}", self.when, to_come, f"{self.started} started"]
        words += [f"{self.skipped} skipped"] if self.skipped else []
        words += [self.error] if self.error else []
        return " | ".join(words)


# --------------------------------------------------------------------------- all of this kernel

_changed = threading.Condition()
_all: dict[int, Schedule] = {}
_thread: threading.Thread | None = None


def _live() -> None:
    global _thread
    while True:
        with _changed:
            moments = [one.next for one in _all.values() if one.next is not None]
            if not moments:
                _thread = None
                return
            rest_s = (min(moments) - _now()).total_seconds()
            if rest_s > 0:
                _changed.wait(min(rest_s, LOOK_S))
                continue
            due = list(_all.values())
        now = _now()
        for one in due:
            one.fire(now)


def schedule(
    flow: Any, input: Any = None, *, every: str | float | timedelta | None = None, cron: str | None = None, at: str | datetime | None = None, tz: str = "UTC",
    overlap: bool = False, **options: Any,
) -> Schedule:  # fmt: skip
    """Start executions of a workflow again and again, or once later, while this kernel lives.

    Schedules are gone with the kernel; an execution that runs then is in the history, and `asw_nb.resume` goes on with it. What must not depend
    on a kernel belongs to cron or a timer of the system: ``asw-nb run``.

    Parameters
    ----------
    flow : Workflow
    input : JSON value or callable
        The input of each, or a function of the moment (a datetime in UTC) that makes it.
    every : str, float or timedelta
        ``"15m"``, ``"2h"``, seconds: the first one after that time.
    cron : str
        ``"0 2 * * *"``; needs ``pip install "asw_nb[schedule]"``.
    at : str or datetime
        Once, then: ``"2026-12-01T02:00"``.
    tz : str
        The time zone of `cron`, and of an `at` that names none: ``"Europe/Paris"``.
    overlap : bool
        Start also when the one before still runs; otherwise that moment is skipped.
    options
        Of every execution, as for `asw_nb.run`.

    Returns
    -------
    Schedule

    Raises
    ------
    UsageError
        An argument is wrong, or it would never start anything.
    MissingDependency

    Examples
    --------
    >>> flow = Workflow({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "nightly")
    >>> hourly = schedule(flow, every="1h")
    >>> hourly.when, hourly.started
    ('every 1h', 0)
    >>> hourly.cancel()
    """
    global _thread
    if not isinstance(flow, Workflow):
        raise UsageError(f"schedule() takes a workflow, such as asw_nb.workflow(...) gives, not {flow!r:.60}.")
    flow._plan(flow.dialect)  # one that is open cannot be started
    if "name" in options:
        raise UsageError("each execution of a schedule has a name of its own: leave name= out.")
    for word in options:
        if word not in OPTIONS:
            raise UsageError(f'"{word}" is no option of an execution.{did_you_mean(word, OPTIONS)} Options: {", ".join(sorted(OPTIONS - {"name"}))}.')
    if not callable(input):
        input = given_input(input)
    when = _when(every, cron, at, tz)
    if when.after(_now()) is None:
        raise UsageError(f"{when.text} is in the past: nothing would start.")
    options["tags"] = {"schedule": when.text, **(options.get("tags") or {})}
    with _changed:
        made = Schedule(max(_all, default=0) + 1, flow, when, input, overlap, options)
        _all[made.number] = made
        if _thread is None:
            _thread = threading.Thread(target=_live, name="asw-schedule", daemon=True)
            _thread.start()
        _changed.notify_all()
    return made


def schedules() -> pandas.DataFrame:
    """The schedules of this kernel, one row each: number, workflow, when, next, started, skipped, running, error."""
    import pandas

    rows = [
        (s.number, s.workflow, s.when, s.next, s.started, s.skipped, sum(run.status == "RUNNING" for run in s.runs), s.error)
        for s in list(_all.values())
    ]  # fmt: skip
    table = pandas.DataFrame(rows, columns=["number", "workflow", "when", "next", "started", "skipped", "running", "error"])
    table["next"] = pandas.to_datetime(table["next"], utc=True).astype("datetime64[us, UTC]")
    return table


def find(number: str) -> list[Schedule]:
    """The schedule of that number, or ``"all"`` that may still start something.

    Raises
    ------
    UsageError
    """
    if number == "all":
        return [one for one in _all.values() if one.next is not None]
    if not number.isdigit() or int(number) not in _all:
        known = ", ".join(map(str, _all)) or "none"
        raise UsageError(f'there is no schedule "{number}". Schedules of this kernel: {known}; or all.')
    return [_all[int(number)]]


# --------------------------------------------------------------------------- when


def _when(every: Any, cron: Any, at: Any, tz: Any) -> When:
    given = [word for word, value in (("every", every), ("cron", cron), ("at", at)) if value is not None]
    if len(given) != 1:
        said = f"not {' and '.join(given)} together" if given else "none was given"
        raise UsageError(f'say when, with one of every="15m", cron="0 2 * * *" and at="2026-12-01T02:00": {said}.')
    zone = _zone(tz)
    if every is not None:
        return _every(every)
    return _at(at, zone) if at is not None else _cron(cron, zone, tz)


def _zone(name: Any) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise UsageError(f'tz={name!r} is no time zone: write "UTC", or a place such as "Europe/Paris".') from None


def _every(every: Any) -> Every:
    text, length = str(every), every
    if isinstance(every, str):
        found = _LENGTH.fullmatch(every.strip())
        length = timedelta(seconds=float(found[1]) * _UNITS_S[found[2]]) if found is not None else None
    elif isinstance(every, (int, float)) and not isinstance(every, bool):
        text, length = f"{every:g}s", timedelta(seconds=every)
    if not isinstance(length, timedelta) or length < timedelta(seconds=1):
        raise UsageError(f'every={every!r} must be a second or more, such as "30s", "15m", "2h", "1d", or a timedelta.')
    return Every(f"every {text}", _now(), length)


def _at(at: Any, zone: tzinfo) -> Once:
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    except (ValueError, TypeError):
        raise UsageError(f'at={at!r} is no moment: write "2026-12-01T02:00", or give a datetime.') from None
    moment = (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(UTC)
    return Once(f"at {moment:%Y-%m-%d %H:%M:%S} UTC", moment)


def _cron(expression: Any, zone: tzinfo, tz: str) -> Cron:
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:
        raise MissingDependency("cronsim", "schedule") from None
    try:
        CronSim(expression, _now())
    except (CronSimError, AttributeError, TypeError) as problem:
        raise UsageError(
            f"cron={expression!r} is no cron expression ({problem}): write minute, hour, day of the month, month and day of the week, such as "
            '"0 2 * * *" or "*/15 8-18 * * MON-FRI".'
        ) from None
    return Cron(f"cron {expression}" + ("" if tz == "UTC" else f" ({tz})"), expression, zone)


__all__ = ["Schedule", "find", "schedule", "schedules"]
