"""``village catalogue``: found by any word, nothing found is said with the nearest names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.catalogue import Catalogue
from gateway.commands.catalogue import table


def test_without_a_word_every_model_is_listed(
    capsys: pytest.CaptureFixture[str], catalogue: Catalogue
) -> None:
    assert main(["catalogue", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["model"] for line in lines] == list(catalogue)


def test_words_narrow_the_list_whatever_they_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "Sensoneo", "bin_tilt", "lorawan", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "model": "sensoneo-single-sensor",
        "maker": "Sensoneo",
        "title": {"en": "Ultrasonic bin level sensor", "zh": "超声波满溢传感器"},
        "wire": "lorawan",
        "domain": "bin",
        "quantities": ["distance", "temperature", "bin_tilt", "fire_alarm", "tipped", "battery_v"],
        "also": [
            "sensoneo/single-sensor",
            "sensoneo/single-sensor (FES Frankfurt field data)",
            "Single Sensor 3.0",
        ],
        "interval_s": 3600.0,
        "examples": 4,
    }


def test_people_see_name_wire_domain_maker_and_quantities(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "水浸", "netvox"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        "netvox-r718wa  lorawan  water      Netvox: Water leak detector",
        "    leak, battery_v",
        "1 model",
    ]


def test_no_line_is_wider_than_the_terminal(catalogue: Catalogue) -> None:
    assert max(len(line) for line in table(list(catalogue.values()), 60)) <= 60


def test_nothing_found_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "dl-mbxx"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "no model of the catalogue has 'dl-mbxx'" in said.err
    assert "decentlab-dl-mbx" in said.err


def test_the_catalogue_of_a_site_is_listed_too(
    tmp_path: Path, catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "catalogue" / "ours-well-probe.yaml"
    own.parent.mkdir()
    own.write_text(
        "model: ours-well-probe\nmaker: Ours\ntitle: {en: Well probe, zh: 井探头}\ndomain: level\nwire: lorawan\n"
        "documents: [{name: our own notes}]\ndecoder: decentlab\noptions: {model: dl-mbx}\nreadings: {distance: {}}\n",
        encoding="utf-8",
    )
    assert main(["catalogue", "--json", "--site", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(catalogue) + 1
