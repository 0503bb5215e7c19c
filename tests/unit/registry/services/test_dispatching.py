"""The worker dispatches what the table decides, and proposes the rest; what people decided stays theirs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.dispatch_reasons import Why
from registry.domain.dispatch_table import Applies, Whom
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import Source
from registry.domain.people import Actor
from registry.queries import dispatching as dispatch_queries
from registry.services.absences import add_absence, remove_absence
from registry.services.cases import move_case
from registry.services.dispatch_lines import NewLine, remove_line, set_line, set_lines, switch_automatic
from registry.services.dispatching import LOOK_AGAIN, Dispatched, dispatch_certain, proposal_for
from registry.services.posts import NewPost, save_post
from registry.storage.database import reading, writing
from registry.storage.tables import (
    area,
    asset,
    audit,
    dispatch_line,
    dispatch_look,
    entry,
    permit,
    scan,
    shift,
    shift_turn,
)
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def own(city: City, **parties: int) -> None:
    with writing(city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == city.asset_id).values(**parties))


def line(city: City, now: datetime, **said: Any) -> int:
    return set_line(city.engine, NewLine(**said), by=city.dispatcher, now=now)


def see(city: City, by: Actor, at: datetime, *, lon: float, lat: float = 23.1) -> None:
    row = {"at": at, "token": "t", "user_id": by.user_id, "finding": "bound", "lon": lon, "lat": lat}
    with writing(city.engine) as tx:
        tx.execute(insert(scan).values(row))


def do(city: City, case_id: int, move: str, by: Actor, now: datetime, **more: Any) -> None:
    version = city.case(case_id).version
    move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=now, **more)


def last(city: City, case_id: int) -> Any:
    with reading(city.engine) as tx:
        return tx.execute(select(entry).where(entry.c.case_id == case_id).order_by(entry.c.id.desc()).limit(1)).one()


def whys(city: City, case_id: int, now: datetime) -> list[Why]:
    return [reason.why for reason in proposal_for(city.engine, case_id, now=now).proposal.reasons]


# ---- what the worker does by itself


def test_without_a_line_nothing_is_dispatched_and_the_owner_is_proposed(city: City, now: datetime):
    own(city, owner_unit_id=city.water)
    case_id, _ = city.open_case(now)
    assert dispatch_certain(city.engine, now=now) == Dispatched()
    found = proposal_for(city.engine, case_id, now=now)
    assert (found.proposal.unit_id, found.proposal.held) == (city.water, Why.NO_AUTOMATIC_LINE)
    assert whys(city, case_id, now) == [Why.OWNER, Why.UNIT_CHOOSES]


def test_what_a_line_decides_is_dispatched_at_once_with_its_reasons_in_the_timeline(city: City, now: datetime):
    own(city, maintainer_unit_id=city.water)
    line_id = line(city, now, kind="cover_displaced", automatic=True)
    see(city, city.mate, now - timedelta(minutes=5), lon=113.301)
    case_id, _ = city.open_case(now)
    assert dispatch_certain(city.engine, now=now) == Dispatched(sent=1)
    sent = city.case(case_id)
    assert (sent.stage, sent.unit_id, sent.assignee_id) == ("dispatched", city.water, city.mate.user_id)
    kept = last(city, case_id)
    assert (kept.move, kept.by_user_id, kept.detail["automatic"]) == ("dispatch", None, True)
    assert kept.detail["line_id"] == line_id
    assert [reason["why"] for reason in kept.detail["reasons"]] == ["maintainer", "nearest"]
    named = dispatch_queries.kept_reasons(city.engine, kept.detail)
    assert [(each.why, each.values.get("unit")) for each in named] == [(Why.MAINTAINER, "水务"), (Why.NEAREST, None)]
    assert dispatch_certain(city.engine, now=now) == Dispatched()


def test_a_case_that_waits_is_looked_at_once_and_again_when_the_table_or_the_case_changes(city: City, now: datetime):
    line(city, now, kind="water_high", automatic=True)
    case_id, _ = city.open_case(now)
    assert dispatch_certain(city.engine, now=now) == Dispatched(held=1)
    assert dispatch_certain(city.engine, now=now) == Dispatched()
    with reading(city.engine) as tx:
        assert tx.scalar(select(dispatch_look.c.held)) == "no_unit"
    assert dispatch_certain(city.engine, now=now + LOOK_AGAIN) == Dispatched(held=1)
    line(city, now, unit_id=city.power, automatic=True, whom=Whom.QUEUE)
    assert dispatch_certain(city.engine, now=now + LOOK_AGAIN) == Dispatched(sent=1)
    assert city.case(case_id).unit_id == city.power
    with reading(city.engine) as tx:
        assert tx.execute(select(dispatch_look)).all() == []


def test_many_cases_are_dispatched_batch_by_batch_and_what_waits_is_in_nobodys_way(city: City, now: datetime):
    line(city, now, kind="cover_displaced", unit_id=city.water, automatic=True, whom=Whom.QUEUE)
    for number in range(5):
        made = city.add_asset(now, name=f"井盖 {number}", lon=113.4 + number / 100)
        city.open_case(now, asset_id=made)
        city.open_case(now, asset_id=made, kind="cover_loose")
    assert dispatch_certain(city.engine, now=now, batch=3) == Dispatched(sent=5, held=5)


def test_what_citizens_report_is_filed_by_people_before_the_worker_touches_it(city: City, now: datetime):
    line(city, now, unit_id=city.water, automatic=True)
    case_id, _ = city.open_case(now, source=Source.CITIZEN)
    assert dispatch_certain(city.engine, now=now) == Dispatched()
    do(city, case_id, "file", city.dispatcher, now)
    assert dispatch_certain(city.engine, now=now) == Dispatched(sent=1)


def test_a_case_that_was_sent_back_is_never_sent_again_by_itself_nor_to_the_same_unit(city: City, now: datetime):
    own(city, maintainer_unit_id=city.power, owner_unit_id=city.water)
    line(city, now, automatic=True, whom=Whom.QUEUE)
    case_id, _ = city.open_case(now)
    assert dispatch_certain(city.engine, now=now).sent == 1
    do(city, case_id, "return", city.stranger, now, note="不是我们的")
    assert dispatch_certain(city.engine, now=now) == Dispatched()
    do(city, case_id, "confirm_return", city.dispatcher, now)
    assert dispatch_certain(city.engine, now=now) == Dispatched(held=1)
    found = proposal_for(city.engine, case_id, now=now).proposal
    assert (found.unit_id, found.held) == (city.water, Why.RETURNED)
    assert [reason.why for reason in found.reasons][:2] == [Why.GAVE_IT_BACK, Why.OWNER]


def test_an_automatic_dispatch_can_be_taken_back_and_stays_with_people_then(city: City, now: datetime):
    own(city, maintainer_unit_id=city.water)
    line(city, now, automatic=True, whom=Whom.QUEUE)
    case_id, _ = city.open_case(now)
    dispatch_certain(city.engine, now=now)
    do(city, case_id, "recall", city.dispatcher, now)
    taken = city.case(case_id)
    assert (taken.stage, taken.unit_id, taken.dispatches) == ("filed", None, 0)
    assert dispatch_certain(city.engine, now=now) == Dispatched(held=1)
    assert proposal_for(city.engine, case_id, now=now).proposal.held is Why.RECALLED
    do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.power)
    assert city.case(case_id).unit_id == city.power


def test_nothing_is_known_of_a_case_that_is_not_there(city: City, now: datetime):
    with pytest.raises(NotFound):
        proposal_for(city.engine, 404, now=now)


# ---- the facts


def test_an_ownerless_cover_goes_to_the_fallback_and_a_graded_street_has_its_own_line(city: City, now: datetime):
    line(city, now, applies=Applies.OWNERLESS, family="cover", unit_id=city.power)
    case_id, _ = city.open_case(now)
    assert whys(city, case_id, now)[0] is Why.OWNERLESS
    with writing(city.engine) as tx:
        street = {"level": "street", "code": "440803001", "name": "人民街", "grade": "一级", "updated_at": now}
        tx.execute(insert(area).values(street))
        tx.execute(update(asset).where(asset.c.id == city.asset_id).values(area_code="440803001002"))
    line(city, now, grade="一级", unit_id=city.water)
    assert proposal_for(city.engine, case_id, now=now).proposal.unit_id == city.water


def test_who_stands_at_an_open_cover_is_nearer_than_who_scanned_long_ago(city: City, now: datetime):
    own(city, maintainer_unit_id=city.water)
    case_id, _ = city.open_case(now)
    other = city.add_asset(now, lon=113.302)
    see(city, city.crew, now - timedelta(hours=3), lon=113.3)
    with writing(city.engine) as tx:
        row = {
            "asset_id": other,
            "state": "open",
            "work": "清淤",
            "people": 2,
            "started_at": now - timedelta(minutes=20),
            "ends_at": now + timedelta(hours=1),
            "by_user_id": city.mate.user_id,
        }
        tx.execute(insert(permit).values(row))
    found = proposal_for(city.engine, case_id, now=now).proposal
    assert found.assignee_id == city.mate.user_id


def test_the_roster_of_a_unit_says_who_can_be_sent(city: City, now: datetime):
    own(city, maintainer_unit_id=city.water)
    case_id, _ = city.open_case(now)
    see(city, city.crew, now - timedelta(minutes=5), lon=113.3)
    see(city, city.mate, now - timedelta(minutes=5), lon=113.35)
    with writing(city.engine) as tx:
        row = {"unit_id": city.water, "name": "白班", "from_min": 480, "until_min": 960, "days": "every"}
        shift_id = tx.execute(insert(shift).values(**row, updated_at=now).returning(shift.c.id)).scalar_one()
        turn = {"shift_id": shift_id, "day": "2026-03-02", "user_id": city.mate.user_id}
        tx.execute(
            insert(shift_turn).values(**turn, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=7))
        )
    assert proposal_for(city.engine, case_id, now=now).proposal.assignee_id == city.mate.user_id
    night = now + timedelta(hours=10)
    see(city, city.crew, night, lon=113.3)
    assert whys(city, case_id, night)[-1] is Why.NOBODY_ON_DUTY


def test_an_absence_puts_b_on_the_post_and_its_end_brings_a_back(city: City, now: datetime):
    own(city, maintainer_unit_id=city.water)
    case_id, _ = city.open_case(now)
    people = {"a_user_id": city.crew.user_id, "b_user_id": city.mate.user_id}
    save_post(city.engine, None, NewPost(unit_id=city.water, name="抢修岗", **people), by=city.registrar, now=now)
    assert whys(city, case_id, now)[-1] is Why.POST_A
    today = date(2026, 3, 2)
    away = add_absence(city.engine, city.crew.user_id or 0, today, today, note="看病", by=city.dispatcher, now=now)
    assert whys(city, case_id, now)[-1] is Why.POST_B
    assert whys(city, case_id, now + timedelta(days=1))[-1] is Why.POST_A
    remove_absence(city.engine, away, by=city.dispatcher, now=now)
    assert whys(city, case_id, now)[-1] is Why.POST_A
    with reading(city.engine) as tx:
        details = tx.scalars(select(audit.c.detail).where(audit.c.action == "absence.add")).all()
    assert "看病" not in details[0]


# ---- the table


def test_a_line_for_the_same_is_replaced_and_a_removed_one_can_be_put_back(city: City, now: datetime):
    first = line(city, now, kind="cover_displaced", unit_id=city.water)
    assert line(city, now, kind="cover_displaced", unit_id=city.power) == first
    gone = remove_line(city.engine, first, by=city.dispatcher, now=now)
    assert gone == NewLine(kind="cover_displaced", unit_id=city.power)
    set_lines(city.engine, [gone, NewLine(family="light", automatic=True)], by=city.dispatcher, now=now)
    assert len(dispatch_queries.dispatch_lines(city.engine)) == 2


def test_switching_a_line_that_somebody_changed_meanwhile_is_refused(city: City, now: datetime):
    line_id = line(city, now, unit_id=city.water)
    switch_automatic(city.engine, line_id, True, expected_version=1, by=city.dispatcher, now=now)
    with pytest.raises(Conflict):
        switch_automatic(city.engine, line_id, False, expected_version=1, by=city.second_dispatcher, now=now)
    with reading(city.engine) as tx:
        assert tx.execute(select(dispatch_line.c.automatic, dispatch_line.c.version)).one() == (True, 2)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"kind": "flying"}, "kind"),
        ({"family": "cat"}, "family"),
        ({"unit_id": 404}, "unit_id"),
        ({"applies": Applies.OWNERLESS}, "unit_id"),
        ({"scheme": "cjt214-2007", "class_code": "9999"}, "class_code"),
        ({"area_code": "x"}, "area_code"),
        ({"grade": "一" * 21}, "grade"),
    ],
)
def test_a_line_that_can_not_work_is_refused_with_its_field(
    city: City, now: datetime, said: dict[str, Any], field: str
):
    with pytest.raises(InvalidInput) as refused:
        line(city, now, **said)
    assert refused.value.field == field


def test_an_absence_that_ends_before_it_begins_is_refused(city: City, now: datetime):
    with pytest.raises(InvalidInput, match="the last day comes after the first"):
        add_absence(
            city.engine, city.crew.user_id or 0, date(2026, 3, 3), date(2026, 3, 2), by=city.dispatcher, now=now
        )
    with pytest.raises(NotFound):
        add_absence(city.engine, 404, date(2026, 3, 3), None, by=city.dispatcher, now=now)
