"""Which seasons are in force, and what they change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput
from registry.domain.kinds import SeasonSwitch
from registry.domain.rules import LimitCondition
from registry.domain.rules.shipped import SHIPPED_RULES
from registry.domain.seasons import (
    SHIPPED_SEASONS,
    Season,
    effective,
    in_force,
    is_in_force,
    next_change,
    read_day,
)

FLOOD = Season(key="flood", name_zh="汛期", name_en="Flood", priority=2, starts="05-15", ends="09-30")
FROST = Season(key="frost", name_zh="冰冻期", name_en="Frost", priority=1, starts="12-01", ends="02-28")


def on(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=CHINA_TIME)


@pytest.mark.parametrize(
    ("season", "day", "is_on"),
    [
        (FLOOD, on(2026, 5, 14), False),
        (FLOOD, on(2026, 5, 15), True),
        (FLOOD, on(2026, 9, 30, 23), True),
        (FLOOD, on(2026, 10, 1, 0), False),
        (FROST, on(2026, 11, 30), False),
        (FROST, on(2026, 12, 31), True),
        (FROST, on(2027, 1, 1), True),
        (FROST, on(2028, 2, 29), True),
        (FROST, on(2028, 3, 1), False),
    ],
)
def test_a_season_is_in_force_on_its_days_over_new_year_too(season, day, is_on):
    assert is_in_force(season, day.date()) is is_on


def test_a_switch_counts_whatever_the_date():
    always = Season(key="a", name_zh="a", name_en="a", priority=1, switch=SeasonSwitch.ON)
    never = Season(key="b", name_zh="b", name_en="b", priority=1, starts="01-01", ends="12-31", switch=SeasonSwitch.OFF)
    undated = Season(key="c", name_zh="c", name_en="c", priority=1)
    assert [season.key for season in in_force((always, never, undated), at=on(2026, 5, 1))] == ["a"]


def test_the_day_is_the_citys():
    moment = datetime(2026, 5, 14, 16, 0, tzinfo=UTC)  # midnight in China
    assert in_force([FLOOD], at=moment) == (FLOOD,)
    assert in_force([FLOOD], at=moment - timedelta(seconds=1)) == ()


def test_the_next_change_by_date_is_known():
    assert next_change([FLOOD, FROST], at=on(2026, 3, 1)) == on(2026, 5, 15, 0)
    assert next_change([FLOOD, FROST], at=on(2026, 5, 15)) == on(2026, 10, 1, 0)
    assert next_change([SHIPPED_SEASONS[1]], at=on(2026, 3, 1)) is None


def test_of_two_seasons_the_higher_priority_counts():
    typhoon = Season(key="typhoon", name_zh="台风", name_en="T", priority=9, switch=SeasonSwitch.ON)
    seasons = in_force([typhoon, FLOOD], at=on(2026, 7, 1))
    assert [season.key for season in seasons] == ["flood", "typhoon"]
    water = next(rule for rule in SHIPPED_RULES if rule.key == "water_high")
    meant = effective(water, seasons).condition
    assert isinstance(meant, LimitCondition)
    assert (meant.fire, meant.clear, meant.hold_s) == (0.8, 0.7, 10.0)
    assert effective(water, ()) is water


def test_every_season_that_a_shipped_rule_names_is_shipped():
    keys = {season.key for season in SHIPPED_SEASONS}
    assert {key for rule in SHIPPED_RULES for key in rule.seasons} <= keys


def test_days_are_written_as_month_and_day():
    assert [read_day(text, "starts") for text in ("", "02-29", "5-1")] == ["", "02-29", "05-01"]
    with pytest.raises(InvalidInput, match="MM-DD"):
        read_day("13-01", "starts")
