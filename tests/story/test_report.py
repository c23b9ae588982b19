"""``village report``: a week of a village, from its journal to the page, the paper and the mail."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.__main__ import main
from gateway.clock import ManualClock
from gateway.model import Delivery, Event, Flag, Reading
from gateway.reports.gather import time_of_report
from gateway.settings import StoreSettings
from gateway.site import load_site
from gateway.store.journal import Journal
from tests.servers import tool
from tests.wire.test_channel_email import Box, serving

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 7, 13, tzinfo=ZONE)
SITE = """
site: {slug: liuhe, name: 柳河村, language: zh}
sources: {radio: {driver: simulated, measures: {pond: [do], house-7: [tilt_permille], rain-1: [rain_total], bin-1: [fill]}}}
devices:
  bin-1: {source: radio, name: 村口<1>号桶, period: 1h}
  pond: {source: radio, name: 东塘, period: 1h}
  house-7: {source: radio, name: 7号老屋, period: 1h}
  rain-1: {source: radio, name: 雨量筒, period: 2h}
channels: {mail: {type: email, host: 127.0.0.1, port: PORT, security: none, sender: gateway@example.org}}
reports: {to: [office@example.org, town@example.org]}
"""


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    (tmp_path / "village.yaml").write_text(SITE.replace("PORT", "1"), encoding="utf-8")
    with Journal(
        tmp_path / "state", ManualClock(MONDAY + timedelta(days=9)), StoreSettings(quota=50_000_000), boot="b"
    ) as journal:
        for hour in range(7 * 24 + 5):
            at = MONDAY + timedelta(hours=hour)
            values = {"bin-1/fill": 90.0 if hour % 24 >= 20 else 40.0, "pond/do": 8.0 if hour < 96 else 4.0}
            values |= {"house-7/tilt_permille": hour / 240, "rain-1/rain": 5.0 if hour == 30 else 0.0}
            readings = tuple(Reading(name, value, at, at, Flag.GOOD) for name, value in values.items())
            await journal.append(Delivery(readings))
        events = [
            ("alert", 20, {"rule": "bin-full", "target": "bin-1", "to": "firing", "severity": "yellow"}),
            ("alert_acknowledged", 21, {"rule": "bin-full", "target": "bin-1", "by": "孙保洁"}),
            ("emptied", 24, {}),
            ("alert", 170, {"rule": "bin-full", "target": "bin-1", "to": "firing", "severity": "red"}),
        ]
        for kind, hour, detail in events:
            at = MONDAY + timedelta(hours=hour)
            await journal.append(Delivery((Event("bin-1", kind, at, at, detail=detail),)))
        journal.flush()
    return tmp_path


@pytest.mark.parametrize(
    ("span", "today", "first", "last"),
    [
        ("week", date(2026, 7, 20), "2026-07-13", "2026-07-20"),
        ("week", date(2026, 7, 26), "2026-07-13", "2026-07-20"),
        ("month", date(2026, 8, 1), "2026-07-01", "2026-08-01"),
        ("month", date(2027, 1, 31), "2026-12-01", "2027-01-01"),
    ],
)
def test_a_report_is_about_the_last_whole_week_or_month(
    tmp_path: Path, span: str, today: date, first: str, last: str
) -> None:
    (tmp_path / "village.yaml").write_text("site: {slug: liuhe}\n")
    start, end = time_of_report(span, today, load_site(tmp_path))  # type: ignore[arg-type]
    assert (f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}") == (first, last)
    assert start.utcoffset() == timedelta(hours=8)


async def test_the_week_of_a_village_on_one_page(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(site), "--week", "--of", "2026-07-21", "--out", "-"]) == 0
    html = capsys.readouterr().out
    assert "2026-07-13 至 2026-07-19,共 7 天" in html
    assert "村口&lt;1&gt;号桶" in html, "names are text, never markup"
    cells = html.replace(' class="n"', "")
    assert "<td>村口&lt;1&gt;号桶</td><td>1</td><td>28.0 h</td>" in cells
    assert (
        "<td>东塘</td><td>4</td><td></td><td></td><td>3</td>" in cells
    )  # four days of class I, three of class IV
    assert "5.0 mm" in html
    assert "0.100 ‰" in html
    assert "1 次告警有人接手,响应时间中位数 60 min" in html
    assert "100.0 %" in html
    assert "红色" not in html, "what fired after the week is not in it"
    assert "http" not in html


def test_on_paper_the_signs_are_chinese_ones(site: Path) -> None:
    pytest.importorskip("weasyprint", reason="the extra report is not installed")
    reader = tool("pdftotext")
    paper = site / "week.pdf"
    assert main(["report", str(site), "--week", "--of", "2026-07-21", "--pdf", str(paper)]) == 0
    assert paper.read_bytes().startswith(b"%PDF-")
    text = subprocess.run([reader, str(paper), "-"], capture_output=True, check=True).stdout.decode()
    assert "柳河村 运行报告" in text
    assert "东塘" in text


@pytest.fixture
def office() -> Iterator[tuple[Box, int]]:
    box = Box()
    with serving(box) as port:
        yield box, port


async def test_the_report_goes_to_everybody_it_is_for(site: Path, office: tuple[Box, int]) -> None:
    pytest.importorskip("weasyprint", reason="the extra report is not installed")
    box, port = office
    (site / "village.yaml").write_text(SITE.replace("PORT", str(port)), encoding="utf-8")
    assert main(["report", str(site), "--week", "--of", "2026-07-21", "--mail"]) == 0
    assert [one.rcpt_tos for one in box.got] == [["office@example.org"], ["town@example.org"]]
    message = box.message()
    assert "柳河村 周报 2026-07-13 至 2026-07-19" in str(message["Subject"])
    names = {part.get_filename(): part.get_content_type() for part in message.iter_attachments()}
    assert names == {
        "liuhe-week-20260713.pdf": "application/pdf",
        "liuhe-week-20260713.html": "text/html",
    }
    body = message.get_body()
    assert body is not None
    assert "告警 1 次" in body.get_content()


async def test_a_mail_that_is_refused_is_said_without_the_address(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("weasyprint", reason="the extra report is not installed")
    assert main(["report", str(site), "--week", "--of", "2026-07-21", "--mail"]) == 69
    shown = capsys.readouterr().err
    assert "address 1 of 2" in shown
    assert "office@example.org" not in shown


def test_faults_say_what_would_be_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "village.yaml").write_text("site: {slug: liuhe}\n")
    assert main(["report", str(tmp_path), "--week"]) == 78
    assert "write --out FILE, --pdf FILE or --mail" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "--week", "--out", "-"]) == 78
    assert "holds no journal" in capsys.readouterr().err
    (tmp_path / "state" / "journal").mkdir(parents=True)
    assert main(["report", str(tmp_path), "--week", "--mail"]) == 78
    assert "names nobody to send to" in capsys.readouterr().err
