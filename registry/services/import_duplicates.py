"""Deciding about likely duplicates: the same thing (its row is merged into the asset), or two things (it gets a code).

Before the run a decision is only noted, and the run follows it; after the run it is done at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from registry.domain.codes import read_code
from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import DuplicateDecision, ImportState
from registry.domain.people import Actor
from registry.services import audit
from registry.services.import_batch import Context, Plan
from registry.services.import_files import file_of
from registry.services.import_plan import plan_rows
from registry.services.import_work import context_for, unseen
from registry.services.import_writes import write_plan, write_report
from registry.shapes import shaped
from registry.storage.database import reading, writing
from registry.storage.tables import import_duplicate, import_run
from registry.tabular.census_row import CensusRow

_BATCH = 1_000


def decide_duplicates(
    engine: Engine,
    data_dir: Path,
    run_id: int,
    decisions: Mapping[int, DuplicateDecision],
    *,
    by: Actor,
    now: datetime,
) -> int:
    """Decide about duplicates by their ids; how many were open and are decided now.

    Raises ``InvalidMove`` while the run is being worked on or undone, ``InvalidInput`` for the decision "open".
    """
    if DuplicateDecision.OPEN in decisions.values():
        raise InvalidInput("decision", "choose merge or keep")
    with reading(engine) as tx:
        row = tx.execute(select(import_run).where(import_run.c.id == run_id)).first()
    if row is None:
        raise NotFound("import", run_id)
    if row.state in (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING, ImportState.UNDONE):
        raise InvalidMove(f"import {run_id} is {row.state}; wait until it has ended")
    if row.state != ImportState.DONE and row.next_row:
        raise InvalidMove(f"import {run_id} has ended half way; resume it, then decide")
    decided = 0
    ids = sorted(decisions)
    context = None
    if row.state == ImportState.DONE:
        path, _ = file_of(engine, data_dir, run_id)
        context = context_for(engine, row, path, by=by)
    for start in range(0, len(ids), _BATCH):
        with writing(engine) as tx:
            decided += _decide(
                tx, run_id, context, {each: decisions[each] for each in ids[start : start + _BATCH]}, by, now
            )
    with writing(engine) as tx:
        audit.record(
            tx, by=by, action="import.decide", subject=f"import:{run_id}", detail={"decided": decided}, now=now
        )
    return decided


def _decide(
    tx: Connection,
    run_id: int,
    context: Context | None,
    decisions: Mapping[int, DuplicateDecision],
    by: Actor,
    now: datetime,
) -> int:
    query = select(import_duplicate).where(
        import_duplicate.c.run_id == run_id,
        import_duplicate.c.id.in_(list(decisions)),
        import_duplicate.c.decision == DuplicateDecision.OPEN.value,
    )
    found = tx.execute(query.order_by(import_duplicate.c.row)).all()
    for decision in (DuplicateDecision.MERGE, DuplicateDecision.KEEP):
        ids = [row.id for row in found if decisions[row.id] is decision]
        if ids:
            tx.execute(
                update(import_duplicate)
                .where(import_duplicate.c.id.in_(ids))
                .values(decision=decision.value, decided_at=now, decided_by=by.user_id)
            )
    if context is not None:
        _carry_out(tx, context, [row_from_plain(row.row_values) for row in found], now)
    return len(found)


def _carry_out(tx: Connection, context: Context, rows: list[CensusRow], now: datetime) -> None:
    waiting = rows
    created = updated = unchanged = rejected = 0
    while waiting:
        plan = Plan()
        plan_rows(tx, context, waiting, plan, unseen())
        became = write_plan(tx, context, plan, now=now)
        write_report(tx, context, plan, became, kept=0)
        for number, asset_id in became.items():
            of_row = (import_duplicate.c.run_id == context.run_id) & (import_duplicate.c.row == number)
            tx.execute(update(import_duplicate).where(of_row).values(made_asset_id=asset_id))
        created += len(plan.new)
        updated += len(plan.changed)
        unchanged += len(plan.unchanged)
        rejected += plan.rejected
        waiting = plan.deferred
    tx.execute(
        update(import_run)
        .where(import_run.c.id == context.run_id)
        .values(
            created=import_run.c.created + created,
            updated=import_run.c.updated + updated,
            unchanged=import_run.c.unchanged + unchanged,
            rejected=import_run.c.rejected + rejected,
            held=import_run.c.held - (created + updated + unchanged + rejected),
        )
    )


def row_from_plain(plain: Mapping[str, Any]) -> CensusRow:
    """The row that ``import_writes.row_to_plain`` kept."""
    code = plain.get("code")
    values = {**plain, "code": None, "remarks": []}
    row = shaped(values, CensusRow)
    row.code = read_code(code) if code else None
    return row
