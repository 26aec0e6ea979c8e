"""Ordinary Python functions as cloud functions: the registry, how a resource finds its function, and how it is called.

Look-up order: the `functions=` of the call (by the whole resource, then by name), the registry, a callable of that
name in the notebook's namespace."""

from __future__ import annotations

import builtins
import inspect
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from asw_nb.engine.run import Order
from asw_nb.errors import UnknownFunction, UsageError, did_you_mean
from asw_nb.language.resources import Resource, parse_resource


@dataclass(frozen=True, slots=True)
class Function:
    """A callable and how it wants to be called.

    Attributes
    ----------
    call : callable
    wants_context : bool
        It takes a second argument.
    unpack : bool
        It is called ``f(**event)``.
    plain : bool
        It is called ``f(event)``.
    """

    name: str
    call: Callable[..., Any]
    wants_context: bool
    unpack: bool = False
    namespace: str = "default"
    version: str = "$LATEST"
    context_name: str | None = None
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plain", not (self.wants_context or self.unpack or self.context_name is not None))


def describe(
    name: str, call: Callable[..., Any], unpack: bool = False, namespace: str = "default", version: str = "$LATEST"
) -> Function:
    """Look at a callable's signature once."""
    if isinstance(call, Function):
        return call
    if not callable(call):
        raise UsageError(
            f'"{name}" is no function but a {type(call).__name__}: pass something that can be called as f(event)'
        )
    wants_context, context_name, needed = _look_at(call, unpack)
    if needed > 2:
        raise UsageError(
            f'function "{name}" takes {needed} arguments; a function is called as f(event) or f(event, context): '
            f"use unpack=True to get the event's fields as arguments"
        )
    return Function(name, call, wants_context, unpack, namespace, version, context_name)


_seen: weakref.WeakKeyDictionary[Callable[..., Any], tuple[bool, str | None, int]] = weakref.WeakKeyDictionary()


def _look_at(call: Callable[..., Any], unpack: bool) -> tuple[bool, str | None, int]:
    """Whether it wants the context, under which name when its arguments are unpacked, and how many arguments it cannot do without."""
    if unpack or type(call) is not FunctionType:
        return _signature(call, unpack)
    known = _seen.get(call)
    if known is None:
        known = _seen[call] = _signature(call, False)
    return known


def _signature(call: Callable[..., Any], unpack: bool) -> tuple[bool, str | None, int]:
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):  # some built-ins have no signature
        parameters = []
    if unpack:
        names = [p.name for p in parameters]
        return False, next((n for n in ("context", "ctx") if n in names), None), 0
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in places)
    anything = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    named = len(places) >= 2 and places[1].name in ("context", "ctx")
    return needed >= 2 or anything or named, None, needed


class Registry:
    """Functions and services by name.

    Examples
    --------
    >>> r = Registry()
    >>> r.add("double", lambda event: 2 * event)
    >>> r.names()
    ['double']
    """

    def __init__(self) -> None:
        self._functions: dict[tuple[str, str | None, str | None], Function] = {}
        self.services: dict[str, Function] = {}
        self._parked: list[Order] = []

    def park(self, order: Order) -> None:
        """Put an order aside until its function is there."""
        self._parked.append(order)

    def parked(self) -> list[Order]:
        """Orders that wait for their function."""
        self._parked = [o for o in self._parked if o.open]
        return list(self._parked)

    def retry(self) -> None:
        """Give the parked orders out again: functions were defined meanwhile. Those whose function is still missing come back."""
        parked, self._parked = self.parked(), []
        for order in parked:
            order.run.backend.submit([order], False)

    def add(
        self,
        name: str,
        call: Callable[..., Any],
        unpack: bool = False,
        namespace: str | None = None,
        version: str | None = None,
    ) -> None:
        """Register, or replace, a function."""
        made = describe(name, call, unpack, namespace or "default", version or "$LATEST")
        self._functions[name, namespace, version] = made
        if self._parked:
            self.retry()

    def names(self) -> list[str]:
        """The registered names, sorted."""
        return sorted({name for name, _, _ in self._functions})

    def all(self) -> list[Function]:
        """Every registered function, by name."""
        return [self._functions[key] for key in sorted(self._functions, key=str)]

    def get(self, resource: Resource) -> Function | None:
        """The function that a resource names: the one registered for its namespace and version, else the one for
        any."""
        name, space, version = resource.name, resource.namespace, resource.qualifier
        for key in ((name, space, version), (name, space, None), (name, None, version), (name, None, None)):
            if key in self._functions:
                return self._functions[key]
        if space in (None, "default") and version in (None, "$DEFAULT", "$LATEST"):
            return next((f for (n, _, _), f in self._functions.items() if n == name), None)
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._functions.clear()
        self.services.clear()


class Resolver:
    """Finds the function of a resource for one execution, and remembers it.

    Parameters
    ----------
    registry : Registry
    functions : mapping, optional
        Asked first, by the whole resource and by name.
    namespace : callable, optional
        Gives the notebook's variables, asked after the registry.
    last : mapping, optional
        Asked when nobody else answers.
    """

    def __init__(
        self,
        registry: Registry,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        namespace: Callable[[], Mapping[str, Any]] | None = None,
        last: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.registry, self.namespace, self.last = registry, namespace, last or {}
        if functions is not None and not isinstance(functions, Mapping):
            raise UsageError(
                f'functions={functions!r} must be a dict of names and functions, such as {{"sum": my_sum}}.'
            )
        self.source = dict(functions) if functions is not None else None
        self.given = {key: describe(parse_resource(str(key)).name, call) for key, call in (functions or {}).items()}
        self._described: dict[tuple[str, int], Function] = {}

    def find(self, resource: Resource) -> Function:
        """The function, or the service's handler.

        Raises
        ------
        UnknownFunction
            With the nearest names.
        """
        for key in (resource.text, resource.name):
            if key in self.given:
                return self.given[key]
        if resource.kind == "service":
            return self._last(resource) or self._service(resource)
        found = self.registry.get(resource)
        if found is not None:
            return found
        space = self.namespace() if self.namespace is not None else {}
        candidate = space.get(resource.name)
        if (
            callable(candidate)
            and not isinstance(candidate, type)
            and candidate is not getattr(builtins, resource.name, None)
        ):
            return self._describe(resource.name, candidate)
        if (earlier := self._last(resource)) is not None:
            return earlier
        known = sorted({*self.registry.names(), *(k for k in self.given if ":" not in k)})
        registered = (
            f"Registered: {', '.join(known[:12])}" + ("..." if len(known) > 12 else "")
            if known
            else "None is registered"
        )
        raise UnknownFunction(
            f'no function "{resource.name}" answers to the resource "{resource.text}".{did_you_mean(resource.name, known)} '
            f"{registered}. Register one with @asw_nb.function or %%asw_function, or pass functions={{...}}."
        )

    def _last(self, resource: Resource) -> Function | None:
        for key in (resource.text, resource.name):
            if key in self.last:
                return self._describe(resource.name, self.last[key])
        return None

    def _service(self, resource: Resource) -> Function:
        for key in (resource.text, resource.name + (f".{resource.pattern}" if resource.pattern else ""), resource.name):
            if key in self.registry.services:
                return self.registry.services[key]
        known = sorted(self.registry.services)
        raise UnknownFunction(
            f'nothing answers to the resource "{resource.text}" here.{did_you_mean(resource.name, known)} '
            f'Register a handler with @asw_nb.service("{resource.name}"), or pass functions={{"{resource.text}": handler}}.'
        )

    def _describe(self, name: str, call: Callable[..., Any]) -> Function:
        made = self._described.get((name, id(call)))
        if made is None:
            made = self._described[name, id(call)] = describe(name, call)
        return made


__all__ = ["Function", "Registry", "Resolver", "describe"]
