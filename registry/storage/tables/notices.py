"""Who is told of what, by which way, and what became of it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from registry.domain.kinds import CaseEventKind, ChannelKind, NoticeKind, NoticeState
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# A way out of the house. ``address`` may hold a password: it is never shown again and never logged.
channel = Table(
    "channel",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("kind", String(12), nullable=False),
    Column("address", Text, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", UtcTime, nullable=False),
    Column("failing_since", UtcTime),
    Column("last_error", Text, nullable=False, server_default=""),
    one_of("kind", ChannelKind),
)

# Somebody or something that can be told: a person of ours, or a group chat, by one channel.
contact = Table(
    "contact",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("channel_id", ForeignKey("channel.id"), nullable=False),
    Column("user_id", ForeignKey("app_user.id")),
    Column("unit_id", ForeignKey("unit.id")),
    # what stands for {to} in the channel's address: a mail address, a telephone number
    Column("address", String(200), nullable=False, server_default=""),
    Column("language", String(5), nullable=False, server_default="zh"),
    # minutes of the day in the city's zone between which only critical notices are sent; equal: none
    Column("quiet_from_min", Integer, nullable=False, server_default=text("0")),
    Column("quiet_until_min", Integer, nullable=False, server_default=text("0")),
    # notices an hour at most; what is beyond is gathered into one
    Column("per_hour", Integer, nullable=False, server_default=text("20")),
    Column("digest_min", Integer, nullable=False, server_default=text("480")),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Index(None, "user_id"),
    Index(None, "unit_id"),
)

# Which alerts go to whom, and to whom next when nobody acknowledges. The first that fits counts, unless it goes on.
route = Table(
    "route",
    metadata,
    Column("id", Id, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", String(80), nullable=False),
    Column("unit_id", ForeignKey("unit.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("rule_key", String(60), nullable=False, server_default=""),
    Column("severity", Integer, nullable=False),
    Column("hours", JSON, nullable=False),
    # [{"after_s": 0, "contacts": [1], "posts": [2], "unit_on_duty": true}, …]
    Column("steps", JSON, nullable=False),
    Column("digest", Boolean, nullable=False, server_default=text("false")),
    Column("goes_on", Boolean, nullable=False, server_default=text("false")),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
)

notice = Table(
    "notice",
    metadata,
    Column("id", Id, primary_key=True),
    # says what it is about, to whom and which step: the same is never planned twice
    Column("key", String(120), nullable=False, unique=True),
    Column("kind", String(10), nullable=False),
    Column("state", String(8), nullable=False),
    Column("alert_id", ForeignKey("alert.id")),
    Column("group_id", ForeignKey("alert_group.id")),
    Column("case_id", ForeignKey("case_file.id")),
    Column("route_id", Integer),
    Column("contact_id", ForeignKey("contact.id"), nullable=False),
    Column("step", Integer, nullable=False, server_default=text("0")),
    Column("severity", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("tried_at", UtcTime),
    # from here on somebody may have it: sent again, it could come twice (docs/adr/0015)
    Column("handed_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("took_s", Float),
    # the digest it went into
    Column("digest_id", ForeignKey("notice.id")),
    # why it is held, muted, dropped or failed
    Column("reason", Text, nullable=False, server_default=""),
    one_of("kind", NoticeKind),
    one_of("state", NoticeState),
    Index(
        "ix_notice_due",
        "due_at",
        sqlite_where=text("state IN ('waiting', 'sending', 'held')"),
        postgresql_where=text("state IN ('waiting', 'sending', 'held')"),
    ),
    Index(None, "alert_id"),
    Index(None, "group_id"),
    Index(None, "contact_id", "created_at"),
    Index(
        "ix_notice_in_digest",
        "digest_id",
        sqlite_where=text("digest_id IS NOT NULL"),
        postgresql_where=text("digest_id IS NOT NULL"),
    ),
    Index(None, "state", "id"),
)

# What somebody has to hear of a case or of an item of supervision, in the transaction in which it happened: the outbox
# that notices are planned from.
case_event = Table(
    "case_event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", ForeignKey("case_file.id")),
    Column("item_id", ForeignKey("supervision_item.id")),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(16), nullable=False),
    # how late it is: 1 and 2 after a deadline
    Column("level", Integer, nullable=False, server_default=text("0")),
    # who it is theirs: a person, else whoever of the unit is on duty; both null: only the routes say
    Column("user_id", ForeignKey("app_user.id")),
    Column("unit_id", ForeignKey("unit.id")),
    Column("note", Text, nullable=False, server_default=""),
    # null: nobody has decided yet who is to be told
    Column("planned_at", UtcTime),
    one_of("kind", CaseEventKind),
    CheckConstraint("case_id IS NOT NULL OR item_id IS NOT NULL", name="about"),
    Index(None, "at"),
    Index(
        "ix_case_event_unplanned",
        "id",
        sqlite_where=text("planned_at IS NULL"),
        postgresql_where=text("planned_at IS NULL"),
    ),
)
