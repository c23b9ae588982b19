"""What people answer, done: who said it, which matter he means, the deed, and a word back in his language.

An answer never ends in an exception: what cannot be done is said in plain words, to people of the site only. A stranger
who writes to our number gets no answer, and whoever guesses codes is not listened to for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.contracts import Heard
from gateway.errors import OrderRefused
from gateway.model import Code, Event, Order, Outgoing, Severity, Telling
from gateway.notify.codes import Codes, Guesses
from gateway.notify.replies import Deed, Said, pressed, understood
from gateway.orders.desk import Desk
from gateway.orders.papers import Proof
from gateway.people import Person, masked
from gateway.store.book import Book
from gateway.store.journal import Journal
from gateway.store.moments import to_ms
from gateway.words import Language, Words

ANSWERED, REFUSED = "answered", "answer_refused"  # events
ORDER = "order"
REPLY_KEEPS = timedelta(minutes=30)
MOST_AT_ONCE = 20  # codes of one answer

_log = logging.getLogger(__name__)


class Alerts(Protocol):
    """What is done about alerts."""

    async def acknowledge(self, rule: str, target: str, by: str) -> bool:
        """Somebody takes one on; False when there is none."""


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody of the site."""

    slug: str
    person: Person


class Answers:
    """Does what people answer.

    Args:
        house: Where alerts are.
        orders: Where orders are.
        codes: What the digits stand for.
        journal: Where it is written down.
        clock: The house's.
        words: The texts, in every language.
        told: Called when a word back was queued.
        called_out: Whether an alert is one that each of a group must answer himself (叫应).
    """

    def __init__(
        self,
        house: Alerts,
        orders: Desk,
        codes: Codes,
        journal: Journal,
        clock: Clock,
        *,
        words: Mapping[Language, Words],
        told: Callable[[], None],
        called_out: Callable[[str, str], bool] = lambda _, __: False,
    ) -> None:
        self._house = house
        self._orders = orders
        self._codes = codes
        self._journal = journal
        self._clock = clock
        self._words = words
        self._told = told
        self._called_out = called_out
        self.guesses = Guesses()

    async def take(self, channel: str, heard: Heard) -> None:
        """Something came in over a channel. On the disk when this returns. Raises Unavailable."""
        if not heard.text.strip():
            return
        about = (
            await asyncio.to_thread(self._journal.message_about, channel, heard.about)
            if heard.about
            else None
        )
        slug = about.person if about is not None else self._sender(channel, heard.sender)
        who = self._who(slug)
        if who is None or self.guesses.blocked(f"{channel} {slug}", self._clock.monotonic()):
            _log.warning("channel=%s answer of nobody we know from=%s", channel, masked(heard.sender))
            await self._write(channel, heard, "", "stranger" if who is None else "guesses", None)
            return
        said = pressed(heard.text) if heard.keys else understood(heard.text)
        if said is None:
            words = self._say(who)("answer.key")
        elif about is not None and not said.codes:
            words = await self._deed(who, about, said.deed)
        else:
            words = await self.do(who, said, f"{channel} {who.slug}")
        await self._write(channel, heard, who.slug, words, None if heard.keys else who)
        self._told()

    async def page(self, digits: str, name: str, deed: Deed, address: str) -> tuple[bool, str, Language]:
        """Somebody has filled in the page: whether it was done, and in words what came of it.

        Args:
            digits: What he typed as the code.
            name: What he typed as his name: somebody of the site, else a note beside the one the code was sent to.
            deed: What he wants.
            address: Where he sits, against guessing.
        """
        now, language = self._clock.now(), self._orders.calls.language
        if self.guesses.blocked(address, self._clock.monotonic()):
            return False, self._words[language]("answer.guesses"), language
        said = understood(digits)
        code = self._codes.find(said.codes[0], now) if said.codes else None
        if code is None:
            self.guesses.wrong(address, self._clock.monotonic())
            return False, self._words[language]("answer.unknown", code=digits.strip()[:6] or "-"), language
        who = self._named(name) or self._who(code.person)
        if who is None:
            return False, self._words[language]("answer.unknown", code=code.digits), language
        words = await self._deed(who, code, deed)
        heard = Heard(f"page {to_ms(now)}", "", f"{code.digits} {deed} {name[:40]}", now)
        await self._write("page", heard, who.slug, words, None)
        return True, words, who.person.language or language

    async def do(self, who: Who, said: Said, guesser: str) -> str:
        """What somebody asks by codes, and the words that tell him what came of it."""
        say, now = self._say(who), self._clock.now()
        if said.unsure and (said.codes or said.everything):
            return say("answer.unsure", code=said.codes[0] if said.codes else "")
        if said.everything:
            return await self._everything(who)
        if not said.codes:
            return say("answer.how")
        lines = []
        for digits in said.codes[:MOST_AT_ONCE]:
            code = self._codes.find(digits, now)
            if code is None:
                self.guesses.wrong(guesser, self._clock.monotonic())
                lines.append(say("answer.unknown", code=digits))
            else:
                lines.append(await self._deed(who, code, said.deed))
        return "\n".join(dict.fromkeys(lines))

    # -- deeds --------------------------------------------------------------------------------------------------------

    async def _everything(self, who: Who) -> str:
        """Take on whatever is still open of what he was told."""
        done = 0
        codes = self._codes.of(who.slug, self._clock.now())
        for code in codes:
            if code.rule != ORDER and await self._take_on(who, code) == "":
                done += 1
        return self._say(who)("answer.everything", number=done)

    async def _deed(self, who: Who, code: Code, deed: Deed) -> str:
        """One deed, in words."""
        say = self._say(who)
        order = await self._order(code)
        try:
            match deed:
                case "ack":
                    if code.rule == ORDER and order is not None:
                        return await self._accepted(who, order)
                    return await self._take_on(who, code) or say("answer.ack", title=self._title(code))
                case "accept":
                    return await self._accepted(who, order, code)
                case "arrive":
                    if order is None:
                        return say("answer.no_order", title=self._title(code))
                    order = await self._orders.arrive(order.id, who.slug)
                    return say("answer.arrive", number=order.number)
                case "done":
                    if order is None:
                        return say("answer.no_order", title=self._title(code))
                    await self._take_on(who, code)
                    order = await self._orders.done(order.id, who.slug, Proof(by_word=True))
                    return say("answer.done", number=order.number)
        except OrderRefused as refused:
            return say(f"order_no.{refused.key}", **self._named_facts(refused))

    async def _accepted(self, who: Who, order: Order | None, code: Code | None = None) -> str:
        say = self._say(who)
        if order is None:
            assert code is not None
            return await self._take_on(who, code) or say("answer.ack", title=self._title(code))
        if code is not None:
            await self._take_on(who, code)
        order = await self._orders.accept(order.id, who.slug)
        due = order.due.astimezone(self._orders.site.village.site.zone)
        return say("answer.accept", number=order.number, title=order.title, due=f"{due:%m-%d %H:%M}")

    async def _take_on(self, who: Who, code: Code) -> str:
        """Take an alert on; empty when that is done, else why there is nothing to do."""
        say = self._say(who)
        if code.rule == ORDER:
            return ""
        open_now = any(
            (one["rule"], one["target"]) == (code.rule, code.target) and one["state"] != "pending"
            for one in self._orders.alerts()
        )
        if not open_now:
            return say("answer.over", title=self._title(code))
        _, taken = await asyncio.to_thread(self._journal.told, code.rule, code.target)
        each = self._called_out(code.rule, code.target)
        if taken is not None and taken["by"] != who.person.name and not each:
            return say("answer.taken", title=self._title(code), by=taken["by"])
        await self._house.acknowledge(code.rule, code.target, who.person.name)
        return ""

    async def _order(self, code: Code) -> Order | None:
        if code.rule != ORDER:
            return await self._orders.of_alert(code.rule, code.target)
        try:
            return await self._orders.get(int(code.target))
        except (OrderRefused, ValueError):
            return None

    # -- who, and in which words --------------------------------------------------------------------------------------

    def _say(self, who: Who) -> Words:
        return self._words[who.person.language or self._orders.calls.language]

    def _title(self, code: Code) -> str:
        """What people call the matter."""
        calls = self._orders.calls
        slug = code.target.partition(":")[0]
        device, rule = calls.devices.get(slug), calls.rules.get(code.rule)
        name = (device.settings.name if device is not None else "") or slug
        return f"{rule.title(calls.language)} {name}" if rule is not None else name

    def _named_facts(self, refused: OrderRefused) -> dict[str, Any]:
        """People by their names."""
        facts = dict(refused.facts)
        person = self._orders.calls.roster.people.get(str(facts.get("by", "")))
        return {**facts, "by": person.name} if person is not None else facts

    def _who(self, slug: str) -> Who | None:
        person = self._orders.calls.roster.people.get(slug)
        return None if person is None else Who(slug, person)

    def _named(self, name: str) -> Who | None:
        wanted = name.strip()
        for slug, person in self._orders.calls.roster.people.items():
            if wanted and wanted in {slug, person.name}:
                return Who(slug, person)
        return None

    def _sender(self, channel: str, address: str) -> str:
        """Whose address it is: on this channel, else whose telephone."""
        wanted = plain_address(address)
        people = self._orders.calls.roster.people
        for slug, person in people.items():
            if wanted and any(
                one.channel == channel and plain_address(one.to) == wanted for one in person.contacts
            ):
                return slug
        for slug, person in people.items():
            if wanted and any(plain_address(phone) == wanted for phone in person.phones):
                return slug
        return ""

    # -- the book -----------------------------------------------------------------------------------------------------

    async def _write(self, channel: str, heard: Heard, person: str, words: str, to: Who | None) -> None:
        """An event, and a word back in the outbox."""
        now = self._clock.now()
        detail: dict[str, float | str] = {
            "channel": channel,
            "by": person,
            "said": heard.text[:60],
            "became": words[:200],
        }
        event = Event("gateway", ANSWERED if person else REFUSED, now, now, detail=detail)
        rows = () if to is None or not heard.sender else (self._reply(channel, heard, to, words),)
        mark = sha256(heard.id.encode()).hexdigest()[
            :12
        ]  # two answers that wait for the same minute are both read
        telling = Telling("reply", f"{person} {mark}", to_ms(heard.at), heard.at, now, rows=rows)

        def work(book: Book) -> None:
            book.add_events([event])
            if rows:
                book.outbox.tell(telling)

        await asyncio.to_thread(self._journal.change, work)

    def _reply(self, channel: str, heard: Heard, to: Who, words: str) -> Outgoing:
        now, language = self._clock.now(), to.person.language or self._orders.calls.language
        return Outgoing(
            "reply", 1, to.slug, channel, heard.sender, 0, language, self._words[language]("answer.subject"), words,
            "reply", {"text": words}, Severity.INFO, False, now, now + REPLY_KEEPS, line=words,
        )  # fmt: skip


def plain_address(address: str) -> str:
    """A number without its spaces and its 0086, any other address in small letters."""
    digits = "".join(sign for sign in address if sign.isdecimal())
    if address and not address.strip("+0123456789 -()"):
        return digits.removeprefix("00").removeprefix("86") if len(digits) > 7 else digits
    return address.strip().lower()
