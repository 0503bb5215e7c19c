"""Reading the case standard: the lines in force, and how a line came to be what it is."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, select

from registry.domain.case_standard import CaseLine, Standard
from registry.domain.errors import NotFound
from registry.services.standard import SHIPPED_VERSION, line_of, read_line, standard_in_force, versions
from registry.storage.database import reading
from registry.storage.tables import case_standard, user


class LineVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a line: who made it, when and why; the shipped one was made by nobody."""

    line: CaseLine
    made_at: datetime | None
    made_by_name: str
    note: str


def standard_of(engine: Engine) -> Standard:
    """The standard in force, the retired lines too."""
    with reading(engine) as tx:
        return standard_in_force(tx)


def line_in_force(engine: Engine, key: str) -> CaseLine:
    """One line. Raises ``NotFound``."""
    found = standard_of(engine).lines.get(key)
    if found is None:
        raise NotFound("line of the standard", key)
    return found


def line_versions(engine: Engine, key: str) -> list[LineVersion]:
    """Every version of a line, the newest first. Raises ``NotFound``."""
    query = (
        select(case_standard, user.c.name.label("made_by_name"))
        .outerjoin_from(case_standard, user, user.c.id == case_standard.c.created_by)
        .where(case_standard.c.key == key)
        .order_by(case_standard.c.version.desc())
    )
    with reading(engine) as tx:
        rows = tx.execute(query).mappings().all()
        shipped = [line for line in versions(tx, key) if line.version == SHIPPED_VERSION]
    made = [
        LineVersion(
            line=read_line(row), made_at=row["created_at"], made_by_name=row["made_by_name"] or "", note=row["note"]
        )
        for row in rows
    ]
    if not made or made[-1].line.version != SHIPPED_VERSION:
        made += [LineVersion(line=line, made_at=None, made_by_name="", note="") for line in shipped]
    if not made:
        raise NotFound("line of the standard", key)
    return made


def line_as_of(engine: Engine, key: str, version: int | None) -> CaseLine:
    """A line as it was when a case was filed under it (``case_file.standard_version``). Raises ``InvalidInput``."""
    with reading(engine) as tx:
        return line_of(tx, key, version)
