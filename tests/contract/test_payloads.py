"""What sensors of the market send, worked out by hand from their makers' layouts, and what is no such frame.

The vectors stand here as bytes with their working beside them: neither our decoder nor an encoder made them.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.decoders import REASONS, Decoded, Rejected, decode
from gateway.device_profiles import load_profiles, with_settings

PROFILES = load_profiles()
BOUGHT = sorted(set(PROFILES) - {"cc-cover-1", "cc-pole-1"})
THEN = 1_700_000_000  # 0x6553F100

# Milesight's frame for NB-IoT, byte by byte; CSQ 0x14 = 20 -> -113 + 2 * 20 = -73 dBm; 0x0015 = 21 bytes of tags follow
NBIOT_HEAD = (
    bytes.fromhex("02 0001 0061 00 0007 01")
    + b"0101"
    + b"0110"
    + b"6791D19604050004"
    + b"868000000000011"
    + b"460040000000001"
    + b"89860400000000000001"
    + bytes.fromhex("14 0015")
).hex(" ")

# profile, port, bytes -> points (name, or (name, time)) and facts
GOLDEN: list[tuple[str, int, str, dict[Any, float], dict[str, str]]] = [
    (
        "milesight-em310-tilt",
        85,
        # 57 = 87 %; FEBB = 65211 - 65536 = -325 -> -3.25; 04D2 = 1234 -> 12.34; 1DE2 = 7650 -> 76.50; 02: bit 1, y
        "01 75 57  03 CF BB FE D2 04 E2 1D 02",
        {
            "battery": 87,
            "tilt_x": -3.25,
            "tilt_y": 12.34,
            "tilt_z": 76.5,
            "tilt_alarm_x": 0,
            "tilt_alarm_y": 1,
            "tilt_alarm_z": 0,
        },
        {},
    ),
    (
        "milesight-em310-tilt",
        85,
        # a join frame: FF 01 nibbles 0.1; FF 16 serial; FF 09 03 and the upper half of 10; FF 0A 01 . 14; FF 0F class 0
        "FF 0B FF  FF 01 01  FF 16 67 91 D1 96 04 05 00 04  FF 09 03 10  FF 0A 01 14  FF 0F 00",
        {},
        {
            "powered_on": "255",
            "protocol_version": "0.1",
            "serial_number": "6791D19604050004",
            "hardware_version": "3.1",
            "firmware_version": "1.14",
            "lorawan_class": "0",
        },
    ),
    (
        "milesight-em320-tilt",
        85,
        # FD77 = -649: bit 0 = 1, -649 >> 1 = -325 -> -3.25; 0064 = 100: bit 0 = 0, 50 -> 0.50; 464E = 17998 -> 89.99
        "01 75 57  03 D4 77 FD 64 00 4E 46",
        {
            "battery": 87,
            "tilt_x": -3.25,
            "tilt_y": 0.5,
            "tilt_z": 89.99,
            "tilt_alarm_x": 1,
            "tilt_alarm_y": 0,
            "tilt_alarm_z": 0,
        },
        {},
    ),
    # 4D = 77 %; 05DC = 1500 mm; position 0
    (
        "milesight-em310-udl",
        85,
        "01 75 4D  03 82 DC 05  04 00 00",
        {"battery": 77, "distance": 1500, "tilted": 0},
        {},
    ),
    (
        "milesight-em400",
        85,
        # FFCB = -53 -> -5.3; 05DC = 1500, then 03D4 = 980 with alarm 0: the later one is the newer
        "01 75 4D  03 67 CB FF  04 82 DC 05  05 00 00  84 82 D4 03 00",
        {"battery": 77, "temperature": -5.3, "distance": 980, "tilted": 0, "level_alarm": 0},
        {},
    ),
    (
        "milesight-em400-nbiot",
        0,
        # 3 + 4 + 3 + 11 = 21 = 0x15 bytes of tags. 01DC89C0 = 31230400 -> 31.2304; 073D8AA4 = 121473700 -> 121.4737;
        # status 12: motion 2 = moving, fence 1 = outside
        NBIOT_HEAD + "01 75 4D  04 82 DC 05  05 00 01  06 88 C0 89 DC 01 A4 8A 3D 07 12",
        {
            "rssi": -73,
            "battery": 77,
            "distance": 1500,
            "tilted": 1,
            "latitude": 31.2304,
            "longitude": 121.4737,
            "moving": 1,
            "outside": 1,
        },
        {
            "firmware_version": "0101",
            "hardware_version": "0110",
            "serial_number": "6791D19604050004",
            "imei": "868000000000011",
            "imsi": "460040000000001",
            "iccid": "89860400000000000001",
        },
    ),
    (
        "milesight-em500-swl",
        85,
        # 0089 = 137 cm -> 1370 mm now; 6553F100 = 1700000000 with 0087 = 135 cm
        "01 75 50  03 77 89 00  20 CE 00 F1 53 65 87 00",
        {"battery": 80, "water_level": 1370, ("water_level", THEN): 1350},
        {},
    ),
    (
        "milesight-em500-udl",
        85,
        # 03E8 = 1000; then 04B0 = 1200 after a change of 00C8 = 200, alarm 1; 0384 = 900 at 1700000000
        "01 75 50  03 82 E8 03  83 E9 B0 04 C8 00 01  20 CE 00 F1 53 65 84 03",
        {"battery": 80, "distance": 1200, "distance_change": 200, "level_alarm": 1, ("distance", THEN): 900},
        {},
    ),
    (
        "milesight-em410-rdl",
        85,
        # 010F = 271 -> 27.1; 0320 = 800; position 1; 2710 = 10000 -> 100; B4: exception 1 = in the blind zone;
        # record: 0384 = 900 mm, FFFB = -5 -> -0.5, 0014 = 20 mm
        "03 67 0F 01  04 82 20 03  05 00 01  06 C7 10 27  B4 82 00 00 0120 CE 00 F1 53 65 84 03 FB FF 14 00 00",
        {
            "temperature": 27.1,
            "distance": 800,
            "tilted": 1,
            "echo": 100,
            "blind_zone": 1,
            ("distance", THEN): 900,
            ("temperature", THEN): -0.5,
            ("distance_change", THEN): 20,
        },
        {},
    ),
    # 84: 02 is a mutation; 94: 0320 = 800, mutation 0064 = 100, alarm 0
    ("milesight-em410-rdl", 85, "84 82 20 03 02", {"distance": 800, "level_alarm": 1}, {}),
    (
        "milesight-em410-rdl",
        85,
        "94 82 20 03 64 00 00",
        {"distance": 800, "distance_change": 100, "level_alarm": 0},
        {},
    ),
    (
        "milesight-em300-mcs",
        85,
        # FFF4 = -12 -> -1.2; A1 = 161 / 2 = 80.5; magnet 0; record: 00C8 = 20.0, 64 = 50 %, open
        "01 75 41  03 67 F4 FF  04 68 A1  06 00 00  20 CE 00 F1 53 65 C8 00 64 01",
        {
            "battery": 65,
            "temperature": -1.2,
            "humidity": 80.5,
            "open": 0,
            ("temperature", THEN): 20,
            ("humidity", THEN): 50,
            ("open", THEN): 1,
        },
        {},
    ),
    (
        "dingtek-df702",
        3,
        # 04D2 = 1234 mm; no position; 16 = 22; sign 00, 23 = 35; 10: full; 11: tilt and battery; 0007
        "80 00 01 02 11  04 D2  00  16  00 23  10  11  00 07  00  81",
        {
            "distance": 1234,
            "temperature": 22,
            "tilt_z": 35,
            "level_alarm": 1,
            "fire_alarm": 0,
            "tilt_alarm": 1,
            "battery_low": 1,
            "sample_count": 7,
        },
        {},
    ),
    (
        "dingtek-df702",
        3,
        # the sign's low nibble is 1: -35; F6 = -10; 0D: the low nibble is the fire alarm
        "80 00 01 01 11  04 D2  00  F6  01 23  0D  00  00 08  00  81",
        {
            "distance": 1234,
            "temperature": -10,
            "tilt_z": -35,
            "level_alarm": 0,
            "fire_alarm": 1,
            "tilt_alarm": 0,
            "battery_low": 0,
            "sample_count": 8,
        },
        {},
    ),
    (
        "dingtek-df702",
        3,
        # parameters: firmware 1.7, 18 = 24 h, 0A = 10 min, 1E = 30 cm, 46 = 70 degrees C, 0F = 15 degrees, on, range 0
        "80 00 01 03 19  01 07 18 0A 1E 46 0F 01 00  00 00 00 00 00 00 00 00 00 00  81",
        {},
        {
            "firmware_version": "1.7",
            "upload_interval_h": "24",
            "detect_interval_min": "10",
            "full_threshold_cm": "30",
            "fire_threshold_cel": "70",
            "tilt_threshold_deg": "15",
            "tilt_detection": "on",
            "range_mm": "2000",
        },
    ),
    (
        "dingtek-df555",
        3,
        # 0352 = 850 mm; 42F2F289 = 121.4737 E; 41F9D7DC = 31.2304 N; 12 = 18; 10: level alarm; 0009
        "80 00 01 01 19  03 52  01  89 F2 F2 42  DC D7 F9 41  12  00 00  10  00  00 09  00  81",
        {
            "distance": 850,
            "longitude": 121.4737,
            "latitude": 31.2304,
            "temperature": 18,
            "level_alarm": 1,
            "battery_low": 0,
            "sample_count": 9,
        },
        {},
    ),
    (
        "dingtek-df556",
        3,
        # 03E8 = 1000 mm; 10: alarm; 01: battery low; 0168 = 360 -> 3.60 V; 002A = 42
        "80 00 01 01 12  03 E8  00  00 00 00  10  01  01 68  00 2A  81",
        {"water_level": 1000, "level_alarm": 1, "battery_low": 1, "battery_voltage": 3.6, "sample_count": 42},
        {},
    ),
    # 21 = 33 -> 3.3 V, bit 7 clear; contact 0
    (
        "netvox-r311a",
        6,
        "01 02 01 21 00 00 00 00 00 00 00",
        {"battery_voltage": 3.3, "battery_low": 0, "contact": 0},
        {},
    ),
    # an answer: 0E10 = 3600 s twice, 01 -> 0.1 V
    (
        "netvox-r311a",
        7,
        "82 02 0E 10 0E 10 01 00 00 00 00",
        {},
        {"min_time_s": "3600", "max_time_s": "3600", "battery_change_v": "0.1"},
    ),
    # 96 = bit 7 and 16 hex = 22 -> 2.2 V
    (
        "netvox-r718da",
        6,
        "01 1A 01 96 01 00 00 00 00 00 00",
        {"battery_voltage": 2.2, "battery_low": 1, "tilted": 1},
        {},
    ),
    # start-up: 0A = 10 -> 1.0; hardware 1; eight decimal digits
    (
        "netvox-r718da",
        6,
        "01 1A 00 0A 01 20 19 03 28 00 00",
        {},
        {"software_version": "1", "hardware_version": "1", "date_code": "20190328"},
    ),
    # 24 = 36 -> 3.6 V
    (
        "netvox-r718mba",
        6,
        "01 27 01 24 01 00 00 00 00 00 00",
        {"battery_voltage": 3.6, "battery_low": 0, "moving": 1},
        {},
    ),
    (
        "netvox-r718e",
        6,
        # 3F00 0000 = 0.5; BE80 0000 = -0.25; 411C 0000 = 9.75; size 9.766 is near 1 g:
        # atan(sqrt(0.25 + 0.0625) / 9.75) = atan(0.05734) = 3.28 degrees
        "01 1C 01 23 00 3F 80 BE 1C 41 00",
        {
            "battery_voltage": 3.5,
            "battery_low": 0,
            "tilt_z": 3.28,
            "acceleration_x": 0.5,
            "acceleration_y": -0.25,
            "acceleration_z": 9.75,
        },
        {},
    ),
    # 4020 0000 = 2.5; BF80 0000 = -1; 0; FFF6 = -10 -> -1.0
    (
        "netvox-r718e",
        6,
        "01 1C 02 20 40 80 BF 00 00 FF F6",
        {"velocity_x": 2.5, "velocity_y": -1, "velocity_z": 0, "temperature": -1},
        {},
    ),
    # 07F8 = 2040 mm; 29 = 41 %; C0900000 = -4.5; 21 = 33 -> 3.3 V
    (
        "wilsen-sonic-level",
        1,
        "04 0B02 07F8  03 0B06 29  06 0201 C0900000  03 5101 21",
        {"distance": 2040, "fill_level": 41, "temperature": -4.5, "battery_voltage": 3.3},
        {},
    ),
    # a block of an unknown id is passed over; 00CC = 204 cm -> 2040 mm
    ("wilsen-sonic-level", 1, "05 7F7F 010203  04 0B01 00CC", {"distance": 2040}, {}),
    # flags 3: both groups; 04B0 = 1200 mm of 10 samples; 0BEA = 3050 -> 3.05 V
    (
        "decentlab-mbx",
        1,
        "02 03E8 0003  04B0 000A  0BEA",
        {"distance": 1200, "valid_samples": 10, "battery_voltage": 3.05},
        {"device_id": "1000"},
    ),
    # 8898 - 8000 = 0898 = 2200 -> 22.00; 84B0 - 8000 = 04B0 = 1200 -> 12.00
    (
        "decentlab-rad",
        1,
        "02 03E8 0003  05DC 8898 84B0 0000  0BEA",
        {"distance": 1500, "temperature": 22, "reliability": 12, "battery_voltage": 3.05},
        {"device_id": "1000", "status": "0"},
    ),
    # (6000 - 4000) / 8000 hex = 0.25 bar = 250 hPa = 2549.3 mm; (52C0 = 21184 - 384) * 0.003125 - 50 = 15
    (
        "decentlab-pr26",
        1,
        "02 03E8 0003  6000 52C0  0BEA",
        {"pressure": 250, "water_level": 2549.3, "temperature": 15, "battery_voltage": 3.05},
        {"device_id": "1000"},
    ),
    # (8800 - 8000 = 2048) / 8192 = 0.25 bar; (9400 - 8000 = 5120) / 256 = 20
    (
        "decentlab-pr36",
        1,
        "02 03E8 0003  8800 9400  0BEA",
        {"pressure": 250, "water_level": 2549.3, "temperature": 20, "battery_voltage": 3.05},
        {"device_id": "1000"},
    ),
    # 80FA - 8000 = 250 mm; 7FF1 - 8000 = -15 -> -1.5; 0136 = 310 uS/cm = 0.031 S/m; freezing
    (
        "decentlab-ctd10",
        1,
        "02 03E8 0003  80FA 7FF1 0136 0001  0BEA",
        {"water_level": 250, "temperature": -1.5, "conductivity": 0.031, "freezing": 1, "battery_voltage": 3.05},
        {"device_id": "1000"},
    ),
    # low word first: 00A00000 = 10485760 / 8388608 - 1 = 0.25
    (
        "decentlab-lpw",
        1,
        "02 03E8 0003  0000 00A0  0BEA",
        {"extension": 25, "battery_voltage": 3.05},
        {"device_id": "1000"},
    ),
    # average, least, most, median 1000 990 1010 1000; 992 996 1004 1008; mode 1000; 100 samples; 0400 = 1024 -> 1000 ms
    (
        "decentlab-lid",
        1,
        "02 03E8 0003  03E8 03DE 03F2 03E8 03E0 03E4 03EC 03F0 03E8 0064 0400  0BEA",
        {
            "distance": 1000,
            "distance_min": 990,
            "distance_max": 1010,
            "distance_median": 1000,
            "valid_samples": 100,
            "battery_voltage": 3.05,
        },
        {"device_id": "1000", "percentiles_mm": "992 996 1004 1008", "mode_mm": "1000", "acquisition_ms": "1000"},
    ),
    # the same and, last, 006E = 110 samples in all; the sensor group alone (flags 1)
    (
        "decentlab-lid2",
        1,
        "02 03E8 0001  03E8 03DE 03F2 03E8 03E0 03E4 03EC 03F0 03E8 0064 0400 006E",
        {
            "distance": 1000,
            "distance_min": 990,
            "distance_max": 1010,
            "distance_median": 1000,
            "valid_samples": 100,
        },
        {
            "device_id": "1000",
            "percentiles_mm": "992 996 1004 1008",
            "mode_mm": "1000",
            "acquisition_ms": "1000",
            "total_samples": "110",
        },
    ),
    (
        "elsys",
        5,
        # FFDD = -35 -> -3.5; 0, 20 = 32, CA = -54 of 63 a g: 32 / 63 * 9.80665 = 4.9812, -54 / 63 * 9.80665 = -8.4057;
        # size 62.8 of 63: atan2(32, -54) = 180 - 30.65 = 149.35 degrees; 0E1C = 3612 mV
        "01 FF DD  03 00 20 CA  0D 01  07 0E 1C",
        {
            "temperature": -3.5,
            "acceleration_x": 0,
            "acceleration_y": 4.981,
            "acceleration_z": -8.406,
            "tilt_z": 149.35,
            "contact": 1,
            "battery_voltage": 3.612,
        },
        {},
    ),
    # 05DC = 1500; 00FA = 25.0; 05; 000F4240 = 1000000 / 1000 = 1000 hPa; 46 and 32 dB; 01 again: it counts
    (
        "elsys",
        2,
        "01 00 64  0E 05 DC  0C 00 FA  12 05  14 00 0F 42 40  15 46 32  01 00 C8",
        {
            "temperature": 20,
            "distance": 1500,
            "external_temperature": 25,
            "wetness": 5,
            "pressure": 1000,
            "sound_peak": 70,
            "sound_average": 50,
        },
        {},
    ),
    (
        "dragino-wl03a",
        2,
        # 05 = bits 0 and 2: leaking, sent by interval, sum; 0C = 12; 22 = 34 min = 2040 s; the device's time
        "05 00 00 0C 00 00 22 65 53 F1 00",
        {
            ("leak", THEN): 1,
            ("device_alarm", THEN): 0,
            ("leak_count", THEN): 12,
            ("leak_duration", THEN): 2040,
        },
        {"counting": "sum", "sent_by": "interval"},
    ),
    # status: firmware 1 . 0 . 3; 01 = EU868; FF = no sub-band; 0E10 = 3600 mV
    (
        "dragino-wl03a",
        5,
        "1D 01 03 01 FF 0E 10",
        {"battery_voltage": 3.6},
        {"firmware_version": "1.0.3", "band": "EU868"},
    ),
    # settings: 000E10 = 3600 s; bit 0 set: alarm off
    (
        "dragino-wl03a",
        4,
        "00 0E 10 01 00 00 00 05",
        {},
        {"interval_s": "3600", "alarm": "off", "more_settings": "00000005"},
    ),
    (
        "dragino-ds03a",
        3,
        # two records of the log; 81 = no-ack mode, open; 3 times, 5 min = 300 s; and 60 s later (3C) closed
        "81 00 00 03 00 00 05 65 53 F1 00  80 00 00 03 00 00 01 65 53 F1 3C",
        {
            ("open", THEN): 1,
            ("device_alarm", THEN): 0,
            ("open_count", THEN): 3,
            ("open_duration", THEN): 300,
            ("open", THEN + 60): 0,
            ("device_alarm", THEN + 60): 0,
            ("open_count", THEN + 60): 3,
            ("open_duration", THEN + 60): 60,
        },
        {"counting": "sum", "sent_by": "event"},
    ),
    # 0B45 = 2885 mV; 05DC = 1500; no interrupt; 0105 = 261 -> 26.1, a probe is there
    (
        "dragino-ldds75",
        2,
        "0B 45 05 DC 00 01 05 01",
        {"battery_voltage": 2.885, "distance": 1500, "device_alarm": 0, "external_temperature": 26.1},
        {},
    ),
    # 8B45: bit 15 open, 0B45 = 2885 mV; mode 1; 0A = 10 times; 5 min = 300 s; no alarm
    (
        "dragino-lds02",
        10,
        "8B 45 01 00 00 0A 00 00 05 00",
        {"battery_voltage": 2.885, "open": 1, "open_count": 10, "open_duration": 300, "device_alarm": 0},
        {},
    ),
    # 4B45: bit 14 water; mode 2; alarm
    (
        "dragino-lds02",
        10,
        "4B 45 02 00 00 02 00 00 01 01",
        {"battery_voltage": 2.885, "leak": 1, "leak_count": 2, "leak_duration": 60, "device_alarm": 1},
        {},
    ),
    (
        "bwsensing-bwm826",
        0,
        # digits 1 004 567 0 = -4.567; 0 001 234 0 = +1.234; sum of 11 84 10 04 56 70 01 23 40 = 1D3 -> D3;
        # tilt: atan(sqrt(tan(4.567)^2 + tan(1.234)^2)) = atan(sqrt(0.07988^2 + 0.02154^2)) = atan(0.08273) = 4.729
        "77 11 00 00 84 10 04 56 70 00 01 23 40 00 00 00 00 D3",
        {"tilt_x": -4.567, "tilt_y": 1.234, "tilt_z": 4.729},
        {"address": "0000"},
    ),
    (
        "witmotion-wt901c",
        0,
        # 0800 = 2048 / 32768 * 16 g = 1 g = 9.80665; FE39 = -455 * 180 / 32768 = -2.49939; 00E4 = 228 -> 1.25244;
        # 0A28 = 2600 -> 26.00; tilt: atan(sqrt(0.04365^2 + 0.02186^2)) = atan(0.04882) = 2.795
        "0000 0000 0800  0000 0000 0000  0000 0000 0000  FE39 00E4 4000  0A28",
        {
            "acceleration_x": 0,
            "acceleration_y": 0,
            "acceleration_z": 9.80665,
            "rate_x": 0,
            "rate_y": 0,
            "rate_z": 0,
            "tilt_x": -2.49939,
            "tilt_y": 1.25244,
            "tilt_z": 2.795,
            "temperature": 26,
        },
        {},
    ),
    ("wt53r-laser", 0, "03 AE", {"distance": 942}, {}),
    # unit 11 hex = cm, one decimal, 04D2 = 1234 -> 123.4 cm = 1234 mm
    ("qdy30a", 0, "0011 0001 04D2", {"water_level": 1234}, {}),
    # unit 12 hex = m, three decimals: 1.234 m; unit 13 hex = kPa, two decimals: 12.34 kPa = 1258.33 mm of water
    ("qdy30a", 0, "0012 0003 04D2", {"water_level": 1234}, {}),
    ("qdy30a", 0, "0013 0002 04D2", {"water_level": 1258.33}, {}),
    ("level-cm", 0, "00 FA", {"water_level": 2500}, {}),
    # FEBB = -325 -> -3.25; 007B = 1.23; atan(sqrt(0.05678^2 + 0.02147^2)) = atan(0.06071) = 3.474
    ("tilt-s16", 0, "FEBB 007B", {"tilt_x": -3.25, "tilt_y": 1.23, "tilt_z": 3.474}, {}),
    # FFFFF34E = -3250 -> -3.250; 000004D2 = 1.234; atan(sqrt(0.05678^2 + 0.02154^2)) = 3.475
    ("tilt-s32", 0, "FFFFF34E 000004D2", {"tilt_x": -3.25, "tilt_y": 1.234, "tilt_z": 3.475}, {}),
]


def by_name(outcome: Decoded | Rejected) -> dict[Any, float]:
    return {each.name if each.at_s is None else (each.name, each.at_s): each.value for each in outcome.points}


@pytest.mark.parametrize(("profile", "port", "frame", "points", "facts"), GOLDEN)
def test_a_frame_means_what_its_layout_says(profile, port, frame, points, facts):
    outcome = decode(PROFILES[profile], bytes.fromhex(frame), port=port)
    assert isinstance(outcome, Decoded), outcome
    assert by_name(outcome) == pytest.approx(points, abs=6e-4)
    assert outcome.facts == facts
    assert [each.name for each in outcome.points if each.suspect] == []


def test_every_bought_device_has_a_vector():
    assert sorted({profile for profile, *_ in GOLDEN}) == BOUGHT


@pytest.mark.parametrize("name", BOUGHT)
def test_every_bought_device_s_profile_says_how_often_it_speaks_and_what_its_battery_means(name):
    profile = PROFILES[name]
    assert profile.title
    assert profile.title_zh
    assert profile.heartbeat_s > 0
    assert profile.battery is not None or profile.kind == "registers" or profile.stream == "bwsensing"


# --- what can't be used ---------------------------------------------------------------------------------------------

REJECTED = [
    ("milesight-em310-tilt", 85, "", "nothing_in_it"),
    ("milesight-em310-tilt", 85, "01", "unknown_tag"),
    ("milesight-em310-tilt", 85, "01 75", "too_short"),
    ("milesight-em310-tilt", 85, "01 75 57 03 D4 77 FD 64 00 4E 46", "unknown_tag"),
    ("milesight-em310-tilt", 85, "01 75 57 03 CF BB FE D2 04 E2 1D", "too_short"),
    ("milesight-em400-nbiot", 0, "01 75 4D", "bad_frame"),
    ("milesight-em400-nbiot", 0, "02 00 01 00 61", "too_short"),
    ("milesight-em400-nbiot", 0, NBIOT_HEAD + "01 75 4D", "bad_length"),
    ("milesight-em400-nbiot", 0, NBIOT_HEAD.replace("38", "FF", 1) + "00" * 21, "bad_value"),
    ("dingtek-df702", 4, "80 00 01 02 11 04 D2 00 16 00 23 10 11 00 07 00 81", "unknown_port"),
    ("dingtek-df702", 3, "80 00 01 02 11 04 D2 00 16 00 23 10 11 00 07 00 82", "bad_frame"),
    ("dingtek-df702", 3, "80 00 01 02 12 04 D2 00 16 00 23 10 11 00 07 00 81", "bad_length"),
    ("dingtek-df702", 3, "80 00 01 09 11 04 D2 00 16 00 23 10 11 00 07 00 81", "unknown_type"),
    ("dingtek-df702", 3, "80 00 01 02 11 04 D2 02 16 00 23 10 11 00 07 00 81", "bad_value"),
    ("dingtek-df702", 3, "80 00 01 02 11 04 D2 01 16 00 23 10 11 00 07 00 81", "bad_length"),
    ("dingtek-df555", 3, "80 81", "too_short"),
    ("netvox-r311a", 5, "01 02 01 21 00 00 00 00 00 00 00", "unknown_port"),
    ("netvox-r311a", 0, "01 02 01 21 00 00 00 00 00 00 00", "unknown_port"),
    ("netvox-r311a", 6, "01 1A 01 21 00 00 00 00 00 00 00", "other_kind"),
    ("netvox-r311a", 6, "02 02 01 21 00 00 00 00 00 00 00", "unknown_type"),
    ("netvox-r311a", 6, "01 02 07 21 00 00 00 00 00 00 00", "unknown_type"),
    ("netvox-r311a", 6, "01 02 01 21 02 00 00 00 00 00 00", "bad_value"),
    ("netvox-r311a", 6, "01 02 01 21 00 00 00 00 00 00", "too_short"),
    ("netvox-r311a", 6, "01 02 01 21 00 00 00 00 00 00 00 00", "too_long"),
    ("netvox-r718da", 7, "84 1A 00 00 00 00 00 00 00 00 00", "unknown_type"),
    ("wilsen-sonic-level", 2, "04 0B 02 07 F8", "unknown_port"),
    ("wilsen-sonic-level", 1, "01 0B", "bad_length"),
    ("wilsen-sonic-level", 1, "05 0B 02 07 F8 00", "bad_length"),
    ("wilsen-sonic-level", 1, "04 0B 02 07", "too_short"),
    ("decentlab-ctd10", 1, "01 03 E8 00 03 80 FA 7F F1 01 36 00 01 0B EA", "unknown_type"),
    ("decentlab-ctd10", 1, "02 03 E8 00 07 80 FA 7F F1 01 36 00 01 0B EA", "unknown_type"),
    ("decentlab-ctd10", 1, "02 03 E8 00 03 80 FA 7F F1 01 36 00 01 0B", "too_short"),
    ("decentlab-ctd10", 1, "02 03 E8 00 03 80 FA 7F F1 01 36 00 01 0B EA 00 00", "too_long"),
    ("decentlab-ctd10", 1, "02 03", "too_short"),
    ("elsys", 5, "01 FF DD 3F 00", "unknown_tag"),
    ("dragino-wl03a", 9, "05 00 00 0C 00 00 22 65 53 F1 00", "unknown_port"),
    ("dragino-wl03a", 2, "05 00 00 0C 00 00 22 65 53 F1", "too_short"),
    ("dragino-wl03a", 3, "05 00 00 0C 00 00 22 65 53 F1", "bad_length"),
    ("dragino-wl03a", 4, "05 00", "too_short"),
    ("dragino-wl03a", 5, "1B 01 03 01 FF 0E 10", "other_kind"),
    ("dragino-wl03a", 5, "1D 01 03 99 FF 0E 10", "bad_value"),
    ("dragino-lds02", 10, "8B 45 07 00 00 0A 00 00 05 00", "unknown_type"),
    ("bwsensing-bwm826", 0, "77 11 00 00 84 10 04 56 70 00 01 23 40 00 00 00 00 D4", "bad_check"),
    ("bwsensing-bwm826", 0, "77 12 00 00 84 10 04 56 70 00 01 23 40 00 00 00 00 D4", "bad_length"),
    ("bwsensing-bwm826", 0, "77 05 00 00 99 9E", "unknown_type"),
    ("bwsensing-bwm826", 0, "77 11 00 00 84 1A 04 56 70 00 01 23 40 00 00 00 00 DD", "bad_value"),
    ("bwsensing-bwm826", 3, "77 11 00 00 84 10 04 56 70 00 01 23 40 00 00 00 00 D3", "unknown_port"),
    ("qdy30a", 0, "0099 0001 04D2", "bad_value"),
    ("qdy30a", 0, "0011 0063 04D2", "bad_value"),
    ("wt53r-laser", 0, "03", "too_short"),
    ("wt53r-laser", 0, "03 AE 00", "too_long"),
]


@pytest.mark.parametrize(("profile", "port", "frame", "reason"), REJECTED)
def test_what_a_device_does_not_send_is_rejected_with_a_reason(profile, port, frame, reason):
    outcome = decode(PROFILES[profile], bytes.fromhex(frame), port=port)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == reason
    assert outcome.reason in REASONS
    assert outcome.detail


def test_what_was_read_before_the_fault_is_kept_apart():
    outcome = decode(PROFILES["milesight-em310-tilt"], bytes.fromhex("01 75 57 99 99 00"), port=85)
    assert isinstance(outcome, Rejected)
    assert by_name(outcome) == {"battery": 87}
    assert "99 99" in outcome.detail


@pytest.mark.parametrize(
    ("profile", "frame", "fault"),
    [
        ("milesight-em500-swl", "03 77 FF FF", "water_level: collection failed"),
        ("milesight-em500-swl", "03 77 FD FF", "water_level: out of range"),
        ("milesight-em410-rdl", "B4 82 00 00 02", "blind_zone: no target"),
        ("milesight-em500-udl", "20 CE 01 00 00 00 84 03", "history: a record without a usable time (1)"),
        ("dragino-ldds75", "0B 45 00 00 00 00 00 00", "distance: no sensor"),
        ("wilsen-sonic-level", "06 02 01 7F C0 00 00", "temperature: not a number"),
    ],
)
def test_what_a_device_could_not_measure_is_a_fault_and_no_value(profile, frame, fault):
    outcome = decode(PROFILES[profile], bytes.fromhex(frame), port=1 if profile.startswith("wilsen") else 2)
    assert isinstance(outcome, Decoded), outcome
    assert outcome.faults == (fault,)
    assert not {"water_level", "distance", "temperature", "blind_zone"} & set(by_name(outcome))


def test_an_event_of_a_device_without_a_clock_is_of_now():
    outcome = decode(PROFILES["dragino-wl03a"], bytes.fromhex("01 00 00 01 00 00 00 00 00 00 10"), port=2)
    assert by_name(outcome)["leak"] == 1


def test_an_impossible_value_is_marked_and_the_others_are_not():
    frame = bytes.fromhex("01 75 FF  03 CF BB FE D2 04 E2 1D 02")  # 255 % of battery
    outcome = decode(PROFILES["milesight-em310-tilt"], frame, port=85)
    assert [each.name for each in outcome.points if each.suspect] == ["battery"]
    assert [each.name for each in outcome.points if each.urgent] == ["tilt_alarm_y"]


def test_how_a_device_is_mounted_stands_in_its_settings():
    contact_off = bytes.fromhex("01 02 01 21 00 00 00 00 00 00 00")
    for open_when, is_open in ((0, 1.0), (1, 0.0)):
        profile = with_settings(PROFILES["netvox-r311a"], {"open_when": open_when})
        assert by_name(decode(profile, contact_off, port=6))["open"] == is_open
    pressure = bytes.fromhex("02 03E8 0003  6000 52C0  0BEA")
    salty = with_settings(PROFILES["decentlab-pr26"], {"p_max_bar": 2.0, "density": 1.03})
    # 0.25 * 2 bar = 500 hPa; 0.5 * 10197.2 / 1.03 = 4950.1 mm
    assert by_name(decode(salty, pressure, port=1)) == pytest.approx(
        {"pressure": 500, "water_level": 4950.1, "temperature": 15, "battery_voltage": 3.05}
    )
    rod = with_settings(PROFILES["decentlab-lpw"], {"stroke_mm": 200})
    assert by_name(decode(rod, bytes.fromhex("02 03E8 0003 0000 00A0 0BEA"), port=1))["displacement"] == 50
