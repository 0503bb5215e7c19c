"""the book of record

Works with the previous release's code: add, fill, then (a release later) remove.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import registry.storage.times

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


_ROLES = "role IN ('administrator', 'registrar', 'dispatcher', 'crew', 'viewer')"
_IMPORT_STATES = (
    "state IN ('uploaded', 'checking', 'checked', 'running', 'stopped', 'done', 'failed', 'undoing', 'undone')"
)


def _on_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def upgrade() -> None:
    op.create_table(
        "answered_key",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(length=60), server_default="", nullable=False),
        sa.Column("location", sa.String(length=200), server_default="", nullable=False),
        sa.Column("etag", sa.String(length=80), server_default="", nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_answered_key")),
    )
    with op.batch_alter_table("answered_key") as batch_op:
        batch_op.create_index(batch_op.f("ix_answered_key_at"), ["at"], unique=False)

    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=80), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit") as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_action_id"), ["action", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_subject_id"), ["subject", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_user_id_id"), ["user_id", "id"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("last_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "class_scheme",
        sa.Column("key", sa.String(length=30), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("shipped", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("complete", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_class_scheme")),
    )
    op.create_table(
        "road",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_road")),
    )
    op.create_table(
        "area",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_en", sa.String(length=120), server_default="", nullable=False),
        sa.Column("shape", sa.Text(), nullable=True),
        sa.Column("west", sa.Float(), nullable=True),
        sa.Column("south", sa.Float(), nullable=True),
        sa.Column("east", sa.Float(), nullable=True),
        sa.Column("north", sa.Float(), nullable=True),
        sa.Column("area_m2", sa.Float(), nullable=True),
        sa.Column("grade", sa.String(length=20), server_default="", nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("collector_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("first_on", sa.String(length=10), nullable=True),
        sa.Column("ended_on", sa.String(length=10), nullable=True),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.CheckConstraint(
            "level IN ('city', 'district', 'street', 'community', 'cell', 'duty')", name=op.f("ck_area_level")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_area_unit_id")),
        sa.ForeignKeyConstraint(["collector_id"], ["app_user.id"], name=op.f("fk_area_collector_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area")),
        sa.UniqueConstraint("level", "code", name=op.f("uq_area_level_code")),
    )
    with op.batch_alter_table("area") as batch_op:
        batch_op.create_index(batch_op.f("ix_area_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_area_south_north"), ["south", "north"], unique=False)

    op.create_table(
        "duty",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party", sa.String(length=12), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("family", sa.String(length=10), server_default="", nullable=False),
        sa.Column("scheme", sa.String(length=30), server_default="", nullable=False),
        sa.Column("class_code", sa.String(length=4), server_default="", nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.CheckConstraint("party IN ('supervisor', 'owner', 'maintainer')", name=op.f("ck_duty_party")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_duty_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
        sa.UniqueConstraint(
            "party",
            "area_code",
            "family",
            "scheme",
            "class_code",
            name=op.f("uq_duty_party_area_code_family_scheme_class_code"),
        ),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("expires_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("seen_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("revoked_at", registry.storage.times.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_api_token_created_by")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_api_token_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_token_hash")),
    )
    with op.batch_alter_table("api_token") as batch_op:
        batch_op.create_index(batch_op.f("ix_api_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "import_profile",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("updated_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["updated_by"], ["app_user.id"], name=op.f("fk_import_profile_updated_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_profile")),
        sa.UniqueConstraint("name", name=op.f("uq_import_profile_name")),
    )
    op.create_table(
        "label_template",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), server_default="", nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("shipped", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_label_template_created_by")),
        sa.PrimaryKeyConstraint("key", "version", name=op.f("pk_label_template")),
    )
    op.create_table(
        "post",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("family", sa.String(length=10), server_default="", nullable=False),
        sa.Column("a_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("a_name", sa.String(length=80), server_default="", nullable=False),
        sa.Column("a_phone", sa.String(length=40), server_default="", nullable=False),
        sa.Column("b_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("b_name", sa.String(length=80), server_default="", nullable=False),
        sa.Column("b_phone", sa.String(length=40), server_default="", nullable=False),
        sa.Column("a_away_from", sa.String(length=10), nullable=True),
        sa.Column("a_away_until", sa.String(length=10), nullable=True),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["a_user_id"], ["app_user.id"], name=op.f("fk_post_a_user_id")),
        sa.ForeignKeyConstraint(["b_user_id"], ["app_user.id"], name=op.f("fk_post_b_user_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_post_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        sa.UniqueConstraint(
            "unit_id", "name", "area_code", "family", name=op.f("uq_post_unit_id_name_area_code_family")
        ),
    )
    op.create_table(
        "print_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("template_key", sa.String(length=60), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("dpi", sa.Integer(), nullable=True),
        sa.Column("start_position", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("folder", sa.String(length=200), server_default="", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("finished_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("holder", sa.String(length=120), server_default="", nullable=False),
        sa.Column("held_until", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint("kind IN ('assets', 'blank')", name=op.f("ck_print_run_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'stopped', 'done', 'failed')", name=op.f("ck_print_run_state")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_print_run_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_run")),
    )
    with op.batch_alter_table("print_run") as batch_op:
        batch_op.create_index(batch_op.f("ix_print_run_state_id"), ["state", "id"], unique=False)

    op.create_table(
        "user_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("seen_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("expires_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("address", sa.String(length=60), server_default="", nullable=False),
        sa.Column("agent", sa.String(length=200), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_user_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
    )
    with op.batch_alter_table("user_session") as batch_op:
        batch_op.create_index(batch_op.f("ix_user_session_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_user_session_user_id_ended_at"), ["user_id", "ended_at"], unique=False)

    op.create_table(
        "import_problem",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("grave", sa.Integer(), nullable=False),
        sa.Column("column", sa.String(length=120), server_default="", nullable=False),
        sa.Column("value", sa.String(length=200), server_default="", nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_problem_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_problem")),
    )
    with op.batch_alter_table("import_problem") as batch_op:
        batch_op.create_index(batch_op.f("ix_import_problem_run_id_row"), ["run_id", "row"], unique=False)

    op.create_table(
        "asset_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("action", sa.String(length=30), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("import_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_asset_change_asset_id")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_asset_change_by_user_id")),
        sa.ForeignKeyConstraint(["import_id"], ["import_run.id"], name=op.f("fk_asset_change_import_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_change")),
    )
    with op.batch_alter_table("asset_change") as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_change_asset_id_id"), ["asset_id", "id"], unique=False)
        batch_op.create_index(
            "ix_asset_change_import_id",
            ["import_id", "id"],
            unique=False,
            sqlite_where=sa.text("import_id IS NOT NULL"),
            postgresql_where=sa.text("import_id IS NOT NULL"),
        )

    op.create_table(
        "import_duplicate",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("row_values", sa.JSON(), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("other_row", sa.Integer(), nullable=True),
        sa.Column("distance_m", sa.Float(), nullable=False),
        sa.Column("decision", sa.String(length=10), server_default="open", nullable=False),
        sa.Column("made_asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("decision IN ('open', 'merge', 'keep')", name=op.f("ck_import_duplicate_decision")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_import_duplicate_asset_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_import_duplicate_decided_by")),
        sa.ForeignKeyConstraint(["made_asset_id"], ["asset.id"], name=op.f("fk_import_duplicate_made_asset_id")),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_duplicate_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_duplicate")),
    )
    with op.batch_alter_table("import_duplicate") as batch_op:
        batch_op.create_index(batch_op.f("ix_import_duplicate_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_import_duplicate_made_asset_id"), ["made_asset_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_import_duplicate_run_id_decision_id"), ["run_id", "decision", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_import_duplicate_run_id_row"), ["run_id", "row"], unique=False)

    op.create_table(
        "import_before",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_after", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_import_before_asset_id")),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_before_run_id")),
        sa.PrimaryKeyConstraint("run_id", "asset_id", name=op.f("pk_import_before")),
    )
    with op.batch_alter_table("import_before") as batch_op:
        batch_op.create_index(batch_op.f("ix_import_before_asset_id"), ["asset_id"], unique=False)

    op.create_table(
        "import_made",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_made_run_id")),
        sa.PrimaryKeyConstraint("run_id", "kind", "key", name=op.f("pk_import_made")),
    )

    with op.batch_alter_table("report") as batch_op:
        batch_op.create_index(batch_op.f("ix_report_asset_id"), ["asset_id"], unique=False)

    op.create_table(
        "retired_code",
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("retired_at", registry.storage.times.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_retired_code")),
    )

    op.create_table(
        "print_item",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("made_at", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'made', 'failed')", name=op.f("ck_print_item_state")),
        sa.ForeignKeyConstraint(["run_id"], ["print_run.id"], name=op.f("fk_print_item_run_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_print_item_tag_id")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_print_item")),
    )
    with op.batch_alter_table("print_item") as batch_op:
        batch_op.create_index(batch_op.f("ix_print_item_tag_id"), ["tag_id"], unique=False)

    op.create_table(
        "tag_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("event", sa.String(length=12), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_tag_event_asset_id")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_tag_event_by_user_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_tag_event_tag_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_event")),
    )
    with op.batch_alter_table("tag_event") as batch_op:
        batch_op.create_index(batch_op.f("ix_tag_event_asset_id_id"), ["asset_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tag_event_tag_id_id"), ["tag_id", "id"], unique=False)

    with op.batch_alter_table("app_user") as batch_op:
        batch_op.drop_constraint(op.f("ck_app_user_role"), type_="check")
        batch_op.create_check_constraint(op.f("ck_app_user_role"), sa.text(_ROLES))
        batch_op.add_column(sa.Column("area_code", sa.String(length=15), server_default="", nullable=False))
        batch_op.add_column(sa.Column("phone", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("password_changed_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(
            sa.Column("must_change_password", sa.Boolean(), server_default=sa.text("(false)"), nullable=False)
        )
        batch_op.add_column(sa.Column("session_epoch", sa.Integer(), server_default=sa.text("1"), nullable=False))
        batch_op.add_column(sa.Column("last_login_at", registry.storage.times.UtcTime(), nullable=True))

    with op.batch_alter_table("asset") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
        batch_op.add_column(sa.Column("place_cell", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("accuracy", sa.String(length=1), server_default="", nullable=False))
        batch_op.add_column(sa.Column("area_code", sa.String(length=15), server_default="", nullable=False))
        batch_op.add_column(sa.Column("material", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("size", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("installed_on", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("warranty_until", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("import_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("import_row", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("merged_into_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.drop_index(batch_op.f("ix_asset_lat_lon"))
        batch_op.create_index(batch_op.f("ix_asset_area_code"), ["area_code"], unique=False)
        batch_op.create_index(
            "ix_asset_import_id",
            ["import_id"],
            unique=False,
            sqlite_where=sa.text("import_id IS NOT NULL"),
            postgresql_where=sa.text("import_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_asset_merged_into_id",
            ["merged_into_id"],
            unique=False,
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_asset_place_cell"), ["place_cell"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_asset_name"), ["name"], unique=False, postgresql_ops={"name": "text_pattern_ops"}
        )
        batch_op.create_index(
            batch_op.f("ix_asset_address"), ["address"], unique=False, postgresql_ops={"address": "text_pattern_ops"}
        )
        batch_op.create_index(
            "ix_asset_unusual",
            ["state", "id"],
            unique=False,
            sqlite_where=sa.text("state <> 'intact'"),
            postgresql_where=sa.text("state <> 'intact'"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_asset_merged_into_id"), "asset", ["merged_into_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_asset_import_id"), "import_run", ["import_id"], ["id"])

    with op.batch_alter_table("asset_class") as batch_op:
        batch_op.add_column(sa.Column("extension", sa.Boolean(), server_default=sa.text("(false)"), nullable=False))

    with op.batch_alter_table("device") as batch_op:
        batch_op.add_column(sa.Column("fitted_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(
            sa.Column("removed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("note", sa.Text(), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_device_serial"), type_="unique")
        batch_op.create_index(batch_op.f("ix_device_serial"), ["serial"], unique=False)
        batch_op.create_index(
            "uq_device_fitted_serial",
            ["serial"],
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_device_fitted_by"), "app_user", ["fitted_by"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_device_removed_by"), "app_user", ["removed_by"], ["id"])

    with op.batch_alter_table("import_run") as batch_op:
        batch_op.add_column(sa.Column("state", sa.String(length=10), server_default="done", nullable=False))
        batch_op.add_column(
            sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("path", sa.String(length=300), server_default="", nullable=False))
        batch_op.add_column(sa.Column("sha256", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("size_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("settings", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
        batch_op.add_column(sa.Column("updated", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("held", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("remarks", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("next_row", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("problem", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("started_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("finished_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("undone_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("undone_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("holder", sa.String(length=120), server_default="", nullable=False))
        batch_op.add_column(sa.Column("held_until", registry.storage.times.UtcTime(), nullable=True))
        batch_op.create_index(batch_op.f("ix_import_run_state_id"), ["state", "id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_import_run_by_user_id"), "app_user", ["by_user_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_import_run_undone_by"), "app_user", ["undone_by"], ["id"])

    with op.batch_alter_table("import_run") as batch_op:
        batch_op.create_check_constraint(op.f("ck_import_run_state"), sa.text(_IMPORT_STATES))

    with op.batch_alter_table("photo") as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=12), server_default="", nullable=False))
        batch_op.add_column(sa.Column("taken_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("removed_at", registry.storage.times.UtcTime(), nullable=True))

    with op.batch_alter_table("scan") as batch_op:
        batch_op.add_column(sa.Column("flag", sa.String(length=12), server_default="", nullable=False))
        batch_op.add_column(sa.Column("looked_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("looked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.create_index(
            "ix_scan_flagged",
            ["id"],
            unique=False,
            sqlite_where=sa.text("flag <> ''"),
            postgresql_where=sa.text("flag <> ''"),
        )
        batch_op.create_index(batch_op.f("ix_scan_token_id"), ["token", "id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_scan_looked_by"), "app_user", ["looked_by"], ["id"])

    with op.batch_alter_table("tag") as batch_op:
        batch_op.add_column(
            sa.Column("print_run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_index(batch_op.f("ix_tag_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tag_print_run_id"), ["print_run_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tag_state_id"), ["state", "id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_tag_print_run_id"), "print_run", ["print_run_id"], ["id"])

    _make_places()
    _guard_audit()
    _fill()


def _guard_audit() -> None:
    """The database refuses to change or remove an entry of the audit trail."""
    refusal = "the audit trail is only added to"
    if _on_postgres():
        op.execute(
            "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION '{refusal}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        )
        return
    for name, event in (("audit_no_update", "UPDATE"), ("audit_no_delete", "DELETE")):
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON audit BEGIN SELECT RAISE(ABORT, '{refusal}'); END")


def _make_places() -> None:
    """What a responsibility grid is made of, jobs over all assets, what a census lacks."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "area_cell",
        sa.Column("cell_code", sa.String(length=16), nullable=False),
        sa.Column("area_id", number, nullable=False),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_area_cell_area_id")),
        sa.PrimaryKeyConstraint("cell_code", name=op.f("pk_area_cell")),
    )
    with op.batch_alter_table("area_cell") as batch_op:
        batch_op.create_index(batch_op.f("ix_area_cell_area_id"), ["area_id"], unique=False)

    op.create_table(
        "place_job",
        sa.Column("id", number, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("next_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("seen", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", number, nullable=True),
        sa.Column("started_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("finished_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("holder", sa.String(length=120), server_default="", nullable=False),
        sa.Column("held_until", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint("kind IN ('relocate', 'duties', 'census')", name=op.f("ck_place_job_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'stopped', 'done', 'failed')", name=op.f("ck_place_job_state")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_place_job_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_job")),
    )
    with op.batch_alter_table("place_job") as batch_op:
        batch_op.create_index(batch_op.f("ix_place_job_state_id"), ["state", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_place_job_kind_id"), ["kind", "id"], unique=False)

    op.create_table(
        "gap_count",
        sa.Column("gap", sa.String(length=20), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("scheme", sa.String(length=30), nullable=False),
        sa.Column("class_code", sa.String(length=4), nullable=False),
        sa.Column("family", sa.String(length=10), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("gap", "area_code", "scheme", "class_code", name=op.f("pk_gap_count")),
    )
    op.create_table(
        "asset_doubt",
        sa.Column("doubt", sa.String(length=20), nullable=False),
        sa.Column("asset_id", number, nullable=False),
        sa.Column("other_id", number, nullable=True),
        sa.Column("distance_m", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "doubt IN ('rough', 'other_division', 'outside', 'same_place', 'too_near', 'scanned_far')",
            name=op.f("ck_asset_doubt_doubt"),
        ),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_asset_doubt_asset_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_id"], ["asset.id"], name=op.f("fk_asset_doubt_other_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("doubt", "asset_id", name=op.f("pk_asset_doubt")),
    )
    with op.batch_alter_table("asset_doubt") as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_doubt_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_doubt_other_id"), ["other_id"], unique=False)


def _fill() -> None:
    """What the new columns say of the rows that are there: area from the code, cell from the place, roads by name."""
    lon, lat = ("floor((lon + 180.0) * 1000)", "floor((lat + 90.0) * 1000)")
    if not _on_postgres():  # SQLite before 3.35 has no floor(); these are never negative, so cutting off is the same
        lon, lat = ("CAST((lon + 180.0) * 1000 AS INTEGER)", "CAST((lat + 90.0) * 1000 AS INTEGER)")
    op.execute(f"UPDATE asset SET area_code = substr(code, 1, 6), place_cell = {lat} * 1000000 + {lon}")  # noqa: S608
    op.execute("INSERT INTO road (name) SELECT DISTINCT road FROM asset WHERE road <> ''")
    op.execute(
        "INSERT INTO tag_event (tag_id, at, event, asset_id) "
        "SELECT id, COALESCE(bound_at, created_at), CASE WHEN asset_id IS NULL THEN 'issued' ELSE 'bound' END, asset_id "
        "FROM tag"
    )
