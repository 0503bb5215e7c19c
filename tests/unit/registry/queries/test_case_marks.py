"""What there is about a case is told by one statement that looks nothing through."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from registry.queries.case_marks import Mark, marks_of
from registry.storage.database import reading, writing
from registry.storage.tables import case_repeat, photo
from tests.city import City, build_city


@pytest.fixture
def city(engine: Engine, now: datetime) -> City:
    return build_city(engine, now)


def test_a_case_is_marked_by_what_there_is_about_it_and_by_nothing_of_others(city: City, now: datetime) -> None:
    case_id, _ = city.open_case(now, kind="water_high")
    other_id, _ = city.open_case(now, kind="cover_loose")
    picture = {"sha256": "0" * 64, "width_px": 1, "height_px": 1, "size_bytes": 1, "taken_at": now, "recorded_at": now}
    with writing(city.engine) as tx:
        before = marks_of(tx, case_id)
        tx.execute(insert(photo).values(case_id=case_id, **picture))
        again = {"earlier_case_id": other_id, "same_asset": True, "distance_m": 0.0, "found_at": now, "area_code": ""}
        tx.execute(insert(case_repeat).values(case_id=case_id, **again))
        assert marks_of(tx, case_id) - before == {Mark.PHOTO, Mark.REPEAT}
        assert not marks_of(tx, other_id) & {Mark.PHOTO, Mark.REPEAT}


def test_every_table_is_asked_along_an_index(city: City) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    event.listen(city.engine, "before_cursor_execute", note)
    with reading(city.engine) as tx:
        marks_of(tx, 1)
    event.remove(city.engine, "before_cursor_execute", note)
    ((statement, values),) = asked
    with reading(city.engine) as tx:
        plan = [str(row[-1]) for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    searched = [line for line in plan if line.startswith("SEARCH ") and " USING " in line]
    assert len(searched) == len(Mark)
    assert [line for line in plan if line.startswith("SCAN ") and line != "SCAN CONSTANT ROW"] == []
