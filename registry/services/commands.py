"""Commands to cabinets: ordered here, sent by the command post until they are answered, each ended once.

A cabinet does a command at most once, by its key; so sending it again is harmless, and is all that is done about lost
messages. What a reply brings about in the registry (a zero, a password's hash, a configuration in use) is written in
the transaction that ends the command.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.commands import (
    MAY_ORDER,
    CommandKind,
    CommandState,
    ConfigurationState,
    expires_at,
    pause_after,
)
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.people import Actor
from registry.services import audit
from registry.services.devices import device_to_handle
from registry.storage.database import reading, writing
from registry.storage.tables import cabinet, cabinet_command, cabinet_configuration, device
from registry.storage.times import to_ms

MOST_AT_ONCE = 200
_DEVICE_KINDS = frozenset({CommandKind.REZERO})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommand:
    """What a cabinet is to do. ``device_id``: the device it concerns; a poll may concern one, a zero must."""

    kind: CommandKind
    cabinet_id: str = ""
    device_id: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    configuration_id: int | None = None


def order_command(engine: Engine, new: NewCommand, *, by: Actor, now: datetime) -> int:
    """``order`` in a transaction of its own."""
    with writing(engine) as tx:
        return order(tx, new, by=by, now=now)


def order(tx: Connection, new: NewCommand, *, by: Actor, now: datetime) -> int:
    """Put a command into the outbox; its number.

    Raises ``NotAllowed``, ``NotFound`` for the cabinet or device, ``InvalidMove`` for a device that is off,
    ``InvalidInput``, and ``Conflict`` while the same command is on its way.
    """
    if by.role is not None and by.role not in MAY_ORDER[new.kind]:
        raise NotAllowed(f"your role may not order {new.kind.value!r}; an administrator can")
    cabinet_id, arguments = new.cabinet_id, dict(new.arguments)
    if new.device_id is not None:
        fitted = device_to_handle(tx, new.device_id, by=by)
        if not fitted.cabinet_id:
            raise InvalidInput(
                "device_id", "sensor {serial} sends without a cabinet; nobody can be told", serial=fitted.serial
            )
        cabinet_id, arguments = fitted.cabinet_id, arguments | {"serial": fitted.serial}
    elif new.kind in _DEVICE_KINDS:
        raise InvalidInput("device_id", "is missing; say which sensor")
    check_cabinet(tx, cabinet_id)
    _check_free(tx, cabinet_id, new, now=now)
    row = {
        "key": secrets.token_hex(16),
        "cabinet_id": cabinet_id,
        "kind": new.kind.value,
        "arguments": arguments,
        "device_id": new.device_id,
        "configuration_id": new.configuration_id,
        "state": CommandState.WAITING.value,
        "created_at": now,
        "created_by": by.user_id,
        "expires_at": expires_at(new.kind, now=now),
        "send_after": now,
    }
    number = int(tx.execute(insert(cabinet_command).values(row).returning(cabinet_command.c.id)).scalar_one())
    detail = {"kind": new.kind.value, "command": number} | {
        name: value for name, value in arguments.items() if name in ("serial", "samples", "version")
    }
    audit.record(tx, by=by, action=f"cabinet.{new.kind.value}", subject=f"cabinet:{cabinet_id}", detail=detail, now=now)
    return number


def withdraw_command(engine: Engine, command_id: int, *, by: Actor, now: datetime) -> None:
    """Take back what was not answered yet; the cabinet may have done it all the same.

    Raises ``NotFound``, ``InvalidMove`` when it has ended, ``NotAllowed``.
    """
    with writing(engine) as tx:
        row = tx.execute(select(cabinet_command).where(cabinet_command.c.id == command_id)).first()
        if row is None:
            raise NotFound("command", command_id)
        if by.role is not None and by.role not in MAY_ORDER[CommandKind(row.kind)]:
            raise NotAllowed("who may order it may withdraw it; an administrator can")
        if row.decided_at is not None:
            raise InvalidMove(f"the command has ended already ({row.state}); load the page again")
        end(tx, row, CommandState.WITHDRAWN, reason="", result=None, now=now)
        detail = {"kind": row.kind, "command": command_id}
        audit.record(tx, by=by, action="cabinet.withdraw", subject=f"cabinet:{row.cabinet_id}", detail=detail, now=now)


def due_commands(engine: Engine, *, now: datetime) -> list[tuple[str, bytes]]:
    """Cabinet and message of what is to be sent now (again), noted as sent; what has expired is ended.

    At most ``MOST_AT_ONCE``. The message is JSON: id, kind, expires_at (Unix seconds), arguments.
    """
    open_ones = cabinet_command.c.decided_at.is_(None)
    due = (
        select(
            cabinet_command, cabinet_configuration.c.version, cabinet_configuration.c.text, cabinet_configuration.c.hash
        )
        .outerjoin(cabinet_configuration, cabinet_configuration.c.id == cabinet_command.c.configuration_id)
        .where(open_ones, cabinet_command.c.send_after <= now)
        .order_by(cabinet_command.c.send_after, cabinet_command.c.id)
        .limit(MOST_AT_ONCE)
    )
    with reading(engine) as tx:  # most looks find nothing and need no writer's turn
        if tx.execute(due.limit(1)).first() is None:
            return []
    outgoing = []
    with writing(engine) as tx:
        for row in tx.execute(due).all():
            if row.expires_at <= now:
                end(tx, row, CommandState.EXPIRED, reason="", result=None, now=now)
                continue
            again = {"sends": row.sends + 1, "send_after": now + pause_after(row.sends + 1)}
            tx.execute(
                update(cabinet_command)
                .where(cabinet_command.c.id == row.id)
                .values(state=CommandState.SENT.value, **again)
            )
            outgoing.append((row.cabinet_id, _message(row)))
    return outgoing


def end(
    tx: Connection, row: Any, state: CommandState, *, reason: str, result: Mapping[str, Any] | None, now: datetime
) -> None:
    """End the command ``row``, and with it what it carried."""
    tx.execute(
        update(cabinet_command)
        .where(cabinet_command.c.id == row.id)
        .values(
            state=state.value, reason=reason[:4000], result=None if result is None else dict(result), decided_at=now
        )
    )
    if row.configuration_id is not None and state in _OF_CONFIGURATION:
        tx.execute(
            update(cabinet_configuration)
            .where(
                cabinet_configuration.c.id == row.configuration_id,
                cabinet_configuration.c.state == ConfigurationState.WAITING.value,
            )
            .values(state=_OF_CONFIGURATION[state].value, reason=reason[:4000], decided_at=now)
        )


_OF_CONFIGURATION = {
    CommandState.REFUSED: ConfigurationState.REFUSED,
    CommandState.FAILED: ConfigurationState.ROLLED_BACK,
    CommandState.EXPIRED: ConfigurationState.EXPIRED,
    CommandState.WITHDRAWN: ConfigurationState.SUPERSEDED,
}


def check_cabinet(tx: Connection, cabinet_id: str) -> None:
    """Raise ``NotFound`` for a cabinet that has never spoken and that no device is wired to."""
    known = tx.execute(select(cabinet.c.id).where(cabinet.c.id == cabinet_id)).first()
    if known is None and tx.execute(select(device.c.id).where(device.c.cabinet_id == cabinet_id)).first() is None:
        raise NotFound("cabinet", cabinet_id)


def _check_free(tx: Connection, cabinet_id: str, new: NewCommand, *, now: datetime) -> None:
    same_device = (
        cabinet_command.c.device_id.is_(None) if new.device_id is None else cabinet_command.c.device_id == new.device_id
    )
    on_its_way = tx.execute(
        select(cabinet_command.c.expires_at).where(
            cabinet_command.c.cabinet_id == cabinet_id,
            cabinet_command.c.kind == new.kind.value,
            cabinet_command.c.decided_at.is_(None),
            cabinet_command.c.expires_at > now,
            same_device,
        )
    ).first()
    if on_its_way is not None:
        raise Conflict("the same command is on its way already; wait for its answer, or withdraw it first")


def _message(row: Any) -> bytes:
    arguments = dict(row.arguments)
    if row.configuration_id is not None:
        arguments |= {"version": row.version, "text": row.text, "hash": row.hash}
    told = {"id": row.key, "kind": row.kind, "expires_at": to_ms(row.expires_at) / 1000, "arguments": arguments}
    return msgspec.json.encode(told)
