"""The records side of one intake batch: newest values, lane progress, dead letters. One statement for many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from registry.domain.kinds import Lane, Reject
from registry.storage.tables import dead_letter, device, revision
from registry.storage.times import from_ms

# point_id, measured_ms, value, quality, received_ms: the very tuples that go into the series
LatestRow = tuple[int, int, float, int, int]

# An update spares the look-up of the point that a foreign key costs an insert, twice the time of the row itself.
# The moment of the batch stands in the text, so that the rows can go to the driver as they are.
_LATEST = """
UPDATE latest SET measured_at = ?2, received_at = ?5, recorded_at = {now_ms}, value = ?3, quality = ?4
 WHERE point_id = ?1"""

_FIRST = """
INSERT INTO latest (point_id, measured_at, received_at, recorded_at, value, quality)
VALUES (?1, ?2, ?5, {now_ms}, ?3, ?4)"""

# PostgreSQL takes a batch as five arrays in one statement: a statement a row costs it, and us, several times as much.
_ARRAYS = "unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::int[], %s::bigint[]) AS n (point_id, m, v, q, r)"
_LATEST_AT_ONCE = f"""
UPDATE latest SET measured_at = n.m, received_at = n.r, recorded_at = {{now_ms}}, value = n.v, quality = n.q
  FROM {_ARRAYS} WHERE latest.point_id = n.point_id"""  # noqa: S608 - put together from this module's constants
_FIRST_AT_ONCE = f"""
INSERT INTO latest (point_id, measured_at, received_at, recorded_at, value, quality)
SELECT n.point_id, n.m, n.r, {{now_ms}}, n.v, n.q FROM {_ARRAYS}"""  # noqa: S608

_LANE = """
INSERT INTO lane (cabinet_id, name, epoch, seq, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (cabinet_id, name, epoch) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at"""

_MEMORY = """
INSERT INTO rule_memory (rule_key, point_id, body) VALUES (?, ?, ?)
ON CONFLICT (rule_key, point_id) DO UPDATE SET body = excluded.body"""

_FORGET = "DELETE FROM rule_memory WHERE rule_key = ? AND point_id = ?"

_LONGEST_SERIAL = 60


class Letter(NamedTuple):
    """One thing that can't be used, with the reason and what to do."""

    at_ms: int
    cabinet: str
    lane: Lane | str
    epoch: str
    seq: int
    reason: Reject
    detail: str
    body: str
    device: str = ""
    attempts: int = 0
    stands_for: int = 1


class AskedLetter(NamedTuple):
    """A kept letter that somebody wants replayed."""

    id: int
    at: datetime
    cabinet: str
    lane: str
    epoch: str
    seq: int
    body: str
    attempts: int
    reason: Reject
    device: str


class Failed(NamedTuple):
    """A letter that was replayed in vain: why, this time."""

    id: int
    reason: Reject
    detail: str
    device: str


def revisions(tx: Connection) -> tuple[int, int]:
    """The revision numbers of what intake keeps in memory: devices with their assets, and rules."""
    numbers = {row.name: row.number for row in tx.execute(select(revision))}
    return numbers.get("directory", 0), numbers.get("rules", 0)


def keep_latest(tx: Connection, rows: Mapping[int, LatestRow], first: Set[int], now_ms: int) -> None:
    """The newest values by point id, known by the caller to be newer; points in ``first`` had none before."""
    known = [row for point_id, row in rows.items() if point_id not in first] if first else list(rows.values())
    new = [rows[point_id] for point_id in first]
    if tx.dialect.name == "postgresql":
        _at_once(tx, _LATEST_AT_ONCE.format(now_ms=now_ms), known)
        _at_once(tx, _FIRST_AT_ONCE.format(now_ms=now_ms), new)
    else:
        _many(tx, _LATEST.format(now_ms=now_ms), known)
        _many(tx, _FIRST.format(now_ms=now_ms), new)


def keep_lanes(tx: Connection, lanes: Mapping[tuple[str, Lane, str], int], now_ms: int) -> None:
    """How far each (cabinet, lane, epoch) is committed, with the readings themselves."""
    _many(tx, _LANE, [(cabinet, lane.value, epoch, seq, now_ms) for (cabinet, lane, epoch), seq in lanes.items()])


def keep_memories(tx: Connection, bodies: Mapping[tuple[str, int], str | None]) -> None:
    """What rules remember, as JSON by (rule, anchor point); None removes the row."""
    _many(tx, _MEMORY, [(key, point_id, body) for (key, point_id), body in bodies.items() if body is not None])
    _many(tx, _FORGET, [about for about, body in bodies.items() if body is None])


def keep_letters(tx: Connection, letters: Sequence[Letter]) -> None:
    """Dead letters, to be looked at and replayed."""
    if letters:
        tx.execute(
            insert(dead_letter),
            [
                {
                    "at": from_ms(letter.at_ms),
                    "cabinet_id": letter.cabinet,
                    "lane": letter.lane,
                    "epoch": letter.epoch,
                    "seq": letter.seq,
                    "reason": letter.reason,
                    "detail": _storable(letter.detail),
                    "body": _storable(letter.body),
                    "device": _storable(letter.device)[:_LONGEST_SERIAL],
                    "attempts": letter.attempts,
                    "stands_for": letter.stands_for,
                    "tried_at": from_ms(letter.at_ms) if letter.attempts else None,
                }
                for letter in letters
            ],
        )


def asked_letters(tx: Connection, limit: int) -> list[AskedLetter]:
    """Letters that wait to be replayed, in the order in which they came."""
    letter = dead_letter.c
    columns = (letter.id, letter.at, letter.cabinet_id, letter.lane, letter.epoch, letter.seq, letter.body)
    more = (letter.attempts, letter.reason, letter.device)
    query = select(*columns, *more).where(letter.asked_at.is_not(None)).order_by(letter.id).limit(limit)
    return [AskedLetter._make(row) for row in tx.execute(query)]


def settle_letters(tx: Connection, done: Sequence[int], failed: Sequence[Failed], now_ms: int) -> None:
    """Forget the letters of which nothing is left over; note of the others why they failed again."""
    if done:
        tx.execute(delete(dead_letter).where(dead_letter.c.id.in_(done)))
    for each in failed:
        tx.execute(
            update(dead_letter)
            .where(dead_letter.c.id == each.id)
            .values(
                reason=each.reason,
                detail=_storable(each.detail),
                device=_storable(each.device)[:_LONGEST_SERIAL],
                attempts=dead_letter.c.attempts + 1,
                tried_at=from_ms(now_ms),
                asked_at=None,
            )
        )


def profile_of(tx: Connection, serial: str) -> str:
    """The profile of the device that is fitted under this serial; empty when none is."""
    query = select(device.c.profile).where(device.c.serial == serial, device.c.removed_at.is_(None))
    return tx.execute(query).scalar() or ""


def _storable(text: str) -> str:
    # PostgreSQL's text can't hold NUL
    return text.replace("\x00", "\\x00")


def _at_once(tx: Connection, sql: str, rows: Sequence[LatestRow]) -> None:
    if rows:
        # as text: the driver puts its own lists together number by number, this takes five calls
        columns = (list(map(itemgetter(place), rows)) for place in range(5))
        arrays = tuple(f"{{{msgspec.json.encode(column)[1:-1].decode()}}}" for column in columns)
        tx.exec_driver_sql(sql, arrays)


def _many(tx: Connection, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
    # straight to the driver: building a parameter dictionary a row would cost more than the insert itself
    if rows:
        paramstyle = tx.dialect.paramstyle
        tx.exec_driver_sql(sql if paramstyle == "qmark" else sql.replace("?", "%s"), list(rows))
