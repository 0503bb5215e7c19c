"""Worked examples of the clocks, each computed by hand from the printed calendar of 2026.

In September and October of that year the 7th, 14th, 21st and 28th of September and the 5th and 12th of October are
Mondays; Mid-Autumn is off from Friday 25 to Sunday 27 September, the National Day week from Thursday 1 to Wednesday 7
October, and Sunday 20 September and Saturday 10 October are worked instead. Work is from 8 to 12 and from 14 to 18.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from registry.domain.deadlines import CHINA_TIME
from registry.domain.working_time import Limit, Pause, TimeUnit, WorkCalendar, after, before, deadline, used
from tests.printed_calendar import CHINA_2026

SUMMER_HOURS = WorkCalendar(
    hours=((date.min, ((480, 720), (840, 1080))), (date(2026, 6, 1), ((480, 720), (900, 1080)))),
)
BERLIN = WorkCalendar(zone=ZoneInfo("Europe/Berlin"))
BERLIN_NIGHTS = WorkCalendar(
    on=frozenset({date(2026, 3, 29), date(2026, 10, 25)}),
    hours=((date.min, ((0, 360),)),),
    zone=ZoneInfo("Europe/Berlin"),
)

UH, UD, WH, WD, CD = (
    TimeUnit.URGENT_HOUR,
    TimeUnit.URGENT_DAY,
    TimeUnit.WORK_HOUR,
    TimeUnit.WORK_DAY,
    TimeUnit.CALENDAR_DAY,
)

# What it shows; start; limit; spans in which the clock stands still; extensions granted; deadline.
Example = tuple[str, str, float, TimeUnit, str, int, str]

# fmt: off
EXAMPLES: tuple[Example, ...] = (
    # --- nights
    ("two urgent hours into the night",            "09-07 22:30", 2, UH, "", 0, "09-08 00:30"),
    ("two urgent hours of a Saturday night",       "09-12 23:00", 2, UH, "", 0, "09-13 01:00"),
    ("a quarter of an urgent hour",                "09-12 23:50", 0.25, UH, "", 0, "09-13 00:05"),
    ("urgent hours on National Day",               "10-01 10:00", 4, UH, "", 0, "10-01 14:00"),
    ("an urgent day into the holiday",             "09-30 17:00", 1, UD, "", 0, "10-01 17:00"),
    ("an hour and a half past closing time",       "09-07 17:00", 1.5, WH, "", 0, "09-08 08:30"),
    ("begun in the evening",                       "09-07 20:00", 1, WH, "", 0, "09-08 09:00"),
    ("begun before the morning",                   "09-07 05:00", 1, WH, "", 0, "09-07 09:00"),
    # --- the hours of a day
    ("inside the morning",                         "09-07 08:00", 1, WH, "", 0, "09-07 09:00"),
    ("over lunch",                                 "09-07 11:30", 1, WH, "", 0, "09-07 14:30"),
    ("begun at lunch",                             "09-07 12:30", 1, WH, "", 0, "09-07 15:00"),
    ("a whole morning ends at noon, not at two",   "09-07 08:00", 4, WH, "", 0, "09-07 12:00"),
    ("a whole afternoon",                          "09-07 14:00", 4, WH, "", 0, "09-07 18:00"),
    ("a whole day is over at six",                 "09-07 08:00", 8, WH, "", 0, "09-07 18:00"),
    ("afternoon and morning",                      "09-07 14:00", 8, WH, "", 0, "09-08 12:00"),
    ("a working day is eight hours",               "09-07 08:00", 1, WD, "", 0, "09-07 18:00"),
    ("a working day from ten to ten",              "09-07 10:00", 1, WD, "", 0, "09-08 10:00"),
    ("begun at closing time",                      "09-07 18:00", 1, WD, "", 0, "09-08 18:00"),
    ("begun a minute before closing time",         "09-07 17:59", 1, WD, "", 0, "09-08 17:59"),
    ("half a working day",                         "09-07 10:00", 0.5, WD, "", 0, "09-07 16:00"),
    ("two working days",                           "09-07 09:00", 2, WD, "", 0, "09-09 09:00"),
    # --- weekends
    ("half an hour on either side of a weekend",   "09-11 17:30", 1, WH, "", 0, "09-14 08:30"),
    ("begun on a Saturday",                        "09-12 10:00", 1, WH, "", 0, "09-14 09:00"),
    ("begun on a Sunday night",                    "09-13 23:00", 1, WD, "", 0, "09-14 18:00"),
    ("a working day over a weekend",               "09-11 16:00", 1, WD, "", 0, "09-14 16:00"),
    ("a week of work",                             "09-07 09:00", 5, WD, "", 0, "09-14 09:00"),
    ("two weeks of work, a make-up Sunday inside", "09-09 09:00", 10, WD, "", 0, "09-22 09:00"),
    ("calendar days know no weekend",              "09-11 16:00", 2, CD, "", 0, "09-13 16:00"),
    ("half a calendar day",                        "09-30 16:00", 0.5, CD, "", 0, "10-01 04:00"),
    # --- Mid-Autumn, the National Day week, make-up workdays
    ("a make-up Sunday is worked",                 "09-20 09:00", 2, WH, "", 0, "09-20 11:00"),
    ("from the Saturday into the make-up Sunday",  "09-19 12:00", 1, WD, "", 0, "09-20 18:00"),
    ("three days of which one is that Sunday",     "09-17 10:00", 3, WD, "", 0, "09-21 10:00"),
    ("over Mid-Autumn",                            "09-24 17:00", 1, WD, "", 0, "09-28 17:00"),
    ("begun on Mid-Autumn, a Friday",              "09-25 09:00", 2, WH, "", 0, "09-28 10:00"),
    ("a working day over National Day",            "09-30 16:00", 1, WD, "", 0, "10-08 16:00"),
    ("begun in the National Day week",             "10-03 09:00", 1, WH, "", 0, "10-08 09:00"),
    ("the make-up Saturday counts",                "09-30 16:00", 3, WD, "", 0, "10-10 16:00"),
    ("and the Sunday after it does not",           "09-30 16:00", 4, WD, "", 0, "10-12 16:00"),
    ("the make-up Saturday alone",                 "10-10 08:00", 1, WD, "", 0, "10-10 18:00"),
    ("seven calendar days are the whole week",     "09-30 16:00", 7, CD, "", 0, "10-07 16:00"),
    # --- other holidays, and the turn of the year
    ("the make-up Saturday before Spring Festival", "02-14 09:00", 1, WD, "", 0, "02-24 09:00"),
    ("two days, the festival between them",        "02-13 10:00", 2, WD, "", 0, "02-24 10:00"),
    ("a six-day week after the festival",          "02-23 10:00", 5, WD, "", 0, "02-28 18:00"),
    ("over Labour Day",                            "04-30 17:00", 1, WD, "", 0, "05-06 17:00"),
    ("the make-up Saturday of Labour Day",         "05-07 09:00", 3, WD, "", 0, "05-11 09:00"),
    ("over New Year into a make-up Sunday",        "2025-12-31 15:00", 1, WD, "", 0, "01-04 15:00"),
    ("a year without a table has weekends only",   "12-31 17:00", 1, WD, "", 0, "2027-01-01 17:00"),
    ("all 248 working days of the year",           "01-04 08:00", 248, WD, "", 0, "12-31 18:00"),
    # --- suspension
    ("two working days suspended inside",          "09-07 08:00", 8, WH, "09-07 10:00 > 09-09 10:00", 0, "09-09 18:00"),
    ("suspended over National Day",                "09-29 10:00", 2, WD, "09-30 12:00 > 10-08 08:00", 0, "10-08 16:00"),
    ("suspended into the National Day week",       "09-29 10:00", 2, WD, "09-30 12:00 > 10-05 09:00", 0, "10-08 16:00"),
    ("an urgent day suspended over the holiday", "09-29 10:00", 24, UH,
        "09-30 00:00 > 10-08 00:00", 0, "10-08 10:00"),
    ("suspended on a weekend: nothing gained",     "09-11 16:00", 1, WD, "09-12 00:00 > 09-14 00:00", 0, "09-14 16:00"),
    ("suspended twice", "09-07 08:00", 4, UH,
        "09-07 09:00 > 09-07 10:00, 09-07 11:00 > 09-07 13:00", 0, "09-07 15:00"),
    ("suspensions that overlap count once", "09-07 08:00", 4, UH,
        "09-07 09:00 > 09-07 11:00, 09-07 10:00 > 09-07 12:00", 0, "09-07 15:00"),
    ("suspended after the deadline: no help",      "09-07 08:00", 2, UH, "09-07 11:00 > 09-07 12:00", 0, "09-07 10:00"),
    ("suspended on the very deadline: no help",    "09-07 08:00", 2, UH, "09-07 10:00 > 09-07 12:00", 0, "09-07 10:00"),
    ("suspended before the clock started",         "09-07 09:00", 2, UH, "09-07 08:00 > 09-07 10:00", 0, "09-07 12:00"),
    ("a calendar day suspended for an evening",    "09-07 12:00", 1, CD, "09-07 18:00 > 09-08 00:00", 0, "09-08 18:00"),
    ("suspended for a year", "2025-09-08 09:00", 1, WD,
        "2025-09-08 10:00 > 2026-09-08 10:00", 0, "2026-09-09 09:00"),
    # --- extension
    ("extended once: twice the limit",             "09-07 09:00", 2, WD, "", 1, "09-11 09:00"),
    ("extended twice: three times the limit",      "09-07 08:00", 2, UH, "", 2, "09-07 14:00"),
    ("extended over National Day",                 "09-30 16:00", 1, WD, "", 1, "10-09 16:00"),
    ("extended and suspended",                     "09-07 08:00", 1, WD, "09-08 08:00 > 09-09 08:00", 1, "09-09 18:00"),
)

# In Berlin the clocks go from 2 to 3 on Sunday 29 March, and from 3 back to 2 on Sunday 25 October 2026.
CLOCK_CHANGES: tuple[tuple[str, WorkCalendar, str, float, TimeUnit, str], ...] = (
    ("an urgent day is 24 hours in spring",       BERLIN, "03-28 12:00", 1, UD, "03-29 13:00"),
    ("a calendar day is noon to noon in spring",  BERLIN, "03-28 12:00", 1, CD, "03-29 12:00"),
    ("an urgent day is 24 hours in autumn",       BERLIN, "10-24 12:00", 1, UD, "10-25 11:00"),
    ("a calendar day is noon to noon in autumn",  BERLIN, "10-24 12:00", 1, CD, "10-25 12:00"),
    ("half past two does not come in spring",     BERLIN, "03-28 02:30", 1, CD, "03-29 03:00"),
    ("half past two comes twice; the first is due", BERLIN, "10-24 02:30", 1, CD, "10-25 02:30"),
    ("two urgent hours over the leap",            BERLIN, "03-29 01:00", 2, UH, "03-29 04:00"),
    ("two urgent hours over the repeated hour",   BERLIN, "10-25 02:00", 2, UH, "10-25 03:00"),
    ("work knows nothing of a Sunday night",      BERLIN, "03-27 16:00", 1, WD, "03-30 16:00"),
    ("a night shift of five hours",               BERLIN_NIGHTS, "03-29 00:00", 6, WH, "03-30 01:00"),
    ("a night shift of seven hours",              BERLIN_NIGHTS, "10-25 00:00", 7, WH, "10-25 06:00"),
)

OTHER_HOURS: tuple[tuple[str, WorkCalendar, str, float, TimeUnit, str], ...] = (
    ("summer hours have seven hours a day",       SUMMER_HOURS, "05-29 18:00", 1, WD, "06-02 09:00"),
    ("the afternoon begins at three in summer",   SUMMER_HOURS, "06-01 11:30", 1, WH, "06-01 15:30"),
    ("and at two until the day before",           SUMMER_HOURS, "05-29 11:30", 1, WH, "05-29 14:30"),
)
# fmt: on


def at(text: str, zone: object = CHINA_TIME) -> datetime:
    """A time of 2026, unless the text names the year."""
    written = text if len(text) > 12 else f"2026-{text}"
    return datetime.strptime(written, "%Y-%m-%d %H:%M").replace(tzinfo=zone)  # type: ignore[arg-type]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_a_deadline_is_what_a_person_finds_in_the_calendar(example: Example) -> None:
    _, start, amount, unit, paused, extended, expected = example
    spans = [span.split(" > ") for span in paused.split(", ") if span]
    pauses = [Pause(at(since), at(until)) for since, until in spans]
    limit = Limit(amount=amount, unit=unit)

    found = deadline(at(start), limit, CHINA_2026, pauses=pauses, extended=extended)

    assert found == at(expected)
    assert used(at(start), found, unit, CHINA_2026, pauses) == pytest.approx(amount * (1 + extended))


@pytest.mark.parametrize("example", CLOCK_CHANGES + OTHER_HOURS, ids=[each[0] for each in CLOCK_CHANGES + OTHER_HOURS])
def test_clock_changes_and_other_hours_of_work(
    example: tuple[str, WorkCalendar, str, float, TimeUnit, str],
) -> None:
    _, calendar, start, amount, unit, expected = example

    found = after(at(start, calendar.zone), amount, unit, calendar)

    assert found.astimezone(UTC) == at(expected, calendar.zone).astimezone(UTC)


def test_the_table_is_long_enough_to_be_one() -> None:
    assert len(EXAMPLES) + len(CLOCK_CHANGES) + len(OTHER_HOURS) >= 60


# fmt: off
BACKWARDS: tuple[tuple[str, str, float, TimeUnit, str], ...] = (
    ("the last fifth of two working days",        "09-09 09:00", 3.2, WH, "09-08 15:48"),
    ("back over lunch",                           "09-07 15:00", 2, WH, "09-07 11:00"),
    ("back to the very morning",                  "09-07 12:00", 4, WH, "09-07 08:00"),
    ("back to the morning, not to the evening",   "09-08 08:00", 8, WH, "09-07 08:00"),
    ("back over a weekend",                       "09-14 09:00", 2, WH, "09-11 17:00"),
    ("back over National Day",                    "10-08 09:00", 1, WD, "09-30 09:00"),
    ("back over the turn of the year",            "01-04 09:00", 1, WD, "2025-12-31 09:00"),
    ("back from a holiday",                       "10-05 15:00", 1, WH, "09-30 17:00"),
    ("urgent hours back through the night",       "09-07 01:00", 3, UH, "09-06 22:00"),
    ("calendar days back",                        "10-08 09:00", 3, CD, "10-05 09:00"),
)
# fmt: on


@pytest.mark.parametrize("example", BACKWARDS, ids=[example[0] for example in BACKWARDS])
def test_counting_back_from_a_deadline(example: tuple[str, str, float, TimeUnit, str]) -> None:
    _, until, amount, unit, expected = example
    assert before(at(until), amount, unit, CHINA_2026) == at(expected)


def test_nothing_is_used_before_the_start() -> None:
    assert used(at("09-08 09:00"), at("09-07 09:00"), WH, CHINA_2026) == 0


def test_the_answer_is_in_the_zone_of_the_question() -> None:
    found = deadline(at("09-07 08:00").astimezone(UTC), Limit(amount=1, unit=WH), CHINA_2026)
    assert (found.tzinfo, found.hour) == (UTC, 1)


def test_a_calendar_without_a_working_hour_is_told_rather_than_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="hours of work"):
        after(at("09-07 08:00"), 1, WH, WorkCalendar(hours=((date.min, ()),)))
    with pytest.raises(ValueError, match="hours of work"):
        before(at("09-07 08:00"), 1, WH, WorkCalendar(hours=((date.min, ()),)))


def test_a_limit_of_nothing_is_due_at_once() -> None:
    assert after(at("09-06 08:00"), 0, WH, CHINA_2026) == at("09-06 08:00")
    assert before(at("09-06 08:00"), 0, WH, CHINA_2026) == at("09-06 08:00")
