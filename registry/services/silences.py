"""Silences: who wants which alerts to tell nobody, until when and why. An end before its time is part of the story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.areas import read_area_path
from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import Severity
from registry.domain.muting import MAX_REASON, Phase, Silence, check_times, check_width, phase_of
from registry.domain.people import Actor
from registry.domain.scopes import check_area
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import asset, rule, silence


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSilence:
    """What shall be quiet. Empty fields mean any, but one of the first three must be given; worse alerts are told."""

    ends_at: datetime
    reason: str
    asset_id: int | None = None
    area_code: str = ""
    rule_key: str = ""
    severity: int = int(Severity.ALARM)
    starts_at: datetime | None = None


def add_silence(engine: Engine, new: NewSilence, *, by: Actor, now: datetime) -> int:
    """Write it down; its id. ``starts_at`` None: at once.

    Raises ``InvalidInput`` naming the field, ``OutsideArea`` for what is not all in the actor's area.
    """
    with writing(engine) as tx:
        values = checked(tx, new, by=by, now=now)
        added = insert(silence).values(**values, created_at=now, created_by=by.user_id).returning(silence.c.id)
        silence_id = int(tx.execute(added).scalar_one())
        told = {name: value for name, value in values.items() if value not in (None, "")}
        told |= {name: values[name].isoformat() for name in ("starts_at", "ends_at")}
        audit.record(tx, by=by, action="silence.add", subject=f"silence:{silence_id}", detail=told, now=now)
    return silence_id


def end_silence(engine: Engine, silence_id: int, *, by: Actor, now: datetime) -> None:
    """End it now; one that has not begun is withdrawn. What it muted is not told after the fact.

    Raises ``NotFound``, ``OutsideArea``, ``InvalidMove`` for one that is over.
    """
    with writing(engine) as tx:
        row = tx.execute(select(silence).where(silence.c.id == silence_id).with_for_update()).first()
        if row is None:
            raise NotFound("silence", silence_id)
        check_area(by, _area_of(tx, row.asset_id, row.area_code))
        if phase_of(row.starts_at, row.ends_at, now=now) not in (Phase.CURRENT, Phase.COMING):
            raise InvalidMove("the silence is over already")
        # nothing lies between the two for one that has not begun
        ends_at = max(now, row.starts_at)
        tx.execute(update(silence).where(silence.c.id == silence_id).values(ends_at=ends_at, ended_by=by.user_id))
        told = {"was_until": row.ends_at.isoformat()}
        audit.record(tx, by=by, action="silence.end", subject=f"silence:{silence_id}", detail=told, now=now)


def checked(tx: Connection, new: NewSilence, *, by: Actor, now: datetime) -> dict[str, Any]:
    """The columns of ``new``, or a refusal as ``add_silence`` has it; for the page that shows first what it mutes."""
    reason = new.reason.strip()
    if not reason:
        raise InvalidInput("reason", "say why: whoever looks for a missing notice will read it")
    if len(reason) > MAX_REASON:
        raise InvalidInput("reason", "is longer than {most} characters; shorten it", most=MAX_REASON)
    area_code = read_area_path(new.area_code)
    rule_key = new.rule_key.strip()
    if rule_key and tx.execute(select(rule.c.key).where(rule.c.key == rule_key).limit(1)).first() is None:
        raise InvalidInput("rule_key", "{given!r} is no rule of this city", given=rule_key[:60])
    starts_at = new.starts_at or now
    check_times(starts_at, new.ends_at, now=now)
    wanted = Silence(
        id=0,
        severity=new.severity,
        starts_at=starts_at,
        ends_at=new.ends_at,
        asset_id=new.asset_id,
        area_code=area_code,
        rule_key=rule_key,
    )
    check_width(wanted)
    check_area(by, _area_of(tx, new.asset_id, area_code))
    return {
        "asset_id": new.asset_id,
        "area_code": area_code,
        "rule_key": rule_key,
        "severity": int(new.severity),
        "starts_at": starts_at,
        "ends_at": new.ends_at,
        "reason": reason,
    }


def _area_of(tx: Connection, asset_id: int | None, area_code: str) -> str:
    """Where all that it mutes lies. Raises ``InvalidInput`` for an asset that is not on file."""
    if asset_id is None:
        return area_code
    found = tx.execute(select(asset.c.area_code).where(asset.c.id == asset_id)).scalar()
    if found is None:
        raise InvalidInput("asset_id", "{given} is no asset on file; choose it in the list of assets", given=asset_id)
    return str(found)
