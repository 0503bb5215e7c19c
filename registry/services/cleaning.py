"""Forgetting what was only of the moment: live events after days, dead letters and commands after months.

Records stay for ever, and so does the audit, which tells who ordered which command.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Engine, Select, Table, and_, delete, exists, func, not_, select

from registry.domain.commands import CommandKind, CommandState
from registry.domain.kinds import AlertState, GroupState, NoticeState
from registry.storage.database import writing
from registry.storage.tables import alert, alert_group, cabinet_command, case_event, dead_letter, feed, notice


class Cleaned(NamedTuple):
    """How many rows went."""

    feed: int
    dead_letters: int
    commands: int
    notices: int
    case_events: int = 0


def clean_up(
    engine: Engine,
    *,
    now: datetime,
    keep_feed: timedelta,
    keep_letters: timedelta,
    keep_commands: timedelta,
    keep_notices: timedelta,
    batch: int = 5000,
) -> Cleaned:
    """Drop what is older than it is kept; at most ``batch`` rows a transaction.

    Of commands only those that have ended, counted from their end; what a cabinet last told of itself stays. Of
    notices only those about what is over: while an alert is live they say who was told already.
    """
    old = now - keep_commands
    return Cleaned(
        feed=_forget(engine, feed, feed.c.at, feed.c.at < now - keep_feed, batch),
        dead_letters=_forget(engine, dead_letter, dead_letter.c.at, dead_letter.c.at < now - keep_letters, batch),
        commands=_forget(
            engine,
            cabinet_command,
            cabinet_command.c.decided_at,
            and_(cabinet_command.c.decided_at < old, cabinet_command.c.id.not_in(_last_descriptions())),
            batch,
        ),
        notices=_forget(engine, notice, notice.c.created_at, _told_long_ago(now - keep_notices), batch),
        case_events=_forget(
            engine,
            case_event,
            case_event.c.at,
            and_(case_event.c.at < now - keep_notices, case_event.c.planned_at.is_not(None)),
            batch,
        ),
    )


def _told_long_ago(moment: datetime) -> ColumnElement[bool]:
    gathered = notice.alias("gathered")
    return and_(
        notice.c.created_at < moment,
        notice.c.state.not_in([NoticeState.WAITING, NoticeState.SENDING, NoticeState.HELD]),
        not_(exists().where(alert.c.id == notice.c.alert_id, alert.c.state == AlertState.FIRING)),
        not_(exists().where(alert_group.c.id == notice.c.group_id, alert_group.c.state == GroupState.OPEN)),
        # a digest goes after what it gathered
        not_(exists().where(gathered.c.digest_id == notice.c.id)),
    )


def _last_descriptions() -> Select[tuple[int]]:
    described = (
        cabinet_command.c.kind == CommandKind.DESCRIBE.value,
        cabinet_command.c.state == CommandState.DONE.value,
    )
    return select(func.max(cabinet_command.c.id)).where(*described).group_by(cabinet_command.c.cabinet_id)


def _forget(engine: Engine, table: Table, age: Column[Any], is_old: ColumnElement[bool], batch: int) -> int:
    gone = 0
    while True:
        oldest = select(table.c.id).where(is_old).order_by(age).limit(batch)
        with writing(engine) as tx:
            step = tx.execute(delete(table).where(table.c.id.in_(oldest.scalar_subquery()))).rowcount
        gone += step
        if step < batch:
            return gone
