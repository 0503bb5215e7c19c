"""The case standard and the calendar of work on their pages."""

from __future__ import annotations

import io
from datetime import date

import pytest

from registry.domain.case_standard import Step
from registry.domain.kinds import Role
from registry.domain.working_time import Limit, TimeUnit
from registry.queries.standard import line_in_force
from registry.queries.work_calendar import year_view
from tests.web.conftest import Web, send

LINE = {
    "version": "1",
    "name_zh": "路灯单盏不亮",
    "family": "light",
    "severity": "2",
    "repair": "1.5",
    "repair_unit": "work_day",
    "more": "repair@flood=4 工作时",
}


def test_everybody_may_read_the_standard_and_look_through_it(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    page = client.get("/standard").text
    assert all(words in page for words in ("路灯单盏不亮", "2 工作日", "现场围护", "雨水箅子"))
    assert "/standard/load" not in page
    found = client.get("/standard?q=箅子&family=cover").text
    assert "雨水箅子堵塞" in found
    assert "路灯单盏不亮" not in found


def test_a_line_is_changed_and_taken_back(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    send(client, "/standard/lines/lamp_out", LINE, page="/standard/lines/lamp_out")
    line = line_in_force(web.city.engine, "lamp_out")
    assert line.repair_limit() == Limit(amount=1.5, unit=TimeUnit.WORK_DAY)
    assert line.repair_limit(seasons=("flood",)) == Limit(amount=4, unit=TimeUnit.WORK_HOUR)
    page = client.get("/standard/lines/lamp_out").text
    assert "第 2 版" in page
    assert "陈派" in page
    send(client, "/standard/lines/lamp_out/undo", {"version": "2"}, page="/standard/lines/lamp_out")
    assert line_in_force(web.city.engine, "lamp_out").repair_limit().amount == 2


def test_what_was_typed_comes_back_with_what_is_wrong(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    answer = send(client, "/standard/lines/lamp_out", {**LINE, "repair": ""}, page="/standard/lines/lamp_out")
    assert answer.status_code == 422
    assert "缺少处置时限" in answer.text
    assert "repair@flood=4" in answer.text


def test_who_looked_at_an_older_version_is_told(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    send(client, "/standard/lines/lamp_out", LINE, page="/standard/lines/lamp_out")
    answer = send(client, "/standard/lines/lamp_out", {**LINE, "repair": "3"}, page="/standard/lines/lamp_out")
    assert answer.status_code == 409


def test_a_city_adds_a_line_and_pages_call_it_by_its_name(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    new = {
        **LINE,
        "key": "bench_broken",
        "name_zh": "座椅破损",
        "secure": "2",
        "secure_unit": "urgent_hour",
        "more": "",
    }
    send(client, "/standard/new", new, page="/standard/new")
    assert line_in_force(web.city.engine, "bench_broken").limit(Step.SECURE) is not None
    assert "座椅破损" in client.get("/cases").text


def test_a_line_out_of_use_is_marked(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    send(client, "/standard/lines/lamp_rust/retire", {"version": "1", "retired": "1"}, page="/standard/lines/lamp_rust")
    assert "已停用" in client.get("/standard?q=lamp_rust").text


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_standard_is_a_file_that_can_be_loaded_again(web: Web, ending: str) -> None:
    client = web.as_(Role.DISPATCHER)
    file = client.get(f"/standard/file.{ending}")
    assert "attachment" in file.headers["Content-Disposition"]
    answer = send(
        client,
        "/standard/load",
        {"check": "1", "file": (io.BytesIO(file.data), f"standard.{ending}")},
        page="/standard/load",
    )
    assert answer.status_code == 200
    assert "检查通过" in answer.text


def test_a_file_with_a_mistake_is_reported_row_by_row(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    wrong = "编码,名称,处置时限\nlamp_out,路灯不亮,两天\n".encode()
    answer = send(client, "/standard/load", {"file": (io.BytesIO(wrong), "standard.csv")}, page="/standard/load")
    assert answer.status_code == 422
    assert "不是时限" in answer.text


def test_the_year_shows_holidays_make_up_workdays_and_how_many_are_worked(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/work-calendar?year=2026").text
    assert "248 个工作日" in page
    assert "国庆节 · 休息" in page
    assert "国庆节 · 上班" in page
    assert "保存这一天" not in page


def test_a_year_that_is_not_printed_yet_says_so(web: Web) -> None:
    assert "尚未收录" in web.as_(Role.VIEWER).get("/work-calendar?year=2040").text


def test_a_day_of_the_citys_own_is_set_and_taken_back(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    day = {"day": "2026-10-07", "works": "1", "name": "抢险"}
    send(client, "/work-calendar/days", day, page="/work-calendar?year=2026")
    assert [each.day for each in year_view(web.city.engine, 2026).own] == [date(2026, 10, 7)]
    assert "抢险" in client.get("/work-calendar?year=2026").text
    send(client, "/work-calendar/days/2026-10-07/forget", {}, page="/work-calendar?year=2026")
    assert year_view(web.city.engine, 2026).own == []


def test_hours_are_kept_or_said_to_be_wrong(web: Web) -> None:
    client = web.as_(Role.DISPATCHER)
    hours = {"valid_from": "2026-06-01", "windows": "08:00-12:00, 15:00-18:00"}
    send(client, "/work-calendar/hours", hours, page="/work-calendar")
    assert "每天 7 小时" in client.get("/work-calendar?year=2026").text
    answer = send(client, "/work-calendar/hours", {**hours, "windows": "白天"}, page="/work-calendar")
    assert answer.status_code == 422
    assert "不是工作时间" in answer.text


def test_a_limit_is_worked_out_by_the_citys_calendar(web: Web) -> None:
    asked = "/work-calendar?year=2026&start=2026-09-30T16:00&amount=1&unit=work_day"
    assert "2026-10-08 16:00" in web.as_(Role.VIEWER).get(asked).text
