"""The pen that all dashboards are drawn with: panels with title, description, unit and place, in one language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.draw.influxql import Ask, InfluxQL, counted, happened, hourly, newest, trend, whole
from gateway.model import Severity
from gateway.quantities import Quantities
from gateway.rulefiles import Written
from gateway.rules.language import Amount, Limits, When
from gateway.units import convert
from gateway.words import Words

Panel = Any  # a panel's builder: each kind has a class of its own, with the same names for the same things
SOURCE = looks.DataSourceRef(type_val="influxdb", uid="${source}")
GREEN, GREY = "#4c8f63", "#8a93a0"
COLOURS = {  # the four colours of the national signals, readable on light and dark
    Severity.INFO: "#5b8fb9",
    Severity.BLUE: "#2f74d0",
    Severity.YELLOW: "#d9a400",
    Severity.ORANGE: "#e06c1f",
    Severity.RED: "#c9303e",
}
_UNITS = {
    "%": "percent",
    "degC": "celsius",
    "mm": "lengthmm",
    "m": "lengthm",
    "hPa": "pressurehpa",
    "m/s": "velocityms",
    "V": "volt",
    "mA": "mamp",
    "dBm": "dBm",
    "dB": "dB",
    "deg": "degree",
    "byte": "bytes",
    "s": "s",
    "lx": "lux",
    "g": "accG",
    "ppm": "ppm",
    "1": "none",
    "pH": "pH",
}
WIDE = 24  # columns of Grafana's grid


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a rule begins: the value in the quantity's unit, and how bad it is then."""

    value: float
    severity: Severity
    above: bool


class Pen:
    """Draws in one language.

    Args:
        words: The texts; a panel's stand under ``grafana_panel`` and ``grafana_about``.
        quantities: Units and titles.
        rules: The shipped rules, for limits.
    """

    def __init__(self, words: Words, quantities: Quantities, rules: dict[str, Written]) -> None:
        self.words = words
        self.quantities = quantities
        self._rules = rules

    # -- the frame ----------------------------------------------------------------------------------------------------

    def sheet(self, uid: str, *, days: str = "now-24h", one: bool = False) -> dashboard.Dashboard:
        """An empty dashboard with the choices that all have: source, site, cell, device."""
        title = self.words(f"grafana_board.{uid.replace('-', '_')}")
        sheet = (
            dashboard.Dashboard(title)
            .uid(f"village-{uid}")
            .description(self.words(f"grafana_text.{uid.replace('-', '_')}"))
            .tags(["village"])
            .editable()
            .timezone("browser")
            .time(days, "now")
            .refresh("30s")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .link(
                dashboard.DashboardLink(self.words("grafana_text.all_boards"))
                .type(model.DashboardLinkType.DASHBOARDS)
                .tags(["village"])
                .as_dropdown(True)
                .include_vars(True)
                .keep_time(True)
            )
        )
        for variable in self._choices(one=one):
            sheet = sheet.with_variable(variable)
        return sheet

    def _choices(self, *, one: bool) -> Iterator[Any]:
        say = self.words
        yield dashboard.DatasourceVariable("source").label(say("grafana_text.source")).type("influxdb")
        yield self._tag("site", 'SHOW TAG VALUES WITH KEY = "site"', multi=True)
        cell = (
            dashboard.CustomVariable("cell")
            .label(say("grafana_text.cell"))
            .values(".*")
            .include_all(True)
            .all_value(".*")
            .current(model.VariableOption(text=say("grafana_text.every"), value="$__all", selected=True))
        )
        yield cell
        yield self._tag(
            "device",
            'SHOW TAG VALUES WITH KEY = "device" WHERE "site" =~ /^${site:regex}$/',
            multi=not one,
            every=not one,
        )

    def _tag(self, name: str, query: str, *, multi: bool, every: bool = True) -> dashboard.QueryVariable:
        variable = (
            dashboard.QueryVariable(name)
            .label(self.words("grafana_text.device_label" if name == "device" else f"grafana_text.{name}"))
            .datasource(SOURCE)
            .query(query)
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
            .multi(multi)
        )
        if every:
            every_option = model.VariableOption(
                text=self.words("grafana_text.every"), value="$__all", selected=True
            )
            variable = variable.include_all(True).all_value(".*").current(every_option)
        return variable

    def row(self, key: str) -> dashboard.Row:
        """A heading across the sheet."""
        return dashboard.Row(self.words(f"grafana_row.{key}"))

    def alerts_as_marks(self, sheet: dashboard.Dashboard) -> dashboard.Dashboard:
        """Alerts as marks on every chart."""
        question = happened(
            ["alert"], ["reason_text", "severity_text", "rule_text"], also=" AND \"to_text\" = 'firing'"
        )
        query = InfluxQL(question, "A", shape="table").to_json() | {
            "textColumn": "reason_text",
            "tagsColumn": "severity_text",
        }
        marks = (
            dashboard.AnnotationQuery().name(self.words("grafana_text.marks")).datasource(SOURCE).enable(True)
        )
        marks = marks.icon_color(COLOURS[Severity.ORANGE])
        built = sheet.annotation(marks)
        # the package knows the data source's own fields of a mark only as "a normal query"
        listed = built.build().annotations.list_val or []
        listed[-1].target = _Plain(query)
        return built

    # -- panels -------------------------------------------------------------------------------------------------------

    def lines(
        self, key: str, measurement: str, quantity: str, *, width: int = 12, rule: str = "", how: str = "mean",
        height: int = 8, bars: bool = False, bands: Sequence[Limit] = (),
    ) -> Panel:  # fmt: skip
        """A quantity over time, one line for each device, with the limits of a rule."""
        panel = self._series(key, quantity, width, height)
        if bars:
            panel = panel.draw_style(looks.GraphDrawStyle.BARS).fill_opacity(70)
        panel = panel.with_target(Ask(trend(measurement, quantity, how=how), alias="$tag_device"))
        return self._limited(panel, [*bands, *(self.limits(rule, quantity) if rule else ())], drawn=True)

    def months(
        self, key: str, measurement: str, quantity: str, *, width: int = 24, part: str = "mean"
    ) -> Panel:
        """A quantity over the last 30 days, from the hourly roll-ups."""
        panel = self._series(key, quantity, width, 8).time_from("30d")
        return panel.with_target(Ask(hourly(measurement, quantity, part), alias="$tag_device"))

    def bars(
        self, key: str, measurement: str, quantity: str, *, rule: str, width: int = 12, height: int = 8,
        low: float | None = None, high: float | None = None,
    ) -> Panel:  # fmt: skip
        """One bar for each device, coloured by the limits of a rule."""
        panel = bargauge.Panel().orientation(looks.VizOrientation.HORIZONTAL)
        panel = panel.display_mode(looks.BarGaugeDisplayMode.GRADIENT).show_unfilled(True)
        panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        panel = self._framed(panel, key, quantity, width, height)
        panel = panel if low is None else panel.min(low)
        panel = panel if high is None else panel.max(high)
        panel = panel.with_target(Ask(newest(measurement, quantity), alias="$tag_device"))
        return self._limited(panel, self.limits(rule, quantity) if rule else ())

    def number(
        self, key: str, measurement: str, quantity: str, *, width: int = 4, height: int = 4,
        rule: str = "", how: str = "last",
    ) -> Panel:  # fmt: skip
        """Numbers to be read from afar, one for each device."""
        panel = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        panel = panel.graph_mode(looks.BigValueGraphMode.NONE).color_mode(looks.BigValueColorMode.VALUE)
        panel = self._framed(panel, key, quantity, width, height)
        question = newest(measurement, quantity) if how == "last" else whole(measurement, quantity, how=how)
        panel = panel.with_target(Ask(question, alias="$tag_device"))
        return self._limited(panel, self.limits(rule, quantity) if rule else ())

    def states(self, key: str, measurement: str, quantity: str, *, width: int = 24, height: int = 6) -> Panel:
        """What was 0 and what was 1, when."""
        panel = self._framed(statetimeline.Panel(), key, quantity, width, height)
        panel = panel.mappings([_yes_no(self.words("grafana_text.yes"), self.words("grafana_text.no"))])
        return panel.with_target(Ask(trend(measurement, quantity, how="max"), alias="$tag_device"))

    def story(
        self, key: str, kinds: Sequence[str], fields: Sequence[str], *, width: int = 24,
        height: int = 8, also: str = "",
    ) -> Panel:  # fmt: skip
        """Events as a table, the newest first."""
        panel = self._framed(table.Panel(), key, "", width, height)
        question = happened(kinds, ["device", "kind", *fields], also=also)
        panel = panel.with_target(Ask(question, shape="table"))
        named = {name: self.words(f"grafana_column.{name}") for name in ("device", "kind", *fields)}
        named["Time"] = named["time"] = self.words("grafana_column.time")
        return panel.with_transformation(
            model.DataTransformerConfig(id_val="organize", options={"renameByName": named})
        )

    def counts(
        self, key: str, kinds: Sequence[str], *, width: int = 12, by: str = "kind", also: str = ""
    ) -> Panel:
        """How often something happened, as bars."""
        panel = self._series(key, "", width, 8).draw_style(looks.GraphDrawStyle.BARS).fill_opacity(70)
        panel = panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL)).unit("short")
        return panel.with_target(Ask(counted(kinds, by=by, also=also), alias=f"$tag_{by}"))

    def events_over_time(self, key: str, kinds: Sequence[str], *, width: int = 24) -> Panel:
        """When something happened to which camera, as a band of time; empty where nothing did."""
        panel = self._framed(statetimeline.Panel(), key, "", width, 8)
        return panel.with_target(
            Ask(counted(kinds, by="device").replace("fill(0)", "fill(none)"), alias="$tag_device")
        )

    def waits(self, key: str, kind: str, field: str, *, width: int = 12) -> Panel:
        """How long something took, each day."""
        panel = (
            self._series(key, "", width, 8).unit("s").draw_style(looks.GraphDrawStyle.BARS).fill_opacity(70)
        )
        question = happened([kind], [field]).split(" ORDER BY", maxsplit=1)[0]
        question = (
            question.replace(f'SELECT "{field}"', f'SELECT mean("{field}")') + " GROUP BY time(1d) fill(none)"
        )
        return panel.with_target(Ask(question, alias=self.words("grafana_text.mean")))

    # -- limits -------------------------------------------------------------------------------------------------------

    def limits(self, rule: str, quantity: str) -> list[Limit]:
        """Where the steps of a shipped rule begin, lowest first; what is judged over a window has no line here."""
        found: dict[float, Limit] = {}
        for step in self._rules[rule].rule.all_steps():
            for limits in _limits(step.when, quantity):
                limit = self._limit(limits, quantity, step.severity)
                if limit is not None and (
                    limit.value not in found or found[limit.value].severity < limit.severity
                ):
                    found[limit.value] = limit
        return sorted(found.values(), key=lambda one: one.value)

    def class_bands(self, rule: str, quantity: str) -> list[Limit]:
        """The limits of all five water classes, from the rules ``<rule>-1`` to ``<rule>-5``."""
        colours = (Severity.INFO, Severity.BLUE, Severity.YELLOW, Severity.ORANGE, Severity.RED)
        found = []
        for number, severity in enumerate(colours, 1):
            found += [
                Limit(one.value, severity, one.above) for one in self.limits(f"{rule}-{number}", quantity)
            ]
        return found

    def _limit(self, limits: Limits, quantity: str, severity: Severity) -> Limit | None:
        if limits.view:
            return None
        amount: Amount | None = limits.above or limits.below
        if amount is None:
            return None
        unit = self.quantities[quantity].unit
        value = amount.number if amount.unit in {"", unit} else convert(amount.number, amount.unit, unit)
        return Limit(value, severity, limits.above is not None)

    def _limited(self, panel: Any, limits: Sequence[Limit], *, drawn: bool = False) -> Any:
        steps = _steps(limits)
        panel = panel.thresholds(
            dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
        )
        if drawn and limits:
            style = looks.GraphThresholdsStyleMode.DASHED
            panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
        return (
            panel
            if drawn
            else panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        )

    # -- the same for all ---------------------------------------------------------------------------------------------

    def _series(self, key: str, quantity: str, width: int, height: int) -> Panel:
        panel = self._framed(timeseries.Panel(), key, quantity, width, height)
        legend = common.VizLegendOptions().show_legend(True).placement(looks.LegendPlacement.BOTTOM)
        legend = legend.display_mode(looks.LegendDisplayMode.LIST)
        tooltip = (
            common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
        )
        panel = panel.legend(legend).tooltip(tooltip).line_width(2).fill_opacity(8)
        return panel.show_points(looks.VisibilityMode.AUTO)

    def _framed(self, panel: Any, key: str, quantity: str, width: int, height: int) -> Any:
        title = self.words(f"grafana_panel.{key}")
        about = self.words(f"grafana_about.{key}")
        unit = unit_of(self.quantities[quantity].unit) if quantity else "none"
        panel = panel.title(title).description(about).datasource(SOURCE).unit(unit).span(width).height(height)
        return (
            panel.decimals(self.quantities[quantity].digits)
            if quantity and not isinstance(panel, statetimeline.Panel)
            else panel
        )


class _Plain(variants.Dataquery):
    """Data that is written as it is."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def to_json(self) -> dict[str, Any]:
        return self._data


def unit_of(unit: str) -> str:
    """Grafana's name for a unit of ours; what it has none for is written behind the number."""
    return _UNITS.get(unit, f"suffix: {unit}")


def _limits(when: When, quantity: str) -> Iterator[Limits]:
    if quantity in when.readings:
        yield when.readings[quantity]
    for one in (*(when.any_of or ()), *(when.all_of or ())):
        yield from _limits(one, quantity)


def _steps(limits: Sequence[Limit]) -> list[model.Threshold]:
    """Grafana's colours from below: the first holds from minus infinity; a colour holds until the next begins."""
    if not limits:
        return [model.Threshold(value=None, color=GREEN)]
    ordered = sorted(limits, key=lambda one: one.value)
    if ordered[0].above:
        return [
            model.Threshold(value=None, color=GREEN),
            *(model.Threshold(value=one.value, color=COLOURS[one.severity]) for one in ordered),
        ]
    colours = [*(COLOURS[one.severity] for one in ordered), GREEN]  # below the lowest it is worst
    edges = [None, *(one.value for one in ordered)]
    return [model.Threshold(value=edge, color=colour) for edge, colour in zip(edges, colours, strict=True)]


def _yes_no(yes: str, no: str) -> model.ValueMap:
    options = {
        "1": model.ValueMappingResult(text=yes, color=GREEN, index=0),
        "0": model.ValueMappingResult(text=no, color=COLOURS[Severity.ORANGE], index=1),
    }
    return model.ValueMap(options=options)
