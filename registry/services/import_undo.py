"""Undoing an import as a whole: the registry is again what it was, except that its codes are never given again.

Only while nothing else touched its assets; otherwise nothing is changed and the assets are named. That an asset's area
or cell was found anew after areas changed (``relocation``) is nobody's work on it and stands in no way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from registry.domain.errors import Conflict, InvalidMove, NotFound
from registry.domain.kinds import ImportState, PlaceJobKind
from registry.domain.people import SYSTEM, Actor
from registry.services import audit, revisions
from registry.services.place_jobs import ask_for_job
from registry.services.relocation import ACTION as RELOCATED
from registry.storage.bulk import USUAL_CACHE_MB, widen_cache
from registry.storage.database import reading, writing
from registry.storage.tables import (
    asset,
    asset_alias,
    asset_change,
    asset_doubt,
    case,
    device,
    import_before,
    import_duplicate,
    import_made,
    import_run,
    photo,
    report,
    retired_code,
    road,
    scan,
    tag,
    tag_event,
    unit,
)

MOST_NAMED = 20
"""Assets that are named when an import can't be undone."""

REASONS: dict[str, str] = {
    "plate": "has a plate",
    "plate_history": "has the history of a plate",
    "device": "has a device",
    "case": "has a case",
    "photo": "has a photo",
    "report": "has a citizen's report",
    "scan": "has a scan",
    "changed": "was changed",
    "other_change": "has a change of another origin",
    "merged": "another asset was merged into it",
    "later_import": "was changed by a later import",
}
"""Why an asset stands in the way of an undoing; pages say it in the reader's language."""

_AT_ONCE = 2_500
_FROM_PLACE = frozenset({"lon", "lat", "area_code", "grid_cell"})
_SELF = "undo"
_HOLD_FOR = timedelta(minutes=10)
_MAY_UNDO = (ImportState.DONE, ImportState.STOPPED, ImportState.FAILED)
# what may hang on an asset; any line of these means that somebody has worked with it
_TOUCHES: tuple[tuple[str, Table], ...] = (
    ("plate", tag),
    ("plate_history", tag_event),
    ("device", device),
    ("case", case),
    ("photo", photo),
    ("report", report),
    ("scan", scan),
)


def undo_import(engine: Engine, run_id: int, *, by: Actor, now: datetime) -> None:
    """Take back everything an import did. Raises ``InvalidMove``, ``NotFound``, and ``Conflict`` naming the assets.

    Whether it may be undone is decided at once for all of it. Then it goes in pieces, so that nobody else has to wait
    for the database; one that breaks off is finished by the worker.
    """
    with writing(engine) as tx:
        row = tx.execute(select(import_run).where(import_run.c.id == run_id)).first()
        if row is None:
            raise NotFound("import", run_id)
        if row.state not in {state.value for state in _MAY_UNDO} or not (row.created or row.updated):
            raise InvalidMove(f"import {run_id} is {row.state} and changed nothing that could be undone")
        _refuse_touched(tx, run_id)
        begun = {"state": ImportState.UNDOING.value, "undone_by": by.user_id, "problem": ""}
        tx.execute(
            update(import_run)
            .where(import_run.c.id == run_id)
            .values(**begun, holder=_SELF, held_until=now + _HOLD_FOR)
        )
        detail = {"file": row.file_name, "created": row.created, "updated": row.updated}
        audit.record(tx, by=by, action="import.undo", subject=f"import:{run_id}", detail=detail, now=now)
    finish_undo(engine, run_id, now=now)


def finish_undo(engine: Engine, run_id: int, *, now: datetime) -> None:
    """Do what is left of an undoing. Raises ``Conflict`` when somebody touched an asset after it had begun."""
    while True:
        with writing(engine) as tx:
            widen_cache(tx)
            left = _put_back(tx, run_id, now) or _remove_some(tx, run_id, now)
            if left:
                continue
            widen_cache(tx, USUAL_CACHE_MB)
            tx.execute(delete(asset_change).where(asset_change.c.import_id == run_id))
            _remove_unused(tx, run_id)
            revisions.bump(tx, revisions.DIRECTORY)
            ended = {"state": ImportState.UNDONE.value, "undone_at": now, "holder": "", "held_until": None}
            tx.execute(update(import_run).where(import_run.c.id == run_id).values(**ended))
        return


def finish_undoings(engine: Engine, *, now: datetime) -> int:
    """Finish what processes that died have left half undone; how many. For the worker."""
    with reading(engine) as tx:
        left = select(import_run.c.id).where(
            import_run.c.state == ImportState.UNDOING.value,
            or_(import_run.c.held_until.is_(None), import_run.c.held_until <= now),
        )
        ids = list(tx.execute(left).scalars())
    for run_id in ids:
        try:
            finish_undo(engine, run_id, now=now)
        except Conflict as error:
            said = {"problem": str(error), "held_until": now + _HOLD_FOR}
            with writing(engine) as tx:
                tx.execute(update(import_run).where(import_run.c.id == run_id).values(**said))
    return len(ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """An asset that somebody has worked with since the import; ``why`` is one of ``REASONS``."""

    asset_id: int
    code: str
    name: str
    why: str


def undo_obstacles(engine: Engine, run_id: int) -> list[Obstacle]:
    """The assets that stand in the way of undoing an import (the first of them); none: it can be undone."""
    with reading(engine) as tx:
        return _obstacles(tx, run_id)


def _obstacles(tx: Connection, run_id: int) -> list[Obstacle]:
    touched: dict[int, str] = {}
    for why, query in _questions(run_id):
        for asset_id in tx.execute(query.limit(MOST_NAMED)).scalars():
            touched.setdefault(asset_id, why)
    rows = tx.execute(select(asset.c.id, asset.c.code, asset.c.name).where(asset.c.id.in_(list(touched)))).all()
    found = [Obstacle(asset_id=row.id, code=row.code, name=row.name, why=touched[row.id]) for row in rows]
    return sorted(found, key=lambda each: each.asset_id)[:MOST_NAMED]


def _refuse_touched(tx: Connection, run_id: int) -> None:
    obstacles = _obstacles(tx, run_id)
    if obstacles:
        named = "; ".join(f"{each.code} ({REASONS[each.why]})" for each in obstacles)
        more = " and perhaps others" if len(obstacles) == MOST_NAMED else ""
        raise Conflict(f"import {run_id} can't be undone: since then these assets have changed: {named}{more}")


def _questions(run_id: int) -> list[tuple[str, Select[Any]]]:
    """Each a reason and a query for the ids of assets it holds for."""
    made = select(asset.c.id).where(asset.c.import_id == run_id)
    # an asset that this import made and then changed by a later row has a version of its own doing
    own = select(import_before.c.version_after).where(
        import_before.c.run_id == run_id, import_before.c.asset_id == asset.c.id
    )
    expected = func.coalesce(own.scalar_subquery(), 1) + _relocations(run_id)
    questions: list[tuple[str, Select[Any]]] = [
        (what, made.where(exists().where(table.c.asset_id == asset.c.id))) for what, table in _TOUCHES
    ]
    questions += [
        ("changed", made.where(asset.c.version > 1, asset.c.version != expected)),
        (
            "other_change",
            made.where(
                exists().where(
                    asset_change.c.asset_id == asset.c.id,
                    asset_change.c.action != RELOCATED,
                    or_(asset_change.c.import_id.is_(None), asset_change.c.import_id != run_id),
                )
            ),
        ),
        (
            "merged",
            select(asset.c.merged_into_id).where(asset.c.merged_into_id.in_(made)),
        ),
        (
            "later_import",
            made.where(exists().where(import_before.c.asset_id == asset.c.id, import_before.c.run_id != run_id)),
        ),
        (
            "changed",
            select(asset.c.id)
            .join(import_before, import_before.c.asset_id == asset.c.id)
            .where(
                import_before.c.run_id == run_id,
                asset.c.version != import_before.c.version_after + _relocations(run_id),
            ),
        ),
    ]
    return questions


def _relocations(run_id: int) -> ColumnElement[int]:
    """How often the area or cell of an ``asset`` row was found anew after the import last changed it."""
    own = asset_change.alias("own")
    last_own = (
        select(func.max(own.c.id)).where(own.c.asset_id == asset.c.id, own.c.import_id == run_id).correlate(asset)
    )
    after = and_(
        asset_change.c.asset_id == asset.c.id,
        asset_change.c.action == RELOCATED,
        asset_change.c.id > func.coalesce(last_own.scalar_subquery(), 0),
    )
    return select(func.count()).select_from(asset_change).where(after).correlate(asset).scalar_subquery()


def _put_back(tx: Connection, run_id: int, now: datetime) -> bool:
    """Some of the changed assets get their old values, version and moment of change again. False: there are none."""
    query = select(import_before).where(import_before.c.run_id == run_id).limit(_AT_ONCE)
    rows = tx.execute(query.order_by(import_before.c.asset_id)).all()
    if not rows:
        return False
    ids = [row.asset_id for row in rows]
    relocated = _relocated(tx, run_id, ids)
    if any(row.asset_id in relocated and _FROM_PLACE & row.before.keys() for row in rows):
        # an asset that goes back to its old place needs the area of that place, by the areas of today
        ask_for_job(tx, PlaceJobKind.RELOCATE, by=SYSTEM, now=now)
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        before = dict(row.before)
        before["updated_at"] = datetime.fromisoformat(before["updated_at"])
        before["version"] += relocated.get(row.asset_id, 0)
        bound = {f"b_{name}": value for name, value in before.items()} | {"b_id": row.asset_id}
        by_columns.setdefault(tuple(sorted(before)), []).append(bound)
        for kind, value in row.aliases:
            tx.execute(delete(asset_alias).where(asset_alias.c.kind == kind, asset_alias.c.value == value))
    for names, values in by_columns.items():
        tx.execute(
            update(asset)
            .where(asset.c.id == bindparam("b_id"))
            .values({name: bindparam(f"b_{name}") for name in names}),
            values,
        )
    of_run = import_before.c.run_id == run_id
    tx.execute(delete(import_before).where(of_run, import_before.c.asset_id.in_(ids)))
    tx.execute(delete(asset_change).where(asset_change.c.import_id == run_id, asset_change.c.asset_id.in_(ids)))
    return True


def _relocated(tx: Connection, run_id: int, ids: list[int]) -> dict[int, int]:
    times = _relocations(run_id).label("times")
    found = tx.execute(select(asset.c.id, times).where(asset.c.id.in_(ids)))
    return {row.id: row.times for row in found if row.times}


def _remove_some(tx: Connection, run_id: int, now: datetime) -> bool:
    """Remove some of the assets that were made, with all of theirs; their codes are used up. False: there are none.

    What somebody has hung on one of them meanwhile makes the database refuse it.
    """
    made = select(asset.c.id).where(asset.c.import_id == run_id).order_by(asset.c.id).limit(_AT_ONCE)
    ids = list(tx.execute(made).scalars())
    if not ids:
        return False
    codes = select(asset.c.code, bindparam("retired_at", now, retired_code.c.retired_at.type))
    tx.execute(insert(retired_code).from_select(["code", "retired_at"], codes.where(asset.c.id.in_(ids))))
    tx.execute(delete(asset_alias).where(asset_alias.c.asset_id.in_(ids)))
    tx.execute(delete(asset_change).where(asset_change.c.asset_id.in_(ids), asset_change.c.action == RELOCATED))
    tx.execute(delete(asset_doubt).where(or_(asset_doubt.c.asset_id.in_(ids), asset_doubt.c.other_id.in_(ids))))
    for column in (import_duplicate.c.asset_id, import_duplicate.c.made_asset_id):
        tx.execute(update(import_duplicate).where(column.in_(ids)).values({column.name: None}))
    tx.execute(delete(asset).where(asset.c.id.in_(ids)))
    return True


def _remove_unused(tx: Connection, run_id: int) -> None:
    """Roads and units that the import brought, unless somebody uses them by now."""
    brought = select(import_made.c.key).where(import_made.c.run_id == run_id)
    roads = brought.where(import_made.c.kind == "road")
    tx.execute(delete(road).where(road.c.name.in_(roads), ~exists().where(asset.c.road == road.c.name)))
    for unit_id in (
        tx.execute(select(unit.c.id).where(unit.c.name.in_(brought.where(import_made.c.kind == "unit"))))
        .scalars()
        .all()
    ):
        if not _is_used(tx, unit_id):
            tx.execute(delete(unit).where(unit.c.id == unit_id))
    tx.execute(delete(import_made).where(import_made.c.run_id == run_id))


def _is_used(tx: Connection, unit_id: int) -> bool:
    """Whether any table refers to the unit."""
    for table in unit.metadata.tables.values():
        for column in table.columns:
            if any(key.column is unit.c.id for key in column.foreign_keys):
                query = select(exists().where(column == unit_id))
                if tx.execute(query).scalar():
                    return True
    return False
