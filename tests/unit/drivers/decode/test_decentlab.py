"""Decentlab frames: what is absent, cut off, announced but unknown, or doubted by the station itself."""

from __future__ import annotations

import pytest

from drivers.decode import lorawan
from drivers.decode.decentlab_models import MODELS
from drivers.decode.lorawan.decentlab import decode
from drivers.decode.sample import Sample
from gateway.catalogue import Catalogue
from gateway.errors import BadReply
from gateway.quantities import Quantities
from tests.decoding import told

MBX = {"model": "dl-mbx"}


def one(hexa: str, **options: str | float) -> Sample:
    samples = decode(bytes.fromhex(hexa), 1, options)
    assert len(samples) == 1
    return samples[0]


def test_a_frame_without_the_probe_says_that_the_probe_was_not_read() -> None:
    for model, (_, words) in MODELS.items():
        sample = one("0200010002" + "0c60", model=model)
        assert sample.fields["battery"] == 3.168
        assert {word.field for word in words} == {name for name in sample.fields if name != "battery"}
        assert set(sample.missing.values()) == {"read_failure"}
        assert sample.diagnostics == ("read_failure",)


def test_an_absent_probe_gives_no_value_and_never_minus_327() -> None:
    for model, (length, words) in MODELS.items():
        if any(word.zero_is_missing for word in words):
            sample = one("0200010003" + "0000" * length + "0c60", model=model)
            assert [name for name, value in sample.fields.items() if value is not None] == ["battery"]


def test_one_dead_channel_leaves_the_others() -> None:
    sample = one("0207d90003" + "9088" + "0000" + "0064" + "0000" + "0c60", model="dl-ctd10")
    assert sample.fields["water_depth"] == 4232
    assert sample.fields["temperature"] is None
    assert sample.missing == {"temperature": "read_failure"}
    assert sample.fields["electrical_conductivity"] == 100


def test_conductivity_zero_is_a_measurement_of_a_dry_probe() -> None:
    assert one("0210d3000346be813d00000c80", model="dl-trs12").fields["electrical_conductivity"] == 0


def test_a_distance_without_valid_samples_is_no_distance() -> None:
    sample = one("02012f000304d200000bb1", **MBX)
    assert sample.fields["distance"] is None
    assert sample.missing["distance"] == "no_target"


def test_ice_makes_depth_and_conductivity_doubtful() -> None:
    sample = one("0207d9000390888081006400010c60", model="dl-ctd10")
    assert sample.fields["water_depth"] == 4232
    assert sample.suspect == {"water_depth": "freezing", "electrical_conductivity": "freezing"}


def test_a_status_other_than_zero_makes_every_value_of_the_probe_doubtful() -> None:
    sample = one("02186c000300028862a618836583650c60", model="dl-optod")
    assert sample.fields["oxygen_concentration"] == 8.69
    assert sample.suspect["oxygen_concentration"] == "sensor_status"
    assert "battery" not in sample.suspect
    assert "sensor_status: 2" in sample.diagnostics


@pytest.mark.parametrize(("tilt", "doubtful"), [("8032", False), ("8033", True), ("7fcd", True)])
def test_a_mast_further_than_five_degrees_from_upright_makes_rain_and_wind_doubtful(
    tilt: str, *, doubtful: bool
) -> None:
    frame = "025ef80003805c000080008000803484b3803680e78086a60181d680ed" + tilt + "80009f8000117000010adc"
    sample = one(frame, model="dl-atm41g2")
    assert (sample.suspect.get("wind_speed") == "mast_tilted") is doubtful
    assert (sample.suspect.get("cumulative_precipitation") == "mast_tilted") is doubtful
    assert "air_temperature" not in sample.suspect


def test_options_scale_rain_and_pressure() -> None:
    assert (
        one("0202f8000300040258409a00000c54", model="dl-tbrg", resolution_mm=0.2).fields["precipitation"]
        == 0.8
    )
    assert one("0201670003c00060170c7f", model="dl-pr26", p_min_bar=-1, p_max_bar=10).fields["pressure"] == 10
    with pytest.raises(BadReply, match="resolution_mm: 'fine' is not a number"):
        one("0202f8000300040258409a00000c54", model="dl-tbrg", resolution_mm="fine")


def test_what_is_cut_off_or_unknown_is_said_and_the_rest_is_kept() -> None:
    cut = one("02012f000304d20001", **MBX)
    assert cut.fields == {"distance": 1234, "valid_samples": 1}
    assert cut.diagnostics == ("partial_decode: the battery's word is cut off",)
    more = one("02012f000304d200010bb1aabb", **MBX)
    assert more.fields["battery"] == 2.993
    assert more.diagnostics == ("partial_decode: 2 bytes after the last block",)
    third = one("02012f000704d200010bb1aabb", **MBX)
    assert third.diagnostics == ("partial_decode: flags 0x0007 announce blocks that are not in the table",)


@pytest.mark.parametrize(
    ("hexa", "words"),
    [
        ("", "0 bytes"),
        ("02012f00", "4 bytes"),
        ("01012f000304d200010bb1", "protocol version 1"),
        ("02012f000304d2", "block has 2 words, 1 arrived"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(hexa: str, words: str) -> None:
    with pytest.raises(BadReply, match=words):
        one(hexa, **MBX)


def test_an_unknown_model_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(BadReply, match="'dl-mbx2'; known: dl-mbx"):
        one("02012f00020bb1", model="dl-mbx2")


def test_the_sentinel_of_a_network_servers_codec_is_no_value(
    catalogue: Catalogue, quantities: Quantities
) -> None:
    model = catalogue["decentlab/dl-optod"]
    codec_made = {"temperature": {"value": -327.68}, "oxygen_concentration": {"value": 8.69}}
    samples = lorawan.decode(model, b"", 1, {}, server_object=codec_made)
    readings = told(model, samples, quantities)["readings"]
    assert readings["water_temp"]["flag"] == "MISSING"
    assert readings["do"]["value"] == 8.69


def test_the_laser_sends_the_spread_of_its_samples() -> None:
    fields = one("023ec50003067a06360686067c0636067c068606860686000a0053000a0be6", model="dl-lid2").fields
    assert fields == {
        "distance_average": 1658,
        "distance_minimum": 1590,
        "distance_maximum": 1670,
        "distance_median": 1660,
        "distance_p10": 1590,
        "distance_p25": 1660,
        "distance_p75": 1670,
        "distance_p90": 1670,
        "distance_most_frequent": 1670,
        "valid_samples": 10,
        "acquisition_ms": pytest.approx(81.05, abs=0.01),
        "samples": 10,
        "battery": 3.046,
    }


def test_a_pressure_scale_of_nothing_is_refused() -> None:
    with pytest.raises(BadReply, match="kp: 0 counts for a bar cannot be"):
        one("02032b0003806797810c2b", model="dl-pr36", kp=0)
