"""Seasons: shipped once, switched by hand or by their dates, and each change can be undone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import SeasonSwitch
from registry.domain.working_time import TimeUnit
from registry.queries.seasons import list_seasons, season_row, seasons_in_force
from registry.services.revisions import number
from registry.services.rules import install_shipped_rules
from registry.services.seasons import install_shipped_seasons, set_dates, switch_season, undo_season
from registry.storage.database import reading, writing
from registry.storage.tables import audit, rule
from tests.city import City, build_city

JULY = datetime(2026, 7, 20, 4, 0, tzinfo=UTC)


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    built = build_city(engine, now)
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
        install_shipped_seasons(tx)
        tx.execute(update(rule).where(rule.c.key == "water_high").values(seasons={"flood": {"fire": 0.75}}))
    return built


def in_force(city: City, now: datetime) -> list[str]:
    return [each.key for each in seasons_in_force(city.engine, now)]


def revision(city: City) -> int:
    with reading(city.engine) as tx:
        return number(tx, "rules")


def test_the_shipped_seasons_are_put_in_place_once_and_changed_ones_stay(city: City, now: datetime) -> None:
    switch_season(city.engine, "typhoon", "on", by=city.dispatcher, now=now)
    with writing(city.engine) as tx:
        assert install_shipped_seasons(tx) == 0
    assert in_force(city, now) == ["typhoon"]
    assert [each.key for each in list_seasons(city.engine, now=now)] == ["typhoon", "night_market", "flood", "frost"]


def test_by_its_dates_a_season_is_in_force_in_the_citys_own_days(city: City) -> None:
    assert in_force(city, datetime(2026, 5, 14, 15, 59, tzinfo=UTC)) == []
    assert in_force(city, datetime(2026, 5, 14, 16, 0, tzinfo=UTC)) == ["flood"]
    flood = season_row(city.engine, "flood", now=JULY)
    assert flood is not None
    assert (flood.in_force, flood.changes_at) == (True, datetime(2026, 9, 30, 16, 0, tzinfo=UTC))


def test_switching_is_told_audited_and_makes_intake_load_the_rules_anew(city: City, now: datetime) -> None:
    before = revision(city)
    switch_season(city.engine, "typhoon", "on", by=city.dispatcher, now=now)
    switch_season(city.engine, "typhoon", "on", by=city.administrator, now=now)  # nothing changes
    (told,) = seasons_in_force(city.engine, now)
    assert (told.key, told.switched, told.switched_at, told.switched_by_name) == ("typhoon", True, now, "陈派")
    assert revision(city) == before + 1
    with reading(city.engine) as tx:
        trail = tx.execute(select(audit.c.action, audit.c.detail).where(audit.c.subject == "season:typhoon")).all()
    assert [tuple(row) for row in trail] == [("season.switch", '{"changes":{"switch":["off","on"]}}')]


def test_a_change_can_be_undone_and_the_undoing_too(city: City, now: datetime) -> None:
    with pytest.raises(InvalidMove):
        undo_season(city.engine, "flood", by=city.dispatcher, now=now)
    switch_season(city.engine, "flood", "off", by=city.dispatcher, now=now)
    set_dates(city.engine, "flood", "06-01", "09-15", by=city.dispatcher, now=now)
    undo_season(city.engine, "flood", by=city.dispatcher, now=now)

    def shown() -> tuple[SeasonSwitch, str, str]:
        row = season_row(city.engine, "flood", now=now)
        assert row is not None
        return row.switch, row.starts, row.ends

    assert shown() == ("off", "05-15", "09-30")
    undo_season(city.engine, "flood", by=city.dispatcher, now=now)
    assert shown() == ("off", "06-01", "09-15")


@pytest.mark.parametrize(
    ("field", "act"),
    [
        ("switch", lambda engine, **by: switch_season(engine, "flood", "maybe", **by)),
        ("switch", lambda engine, **by: switch_season(engine, "typhoon", "auto", **by)),
        ("ends", lambda engine, **by: set_dates(engine, "flood", "05-15", "", **by)),
        ("starts", lambda engine, **by: set_dates(engine, "flood", "", "09-30", **by)),
        ("starts", lambda engine, **by: set_dates(engine, "flood", "", "", **by)),
        ("ends", lambda engine, **by: set_dates(engine, "flood", "05-15", "09-31", **by)),
    ],
)
def test_what_is_wrong_is_said_at_its_field(city: City, now: datetime, field: str, act: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        act(city.engine, by=city.dispatcher, now=now)
    assert refused.value.field == field


def test_a_season_that_is_not_there(city: City, now: datetime) -> None:
    with pytest.raises(NotFound):
        switch_season(city.engine, "monsoon", "on", by=city.dispatcher, now=now)
    assert season_row(city.engine, "monsoon", now=now) is None


def test_each_season_says_which_numbers_and_which_time_limits_it_changes(city: City, now: datetime) -> None:
    flood = season_row(city.engine, "flood", now=now)
    assert flood is not None
    (water,) = [each for each in flood.numbers if each.rule_key == "water_high"]
    assert (water.name, water.number) == ("fire", 0.75)
    assert water.usual is not None
    assert [(each.kind, each.usual, each.amount, each.unit) for each in flood.limits] == [
        ("water_high", 4, 2, TimeUnit.URGENT_HOUR)
    ]
