"""Which boards there are, and one of them as it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from registry.domain.boards import Board, Words, read_board
from registry.domain.errors import NotFound
from registry.services.boards import SHIPPED_KEYS, shipped_board
from registry.storage.database import reading
from registry.storage.tables import board, user


class BoardLine(msgspec.Struct, frozen=True, kw_only=True):
    """A board in the list. ``edited``: one of ours that is not as this release ships it."""

    key: str
    name: Words
    note: Words
    panels: int
    version: int
    shipped: bool
    edited: bool
    updated_at: datetime
    updated_by_name: str | None


class KeptBoard(msgspec.Struct, frozen=True, kw_only=True):
    """A board with what is to be known for changing it. ``resettable``: this release ships one of this key."""

    board: Board
    version: int
    shipped: bool
    resettable: bool
    updated_at: datetime
    updated_by_name: str | None


def list_boards(engine: Engine) -> list[BoardLine]:
    """The shipped ones in their order, then the city's own by name."""
    query = _kept().where(board.c.removed_at.is_(None))
    with reading(engine) as tx:
        found = [_line(row) for row in tx.execute(query)]
    place = {key: at for at, key in enumerate(SHIPPED_KEYS)}
    return sorted(found, key=lambda each: (place.get(each.key, len(place)), each.name.zh, each.key))


def removed_boards(engine: Engine) -> list[Board]:
    """The shipped boards that somebody took off the list, as this release ships them."""
    with reading(engine) as tx:
        keys = set(tx.execute(select(board.c.key).where(board.c.removed_at.is_not(None))).scalars())
    return [shipped for key in SHIPPED_KEYS if key in keys and (shipped := shipped_board(key)) is not None]


def find_board(engine: Engine, key: str) -> KeptBoard:
    """Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_kept().where(board.c.key == key, board.c.removed_at.is_(None))).first()
    if row is None:
        raise NotFound("board", key)
    return KeptBoard(
        board=read_board(row.body),
        version=row.version,
        shipped=row.shipped,
        resettable=shipped_board(key) is not None,
        updated_at=row.updated_at,
        updated_by_name=row.updated_by_name,
    )


def _kept() -> Any:
    return select(board, user.c.name.label("updated_by_name")).outerjoin(user, user.c.id == board.c.updated_by)


def _line(row: Any) -> BoardLine:
    body = read_board(row.body)
    return BoardLine(
        key=row.key,
        name=body.name,
        note=body.note,
        panels=len(body.panels),
        version=row.version,
        shipped=row.shipped,
        edited=not row.shipped and shipped_board(row.key) is not None,
        updated_at=row.updated_at,
        updated_by_name=row.updated_by_name,
    )
