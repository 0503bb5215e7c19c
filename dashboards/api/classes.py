"""Class tables and component codes: what a code means, and classes of the city's own."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.operation import Answer, Body, NoQuery, Operation, Query
from dashboards.api.request import Call
from registry.domain.kinds import Family
from registry.queries.classes import SchemeRow, SchemeView, list_schemes, scheme_view
from registry.services.classes import AssetClass, add_extension_class
from registry.services.codes import CodeReading, explain_code
from registry.services.transactions import in_one_view


class Schemes(msgspec.Struct, frozen=True, kw_only=True):
    """Every class table, shipped ones first."""

    items: list[SchemeRow]


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


def api_schemes(call: Call[NoQuery, None]) -> Answer:
    """Every class table."""
    return Answer(value=Schemes(items=list_schemes(call.engine)))


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


_row = partial(Operation, group="classes")
OPERATIONS = (
    _row(
        method="GET",
        path="/classes",
        endpoint="api_schemes",
        run=api_schemes,
        zh="分类表列表",
        en="Every class table",
        replies={200: Schemes},
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
