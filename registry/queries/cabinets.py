"""One cabinet: how it is, which configurations it had, what it was told to do, and whether it may connect."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Engine, func, select

from registry.domain.commands import OPEN, CommandKind, CommandState, ConfigurationState
from registry.domain.errors import NotFound
from registry.domain.repairs import BusMemory, SourceSaid
from registry.queries.health import CabinetHealth, cabinets
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.services.cabinets import read_told
from registry.services.configurations import own_settings
from registry.storage.database import reading
from registry.storage.tables import (
    cabinet,
    cabinet_command,
    cabinet_configuration,
    cabinet_credential,
    device,
    enrolment_code,
    user,
)

MOST_VERSIONS = 50


class ConfigurationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a cabinet's configuration."""

    version: int
    text: str
    hash: str
    note: str
    state: ConfigurationState
    reason: str
    created_at: datetime
    created_by_name: str | None
    decided_at: datetime | None


class CommandRow(msgspec.Struct, frozen=True, kw_only=True):
    """A command and what became of it. ``serial``: the device it concerns."""

    id: int
    cabinet_id: str
    kind: CommandKind
    state: CommandState
    reason: str
    device_id: int | None
    serial: str | None
    version: int | None
    created_at: datetime
    created_by_name: str | None
    expires_at: datetime
    sends: int
    decided_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether it can still be done."""
        return self.state in OPEN


class CredentialRow(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the cabinet may connect, and since when with this password."""

    enrolled_at: datetime
    changed_at: datetime
    revoked_at: datetime | None


class CabinetFile(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one cabinet that its page shows.

    ``running_version`` is what the cabinet itself says it runs (0: its own file alone); ``own`` what it told of its
    file; ``code_until`` until when a one-time code is good; ``buses`` and ``sources`` as it last told of them.
    """

    health: CabinetHealth
    running_version: int
    running_problem: str
    configurations: list[ConfigurationRow]
    own: dict[str, Any] | None
    credential: CredentialRow | None
    code_until: datetime | None
    serials: list[str]
    buses: list[BusMemory] = []
    sources: list[SourceSaid] = []

    @property
    def newest(self) -> ConfigurationRow | None:
        """The version last written."""
        return self.configurations[0] if self.configurations else None

    @property
    def applied(self) -> ConfigurationRow | None:
        """The version in use, as far as the city knows."""
        return next((each for each in self.configurations if each.state is ConfigurationState.APPLIED), None)


class DiffLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the difference between two texts."""

    kind: Literal["same", "added", "removed"]
    text: str


def cabinet_file(engine: Engine, cabinet_id: str, *, now: datetime) -> CabinetFile:
    """The cabinet. Raises ``NotFound`` for one nobody has heard of, and that no device is wired to."""
    health = next((each for each in cabinets(engine, now) if each.id == cabinet_id), None)
    with reading(engine) as tx:
        credential = tx.execute(select(cabinet_credential).where(cabinet_credential.c.cabinet_id == cabinet_id)).first()
        code_until = tx.execute(
            select(func.max(enrolment_code.c.expires_at)).where(
                enrolment_code.c.cabinet_id == cabinet_id,
                enrolment_code.c.used_at.is_(None),
                enrolment_code.c.withdrawn_at.is_(None),
                enrolment_code.c.expires_at > now,
            )
        ).scalar()
        if health is None and credential is None and code_until is None:
            raise NotFound("cabinet", cabinet_id)
        said = tx.execute(
            select(cabinet.c.configuration_version, cabinet.c.configuration_problem, cabinet.c.told).where(
                cabinet.c.id == cabinet_id
            )
        ).first()
        told = read_told(said.told) if said else None
        versions = tx.execute(
            select(cabinet_configuration, user.c.name.label("created_by_name"))
            .outerjoin_from(cabinet_configuration, user, user.c.id == cabinet_configuration.c.created_by)
            .where(cabinet_configuration.c.cabinet_id == cabinet_id)
            .order_by(cabinet_configuration.c.version.desc())
            .limit(MOST_VERSIONS)
        )
        serials = tx.execute(
            select(device.c.serial)
            .where(device.c.cabinet_id == cabinet_id, device.c.removed_at.is_(None))
            .order_by(device.c.serial)
        ).scalars()
        return CabinetFile(
            health=health or _never_heard(cabinet_id),
            running_version=said.configuration_version if said else 0,
            running_problem=said.configuration_problem if said else "",
            configurations=[as_view(row._mapping, ConfigurationRow) for row in versions],
            own=own_settings(tx, cabinet_id),
            credential=None if credential is None else as_view(credential._mapping, CredentialRow),
            code_until=code_until,
            serials=list(serials),
            buses=told.buses if told is not None else [],
            sources=told.sources if told is not None else [],
        )


def list_commands(engine: Engine, cabinet_id: str, *, after: str | None = None, limit: int = 50) -> Page[CommandRow]:
    """What the cabinet was told to do, the newest first. Raises ``InvalidInput`` for a place in no list."""
    statement = _commands().where(cabinet_command.c.cabinet_id == cabinet_id)
    if after is not None:
        statement = statement.where(cabinet_command.c.id < decode_id(after))
    with reading(engine) as tx:
        found = tx.execute(statement.order_by(cabinet_command.c.id.desc()).limit(check_limit(limit) + 1))
        rows = [as_view(row._mapping, CommandRow) for row in found]
    return page_of(rows, limit, lambda row: (row.id,))


def open_commands(engine: Engine, cabinet_id: str) -> int:
    """How many commands the cabinet has not answered yet."""
    waiting = select(func.count()).where(
        cabinet_command.c.cabinet_id == cabinet_id, cabinet_command.c.decided_at.is_(None)
    )
    with reading(engine) as tx:
        return int(tx.execute(waiting).scalar_one())


def command(engine: Engine, command_id: int) -> CommandRow:
    """One command. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_commands().where(cabinet_command.c.id == command_id)).first()
    if row is None:
        raise NotFound("command", command_id)
    return as_view(row._mapping, CommandRow)


def difference(before: str, after: str) -> list[DiffLine]:
    """The lines of ``after`` with those of ``before`` that went, for reading."""
    kinds: dict[str, Literal["same", "added", "removed"]] = {"  ": "same", "+ ": "added", "- ": "removed"}
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [DiffLine(kind=kinds[line[:2]], text=line[2:]) for line in lines if line[:2] in kinds]


def _commands() -> Any:
    return (
        select(
            cabinet_command,
            user.c.name.label("created_by_name"),
            device.c.serial.label("serial"),
            cabinet_configuration.c.version.label("version"),
        )
        .select_from(cabinet_command)
        .outerjoin(user, user.c.id == cabinet_command.c.created_by)
        .outerjoin(device, device.c.id == cabinet_command.c.device_id)
        .outerjoin(cabinet_configuration, cabinet_configuration.c.id == cabinet_command.c.configuration_id)
    )


def _never_heard(cabinet_id: str) -> CabinetHealth:
    return CabinetHealth(
        id=cabinet_id,
        name=cabinet_id,
        online=False,
        state_at=None,
        program_version="",
        oldest_unsent_s=0.0,
        queued=0,
        dropped=0,
        devices=0,
        devices_silent=0,
    )
