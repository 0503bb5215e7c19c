"""Channels: the ways by which notices leave. An address may hold a password: it goes in, and never comes out again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import ChannelKind, NoticeKind
from registry.domain.people import Actor
from registry.notices import ways
from registry.notices.outgoing import Outgoing, SendFailed
from registry.notices.texts import Place, of_trial
from registry.services import audit
from registry.storage.database import reading, writing
from registry.storage.tables import channel, contact

LONGEST_NAME = 80
LONGEST_ADDRESS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChannel:
    """A channel. ``address`` empty: keep the one there is; ``secret`` signs webhooks."""

    name: str
    kind: ChannelKind
    address: str = ""
    secret: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of a trial: the receiver's own answer, empty when it took the message."""

    problem: str = ""

    @property
    def well(self) -> bool:
        """Whether the receiver said that it has it."""
        return not self.problem


def save_channel(engine: Engine, channel_id: int | None, new: NewChannel, *, by: Actor, now: datetime) -> int:
    """Add a channel (``channel_id`` None) or change one; its id.

    Raises ``InvalidInput`` naming the field, ``NotFound``, ``Conflict`` for a name that is taken.
    """
    name = new.name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise InvalidInput("name", "{given!r} must be 1 to {most} characters", given=name[:90], most=LONGEST_NAME)
    with writing(engine) as tx:
        there = None if channel_id is None else _row(tx, channel_id)
        address = _address(new, there)
        _check_name(tx, name, channel_id)
        values: dict[str, Any] = {"name": name, "kind": new.kind.value, "address": address, "enabled": new.enabled}
        if there is None:
            added = insert(channel).values(**values, created_at=now).returning(channel.c.id)
            channel_id = int(tx.execute(added).scalar_one())
        else:
            values |= {"failing_since": None, "last_error": ""} if address != there.address else {}
            tx.execute(update(channel).where(channel.c.id == channel_id).values(**values))
        detail = {"name": name, "kind": new.kind.value, "enabled": new.enabled, "address_changed": bool(new.address)}
        audit.record(tx, by=by, action="channel.set", subject=f"channel:{channel_id}", detail=detail, now=now)
        return int(channel_id or 0)


def remove_channel(engine: Engine, channel_id: int, *, by: Actor, now: datetime) -> None:
    """Take a channel out that no contact uses. Raises ``NotFound``, ``Conflict``."""
    with writing(engine) as tx:
        row = _row(tx, channel_id)
        if tx.execute(select(contact.c.id).where(contact.c.channel_id == channel_id).limit(1)).first() is not None:
            raise Conflict("contacts use this channel; give them another one, or switch the channel off")
        tx.execute(delete(channel).where(channel.c.id == channel_id))
        audit.record(
            tx, by=by, action="channel.remove", subject=f"channel:{channel_id}", detail={"name": row.name}, now=now
        )


def send_trial(
    engine: Engine, channel_id: int, *, to: str, language: str, place: Place, by: Actor, now: datetime
) -> Trial:
    """Send a trial message now and wait for the receiver's answer; ``to`` stands for the contact's address.

    Raises ``NotFound``, and ``InvalidInput`` when the channel needs an address and none is given.
    """
    with reading(engine) as tx:
        row = _row(tx, channel_id)
    kind = ChannelKind(row.kind)
    if ways.wants_to(kind, row.address) and not to.strip():
        raise InvalidInput("to", "this channel needs an address or a number to send to; give one")
    text = of_trial(language, place)
    outgoing = Outgoing(
        key=f"trial:{channel_id}",
        kind=NoticeKind.TRIAL,
        severity=1,
        title=text.title,
        text=text.body,
        created_at=now,
        link=place.link("/notices"),
        language=language,
        to=to.strip(),
    )
    answer = Trial()
    try:
        ways.send(kind, row.address, outgoing, lambda: None, now=now)
    except SendFailed as error:
        answer = Trial(problem=error.problem)
    with writing(engine) as tx:
        if answer.well:
            mended = update(channel).where(channel.c.id == channel_id, channel.c.failing_since.is_not(None))
            tx.execute(mended.values(failing_since=None, last_error=""))
        detail = {"well": answer.well}
        audit.record(tx, by=by, action="channel.trial", subject=f"channel:{channel_id}", detail=detail, now=now)
    return answer


def _row(tx: Connection, channel_id: int) -> Any:
    row = tx.execute(select(channel).where(channel.c.id == channel_id)).first()
    if row is None:
        raise NotFound("channel", channel_id)
    return row


def _check_name(tx: Connection, name: str, own_id: int | None) -> None:
    other = tx.execute(select(channel.c.id).where(channel.c.name == name)).scalar()
    if other is not None and other != own_id:
        raise Conflict(f"a channel named {name!r} exists; choose another name")


def _address(new: NewChannel, there: Any) -> str:
    """The address to keep. A webhook's secret stands behind its #; without a new address it goes to the old one."""
    address = new.address.strip()
    if not address:
        if there is None or there.kind != new.kind:
            raise InvalidInput("address", "a channel needs an address; write it as the help says")
        address = there.address
    if len(address) > LONGEST_ADDRESS:
        raise InvalidInput("address", "is longer than {most} characters; shorten it", most=LONGEST_ADDRESS)
    if new.kind is ChannelKind.WEBHOOK and new.secret.strip():
        address = ways.with_secret(address, new.secret.strip())
    ways.check_address(new.kind, address)
    return address
