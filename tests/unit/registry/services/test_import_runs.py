"""Imports from upload to undo: counts that add up, rows known again, duplicates held, nothing left behind."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, update

from registry.domain.errors import Conflict, InvalidInput, InvalidMove
from registry.domain.kinds import DuplicateDecision, ImportState, Role
from registry.domain.people import SYSTEM, Actor
from registry.queries import imports as queries
from registry.services import imports
from registry.services.asset_changes import record
from registry.services.import_work import work_on
from registry.services.tags import issue_tag
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_alias, asset_change, audit, code_counter, import_run, road, unit, user
from tests.census import HEADER, NOW, Importer, census, clock_from, covers, whole_registry


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    return Importer(engine, tmp_path / "data")


def assets_of(engine: Engine) -> list[Any]:
    with reading(engine) as tx:
        return list(tx.execute(select(asset).order_by(asset.c.id)))


def counts(view: queries.ImportView) -> tuple[int, ...]:
    assert view.rows == view.created + view.updated + view.unchanged + view.rejected + view.held
    return (view.rows, view.created, view.updated, view.unchanged, view.rejected, view.held)


def codes_of_problems(engine: Engine, run_id: int) -> list[tuple[int, str, str]]:
    return [(line.row, line.column, line.code) for line in queries.problems(engine, run_id, limit=500)]


def test_a_census_becomes_assets_with_codes_aliases_and_roads(importer: Importer, engine: Engine):
    view = importer.run(census(covers(3)), "../某区 窨井盖普查（一期）.csv")
    assert (view.state, view.file_name) == (ImportState.DONE, "某区 窨井盖普查（一期）.csv")
    assert counts(view) == (3, 3, 0, 0, 0, 0)
    first = assets_of(engine)[0]
    assert (first.code, first.name, first.road) == ("3205080103000001", "雨水井盖 000001", "人民路")
    assert (first.family, first.state, first.area_code, first.import_id) == ("cover", "intact", "320508", view.id)
    with reading(engine) as tx:
        assert tx.execute(select(asset_alias.c.kind, asset_alias.c.value)).first() == ("井盖编号", "A-1")
        assert tx.execute(select(road.c.name)).scalars().all() == ["人民路"]
        actions = tx.execute(select(audit.c.action).order_by(audit.c.id)).scalars().all()
    assert actions == ["import.run"]


def test_a_dry_run_says_what_would_be_and_registers_nothing(importer: Importer, engine: Engine):
    before = whole_registry(engine)
    rows = [*covers(3), ("A-9", "无此类", "120.6", "31.4", ""), ("A-1", "雨水井盖", "120.7", "31.3", "")]
    view = importer.check(census(rows))
    assert view.state is ImportState.CHECKED
    assert counts(view) == (5, 3, 0, 0, 2, 0)
    assert codes_of_problems(engine, view.id) == [(4, "部件名称", "unknown_class"), (5, "井盖编号", "repeated")]
    assert whole_registry(engine) == before
    run = importer.go_on(view.id)
    assert counts(run) == counts(view)
    assert codes_of_problems(engine, run.id) == codes_of_problems(engine, view.id)


def test_the_report_names_column_value_problem_and_fix_in_both_languages(importer: Importer, engine: Engine):
    view = importer.check(census([("A-1", "雨水井盖", "四十", "31.3", "")]))
    (zh,) = queries.problems(engine, view.id)
    (en,) = queries.problems(engine, view.id, lang="en")
    assert (zh.row, zh.grave, zh.column, zh.value) == (1, True, "经度", "四十")
    assert (zh.problem, zh.fix) == ("不是经纬度", "请填十进制度（120.61）或度分秒（120°36′36″）")
    assert en.problem == "is not a longitude or latitude"


def test_the_same_file_again_changes_nothing_and_a_corrected_one_updates(importer: Importer, engine: Engine):
    importer.run(census(covers(3)))
    before = whole_registry(engine)
    assert counts(importer.run(census(covers(3)))) == (3, 0, 0, 3, 0, 0)
    assert whole_registry(engine) == before
    rows = [*covers(2), ("A-3", "雨水井盖", "120.600000", "31.300350", "干将路")]
    view = importer.run(census(rows))
    assert counts(view) == (3, 0, 1, 2, 0, 0)
    changed = assets_of(engine)[2]
    assert (changed.version, changed.road, changed.lat) == (2, "干将路", 31.30035)
    with reading(engine) as tx:
        history = tx.execute(select(asset_change)).one()
    assert (history.asset_id, history.action, history.import_id) == (changed.id, "import", view.id)
    assert history.changes["road"] == ["人民路", "干将路"]


def test_an_empty_cell_says_nothing_and_takes_nothing_away(importer: Importer, engine: Engine):
    header = (*HEADER, "材质")
    importer.run(census([(*covers(1)[0], "铸铁")], header))
    assert counts(importer.run(census([("A-1", "雨水井盖", "120.6", "31.3001", "", "")], header))) == (1, 0, 0, 1, 0, 0)
    assert (assets_of(engine)[0].material, assets_of(engine)[0].road) == ("铸铁", "人民路")


def test_a_file_without_places_updates_what_is_known_and_refuses_what_is_not(importer: Importer, engine: Engine):
    importer.run(census(covers(1)))
    rows = [("A-1", "复合材料"), ("A-7", "铸铁")]
    view = importer.run(census(rows, ("井盖编号", "材质")), constants={})
    assert counts(view) == (2, 0, 1, 0, 1, 0)
    assert assets_of(engine)[0].material == "复合材料"
    assert codes_of_problems(engine, view.id) == [(2, "井盖编号", "not_on_file")]


def test_undo_leaves_the_registry_as_it_was_row_by_row(importer: Importer, engine: Engine):
    importer.run(census(covers(5)))
    with writing(engine) as tx:
        add_unit(tx, NewUnit(name="水务局"))
    before = whole_registry(engine)
    header = (*HEADER, "权属单位", "RFID", "备注")
    rows = [
        ("A-1", "雨水井盖", "120.600000", "31.300150", "干将路", "新单位", "E2-1", "挪动"),
        ("A-2", "雨水井盖", "120.600000", "31.300200", "人民路", "水务局", "E2-2", ""),
        ("A-8", "雨水井盖", "120.600000", "31.310000", "观前街", "新单位", "E2-8", "新建"),
    ]
    view = importer.run(census(rows, header), add_units=True)
    assert counts(view) == (3, 1, 2, 0, 0, 0)
    with reading(engine) as tx:
        assert set(tx.execute(select(unit.c.name)).scalars()) == {"水务局", "新单位"}
    assert whole_registry(engine) != before
    importer.undo(view.id)
    assert whole_registry(engine) == before
    assert importer.view(view.id).state is ImportState.UNDONE
    with pytest.raises(InvalidMove):
        importer.undo(view.id)


def test_the_codes_of_an_undone_import_are_never_given_again(importer: Importer, engine: Engine):
    view = importer.run(census(covers(2)))
    importer.undo(view.id)
    importer.run(census(covers(1)))
    assert [row.code for row in assets_of(engine)] == ["3205080103000003"]
    header = ("部件编码", "部件名称", "经度", "纬度")
    again = importer.run(census([("3205080103000002", "雨水井盖", "120.7", "31.3")], header), key="")
    assert codes_of_problems(engine, again.id) == [(1, "部件编码", "code_retired")]
    last = assets_of(engine)[-1]
    assert last.code == "3205080103000004"
    with reading(engine) as tx:
        assert ("部件编码", "3205080103000002", last.id) in tx.execute(
            select(asset_alias.c.kind, asset_alias.c.value, asset_alias.c.asset_id)
        ).all()


def a_tag(engine: Engine, asset_id: int) -> None:
    with writing(engine) as tx:
        issue_tag(tx, asset_id, now=NOW)


def a_change(engine: Engine, asset_id: int) -> None:
    with writing(engine) as tx:
        tx.execute(update(asset).where(asset.c.id == asset_id).values(version=asset.c.version + 1, road="新路"))
        record(tx, asset_id, action="change", changes={"road": ["人民路", "新路"]}, by=None, now=NOW)


@pytest.mark.parametrize(("touch", "why"), [(a_tag, "has a plate"), (a_change, "was changed")])
def test_an_import_whose_assets_somebody_touched_is_not_undone_and_the_asset_is_named(
    importer: Importer, engine: Engine, touch: Any, why: str
):
    view = importer.run(census(covers(3)))
    touch(engine, assets_of(engine)[1].id)
    before = whole_registry(engine)
    with pytest.raises(Conflict, match=f"3205080103000002 .*{why}|3205080103000002"):
        importer.undo(view.id)
    assert whole_registry(engine) == before


def test_an_import_is_undone_only_after_the_later_one_that_changed_its_assets(importer: Importer, engine: Engine):
    empty = whole_registry(engine)
    first = importer.run(census(covers(2)))
    between = whole_registry(engine)
    second = importer.run(census([("A-1", "雨水井盖", "120.6", "31.3001", "干将路")]))
    with pytest.raises(Conflict, match="3205080103000001"):
        importer.undo(first.id)
    importer.undo(second.id)
    assert whole_registry(engine) == between
    importer.undo(first.id)
    assert whole_registry(engine) == empty


def test_likely_duplicates_are_held_side_by_side_and_decided_after_the_run(importer: Importer, engine: Engine):
    importer.run(census(covers(2)))
    rows = [
        ("B-1", "雨水井盖", "120.600005", "31.300100", "人民路"),  # half a metre from A-1
        ("B-2", "雨水井盖", "120.600005", "31.300200", "干将路"),
        ("B-3", "污水井盖", "120.600005", "31.300100", "人民路"),  # another class: another cover
    ]
    view = importer.run(census(rows))
    assert counts(view) == (3, 1, 0, 0, 0, 2)
    first, second = queries.duplicates(engine, view.id)
    assert first.distance_m == pytest.approx(0.475, abs=0.01)
    assert first.there is not None
    assert (first.there.code, first.new.aliases, first.new.road) == ("3205080103000001", ("井盖编号 B-1",), "人民路")
    decisions = {first.id: DuplicateDecision.KEEP, second.id: DuplicateDecision.MERGE}
    assert (
        imports.decide_duplicates(engine, importer.data_dir, view.id, decisions, by=SYSTEM, now=importer.clock()) == 2
    )
    assert counts(importer.view(view.id)) == (3, 2, 1, 0, 0, 0)
    merged = assets_of(engine)[1]
    assert (merged.road, merged.version) == ("干将路", 2)
    with reading(engine) as tx:
        assert set(tx.execute(select(asset_alias.c.value).where(asset_alias.c.asset_id == merged.id)).scalars()) == {
            "A-2",
            "B-2",
        }
    importer.undo(view.id)
    assert len(assets_of(engine)) == 2


def test_decisions_made_before_the_run_are_followed_by_it(importer: Importer, engine: Engine):
    importer.run(census(covers(2)))
    rows = [("B-1", "雨水井盖", "120.6", "31.3001", "甲路"), ("B-2", "雨水井盖", "120.6", "31.3002", "乙路")]
    view = importer.check(census(rows))
    first, second = queries.duplicates(engine, view.id)
    decisions = {first.id: DuplicateDecision.KEEP, second.id: DuplicateDecision.MERGE}
    imports.decide_duplicates(engine, importer.data_dir, view.id, decisions, by=SYSTEM, now=importer.clock())
    assert len(assets_of(engine)) == 2
    assert counts(importer.go_on(view.id)) == (2, 1, 1, 0, 0, 0)
    assert [each.made_asset_id is not None for each in queries.duplicates(engine, view.id)] == [True, True]


def test_rows_of_one_file_that_lie_on_each_other_are_held_too(importer: Importer, engine: Engine):
    rows = [("B-1", "雨水井盖", "120.6", "31.3", ""), ("B-2", "雨水井盖", "120.600003", "31.3", "")]
    checked = importer.check(census(rows))
    (held,) = queries.duplicates(engine, checked.id)
    assert (held.row, held.other_row, held.there) == (2, 1, None)
    view = importer.go_on(checked.id)
    (held,) = queries.duplicates(engine, view.id)
    assert held.there is not None
    assert held.there.asset_id == assets_of(engine)[0].id


@pytest.mark.parametrize(("policy", "wanted"), [("merge", (2, 1, 1, 0, 0, 0)), ("keep", (2, 2, 0, 0, 0, 0))])
def test_duplicates_are_merged_or_kept_when_the_file_says_so(
    importer: Importer, engine: Engine, policy: str, wanted: tuple[int, ...]
):
    rows = [("B-1", "雨水井盖", "120.6", "31.3", "甲路"), ("B-2", "雨水井盖", "120.600003", "31.3", "乙路")]
    view = importer.run(census(rows), duplicates=policy)
    assert counts(view) == wanted
    importer.undo(view.id)
    assert assets_of(engine) == []


def test_codes_in_the_file_are_kept_and_the_counter_goes_on_behind_them(importer: Importer, engine: Engine):
    header = ("部件编码", "部件名称", "经度", "纬度")
    rows = [
        ("", "雨水井盖", "120.61", "31.3"),
        ("3205080103000005", "雨水井盖", "120.62", "31.3"),
        ("320508 0103 000002", "雨水井盖", "120.63", "31.3"),
        ("3205070103000009", "雨水井盖", "120.64", "31.3"),  # another division than the row's
        ("32050801", "雨水井盖", "120.65", "31.3"),
    ]
    view = importer.run(census(rows, header), constants={"division": "320508"})
    assert view.created == 5
    assert [row.code[10:] for row in assets_of(engine)] == ["000006", "000005", "000002", "000007", "000008"]
    assert codes_of_problems(engine, view.id) == [(4, "部件编码", "code_elsewhere"), (5, "部件编码", "bad_code")]
    with reading(engine) as tx:
        assert tx.execute(select(code_counter.c.last_serial).where(code_counter.c.division == "320508")).scalar() == 8


def test_a_code_that_is_taken_is_refused_unless_it_is_the_key(importer: Importer, engine: Engine):
    importer.run(census(covers(1)))
    header = ("部件编码", "部件名称", "经度", "纬度", "材质")
    row = [("3205080103000001", "雨水井盖", "120.6", "31.3001", "铸铁")]
    refused = importer.run(census(row, header), key="", duplicates_m=0.0)
    assert codes_of_problems(engine, refused.id) == [(1, "部件编码", "code_taken")]
    assert counts(importer.run(census(row, header), key="code")) == (1, 0, 1, 0, 0, 0)


def test_places_are_kept_in_wgs84_beside_what_the_file_said(importer: Importer, engine: Engine):
    importer.run(census([("A-1", "雨水井盖", "116.427022", "39.902446", "")]), crs="gcj02")
    (row,) = assets_of(engine)
    assert (row.lon, row.lat) == (pytest.approx(116.42079, abs=2e-6), pytest.approx(39.90105, abs=2e-6))
    assert (row.source_crs, row.source_x, row.source_y) == ("gcj02", 116.427022, 39.902446)


def test_a_file_that_does_not_say_its_system_is_not_imported_until_somebody_does(importer: Importer, engine: Engine):
    run_id = importer.keep(census(covers(1)))
    look = imports.look_at(engine, importer.data_dir, run_id, division="320508")
    assert (look.guessed.crs, ("which_crs", {}) in look.notes) == ("", True)
    with pytest.raises(InvalidInput, match="crs: say in which coordinate system"):
        imports.start_check(engine, run_id, look.guessed, by=SYSTEM, now=NOW)


def test_swapped_latitude_and_longitude_are_noticed_and_exchanged_only_when_told(importer: Importer, engine: Engine):
    rows = [(name, kind, lat, lon, way) for name, kind, lon, lat, way in covers(10)]
    run_id = importer.keep(census(rows))
    look = imports.look_at(engine, importer.data_dir, run_id, division="320508")
    assert look.guessed.swapped
    assert ("swapped", {}) in look.notes
    as_it_is = importer.check(census(rows), swapped=False)
    assert (as_it_is.rejected, {line[2] for line in codes_of_problems(engine, as_it_is.id)}) == (10, {"swapped"})
    assert importer.run(census(rows), swapped=True).created == 10
    assert assets_of(engine)[0].lon == 120.6


def test_one_swapped_row_among_right_ones_is_refused_with_a_hint(importer: Importer, engine: Engine):
    rows = [*covers(9), ("A-99", "雨水井盖", "31.3", "120.6", "")]
    assert codes_of_problems(engine, importer.check(census(rows)).id) == [(10, "纬度", "swapped")]
    near = [(f"C-{n}", "路灯", -71.1, 42.37 + n / 1000, "") for n in range(8)]
    view = importer.check(census([*near, ("C-9", "路灯", 42.37, -71.1, "")]))
    assert codes_of_problems(engine, view.id) == [(9, "经度", "far_swapped")]


def test_metres_of_a_projection_are_refused_with_the_remedy(importer: Importer, engine: Engine):
    rows = [("A-1", "雨水井盖", "40512345.6", "3465432.1", "")]
    run_id = importer.keep(census(rows))
    assert ("metres", {}) in imports.look_at(engine, importer.data_dir, run_id, division="320508").notes
    view = importer.check(census(rows))
    (line,) = queries.problems(engine, view.id, lang="en")
    assert (line.code, "EPSG:4490" in line.fix) == ("metres", True)


def test_degrees_minutes_seconds_and_full_width_digits_are_the_same_place(importer: Importer, engine: Engine):
    rows = [
        ("A-1", "雨水井盖", "120°36′36″E", "31°18′36″N", ""),
        ("A-2", "污水井盖", "１２０．６１", "３１．３１", ""),
        ("A-3", "上水井盖", "120-36-36", "31-18-36", ""),
    ]
    assert importer.run(census(rows)).created == 3
    assert {(row.lon, row.lat) for row in assets_of(engine)} == {(120.61, 31.31)}


def test_a_cell_that_begins_with_an_equals_sign_is_text(importer: Importer, engine: Engine):
    header = (*HEADER, "备注", "材质")
    importer.run(census([(*covers(1)[0], "=cmd|' /C calc'!A0", "=1+1")], header))
    (row,) = assets_of(engine)
    assert (row.details["备注"], row.material) == ("=cmd|' /C calc'!A0", "=1+1")


def test_what_a_field_can_not_take_is_kept_in_the_details_with_a_remark(importer: Importer, engine: Engine):
    header = (*HEADER, "井深(m)", "安装日期", "状态", "权属单位", "批次")
    importer.run(census([(*covers(1)[0], "很深", "去年", "尚可", "谁也不知道", "7")], header))
    (row,) = assets_of(engine)
    assert row.details == {"井深(m)": "很深", "安装日期": "去年", "状态": "尚可", "权属单位": "谁也不知道", "批次": "7"}


def test_a_person_bound_to_an_area_imports_into_it_only(engine: Engine, tmp_path: Path):
    with writing(engine) as tx:
        words = {"login": "wu", "name": "吴中", "role": "registrar", "password_hash": "-", "created_at": NOW}
        user_id = tx.execute(insert(user).values(**words, area_code="320506").returning(user.c.id)).scalar_one()
    bound = Actor(user_id=user_id, name="吴中", role=Role.REGISTRAR, unit_id=None, area_code="320506")
    importer = Importer(engine, tmp_path / "data", by=bound)
    view = importer.run(census(covers(1)))
    assert [line[2] for line in codes_of_problems(engine, view.id)] == ["outside_area"]
    inside = importer.run(census(covers(1)), constants={"division": "320506"})
    assert (inside.created, inside.by_name) == (1, "吴中")


def test_a_stopped_import_goes_on_where_it_was(importer: Importer, engine: Engine):
    run_id = importer.check(census(covers(30))).id
    imports.start_run(engine, run_id, by=SYSTEM, now=NOW)
    batches: list[int] = []

    def stop_after_two(done: int, _expected: int) -> None:
        batches.append(done)
        if len(batches) == 2:
            imports.stop_import(engine, run_id, by=SYSTEM, now=importer.clock())

    work = imports.Work(holder="one", clock=importer.clock, progress=stop_after_two, batch=10)
    with pytest.raises(imports.Stopped):
        work_on(engine, importer.data_dir, run_id, work)
    assert importer.view(run_id).state is ImportState.STOPPED
    assert len(assets_of(engine)) == 20
    assert counts(importer.go_on(run_id)) == (30, 30, 0, 0, 0, 0)
    assert len({row.code for row in assets_of(engine)}) == 30


def test_a_resumed_import_still_knows_the_ids_of_the_rows_before(importer: Importer, engine: Engine):
    rows = [*covers(20), ("A-3", "雨水井盖", "120.9", "31.3", "")]
    run_id = importer.check(census(rows)).id
    imports.start_run(engine, run_id, by=SYSTEM, now=NOW)
    told: list[int] = []
    work = imports.Work(holder="one", clock=importer.clock, stop=lambda: len(told) == 1, batch=10)
    stopping = imports.Work(
        holder="one", clock=importer.clock, progress=lambda done, _: told.append(done), stop=work.stop, batch=10
    )
    assert work_on(engine, importer.data_dir, run_id, stopping) is ImportState.RUNNING
    imports.work_on_imports(engine, importer.data_dir, imports.Work(holder="two", clock=importer.clock, batch=10))
    assert counts(importer.view(run_id)) == (21, 20, 0, 0, 1, 0)
    assert codes_of_problems(engine, run_id) == [(21, "井盖编号", "repeated")]


def test_only_one_process_works_on_a_run(importer: Importer, engine: Engine):
    run_id = importer.check(census(covers(1))).id
    imports.start_run(engine, run_id, by=SYSTEM, now=NOW)
    with writing(engine) as tx:
        tx.execute(update(import_run).values(holder="other", held_until=clock_from(NOW)().replace(year=2030)))
    with pytest.raises(Conflict):
        work_on(engine, importer.data_dir, run_id, imports.Work(holder="me", clock=importer.clock))
    assert imports.work_on_imports(engine, importer.data_dir, imports.Work(holder="me", clock=importer.clock)) == 0


def test_a_file_that_can_not_be_read_fails_the_run_and_says_why(importer: Importer, engine: Engine):
    run_id = importer.keep(b"PK\x03\x04 nothing", "x.xlsx")
    with pytest.raises(InvalidInput, match="no workbook"):
        imports.look_at(engine, importer.data_dir, run_id)
    run_id = importer.keep(census(covers(1)))
    settings = importer.settings(run_id, columns={"没有": "lon", "纬度": "lat", "井盖编号": "alias:井盖编号"})
    settings = imports.with_choices(settings, constants={"class": "0103", "division": "320508"}, key="alias:井盖编号")
    with pytest.raises(InvalidInput, match="no column '没有'"):
        imports.check_import(engine, importer.data_dir, run_id, settings, by=SYSTEM, clock=importer.clock)
    view = importer.view(run_id)
    assert (view.state, view.problem) == (ImportState.FAILED, "columns: the file has no column '没有'")


def test_uploads_are_refused_when_empty_or_too_large_and_leave_nothing(importer: Importer, engine: Engine):
    with pytest.raises(InvalidInput, match="is empty"):
        importer.keep(b"")

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"x" * (64 << 20)

    with pytest.raises(InvalidInput, match="larger than 512 MB"):
        imports.keep_upload(engine, importer.data_dir, Endless(), "x.csv", by=SYSTEM, now=NOW)  # type: ignore[arg-type]
    assert list((importer.data_dir / "imports").iterdir()) == []
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(import_run)).scalar() == 0


def test_an_upload_nobody_imports_can_be_discarded_with_its_file(importer: Importer, engine: Engine):
    view = importer.check(census(covers(1)))
    imports.discard_import(engine, importer.data_dir, view.id, by=SYSTEM, now=NOW)
    assert list((importer.data_dir / "imports").iterdir()) == []
    assert queries.list_imports(engine).items == []
    done = importer.run(census(covers(1)))
    with pytest.raises(InvalidMove, match="stays on file"):
        imports.discard_import(engine, importer.data_dir, done.id, by=SYSTEM, now=NOW)


def test_profiles_keep_the_mapping_and_leave_out_columns_a_file_lacks(importer: Importer, engine: Engine):
    run_id = importer.keep(census(covers(1)))
    settings = importer.settings(run_id, crs="cgcs2000")
    profile_id = imports.save_profile(engine, "月度普查", settings, by=SYSTEM, now=NOW)
    assert [profile.name for profile in imports.list_profiles(engine)] == ["street-lights", "月度普查"]
    kept = imports.find_profile(engine, "月度普查").settings
    assert (kept.crs, kept.header_row, kept.columns["经度"]) == ("cgcs2000", 0, "lon")
    applied = imports.apply_profile(kept, settings, ("经度", "纬度"))
    assert applied.columns == {"经度": "lon", "纬度": "lat"}
    imports.delete_profile(engine, profile_id, by=SYSTEM, now=NOW)
    assert len(imports.list_profiles(engine)) == 1


def test_the_list_of_imports_has_the_newest_first_and_pages(importer: Importer, engine: Engine):
    ids = [importer.check(census(covers(1, first=n))).id for n in range(3)]
    page = queries.list_imports(engine, limit=2)
    assert [view.id for view in page.items] == [ids[2], ids[1]]
    assert [view.id for view in queries.list_imports(engine, after=page.next, limit=2).items] == [ids[0]]


def test_a_check_that_was_broken_off_leaves_no_half_report(importer: Importer, engine: Engine):
    rows = [(f"A-{n}", "无此类", "120.6", f"31.{n:04d}", "") for n in range(20)]
    run_id = importer.keep(census(rows))
    settings = importer.settings(run_id, columns={**importer.settings(run_id).columns, "部件名称": "class"})
    imports.start_check(engine, run_id, settings, by=SYSTEM, now=NOW)
    told: list[int] = []
    work = imports.Work(
        holder="one",
        clock=importer.clock,
        batch=10,
        progress=lambda done, _: told.append(done),
        stop=lambda: bool(told),
    )
    assert work_on(engine, importer.data_dir, run_id, work) is ImportState.CHECKING
    imports.work_waiting_imports(engine, importer.data_dir, clock=importer.clock)
    view = importer.view(run_id)
    assert (view.state, view.rejected, view.problems_kept) == (ImportState.CHECKED, 20, 20)


def test_duplicates_of_an_import_that_ended_half_way_wait_for_its_end(importer: Importer, engine: Engine):
    importer.run(census(covers(1)))
    near = [("B-1", "雨水井盖", "120.6", "31.3001", ""), *covers(20, first=100)]
    run_id = importer.check(census(near)).id
    imports.start_run(engine, run_id, by=SYSTEM, now=NOW)
    told: list[int] = []

    def stop_after_one(done: int, _expected: int) -> None:
        told.append(done)
        if len(told) == 1:
            imports.stop_import(engine, run_id, by=SYSTEM, now=importer.clock())

    with pytest.raises(imports.Stopped):
        work_on(
            engine,
            importer.data_dir,
            run_id,
            imports.Work(holder="one", clock=importer.clock, batch=10, progress=stop_after_one),
        )
    (held,) = queries.duplicates(engine, run_id)
    decisions = {held.id: DuplicateDecision.KEEP}
    with pytest.raises(InvalidMove, match="resume it, then decide"):
        imports.decide_duplicates(engine, importer.data_dir, run_id, decisions, by=SYSTEM, now=NOW)
    importer.go_on(run_id)
    imports.decide_duplicates(engine, importer.data_dir, run_id, decisions, by=SYSTEM, now=NOW)
    assert counts(importer.view(run_id)) == (21, 21, 0, 0, 0, 0)


def test_an_undoing_that_broke_off_is_finished_by_the_worker(importer: Importer, engine: Engine):
    importer.run(census(covers(3)))
    before = whole_registry(engine)
    view = importer.run(census([("A-1", "雨水井盖", "120.6", "31.3001", "干将路"), *covers(5, first=10)]))
    with writing(engine) as tx:
        dead = {"state": "undoing", "holder": "undo", "held_until": NOW}
        tx.execute(update(import_run).where(import_run.c.id == view.id).values(**dead))
    with pytest.raises(InvalidMove):
        imports.start_run(engine, view.id, by=SYSTEM, now=NOW)
    imports.work_waiting_imports(engine, importer.data_dir, clock=importer.clock)
    assert importer.view(view.id).state is ImportState.UNDONE
    assert whole_registry(engine) == before


def test_a_plate_bound_while_an_import_is_being_undone_stops_it_and_is_named(importer: Importer, engine: Engine):
    view = importer.run(census(covers(3)))
    with writing(engine) as tx:
        dead = {"state": "undoing", "holder": "undo", "held_until": NOW}
        tx.execute(update(import_run).where(import_run.c.id == view.id).values(**dead))
    a_tag(engine, assets_of(engine)[2].id)
    imports.work_waiting_imports(engine, importer.data_dir, clock=importer.clock)
    stopped = importer.view(view.id)
    assert (stopped.state, "refused" in stopped.problem) == (ImportState.UNDOING, True)
    assert len(assets_of(engine)) == 3
