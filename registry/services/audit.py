"""The audit trail: who did what, appended only, each entry sealed by a hash that covers it and the entry before.

An entry that is changed, removed or moved breaks the chain; ``audit_head`` holds the last hash, so that a cut-off end
is seen too. Whoever can rewrite the whole table and its head can forge a chain: ``covercode doctor`` prints the last
hash, to be noted where they can't reach.

May not hold secrets or personal details of citizens: an entry is never removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, text, update

from registry.domain.people import Actor
from registry.storage.database import reading
from registry.storage.tables import audit, audit_head
from registry.storage.times import to_ms

HEAD = "audit"
NO_HASH = "0" * 64
"""What the first entry follows."""

_READ_AT_ONCE = 1_000
_LONGEST = {"actor": 80, "action": 60, "subject": 80}

# An update, and so a lock until the end of the transaction: the next writer waits and then reads our hash. Reading the
# head without it would let two writers of PostgreSQL follow the same entry.
_TAKE_HEAD = text(
    "INSERT INTO audit_head (name, last_id, last_hash) VALUES (:name, 0, :none) "
    "ON CONFLICT (name) DO UPDATE SET last_id = audit_head.last_id RETURNING last_id, last_hash"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCheck:
    """What a walk along the chain found. ``problem`` is empty when it is whole; ``at_id`` is where it breaks."""

    entries: int
    last_hash: str
    problem: str = ""
    at_id: int | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed or moved."""
        return not self.problem


def record(
    tx: Connection, *, by: Actor, action: str, subject: str = "", detail: Mapping[str, Any] | None = None, now: datetime
) -> int:
    """Append an entry in the caller's transaction; its number.

    ``action`` is a word such as ``tag.destroy``, ``subject`` what it was done to (``asset:12``), ``detail`` plain JSON.
    Other writers of the trail wait until ``tx`` ends: call it last, when everything else is written.
    """
    last_id, last_hash = tx.execute(_TAKE_HEAD, {"name": HEAD, "none": NO_HASH}).one()
    row = {
        "id": last_id + 1,
        "at": now,
        "user_id": by.user_id,
        "actor": by.name[: _LONGEST["actor"]],
        "action": action[: _LONGEST["action"]],
        "subject": subject[: _LONGEST["subject"]],
        "detail": canonical(dict(detail or {})),
        "previous_hash": last_hash,
    }
    sealed = seal(row)
    tx.execute(insert(audit).values(**row, hash=sealed))
    tx.execute(update(audit_head).where(audit_head.c.name == HEAD).values(last_id=row["id"], last_hash=sealed))
    return int(last_id) + 1


def seal(row: Mapping[str, Any]) -> str:
    """SHA-256 over an entry's canonical content and the hash before it, in hexadecimal."""
    content = [
        row["previous_hash"],
        row["id"],
        to_ms(row["at"]),
        row["user_id"],
        row["actor"],
        row["action"],
        row["subject"],
        row["detail"],
    ]
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def check_chain(engine: Engine) -> ChainCheck:
    """Walk the whole trail, a thousand entries at a time, up to the first that does not fit."""
    entries, last_hash = 0, NO_HASH
    # Head and entries must be of one moment, while others go on writing; SQLite's readers have that without asking.
    snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with reading(engine.execution_options(**snapshot)) as tx:
        head = tx.execute(select(audit_head).where(audit_head.c.name == HEAD)).one_or_none()
        with tx.execution_options(yield_per=_READ_AT_ONCE).execute(select(audit).order_by(audit.c.id)) as rows:
            for row in rows.mappings():
                problem = _misfit(row, entries + 1, last_hash)
                if problem:
                    return ChainCheck(entries=entries, last_hash=last_hash, problem=problem, at_id=row["id"])
                entries, last_hash = entries + 1, row["hash"]
    expected, sealed = (0, NO_HASH) if head is None else (head.last_id, head.last_hash)
    if (entries, last_hash) != (expected, sealed):
        problem = f"the trail ends with entry {entries}, but its head says {expected}: the last entries were removed"
        return ChainCheck(entries=entries, last_hash=last_hash, problem=problem, at_id=entries + 1)
    return ChainCheck(entries=entries, last_hash=last_hash)


def _misfit(row: Mapping[Any, Any], expected: int, last_hash: str) -> str:
    """What is wrong with ``row`` as entry number ``expected`` after ``last_hash``; empty when it fits."""
    if row["id"] != expected:
        return f"entry {expected} is missing"
    if row["previous_hash"] != last_hash:
        return f"entry {expected} does not follow the one before it: one of them was moved or replaced"
    if seal(row) != row["hash"]:
        return f"entry {expected} was changed after it was written"
    return ""


def canonical(content: Any) -> str:
    """The one way to write a value as JSON: sorted keys, no blanks."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
