"""The repairs list for programs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards.api.operation import Answer, NoQuery, Operation, Query
from dashboards.api.request import Call
from dashboards.site import t
from registry.domain.repairs import Repair, RepairKind, RepairReason
from registry.queries.repairs import RepairFilter, repairs
from registry.services.cabinets import see_set_aside


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


def api_see_set_aside(call: Call[NoQuery, None], cabinet: str) -> Answer:
    """Take the damaged spool file of a cabinet off the list."""
    see_set_aside(call.engine, cabinet, by=call.by, now=call.now)
    return Answer(status=204)


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
    _row(
        method="POST",
        path="/cabinets/{cabinet}/seen",
        endpoint="api_see_set_aside",
        run=api_see_set_aside,
        zh="已知悉机柜的损坏缓存队列文件",
        en="Somebody has seen that a cabinet set a damaged spool file aside",
        replies={204: None},
    ),
)
