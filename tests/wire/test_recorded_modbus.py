"""Register dumps, frames and a series of real devices, read as the driver would read them."""

from __future__ import annotations

import csv
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from drivers.decode.frames import Request, crc_fits, find_rtu, with_crc, words_of
from drivers.decode.plan import items_of, plan
from drivers.decode.registers import sample_of, sample_of_reply, value_of
from drivers.decode.sample import Sample, readings_of
from gateway.catalogue import Catalogue, DeviceModel, Register
from gateway.model import Reading
from gateway.quantities import Quantities
from tests.conftest import NOON
from tests.modbus import model

pytestmark = pytest.mark.recorded


def dump(recorded: Path, name: str) -> tuple[dict[int, int], Any]:
    """Address -> word, and what the origin's own tests expect."""
    whole = json.loads((recorded / "modbus" / f"{name}.json").read_text(encoding="utf-8"))
    words = {
        block["start"] + at: word for block in whole["blocks"] for at, word in enumerate(block["values"])
    }
    return words, whole["expected"]


def read(words: dict[int, int], **says: Any) -> float | str | None:
    """One field of a dump."""
    register = Register.model_validate(says)
    span = range(register.address, register.address + register.width)
    return value_of(register, [words[address] for address in span])[0]


def poll(words: dict[int, int], probe: DeviceModel) -> Sample:
    """A whole model read from a dump, in the frames that the planner makes."""
    raw = {}
    for frame in plan(items_of(probe), probe.limits, items_of(probe)):
        raw.update(frame.cut([words[address] for address in range(frame.start, frame.start + frame.count)]))
    return sample_of(probe, raw)


def readings(probe: DeviceModel, sample: Sample, quantities: Quantities) -> dict[str, Reading]:
    found = readings_of("x", probe, sample, NOON, quantities)
    return {item.series.partition("/")[2]: item for item in found}


def test_a_weather_box_with_an_unconnected_probe(recorded: Path, quantities: Quantities) -> None:
    words, expected = dump(recorded, "sma_sunny_sensorbox_01")
    probe = model(
        registers={
            "ambient": {"address": 34609, "type": "int32", "scale": 0.1},
            "external": {"address": 34611, "type": "uint32", "missing": {"0xFFFFFFFF": "not_connected"}},
            "irradiance": {"address": 34613, "type": "uint32"},
            "wind": {"address": 34615, "type": "uint32", "scale": 0.1},
            "module": {"address": 34621, "type": "int32", "scale": 0.1},
        },
        readings={
            "air_temp": {"from": "ambient", "span": [-40, 85]},
            "solar_radiation": {"from": "irradiance"},
            "wind_speed": {"from": "wind"},
            "temperature": {"from": "module"},
        },
    )
    sample = poll(words, probe)
    assert sample.fields["ambient"] == expected["ambient_temp_c"] == -273.1
    assert sample.missing["external"] == "not_connected"
    found = readings(probe, sample, quantities)
    assert found["solar_radiation"].value == expected["irradiance"] == 258
    assert found["temperature"].value == expected["module_temp_c"] == 31.6
    assert found["wind_speed"].value == expected["wind_speed"]
    assert (found["air_temp"].value, found["air_temp"].flagged_by) == (None, "out_of_range")
    assert read(words, address=30057, type="uint32") == expected["serial"]
    assert read(words, address=30053, type="uint32") != expected["device_class"]
    assert read(words, address=30051, type="uint32") == expected["device_class"]


def test_a_meter_of_strings_floats_and_long_counters(recorded: Path) -> None:
    words, expected = dump(recorded, "schneider_iem3255_meter")
    assert read(words, address=29, type="string", count=20) == expected["name"]
    assert read(words, address=49, type="string", count=20) == expected["model"]
    assert read(words, address=69, type="string", count=20) == expected["manufacturer"]
    assert read(words, address=3109, type="float32") == pytest.approx(expected["frequency_hz"], rel=1e-6)
    assert read(words, address=3035, type="float32") == pytest.approx(expected["voltage"], rel=1e-6)
    assert read(words, address=3009, type="float32") == pytest.approx(expected["current"], rel=1e-6)
    assert read(words, address=3005, type="float32") is None  # 0xFFC00000: this meter's "not available"
    assert read(words, address=3203, type="uint64") == (1264 << 16) + 34819
    assert read(words, address=3059, type="float32", scale=1000) == pytest.approx(
        expected["active_power_w"], abs=1
    )


def test_an_inclinometer_in_hundredths_of_a_degree(recorded: Path, quantities: Quantities) -> None:
    words, expected = dump(recorded, "sunspec_304_inclinometer")
    start = next(at for at, word in words.items() if word == 304) + 2
    probe = model(
        registers={
            f"{axis}_{number}": {
                "address": start + 6 * (number - 1) + 2 * at,
                "type": "int32",
                "scale": 0.01,
                "missing": {"0x80000000": "unsupported"},
            }
            for number in (1, 2)
            for at, axis in enumerate("xyz")
        },
        readings={"tilt_x": {"from": "x_2"}, "tilt_y": {"from": "y_2"}, "tilt_z": {"from": "z_2"}},
    )
    fields = poll(words, probe).fields
    for number, incline in enumerate(expected["incline"], start=1):
        assert {axis: fields[f"{axis}_{number}"] for axis in "xyz"} == incline
    assert readings(probe, poll(words, probe), quantities)["tilt_x"].value == 12.0


def test_a_place_in_ten_millionths_of_a_degree(recorded: Path) -> None:
    words, expected = dump(recorded, "sunspec_305_gps")
    start = next(at for at, word in words.items() if word == 305) + 2
    assert read(words, address=start, type="string", count=6) == "192834.123Z"
    assert expected["location"] == read(words, address=start + 10, type="string", count=20)
    assert read(words, address=start + 30, type="int32", scale=1e-7) == pytest.approx(
        expected["lat"], abs=1e-7
    )
    assert read(words, address=start + 32, type="int32", scale=1e-7) == pytest.approx(
        expected["lon"], abs=1e-7
    )


@pytest.mark.parametrize("name", ["sunspec_101_01", "sunspec_103_01", "sunspec_402_01"])
def test_sunspec_says_what_it_has_not(name: str, recorded: Path) -> None:
    words, _ = dump(recorded, name)
    base = min(words)
    assert read(words, address=base, type="string", count=2) == "SunS"
    assert read(words, address=base + 4, type="string", count=16)
    absent = [at for at, word in words.items() if word == 0x8000]
    assert absent
    for address in absent:
        register = Register.model_validate(
            {"address": address, "type": "int16", "missing": {"0x8000": "unsupported"}}
        )
        assert value_of(register, [words[address]]) == (None, "unsupported")


@pytest.mark.parametrize(
    ("name", "number"), [("advantech_adam_4117_01", "4117"), ("advantech_adam_4118_01", "4118")]
)
def test_a_model_number_in_packed_decimals(name: str, number: str, recorded: Path) -> None:
    words, expected = dump(recorded, name)
    assert expected["model"] == number
    assert read(words, address=210, type="bcd16") == float(number)
    assert f"{words[212]:X}{words[213] or ''}" == expected["firmware"]


def test_a_meter_of_floats_high_word_first(recorded: Path) -> None:
    words, _ = dump(recorded, "elkor_wattson_upt")
    assert read(words, address=770, type="float32") == pytest.approx(20.8, abs=0.01)
    assert read(words, address=770, type="float32", order="CDAB") != pytest.approx(20.8, abs=1)


def test_the_frames_of_a_real_conductivity_probe(recorded: Path, catalogue: Catalogue) -> None:
    lines = (recorded / "modbus" / "yosemitech_y520_1solution_rtu_frames.jsonl").read_text(encoding="utf-8")
    frames = {line["what"]: bytes.fromhex(line["hex"]) for line in map(json.loads, lines.splitlines())}
    assert all(crc_fits(frame) for frame in frames.values())
    asked = Request(1, 3, 0x0900, 7)
    assert frames["Raw Get SN Request"] == asked.rtu
    probe = catalogue["yosemitech-y520"]
    fields = sample_of_reply(probe, frames["Raw SN Response"], frames["Raw Get SN Request"]).fields
    assert fields == {"serial_number": "YL0916112101"}
    assert len(words_of(frames["Raw SN Response"][1:-2], asked)) == 7
    step = probe.prepare[0]
    start = Request(1, step.function, step.address, 1, tuple(step.values))
    assert start.rtu == frames["Raw Start Measurement Request"]
    assert find_rtu(frames["Raw Start Measurement Response"], start).problem == ""


def test_every_value_of_a_real_series_comes_back(
    recorded: Path, catalogue: Catalogue, quantities: Quantities
) -> None:
    """1263 values of the same probe, put on the wire as it puts them (floats fully reversed) and decoded."""
    probe = catalogue["yosemitech-y520"]
    asked = Request(1, 3, 0x2600, 5)
    with (recorded / "modbus" / "yosemitech_y520_1solution_series.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["conductivity_ms_cm"]]
    assert len(rows) > 1200
    for row in rows:
        temperature, conductivity = float(row["temperature_c"]), float(row["conductivity_ms_cm"])
        error = int(row["error_flag"]) & 0xFF
        data = struct.pack("<ff", temperature, conductivity) + bytes([error, 0])
        reply = with_crc(b"\x01\x03\x0a" + data)
        found = readings(probe, sample_of_reply(probe, reply, asked.rtu), quantities)
        assert found["water_temp"].value == pytest.approx(temperature, abs=1e-9)
        assert found["ec"].value == pytest.approx(conductivity * 1000, abs=1e-6)
        assert found["sensor_status"].value == error
