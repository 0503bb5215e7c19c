"""Packs written out byte for byte: whoever changes these bytes breaks every cabinet that is already out there."""

from __future__ import annotations

import pytest

from gateway.senml import Reading, compose_pack, decode, encode_readings

READINGS = [
    Reading(serial="CV-000001", point="tilt_z", unit="deg", measured_ms=1763772000123, value=1.23),
    Reading(serial="CV-000001", point="battery", unit="%EL", measured_ms=1763772000123, value=87.0),
    Reading(serial="LP-000002", point="tilt_x", unit="deg", measured_ms=1763772000500, value=-0.5, quality=1),
    Reading(
        serial="LP-000002", point="tilt_y", unit="deg", measured_ms=1763772000500, value=4.0, received_ms=1763772001000
    ),
]

JSON_PACK = (
    b'[{"bn":"c1/","n":"pack_epoch","vs":"9f3a"},{"n":"pack_seq","v":12},{"n":"pack_after","v":11},'
    b'{"bn":"CV-000001/","bt":1763772000.123,"n":"tilt_z","u":"deg","v":1.23},'
    b'{"n":"battery","u":"%EL","v":87},'
    b'{"bn":"LP-000002/","bt":1763772000.5,"n":"tilt_x","u":"deg","v":-0.5,"q":1},'
    b'{"n":"tilt_y","u":"deg","v":4,"rx":1763772001}]'
)

CBOR_PACK = bytes.fromhex(
    "87"  # seven records
    "a3 21 63 63312f 00 6a 7061636b5f65706f6368 03 64 39663361"  # bn "c1/", n "pack_epoch", vs "9f3a"
    "a2 00 68 7061636b5f736571 02 0c"  # n "pack_seq", v 12
    "a2 00 6a 7061636b5f6166746572 02 0b"  # n "pack_after", v 11
    "a5 21 6a 43562d3030303030312f 22 fb41da48419807df3b 00 66 74696c745f7a 01 63 646567 02 fb3ff3ae147ae147ae"
    "a3 00 67 62617474657279 01 63 25454c 02 1857"  # n "battery", u "%EL", v 87
    "a6 21 6a 4c502d3030303030322f 22 fb41da484198200000 00 66 74696c745f78 01 63 646567 02 fbbfe0000000000000 61 71 01"
    "a4 00 66 74696c745f79 01 63 646567 02 04 62 7278 1a69210661"  # … v 4, rx 1763772001
)


@pytest.mark.parametrize(("wire", "body"), [("json", JSON_PACK), ("cbor", CBOR_PACK)])
def test_the_cabinet_writes_exactly_these_bytes(wire, body):
    records = encode_readings(READINGS, wire)
    written = compose_pack(records, count=4, cabinet="c1", epoch="9f3a", seq=12, after=11, wire=wire)
    assert written == body


@pytest.mark.parametrize("body", [JSON_PACK, CBOR_PACK])
def test_the_city_reads_exactly_these_values(body):
    decoded = decode(body)
    assert (decoded.epoch, decoded.seq, decoded.after, decoded.bad) == ("9f3a", 12, 11, [])
    assert decoded.readings == [
        ("CV-000001", "tilt_z", 1763772000123, 1763772000123, 1.23, 0),
        ("CV-000001", "battery", 1763772000123, 1763772000123, 87.0, 0),
        ("LP-000002", "tilt_x", 1763772000500, 1763772000500, -0.5, 1),
        ("LP-000002", "tilt_y", 1763772000500, 1763772001000, 4.0, 0),
    ]


def test_foreign_senml_that_carries_our_header_is_read_too():
    """Spaces, other field order, `t` beside `bt`, full names, fields we do not know."""
    body = b"""[ {"vs": "9f3a", "n": "c9/pack_epoch"}, {"v": 3.0, "n": "c9/pack_seq"}, {"v": 0, "n": "c9/pack_after"},
        {"n": "CV-000001/tilt_z", "v": 1, "t": 1763772000.25, "ut": 60, "vendor": {"x": [1]}} ]"""
    decoded = decode(body)
    assert (decoded.seq, decoded.after, decoded.bad) == (3, 0, [])
    assert decoded.readings == [("CV-000001", "tilt_z", 1763772000250, 1763772000250, 1.0, 0)]
