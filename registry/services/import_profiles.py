"""Saved ways of reading files: a census that comes every month in the same shape is mapped once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, delete, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, NotFound
from registry.domain.people import Actor
from registry.services import audit
from registry.storage.database import reading, writing
from registry.storage.tables import import_profile
from registry.tabular.settings import ImportSettings, read_settings

STREET_LIGHTS = "street-lights"
"""The shipped profile for lamp posts as North American cities publish them: PoleID, StreetName, StreetSuffix."""

SHIPPED: dict[str, ImportSettings] = {
    STREET_LIGHTS: ImportSettings(
        format="geojson",
        columns={
            "geometry.lon": "lon",
            "geometry.lat": "lat",
            "PoleID": "alias:PoleID",
            "StreetName": "road",
            "StreetSuffix": "road",
        },
        constants={"class": "0118"},
        crs="wgs84",
        key="alias:PoleID",
        duplicates="keep",
        duplicates_m=0.01,
        details="all",
        name_pattern="{road} {key}",
        warn_no_road=True,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A saved profile; ``id`` is None for one that is shipped and can't be changed."""

    id: int | None
    name: str
    settings: ImportSettings
    updated_at: datetime | None = None


def fitting_profile(columns: tuple[str, ...]) -> str:
    """The shipped profile all of whose columns a file has; "" when none fits."""
    there = set(columns)
    return next((name for name, settings in SHIPPED.items() if set(settings.columns) <= there), "")


def list_profiles(engine: Engine) -> list[Profile]:
    """The shipped ones, then the saved ones by name."""
    shipped = [Profile(id=None, name=name, settings=settings) for name, settings in SHIPPED.items()]
    with reading(engine) as tx:
        rows = tx.execute(select(import_profile).order_by(import_profile.c.name)).all()
    return shipped + [_profile(row) for row in rows]


def find_profile(engine: Engine, name: str) -> Profile:
    """The profile of that name. Raises ``NotFound``."""
    if name in SHIPPED:
        return Profile(id=None, name=name, settings=SHIPPED[name])
    with reading(engine) as tx:
        row = tx.execute(select(import_profile).where(import_profile.c.name == name)).first()
    if row is None:
        raise NotFound("import profile", name)
    return _profile(row)


def save_profile(engine: Engine, name: str, settings: ImportSettings, *, by: Actor, now: datetime) -> int:
    """Keep ``settings`` under ``name``, over what it held; the profile's id.

    What belongs to one file alone (its sheet, its header's place, its encoding) is not kept.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= 80:
        raise InvalidInput("name", "a profile needs a name of at most 80 characters")
    if name in SHIPPED:
        raise Conflict(f"{name!r} is a shipped profile; choose another name")
    kept = replace(settings, encoding="", delimiter="", sheet="", header_row=0, header_rows=0)
    columns: dict[str, Any] = {
        "settings": msgspec.to_builtins(kept),
        "updated_at": now,
        "updated_by": by.user_id,
    }
    with writing(engine) as tx:
        profile_id = _keep(tx, name, columns)
        audit.record(tx, by=by, action="import.profile", subject=f"import-profile:{name}", now=now)
    return profile_id


def _keep(tx: Connection, name: str, columns: dict[str, Any]) -> int:
    there = tx.execute(select(import_profile.c.id).where(import_profile.c.name == name)).scalar()
    if there is not None:
        tx.execute(update(import_profile).where(import_profile.c.id == there).values(columns))
        return int(there)
    new = insert(import_profile).values(name=name, **columns)
    return int(tx.execute(new.returning(import_profile.c.id)).scalar_one())


def delete_profile(engine: Engine, profile_id: int, *, by: Actor, now: datetime) -> None:
    """Forget a saved profile. Raises ``NotFound``."""
    with writing(engine) as tx:
        row = tx.execute(select(import_profile.c.name).where(import_profile.c.id == profile_id)).first()
        if row is None:
            raise NotFound("import profile", profile_id)
        tx.execute(delete(import_profile).where(import_profile.c.id == profile_id))
        audit.record(tx, by=by, action="import.profile_delete", subject=f"import-profile:{row.name}", now=now)


def apply_profile(profile: ImportSettings, guessed: ImportSettings, columns: tuple[str, ...]) -> ImportSettings:
    """``profile`` for a file: its reading as guessed, and the columns that the file really has."""
    there = set(columns)
    return replace(
        profile,
        format=guessed.format,
        encoding=guessed.encoding,
        delimiter=guessed.delimiter,
        sheet=guessed.sheet,
        header_row=guessed.header_row,
        header_rows=guessed.header_rows,
        columns={name: target for name, target in profile.columns.items() if name in there},
        constants={**guessed.constants, **profile.constants},
        crs=profile.crs or guessed.crs,
    )


def _profile(row: Any) -> Profile:
    return Profile(id=row.id, name=row.name, settings=read_settings(row.settings), updated_at=row.updated_at)
