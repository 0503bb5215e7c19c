"""Keeping boards: shipped ones come with each release; an edit says which version it was made from.

Of two people who edit at once the second is refused, not lost. What a board was before a change stands in the trail.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, update

from registry.domain.board_check import check_board
from registry.domain.boards import Board, Words, plain_board, read_board
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.people import SYSTEM, Actor
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import board

SHIPPED_KEYS = ("overview", "covers", "poles", "cabinets", "cases", "data_quality")
"""The shipped boards, in the order of the list."""

MOST_BOARDS = 500


@cache
def shipped_board(key: str) -> Board | None:
    """The board of this key as this release ships it."""
    if key not in SHIPPED_KEYS:
        return None
    text = files("registry").joinpath(f"data/boards/{key}.json").read_text(encoding="utf-8")
    return read_board(json.loads(text))


def install_shipped_boards(tx: Connection, *, now: datetime) -> int:
    """Add the shipped boards that the city does not have yet, and the better ones of this release; answers how many.

    What people edited or removed stays as it is.
    """
    known = {row.key: row for row in tx.execute(select(board))}
    done = 0
    for key in SHIPPED_KEYS:
        shipped, row = shipped_board(key), known.get(key)
        if shipped is None:
            continue
        body = plain_board(shipped)
        if row is None:
            tx.execute(insert(board).values(_row(shipped, 1, now=now, by=None, shipped=True)))
        elif row.shipped and row.removed_at is None and row.body != body:
            changed = {"body": body, "version": row.version + 1, "updated_at": now, "updated_by": None}
            tx.execute(update(board).where(board.c.key == key).values(changed))
            _note(tx, "board.renew", key, {"version": row.version + 1}, by=SYSTEM, now=now)
        else:
            continue
        done += 1
    return done


def add_board(engine: Engine, wanted: Board, *, by: Actor, now: datetime) -> int:
    """Keep a new board; its version. Raises ``InvalidInput``, and ``Conflict`` where the key is taken."""
    _check(wanted)
    with writing(engine) as tx:
        if tx.execute(select(board.c.key).where(board.c.key == wanted.key)).first() is not None:
            raise Conflict("a board of this name exists already; choose another key, or edit that one")
        if len(tx.execute(select(board.c.key)).all()) >= MOST_BOARDS:
            raise InvalidInput("key", "there are {most} boards already; remove one first", most=MOST_BOARDS)
        tx.execute(insert(board).values(_row(wanted, 1, now=now, by=by.user_id)))
        _note(tx, "board.add", wanted.key, {"panels": len(wanted.panels)}, by=by, now=now)
    return 1


def save_board(engine: Engine, wanted: Board, *, seen_version: int, by: Actor, now: datetime) -> int:
    """Keep an edit; the new version. Saving what is kept already changes nothing.

    Raises ``InvalidInput``, ``NotFound``, and ``Conflict`` when somebody else saved meanwhile.
    """
    _check(wanted)
    with writing(engine) as tx:
        row = _must_exist(tx, wanted.key)
        _check_seen(row, seen_version)
        body = plain_board(wanted)
        if row.body == body:
            return int(row.version)
        # one that is as this release ships it counts as unedited again
        _change(tx, row, body, "board.save", shipped=wanted == shipped_board(wanted.key), by=by, now=now)
    return int(row.version) + 1


def copy_board(engine: Engine, key: str, new_key: str, name: Words, *, by: Actor, now: datetime) -> None:
    """A new board like another. Raises ``NotFound``, ``InvalidInput``, ``Conflict``."""
    with writing(engine) as tx:
        kept = read_board(_must_exist(tx, key).body)
    add_board(engine, msgspec.structs.replace(kept, key=new_key, name=name), by=by, now=now)


def remove_board(engine: Engine, key: str, *, seen_version: int | None = None, by: Actor, now: datetime) -> None:
    """Take a board off the list; ``reset_board`` brings a shipped one back. Raises ``NotFound``, ``Conflict``."""
    with writing(engine) as tx:
        row = _must_exist(tx, key)
        _check_seen(row, seen_version)
        if shipped_board(key) is None:
            tx.execute(delete(board).where(board.c.key == key))
        else:
            gone = {"removed_at": now, "version": row.version + 1, "updated_at": now, "updated_by": by.user_id}
            tx.execute(update(board).where(board.c.key == key).values(gone))
        # what it was stays in the trail: somebody may want it back
        _note(tx, "board.remove", key, {"version": row.version, "body": row.body}, by=by, now=now)


def reset_board(engine: Engine, key: str, *, seen_version: int | None = None, by: Actor, now: datetime) -> int:
    """Make a board what this release ships, also a removed one; the version.

    Raises ``NotFound`` for one that is none of ours, ``Conflict``.
    """
    shipped = shipped_board(key)
    if shipped is None:
        raise NotFound("shipped board", key)
    with writing(engine) as tx:
        row = tx.execute(select(board).where(board.c.key == key).with_for_update()).first()
        if row is None:
            tx.execute(insert(board).values(_row(shipped, 1, now=now, by=by.user_id, shipped=True)))
            _note(tx, "board.reset", key, {"version": 1}, by=by, now=now)
            return 1
        _check_seen(row, seen_version)
        _change(tx, row, plain_board(shipped), "board.reset", shipped=True, by=by, now=now)
    return int(row.version) + 1


def _check(wanted: Board) -> None:
    for problem in check_board(wanted):
        raise problem


def _must_exist(tx: Connection, key: str) -> Any:
    row = tx.execute(select(board).where(board.c.key == key).with_for_update()).first()
    if row is None or row.removed_at is not None:
        raise NotFound("board", key)
    return row


def _check_seen(row: Any, seen_version: int | None) -> None:
    if seen_version is not None and seen_version != row.version:
        raise Conflict("somebody else changed this board meanwhile; load it again and decide anew")


def _change(
    tx: Connection, row: Any, body: dict[str, Any], action: str, *, shipped: bool, by: Actor, now: datetime
) -> None:
    changed = {"body": body, "version": row.version + 1, "shipped": shipped, "removed_at": None}
    stamp = {"updated_at": now, "updated_by": by.user_id}
    tx.execute(update(board).where(board.c.key == row.key).values(changed | stamp))
    _note(tx, action, row.key, {"version": row.version + 1, "before": row.body}, by=by, now=now)


def _note(tx: Connection, action: str, key: str, detail: dict[str, Any], *, by: Actor, now: datetime) -> None:
    audit.record(tx, by=by, action=action, subject=f"board:{key}", detail=detail, now=now)


def _row(kept: Board, version: int, *, now: datetime, by: int | None, shipped: bool = False) -> dict[str, Any]:
    return {
        "key": kept.key,
        "version": version,
        "body": plain_board(kept),
        "shipped": shipped,
        "made_at": now,
        "made_by": by,
        "updated_at": now,
        "updated_by": by,
    }
