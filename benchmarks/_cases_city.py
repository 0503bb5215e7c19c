"""A city after seven years: two million closed cases with their timelines, a hundred thousand open, written in minutes.

Lives are drawn once by ``_month_city`` (a month of a real city's size, deadlines by the calendar) and told again four
weeks earlier, again and again; the columns are the fold of the entries. Rows go to the database as it takes them
fastest: ``COPY`` on PostgreSQL, one prepared statement on SQLite, the indexes made afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import islice
from random import Random
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    inspect,
    text,
)

from benchmarks import _generated as generated
from benchmarks._month_city import CLASSES, DISTRICTS, NOW, OTHER_CLASSES, UNITS, Life, MonthCity, event_lines
from registry.domain.case_story import Line
from registry.domain.case_telling import COLUMNS, fold
from registry.domain.geo import place_cell
from registry.domain.kinds import ENDED_STAGES, Role, Stage
from registry.domain.moves import EventName
from registry.services.classes import load_classes
from registry.services.people import NewUser, add_user
from registry.services.rules import install_shipped_rules
from registry.services.units import NewUnit, add_unit
from registry.storage.database import writing
from registry.storage.schema import upgrade
from registry.storage.tables import (
    alert,
    area,
    asset,
    case,
    case_request,
    case_standard,
    case_task,
    entry,
    recheck,
    report,
    road,
    supervision_entry,
    supervision_item,
    supervision_notice,
    user,
)
from registry.storage.times import from_ms, to_ms

CLOSED, OPEN = 2_000_000, 100_000
ASSETS = 300_000
CREW_OF_UNIT = 20
STREETS, COMMUNITIES, CELLS = 12, 20, 25
DESK, CREW, STREET = "bench-desk", "bench-crew", "bench-street"
"""Who measures beside the administrator: a dispatcher of one district, a crew member, a dispatcher of one street."""

_FOUR_WEEKS_MS = 28 * 86_400_000
_ENTRY = ("case_id", "at", "move", "from_stage", "to_stage", "by_user_id", "note", "detail")
_OWN = ("id", "number", "asset_id", "kind", "source", "opened_at", "lon", "lat", "area_code", "place", "version")
_TIMES = {"opened_at", "suspended_until", *(name for name in COLUMNS if name.endswith("_at"))}
_MOMENT = re.compile(r'(?<=")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00(?=")')
_KINDS = ("cover_displaced", "cover_loose", "cover_damaged", "cover_sunken", "water_high", "lamp_out", "pole_leaning")
# a life as it is told every four weeks, times in ms of the first time
_told = MetaData()
told_case = Table(
    "told_case",
    _told,
    Column("n", Integer, primary_key=True),
    Column("named", Boolean),
    *(Column(name, BigInteger if name in _TIMES else case.c[name].type) for name in (*_OWN[3:], *COLUMNS)),
)
told_entry = Table(
    "told_entry",
    _told,
    Column("line", Integer, primary_key=True),
    *(Column(name, BigInteger if name == "at" else entry.c[name].type) for name in _ENTRY[:-1]),
    *(Column(name, Text) for name in ("piece0", "piece1", "piece2")),
    *(Column(name, BigInteger) for name in ("moment1", "moment2")),
)
_CASE_AGAIN = f"""
INSERT INTO case_file ({", ".join((*_OWN, *COLUMNS))}, lies_in)
SELECT t.n + :first, [day t.opened_at + :shift] || CAST(700000 + :serial + t.n AS TEXT), a.id, t.kind, t.source,
    t.opened_at + :shift, t.lon, t.lat, COALESCE(a.area_code, t.area_code), t.place, t.version,
    {", ".join(f"t.{name} + :shift" if name in _TIMES else f"t.{name}" for name in COLUMNS)},
    COALESCE(a.area_code, t.area_code)
FROM told_case t LEFT JOIN asset a ON t.named AND a.id = CAST(t.n + :first AS BIGINT) * 7919 % :assets + 1
WHERE t.n <= :most ORDER BY t.n
"""  # noqa: S608 - our names
_ENTRY_AGAIN = """
INSERT INTO entry (case_id, at, move, from_stage, to_stage, by_user_id, note, detail)
SELECT case_id + :first, at + :shift, move, from_stage, to_stage, by_user_id, note, [json
    CASE WHEN moment1 IS NULL THEN piece0
    WHEN moment2 IS NULL THEN piece0 || [iso moment1 + :shift] || piece1
    ELSE piece0 || [iso moment1 + :shift] || piece1 || [iso moment2 + :shift] || piece2 END]
FROM told_entry WHERE case_id <= :most ORDER BY line
"""
_OPEN_AT = ("collected", "filed", "filed", "dispatched", "dispatched", "in_hand", "in_hand", "in_hand", "handed_back")

_WORDS = (
    # word, (before, after) on SQLite, on PostgreSQL; the innermost first
    ("day", ("strftime('%Y%m%d', (", ") / 1000, 'unixepoch')"), ("to_char(to_timestamp((", ") / 1000), 'YYYYMMDD')")),
    (
        "iso",
        ("strftime('%Y-%m-%dT%H:%M:%S+00:00', (", ") / 1000, 'unixepoch')"),
        ("to_char(to_timestamp((", ") / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS+00:00')"),
    ),
    ("json", ("(", ")"), ("CAST(", " AS JSON)")),
)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many rows there are."""

    closed: int
    open: int
    entries: int


class CasesCity:
    """Draws and writes the city. The same seed, sizes and ``now`` give the same rows."""

    def __init__(self, *, closed: int, open_now: int, now: datetime, seed: int = 6) -> None:
        self.random = Random(seed)
        self.closed, self.open_now, self.now = closed, open_now, now
        self.assets = min(ASSETS, max(closed, open_now) // 4 + 40)
        self.size = min(1.0, max(closed, open_now) / 24_000)
        self.month = MonthCity(seed, self.size)
        self.units: list[int] = []
        self.crew: dict[int, list[int]] = {}
        self.entries = 0

    def write(self, engine: Engine, progress: Progress) -> Written:
        """Everything, into an empty database; ``progress`` hears (what, done, of)."""
        upgrade(engine)
        self._write_people(engine)
        with Loading(engine, (asset, case, entry, report, alert)) as loading:
            loading.rows(asset, map(self._asset, range(self.assets)))
            loading.rows(road, ({"name": generated.road_of(number)} for number in range(min(self.assets, 3000))))
            lives = list(self.month.lives())
            closed = self._write_closed(loading, self._write_told(loading, lives), progress)
            self._write_open(loading, lives, closed, progress)
            self._write_beside(loading, closed)
        return Written(closed=closed, open=self.open_now, entries=self.entries)

    # places and people

    def _write_people(self, engine: Engine) -> None:
        now = self.now - timedelta(days=3000)
        with writing(engine) as tx:
            load_classes(tx)
            install_shipped_rules(tx, now=now)
            self.units = [add_unit(tx, NewUnit(name=name, phone="0759-000000")) for name, _ in UNITS]
            password = generated.PASSWORD
            boss = NewUser(login=generated.LOGIN, name="Bench", role=Role.ADMINISTRATOR, password=password)
            desk = NewUser(login=DESK, name="区派遣", role=Role.DISPATCHER, password=password, area_code="440803")
            street = NewUser(
                login=STREET, name="街道派遣", role=Role.DISPATCHER, password=password, area_code="440803001"
            )
            crew = NewUser(login=CREW, name="一组", role=Role.CREW, password=password, unit_id=self.units[0])
            for somebody in (boss, desk, street, crew):
                add_user(tx, somebody, now=now)
            rows = [self._person(number) for number in range(12 + len(self.units) * CREW_OF_UNIT)]
            tx.execute(user.insert(), rows)
            people = tx.execute(user.select().order_by(user.c.id)).all()
            self.month.people = [one.id for one in people if one.login.startswith("desk")]
            self.crew = {unit_id: [one.id for one in people if one.unit_id == unit_id] for unit_id in self.units}
            for line in event_lines():
                row = msgspec.to_builtins(line) | {"version": 1, "created_at": now, "severity": int(line.severity)}
                tx.execute(case_standard.insert().values(row))
            for code, zh, en in DISTRICTS:
                levels = [("district", code, zh, en)]
                levels += [("street", f"{code}{n:03d}", f"{zh}第{n}街道", f"{en} {n}") for n in range(STREETS)]
                for level, area_code, name, name_en in levels:
                    row = {"level": level, "code": area_code, "name": name, "name_en": name_en, "updated_at": now}
                    tx.execute(area.insert().values(row))
        self.month.units = self.units
        # whether a life is about a thing is all that is taken from there
        classes = (*OTHER_CLASSES, *(code for code, _ in CLASSES))
        self.month.assets = {code: [(0, n % len(DISTRICTS)) for n in range(9000)] for code in classes}

    def _person(self, number: int) -> dict[str, Any]:
        at_desk = number < 12
        unit_id = None if at_desk else self.units[(number - 12) % len(self.units)]
        role = Role.DISPATCHER if at_desk else Role.CREW
        name = f"坐席 {number}" if at_desk else f"队员 {number}"
        login = f"desk{number}" if at_desk else f"crew{number}"
        row = {"login": login, "name": name, "role": role.value, "unit_id": unit_id}
        return row | {"password_hash": "!", "created_at": self.now - timedelta(days=2900)}

    def _asset(self, number: int) -> dict[str, Any]:
        row = generated.asset_row(number)
        lon, lat = generated.place_of(number)
        code = self._area_of(number)
        row |= {"code": f"{code[:6]}{row['class_code']}{number:06d}", "area_code": code, "grid_cell": ""}
        return row | {"place_cell": place_cell(lon, lat), "maintainer_unit_id": self.units[number % len(self.units)]}

    def _area_of(self, number: int) -> str:
        district = DISTRICTS[number % len(DISTRICTS)][0]
        rest = number // len(DISTRICTS)
        street, community, cell = rest % STREETS, rest // STREETS % COMMUNITIES, rest // 240 % CELLS
        return f"{district}{street:03d}{community:03d}{cell:03d}"

    # closed cases

    def _write_told(self, loading: Loading, lives: list[Life]) -> int:
        """The closed lives, once, in tables of their own: times in ms, details cut where a moment stands. How many."""
        told = [(fold(lines), life, lines) for life in lives for lines in (self._with_crew(life),)]
        closed = sorted((each for each in told if each[0].stage in ENDED_STAGES), key=lambda each: each[0].opened_at)
        cases: list[tuple[Any, ...]] = []
        entries: list[tuple[Any, ...]] = []
        for number, (story, life, lines) in enumerate(closed, 1):
            named = number % 3 > 0
            kind = _KINDS[number * 31 % len(_KINDS)] if named else life.kind
            place = (None, None, "", "") if named else self._place(number)
            columns = (_plain(getattr(story, name)) for name in COLUMNS)
            own = (number, named, kind, life.source.value, to_ms(story.opened_at), *place, len(lines))
            cases.append((*own, *columns))
            entries += [(len(entries) + place, *_cut(row)) for place, row in enumerate(_lines(number, lines))]
        for table, rows in ((told_case, cases), (told_entry, entries)):
            loading.tuples(table, table.c.keys(), rows)
        return len(closed)

    def _with_crew(self, life: Life) -> list[Line]:
        """Half of what is sent to a unit is sent to somebody of it."""
        return life.lines if self.random.random() < 0.5 else [self._named(line) for line in life.lines]

    def _named(self, line: Line) -> Line:
        unit_id = line.detail.get("unit_id")
        if not unit_id:
            return line
        return replace(line, detail={**line.detail, "assignee_id": self.random.choice(self.crew[unit_id])})

    def _place(self, number: int) -> tuple[float, float, str, str]:
        return *generated.place_of(number), self._area_of(number), generated.road_of(number)

    def _write_closed(self, loading: Loading, told: int, progress: Progress) -> int:
        """Every life again four weeks earlier, the oldest first, inside the database; how many."""
        times = -(-self.closed // told)
        newest = (to_ms(self.now) - to_ms(NOW)) // _FOUR_WEEKS_MS * _FOUR_WEEKS_MS
        for turn in range(times):
            first, shift = turn * told, newest - (times - 1 - turn) * _FOUR_WEEKS_MS
            given = {"first": first, "shift": shift, "serial": turn % 2 * 30_000, "most": self.closed - first}
            loading.tell(_CASE_AGAIN, given | {"assets": self.assets})
            self.entries += loading.tell(_ENTRY_AGAIN, given)
            progress("closed cases", min(first + told, self.closed), self.closed)
        return self.closed

    # open cases

    def _write_open(self, loading: Loading, lives: list[Life], first: int, progress: Progress) -> None:
        """Lives that have come as far as one stage or the other, most of them in the last days."""
        usable = [life for life in lives if len(life.lines) > 4]
        for start in range(0, self.open_now, 5_000):
            rows: list[tuple[Any, ...]] = []
            entries: list[tuple[Any, ...]] = []
            for number in range(start, min(start + 5_000, self.open_now)):
                case_id = first + number + 1
                life = usable[number % len(usable)]
                lines = self._until(life, _OPEN_AT[number % len(_OPEN_AT)])
                story = fold(lines)
                opened = to_ms(lines[0].at)
                own = (case_id, f"{_day(opened)}{100_000 + number:06d}", *self._about(number, life), opened)
                columns = (_plain(getattr(story, name)) for name in COLUMNS)
                where = self._where(number)
                rows.append((*own, *where, len(lines), *columns, where[2]))
                entries += _lines(case_id, lines)
            loading.tuples(case, (*_OWN, *COLUMNS, "lies_in"), rows)
            loading.tuples(entry, _ENTRY, entries)
            self.entries += len(entries)
            progress("open cases", start + len(rows), self.open_now)

    def _about(self, number: int, life: Life) -> tuple[int | None, str, str]:
        """Asset, kind and source. One open case of a kind on an asset: another asset each time around."""
        if number % 3 == 0:
            return None, life.kind, life.source.value
        return number % self.assets + 1, _KINDS[number // self.assets % len(_KINDS)], life.source.value

    def _where(self, number: int) -> tuple[float | None, float | None, str, str]:
        return self._place(number) if number % 3 == 0 else (None, None, self._area_of(number % self.assets), "")

    def _until(self, life: Life, wanted: str) -> list[Line]:
        """The beginning of the life, so far that it stands at ``wanted``; its last entry a few days ago."""
        lines = self._with_crew(life)
        last = max((index for index, line in enumerate(lines) if line.to_stage.value == wanted), default=0)
        days = min(self.random.expovariate(1 / 5), 80.0)
        shift = self.now - timedelta(days=days, minutes=5) - lines[last].at
        told = [_shifted(line, shift) for line in lines[: last + 1] if line.move != EventName.OVERDUE]
        story = fold(told)
        due = story.deadline_at
        if due is not None and due < self.now and story.stage in (Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND):
            at, detail = max(due, told[-1].at), {"deadline_at": due.isoformat()}
            told.append(Line(at=at, move=str(EventName.OVERDUE), to_stage=story.stage, by_user_id=None, detail=detail))
        return told

    # what stands beside cases

    def _write_beside(self, loading: Loading, closed: int) -> None:
        everything = closed + self.open_now
        now = to_ms(self.now)
        loading.rows(report, (self._report(n, n * 8 + 1, now) for n in range(everything // 8)))
        loading.rows(alert, (self._alert(n, everything, now) for n in range(everything // 16)))
        looks = range(min(5_000, self.open_now // 9))
        of_looks = closed + 1
        loading.rows(case_task, (self._look(n, of_looks + n * 9, now) for n in looks))
        loading.rows(case_request, (self._request(n, of_looks + n * 9 + 6, now) for n in range(len(looks) // 5)))
        notices = range(max(1, min(400, closed // 50)))
        loading.rows(supervision_notice, (self._notice(n, now) for n in notices))
        items = range(min(20_000, closed // 2))
        loading.rows(supervision_item, (self._item(n, len(items), len(notices), closed, now) for n in items))
        told = (self._item_entry(n, move, now) for n in items for move in ("opened", "noticed", "replied"))
        loading.rows(supervision_entry, told)
        loading.rows(recheck, (self._recheck(n, closed, now) for n in range(min(60_000, closed // 3))))

    def _report(self, number: int, case_id: int, now: int) -> dict[str, Any]:
        lon, lat = generated.place_of(number)
        at = now - (number * 104_729 % 200_000_000) * 1_000
        where = {"lon": lon, "lat": lat, "place_cell": place_cell(lon, lat), "area_code": self._area_of(number)}
        said = {"text": f"{generated.road_of(number)}井盖响", "contact": f"139{number:08d}", "reporter": "市民"}
        return {"id": number + 1, "key": f"bench-{number:020d}", "case_id": case_id, "at": at} | where | said

    def _alert(self, number: int, everything: int, now: int) -> dict[str, Any]:
        # the newest cases are the open ones: there alerts may be live
        case_id = everything - number * 16
        live = case_id > everything - self.open_now and number % 4 == 0
        at = now - number * 60_000
        times = {"began_at": at, "fired_at": at, "recorded_at": at, "cleared_at": None if live else at + 60_000}
        what = {"rule_key": "cover_tilt", "rule_version": 1, "cabinet_id": f"b{number}", "case_id": case_id}
        state = {"state": "firing" if live else "cleared", "severity": number % 3 + 1, "value": 20.0, "peak": 30.0}
        return {"id": number + 1, "asset_id": number % self.assets + 1} | what | state | times

    def _look(self, number: int, case_id: int, now: int) -> dict[str, Any]:
        sent = self.crew[self.units[number % len(self.units)]][number % CREW_OF_UNIT]
        asked = {"asked_at": now - number * 60_000, "due_at": now + 3_600_000}
        return {"id": number + 1, "case_id": case_id, "kind": "check", "assignee_id": sent} | asked

    def _request(self, number: int, case_id: int, now: int) -> dict[str, Any]:
        step = {"roles": ["shift_supervisor"], "by_user_id": None, "at": None, "granted": None, "note": ""}
        row = {"id": number + 1, "case_id": case_id, "kind": "extension", "state": "waiting"}
        return row | {"asked_at": now - number * 60_000, "reason": "缺少配件", "steps": json.dumps([step])}

    def _notice(self, number: int, now: int) -> dict[str, Any]:
        row = {"id": number + 1, "year": 2026, "serial": number + 1, "unit_id": self.units[number % len(self.units)]}
        words = {"title": "井盖专项督办", "demand": "限期整改并书面回复", "issuer": "市城市管理局"}
        at = now - number * 3_600_000
        return row | words | {"issued_at": at, "reply_by": at + 7 * 86_400_000}

    def _item(self, number: int, items: int, notices: int, closed: int, now: int) -> dict[str, Any]:
        opened = now - (items - number) * 7_200_000
        state = ("open", "replied")[number % 2] if number % 40 == 0 else "struck_off"
        ended = opened + 5 * 86_400_000 if state == "struck_off" else None
        row = {"id": number + 1, "case_id": number * 97 % closed + 1, "unit_id": self.units[number % len(self.units)]}
        said = {
            "problem": f"{generated.road_of(number)}井盖反复沉降",
            "place": generated.road_of(number),
            "state": state,
        }
        times = {"opened_at": opened, "deadline_at": opened + 7 * 86_400_000, "ended_at": ended}
        return row | said | times | {"area_code": self._area_of(number), "notice_id": number * 7 % notices + 1}

    def _item_entry(self, number: int, move: str, now: int) -> dict[str, Any]:
        return {"item_id": number + 1, "at": now - number * 3_600_000, "move": move, "note": "", "detail": "{}"}

    def _recheck(self, number: int, closed: int, now: int) -> dict[str, Any]:
        state = "due" if number % 30 == 0 else "passed"
        due = now - (number * 7919 % 400 - 5) * 86_400_000
        row = {"id": number + 1, "case_id": closed - number, "round": 1, "turn": 1, "times": 1, "every_days": 30}
        where = {"unit_id": self.units[number % len(self.units)], "area_code": self._area_of(number)}
        return row | where | {"state": state, "due_at": due, "planned_at": due - 30 * 86_400_000}


class Loading:
    """Rows into empty tables as fast as the database takes them; the indexes are made when the block ends."""

    def __init__(self, engine: Engine, tables: Sequence[Table]) -> None:
        self._engine, self._tables = engine, tables
        self._postgres = engine.dialect.name == "postgresql"

    def __enter__(self) -> Loading:
        _told.create_all(self._engine)
        for index in self._indexes():
            with self._engine.begin() as tx:
                index.drop(tx)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            return
        _told.drop_all(self._engine)
        for index in self._indexes():
            with self._engine.begin() as tx:
                if not self._postgres:
                    tx.exec_driver_sql("PRAGMA cache_size = -400000")
                index.create(tx)
        if self._postgres:
            self._catch_up()

    def tell(self, statement: str, given: dict[str, int]) -> int:
        """Rows made inside the database; how many. ``[day …]``, ``[iso …]`` and ``[json …]`` say it in its words."""
        for word, sqlite, postgres in _WORDS:
            end = r"\1".join(postgres if self._postgres else sqlite)
            statement = re.sub(rf"\[{word}\s([^\[\]]+)\]", end, statement)
        with self._engine.connect().execution_options(writes=True) as tx, tx.begin():
            if self._postgres:
                tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
            return int(tx.execute(text(statement), given).rowcount)

    def rows(self, table: Table, rows: Iterable[dict[str, Any]]) -> None:
        """Rows as dictionaries with the same keys, as the driver takes them: times in ms, JSON as text."""
        found = iter(rows)
        while batch := list(islice(found, 20_000)):
            names = tuple(batch[0])
            self.tuples(table, names, [tuple(row[name] for name in names) for row in batch])

    def tuples(self, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """The same as tuples."""
        with self._engine.connect().execution_options(writes=True) as tx, tx.begin():
            driver: Any = tx.connection.dbapi_connection
            if not self._postgres:
                marks = ", ".join("?" * len(columns))
                statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
                driver.executemany(statement, rows)
                return
            # past the checks of foreign keys: the rows are ours
            tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
            with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    def _indexes(self) -> Iterator[Index]:
        for table in self._tables:
            yield from sorted(table.indexes, key=lambda index: str(index.name))

    def _catch_up(self) -> None:
        """What a server's own housekeeping would have done by now, and the sequences behind the ids."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
            for name in inspect(tx).get_table_names():
                if any(column["name"] == "id" for column in inspect(tx).get_columns(name)):
                    self._set_sequence(tx, name)
            tx.exec_driver_sql("VACUUM ANALYZE")

    @staticmethod
    def _set_sequence(tx: Connection, name: str) -> None:
        sequence = tx.exec_driver_sql(f"SELECT pg_get_serial_sequence('{name}', 'id')").scalar()
        if sequence:
            newest = f"SELECT COALESCE(MAX(id), 0) + 1 FROM {name}"  # noqa: S608 - our names
            tx.exec_driver_sql(f"SELECT setval('{sequence}', ({newest}))")


def _shifted(line: Line, shift: timedelta) -> Line:
    """The same, ``shift`` later."""

    def later(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) + shift).replace(microsecond=0).isoformat()

    detail = json.loads(_MOMENT.sub(later, json.dumps(line.detail)))
    return replace(line, at=(line.at + shift).replace(microsecond=0), detail=detail)


def _cut(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of ``entry`` whose detail is cut where a moment stands: three pieces and two moments, null where none."""
    pieces, moments = _MOMENT.split(row[-1]), _MOMENT.findall(row[-1])
    when = [to_ms(datetime.fromisoformat(moment)) for moment in moments]
    return (*row[:-1], *[*pieces, None, None][:3], *[*when, None, None][:2])


def _lines(case_id: int, lines: list[Line]) -> Iterator[tuple[Any, ...]]:
    came_from: str | None = None
    for line in lines:
        detail = json.dumps(line.detail, ensure_ascii=False)
        yield case_id, to_ms(line.at), line.move, came_from, line.to_stage.value, line.by_user_id, "", detail
        came_from = line.to_stage.value


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def _day(ms: int) -> str:
    return f"{from_ms(ms):%Y%m%d}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_ms(value)
    return value.value if isinstance(value, Enum) else value
