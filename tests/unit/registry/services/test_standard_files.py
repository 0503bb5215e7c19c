"""A city's own case standard from a spreadsheet: what is read, what is refused with its row, and back again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import Engine

from registry.domain.case_standard import Pattern, Standard, Step
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, Severity
from registry.domain.people import SYSTEM
from registry.domain.shipped_standard import SHIPPED_LINES
from registry.domain.working_time import Limit, TimeUnit
from registry.services.standard import standard_in_force
from registry.services.standard_files import StandardReport, import_standard
from registry.storage.database import reading
from registry.tabular.standard_table import as_csv, as_xlsx

# As a city has it: no keys, merged cells for the classes, units in words.
CITY_TABLE = [
    ["大类", "小类", "立案条件", "结案条件", "现场围护时限", "处置时限", "严重程度"],
    ["公用设施", "上水井盖", "井盖缺失", "恢复原状", "3个紧急工作时", "8个紧急工作时", "紧急"],
    ["", "", "井盖破损大于25cm²", "恢复原状", "", "4工作时", "较重"],
    ["", "路灯", "单盏不亮", "恢复照明", "", "2 工作日", ""],
]


def sheet(path: Path, rows: list[list[str]]) -> Path:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(path)
    return path


def load(engine: Engine, path: Path, now: datetime, *, check_only: bool = False) -> StandardReport:
    return import_standard(engine, path, by=SYSTEM, now=now, check_only=check_only)


def standard(engine: Engine) -> Standard:
    with reading(engine) as tx:
        return standard_in_force(tx)


def test_a_citys_own_table_is_read_with_its_merged_cells_and_units(engine: Engine, tmp_path: Path, now: datetime):
    report = load(engine, sheet(tmp_path / "standard.xlsx", CITY_TABLE), now)
    assert (report.written, report.rows, len(report.added), report.problems) == (True, 3, 3, ())
    missing, damaged, out = (standard(engine).line(key) for key in report.added)
    assert (missing.pattern, missing.severity, missing.family) == (
        Pattern.SECURE_REPAIR,
        Severity.CRITICAL,
        Family.COVER,
    )
    assert missing.limit(Step.SECURE) == Limit(amount=3, unit=TimeUnit.URGENT_HOUR)
    assert (damaged.small_zh, damaged.filing_zh) == ("上水井盖", "井盖破损大于25cm²")
    assert damaged.repair_limit() == Limit(amount=4, unit=TimeUnit.WORK_HOUR)
    assert (out.big_zh, out.family, out.severity) == ("公用设施", Family.LIGHT, Severity.ALARM)


def test_loading_it_again_changes_only_what_is_different(engine: Engine, tmp_path: Path, now: datetime):
    path = sheet(tmp_path / "standard.xlsx", CITY_TABLE)
    load(engine, path, now)
    assert load(engine, path, now).unchanged == 3
    other = [*CITY_TABLE[:3], ["", "路灯", "单盏不亮", "恢复照明", "", "1 工作日", ""]]
    report = load(engine, sheet(path, other), now)
    assert (len(report.changed), report.unchanged) == (1, 2)
    assert standard(engine).line(report.changed[0]).version == 2


def test_a_dry_run_writes_nothing(engine: Engine, tmp_path: Path, now: datetime):
    report = load(engine, sheet(tmp_path / "standard.xlsx", CITY_TABLE), now, check_only=True)
    assert (report.written, len(report.added)) == (False, 3)
    assert len(list(standard(engine))) == len(SHIPPED_LINES)


def test_every_wrong_row_is_named_and_then_nothing_is_written(engine: Engine, tmp_path: Path, now: datetime):
    wrong = [
        *CITY_TABLE,
        ["", "", "灯杆倾斜", "扶正", "", "两天", ""],
        ["", "", "灯杆锈蚀", "除锈", "", "", ""],
        ["", "", "单盏不亮", "恢复照明", "", "2 工作日", ""],
        ["", "", "灯罩脱落", "恢复", "", "2 工作日", "天大的事"],
    ]
    report = load(engine, sheet(tmp_path / "standard.xlsx", wrong), now)
    told = [(each.row, each.error.field) for each in report.problems]
    assert told == [(4, "repair"), (5, "repair"), (6, "key"), (7, "severity")]
    assert not report.written
    assert len(list(standard(engine))) == len(SHIPPED_LINES)


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
def test_what_was_written_is_read_back_as_it_was(engine: Engine, tmp_path: Path, now: datetime, write):
    path = tmp_path / "standard.file"
    path.write_bytes(write(list(standard(engine))))
    report = load(engine, path, now)
    assert (report.problems, list(report.changed), list(report.added)) == ((), [], [])
    assert report.unchanged == len(SHIPPED_LINES)


def test_limits_of_seasons_and_grades_stand_in_one_cell(engine: Engine, tmp_path: Path, now: datetime):
    rows = [
        ["编码", "名称", "处置时限", "其他时限"],
        ["lamp_out", "路灯不亮", "2 工作日", "repair@flood/一级=4 工作时；处置/一级=1工作日"],
    ]
    load(engine, sheet(tmp_path / "standard.xlsx", rows), now)
    line = standard(engine).line("lamp_out")
    assert line.repair_limit(grade="一级", seasons=("flood",)) == Limit(amount=4, unit=TimeUnit.WORK_HOUR)
    assert line.repair_limit(grade="一级") == Limit(amount=1, unit=TimeUnit.WORK_DAY)
    # what the file has no column for stays
    assert line.filing_zh == "开灯时段单盏路灯不亮"


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ([["名称", "说明"], ["井盖", "x"]], "repair"),
        ([["处置时限", "说明"], ["2 工作日", "x"]], "name_zh"),
        ([["名称", "处置时限"]], "file"),
    ],
)
def test_a_file_that_is_no_standard_is_refused_as_a_whole(
    engine: Engine, tmp_path: Path, now: datetime, rows: list[list[str]], field: str
):
    with pytest.raises(InvalidInput) as refused:
        load(engine, sheet(tmp_path / "other.xlsx", rows), now)
    assert refused.value.field == field
