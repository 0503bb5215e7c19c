"""An edited rule decides from the next pack on, without a restart; what it can't end any more has ended with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select

from registry.domain.kinds import Lane
from registry.domain.people import SYSTEM
from registry.domain.rules import Rule
from registry.intake import Intake, Pack, Receipt
from registry.queries.rules import rule_versions
from registry.services.rule_edits import save_rule, switch_rule, undo_rule
from registry.services.rules import install_shipped_rules
from registry.storage.database import reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.series.port import Refused, Row
from registry.storage.tables import alert
from registry.storage.times import to_ms
from tests.city import build_city

KEY = "cover_tilt"


class Street:
    """One cover with one sensor, and the intake that judges it; it is never restarted."""

    def __init__(self, engine: Engine, store: SqliteSeries, now: datetime) -> None:
        self.engine, self.now, self.seq = engine, now, 0
        with writing(engine) as tx:
            install_shipped_rules(tx, now=now)
        build_city(engine, now)
        self.intake = Intake(engine, store, clock=lambda: now)

    def tilted(self, degrees: float) -> Receipt:
        """Ten seconds at this angle."""
        self.seq += 1
        base = to_ms(self.now)
        rows = [("CV-000001", "tilt_z", base + s * 1000, base + s * 1000, degrees, 0) for s in range(0, 12, 2)]
        self.now += timedelta(seconds=12)
        pack = Pack("c1", Lane.ROUTINE, "e1", self.seq, self.seq - 1, rows)
        return self.intake.accept([pack], now=self.now)

    @property
    def rule(self) -> Rule:
        """The rule as it is now."""
        return rule_versions(self.engine, KEY)[0].rule

    def states(self) -> list[str]:
        """The alerts of the rule, the oldest first."""
        with reading(self.engine) as tx:
            return list(tx.scalars(select(alert.c.state).where(alert.c.rule_key == KEY).order_by(alert.c.id)))

    def edit(self, wanted: Rule) -> None:
        """Save it."""
        save_rule(self.engine, wanted, seen_version=None, note="试行", by=SYSTEM, now=self.now)


@pytest.fixture
def street(engine: Engine, tmp_path: Path, now: datetime) -> Iterator[Street]:
    store = SqliteSeries(tmp_path / "series.db")
    yield Street(engine, store, now)
    store.close()


def test_a_new_number_decides_from_the_next_pack_on_and_so_does_undoing_it(street: Street) -> None:
    assert street.tilted(13.0).fired == 0
    street.edit(replace(street.rule, condition=replace(street.rule.condition, fire=12.0)))
    assert street.tilted(13.0).fired == 1
    assert street.tilted(1.0).cleared == 1

    undo_rule(street.engine, KEY, seen_version=None, by=SYSTEM, now=street.now)
    assert street.tilted(13.0).fired == 0


def test_a_live_alert_goes_on_under_the_new_numbers_and_is_cleared_by_them(street: Street) -> None:
    street.tilted(20.0)
    street.edit(replace(street.rule, condition=replace(street.rule.condition, fire=30.0, clear=25.0), ladder=()))
    assert street.states() == ["firing"]
    assert street.tilted(20.0).cleared == 1


def test_a_rule_that_is_switched_off_and_on_begins_anew(street: Street) -> None:
    street.tilted(20.0)
    switch_rule(street.engine, KEY, on=False, seen_version=None, by=SYSTEM, now=street.now)
    assert street.states() == ["cleared"]
    assert street.tilted(20.0).fired == 0
    switch_rule(street.engine, KEY, on=True, seen_version=None, by=SYSTEM, now=street.now)
    assert street.tilted(20.0).fired == 1
    assert street.states() == ["cleared", "firing"]


def test_a_rule_that_looks_elsewhere_ends_its_alert_and_watches_there(street: Street) -> None:
    street.tilted(20.0)
    street.edit(replace(street.rule, point="tilt_x"))
    assert street.states() == ["cleared"]
    assert street.tilted(20.0).fired == 0


class Slow(SqliteSeries):
    """A series store during whose writing something else happens, once."""

    meanwhile: Callable[[], object] | None = None

    def append(self, rows: Sequence[Row]) -> list[Refused]:
        refused = super().append(rows)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return refused


def test_what_a_rule_decided_that_is_off_before_it_is_written_is_judged_again(
    engine: Engine, tmp_path: Path, now: datetime
) -> None:
    store = Slow(tmp_path / "series.db")
    street = Street(engine, store, now)
    street.tilted(1.0)

    store.meanwhile = lambda: switch_rule(engine, KEY, on=False, seen_version=None, by=SYSTEM, now=now)
    receipt = street.tilted(20.0)
    assert (receipt.fired, receipt.stored, [ack.seq for ack in receipt.acks]) == (0, 6, [2])
    assert street.states() == []

    switch_rule(engine, KEY, on=True, seen_version=None, by=SYSTEM, now=now)
    assert street.tilted(20.0).fired == 1
    assert store.count() == 18
    store.close()
