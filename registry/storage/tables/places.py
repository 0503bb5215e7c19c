"""Responsibility grids and their cells, long work over all assets, and what a census still lacks."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

from registry.domain.kinds import Doubt, PlaceJobKind, PlaceJobState
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# The cells of a responsibility grid, by their codes: a cell belongs to one grid at most.
area_cell = Table(
    "area_cell",
    metadata,
    Column("cell_code", String(16), primary_key=True),
    Column("area_id", ForeignKey("area.id"), nullable=False),
    Index(None, "area_id"),
)

# Work over all assets, a batch at a time: ``next_id`` is where it goes on, ``holder`` the process that does it until
# ``held_until``. ``seen`` of ``total`` assets were looked at, ``changed`` of them changed.
place_job = Table(
    "place_job",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("state", String(10), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("next_id", BigInteger, nullable=False, server_default=text("0")),
    Column("total", Integer, nullable=False, server_default=text("0")),
    Column("seen", Integer, nullable=False, server_default=text("0")),
    Column("changed", Integer, nullable=False, server_default=text("0")),
    Column("report", JSON, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("holder", String(120), nullable=False, server_default=""),
    Column("held_until", UtcTime),
    one_of("kind", PlaceJobKind),
    one_of("state", PlaceJobState),
    Index(None, "state", "id"),
    Index(None, "kind", "id"),
)

# How many files lack what, counted by the census job: ``gap`` is a word of ``registry.queries.asset_filters.Gap`` or of
# ``Doubt``, or "" for all assets. ``area_code`` has at most 12 digits (a community).
gap_count = Table(
    "gap_count",
    metadata,
    Column("gap", String(20), nullable=False),
    Column("area_code", String(12), nullable=False),
    Column("scheme", String(30), nullable=False),
    Column("class_code", String(4), nullable=False),
    Column("family", String(10), nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("gap", "area_code", "scheme", "class_code"),
)

# Why the position of an asset should be looked at; found by the census job, gone with its asset (an import undone).
# ``other_id``: the asset it lies too near to.
asset_doubt = Table(
    "asset_doubt",
    metadata,
    Column("doubt", String(20), nullable=False),
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("other_id", ForeignKey("asset.id", ondelete="CASCADE")),
    Column("distance_m", Float),
    PrimaryKeyConstraint("doubt", "asset_id"),
    Index(None, "asset_id"),
    Index(None, "other_id"),
    one_of("doubt", Doubt),
)
