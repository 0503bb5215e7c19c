"""Every query of every Grafana board, run against a real PostgreSQL and InfluxDB that a simulated town filled."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import Engine, insert, make_url, select, update

from firmware_sim.year.plan import Year, plan_year
from firmware_sim.year.readings import uplinks
from firmware_sim.year.sizes import Size
from operate.grafana import shipped_boards
from registry.domain.boards import Board, SeriesSource
from registry.domain.kinds import Lane, Role, Severity, Source
from registry.domain.people import Actor
from registry.intake import Intake, Pack
from registry.queries.board_answers import answer
from registry.queries.board_values import Asked, Bars, CountsOverTime, Curves, Heat, MapAnswer, Stat, Table, Timeline
from registry.services.assets import NewAsset, register_asset
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.cases import open_or_attach
from registry.services.census import ask_for_census, run_census
from registry.services.classes import load_classes
from registry.services.devices import NewDevice, put_on
from registry.services.people import NewUser, add_user, find_user
from registry.services.permits import NewPermit, start
from registry.services.rules import install_shipped_rules
from registry.services.scans import ScanPlace, record_scan
from registry.services.units import NewUnit, add_unit
from registry.storage.database import open_database, writing
from registry.storage.read_views import READER
from registry.storage.schema import upgrade
from registry.storage.series import SeriesStore
from registry.storage.series.opening import open_series
from registry.storage.tables import alert, area, asset, case, device, rule
from registry.storage.times import to_ms
from tests.grafana import Query, Viewer, influx_rows
from tests.influx import Influx

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("grafana")]  # its city is made once for all

BOARDS = sorted((Path(__file__).parents[2] / "dashboards/grafana/boards").glob("*/*.json"))
DISTRICT, STREET = "440802", "440802001"
ZONE = "Asia/Shanghai"
HOURS = 26
# of a unit and a rule without a name in English
UNIT, RULE = "市政设施养护处", "井盖歪了"
NAMED = {"unit", "rule", "metric", "name", "text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The two stores as Grafana reaches them, and the moment at which it looks."""

    now: datetime
    reader: psycopg.Connection
    influx: Influx
    database: str
    engine: Engine
    store: SeriesStore

    def rows(self, query: Query) -> list[Any]:
        """What the store answers. Raises when it refuses."""
        if query.store == "covercode-records":
            return self.ask(query.text)
        path = "/query?" + urlencode({"db": self.database, "epoch": "ms", "q": query.text})
        status, _, body = self.influx.forward("GET", path, {}, b"")
        assert status == 200, (query.text, body)
        return influx_rows(body)

    def ask(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of SQL, read as Grafana's role."""
        return self.reader.execute(text.encode()).fetchall()


@pytest.fixture(scope="module")
def town(module_postgres_url: str, influx_server: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    engine = open_database(module_postgres_url)
    with writing(engine) as tx:
        if not tx.exec_driver_sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{READER}'").first():
            tx.exec_driver_sql(f"CREATE ROLE {READER} LOGIN")
    upgrade(engine)
    database = make_url(module_postgres_url).database
    store = open_series(influx_server.address(str(database)), home=tmp_path_factory.mktemp("town"))
    now = datetime.now(UTC)
    try:
        _Builder(engine, now).build(store)
        store.fold(now + timedelta(hours=2))
        url = make_url(module_postgres_url).set(drivername="postgresql", username=READER)
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as reader:
            yield Town(
                now=now + timedelta(minutes=1),
                reader=reader,
                influx=influx_server,
                database=str(database),
                engine=engine,
                store=store,
            )
    finally:
        store.close()
        engine.dispose()


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: f"{path.stem}-{path.parent.name}")
def test_every_query_of_every_panel_runs_and_returns_rows(town: Town, path: Path):
    viewer = Viewer(dashboard=json.loads(path.read_text(encoding="utf-8")), now=town.now, ask=town.ask, choices={})
    queries = list(viewer.queries())
    assert len(queries) >= 10
    silent = [query.where for query in queries if not town.rows(query)]
    assert silent == []


@pytest.mark.parametrize("path", [path for path in BOARDS if path.parent.name == "zh"], ids=lambda path: path.stem)
def test_every_query_runs_when_something_is_chosen_of_each_variable(town: Town, path: Path):
    board = json.loads(path.read_text(encoding="utf-8"))
    whole = Viewer(dashboard=board, now=town.now, ask=town.ask, choices={})
    for variable in board["templating"]["list"]:
        if variable["hide"]:
            continue
        options = whole.choices_of(variable["name"])
        assert options, variable["name"]
        for many in (1, 2) if variable["multi"] else (1,):
            choices = {variable["name"]: options[:many]}
            for query in Viewer(dashboard=board, now=town.now, ask=town.ask, choices=choices).queries():
                town.rows(query)


def test_what_is_chosen_narrows_what_is_shown(town: Town):
    board = json.loads(next(path for path in BOARDS if path.stem == "covers").read_text(encoding="utf-8"))

    def covers(choices: dict[str, list[str]]) -> Any:
        viewer = Viewer(dashboard=board, now=town.now, ask=town.ask, choices=choices)
        return town.rows(next(iter(viewer.queries())))[0][0]

    assert covers({}) == covers({"area": [DISTRICT]}) == covers({"area": [STREET]}) > 0
    assert covers({"area": ["440803"]}) == 0


@pytest.mark.parametrize("key", ["covers", "poles"])
def test_curves_are_drawn_from_readings_hours_or_days_as_is_chosen(town: Town, key: str):
    board = json.loads(next(path for path in BOARDS if path.stem == key).read_text(encoding="utf-8"))
    plain = Viewer(dashboard=board, now=town.now, ask=town.ask, choices={})
    assert plain.choices_of("detail") == ["raw", "hours", "days"]
    asked = [query for query in plain.queries() if query.store == "covercode-series"]
    assert len(asked) >= 12
    extremes: dict[str, list[Any]] = {}
    for detail in ("raw", "hours", "days"):
        chosen = Viewer(dashboard=board, now=town.now, ask=town.ask, choices={"detail": [detail]})
        queries = [query for query in chosen.queries() if query.store == "covercode-series"]
        assert {f'FROM "{detail}".' in query.text for query in queries} == {True}
        extremes[detail] = []
        for query in queries:
            figures = [value for row in town.rows(query) for name, value in row.items() if name != "time"]
            assert figures, query.where
            assert all(isinstance(figure, int | float) for figure in figures), query.where
            if "SELECT m" in query.text and "SELECT mean" not in query.text:
                extremes[detail].append(max(figures) if "SELECT max" in query.text else min(figures))
    # every spike is in each of them
    assert extremes["raw"] == extremes["hours"] == extremes["days"]
    assert len(extremes["raw"]) >= 8


@pytest.mark.parametrize("key", ["overview", "covers"])
def test_what_began_before_the_span_and_goes_on_is_marked_to_its_end(town: Town, key: str):
    board = json.loads(next(path for path in BOARDS if path.stem == key).read_text(encoding="utf-8"))
    board["time"]["from"] = "now-5m"
    viewer = Viewer(dashboard=board, now=town.now, ask=town.ask, choices={})
    since, until = viewer.span()
    marks = [town.rows(query) for query in viewer.queries() if " AS timeend" in query.text]
    assert len(marks) == 2
    for rows in marks:
        assert all(end >= since for _, end, _, _ in rows)
        assert [
            begin for begin, end, _, _ in rows if begin < since and round(end.timestamp()) == round(until.timestamp())
        ]


def test_what_has_no_english_name_is_shown_by_its_chinese_one(town: Town):
    shown: set[str] = set()
    for path in BOARDS:
        if path.parent.name != "en":
            continue
        viewer = Viewer(dashboard=json.loads(path.read_text(encoding="utf-8")), now=town.now, ask=town.ask, choices={})
        for query in viewer.queries():
            if query.store == "covercode-records":
                cursor = town.reader.execute(query.text.encode())
                named = [place for place, each in enumerate(cursor.description or ()) if each.name in NAMED]
                # a case may be without a unit
                shown |= {row[place] for row in cursor.fetchall() for place in named if row[place] is not None}
    assert not [text for text in shown if not text.strip() or text.startswith(" ·") or text.endswith("· ")]
    assert {UNIT, RULE} <= shown
    assert [text for text in shown if text.startswith(f"{RULE} · ")]


@pytest.mark.parametrize("board", shipped_boards(), ids=lambda board: board.key)
def test_the_numbers_are_those_of_our_own_boards(town: Town, board: Board):
    path = next(path for path in BOARDS if path.parent.name == "zh" and path.stem == board.key)
    viewer = Viewer(dashboard=json.loads(path.read_text(encoding="utf-8")), now=town.now, ask=town.ask, choices={})
    since, until = viewer.span()
    asked = Asked(
        engine=town.engine, store=town.store, now=datetime.now(UTC), since=since, until=until, zone=ZoneInfo(ZONE)
    )
    told = {query.at: query for query in reversed(list(viewer.queries()))}
    compared = 0
    for panel in board.panels:
        if isinstance(panel.source, SeriesSource) and panel.source.of_assets:
            continue  # ours waits for a choice
        ours = answer(panel, asked)
        query = told.get((panel.x, panel.y))
        if query is None or isinstance(ours, Timeline | MapAnswer | Table) or ours is None:
            continue
        compared += 1
        theirs = town.rows(query)
        match ours:
            case Curves():
                assert max(row["max"] for row in theirs) == max(max(curve.max, default=-999.0) for curve in ours.series)
            case Stat():
                # with a small curve the number is its sum
                assert sum(row[-1] for row in theirs) == ours.value, panel.id
            case Bars():
                wanted = sorted((bar.value for bar in ours.bars if bar.value), reverse=True)
                assert [float(row[1]) for row in theirs if row[1]] == pytest.approx(wanted), panel.id
            case CountsOverTime():
                steps = Counter[int]()
                for series in ours.series:
                    steps.update(dict(zip(series.t, series.value, strict=True)))
                found = Counter[int]()
                for row in theirs:
                    found[round(row[0].timestamp() * 1000)] += row[-1]
                assert found == +steps, panel.id
            case Heat():
                found = Counter({(day, hour): n for hour, row in enumerate(theirs) for day, n in enumerate(row[1:])})
                assert +found == Counter({(day, hour): n for day, hour, n in ours.cells}), panel.id
    assert compared >= 5


class _Builder:
    """Fills the stores: a simulated town's last hours through the intake, and around it what else boards show."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.engine, self.now = engine, now
        faults = {"opened": 1, "hit": 1, "water": 1}
        size = Size(assets=24, days=3, first_day=190, storms=1, sites=1, faults=faults, works={}, upkeep={}, outages={})
        self.year: Year = plan_year(7, size)
        self.began_at = now - timedelta(hours=HOURS)

    def build(self, store: Any) -> None:
        """Everything."""
        self._people_and_places()
        self._assets()
        self._readings(store)
        self._cases()
        self._trouble()
        self._work()
        job = ask_for_census(self.engine, now=self.now)
        assert job is not None
        run_census(self.engine, job, holder="test", clock=lambda: self.now)

    def _people_and_places(self) -> None:
        with writing(self.engine) as tx:
            load_classes(tx)
            install_shipped_rules(tx, now=self.began_at)
            self.unit = add_unit(tx, NewUnit(name=UNIT))
            new = NewUser(login="chen", name="陈", role=Role.DISPATCHER, password="four words kept for tests")
            user_id = add_user(tx, new, now=self.began_at)
            rows = [
                {"level": "district", "code": DISTRICT, "name": "赤坎区"},
                {"level": "district", "code": "440803", "name": "霞山区"},
                {"level": "street", "code": STREET, "name": "中华街道"},
            ]
            tx.execute(insert(area), [row | {"updated_at": self.now} for row in rows])
        found = find_user(self.engine, user_id)
        assert found is not None
        self.chen: Actor = found

    def _assets(self) -> None:
        self.assets: dict[str, int] = {}
        with writing(self.engine) as tx:
            for unit in self.year.units:
                new = NewAsset(
                    division=DISTRICT,
                    class_code="0102" if unit.kind == "cover" else "0118",
                    name=unit.serial,
                    lon=round(unit.lon, 6),
                    lat=round(unit.lat, 6),
                    depth_mm=round(unit.depth_mm) if unit.kind == "cover" else None,
                )
                self.assets[unit.serial] = register_asset(tx, new, now=self.began_at)
                put_on(
                    tx,
                    NewDevice(
                        serial=unit.serial,
                        profile="cc-cover-1" if unit.kind == "cover" else "cc-pole-1",
                        asset_id=self.assets[unit.serial],
                        heartbeat_s=3600.0,
                        cabinet_id=unit.cabinet,
                    ),
                    now=self.began_at,
                )
            tx.execute(update(asset).values(area_code=STREET, maintainer_unit_id=self.unit))
            for state, offset in (("damaged", 0), ("lost", 1)):
                some = select(asset.c.id).order_by(asset.c.id).offset(offset).limit(1).scalar_subquery()
                tx.execute(update(asset).where(asset.c.id == some).values(state=state, accuracy="C"))

    def _readings(self, store: Any) -> None:
        intake = Intake(self.engine, store, clock=lambda: self.now)
        began_ms = to_ms(self.began_at)
        packs: dict[str, list[Any]] = defaultdict(list)
        for uplink in uplinks(self.year):
            measured = began_ms + uplink.measured_ms
            if measured > to_ms(self.now):
                break
            into = packs[self.year.unit_of[uplink.serial].cabinet]
            into += [(uplink.serial, name, measured, measured, value, 0) for name, value in uplink.values]
        packs["unknown"] = [("CV-NOBODY", "tilt_z", to_ms(self.now) - 1000, to_ms(self.now), 1.0, 0)]
        sent = [Pack(cabinet, Lane.ROUTINE, "", 0, 0, readings) for cabinet, readings in packs.items()]
        receipt = intake.accept(sent, now=self.now)
        assert receipt.stored > 500
        assert receipt.rejected >= 1
        for number, cabinet in enumerate(sorted(packs)):
            said = CabinetState(
                cabinet=cabinet, online=number > 0, at=self.now.timestamp(), oldest_unsent_s=number * 7.0
            )
            note_cabinet(self.engine, said, now=self.now)

    def _cases(self) -> None:
        kinds = ("cover_displaced", "water_high", "cover_loose", "pole_leaning", "reported")
        sources = (Source.SENSOR, Source.CITIZEN, Source.PATROL, Source.HOTLINE, Source.SENSOR)
        with writing(self.engine) as tx:
            for number, asset_id in enumerate(list(self.assets.values())[:12]):
                opened = open_or_attach(
                    tx,
                    asset_id=asset_id,
                    kind=kinds[number % 5],
                    severity=Severity(1 + number % 3),
                    source=sources[number % 5],
                    now=self.now - timedelta(hours=1 + number),
                )
                values: dict[str, Any] = {"unit_id": self.unit}
                if number % 4 == 1:
                    values |= {
                        "stage": "closed",
                        "ended_at": self.now - timedelta(minutes=20),
                        "closed_how": "repaired",
                    }
                if number % 4 == 2:
                    values |= {"stage": "suspended"}
                if number % 4 == 3:
                    values |= {"deadline_at": self.now - timedelta(hours=1), "overdue_at": self.now}
                tx.execute(update(case).where(case.c.id == opened.case_id).values(values))

    def _trouble(self) -> None:
        """A firing alert of each severity, a silent device, a cabinet that was away, a suspect device."""
        with writing(self.engine) as tx:
            tx.execute(update(rule).where(rule.c.key == "cover_tilt").values(name_zh=RULE, name_en=""))
            silent = tx.execute(select(rule.c.key).where(rule.c.kind == "no_data")).scalars().first()
            devices = tx.execute(select(device.c.id, device.c.asset_id, device.c.cabinet_id)).all()
            base = {"rule_version": 1, "state": "firing", "recorded_at": self.now}
            for number, each in enumerate(devices[:6]):
                at = self.now - timedelta(minutes=30 + number)
                row = {"rule_key": "cover_tilt", "severity": 1 + number % 3, "began_at": at, "fired_at": at}
                row |= {"device_id": each.id, "asset_id": each.asset_id, "cabinet_id": each.cabinet_id}
                ended = {"state": "cleared", "cleared_at": self.now} if number > 3 else {"cleared_at": None}
                tx.execute(insert(alert).values(base | row | ended | {"point_id": None, "bus": str(number)}))
            at = self.now - timedelta(hours=2)
            quiet = base | {"rule_key": silent, "severity": 1, "began_at": at, "fired_at": at}
            one = devices[7]
            tx.execute(insert(alert).values(quiet | {"device_id": one.id, "asset_id": one.asset_id}))
            away = {"cabinet_id": one.cabinet_id, "bus": "", "state": "cleared", "cleared_at": self.now}
            tx.execute(insert(alert).values(quiet | away))
            tx.execute(update(device).where(device.c.id == devices[8].id).values(suspect_since=at))

    def _work(self) -> None:
        """A permit, a doubtful scan."""
        new = NewPermit(asset_id=self.assets[self._cover(3)], work="清淤", people=2, minutes=60, note="现场无标牌")
        start(self.engine, new, by=self.chen, now=self.now - timedelta(minutes=10))
        record_scan(
            self.engine, "NOSUCHPLATE", now=self.now - timedelta(minutes=5), place=ScanPlace(lon=110.4, lat=21.2)
        )

    def _cover(self, number: int) -> str:
        return [unit.serial for unit in self.year.units if unit.kind == "cover"][number]
