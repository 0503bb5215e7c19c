"""Random lives of cases: a city of two covers and a place, people who do what they like, and a clock that moves on.

Drives the real services with real transactions; ``test_case_lives`` walks on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, insert, select

from registry.domain.case_telling import COLUMNS, fold
from registry.domain.errors import DomainError
from registry.domain.kinds import ENDED_STAGES, ClosedHow, RequestKind, RequestState, Severity, Source, Stage
from registry.domain.moves import MOVES, WORK_STAGES, EventName, MoveName, holds
from registry.domain.people import SYSTEM, Actor
from registry.services.case_opening import note_alert
from registry.services.case_resuming import resume_due
from registry.services.cases import decide_request, mark_overdue, move_case
from registry.storage.database import reading, writing
from registry.storage.stories import lines_of
from registry.storage.tables import alert, asset_class, case, case_request, case_task, entry, feed, photo, report
from tests.city import City, build_city

# as a real clock has it, to the microsecond, while columns keep milliseconds
START = datetime(2026, 3, 2, 4, 0, 0, 123_456, tzinfo=UTC)
PEOPLE = ("dispatcher", "second_dispatcher", "crew", "mate", "stranger", "viewer", "administrator", "nobody")
KINDS = ("cover_displaced", "cover_loose", "reported")
EVENTS = frozenset(EventName)


class CaseLives(RuleBasedStateMachine):
    """The walk. ``city`` is founded once for all walks; each has covers of its own."""

    cases = Bundle("cases")
    city: ClassVar[City]

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.known: set[int] = set()
        self.covers: list[int] = []

    @initialize()
    def begin(self) -> None:
        self.covers = [self.city.add_asset(self.now, name=f"井盖 {each}") for each in "AB"]

    @precondition(lambda self: len(self.known) < 4)
    @rule(
        target=cases,
        cover=st.integers(0, 1),
        kind=st.sampled_from(KINDS),
        severity=st.sampled_from(Severity),
        source=st.sampled_from(Source),
    )
    def somebody_notices_something(self, cover: int, kind: str, severity: Severity, source: Source) -> int:
        asset_id = self.covers[cover]
        case_id, opened = self.city.open_case(self.now, kind=kind, severity=severity, source=source, asset_id=asset_id)
        assert opened == (case_id not in self.known)
        self.known.add(case_id)
        return case_id

    @rule(
        case_id=cases,
        move=st.sampled_from(MoveName),
        who=st.sampled_from(PEOPLE),
        note=st.sampled_from(("", "因为")),
        to=st.sampled_from(("assignee", "unit", "nobody")),
        stale=st.sampled_from((0, 0, 0, 0, 1)),
        days=st.sampled_from((-1, 3, 400)),
        other=cases,
    )
    def somebody_moves_it(
        self, case_id: int, move: MoveName, who: str, note: str, to: str, stale: int, days: int, other: int
    ) -> None:
        by = SYSTEM if who == "nobody" else getattr(self.city, who)
        self.move(case_id, move, by, note, to=to, stale=stale, days=days, into_id=other)

    @rule(case_id=cases, picks=st.lists(st.integers(0, 11), min_size=2, max_size=9))
    def it_goes_on(self, case_id: int, picks: list[int]) -> None:
        """The way to the end, or now and then another: chance alone would seldom get far."""
        for pick in picks:
            self.go_on(case_id, pick)
            self.now += timedelta(minutes=10)

    def go_on(self, case_id: int, pick: int) -> None:
        """One step; the first of each stage leads on and is tried half of the time."""
        city, stage = self.city, Stage(self.city.case(case_id).stage)
        ways: dict[Stage, tuple[tuple[Actor, MoveName], ...]] = {
            Stage.COLLECTED: (
                (city.dispatcher, MoveName.FILE),
                (city.dispatcher, MoveName.ASK_CHECK),
                (city.crew, MoveName.CHECK),
                (city.crew, MoveName.CHECK),
                (city.crew, MoveName.SELF_HANDLE),
            ),
            Stage.FILED: (
                (city.dispatcher, MoveName.DISPATCH),
                (city.dispatcher, MoveName.REFUSE_RETURN),
                (city.dispatcher, MoveName.CONFIRM_RETURN),
                (city.dispatcher, MoveName.REFUSE_RETURN),
                (city.dispatcher, MoveName.CONFIRM_RETURN),
                (city.mate, MoveName.SELF_HANDLE),
            ),
            Stage.DISPATCHED: (
                (city.mate, MoveName.ACCEPT),
                (city.mate, MoveName.ACCEPT),
                (city.dispatcher, MoveName.RECALL),
                (city.crew, MoveName.RETURN),
                (city.crew, MoveName.REQUEST_SUSPENSION),
            ),
            Stage.IN_HAND: (
                (city.crew, MoveName.HAND_BACK),
                (city.crew, MoveName.HAND_BACK),
                (city.crew, MoveName.SECURE),
                (city.crew, MoveName.REQUEST_EXTENSION),
                (city.dispatcher, MoveName.EXTEND),
                (city.dispatcher, MoveName.SUSPEND),
                (city.crew, MoveName.RETURN),
            ),
            Stage.HANDED_BACK: (
                (city.dispatcher, MoveName.VERIFY),
                (city.dispatcher, MoveName.ASK_VERIFICATION),
                (city.mate, MoveName.VERIFY),
                (city.dispatcher, MoveName.REWORK),
            ),
            Stage.VERIFIED: ((city.second_dispatcher, MoveName.CLOSE),),
            Stage.SUSPENDED: ((city.dispatcher, MoveName.RESUME),),
            Stage.CLOSED: ((city.crew, MoveName.APPEAL), (city.dispatcher, MoveName.REOPEN)),
            Stage.VOID: ((city.dispatcher, MoveName.REOPEN),),
        }
        by, move = ways[stage][pick % len(ways[stage]) if pick % 2 else 0]
        self.move(case_id, move, by, "因为", photos=move is MoveName.SELF_HANDLE)

    @rule(case_id=cases, other=cases, pick=st.integers(0, 3))
    def two_become_one(self, case_id: int, other: int, pick: int) -> None:
        if pick == 0:
            self.move(case_id, MoveName.MERGE, self.city.dispatcher, "同一处", into_id=other)

    @rule(case_id=cases, who=st.sampled_from(PEOPLE[:-1]), granted=st.booleans(), kind=st.sampled_from(RequestKind))
    def somebody_decides(self, case_id: int, who: str, granted: bool, kind: RequestKind) -> None:
        with reading(self.city.engine) as tx:
            found = tx.execute(
                select(case_request)
                .where(case_request.c.case_id == case_id, case_request.c.kind == kind)
                .order_by(case_request.c.id.desc())
            ).first()
        if found is None:
            return
        before, by = self.picture(case_id), getattr(self.city, who)
        try:
            decide_request(
                self.city.engine,
                request_id=found.id,
                granted=granted,
                by=by,
                expected_version=before[0]["version"],
                now=self.now,
                note="看过了",
            )
        except DomainError:
            assert self.picture(case_id) == before
            return
        assert found.state == RequestState.WAITING
        assert found.asked_by != by.user_id

    @rule(minutes=st.sampled_from((1, 30, 121, 24 * 60, 3 * 24 * 60)))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def the_worker_looks(self) -> None:
        resume_due(self.city.engine, now=self.now)
        assert resume_due(self.city.engine, now=self.now) == 0
        mark_overdue(self.city.engine, now=self.now)
        assert mark_overdue(self.city.engine, now=self.now) == 0

    @rule(case_id=cases)
    def a_sensor_joins(self, case_id: int) -> None:
        row = self.city.case(case_id)
        with reading(self.city.engine) as tx:
            serial = (tx.execute(select(func.max(alert.c.id))).scalar() or 0) + 1
        self.city.add_alert(case_id, self.now, rule_key=f"rule_{serial}", asset_id=row.asset_id)
        with writing(self.city.engine) as tx:
            note_alert(tx, case_id=case_id, move=EventName.ALERT_ATTACHED, detail={}, now=self.now)
        assert self.city.case(case_id) == row

    def move(
        self,
        case_id: int,
        move: MoveName,
        by: Actor,
        note: str,
        *,
        to: str = "assignee",
        stale: int = 0,
        days: int = 3,
        into_id: int | None = None,
        photos: bool = False,
    ) -> None:
        """Try one move, and hold what became of it against the table."""
        before = self.picture(case_id)
        row = before[0]
        stage, line = Stage(row["stage"]), MOVES[move]
        whom = {"assignee": {"assignee_id": self.city.crew.user_id}, "unit": {"unit_id": self.city.power}}.get(to, {})
        given = self.live_alerts(case_id)
        try:
            moved = move_case(
                self.city.engine,
                case_id=case_id,
                move=move,
                by=by,
                expected_version=row["version"] - stale,
                now=self.now,
                note=note,
                until=self.now + timedelta(days=days),
                passed=days > 0,
                quantity=1.5,
                into_id=into_id,
                photo_ids=self.pictures_of(row["asset_id"]) if photos else (),
                **whom,
            )
        except DomainError:
            # the pictures of a refused move wait for the next try; nothing else is left of it
            assert self.picture(case_id) == before
            return
        assert not stale
        assert holds(line, by.case_roles) or (by == SYSTEM and line.system)
        assert not line.by_chain
        assert stage in line.from_stages
        assert (moved.from_stage, moved.version) == (stage, row["version"] + 1)
        assert line.to_stage is None or moved.stage is line.to_stage
        assert note or not (line.note_required or (move is MoveName.CLOSE and given))
        assert move is not MoveName.VERIFY or row["handed_back_by"] != by.user_id
        if move is MoveName.MERGE:
            assert into_id not in (None, case_id)
            assert not self.left_behind(case_id)

    def pictures_of(self, asset_id: int) -> list[int]:
        """One before and one after."""
        ids = [self.city.add_photo(self.now, asset_id=asset_id) for _ in range(2)]
        with writing(self.city.engine) as tx:
            for photo_id, kind in zip(ids, ("before", "after"), strict=True):
                tx.execute(photo.update().where(photo.c.id == photo_id).values(kind=kind))
        return ids

    @invariant()
    def timeline_and_columns_agree(self) -> None:
        with reading(self.city.engine) as tx:
            rows = tx.execute(select(case).where(case.c.id.in_(self.known))).all()
            lines = tx.execute(select(entry).where(entry.c.case_id.in_(self.known)).order_by(entry.c.id)).all()
            tasks = tx.execute(
                select(case_task).where(case_task.c.case_id.in_(self.known)).order_by(case_task.c.id)
            ).all()
            asked = tx.execute(select(case_request).where(case_request.c.case_id.in_(self.known))).all()
        for row in rows:
            mine = [line for line in lines if line.case_id == row.id]
            story = fold(lines_of(mine))
            assert {name: getattr(story, name) for name in COLUMNS} == {name: getattr(row, name) for name in COLUMNS}
            looks = [(look.kind.value, look.due_at, look.done_at, look.passed) for look in story.looks]
            mine_to_do = [task for task in tasks if task.case_id == row.id]
            assert looks == [(task.kind, task.due_at, task.done_at, task.passed) for task in mine_to_do]
            waiting = {(each.kind.value, each.at) for each in story.asked}
            assert waiting == {
                (each.kind, each.asked_at) for each in asked if each.case_id == row.id and each.state == "waiting"
            }
            assert story.stays[-1].stage == row.stage
            the_timeline_makes_sense(mine, row)
            the_columns_make_sense(row)

    @invariant()
    def an_asset_has_one_open_case_of_a_kind(self) -> None:
        with reading(self.city.engine) as tx:
            rows = tx.execute(select(case).where(case.c.id.in_(self.known))).all()
        open_ones = [(row.asset_id, row.kind) for row in rows if Stage(row.stage) not in ENDED_STAGES]
        assert len(open_ones) == len(set(open_ones))

    def live_alerts(self, case_id: int) -> int:
        """How many of its alerts fire."""
        with reading(self.city.engine) as tx:
            return len(tx.execute(select(alert.c.id).where(alert.c.case_id == case_id)).all())

    def left_behind(self, case_id: int) -> int:
        """What still belongs to a case that became part of another."""
        with reading(self.city.engine) as tx:
            return sum(
                len(tx.execute(select(table.c.id).where(table.c.case_id == case_id)).all())
                for table in (alert, photo, report)
            )

    def picture(self, case_id: int) -> tuple[Any, ...]:
        """Everything that is kept of a case, and how long the feed is."""
        with reading(self.city.engine) as tx:
            row = dict(tx.execute(select(case).where(case.c.id == case_id)).mappings().one())
            kept = [
                [dict(each) for each in tx.execute(select(table).where(table.c.case_id == case_id)).mappings()]
                for table in (entry, case_task, case_request, alert)
            ]
            return row, kept, tx.execute(select(func.max(feed.c.id))).scalar()


def the_timeline_makes_sense(lines: list[Any], row: Any) -> None:
    """Each entry follows from the one before it, by a move that the table has."""
    assert lines[0].from_stage is None
    assert [line.from_stage for line in lines[1:]] == [line.to_stage for line in lines[:-1]]
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    moves = [line for line in lines if line.move not in EVENTS]
    # the sensor's and the patrol's are filed as they are opened, which is no move of anybody's
    assert row.version - len(moves) in (0, 1)
    for line in moves:
        move = MOVES[MoveName(line.move)]
        assert Stage(line.from_stage) in move.from_stages
        if move.name is not MoveName.RESUME:
            assert line.to_stage == (move.to_stage or line.from_stage)
        else:
            assert Stage(line.to_stage) in WORK_STAGES


def the_columns_make_sense(row: Any) -> None:
    """No case is in a state that the moves could not have led to."""
    stage = Stage(row.stage)
    assert (row.ended_at is not None) == (stage in ENDED_STAGES) == (row.closed_how is not None)
    assert (row.stage_before_suspension is not None) == (stage is Stage.SUSPENDED) == (row.suspended_at is not None)
    assert row.handed_back_at is not None or stage not in (Stage.HANDED_BACK, Stage.VERIFIED)
    assert row.assignee_id is not None or stage not in (Stage.IN_HAND, Stage.HANDED_BACK, Stage.VERIFIED)
    assert row.first_dispatched_at is not None or stage not in (Stage.DISPATCHED, Stage.IN_HAND, Stage.HANDED_BACK)
    assert row.returned_at is None or stage is Stage.FILED
    assert (row.merged_into_id is not None) == (row.closed_how == ClosedHow.MERGED)
    assert row.second_dispatches <= row.dispatches
    assert row.misdispatches <= row.returns
    assert row.verified_by is None or row.verified_by != row.handed_back_by
    assert row.deadline_at > row.opened_at


def found_city(engine: Any) -> City:
    """A city in an empty database whose tables are made."""
    water = {"scheme": "cjt214-2007", "code": "0101", "name_zh": "上水井盖", "family": "cover"}
    with writing(engine) as tx:
        tx.execute(insert(asset_class).values(water))
    return build_city(engine, START)
