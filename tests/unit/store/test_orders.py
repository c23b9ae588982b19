"""Work orders in the book: numbers that are given once, whatever becomes of the book."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.model import Order, OrderNote, OrderState, Severity
from gateway.settings import StoreSettings
from gateway.store.book import Book
from gateway.store.journal import Journal
from gateway.store.orders import asked
from tests.conftest import NOON
from tests.servers import eventually

ORDER = Order(
    0, "", "bin", "3号桶满", Severity.YELLOW, NOON, NOON, NOON + timedelta(hours=4), text="fill 91 %", device="bin-3",
    cell="east", person="sun", photos=("a.jpg",), place=(27.99, 120.7), log=(OrderNote(NOON, "sun", "created", "x"),),
    keys=("k",),
)  # fmt: skip


def opened(folder: Path, clock: ManualClock) -> Journal:
    journal = Journal(folder, clock, StoreSettings(quota=100_000_000), boot="boot-1")
    journal.open()
    return journal


def added(journal: Journal, order: Order, year: int = 2026, key: str = "") -> tuple[Order, bool]:
    return journal.change(lambda book: book.orders.add(order, year, key))


def test_an_order_comes_back_as_it_was_put_in(tmp_path: Path, clock: ManualClock) -> None:
    with closing(opened(tmp_path, clock)) as journal:
        one, fresh = added(journal, ORDER)
        assert fresh
        assert one == replace(ORDER, id=1, number="2026-0001")
        done = replace(one, state=OrderState.DONE, done=NOON, text="half a surrogate \ud83d")
        journal.change(lambda book: book.orders.save(done))
        (kept,) = journal.orders(*asked(number=1))
        assert replace(kept, text="") == replace(done, text="")
        assert journal.orders(*asked(states=[OrderState.OPEN])) == []
        assert journal.orders(*asked(person="sun", cell="east", start=NOON)) == [kept]
        assert journal.orders(*asked(end=NOON)) == []


def test_numbers_count_by_year_and_one_alert_or_key_makes_one_order(
    tmp_path: Path, clock: ManualClock
) -> None:
    with closing(opened(tmp_path, clock)) as journal:
        alert = replace(ORDER, rule="full", target="bin-3", occurrence=7)
        first, _ = added(journal, alert)
        assert added(journal, alert) == (first, False)
        assert added(journal, replace(alert, occurrence=8))[0].number == "2026-0002"
        assert added(journal, ORDER, 2027, "k1")[0].number == "2027-0001"
        assert added(journal, ORDER, 2027, "k1")[1] is False


def test_a_job_that_fails_changes_nothing_and_the_journal_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    with closing(opened(tmp_path, clock)) as journal:

        def work(book: Book) -> None:
            book.orders.add(ORDER, 2026)
            raise KeyError("a text that is not there")

        with pytest.raises(KeyError):
            journal.change(work)
        assert journal.orders(*asked()) == []
        assert added(journal, ORDER)[0].number == "2026-0001"


def test_a_broken_book_gives_no_number_twice_and_its_orders_are_salvaged(
    tmp_path: Path, clock: ManualClock
) -> None:
    with closing(opened(tmp_path, clock)) as journal:
        before = [added(journal, replace(ORDER, title=f"{number}" * 400))[0] for number in range(60)]
    path = tmp_path / "journal" / "book.db"
    content = bytearray(path.read_bytes())
    for page in range(12, 16):  # in the middle: some rows are lost, the schema is not
        content[page * 4096 : (page + 1) * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with closing(opened(tmp_path, clock)) as journal:
        if not journal.status().corrupt:  # found when it is written to
            journal.change(lambda book: book.ask("SELECT sum(length(body)) FROM job"))
        new, _ = added(journal, replace(ORDER, title="new"))
        assert new.number > before[-1].number
        eventually(lambda: not journal._keeper.disk.to_salvage())
        kept = journal.orders(*asked())
        assert new in kept
        assert len({one.number for one in kept}) == len(kept)
        assert 30 < len(kept) <= 61
