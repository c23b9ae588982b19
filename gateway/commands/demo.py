"""``village demo``: a whole simulated village on this machine, through the real gateway.

::

    far ends (broker, devices, probes)  ─► the house, as it runs in a village ─► page or progress lines ─► summary

Opened in this order, closed in the opposite one. The far ends know nothing of the house and the house knows nothing of
them: they meet at two sockets on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from gateway import files, passwords
from gateway.app import House
from gateway.clock import SystemClock
from gateway.commands.stage import (
    STATUS_PORT,
    account,
    drained,
    driver_of,
    far_ends_of,
    meeting,
    seeing,
    settled_status,
    sights,
    status_port,
)
from gateway.errors import Fault, SettingsError
from gateway.model import Event
from gateway.rehearsal import Summary, latency, sum_up, with_seen
from gateway.schema import duration
from gateway.site import Site, load_site, load_words
from gateway.store.accounts import Role, User
from gateway.words import Words

if TYPE_CHECKING:
    from drivers.simulation.far_ends import FarEnds

HELP = "run a simulated village on this machine: no sensors, no broker, no database needed"
EXAMPLE = """
village demo
village demo --for 30s --json
village demo --state ./demo-state --lang en
"""

GUEST = "demo"
GUEST_PERSON = "sun"  # of the shipped demo: the cleaner, who has orders of his own
EX_UNAVAILABLE = 69  # <sysexits.h>
FRAMES_PER_S = 4
PROGRESS_EVERY_S = 5.0
STOP_S = 10.0  # issue, section 7: a stop takes at most this long


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "--for", dest="seconds", metavar="TIME", type=_seconds, help="end after, e.g., 30s or 2min"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    parser.add_argument(
        "--state", type=Path, help="keep the readings there (default: a fresh folder, removed at the end)"
    )
    parser.add_argument("--speed", type=_speed, default=60.0, help="seconds of village life per second (60)")
    parser.add_argument("--seed", type=int, help="another village; the same seed gives the same one")
    parser.add_argument("--port", type=_port, help=f"of the status page ({STATUS_PORT}, or any free one)")
    parser.add_argument("--lang", choices=("zh", "en"), help="language of the page (default: the site's)")
    parser.add_argument("--site", type=Path, help="another site with a play.yaml (default: the shipped demo)")


def run(args: argparse.Namespace) -> int:
    """Play until it is over or somebody presses Ctrl-C."""
    try:
        import amqtt  # noqa: F401, PLC0415  # told here in words, before anything has started
        import rich  # noqa: F401, PLC0415
    except ImportError as error:
        print(f"village demo needs {error.name}: pip install 'village-gateway[demo]'", file=sys.stderr)
        return EX_UNAVAILABLE
    site = load_site(args.site or files.config_root() / "examples" / "demo")
    words = load_words(args.lang or site.village.site.language)
    site, missing = seeing(site)
    if missing:
        print(words("demo.no_eyes", missing=", ".join(missing)), file=sys.stderr)
    with _state_folder(args.state) as folder, _quiet_logs() as complaints:
        summary = asyncio.run(_Demo(args, site, words, folder).play())
        if not summary.ok:
            for line in complaints:
                print(line, file=sys.stderr)
    if args.json:
        print(json.dumps(summary.as_json(), ensure_ascii=False))
    else:
        print("\n".join(["", *summary.lines(words)]))
    return 0 if summary.ok else 1


@dataclass
class _Demo:
    """One performance."""

    args: argparse.Namespace
    site: Site
    words: Words
    folder: Path

    async def play(self) -> Summary:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if self.args.seconds is not None:
            loop.call_later(self.args.seconds, stop.set)
        self._say(self.words("demo.opening", name=self.site.village.site.name))
        async with far_ends_of(self.site, speed=self.args.speed, seed=self.args.seed) as far_ends:
            site = meeting(self.site, far_ends, status_port(self.args.port))
            house = House(site, self.folder, SystemClock(assume_trusted=True))
            return await self._with_house(house, far_ends, stop)

    async def _with_house(self, house: House, far_ends: FarEnds, stop: asyncio.Event) -> Summary:
        closing = asyncio.Event()
        open_now = asyncio.Event()
        began = asyncio.get_running_loop().time()
        running = asyncio.create_task(house.run(closing, open_now.set), name="house")
        opened = asyncio.create_task(open_now.wait())
        await asyncio.wait([running, opened], return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if running.done():
            await running  # raises what kept it from opening
        self._announce(house, far_ends)
        far_ends.wake()
        showing = asyncio.create_task(self._show(house, far_ends), name="page")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait([running, showing, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        showing.cancel()
        await asyncio.wait([showing])
        self._say(self.words("demo.ending"))
        await far_ends.rest()
        await drained(far_ends)
        status = await settled_status(house)
        seen = await asyncio.to_thread(sights, house)
        played = account(far_ends, asyncio.get_running_loop().time() - began)
        closing.set()
        async with asyncio.timeout(STOP_S):
            await running
        if not showing.cancelled() and (error := showing.exception()) is not None:
            raise error
        expected = [device.slug for device in house.site.devices.values() if device.settings.enabled]
        summary = sum_up(
            status,
            expected,
            played,
            mqtt=[name for name, plugin in house.site.sources.items() if driver_of(plugin) == "mqtt"],
            disk_bytes=_size_of(self.folder),
            words=self.words,
        )
        return with_seen(summary, seen)

    def _announce(self, house: House, far_ends: FarEnds) -> None:
        words = self.words
        self._say(words("demo.mqtt", host="127.0.0.1", port=far_ends.broker.port))
        self._say(words("demo.modbus", host="127.0.0.1", port=far_ends.probes.port))
        self._say(words("demo.status", address=house.address))
        self._say(words("demo.board", address=house.address, user=GUEST, password=self._guest(house)))
        if self.args.state is not None:
            self._say(words("demo.state", folder=self.folder))

    def _guest(self, house: House) -> str:
        """The password of somebody who may acknowledge and give orders in the demo; another one each time."""
        password = passwords.first_password()
        user = User(
            GUEST, "", Role.OPERATOR, GUEST_PERSON, None, passwords.hashed(password), False, house.clock.now()
        )
        house.accounts.keep(user)
        return password

    async def _show(self, house: House, far_ends: FarEnds) -> None:
        on_a_screen = self.args.seconds is None and not self.args.json and sys.stdout.isatty()
        await (self._page(house, far_ends) if on_a_screen else self._progress(house, far_ends))

    async def _page(self, house: House, far_ends: FarEnds) -> None:
        from rich.live import Live  # noqa: PLC0415  # rich belongs to the demo extra

        from gateway.terminal import Lately, Page, Scene  # noqa: PLC0415

        page, lately, told = Page(self.words, house.site.quantities), Lately(), 0
        devices = [device for device in house.site.devices.values() if device.settings.enabled]
        zone = house.site.village.site.zone
        with Live(auto_refresh=False, screen=True) as live:
            while True:
                lately.look(house.latest)
                for entry in await asyncio.to_thread(house.journal.events, told, 20):
                    told = entry.seq
                    if isinstance(entry.item, Event):
                        lately.happened(entry.item)
                status = house.status()
                scene = Scene(
                    name=house.site.village.site.name,
                    devices=devices,
                    status=status,
                    latest=house.latest,
                    now=house.clock.now(),
                    zone=zone,
                    village_time=far_ends.village_time().astimezone(zone),
                    speed=self.args.speed,
                    sent=far_ends.sent,
                    polls=far_ends.polls,
                    commit_ms=latency(list(far_ends.broker.receipts.waits_s)[-100:]).get("median"),
                    address=house.address,
                    ages=_ages(status),
                )
                live.update(page.draw(scene, lately, *live.console.size), refresh=True)
                await asyncio.sleep(1 / FRAMES_PER_S)

    async def _progress(self, house: House, far_ends: FarEnds) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        expected = sum(device.settings.enabled for device in house.site.devices.values())
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            status = house.status()
            quality = status["quality"]
            self._say(
                self.words(
                    "demo.progress",
                    seconds=f"{loop.time() - began:.0f}",
                    heard=len(_ages(status).keys() & house.site.devices.keys()),
                    expected=expected,
                    sent=far_ends.sent,
                    polls=far_ends.polls,
                    readings=sum(quality.values()),
                    flagged=sum(quality.get(flag, 0) for flag in ("SUSPECT", "FAIL", "MISSING")),
                )
            )

    def _say(self, line: str) -> None:
        """Progress is for people: with --json it goes to stderr, so that stdout is the JSON object alone."""
        out: TextIO = sys.stderr if self.args.json else sys.stdout
        print(line, file=out, flush=True)


def _ages(status: dict[str, Any]) -> dict[str, float]:
    return {slug: age for source in status["sources"].values() for slug, age in source["devices"].items()}


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def _state_folder(state: Path | None) -> Iterator[Path]:
    if state is not None:
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SettingsError(
                Fault(str(state), 0, "--state", f"cannot be used: {error.strerror}")
            ) from error
        yield state
        return
    folder = Path(tempfile.mkdtemp(prefix="village-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Keep(logging.Handler):
    """Keeps the last complaints, so that they do not run across the page."""

    def __init__(self, lines: deque[str]) -> None:
        super().__init__(logging.WARNING)
        self.lines = lines
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextlib.contextmanager
def _quiet_logs() -> Iterator[deque[str]]:
    lines: deque[str] = deque(maxlen=50)
    handler = _Keep(lines)
    logging.getLogger().addHandler(handler)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the driver says it in its own words
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)


def _checked(kind: str, convert: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{kind} is between {low:g} and {high:g}")
        return value

    return parse


_seconds = _checked("a time [s]", lambda text: duration(text).total_seconds(), 1, 30 * 86400)
_speed = _checked("speed", float, 0.1, 3600)


def _port(text: str) -> int:
    return int(_checked("a port", int, 0, 65535)(text))
