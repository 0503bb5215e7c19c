"""What the city wants of cabinets: configurations, commands on their way, credentials and the codes to get them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from registry.domain.commands import CommandKind, CommandState, ConfigurationState
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

cabinet_configuration = Table(
    "cabinet_configuration",
    metadata,
    Column("id", Id, primary_key=True),
    Column("cabinet_id", String(60), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("decided_at", UtcTime),
    UniqueConstraint("cabinet_id", "version"),
    one_of("state", ConfigurationState),
)

# The outbox and its history. ``key`` is the id on the wire; ``send_after`` when it is sent (again).
cabinet_command = Table(
    "cabinet_command",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(40), nullable=False, unique=True),
    Column("cabinet_id", String(60), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("device_id", ForeignKey("device.id")),
    Column("configuration_id", ForeignKey("cabinet_configuration.id")),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("result", JSON),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("expires_at", UtcTime, nullable=False),
    Column("sends", Integer, nullable=False, server_default=text("0")),
    Column("send_after", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    one_of("kind", CommandKind),
    one_of("state", CommandState),
    Index(None, "cabinet_id", "id"),
    # a handful of rows, whatever the history has grown to
    Index(
        "ix_cabinet_command_open",
        "send_after",
        sqlite_where=text("decided_at IS NULL"),
        postgresql_where=text("decided_at IS NULL"),
    ),
)

# The broker's user names and password hashes (Mosquitto's form); a cabinet's password itself never leaves it.
cabinet_credential = Table(
    "cabinet_credential",
    metadata,
    Column("cabinet_id", String(60), primary_key=True),
    Column("hash", String(160), nullable=False),
    Column("enrolled_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("revoked_by", ForeignKey("app_user.id")),
)

enrolment_code = Table(
    "enrolment_code",
    metadata,
    Column("id", Id, primary_key=True),
    Column("cabinet_id", String(60), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("expires_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
    Column("used_from", String(60), nullable=False, server_default=""),
    Column("withdrawn_at", UtcTime),
    Index(None, "cabinet_id", "id"),
)
