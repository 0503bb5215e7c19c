"""The case standard as a city changed it, and its calendar of work."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, PrimaryKeyConstraint, String, Table, Text, text

from registry.domain.case_standard import Pattern
from registry.domain.kinds import Family
from registry.storage.tables.base import metadata, one_of
from registry.storage.times import UtcTime

# Lines that people changed or added: never changed in place, the highest version of a key is the one in force. What is
# only shipped stands in registry.domain.shipped_standard and in no row.
case_standard = Table(
    "case_standard",
    metadata,
    Column("key", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("family", String(10), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("name_zh", String(80), nullable=False),
    Column("name_en", String(120), nullable=False, server_default=""),
    Column("big_zh", String(60), nullable=False, server_default=""),
    Column("big_en", String(120), nullable=False, server_default=""),
    Column("small_zh", String(60), nullable=False, server_default=""),
    Column("small_en", String(120), nullable=False, server_default=""),
    Column("filing_zh", Text, nullable=False, server_default=""),
    Column("filing_en", Text, nullable=False, server_default=""),
    Column("closing_zh", Text, nullable=False, server_default=""),
    Column("closing_en", Text, nullable=False, server_default=""),
    Column("pattern", String(14), nullable=False),
    # registry.domain.case_standard.LineLimit says what stands in these
    Column("limits", JSON, nullable=False),
    Column("quantity_unit", String(12), nullable=False, server_default=""),
    Column("source", String(200), nullable=False, server_default=""),
    Column("retired", Boolean, nullable=False, server_default=text("false")),
    # why this version was made
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    PrimaryKeyConstraint("key", "version"),
    one_of("family", Family),
    one_of("pattern", Pattern),
)

# A day of which the city says something else than the State Council's table (package chinesecalendar) and the weekday.
work_day_override = Table(
    "work_day_override",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("works", Boolean, nullable=False),
    Column("name", String(60), nullable=False, server_default=""),
    Column("changed_at", UtcTime, nullable=False),
    Column("changed_by", ForeignKey("app_user.id")),
)

# Hours of work from a day on: [[480, 720], [840, 1080]], minutes of the day in the city's zone.
work_hours = Table(
    "work_hours",
    metadata,
    Column("valid_from", String(10), primary_key=True),
    Column("windows", JSON, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("changed_by", ForeignKey("app_user.id")),
)
