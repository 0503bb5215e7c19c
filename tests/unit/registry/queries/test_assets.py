"""Reading assets: found by whatever is written on them, the whole file, and no more than the public may see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Engine, event, insert, select

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.geo import Box
from registry.domain.kinds import AssetState, Family, Quality, Stage, TagState
from registry.domain.people import SYSTEM
from registry.queries.asset_filters import AssetFilter
from registry.queries.assets import ScanView, asset_by_token, asset_file, list_assets, map_features
from registry.services.assets import NewAsset, Parties, move_state, register_asset
from registry.services.devices import NewDevice, put_on
from registry.services.tags import end_tag, issue_tag, print_blank_tags
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import alert, case, latest, photo, point


def a_light(number: int, **changes: Any) -> NewAsset:
    given = {
        "division": "320508",
        "class_code": "0118",
        "lon": 120.6 + number / 1000,
        "lat": 31.3,
        "name": f"SEAGRAVE RD 791-{number}",
        "road": "SEAGRAVE RD",
        "aliases": [("PoleID", f"791-{number}")],
    }
    return NewAsset(**(given | changes))


def a_cover(**changes: Any) -> NewAsset:
    given = {"division": "320508", "class_code": "0101", "lon": 120.5, "lat": 31.2, "road": "人民路", "depth_mm": 2400}
    return NewAsset(**(given | changes))


def open_case(tx: Connection, asset_id: int, kind: str, now: datetime, **changes: Any) -> int:
    given = {
        "number": f"{asset_id}-{kind}",
        "asset_id": asset_id,
        "kind": kind,
        "stage": "filed",
        "severity": 2,
        "source": "sensor",
        "opened_at": now,
        "deadline_at": now + timedelta(hours=2),
        "version": 1,
    }
    return int(tx.execute(insert(case).values(given | changes).returning(case.c.id)).scalar_one())


def fire(tx: Connection, asset_id: int, device_id: int, now: datetime, **changes: Any) -> int:
    tilt = tx.execute(select(point.c.id).where(point.c.device_id == device_id, point.c.name == "tilt_z")).scalar_one()
    given = {
        "rule_key": "cover_tilt",
        "rule_version": 1,
        "point_id": tilt,
        "device_id": device_id,
        "asset_id": asset_id,
        "severity": 3,
        "state": "firing",
        "began_at": now,
        "fired_at": now,
        "recorded_at": now,
        "value": 61.2,
        "peak": 70.5,
    }
    return int(tx.execute(insert(alert).values(given | changes).returning(alert.c.id)).scalar_one())


def a_device(asset_id: int, serial: str = "CV-000001") -> NewDevice:
    return NewDevice(serial=serial, profile="cc-cover-1", asset_id=asset_id, heartbeat_s=2.0)


@pytest.fixture
def street(engine: Engine, now: datetime) -> dict[str, int]:
    """Three lamps and a cover with a device, an alert, cases and a plate."""
    with writing(engine) as tx:
        keeper = add_unit(tx, NewUnit(name="市政设施养护处", name_en="Maintenance", phone="0512-1"))
        lights = [register_asset(tx, a_light(number), now=now) for number in range(3)]
        cover = register_asset(tx, a_cover(parties=Parties(maintainer_unit_id=keeper)), now=now)
        device_id = put_on(tx, a_device(cover), now=now)
        case_id = open_case(tx, cover, "cover_displaced", now, severity=3, overdue_at=now)
        open_case(tx, cover, "water_high", now)
        ended = {"stage": "closed", "ended_at": now, "number": "old"}
        open_case(tx, cover, "cover_displaced", now - timedelta(days=30), **ended)
        fire(tx, cover, device_id, now, case_id=case_id)
    return {"cover": cover, "device": device_id, "case": case_id, "first": lights[0], "last": lights[2]}


def names(engine: Engine, **filters: Any) -> list[str]:
    return [row.name for row in list_assets(engine, AssetFilter(**filters)).items]


def test_an_empty_registry_has_an_empty_list_and_an_empty_map(engine: Engine, now: datetime):
    assert list_assets(engine).items == []
    assert msgspec.json.decode(map_features(engine, now=now))["features"] == []


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("seagrave", 3),
        ("791-2", 1),
        ("人民路", 1),
        ("上水", 1),
        ("320508 0118 000002", 1),
        ("3205080118", 3),
        ("  ", 4),
        ("%", 0),
        ("_", 0),
        ("nothing like it", 0),
    ],
)
def test_an_asset_is_found_by_name_road_alias_or_code(engine: Engine, street: dict[str, int], q: str, found: int):
    assert len(names(engine, q=q)) == found


def test_an_asset_is_found_by_the_token_on_its_plate(engine: Engine, street: dict[str, int], now: datetime):
    with writing(engine) as tx:
        token = issue_tag(tx, street["cover"], now=now)
    (row,) = list_assets(engine, AssetFilter(q=token.lower())).items
    assert (row.id, row.token) == (street["cover"], token)


def test_the_list_is_filtered_by_family_state_and_alert(engine: Engine, street: dict[str, int], now: datetime):
    move_state(engine, street["first"], AssetState.DAMAGED, reason="cracked", by=SYSTEM, now=now)
    assert len(names(engine, family=Family.LIGHT)) == 3
    assert len(names(engine, family=Family.LIGHT, state=AssetState.DAMAGED)) == 1
    assert names(engine, with_alert=True) == ["上水井盖 000001"]
    assert len(names(engine, with_alert=False)) == 3
    (row,) = list_assets(engine, AssetFilter(with_alert=True)).items
    assert (row.severity, row.open_cases, row.devices, row.class_name_zh) == (3, 2, 1, "上水井盖")


def test_pages_follow_each_other_without_gap_or_repeat(engine: Engine, street: dict[str, int]):
    seen: list[int] = []
    after: str | None = None
    while True:
        page = list_assets(engine, after=after, limit=3)
        seen += [row.id for row in page.items]
        after = page.next
        if after is None:
            break
    assert seen == sorted(set(seen))
    assert len(seen) == 4


@pytest.mark.parametrize("unusable", [{"limit": 0}, {"after": "not a cursor"}])
def test_an_unusable_page_is_refused(engine: Engine, unusable: dict[str, Any]):
    with pytest.raises(InvalidInput):
        list_assets(engine, **unusable)


def test_the_file_has_everything_known_about_an_asset(engine: Engine, street: dict[str, int], now: datetime):
    with writing(engine) as tx:
        old = issue_tag(tx, street["cover"], now=now)
        token = issue_tag(tx, street["cover"], now=now)
        tilt = tx.execute(select(point.c.id).where(point.c.name == "tilt_z")).scalar_one()
        times = {"measured_at": now, "received_at": now, "recorded_at": now}
        tx.execute(insert(latest).values(point_id=tilt, value=61.25, quality=3, **times))
        picture = {"sha256": "0" * 64, "width_px": 4, "height_px": 3, "size_bytes": 9, "recorded_at": now}
        tx.execute(insert(photo).values(asset_id=street["cover"], case_id=street["case"], **picture))
    file = asset_file(engine, street["cover"], now=now + timedelta(seconds=3))
    assert (file.code_grouped, file.class_name_en) == ("320508 0101 000001", "Water supply cover")
    assert file.maintainer is not None
    assert (file.maintainer.name, file.supervisor, file.owner) == ("市政设施养护处", None, None)
    assert file.tag is not None
    assert (file.tag.token, file.tag.shown) == (token, f"{token[:5]}-{token[5:]}")
    assert [(each.token, each.state) for each in file.former_tags] == [(old, TagState.REPLACED)]
    assert [each.serial for each in file.devices] == ["CV-000001"]
    values = {each.name: each for each in file.values}
    assert (values["tilt_z"].value, values["tilt_z"].age_s, values["tilt_z"].quality) == (61.25, 3.0, Quality.SIMULATED)
    assert (values["battery"].value, values["battery"].age_s, values["battery"].unit) == (None, None, "%EL")
    assert values["water_level"].full_scale == 2400.0
    assert [(each.kind, each.overdue) for each in file.open_cases] == [("cover_displaced", True), ("water_high", False)]
    assert [(each.number, each.stage) for each in file.past_cases] == [("old", Stage.CLOSED)]
    assert [(each.point, each.peak, each.case_id) for each in file.live_alerts] == [("tilt_z", 70.5, street["case"])]
    assert [each.case_id for each in file.photos] == [street["case"]]
    assert msgspec.json.decode(msgspec.json.encode(file))["live_alerts"][0]["unit"] == "deg"


def test_the_file_of_an_asset_costs_the_same_number_of_statements_whatever_hangs_on_it(
    engine: Engine, street: dict[str, int], now: datetime
):
    def statements(asset_id: int) -> int:
        seen: list[str] = []

        def note(*arguments: Any) -> None:
            seen.append(arguments[2])

        event.listen(engine, "before_cursor_execute", note)
        asset_file(engine, asset_id, now=now)
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(street["cover"]) <= statements(street["first"]) + 4 < 20  # its unit, and who of it is on duty


def test_an_asset_that_does_not_exist_has_no_file(engine: Engine, now: datetime):
    with pytest.raises(NotFound, match="asset 99"):
        asset_file(engine, 99, now=now)


def test_a_scan_shows_the_public_what_it_is_and_who_looks_after_it(
    engine: Engine, street: dict[str, int], now: datetime
):
    with writing(engine) as tx:
        token = issue_tag(tx, street["cover"], now=now)
    view = asset_by_token(engine, token.lower())
    assert view is not None
    assert (view.asset_id, view.class_name_zh, view.road) == (street["cover"], "上水井盖", "人民路")
    assert (view.open_cases, view.severity, view.tag_state) == (2, 3, TagState.ACTIVE)
    assert view.maintainer is not None
    assert view.maintainer.phone == "0512-1"
    assert not {"lon", "lat", "values", "details"} & set(ScanView.__struct_fields__)


def test_a_lost_plate_still_leads_to_its_asset_and_says_that_it_was_lost(
    engine: Engine, street: dict[str, int], now: datetime
):
    with writing(engine) as tx:
        token = issue_tag(tx, street["cover"], now=now)
        end_tag(tx, token, TagState.LOST, now=now)
    view = asset_by_token(engine, token)
    assert view is not None
    assert view.tag_state is TagState.LOST


def test_a_plate_bound_to_nothing_shows_nothing_and_a_misread_one_says_so(engine: Engine, now: datetime):
    with writing(engine) as tx:
        (blank,) = print_blank_tags(tx, 1, now=now)
    assert asset_by_token(engine, blank) is None
    with pytest.raises(InvalidInput, match="characters instead of 10"):
        asset_by_token(engine, "nonsense")


def test_the_map_shows_how_bad_it_is_at_every_asset(engine: Engine, street: dict[str, int], now: datetime):
    drawn = msgspec.json.decode(map_features(engine, now=now))
    assert (drawn["type"], drawn["truncated"]) == ("FeatureCollection", False)
    by_id = {each["properties"]["id"]: each for each in drawn["features"]}
    cover = by_id[street["cover"]]
    assert cover["geometry"] == {"type": "Point", "coordinates": [120.5, 31.2]}
    assert cover["properties"] == {
        "id": street["cover"],
        "f": "cover",
        "s": 3,
        "n": "上水井盖 000001",
        "r": "人民路",
        "c": street["case"],
    }
    assert by_id[street["first"]]["properties"]["s"] == 0


def test_the_map_leaves_out_what_is_abandoned_or_outside_the_box(engine: Engine, street: dict[str, int], now: datetime):
    move_state(engine, street["first"], AssetState.ABANDONED, reason="scrapped", by=SYSTEM, now=now)
    lights = msgspec.json.decode(map_features(engine, now=now, bbox=Box(120.55, 31.0, 121.0, 32.0)))
    assert [each["properties"]["n"] for each in lights["features"]] == ["SEAGRAVE RD 791-1", "SEAGRAVE RD 791-2"]
    cut = msgspec.json.decode(map_features(engine, now=now, limit=1))
    assert (len(cut["features"]), cut["truncated"]) == (1, True)


def test_the_list_is_read_while_somebody_writes(engine: Engine, street: dict[str, int], now: datetime):
    with writing(engine) as tx:
        register_asset(tx, a_cover(), now=now)
        with reading(engine):
            assert len(names(engine)) == 4
