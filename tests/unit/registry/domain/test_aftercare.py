"""Rechecks, inspections and repeats as they are set for kinds of cases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.aftercare import (
    SHIPPED,
    Aftercare,
    Likeness,
    check_aftercare,
    first_recheck,
    is_repeat,
    next_quarter,
    next_recheck,
    quarter_of,
    read_quarter,
)
from registry.domain.errors import InvalidInput

CLOSED = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TWICE = Aftercare(kind="cover_displaced", recheck_days=7, recheck_times=2)


def test_what_is_shipped_can_be_kept():
    assert all(check_aftercare(line) == line for line in SHIPPED)
    assert len({line.kind for line in SHIPPED}) == len(SHIPPED)


def test_looks_go_on_until_it_was_stable_often_enough():
    assert first_recheck(TWICE, CLOSED) == CLOSED + timedelta(days=7)
    late = CLOSED + timedelta(days=9)
    assert next_recheck(TWICE, 1, late) == late + timedelta(days=7)
    assert next_recheck(TWICE, 2, late) is None
    assert first_recheck(Aftercare(), CLOSED) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recheck_days": 400}, "recheck_days"),
        ({"recheck_times": 0}, "recheck_times"),
        ({"inspect_days": 0}, "inspect_days"),
        ({"inspect_gate": True}, "inspect_gate"),
        ({"repeat_m": -1}, "repeat_m"),
    ],
)
def test_a_setting_that_can_not_work_is_refused_by_name(changes: dict[str, object], field: str):
    with pytest.raises(InvalidInput) as caught:
        check_aftercare(msgspec.structs.replace(TWICE, **changes))
    assert caught.value.field == field


def test_a_gate_needs_something_to_wait_for():
    line = msgspec.structs.replace(TWICE, inspect_like=(Likeness.ROAD,), inspect_gate=True)
    assert check_aftercare(line) is line


@pytest.mark.parametrize(
    ("days", "same_asset", "distance_m", "repeats"),
    [
        (0, True, None, True),
        (30, True, None, True),
        (30.01, True, None, False),
        (-1, True, None, False),
        (3, False, 20.0, True),
        (3, False, 20.1, False),
        (3, False, None, False),
    ],
)
def test_a_repeat_is_the_same_thing_or_one_beside_it_within_the_days(
    days: float, same_asset: bool, distance_m: float | None, repeats: bool
):
    opened = CLOSED + timedelta(days=days)
    found = is_repeat(Aftercare(), ended_at=CLOSED, opened_at=opened, same_asset=same_asset, distance_m=distance_m)
    assert found is repeats


def test_where_no_days_are_given_nothing_repeats():
    line = Aftercare(repeat_days=0)
    assert not is_repeat(line, ended_at=CLOSED, opened_at=CLOSED, same_asset=True, distance_m=0)


def test_quarters_are_read_and_counted():
    assert quarter_of(date(2026, 12, 31)) == "2026Q4"
    assert read_quarter("2026q1") == "2026Q1"
    assert (next_quarter("2026Q4"), next_quarter("2026Q1", -1)) == ("2027Q1", "2025Q4")
    for wrong in ("2026Q5", "2026", "20264", "QQQQQ1", "２０２６Q1"):
        with pytest.raises(InvalidInput):
            read_quarter(wrong)


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_a_day_lies_in_a_quarter_that_can_be_read(day: date):
    quarter = quarter_of(day)
    assert read_quarter(quarter) == quarter
    assert next_quarter(next_quarter(quarter), -1) == quarter
