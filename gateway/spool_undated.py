"""Readings that wait for the clock: kept with the ticks of their run of the machine, dated when the time is known.

Readings of the present run (a crash in between changes nothing, ticks go on) get their exact time. Of an earlier run
nobody knows when it was, only that it ended before this one began: its last reading is put at this run's beginning, the
others at their distance before that, and all are marked suspect, so that people see them and no rule decides by them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from gateway import spool_tables
from gateway.senml import UNDATED_S, BadPack, Item, WireFormat, dated, encode_readings, read_back
from gateway.spool_tables import LANES, OVERHEAD_BYTES, Lane, Totals

_ROWS_AT_ONCE = 100


class Shift(NamedTuple):
    """What turns undated times of one run into Unix ms; ``guessed`` where the run's beginning is not known."""

    add_ms: int
    guessed: bool


def keep(
    db: sqlite3.Connection,
    totals: Totals,
    lane: Lane,
    records: bytes,
    *,
    boot: str,
    newest_ms: int,
    readings: int,
    wire: WireFormat,
    now_s: float,
) -> None:
    """Keeps undated ``records`` until ``date_some``."""
    size = len(records) + OVERHEAD_BYTES
    db.execute(
        "INSERT INTO undated (lane, boot, newest_ms, put_s, readings, bytes, wire, records)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (lane, boot, newest_ms, now_s, readings, size, wire, records),
    )
    totals.undated += readings
    totals.readings += readings
    totals.bytes += size


def shifts(db: sqlite3.Connection, *, boot: str, start_s: float) -> dict[str, Shift]:
    """For every run of the machine that left undated readings; ``start_s`` is when this one, ``boot``, began."""
    start_ms = round(start_s * 1000)
    found = {boot: Shift(start_ms - round(UNDATED_S * 1000), guessed=False)}
    for earlier, newest_ms in db.execute(
        "SELECT boot, max(newest_ms) FROM undated WHERE boot <> ? GROUP BY boot ORDER BY max(id) DESC", (boot,)
    ):
        found[earlier] = Shift(start_ms - newest_ms, guessed=True)
        start_ms -= newest_ms - round(UNDATED_S * 1000)
    return found


def date_some(db: sqlite3.Connection, totals: Totals, known: Mapping[str, Shift], *, now_ms: int, now_s: float) -> int:
    """Turns the oldest undated rows into packs, one per lane; returns how many rows are gone (0: nothing to do)."""
    rows = db.execute(
        "SELECT id, lane, boot, readings, bytes, wire, records FROM undated ORDER BY id LIMIT ?", (_ROWS_AT_ONCE,)
    ).fetchall()
    by_lane: dict[Lane, list[Item]] = {lane: [] for lane in LANES}
    wire: WireFormat = "json"
    for number, lane, boot, readings, size, wire, records in rows:
        shift = known[boot]
        try:
            items = read_back(records, wire, count=readings)
        except BadPack:
            spool_tables.count_dropped(db, totals, lane, "damaged", packs=1, readings=readings)
        else:
            by_lane[lane] += [dated(item, add_ms=shift.add_ms, suspect=shift.guessed) for item in items]
        db.execute("DELETE FROM undated WHERE id = ?", (number,))
        totals.undated -= readings
        totals.readings -= readings
        totals.bytes -= size
    for lane, items in by_lane.items():
        if items:
            records = encode_readings(items, wire)
            spool_tables.insert_pack(
                db, totals, lane, records, readings=len(items), wire=wire, now_ms=now_ms, now_s=now_s
            )
    return len(rows)
