"""A report as one HTML page that needs nothing beside it: printed, mailed, or opened in twenty years. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from html import escape

from gateway.model import Severity
from gateway.reports.figures import CLASSES, WORSE_THAN_V, RainFigures
from gateway.reports.gather import Report
from gateway.site import Site
from gateway.words import Words

_ROMAN = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ", 5: "Ⅴ"}
_COLOUR = {
    Severity.INFO: "#5b8fb9",
    Severity.BLUE: "#2f74d0",
    Severity.YELLOW: "#b98a00",
    Severity.ORANGE: "#c85a10",
    Severity.RED: "#b3202e",
}
_STYLE = """
@page { size: A4; margin: 16mm 15mm 18mm;
  @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt; color: #667 } }
html { font-family: "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei", "PingFang SC",
  "Microsoft YaHei", sans-serif;
  font-size: 10pt; line-height: 1.45; color: #1c2430; background: #fff }
body { max-width: 182mm; margin: 0 auto }
h1 { font-size: 20pt; margin: 0 0 1mm; letter-spacing: .02em }
h2 { font-size: 12.5pt; margin: 8mm 0 2mm; padding-bottom: 1mm; border-bottom: 1.2pt solid #1c2430; break-after: avoid }
p { margin: 0 0 2mm } .soft { color: #5c6675 }
.four { display: flex; gap: 4mm; margin: 5mm 0 }
.four div { flex: 1; border-top: 2.5pt solid #3f6f57; padding-top: 2mm }
.four b { display: block; font-size: 17pt; line-height: 1.2 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
tr { break-inside: avoid } th { text-align: left; font-weight: 600; color: #5c6675; font-size: 8.5pt }
th, td { padding: 1.2mm 2mm 1.2mm 0; border-bottom: .4pt solid #d5dae1; vertical-align: baseline }
.n { text-align: right }
.bar { display: inline-block; height: 2.6mm; background: #3f6f57; vertical-align: middle; border-radius: .6mm }
.bar.bad { background: #c85a10 }
"""


def page(report: Report, site: Site, say: Words, *, made: str) -> str:
    """The whole page.

    Args:
        report: Its figures.
        site: For names.
        say: The texts, in the reader's language.
        made: When it was made, as it is shown.
    """
    name = site.village.site.name or site.village.site.slug
    last = report.end - timedelta(days=1)
    title = say("report.title", site=name)
    facts = {"start": f"{report.start:%Y-%m-%d}", "end": f"{last:%Y-%m-%d}", "days": report.days}
    body = "".join(
        (
            f"<h1>{escape(title)}</h1>",
            f'<p class="soft">{escape(say("report.span", **facts))}</p>',
            _summary(report, say),
            *_sections(report, site, say),
            f'<p class="soft" style="margin-top:8mm">{escape(say("report.made", at=made))}</p>',
        )
    )
    return (
        f'<!doctype html><html lang="{say.language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _summary(report: Report, say: Words) -> str:
    alerts = report.alerts
    heard = list(report.availability.values())
    over = sum((one.over for one in report.bins.values()), timedelta(0))
    answer = alerts.median_answer if alerts is not None else None
    cards = (
        (str(alerts.total if alerts is not None else 0), "report.alerts_total"),
        (_hours(over), "report.over_total"),
        ("–" if answer is None else _minutes(answer), "report.answer_median"),
        (f"{100 * sum(heard) / len(heard):.1f} %" if heard else "–", "report.availability_mean"),
    )
    return (
        '<div class="four">'
        + "".join(f"<div><b>{value}</b>{escape(say(key))}</div>" for value, key in cards)
        + "</div>"
    )


def _sections(report: Report, site: Site, say: Words) -> Iterator[str]:
    for key, head, rows in (
        (
            "bins",
            ("report.device", "report.emptied", "report.over", "report.mean", "report.highest"),
            _bins(report, site),
        ),
        (
            "water",
            ("report.station", *(f"report.class_{number}" for number in (*CLASSES, WORSE_THAN_V))),
            _water(report, site),
        ),
        (
            "tilt",
            ("report.house", "report.tilt_last", "report.tilt_highest", "report.tilt_per_day"),
            _tilt(report, site),
        ),
        (
            "rain",
            ("report.gauge", "report.rain_total", "report.rain_wettest_day", "report.rain_wettest_hour"),
            _rain(report, site),
        ),
        (
            "cameras",
            ("report.camera", "report.reported", "report.right", "report.wrong", "report.wrong_per_day"),
            _cameras(report, site, say),
        ),
    ):
        if rows:
            yield f"<h2>{escape(say(f'report.{key}'))}</h2>"
            if key == "bins":
                yield f"<p>{escape(say('report.over_means', limit=f'{report.full_limit:g}'))}</p>"
            if key == "water":
                yield f"<p>{escape(say('report.water_means'))}</p>"
            yield _table([say(one) for one in head], rows)
    yield from _alerts(report, site, say)
    yield f"<h2>{escape(say('report.availability'))}</h2><p>{escape(say('report.availability_means'))}</p>"
    worst = sorted(report.availability.items(), key=lambda pair: pair[1])
    yield _table(
        [say("report.device"), say("report.heard"), ""],
        [(_name(site, slug), f"{100 * share:.1f} %", _bar(share)) for slug, share in worst],
    )


def _bins(report: Report, site: Site) -> list[tuple[str, ...]]:
    ranked = sorted(report.bins.items(), key=lambda pair: -pair[1].over)
    return [
        (
            _name(site, slug),
            str(one.emptied),
            _hours(one.over),
            _number(one.mean, "%", 0),
            _number(one.highest, "%", 0),
        )
        for slug, one in ranked
    ]


def _water(report: Report, site: Site) -> list[tuple[str, ...]]:
    return [
        (
            _name(site, slug),
            *(str(days[number]) if days[number] else "" for number in (*CLASSES, WORSE_THAN_V)),
        )
        for slug, days in report.water.items()
    ]


def _tilt(report: Report, site: Site) -> list[tuple[str, ...]]:
    return [
        (
            _name(site, slug),
            _number(one.last, "‰", 2),
            _number(one.highest, "‰", 2),
            _number(one.per_day, "‰", 3),
        )
        for slug, one in sorted(report.tilt.items(), key=lambda pair: -(pair[1].highest or 0.0))
    ]


def _rain(report: Report, site: Site) -> list[tuple[str, ...]]:
    return [
        (_name(site, slug), _number(one.total, "mm", 1), _wettest(one), _number(one.wettest_hour, "mm", 1))
        for slug, one in report.rain.items()
    ]


def _wettest(rain: RainFigures) -> str:
    if not rain.days:
        return "–"
    day, amount = max(rain.days.items(), key=lambda pair: pair[1])
    return f"{_day(day)} {amount:.1f} mm"


def _cameras(report: Report, site: Site, say: Words) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for slug, one in report.cameras.items():
        kinds = ", ".join(
            f"{say.maybe(f'event.{kind}', kind)} {number}" for kind, number in sorted(one.reported.items())
        )
        found.append(
            (_name(site, slug), kinds, str(one.right), str(one.wrong), f"{one.wrong / report.days:.2f}")
        )
    return found


def _alerts(report: Report, site: Site, say: Words) -> Iterator[str]:
    alerts = report.alerts
    if alerts is None or not alerts.total:
        return
    yield f"<h2>{escape(say('report.alerts'))}</h2>"
    colours = "  ".join(
        f'<b style="color:{_COLOUR[severity]}">{escape(say(f"severity.{severity.word}"))} {number}</b>'
        for severity, number in sorted(alerts.by_severity.items(), reverse=True)
    )
    yield f"<p>{colours}</p>"
    if alerts.median_answer is not None and alerts.slowest_answer is not None:
        facts = {
            "number": alerts.answered,
            "median": _minutes(alerts.median_answer),
            "slowest": _minutes(alerts.slowest_answer),
        }
        yield f"<p>{escape(say('report.answers', **facts))}</p>"
    titles = {name: written.rule.title(say.language) for name, written in site.rules.written.items()}
    yield _table(
        [say("report.rule"), say("report.number")],
        [(titles.get(rule, rule), str(number)) for rule, number in alerts.by_rule],
    )
    yield f"<p style='margin-top:3mm'>{escape(say('report.worst_sources'))}</p>"
    rows = [(_name(site, target.partition(":")[0]), str(number)) for target, number in alerts.by_target]
    yield _table([say("report.device"), say("report.number")], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of plain text; a cell that is a bar of ours comes as it is."""
    top = "".join(f"<th{_side(column)}>{escape(text)}</th>" for column, text in enumerate(head))
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td{_side(column)}>{text if text.startswith('<span class=') else escape(text)}</td>"
            for column, text in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def _side(column: int) -> str:
    return ' class="n"' if column else ""


def _bar(share: float) -> str:
    return f'<span class="bar{" bad" if share < 0.9 else ""}" style="width:{40 * share:.1f}mm"></span>'


def _name(site: Site, slug: str) -> str:
    device = site.devices.get(slug)
    return (device.settings.name if device is not None else "") or slug


def _number(value: float | None, unit: str, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f} {unit}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f} min"


def _day(day: date) -> str:
    return f"{day:%m-%d}"
