"""The case standard of the city: what is shipped, and over it the lines that people changed or added.

Every change is a new version of its line, is audited, and can be undone by keeping an older one again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, and_, func, insert, select

from registry.domain.case_standard import CaseLine, Standard, check_line
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.people import Actor
from registry.domain.shipped_standard import SHIPPED_LINES
from registry.services import audit
from registry.services.kept_copies import KeptCopy
from registry.services.revisions import bump
from registry.shapes import shaped
from registry.storage.database import reading, writing
from registry.storage.tables import case_standard, rule

REVISION = "standard"
SHIPPED_VERSION = 1
MOST_LINES = 2_000

FIELDS = CaseLine.__struct_fields__


def standard_in_force(tx: Connection) -> Standard:
    """The standard, from memory where nothing has changed. Not in a transaction that changes it (``KeptCopy``)."""
    return _COPY.of(tx)


def open_line(tx: Connection, kind: str) -> CaseLine:
    """The line under which a case of that kind may be opened. Raises ``InvalidInput`` for an unknown or retired one."""
    standard = standard_in_force(tx)
    line = standard.line(kind)
    if line.retired:
        raise InvalidInput(
            "kind", "{given} is out of use; choose one of {known}", given=kind, known=", ".join(standard.open_kinds())
        )
    return line


def line_of(tx: Connection, kind: str, version: int | None = None) -> CaseLine:
    """The line in that version, whatever has become of it since; None or one that is gone: as it is in force.

    Raises ``InvalidInput`` for a kind that the standard does not have.
    """
    line = standard_in_force(tx).line(kind)
    if version is None or version == line.version:
        return line
    return next((each for each in versions(tx, kind) if each.version == version), line)


def load_standard(tx: Connection) -> Standard:
    """The standard, read anew."""
    newest = (
        select(case_standard.c.key, func.max(case_standard.c.version).label("version"))
        .group_by(case_standard.c.key)
        .subquery()
    )
    query = select(case_standard).join(
        newest, and_(newest.c.key == case_standard.c.key, newest.c.version == case_standard.c.version)
    )
    lines = {line.key: msgspec.structs.replace(line, version=SHIPPED_VERSION) for line in SHIPPED_LINES}
    lines |= {row["key"]: read_line(row) for row in tx.execute(query.order_by(case_standard.c.key)).mappings()}
    return Standard(lines)


_COPY = KeptCopy(REVISION, load_standard)


def read_line(row: Mapping[Any, Any]) -> CaseLine:
    """A row of ``case_standard`` as a line."""
    return shaped({name: row[name] for name in FIELDS}, CaseLine, strict=False)


def put_line(
    engine: Engine, line: CaseLine, *, expected_version: int, note: str = "", by: Actor, now: datetime
) -> CaseLine:
    """Keep a new version of a line, or a new line (``expected_version`` 0).

    Raises ``InvalidInput`` for a line that could not be worked with and for one without a change, and ``Conflict`` when
    somebody else changed it first or the key is taken.
    """
    check_line(line)
    with writing(engine) as tx:
        kept = load_standard(tx).lines.get(line.key)
        version = 0 if kept is None else kept.version
        if version != expected_version:
            said = "there is one already" if not expected_version else f"it is version {version} now"
            raise Conflict(f"the line {line.key} has changed: {said}. Load it again and decide anew")
        if kept is not None and same(kept, line):
            raise InvalidInput("limits", "nothing was changed; there is nothing to keep")
        made = put_lines(tx, [msgspec.structs.replace(line, version=version + 1)], note=note, by=by, now=now)
        changes = _changes(kept, line)
        audit.record(
            tx, by=by, action="standard.line", subject=f"standard:{line.key}", detail={"changes": changes}, now=now
        )
    return made[0]


def put_lines(tx: Connection, lines: Iterable[CaseLine], *, note: str, by: Actor, now: datetime) -> list[CaseLine]:
    """Write these versions in the caller's transaction; the caller has checked them and writes the audit trail."""
    made = list(lines)
    if not made:
        return made
    stamp = {"note": note.strip()[:500], "created_at": now, "created_by": by.user_id}
    tx.execute(insert(case_standard), [msgspec.to_builtins(line) | stamp for line in made])
    bump(tx, REVISION)
    return made


def retire_line(
    engine: Engine, key: str, *, retired: bool, expected_version: int, by: Actor, now: datetime
) -> CaseLine:
    """Take a line out of use (cases that have it go on), or back into use.

    Raises as ``put_line``, ``NotFound``, and ``InvalidMove`` while a rule in force raises cases of that kind.
    """
    with reading(engine) as tx:
        kept = load_standard(tx).lines.get(key)
        raising = _raised_by(tx, key) if retired else []
    if kept is None:
        raise NotFound("line of the standard", key)
    if raising:
        raise InvalidMove(f"rules raise cases of this kind: {', '.join(raising)}. Change or switch them off first")
    changed = msgspec.structs.replace(kept, retired=retired)
    return put_line(engine, changed, expected_version=expected_version, by=by, now=now)


def undo_line(engine: Engine, key: str, *, expected_version: int, by: Actor, now: datetime) -> CaseLine:
    """Make a line what it was before its last change, as a new version; undone again, it is as it was.

    Raises ``NotFound``, ``Conflict``, and ``InvalidMove`` where nothing was changed yet.
    """
    with reading(engine) as tx:
        past = versions(tx, key)
    if not past:
        raise NotFound("line of the standard", key)
    if len(past) < 2:
        raise InvalidMove("nothing was changed here that could be undone")
    return put_line(engine, past[1], expected_version=expected_version, note="undo", by=by, now=now)


def versions(tx: Connection, key: str) -> list[CaseLine]:
    """Every version of a line, the newest first, what was shipped last."""
    rows = tx.execute(
        select(case_standard).where(case_standard.c.key == key).order_by(case_standard.c.version.desc())
    ).mappings()
    shipped = [msgspec.structs.replace(line, version=SHIPPED_VERSION) for line in SHIPPED_LINES if line.key == key]
    return [*(read_line(row) for row in rows), *shipped]


def _raised_by(tx: Connection, kind: str) -> list[str]:
    """Keys of the rules in force that raise cases of that kind."""
    newest = select(rule.c.key, func.max(rule.c.version).label("version")).group_by(rule.c.key).subquery()
    query = (
        select(rule.c.key)
        .join(newest, and_(newest.c.key == rule.c.key, newest.c.version == rule.c.version))
        .where(rule.c.case_kind == kind, rule.c.enabled, rule.c.retired.is_(False))
    )
    return list(tx.scalars(query.order_by(rule.c.key)))


def same(one: CaseLine, other: CaseLine) -> bool:
    """Whether two versions say the same."""
    return msgspec.structs.replace(one, version=0) == msgspec.structs.replace(other, version=0)


def _changes(kept: CaseLine | None, line: CaseLine) -> dict[str, list[Any]]:
    before = {} if kept is None else msgspec.to_builtins(kept)
    after = msgspec.to_builtins(line)
    return {
        name: [before.get(name), value]
        for name, value in after.items()
        if name != "version" and before.get(name) != value
    }
