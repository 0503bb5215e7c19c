"""Rules and their memory, alerts, cases and their timeline, photos."""

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
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from registry.domain.kinds import AlertState, ClosedHow, RequestKind, RequestState, RuleKind, Source, Stage, TaskKind
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.tables.lies_in import keep_where_cases_lie
from registry.storage.times import UtcTime

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
    Column("case_kind", String(40)),
    Column("condition", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("name_zh", String(80), nullable=False, server_default=""),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("reason_zh", Text, nullable=False, server_default=""),
    Column("reason_en", Text, nullable=False, server_default=""),
    # registry.domain.rules.rule says what stands in these
    Column("watches", JSON, nullable=False, server_default="{}"),
    Column("ladder", JSON, nullable=False, server_default="[]"),
    Column("seasons", JSON, nullable=False, server_default="{}"),
    Column("hours", JSON, nullable=False, server_default="[]"),
    Column("grouping", JSON(none_as_null=True)),
    Column("flapping", JSON(none_as_null=True)),
    Column("permit", Boolean, nullable=False, server_default=text("false")),
    Column("lateness_s", Float, nullable=False, server_default=text("0")),
    # why this version was made; empty for what was shipped
    Column("note", Text, nullable=False, server_default=""),
    # as a release shipped it, but for being switched off: the next release may renew it
    Column("shipped", Boolean, nullable=False, server_default=text("false")),
    # taken out of use: it decides nothing and leaves the lists, and its history stays
    Column("retired", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    PrimaryKeyConstraint("key", "version"),
    one_of("kind", RuleKind),
)

rule_memory = Table(
    "rule_memory",
    metadata,
    Column("rule_key", String(60), nullable=False),
    Column("point_id", ForeignKey("point.id"), nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("rule_key", "point_id"),
)

# When the next step of a case is due: at the desk until somebody was sent, then at the handling unit; and which open
# cases are not watched for that moment yet. Literal SQL: a partial index is used only for its very words.
CASE_DUE = "CASE WHEN first_dispatched_at IS NULL THEN COALESCE(desk_due_at, deadline_at) ELSE deadline_at END"
CASE_UNWATCHED = (
    "stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void') "
    f"AND (watched_due_at IS NULL OR watched_due_at <> {CASE_DUE})"
)

# Those that are, and whose clock runs still.
CASE_WATCHED = "watch_at IS NOT NULL AND stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void')"

# The same of securing the site, which has a clock of its own.
SECURE_UNWATCHED = (
    "stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void') AND secured_at IS NULL "
    "AND secure_due_at IS NOT NULL "
    "AND (secure_watched_due_at IS NULL OR secure_watched_due_at <> secure_due_at)"
)
SECURE_WATCHED = (
    "secure_watch_at IS NOT NULL AND secured_at IS NULL "
    "AND stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void')"
)

# What pages list of open cases (registry.storage.open_cases asks in these very words): those that somebody still has to
# do something about, those that are with a unit, of them those whose site is to be secured, and what waits at the desk.
CASE_RUNNING = "stage IN ('collected', 'dispatched', 'filed', 'in_hand')"
CASE_IN_HAND = "stage IN ('dispatched', 'in_hand')"
CASE_SECURING = f"{CASE_IN_HAND} AND secure_due_at IS NOT NULL AND secured_at IS NULL"
CASE_AT_DESK = "stage = 'filed' AND returned_at IS NULL"
CASE_RETURNED = "stage = 'filed' AND returned_at IS NOT NULL"

# The fold of its timeline (registry.domain.case_story): every column but the first ten follows from the entries.
case = Table(
    "case_file",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String(20), nullable=False, unique=True),
    # null: a place where nothing of the register stands; then lon, lat and area_code say where
    Column("asset_id", ForeignKey("asset.id")),
    Column("kind", String(40), nullable=False),
    Column("source", String(10), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    # of the asset when the case was opened: where it counts in a month's figures
    Column("area_code", String(15), nullable=False, server_default=""),
    # the place in words
    Column("place", String(200), nullable=False, server_default=""),
    Column("severity", Integer, nullable=False),
    Column("stage", String(12), nullable=False),
    Column("stage_before_suspension", String(12)),
    # what the limits come from; null: opened before the standard had versions
    Column("standard_version", Integer),
    Column("deadline_at", UtcTime, nullable=False),
    Column("overdue_at", UtcTime),
    Column("filed_at", UtcTime),
    # until when the desk has to have dispatched it
    Column("desk_due_at", UtcTime),
    Column("first_dispatched_at", UtcTime),
    Column("dispatched_at", UtcTime),
    Column("accepted_at", UtcTime),
    # sent back as not theirs, and nobody has confirmed or refused that yet
    Column("returned_at", UtcTime),
    Column("secure_due_at", UtcTime),
    Column("secured_at", UtcTime),
    Column("handed_back_at", UtcTime),
    Column("handed_back_by", ForeignKey("app_user.id")),
    # the last 核实 before filing and the last 核查 after handling
    Column("check_due_at", UtcTime),
    Column("checked_at", UtcTime),
    Column("verify_due_at", UtcTime),
    Column("verified_at", UtcTime),
    Column("verified_by", ForeignKey("app_user.id")),
    Column("suspended_at", UtcTime),
    Column("suspended_until", UtcTime),
    Column("supervised_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("closed_how", String(12)),
    Column("merged_into_id", ForeignKey("case_file.id")),
    # an appeal was granted: lateness is left out of the scores and stays on record
    Column("exempt", Boolean, nullable=False, server_default=text("false")),
    Column("appealed_at", UtcTime),
    # how often, over its whole life
    Column("dispatches", Integer, nullable=False, server_default=text("0")),
    Column("second_dispatches", Integer, nullable=False, server_default=text("0")),
    Column("returns", Integer, nullable=False, server_default=text("0")),
    Column("misdispatches", Integer, nullable=False, server_default=text("0")),
    Column("reworks", Integer, nullable=False, server_default=text("0")),
    Column("extensions", Integer, nullable=False, server_default=text("0")),
    Column("suspensions", Integer, nullable=False, server_default=text("0")),
    Column("supervisions", Integer, nullable=False, server_default=text("0")),
    Column("reopens", Integer, nullable=False, server_default=text("0")),
    # what was done, in the unit of the case standard, and why it was broken
    Column("quantity", Float),
    Column("quantity_unit", String(12), nullable=False, server_default=""),
    Column("cause", String(80), nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id")),
    Column("assignee_id", ForeignKey("app_user.id")),
    Column("version", Integer, nullable=False),
    # services/case_watch: the deadline it is watched for, the next look, and what was said (no fold of the timeline)
    Column("watched_due_at", UtcTime),
    Column("watch_at", UtcTime),
    Column("watch_level", Integer, nullable=False, server_default=text("0")),
    # the same of securing the site
    Column("secure_watched_due_at", UtcTime),
    Column("secure_watch_at", UtcTime),
    Column("secure_watch_level", Integer, nullable=False, server_default=text("0")),
    # the area of its asset today, or of the place: written by the database alone (registry.storage.tables.lies_in)
    Column("lies_in", String(15), nullable=False, server_default=""),
    one_of("stage", Stage),
    one_of("source", Source),
    one_of("closed_how", ClosedHow),
    # a case is of a thing or at a point
    CheckConstraint("asset_id IS NOT NULL OR (lon IS NOT NULL AND lat IS NOT NULL)", name="place"),
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
    Index("ix_case_file_unwatched", "id", sqlite_where=text(CASE_UNWATCHED), postgresql_where=text(CASE_UNWATCHED)),
    Index(
        "ix_case_file_watch",
        "watch_at",
        sqlite_where=text(CASE_WATCHED),
        postgresql_where=text(CASE_WATCHED),
    ),
    Index(
        "ix_case_file_secure_unwatched",
        "id",
        sqlite_where=text(SECURE_UNWATCHED),
        postgresql_where=text(SECURE_UNWATCHED),
    ),
    Index(
        "ix_case_file_secure_watch",
        "secure_watch_at",
        sqlite_where=text(SECURE_WATCHED),
        postgresql_where=text(SECURE_WATCHED),
    ),
    Index(
        "ix_case_file_resumes",
        "suspended_until",
        sqlite_where=text("stage = 'suspended'"),
        postgresql_where=text("stage = 'suspended'"),
    ),
    Index(
        "ix_case_file_merged",
        "merged_into_id",
        sqlite_where=text("merged_into_id IS NOT NULL"),
        postgresql_where=text("merged_into_id IS NOT NULL"),
    ),
    # lists of cases (registry.queries.case_finding): each is walked from the newest. SQLite reads nothing but an index
    # only when that holds every column that is asked about, the stage of its own condition too.
    Index(
        "ix_case_file_open_overdue",
        "id",
        "overdue_at",
        "stage",
        sqlite_where=text("stage NOT IN ('closed', 'void') AND overdue_at IS NOT NULL"),
        postgresql_where=text("stage NOT IN ('closed', 'void') AND overdue_at IS NOT NULL"),
    ),
    Index(
        "ix_case_file_open_kind",
        "kind",
        "id",
        sqlite_where=text("stage NOT IN ('closed', 'void')"),
        postgresql_where=text("stage NOT IN ('closed', 'void')"),
    ),
    # what is about no asset is found by where it is; the first column as in ix_case_file_desk_queue below
    Index(
        "ix_case_file_place",
        "asset_id",
        "place",
        postgresql_ops={"place": "text_pattern_ops"},
        sqlite_where=text("asset_id IS NULL"),
        postgresql_where=text("asset_id IS NULL"),
    ),
    Index(
        "ix_case_file_place_area",
        "asset_id",
        "area_code",
        sqlite_where=text("asset_id IS NULL"),
        postgresql_where=text("asset_id IS NULL"),
    ),
    # what is wrong now (registry.queries.overview), counted and sorted without looking at the cases themselves
    Index(
        "ix_case_file_worst",
        "severity",
        "deadline_at",
        "overdue_at",
        "opened_at",
        "id",
        "stage",
        sqlite_where=text(CASE_RUNNING),
        postgresql_where=text(CASE_RUNNING),
    ),
    # the same of a part of the city: each severity of an area is a stretch
    Index(
        "ix_case_file_area_worst",
        *("severity", "lies_in", "stage", "overdue_at", "deadline_at", "opened_at", "id"),
        sqlite_where=text("stage NOT IN ('closed', 'void')"),
        postgresql_where=text("stage NOT IN ('closed', 'void')"),
    ),
    # the queues of units and of the desk (registry.queries.queues), what is due first at the top
    Index(
        "ix_case_file_unit_queue",
        "unit_id",
        "deadline_at",
        "id",
        # so that the load of all units is counted without looking at the cases themselves
        "secure_due_at",
        "secured_at",
        "assignee_id",
        "stage",
        sqlite_where=text(CASE_IN_HAND),
        postgresql_where=text(CASE_IN_HAND),
    ),
    Index(
        "ix_case_file_unit_securing",
        "unit_id",
        "secure_due_at",
        "id",
        sqlite_where=text(CASE_SECURING),
        postgresql_where=text(CASE_SECURING),
    ),
    Index(
        "ix_case_file_desk_queue",
        # always the same, but what makes the index the first choice of SQLite, which knows nothing of its size
        "stage",
        "desk_due_at",
        "id",
        sqlite_where=text(CASE_AT_DESK),
        postgresql_where=text(CASE_AT_DESK),
    ),
    Index(
        "ix_case_file_returned",
        "stage",
        "returned_at",
        "id",
        sqlite_where=text(CASE_RETURNED),
        postgresql_where=text(CASE_RETURNED),
    ),
    # counts of a span (registry.queries.board_counts), read from the index alone
    Index("ix_case_file_opened", "opened_at", "severity", "kind", "source", "area_code"),
    Index(
        "ix_case_file_ended",
        "ended_at",
        "stage",
        "overdue_at",
        "kind",
        "unit_id",
        "severity",
        "source",
        "area_code",
        sqlite_where=text("ended_at IS NOT NULL"),
        postgresql_where=text("ended_at IS NOT NULL"),
    ),
    Index(None, "assignee_id", "id"),
    Index(None, "stage", "deadline_at"),
    Index(None, "stage", "id"),
    Index(None, "kind", "id"),
    Index(None, "asset_id", "opened_at"),
    Index(None, "assignee_id", "stage"),
    Index(None, "unit_id", "stage", "deadline_at"),
    Index(None, "stage", "ended_at"),
)

keep_where_cases_lie(case)

# A look at a case that somebody was sent to take: 核实 before filing, 核查 after handling. One open one of a kind.
case_task = Table(
    "case_task",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("asked_by", ForeignKey("app_user.id")),
    Column("due_at", UtcTime, nullable=False),
    # who shall go; both null: whoever of the collectors is near
    Column("assignee_id", ForeignKey("app_user.id")),
    Column("unit_id", ForeignKey("unit.id")),
    Column("note", Text, nullable=False, server_default=""),
    Column("done_at", UtcTime),
    Column("done_by", ForeignKey("app_user.id")),
    # whether it was there (check), whether it was mended (verify); null: given up
    Column("passed", Boolean),
    one_of("kind", TaskKind),
    Index(
        "uq_case_task_open",
        "case_id",
        "kind",
        unique=True,
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    Index(
        "ix_case_task_due",
        "due_at",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    Index(None, "case_id", "id"),
    Index(None, "assignee_id", "done_at"),
)

# An extension, a suspension or an appeal that somebody asked for, and how far its chain of approval has come.
case_request = Table(
    "case_request",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("asked_by", ForeignKey("app_user.id")),
    Column("reason", Text, nullable=False),
    # of a suspension: until when
    Column("until", UtcTime),
    # list of {"role", "by_user_id", "at", "granted", "note"}, the last three null until somebody decided
    Column("steps", JSON, nullable=False),
    Column("decided_at", UtcTime),
    one_of("kind", RequestKind),
    one_of("state", RequestState),
    Index(
        "uq_case_request_waiting",
        "case_id",
        "kind",
        unique=True,
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "ix_case_request_waiting_at",
        "asked_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(None, "case_id", "id"),
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
    Column("id", Id, primary_key=True),
    Column("rule_key", String(60), nullable=False),
    Column("rule_version", Integer, nullable=False),
    # null where a whole cabinet or bus is silent
    Column("point_id", ForeignKey("point.id")),
    Column("device_id", ForeignKey("device.id")),
    Column("asset_id", ForeignKey("asset.id")),
    Column("cabinet_id", String(60), nullable=False, server_default=""),
    Column("bus", String(60), nullable=False, server_default=""),
    Column("case_id", ForeignKey("case_file.id")),
    # until when it waits for company before it opens a case; null: it has one, or needs none
    Column("case_due_at", UtcTime),
    Column("group_id", ForeignKey("alert_group.id")),
    Column("permit_id", ForeignKey("permit.id")),
    Column("severity", Integer, nullable=False),
    # the worst it was
    Column("peak_severity", Integer, nullable=False, server_default=text("0")),
    Column("state", String(10), nullable=False),
    Column("flapping_since", UtcTime),
    Column("fires", Integer, nullable=False, server_default=text("1")),
    Column("acknowledged_at", UtcTime),
    Column("acknowledged_by", ForeignKey("app_user.id")),
    # what the rule remembered when it fired, as JSON: part of the evidence
    Column("memory", Text, nullable=False, server_default=""),
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
    one_of("state", AlertState),
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
    # counts of a span (registry.queries.board_counts)
    Index("ix_alert_fired", "fired_at", "severity", "rule_key"),
    Index(None, "asset_id", "fired_at"),
    Index(None, "case_id", "state", "severity"),
    Index(None, "group_id"),
    Index(None, "permit_id"),
    Index(None, "rule_key", "fired_at"),
    Index(
        "ix_alert_case_due",
        "case_due_at",
        sqlite_where=text("case_due_at IS NOT NULL"),
        postgresql_where=text("case_due_at IS NOT NULL"),
    ),
    Index(
        "uq_alert_live_cabinet",
        "rule_key",
        "cabinet_id",
        "bus",
        unique=True,
        sqlite_where=text("state = 'firing' AND point_id IS NULL"),
        postgresql_where=text("state = 'firing' AND point_id IS NULL"),
    ),
)

photo = Table(
    "photo",
    metadata,
    Column("id", Id, primary_key=True),
    # null: of a place where nothing of the register stands
    Column("asset_id", ForeignKey("asset.id")),
    Column("case_id", ForeignKey("case_file.id")),
    Column("sha256", String(64), nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("taken_by", ForeignKey("app_user.id")),
    # what the picture shows: "" or near, far, reference, before, after
    Column("kind", String(12), nullable=False, server_default=""),
    Column("taken_at", UtcTime),
    Column("removed_at", UtcTime),
    Column("recorded_at", UtcTime, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("distance_m", Float),
    Index(None, "case_id"),
    Index(None, "asset_id", "recorded_at"),
    # the same picture again
    Index(None, "sha256"),
)

entry = Table(
    "entry",
    metadata,
    Column("id", Id, primary_key=True),
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
