"""Moving cases: one transaction for case, timeline, photos and feed; and who was first is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import CaseRole, Severity, Source
from registry.domain.people import Actor
from registry.domain.tokens import Finding
from registry.services.case_opening import Place, open_at_place
from registry.services.case_resuming import resume_due
from registry.services.cases import CaseMoved, decide_request, mark_overdue, move_case
from registry.services.reports import report_by_citizen
from registry.services.scans import Scan
from registry.services.seasons import install_shipped_seasons
from registry.storage.database import reading, writing
from registry.storage.tables import alert, case_task, entry, photo, report
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def do(city: City, case_id: int, move: str, by: Actor, now: datetime, **more: Any) -> CaseMoved:
    version = more.pop("version", None) or city.case(case_id).version
    return move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=now, **more)


def last_entry(city: City, case_id: int) -> Any:
    with reading(city.engine) as tx:
        return tx.execute(select(entry).where(entry.c.case_id == case_id).order_by(entry.c.id.desc()).limit(1)).one()


def test_the_whole_way_from_the_sensor_to_the_closed_case(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    do(city, case_id, "accept", city.crew, now)
    do(city, case_id, "hand_back", city.crew, now, note="盖好了", photo_ids=[city.add_photo(now)])
    do(city, case_id, "verify", city.dispatcher, now)
    moved = do(city, case_id, "close", city.dispatcher, now + timedelta(minutes=5))
    assert (moved.stage, moved.version) == ("closed", 6)
    assert city.case(case_id).ended_at == now + timedelta(minutes=5)
    assert [line[0] for line in city.timeline(case_id)] == [
        "collect",
        "file",
        "dispatch",
        "accept",
        "hand_back",
        "verify",
        "close",
    ]
    moves = [body["move"] for kind, body in city.feed() if kind == "case_moved"]
    assert moves == ["dispatch", "accept", "hand_back", "verify", "close"]


def test_a_refused_move_changes_nothing(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    before = (city.case(case_id), city.timeline(case_id), city.feed())
    for move, by, error in (
        ("verify", city.dispatcher, InvalidMove),
        ("dispatch", city.crew, NotAllowed),
        ("dispatch", city.viewer, NotAllowed),
        ("dispatch", city.dispatcher, InvalidInput),
        ("fly", city.dispatcher, InvalidInput),
    ):
        with pytest.raises(error):
            do(city, case_id, move, by, now)
    assert (city.case(case_id), city.timeline(case_id), city.feed()) == before


def test_who_was_first_and_what_they_did_is_told(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.second_dispatcher, now, unit_id=city.water)
    with pytest.raises(Conflict) as refused:
        do(city, case_id, "void", city.dispatcher, now, note="误报", version=1)
    assert str(refused.value) == (
        "case 2026030200001 has changed: 周派 did dispatch meanwhile; it is dispatched now. "
        "Load it again and decide anew"
    )


def test_of_ten_dispatchers_at_once_one_wins(city: City, now: datetime):
    case_id, _ = city.open_case(now)

    def try_it(_: int) -> bool:
        try:
            do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.water, version=1)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(try_it, range(10))) == 1
    assert [line[0] for line in city.timeline(case_id)].count("dispatch") == 1


def test_dispatching_a_person_dispatches_their_unit_too(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    moved = do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    assert (moved.assignee_id, moved.unit_id) == (city.crew.user_id, city.water)
    # the clock of mending starts with the first dispatch
    assert last_entry(city, case_id).detail == {
        "assignee_id": city.crew.user_id,
        "unit_id": city.water,
        "deadline_at": (now + timedelta(hours=2)).isoformat(),
    }


def test_dispatching_needs_a_real_crew_member_and_unit(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    for field, value in (("assignee_id", city.viewer.user_id), ("assignee_id", 999), ("unit_id", 999)):
        with pytest.raises(InvalidInput) as refused:
            do(city, case_id, "dispatch", city.dispatcher, now, **{field: value})
        assert refused.value.field == field


def test_photos_go_into_the_case_with_the_move(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.water)
    picture = city.add_photo(now)
    do(city, case_id, "note", city.crew, now, photo_ids=[picture, picture])
    with reading(city.engine) as tx:
        assert tx.scalar(select(photo.c.case_id).where(photo.c.id == picture)) == case_id
    assert last_entry(city, case_id).detail == {"photo_ids": [picture]}


def test_a_photo_of_something_else_or_of_another_case_is_refused(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    elsewhere = city.add_photo(now, asset_id=city.add_asset(now))
    taken = city.add_photo(now)
    other, _ = city.open_case(now, kind="water_high")
    do(city, other, "note", city.dispatcher, now, photo_ids=[taken])
    for wrong in (elsewhere, taken, 999):
        with pytest.raises(InvalidInput) as refused:
            do(city, case_id, "note", city.dispatcher, now, photo_ids=[wrong])
        assert refused.value.field == "photo"
    assert city.case(case_id).version == 1


def test_a_photo_taken_since_accepting_is_enough_to_hand_back(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.water)
    do(city, case_id, "note", city.crew, now, photo_ids=[city.add_photo(now)])
    later = now + timedelta(minutes=20)
    do(city, case_id, "accept", city.crew, later)
    with pytest.raises(InvalidInput, match="needs a note or a photo"):
        do(city, case_id, "hand_back", city.crew, later)
    do(city, case_id, "note", city.crew, later, photo_ids=[city.add_photo(later)])
    assert do(city, case_id, "hand_back", city.crew, later).stage == "handed_back"


def test_the_scan_of_the_plate_stands_in_the_entry(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.water)
    here = Scan(finding=Finding.ACTIVE, token="T", asset_id=city.asset_id, distance_m=4.5, problem="")
    other = Scan(finding=Finding.ACTIVE, token="T", asset_id=city.add_asset(now), distance_m=4.5, problem="")
    with pytest.raises(InvalidInput, match="scan its own plate"):
        do(city, case_id, "accept", city.crew, now, scan=other)
    do(city, case_id, "accept", city.crew, now, scan=here)
    detail = last_entry(city, case_id).detail
    assert detail == {"scanned": True, "distance_m": 4.5, "assignee_id": city.crew.user_id}


def test_reopening_waits_for_the_other_open_case_of_that_kind(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "void", city.dispatcher, now, note="误报")
    newer, _ = city.open_case(now)
    with pytest.raises(Conflict, match=city.case(newer).number):
        do(city, case_id, "reopen", city.dispatcher, now, note="不是误报")
    do(city, newer, "void", city.dispatcher, now, note="重复")
    assert do(city, case_id, "reopen", city.dispatcher, now, note="不是误报").stage == "filed"


def test_a_case_that_does_not_exist_is_named(city: City, now: datetime):
    with pytest.raises(NotFound, match="case 999"):
        do(city, 999, "close", city.dispatcher, now, version=1)


def test_a_case_that_is_filed_again_or_extended_has_the_seasons_time(city: City, now: datetime):
    with writing(city.engine) as tx:
        install_shipped_seasons(tx)
    july = now + timedelta(days=135)
    case_id, _ = city.open_case(july, kind="water_high")
    do(city, case_id, "dispatch", city.dispatcher, july, unit_id=city.water)
    do(city, case_id, "extend", city.dispatcher, july, note="水泵在途")
    assert city.case(case_id).deadline_at == july + timedelta(hours=4)
    do(city, case_id, "void", city.dispatcher, july, note="误报")
    later = july + timedelta(days=120)
    do(city, case_id, "reopen", city.dispatcher, later, note="又来了")
    do(city, case_id, "dispatch", city.dispatcher, later, unit_id=city.water)
    assert city.case(case_id).deadline_at == later + timedelta(hours=4)


def test_overdue_is_marked_once_with_the_deadline_as_its_moment(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.water)
    city.open_case(now, kind="cover_loose")
    deadline = now + timedelta(hours=2)
    assert mark_overdue(city.engine, now=deadline - timedelta(milliseconds=1)) == 0
    assert mark_overdue(city.engine, now=deadline + timedelta(hours=1)) == 1
    assert mark_overdue(city.engine, now=deadline + timedelta(hours=2)) == 0
    found = city.case(case_id)
    assert (found.overdue_at, found.version) == (deadline, 2)
    assert city.timeline(case_id)[-1] == ("overdue", "dispatched", "dispatched")
    kind, body = city.feed()[-1]
    assert (kind, body["case_id"], body["road"]) == ("case_overdue", case_id, "中山路")


def test_what_is_suspended_or_handed_back_does_not_become_overdue(city: City, now: datetime):
    parked, _ = city.open_case(now)
    do(city, parked, "suspend", city.dispatcher, now, note="等", until=now + timedelta(days=30))
    done, _ = city.open_case(now, kind="water_high")
    do(city, done, "dispatch", city.dispatcher, now, unit_id=city.water)
    do(city, done, "accept", city.crew, now)
    do(city, done, "hand_back", city.crew, now, note="退水了")
    assert mark_overdue(city.engine, now=now + timedelta(days=9)) == 0


def test_a_late_hand_back_is_marked_even_while_the_worker_is_away(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.water)
    do(city, case_id, "accept", city.crew, now)
    do(city, case_id, "hand_back", city.crew, now + timedelta(hours=3), note="好了")
    assert city.case(case_id).overdue_at == now + timedelta(hours=2)
    assert [line[0] for line in city.timeline(case_id)][-2:] == ["overdue", "hand_back"]
    assert mark_overdue(city.engine, now=now + timedelta(hours=4)) == 0


def test_more_cases_than_one_transaction_takes_are_all_marked(city: City, now: datetime):
    assets = [city.add_asset(now) for _ in range(5)]
    for asset_id in assets:
        city.open_case(now, asset_id=asset_id)
    assert mark_overdue(city.engine, now=now + timedelta(days=1), batch=2) == 5


def test_a_request_goes_through_its_chain_and_asks_nobody_twice(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    do(city, case_id, "accept", city.crew, now)
    asked = do(city, case_id, "request_extension", city.crew, now, note="等配件")
    assert asked.request_id is not None
    shift, sender = (
        replace(city.dispatcher, given_case_roles=frozenset({CaseRole.SHIFT_SUPERVISOR})),
        replace(city.second_dispatcher, given_case_roles=frozenset({CaseRole.DISPATCHER})),
    )
    with pytest.raises(NotAllowed, match="this step is for shift_supervisor"):
        decide(city, asked, sender, now, granted=True)
    first = decide(city, asked, shift, now, granted=True)
    assert (first.move, first.deadline_at) == ("approve", now + timedelta(hours=2))
    granted = decide(city, first, sender, now, granted=True)
    assert (granted.move, granted.deadline_at) == ("extend", now + timedelta(hours=4))
    assert last_entry(city, case_id).note == "等配件"
    with pytest.raises(Conflict, match="is granted already"):
        decide(city, granted, sender, now, granted=True)


def test_a_refusal_ends_a_chain_and_says_why(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    asked = do(city, case_id, "request_suspension", city.crew, now, note="等断面", until=now + timedelta(days=9))
    with pytest.raises(InvalidInput, match="a refusal needs a reason"):
        decide(city, asked, city.dispatcher, now, granted=False, note="")
    assert decide(city, asked, city.dispatcher, now, granted=False, note="抓紧").stage == "dispatched"
    # refused, it may be asked for again
    assert do(city, case_id, "request_suspension", city.crew, now, note="真要等", until=now + timedelta(days=9))


def test_an_appeal_takes_two_people_whatever_their_posts(city: City, now: datetime):
    case_id = closed_case(city, now)
    asked = do(city, case_id, "appeal", city.crew, now, note="道路被围挡")
    first = decide(city, asked, city.dispatcher, now, granted=True)
    with pytest.raises(NotAllowed, match="an appeal takes two people"):
        decide(city, first, city.dispatcher, now, granted=True)
    decide(city, first, city.second_dispatcher, now, granted=True)
    assert city.case(case_id).exempt


def test_who_asked_does_not_decide(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    asked = do(city, case_id, "request_extension", city.dispatcher, now, note="等配件")
    with pytest.raises(NotAllowed, match="陈派 asked for it"):
        decide(city, asked, city.dispatcher, now, granted=True)


def test_handing_back_withdraws_what_nobody_decided(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    do(city, case_id, "accept", city.crew, now)
    asked = do(city, case_id, "request_extension", city.crew, now, note="等配件")
    back = do(city, case_id, "hand_back", city.crew, now, note="配件到了")
    with pytest.raises(Conflict, match="is withdrawn already"):
        decide(city, replace(back, request_id=asked.request_id), city.dispatcher, now, granted=True)


def test_a_suspension_ends_by_itself_on_its_day_however_late_the_worker_comes(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    do(city, case_id, "dispatch", city.dispatcher, now, unit_id=city.water)
    do(city, case_id, "suspend", city.dispatcher, now, note="等汛期结束", until=now + timedelta(days=30))
    assert resume_due(city.engine, now=now + timedelta(days=29)) == 0
    assert resume_due(city.engine, now=now + timedelta(days=33)) == 1
    assert resume_due(city.engine, now=now + timedelta(days=33)) == 0
    found = city.case(case_id)
    assert (found.stage, found.deadline_at) == ("dispatched", now + timedelta(days=30, hours=2))


def test_a_merged_case_takes_everything_along_and_the_other_one_says_so(city: City, now: datetime):
    case_id, _ = city.open_case(now, kind="reported", source=Source.CITIZEN, severity=Severity.CRITICAL)
    into, _ = city.open_case(now, kind="cover_loose")
    alert_id = city.add_alert(case_id, now)
    photo_id = city.add_photo(now)
    do(city, case_id, "note", city.dispatcher, now, note="看图", photo_ids=[photo_id])
    kept = report_by_citizen(city.engine, asset_id=city.asset_id, text="响", contact="139", photo=None, now=now)
    do(city, case_id, "merge", city.dispatcher, now, into_id=into, note="同一处")
    with reading(city.engine) as tx:
        assert tx.scalar(select(alert.c.case_id).where(alert.c.id == alert_id)) == into
        assert tx.scalar(select(photo.c.case_id).where(photo.c.id == photo_id)) == into
        assert tx.scalar(select(report.c.case_id).where(report.c.key == kept.key)) == into
    assert (city.case(case_id).closed_how, city.case(case_id).merged_into_id) == ("merged", into)
    assert city.case(into).severity == Severity.CRITICAL
    assert [line[0] for line in city.timeline(into)][-2:] == ["merged_in", "severity_raised"]


def test_a_case_is_merged_into_an_open_one_only(city: City, now: datetime):
    ended = closed_case(city, now)
    case_id, _ = city.open_case(now)
    with pytest.raises(InvalidMove, match="is closed already"):
        do(city, case_id, "merge", city.dispatcher, now, into_id=ended)
    with pytest.raises(InvalidInput, match="there is no case 999"):
        do(city, case_id, "merge", city.dispatcher, now, into_id=999)


def test_a_case_with_live_alerts_is_closed_with_a_word_about_them(city: City, now: datetime):
    case_id = closed_case(city, now, until="verify")
    city.add_alert(case_id, now)
    with pytest.raises(InvalidInput, match="still reports 1 alerts"):
        do(city, case_id, "close", city.dispatcher, now)
    do(city, case_id, "close", city.dispatcher, now, note="探头损坏，已报修")
    assert last_entry(city, case_id).detail == {"live_alerts": 1}


def test_a_case_of_a_place_goes_the_same_way(city: City, now: datetime):
    place = Place(lon=113.3, lat=23.1, area_code="440803001", words="中山路口东侧")
    with writing(city.engine) as tx:
        opened = open_at_place(
            tx, place=place, kind="reported", severity=Severity.ALARM, source=Source.HOTLINE, now=now, note="有坑"
        )
    assert city.case(opened.case_id).stage == "collected"
    do(city, opened.case_id, "file", city.dispatcher, now)
    moved = do(city, opened.case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    assert moved.stage == "dispatched"
    kind, body = city.feed()[-1]
    assert (kind, body["asset_name"], body["asset_id"]) == ("case_moved", "中山路口东侧", None)


def test_what_was_sent_to_a_collector_is_theirs_to_look_at(city: City, now: datetime):
    case_id, _ = city.open_case(now, kind="reported", source=Source.CITIZEN)
    do(city, case_id, "ask_check", city.dispatcher, now, assignee_id=city.crew.user_id)
    with reading(city.engine) as tx:
        task = tx.execute(select(case_task)).one()
    assert (task.kind, task.assignee_id, task.done_at) == ("check", city.crew.user_id, None)
    do(city, case_id, "check", city.crew, now, note="确有破损", passed=True)
    with reading(city.engine) as tx:
        task = tx.execute(select(case_task)).one()
    assert (task.done_at, task.done_by, task.passed) == (now, city.crew.user_id, True)


def closed_case(city: City, now: datetime, *, until: str = "close") -> int:
    """A case that went the whole way, or up to a move."""
    case_id, _ = city.open_case(now, kind="water_high")
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    do(city, case_id, "accept", city.crew, now)
    do(city, case_id, "hand_back", city.crew, now, note="好了")
    do(city, case_id, "verify", city.dispatcher, now)
    if until == "close":
        do(city, case_id, "close", city.dispatcher, now)
    return case_id


def decide(city: City, asked: CaseMoved, by: Actor, now: datetime, *, granted: bool, note: str = "") -> CaseMoved:
    version = city.case(asked.case_id).version
    return decide_request(
        city.engine,
        request_id=asked.request_id or 0,
        granted=granted,
        by=by,
        expected_version=version,
        now=now,
        note=note,
    )
