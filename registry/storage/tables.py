"""The records database: every table, with the rules the database itself enforces.

Moments are ``UtcTime`` (BIGINT milliseconds, aware datetimes in Python). Every enumeration has a CHECK. Races are
refused by unique indexes: one active tag per asset, one live alert per (rule, point), one open case per (asset, kind).
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from registry.domain.kinds import AlertState, AssetState, Family, Lane, Reject, Role, RuleKind, Source, Stage, TagState
from registry.storage.times import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for INTEGER; PostgreSQL needs BIGINT for tables that grow for decades.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


unit = Table(
    "unit",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("phone", String(40), nullable=False, server_default=""),
)

user = Table(
    "app_user",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("login", String(60), nullable=False, unique=True),
    Column("name", String(80), nullable=False),
    Column("role", String(20), nullable=False),
    Column("unit_id", ForeignKey("unit.id")),
    Column("password_hash", Text, nullable=False),
    Column("demo", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("failed_logins", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    _one_of("role", Role),
)

asset_class = Table(
    "asset_class",
    metadata,
    Column("scheme", String(30), nullable=False),
    Column("code", String(4), nullable=False),
    Column("name_zh", String(60), nullable=False),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("family", String(10), nullable=False),
    PrimaryKeyConstraint("scheme", "code"),
    _one_of("family", Family),
)

# Counted per division and class digits whatever the scheme: two schemes can give one class number to different things,
# and a serial is never used twice.
code_counter = Table(
    "code_counter",
    metadata,
    Column("division", String(6), nullable=False),
    Column("class_code", String(4), nullable=False),
    Column("last_serial", Integer, nullable=False),
    PrimaryKeyConstraint("division", "class_code"),
)

asset = Table(
    "asset",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("code", String(16), nullable=False, unique=True),
    Column("scheme", String(30), nullable=False),
    Column("class_code", String(4), nullable=False),
    Column("family", String(10), nullable=False),
    Column("name", String(120), nullable=False),
    Column("state", String(10), nullable=False),
    Column("lon", Float, nullable=False),
    Column("lat", Float, nullable=False),
    Column("source_crs", String(10), nullable=False, server_default="wgs84"),
    Column("source_x", Float),
    Column("source_y", Float),
    Column("road", String(120), nullable=False, server_default=""),
    Column("address", String(200), nullable=False, server_default=""),
    Column("grid_cell", String(16), nullable=False, server_default=""),
    Column("supervisor_unit_id", ForeignKey("unit.id")),
    Column("owner_unit_id", ForeignKey("unit.id")),
    Column("maintainer_unit_id", ForeignKey("unit.id")),
    Column("depth_mm", Integer),
    Column("details", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    _one_of("state", AssetState),
    _one_of("family", Family),
    Index(None, "family", "id"),
    Index(None, "road"),
    Index(None, "lat", "lon"),
)

asset_alias = Table(
    "asset_alias",
    metadata,
    Column("kind", String(40), nullable=False),
    Column("value", String(120), nullable=False),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    PrimaryKeyConstraint("kind", "value"),
    Index(None, "asset_id"),
    Index(None, "value"),
)

tag = Table(
    "tag",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("token", String(16), nullable=False, unique=True),
    Column("asset_id", ForeignKey("asset.id")),
    Column("state", String(10), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("bound_at", UtcTime),
    Column("ended_at", UtcTime),
    _one_of("state", TagState),
    Index(
        "uq_tag_active_asset",
        "asset_id",
        unique=True,
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
)

scan = Table(
    "scan",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("token", String(64), nullable=False),
    Column("asset_id", ForeignKey("asset.id")),
    Column("user_id", ForeignKey("app_user.id")),
    Column("finding", String(30), nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("accuracy_m", Float),
    Column("distance_m", Float),
    Index(None, "asset_id", "at"),
)

cabinet = Table(
    "cabinet",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("online", Boolean, nullable=False, server_default=text("false")),
    # when it last came (back) on line: silence of its sensors counts from here at the earliest
    Column("online_since", UtcTime),
    Column("state_at", UtcTime),
    Column("epoch", String(40), nullable=False, server_default=""),
    Column("program_version", String(40), nullable=False, server_default=""),
    Column("oldest_unsent_s", Float, nullable=False, server_default=text("0")),
    Column("queued", Integer, nullable=False, server_default=text("0")),
    Column("dropped", Integer, nullable=False, server_default=text("0")),
)

device = Table(
    "device",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("serial", String(60), nullable=False, unique=True),
    Column("profile", String(60), nullable=False),
    Column("asset_id", ForeignKey("asset.id")),
    Column("cabinet_id", String(60), nullable=False, server_default=""),
    Column("bus", String(60), nullable=False, server_default=""),
    Column("bus_address", Integer),
    Column("heartbeat_s", Float, nullable=False),
    Column("fitted_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime),
    Index(None, "asset_id"),
    Index(None, "cabinet_id"),
)

point = Table(
    "point",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("device_id", ForeignKey("device.id"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("unit", String(10), nullable=False),
    Column("baseline", Float, nullable=False, server_default=text("0")),
    Column("full_scale", Float),
    UniqueConstraint("device_id", "name"),
)

baseline = Table(
    "baseline",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("point_id", ForeignKey("point.id"), nullable=False),
    Column("value", Float, nullable=False),
    Column("set_at", UtcTime, nullable=False),
    Column("set_by", ForeignKey("app_user.id")),
    Index(None, "point_id", "set_at"),
)

latest = Table(
    "latest",
    metadata,
    Column("point_id", ForeignKey("point.id"), primary_key=True, autoincrement=False),
    Column("measured_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("value", Float, nullable=False),
    Column("quality", Integer, nullable=False),
)

lane = Table(
    "lane",
    metadata,
    Column("cabinet_id", String(60), nullable=False),
    Column("name", String(10), nullable=False),
    Column("epoch", String(40), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("cabinet_id", "name", "epoch"),
    _one_of("name", Lane),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("cabinet_id", String(60), nullable=False),
    Column("lane", String(10), nullable=False, server_default=""),
    Column("epoch", String(40), nullable=False, server_default=""),
    Column("seq", BigInteger, nullable=False, server_default=text("0")),
    Column("reason", String(30), nullable=False),
    Column("detail", Text, nullable=False),
    Column("body", Text, nullable=False),
    _one_of("reason", Reject),
    Index(None, "at"),
    Index(None, "reason", "at"),
)

# A rule is never changed in place: each edit is a new version, and the highest version of a key is the one in force.
rule = Table(
    "rule",
    metadata,
    Column("key", String(60), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("family", String(10)),
    Column("point", String(40)),
    Column("severity", Integer, nullable=False),
    Column("case_kind", String(40), nullable=False),
    Column("condition", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    PrimaryKeyConstraint("key", "version"),
    _one_of("kind", RuleKind),
)

rule_memory = Table(
    "rule_memory",
    metadata,
    Column("rule_key", String(60), nullable=False),
    Column("point_id", ForeignKey("point.id"), nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("rule_key", "point_id"),
)

case = Table(
    "case_file",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("number", String(20), nullable=False, unique=True),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("stage", String(12), nullable=False),
    Column("stage_before_suspension", String(12)),
    Column("severity", Integer, nullable=False),
    Column("source", String(10), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("dispatched_at", UtcTime),
    Column("handed_back_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("deadline_at", UtcTime, nullable=False),
    Column("overdue_at", UtcTime),
    Column("unit_id", ForeignKey("unit.id")),
    Column("assignee_id", ForeignKey("app_user.id")),
    Column("version", Integer, nullable=False),
    _one_of("stage", Stage),
    _one_of("source", Source),
    Index(
        "uq_case_file_open",
        "asset_id",
        "kind",
        unique=True,
        sqlite_where=text("stage NOT IN ('closed', 'void')"),
        postgresql_where=text("stage NOT IN ('closed', 'void')"),
    ),
    Index(
        "ix_case_file_open_id",
        "id",
        sqlite_where=text("stage NOT IN ('closed', 'void')"),
        postgresql_where=text("stage NOT IN ('closed', 'void')"),
    ),
    Index(None, "stage", "deadline_at"),
    Index(None, "stage", "id"),
    Index(None, "kind", "id"),
    Index(None, "asset_id", "opened_at"),
    Index(None, "assignee_id", "stage"),
    Index(None, "stage", "ended_at"),
)

# The last case number given on each day of the city's calendar; raised in the transaction that opens the case.
number_counter = Table(
    "number_counter",
    metadata,
    Column("day", String(8), primary_key=True),
    Column("last_serial", Integer, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("rule_key", String(60), nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("point_id", ForeignKey("point.id"), nullable=False),
    Column("device_id", ForeignKey("device.id"), nullable=False),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("case_id", ForeignKey("case_file.id")),
    Column("severity", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    # event time at which the condition was first seen and at which it had held long enough
    Column("began_at", UtcTime, nullable=False),
    Column("fired_at", UtcTime, nullable=False),
    # when the cabinet had the answer that completed the condition (null when time alone completed it)
    Column("trigger_received_at", UtcTime),
    Column("recorded_at", UtcTime, nullable=False),
    # when the transaction that holds this alert and its case was durable; measured, so filled in just after it
    Column("committed_at", UtcTime),
    Column("value", Float),
    Column("peak", Float),
    Column("cleared_at", UtcTime),
    Column("cleared_value", Float),
    _one_of("state", AlertState),
    Index(
        "uq_alert_live",
        "rule_key",
        "point_id",
        unique=True,
        sqlite_where=text("state = 'firing'"),
        postgresql_where=text("state = 'firing'"),
    ),
    Index(None, "state", "severity", "fired_at"),
    Index(None, "state", "id"),
    Index(None, "asset_id", "fired_at"),
    Index(None, "case_id", "state", "severity"),
)

photo = Table(
    "photo",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("case_id", ForeignKey("case_file.id")),
    Column("sha256", String(64), nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("taken_by", ForeignKey("app_user.id")),
    Column("recorded_at", UtcTime, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("distance_m", Float),
    Index(None, "case_id"),
    Index(None, "asset_id", "recorded_at"),
)

entry = Table(
    "entry",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("move", String(20), nullable=False),
    Column("from_stage", String(12)),
    Column("to_stage", String(12), nullable=False),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("note", Text, nullable=False, server_default=""),
    Column("detail", JSON, nullable=False),
    Index(None, "case_id", "id"),
)

report = Table(
    "report",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", String(40), nullable=False, unique=True),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("contact", String(120), nullable=False, server_default=""),
    Column("photo_id", ForeignKey("photo.id")),
    Index(None, "case_id"),
)

# What just happened, for the live pages: written in the transaction of the thing itself, read by id, cleaned by
# the worker.
feed = Table(
    "feed",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(30), nullable=False),
    Column("body", JSON, nullable=False),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

# One row per directory that a process keeps in memory; raised by every change, so that a cheap look tells it to reload.
revision = Table(
    "revision",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

# Who may act as the one worker until when; a second worker waits until this runs out.
lease = Table(
    "lease",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(120), nullable=False),
    Column("until", UtcTime, nullable=False),
)

import_run = Table(
    "import_run",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("problems", JSON, nullable=False),
)
