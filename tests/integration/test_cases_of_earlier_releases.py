"""An installation with cases and alerts goes on: the new columns are what its timelines tell, and every case moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, select, text

from registry.domain.case_story import Line
from registry.domain.case_telling import COLUMNS, fold
from registry.domain.kinds import Role, Stage
from registry.domain.people import Actor
from registry.queries.cases import case_file, list_cases
from registry.queries.overview import overview, wrong_now
from registry.services.case_watch import watch_cases
from registry.services.cases import mark_overdue, move_case
from registry.storage.database import open_database, reading
from registry.storage.schema import check_schema, upgrade
from registry.storage.stories import lines_of
from registry.storage.tables import alert, case, entry
from registry.storage.times import to_ms

OPENED = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DISPATCHER, CREW, STRANGER = 1, 2, 3
WATER, POWER = 1, 2
KEPT_AS_IT_WAS = {"deadline_at", "severity"}
"""What the timelines of that release did not write down; the columns had it, and keep it."""


class Step(NamedTuple):
    """One entry as the release before wrote it."""

    move: str
    to: str
    by: int | None = None
    detail: dict[str, Any] = {}  # noqa: RUF012 - never changed


FILED = (Step("collect", "collected", detail={"source": "sensor"}), Step("file", "filed"))
SENT = (*FILED, Step("dispatch", "dispatched", DISPATCHER, {"unit_id": WATER, "assignee_id": CREW}))
TAKEN = (*SENT, Step("accept", "in_hand", CREW))
DONE = (*TAKEN, Step("hand_back", "handed_back", CREW))
SEEN = (*DONE, Step("verify", "verified", DISPATCHER))
CLOSED = (*SEEN, Step("close", "closed", DISPATCHER))
AGAIN = {"unit_id": None, "assignee_id": None, "deadline_at": "2026-03-02T07:00:00+00:00"}
WRONG = (
    *FILED,
    Step("dispatch", "dispatched", DISPATCHER, {"unit_id": POWER}),
    Step("return", "filed", STRANGER, {"unit_id": None}),
)
LIVES: dict[str, tuple[Step, ...]] = {
    "reported": (Step("collect", "collected", detail={"source": "citizen"}),),
    "filed": (*FILED, Step("alert_attached", "filed", detail={"rule": "cover_tilt", "value": 20.0})),
    "late": (*FILED, Step("overdue", "filed", detail={"deadline_at": "2026-03-02T06:00:00+00:00"})),
    "sent": SENT,
    "taken": TAKEN,
    "wrong": WRONG,
    "second": (*WRONG, Step("dispatch", "dispatched", DISPATCHER, {"unit_id": WATER})),
    "done": DONE,
    "rework": (*DONE, Step("rework", "dispatched", DISPATCHER)),
    "seen": SEEN,
    "closed": CLOSED,
    "reopened": (*CLOSED, Step("reopen", "filed", DISPATCHER, AGAIN)),
    "resent": (
        *(*CLOSED, Step("reopen", "filed", DISPATCHER, AGAIN)),
        Step("dispatch", "dispatched", DISPATCHER, {"unit_id": WATER}),
    ),
    "waits": (*TAKEN, Step("suspend", "suspended", DISPATCHER)),
    "goes_on": (
        *(*TAKEN, Step("suspend", "suspended", DISPATCHER)),
        Step("resume", "in_hand", DISPATCHER, {"deadline_at": "2026-03-02T08:30:00+00:00"}),
    ),
    "pressed": (
        *(*SENT, Step("supervise", "dispatched", DISPATCHER)),
        Step("extend", "dispatched", DISPATCHER, {"deadline_at": "2026-03-02T12:00:00+00:00"}),
    ),
    "void": (*FILED, Step("void", "void", DISPATCHER)),
}
NEXT: dict[str, tuple[tuple[str, int, dict[str, Any]], ...]] = {
    "reported": (("file", DISPATCHER, {}),),
    "filed": (("dispatch", DISPATCHER, {"unit_id": WATER}), ("accept", CREW, {})),
    "late": (("dispatch", DISPATCHER, {"unit_id": WATER}),),
    "sent": (("accept", CREW, {}),),
    "taken": (("hand_back", CREW, {"note": "盖好了"}), ("verify", DISPATCHER, {})),
    "wrong": (("confirm_return", DISPATCHER, {}), ("dispatch", DISPATCHER, {"unit_id": WATER})),
    "second": (("return", CREW, {"note": "也不归我们"}), ("refuse_return", DISPATCHER, {"note": "归你们"})),
    "done": (("rework", DISPATCHER, {"note": "没盖平"}),),
    "rework": (("accept", CREW, {}), ("hand_back", CREW, {"note": "盖平了"})),
    "seen": (("close", DISPATCHER, {}),),
    "closed": (("reopen", DISPATCHER, {"note": "又坏了"}),),
    "reopened": (("dispatch", DISPATCHER, {"unit_id": WATER}),),
    "resent": (("recall", DISPATCHER, {}),),
    "waits": (("resume", DISPATCHER, {}), ("hand_back", CREW, {"note": "料到了"})),
    "goes_on": (("hand_back", CREW, {"note": "好了"}),),
    "pressed": (("extend", DISPATCHER, {"note": "等料"}),),
    "void": (("reopen", DISPATCHER, {"note": "不是误报"}),),
}


@pytest.fixture(params=["sqlite", "postgres"])
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The release before with one case of each life, upgraded."""
    url = f"sqlite:///{tmp_path}/r.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    upgrade(engine, "0004")
    with engine.execution_options(writes=True).begin() as connection:
        for statement in _CITY:
            connection.exec_driver_sql(statement)
        for case_id, (name, life) in enumerate(LIVES.items(), start=1):
            connection.execute(text(_ASSET), {"id": case_id, "code": f"4408030101{case_id:06d}", "name": name})
            connection.execute(text(_CASE), {"id": case_id, **_columns(life)})
            connection.execute(text(_ENTRY), list(_entries(case_id, life)))
        connection.exec_driver_sql(_ALERT)
    upgrade(engine)
    check_schema(engine)
    yield engine
    engine.dispose()


@pytest.mark.network
def test_columns_are_what_the_timelines_tell_and_every_case_is_shown_watched_and_moved_on(upgraded: Engine):
    assert differing(upgraded) == []
    with reading(upgraded) as tx:
        assert {row.area_code for row in tx.execute(select(case.c.area_code))} == {"440803"}
        assert tx.scalars(select(alert.c.case_id)).all() == [2]
    people = {
        DISPATCHER: Actor(user_id=DISPATCHER, name="陈派", role=Role.DISPATCHER, unit_id=None),
        CREW: Actor(user_id=CREW, name="李敏", role=Role.CREW, unit_id=WATER),
    }
    now = OPENED + timedelta(hours=5)
    still_open = sum(life[-1].to not in ("closed", "void") for life in LIVES.values())
    assert len(list_cases(upgraded, open_only=True, limit=100).items) == still_open
    assert len(wrong_now(upgraded, now=now)) == still_open == overview(upgraded, now=now).cases_open
    assert mark_overdue(upgraded, now=now) > 0
    assert watch_cases(upgraded, now=now).escalated > 0
    for case_id, name in enumerate(LIVES, start=1):
        for step, (move, by, more) in enumerate(NEXT[name], start=1):
            file = case_file(upgraded, case_id)
            assert file is not None
            assert len(file.entries) >= len(LIVES[name])
            version, at = file.version, now + timedelta(minutes=step)
            moved = move_case(
                upgraded, case_id=case_id, move=move, by=people[by], expected_version=version, now=at, **more
            )
            assert moved.version == version + 1
    assert differing(upgraded) == []


def differing(engine: Engine) -> list[tuple[str, str, Any, Any]]:
    """The columns that are not the fold of their timeline: of which case, what the row has, what the story."""
    found = []
    with reading(engine) as tx:
        for row in tx.execute(select(case).order_by(case.c.id)).all():
            timeline = select(entry).where(entry.c.case_id == row.id).order_by(entry.c.id)
            story = fold(lines_of(tx.execute(timeline).all()))
            found += [
                (list(LIVES)[row.id - 1], name, getattr(row, name), getattr(story, name))
                for name in COLUMNS
                if name not in KEPT_AS_IT_WAS and (getattr(row, name) or None) != (getattr(story, name) or None)
            ]
    return found


_CITY = (
    "INSERT INTO unit (id, name) VALUES (1, '水务'), (2, '电力')",
    "INSERT INTO app_user (id, login, name, role, unit_id, password_hash, created_at) VALUES "
    "(1, 'chen', '陈派', 'dispatcher', NULL, '-', 1), (2, 'li', '李敏', 'crew', 1, '-', 1), "
    "(3, 'zhao', '赵电', 'crew', 2, '-', 1)",
    "INSERT INTO asset (id, code, scheme, class_code, family, name, state, lon, lat, road, area_code, details, "
    "created_at, updated_at) VALUES (90, '4408030101009000', 'cjt214-2007', '0101', 'cover', '上水井盖', 'intact', "
    "113.3, 23.1, '', '440803', '{}', 1, 1)",
    "INSERT INTO device (id, serial, profile, asset_id, heartbeat_s, fitted_at) VALUES (1, 'CV-1', 'p', 90, 2.0, 3)",
    "INSERT INTO point (id, device_id, name, unit) VALUES (1, 1, 'tilt_z', 'deg')",
)
_ASSET = (
    "INSERT INTO asset (id, code, scheme, class_code, family, name, state, lon, lat, road, area_code, details, "
    "created_at, updated_at) VALUES (:id, :code, 'cjt214-2007', '0101', 'cover', :name, 'intact', 113.3, 23.1, "
    "'中山路', '440803', '{}', 1, 1)"
)
_CASE = (
    "INSERT INTO case_file (id, number, asset_id, kind, severity, source, stage, stage_before_suspension, opened_at, "
    "deadline_at, overdue_at, dispatched_at, handed_back_at, ended_at, unit_id, assignee_id, version) VALUES "
    "(:id, 'n' || :id, :id, 'cover_displaced', 2, :source, :stage, :stage_before_suspension, :opened_at, :deadline_at, "
    ":overdue_at, :dispatched_at, :handed_back_at, :ended_at, :unit_id, :assignee_id, :version)"
)
_ENTRY = (
    "INSERT INTO entry (case_id, at, move, from_stage, to_stage, by_user_id, note, detail) VALUES "
    "(:case_id, :at, :move, :from_stage, :to_stage, :by_user_id, '', :detail)"
)
_ALERT = (
    "INSERT INTO alert (rule_key, rule_version, point_id, device_id, asset_id, case_id, severity, state, began_at, "
    "fired_at, recorded_at, value, peak) VALUES ('cover_tilt', 1, 1, 1, 90, 2, 2, 'firing', 4, 5, 6, 20.0, 21.0)"
)


def _at(place: int) -> datetime:
    return OPENED + timedelta(minutes=5 * place)


def _entries(case_id: int, life: tuple[Step, ...]) -> Iterator[dict[str, Any]]:
    before: str | None = None
    for place, step in enumerate(life):
        yield {
            "case_id": case_id,
            "at": to_ms(_at(place)),
            "move": step.move,
            "from_stage": before,
            "to_stage": step.to,
            "by_user_id": step.by,
            "detail": json.dumps(step.detail),
        }
        before = step.to


def _columns(life: tuple[Step, ...]) -> dict[str, Any]:
    """What that release kept of such a life: the stage, five moments, whose it was."""
    lines = [
        Line(at=_at(place), move=step.move, to_stage=Stage(step.to), by_user_id=step.by, detail=step.detail)
        for place, step in enumerate(life)
    ]
    story = fold(lines)
    due = story.deadline_at or OPENED + timedelta(hours=2)
    moments = ("overdue_at", "dispatched_at", "handed_back_at", "ended_at")
    return {
        "source": life[0].detail["source"],
        "stage": story.stage.value,
        "stage_before_suspension": story.stage_before_suspension and story.stage_before_suspension.value,
        "opened_at": to_ms(OPENED),
        "deadline_at": to_ms(due),
        **{name: None if getattr(story, name) is None else to_ms(getattr(story, name)) for name in moments},
        "unit_id": story.unit_id,
        "assignee_id": story.assignee_id,
        "version": 1 + sum(step.by is not None for step in life),
    }
