"""What becomes of permits that are over: the worker's part, all of it out of stored times.

A permit ends at the moment that was agreed, whenever the worker comes by. Then the first readings after the end tell:
the cover is in its seat; or in it but crooked (an alert of its own); or still open (the alerts that were expected are
so no longer, and open the cases they would have opened).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Engine, and_, or_, select, tuple_, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.kinds import AlertState, Family, PermitState, Quality
from registry.domain.permits import (
    LEAST_PATIENCE,
    OPENING_POINTS,
    SEAT_RULE,
    Ending,
    Expected,
    Finding,
    LastWord,
    Seat,
    concerns,
    is_seated,
    judge_end,
    seat_parts,
)
from registry.domain.rules import Rule
from registry.domain.rules.guard import WatchedAsset
from registry.domain.rules.seasonal import effective
from registry.services import alerts
from registry.services.permits import close_in_time
from registry.services.rules import read_rule, rules_in_force
from registry.services.seasons import seasons_now
from registry.storage.database import reading, writing
from registry.storage.tables import alert, asset, device, latest, permit, point, rule

log = structlog.get_logger(__name__)

BATCH = 200
_ANGLE, _SHIFT = "tilt_z", "displacement"


class Ends(NamedTuple):
    """What one round found: permits that ran out, covers still open, covers closed crooked, and those set right."""

    ended: int
    overrun: int
    crooked: int
    mended: int


@dataclass(slots=True)
class _Known:
    """What is known of one asset: the rules that expect its alerts, the rule for its seat, its latest readings."""

    rules: list[Rule]
    seat: Rule | None
    words: list[LastWord] = field(default_factory=list)
    patience: timedelta = LEAST_PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Over:
    """A permit whose time is over or that somebody ended, with all that is known of its asset.

    ``heir``: the permit that follows on the same asset and takes over what is still open.
    """

    row: Any
    finding: Finding
    known: _Known
    expected: list[Expected]
    heir: int | None

    @property
    def ended_at(self) -> datetime:
        """When it ended; a permit that nobody ended did when its time was over."""
        at: datetime = self.row.ended_at or self.row.ends_at
        return at

    @property
    def settled(self) -> bool:
        """Whether there is something to write."""
        return self.row.ended_at is None or self.heir is not None or self.finding.seat is not Seat.WAITING


class _Mended(NamedTuple):
    """A crooked cover that sits well again: since when, and how far off its baseline."""

    subject: alerts.Subject
    at: datetime
    off: float | None


def watch_permits(engine: Engine, now: datetime, *, zone: tzinfo = CHINA_TIME) -> Ends:
    """End what ran out, judge how covers sit, and clear the alert of those that were set right. Raises ``StoreDown``.

    Looks without holding up any writer; only what changes is looked at again in a transaction that writes. ``zone`` is
    that of the case numbers.
    """
    with reading(engine) as tx:
        due = [each.row for each in _look(tx, _due(now), now, zone) if each.settled]
        mended_by_now = bool(_mended(tx, now, zone))
    ended = overrun = wrong = mended = 0
    for start in range(0, len(due), BATCH):
        some = due[start : start + BATCH]
        with writing(engine) as tx:
            alerts.take_turn(tx)
            # in the order in which people's acts lock: the asset, then its permit
            assets = sorted({row.asset_id for row in some})
            tx.execute(select(asset.c.id).where(asset.c.id.in_(assets)).order_by(asset.c.id).with_for_update())
            for over in _look(tx, and_(_due(now), permit.c.id.in_([row.id for row in some])), now, zone):
                ended += over.row.ended_at is None and close_in_time(tx, over.row.id, over.row.ends_at)
                seat = _settle(tx, over, now=now, zone=zone)
                overrun += seat is Seat.OPEN
                wrong += seat is Seat.WRONG
    if mended_by_now:
        with writing(engine) as tx:
            alerts.take_turn(tx)
            mended = sum(_clear(tx, each, now) for each in _mended(tx, now, zone))
    return Ends(ended, overrun, wrong, mended)


def _due(now: datetime) -> Any:
    over = or_(permit.c.state == PermitState.ENDED.value, permit.c.ends_at <= now)
    return and_(permit.c.judged_at.is_(None), over)


def _look(tx: Connection, wanted: Any, now: datetime, zone: tzinfo) -> list[_Over]:
    """The permits that are over, as they stand: a handful of queries however many there are."""
    rows = tx.execute(select(permit).where(wanted).order_by(permit.c.id)).all()
    if not rows:
        return []
    known = _known(tx, {row.asset_id for row in rows}, now, zone)
    expected = _expected(tx, [row.id for row in rows])
    heirs = _heirs(tx, {row.asset_id for row in rows}, now)
    found = []
    for row in rows:
        live, here = expected.get(row.id, []), known[row.asset_id]
        finding = judge_end(
            Ending(ended_at=row.ended_at or row.ends_at, said=row.ended_by is not None),
            here.words,
            expected=live,
            rules=here.rules,
            seat=here.seat,
            patience=here.patience,
            now=now,
        )
        heir = heirs.get(row.asset_id)
        heir = None if heir is None or heir <= row.id else heir
        found.append(_Over(row=row, finding=finding, known=here, expected=live, heir=heir))
    return found


def _known(tx: Connection, assets: set[int], now: datetime, zone: tzinfo) -> dict[int, _Known]:
    """What is known of each of these assets, with the numbers of the season."""
    keys = [season.key for season in seasons_now(tx, now=now, zone=zone)]
    in_force = [_in_season(each, keys) for each in rules_in_force(tx) if each.permit or each.key == SEAT_RULE]
    columns = (asset.c.id, asset.c.family, asset.c.scheme, asset.c.class_code, asset.c.area_code)
    known: dict[int, _Known] = {}
    for row in tx.execute(select(*columns).where(asset.c.id.in_(assets))):
        about = WatchedAsset(
            asset_id=row.id,
            family=Family(row.family),
            scheme=row.scheme,
            class_code=row.class_code,
            area_code=row.area_code,
        )
        mine = [each for each in in_force if concerns(each, about)]
        known[row.id] = _Known(
            rules=[each for each in mine if each.permit],
            seat=next((each for each in mine if each.key == SEAT_RULE), None),
        )
    names = OPENING_POINTS | {part.point for each in in_force if each.key == SEAT_RULE for part in seat_parts(each)}
    _hear(tx, known, names)
    return known


def _in_season(one: Rule, seasons: Sequence[str]) -> Rule:
    try:
        return effective(one, seasons)
    except ValueError:
        # intake says of it, too, that the season's number fits nothing; its own numbers hold
        return one


def _hear(tx: Connection, known: dict[int, _Known], names: Set[str]) -> None:
    """Add the latest good readings of the sensors on these assets."""
    query = (
        select(
            latest.c.point_id,
            latest.c.value,
            latest.c.measured_at,
            point.c.device_id,
            point.c.name,
            point.c.baseline,
            point.c.full_scale,
            device.c.asset_id,
            device.c.heartbeat_s,
        )
        .join_from(device, point, point.c.device_id == device.c.id)
        .join(latest, latest.c.point_id == point.c.id)
        .where(
            device.c.asset_id.in_(known),
            device.c.removed_at.is_(None),
            device.c.suspect_since.is_(None),
            point.c.name.in_(names),
            latest.c.quality != int(Quality.SUSPECT),
        )
    )
    for row in tx.execute(query):
        word = LastWord(
            point_id=row.point_id,
            device_id=row.device_id,
            name=row.name,
            value=row.value,
            baseline=row.baseline,
            full_scale=row.full_scale,
            measured_at=row.measured_at,
        )
        here = known[row.asset_id]
        here.words.append(word)
        here.patience = max(here.patience, timedelta(seconds=row.heartbeat_s))


def _expected(tx: Connection, permits: Sequence[int]) -> dict[int, list[Expected]]:
    """The live alerts of each permit, with the version of the rule that raised them."""
    rows = tx.execute(
        select(alert.c.id, alert.c.permit_id, alert.c.point_id, alert.c.rule_key, alert.c.rule_version).where(
            alert.c.permit_id.in_(permits), alert.c.state == AlertState.FIRING.value
        )
    ).all()
    if not rows:
        return {}
    versions = {(row.rule_key, row.rule_version) for row in rows}
    query = select(rule).where(tuple_(rule.c.key, rule.c.version).in_(versions))
    rules = {(row["key"], row["version"]): read_rule(row) for row in tx.execute(query).mappings()}
    found: dict[int, list[Expected]] = {}
    for row in rows:
        raised_by = rules.get((row.rule_key, row.rule_version))
        found.setdefault(row.permit_id, []).append(Expected(alert_id=row.id, point_id=row.point_id, rule=raised_by))
    return found


def _heirs(tx: Connection, assets: set[int], now: datetime) -> dict[int, int]:
    """The permit that runs now on each of these assets."""
    running = and_(permit.c.state == PermitState.OPEN.value, permit.c.ends_at > now)
    rows = tx.execute(select(permit.c.asset_id, permit.c.id).where(permit.c.asset_id.in_(assets), running))
    return {row.asset_id: row.id for row in rows}


def _settle(tx: Connection, over: _Over, *, now: datetime, zone: tzinfo) -> Seat | None:
    """Write down how it ended; what it was, or None where nothing is known yet or another permit goes on."""
    row, finding = over.row, over.finding
    if over.heir is not None:
        still_open = and_(alert.c.permit_id == row.id, alert.c.state == AlertState.FIRING.value)
        tx.execute(update(alert).where(still_open).values(permit_id=over.heir))
        tx.execute(update(permit).where(permit.c.id == row.id).values(judged_at=now))
        return None
    if finding.seat is Seat.WAITING:
        return None
    values: dict[str, Any] = {"judged_at": now, **_measured(over)}
    if finding.seat is Seat.OPEN:
        values["state"] = PermitState.OVERRUN.value
    if finding.seat in (Seat.OPEN, Seat.WRONG):
        for live in over.expected:
            if live.rule is not None:
                alerts.overrun(tx, live.rule, live.alert_id, at=over.ended_at, now=now, zone=zone)
    if finding.seat is Seat.WRONG or (finding.seat is Seat.OPEN and not over.expected):
        _raise_crooked(tx, over, now=now, zone=zone)
    tx.execute(update(permit).where(permit.c.id == row.id).values(values))
    log.info("permit_judged", permit_id=row.id, asset_id=row.asset_id, seat=str(finding.seat))
    return finding.seat


def _measured(over: _Over) -> dict[str, float]:
    """How far off the baseline it sits, by what was measured after the end or made it count as open."""
    told: dict[str, float] = {}
    for word in over.known.words:
        if word.measured_at > over.ended_at or over.finding.seat is Seat.OPEN:
            off = abs(word.value - word.baseline)
            if word.name == _ANGLE:
                told["closed_angle"] = max(off, told.get("closed_angle", 0.0))
            elif word.name == _SHIFT:
                told["closed_shift"] = max(off, told.get("closed_shift", 0.0))
    return told


def _raise_crooked(tx: Connection, over: _Over, *, now: datetime, zone: tzinfo) -> None:
    """An alert of its own for a cover that nothing else speaks of."""
    word, seat = over.finding.word, over.known.seat
    if word is None or seat is None or _spoken_of(tx, over.row.asset_id, over.known.rules):
        return
    alerts.fire(
        tx,
        seat,
        alerts.Subject(point_id=word.point_id, device_id=word.device_id, asset_id=over.row.asset_id),
        began_at=over.ended_at,
        fired_at=max(word.measured_at, over.ended_at),
        level=over.finding.level,
        detail={"permit_id": over.row.id, "seat": over.finding.seat.value},
        now=now,
        zone=zone,
    )


def _spoken_of(tx: Connection, asset_id: int, rules: Sequence[Rule]) -> bool:
    """Whether an alert that people see says already that this cover is open."""
    keys = [each.key for each in rules]
    live = select(alert.c.id).where(
        alert.c.asset_id == asset_id, alert.c.state == AlertState.FIRING.value, alert.c.rule_key.in_(keys)
    )
    return tx.execute(live.where(alert.c.permit_id.is_(None)).limit(1)).first() is not None


def _mended(tx: Connection, now: datetime, zone: tzinfo) -> list[_Mended]:
    """Crooked covers that sit well by now, and since when. Not while somebody works there."""
    live = tx.execute(
        select(alert).where(
            alert.c.rule_key == SEAT_RULE, alert.c.state == AlertState.FIRING.value, alert.c.asset_id.is_not(None)
        )
    ).all()
    if not live:
        return []
    assets = {row.asset_id for row in live}
    known = _known(tx, assets, now, zone)
    unjudged = select(permit.c.asset_id).where(permit.c.asset_id.in_(assets), permit.c.judged_at.is_(None))
    busy = set(tx.execute(unjudged).scalars())
    found = []
    for row in live:
        words = known[row.asset_id].words
        parts = seat_parts(known[row.asset_id].seat)
        at = None if row.asset_id in busy else is_seated(parts, words, since=row.fired_at)
        if at is not None:
            off = next((abs(word.value - word.baseline) for word in words if word.point_id == row.point_id), None)
            found.append(_Mended(alerts.Subject.of(row), at, off))
    return found


def _clear(tx: Connection, mended: _Mended, now: datetime) -> int:
    return alerts.clear(tx, SEAT_RULE, mended.subject, cleared_at=mended.at, level=mended.off, now=now)
