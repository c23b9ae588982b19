"""水质监测: each parameter against the classes of GB 3838-2002."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "water"
_CLASSES = {"do": "gb3838-do", "codmn": "gb3838-codmn", "cod": "gb3838-cod", "nh4_n": "gb3838-nh4n"}


def draw(pen: Pen) -> dashboard.Dashboard:
    """One chart for each parameter, dashed where a class ends."""
    sheet = pen.sheet(UID)
    sheet = sheet.with_row(pen.row("classes"))
    for quantity, rule in _CLASSES.items():
        sheet = sheet.with_panel(
            pen.lines(quantity, "water", quantity, bands=pen.class_bands(rule, quantity))
        )
    sheet = sheet.with_row(pen.row("other_parameters"))
    sheet = sheet.with_panel(pen.lines("ph", "water", "ph", width=8))
    sheet = sheet.with_panel(pen.lines("turbidity", "water", "turbidity", width=8, rule="turbidity-spike"))
    sheet = sheet.with_panel(pen.lines("water_temp", "water", "water_temp", width=8))
    sheet = sheet.with_panel(pen.lines("ec", "water", "ec"))
    sheet = sheet.with_panel(pen.bars("do_now", "water", "do", rule="water-do", low=0, high=15))
    sheet = sheet.with_row(pen.row("month"))
    sheet = sheet.with_panel(pen.months("do_month", "water", "do", part="min"))
    sheet = sheet.with_panel(pen.months("ph_month", "water", "ph"))
    return pen.alerts_as_marks(sheet)
