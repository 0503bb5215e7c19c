"""What a rule watches, as it was over a span of the past: assets, the points fitted to them, and the guards in force.

These change when a season begins or ends, when a baseline is set anew, and where several points are judged together,
when a device is fitted or taken off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from registry.domain.backtest import Stretch
from registry.domain.kinds import Family, SeasonSwitch
from registry.domain.rules.compiling import Rulebook
from registry.domain.rules.guard import GuardPoint, WatchedAsset
from registry.domain.rules.rule import Rule
from registry.domain.rules.watched import points_of
from registry.domain.seasons import Season, in_force, next_change
from registry.queries.backtest_feed import Anchor
from registry.storage.tables import asset, baseline, device, point, season
from registry.storage.times import from_ms, to_ms

Turns = Sequence[tuple[int, tuple[str, ...]]]
"""From which moment (ms) on which seasons were in force, in order; the first begins with the span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that was fitted within the span, with the points that count."""

    id: int
    serial: str
    heartbeat_s: float
    fitted_ms: int
    removed_ms: int | None
    points: tuple[GuardPoint, ...]

    def is_fitted(self, at_ms: int) -> bool:
        """Whether it was on its asset then."""
        return self.fitted_ms <= at_ms and (self.removed_ms is None or at_ms < self.removed_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An asset that the rule watches."""

    asset: WatchedAsset
    name: str
    lon: float
    lat: float
    devices: tuple[Device, ...]


@dataclass(slots=True, kw_only=True)
class Guarded:
    """The anchors of some assets, in their order, and what stood in the way of others.

    ``joint``: one guard judges several points; ``set_to``: each point's baselines, with since when (ms).
    """

    joint: bool = False
    anchors: list[Anchor] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    set_to: dict[int, Sequence[tuple[int, float]]] = field(default_factory=dict)


def assets_of(tx: Connection, rules: Sequence[Rule], since: datetime, until: datetime, *, scope: str = "") -> int:
    """How many assets any of ``rules`` watches, in the part of the city whose area codes begin with ``scope``."""
    return int(tx.scalar(select(func.count()).select_from(_ids(rules, since, until, scope).subquery())) or 0)


def page_of_assets(
    tx: Connection,
    rules: Sequence[Rule],
    since: datetime,
    until: datetime,
    *,
    after: int,
    limit: int,
    scope: str = "",
) -> list[int]:
    """The first ``limit`` ids above ``after`` of assets that any of ``rules`` watches, in order."""
    query = _ids(rules, since, until, scope).where(asset.c.id > after).order_by(asset.c.id).limit(limit)
    return list(tx.scalars(query))


def watched(tx: Connection, rule: Rule, since: datetime, until: datetime, *, assets: Sequence[int]) -> list[Watched]:
    """Those of ``assets`` that ``rule`` watches, in the order of their ids.

    Removed devices count for their time. A rule about the device as a whole gets all its points.
    """
    names = points_of(rule)
    query = (
        select(
            *(asset.c.id, asset.c.name, asset.c.family, asset.c.scheme, asset.c.class_code, asset.c.area_code),
            *(asset.c.lon, asset.c.lat),
            *(device.c.id.label("device_id"), device.c.serial, device.c.heartbeat_s),
            *(device.c.fitted_at, device.c.removed_at),
            point.c.id.label("point_id"),
            *(point.c.name.label("point"), point.c.unit, point.c.baseline, point.c.full_scale),
        )
        .join(device, device.c.asset_id == asset.c.id)
        .join(point, point.c.device_id == device.c.id)
        .where(
            asset.c.id.in_(assets),
            *_together(since, until),
            _asset_is_watched(rule),
            _device_is_watched(rule),
            *([point.c.name.in_(names)] if names else []),
        )
        .order_by(asset.c.id, device.c.id, point.c.id)
    )
    rows = tx.execute(query).all()
    return [_asset(list(of_asset)) for _, of_asset in groupby(rows, key=lambda row: row.id)]


def turns_of(tx: Connection, since_ms: int, until_ms: int, zone: tzinfo) -> Turns:
    """The seasons in force over a span. What people switch counts as it stands now: when they did is not on file."""
    fields = Season.__struct_fields__
    rows = tx.execute(select(season)).mappings()
    seasons = [Season(**{name: row[name] for name in fields} | {"switch": SeasonSwitch(row["switch"])}) for row in rows]
    at: datetime | None = from_ms(since_ms)
    found: list[tuple[int, tuple[str, ...]]] = []
    while at is not None and to_ms(at) < until_ms:
        found.append((to_ms(at), tuple(each.key for each in in_force(seasons, at=at, zone=zone))))
        at = next_change(seasons, at=at, zone=zone)
    return found


def guard_all(
    tx: Connection, rule: Rule, some: Sequence[Watched], turns: Turns, until_ms: int, zone: tzinfo
) -> Guarded:
    """The guards of ``rule`` over its assets. History is in order, so nothing need wait for what comes late."""
    ordered = msgspec.structs.replace(rule, lateness_s=0.0, enabled=True)
    books = {keys: Rulebook([ordered], zone=zone, seasons=keys) for _, keys in turns}
    made = Guarded(joint=len(points_of(rule)) > 1)
    made.set_to.update(_baselines(tx, [each.point_id for one in some for dev in one.devices for each in dev.points]))
    for one in some:
        made.anchors += _anchors(one, books, turns, made, until_ms)
    for book in books.values():
        made.problems += [f"{each.rule_key}: {each.problem}" for each in book.inapplicable]
    return made


def _anchors(
    one: Watched, books: Mapping[tuple[str, ...], Rulebook], turns: Turns, made: Guarded, until_ms: int
) -> Iterator[Anchor]:
    device_of = {each.point_id: dev.id for dev in one.devices for each in dev.points}
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    watches: dict[int, tuple[int, ...]] = {}
    for at_ms in _changes(one, turns, made, until_ms):
        keys = next(keys for turned_ms, keys in reversed(turns) if turned_ms <= at_ms)
        devices = [dev for dev in one.devices if not made.joint or dev.is_fitted(at_ms)]
        then = [as_of(each, made.set_to.get(each.point_id, ()), at_ms) for dev in devices for each in dev.points]
        for guard in books[keys].guards(one.asset, then):
            stretches[guard.anchor_id].append(Stretch(at_ms, guard))
            watches[guard.anchor_id] = guard.point_ids
    for anchor_id, of_anchor in stretches.items():
        yield Anchor(
            point_id=anchor_id,
            points=watches[anchor_id],
            asset_id=one.asset.asset_id,
            device_id=device_of[anchor_id],
            stretches=tuple(of_anchor),
        )


def _changes(one: Watched, turns: Turns, made: Guarded, until_ms: int) -> list[int]:
    since_ms = turns[0][0]
    moments = {at_ms for dev in one.devices for each in dev.points for at_ms, _ in made.set_to.get(each.point_id, ())}
    if made.joint:
        moments |= {at_ms for dev in one.devices for at_ms in (dev.fitted_ms, dev.removed_ms) if at_ms is not None}
    return sorted({at_ms for at_ms, _ in turns} | {at_ms for at_ms in moments if since_ms < at_ms < until_ms})


def as_of(now: GuardPoint, set_to: Sequence[tuple[int, float]], at_ms: int) -> GuardPoint:
    """The point with the baseline that was in force then; before the first one on file, that one."""
    if not set_to:
        return now
    value = next((value for when, value in reversed(set_to) if when <= at_ms), set_to[0][1])
    return now if value == now.baseline else msgspec.structs.replace(now, baseline=value)


def _baselines(tx: Connection, points: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    query = select(baseline).where(baseline.c.point_id.in_(points)).order_by(baseline.c.set_at, baseline.c.id)
    for row in tx.execute(query):
        found[row.point_id].append((to_ms(row.set_at), row.value))
    return found


def _ids(rules: Sequence[Rule], since: datetime, until: datetime, scope: str) -> Select[tuple[int]]:
    """By asset, so that a page of them costs the same wherever it begins."""
    here = asset.c.area_code.startswith(scope, autoescape=True) if scope else true()
    which = or_(*(and_(_asset_is_watched(rule), _has_device(rule, since, until)) for rule in rules))
    return select(asset.c.id).where(here, which)


def _has_device(rule: Rule, since: datetime, until: datetime) -> ColumnElement[bool]:
    fitted = select(device.c.id).where(device.c.asset_id == asset.c.id, *_together(since, until))
    return fitted.where(_device_is_watched(rule)).exists()


def _together(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Devices that were fitted within the span."""
    return device.c.fitted_at < until, or_(device.c.removed_at.is_(None), device.c.removed_at > since)


def _device_is_watched(rule: Rule) -> ColumnElement[bool]:
    return device.c.serial.in_(rule.watches.devices) if rule.watches.devices else true()


def _asset_is_watched(rule: Rule) -> ColumnElement[bool]:
    watches = rule.watches
    which: list[ColumnElement[bool]] = [true()]
    if rule.family is not None:
        which.append(asset.c.family == rule.family)
    if watches.area:
        which.append(asset.c.area_code.startswith(watches.area, autoescape=True))
    if watches.assets:
        which.append(asset.c.id.in_(watches.assets))
    if watches.classes:
        which.append(or_(*map(_of_class, watches.classes)))
    return and_(*which)


def _of_class(named: str) -> ColumnElement[bool]:
    scheme, colon, code = named.partition(":")
    return and_(asset.c.scheme == scheme, asset.c.class_code == code) if colon else asset.c.scheme == scheme


def _asset(rows: Sequence[Any]) -> Watched:
    first = rows[0]
    return Watched(
        asset=WatchedAsset(
            asset_id=first.id,
            family=Family(first.family),
            scheme=first.scheme,
            class_code=first.class_code,
            area_code=first.area_code,
        ),
        name=first.name,
        lon=first.lon,
        lat=first.lat,
        devices=tuple(_device(list(of_device)) for _, of_device in groupby(rows, key=lambda row: row.device_id)),
    )


def _device(rows: Sequence[Any]) -> Device:
    first = rows[0]
    return Device(
        id=first.device_id,
        serial=first.serial,
        heartbeat_s=first.heartbeat_s,
        fitted_ms=to_ms(first.fitted_at),
        removed_ms=None if first.removed_at is None else to_ms(first.removed_at),
        points=tuple(
            GuardPoint(
                point_id=row.point_id,
                name=row.point,
                unit=row.unit,
                baseline=row.baseline,
                full_scale=row.full_scale,
                device=row.serial,
            )
            for row in rows
        ),
    )
