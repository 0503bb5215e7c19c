"""The map on both databases: its counts are exact whatever happens to assets, and its tiles show what stands there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, select, text, update

from registry.domain.geo import Crs, Place, from_wgs84, place_cell
from registry.domain.kinds import Severity
from registry.domain.map_grid import KEPT_LEVELS, areas_of, cell_of, to_units
from registry.domain.vector_tile import EXTENT, Spot
from registry.queries.map_search import search_map
from registry.queries.map_tiles import MOST_WRONG, draw_tile, map_facts
from registry.queries.map_wrong import WrongOnMap
from registry.services.cases import open_or_attach
from registry.services.map_counts import count_anew, fold_marks
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.tables import asset, case, map_cell, road
from tests.vector_tiles import decoded, decoded_all, spot_at

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
WEST, SOUTH = 113.20, 23.00


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    opened = open_database(request.getfixturevalue(name))
    yield opened
    opened.dispose()


def row(number: int, lon: float, lat: float, **more: Any) -> dict[str, Any]:
    own = {
        "id": number,
        "code": f"4401040101{number:06d}",
        "scheme": "cjt214-2007",
        "class_code": "0101",
        "family": ("cover", "cover", "light", "other")[number % 4],
        "name": f"井盖 {number}",
        "state": "intact",
        "lon": lon,
        "lat": lat,
        "place_cell": place_cell(lon, lat),
        "road": f"第{number % 7}大道",
        "area_code": f"4401040{number % 2 + 1:02d}{number % 3:03d}",
        "details": {},
        "created_at": NOW,
        "updated_at": NOW,
    }
    return own | more


def fill(engine: Engine, many: int, *, start: int = 1, seed: int = 1, wide: float = 0.2) -> None:
    rng = Random(seed)
    rows = [
        row(start + n, round(WEST + rng.random() * wide, 7), round(SOUTH + rng.random() * wide, 7)) for n in range(many)
    ]
    with writing(engine) as tx:
        tx.execute(insert(asset), rows)


def counted(engine: Engine) -> dict[tuple[int, str, int, int], tuple[int, ...]]:
    with reading(engine) as tx:
        return {
            (r.level, r.area, r.x, r.y): (r.cover, r.light, r.other, r.lon_sum, r.lat_sum)
            for r in tx.execute(select(map_cell))
        }


def by_hand(engine: Engine) -> dict[tuple[int, str, int, int], tuple[int, ...]]:
    sums: dict[tuple[int, str, int, int], list[int]] = {}
    with reading(engine) as tx:
        for one in tx.execute(select(asset).where(asset.c.state != "abandoned", asset.c.merged_into_id.is_(None))):
            lon, lat = to_units(one.lon), to_units(one.lat)
            for area in areas_of(one.area_code):
                for level in KEPT_LEVELS:
                    cell = sums.setdefault((level, area, *cell_of(lon, lat, level)), [0] * 5)
                    cell[("cover", "light", "other").index(one.family)] += 1
                    cell[3] += lon
                    cell[4] += lat
    return {key: tuple(cell) for key, cell in sums.items()}


@pytest.mark.network
def test_the_cells_are_exact_whatever_happens_to_assets(engine: Engine) -> None:
    fill(engine, 300)
    fold_marks(engine)
    assert counted(engine) == by_hand(engine)
    fill(engine, 50, start=301, seed=2)
    with writing(engine) as tx:  # some of them counted already, some not yet
        tx.execute(update(asset).where(asset.c.id % 5 == 0).values(lon=asset.c.lon + 0.03))
        tx.execute(update(asset).where(asset.c.id % 7 == 0).values(area_code="440105001001"))
        tx.execute(update(asset).where(asset.c.id % 11 == 0).values(state="abandoned"))
        tx.execute(update(asset).where(asset.c.id % 13 == 0).values(merged_into_id=1))
        tx.execute(update(asset).where(asset.c.id % 17 == 0).values(name="umbenannt", road="别的路"))
        tx.execute(delete(asset).where(asset.c.id > 270, asset.c.id % 2 == 0))
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id % 11 == 0).values(state="intact", area_code="4401"))
        tx.execute(delete(asset).where(asset.c.id > 290))  # the last ones: SQLite gives their ids again
    fill(engine, 40, start=291, seed=3)
    fold_marks(engine)
    assert counted(engine) == by_hand(engine)
    assert all(sum(cell[:3]) > 0 for cell in counted(engine).values())
    kept = counted(engine)
    count_anew(engine)
    assert counted(engine) == kept
    assert fold_marks(engine).marks == 0


@pytest.mark.network
def test_upgrading_a_city_counts_what_it_has_already(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/old.db", request.getfixturevalue("postgres_url")):
        engine = open_database(url)
        upgrade(engine, "0005")
        fill(engine, 120)
        upgrade(engine)
        assert counted(engine) == by_hand(engine)
        fill(engine, 10, start=121, seed=4)
        fold_marks(engine)
        assert counted(engine) == by_hand(engine)
        engine.dispose()


@pytest.mark.network
def test_every_zoom_shows_every_asset_once_counted_or_alone(engine: Engine) -> None:
    fill(engine, 400, wide=0.03)
    fold_marks(engine)
    wrong = WrongOnMap()
    bodies: dict[int, list[bytes | None]] = {}
    for z in (0, 5, 9, 12, 13, 15):
        one, other = spot_at(WEST, SOUTH + 0.03, z), spot_at(WEST + 0.03, SOUTH, z)
        spots = [Spot(z, x, y) for x in range(one.x, other.x + 1) for y in range(one.y, other.y + 1)]
        bodies[z] = [draw_tile(engine, wrong, spot).body for spot in spots]
    read = iter(decoded_all([body for tiles in bodies.values() for body in tiles]))
    for z, tiles in bodies.items():
        seen: Counter[str] = Counter()
        for _ in tiles:
            for name, features in next(read).items():
                inside = [f for f in features if 0 <= f["x"] < EXTENT and 0 <= f["y"] < EXTENT]
                seen[name] += sum(f["properties"]["n"] if name == "clusters" else 1 for f in inside)
        assert seen == ({"clusters": 400} if z < 15 else {"assets": 400}), z


@pytest.mark.network
def test_what_is_wrong_stands_at_every_zoom_with_its_worst_severity_and_case(engine: Engine) -> None:
    fill(engine, 60)
    fold_marks(engine)
    wrong = WrongOnMap()
    lon, lat = _place(engine, 7)
    assert "wrong" not in decoded(draw_tile(engine, wrong, spot_at(lon, lat, 3)).body)
    with writing(engine) as tx:
        opened = open_or_attach(
            tx, asset_id=7, kind="cover_displaced", severity=Severity.ALARM, source="sensor", now=NOW
        )
        open_or_attach(tx, asset_id=9, kind="water_high", severity=Severity.NOTICE, source="sensor", now=NOW)
    for z in (0, 6, 14, 15, 20):
        layers = decoded(draw_tile(engine, wrong, spot_at(lon, lat, z)).body)
        (told,) = [f["properties"] for f in layers["wrong"] if f["properties"]["id"] == 7]
        assert told == {"id": 7, "f": "other", "c": "0101", "st": "intact", "s": 2, "n": "井盖 7", "r": "第0大道"} | {
            "k": opened.case_id,
            "ck": "cover_displaced",
        }
        if z >= 15:
            assert [f["properties"]["s"] for f in layers["assets"] if f["properties"]["id"] == 7] == [2]
    (bubble,) = decoded(draw_tile(engine, wrong, spot_at(lon, lat, 0)).body)["clusters"]
    assert {key: bubble["properties"][key] for key in ("n", "w", "s")} == {"n": 60, "w": 2, "s": 2}
    with writing(engine) as tx:
        tx.execute(update(case).values(stage="closed", ended_at=NOW))
    assert decoded(draw_tile(engine, WrongOnMap(), spot_at(lon, lat, 3)).body).keys() == {"clusters"}


@pytest.mark.network
def test_a_tile_keeps_its_etag_until_what_it_shows_changes(engine: Engine) -> None:
    fill(engine, 60)
    fold_marks(engine)
    wrong = WrongOnMap()
    lon, lat = _place(engine, 8)
    elsewhere = spot_at(100.0, 30.0, 14)
    spots = [spot_at(lon, lat, z) for z in (4, 14, 16)]
    first = [draw_tile(engine, wrong, spot).etag for spot in spots]
    assert [draw_tile(engine, wrong, spot, known=tag).body for spot, tag in zip(spots, first, strict=True)] == [
        None
    ] * 3
    empty = draw_tile(engine, wrong, elsewhere)
    assert empty.body == b""
    with writing(engine) as tx:
        open_or_attach(tx, asset_id=8, kind="cover_displaced", severity=Severity.ALARM, source="sensor", now=NOW)
    later = [draw_tile(engine, wrong, spot, known=tag) for spot, tag in zip(spots, first, strict=True)]
    assert all(tile.body for tile in later)
    assert draw_tile(engine, wrong, elsewhere, known=empty.etag).body is None
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == 8).values(name="改名"))
    near = draw_tile(engine, wrong, spots[2], known=later[2].etag)
    assert near.body is not None


@pytest.mark.network
def test_who_is_bound_to_an_area_sees_and_counts_only_what_lies_in_it(engine: Engine) -> None:
    fill(engine, 300)
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id % 10 == 0).values(area_code="440105001001"))
        for asset_id in (10, 11):
            open_or_attach(tx, asset_id=asset_id, kind="water_high", severity=Severity.ALARM, source="sensor", now=NOW)
    fold_marks(engine)
    with reading(engine) as tx:
        places = tx.execute(select(asset.c.area_code, asset.c.lon, asset.c.lat).order_by(asset.c.id)).all()
    codes = [each.area_code for each in places]
    scopes = ("", "4401", "440104", "440104001", "440104002001", "440105", "440999")
    lon, lat = _place(engine, 10)
    spots = (Spot(0, 0, 0), spot_at(lon, lat, 18))
    tiles = [draw_tile(engine, WrongOnMap(), spot, scope=scope).body for scope in scopes for spot in spots]
    read = iter(decoded_all(tiles))
    for scope in scopes:
        many = sum(code.startswith(scope) for code in codes)
        layers, alone = next(read), next(read)
        assert sum(f["properties"]["n"] for f in layers.get("clusters", [])) == many, scope
        facts = map_facts(engine, scope=scope)
        assert facts.assets == many
        for each in places:
            if each.area_code.startswith(scope):
                assert facts.box is not None
                assert facts.box.west <= each.lon <= facts.box.east
                assert facts.box.south <= each.lat <= facts.box.north
        ids = {f["properties"]["id"] for f in layers.get("wrong", [])}
        assert ids == {n for n in (10, 11) if codes[n - 1].startswith(scope)}
        assert bool(alone) is "440105001001".startswith(scope)


@pytest.mark.network
def test_a_shifted_base_map_has_every_place_where_it_draws_it(engine: Engine) -> None:
    fill(engine, 1)
    fold_marks(engine)
    lon, lat = _place(engine, 1)
    shifted = from_wgs84(Place(lon, lat), Crs.GCJ02)
    for z in (3, 11, 14, 17):
        spot = spot_at(*shifted, z)
        layers = decoded(draw_tile(engine, WrongOnMap(), spot, crs=Crs.GCJ02).body)
        ((told,),) = layers.values()
        across = 1 << z
        x = ((shifted.lon + 180) / 360 * across - spot.x) * EXTENT
        assert told["x"] == pytest.approx(x, abs=1.01), z
    plain = spot_at(lon, lat, 17)
    assert decoded(draw_tile(engine, WrongOnMap(), plain, crs=Crs.GCJ02).body) == {}  # half a kilometre away


@pytest.mark.network
def test_a_pile_of_assets_on_one_spot_is_counted_at_every_zoom(engine: Engine) -> None:
    with writing(engine) as tx:
        tx.execute(insert(asset), [row(n, WEST, SOUTH) for n in range(1, 2_602)])
    fold_marks(engine)
    for z in (10, 15, 20):
        layers = decoded(draw_tile(engine, WrongOnMap(), spot_at(WEST, SOUTH, z)).body)
        assert [f["properties"]["n"] for f in layers["clusters"]] == [2_601]
        assert "assets" not in layers


@pytest.mark.network
def test_of_very_many_wrong_things_the_worst_are_drawn_and_all_are_counted(engine: Engine) -> None:
    fill(engine, MOST_WRONG + 20)
    fold_marks(engine)
    with writing(engine) as tx:
        tx.execute(insert(case), [_case(n, 3 if n <= 5 else 1) for n in range(1, MOST_WRONG + 21)])
    layers = decoded(draw_tile(engine, WrongOnMap(), Spot(0, 0, 0)).body)
    assert len(layers["wrong"]) == MOST_WRONG
    assert sum(f["properties"]["s"] == 3 for f in layers["wrong"]) == 5
    assert layers["clusters"][0]["properties"]["w"] == MOST_WRONG + 20
    assert [f["properties"] for f in layers["cut"]] == [{"s": 1}]


@pytest.mark.network
def test_no_tile_and_no_search_reads_all_assets(engine: Engine) -> None:
    fill(engine, 3_000)
    with writing(engine) as tx:
        tx.execute(insert(road), [{"name": f"第{n}大道"} for n in range(7)])
    fold_marks(engine)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    lon, lat = _place(engine, 9)
    wrong = WrongOnMap()
    with reading(engine) as tx:
        wrong.now(tx)
    event.listen(engine, "before_cursor_execute", note)
    for z in (0, 8, 12, 14, 15, 18):
        for scope in ("", "440104", "440104001"):
            draw_tile(engine, wrong, spot_at(lon, lat, z), scope=scope)
    for words in ("第3大道", "4401040101000009", "44010401010000", "井盖 17", "3大道 9"):
        search_map(engine, words)
    map_facts(engine)
    event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))  # three thousand rows are read faster than looked up
        for statement, parameters in asked:
            plan = [str(line[-1]) for line in connection.exec_driver_sql(explain + statement, parameters)]
            scans = [line for line in plan if line.strip(" ->").startswith(("SCAN asset", "Seq Scan on asset"))]
            assert not [line for line in scans if "USING" not in line], (statement, plan)


def _place(engine: Engine, asset_id: int) -> tuple[float, float]:
    with reading(engine) as tx:
        found = tx.execute(select(asset.c.lon, asset.c.lat).where(asset.c.id == asset_id)).one()
    return float(found.lon), float(found.lat)


def _case(number: int, severity: int) -> dict[str, Any]:
    return {
        "number": f"20260302{number:06d}",
        "asset_id": number,
        "kind": "water_high",
        "source": "sensor",
        "opened_at": NOW,
        "severity": severity,
        "stage": "filed",
        "deadline_at": NOW,
        "version": 1,
    }
