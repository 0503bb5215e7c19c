"""Mobile resources: what is listed, and where each is."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from dashboards import forms
from dashboards.api.operation import Answer, Body, NoQuery, Operation, Query
from dashboards.api.request import Call
from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.domain.mobile import MobileKind
from registry.queries.mobile_resources import MobileResource, mobile_resources
from registry.services import mobile_resources as services
from registry.services.mobile_resources import MOST_AT_ONCE
from registry.services.transactions import in_transaction


class MobileQuery(Query, frozen=True, kw_only=True):
    """Which of them."""

    kind: MobileKind | None = None
    online: Annotated[bool, Meta(description="Only those that are online, or only those that are not")] | None = None


class MobileResources(msgspec.Struct, frozen=True, kw_only=True):
    """What is listed; who was heard last comes first."""

    items: list[MobileResource]


class SentPosition(Body, frozen=True, kw_only=True):
    """Where something was at a moment."""

    number: Annotated[str, Meta(min_length=1, max_length=60, description="Plate or serial, as it is listed")]
    at: Annotated[str, Meta(max_length=40, description="ISO 8601 with its zone, or milliseconds since 1970")]
    lon: float
    lat: float
    crs: Crs = Crs.WGS84
    speed_kmh: Annotated[float, Meta(ge=0, le=1000, description="Kilometres per hour")] | None = None
    heading: Annotated[float, Meta(ge=0, le=360, description="Degrees, clockwise from north")] | None = None


class SentPositions(Body, frozen=True, kw_only=True):
    """Reports of any number of resources, in any order."""

    positions: Annotated[list[SentPosition], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class TakenPositions(msgspec.Struct, frozen=True, kw_only=True):
    """What became of them. ``late``: older than what was known, and dropped; ``unknown``: numbers not listed."""

    taken: int
    late: int
    unknown: list[str]


def api_mobile_resources(call: Call[MobileQuery, None]) -> Answer:
    """Which there are, and where."""
    kinds = () if call.query.kind is None else (call.query.kind,)
    found = mobile_resources(call.engine, now=call.now, scope=call.by.area_code, kinds=kinds, online=call.query.online)
    return Answer(value=MobileResources(items=found))


def api_take_positions(call: Call[NoQuery, SentPositions]) -> Answer:
    """Keep the newest place of each."""
    positions = [_position(at, sent) for at, sent in enumerate(call.body.positions)]
    taken = in_transaction(call.engine, lambda tx: services.take_positions(tx, positions, by=call.by, now=call.now))
    return Answer(value=TakenPositions(taken=taken.taken, late=taken.late, unknown=taken.unknown), status=202)


def _position(index: int, sent: SentPosition) -> services.Position:
    try:
        at = forms.moment({"at": sent.at}, "at")
    except InvalidInput as error:
        raise error.at(f"positions[{index}].at") from None
    if at is None:
        raise InvalidInput(f"positions[{index}].at", "is empty; say when it was there")
    return services.Position(
        number=sent.number,
        at=at,
        lon=sent.lon,
        lat=sent.lat,
        crs=sent.crs,
        speed_kmh=sent.speed_kmh,
        heading=sent.heading,
    )


_row = partial(Operation, group="places")
OPERATIONS = (
    _row(
        method="GET",
        path="/mobile-resources",
        endpoint="api_mobile_resources",
        run=api_mobile_resources,
        zh="移动资源列表",
        en="Vehicles, recorders and handsets, and where they are",
        query=MobileQuery,
        replies={200: MobileResources},
    ),
    _row(
        method="POST",
        path="/mobile-resources/positions",
        endpoint="api_take_positions",
        run=api_take_positions,
        zh="上报移动资源位置",
        en="Tell where vehicles, recorders and handsets are",
        body=SentPositions,
        replies={202: TakenPositions},
        keyed=False,
        note="A report that comes late never replaces a newer place, so that sending again changes nothing.",
    ),
)
