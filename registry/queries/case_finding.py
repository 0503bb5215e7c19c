"""Finding one page of cases among millions: along an index, and never further than a fixed stretch.

What is rare (a number, a code, a road, a small area, what ended or began lately, what still runs) is found by its own
index. Whatever else a list is narrowed to is
looked at on the way along the index that fits best, ``STRETCH`` cases at most, and the page says where to go on: it can
be short, and still more may follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, literal, or_, select, union

from registry.domain.kinds import ENDED_STAGES, Severity, Stage
from registry.queries.asset_filters import begins, code_digits, code_range, digits_begin, typed
from registry.storage.open_cases import IS_OPEN, IS_RUNNING
from registry.storage.tables import asset, case, road

STRETCH = 10_000
"""How many cases one page may look at: measured to stay far below 300 ms with two millions on file."""

_SHORT_LOOK = 8  # cases looked at first for each row of the page
FEW = 1_000
"""Up to so many assets, and five times as many cases, are few: they are found first and then looked at."""

_NUMBER_LENGTH = 20
_WITH_ASSET = case.outerjoin(asset, asset.c.id == case.c.asset_id)
_WAYS = (("asset",), ("person",), ("open", "overdue"), ("open", "kind"), ("open", "stage"), ("open",), ("kind",))
"""What one index serves in the order of ids, the narrowest first; an ended stage alone comes after these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """Which cases are meant; None or empty: not narrowed by it. ``scope`` is the area that the visitor may see.

    ``running``: somebody still has to do something for the street. ``due_after`` (exclusive) and ``due_by``
    (inclusive) are about the time of what still runs; ``opened_since`` includes its moment, ``ended_since`` does not.
    """

    stage: Stage | None = None
    open_only: bool = False
    running: bool = False
    severity: Severity | None = None
    due_after: datetime | None = None
    due_by: datetime | None = None
    opened_since: datetime | None = None
    ended_since: datetime | None = None
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


_Conditions = dict[str, ColumnElement[bool]]


def find_cases(tx: Connection, wanted: CaseFilter, *, after: int | None, limit: int, stretch: int = STRETCH) -> Found:
    """The next ``limit`` ids of ``wanted`` below ``after``. Raises ``InvalidInput`` for a scope that is none."""
    words, narrowed = typed(wanted.q), _narrowing(wanted)
    few, meant = _few(tx, wanted, words)
    if few is not None:
        # what is few was found by what this means
        narrowed.pop(meant, None)
        ids = _those(tx, few, narrowed, after, limit + 1)
        return _page(ids, limit, None)
    if words:
        narrowed["words"] = _matches(tx, words)
    way = next((each for each in _WAYS if all(name in narrowed for name in each)), ())
    if not way and "stage" in narrowed:
        way = ("stage",)
    along = [narrowed.pop(name) for name in way]
    return _walk(tx, along, narrowed, after, limit, stretch)


def within(scope: str) -> ColumnElement[bool]:
    """That what the case is about lies within an area: the asset where it is now, or the place."""
    return digits_begin(case.c.lies_in, scope)


def _narrowing(wanted: CaseFilter) -> _Conditions:
    fits: _Conditions = {}
    if wanted.scope:
        fits["scope"] = within(wanted.scope)
    if wanted.stage is not None:
        fits["stage"] = case.c.stage == wanted.stage.value
    if wanted.open_only or (wanted.stage is not None and wanted.stage not in ENDED_STAGES):
        fits["open"] = IS_OPEN
    if wanted.overdue is not None:
        marked = case.c.overdue_at
        # only what is wanted late has an index
        fits["overdue" if wanted.overdue else "punctual"] = marked.is_not(None) if wanted.overdue else marked.is_(None)
    if wanted.kind is not None:
        fits["kind"] = case.c.kind == wanted.kind
    if wanted.assignee_id is not None:
        fits["person"] = case.c.assignee_id == wanted.assignee_id
    if wanted.asset_id is not None:
        fits["asset"] = case.c.asset_id == wanted.asset_id
    return fits | _by_time(wanted)


def _by_time(wanted: CaseFilter) -> _Conditions:
    """What a list is narrowed to by severity and time."""
    fits: _Conditions = {}
    if _runs(wanted):
        fits |= {"open": IS_OPEN, "running": IS_RUNNING}
    if wanted.severity is not None:
        fits["severity"] = case.c.severity == int(wanted.severity)
    for name, moment, condition in (
        ("due_after", wanted.due_after, case.c.deadline_at.__gt__),
        ("due_by", wanted.due_by, case.c.deadline_at.__le__),
        ("opened", wanted.opened_since, case.c.opened_at.__ge__),
        ("ended", wanted.ended_since, case.c.ended_at.__gt__),
    ):
        if moment is not None:
            fits[name] = condition(moment)
    return fits


def _runs(wanted: CaseFilter) -> bool:
    return wanted.running or wanted.due_after is not None or wanted.due_by is not None


def _few(tx: Connection, wanted: CaseFilter, words: str) -> tuple[FromClause | None, str]:
    """The ids that the words, a time, or else a small area leave, and which; None where that is no small number."""
    if wanted.asset_id is not None or (wanted.assignee_id is not None and not words):
        return None, ""
    if words:
        return _few_by_words(tx, words), "words"
    for way in _timely_ways(wanted):
        if not _more_than(tx, way, 5 * FEW):
            # the limit takes nothing away: it keeps the planner from walking all cases in the order of ids instead
            return select(case.c.id).where(*way).limit(5 * FEW).subquery("few"), ""
    return (_few_in_area(tx, wanted.scope), "scope") if wanted.scope else (None, "")


def _timely_ways(wanted: CaseFilter) -> list[tuple[ColumnElement[bool], ...]]:
    """What ended or began since a moment, and what still runs: each a stretch of an index of its own."""
    fits = _by_time(wanted)
    ways: list[tuple[ColumnElement[bool], ...]] = [(fits[name],) for name in ("ended", "opened") if name in fits]
    if "running" in fits:
        # each severity is a stretch of the index
        of_any = case.c.severity.in_([int(severity) for severity in Severity])
        due = (fits[name] for name in ("due_after", "due_by") if name in fits)
        ways.append((fits["running"], fits.get("severity", of_any), *due))
    return ways


def _few_by_words(tx: Connection, words: str) -> FromClause | None:
    assets: set[int] = set()
    for condition in _asset_ways(tx, words):
        found = list(tx.scalars(select(asset.c.id).where(*condition).limit(FEW + 1)))
        if len(found) > FEW:
            return None
        assets.update(found)
    ways = [_places(tx, words), *([_numbers(words)] if code_digits(words) else [])]
    if any(_more_than(tx, way, 5 * FEW) for way in ways):
        return None
    sources = [select(case.c.id).where(*way) for way in ways]
    return union(select(case.c.id).where(case.c.asset_id.in_(sorted(assets))), *sources).subquery("few")


def _few_in_area(tx: Connection, scope: str) -> FromClause | None:
    inside = select(asset.c.id).where(digits_begin(asset.c.area_code, scope)).limit(FEW + 1)
    assets = list(tx.scalars(inside))
    place = (case.c.asset_id.is_(None), digits_begin(case.c.area_code, scope))
    if len(assets) > FEW or _more_than(tx, place, 5 * FEW):
        return None
    of_assets = select(case.c.id).where(case.c.asset_id.in_(assets))
    return union(of_assets, select(case.c.id).where(*place)).subquery("few")


def _more_than(tx: Connection, way: Sequence[ColumnElement[bool]], most: int) -> bool:
    return tx.scalar(select(case.c.id).where(*way).offset(most).limit(1)) is not None


def _asset_ways(tx: Connection, words: str) -> list[tuple[ColumnElement[bool], ...]]:
    """The beginning of a code, a name or a road, each with its own index."""
    roads = select(road.c.name).where(road.c.name.startswith(words, autoescape=True))
    ways: list[tuple[ColumnElement[bool], ...]] = [begins(tx, asset.c.name, words), (asset.c.road.in_(roads),)]
    digits = code_digits(words)
    if digits:
        ways.append((asset.c.code.between(*code_range(digits)),))
    return ways


def _places(tx: Connection, words: str) -> tuple[ColumnElement[bool], ...]:
    return (case.c.asset_id.is_(None), *begins(tx, case.c.place, words))


def _numbers(words: str) -> tuple[ColumnElement[bool], ...]:
    digits = code_digits(words)
    return (case.c.number.between(digits, digits.ljust(_NUMBER_LENGTH, "9")),)


def _matches(tx: Connection, words: str) -> ColumnElement[bool]:
    """The same as one condition on a case and its asset."""
    ways = [*_asset_ways(tx, words), _places(tx, words), *([_numbers(words)] if code_digits(words) else [])]
    return or_(*(and_(*way) for way in ways))


def _walk(
    tx: Connection,
    along: list[ColumnElement[bool]],
    rest: _Conditions,
    after: int | None,
    limit: int,
    stretch: int,
) -> Found:
    way = select(case.c.id).where(*along).order_by(case.c.id.desc())
    if after is not None:
        way = way.where(case.c.id < after)
    if not rest:
        return _page(list(tx.scalars(way.limit(limit + 1))), limit, None)
    # nearly every page is full after a short look; the long one is for what is rare
    ids: list[int] = []
    for looked_at in sorted({min((limit + 1) * _SHORT_LOOK, stretch), stretch}):
        ids = _those(tx, way.limit(looked_at).subquery("stretch"), rest, None, limit + 1)
        if len(ids) > limit:
            return _page(ids, limit, None)
    return _page(ids, limit, tx.scalar(way.offset(stretch - 1).limit(1)))


def _those(tx: Connection, source: FromClause, rest: _Conditions, after: int | None, limit: int) -> list[int]:
    """The first ids of ``source`` whose cases fulfil the rest."""
    query: Select[tuple[int]] = select(source.c.id).order_by(source.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(source.c.id < after)
    if rest:
        # EXISTS rather than a join: the planner may not turn it round and begin with an index of what is looked at
        tables = _WITH_ASSET if "words" in rest else case
        kept = select(literal(1)).select_from(tables).where(case.c.id == source.c.id, *rest.values()).exists()
        query = query.where(kept)
    return list(tx.scalars(query))


def _page(ids: list[int], limit: int, stopped: int | None) -> Found:
    if len(ids) > limit:
        return Found(ids=ids[:limit], next=ids[limit - 1])
    return Found(ids=ids, next=stopped)
