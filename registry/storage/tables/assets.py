"""Classes, codes, assets and their history; areas (districts down to grid cells) and who answers for what in them."""

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

from registry.domain.kinds import AreaLevel, AssetState, Family, Party
from registry.storage.tables.base import Id, metadata, one_of
from registry.storage.times import UtcTime

class_scheme = Table(
    "class_scheme",
    metadata,
    Column("key", String(30), primary_key=True),
    Column("name_zh", String(80), nullable=False),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("shipped", Boolean, nullable=False, server_default=text("false")),
    Column("complete", Boolean, nullable=False, server_default=text("true")),
    Column("updated_at", UtcTime, nullable=False),
)

asset_class = Table(
    "asset_class",
    metadata,
    Column("scheme", String(30), nullable=False),
    Column("code", String(4), nullable=False),
    Column("name_zh", String(60), nullable=False),
    Column("name_en", String(80), nullable=False, server_default=""),
    Column("family", String(10), nullable=False),
    Column("extension", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("scheme", "code"),
    one_of("family", Family),
)

# Counted per division and class digits whatever the scheme: two schemes can give one class number to different things,
# and a serial is never used twice.
code_counter = Table(
    "code_counter",
    metadata,
    Column("division", String(6), nullable=False),
    Column("class_code", String(4), nullable=False),
    Column("last_serial", Integer, nullable=False),
    PrimaryKeyConstraint("division", "class_code"),
)

# Codes of assets that are gone (an import that was undone): given once, never given again, though no asset has them.
retired_code = Table(
    "retired_code",
    metadata,
    Column("code", String(16), primary_key=True),
    Column("retired_at", UtcTime, nullable=False),
)

# ``area_code``: the deepest administrative area known, as its code (6 digits district … 12 community, 15 cell): an
# area holds every asset whose ``area_code`` begins with the area's. ``place_cell``: ``registry.domain.geo.place_cell``.
# ``version`` rises with every change (ETag). ``merged_into_id``: found to be the same thing as another; kept for ever.
asset = Table(
    "asset",
    metadata,
    Column("id", Id, primary_key=True),
    Column("code", String(16), nullable=False, unique=True),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("scheme", String(30), nullable=False),
    Column("class_code", String(4), nullable=False),
    Column("family", String(10), nullable=False),
    Column("name", String(120), nullable=False),
    Column("state", String(10), nullable=False),
    Column("lon", Float, nullable=False),
    Column("lat", Float, nullable=False),
    Column("place_cell", BigInteger, nullable=False, server_default=text("0")),
    Column("accuracy", String(1), nullable=False, server_default=""),
    Column("source_crs", String(10), nullable=False, server_default="wgs84"),
    Column("source_x", Float),
    Column("source_y", Float),
    Column("road", String(120), nullable=False, server_default=""),
    Column("address", String(200), nullable=False, server_default=""),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("grid_cell", String(16), nullable=False, server_default=""),
    Column("supervisor_unit_id", ForeignKey("unit.id")),
    Column("owner_unit_id", ForeignKey("unit.id")),
    Column("maintainer_unit_id", ForeignKey("unit.id")),
    Column("depth_mm", Integer),
    Column("material", String(40), nullable=False, server_default=""),
    Column("size", String(60), nullable=False, server_default=""),
    Column("installed_on", String(10)),
    Column("warranty_until", String(10)),
    Column("details", JSON, nullable=False),
    Column("import_id", ForeignKey("import_run.id")),
    Column("import_row", Integer),
    Column("merged_into_id", ForeignKey("asset.id")),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    one_of("state", AssetState),
    one_of("family", Family),
    Index(None, "family", "id"),
    Index(None, "road"),
    Index(None, "area_code"),
    Index(None, "place_cell"),
    # searches look for how these begin
    Index(None, "name", postgresql_ops={"name": "text_pattern_ops"}),
    Index(None, "address", postgresql_ops={"address": "text_pattern_ops"}),
    # nearly everything is 完好: the few that are not are found without looking at the others
    Index(
        "ix_asset_unusual",
        "state",
        "id",
        sqlite_where=text("state <> 'intact'"),
        postgresql_where=text("state <> 'intact'"),
    ),
    Index(
        "ix_asset_import_id",
        "import_id",
        sqlite_where=text("import_id IS NOT NULL"),
        postgresql_where=text("import_id IS NOT NULL"),
    ),
    Index(
        "ix_asset_merged_into_id",
        "merged_into_id",
        sqlite_where=text("merged_into_id IS NOT NULL"),
        postgresql_where=text("merged_into_id IS NOT NULL"),
    ),
)

# Every distinct road: a search for part of a road's name looks here first, since roads are few and assets are many.
road = Table("road", metadata, Column("name", String(120), primary_key=True))

asset_alias = Table(
    "asset_alias",
    metadata,
    Column("kind", String(40), nullable=False),
    Column("value", String(120), nullable=False),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    PrimaryKeyConstraint("kind", "value"),
    Index(None, "asset_id"),
    Index(None, "value"),
)

# What changed, by whom and how: ``changes`` is {field: [before, after]}. ``import_id`` when an import did it, so that
# the import can be undone.
asset_change = Table(
    "asset_change",
    metadata,
    Column("id", Id, primary_key=True),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by_user_id", ForeignKey("app_user.id")),
    Column("action", String(30), nullable=False),
    Column("changes", JSON, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("import_id", ForeignKey("import_run.id")),
    Index(None, "asset_id", "id"),
    Index(
        "ix_asset_change_import_id",
        "import_id",
        "id",
        sqlite_where=text("import_id IS NOT NULL"),
        postgresql_where=text("import_id IS NOT NULL"),
    ),
)

# ``shape`` is a GeoJSON Polygon or MultiPolygon in WGS-84; the box around it is kept beside for the database to search.
# ``unit_id`` answers for the area where no line of the duty list does; ``collector_id`` walks a responsibility grid.
area = Table(
    "area",
    metadata,
    Column("id", Id, primary_key=True),
    Column("level", String(10), nullable=False),
    Column("code", String(20), nullable=False),
    Column("name", String(120), nullable=False),
    Column("name_en", String(120), nullable=False, server_default=""),
    Column("shape", Text),
    Column("west", Float),
    Column("south", Float),
    Column("east", Float),
    Column("north", Float),
    Column("area_m2", Float),
    Column("grade", String(20), nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id")),
    Column("collector_id", ForeignKey("app_user.id")),
    Column("first_on", String(10)),
    Column("ended_on", String(10)),
    Column("updated_at", UtcTime, nullable=False),
    one_of("level", AreaLevel),
    UniqueConstraint("level", "code"),
    Index(None, "code"),
    Index(None, "south", "north"),
)

# 权责清单: which unit is a party for which class in which area. "" means any; the most exact line wins.
duty = Table(
    "duty",
    metadata,
    Column("id", Id, primary_key=True),
    Column("party", String(12), nullable=False),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("family", String(10), nullable=False, server_default=""),
    Column("scheme", String(30), nullable=False, server_default=""),
    Column("class_code", String(4), nullable=False, server_default=""),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    one_of("party", Party),
    UniqueConstraint("party", "area_code", "family", "scheme", "class_code"),
)

# AB 岗: the two people of a post of a unit; B stands in while A is away. Either is an account or a name with a phone.
post = Table(
    "post",
    metadata,
    Column("id", Id, primary_key=True),
    Column("unit_id", ForeignKey("unit.id"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("area_code", String(15), nullable=False, server_default=""),
    Column("family", String(10), nullable=False, server_default=""),
    Column("a_user_id", ForeignKey("app_user.id")),
    Column("a_name", String(80), nullable=False, server_default=""),
    Column("a_phone", String(40), nullable=False, server_default=""),
    Column("b_user_id", ForeignKey("app_user.id")),
    Column("b_name", String(80), nullable=False, server_default=""),
    Column("b_phone", String(40), nullable=False, server_default=""),
    Column("a_away_from", String(10)),
    Column("a_away_until", String(10)),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("unit_id", "name", "area_code", "family"),
)
