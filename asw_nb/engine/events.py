"""The event vocabulary: what one execution's log is made of.

An event is a plain tuple ``(kind, at, frame, ...)``. `at` is in microseconds since the execution's start, `frame` the
number of the cursor that it happened to (0 is the root; a branch or a Map item gets the next free number when it
starts). Tuples of small integers, because two of them are made for every state that runs: a record class costs three
times as much to make and to encode, and speed of a durable engine is the speed of its log (measured in
``benchmarks/``).

A payload stands in the log once. `MOVED` leaves the output out when it is the state's own input, `MOVED_RESULT` when
it is the result that an event before it brought; only `MOVED_WITH` carries a payload of its own.

The cloud's event names (``TaskStateEntered``, ``LambdaFunctionScheduled``...) are made from these by
`asw_nb.history.cloud`: one of ours is zero, one or two of theirs; `ExecutionState.event_id` counts in theirs, so that
texts such as "entered at the event id #4" agree with the export.

====  ==============  ==================================================  =================================================
kind  name            rest of the tuple                                   meaning
====  ==============  ==================================================  =================================================
0     STARTED                                                             the root frame enters StartAt with the input
1     MOVED           next                                                the state ends with its input as output
2     MOVED_RESULT    next                                                the state ends with the result as output
3     MOVED_WITH      next, output                                        the state ends with this output
4     SCHEDULED       input | SAME, timeout_s, heartbeat_s                order: run the task (an attempt begins)
5     SUCCEEDED       result, started, worker                             fact: the task's result
6     FAILED          error, cause, started, worker                       fact: the task failed
7     TIMED_OUT       error, cause, heartbeat                             fact: the task's time, or its heartbeat's, is over
8     RETRYING        due, retrier, error, cause                          order: enter the state again at `due`
9     WAITING         due                                                 order: the Wait state's timer
10    FIRED                                                               fact: the timer of RETRYING or WAITING is over
11    FORKED          input | SAME                                        a Parallel starts all its branches
12    MAP_STARTED     length, input | SAME [, items]                      a Map starts; its items come one by one
13    ITEM_STARTED    parent, index, input                                a Map item's frame enters the processor's StartAt
14    JOINED          [output]                                            all children of a Parallel or Map have ended well
15    CHILD_FAILED                                                        a branch or item ended with an error nobody caught
16    BROKE           error, cause                                        a Parallel or Map fails; what still ran in it is ended
17    ERRED           error, cause, field | FATAL | None                  a state failed by itself: Fail, an expression, no choice
18    GAVE_UP                                                             the failure of a Parallel or Map is final
19    ASSIGNED        variables                                           variables set by the state that is about to end
20    ENDED           status, error, cause                                the execution ends without success (frame is 0)
21    MAP_RUN_STARTED                                                     a distributed Map's child executions begin
22    SUBMITTED       output                                              fact: the call was accepted, its result comes later
23    PICKED_UP       worker                                              fact: an activity's worker has taken the task
24    ITEMS_ORDERED   request                                             order: read the items of a Map
25    ITEMS_KNOWN     length                                              fact: so many children will the Map have
26    RESULTS_ORDERED request                                             order: write the results of a Map
27    REDRIVEN        [state, data, variables]                            the ended execution goes on (from a top-level state)
====  ==============  ==================================================  =================================================

`next` is a state's number in `Plan.states`, or -1: the frame ends. The root's end is the execution's success.
"""

from __future__ import annotations

from typing import Any

(
    STARTED, MOVED, MOVED_RESULT, MOVED_WITH, SCHEDULED, SUCCEEDED, FAILED, TIMED_OUT, RETRYING, WAITING, FIRED, FORKED,
    MAP_STARTED, ITEM_STARTED, JOINED, CHILD_FAILED, BROKE, ERRED, GAVE_UP, ASSIGNED, ENDED, MAP_RUN_STARTED,
    SUBMITTED, PICKED_UP, ITEMS_ORDERED, ITEMS_KNOWN, RESULTS_ORDERED, REDRIVEN,
) = range(28)  # fmt: skip

NAMES = (
    "STARTED", "MOVED", "MOVED_RESULT", "MOVED_WITH", "SCHEDULED", "SUCCEEDED", "FAILED", "TIMED_OUT", "RETRYING", "WAITING",
    "FIRED", "FORKED", "MAP_STARTED", "ITEM_STARTED", "JOINED", "CHILD_FAILED", "BROKE", "ERRED", "GAVE_UP", "ASSIGNED", "ENDED",
    "MAP_RUN_STARTED", "SUBMITTED", "PICKED_UP", "ITEMS_ORDERED", "ITEMS_KNOWN", "RESULTS_ORDERED", "REDRIVEN",
)  # fmt: skip

Event = tuple[Any, ...]

SAME = "\x00="
"""Stands where a payload is the frame's own data; no JSON text that a user sends can be this string by accident."""

END = -1
"""The `next` of a state that ends its scope."""

FATAL = False
"""Stands where the field of a failed expression is: a run-time error, which nothing catches and which ends the execution."""

__all__ = [*NAMES, "END", "Event", "FATAL", "NAMES", "SAME"]
