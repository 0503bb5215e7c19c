"""What people of the house report from the street."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.operation import Answer, Body, DoneAt, Id, NoQuery, Operation
from dashboards.api.request import Call
from dashboards.api.work import CaseKindKey
from registry.domain.public_rules import REPORTED
from registry.services.field_reports import MAX_TEXT, FieldReport, report_in_the_street


class FieldReportBody(Body, frozen=True, kw_only=True):
    """What is wrong with the asset that one stands at. ``photo_ids``: photos kept with it before."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    kind: CaseKindKey = REPORTED
    photo_ids: Annotated[list[Id], Meta(max_length=9)] = msgspec.field(default_factory=list)
    done_at: DoneAt = None


class FieldReported(msgspec.Struct, frozen=True, kw_only=True):
    """The case that the report belongs to, and whether it was opened for it."""

    case_id: int
    opened: bool


def api_report_asset(call: Call[NoQuery, FieldReportBody], asset_id: int) -> Answer:
    """Report what is wrong with an asset."""
    sent = call.body
    new = FieldReport(
        asset_id=asset_id, text=sent.text, kind=sent.kind, photo_ids=tuple(sent.photo_ids), done_at=sent.done_at
    )
    opened = report_in_the_street(call.engine, new, by=call.by, now=call.now, zone=call.where.zone)
    location = url_for("api_case", case_id=opened.case_id)
    return Answer(value=FieldReported(case_id=opened.case_id, opened=opened.opened), status=201, location=location)


_row = partial(Operation, group="cases")
OPERATIONS = (
    _row(
        method="POST",
        path="/assets/{asset_id}/reports",
        endpoint="api_report_asset",
        run=api_report_asset,
        zh="现场上报问题",
        en="Report from the street what is wrong with an asset",
        body=FieldReportBody,
        replies={201: FieldReported},
    ),
)
