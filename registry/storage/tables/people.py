"""Units, people, their sessions and tokens, and the audit trail."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from registry.domain.kinds import Role
from registry.storage.tables.append_only import guard
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

unit = Table(
    "unit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("phone", String(40), nullable=False, server_default=""),
)

# ``area_code`` binds somebody to a part of the city: the area codes that begin with it ("" is the whole city).
# ``session_epoch`` is raised to end every open session at once (password changed, account closed).
user = Table(
    "app_user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("login", String(60), nullable=False, unique=True),
    Column("name", String(80), nullable=False),
    Column("role", String(20), nullable=False),
    # words of ``kinds.CaseRole``; empty: those that go with the role
    Column("case_roles", JSON, nullable=False, server_default="[]"),
    Column("unit_id", ForeignKey("unit.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("phone", String(40), nullable=False, server_default=""),
    Column("password_hash", Text, nullable=False),
    Column("password_changed_at", UtcTime),
    Column("must_change_password", Boolean, nullable=False, server_default=text("false")),
    Column("demo", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("failed_logins", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", UtcTime),
    Column("session_epoch", Integer, nullable=False, server_default=text("1")),
    Column("last_login_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    one_of("role", Role),
)

# ``id`` is the SHA-256 of what the cookie holds: reading this table signs nobody in.
user_session = Table(
    "user_session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", ForeignKey("app_user.id"), nullable=False),
    Column("session_epoch", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("address", String(60), nullable=False, server_default=""),
    Column("agent", String(200), nullable=False, server_default=""),
    Index(None, "user_id", "ended_at"),
    Index(None, "expires_at"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("user_id", ForeignKey("app_user.id"), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("prefix", String(12), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("expires_at", UtcTime),
    Column("seen_at", UtcTime),
    Column("revoked_at", UtcTime),
    Index(None, "user_id"),
)

# Appended only. Each row's hash covers its content and the hash before it; ``audit_head`` (one row) holds the last one,
# so that a cut-off tail is seen too. ``detail`` is the canonical JSON text that was hashed.
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("user_id", Id),
    Column("actor", String(80), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(80), nullable=False, server_default=""),
    Column("detail", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "subject", "id"),
    Index(None, "action", "id"),
    Index(None, "user_id", "id"),
)

guard(audit)

audit_head = Table(
    "audit_head",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("last_id", Id, nullable=False),
    Column("last_hash", String(64), nullable=False),
)

# The answer to a write that was sent with an Idempotency-Key; sent again, it is answered from here and done once.
answered_key = Table(
    "answered_key",
    metadata,
    Column("user_id", Id, nullable=False),
    Column("key", String(80), nullable=False),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer),
    Column("media_type", String(60), nullable=False, server_default=""),
    Column("location", String(200), nullable=False, server_default=""),
    Column("etag", String(80), nullable=False, server_default=""),
    Column("body", Text, nullable=False, server_default=""),
    Column("at", UtcTime, nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
    Index(None, "at"),
)
