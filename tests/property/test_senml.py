"""Any reading survives the wire, and no bytes whatever make the decoder do anything but decode or say why not."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.senml import BadPack, Reading, compose_pack, decode, encode_readings

names = st.text("ABCabc019_.-", min_size=1, max_size=12)
readings = st.builds(
    Reading,
    serial=names,
    point=names.filter(lambda name: name not in {"pack_epoch", "pack_seq", "pack_after"}),
    unit=st.sampled_from(["deg", "mm", "%EL", "1"]),
    measured_ms=st.integers(0, 4_000_000_000_000),
    value=st.floats(allow_nan=False, allow_infinity=False),
    quality=st.integers(0, 3),
    received_ms=st.none() | st.integers(0, 4_000_000_000_000),
)
wires = st.sampled_from(["json", "cbor"])


@given(st.lists(readings, max_size=30), wires, st.integers(1, 2**53), st.integers(0, 2**53))
def test_what_is_encoded_is_what_is_decoded(given_readings, wire, seq, after):
    after = min(after, seq - 1)
    body = compose_pack(
        encode_readings(given_readings, wire),
        count=len(given_readings),
        cabinet="c1",
        epoch="9f3a",
        seq=seq,
        after=after,
        wire=wire,
    )
    decoded = decode(body)
    assert (decoded.epoch, decoded.seq, decoded.after, decoded.bad) == ("9f3a", seq, after, [])
    assert decoded.readings == [
        (
            reading.serial,
            reading.point,
            reading.measured_ms,
            reading.measured_ms if reading.received_ms is None else reading.received_ms,
            reading.value,
            reading.quality,
        )
        for reading in given_readings
    ]


def a_pack(wire: str) -> bytes:
    some = [Reading(serial="CV-1", point=f"p{n}", unit="deg", measured_ms=1763772000123, value=n / 7) for n in range(5)]
    return compose_pack(encode_readings(some, wire), count=5, cabinet="c1", epoch="9f3a", seq=2, after=1, wire=wire)


@given(wires, st.data())
@settings(max_examples=300)
def test_a_damaged_pack_is_decoded_or_refused_but_never_breaks_the_decoder(wire, data):
    body = bytearray(a_pack(wire))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not body:
            break
    check(bytes(body))


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"[" + tail) | st.text().map(str.encode))
@settings(max_examples=300)
def test_arbitrary_bytes_are_refused_or_decoded(body):
    check(body)


def check(body: bytes) -> None:
    try:
        decoded = decode(body)
    except BadPack as refusal:
        reason = refusal.reason
        assert reason
        return
    assert 0 <= decoded.after < decoded.seq
    for serial, point, measured_ms, received_ms, value, quality in decoded.readings:
        assert serial.encode()
        assert point.encode()
        assert "\0" not in serial + point
        assert -(2**63) < measured_ms < 2**63
        assert -(2**63) <= received_ms < 2**63
        assert math.isfinite(value)
        assert quality in (0, 1, 2, 3)
    for text, reason in decoded.bad:
        assert text.encode()
        assert reason.startswith(("undecodable:", "not_a_number:"))
