"""Reading a case with its story for a change, and writing the change: columns, entry, looks. Inside a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from registry.domain.case_moves import CaseState
from registry.domain.case_story import CaseStory, Line, Look
from registry.domain.case_telling import COLUMNS, TELLING
from registry.domain.errors import Conflict, NotFound
from registry.domain.kinds import Stage
from registry.domain.moves import EventName, MoveName
from registry.domain.people import Actor
from registry.storage.stories import lines_of, story_of
from registry.storage.tables import asset, case, case_task, entry

_SAVED = [name for name in COLUMNS if name != "severity"]


def with_place() -> Select[Any]:
    """Rows of cases with the name, road and area of what they are about: the asset, or the place in words."""
    joined = case.outerjoin(asset, asset.c.id == case.c.asset_id)
    return select(
        case,
        func.coalesce(asset.c.name, case.c.place).label("asset_name"),
        func.coalesce(asset.c.road, "").label("road"),
    ).select_from(joined)


def keeping(query: Select[Any], *, pass_over: bool = False) -> Select[Any]:
    """``query``, keeping the cases it finds from every other move until this transaction ends.

    What only names a case (an alert, a photo, an entry of the intake) is written meanwhile. ``pass_over`` leaves out
    what somebody else keeps, for who looks again soon: then nobody can wait for them who waits for somebody.
    """
    return query.with_for_update(of=case, key_share=True, skip_locked=pass_over)


def lock(tx: Connection, *case_ids: int) -> None:
    """Keep these cases for this transaction, always in the same order: two who do it can't wait for each other."""
    tx.execute(keeping(select(case.c.id).where(case.c.id.in_(case_ids)).order_by(case.c.id)))


# Built once: a move executes each of these, and building them takes longer than the database takes to answer.
_KEPT_CASE = keeping(with_place().where(case.c.id == bindparam("of_id")))
_STORY = (
    select(entry.c.at, entry.c.move, entry.c.to_stage, entry.c.by_user_id, entry.c.detail)
    .where(entry.c.case_id == bindparam("of_id"), entry.c.move.in_(TELLING))
    .order_by(entry.c.id)
)
_SAVE = update(case).where(case.c.id == bindparam("of_id"), case.c.version == bindparam("seen"))
_WRITE = insert(entry)


def load(tx: Connection, case_id: int) -> Any:
    """The case's row (see ``with_place``), kept for this transaction. Raises ``NotFound``."""
    row = tx.execute(_KEPT_CASE, {"of_id": case_id}).one_or_none()
    if row is None:
        raise NotFound("case", case_id)
    return row


def state_of(tx: Connection, row: Any) -> CaseState:
    """The case of a row with its story."""
    lines = tx.execute(_STORY, {"of_id": row.id})
    return CaseState(
        id=row.id, number=row.number, kind=row.kind, version=row.version, story=story_of(row, lines_of(lines))
    )


def save(tx: Connection, before: CaseState, story: CaseStory) -> int:
    """Write the columns, one version on; the new version. Raises ``Conflict`` when somebody else was first."""
    values = {name: getattr(story, name) for name in _SAVED} | {"version": before.version + 1}
    saved = tx.execute(_SAVE, values | {"of_id": before.id, "seen": before.version})
    if saved.rowcount != 1:
        raise Conflict(f"case {before.number} has changed meanwhile. Load it again and decide anew")
    return before.version + 1


def write_entry(tx: Connection, before: CaseState, line: Line, *, note: str, by: Actor) -> None:
    """Write the entry of a move."""
    values = {
        "case_id": before.id,
        "at": line.at,
        "move": str(line.move),
        "from_stage": before.stage.value,
        "to_stage": line.to_stage.value,
        "by_user_id": by.user_id,
        "note": note,
        "detail": dict(line.detail),
    }
    tx.execute(_WRITE, values)


def overdue_entry(row: Any, stage: Stage, now: datetime) -> dict[str, Any]:
    """The entry that says that the deadline was missed; the moment kept is the deadline itself."""
    return {
        "case_id": row.id,
        "at": now,
        "move": EventName.OVERDUE.value,
        "from_stage": stage.value,
        "to_stage": stage.value,
        "by_user_id": None,
        "note": "",
        "detail": {"deadline_at": row.deadline_at.isoformat()},
    }


def keep_looks(tx: Connection, case_id: int, before: CaseStory, after: CaseStory, line: Line, note: str) -> None:
    """Bring the rows of 核实 and 核查 to what the story says after ``line``."""
    for old, new in zip(before.looks, after.looks, strict=False):
        if old.done_at is None and new.done_at is not None:
            _end_look(tx, case_id, new)
    for look in after.looks[len(before.looks) :]:
        values: Mapping[str, Any] = {
            "case_id": case_id,
            "kind": look.kind.value,
            "asked_at": look.asked_at,
            "asked_by": line.by_user_id,
            "due_at": look.due_at,
            "assignee_id": look.looker_id,
            "unit_id": look.looker_unit_id,
            "note": note,
        }
        tx.execute(insert(case_task).values(values))


def _end_look(tx: Connection, case_id: int, look: Look) -> None:
    done = {"done_at": look.done_at, "done_by": look.done_by, "passed": look.passed}
    waiting = (case_task.c.case_id == case_id, case_task.c.kind == look.kind.value, case_task.c.done_at.is_(None))
    tx.execute(update(case_task).where(*waiting).values(done))


MOVE_WORDS = list(MoveName)
"""What stands in a timeline because a person (or the program in a person's place) moved the case."""
