"""Milesight, Dragino, Elsys and Cayenne: what the examples of the catalogue do not show."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drivers.decode import lorawan
from drivers.decode.lorawan import cayenne, dragino, elsys, milesight
from drivers.decode.sample import Sample
from gateway.catalogue import Catalogue
from gateway.errors import BadReply


def ms(payload: str, **options: str) -> list[Sample]:
    return milesight.decode(bytes.fromhex(payload), 85, options)


def dr(payload: str, port: int = 2, **options: str) -> list[Sample]:
    return dragino.decode(bytes.fromhex(payload), port, options)


class TestMilesight:
    def test_present_values_come_first_then_each_stored_record_with_its_own_time(self) -> None:
        live, first, second = ms(
            "017564 20ce5c7f02630200 20ce5d7f0263ffff", tlv_20ce="depth:u16?ffff=read_failure"
        )
        assert live.fields == {"battery": 100}
        assert (live.at, live.backfill) == (None, False)
        assert (first.at, first.backfill, first.fields) == (
            datetime.fromtimestamp(1661108060, UTC),
            True,
            {"depth": 2},
        )
        assert second.missing == {"depth": "read_failure"}

    def test_a_stored_record_without_a_clock_has_no_place(self) -> None:
        (sample,) = ms("20ce010000000200", tlv_20ce="depth:u16")
        assert sample.fields == {}
        assert sample.diagnostics == ("device_clock: a stored record of second 1 was left out",)

    def test_a_stored_record_of_a_model_without_a_layout_is_refused(self) -> None:
        with pytest.raises(BadReply, match="tlv_20ce"):
            ms("20ce5c7f02630200")
        (sample,) = ms("017564 20ce5c7f02630200")
        assert sample.fields == {"battery": 100}
        assert "partial_decode: stored record 20ce is not described" in sample.diagnostics[0]

    @pytest.mark.parametrize(
        "payload", ["0175", "01", "017564 03", "017564 0367 01", "017564 ff16 6329", "017564 20ce5c7f"]
    )
    def test_a_frame_cut_off_keeps_what_was_whole(self, payload: str) -> None:
        (sample,) = ms(payload, tlv_20ce="depth:u16")
        assert sample.fields == ({"battery": 100.0} if payload.startswith("017564") else {})
        assert sample.diagnostics[0].startswith("partial_decode:")

    def test_a_frame_that_begins_with_the_unknown_is_refused(self) -> None:
        with pytest.raises(BadReply, match="channel 09 type 99"):
            ms("0999 01")

    def test_the_answer_to_a_command_is_told_and_ends_the_frame(self) -> None:
        (sample,) = ms("fe8e0000b004")
        assert (sample.fields, sample.diagnostics) == ({}, ("config_reply: fe8e0000b004",))
        assert ms("017564 f913010000")[0].fields == {"battery": 100}

    def test_of_two_layouts_of_a_record_the_one_that_fits_the_frame_is_taken(self) -> None:
        layouts = {"tlv_20ce": "a:u16 b:u16", "tlv_20ce_or": "a:u16"}
        assert [sample.fields for sample in ms("20ce5c7f02630100 20ce5d7f02630200", **layouts)] == [
            {"a": 1.0},
            {"a": 2.0},
        ]
        assert ms("20ce5c7f026301000300", **layouts)[0].fields == {"a": 1.0, "b": 3.0}

    def test_an_alarm_is_the_measurement_and_one_more_byte(self) -> None:
        (sample,) = ms("8482410600")
        assert sample.fields == {"distance": 1601, "distance_alarm": 0}
        assert sample.diagnostics == ("distance_alarm: released",)
        assert ms("84824106 09")[0].diagnostics == ("distance_alarm: code 9",)

    def test_an_alarm_of_nothing_known_is_refused(self) -> None:
        with pytest.raises(BadReply):
            ms("8999 0000")

    @pytest.mark.parametrize(
        ("exception", "why"),
        [(1, "blind_zone"), (2, "no_target"), (3, "sensor_exception"), (7, "exception_7")],
    )
    def test_a_radar_exception_is_no_distance(self, exception: int, why: str) -> None:
        (sample,) = ms(f"b4820509{exception:02x}")
        assert sample.fields["distance"] is None
        assert sample.missing == {"distance": why}

    def test_no_fix_is_no_position(self) -> None:
        (sample,) = ms("0688 ffffffff ffffffff 00")
        assert sample.missing == {"longitude": "no_fix", "latitude": "no_fix"}
        (sample,) = ms("0688 36bf7701 f000be01 00")
        assert sample.fields["longitude"] == 24.624950

    def test_an_nb_iot_frame_cut_off_says_so(self, catalogue: Catalogue) -> None:
        whole = next(
            example.hex for example in catalogue["em400-mud"].examples if len(example.hex or "") > 150
        )
        assert whole is not None
        cut = bytearray.fromhex(whole)
        cut[84:86] = (20).to_bytes(2, "big")
        (sample,) = lorawan.decode(catalogue["em400-mud"], bytes(cut), 85, {})
        assert "partial_decode: the NB-IoT frame is cut off" in sample.diagnostics
        assert sample.fields["distance"] == 315

    def test_an_option_written_wrongly_is_named(self) -> None:
        with pytest.raises(BadReply, match="option tlv_0367: 'degrees' is no item"):
            ms("03670101", tlv_0367="degrees")

    def test_the_rest_of_the_join_frame_is_told(self) -> None:
        (sample,) = ms("ff0bff ff0101 ff0832c425039200 ff090310 ff0a0114 ff0f02 fffe01 ffff0100 ff0f07")
        assert sample.diagnostics == (
            "power_on",
            "protocol: v1",
            "serial: 32c425039200",
            "hardware: v3.1",
            "firmware: v1.14",
            "class: C",
            "reset: 01",
            "tsl: v1.0",
            "class: 7",
        )


class TestDragino:
    def test_a_layout_nobody_knows_is_named_with_those_that_exist(self) -> None:
        with pytest.raises(BadReply, match="'distanse' is not known; known: distance, door"):
            dr("0d3b0aef00000001", layout="distanse")

    @pytest.mark.parametrize("port", [1, 4, 42, 85])
    def test_another_port_is_no_measurement(self, port: int) -> None:
        with pytest.raises(BadReply, match=f"fPort {port} carries no measurement"):
            dr("0d3b0aef00000001", port, layout="distance")

    def test_too_few_bytes_are_no_measurement(self) -> None:
        with pytest.raises(BadReply, match="3 bytes"):
            dr("0d3b0a", layout="distance")
        with pytest.raises(BadReply, match="3 bytes"):
            dr("0d3b0a", 5, layout="distance")

    def test_a_head_that_is_not_there_is_no_distance(self) -> None:
        (sample,) = dr("0e1c0b05", layout="distance")
        assert sample.fields["battery"] == 3.612
        assert sample.missing == {"distance": "no_probe"}

    def test_a_block_of_distances_without_times_is_reported_not_guessed(self) -> None:
        (sample,) = dr("1d3b" + "00" * 6 + "0aef0af0", layout="distance")
        assert sample.fields == {"battery": 3.387}
        assert sample.diagnostics == ("partial_decode: a block of 2 distances without times",)

    def test_bytes_too_many_are_reported(self) -> None:
        (sample,) = dr("0d3b0aef00000001ffff", layout="distance")
        assert sample.fields["distance"] == 2799
        assert sample.diagnostics == ("partial_decode: 2 unknown bytes at the end",)

    def test_stored_records_come_each_with_its_own_time(self) -> None:
        record = "0d3b0aef00fa00"
        first, second = dr(f"{record}60065f97{record}6006600f", 3, layout="distance")
        assert (first.at, second.at) == (
            datetime(2021, 1, 19, 4, 27, 3, tzinfo=UTC),
            datetime(2021, 1, 19, 4, 29, 3, tzinfo=UTC),
        )
        assert first.backfill
        assert first.fields["distance"] == 2799

    def test_an_empty_memory_and_a_cut_record_are_told(self) -> None:
        (sample,) = dr("00" * 11 + "0d3b", 3, layout="distance")
        assert sample.diagnostics == (
            "device_clock: a stored record of second 0 was left out",
            "partial_decode: 2 bytes are no whole record",
        )

    def test_stored_records_nobody_described_are_refused(self) -> None:
        with pytest.raises(BadReply, match="not described"):
            dr("00" * 11, 3, layout="soil")

    @pytest.mark.parametrize(
        ("current", "depth"),
        [("0fa0", 0.0), ("0f0a", 0.0), ("4e20", 500.0), ("0e0f", None), ("5209", None), ("ffff", None)],
    )
    def test_a_loop_outside_its_band_is_no_depth(self, current: str, depth: float | None) -> None:
        (sample,) = dr(f"0ce40005{current}000000", layout="loop")
        assert sample.fields["depth"] == depth

    def test_a_stored_loop_record_is_judged_like_a_live_one(self) -> None:
        (sample,) = dr("00052ee000000060065f97", 3, layout="loop")
        assert sample.fields["depth"] == 250.0

    def test_every_water_probe_has_its_place(self) -> None:
        payload = (
            "0ce4"
            "00fa"
            "07ff"
            "0055"
            "0372 0960"
            "ff38"
            "0064 00f5"
            "01f4 00f6"
            "02c6 00f7"
            "0032"
            "0033"
            "0064 00f8"
            "00c8 00f9"
            "00ea60 0140 00fa"
        )
        (sample,) = dr(payload, layout="water")
        wanted = {"oxygen": 8.82, "redox": -200, "ph": 7.1, "conductivity_k10": 1000, "conductivity_k1": 500}
        wanted |= {
            "conductivity_4": 60000,
            "salinity": 32.0,
            "chlorine": 0.51,
            "turbidity": 20.0,
            "water_temperature": 25.0,
        }
        assert {name: sample.fields[name] for name in wanted} == wanted
        assert sample.diagnostics == ()

    @pytest.mark.parametrize(
        ("tail", "field", "value"),
        [
            ("00 00fa 0226", "temperature", 25.0),
            ("00 0320 0000", "illuminance", 800.0),
            ("04 0320 ffff", "distance", 800.0),
            ("04 ffff ffff", "distance", None),
            ("14 0000 0102", "count", 258.0),
        ],
    )
    def test_work_modes_of_the_lsn50(self, tail: str, field: str, value: float | None) -> None:
        (sample,) = dr(f"0e47011b0000{tail}", layout="lsn50")
        assert sample.fields[field] == value

    def test_a_work_mode_nobody_described_keeps_the_common_part(self) -> None:
        (sample,) = dr("0e47011b00001800cc0177", layout="lsn50")
        assert sample.fields["ds18b20"] == 28.3
        assert sample.diagnostics == ("partial_decode: work mode 6",)

    @pytest.mark.parametrize(
        ("tail", "field", "value"),
        [
            ("04 01000000", "external_level", 1.0),
            ("05 03200000", "illuminance", 800.0),
            ("06 0ce40000", "external_voltage", 3.3),
            ("07 00050000", "external_count", 5.0),
            ("08 00010000", "external_count", 65536.0),
            ("81 7fff7fff", "external_temperature", None),
        ],
    )
    def test_external_sensors_of_the_lht65(self, tail: str, field: str, value: float | None) -> None:
        (sample,) = dr(f"cbf60b0d0376{tail}", layout="lht65")
        assert sample.fields[field] == value

    def test_an_external_sensor_nobody_described_is_reported(self) -> None:
        (sample,) = dr("cbf60b0d03760a00000000", layout="lht65")
        assert sample.diagnostics == ("partial_decode: external sensor of kind 10",)
        assert dr("cbf60b0d03760000000000", layout="lht65")[0].diagnostics == ()

    @pytest.mark.parametrize(
        ("mode", "data", "wanted"),
        [
            ("02", "0000000500000006", {"count_1": 5.0, "count_2": 6.0}),
            ("03", "0000000513100fa0", {"count_1": 5.0, "current_1": 4.88}),
            ("04", "0000000500000000", {"count_1": 5.0}),
            ("05", "04ab04ac13100007", {"voltage_1": 1.195, "count_1": 7.0}),
        ],
    )
    def test_working_modes_of_the_lt_22222(self, mode: str, data: str, wanted: dict[str, float]) -> None:
        (sample,) = dr(f"{data}00ff{mode}", layout="lt22222")
        assert {name: sample.fields[name] for name in wanted} == wanted

    def test_a_working_mode_nobody_described_keeps_the_outputs(self) -> None:
        (sample,) = dr("000000000000000080ff09", layout="lt22222")
        assert sample.fields["relay_1"] == 1.0
        assert sample.diagnostics == ("partial_decode: work mode 9",)
        with pytest.raises(BadReply, match="no LT-22222 frame"):
            dr("00000000", layout="lt22222")

    def test_a_leak_sensor_says_leak_and_not_door(self) -> None:
        (sample,) = dr("4c0602000001000002 00", 10, layout="door")
        assert sample.fields["leak"] == 1.0
        assert "open" not in sample.fields


class TestElsysAndCayenne:
    def test_a_type_cut_off_is_reported(self) -> None:
        (sample,) = elsys.decode(bytes.fromhex("0100e20e23"), 5, {})
        assert sample.fields == {"temperature": 22.6}
        assert sample.diagnostics == ("partial_decode: type 0e is cut off",)

    def test_settings_are_no_measurement(self) -> None:
        with pytest.raises(BadReply, match="type 3e"):
            elsys.decode(bytes.fromhex("3e61"), 6, {})

    def test_two_channels_of_a_type_are_two_fields(self) -> None:
        (sample,) = cayenne.decode(bytes.fromhex("0367011005670 0ff".replace(" ", "")), 1, {})
        assert sample.fields == {"temperature_3": 27.2, "temperature_5": 25.5}

    def test_axes_and_positions_carry_channel_and_name(self) -> None:
        (sample,) = cayenne.decode(bytes.fromhex("067104d2fb2e0000" + "018806765ff2960a0003e8"), 1, {})
        assert sample.fields == {
            "acceleration_6_x": 1.234,
            "acceleration_6_y": -1.234,
            "acceleration_6_z": 0.0,
            "gps_1_latitude": 42.3519,
            "gps_1_longitude": -87.9094,
            "gps_1_altitude": 10.0,
        }

    @pytest.mark.parametrize("payload", ["01", "0199", "01ff00"])
    def test_what_is_no_lpp_is_refused(self, payload: str) -> None:
        with pytest.raises(BadReply, match="no Cayenne LPP frame"):
            cayenne.decode(bytes.fromhex(payload), 1, {})

    def test_a_value_cut_off_is_reported(self) -> None:
        (sample,) = cayenne.decode(bytes.fromhex("0367011005"), 1, {})
        assert sample.diagnostics == ("partial_decode: a lone byte at byte 4",)
        (sample,) = cayenne.decode(bytes.fromhex("036701"), 1, {})
        assert sample.diagnostics == ("partial_decode: type 67 is cut off",)
