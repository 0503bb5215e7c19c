"""Cabinets, devices, their points and baselines, latest values, what others told us, and what could not be used."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

from registry.domain.kinds import Lane, Reject
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

cabinet = Table(
    "cabinet",
    metadata,
    Column("id", String(60), primary_key=True),
    # the box itself, where the city has it in its book: cases about the cabinet are cases of this asset
    Column("asset_id", ForeignKey("asset.id")),
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
    # readings lost, by lane and reason: {"routine": {"full": 12}}
    Column("dropped_by", JSON, nullable=False, server_default=text("'{}'")),
    # readings that wait in its spool until its clock is set, and how far that clock is off
    Column("undated", Integer, nullable=False, server_default=text("0")),
    Column("clock_set", Boolean, nullable=False, server_default=text("true")),
    Column("clock_off_s", Float, nullable=False, server_default=text("0")),
    # the configuration from the city that it says it runs; 0: its own file alone
    Column("configuration_version", Integer, nullable=False, server_default=text("0")),
    Column("configuration_problem", Text, nullable=False, server_default=""),
    # the rest of its last word that repairs are judged by (registry.domain.repairs.CabinetTold), as JSON
    Column("told", Text, nullable=False, server_default=""),
    # the damaged spool file of which somebody said that they have seen it
    Column("aside_seen", String(200), nullable=False, server_default=""),
)

device = Table(
    "device",
    metadata,
    Column("id", Id, primary_key=True),
    Column("serial", String(60), nullable=False),
    Column("profile", String(60), nullable=False),
    Column("asset_id", ForeignKey("asset.id")),
    Column("cabinet_id", String(60), nullable=False, server_default=""),
    Column("bus", String(60), nullable=False, server_default=""),
    Column("bus_address", Integer),
    Column("heartbeat_s", Float, nullable=False),
    Column("fitted_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime),
    Column("fitted_by", ForeignKey("app_user.id")),
    Column("removed_by", ForeignKey("app_user.id")),
    Column("note", Text, nullable=False, server_default=""),
    # since when its readings are not to be trusted, and why
    Column("suspect_since", UtcTime),
    Column("suspect_why", Text, nullable=False, server_default=""),
    # a device that was taken off may be fitted again elsewhere: its former life stays on file
    Index(
        "uq_device_fitted_serial",
        "serial",
        unique=True,
        sqlite_where=text("removed_at IS NULL"),
        postgresql_where=text("removed_at IS NULL"),
    ),
    Index(None, "serial"),
    Index(None, "asset_id"),
    Index(None, "cabinet_id"),
    Index(
        "ix_device_suspect",
        "suspect_since",
        sqlite_where=text("suspect_since IS NOT NULL"),
        postgresql_where=text("suspect_since IS NOT NULL"),
    ),
)

point = Table(
    "point",
    metadata,
    Column("id", Id, primary_key=True),
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
    Column("id", Id, primary_key=True),
    Column("point_id", ForeignKey("point.id"), nullable=False),
    Column("value", Float, nullable=False),
    Column("set_at", UtcTime, nullable=False),
    Column("set_by", ForeignKey("app_user.id")),
    # the calibration that found it; null: a person measured or took it
    Column("calibration_id", ForeignKey("calibration.id")),
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
    # each row is written again and again: with room beside it, its next version needs no other page and no index entry
    postgresql_with={"fillfactor": 50},
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
    one_of("name", Lane),
)

# What other platforms told of an asset: a row for each occurrence. The web process writes it down; the intake takes it
# as readings of the virtual device, and is the only one to set ``over_at``.
event_inbox = Table(
    "event_inbox",
    metadata,
    Column("id", Id, primary_key=True),
    # of all its labels: one occurrence goes on for each at a time
    Column("fingerprint", String(32), nullable=False),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("device_id", ForeignKey("device.id"), nullable=False),
    Column("name", String(120), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    # when it is over by its sender's word, which may lie ahead; null: until further notice
    Column("ends_at", UtcTime),
    Column("first_heard_at", UtcTime, nullable=False),
    Column("heard_at", UtcTime, nullable=False),
    Column("heard", Integer, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("source_url", Text, nullable=False, server_default=""),
    Column("sender", String(120), nullable=False, server_default=""),
    Column("by_user_id", ForeignKey("app_user.id")),
    # since when there is news that the intake has not taken; whether it ever took any; when it took the end
    Column("waiting_since", UtcTime),
    Column("taken_at", UtcTime),
    Column("over_at", UtcTime),
    # raised with every word about it, so that news which comes while the intake takes the former is not passed over
    Column("version", Integer, nullable=False),
    Index(
        "uq_event_inbox_open",
        "fingerprint",
        unique=True,
        sqlite_where=text("over_at IS NULL"),
        postgresql_where=text("over_at IS NULL"),
    ),
    Index(None, "fingerprint", "starts_at"),
    Index(None, "device_id", "id"),
    Index(None, "asset_id", "id"),
    Index(
        "ix_event_inbox_waiting",
        "waiting_since",
        sqlite_where=text("waiting_since IS NOT NULL"),
        postgresql_where=text("waiting_since IS NOT NULL"),
    ),
    Index(
        "ix_event_inbox_ends",
        "ends_at",
        sqlite_where=text("over_at IS NULL AND ends_at IS NOT NULL"),
        postgresql_where=text("over_at IS NULL AND ends_at IS NOT NULL"),
    ),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("cabinet_id", String(60), nullable=False),
    Column("lane", String(10), nullable=False, server_default=""),
    Column("epoch", String(40), nullable=False, server_default=""),
    Column("seq", BigInteger, nullable=False, server_default=text("0")),
    Column("reason", String(30), nullable=False),
    Column("detail", Text, nullable=False),
    Column("body", Text, nullable=False),
    # the serial it is about, where it tells one
    Column("device", String(60), nullable=False, server_default=""),
    # itself and those like it before it that the cabinet only counted
    Column("stands_for", Integer, nullable=False, server_default=text("1")),
    # how often it was replayed in vain, when last, and since when somebody wants it replayed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("tried_at", UtcTime),
    Column("asked_at", UtcTime),
    one_of("reason", Reject),
    Index(None, "at"),
    Index(None, "reason", "at"),
    Index(None, "cabinet_id"),
    Index(None, "device"),
    Index(
        "ix_dead_letter_asked",
        "id",
        sqlite_where=text("asked_at IS NOT NULL"),
        postgresql_where=text("asked_at IS NOT NULL"),
    ),
)
