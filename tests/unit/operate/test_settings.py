"""Settings files: what is read, what is refused and how clearly, what the environment may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import CabinetSettings
from operate.city_file import CityFile, read_city_file
from operate.settings import BadSettings, load_settings, parse_settings, setting_rows, shown


def test_an_empty_file_is_a_working_embedded_city(tmp_path: Path):
    path = tmp_path / "covercode.toml"
    path.write_text("")
    place = read_city_file(path, {})
    assert place.records_url == f"sqlite:///{tmp_path}/covercode.db"
    assert place.settings.city.timezone == "Asia/Shanghai"
    assert place.settings.city.demo is False


def test_every_problem_of_a_file_is_told_at_once_with_its_field(tmp_path: Path):
    path = tmp_path / "covercode.toml"
    path.write_text('[city]\nname = 5\ncolour = "red"\n[web]\nport = "http"\n[records]\nurl = true\n')
    with pytest.raises(BadSettings) as caught:
        read_city_file(path, {})
    told = "\n".join(caught.value.problems)
    assert "city.name: must be text in quotes, not 5" in told
    assert "city: unknown setting colour: check its spelling" in told
    assert "web.port: must be a whole number, not 'http'" in told
    assert "records.url: must be text in quotes, not True" in told


def test_values_that_types_cannot_judge_are_refused_with_the_fix(tmp_path: Path):
    path = tmp_path / "covercode.toml"
    path.write_text(
        '[city]\ndivision = "32"\ntimezone = "Mars/Olympus"\npublic_url = "city.example"\n[web]\nport = 0\n'
    )
    with pytest.raises(BadSettings) as caught:
        read_city_file(path, {})
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "city.division",
        "city.timezone",
        "city.public_url",
        "web.port",
    ]


@pytest.mark.parametrize(("text", "said"), [("[city", "not valid TOML"), (None, "there is no such file")])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, text: str | None, said: str):
    path = tmp_path / "covercode.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadSettings, match=said):
        load_settings(CityFile, path, {})


def test_the_environment_overrides_the_file():
    environ = {"COVERCODE_CITY_NAME": "苏州", "COVERCODE_WEB_PORT": "9000", "COVERCODE_CITY_DEMO": "true"}
    settings = parse_settings(CityFile, {"city": {"name": "file"}}, environ, "test")
    assert (settings.city.name, settings.web.port, settings.city.demo) == ("苏州", 9000, True)


def test_a_cabinet_file_with_its_lines_and_units_is_read_whole():
    body = {
        "cabinet": {"id": "c1"},
        "broker": {"host": "10.0.0.1"},
        "bus": [
            {
                "name": "b1",
                "port": "/dev/ttyS0",
                "unit": [{"address": 1, "serial": "CV-1", "profile": "cc-cover-1", "urgent_above": {"tilt_z": 5}}],
            }
        ],
    }
    settings = parse_settings(CabinetSettings, body, {}, "test")
    assert settings.bus[0].unit[0].urgent_above == {"tilt_z": 5.0}


def test_a_problem_deep_in_a_cabinet_file_names_its_place():
    body = {
        "cabinet": {"id": "c1"},
        "broker": {},
        "bus": [{"name": "b1", "port": "/dev/ttyS0", "unit": [{"address": "x", "serial": "CV-1", "profile": "p"}]}],
    }
    with pytest.raises(BadSettings) as caught:
        parse_settings(CabinetSettings, body, {}, "test")
    told = "\n".join(caught.value.problems)
    assert "broker.host: must be given" in told
    assert "bus[0].unit[0].address: must be a whole number, not 'x'" in told


def test_secrets_are_masked_when_settings_are_shown():
    settings = parse_settings(CityFile, {"broker": {"host": "h", "password": "hunter2"}}, {}, "test")
    lines = dict(shown(settings))
    assert lines["broker.password"] == "********"
    assert "hunter2" not in str(lines)


def test_every_setting_has_a_sentence_of_help():
    for kind in (CityFile, CabinetSettings):
        assert [row.name for row in setting_rows(kind) if not row.help] == []


def test_what_is_wrong_with_the_series_store_and_how_long_it_keeps_is_told_by_field(tmp_path: Path):
    path = tmp_path / "covercode.toml"
    path.write_text(
        '[records]\nseries = "influxdb+http://me:secret@host/city"\n'
        "keep_raw_days = 0\nkeep_5min_days = 30\nkeep_hour_days = -1\n"
    )
    with pytest.raises(BadSettings) as caught:
        read_city_file(path, {})
    told = " ".join(caught.value.problems)
    assert "records.series: the address must not hold the token" in told
    assert "secret" not in told
    assert "records.keep_hour_days: must be 0 (for ever) or more days, not -1" in told
    assert "records.keep_5min_days: must be no less than records.keep_raw_days (for ever), not 30" in told
    path.write_text('[records]\nseries = "influxdb+https://host/city?org=water"\nkeep_hour_days = 0\n')
    assert read_city_file(path, {"COVERCODE_RECORDS_SERIES_TOKEN": "t"}).settings.records.series_token == "t"
