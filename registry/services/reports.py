"""What citizens tell: a report joins the open case of its asset or opens one, and gets a key to hear back with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.deadlines import CHINA_TIME, case_kind
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Source
from registry.services.case_opening import open_or_attach
from registry.storage.database import writing
from registry.storage.tables import case, report
from registry.storage.tables import photo as photo_table

REPORTED = "reported"
MAX_TEXT = 1000
MAX_CONTACT = 120
_KEY_BYTES = 18  # 144 bits: 24 characters that nobody guesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the citizen is given: the key of their status page, and the case's number for the telephone."""

    key: str
    case_number: str


def report_by_citizen(
    engine: Engine,
    *,
    asset_id: int,
    text: str,
    contact: str,
    photo: int | None,
    now: datetime,
    zone: tzinfo = CHINA_TIME,
) -> Report:
    """Keep what a citizen says about an asset: in its open *reported* case, or in a new one that waits to be filed.

    ``photo`` is the id of a kept photo of that asset. The contact is kept with the report and stands in no entry and
    no feed row. Raises ``InvalidInput`` (``text`` 1 to 1000 characters,
    ``contact`` at most 120, ``photo``) and ``NotFound``.
    """
    told, reach = _check_text(text), _check_contact(contact)
    key = secrets.token_urlsafe(_KEY_BYTES)
    with writing(engine) as tx:
        case_id, _ = open_or_attach(
            tx,
            asset_id=asset_id,
            kind=REPORTED,
            severity=case_kind(REPORTED).severity,
            source=Source.CITIZEN,
            now=now,
            note=told,
            detail={} if photo is None else {"photo_ids": [photo]},
            zone=zone,
        )
        if photo is not None:
            _keep_photo(tx, photo, asset_id, case_id)
        values = {"key": key, "asset_id": asset_id, "case_id": case_id, "at": now, "text": told, "contact": reach}
        tx.execute(insert(report).values(**values, photo_id=photo))
        number = tx.scalar(select(case.c.number).where(case.c.id == case_id))
    return Report(key=key, case_number=str(number))


def _check_text(text: str) -> str:
    told = text.strip()
    if not told:
        raise InvalidInput("text", "please write in a few words what is wrong")
    if len(told) > MAX_TEXT:
        raise InvalidInput(
            "text", "has {count} characters; at most {most} fit, please shorten it", count=len(told), most=MAX_TEXT
        )
    return told


def _check_contact(contact: str) -> str:
    reach = contact.strip()
    if len(reach) > MAX_CONTACT:
        raise InvalidInput(
            "contact",
            "has {count} characters; at most {most} fit, a phone number is enough",
            count=len(reach),
            most=MAX_CONTACT,
        )
    return reach


def _keep_photo(tx: Connection, photo_id: int, asset_id: int, case_id: int) -> None:
    mine = (photo_table.c.id == photo_id, photo_table.c.asset_id == asset_id, photo_table.c.case_id.is_(None))
    if tx.execute(update(photo_table).where(*mine).values(case_id=case_id)).rowcount != 1:
        raise InvalidInput("photo", "the photo was not kept for this asset; please send it again")
