"""Working through an analogous inspection (举一反三): a result for each asset, and cases where something is wrong."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, func, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import CaseRole, InspectionResult, InspectionState, Role, Source
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.domain.supervision import check_text, is_theirs
from registry.services import audit
from registry.services.case_opening import open_or_attach
from registry.services.standard import open_line
from registry.storage.database import writing
from registry.storage.tables import asset, case, inspection, inspection_item

_LOOKING = frozenset({CaseRole.COLLECTOR, CaseRole.HANDLER, CaseRole.VERIFIER, CaseRole.DISPATCHER})
_WAIVING = frozenset({CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER})
_RESULTS = (InspectionResult.FINE, InspectionResult.WRONG, InspectionResult.GONE)


class Looked(NamedTuple):
    """What a result led to: the case of what is wrong there (None: nothing is), and how many are still waiting."""

    case_id: int | None
    waiting: int


def look_at(
    engine: Engine,
    inspection_id: int,
    asset_id: int,
    result: str,
    *,
    by: Actor,
    now: datetime,
    note: str = "",
    kind: str = "",
    zone: tzinfo = CHINA_TIME,
) -> Looked:
    """Say what was found at one asset of the list; the last result ends the inspection.

    *Wrong* needs a note and opens (or joins) the case of ``kind`` there, which is linked to the list; "" is the kind of
    the case that the list is for. A result can be corrected while the list is open, but a case that came of it stays.
    Raises ``NotFound``, ``NotAllowed``, ``InvalidInput``, ``InvalidMove`` when the list is over.
    """
    found = _read_result(result)
    told = check_text("note", note, required=found is InspectionResult.WRONG)
    with writing(engine) as tx:
        row = _load(tx, inspection_id)
        _check_hands(row, by)
        item = _item(tx, inspection_id, asset_id)
        case_id = item.case_id
        if found is InspectionResult.WRONG and case_id is None:
            case_id = _open_case(tx, row, asset_id, kind or row.kind, told, by=by, now=now, zone=zone)
        values = {"result": found.value, "note": told, "case_id": case_id, "looked_at": now, "looked_by": by.user_id}
        mine = (inspection_item.c.inspection_id == inspection_id, inspection_item.c.asset_id == asset_id)
        tx.execute(update(inspection_item).where(*mine).values(values))
        waiting = _waiting(tx, inspection_id)
        if waiting == 0:
            _end(tx, inspection_id, InspectionState.DONE, "", by=by, now=now)
    return Looked(case_id if found is InspectionResult.WRONG else None, waiting)


def waive_inspection(engine: Engine, inspection_id: int, why: str, *, by: Actor, now: datetime) -> None:
    """Let the case be closed without (the rest of) the list. Audited.

    Raises ``NotFound``, ``NotAllowed``, ``InvalidInput`` without a reason, ``InvalidMove`` when the list is over.
    """
    if not by.case_roles & _WAIVING:
        raise NotAllowed(f"an inspection is waived by the shift supervisor or the dispatcher; {by.name} is neither")
    reason = check_text("why", why)
    with writing(engine) as tx:
        row = _load(tx, inspection_id)
        check_area(by, row.area_code)
        _end(tx, inspection_id, InspectionState.WAIVED, reason, by=by, now=now)
        subject, detail = f"inspection:{inspection_id}", {"why": reason, "waiting": _waiting(tx, inspection_id)}
        audit.record(tx, by=by, action="inspection.waive", subject=subject, detail=detail, now=now)


def _read_result(text: str) -> InspectionResult:
    if text not in _RESULTS:
        raise InvalidInput("result", "{given!r} must be one of {known}", given=text[:20], known=", ".join(_RESULTS))
    return InspectionResult(text)


def _load(tx: Connection, inspection_id: int) -> Any:
    row = tx.execute(
        select(inspection, case.c.kind, case.c.number)
        .join_from(inspection, case, case.c.id == inspection.c.case_id)
        .where(inspection.c.id == inspection_id)
        .with_for_update(of=inspection)
    ).one_or_none()
    if row is None:
        raise NotFound("inspection", inspection_id)
    if row.state != InspectionState.OPEN:
        raise InvalidMove(f"this inspection is {row.state}; what was found stands")
    return row


def _check_hands(row: Any, by: Actor) -> None:
    if not by.case_roles & _LOOKING:
        raise NotAllowed(f"inspections are worked through by crews and the desk; {by.name} is neither")
    check_area(by, row.area_code)
    if by.role is Role.CREW and not is_theirs(row.unit_id, by):
        raise NotAllowed("this inspection is another unit's; its own people work through it")


def _item(tx: Connection, inspection_id: int, asset_id: int) -> Any:
    row = tx.execute(
        select(inspection_item).where(
            inspection_item.c.inspection_id == inspection_id, inspection_item.c.asset_id == asset_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("asset of this inspection", asset_id)
    return row


def _open_case(
    tx: Connection, row: Any, asset_id: int, kind: str, note: str, *, by: Actor, now: datetime, zone: tzinfo
) -> int:
    area_code = tx.scalar(select(asset.c.area_code).where(asset.c.id == asset_id)) or ""
    check_area(by, area_code)
    opened = open_or_attach(
        tx,
        asset_id=asset_id,
        kind=kind,
        severity=open_line(tx, kind).severity,
        source=Source.PATROL,
        now=now,
        by=by,
        note=note,
        detail={"inspection_id": row.id, "like_case_id": row.case_id, "like_number": row.number},
        zone=zone,
    )
    return opened.case_id


def _waiting(tx: Connection, inspection_id: int) -> int:
    mine = (
        inspection_item.c.inspection_id == inspection_id,
        inspection_item.c.result == InspectionResult.WAITING.value,
    )
    return int(tx.execute(select(func.count()).where(*mine)).scalar_one())


def _end(tx: Connection, inspection_id: int, state: InspectionState, note: str, *, by: Actor, now: datetime) -> None:
    values = {"state": state.value, "ended_at": now, "ended_by": by.user_id, "note": note}
    tx.execute(update(inspection).where(inspection.c.id == inspection_id).values(values))
