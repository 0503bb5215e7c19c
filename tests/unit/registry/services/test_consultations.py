"""Consultations: numbered each year, decisions with owner and day, linked cases, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.queries.case_ties import ties_of_case
from registry.queries.consultations import consultation_view, list_consultations, open_items
from registry.services.consultations import NewConsultation, NewItem, finish_item, save_consultation
from tests.city import City, build_city

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
NEW = NewConsultation(subject="人民大道积水会商", held_at=NOW, chair="王局", members=("张科长", " 李工 ", "张科长"))


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


def keep(city: City, *items: NewItem, new: NewConsultation = NEW, **more: Any) -> int:
    given = {"consultation_id": None, **more}
    return save_consultation(city.engine, new=new, items=items, by=city.dispatcher, now=NOW, **given)


def number_of(city: City, case_id: int) -> str:
    return str(city.case(case_id).number)


def test_consultations_are_numbered_within_their_year(city: City):
    earlier = NewConsultation(subject="年终会商", held_at=datetime(2025, 12, 31, 15, 0, tzinfo=UTC))
    new_year = NewConsultation(subject="跨年会商", held_at=datetime(2025, 12, 31, 16, 30, tzinfo=UTC))  # 00:30 there
    for new in (NEW, earlier, new_year):
        keep(city, new=new)
    rows = list_consultations(city.engine, today=TODAY).items
    assert [row.number for row in rows] == ["会商〔2026〕2号", "会商〔2025〕1号", "会商〔2026〕1号"]
    assert rows[2].members == ["张科长", "李工"]


def test_items_carry_decisions_and_the_cases_they_are_about(city: City):
    opened = city.open_case(NOW)
    number = number_of(city, opened.case_id)
    item = NewItem(
        subject="雨水箅子堵塞",
        decision="三日内清掏",
        unit_id=city.water,
        due_on=date(2026, 3, 4),
        case_numbers=(number, number),
    )
    found = consultation_view(city.engine, keep(city, item, NewItem(subject="通报")), today=date(2026, 3, 5))
    assert found is not None
    first, second = found.items
    assert [each.number for each in first.cases] == [number]
    assert (first.unit_name, first.late, second.cases) == ("水务", True, [])
    assert (found.row.items, found.row.open_items, found.row.late_items) == (2, 1, 1)
    (tie,) = ties_of_case(city.engine, opened.case_id)
    assert (tie.kind, tie.id, tie.number) == ("consultation", found.row.id, found.row.number)
    assert [each.subject for each in open_items(city.engine, today=TODAY)] == ["雨水箅子堵塞"]


def test_a_decision_is_carried_out_with_a_word_and_taken_back(city: City):
    consultation_id = keep(city, NewItem(subject="积水", decision="清掏", due_on=TODAY))
    shown = consultation_view(city.engine, consultation_id, today=TODAY)
    assert shown is not None
    item_id = shown.items[0].id
    with pytest.raises(InvalidInput, match="how it was carried out"):
        finish_item(city.engine, item_id, done=True, by=city.dispatcher, now=NOW)
    assert finish_item(city.engine, item_id, done=True, note="已清掏", by=city.dispatcher, now=NOW) == consultation_id
    assert open_items(city.engine, today=TODAY) == []
    finish_item(city.engine, item_id, done=False, by=city.dispatcher, now=NOW)
    assert len(open_items(city.engine, today=TODAY)) == 1
    with pytest.raises(NotFound):
        finish_item(city.engine, 99, done=False, by=city.dispatcher, now=NOW)


def test_changing_it_keeps_the_items_that_stay_with_what_was_done(city: City):
    consultation_id = keep(city, NewItem(subject="甲", decision="做"), NewItem(subject="乙"))
    shown = consultation_view(city.engine, consultation_id, today=TODAY)
    assert shown is not None
    finish_item(city.engine, shown.items[0].id, done=True, note="完成", by=city.dispatcher, now=NOW)
    keep(
        city,
        NewItem(subject="丙"),
        NewItem(id=shown.items[0].id, subject="甲", decision="做完"),
        consultation_id=consultation_id,
        version=2,
    )
    again = consultation_view(city.engine, consultation_id, today=TODAY)
    assert again is not None
    assert [(each.subject, each.done_note) for each in again.items] == [("丙", ""), ("甲", "完成")]
    with pytest.raises(Conflict, match="changed meanwhile"):
        keep(city, consultation_id=consultation_id, version=2)


@pytest.mark.parametrize(
    ("new", "items", "field"),
    [
        (NewConsultation(subject=" ", held_at=NOW), (), "subject"),
        (NewConsultation(subject="x", held_at=NOW, place="x" * 121), (), "place"),
        (NewConsultation(subject="x", held_at=NOW, members=["x" * 81]), (), "members"),
        (NEW, (NewItem(subject=" "),), "items"),
        (NEW, (NewItem(subject="甲", id=99),), "items"),
        (NEW, (NewItem(subject="甲", unit_id=99),), "unit_id"),
        (NEW, (NewItem(subject="甲", case_numbers=("2026",)),), "cases"),
        (NEW, (NewItem(subject="甲"),) * 51, "items"),
    ],
)
def test_what_means_nothing_is_refused_at_its_field(
    city: City, new: NewConsultation, items: tuple[NewItem, ...], field: str
):
    with pytest.raises(InvalidInput) as refused:
        keep(city, *items, new=new)
    assert refused.value.field == field
