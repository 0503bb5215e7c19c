"""the closed loop

Works with the previous release's code: add, fill, then (a release later) remove.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import registry.storage.times

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_UNWATCHED = (
    "stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void') AND (watched_due_at IS NULL OR watched_due_at <> "
    "CASE WHEN first_dispatched_at IS NULL THEN COALESCE(desk_due_at, deadline_at) ELSE deadline_at END)"
)

_WATCHED = "watch_at IS NOT NULL AND stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void')"
_SECURE_WATCHED = (
    "secure_watch_at IS NOT NULL AND secured_at IS NULL "
    "AND stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void')"
)
_SECURE_UNWATCHED = (
    "stage NOT IN ('handed_back', 'verified', 'closed', 'suspended', 'void') AND secured_at IS NULL "
    "AND secure_due_at IS NOT NULL "
    "AND (secure_watched_due_at IS NULL OR secure_watched_due_at <> secure_due_at)"
)
_RUNNING = "stage IN ('collected', 'dispatched', 'filed', 'in_hand')"
_IN_HAND = "stage IN ('dispatched', 'in_hand')"
_SECURING = f"{_IN_HAND} AND secure_due_at IS NOT NULL AND secured_at IS NULL"
_AT_DESK = "stage = 'filed' AND returned_at IS NULL"
_RETURNED = "stage = 'filed' AND returned_at IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "case_standard",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(length=10), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=120), server_default="", nullable=False),
        sa.Column("big_zh", sa.String(length=60), server_default="", nullable=False),
        sa.Column("big_en", sa.String(length=120), server_default="", nullable=False),
        sa.Column("small_zh", sa.String(length=60), server_default="", nullable=False),
        sa.Column("small_en", sa.String(length=120), server_default="", nullable=False),
        sa.Column("filing_zh", sa.Text(), server_default="", nullable=False),
        sa.Column("filing_en", sa.Text(), server_default="", nullable=False),
        sa.Column("closing_zh", sa.Text(), server_default="", nullable=False),
        sa.Column("closing_en", sa.Text(), server_default="", nullable=False),
        sa.Column("pattern", sa.String(length=14), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("quantity_unit", sa.String(length=12), server_default="", nullable=False),
        sa.Column("source", sa.String(length=200), server_default="", nullable=False),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("family IN ('cover', 'light', 'other')", name=op.f("ck_case_standard_family")),
        sa.CheckConstraint("pattern IN ('one_step', 'secure_repair')", name=op.f("ck_case_standard_pattern")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_case_standard_created_by")),
        sa.PrimaryKeyConstraint("key", "version", name=op.f("pk_case_standard")),
    )
    op.create_table(
        "work_day_override",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("works", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=60), server_default="", nullable=False),
        sa.Column("changed_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("changed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["changed_by"], ["app_user.id"], name=op.f("fk_work_day_override_changed_by")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_work_day_override")),
    )
    op.create_table(
        "work_hours",
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("windows", sa.JSON(), nullable=False),
        sa.Column("changed_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("changed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["changed_by"], ["app_user.id"], name=op.f("fk_work_hours_changed_by")),
        sa.PrimaryKeyConstraint("valid_from", name=op.f("pk_work_hours")),
    )

    op.create_table(
        "case_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("asked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("decided_at", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint("kind IN ('extension', 'suspension', 'appeal')", name=op.f("ck_case_request_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'granted', 'refused', 'withdrawn')", name=op.f("ck_case_request_state")
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["app_user.id"], name=op.f("fk_case_request_asked_by")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_request_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_request")),
    )
    with op.batch_alter_table("case_request") as batch_op:
        batch_op.create_index(batch_op.f("ix_case_request_case_id_id"), ["case_id", "id"], unique=False)
        batch_op.create_index(
            "ix_case_request_waiting_at",
            ["asked_at"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index(
            "uq_case_request_waiting",
            ["case_id", "kind"],
            unique=True,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.create_table(
        "case_task",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("asked_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("asked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("due_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("assignee_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("done_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("done_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.CheckConstraint("kind IN ('check', 'verify')", name=op.f("ck_case_task_kind")),
        sa.ForeignKeyConstraint(["asked_by"], ["app_user.id"], name=op.f("fk_case_task_asked_by")),
        sa.ForeignKeyConstraint(["assignee_id"], ["app_user.id"], name=op.f("fk_case_task_assignee_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_task_case_id")),
        sa.ForeignKeyConstraint(["done_by"], ["app_user.id"], name=op.f("fk_case_task_done_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_case_task_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_task")),
    )
    with op.batch_alter_table("case_task") as batch_op:
        batch_op.create_index(batch_op.f("ix_case_task_assignee_id_done_at"), ["assignee_id", "done_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_case_task_case_id_id"), ["case_id", "id"], unique=False)
        batch_op.create_index(
            "ix_case_task_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )
        batch_op.create_index(
            "uq_case_task_open",
            ["case_id", "kind"],
            unique=True,
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )

    with op.batch_alter_table("app_user") as batch_op:
        batch_op.add_column(sa.Column("case_roles", sa.JSON(), server_default="[]", nullable=False))

    with op.batch_alter_table("case_file") as batch_op:
        batch_op.add_column(sa.Column("lon", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("lat", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("area_code", sa.String(length=15), server_default="", nullable=False))
        batch_op.add_column(sa.Column("place", sa.String(length=200), server_default="", nullable=False))
        batch_op.add_column(sa.Column("standard_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("filed_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("desk_due_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("first_dispatched_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("accepted_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("returned_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("secure_due_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("secured_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(
            sa.Column("handed_back_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("check_due_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("checked_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("verify_due_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("verified_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(
            sa.Column("verified_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("suspended_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("suspended_until", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("supervised_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("closed_how", sa.String(length=12), nullable=True))
        batch_op.add_column(
            sa.Column("merged_into_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("exempt", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.add_column(sa.Column("appealed_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("dispatches", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("second_dispatches", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("returns", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("misdispatches", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("reworks", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("extensions", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("suspensions", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("supervisions", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("reopens", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("quantity", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("quantity_unit", sa.String(length=12), server_default="", nullable=False))
        batch_op.add_column(sa.Column("cause", sa.String(length=80), server_default="", nullable=False))
        batch_op.add_column(sa.Column("watched_due_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("watch_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("watch_level", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("secure_watched_due_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("secure_watch_at", registry.storage.times.UtcTime(), nullable=True))
        batch_op.add_column(sa.Column("secure_watch_level", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.alter_column(
            "asset_id", existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        )
        batch_op.drop_constraint(op.f("ck_case_file_source"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_case_file_source"),
            "source IN ('sensor', 'citizen', 'patrol', 'hotline', 'platform', 'above')",
        )
        batch_op.create_check_constraint(
            op.f("ck_case_file_closed_how"),
            "closed_how IN ('repaired', 'self_handled', 'declined', 'merged', 'void')",
        )
        batch_op.create_check_constraint(
            op.f("ck_case_file_place"), "asset_id IS NOT NULL OR (lon IS NOT NULL AND lat IS NOT NULL)"
        )
        batch_op.create_index(
            "ix_case_file_merged",
            ["merged_into_id"],
            unique=False,
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_case_file_unwatched",
            ["id"],
            unique=False,
            sqlite_where=sa.text(_UNWATCHED),
            postgresql_where=sa.text(_UNWATCHED),
        )
        batch_op.create_index(
            "ix_case_file_watch",
            ["watch_at"],
            unique=False,
            sqlite_where=sa.text(_WATCHED),
            postgresql_where=sa.text(_WATCHED),
        )
        batch_op.create_index(
            "ix_case_file_secure_unwatched",
            ["id"],
            unique=False,
            sqlite_where=sa.text(_SECURE_UNWATCHED),
            postgresql_where=sa.text(_SECURE_UNWATCHED),
        )
        batch_op.create_index(
            "ix_case_file_secure_watch",
            ["secure_watch_at"],
            unique=False,
            sqlite_where=sa.text(_SECURE_WATCHED),
            postgresql_where=sa.text(_SECURE_WATCHED),
        )
        batch_op.create_index(
            "ix_case_file_resumes",
            ["suspended_until"],
            unique=False,
            sqlite_where=sa.text("stage = 'suspended'"),
            postgresql_where=sa.text("stage = 'suspended'"),
        )
        batch_op.create_index(
            "ix_case_file_open_overdue",
            ["id", "overdue_at", "stage"],
            unique=False,
            sqlite_where=sa.text("stage NOT IN ('closed', 'void') AND overdue_at IS NOT NULL"),
            postgresql_where=sa.text("stage NOT IN ('closed', 'void') AND overdue_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_case_file_open_kind",
            ["kind", "id"],
            unique=False,
            sqlite_where=sa.text("stage NOT IN ('closed', 'void')"),
            postgresql_where=sa.text("stage NOT IN ('closed', 'void')"),
        )
        batch_op.create_index(
            "ix_case_file_place",
            ["asset_id", "place"],
            unique=False,
            postgresql_ops={"place": "text_pattern_ops"},
            sqlite_where=sa.text("asset_id IS NULL"),
            postgresql_where=sa.text("asset_id IS NULL"),
        )
        batch_op.create_index(
            "ix_case_file_place_area",
            ["asset_id", "area_code"],
            unique=False,
            sqlite_where=sa.text("asset_id IS NULL"),
            postgresql_where=sa.text("asset_id IS NULL"),
        )
        batch_op.create_index(
            "ix_case_file_worst",
            ["severity", "deadline_at", "overdue_at", "opened_at", "id", "stage"],
            unique=False,
            sqlite_where=sa.text(_RUNNING),
            postgresql_where=sa.text(_RUNNING),
        )
        batch_op.create_index(
            "ix_case_file_unit_queue",
            ["unit_id", "deadline_at", "id", "secure_due_at", "secured_at", "assignee_id", "stage"],
            unique=False,
            sqlite_where=sa.text(_IN_HAND),
            postgresql_where=sa.text(_IN_HAND),
        )
        batch_op.create_index(
            "ix_case_file_unit_securing",
            ["unit_id", "secure_due_at", "id"],
            unique=False,
            sqlite_where=sa.text(_SECURING),
            postgresql_where=sa.text(_SECURING),
        )
        batch_op.create_index(
            "ix_case_file_desk_queue",
            ["stage", "desk_due_at", "id"],
            unique=False,
            sqlite_where=sa.text(_AT_DESK),
            postgresql_where=sa.text(_AT_DESK),
        )
        batch_op.create_index(
            "ix_case_file_returned",
            ["stage", "returned_at", "id"],
            unique=False,
            sqlite_where=sa.text(_RETURNED),
            postgresql_where=sa.text(_RETURNED),
        )
        batch_op.create_index(batch_op.f("ix_case_file_assignee_id_id"), ["assignee_id", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_case_file_unit_id_stage_deadline_at"), ["unit_id", "stage", "deadline_at"], unique=False
        )
        batch_op.create_foreign_key(batch_op.f("fk_case_file_verified_by"), "app_user", ["verified_by"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_case_file_handed_back_by"), "app_user", ["handed_back_by"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_case_file_merged_into_id"), "case_file", ["merged_into_id"], ["id"])

    with op.batch_alter_table("photo") as batch_op:
        batch_op.alter_column(
            "asset_id", existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        )

    with op.batch_alter_table("report") as batch_op:
        batch_op.alter_column(
            "asset_id", existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        )

    _public()

    _make_campaigns()
    _months()
    _make_dispatching()
    _tell_of_cases()
    _fold_what_was()


def _tell_of_cases() -> None:
    """The outbox of what people are told of cases, and notices of that kind."""
    op.create_table(
        "case_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("planned_at", registry.storage.times.UtcTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('assigned', 'look', 'warned', 'late', 'secure_warned', 'secure_late', "
            "'item_opened', 'item_late', 'item_answered')",
            name=op.f("ck_case_event_kind"),
        ),
        sa.CheckConstraint("case_id IS NOT NULL OR item_id IS NOT NULL", name=op.f("ck_case_event_about")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_event_case_id")),
        sa.ForeignKeyConstraint(["item_id"], ["supervision_item.id"], name=op.f("fk_case_event_item_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_case_event_unit_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_case_event_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_event")),
    )
    with op.batch_alter_table("case_event") as batch_op:
        batch_op.create_index(batch_op.f("ix_case_event_at"), ["at"], unique=False)
        batch_op.create_index(
            "ix_case_event_unplanned",
            ["id"],
            unique=False,
            sqlite_where=sa.text("planned_at IS NULL"),
            postgresql_where=sa.text("planned_at IS NULL"),
        )
    with op.batch_alter_table("notice") as batch_op:
        batch_op.drop_constraint(op.f("ck_notice_kind"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_notice_kind"), "kind IN ('alarm', 'escalation', 'all_clear', 'digest', 'trial', 'case')"
        )


def _fold_what_was() -> None:
    """The new columns of the cases that are there, from their assets and their timelines."""
    reopened = "SELECT COALESCE(MAX(r.id), 0) FROM entry r WHERE r.case_id = case_file.id AND r.move = 'reopen'"
    in_this_life = f"entry.id > ({reopened})"
    before = (
        "SELECT 1 FROM entry b WHERE b.case_id = entry.case_id AND b.move = 'dispatch' AND b.id < entry.id "
        "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.case_id = entry.case_id AND r.move = 'reopen' "
        "AND r.id BETWEEN b.id AND entry.id)"
    )
    set_ = [
        f"filed_at = ({_of_it('MAX(entry.at)', 'file', 'reopen')})",
        f"first_dispatched_at = ({_of_it('MIN(entry.at)', 'dispatch')} AND {in_this_life})",
        f"supervised_at = ({_of_it('MAX(entry.at)', 'supervise')})",
        f"second_dispatches = ({_of_it('COUNT(*)', 'dispatch')} AND EXISTS ({before}))",
        f"handed_back_by = ({_of_it('entry.by_user_id', 'hand_back')} AND {in_this_life} {_NEWEST})",
        # each of these stands until one of the moves beside it
        f"accepted_at = ({_standing('at', 'accept', 'dispatch', 'return', 'rework', 'reopen')})",
        f"returned_at = ({_standing('at', 'return', 'dispatch', 'close', 'void', 'reopen')})",
        f"verified_at = ({_standing('at', 'verify', 'rework', 'reopen')})",
        f"verified_by = ({_standing('by_user_id', 'verify', 'rework', 'reopen')})",
        f"suspended_at = CASE WHEN stage = 'suspended' THEN ({_of_it('MAX(entry.at)', 'suspend')}) END",
        "closed_how = CASE stage WHEN 'closed' THEN 'repaired' WHEN 'void' THEN 'void' END",
        "area_code = COALESCE((SELECT asset.area_code FROM asset WHERE asset.id = case_file.asset_id), '')",
    ]
    set_ += [f"{column} = ({_of_it('COUNT(*)', move)})" for column, move in _COUNTED.items()]
    op.execute(f"UPDATE case_file SET {', '.join(set_)}")  # noqa: S608 - constants of this module


_NEWEST = "ORDER BY entry.id DESC LIMIT 1"
_COUNTED = {
    "dispatches": "dispatch",
    "returns": "return",
    "reworks": "rework",
    "extensions": "extend",
    "suspensions": "suspend",
    "supervisions": "supervise",
    "reopens": "reopen",
}


def _of_it(what: str, *moves: str) -> str:
    """``what`` of the case's entries of these moves."""
    words = ", ".join(f"'{move}'" for move in moves)
    return f"SELECT {what} FROM entry WHERE entry.case_id = case_file.id AND entry.move IN ({words})"  # noqa: S608


def _standing(column: str, move: str, *undone_by: str) -> str:
    """``column`` of the newest ``move``, if none of the others came after it."""
    what = f"CASE entry.move WHEN '{move}' THEN entry.{column} END"
    return f"{_of_it(what, move, *undone_by)} {_NEWEST}"


def _public() -> None:
    """Reports of the public and of other platforms, the rules for taking them, the block list, rewards."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = registry.storage.times.UtcTime
    op.create_table(
        "public_rules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("created_by", key, nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_public_rules_created_by")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_public_rules")),
    )
    op.create_table(
        "report_block",
        sa.Column("id", key, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("shown", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("created_by", key, nullable=True),
        sa.Column("ends_at", moment(), nullable=True),
        sa.Column("lifted_at", moment(), nullable=True),
        sa.Column("lifted_by", key, nullable=True),
        sa.CheckConstraint("kind IN ('address', 'contact', 'photo')", name=op.f("ck_report_block_kind")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_report_block_created_by")),
        sa.ForeignKeyConstraint(["lifted_by"], ["app_user.id"], name=op.f("fk_report_block_lifted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_block")),
    )
    op.create_index(op.f("ix_report_block_kind_value"), "report_block", ["kind", "value"])
    op.create_index(op.f("ix_photo_sha256"), "photo", ["sha256"])
    with op.batch_alter_table("report") as batch_op:
        for column in (
            sa.Column("source", sa.String(length=10), server_default="citizen", nullable=False),
            sa.Column("kind", sa.String(length=40), server_default="reported", nullable=False),
            sa.Column("lon", sa.Float(), nullable=True),
            sa.Column("lat", sa.Float(), nullable=True),
            sa.Column("place_cell", sa.BigInteger(), nullable=True),
            sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
            sa.Column("address", sa.String(length=200), server_default="", nullable=False),
            sa.Column("reporter", sa.String(length=60), server_default="", nullable=False),
            sa.Column("person", sa.String(length=64), server_default="", nullable=False),
            sa.Column("sender", sa.String(length=64), server_default="", nullable=False),
            sa.Column("brought_by", key, nullable=True),
            sa.Column("foreign_id", sa.String(length=120), nullable=True),
            sa.Column("media_url", sa.Text(), server_default="", nullable=False),
            sa.Column("details", sa.JSON(), server_default="{}", nullable=False),
            sa.Column("score", sa.Integer(), nullable=True),
            sa.Column("score_words", sa.Text(), server_default="", nullable=False),
            sa.Column("scored_at", moment(), nullable=True),
            sa.Column("told_at", moment(), nullable=True),
            sa.Column("told_stage", sa.String(length=12), server_default="", nullable=False),
        ):
            batch_op.add_column(column)
        batch_op.create_foreign_key(batch_op.f("fk_report_brought_by"), "app_user", ["brought_by"], ["id"])
        batch_op.create_unique_constraint(batch_op.f("uq_report_brought_by_foreign_id"), ["brought_by", "foreign_id"])
        for columns in (["at"], ["sender", "at"], ["person", "at"], ["place_cell", "at"]):
            batch_op.create_index(batch_op.f(f"ix_report_{'_'.join(columns)}"), columns)
    op.create_table(
        "report_update",
        sa.Column("id", key, nullable=False),
        sa.Column("report_id", key, nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("recorded_at", moment(), nullable=False),
        sa.Column("status", sa.String(length=30), server_default="", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("media_url", sa.Text(), server_default="", nullable=False),
        sa.Column("brought_by", key, nullable=True),
        sa.Column("foreign_id", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(["brought_by"], ["app_user.id"], name=op.f("fk_report_update_brought_by")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_report_update_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_update")),
        sa.UniqueConstraint("brought_by", "foreign_id", name=op.f("uq_report_update_brought_by_foreign_id")),
    )
    op.create_index(op.f("ix_report_update_report_id"), "report_update", ["report_id"])
    op.create_table(
        "reward",
        sa.Column("id", key, nullable=False),
        sa.Column("report_id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("tariff_fen", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.Integer(), nullable=False),
        sa.Column("cap", sa.String(length=10), server_default="", nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("rules_version", sa.Integer(), nullable=False),
        sa.Column("proposed_at", moment(), nullable=False),
        sa.Column("proposed_by", key, nullable=True),
        sa.Column("decided_at", moment(), nullable=True),
        sa.Column("decided_by", key, nullable=True),
        sa.Column("decided_note", sa.Text(), server_default="", nullable=False),
        sa.Column("paid_at", moment(), nullable=True),
        sa.Column("paid_by", key, nullable=True),
        sa.Column("paid_note", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("(1)"), nullable=False),
        sa.CheckConstraint("state IN ('proposed', 'approved', 'refused', 'paid')", name=op.f("ck_reward_state")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_reward_case_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_reward_decided_by")),
        sa.ForeignKeyConstraint(["paid_by"], ["app_user.id"], name=op.f("fk_reward_paid_by")),
        sa.ForeignKeyConstraint(["proposed_by"], ["app_user.id"], name=op.f("fk_reward_proposed_by")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_reward_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reward")),
        sa.UniqueConstraint("report_id", name=op.f("uq_reward_report_id")),
    )
    for columns in (["state", "id"], ["month", "state"], ["person", "month"], ["case_id"]):
        op.create_index(op.f(f"ix_reward_{'_'.join(columns)}"), "reward", columns)


def _make_campaigns() -> None:
    """Shifts, patrols, campaigns, consultations, tasks from above."""
    op.create_table(
        "shift",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("from_min", sa.Integer(), nullable=False),
        sa.Column("until_min", sa.Integer(), nullable=False),
        sa.Column("days", sa.String(length=6), nullable=False),
        sa.Column("least", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.CheckConstraint("days IN ('every', 'work', 'free')", name=op.f("ck_shift_days")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_shift_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_shift_unit_id_name")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("purpose", sa.Text(), server_default="", nullable=False),
        sa.Column("leader", sa.String(length=80), server_default="", nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("family", sa.String(length=10), server_default="", nullable=False),
        sa.Column("scheme", sa.String(length=30), server_default="", nullable=False),
        sa.Column("class_code", sa.String(length=4), server_default="", nullable=False),
        sa.Column("case_kind", sa.String(length=40), server_default="", nullable=False),
        sa.Column("starts_on", sa.String(length=10), nullable=False),
        sa.Column("ends_on", sa.String(length=10), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=False),
        sa.Column("measured", sa.String(length=20), server_default="", nullable=False),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("ended_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_campaign_created_by")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_campaign_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )
    with op.batch_alter_table("campaign") as batch_op:
        batch_op.create_index(batch_op.f("ix_campaign_ends_on"), ["ends_on"], unique=False)

    op.create_table(
        "consultation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("held_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("place", sa.String(length=120), server_default="", nullable=False),
        sa.Column("chair", sa.String(length=80), server_default="", nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("minutes", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_consultation_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation")),
        sa.UniqueConstraint("year", "serial", name=op.f("uq_consultation_year_serial")),
    )
    with op.batch_alter_table("consultation") as batch_op:
        batch_op.create_index(batch_op.f("ix_consultation_held_at"), ["held_at"], unique=False)

    op.create_table(
        "mandate_list",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("issued_by", sa.String(length=80), server_default="", nullable=False),
        sa.Column("received_on", sa.String(length=10), nullable=False),
        sa.Column("file_name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_mandate_list_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandate_list")),
        sa.UniqueConstraint("sha256", name=op.f("uq_mandate_list_sha256")),
    )
    op.create_table(
        "shift_turn",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shift_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.String(length=80), server_default="", nullable=False),
        sa.Column("phone", sa.String(length=40), server_default="", nullable=False),
        sa.Column("starts_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ends_at", registry.storage.times.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_shift_turn_shift_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_shift_turn_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_turn")),
        sa.UniqueConstraint("shift_id", "day", "user_id", "name", name=op.f("uq_shift_turn_shift_id_day_user_id_name")),
    )
    with op.batch_alter_table("shift_turn") as batch_op:
        batch_op.create_index(batch_op.f("ix_shift_turn_day"), ["day"], unique=False)
        batch_op.create_index(batch_op.f("ix_shift_turn_ends_at_starts_at"), ["ends_at", "starts_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_shift_turn_user_id_ends_at"), ["user_id", "ends_at"], unique=False)

    op.create_table(
        "campaign_measure",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owner", sa.String(length=80), server_default="", nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=True),
        sa.Column("done_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("done_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_measure_campaign_id")),
        sa.ForeignKeyConstraint(["done_by"], ["app_user.id"], name=op.f("fk_campaign_measure_done_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_campaign_measure_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_measure")),
    )
    with op.batch_alter_table("campaign_measure") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_campaign_measure_campaign_id_position"), ["campaign_id", "position"], unique=False
        )

    op.create_table(
        "consultation_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("consultation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), server_default="", nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owner", sa.String(length=80), server_default="", nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=True),
        sa.Column("done_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("done_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("done_note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultation.id"], name=op.f("fk_consultation_item_consultation_id")
        ),
        sa.ForeignKeyConstraint(["done_by"], ["app_user.id"], name=op.f("fk_consultation_item_done_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_consultation_item_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation_item")),
    )
    with op.batch_alter_table("consultation_item") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_consultation_item_consultation_id_position"), ["consultation_id", "position"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_consultation_item_done_at_due_on"), ["done_at", "due_on"], unique=False)

    op.create_table(
        "patrol_plan",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("theme", sa.String(length=80), server_default="", nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("weekly", sa.Integer(), nullable=False),
        sa.Column("season_key", sa.String(length=40), server_default="", nullable=False),
        sa.Column("season_weekly", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("starts_on", sa.String(length=10), nullable=False),
        sa.Column("ends_on", sa.String(length=10), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_patrol_plan_campaign_id")),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_patrol_plan_created_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_patrol_plan_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_plan")),
        sa.UniqueConstraint("name", name=op.f("uq_patrol_plan_name")),
    )
    with op.batch_alter_table("patrol_plan") as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_plan_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "patrol_round",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("unannounced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("stops", sa.Integer(), nullable=True),
        sa.Column("visited", sa.Integer(), nullable=True),
        sa.Column("key_stops", sa.Integer(), nullable=True),
        sa.Column("key_visited", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["patrol_plan.id"], name=op.f("fk_patrol_round_plan_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_patrol_round_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_round")),
    )
    with op.batch_alter_table("patrol_round") as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_round_plan_id_day"), ["plan_id", "day"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_round_user_id_started_at"), ["user_id", "started_at"], unique=False)
        batch_op.create_index(
            "uq_patrol_round_open",
            ["user_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "patrol_stop",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("place_type", sa.String(length=40), server_default="", nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("radius_m", sa.Float(), nullable=False),
        sa.Column("key_point", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_patrol_stop_asset_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["patrol_plan.id"], name=op.f("fk_patrol_stop_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_stop")),
    )
    with op.batch_alter_table("patrol_stop") as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_stop_plan_id_position"), ["plan_id", "position"], unique=False)

    op.create_table(
        "consultation_case",
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_consultation_case_case_id")),
        sa.ForeignKeyConstraint(["item_id"], ["consultation_item.id"], name=op.f("fk_consultation_case_item_id")),
        sa.PrimaryKeyConstraint("item_id", "case_id", name=op.f("pk_consultation_case")),
    )
    with op.batch_alter_table("consultation_case") as batch_op:
        batch_op.create_index(batch_op.f("ix_consultation_case_case_id"), ["case_id"], unique=False)

    op.create_table(
        "mandate",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("list_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=200), server_default="", nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owner", sa.String(length=80), server_default="", nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("proof", sa.Text(), server_default="", nullable=False),
        sa.Column("photo_ids", sa.JSON(), nullable=False),
        sa.Column("done_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("done_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("struck_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("struck_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("state IN ('open', 'done', 'struck')", name=op.f("ck_mandate_state")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_mandate_asset_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_mandate_case_id")),
        sa.ForeignKeyConstraint(["done_by"], ["app_user.id"], name=op.f("fk_mandate_done_by")),
        sa.ForeignKeyConstraint(["list_id"], ["mandate_list.id"], name=op.f("fk_mandate_list_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["app_user.id"], name=op.f("fk_mandate_owner_id")),
        sa.ForeignKeyConstraint(["struck_by"], ["app_user.id"], name=op.f("fk_mandate_struck_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_mandate_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandate")),
        sa.UniqueConstraint("list_id", "number", name=op.f("uq_mandate_list_id_number")),
    )
    with op.batch_alter_table("mandate") as batch_op:
        batch_op.create_index(batch_op.f("ix_mandate_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mandate_owner_id_state"), ["owner_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_mandate_state_due_on"), ["state", "due_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_mandate_unit_id_state"), ["unit_id", "state"], unique=False)

    op.create_table(
        "patrol_finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("round_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("stop_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.String(length=40), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_patrol_finding_asset_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_patrol_finding_case_id")),
        sa.ForeignKeyConstraint(["round_id"], ["patrol_round.id"], name=op.f("fk_patrol_finding_round_id")),
        sa.ForeignKeyConstraint(["stop_id"], ["patrol_stop.id"], name=op.f("fk_patrol_finding_stop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_finding")),
    )
    with op.batch_alter_table("patrol_finding") as batch_op:
        batch_op.create_index(batch_op.f("ix_patrol_finding_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_patrol_finding_round_id_id"), ["round_id", "id"], unique=False)

    op.create_table(
        "patrol_visit",
        sa.Column("round_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stop_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("how", sa.String(length=6), nullable=False),
        sa.Column("distance_m", sa.Float(), nullable=True),
        sa.Column("scan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("how IN ('scan', 'place')", name=op.f("ck_patrol_visit_how")),
        sa.ForeignKeyConstraint(["round_id"], ["patrol_round.id"], name=op.f("fk_patrol_visit_round_id")),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name=op.f("fk_patrol_visit_scan_id")),
        sa.ForeignKeyConstraint(["stop_id"], ["patrol_stop.id"], name=op.f("fk_patrol_visit_stop_id")),
        sa.PrimaryKeyConstraint("round_id", "stop_id", name=op.f("pk_patrol_visit")),
    )
    op.create_table(
        "patrol_warning",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plan_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("round_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("sent_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("sent_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("answered_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("answered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["answered_by"], ["app_user.id"], name=op.f("fk_patrol_warning_answered_by")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_patrol_warning_asset_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_patrol_warning_case_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["patrol_plan.id"], name=op.f("fk_patrol_warning_plan_id")),
        sa.ForeignKeyConstraint(["round_id"], ["patrol_round.id"], name=op.f("fk_patrol_warning_round_id")),
        sa.ForeignKeyConstraint(["sent_by"], ["app_user.id"], name=op.f("fk_patrol_warning_sent_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_patrol_warning_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_warning")),
    )
    with op.batch_alter_table("patrol_warning") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_patrol_warning_answered_at_due_on"), ["answered_at", "due_on"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_patrol_warning_unit_id_answered_at"), ["unit_id", "answered_at"], unique=False
        )
        batch_op.create_index(
            "ix_patrol_warning_case",
            ["case_id"],
            unique=False,
            sqlite_where=sa.text("case_id IS NOT NULL"),
            postgresql_where=sa.text("case_id IS NOT NULL"),
        )

    op.create_table(
        "campaign_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("result", sa.String(length=12), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("before_photo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("after_photo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("before_value", sa.Float(), nullable=True),
        sa.Column("after_value", sa.Float(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "result IN ('good', 'mended', 'case', 'out_of_reach')", name=op.f("ck_campaign_item_result")
        ),
        sa.ForeignKeyConstraint(["after_photo_id"], ["photo.id"], name=op.f("fk_campaign_item_after_photo_id")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_campaign_item_asset_id")),
        sa.ForeignKeyConstraint(["before_photo_id"], ["photo.id"], name=op.f("fk_campaign_item_before_photo_id")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_campaign_item_by_user_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_item_campaign_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_campaign_item_case_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_campaign_item_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_item")),
        sa.UniqueConstraint("campaign_id", "asset_id", name=op.f("uq_campaign_item_campaign_id_asset_id")),
    )
    with op.batch_alter_table("campaign_item") as batch_op:
        batch_op.create_index(batch_op.f("ix_campaign_item_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_campaign_item_campaign_id_day"), ["campaign_id", "day"], unique=False)
        batch_op.create_index(
            "ix_campaign_item_case",
            ["case_id"],
            unique=False,
            sqlite_where=sa.text("case_id IS NOT NULL"),
            postgresql_where=sa.text("case_id IS NOT NULL"),
        )

    op.create_table(
        "mandate_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mandate_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("move", sa.String(length=12), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "move IN ('report', 'send_back', 'strike_off', 'reopen')", name=op.f("ck_mandate_entry_move")
        ),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_mandate_entry_by_user_id")),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandate.id"], name=op.f("fk_mandate_entry_mandate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandate_entry")),
    )
    with op.batch_alter_table("mandate_entry") as batch_op:
        batch_op.create_index(batch_op.f("ix_mandate_entry_mandate_id_id"), ["mandate_id", "id"], unique=False)


def _months() -> None:
    """Month-end evaluation: schemes, closed months, the cases behind their figures, corrections, awards."""
    op.create_table(
        "score_scheme",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("shipped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_score_scheme_created_by")),
        sa.PrimaryKeyConstraint("key", "version", name=op.f("pk_score_scheme")),
    )
    op.create_table(
        "month",
        sa.Column("key", sa.String(length=7), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("starts_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("ends_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("scheme_key", sa.String(length=40), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("published_revision", sa.Integer(), nullable=True),
        sa.Column("cases", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("asked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("closed_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("approved_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("approved_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("published_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("published_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("holder", sa.String(length=120), server_default="", nullable=False),
        sa.Column("held_until", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'counting', 'failed', 'closed', 'approved', 'published')", name=op.f("ck_month_state")
        ),
        sa.ForeignKeyConstraint(["approved_by"], ["app_user.id"], name=op.f("fk_month_approved_by")),
        sa.ForeignKeyConstraint(["asked_by"], ["app_user.id"], name=op.f("fk_month_asked_by")),
        sa.ForeignKeyConstraint(["published_by"], ["app_user.id"], name=op.f("fk_month_published_by")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_month")),
    )
    op.create_table(
        "month_case",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mask", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("class_key", sa.String(length=36), server_default="", nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("handled_s", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_month_case_case_id")),
        sa.ForeignKeyConstraint(["month"], ["month.key"], name=op.f("fk_month_case_month")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_month_case_unit_id")),
        sa.PrimaryKeyConstraint("month", "case_id", name=op.f("pk_month_case")),
    )
    with op.batch_alter_table("month_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_month_case_case_id"), ["case_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_month_case_month_unit_id_case_id"), ["month", "unit_id", "case_id"], unique=False
        )

    op.create_table(
        "month_figure",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sort", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=120), server_default="", nullable=False),
        sa.Column("name_en", sa.String(length=120), server_default="", nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("handled_s", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("handled_cases", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "sort IN ('city', 'unit', 'district', 'street', 'class', 'kind')", name=op.f("ck_month_figure_sort")
        ),
        sa.ForeignKeyConstraint(["month"], ["month.key"], name=op.f("fk_month_figure_month")),
        sa.PrimaryKeyConstraint("month", "revision", "sort", "subject", name=op.f("pk_month_figure")),
    )
    op.create_table(
        "month_standing",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("group_key", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=120), server_default="", nullable=False),
        sa.Column("name_en", sa.String(length=120), server_default="", nullable=False),
        sa.Column("points", sa.String(length=12), nullable=True),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("grade_zh", sa.String(length=20), server_default="", nullable=False),
        sa.Column("grade_en", sa.String(length=20), server_default="", nullable=False),
        sa.Column("streak", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["month"], ["month.key"], name=op.f("fk_month_standing_month")),
        sa.PrimaryKeyConstraint("month", "revision", "group_key", "subject", name=op.f("pk_month_standing")),
    )
    with op.batch_alter_table("month_standing", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_month_standing_group_key_subject_month"), ["group_key", "subject", "month"], unique=False
        )

    op.create_table(
        "month_correction",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("kind IN ('exempt', 'exclude', 'unit', 'recount')", name=op.f("ck_month_correction_kind")),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_month_correction_by_user_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_month_correction_case_id")),
        sa.ForeignKeyConstraint(["month"], ["month.key"], name=op.f("fk_month_correction_month")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_month_correction")),
    )
    with op.batch_alter_table("month_correction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_month_correction_month_id"), ["month", "id"], unique=False)

    op.create_table(
        "month_mark",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("group_key", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("row_key", sa.String(length=40), nullable=False),
        sa.Column("points", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_month_mark_by_user_id")),
        sa.ForeignKeyConstraint(["month"], ["month.key"], name=op.f("fk_month_mark_month")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_month_mark")),
    )
    with op.batch_alter_table("month_mark", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_month_mark_month_id"), ["month", "id"], unique=False)

    op.create_table(
        "unit_award",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("proposed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("kind IN ('reward', 'penalty')", name=op.f("ck_unit_award_kind")),
        sa.CheckConstraint("state IN ('proposed', 'approved', 'refused')", name=op.f("ck_unit_award_state")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_unit_award_case_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_unit_award_decided_by")),
        sa.ForeignKeyConstraint(["month"], ["month.key"], name=op.f("fk_unit_award_month")),
        sa.ForeignKeyConstraint(["proposed_by"], ["app_user.id"], name=op.f("fk_unit_award_proposed_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_award_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_award")),
    )
    with op.batch_alter_table("unit_award", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_award_month_id"), ["month", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_unit_award_state_id"), ["state", "id"], unique=False)


def _make_dispatching() -> None:
    """The dispatch table, the cases the worker has looked at, absences; where somebody was seen last."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = registry.storage.times.UtcTime
    op.create_table(
        "dispatch_line",
        sa.Column("id", key, nullable=False),
        sa.Column("applies", sa.String(length=10), server_default="always", nullable=False),
        sa.Column("kind", sa.String(length=40), server_default="", nullable=False),
        sa.Column("family", sa.String(length=10), server_default="", nullable=False),
        sa.Column("scheme", sa.String(length=30), server_default="", nullable=False),
        sa.Column("class_code", sa.String(length=4), server_default="", nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("grade", sa.String(length=20), server_default="", nullable=False),
        sa.Column("unit_id", key, nullable=True),
        sa.Column("whom", sa.String(length=10), server_default="best", nullable=False),
        sa.Column("automatic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.CheckConstraint("applies IN ('always', 'ownerless')", name=op.f("ck_dispatch_line_applies")),
        sa.CheckConstraint("whom IN ('best', 'post', 'nearest', 'least', 'queue')", name=op.f("ck_dispatch_line_whom")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_dispatch_line_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_line")),
        sa.UniqueConstraint(
            "applies",
            "kind",
            "family",
            "scheme",
            "class_code",
            "area_code",
            "grade",
            name=op.f("uq_dispatch_line_applies_kind_family_scheme_class_code_area_code_grade"),
        ),
    )
    op.create_table(
        "dispatch_look",
        sa.Column("case_id", key, nullable=False),
        sa.Column("case_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("looked_at", moment(), nullable=False),
        sa.Column("held", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case_file.id"], name=op.f("fk_dispatch_look_case_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_dispatch_look")),
    )
    op.create_table(
        "person_absence",
        sa.Column("id", key, nullable=False),
        sa.Column("user_id", key, nullable=False),
        sa.Column("first_on", sa.String(length=10), nullable=False),
        sa.Column("last_on", sa.String(length=10), nullable=True),
        sa.Column("note", sa.String(length=120), server_default="", nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("created_by", key, nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_person_absence_created_by")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_person_absence_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_absence")),
    )
    op.create_index(op.f("ix_person_absence_user_id_first_on"), "person_absence", ["user_id", "first_on"])
    op.create_index(
        "ix_scan_user_id_at",
        "scan",
        ["user_id", "at"],
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )

    op.create_table(
        "job_mark",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("last_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_mark")),
    )
    op.create_table(
        "supervision_counter",
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last_serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_supervision_counter")),
    )
    op.create_table(
        "aftercare",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recheck_days", sa.Integer(), nullable=False),
        sa.Column("recheck_times", sa.Integer(), nullable=False),
        sa.Column("inspect_like", sa.JSON(), nullable=False),
        sa.Column("inspect_days", sa.Integer(), nullable=False),
        sa.Column("inspect_most", sa.Integer(), nullable=False),
        sa.Column("inspect_gate", sa.Boolean(), nullable=False),
        sa.Column("repeat_days", sa.Integer(), nullable=False),
        sa.Column("repeat_m", sa.Float(), nullable=False),
        sa.Column("updated_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("updated_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["updated_by"], ["app_user.id"], name=op.f("fk_aftercare_updated_by")),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_aftercare")),
    )
    op.create_table(
        "supervision_notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("demand", sa.Text(), nullable=False),
        sa.Column("issuer", sa.String(length=120), nullable=False),
        sa.Column("issued_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("issued_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reply_by", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("withdrawn_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("withdrawn_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("withdrawn_why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["issued_by"], ["app_user.id"], name=op.f("fk_supervision_notice_issued_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_supervision_notice_unit_id")),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["app_user.id"], name=op.f("fk_supervision_notice_withdrawn_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_notice")),
        sa.UniqueConstraint("year", "serial", name=op.f("uq_supervision_notice_year_serial")),
    )
    with op.batch_alter_table("supervision_notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_supervision_notice_unit_id_id"), ["unit_id", "id"], unique=False)

    op.create_table(
        "case_repeat",
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("earlier_case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("same_asset", sa.Boolean(), nullable=False),
        sa.Column("distance_m", sa.Float(), nullable=True),
        sa.Column("found_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("measure", sa.Text(), server_default="", nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("measure_by", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("answered_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("answered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("done_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("done_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["answered_by"], ["app_user.id"], name=op.f("fk_case_repeat_answered_by")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_repeat_case_id")),
        sa.ForeignKeyConstraint(["done_by"], ["app_user.id"], name=op.f("fk_case_repeat_done_by")),
        sa.ForeignKeyConstraint(["earlier_case_id"], ["case_file.id"], name=op.f("fk_case_repeat_earlier_case_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_case_repeat_unit_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_repeat")),
    )
    with op.batch_alter_table("case_repeat", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_repeat_earlier_case_id"), ["earlier_case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_case_repeat_found_at"), ["found_at"], unique=False)

    op.create_table(
        "inspection",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("likes", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("gate", sa.Boolean(), nullable=False),
        sa.Column("opened_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("opened_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("due_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("cut", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("ended_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("state IN ('open', 'done', 'waived')", name=op.f("ck_inspection_state")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_inspection_case_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_inspection_ended_by")),
        sa.ForeignKeyConstraint(["opened_by"], ["app_user.id"], name=op.f("fk_inspection_opened_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_inspection_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
        sa.UniqueConstraint("case_id", name=op.f("uq_inspection_case_id")),
    )
    with op.batch_alter_table("inspection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inspection_state_due_at"), ["state", "due_at"], unique=False)

    op.create_table(
        "recheck",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("due_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("planned_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("reminded_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("done_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("done_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("photo_ids", sa.JSON(), server_default="[]", nullable=False),
        sa.CheckConstraint("state IN ('due', 'passed', 'failed', 'dropped')", name=op.f("ck_recheck_state")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_recheck_case_id")),
        sa.ForeignKeyConstraint(["done_by"], ["app_user.id"], name=op.f("fk_recheck_done_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_recheck_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recheck")),
        sa.UniqueConstraint("case_id", "round", "turn", name=op.f("uq_recheck_case_id_round_turn")),
    )
    with op.batch_alter_table("recheck", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recheck_state_due_at"), ["state", "due_at"], unique=False)

    op.create_table(
        "supervision_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("notice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("came_along", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("area_code", sa.String(length=15), server_default="", nullable=False),
        sa.Column("place", sa.String(length=200), server_default="", nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("demand", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opened_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("opened_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("deadline_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("replied_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("replied_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ended_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("ended_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'replied', 'struck_off', 'withdrawn')", name=op.f("ck_supervision_item_state")
        ),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_supervision_item_asset_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_supervision_item_case_id")),
        sa.ForeignKeyConstraint(["ended_by"], ["app_user.id"], name=op.f("fk_supervision_item_ended_by")),
        sa.ForeignKeyConstraint(["notice_id"], ["supervision_notice.id"], name=op.f("fk_supervision_item_notice_id")),
        sa.ForeignKeyConstraint(["opened_by"], ["app_user.id"], name=op.f("fk_supervision_item_opened_by")),
        sa.ForeignKeyConstraint(["replied_by"], ["app_user.id"], name=op.f("fk_supervision_item_replied_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_supervision_item_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_item")),
    )
    with op.batch_alter_table("supervision_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_supervision_item_case_id_id"), ["case_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_supervision_item_notice_id"), ["notice_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_supervision_item_opened_at"), ["opened_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_supervision_item_state_deadline_at"), ["state", "deadline_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_supervision_item_unit_id_state_id"), ["unit_id", "state", "id"], unique=False
        )
        batch_op.create_index(
            "uq_supervision_item_case",
            ["case_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('open', 'replied') AND NOT came_along"),
            postgresql_where=sa.text("state IN ('open', 'replied') AND NOT came_along"),
        )

    op.create_table(
        "typical_case",
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("quarter", sa.String(length=6), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("lesson", sa.Text(), nullable=False),
        sa.Column("marked_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("marked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_typical_case_case_id")),
        sa.ForeignKeyConstraint(["marked_by"], ["app_user.id"], name=op.f("fk_typical_case_marked_by")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_typical_case")),
    )
    with op.batch_alter_table("typical_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_typical_case_quarter_marked_at"), ["quarter", "marked_at"], unique=False)

    op.create_table(
        "inspection_item",
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("likes", sa.JSON(), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("looked_at", registry.storage.times.UtcTime(), nullable=True),
        sa.Column("looked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("result IN ('waiting', 'fine', 'wrong', 'gone')", name=op.f("ck_inspection_item_result")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_inspection_item_asset_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_inspection_item_case_id")),
        sa.ForeignKeyConstraint(["inspection_id"], ["inspection.id"], name=op.f("fk_inspection_item_inspection_id")),
        sa.ForeignKeyConstraint(["looked_by"], ["app_user.id"], name=op.f("fk_inspection_item_looked_by")),
        sa.PrimaryKeyConstraint("inspection_id", "asset_id", name=op.f("pk_inspection_item")),
    )
    with op.batch_alter_table("inspection_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inspection_item_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(
            "ix_inspection_item_case",
            ["case_id"],
            unique=False,
            sqlite_where=sa.text("case_id IS NOT NULL"),
            postgresql_where=sa.text("case_id IS NOT NULL"),
        )

    op.create_table(
        "supervision_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("move", sa.String(length=20), nullable=False),
        sa.Column("by_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["by_user_id"], ["app_user.id"], name=op.f("fk_supervision_entry_by_user_id")),
        sa.ForeignKeyConstraint(["item_id"], ["supervision_item.id"], name=op.f("fk_supervision_entry_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_entry")),
    )
    with op.batch_alter_table("supervision_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_supervision_entry_item_id_id"), ["item_id", "id"], unique=False)

    op.create_table(
        "supervision_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("added_at", registry.storage.times.UtcTime(), nullable=False),
        sa.Column("added_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["app_user.id"], name=op.f("fk_supervision_file_added_by")),
        sa.ForeignKeyConstraint(["entry_id"], ["supervision_entry.id"], name=op.f("fk_supervision_file_entry_id")),
        sa.ForeignKeyConstraint(["item_id"], ["supervision_item.id"], name=op.f("fk_supervision_file_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_file")),
    )
    with op.batch_alter_table("supervision_file", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_supervision_file_item_id"), ["item_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_supervision_file_sha256"), ["sha256"], unique=False)
