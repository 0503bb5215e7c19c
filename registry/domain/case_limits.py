"""What the clocks of one case are made of: its line of the standard, the street's grade, the seasons. Pure.

They are chosen when a case is filed (or reopened) and stand in its timeline: a season that ends, or a new version of
the standard, moves no deadline of a case that is on its way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry.domain.case_clock import CaseTimes, desk_deadline, desk_due_at, repair_due_at, secure_due_at
from registry.domain.case_standard import CaseLine, Step
from registry.domain.case_story import CaseStory
from registry.domain.kinds import Severity, TaskKind
from registry.domain.working_time import Pause, WorkCalendar

_LOOKS = {TaskKind.CHECK: Step.CHECK, TaskKind.VERIFY: Step.VERIFY}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLimits:
    """The clocks of one case. ``grade`` and ``seasons`` (what counts more last) are as they were when it was filed."""

    line: CaseLine
    calendar: WorkCalendar
    grade: str = ""
    seasons: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """What is kept in the timeline: ``grade``, ``seasons`` and the version of the line."""
        return {"version": self.line.version, "grade": self.grade, "seasons": list(self.seasons)}

    def desk_due(self, story: CaseStory) -> datetime:
        """Until when the desk has to have filed it, or, filed, to have dispatched it."""
        return desk_due_at(self._times(story), self.calendar)

    def repair_due(self, story: CaseStory) -> datetime:
        """Until when it has to be mended."""
        return repair_due_at(self._times(story), self.line, self.calendar)

    def secure_due(self, story: CaseStory) -> datetime | None:
        """Until when the site has to be secured; None for a line of one step."""
        return secure_due_at(self._times(story), self.line, self.calendar)

    def look_due(self, kind: TaskKind, story: CaseStory, asked_at: datetime) -> datetime:
        """Until when a 核实 or 核查 has to be done."""
        return desk_deadline(_LOOKS[kind], asked_at, Severity(story.severity), self.calendar)

    def _times(self, story: CaseStory) -> CaseTimes:
        return CaseTimes(
            opened_at=story.opened_at,
            filed_at=story.filed_at,
            dispatched_at=story.first_dispatched_at,
            pauses=pauses_of(story),
            extensions=story.extended,
            severity=Severity(story.severity),
            grade=self.grade,
            seasons=self.seasons,
        )


def pauses_of(story: CaseStory) -> tuple[Pause, ...]:
    """When its clock stood still in its present life, a suspension that lasts included, with its planned end."""
    if story.suspended_at is None or story.suspended_until is None:
        return story.pauses
    return (*story.pauses, Pause(story.suspended_at, story.suspended_until))


def kept_choice(limits: Mapping[str, Any] | None) -> tuple[str, tuple[str, ...]] | None:
    """Grade and seasons as a timeline keeps them; None where it does not."""
    return None if limits is None else (limits.get("grade", ""), tuple(limits.get("seasons", ())))
