"""Shifts, patrols, campaigns, consultations and tasks from above on the pages: what each does there."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import update

from registry.domain.kinds import Role
from registry.queries.campaigns import campaign_view
from registry.queries.consultations import consultation_view
from registry.queries.mandates import list_mandates
from registry.queries.patrols import list_warnings, plan_view, round_view
from registry.queries.shifts import who_is_on_duty
from registry.storage.database import writing
from registry.storage.tables import user
from tests.web.conftest import NOON, Web, send

TODAY = date(2026, 3, 2)


@pytest.fixture
def desk(web: Web) -> FlaskClient:
    return web.as_(Role.DISPATCHER)


def ok(answer: Any) -> str:
    assert answer.status_code == 303, re.sub(r"\s+", " ", answer.text)[:3000]
    return str(answer.headers["Location"])


def picture() -> tuple[io.BytesIO, str]:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(content, "JPEG")
    content.seek(0)
    return content, "photo.jpg"


def shift_form(web: Web, **more: Any) -> dict[str, Any]:
    form = {"unit_id": web.city.water, "name": "早班", "from_min": "08:00", "until_min": "16:00", "manned": "every"}
    return {**form, "least": "1", **more}


def test_a_roster_is_made_filled_and_shown_with_its_gaps(web: Web, desk: FlaskClient) -> None:
    assert "还没有班次" in desk.get("/shifts").text
    ok(send(desk, "/shifts/new", shift_form(web), page="/shifts/new"))
    ok(send(desk, "/shifts/new", shift_form(web, name="夜班", from_min="16:00", until_min="08:00"), page="/shifts/new"))
    assert "缺 1 人" in desk.get("/shifts").text
    fill = {"shift_ids": ["1", "2"], "teams": "李敏\nmate", "first": TODAY, "last": TODAY + timedelta(days=6)}
    ok(send(desk, "/shifts/fill", fill | {"every_days": "1"}, page="/shifts/fill"))
    page = desk.get("/shifts?first=2026-03-02").text
    assert [page.count(f'class="turn">{who}') for who in ("李敏", "王强")] == [
        6,
        7,
    ]  # the early shift of today has begun
    put = {"shift_id": "1", "day": TODAY.isoformat(), "name": "老张", "phone": "138"}
    ok(send(desk, "/shifts/turns", put, page="/shifts"))
    assert [one.person for one in who_is_on_duty(web.city.engine, at=NOON)] == ["老张"]
    assert "老张" in desk.get("/shifts").text


def test_people_whose_names_have_blanks_in_them_are_put_into_a_team_by_name(web: Web, desk: FlaskClient) -> None:
    with writing(web.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "mate").values(name="养护员  王强"))
    ok(send(desk, "/shifts/new", shift_form(web), page="/shifts/new"))
    fill = {"shift_ids": ["1"], "teams": "李敏 养护员 王强", "first": TODAY, "last": TODAY + timedelta(days=1)}
    ok(send(desk, "/shifts/fill", fill | {"every_days": "1"}, page="/shifts/fill"))
    page = desk.get("/shifts?first=2026-03-02").text
    assert [page.count(f'class="turn">{who}') for who in ("李敏", "养护员  王强")] == [1, 1]


def test_what_a_roster_cannot_use_stays_in_the_form(web: Web, desk: FlaskClient) -> None:
    refused = send(desk, "/shifts/new", shift_form(web, from_min="8 点"), page="/shifts/new")
    assert refused.status_code == 422
    assert "须为时刻，如 08:00" in refused.text
    ok(send(desk, "/shifts/new", shift_form(web), page="/shifts/new"))
    fill = {"shift_ids": ["1"], "teams": "查无此人", "first": TODAY, "last": TODAY, "every_days": "1"}
    refused = send(desk, "/shifts/fill", fill, page="/shifts/fill")
    assert refused.status_code == 422
    assert "“查无此人”没有账号" in refused.text
    assert "checked" in refused.text


def a_plan(web: Web, desk: FlaskClient) -> int:
    form = {"name": "中山路夜巡", "unit_id": web.city.water, "starts_on": TODAY, "weekly": "3", "theme": "道路照明"}
    address = ok(send(desk, "/patrols/new", form, page="/patrols/new"))
    plan_id = int(re.findall(r"/patrols/(\d+)/edit", address)[0])
    code = re.findall(
        r"\d{16}", desk.get(f"/assets/{web.city.asset_id}").text.replace('<span class="code-gap"></span>', "")
    )
    stops = f"{code[0]}, 井盖甲, 重点, 主干道\n路口, 113.301, 23.1, 40\n桥头，113.302，23.1\n"
    ok(send(desk, f"/patrols/{plan_id}/route", {"stops": stops, "version": "1"}, page=address))
    return plan_id


def test_a_patrol_is_planned_at_the_desk_and_walked_with_a_phone(web: Web, desk: FlaskClient) -> None:
    plan_id = a_plan(web, desk)
    view = plan_view(web.city.engine, plan_id, today=TODAY)
    assert view is not None
    assert [(stop.key_point, stop.radius_m, stop.place_type) for stop in view.stops] == [
        (True, 50.0, "主干道"),
        (False, 40.0, ""),
        (False, 50.0, ""),
    ]
    crew = web.as_(Role.CREW)
    assert "中山路夜巡" in crew.get("/patrols").text
    round_address = ok(send(crew, f"/patrols/{plan_id}/rounds", {"unannounced": "1"}, page="/patrols"))
    web.clock.pass_by(minutes=3)
    crew.get(f"/Q/{web.token}")  # scanning the plate proves the point
    page = crew.get(round_address).text
    assert "扫码" in page
    ok(send(crew, f"{round_address}/there", {"lon": "113.301", "lat": "23.1"}, page=round_address))
    found = {"stop_id": view.stops[0].id, "kind": "cover_loose", "note": "松动", "photo": picture()}
    ok(send(crew, f"{round_address}/findings", found, page=round_address))
    web.clock.pass_by(minutes=20)
    ok(send(crew, f"{round_address}/end", {"note": "完成"}, page=round_address))
    kept = round_view(web.city.engine, 1, now=web.clock())
    assert kept is not None
    assert (kept.covered.visited, kept.covered.stops, kept.row.unannounced) == (2, 3, True)
    assert kept.findings[0].case_id is not None
    for address in ("/patrols/log", f"/patrols/{plan_id}", round_address):
        assert "2 / 3" in desk.get(address).text
    assert "松动" in desk.get(round_address).text


def test_the_route_comes_back_into_its_form_as_it_was_written(web: Web, desk: FlaskClient) -> None:
    plan_id = a_plan(web, desk)
    first = plan_view(web.city.engine, plan_id, today=TODAY)
    assert first is not None
    text = re.findall(r'<textarea[^>]*name="stops"[^>]*>([^<]*)<', desk.get(f"/patrols/{plan_id}/edit").text)[0]
    ok(send(desk, f"/patrols/{plan_id}/route", {"stops": text, "version": "2"}, page=f"/patrols/{plan_id}/edit"))
    again = plan_view(web.city.engine, plan_id, today=TODAY)
    assert again is not None
    assert again.stops == first.stops
    refused = send(desk, f"/patrols/{plan_id}/route", {"stops": "路口"}, page=f"/patrols/{plan_id}/edit")
    assert refused.status_code == 422
    assert "第 1 个点需要位置" in refused.text


def test_a_unit_is_warned_and_answers_on_the_page(web: Web, desk: FlaskClient) -> None:
    form = {"unit_id": web.city.water, "text": "雨水箅子松动", "due_on": "2026-03-04", "asset_id": web.token}
    ok(send(desk, "/warnings", form, page="/warnings"))
    crew = web.as_(Role.CREW)
    assert "雨水箅子松动" in crew.get("/warnings").text
    ok(send(crew, "/warnings/1/answer", {"answer": "已加固"}, page="/warnings"))
    assert list_warnings(web.city.engine, today=TODAY, open_only=True).items == []
    assert "已加固" in desk.get("/warnings?all=1").text
    assert "/cases/" in ok(send(desk, "/warnings/1/case", {"kind": "cover_loose"}, page="/warnings?all=1"))


def test_a_campaign_is_set_up_filled_by_phone_and_ended(web: Web, desk: FlaskClient) -> None:
    form = {"name": "窨井盖专项", "starts_on": TODAY, "ends_on": "2026-03-11", "quota": "5", "subject": "family:cover"}
    address = ok(send(desk, "/campaigns/new", form | {"measured": "°"}, page="/campaigns/new"))
    measures = {"measure": ["全面排查", "", "挂牌"], "measure_unit": ["1", "", ""], "owner": ["张三", "", ""]}
    ok(send(desk, "/campaigns/1/measures", measures | {"due_on": ["2026-03-01", "", ""]}, page=address))
    crew = web.as_(Role.CREW)
    asset = f"/campaigns/1/assets/{web.city.asset_id}"
    assert asset in crew.get("/campaigns/1").text
    done = {"result": "mended", "before_photo": picture(), "after_photo": picture(), "before_value": "8"}
    ok(send(crew, asset, done | {"after_value": "0.5", "note": "扶正"}, page=asset))
    view = campaign_view(web.city.engine, 1, today=TODAY)
    assert view is not None
    assert (view.board.done, len(view.pairs), [each.late for each in view.measures]) == (1, 1, [True, False])
    page = desk.get("/campaigns/1").text
    assert "8° → 0.5°" in page
    assert "当场整治" in desk.get("/campaigns/1/items?result=mended").text
    ok(send(desk, "/campaigns/measures/1", {"done": "1", "note": "查完"}, page="/campaigns/1"))
    assert send(desk, "/campaigns/1/end", {"result": ""}, page="/campaigns/1").status_code == 422
    ok(send(desk, "/campaigns/1/end", {"result": "全部整治"}, page="/campaigns/1"))
    assert "全部整治" in desk.get("/campaigns/1").text
    assert send(crew, asset, {"result": "good"}, page=asset).status_code == 409


def consultation_form(**more: Any) -> dict[str, Any]:
    return {
        "subject": "人民大道积水",
        "held_at": "2026-03-02T15:00",
        "members": "张科长、李工",
        "item_id": ["", ""],
        "item_subject": ["雨水箅子堵塞", ""],
        "item_decision": ["三日内清掏", ""],
        "item_unit": ["1", ""],
        "item_owner": ["王五", ""],
        "item_due": ["2026-03-05", ""],
        "item_cases": ["", ""],
        **more,
    }


def test_a_consultation_is_kept_changed_carried_out_and_printed(web: Web, desk: FlaskClient) -> None:
    number = str(web.city.case(web.city.open_case(NOON).case_id).number)
    form = consultation_form(item_cases=[number, ""])
    address = ok(send(desk, "/consultations/new", form, page="/consultations/new"))
    page = desk.get(address).text
    assert "会商〔2026〕1号" in page
    assert number in page
    edited = consultation_form(version="1", subject="人民大道内涝", item_id=["1", ""])
    ok(send(desk, f"{address}/edit", edited, page=f"{address}/edit"))
    stale = send(desk, f"{address}/edit", consultation_form(version="1"), page=f"{address}/edit")
    assert stale.status_code == 409
    assert "雨水箅子堵塞" in stale.text
    ok(send(desk, "/consultations/items/1", {"done": "1", "note": "已清掏"}, page=address))
    kept = consultation_view(web.city.engine, 1, today=TODAY)
    assert kept is not None
    assert (kept.row.subject, kept.items[0].done_note) == ("人民大道内涝", "已清掏")
    printed = desk.get(f"{address}.pdf")
    assert printed.mimetype == "application/pdf"
    assert printed.data.startswith(b"%PDF")


LINES = "序号,任务内容,责任单位,整改时限,部件编码\n1,更换破损井盖,水务,2026年3月5日,\n2,占道经营,城管,,\n"


def upload(desk: FlaskClient, text: str) -> Any:
    file = (io.BytesIO(text.encode()), "省督查清单.csv")
    return send(desk, "/mandates/import", {"file": file, "received_on": "2026-03-02"}, page="/mandates/import")


def test_a_list_from_above_is_checked_taken_in_done_and_struck_off(web: Web, desk: FlaskClient) -> None:
    checked = upload(desk, LINES).text
    assert "共 2 项可导入" in checked
    assert "城管" in checked
    kept_as = re.findall(r'name="kept_as" value="(\w+)"', checked)[0]
    take = {"kept_as": kept_as, "file_name": "省督查清单.csv", "name": "省督查清单", "received_on": "2026-03-02"}
    ok(send(desk, "/mandates/import/take", take, page="/mandates/import"))
    assert "0 / 2 项，0.0%" in desk.get("/mandates").text
    crew = web.as_(Role.CREW)
    own = crew.get("/mandates").text
    assert "更换破损井盖" in own
    assert "占道经营" not in own
    assert "move_mandate" not in own
    ok(send(crew, "/mandates/1/moves", {"move": "report", "note": "已更换", "version": "1"}, page="/mandates/1"))
    stale = {"move": "strike_off", "version": "1"}
    assert send(desk, "/mandates/1/moves", stale, page="/mandates/1").status_code == 409
    ok(send(desk, "/mandates/1/moves", {"move": "strike_off", "version": "2"}, page="/mandates/1"))
    assert "1 / 2 项，50.0%" in desk.get("/mandates").text
    assert "已更换" in desk.get("/mandates/1").text
    change = {"unit_id": web.city.water, "user_id": web.city.mate.user_id, "due_on": "2026-03-09", "version": "1"}
    ok(send(desk, "/mandates/2/assign", change, page="/mandates/2"))
    (second,) = [each for each in list_mandates(web.city.engine, today=TODAY).items if each.number == "2"]
    assert (second.owner, second.unit_name) == ("王强", "水务")


def test_a_list_with_wrong_rows_is_not_taken_in(web: Web, desk: FlaskClient) -> None:
    page = upload(desk, "序号,任务内容,整改时限\n1,甲,下周\n").text
    assert "第 1 行" in page
    assert "“下周”须为" in page
    assert "kept_as" not in page
    gone = {"kept_as": "0" * 64, "name": "x", "received_on": "2026-03-02"}
    assert send(desk, "/mandates/import/take", gone, page="/mandates/import").status_code == 422


@pytest.mark.parametrize(
    "address", ["/shifts", "/patrols", "/patrols/log", "/warnings", "/campaigns", "/consultations", "/mandates"]
)
def test_whoever_only_looks_finds_lists_without_buttons(web: Web, address: str) -> None:
    viewer = web.as_(Role.VIEWER)
    answer = viewer.get(address)
    assert answer.status_code == 200
    assert "/new" not in answer.text


@pytest.mark.parametrize(
    "address", ["/shifts/9", "/patrols/9", "/rounds/9", "/campaigns/9", "/consultations/9", "/mandates/9"]
)
def test_what_does_not_exist_is_said_so(web: Web, desk: FlaskClient, address: str) -> None:
    assert desk.get(address).status_code == 404


def test_no_form_is_shown_for_an_asset_that_a_campaign_is_not_about(web: Web, desk: FlaskClient) -> None:
    form = {"name": "路灯专项", "starts_on": TODAY, "ends_on": "2026-03-11", "quota": "5", "subject": "family:light"}
    ok(send(desk, "/campaigns/new", form, page="/campaigns/new"))
    page = web.as_(Role.CREW).get(f"/campaigns/1/assets/{web.city.asset_id}").text
    assert "这个专项不包括该部件" in page
    assert 'name="result"' not in page
