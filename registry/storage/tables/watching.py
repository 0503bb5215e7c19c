"""What people watch: counts for the map's tiles, selections, layers, boards, links for screens, vehicles and radios."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

from registry.domain.map_layers import LayerAccess, LayerKind
from registry.domain.mobile import MobileKind
from registry.storage.tables import map_marks
from registry.storage.tables.assets import asset
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

# How many assets stand in a cell of a grid, and the sum of their places in 1e-7 degrees, so that their mean is exact.
# A cell of ``level`` is 0.001° × 2 ** level wide and high; ``x`` counts from 180° W, ``y`` from 90° S. ``area``: "" for
# all, else the 6 or 9 digits of the district or street that the counted ones lie in. What is merged or abandoned is
# not counted. Kept by registry.services.map_counts from the marks.
map_cell = Table(
    "map_cell",
    metadata,
    Column("level", Integer, nullable=False),
    Column("area", String(9), nullable=False),
    Column("y", Integer, nullable=False),
    Column("x", Integer, nullable=False),
    Column("cover", Integer, nullable=False),
    Column("light", Integer, nullable=False),
    Column("other", Integer, nullable=False),
    Column("lon_sum", BigInteger, nullable=False),
    Column("lat_sum", BigInteger, nullable=False),
    PrimaryKeyConstraint("level", "area", "y", "x"),
    sqlite_with_rowid=False,
)

# What came (n = 1) or went (-1) and is not in the cells yet: written by triggers on ``asset``, folded by the worker. On
# SQLite nothing is written for what is new: the worker goes on behind ``map_counted``.
map_mark = Table(
    "map_mark",
    metadata,
    Column("id", Id, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("family", String(10), nullable=False),
    Column("area_code", String(15), nullable=False),
    Column("lon", BigInteger, nullable=False),
    Column("lat", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# SQLite: the last asset that the cells hold (one row, when there is any). A trigger on INSERT would have SQLite keep a
# journal of each row's statement, which costs an import a third of its speed.
map_counted = Table(
    "map_counted",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_id", BigInteger, nullable=False),
)
map_marks.mark_changes(asset, map_mark, map_counted)

# Assets that somebody drew a line around: the outline in WGS-84, and what stood in it then. It is its maker's alone.
map_selection = Table(
    "map_selection",
    metadata,
    Column("id", Id, primary_key=True),
    Column("made_at", UtcTime, nullable=False),
    Column("made_by", ForeignKey("app_user.id"), nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("outline", JSON, nullable=False),
    Column("count", Integer, nullable=False),
    Column("truncated", Boolean, nullable=False, server_default=text("false")),
    Column("by_family", JSON, nullable=False),
    Index(None, "made_by", "id"),
    Index(None, "ends_at"),
)
map_selection_item = Table(
    "map_selection_item",
    metadata,
    Column("selection_id", ForeignKey("map_selection.id", ondelete="CASCADE"), nullable=False),
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("selection_id", "asset_id"),
    Index(None, "asset_id"),
    sqlite_with_rowid=False,
)

# The catalogue of layers (图层目录) that a map can show beside the city's own: where from, of which day, for whom.
# ``address``: of a layer that another server has; ``file``: the name of one that was uploaded.
map_layer = Table(
    "map_layer",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(40), nullable=False, unique=True),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("kind", String(10), nullable=False),
    Column("name_zh", String(80), nullable=False),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("file", String(80), nullable=False, server_default=""),
    Column("inner_layer", String(80), nullable=False, server_default=""),
    Column("source", String(200), nullable=False, server_default=""),
    Column("dated_on", String(10), nullable=False),
    Column("unit_id", ForeignKey("unit.id")),
    Column("access", String(14), nullable=False),
    Column("colour", String(7), nullable=False),
    Column("position", Integer, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("updated_by", ForeignKey("app_user.id")),
    one_of("kind", LayerKind),
    one_of("access", LayerAccess),
    CheckConstraint("address <> '' OR file <> ''", name="somewhere"),
)

# Boards of panels (registry.domain.boards). ``shipped``: as a release shipped it, so that the next one may renew it;
# ``removed_at``: taken off the list, but a shipped one is not put there again by the next release.
board = Table(
    "board",
    metadata,
    Column("key", String(60), primary_key=True),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("body", JSON, nullable=False),
    Column("shipped", Boolean, nullable=False, server_default=text("false")),
    Column("made_at", UtcTime, nullable=False),
    Column("made_by", ForeignKey("app_user.id")),
    Column("updated_at", UtcTime, nullable=False),
    Column("updated_by", ForeignKey("app_user.id")),
    Column("removed_at", UtcTime),
)

# Links that open the wall on a screen without signing in; ``hash``: SHA-256 of the word in the link.
kiosk_link = Table(
    "kiosk_link",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("hash", String(64), nullable=False, unique=True),
    Column("prefix", String(12), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", ForeignKey("app_user.id")),
    Column("expires_at", UtcTime),
    Column("seen_at", UtcTime),
    Column("revoked_at", UtcTime),
)

# Vehicles, recorders and handsets, each where it last said it was (WGS-84). ``number``: plate or serial, tidied.
mobile_resource = Table(
    "mobile_resource",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("number", String(40), nullable=False),
    Column("name", String(80), nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id")),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("lon", Float),
    Column("lat", Float),
    Column("placed_at", UtcTime),
    Column("speed_kmh", Float),
    Column("heading", Float),
    Column("added_at", UtcTime, nullable=False),
    Column("retired_at", UtcTime),
    one_of("kind", MobileKind),
    Index(
        "uq_mobile_resource_number",
        "number",
        unique=True,
        sqlite_where=text("retired_at IS NULL"),
        postgresql_where=text("retired_at IS NULL"),
    ),
    Index(None, "unit_id"),
)
