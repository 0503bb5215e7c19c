"""The days off and the make-up workdays of 2026, typed from the State Council's notice: nothing here is computed."""

from __future__ import annotations

from datetime import date

from registry.domain.working_time import WorkCalendar


def days(month: int, first: int, last: int, *, year: int = 2026) -> set[date]:
    return {date(year, month, day) for day in range(first, last + 1)}


# As the State Council's notice for 2026 prints them: the days off, and the days worked instead.
CHINA_2026 = WorkCalendar(
    off=frozenset(
        days(1, 1, 3)
        | days(2, 15, 23)
        | days(4, 4, 6)
        | days(5, 1, 5)
        | days(6, 19, 21)
        | days(9, 25, 27)
        | days(10, 1, 7)
    ),
    on=frozenset(
        {
            date(2026, 1, 4),
            date(2026, 2, 14),
            date(2026, 2, 28),
            date(2026, 5, 9),
            date(2026, 9, 20),
            date(2026, 10, 10),
        }
    ),
)
