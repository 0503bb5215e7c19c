"""The duty list (权责清单): who supervises, owns and maintains what, line by line or as a whole."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.answering import page_out_of
from dashboards.api.operation import MOST_BULK, Answer, AreaPrefix, Body, Id, Listing, NoQuery, Operation, Paged
from dashboards.api.request import Call
from registry.domain.kinds import Family, Party
from registry.queries import duties as duty_queries
from registry.queries.duties import DutyRow
from registry.services import duties

ClassCode = Annotated[str, Meta(pattern="^([0-9]{4})?$")]


class DutyQuery(Paged, frozen=True, kw_only=True):
    """Which lines of the duty list."""

    area_code: AreaPrefix = ""
    party: Party | None = None


class DutyBody(Body, frozen=True, kw_only=True):
    """A line of the duty list; empty fields mean any. A line for the same party, class and area is replaced."""

    party: Party
    unit_id: Id
    area_code: AreaPrefix = ""
    family: Family | None = None
    scheme: Annotated[str, Meta(max_length=30)] = ""
    class_code: ClassCode = ""


class DutyLines(Body, frozen=True, kw_only=True):
    """Lines to write: all of them, or none and the first that is wrong."""

    items: Annotated[list[DutyBody], Meta(min_length=1, max_length=MOST_BULK)]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The id of what was made."""

    id: int


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines were written."""

    written: int


def api_duties(call: Call[DutyQuery, None]) -> Answer:
    """The duty list, as far as it concerns the sender's area."""
    query = call.query
    found = duty_queries.duty_matrix(call.engine, area_code=query.area_code or call.by.area_code, party=query.party)
    return page_out_of(found, query, lambda row: (row.area_code, row.scheme, row.class_code, row.family))


def api_set_duty(call: Call[NoQuery, DutyBody]) -> Answer:
    """Write a line of the duty list."""
    made = duties.set_duty(call.engine, _line(call.body), by=call.by, now=call.now)
    return Answer(value=Made(id=made), status=201)


def api_set_duties(call: Call[NoQuery, DutyLines]) -> Answer:
    """Write many lines in one transaction."""
    lines = [_line(one) for one in call.body.items]
    return Answer(value=Written(written=duties.set_duties(call.engine, lines, by=call.by, now=call.now)))


def api_remove_duty(call: Call[NoQuery, None], duty_id: int) -> Answer:
    """Take a line out of the duty list."""
    duties.remove_duty(call.engine, duty_id, by=call.by, now=call.now)
    return Answer(status=204)


def _line(sent: DutyBody) -> duties.NewDuty:
    given = {name: getattr(sent, name) for name in sent.__struct_fields__}
    return duties.NewDuty(**given | {"family": str(given["family"] or "")})


_row = partial(Operation, group="places")
OPERATIONS = (
    _row(
        method="GET",
        path="/duties",
        endpoint="api_duties",
        run=api_duties,
        zh="权责清单",
        en="The duty list by area and class",
        query=DutyQuery,
        replies={200: Listing[DutyRow]},
    ),
    _row(
        method="POST",
        path="/duties",
        endpoint="api_set_duty",
        run=api_set_duty,
        zh="写入权责",
        en="Write a line of the duty list",
        body=DutyBody,
        replies={201: Made},
        errors=(404,),
    ),
    _row(
        method="POST",
        path="/duties/bulk",
        endpoint="api_set_duties",
        run=api_set_duties,
        zh="批量写入权责",
        en="Write up to 1,000 lines of the duty list: all of them, or none",
        body=DutyLines,
        replies={200: Written},
    ),
    _row(
        method="DELETE",
        path="/duties/{duty_id}",
        endpoint="api_remove_duty",
        run=api_remove_duty,
        zh="删除权责",
        en="Take a line out of the duty list",
        replies={204: None},
    ),
)
