"""Finding one page of cases among millions: along an index, and never further than a fixed stretch.

What is rare (a number, a code, a road, a small area) is found by its own index. Whatever else a list is narrowed to is
looked at on the way along the index that fits best, ``STRETCH`` cases at most, and the page says where to go on: it can
be short, and still more may follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    false,
    or_,
    select,
    type_coerce,
    union,
    values,
)
from sqlalchemy import Integer as IntegerType
from sqlalchemy import column as named_column

from registry.domain.kinds import ENDED_STAGES, Stage
from registry.queries.asset_filters import begins, code_digits, code_range, digits_begin, typed
from registry.storage.open_cases import IS_OPEN
from registry.storage.tables import asset, case, road

STRETCH = 10_000
"""How many cases one page may look at: measured to stay far below 300 ms with two millions on file."""

_SHORT_LOOK = 8  # cases looked at first for each row of the page
_FEW_ASSETS = 1_000
_FEW_CASES = 5_000
_NUMBER_LENGTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """Which cases are meant; None or empty: not narrowed by it. ``scope`` is the area that the visitor may see."""

    stage: Stage | None = None
    open_only: bool = False
    kind: str | None = None
    assignee_id: int | None = None
    asset_id: int | None = None
    overdue: bool | None = None
    q: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The ids of one page, the newest first, and the id below which the next one goes on; None: that was all."""

    ids: list[int]
    next: int | None


def find_cases(
    tx: Connection, wanted: CaseFilter, *, after: int | None, limit: int, stretch: int = STRETCH
) -> Found:
    """The next ``limit`` ids of ``wanted`` below ``after``. Raises ``InvalidInput`` for a scope that is none."""
    words = typed(wanted.q)
    rest = _narrowing(wanted)
    matching = [_matches(tx, words)] if words else []
    few = _few_by_words(tx, words) if words else _few_in_scope(tx, wanted.scope)
    if few is not None:
        source = few if after is None else select(few.subquery().c.id).where(named_column("id") < after)
        # what the words found is what they mean; of an area the places are looked at once more below
        rows = _look(tx, source, rest, limit + 1)
        return _page(rows, limit, None)
    way = _way(wanted)
    fits = [each for each in (*rest, *matching) if not any(each is taken for taken in way)]
    return _walk(tx, way, fits, after, limit, stretch)
