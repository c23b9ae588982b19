"""A year of bins: glass containers in Frankfurt, one bin under a laser, compactors in Wyndham."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections import Counter
from datetime import timedelta

import pytest

from drivers.decode import lorawan
from drivers.decode.sample import readings_of
from gateway.contracts import Device
from gateway.model import Flag
from gateway.quantities import Checks
from gateway.recorded.file import read
from gateway.recorded.layout import Layout, mapped, slug
from gateway.replay import Replay
from gateway.settings import Bin, DeviceSettings
from gateway.times import Times
from tests.story.replayed import QUANTITIES, gathered, tell

pytestmark = pytest.mark.recorded

GLASS = Bin(empty=1500.0, full=250.0)
RAW = ["height1_cm=distance:cm", "voltage_mv=battery_v:mV", "temperature_c=temperature"]
PRE = ["Height=distance", "Temperature=temperature", "Voltage=battery_v"]


def frankfurt_raw(recorded, eui, **more):
    path = recorded / f"bins/frankfurt_raw_70b3d500700{eui}.csv.gz"
    return tell(path, RAW, period="1h", time="time_utc", newest_first=True, bin=GLASS, **more)


def frankfurt_pre(recorded, eui, **more):
    path = recorded / f"bins/frankfurt_pre_70b3d500700{eui}.csv.gz"
    missing = {"Height:254": "no_echo"}
    return tell(path, PRE, period="1h", time="unix_time", missing=missing, bin=GLASS, **more)


def decoded(recorded, eui, catalogue, **settings):
    """The raw bytes of a container through the decoder of its model, the grader and the deriver."""
    model = catalogue["sensoneo-single-sensor"]
    device = Device("glass", DeviceSettings(source="lora", period=timedelta(hours=1), **settings), model)
    replay = Replay(QUANTITIES, {"glass": device})
    out = []
    with gzip.open(recorded / f"bins/frankfurt_raw_70b3d500700{eui}.csv.gz", "rt", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["time_utc"])
    for row in rows:
        received = Times().read(row["time_utc"])
        for sample in lorawan.decode(model, bytes.fromhex(row["payload_hex"]), 2, {}, received=received):
            out += replay.feed(readings_of("glass", model, sample, received, QUANTITIES))
    return rows, gathered(out, "glass")


def test_the_distances_of_the_bytes_are_those_the_operator_published(recorded, catalogue):
    rows, told = decoded(recorded, "016eb", catalogue, bin=GLASS)
    published = [float(row["height1_cm"]) * 10 for row in rows]
    assert [one.value for one in told.readings["distance"]] == published


def test_a_temperature_of_255_is_minus_one(recorded, catalogue):
    rows, told = decoded(recorded, "016eb", catalogue)
    published = [float(row["temperature_c"]) for row in rows]
    assert max(published) == 255
    assert min(one.value for one in told.readings["temperature"]) == -7
    pairs = zip(published, told.readings["temperature"], strict=True)
    assert {one.value for said, one in pairs if said == 255} == {-1}
    assert told.doubted("temperature") == 0


def test_read_without_its_sign_that_temperature_fails_and_is_never_believed(recorded):
    told = frankfurt_raw(recorded, "016eb")
    frosty = [one for one in told.readings["temperature"] if one.value > 60]
    assert len(frosty) == 116
    assert {(one.flag, one.flagged_by) for one in frosty} == {(Flag.FAIL, "gross_range")}


@pytest.mark.parametrize(("eui", "lost"), [("016da", 1), ("016ee", 10), ("016fc", 0)])
def test_a_distance_of_254_means_no_echo_and_has_no_fill(recorded, eui, lost):
    told = frankfurt_pre(recorded, eui)
    for series in ("distance", "fill"):
        missing = [one for one in told.readings[series] if one.flag is Flag.MISSING]
        assert len(missing) == lost
        assert all((one.value, one.flagged_by) == (None, "no_echo") for one in missing)


def test_254_taken_for_a_distance_is_doubted_and_is_no_empty_bin(recorded):
    path = recorded / "bins/frankfurt_pre_70b3d500700016ee.csv.gz"
    told = tell(path, PRE, period="1h", time="unix_time", bin=Bin(empty=1500.0, full=250.0))
    far = [one for one in told.readings["distance"] if one.value == 2540]
    assert len(far) == 10
    assert (
        sum(one.flagged_by == "spike" for one in far) == 5
    )  # an evening of it is a step, and is believed in the end
    beyond = [one for one in told.readings["fill"] if "beyond_empty" in one.flagged_by]
    assert len(beyond) >= 7  # but never that the bin has become deeper
    assert all(one.flag is Flag.SUSPECT for one in beyond)
    assert len(told.events) == len(frankfurt_pre(recorded, "016ee").events)


@pytest.mark.parametrize(
    "eui", ["016da", "016ee", "016fc", "0170f", "0171e", "01727", "01731", "0173a", "01747", "01764"]
)
def test_a_year_of_fill_is_hardly_ever_doubted(recorded, eui):
    told = frankfurt_pre(recorded, eui)
    assert len(told.readings["fill"]) > 6000
    assert told.doubted("fill") <= 0.002  # measured: at most 0.05 %
    assert told.doubted("distance") <= 0.15  # the jumps between two echoes are there; 0.04 % to 13 %
    assert told.doubted("battery_v") == 0


@pytest.mark.parametrize(
    ("eui", "least", "most"), [("016da", 10, 60), ("0170f", 30, 90), ("01764", 15, 60), ("016fc", 0, 5)]
)
def test_emptyings_come_as_often_as_a_lorry_does(recorded, eui, least, most):
    events = frankfurt_pre(recorded, eui).events
    assert least <= len(events) <= most  # a year
    assert all(event.kind == "emptied" for event in events)
    assert all(event.detail["before"] - event.detail["after"] >= 30 for event in events)
    apart = [later.at - earlier.at for earlier, later in itertools.pairwise(events)]
    assert all(gap >= timedelta(hours=2) for gap in apart)


def test_lost_uplinks_are_silence_and_their_return(recorded):
    told = frankfurt_raw(recorded, "01733")
    values = [one.value for one in told.readings["online"]]
    assert values == [0, 1] * (len(values) // 2)
    heard = [one.at for one in told.readings["distance"]]
    gaps = sum(b - a > timedelta(hours=3, minutes=5) for a, b in itertools.pairwise(heard))
    assert abs(len(values) // 2 - gaps) <= 3


def test_newest_first_without_sorting_nothing_is_compared_with_its_future(recorded):
    path = recorded / "bins/frankfurt_raw_70b3d5007000174d.csv.gz"
    told = tell(path, RAW, period="1h", time="time_utc", bin=GLASS)
    assert told.reasons("distance") == Counter()
    assert told.events == []


def laser(recorded, **more):
    path = recorded / "bins/esp32_trashcan_part1.csv.gz"
    maps = ["Distance=distance", "Lid Status=lid_open", "CPU Temp=cpu_temp"]
    states = {"open": 1.0, "closed": 0.0}
    return tell(path, maps, period="15s", states=states, bin=Bin(empty=170.0, full=20.0), **more)


def test_an_open_lid_has_no_fill_while_the_distance_goes_on(recorded):
    told = laser(recorded)
    is_open = {one.at for one in told.readings["lid_open"] if one.value == 1}
    shut = {one.at for one in told.readings["lid_open"] if one.value == 0}
    assert len(is_open) == 130
    by_time = {one.at: one for one in told.readings["fill"] if one.at in is_open - shut}
    assert {(one.value, one.flag) for one in by_time.values()} == {(None, Flag.MISSING)}
    assert {one.flagged_by for one in by_time.values()} <= {"lid_open", "gross_range+lid_open"}
    assert all(one.value is not None for one in told.readings["distance"])


def test_a_distance_of_zero_is_no_full_bin(recorded):
    told = laser(recorded)
    zero = [one for one in told.readings["distance"] if one.value == 0]
    assert len(zero) == 14
    assert all(one.flag is Flag.FAIL for one in zero)
    full = {one.at for one in told.readings["fill"] if one.value == 100}
    assert not full & {one.at for one in zero}


def test_a_bag_taken_out_under_a_laser_is_told(recorded):
    told = laser(recorded)
    assert 1 <= len(told.events) <= 12
    assert told.doubted("fill") <= 0.001
    assert told.doubted("cpu_temp") == 0


def wyndham(recorded):
    with gzip.open(recorded / "bins/wyndham_daily_fullness.csv.gz", "rt", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: Times().read(row["timestamp"]))
    bins = {slug(row["Bin ID"]) for row in rows}
    devices = {
        name: Device(
            name,
            DeviceSettings(
                source="replay", period=timedelta(days=1), checks={"fill": Checks(stuck=timedelta(days=30))}
            ),
        )
        for name in bins
    }
    return rows, devices


def test_daily_compactors_are_emptied_after_they_said_so(recorded):
    rows, devices = wyndham(recorded)
    lines = ["timestamp,Bin ID,Fullness\n"]
    lines += [f"{row['timestamp']},{row['Bin ID']},{row['Fullness']}\n" for row in rows]
    columns = dict([mapped("Fullness=fill*10", QUANTITIES, "x")])
    layout = Layout(columns=columns, device_column="Bin ID")
    replay = Replay(QUANTITIES, devices)
    told = gathered((one for row in read(lines, "x", layout, QUANTITIES) for one in replay.feed(row)), "all")
    full = sum(row["reason"] != "NOT_READY" for row in rows)
    assert len(devices) == 17
    assert 0.3 * full <= len(told.events) <= full
    graded = [one for name in devices for one in told.readings[f"{name}/fill"]]
    assert len(graded) == len(rows)
    assert all(0 <= one.value <= 100 for one in graded)
    assert not [one for one in graded if one.flag is Flag.FAIL]
