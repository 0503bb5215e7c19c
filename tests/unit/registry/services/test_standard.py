"""The city's case standard: shipped lines, changed lines over them, versions, undo, and who was first."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from sqlalchemy import Engine, select

from registry.domain.case_standard import CaseLine, LineLimit, Standard, Step
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import Family, Severity
from registry.domain.people import SYSTEM
from registry.domain.shipped_standard import SHIPPED_LINES
from registry.domain.working_time import Limit, TimeUnit
from registry.services.rules import install_shipped_rules
from registry.services.standard import put_line, retire_line, standard_in_force, undo_line, versions
from registry.storage.database import reading, writing
from registry.storage.tables import audit


def standard(engine: Engine) -> Standard:
    with reading(engine) as tx:
        return standard_in_force(tx)


def days(amount: float) -> tuple[LineLimit, ...]:
    return (LineLimit(step=Step.REPAIR, amount=amount, unit=TimeUnit.WORK_DAY),)


def bench() -> CaseLine:
    return CaseLine(
        key="bench_broken", family=Family.OTHER, severity=Severity.NOTICE, name_zh="座椅破损", limits=days(3)
    )


def test_a_new_city_has_the_shipped_standard(engine: Engine) -> None:
    assert {line.key for line in standard(engine)} == {line.key for line in SHIPPED_LINES}
    assert standard(engine).line("lamp_out").repair_limit() == Limit(amount=2, unit=TimeUnit.WORK_DAY)


def test_a_changed_line_counts_at_once_and_keeps_its_past(engine: Engine, now: datetime) -> None:
    was = standard(engine).line("lamp_out")
    made = put_line(
        engine, msgspec.structs.replace(was, limits=days(1)), expected_version=was.version, by=SYSTEM, now=now
    )
    assert made.version == was.version + 1
    assert standard(engine).line("lamp_out").repair_limit() == Limit(amount=1, unit=TimeUnit.WORK_DAY)
    with reading(engine) as tx:
        assert [line.version for line in versions(tx, "lamp_out")] == [2, 1]
        assert tx.scalars(select(audit.c.action).order_by(audit.c.id)).all() == ["standard.line"]


def test_a_city_adds_a_line_of_its_own(engine: Engine, now: datetime) -> None:
    put_line(engine, bench(), expected_version=0, by=SYSTEM, now=now)
    assert "bench_broken" in standard(engine).open_kinds()


def test_a_change_is_undone_and_the_undoing_too(engine: Engine, now: datetime) -> None:
    was = standard(engine).line("lamp_out")
    put_line(engine, msgspec.structs.replace(was, limits=days(1)), expected_version=1, by=SYSTEM, now=now)
    undone = undo_line(engine, "lamp_out", expected_version=2, by=SYSTEM, now=now)
    assert (undone.version, undone.repair_limit().amount) == (3, 2)
    assert undo_line(engine, "lamp_out", expected_version=3, by=SYSTEM, now=now).repair_limit().amount == 1


def test_what_was_never_changed_cannot_be_undone(engine: Engine, now: datetime) -> None:
    with pytest.raises(InvalidMove):
        undo_line(engine, "lamp_out", expected_version=1, by=SYSTEM, now=now)
    with pytest.raises(NotFound):
        undo_line(engine, "dog", expected_version=1, by=SYSTEM, now=now)


def test_of_two_people_the_second_is_told(engine: Engine, now: datetime) -> None:
    was = standard(engine).line("lamp_out")
    put_line(engine, msgspec.structs.replace(was, limits=days(1)), expected_version=1, by=SYSTEM, now=now)
    with pytest.raises(Conflict, match="version 2"):
        put_line(engine, msgspec.structs.replace(was, limits=days(3)), expected_version=1, by=SYSTEM, now=now)
    with pytest.raises(Conflict, match="there is one already"):
        put_line(engine, was, expected_version=0, by=SYSTEM, now=now)


def test_a_retired_line_opens_no_case_and_still_has_its_limits(engine: Engine, now: datetime) -> None:
    retire_line(engine, "lamp_rust", retired=True, expected_version=1, by=SYSTEM, now=now)
    assert "lamp_rust" not in standard(engine).open_kinds()
    assert standard(engine).line("lamp_rust").repair_limit()
    retire_line(engine, "lamp_rust", retired=False, expected_version=2, by=SYSTEM, now=now)
    assert "lamp_rust" in standard(engine).open_kinds()


def test_what_a_rule_raises_stays_in_use(engine: Engine, now: datetime) -> None:
    with writing(engine) as tx:
        install_shipped_rules(tx, now=now)
    with pytest.raises(InvalidMove, match="cover_tilt"):
        retire_line(engine, "cover_displaced", retired=True, expected_version=1, by=SYSTEM, now=now)


def test_nothing_is_kept_where_nothing_changed(engine: Engine, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="nothing was changed"):
        put_line(engine, standard(engine).line("lamp_out"), expected_version=1, by=SYSTEM, now=now)
    with reading(engine) as tx:
        assert tx.scalars(select(audit.c.action).order_by(audit.c.id)).all() == []
