"""Typical cases (典型案例): marked by the desk with what others should learn, shown a quarter at a time."""

from __future__ import annotations

from datetime import datetime, tzinfo

from sqlalchemy import Engine, delete, func, insert, select

from registry.domain.aftercare import quarter_of
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import CaseRole, Stage
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.domain.supervision import check_text
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import asset, case, typical_case

_MARKING = frozenset({CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER, CaseRole.VERIFIER})


def mark_typical(
    engine: Engine, case_id: int, *, title: str, lesson: str, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME
) -> str:
    """Mark a closed case as typical, or change its words; the quarter in whose digest it stands (that of its end).

    Raises ``NotFound``, ``NotAllowed``, ``InvalidInput``, ``InvalidMove`` for a case that is not closed. Audited.
    """
    _check(by)
    head, learnt = check_text("title", title, most=120), check_text("lesson", lesson)
    with writing(engine) as tx:
        area_code = func.coalesce(asset.c.area_code, case.c.area_code).label("area_code")
        row = tx.execute(
            select(case.c.stage, case.c.ended_at, area_code)
            .select_from(case.outerjoin(asset, asset.c.id == case.c.asset_id))
            .where(case.c.id == case_id)
        ).one_or_none()
        if row is None:
            raise NotFound("case", case_id)
        check_area(by, row.area_code)
        if row.stage != Stage.CLOSED:
            raise InvalidMove("a case becomes typical once it is closed")
        quarter = quarter_of(row.ended_at.astimezone(zone).date())
        tx.execute(delete(typical_case).where(typical_case.c.case_id == case_id))
        values = {"case_id": case_id, "quarter": quarter, "title": head, "lesson": learnt}
        tx.execute(insert(typical_case).values(**values, marked_at=now, marked_by=by.user_id))
        subject = f"case:{case_id}"
        audit.record(tx, by=by, action="typical.mark", subject=subject, detail={"title": head}, now=now)
    return quarter


def unmark_typical(engine: Engine, case_id: int, *, by: Actor, now: datetime) -> None:
    """Take a case out of the digest. Raises ``NotFound``, ``NotAllowed``. Audited."""
    _check(by)
    with writing(engine) as tx:
        if not tx.execute(delete(typical_case).where(typical_case.c.case_id == case_id)).rowcount:
            raise NotFound("typical case", case_id)
        audit.record(tx, by=by, action="typical.unmark", subject=f"case:{case_id}", now=now)


def _check(by: Actor) -> None:
    if not by.case_roles & _MARKING:
        raise NotAllowed(
            f"typical cases are chosen by who verifies, supervises or dispatches; {by.name} does none of it"
        )
