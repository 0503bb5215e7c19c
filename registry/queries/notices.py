"""Reading notices: the log, who was told of one alert, and which channels are out of order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, func, or_, select

from registry.domain.kinds import ChannelKind, NoticeKind, NoticeState
from registry.queries.asset_filters import digits_begin
from registry.queries.paging import Page, check_limit, decode_id, page_of
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.tables import alert, alert_group, asset, case, channel, contact, notice

REASONS = (
    *("quiet", "digest", "limit", "silence", "silence_over", "doubtful"),
    *("alarm_failed", "channel_off", "contact_off"),
)
"""Reasons that are words of ours; any other is what the receiver said."""

FAILED_TOLD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter:
    """What the log is narrowed to; None: not narrowed."""

    state: NoticeState | None = None
    kind: NoticeKind | None = None
    contact_id: int | None = None
    alert_id: int | None = None
    group_id: int | None = None
    case_id: int | None = None


class NoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One notice. ``reason_code`` is one of ``REASONS`` or ""; ``reason`` then is what belongs to it, else all of it.

    Of what went into a digest, ``digest_id`` is the message that told it. ``took_s``: how long its receiver took.
    """

    id: int
    kind: NoticeKind
    state: NoticeState
    alert_id: int | None
    group_id: int | None
    case_id: int | None
    contact_id: int
    contact_name: str
    channel_id: int
    channel_name: str
    channel_kind: ChannelKind
    step: int
    severity: int
    title: str
    body: str
    created_at: datetime
    due_at: datetime
    attempts: int
    tried_at: datetime | None
    sent_at: datetime | None
    took_s: float | None
    digest_id: int | None
    reason_code: str
    reason: str


class NoticeTroubles(msgspec.Struct, frozen=True, kw_only=True):
    """What of telling people somebody should look after: channels out of order, notices given up in the last week."""

    channels: list[ChannelTrouble]
    failed: int
    waiting: int


class ChannelTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """A channel by which nothing gets out."""

    id: int
    name: str
    failing_since: datetime
    last_error: str


def list_notices(
    engine: Engine,
    wanted: NoticeFilter = NoticeFilter(),
    *,
    scope: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Page[NoticeRow]:
    """Notices, the newest first; within the area ``scope`` only what is about it. Raises ``InvalidInput``."""
    conditions = _conditions(wanted)
    if scope:
        conditions.append(_in_area(scope))
    if after is not None:
        conditions.append(notice.c.id < decode_id(after))
    query = _joined().where(*conditions).order_by(notice.c.id.desc()).limit(check_limit(limit) + 1)
    with reading(engine) as tx:
        rows = [_row(row) for row in tx.execute(query)]
    return page_of(rows, limit, lambda row: (row.id,))


def notices_of_alert(engine: Engine, alert_id: int) -> list[NoticeRow]:
    """Who was told of an alert, by itself or as a member of its group, in the order in which it was decided."""
    group_id = select(alert.c.group_id).where(alert.c.id == alert_id, alert.c.group_id.is_not(None)).scalar_subquery()
    query = _joined().where(or_(notice.c.alert_id == alert_id, notice.c.group_id == group_id)).order_by(notice.c.id)
    with reading(engine) as tx:
        return [_row(row) for row in tx.execute(query.limit(500))]


def notices_of_group(engine: Engine, group_id: int) -> list[NoticeRow]:
    """Who was told of a group as a whole, in the order in which it was decided."""
    query = _joined().where(notice.c.group_id == group_id).order_by(notice.c.id)
    with reading(engine) as tx:
        return [_row(row) for row in tx.execute(query.limit(500))]


def notice_troubles(engine: Engine, *, now: datetime) -> NoticeTroubles:
    """What to show among the repairs."""
    failing = (
        select(channel.c.id, channel.c.name, channel.c.failing_since, channel.c.last_error)
        .where(channel.c.enabled, channel.c.failing_since.is_not(None))
        .order_by(channel.c.failing_since)
    )
    failed = (
        select(func.count())
        .select_from(notice)
        .where(notice.c.state == NoticeState.FAILED, notice.c.created_at > now - FAILED_TOLD_FOR)
    )
    late = select(func.count()).select_from(notice).where(notice.c.state == NoticeState.WAITING, notice.c.attempts > 0)
    with reading(engine) as tx:
        channels = [as_view(row._mapping, ChannelTrouble) for row in tx.execute(failing)]
        return NoticeTroubles(channels=channels, failed=int(tx.scalar(failed) or 0), waiting=int(tx.scalar(late) or 0))


def _joined() -> Select[Any]:
    return (
        select(
            notice,
            contact.c.name.label("contact_name"),
            contact.c.channel_id,
            channel.c.name.label("channel_name"),
            channel.c.kind.label("channel_kind"),
        )
        .join_from(notice, contact, contact.c.id == notice.c.contact_id)
        .join(channel, channel.c.id == contact.c.channel_id)
    )


def _conditions(wanted: NoticeFilter) -> list[ColumnElement[bool]]:
    return [
        column == value
        for column, value in (
            (notice.c.state, wanted.state),
            (notice.c.kind, wanted.kind),
            (notice.c.contact_id, wanted.contact_id),
            (notice.c.alert_id, wanted.alert_id),
            (notice.c.group_id, wanted.group_id),
            (notice.c.case_id, wanted.case_id),
        )
        if value is not None
    ]


def _in_area(scope: str) -> ColumnElement[bool]:
    alerts = (
        select(alert.c.id)
        .join_from(alert, asset, asset.c.id == alert.c.asset_id)
        .where(alert.c.id == notice.c.alert_id, digits_begin(asset.c.area_code, scope))
    )
    groups = select(alert_group.c.id).where(
        alert_group.c.id == notice.c.group_id, digits_begin(alert_group.c.area_code, scope)
    )
    cases = select(case.c.id).where(case.c.id == notice.c.case_id, digits_begin(case.c.lies_in, scope))
    return or_(alerts.exists(), groups.exists(), cases.exists())


def _row(row: Any) -> NoticeRow:
    code, _, more = row.reason.partition(" ")
    known = code in REASONS
    shown = {"reason_code": code if known else "", "reason": more if known else row.reason}
    return as_view(row._mapping, NoticeRow, **shown)
