"""What the simulated devices send is what our decoders read: byte tables, written in both directions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drivers.decode import lorawan
from drivers.decode.sample import readings_of
from drivers.simulation import frames
from drivers.simulation.far_ends import MORNING
from drivers.simulation.world import World
from gateway.catalogue import Catalogue
from gateway.model import Reading
from gateway.quantities import Quantities

AT = MORNING + timedelta(hours=2.3)  # after the first rain
# the coarsest step in which any of these devices reports a quantity, in the quantity's unit
STEP = {
    "distance": 1,
    "tipped": 1,
    "battery": 1,
    "battery_v": 0.001,
    "temperature": 0.1,
    "water_depth": 0.01,
    "water_temp": 0.1,
    "tilt_x": 0.01,
    "tilt_y": 0.01,
    "tilt_z": 0.01,
    "tilt_alarm": 1,
    "soil_temp": 0.1,
    "soil_moisture": 0.01,
    "soil_ec": 1,
    "air_temp": 0.1,
    "air_rh": 0.5,
    "air_pressure": 0.1,
    "wind_speed": 0.1,
    "wind_dir": 0.1,
    "rain_total": 0.1,
    "ph": 0.01,
    "do": 0.01,
    "do_sat": 0.01,
    "ec": 1,
    "turbidity": 0.1,
}
OWN = {
    "sensor_status",
    "current_ma",
    "voltage",
}  # said by the device about itself; the world knows nothing of it


def _heard(
    model: str, frame: frames.Frame, catalogue: Catalogue, quantities: Quantities
) -> dict[str, Reading]:
    samples = lorawan.decode(catalogue[model], frame.payload, frame.port, {})
    assert len(samples) == 1
    assert samples[0].diagnostics == ()
    readings = readings_of("x", catalogue[model], samples[0], AT, quantities)
    return {reading.series.removeprefix("x/"): reading for reading in readings}


@pytest.mark.parametrize("model", sorted(frames.ENCODERS))
def test_a_frame_is_decoded_to_what_was_measured(
    model: str, catalogue: Catalogue, quantities: Quantities
) -> None:
    values = World(7, MORNING).values("x", AT) | {"distance": 1234.0}
    heard = _heard(model, frames.frame_of(model, values), catalogue, quantities)
    compared = heard.keys() - OWN
    assert len(compared) >= 2
    for quantity in compared:
        assert heard[quantity].value == pytest.approx(values[quantity], abs=0.51 * STEP[quantity]), quantity


@pytest.mark.parametrize(
    ("model", "frame", "quantity", "reason"),
    [
        ("milesight-em410-rdl", frames.em410_rdl_without_target(), "distance", "no_target"),
        ("milesight-em500-swl", frames.em500_swl_failed({"battery": 50}), "water_depth", "read_failure"),
        (
            "milesight-em310-udl",
            frames.em310_udl({"battery": 50, "distance": 65535}),
            "distance",
            "out_of_range",
        ),
    ],
)
def test_a_sentinel_becomes_no_value_with_its_reason(
    model: str, frame: frames.Frame, quantity: str, reason: str, catalogue: Catalogue, quantities: Quantities
) -> None:
    reading = _heard(model, frame, catalogue, quantities)[quantity]
    assert reading.value is None
    assert reading.flagged_by == reason


def test_frames_are_byte_for_byte_those_of_the_makers_examples() -> None:
    """Reference appendix A: ms-mud-1, ms-tilt310-2, dr-ldds75-2, dr-se01-1 (same layout), dl-optod, dl-ctd-1."""
    mud = {"battery": 92, "temperature": 25.7, "distance": 2116, "tipped": 1}
    assert frames.em400_mud(mud).payload.hex() == "01755c0367010104824408050001"
    tilt = {"battery": 100, "tilt_x": -2.0, "tilt_y": 2.0, "tilt_z": 90.0}
    assert frames.em310_tilt(tilt).payload.hex().endswith("03cf38ffc800282300")
    bin_ = {"battery_v": 3.387, "distance": 2799, "temperature": -14.9}
    assert frames.ldds75(bin_).payload.hex() == "0d3b0aef00ff6b01"
    soil = {
        "battery_v": 3.384,
        "soil_moisture": 19.57,
        "soil_temp": 24.59,
        "soil_ec": 100,
        "temperature": 0.0,
    }
    assert frames.lse01(soil).payload.hex() == "0d38000007a5099b006410"
    oxygen = {"battery_v": 3.168, "water_temp": 21.46, "do_sat": 97.52, "do": 8.69}
    assert frames.dl_optod(oxygen).payload.hex() == "02186c000300008862a618836583650c60"
    depth = {"battery_v": 3.168, "water_depth": 4.232, "water_temp": 12.9, "ec": 100}
    assert frames.dl_ctd10(depth).payload.hex() == "0207d9000390888081006400000c60"
