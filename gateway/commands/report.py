"""``village report``: the last week or month as a page, on paper, or by mail. Reads the journal; the daemon may run."""

from __future__ import annotations

import argparse
import sys
from datetime import date, timedelta
from pathlib import Path

from gateway.clock import SystemClock
from gateway.contracts import ChannelContext
from gateway.control import add_state, state_dir
from gateway.errors import DeliveryError, Fault, SettingsError
from gateway.evidence.notebook import marks_in
from gateway.evidence.pictures import place_of
from gateway.model import Notice, Paper
from gateway.reports.gather import Report, Span, gathered, time_of_report
from gateway.reports.page import page
from gateway.reports.paper import printed
from gateway.site import Site, load_site, load_words
from gateway.store.journal import folder_of
from gateway.store.reader import Reader
from gateway.words import Language, Words

HELP = "the last week or month as HTML or PDF: bins, water, houses, rain, alerts, sensors, cameras"
EXAMPLE = """
village report /etc/village --week --out week.html
village report /etc/village --month --pdf month.pdf --lang en
village report /etc/village --week --mail          # to the addresses of `reports:` in village.yaml
village report /etc/village --week --of 2026-11-18
"""
EX_UNAVAILABLE = 69


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("site", type=Path, help="folder with village.yaml")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--week", dest="span", action="store_const", const="week", help="the last whole week")
    which.add_argument(
        "--month", dest="span", action="store_const", const="month", help="the last whole month"
    )
    parser.add_argument("--of", type=date.fromisoformat, metavar="DAY", help="as if it were made on this day")
    parser.add_argument("--out", type=Path, help="file for the HTML page; - prints it")
    parser.add_argument("--pdf", type=Path, help="file for the PDF")
    parser.add_argument("--mail", action="store_true", help="send both to the addresses of `reports:`")
    parser.add_argument("--lang", choices=["zh", "en"], help="default: the site's language")
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Gather, then write or send."""
    if not (args.out or args.pdf or args.mail):
        raise SettingsError(
            Fault("", 0, "", "says not what to do with the report", "write --out FILE, --pdf FILE or --mail")
        )
    site = load_site(args.site)
    language: Language = args.lang or site.village.reports.language or site.village.site.language
    say = load_words(language)
    now = SystemClock().now().astimezone(site.village.site.zone)
    span: Span = args.span
    start, end = time_of_report(span, args.of or now.date(), site)
    folder = folder_of(state_dir(args.state, args.site))
    if not folder.is_dir():
        raise SettingsError(
            Fault(str(folder), 0, "", "holds no journal", "name the state folder with --state")
        )
    with Reader(folder, broken=_skipped) as reader:
        marks = _marks(site, state_dir(args.state, args.site))
        report = gathered(site, reader, start, end, marks=marks, progress=_progress)
    html = page(report, site, say, made=f"{now:%Y-%m-%d %H:%M}")
    if args.out is not None and str(args.out) == "-":
        print(html, end="")
    elif args.out is not None:
        args.out.write_text(html, encoding="utf-8")
    paper = printed(html) if args.pdf is not None or args.mail else b""
    if args.pdf is not None:
        args.pdf.write_bytes(paper)
    return _mail(site, say, span, report, html=html, paper=paper) if args.mail else 0


def _mail(site: Site, say: Words, span: Span, report: Report, *, html: str, paper: bytes) -> int:
    settings = site.village.reports
    if not settings.to or settings.channel not in site.channels:
        problem = (
            "names nobody to send to" if not settings.to else f"no channel is called {settings.channel!r}"
        )
        raise SettingsError(
            Fault(str(site.path), 0, "reports", problem, "reports: {channel: mail, to: [office@example.org]}")
        )
    plugin = site.channels[settings.channel]
    name = site.village.site.name or site.village.site.slug
    clock = SystemClock()
    context = ChannelContext(settings.channel, name, say.language, clock, Path())
    channel = plugin.module.Channel(plugin.settings, context)
    facts = {
        "site": name,
        "start": f"{report.start:%Y-%m-%d}",
        "end": f"{report.end - timedelta(days=1):%Y-%m-%d}",
    }
    shares = list(report.availability.values())
    heard = f"{100 * sum(shares) / len(shares):.1f} %" if shares else "–"
    alerts = report.alerts.total if report.alerts is not None else 0
    stem = f"{site.village.site.slug}-{span}-{report.start:%Y%m%d}"
    papers = (
        Paper(f"{stem}.pdf", "application/pdf", paper),
        Paper(f"{stem}.html", "text/html", html.encode()),
    )
    failed = 0
    for number, address in enumerate(settings.to):
        subject = say(f"report.subject_{span}", **facts)
        notice = Notice(
            f"{stem}-{number}",
            address,
            subject,
            say("report.mail", alerts=alerts, heard=heard, **facts),
            papers=papers,
        )
        try:
            channel.deliver(notice)
        except DeliveryError as error:
            failed += 1
            print(f"village report: address {number + 1} of {len(settings.to)}: {error}", file=sys.stderr)
    channel.close()
    return EX_UNAVAILABLE if failed else 0


def _marks(site: Site, state: Path) -> dict[str, bool]:
    """What people have said of the evidence of all cameras of the site."""
    found: dict[str, bool] = {}
    for name, plugin in site.sources.items():
        place = place_of(plugin.settings, state / "sources" / name)
        if place is not None:
            found |= marks_in(place.root)
    return found


def _progress(slug: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{slug}", end="", file=sys.stderr, flush=True)


def _skipped(path: Path, error: Exception) -> None:
    print(f"{path}: cannot be read and is left out: {error}", file=sys.stderr)
