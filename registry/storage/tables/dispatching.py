"""The dispatch table, on which cases the worker has looked, and on which days people are away."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint, text

from registry.domain.dispatch_table import Applies, Whom
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# 派遣规则: what "" leaves open means any; ``unit_id`` null: the unit that the records name (先属主后属地).
dispatch_line = Table(
    "dispatch_line",
    metadata,
    Column("id", Id, primary_key=True),
    Column("applies", String(10), nullable=False, server_default="always"),
    Column("kind", String(40), nullable=False, server_default=""),
    Column("family", String(10), nullable=False, server_default=""),
    Column("scheme", String(30), nullable=False, server_default=""),
    Column("class_code", String(4), nullable=False, server_default=""),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("grade", String(20), nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id")),
    Column("whom", String(10), nullable=False, server_default="best"),
    Column("automatic", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("updated_at", UtcTime, nullable=False),
    one_of("applies", Applies),
    one_of("whom", Whom),
    UniqueConstraint("applies", "kind", "family", "scheme", "class_code", "area_code", "grade"),
)

# A case that waits for a person: looked at in this version of it under this revision of the table, and why (a word of
# ``Why``). Looked at again when either changes, or after a while, since an owner may have been named meanwhile.
dispatch_look = Table(
    "dispatch_look",
    metadata,
    Column("case_id", ForeignKey("case_file.id", ondelete="CASCADE"), primary_key=True),
    Column("case_version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("looked_at", UtcTime, nullable=False),
    Column("held", String(20), nullable=False),
)

# The days on which somebody is away altogether (leave, illness), both included; ``last_on`` null: until further notice.
absence = Table(
    "person_absence",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", ForeignKey("app_user.id"), nullable=False),
    Column("first_on", String(10), nullable=False),
    Column("last_on", String(10)),
    Column("note", String(120), nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Index(None, "user_id", "first_on"),
)
