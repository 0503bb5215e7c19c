"""Uploads go when nobody needs them any more; what an import did, its report and its undoing stay."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from registry.domain.errors import InvalidInput
from registry.domain.kinds import DuplicateDecision, ImportState
from registry.queries import imports as queries
from registry.services import imports
from registry.services.import_files import refer_to
from registry.services.import_leavings import forget_uploads
from tests.census import NOW, Importer, census, covers, whole_registry

DAY = timedelta(days=1)
KEEP = 90 * DAY


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    return Importer(engine, tmp_path / "data")


def files(importer: Importer) -> list[str]:
    return sorted(path.name for path in (importer.data_dir / "imports").iterdir())


def forget(importer: Importer, *, days: int) -> int:
    """What the worker does ``days`` after ``NOW``, when the files are from ``NOW``."""
    for path in (importer.data_dir / "imports").iterdir():
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    return forget_uploads(importer.engine, importer.data_dir, now=NOW + days * DAY, keep=KEEP)


def test_an_upload_goes_ninety_days_after_its_run_and_the_run_and_report_stay(importer: Importer, engine: Engine):
    view = importer.run(census([*covers(3), ("A-9", "没有的分类", "120.6", "31.3", "人民路")]))
    assert forget(importer, days=89) == 0
    assert len(files(importer)) == 1

    assert forget(importer, days=91) == 1
    assert files(importer) == []
    assert forget(importer, days=92) == 0
    assert importer.view(view.id) == view
    assert [line.row for line in queries.problems(engine, view.id, limit=10)] == [4]


def test_an_import_without_its_file_can_still_be_undone(importer: Importer, engine: Engine):
    before = whole_registry(engine)
    view = importer.run(census(covers(3)))
    forget(importer, days=91)

    importer.undo(view.id)
    after = whole_registry(engine)
    assert {name for name in after if after[name] != before[name]} <= {"audit"}
    assert importer.view(view.id).state is ImportState.UNDONE


def test_an_upload_that_was_never_imported_goes_too_and_says_so_when_it_is_wanted(importer: Importer):
    run_id = importer.keep(census(covers(2)))
    assert forget(importer, days=91) == 1
    with pytest.raises(InvalidInput, match="import it again"):
        importer.settings(run_id)


def test_a_run_that_may_be_resumed_keeps_its_file(importer: Importer):
    view = importer.check(census(covers(2)))
    imports.start_run(importer.engine, view.id, by=importer.by, now=importer.clock())
    imports.stop_import(importer.engine, view.id, by=importer.by, now=importer.clock())
    assert importer.view(view.id).state is ImportState.STOPPED

    assert forget(importer, days=400) == 0
    assert importer.go_on(view.id).created == 2


def test_a_run_with_duplicates_to_decide_about_keeps_its_file(importer: Importer, engine: Engine):
    importer.run(census(covers(1)))
    near = [("B-1", "雨水井盖", "120.600005", "31.300100", "人民路")]
    view = importer.run(census(near), key="")
    assert view.held == 1
    assert forget(importer, days=400) == 1

    (pair,) = queries.duplicates(engine, view.id)
    decision = {pair.id: DuplicateDecision.KEEP}
    imports.decide_duplicates(engine, importer.data_dir, view.id, decision, by=importer.by, now=importer.clock())
    assert importer.view(view.id).created == 1
    assert forget(importer, days=400) == 1


def test_a_file_that_two_runs_share_stays_as_long_as_the_later_one_needs_it(importer: Importer):
    content = census(covers(1))
    importer.run(content)
    importer.clock = lambda: NOW + 60 * DAY
    importer.keep(content)

    assert forget(importer, days=100) == 0
    assert forget(importer, days=151) == 1


def test_a_file_that_was_sent_again_lately_stays(importer: Importer):
    importer.run(census(covers(1)))
    (path,) = (importer.data_dir / "imports").iterdir()
    lately = (NOW + 50 * DAY).timestamp()
    os.utime(path, (lately, lately))

    assert forget_uploads(importer.engine, importer.data_dir, now=NOW + 100 * DAY, keep=KEEP) == 0
    assert path.exists()


def test_what_an_upload_that_broke_off_left_behind_goes(importer: Importer):
    importer.keep(census(covers(1)))
    (importer.data_dir / "imports" / ".4711-1.part").write_bytes(b"half")

    forget(importer, days=91)
    assert files(importer) == []


def test_a_file_that_lies_elsewhere_is_never_removed(importer: Importer, tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_bytes(census(covers(1)))
    refer_to(importer.engine, path, by=importer.by, now=NOW)

    assert forget_uploads(importer.engine, importer.data_dir, now=NOW + 400 * DAY, keep=KEEP) == 0
    assert path.exists()
