"""一井一档案: the whole file of one asset, read for its page in a fixed number of small statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from registry.domain.codes import read_code
from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import NotFound
from registry.domain.kinds import ENDED_STAGES, AlertState, Family, Party, TagState
from registry.domain.points import POINTS
from registry.domain.tokens import grouped
from registry.queries.asset_rows import class_names, units_by_id, with_class
from registry.queries.asset_views import (
    Alias,
    AreaName,
    AssetAlert,
    AssetCase,
    AssetFile,
    AssetPhoto,
    AssetRef,
    BaselineLine,
    ChangeLine,
    DeviceView,
    FieldChange,
    ImportOrigin,
    PartyView,
    PointValue,
    TagView,
    UnitView,
)
from registry.queries.duties import people_for
from registry.queries.photos import photos_of
from registry.queries.rows import all_views, as_view
from registry.storage.database import reading
from registry.storage.tables import (
    alert,
    area,
    asset,
    asset_alias,
    asset_change,
    baseline,
    calibration,
    case,
    device,
    import_run,
    latest,
    point,
    tag,
    unit,
    user,
)

_PAST_CASES = 50
_PHOTOS = 60
_CHANGES = 100
_BASELINES = 60
_MERGED = 20
_PREFIXES = (2, 4, 6, 9, 12, 15, 16)
UNITS_MERGED = "unit"
"""The word of the history for a unit that was taken over by another one."""
_UNIT_FIELDS = frozenset({"supervisor_unit_id", "owner_unit_id", "maintainer_unit_id"})


def asset_file(engine: Engine, asset_id: int, *, now: datetime, zone: tzinfo = CHINA_TIME) -> AssetFile:
    """The whole file of one asset; raises ``NotFound``. ``zone`` is the city's: who is on duty depends on the day."""
    with reading(engine) as tx:
        row = tx.execute(with_class(select(asset, *class_names())).where(asset.c.id == asset_id)).mappings().first()
        if row is None:
            raise NotFound("asset", asset_id)
        units = units_by_id(tx, [row[f"{party}_unit_id"] for party in Party])
        tags = _tags(tx, asset_id)
        cases = _cases(tx, asset_id)
        return as_view(
            row,
            AssetFile,
            code_grouped=read_code(row["code"]).grouped,
            areas=_areas(tx, row["area_code"], row["grid_cell"]),
            merged_into=_ref(tx, row["merged_into_id"]),
            merged_from=_merged_from(tx, asset_id),
            supervisor=units.get(row["supervisor_unit_id"]),
            owner=units.get(row["owner_unit_id"]),
            maintainer=units.get(row["maintainer_unit_id"]),
            parties=_parties(tx, row, units, now=now, zone=zone),
            aliases=_aliases(tx, asset_id),
            tag=next((each for each in tags if each.state is TagState.ACTIVE), None),
            former_tags=[each for each in tags if each.state is not TagState.ACTIVE],
            devices=_devices(tx, asset_id),
            values=_values(tx, asset_id, now=now),
            open_cases=[each for each in cases if each.stage not in ENDED_STAGES],
            past_cases=[each for each in cases if each.stage in ENDED_STAGES],
            live_alerts=_live_alerts(tx, asset_id),
            photos=_photos(tx, asset_id),
            baselines=_baselines(tx, asset_id),
            changes=changes_of(tx, asset_id),
            made_by=_origin(tx, asset_id),
        )


def changes_of(tx: Connection, asset_id: int, *, limit: int = _CHANGES) -> list[ChangeLine]:
    """The asset's history, newest first, units by their names."""
    query = (
        select(asset_change, user.c.name.label("by_name"))
        .outerjoin_from(asset_change, user, user.c.id == asset_change.c.by_user_id)
        .where(asset_change.c.asset_id == asset_id)
        .order_by(asset_change.c.id.desc())
        .limit(limit)
    )
    rows = tx.execute(query).mappings().all()
    ids = {
        value
        for row in rows
        for name, pair in row["changes"].items()
        if name in _UNIT_FIELDS
        for value in pair
        if value
    }
    named = tx.execute(select(unit.c.id, unit.c.name).where(unit.c.id.in_(ids))).all() if ids else []
    names = {each.id: each.name for each in named}
    return [_line(row, names) for row in rows]


def _line(row: Mapping[Any, Any], unit_names: Mapping[int, str]) -> ChangeLine:
    if row["action"] != UNITS_MERGED:
        return as_view(row, ChangeLine, fields=_fields(row["changes"], unit_names))
    # the unit that went has no name on file any more; the line keeps it
    fields = [
        FieldChange(field=name, before=row["note"] or pair[0], after=unit_names.get(pair[-1], pair[-1]))
        for name, pair in row["changes"].items()
    ]
    return as_view(row, ChangeLine, fields=fields, note="")


def _origin(tx: Connection, asset_id: int) -> ImportOrigin | None:
    """Where an imported asset came from; its own creation has no line in the history."""
    query = (
        select(
            asset.c.import_id,
            asset.c.import_row.label("row"),
            asset.c.created_at.label("at"),
            import_run.c.file_name,
            user.c.name.label("by_name"),
        )
        .join_from(asset, import_run, import_run.c.id == asset.c.import_id)
        .outerjoin(user, user.c.id == import_run.c.by_user_id)
        .where(asset.c.id == asset_id)
    )
    return next(iter(all_views(tx, query, ImportOrigin)), None)


def _fields(changes: Mapping[str, Sequence[Any]], unit_names: Mapping[int, str]) -> list[FieldChange]:
    """One entry per field; details key by key, so that nobody has to compare two lists of facts."""
    told: list[FieldChange] = []
    for name, pair in changes.items():
        before, after = pair[0], pair[-1]
        if name == "moved":
            continue  # ids for taking a merge apart, nothing to read
        if name in _UNIT_FIELDS:
            before, after = (unit_names.get(each, each) for each in (before, after))
        if name == "details":
            old, new = before or {}, after or {}
            keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            told += [FieldChange(field=f"details.{key}", before=old.get(key), after=new.get(key)) for key in keys]
            continue
        told.append(FieldChange(field=name, before=before, after=after))
    return told


def _areas(tx: Connection, area_code: str, grid_cell: str) -> list[AreaName]:
    """The areas whose codes are the beginnings of the asset's own, and its grid cell."""
    codes = {area_code[:length] for length in _PREFIXES if length <= len(area_code)} | ({grid_cell} - {""})
    if not codes:
        return []
    query = select(area.c.level, area.c.code, area.c.name, area.c.name_en).where(area.c.code.in_(codes))
    return all_views(tx, query.order_by(func.length(area.c.code), area.c.code), AreaName)


def _ref(tx: Connection, asset_id: int | None) -> AssetRef | None:
    if asset_id is None:
        return None
    return next(iter(all_views(tx, select(asset).where(asset.c.id == asset_id), AssetRef)), None)


def _merged_from(tx: Connection, asset_id: int) -> list[AssetRef]:
    merged = select(asset).where(asset.c.merged_into_id == asset_id).order_by(asset.c.id).limit(_MERGED)
    return all_views(tx, merged, AssetRef)


def _parties(
    tx: Connection, row: Mapping[Any, Any], units: Mapping[int | None, UnitView], *, now: datetime, zone: tzinfo
) -> list[PartyView]:
    today = now.astimezone(zone).date()
    found = []
    for party in Party:
        one = units.get(row[f"{party}_unit_id"])
        if one is not None:
            posts = people_for(
                tx, unit_id=one.id, family=Family(row["family"]), area_code=row["area_code"], today=today
            )
            found.append(PartyView(party=party, unit=one, posts=posts))
    return found


def _aliases(tx: Connection, asset_id: int) -> list[Alias]:
    query = select(asset_alias).where(asset_alias.c.asset_id == asset_id)
    return all_views(tx, query.order_by(asset_alias.c.kind, asset_alias.c.value), Alias)


def _tags(tx: Connection, asset_id: int) -> list[TagView]:
    query = select(tag).where(tag.c.asset_id == asset_id).order_by(tag.c.id.desc())
    return [as_view(row, TagView, shown=grouped(row["token"])) for row in tx.execute(query).mappings()]


def _devices(tx: Connection, asset_id: int) -> list[DeviceView]:
    """Those that are fitted, then those that were, the last removed first."""
    newest = select(calibration.c.state).where(calibration.c.device_id == device.c.id)
    state = newest.order_by(calibration.c.id.desc()).limit(1).scalar_subquery().label("calibration")
    query = select(device, state).where(device.c.asset_id == asset_id)
    order = (device.c.removed_at.is_not(None), device.c.removed_at.desc(), device.c.id)
    return all_views(tx, query.order_by(*order), DeviceView)


def _values(tx: Connection, asset_id: int, *, now: datetime) -> list[PointValue]:
    query = (
        select(
            point.c.id.label("point_id"),
            point.c.device_id,
            point.c.name,
            point.c.unit,
            point.c.baseline,
            point.c.full_scale,
            latest.c.value,
            latest.c.measured_at,
            latest.c.quality,
        )
        .join_from(point, device, device.c.id == point.c.device_id)
        .outerjoin(latest, latest.c.point_id == point.c.id)
        .where(device.c.asset_id == asset_id, device.c.removed_at.is_(None))
        .order_by(point.c.device_id, point.c.id)
    )
    return [
        as_view(
            row,
            PointValue,
            decimals=POINTS[row["name"]].decimals if row["name"] in POINTS else 2,
            age_s=None if row["measured_at"] is None else (now - row["measured_at"]).total_seconds(),
        )
        for row in tx.execute(query).mappings()
    ]


def _baselines(tx: Connection, asset_id: int) -> list[BaselineLine]:
    """What was measured as "all is well", newest first; a point's first 0 of its fitting is not worth a line."""
    query = (
        select(
            device.c.id.label("device_id"),
            device.c.serial,
            point.c.name.label("point"),
            point.c.unit,
            baseline.c.value,
            baseline.c.set_at,
            user.c.name.label("set_by_name"),
        )
        .select_from(device)
        .join(point, point.c.device_id == device.c.id)
        .join(baseline, baseline.c.point_id == point.c.id)
        .outerjoin(user, user.c.id == baseline.c.set_by)
        .where(device.c.asset_id == asset_id, (baseline.c.value != 0) | (baseline.c.set_at != device.c.fitted_at))
        .order_by(baseline.c.set_at.desc(), baseline.c.id.desc())
        .limit(_BASELINES)
    )
    return all_views(tx, query, BaselineLine)


def _cases(tx: Connection, asset_id: int) -> list[AssetCase]:
    """The open ones, worst first, then those that ended last."""
    ended = [stage.value for stage in ENDED_STAGES]
    of_asset = select(case, case.c.overdue_at.is_not(None).label("overdue")).where(case.c.asset_id == asset_id)
    still_open = of_asset.where(case.c.stage.not_in(ended)).order_by(case.c.severity.desc(), case.c.id)
    past = of_asset.where(case.c.stage.in_(ended)).order_by(case.c.id.desc()).limit(_PAST_CASES)
    return all_views(tx, still_open, AssetCase) + all_views(tx, past, AssetCase)


def _live_alerts(tx: Connection, asset_id: int) -> list[AssetAlert]:
    query = (
        select(alert, point.c.name.label("point"), point.c.unit)
        .join_from(alert, point, point.c.id == alert.c.point_id)
        .where(alert.c.asset_id == asset_id, alert.c.state == AlertState.FIRING.value)
        .order_by(alert.c.severity.desc(), alert.c.fired_at)
    )
    return all_views(tx, query, AssetAlert)


def _photos(tx: Connection, asset_id: int) -> list[AssetPhoto]:
    return all_views(tx, photos_of(asset_id).limit(_PHOTOS), AssetPhoto)
