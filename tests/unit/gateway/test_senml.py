"""What the city reads out of a pack, and what one bad record may not do to the others."""

from __future__ import annotations

import json

import cbor2
import pytest

from gateway.senml import (
    UNDATED_S,
    BadPack,
    Reading,
    Undecoded,
    compose_pack,
    dated,
    decode,
    encode_readings,
    is_undated,
    join_records,
    read_back,
)

T0 = 1_763_772_000_123


def reading(point: str = "tilt_z", value: float = 1.23, *, serial: str = "CV-000001", at: int = T0) -> Reading:
    return Reading(serial=serial, point=point, unit="deg", measured_ms=at, value=value)


def pack(*records: object) -> bytes:
    header = [{"bn": "c1/", "n": "pack_epoch", "vs": "e1"}, {"n": "pack_seq", "v": 2}, {"n": "pack_after", "v": 1}]
    return json.dumps([*header, *records]).encode()


FIRST = {"bn": "CV-1/", "bt": 1763772000.5, "n": "tilt_x", "u": "deg", "v": 1.5}
SECOND = {"n": "tilt_y", "u": "deg", "v": -2.5}
SECOND_READ = ("CV-1", "tilt_y", 1763772000500, 1763772000500, -2.5, 0)


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_readings_come_out_as_they_went_in(wire):
    readings = [reading("tilt_x", -0.01), reading("battery", 87.0), reading("tilt_x", 0.0, serial="CV-2", at=T0 + 1)]
    records = join_records([encode_readings(readings[:2], wire), encode_readings(readings[2:], wire)], wire)
    body = compose_pack(records, count=3, cabinet="c1", epoch="e1", seq=7, after=5, wire=wire)

    decoded = decode(body)

    assert (decoded.epoch, decoded.seq, decoded.after, decoded.bad) == ("e1", 7, 5, [])
    assert decoded.readings == [(r.serial, r.point, r.measured_ms, r.measured_ms, r.value, 0) for r in readings]


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_quality_and_receipt_travel_when_they_say_something(wire):
    given = Reading(
        serial="CV-1", point="tilt_z", unit="deg", measured_ms=T0, value=1.0, quality=1, received_ms=T0 + 90
    )
    body = compose_pack(encode_readings([given], wire), count=1, cabinet="c1", epoch="e1", seq=1, after=0, wire=wire)
    assert decode(body).readings == [("CV-1", "tilt_z", T0, T0 + 90, 1.0, 1)]


@pytest.mark.parametrize("count", [0, 1, 20, 21, 252, 253, 300, 70_000])
def test_a_cbor_pack_of_any_size_is_one_array(count):
    records = encode_readings([reading(at=T0 + number) for number in range(count)], "cbor")
    body = compose_pack(records, count=count, cabinet="c1", epoch="e1", seq=1, after=0, wire="cbor")
    assert len(decode(body).readings) == count


def test_base_values_times_and_names_are_resolved_as_rfc_8428_says():
    decoded = decode(
        pack(
            {"bn": "CV-1/", "bt": 1763772000.0, "bu": "deg", "bv": 20.0, "n": "tilt_x", "v": 1.5},
            {"n": "tilt_y", "v": -0.5, "t": -2.25},
            {"bn": "CV-1/tilt_z", "bv": 0, "v": 3.0, "t": 0.001},
            {"bn": "", "n": "CV-2/battery", "v": 50, "bt": 1763772001},
        )
    )
    assert decoded.bad == []
    assert decoded.readings == [
        ("CV-1", "tilt_x", 1763772000000, 1763772000000, 21.5, 0),
        ("CV-1", "tilt_y", 1763771997750, 1763771997750, 19.5, 0),
        ("CV-1", "tilt_z", 1763772000001, 1763772000001, 3.0, 0),
        ("CV-2", "battery", 1763772001000, 1763772001000, 50.0, 0),
    ]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"n": "tilt_z", "u": "deg"}, "undecodable"),
        ({"u": "deg", "v": 1.0}, "undecodable"),
        ({"bn": "", "n": "tilt_z", "v": 1.0}, "undecodable"),
        ({"n": "tilt_z", "v": "1.5"}, "not_a_number"),
        ({"n": "tilt_z", "v": True}, "not_a_number"),
        ({"n": "tilt_z", "v": None}, "undecodable"),
        ({"n": "tilt_z", "v": float("nan")}, "not_a_number"),
        ({"n": "tilt_z", "v": float("inf")}, "not_a_number"),
        ({"n": "tilt_z", "v": 10**400}, "not_a_number"),
        ({"n": "tilt_z", "v": 1e308, "bv": 1e308}, "not_a_number"),
        ({"n": "tilt_z", "vs": "open"}, "undecodable"),
        ({"n": "tilt_z", "v": 1.0, "t": 1e300}, "undecodable"),
        ({"n": "tilt_z", "v": 1.0, "t": "now"}, "undecodable"),
        ({"n": "tilt\0z", "v": 1.0}, "undecodable"),
        ({"n": "tilt\ud800z", "v": 1.0}, "undecodable"),
        ({"n": "tilt_z", "v": 1.0, "lock_": 1}, "undecodable"),
        ({"n": 5, "v": 1.0}, "undecodable"),
        ("tilt_z", "undecodable"),
    ],
)
def test_one_bad_record_leaves_the_others_alone(broken, reason):
    after = {"bn": "CV-1/", "bv": 0, **SECOND}
    decoded = decode(pack(FIRST, broken, after))
    assert [reading[1] for reading in decoded.readings] == ["tilt_x", "tilt_y"]
    assert decoded.readings[1] == SECOND_READ
    ((text, why),) = decoded.bad
    assert why.startswith(reason)
    assert text


def test_records_after_a_bad_one_keep_the_base_it_carried():
    decoded = decode(pack({**FIRST, "v": "broken"}, SECOND))
    assert decoded.readings == [SECOND_READ]
    assert len(decoded.bad) == 1


def test_a_pack_whose_base_name_is_unusable_is_refused_whole():
    with pytest.raises(BadPack, match="base field"):
        decode(pack({**FIRST, "bn": 5}, SECOND))


def test_an_unknown_quality_is_suspect():
    assert decode(pack({**FIRST, "q": 9})).readings[0][5] == 1


def test_a_reading_from_1970_is_passed_on_with_its_time():
    assert decode(pack({**FIRST, "bt": 0})).readings[0][2] == 0


def whole() -> bytes:
    return pack(FIRST, SECOND)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b'{"n":1}', "neither"),
        (b"hello", "neither"),
        (b"[1,2", "cut off"),
        (whole()[:-1], "cut off"),
        (whole()[:60], "cut off"),
        (b"[" * 100_000, "cut off"),
        (b"[]", "pack_epoch"),
        (b"[3]", "pack_epoch"),
        (json.dumps([FIRST]).encode(), "pack_epoch"),
        (cbor2.dumps([{-2: "c1/", 0: "pack_epoch", 3: "e"}])[:-1], "cut off"),
        (cbor2.dumps(7), "neither"),
        (whole().replace(b'"v": 2', b'"v": 2.5'), "whole numbers"),
        (whole().replace(b'"v": 2', b'"v": 1'), "after < seq"),
        (whole().replace(b'"e1"', b'""'), "pack_epoch"),
        (whole().replace(b'{"n": "pack_seq", "v": 2}, ', b""), "pack_seq"),
        (whole().replace(b'{"bn": "c1/"', b'{"bver": 11, "bn": "c1/"'), "version 11"),
    ],
)
def test_a_pack_that_cannot_be_read_says_why(body, reason):
    with pytest.raises(BadPack, match=reason):
        decode(body)


LETTER = Undecoded(device="a84041/1 é", port=85, payload="03670a", reason='unknown_port: 85 is "new"', received_ms=T0)


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_what_a_cabinet_could_not_decode_becomes_a_dead_letter_with_its_reason(wire):
    records = encode_readings([reading(), LETTER, reading("tilt_x")], wire)
    decoded = decode(compose_pack(records, count=3, cabinet="c1", epoch="e1", seq=1, after=0, wire=wire))

    assert [found[1] for found in decoded.readings] == ["tilt_z", "tilt_x"]
    ((body, reason),) = decoded.bad
    assert reason == 'undecodable: unknown_port: 85 is "new"'
    assert json.loads(body) == {
        "device": "a84041/1 é",
        "port": 85,
        "payload": "03670a",
        "reason": 'unknown_port: 85 is "new"',
        "received_ms": T0,
        "stands_for": 1,
    }


def test_a_letter_whose_inside_is_damaged_is_kept_as_it_is():
    (found,) = decode(pack(FIRST, {"n": "undecoded", "vs": "{no json"})).bad
    assert found == ("{no json", "undecodable: the cabinet could not read this, and its reason is damaged")


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_what_was_written_can_be_read_back(wire):
    items = [reading(), reading("battery", 87.0), LETTER, Reading(
        serial="CV-2", point="tilt_x", unit="deg", measured_ms=T0, value=-1.5, quality=1, received_ms=T0 + 5
    )]  # fmt: skip
    assert read_back(encode_readings(items, wire), wire, count=4) == items


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_damaged_records_cannot_be_read_back(wire):
    with pytest.raises(BadPack, match="damaged"):
        read_back(encode_readings([reading()], wire)[:-3], wire, count=1)


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_a_time_that_is_none_yet_survives_to_the_millisecond_and_can_be_dated(wire):
    since_start_ms = 123_456_789
    undated_ms = int(UNDATED_S) * 1000 + since_start_ms
    items = [reading(at=undated_ms), Undecoded(device="d", port=1, payload="", reason="r", received_ms=undated_ms)]

    back = read_back(encode_readings(items, wire), wire, count=2)

    assert all(is_undated(item) for item in back)
    start_ms = T0 - since_start_ms
    first, second = (dated(item, add_ms=start_ms - int(UNDATED_S) * 1000) for item in back)
    assert (first.measured_ms, first.quality, second.received_ms) == (T0, 0, T0)
    assert dated(back[0], add_ms=0, suspect=True).quality == 1


def test_a_time_before_1970_that_a_device_claims_is_a_time_all_the_same():
    assert not is_undated(reading(at=-1))
    assert not is_undated(reading(at=0))


def test_a_time_that_is_none_yet_is_refused_by_the_city():
    records = encode_readings([reading(at=int(UNDATED_S) * 1000)], "json")
    decoded = decode(compose_pack(records, count=1, cabinet="c", epoch="e", seq=1, after=0, wire="json"))
    assert decoded.readings == []
    assert "a time no calendar has" in decoded.bad[0][1]
