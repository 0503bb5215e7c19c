"""What cases ask for beyond themselves: rechecks, inspections of what is alike, repeats, typical cases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, update

from registry.domain.aftercare import Aftercare, Likeness
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import CaseRole, InspectionResult, InspectionState, RecheckState, Role, Stage
from registry.domain.people import Actor
from registry.queries.aftercare import (
    aftercare_lines,
    beyond_case,
    digest,
    due_rechecks,
    inspection_file,
    list_inspections,
    list_rechecks,
    list_repeats,
    one_repeat,
)
from registry.services.aftercare import aftercare_of, reset_aftercare, save_aftercare
from registry.services.cases import move_case
from registry.services.inspections import look_at, waive_inspection
from registry.services.rechecks import do_recheck, remind_rechecks
from registry.services.repeats import answer_repeat, find_repeats, finish_measure
from registry.services.typical_cases import mark_typical, unmark_typical
from registry.storage.database import reading, writing
from registry.storage.tables import asset
from tests.city import City, build_city

DAY = timedelta(days=1)
KIND = "cover_loose"


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    city = build_city(engine, now)
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == city.asset_id).values(maintainer_unit_id=city.water))
    return city


def setting(city: City, now: datetime, **changes: Any) -> Aftercare:
    line = msgspec.structs.replace(Aftercare(kind=KIND), **changes)
    save_aftercare(city.engine, line, by=city.administrator, now=now)
    return line


def do(city: City, case_id: int, move: str, by: Actor, now: datetime, **more: Any) -> None:
    version = city.case(case_id).version
    move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=now, **more)


def handed_back(city: City, now: datetime, *, asset_id: int | None = None) -> int:
    case_id, _ = city.open_case(now, kind=KIND, asset_id=asset_id)
    do(city, case_id, "dispatch", city.dispatcher, now, assignee_id=city.crew.user_id)
    do(city, case_id, "accept", city.crew, now)
    do(city, case_id, "hand_back", city.crew, now, note="盖好了")
    return case_id


def closed(city: City, now: datetime, *, asset_id: int | None = None) -> int:
    case_id = handed_back(city, now, asset_id=asset_id)
    do(city, case_id, "verify", city.dispatcher, now)
    do(city, case_id, "close", city.dispatcher, now)
    return case_id


def alike(city: City, now: datetime, **more: Any) -> int:
    """Another cover of the same unit."""
    asset_id = city.add_asset(now, **more)
    with writing(city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == asset_id).values(maintainer_unit_id=city.water))
    return asset_id


def test_a_kind_has_its_own_line_or_the_shipped_one_or_that_for_all(city: City, now: datetime):
    with reading(city.engine) as tx:
        assert aftercare_of(tx, "cover_displaced").recheck_times == 2
        assert aftercare_of(tx, "battery_low").kind == ""
    own = setting(city, now, recheck_days=3, recheck_times=1)
    with reading(city.engine) as tx:
        assert aftercare_of(tx, KIND) == own
    shown = {each.line.kind: (each.own, each.shipped) for each in aftercare_lines(city.engine)}
    assert shown[KIND] == (True, True)
    reset_aftercare(city.engine, KIND, by=city.administrator, now=now)
    with reading(city.engine) as tx:
        assert aftercare_of(tx, KIND).recheck_days == 14


def test_looks_follow_a_closing_until_it_was_stable_often_enough(city: City, now: datetime):
    setting(city, now, recheck_days=7, recheck_times=2)
    case_id = closed(city, now)
    assert due_rechecks(city.engine, now=now + 6 * DAY) == []
    assert remind_rechecks(city.engine, now=now + 7 * DAY) == 1
    assert remind_rechecks(city.engine, now=now + 7 * DAY) == 0
    (first,) = due_rechecks(city.engine, now=now + 8 * DAY)
    assert (first.case_id, first.turn, first.times) == (case_id, 1, 2)
    assert do_recheck(city.engine, first.id, stable=True, by=city.dispatcher, now=now + 8 * DAY) == (
        now + 15 * DAY,
        False,
    )
    (second,) = due_rechecks(city.engine, now=now + 15 * DAY)
    assert do_recheck(city.engine, second.id, stable=True, by=city.dispatcher, now=now + 15 * DAY) == (None, False)
    assert due_rechecks(city.engine, now=now + 365 * DAY) == []
    assert [row.state for row in list_rechecks(city.engine).items] == [RecheckState.PASSED] * 2


def test_found_broken_again_the_case_is_opened_again_and_its_next_closing_is_a_new_round(city: City, now: datetime):
    setting(city, now, recheck_days=7, recheck_times=1)
    case_id = closed(city, now)
    (look,) = due_rechecks(city.engine, now=now + 7 * DAY)
    with pytest.raises(InvalidInput, match="note"):
        do_recheck(city.engine, look.id, stable=False, by=city.dispatcher, now=now + 7 * DAY)
    found = do_recheck(city.engine, look.id, stable=False, by=city.mate, now=now + 7 * DAY, note="又松了")
    assert found == (None, True)
    assert city.case(case_id).stage == Stage.FILED
    do(city, case_id, "dispatch", city.dispatcher, now + 7 * DAY, assignee_id=city.crew.user_id)
    do(city, case_id, "accept", city.crew, now + 7 * DAY)
    do(city, case_id, "hand_back", city.crew, now + 7 * DAY, note="换盖")
    do(city, case_id, "verify", city.dispatcher, now + 7 * DAY)
    do(city, case_id, "close", city.dispatcher, now + 8 * DAY)
    (again,) = due_rechecks(city.engine, now=now + 15 * DAY)
    assert (again.turn, again.due_at) == (1, now + 15 * DAY)


def test_who_mended_it_does_not_look_and_nobody_looks_twice(city: City, now: datetime):
    setting(city, now, recheck_days=1, recheck_times=1)
    closed(city, now)
    (look,) = due_rechecks(city.engine, now=now + DAY)
    with pytest.raises(NotAllowed, match="another person"):
        do_recheck(city.engine, look.id, stable=True, by=city.crew, now=now + DAY)
    with pytest.raises(NotAllowed, match="verifiers"):
        do_recheck(city.engine, look.id, stable=True, by=city.viewer, now=now + DAY)
    do_recheck(city.engine, look.id, stable=True, by=city.dispatcher, now=now + DAY)
    with pytest.raises(InvalidMove, match="already"):
        do_recheck(city.engine, look.id, stable=False, by=city.dispatcher, now=now + DAY, note="坏了")


def test_a_look_is_given_up_when_the_case_is_opened_again_by_other_news(city: City, now: datetime):
    setting(city, now, recheck_days=1, recheck_times=1)
    case_id = closed(city, now)
    do(city, case_id, "reopen", city.dispatcher, now, note="市民再次反映")
    assert [row.state for row in list_rechecks(city.engine).items] == [RecheckState.DROPPED]


def test_a_look_that_fails_beside_an_open_case_opens_no_second_one(city: City, now: datetime):
    setting(city, now, recheck_days=1, recheck_times=1)
    case_id = closed(city, now)
    other, opened = city.open_case(now + DAY, kind=KIND)
    assert opened
    (look,) = due_rechecks(city.engine, now=now + DAY)
    assert (
        do_recheck(city.engine, look.id, stable=False, by=city.dispatcher, now=now + DAY, note="松").reopened is False
    )
    assert (city.case(case_id).stage, city.case(other).stage) == (Stage.CLOSED, Stage.FILED)


def test_handing_back_lists_what_is_alike_and_closing_waits_for_it(city: City, now: datetime):
    setting(city, now, inspect_like=(Likeness.CLASS, Likeness.ROAD), inspect_gate=True)
    near = alike(city, now, name="近处", road="中山路", lon=113.3001)
    far = alike(city, now, name="同路远处", road="中山路", lon=113.35)
    stranger = city.add_asset(now, name="别家的", road="中山路", lon=113.3002)
    case_id = handed_back(city, now)
    (row,) = list_inspections(city.engine, state=InspectionState.OPEN).items
    lines = {line.asset_id: line for line in inspection_file(city.engine, row.id).lines}
    assert stranger not in lines
    assert lines[far].likes == [Likeness.ROAD]
    do(city, case_id, "verify", city.dispatcher, now)
    with pytest.raises(InvalidMove, match="not looked at yet"):
        do(city, case_id, "close", city.dispatcher, now)
    assert look_at(city.engine, row.id, near, "fine", by=city.crew, now=now) == (None, 1)
    spawned, waiting = look_at(city.engine, row.id, far, "wrong", by=city.crew, now=now, note="也松了")
    assert waiting == 0
    assert spawned is not None
    assert city.case(spawned).asset_id == far
    do(city, case_id, "close", city.dispatcher, now)
    done = inspection_file(city.engine, row.id)
    assert (done.state, done.looked, done.wrong) == (InspectionState.DONE, 2, 1)
    assert {line.result for line in done.lines} == {InspectionResult.FINE, InspectionResult.WRONG}


def test_an_inspection_is_worked_through_by_its_own_unit_and_waived_by_the_desk(city: City, now: datetime):
    setting(city, now, inspect_like=(Likeness.ROAD,), inspect_gate=True)
    other = alike(city, now, road="中山路")
    case_id = handed_back(city, now)
    (row,) = list_inspections(city.engine).items
    with pytest.raises(NotAllowed, match="another unit"):
        look_at(city.engine, row.id, other, "fine", by=city.stranger, now=now)
    with pytest.raises(InvalidInput, match="note"):
        look_at(city.engine, row.id, other, "wrong", by=city.crew, now=now)
    with pytest.raises(InvalidInput, match="one of"):
        look_at(city.engine, row.id, other, "waiting", by=city.crew, now=now)
    with pytest.raises(NotFound):
        look_at(city.engine, row.id, city.asset_id, "fine", by=city.crew, now=now)
    with pytest.raises(NotAllowed):
        waive_inspection(city.engine, row.id, "台风", by=city.crew, now=now)
    waive_inspection(city.engine, row.id, "台风停工", by=city.dispatcher, now=now)
    with pytest.raises(InvalidMove, match="waived"):
        look_at(city.engine, row.id, other, "fine", by=city.crew, now=now)
    do(city, case_id, "verify", city.dispatcher, now)
    do(city, case_id, "close", city.dispatcher, now)


def test_a_list_holds_no_more_than_the_setting_says_and_says_that_it_was_cut(city: City, now: datetime):
    setting(city, now, inspect_like=(Likeness.ROAD,), inspect_most=2)
    for number in range(4):
        alike(city, now, name=f"井盖{number}", road="中山路", lon=113.3 + number / 1000)
    handed_back(city, now)
    (row,) = list_inspections(city.engine).items
    assert (row.items, row.cut, row.gate) == (2, True, False)


def test_where_nothing_is_alike_nothing_has_to_be_looked_at(city: City, now: datetime):
    setting(city, now, inspect_like=(Likeness.BATCH, Likeness.CAUSE), inspect_gate=True)
    closed(city, now)
    assert list_inspections(city.engine).items == []


def test_a_case_that_comes_again_is_found_once_with_what_it_repeats(city: City, now: datetime):
    neighbour = city.add_asset(now, lon=113.3001)  # about ten metres east of the city's cover
    with writing(city.engine) as tx:
        tx.execute(update(asset).where(asset.c.id == neighbour).values(lat=23.1))
    first = closed(city, now)
    assert find_repeats(city.engine, now=now) == 0
    same, _ = city.open_case(now + 10 * DAY, kind=KIND)
    beside, _ = city.open_case(now + 10 * DAY, kind=KIND, asset_id=neighbour)
    city.open_case(now + 10 * DAY, kind="water_high")
    assert find_repeats(city.engine, now=now + 10 * DAY) == 2
    assert find_repeats(city.engine, now=now + 10 * DAY) == 0
    rows = {row.case_id: row for row in list_repeats(city.engine, now=now + 10 * DAY).items}
    assert (rows[same].earlier_case_id, rows[same].same_asset, rows[same].gap_s) == (first, True, 864_000.0)
    assert (rows[beside].earlier_case_id, rows[beside].same_asset) == (first, False)
    assert rows[beside].distance_m == pytest.approx(10.2, abs=0.5)


def test_what_is_too_far_or_too_late_is_no_repeat(city: City, now: datetime):
    neighbour = city.add_asset(now, lon=113.3001)  # about a kilometre north
    setting(city, now, repeat_days=5)
    closed(city, now)
    city.open_case(now + DAY, kind=KIND, asset_id=neighbour)
    city.open_case(now + 6 * DAY, kind=KIND)
    assert find_repeats(city.engine, now=now + 6 * DAY) == 0


def test_a_repeat_gets_its_root_cause_and_a_measure_that_is_followed(city: City, now: datetime):
    closed(city, now)
    again, _ = city.open_case(now + DAY, kind=KIND)
    find_repeats(city.engine, now=now + DAY)
    words = {"cause": "井座沉降", "measure": "整体更换井座", "unit_id": city.water, "measure_by": now + 9 * DAY}
    with pytest.raises(InvalidMove, match="cause"):
        finish_measure(city.engine, again, by=city.dispatcher, expected_version=1, now=now + DAY)
    answer_repeat(city.engine, again, **words, by=city.dispatcher, expected_version=1, now=now + DAY)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        answer_repeat(city.engine, again, **words, by=city.dispatcher, expected_version=1, now=now + DAY)  # type: ignore[arg-type]
    assert one_repeat(city.engine, again, now=now + 10 * DAY).late
    assert [row.case_id for row in list_repeats(city.engine, now=now, state="answered").items] == [again]
    finish_measure(city.engine, again, by=city.dispatcher, expected_version=2, now=now + 10 * DAY)
    assert not one_repeat(city.engine, again, now=now + 10 * DAY).late
    assert list_repeats(city.engine, now=now, state="open").items == []


def test_a_typical_case_stands_in_the_digest_of_the_quarter_in_which_it_was_closed(city: City, now: datetime):
    case_id = closed(city, now)
    words = {"title": "一井多病，一次修好", "lesson": "举一反三查出同路三处"}
    assert mark_typical(city.engine, case_id, **words, by=city.dispatcher, now=now) == "2026Q1"
    mark_typical(city.engine, case_id, title="改个标题", lesson="经验", by=city.dispatcher, now=now)
    assert [(row.title, row.number) for row in digest(city.engine, "2026Q1")] == [
        ("改个标题", city.case(case_id).number)
    ]
    beyond = beyond_case(city.engine, case_id, now=now)
    assert beyond.typical is not None
    unmark_typical(city.engine, case_id, by=city.dispatcher, now=now)
    assert digest(city.engine, "2026Q1") == []
    still_open, _ = city.open_case(now, kind="water_high")
    with pytest.raises(InvalidMove, match="closed"):
        mark_typical(city.engine, still_open, **words, by=city.dispatcher, now=now)
    with pytest.raises(NotAllowed):
        mark_typical(city.engine, case_id, **words, by=city.crew, now=now)


def test_somebody_with_the_case_role_alone_may_look(city: City, now: datetime):
    verifier = Actor(
        user_id=city.viewer.user_id,
        name="核查员",
        role=Role.VIEWER,
        unit_id=None,
        given_case_roles=frozenset({CaseRole.VERIFIER}),
    )
    setting(city, now, recheck_days=1, recheck_times=1)
    closed(city, now)
    (look,) = due_rechecks(city.engine, now=now + DAY)
    assert do_recheck(city.engine, look.id, stable=False, by=verifier, now=now + DAY, note="又响").reopened
