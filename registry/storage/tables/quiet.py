"""What keeps alerts few and true: seasons, the timeline of each alert, groups, silences, permits, calibrations."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, text

from registry.domain.kinds import AlertEventKind, CalibrationState, GroupState, PermitState, SeasonSwitch
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# In force from ``starts`` to ``ends`` (MM-DD, both included, in the city's zone) when ``switch`` is auto, or by hand.
season = Table(
    "season",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("name_zh", String(60), nullable=False),
    Column("name_en", String(60), nullable=False),
    # of two seasons in force the higher priority's number counts
    Column("priority", Integer, nullable=False),
    Column("starts", String(5), nullable=False, server_default=""),
    Column("ends", String(5), nullable=False, server_default=""),
    Column("switch", String(5), nullable=False),
    Column("switched_at", UtcTime),
    Column("switched_by", ForeignKey("app_user.id")),
    # unused since limits stand in the case standard; the release after the next removes it
    Column("limits", JSON, nullable=False),
    # switch and dates before the last change, so that it can be undone
    Column("before", JSON(none_as_null=True)),
    one_of("switch", SeasonSwitch),
)

# What happened to an alert, in the transaction in which it happened; also the outbox that notices are planned from.
alert_event = Table(
    "alert_event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("alert_id", ForeignKey("alert.id"), nullable=False),
    # event time; ``recorded_at`` is the city's
    Column("at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("level", Float),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("detail", JSON, nullable=False),
    # null: nobody has decided yet who is to be told
    Column("planned_at", UtcTime),
    one_of("kind", AlertEventKind),
    Index(None, "alert_id", "id"),
    Index(
        "ix_alert_event_unplanned",
        "id",
        sqlite_where=text("planned_at IS NULL"),
        postgresql_where=text("planned_at IS NULL"),
    ),
)

alert_group = Table(
    "alert_group",
    metadata,
    Column("id", Id, primary_key=True),
    Column("rule_key", String(60), nullable=False),
    Column("state", String(8), nullable=False),
    Column("began_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    # the circle its members lie in
    Column("lon", Float),
    Column("lat", Float),
    Column("radius_m", Float, nullable=False, server_default=text("0")),
    # the smallest area that holds all members; empty: none does
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("members", Integer, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("case_id", ForeignKey("case_file.id")),
    # what people say it was: storm, flood, power cut
    Column("cause", String(40), nullable=False, server_default=""),
    Column("recorded_at", UtcTime, nullable=False),
    one_of("state", GroupState),
    Index(None, "state", "rule_key"),
    Index(None, "began_at"),
)

# Mutes notices, never state. Empty fields mean any; it holds for alerts that match all of the others.
silence = Table(
    "silence",
    metadata,
    Column("id", Id, primary_key=True),
    Column("asset_id", ForeignKey("asset.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("rule_key", String(60), nullable=False, server_default=""),
    # alerts worse than this are not muted
    Column("severity", Integer, nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("ended_by", ForeignKey("app_user.id")),
    Index(None, "ends_at"),
    Index(None, "asset_id"),
)

# An opening that somebody was allowed to make, by scanning the plate.
permit = Table(
    "permit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("case_id", ForeignKey("case_file.id")),
    Column("state", String(8), nullable=False),
    Column("work", Text, nullable=False),
    Column("people", Integer, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("by_user_id", ForeignKey("app_user.id"), nullable=False),
    Column("ended_at", UtcTime),
    Column("ended_by", ForeignKey("app_user.id")),
    # how far off the baseline it sat when it was over, in degrees and in millimetres
    Column("closed_angle", Float),
    Column("closed_shift", Float),
    # when that was known, or given up on; null: still to be seen
    Column("judged_at", UtcTime),
    Column("note", Text, nullable=False, server_default=""),
    one_of("state", PermitState),
    Index(
        "uq_permit_open",
        "asset_id",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(None, "started_at", "state"),
    Index(None, "asset_id", "started_at"),
    Index(None, "state", "ends_at"),
    Index(
        "ix_permit_unjudged",
        "id",
        sqlite_where=text("judged_at IS NULL"),
        postgresql_where=text("judged_at IS NULL"),
    ),
)

# How a newly fitted sensor found its baseline.
calibration = Table(
    "calibration",
    metadata,
    Column("id", Id, primary_key=True),
    Column("device_id", ForeignKey("device.id"), nullable=False),
    Column("state", String(10), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("readings", Integer, nullable=False, server_default=text("0")),
    # point name → the readings it rests on: {"low", "high", "median"}
    Column("found", JSON, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Column("applied", Boolean, nullable=False, server_default=text("false")),
    # when its readings were last looked at
    Column("checked_at", UtcTime),
    Column("by_user_id", ForeignKey("app_user.id")),
    one_of("state", CalibrationState),
    Index(None, "device_id", "id"),
    Index(
        "ix_calibration_collecting",
        "checked_at",
        sqlite_where=text("state = 'collecting'"),
        postgresql_where=text("state = 'collecting'"),
    ),
)
