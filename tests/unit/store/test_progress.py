from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.progress import MOST_GAPS, Progress

moves = st.lists(
    st.one_of(
        st.tuples(st.just("leave"), st.integers(1, 40)),
        st.tuples(st.just("advance"), st.integers(1, 40)),
        st.tuples(st.just("fill"), st.integers(1, 40)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=200,
)


@given(moves)
def test_nothing_is_ever_taken_for_sent_that_was_not(steps: list[tuple[str, int]]) -> None:
    progress, unsent = Progress(), set()
    for step, count in steps:
        match step:
            case "leave":
                unsent |= set(range(progress.live + 1, progress.live + count + 1))
                progress.leave_behind(progress.live + count)
            case "advance":
                progress.live += count
            case "fill" if progress.gaps:
                low = progress.gaps[-1][0]
                unsent -= set(range(low + 1, low + count + 1))
                progress.filled(low + count)
            case "restart":
                progress = Progress.from_text(progress.to_text())
        covered = {seq for low, high in progress.gaps for seq in range(low + 1, high + 1)}
        assert unsent <= covered
        assert len(progress.gaps) <= MOST_GAPS
        assert all(low < high for low, high in progress.gaps)
        assert progress.lowest <= progress.live


def test_too_many_gaps_are_joined_where_least_is_sent_twice() -> None:
    progress = Progress(live=10_000)
    for n in range(MOST_GAPS):
        progress.add_gap(n * 100, n * 100 + 10)
    progress.add_gap(9_000, 9_010)
    progress.add_gap(9_020, 9_030)
    assert len(progress.gaps) == MOST_GAPS
    assert (9_000, 9_030) in progress.gaps


def test_what_is_under_trial_counts_as_unsent_in_the_bookmark() -> None:
    progress = Progress(live=500)
    assert Progress.from_text(progress.to_text([(100, 200)])).gaps == [(100, 200)]
    assert progress.gaps == []


def test_neighbouring_gaps_are_one() -> None:
    progress = Progress(live=500)
    progress.add_gap(10, 20)
    progress.add_gap(20, 30)
    progress.add_gap(5, 12)
    assert progress.gaps == [(5, 30)]
