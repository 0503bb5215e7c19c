"""Month-end evaluation (月度考核): schemes, closed months with the cases behind each figure, corrections, awards."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

from registry.domain.kinds import AwardState, CorrectionKind, FigureSort, MonthState
from registry.domain.schemes import AwardKind
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# A scheme is never changed in place: each edit is a new version. ``body`` is a ``registry.domain.schemes.Scheme``.
score_scheme = Table(
    "score_scheme",
    metadata,
    Column("key", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    # why this version was made; empty for what was shipped
    Column("note", Text, nullable=False, server_default=""),
    Column("shipped", Boolean, nullable=False, server_default=text("false")),
    Column("retired", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    PrimaryKeyConstraint("key", "version"),
)

# ``key`` is the month as 2023-02. ``revision`` rises with each correction or mark given by hand; figures and standings
# of every revision are kept. ``published_revision`` is what the public sees. ``holder`` counts it until ``held_until``.
month = Table(
    "month",
    metadata,
    Column("key", String(7), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("scheme_key", String(40), nullable=False),
    Column("scheme_version", Integer, nullable=False),
    Column("revision", Integer, nullable=False, server_default=text("0")),
    Column("published_revision", Integer),
    # how many cases are in any of its counts, and how many were looked at so far
    Column("cases", Integer, nullable=False, server_default=text("0")),
    Column("total", Integer, nullable=False, server_default=text("0")),
    Column("problem", Text, nullable=False, server_default=""),
    Column("asked_at", UtcTime, nullable=False),
    Column("asked_by", ForeignKey("app_user.id")),
    Column("closed_at", UtcTime),
    Column("approved_at", UtcTime),
    Column("approved_by", ForeignKey("app_user.id")),
    Column("published_at", UtcTime),
    Column("published_by", ForeignKey("app_user.id")),
    Column("holder", String(120), nullable=False, server_default=""),
    Column("held_until", UtcTime),
    Column("version", Integer, nullable=False, server_default=text("1")),
    one_of("state", MonthState),
)

# Which case is in which counts: ``mask`` has a bit for each (registry.domain.month_counts). ``unit_id`` had it when the
# month ended; ``handled_s``: seconds from the first dispatch to the hand-back.
month_case = Table(
    "month_case",
    metadata,
    Column("month", ForeignKey("month.key"), nullable=False),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("mask", BigInteger, nullable=False),
    Column("unit_id", ForeignKey("unit.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    # scheme:code of the asset; empty: an event (事件), which is no component
    Column("class_key", String(36), nullable=False, server_default=""),
    Column("kind", String(40), nullable=False),
    Column("handled_s", Integer),
    PrimaryKeyConstraint("month", "case_id"),
    Index(None, "month", "unit_id", "case_id"),
    Index(None, "case_id"),
)

# ``counts``: {count: cases}. ``subject``: "" the city, else a unit's id, an area's code, a class, a kind, a source.
month_figure = Table(
    "month_figure",
    metadata,
    Column("month", ForeignKey("month.key"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("sort", String(10), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("name_zh", String(120), nullable=False, server_default=""),
    Column("name_en", String(120), nullable=False, server_default=""),
    Column("counts", JSON, nullable=False),
    Column("handled_s", BigInteger, nullable=False, server_default=text("0")),
    Column("handled_cases", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("month", "revision", "sort", "subject"),
    one_of("sort", FigureSort),
)

# ``points`` as it is published ("92.35"); null with ``place``: nothing was due. ``rows``: what each row of the scheme
# gave, as {key: [points, weight, rate or null]} in decimals as text. ``streak``: months in a row on the first place.
month_standing = Table(
    "month_standing",
    metadata,
    Column("month", ForeignKey("month.key"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("group_key", String(40), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("name_zh", String(120), nullable=False, server_default=""),
    Column("name_en", String(120), nullable=False, server_default=""),
    Column("points", String(12)),
    Column("place", Integer),
    Column("grade_zh", String(20), nullable=False, server_default=""),
    Column("grade_en", String(20), nullable=False, server_default=""),
    Column("streak", Integer, nullable=False, server_default=text("0")),
    Column("rows", JSON, nullable=False),
    PrimaryKeyConstraint("month", "revision", "group_key", "subject"),
    Index(None, "group_key", "subject", "month"),
)

# What was put right after a month was closed; rows are only added. ``before`` and ``after``: {"mask", "unit_id"}.
month_correction = Table(
    "month_correction",
    metadata,
    Column("id", Id, primary_key=True),
    Column("month", ForeignKey("month.key"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by_user_id", ForeignKey("app_user.id"), nullable=False),
    one_of("kind", CorrectionKind),
    Index(None, "month", "id"),
)

# Points of a scheme's by-hand rows, for one who is ranked; every change is a row, the newest counts.
month_mark = Table(
    "month_mark",
    metadata,
    Column("id", Id, primary_key=True),
    Column("month", ForeignKey("month.key"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("group_key", String(40), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("row_key", String(40), nullable=False),
    Column("points", String(12), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by_user_id", ForeignKey("app_user.id"), nullable=False),
    Index(None, "month", "id"),
)

# The reward-and-penalty ledger (奖惩台账). ``month`` null: for a single act; ``amount_fen`` is money, never below 0.
unit_award = Table(
    "unit_award",
    metadata,
    Column("id", Id, primary_key=True),
    Column("month", ForeignKey("month.key")),
    Column("kind", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("unit_id", ForeignKey("unit.id")),
    # who it is for as it was called then: a unit, a district, a street
    Column("name", String(120), nullable=False),
    Column("case_id", ForeignKey("case_file.id")),
    Column("amount_fen", BigInteger, nullable=False, server_default=text("0")),
    Column("reason", Text, nullable=False),
    Column("proposed_at", UtcTime, nullable=False),
    Column("proposed_by", ForeignKey("app_user.id")),
    Column("decided_at", UtcTime),
    Column("decided_by", ForeignKey("app_user.id")),
    Column("note", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default=text("1")),
    one_of("kind", AwardKind),
    one_of("state", AwardState),
    Index(None, "state", "id"),
    Index(None, "month", "id"),
)
