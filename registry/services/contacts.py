"""Contacts: the people, chats and programs that can be told, each by one channel and in its own language."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import ChannelKind
from registry.domain.notices import DAY_MIN
from registry.domain.people import Actor
from registry.notices import ways
from registry.services import audit
from registry.storage.database import writing
from registry.storage.tables import channel, contact, notice, unit, user

LANGUAGES = ("zh", "en")
MOST_PER_HOUR = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How somebody wants to be told; minutes are those of the day in the city's zone, quiet hours that are equal: none.

    ``per_hour``: what is beyond it is gathered into one message.
    """

    language: str = "zh"
    quiet_from_min: int = 0
    quiet_until_min: int = 0
    per_hour: int = 20
    digest_min: int = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """Somebody or something that can be told. ``user_id``: the account it stands for; ``unit_id``: its unit's chat."""

    name: str
    channel_id: int
    user_id: int | None = None
    unit_id: int | None = None
    address: str = ""
    enabled: bool = True
    manner: Manner = Manner()


def save_contact(engine: Engine, contact_id: int | None, new: NewContact, *, by: Actor, now: datetime) -> int:
    """Add a contact (``contact_id`` None) or change one; its id. Raises ``InvalidInput`` naming the field."""
    with writing(engine) as tx:
        row = _checked(tx, new)
        if contact_id is None:
            contact_id = int(tx.execute(insert(contact).values(row).returning(contact.c.id)).scalar_one())
        else:
            _check_there(tx, contact_id)
            tx.execute(update(contact).where(contact.c.id == contact_id).values(row))
        # whom the address belongs to is known from the contact; the address itself is nobody else's business
        detail = {"name": row["name"], "channel_id": row["channel_id"], "enabled": row["enabled"]}
        audit.record(tx, by=by, action="contact.set", subject=f"contact:{contact_id}", detail=detail, now=now)
        return contact_id


def remove_contact(engine: Engine, contact_id: int, *, by: Actor, now: datetime) -> None:
    """Take a contact out that was never told anything. Raises ``NotFound``, ``Conflict``."""
    with writing(engine) as tx:
        _check_there(tx, contact_id)
        if tx.execute(select(notice.c.id).where(notice.c.contact_id == contact_id).limit(1)).first() is not None:
            raise Conflict("this contact has been told something, and that stays on record; switch it off instead")
        tx.execute(delete(contact).where(contact.c.id == contact_id))
        audit.record(tx, by=by, action="contact.remove", subject=f"contact:{contact_id}", now=now)


def save_own_manner(engine: Engine, contact_id: int, manner: Manner, *, by: Actor, now: datetime) -> None:
    """Change how one is told oneself. Raises ``NotFound``, ``NotAllowed`` for somebody else's, ``InvalidInput``."""
    with writing(engine) as tx:
        row = _check_there(tx, contact_id)
        if by.user_id is None or row.user_id != by.user_id:
            raise NotAllowed("this is somebody else's contact; an administrator can change it")
        values = _checked_manner(manner)
        tx.execute(update(contact).where(contact.c.id == contact_id).values(values))
        audit.record(tx, by=by, action="contact.own", subject=f"contact:{contact_id}", detail=values, now=now)


def _check_there(tx: Connection, contact_id: int) -> Any:
    row = tx.execute(select(contact).where(contact.c.id == contact_id)).first()
    if row is None:
        raise NotFound("contact", contact_id)
    return row


def _checked(tx: Connection, new: NewContact) -> dict[str, Any]:
    name, address = new.name.strip(), new.address.strip()
    if not name or len(name) > 80:
        raise InvalidInput("name", "{given!r} must be 1 to {most} characters", given=name[:90], most=80)
    if len(address) > 200:
        raise InvalidInput("address", "is longer than {most} characters; shorten it", most=200)
    by = tx.execute(select(channel).where(channel.c.id == new.channel_id)).first()
    if by is None:
        raise InvalidInput("channel_id", "names no channel that is on file; choose one of the list")
    if ways.wants_to(ChannelKind(by.kind), by.address) and not address:
        raise InvalidInput("address", "this channel sends to each contact by itself: give a mail address or a number")
    if new.user_id is not None and tx.execute(select(user.c.id).where(user.c.id == new.user_id)).first() is None:
        raise InvalidInput("user_id", "names no account that exists; choose one of the list")
    if new.unit_id is not None and tx.execute(select(unit.c.id).where(unit.c.id == new.unit_id)).first() is None:
        raise InvalidInput("unit_id", "names no unit that is on file; choose one of the list")
    return {
        "name": name,
        "channel_id": new.channel_id,
        "user_id": new.user_id,
        "unit_id": new.unit_id,
        "address": address,
        "enabled": new.enabled,
        **_checked_manner(new.manner),
    }


def _checked_manner(manner: Manner) -> dict[str, Any]:
    if manner.language not in LANGUAGES:
        raise InvalidInput(
            "language", "{given!r} must be one of {known}", given=manner.language[:20], known=", ".join(LANGUAGES)
        )
    for name in ("quiet_from_min", "quiet_until_min", "digest_min"):
        if not 0 <= getattr(manner, name) < DAY_MIN:
            raise InvalidInput("quiet_from", "must be a time of day such as 22:00")
    if not 1 <= manner.per_hour <= MOST_PER_HOUR:
        raise InvalidInput(
            "per_hour", "{given} must be between {low} and {high}", given=manner.per_hour, low=1, high=MOST_PER_HOUR
        )
    return asdict(manner)
