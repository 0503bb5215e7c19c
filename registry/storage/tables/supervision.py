"""Supervision (items, numbered notices, evidence), rechecks, analogous inspections, repeats, typical cases."""

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
    UniqueConstraint,
    text,
)

from registry.domain.kinds import InspectionResult, InspectionState, RecheckState, SupervisionState
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# The last notice number given in each year of the city's calendar; raised in the transaction that issues the notice.
supervision_counter = Table(
    "supervision_counter",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("last_serial", Integer, nullable=False),
)

# 督查通知单: one paper to one unit about any number of items. It is never changed; a wrong one is withdrawn.
supervision_notice = Table(
    "supervision_notice",
    metadata,
    Column("id", Id, primary_key=True),
    Column("year", Integer, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("title", String(120), nullable=False),
    Column("demand", Text, nullable=False),
    Column("issuer", String(120), nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("issued_by", ForeignKey("app_user.id")),
    Column("reply_by", UtcTime, nullable=False),
    Column("withdrawn_at", UtcTime),
    Column("withdrawn_by", ForeignKey("app_user.id")),
    Column("withdrawn_why", Text, nullable=False, server_default=""),
    UniqueConstraint("year", "serial"),
    Index(None, "unit_id", "id"),
)

supervision_item = Table(
    "supervision_item",
    metadata,
    Column("id", Id, primary_key=True),
    Column("notice_id", ForeignKey("supervision_notice.id")),
    # what it is about; all three null: something that is on no file
    Column("case_id", ForeignKey("case_file.id")),
    # it was of a case that became part of this one
    Column("came_along", Boolean, nullable=False, server_default=text("false")),
    Column("asset_id", ForeignKey("asset.id")),
    # who has to answer; null: nobody was named yet
    Column("unit_id", ForeignKey("unit.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("place", String(200), nullable=False, server_default=""),
    Column("problem", Text, nullable=False),
    Column("demand", Text, nullable=False, server_default=""),
    Column("state", String(12), nullable=False),
    # the highest reminder since the deadline was set: registry.domain.supervision.REMINDERS
    Column("level", Integer, nullable=False, server_default=text("0")),
    Column("opened_at", UtcTime, nullable=False),
    Column("opened_by", ForeignKey("app_user.id")),
    Column("deadline_at", UtcTime, nullable=False),
    Column("replied_at", UtcTime),
    Column("replied_by", ForeignKey("app_user.id")),
    # struck off or withdrawn
    Column("ended_at", UtcTime),
    Column("ended_by", ForeignKey("app_user.id")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    one_of("state", SupervisionState),
    Index(None, "state", "deadline_at"),
    Index(None, "unit_id", "state", "id"),
    Index(None, "notice_id"),
    Index(None, "opened_at"),
    Index(None, "case_id", "id"),
    # a case is under supervision once at a time; what a merged one brings is kept beside that
    Index(
        "uq_supervision_item_case",
        "case_id",
        unique=True,
        sqlite_where=text("state IN ('open', 'replied') AND NOT came_along"),
        postgresql_where=text("state IN ('open', 'replied') AND NOT came_along"),
    ),
)

supervision_entry = Table(
    "supervision_entry",
    metadata,
    Column("id", Id, primary_key=True),
    Column("item_id", ForeignKey("supervision_item.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("move", String(20), nullable=False),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("note", Text, nullable=False, server_default=""),
    Column("detail", JSON, nullable=False),
    Index(None, "item_id", "id"),
)

# Evidence: pictures without their metadata and PDF documents, kept by their sha256.
supervision_file = Table(
    "supervision_file",
    metadata,
    Column("id", Id, primary_key=True),
    Column("item_id", ForeignKey("supervision_item.id"), nullable=False),
    # the answer it belongs to
    Column("entry_id", ForeignKey("supervision_entry.id"), nullable=False),
    Column("name", String(120), nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("added_at", UtcTime, nullable=False),
    Column("added_by", ForeignKey("app_user.id")),
    Index(None, "item_id"),
    Index(None, "sha256"),
)

# What is done after cases of a kind (registry.domain.aftercare); kind "" holds for every kind without a line.
aftercare = Table(
    "aftercare",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("recheck_days", Integer, nullable=False),
    Column("recheck_times", Integer, nullable=False),
    Column("inspect_like", JSON, nullable=False),
    Column("inspect_days", Integer, nullable=False),
    Column("inspect_most", Integer, nullable=False),
    Column("inspect_gate", Boolean, nullable=False),
    Column("repeat_days", Integer, nullable=False),
    Column("repeat_m", Float, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("updated_by", ForeignKey("app_user.id")),
)

# A look at a closed case (回头看). ``round``: which closing of the case, ``turn``: the how manieth look after it.
recheck = Table(
    "recheck",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("round", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("times", Integer, nullable=False),
    Column("every_days", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("unit_id", ForeignKey("unit.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("due_at", UtcTime, nullable=False),
    Column("planned_at", UtcTime, nullable=False),
    # when the worker said that it is late
    Column("reminded_at", UtcTime),
    Column("done_at", UtcTime),
    Column("done_by", ForeignKey("app_user.id")),
    Column("note", Text, nullable=False, server_default=""),
    Column("photo_ids", JSON, nullable=False, server_default="[]"),
    one_of("state", RecheckState),
    UniqueConstraint("case_id", "round", "turn"),
    Index(None, "state", "due_at"),
)

# 举一反三: what is like the asset of a case, in the unit's own area, each to be looked at.
inspection = Table(
    "inspection",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", ForeignKey("case_file.id"), nullable=False, unique=True),
    Column("unit_id", ForeignKey("unit.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("likes", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("gate", Boolean, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("opened_by", ForeignKey("app_user.id")),
    Column("due_at", UtcTime, nullable=False),
    # there were more alike than the list may hold
    Column("cut", Boolean, nullable=False, server_default=text("false")),
    Column("ended_at", UtcTime),
    Column("ended_by", ForeignKey("app_user.id")),
    # why nobody looked, of a waived one
    Column("note", Text, nullable=False, server_default=""),
    one_of("state", InspectionState),
    Index(None, "state", "due_at"),
)

inspection_item = Table(
    "inspection_item",
    metadata,
    Column("inspection_id", ForeignKey("inspection.id"), nullable=False),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("likes", JSON, nullable=False),
    Column("result", String(8), nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    # the case that was opened or joined because something was wrong there
    Column("case_id", ForeignKey("case_file.id")),
    Column("looked_at", UtcTime),
    Column("looked_by", ForeignKey("app_user.id")),
    PrimaryKeyConstraint("inspection_id", "asset_id"),
    one_of("result", InspectionResult),
    Index(None, "asset_id"),
    Index(
        "ix_inspection_item_case",
        "case_id",
        sqlite_where=text("case_id IS NOT NULL"),
        postgresql_where=text("case_id IS NOT NULL"),
    ),
)

# A case that happened again soon after one like it was closed, why, and what is done about that.
case_repeat = Table(
    "case_repeat",
    metadata,
    Column("case_id", ForeignKey("case_file.id"), primary_key=True, autoincrement=False),
    Column("earlier_case_id", ForeignKey("case_file.id"), nullable=False),
    Column("same_asset", Boolean, nullable=False),
    Column("distance_m", Float),
    Column("found_at", UtcTime, nullable=False),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("cause", Text, nullable=False, server_default=""),
    Column("measure", Text, nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id")),
    Column("measure_by", UtcTime),
    Column("answered_at", UtcTime),
    Column("answered_by", ForeignKey("app_user.id")),
    Column("done_at", UtcTime),
    Column("done_by", ForeignKey("app_user.id")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index(None, "earlier_case_id"),
    Index(None, "found_at"),
)

typical_case = Table(
    "typical_case",
    metadata,
    Column("case_id", ForeignKey("case_file.id"), primary_key=True, autoincrement=False),
    Column("quarter", String(6), nullable=False),
    Column("title", String(120), nullable=False),
    Column("lesson", Text, nullable=False),
    Column("marked_at", UtcTime, nullable=False),
    Column("marked_by", ForeignKey("app_user.id")),
    Index(None, "quarter", "marked_at"),
)

# How far a job of the worker has read a table that only grows.
job_mark = Table(
    "job_mark",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("last_id", Id, nullable=False),
)
