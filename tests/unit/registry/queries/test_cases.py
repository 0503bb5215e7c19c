"""Reading cases: filters, pages, one story, a crew's own tasks, and what a citizen may know."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, update

from registry.domain.case_moves import open_to
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Severity, Source, Stage
from registry.queries.cases import CaseRow, case_file, case_state, crew_members, list_cases, my_tasks, report_status
from registry.services.cases import mark_overdue, move_case, note_alert
from registry.services.reports import report_by_citizen
from registry.storage.database import writing
from registry.storage.tables import case, user
from tests import things
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def do(city: City, case_id: int, move: str, by: Any, now: datetime, **more: Any) -> None:
    version = city.case(case_id).version
    move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=now, **more)


def ids(rows: list[CaseRow]) -> list[int]:
    return [row.id for row in rows]


def put_case(city: City, number: str, opened_at: datetime, **given: Any) -> int:
    row = {"asset_id": city.asset_id, "kind": number, "source": "patrol", "severity": 2, "stage": "dispatched"} | given
    with writing(city.engine) as tx:
        return things.put(tx, case, moment=opened_at, number=number, **row)


def test_an_empty_city_has_an_empty_page(engine: Engine):
    page = list_cases(engine)
    assert (page.items, page.next) == ([], None)


def test_filters_narrow_the_list(city: City, now: datetime):
    elsewhere = city.add_asset(now, name="污水井盖 77", road="解放路")
    loose, _ = city.open_case(now, kind="cover_loose")
    water, _ = city.open_case(now, kind="water_high", asset_id=elsewhere)
    sent, _ = city.open_case(now, kind="pole_leaning")
    do(city, sent, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    gone, _ = city.open_case(now, kind="battery_low")
    do(city, gone, "void", city.dispatcher, now, note="误报")
    mark_overdue(city.engine, now=now + timedelta(hours=10))
    code = list_cases(city.engine, asset_id=elsewhere).items[0].asset_code
    for wanted, filters in (
        ([gone, sent, water, loose], {}),
        ([sent, water, loose], {"open_only": True}),
        ([water, loose], {"stage": Stage.FILED}),
        ([loose], {"kind": "cover_loose"}),
        ([sent], {"assignee_id": city.crew.user_id}),
        ([water], {"asset_id": elsewhere}),
        ([water], {"overdue": True}),
        ([sent, loose], {"overdue": False, "open_only": True}),
        ([water], {"q": "解放"}),
        ([water], {"q": "污水井盖 77"}),
        ([water], {"q": code}),
        ([sent], {"q": city.case(sent).number}),
        ([], {"q": "%"}),
        ([], {"q": "_"}),
        ([gone, sent, water, loose], {"q": "  "}),
    ):
        assert ids(list_cases(city.engine, **filters).items) == wanted, filters


def test_time_and_severity_narrow_the_list_to_what_still_runs_is_due_or_ended_lately(city: City, now: datetime):
    hour = timedelta(hours=1)
    grave = put_case(city, "G1", now, severity=3, deadline_at=now + hour)
    slight = put_case(city, "N1", now - 30 * hour, severity=1, deadline_at=now + 9 * hour)
    put_case(city, "H1", now, severity=3, stage="handed_back", deadline_at=now + hour)
    old = put_case(city, "C1", now - 90 * hour, stage="closed", ended_at=now - 80 * hour)
    fresh = put_case(city, "C2", now - 90 * hour, stage="closed", ended_at=now - hour)
    for wanted, filters in (
        ([slight, grave], {"running": True}),
        ([grave], {"running": True, "severity": 3}),
        ([grave], {"due_after": now, "due_by": now + hour}),
        ([], {"due_after": now + hour, "due_by": now + 2 * hour}),
        ([fresh], {"ended_since": now - 2 * hour}),
        ([fresh, old], {"opened_since": now - 91 * hour, "stage": Stage.CLOSED}),
    ):
        assert sorted(ids(list_cases(city.engine, **filters).items)) == sorted(wanted), filters


def test_pages_follow_each_other_without_gap_or_repeat_while_rows_arrive(city: City, now: datetime):
    wanted = [city.open_case(now, asset_id=city.add_asset(now)).case_id for _ in range(5)]
    page = list_cases(city.engine, limit=2)
    seen = ids(page.items)
    city.open_case(now)
    while page.next:
        page = list_cases(city.engine, limit=2, after=page.next)
        seen += ids(page.items)
    assert seen == wanted[::-1]


@pytest.mark.parametrize(("field", "arguments"), [("after", {"after": "???"}), ("limit", {"limit": 0})])
def test_a_page_that_does_not_exist_is_refused(engine: Engine, field: str, arguments: dict):
    with pytest.raises(InvalidInput) as refused:
        list_cases(engine, **arguments)
    assert refused.value.field == field


def test_the_file_tells_the_whole_story(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    alert_id = city.add_alert(case_id, now)
    with writing(city.engine) as tx:
        note_alert(tx, case_id=case_id, move="alert_attached", detail={"alert_id": alert_id}, now=now)
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    do(city, case_id, "accept", city.crew, now)
    do(city, case_id, "hand_back", city.crew, now, photo_ids=[city.add_photo(now)])
    file = case_file(city.engine, case_id)
    assert file is not None
    assert [(line.move, line.by_name) for line in file.entries] == [
        ("collect", None),
        ("file", None),
        ("alert_attached", None),
        ("dispatch", "陈派"),
        ("accept", "李敏"),
        ("hand_back", "李敏"),
    ]
    assert file.entries[3].detail["assignee_name"] == "李敏"
    assert file.entries[3].detail["unit_name"] == "水务"
    assert (file.stage, file.version, file.unit_name, file.assignee_name) == (Stage.HANDED_BACK, 4, "水务", "李敏")
    assert (file.asset_name, file.source, file.severity) == ("上水井盖 1", Source.SENSOR, Severity.ALARM)
    assert [found.id for found in file.alerts] == [alert_id]
    assert len(file.photos) == 1
    state = case_state(city.engine, case_id)
    assert state is not None
    desk = ["ask_verification", "verify", "rework", "supervise", "merge", "void", "note"]
    assert [move.name for move in open_to(state, city.dispatcher)] == desk
    assert open_to(state, city.stranger) == []
    assert msgspec.json.decode(msgspec.json.encode(file))["number"] == file.number


def test_a_case_that_does_not_exist_has_no_file(engine: Engine):
    assert case_file(engine, 999) is None


def test_the_reports_of_citizens_stand_in_the_file(city: City, now: datetime):
    kept = report_by_citizen(
        city.engine, asset_id=city.asset_id, text="响", contact="139", photo=city.add_photo(now), now=now
    )
    (row,) = list_cases(city.engine).items
    file = case_file(city.engine, row.id)
    assert file is not None
    assert (row.number, row.stage) == (kept.case_number, Stage.COLLECTED)
    assert [(found.text, found.contact) for found in file.reports] == [("响", "139")]
    assert len(file.photos) == 1


def test_a_crews_tasks_are_theirs_their_units_and_nobodys_worst_first(city: City, now: datetime):
    def sent(kind: str, severity: Severity = Severity.ALARM, **whom: Any) -> int:
        case_id, _ = city.open_case(now, kind=kind, severity=severity)
        do(city, case_id, "dispatch", city.dispatcher, now, **whom)
        return case_id

    units = sent("cover_loose", unit_id=city.water)
    mine = sent("water_high", assignee_id=city.crew.user_id)
    worst = sent("cover_displaced", Severity.CRITICAL, assignee_id=city.crew.user_id)
    sent("pole_leaning", assignee_id=city.mate.user_id)
    sent("battery_low", unit_id=city.power)
    nobodys = sent("device_stuck", unit_id=city.power)
    with writing(city.engine) as tx:
        tx.execute(update(case).where(case.c.id == nobodys).values(unit_id=None))
    city.open_case(now, kind="device_silent")
    assert city.crew.user_id is not None
    assert ids(my_tasks(city.engine, city.crew.user_id)) == [worst, mine, units, nobodys]
    do(city, mine, "accept", city.crew, now)
    do(city, mine, "hand_back", city.crew, now, note="好了")
    assert mine not in ids(my_tasks(city.engine, city.crew.user_id))


def test_the_people_who_can_be_sent_are_listed_with_their_load(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    with writing(city.engine) as tx:
        tx.execute(update(user).where(user.c.id == city.mate.user_id).values(active=False))
    assert {(one.name, one.unit_name, one.open_cases) for one in crew_members(city.engine)} == {
        ("李敏", "水务", 1),
        ("赵电", "电力", 0),
    }


def test_a_citizen_hears_how_far_it_is_and_never_who(city: City, now: datetime):
    kept = report_by_citizen(city.engine, asset_id=city.asset_id, text="井盖响", contact="139-0", photo=None, now=now)
    case_id = list_cases(city.engine).items[0].id
    do(city, case_id, "file", city.dispatcher, now + timedelta(minutes=1))
    do(city, case_id, "dispatch", city.dispatcher, now + timedelta(minutes=2), assignee_id=city.crew.user_id)
    status = report_status(city.engine, kept.key)
    assert status is not None
    assert (status.number, status.stage, status.road, status.text) == (
        kept.case_number,
        "dispatched",
        "中山路",
        "井盖响",
    )
    assert status.asset_class_zh == "上水井盖"
    assert (status.filed_at, status.dispatched_at) == (now + timedelta(minutes=1), now + timedelta(minutes=2))
    shown = msgspec.json.encode(status).decode()
    assert not [private for private in ("139-0", "李敏", "陈派") if private in shown]


def test_a_key_that_nobody_was_given_shows_nothing(city: City):
    assert report_status(city.engine, "guess") is None
