"""Frames on the serial line, byte for byte."""

from __future__ import annotations

import pytest

from gateway.rtu import Answer, AnswerStream, Block, request

BLOCK = Block(function=4, start=0, count=1)
# Address 1, function 4, two bytes, 0x002A, CRC.
ANSWER = bytes.fromhex("0104 02 002a 38ef")
REFUSAL = bytes.fromhex("0184 02 c2c1")


def stream(*pieces: bytes) -> AnswerStream:
    answers = AnswerStream({1: BLOCK})
    for piece in pieces:
        answers.feed(piece)
    return answers


def test_a_request_is_these_bytes():
    assert request(1, Block(function=4, start=0, count=16)) == bytes.fromhex("0104 0000 0010 f1c6")
    assert request(17, Block(function=3, start=0x6B, count=3)) == bytes.fromhex("1103 006b 0003 7687")


def test_an_answer_in_pieces_is_found_when_its_last_byte_is_there():
    answers = stream()
    for byte in ANSWER[:-1]:
        answers.feed(bytes((byte,)))
        assert answers.next_answer() is None
    answers.feed(ANSWER[-1:])
    assert answers.next_answer() == Answer(address=1, registers=b"\x00\x2a")
    assert len(answers) == 0


def test_a_refusal_carries_its_code():
    assert stream(REFUSAL).next_answer() == Answer(address=1, refusal=2)


@pytest.mark.parametrize("before", [b"", b"\x01", b"\x01\x04\x02", request(1, BLOCK), b"\xff" * 2000, ANSWER[:-1]])
def test_what_comes_before_an_answer_does_not_hide_it(before):
    assert stream(before, ANSWER).next_answer() == Answer(address=1, registers=b"\x00\x2a")


def test_two_answers_come_out_in_their_order():
    answers = stream(REFUSAL + ANSWER)
    assert answers.next_answer().refusal == 2
    assert answers.next_answer().registers == b"\x00\x2a"
    assert answers.next_answer() is None


@pytest.mark.parametrize("place", range(len(ANSWER)))
def test_an_answer_with_any_bit_flipped_is_none(place):
    for bit in range(8):
        damaged = bytearray(ANSWER)
        damaged[place] ^= 1 << bit
        assert stream(bytes(damaged)).next_answer() is None


def test_an_answer_of_a_unit_nobody_expects_is_noise():
    answers = AnswerStream({2: BLOCK})
    answers.feed(ANSWER)
    assert answers.next_answer() is None
    answers.forget()
    assert answers.noise_bytes == len(ANSWER)
