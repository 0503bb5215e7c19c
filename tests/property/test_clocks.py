"""What holds of every clock, whatever the calendar: it adds up, never runs backwards, and a deadline undoes it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.domain.deadlines import CHINA_TIME
from registry.domain.working_time import (
    UNIT_LENGTH,
    Limit,
    Pause,
    TimeUnit,
    WorkCalendar,
    before,
    deadline,
    used_time,
)

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
ZONES: list[tzinfo] = [CHINA_TIME, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")]

# each draws a calendar and sums up its years, which says nothing about how long that takes on a busy machine
some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda minute: FIRST + timedelta(minutes=minute))
some_days = st.frozensets(st.integers(0, 730).map(lambda ahead: date(2026, 1, 1) + timedelta(days=ahead)), max_size=60)
units = st.sampled_from(list(TimeUnit))


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Up to three stretches of a day, none of them empty."""
    edges = sorted(draw(st.sets(st.integers(0, 48).map(lambda half: half * 30), min_size=2, max_size=6)))
    return tuple((since, until) for since, until in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    """A city somewhere, with days off, days worked instead, and hours that change once."""
    changed = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 700)))
    return WorkCalendar(
        off=draw(some_days),
        on=draw(some_days),
        hours=((date.min, draw(windows())), (changed, draw(windows()))),
        zone=draw(st.sampled_from(ZONES)),
    )


@st.composite
def pauses(draw: st.DrawFn) -> list[Pause]:
    """Up to four, which may overlap."""
    starts = draw(st.lists(moments, max_size=4))
    return [Pause(since, since + timedelta(hours=draw(st.integers(0, 2_000)))) for since in starts]


@some
@given(calendars(), units, st.lists(moments, min_size=3, max_size=3), pauses())
def test_what_is_used_adds_up_and_never_runs_backwards(
    calendar: WorkCalendar, unit: TimeUnit, three: list[datetime], stands: list[Pause]
) -> None:
    first, middle, last = sorted(three)
    whole = used_time(first, last, unit, calendar, stands)
    assert whole == used_time(first, middle, unit, calendar, stands) + used_time(middle, last, unit, calendar, stands)
    assert timedelta(0) <= used_time(first, middle, unit, calendar, stands) <= whole


@some
@given(calendars(), units, moments, st.integers(1, 1_500), pauses())
def test_a_deadline_is_the_first_moment_at_which_the_limit_is_used(
    calendar: WorkCalendar, unit: TimeUnit, start: datetime, quarters: int, stands: list[Pause]
) -> None:
    limit = Limit(amount=quarters / 4, unit=unit)
    due = deadline(start, limit, calendar, pauses=stands)
    assert used_time(start, due, unit, calendar, stands) >= limit.length
    just_before = due - timedelta(microseconds=1)
    assert used_time(start, just_before, unit, calendar, stands) < limit.length


@some
@given(calendars(), st.sampled_from([unit for unit in TimeUnit if unit is not TimeUnit.CALENDAR_DAY]), moments,
       st.integers(1, 1_500))  # fmt: skip
def test_without_pauses_exactly_the_limit_is_used_by_its_deadline(
    calendar: WorkCalendar, unit: TimeUnit, start: datetime, quarters: int
) -> None:
    limit = Limit(amount=quarters / 4, unit=unit)
    assert used_time(start, deadline(start, limit, calendar), unit, calendar) == limit.length


@some
@given(calendars(), units, moments, st.integers(1, 1_500), st.integers(1, 100))
def test_a_longer_limit_is_never_due_earlier(
    calendar: WorkCalendar, unit: TimeUnit, start: datetime, quarters: int, more: int
) -> None:
    shorter, longer = (Limit(amount=amount / 4, unit=unit) for amount in (quarters, quarters + more))
    assert deadline(start, shorter, calendar) < deadline(start, longer, calendar)


@some
@given(calendars(), units, moments, st.integers(1, 1_000), pauses())
def test_a_pause_never_makes_a_deadline_earlier(
    calendar: WorkCalendar, unit: TimeUnit, start: datetime, quarters: int, stands: list[Pause]
) -> None:
    limit = Limit(amount=quarters / 4, unit=unit)
    assert deadline(start, limit, calendar) <= deadline(start, limit, calendar, pauses=stands)


@some
@given(calendars(), units, moments, st.integers(1, 1_000))
def test_counting_back_finds_the_last_moment_from_which_as_much_is_left(
    calendar: WorkCalendar, unit: TimeUnit, until: datetime, quarters: int
) -> None:
    length = UNIT_LENGTH[unit] * (quarters / 4)
    since = before(until, quarters / 4, unit, calendar)
    assert used_time(since, until, unit, calendar) >= length
    later = since + timedelta(hours=2)
    assert used_time(later, until, unit, calendar) < length
