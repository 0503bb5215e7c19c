"""the gateway

Works with the previous release's code: add, fill, then (a release later) remove.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import registry.storage.times

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cabinet_configuration",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cabinet_id", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'applied', 'refused', 'rolled_back', 'expired', 'superseded')",
            name=op.f("ck_cabinet_configuration_state"),
        ),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_cabinet_configuration_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cabinet_configuration")),
        sa.UniqueConstraint("cabinet_id", "version", name=op.f("uq_cabinet_configuration_cabinet_id_version")),
    )
    op.create_table(
        "cabinet_credential",
        sa.Column("cabinet_id", sa.String(length=60), nullable=False),
        sa.Column("hash", sa.String(length=160), nullable=False),
        sa.Column("enrolled_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("changed_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("revoked_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("revoked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["revoked_by"], ["app_user.id"], name=op.f("fk_cabinet_credential_revoked_by")),
        sa.PrimaryKeyConstraint("cabinet_id", name=op.f("pk_cabinet_credential")),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cabinet_id", sa.String(length=60), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("expires_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("used_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("used_from", sa.String(length=60), server_default="", nullable=False),
        sa.Column("withdrawn_at", registry.storage.times.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_enrolment_code_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_code")),
        sa.UniqueConstraint("hash", name=op.f("uq_enrolment_code_hash")),
    )
    with op.batch_alter_table("enrolment_code") as batch_op:
        batch_op.create_index(batch_op.f("ix_enrolment_code_cabinet_id_id"), ["cabinet_id", "id"], unique=False)

    op.create_table(
        "cabinet_command",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("cabinet_id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("device_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("configuration_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("expires_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("sends", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("send_after", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("decided_at", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('configure', 'describe', 'poll', 'rezero', 'restart', 'rotate')",
            name=op.f("ck_cabinet_command_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'done', 'refused', 'failed', 'expired', 'withdrawn')",
            name=op.f("ck_cabinet_command_state"),
        ),
        sa.ForeignKeyConstraint(
            ["configuration_id"], ["cabinet_configuration.id"], name=op.f("fk_cabinet_command_configuration_id")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_cabinet_command_created_by")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_cabinet_command_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cabinet_command")),
        sa.UniqueConstraint("key", name=op.f("uq_cabinet_command_key")),
    )
    with op.batch_alter_table("cabinet_command") as batch_op:
        batch_op.create_index(batch_op.f("ix_cabinet_command_cabinet_id_id"), ["cabinet_id", "id"], unique=False)
        batch_op.create_index(
            "ix_cabinet_command_open",
            ["send_after"],
            unique=False,
            sqlite_where=sa.text("decided_at IS NULL"),
            postgresql_where=sa.text("decided_at IS NULL"),
        )

    with op.batch_alter_table("cabinet") as batch_op:
        batch_op.add_column(sa.Column("dropped_by", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
        batch_op.add_column(sa.Column("undated", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("clock_set", sa.Boolean(), server_default=sa.text("true"), nullable=False))
        batch_op.add_column(sa.Column("clock_off_s", sa.Float(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(
            sa.Column("configuration_version", sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
        batch_op.add_column(sa.Column("configuration_problem", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("told", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("aside_seen", sa.String(length=200), server_default="", nullable=False))

    with op.batch_alter_table("dead_letter") as batch_op:
        batch_op.add_column(sa.Column("device", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("stands_for", sa.Integer(), server_default=sa.text("1"), nullable=False))
        batch_op.add_column(sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("tried_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("asked_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.drop_constraint(op.f("ck_dead_letter_reason"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_dead_letter_reason"),
            "reason IN ('unknown_device', 'unknown_point', 'out_of_range', 'not_a_number', 'too_old', 'in_future',"
            " 'undecodable', 'bad_topic', 'store_refused')",
        )
        batch_op.create_index(batch_op.f("ix_dead_letter_cabinet_id"), ["cabinet_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_dead_letter_device"), ["device"], unique=False)
        batch_op.create_index(
            "ix_dead_letter_asked",
            ["id"],
            unique=False,
            sqlite_where=sa.text("asked_at IS NOT NULL"),
            postgresql_where=sa.text("asked_at IS NOT NULL"),
        )

    if op.get_bind().dialect.name == "postgresql":
        # each row is written again and again: with room beside it, its next version needs no other page
        op.execute("ALTER TABLE latest SET (fillfactor = 50)")
