"""Profiles are data; a wrong one is named with its file, field and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.decoders import decode
from gateway.device_profiles import BadProfile, UrgentLimit, is_expected_kind, load_profiles

BLOCK = b"".join(
    value.to_bytes(2, "big") for value in (1, 120, 1, 2, 0, 61, 65413, 7, 18000, 65526, 83, 0xFFFF, 65436, 3600, 87, 0)
)

GOOD = """
version = 1
title = "Test"
count = 2
[[point]]
name = "level"
register = 1
type = "u16"
unit = "mm"
sane = [0, 100]
"""


def test_a_cover_answer_means_these_values():
    values = {measured.point.name: measured.value for measured in decode(load_profiles()["cc-cover-1"], BLOCK).points}
    assert values == {
        "sample_count": 65538.0,
        "uptime": 61.0,
        "tilt_x": -1.23,
        "tilt_y": 0.07,
        "tilt_z": 180.0,
        "displacement": -1.0,
        "vibration": 8.3,
        "temperature": -10.0,
        "battery": 87.0,
    }


def test_values_have_the_resolution_of_their_register_and_no_more():
    profile = load_profiles()["cc-cover-1"]
    for raw in range(0x8000):
        block = BLOCK[:12] + raw.to_bytes(2, "big") + BLOCK[14:]
        assert decode(profile, block).points[2].value == raw / 100


def test_a_value_beyond_what_is_possible_is_marked():
    block = BLOCK[:16] + (0x8000).to_bytes(2, "big") + BLOCK[18:]
    tilt_z = next(
        measured for measured in decode(load_profiles()["cc-pole-1"], block).points if measured.point.name == "tilt_z"
    )
    assert (tilt_z.value, tilt_z.sane) == (-327.68, False)


def test_the_kind_register_tells_covers_from_poles():
    profiles = load_profiles()
    assert is_expected_kind(profiles["cc-cover-1"], BLOCK)
    assert not is_expected_kind(profiles["cc-pole-1"], BLOCK)


@pytest.mark.parametrize(
    ("limit", "value", "broken"),
    [
        (UrgentLimit(above=10), 10.0, False),
        (UrgentLimit(above=10), 10.01, True),
        (UrgentLimit(above=10), -10.01, True),
        (UrgentLimit(below=20), 19.0, True),
        (UrgentLimit(below=20), 20.0, False),
        (UrgentLimit(), 1e9, False),
    ],
)
def test_urgent_limits_look_at_the_size_of_a_value(limit, value, broken):
    assert limit.broken_by(value) is broken


def test_profiles_of_ones_own_stand_beside_the_shipped_ones(tmp_path: Path):
    (tmp_path / "mine-1.toml").write_text(GOOD)
    profiles = load_profiles(tmp_path)
    assert {"cc-cover-1", "cc-pole-1", "mine-1"} <= set(profiles)
    assert profiles["mine-1"].name == "mine-1"
    assert is_expected_kind(profiles["mine-1"], b"\0\0\0\0")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("version = 1", "version = 2"), "version"),
        (("count = 2", "count = 1"), r"point\[0\] level: register 1"),
        (("count = 2", "count = 126"), "1 to 125"),
        (('"u16"', '"u64"'), "u64"),
        (('"u16"', '"s32"'), "outside"),
        (("[0, 100]", "[100, 0]"), "sane"),
        (('unit = "mm"', 'unt = "mm"'), "unt"),
        (('"level"', '"a/b"'), "slash"),
        (("register = 1", "register = 1\nscale = 0"), "scale"),
        (("count = 2", "count = 2\nidentity = {register = 9, value = 1}"), "identity"),
        (("version = 1", "version = "), "mine-1.toml"),
    ],
)
def test_a_wrong_profile_says_what_is_wrong_and_where(tmp_path: Path, change, problem):
    (tmp_path / "mine-1.toml").write_text(GOOD.replace(*change))
    with pytest.raises(BadProfile, match=problem) as error:
        load_profiles(tmp_path)
    assert "mine-1.toml" in str(error.value)


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(BadProfile, match="nowhere"):
        load_profiles(tmp_path / "nowhere")
