"""Reading the catalogue of map layers."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, Select, select

from registry.domain.errors import NotFound
from registry.domain.kinds import Role
from registry.domain.map_layers import LayerAccess, LayerKind, may_see
from registry.queries.rows import all_views
from registry.storage.database import reading
from registry.storage.tables import map_layer, unit, user


class MapLayer(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: where it is (``address``, or ``file`` here), from whom, of which day, for whom."""

    id: int
    key: str
    version: int
    kind: LayerKind
    name_zh: str
    name_en: str
    address: str
    file: str
    inner_layer: str
    source: str
    dated_on: str
    unit_id: int | None
    unit_name: str | None
    access: LayerAccess
    colour: str
    position: int
    updated_at: datetime
    updated_by_name: str | None

    def name(self, language: str) -> str:
        """Its name, in Chinese where it has no other."""
        return self.name_zh if language == "zh" else self.name_en or self.name_zh


def list_layers(engine: Engine, role: Role | None) -> list[MapLayer]:
    """The layers that somebody of ``role`` may see, in the order of the catalogue."""
    with reading(engine) as tx:
        found = all_views(tx, _rows().order_by(map_layer.c.position, map_layer.c.id), MapLayer)
    return [each for each in found if may_see(each.access, role)]


def layer_by_key(engine: Engine, key: str, role: Role | None) -> MapLayer:
    """One layer. Raises ``NotFound``, also for one that this person may not see."""
    with reading(engine) as tx:
        found = all_views(tx, _rows().where(map_layer.c.key == key), MapLayer)
    if not found or not may_see(found[0].access, role):
        raise NotFound("map layer", key)
    return found[0]


def _rows() -> Select[tuple[object, ...]]:
    return (
        select(
            *(column for column in map_layer.c if column.name != "updated_by"),
            unit.c.name.label("unit_name"),
            user.c.name.label("updated_by_name"),
        )
        .outerjoin_from(map_layer, unit, unit.c.id == map_layer.c.unit_id)
        .outerjoin(user, user.c.id == map_layer.c.updated_by)
    )
