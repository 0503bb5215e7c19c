"""Tags (plates), their history, scans of them, label templates and print runs."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from registry.domain.kinds import PrintItemState, PrintRunKind, PrintRunState, TagState
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

tag = Table(
    "tag",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token", String(16), nullable=False, unique=True),
    Column("asset_id", ForeignKey("asset.id")),
    Column("state", String(10), nullable=False),
    Column("print_run_id", ForeignKey("print_run.id")),
    Column("created_at", UtcTime, nullable=False),
    Column("bound_at", UtcTime),
    Column("ended_at", UtcTime),
    one_of("state", TagState),
    Index(None, "asset_id"),
    Index(None, "state", "id"),
    Index(None, "print_run_id"),
    Index(
        "uq_tag_active_asset",
        "asset_id",
        unique=True,
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
)

# What happened to a plate, and who did it: issued, bound, lost, found, replaced, destroyed.
tag_event = Table(
    "tag_event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("event", String(12), nullable=False),
    Column("asset_id", ForeignKey("asset.id")),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("note", Text, nullable=False, server_default=""),
    Index(None, "tag_id", "id"),
    Index(None, "asset_id", "id"),
)

# ``flag`` is "" for a scan that is in order; else why somebody should look: far, destroyed, lost, replaced, unknown.
scan = Table(
    "scan",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("token", String(64), nullable=False),
    Column("asset_id", ForeignKey("asset.id")),
    Column("user_id", ForeignKey("app_user.id")),
    Column("finding", String(30), nullable=False),
    Column("flag", String(12), nullable=False, server_default=""),
    Column("looked_at", UtcTime),
    Column("looked_by", ForeignKey("app_user.id")),
    Column("lon", Float),
    Column("lat", Float),
    Column("accuracy_m", Float),
    Column("distance_m", Float),
    Index(None, "at", "flag"),
    Index(None, "asset_id", "at"),
    Index(None, "token", "id"),
    # where somebody was seen last
    Index(
        "ix_scan_user_id_at",
        "user_id",
        "at",
        sqlite_where=text("user_id IS NOT NULL"),
        postgresql_where=text("user_id IS NOT NULL"),
    ),
    Index(
        "ix_scan_flagged",
        "id",
        sqlite_where=text("flag <> ''"),
        postgresql_where=text("flag <> ''"),
    ),
)

# A template is never changed in place: each edit is a new version, and the highest version of a key is the one in use.
label_template = Table(
    "label_template",
    metadata,
    Column("key", String(60), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name_zh", String(80), nullable=False),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("body", JSON, nullable=False),
    Column("shipped", Boolean, nullable=False, server_default=text("false")),
    Column("retired", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    PrimaryKeyConstraint("key", "version"),
)

# ``holder`` and ``held_until``: which process is making it; another may take over when the time has run out.
print_run = Table(
    "print_run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("template_key", String(60), nullable=False),
    Column("template_version", Integer, nullable=False),
    Column("format", String(10), nullable=False),
    Column("dpi", Integer),
    Column("start_position", Integer, nullable=False, server_default=text("1")),
    Column("total", Integer, nullable=False),
    Column("made", Integer, nullable=False, server_default=text("0")),
    Column("failed", Integer, nullable=False, server_default=text("0")),
    Column("selection", JSON, nullable=False),
    Column("folder", String(200), nullable=False, server_default=""),
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("holder", String(120), nullable=False, server_default=""),
    Column("held_until", UtcTime),
    one_of("kind", PrintRunKind),
    one_of("state", PrintRunState),
    Index(None, "state", "id"),
)

print_item = Table(
    "print_item",
    metadata,
    Column("run_id", ForeignKey("print_run.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("tag_id", ForeignKey("tag.id"), nullable=False),
    Column("state", String(10), nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Column("made_at", UtcTime),
    PrimaryKeyConstraint("run_id", "position"),
    one_of("state", PrintItemState),
    Index(None, "tag_id"),
)
