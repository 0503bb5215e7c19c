"""The dispatch desk, the units' queues and the dispatch table, as people use them."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from registry.domain.kinds import Role
from registry.services.assets import Parties, set_parties
from registry.services.cases import move_case
from registry.services.dispatch_lines import NewLine, set_line
from registry.services.dispatching import dispatch_certain
from registry.storage.database import reading, writing
from registry.storage.tables import absence, dispatch_line
from tests.web.conftest import NOON, Web, send


@pytest.fixture
def case_id(web: Web) -> int:
    city = web.city
    with writing(city.engine) as tx:
        set_parties(tx, city.asset_id, Parties(maintainer_unit_id=city.water), by=city.registrar, now=NOON)
    return city.open_case(NOON).case_id


def dispatch(web: Web, case_id: int, **to: int | None) -> None:
    city = web.city
    version = city.case(case_id).version
    move_case(
        city.engine, case_id=case_id, move="dispatch", by=city.dispatcher, expected_version=version, now=NOON, **to
    )


def test_the_desk_sees_what_waits_with_the_proposal_and_sends_it_with_one_click(web: Web, case_id: int):
    dispatcher = web.as_(Role.DISPATCHER)
    page = dispatcher.get("/queues").text
    assert "水务 是该部件登记的养护单位" in page
    form = {"move": "dispatch", "version": 1, "unit_id": web.city.water, "next": "/queues"}
    answer = send(dispatcher, f"/cases/{case_id}/moves", form, page="/queues")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/queues")
    assert (web.city.case(case_id).stage, web.city.case(case_id).unit_id) == ("dispatched", web.city.water)
    assert "没有待派遣的案件" in dispatcher.get("/queues").text


def test_a_case_page_says_why_this_unit_and_who_else_could_go(web: Web, case_id: int):
    page = web.as_(Role.DISPATCHER).get(f"/cases/{case_id}").text
    assert "建议派给" in page
    assert "还考虑了 2 人" in page
    assert "等待派遣员确认" in page
    assert "建议派给" not in web.as_(Role.CREW).get(f"/cases/{case_id}").text


def test_an_automatic_dispatch_says_why_in_the_timeline_and_can_be_taken_back(web: Web, case_id: int):
    city = web.city
    set_line(city.engine, NewLine(automatic=True), by=city.dispatcher, now=NOON)
    assert dispatch_certain(city.engine, now=NOON).sent == 1
    dispatcher = web.as_(Role.DISPATCHER)
    assert "水务 是该部件登记的养护单位（先属主）。" in dispatcher.get(f"/cases/{case_id}").text
    form = {"move": "recall", "version": city.case(case_id).version}
    assert send(dispatcher, f"/cases/{case_id}/moves", form, page="/queues").status_code == 303
    assert "自动派遣已被撤回" in dispatcher.get(f"/cases/{case_id}").text


def test_a_units_queue_shows_what_is_due_first_and_who_has_how_much(web: Web, case_id: int):
    city = web.city
    second = city.open_case(NOON - timedelta(hours=1), kind="cover_loose").case_id
    dispatch(web, second, assignee_id=city.mate.user_id)
    dispatch(web, case_id, assignee_id=city.crew.user_id)
    page = web.as_(Role.CREW).get(f"/queues/{city.water}").text
    order = re.findall(r'href="/cases/(\d+)"', page)
    assert order == [str(case_id), str(second)]
    assert "在办 2 件" in page
    only = web.as_(Role.CREW).get(f"/queues/{city.water}?assignee_id={city.mate.user_id}").text
    assert re.findall(r'href="/cases/(\d+)"', only) == [str(second)]
    web.clock.pass_by(hours=3)
    assert "已超期 1 件" in web.as_(Role.CREW).get(f"/queues/{city.water}").text
    # the wall's number of what is late leads to as many
    late = web.as_(Role.CREW).get(f"/queues/{city.water}?late=1").text
    assert re.findall(r'href="/cases/(\d+)"', late) == [str(case_id)]


def test_an_absence_is_written_down_on_the_units_page_and_ended_there(web: Web):
    city, dispatcher = web.city, web.as_(Role.DISPATCHER)
    page = f"/queues/{city.water}"
    wrong = {"user_id": city.crew.user_id, "first_on": "2026-03-03", "last_on": "2026-03-01"}
    refused = send(dispatcher, f"{page}/absences", wrong, page=page)
    assert refused.status_code == 422
    assert 'value="2026-03-03"' in refused.text
    form = {"user_id": city.crew.user_id, "first_on": "2026-03-02", "last_on": "", "note": "学习"}
    assert send(dispatcher, f"{page}/absences", form, page=page).status_code == 303
    assert "请假" in dispatcher.get(page).text
    assert "学习" in dispatcher.get(page).text
    with reading(city.engine) as tx:
        absence_id = tx.execute(select(absence.c.id)).scalar_one()
    ended = send(dispatcher, f"/absences/{absence_id}/remove", {"next": page}, page=page)
    assert (ended.status_code, ended.headers["Location"]) == (303, page)
    assert "学习" not in dispatcher.get(page).text
    assert dispatcher.get("/queues/404").status_code == 404


def test_a_line_is_added_made_automatic_and_removed_with_its_words_left_in_the_form(web: Web):
    city, dispatcher = web.city, web.as_(Role.DISPATCHER)
    form = {"kind": "cover_displaced", "subject": "family:cover", "unit_id": city.water, "whom": "nearest"}
    assert send(dispatcher, "/dispatch-table", form, page="/dispatch-table").status_code == 303
    page = dispatcher.get("/dispatch-table").text
    assert "最近的在班人员" in page
    with reading(city.engine) as tx:
        line = tx.execute(select(dispatch_line)).one()
    at = f"/dispatch-table/{line.id}"
    switched = {"automatic": "1", "version": line.version}
    assert send(dispatcher, f"{at}/automatic", switched, page="/dispatch-table").status_code == 303
    assert send(dispatcher, f"{at}/automatic", switched, page="/dispatch-table").status_code == 409
    gone = send(dispatcher, f"{at}/remove", {}, page="/dispatch-table")
    assert gone.status_code == 303
    assert 'value="cover_displaced" selected' in dispatcher.get(gone.headers["Location"]).text
    refused = send(dispatcher, "/dispatch-table", {"applies": "ownerless"}, page="/dispatch-table")
    assert refused.status_code == 422
    assert "兜底规则必须写明兜底单位" in refused.text


def upload(content: bytes, name: str = "lines.csv", **more: str) -> dict[str, object]:
    return {"file": (io.BytesIO(content), name), **more}


def test_a_file_is_taken_as_a_whole_or_every_wrong_row_is_told_and_an_export_can_be_read_again(web: Web):
    dispatcher, page = web.as_(Role.DISPATCHER), "/dispatch-table"
    head = "适用,案件类型,大类,部件编码,区域编码,管理等级,单位,派给,自动派遣\n"
    wrong = head + "全部,,井盖,,,,水务,最近,是\n全部,,井盖,,440803,,没有的单位,,\n,,,,,,水务,邻居,\n"
    refused = send(dispatcher, f"{page}/import", upload(wrong.encode()), page=page)
    assert refused.status_code == 422
    assert "第 2 行：" in refused.text
    assert "第 3 行：" in refused.text
    assert "第 1 行：" not in refused.text
    good = head + "全部,cover_displaced,井盖,,,,水务,最近,是\n无主,,井盖,,440803,一级,电力,单位,否\n,,,0118,,,,,是\n"
    checked = send(dispatcher, f"{page}/import", upload(good.encode("gb18030"), check="1"), page=page)
    assert checked.status_code == 303
    with reading(web.city.engine) as tx:
        assert tx.execute(select(dispatch_line)).all() == []
    assert send(dispatcher, f"{page}/import", upload(good.encode()), page=page).status_code == 303
    exported = dispatcher.get("/dispatch-table.csv").data
    again = send(dispatcher, f"{page}/import", upload(exported), page=page)
    assert again.status_code == 303, again.text
    assert dispatcher.get("/dispatch-table.csv").data == exported
    assert exported.decode("utf-8-sig").count("\n") == 4


def test_pages_are_there_in_english_too(web: Web, case_id: int):
    viewer = web.as_(Role.VIEWER)
    viewer.set_cookie("lang", "en")
    for page in ("/queues", f"/queues/{web.city.water}", "/dispatch-table", f"/cases/{case_id}"):
        assert viewer.get(page).status_code == 200, page
