"""Class tables on the pages: loaded with a report, extended, and a code explained digit by digit."""

from __future__ import annotations

import io

import pytest

from registry.domain.kinds import Role
from tests.web.conftest import Web, send


def load(web: Web, text: str, **form: str) -> tuple[int, str]:
    sent = {"scheme": "ours-2026", "name_zh": "本市分类", "file": (io.BytesIO(text.encode("gbk")), "分类.csv"), **form}
    answer = send(web.as_(Role.REGISTRAR), "/classes/load", sent, page="/classes/load")
    return answer.status_code, answer.text


def test_a_table_is_checked_loaded_and_opened(web: Web) -> None:
    text = "编码,名称,英文,类型\n0141,路灯(带编码),Numbered light,照明\n0107,电信井盖,,\n"
    status, page = load(web, text, check="1")
    assert (status, "尚未写入" in page) == (200, True)
    viewer = web.as_(Role.VIEWER)
    assert viewer.get("/classes/ours-2026").status_code == 404
    status, page = load(web, text)
    assert (status, "已导入" in page) == (200, True)
    table = viewer.get("/classes/ours-2026").text
    assert "电信井盖" in table
    assert "本市分类" in viewer.get("/classes").text


def test_bad_rows_are_listed_with_their_fix(web: Web) -> None:
    status, page = load(web, "编码,名称\n1,上水井盖\n0102,\n")
    assert status == 422
    assert "不是四位分类编码" in page
    assert "缺少中文名称" in page
    assert "2 行不合格" in page


@pytest.mark.parametrize(
    ("form", "problem"),
    [({"scheme": "我市"}, "小写字母"), ({"name_zh": ""}, "请填写分类表的中文名称"), ({"file": ""}, "请选择文件")],
)
def test_a_form_that_is_not_filled_in_keeps_what_was_typed(web: Web, form: dict[str, str], problem: str) -> None:
    status, page = load(web, "编码,名称\n0101,上水井盖\n", **form)
    assert status == 422
    assert problem in page
    assert "ours-2026" in page or "scheme" in form


def test_a_class_of_the_citys_own_gets_the_next_number(web: Web) -> None:
    registrar = web.as_(Role.REGISTRAR)
    form = {"name_zh": "高杆灯", "family": "light", "major": "01"}
    page = "/classes/gbt30428-2013"
    added = send(registrar, page, form, page=page)
    assert added.location == f"{page}#class-0199"
    assert "高杆灯" in registrar.get(page).text
    refused = send(registrar, page, form, page=page)
    assert refused.status_code == 422
    assert "0199" in refused.text
    assert send(registrar, page, {"name_zh": "新"}, page=page).status_code == 422


def test_a_code_is_explained_digit_by_digit(web: Web) -> None:
    viewer = web.as_(Role.VIEWER)
    good = viewer.get("/classes?code=440803 0101 000001").text
    assert "广东省湛江市霞山区" in good
    assert f"/assets/{web.city.asset_id}" in good
    bad = viewer.get("/classes?code=44080301O1000001").text
    assert "第 9 个字符是“O”，是否应为数字 0？" in bad
