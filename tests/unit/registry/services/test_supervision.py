"""The ledger of supervision over a real database: items, numbered notices, evidence, reminders, rates."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, select

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import SupervisionState
from registry.domain.people import Actor
from registry.queries.supervision import (
    count_items,
    item_story,
    list_items,
    list_notices,
    notice_story,
    tallies,
    unit_tallies,
)
from registry.services.cases import move_case
from registry.services.evidence import evidence_path, keep_evidence
from registry.services.supervising import add_item
from registry.services.supervision import NewItem, move_supervised, remind
from registry.services.supervision_notices import NewNotice, issue_notice, withdraw_notice
from registry.storage.database import reading
from registry.storage.tables import audit, entry
from tests.city import City, build_city

DAY = timedelta(days=1)


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def opened(city: City, now: datetime, *, problem: str = "箅子缺失", days: float = 7, unit_id: int | None = None) -> int:
    new = NewItem(
        problem=problem, deadline_at=now + timedelta(days=days), unit_id=unit_id or city.water, place="海滨大道5号"
    )
    return add_item(city.engine, new, by=city.dispatcher, now=now)


def moved(city: City, item_id: int, move: str, by: Actor, now: datetime, **more: object) -> SupervisionState:
    version = item_story(city.engine, item_id, now=now).version
    return move_supervised(city.engine, item_id, move, by=by, expected_version=version, now=now, **more)  # type: ignore[arg-type]


def notice(city: City, now: datetime, *item_ids: int, unit_id: int | None = None) -> NewNotice:
    return NewNotice(
        unit_id=unit_id or city.water,
        item_ids=item_ids,
        title="督查通知单",
        demand="请限期整改",
        issuer="示范市城管委办公室",
        reply_by=now + 5 * DAY,
    )


def test_an_item_goes_from_the_ledger_to_its_strike_off(city: City, now: datetime, tmp_path: Path):
    item_id = opened(city, now)
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "grey").save(picture, "PNG")
    proof = keep_evidence(tmp_path, "整改后.png", picture.getvalue())
    moved(city, item_id, "reply", city.crew, now + DAY, note="已换新箅子", files=[proof])
    moved(city, item_id, "strike_off", city.dispatcher, now + 2 * DAY)
    story = item_story(city.engine, item_id, now=now + 2 * DAY)
    assert [entry.move for entry in story.entries] == ["opened", "reply", "strike_off"]
    assert [entry.by_name for entry in story.entries] == ["陈派", "李敏", "陈派"]
    assert (story.state, story.version, story.unit_name) == (SupervisionState.STRUCK_OFF, 3, "水务")
    assert [(file.name, file.entry_id) for file in story.files] == [("整改后.jpg", story.entries[1].id)]
    assert evidence_path(tmp_path, proof.sha256, proof.media_type).read_bytes()[:2] == b"\xff\xd8"


def test_an_item_of_a_case_takes_unit_area_and_place_from_it_and_there_is_one_at_a_time(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    move_case(
        city.engine, case_id=case_id, move="supervise", by=city.dispatcher, expected_version=1, now=now, note="领导批示"
    )
    (row,) = list_items(city.engine, now=now, case_id=case_id).items
    assert (row.problem, row.place, row.asset_id) == ("领导批示", "中山路 上水井盖 1", city.asset_id)
    with pytest.raises(Conflict, match="already"):
        add_item(
            city.engine, NewItem(problem="再来", case_id=case_id, deadline_at=now + DAY), by=city.dispatcher, now=now
        )


def test_the_items_of_each_state_are_counted_as_they_are_listed(city: City, now: datetime):
    one, other = opened(city, now), opened(city, now, unit_id=city.power)
    moved(city, one, "reply", city.crew, now + DAY, note="已换")
    late = now + 60 * DAY
    assert count_items(city.engine, now=late) == {
        "open": 1,
        "replied": 1,
        "struck_off": 0,
        "withdrawn": 0,
        "late": 1,
    }
    assert count_items(city.engine, now=now, unit_id=city.power)["late"] == 0
    problem = item_story(city.engine, other, now=now).problem
    found = count_items(city.engine, now=late, q=problem[:2])
    listed = {
        state: len(list_items(city.engine, now=late, state=state, q=problem[:2]).items)
        for state in (SupervisionState.OPEN, SupervisionState.REPLIED)
    }
    assert {state: found[state] for state in listed} == listed
    assert sum(count_items(city.engine, now=late, q="%").values()) == 0


def test_notices_are_numbered_for_each_year_of_the_citys_calendar(city: City, now: datetime):
    # ten at night of New Year's Eve in UTC is the new year in the city
    turn = datetime(2026, 12, 31, 22, 0, tzinfo=UTC)
    numbers = []
    for at in (now, now + DAY, turn):
        item_id = opened(city, at)
        numbers.append(issue_notice(city.engine, notice(city, at, item_id), by=city.dispatcher, now=at).number)
    assert numbers == ["督〔2026〕1号", "督〔2026〕2号", "督〔2027〕1号"]
    assert [row.number for row in list_notices(city.engine, year=2026).items] == ["督〔2026〕2号", "督〔2026〕1号"]


def test_a_notice_that_is_refused_takes_no_number(city: City, now: datetime):
    one, two = opened(city, now), opened(city, now, unit_id=city.power)
    with pytest.raises(InvalidMove, match="another unit"):
        issue_notice(city.engine, notice(city, now, one, two), by=city.dispatcher, now=now)
    with pytest.raises(NotFound):
        issue_notice(city.engine, notice(city, now, one, 9999), by=city.dispatcher, now=now)
    with pytest.raises(InvalidInput, match="choose 1"):
        issue_notice(city.engine, notice(city, now), by=city.dispatcher, now=now)
    with pytest.raises(NotAllowed):
        issue_notice(city.engine, notice(city, now, one), by=city.crew, now=now)
    assert issue_notice(city.engine, notice(city, now, one), by=city.dispatcher, now=now).number == "督〔2026〕1号"


def test_a_withdrawn_notice_keeps_its_number_and_frees_its_items(city: City, now: datetime):
    item_id = opened(city, now)
    first = issue_notice(city.engine, notice(city, now, item_id), by=city.dispatcher, now=now)
    with pytest.raises(InvalidMove, match="on a notice already"):
        issue_notice(city.engine, notice(city, now, item_id), by=city.dispatcher, now=now)
    withdraw_notice(city.engine, first.id, "单位写错", by=city.dispatcher, now=now)
    second = issue_notice(city.engine, notice(city, now, item_id), by=city.dispatcher, now=now)
    assert second.number == "督〔2026〕2号"
    story = notice_story(city.engine, first.id, now=now)
    assert (story.withdrawn_why, [line.id for line in story.lines]) == ("单位写错", [item_id])


def test_reminders_come_once_each_and_a_late_look_gives_the_highest_only(city: City, now: datetime):
    early, late = opened(city, now, days=2), opened(city, now, days=9)
    assert remind(city.engine, now=now) == 0
    assert remind(city.engine, now=now + DAY) == 1
    assert remind(city.engine, now=now + DAY) == 0
    assert remind(city.engine, now=now + 30 * DAY) == 2
    told = [
        entry.detail["level"] for entry in item_story(city.engine, early, now=now).entries if entry.move == "reminded"
    ]
    assert told == [1, 3]
    assert [body["level"] for kind, body in city.feed() if kind == "supervision_reminded"] == [1, 3, 3]
    moved(city, late, "reply", city.crew, now + 30 * DAY, note="完成")
    assert remind(city.engine, now=now + 60 * DAY) == 0


def test_an_extension_starts_the_reminders_again(city: City, now: datetime):
    item_id = opened(city, now, days=2)
    remind(city.engine, now=now + 3 * DAY)
    moved(city, item_id, "extend", city.dispatcher, now + 3 * DAY, note="等配件", deadline_at=now + 10 * DAY)
    assert item_story(city.engine, item_id, now=now).level == 0
    assert remind(city.engine, now=now + 9.5 * DAY) == 1


def test_rates_count_from_the_beginning_and_for_the_year(city: City, now: datetime):
    last_year = now - 100 * DAY
    for at, ends in ((last_year, "strike_off"), (now, "strike_off"), (now, None), (now, "withdraw")):
        item_id = opened(city, at, days=1)
        if ends == "strike_off":
            moved(city, item_id, "reply", city.crew, at, note="好")
        if ends:
            moved(city, item_id, ends, city.dispatcher, at, note="说明")
    found = tallies(city.engine, now=now + 2 * DAY)
    assert (found.ever.total, found.ever.struck_off, found.ever.rate) == (3, 2, "66.7")
    assert (found.of_year.total, found.of_year.struck_off, found.of_year.rate) == (2, 1, "50.0")
    assert (found.of_year.open, found.of_year.late) == (1, 1)
    (water,) = unit_tallies(city.engine, now=now)
    assert (water.unit_name, water.total, water.late) == ("水务", 3, 0)


def test_whoever_came_second_is_told_and_changes_nothing(city: City, now: datetime):
    item_id = opened(city, now)
    moved(city, item_id, "reply", city.crew, now, note="好了")
    with pytest.raises(Conflict, match="meanwhile"):
        move_supervised(city.engine, item_id, "reply", by=city.crew, expected_version=1, now=now, note="又好了")
    assert len(item_story(city.engine, item_id, now=now).entries) == 2


def test_a_closed_case_answers_its_item_in_the_name_of_who_mended_it(city: City, now: datetime):
    case_id, _ = city.open_case(now, kind="cover_loose")
    steps = (
        ("supervise", city.dispatcher, {"note": "重点督办"}),
        ("dispatch", city.dispatcher, {"assignee_id": city.crew.user_id}),
        ("accept", city.crew, {}),
        ("hand_back", city.crew, {"note": "盖好了"}),
        ("verify", city.dispatcher, {}),
        ("close", city.dispatcher, {}),
    )
    for move, by, more in steps:
        version = city.case(case_id).version
        move_case(city.engine, case_id=case_id, move=move, by=by, expected_version=version, now=now, **more)  # type: ignore[arg-type]
    (row,) = list_items(city.engine, now=now, case_id=case_id).items
    story = item_story(city.engine, row.id, now=now)
    assert (story.state, story.replied_by) == (SupervisionState.REPLIED, city.crew.user_id)
    assert moved(city, row.id, "strike_off", city.dispatcher, now) is SupervisionState.STRUCK_OFF


def test_what_is_no_picture_and_no_pdf_is_no_evidence(tmp_path: Path):
    for content, words in ((b"", "empty"), (b"MZ\x90 program", "is not a picture")):
        with pytest.raises(InvalidInput, match=words):
            keep_evidence(tmp_path, "a.pdf", content)
    kept = keep_evidence(tmp_path, "../../etc/整改\x00方案.doc", b"%PDF-1.4 ...")
    assert (kept.name, kept.media_type) == ("整改方案.pdf", "application/pdf")
    assert not list(tmp_path.rglob("*.part"))


def test_what_people_do_in_the_ledger_stands_in_the_audit_trail(city: City, now: datetime):
    item_id = opened(city, now)
    issue_notice(city.engine, notice(city, now, item_id), by=city.dispatcher, now=now)
    moved(city, item_id, "withdraw", city.dispatcher, now, note="重复")
    with reading(city.engine) as tx:
        actions = tx.scalars(select(audit.c.action).order_by(audit.c.id)).all()
    assert [action for action in actions if action.startswith("supervision")] == [
        "supervision.issue",
        "supervision.withdraw",
    ]


def test_a_case_that_is_put_into_the_ledger_says_so_in_its_own_timeline(city: City, now: datetime):
    case_id, _ = city.open_case(now)
    add_item(
        city.engine,
        NewItem(problem="学生必经之路", deadline_at=now + timedelta(days=3), case_id=case_id),
        by=city.dispatcher,
        now=now,
    )
    assert city.case(case_id).supervised_at == now
    with reading(city.engine) as tx:
        (told,) = tx.execute(select(entry).where(entry.c.case_id == case_id, entry.c.move == "supervise")).all()
    assert (told.note, told.by_user_id) == ("学生必经之路", city.dispatcher.user_id)
