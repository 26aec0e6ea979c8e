"""What the layered layout promises of any boxes and links, and a few arrangements in full."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from asw_nb.analysis.graph_columns import Arc, columns
from asw_nb.analysis.layout import Arrangement, Link, Rect, arrange
from asw_nb.analysis.routing import Channel, Pin


def overlap(a: Rect, b: Rect) -> bool:
    return min(a.right, b.right) - max(a.x, b.x) > 0.01 and min(a.bottom, b.bottom) - max(a.y, b.y) > 0.01


def crosses(start: tuple[float, float], end: tuple[float, float], rect: Rect) -> bool:
    """Whether a level or upright piece of line goes through the inside of a rectangle."""
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return left < rect.right - 0.01 and right > rect.x + 0.01 and top < rect.bottom - 0.01 and bottom > rect.y + 0.01


@st.composite
def box_graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[Link]]:
    """Any directed graph, loops and parallel links included, with boxes and labels of any size."""
    count = draw(st.integers(1, 14))
    even = st.integers(10, 120).map(lambda half: 2.0 * half)
    sizes = draw(st.lists(st.tuples(even, even), min_size=count, max_size=count))
    box = st.integers(0, count - 1)
    label = st.none() | even.map(lambda width: (width, 20.0))
    link = st.builds(Link, box, box, st.sampled_from(["main", "main", "catch"]), label)
    return sizes, draw(st.lists(link, max_size=24))


@settings(max_examples=300, deadline=None)
@given(box_graphs())
def test_nothing_overlaps_whatever_the_graph(graph: tuple[list[tuple[float, float]], list[Link]]) -> None:
    sizes, links = graph
    made = arrange(sizes, links)

    assert [(box.width, box.height) for box in made.boxes] == sizes
    labels = [label for label in made.labels if label is not None]
    for a, b in combinations([*made.boxes, *labels], 2):
        assert not overlap(a, b)
    for rect in [*made.boxes, *labels]:
        assert rect.x >= 0 and rect.y >= 0 and rect.right <= made.width and rect.bottom <= made.height
    assert [label is not None for label in made.labels] == [link.label is not None for link in links]
    for link, label in zip(links, made.labels, strict=True):
        assert label is None or (label.width, label.height) == link.label


@settings(max_examples=300, deadline=None)
@given(box_graphs())
def test_lines_are_orthogonal_and_keep_clear_of_boxes_and_of_foreign_labels(
    graph: tuple[list[tuple[float, float]], list[Link]],
) -> None:
    sizes, links = graph
    made = arrange(sizes, links)

    for number, (link, route) in enumerate(zip(links, made.routes, strict=True)):
        source, target = made.boxes[link.source], made.boxes[link.target]
        assert route[0][1] == source.bottom and source.x < route[0][0] < source.right
        assert route[-1][1] == target.y and target.x < route[-1][0] < target.right
        assert route[-2][0] == route[-1][0] and route[-2][1] < route[-1][1], "the arrow points down"
        others = [label for at, label in enumerate(made.labels) if label is not None and at != number]
        for start, end in pairwise(route):
            assert (start[0] == end[0]) != (start[1] == end[1])
            assert not any(crosses(start, end, box) for box in made.boxes)
            if not _may_share_a_line(number, links):
                assert not any(crosses(start, end, label) for label in others)
            for x, y in (start, end):
                assert 0 <= x <= made.width and 0 <= y <= made.height
        own = made.labels[number]
        assert own is None or any(crosses(start, end, own) for start, end in pairwise(route)), (
            "the label lies on its line"
        )


def _may_share_a_line(number: int, links: list[Link]) -> bool:
    """Links of one kind to one target may run together, and so through each other's labels at a join."""
    mine = links[number]
    return any((other.target, other.kind) == (mine.target, mine.kind) for at, other in enumerate(links) if at != number)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 60), st.integers(10, 100).map(lambda half: 2.0 * half))
def test_a_chain_is_one_straight_column(count: int, width: float) -> None:
    made = arrange([(width, 48.0)] * count, [Link(i, i + 1) for i in range(count - 1)])
    assert {box.x for box in made.boxes} == {0.0}
    assert made.routes == tuple(((width / 2, 82.0 * i + 48), (width / 2, 82.0 * (i + 1))) for i in range(count - 1))


def test_nothing_to_arrange() -> None:
    assert arrange([], []) == Arrangement((), (), (), 0.0, 0.0)


def test_a_fork_stands_over_the_middle_of_its_ends_and_shares_one_bar() -> None:
    made = arrange([(100, 40)] * 4, [Link(0, i, label=(60, 20)) for i in (1, 2, 3)])
    middles = [box.x + box.width / 2 for box in made.boxes]
    assert middles[0] == middles[2] == (middles[1] + middles[3]) / 2
    bars = {route[1][1] for route in (made.routes[0], made.routes[2])}
    assert len(bars) == 1


def test_a_loop_leaves_below_climbs_at_the_side_and_enters_from_above() -> None:
    made = arrange([(100, 40)] * 3, [Link(0, 1), Link(1, 2), Link(2, 1)])
    assert made.boxes == (Rect(0, 0, 100, 40), Rect(0, 74, 100, 40), Rect(0, 148, 100, 40))
    assert made.routes[2] == ((50, 188), (50, 201), (120, 201), (120, 53), (50, 53), (50, 74))


def test_links_to_one_far_target_that_run_side_by_side_share_a_lane() -> None:
    chain = [Link(i, i + 1) for i in range(5)]
    made = arrange([(100, 40)] * 6, [*chain, Link(0, 5, "catch"), Link(1, 5, "catch"), Link(2, 5, "catch")])
    lanes = {max(x for x, _ in route) for route in made.routes[5:]}
    assert len(lanes) == 1


def test_a_second_kind_of_line_has_its_own_port() -> None:
    made = arrange([(100, 40)] * 3, [Link(0, 1), Link(0, 2, "catch")])
    assert made.routes[0][0] == (50.0, 40.0)
    assert made.routes[1][0] == (78.0, 40.0)


def test_a_link_that_leaves_at_the_x_where_another_arrives_turns_above_it() -> None:
    channel = Channel()
    arriving = channel.join("a", Pin(0.0, True), Pin(100.0, False))
    leaving = channel.join("b", Pin(100.0, True), Pin(200.0, False))
    channel.assign_tracks()
    assert (leaving.track, arriving.track, channel.track_count) == (0, 1, 2)


def test_lines_that_do_not_meet_share_a_track() -> None:
    channel = Channel()
    nets = [channel.join(x, Pin(x, True), Pin(x + 50.0, False)) for x in (0.0, 100.0, 200.0)]
    straight = channel.join("straight", Pin(300.0, True), Pin(300.0, False))
    channel.assign_tracks()
    assert [net.track for net in nets] == [0, 0, 0]
    assert straight.track is None


def test_columns_put_a_lane_before_a_line_that_crosses_it() -> None:
    layers = [[0, 1], [2, 3], [4, 5]]
    arcs = [Arc(0, 3), Arc(1, 2, is_lane=True), Arc(2, 4, is_lane=True), Arc(3, 5)]
    x = columns(layers, arcs, [100.0, 0.0, 0.0, 100.0, 0.0, 100.0], lambda left, right: 20.0)
    assert x[1] == x[2] == x[4]


def test_a_thousand_links_to_one_target_share_one_lane() -> None:
    """Shared lanes keep the work in proportion to the boxes: here separate ones would have half a million pieces."""
    count = 1000
    links = [Link(i, i + 1) for i in range(count - 1)] + [Link(i, count - 1, "catch") for i in range(count - 2)]
    made = arrange([(100.0, 40.0)] * count, links)
    assert {max(x for x, _ in route) for route in made.routes[count - 1 :][:-1]} == {
        max(x for r in made.routes for x, _ in r)
    }
