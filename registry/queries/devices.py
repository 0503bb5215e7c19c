"""Reading one device: what it is fitted to, whether it is heard, and what its points could be zeroed at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, select

from registry.domain.device_kinds import DEVICE_KINDS
from registry.domain.errors import NotFound
from registry.domain.kinds import Quality
from registry.domain.link_test import ZEROED, HeardCabinet, HeardPoint, LinkVerdict, Proposal, judge_link, propose
from registry.domain.points import POINTS
from registry.domain.suspects import Suspicion, read
from registry.queries.rows import as_view
from registry.storage.database import reading
from registry.storage.series import SeriesStore
from registry.storage.tables import asset, cabinet, device, latest, point
from registry.storage.times import to_ms

_LOOK_BACK = timedelta(hours=1)
_LOOK_BACK_HEARTBEATS = 10
_GOOD = frozenset({Quality.GOOD, Quality.SIMULATED})
_COUNTERS = frozenset({"uptime", "sample_count"})


class FittedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device and the asset that carries it. ``suspect``: why its readings are not to be trusted now."""

    id: int
    serial: str
    profile: str
    cabinet_id: str
    bus: str
    bus_address: int | None
    heartbeat_s: float
    fitted_at: datetime
    removed_at: datetime | None
    asset_id: int | None
    asset_name: str
    asset_code: str
    area_code: str
    suspect_since: datetime | None
    suspect: list[Suspicion]


class LinkTest(msgspec.Struct, frozen=True, kw_only=True):
    """The link test of one device, as a page shows it."""

    device: FittedDevice
    verdict: LinkVerdict
    cabinet: HeardCabinet | None
    at: datetime


def fitted_device(engine: Engine, device_id: int) -> FittedDevice:
    """The device. Raises ``NotFound``."""
    with reading(engine) as tx:
        return _device(tx, device_id)


def link_test(engine: Engine, device_id: int, *, now: datetime) -> LinkTest:
    """Is each point heard, how long ago, how far to be trusted, and is the cabinet on line. Raises ``NotFound``."""
    with reading(engine) as tx:
        found = _device(tx, device_id)
        said = _cabinet(tx, found.cabinet_id) if found.cabinet_id else None
        points = [row for row in _points(tx, device_id) if row.name not in _COUNTERS and not _may_wait(found, row)]
    verdict = judge_link(
        [_heard(row) for row in points],
        said,
        heartbeat_s=found.heartbeat_s,
        fitted_at=found.fitted_at,
        removed=found.removed_at is not None,
        now=now,
    )
    return LinkTest(device=found, verdict=verdict, cabinet=said, at=now)


def rezero_proposals(engine: Engine, store: SeriesStore, device_id: int, *, now: datetime) -> list[Proposal]:
    """A new baseline for each point that has one, out of its good readings of late. Raises ``NotFound``."""
    with reading(engine) as tx:
        found = _device(tx, device_id)
        points = [row for row in _points(tx, device_id) if row.name in ZEROED]
    look_back = max(_LOOK_BACK, timedelta(seconds=found.heartbeat_s * _LOOK_BACK_HEARTBEATS))
    since = to_ms(max(now - look_back, found.fitted_at))
    until = to_ms(now) + 1
    made = []
    for row in points:
        good = [each.value for each in store.window(row.id, since, until) if Quality(each.quality) in _GOOD]
        made.append(propose(_heard(row), good))
    return made


def _device(tx: Connection, device_id: int) -> FittedDevice:
    row = (
        tx.execute(
            select(device, asset.c.name.label("asset_name"), asset.c.code.label("asset_code"), asset.c.area_code)
            .outerjoin_from(device, asset, asset.c.id == device.c.asset_id)
            .where(device.c.id == device_id)
        )
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound("device", device_id)
    nowhere = {name: row[name] or "" for name in ("asset_name", "asset_code", "area_code")}
    return as_view(row, FittedDevice, suspect=read(row["suspect_why"]), **nowhere)


def _cabinet(tx: Connection, cabinet_id: str) -> HeardCabinet:
    row = tx.execute(select(cabinet).where(cabinet.c.id == cabinet_id)).first()
    if row is None or row.state_at is None:
        return HeardCabinet(id=cabinet_id, known=False)
    return HeardCabinet(
        id=cabinet_id,
        known=True,
        online=row.online,
        state_at=row.state_at,
        oldest_unsent_s=row.oldest_unsent_s,
    )


def _points(tx: Connection, device_id: int) -> list[Any]:
    query = (
        select(point, latest.c.value, latest.c.measured_at, latest.c.quality)
        .outerjoin_from(point, latest, latest.c.point_id == point.c.id)
        .where(point.c.device_id == device_id)
        .order_by(point.c.id)
    )
    return list(tx.execute(query))


def _may_wait(found: FittedDevice, row: Any) -> bool:
    """Whether the point only comes now and then, and has not come yet."""
    kind = DEVICE_KINDS.get(found.profile)
    return kind is not None and row.name in kind.occasional and row.measured_at is None


def _heard(row: Any) -> HeardPoint:
    return HeardPoint(
        name=row.name,
        unit=row.unit,
        decimals=POINTS[row.name].decimals if row.name in POINTS else 2,
        baseline=row.baseline,
        value=row.value,
        measured_at=row.measured_at,
        quality=None if row.quality is None else Quality(row.quality),
    )
