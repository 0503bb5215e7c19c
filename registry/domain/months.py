"""A calendar month of the city: what a month-end evaluation (月度考核) is about. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from registry.domain.errors import InvalidInput

_WRITTEN = re.compile(r"(\d{4})-(\d{2})")
FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One month of the city's calendar; as text ``2023-02``, and ordered by time."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def starts(self, zone: tzinfo) -> datetime:
        """The first moment of the month in ``zone``."""
        return datetime(self.year, self.month, 1, tzinfo=zone)

    def ends(self, zone: tzinfo) -> datetime:
        """The first moment that is no longer in the month."""
        return self.later(1).starts(zone)

    def later(self, months: int) -> Month:
        """So many months after this one; before it with a negative number."""
        years, rest = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, rest + 1)

    def is_over(self, zone: tzinfo, *, now: datetime) -> bool:
        """Whether it has ended: only then can it be closed."""
        return self.ends(zone) <= now


def read_month(text: str) -> Month:
    """``2023-02``. Raises ``InvalidInput``."""
    found = _WRITTEN.fullmatch(text.strip())
    month = Month(int(found[1]), int(found[2])) if found else None
    if month is None or not 1 <= month.month <= 12 or not FIRST_YEAR <= month.year < 9999:
        raise InvalidInput("month", "{given!r} is no month; write it as 2026-11", given=text)
    return month


def month_of(moment: datetime, zone: tzinfo) -> Month:
    """The month of the city's calendar in which ``moment`` lies."""
    here = moment.astimezone(zone)
    return Month(here.year, here.month)
