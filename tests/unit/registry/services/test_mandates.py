"""Tasks from above: taken in from files, assigned, done with proof, struck off by another person."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Source
from registry.domain.mandates import MandateMove, MandateState
from registry.queries.assets import asset_file
from registry.queries.mandates import list_mandates, mandate_lists, mandate_view
from registry.services.mandate_files import read_mandates
from registry.services.mandates import (
    MandateChange,
    NewList,
    assign,
    check_file,
    import_list,
    move_mandate,
    name_asset,
    open_case,
)
from tests.city import City, build_city

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
NEW = NewList(name="省督查反馈问题（第三批）", issued_by="省督查组", received_on=TODAY, file_name="tasks.csv")
LINES = (
    "省督查反馈问题清单\n序号,任务内容,具体位置,责任单位,责任人,整改时限,部件编码\n"
    "1,更换破损井盖,中山路,水务,张三,2026年3月5日,{code}\n"
    "2,路灯不亮,解放路,电力,,2026-03-01,\n"
    "3,占道经营,十字街,城管,李四,,\n"
)


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


def code_of(city: City) -> str:
    return asset_file(city.engine, city.asset_id, now=NOW).code


def file_of(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def taken_in(city: City, tmp_path: Path) -> int:
    path = file_of(tmp_path / "tasks.csv", LINES.format(code=code_of(city)))
    list_id, count = import_list(city.engine, path, NEW, by=city.dispatcher, now=NOW)
    assert count == 3
    return list_id


def rows(city: City, **more: Any) -> list[Any]:
    return list_mandates(city.engine, today=TODAY, **more).items


def test_a_list_is_taken_in_with_units_days_and_assets(city: City, taken_in: int):
    first, second, third = rows(city, list_id=taken_in)
    assert (first.number, first.unit_name, first.owner, first.due_on) == ("1", "水务", "张三", date(2026, 3, 5))
    assert (first.asset_id, second.asset_id) == (city.asset_id, None)
    assert (second.late, second.unit_name, second.owner) == (True, "电力", "")
    assert (third.unit_name, third.owner) == ("", "城管 李四")
    (shown,) = mandate_lists(city.engine, today=TODAY)
    assert (shown.tasks, shown.done, shown.struck, shown.late, shown.struck_share) == (3, 0, 0, 1, 0.0)


def test_a_dry_run_says_which_units_and_assets_are_not_on_file(city: City, tmp_path: Path):
    checked = check_file(city.engine, file_of(tmp_path / "tasks.csv", LINES.format(code="1234567890123456")))
    assert (checked.unknown_units, checked.unknown_codes) == (["城管"], ["1234567890123456"])
    assert len(checked.lines) == 3
    assert mandate_lists(city.engine, today=TODAY) == []


def test_a_workbook_is_read_as_a_csv_is(tmp_path: Path):
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["任务清单"], ["编号", "问题描述", "整改时限"], ["A-1", "井盖破损", datetime(2026, 3, 5)]):  # noqa: DTZ001
        sheet.append(row)
    book.save(tmp_path / "tasks.xlsx")
    lines, problems = read_mandates(tmp_path / "tasks.xlsx")
    assert [(line.number, line.subject, line.due_on) for line in lines] == [("A-1", "井盖破损", date(2026, 3, 5))]
    assert problems == []


def test_every_wrong_row_is_told_with_its_reason_and_nothing_is_kept(city: City, tmp_path: Path):
    text = "序号,任务内容,整改时限\n1,甲,下周\n2,,2026-03-05\n3,丙,2026-02-30\n3,丁,\n3,戊,\n"
    path = file_of(tmp_path / "tasks.csv", text)
    lines, problems = read_mandates(path)
    assert [(each.row, each.field) for each in problems] == [
        (1, "due_on"),
        (2, "subject"),
        (3, "due_on"),
        (5, "number"),
    ]
    assert [line.subject for line in lines] == ["丁"]
    with pytest.raises(InvalidInput, match="row 1: due_on"):
        import_list(city.engine, path, NEW, by=city.dispatcher, now=NOW)
    assert rows(city) == []


@pytest.mark.parametrize("text", ["序号,名称\n1,甲\n", "序号,任务内容\n"])
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str):
    with pytest.raises(InvalidInput) as refused:
        read_mandates(file_of(tmp_path / "tasks.csv", text))
    assert refused.value.field == "file"


def test_nobody_takes_in_the_same_file_twice(city: City, taken_in: int, tmp_path: Path):
    with pytest.raises(Conflict, match="taken in already"):
        import_list(city.engine, tmp_path / "tasks.csv", NEW, by=city.dispatcher, now=NOW)


def test_a_task_is_reported_with_proof_and_struck_off_by_another_person(city: City, taken_in: int):
    task = rows(city)[1]
    given = {"by": city.stranger, "now": NOW}
    with pytest.raises(InvalidInput, match="what was done"):
        move_mandate(city.engine, task.id, MandateMove.REPORT, **given)
    with pytest.raises(NotAllowed, match="another unit"):
        move_mandate(city.engine, task.id, MandateMove.REPORT, note="修好", by=city.crew, now=NOW)
    photo_id = city.add_photo(NOW)
    move_mandate(city.engine, task.id, MandateMove.REPORT, note="换灯", photo_ids=[photo_id], **given)
    with pytest.raises(NotAllowed, match="another person"):
        move_mandate(city.engine, task.id, MandateMove.STRIKE_OFF, **given)
    after = move_mandate(city.engine, task.id, MandateMove.STRIKE_OFF, by=city.dispatcher, now=NOW, version=2)
    assert after is MandateState.STRUCK
    found = mandate_view(city.engine, task.id, today=TODAY)
    assert found is not None
    assert [(each.move, each.by_name, each.note) for each in found.entries] == [
        (MandateMove.REPORT, "赵电", "换灯"),
        (MandateMove.STRIKE_OFF, "陈派", ""),
    ]
    assert (found.row.photo_ids, found.row.struck_by_name, found.row.late) == ([photo_id], "陈派", False)
    (shown,) = mandate_lists(city.engine, today=TODAY)
    assert (shown.struck, shown.late) == (1, 0)


def test_a_proof_that_does_not_convince_is_sent_back_and_forgotten(city: City, taken_in: int):
    task = rows(city)[1]
    move_mandate(city.engine, task.id, MandateMove.REPORT, note="换灯", by=city.stranger, now=NOW)
    with pytest.raises(Conflict, match="changed meanwhile"):
        move_mandate(city.engine, task.id, MandateMove.SEND_BACK, note="没换", by=city.dispatcher, now=NOW, version=1)
    move_mandate(city.engine, task.id, MandateMove.SEND_BACK, note="没换", by=city.dispatcher, now=NOW)
    again = rows(city)[1]
    assert (again.state, again.done_by, again.late) == (MandateState.OPEN, None, True)
    with pytest.raises(InvalidMove, match="report is"):
        move_mandate(city.engine, task.id, MandateMove.STRIKE_OFF, by=city.dispatcher, now=NOW)


def test_a_task_at_an_asset_opens_a_case_from_above_that_has_to_be_closed_first(city: City, taken_in: int):
    task = rows(city)[0]
    opened = open_case(city.engine, task.id, "cover_loose", by=city.dispatcher, now=NOW)
    assert city.case(opened.case_id).source == Source.ABOVE.value
    with pytest.raises(InvalidMove, match="has a case already"):
        open_case(city.engine, task.id, "cover_loose", by=city.dispatcher, now=NOW)
    with pytest.raises(InvalidMove, match="not closed yet"):
        move_mandate(city.engine, task.id, MandateMove.REPORT, note="修好", by=city.crew, now=NOW)
    second = rows(city)[1]
    with pytest.raises(InvalidMove, match="names no asset"):
        open_case(city.engine, second.id, "cover_loose", by=city.dispatcher, now=NOW)
    with pytest.raises(InvalidInput, match="no asset on file"):
        name_asset(city.engine, second.id, "1", by=city.dispatcher, now=NOW)
    name_asset(city.engine, second.id, code_of(city), by=city.dispatcher, now=NOW)
    assert open_case(city.engine, second.id, "cover_loose", by=city.dispatcher, now=NOW) == (opened.case_id, False)


def test_a_task_is_given_to_somebody_and_found_among_their_own(city: City, taken_in: int):
    third = rows(city)[2]
    assert rows(city, mine=(city.mate.user_id, city.water)) == [rows(city)[0]]
    change = MandateChange(owner_id=city.mate.user_id, due_on=date(2026, 3, 9))
    assign(city.engine, third.id, change, by=city.dispatcher, now=NOW, version=1)
    mine = rows(city, mine=(city.mate.user_id, city.water))
    assert [(each.number, each.unit_name, each.owner) for each in mine] == [
        ("1", "水务", "张三"),
        ("3", "水务", "王强"),
    ]
    assert [each.number for each in rows(city, late=True)] == ["2"]
    with pytest.raises(InvalidInput, match="account"):
        assign(city.engine, third.id, MandateChange(owner_id=99), by=city.dispatcher, now=NOW)
    with pytest.raises(NotFound):
        assign(city.engine, 99, MandateChange(), by=city.dispatcher, now=NOW)
