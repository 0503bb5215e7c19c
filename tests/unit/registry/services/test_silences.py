"""Silences: who may write one, what it would mute, how it ends, and that pages and notices agree on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.muting import Phase, Subject, matches
from registry.queries.silences import (
    as_silence,
    count_phases,
    in_force,
    list_silences,
    muted_alerts,
    rule_choices,
    silence_row,
    would_mute,
)
from registry.services.rules import install_shipped_rules
from registry.services.silences import NewSilence, add_silence, end_silence
from registry.storage.database import reading, writing
from registry.storage.tables import alert, asset, audit, silence
from tests.city import City, build_city

HOUR = timedelta(hours=1)
STREET, CELL = "440803001", "440803001001001"


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    built = build_city(engine, now)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
        tx.execute(update(asset).values(area_code=CELL))
    return built


def added(city: City, now: datetime, **fields: Any) -> int:
    new = NewSilence(**{"ends_at": now + HOUR, "reason": "道路施工", "rule_key": "cover_tilt", **fields})
    return add_silence(city.engine, new, by=city.dispatcher, now=now)


def test_a_silence_is_written_ended_and_audited(city: City, now: datetime) -> None:
    silence_id = added(city, now)
    end_silence(city.engine, silence_id, by=city.second_dispatcher, now=now + HOUR / 2)
    row = silence_row(city.engine, silence_id, now=now + HOUR / 2)
    assert row is not None
    assert (row.phase, row.ends_at, row.created_by_name, row.ended_by_name) == (
        Phase.PAST,
        now + HOUR / 2,
        "陈派",
        "周派",
    )
    with pytest.raises(InvalidMove):
        end_silence(city.engine, silence_id, by=city.dispatcher, now=now + HOUR / 2)
    with pytest.raises(NotFound):
        end_silence(city.engine, 99, by=city.dispatcher, now=now)
    with reading(city.engine) as tx:
        subject = f"silence:{silence_id}"
        trail = tx.execute(select(audit.c.action).where(audit.c.subject == subject).order_by(audit.c.id)).scalars()
        assert list(trail) == ["silence.add", "silence.end"]


def test_one_that_has_not_begun_is_withdrawn(city: City, now: datetime) -> None:
    silence_id = added(city, now, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    end_silence(city.engine, silence_id, by=city.dispatcher, now=now)
    row = silence_row(city.engine, silence_id, now=now + 1.5 * HOUR)
    assert row is not None
    assert row.phase is Phase.WITHDRAWN
    with reading(city.engine) as tx:
        assert in_force(tx, now + 1.5 * HOUR) == []


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("reason", {"reason": " "}),
        ("reason", {"reason": "长" * 501}),
        ("rule_key", {"rule_key": "no_such_rule"}),
        ("rule_key", {"rule_key": ""}),
        ("asset_id", {"asset_id": 999}),
        ("area_code", {"area_code": "霞山"}),
        ("ends_at", {"ends_at": datetime.fromisoformat("2026-01-01T00:00:00+00:00")}),
    ],
)
def test_what_is_wrong_with_a_silence_is_said_at_its_field(
    city: City, now: datetime, field: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        added(city, now, **wrong)
    assert refused.value.field == field


def test_who_is_bound_to_an_area_mutes_nothing_beyond_it(city: City, now: datetime) -> None:
    bound = replace(city.dispatcher, area_code=STREET)
    for beyond in ({"area_code": ""}, {"area_code": "440803"}, {"area_code": "440804001"}):
        new = NewSilence(**{"ends_at": now + HOUR, "reason": "施工", "rule_key": "cover_tilt", **beyond})
        with pytest.raises(NotAllowed):
            add_silence(city.engine, new, by=bound, now=now)
    for within in ({"area_code": STREET}, {"asset_id": city.asset_id}):
        new = NewSilence(ends_at=now + HOUR, reason="施工", **within)
        add_silence(city.engine, new, by=bound, now=now)
    with pytest.raises(NotAllowed):
        end_silence(city.engine, added(city, now), by=bound, now=now)


def test_lists_tell_current_coming_and_past_apart_and_show_what_touches_an_area(city: City, now: datetime) -> None:
    whole = added(city, now)
    street = added(city, now, area_code=STREET, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    other = added(city, now, area_code="440804", ends_at=now + HOUR / 4)
    cover = added(city, now, asset_id=city.asset_id)
    later = now + HOUR / 2
    by_phase = {phase: [row.id for row in list_silences(city.engine, now=later, phase=phase).items] for phase in Phase}
    assert by_phase == {"current": [cover, whole], "coming": [street], "past": [other], "withdrawn": []}
    assert count_phases(city.engine, now=later) == {"current": 2, "coming": 1, "past": 1}
    seen = list_silences(city.engine, now=later, scope=STREET).items
    assert [row.id for row in seen] == [cover, street, whole]
    assert [row.id for row in list_silences(city.engine, now=later, scope="440804").items] == [other, whole]
    assert [row.id for row in list_silences(city.engine, now=later, asset_id=city.asset_id).items] == [cover]
    first = list_silences(city.engine, now=later, limit=3)
    assert [row.id for row in list_silences(city.engine, now=later, limit=3, after=first.next).items] == [whole]
    assert "cover_tilt" in [rule.key for rule in rule_choices(city.engine)]


def test_what_it_would_mute_is_what_the_notices_find_muted(city: City, now: datetime) -> None:
    """The page counts in the database, the planner asks ``muted_by``: both must say the same of every alert."""
    twin = city.add_asset(now)
    points = [city.point(name) for name in ("tilt_z", "tilt_x", "vibration", "displacement")]
    city.add_alert(None, now, point_id=points[0])
    city.add_alert(None, now, point_id=points[1], severity=3)
    city.add_alert(None, now, point_id=points[2], rule_key="cover_knock", asset_id=twin)
    city.add_alert(None, now, point_id=points[3], rule_key="cover_shift", severity=1, asset_id=twin)
    city.add_alert(None, now, point_id=points[0], rule_key="water_high", state="cleared")
    city.add_alert(None, now, point_id=None, asset_id=None, device_id=None, cabinet_id="c1", rule_key="device_silent")
    with reading(city.engine) as tx:
        rows = tx.execute(
            select(alert, asset.c.area_code).outerjoin_from(alert, asset, asset.c.id == alert.c.asset_id)
        ).all()
    about = {
        row.id: Subject(
            rule_key=row.rule_key, severity=row.severity, asset_id=row.asset_id, area_code=row.area_code or ""
        )
        for row in rows
        if row.state == "firing"
    }
    for fields in (
        {"rule_key": "cover_tilt"},
        {"rule_key": "cover_tilt", "severity": 3},
        {"asset_id": twin, "rule_key": "", "severity": 1},
        {"area_code": STREET, "rule_key": "", "severity": 3},
        {"area_code": "440804", "rule_key": ""},
        {"rule_key": "device_silent"},
    ):
        silence_id = added(city, now, **fields)
        with reading(city.engine) as tx:
            written = as_silence(tx.execute(select(silence).where(silence.c.id == silence_id)).one())
        fits = {key for key, subject in about.items() if matches(written, subject)}
        found = would_mute(
            city.engine,
            asset_id=written.asset_id,
            area_code=written.area_code,
            rule_key=written.rule_key,
            severity=written.severity,
        )
        row = silence_row(city.engine, silence_id, now=now)
        assert row is not None
        assert (found.alerts, {each.id for each in found.first}, row.muting) == (len(fits), fits, len(fits)), fields
        assert set(muted_alerts(city.engine, about, now=now)) == fits
        assert would_mute(city.engine, asset_id=None, area_code="", rule_key="cover_tilt", severity=2).worse == 1
        end_silence(city.engine, silence_id, by=city.dispatcher, now=now)
