"""What intake must know of every point to take a reading without asking the database: limits, newest time, watches."""

from __future__ import annotations

import math
from collections.abc import Set
from datetime import datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, func, select

from registry.domain.kinds import Family, Lane
from registry.domain.points import POINTS
from registry.domain.rules import Memory, NoDataCondition, Phase, Rule, Watch
from registry.services.intake_records import revisions
from registry.services.rules import rules_in_force
from registry.storage import tables
from registry.storage.times import to_ms

log = structlog.get_logger(__name__)

_memory = msgspec.json.Decoder(Memory)


class Cell:
    """One point: where it belongs, what a value may be, what was newest, and each rule's memory of it."""

    __slots__ = (
        "asset_id",
        "calm_above",
        "calm_below",
        "device_id",
        "high",
        "idle",
        "low",
        "memories",
        "newest_ms",
        "point_id",
        "unit",
        "watches",
    )

    def __init__(self, row: Any, watches: tuple[Watch, ...], memories: list[Memory | None]) -> None:
        self.point_id: int = row.id
        self.device_id: int = row.device_id
        self.asset_id: int | None = row.asset_id
        self.unit: str = row.unit
        self.low, self.high = POINTS[row.name].sane
        self.newest_ms: int = to_ms(row.measured_at) if row.measured_at is not None else 0
        self.watches = watches
        self.memories = memories
        # while no rule remembers anything, a value strictly between these concerns none of them
        self.calm_above = max((watch.calm_above for watch in watches), default=-math.inf)
        self.calm_below = min((watch.calm_below for watch in watches), default=math.inf)
        self.idle = not any(memories)


class Directory:
    """Devices by serial, their cells by point name, and how far each lane has come.

    ``removed``: when each serial was taken off that is fitted nowhere now.
    """

    def __init__(
        self,
        devices: dict[str, dict[str, Cell]],
        lanes: dict[tuple[str, Lane, str], int],
        removed: dict[str, datetime],
    ) -> None:
        self.devices = devices
        self.lanes = lanes
        self.removed = removed
        self.nothing: dict[str, Cell] = {}
        self.revisions: tuple[int, int] = (0, 0)
        self.points = sum(len(cells) for cells in devices.values())

    def names(self, points: Set[int]) -> dict[int, tuple[str, str]]:
        """Serial and point name by point id; walks through all, for the rare case only."""
        return {
            cell.point_id: (serial, name)
            for serial, cells in self.devices.items()
            for name, cell in cells.items()
            if cell.point_id in points
        }

    def pending(self) -> set[tuple[Cell, int]]:
        """The cells a rule is holding its breath over."""
        return {
            (cell, index)
            for cells in self.devices.values()
            for cell in cells.values()
            for index, memory in enumerate(cell.memories)
            if memory is not None and memory.phase is Phase.PENDING
        }


def load_directory(tx: Connection) -> Directory:
    """Read it whole: a handful of queries however many points there are."""
    seen = revisions(tx)
    rules = [rule for rule in rules_in_force(tx) if not isinstance(rule.condition, NoDataCondition)]
    memories = {
        (row.rule_key, row.point_id): _memory.decode(row.body) for row in tx.execute(select(tables.rule_memory))
    }
    device, point, asset, latest = tables.device, tables.point, tables.asset, tables.latest
    rows = tx.execute(
        select(point, device.c.serial, device.c.asset_id, asset.c.family, latest.c.measured_at)
        .join(device, device.c.id == point.c.device_id)
        .outerjoin(asset, asset.c.id == device.c.asset_id)
        .outerjoin(latest, latest.c.point_id == point.c.id)
        .where(device.c.removed_at.is_(None))
    )
    devices: dict[str, dict[str, Cell]] = {}
    for row in rows:
        watches = _watches(row, rules)
        cells = devices.setdefault(row.serial, {})
        cells[row.name] = Cell(row, watches, [memories.get((watch.rule.key, row.id)) for watch in watches])
    lanes = {(row.cabinet_id, Lane(row.name), row.epoch): row.seq for row in tx.execute(select(tables.lane))}
    off = select(device.c.serial, func.max(device.c.removed_at).label("at")).where(device.c.removed_at.is_not(None))
    removed = {row.serial: row.at for row in tx.execute(off.group_by(device.c.serial)) if row.serial not in devices}
    directory = Directory(devices, lanes, removed)
    directory.revisions = seen
    return directory


def _watches(row: Any, rules: list[Rule]) -> tuple[Watch, ...]:
    if row.asset_id is None:
        return ()
    made = []
    for rule in rules:
        if rule.point != row.name or (rule.family is not None and rule.family != Family(row.family)):
            continue
        try:
            made.append(Watch(rule, row.id, baseline=row.baseline, full_scale=row.full_scale))
        except ValueError as problem:
            log.warning("rule_not_applicable", rule=rule.key, point_id=row.id, problem=str(problem))
    return tuple(made)
