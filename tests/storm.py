"""A street of covers with level sensors whose alerts wait for company: what storms are made of in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from registry.domain.kinds import Family, Severity
from registry.domain.rules import GroupPolicy, LimitCondition, Rule
from registry.services import alerts
from registry.services.alerts import Subject
from registry.services.grouping import Decided, decide_groups
from registry.storage.database import reading, writing
from registry.storage.tables import alert, alert_event, alert_group, asset, case, device, entry, point
from registry.storage.tables import rule as rule_table
from tests.city import City

POLICY = GroupPolicy(at_least=3, within_s=600.0, radius_m=1000.0, wait_s=30.0)
WATER = Rule(
    key="water",
    version=1,
    family=Family.COVER,
    point="water_level",
    severity=Severity.ALARM,
    case_kind="water_high",
    condition=LimitCondition(fire=0.9, clear=0.8),
    grouping=POLICY,
    permit=True,
)
STREET = 0.001
"""Degrees of longitude: about 100 m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """A street with a sensor every so often; ``subjects`` from west to east."""

    city: City
    subjects: list[Subject]
    rule: Rule

    def fire(
        self, which: Sequence[int], at: datetime, *, severity: Severity | None = None, told_at: datetime | None = None
    ) -> list[int]:
        """``told_at``: when it was heard of, if not at once."""
        heard = told_at or at
        with writing(self.city.engine) as tx:
            fired = [
                alerts.fire(
                    tx, self.rule, self.subjects[one], began_at=at, fired_at=at, severity=severity, level=1.0, now=heard
                )
                for one in which
            ]
        return [alert_id for alert_id in fired if alert_id is not None]

    def clear(self, which: Sequence[int], at: datetime) -> None:
        with writing(self.city.engine) as tx:
            for one in which:
                alerts.clear(tx, self.rule.key, self.subjects[one], cleared_at=at, level=0.1, now=at)

    def decide(self, at: datetime, **more: Any) -> Decided:
        return decide_groups(self.city.engine, now=at, **more)

    def groups(self) -> list[Any]:
        with reading(self.city.engine) as tx:
            return list(tx.execute(select(alert_group).order_by(alert_group.c.id)))

    def cases(self) -> list[Any]:
        with reading(self.city.engine) as tx:
            return list(tx.execute(select(case).order_by(case.c.id)))

    def alerts(self) -> list[Any]:
        with reading(self.city.engine) as tx:
            return list(tx.execute(select(alert).order_by(alert.c.id)))

    def events(self, alert_id: int) -> list[str]:
        with reading(self.city.engine) as tx:
            told = select(alert_event.c.kind).where(alert_event.c.alert_id == alert_id)
            return list(tx.scalars(told.order_by(alert_event.c.id)))

    def details(self, case_id: int) -> list[Any]:
        with reading(self.city.engine) as tx:
            found = select(entry.c.detail).where(entry.c.case_id == case_id, entry.c.move == "grouped")
            return list(tx.scalars(found.order_by(entry.c.id)))


def sensors(city: City, now: datetime, places: Sequence[float], rule: Rule = WATER) -> Street:
    """A sensor for each place, in streets of 100 m east of the first."""
    subjects = []
    with writing(city.engine) as tx:
        row = dict(tx.execute(select(asset).where(asset.c.id == city.asset_id)).mappings().one())
        del row["id"]
        for number, place in enumerate(places):
            here = {"code": f"44080301019{number:05d}", "name": f"雨水 {number}", "lon": 113.3 + place * STREET}
            asset_id = tx.execute(insert(asset).values(row | here).returning(asset.c.id)).scalar_one()
            worn = {"serial": f"W{number}", "profile": "p", "heartbeat_s": 2.0, "asset_id": asset_id}
            device_id = tx.execute(insert(device).values(worn | {"fitted_at": now}).returning(device.c.id)).scalar_one()
            level = {"device_id": device_id, "name": "water_level", "unit": "m"}
            point_id = tx.execute(insert(point).values(level).returning(point.c.id)).scalar_one()
            subjects.append(Subject(point_id=point_id, device_id=device_id, asset_id=asset_id))
        keep_rule(tx, rule, now)
    return Street(city=city, subjects=subjects, rule=rule)


def keep_rule(tx: Connection, rule: Rule, now: datetime) -> None:
    plain = msgspec.to_builtins(rule)
    tx.execute(insert(rule_table).values(plain | {"kind": rule.kind.value, "created_at": now}))
