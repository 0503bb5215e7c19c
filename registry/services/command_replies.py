"""What cabinets answer to commands, and what that brings about: a configuration in use, a zero, another password."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
import structlog
from sqlalchemy import Connection, Engine, select, update

from registry.domain.commands import CommandKind, CommandState, ConfigurationState, read_password_hash
from registry.domain.errors import DomainError, InvalidInput
from registry.domain.link_test import ZEROED, lies_quiet
from registry.domain.people import SYSTEM, Actor
from registry.domain.points import POINTS
from registry.services.commands import end
from registry.services.credentials import take_new_hash
from registry.services.devices import rezero_in
from registry.services.people import actor_of
from registry.storage.database import writing
from registry.storage.tables import cabinet, cabinet_command, cabinet_configuration, point, user

log = structlog.get_logger(__name__)

_LONGEST_BODY = 512 * 1024


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A cabinet's word on a command; ``id`` is the command's key."""

    id: str
    outcome: Literal["done", "refused", "failed", "rolled_back", "trying"]
    reason: str = ""
    result: dict[str, Any] = {}


_decoder = msgspec.json.Decoder(Reply)
_STATES = {
    "done": CommandState.DONE,
    "refused": CommandState.REFUSED,
    "failed": CommandState.FAILED,
    "rolled_back": CommandState.FAILED,
}


def take_reply(engine: Engine, cabinet_id: str, body: bytes, *, now: datetime) -> str | None:
    """Keep what a cabinet said; the key of a command that it waits to hear the city on, if it does.

    A repeat changes nothing, nor does a reply to what has ended otherwise. Raises ``StoreDown``.
    """
    try:
        if len(body) > _LONGEST_BODY:
            raise msgspec.DecodeError(f"{len(body)} bytes are too many")
        reply = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("reply_unreadable", cabinet=cabinet_id, reason=str(error))
        return None
    if reply.outcome == "trying":
        return reply.id
    with writing(engine) as tx:
        row = tx.execute(select(cabinet_command).where(cabinet_command.c.key == reply.id)).first()
        if row is None or row.cabinet_id != cabinet_id:
            log.warning("reply_to_no_command", cabinet=cabinet_id, command=reply.id)
            return None
        if row.decided_at is None:
            _decide(tx, row, reply, now=now)
            log.info("command_ended", cabinet=cabinet_id, kind=row.kind, outcome=reply.outcome, reason=reply.reason)
    return None


def _decide(tx: Connection, row: Any, reply: Reply, *, now: datetime) -> None:
    state, reason, result = _STATES[reply.outcome], reply.reason, reply.result
    if state is CommandState.DONE:
        try:
            with tx.begin_nested():
                _bring_about(tx, row, result, now=now)
        except DomainError as refused:
            state, reason = CommandState.FAILED, str(refused)
        if row.kind == CommandKind.ROTATE.value:
            result = {}
    end(tx, row, state, reason=reason, result=result, now=now)


def _bring_about(tx: Connection, row: Any, result: Mapping[str, Any], *, now: datetime) -> None:
    match CommandKind(row.kind):
        case CommandKind.CONFIGURE:
            _in_use(tx, row, now=now)
        case CommandKind.REZERO:
            _rezero(tx, row, result, now=now)
        case CommandKind.ROTATE:
            take_new_hash(tx, row.cabinet_id, read_password_hash(result.get("hash")), now=now)
        case _:
            pass


def _in_use(tx: Connection, row: Any, *, now: datetime) -> None:
    """The configuration this command carried is the one in use; the one before is not any more."""
    mine = cabinet_configuration.c.cabinet_id == row.cabinet_id
    version = tx.execute(
        select(cabinet_configuration.c.version).where(cabinet_configuration.c.id == row.configuration_id)
    ).scalar_one()
    tx.execute(
        update(cabinet_configuration)
        .where(mine, cabinet_configuration.c.state == ConfigurationState.APPLIED.value)
        .values(state=ConfigurationState.SUPERSEDED.value)
    )
    tx.execute(
        update(cabinet_configuration)
        .where(cabinet_configuration.c.id == row.configuration_id)
        .values(state=ConfigurationState.APPLIED.value, reason="", decided_at=now)
    )
    tx.execute(update(cabinet).where(cabinet.c.id == row.cabinet_id).values(configuration_version=version))


def _rezero(tx: Connection, row: Any, result: Mapping[str, Any], *, now: datetime) -> None:
    """The means that the cabinet measured become the zeroes, in the name of who ordered it."""
    had = tx.execute(select(point.c.name).where(point.c.device_id == row.device_id)).scalars()
    values, spread = result.get("values"), result.get("spread")
    if not isinstance(values, dict) or not isinstance(spread, dict):
        raise InvalidInput("result", "the cabinet told no values; its program is another version")
    zeroes: dict[str, float] = {}
    for name in had:
        if name not in ZEROED or not isinstance(values.get(name), int | float):
            continue
        apart = spread.get(name)
        if not isinstance(apart, int | float) or not lies_quiet(name, apart):
            raise InvalidInput(
                name,
                "the readings lay {apart} {unit} apart; let it come to rest first",
                apart=apart,
                unit=POINTS[name].unit,
            )
        zeroes[name] = round(float(values[name]), POINTS[name].decimals)
    if not zeroes:
        raise InvalidInput("values", "the cabinet measured no point of this sensor that has a zero")
    reason = str(row.arguments.get("reason") or "measured by the cabinet")
    rezero_in(tx, row.device_id, zeroes, reason=reason, by=_who_ordered(tx, row), now=now)


def _who_ordered(tx: Connection, row: Any) -> Actor:
    person = tx.execute(select(user).where(user.c.id == row.created_by)).first() if row.created_by else None
    return SYSTEM if person is None else actor_of(person)
