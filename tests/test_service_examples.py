"""What the documents and published samples of Tencent ASW, and the States Language specification, say that a workflow gives.

Each example is a behaviour that those texts show, told with states and data of our own: a weather service that gathers
readings, orders tea and transcribes calls. One test runs them all through the public functions.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import asw_nb as asw

CLOUD = "qrn:qcs:asw:ap-shanghai:1250000000:sdk:json:qcloud:"


def scf(function: str, tail: str = "", **fields: Any) -> dict[str, Any]:
    """A Task that invokes a cloud function; the last state unless it has a Next."""
    return task(f"scf:Invoke/{function}{tail}", **fields)


def task(action: str, **fields: Any) -> dict[str, Any]:
    return ending({"Type": "Task", "Resource": CLOUD + action, **fields})


def pass_(**fields: Any) -> dict[str, Any]:
    return ending({"Type": "Pass", **fields})


def ending(state: dict[str, Any]) -> dict[str, Any]:
    return state if "Next" in state else {**state, "End": True}


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    """A machine that starts at the first of its states."""
    return {"StartAt": next(iter(states)), "States": states}


def failing(*errors: str) -> Callable[[Any], Any]:
    """A function that fails with these error names, one after the other; the last one for ever."""
    left = list(errors)

    def fail(event: Any) -> Any:
        raise asw.TaskError(left.pop(0) if len(left) > 1 else left[0])

    return fail


def rounded_mean(numbers: list[float]) -> int:
    """Half goes up: what JavaScript's Math.round does."""
    return math.floor(sum(numbers) / len(numbers) + 0.5)


@dataclass
class Example:
    """One workflow with its input, and everything that the sources say about its run.

    `calls` are the events that each function got (in the order of the items, for a Map), `gaps_s` the seconds between
    the attempts of the first state.
    """

    name: str
    definition: dict[str, Any]
    input: Any
    output: Any = None
    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    path: list[str] | None = None
    error: str | None = None
    calls: dict[str, list[Any]] = field(default_factory=dict)
    gaps_s: list[float] | None = None


STATION = machine(
    Season={
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.frost", "BooleanEquals": True, "Next": "Heat"},
            {"Variable": "$.hour", "NumericEquals": 6, "Next": "Wake"},
        ],
        "Default": "Sleep",
    },
    Heat=pass_(Comment="pipes first"),
    Wake=pass_(),
    Sleep=pass_(),
)

READINGS = [
    {"site": "harbour", "mm": [1, 2, 4, 3]},
    {"site": "ridge", "mm": [12, 9]},
    {"site": "airport", "mm": [7]},
    {"site": "mill", "mm": [0, 0, 1, 1]},
]
RAINFALL = {"month": "2024-05", "report": {"network": "N-7", "rows": READINGS}}
MEANS = [
    {"site": "harbour", "mean": 3},
    {"site": "ridge", "mean": 11},
    {"site": "airport", "mean": 7},
    {"site": "mill", "mean": 1},
]


def rainfall_map(**fields: Any) -> dict[str, Any]:
    """A Map over the rows below `report`, whose results take their place."""
    select = {"site.$": "$.where", "mean.$": "$.mm"}
    return {
        **machine(
            Begin=pass_(Next="EachSite"),
            EachSite={
                "Type": "Map",
                "InputPath": "$.report",
                "ItemsPath": "$.rows",
                "ResultPath": "$.report.rows",
                "MaxConcurrency": 2,
                "Iterator": machine(Mean=scf("mean", ResultSelector=select)),
                "End": True,
                **fields,
            },
        ),
        "TimeoutSeconds": 10_000_000,
    }


TEAPOTS = [{"id": 31, "paid": 12, "cost": 9}, {"id": 44, "paid": 8, "cost": 8}, {"id": 58, "paid": 20, "cost": 5}]
TEA_SHOP = machine(
    Basket=scf("basket", Next="EachPot"),
    EachPot={
        "Type": "Map",
        "ItemsPath": "$.pots",
        "MaxConcurrency": 6,
        "Iterator": machine(
            Split=scf("split", Next="Book"),
            Book={
                "Type": "Parallel",
                "Branches": [
                    machine(Stock=scf("stock", InputPath="$.item")),
                    machine(Money=scf("money", InputPath="$.gain")),
                    machine(Returns=scf("returns", InputPath="$.back")),
                ],
                "End": True,
            },
        ),
        "End": True,
    },
)

HOTLINE = machine(
    上传录音=task(
        "asr:startJob",
        Parameters={"Engine": "8k_zh", "Channels": 2, "File.$": "$.Recording"},
        OutputPath="$.Response.Data",
        Next="查询结果",
    ),
    查询结果=task("asr:awaitJob", Parameters={"Job.$": "$.Job"}, Next="提取主题"),
    提取主题=task("nlp:Topics", Parameters={"Words.$": "$.Response.Data.Words", "Most": 3}),
)

EXAMPLES = [
    Example(
        "the Result of a Pass goes where ResultPath points",
        machine(Stamp=pass_(Result={"unit": "mm", "scale": "10"}, ResultPath="$.gauge", Next="Keep"), Keep=pass_()),
        {"station": "Lucerne"},
        {"station": "Lucerne", "gauge": {"unit": "mm", "scale": "10"}},
        path=["Stamp", "Keep"],
    ),
    Example(
        "a rule that does not match leaves the next one to decide",
        STATION,
        {"station": "N1", "frost": False, "hour": 6},
        {"station": "N1", "frost": False, "hour": 6},
        path=["Season", "Wake"],
    ),
    Example(
        "of two rules that match the first one wins",
        STATION,
        {"station": "N2", "frost": True, "hour": 6},
        {"station": "N2", "frost": True, "hour": 6},
        path=["Season", "Heat"],
    ),
    Example(
        "without a matching rule the Default is taken",
        STATION,
        {"station": "N3", "frost": False, "hour": 22},
        {"station": "N3", "frost": False, "hour": 22},
        path=["Season", "Sleep"],
    ),
    Example(
        "the results of a Map replace the items inside the raw input, in their order",
        rainfall_map(),
        RAINFALL,
        {"month": "2024-05", "report": {"network": "N-7", "rows": MEANS}},
        {"mean": lambda event: {"where": event["site"], "mm": rounded_mean(event["mm"])}},
        calls={"mean": READINGS},
    ),
    Example(
        "Parameters of a Map see the state's input and, in the context object, the item",
        rainfall_map(Parameters={"network.$": "$.network", "row.$": "$$.Map.Item.Value"}),
        RAINFALL,
        {"month": "2024-05", "report": {"network": "N-7", "rows": MEANS}},
        {"mean": lambda event: {"where": event["row"]["site"], "mm": rounded_mean(event["row"]["mm"])}},
        calls={"mean": [{"network": "N-7", "row": row} for row in READINGS]},
    ),
    Example(
        "one function, named with its alias and namespace, gives a bare number",
        machine(total=scf("total", "/$DEFAULT/default", Comment="adds")),
        {"mm": [4, 0, 11, 2]},
        17,
        {"total": lambda event: sum(event["mm"])},
        path=["total"],
    ),
    Example(
        "each item of an array is one call",
        machine(
            EachWeek={
                "Type": "Map",
                "ItemsPath": "$.weeks",
                "ResultPath": "$.totals",
                "MaxConcurrency": 2,
                "Iterator": machine(Total=scf("total", "/$DEFAULT/default")),
                "Next": "Done",
            },
            Done=pass_(),
        ),
        {"weeks": [{"mm": [1, 2]}, {"mm": [5]}, {"mm": [-1, 1]}]},
        {"weeks": [{"mm": [1, 2]}, {"mm": [5]}, {"mm": [-1, 1]}], "totals": [3, 5, 0]},
        {"total": lambda event: sum(event["mm"])},
        calls={"total": [{"mm": [1, 2]}, {"mm": [5]}, {"mm": [-1, 1]}]},
    ),
    Example(
        "a Parallel inside a Map gives one list of branch results for each item",
        TEA_SHOP,
        {"from": "counter"},
        [["31 sold", "gain 3", "no return"], ["44 sold", "gain 0", "no return"], ["58 sold", "gain 15", "no return"]],
        {
            "basket": lambda event: {"pots": TEAPOTS},
            "split": lambda pot: {"item": {"id": pot["id"]}, "gain": {"sum": pot["paid"] - pot["cost"]}, "back": {}},
            "stock": lambda item: f"{item['id']} sold",
            "money": lambda gain: f"gain {gain['sum']}",
            "returns": lambda back: "no return",
        },
        calls={"basket": [{"from": "counter"}], "split": TEAPOTS, "returns": [{}, {}, {}]},
    ),
    Example(
        "a cloud service answers in a Response envelope, which paths open",
        HOTLINE,
        {"Recording": "https://calls.example/0815.wav"},
        {"Response": {"Topics": ["rain", "tea"], "RequestId": "t-3"}},
        {
            "asr:startJob": lambda event: {"Response": {"Data": {"Job": 70112}, "RequestId": "t-1"}},
            "asr:awaitJob": lambda event: {
                "Response": {"Data": {"Words": "rain tea", "Job": 70112}, "RequestId": "t-2"}
            },
            "nlp:Topics": lambda event: {"Response": {"Topics": event["Words"].split(), "RequestId": "t-3"}},
        },
        path=["上传录音", "查询结果", "提取主题"],
        calls={
            "asr:startJob": [{"Engine": "8k_zh", "Channels": 2, "File": "https://calls.example/0815.wav"}],
            "asr:awaitJob": [{"Job": 70112}],
            "nlp:Topics": [{"Words": "rain tea", "Most": 3}],
        },
    ),
    Example(
        "a Pass with nothing in it hands its input on",
        machine(One=pass_(Next="Two"), Two=pass_(Comment="传递", Next="Three"), Three=pass_()),
        {"greeting": "good morning", "n": 1},
        {"greeting": "good morning", "n": 1},
        path=["One", "Two", "Three"],
    ),
    Example(
        "a Type may be written in lower case",
        machine(
            Look={
                "Type": "choice",
                "Choices": [{"Variable": "$.Sky", "StringEquals": "clear", "Next": "Walk"}],
                "Default": "Fail",
            },
            Walk=pass_(),
            Fail=pass_(Comment="only a name"),
        ),
        {"Sky": "clear"},
        {"Sky": "clear"},
        path=["Look", "Walk"],
    ),
    Example(
        "InputPath narrows what the function gets, ResultPath adds its result to the whole",
        machine(Area=scf("area", InputPath="$.field", ResultPath="$.area")),
        {"owner": "Ines", "field": {"width": 6, "depth": 7}},
        {"owner": "Ines", "field": {"width": 6, "depth": 7}, "area": 42},
        {"area": lambda event: event["width"] * event["depth"]},
        calls={"area": [{"width": 6, "depth": 7}]},
    ),
    Example(
        "ResultPath makes the levels that are missing",
        machine(Name=scf("name", ResultPath="$.labels.short")),
        {"id": 5},
        {"id": 5, "labels": {"short": "five"}},
        {"name": lambda event: "five"},
    ),
    Example(
        "ResultPath replaces what stands there",
        machine(Count=scf("count", ResultPath="$.log.lines")),
        {"log": {"lines": ["a", "b"]}},
        {"log": {"lines": 2}},
        {"count": lambda event: len(event["log"]["lines"])},
    ),
    Example(
        "ResultPath cannot add a field to a text",
        machine(Tag=pass_(Result=True, ResultPath="$.seen")),
        "only text",
        error="States.ResultPathMatchFailure",
        path=["Tag"],
    ),
    Example(
        "a path with several hits gives the list of them",
        machine(Ends=pass_(InputPath="$.stops[0,3]")),
        {"stops": ["Chur", "Thusis", "Tiefencastel", "Samedan"]},
        ["Chur", "Samedan"],
    ),
    Example(
        "numbers keep every digit, and keys their hyphens",
        machine(Place=pass_(Result={"lon-deg": 8.306111111111111, "lat-deg": 47.0501}, ResultPath="$.at")),
        {"station": "Lucerne"},
        {"station": "Lucerne", "at": {"lon-deg": 8.306111111111111, "lat-deg": 47.0501}},
    ),
    Example(
        "branches get the same input and answer in their order",
        machine(
            Both={
                "Type": "Parallel",
                "Branches": [machine(Sum=scf("sum")), machine(Difference=scf("difference"))],
                "End": True,
            }
        ),
        [9, 4],
        [13, 5],
        {"sum": lambda event: event[0] + event[1], "difference": lambda event: event[0] - event[1]},
        calls={"sum": [[9, 4]], "difference": [[9, 4]]},
    ),
    Example(
        "Parameters mix constants and paths at every depth",
        machine(Shape=pass_(Parameters={"draft": False, "range": {"from.$": "$.t[0]", "tail.$": "$.t[-2:]"}})),
        {"draft": "ignored", "t": [3, 5, 8, 13]},
        {"draft": False, "range": {"from": 3, "tail": [8, 13]}},
    ),
    Example(
        "each retry waits longer than the one before, then the error stays",
        machine(
            Slow=scf(
                "slow",
                Retry=[{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 1.5}],
            )
        ),
        {},
        functions={"slow": failing("States.Timeout")},
        error="States.Timeout",
        path=["Slow"],
        gaps_s=[2, 3, 4.5],
    ),
    Example(
        "every retrier counts its own attempts; one that is used up ends the retrying",
        machine(
            Try=scf(
                "moody",
                Retry=[
                    {"ErrorEquals": ["Busy", "Locked"], "IntervalSeconds": 1, "BackoffRate": 3, "MaxAttempts": 2},
                    {"ErrorEquals": ["Torn"], "IntervalSeconds": 7},
                ],
                Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.trouble", "Next": "Rescue"}],
                Next="Done",
            ),
            Done=pass_(),
            Rescue=pass_(Parameters={"name.$": "$.trouble.Error", "kept.$": "$.kept"}),
        ),
        {"kept": True},
        {"name": "Locked", "kept": True},
        functions={"moody": failing("Busy", "Locked", "Torn", "Locked")},
        path=["Try", "Rescue"],
        gaps_s=[1, 3, 7],
    ),
]


def spied(functions: dict[str, Callable[[Any], Any]], calls: dict[str, list[Any]]) -> dict[str, Callable[[Any], Any]]:
    """The same functions, which write their events down."""
    lock = threading.Lock()

    def spy(name: str, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def called(event: Any) -> Any:
            with lock:
                calls.setdefault(name, []).append(event)
            return call(event)

        return called

    return {name: spy(name, call) for name, call in functions.items()}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name.replace(" ", "_"))
def test_a_published_behaviour(example: Example) -> None:
    calls: dict[str, list[Any]] = {}
    run = asw.run(
        example.definition,
        example.input,
        functions=spied(example.functions, calls),
        clock=asw.VirtualClock(),
        workflow="w",
    )
    assert (run.status, run.error) == ("FAILED" if example.error else "SUCCEEDED", example.error)
    assert run.output == example.output
    if example.path is not None:
        assert list(run.states()["state"]) == example.path
    for function, events in example.calls.items():
        # two items of a Map may be called in either order
        assert sorted(calls[function], key=repr) == sorted(events, key=repr)
    if example.gaps_s is not None:
        tries = run.attempts()
        assert [
            (again - ended).total_seconds()
            for ended, again in zip(tries["finished"], tries["scheduled"][1:], strict=False)
        ] == example.gaps_s
        assert run.states()["wait_s"][0] == sum(example.gaps_s)


def test_the_items_of_a_map_are_a_table_of_their_own() -> None:
    definition = rainfall_map(Parameters={"network.$": "$.network", "row.$": "$$.Map.Item.Value"})
    functions = {"mean": lambda event: {"where": event["row"]["site"], "mm": rounded_mean(event["row"]["mm"])}}
    items = asw.run(definition, RAINFALL, functions=functions).map_items()
    assert list(items["index"]) == [0, 1, 2, 3]
    assert list(items["input"]) == [{"network": "N-7", "row": row} for row in READINGS]
    assert list(items["output"]) == MEANS
    assert list(items["status"]) == ["SUCCEEDED"] * 4


def test_at_most_two_items_are_in_flight() -> None:
    lock, both, now, most = threading.Lock(), threading.Barrier(2, timeout=20), 0, 0

    def mean(event: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        both.wait()  # the four items arrive in pairs, or the barrier breaks
        with lock:
            now -= 1
        both.wait()
        return {"where": event["site"], "mm": 0}

    run = asw.run(rainfall_map(), RAINFALL, functions={"mean": mean})
    assert (run.status, run.error, run.cause) == ("SUCCEEDED", None, None)
    assert most == 2


def test_a_run_reads_as_the_flat_history_of_the_service() -> None:
    functions = {
        "vod:split": lambda event: {"Response": {"TaskId": "v-1", "RequestId": "1"}},
        "vod:awaitSplit": lambda event: {"Response": {"Status": "FINISH", "RequestId": "2"}},
        "url": lambda event: {"URL": "https://vod.example/a.mp3"},
    }
    definition = machine(
        Film=pass_(Next="Split"),
        Split=task("vod:split", Next="AwaitSplit"),
        AwaitSplit=task("vod:awaitSplit", Next="Url"),
        Url=scf("url"),
    )
    run = asw.run(definition, {"Bucket": "films"}, functions=functions, clock=asw.VirtualClock(1_600_000_000.0))
    history = run.history(form="tencent")
    assert [(e["EventId"], e["EventCategory"], e["StepName"], e["ResourceName"]) for e in history] == [
        (1, "ExecutionStart", "START", ""),
        (2, "Unknown", "START", ""),
        (3, "PassNodeEnter", "Film", ""),
        (4, "PassNodeExit", "Film", ""),
        (5, "TaskNodeEnter", "Split", CLOUD + "vod:split"),
        (6, "TaskNodeExit", "Split", CLOUD + "vod:split"),
        (7, "TaskNodeEnter", "AwaitSplit", CLOUD + "vod:awaitSplit"),
        (8, "TaskNodeExit", "AwaitSplit", CLOUD + "vod:awaitSplit"),
        (9, "TaskNodeEnter", "Url", CLOUD + "scf:Invoke/url"),
        (10, "TaskNodeExit", "Url", CLOUD + "scf:Invoke/url"),
        (11, "Unknown", "END", ""),
    ]
    assert {e["Timestamp"] for e in history} == {"1600000000000"}
    assert run.output == {"URL": "https://vod.example/a.mp3"}


def test_a_start_that_differs_in_case_names_the_state_that_was_meant() -> None:
    definition = {"StartAt": "total", "States": {"Total": scf("total")}}
    with pytest.raises(asw.DefinitionError) as refused:
        asw.run(definition, {"mm": [1]}, functions={"total": lambda event: sum(event["mm"])})
    assert [(p.severity, p.code, p.location, p.message, p.fix) for p in refused.value.problems] == [
        ("ERROR", "MISSING_TRANSITION_TARGET", "/StartAt", "Missing 'Next' target: total", 'Did you mean "Total"?'),
    ]


def test_a_type_in_lower_case_is_a_warning() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "pass", "End": True}}}
    warned = [(p.severity, p.location, p.message, p.fix) for p in asw.validate(definition, dialect="tcsl")]
    assert warned == [("WARNING", "/States/A/Type", 'The type is spelled "Pass".', 'Write "Pass".')]
