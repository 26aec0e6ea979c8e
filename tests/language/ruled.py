"""What the tests of the rules share: small definitions, and the problems that are found in them."""

from __future__ import annotations

from asw_nb.language.reader import read
from asw_nb.language.rules import check

PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": "f", "End": True}
LAMBDA = "arn:aws:lambda:eu-west-1:123456789012:function:f"
QRN = "qrn:qcs:asw:ap-guangzhou:1250000000:sdk:json:qcloud:scf:Invoke/f"


def machine(**states):
    return {"StartAt": next(iter(states)), "States": states}


def found(definition, dialect="asl", type="STANDARD", **more):
    """(severity's first letter, code, location, message) of every problem."""
    problems = check(read(definition), dialect, type, **more)
    return [(p.severity[0], p.code, p.location, p.message) for p in problems]


def found_in(state, **more):
    """The problems of one state called A, without code and with the location inside it."""
    state = {"Type": "Task", "Resource": "f", "End": True} | state
    if state["Type"] not in ("Task", "task", ...):
        state = {key: value for key, value in state.items() if key != "Resource"}
    if state["Type"] in ("Choice", "Succeed", "Fail"):
        state = {key: value for key, value in state.items() if key != "End"}
    definition = machine(A={k: v for k, v in state.items() if v is not ...}, B=PASS)
    problems = [p for p in check(read(definition), **{"dialect": "asl", **more}) if "reachable" not in p.message]
    return [(p.severity[0], p.location.removeprefix("/States/A").lstrip("/"), p.message) for p in problems]


__all__ = ["LAMBDA", "PASS", "QRN", "TASK", "found", "found_in", "machine"]
