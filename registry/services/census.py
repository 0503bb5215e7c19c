"""Counting what the files of a census lack, and which positions are doubtful, over all assets at once.

One walk along the assets without holding up any writer; its result is kept with its time, so that pages show figures of
a million assets at once and say how old they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Float,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
)

from registry.domain.geo import Place
from registry.domain.kinds import AssetState, Doubt, PlaceJobKind, TagState
from registry.domain.people import SYSTEM
from registry.queries.asset_filters import Gap, scanned_far
from registry.services.area_index import area_index
from registry.services.nearness import Crowd, same_places, too_near
from registry.services.place_jobs import (
    JobView,
    ask_for_job,
    doing,
    end_job,
    find_job,
    keep_job,
    latest_job,
    let_go,
)
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_doubt, device, gap_count, photo, tag

BATCH = 10_000
COMMUNITY_DIGITS = 12
ALL = ""
"""The count of all assets, beside the counts of those that lack something."""

AT_LEAST = timedelta(minutes=1)
"""Figures younger than this are not counted anew by themselves."""

REST = 60
"""Counting by itself takes at most one part in so many of the worker's time."""

_COLUMNS = (
    *(asset.c.id, asset.c.code, asset.c.scheme, asset.c.class_code, asset.c.family, asset.c.state, asset.c.lon),
    *(asset.c.lat, asset.c.accuracy, asset.c.area_code, asset.c.grid_cell, asset.c.road, asset.c.supervisor_unit_id),
    *(asset.c.owner_unit_id, asset.c.maintainer_unit_id),
)

# What stands for each bit of a row's tally, the lowest first.
_BITS = (*(Gap.PLATE, Gap.SENSOR, Gap.PHOTO, Gap.CELL, Gap.AREA, Gap.SUPERVISOR, Gap.OWNER, Gap.MAINTAINER, Gap.ROAD),)

_Key = tuple[str, str, str, str, str]


@dataclass(slots=True)
class _Sums:
    """What the walk has found so far."""

    counts: Counter[_Key] = field(default_factory=Counter)
    tally: Counter[tuple[str, str, str, str, int]] = field(default_factory=Counter)
    doubts: dict[Doubt, dict[int, tuple[int | None, float | None]]] = field(
        default_factory=lambda: {doubt: {} for doubt in Doubt}
    )
    far: set[int] = field(default_factory=set)
    kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    crowds: list[Crowd] = field(default_factory=list)
    seen: int = 0


def ask_for_census(engine: Engine, *, now: datetime) -> int | None:
    """Ask for a new count when the last one is old enough, by its own cost; the job's id, None when it is not."""
    last = latest_job(engine, PlaceJobKind.CENSUS)
    if last is not None:
        if last.live:
            return last.id
        if last.started_at is not None and last.finished_at is not None:
            rest = max(AT_LEAST, (last.finished_at - last.started_at) * REST)
            if now < last.finished_at + rest:
                return None
    with writing(engine) as tx:
        return ask_for_job(tx, PlaceJobKind.CENSUS, by=SYSTEM, now=now)


def run_census(
    engine: Engine,
    job_id: int,
    *,
    holder: str,
    clock: Callable[[], datetime],
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[JobView], None] = lambda job: None,
) -> JobView:
    """Count everything and keep the result. A count that is stopped or killed begins anew: it takes seconds."""
    with doing(engine, job_id, holder, clock):
        sums = _Sums()
        with reading(engine) as tx:
            sums.far = {asset_id for asset_id in tx.execute(scanned_far()).scalars() if asset_id is not None}
        for batch in _batches(engine):
            _add(engine, sums, batch)
            if stop() or not keep_job(engine, job_id, holder, sums.seen, now=clock()):
                let_go(engine, job_id, holder)
                return find_job(engine, job_id)
            progress(find_job(engine, job_id))
        _take_apart(sums)
        _find_crowds(sums)
        _write(engine, job_id, holder, sums, now=clock())
    return find_job(engine, job_id)


def _batches(engine: Engine) -> Iterator[list[Any]]:
    after = 0
    while True:
        query = (
            select(*_COLUMNS)
            .where(asset.c.id > after, asset.c.merged_into_id.is_(None))
            .order_by(asset.c.id)
            .limit(BATCH)
        )
        with reading(engine) as tx:
            rows = list(tx.execute(query).all())
        if rows:
            after = rows[-1].id
            yield rows
        if len(rows) < BATCH:
            return


def _add(engine: Engine, sums: _Sums, rows: list[Any]) -> None:
    span = (rows[0].id, rows[-1].id)
    with reading(engine) as tx:
        plates = _having(tx, tag, span, tag.c.state == TagState.ACTIVE.value)
        sensors = _having(tx, device, span, device.c.removed_at.is_(None))
        photos = _having(tx, photo, span, photo.c.removed_at.is_(None))
        index = area_index(tx)
        found = index.locate([Place(row.lon, row.lat) for row in rows]) if index.of else []
    for number, row in enumerate(rows):
        # one tally per row, taken apart at the end: counting each gap of a million rows by its name takes minutes
        lacks = (
            (row.id not in plates)
            + (row.id not in sensors) * 2
            + (row.id not in photos) * 4
            + (row.grid_cell == "") * 8
            + (len(row.area_code) <= 6) * 16
            + (row.supervisor_unit_id is None) * 32
            + (row.owner_unit_id is None) * 64
            + (row.maintainer_unit_id is None) * 128
            + (row.road == "") * 256
        )
        key = (row.area_code[:COMMUNITY_DIGITS], row.scheme, row.class_code, row.family)
        sums.tally[(*key, lacks)] += 1
        if row.state != AssetState.ABANDONED.value:
            _doubt(sums, row, key, outside=bool(found) and not any(found[number]))
    _crowd(sums, [row for row in rows if row.state != AssetState.ABANDONED.value])
    sums.seen += len(rows)


def _take_apart(sums: _Sums) -> None:
    for (*key, lacks), count in sums.tally.items():
        area_code, scheme, class_code, family = key
        sums.counts[(ALL, area_code, scheme, class_code, family)] += count
        for bit, gap in enumerate(_BITS):
            if lacks >> bit & 1:
                sums.counts[(gap.value, area_code, scheme, class_code, family)] += count


def _having(tx: Connection, table: Any, span: tuple[int, int], condition: Any) -> set[int]:
    return set(tx.execute(select(table.c.asset_id).where(table.c.asset_id.between(*span), condition)).scalars())


def _doubt(sums: _Sums, row: Any, key: tuple[str, str, str, str], *, outside: bool) -> None:
    doubts = [
        doubt
        for doubt, doubted in (
            (Doubt.ROUGH, row.accuracy == "C"),
            (Doubt.OTHER_DIVISION, len(row.area_code) >= 6 and row.area_code[:6] != row.code[:6]),
            (Doubt.OUTSIDE, outside),
            (Doubt.SCANNED_FAR, row.id in sums.far),
        )
        if doubted
    ]
    for doubt in doubts:
        sums.doubts[doubt][row.id] = (None, None)
        sums.counts[(doubt, *key)] += 1


def _crowd(sums: _Sums, rows: list[Any]) -> None:
    kinds = [sums.kinds.setdefault((row.scheme, row.class_code), len(sums.kinds)) for row in rows]
    sums.crowds.append(
        Crowd(
            np.array([row.id for row in rows], dtype=np.int64),
            np.array(kinds, dtype=np.int32),
            np.array([row.lon for row in rows], dtype=np.float64),
            np.array([row.lat for row in rows], dtype=np.float64),
        )
    )


def _find_crowds(sums: _Sums) -> None:
    if not sums.crowds:
        return
    crowd = Crowd(*(np.concatenate(parts) for parts in zip(*sums.crowds, strict=True)))
    sums.crowds.clear()
    for doubt, pairs in ((Doubt.SAME_PLACE, same_places(crowd)), (Doubt.TOO_NEAR, too_near(crowd))):
        sums.doubts[doubt] = {pair.asset_id: (pair.other_id, round(pair.distance_m, 3)) for pair in pairs}


def _write(engine: Engine, job_id: int, holder: str, sums: _Sums, *, now: datetime) -> None:
    for doubt in Doubt:
        _write_doubt(engine, doubt, sums.doubts[doubt])
    with writing(engine) as tx:
        for doubt in (Doubt.SAME_PLACE, Doubt.TOO_NEAR):
            _count_doubt(tx, sums, doubt)
        tx.execute(delete(gap_count))
        rows = [
            dict(zip(("gap", "area_code", "scheme", "class_code", "family", "count"), (*key, count), strict=True))
            for key, count in sums.counts.items()
        ]
        if rows:
            tx.execute(insert(gap_count), rows)
        doubts = {doubt.value: len(sums.doubts[doubt]) for doubt in Doubt}
        end_job(tx, job_id, holder, changed=0, report={"assets": sums.seen} | doubts, now=now)


def _count_doubt(tx: Connection, sums: _Sums, doubt: Doubt) -> None:
    """Pairs are found at the end of the walk, when the rows are gone: the database groups them again."""
    key = (func.substr(asset.c.area_code, 1, COMMUNITY_DIGITS), asset.c.scheme, asset.c.class_code, asset.c.family)
    query = (
        select(*key, func.count())
        .join_from(asset_doubt, asset, asset.c.id == asset_doubt.c.asset_id)
        .where(asset_doubt.c.doubt == doubt.value)
        .group_by(*key)
    )
    for area_code, scheme, class_code, family, count in tx.execute(query):
        sums.counts[(doubt.value, area_code, scheme, class_code, family)] = count


def _write_doubt(engine: Engine, doubt: Doubt, found: dict[int, tuple[int | None, float | None]]) -> None:
    """Only what has changed since the last count, some thousands of rows at a time."""
    with reading(engine) as tx:
        query = select(asset_doubt.c.asset_id, asset_doubt.c.other_id).where(asset_doubt.c.doubt == doubt.value)
        kept = {row.asset_id: row.other_id for row in tx.execute(query)}
    gone = [asset_id for asset_id, other in kept.items() if asset_id not in found or found[asset_id][0] != other]
    new = [asset_id for asset_id, (other, _) in found.items() if asset_id not in kept or kept[asset_id] != other]
    for start in range(0, len(gone), BATCH):
        with writing(engine) as tx:
            tx.execute(
                delete(asset_doubt).where(
                    asset_doubt.c.doubt == doubt.value, asset_doubt.c.asset_id == bindparam("gone")
                ),
                [{"gone": asset_id} for asset_id in gone[start : start + BATCH]],
            )
    # Undoing an import may have taken an asset away since the walk came by.
    own, other = bindparam("asset", type_=BigInteger), bindparam("other", type_=BigInteger)
    there = and_(
        exists(select(asset.c.id).where(asset.c.id == own)),
        or_(other.is_(None), exists(select(asset.c.id).where(asset.c.id == other))),
    )
    values: Any = select(literal(doubt.value), own, other, bindparam("distance", type_=Float)).where(there)
    statement = insert(asset_doubt).from_select(["doubt", "asset_id", "other_id", "distance_m"], values)
    for start in range(0, len(new), BATCH):
        with writing(engine) as tx:
            tx.execute(
                statement,
                [
                    {"asset": asset_id, "other": found[asset_id][0], "distance": found[asset_id][1]}
                    for asset_id in new[start : start + BATCH]
                ],
            )
