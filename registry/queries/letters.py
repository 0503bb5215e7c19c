"""Reading the dead letters: the worst causes first, the letters behind them, one letter whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Engine, func, or_, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Reject
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import dead_letter

_BODY_SHOWN = 200
_MOST_CAUSES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """What the letters are narrowed to; None or "": not narrowed. ``q`` is looked for in detail and original."""

    reason: Reject | None = None
    cabinet: str = ""
    device: str = ""
    q: str = ""

    def said(self) -> dict[str, str]:
        """What narrows, for a person to read."""
        parts = {"reason": self.reason or "", "cabinet": self.cabinet, "device": self.device, "q": self.q}
        return {name: str(value) for name, value in parts.items() if value}


class LetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One letter; ``body`` is the beginning of the original. ``asked_at``: since when it waits to be replayed.

    ``stands_for``: itself and those like it before it that the cabinet only counted.
    """

    id: int
    at: datetime
    cabinet_id: str
    lane: str
    epoch: str
    seq: int
    device: str
    reason: Reject
    detail: str
    body: str
    stands_for: int
    attempts: int
    tried_at: datetime | None
    asked_at: datetime | None


class LetterCause(msgspec.Struct, frozen=True, kw_only=True):
    """Letters of one reason, cabinet and device: most likely one thing to mend. ``frames``: what they stand for."""

    reason: Reject
    cabinet_id: str
    device: str
    letters: int
    frames: int
    waiting: int
    first_at: datetime
    last_at: datetime


def letter_causes(engine: Engine, wanted: LetterFilter = LetterFilter(), *, limit: int = 50) -> list[LetterCause]:
    """What keeps letters coming, the most letters first; at most 200."""
    if not 1 <= limit <= _MOST_CAUSES:
        raise InvalidInput("limit", "{given} must be between {low} and {high}", given=limit, low=1, high=_MOST_CAUSES)
    columns = dead_letter.c
    key = (columns.reason, columns.cabinet_id, columns.device)
    letters = func.count().label("letters")
    query = (
        select(
            *key,
            letters,
            func.sum(columns.stands_for).label("frames"),
            func.count(columns.asked_at).label("waiting"),
            func.min(columns.at).label("first_at"),
            func.max(columns.at).label("last_at"),
        )
        .where(*conditions_of(wanted))
        .group_by(*key)
        .order_by(letters.desc(), *key)
        .limit(limit)
    )
    with reading(engine) as tx:
        return [as_view(row._mapping, LetterCause) for row in tx.execute(query)]


def list_letters(
    engine: Engine,
    wanted: LetterFilter = LetterFilter(),
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[LetterRow]:
    """Letters, the newest first. Raises ``InvalidInput`` for a place in no list."""
    conditions = conditions_of(wanted)
    if after is not None:
        conditions.append(dead_letter.c.id < decode_id(after))
    columns = [column for column in dead_letter.c if column.name != "body"]
    body = func.substr(dead_letter.c.body, 1, _BODY_SHOWN).label("body")
    query = select(*columns, body).where(*conditions).order_by(dead_letter.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [as_view(row._mapping, LetterRow) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def one_letter(engine: Engine, letter_id: int) -> LetterRow:
    """One letter with its whole original. Raises ``NotFound`` (also once it was replayed: then it is readings)."""
    with reading(engine) as tx:
        row = tx.execute(select(dead_letter).where(dead_letter.c.id == letter_id)).first()
    if row is None:
        raise NotFound("letter", letter_id)
    return as_view(row._mapping, LetterRow)


def count_letters(engine: Engine, wanted: LetterFilter = LetterFilter()) -> int:
    """How many a filter leaves."""
    with reading(engine) as tx:
        query = select(func.count()).select_from(dead_letter).where(*conditions_of(wanted))
        return int(tx.execute(query).scalar_one())


def conditions_of(wanted: LetterFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on the table."""
    columns = dead_letter.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.reason is not None:
        conditions.append(columns.reason == wanted.reason)
    if wanted.cabinet:
        conditions.append(columns.cabinet_id == wanted.cabinet)
    if wanted.device:
        conditions.append(columns.device == wanted.device)
    if wanted.q:
        found = (columns.detail.icontains(wanted.q, autoescape=True), columns.body.icontains(wanted.q, autoescape=True))
        conditions.append(or_(*found))
    return conditions
