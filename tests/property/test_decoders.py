"""Whatever bytes arrive on whatever port, a decoder decodes or says why not; however a line's bytes are cut, the frames
are the same."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.payloads import dingtek, dragino, milesight, netvox, rs485, wilsen
from firmware_sim.rtu import sealed
from gateway.decoders import REASONS, Decoded, Rejected, decode
from gateway.decoders.profile import DeviceProfile, JsonTable, JsonTime, PointProfile
from gateway.decoders.streams import FORMATS, LONGEST_FRAME, FrameStream
from gateway.device_profiles import load_profiles

PROFILES = load_profiles()
DOCUMENT = DeviceProfile(
    version=1,
    title="A document",
    kind="json",
    json=JsonTable(records="items", time=JsonTime(path="at", format="iso")),
    point=(
        PointProfile(name="distance", unit="mm", sane=(0, 5000), path="d[0].m", from_unit="m", missing=-1),
        PointProfile(name="open", unit="1", sane=(0, 1), path="open", values={"true": 1, "shut": 0}, omitted="zero"),
    ),
)
EVERY = (*PROFILES.values(), DOCUMENT, msgspec.structs.replace(DOCUMENT, json=None))

# frames that are nearly right reach deeper into a decoder than noise does
FRAMES = (
    milesight.em310_tilt((-3.25, 12.34, 76.5), (False, True, False), 87),
    milesight.em410_rdl(27.1, 800, 100, tilted=True, battery_pct=80)
    + milesight.em410_rdl_history(1_700_000_000, 900, -0.5, 20, 0),
    milesight.nbiot(milesight.em400(-5.3, 1500, tilted=False, battery_pct=77), imei="868000000000011", csq=20),
    dingtek.df702(1234, 22, -35, 7, place=(121.4737, 31.2304)),
    netvox.acceleration(3.5, (0.5, -0.25, 9.75)),
    wilsen.report(2040, 41, -4.5, 3.3) + wilsen.foreign_block(),
    bytes.fromhex("0203E80003 80FA7FF101360001 0BEA"),
    dragino.event(True, 12, 34, 1_700_000_000),
    rs485.bwm826(-4.567, 1.234),
    rs485.witmotion(-2.5, 1.25, 26),
    b'{"items": [{"at": "2026-01-05T08:00:00.123456789+08:00", "d": [{"m": 1.25}], "open": true}]}',
)


@st.composite
def nearly_right(draw: st.DrawFn) -> bytes:
    """A frame with a few bytes changed, cut off or put in."""
    frame = bytearray(draw(st.sampled_from(FRAMES)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(frame) - 1)))
        what = draw(st.sampled_from(("change", "cut", "insert")))
        if what == "cut":
            del frame[at:]
        elif what == "insert":
            frame[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif frame:
            frame[at] = draw(st.integers(0, 255))
    return bytes(frame)


def check(outcome: Decoded | Rejected, profile: DeviceProfile) -> None:
    known = {point.name: point for point in profile.point}
    assert len({(each.name, each.at_s) for each in outcome.points}) == len(outcome.points)
    for each in outcome.points:
        assert each.point is known[each.name]
        assert math.isfinite(each.value)
        assert each.suspect == (not each.point.sane[0] <= each.value <= each.point.sane[1])
        assert each.at_s is None or each.at_s > 1_500_000_000
    if isinstance(outcome, Rejected):
        assert outcome.reason in REASONS
        assert outcome.detail
    else:
        assert outcome.points or outcome.facts or outcome.faults


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=160) | nearly_right(), st.integers(0, 255) | st.sampled_from((1, 2, 3, 5, 6, 7, 85)))
def test_any_bytes_on_any_port_are_decoded_or_rejected_with_a_reason(payload, port):
    for profile in EVERY:
        # on the given port, and on one that lets it pass
        for tried in {port, profile.ports[0] if profile.ports else port}:
            outcome = decode(profile, payload, port=tried)
            check(outcome, profile)
            assert outcome == decode(profile, payload, port=tried)
            if profile.ports and tried not in profile.ports:
                assert isinstance(outcome, Rejected)
                assert outcome.reason == "unknown_port"


JSON_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(("shut", "12.5", "2026-01-05T08:00:00Z", 10**400, -1, 1e308))
)  # fmt: skip
JSON_KEYS = st.sampled_from(("items", "at", "d", "m", "open", "x"))


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        JSON_LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JSON_KEYS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_document_is_decoded_or_rejected_with_a_reason(document):
    for body in (document, {"items": [document]}, {"items": [{"at": document, "d": [{"m": document}], "open": True}]}):
        for profile in EVERY[-2:]:
            check(decode(profile, msgspec.json.encode(body) if not _is_huge(body) else b"1" * 500), profile)


def _is_huge(body: object) -> bool:
    return "0" * 350 in repr(body)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"items":' * 5_000, b"9" * 10_000, b"1e999999", b"\xff\xfe", b""])
def test_a_document_made_to_hurt_is_rejected(body):
    for profile in EVERY[-2:]:
        assert isinstance(decode(profile, body), Rejected)


# --- streams --------------------------------------------------------------------------------------------------------

GOOD = {
    "bwsensing": [rs485.bwm826(-4.567, 1.234), rs485.bwm826(0.1, -88.0, address=7), rs485.bwm826_zeroed()],
    "dingtek": [
        dingtek.df702(1234, 22, 35, 7),
        dingtek.df555(850, 18, 9, place=(121.4737, 31.2304)),
        dingtek.df556(1000, 3.6, 1),
    ],
    "milesight-nbiot": [
        milesight.nbiot(milesight.em400(20, 1500, tilted=False, battery_pct=77), imei="868000000000011", csq=20),
        milesight.nbiot(milesight.battery(5), imei="868000000000022", csq=99),
    ],
    "modbus-answers": [
        sealed(bytes.fromhex("51 03 06 FE 39 00 E4 40 00")),
        sealed(bytes.fromhex("01 03 02 03 AE")),
        sealed(bytes.fromhex("01 84 02")),
    ],
}


def fed(name: str, pieces: list[bytes]) -> tuple[list[bytes], dict[str, int], int, int]:
    stream = FrameStream(FORMATS[name])
    frames = [frame for piece in pieces for frame in stream.feed(piece)]
    return frames, dict(stream.damaged), stream.noise_bytes, stream.waiting()


@st.composite
def a_line(draw: st.DrawFn, name: str) -> bytes:
    """What may come over a line: frames, damaged frames and noise."""
    good = st.sampled_from(GOOD[name])
    damaged = st.builds(
        lambda frame, at, bit: (
            frame[: at % len(frame)] + bytes((frame[at % len(frame)] ^ 1 << bit,)) + frame[at % len(frame) + 1 :]
        ),
        *(good, st.integers(0, 200), st.integers(0, 7)),
    )
    return b"".join(draw(st.lists(good | damaged | st.binary(max_size=6), max_size=8)))


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_split_of_a_stream_gives_the_same_frames_and_counts(name, data):
    line = data.draw(a_line(name))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=12)))
    pieces = [line[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    whole = fed(name, [line])
    assert fed(name, pieces) == whole
    assert fed(name, [bytes((byte,)) for byte in line]) == whole


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_byte_of_a_line_is_a_frame_s_or_accounted_for(name, data):
    line = data.draw(a_line(name))
    stream = FrameStream(FORMATS[name])
    frames = [*stream.feed(line), *stream.idle()]
    assert stream.waiting() == 0
    assert b"".join(frames) == line or stream.noise_bytes or stream.damaged
    assert sum(map(len, frames)) <= len(line)


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=6))
def test_good_frames_end_to_end_come_out_as_they_went_in(name, places):
    frames = [GOOD[name][place % len(GOOD[name])] for place in places]
    assert fed(name, [b"".join(frames)]) == (frames, {}, 0, 0)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_damaged_frame_costs_itself_only_and_is_counted_once(name):
    good = GOOD[name][0]
    spoilt = bytearray(good)
    spoilt[-1] ^= 0x10
    if name == "milesight-nbiot":  # it has no check of its own: only its head can be seen to be damaged
        spoilt[-1] ^= 0x10
        spoilt[40] = 0xFF
    stream = FrameStream(FORMATS[name])
    frames = [*stream.feed(bytes(spoilt)), *stream.feed(good), *stream.feed(good), *stream.idle()]
    assert frames == [good, good]
    assert sum(stream.damaged.values()) == (0 if name == "milesight-nbiot" else 1)


def test_a_frame_cut_off_in_the_middle_is_given_up_when_the_line_falls_silent():
    good = GOOD["bwsensing"][0]
    stream = FrameStream(FORMATS["bwsensing"])
    assert stream.feed(b"\x77\xff" + good) == []  # a begin that says 255 bytes: it may yet come
    assert stream.waiting() == 2 + len(good)
    assert stream.idle() == [good]
    assert dict(stream.damaged) == {"truncated": 1}
    assert stream.feed(good) == [good]


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=8, deadline=None)
@given(st.binary(min_size=0, max_size=40))
def test_noise_without_end_takes_no_memory(name, noise):
    stream = FrameStream(FORMATS[name])
    for _ in range(50):
        stream.feed(noise * 10)
        assert stream.waiting() <= LONGEST_FRAME
