"""What the spool's tables hold and how it changes, one statement or two at a time, inside the caller's transaction.

Packs go in at the end of a lane and leave from its beginning: confirmed by the city, or dropped by a bound and counted.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Literal

from gateway.senml import WireFormat

Lane = Literal["urgent", "routine"]

LANES: tuple[Lane, ...] = ("urgent", "routine")  # in the order in which they are sent, and spared from dropping

_OVERHEAD_BYTES = 64  # what a pack takes in the file beside its records


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledPack:
    """One pack as it waits; ``after`` is the seq the city must have reached before this pack follows on."""

    lane: Lane
    seq: int
    after: int
    put_ms: int
    readings: int
    wire: WireFormat
    records: bytes


@dataclass(slots=True, kw_only=True)
class Totals:
    """The file's counts, kept beside it so that no question needs a scan; changed with each statement below."""

    last_seq: dict[Lane, int]
    confirmed: dict[Lane, int]
    packs: int
    readings: int
    bytes: int
    dropped: int

    def copy(self) -> Totals:
        """To work on during a transaction that may yet fail."""
        return replace(self, last_seq=dict(self.last_seq), confirmed=dict(self.confirmed))


def read_totals(db: sqlite3.Connection) -> Totals:
    """Counts everything once, at the start."""
    lanes = {lane: (last, confirmed) for lane, last, confirmed in db.execute("SELECT * FROM lane")}
    packs, readings, size = db.execute(
        "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM pack"
    ).fetchone()
    (dropped,) = db.execute("SELECT coalesce(sum(readings), 0) FROM dropped").fetchone()
    return Totals(
        last_seq={lane: lanes[lane][0] for lane in LANES},
        confirmed={lane: lanes[lane][1] for lane in LANES},
        packs=packs,
        readings=readings,
        bytes=size,
        dropped=dropped,
    )


def insert_pack(
    db: sqlite3.Connection, totals: Totals, lane: Lane, records: bytes, *, readings: int, wire: WireFormat, now_ms: int
) -> int:
    """Puts one pack at the end of its lane and returns its seq."""
    size = len(records) + _OVERHEAD_BYTES
    seq = totals.last_seq[lane] = totals.last_seq[lane] + 1
    db.execute(
        "INSERT INTO pack (lane, seq, put_ms, readings, bytes, wire, records) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (lane, seq, now_ms, readings, size, wire, records),
    )
    db.execute("UPDATE lane SET last_seq = ? WHERE lane = ?", (seq, lane))
    totals.packs += 1
    totals.readings += readings
    totals.bytes += size
    return seq


def confirm_up_to(db: sqlite3.Connection, totals: Totals, lane: Lane, seq: int) -> int:
    """Deletes what the city has; returns how many packs that were."""
    packs, _ = _delete_up_to(db, totals, lane, seq)
    if seq > totals.confirmed[lane]:
        totals.confirmed[lane] = seq
        db.execute("UPDATE lane SET confirmed = ? WHERE lane = ?", (seq, lane))
    return packs


def drop_too_old(db: sqlite3.Connection, totals: Totals, *, before_ms: int) -> int:
    """Drops packs put before ``before_ms`` (Unix ms); returns how many readings were lost."""
    lost = 0
    for lane in LANES:
        (seq,) = db.execute("SELECT max(seq) FROM pack WHERE lane = ? AND put_ms < ?", (lane, before_ms)).fetchone()
        if seq is not None:
            lost += _drop_up_to(db, totals, lane, seq, "too_old")
    return lost


def drop_until_it_fits(db: sqlite3.Connection, totals: Totals, *, max_bytes: int) -> int:
    """Drops the oldest routine packs, and urgent ones only when no routine pack is left; returns the readings lost.

    The newest urgent pack stays in any case.
    """
    lost = 0
    for lane in reversed(LANES):
        keep_from = totals.last_seq[lane] + (0 if lane == "urgent" else 1)
        while totals.bytes > max_bytes:
            (seq,) = db.execute("SELECT min(seq) FROM pack WHERE lane = ? AND seq < ?", (lane, keep_from)).fetchone()
            if seq is None:
                break
            lost += _drop_up_to(db, totals, lane, seq, "full")
    return lost


def next_packs(db: sqlite3.Connection, lane: Lane, after_seq: int, limit: int) -> list[SpooledPack]:
    """The first packs of ``lane`` with a seq above ``after_seq``, each with the seq that it follows on."""
    (before,) = db.execute(
        "SELECT coalesce((SELECT max(seq) FROM pack WHERE lane = ?1 AND seq <= ?2),"
        " (SELECT confirmed FROM lane WHERE lane = ?1))",
        (lane, after_seq),
    ).fetchone()
    packs = []
    for seq, put_ms, readings, wire, records in db.execute(
        "SELECT seq, put_ms, readings, wire, records FROM pack WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?",
        (lane, after_seq, limit),
    ):
        packs.append(
            SpooledPack(lane=lane, seq=seq, after=before, put_ms=put_ms, readings=readings, wire=wire, records=records)
        )
        before = seq
    return packs


def oldest_put_ms(db: sqlite3.Connection) -> int | None:
    """When the pack that has waited longest was put, as Unix ms; None when none waits."""
    row = db.execute("SELECT put_ms FROM pack ORDER BY id LIMIT 1").fetchone()
    return None if row is None else int(row[0])


def dropped_by_reason(db: sqlite3.Connection) -> dict[tuple[Lane, str], int]:
    """Readings dropped since the file was made, by lane and reason."""
    return {(lane, reason): lost for lane, reason, lost in db.execute("SELECT lane, reason, readings FROM dropped")}


def _drop_up_to(db: sqlite3.Connection, totals: Totals, lane: Lane, seq: int, reason: str) -> int:
    packs, readings = _delete_up_to(db, totals, lane, seq)
    totals.dropped += readings
    db.execute(
        "INSERT INTO dropped (lane, reason, packs, readings) VALUES (?, ?, ?, ?) ON CONFLICT (lane, reason)"
        " DO UPDATE SET packs = packs + excluded.packs, readings = readings + excluded.readings",
        (lane, reason, packs, readings),
    )
    return readings


def _delete_up_to(db: sqlite3.Connection, totals: Totals, lane: Lane, seq: int) -> tuple[int, int]:
    """Packs and readings deleted."""
    packs, readings, size = db.execute(
        "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM pack WHERE lane = ? AND seq <= ?",
        (lane, seq),
    ).fetchone()
    db.execute("DELETE FROM pack WHERE lane = ? AND seq <= ?", (lane, seq))
    totals.packs -= packs
    totals.readings -= readings
    totals.bytes -= size
    return packs, readings
