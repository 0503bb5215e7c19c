"""``covercode decode`` and ``covercode profiles``, as somebody at a keyboard uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import covercode

FRAME = "01 75 57 03 CF BB FE D2 04 E2 1D 02"


def said(*words: str) -> Result:
    return CliRunner().invoke(covercode.main, list(words))


def decoded(*words: str) -> Result:
    return said("decode", "--profile", "milesight-em310-tilt", "--port", "85", *words)


@pytest.mark.parametrize(
    "typed",
    [
        FRAME.split(),
        [FRAME],
        ["01755703CFBBFED204E21D02"],
        ["0x01:75:57:03:cf:bb:fe:d2:04:e2:1d:02"],
        ["AXVXA8+7/tIE4h0C"],
        ["--base64", "AXVXA8+7/tIE4h0C"],
    ],
)
def test_a_payload_is_taken_as_it_is_copied_from_a_platform(typed):
    told = decoded(*typed, "--json")
    assert told.exit_code == 0
    answer = json.loads(told.output)
    assert (answer["ok"], answer["payload"]) == (True, "01755703CFBBFED204E21D02")
    assert {point["name"]: point["value"] for point in answer["points"]}["tilt_z"] == 76.5


def test_the_table_speaks_chinese_first_with_english_beside():
    told = decoded(FRAME)
    assert told.exit_code == 0
    head, row = (next(line for line in told.output.splitlines() if line.startswith(word)) for word in ("测点", "电量"))
    assert head.split() == [
        "测点",
        "Point",
        "名称",
        "Name",
        "数值",
        "Value",
        "单位",
        "Unit",
        "时间",
        "Time",
        "备注",
        "Note",
    ]
    assert row.split() == ["电量", "Battery", "battery", "87", "%", "此刻", "now"]
    assert "紧急 urgent" in told.output


def test_a_reject_says_why_and_ends_with_one():
    told = decoded("01 75 57 99 99")
    assert told.exit_code == 1
    assert "拒绝 Rejected  unknown_tag: byte 3: 99 99 is not in the profile's table" in told.output
    assert "电量" in told.output
    answer = json.loads(decoded("01 75 57 99 99", "--json").output)
    assert (answer["ok"], answer["error"]["code"], len(answer["points"])) == (False, "unknown_tag", 1)


def test_history_and_faults_are_shown():
    told = said("decode", "--profile", "milesight-em500-swl", "03 77 FF FF 20 CE 00 F1 53 65 87 00")
    assert told.exit_code == 0
    assert "2023-11-14T22:13:20Z" in told.output
    assert "water_level: collection failed" in told.output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--profile", "milesight-em310-tild", FRAME], "did you mean milesight-em310-tilt"),
        (["--profile", "elsys", "017"], "3 hex digits"),
        (["--profile", "elsys", "was?"], "neither hex"),
    ],
)
def test_what_was_mistyped_is_told(words, complaint):
    told = said("decode", *words)
    assert told.exit_code == 2
    assert complaint in told.output


def test_a_json_document_is_decoded_by_a_profile_of_ones_own(tmp_path: Path):
    (tmp_path / "platform.toml").write_text(
        'version = 1\nkind = "json"\ntitle = "P"\n'
        'point = [{ name = "distance", unit = "mm", sane = [0, 5000], path = "d", from_unit = "cm" }]\n'
    )
    told = said("decode", "--profile", "platform", "--profiles", str(tmp_path), '{"d": 12.5}', "--json")
    assert json.loads(told.output)["points"][0]["value"] == 125


def test_every_shipped_profile_is_listed_and_without_fault():
    assert said("profiles", "check").output.endswith("all well 无误\n")
    assert "milesight-em310-tilt" in said("profiles", "list").output
    listed = json.loads(said("profiles", "list", "--json").output)["profiles"]
    assert next(each for each in listed if each["name"] == "dingtek-df702")["heartbeat_s"] == 86_400


def test_a_check_tells_everything_at_once_and_ends_with_one(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'version = 1\nkind = "json"\ntitel = "P"\n'
        'point = [\n  { name = "levle", unit = "mm", sane = [0, 1], path = "d" },\n'
        '  { name = "distance", unit = "cm", sane = [0, 1], path = "d..e" },\n'
        '  { name = "battery", unit = "%EL", sane = [0, 200], path = "b" },\n]\n'
    )
    told = said("profiles", "check", str(file))
    assert told.exit_code == 1
    for fault in (
        "titel: unknown; did you mean title?",
        "title: is missing",
        "point[0] levle: is no point the city knows",
        'point[1] distance.unit: is "cm"; the city keeps it in mm',
        "point[1] distance.path",
        "point[2] battery.sane: is [0.0, 200.0]; the city takes 0 to 100",
        "1 file 个文件: 6 faults 处错误",
    ):
        assert fault in told.output, told.output
    answer = json.loads(said("profiles", "check", str(file), "--json").output)
    assert (answer["ok"], answer["checked"], len(answer["problems"])) == (False, 1, 6)


def test_a_check_of_a_file_that_is_not_there_says_so():
    told = said("profiles", "check", "nowhere.toml")
    assert (told.exit_code, "nowhere.toml is no file" in told.output) == (2, True)
