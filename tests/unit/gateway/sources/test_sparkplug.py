"""Sparkplug B: births name the aliases, gaps ask for a rebirth, and no value is ever put under a wrong name.

The payloads are written byte by byte here, so that a mistake in our table of fields can't cancel itself out.
"""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.frames import Frame, Say, Unreadable
from gateway.sources.sparkplug import Sparkplug

T_MS = 1_767_600_000_123
INT16, INT64, UINT32, FLOAT, DOUBLE, BOOLEAN, STRING = 2, 4, 7, 9, 10, 11, 12


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def counted(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def metric(
    name: str = "", alias: int | None = None, datatype: int = 0, value: bytes = b"", at_ms: int | None = None
) -> bytes:
    return (
        (counted(1, name.encode()) if name else b"")
        + (b"" if alias is None else number(2, alias))
        + (b"" if at_ms is None else number(3, at_ms))
        + (number(4, datatype) if datatype else b"")
        + counted(9, b"\x0a\x01x")  # properties, which we pass over
        + value
    )


def payload(seq: int | None, *metrics: bytes, at_ms: int = T_MS) -> bytes:
    body = number(1, at_ms) + b"".join(counted(2, one) for one in metrics)
    return body + (b"" if seq is None else number(3, seq)) + counted(5, b"body")


def double(value: float) -> bytes:
    return varint(13 << 3 | 1) + struct.pack("<d", value)


def single(value: float) -> bytes:
    return varint(12 << 3 | 5) + struct.pack("<f", value)


NBIRTH, NDATA, NDEATH = (f"spBv1.0/plant/{kind}/node1" for kind in ("NBIRTH", "NDATA", "NDEATH"))
DBIRTH, DDATA = (f"spBv1.0/plant/{kind}/node1/pump" for kind in ("DBIRTH", "DDATA"))
BD_SEQ = metric("bdSeq", datatype=INT64, value=number(11, 3))


class Clock:
    now_ms = T_MS


def source(clock: type[Clock] = Clock) -> Sparkplug:
    return Sparkplug(now_ms=lambda: clock.now_ms)


def born(nodes: Sparkplug) -> None:
    control = metric("Node Control/Rebirth", datatype=BOOLEAN, value=number(14, 0))
    assert nodes.read(NBIRTH, payload(0, BD_SEQ, control)) == []
    tilt = metric("tilt/z", alias=5, datatype=INT16, value=number(10, 0xFFF6))
    level = metric("level", alias=6, datatype=DOUBLE, value=double(1.25))
    (frame,) = nodes.read(DBIRTH, payload(1, tilt, level))
    assert isinstance(frame, Frame)
    assert (frame.device, frame.measured_ms) == ("plant/node1/pump", T_MS)
    assert json.loads(frame.document) == {"tilt/z": -10, "level": 1.25}


def test_a_birth_is_data_and_names_the_aliases_that_data_carries_alone():
    nodes = source()
    born(nodes)
    (frame,) = nodes.read(
        DDATA, payload(2, metric(alias=5, value=number(10, 0x8000)), metric(alias=6, value=double(2)))
    )
    assert isinstance(frame, Frame)
    assert json.loads(frame.document) == {"tilt/z": -32768, "level": 2.0}


def test_metrics_with_times_of_their_own_come_as_a_frame_for_each_time():
    nodes = source()
    born(nodes)
    old = metric(alias=6, value=double(1), at_ms=T_MS - 60_000)
    frames = nodes.read(DDATA, payload(2, old, metric(alias=6, value=double(2))))
    assert [(frame.measured_ms, json.loads(frame.document)) for frame in frames] == [
        (T_MS - 60_000, {"level": 1.0}),
        (T_MS, {"level": 2.0}),
    ]


@pytest.mark.parametrize(
    ("datatype", "value", "reads"),
    [(1, number(10, 0xFF), -1), (3, number(10, 0xFFFFFFFE), -2), (INT64, number(11, 2**64 - 3), -3),
     (UINT32, number(10, 2**32 - 1), 2**32 - 1), (8, number(11, 2**63), 2**63), (FLOAT, single(0.5), 0.5),
     (BOOLEAN, number(14, 1), True), (STRING, counted(15, "井".encode()), "井")],
)  # fmt: skip
def test_values_are_read_as_their_datatype_says(datatype, value, reads):
    (frame,) = source().read(NBIRTH, payload(0, metric("m", datatype=datatype, value=value)))
    assert json.loads(frame.document) == {"m": reads}


def test_a_null_and_a_dataset_are_no_values():
    null = metric("a", datatype=DOUBLE, value=number(7, 1))
    dataset = metric("b", datatype=16, value=counted(17, b"\x08\x01"))
    assert source().read(NBIRTH, payload(0, null, dataset)) == []


def rebirths(found: list[object]) -> list[str]:
    return [one.topic for one in found if isinstance(one, Say)]


def test_data_of_a_node_nobody_saw_born_is_kept_unread_and_a_rebirth_is_asked_once():
    nodes = source()
    found = nodes.read(DDATA, payload(7, metric(alias=5, value=number(10, 1)), metric("level", value=double(3))))
    frame, letter, say = found
    assert isinstance(frame, Frame)
    assert json.loads(frame.document) == {"level": 3.0}
    assert isinstance(letter, Unreadable)
    assert letter.reason.startswith("unknown_alias: ")
    assert say == Say(
        topic="spBv1.0/plant/NCMD/node1",
        body=number(1, T_MS) + counted(2, counted(1, b"Node Control/Rebirth") + number(3, T_MS)
             + number(4, BOOLEAN) + number(14, 1)),
    )  # fmt: skip
    assert rebirths(nodes.read(DDATA, payload(8, metric(alias=5, value=number(10, 1))))) == []


def test_a_gap_in_the_sequence_makes_aliases_unknown_until_the_node_is_born_again():
    class Later(Clock):
        pass

    nodes = source(Later)
    born(nodes)
    found = nodes.read(DDATA, payload(3, metric(alias=6, value=double(9))))
    assert [type(one) for one in found] == [Unreadable, Say]
    assert nodes.gaps == 1
    Later.now_ms = T_MS + 60_000
    born(nodes)
    (frame,) = nodes.read(DDATA, payload(2, metric(alias=6, value=double(9))))
    assert json.loads(frame.document) == {"level": 9.0}


def test_the_sequence_goes_round_at_256():
    nodes = source()
    born(nodes)
    for seq in (*range(2, 256), 0, 1):
        (frame,) = nodes.read(DDATA, payload(seq, metric(alias=6, value=double(seq))))
        assert isinstance(frame, Frame)
    assert nodes.gaps == 0


def test_a_death_of_an_older_birth_changes_nothing():
    nodes = source()
    born(nodes)
    old = metric("bdSeq", datatype=INT64, value=number(11, 2))
    assert nodes.read(NDEATH, payload(None, old)) == []
    (frame,) = nodes.read(DDATA, payload(2, metric(alias=6, value=double(1))))
    assert isinstance(frame, Frame)
    assert nodes.read(NDEATH, payload(None, BD_SEQ)) == []
    assert any(isinstance(one, Unreadable) for one in nodes.read(DDATA, payload(3, metric(alias=6, value=double(1)))))


def test_a_new_connection_has_every_known_node_born_again():
    nodes = source()
    born(nodes)
    assert rebirths(nodes.connected()) == ["spBv1.0/plant/NCMD/node1"]
    assert any(isinstance(one, Unreadable) for one in nodes.read(DDATA, payload(2, metric(alias=6, value=double(1)))))


@pytest.mark.parametrize(
    "topic", ["spBv1.0/STATE/host", "spBv1.0/plant/NCMD/node1", "spBv1.0/plant/DDATA/node1", "a/b"]
)
def test_topics_of_others_are_passed_over(topic):
    assert source().read(topic, b"\xff") == []


@given(st.lists(st.tuples(st.sampled_from([NBIRTH, NDATA, NDEATH, DBIRTH, DDATA]), st.binary(max_size=40)), max_size=4))
def test_any_bytes_are_read_or_kept_with_a_reason(messages):
    nodes = source()
    for topic, body in messages:
        for found in nodes.read(topic, body):
            assert isinstance(found, Frame | Unreadable | Say)
