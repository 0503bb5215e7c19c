"""The history of each asset: what changed, when, by whom. Rows are added and never altered.

Whoever changes an asset calls ``record`` in the same transaction, so that no change is without its line and no line is
without its change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from registry.storage.tables import asset_change


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One line of an asset's history.

    ``action`` is a word of the page's catalogue (``change_action.*``): register, change, state, merge, fit, rezero,
    swap, remove, photo, tag, import … ``changes`` is {field: [before, after]} in plain JSON. ``by`` is a user's id;
    None: the system.
    """

    asset_id: int
    action: str
    changes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    by: int | None
    now: datetime
    note: str = ""
    import_id: int | None = None


def record(
    tx: Connection,
    asset_id: int,
    *,
    action: str,
    changes: Mapping[str, Sequence[Any]],
    by: int | None,
    now: datetime,
    note: str = "",
    import_id: int | None = None,
) -> None:
    """Add one line to the history of ``asset_id``."""
    row = ChangeRow(asset_id=asset_id, action=action, changes=changes, by=by, now=now, note=note, import_id=import_id)
    record_many(tx, [row])


def record_many(tx: Connection, rows: Sequence[ChangeRow]) -> None:
    """``record`` for many assets in one statement; nothing for no rows."""
    if not rows:
        return
    tx.execute(
        insert(asset_change),
        [
            {
                "asset_id": row.asset_id,
                "at": row.now,
                "by_user_id": row.by,
                "action": row.action,
                "changes": {name: list(pair) for name, pair in row.changes.items()},
                "note": row.note,
                "import_id": row.import_id,
            }
            for row in rows
        ],
    )
