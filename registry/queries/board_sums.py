"""How many rows there are of each value, and in each step of time: read along one index, without sorting the rows.

SQLite groups by sorting every row, which takes five times as long as counting them. So where the values are known
beforehand each has a count of its own in the same walk, and steps of time are stretches of the index, one after the
other. PostgreSQL groups in memory, and is asked the plain way.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Connection, Table, case, column, func, literal, select, type_coerce

from registry.queries.board_things import Plan
from registry.storage.times import from_ms

Groups = dict[Any, int]
Stepped = dict[Any, NDArray[np.int64]]

_MOST_COUNTS = 14
"""So many counts beside one another still cost less than sorting."""
_MOST_WALKS = 6
"""So many walks along the index cost less than sorting."""


def total(tx: Connection, plan: Plan, conditions: Sequence[Any]) -> int:
    """How many rows there are."""
    return int(tx.execute(select(func.count()).select_from(plan.tables).where(*conditions)).scalar_one())


def grouped(tx: Connection, plan: Plan, conditions: Sequence[Any]) -> Groups:
    """How many rows of each value of the split; all of them under None without one."""
    if plan.split is None:
        return {None: total(tx, plan, conditions)}
    values = _values_of(tx, plan.split) if plan.indexed else plan.values
    if not 0 < len(values) <= _MOST_COUNTS:
        return _sorted_groups(tx, plan, conditions)
    counts = [func.count().filter(plan.split == value) for value in values]
    row = tx.execute(select(*counts).select_from(plan.tables).where(*conditions)).one()
    return {value: int(many) for value, many in zip(values, row, strict=True) if many}


def stepped(tx: Connection, plan: Plan, edges: Sequence[int]) -> Stepped:
    """The same in each step of time between two edges (ms)."""
    if tx.dialect.name == "sqlite" and isinstance(plan.tables, Table) and len(plan.values) <= _MOST_WALKS:
        if plan.split is None:
            return {None: _walked(tx, plan, edges, [()])[0]}
        if plan.values:
            found = _walked(tx, plan, edges, [(plan.split == value,) for value in plan.values])
            return {value: each for value, each in zip(plan.values, found, strict=True) if each.any()}
    return _sorted_steps(tx, plan, edges)


def _values_of(tx: Connection, split: Any) -> tuple[Any, ...]:
    """The values of a column that an index begins with: one step down the tree for each."""
    first = select(func.min(split).label("value")).cte("found", recursive=True)
    beyond = select(func.min(split)).where(split > first.c.value).scalar_subquery()
    found = first.union_all(select(beyond).where(first.c.value.is_not(None)))
    return tuple(tx.execute(select(found.c.value).where(found.c.value.is_not(None))).scalars())


def _walked(
    tx: Connection, plan: Plan, edges: Sequence[int], ways: Sequence[tuple[Any, ...]]
) -> list[NDArray[np.int64]]:
    """One walk for each of the ways: a count for each stretch of the index of moments."""
    narrowed = plan.conditions if plan.paired else tuple(map(unindexed, plan.conditions))
    each = func.json_each(literal(json.dumps(list(pairwise(edges))))).table_valued(column("key"), column("value"))
    begin, end = (func.json_extract(each.c.value, place) for place in ("$[0]", "$[1]"))
    counts = [
        select(func.count())
        .select_from(plan.tables)
        .where(plan.moment >= begin, plan.moment < end, *narrowed, *way)
        .scalar_subquery()
        for way in ways
    ]
    rows = tx.execute(select(*counts).select_from(each).order_by(each.c.key)).all()
    return [np.array([row[place] for row in rows], dtype=np.int64) for place in range(len(ways))]


def unindexed(condition: Any) -> ColumnElement[bool]:
    """The same in words that no index answers, so that another condition's is taken.

    SQLite does not know how much there is of what: for each hour of a month it would look through all cases of a kind.
    """
    return case((condition, 1), else_=0) == 1


def _sorted_steps(tx: Connection, plan: Plan, edges: Sequence[int]) -> Stepped:
    base, width = _slots(edges)
    slot = ((type_coerce(plan.moment, BigInteger) - base) // width).label("slot")
    split = literal(None).label("split") if plan.split is None else plan.split.label("split")
    span = (plan.moment >= from_ms(edges[0]), plan.moment < from_ms(edges[-1]))
    query = select(slot, split, func.count()).select_from(plan.tables).where(*span, *plan.conditions)
    rows = tx.execute(query.group_by("slot", *([] if plan.split is None else ["split"]))).all()
    found: Stepped = defaultdict(lambda: np.zeros(len(edges) - 1, dtype=np.int64))
    begins = [max(base + int(row[0]) * width, edges[0]) for row in rows]
    places = np.searchsorted(edges, begins, side="right") - 1
    for place, row in zip(places.tolist(), rows, strict=True):
        found[row[1]][place] += int(row[2])
    if plan.split is None:
        found[None] += 0
    return dict(found)


def _slots(edges: Sequence[int]) -> tuple[int, int]:
    """Equal slots of which each lies in one step: where the first begins, at or before all of the steps, and how wide
    they are. The steps at both ends may be cut short to anything, so only those between say how wide."""
    inner = edges[1:-1]
    width = gcd(*(two - one for one, two in pairwise(inner))) or max(two - one for one, two in pairwise(edges))
    return edges[1] - -(-(edges[1] - edges[0]) // width) * width, width


def _sorted_groups(tx: Connection, plan: Plan, conditions: Sequence[Any]) -> Groups:
    query = select(plan.split.label("split"), func.count()).select_from(plan.tables).where(*conditions)
    return {key: int(many) for key, many in tx.execute(query.group_by("split"))}
