"""Sinks against the real servers of Debian: InfluxDB 1.6.7 and VictoriaMetrics."""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.contracts import Entry, Rollup, SinkContext
from gateway.errors import Misconfigured, Refused, Unavailable
from gateway.model import Event, Flag, Reading
from gateway.quantities import Quantities
from gateway.site import load_quantities
from gateway.store.sinks import influxdb, victoriametrics
from tests.servers import ask, eventually, free_port, influx, influxd, victoria

pytestmark = pytest.mark.servers
AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)
PASSWORD = "s3cret-für-liuhe"


def context(folder: Path, quantities: Quantities | None = None) -> SinkContext:
    return SinkContext(
        "far", "liuhe", quantities or load_quantities(), ManualClock(datetime.now(UTC)), folder
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with influxd(tmp_path_factory.mktemp("influx"), port):
        influx(port, "CREATE DATABASE village")
        yield port


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with victoria(tmp_path_factory.mktemp("victoria"), port):
        yield port


@pytest.fixture
def sink(server: int, tmp_path: Path) -> Iterator[influxdb.Sink]:
    sink = influxdb.Sink(
        influxdb.Settings(url=f"http://127.0.0.1:{server}", database="village"), context(tmp_path)
    )
    yield sink
    sink.close()


def reading(series: str, value: float | None, at: datetime = AT, flag: Flag = Flag.GOOD) -> Reading:
    return Reading(series, value, at, at, flag)


def entries(*items: Reading | Event | Rollup) -> list[Entry]:
    return [Entry(seq, item) for seq, item in enumerate(items, 1)]


def test_a_reading_sent_twice_is_there_once_with_its_flag(sink: influxdb.Sink, server: int) -> None:
    batch = entries(
        reading("bin-1/fill", 12.5, flag=Flag.SUSPECT), reading("bin-1/distance", None, flag=Flag.MISSING)
    )
    sink.send(batch)
    sink.send(batch)
    rows = influx(server, "SELECT fill, fill_q, distance_q FROM waste_bin WHERE device = 'bin-1'")
    assert rows == [[1784347200000, 12.5, 3, 9]]


def test_a_line_split_over_two_requests_is_one_row(sink: influxdb.Sink, server: int) -> None:
    sink.send(entries(reading("bin-2/fill", 1.0)))
    sink.send(entries(reading("bin-2/distance", 2.0)))
    rows = influx(server, "SELECT fill, fill_q, distance, distance_q FROM waste_bin WHERE device = 'bin-2'")
    assert rows == [[1784347200000, 1, 1, 2, 1]]


def test_rollups_and_events_have_measurements_of_their_own(sink: influxdb.Sink, server: int) -> None:
    rollup = Rollup("bin-3/fill", AT, timedelta(hours=1), 6, 12.5, 11.0, 14.0)
    event = Event("bin-3", "emptied", AT, AT, 0.5, {"from": 93, "by": '车 "4", \\o/'}, evidence="a b.jpg")
    sink.send(entries(rollup, event))
    columns = "fill_mean, fill_min, fill_max, fill_count"
    assert influx(server, f"SELECT {columns} FROM waste_bin_1h") == [[1784347200000, 12.5, 11, 14, 6]]
    assert influx(server, 'SELECT confidence, "from", by_text, evidence, kind FROM event') == [
        [1784347200000, 0.5, 93, '车 "4", \\o/', "a b.jpg", "emptied"]
    ]


finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1
)
keys = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f\\", exclude_categories=["Cs"]), min_size=1
)
kinds = st.from_regex(r"[a-z0-9][a-z0-9_.\-]{0,30}", fullmatch=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(finite, texts, keys.filter(lambda key: key.strip() == key and not key.startswith("_")), kinds)
def test_whatever_is_written_reads_back_the_same(
    sink: influxdb.Sink, server: int, value: float, text: str, key: str, kind: str
) -> None:
    influx(server, "DROP MEASUREMENT event")
    sink.send(entries(Event("round", kind, AT, AT, value, {key: text}, evidence=text)))
    (row,) = influx(server, "SELECT confidence, evidence, kind FROM event")
    assert row == [1784347200000, pytest.approx(value, rel=0, abs=0), text, kind]
    known = {"time", "site", "device", "kind", "confidence", "evidence"}
    name = f"detail_{key}_text" if key in known else f"{key}_text"
    answer = json.loads(ask(server, "/query", db="village", q="SELECT * FROM event"))["results"][0]["series"][
        0
    ]
    assert dict(zip(answer["columns"], answer["values"][0], strict=True))[name] == text


@pytest.mark.parametrize("value", [5e-324, 1.7976931348623157e308, -0.0, 1e22, 0.1, 1e-7, 123456789.125])
def test_extreme_numbers_arrive_exactly(sink: influxdb.Sink, server: int, value: float) -> None:
    sink.send(entries(reading("bin-4/fill", value)))
    (row,) = influx(server, "SELECT fill FROM waste_bin WHERE device = 'bin-4'")
    assert row[1] == value


def test_a_type_conflict_is_refused_and_names_the_culprit_when_it_is_alone(
    sink: influxdb.Sink, server: int
) -> None:
    ask_write(server, "structure,site=liuhe,device=wall tilt_x=1i 1784347100000")
    bad, good = reading("wall/tilt_x", 1.5), reading("wall/tilt_y", 2.5)
    with pytest.raises(Refused, match="field type conflict") as caught:
        sink.send(entries(bad, good))
    assert caught.value.culprits is None  # both share one line: the far side blames the line, not the field
    with pytest.raises(Refused, match="field type conflict") as caught:
        sink.send(entries(bad))
    assert list(caught.value.culprits or {}) == [0]
    sink.send(entries(good))


def test_everything_beyond_the_retention_is_named_at_once(server: int, tmp_path: Path) -> None:
    influx(server, "CREATE DATABASE brief WITH DURATION 1d")
    sink = influxdb.Sink(
        influxdb.Settings(url=f"http://127.0.0.1:{server}", database="brief"), context(tmp_path)
    )
    old = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(Refused, match="beyond retention policy") as caught:
        sink.send(entries(*(reading("a/fill", 1.0, old + timedelta(hours=n)) for n in range(5))))
    assert sorted(caught.value.culprits or {}) == [0, 1, 2, 3, 4]
    sink.close()


def test_points_of_the_future_are_refused_and_their_neighbours_stored(
    sink: influxdb.Sink, server: int
) -> None:
    late = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(Refused, match="future") as caught:
        sink.send(
            entries(
                reading("bin-5/fill", 1.0), reading("bin-5/fill", 1.0, late), reading("bin-5/distance", 2.0)
            )
        )
    assert list(caught.value.culprits or {}) == [1]
    assert influx(server, "SELECT fill, distance FROM waste_bin WHERE device = 'bin-5'") == [
        [1784347200000, 1, 2]
    ]


def ask_write(port: int, line: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/write?db=village&precision=ms", line)
    assert connection.getresponse().status == 204
    connection.close()


def test_the_check_writes_and_reads_back_for_real(sink: influxdb.Sink, server: int) -> None:
    steps = ["credentials", "reach", "sign in", "write", "read back"]
    assert sink.check() == [(step, "ok") for step in steps]
    assert len(influx(server, "SELECT sink_check FROM gateway")) == 1


def test_the_check_says_which_step_failed(server: int, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    checks = {
        ("reach", "Connection refused"): influxdb.Settings(url=nobody, database="village"),
        ("write", "database not found"): influxdb.Settings(
            url=f"http://127.0.0.1:{server}", database="absent"
        ),
        ("credentials", "cannot be read"): influxdb.Settings(
            url=nobody, database="village", username="u", password_file=str(tmp_path / "absent")
        ),
    }
    for (step, words), wanted in checks.items():
        sink = influxdb.Sink(wanted, context(tmp_path))
        *before, (last, said) = sink.check()
        assert all(result == "ok" for _, result in before)
        assert last == step
        assert words in said
        sink.close()


def test_a_missing_database_keeps_everything(server: int, tmp_path: Path) -> None:
    sink = influxdb.Sink(
        influxdb.Settings(url=f"http://127.0.0.1:{server}", database="absent"), context(tmp_path)
    )
    with pytest.raises(Misconfigured, match="database not found"):
        sink.send(entries(reading("a/fill", 1.0)))
    sink.close()


def test_a_password_is_wanted_wrong_refused_and_read_again_when_changed(tmp_path: Path) -> None:
    port = free_port()
    secret = tmp_path / "password"
    secret.touch(mode=0o600)
    secret.write_text("wrong\n", encoding="utf-8")
    with influxd(tmp_path, port, auth=True):
        ask(port, "/query", "POST", q=f"CREATE USER gateway WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        ask(port, "/query", "POST", u="gateway", p=PASSWORD, q="CREATE DATABASE village")
        url = f"http://127.0.0.1:{port}"
        anonymous = influxdb.Sink(influxdb.Settings(url=url, database="village"), context(tmp_path))
        with pytest.raises(Misconfigured, match=r"does not let us in \(HTTP 401\)"):
            anonymous.send(entries(reading("a/fill", 1.0)))
        anonymous.close()
        known = influxdb.Settings(url=url, database="village", username="gateway", password_file=str(secret))
        sink = influxdb.Sink(known, context(tmp_path))
        with pytest.raises(Misconfigured, match="401") as caught:
            sink.send(entries(reading("a/fill", 1.0)))
        assert "wrong" not in str(caught.value)
        assert sink.check()[-1][0] == "sign in"
        secret.write_text(PASSWORD + "\n", encoding="utf-8")
        sink.send(entries(reading("a/fill", 1.0)))
        assert [result for _, result in sink.check()] == ["ok"] * 5
        sink.close()


def test_a_restarted_server_is_found_again_without_a_word(tmp_path: Path) -> None:
    port = free_port()
    settings_ = influxdb.Settings(url=f"http://127.0.0.1:{port}", database="village")
    sink = influxdb.Sink(settings_, context(tmp_path))
    with influxd(tmp_path, port):
        influx(port, "CREATE DATABASE village")
        sink.send(entries(reading("a/fill", 1.0)))
    with pytest.raises(Unavailable):
        sink.send(entries(reading("a/fill", 2.0)))
    with influxd(tmp_path, port):
        sink.send(entries(reading("a/fill", 3.0)))
        assert influx(port, "SELECT fill FROM waste_bin") == [[1784347200000, 3]]
    sink.close()


def exported(port: int, name: str) -> list[dict[str, Any]]:
    ask(port, "/internal/force_flush")
    return [json.loads(line) for line in ask(port, "/api/v1/export", **{"match[]": name}).splitlines()]


def test_victoria_gets_readings_and_the_numbers_of_events(metrics: int, tmp_path: Path) -> None:
    sink = victoriametrics.Sink(
        victoriametrics.Settings(url=f"http://127.0.0.1:{metrics}"), context(tmp_path)
    )
    batch = entries(
        reading("bin-1/fill", 12.5, flag=Flag.SUSPECT),
        Rollup("bin-1/fill", AT, timedelta(hours=1), 6, 12.5, 11.0, 14.0),
        Event("bin-1", "emptied", AT, AT, 0.5, {"from": 93, "by": "truck 4"}, evidence="a.jpg"),
    )
    sink.send(batch)
    sink.send(batch)
    names = json.loads(ask(metrics, "/api/v1/label/__name__/values", start="2026-07-01T00:00:00Z"))["data"]
    eventually(lambda: bool(exported(metrics, "event_from")))
    names = {series["metric"]["__name__"] for series in exported(metrics, '{device="bin-1"}')}
    wanted = {"waste_bin_fill", "waste_bin_fill_q", "event_confidence", "event_from"}
    assert names == wanted | {f"waste_bin_1h_fill_{figure}" for figure in ("mean", "min", "max", "count")}
    (fill,) = exported(metrics, "waste_bin_fill")
    assert (fill["values"], fill["timestamps"]) == ([12.5], [1784347200000])
    assert [result for _, result in sink.check()] == ["ok"] * 4
    sink.close()


def test_the_client_library_writes_to_a_v2_door(metrics: int, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("t0ken", encoding="utf-8")
    far = influxdb.Settings(
        url=f"http://127.0.0.1:{metrics}", api="v2", org="liuhe", bucket="village", token_file=str(token)
    )
    sink = influxdb.Sink(far, context(tmp_path))
    sink.send(entries(*(reading("bin-9/distance", float(n), AT + timedelta(seconds=n)) for n in range(500))))
    eventually(lambda: bool(exported(metrics, 'waste_bin_distance{device="bin-9"}')))
    (series,) = exported(metrics, 'waste_bin_distance{device="bin-9"}')
    assert series["values"] == [float(n) for n in range(500)]
    *before, (step, words) = sink.check()
    assert before == [(step, "ok") for step in ("credentials", "reach", "write")]
    assert step == "read back"  # VictoriaMetrics has no Flux
    assert words != "ok"
    assert math.isfinite(len(words))
    sink.close()
