"""The planner: covers everything, reads nothing it may not, in the fewest requests."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.decode.plan import Frame, Item, apart, items_of, plan
from gateway.catalogue import Limits
from tests.modbus import model


def item(address: int, width: int = 1, function: int = 3, unit: int | None = None) -> Item:
    return Item(f"{unit}.{function}.{address}.{width}", unit, function, address, width)


def spans(frames: tuple[Frame, ...]) -> list[tuple[int, int]]:
    return [(frame.start, frame.count) for frame in frames]


def test_neighbours_come_in_one_request() -> None:
    assert spans(plan([item(2), item(0, 2), item(3)], Limits())) == [(0, 4)]


def test_a_hole_is_read_along_only_as_far_as_the_device_allows() -> None:
    wanted = [item(0), item(4)]
    assert spans(plan(wanted, Limits(hole=3))) == [(0, 5)]
    assert spans(plan(wanted, Limits(hole=2))) == [(0, 1), (4, 1)]


def test_registers_the_device_has_are_no_hole() -> None:
    assert spans(plan([item(0), item(4)], Limits(hole=1), known=[item(1, 2)])) == [(0, 5)]


def test_a_long_value_is_never_split() -> None:
    frames = plan([item(0), item(1, 4), item(5, 4)], Limits(registers=5))
    assert spans(frames) == [(0, 5), (5, 4)]


def test_tables_and_units_are_kept_apart() -> None:
    frames = plan([item(0), item(1, function=4), item(1, function=1), item(1, unit=9)], Limits())
    assert [(frame.unit, frame.function) for frame in frames] == [(None, 1), (None, 3), (None, 4), (9, 3)]


def test_coils_have_their_own_limit() -> None:
    coils = [item(address, function=1) for address in range(20)]
    assert spans(plan(coils, Limits(registers=1, bits=16))) == [(0, 16), (16, 4)]


def test_words_are_cut_back_to_their_fields() -> None:
    frame = plan([item(10), item(12, 2)], Limits(hole=1))[0]
    assert frame.cut((7, 0, 8, 9)) == {"None.3.10.1": (7,), "None.3.12.2": (8, 9)}
    assert frame.failed("no_reply") == {"None.3.10.1": "no_reply", "None.3.12.2": "no_reply"}


def test_a_refused_request_falls_apart_into_single_values() -> None:
    frame = plan([item(10), item(12, 2)], Limits(hole=1))[0]
    assert spans(apart(frame)) == [(10, 1), (12, 2)]


def test_items_come_from_the_model() -> None:
    probe = model(registers={"ph": {"address": 7, "type": "float32", "unit": 2}}, readings={"ph": {}})
    assert items_of(probe) == [Item("ph", 2, 3, 7, 2)]


items = st.builds(item, st.integers(0, 40), st.sampled_from([1, 1, 1, 2, 4]), st.sampled_from([3, 4]))
limits = st.builds(Limits, registers=st.integers(4, 12), hole=st.integers(0, 4))


@given(st.sets(items, max_size=15), st.sets(items, max_size=6), limits)
def test_everything_wanted_comes_whole_and_nothing_else_is_touched(
    wanted: set[Item], known: set[Item], limits: Limits
) -> None:
    frames = plan(wanted, limits, known)
    assert sorted((i for frame in frames for i in frame.items), key=lambda i: i.name) == sorted(
        wanted, key=lambda i: i.name
    )
    listed = {(i.function, address) for i in wanted | known for address in range(i.address, i.end)}
    for frame in frames:
        assert frame.count <= limits.registers
        assert all(frame.start <= i.address and i.end <= frame.start + frame.count for i in frame.items)
        covered = {address for i in frame.items for address in range(i.address, i.end)}
        assert {frame.start, frame.start + frame.count - 1} <= covered
        run = 0
        for address in range(frame.start, frame.start + frame.count):
            run = 0 if address in covered else run + ((frame.function, address) not in listed)
            assert run <= limits.hole


small = st.builds(item, st.integers(0, 13), st.sampled_from([1, 1, 2, 3]))


@settings(max_examples=150, deadline=None)
@given(
    st.sets(small, min_size=1, max_size=6), st.sets(st.builds(item, st.integers(0, 13)), max_size=3),
    st.builds(Limits, registers=st.integers(3, 7), hole=st.integers(0, 3)),
)  # fmt: skip
def test_no_plan_has_fewer_requests(wanted: set[Item], known: set[Item], limits: Limits) -> None:
    assert len(plan(wanted, limits, known)) == fewest(wanted, known, limits)


def fewest(wanted: set[Item], known: set[Item], limits: Limits) -> int:
    """By trying every set of permitted requests."""
    wanted_at = {address for i in wanted for address in range(i.address, i.end)}
    listed = wanted_at | {address for i in known for address in range(i.address, i.end)}
    permitted = []
    for start in wanted_at:
        for end in range(start + 1, start + limits.registers + 1):
            run, longest = 0, 0
            for address in range(start, end):
                run = 0 if address in wanted_at else run + (address not in listed)
                longest = max(longest, run)
            if longest <= limits.hole and end - 1 in wanted_at:
                whole = {i for i in wanted if start <= i.address and i.end <= end}
                if whole:
                    permitted.append(whole)
    for count in range(1, len(wanted) + 1):
        for chosen in combinations(permitted, count):
            if set().union(*chosen) == wanted:
                return count
    raise AssertionError("cannot be covered")
