"""Class tables and component codes: what a code means, a city's own table, classes of its own."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.answering import page_out_of
from dashboards.api.operation import Answer, Body, Listing, NoQuery, Operation, Paged, Query, Upload
from dashboards.api.request import Call, Sent
from dashboards.class_files import load_class_file
from dashboards.site import lang
from registry.domain.kinds import Family
from registry.queries.classes import SchemeRow, SchemeView, list_schemes, scheme_view
from registry.services.class_import import ClassReport
from registry.services.classes import AssetClass, Scheme, add_extension_class
from registry.services.codes import CodeReading, explain_code
from registry.services.transactions import in_one_view
from registry.tabular.class_table import say_class_fault


class ClassTableFields(Query, frozen=True, kw_only=True):
    """What the table is called; without ``dry_run=false`` nothing is written."""

    scheme: Annotated[str, Meta(min_length=1, max_length=60, description="The table's key")]
    name_zh: Annotated[str, Meta(min_length=1, max_length=200)]
    name_en: Annotated[str, Meta(max_length=200)] = ""
    note: Annotated[str, Meta(max_length=2000)] = ""
    dry_run: bool = True


class ClassRowFault(msgspec.Struct, frozen=True, kw_only=True):
    """A row that can't be used: in which column, what stands there, what is wrong and how to mend it."""

    row: int
    column: str
    value: str
    code: str
    problem: str
    fix: str


class ClassTableReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a class table; ``written`` is False for a dry run and while any row is faulty.

    ``removed`` and ``kept`` are codes that the file no longer has; kept ones are carried by assets, or the city added
    them by hand. ``guessed`` classes got their family by their name. ``columns``: field and the file's word for it.
    """

    scheme: str
    written: bool
    rows: int
    added: list[str]
    changed: list[str]
    unchanged: int
    removed: list[str]
    kept: list[str]
    guessed: list[str]
    faults: list[ClassRowFault]
    columns: dict[str, str]


class NewClass(Body, frozen=True, kw_only=True):
    """A class of the city's own; it gets the next free number."""

    name_zh: Annotated[str, Meta(min_length=1, max_length=60)]
    family: Family
    major: Annotated[str, Meta(pattern="^([0-9]{2})?$")] = ""
    name_en: Annotated[str, Meta(max_length=80)] = ""


class CodeQuery(Query, frozen=True, kw_only=True):
    """A code as somebody wrote it."""

    code: Annotated[str, Meta(min_length=1, max_length=60)]
    scheme: Annotated[str, Meta(max_length=30)] | None = None


def api_schemes(call: Call[Paged, None]) -> Answer:
    """Every class table."""
    return page_out_of(list_schemes(call.engine), call.query, lambda one: (one.key,))


def api_load_classes(call: Call[NoQuery, Sent]) -> Answer:
    """Check a city's own class table, or load it."""
    told = call.body.fields
    scheme = Scheme(key=told.scheme, name_zh=told.name_zh, name_en=told.name_en, note=told.note)
    report = load_class_file(call.engine, call.body.files[0], scheme, by=call.by, now=call.now, check_only=told.dry_run)
    return Answer(value=_told(report))


def api_scheme(call: Call[NoQuery, None], scheme: str) -> Answer:
    """One class table."""
    return Answer(value=scheme_view(call.engine, scheme))


def api_add_class(call: Call[NoQuery, NewClass], scheme: str) -> Answer:
    """Add a class of the city's own."""
    new = call.body
    made = add_extension_class(
        call.engine,
        scheme,
        name_zh=new.name_zh,
        family=new.family,
        major=new.major,
        name_en=new.name_en,
        by=call.by,
        now=call.now,
    )
    return Answer(value=made, status=201)


def api_explain_code(call: Call[CodeQuery, None]) -> Answer:
    """What each digit of a code means, and which are wrong."""
    query = call.query
    read = partial(explain_code, written=query.code, scheme=query.scheme)
    return Answer(value=in_one_view(call.engine, read))


def _told(report: ClassReport) -> ClassTableReport:
    """The report in the sender's language."""
    faults = []
    for row, fault in report.faults:
        problem, fix = say_class_fault(fault.code, fault.args, lang())
        said = ClassRowFault(row=row, column=fault.column, value=fault.value, code=fault.code, problem=problem, fix=fix)
        faults.append(said)
    lists = {name: list(getattr(report, name)) for name in ("added", "changed", "removed", "kept", "guessed")}
    return ClassTableReport(
        scheme=report.scheme,
        written=report.written,
        rows=report.rows,
        unchanged=report.unchanged,
        faults=faults,
        columns=dict(report.columns),
        **lists,
    )


_row = partial(Operation, group="classes")
OPERATIONS = (
    _row(
        method="GET",
        path="/classes",
        endpoint="api_schemes",
        run=api_schemes,
        zh="分类表列表",
        en="Every class table",
        query=Paged,
        replies={200: Listing[SchemeRow]},
    ),
    _row(
        method="POST",
        path="/classes",
        endpoint="api_load_classes",
        run=api_load_classes,
        zh="导入自有分类表",
        en="Check a city's own class table, or load it (dry_run=false)",
        note="All rows are written, or none: `faults` says which row stands in the way and what would mend it.",
        body=Upload("file", "CSV (UTF-8 or GBK) or XLSX: code, names, family", ClassTableFields),
        replies={200: ClassTableReport},
    ),
    _row(
        method="GET",
        path="/classes/{scheme}",
        endpoint="api_scheme",
        run=api_scheme,
        zh="分类表",
        en="One class table",
        replies={200: SchemeView},
    ),
    _row(
        method="POST",
        path="/classes/{scheme}",
        endpoint="api_add_class",
        run=api_add_class,
        zh="增加扩展分类",
        en="Add a class of the city's own",
        body=NewClass,
        replies={201: AssetClass},
    ),
    _row(
        method="GET",
        path="/codes/explain",
        endpoint="api_explain_code",
        run=api_explain_code,
        zh="解读部件编码",
        en="What each digit of a component code means",
        query=CodeQuery,
        replies={200: CodeReading},
        errors=(404,),
    ),
)
