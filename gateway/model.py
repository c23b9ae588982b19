"""The words that travel through the house: frozen, small, without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol


class Flag(IntEnum):
    """How far a value can be trusted.

    Source: QARTOD primary flags (IOOS, Manual for Real-Time Quality Control; as in ioos_qc ``QartodFlags``).
    """

    GOOD = 1
    UNKNOWN = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one series at one time. Never deleted, only flagged.

    Attributes:
        series: ``device/quantity``, e.g. ``bin-017/fill``.
        value: In the quantity's one unit; ``None`` exactly when the flag is MISSING.
        at: When it was measured, aware UTC, whole milliseconds.
        received: When the gateway got it, aware UTC.
        flag: See :class:`Flag`; UNKNOWN until the grader has looked.
        flagged_by: Why the flag is not GOOD: names of checks or of the sensor's own complaint, joined by ``+``.
            Empty for GOOD.
    """

    series: str
    value: float | None
    at: datetime
    received: datetime
    flag: Flag = Flag.UNKNOWN
    flagged_by: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a bin was emptied, a device joined, a camera saw smoke.

    Attributes:
        source: Device or camera slug.
        kind: What happened, a slug such as ``emptied`` or ``fire``.
        at: When, aware UTC.
        received: When the gateway learned of it, aware UTC.
        confidence: 0..1; 1.0 for what is simply known.
        detail: Small facts beside it; numbers and short texts only.
        evidence: Opaque id of a picture or clip, if there is one.
    """

    source: str
    kind: str
    at: datetime
    received: datetime
    confidence: float = 1.0
    detail: Mapping[str, float | str] = field(default_factory=dict)
    evidence: str | None = None


class Severity(IntEnum):
    """How bad it is; the colours are those of the national weather signals (devices reference 9)."""

    INFO = 0
    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @property
    def word(self) -> str:
        """As it is written in files and messages."""
        return self.name.lower()


class AlertState(StrEnum):
    """Where a rule stands for one target (alerting reference 4.2); ``unknown`` is a flag beside it, no state."""

    NORMAL = "normal"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    LATCHED = "latched"


@dataclass(frozen=True, slots=True)
class Fact:
    """One part of a reason, to be said in the reader's language.

    Attributes:
        key: Of a sentence: ``why.<key>`` of the words.
        values: What it is filled in with, plain: numbers as they are to be read, slugs of quantities and reasons.
    """

    key: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A rule has changed its mind about a target.

    Attributes:
        at: In event time: when the readings say that it changed, or when a time it was waiting for ran out.
        rule: Its id.
        target: Device slug; behind a colon the channel or zone, e.g. ``field-3:2``.
        before: State it left. after: State it is in.
        severity: Of the state it is in; of the state it left when it is normal now.
        value: What was judged, in the quantity's unit (a sum, a rate, hours left ...); ``None`` when there is none.
        reason: Why, e.g. ``fill 91 % above 80 %``.
        since: When this occurrence began to fire, ``None`` before it did.
        told: Whether people would be told: waiting (pending) and calming down (recovering) are shown, not told.
        was: Severity before; what is not worse than that is no news for people.
        facts: The reason once more, as facts that can be said in any language; empty: there is only ``reason``.
    """

    at: datetime
    rule: str
    target: str
    before: AlertState
    after: AlertState
    severity: Severity
    value: float | None
    reason: str
    since: datetime | None = None
    told: bool = True
    was: Severity = Severity.INFO
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed although nothing was heard; closes durations and finds silence."""

    at: datetime


Observation = Reading | Event | Tick


class Receipt(Protocol):
    """What a sender is waiting for: settled once its message is on the disk, never before."""

    def settle(self) -> None:
        """Tell the sender. Called once, from the journal's thread, after the commit. Must not raise or block."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for one person by one way, before it is queued.

    Attributes:
        kind: ``firing``, ``raised``, ``escalate``, ``repeat``, ``resolved`` or ``past``.
        level: Of the ladder, 1 to 4.
        person: Slug. channel: Its name. address: The person's on it.
        way: 0 for the person's first channel, 1 for the next ...
        language: Of the text: ``zh`` or ``en``.
        subject: One line. text: All of it, as it will be sent.
        template: See :class:`Notice`. variables: See :class:`Notice`.
        severity: How bad it is.
        critical: Sent again when it may not have arrived, and over the next way while nobody answers.
        not_before: When. expires_at: From when on it is of no use.
        pile: What it waits for together with others: ``group``, ``quiet``, ``digest``, ``round``, ``flood``; empty:
            nothing.
        gather: Key of what belongs together for this person; empty: nothing.
        line: The whole of it in one line of a list; empty: its subject.
        joins: The round that has been told already and that it may still join, if enough others do.
        urgent: Fire: only the provider's own limits count.
    """

    kind: str
    level: int
    person: str
    channel: str
    address: str = field(repr=False)
    way: int
    language: str
    subject: str
    text: str
    template: str
    variables: Mapping[str, str]
    severity: Severity
    critical: bool
    not_before: datetime
    expires_at: datetime
    pile: str = ""
    gather: str = ""
    line: str = ""
    joins: datetime | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Telling the same people once more.

    Attributes:
        words: Language -> subject and text.
        kind: ``repeat``; the row's kind.
        at: When.
        people: Only these; empty: everybody who has had his turn and has not answered himself.
        spare: But not these (quiet hours).
        pile: See :class:`Outgoing`.
        keeps_s: For how long it is of use [s].
        lines: Language -> it in one line of a list.
    """

    words: Mapping[str, tuple[str, str]]
    at: datetime
    kind: str = "repeat"
    people: frozenset[str] = frozenset()
    spare: frozenset[str] = frozenset()
    pile: str = ""
    keeps_s: float = 0.0
    lines: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """Something the desk of alerts must still know after a restart.

    Attributes:
        kind: ``matter``, ``mask``, ``tally``.
        key: Which one.
        text: JSON; empty: it is forgotten.
    """

    kind: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A few digits by which one person answers one matter without an app.

    Attributes:
        digits: As they stand in the message.
        person: Who was told them.
        rule: Of the matter. target: Of the matter; for an order of no alert the rule is ``order``, the target its id.
        occurrence: See :class:`Telling`.
        until: From when on they mean nothing.
    """

    digits: str
    person: str
    rule: str
    target: str
    occurrence: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Telling:
    """What a change of an alert does to the outbox; written in one transaction with the event beside it.

    Attributes:
        rule: Its id. target: See :class:`AlertChange`.
        occurrence: When it began to fire [ms since 1970]: tells one occurrence from the next.
        at: When the change happened. now: On the gateway's clock.
        rows: What is queued.
        cancels: What still waits for this alert is taken back first.
        reopens: An acknowledgement no longer counts.
        acknowledged: Who has taken it on; empty: nobody just now.
        closing: Language -> subject and text for everybody who was told; empty: they are not told of this.
        severity: Of the closing words. keeps_s: For how long those are of use [s].
        hold: Person -> not before then (his quiet hours), for the closing words. hold_all: The same for everybody.
        past: Like ``closing``, for those who should have been told long ago and could not be: that it came and went.
        again: The same people once more.
        answered: One of a group that must answer one by one has; only he is not called any more.
        above: Nobody above level 1 is called any more.
        release: What waits on this pile may go now.
        codes: By which its rows are answered.
    """

    rule: str
    target: str
    occurrence: int
    at: datetime
    now: datetime
    rows: tuple[Outgoing, ...] = ()
    cancels: bool = False
    reopens: bool = False
    acknowledged: str = ""
    closing: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    severity: Severity = Severity.INFO
    keeps_s: float = 0.0
    hold: Mapping[str, datetime] = field(default_factory=dict)
    hold_all: datetime | None = None
    past: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    again: Again | None = None
    answered: str = ""
    above: bool = False
    release: str = ""
    codes: tuple[Code, ...] = ()


class OrderState(StrEnum):
    """How far a job is (alerting reference 4.12)."""

    OPEN = "open"
    ACCEPTED = "accepted"
    ON_SITE = "on_site"
    DONE = "done"
    CHECKED = "checked"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class OrderNote:
    """A line of an order's log: who did what when; what is a word of the program, the note a person's own."""

    at: datetime
    by: str
    what: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A job for somebody, from an alert, by hand or from outside.

    Attributes:
        id: In this box. number: What people call it, one count for each year, e.g. ``2026-0017``.
        kind: Of work: what the device is for (``bin``, ``water``, ``structure`` ...) or what a person wrote.
        title: One line. text: More about it.
        device: Where, if it is at one. cell: Who answers for it. role: Who there.
        rule: Of the alert it comes from; empty: from none. target: Of that alert. occurrence: When that began [ms].
        severity: The worst it has been.
        auto: Closes by itself when the alert is over, unless it was orange or red.
        state: How far it is.
        created: When. amber: When four fifths of its time are over. due: When it should be done.
        person: Who has it, or should take it; empty: nobody yet.
        accepted: When. arrived: When. done: When. checked: When it was closed.
        photos: Ids of pictures. place: Where it was done, degrees north and east.
        returned_why: Why it was not good enough the last time. rounds: How often it was sent back.
        level: The highest that has been told of it. told_late: When that was.
        reminded: That it will soon be late.
        ended: When the alert was over.
        asked: When it was asked whether it is really done.
        log: Everything, oldest first.
        keys: Of requests that were carried out, so that a repeated one does nothing.
    """

    id: int
    number: str
    kind: str
    title: str
    severity: Severity
    created: datetime
    amber: datetime
    due: datetime
    text: str = ""
    device: str = ""
    cell: str = ""
    role: str = ""
    rule: str = ""
    target: str = ""
    occurrence: int = 0
    auto: bool = False
    state: OrderState = OrderState.OPEN
    person: str = ""
    accepted: datetime | None = None
    arrived: datetime | None = None
    done: datetime | None = None
    checked: datetime | None = None
    photos: tuple[str, ...] = ()
    place: tuple[float, float] | None = None
    returned_why: str = ""
    rounds: int = 0
    level: int = 1
    told_late: datetime | None = None
    reminded: bool = False
    ended: datetime | None = None
    asked: datetime | None = None
    log: tuple[OrderNote, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def matter(self) -> tuple[str, str]:
        """Rule and target under which the outbox knows it."""
        return "order", str(self.id)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came in one go over the wire, and is written down in one go.

    Attributes:
        observations: In the order they were heard; may be empty when only the receipt matters.
        receipt: Settled after the commit; ``None`` when the sender cannot be told.
        expendable: Nobody can repeat it and nobody waits for it (MQTT QoS 0): thinned first when the bus is full.
        tellings: What its events cause in the outbox, committed with them.
        notes: What the desk of alerts must still know, committed with them.
    """

    observations: tuple[Observation, ...]
    receipt: Receipt | None = None
    expendable: bool = False
    tellings: tuple[Telling, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Paper:
    """A file that goes with a message.

    Attributes:
        name: Of the file. type: Media type, e.g. ``application/pdf``. data: What is in it.
    """

    name: str
    type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message for one person by one way.

    Attributes:
        id: Ours, unique; the same when the same message is tried again, so that a far side that can may drop a double.
        to: The person's address on this channel: telephone number, mail address, chat id; empty: the whole group.
        subject: In a few words, one line.
        text: All of it, in the person's language. A channel with less room shortens it and says so.
        severity: How bad it is.
        template: Which kind of message it is, e.g. ``bin_full``; a channel that may only send approved templates looks
            its own template up by it.
        variables: What such a template is filled in with, by name.
        picture: A JPEG or PNG to show, where the channel can.
        papers: Files to send along; only mail can.
    """

    id: str
    to: str
    subject: str
    text: str
    severity: Severity = Severity.INFO
    template: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    picture: bytes | None = None
    papers: tuple[Paper, ...] = ()


def series_of(device: str, quantity: str) -> str:
    """The name of a series."""
    return f"{device}/{quantity}"


def split_series(series: str) -> tuple[str, str]:
    """Device and quantity of a series name."""
    device, _, quantity = series.partition("/")
    return device, quantity
