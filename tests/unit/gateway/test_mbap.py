"""Modbus TCP frames: requests as the specification writes them, and only answers to our own requests."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mbap import OutOfStep, TcpStream
from gateway.ports import Port, read_port
from gateway.rtu import Answer, Block

BLOCKS = {1: Block(function=4, start=0, count=2), 2: Block(function=3, start=0x3D, count=1)}
ANSWER = bytes.fromhex("0001 0000 0007 01 04 04 0001 0078".replace(" ", ""))


def asked(*addresses: int) -> TcpStream:
    stream = TcpStream(BLOCKS)
    for address in addresses:
        stream.request(address)
    return stream


def test_a_request_stands_as_the_specification_writes_it():
    stream = TcpStream(BLOCKS)
    assert stream.request(1).hex(" ") == "00 01 00 00 00 06 01 04 00 00 00 02"
    assert stream.request(2).hex(" ") == "00 02 00 00 00 06 02 03 00 3d 00 01"


@given(st.lists(st.integers(0, len(ANSWER)), max_size=4))
def test_an_answer_is_the_same_however_it_is_cut(cuts):
    stream = asked(1)
    found = []
    places = [0, *sorted(cuts), len(ANSWER)]
    for begin, end in itertools.pairwise(places):
        stream.feed(ANSWER[begin:end])
        while (answer := stream.next_answer()) is not None:
            found.append(answer)
    assert found == [Answer(address=1, registers=bytes.fromhex("00010078"))]
    assert len(stream) == 0


def test_an_answer_nobody_asked_for_is_passed_over_and_so_is_a_second_one():
    stream = asked(1)
    stream.feed(bytes.fromhex("00090000000701040400010078") + ANSWER + ANSWER)
    assert stream.next_answer() == Answer(address=1, registers=bytes.fromhex("00010078"))
    assert stream.next_answer() is None


def test_a_late_answer_counts_for_the_unit_that_was_asked():
    stream = asked(1, 2)
    stream.feed(ANSWER + bytes.fromhex("0002000000050203025a00"))
    assert stream.next_answer() == Answer(address=1, registers=bytes.fromhex("00010078"))
    assert stream.next_answer() == Answer(address=2, registers=bytes.fromhex("5a00"))


def test_a_refusal_carries_its_code_and_a_block_of_another_length_is_no_answer():
    stream = asked(1, 1)
    stream.feed(bytes.fromhex("00010000000301840b" + "000200000005010402ffff"))
    assert stream.next_answer() == Answer(address=1, refusal=11)
    assert stream.next_answer() is None


@pytest.mark.parametrize("junk", [b"HTTP/1.1 400", bytes.fromhex("0001000000ff01"), bytes.fromhex("00010000000001")])
def test_what_is_no_modbus_needs_a_new_connection(junk):
    stream = asked(1)
    stream.feed(junk)
    with pytest.raises(OutOfStep):
        stream.next_answer()


@given(st.binary(max_size=80))
def test_any_bytes_give_answers_to_requests_or_a_stream_out_of_step(junk):
    stream = asked(1, 2)
    stream.feed(junk)
    try:
        while (answer := stream.next_answer()) is not None:
            assert answer.address in BLOCKS
    except OutOfStep:
        pass


def test_a_port_is_a_device_or_an_address():
    assert read_port("/dev/ttyS0") == Port(framing="rtu", path="/dev/ttyS0")
    assert read_port("tcp://10.0.0.7:502") == Port(framing="tcp", host="10.0.0.7", number=502)
    assert read_port("rtu+tcp://[fe80::1]:4001") == Port(framing="rtu", host="fe80::1", number=4001)


@pytest.mark.parametrize("text", ["tcp://host", "udp://host:502", "tcp://host:0", "tcp://host:70000", "tcp://:502"])
def test_an_address_that_is_none_is_refused_with_the_fix(text):
    with pytest.raises(ValueError, match="write tcp://HOST:502"):
        read_port(text)
