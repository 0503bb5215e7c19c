"""All that a case's page shows of it, read in one view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from registry.domain.case_moves import CaseState
from registry.queries.aftercare import Beyond, beyond_case
from registry.queries.case_marks import Mark, marks_of
from registry.queries.case_ties import CaseTie, ties_of_case
from registry.queries.cases import CaseFile, CrewMember, case_with_state, crew_members
from registry.queries.reports import SimilarCase, similar_cases
from registry.storage.database import reading

__all__ = ["CasePage", "case_page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """The file, what moves care about, what goes beyond the case, what names it, and who could be sent."""

    file: CaseFile
    state: CaseState
    beyond: Beyond
    ties: list[CaseTie]
    similar: list[SimilarCase]
    crew: list[CrewMember]


def case_page(
    engine: Engine, case_id: int, *, now: datetime, with_crew: bool = False, with_similar: bool = False
) -> CasePage | None:
    """One case as its page needs it; None for none. ``crew`` are those who may work where it lies."""
    with reading(engine) as tx:
        marks: frozenset[Mark] = marks_of(tx, case_id)
        found = case_with_state(tx, case_id, marks)
        if found is None:
            return None
        file, state = found
        return CasePage(
            file=file,
            state=state,
            beyond=beyond_case(tx, case_id, now=now, marks=marks),
            ties=ties_of_case(tx, case_id, marks),
            similar=similar_cases(tx, case_id) if with_similar else [],
            crew=crew_members(tx, to=file.area_code) if with_crew else [],
        )
