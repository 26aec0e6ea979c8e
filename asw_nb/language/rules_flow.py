"""Rules that need all states of a scope at once: targets, reachability, ends, loops, names, order of variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from asw_nb.language.rules_base import MOST_TOLD, NO_LOCATION, Checkup, Pointer, Scope, State, short

TARGET = "MISSING_TRANSITION_TARGET"
MAX_NAME = {"asl": 80, "tcsl": 128}

# Every variable has its own set of states that come after it: thousands of both would take seconds.
_MAX_FOLLOWED = 40_000


def transitions(value: dict[str, Any], kind: str) -> Iterator[tuple[str, Pointer]]:
    """Where a state of that type can go: (name of the target, place of that name), well-formed ones only."""
    if kind == "Choice":
        rules = value.get("Choices")
        if isinstance(rules, list):
            for index, rule in enumerate(rules):
                if isinstance(rule, dict) and isinstance(target := rule.get("Next"), str):
                    yield target, ("Choices", index, "Next")
        if isinstance(target := value.get("Default"), str):
            yield target, ("Default",)
        return
    if kind not in ("Succeed", "Fail") and isinstance(target := value.get("Next"), str):
        yield target, ("Next",)
    if kind in ("Task", "Parallel", "Map") and isinstance(catchers := value.get("Catch"), list):
        for index, catcher in enumerate(catchers):
            if isinstance(catcher, dict) and isinstance(target := catcher.get("Next"), str):
                yield target, ("Catch", index, "Next")


class Flow:
    """The graph of one scope.

    Parameters
    ----------
    scope : Scope
    kinds : dict
        The names of its well-formed states -> their types.

    Attributes
    ----------
    next : dict
        State name -> names of the states of this scope that it can go to.
    ends : set of str
        States after which the scope is finished.
    unsure : set of str
        States with an exit that leads nowhere; other rules say how, and the rules of this module do not guess.
    is_endless : bool
        Whether no state ends the scope although every state says where it goes.
    """

    def __init__(self, scope: Scope, kinds: dict[str, str]) -> None:
        self.scope = scope
        self.next: dict[str, Sequence[str]] = dict.fromkeys(kinds, ())
        self.dangling: list[tuple[str, str, Pointer]] = []
        states, following = scope.value.get("States", {}), self.next
        ends: list[str] = []
        unsure: list[str] = []
        silent = len(kinds) < len(states)
        for name, kind in kinds.items():
            if kind == "Succeed" or kind == "Fail":
                ends.append(name)
                continue
            value = states[name]
            if kind != "Choice" and "Catch" not in value:  # most states, quickly
                is_end = "End" in value and value["End"] is True
                if is_end:
                    ends.append(name)
                if "Next" not in value or type(target := value["Next"]) is not str:
                    if not is_end:
                        unsure.append(name)
                        silent = True
                elif target in kinds:
                    following[name] = (target,)
                else:
                    unsure.append(name)
                    if target not in states:
                        self.dangling.append((name, target, ("Next",)))
                        if len(self.dangling) > MOST_TOLD:  # nobody will ask for the rest
                            break
                    elif not is_end:
                        silent = True
                continue
            targets: list[str] = []
            known = len(self.dangling)
            for target, steps in transitions(value, kind):
                if target in kinds:
                    targets.append(target)
                else:
                    if target not in states:
                        self.dangling.append((name, target, steps))
                    unsure.append(name)
            following[name] = targets
            if kind != "Choice" and value.get("End") is True:
                ends.append(name)
            elif not targets:
                unsure.append(name)
                silent = silent or len(self.dangling) == known
        self.ends, self.unsure = set(ends), set(unsure)
        self.is_endless = not ends and not silent

    def reached_from(self, *starts: str) -> set[str]:
        """The states that can be reached, the starts included."""
        seen, stack = set(starts), list(starts)
        while stack:
            for target in self.next[stack.pop()]:
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        return seen


def transition_targets(scope: Scope, flow: Flow) -> None:
    """Every Next, Default and StartAt names a state of the same scope."""
    start = scope.value.get("StartAt")
    names = scope.value["States"]
    if isinstance(start, str) and start not in names:
        message = f"Missing 'Next' target: {short(start)}"
        scope.error(message, "StartAt", code=TARGET, fix=_target_fix(scope, start))
    for name, target, steps in flow.dangling:
        scope.state(name).error(f"Missing 'Next' target: {short(target)}", *steps, code=TARGET, fix=_target_fix(scope, target))


def _target_fix(scope: Scope, target: str) -> str:
    hint = scope.checkup.did_you_mean(target, scope.value["States"])
    if hint is not None:
        return hint
    if target in scope.checkup.names:
        return "The state of that name is in another scope; transitions stay inside their own."
    names = [f'"{short(name, 40)}"' for name in islice(scope.value["States"], 6)]
    rest = len(scope.value["States"]) - len(names)
    return f"The states here are {', '.join(names)}{f' and {rest} more' if rest else ''}."


def terminal_state(scope: Scope, flow: Flow) -> None:
    """The workflow can end."""
    if not flow.is_endless:
        return
    fix = 'Add "End": true to the last state, or add a Succeed state.'
    if scope.owner is None:
        scope.error(
            "Workflow has no terminal state",
            code="MISSING_END_STATE",
            at=("States",),
            of="key",
            location=NO_LOCATION,
            fix=fix,
        )
    elif not flow.unsure:
        scope.warning("None of these states ends.", "States", code="MISSING_END_STATE", of="key", fix=fix)


def reachable_states(scope: Scope, flow: Flow) -> None:
    """Every state can be entered.

    The cloud refuses a state that no other state goes to, and says nothing while the workflow has no terminal state.
    What it says to states that only lead to each other is not known: they are a warning. A StartAt that names no state is one mistake, and
    told as one.
    """
    start = scope.value.get("StartAt")
    if not isinstance(start, str) or start not in scope.value["States"] or flow.is_endless:
        return
    entered = {target for name, targets in flow.next.items() for target in targets if target != name}
    lonely = [name for name in flow.next if name not in entered and name != start]
    for name in lonely:
        message = f'State "{short(name)}" is not reachable.'
        scope.state(name).error(message, code=TARGET, fix="Name it in the Next of a state, or remove it.")
    if start in flow.next:
        told = flow.reached_from(start, *lonely)
        for name in flow.next:
            if name not in told:
                fix = "Only states that are not reachable themselves lead to it."
                scope.state(name).warning(f'State "{short(name)}" is not reachable.', code=TARGET, fix=fix)


def loops_without_exit(scope: Scope, flow: Flow) -> None:
    """From every state that is reached, an end is reached."""
    start = scope.value.get("StartAt")
    if not isinstance(start, str) or start not in flow.next or not flow.ends:
        return
    before: dict[str, list[str]] = {}
    for name, targets in flow.next.items():
        for target in targets:
            before.setdefault(target, []).append(name)
    finishing = flow.ends | flow.unsure
    stack = list(finishing)
    while stack:
        for name in before.get(stack.pop(), ()):
            if name not in finishing:
                finishing.add(name)
                stack.append(name)
    if len(finishing) == len(flow.next):
        return
    reached = flow.reached_from(start)
    caught = [name for name in flow.next if name in reached and name not in finishing]
    if caught:
        shown = ", ".join(f'"{short(name, 40)}"' for name in caught[:5]) + (", ..." if len(caught) > 5 else "")
        message = f"Nothing leads out of this loop: {shown}."
        scope.state(caught[0]).warning(message, code="LOOP_WITHOUT_EXIT", fix="Leave it through a Choice, or end it.")


def state_names(scope: Scope) -> None:
    """Names are unique over the whole machine and not too long."""
    checkup = scope.checkup
    names = scope.value["States"]
    limit = MAX_NAME[checkup.dialect]
    if checkup.names.keys().isdisjoint(names) and "" not in names and max(map(len, names)) <= limit:
        checkup.names.update(dict.fromkeys(names, scope.pointer))
        return
    for name in names:
        pointer = (*scope.pointer, "States", name)
        if name in checkup.names:
            message = f"Duplicate State name: {short(name)}"
            fix = "Rename one of the two: names are unique over all branches and loops."
            checkup.add("ERROR", "DUPLICATE_STATE_NAME", message, pointer, of="key", fix=fix)
        else:
            checkup.names[name] = scope.pointer
        if len(name) > limit or not name:
            message, fix = f"The state name is longer than {limit} characters.", "Shorten it."
            if not name:
                message, fix = "The state name is empty.", "Write a name."
            checkup.add("ERROR", "INVALID_STATE_NAME", message, pointer, of="key", fix=fix)


def variables_assigned(checkup: Checkup, flows: dict[int, Flow]) -> None:
    """A variable is assigned before it is read, by a state that comes before in its scope or around it."""
    after: dict[tuple[int, str], set[str]] = {}
    followed = 0

    def comes_after_assignment(scope: Scope, name: str, state: State) -> bool:
        nonlocal followed
        if name in scope.assigned and id(scope) in flows:
            key = (id(scope), name)
            if key not in after:
                if followed > _MAX_FOLLOWED:
                    return True
                flow = flows[id(scope)]
                firsts = [target for setter in scope.assigned[name] for target in flow.next.get(setter, ())]
                after[key] = flow.reached_from(*firsts)
                followed += len(after[key])
            if state.name in after[key]:
                return True
        return scope.owner is not None and comes_after_assignment(scope.owner.scope, name, scope.owner)

    for scope in checkup.scopes:
        known: set[str] | None = None
        for name, state, steps in scope.uses:
            if not checkup.wants_warnings:
                return
            if comes_after_assignment(scope, name, state):
                continue
            if scope.variable_is_known(name):
                message = f'The variable "${short(name, 80)}" is read before it is assigned.'
                fix = "Assign it in a state that comes before this one."
            else:
                known = known if known is not None else {v for s in checkup.scopes for v in s.assigned}
                hint = checkup.did_you_mean(name, known)
                message = f'No state assigns the variable "${short(name, 80)}".'
                fix = hint or f'Add "Assign": {{"{short(name, 80)}": ...}} to a state that comes before this one.'
            state.warning(message, *steps, code="VARIABLE_NOT_ASSIGNED", fix=fix)


SCOPE_RULES = (transition_targets, terminal_state, reachable_states, loops_without_exit)

__all__ = ["SCOPE_RULES", "Flow", "state_names", "transitions", "variables_assigned"]
