"""What the public and other platforms tell: reports, what is said about them later, rewards, limits, the block list.

What could tell who somebody is (address, contact) is kept as a keyed hash beside the words they left for us, so that
limits and caps work after the words themselves were forgotten.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from registry.domain.kinds import BlockKind, RewardState
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# What one person or platform told once. Several of one thing share a case; each keeps its own key and its own answers.
report = Table(
    "report",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(40), nullable=False, unique=True),
    Column("asset_id", ForeignKey("asset.id")),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("contact", String(120), nullable=False, server_default=""),
    Column("photo_id", ForeignKey("photo.id")),
    # where it came in: citizen, hotline, platform (words of Source)
    Column("source", String(10), nullable=False, server_default="citizen"),
    Column("kind", String(40), nullable=False, server_default="reported"),
    # the place as reported, WGS-84; a scanned plate needs none
    Column("lon", Float),
    Column("lat", Float),
    Column("place_cell", BigInteger),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("address", String(200), nullable=False, server_default=""),
    Column("reporter", String(60), nullable=False, server_default=""),
    # keyed hashes: of the contact, and of the network address it came from
    Column("person", String(64), nullable=False, server_default=""),
    Column("sender", String(64), nullable=False, server_default=""),
    # who brought it: the account behind a platform's token, the clerk at the hotline
    Column("brought_by", ForeignKey("app_user.id")),
    # what the other platform calls it: the same is never taken twice
    Column("foreign_id", String(120)),
    Column("media_url", Text, nullable=False, server_default=""),
    Column("details", JSON, nullable=False, server_default="{}"),
    # satisfaction, 1 to 5, said once
    Column("score", Integer),
    Column("score_words", Text, nullable=False, server_default=""),
    Column("scored_at", UtcTime),
    # when the outcome was sent to the contact, and the stage that was told
    Column("told_at", UtcTime),
    Column("told_stage", String(12), nullable=False, server_default=""),
    UniqueConstraint("brought_by", "foreign_id"),
    Index(None, "asset_id"),
    Index(None, "case_id"),
    Index(None, "at"),
    Index(None, "sender", "at"),
    Index(None, "person", "at"),
    Index(None, "place_cell", "at"),
)

# What another platform says about a report later (Open311 servicerequestupdates).
report_update = Table(
    "report_update",
    metadata,
    Column("id", Id, primary_key=True),
    Column("report_id", ForeignKey("report.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("status", String(30), nullable=False, server_default=""),
    Column("text", Text, nullable=False),
    Column("media_url", Text, nullable=False, server_default=""),
    Column("brought_by", ForeignKey("app_user.id")),
    Column("foreign_id", String(120)),
    UniqueConstraint("brought_by", "foreign_id"),
    Index(None, "report_id"),
)

# How reports are taken: limits, what is similar, rewards (registry.domain.public_rules). The highest version counts.
public_rules = Table(
    "public_rules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", JSON, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
)

# Who or what is not listened to for a while. ``value`` is a keyed hash, or the sha256 of a picture.
report_block = Table(
    "report_block",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("value", String(64), nullable=False),
    Column("shown", String(60), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("ends_at", UtcTime),
    Column("lifted_at", UtcTime),
    Column("lifted_by", ForeignKey("app_user.id")),
    one_of("kind", BlockKind),
    Index(None, "kind", "value"),
)

# The payout ledger: one line a rewarded report. Money in fen.
reward = Table(
    "reward",
    metadata,
    Column("id", Id, primary_key=True),
    Column("report_id", ForeignKey("report.id"), nullable=False, unique=True),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("person", String(64), nullable=False),
    # of the day on which the case was found to be real, in the city's zone: 2026-11
    Column("month", String(7), nullable=False),
    Column("tariff_fen", Integer, nullable=False),
    Column("amount_fen", Integer, nullable=False),
    Column("cap", String(10), nullable=False, server_default=""),
    Column("state", String(10), nullable=False),
    Column("rules_version", Integer, nullable=False),
    Column("proposed_at", UtcTime, nullable=False),
    Column("proposed_by", ForeignKey("app_user.id")),
    Column("decided_at", UtcTime),
    Column("decided_by", ForeignKey("app_user.id")),
    Column("decided_note", Text, nullable=False, server_default=""),
    Column("paid_at", UtcTime),
    Column("paid_by", ForeignKey("app_user.id")),
    Column("paid_note", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default=text("1")),
    one_of("state", RewardState),
    Index(None, "state", "id"),
    Index(None, "month", "state"),
    Index(None, "person", "month"),
    Index(None, "case_id"),
)
