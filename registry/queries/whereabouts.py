"""Where a thing of the city lies and whose it is, for the check of a visitor's area: one small statement each.

``None`` means that there is no such thing; whoever asked for it is told so by its own page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Select, func, select

from registry.domain.kinds import Stage
from registry.queries.areas import area_code_of
from registry.storage.database import reading
from registry.storage.tables import (
    alert,
    alert_group,
    api_token,
    asset,
    case,
    device,
    inspection,
    permit,
    photo,
    point,
    recheck,
    report,
    silence,
    supervision_file,
    supervision_item,
    tag,
    user,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """The area of a thing; "" when it is not known."""

    area_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWhereabouts(Whereabouts):
    """The area of a case, and who has it."""

    stage: Stage
    unit_id: int | None
    assignee_id: int | None


def of_asset(engine: Engine, asset_id: int) -> Whereabouts | None:
    """Where an asset stands."""
    return _first(engine, select(asset.c.area_code).where(asset.c.id == asset_id))


def of_code(engine: Engine, code: str) -> Whereabouts | None:
    """Where the asset with this component code stands."""
    return _first(engine, select(asset.c.area_code).where(asset.c.code == code))


def of_case(engine: Engine, case_id: int) -> CaseWhereabouts | None:
    """Where a case is, and who has it."""
    query = select(case.c.lies_in.label("area_code"), case.c.stage, case.c.unit_id, case.c.assignee_id)
    with reading(engine) as tx:
        row = tx.execute(query.where(case.c.id == case_id)).mappings().first()
    return None if row is None else CaseWhereabouts(**{**row, "stage": Stage(row["stage"])})


def of_supervised(engine: Engine, item_id: int) -> Whereabouts | None:
    """Where a supervised item lies."""
    return _first(engine, select(supervision_item.c.area_code).where(supervision_item.c.id == item_id))


def of_supervision_notice(engine: Engine, notice_id: int) -> Whereabouts | None:
    """The smallest area around all items of a notice; None for one that has none (any more)."""
    codes = select(supervision_item.c.area_code).where(supervision_item.c.notice_id == notice_id).distinct()
    with reading(engine) as tx:
        found = list(tx.scalars(codes))
    if not found:
        return None
    shortest = min(found, key=len)
    length = next((n for n, digit in enumerate(shortest) if any(code[n] != digit for code in found)), len(shortest))
    return Whereabouts(area_code=shortest[:length])


def of_evidence(engine: Engine, file_id: int) -> Whereabouts | None:
    """Where the item lies that a piece of evidence belongs to."""
    joined = supervision_item.join(supervision_file, supervision_file.c.item_id == supervision_item.c.id)
    query = select(supervision_item.c.area_code).select_from(joined)
    return _first(engine, query.where(supervision_file.c.id == file_id))


def of_recheck(engine: Engine, recheck_id: int) -> Whereabouts | None:
    """Where the case of a recheck lies."""
    return _first(engine, select(recheck.c.area_code).where(recheck.c.id == recheck_id))


def of_inspection(engine: Engine, inspection_id: int) -> Whereabouts | None:
    """Where the case of an inspection lies."""
    return _first(engine, select(inspection.c.area_code).where(inspection.c.id == inspection_id))


def of_alert(engine: Engine, alert_id: int) -> Whereabouts | None:
    """Where the asset of an alert stands; nowhere in particular where a whole cabinet is silent."""
    query = select(func.coalesce(asset.c.area_code, "").label("area_code"))
    query = query.outerjoin_from(alert, asset, asset.c.id == alert.c.asset_id)
    return _first(engine, query.where(alert.c.id == alert_id))


def of_group(engine: Engine, group_id: int) -> Whereabouts | None:
    """The smallest area that holds all members of a group of alerts."""
    return _first(engine, select(alert_group.c.area_code).where(alert_group.c.id == group_id))


def of_permit(engine: Engine, permit_id: int) -> Whereabouts | None:
    """Where the asset stands that somebody may open."""
    query = select(asset.c.area_code).join_from(permit, asset, asset.c.id == permit.c.asset_id)
    return _first(engine, query.where(permit.c.id == permit_id))


def of_silence(engine: Engine, silence_id: int) -> Whereabouts | None:
    """Where all that a silence mutes lies; "" for one about a rule in the whole city."""
    query = select(func.coalesce(asset.c.area_code, silence.c.area_code).label("area_code"))
    query = query.outerjoin_from(silence, asset, asset.c.id == silence.c.asset_id)
    return _first(engine, query.where(silence.c.id == silence_id))


def of_photo(engine: Engine, photo_id: int) -> Whereabouts | None:
    """Where the asset on a photo stands, or the case that it belongs to."""
    query = select(func.coalesce(asset.c.area_code, case.c.area_code, "").label("area_code")).select_from(
        photo.outerjoin(asset, asset.c.id == photo.c.asset_id).outerjoin(case, case.c.id == photo.c.case_id)
    )
    return _first(engine, query.where(photo.c.id == photo_id))


def of_report(engine: Engine, report_id: int) -> Whereabouts | None:
    """Where what somebody reported lies."""
    return _first(engine, select(report.c.area_code).where(report.c.id == report_id))


def of_device(engine: Engine, device_id: int) -> Whereabouts | None:
    """Where a device is or was fitted; the area is "" for one that never was."""
    query = select(func.coalesce(asset.c.area_code, "").label("area_code")).outerjoin_from(
        device, asset, asset.c.id == device.c.asset_id
    )
    return _first(engine, query.where(device.c.id == device_id))


def of_point(engine: Engine, point_id: int) -> Whereabouts | None:
    """Where a measured quantity is measured."""
    query = (
        select(func.coalesce(asset.c.area_code, "").label("area_code"))
        .join_from(point, device, device.c.id == point.c.device_id)
        .outerjoin(asset, asset.c.id == device.c.asset_id)
    )
    return _first(engine, query.where(point.c.id == point_id))


def of_user(engine: Engine, user_id: int) -> Whereabouts | None:
    """The part of the city that an account is bound to."""
    return _first(engine, select(user.c.area_code).where(user.c.id == user_id))


def of_api_token(engine: Engine, api_token_id: int) -> Whereabouts | None:
    """The part of the city that the holder of an API token is bound to."""
    query = select(user.c.area_code).join_from(api_token, user, user.c.id == api_token.c.user_id)
    return _first(engine, query.where(api_token.c.id == api_token_id))


def of_tag(engine: Engine, tag_id: int) -> Whereabouts | None:
    """Where the asset of a plate stands; a blank plate lies nowhere yet (None), anybody may bind it."""
    query = select(asset.c.area_code).join_from(tag, asset, asset.c.id == tag.c.asset_id)
    return _first(engine, query.where(tag.c.id == tag_id))


def of_area(engine: Engine, area_id: int) -> Whereabouts | None:
    """An area itself; a responsibility grid lies where its first cell lies."""
    code = area_code_of(engine, area_id)
    return None if code is None else Whereabouts(area_code=code)


def _first(engine: Engine, query: Select[Any]) -> Whereabouts | None:
    with reading(engine) as tx:
        row = tx.execute(query).mappings().first()
    return None if row is None else Whereabouts(area_code=row["area_code"])
