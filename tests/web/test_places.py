"""Areas, duties, posts, units and census gaps through the pages."""

from __future__ import annotations

import io
import json
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from registry.domain.kinds import Role
from registry.services.place_work import do_place_work
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset, duty, post, unit, user
from tests.web.conftest import NOON, Web, csrf_of, send


def square(west: float, south: float, side: float, **properties: Any) -> dict[str, Any]:
    east, north = west + side, south + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


CITY = {
    "type": "FeatureCollection",
    "features": [
        square(113.0, 23.0, 1.0, code="440803", name="霞山区"),
        square(113.29, 23.09, 0.02, code="440803001", name="解放街道"),
        square(113.29, 23.09, 0.02, code="440803001002", name="新村社区"),
        square(113.2995, 23.0995, 0.001, code="440803001002003", name="网格三"),
        square(113.4, 23.4, 0.001, code="44080300100200", name="坏"),
    ],
}


def upload(web: Web, address: str, body: bytes, page: str, **form: str) -> TestResponse:
    client = web.as_(Role.REGISTRAR)
    data = form | {"file": (io.BytesIO(body), "x.geojson"), "csrf_token": csrf_of(client, page)}
    return client.post(address, data=data, content_type="multipart/form-data")


def import_city(web: Web) -> None:
    checked = upload(web, "/areas/import", json.dumps(CITY).encode(), "/areas/import", crs="wgs84")
    kept_as = checked.text.split('name="kept_as" value="')[1].split('"')[0]
    client = web.as_(Role.REGISTRAR)
    done = send(client, "/areas/import/run", {"kept_as": kept_as, "crs": "wgs84"}, page="/areas/import")
    assert done.status_code == 200, done.text
    do_place_work(web.city.engine, holder="worker", clock=web.clock)


def test_a_file_is_checked_and_then_imported_and_every_asset_finds_its_cell(web: Web):
    checked = upload(web, "/areas/import", json.dumps(CITY).encode(), "/areas/import", crs="wgs84")
    assert checked.status_code == 200
    assert "编码“44080300100200”" in checked.text
    assert "导入 4 个区域" in checked.text
    with reading(web.city.engine) as tx:
        assert tx.execute(select(area)).all() == []
    import_city(web)
    with reading(web.city.engine) as tx:
        row = tx.execute(select(asset).where(asset.c.id == web.city.asset_id)).one()
    assert row.grid_cell == "440803001002003"
    client = web.as_(Role.REGISTRAR)
    page = client.get("/areas").text
    assert "霞山区" in page
    inside = client.get("/areas?under=440803001002").text
    assert "网格三" in inside
    shapes = client.get("/areas/shapes.json?level=cell").get_json()
    assert [feature["properties"]["name"] for feature in shapes["features"]] == ["网格三"]


def test_a_file_that_is_none_is_told_at_its_field_and_none_at_all_too(web: Web):
    answer = upload(web, "/areas/import", b"code,name", "/areas/import")
    assert answer.status_code == 422
    assert "file-problem" in answer.text
    client = web.as_(Role.REGISTRAR)
    assert send(client, "/areas/import", {}, page="/areas/import").status_code == 422
    forged = {"kept_as": "../../etc/passwd"}
    assert send(client, "/areas/import/run", forged, page="/areas/import").status_code == 422


def test_an_area_is_changed_and_ended_on_its_page(web: Web):
    import_city(web)
    client = web.as_(Role.REGISTRAR)
    with reading(web.city.engine) as tx:
        cell = tx.execute(select(area.c.id).where(area.c.level == "cell")).scalar_one()
    page = f"/areas/{cell}"
    outline = client.get(f"{page}/outline.json").get_json()
    assert [feature["properties"]["name"] for feature in outline["features"]] == ["网格三"]
    changed = send(client, page, {"name": "网格叁", "unit_id": str(web.city.water)}, page=page)
    assert changed.status_code == 303
    assert "网格叁" in client.get(page).text
    assert send(client, page, {"name": ""}, page=page).status_code == 422
    assert send(client, f"{page}/end", {}, page=page).status_code == 303
    assert "2026-03-02" in client.get(page).text
    assert send(client, f"{page}/end", {"reopen": "1"}, page=page).status_code == 303
    grid = {"code": "Z-1", "name": "一格", "cells": "440803001002003"}
    assert send(client, "/areas/grid", grid, page="/areas/grid").status_code == 303
    assert send(client, "/areas/grid", grid | {"cells": "1"}, page="/areas/grid").status_code == 422


def test_somebody_bound_to_a_street_sees_and_changes_only_that_street(web: Web):
    import_city(web)
    with writing(web.city.engine) as tx:
        login = user.c.login == "registrar"
        tx.execute(update(user).where(login).values(area_code="440803009"))
    client = web.as_(Role.REGISTRAR)
    assert "霞山区" not in client.get("/areas").text
    assert client.get("/areas/shapes.json?level=cell").get_json()["features"] == []
    with reading(web.city.engine) as tx:
        cell = tx.execute(select(area.c.id).where(area.c.level == "cell")).scalar_one()
    assert client.get(f"/areas/{cell}").status_code == 403
    assert client.get("/areas/import").status_code == 403
    refused = send(client, "/duties", {"party": "owner", "unit_id": str(web.city.water)}, page="/assets")
    assert refused.status_code == 403


def test_a_line_of_the_duty_list_is_written_applied_and_removed(web: Web):
    client = web.as_(Role.REGISTRAR)
    form = {"party": "owner", "unit_id": str(web.city.water), "subject": "class:cjt214-2007:0101", "area_code": ""}
    assert send(client, "/duties", form, page="/duties").status_code == 303
    assert "上水井盖" in client.get("/duties").text
    assert send(client, "/duties/apply", {}, page="/duties").status_code == 303
    do_place_work(web.city.engine, holder="worker", clock=web.clock)
    with reading(web.city.engine) as tx:
        row = tx.execute(select(asset).where(asset.c.id == web.city.asset_id)).one()
        line = tx.execute(select(duty.c.id)).scalar_one()
    assert row.owner_unit_id == web.city.water
    assert send(client, f"/duties/{line}/remove", {}, page="/duties").status_code == 303
    assert send(client, "/duties", {"party": "owner"}, page="/duties").status_code == 422


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("责任,区域编码,部件编码,单位\n权属,440803,0101,水务\n养护,,,电力\n", 303),
        ("责任,单位\n权属,没有的单位\n", 422),
        ("责任,单位\n别的,水务\n", 422),
        ("单位\n水务\n", 422),
        ("责任,单位\n", 422),
    ],
)
def test_the_duty_list_is_imported_as_a_whole_or_not_at_all(web: Web, text: str, status: int):
    answer = upload(web, "/duties/import", text.encode("gb18030"), "/duties")
    assert answer.status_code == status
    with reading(web.city.engine) as tx:
        assert len(tx.execute(select(duty)).all()) == (2 if status == 303 else 0)
    if status == 303:
        exported = web.as_(Role.REGISTRAR).get("/duties.csv").data
        assert upload(web, "/duties/import", exported, "/duties").status_code == 303
        with reading(web.city.engine) as tx:
            assert len(tx.execute(select(duty)).all()) == 2


def test_a_post_says_who_is_on_duty_today(web: Web):
    client = web.as_(Role.DISPATCHER)
    form = {"unit_id": str(web.city.water), "name": "排水值班", "a_name": "甲", "b_name": "乙", "b_phone": "138"}
    assert send(client, "/posts/new", form, page="/posts/new").status_code == 303
    with reading(web.city.engine) as tx:
        post_id = tx.execute(select(post.c.id)).scalar_one()
    day = {"a_away_from": "2026-03-02", "a_away_until": "2026-03-02"}
    page = f"/posts/{post_id}"
    assert send(client, f"{page}/absence", day, page=page).status_code == 303
    assert "A 岗请假，B 岗顶岗" in client.get("/posts").text
    assert send(client, page, form | {"name": ""}, page=page).status_code == 422
    assert send(client, f"{page}/absence", {"a_away_from": "gestern"}, page=page).status_code == 422
    assert send(client, f"{page}/remove", {}, page=page).status_code == 303
    assert client.get(page).status_code == 404


def test_b_stands_in_while_a_is_on_leave_as_a_person(web: Web):
    client, city = web.as_(Role.DISPATCHER), web.city
    form = {"unit_id": str(city.water), "name": "排水值班", "a_user_id": str(city.crew.user_id), "b_name": "乙"}
    assert send(client, "/posts/new", form, page="/posts/new").status_code == 303
    assert "A 岗请假" not in client.get("/posts").text
    away = {"user_id": city.crew.user_id, "first_on": "2026-03-02", "last_on": "2026-03-02"}
    assert send(client, f"/queues/{city.water}/absences", away, page=f"/queues/{city.water}").status_code == 303
    assert "A 岗请假，B 岗顶岗" in client.get("/posts").text


def test_units_are_added_changed_and_merged(web: Web):
    client = web.as_(Role.REGISTRAR)
    assert send(client, "/units", {"name": "路灯所"}, page="/units").status_code == 303
    assert send(client, "/units", {"name": "路灯所"}, page="/units").status_code == 409
    with reading(web.city.engine) as tx:
        unit_id = tx.execute(select(unit.c.id).where(unit.c.name == "路灯所")).scalar_one()
    page = f"/units/{unit_id}"
    assert send(client, page, {"name": "路灯处", "phone": "1"}, page=page).status_code == 303
    assert send(client, f"{page}/merge", {"kept_id": ""}, page=page).status_code == 422
    assert send(client, f"{page}/merge", {"kept_id": str(web.city.power)}, page=page).status_code == 303
    assert client.get(page).status_code == 404


def test_gaps_are_counted_by_the_worker_and_lead_to_their_lists(web: Web):
    client = web.as_(Role.REGISTRAR)
    assert "还没有统计" in client.get("/gaps").text
    assert send(client, "/gaps/count", {}, page="/gaps").status_code == 303
    do_place_work(web.city.engine, holder="worker", clock=web.clock)
    web.city.add_asset(NOON)
    web.city.add_asset(NOON)
    web.clock.pass_by(minutes=2)
    do_place_work(web.city.engine, holder="worker", clock=web.clock)
    page = client.get("/gaps?by=class").text
    assert "上水井盖" in page
    link = unescape(page.split('<td class="number"><a href="')[1].split('"')[0])
    assert link == "/assets?lacks=cell&class=cjt214-2007:0101"
    assert client.get(link).text.count('<td class="lead">') == 3
    assert client.get("/gaps/doubtful/same_place").status_code == 200
    assert "上水井盖" in client.get("/gaps/doubtful/same_place").text
    assert client.get("/gaps/doubtful/nonsense").status_code == 404
    table = client.get("/gaps.csv?by=class").data.decode("utf-8-sig").splitlines()
    assert table[1].split(",")[:3] == ["\t0101", "上水井盖", "3"]
