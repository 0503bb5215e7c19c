"""The clocks of a case from the records: its line of the standard, the seasons in force, the calendar of work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from registry.domain.areas import parents_of
from registry.domain.case_limits import CaseLimits, kept_choice
from registry.domain.case_standard import CaseLine
from registry.domain.deadlines import CHINA_TIME
from registry.services.seasons import seasons_now
from registry.services.standard import line_of
from registry.services.work_calendar import work_calendar
from registry.storage.tables import area


def limits_of(
    tx: Connection,
    kind: str,
    *,
    area_code: str,
    now: datetime,
    kept: Mapping[str, Any] | None = None,
    zone: tzinfo = CHINA_TIME,
) -> CaseLimits:
    """The clocks of a case of that kind in that area.

    ``kept`` is what its timeline says of them (``CaseStory.limits``); None: as they are now. Raises ``InvalidInput``
    for a kind that the standard does not have.
    """
    line = line_of(tx, kind, None if kept is None else kept.get("version"))
    choice = kept_choice(kept)
    if choice is None:
        seasons = seasons_now(tx, now=now, zone=zone)
        choice = (_grade(tx, line, area_code), tuple(season.key for season in seasons))
    return CaseLimits(line=line, calendar=work_calendar(tx, zone=zone), grade=choice[0], seasons=choice[1])


def _grade(tx: Connection, line: CaseLine, area_code: str) -> str:
    """The grade of the smallest area around it that has one; not looked up for a line that asks for none."""
    if not area_code or not any(limit.grade for limit in line.limits):
        return ""
    around = [area_code, *parents_of(area_code)]
    found = select(area.c.code, area.c.grade).where(area.c.code.in_(around), area.c.grade != "")
    return max(((len(row.code), row.grade) for row in tx.execute(found)), default=(0, ""))[1]
