"""What every change of an alert writes beside the alert itself: its timeline and a row for the live pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text

from registry.domain.kinds import AlertEventKind, Severity
from registry.domain.people import SYSTEM, Actor
from registry.services import feed
from registry.storage.tables import alert_event, asset, cabinet

_TURN = 0x616C657274  # "alert": any number that no other lock of ours has


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an alert is about: a point of a device of an asset, or, without a point, a whole cabinet or a bus of it.

    ``asset_id`` is the asset that its case would be about; a cabinet need not have one.
    """

    point_id: int | None = None
    device_id: int | None = None
    asset_id: int | None = None
    cabinet_id: str = ""
    bus: str = ""

    @staticmethod
    def of(row: Any) -> Subject:
        """The subject of a row of ``alert``."""
        return Subject(
            point_id=row.point_id,
            device_id=row.device_id,
            asset_id=row.asset_id,
            cabinet_id=row.cabinet_id,
            bus=row.bus,
        )

    def columns(self) -> dict[str, Any]:
        """Its columns in ``alert``."""
        return asdict(self)


def take_turn(tx: Connection) -> None:
    """Wait until no other transaction decides about alerts; ours lasts until ``tx`` ends. Call it first in ``tx``.

    Alerts, cases and groups lock each other's rows in any order: two at once would lock each other out. On SQLite a
    transaction that writes has the whole database anyway.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})


def write_event(
    tx: Connection,
    alert_id: int,
    kind: AlertEventKind,
    *,
    at: datetime,
    severity: Severity,
    now: datetime,
    level: float | None = None,
    by: Actor = SYSTEM,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """One line of the alert's timeline, for which nobody has decided yet whom to tell. ``at`` is event time."""
    write_events(tx, [(alert_id, severity)], kind, at=at, now=now, level=level, by=by, detail=detail)


def write_events(
    tx: Connection,
    alerts: Iterable[tuple[int, int]],
    kind: AlertEventKind,
    *,
    at: datetime,
    now: datetime,
    level: float | None = None,
    by: Actor = SYSTEM,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """The same line for many alerts, each given as (id, severity), in one statement."""
    same = {
        "at": at,
        "recorded_at": now,
        "kind": kind.value,
        "level": level,
        "by_user_id": by.user_id,
        "detail": dict(detail or {}),
    }
    rows = [{**same, "alert_id": alert_id, "severity": int(severity)} for alert_id, severity in alerts]
    if rows:
        tx.execute(insert(alert_event), rows)


def publish(tx: Connection, kind: feed.FeedKind, subject: Subject, body: Mapping[str, Any], *, now: datetime) -> None:
    """Tell the live pages; ``body`` comes on top of what the subject is called."""
    feed.publish(tx, kind, {**_about(tx, subject), **body}, now=now)


def _about(tx: Connection, subject: Subject) -> dict[str, Any]:
    about: dict[str, Any] = {"asset_id": subject.asset_id, "asset_name": "", "road": ""}
    if subject.asset_id is not None:
        row = tx.execute(select(asset.c.name, asset.c.road).where(asset.c.id == subject.asset_id)).one()
        about |= {"asset_name": row.name, "road": row.road}
    if subject.point_id is None:
        name = tx.scalar(select(cabinet.c.name).where(cabinet.c.id == subject.cabinet_id)) or subject.cabinet_id
        about |= {"cabinet": subject.cabinet_id, "bus": subject.bus}
        about["asset_name"] = about["asset_name"] or " ".join(filter(None, (name, subject.bus)))
    return about
