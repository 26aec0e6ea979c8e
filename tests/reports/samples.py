"""Executions that the tests of reports share: one with everything in it, one full of hostile texts, one full of secrets."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path
from typing import Any

import asw_nb as asw
from asw_nb.reports.make import report

NIGHTLY = {
    "Comment": "load every table",
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.tables",
            "MaxConcurrency": 2,
            "ItemProcessor": {
                "StartAt": "Load",
                "States": {
                    "Load": {
                        "Type": "Task",
                        "Resource": "load",
                        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}],
                        "Catch": [{"ErrorEquals": ["LookupError"], "ResultPath": "$.problem", "Next": "Skipped"}],
                        "End": True,
                    },
                    "Skipped": {"Type": "Pass", "End": True},
                },
            },
            "ResultPath": "$.loaded",
            "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": True, "Next": "Broken"}],
            "Default": "Done",
        },
        "Broken": {"Type": "Fail", "Error": "NotEnough", "Cause": "too few rows"},
        "Done": {"Type": "Succeed"},
    },
}
TABLES = ["orders", "users", "lost", "slow"]


def load(event: Any, context: Any) -> Any:
    """The function behind `NIGHTLY`: one table is busy at first, one does not exist."""
    print("loading", event["table"])
    for step in range(3):
        context.metric(step=step, loss=1 / (1 + step) / event["rate"])
    if event["table"] == "lost":
        raise LookupError("no such table")
    if event["table"] == "slow" and context.attempt == 1:
        raise asw.TaskError("Busy", "lock timeout")
    return {"table": event["table"], "rows": 1200}


def nightly(fail: bool = False, tables: list[str] | None = None, **options: Any) -> Any:
    """An execution of `NIGHTLY`, its waits taking no time."""
    rows = [{"table": t, "rate": 1 + i} for i, t in enumerate(TABLES if tables is None else tables)]
    given = {"tables": rows, "fail": fail}
    return asw.run(NIGHTLY, given, workflow="nightly", functions={"load": load}, clock=asw.VirtualClock(), **options)


HOSTILE = [
    "<script>window.hit = 1</script>",
    "</script><script>window.hit = 2</script>",
    "<img src=x onerror='window.hit = 3'>",
    '"><svg onload=window.hit=4>',
    "javascript:window.hit=5",
    "[click](javascript:window.hit=6)",
    "```\n<script>window.hit = 7</script>\n```",
    "</pre></details></style><iframe srcdoc='<script>parent.hit=8</script>'>",
    "| a | b |\n|---|---|",
    "# heading\n- list\n1. list",
    "${alert(1)} {{7*7}} {% raw %}",
    "\u202egnp.exe \x00 \x1b[31m \ud800 \ufffe",
    "&lt;script&gt;window.hit=9&lt;/script&gt;",
    "']]><!--",
    "数据\u2028库 \u2029",
    "$\\href{javascript:window.hit=10}{x}$",
    "A" * 50_000,
]


def hostile() -> Any:
    """An execution in which every text that a user can write is one of `HOSTILE`."""

    def say(event: Any, context: Any) -> Any:
        for line in HOSTILE:
            context.log(line)
            context.metric(step=1, **{line[:60]: 1.0})
        raise asw.TaskError(HOSTILE[0], "\n".join(HOSTILE))

    sound = [text for text in HOSTILE if "\ud800" not in text]  # half a surrogate pair is no JSON; a printed line may hold it
    names = [text[:70] for text in sound]
    states: dict[str, Any] = {}
    for name, text, following in zip(names, sound, [*names[1:], None], strict=True):
        states[name] = {"Type": "Pass", "Comment": text, **({"Next": following} if following else {"End": True})}
    caught = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": names[1]}
    states[names[0]] = {"Type": "Task", "Resource": "say", "Catch": [caught], "Next": names[1]}
    definition = {"Comment": HOSTILE[1], "StartAt": names[0], "States": states}
    given = {"texts": sound, **{text[:40]: i for i, text in enumerate(sound)}}
    return asw.run(definition, given, workflow="hostile", functions={"say": say}, tags={"<b>": HOSTILE[2]})


SECRETS = ["hunter2xyz", "s3cr3t-0", "tok-111222", "pw-in-url", "bearer-abcdef99", "AKIA-private", "cookie-monster", "in-the-definition", "in-the-source-4"]


def secretive() -> Any:
    """An execution whose every place holds one of `SECRETS`."""

    def connect(event: Any, context: Any) -> Any:
        password = "in-the-source-4"
        print("connecting with password=hunter2xyz to postgres://lucy:pw-in-url@db/x")
        print("Authorization: Bearer bearer-abcdef99")
        if context.attempt == 1:
            raise ValueError(f"login failed: api_key=AKIA-private, token: {event['token']}, {len(password)}")
        return {"session_cookie": "cookie-monster", "rows": 1, "note": "password=hunter2xyz"}

    definition = {
        "StartAt": "Connect",
        "States": {
            "Connect": {
                "Type": "Task",
                "Resource": "connect",
                "Parameters": {"token.$": "$.token", "password": "in-the-definition"},
                "Retry": [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                "End": True,
            }
        },
    }
    given = {"token": "tok-111222", "nested": [{"client_secret": "s3cr3t-0"}], "url": "https://lucy:pw-in-url@host/"}
    run = asw.run(definition, given, workflow="secretive", functions={"connect": connect}, clock=asw.VirtualClock(), tags={"password": "hunter2xyz"})
    assert run.status == "SUCCEEDED"
    return run


def unpacked(text: str) -> str:
    """The text with everything that is packed in it: pictures in data URIs, and the data of charts."""
    parts = [text]
    for blob in re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", text):
        parts.append(base64.b64decode(blob).decode())
    for blob in re.findall(r'<script type="text/plain">([A-Za-z0-9+/=]+)</script>', text):
        parts.append(zlib.decompress(base64.b64decode(blob)).decode())
    return "\n".join(parts)


def written(run: Any, folder: Path, suffix: str, **options: Any) -> str:
    """The report's text."""
    return report(run, folder / f"report{suffix}", **options).read_text(encoding="utf-8")
