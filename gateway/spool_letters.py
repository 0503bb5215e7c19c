"""Letters of polled units: one that answers what nobody can read does so at every poll, and says the same each time.

The first of a unit and reason goes at once; then one in ``every_s``, the newest, with how many it stands for. The count
is kept in the spool's file, in the transaction that takes the letter, so that a crash takes none of it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import msgspec

from gateway.senml import Undecoded

TABLE = (
    "CREATE TABLE IF NOT EXISTS held (device TEXT NOT NULL, reason TEXT NOT NULL, sent_s REAL NOT NULL,"
    " letters INTEGER NOT NULL, newest BLOB NOT NULL, PRIMARY KEY (device, reason))"
)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Undecoded)


def admit(db: sqlite3.Connection, letter: Undecoded, *, every_s: float, now_s: float) -> Undecoded | None:
    """``letter`` with how many it stands for when it is its turn; None when it is only counted. ``now_s`` runs."""
    key = (letter.device, letter.reason.partition(":")[0])
    row = db.execute("SELECT sent_s, letters FROM held WHERE device = ? AND reason = ?", key).fetchone()
    sent_s, held = row or (None, 0)
    count = held + letter.stands_for
    if sent_s is not None and now_s - sent_s < every_s:
        db.execute(
            "UPDATE held SET letters = ?, newest = ? WHERE device = ? AND reason = ?",
            (count, _encoder.encode(letter), *key),
        )
        return None
    db.execute(
        "INSERT INTO held VALUES (?, ?, ?, 0, x'') ON CONFLICT (device, reason)"
        " DO UPDATE SET sent_s = excluded.sent_s, letters = 0, newest = x''",
        (*key, now_s),
    )
    return replace(letter, stands_for=count)


def release(db: sqlite3.Connection, *, every_s: float, now_s: float) -> list[Undecoded]:
    """The letters whose turn has come though none followed, each with how many it stands for; forgets what is over."""
    before_s = now_s - every_s
    found = [
        replace(_decoder.decode(newest), stands_for=letters)
        for letters, newest in db.execute(
            "SELECT letters, newest FROM held WHERE letters > 0 AND sent_s <= ?", (before_s,)
        )
    ]
    db.execute("DELETE FROM held WHERE letters = 0 AND sent_s <= ?", (before_s,))
    db.execute("UPDATE held SET sent_s = ?, letters = 0, newest = x'' WHERE sent_s <= ?", (now_s, before_s))
    return found


def recall(db: sqlite3.Connection, *, now_s: float) -> None:
    """At a start: the running time may begin anew, and nothing may then wait for a time long after."""
    db.execute("UPDATE held SET sent_s = ? WHERE sent_s > ?", (now_s, now_s))


def next_release_s(db: sqlite3.Connection, *, every_s: float) -> float | None:
    """The running time at which the next letter is due; None when none is held."""
    (first_s,) = db.execute("SELECT min(sent_s) FROM held WHERE letters > 0").fetchone()
    return None if first_s is None else float(first_s) + every_s
