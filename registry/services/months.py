"""What people do with a closed month: put it right, give marks, approve it, publish it.

Nothing of a closed month is changed in place. A correction or a mark makes a new revision of its figures, with who and
why, and takes the approval back; what was published stays published until the new revision is approved and published
in its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, Engine, and_, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import CorrectionKind, MonthState
from registry.domain.month_counts import Count, bit_of
from registry.domain.month_rules import Period
from registry.domain.months import read_month
from registry.domain.people import Actor
from registry.domain.schemes import RowKind, Scheme
from registry.services import audit
from registry.services.month_closing import count_cases, propose_awards
from registry.services.month_figures import write_figures
from registry.services.score_schemes import scheme_version
from registry.services.work_calendar import work_calendar
from registry.storage.database import writing
from registry.storage.tables import month, month_case, month_correction, month_mark, month_standing, unit

MOST_REASON = 1_000

_FROZEN = (MonthState.CLOSED, MonthState.APPROVED, MonthState.PUBLISHED)


def approve_month(engine: Engine, key: str, *, expected_version: int, by: Actor, now: datetime) -> None:
    """Say that the figures may be published. Who asked for the closing can't: four eyes.

    Raises ``NotFound``, ``NotAllowed``, ``InvalidMove`` for a month that is not closed, ``Conflict``.
    """
    if by.user_id is None:
        raise NotAllowed("a month is approved by a named person; sign in")
    with writing(engine) as tx:
        row = _load(tx, key, expected_version)
        if row.state != MonthState.CLOSED:
            raise InvalidMove(f"the month {key} is {row.state}; only a closed one is approved")
        if row.asked_by == by.user_id:
            raise NotAllowed(f"{by.name} closed the month {key}; another person has to approve it")
        values = {"state": MonthState.APPROVED.value, "approved_at": now, "approved_by": by.user_id}
        _change(tx, row, values)
        _record(tx, "month.approve", row, by=by, now=now)


def publish_month(engine: Engine, key: str, *, expected_version: int, by: Actor, now: datetime) -> None:
    """Let everybody see the revision that was approved. Raises as ``approve_month``."""
    with writing(engine) as tx:
        row = _load(tx, key, expected_version)
        if row.state != MonthState.APPROVED:
            raise InvalidMove(f"the month {key} is {row.state}; it is published after a named person approved it")
        values = {
            "state": MonthState.PUBLISHED.value,
            "published_at": now,
            "published_by": by.user_id,
            "published_revision": row.revision,
        }
        _change(tx, row, values)
        _record(tx, "month.publish", row, by=by, now=now)


def correct_case(
    engine: Engine,
    key: str,
    case_id: int,
    kind: str,
    *,
    reason: str,
    expected_version: int,
    by: Actor,
    now: datetime,
    zone: tzinfo,
    unit_id: int | None = None,
) -> int:
    """Put one case of a closed month right; the new revision. ``unit_id``: whose it is, for the kind *unit*.

    Raises ``NotFound``, ``InvalidInput`` where nothing would change, ``InvalidMove``, ``Conflict``.
    """
    wanted = _read_kind(kind)
    said = _reason(reason)
    with writing(engine) as tx:
        row = _load(tx, key, expected_version)
        scheme = _frozen(tx, row)
        here = and_(month_case.c.month == key, month_case.c.case_id == case_id)
        found = tx.execute(select(month_case).where(here)).one_or_none()
        before = None if found is None else {"mask": int(found.mask), "unit_id": found.unit_id}
        if wanted is CorrectionKind.RECOUNT:
            after = _recounted(tx, key, case_id, scheme, zone)
        elif before is None:
            raise NotFound("case of the month", case_id)
        else:
            after = _CHANGES[wanted](tx, before, unit_id)
        if after == before:
            raise InvalidInput("kind", "changes nothing: the case counts like that already")
        if before is not None and wanted is not CorrectionKind.RECOUNT:
            tx.execute(update(month_case).where(here).values(after))
        revision = _revise(tx, row, scheme, now=now)
        trail = {"month": key, "revision": revision, "kind": wanted.value, "case_id": case_id, "reason": said}
        trail |= {"before": before or {}, "after": after, "at": now, "by_user_id": by.user_id}
        tx.execute(insert(month_correction).values(trail))
        detail = {"case_id": case_id, "kind": wanted.value, "revision": revision, "reason": said}
        _record(tx, "month.correct", row, by=by, now=now, detail=detail)
    return revision


def give_mark(
    engine: Engine,
    key: str,
    *,
    group: str,
    subject: str,
    row_key: str,
    points: str,
    reason: str,
    expected_version: int,
    by: Actor,
    now: datetime,
) -> int:
    """Give one who is ranked points for a by-hand row of the scheme; the new revision. Raises as ``correct_case``."""
    said = _reason(reason)
    with writing(engine) as tx:
        row = _load(tx, key, expected_version)
        scheme = _frozen(tx, row)
        line = next((one for one in scheme.rows if one.key == row_key and one.kind is RowKind.BY_HAND), None)
        if line is None:
            raise InvalidInput("row", "{given!r} is no row of the scheme that is given by hand", given=row_key)
        given = _points(points, line.weight)
        ranked = select(month_standing.c.subject).where(
            month_standing.c.month == key,
            month_standing.c.revision == row.revision,
            month_standing.c.group_key == group,
            month_standing.c.subject == subject,
        )
        if tx.scalar(ranked) is None:
            raise InvalidInput("subject", "{given!r} is not ranked in this group", given=subject)
        mark = {"month": key, "revision": row.revision + 1, "group_key": group, "subject": subject}
        mark |= {"row_key": row_key, "points": str(given), "reason": said, "at": now, "by_user_id": by.user_id}
        tx.execute(insert(month_mark).values(mark))
        revision = _revise(tx, row, scheme, now=now)
        detail = {"subject": f"{group}:{subject}", "row": row_key, "points": str(given), "revision": revision}
        _record(tx, "month.mark", row, by=by, now=now, detail=detail)
    return revision


def _load(tx: Connection, key: str, expected_version: int) -> Any:
    row = tx.execute(select(month).where(month.c.key == key).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("month", key)
    if row.version != expected_version:
        raise Conflict(f"the month {key} has changed meanwhile (revision {row.revision}); load it again")
    return row


def _frozen(tx: Connection, row: Any) -> Scheme:
    if row.state not in _FROZEN:
        raise InvalidMove(f"the month {row.key} is {row.state}; it can be put right once it is closed")
    return scheme_version(tx, row.scheme_key, row.scheme_version)


def _change(tx: Connection, row: Any, values: Mapping[str, Any]) -> None:
    saved = update(month).where(month.c.key == row.key, month.c.version == row.version)
    if not tx.execute(saved.values(**values, version=row.version + 1)).rowcount:
        raise Conflict(f"the month {row.key} has changed meanwhile; load it again")


def _revise(tx: Connection, row: Any, scheme: Scheme, *, now: datetime) -> int:
    """Figures and standings anew, as a further revision that nobody has approved yet."""
    revision = int(row.revision) + 1
    write_figures(tx, row.key, revision, scheme)
    propose_awards(tx, row.key, revision, scheme, now=now)
    values = {"revision": revision, "state": MonthState.CLOSED.value, "approved_at": None, "approved_by": None}
    _change(tx, row, values)
    return revision


def _recounted(tx: Connection, key: str, case_id: int, scheme: Scheme, zone: tzinfo) -> dict[str, Any]:
    """The case counted again from its timeline: a granted appeal is seen now."""
    period = Period.of(read_month(key), zone, work_calendar(tx, zone=zone))
    counted = next(count_cases(tx, period, [case_id], recurring_days=scheme.recurring_days), None)
    here = and_(month_case.c.month == key, month_case.c.case_id == case_id)
    if counted is None:
        if not tx.execute(update(month_case).where(here).values(mask=0)).rowcount:
            raise NotFound("case of the month", case_id)
        return {"mask": 0, "unit_id": None}
    _, mask, unit_id, area_code, class_key, kind, handled_s = counted
    values = {"mask": mask, "unit_id": unit_id, "handled_s": handled_s}
    if not tx.execute(update(month_case).where(here).values(values)).rowcount:
        about = {"month": key, "case_id": case_id, "area_code": area_code, "class_key": class_key, "kind": kind}
        tx.execute(insert(month_case).values(**values, **about))
    return {"mask": mask, "unit_id": unit_id}


def _exempted(_tx: Connection, before: Mapping[str, Any], _unit_id: int | None) -> dict[str, Any]:
    mask = before["mask"]
    if mask & bit_of(Count.HANDLED_LATE):
        mask |= bit_of(Count.EXEMPT)
    if mask & bit_of(Count.CLOSED_LATE):
        mask |= bit_of(Count.EXEMPT_CLOSED)
    return {**before, "mask": mask}


def _excluded(_tx: Connection, before: Mapping[str, Any], _unit_id: int | None) -> dict[str, Any]:
    return {**before, "mask": 0}


def _anothers(tx: Connection, before: Mapping[str, Any], unit_id: int | None) -> dict[str, Any]:
    if unit_id is None or tx.scalar(select(unit.c.id).where(unit.c.id == unit_id)) is None:
        raise InvalidInput("unit_id", "{given} is not a unit; choose one of the list", given=unit_id)
    return {**before, "unit_id": unit_id}


_CHANGES = {
    CorrectionKind.EXEMPT: _exempted,
    CorrectionKind.EXCLUDE: _excluded,
    CorrectionKind.UNIT: _anothers,
}


def _read_kind(kind: str) -> CorrectionKind:
    try:
        return CorrectionKind(kind)
    except ValueError:
        raise InvalidInput(
            "kind", "{given!r} is no correction; known are {known}", given=kind, known=", ".join(CorrectionKind)
        ) from None


def _reason(text: str) -> str:
    said = text.strip()
    if not said:
        raise InvalidInput("reason", "is missing; say in a few words why, it stays with the month")
    if len(said) > MOST_REASON:
        raise InvalidInput("reason", "must have at most {most} characters; shorten it", most=MOST_REASON)
    return said


def _points(text: str, weight: Decimal) -> Decimal:
    try:
        given = Decimal(text.strip())
    except InvalidOperation:
        given = Decimal(-1)
    exponent = given.as_tuple().exponent
    if not given.is_finite() or not 0 <= given <= weight or not isinstance(exponent, int) or exponent < -2:
        raise InvalidInput(
            "points", "{given!r} must be a number from 0 to {most} with two decimals at most", given=text, most=weight
        )
    return given


def _record(
    tx: Connection, action: str, row: Any, *, by: Actor, now: datetime, detail: Mapping[str, Any] | None = None
) -> None:
    about = {"revision": int(row.revision), **(detail or {})}
    audit.record(tx, by=by, action=action, subject=f"month:{row.key}", detail=about, now=now)
