"""What can still be read of a damaged spool goes into the new one; the damaged file itself is left as it is.

The packs get new numbers under the new epoch. Those the city already has change nothing there: a reading's identity is
device, point and time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from gateway import spool_tables
from gateway.senml import BadPack, WireFormat, read_back
from gateway.spool_file import transaction
from gateway.spool_tables import BACKLOG_OF, LANE_OF, Totals

_AT_ONCE = 50
_BEYOND = 2**62

_Row = tuple[int, str, int, WireFormat, bytes]


def salvage(aside: Path, db: sqlite3.Connection, totals: Totals, *, now_ms: int, now_s: float) -> tuple[int, int]:
    """Copies every pack that can be read from both ends of ``aside``; returns packs and readings."""
    packs = readings = 0
    for batch in _batches(aside):
        with transaction(db, writes=True):
            for _, stream, count, wire, records in batch:
                lane = LANE_OF.get(stream)  # type: ignore[call-overload]
                if lane is None or not _is_whole(records, wire, count):
                    continue
                spool_tables.insert_pack(
                    db, totals, BACKLOG_OF[lane], records, readings=count, wire=wire, now_ms=now_ms, now_s=now_s
                )
                packs += 1
                readings += count
    return packs, readings


def _is_whole(records: bytes, wire: WireFormat, count: int) -> bool:
    try:
        return len(read_back(records, wire, count=count)) == count
    except BadPack:
        return False


def _batches(aside: Path) -> Iterator[list[_Row]]:
    """From the beginning up to the damage, then from the end back to it."""
    try:
        # Read-only, so that nothing of the evidence is touched; the newest packs may stand in the -wal file beside it.
        db = sqlite3.connect(f"file:{aside}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error:
        return
    through = 0
    with closing(db):
        with suppress(sqlite3.Error):
            while batch := _read(db, "id > ? ORDER BY id", through):
                through = batch[-1][0]
                yield batch
            return
        before = _BEYOND
        with suppress(sqlite3.Error):
            while batch := _read(db, f"id < ? AND id > {through} ORDER BY id DESC", before):
                before = batch[-1][0]
                yield batch[::-1]


def _read(db: sqlite3.Connection, where: str, bound: int) -> list[_Row]:
    sql = f"SELECT id, lane, readings, wire, records FROM pack WHERE {where} LIMIT {_AT_ONCE}"  # noqa: S608 - ours
    rows: list[_Row] = []
    try:
        for row in db.execute(sql, (bound,)):
            rows.append(row)  # noqa: PERF402 - what came before the damage counts
    except sqlite3.Error:
        if not rows:
            raise
    return rows
