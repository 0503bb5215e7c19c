"""A supervision notice of the ledger as the paper that is printed and signed."""

from __future__ import annotations

from datetime import datetime, tzinfo

from sqlalchemy import Engine

from registry.papers.supervision_notice import (
    USUAL_DEMAND,
    USUAL_TITLE,
    NoticeLine,
    NoticePaper,
    notice_pdf,
    usual_issuer,
)
from registry.queries.supervision import notice_story

__all__ = ["USUAL_DEMAND", "USUAL_TITLE", "notice_as_pdf", "usual_issuer"]


def notice_as_pdf(engine: Engine, notice_id: int, *, now: datetime, zone: tzinfo) -> tuple[str, bytes]:
    """The notice's number and its PDF, times in ``zone``. Raises ``NotFound``."""
    found = notice_story(engine, notice_id, now=now)
    paper = NoticePaper(
        number=found.number,
        title=found.title,
        issuer=found.issuer,
        unit_name=found.unit_name,
        demand=found.demand,
        issued_at=found.issued_at,
        reply_by=found.reply_by,
        issued_by=found.issued_by_name or "",
        lines=[
            NoticeLine(
                place=line.place,
                problem=line.problem,
                demand=line.demand,
                deadline_at=line.deadline_at,
                case_number=line.case_number or "",
            )
            for line in found.lines
        ],
        withdrawn_at=found.withdrawn_at,
    )
    return found.number, notice_pdf(paper, zone=zone)
