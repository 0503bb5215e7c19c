"""Alerts of other platforms: written down once, taken by the intake as readings, fired and cleared like any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from registry.domain.errors import StoreDown
from registry.domain.external_events import EventOutcome
from registry.domain.kinds import Family
from registry.domain.people import Actor
from registry.domain.points import POINTS
from registry.intake import Intake
from registry.queries.repairs import repairs
from registry.services.aliases import add_alias, remove_alias
from registry.services.devices import remove_device
from registry.services.external_events import MOST_NAMES, EventResult, RawAlert, take_events
from registry.services.letters import ask_replay
from registry.services.no_data import watch_no_data
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import alert, case, dead_letter, device, event_inbox
from tests.city import City, build_city
from tests.event_rule import KEY, have_event_rule


class Town:
    """A city with its intake, told things by other platforms."""

    def __init__(self, engine: Engine, store: SqliteSeries, now: datetime) -> None:
        self.engine, self.store, self.now = engine, store, now
        self.city: City = build_city(engine, now)
        with writing(engine) as tx:
            install_shipped_rules(tx, now=now)
            have_event_rule(tx, now)
        self.intake = Intake(engine, store, clock=lambda: self.now)

    def tell(self, *, by: Actor | None = None, name: str = "RoadFlooded", **more: object) -> EventResult:
        labels = {"alertname": name, "alias": "W-1", "severity": "critical"} | more.pop("labels", {})  # type: ignore[operator]
        sent = RawAlert(labels=labels, annotations={"summary": "积水 30 cm"}, **more)  # type: ignore[arg-type]
        (result,) = take_events(self.engine, [sent], by=by or self.city.dispatcher, now=self.now)
        return result

    def know(self) -> None:
        """The number that the other platform knows the cover by."""
        with writing(self.engine) as tx:
            add_alias(tx, self.city.asset_id, "owner_number", "W-1", now=self.now)

    def pass_by(self, **span: float) -> int:
        self.now += timedelta(**span)
        return self.intake.tick(now=self.now)

    def alerts(self) -> list[tuple[str, int]]:
        with reading(self.engine) as tx:
            found = tx.execute(select(alert).where(alert.c.rule_key == KEY).order_by(alert.c.id))
            return [(row.state, row.severity) for row in found]

    def rows(self, table):
        with reading(self.engine) as tx:
            return tx.execute(select(table)).all()


@pytest.fixture
def town(engine: Engine, tmp_path: Path, now: datetime) -> Iterator[Town]:
    store = SqliteSeries(tmp_path / "series.db")
    yield Town(engine, store, now)
    store.close()


def test_an_event_fires_once_however_often_it_is_sent_and_clears_when_its_sender_says(town: Town):
    town.know()
    began = (town.now - timedelta(minutes=2)).isoformat()
    assert town.tell(starts_at=began).outcome is EventOutcome.BEGAN
    assert town.pass_by(seconds=1) == 1
    for _ in range(3):
        assert town.tell(starts_at=began).outcome is EventOutcome.GOES_ON
        assert town.pass_by(minutes=1) == 0
    assert town.alerts() == [("firing", 3)]
    assert town.tell(starts_at=began, resolved=True).outcome is EventOutcome.ENDED
    town.pass_by(seconds=1)
    assert town.alerts() == [("cleared", 3)]
    assert town.tell(starts_at=began).outcome is EventOutcome.OVER  # a late copy
    assert town.tell(starts_at=began, resolved=True).outcome is EventOutcome.OVER
    town.pass_by(seconds=1)
    assert town.alerts() == [("cleared", 3)]
    (only,) = town.rows(event_inbox)
    assert (only.heard, only.annotations["summary"], only.by_user_id) == (5, "积水 30 cm", town.city.dispatcher.user_id)
    (fired,) = [row for row in town.rows(alert) if row.rule_key == KEY]
    assert (fired.asset_id, fired.began_at) == (town.city.asset_id, datetime.fromisoformat(began))
    assert len(town.rows(case)) == 1


def test_an_end_that_lies_ahead_comes_by_itself_and_a_repeat_puts_it_off(town: Town):
    town.know()
    town.tell(ends_at=(town.now + timedelta(minutes=4)).isoformat())
    town.pass_by(minutes=3)
    town.tell(ends_at=(town.now + timedelta(minutes=4)).isoformat())
    town.pass_by(minutes=3)
    assert town.alerts() == [("firing", 3)]
    town.pass_by(minutes=2)
    assert town.alerts() == [("cleared", 3)]


def test_two_names_of_alert_on_one_asset_are_two_alerts_and_two_occurrences_of_one_name_are_one(town: Town):
    town.know()
    town.tell(labels={"camera": "1"})
    town.tell(labels={"camera": "2"})
    town.tell(name="ManholeOpen", labels={"severity": "warning"})
    town.pass_by(seconds=1)
    assert sorted(town.alerts()) == [("firing", 2), ("firing", 3)]
    town.tell(labels={"camera": "1"}, resolved=True)
    town.pass_by(seconds=1)
    assert [state for state, _ in town.alerts()] == ["firing", "firing"]
    town.tell(labels={"camera": "2"}, resolved=True)
    town.pass_by(seconds=1)
    assert sorted(town.alerts()) == [("cleared", 3), ("firing", 2)]


def test_what_names_no_asset_is_kept_once_and_fires_when_it_is_replayed(town: Town):
    for _ in range(3):
        refused = town.tell()
        assert refused.problem is not None
        assert "alias='W-1' names no asset" in str(refused.problem)
    (letter,) = town.rows(dead_letter)
    assert (letter.reason, letter.stands_for) == ("unknown_asset", 3)
    ask_replay(town.engine, [letter.id], by=town.city.administrator, now=town.now)
    town.pass_by(seconds=1)
    (letter,) = town.rows(dead_letter)
    assert (letter.attempts, letter.asked_at) == (1, None)
    town.know()
    ask_replay(town.engine, [letter.id], by=town.city.administrator, now=town.now)
    town.pass_by(seconds=1)
    assert (town.rows(dead_letter), town.alerts()) == ([], [("firing", 3)])


def test_a_store_that_is_down_loses_no_event_and_tells_none_twice(town: Town, monkeypatch: pytest.MonkeyPatch):
    town.know()
    town.tell()
    with monkeypatch.context() as down:

        def refuse(_rows: object) -> list[object]:
            raise StoreDown("away")

        down.setattr(town.store, "append", refuse)
        with pytest.raises(StoreDown):
            town.pass_by(seconds=1)
    assert town.alerts() == []
    assert town.pass_by(seconds=1) == 1
    assert town.pass_by(seconds=1) == 0
    assert town.alerts() == [("firing", 3)]


def test_what_goes_on_stays_where_it_began_when_the_number_goes_to_another_asset(town: Town):
    town.know()
    town.tell()
    town.pass_by(seconds=1)
    other = town.city.add_asset(town.now)
    with writing(town.engine) as tx:
        remove_alias(tx, town.city.asset_id, "owner_number", "W-1", now=town.now)
        add_alias(tx, other, "owner_number", "W-1", now=town.now)
    assert town.tell(resolved=True).asset_id == town.city.asset_id
    town.pass_by(seconds=1)
    assert town.alerts() == [("cleared", 3)]
    assert town.tell().asset_id == other


def test_a_virtual_sensor_that_was_taken_off_is_made_anew(town: Town):
    town.know()
    first = town.tell().device_id
    assert first is not None
    remove_device(town.engine, first, reason="误加", by=town.city.administrator, now=town.now)
    again = town.tell()
    assert again.device_id not in (first, None)
    assert town.pass_by(seconds=1) == 1


def test_a_platform_that_has_nothing_to_say_is_not_silent(town: Town):
    town.know()
    told = town.tell()
    later = town.now + timedelta(days=365)
    watch_no_data(town.engine, now=later)
    with reading(town.engine) as tx:
        about = list(tx.execute(select(alert.c.device_id)).scalars())
    assert town.city.device_id in about  # as every sensor by then
    assert told.device_id not in about
    assert told.device_id not in {one.device_id for one in repairs(town.engine, now=later).items}


def test_names_without_number_share_a_device(town: Town):
    town.know()
    for number in range(MOST_NAMES + 3):
        town.tell(name=f"event-{number}")
    devices = [row for row in town.rows(device) if row.profile == "external"]
    assert len(devices) == MOST_NAMES + 1
    assert {row.asset_id for row in devices} == {town.city.asset_id}


def test_somebody_bound_to_another_part_of_the_city_may_not_tell_of_it(town: Town):
    town.know()
    bound = replace(town.city.dispatcher, area_code="110000")
    assert town.tell(by=bound).outcome is EventOutcome.REFUSED
    assert town.pass_by(seconds=1) == 0


def test_every_family_of_assets_can_have_events():
    assert POINTS["event"].families == frozenset(Family)
