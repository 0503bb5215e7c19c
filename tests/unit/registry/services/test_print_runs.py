"""Print runs: every label once, whatever stops them, and only what was decoded again counts as made."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import Engine, func, insert, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import Family, PrintRunKind, PrintRunState, Role, TagState
from registry.domain.people import SYSTEM, Actor
from registry.labels import LabelTemplate, standard_plate, template_body
from registry.labels.template import Sheet
from registry.services import print_making
from registry.services.assets import NewAsset, register_asset
from registry.services.print_files import finished_file, finished_files
from registry.services.print_making import CityOnPlates, RunResult, make_run, make_waiting_runs, waiting_run
from registry.services.print_runs import NewRun, fail_run, plan_run, resume_run, stop_run
from registry.services.print_selection import RunSelection, count_chosen, sample_facts
from registry.services.tags import end_tag, issue_tag
from registry.storage.database import reading, writing
from registry.storage.tables import asset, label_template, print_item, print_run, tag, tag_event

CITY = CityOnPlates(public_url="https://city.example", name_zh="示范市")
SHEETS = Sheet(columns=3, rows=3, left_mm=5, top_mm=5, pitch_x_mm=62, pitch_y_mm=95)


def put_template(engine: Engine, template: LabelTemplate, now: datetime, *, version: int = 1, **columns: Any) -> None:
    row = {
        "key": template.key,
        "version": version,
        "name_zh": template.name_zh,
        "body": template_body(template),
        "created_at": now,
    }
    with writing(engine) as tx:
        tx.execute(insert(label_template).values(row | columns))


@pytest.fixture
def plate(engine: Engine, now: datetime) -> str:
    put_template(engine, standard_plate(), now)
    return standard_plate().key


@pytest.fixture
def covers(engine: Engine, now: datetime) -> list[int]:
    with writing(engine) as tx:
        return [
            register_asset(
                tx,
                NewAsset(
                    division="320508",
                    class_code="0118" if number == 4 else "0101",
                    lon=120.6,
                    lat=31.3,
                    road="中山路" if number % 2 else "人民路",
                ),
                now=now,
            )
            for number in range(5)
        ]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(print_making, "BATCH", 2)


def make(engine: Engine, run_id: int, folder: Path, now: datetime, **more: Any) -> RunResult:
    return make_run(engine, run_id, data_dir=folder, city=CITY, clock=lambda: now, **{"stop": lambda: False, **more})


def run_row(engine: Engine, run_id: int) -> Any:
    with reading(engine) as tx:
        return tx.execute(select(print_run).where(print_run.c.id == run_id)).one()


def labels_in(folder: Path, run_id: int) -> dict[str, bytes]:
    path = finished_file(folder, run_id, "labels.zip")
    assert path is not None
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        assert len(set(names)) == len(names)
        return {name: packed.read(name) for name in names}


def said(content: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(content)))
    return found.text


def new_run(plate: str, **values: Any) -> NewRun:
    usual = {"name": "人民路", "kind": PrintRunKind.ASSETS, "template_key": plate, "format": "png", "dpi": 150}
    return NewRun(**usual | values)


def test_a_run_gives_every_asset_its_plate_and_each_label_says_its_own(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    run_id = plan_run(engine, new_run(plate), by=SYSTEM, now=now)
    assert waiting_run(engine, now=now) == run_id
    told: list[tuple[int, int, int]] = []
    result = make(engine, run_id, tmp_path, now, progress=lambda *how: told.append(how))
    assert (result.state, result.made, result.failed, result.total) == (PrintRunState.DONE, 5, 0, 5)
    assert told == [(5, 0, 5)]
    assert waiting_run(engine, now=now) is None
    with reading(engine) as tx:
        rows = tx.execute(
            select(tag.c.token, asset.c.code, asset.c.road, tag.c.state, tag.c.print_run_id)
            .join_from(tag, asset, asset.c.id == tag.c.asset_id)
            .order_by(asset.c.road, asset.c.code)
        ).all()
        assert tx.execute(select(func.count()).select_from(tag_event)).scalar_one() == 5
    labels = labels_in(tmp_path, run_id)
    assert list(labels) == [f"{at:06d}_{row.code}_{row.token}.png" for at, row in enumerate(rows, start=1)]
    for row, content in zip(rows, labels.values(), strict=True):
        assert said(content) == f"HTTPS://CITY.EXAMPLE/Q/{row.token}"
        assert (row.state, row.print_run_id) == ("active", run_id)
    assert [file.name for file in finished_files(tmp_path, run_id)] == ["labels.zip", "list.csv"]
    listed = finished_file(tmp_path, run_id, "list.csv")
    assert listed is not None
    lines = list(csv.reader(io.StringIO(listed.read_text(encoding="utf-8-sig"))))
    assert [line[1:3] for line in lines[1:]] == [[row.token, row.code] for row in rows]
    assert finished_file(tmp_path, run_id, "../../records.db") is None


def test_blank_plates_belong_to_nothing_yet(engine: Engine, plate: str, tmp_path: Path, now: datetime):
    run_id = plan_run(
        engine, new_run(plate, kind=PrintRunKind.BLANK, count=3, format="svg", dpi=None), by=SYSTEM, now=now
    )
    assert make(engine, run_id, tmp_path, now).state is PrintRunState.DONE
    with reading(engine) as tx:
        rows = tx.execute(select(tag.c.token, tag.c.state, tag.c.asset_id)).all()
    assert [(row.state, row.asset_id) for row in rows] == [("blank", None)] * 3
    assert sorted(labels_in(tmp_path, run_id)) == sorted(
        f"{at:06d}_blank_{row.token}.svg" for at, row in enumerate(rows, start=1)
    )


@pytest.mark.usefixtures("small_batches")
def test_a_stopped_run_goes_on_where_it_ended(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    run_id = plan_run(engine, new_run(plate, format="svg", dpi=None), by=SYSTEM, now=now)
    result = make(engine, run_id, tmp_path, now, progress=lambda *_: stop_run(engine, run_id, by=SYSTEM, now=now))
    assert (result.state, result.made) == (PrintRunState.STOPPED, 2)
    assert finished_files(tmp_path, run_id) == []
    with pytest.raises(InvalidMove, match="is stopped; only a waiting one"):
        make(engine, run_id, tmp_path, now)
    with pytest.raises(InvalidMove, match="only a waiting or running"):
        stop_run(engine, run_id, by=SYSTEM, now=now)
    resume_run(engine, run_id, by=SYSTEM, now=now)
    with pytest.raises(InvalidMove, match="is waiting already"):
        resume_run(engine, run_id, by=SYSTEM, now=now)
    assert make(engine, run_id, tmp_path, now).state is PrintRunState.DONE
    assert len(labels_in(tmp_path, run_id)) == 5
    with pytest.raises(InvalidMove, match="no label of it failed"):
        resume_run(engine, run_id, by=SYSTEM, now=now)


@pytest.mark.usefixtures("small_batches")
def test_a_process_that_is_told_to_end_leaves_the_run_to_the_next(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    run_id = plan_run(engine, new_run(plate, format="svg", dpi=None), by=SYSTEM, now=now)
    batches: list[int] = []
    result = make(
        engine, run_id, tmp_path, now, stop=lambda: len(batches) == 1, progress=lambda made, *_: batches.append(made)
    )
    assert (result.state, result.made) == (PrintRunState.WAITING, 2)
    assert waiting_run(engine, now=now) == run_id
    assert make(engine, run_id, tmp_path, now).made == 5


def test_only_one_process_makes_a_run_until_its_time_has_run_out(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    run_id = plan_run(engine, new_run(plate, format="svg", dpi=None), by=SYSTEM, now=now)
    with writing(engine) as tx:  # as a process leaves it that was killed
        held = {"state": "running", "holder": "elsewhere:1", "held_until": now + timedelta(seconds=60)}
        tx.execute(update(print_run).values(held))
    assert waiting_run(engine, now=now) is None
    with pytest.raises(InvalidMove, match="is being made by elsewhere:1"):
        make(engine, run_id, tmp_path, now)
    later = now + timedelta(seconds=60)
    assert waiting_run(engine, now=later) == run_id
    assert make(engine, run_id, tmp_path, later).state is PrintRunState.DONE


@pytest.mark.usefixtures("small_batches")
def test_labels_whose_files_were_lost_are_made_again(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    run_id = plan_run(engine, new_run(plate, format="svg", dpi=None), by=SYSTEM, now=now)
    batches: list[int] = []
    make(engine, run_id, tmp_path, now, stop=lambda: len(batches) == 2, progress=lambda made, *_: batches.append(made))
    next(tmp_path.rglob("0000001.zip")).unlink()
    result = make(engine, run_id, tmp_path, now)
    assert (result.state, result.made) == (PrintRunState.DONE, 5)
    assert len(labels_in(tmp_path, run_id)) == 5


def test_a_label_that_can_not_be_made_is_named_and_can_be_tried_again(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    run_id = plan_run(engine, new_run(plate, format="svg", dpi=None), by=SYSTEM, now=now)
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == covers[0]).values(code="320508010100000X"))
    result = make(engine, run_id, tmp_path, now)
    assert (result.state, result.made, result.failed) == (PrintRunState.DONE, 4, 1)
    with reading(engine) as tx:
        (problem,) = tx.execute(select(print_item.c.problem).where(print_item.c.state == "failed")).scalars()
    assert "320508010100000X" in problem
    assert len(labels_in(tmp_path, run_id)) == 4
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == covers[0]).values(code="3205080101000001"))
    resume_run(engine, run_id, by=SYSTEM, now=now)
    result = make(engine, run_id, tmp_path, now)
    assert (result.made, result.failed) == (5, 0)
    assert len(labels_in(tmp_path, run_id)) == 5


def test_a_run_that_failed_says_why_and_can_be_resumed(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    run_id = plan_run(engine, new_run(plate, format="svg", dpi=None), by=SYSTEM, now=now)
    (tmp_path / "print").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="print"):
        make(engine, run_id, tmp_path, now)
    fail_run(engine, run_id, "the disk is full", now=now)
    row = run_row(engine, run_id)
    assert (row.state, row.problem, row.holder) == ("failed", "the disk is full", "")
    (tmp_path / "print").unlink()
    resume_run(engine, run_id, by=SYSTEM, now=now)
    assert make(engine, run_id, tmp_path, now).made == 5


def test_assets_are_chosen_by_plate_area_class_and_number(engine: Engine, plate: str, covers: list[int], now: datetime):
    stranger = Actor(user_id=None, name="外区", role=Role.REGISTRAR, unit_id=None, area_code="320509")
    with writing(engine) as tx:
        issue_tag(tx, covers[0], now=now)
        end_tag(tx, issue_tag(tx, covers[1], now=now), TagState.DESTROYED, now=now)
        tx.execute(update(asset).where(asset.c.id == covers[2]).values(state="abandoned"))
        tx.execute(update(asset).where(asset.c.id == covers[3]).values(area_code="320508001"))

    def counted(by: Actor = SYSTEM, **selection: Any) -> tuple[int, int]:
        with reading(engine) as tx:
            chosen = count_chosen(tx, RunSelection(**selection).checked(), by)
        return chosen.assets, chosen.with_plate

    assert counted() == (3, 0)
    assert counted(without_plate=False) == (4, 1)
    assert counted(area_code="320508001") == (1, 0)
    assert counted(area_code="320509") == counted(by=stranger) == (0, 0)
    assert counted(scheme="cjt214-2007", class_code="0118") == counted(family=Family.LIGHT) == (1, 0)
    assert counted(asset_ids=(covers[0], covers[2]), without_plate=False) == (2, 1)
    with reading(engine) as tx:
        sample = sample_facts(tx, RunSelection(family=Family.LIGHT), SYSTEM, "K7M2Q9XWBZ")
        assert sample is not None
        assert (sample.token, sample.class_name_zh, sample.road) == ("K7M2Q9XWBZ", "路灯", "人民路")
        assert sample_facts(tx, RunSelection(area_code="320509"), SYSTEM, "K7M2Q9XWBZ") is None


def test_a_plate_that_exists_is_printed_again_under_its_token(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    with writing(engine) as tx:
        token = issue_tag(tx, covers[0], now=now)
    selection = RunSelection(asset_ids=(covers[0],), without_plate=False)
    run_id = plan_run(engine, new_run(plate, selection=selection, format="svg", dpi=None), by=SYSTEM, now=now)
    make(engine, run_id, tmp_path, now)
    (name,) = labels_in(tmp_path, run_id)
    assert token in name
    with reading(engine) as tx:
        assert Counter(tx.execute(select(tag.c.state)).scalars()) == {"active": 1}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"kind": PrintRunKind.BLANK, "count": 0}, "count"),
        ({"kind": PrintRunKind.BLANK, "count": 50_001}, "count"),
        ({"template_key": "none"}, "template_key"),
        ({"template_key": "retired"}, "template_key"),
        ({"format": "doc"}, "format"),
        ({"dpi": 50}, "dpi"),
        ({"start_position": 2}, "start_position"),
        ({"template_key": "sheet", "start_position": 13}, "start_position"),
        ({"selection": RunSelection(area_code="999999")}, "selection"),
        ({"selection": RunSelection(area_code="99")}, "area_code"),
        ({"selection": RunSelection(class_code="0101")}, "scheme"),
    ],
)
def test_an_unusable_run_is_refused_by_field_and_makes_no_plates(
    engine: Engine, plate: str, covers: list[int], now: datetime, values: dict[str, Any], field: str
):
    put_template(engine, msgspec.structs.replace(standard_plate(), key="sheet", sheet=SHEETS), now)
    put_template(engine, msgspec.structs.replace(standard_plate(), key="retired"), now, retired=True)
    with pytest.raises(InvalidInput) as refused:
        plan_run(engine, new_run(plate, **values), by=SYSTEM, now=now)
    assert refused.value.field == field
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(tag)).scalar_one() == 0
    with pytest.raises(NotFound):
        stop_run(engine, 99, by=SYSTEM, now=now)


@pytest.mark.parametrize("fmt", ["pdf", "zpl", "dxf"])
def test_each_format_gives_the_file_its_machine_wants(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime, fmt: str
):
    key = plate if fmt == "zpl" else "sheet"
    if fmt != "zpl":
        put_template(engine, msgspec.structs.replace(standard_plate(), key="sheet", sheet=SHEETS), now)
    start = 8 if fmt == "pdf" else 1
    new = new_run(key, format=fmt, dpi=203 if fmt == "zpl" else None, start_position=start)
    run_id = plan_run(engine, new, by=SYSTEM, now=now)
    result = make(engine, run_id, tmp_path, now)
    assert (result.state, result.made, result.failed) == (PrintRunState.DONE, 5, 0)
    (file,) = [file.name for file in finished_files(tmp_path, run_id) if file.name != "list.csv"]
    path = finished_file(tmp_path, run_id, file)
    assert path is not None
    if fmt == "pdf":
        assert file == "labels.pdf"
        with pypdfium2.PdfDocument(path) as document:
            assert len(document) == 2  # two labels fit on the rest of the first sheet
            pictures = [page.render(scale=3).to_pil() for page in document]
        assert [len(zxingcpp.read_barcodes(picture)) for picture in pictures] == [2, 3]
    elif fmt == "zpl":
        assert (file, path.read_bytes().count(b"^XA")) == ("labels.zpl", 5)
    else:
        assert [name[-4:] for name in labels_in(tmp_path, run_id)] == [".dxf"] * 5


def test_the_worker_makes_all_runs_that_wait_and_one_that_fails_holds_up_nobody(
    engine: Engine, plate: str, covers: list[int], tmp_path: Path, now: datetime
):
    broken = plan_run(engine, new_run(plate, format="svg", dpi=None), by=SYSTEM, now=now)
    good = plan_run(engine, new_run(plate, kind=PrintRunKind.BLANK, count=2, format="svg"), by=SYSTEM, now=now)
    (tmp_path / "print").mkdir()
    (tmp_path / "print" / str(broken)).write_text("a file where the folder should be")
    make_waiting_runs(engine, data_dir=tmp_path, city=CITY, stop=lambda: False, clock=lambda: now)
    assert [run_row(engine, each).state for each in (broken, good)] == ["failed", "done"]
    assert str(broken) in run_row(engine, broken).problem
