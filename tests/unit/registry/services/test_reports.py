"""A citizen's report: joins the open case of its asset or opens one; what is private stays out of timeline and feed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import InvalidInput, NotFound
from registry.services.cases import move_case
from registry.services.reports import Report, report_by_citizen
from registry.storage.database import reading
from registry.storage.tables import case, entry, photo, report
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def tell(city: City, now: datetime, text: str = "井盖响", contact: str = "", photo: int | None = None) -> Report:
    return report_by_citizen(city.engine, asset_id=city.asset_id, text=text, contact=contact, photo=photo, now=now)


def test_the_first_report_opens_a_case_that_waits_to_be_filed(city: City, now: datetime):
    told = tell(city, now)
    with reading(city.engine) as tx:
        row = tx.execute(select(case)).one()
        first = tx.execute(select(entry)).one()
    assert (row.number, row.kind, row.stage, row.source) == (told.case_number, "reported", "collected", "citizen")
    assert (first.move, first.note, first.by_user_id) == ("collect", "井盖响", None)


def test_the_second_report_joins_it_with_an_entry_and_its_photo(city: City, now: datetime):
    first = tell(city, now)
    picture = city.add_photo(now)
    second = tell(city, now + timedelta(minutes=1), text="还在响", photo=picture)
    assert second.case_number == first.case_number
    assert second.key != first.key
    with reading(city.engine) as tx:
        last = tx.execute(select(entry).order_by(entry.c.id.desc()).limit(1)).one()
        assert (last.move, last.note, last.detail["photo_ids"]) == ("report", "还在响", [picture])
        assert tx.scalar(select(photo.c.case_id)) == tx.scalar(select(case.c.id))


def test_a_report_after_the_case_ended_opens_another(city: City, now: datetime):
    first = tell(city, now)
    with reading(city.engine) as tx:
        case_id = tx.scalar(select(case.c.id))
    move_case(
        city.engine, case_id=case_id, move="void", by=city.dispatcher, expected_version=1, now=now, note="看过, 没事"
    )
    assert tell(city, now).case_number != first.case_number


def test_the_contact_stands_in_the_report_alone(city: City, now: datetime):
    tell(city, now, contact="139-0000-0000")
    with reading(city.engine) as tx:
        assert tx.scalar(select(report.c.contact)) == "139-0000-0000"
        written = [str(tuple(row)) for row in tx.execute(select(entry))]
    assert not [text for text in [*written, str(city.feed())] if "139-0000" in text]


def test_a_key_can_not_be_guessed_from_another(city: City, now: datetime):
    keys = [tell(city, now).key for _ in range(50)]
    assert len(set(keys)) == 50
    assert {len(key) for key in keys} == {24}


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("text", {"text": " \n "}),
        ("text", {"text": "响" * 1001}),
        ("contact", {"contact": "1" * 121}),
        ("photo", {"photo": 999}),
    ],
)
def test_what_can_not_be_used_is_refused_by_field_and_nothing_is_kept(
    city: City, now: datetime, field: str, told: dict
):
    with pytest.raises(InvalidInput) as refused:
        tell(city, now, **told)
    assert refused.value.field == field
    with reading(city.engine) as tx:
        assert tx.execute(select(case.c.id)).all() == []


def test_another_assets_photo_is_refused(city: City, now: datetime):
    with pytest.raises(InvalidInput, match="was not kept for this asset"):
        tell(city, now, photo=city.add_photo(now, asset_id=city.add_asset(now)))


def test_an_unknown_asset_is_named(city: City, now: datetime):
    with pytest.raises(NotFound):
        report_by_citizen(city.engine, asset_id=999, text="响", contact="", photo=None, now=now)
