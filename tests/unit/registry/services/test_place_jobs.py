"""Long work over all assets: areas found anew, parties named from the duty list; stopped, taken over, resumed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.errors import Conflict
from registry.domain.kinds import PlaceJobKind, PlaceJobState, Role
from registry.domain.people import Actor
from registry.services import place_jobs, revisions
from registry.services.areas import AREAS
from registry.services.assets import NewAsset, register_asset
from registry.services.place_jobs import JobView, Step, ask_for_job, find_job, next_job, run_job
from registry.services.place_work import WORK
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset, asset_change, audit

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)
CELL = "320508001002003"


def add_area(tx: Connection, level: str, code: str, west: float, side: float, **more: Any) -> None:
    east, north = west + side, 31 + side
    ring = f"[[{west},31],[{east},31],[{east},{north}],[{west},{north}],[{west},31]]"
    shape = f'{{"type":"Polygon","coordinates":[{ring}]}}'
    tx.execute(insert(area).values(level=level, code=code, name=code, shape=shape, updated_at=NOW, **more))
    revisions.bump(tx, AREAS)


def add_asset(tx: Connection, lon: float, **more: Any) -> int:
    new = NewAsset(division="320508", class_code="0101", lon=lon, lat=31.0005, **more)
    return register_asset(tx, new, now=NOW)


def ask(engine: Engine, kind: PlaceJobKind, **settings: Any) -> int:
    with writing(engine) as tx:
        return ask_for_job(tx, kind, by=BY, now=NOW, settings=settings)


def do(engine: Engine, job_id: int, **more: Any) -> JobView:
    return run_job(engine, job_id, WORK, holder="here", clock=lambda: NOW, **more)


def where(engine: Engine, asset_id: int) -> tuple[str, str, int]:
    with reading(engine) as tx:
        row = tx.execute(select(asset).where(asset.c.id == asset_id)).one()
    return row.area_code, row.grid_cell, row.version


def test_every_asset_gets_its_area_and_cell_and_a_line_in_its_history(engine: Engine):
    with writing(engine) as tx:
        inside, beside, outside = (add_asset(tx, lon) for lon in (120.0005, 120.005, 125.0))
        add_area(tx, "district", "320508", 120, 0.5)
        add_area(tx, "street", "320508001", 120, 0.1)
        add_area(tx, "cell", CELL, 120, 0.001)
    job = do(engine, ask(engine, PlaceJobKind.RELOCATE))
    assert (job.state, job.total, job.seen, job.changed) == (PlaceJobState.DONE, 3, 3, 2)
    assert job.report == {"located": 2, "outside": 1, "moved_area": 2, "moved_cell": 1}
    assert where(engine, inside) == (CELL, CELL, 2)
    assert where(engine, beside) == ("320508001", "", 2)
    assert where(engine, outside) == ("320508", "", 1)
    with reading(engine) as tx:
        rows = tx.execute(select(asset_change).where(asset_change.c.action == "relocate")).all()
    assert {row.asset_id: row.changes for row in rows} == {
        inside: {"area_code": ["320508", CELL], "grid_cell": ["", CELL]},
        beside: {"area_code": ["320508", "320508001"]},
    }
    assert do(engine, ask(engine, PlaceJobKind.RELOCATE)).changed == 0


def test_a_cell_named_by_a_census_stays_until_that_cell_is_on_file_and_says_otherwise(engine: Engine):
    with writing(engine) as tx:
        asset_id = add_asset(tx, 120.0005, grid_cell="320508001002009")
    do(engine, ask(engine, PlaceJobKind.RELOCATE))
    assert where(engine, asset_id)[1] == "320508001002009"
    with writing(engine) as tx:
        add_area(tx, "cell", "320508001002009", 121, 0.001)
    do(engine, ask(engine, PlaceJobKind.RELOCATE))
    assert where(engine, asset_id)[:2] == ("320508", "")


def test_work_that_is_stopped_or_abandoned_goes_on_where_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    done: list[int] = []

    def count(tx: Connection, job: JobView, after_id: int, *, now: datetime) -> Step:
        done.append(after_id)
        return Step(next_id=after_id + 10 if after_id < 30 else None, seen=10, changed=1, counts={"n": 2})

    work = {PlaceJobKind.RELOCATE: count}
    job_id = ask(engine, PlaceJobKind.RELOCATE)
    assert ask(engine, PlaceJobKind.RELOCATE) == job_id

    def run(holder: str, now: datetime, stop: Callable[[], bool] = lambda: False) -> JobView:
        return run_job(engine, job_id, work, holder=holder, clock=lambda: now, stop=stop)

    paused = run("first", NOW, stop=lambda: True)
    assert (paused.state, paused.seen, done) == (PlaceJobState.WAITING, 10, [0])
    assert next_job(engine, now=NOW) == job_id
    place_jobs.stop_job(engine, job_id, by=BY, now=NOW)
    assert next_job(engine, now=NOW) is None
    place_jobs.resume_job(engine, job_id, by=BY, now=NOW)
    with reading(engine) as tx:
        noted = tx.execute(select(audit.c.action).order_by(audit.c.id.desc()).limit(2)).scalars().all()
    assert noted == ["job.resume", "job.stop"]
    with writing(engine) as tx:  # a process that was killed in the middle
        tx.execute(
            update(place_jobs.place_job).values(
                state="running", holder="killed", held_until=NOW + timedelta(seconds=60)
            )
        )
    assert next_job(engine, now=NOW) is None
    with pytest.raises(Conflict, match="another process"):
        run("second", NOW)
    later = NOW + timedelta(seconds=61)
    assert next_job(engine, now=later) == job_id
    ended = run("second", later)
    assert (ended.state, ended.seen, ended.changed, ended.report) == (PlaceJobState.DONE, 40, 4, {"n": 8})
    assert done == [0, 10, 20, 30]
    with pytest.raises(Conflict):
        run("third", later)
    with pytest.raises(Conflict, match="neither stopped nor failed"):
        place_jobs.resume_job(engine, job_id, by=BY, now=NOW)


def test_work_that_fails_says_why_and_can_be_resumed(engine: Engine):
    def fail(tx: Connection, job: JobView, after_id: int, *, now: datetime) -> Step:
        raise ZeroDivisionError("by zero")

    job_id = ask(engine, PlaceJobKind.RELOCATE)
    with pytest.raises(ZeroDivisionError):
        run_job(engine, job_id, {PlaceJobKind.RELOCATE: fail}, holder="here", clock=lambda: NOW)
    failed = find_job(engine, job_id)
    assert (failed.state, failed.problem) == (PlaceJobState.FAILED, "ZeroDivisionError: by zero")
    place_jobs.resume_job(engine, job_id, by=BY, now=NOW)
    assert do(engine, job_id).state is PlaceJobState.DONE
