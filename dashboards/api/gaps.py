"""What a census still lacks: figures, their split by area and class, and the doubtful positions one by one.

The assets themselves that lack something are ``/assets?lacks=``.
"""

from __future__ import annotations

from functools import partial

from dashboards.api.answering import page, page_out_of
from dashboards.api.operation import Answer, AreaPrefix, Listing, Operation, Paged, Query
from dashboards.api.request import Call
from registry.domain.errors import NotFound
from registry.domain.kinds import Doubt
from registry.queries import gaps as gap_queries
from registry.queries.gaps import BreakdownBy, BreakdownRow, DoubtRow, GapSummary

_MOST_ROWS = 100_000


class GapQuery(Query, frozen=True, kw_only=True):
    """Where."""

    area_code: AreaPrefix = ""


class BreakdownQuery(Paged, frozen=True, kw_only=True):
    """Where, and how the figures are split: by the areas one level below, or by class."""

    area_code: AreaPrefix = ""
    by: BreakdownBy = BreakdownBy.AREA


class DoubtQuery(Paged, frozen=True, kw_only=True):
    """Where."""

    area_code: AreaPrefix = ""


def api_gaps(call: Call[GapQuery, None]) -> Answer:
    """What the files lack, counted."""
    return Answer(value=gap_queries.gap_summary(call.engine, scope=call.by.area_code, area_code=call.query.area_code))


def api_gap_breakdown(call: Call[BreakdownQuery, None]) -> Answer:
    """The figures split by area or class, most assets first."""
    query = call.query
    rows = gap_queries.gap_breakdown(
        call.engine, query.by, scope=call.by.area_code, area_code=query.area_code, limit=_MOST_ROWS
    )
    return page_out_of(rows, query, lambda row: (-row.assets, row.scheme, row.key))


def api_doubtful(call: Call[DoubtQuery, None], doubt: str) -> Answer:
    """The assets whose position is doubtful for one reason."""
    if doubt not in set(Doubt):
        raise NotFound("doubt", f"{doubt[:40]} (there are {', '.join(Doubt)})")
    query = call.query
    found = gap_queries.doubtful_assets(
        call.engine,
        Doubt(doubt),
        scope=call.by.area_code,
        area_code=query.area_code,
        after=query.after,
        limit=query.limit,
    )
    return page(found)


_row = partial(Operation, method="GET", group="places")
OPERATIONS = (
    _row(
        path="/gaps",
        endpoint="api_gaps",
        run=api_gaps,
        zh="普查缺口统计",
        en="What the files lack, counted",
        note="The assets that lack something: `/assets?lacks=plate,sensor`. To count anew: `/gaps/count`.",
        query=GapQuery,
        replies={200: GapSummary},
    ),
    _row(
        path="/gaps/breakdown",
        endpoint="api_gap_breakdown",
        run=api_gap_breakdown,
        zh="普查缺口分区、分类统计",
        en="What the files lack, split by area or class",
        query=BreakdownQuery,
        replies={200: Listing[BreakdownRow]},
    ),
    _row(
        path="/gaps/doubtful/{doubt}",
        endpoint="api_doubtful",
        run=api_doubtful,
        zh="位置存疑的部件",
        en="The assets whose position is doubtful for one reason",
        note=f"Reasons: {', '.join(f'`{doubt}`' for doubt in Doubt)}.",
        query=DoubtQuery,
        replies={200: Listing[DoubtRow]},
    ),
)
