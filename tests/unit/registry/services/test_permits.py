"""Permits from the plate to the seat: who may start one, what its end finds, and that a late worker loses nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import AlertEventKind, AlertState, PermitState, Quality, Role, Severity
from registry.domain.people import Actor
from registry.domain.permits import SEAT_RULE
from registry.queries.permits import count_running, list_permits, permit_of_asset, permit_row, running_permits
from registry.services import alerts
from registry.services.assets import Parties, set_parties
from registry.services.permit_ends import Ends, watch_permits
from registry.services.permits import NewPermit, end, prolong, start
from registry.services.rules import install_shipped_rules, rules_in_force
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import alert, alert_event, asset, audit, case, device, latest, permit, point
from tests.city import City, build_city
from tests.statements import share_statements

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MIN, S = timedelta(minutes=1), timedelta(seconds=1)
NOTHING = Ends(0, 0, 0, 0)


@pytest.fixture(scope="module")
def stocked(filled_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, City]:
    """Made once and copied: to build the city takes longer than most tests."""
    path = tmp_path_factory.mktemp("permits") / "records.db"
    shutil.copy(filled_sqlite, path)
    engine = open_database(f"sqlite:///{path}")
    built = build_city(engine, NOW - timedelta(days=1))
    with writing(engine) as tx:
        install_shipped_rules(tx, now=NOW)
        set_parties(tx, built.asset_id, Parties(maintainer_unit_id=built.water), now=NOW)
        # 1° of camber, so that the baseline matters
        tx.execute(update(point).where(point.c.name == "tilt_z").values(baseline=1.0))
    engine.dispose()
    return path, built


@pytest.fixture
def city(stocked: tuple[Path, City], tmp_path: Path) -> Iterator[City]:
    path, built = stocked
    shutil.copy(path, tmp_path / "records.db")
    engine = share_statements(open_database(f"sqlite:///{tmp_path / 'records.db'}"))
    yield replace(built, engine=engine)
    engine.dispose()


@pytest.fixture
def say(city: City) -> Callable[..., None]:
    """A reading arrives: ``say(at, tilt_z=…)``."""

    def reading_of(at: datetime, *, quality: Quality = Quality.GOOD, **values: float) -> None:
        with writing(city.engine) as tx:
            for name, value in values.items():
                point_id = city.point(name)
                tx.execute(delete(latest).where(latest.c.point_id == point_id))
                row = {"point_id": point_id, "measured_at": at, "received_at": at, "recorded_at": at}
                tx.execute(insert(latest).values(**row, value=value, quality=int(quality)))

    return reading_of


def opened(city: City, now: datetime, *, minutes: int = 30, by: Actor | None = None, **more: Any) -> int:
    more = {"scanned": True, **more}
    new = NewPermit(asset_id=city.asset_id, work="清淤", people=2, minutes=minutes, **more)
    return start(city.engine, new, by=by or city.crew, now=now)


def lift(city: City, at: datetime, *, rule_key: str = "cover_tilt") -> int:
    """The cover's alert, as intake fires it."""
    with writing(city.engine) as tx:
        rule = next(rule for rule in rules_in_force(tx) if rule.key == rule_key)
        subject = alerts.Subject(point_id=city.point("tilt_z"), device_id=city.device_id, asset_id=city.asset_id)
        found = alerts.fire(tx, rule, subject, began_at=at, fired_at=at, level=60.0, now=at)
    assert found is not None
    return found


def lower(city: City, at: datetime, *, rule_key: str = "cover_tilt") -> None:
    with writing(city.engine) as tx:
        subject = alerts.Subject(point_id=city.point("tilt_z"), device_id=city.device_id, asset_id=city.asset_id)
        assert alerts.clear(tx, rule_key, subject, cleared_at=at, level=0.0, now=at) == 1


def alert_row(city: City, alert_id: int) -> Any:
    with reading(city.engine) as tx:
        return tx.execute(select(alert).where(alert.c.id == alert_id)).one()


def seat_alerts(city: City) -> list[Any]:
    with reading(city.engine) as tx:
        return list(tx.execute(select(alert).where(alert.c.rule_key == SEAT_RULE).order_by(alert.c.id)))


def events_of(city: City, alert_id: int) -> list[str]:
    with reading(city.engine) as tx:
        query = select(alert_event.c.kind).where(alert_event.c.alert_id == alert_id).order_by(alert_event.c.id)
        return list(tx.execute(query).scalars())


def count_cases(city: City) -> int:
    with reading(city.engine) as tx:
        return len(tx.execute(select(case.c.id)).all())


def stored(city: City, permit_id: int) -> Any:
    with reading(city.engine) as tx:
        return tx.execute(select(permit).where(permit.c.id == permit_id)).one()


def test_a_crew_member_starts_prolongs_and_ends_a_permit_and_each_is_audited(city: City, now: datetime) -> None:
    permit_id = opened(city, now)
    assert prolong(city.engine, permit_id, 60, by=city.mate, now=now + 10 * MIN) == now + 90 * MIN
    end(city.engine, permit_id, by=city.crew, now=now + 40 * MIN, note="已盖好")
    row = stored(city, permit_id)
    assert (row.state, row.ends_at, row.ended_at) == ("ended", now + 90 * MIN, now + 40 * MIN)
    assert (row.by_user_id, row.ended_by, row.note) == (city.crew.user_id, city.crew.user_id, "已盖好")
    with reading(city.engine) as tx:
        subject = f"permit:{permit_id}"
        actions = tx.execute(select(audit.c.action).where(audit.c.subject == subject).order_by(audit.c.id))
        assert list(actions.scalars()) == ["permit.start", "permit.prolong", "permit.end"]


def test_nobody_starts_one_on_what_is_not_in_their_care(city: City, now: datetime) -> None:
    elsewhere = Actor(user_id=city.crew.user_id, name="李敏", role=Role.CREW, unit_id=city.water, area_code="440804")
    for somebody in (city.stranger, city.viewer, city.registrar, elsewhere):
        with pytest.raises(NotAllowed):
            opened(city, now, by=somebody, note="应急")
    permit_id = opened(city, now)
    for act in (prolong, end):
        with pytest.raises(NotAllowed):
            act(city.engine, permit_id, *((30,) if act is prolong else ()), by=city.stranger, now=now)


def test_who_has_not_scanned_the_plate_says_why(city: City, now: datetime) -> None:
    for somebody in (city.dispatcher, city.crew):
        with pytest.raises(InvalidInput, match="from afar"):
            opened(city, now, by=somebody, scanned=False)
    permit_id = opened(city, now, by=city.dispatcher, scanned=False, note="班组手机没电")
    assert stored(city, permit_id).note == "班组手机没电"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("work", {"work": "  "}),
        ("work", {"work": "长" * 501}),
        ("people", {"people": 0}),
        ("people", {"people": 100}),
        ("minutes", {"minutes": 10}),
        ("minutes", {"minutes": 800}),
        ("case_id", {"case_id": 99}),
    ],
)
def test_what_is_wrong_with_a_permit_is_said_at_its_field(
    city: City, now: datetime, field: str, wrong: dict[str, Any]
) -> None:
    new = NewPermit(**{"asset_id": city.asset_id, "work": "清淤", "people": 2, "minutes": 30, "scanned": True, **wrong})
    with pytest.raises(InvalidInput) as refused:
        start(city.engine, new, by=city.crew, now=now)
    assert refused.value.field == field


def test_a_cover_has_one_open_permit_and_the_next_may_follow_at_once(city: City, now: datetime) -> None:
    first = opened(city, now, minutes=15)
    with pytest.raises(InvalidMove, match="runs already"):
        opened(city, now + 14 * MIN)
    # its time is over and no worker has come by
    second = opened(city, now + 16 * MIN)
    assert (stored(city, first).state, stored(city, first).ended_at) == ("ended", now + 15 * MIN)
    assert permit_of_asset(city.engine, city.asset_id, now=now + 16 * MIN).id == second  # type: ignore[union-attr]


def test_what_is_over_is_neither_prolonged_nor_ended_again(city: City, now: datetime) -> None:
    permit_id = opened(city, now, minutes=15)
    for later in (now + 15 * MIN, now + 60 * MIN):
        with pytest.raises(InvalidMove, match="over"):
            prolong(city.engine, permit_id, 15, by=city.crew, now=later)
        with pytest.raises(InvalidMove, match="over"):
            end(city.engine, permit_id, by=city.crew, now=later)
    with pytest.raises(NotFound):
        end(city.engine, 99, by=city.crew, now=now)


def test_an_opening_under_a_permit_is_expected_and_a_cover_still_open_at_the_end_opens_its_case(
    city: City, now: datetime, say: Callable[..., None]
) -> None:
    permit_id = opened(city, now, minutes=30)
    alert_id = lift(city, now + MIN)
    say(now + MIN, tilt_z=61.0)
    assert watch_permits(city.engine, now + 29 * MIN) == NOTHING
    assert (alert_row(city, alert_id).permit_id, count_cases(city)) == (permit_id, 0)

    assert watch_permits(city.engine, now + 30 * MIN) == Ends(ended=1, overrun=1, crooked=0, mended=0)
    assert watch_permits(city.engine, now + 31 * MIN) == NOTHING

    row = alert_row(city, alert_id)
    assert city.case(row.case_id).kind == "cover_displaced"
    assert events_of(city, alert_id)[:2] == [AlertEventKind.EXPECTED, AlertEventKind.OVERRUN]
    kept = stored(city, permit_id)
    assert (kept.state, kept.ended_at, kept.ended_by) == (PermitState.OVERRUN, now + 30 * MIN, None)
    assert (kept.closed_angle, seat_alerts(city)) == (60.0, [])


def test_a_worker_that_was_away_ends_the_permit_at_its_own_time(
    city: City, now: datetime, say: Callable[..., None]
) -> None:
    permit_id = opened(city, now, minutes=30)
    alert_id = lift(city, now + MIN)
    say(now + MIN, tilt_z=61.0)
    watch_permits(city.engine, now + timedelta(hours=9))
    with reading(city.engine) as tx:
        overrun = tx.execute(
            select(alert_event.c.at, alert_event.c.recorded_at).where(
                alert_event.c.alert_id == alert_id, alert_event.c.kind == AlertEventKind.OVERRUN
            )
        ).one()
    assert (stored(city, permit_id).ended_at, overrun.at) == (now + 30 * MIN, now + 30 * MIN)
    assert overrun.recorded_at == now + timedelta(hours=9)


def test_a_cover_closed_in_its_seat_raises_nothing(city: City, now: datetime, say: Callable[..., None]) -> None:
    permit_id = opened(city, now)
    lift(city, now + MIN)
    lower(city, now + 19 * MIN)
    say(now + 19 * MIN, tilt_z=1.4, displacement=2.0)
    end(city.engine, permit_id, by=city.crew, now=now + 20 * MIN)
    assert watch_permits(city.engine, now + 20 * MIN) == NOTHING  # waits for a reading after the end
    say(now + 20 * MIN + S, tilt_z=1.4, displacement=2.0)
    assert watch_permits(city.engine, now + 20 * MIN + 2 * S) == NOTHING
    kept = stored(city, permit_id)
    assert (kept.state, kept.judged_at, round(kept.closed_angle, 2), kept.closed_shift) == (
        "ended",
        now + 20 * MIN + 2 * S,
        0.4,
        2.0,
    )
    assert count_cases(city) == 0


@pytest.mark.parametrize(
    ("words", "point_name", "level"),
    [
        ({"tilt_z": 6.0, "displacement": 2.0}, "tilt_z", 5.0),
        ({"tilt_z": 1.0, "displacement": 9.0}, "displacement", 9.0),
    ],
)
def test_a_cover_closed_crooked_raises_an_alert_of_its_own_with_a_case(
    city: City, now: datetime, say: Callable[..., None], words: dict[str, float], point_name: str, level: float
) -> None:
    permit_id = opened(city, now)
    end(city.engine, permit_id, by=city.crew, now=now + 20 * MIN)
    say(now + 20 * MIN + S, **words)
    assert watch_permits(city.engine, now + 20 * MIN + 2 * S) == Ends(0, 0, crooked=1, mended=0)
    assert watch_permits(city.engine, now + 20 * MIN + 4 * S) == NOTHING
    (raised,) = seat_alerts(city)
    assert (raised.point_id, raised.value, raised.severity) == (city.point(point_name), level, 2)
    assert (raised.began_at, raised.fired_at) == (now + 20 * MIN, now + 20 * MIN + S)
    assert city.case(raised.case_id).kind == "cover_displaced"


def test_set_right_the_crooked_covers_alert_clears_by_itself(
    city: City, now: datetime, say: Callable[..., None]
) -> None:
    permit_id = opened(city, now)
    end(city.engine, permit_id, by=city.crew, now=now)
    say(now + S, tilt_z=6.0, displacement=0.0)
    watch_permits(city.engine, now + 2 * S)
    again = opened(city, now + 3 * S)
    say(now + 10 * S, tilt_z=1.0, displacement=0.0)
    assert watch_permits(city.engine, now + 11 * S) == NOTHING  # somebody works there
    end(city.engine, again, by=city.crew, now=now + 12 * S)
    say(now + 13 * S, tilt_z=1.0, displacement=0.0)
    watch_permits(city.engine, now + 14 * S)
    watch_permits(city.engine, now + 16 * S)
    (raised,) = seat_alerts(city)
    assert (raised.state, raised.cleared_at) == (AlertState.CLEARED, now + 13 * S)


def test_a_permit_that_follows_takes_over_what_is_still_open(
    city: City, now: datetime, say: Callable[..., None]
) -> None:
    first = opened(city, now, minutes=15)
    alert_id = lift(city, now + MIN)
    say(now + MIN, tilt_z=61.0)
    second = opened(city, now + 15 * MIN)
    assert watch_permits(city.engine, now + 15 * MIN + S).overrun == 0
    assert (alert_row(city, alert_id).permit_id, stored(city, first).state) == (second, "ended")
    assert watch_permits(city.engine, now + 45 * MIN).overrun == 1


def test_a_rule_judges_only_what_it_watches(city: City, now: datetime, say: Callable[..., None]) -> None:
    """A lamp's pole has inclinations, too, but neither a seat nor an opening."""
    with writing(city.engine) as tx:
        tx.execute(update(asset).values(family="light"))
    permit_id = opened(city, now)
    say(now - MIN, tilt_z=21.0, displacement=0.0)
    end(city.engine, permit_id, by=city.crew, now=now)
    say(now + S, tilt_z=6.0, displacement=0.0)
    assert watch_permits(city.engine, now + 2 * S) == NOTHING
    assert (stored(city, permit_id).judged_at, seat_alerts(city)) == (now + 2 * S, [])


def test_an_alert_that_overran_and_gets_worse_makes_its_case_worse(
    city: City, now: datetime, say: Callable[..., None]
) -> None:
    opened(city, now)
    alert_id = lift(city, now + MIN)
    say(now + MIN, tilt_z=61.0)
    watch_permits(city.engine, now + 30 * MIN)
    with writing(city.engine) as tx:
        rule = next(rule for rule in rules_in_force(tx) if rule.key == "cover_tilt")
        subject = alerts.Subject(point_id=city.point("tilt_z"), device_id=city.device_id, asset_id=city.asset_id)
        later = now + 31 * MIN
        assert alerts.step(tx, rule, subject, severity=Severity.CRITICAL, at=later, level=80.0, now=later)
    assert city.case(alert_row(city, alert_id).case_id).severity == Severity.CRITICAL


def test_a_suspect_sensor_and_suspect_readings_are_no_witnesses(
    city: City, now: datetime, say: Callable[..., None]
) -> None:
    for minute in (0, 10):
        permit_id = opened(city, now + minute * MIN)
        end(city.engine, permit_id, by=city.crew, now=now + minute * MIN)
        quality = Quality.SUSPECT if minute == 0 else Quality.GOOD
        say(now + minute * MIN + S, tilt_z=6.0, displacement=0.0, quality=quality)
        watch_permits(city.engine, now + (minute + 5) * MIN)
        assert seat_alerts(city) == []
        with writing(city.engine) as tx:
            tx.execute(update(device).values(suspect_since=now, suspect_why="drift"))


def test_an_alert_that_people_have_already_is_not_doubled(city: City, now: datetime, say: Callable[..., None]) -> None:
    """Who comes to a cover that lies beside its frame starts a permit; when they leave it so, its case is open."""
    lift(city, now - 10 * MIN)
    permit_id = opened(city, now)
    say(now + S, tilt_z=61.0)
    end(city.engine, permit_id, by=city.crew, now=now + MIN)
    say(now + MIN + S, tilt_z=61.0)
    assert watch_permits(city.engine, now + MIN + 2 * S).overrun == 1
    assert (seat_alerts(city), count_cases(city)) == ([], 1)


def test_the_list_shows_what_is_overdue_first_and_only_what_lies_in_the_area(
    city: City, now: datetime, say: Callable[..., None]
) -> None:
    opened(city, now, minutes=15)
    lift(city, now + MIN)
    say(now + MIN, tilt_z=61.0)
    other = city.add_asset(now)
    for asset_id, minutes in ((other, 60), (city.add_asset(now, lon=113.32), 30)):
        new = NewPermit(asset_id=asset_id, work="检查", people=1, minutes=minutes, note="代开")
        start(city.engine, new, by=city.dispatcher, now=now)
    watch_permits(city.engine, now + 20 * MIN)
    rows = running_permits(city.engine, now=now + 40 * MIN)
    assert [(row.state, row.overdue) for row in rows] == [("overrun", True), ("open", True), ("open", False)]
    assert (rows[0].expecting, rows[0].by_name, rows[2].asset_id) == (1, "李敏", other)
    assert count_running(city.engine, now=now + 40 * MIN).overdue == 2
    assert running_permits(city.engine, now=now, scope="440804") == []
    lower(city, now + 41 * MIN)
    assert len(running_permits(city.engine, now=now + 42 * MIN)) == 2
    assert [row.state for row in list_permits(city.engine, now=now, over=True).items] == ["overrun"]
    assert permit_row(city.engine, 99, now=now) is None
