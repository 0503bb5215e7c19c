"""The pages of supervision and of what goes beyond single cases, as desk and crew use them."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pypdfium2
import pytest
from PIL import Image

from registry.domain.aftercare import Aftercare, Likeness
from registry.domain.kinds import Role
from registry.queries.aftercare import due_rechecks, list_inspections
from registry.queries.supervision import list_items
from registry.services.aftercare import save_aftercare
from registry.services.assets import Parties, set_parties
from registry.services.cases import move_case
from registry.services.repeats import find_repeats
from registry.services.supervising import add_item
from registry.services.supervision import NewItem
from registry.storage.database import writing
from tests.web.conftest import Web, send

KIND = "cover_loose"
WEEK_ON = "2026-03-09T12:00"


def opened(web: Web, *, problem: str = "雨水箅子缺失，行人可能跌落") -> int:
    new = NewItem(
        problem=problem,
        deadline_at=web.clock.now + timedelta(days=7),
        asset_id=web.city.asset_id,
        demand="更换箅子并围护",
    )
    return add_item(web.city.engine, new, by=web.city.dispatcher, now=web.clock.now)


def closed(web: Web, line: Aftercare) -> int:
    city, at = web.city, web.clock.now - timedelta(days=2)
    save_aftercare(city.engine, line, by=city.administrator, now=at)
    case_id, _ = city.open_case(at, kind=KIND)
    for move, by, more in (
        ("dispatch", city.dispatcher, {"assignee_id": city.crew.user_id}),
        ("accept", city.crew, {}),
        ("hand_back", city.crew, {"note": "盖好了"}),
        ("verify", city.dispatcher, {}),
        ("close", city.dispatcher, {}),
    ):
        if move in ("verify", "close") and line.inspect_gate:
            break
        version = city.case(case_id).version
        move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=at, **more)  # type: ignore[arg-type]
    return case_id


def picture() -> io.BytesIO:
    drawn = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(drawn, "JPEG")
    drawn.seek(0)
    return drawn


def test_an_item_is_put_into_the_ledger_answered_with_evidence_and_struck_off(web: Web):
    desk, crew = web.as_(Role.DISPATCHER), web.as_(Role.CREW)
    form = {"asset_id": web.city.asset_id, "problem": "井盖松动", "deadline_at": WEEK_ON}
    answer = send(desk, "/supervision", form, page="/supervision/new")
    assert answer.status_code == 303, answer.text
    where = answer.headers["Location"]
    assert "井盖松动" in desk.get("/supervision").text
    page = crew.get(where).text
    assert "反馈" in page
    assert "延长时限" not in page
    reply = {"move": "reply", "version": 1, "note": "已换新井盖", "file": (picture(), "整改后.jpg")}
    answered = send(crew, f"{where}/moves", reply, page=where, content_type="multipart/form-data")
    assert answered.status_code == 303, answered.text
    page = desk.get(where).text
    evidence = re.search(r'href="(/supervision/evidence/\d+)"', page)
    assert evidence is not None
    with desk.get(evidence.group(1)) as shown:
        assert (shown.mimetype, shown.status_code) == ("image/jpeg", 200)
    assert send(desk, f"{where}/moves", {"move": "strike_off", "version": 2}, page=where).status_code == 303
    assert "100.0" in desk.get("/supervision?tab=struck_off").text


def test_what_is_refused_stays_in_the_form_with_the_reason(web: Web):
    desk = web.as_(Role.DISPATCHER)
    form = {"problem": "井盖松动", "deadline_at": "2025-01-01T00:00"}
    wrong = send(desk, "/supervision", form, page="/supervision/new")
    assert wrong.status_code == 422
    assert "井盖松动" in wrong.text
    assert "须在今后" in wrong.text
    where = f"/supervision/{opened(web)}"
    stale = send(desk, f"{where}/moves", {"move": "note", "version": 7, "note": "看过"}, page=where)
    assert stale.status_code == 409
    assert "看过" in stale.text


def test_a_notice_is_issued_and_its_paper_is_real_chinese_text(web: Web):
    desk = web.as_(Role.DISPATCHER)
    item_id = opened(web)
    page = desk.get(f"/supervision/notices/new?unit_id={web.city.water}").text
    assert "雨水箅子缺失" in page
    form = {
        "unit_id": web.city.water,
        "item_ids": [item_id],
        "title": "督查通知单",
        "demand": "请限期整改",
        "issuer": "示范市城市管理委员会办公室",
        "reply_by": WEEK_ON,
    }
    issued = send(desk, "/supervision/notices", form, page=f"/supervision/notices/new?unit_id={web.city.water}")
    assert issued.status_code == 303, issued.text
    where = issued.headers["Location"]
    assert "督〔2026〕1号" in desk.get(where).text
    paper = desk.get(f"{where}.pdf")
    assert paper.mimetype == "application/pdf"
    text = "".join(pypdfium2.PdfDocument(paper.data)[0].get_textpage().get_text_range().split())
    lines = ("雨水箅子缺失，行人可能跌落", "更换箅子并围护", "2026年3月9日12:00前")
    for words in ("督〔2026〕1号", "督查通知单", "水务：", *lines):
        assert words in text
    withdrawn = send(desk, f"{where}/withdraw", {"why": "单位写错"}, page=where)
    assert withdrawn.status_code == 303
    assert "单位写错" in desk.get(where).text
    assert list_items(web.city.engine, now=web.clock.now, unnoticed=True).items[0].id == item_id


def test_a_crew_sees_its_own_units_items_first_and_may_order_nothing(web: Web):
    opened(web)
    crew = web.as_(Role.CREW)
    assert "雨水箅子缺失" in crew.get("/supervision").text
    assert crew.get("/supervision/new").status_code == 403
    stranger = web.signed_in("stranger")
    assert "雨水箅子缺失" not in stranger.get("/supervision").text


def test_a_recheck_on_a_phone_opens_the_case_again_when_it_is_broken(web: Web):
    case_id = closed(web, Aftercare(kind=KIND, recheck_days=1, recheck_times=1))
    desk = web.as_(Role.DISPATCHER)
    (look,) = due_rechecks(web.city.engine, now=web.clock.now)
    where = f"/rechecks/{look.id}"
    assert where in desk.get("/rechecks").text
    assert "须由他人查看" in web.as_(Role.CREW).get(where).text
    refused = send(desk, where, {"found": "broken"}, page=where)
    assert refused.status_code == 422
    sent = {"found": "broken", "note": "又松了", "photo": (picture(), "a.jpg")}
    done = send(desk, where, sent, page=where, content_type="multipart/form-data")
    assert (done.status_code, done.headers["Location"]) == (303, f"/cases/{case_id}")
    assert "又松了" in desk.get("/rechecks?over=1").text


def test_an_inspection_is_worked_through_by_the_crew_and_waived_by_the_desk(web: Web):
    others = [web.city.add_asset(web.clock.now, name=f"同路井盖{number}", road="中山路") for number in (1, 2)]
    with writing(web.city.engine) as tx:
        for asset_id in others:
            set_parties(tx, asset_id, Parties(maintainer_unit_id=web.city.water), now=web.clock.now)
    closed(web, Aftercare(kind=KIND, inspect_like=(Likeness.ROAD,), inspect_gate=True))
    (row,) = list_inspections(web.city.engine).items
    crew, desk, where = web.as_(Role.CREW), web.as_(Role.DISPATCHER), f"/inspections/{row.id}"
    assert where in crew.get("/inspections").text
    wrong = send(crew, f"{where}/results", {"asset_id": others[0], "result": "wrong"}, page=where)
    assert wrong.status_code == 422
    found = {"asset_id": others[0], "result": "wrong", "note": "也松了"}
    assert send(crew, f"{where}/results", found, page=where).status_code == 303
    page = crew.get(where).text
    assert "也松了" in page
    assert "免于排查" not in page
    assert send(desk, f"{where}/waive", {"why": "台风停工"}, page=where).status_code == 303
    assert "台风停工" in desk.get(where).text
    assert where in desk.get("/inspections?over=1").text


def test_causes_and_measures_of_repeats_are_kept(web: Web):
    closed(web, Aftercare(kind=KIND))
    again, _ = web.city.open_case(web.clock.now, kind=KIND)
    find_repeats(web.city.engine, now=web.clock.now)
    desk, where = web.as_(Role.DISPATCHER), f"/repeats/{again}"
    assert where in desk.get("/repeats").text
    words = {"version": 1, "cause": "井座沉降", "measure": "更换井座", "measure_by": "2026-03-20T18:00"}
    assert send(desk, where, words, page=where).status_code == 303
    assert "井座沉降" in desk.get("/repeats?tab=answered").text
    assert send(desk, f"{where}/done", {"version": 2}, page=where).status_code == 303
    assert "井座沉降" in desk.get("/repeats?tab=done").text


def test_a_typical_case_stands_in_its_quarters_digest(web: Web):
    case_id = closed(web, Aftercare(kind=KIND))
    desk = web.as_(Role.DISPATCHER)
    where = f"/cases/{case_id}/typical"
    marked = send(desk, where, {"title": "一井多病一次修好", "lesson": "全路排查"}, page=where)
    assert marked.headers["Location"] == f"/typical-cases?quarter=2026Q1#case-{case_id}"
    assert "一井多病一次修好" in web.as_(Role.VIEWER).get("/typical-cases?quarter=2026Q1").text
    assert send(desk, f"{where}/remove", {}, page=where).status_code == 303
    assert "一井多病一次修好" not in desk.get("/typical-cases?quarter=2026Q1").text


def test_what_comes_after_closing_is_set_for_each_kind_and_can_be_undone(web: Web):
    desk = web.as_(Role.DISPATCHER)
    form = {
        "kind": KIND,
        "recheck_days": "3",
        "recheck_times": "4",
        "inspect_like": ["class", "cause"],
        "inspect_days": "5",
        "inspect_most": "20",
        "inspect_gate": "1",
        "repeat_days": "60",
        "repeat_m": "12.5",
    }
    assert send(desk, "/aftercare", form, page="/aftercare").status_code == 303
    page = desk.get("/aftercare").text
    assert "每隔 3 天回头看，连续 4 次" in page
    assert "60 天内同一部件或 12.5 米内" in page
    wrong = send(desk, "/aftercare", form | {"recheck_times": "0"}, page="/aftercare")
    assert wrong.status_code == 422
    assert send(desk, "/aftercare/reset", {"kind": KIND}, page="/aftercare").status_code == 303
    assert "每隔 3 天" not in desk.get("/aftercare").text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_empty_page_says_what_to_do(web: Web, language: str):
    desk = web.as_(Role.ADMINISTRATOR)
    send(desk, f"/language/{language}", {})
    for path in ("/supervision", "/supervision/notices", "/rechecks", "/rechecks?over=1", "/inspections", "/repeats"):
        answer = desk.get(path)
        assert answer.status_code == 200
        assert 'class="empty plain"' in answer.text, path
    assert desk.get("/typical-cases").status_code == 200
    assert desk.get("/typical-cases?quarter=2026Q9").status_code == 422
