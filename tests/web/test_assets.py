from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from registry.domain.kinds import Role
from tests.web.conftest import NOON, Web


def test_an_asset_is_found_by_code_name_road_and_plate(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    other = web.city.add_asset(NOON, name="雨水箅子", road="人民路")
    for words in ("中山路", "上水井盖", web.token, "4408030101000001"):
        page = client.get("/assets", query_string={"q": words}).text
        assert f"/assets/{web.city.asset_id}" in page, words
        assert f'/assets/{other}"' not in page, words


def test_a_search_that_finds_nothing_says_so(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/assets?q=nowhere")
    assert page.status_code == 200
    assert f"/assets/{web.city.asset_id}" not in page.text


@pytest.mark.parametrize("query", ["family=tree", "state=gone", "with_alert=2"])
def test_a_filter_that_is_none_is_named(web: Web, query: str) -> None:
    answer = web.as_(Role.VIEWER).get(f"/assets?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.text


def test_the_file_of_an_asset_shows_its_label_values_and_cases(web: Web) -> None:
    opened = web.city.open_case(NOON)
    page = web.as_(Role.VIEWER).get(f"/assets/{web.city.asset_id}")
    assert page.status_code == 200
    for part in (f"/assets/{web.city.asset_id}/label.svg", f"/cases/{opened.case_id}", "CV-000001"):
        assert part in page.text


def test_a_label_is_read_back_by_another_programs_decoder(web: Web) -> None:
    answer = web.as_(Role.VIEWER).get(f"/assets/{web.city.asset_id}/label.png?download=1")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="4408030101000001.png"'
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.data)))
    assert found.text == f"HTTP://CITY.EXAMPLE/Q/{web.token}"


def test_a_label_for_the_printer_is_svg_and_shown_in_the_page_unless_asked_for(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    answer = client.get(f"/assets/{web.city.asset_id}/label.svg")
    assert answer.mimetype == "image/svg+xml"
    assert "Content-Disposition" not in answer.headers
    assert b"<svg" in answer.data
    assert b"<script" not in answer.data
    again = client.get(f"/assets/{web.city.asset_id}/label.svg", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_an_asset_without_a_plate_has_no_label(web: Web) -> None:
    other = web.city.add_asset(NOON)
    answer = web.as_(Role.VIEWER).get(f"/assets/{other}/label.png")
    assert answer.status_code == 404


def test_a_resolution_no_printer_has_is_refused(web: Web) -> None:
    answer = web.as_(Role.VIEWER).get(f"/assets/{web.city.asset_id}/label.png?dpi=100000")
    assert answer.status_code == 422
