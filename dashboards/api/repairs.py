"""The repairs list for programs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.operation import Answer, Operation, Query
from dashboards.api.request import Call
from dashboards.site import t
from registry.domain.repairs import Repair, RepairKind, RepairReason
from registry.queries.repairs import RepairFilter, repairs


class RepairQuery(Query, frozen=True, kw_only=True):
    """What to narrow the list to."""

    kind: RepairKind | None = None
    reason: RepairReason | None = None
    cabinet: Annotated[str, Meta(max_length=60)] = ""


class RepairLine(msgspec.Struct, frozen=True, kw_only=True):
    """A sick thing, what is wrong in words, and what to do."""

    repair: Repair
    said: str
    fix: str


class RepairList(msgspec.Struct, frozen=True, kw_only=True):
    """The worst first; ``counts`` by kind, before the list is narrowed."""

    items: list[RepairLine]
    counts: dict[str, int]


def api_repairs(call: Call[RepairQuery, None]) -> Answer:
    """What is sick in the visitor's area."""
    asked = call.query
    wanted = RepairFilter(kind=asked.kind, reason=asked.reason, cabinet=asked.cabinet)
    found = repairs(call.engine, wanted, now=call.now, scope=call.by.area_code)
    lines = [
        RepairLine(repair=one, said=t(f"repair.{one.reason}"), fix=t(f"repair.{one.reason}.fix")) for one in found.items
    ]
    return Answer(value=RepairList(items=lines, counts=found.counts))


_row = partial(Operation, group="figures")
OPERATIONS = (
    _row(
        method="GET",
        path="/repairs",
        endpoint="api_repairs",
        run=api_repairs,
        zh="检修清单，最严重的在前",
        en="Sick cabinets, lines and sensors with what to do, the worst first",
        query=RepairQuery,
        replies={200: RepairList},
    ),
)
