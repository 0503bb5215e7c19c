"""What the spool's tables hold and how it changes, one statement or two at a time, inside the caller's transaction.

Each lane has two streams, which count and are confirmed by themselves: the lane's own, and a backlog that takes what is
put while the city is away, so that it does not stand in front of what is measured afterwards (docs/adr/0011). Packs go
in at the end of a stream and leave from its beginning: confirmed by the city, or dropped by a bound and counted.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Literal

from gateway.senml import WireFormat

Lane = Literal["urgent", "routine"]
Stream = Literal["urgent", "urgent_backlog", "routine", "routine_backlog"]

LANES: tuple[Lane, ...] = ("urgent", "routine")  # in the order in which they are sent, and spared from dropping
STREAMS: tuple[Stream, ...] = ("urgent", "urgent_backlog", "routine", "routine_backlog")  # likewise
LANE_OF: dict[Stream, Lane] = {
    "urgent": "urgent",
    "urgent_backlog": "urgent",
    "routine": "routine",
    "routine_backlog": "routine",
}
BACKLOG_OF: dict[Lane, Stream] = {"urgent": "urgent_backlog", "routine": "routine_backlog"}

OVERHEAD_BYTES = 64  # what a pack takes in the file beside its records
RESERVED_SEQS = 1000  # numbers set aside at once, on the disk before the first of them is used
_OLD_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledPack:
    """One pack as it waits; ``after`` is the seq the city must have reached before this pack follows on."""

    lane: Stream
    seq: int
    after: int
    put_ms: int
    readings: int
    wire: WireFormat
    records: bytes


@dataclass(slots=True, kw_only=True)
class Totals:
    """The file's counts, kept beside it so that no question needs a scan; changed with each statement below.

    ``reserved``: the highest seq that is surely on the disk as taken, so that a power cut can't make the spool give a
    number twice; ``undated``: readings among ``readings`` that wait for the clock.
    """

    last_seq: dict[Stream, int]
    confirmed: dict[Stream, int]
    reserved: dict[Stream, int]
    waiting: dict[Stream, int]
    packs: int
    readings: int
    bytes: int
    dropped: int
    undated: int

    def copy(self) -> Totals:
        """To work on during a transaction that may yet fail."""
        return replace(
            self,
            last_seq=dict(self.last_seq),
            confirmed=dict(self.confirmed),
            reserved=dict(self.reserved),
            waiting=dict(self.waiting),
        )

    def numbers_left(self) -> int:
        """How many packs can be numbered before more numbers must be reserved, on the disk."""
        return min(self.reserved[stream] - self.last_seq[stream] for stream in STREAMS)


def read_totals(db: sqlite3.Connection) -> Totals:
    """Counts everything once, at the start, and goes on behind every number that may have been given.

    After a clean end that is the last one; otherwise the reserved ones are left out, since packs that carried them may
    have reached the city and yet be gone from here.
    """
    lanes = {lane: numbers for lane, *numbers in db.execute("SELECT lane, last_seq, confirmed, reserved FROM lane")}
    counts = {
        stream: db.execute(
            "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM pack WHERE lane = ?", (stream,)
        ).fetchone()
        for stream in STREAMS
    }
    (dropped,) = db.execute("SELECT coalesce(sum(readings), 0) FROM dropped").fetchone()
    undated, undated_bytes = db.execute(
        "SELECT coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM undated"
    ).fetchone()
    return Totals(
        last_seq={stream: max(lanes[stream][0], lanes[stream][2]) for stream in STREAMS},
        confirmed={stream: lanes[stream][1] for stream in STREAMS},
        reserved={stream: lanes[stream][2] for stream in STREAMS},
        waiting={stream: counts[stream][0] for stream in STREAMS},
        packs=sum(count[0] for count in counts.values()),
        readings=sum(count[1] for count in counts.values()) + undated,
        bytes=sum(count[2] for count in counts.values()) + undated_bytes,
        dropped=dropped,
        undated=undated,
    )


def reserve_numbers(db: sqlite3.Connection, totals: Totals, *, more: int = RESERVED_SEQS) -> None:
    """Sets the next numbers of every stream aside; the caller's transaction must be flushed.

    With ``more`` 0, at a clean end, the numbers that were not used may be used by the next start. Packs need not write
    how far a stream has come, which spares the disk a page each: what is reserved covers them, and a ``confirmed`` that
    is too low after a crash is mended by the city's next word.
    """
    for stream in STREAMS:
        totals.reserved[stream] = totals.last_seq[stream] + more
        db.execute(
            "UPDATE lane SET last_seq = ?, confirmed = ?, reserved = ? WHERE lane = ?",
            (totals.last_seq[stream], totals.confirmed[stream], totals.reserved[stream], stream),
        )


def change_something(db: sqlite3.Connection) -> None:
    """For a commit that must flush what came before it: SQLite flushes nothing when it has nothing to write.

    A row that is set to what it holds already counts as nothing, too.
    """
    db.execute("INSERT INTO meta VALUES ('flush', '0') ON CONFLICT (key) DO UPDATE SET value = 1 - value")


def insert_pack(
    db: sqlite3.Connection,
    totals: Totals,
    stream: Stream,
    records: bytes,
    *,
    readings: int,
    wire: WireFormat,
    now_ms: int,
    now_s: float,
) -> int:
    """Puts one pack at the end of its stream and returns its seq; ``now_s`` is the spool's running time."""
    size = len(records) + OVERHEAD_BYTES
    seq = totals.last_seq[stream] = totals.last_seq[stream] + 1
    db.execute(
        "INSERT INTO pack (lane, seq, put_ms, put_s, readings, bytes, wire, records) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (stream, seq, now_ms, now_s, readings, size, wire, records),
    )
    totals.waiting[stream] += 1
    totals.packs += 1
    totals.readings += readings
    totals.bytes += size
    return seq


def confirm_up_to(db: sqlite3.Connection, totals: Totals, stream: Stream, seq: int) -> int:
    """Deletes what the city has; returns how many packs that were."""
    packs, _ = _delete_up_to(db, totals, stream, seq)
    totals.confirmed[stream] = max(totals.confirmed[stream], seq)
    return packs


def drop_too_old(db: sqlite3.Connection, totals: Totals, *, before_s: float) -> int:
    """Drops packs put before ``before_s`` (running time); returns how many readings were lost."""
    lost = 0
    for stream in STREAMS:
        while True:
            old, seq = db.execute(
                "SELECT count(*), max(seq) FROM"
                " (SELECT seq, put_s FROM pack WHERE lane = ? ORDER BY seq LIMIT ?) WHERE put_s < ?",
                (stream, _OLD_AT_ONCE, before_s),
            ).fetchone()
            if not old:
                break
            lost += _drop_up_to(db, totals, stream, seq, "too_old")
    return lost


def drop_until_it_fits(db: sqlite3.Connection, totals: Totals, *, max_bytes: int) -> int:
    """Drops the oldest routine packs, then undated routine readings, and urgent ones only when nothing else is left.

    The newest urgent pack stays in any case. Returns the readings lost.
    """
    lost = 0
    for lane in reversed(LANES):
        spared = totals.last_seq["urgent"] if lane == "urgent" else None
        while totals.bytes > max_bytes:
            found = _oldest_pack(db, lane, spared)
            if found is None:
                break
            lost += _drop_up_to(db, totals, *found, "full")
        while totals.bytes > max_bytes and totals.undated:
            gone = _drop_undated(db, totals, lane)
            if not gone:
                break
            lost += gone
    return lost


def _oldest_pack(db: sqlite3.Connection, lane: Lane, spared: int | None) -> tuple[Stream, int] | None:
    """Stream and seq of the pack of ``lane`` that was put first."""
    heads: list[tuple[int, Stream, int]] = []
    for stream in (lane, BACKLOG_OF[lane]):
        head = db.execute("SELECT id, seq FROM pack WHERE lane = ? ORDER BY seq LIMIT 1", (stream,)).fetchone()
        if head is not None and (stream != lane or head[1] != spared):
            heads.append((head[0], stream, head[1]))
    return min(heads)[1:] if heads else None


def next_packs(
    db: sqlite3.Connection, stream: Stream, after_seq: int, limit: int, *, confirmed: int
) -> list[SpooledPack]:
    """The first packs of ``stream`` with a seq above ``after_seq``, each with the seq that it follows on.

    The first that is left follows on ``confirmed``, however many were dropped in between.
    """
    (before,) = db.execute("SELECT max(seq) FROM pack WHERE lane = ? AND seq <= ?", (stream, after_seq)).fetchone()
    before = confirmed if before is None else before
    packs = []
    for seq, put_ms, readings, wire, records in db.execute(
        "SELECT seq, put_ms, readings, wire, records FROM pack WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?",
        (stream, after_seq, limit),
    ):
        packs.append(
            SpooledPack(
                lane=stream, seq=seq, after=before, put_ms=put_ms, readings=readings, wire=wire, records=records
            )
        )
        before = seq
    return packs


def oldest_put(db: sqlite3.Connection) -> tuple[int | None, float] | None:
    """When what has waited longest was put: Unix ms (None: undated) and running time; None when nothing waits."""
    row = db.execute("SELECT put_ms, put_s FROM pack ORDER BY id LIMIT 1").fetchone()
    if row is None:
        row = db.execute("SELECT NULL, put_s FROM undated ORDER BY id LIMIT 1").fetchone()
    return None if row is None else (row[0], row[1])


def newest_put_s(db: sqlite3.Connection) -> float:
    """The running time at which the newest pack was put; 0 when there is none."""
    row = db.execute("SELECT put_s FROM pack ORDER BY id DESC LIMIT 1").fetchone()
    return 0.0 if row is None else float(row[0])


def head_put_s(db: sqlite3.Connection, stream: Stream) -> float | None:
    """The running time at which the first waiting pack of ``stream`` was put."""
    row = db.execute("SELECT put_s FROM pack WHERE lane = ? ORDER BY seq LIMIT 1", (stream,)).fetchone()
    return None if row is None else float(row[0])


def dropped_by_reason(db: sqlite3.Connection) -> dict[tuple[Lane, str], int]:
    """Readings dropped since the file was made, by lane and reason."""
    return {(lane, reason): lost for lane, reason, lost in db.execute("SELECT lane, reason, readings FROM dropped")}


def count_dropped(
    db: sqlite3.Connection, totals: Totals, lane: Lane, reason: str, *, packs: int, readings: int
) -> None:
    """Keeps the count of what is lost, in the transaction that loses it."""
    totals.dropped += readings
    db.execute(
        "INSERT INTO dropped (lane, reason, packs, readings) VALUES (?, ?, ?, ?) ON CONFLICT (lane, reason)"
        " DO UPDATE SET packs = packs + excluded.packs, readings = readings + excluded.readings",
        (lane, reason, packs, readings),
    )


def _drop_up_to(db: sqlite3.Connection, totals: Totals, stream: Stream, seq: int, reason: str) -> int:
    packs, readings = _delete_up_to(db, totals, stream, seq)
    count_dropped(db, totals, LANE_OF[stream], reason, packs=packs, readings=readings)
    return readings


def _drop_undated(db: sqlite3.Connection, totals: Totals, lane: Lane) -> int:
    row = db.execute("SELECT id, readings, bytes FROM undated WHERE lane = ? ORDER BY id LIMIT 1", (lane,)).fetchone()
    if row is None:
        return 0
    number, readings, size = row
    db.execute("DELETE FROM undated WHERE id = ?", (number,))
    totals.undated -= readings
    totals.readings -= readings
    totals.bytes -= size
    count_dropped(db, totals, lane, "full", packs=1, readings=readings)
    return int(readings)


def _delete_up_to(db: sqlite3.Connection, totals: Totals, stream: Stream, seq: int) -> tuple[int, int]:
    """Packs and readings deleted."""
    packs, readings, size = db.execute(
        "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM pack WHERE lane = ? AND seq <= ?",
        (stream, seq),
    ).fetchone()
    db.execute("DELETE FROM pack WHERE lane = ? AND seq <= ?", (stream, seq))
    totals.waiting[stream] -= packs
    totals.packs -= packs
    totals.readings -= readings
    totals.bytes -= size
    return packs, readings
