"""What intake must know of every point to take a reading without asking the database: limits, newest time, guards."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import datetime, tzinfo
from typing import Any

import structlog
from sqlalchemy import Connection, func, select

from registry.domain.kinds import Family, Lane
from registry.domain.points import POINTS
from registry.domain.rules import Guard, GuardPoint, Memory, Rulebook, WatchedAsset, read_memory
from registry.domain.seasons import Season, in_force, next_change
from registry.services.intake_records import revisions
from registry.services.rules import rules_in_force
from registry.shapes import shaped
from registry.storage import tables
from registry.storage.times import to_ms

log = structlog.get_logger(__name__)

# judged by others: whether a cover sits right is looked at once, when the permit to open it is over
_NOT_HERE = frozenset({"cover_seated_wrong"})


class Cell:
    """One point: where it belongs, what a value may be, what was newest, and the guards that want its readings."""

    __slots__ = (
        "asset_id",
        "calm_above",
        "calm_below",
        "device_id",
        "high",
        "idle",
        "lateness_ms",
        "low",
        "newest_ms",
        "point_id",
        "posts",
        "unit",
    )

    def __init__(self, row: Any) -> None:
        self.point_id: int = row.id
        self.device_id: int = row.device_id
        self.asset_id: int | None = row.asset_id
        self.unit: str = row.unit
        self.low, self.high = POINTS[row.name].sane
        self.newest_ms: int = to_ms(row.measured_at) if row.measured_at is not None else 0
        self.posts: tuple[Post, ...] = ()
        # while no guard remembers anything, a value strictly between these concerns none of them
        self.calm_above, self.calm_below = -math.inf, math.inf
        self.lateness_ms = 0
        self.idle = True

    def take(self, post: Post) -> None:
        """Let one more guard have this point's readings."""
        guard = post.guard
        self.posts = (*self.posts, post)
        self.calm_above = max(self.calm_above, guard.calm_above)
        self.calm_below = min(self.calm_below, guard.calm_below)
        self.lateness_ms = max(self.lateness_ms, guard.lateness_ms)
        self.idle = self.idle and post.memory is None


class Post:
    """A guard on duty: its memory, the cell of its anchor point, and when (city time) something last changed it.

    ``stored``: whether ``rule_memory`` has a row for it.
    """

    __slots__ = ("cell", "guard", "memory", "stored", "touched_ms")

    def __init__(self, guard: Guard, cell: Cell, memory: Memory | None, now_ms: int) -> None:
        self.guard = guard
        self.cell = cell
        self.memory = memory
        self.stored = memory is not None
        self.touched_ms = now_ms

    def known_ms(self, memory: Memory, now_ms: int) -> int:
        """Up to when all readings are here: what is still being delivered from long ago has not lasted until now."""
        return min(now_ms, memory.last_ms + now_ms - self.touched_ms)


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
        # when a season begins or ends by its dates, other numbers count
        self.good_until: datetime | None = None
        self.points = sum(len(cells) for cells in devices.values())

    def is_over(self, now: datetime) -> bool:
        """Whether a season has begun or ended by its dates since it was loaded."""
        return self.good_until is not None and now >= self.good_until

    def names(self, points: Set[int]) -> dict[int, tuple[str, str]]:
        """Serial and point name by point id; walks through all, for the rare case only."""
        return {
            cell.point_id: (serial, name)
            for serial, cells in self.devices.items()
            for name, cell in cells.items()
            if cell.point_id in points
        }

    def pending(self) -> set[Post]:
        """The posts that time alone may change."""
        return {
            post
            for cells in self.devices.values()
            for cell in cells.values()
            for post in cell.posts
            if post.memory is not None and post.guard.due_ms(post.memory) is not None
        }


def load_directory(tx: Connection, *, now: datetime, zone: tzinfo) -> Directory:
    """Read it whole: a handful of queries however many points there are."""
    seen = revisions(tx)
    seasons = _seasons(tx)
    keys = [season.key for season in in_force(seasons, at=now, zone=zone)]
    rules = [rule for rule in rules_in_force(tx) if rule.key not in _NOT_HERE]
    book = Rulebook(rules, zone=zone, seasons=keys)
    memories = {(row.rule_key, row.point_id): read_memory(row.body) for row in tx.execute(select(tables.rule_memory))}
    devices: dict[str, dict[str, Cell]] = {}
    cells: dict[int, Cell] = {}
    fitted: dict[int, list[Any]] = defaultdict(list)
    for row in tx.execute(_every_point()):
        cells[row.id] = devices.setdefault(row.serial, {})[row.name] = Cell(row)
        if row.asset_id is not None:
            fitted[row.asset_id].append(row)
    now_ms = to_ms(now)
    for rows in fitted.values():
        for guard in book.guards(_asset(rows[0]), [_point(row) for row in rows]):
            memory = memories.get((guard.rule.key, guard.anchor_id))
            post = Post(guard, cells[guard.anchor_id], memory, now_ms)
            for point_id in guard.point_ids:
                cells[point_id].take(post)
    for each in book.inapplicable:
        log.warning("rule_not_applicable", rule=each.rule_key, point_id=each.point_id, problem=each.problem)
    device = tables.device
    lanes = {(row.cabinet_id, Lane(row.name), row.epoch): row.seq for row in tx.execute(select(tables.lane))}
    off = select(device.c.serial, func.max(device.c.removed_at).label("at")).where(device.c.removed_at.is_not(None))
    removed = {row.serial: row.at for row in tx.execute(off.group_by(device.c.serial)) if row.serial not in devices}
    directory = Directory(devices, lanes, removed)
    directory.revisions = seen
    directory.good_until = next_change(seasons, at=now, zone=zone)
    return directory


def _every_point() -> Any:
    device, point, asset, latest = tables.device, tables.point, tables.asset, tables.latest
    about = (asset.c.family, asset.c.scheme, asset.c.class_code, asset.c.area_code)
    return (
        select(point, device.c.serial, device.c.asset_id, *about, latest.c.measured_at)
        .join(device, device.c.id == point.c.device_id)
        .outerjoin(asset, asset.c.id == device.c.asset_id)
        .outerjoin(latest, latest.c.point_id == point.c.id)
        .where(device.c.removed_at.is_(None))
    )


def _asset(row: Any) -> WatchedAsset:
    return WatchedAsset(
        asset_id=row.asset_id,
        family=Family(row.family),
        scheme=row.scheme,
        class_code=row.class_code,
        area_code=row.area_code or "",
    )


def _point(row: Any) -> GuardPoint:
    return GuardPoint(
        point_id=row.id,
        name=row.name,
        unit=row.unit,
        baseline=row.baseline,
        full_scale=row.full_scale,
        device=row.serial,
    )


def _seasons(tx: Connection) -> Sequence[Season]:
    rows = tx.execute(select(tables.season)).mappings()
    return [shaped({name: row[name] for name in Season.__struct_fields__}, Season, strict=False) for row in rows]
