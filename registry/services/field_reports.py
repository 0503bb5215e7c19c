"""What people of the house find in the street and report (监督员上报): a case of the asset, with their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection, Engine, func, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.done_at import told_late
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import Family, Source
from registry.domain.people import Actor
from registry.domain.public_rules import REPORTED
from registry.domain.scopes import check_area
from registry.services.case_opening import Opened, open_or_attach
from registry.services.standard import open_line
from registry.storage.database import writing
from registry.storage.tables import asset, photo

MAX_TEXT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldReport:
    """What was found. ``photo_ids``: kept photos of this asset. ``done_at``: when, where a phone tells it later.

    ``asset_id``: where that was merged since, what is found belongs to the file that was kept.
    """

    asset_id: int
    text: str
    kind: str = REPORTED
    photo_ids: tuple[int, ...] = ()
    done_at: datetime | None = None


def report_in_the_street(
    engine: Engine, new: FieldReport, *, by: Actor, now: datetime, zone: tzinfo = CHINA_TIME
) -> Opened:
    """The open case of that asset and kind, joined, or a new one, filed at once: whoever reports stands there.

    Raises ``NotFound``, ``NotAllowed`` outside the person's area, ``InvalidInput`` naming the field.
    """
    text = new.text.strip()
    if not text:
        raise InvalidInput("text", "say in a few words what is wrong")
    if len(text) > MAX_TEXT:
        raise InvalidInput("text", "is longer than {most} characters; shorten it", most=MAX_TEXT)
    late = told_late(new.done_at, now=now)
    with writing(engine) as tx:
        named = asset.alias()
        kept = select(func.coalesce(named.c.merged_into_id, named.c.id)).where(named.c.id == new.asset_id)
        row = tx.execute(
            select(asset.c.id, asset.c.area_code, asset.c.family).where(asset.c.id == kept.scalar_subquery())
        ).first()
        if row is None:
            raise NotFound("asset", new.asset_id)
        check_area(by, row.area_code)
        line = open_line(tx, new.kind)
        if line.family not in (Family(row.family), Family.OTHER):
            raise InvalidInput("kind", "is of another sort of thing; choose one that fits what stands there")
        opened = open_or_attach(
            tx,
            asset_id=row.id,
            kind=new.kind,
            severity=line.severity,
            source=Source.PATROL,
            now=now,
            by=by,
            note=text,
            detail=late | ({"photo_ids": sorted(set(new.photo_ids))} if new.photo_ids else {}),
            zone=zone,
        )
        _attach(tx, new, row.id, opened.case_id)
    return opened


def _attach(tx: Connection, new: FieldReport, asset_id: int, case_id: int) -> None:
    wanted = set(new.photo_ids)
    if not wanted:
        return
    free = (photo.c.id.in_(wanted), photo.c.asset_id.in_({new.asset_id, asset_id}), photo.c.case_id.is_(None))
    if tx.execute(update(photo).where(*free).values(case_id=case_id, asset_id=asset_id)).rowcount != len(wanted):
        raise InvalidInput("photo_ids", "not every photo shows this asset or is free; upload it again")
