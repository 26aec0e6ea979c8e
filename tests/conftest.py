"""Profiles of hypothesis, and fixtures that more than one directory of tests uses."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A shared machine has slow seconds: no example fails for its duration, in neither profile.
settings.register_profile(
    "default",
    deadline=None,
    max_examples=50,
    # The one function-scoped fixture that every test has only names a directory: examples may share it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("ci", settings.get_profile("default"), max_examples=100, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def functions_of_one_test() -> Iterator[None]:
    """What a test registers is forgotten after it: error messages list what is registered."""
    from asw_nb.names import registry

    functions, services = dict(registry._functions), dict(registry.services)
    yield
    registry._functions.clear()
    registry._functions.update(functions)
    registry.services.clear()
    registry.services.update(services)
