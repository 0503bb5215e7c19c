"""Routes, contacts and alert events for tests of notices, written as their services and the intake write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import insert, select, update

from registry.notices.texts import Place
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, alert_group, channel, contact, notice, route, rule, silence
from tests.city import City

PLACE = Place(
    zone=timezone(timedelta(hours=8)), public_url="http://city.example", name_zh="示范市", name_en="Demo City"
)


class Told:
    """A city with ways to tell people, and short words for what tests do with them."""

    def __init__(self, city: City, now: datetime, *, with_rule: bool = True) -> None:
        self.city, self.engine, self.now = city, city.engine, now
        if with_rule:
            self._add_rule(now)

    def _add_rule(self, now: datetime) -> None:
        with writing(self.engine) as tx:
            tx.execute(
                insert(rule).values(
                    key="cover_tilt",
                    version=1,
                    kind="limit",
                    family="cover",
                    point="tilt_z",
                    severity=2,
                    case_kind="cover_displaced",
                    condition={"type": "limit", "fire": 15.0, "clear": 10.0},
                    enabled=True,
                    name_zh="井盖倾斜",
                    name_en="Cover tilted",
                    created_at=now,
                )
            )

    def add_channel(self, address: str = "json://127.0.0.1:9", kind: str = "apprise", **columns: Any) -> int:
        """A channel."""
        row = {"name": f"{kind} {address[:40]} {columns}", "kind": kind, "address": address, "created_at": self.now}
        return self._add(channel, row | columns)

    def add_contact(self, channel_id: int, **columns: Any) -> int:
        """A contact."""
        return self._add(contact, {"name": "值班", "channel_id": channel_id, **columns})

    def add_route(self, *steps: dict[str, Any], **columns: Any) -> int:
        """A route; its steps are as in the table."""
        row = {"position": 1, "name": "全部", "severity": 1, "hours": [], "steps": list(steps)}
        return self._add(route, row | columns)

    def add_silence(self, **columns: Any) -> int:
        """A silence of an hour."""
        row = {"severity": 3, "starts_at": self.now, "ends_at": self.now + timedelta(hours=1), "reason": "施工"}
        return self._add(silence, row | {"created_at": self.now} | columns)

    def add_group(self, **columns: Any) -> int:
        """An open group of alerts."""
        row = {"rule_key": "cover_tilt", "state": "open", "began_at": self.now, "last_at": self.now}
        return self._add(alert_group, row | {"members": 9, "severity": 2, "recorded_at": self.now} | columns)

    def fire(self, at: datetime | None = None, **columns: Any) -> int:
        """A live alert with its event; ``severity`` and the alert's other columns as wanted."""
        at = at or self.now
        alert_id = self.city.add_alert(None, at, **columns)
        self.event(alert_id, "fired", at, severity=columns.get("severity", 2))
        return alert_id

    def event(self, alert_id: int, kind: str, at: datetime | None = None, **columns: Any) -> int:
        """One more event of an alert."""
        at = at or self.now
        row = {"alert_id": alert_id, "at": at, "recorded_at": at, "kind": kind, "severity": 2, "detail": {}}
        return self._add(alert_event, row | columns)

    def clear(self, alert_id: int, at: datetime) -> None:
        """End an alert."""
        self.change(alert_id, state="cleared", cleared_at=at)
        self.event(alert_id, "cleared", at)

    def change(self, alert_id: int, **columns: Any) -> None:
        """Change an alert's row."""
        with writing(self.engine) as tx:
            tx.execute(update(alert).where(alert.c.id == alert_id).values(**columns))

    def notices(self, **wanted: Any) -> list[Any]:
        """Notices, the oldest first; ``wanted`` narrows by columns."""
        query = select(notice).order_by(notice.c.id)
        for name, value in wanted.items():
            query = query.where(notice.c[name] == value)
        with reading(self.engine) as tx:
            return list(tx.execute(query))

    def states(self) -> list[tuple[str, str]]:
        """(kind, state) of every notice, the oldest first."""
        return [(row.kind, row.state) for row in self.notices()]

    def mark_sent(self) -> None:
        """Everything that waits has been sent."""
        with writing(self.engine) as tx:
            tx.execute(update(notice).where(notice.c.state == "waiting").values(state="sent", sent_at=self.now))

    def _add(self, table: Any, row: dict[str, Any]) -> int:
        with writing(self.engine) as tx:
            return int(tx.execute(insert(table).values(row).returning(table.c.id)).scalar_one())
