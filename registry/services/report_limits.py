"""How much one sender may report, and who is not listened to for a while. Asked in the transaction that keeps a report.

Addresses and contacts are compared by keyed hashes, so that a limit works without a list of who reported what.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, and_, func, insert, or_, select, update

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.kinds import BlockKind
from registry.domain.people import Actor
from registry.domain.public_rules import PublicRules, plain_contact
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import photo, report, report_block

DAY = timedelta(hours=24)
LONGEST_BLOCK = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends, as hashes ("" where nothing is known), and the sha256 of the pictures they send."""

    address: str = ""
    person: str = ""
    pictures: tuple[str, ...] = ()


def fingerprint(key: bytes, kind: BlockKind, text: str) -> str:
    """The keyed hash by which an address or a contact is known again; "" for an empty one."""
    plain = plain_contact(text) if kind is BlockKind.CONTACT else text.strip()
    if not plain:
        return ""
    return hmac.new(key, f"{kind.value}:{plain}".encode(), hashlib.sha256).hexdigest()


def check_sender(tx: Connection, sender: Sender, rules: PublicRules, *, now: datetime) -> None:
    """Raise ``InvalidInput`` for a blocked sender, one beyond a limit, and a picture of an earlier report."""
    _check_blocked(tx, sender, now)
    since = now - DAY
    for field, column, value, most in (
        ("text", report.c.sender, sender.address, rules.per_address_day),
        ("contact", report.c.person, sender.person, rules.per_contact_day),
    ):
        if value and tx.execute(select(func.count()).where(column == value, report.c.at > since)).scalar_one() >= most:
            raise InvalidInput(
                field,
                "{most} reports came from here within a day, more are not taken; in danger call 110 or 12345",
                most=most,
            )
    if sender.pictures and rules.same_photo_days:
        _check_new(tx, sender.pictures, now - timedelta(days=rules.same_photo_days))


def block(
    engine: Engine,
    kind: BlockKind,
    value: str,
    *,
    shown: str,
    reason: str,
    ends_at: datetime | None,
    by: Actor,
    now: datetime,
) -> int:
    """Listen no more to what is known by ``value`` (a hash); answers the block's id. Raises ``InvalidInput``."""
    why = reason.strip()
    if not why:
        raise InvalidInput("reason", "say why; whoever lifts the block will want to know")
    if len(why) > 500:
        raise InvalidInput("reason", "has {count} characters; at most {most} fit, shorten it", count=len(why), most=500)
    if not value:
        raise InvalidInput("value", "this report left nothing to block by")
    if ends_at is not None and not now < ends_at <= now + LONGEST_BLOCK:
        raise InvalidInput("ends_at", "must lie ahead, by a year at most")
    row = {"kind": kind.value, "value": value, "shown": shown[:60], "reason": why, "ends_at": ends_at}
    with writing(engine) as tx:
        added = insert(report_block).values(**row, created_at=now, created_by=by.user_id).returning(report_block.c.id)
        block_id = int(tx.execute(added).scalar_one())
        detail = {"kind": kind.value, "shown": shown[:60], "reason": why}
        audit.record(tx, by=by, action="report.block", subject=f"block:{block_id}", detail=detail, now=now)
    return block_id


def lift(engine: Engine, block_id: int, *, by: Actor, now: datetime) -> None:
    """Listen again; one that was lifted before stays so. Raises ``NotFound``."""
    with writing(engine) as tx:
        lifted = tx.execute(
            update(report_block)
            .where(report_block.c.id == block_id, report_block.c.lifted_at.is_(None))
            .values(lifted_at=now, lifted_by=by.user_id)
        )
        if lifted.rowcount:
            audit.record(tx, by=by, action="report.unblock", subject=f"block:{block_id}", detail={}, now=now)
        elif tx.scalar(select(report_block.c.id).where(report_block.c.id == block_id)) is None:
            raise NotFound("block", block_id)


def _check_blocked(tx: Connection, sender: Sender, now: datetime) -> None:
    known = [(BlockKind.ADDRESS, sender.address), (BlockKind.CONTACT, sender.person)]
    known += [(BlockKind.PHOTO, sha256) for sha256 in sender.pictures]
    by_any = [and_(report_block.c.kind == kind.value, report_block.c.value == value) for kind, value in known if value]
    if not by_any:
        return
    in_force = (report_block.c.lifted_at.is_(None), or_(report_block.c.ends_at.is_(None), report_block.c.ends_at > now))
    found = tx.execute(select(report_block.c.kind).where(or_(*by_any), *in_force).limit(1)).scalar()
    if found == BlockKind.PHOTO:
        raise InvalidInput("photo", "this picture is not taken any more; take a new one of what is wrong now")
    if found is not None:
        raise InvalidInput("text", "reports from here are not taken at the moment; in danger call 110 or 12345")


def _check_new(tx: Connection, pictures: Sequence[str], since: datetime) -> None:
    seen = (
        select(photo.c.id)
        .join_from(photo, report, report.c.photo_id == photo.c.id)
        .where(photo.c.sha256.in_(pictures), report.c.at > since)
        .limit(1)
    )
    if tx.execute(seen).first() is not None:
        raise InvalidInput("photo", "this picture came with an earlier report; take a new one of what is wrong now")
