"""Sending what is due by one channel: each notice is claimed, sent outside any transaction, then marked.

A row left in ``sending`` by a process that died is judged by what is known of it (docs/adr/0015): sent again when it
had not left our hands, or when the receiver recognises a repeat; else it stays unsent and says that it is in doubt.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, and_, exists, func, literal, or_, select, update

from registry.domain.kinds import AlertState, ChannelKind, GroupState, NoticeKind, NoticeState
from registry.domain.notices import CHANNEL_PAUSE, GIVE_UP_AFTER, pause_after
from registry.notices import ways
from registry.notices.outgoing import Outgoing, SendFailed
from registry.notices.prometheus import keep_alive
from registry.notices.texts import Place
from registry.services.notice_cases import case_facts
from registry.services.notice_facts import alert_subjects, group_subjects
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_group, channel, contact, notice
from registry.storage.times import UtcTime

log = structlog.get_logger(__name__)

ALONE_AFTER = timedelta(minutes=3)
"""No try takes this long: a row that has been ``sending`` for longer belongs to a process that is gone."""

DOUBTFUL = "doubtful"
"""The reason of a notice that may have arrived and is not sent again."""

Clock = Callable[[], datetime]

_ALARMS = (NoticeKind.ALARM.value, NoticeKind.ESCALATION.value)
_OPEN = (NoticeState.WAITING.value, NoticeState.SENDING.value)
_MOST_LIVE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """One notice that is ours to send, and by what."""

    id: int
    channel_id: int
    channel_kind: ChannelKind
    address: str
    attempts: int
    created_at: datetime
    notice: Outgoing


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the notices of one round."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0


def due_channels(engine: Engine, *, now: datetime) -> list[int]:
    """Channels by which something is to be sent now."""
    query = (
        select(contact.c.channel_id)
        .distinct()
        .join_from(notice, contact, contact.c.id == notice.c.contact_id)
        .join(channel, channel.c.id == contact.c.channel_id)
        .where(notice.c.state == NoticeState.WAITING, notice.c.due_at <= now, contact.c.enabled, channel.c.enabled)
    )
    with reading(engine) as tx:
        return list(tx.scalars(query))


def send_due(
    engine: Engine,
    channel_id: int,
    *,
    place: Place,
    clock: Clock,
    ends: Callable[[], bool] = lambda: False,
    most: int = 100,
) -> Tally:
    """Send what is due by one channel, the worst first, until nothing is, ``ends`` says so, or it is out of order."""
    tally = Tally()
    while tally.sent + tally.failed + tally.dropped < most and not ends():
        claimed = _claim(engine, channel_id, place, clock())
        if claimed is None:
            break
        if claimed.notice.kind is NoticeKind.ALL_CLEAR and not _was_told(engine, claimed.id):
            _mark(engine, claimed.id, state=NoticeState.DROPPED.value, reason="alarm_failed")
            tally.dropped += 1
            continue
        failure = _send(engine, claimed, clock)
        if failure is None:
            tally.sent += 1
            continue
        tally.failed += 1
        if not (failure.one_only or failure.doubtful):
            break
    return tally


def _send(engine: Engine, claimed: Claimed, clock: Clock) -> SendFailed | None:
    """Send one and mark it; what went wrong, None when nothing did."""

    def handing_over() -> None:
        _mark(engine, claimed.id, handed_at=clock())

    began = time.monotonic()
    try:
        ways.send(claimed.channel_kind, claimed.address, claimed.notice, handing_over, now=clock())
    except SendFailed as error:
        now = clock()
        with writing(engine) as tx:
            _note_failure(tx, claimed, error, now)
        log.warning("notice_not_sent", notice_id=claimed.id, channel_id=claimed.channel_id, attempts=claimed.attempts)
        return error
    with writing(engine) as tx:
        _note_sent(tx, claimed, took_s=time.monotonic() - began, now=clock())
    log.info("notice_sent", notice_id=claimed.id, channel_id=claimed.channel_id, attempts=claimed.attempts)
    return None


def _claim(engine: Engine, channel_id: int, place: Place, now: datetime) -> Claimed | None:
    """Take the next notice of a channel. An all-clear waits until what it is about has gone or has been given up."""
    before = notice.alias("before")
    same = or_(before.c.alert_id == notice.c.alert_id, before.c.group_id == notice.c.group_id)
    unsettled = exists().where(
        same, before.c.contact_id == notice.c.contact_id, before.c.kind.in_(_ALARMS), before.c.state.in_(_OPEN)
    )
    query = (
        _with_channel()
        .where(
            contact.c.channel_id == channel_id,
            notice.c.state == NoticeState.WAITING,
            notice.c.due_at <= now,
            contact.c.enabled,
            channel.c.enabled,
            or_(notice.c.kind != NoticeKind.ALL_CLEAR, ~unsettled),
        )
        .order_by(notice.c.severity.desc(), notice.c.due_at, notice.c.id)
        .limit(1)
    )
    with writing(engine) as tx:
        row = tx.execute(query).first()
        if row is None:
            return None
        taken = (
            update(notice)
            .where(notice.c.id == row.id, notice.c.state == NoticeState.WAITING)
            .values(state=NoticeState.SENDING.value, tried_at=now, attempts=notice.c.attempts + 1, handed_at=None)
        )
        if not tx.execute(taken).rowcount:
            return None
        return Claimed(
            id=row.id,
            channel_id=channel_id,
            channel_kind=ChannelKind(row.channel_kind),
            address=row.channel_address,
            attempts=row.attempts + 1,
            created_at=row.created_at,
            notice=_outgoing(tx, [row], place)[0],
        )


def _with_channel() -> Any:
    return (
        select(
            notice,
            contact.c.address.label("to"),
            contact.c.language,
            channel.c.kind.label("channel_kind"),
            channel.c.address.label("channel_address"),
        )
        .join_from(notice, contact, contact.c.id == notice.c.contact_id)
        .join(channel, channel.c.id == contact.c.channel_id)
    )


def _outgoing(tx: Connection, rows: list[Row[Any]], place: Place) -> list[Outgoing]:
    """Rows of ``_with_channel`` as they leave; programs are given the facts too."""
    programs = [row for row in rows if row.channel_kind != ChannelKind.APPRISE]
    alerts = alert_subjects(tx, {row.alert_id for row in programs if row.alert_id is not None})
    groups = group_subjects(tx, {row.group_id for row in programs if row.group_id is not None})
    told = [row for row in programs if row.kind == NoticeKind.CASE]
    cases = case_facts(tx, {row.case_id for row in told if row.case_id is not None})
    return [
        Outgoing(
            key=row.key,
            kind=NoticeKind(row.kind),
            severity=row.severity,
            title=row.title,
            text=row.body,
            created_at=row.created_at,
            link=place.link(_path(row)),
            language=row.language,
            to=row.to,
            facts=alerts[row.alert_id].facts
            if row.alert_id in alerts
            else groups[row.group_id].facts
            if row.group_id in groups
            else cases.get(row.case_id)
            if row.kind == NoticeKind.CASE
            else None,
            told=_severities(tx, row) if row in programs and row.kind != NoticeKind.CASE else (),
        )
        for row in rows
    ]


def _path(row: Row[Any]) -> str:
    if row.alert_id is not None:
        return f"/alerts/{row.alert_id}"
    if row.kind == NoticeKind.CASE:
        return f"/cases/{row.case_id}" if row.case_id is not None else "/supervision"
    return f"/alert-groups/{row.group_id}" if row.group_id is not None else "/alerts"


def _severities(tx: Connection, row: Row[Any]) -> tuple[int, ...]:
    """At which severities the receiver was told of it before: an Alertmanager knows each as an alert of its own."""
    same = or_(notice.c.alert_id == row.alert_id, notice.c.group_id == row.group_id)
    query = select(notice.c.severity).distinct()
    sent = query.where(
        same, notice.c.contact_id == row.contact_id, notice.c.kind.in_(_ALARMS), notice.c.state == NoticeState.SENT
    )
    return tuple(tx.scalars(sent))


def _was_told(engine: Engine, notice_id: int) -> bool:
    """Whether the contact of an all-clear really got the alarm."""
    over, told = notice.alias("over"), notice
    query = select(told.c.id).join_from(
        over,
        told,
        and_(
            told.c.contact_id == over.c.contact_id,
            or_(told.c.alert_id == over.c.alert_id, told.c.group_id == over.c.group_id),
            told.c.kind.in_(_ALARMS),
            told.c.state == NoticeState.SENT,
        ),
    )
    with reading(engine) as tx:
        return tx.execute(query.where(over.c.id == notice_id).limit(1)).first() is not None


def _mark(engine: Engine, notice_id: int, **values: object) -> None:
    with writing(engine) as tx:
        tx.execute(update(notice).where(notice.c.id == notice_id).values(**values))


def _note_sent(tx: Connection, claimed: Claimed, *, took_s: float, now: datetime) -> None:
    sent = {"state": NoticeState.SENT.value, "sent_at": now, "reason": ""}
    tx.execute(update(notice).where(notice.c.id == claimed.id).values(**sent, took_s=took_s))
    if claimed.notice.kind is NoticeKind.DIGEST:
        tx.execute(update(notice).where(notice.c.digest_id == claimed.id).values(state=sent["state"], sent_at=now))
    mended = (
        update(channel)
        .where(channel.c.id == claimed.channel_id, channel.c.failing_since.is_not(None))
        .values(failing_since=None, last_error="")
    )
    if tx.execute(mended).rowcount:
        tx.execute(_waiting_by(claimed.channel_id).where(notice.c.attempts > 0).values(due_at=now))


def _note_failure(tx: Connection, claimed: Claimed, error: SendFailed, now: datetime) -> None:
    change: dict[str, Any] = {"state": NoticeState.WAITING.value, "reason": error.problem}
    if error.doubtful:
        change = {"state": NoticeState.FAILED.value, "reason": DOUBTFUL}
    elif now - claimed.created_at >= GIVE_UP_AFTER:
        change["state"] = NoticeState.FAILED.value
    else:
        change["due_at"] = now + pause_after(claimed.attempts, claimed.notice.severity)
    tx.execute(update(notice).where(notice.c.id == claimed.id).values(**change))
    if change["state"] == NoticeState.FAILED.value:
        _fail_members(tx, [claimed.id], change["reason"])
    if error.one_only or error.doubtful:
        return
    _note_out_of_order(tx, claimed.channel_id, error.problem, now)


def _note_out_of_order(tx: Connection, channel_id: int, problem: str, now: datetime) -> None:
    tx.execute(
        update(channel)
        .where(channel.c.id == channel_id)
        .values(failing_since=func.coalesce(channel.c.failing_since, literal(now, UtcTime)), last_error=problem)
    )
    soon = now + CHANNEL_PAUSE
    tx.execute(_waiting_by(channel_id).where(notice.c.due_at < soon).values(due_at=soon))


def _waiting_by(channel_id: int) -> Any:
    contacts = select(contact.c.id).where(contact.c.channel_id == channel_id)
    return update(notice).where(notice.c.state == NoticeState.WAITING, notice.c.contact_id.in_(contacts))


def _fail_members(tx: Connection, digest_ids: list[int], reason: str) -> None:
    members = update(notice).where(notice.c.digest_id.in_(digest_ids), notice.c.state == NoticeState.HELD)
    tx.execute(members.values(state=NoticeState.FAILED.value, reason=reason))


def settle(engine: Engine, *, now: datetime) -> int:
    """Judge rows whose sender is gone, and give up what waited for a day (a channel switched off); how many."""
    alone = _with_channel().where(notice.c.state == NoticeState.SENDING, notice.c.tried_at < now - ALONE_AFTER)
    tired = select(notice.c.id).where(
        notice.c.state == NoticeState.WAITING, notice.c.due_at < now - GIVE_UP_AFTER, notice.c.attempts == 0
    )
    with reading(engine) as tx:
        if tx.execute(alone.limit(1)).first() is None and tx.execute(tired.limit(1)).first() is None:
            return 0
    with writing(engine) as tx:
        rows = tx.execute(alone).all()
        again: list[int] = []
        doubtful: list[int] = []
        for row in rows:
            known = ways.recognises_repeats(ChannelKind(row.channel_kind))
            trial = row.kind == NoticeKind.TRIAL
            (again if not trial and (known or row.handed_at is None) else doubtful).append(row.id)
        tx.execute(update(notice).where(notice.c.id.in_(again)).values(state=NoticeState.WAITING.value, due_at=now))
        failed = {"state": NoticeState.FAILED.value, "reason": DOUBTFUL}
        tx.execute(update(notice).where(notice.c.id.in_(doubtful)).values(failed))
        given_up = list(tx.scalars(tired))
        unsent = {"state": NoticeState.FAILED.value, "reason": "channel_off"}
        tx.execute(update(notice).where(notice.c.id.in_(given_up)).values(unsent))
        _fail_members(tx, doubtful, DOUBTFUL)
        _fail_members(tx, given_up, "channel_off")
    for notice_id in doubtful:
        log.error("notice_in_doubt", notice_id=notice_id)
    return len(rows) + len(given_up)


def alertmanagers(engine: Engine) -> list[int]:
    """Channels into an Alertmanager: what goes on there must be sent again before it is forgotten."""
    query = select(channel.c.id).where(channel.c.kind == ChannelKind.ALERTMANAGER, channel.c.enabled)
    with reading(engine) as tx:
        return list(tx.scalars(query))


def keep_firing(engine: Engine, channel_id: int, *, place: Place, clock: Clock) -> int:
    """Send again what an Alertmanager was told and what still goes on; how many. Marks the channel when it is away."""
    live_alert = exists().where(alert.c.id == notice.c.alert_id, alert.c.state == AlertState.FIRING)
    live_group = exists().where(alert_group.c.id == notice.c.group_id, alert_group.c.state == GroupState.OPEN)
    query = (
        _with_channel()
        .where(
            contact.c.channel_id == channel_id,
            notice.c.kind.in_(_ALARMS),
            notice.c.state == NoticeState.SENT,
            or_(live_alert, live_group),
        )
        .order_by(notice.c.id.desc())
        .limit(_MOST_LIVE)
    )
    with reading(engine) as tx:
        rows = list({(row.alert_id, row.group_id): row for row in reversed(tx.execute(query).all())}.values())
        notices = _outgoing(tx, rows, place)
    if not notices:
        return 0
    try:
        keep_alive(rows[0].channel_address, notices, now=clock())
    except SendFailed as error:
        with writing(engine) as tx:
            _note_out_of_order(tx, channel_id, error.problem, clock())
        return 0
    with writing(engine) as tx:
        fine = update(channel).where(channel.c.id == channel_id, channel.c.failing_since.is_not(None))
        tx.execute(fine.values(failing_since=None, last_error=""))
    return len(notices)
