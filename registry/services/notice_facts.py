"""What notices are about: alerts and groups with everything that routes, silences and texts look at. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from registry.domain.duties import DutyBook, Subject
from registry.domain.kinds import AlertState, AreaLevel, GroupState, Party
from registry.domain.muting import Subject as MuteSubject
from registry.domain.notices import About
from registry.notices.texts import AlertFacts, GroupFacts
from registry.services.duties import duty_book
from registry.storage.tables import alert, alert_group, area, asset, case, device, point, rule

_AT_ONCE = 500
_NAMED_DIGITS = (6, 9)  # a district and its street say where; cells and communities are numbers to most people


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSubject:
    """One alert as the planner sees it. ``live``: firing, and nobody has acknowledged it."""

    facts: AlertFacts
    about: About
    mute: MuteSubject
    family: str
    case_id: int | None
    group_id: int | None
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSubject:
    """One group as the planner sees it."""

    facts: GroupFacts
    about: About
    mute: MuteSubject
    family: str
    case_id: int | None
    live: bool


def alert_subjects(tx: Connection, ids: Collection[int]) -> dict[int, AlertSubject]:
    """Alerts by their ids."""
    rows: list[Row[Any]] = []
    for some in _slices(sorted(ids)):
        rows.extend(tx.execute(_alerts().where(alert.c.id.in_(some))))
    names = _area_names(tx, {row.area_code or "" for row in rows})
    book = duty_book(tx) if any(row.asset_id and row.maintainer_unit_id is None for row in rows) else None
    return {row.id: _alert_subject(row, names, book) for row in rows}


def group_subjects(tx: Connection, ids: Collection[int]) -> dict[int, GroupSubject]:
    """Groups by their ids. The unit of a group is that of its area."""
    rows: list[Row[Any]] = []
    for some in _slices(sorted(ids)):
        rows.extend(tx.execute(_groups().where(alert_group.c.id.in_(some))))
    if not rows:
        return {}
    names = _area_names(tx, {row.area_code for row in rows})
    named = _rule_rows(tx, {row.rule_key for row in rows})
    book = duty_book(tx)
    return {row.id: _group_subject(row, names, named.get(row.rule_key), book) for row in rows}


def unit_for(book: DutyBook | None, scheme: str, class_code: str, family: str, area_code: str) -> int | None:
    """The unit that maintains such a thing there, by the duty list."""
    if book is None:
        return None
    subject = Subject(scheme=scheme, class_code=class_code, family=family, area_code=area_code)
    found = book.answer(Party.MAINTAINER, subject)
    return None if found is None else found.unit_id


def _alerts() -> Any:
    tables = (
        alert.outerjoin(asset, asset.c.id == alert.c.asset_id)
        .outerjoin(device, device.c.id == alert.c.device_id)
        .outerjoin(point, point.c.id == alert.c.point_id)
        .outerjoin(case, case.c.id == alert.c.case_id)
        .outerjoin(rule, and_(rule.c.key == alert.c.rule_key, rule.c.version == alert.c.rule_version))
    )
    return select(
        alert,
        asset.c.name.label("asset_name"),
        asset.c.code.label("asset_code"),
        asset.c.road,
        asset.c.area_code,
        asset.c.family,
        asset.c.scheme,
        asset.c.class_code,
        asset.c.maintainer_unit_id,
        device.c.serial,
        point.c.name.label("point"),
        point.c.unit,
        case.c.number.label("case_number"),
        rule.c.name_zh,
        rule.c.name_en,
        rule.c.condition,
        rule.c.ladder,
    ).select_from(tables)


def _alert_subject(row: Any, names: Mapping[str, str], book: DutyBook | None) -> AlertSubject:
    area_code = row.area_code or ""
    unit_id = row.maintainer_unit_id
    if unit_id is None and row.asset_id is not None:
        unit_id = unit_for(book, row.scheme, row.class_code, row.family, area_code)
    condition = row.condition or {}
    facts = AlertFacts(
        alert_id=row.id,
        rule_key=row.rule_key,
        rule_zh=row.name_zh or "",
        rule_en=row.name_en or "",
        severity=row.severity,
        began_at=row.began_at,
        asset_id=row.asset_id,
        asset_name=row.asset_name or "",
        asset_code=row.asset_code or "",
        road=row.road or "",
        area_code=area_code,
        area_name=_area_name(area_code, names),
        cabinet="" if row.point_id is not None else " / ".join(part for part in (row.cabinet_id, row.bus) if part),
        device=row.serial or "",
        point=row.point or "",
        unit=row.unit or "",
        value=row.peak if row.peak is not None else row.value,
        limit=_limit(row.severity, condition, row.ladder or []),
        of_full_scale=bool(condition.get("of_full_scale")),
        case_number=row.case_number or "",
        cleared_at=row.cleared_at,
    )
    return AlertSubject(
        facts=facts,
        about=About(rule_key=row.rule_key, severity=row.severity, area_code=area_code, unit_id=unit_id),
        mute=MuteSubject(rule_key=row.rule_key, severity=row.severity, asset_id=row.asset_id, area_code=area_code),
        family=row.family or "",
        case_id=row.case_id,
        group_id=row.group_id,
        live=row.state == AlertState.FIRING and row.acknowledged_at is None,
    )


def _limit(severity: int, condition: Mapping[str, Any], ladder: Sequence[Mapping[str, Any]]) -> float | None:
    """The number that was passed: that of the step of the ladder which has this severity, else the rule's own."""
    for step in ladder:
        if step.get("severity") == severity:
            return step.get("fire")
    found = condition.get("fire")
    return float(found) if isinstance(found, int | float) else None


def _groups() -> Any:
    return select(alert_group, case.c.number.label("case_number")).select_from(
        alert_group.outerjoin(case, case.c.id == alert_group.c.case_id)
    )


def _group_subject(row: Any, names: Mapping[str, str], named: Any, book: DutyBook) -> GroupSubject:
    family = (named.family if named is not None else None) or ""
    facts = GroupFacts(
        group_id=row.id,
        rule_key=row.rule_key,
        rule_zh=named.name_zh if named is not None else "",
        rule_en=named.name_en if named is not None else "",
        severity=row.severity,
        began_at=row.began_at,
        members=row.members,
        radius_m=row.radius_m,
        area_code=row.area_code,
        area_name=_area_name(row.area_code, names),
        case_number=row.case_number or "",
        ended_at=row.ended_at,
    )
    unit_id = unit_for(book, "", "", family, row.area_code)
    return GroupSubject(
        facts=facts,
        about=About(rule_key=row.rule_key, severity=row.severity, area_code=row.area_code, unit_id=unit_id),
        mute=MuteSubject(rule_key=row.rule_key, severity=row.severity, area_code=row.area_code),
        family=family,
        case_id=row.case_id,
        live=row.state == GroupState.OPEN,
    )


def _rule_rows(tx: Connection, keys: Collection[str]) -> dict[str, Any]:
    """The newest version of each rule."""
    query = select(rule.c.key, rule.c.family, rule.c.name_zh, rule.c.name_en).where(rule.c.key.in_(keys))
    return {row.key: row for row in tx.execute(query.order_by(rule.c.version))}


def _area_names(tx: Connection, codes: Collection[str]) -> dict[str, str]:
    wanted = {code[:digits] for code in codes for digits in _NAMED_DIGITS if len(code) >= digits}
    named: dict[str, str] = {}
    for some in _slices(sorted(wanted)):
        query = select(area.c.code, area.c.name).where(area.c.code.in_(some), area.c.level != AreaLevel.DUTY.value)
        named.update((row.code, row.name) for row in tx.execute(query))
    return named


def _area_name(code: str, names: Mapping[str, str]) -> str:
    return " ".join(names[code[:digits]] for digits in _NAMED_DIGITS if len(code) >= digits and code[:digits] in names)


def _slices(wanted: Sequence[Any]) -> list[Sequence[Any]]:
    return [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
