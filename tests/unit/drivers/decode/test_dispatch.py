from __future__ import annotations

from pathlib import Path

import pytest

from drivers.decode import javascript, lorawan
from drivers.decode.sample import readings_of
from gateway.catalogue import Catalogue, DeviceModel
from gateway.errors import BadReply
from gateway.model import Flag
from gateway.quantities import Quantities
from tests.conftest import NOON
from tests.decoding import told, values


def model_with_codec(codec: str) -> DeviceModel:
    return DeviceModel.model_validate(
        {
            "model": "acme-probe",
            "maker": "Acme",
            "title": {"en": "Probe", "zh": "探头"},
            "domain": "bin",
            "wire": "lorawan",
            "documents": [{"name": "codec"}],
            "codec": codec,
            "options": {"scale": 2},
            "readings": {
                "distance": {"from": "level.cm", "unit": "cm", "missing": {"999": "no_target"}},
                "battery_v": {"from": "bat"},
            },
        }
    )


@pytest.mark.parametrize("port", [None, 0])
def test_a_frame_for_the_network_alone_is_a_sign_of_life(catalogue: Catalogue, port: int | None) -> None:
    (sample,) = lorawan.decode(catalogue["em310-udl"], b"\x01\x75\x5c", port, {})
    assert sample.fields == {}
    assert sample.diagnostics == ("no_payload",)


def test_an_empty_payload_without_a_servers_object_is_a_sign_of_life(catalogue: Catalogue) -> None:
    (sample,) = lorawan.decode(catalogue["em310-udl"], b"", 85, {})
    assert sample.diagnostics == ("no_payload",)


def test_raw_bytes_win_over_the_servers_object(catalogue: Catalogue, quantities: Quantities) -> None:
    model = catalogue["em310-udl"]
    samples = lorawan.decode(
        model, bytes.fromhex("03824408"), 85, {}, server_object={"distance": 1, "battery": 1}
    )
    assert values(told(model, samples, quantities)["readings"]) == {"distance": 2116}


def test_a_servers_object_serves_when_there_are_no_bytes(
    catalogue: Catalogue, quantities: Quantities
) -> None:
    model = catalogue["em400-mud"]
    theirs = {"battery": 92, "temperature": 25.7, "distance": 2116, "position": "tilt"}
    samples = lorawan.decode(model, b"", 85, {}, server_object=theirs)
    shown = told(model, samples, quantities)
    assert values(shown["readings"]) == {"battery": 92, "temperature": 25.7, "distance": 2116, "tipped": 1}
    assert "decoded_by_server" in shown["diagnostics"]


@pytest.mark.parametrize(
    ("model", "theirs", "quantity", "why"),
    [
        ("em500-smtc", {"temperature": -0.1}, "soil_temp", "read_failure"),
        ("em400-mud", {"distance": 65535}, "distance", "out_of_range"),
        ("em500-swl", {"depth": 65533}, "water_depth", "out_of_range"),
        ("lht52", {"TempC_DS": 327.67}, "temperature", "no_probe"),
        ("ldds75", {"Distance": "No Sensor"}, "distance", "no_probe"),
        ("ldds75", {"Distance": "Invalid Reading"}, "distance", "invalid_reading"),
        ("ldds75", {"TempC_DS18B20": "-0.1"}, "temperature", "no_probe"),
        ("em310-udl", {"distance": None}, "distance", "no_value"),
        ("em310-udl", {"distance": "far"}, "distance", "not_a_number"),
        ("em310-udl", {"position": "upside down"}, "tipped", "unknown_state"),
    ],
)
def test_a_sentinel_in_a_servers_object_is_no_value(
    catalogue: Catalogue,
    quantities: Quantities,
    model: str,
    theirs: dict[str, object],
    quantity: str,
    why: str,
) -> None:
    known = catalogue[model]
    (sample,) = lorawan.decode(known, b"", 85, {}, server_object=theirs)
    (reading,) = readings_of("x", known, sample, NOON, quantities)
    assert reading.series == f"x/{quantity}"
    assert (reading.value, reading.flag, reading.flagged_by) == (None, Flag.MISSING, why)


def test_a_temperature_of_minus_a_tenth_from_our_own_bytes_is_a_temperature(
    catalogue: Catalogue, quantities: Quantities
) -> None:
    model = catalogue["lht65"]
    samples = lorawan.decode(model, bytes.fromhex("cbf60b0d037601fff67fff"), 2, {})
    assert values(told(model, samples, quantities)["readings"])["temperature"] == -0.1


def test_a_device_overrides_its_models_options(catalogue: Catalogue) -> None:
    model = catalogue["wqs-lb"]
    (sample,) = lorawan.decode(model, bytes.fromhex("0ce400fa0102c600f5"), 2, {"mask_bytes": 1})
    assert sample.fields["ph"] == 7.1


def test_an_uplink_longer_than_any_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(BadReply, match="2000 bytes"):
        lorawan.decode(catalogue["em310-udl"], bytes(2000), 85, {})


def test_a_decoder_nobody_has_written_is_refused_with_the_nearest_name(catalogue: Catalogue) -> None:
    model = catalogue["em310-udl"].model_copy(update={"decoder": "milesite"})
    with pytest.raises(BadReply, match="milesight"):
        lorawan.decode(model, b"\x01\x75\x5c", 85, {})


def test_a_model_of_another_wire_is_refused(catalogue: Catalogue) -> None:
    model = catalogue["em310-udl"].model_copy(update={"wire": "json"})
    with pytest.raises(BadReply, match="speaks json"):
        lorawan.decode(model, b"\x01\x75\x5c", 85, {})


def test_a_vendors_codec_is_mapped_by_its_catalogue_file(tmp_path: Path, quantities: Quantities) -> None:
    (tmp_path / "acme.js").write_text(
        """
        function decodeUplink(input) {
          var raw = input.bytes[0] * 256 + input.bytes[1];
          return {data: {level: {cm: raw * Number(input.variables.scale)}, bat: "3.61",
                         year: input.recvTime.getUTCFullYear()}, warnings: ["old firmware"]};
        }
        """,
        encoding="utf-8",
    )
    model = model_with_codec("acme.js")
    samples = lorawan.decode(model, b"\x00\x64", 7, {}, catalogue_dirs=(tmp_path,), received=NOON)
    shown = told(model, samples, quantities)
    assert values(shown["readings"]) == {"distance": 2000.0, "battery_v": 3.61}
    assert samples[0].fields["year"] == NOON.year
    assert shown["diagnostics"] == ["codec_warning: old firmware"]


def test_a_sentinel_of_a_vendors_codec_is_no_value(tmp_path: Path, quantities: Quantities) -> None:
    (tmp_path / "acme.js").write_text(
        "function decodeUplink(i) { return {data: {level: {cm: 999}, bat: NaN}}; }", encoding="utf-8"
    )
    model = model_with_codec("acme.js")
    shown = told(model, lorawan.decode(model, b"\x01", 7, {}, catalogue_dirs=(tmp_path,)), quantities)
    assert values(shown["readings"]) == {"distance": None, "battery_v": None}
    assert shown["diagnostics"] == ["distance: no_target", "battery_v: not_a_number"]


def test_the_last_folder_that_has_the_codec_wins(tmp_path: Path) -> None:
    for number, name in enumerate(("shipped", "site", "empty")):
        (tmp_path / name).mkdir()
        if name != "empty":
            source = f"function decodeUplink(i) {{ return {{data: {{from: {number}}}}}; }}"
            (tmp_path / name / "acme.js").write_text(source, encoding="utf-8")
    dirs = [tmp_path / name for name in ("shipped", "site", "empty")]
    (sample,) = javascript.run("acme.js", b"\x01", 1, {}, dirs)
    assert sample.fields == {"from": 1.0}
