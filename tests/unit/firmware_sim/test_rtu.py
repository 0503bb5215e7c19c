from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import rtu

# From "MODBUS over Serial Line V1.02" and common practice: read 10 holding registers of unit 1, from 0.
READ_TEN = bytes.fromhex("01 03 00 00 00 0A C5 CD")
READ_ALL = rtu.sealed(bytes.fromhex("05 04 00 00 00 10"))
WRITE_ONE = rtu.sealed(bytes.fromhex("01 06 01 00 00 01"))
WRITE_MANY = rtu.sealed(bytes.fromhex("01 10 00 00 00 02 04 01 04 00 00"))


def frames(stream: bytes) -> list[bytes]:
    return [request.raw for request in rtu.cut(stream)[0]]


def test_the_checksum_is_the_one_of_the_standard():
    assert rtu.crc(b"123456789") == 0x4B37
    assert frames(READ_TEN) == [READ_TEN]


def test_a_request_is_read_into_its_parts():
    (request,), rest = rtu.cut(READ_ALL)
    assert (request.address, request.function, request.body) == (5, 4, bytes.fromhex("00 00 00 10"))
    assert rest == b""


def test_an_incomplete_request_is_kept_until_the_rest_arrives():
    for length in range(len(READ_TEN)):
        requests, rest = rtu.cut(READ_TEN[:length])
        assert requests == []
        assert rest == READ_TEN[:length]
        assert frames(rest + READ_TEN[length:]) == [READ_TEN]


def test_several_requests_in_one_read_come_out_in_order():
    assert frames(READ_TEN + WRITE_MANY + READ_ALL) == [READ_TEN, WRITE_MANY, READ_ALL]


@given(st.binary(max_size=40))
def test_a_request_is_found_behind_any_garbage(garbage):
    found = frames(garbage + READ_ALL)
    assert found[-1:] == [READ_ALL] or any(READ_ALL in raw for raw in found)


@given(st.binary(max_size=600))
def test_garbage_never_breaks_the_cutter_nor_piles_up(garbage):
    _, rest = rtu.cut(garbage)
    assert len(rest) <= rtu.LONGEST_FRAME


@given(st.integers(0, len(READ_ALL) * 8 - 1))
def test_a_request_with_a_turned_bit_is_not_a_request(bit):
    spoilt = bytearray(READ_ALL)
    spoilt[bit // 8] ^= 1 << bit % 8
    assert frames(bytes(spoilt)) == []


def test_a_function_that_nobody_knows_is_a_frame_when_its_checksum_is_right():
    strange = rtu.sealed(bytes((3, 0x41, 9, 9, 9)))
    assert frames(strange) == [strange]


@pytest.mark.parametrize(
    ("payload", "span"),
    [
        ("01 04 00 00 00 10", (0, 16)),
        ("01 03 00 06 00 01", (6, 1)),
        ("01 04 00 00 00 11", rtu.ILLEGAL_ADDRESS),
        ("01 04 01 00 00 01", rtu.ILLEGAL_ADDRESS),
        ("01 04 00 00 00 00", rtu.ILLEGAL_VALUE),
        ("01 04 00 00 00 7E", rtu.ILLEGAL_VALUE),
        ("01 06 01 00 00 01", rtu.ILLEGAL_FUNCTION),
        ("01 01 00 00 00 01", rtu.ILLEGAL_FUNCTION),
    ],
)
def test_a_request_gets_registers_or_the_exception_of_the_standard(payload, span):
    (request,), _ = rtu.cut(rtu.sealed(bytes.fromhex(payload)))
    assert rtu.requested_span(request, 16) == span


def test_answers_are_put_together_as_the_standard_says():
    (request,), _ = rtu.cut(READ_ALL)
    assert rtu.read_answer(request, (1, 0xABCD)) == rtu.sealed(bytes.fromhex("05 04 04 00 01 AB CD"))
    assert rtu.exception_answer(request, 2) == rtu.sealed(bytes.fromhex("05 84 02"))
