"""The files for Grafana: with this city's addresses, in the folder that was asked for, and nothing else touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from operate.city_file import read_city_file
from operate.grafana import wish_of, write_grafana
from operate.settings import BadSettings

SHIPPED = Path(__file__).parents[3] / "deploy/covercode.toml"


def test_the_addresses_are_those_of_the_city_s_own_settings():
    wish = wish_of(read_city_file(SHIPPED, {"COVERCODE_BROKER_PASSWORD": "x"}), ("zh",))
    assert (wish.postgres, wish.database) == ("127.0.0.1:5432", "covercode")
    assert (wish.influx_url, wish.influx_database) == ("http://127.0.0.1:8087", "covercode")
    assert (wish.address, wish.zone) == ("https://city.example", "Asia/Shanghai")


def test_another_server_s_stores_are_named_with_their_ports(tmp_path: Path):
    file = tmp_path / "covercode.toml"
    file.write_text(
        '[city]\npublic_url = "https://lights.example/"\ntimezone = "Asia/Urumqi"\n[records]\n'
        'url = "postgresql+psycopg://covercode:secret@db.example:6432/street"\n'
        'series = "influxdb+https://series.example:9999/street?org=city"\n'
    )
    written = list(write_grafana(file, tmp_path / "out", plain=False, languages=("en",)))
    source = yaml.safe_load((tmp_path / "out/provisioning/datasources/covercode.yaml").read_text())
    records, series = source["datasources"]
    assert (records["url"], records["jsonData"]["database"]) == ("db.example:6432", "street")
    assert (series["url"], series["jsonData"]["dbName"]) == ("https://series.example:9999", "street")
    assert "secret" not in str(source)
    board = (tmp_path / "out/boards/en/cases.json").read_text()
    assert '"https://lights.example"' in board
    assert '"timezone": "Asia/Urumqi"' in board
    assert not (tmp_path / "out/boards/zh").exists()
    assert "docs/grafana.md" in written[-1]


def test_the_series_are_read_by_an_account_that_may_only_read_and_no_secret_is_written(tmp_path: Path):
    def series(address: str, token: str) -> tuple[str, dict[str, Any]]:
        file = tmp_path / "covercode.toml"
        file.write_text(
            '[records]\nurl = "postgresql+psycopg://covercode@/covercode"\n'
            f'series = "{address}"\nseries_token = "{token}"\n'
        )
        list(write_grafana(file, tmp_path / "out", plain=False, languages=("en",)))
        text = (tmp_path / "out/provisioning/datasources/covercode.yaml").read_text()
        return text, yaml.safe_load(text)["datasources"][1]

    text, first = series("influxdb+http://10.0.0.7/covercode", "covercode:a-secret")
    assert (first["url"], first["user"]) == ("http://10.0.0.7:8086", "covercode_grafana")
    assert first["secureJsonData"] == {"password": "$COVERCODE_GRAFANA_SERIES_PASSWORD"}
    assert "a-secret" not in text
    for address, token in (("http://10.0.0.7/covercode?org=city", ""), ("http://10.0.0.7/covercode", "a-secret==")):
        text, newer = series(f"influxdb+{address}", token)
        assert (newer.get("user"), newer["jsonData"]["dbName"]) == (None, "covercode")
        assert newer["jsonData"]["httpHeaderName1"] == "Authorization"
        assert newer["secureJsonData"] == {"httpHeaderValue1": "Token $COVERCODE_GRAFANA_SERIES_TOKEN"}
        assert "a-secret" not in text


def test_a_city_whose_records_grafana_can_not_read_is_told_so(tmp_path: Path):
    file = tmp_path / "covercode.toml"
    file.write_text("")
    with pytest.raises(BadSettings, match="--plain"):
        list(write_grafana(file, tmp_path / "out", plain=False, languages=()))
    assert not (tmp_path / "out").exists()
