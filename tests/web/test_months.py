"""The end of a month on its pages: closed, opened to its cases, corrected, approved by another, published."""

from __future__ import annotations

import io
import re

import openpyxl
import pypdfium2
import pytest

from benchmarks._month_city import CHINA, NOW, MonthCity
from registry.domain.kinds import Role
from registry.queries.months import find_month, month_cases
from registry.queries.score_schemes import find_scheme
from registry.services.month_closing import close_month
from tests.web.conftest import Web, send


@pytest.fixture
def closed(web: Web) -> Web:
    """A city whose February was asked for by the dispatcher and is counted."""
    MonthCity(5, 0.001).write(web.city.engine)
    answer = send(web.as_(Role.DISPATCHER), "/months", {"month": "2023-02", "scheme": ""}, page="/months")
    assert answer.headers["Location"] == "/months/2023-02"
    assert "正在统计" in web.as_(Role.VIEWER).get("/months/2023-02").text
    assert web.as_(Role.VIEWER).get("/months/2023-02/progress").json["finished"] is False
    close_month(web.city.engine, "2023-02", clock=lambda: NOW, zone=CHINA)
    return web


def version(web: Web) -> dict[str, int]:
    return {"version": find_month(web.city.engine, "2023-02").version}


def test_a_month_that_is_not_over_is_refused_at_its_field(web: Web) -> None:
    answer = send(web.as_(Role.DISPATCHER), "/months", {"month": "2099-01", "scheme": ""}, page="/months")
    assert (answer.status_code, "2099-01 尚未结束" in answer.text) == (422, True)
    wrong = send(web.as_(Role.DISPATCHER), "/months", {"month": "2023-13", "scheme": ""}, page="/months")
    assert (wrong.status_code, "请写成 2026-11" in wrong.text) == (422, True)


def test_the_bulletin_has_its_lines_and_every_number_opens_to_its_cases(closed: Web) -> None:
    client = closed.as_(Role.VIEWER)
    page = client.get("/months/2023-02").text
    for words in (
        "发现数",
        "自行处置数",
        "超期未处置数",
        "超时完成数",
        "返工数",
        "二次派遣数",
        "雨水箅子",
        "名次",
        "处置率",
    ):
        assert words in page
    assert "送审稿" in page
    links = set(re.findall(r'href="(/months/2023-02/cases\?[^"]+)"[^>]*>([\d,]+)<', page))
    assert len(links) > 20
    for address, number in sorted(links)[:12]:
        opened = client.get(address.replace("&amp;", "&")).text
        assert opened.count('class="main"') == int(number)


def test_who_closed_it_does_not_approve_it_and_another_does(closed: Web) -> None:
    own = send(closed.as_(Role.DISPATCHER), "/months/2023-02/approve", version(closed), page="/months/2023-02")
    assert own.status_code == 403
    assert closed.visitor().get("/bulletins/2023-02").status_code == 404
    other = closed.as_(Role.ADMINISTRATOR)
    assert send(other, "/months/2023-02/publish", version(closed), page="/months/2023-02").status_code == 409
    assert send(other, "/months/2023-02/approve", version(closed), page="/months/2023-02").status_code == 303
    assert send(other, "/months/2023-02/publish", version(closed), page="/months/2023-02").status_code == 303
    public = closed.visitor()
    assert "2023-02" in public.get("/bulletins").text
    page = public.get("/bulletins/2023-02").text
    assert "经济技术开发区" in page
    assert "/cases" not in page


def test_a_correction_leaves_a_trail_and_the_public_sees_what_was_published(closed: Web) -> None:
    engine, boss = closed.city.engine, closed.as_(Role.ADMINISTRATOR)
    for act in ("approve", "publish"):
        send(boss, f"/months/2023-02/{act}", version(closed), page="/months/2023-02")
    late = month_cases(engine, "2023-02", count="handled_late").items[0]  # type: ignore[arg-type]
    form = {"case_id": late.case_id, "kind": "exempt", "reason": "台风红色预警", **version(closed)}
    stale = send(boss, "/months/2023-02/correct", form | {"version": 1}, page="/months/2023-02")
    assert stale.status_code == 409
    empty = send(boss, "/months/2023-02/correct", form | {"reason": " "}, page="/months/2023-02")
    assert (empty.status_code, "说明原因" in empty.text) == (422, True)
    assert send(boss, "/months/2023-02/correct", form, page="/months/2023-02").status_code == 303
    page = boss.get("/months/2023-02").text
    assert all(words in page for words in ("台风红色预警", "+ 免责数", "第 2 次统计", "发布后有更正"))
    assert "第 1 次统计" in closed.visitor().get("/bulletins/2023-02").text
    again = send(boss, "/months/2023-02/correct", form | version(closed), page="/months/2023-02")
    assert (again.status_code, "没有变化" in again.text) == (422, True)


def test_the_files_are_a_pdf_with_real_text_and_a_workbook(closed: Web) -> None:
    client = closed.as_(Role.VIEWER)
    content = client.get("/months/2023-02/file.pdf").data
    document = pypdfium2.PdfDocument(content)
    text = "".join(document[number].get_textpage().get_text_range() for number in range(len(document)))
    document.close()
    assert "2023年2月城市管理考评通报（送审稿，未发布）" in text
    assert "超期未处置" in text
    assert "经济技术开发区" in text
    book = openpyxl.load_workbook(io.BytesIO(client.get("/months/2023-02/file.xlsx").data))
    assert book.sheetnames == ["总体情况", "指标", "县(市、区)", "责任单位", "街道(镇)"]
    assert client.get("/months/2023-02/file.doc").status_code == 404


def test_a_scheme_is_changed_as_a_new_version_and_what_cannot_be_read_is_said(web: Web) -> None:
    boss = web.as_(Role.ADMINISTRATOR)
    page = boss.get("/score-schemes/yangzhou").text
    assert "12319热线" in page
    shown = find_scheme(web.city.engine, "yangzhou")
    wrong = send(boss, "/score-schemes/yangzhou", {"scheme": "{", "version": 1}, page="/score-schemes/yangzhou")
    assert wrong.status_code == 422
    text = boss.get("/score-schemes/yangzhou").text
    assert shown.version == 0
    assert "附加" in text


def test_points_by_hand_change_the_score_of_one_and_are_told(web: Web) -> None:
    MonthCity(5, 0.001).write(web.city.engine)
    boss = web.as_(Role.ADMINISTRATOR)
    send(boss, "/months", {"month": "2023-02", "scheme": "yangzhou"}, page="/months")
    close_month(web.city.engine, "2023-02", clock=lambda: NOW, zone=CHINA)
    form = {"subject": "districts:440803", "row": "events", "points": "4.5", "reason": "马拉松保障", **version(web)}
    assert send(boss, "/months/2023-02/marks", form, page="/months/2023-02").status_code == 303
    assert "马拉松保障" in boss.get("/months/2023-02").text
    much = send(boss, "/months/2023-02/marks", form | {"points": "6"} | version(web), page="/months/2023-02")
    assert much.status_code == 422


def test_a_line_of_the_ledger_is_decided_by_somebody_else(web: Web) -> None:
    desk, boss = web.as_(Role.DISPATCHER), web.as_(Role.ADMINISTRATOR)
    form = {
        "unit_id": web.city.water,
        "kind": "reward",
        "amount": "500",
        "reason": "抢险",
        "month": "",
        "case_number": "",
    }
    assert send(desk, "/awards", form, page="/awards").status_code == 303
    decision = {"decision": "approve", "note": "同意", "version": 1}
    assert send(desk, "/awards/1/decide", decision, page="/awards").status_code == 403
    assert send(boss, "/awards/1/decide", decision, page="/awards").status_code == 303
    assert send(boss, "/awards/1/decide", decision, page="/awards").status_code == 409
    assert "500 元" in boss.get("/awards").text


def test_a_program_reads_the_bulletin_its_cases_and_the_trail(closed: Web) -> None:
    client = closed.as_(Role.ADMINISTRATOR)
    assert [one["key"] for one in client.get("/api/v1/months").json["items"]] == ["2023-02"]
    told = client.get("/api/v1/months/2023-02").json
    numbers = {line["count"]: line["cases"] for line in told["numbers"]}
    page = client.get("/api/v1/months/2023-02/cases?count=open_overdue&limit=2").json
    assert (len(page["items"]), numbers["open_overdue"] > 2) == (2, page["next"] is not None)
    assert client.get("/api/v1/months/2023-02/corrections").json == {"items": []}
    assert client.get("/api/v1/months/2020-01").status_code == 404
    assert {one["key"] for one in client.get("/api/v1/score-schemes").json["items"]} >= {"jinniu", "jinhua"}
