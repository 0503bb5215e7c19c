"""Which area holds a place: an index of all areas on file, kept in memory by each process until an area changes.

Cells go before communities, communities before streets, streets before districts; on a border, and where areas of one
level overlap, the lowest code wins, so that the same place always gets the same answer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from sqlalchemy import Connection, Engine, select

from registry.domain.areas import DEEPEST_FIRST, explain_area_code
from registry.domain.geo import Place
from registry.domain.kinds import AreaLevel
from registry.services import revisions
from registry.storage.tables import area

AREAS = "areas"
"""The revision that every change of an area raises."""

_LEVELS = tuple(level.value for level in DEEPEST_FIRST)


class Located(NamedTuple):
    """Where a place lies: the code of its deepest area, and its cell; empty for what lies in none."""

    area_code: str
    grid_cell: str


NOWHERE = Located("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaIndex:
    """All areas that take in assets, in the order in which they win; ``of`` is what an asset inside each one gets."""

    number: int
    shapes: Any
    tree: shapely.STRtree
    of: list[Located]
    has_own_codes: bool

    def locate(self, places: Sequence[Place]) -> list[Located]:
        """The answer for each of ``places``, in their order."""
        if not places or not self.of:
            return [NOWHERE] * len(places)
        spots = np.asarray(places, dtype=np.float64)
        near, candidate = self.tree.query(shapely.points(spots))
        # The shapes are prepared, so this is a look into each one's own index rather than a walk around its border.
        inside = shapely.intersects_xy(self.shapes[candidate], spots[near, 0], spots[near, 1])
        best = np.full(len(places), len(self.of), dtype=np.int64)
        np.minimum.at(best, near[inside], candidate[inside])
        answers = [*self.of, NOWHERE]
        found = [answers[rank] for rank in best.tolist()]
        return self._with_path(found, best, near[inside], candidate[inside]) if self.has_own_codes else found

    def _with_path(self, found: list[Located], best: Any, near: Any, candidate: Any) -> list[Located]:
        """A cell whose code is the city's own says nothing about its community: the next level's code does."""
        own = {spot for spot, rank in enumerate(best.tolist()) if rank < len(self.of) and not self.of[rank].area_code}
        if not own:
            return found
        above: dict[int, int] = {}
        for spot, rank in zip(near.tolist(), candidate.tolist(), strict=True):
            if spot in own and self.of[rank].area_code:
                above[spot] = min(rank, above.get(spot, rank))
        for spot in own:
            path = self.of[above[spot]].area_code if spot in above else ""
            found[spot] = Located(path, found[spot].grid_cell)
        return found


_indexes: WeakKeyDictionary[Engine, AreaIndex] = WeakKeyDictionary()
_building = threading.Lock()


def locate(tx: Connection, places: Sequence[Place]) -> list[Located]:
    """The deepest area and the cell of each of ``places`` (WGS-84); ``("", "")`` for what lies in none.

    Areas with an end date take nothing in. Cells with a code of the city's own give their community's code as
    ``area_code``.
    """
    return area_index(tx).locate(places)


def area_index(tx: Connection) -> AreaIndex:
    """The index of the areas as ``tx`` sees them; made again only when an area has changed.

    A transaction that changed areas, looked here and was then rolled back would leave its index behind until the next
    change: the services that change areas look only after their commit.
    """
    number = revisions.number(tx, AREAS)
    kept = _indexes.get(tx.engine)
    if kept is not None and kept.number == number:
        return kept
    with _building:
        kept = _indexes.get(tx.engine)
        if kept is None or kept.number != number:
            kept = _indexes[tx.engine] = _build(tx, number)
    return kept


def _build(tx: Connection, number: int) -> AreaIndex:
    query = select(area.c.level, area.c.code, area.c.shape).where(
        area.c.shape.is_not(None), area.c.ended_on.is_(None), area.c.level != AreaLevel.DUTY.value
    )
    rows = sorted(tx.execute(query).all(), key=lambda row: (_LEVELS.index(row.level), row.code))
    shapes = np.asarray(shapely.from_geojson([row.shape for row in rows]), dtype=object)
    shapely.prepare(shapes)
    # Prepared shapes finish their inner index at the first question; asked now, threads only ever read them.
    corners = shapely.bounds(shapes).reshape(-1, 4)
    shapely.intersects_xy(shapes, corners[:, 0], corners[:, 1])
    of = [_located(AreaLevel(row.level), row.code) for row in rows]
    return AreaIndex(
        number=number,
        shapes=shapes,
        tree=shapely.STRtree(shapes),
        of=of,
        has_own_codes=any(not each.area_code for each in of),
    )


def _located(level: AreaLevel, code: str) -> Located:
    if level is not AreaLevel.CELL:
        return Located(code, "")
    read, _ = explain_area_code(code, AreaLevel.CELL)
    return Located("" if read is None else read.path, code)
