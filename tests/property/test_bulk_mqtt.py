"""Packets of MQTT come whole out of any pieces, and what is no MQTT is said to be none."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.broker import BrokerDown
from gateway.bulk_mqtt import Packets

messages = st.lists(
    st.tuples(st.text("abc/井", min_size=1, max_size=20), st.binary(max_size=300), st.integers(0, 1)), max_size=8
)


def as_packet(first: int, body: bytes) -> bytes:
    length, size = bytearray(), len(body)
    while size > 127:
        length.append(size % 128 + 128)
        size //= 128
    return bytes((first,)) + bytes(length) + bytes((size,)) + body


def published(number: int, topic: str, payload: bytes, qos: int) -> bytes:
    name = topic.encode()
    packet_id = struct.pack("!H", number) if qos else b""
    return as_packet(0x30 | qos << 1, struct.pack("!H", len(name)) + name + packet_id + payload)


@given(sent=messages, pieces=st.lists(st.integers(1, 40), min_size=1))
def test_messages_come_whole_and_in_order_out_of_any_pieces(sent: list[tuple[str, bytes, int]], pieces: list[int]):
    ping = b"\xd0\x00"
    stream = ping + b"".join(published(number, *each) for number, each in enumerate(sent, 1)) + ping
    packets, got, confirmed, taken, at = Packets(), [], b"", 0, 0
    while at < len(stream):
        size = pieces[at % len(pieces)]
        taken += packets.take(stream[at : at + size], got)
        confirmed += packets.confirmations()
        at += size
    assert got == [(topic, payload) for topic, payload, _ in sent]
    assert taken == sum(len(payload) for _, payload, _ in sent)
    expected = [b"\x40\x02" + struct.pack("!H", number) for number, each in enumerate(sent, 1) if each[2]]
    assert confirmed == b"".join(expected)


@given(noise=st.binary(max_size=400))
def test_any_bytes_are_either_cut_or_said_to_be_no_mqtt(noise: bytes):
    with suppress(BrokerDown):
        Packets().take(noise, [])


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"\x30\x80\x80\x80\x80\x01", "does not speak MQTT"),
        (b"\x30\xff\xff\xff\x7f", "a packet of 268435455 bytes"),
        (b"\x30\x04\x00\x09ab", "does not speak MQTT"),
        (b"\x32\x05\x00\x02ab\x01", "does not speak MQTT"),
    ],
    ids=["endless length", "larger than can be meant", "topic beyond the packet", "half a packet id"],
)
def test_what_can_not_be_a_packet_is_refused(stream: bytes, said: str):
    with pytest.raises(BrokerDown, match=said):
        Packets().take(stream, [])
