"""Exports through the page: the file that was asked for, as far as the visitor's area reaches."""

from __future__ import annotations

import csv
import io
import json

import pytest

from registry.domain.kinds import Role
from tests.web.conftest import NOON, Web


def table_of(web: Web, query: str) -> list[dict[str, str]]:
    """The CSV that the page gives for ``query``."""
    answer = web.as_(Role.REGISTRAR).get(f"/exports/file?{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_the_list_of_assets_is_sent_as_a_table(web: Web) -> None:
    web.city.add_asset(NOON, name="人民路新井", road="人民路")

    rows = table_of(web, "format=csv")

    assert "人民路新井" in {row["名称"] for row in rows}
    answer = web.as_(Role.REGISTRAR).get("/exports/file?format=csv")
    assert "filename*=UTF-8''" in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_only_the_columns_that_were_ticked_are_written(web: Web) -> None:
    rows = table_of(web, "format=csv&column=code&column=name")

    assert list(rows[0]) == ["部件编码", "名称"]


def test_the_system_of_the_places_is_the_one_asked_for_and_stands_in_the_header(web: Web) -> None:
    plain, shifted = table_of(web, "format=csv")[0], table_of(web, "format=csv&crs=gcj02")[0]

    assert abs(float(plain["经度(wgs84)"]) - float(shifted["经度(gcj02)"])) > 0.003


def test_geojson_holds_every_asset_as_a_point(web: Web) -> None:
    answer = web.as_(Role.REGISTRAR).get("/exports/file?format=geojson&column=name")

    found = json.loads(answer.text)
    assert {feature["geometry"]["type"] for feature in found["features"]} == {"Point"}
    assert set(found["features"][0]["properties"]) == {"名称"}


@pytest.mark.parametrize(
    ("query", "told"),
    [("format=geojson&crs=gcj02", "WGS-84"), ("area=abc", "“abc”须为数字"), ("import=x", "“x”须为整数")],
)
def test_what_can_not_be_exported_is_said_on_the_form(web: Web, query: str, told: str) -> None:
    answer = web.as_(Role.REGISTRAR).get(f"/exports/file?{query}")

    assert answer.status_code == 422
    assert told in answer.text
    assert 'name="format"' in answer.text


def test_nobody_but_registrars_exports(web: Web) -> None:
    assert web.as_(Role.VIEWER).get("/exports/file?format=csv").status_code == 403
