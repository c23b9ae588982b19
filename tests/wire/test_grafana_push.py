"""``village grafana push`` against a far end that answers as Grafana 13's documents say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.__main__ import main
from tests.grafana import TOKEN, grafana

SITE = """
site: {slug: liuhe, name: 柳河村, language: zh}
sources: {radio: {driver: mqtt, host: 127.0.0.1, listen: [chirpstack]}}
devices: {bin-1: {source: radio, address: bin-1, name: 村口桶, cell: east}}
cells: {village: {kind: village, name: 柳河村}, east: {kind: micro, name: 村东, parent: village}}
sinks: {local: {type: influxdb, url: "http://127.0.0.1:8086", database: village, username: gateway, password_file: PASSWORD}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in (("password", "s3cret"), ("token", TOKEN), ("hook", "hook-token")):
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "village.yaml").write_text(
        SITE.replace("PASSWORD", str(tmp_path / "password")), encoding="utf-8"
    )
    return tmp_path


def push(site: Path, url: str, *more: str) -> int:
    return main(["grafana", "push", str(site), "--url", url, "--token-file", str(site / "token"), *more])


def test_everything_is_created_once_and_left_alone_the_second_time(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with grafana() as (url, state):
        assert (
            push(site, url, "--gateway", "http://192.0.2.7:8480", "--gateway-token-file", str(site / "hook"))
            == 0
        )
        assert len(state.boards) == 10
        assert state.folders["village"]["title"] == "村情"
        assert state.sources["village-influxdb"]["jsonData"]["dbName"] == "village"
        assert state.sources["village-influxdb"]["user"] == "gateway"
        assert (
            state.contacts["village-gateway"]["settings"]["url"]
            == "http://192.0.2.7:8480/api/v1/hooks/grafana"
        )
        assert "village-silent-liuhe" in state.rules
        assert {one["X-Disable-Provenance"] for one in state.headers if "X-Disable-Provenance" in one} == {
            "true"
        }
        first = capsys.readouterr()
        assert first.out.count("已新建") == 14
        assert "s3cret" not in first.out + first.err
        state.writes.clear()
        assert push(site, url) == 0
        # no server gives a secret back: whether the password is still right cannot be known, so it is written anew
        assert state.writes == [("PUT", "/datasources/uid/village-influxdb")]
        assert capsys.readouterr().out.count("无变化") == 12


def test_a_dashboard_that_was_changed_there_is_put_right(site: Path) -> None:
    with grafana() as (url, state):
        push(site, url)
        state.boards["village-bins"]["dashboard"]["title"] = "mine"
        state.writes.clear()
        assert push(site, url) == 0
        assert ("POST", "/dashboards/db") in state.writes
        assert state.boards["village-bins"]["dashboard"]["title"] == "垃圾桶满溢监控"
        assert state.boards["village-bins"]["dashboard"]["version"] == 2


def test_what_the_server_refuses_is_named_with_its_words_and_the_rest_goes_on(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with grafana() as (url, state):
        state.refuse["POST /v1/provisioning/alert-rules"] = (
            403,
            "You'll need additional permissions: alert.provisioning:write",
        )
        state.refuse["POST /datasources"] = (500, "internal")
        assert push(site, url, "--lang", "en") == 69
        shown = capsys.readouterr()
        assert "refused    alert rule village-silent-liuhe: " in shown.err
        assert "403" in shown.err
        assert "alert.provisioning:write" in shown.err
        assert "data source village-influxdb" in shown.err
        assert len(state.boards) == 10


def test_without_a_folder_nothing_else_is_tried(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with grafana() as (url, state):
        (site / "token").write_text("wrong\n")
        assert push(site, url) == 69
        assert "401" in capsys.readouterr().err
        assert state.boards == {}


def test_a_grafana_below_a_path_and_one_that_is_not_there(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with grafana() as (url, state):
        assert push(site, f"{url}/grafana/") == 0
        assert len(state.boards) == 10
    assert push(site, url) == 69
    assert "folder village" in capsys.readouterr().err


def test_faults_of_the_command_line_say_what_would_be_right(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(site, "grafana.local") == 78
    assert "e.g. http://127.0.0.1:3000" in capsys.readouterr().err
    assert push(site, "http://127.0.0.1:1", "--sink", "cloud") == 78
    assert "no influxdb sink is called 'cloud'; known: local" in capsys.readouterr().err


def test_files_for_provisioning_carry_the_sites_names(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["grafana", "render", str(site), "--out", str(out)]) == 0
    board = json.loads((out / "village-bins.json").read_text(encoding="utf-8"))
    (cell,) = [one for one in board["templating"]["list"] if one["name"] == "cell"]
    assert cell["query"] == "柳河村 : bin-1,村东 : bin-1"
    assert "村口桶" in (out / "village-bins.json").read_text(encoding="utf-8")
