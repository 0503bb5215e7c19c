"""A city adds its own devices by TOML alone: registers, tags, JSON paths, and profiles like others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.decoders import Decoded, Rejected, decode
from gateway.device_profiles import BadProfile, DeviceProfile, load_profiles, read_profiles, with_settings

REGISTERS = """
version = 1
title = "Meter"
function = 3
start = 10
count = 6
point = [
  { name = "pressure", unit = "hPa", sane = [-2000, 30000], register = 10, type = "f32", word_order = "little" },
  { name = "temperature", unit = "Cel", sane = [-50, 90], register = 12, type = "s16", scale = 0.1, offset = -40 },
  { name = "battery_low", unit = "1", sane = [0, 1], register = 13, mask = 0x10, shift = 4 },
  { name = "humidity", unit = "%RH", sane = [0, 100], register = 14, missing = [65534, 65535] },
  { name = "water_level", unit = "mm", sane = [-500, 20000], register = 15 },
]
"""

TAGS = """
version = 1
kind = "tlv"
title = "Cover sensor"
ports = [10]
point = [
  { name = "tilt_z", unit = "deg", sane = [-180, 180], urgent = { above = 15 } },
  { name = "open", unit = "1", sane = [0, 1] },
  { name = "battery_voltage", unit = "V", sane = [0, 30] },
  { name = "distance", unit = "mm", sane = [0, 5000] },
]

[tlv]
head = "tag"

[[tag]]
id = "A1"
length = 3
field = [
  { at = 0, type = "s24", scale = 0.001, point = "tilt_z" },
]

[[tag]]
id = "A2"
length = 2
field = [
  { at = 0, mask = 0x0F, values = { 5 = 1, 6 = 0 }, missing = 15, point = "open" },
  { at = 1, type = "u8", scale = 0.02, point = "battery_voltage" },
]

[[tag]]
id = "A3"
title = "history"
length = 6
time_at = 0
field = [{ at = 4, type = "u16", byte_order = "little", faults = { 0 = "no echo" }, point = "distance" }]

[[tag]]
id = "A4"
length = 4
field = [{ fact = "firmware", text = "ascii" }]

[[tag]]
id = "A5"
length = 3
"""

DOCUMENT = """
version = 1
kind = "json"
title = "Platform"
point = [
  { name = "water_level", unit = "mm", sane = [-500, 20000], path = 'data.levels[0]."v.m"', from_unit = "m" },
  { name = "temperature", unit = "Cel", sane = [-50, 90], path = "data.t", from_unit = "degF", missing = -999 },
  { name = "open", unit = "1", sane = [0, 1], path = "data.cover", values = { open = 1, closed = 0, true = 1 } },
  { name = "leak_count", unit = "1", sane = [0, 1000], path = "data.n", omitted = "zero" },
]

[json]
time = { path = "ts", format = "unix-ms" }
"""


def profile(tmp_path: Path, text: str, name: str = "mine") -> DeviceProfile:
    """The profile that ``text`` makes, read alone where it is not like a shipped one."""
    file = tmp_path / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    if "like" in text:
        return load_profiles(tmp_path)[name]
    [read] = read_profiles([file])
    if read.problems:
        raise BadProfile("\n".join(map(str, read.problems)))
    assert read.profile is not None
    return read.profile


def values(outcome: Decoded | Rejected) -> dict[Any, float]:
    assert isinstance(outcome, Decoded), outcome
    return {each.name if each.at_s is None else (each.name, each.at_s): each.value for each in outcome.points}


def test_a_register_map_reads_floats_word_orders_bits_and_offsets(tmp_path):
    # 447A0000 = 1000.0 with its words swapped; 028A = 650 -> 65 - 40 = 25; bit 4 of 0010; FFFF: not fitted
    block = bytes.fromhex("0000 447A  028A  0010  FFFF  04D2")
    assert values(decode(profile(tmp_path, REGISTERS), block)) == {
        "pressure": 1000,
        "temperature": 25,
        "battery_low": 1,
        "water_level": 1234,
    }


def test_a_float_that_is_none_is_a_fault(tmp_path):
    outcome = decode(profile(tmp_path, REGISTERS), bytes.fromhex("0000 7FC0  028A  0000  0001  04D2"))
    assert isinstance(outcome, Decoded)
    assert outcome.faults == ("pressure: not a number",)


def test_a_table_of_tags_reads_numbers_flags_history_and_facts(tmp_path):
    mine = profile(tmp_path, TAGS)
    # FFF380 = -3200 -> -3.2; 36: lower half 6 -> 0; 96 = 150 -> 3.0; 6553F100 with 0400 = 4, little-endian
    frame = bytes.fromhex("A1 FFF380  A2 36 96  A3 6553F100 0400  A4 76312E32  A5 010203")
    outcome = decode(mine, frame, port=10)
    assert values(outcome) == {"tilt_z": -3.2, "open": 0, "battery_voltage": 3, ("distance", 1_700_000_000): 4}
    assert outcome.facts == {"firmware": "v1.2"}


def test_what_a_tag_could_not_measure_is_missing_or_a_fault(tmp_path):
    mine = profile(tmp_path, TAGS)
    outcome = decode(mine, bytes.fromhex("A2 3F 96  A3 6553F100 0000"), port=10)
    assert values(outcome) == {"battery_voltage": 3}
    assert outcome.faults == ("distance: no echo",)


def test_a_value_beyond_its_urgent_limit_says_so(tmp_path):
    outcome = decode(profile(tmp_path, TAGS), bytes.fromhex("A1 004E20"), port=10)  # 20.0
    assert [each.urgent for each in outcome.points] == [True]


def test_json_paths_convert_units_and_tell_missing_from_zero(tmp_path):
    mine = profile(tmp_path, DOCUMENT)
    body = b'{"ts": 1700000000500, "data": {"levels": [{"v.m": "1.25"}], "t": 77, "cover": "closed", "n": 0, "x": []}}'
    at_s = 1_700_000_000.5
    assert values(decode(mine, body)) == {
        ("water_level", at_s): 1250,
        ("temperature", at_s): 25,
        ("open", at_s): 0,
        ("leak_count", at_s): 0,
    }
    sparse = b'{"data": {"levels": [], "t": -999, "cover": null}}'
    assert values(decode(mine, sparse)) == {"leak_count": 0}
    assert values(decode(mine, b'{"data": {"cover": true}}'))["open"] == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"data": {"t": "warm"}}', "bad_value"),
        (b'{"data": {"t": [1]}}', "bad_value"),
        (b'{"data": {"cover": "ajar"}}', "bad_value"),
        (b'{"ts": 5, "data": {"t": 50}}', "bad_value"),
        (b'{"ts": "yesterday", "data": {"t": 50}}', "bad_value"),
    ],
)
def test_a_document_that_says_something_else_is_rejected(tmp_path, body, reason):
    outcome = decode(profile(tmp_path, DOCUMENT), body)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == reason


def test_a_document_without_any_of_the_points_is_rejected(tmp_path):
    mine = profile(tmp_path, DOCUMENT.replace(', omitted = "zero"', ""))
    assert decode(mine, b'{"data": {}}').reason == "nothing_in_it"
    assert decode(mine, b"[1, 2]").reason == "nothing_in_it"


def test_a_list_of_records_is_read_one_by_one_each_at_its_time(tmp_path):
    mine = profile(
        tmp_path,
        """
version = 1
kind = "json"
title = "History"
json = { records = "items", time = { path = "at", format = "iso", zone_h = 8 } }
point = [{ name = "distance", unit = "mm", sane = [0, 5000], path = "cm", from_unit = "cm" }]
""",
    )
    # nanoseconds and a zone of its own; a time without a zone is eight hours east
    body = (
        b"""{"items": [{"at": "2023-11-14T22:13:20.000000001Z", "cm": 12}, {"at": "2023-11-15 06:14:20", "cm": 13}]}"""
    )
    assert values(decode(mine, body)) == {("distance", 1_700_000_000): 120, ("distance", 1_700_000_060): 130}
    assert decode(mine, b'{"items": 5}').reason == "bad_value"


def test_the_same_value_twice_at_one_time_counts_once_and_the_later_wins(tmp_path):
    outcome = decode(profile(tmp_path, TAGS), bytes.fromhex("A1 000001  A1 000002"), port=10)
    assert values(outcome) == {"tilt_z": 0.002}


def test_a_profile_can_be_like_another_and_change_a_little(tmp_path):
    mine = profile(tmp_path, 'like = "netvox-r311a"\ntitle = "Ours"\nsettings = { open_when = 0 }\n')
    assert (mine.title, mine.layout, mine.ports) == ("Ours", "netvox-r311a", (6, 7))
    assert values(decode(mine, bytes.fromhex("01 02 01 21 00 00 00 00 00 00 00"), port=6))["open"] == 1


def test_a_profile_of_the_same_name_can_change_ours(tmp_path):
    mine = profile(tmp_path, 'like = "decentlab-pr26"\nsettings = { p_max_bar = 4.0 }\n', name="decentlab-pr26")
    assert mine.settings == {"p_min_bar": 0.0, "p_max_bar": 4.0, "density": 1.0}


def test_points_that_a_city_does_not_want_are_left_out(tmp_path):
    mine = profile(
        tmp_path, 'like = "milesight-em300-mcs"\npoint = [{ name = "open", unit = "1", sane = [0, 1] }]\n'
        'battery = { point = "open", low = 0, full = 0 }\n'
    )  # fmt: skip
    assert values(decode(mine, bytes.fromhex("01 75 41 03 67 F4 FF 06 00 01"), port=85)) == {"open": 1}


def test_level_follows_from_the_distance_once_the_height_is_known(tmp_path):
    mine = profile(
        tmp_path,
        """
like = "milesight-em310-udl"
derive = ["level_from_distance"]
settings = { sensor_height_mm = 3200 }
battery = { point = "distance", low = 0, full = 0 }
point = [
  { name = "distance", unit = "mm", sane = [0, 5000] },
  { name = "water_level", unit = "mm", sane = [-500, 20000] },
]
""",
    )
    assert values(decode(mine, bytes.fromhex("03 82 DC 05"), port=85)) == {"distance": 1500, "water_level": 1700}


# --- what is wrong with a profile -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "change", "problem"),
    [
        (TAGS, ('id = "A1"', 'id = "A1 02"'), r"tag\[0\].id: is \"A1 02\"; head \"tag\" has ids of 1 bytes"),
        (TAGS, ('id = "A1"', 'id = "XY"'), r"tag\[0\].id"),
        (TAGS, ('id = "A2"', 'id = "A1"'), "used twice"),
        (TAGS, ("length = 3\nfield", "length = 2\nfield"), r"tag\[0\].field\[0\].at: .*s24 takes 3"),
        (TAGS, ("time_at = 0", "time_at = 3"), r"tag\[2\].time_at"),
        (TAGS, ('"s24"', '"s25"'), r"tag\[0\].field\[0\].type: \"s25\"; write one of u8"),
        (TAGS, ('head = "tag"', 'head = "tag"\nunknown = "skip"'), "tlv.unknown"),
        (TAGS, ('head = "tag"', 'head = "tag"\ncommon = "acme"'), "tlv.common.*milesight"),
        (TAGS, ("[tlv]\n", "[tlw]\n"), "did you mean tlv"),
        (TAGS, ('point = "open" }', 'point = "opened" }'), r"point\[1\] open: .*table of tags gives none"),
        (TAGS, ("5 = 1,", "five = 1,"), r"values.*raw number"),
        (TAGS, ("mask = 0x0F", "mask = 0"), "bits to keep"),
        (TAGS, ("ports = [10]", "ports = [300]"), r"ports\[0\]"),
        (TAGS, ("ports = [10]", 'derive = ["magic"]'), r"derive\[0\].*tilt_from_xy"),
        (TAGS, ("ports = [10]", 'stream = "morse"'), "stream.*bwsensing"),
        (TAGS, ("ports = [10]", "settings = { height = 3 }"), "nothing asks for it"),
        (TAGS, ("ports = [10]", "count = 3"), "belongs to kind registers"),
        (TAGS, ("ports = [10]", 'battery = { point = "cell", low = 1, full = 2 }'), "battery.point"),
        (TAGS, ("ports = [10]", "heartbeat_s = -1"), "heartbeat_s"),
        (TAGS, ("ports = [10]", 'name = "mine"'), "the file's name"),
        (TAGS, ("ports = [10]", 'like = "acme"'), "like: is \"acme\"; use one of"),
        (DOCUMENT, ('path = "data.n"', 'path = "data..n"'), r"point\[3\] leak_count.path"),
        (DOCUMENT, (', path = "data.n"', ""), r"point\[3\] leak_count.path: is missing"),
        (DOCUMENT, ('from_unit = "m"', 'from_unit = "furlong"'), "from_unit.*cm"),
        (DOCUMENT, ('path = "ts"', 'path = ""'), "json.time.path"),
        (REGISTERS, ("register = 12,", ""), r"point\[1\] temperature: register"),
        (REGISTERS, ('"f32", word', '"f32", mask = 1, word'), "no bits"),
        (REGISTERS, ("register = 13,", "register = 13, decimals_register = 99,"), "decimals_register"),
        (REGISTERS, ('title = "Meter"', 'title = " "'), "title"),
        (REGISTERS, ("sane = [-50, 90]", "sane = [90]"), r"point\[1\].sane: \[90\]; write two numbers"),
        (REGISTERS, ("sane = [-50, 90]", "sane = [-50, inf]"), "sane"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_field_value_and_fix(tmp_path, text, change, problem):
    assert change[0] in text
    with pytest.raises(BadProfile, match=problem):
        profile(tmp_path, text.replace(*change, 1))


def test_all_faults_of_a_profile_are_told_at_once(tmp_path):
    text = """
version = "one"
kind = "tlv"
titel = "x"
heartbeat_s = -5
point = [
  { name = "a/b", unit = "deg", sane = [5, 1] },
  { name = "tilt_z", sane = [0, 1] },
]
[tlv]
head = "tags"
[[tag]]
id = "A1"
length = "three"
"""
    with pytest.raises(BadProfile) as error:
        profile(tmp_path, text)
    told = str(error.value)
    for field in (
        "titel: unknown; did you mean title",
        'version: "one"; write a whole number',
        "title: is missing",
        "heartbeat_s",
        "point[0] a/b.name",
        "point[0] a/b.sane",
        "point[1].unit: is missing",
        'tlv.head: "tags"; write one of tag, channel-type, length-id',
        'tag[0].length: "three"',
    ):
        assert field in told, told
    assert told.count("version") == 1


def test_a_circle_of_likes_is_told(tmp_path):
    (tmp_path / "one.toml").write_text('like = "two"\n')
    (tmp_path / "two.toml").write_text('like = "one"\n')
    with pytest.raises(BadProfile, match="circle"):
        load_profiles(tmp_path)


def test_a_setting_that_can_t_be_used_rejects_the_payload_and_never_breaks_the_decoder():
    profiles = load_profiles()
    for name, settings, frame, port in (
        ("decentlab-pr26", {"density": 0}, "02 03E8 0003 6000 52C0 0BEA", 1),
        ("decentlab-pr36", {"kp": "many"}, "02 03E8 0003 6000 52C0 0BEA", 1),
        ("netvox-r311a", {"open_when": "on"}, "01 02 01 21 00 00 00 00 00 00 00", 6),
    ):
        unchecked = msgspec.structs.replace(profiles[name], settings={**profiles[name].settings, **settings})
        outcome = decode(unchecked, bytes.fromhex(frame), port=port)
        assert isinstance(outcome, Rejected)
        assert (outcome.reason, next(iter(settings)) in outcome.detail) == ("bad_setting", True)


def test_settings_of_one_device_are_checked_too():
    profiles = load_profiles()
    with pytest.raises(BadProfile, match=r"settings.density: is 0; must be above 0"):
        with_settings(profiles["decentlab-pr26"], {"density": 0})
    with pytest.raises(BadProfile, match=r"settings.open_when: is \"on\"; write a number"):
        with_settings(profiles["netvox-r311a"], {"open_when": "on"})
