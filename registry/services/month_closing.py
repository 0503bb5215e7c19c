"""Closing a month: every case that has to do with it is counted from its timeline, and the figures are frozen.

Asked for by a page or a command, done by the worker or that command, a batch of cases in each transaction. A process
that is killed leaves a month half counted, which the next one counts from the beginning: since a month sees no entry
after its own end (``registry.domain.month_rules``), it comes out the same. One process at a time has a month.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec
import structlog
from sqlalchemy import (
    Connection,
    Engine,
    Text,
    and_,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    union,
    update,
)

from registry.domain.case_story import Line
from registry.domain.case_telling import TELLING
from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.kinds import ENDED_STAGES, AwardState, MonthState, Stage
from registry.domain.month_rules import Period, counted
from registry.domain.months import Month, read_month
from registry.domain.people import SYSTEM, Actor
from registry.domain.schemes import Scheme
from registry.services import audit
from registry.services.month_figures import write_figures
from registry.services.score_schemes import USUAL, install_shipped_schemes, newest_scheme, scheme_version
from registry.services.work_calendar import work_calendar
from registry.storage.bulk import insert_rows
from registry.storage.database import reading, writing
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import asset, case, entry, month, month_case, month_standing, unit, unit_award

log = structlog.get_logger(__name__)

HELD_FOR = timedelta(minutes=2)
"""A process that says nothing for so long has lost its month to the next one."""

BATCH = 4_000
_DETAIL = msgspec.json.Decoder(dict[str, Any])
_STAGES = {stage.value: stage for stage in Stage}
_WRITTEN = ("month", "case_id", "mask", "unit_id", "area_code", "class_key", "kind", "handled_s")
Progress = Callable[[int, int], None]


def ask_to_close(
    engine: Engine, key: str, *, by: Actor, now: datetime, zone: tzinfo, scheme: str | None = None
) -> None:
    """Let the worker count and close the month ``key``. ``scheme``: what it is scored with; as the month before.

    Raises ``InvalidInput`` for a month that is not over or a scheme that is not there, ``Conflict`` for one that was
    asked for already (one that failed can be asked for again).
    """
    wanted = read_month(key)
    if not wanted.is_over(zone, now=now):
        raise InvalidInput("month", "{given} is not over yet; it can be closed from its last midnight on", given=wanted)
    with writing(engine) as tx:
        install_shipped_schemes(tx, now=now)
        scheme_key = scheme or _usual_scheme(tx, wanted)
        try:
            version, _ = newest_scheme(tx, scheme_key)
        except NotFound:
            raise InvalidInput(
                "scheme", "{given!r} is no scheme in use; choose one of the list", given=scheme
            ) from None
        values = {
            "state": MonthState.WAITING.value,
            "starts_at": wanted.starts(zone),
            "ends_at": wanted.ends(zone),
            "scheme_key": scheme_key,
            "scheme_version": version,
            "asked_at": now,
            "asked_by": by.user_id,
            "problem": "",
        }
        again = update(month).where(month.c.key == str(wanted), month.c.state == MonthState.FAILED.value)
        if not tx.execute(again.values(values)).rowcount:
            if tx.scalar(select(month.c.key).where(month.c.key == str(wanted))) is not None:
                raise Conflict(f"the month {wanted} was asked for already; look at it instead")
            tx.execute(insert(month).values(key=str(wanted), **values))
        detail = {"scheme": scheme_key, "version": version}
        audit.record(tx, by=by, action="month.ask", subject=f"month:{wanted}", detail=detail, now=now)


def close_month(
    engine: Engine,
    key: str,
    *,
    clock: Callable[[], datetime],
    zone: tzinfo,
    progress: Progress = lambda seen, total: None,
    ends: Callable[[], bool] = lambda: False,
) -> bool:
    """Count the month that was asked for and freeze it; False when ``ends`` said to leave off before.

    ``progress`` hears (seen, total) after each batch. Raises ``Conflict`` when another process has it.
    """
    wanted = read_month(key)
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    scheme = _take(engine, wanted, holder, now=clock())
    with reading(engine) as tx:
        period = Period.of(wanted, zone, work_calendar(tx, zone=zone))
        ids = candidates(tx, period)
    kept = 0
    for start in range(0, len(ids), BATCH):
        if ends():
            _give_back(engine, wanted, holder)
            return False
        batch = ids[start : start + BATCH]
        with writing(engine) as tx:
            _keep(tx, wanted, holder, now=clock(), cases=start, total=len(ids))
            kept += _count(tx, wanted, period, batch, scheme)
        progress(min(start + BATCH, len(ids)), len(ids))
    _freeze(engine, wanted, holder, scheme, kept=kept, total=len(ids), now=clock())
    return True


def close_waiting_months(
    engine: Engine, *, clock: Callable[[], datetime], zone: tzinfo, ends: Callable[[], bool] = lambda: False
) -> int:
    """Close every month that was asked for; how many. One that can't be is marked with its problem, and left."""
    closed = 0
    while not ends() and (key := _next_waiting(engine, now=clock())) is not None:
        try:
            closed += close_month(engine, key, clock=clock, zone=zone, ends=ends)
        except Conflict:
            return closed
        except Exception as error:  # the job runner: the month says what was wrong, the log has the traceback
            log.exception("month_failed", month=key)
            _fail(engine, key, f"{type(error).__name__}: {error}")
    return closed


def candidates(tx: Connection, period: Period) -> list[int]:
    """Ids of the cases that may count in the month, in order: open at some moment of it, or due in it.

    Three looks, each along an index: what is open now, what ended since the month began, and what had its deadline in
    it and was closed before.
    """
    ended = case.c.stage.in_([stage.value for stage in sorted(ENDED_STAGES)])
    before_end = case.c.opened_at < period.ends
    looks = union(
        select(case.c.id).where(IS_OPEN, before_end),
        select(case.c.id).where(ended, case.c.ended_at >= period.starts, before_end),
        select(case.c.id).where(
            case.c.stage == Stage.CLOSED.value, case.c.deadline_at >= period.starts, case.c.deadline_at < period.ends
        ),
    )
    return sorted(tx.scalars(looks))


def count_cases(
    tx: Connection, period: Period, ids: Sequence[int], *, recurring_days: int
) -> Iterator[tuple[Any, ...]]:
    """(case id, mask, unit, area code, class key, kind, seconds) of those of ``ids`` that the month counts."""
    lines = _timelines(tx, ids)
    own = (case.c.id, case.c.asset_id, case.c.kind, case.c.source, case.c.area_code, case.c.opened_at)
    joined = case.outerjoin(asset, asset.c.id == case.c.asset_id)
    query = select(*own, asset.c.scheme, asset.c.class_code).select_from(joined).where(case.c.id.in_(ids))
    about = tx.execute(query.order_by(case.c.id)).all()
    again = _recurring(tx, about, recurring_days)
    for row in about:
        one = counted(lines[row.id], period, source=row.source, recurring=row.id in again)
        if one.mask:
            class_key = f"{row.scheme}:{row.class_code}" if row.scheme else ""
            yield row.id, one.mask, one.unit_id, row.area_code, class_key, row.kind, one.handled_s


def _timelines(tx: Connection, ids: Sequence[int]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = defaultdict(list)
    # as text: a tenth of the time of a closing went into the drivers' own reading of JSON
    detail = cast(entry.c.detail, Text)
    columns = (entry.c.case_id, entry.c.at, entry.c.move, entry.c.to_stage, entry.c.by_user_id, detail)
    told = (entry.c.case_id.in_(ids), entry.c.move.in_(TELLING))
    query = select(*columns).where(*told).order_by(entry.c.case_id, entry.c.id)
    for case_id, at, move, to_stage, by_user_id, text in tx.execute(query):
        found[case_id].append(
            Line(at=at, move=move, to_stage=_STAGES[to_stage], by_user_id=by_user_id, detail=_DETAIL.decode(text))
        )
    return found


def _recurring(tx: Connection, about: Sequence[Any], days: int) -> set[int]:
    """Those cases whose asset had another one of the kind that was closed at most ``days`` before."""
    assets = {row.asset_id for row in about if row.asset_id is not None}
    # the stage is looked at here: asked for it, SQLite would begin with every case that was ever closed
    columns = (case.c.id, case.c.asset_id, case.c.kind, case.c.stage, case.c.ended_at)
    closed: dict[tuple[int, str], list[tuple[int, datetime]]] = defaultdict(list)
    for row in tx.execute(select(*columns).where(case.c.asset_id.in_(assets))):
        if row.stage == Stage.CLOSED.value:
            closed[row.asset_id, row.kind].append((row.id, row.ended_at))
    shortly = timedelta(days=days)
    return {
        row.id
        for row in about
        for other, ended in closed.get((row.asset_id, row.kind), ())
        if other != row.id and row.opened_at - shortly <= ended <= row.opened_at
    }


def _usual_scheme(tx: Connection, wanted: Month) -> str:
    query = select(month.c.scheme_key).where(month.c.key < str(wanted)).order_by(month.c.key.desc()).limit(1)
    return tx.scalar(query) or USUAL


def _take(engine: Engine, wanted: Month, holder: str, *, now: datetime) -> Scheme:
    """Begin to count: it is ours until we are silent, and what somebody else left half done is gone."""
    silent = and_(month.c.state == MonthState.COUNTING.value, month.c.held_until < now)
    free = and_(month.c.key == str(wanted), or_(month.c.state == MonthState.WAITING.value, silent))
    taken = {"state": MonthState.COUNTING.value, "holder": holder, "held_until": now + HELD_FOR, "cases": 0}
    with writing(engine) as tx:
        if not tx.execute(update(month).where(free).values(taken)).rowcount:
            raise Conflict(f"the month {wanted} is not waiting to be counted, or another process counts it")
        tx.execute(delete(month_case).where(month_case.c.month == str(wanted)))
        row = tx.execute(select(month).where(month.c.key == str(wanted))).one()
        return scheme_version(tx, row.scheme_key, row.scheme_version)


def _keep(tx: Connection, wanted: Month, holder: str, *, now: datetime, cases: int, total: int) -> None:
    ours = and_(month.c.key == str(wanted), month.c.holder == holder, month.c.state == MonthState.COUNTING.value)
    said = {"held_until": now + HELD_FOR, "cases": cases, "total": total}
    if not tx.execute(update(month).where(ours).values(said)).rowcount:
        raise Conflict(f"another process counts the month {wanted} now")


def _give_back(engine: Engine, wanted: Month, holder: str) -> None:
    ours = and_(month.c.key == str(wanted), month.c.holder == holder)
    with writing(engine) as tx:
        tx.execute(update(month).where(ours).values(state=MonthState.WAITING.value, holder="", held_until=None))


def _count(tx: Connection, wanted: Month, period: Period, ids: Sequence[int], scheme: Scheme) -> int:
    rows = [(str(wanted), *row) for row in count_cases(tx, period, ids, recurring_days=scheme.recurring_days)]
    insert_rows(tx, month_case, _WRITTEN, rows)
    return len(rows)


def _freeze(
    engine: Engine, wanted: Month, holder: str, scheme: Scheme, *, kept: int, total: int, now: datetime
) -> None:
    key = str(wanted)
    with writing(engine) as tx:
        _keep(tx, wanted, holder, now=now, cases=kept, total=total)
        write_figures(tx, key, 1, scheme)
        propose_awards(tx, key, 1, scheme, now=now)
        closed = {"state": MonthState.CLOSED.value, "revision": 1, "closed_at": now, "holder": "", "held_until": None}
        tx.execute(update(month).where(month.c.key == key).values(closed))
        detail = {"cases": kept, "scheme": scheme.key}
        audit.record(tx, by=SYSTEM, action="month.close", subject=f"month:{key}", detail=detail, now=now)
    log.info("month_closed", month=key, cases=kept, looked_at=total)


def propose_awards(tx: Connection, key: str, revision: int, scheme: Scheme, *, now: datetime) -> None:
    """The rewards and penalties that the scheme's rules give by place: proposals, in place of earlier ones."""
    proposed = AwardState.PROPOSED.value
    by_rules = and_(unit_award.c.month == key, unit_award.c.state == proposed, unit_award.c.proposed_by.is_(None))
    tx.execute(delete(unit_award).where(by_rules))
    standings = tx.execute(
        select(month_standing)
        .where(
            month_standing.c.month == key, month_standing.c.revision == revision, month_standing.c.place.is_not(None)
        )
        .order_by(month_standing.c.group_key, month_standing.c.place, month_standing.c.subject)
    ).all()
    units = set(tx.scalars(select(unit.c.id)))
    rows = []
    for rule in scheme.awards:
        group = [row for row in standings if row.group_key == rule.group]
        last = max((row.place for row in group), default=0)
        # who is alone is neither first nor last of anybody
        place = rule.place if rule.place > 0 else last + 1 + rule.place
        for row in group if len(group) > 1 else ():
            if row.place == place and (rule.place > 0 or place > 1):
                unit_id = int(row.subject) if row.subject.isdigit() and int(row.subject) in units else None
                rows.append(
                    {
                        "month": key,
                        "kind": rule.kind.value,
                        "state": proposed,
                        "unit_id": unit_id if rule.group in _unit_groups(scheme) else None,
                        "name": row.name_zh or row.subject,
                        "amount_fen": rule.amount_yuan * 100,
                        "reason": rule.zh,
                        "proposed_at": now,
                    }
                )
    if rows:
        tx.execute(insert(unit_award), rows)


def _unit_groups(scheme: Scheme) -> set[str]:
    return {group.key for group in scheme.groups if group.by.value == "unit"}


def _next_waiting(engine: Engine, *, now: datetime) -> str | None:
    silent = and_(month.c.state == MonthState.COUNTING.value, month.c.held_until < now)
    wanted = or_(month.c.state == MonthState.WAITING.value, silent)
    with reading(engine) as tx:
        key: str | None = tx.scalar(select(func.min(month.c.key)).where(wanted))
    return key


def _fail(engine: Engine, key: str, problem: str) -> None:
    with writing(engine) as tx:
        failed = {"state": MonthState.FAILED.value, "problem": problem[:2000], "holder": "", "held_until": None}
        counting = month.c.state.in_([MonthState.COUNTING.value, MonthState.WAITING.value])
        tx.execute(update(month).where(month.c.key == key, counting).values(failed))
