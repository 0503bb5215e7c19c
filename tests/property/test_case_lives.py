"""Whatever people do to cases in whatever order: stage and timeline agree, and a refusal changes nothing."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import insert, select

from registry.domain.deadlines import time_limit
from registry.domain.errors import DomainError
from registry.domain.kinds import ENDED_STAGES, Severity, Source, Stage
from registry.domain.moves import MOVES, EventName, MoveName, allowed
from registry.domain.people import SYSTEM
from registry.services.cases import mark_overdue, move_case, note_alert
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import asset_class, case, entry, feed, metadata
from tests.city import City, build_city

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PEOPLE = ("dispatcher", "second_dispatcher", "crew", "mate", "stranger", "viewer", "administrator", "nobody")
KINDS = ("cover_displaced", "cover_loose", "reported")


class CaseLives(RuleBasedStateMachine):
    """A city of one cover, people who do what they like, and a clock that moves on."""

    cases = Bundle("cases")

    founded: Path
    first: City

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="case-lives-"))
        self.now = START
        self.known: set[int] = set()

    @initialize()
    def begin(self) -> None:
        shutil.copy(self.founded, self.folder / "records.db")
        self.city: City = replace(self.first, engine=open_database(f"sqlite:///{self.folder / 'records.db'}"))

    def teardown(self) -> None:
        if hasattr(self, "city"):
            self.city.engine.dispose()
        shutil.rmtree(self.folder)

    @rule(target=cases, kind=st.sampled_from(KINDS), severity=st.sampled_from(Severity), source=st.sampled_from(Source))
    def somebody_notices_something(self, kind: str, severity: Severity, source: Source) -> int:
        case_id, opened = self.city.open_case(self.now, kind=kind, severity=severity, source=source)
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
    )
    def somebody_moves_it(self, case_id: int, move: MoveName, who: str, note: str, to: str, stale: int) -> None:
        by = SYSTEM if who == "nobody" else getattr(self.city, who)
        before = self.picture(case_id)
        stage, version = Stage(before[0]["stage"]), before[0]["version"]
        whom = {"assignee": {"assignee_id": self.city.crew.user_id}, "unit": {"unit_id": self.city.power}}.get(to, {})
        try:
            moved = move_case(
                self.city.engine,
                case_id=case_id,
                move=move,
                by=by,
                expected_version=version - stale,
                now=self.now,
                note=note,
                **whom,
            )
        except DomainError:
            assert self.picture(case_id) == before
            return
        assert not stale
        assert by.role in MOVES[move].roles
        assert stage in MOVES[move].from_stages
        assert (moved.from_stage, moved.version) == (stage, version + 1)
        if MOVES[move].to_stage is not None:
            assert moved.stage is MOVES[move].to_stage

    @rule(case_id=cases, pick=st.integers(0, 99))
    def the_desk_or_the_crew_goes_on(self, case_id: int, pick: int) -> None:
        """The way to the end, or now and then another: chance alone would seldom get far."""
        stage = self.city.case(case_id).stage
        way = {
            "collected": ("dispatcher", "file"),
            "filed": ("dispatcher", "dispatch"),
            "dispatched": ("mate", "accept"),
            "in_hand": ("crew", "hand_back"),
            "handed_back": ("dispatcher", ("verify", "rework")[pick % 2]),
            "verified": ("second_dispatcher", "close"),
            "suspended": ("dispatcher", "resume"),
        }.get(stage, ("dispatcher", "reopen"))
        self.somebody_moves_it(case_id, MoveName(way[1]), way[0], "因为", "assignee", 0)

    @rule(case_id=cases, pick=st.integers(0, 99))
    def the_right_person_does_the_next_thing(self, case_id: int, pick: int) -> None:
        """Anything that the table allows them."""
        stage = Stage(self.city.case(case_id).stage)
        people = ("dispatcher", "crew", "mate")
        ways = [(who, move.name) for who in people for move in allowed(stage, getattr(self.city, who).role)]
        who, move = ways[pick % len(ways)]
        self.somebody_moves_it(case_id, move, who, "因为", "assignee", 0)

    @rule(minutes=st.sampled_from((1, 30, 121, 24 * 60, 3 * 24 * 60)))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def the_worker_looks(self) -> None:
        mark_overdue(self.city.engine, now=self.now)
        assert mark_overdue(self.city.engine, now=self.now) == 0

    @rule(case_id=cases, what=st.sampled_from((EventName.ALERT_ATTACHED, EventName.ALERT_CLEARED)))
    def an_alert_comes_or_goes(self, case_id: int, what: EventName) -> None:
        before = self.city.case(case_id)
        with writing(self.city.engine) as tx:
            note_alert(tx, case_id=case_id, move=what, detail={}, now=self.now)
        assert self.city.case(case_id) == before

    @invariant()
    def stage_and_timeline_agree(self) -> None:
        for case_id in self.known:
            row, lines, _ = self.picture(case_id)
            assert lines[0]["from_stage"] is None
            assert [line["from_stage"] for line in lines[1:]] == [line["to_stage"] for line in lines[:-1]]
            assert lines[-1]["to_stage"] == row["stage"]
            assert row["version"] == 1 + sum(line["by_user_id"] is not None for line in lines)
            assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
            makes_sense(row)

    @invariant()
    def an_asset_has_one_open_case_of_a_kind(self) -> None:
        if not self.known:
            return
        with reading(self.city.engine) as tx:
            open_kinds = [row.kind for row in tx.execute(select(case)) if Stage(row.stage) not in ENDED_STAGES]
        assert len(open_kinds) == len(set(open_kinds))

    def picture(self, case_id: int) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
        """Everything that is kept of a case, and how long the feed is."""
        with reading(self.city.engine) as tx:
            row = dict(tx.execute(select(case).where(case.c.id == case_id)).mappings().one())
            lines = tx.execute(select(entry).where(entry.c.case_id == case_id).order_by(entry.c.id)).mappings()
            return row, [dict(line) for line in lines], len(tx.execute(select(feed.c.id)).all())


def makes_sense(row: dict[str, Any]) -> None:
    """No case is in a state that the moves could not have led to."""
    stage = Stage(row["stage"])
    assert (row["ended_at"] is not None) == (stage in ENDED_STAGES)
    assert (row["stage_before_suspension"] is not None) == (stage is Stage.SUSPENDED)
    assert (row["handed_back_at"] is not None) or stage not in (Stage.HANDED_BACK, Stage.VERIFIED, Stage.CLOSED)
    assert row["assignee_id"] is not None or stage not in (Stage.IN_HAND, Stage.HANDED_BACK, Stage.VERIFIED)
    assert row["deadline_at"] >= row["opened_at"] + time_limit(row["kind"])


class TestCaseLives(CaseLives.TestCase):
    """Runs the walk; the city is founded once and copied, since making its tables takes longer than living in it."""

    settings = settings(
        max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="case-lives-")
        CaseLives.founded = Path(cls.folder.name) / "records.db"
        CaseLives.first = found_city(CaseLives.founded)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()


def found_city(path: Path) -> City:
    """A city in a new database at ``path``, closed again."""
    engine = open_database(f"sqlite:///{path}")
    metadata.create_all(engine)
    water = {"scheme": "cjt214-2007", "code": "0101", "name_zh": "上水井盖", "family": "cover"}
    with writing(engine) as tx:
        tx.execute(insert(asset_class).values(water))
    city = build_city(engine, START)
    engine.dispose()
    return city
