"""The demo's areas: one district with a street, two communities and their grid cells; who answers for what in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from operate.demo_street import CORNER, DIVISION, QUARTER_M, degrees_of
from registry.domain.kinds import Family, Party
from registry.domain.people import SYSTEM
from registry.services.area_import import AreaImport, import_areas
from registry.services.areas import NewGrid, make_grid
from registry.services.duties import NewDuty, set_duties
from registry.services.place_work import relocate_assets
from registry.services.posts import NewPost, save_post
from registry.storage.database import reading
from registry.storage.tables import asset

STREET = f"{DIVISION}001"
COMMUNITIES = ((f"{STREET}001", "北寺社区"), (f"{STREET}002", "网师社区"))
CELLS_ACROSS = 6
_MARGIN_M = 60.0


def demo_areas(engine: Engine, *, now: datetime) -> None:
    """Put them on file, place every asset in its cell, and fill the duty list and the posts."""
    features = [_feature(code, name, *box) for code, name, box in _areas()]
    content = msgspec.json.encode({"type": "FeatureCollection", "features": features})
    import_areas(engine, content, AreaImport(), by=SYSTEM, now=now)
    first = [f"{COMMUNITIES[0][0]}{number:03d}" for number in range(1, CELLS_ACROSS + 1)]
    make_grid(engine, NewGrid(code="PJ-01", name="平江一格", cells=first), by=SYSTEM, now=now)
    relocate_assets(engine, by=SYSTEM, holder="demo", clock=lambda: datetime.now(UTC))
    _answer_for_it(engine, now=now)


def _areas() -> Iterator[tuple[str, str, tuple[float, float, float, float]]]:
    """Code, name, and west, south, east, north in metres from the quarter's corner."""
    low, high = -_MARGIN_M, QUARTER_M + _MARGIN_M
    middle = (low + high) / 2
    yield DIVISION, "姑苏区", (low - 2000, low - 2000, high + 2000, high + 2000)
    yield STREET, "平江街道", (low, low, high, high)
    side = (high - low) / CELLS_ACROSS
    for (code, name), (south, north) in zip(COMMUNITIES, ((middle, high), (low, middle)), strict=True):
        yield code, name, (low, south, high, north)
        rows = CELLS_ACROSS // 2
        for number in range(rows * CELLS_ACROSS):  # west to east, then north to south
            row, column = divmod(number, CELLS_ACROSS)
            west, top = low + column * side, north - row * side
            yield f"{code}{number + 1:03d}", f"{name}{number + 1:02d} 号网格", (west, top - side, west + side, top)


def _feature(code: str, name: str, west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    ring = [[CORNER[0] + degrees_of(x, y)[0], CORNER[1] + degrees_of(x, y)[1]] for x, y in corners]
    return {
        "type": "Feature",
        "properties": {"code": code, "name": name},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def _answer_for_it(engine: Engine, *, now: datetime) -> None:
    parties = (asset.c.supervisor_unit_id, asset.c.maintainer_unit_id)
    with reading(engine) as tx:
        found = {
            row.family: (row.supervisor_unit_id, row.maintainer_unit_id)
            for row in tx.execute(select(asset.c.family, *parties).where(parties[1].is_not(None)).distinct())
        }
    lines = []
    for family, (supervisor, maintainer) in found.items():
        lines.append(NewDuty(party=Party.SUPERVISOR, unit_id=supervisor, family=family))
        lines += [NewDuty(party=party, unit_id=maintainer, family=family) for party in (Party.OWNER, Party.MAINTAINER)]
    set_duties(engine, lines, by=SYSTEM, now=now)
    people = {Family.COVER.value: ("排水值班", "周建国", "沈洁"), Family.LIGHT.value: ("路灯抢修", "陆伟", "钱敏")}
    for family, (_, maintainer) in found.items():
        if family in people:
            name, first, second = people[family]
            post = NewPost(unit_id=maintainer, name=name, family=family, area_code=STREET, a_name=first, b_name=second)
            save_post(engine, None, post, by=SYSTEM, now=now)
