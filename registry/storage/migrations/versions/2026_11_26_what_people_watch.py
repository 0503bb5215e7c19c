"""what people watch

Works with the previous release's code: add, fill, then (a release later) remove.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import registry.storage.times

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _map()
    _boards()
    _wall()
    _views()


def _on_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _map() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "map_cell",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("area", sa.String(length=9), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("y", "x", "cover", "light", "other")),
        sa.Column("lon_sum", sa.BigInteger(), nullable=False),
        sa.Column("lat_sum", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("level", "area", "y", "x", name=op.f("pk_map_cell")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "map_mark",
        sa.Column("id", number, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(length=10), nullable=False),
        sa.Column("area_code", sa.String(length=15), nullable=False),
        sa.Column("lon", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_map_mark")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "map_counted",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_map_counted")),
    )
    _mark_assets()
    _count_assets()
    _map_lists(number)


def _mark_assets() -> None:
    """The database itself notes what comes, goes and moves; the worker folds it into the cells."""
    watched = ("lon", "lat", "state", "family", "area_code", "merged_into_id")
    into = "INSERT INTO map_mark (n, family, area_code, lon, lat)"

    def counts(row: str) -> str:
        return f"{row}.state <> 'abandoned' AND {row}.merged_into_id IS NULL"

    if _on_postgres():

        def marked(n: int, row: str) -> str:
            place = ", ".join(f"ROUND({row}.{name} * 10000000)::bigint" for name in ("lon", "lat"))
            return f"IF {counts(row)} THEN {into} VALUES ({n}, {row}.family, {row}.area_code, {place}); END IF;"

        changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in watched)
        op.execute(
            "CREATE OR REPLACE FUNCTION asset_came_or_went() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP <> 'INSERT' THEN {marked(-1, 'OLD')} END IF; "
            f"IF TG_OP <> 'DELETE' THEN {marked(1, 'NEW')} END IF; RETURN NULL; END $$"
        )
        op.execute(
            "CREATE TRIGGER asset_came_or_went AFTER INSERT OR DELETE ON asset "
            "FOR EACH ROW EXECUTE FUNCTION asset_came_or_went()"
        )
        op.execute(
            f"CREATE TRIGGER asset_moved AFTER UPDATE OF {', '.join(watched)} ON asset FOR EACH ROW "
            f"WHEN ({changed}) EXECUTE FUNCTION asset_came_or_went()"
        )
        return

    def noted(n: int, row: str) -> str:
        place = ", ".join(f"CAST(ROUND({row}.{name} * 10000000) AS INTEGER)" for name in ("lon", "lat"))
        return f"{into} SELECT {n}, {row}.family, {row}.area_code, {place} WHERE {counts(row)} AND {counted};"

    counted, last = "OLD.id <= (SELECT last_id FROM map_counted)", "(SELECT COALESCE(MAX(id), 0) FROM asset)"
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in watched)
    back = f"UPDATE map_counted SET last_id = {last} WHERE last_id > {last};"  # noqa: S608  # our own words
    for statement in (
        f"asset_moved AFTER UPDATE OF {', '.join(watched)} ON asset WHEN {changed} "
        f"BEGIN {noted(-1, 'OLD')} {noted(1, 'NEW')} END",
        f"asset_went AFTER DELETE ON asset BEGIN {noted(-1, 'OLD')} {back} END",
    ):
        op.execute(f"CREATE TRIGGER {statement}")


def _count_assets() -> None:
    """Every cell, once: the finest from the assets, each coarser level from the one below."""
    lon, lat = "ROUND(lon * 10000000)::bigint", "ROUND(lat * 10000000)::bigint"
    if not _on_postgres():
        lon, lat = "CAST(ROUND(lon * 10000000) AS INTEGER)", "CAST(ROUND(lat * 10000000) AS INTEGER)"
    families = ", ".join(
        f"SUM(CASE WHEN family = '{family}' THEN 1 ELSE 0 END) AS {family}" for family in ("cover", "light", "other")
    )
    sums = "SUM(cover), SUM(light), SUM(other), SUM(lon_sum), SUM(lat_sum)"
    op.execute(
        "WITH placed AS (SELECT family, SUBSTR(area_code, 1, 9) AS area, "  # noqa: S608  # our own words
        f"{lon} AS lon, {lat} AS lat FROM asset WHERE state <> 'abandoned' AND merged_into_id IS NULL), "
        "counted AS MATERIALIZED (SELECT area, (lat + 900000000) / 40000 AS y, (lon + 1800000000) / 40000 AS x, "
        f"{families}, SUM(lon) AS lon_sum, SUM(lat) AS lat_sum FROM placed GROUP BY 1, 2, 3) "
        "INSERT INTO map_cell (level, area, y, x, cover, light, other, lon_sum, lat_sum) "
        f"SELECT 2, '', y, x, {sums} FROM counted GROUP BY y, x "
        f"UNION ALL SELECT 2, SUBSTR(area, 1, 6), y, x, {sums} FROM counted WHERE LENGTH(area) >= 6 "
        "GROUP BY SUBSTR(area, 1, 6), y, x "
        "UNION ALL SELECT 2, area, y, x, cover, light, other, lon_sum, lat_sum FROM counted WHERE LENGTH(area) = 9"
    )
    for finer in (2, 5, 8):
        op.execute(
            "INSERT INTO map_cell (level, area, y, x, cover, light, other, lon_sum, lat_sum) "  # noqa: S608
            f"SELECT {finer + 3}, area, y / 8, x / 8, {sums} FROM map_cell WHERE level = {finer} "
            "GROUP BY area, y / 8, x / 8"
        )
    if not _on_postgres():
        op.execute("INSERT INTO map_counted (id, last_id) SELECT 1, COALESCE(MAX(id), 0) FROM asset")


def _map_lists(number: sa.types.TypeEngine[int]) -> None:
    """What somebody drew a line around, and the catalogue of layers."""
    op.create_table(
        "map_selection",
        sa.Column("id", number, nullable=False),
        sa.Column("made_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("made_by", number, nullable=False),
        sa.Column("ends_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("outline", sa.JSON(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("truncated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("by_family", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["app_user.id"], name=op.f("fk_map_selection_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_map_selection")),
    )
    op.create_index(op.f("ix_map_selection_made_by_id"), "map_selection", ["made_by", "id"])
    op.create_index(op.f("ix_map_selection_ends_at"), "map_selection", ["ends_at"])
    op.create_table(
        "map_selection_item",
        sa.Column("selection_id", number, nullable=False),
        sa.Column("asset_id", number, nullable=False),
        sa.ForeignKeyConstraint(
            ["selection_id"],
            ["map_selection.id"],
            name=op.f("fk_map_selection_item_selection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_map_selection_item_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("selection_id", "asset_id", name=op.f("pk_map_selection_item")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_map_selection_item_asset_id"), "map_selection_item", ["asset_id"])
    op.add_column("campaign", sa.Column("listed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_table(
        "campaign_asset",
        sa.Column("campaign_id", number, nullable=False),
        sa.Column("asset_id", number, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_asset_campaign_id")),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_campaign_asset_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", "asset_id", name=op.f("pk_campaign_asset")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_campaign_asset_asset_id"), "campaign_asset", ["asset_id"])
    op.create_table(
        "map_layer",
        sa.Column("id", number, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("file", sa.String(length=80), server_default="", nullable=False),
        sa.Column("inner_layer", sa.String(length=80), server_default="", nullable=False),
        sa.Column("source", sa.String(length=200), server_default="", nullable=False),
        sa.Column("dated_on", sa.String(length=10), nullable=False),
        sa.Column("unit_id", number, nullable=True),
        sa.Column("access", sa.String(length=14), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("updated_by", number, nullable=True),
        sa.CheckConstraint("kind IN ('geojson', 'mvt', 'wmts', 'pmtiles')", name=op.f("ck_map_layer_kind")),
        sa.CheckConstraint("access IN ('public', 'staff', 'administrators')", name=op.f("ck_map_layer_access")),
        sa.CheckConstraint("address <> '' OR file <> ''", name=op.f("ck_map_layer_somewhere")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_map_layer_unit_id")),
        sa.ForeignKeyConstraint(["updated_by"], ["app_user.id"], name=op.f("fk_map_layer_updated_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_map_layer")),
        sa.UniqueConstraint("key", name=op.f("uq_map_layer_key")),
    )


def _boards() -> None:
    moment = registry.storage.times.UtcTime()
    op.create_table(
        "board",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("shipped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("made_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("updated_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("removed_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["made_by"], ["app_user.id"], name=op.f("fk_board_made_by")),
        sa.ForeignKeyConstraint(["updated_by"], ["app_user.id"], name=op.f("fk_board_updated_by")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_board")),
    )
    # counts of a span, along an index alone
    op.create_index("ix_case_file_opened", "case_file", ["opened_at", "severity", "kind", "source", "area_code"])
    ended = sa.text("ended_at IS NOT NULL")
    op.create_index(
        "ix_case_file_ended",
        "case_file",
        ["ended_at", "stage", "overdue_at", "kind", "unit_id", "severity", "source", "area_code"],
        sqlite_where=ended,
        postgresql_where=ended,
    )
    op.create_index("ix_alert_fired", "alert", ["fired_at", "severity", "rule_key"])
    op.create_index("ix_scan_at_flag", "scan", ["at", "flag"])
    op.create_index("ix_permit_started_at_state", "permit", ["started_at", "state"])


def _wall() -> None:
    """Links for screens, and mobile resources."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = registry.storage.times.UtcTime()
    op.create_table(
        "kiosk_link",
        sa.Column("id", number, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", number, nullable=True),
        *(sa.Column(name, moment, nullable=True) for name in ("expires_at", "seen_at", "revoked_at")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_kiosk_link_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk_link")),
        sa.UniqueConstraint("hash", name=op.f("uq_kiosk_link_hash")),
    )
    op.create_table(
        "mobile_resource",
        sa.Column("id", number, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), server_default="", nullable=False),
        sa.Column("unit_id", number, nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("placed_at", moment, nullable=True),
        sa.Column("speed_kmh", sa.Float(), nullable=True),
        sa.Column("heading", sa.Float(), nullable=True),
        sa.Column("added_at", moment, nullable=False),
        sa.Column("retired_at", moment, nullable=True),
        sa.CheckConstraint("kind IN ('vehicle', 'recorder', 'handset', 'other')", name=op.f("ck_mobile_resource_kind")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_mobile_resource_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mobile_resource")),
    )
    listed = sa.text("retired_at IS NULL")
    op.create_index(
        "uq_mobile_resource_number",
        "mobile_resource",
        ["number"],
        unique=True,
        sqlite_where=listed,
        postgresql_where=listed,
    )
    op.create_index(op.f("ix_mobile_resource_unit_id"), "mobile_resource", ["unit_id"])


def _views() -> None:
    """Where a case lies today, in the case itself, kept by the database. The views for other programs: ``upgrade``."""
    op.add_column("case_file", sa.Column("lies_in", sa.String(length=15), server_default="", nullable=False))
    op.execute(
        "UPDATE case_file SET lies_in = "
        "COALESCE((SELECT asset.area_code FROM asset WHERE asset.id = case_file.asset_id), area_code)"
    )
    still_open = sa.text("stage NOT IN ('closed', 'void')")
    op.create_index(
        "ix_case_file_area_worst",
        "case_file",
        ["severity", "lies_in", "stage", "overdue_at", "deadline_at", "opened_at", "id"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    of_case = "COALESCE((SELECT area_code FROM asset WHERE id = NEW.asset_id), NEW.area_code)"
    put = f"BEGIN UPDATE case_file SET lies_in = {of_case} WHERE id = NEW.id; END"  # noqa: S608
    carried = "UPDATE case_file SET lies_in = NEW.area_code WHERE asset_id = NEW.id"
    if _on_postgres():
        op.execute(
            "CREATE OR REPLACE FUNCTION case_lies_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "NEW.lies_in := COALESCE((SELECT area_code FROM asset WHERE id = NEW.asset_id FOR SHARE), NEW.area_code); "
            "RETURN NEW; END $$"
        )
        op.execute(
            "CREATE TRIGGER case_lies_in BEFORE INSERT OR UPDATE OF asset_id, area_code ON case_file "
            "FOR EACH ROW EXECUTE FUNCTION case_lies_in()"
        )
        op.execute(
            "CREATE OR REPLACE FUNCTION asset_carries_cases() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"{carried}; RETURN NULL; END $$"
        )
        op.execute(
            "CREATE TRIGGER asset_carries_cases AFTER UPDATE OF area_code ON asset FOR EACH ROW "
            "WHEN (OLD.area_code IS DISTINCT FROM NEW.area_code) EXECUTE FUNCTION asset_carries_cases()"
        )
        return
    op.execute(f"CREATE TRIGGER case_lies_in AFTER INSERT ON case_file {put}")
    op.execute(
        "CREATE TRIGGER case_lies_elsewhere AFTER UPDATE OF asset_id, area_code ON case_file "
        f"WHEN OLD.asset_id IS NOT NEW.asset_id OR OLD.area_code IS NOT NEW.area_code {put}"
    )
    op.execute(
        "CREATE TRIGGER asset_carries_cases AFTER UPDATE OF area_code ON asset "
        f"WHEN OLD.area_code IS NOT NEW.area_code BEGIN {carried}; END"
    )
