"""What the operations on assets share: the words of their fields, and the answer with one asset's record."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from flask import url_for
from msgspec import Meta

from dashboards.api.operation import Answer
from dashboards.api.request import Call
from dashboards.errors import answer_for, errors_of, problem_of
from registry.domain.errors import DomainError
from registry.queries.asset_record import AssetRecord, asset_record

Text = Annotated[str, Meta(max_length=200)]
Road = Annotated[str, Meta(max_length=120)]
Accuracy = Annotated[str, Meta(pattern="^[ABC]?$")]
Cell = Annotated[str, Meta(pattern="^([0-9]{15,16})?$")]
Material = Annotated[str, Meta(max_length=40)]
Size = Annotated[str, Meta(max_length=60)]
Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A day, as 2026-11-22")]
Depth = Annotated[int, Meta(ge=0, le=50_000, description="Millimetres")]


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why one item of a bulk request was refused; as a problem of its own would say."""

    code: str
    detail: str
    errors: list[dict[str, str]]


class BulkItem(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item: the status it would have got by itself, and the asset or the refusal."""

    status: int
    asset_id: int | None = None
    version: int | None = None
    problem: Refused | None = None


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each item, in the order they were sent."""

    done: int
    refused: int
    items: list[BulkItem]


def record_of(call: Call[Any, Any], asset_id: int, status: int = 200) -> Answer:
    """The record of an asset, with its version."""
    return answer_with(asset_record(call.engine, asset_id), status)


def answer_with(found: AssetRecord, status: int = 200) -> Answer:
    """The answer that carries a record which was read already."""
    location = url_for("api_asset", asset_id=found.id) if status == 201 else ""
    return Answer(value=found, status=status, version=found.version, location=location)


def bulk_answer(results: list[tuple[int, int] | DomainError], *, done: int) -> Answer:
    """What became of each item: (asset id, version) with the status ``done``, or its refusal."""
    items = [_item(result, done) for result in results]
    refused = sum(item.problem is not None for item in items)
    return Answer(value=BulkResult(done=len(items) - refused, refused=refused, items=items))


def _item(result: tuple[int, int] | DomainError, done: int) -> BulkItem:
    if isinstance(result, tuple):
        return BulkItem(status=done, asset_id=result[0], version=result[1])
    answer = answer_for(result)
    errors = [{"field": field, "problem": problem} for field, problem in errors_of(result)]
    problem = Refused(code=answer.code, detail=problem_of(answer, result), errors=errors)
    return BulkItem(status=answer.status, problem=problem)
