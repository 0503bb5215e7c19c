"""Shifts and their roster, patrol plans and rounds, campaigns, consultations, and tasks from above."""

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

from registry.domain.campaigns import CampaignResult
from registry.domain.mandates import MandateMove, MandateState
from registry.domain.patrols import Proof
from registry.domain.shifts import ShiftDays
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# A shift of a unit: minutes since midnight of the city's clock; one that ends before it begins ends on the next day.
shift = Table(
    "shift",
    metadata,
    Column("id", Id, primary_key=True),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("from_min", Integer, nullable=False),
    Column("until_min", Integer, nullable=False),
    Column("days", String(6), nullable=False),
    # how many people it needs
    Column("least", Integer, nullable=False, server_default=text("1")),
    Column("retired", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("updated_at", UtcTime, nullable=False),
    one_of("days", ShiftDays),
    UniqueConstraint("unit_id", "name"),
)

# One person's shift on one day (``day`` is the day it begins); an account, or a name with a phone.
shift_turn = Table(
    "shift_turn",
    metadata,
    Column("id", Id, primary_key=True),
    Column("shift_id", ForeignKey("shift.id"), nullable=False),
    Column("day", String(10), nullable=False),
    Column("user_id", ForeignKey("app_user.id")),
    Column("name", String(80), nullable=False, server_default=""),
    Column("phone", String(40), nullable=False, server_default=""),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    UniqueConstraint("shift_id", "day", "user_id", "name"),
    Index(None, "ends_at", "starts_at"),
    Index(None, "user_id", "ends_at"),
    Index(None, "day"),
)

patrol_plan = Table(
    "patrol_plan",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    # what a themed patrol is about: 道路照明, 马拉松沿线; empty for an ordinary one
    Column("theme", String(80), nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("campaign_id", ForeignKey("campaign.id")),
    # on how many days a week at least; while the season is in force, ``season_weekly`` instead
    Column("weekly", Integer, nullable=False),
    Column("season_key", String(40), nullable=False, server_default=""),
    Column("season_weekly", Integer, nullable=False, server_default=text("0")),
    Column("starts_on", String(10), nullable=False),
    Column("ends_on", String(10)),
    Column("note", Text, nullable=False, server_default=""),
    Column("retired", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("created_by", ForeignKey("app_user.id")),
    Column("updated_at", UtcTime, nullable=False),
    Index(None, "campaign_id"),
)

# A point of a route. One that left the route stays, since rounds have visited it.
patrol_stop = Table(
    "patrol_stop",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_id", ForeignKey("patrol_plan.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String(120), nullable=False),
    Column("place_type", String(40), nullable=False, server_default=""),
    Column("asset_id", ForeignKey("asset.id")),
    Column("lon", Float, nullable=False),
    Column("lat", Float, nullable=False),
    Column("radius_m", Float, nullable=False),
    Column("key_point", Boolean, nullable=False, server_default=text("false")),
    Column("retired", Boolean, nullable=False, server_default=text("false")),
    Index(None, "plan_id", "position"),
)

# One walk of a plan. The figures are null while it goes on and never change afterwards.
patrol_round = Table(
    "patrol_round",
    metadata,
    Column("id", Id, primary_key=True),
    Column("plan_id", ForeignKey("patrol_plan.id"), nullable=False),
    Column("day", String(10), nullable=False),
    Column("user_id", ForeignKey("app_user.id"), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    # 四不两直: nobody on the route was told
    Column("unannounced", Boolean, nullable=False, server_default=text("false")),
    Column("note", Text, nullable=False, server_default=""),
    Column("stops", Integer),
    Column("visited", Integer),
    Column("key_stops", Integer),
    Column("key_visited", Integer),
    Index(None, "plan_id", "day"),
    Index(None, "user_id", "started_at"),
    Index(
        "uq_patrol_round_open",
        "user_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

patrol_visit = Table(
    "patrol_visit",
    metadata,
    Column("round_id", ForeignKey("patrol_round.id"), nullable=False),
    Column("stop_id", ForeignKey("patrol_stop.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("how", String(6), nullable=False),
    Column("distance_m", Float),
    Column("scan_id", ForeignKey("scan.id")),
    PrimaryKeyConstraint("round_id", "stop_id"),
    one_of("how", Proof),
)

patrol_finding = Table(
    "patrol_finding",
    metadata,
    Column("id", Id, primary_key=True),
    Column("round_id", ForeignKey("patrol_round.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("stop_id", ForeignKey("patrol_stop.id")),
    Column("asset_id", ForeignKey("asset.id")),
    Column("case_id", ForeignKey("case_file.id")),
    Column("kind", String(40), nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Index(None, "round_id", "id"),
    Index(None, "case_id"),
)

# 预警: what a patrol tells a unit before it becomes a case.
patrol_warning = Table(
    "patrol_warning",
    metadata,
    Column("id", Id, primary_key=True),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("plan_id", ForeignKey("patrol_plan.id")),
    Column("round_id", ForeignKey("patrol_round.id")),
    Column("asset_id", ForeignKey("asset.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("text", Text, nullable=False),
    Column("due_on", String(10), nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Column("sent_by", ForeignKey("app_user.id")),
    Column("answer", Text, nullable=False, server_default=""),
    Column("answered_at", UtcTime),
    Column("answered_by", ForeignKey("app_user.id")),
    Column("case_id", ForeignKey("case_file.id")),
    Index(None, "unit_id", "answered_at"),
    Index(None, "answered_at", "due_on"),
    Index(
        "ix_patrol_warning_case",
        "case_id",
        sqlite_where=text("case_id IS NOT NULL"),
        postgresql_where=text("case_id IS NOT NULL"),
    ),
)

# What it is about is narrowed as assets are: area, family or class; ``quota`` counts assets.
campaign = Table(
    "campaign",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("purpose", Text, nullable=False, server_default=""),
    Column("leader", String(80), nullable=False, server_default=""),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("family", String(10), nullable=False, server_default=""),
    Column("scheme", String(30), nullable=False, server_default=""),
    Column("class_code", String(4), nullable=False, server_default=""),
    # the case that a finding opens
    Column("case_kind", String(40), nullable=False, server_default=""),
    Column("starts_on", String(10), nullable=False),
    Column("ends_on", String(10), nullable=False),
    Column("quota", Integer, nullable=False),
    # it is about the assets of its own list (``campaign_asset``), and of them about those that fit what stands above
    Column("listed", Boolean, nullable=False, server_default=text("false")),
    # what is measured before and after, such as ° of lean; empty: nothing
    Column("measured", String(20), nullable=False, server_default=""),
    Column("ended_at", UtcTime),
    Column("ended_by", ForeignKey("app_user.id")),
    Column("result", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("created_by", ForeignKey("app_user.id")),
    Column("updated_at", UtcTime, nullable=False),
    Index(None, "ends_on"),
)

# The assets of a campaign that began with what somebody drew a line around on the map.
campaign_asset = Table(
    "campaign_asset",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False),
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("campaign_id", "asset_id"),
    Index(None, "asset_id"),
    sqlite_with_rowid=False,
)

campaign_measure = Table(
    "campaign_measure",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("unit_id", ForeignKey("unit.id")),
    Column("owner", String(80), nullable=False, server_default=""),
    Column("due_on", String(10)),
    Column("done_at", UtcTime),
    Column("done_by", ForeignKey("app_user.id")),
    Column("note", Text, nullable=False, server_default=""),
    Index(None, "campaign_id", "position"),
)

# An asset that was dealt with: once in a campaign; the newest word about it stands.
campaign_item = Table(
    "campaign_item",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("day", String(10), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("unit_id", ForeignKey("unit.id")),
    Column("result", String(12), nullable=False),
    Column("case_id", ForeignKey("case_file.id")),
    Column("before_photo_id", ForeignKey("photo.id")),
    Column("after_photo_id", ForeignKey("photo.id")),
    Column("before_value", Float),
    Column("after_value", Float),
    Column("note", Text, nullable=False, server_default=""),
    one_of("result", CampaignResult),
    UniqueConstraint("campaign_id", "asset_id"),
    Index(None, "campaign_id", "day"),
    Index(None, "asset_id"),
    Index(
        "ix_campaign_item_case",
        "case_id",
        sqlite_where=text("case_id IS NOT NULL"),
        postgresql_where=text("case_id IS NOT NULL"),
    ),
)

# ``year`` and ``serial`` make its number: 会商〔2026〕3号.
consultation = Table(
    "consultation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("year", Integer, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("subject", String(120), nullable=False),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("held_at", UtcTime, nullable=False),
    Column("place", String(120), nullable=False, server_default=""),
    Column("chair", String(80), nullable=False, server_default=""),
    Column("members", JSON, nullable=False),
    Column("minutes", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("created_by", ForeignKey("app_user.id")),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("year", "serial"),
    Index(None, "held_at"),
)

consultation_item = Table(
    "consultation_item",
    metadata,
    Column("id", Id, primary_key=True),
    Column("consultation_id", ForeignKey("consultation.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("decision", Text, nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id")),
    Column("owner", String(80), nullable=False, server_default=""),
    Column("due_on", String(10)),
    Column("done_at", UtcTime),
    Column("done_by", ForeignKey("app_user.id")),
    Column("done_note", Text, nullable=False, server_default=""),
    Index(None, "consultation_id", "position"),
    Index(None, "done_at", "due_on"),
)

consultation_case = Table(
    "consultation_case",
    metadata,
    Column("item_id", ForeignKey("consultation_item.id"), nullable=False),
    Column("case_id", ForeignKey("case_file.id"), nullable=False),
    PrimaryKeyConstraint("item_id", "case_id"),
    Index(None, "case_id"),
)

# A list as it came from above; the hash of its file, so that nobody takes it in twice.
mandate_list = Table(
    "mandate_list",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("issued_by", String(80), nullable=False, server_default=""),
    Column("received_on", String(10), nullable=False),
    Column("file_name", String(200), nullable=False, server_default=""),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("created_by", ForeignKey("app_user.id")),
    Column("created_at", UtcTime, nullable=False),
)

mandate = Table(
    "mandate",
    metadata,
    Column("id", Id, primary_key=True),
    Column("list_id", ForeignKey("mandate_list.id"), nullable=False),
    Column("number", String(40), nullable=False),
    Column("subject", Text, nullable=False),
    Column("place", String(200), nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id")),
    Column("owner_id", ForeignKey("app_user.id")),
    Column("owner", String(80), nullable=False, server_default=""),
    Column("due_on", String(10)),
    Column("state", String(8), nullable=False),
    Column("asset_id", ForeignKey("asset.id")),
    Column("case_id", ForeignKey("case_file.id")),
    Column("proof", Text, nullable=False, server_default=""),
    Column("photo_ids", JSON, nullable=False),
    Column("done_at", UtcTime),
    Column("done_by", ForeignKey("app_user.id")),
    Column("struck_at", UtcTime),
    Column("struck_by", ForeignKey("app_user.id")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    one_of("state", MandateState),
    UniqueConstraint("list_id", "number"),
    Index(None, "state", "due_on"),
    Index(None, "unit_id", "state"),
    Index(None, "owner_id", "state"),
    Index(None, "case_id"),
)

mandate_entry = Table(
    "mandate_entry",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mandate_id", ForeignKey("mandate.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("move", String(12), nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    one_of("move", MandateMove),
    Index(None, "mandate_id", "id"),
)
