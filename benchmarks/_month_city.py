"""A city's month with a seed: Zhanjiang's February 2023, case by case, as its bulletin gave the sums.

20,580 found, 6,980 of them handled on the spot, 13,600 dispatched; handled 82.05 %, 2,854 open and overdue, 1,389 done
late, 13 reworked, 5 dispatched twice; 12.51 % components, of which 雨水箅子 20.56 %, 路灯 10.99 %, 行道树 8.17 %,
垃圾箱 4.88 %, 不明井盖 4.70 %. The bulletin leaves open what was carried over from January: 3,400 cases make its sums
agree. Real lines of the standard, real deadlines by the calendar, real entries; the columns are the fold of them. Some
cases go on in March, so that whoever counts February has to look away.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
from sqlalchemy import Engine, insert, select

from registry.domain.case_standard import CaseLine, LineLimit, Step
from registry.domain.case_story import Line
from registry.domain.case_telling import COLUMNS, fold
from registry.domain.kinds import Family, Role, Severity, Source, Stage
from registry.domain.months import Month
from registry.domain.moves import EventName, MoveName
from registry.domain.shipped_standard import SHIPPED_LINES
from registry.domain.working_time import Limit, TimeUnit, WorkCalendar, deadline
from registry.storage.bulk import insert_rows, widen_cache
from registry.storage.database import writing
from registry.storage.tables import area, asset, case, case_standard, entry, unit, user

CHINA = timezone(timedelta(hours=8), "CST")
FEBRUARY = Month(2023, 2)
STARTS, ENDS = FEBRUARY.starts(CHINA).astimezone(UTC), FEBRUARY.ends(CHINA).astimezone(UTC)
NOW = datetime(2023, 3, 3, 1, tzinfo=UTC)
"""When the month is closed: cases have gone on for two days."""

FOUND, ON_THE_SPOT, DISPATCHED = 20_580, 6_980, 13_600
COMPONENTS = 0.1251
CLASSES = (("0104", 0.2056), ("0118", 0.1099), ("0402", 0.0817), ("0305", 0.0488), ("0114", 0.0470))
OTHER_CLASSES = (
    *("0101", "0102", "0103", "0109", "0110", "0111", "0113", "0117", "0203", "0209", "0211", "0301", "0307", "0408"),
)
DISTRICTS = (
    ("440802", "赤坎区", "Chikan"),
    ("440803", "霞山区", "Xiashan"),
    ("440804", "坡头区", "Potou"),
    ("440811", "麻章区", "Mazhang"),
    ("440871", "经济技术开发区", "Development Zone"),
)
UNITS = (
    ("经济技术开发区城市综合管理局", 0.2),
    ("赤坎区城市管理局", 0.7),
    ("霞山区城市管理局", 0.9),
    ("坡头区城市管理局", 1.0),
    ("麻章区城市管理局", 1.2),
    ("市路灯管理处", 0.4),
    ("市排水管理处", 1.1),
    ("市环境卫生管理处", 0.8),
    ("市园林管理处", 1.3),
    ("湛江供电局", 1.6),
    ("中国电信湛江分公司", 2.0),
    ("中国移动湛江分公司", 2.2),
)
"""Responsible units, and how much more than others each leaves undone."""

EVENTS = (
    ("stall_outside", "店外经营", "街面秩序"),
    ("street_vendor", "流动摊贩", "街面秩序"),
    ("rubbish_exposed", "暴露垃圾", "市容环境"),
    ("small_ads", "非法小广告", "宣传广告"),
    ("parked_wrongly", "机动车乱停放", "街面秩序"),
    ("piled_up", "乱堆物堆料", "市容环境"),
)
_CASE_BATCH = 2_000


@dataclass(slots=True)
class Life:
    """One case on its way into the records."""

    number: str
    kind: str
    severity: Severity
    source: Source
    district: int
    asset_id: int | None
    unit_id: int
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many cases of each fate, at the size that was asked for."""

    on_the_spot: int
    on_time: int
    late: int
    open_late: int
    not_due: int
    suspended: int
    before_on_time: int
    before_late: int
    before_open: int
    rework: int
    twice: int


def plan_of(size: float) -> Plan:
    """Zhanjiang's February, ``size`` times as large (1: as it was)."""

    def some(number: int) -> int:
        return max(1, round(number * size))

    return Plan(
        on_the_spot=some(ON_THE_SPOT),
        on_time=some(10_957),
        late=some(900),
        open_late=some(643),
        not_due=some(1_040),
        suspended=some(60),
        before_on_time=some(700),
        before_late=some(489),
        before_open=some(2_211),
        rework=some(13),
        twice=some(5),
    )


class MonthCity:
    """Draws the city and its cases. The same seed and size give the same rows."""

    def __init__(self, seed: int, size: float = 1.0) -> None:
        self.random = random.Random(seed)
        self.plan = plan_of(size)
        self.calendar = WorkCalendar(zone=CHINA)
        self.lines = {line.key: line for line in (*SHIPPED_LINES, *event_lines())}
        self.units: list[int] = []
        self.people: list[int] = []
        self.assets: dict[str, list[tuple[int, int]]] = {}

    def write(self, engine: Engine) -> dict[str, int]:
        """Write units, people, areas, assets and all cases; how many cases and entries."""
        with writing(engine) as tx:
            widen_cache(tx)
            self._write_places(tx)
            self._write_assets(tx)
            first = (tx.scalar(select(case.c.id).order_by(case.c.id.desc()).limit(1)) or 0) + 1
        cases = entries = 0
        waiting: list[Life] = []
        for life in self.lives():
            waiting.append(life)
            if len(waiting) == _CASE_BATCH:
                cases, entries = self._keep(engine, waiting, first, cases, entries)
                waiting = []
        cases, entries = self._keep(engine, waiting, first, cases, entries)
        return {"cases": cases, "entries": entries}

    def lives(self) -> Iterator[Life]:
        """Every case, in an order of its own."""
        plan = self.plan
        wanted: list[tuple[Callable[[Life], None], int]] = [
            (self._on_the_spot, plan.on_the_spot),
            (self._rework, plan.rework),
            (self._twice, plan.twice),
            (self._on_time, plan.on_time - plan.rework - plan.twice),
            (self._late, plan.late),
            (self._open_late, plan.open_late),
            (self._not_due, plan.not_due),
            (self._suspended, plan.suspended),
            (self._before_on_time, plan.before_on_time),
            (self._before_late, plan.before_late),
            (self._before_open, plan.before_open),
        ]
        fates = [fate for fate, count in wanted for _ in range(count)]
        self.random.shuffle(fates)
        before = (self._before_on_time, self._before_late, self._before_open)
        old = [fate in before for fate in fates]
        kinds = {True: self._kinds(sum(old)), False: self._kinds(len(old) - sum(old))}
        for number, fate in enumerate(fates, 1):
            about = kinds[fate in before].pop()
            life = self._born(number, fate, *about)
            fate(life)
            yield life

    # what it is about

    def _kinds(self, count: int) -> list[tuple[str, str]]:
        """(kind, class or "") of each case; the shares of the bulletin, whole cases."""
        components = round(count * COMPONENTS)
        classes: list[str] = []
        for code, share in CLASSES:
            classes += [code] * round(components * share)
        while len(classes) < components:
            classes.append(OTHER_CLASSES[len(classes) % len(OTHER_CLASSES)])
        found = [(self._kind_of(code), code) for code in classes]
        events = [key for key, _, _ in EVENTS]
        found += [(self.random.choice(events), "") for _ in range(count - components)]
        self.random.shuffle(found)
        return found

    def _kind_of(self, code: str) -> str:
        if code == "0104":
            return "grate_blocked"
        if code == "0118":
            return self.random.choice(["lamp_out", "pole_leaning", "lamp_rust"])
        if code in ("0114", "0101", "0102", "0103"):
            return self.random.choice(["cover_loose", "cover_sunken", "cover_damaged"])
        return "component_damaged"

    def _born(self, number: int, fate: Any, kind: str, code: str) -> Life:
        weights = [1.0] * len(UNITS) if fate in (self._on_time, self._on_the_spot) else [bad for _, bad in UNITS]
        unit_id = self.random.choices(self.units, weights)[0]
        district, asset_id = self.random.randrange(len(DISTRICTS)), None
        if code:
            asset_id, district = self.assets[code].pop()
        share = self.random.random()
        source = Source.PATROL
        for limit, other in (
            (0.02, Source.ABOVE),
            (0.06, Source.SENSOR),
            (0.12, Source.HOTLINE),
            (0.2, Source.CITIZEN),
        ):
            if share < limit:
                source = other
                break
        if fate == self._on_the_spot:
            source = Source.PATROL
        if source is Source.SENSOR and not code:
            source = Source.PATROL
        severity = Severity.CRITICAL if self.random.random() < 0.03 else self.lines[kind].severity
        return Life(
            number=f"M{number:09d}",
            kind=kind,
            severity=severity,
            source=source,
            district=district,
            asset_id=asset_id,
            unit_id=unit_id,
        )

    # how it goes

    def _on_the_spot(self, life: Life) -> None:
        at = self._between(STARTS, ENDS - timedelta(hours=2))
        self._collected(life, at, filed=False)
        self._tell(life, at + self._minutes(5, 60), MoveName.SELF_HANDLE, Stage.CLOSED, quantity=1.0)

    def _on_time(self, life: Life) -> None:
        sent, due = self._sent_within(life, STARTS, due_before=ENDS)
        self._begin(life, sent, due)
        if self.random.random() < 0.02:
            longer = deadline(sent, self._limit(life), self.calendar, extended=1)
            if longer < ENDS:
                due = longer
                self._tell(life, sent + timedelta(minutes=20), MoveName.EXTEND, Stage.IN_HAND, deadline_at=_iso(due))
        self._finish(life, self._between(sent + timedelta(minutes=21), due))

    def _late(self, life: Life) -> None:
        sent, due = self._sent_within(life, STARTS, due_before=ENDS - timedelta(hours=2))
        self._begin(life, sent, due)
        self._overdue(life, due)
        self._finish(life, self._between(due + timedelta(minutes=1), ENDS))

    def _open_late(self, life: Life) -> None:
        sent, due = self._sent_within(life, STARTS, due_before=ENDS - timedelta(minutes=5))
        self._begin(life, sent, due)
        self._overdue(life, due)
        self._in_march(life)

    def _not_due(self, life: Life) -> None:
        while True:
            sent = self._between(ENDS - timedelta(days=6), ENDS - timedelta(minutes=30))
            due = deadline(sent, self._limit(life), self.calendar)
            if due >= ENDS and sent >= STARTS + timedelta(hours=4):
                break
            if self._limit(life).unit in (TimeUnit.URGENT_HOUR,):
                life.kind = "stall_outside" if life.asset_id is None else "component_damaged"
        self._begin(life, sent, due)
        if self.random.random() < 0.4:
            self._finish(life, self._between(sent + timedelta(minutes=21), min(due, NOW)))

    def _suspended(self, life: Life) -> None:
        sent, due = self._sent_within(life, STARTS, due_before=ENDS)
        self._begin(life, sent, due)
        until = (ENDS + timedelta(days=40)).isoformat()
        self._tell(life, sent + timedelta(minutes=25), MoveName.SUSPEND, Stage.SUSPENDED, until=until)

    def _before_on_time(self, life: Life) -> None:
        while True:
            sent = self._between(STARTS - timedelta(days=8), STARTS - timedelta(minutes=30))
            due = deadline(sent, self._limit(life), self.calendar)
            if due >= STARTS + timedelta(minutes=30):
                break
            life.kind = "stall_outside" if life.asset_id is None else "component_damaged"
        self._begin(life, sent, due)
        self._finish(life, self._between(max(sent + timedelta(minutes=21), STARTS - timedelta(hours=20)), due))

    def _before_late(self, life: Life) -> None:
        sent, due = self._sent_within(life, STARTS - timedelta(days=30), due_before=STARTS)
        self._begin(life, sent, due)
        self._overdue(life, due)
        self._finish(life, self._between(STARTS + timedelta(minutes=1), ENDS))

    def _before_open(self, life: Life) -> None:
        sent, due = self._sent_within(life, STARTS - timedelta(days=30), due_before=STARTS)
        self._begin(life, sent, due)
        self._overdue(life, due)
        if self.random.random() < 0.1:
            self._tell(life, self._between(STARTS, ENDS), MoveName.SUPERVISE, Stage.IN_HAND)
        self._in_march(life)

    def _rework(self, life: Life) -> None:
        life.kind = "stall_outside" if life.asset_id is None else "component_damaged"
        sent, due = self._sent_within(life, STARTS, due_before=ENDS - timedelta(days=4))
        self._begin(life, sent, due)
        back = sent + timedelta(minutes=40)
        self._tell(life, back, MoveName.HAND_BACK, Stage.HANDED_BACK, quantity=1.0)
        again, longer = back + timedelta(hours=1), due + timedelta(hours=1)
        self._tell(life, again, MoveName.REWORK, Stage.DISPATCHED, deadline_at=_iso(longer))
        self._tell(life, again + timedelta(minutes=5), MoveName.ACCEPT, Stage.IN_HAND)
        self._finish(life, again + timedelta(minutes=20))

    def _twice(self, life: Life) -> None:
        life.kind = "stall_outside" if life.asset_id is None else "component_damaged"
        sent, due = self._sent_within(life, STARTS, due_before=ENDS)
        self._collected(life, sent - timedelta(hours=1), filed=True)
        other = self.random.choice([one for one in self.units if one != life.unit_id])
        self._tell(life, sent, MoveName.DISPATCH, Stage.DISPATCHED, **self._to(other), deadline_at=_iso(due))
        self._tell(life, sent + timedelta(minutes=5), MoveName.RETURN, Stage.FILED)
        self._tell(life, sent + timedelta(minutes=9), MoveName.CONFIRM_RETURN, Stage.FILED)
        self._tell(life, sent + timedelta(minutes=11), MoveName.DISPATCH, Stage.DISPATCHED, **self._to(life.unit_id))
        self._tell(life, sent + timedelta(minutes=20), MoveName.ACCEPT, Stage.IN_HAND)
        self._finish(life, self._between(sent + timedelta(minutes=21), due))

    # its steps

    def _collected(self, life: Life, at: datetime, *, filed: bool) -> None:
        due = _iso(deadline(at, self._limit(life), self.calendar))
        start = {"source": life.source.value, "severity": int(life.severity), "deadline_at": due}
        self._tell(life, at, EventName.COLLECT, Stage.COLLECTED, **start)
        if not filed:
            return
        if life.source in (Source.CITIZEN, Source.HOTLINE):
            asked = at + timedelta(minutes=5)
            self._tell(life, asked, MoveName.ASK_CHECK, Stage.COLLECTED, due_at=_iso(asked + timedelta(hours=24)))
            self._tell(life, at + timedelta(minutes=25), MoveName.CHECK, Stage.COLLECTED, passed=True)
            at += timedelta(minutes=30)
        desk = at + timedelta(hours=1.5)
        limits = {"version": 1, "grade": "", "seasons": []}
        self._tell(life, at, MoveName.FILE, Stage.FILED, deadline_at=due, desk_due_at=_iso(desk), limits=limits)

    def _begin(self, life: Life, sent: datetime, due: datetime) -> None:
        """Collected, filed, dispatched and accepted."""
        slow = timedelta(hours=3) if self.random.random() < 0.03 else timedelta(hours=1)
        self._collected(life, sent - slow, filed=True)
        self._tell(life, sent, MoveName.DISPATCH, Stage.DISPATCHED, **self._to(life.unit_id), deadline_at=_iso(due))
        self._tell(life, sent + timedelta(minutes=15), MoveName.ACCEPT, Stage.IN_HAND)

    def _finish(self, life: Life, back: datetime) -> None:
        """Handed back, and, of most, verified and closed."""
        self._tell(life, back, MoveName.HAND_BACK, Stage.HANDED_BACK, quantity=1.0)
        if self.random.random() < 0.05:
            return
        asked = back + timedelta(minutes=10)
        self._tell(life, asked, MoveName.ASK_VERIFICATION, Stage.HANDED_BACK, due_at=_iso(asked + timedelta(hours=2)))
        looked = asked + self._minutes(10, 130)
        self._tell(life, looked, MoveName.VERIFY, Stage.VERIFIED)
        self._tell(life, looked + timedelta(minutes=30), MoveName.CLOSE, Stage.CLOSED)

    def _in_march(self, life: Life) -> None:
        """Half of what was open at the month's end has been handled since."""
        if self.random.random() < 0.5:
            self._finish(life, self._between(ENDS + timedelta(minutes=10), NOW))

    def _overdue(self, life: Life, due: datetime) -> None:
        self._tell(life, due, EventName.OVERDUE, life.lines[-1].to_stage, deadline_at=_iso(due))

    def _tell(self, life: Life, at: datetime, move: str, to_stage: Stage, **detail: Any) -> None:
        at = at.astimezone(UTC).replace(microsecond=0)
        by = None if move == EventName.OVERDUE else self.people[len(life.lines) % len(self.people)]
        life.lines.append(Line(at=at, move=str(move), to_stage=to_stage, by_user_id=by, detail=detail))

    def _to(self, unit_id: int) -> dict[str, Any]:
        return {"unit_id": unit_id, "assignee_id": None}

    # when

    def _limit(self, life: Life) -> Limit:
        return self.lines[life.kind].repair_limit()

    def _sent_within(self, life: Life, since: datetime, *, due_before: datetime) -> tuple[datetime, datetime]:
        """A dispatch whose deadline falls before ``due_before``, both after ``since``."""
        while True:
            sent = self._between(since + timedelta(hours=5), due_before - timedelta(hours=2))
            due = deadline(sent, self._limit(life), self.calendar).replace(microsecond=0)
            if due < due_before and due - sent > timedelta(minutes=45):
                return sent, due

    def _between(self, since: datetime, until: datetime) -> datetime:
        seconds = int((until - since).total_seconds()) - 1
        return since.replace(microsecond=0) + timedelta(seconds=self.random.randrange(max(1, seconds)))

    def _minutes(self, least: int, most: int) -> timedelta:
        return timedelta(minutes=self.random.randrange(least, most))

    # into the records

    def _keep(self, engine: Engine, lives: list[Life], first: int, cases: int, entries: int) -> tuple[int, int]:
        if not lives:
            return cases, entries
        case_rows, entry_rows = [], []
        for offset, life in enumerate(lives):
            case_id = first + cases + offset
            story = fold(life.lines)
            columns = [getattr(story, name) for name in COLUMNS]
            code, _, _ = DISTRICTS[life.district]
            place = (None, None, "") if life.asset_id else (110.36, 21.2, "街面")
            own = (case_id, life.number, life.asset_id, life.kind, life.source.value, story.opened_at)
            case_rows.append((*own, *place, f"{code}001", len(life.lines), *columns))
            came_from: str | None = None
            for line in life.lines:
                stage = line.to_stage.value
                entry_rows.append((case_id, line.at, line.move, came_from, stage, line.by_user_id, "", line.detail))
                came_from = stage
        own_names = ("id", "number", "asset_id", "kind", "source", "opened_at", "lon", "lat", "place")
        with writing(engine) as tx:
            widen_cache(tx)
            insert_rows(tx, case, (*own_names, "area_code", "version", *COLUMNS), case_rows)
            names = ("case_id", "at", "move", "from_stage", "to_stage", "by_user_id", "note", "detail")
            insert_rows(tx, entry, names, entry_rows)
            if tx.dialect.name == "postgresql":
                tx.exec_driver_sql("SELECT setval('case_file_id_seq', (SELECT MAX(id) FROM case_file))")
        return cases + len(case_rows), entries + len(entry_rows)

    def _write_places(self, tx: Any) -> None:
        for name, _ in UNITS:
            self.units.append(tx.execute(insert(unit).values(name=name).returning(unit.c.id)).scalar_one())
        for number in range(12):
            person: dict[str, Any] = {"login": f"month{number}", "name": f"坐席{number}", "role": Role.DISPATCHER.value}
            person |= {"password_hash": "!", "created_at": STARTS}
            self.people.append(tx.execute(insert(user).values(person).returning(user.c.id)).scalar_one())
        levels = [("district", code, zh, en) for code, zh, en in DISTRICTS]
        levels += [("street", f"{code}001", f"{zh}第一街道", f"{en} First Street") for code, zh, en in DISTRICTS]
        for level, code, zh, en in levels:
            row = {"level": level, "code": code, "name": zh, "name_en": en, "updated_at": STARTS}
            tx.execute(insert(area).values(row))
        for line in event_lines():
            row = msgspec.to_builtins(line) | {"version": 1, "created_at": STARTS}
            row["severity"] = int(line.severity)
            tx.execute(insert(case_standard).values(row))

    def _write_assets(self, tx: Any) -> None:
        """As many of each class as there may be cases about it: each is about a thing of its own."""
        plan = self.plan
        total = sum(getattr(plan, name) for name in plan.__dataclass_fields__) - plan.rework - plan.twice
        components = round(total * COMPONENTS)
        wanted = {code: round(components * share) + 12 for code, share in CLASSES}
        wanted |= dict.fromkeys(OTHER_CLASSES, components // len(OTHER_CLASSES) + 12)
        first = (tx.scalar(select(asset.c.id).order_by(asset.c.id.desc()).limit(1)) or 0) + 1
        rows: list[tuple[Any, ...]] = []
        number = 0
        for code, count in wanted.items():
            self.assets[code] = []
            for serial in range(count):
                district = self.random.randrange(len(DISTRICTS))
                division = DISTRICTS[district][0]
                made = (
                    first + number,
                    f"{division}{code}{serial + 1:06d}",
                    "cjt214-2007",
                    code,
                    "other",
                    "部件",
                    "intact",
                )
                rows.append((*made, 110.36, 21.2, f"{division}001", {}, STARTS, STARTS))
                self.assets[code].append((first + number, district))
                number += 1
        names = ("id", "code", "scheme", "class_code", "family", "name", "state", "lon", "lat", "area_code")
        insert_rows(tx, asset, (*names, "details", "created_at", "updated_at"), rows)
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql("SELECT setval('asset_id_seq', (SELECT MAX(id) FROM asset))")


def event_lines() -> tuple[CaseLine, ...]:
    days = {"stall_outside": 1.0, "street_vendor": 1.0, "parked_wrongly": 1.0}
    events = tuple(
        CaseLine(
            key=key,
            version=1,
            family=Family.OTHER,
            severity=Severity.NOTICE,
            name_zh=name,
            name_en=key.replace("_", " ").capitalize(),
            big_zh=big,
            small_zh=name,
            limits=(LineLimit(step=Step.REPAIR, amount=days.get(key, 2.0), unit=TimeUnit.WORK_DAY),),
        )
        for key, name, big in EVENTS
    )
    other = CaseLine(
        key="component_damaged",
        version=1,
        family=Family.OTHER,
        severity=Severity.NOTICE,
        name_zh="部件破损",
        name_en="Component damaged",
        limits=(LineLimit(step=Step.REPAIR, amount=3.0, unit=TimeUnit.WORK_DAY),),
    )
    return (*events, other)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat()
