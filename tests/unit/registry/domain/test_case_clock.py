"""The clocks of a case, worked by hand in September 2026: the 7th and 14th are Mondays; work is 8–12 and 14–18."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from registry.domain.case_clock import (
    CaseTimes,
    desk_due_at,
    escalations_at,
    left,
    left_until,
    repair_due_at,
    secure_due_at,
    warning_at,
    watch_moments,
)
from registry.domain.case_standard import CaseLine, LineLimit, Pattern, Step
from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import Family, Severity
from registry.domain.working_time import USUAL_CALENDAR, Limit, Pause, TimeUnit

WH, WD, UH = TimeUnit.WORK_HOUR, TimeUnit.WORK_DAY, TimeUnit.URGENT_HOUR


def at(day: int, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2026, 9, day, int(hour), int(minute), tzinfo=CHINA_TIME)


def line(amount: float, unit: TimeUnit, *, secure: tuple[float, TimeUnit] | None = None) -> CaseLine:
    limits = [LineLimit(step=Step.REPAIR, amount=amount, unit=unit)]
    if secure is not None:
        limits.append(LineLimit(step=Step.SECURE, amount=secure[0], unit=secure[1]))
    return CaseLine(
        key="cover_missing",
        family=Family.COVER,
        severity=Severity.ALARM,
        name_zh="井盖缺失",
        limits=tuple(limits),
        pattern=Pattern.SECURE_REPAIR if secure else Pattern.ONE_STEP,
    )


def due(line_: CaseLine, **times: object) -> datetime:
    return repair_due_at(CaseTimes(opened_at=at(7, "08:00"), **times), line_, USUAL_CALENDAR)  # type: ignore[arg-type]


def test_the_handling_clock_starts_at_the_first_dispatch() -> None:
    assert due(line(1, WD), filed_at=at(7, "08:30"), dispatched_at=at(7, "10:00")) == at(8, "10:00")


def test_what_was_returned_goes_on_counting() -> None:
    """Dispatched on Monday at 9, sent back at 11, dispatched to another unit on Tuesday: still due on Tuesday at 9."""
    assert due(line(1, WD), filed_at=at(7, "08:30"), dispatched_at=at(7, "09:00")) == at(8, "09:00")


def test_the_unit_is_not_charged_for_the_desk_that_looks_at_its_work() -> None:
    """Monday 9–12 and 14–15 are four hours; handed back until Wednesday at 9; the other four end that day at 15."""
    pauses = (Pause(at(7, "15:00"), at(9, "09:00")),)
    assert due(line(1, WD), dispatched_at=at(7, "09:00"), pauses=pauses) == at(9, "15:00")


def test_an_extension_adds_one_original_limit() -> None:
    assert due(line(1, WD), dispatched_at=at(7, "09:00"), extensions=2) == at(10, "09:00")


def test_before_dispatch_it_is_due_as_if_dispatched_on_the_desks_last_moment() -> None:
    """Opened at 8: filed by 9, dispatched by 10:30, mended a working day later."""
    assert due(line(1, WD)) == at(8, "10:30")
    assert due(line(1, WD), filed_at=at(7, "08:30")) == at(8, "10:00")


def test_securing_the_site_has_a_short_clock_of_its_own() -> None:
    """Dispatched on Monday at 17:00: fenced off by 20:00, mended after eight hours of work on Tuesday at 17:00."""
    two_steps = line(8, WH, secure=(3, UH))
    times = CaseTimes(opened_at=at(7, "16:00"), dispatched_at=at(7, "17:00"))
    assert secure_due_at(times, two_steps, USUAL_CALENDAR) == at(7, "20:00")
    assert repair_due_at(times, two_steps, USUAL_CALENDAR) == at(8, "17:00")


def test_neither_suspension_nor_extension_leaves_a_hole_unfenced_for_longer() -> None:
    two_steps = line(8, WH, secure=(3, UH))
    times = CaseTimes(
        opened_at=at(7, "16:00"),
        dispatched_at=at(7, "17:00"),
        pauses=(Pause(at(7, "18:00"), at(9, "08:00")),),
        extensions=1,
    )
    assert secure_due_at(times, two_steps, USUAL_CALENDAR) == at(7, "20:00")
    # one hour on Monday; of the other fifteen eight on Wednesday, seven on Thursday
    assert repair_due_at(times, two_steps, USUAL_CALENDAR) == at(10, "17:00")


def test_nothing_has_to_be_secured_in_one_step_or_before_anybody_was_sent() -> None:
    assert secure_due_at(CaseTimes(opened_at=at(7, "08:00")), line(8, WH, secure=(3, UH)), USUAL_CALENDAR) is None
    sent = CaseTimes(opened_at=at(7, "08:00"), dispatched_at=at(7, "09:00"))
    assert secure_due_at(sent, line(8, WH), USUAL_CALENDAR) is None


@pytest.mark.parametrize(
    ("opened", "filed", "severity", "expected"),
    [
        # an hour of work to file: half of it on Friday, half on Monday
        (at(11, "17:30"), None, Severity.ALARM, at(14, "08:30")),
        # an hour and a half of work to dispatch
        (at(11, "17:30"), at(14, "08:30"), Severity.ALARM, at(14, "10:00")),
        # what is critical does not wait for Monday
        (at(12, "23:00"), None, Severity.CRITICAL, at(12, "23:15")),
        (at(12, "23:00"), at(12, "23:10"), Severity.CRITICAL, at(12, "23:25")),
    ],
)
def test_the_desk_has_its_own_limits(
    opened: datetime, filed: datetime | None, severity: Severity, expected: datetime
) -> None:
    assert desk_due_at(CaseTimes(opened_at=opened, filed_at=filed, severity=severity), USUAL_CALENDAR) == expected


def test_a_warning_comes_when_a_fifth_is_left() -> None:
    """Two working days are sixteen hours; 3.2 of them before Wednesday 9:00 is Tuesday 15:48."""
    assert warning_at(at(9, "09:00"), Limit(amount=2, unit=WD), USUAL_CALENDAR) == at(8, "15:48")
    assert warning_at(at(9, "01:00"), Limit(amount=2, unit=UH), USUAL_CALENDAR) == at(9, "00:36")


def test_somebody_higher_is_told_after_half_the_limit_and_after_the_whole_of_it() -> None:
    assert escalations_at(at(11, "16:00"), Limit(amount=1, unit=WD), USUAL_CALENDAR) == (
        at(14, "10:00"),
        at(14, "16:00"),
    )


def test_the_moments_to_look_come_one_after_the_other() -> None:
    moments = watch_moments(at(11, "16:00"), Limit(amount=1, unit=WD), USUAL_CALENDAR)
    assert moments == (at(11, "14:24"), at(14, "10:00"), at(14, "16:00"))


def test_what_is_left_is_said_in_the_unit_of_the_limit() -> None:
    """From Friday 16:00 to Monday 9:00 are three hours of work, not two days and a half."""
    now, limit = at(14, "09:00"), Limit(amount=8, unit=WH)
    found = left(at(11, "16:00"), limit, USUAL_CALENDAR, now=now)
    assert (found.amount, found.share) == (5, 5 / 8)
    assert left_until(at(14, "16:00"), limit, USUAL_CALENDAR, now=now) == found


def test_too_late_is_negative() -> None:
    found = left_until(at(11, "17:00"), Limit(amount=1, unit=WD), USUAL_CALENDAR, now=at(14, "09:00"))
    assert found.time == -timedelta(hours=2)
    assert found.amount == pytest.approx(-0.25)
