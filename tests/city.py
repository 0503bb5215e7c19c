"""A small city for tests of the registry: its people, one cover with a sensor, and cases in any stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from registry.domain.kinds import Role, Severity, Source
from registry.domain.people import Actor
from registry.services.assets import NewAsset, register_asset
from registry.services.cases import Opened, open_or_attach
from registry.services.devices import NewDevice, put_on
from registry.storage.database import reading, writing
from registry.storage.tables import alert, case, entry, feed, photo, point, unit, user


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Ids and people of the small city, and ways to make more of it."""

    engine: Engine
    asset_id: int
    device_id: int
    water: int
    power: int
    dispatcher: Actor
    second_dispatcher: Actor
    crew: Actor
    mate: Actor
    stranger: Actor
    viewer: Actor
    registrar: Actor
    administrator: Actor

    def open_case(
        self,
        now: datetime,
        *,
        kind: str = "cover_displaced",
        severity: Severity = Severity.ALARM,
        source: Source = Source.SENSOR,
        asset_id: int | None = None,
    ) -> Opened:
        """The open case of the city's asset (or another one)."""
        with writing(self.engine) as tx:
            return open_or_attach(
                tx, asset_id=asset_id or self.asset_id, kind=kind, severity=severity, source=source, now=now
            )

    def add_asset(self, now: datetime, *, name: str = "", road: str = "人民路", lon: float = 113.31) -> int:
        """Another cover."""
        new = NewAsset(division="440803", class_code="0101", lon=lon, lat=23.11, name=name, road=road)
        with writing(self.engine) as tx:
            return register_asset(tx, new, now=now)

    def add_alert(self, case_id: int | None, now: datetime, **columns: Any) -> int:
        """A live alert on the city's cover, as the intake would have written it."""
        row = {
            "rule_key": "cover_tilt",
            "rule_version": 1,
            "point_id": self.point("tilt_z"),
            "device_id": self.device_id,
            "asset_id": self.asset_id,
            "case_id": case_id,
            "severity": 2,
            "state": "firing",
            "began_at": now,
            "fired_at": now,
            "recorded_at": now,
            "value": 20.0,
            "peak": 25.0,
            **columns,
        }
        with writing(self.engine) as tx:
            return int(tx.execute(insert(alert).values(row).returning(alert.c.id)).scalar_one())

    def add_photo(self, now: datetime, *, asset_id: int | None = None) -> int:
        """A picture of the cover that no case has yet."""
        row = {
            "asset_id": asset_id or self.asset_id,
            "sha256": "0" * 64,
            "width_px": 4,
            "height_px": 3,
            "size_bytes": 12,
            "recorded_at": now,
        }
        with writing(self.engine) as tx:
            return int(tx.execute(insert(photo).values(row).returning(photo.c.id)).scalar_one())

    def point(self, name: str) -> int:
        """The id of the sensor's point of that name."""
        with reading(self.engine) as tx:
            found = select(point.c.id).where(point.c.device_id == self.device_id, point.c.name == name)
            return int(tx.execute(found).scalar_one())

    def case(self, case_id: int) -> Any:
        """The case's row."""
        with reading(self.engine) as tx:
            return tx.execute(select(case).where(case.c.id == case_id)).one()

    def timeline(self, case_id: int) -> list[tuple[str, str | None, str]]:
        """(move, from, to) of every entry, oldest first."""
        with reading(self.engine) as tx:
            rows = tx.execute(select(entry).where(entry.c.case_id == case_id).order_by(entry.c.id)).all()
        return [(row.move, row.from_stage, row.to_stage) for row in rows]

    def feed(self) -> list[tuple[str, dict[str, Any]]]:
        """(kind, body) of every feed row, oldest first."""
        with reading(self.engine) as tx:
            rows = tx.execute(select(feed).order_by(feed.c.id)).all()
        return [(row.kind, row.body) for row in rows]


def build_city(engine: Engine, now: datetime) -> City:
    """Fill an empty records database (tables and classes loaded)."""
    with writing(engine) as tx:
        asset_id = register_asset(
            tx,
            NewAsset(
                division="440803",
                class_code="0101",
                lon=113.3,
                lat=23.1,
                name="上水井盖 1",
                road="中山路",
                depth_mm=2400,
            ),
            now=now,
        )
        device_id = put_on(
            tx, NewDevice(serial="CV-000001", profile="cc-cover-1", asset_id=asset_id, heartbeat_s=2.0), now=now
        )
        water, power = (
            int(tx.execute(insert(unit).values(name=name).returning(unit.c.id)).scalar_one())
            for name in ("水务", "电力")
        )
        people = {}
        for login, name, role, unit_id in (
            ("dispatcher", "陈派", Role.DISPATCHER, None),
            ("second_dispatcher", "周派", Role.DISPATCHER, None),
            ("crew", "李敏", Role.CREW, water),
            ("mate", "王强", Role.CREW, water),
            ("stranger", "赵电", Role.CREW, power),
            ("viewer", "孙看", Role.VIEWER, None),
            ("registrar", "林晓", Role.REGISTRAR, None),
            ("administrator", "吴管", Role.ADMINISTRATOR, None),
        ):
            row = {"login": login, "name": name, "role": role, "unit_id": unit_id, "password_hash": "-"}
            added = insert(user).values(**row, created_at=now).returning(user.c.id)
            user_id = int(tx.execute(added).scalar_one())
            people[login] = Actor(user_id=user_id, name=name, role=role, unit_id=unit_id)
    return City(engine=engine, asset_id=asset_id, device_id=device_id, water=water, power=power, **people)
