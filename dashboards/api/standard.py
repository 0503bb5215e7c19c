"""The case standard and the calendar of work: read, change line by line or as a file, and work out a deadline."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.operation import Answer, Body, NoQuery, Operation, Query, Upload
from dashboards.api.request import Call, Sent
from dashboards.refusals import problem_at
from dashboards.standard_forms import load_standard_file
from registry.domain.case_standard import CaseLine, LineLimit, Pattern, Step
from registry.domain.kinds import Family, Severity
from registry.domain.working_time import Limit, TimeUnit
from registry.queries.standard import LineVersion, line_in_force, line_versions, standard_of
from registry.queries.work_calendar import YearView, due_at, year_view
from registry.services import standard as services
from registry.services import work_calendar as calendar

Text60 = Annotated[str, Meta(max_length=60)]
Text120 = Annotated[str, Meta(max_length=120)]
Text500 = Annotated[str, Meta(max_length=500)]
Minute = Annotated[int, Meta(ge=0, le=1440)]


class CaseStandard(msgspec.Struct, frozen=True, kw_only=True):
    """Every line, those out of use too."""

    items: list[CaseLine]


class LinePast(msgspec.Struct, frozen=True, kw_only=True):
    """A line with all its versions, the newest first."""

    line: CaseLine
    versions: list[LineVersion]


class LimitBody(Body, frozen=True, kw_only=True):
    """How long a step may take, in a season and on streets of a grade, or (both empty) anywhere and always."""

    step: Step
    amount: Annotated[float, Meta(gt=0, le=10_000)]
    unit: TimeUnit
    season: Annotated[str, Meta(max_length=40)] = ""
    grade: Annotated[str, Meta(max_length=20)] = ""


class LineBody(Body, frozen=True, kw_only=True):
    """A line as it shall be. ``expected_version``: the one you looked at; 0 for a new line."""

    expected_version: Annotated[int, Meta(ge=0)]
    family: Family
    severity: Severity
    name_zh: Annotated[str, Meta(min_length=1, max_length=80)]
    limits: Annotated[list[LimitBody], Meta(min_length=1, max_length=40)]
    name_en: Text120 = ""
    big_zh: Text60 = ""
    big_en: Text120 = ""
    small_zh: Text60 = ""
    small_en: Text120 = ""
    filing_zh: Text500 = ""
    filing_en: Text500 = ""
    closing_zh: Text500 = ""
    closing_en: Text500 = ""
    pattern: Pattern = Pattern.ONE_STEP
    quantity_unit: Annotated[str, Meta(max_length=12)] = ""
    source: Annotated[str, Meta(max_length=200)] = ""
    retired: bool = False
    note: Text500 = ""


class FileFields(Query, frozen=True, kw_only=True):
    """Without ``dry_run=false`` nothing is written."""

    dry_run: bool = True


class FileProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A row that can't be used."""

    row: int
    field: str
    problem: str


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What loading the file did or would do; nothing is written while there is a problem."""

    written: bool
    rows: int
    added: list[str]
    changed: list[str]
    unchanged: int
    problems: list[FileProblem]


class YearQuery(Query, frozen=True, kw_only=True):
    """Which year."""

    year: Annotated[int, Meta(ge=2000, le=2100)]


class DayBody(Body, frozen=True, kw_only=True):
    """Whether people work on that day, whatever the table says; null: as the table says."""

    day: date
    works: bool | None
    name: Text60 = ""


class HoursBody(Body, frozen=True, kw_only=True):
    """Hours of work from a day on, as [begin, end] in minutes of the day."""

    valid_from: date
    windows: Annotated[list[tuple[Minute, Minute]], Meta(min_length=1, max_length=4)]


class DeadlineQuery(Query, frozen=True, kw_only=True):
    """A limit and the moment at which its clock starts."""

    start: datetime
    amount: Annotated[float, Meta(gt=0, le=1_000)]
    unit: TimeUnit


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """When it is due by the city's calendar."""

    due_at: datetime


def api_standard(call: Call[NoQuery, None]) -> Answer:
    """Every line."""
    return Answer(value=CaseStandard(items=list(standard_of(call.engine))))


def api_standard_line(call: Call[NoQuery, None], line: str) -> Answer:
    """One line and its past."""
    past = line_versions(call.engine, line)
    return Answer(value=LinePast(line=line_in_force(call.engine, line), versions=past))


def api_put_standard_line(call: Call[NoQuery, LineBody], line: str) -> Answer:
    """Keep a new version of a line, or a new line."""
    told = msgspec.to_builtins(call.body)
    limits = tuple(LineLimit(**msgspec.structs.asdict(each)) for each in call.body.limits)
    given = {name: told[name] for name in LineBody.__struct_fields__ if name in CaseLine.__struct_fields__}
    plain = {name: value for name, value in given.items() if name not in ("limits", "family", "severity", "pattern")}
    meant = CaseLine(
        **plain,
        key=line,
        family=call.body.family,
        severity=call.body.severity,
        pattern=call.body.pattern,
        limits=limits,
    )
    kept = services.put_line(
        call.engine,
        meant,
        expected_version=call.body.expected_version,
        note=call.body.note,
        by=call.by,
        now=call.now,
    )
    return Answer(value=kept)


def api_load_standard(call: Call[NoQuery, Sent]) -> Answer:
    """Check a standard, or load it."""
    check_only = call.body.fields.dry_run
    report = load_standard_file(call.engine, call.body.files[0], by=call.by, now=call.now, check_only=check_only)
    problems = [
        FileProblem(row=each.row, field=each.error.field, problem=problem_at(each.error)) for each in report.problems
    ]
    return Answer(
        value=FileReport(
            written=report.written,
            rows=report.rows,
            added=list(report.added),
            changed=list(report.changed),
            unchanged=report.unchanged,
            problems=problems,
        )
    )


def api_work_calendar(call: Call[YearQuery, None]) -> Answer:
    """A year of the calendar."""
    return Answer(value=year_view(call.engine, call.query.year))


def api_set_work_day(call: Call[NoQuery, DayBody]) -> Answer:
    """Say what the city makes of a day, or take that back."""
    told = call.body
    if told.works is None:
        calendar.forget_day(call.engine, told.day, by=call.by, now=call.now)
    else:
        calendar.set_day(call.engine, told.day, works=told.works, name=told.name, by=call.by, now=call.now)
    return Answer(value=year_view(call.engine, told.day.year))


def api_set_work_hours(call: Call[NoQuery, HoursBody]) -> Answer:
    """Keep hours of work from a day on."""
    told = call.body
    calendar.set_hours(call.engine, told.valid_from, told.windows, by=call.by, now=call.now)
    return Answer(value=year_view(call.engine, told.valid_from.year))


def api_deadline(call: Call[DeadlineQuery, None]) -> Answer:
    """When a limit is used up."""
    asked = call.query
    limit = Limit(amount=asked.amount, unit=asked.unit)
    return Answer(value=Deadline(due_at=due_at(call.engine, asked.start, limit, zone=call.where.zone)))


_row = partial(Operation, group="rules")
OPERATIONS = (
    _row(
        method="GET",
        path="/standard",
        endpoint="api_standard",
        run=api_standard,
        zh="案件标准",
        en="The case standard: what counts as a case, when it is closed, how long each step may take",
        replies={200: CaseStandard},
    ),
    _row(
        method="POST",
        path="/standard",
        endpoint="api_load_standard",
        run=api_load_standard,
        zh="导入案件标准",
        en="Check a case standard, or load it (dry_run=false)",
        note="All rows are written, or none. Lines that the file does not have stay as they are.",
        body=Upload("file", "CSV (UTF-8 or GBK) or XLSX: classes, conditions, limits", FileFields),
        replies={200: FileReport},
    ),
    _row(
        method="GET",
        path="/standard/{line}",
        endpoint="api_standard_line",
        run=api_standard_line,
        zh="一条标准及其版本",
        en="One line of the case standard with its versions",
        replies={200: LinePast},
    ),
    _row(
        method="PUT",
        path="/standard/{line}",
        endpoint="api_put_standard_line",
        run=api_put_standard_line,
        zh="修改或新增标准",
        en="Keep a new version of a line, or a new line",
        note="Cases that are filed keep the version they were filed under.",
        body=LineBody,
        replies={200: CaseLine},
    ),
    _row(
        method="GET",
        path="/work-calendar",
        endpoint="api_work_calendar",
        run=api_work_calendar,
        zh="工作日历",
        en="The calendar of work: a year day by day, and the hours of work",
        query=YearQuery,
        replies={200: YearView},
    ),
    _row(
        method="POST",
        path="/work-calendar/days",
        endpoint="api_set_work_day",
        run=api_set_work_day,
        zh="另定某日上班或休息",
        en="Say whether people work on a day, or let it be as the table has it",
        body=DayBody,
        replies={200: YearView},
        errors=(404,),
    ),
    _row(
        method="POST",
        path="/work-calendar/hours",
        endpoint="api_set_work_hours",
        run=api_set_work_hours,
        zh="设定工作时间",
        en="Set the hours of work from a day on",
        body=HoursBody,
        replies={200: YearView},
    ),
    _row(
        method="GET",
        path="/work-calendar/deadline",
        endpoint="api_deadline",
        run=api_deadline,
        zh="试算时限",
        en="When a limit is used up, by the city's calendar",
        query=DeadlineQuery,
        replies={200: Deadline},
    ),
)
