"""Scans of plates: each is kept, also of what nobody issued, and those that look wrong are flagged for somebody to see.

A plate that is scanned far from where its asset stands was moved, copied or bound to the wrong thing. Where the phone
was is told only by people who agree to it, a moment after the page has opened: ``place_scan`` adds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.done_at import when_done
from registry.domain.errors import InvalidInput, NotFound
from registry.domain.geo import Place, check_place, distance_m
from registry.domain.kinds import ScanFlag
from registry.domain.people import Actor
from registry.domain.tokens import Finding, read_token
from registry.storage.database import writing
from registry.storage.tables import asset, scan, tag

FAR_M = 100.0
"""How far beyond the phone's own error a scan may be from its asset before somebody should look."""

_LEAST_TRUSTED_M = 5_000.0  # a phone this unsure of its place was found by its network, not by satellites
_PLACE_WITHIN = timedelta(minutes=30)
_FLAG_OF = {
    Finding.LOST: ScanFlag.LOST,
    Finding.REPLACED: ScanFlag.REPLACED,
    Finding.DESTROYED: ScanFlag.DESTROYED,
    Finding.UNKNOWN: ScanFlag.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlace:
    """Where the phone said it was: WGS-84 degrees and its own estimate of its error."""

    lon: float
    lat: float
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one scan found. ``token`` is None when misread (``problem`` says how); ``distance_m`` phone to asset.

    ``flag``: why somebody should look at it; None when it is in order. ``id`` is 0 for one that was not kept.
    """

    finding: Finding
    token: str | None
    asset_id: int | None
    distance_m: float | None
    problem: str
    flag: ScanFlag | None = None
    id: int = 0


def record_scan(
    engine: Engine,
    text: str,
    *,
    now: datetime,
    user_id: int | None = None,
    place: ScanPlace | None = None,
    far_m: float = FAR_M,
    done_at: datetime | None = None,
) -> Scan:
    """Look ``text`` up and keep the scan. A token that is unusable is a finding, not an error.

    ``done_at``: when it was scanned, where a phone without a signal tells it later. Raises ``InvalidInput`` only for a
    ``place`` that is nowhere on earth, and a ``done_at`` that nobody believes.
    """
    phone = None if place is None else _checked(place)
    at = when_done(done_at, now=now)
    with writing(engine) as tx:
        found = _look_up(tx, text, phone)
        accuracy_m = None if place is None else place.accuracy_m
        flag = _flag(found.finding, found.distance_m, accuracy_m, far_m)
        row = {
            "at": at,
            "token": found.token or text.strip()[:64],
            "asset_id": found.asset_id,
            "user_id": user_id,
            "finding": found.finding.value,
            "flag": flag.value if flag else "",
            "lon": place.lon if place else None,
            "lat": place.lat if place else None,
            "accuracy_m": accuracy_m,
            "distance_m": found.distance_m,
        }
        scan_id = int(tx.execute(insert(scan).values(row).returning(scan.c.id)).scalar_one())
    return replace(found, flag=flag, id=scan_id)


def place_scan(
    engine: Engine, scan_id: int, place: ScanPlace, *, now: datetime, far_m: float = FAR_M
) -> tuple[float | None, ScanFlag | None]:
    """Add to a scan where its phone was; the distance to the asset in metres (None: no asset) and the flag it gives.

    Once only, and within half an hour: a scan is evidence. Raises ``NotFound`` for a scan that can't take a place (any
    more), and ``InvalidInput`` for a place that is nowhere on earth.
    """
    phone = _checked(place)
    wanted = (scan.c.id == scan_id, scan.c.lon.is_(None), scan.c.at >= now - _PLACE_WITHIN)
    with writing(engine) as tx:
        query = select(scan.c.finding, scan.c.flag, asset.c.lon, asset.c.lat)
        row = tx.execute(query.outerjoin_from(scan, asset, asset.c.id == scan.c.asset_id).where(*wanted)).first()
        if row is None:
            raise NotFound("scan without a place", scan_id)
        away = None if row.lon is None else distance_m(phone, Place(row.lon, row.lat))
        flag = _flag(Finding(row.finding), away, place.accuracy_m, far_m)
        tx.execute(
            update(scan)
            .where(*wanted)
            .values(
                lon=phone.lon,
                lat=phone.lat,
                accuracy_m=place.accuracy_m,
                distance_m=away,
                flag=flag.value if flag else "",
            )
        )
    return away, flag


def mark_looked_at(engine: Engine, scan_ids: Sequence[int], *, by: Actor, now: datetime) -> int:
    """Note that ``by`` has looked at flagged scans; how many were new to everybody. Those looked at before stay."""
    if not scan_ids:
        raise InvalidInput("scan", "choose at least one scan")
    with writing(engine) as tx:
        looked = tx.execute(
            update(scan)
            .where(scan.c.id.in_(list(scan_ids)), scan.c.flag != "", scan.c.looked_at.is_(None))
            .values(looked_at=now, looked_by=by.user_id)
        )
        return int(looked.rowcount)


def _checked(place: ScanPlace) -> Place:
    if place.accuracy_m is not None and not 0 <= place.accuracy_m < 1e7:
        raise InvalidInput(
            "accuracy_m", "{given} must be the phone's error in metres, 0 or more", given=place.accuracy_m
        )
    return check_place(place.lon, place.lat)


def _flag(finding: Finding, away_m: float | None, accuracy_m: float | None, far_m: float) -> ScanFlag | None:
    """A plate that should not be there weighs more than where it is; an unsure phone accuses nobody."""
    if finding in _FLAG_OF:
        return _FLAG_OF[finding]
    error_m = accuracy_m or 0.0
    if away_m is None or error_m > _LEAST_TRUSTED_M:
        return None
    return ScanFlag.FAR if away_m > far_m + error_m else None


def _look_up(tx: Connection, text: str, phone: Place | None) -> Scan:
    try:
        token = read_token(text)
    except InvalidInput as error:
        return Scan(finding=Finding.MISREAD, token=None, asset_id=None, distance_m=None, problem=error.problem)
    row = tx.execute(
        select(tag.c.state, tag.c.asset_id, asset.c.lon, asset.c.lat)
        .outerjoin_from(tag, asset, asset.c.id == tag.c.asset_id)
        .where(tag.c.token == token)
    ).first()
    if row is None:
        problem = "no plate with this token was ever issued; it may be a forgery"
        return Scan(finding=Finding.UNKNOWN, token=token, asset_id=None, distance_m=None, problem=problem)
    away = None if phone is None or row.lon is None else distance_m(phone, Place(row.lon, row.lat))
    return Scan(finding=Finding(row.state), token=token, asset_id=row.asset_id, distance_m=away, problem="")
