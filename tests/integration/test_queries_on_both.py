"""Every read model gives the same answers on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from registry.domain.errors import Conflict
from registry.domain.kinds import Family
from registry.domain.rules import Watches
from registry.queries import alerts, assets, cases, feed, health, overview, people
from registry.queries.asset_filters import AssetFilter
from registry.queries.rules import list_rules, rule_versions
from registry.queries.series import series
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.imports import import_street_lights
from registry.services.people import NewUser, Role, add_user, verify_login
from registry.services.reports import report_by_citizen
from registry.services.rule_edits import save_rule, switch_rule, undo_rule
from registry.services.rules import install_shipped_rules
from registry.services.tags import issue_tag, record_scan
from registry.storage.database import open_database, writing
from registry.storage.series import SqliteSeries
from registry.storage.times import to_ms
from tests.city import City, build_city

pytestmark = [pytest.mark.network, pytest.mark.timeout(400)]

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest):
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    opened = open_database(request.getfixturevalue(name))
    with writing(opened) as tx:
        install_shipped_rules(tx, now=NOW)
    yield opened
    opened.dispose()


@pytest.fixture
def city(engine: Engine) -> City:
    return build_city(engine, NOW)


def test_the_pages_read_what_was_written(city: City, engine: Engine, tmp_path: Path):
    opened = city.open_case(NOW)
    alert_id = city.add_alert(opened.case_id, NOW)
    with writing(engine) as tx:
        token = issue_tag(tx, city.asset_id, now=NOW)
    assert record_scan(engine, token, now=NOW).asset_id == city.asset_id
    reported = report_by_citizen(
        engine, asset_id=city.asset_id, text="井盖响", contact="", photo=None, now=NOW + timedelta(minutes=1)
    )

    note_cabinet(engine, CabinetState(cabinet="c1", online=True, at=NOW.timestamp()), now=NOW)

    seen = overview.overview(engine, now=NOW)
    assert (seen.alerts_alarm, seen.cases_open, seen.assets) == (1, 2, 1)
    assert overview.wrong_now(engine, now=NOW)[0].case_id == opened.case_id
    assert [row.id for row in alerts.list_alerts(engine).items] == [alert_id]
    assert alerts.alert_detail(engine, alert_id) is not None
    assert len(cases.list_cases(engine, open_only=True, q="2026").items) == 2
    file = cases.case_file(engine, opened.case_id)
    assert file is not None
    assert len(file.alerts) == 1
    assert cases.my_tasks(engine, city.crew.user_id or 0) == []
    assert cases.report_status(engine, reported.key) is not None
    assert len(cases.crew_members(engine)) >= 1
    assert feed.newest_id(engine) == feed.since(engine, 0)[-1].id
    assert [row.id for row in health.cabinets(engine, NOW)] == ["c1"]
    assert [row.serial for row in health.silent_devices(engine, NOW)] == []
    assert list(health.dead_letters(engine).items) == []
    assert all(line.live == 0 or line.rule.key == "cover_tilt" for line in list_rules(engine, now=NOW, zone=UTC))
    assert len(people.list_people(engine).items) >= 5

    assert [row.id for row in assets.list_assets(engine, AssetFilter(q="中山路", family=Family.COVER)).items] == [
        city.asset_id
    ]
    assert assets.asset_file(engine, city.asset_id, now=NOW).live_alerts[0].id == alert_id
    view = assets.asset_by_token(engine, token)
    assert view is not None
    (feature,) = json.loads(assets.map_features(engine, now=NOW))["features"]
    assert feature["properties"]["s"] == 2

    store = SqliteSeries(tmp_path / "series.db")
    point_id = city.point("tilt_z")
    store.append([(point_id, to_ms(NOW) + 1000 * n, float(n), 0, to_ms(NOW)) for n in range(10)])
    drawn = series(store, engine, point_id=point_id, since=NOW, until=NOW + timedelta(minutes=1), max_points=5)
    store.close()
    assert max(drawn.max) == 9.0
    assert [band.alert_id for band in drawn.bands] == [alert_id]


def test_an_inventory_goes_in_once_and_a_person_may_log_in(engine: Engine, tmp_path: Path):
    rows = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [-71.1 + n / 1000, 42.3]}}
        | {"properties": {"PoleID": f"1-{n}", "StreetName": "MAIN", "StreetSuffix": "ST"}}
        for n in range(30)
    ]
    path = tmp_path / "posts.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    first = import_street_lights(engine, path, division="320508", now=NOW)
    again = import_street_lights(engine, path, division="320508", now=NOW)
    assert (first.created, again.created, again.unchanged) == (30, 0, 30)
    page = assets.list_assets(engine, limit=20)
    rest = assets.list_assets(engine, after=page.next, limit=20)
    assert len(page.items) + len(rest.items) == 30
    with writing(engine) as tx:
        words = "a-long-enough-password"
        add_user(tx, NewUser(login="chen", name="陈静", role=Role.DISPATCHER, password=words), now=NOW)
    assert verify_login(engine, "chen", words, now=NOW).name == "陈静"


def test_a_rule_is_edited_undone_and_switched_off_with_its_alerts(city: City, engine: Engine):
    alert_id = city.add_alert(None, NOW)
    shipped = rule_versions(engine, "cover_tilt")[0].rule
    tighter = replace(shipped, condition=replace(shipped.condition, fire=12.0), watches=Watches(area="440803"))
    told = {"by": city.dispatcher, "now": NOW}
    assert save_rule(engine, tighter, seen_version=1, note="试行", **told) == 2
    with pytest.raises(Conflict):
        save_rule(engine, shipped, seen_version=1, note="试行", **told)
    assert undo_rule(engine, "cover_tilt", seen_version=2, **told) == 3
    assert alerts.alert_detail(engine, alert_id).state == "firing"
    assert switch_rule(engine, "cover_tilt", on=False, seen_version=3, **told) == 4
    assert alerts.alert_detail(engine, alert_id).state == "cleared"
    assert [each.rule.version for each in rule_versions(engine, "cover_tilt")] == [4, 3, 2, 1]
    assert [line.fired for line in list_rules(engine, now=NOW, zone=UTC) if line.rule.key == "cover_tilt"] == [1]
