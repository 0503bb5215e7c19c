"""Thinning: of long stretches of routine readings one per point and interval stays, when the spool gets full.

Goes through the packs once, oldest first, a few at a time, so that no ``put`` waits for it. A pack keeps its number;
one of which nothing stays goes as a dropped one does.
"""

from __future__ import annotations

import sqlite3

from gateway import spool_tables
from gateway.senml import BadPack, Item, Reading, WireFormat, encode_readings, read_back
from gateway.spool_tables import OVERHEAD_BYTES, Totals

_PACKS_AT_ONCE = 32


class Thinner:
    """Remembers how far it has come, and which interval it has last kept of each point."""

    def __init__(self, interval_s: float) -> None:
        self._interval_ms = max(1, round(interval_s * 1000))
        self._through = 0
        self._kept: dict[tuple[str, str], int] = {}

    def thin_some(self, db: sqlite3.Connection, totals: Totals) -> int:
        """Looks at the next few packs; returns how many readings went."""
        rows = db.execute(
            "SELECT id, lane, readings, bytes, wire, records FROM pack"
            " WHERE id > ? AND lane IN ('routine', 'routine_backlog') ORDER BY id LIMIT ?",
            (self._through, _PACKS_AT_ONCE),
        ).fetchall()
        packs = lost = 0
        for number, stream, readings, size, wire, records in rows:
            self._through = number
            staying = self._staying(records, wire, readings)
            if staying is None or len(staying) == readings:
                continue
            if staying:
                thin = encode_readings(staying, wire)
                freed = size - len(thin) - OVERHEAD_BYTES
                db.execute(
                    "UPDATE pack SET records = ?, readings = ?, bytes = ? WHERE id = ?",
                    (thin, len(staying), size - freed, number),
                )
            else:
                freed = size
                packs += 1
                db.execute("DELETE FROM pack WHERE id = ?", (number,))
                totals.waiting[stream] -= 1
                totals.packs -= 1
            totals.bytes -= freed
            totals.readings -= readings - len(staying)
            lost += readings - len(staying)
        if lost:
            spool_tables.count_dropped(db, totals, "routine", "thinned", packs=packs, readings=lost)
        return lost

    def _staying(self, records: bytes, wire: WireFormat, count: int) -> list[Item] | None:
        try:
            items = read_back(records, wire, count=count)
        except BadPack:
            return None  # the city keeps it as a dead letter
        return [item for item in items if self._stays(item)]

    def _stays(self, item: Item) -> bool:
        if not isinstance(item, Reading):
            return True
        key, interval = (item.serial, item.point), item.measured_ms // self._interval_ms
        if self._kept.get(key) == interval:
            return False
        self._kept[key] = interval
        return True
