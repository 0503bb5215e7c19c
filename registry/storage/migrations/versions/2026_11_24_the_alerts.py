"""the alerts

Works with the previous release's code: add, fill, then (a release later) remove.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

import registry.storage.times

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("failing_since", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('apprise', 'webhook', 'alertmanager')", name=op.f("ck_channel_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("name", name=op.f("uq_channel_name")),
    )
    op.create_table(
        "route",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("rule_key", sa.String(length=60), server_default="", nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("hours", sa.JSON(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("digest", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("goes_on", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_route_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route")),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("channel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("address", sa.String(length=200), server_default="", nullable=False),
        sa.Column("language", sa.String(length=5), server_default="zh", nullable=False),
        sa.Column("quiet_from_min", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("quiet_until_min", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("per_hour", sa.Integer(), server_default=sa.text("(20)"), nullable=False),
        sa.Column("digest_min", sa.Integer(), server_default=sa.text("(480)"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_contact_channel_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_contact_unit_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_contact_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact") as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_unit_id"), ["unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_user_id"), ["user_id"], unique=False)

    op.create_table(
        "season",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=60), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("starts", sa.String(length=5), server_default="", nullable=False),
        sa.Column("ends", sa.String(length=5), server_default="", nullable=False),
        sa.Column("switch", sa.String(length=5), nullable=False),
        sa.Column("switched_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("switched_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint("switch IN ('auto', 'on', 'off')", name=op.f("ck_season_switch")),
        sa.ForeignKeyConstraint(["switched_by"], ["app_user.id"], name=op.f("fk_season_switched_by")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_season")),
    )
    op.create_table(
        "silence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("rule_key", sa.String(length=60), server_default="", nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("starts_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ends_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ended_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_silence_asset_id")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_silence_created_by")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_silence_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )
    with op.batch_alter_table("silence") as batch_op:
        batch_op.create_index(batch_op.f("ix_silence_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_silence_ends_at"), ["ends_at"], unique=False)

    op.create_table(
        "alert_group",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rule_key", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("began_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("last_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("radius_m", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("cause", sa.String(length=40), server_default="", nullable=False),
        sa.Column("recorded_at", registry.storage.times.UtcTime(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'ended')", name=op.f("ck_alert_group_state")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_alert_group_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_group")),
    )
    with op.batch_alter_table("alert_group") as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_group_began_at"), ["began_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_group_state_rule_key"), ["state", "rule_key"], unique=False)

    op.create_table(
        "calibration",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("readings", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("applied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("checked_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("state IN ('collecting', 'done', 'failed')", name=op.f("ck_calibration_state")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_calibration_by_user_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_calibration_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration")),
    )
    with op.batch_alter_table("calibration") as batch_op:
        batch_op.create_index(batch_op.f("ix_calibration_device_id_id"), ["device_id", "id"], unique=False)
        batch_op.create_index(
            "ix_calibration_collecting",
            ["checked_at"],
            unique=False,
            sqlite_where=sa.text("state = 'collecting'"),
            postgresql_where=sa.text("state = 'collecting'"),
        )

    op.create_table(
        "permit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("started_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ends_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("ended_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("closed_angle", sa.Float(), nullable=True),
        sa.Column("closed_shift", sa.Float(), nullable=True),
        sa.Column("judged_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("state IN ('open', 'ended', 'overrun')", name=op.f("ck_permit_state")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_permit_asset_id")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_permit_by_user_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_permit_case_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_permit_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permit")),
    )
    with op.batch_alter_table("permit") as batch_op:
        batch_op.create_index(batch_op.f("ix_permit_asset_id_started_at"), ["asset_id", "started_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_permit_state_ends_at"), ["state", "ends_at"], unique=False)
        batch_op.create_index(
            "ix_permit_unjudged",
            ["id"],
            unique=False,
            sqlite_where=sa.text("judged_at IS NULL"),
            postgresql_where=sa.text("judged_at IS NULL"),
        )
        batch_op.create_index(
            "uq_permit_open",
            ["asset_id"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "alert_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("recorded_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("level", sa.Float(), nullable=True),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("planned_at", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('fired', 'step_up', 'step_down', 'worsened', 'flapping', 'cleared', 'expected', 'overrun', 'grouped', 'case', 'acknowledged', 'silenced')",
            name=op.f("ck_alert_event_kind"),
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_event_alert_id")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_alert_event_by_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_event")),
    )
    with op.batch_alter_table("alert_event") as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_event_alert_id_id"), ["alert_id", "id"], unique=False)
        batch_op.create_index(
            "ix_alert_event_unplanned",
            ["id"],
            unique=False,
            sqlite_where=sa.text("planned_at IS NULL"),
            postgresql_where=sa.text("planned_at IS NULL"),
        )

    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("alert_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("route_id", sa.Integer(), nullable=True),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("due_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tried_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("handed_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("sent_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.Column("digest_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "kind IN ('alarm', 'escalation', 'all_clear', 'digest', 'trial')", name=op.f("ck_notice_kind")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'failed', 'held', 'muted', 'dropped')",
            name=op.f("ck_notice_state"),
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_notice_alert_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_notice_case_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_notice_contact_id")),
        sa.ForeignKeyConstraint(["digest_id"], ["notice.id"], name=op.f("fk_notice_digest_id")),
        sa.ForeignKeyConstraint(["group_id"], ["alert_group.id"], name=op.f("fk_notice_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("key", name=op.f("uq_notice_key")),
    )
    with op.batch_alter_table("notice") as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_alert_id"), ["alert_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_contact_id_created_at"), ["contact_id", "created_at"], unique=False)
        batch_op.create_index(
            "ix_notice_in_digest",
            ["digest_id"],
            unique=False,
            sqlite_where=sa.text("digest_id IS NOT NULL"),
            postgresql_where=sa.text("digest_id IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_notice_group_id"), ["group_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_state_id"), ["state", "id"], unique=False)
        batch_op.create_index(
            "ix_notice_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'sending', 'held')"),
            postgresql_where=sa.text("state IN ('waiting', 'sending', 'held')"),
        )

    op.create_table(
        "event_inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("starts_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ends_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("first_heard_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("heard_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("heard", sa.Integer(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("annotations", sa.JSON(), nullable=False),
        sa.Column("source_url", sa.Text(), server_default="", nullable=False),
        sa.Column("sender", sa.String(length=120), server_default="", nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("waiting_since", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("taken_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("over_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_event_inbox_asset_id")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_event_inbox_by_user_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_event_inbox_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_inbox")),
    )
    with op.batch_alter_table("event_inbox") as batch_op:
        batch_op.create_index(batch_op.f("ix_event_inbox_asset_id_id"), ["asset_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_inbox_device_id_id"), ["device_id", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_event_inbox_fingerprint_starts_at"), ["fingerprint", "starts_at"], unique=False
        )
        batch_op.create_index(
            "uq_event_inbox_open",
            ["fingerprint"],
            unique=True,
            sqlite_where=sa.text("over_at IS NULL"),
            postgresql_where=sa.text("over_at IS NULL"),
        )
        batch_op.create_index(
            "ix_event_inbox_waiting",
            ["waiting_since"],
            unique=False,
            sqlite_where=sa.text("waiting_since IS NOT NULL"),
            postgresql_where=sa.text("waiting_since IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_event_inbox_ends",
            ["ends_at"],
            unique=False,
            sqlite_where=sa.text("over_at IS NULL AND ends_at IS NOT NULL"),
            postgresql_where=sa.text("over_at IS NULL AND ends_at IS NOT NULL"),
        )

    with op.batch_alter_table("dead_letter") as batch_op:
        batch_op.drop_constraint(op.f("ck_dead_letter_reason"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_dead_letter_reason"),
            "reason IN ('unknown_device', 'unknown_point', 'unknown_asset', 'out_of_range', 'not_a_number', 'too_old',"
            " 'in_future', 'undecodable', 'bad_topic', 'store_refused')",
        )

    with op.batch_alter_table("alert") as batch_op:
        batch_op.add_column(sa.Column("cabinet_id", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("bus", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("case_due_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("permit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("peak_severity", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("flapping_since", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("fires", sa.Integer(), server_default=sa.text("1"), nullable=False))
        batch_op.add_column(sa.Column("acknowledged_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(
            sa.Column("acknowledged_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("memory", sa.Text(), server_default="", nullable=False))
        batch_op.alter_column(
            "point_id", existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        )
        batch_op.alter_column(
            "device_id", existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        )
        batch_op.alter_column(
            "asset_id", existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        )
        batch_op.create_index(
            "ix_alert_case_due",
            ["case_due_at"],
            unique=False,
            sqlite_where=sa.text("case_due_at IS NOT NULL"),
            postgresql_where=sa.text("case_due_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_alert_group_id"), ["group_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_permit_id"), ["permit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_rule_key_fired_at"), ["rule_key", "fired_at"], unique=False)
        batch_op.create_index(
            "uq_alert_live_cabinet",
            ["rule_key", "cabinet_id", "bus"],
            unique=True,
            sqlite_where=sa.text("state = 'firing' AND point_id IS NULL"),
            postgresql_where=sa.text("state = 'firing' AND point_id IS NULL"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_alert_group_id"), "alert_group", ["group_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_alert_permit_id"), "permit", ["permit_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_alert_acknowledged_by"), "app_user", ["acknowledged_by"], ["id"])

    with op.batch_alter_table("baseline") as batch_op:
        batch_op.add_column(
            sa.Column("calibration_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key(batch_op.f("fk_baseline_calibration_id"), "calibration", ["calibration_id"], ["id"])

    with op.batch_alter_table("cabinet") as batch_op:
        batch_op.add_column(sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_cabinet_asset_id"), "asset", ["asset_id"], ["id"])

    with op.batch_alter_table("device") as batch_op:
        batch_op.add_column(sa.Column("suspect_since", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("suspect_why", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(
            "ix_device_suspect",
            ["suspect_since"],
            unique=False,
            sqlite_where=sa.text("suspect_since IS NOT NULL"),
            postgresql_where=sa.text("suspect_since IS NOT NULL"),
        )

    with op.batch_alter_table("rule") as batch_op:
        batch_op.add_column(sa.Column("name_zh", sa.String(length=80), server_default="", nullable=False))
        batch_op.add_column(sa.Column("name_en", sa.String(length=80), server_default="", nullable=False))
        batch_op.add_column(sa.Column("reason_zh", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("reason_en", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("watches", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("ladder", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("seasons", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("hours", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("grouping", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("flapping", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("permit", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.add_column(sa.Column("lateness_s", sa.Float(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("note", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("shipped", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.add_column(sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.alter_column("case_kind", existing_type=sa.String(length=40), nullable=True)
        batch_op.drop_constraint(op.f("ck_rule_kind"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_rule_kind"),
            "kind IN ('limit', 'rate', 'window', 'vector', 'stuck', 'no_data', 'forecast', 'drift', 'disagree',"
            " 'event', 'all', 'any')",
        )

    op.execute("UPDATE alert SET peak_severity = severity")
    # no release before this one could edit rules
    op.execute("UPDATE rule SET shipped = true")
    for removed, kept in (("cover_tilt_critical", "cover_tilt"), ("pole_lean_critical", "pole_lean")):
        _make_it_a_step(removed, kept)


def _make_it_a_step(removed: str, kept: str) -> None:
    """One rule less: ``removed`` is the critical step of ``kept`` from now on.

    Where both have a live alert on a point, the kept one becomes critical and the other is over. Where only the removed
    one has, its alert is the kept rule's. What the removed rule remembers becomes the kept rule's on its upper step.
    """
    connection = op.get_bind()
    names = {"removed": removed, "kept": kept}
    live = "SELECT point_id FROM alert WHERE state = 'firing' AND rule_key"
    both = f"state = 'firing' AND point_id IN ({live} = :removed) AND point_id IN ({live} = :kept)"
    others = "other.state = 'firing' AND other.rule_key = :removed AND other.point_id = alert.point_id"
    worst = f"SELECT MAX(other.peak) FROM alert other WHERE {others}"  # noqa: S608 - constants of this module
    connection.execute(
        sa.text(
            f"UPDATE alert SET severity = 3, peak_severity = 3, peak = COALESCE(({worst}), peak)"  # noqa: S608
            f" WHERE rule_key = :kept AND {both}"
        ),
        names,
    )
    connection.execute(
        sa.text(
            f"UPDATE alert SET state = 'cleared', cleared_at = recorded_at WHERE rule_key = :removed AND {both}"  # noqa: S608
        ),
        names,
    )
    connection.execute(
        sa.text("UPDATE alert SET rule_key = :kept WHERE state = 'firing' AND rule_key = :removed"), names
    )
    rows = connection.execute(sa.text("SELECT point_id, body FROM rule_memory WHERE rule_key = :removed"), names).all()
    for point_id, body in rows:
        memory = json.loads(body)
        if memory.get("phase") in ("firing", "clearing"):
            about = {"kept": kept, "point": point_id, "body": json.dumps({**memory, "step": 1})}
            connection.execute(sa.text("DELETE FROM rule_memory WHERE rule_key = :kept AND point_id = :point"), about)
            connection.execute(
                sa.text("INSERT INTO rule_memory (rule_key, point_id, body) VALUES (:kept, :point, :body)"), about
            )
    connection.execute(sa.text("DELETE FROM rule_memory WHERE rule_key = :removed"), names)
    # its row stays, for the alerts of former days
    connection.execute(
        sa.text("UPDATE rule SET retired = true, name_zh = :zh, name_en = :en WHERE key = :removed"),
        {
            **names,
            "zh": "井盖严重倾斜" if kept == "cover_tilt" else "灯杆严重倾斜",
            "en": "Cover tilted badly" if kept == "cover_tilt" else "Pole leaning badly",
        },
    )
