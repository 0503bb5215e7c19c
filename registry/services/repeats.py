"""Repeats (反复发生): cases that happened again soon after one like them was closed, found by the worker; why, and the
measure against it, by people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select, update

from registry.domain.aftercare import Aftercare, is_repeat
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.geo import Place, box_around, distance_m, place_cells
from registry.domain.kinds import CaseRole, ClosedHow, Stage
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.domain.supervision import check_deadline, check_text
from registry.services import audit
from registry.services.aftercare import aftercare_of
from registry.services.job_marks import insert_new, read_mark, set_mark
from registry.storage.database import writing
from registry.storage.tables import asset, case, case_repeat, unit

_MARK = "repeats"
# ids are given before they are committed: those just behind the mark may have come after the last look
_OVERLAP = 200
_FIRST_DAYS = 31
_AT_ONCE = 40  # places in one question for what is near
_ANSWERING = frozenset({CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER, CaseRole.VERIFIER, CaseRole.HANDLER})
_ENDED_BEFORE = (ClosedHow.REPAIRED.value, ClosedHow.SELF_HANDLED.value)


def find_repeats(engine: Engine, *, now: datetime, batch: int = 500) -> int:
    """Look at the cases opened since the last look, and keep those that are repeats; how many.

    From stored times alone: a worker that was away finds the same ones. Repeating a look finds nothing twice.
    """
    found = 0
    while True:
        with writing(engine) as tx:
            mark = read_mark(tx, _MARK)
            if mark is None:
                mark = _beginning(tx, now)
            rows = tx.execute(_opened_after(mark - _OVERLAP).limit(batch + _OVERLAP)).all()
            found += _keep(tx, rows, now=now)
            set_mark(tx, _MARK, max([mark, *(row.id for row in rows)]))
        if len(rows) < batch + _OVERLAP:
            return found


def answer_repeat(
    engine: Engine,
    case_id: int,
    *,
    cause: str,
    measure: str,
    by: Actor,
    expected_version: int,
    now: datetime,
    unit_id: int | None = None,
    measure_by: datetime | None = None,
) -> None:
    """Say why it happened again (root cause), what is done about that, by whom and until when. Audited.

    Raises ``NotFound``, ``NotAllowed``, ``InvalidInput`` naming the field, ``Conflict``.
    """
    values: dict[str, Any] = {"cause": check_text("cause", cause), "measure": check_text("measure", measure)}
    if measure_by is not None:
        check_deadline(measure_by, now=now, field="measure_by")
    values |= {"unit_id": unit_id, "measure_by": measure_by, "answered_at": now, "answered_by": by.user_id}
    with writing(engine) as tx:
        if unit_id is not None and tx.scalar(select(unit.c.id).where(unit.c.id == unit_id)) is None:
            raise InvalidInput("unit_id", "{given} is not a unit; choose one of the list", given=unit_id)
        row = _load(tx, case_id, by, expected_version)
        _save(tx, row, values | {"done_at": None, "done_by": None}, "repeat.answer", by=by, now=now)


def finish_measure(engine: Engine, case_id: int, *, by: Actor, expected_version: int, now: datetime) -> None:
    """The measure was carried out. Raises ``InvalidMove`` where none was named yet; else as ``answer_repeat``."""
    with writing(engine) as tx:
        row = _load(tx, case_id, by, expected_version)
        if row.answered_at is None:
            raise InvalidMove("nobody has named a cause and a measure yet; do that first")
        _save(tx, row, {"done_at": now, "done_by": by.user_id}, "repeat.done", by=by, now=now)


def _beginning(tx: Connection, now: datetime) -> int:
    """Where the first look begins: a city that has kept cases for years is not asked about all of them."""
    old = select(func.max(case.c.id)).where(case.c.opened_at < now - timedelta(days=_FIRST_DAYS))
    return int(tx.scalar(old) or 0)


def _opened_after(mark: int) -> Any:
    columns = (case.c.id, case.c.kind, case.c.asset_id, case.c.opened_at, case.c.area_code, case.c.stage)
    place = (asset.c.lon, asset.c.lat, asset.c.area_code.label("asset_area"))
    joined = case.outerjoin(asset, asset.c.id == case.c.asset_id)
    own = (case.c.lon.label("own_lon"), case.c.lat.label("own_lat"))
    return select(*columns, *place, *own).select_from(joined).where(case.c.id > mark).order_by(case.c.id)


def _keep(tx: Connection, rows: Iterable[Any], *, now: datetime) -> int:
    lines: dict[str, Aftercare] = {}
    by_kind: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.kind not in lines:
            lines[row.kind] = aftercare_of(tx, row.kind)
        if lines[row.kind].repeat_days and row.stage != Stage.VOID:
            by_kind[row.kind].append(row)
    kept = []
    for kind, later in by_kind.items():
        kept += _repeats_among(tx, later, lines[kind], now)
    return insert_new(tx, case_repeat, kept)


def _repeats_among(tx: Connection, later: list[Any], line: Aftercare, now: datetime) -> list[dict[str, Any]]:
    """The rows to keep for the cases ``later``, all of one kind: one query for all on their assets and beside them."""
    near = _near_assets(tx, later, line.repeat_m)
    assets = {asset_id for found in near.values() for asset_id in found}
    if not assets:
        return []
    since = min(row.opened_at for row in later) - timedelta(days=line.repeat_days)
    ended = (case.c.stage == Stage.CLOSED.value, case.c.kind == line_kind(later), case.c.ended_at >= since)
    earlier: dict[int, list[Any]] = defaultdict(list)
    columns = (case.c.id, case.c.asset_id, case.c.ended_at, case.c.closed_how)
    for one in tx.execute(select(*columns).where(case.c.asset_id.in_(assets), *ended)):
        if one.closed_how is None or one.closed_how in _ENDED_BEFORE:
            earlier[one.asset_id].append(one)
    kept = []
    for row in later:
        best = _latest(row, near[row.id], earlier, line)
        if best is not None:
            before, away = best
            kept.append(
                {
                    "case_id": row.id,
                    "earlier_case_id": before.id,
                    "same_asset": before.asset_id == row.asset_id,
                    "distance_m": round(away, 1),
                    "found_at": now,
                    "area_code": row.asset_area or row.area_code,
                }
            )
    return kept


def line_kind(rows: list[Any]) -> str:
    """The kind that the cases share."""
    return str(rows[0].kind)


def _latest(
    row: Any, near: dict[int, float], earlier: dict[int, list[Any]], line: Aftercare
) -> tuple[Any, float] | None:
    """The case that ended last among those that ``row`` repeats, the one of the same asset before its neighbours'."""
    found = [
        (before, away)
        for asset_id, away in near.items()
        for before in earlier.get(asset_id, ())
        if before.id != row.id
        and is_repeat(
            line,
            ended_at=before.ended_at,
            opened_at=row.opened_at,
            same_asset=asset_id == row.asset_id,
            distance_m=away,
        )
    ]
    return max(found, key=lambda pair: (pair[0].asset_id == row.asset_id, pair[0].ended_at), default=None)


def _near_assets(tx: Connection, rows: list[Any], within_m: float) -> dict[int, dict[int, float]]:
    """For each case, the assets within so many metres (its own with 0) and how far they are."""
    near: dict[int, dict[int, float]] = {row.id: {} for row in rows}
    placed = []
    for row in rows:
        if row.asset_id is not None:
            near[row.id][row.asset_id] = 0.0
        place = _place(row)
        if place is not None and within_m > 0:
            placed.append((row, place))
    for start in range(0, len(placed), _AT_ONCE):
        some = placed[start : start + _AT_ONCE]
        spans = {span for _, place in some for span in place_cells(box_around(place, within_m))}
        cells = or_(*(asset.c.place_cell.between(first, last) for first, last in sorted(spans)))
        others = tx.execute(select(asset.c.id, asset.c.lon, asset.c.lat).where(cells)).all()
        for row, place in some:
            for other in others:
                away = distance_m(place, Place(other.lon, other.lat))
                if away <= within_m and other.id != row.asset_id:
                    near[row.id][other.id] = away
    return near


def _place(row: Any) -> Place | None:
    lon, lat = (row.own_lon, row.own_lat) if row.lon is None else (row.lon, row.lat)
    return None if lon is None else Place(lon, lat)


def _load(tx: Connection, case_id: int, by: Actor, expected_version: int) -> Any:
    if not by.case_roles & _ANSWERING:
        raise NotAllowed(f"causes are named by who handles, verifies or dispatches; {by.name} does none of it")
    row = tx.execute(select(case_repeat).where(case_repeat.c.case_id == case_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("repeat", case_id)
    check_area(by, row.area_code)
    if row.version != expected_version:
        raise Conflict("somebody else has written here meanwhile. Load it again and decide anew")
    return row


def _save(tx: Connection, row: Any, values: dict[str, Any], action: str, *, by: Actor, now: datetime) -> None:
    mine = (case_repeat.c.case_id == row.case_id, case_repeat.c.version == row.version)
    tx.execute(update(case_repeat).where(*mine).values(values | {"version": row.version + 1}))
    audit.record(tx, by=by, action=action, subject=f"case:{row.case_id}", now=now)
