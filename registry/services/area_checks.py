"""Judging a file of areas feature by feature, and each area against its neighbours; writes nothing.

What has a grave remark is left out; everything else is taken, with its remarks in the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, select

from registry.domain.areas import AreaCode, Remark, explain_area_code, parents_of
from registry.domain.geo import Crs
from registry.domain.kinds import AreaLevel
from registry.services.area_files import LEVEL_NAMES, AreaFile, Feature, plain
from registry.services.area_shapes import Unusable, joined, overlaps, read_outline, square_metres, to_text
from registry.storage.tables import area, area_cell, unit

_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaImport:
    """How a file is to be read. ``level`` None: by each code's length. ``fields``: field → property, over the guess.

    ``mend`` takes the proposed repair of outlines that cross themselves; ``overlap_m2`` is what two cells may share.
    """

    level: AreaLevel | None = None
    crs: Crs = Crs.WGS84
    fields: Mapping[str, str] = field(default_factory=dict)
    mend: bool = False
    overlap_m2: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaProblem:
    """A remark and the feature it is about (1 is the first of the file)."""

    feature: int
    code: str
    name: str
    remark: Remark


@dataclass(slots=True, kw_only=True)
class Candidate:
    """An area of the file that may be taken."""

    feature: int
    code: AreaCode
    name: str
    shape: Any
    values: dict[str, Any]
    cells: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Judged:
    """What came of a file: the areas to be written and everything to be told, in the order of the features."""

    candidates: list[Candidate]
    problems: list[AreaProblem]
    fields: dict[str, str]


def judge(tx: Connection, file: AreaFile, wanted: AreaImport) -> Judged:
    """Everything about ``file`` that can be known before writing."""
    fields = file.guess() | {name: prop for name, prop in wanted.fields.items() if prop}
    judged = Judged(candidates=[], problems=[], fields=fields)
    units = {row.name: row.id for row in tx.execute(select(unit.c.name, unit.c.id))}
    seen: dict[tuple[str, str], int] = {}
    for number, feature in enumerate(file.features, start=1):
        _judge_feature(judged, number, feature, wanted, units, seen)
    _join_grids(tx, judged)
    _compare(tx, judged, wanted)
    judged.problems.sort(key=lambda problem: (problem.feature, not problem.remark.grave))
    return judged


def _judge_feature(
    judged: Judged,
    number: int,
    feature: Feature,
    wanted: AreaImport,
    units: Mapping[str, int],
    seen: dict[tuple[str, str], int],
) -> None:
    props = feature.properties or {}
    text = {name: _text(props.get(prop)) for name, prop in judged.fields.items()}
    level, remarks = _level(text.get("level", ""), wanted.level)
    code, of_code = explain_area_code(text.get("code", ""), level)
    remarks += of_code
    shape = None
    grid = code is not None and code.level is AreaLevel.DUTY
    if not (grid and feature.geometry is None):
        try:
            outline = read_outline(feature.geometry, wanted.crs, mend=wanted.mend)
        except Unusable as bad:
            remarks.append(bad.remark)
        else:
            shape = outline.shape
            remarks += outline.remarks
    if code is not None:
        first = seen.setdefault((code.level, code.code), number)
        if first != number:
            remarks.append(Remark("code_twice", {"code": code.code, "other": first}))
    name = text.get("name", "")[:120]
    values, more = _values(text, units)
    remarks += more + ([] if name else [Remark("name_missing", {})])
    if code is not None and not any(remark.grave for remark in remarks):
        candidate = Candidate(feature=number, code=code, name=name or code.code, shape=shape, values=values)
        candidate.cells = _cells(props.get(judged.fields.get("cells", ""))) if grid else []
        judged.candidates.append(candidate)
    told = code.code if code else text.get("code", "")
    judged.problems += [AreaProblem(feature=number, code=told, name=name, remark=remark) for remark in remarks]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a code that a table program kept as a number
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _cells(value: Any) -> list[str]:
    words = value if isinstance(value, list) else re.split(r"[,;，；、\s]+", str(value or ""))
    return list(dict.fromkeys(_text(word) for word in words if _text(word)))


def _level(text: str, wanted: AreaLevel | None) -> tuple[AreaLevel | None, list[Remark]]:
    if wanted is not None or not text:
        return wanted, []
    found = LEVEL_NAMES.get(plain(text))
    return found, [] if found else [Remark("level_unread", {"value": text[:30]})]


def _values(text: Mapping[str, str], units: Mapping[str, int]) -> tuple[dict[str, Any], list[Remark]]:
    remarks = []
    name = text.get("unit", "")
    if name and name not in units:
        remarks.append(Remark("unit_unknown", {"unit": name[:80]}))
    values: dict[str, Any] = {"unit_id": units.get(name)}
    for key in ("first_on", "ended_on"):
        values[key] = _day(text.get(key, ""))
        if text.get(key) and values[key] is None:
            remarks.append(Remark("date_unread", {"value": text[key][:30]}))
    return values | {"name_en": text.get("name_en", "")[:120], "grade": text.get("grade", "")[:20]}, remarks


def _day(text: str) -> str | None:
    digits = text.replace("/", "-").replace(".", "-").replace("年", "-").replace("月", "-").replace("日", "")[:10]
    parts = [digits[:4], digits[4:6], digits[6:8]] if digits.isdigit() and len(digits) == 8 else digits.split("-")
    try:
        year, month, day = (int(part.split("T")[0].split(" ")[0]) for part in parts[:3])
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _join_grids(tx: Connection, judged: Judged) -> None:
    """Give each responsibility grid of the file the shape of its cells; leave out those whose cells do not fit."""
    grids = [each for each in judged.candidates if each.code.level is AreaLevel.DUTY]
    if not grids:
        return
    wanted = {cell for grid in grids for cell in grid.cells}
    shapes = cell_shapes(tx, wanted)
    shapes |= {each.code.code: each.shape for each in judged.candidates if each.code.level is AreaLevel.CELL}
    taken = taken_cells(tx, wanted)
    for grid in grids:
        remarks = grid_remarks(grid.code.code, grid.cells, shapes, taken)
        if remarks:
            judged.candidates.remove(grid)
            judged.problems += [
                AreaProblem(feature=grid.feature, code=grid.code.code, name=grid.name, remark=each) for each in remarks
            ]
            continue
        grid.shape = joined([shapes[cell] for cell in grid.cells])[0]
        taken |= dict.fromkeys(grid.cells, grid.code.code)


def grid_remarks(code: str, cells: Sequence[str], shapes: Mapping[str, Any], taken: Mapping[str, str]) -> list[Remark]:
    """Why ``cells`` can't be the responsibility grid ``code``; empty when they can."""
    if not cells:
        return [Remark("cells_missing", {})]
    unknown = [cell for cell in cells if cell not in shapes]
    if unknown:
        return [Remark("cells_unknown", {"cells": _listed(unknown)})]
    others: dict[str, list[str]] = {}
    for cell in cells:
        if taken.get(cell, code) != code:
            others.setdefault(taken[cell], []).append(cell)
    if others:
        return [Remark("cells_taken", {"other": other, "cells": _listed(found)}) for other, found in others.items()]
    groups = joined([shapes[cell] for cell in cells])[1]
    if len(groups) > 1:
        parts = " | ".join(_listed([cells[number] for number in group]) for group in groups)
        return [Remark("cells_apart", {"parts": len(groups), "cells": parts})]
    return []


def cell_shapes(tx: Connection, codes: set[str]) -> dict[str, Any]:
    """The outlines of the cells on file with these codes."""
    found: dict[str, Any] = {}
    wanted = sorted(codes)
    for start in range(0, len(wanted), 500):
        query = select(area.c.code, area.c.shape).where(
            area.c.level == AreaLevel.CELL.value,
            area.c.code.in_(wanted[start : start + 500]),
            area.c.shape.is_not(None),
        )
        found |= {row.code: shapely.from_geojson(row.shape) for row in tx.execute(query)}
    return found


def taken_cells(tx: Connection, codes: set[str]) -> dict[str, str]:
    """Cell code → the code of the responsibility grid it belongs to."""
    query = select(area_cell.c.cell_code, area.c.code).join_from(area_cell, area, area.c.id == area_cell.c.area_id)
    return {row.cell_code: row.code for row in tx.execute(query) if row.cell_code in codes}


def _listed(codes: Sequence[str]) -> str:
    return "、".join(codes[:_SHOWN]) + ("…" if len(codes) > _SHOWN else "")


def _compare(tx: Connection, judged: Judged, wanted: AreaImport) -> None:
    """Overlaps among the areas of a level, those on file included, and areas outside the one their code names."""
    new = {(each.code.level.value, each.code.code): each for each in judged.candidates}
    levels = {each.code.level for each in judged.candidates} - {AreaLevel.DUTY}
    for level in sorted(levels):
        of_level = [each for each in judged.candidates if each.code.level is level]
        box = shapely.total_bounds([each.shape for each in of_level])
        kept = _on_file(tx, level, box, {each.code.code for each in of_level})
        codes = [each.code.code for each in of_level] + list(kept)
        shapes = [each.shape for each in of_level] + list(kept.values())
        for one, other, m2 in overlaps(shapes, wanted.overlap_m2):
            if one >= len(of_level):
                continue  # both are on file already
            tolerance = f"{wanted.overlap_m2:g}"
            remark = Remark("overlap", {"other": codes[other], "m2": f"{m2:.1f}", "tolerance": tolerance})
            judged.problems.append(_problem(of_level[one], remark))
    parents = _parent_shapes(tx, judged.candidates, new)
    for each in judged.candidates:
        parent = next((code for code in parents_of(each.code.path) if code in parents), None)
        if parent is not None and not shapely.intersects(parents[parent], shapely.point_on_surface(each.shape)):
            judged.problems.append(_problem(each, Remark("outside_parent", {"parent": parent})))


def _problem(candidate: Candidate, remark: Remark) -> AreaProblem:
    return AreaProblem(feature=candidate.feature, code=candidate.code.code, name=candidate.name, remark=remark)


def _on_file(tx: Connection, level: AreaLevel, box: Any, without: set[str]) -> dict[str, Any]:
    west, south, east, north = (float(edge) for edge in box)
    query = select(area.c.code, area.c.shape).where(
        area.c.level == level.value,
        area.c.ended_on.is_(None),
        area.c.shape.is_not(None),
        area.c.south <= north,
        area.c.north >= south,
        area.c.west <= east,
        area.c.east >= west,
    )
    rows = [row for row in tx.execute(query) if row.code not in without]
    return {row.code: shapely.from_geojson(row.shape) for row in rows}


def _parent_shapes(
    tx: Connection, candidates: Sequence[Candidate], new: Mapping[tuple[str, str], Candidate]
) -> dict[str, Any]:
    """The outlines of the areas that the candidates should lie in, from the file or from what is on file."""
    codes = sorted({code for each in candidates for code in parents_of(each.code.path)})
    found: dict[str, Any] = {}
    for start in range(0, len(codes), 500):
        query = select(area.c.code, area.c.shape).where(
            area.c.code.in_(codes[start : start + 500]),
            area.c.shape.is_not(None),
            area.c.ended_on.is_(None),
            area.c.level.not_in([AreaLevel.DUTY.value, AreaLevel.CELL.value]),
        )
        found |= {row.code: shapely.from_geojson(row.shape) for row in tx.execute(query)}
    found |= {code: each.shape for (level, code), each in new.items() if level not in ("cell", "duty")}
    for shape in found.values():
        shapely.prepare(shape)
    return found


def row_of(candidate: Candidate) -> dict[str, Any]:
    """The columns of an area as they are kept."""
    west, south, east, north = (round(float(edge), 8) for edge in shapely.bounds(candidate.shape))
    return {
        "level": candidate.code.level.value,
        "code": candidate.code.code,
        "name": candidate.name,
        "shape": to_text(candidate.shape),
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "area_m2": round(float(np.round(square_metres(candidate.shape), 1)), 1),
        **candidate.values,
    }
