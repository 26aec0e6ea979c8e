"""What tasks print goes to their attempts, and only what tasks print."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import asw_nb as asw
from asw_nb.backends import capture
from asw_nb.backends.capture import Lines

DEFINITION = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": True}}}


@contextlib.contextmanager
def bare_root_logger() -> Iterator[None]:
    """pytest has handlers of its own on the root logger while a test runs; a notebook has none."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    root.handlers[:] = []
    try:
        yield
    finally:
        root.handlers[:] = kept
        root.setLevel(level)


def printed(function: Any, **options: Any) -> list[list[str]]:
    run = asw.run(DEFINITION, functions={"f": function}, **options)
    assert run.status == "SUCCEEDED", run.cause
    return run.logs()[["stream", "line"]].values.tolist()


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_prints_are_in_the_logs_and_not_on_the_screen(executor: str, capsys: pytest.CaptureFixture[str]) -> None:
    def speaks(event: Any) -> None:
        print("one\ntwo")
        print("no newline", end="")
        print("wrong", file=sys.stderr)
        sys.stdout.flush()

    lines = printed(speaks, executor=executor)
    assert lines == [["stdout", "one"], ["stdout", "two"], ["stderr", "wrong"], ["stdout", "no newline"]]
    print("the test itself")
    assert capsys.readouterr() == ("the test itself\n", "")


def test_a_thread_without_a_task_prints_where_it_always_did(capsys: pytest.CaptureFixture[str]) -> None:
    meet, told = threading.Barrier(2, timeout=30), threading.Event()

    def speaks(event: Any) -> None:
        meet.wait()
        print("from the task")
        assert told.wait(30)

    run = asw.workflow(DEFINITION).start({}, functions={"f": speaks})
    meet.wait()
    print("from the notebook")
    told.set()
    assert run.wait(30)["A"].logs == ["from the task"]
    assert capsys.readouterr().out == "from the notebook\n"


def test_each_attempt_has_its_own_lines() -> None:
    def flaky(event: Any, context: Any) -> None:
        print("attempt", context.attempt)
        if context.attempt == 1:
            raise ValueError

    state = {**DEFINITION["States"]["A"], "Retry": [{"ErrorEquals": ["ValueError"]}]}  # type: ignore[index]
    definition = {"StartAt": "A", "States": {"A": state}}
    run = asw.run(definition, functions={"f": flaky}, clock=asw.VirtualClock())
    assert run.logs()[["attempt", "line"]].values.tolist() == [[1, "attempt 1"], [2, "attempt 2"]]


def test_records_of_logging_are_lines_too() -> None:
    def logs(event: Any) -> None:
        logging.getLogger("etl.load").warning("3 rows\nleft out")
        logging.getLogger("etl.load").info("too quiet for the level")

    with bare_root_logger():
        assert printed(logs) == [["logging", "WARNING etl.load: 3 rows"], ["logging", "left out"]]


def test_a_handler_that_prints_to_the_task_is_not_repeated() -> None:
    def logs(event: Any) -> None:
        logging.basicConfig(format="mine: %(message)s")
        logging.getLogger("etl").warning("careful")

    with bare_root_logger():
        assert printed(logs) == [["stderr", "mine: careful"]]


def test_the_notebooks_own_logging_works_as_without_us(capsys: pytest.CaptureFixture[str]) -> None:
    printed(lambda event: print("a task ran before"))
    with bare_root_logger():
        logging.getLogger("notebook").warning("nothing is configured, a warning still shows")
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
        logging.getLogger("notebook").info("configured")
    assert capsys.readouterr() == ("INFO configured\n", "nothing is configured, a warning still shows\n")


def test_a_stream_that_was_exchanged_is_routed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    fresh = io.StringIO()
    monkeypatch.setattr(sys, "stdout", fresh)
    assert printed(lambda event: print("kept")) == [["stdout", "kept"]]
    print("shown")
    assert fresh.getvalue() == "shown\n"
    assert sys.stdout.getvalue() == "shown\n"  # type: ignore[attr-defined]


def test_lines_are_cut_where_they_end() -> None:
    lines = Lines(asw.VirtualClock(7e-6))
    for stream, text in (("stdout", "a"), ("stderr", "x\n"), ("stdout", "b\nc\n\n"), ("stdout", "d")):
        lines.write(stream, text)
    assert lines.close() == [(7, *row) for row in (
        ("stderr", "x"), ("stdout", "ab"), ("stdout", "c"), ("stdout", ""), ("stdout", "d"),
    )]  # fmt: skip


def test_too_many_lines_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "MAX_LINES", 2)
    lines = Lines(asw.VirtualClock(7e-6))
    lines.write("stdout", "1\n2\n3\n4\n5")
    assert lines.close() == [
        (7, "stdout", "1"),
        (7, "stdout", "2"),
        (7, "log", "... 3 more lines were printed and not kept"),
    ]
