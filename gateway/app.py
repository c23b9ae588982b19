"""Build the house, open it, close it: what opens first closes last.

::

    journal ─► forwarders ─► spine ─► sources ─► API          (opened in this order)
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import gateway
from gateway import plugins, systemd
from gateway.accounts import Accounts
from gateway.answers import Answers
from gateway.api import Api, answer
from gateway.api.pages import pages_of
from gateway.api.plain import alert_json, event_json, reading_json
from gateway.bus import Bus
from gateway.changes import Changes
from gateway.clock import Clock
from gateway.contracts import Actuator, Channel, Context, Device, SinkContext, SourceHealth
from gateway.deriver import Deriver
from gateway.doctor import examine
from gateway.evidence.pictures import Place
from gateway.evidence.warden import Warden
from gateway.herald import Herald
from gateway.judgement import Judgement
from gateway.latest import Latest
from gateway.linkage.actuators import actuator
from gateway.linkage.faults import cameras_of
from gateway.linkage.lanes import CameraLane, OutputLane
from gateway.linkage.switchboard import Switchboard
from gateway.linkage.wishes import CAMERAS, OUTPUT
from gateway.model import Delivery, Event, Flag, Order, OrderState, Tick
from gateway.orders.desk import Desk
from gateway.orders.watch import Watch
from gateway.outputs import Output
from gateway.quality.grader import Grader
from gateway.rules.telling import confirmation
from gateway.settings import DeviceSettings, Pace
from gateway.site import Plugin, Site, load_site
from gateway.sources import Sources, Wanted
from gateway.spine import Spine
from gateway.store.forward import Forwarder
from gateway.store.journal import Journal

TICK_S = 10.0
STALLED_S = 25.0  # below WatchdogSec=30: a stage that has made no progress for this long is stuck
MEMORY_OF_DERIVER = "deriver"
UPLINK_WORKS = frozenset({"up to date", "sending", "catching up"})

ALERTS_ORDER: dict[OrderState, Literal["open", "accepted", "closed"]] = {  # as the desk of alerts calls it
    OrderState.OPEN: "open",
    OrderState.RETURNED: "open",
    OrderState.ACCEPTED: "accepted",
    OrderState.ON_SITE: "accepted",
    OrderState.DONE: "accepted",
    OrderState.CHECKED: "closed",
}

_log = logging.getLogger(__name__)


class House:
    """The running gateway.

    Args:
        site: Read and checked.
        state_dir: Everything that must survive a power cut lies here.
        clock: The only clock of the house.
    """

    def __init__(self, site: Site, state_dir: Path, clock: Clock) -> None:
        self.site = site
        self.state_dir = state_dir
        self.clock = clock
        self.latest = Latest()
        self.address = ""
        self.started = clock.now()
        self._began = clock.monotonic()
        self.bus = Bus()
        self.journal = Journal(state_dir, clock, site.village.store)
        self.forwarders: dict[str, tuple[Plugin, Forwarder]] = {}
        self.sources = Sources(self.bus, clock, self._context)
        self.spine: Spine | None = None
        self.judgement = Judgement(self.journal, clock)
        self.herald = Herald(site, self.journal, clock, state_dir)
        self.orders = Desk(
            site,
            self.journal,
            clock,
            state_dir,
            codes=self.herald.codes,
            words=self.herald.words,
            alerts=self._rulebook_alerts,
            told=self.herald.wake,
            broken=lambda: self.herald.broken,
            changed=self._order_changed,
        )
        self.watch = Watch(self.orders, self.herald.codes, self.herald.silenced)
        self.warden = Warden(state_dir, clock, lambda: self.evidence)
        self.herald.woken = self.watch.wake
        self.outputs = Switchboard(clock, self._write_down)
        self.answers = Answers(
            self,
            self.orders,
            self.herald.codes,
            self.journal,
            clock,
            words=self.herald.words,
            told=self.herald.wake,
            called_out=lambda rule, target: self.herald.desk.answers(rule, target) is not None,
        )
        self.editing = asyncio.Lock()  # held by whoever changes a file of the site
        self.looking_back = asyncio.Lock()  # held by whoever lets a rule judge the past
        self.backing_up = asyncio.Lock()  # held while a copy of everything is downloaded
        self.accounts = Accounts(state_dir, clock, site.village.api.sessions)
        self.changes = Changes(
            clock,
            reading=lambda reading: reading_json(reading, clock.now()),
            event=event_json,
            alerts=self._alerts_of,
            status=self.pulse,
        )
        self._group: asyncio.TaskGroup | None = None
        self._probe = _Probe(clock)
        self._remembered = -1
        self._beats: dict[str, tuple[int, float]] = {}

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Open the house, work until ``stop`` is set, close it with nothing lost.

        Args:
            stop: Set by a signal handler.
            ready: Called once when journal and sources are open.
        """
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(self.journal.open)
        await asyncio.to_thread(self.accounts.open)
        try:
            await self._work(stop, ready)
        finally:
            await asyncio.to_thread(self._close_store)

    async def _work(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        known = self.journal.latest()
        self.latest = Latest(known)
        grader = Grader(self.site.quantities, self.site.devices)
        deriver = Deriver(self.site.devices, self.site.quantities)
        grader.prime(known)
        deriver.prime(known)
        memory = self.journal.bookmark(MEMORY_OF_DERIVER)
        if memory:
            deriver.restore(json.loads(memory))
        rulebook, closed = await asyncio.to_thread(self.judgement.open, self.site, self.latest)
        self.spine = Spine(
            self.bus,
            self.journal,
            grader=grader,
            deriver=deriver,
            rulebook=rulebook,
            latest=self.latest,
            clock=self.clock,
            herald=self.herald,
            noted=self.changes.note,
        )
        await self.herald.recall()
        self.herald.stand(rulebook.standing)
        self.herald.codes.learn(await asyncio.to_thread(self.journal.change, lambda book: book.codes.all()))
        await self.spine.tell(closed)
        loop = asyncio.get_running_loop()
        self.herald.inbox.begin(loop, self.answers.take)
        self.herald.acting = lambda site: self._acting(site, loop)
        await self.outputs.apply(self._switches(self.site))
        self._apply_sinks(self.site)
        await asyncio.to_thread(self.herald.apply, self.site)
        async with asyncio.TaskGroup() as outer:
            outer.create_task(self.spine.run(), name="spine")
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self.sources.apply(group, _wanted(self.site))
                api = Api(self, (*pages_of(self), *answer.routes(self)))
                group.create_task(api.serve(), name="api")
                ticking = group.create_task(self._tick(), name="tick")
                watching = group.create_task(self.watch.run(), name="orders")
                tidying = group.create_task(self.warden.run(), name="evidence")
                switching = group.create_task(self.outputs.run(), name="outputs")
                if not await self.sources.opened(5.0):
                    _log.warning("a source is still opening after 5 s; going on")
                ready()
                systemd.notify("READY=1", f"STATUS={len(self.site.devices)} devices")
                _log.info("ready site=%s devices=%d", self.site.village.site.slug, len(self.site.devices))
                await stop.wait()
                systemd.notify("STOPPING=1")
                _log.info("stopping")
                switching.cancel()
                await self.outputs.close()
                await self.sources.stop()
                ticking.cancel()
                watching.cancel()
                tidying.cancel()
                self.herald.inbox.stop()
                api.stop()
            self.bus.close()
        self._remember()

    async def reload(self) -> dict[str, Any]:
        """Read the site again and apply what changed; a faulty site changes nothing.

        Raises:
            SettingsError: What is wrong with the new site.
        """
        site = await asyncio.to_thread(load_site, self.site.path)
        fixed = [
            part
            for part in ("site", "store", "api", "board")
            if getattr(site.village, part) != getattr(self.site.village, part)
        ]
        rulebook = await asyncio.to_thread(self.judgement.prepare, site, dict(self.latest))
        before, self.site = self.site, site
        assert self._group is not None
        assert self.spine is not None
        closed = rulebook.restore(self.spine.rulebook.memory())
        self.spine.rulebook = rulebook
        self.herald.use(site)
        self.herald.stand(rulebook.standing)
        self.orders.use(site)
        await self.spine.tell(closed)
        if before.devices != site.devices or before.quantities != site.quantities:
            self._judge_anew(self.spine)
        outcome: dict[str, Any] = {"sources": await self.sources.apply(self._group, _wanted(site))}
        outcome["sinks"] = await asyncio.to_thread(self._apply_sinks, site)
        outcome["outputs"] = await self.outputs.apply(self._switches(site))
        outcome["channels"] = await asyncio.to_thread(self.herald.apply, site)
        outcome["needs_restart"] = fixed
        _log.info("reloaded %s", json.dumps(outcome))
        return outcome

    def _judge_anew(self, spine: Spine) -> None:
        """Fresh grader and deriver for a changed site; devices that did not change keep their past."""
        grader = Grader(self.site.quantities, self.site.devices)
        grader.prime(self.latest)
        grader.inherit(spine.grader)
        deriver = Deriver(self.site.devices, self.site.quantities)
        deriver.prime(self.latest)
        deriver.restore(spine.deriver.memory())
        deriver.inherit(spine.deriver)
        spine.grader, spine.deriver = grader, deriver

    def status(self) -> dict[str, Any]:
        """What the box is doing, as plain data: ``village status``, metrics and the board read it."""
        now = self.clock.monotonic()
        journal = self.journal.status()
        return {
            "site": self.site.village.site.slug,
            "name": self.site.village.site.name,
            "language": self.site.village.site.language,
            "started": self.started.isoformat(),
            "uptime_s": round(now - self._began, 1),
            "sources": {name: _source_status(health, now) for name, health in self.sources.health.items()},
            "devices": self._devices_status(now),
            "journal": _plain(asdict(journal)),
            "sinks": {
                name: _plain(asdict(forwarder.status())) for name, (_, forwarder) in self.forwarders.items()
            },
            "clock": {"trusted": self.clock.trusted(), "now": self.clock.now().isoformat()},
            "alerts": self.alerts(),
            "channels": self.herald.status(),
            "evidence": self.warden.status(),
            "outputs": self.outputs.status(),
            "rules": {
                "rules": len(self.site.rules.plans),
                "judged": len(self.spine.rulebook) if self.spine else 0,
            },
            "bus": {"waiting": len(self.bus), "dropped": self.bus.dropped},
            "quality": {flag.name: count for flag, count in self.spine.flags.items()} if self.spine else {},
            "events": self.spine.events if self.spine else 0,
            "stalled": self.stalled(),
            "accounts": self.accounts.broken,
            "versions": {
                "village": gateway.__version__,
                "python": platform.python_version(),
                "sqlite": journal.sqlite,
                "machine": platform.machine(),
            },
        }

    def channel(self, name: str) -> Channel | None:
        """A channel at work."""
        return next((lane.channel for lane in self.herald.lanes() if lane.name == name), None)

    def alerts(self) -> list[dict[str, Any]]:
        """What is not normal now, worst first, as plain data."""
        return self._with_orders(self.herald.with_told(self._rulebook_alerts()))

    def _with_orders(self, alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**one, "order": self.watch.of(one["rule"], one["target"])} for one in alerts]

    async def _alerts_of(self, pairs: set[tuple[str, str]]) -> list[dict[str, Any]]:
        found = [one for one in self._rulebook_alerts() if (one["rule"], one["target"]) in pairs]
        told = await asyncio.to_thread(self.herald.with_told, found)
        return [alert_json(one, self.site) for one in self._with_orders(told)]

    def pulse(self) -> dict[str, Any]:
        """The few figures that a screen shows all the time."""
        status = self.status()
        kept = ("uptime_s", "clock", "bus", "stalled", "events")
        states = {name: source["state"] for name, source in status["sources"].items()}
        backlog = {name: sink["backlog"] for name, sink in status["sinks"].items()}
        return {
            **{key: status[key] for key in kept},
            "sources": states,
            "backlog": backlog,
            "alerts": len(status["alerts"]),
            "problems": len(examine(status)),
        }

    def status_of(self, slug: str) -> dict[str, Any]:
        """One device: how long it has been silent, its last complaint, its readings by quality since the start."""
        one = self._devices_status(self.clock.monotonic())[slug]
        health = self.sources.health.get(self.site.devices[slug].settings.source)
        raw = health.raws.get(slug) if health else None
        counts: Mapping[Flag, int] = self.spine.counts.get(slug, {}) if self.spine else {}
        return {
            "age_s": one["age_s"],
            "error": one["error"],
            "counts": {flag.name: number for flag, number in counts.items()},
            "raw": None if raw is None else {"at": raw[0].isoformat(), "text": raw[1]},
        }

    async def acknowledge(self, rule: str, target: str, by: str) -> bool:
        """Somebody has taken an alert on: who else waits to be called for it is not. On the disk when this returns.

        Returns:
            False when there is no such alert.

        Raises:
            Unavailable: The disk did not take it in time.
        """
        if not any((one["rule"], one["target"]) == (rule, target) for one in self._rulebook_alerts()):
            return False
        await self.herald.acknowledge(rule, target, by)
        return True

    async def _write_down(self, event: Event) -> None:
        await self.journal.append(Delivery((event,)))
        self.changes.note((event,))

    def _switches(self, site: Site) -> dict[str, tuple[Output, Callable[[], Actuator]]]:
        """Every output of the site and how the way to it is made."""
        channels = {name: plugin.settings for name, plugin in site.channels.items()}

        def way(output: Output) -> Callable[[], Actuator]:
            return lambda: actuator(output, find=self.sources.driver, channels=channels, clock=self.clock)

        return {name: (output, way(output)) for name, output in site.village.outputs.items()}

    def _acting(
        self, site: Site, loop: asyncio.AbstractEventLoop
    ) -> dict[str, tuple[object, Callable[[], Channel]]]:
        """Outputs and cameras as channels of the outbox."""

        def lane(name: str) -> Callable[[], Channel]:
            return lambda: OutputLane(name, self.outputs, loop)

        lanes: dict[str, tuple[object, Callable[[], Channel]]] = {
            f"{OUTPUT}{name}": (output, lane(name)) for name, output in site.village.outputs.items()
        }
        owners = {camera: name for name, one in site.sources.items() for camera in cameras_of(one)}
        if owners:
            find = lambda camera: self.sources.driver(owners.get(camera, ""))  # noqa: E731  # a name for one line
            lanes[CAMERAS] = (owners, lambda: CameraLane(find, loop))
        return lanes

    async def _order_changed(self, order: Order) -> None:
        """Who looks on sees it; the desk of alerts knows how far the job is."""
        self.changes.say("order", self.orders.plain(order))
        if order.rule:
            await self.herald.order_moved(order.rule, order.target, ALERTS_ORDER[order.state])

    def _rulebook_alerts(self) -> list[dict[str, Any]]:
        return [*self.spine.rulebook.alerts(), *self.herald.own_alerts()] if self.spine else []

    async def shelve(self, rule: str, target: str, until: datetime, by: str, why: str) -> str:
        """Put an alert aside for a while; returns why not, in words, or nothing. Raises Unavailable."""
        return await self.herald.shelve(rule, target, until, by, why)

    async def unshelve(self, rule: str, target: str, by: str) -> str:
        """Before its time; returns why not, in words, or nothing. Raises Unavailable."""
        return await self.herald.unshelve(rule, target, by)

    async def maintain(self, device: str, until: datetime, by: str, why: str) -> str:
        """A device or cell is out of service; returns why not, in words, or nothing. Raises Unavailable."""
        return await self.herald.maintain(device, until, by, why)

    async def unmaintain(self, device: str, by: str) -> str:
        """Back in service; returns why not, in words, or nothing. Raises Unavailable."""
        return await self.herald.unmaintain(device, by)

    async def trial(self, channel: str, person: str, by: str) -> str:
        """A marked test message through one channel; returns under which target it is told. Raises Unavailable."""
        return await self.herald.trial(channel, person, by)

    @property
    def evidence(self) -> Mapping[str, Place]:
        """Where evidence lies, by source."""
        return self.herald.evidence

    async def confirm(self, rule: str, target: str, by: str) -> bool:
        """A person has looked at an alert. It goes the way of every observation: written down, then judged.

        Returns:
            False when there is no such alert.
        """
        if self.spine is None or not self.spine.rulebook.knows(rule, target):
            return False
        await self.bus.put(Delivery((confirmation(rule, target, by, self.clock.now()),)))
        return True

    def vitals(self) -> Mapping[str, float]:
        """The gateway's own figures, for the health source."""
        statuses = [forwarder.status() for _, forwarder in self.forwarders.values()]
        figures = {
            "clock_trusted": float(self.clock.trusted()),
            "dropped": float(self.bus.dropped + self.journal.status().evicted),
        }
        if statuses:
            figures["backlog"] = float(max(status.backlog for status in statuses))
            figures["uplink"] = float(any(status.state in UPLINK_WORKS for status in statuses))
        return figures

    def _context(self, name: str, wanted: Wanted, health: SourceHealth) -> Context:
        return Context(
            name=name,
            site=self.site.village.site.slug,
            devices=wanted.devices,
            quantities=self.site.quantities,
            catalogue=self.site.catalogue,
            clock=self.clock,
            health=health,
            state_dir=self.state_dir / "sources" / name,
            vitals=self.vitals,
            catalogue_dirs=self.site.catalogue_dirs,
            zone=self.site.village.site.zone,
        )

    def _apply_sinks(self, site: Site) -> dict[str, list[str]]:
        outcome: dict[str, list[str]] = {"kept": [], "started": [], "stopped": [], "replaced": []}
        for name in [name for name in self.forwarders if name not in site.sinks]:
            self.forwarders.pop(name)[1].stop()
            outcome["stopped"].append(name)
        for name, plugin in site.sinks.items():
            running = self.forwarders.get(name)
            if running is not None and running[0].settings == plugin.settings:
                outcome["kept"].append(name)
                continue
            if running is not None:
                running[1].stop()
            context = SinkContext(
                name=name,
                site=site.village.site.slug,
                quantities=site.quantities,
                clock=self.clock,
                state_dir=self.state_dir / "sinks" / name,
            )
            sink = plugin.module.Sink(plugin.settings, context)
            forwarder = Forwarder(
                name,
                sink,
                self.journal,
                self.clock,
                pace=plugin.settings if isinstance(plugin.settings, Pace) else None,
            )
            forwarder.start()
            self.forwarders[name] = (plugin, forwarder)
            outcome["replaced" if running is not None else "started"].append(name)
        return outcome

    async def _tick(self) -> None:
        """Time passes even when nothing is heard; also the pulse that the watchdog follows through every stage."""
        period = min(TICK_S, (systemd.watchdog_period_s() or TICK_S * 3) / 3)
        while True:
            await self.bus.put(Delivery((Tick(self.clock.now()),), self._probe))
            await self.clock.sleep(period)
            stalled = self.stalled()
            if not stalled:
                systemd.notify("WATCHDOG=1")
            self._remember()

    def stalled(self) -> list[str]:
        """Which stages have made no progress although they should have."""
        now = self.clock.monotonic()
        stages = {"intake": self.spine.passed if self.spine else now, "commit": self._probe.settled}
        for name, (_, forwarder) in self.forwarders.items():
            beats = forwarder.status().beats
            if self._beats.get(name, (-1, 0.0))[0] != beats:
                self._beats[name] = (beats, now)
            stages[f"forward {name}"] = self._beats[name][1]
        return [name for name, passed in stages.items() if now - passed > STALLED_S]

    def _remember(self) -> None:
        """Write down what the deriver has learnt and what the rules are in the middle of, when it has changed."""
        if self.spine is not None:
            self.judgement.remember(self.spine.rulebook)
        if self.spine is not None and self.spine.deriver.revision != self._remembered:
            self._remembered = self.spine.deriver.revision
            self.journal.set_bookmark(MEMORY_OF_DERIVER, json.dumps(self.spine.deriver.memory()))

    def _devices_status(self, now: float) -> dict[str, dict[str, Any]]:
        heard: dict[str, dict[str, Any]] = {}
        for slug, device in self.site.devices.items():
            health = self.sources.health.get(device.settings.source)
            last = health.devices.get(slug) if health else None
            heard[slug] = {
                "name": device.settings.name,
                "source": device.settings.source,
                "age_s": None if last is None else round(now - last, 1),
                "period_s": device.period.total_seconds(),
                "error": health.device_errors.get(slug, "") if health else "",
            }
        return heard

    def _close_store(self) -> None:
        lanes = self.herald.lanes()
        with ThreadPoolExecutor(max_workers=2 + len(self.forwarders) + len(lanes)) as together:
            for lane in lanes:
                together.submit(lane.stop)
            together.submit(self.herald.inbox.join)
            together.submit(self.herald.receipts.stop)
            for _, forwarder in self.forwarders.values():  # each may take seconds: a request is in its hand
                together.submit(forwarder.stop)
        self.journal.close()
        self.accounts.close()


class _Probe:
    """A receipt that nobody waits for: settled means that the journal's thread is alive and commits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.settled = clock.monotonic()

    def settle(self) -> None:
        self.settled = self._clock.monotonic()


def _wanted(site: Site) -> dict[str, Wanted]:
    """The sources of a site, and the gateway's own health, which is one too."""
    wanted = {name: Wanted(plugin, site.devices_of(name)) for name, plugin in site.sources.items()}
    if not any(plugin.module.__name__.endswith(".health") for plugin in site.sources.values()):
        module = plugins.load("driver", "health")
        own = Device("gateway", DeviceSettings(source="health"))
        wanted["health"] = Wanted(Plugin("health", module, module.Settings()), (own,))
    return wanted


def _source_status(health: SourceHealth, now: float) -> dict[str, Any]:
    ages = {slug: round(now - heard, 1) for slug, heard in health.devices.items()}
    return {
        "state": health.state,
        "received": health.received,
        "refused": health.refused,
        "duplicates": health.duplicates,
        "dropped": health.dropped,
        "overdue": health.overdue,
        "reopened": health.reopened,
        "last_good_age_s": None if health.last_good is None else round(now - health.last_good, 1),
        "last_good_at": health.last_good_at.isoformat() if health.last_good_at else None,
        "last_error": health.last_error,
        "devices": ages,
        "device_errors": dict(health.device_errors),
        "unknown": {name: at.isoformat() for name, at in health.unknown.items()},
        "notes": dict(health.notes),
    }


def _plain(value: Any) -> Any:
    """Plain JSON data: times as ISO text, tuples as lists."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 3)
    if isinstance(value, Path):
        return str(value)
    return value
