"""What people must hear now: the difference between what is so and what they know, as messages. Pure.

One moment of the house: made anew for each thing that happens, it collects what follows from it.
"""

from __future__ import annotations

from collections.abc import Set

from gateway.alerts.masks import Held
from gateway.alerts.matter import Matter
from gateway.alerts.rates import Flood
from gateway.model import AlertChange, Telling
from gateway.notify.teller import Manner, Teller
from gateway.people import URGENCY_OF
from gateway.rules.instance import time_of
from gateway.rules.state import INF


class Speaker:
    """Says what must be said at one moment.

    Args:
        teller: Of the site as it is now.
        flood: How much happens.
        now: Seconds.
        broken: Channels that do not work now.
    """

    def __init__(self, teller: Teller, flood: Flood, now: float, broken: Set[str]) -> None:
        self._teller = teller
        self._flood = flood
        self._now = now
        self._broken = broken
        self.tellings: list[Telling] = []

    def settle(self, matter: Matter, reason: Held | None, *, spoken: str = "", was: str = "") -> None:
        """Tell what people must know now, or note what keeps it from them.

        Args:
            matter: What is so, and what they know.
            reason: What keeps it from them.
            spoken: Another sentence than the usual one.
            was: The mask that has just ended.
        """
        if reason is not None:
            if matter.known and not matter.held and reason.kind != "flapping":
                self.take_back(matter)
            matter.held = reason.kind
            return
        matter.held = ""
        if matter.truth == "firing":
            self._firing(matter, spoken, was)
        elif matter.truth == "latched":
            worse = matter.severity > matter.worst
            if matter.known == "firing" and not worse:
                self._close(matter)
            elif not matter.known or worse or (was and not matter.taken):
                self._open(matter, spoken="latched", again=True)
            matter.known = "latched"
        elif matter.known:
            self._close(matter)
            matter.told("", self._now)
            matter.taken = ""
            matter.quieten()

    def _firing(self, matter: Matter, spoken: str, was: str) -> None:
        if matter.stale and matter.severity <= matter.worst:
            return
        if matter.known != "firing":
            self._open(matter, spoken=spoken, again=bool(was))  # it may have begun long ago, and is true now
        elif matter.severity > matter.worst:
            self._open(matter, raised=True, again=bool(was))
        elif was == "flapping":
            matter.repeat_at = INF if matter.taken else self._now + self._every(matter)
        elif was and not matter.taken:
            self._open(matter, spoken="still", again=True)

    def _open(self, matter: Matter, *, spoken: str = "", raised: bool = False, again: bool = False) -> None:
        """The ladder begins."""
        change = matter.change(at=self._now if again else None, fresh=again and not raised, raised=raised)
        urgency = URGENCY_OF[matter.severity.word]
        rule = self._teller.rules.get(matter.rule)
        waits = urgency == "notice" or (rule is not None and bool(rule.batch) and urgency != "critical")
        if not waits:
            self._flood.note(self._now)
        manner = Manner(
            spoken,
            flood=self._flood.since is not None and urgency != "critical",
            below=spoken == "repeats" and urgency != "critical",
        )
        now = time_of(self._now)
        telling = self._teller.telling(change, now, self._broken, manner)
        if telling is None:
            return
        self.tellings.append(telling)
        late = change.at <= now - self._teller.keeps(matter.severity)
        matter.taken = ""
        matter.quieten()
        if late:
            matter.stale, matter.worst = True, matter.severity
            return
        matter.told("firing", self._now)
        matter.repeat_at = self._now + self._every(matter)
        callout = self._teller.turns.answering(matter.rule, matter.target, now, self._broken)
        if callout is not None:
            matter.group, matter.group_name, matter.answered = list(callout.people), callout.group, []
            matter.chase_at = self._now + callout.every.total_seconds()

    def _close(self, matter: Matter) -> None:
        telling = self._teller.telling(matter.change(), time_of(self._now), self._broken)
        if telling is not None:
            self.tellings.append(telling)

    def take_back(self, matter: Matter) -> None:
        """What waits is taken back; what people know already stays known."""
        now = time_of(self._now)
        self.tellings.append(Telling(matter.rule, matter.target, 0, now, now, cancels=True))
        matter.quieten()

    def forget(self, matter: Matter, change: AlertChange) -> None:
        """The rule or the device has left the site: nobody is told."""
        telling = self._teller.telling(change, time_of(self._now), self._broken)
        if telling is not None:
            self.tellings.append(telling)
        matter.truth, matter.known, matter.held, matter.flapping, matter.raises = "", "", "", False, []

    def _every(self, matter: Matter) -> float:
        """How long until the same people are told again [s]; a round's next one."""
        rule = self._teller.rules.get(matter.rule)
        urgency = URGENCY_OF[matter.severity.word]
        if urgency != "critical" and rule is not None and rule.batch:
            begins = self._teller.next_round(rule, time_of(self._now))
            return INF if begins is None else begins.timestamp() - self._now
        every = self._teller.roster.settings.ladders.of(urgency).repeat
        return INF if every is None else every.total_seconds()

    def repeat(self, matter: Matter) -> None:
        """The same people once more; on a round, the next round's list."""
        now = time_of(self._now)
        rule = self._teller.rules.get(matter.rule)
        due = None
        if rule is not None and rule.batch and URGENCY_OF[matter.severity.word] != "critical":
            due = self._teller.round_told(rule, now)
        change = matter.change(at=self._now)
        self.tellings.append(
            self._teller.again(change, now, at=due, pile="round")
            if due is not None
            else self._teller.again(change, now)
        )
        matter.repeat_at = self._now + self._every(matter)

    def chase(self, matter: Matter) -> None:
        """Who of a group has not answered himself is called again."""
        now = time_of(self._now)
        left = frozenset(matter.group) - frozenset(matter.answered)
        callout = self._teller.turns.answering(matter.rule, matter.target, now, self._broken)
        if left and callout is not None:
            self.tellings.append(self._teller.again(matter.change(at=self._now), now, people=left))
            matter.chase_at = self._now + callout.every.total_seconds()
        else:
            matter.chase_at = INF

    def realarm(self, matter: Matter) -> None:
        """Taken on, but not done: the level above those who know is told."""
        matter.realarm_at = INF
        began, reached = time_of(matter.told_at), time_of(matter.taken_at or self._now)
        telling = self._teller.next_level(
            matter.change(at=self._now, fresh=True),
            time_of(self._now),
            began=began,
            reached=reached,
            broken=self._broken,
        )
        if telling is not None:
            self.tellings.append(telling)
            matter.taken = ""
            matter.repeat_at = self._now + self._every(matter)
