"""Alerts are written once, tell their story in events, and mean a case at once, later or never."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import AlertEventKind, PermitState, Severity
from registry.domain.people import Actor
from registry.domain.rules import GroupPolicy, Rule
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.domain.scopes import OutsideArea
from registry.services import alerts
from registry.services.alerts import Subject
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, audit, case, permit
from tests.city import City, build_city

TILT = msgspec.structs.replace(
    next(rule for rule in SHIPPED_RULES if rule.key == "cover_tilt"), grouping=None, permit=False
)
WAITING = msgspec.structs.replace(TILT, grouping=GroupPolicy(wait_s=30.0))
UNDER_PERMIT = msgspec.structs.replace(TILT, permit=True)


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def subject(city: City) -> Subject:
    return Subject(point_id=city.point("tilt_z"), device_id=city.device_id, asset_id=city.asset_id)


def fire(city: City, now: datetime, rule: Rule = TILT, **more: Any) -> int | None:
    with writing(city.engine) as tx:
        given: dict[str, Any] = {"began_at": now - timedelta(seconds=5), "fired_at": now, "level": 20.0, "now": now}
        return alerts.fire(tx, rule, subject(city), **(given | more))


def step(city: City, now: datetime, severity: Severity, rule: Rule = TILT, level: float = 50.0) -> bool:
    with writing(city.engine) as tx:
        return alerts.step(tx, rule, subject(city), severity=severity, at=now, level=level, now=now)


def clear(city: City, now: datetime, **more: Any) -> int:
    with writing(city.engine) as tx:
        return alerts.clear(tx, TILT.key, subject(city), cleared_at=now, level=1.0, now=now, **more)


def row_of(city: City, alert_id: int | None) -> Any:
    with reading(city.engine) as tx:
        return tx.execute(select(alert).where(alert.c.id == alert_id)).one()


def events(city: City, alert_id: int | None) -> list[tuple[str, int]]:
    with reading(city.engine) as tx:
        rows = tx.execute(select(alert_event).where(alert_event.c.alert_id == alert_id).order_by(alert_event.c.id))
        return [(row.kind, row.severity) for row in rows]


def cases(city: City) -> list[Any]:
    with reading(city.engine) as tx:
        return list(tx.execute(select(case).order_by(case.c.id)))


def open_permit(city: City, started_at: datetime, state: PermitState = PermitState.OPEN) -> int:
    row = {
        "asset_id": city.asset_id,
        "state": state.value,
        "work": "清淤",
        "people": 2,
        "started_at": started_at,
        "ends_at": started_at + timedelta(hours=1),
        "by_user_id": city.crew.user_id,
    }
    with writing(city.engine) as tx:
        return int(tx.execute(insert(permit).values(row).returning(permit.c.id)).scalar_one())


def test_an_alert_keeps_its_evidence_and_opens_its_case_in_one_transaction(city: City, now: datetime):
    alert_id = fire(city, now, memory='{"phase":"firing"}', detail={"span": [1, 2]})
    row = row_of(city, alert_id)
    assert (row.rule_version, row.memory, row.value, row.peak, row.peak_severity) == (
        1,
        '{"phase":"firing"}',
        20.0,
        20.0,
        2,
    )
    assert (cases(city)[0].id, cases(city)[0].severity) == (row.case_id, Severity.ALARM)
    assert events(city, alert_id) == [("fired", 2), ("case", 2)]
    with reading(city.engine) as tx:
        fired = tx.execute(select(alert_event).where(alert_event.c.kind == "fired")).one()
    assert (fired.at, fired.recorded_at, fired.level, fired.planned_at) == (now, now, 20.0, None)
    assert fired.detail["span"] == [1, 2]
    assert [kind for kind, _ in city.feed()] == ["case_opened", "alert_fired"]


def test_what_is_live_already_is_not_fired_again(city: City, now: datetime):
    assert fire(city, now) is not None
    assert fire(city, now + timedelta(minutes=1)) is None
    clear(city, now + timedelta(minutes=2))
    again = fire(city, now + timedelta(minutes=3))
    assert row_of(city, again).case_id == cases(city)[0].id
    assert len(cases(city)) == 1


def test_a_rule_without_a_case_kind_and_an_alert_without_an_asset_open_none(city: City, now: datetime):
    alert_id = fire(city, now, msgspec.structs.replace(TILT, case_kind=None))
    assert (row_of(city, alert_id).case_id, row_of(city, alert_id).case_due_at) == (None, None)
    with writing(city.engine) as tx:
        whole = Subject(cabinet_id="c1")
        silent = alerts.fire(tx, msgspec.structs.replace(WAITING, key="x"), whole, began_at=now, fired_at=now, now=now)
    assert (row_of(city, silent).case_id, row_of(city, silent).case_due_at) == (None, None)
    assert cases(city) == []


def test_severity_goes_up_and_down_but_the_case_only_up(city: City, now: datetime):
    alert_id = fire(city, now)
    assert step(city, now + timedelta(seconds=1), Severity.CRITICAL)
    assert not step(city, now + timedelta(seconds=2), Severity.CRITICAL)
    assert step(city, now + timedelta(seconds=3), Severity.NOTICE, level=12.0)
    row = row_of(city, alert_id)
    assert (row.severity, row.peak_severity, row.peak) == (1, 3, 50.0)
    assert cases(city)[0].severity == Severity.CRITICAL
    assert events(city, alert_id) == [("fired", 2), ("case", 2), ("step_up", 3), ("step_down", 1)]


def test_a_step_up_after_the_case_was_closed_opens_a_new_one(city: City, now: datetime):
    alert_id = fire(city, now)
    first = row_of(city, alert_id).case_id
    with writing(city.engine) as tx:
        tx.execute(case.update().values(stage="closed", ended_at=now))
    step(city, now, Severity.CRITICAL)
    assert row_of(city, alert_id).case_id not in (None, first)
    assert len(cases(city)) == 2


def test_worse_levels_are_noted(city: City, now: datetime):
    alert_id = fire(city, now)
    with writing(city.engine) as tx:
        assert alerts.worsen(tx, TILT, subject(city), at=now, level=30.0, now=now)
    assert row_of(city, alert_id).peak == 30.0
    assert events(city, alert_id)[-1] == ("worsened", 2)


def test_flapping_holds_one_alert_open_and_says_so_once(city: City, now: datetime):
    alert_id = fire(city, now)
    for minute in (1, 2, 3):
        at = now + timedelta(minutes=minute)
        with writing(city.engine) as tx:
            assert alerts.hold(tx, TILT, subject(city), at=at, level=20.0, now=at)
    row = row_of(city, alert_id)
    assert (row.state, row.flapping_since, row.fires) == ("firing", now + timedelta(minutes=1), 4)
    assert [kind for kind, _ in events(city, alert_id)].count("flapping") == 1


def test_clearing_is_an_event_with_evidence_of_its_own(city: City, now: datetime):
    alert_id = fire(city, now)
    assert clear(city, now + timedelta(minutes=1), detail={"calm_s": 10}) == 1
    assert clear(city, now + timedelta(minutes=2)) == 0
    with reading(city.engine) as tx:
        last = tx.execute(select(alert_event).order_by(alert_event.c.id.desc()).limit(1)).one()
    assert (last.kind, last.at, last.level, last.detail) == ("cleared", now + timedelta(minutes=1), 1.0, {"calm_s": 10})
    assert [line[0] for line in city.timeline(row_of(city, alert_id).case_id)][-1] == "alert_cleared"


def test_an_alert_that_may_have_company_waits_and_a_critical_one_does_not(city: City, now: datetime):
    alert_id = fire(city, now, WAITING)
    row = row_of(city, alert_id)
    assert (row.case_id, row.case_due_at) == (None, now + timedelta(seconds=30))
    assert events(city, alert_id) == [("fired", 2)]
    step(city, now + timedelta(seconds=2), Severity.CRITICAL, WAITING)
    row = row_of(city, alert_id)
    assert (row.case_id, row.case_due_at) == (cases(city)[0].id, None)
    assert events(city, alert_id) == [("fired", 2), ("step_up", 3), ("case", 3)]


def test_under_a_permit_an_alert_is_expected_and_has_no_case(city: City, now: datetime):
    permit_id = open_permit(city, now - timedelta(minutes=5))
    alert_id = fire(city, now, UNDER_PERMIT)
    row = row_of(city, alert_id)
    assert (row.permit_id, row.case_id, row.case_due_at) == (permit_id, None, None)
    step(city, now, Severity.CRITICAL, UNDER_PERMIT)
    assert events(city, alert_id) == [("expected", 2), ("step_up", 3)]
    assert cases(city) == []


@pytest.mark.parametrize(
    ("rule", "started_min_ago", "state"),
    [(TILT, 5, PermitState.OPEN), (UNDER_PERMIT, 5, PermitState.ENDED), (UNDER_PERMIT, -5, PermitState.OPEN)],
)
def test_a_permit_covers_only_what_it_is_for(
    city: City, now: datetime, rule: Rule, started_min_ago: int, state: PermitState
):
    open_permit(city, now - timedelta(minutes=started_min_ago), state)
    alert_id = fire(city, now, rule)
    assert row_of(city, alert_id).permit_id is None
    assert len(cases(city)) == 1


def test_an_alert_that_outlives_its_permit_counts_and_gets_its_case_once(city: City, now: datetime):
    open_permit(city, now - timedelta(minutes=5))
    alert_id = fire(city, now, UNDER_PERMIT)
    assert alert_id is not None
    for expected in (True, False):
        with writing(city.engine) as tx:
            assert alerts.overrun(tx, UNDER_PERMIT, alert_id, at=now, now=now) is expected
    assert row_of(city, alert_id).case_id == cases(city)[0].id
    assert events(city, alert_id) == [("expected", 2), ("overrun", 2), ("case", 2)]


def test_a_whole_cabinet_has_one_live_alert_and_each_of_its_buses_too(city: City, now: datetime):
    def silent(bus: str) -> int | None:
        with writing(city.engine) as tx:
            about = Subject(cabinet_id="c1", bus=bus)
            return alerts.fire(tx, TILT, about, began_at=now, fired_at=now, now=now)

    assert [silent(bus) is not None for bus in ("", "a", "b", "", "a")] == [True, True, True, False, False]
    with writing(city.engine) as tx:
        about = Subject(cabinet_id="c1", bus="a")
        assert alerts.clear(tx, TILT.key, about, cleared_at=now, level=None, now=now) == 1
    with reading(city.engine) as tx:
        live = select(alert.c.bus).where(alert.c.state == "firing").order_by(alert.c.bus)
        assert list(tx.scalars(live)) == ["", "b"]


def test_acknowledging_is_audited_and_can_be_taken_back(city: City, now: datetime):
    alert_id = fire(city, now)
    assert alert_id is not None
    alerts.acknowledge(city.engine, alert_id, by=city.dispatcher, now=now, note=" 已派人 ")
    alerts.acknowledge(city.engine, alert_id, by=city.dispatcher, now=now)
    row = row_of(city, alert_id)
    assert (row.acknowledged_at, row.acknowledged_by) == (now, city.dispatcher.user_id)
    with pytest.raises(Conflict, match="陈派 has acknowledged"):
        alerts.acknowledge(city.engine, alert_id, by=city.second_dispatcher, now=now)
    alerts.take_back_acknowledgement(city.engine, alert_id, by=city.second_dispatcher, now=now)
    alerts.take_back_acknowledgement(city.engine, alert_id, by=city.second_dispatcher, now=now)
    assert row_of(city, alert_id).acknowledged_by is None
    with reading(city.engine) as tx:
        trail = [(entry.actor, entry.action) for entry in tx.execute(select(audit).order_by(audit.c.id))][1:]
        told = select(alert_event).where(alert_event.c.kind == AlertEventKind.ACKNOWLEDGED.value)
        details = [(event.detail, event.by_user_id) for event in tx.execute(told.order_by(alert_event.c.id))]
    assert trail == [("陈派", "alert.acknowledge"), ("周派", "alert.acknowledge.undo")]
    assert details == [
        ({"note": "已派人"}, city.dispatcher.user_id),
        ({"taken_back": True}, city.second_dispatcher.user_id),
    ]


def test_what_can_not_be_acknowledged_says_why(city: City, now: datetime):
    alert_id = fire(city, now)
    assert alert_id is not None
    elsewhere = Actor(user_id=1, name="外", role=None, unit_id=None, area_code="110101")
    with pytest.raises(NotFound):
        alerts.acknowledge(city.engine, 999, by=city.dispatcher, now=now)
    with pytest.raises(OutsideArea):
        alerts.acknowledge(city.engine, alert_id, by=elsewhere, now=now)
    with pytest.raises(InvalidInput, match="500"):
        alerts.acknowledge(city.engine, alert_id, by=city.dispatcher, now=now, note="长" * 501)
    clear(city, now)
    with pytest.raises(InvalidMove, match="over"):
        alerts.acknowledge(city.engine, alert_id, by=city.dispatcher, now=now)
