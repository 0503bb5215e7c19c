"""What a silence mutes, when, and which silences there may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.muting import Phase, Silence, Subject, check_times, check_width, matches, muted_by, phase_of

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = Silence(id=1, severity=2, starts_at=NOW, ends_at=NOW + HOUR)
ALERT = Subject(rule_key="cover_tilt", severity=2, asset_id=5, area_code="440803001")


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"asset_id": 5}, True),
        ({"asset_id": 6}, False),
        ({"area_code": "440803"}, True),
        ({"area_code": "440804"}, False),
        ({"area_code": "440803001002"}, False),
        ({"rule_key": "cover_tilt"}, True),
        ({"rule_key": "cover"}, False),
        ({"severity": 1}, False),
        ({"severity": 3}, True),
        ({"asset_id": 5, "rule_key": "water_high"}, False),
        ({"asset_id": 5, "rule_key": "cover_tilt", "area_code": "4408"}, True),
    ],
)
def test_all_that_a_silence_names_must_fit_and_nothing_worse_is_muted(fields: dict[str, object], fits: bool) -> None:
    assert matches(replace(ALL, **fields), ALERT) is fits  # type: ignore[arg-type]


def test_what_concerns_a_whole_cabinet_lies_in_no_area_and_is_no_asset() -> None:
    cabinet = Subject(rule_key="device_silent", severity=1)
    assert matches(replace(ALL, rule_key="device_silent"), cabinet)
    assert not matches(replace(ALL, area_code="440803"), cabinet)
    assert not matches(replace(ALL, asset_id=5), cabinet)


def test_it_mutes_from_its_first_moment_until_before_its_last() -> None:
    assert muted_by(ALERT, [ALL], NOW) is ALL
    assert muted_by(ALERT, [ALL], NOW + HOUR - timedelta(milliseconds=1)) is ALL
    assert muted_by(ALERT, [ALL], NOW + HOUR) is None
    assert muted_by(ALERT, [ALL], NOW - timedelta(milliseconds=1)) is None


def test_of_several_the_one_that_lasts_longest_is_named() -> None:
    longer = replace(ALL, id=2, ends_at=NOW + 2 * HOUR)
    assert muted_by(ALERT, [ALL, longer, replace(ALL, id=3)], NOW) is longer


def test_a_silence_stands_somewhere_in_time() -> None:
    begins, ends = NOW, NOW + HOUR
    assert phase_of(begins, ends, now=NOW) is Phase.CURRENT
    assert phase_of(begins, ends, now=NOW - HOUR) is Phase.COMING
    assert phase_of(begins, ends, now=ends) is Phase.PAST
    assert phase_of(begins, begins, now=NOW - HOUR) is Phase.WITHDRAWN


@pytest.mark.parametrize(
    ("starts", "ends", "field"),
    [
        (0 * HOUR, 0 * HOUR, "ends_at"),
        (-2 * HOUR, -HOUR, "ends_at"),
        (0 * HOUR, 31 * DAY, "ends_at"),
        (91 * DAY, 92 * DAY, "starts_at"),
    ],
)
def test_no_silence_is_over_before_it_begins_or_lasts_for_ever(starts: timedelta, ends: timedelta, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_times(NOW + starts, NOW + ends, now=NOW)
    assert refused.value.field == field
    check_times(NOW, NOW + 30 * DAY, now=NOW)


def test_nobody_mutes_the_whole_city() -> None:
    with pytest.raises(InvalidInput, match="hides what is true"):
        check_width(ALL)
    with pytest.raises(InvalidInput, match="severity"):
        check_width(replace(ALL, rule_key="cover_tilt", severity=4))
    check_width(replace(ALL, area_code="440803"))
