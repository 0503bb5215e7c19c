"""What the public, the hotline and other platforms tell: each report joins the open case of its thing or opens one.

Several reports of one thing share a case, and each keeps its own key, number and answers. The words that could tell who
somebody is (contact, name, address) stand in no entry and no feed row.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.geo import Place, check_place, place_cell
from registry.domain.kinds import BlockKind, Source, Stage
from registry.domain.public_rules import REPORTED
from registry.domain.report_numbers import report_number
from registry.services.area_index import locate
from registry.services.case_opening import Opened, open_at_place, open_or_attach
from registry.services.case_opening import Place as CasePlace
from registry.services.public_rules import rules_in_force
from registry.services.report_limits import Sender, check_sender, fingerprint
from registry.services.standard import open_line
from registry.storage.database import writing
from registry.storage.tables import asset, case, report
from registry.storage.tables import photo as photo_table

__all__ = ["REPORTED", "NewReport", "Report", "rate_report", "report_by_citizen", "take_report"]

MAX_TEXT = 1000
MAX_PLATFORM_TEXT = 4000
"""Other platforms put a heading, a link and their own words before what the citizen wrote."""
MAX_CONTACT = 120
MAX_ADDRESS = 200
MAX_NAME = 60
MAX_FOREIGN_ID = 120
MAX_LINK = 2000
RATE_WITHIN = timedelta(days=90)
_KEY_BYTES = 18  # 144 bits: 24 characters that nobody guesses


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """One thing that somebody told. ``asset_id`` or ``place`` (WGS-84) says where; ``address`` says it in words.

    ``photo_ids`` are kept photos that belong to no case yet. ``sender`` is the network address and ``secret`` the key
    of the hashes that stand for it and for the contact. ``brought_by`` is the account of the platform or of the clerk,
    ``foreign_id`` what it calls this report: the same one is taken once. ``trusted``: the house brings it, so that no
    limit counts it.
    """

    text: str
    source: Source = Source.CITIZEN
    kind: str = REPORTED
    asset_id: int | None = None
    place: Place | None = None
    address: str = ""
    contact: str = ""
    reporter: str = ""
    photo_ids: tuple[int, ...] = ()
    sender: str = ""
    secret: bytes = b""
    brought_by: int | None = None
    foreign_id: str | None = None
    media_url: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the reporter is given: the key of their status page, and the case's number for the telephone.

    ``repeated``: this very report was taken before, and nothing was done now.
    """

    key: str
    case_number: str
    id: int = 0
    case_id: int = 0
    opened: bool = False
    repeated: bool = False

    @property
    def number(self) -> str:
        """What the report is called among people and platforms."""
        return report_number(self.id)


def report_by_citizen(
    engine: Engine,
    *,
    asset_id: int,
    text: str,
    contact: str,
    photo: int | None,
    now: datetime,
    zone: tzinfo = CHINA_TIME,
    sender: str = "",
    secret: bytes = b"",
) -> Report:
    """Keep what a citizen says in front of an asset: in its open *reported* case, or in a new one.

    Raises what ``take_report`` raises.
    """
    photos = () if photo is None else (photo,)
    new = NewReport(text=text, asset_id=asset_id, contact=contact, photo_ids=photos, sender=sender, secret=secret)
    return take_report(engine, new, now=now, zone=zone)


def take_report(engine: Engine, new: NewReport, *, now: datetime, zone: tzinfo = CHINA_TIME) -> Report:
    """Keep a report: in the open case of that asset and kind, or in a new one that waits to be filed.

    Raises ``InvalidInput`` (``text`` 1 to 1000 characters, ``contact`` at most 120, ``photo``, ``kind``, the place),
    ``NotFound`` for the asset. A limit of the rules for the public is refused at ``text``, ``contact`` or ``photo``.
    """
    checked = _checked(new)
    try:
        with writing(engine) as tx:
            return _earlier(tx, checked) or _take(tx, checked, now=now, zone=zone)
    except Conflict:
        # the same report came twice at once, and the other one was first; or the case was opened by somebody else
        with writing(engine) as tx:
            return _earlier(tx, checked) or _take(tx, checked, now=now, zone=zone)


def rate_report(engine: Engine, key: str, score: int, words: str, *, now: datetime) -> None:
    """What the reporter thinks of how their report was dealt with: 1 (bad) to 5 (good), once, after the case ended.

    Raises ``NotFound``, ``InvalidInput``, ``InvalidMove`` (not ended yet, or long ago) and ``Conflict`` (said already).
    """
    if not 1 <= score <= 5:
        raise InvalidInput("score", "{given} must be between {least} and {most}", given=score, least=1, most=5)
    said = words.strip()
    if len(said) > MAX_TEXT:
        raise InvalidInput(
            "words", "has {count} characters; at most {most} fit, please shorten it", count=len(said), most=MAX_TEXT
        )
    with writing(engine) as tx:
        about = select(report.c.id, case.c.stage, case.c.ended_at).join_from(
            report, case, case.c.id == report.c.case_id
        )
        row = tx.execute(about.where(report.c.key == key)).first()
        if row is None:
            raise NotFound("report", key)
        if row.stage not in (Stage.CLOSED, Stage.VOID) or row.ended_at is None:
            raise InvalidMove("your report is still being dealt with; say how it went when it is done")
        if now - row.ended_at > RATE_WITHIN:
            raise InvalidMove(f"it was done more than {RATE_WITHIN.days} days ago")
        values = {"score": score, "score_words": said, "scored_at": now}
        once = update(report).where(report.c.id == row.id, report.c.scored_at.is_(None)).values(values)
        if tx.execute(once).rowcount != 1:
            raise Conflict("you have said how it went already; thank you")


def _checked(new: NewReport) -> NewReport:
    """The report with its texts trimmed. Raises ``InvalidInput`` for what can't be kept."""
    if new.asset_id is None and new.place is None:
        raise InvalidInput("place", "say where it is: scan the plate, tap on the map, or let the phone find the place")
    if new.place is not None:
        check_place(*new.place)
    told = new.text.strip()
    if not told:
        raise InvalidInput("text", "please write in a few words what is wrong")
    most = MAX_PLATFORM_TEXT if new.source is Source.PLATFORM else MAX_TEXT
    if len(told) > most:
        raise InvalidInput(
            "text", "has {count} characters; at most {most} fit, please shorten it", count=len(told), most=most
        )
    reach = new.contact.strip()
    if len(reach) > MAX_CONTACT:
        raise InvalidInput(
            "contact",
            "has {count} characters; at most {most} fit, a phone number is enough",
            count=len(reach),
            most=MAX_CONTACT,
        )
    return NewReport(
        text=told,
        source=Source(new.source),
        kind=new.kind,
        asset_id=new.asset_id,
        place=new.place,
        address=new.address.strip()[:MAX_ADDRESS],
        contact=reach,
        reporter=new.reporter.strip()[:MAX_NAME],
        photo_ids=tuple(dict.fromkeys(new.photo_ids)),
        sender=new.sender,
        secret=new.secret,
        brought_by=new.brought_by,
        foreign_id=(new.foreign_id or "").strip()[:MAX_FOREIGN_ID] or None,
        media_url=new.media_url.strip()[:MAX_LINK],
        details=dict(new.details),
        trusted=new.trusted,
    )


def _earlier(tx: Connection, new: NewReport) -> Report | None:
    """The same report of the same platform, taken before."""
    if new.foreign_id is None or new.brought_by is None:
        return None
    row = tx.execute(
        select(report.c.id, report.c.key, report.c.case_id, case.c.number)
        .join_from(report, case, case.c.id == report.c.case_id)
        .where(report.c.brought_by == new.brought_by, report.c.foreign_id == new.foreign_id)
    ).first()
    if row is None:
        return None
    return Report(id=row.id, key=row.key, case_id=row.case_id, case_number=row.number, repeated=True)


def _take(tx: Connection, new: NewReport, *, now: datetime, zone: tzinfo) -> Report:
    pictures = _pictures(tx, new)
    sender = Sender(
        address=fingerprint(new.secret, BlockKind.ADDRESS, new.sender),
        person=fingerprint(new.secret, BlockKind.CONTACT, new.contact),
        pictures=tuple(pictures.values()),
    )
    if not new.trusted:
        check_sender(tx, sender, rules_in_force(tx).rules, now=now)
    area_code = _area_code(tx, new)
    opened = _case_of(tx, new, area_code, now=now, zone=zone)
    _keep_photos(tx, new, opened.case_id)
    key = secrets.token_urlsafe(_KEY_BYTES)
    row: dict[str, Any] = {
        "key": key,
        "asset_id": new.asset_id,
        "case_id": opened.case_id,
        "at": now,
        "text": new.text,
        "contact": new.contact,
        "photo_id": new.photo_ids[0] if new.photo_ids else None,
        "source": new.source.value,
        "kind": new.kind,
        "area_code": area_code,
        "address": new.address,
        "reporter": new.reporter,
        "person": sender.person,
        "sender": sender.address,
        "brought_by": new.brought_by,
        "foreign_id": new.foreign_id,
        "media_url": new.media_url,
        "details": dict(new.details),
    }
    if new.place is not None:
        row |= {"lon": new.place.lon, "lat": new.place.lat, "place_cell": place_cell(*new.place)}
    report_id = int(tx.execute(insert(report).values(row).returning(report.c.id)).scalar_one())
    number = tx.execute(select(case.c.number).where(case.c.id == opened.case_id)).scalar_one()
    return Report(id=report_id, key=key, case_id=opened.case_id, case_number=str(number), opened=opened.opened)


def _case_of(tx: Connection, new: NewReport, area_code: str, *, now: datetime, zone: tzinfo) -> Opened:
    detail: dict[str, Any] = {"photo_ids": list(new.photo_ids)} if new.photo_ids else {}
    severity = open_line(tx, new.kind).severity
    if new.asset_id is not None:
        return open_or_attach(
            tx,
            asset_id=new.asset_id,
            kind=new.kind,
            severity=severity,
            source=new.source,
            now=now,
            note=new.text,
            detail=detail,
            zone=zone,
        )
    if new.place is None:
        raise InvalidInput("place", "say where it is: scan the plate, tap on the map, or let the phone find the place")
    return open_at_place(
        tx,
        place=CasePlace(lon=new.place.lon, lat=new.place.lat, area_code=area_code, words=new.address),
        kind=new.kind,
        severity=severity,
        source=new.source,
        now=now,
        note=new.text,
        detail=detail,
        zone=zone,
    )


def _area_code(tx: Connection, new: NewReport) -> str:
    """The area of the thing, or of the place; "" for what lies in none."""
    if new.asset_id is not None:
        found = tx.execute(select(asset.c.area_code).where(asset.c.id == new.asset_id)).first()
        if found is None:
            raise NotFound("asset", new.asset_id)
        return str(found.area_code)
    return locate(tx, [new.place])[0].area_code if new.place is not None else ""


def _pictures(tx: Connection, new: NewReport) -> dict[int, str]:
    """The sha256 of each photo of the report. Raises ``InvalidInput`` unless each is free and of this thing."""
    if not new.photo_ids:
        return {}
    mine = photo_table.c.asset_id.is_(None) if new.asset_id is None else photo_table.c.asset_id == new.asset_id
    free = select(photo_table.c.id, photo_table.c.sha256).where(
        photo_table.c.id.in_(new.photo_ids), photo_table.c.case_id.is_(None), mine
    )
    found = {row.id: str(row.sha256) for row in tx.execute(free)}
    if len(found) != len(new.photo_ids):
        raise InvalidInput("photo", "the photo was not kept for this asset; please send it again")
    return found


def _keep_photos(tx: Connection, new: NewReport, case_id: int) -> None:
    if new.photo_ids:
        free = (photo_table.c.id.in_(new.photo_ids), photo_table.c.case_id.is_(None))
        if tx.execute(update(photo_table).where(*free).values(case_id=case_id)).rowcount != len(new.photo_ids):
            raise InvalidInput("photo", "the photo was not kept for this asset; please send it again")
