"""Plates on the pages: found, bound where they are screwed on, lost and found again, and odd scans looked at."""

from __future__ import annotations

import re
from random import Random

import pytest
from sqlalchemy import select

from registry.domain.kinds import Role
from registry.domain.tokens import new_token
from registry.services.tags import print_blank_tags
from registry.storage.database import reading, writing
from registry.storage.tables import scan, tag
from tests.web.conftest import NOON, Web, csrf_of, send


@pytest.fixture
def blank(web: Web) -> str:
    with writing(web.city.engine) as tx:
        return print_blank_tags(tx, 1, now=NOON)[0]


def flags(web: Web) -> list[str]:
    with reading(web.city.engine) as tx:
        return list(tx.execute(select(scan.c.flag).order_by(scan.c.id)).scalars())


def test_a_blank_plate_is_bound_to_what_is_near_or_found_by_its_code(web: Web, blank: str) -> None:
    crew = web.as_(Role.CREW)
    opened = crew.get(f"/Q/{blank}")
    assert opened.status_code == 303
    page = crew.get(opened.location)
    assert blank[:5] in page.text
    near = crew.get(f"/tags/{blank}/bind?lon=113.3&lat=23.1")
    assert "上水井盖 1" in near.text
    found = crew.get(f"/tags/{blank}/bind?q=440803 0101 000001")
    assert "上水井盖 1" in found.text
    assert "没有找到" in crew.get(f"/tags/{blank}/bind?q=nothing").text
    form = {"asset_id": web.city.asset_id}
    bound = send(crew, f"/tags/{blank}/bind", form, page=f"/tags/{blank}/bind")
    assert bound.status_code == 303
    assert bound.location == f"/assets/{web.city.asset_id}"
    with reading(web.city.engine) as tx:
        assert {row.token: row.state for row in tx.execute(select(tag))} == {web.token: "replaced", blank: "active"}
    again = send(crew, f"/tags/{blank}/bind", form, page=f"/tags/{blank}")
    assert again.status_code == 409
    assert "不能再绑定" in again.text


def test_a_citizen_who_scans_a_blank_plate_is_told_so(web: Web, blank: str) -> None:
    page = web.visitor().get(f"/Q/{blank}")
    assert page.status_code == 404
    assert "还没有" in page.text


def test_a_plate_is_lost_found_again_and_destroyed_with_its_history(web: Web) -> None:
    registrar = web.as_(Role.REGISTRAR)
    path = f"/tags/{web.token}"
    for what, shown in (("lost", "报失"), ("found", "找回"), ("destroyed", "报废")):
        moved = send(registrar, path, {"what": what, "note": f"备注 {what}"}, page=path)
        assert moved.status_code == 303, moved.text
        page = registrar.get(path).text
        assert shown in page
        assert f"备注 {what}" in page
    refused = send(registrar, path, {"what": "lost"}, page="/tags")
    assert refused.status_code == 409
    assert web.as_(Role.VIEWER).get(path).status_code == 200
    assert web.as_(Role.VIEWER).get("/tags/AAAAAAAAAA").status_code == 422
    assert registrar.get(f"/tags/{new_token(Random(5))}").status_code == 404


def test_the_list_finds_a_plate_by_its_address_and_an_asset_by_its_code(web: Web, blank: str) -> None:
    client = web.as_(Role.VIEWER)
    assert client.get(f"/tags?q=HTTPS://CITY.EXAMPLE/Q/{blank}").location == f"/tags/{blank}"
    assert client.get("/tags?q=4408030101000001").location == f"/assets/{web.city.asset_id}"
    assert "没有找到" in client.get("/tags?q=nothing").text
    listed = client.get("/tags?state=blank").text
    assert blank[:5] in listed
    assert web.token[:5] not in listed


def test_a_phone_may_add_its_place_to_its_own_scan_once(web: Web) -> None:
    visitor = web.visitor()
    csrf = csrf_of(visitor)
    sent = {"lon": 113.31, "lat": 23.1, "accuracy_m": 8.0}

    def place(client_token: str) -> int:
        answer = visitor.post(f"/q/{client_token}/place", json=sent, headers={"X-CSRFToken": csrf})
        return answer.status_code

    assert place(web.token) == 404
    visitor.get(f"/Q/{web.token}")
    csrf = csrf_of(visitor)
    answer = visitor.post(f"/q/{web.token}/place", json=sent, headers={"X-CSRFToken": csrf})
    assert answer.json == {"distance_m": pytest.approx(1023, abs=3), "flag": "far"}
    assert place(web.token) == 404
    assert flags(web) == ["far"]
    for wrong in ({"lon": "x", "lat": 23.1}, {"lon": 500, "lat": 23.1}):
        visitor.get(f"/Q/{web.token}")
        answer = visitor.post(f"/q/{web.token}/place", json=wrong, headers={"X-CSRFToken": csrf})
        assert answer.status_code == 422


def test_odd_scans_wait_in_the_log_until_somebody_has_looked(web: Web) -> None:
    forged = new_token(Random(5))
    for text in (web.token, forged, "0"):
        web.visitor().get(f"/Q/{text}")
    assert flags(web) == ["", "unknown", ""]
    dispatcher = web.as_(Role.DISPATCHER)
    waiting = dispatcher.get("/scans").text
    assert forged[:5] in waiting
    assert web.token[:5] not in waiting
    assert web.token[:5] in dispatcher.get("/scans?show=all").text
    assert "上水井盖 1" in dispatcher.get(f"/scans?show=all&token={web.token}").text
    chosen = re.findall(r'name="scan" value="(\d+)"', waiting)
    assert len(chosen) == 1
    looked = send(dispatcher, "/scans", {"scan": chosen}, page="/scans")
    assert looked.status_code == 303
    assert "没有待查看的扫码" in dispatcher.get("/scans").text
    assert "陈派" in dispatcher.get("/scans?show=flagged&flag=unknown").text
    assert send(dispatcher, "/scans", {}, page="/tags").status_code == 422
    assert 'name="scan"' not in web.as_(Role.VIEWER).get("/scans?show=flagged").text
