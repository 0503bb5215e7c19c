"""A cabinet's configuration from afar: versions of a text, each sent as a command; the one last applied is in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from registry.domain.commands import CommandKind, CommandState, ConfigurationState, text_hash
from registry.domain.configuration_text import with_period
from registry.domain.errors import Conflict, InvalidInput
from registry.domain.people import Actor
from registry.services.commands import NewCommand, check_cabinet, end, order
from registry.services.devices import device_to_handle
from registry.storage.database import reading, writing
from registry.storage.tables import cabinet_command, cabinet_configuration

LONGEST_TEXT = 128 * 1024
LONGEST_NOTE = 500
LONGEST_PERIOD_S = 86_400
LEAST_TRIAL_S, MOST_TRIAL_S = 10, 3600

Check = Callable[[str, str, dict[str, Any] | None], Sequence[str]]
"""Cabinet's id, text, and what the cabinet told of its own settings → everything that is wrong with the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConfiguration:
    """A text to be used by a cabinet. ``follows``: the newest version its writer has seen (0: none)."""

    cabinet_id: str
    text: str
    follows: int
    note: str = ""
    rollback_after_s: int | None = None


def publish_configuration(engine: Engine, new: NewConfiguration, *, check: Check, by: Actor, now: datetime) -> int:
    """Keep a new version and send it; its number. A version that still waits is superseded.

    Raises ``InvalidInput`` with everything that is wrong with the text, ``Conflict`` when somebody else has written a
    version meanwhile, ``NotFound`` for the cabinet, ``NotAllowed``.
    """
    text = new.text.replace("\r\n", "\n")
    if len(text.encode()) > LONGEST_TEXT:
        raise InvalidInput(
            "text", "is longer than {most} bytes; leave out what is as in the cabinet's own file", most=LONGEST_TEXT
        )
    if len(new.note) > LONGEST_NOTE:
        raise InvalidInput("note", "is longer than {most} characters; shorten it", most=LONGEST_NOTE)
    if new.rollback_after_s is not None and not LEAST_TRIAL_S <= new.rollback_after_s <= MOST_TRIAL_S:
        raise InvalidInput("rollback_after_s", "must be {low} to {high} seconds", low=LEAST_TRIAL_S, high=MOST_TRIAL_S)
    with writing(engine) as tx:
        check_cabinet(tx, new.cabinet_id)
        faults = check(new.cabinet_id, text, own_settings(tx, new.cabinet_id))
        if faults:
            raise InvalidInput("text", "the cabinet could not use it:\n{faults}", faults="\n".join(faults))
        version = newest_version(tx, new.cabinet_id)
        if version != new.follows:
            raise Conflict(f"version {version} was written meanwhile; look at it, then write yours anew")
        _supersede(tx, new.cabinet_id, now=now)
        row = {
            "cabinet_id": new.cabinet_id,
            "version": version + 1,
            "text": text,
            "hash": text_hash(text),
            "note": new.note.strip(),
            "state": ConfigurationState.WAITING.value,
            "created_at": now,
            "created_by": by.user_id,
        }
        made = tx.execute(insert(cabinet_configuration).values(row).returning(cabinet_configuration.c.id)).scalar_one()
        arguments: dict[str, Any] = {"version": version + 1}
        if new.rollback_after_s is not None:
            arguments["rollback_after_s"] = new.rollback_after_s
        command = NewCommand(
            kind=CommandKind.CONFIGURE, cabinet_id=new.cabinet_id, arguments=arguments, configuration_id=int(made)
        )
        order(tx, command, by=by, now=now)
        return version + 1


def change_period(engine: Engine, device_id: int, period_s: float, *, check: Check, by: Actor, now: datetime) -> int:
    """Have a sensor asked every ``period_s`` seconds (0: as its bus): another version of its cabinet's configuration.

    Raises what ``publish_configuration`` raises, ``NotFound`` and ``InvalidMove`` for the device.
    """
    with reading(engine) as tx:
        fitted = device_to_handle(tx, device_id, by=by)
        if not fitted.cabinet_id:
            raise InvalidInput(
                "device_id", "sensor {serial} sends without a cabinet, at its own pace", serial=fitted.serial
            )
        if not 0 <= period_s <= LONGEST_PERIOD_S:
            raise InvalidInput("poll_every_s", "must be 0 (as its bus) to {high} seconds", high=LONGEST_PERIOD_S)
        text, follows = text_to_change(tx, fitted.cabinet_id), newest_version(tx, fitted.cabinet_id)
    new = NewConfiguration(
        cabinet_id=fitted.cabinet_id,
        text=with_period(text, fitted.serial, period_s),
        follows=follows,
        note=f"{fitted.serial}: {period_s:g} s",
    )
    return publish_configuration(engine, new, check=check, by=by, now=now)


def text_to_change(tx: Connection, cabinet_id: str) -> str:
    """The text that the next version starts from: the newest that is in use or on its way; empty when none is."""
    query = (
        select(cabinet_configuration.c.text)
        .where(
            cabinet_configuration.c.cabinet_id == cabinet_id,
            cabinet_configuration.c.state.in_([ConfigurationState.APPLIED.value, ConfigurationState.WAITING.value]),
        )
        .order_by(cabinet_configuration.c.version.desc())
        .limit(1)
    )
    return tx.execute(query).scalar() or ""


def newest_version(tx: Connection, cabinet_id: str) -> int:
    """The number of the last version that was written; 0 when there is none."""
    newest = select(func.max(cabinet_configuration.c.version)).where(cabinet_configuration.c.cabinet_id == cabinet_id)
    return tx.execute(newest).scalar() or 0


def own_settings(tx: Connection, cabinet_id: str) -> dict[str, Any] | None:
    """What the cabinet last told of its own file (``describe``); None when it never did."""
    told = tx.execute(
        select(cabinet_command.c.result)
        .where(
            cabinet_command.c.cabinet_id == cabinet_id,
            cabinet_command.c.kind == CommandKind.DESCRIBE.value,
            cabinet_command.c.state == CommandState.DONE.value,
        )
        .order_by(cabinet_command.c.id.desc())
        .limit(1)
    ).scalar()
    own = told.get("own") if isinstance(told, dict) else None
    return own if isinstance(own, dict) else None


def _supersede(tx: Connection, cabinet_id: str, *, now: datetime) -> None:
    """A version on its way is overtaken by the one being written."""
    waiting = tx.execute(
        select(cabinet_command).where(
            cabinet_command.c.cabinet_id == cabinet_id,
            cabinet_command.c.kind == CommandKind.CONFIGURE.value,
            cabinet_command.c.decided_at.is_(None),
        )
    ).all()
    for row in waiting:
        end(tx, row, CommandState.WITHDRAWN, reason="", result=None, now=now)
    tx.execute(
        update(cabinet_configuration)
        .where(
            cabinet_configuration.c.cabinet_id == cabinet_id,
            cabinet_configuration.c.state == ConfigurationState.WAITING.value,
        )
        .values(state=ConfigurationState.SUPERSEDED.value, decided_at=now)
    )
