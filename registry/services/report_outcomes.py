"""Telling reporters the outcome at the contact they left, by the channel that the rules name. Once an outcome.

The status page tells them all along; this is for those who will not look. A contact is never written to a log.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, select, update

from registry.domain.kinds import ENDED_STAGES, ChannelKind, ClosedHow, NoticeKind, Stage
from registry.domain.report_numbers import report_number
from registry.notices import ways
from registry.notices.outgoing import Outgoing, SendFailed
from registry.notices.texts import Place
from registry.services.public_rules import rules_in_force
from registry.storage.database import reading, writing
from registry.storage.tables import case, channel, report

log = structlog.get_logger(__name__)

LOOK_BACK = timedelta(days=3)
"""A contact is not told of what ended longer ago: news that late is none."""

BATCH = 50

_CLOSED = "您反映的问题（受理号 {number}）已办结，感谢您的反映。点开链接可查看进度并评价。"
_DECLINED = "您反映的问题（受理号 {number}）经核实不属于受理范围，未予立案。点开链接可查看。"
_VOID = "您反映的问题（受理号 {number}）经核实未发现问题或不符合立案条件，已作记录。点开链接可查看。"


def tell_outcomes(engine: Engine, *, place: Place, now: datetime) -> int:
    """Tell up to ``BATCH`` reporters whose case ended; answers how many were told.

    Each is claimed before it is sent, so that nobody is told twice; one that could not be sent is given back and tried
    again in the next round, for as long as it is news.
    """
    with reading(engine) as tx:
        way = _way(tx)
        due = _due(tx, now) if way is not None else []
    if way is None:
        return 0
    told = 0
    for row in due:
        if not _claim(engine, row, now):
            continue
        try:
            ways.send(ChannelKind(way.kind), way.address, _words(row, place), _nothing, now=now)
        except SendFailed as error:
            log.warning("outcome_not_sent", report_id=row.id, problem=error.problem)
            if not error.doubtful and not error.one_only:
                _give_back(engine, row)
                break
            continue
        told += 1
    return told


def _way(tx: Connection) -> Any:
    channel_id = rules_in_force(tx).rules.outcome_channel_id
    if channel_id is None:
        return None
    return tx.execute(select(channel).where(channel.c.id == channel_id, channel.c.enabled)).first()


def _due(tx: Connection, now: datetime) -> list[Any]:
    ended = [stage.value for stage in sorted(ENDED_STAGES)]
    rows = tx.execute(
        select(
            report.c.id,
            report.c.key,
            report.c.contact,
            report.c.told_stage,
            report.c.told_at,
            case.c.stage,
            case.c.closed_how,
            case.c.ended_at,
        )
        .join_from(case, report, report.c.case_id == case.c.id)
        .where(
            case.c.stage.in_(ended),
            case.c.ended_at >= now - LOOK_BACK,
            report.c.contact != "",
            report.c.told_stage != case.c.stage,
        )
        .order_by(report.c.id)
        .limit(BATCH)
    )
    return list(rows)


def _claim(engine: Engine, row: Any, now: datetime) -> bool:
    mine = update(report).where(report.c.id == row.id, report.c.told_stage == row.told_stage)
    with writing(engine) as tx:
        return tx.execute(mine.values(told_stage=row.stage, told_at=now)).rowcount == 1


def _give_back(engine: Engine, row: Any) -> None:
    with writing(engine) as tx:
        tx.execute(update(report).where(report.c.id == row.id).values(told_stage=row.told_stage, told_at=row.told_at))


def _words(row: Any, place: Place) -> Outgoing:
    words = _CLOSED if row.stage == Stage.CLOSED else _DECLINED if row.closed_how == ClosedHow.DECLINED else _VOID
    number = report_number(row.id)
    return Outgoing(
        key=f"report:{row.id}:{row.stage}",
        kind=NoticeKind.ALL_CLEAR,
        severity=1,
        title=f"{place.name_zh} {number}".strip(),
        text=words.format(number=number),
        # the same at each try, so that a receiver knows a repeat
        created_at=row.ended_at,
        link=place.link(f"/reports/{row.key}"),
        to=row.contact,
    )


def _nothing() -> None:
    """Nothing to do when a receiver takes it: it was claimed before."""
