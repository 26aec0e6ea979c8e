"""Values by key, as long as somebody else holds them."""

from __future__ import annotations

from asw_nb import weak
from asw_nb.weak import WeakValues


class Thing:
    pass


def test_the_dead_are_swept_out_and_the_living_stay() -> None:
    things: WeakValues[int, Thing] = WeakValues()
    kept = {}
    for n in range(20_000):
        thing = things_n = Thing()
        things[n] = things_n
        if n % 100 == 0:
            kept[n] = thing
    del thing, things_n
    assert dict(things.items()) == kept
    assert set(things.values()) == set(kept.values())
    assert len(things._refs) <= 2 * weak.FEW + len(kept)
    assert (things.get(100) is kept[100], things.get(101), things.get(-1)) == (True, None, None)


def test_a_key_that_is_given_again_has_the_new_value() -> None:
    things: WeakValues[str, Thing] = WeakValues()
    first, second = Thing(), Thing()
    things["a"] = first
    things["a"] = second
    del first
    assert things.get("a") is second
