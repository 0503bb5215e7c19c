"""An import killed in the middle is finished by the next process: no row lost, none twice, on both databases."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from registry.domain.kinds import ImportState
from registry.domain.people import SYSTEM
from registry.queries.imports import import_file
from registry.services import imports
from registry.storage.database import open_database, reading
from registry.storage.tables import asset, asset_alias
from registry.worker import utc_now
from tests.census import Importer, census, covers, whole_registry

ROWS = 6_000
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    yield opened
    opened.dispose()


_WORKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from registry.services import imports
from registry.storage.database import open_database
engine = open_database(sys.argv[1])
work = imports.Work(holder="doomed", clock=lambda: datetime.now(UTC), batch=100)
imports.work_on_imports(engine, Path(sys.argv[2]), work)
"""


@pytest.mark.network
def test_an_import_killed_in_the_middle_is_finished_by_the_next_process(url: str, engine: Engine, tmp_path: Path):
    data_dir = tmp_path / "data"
    content = io.BytesIO(census(covers(ROWS)))
    run_id = imports.keep_upload(engine, data_dir, content, "普查.csv", by=SYSTEM, now=utc_now())
    look = imports.look_at(engine, data_dir, run_id, division="320508")
    settings = imports.with_choices(look.guessed, crs="wgs84")
    imports.check_import(engine, data_dir, run_id, settings, by=SYSTEM, clock=utc_now)
    imports.start_run(engine, run_id, by=SYSTEM, now=utc_now())
    doomed = subprocess.Popen([sys.executable, "-c", _WORKER, url, str(data_dir)], cwd=ROOT)
    deadline = time.monotonic() + 60
    while import_file(engine, run_id).created < 500:
        assert time.monotonic() < deadline
        assert doomed.poll() is None
        time.sleep(0.01)
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.wait(60)
    killed = import_file(engine, run_id)
    assert (killed.state, 0 < killed.created < ROWS) == (ImportState.RUNNING, True)

    # the dead process's hold runs out after a minute
    later = imports.Work(holder="next", clock=lambda: utc_now() + timedelta(minutes=2))
    assert imports.work_on_imports(engine, data_dir, later) == 1
    view = import_file(engine, run_id)
    assert (view.state, view.rows, view.created) == (ImportState.DONE, ROWS, ROWS)
    with reading(engine) as tx:
        assert tx.execute(select(func.count(asset.c.code.distinct()))).scalar() == ROWS
        assert tx.execute(select(func.count()).select_from(asset_alias)).scalar() == ROWS


@pytest.mark.network
def test_every_way_of_an_import_works_on_both_databases(engine: Engine, tmp_path: Path):
    importer = Importer(engine, tmp_path / "data")
    importer.run(census(covers(5)))
    before = whole_registry(engine)
    header = ("井盖编号", "部件名称", "经度", "纬度", "道路", "权属单位", "部件编码")
    rows = [
        ("A-1", "雨水井盖", "120.6", "31.3001", "新路", "水务局", ""),
        ("B-1", "雨水井盖", "120.6000001", "31.3002", "新路", "水务局", ""),
        ("B-2", "雨水井盖", "120.7", "31.3", "新路", "水务局", "3205080103000100"),
        ("B-3", "雨水井盖", "x", "31.3", "新路", "水务局", ""),
    ]
    view = importer.run(census(rows, header), add_units=True, key="alias:井盖编号")
    assert (view.created, view.updated, view.held, view.rejected) == (1, 1, 1, 1)
    importer.undo(view.id)
    assert whole_registry(engine) == before
