"""What pages show of imports: the list, one import's progress and counts, its report, its duplicates side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, func, select

from registry.domain.errors import NotFound
from registry.domain.kinds import DuplicateDecision, ImportState
from registry.queries.paging import Page, decode, page_of
from registry.storage.database import reading
from registry.storage.tables import asset, asset_class, import_duplicate, import_problem, import_run, user
from registry.tabular.faults import FAULTS, say, say_of_all
from registry.tabular.settings import ImportSettings, read_settings

PAGE = 50


def fault_sentences() -> dict[str, str]:
    """What can be wrong with a cell: each English sentence with the Chinese one."""
    return {words.en: words.zh for words in FAULTS.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """One import. ``rows`` is what is expected while it works and what there was at the end.

    ``done_rows`` = created + updated + unchanged + rejected + held. ``problems_kept``: lines of the report.
    ``settings`` is None until somebody chose them.
    """

    id: int
    at: datetime
    file_name: str
    size_bytes: int
    state: ImportState
    by_name: str
    by_user_id: int | None
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    held: int
    remarks: int
    next_row: int
    problem: str
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None
    undone_by_name: str
    settings: ImportSettings | None
    problems_kept: int = 0
    duplicates_open: int = 0

    @property
    def done_rows(self) -> int:
        """Rows that were looked at so far."""
        return self.created + self.updated + self.unchanged + self.rejected + self.held

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo (its assets may have changed since)."""
        ended = self.state in (ImportState.DONE, ImportState.STOPPED, ImportState.FAILED)
        return ended and bool(self.created or self.updated)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """One line of the report, in the reader's language. ``grave``: the row was left out."""

    id: int
    row: int
    grave: bool
    column: str
    value: str
    code: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two things side by side; ``asset_id`` and ``code`` are empty for a row of the file."""

    row: int | None
    asset_id: int | None
    code: str
    name: str
    class_code: str
    lon: float
    lat: float
    road: str
    address: str
    material: str
    size: str
    depth_mm: int | None
    aliases: tuple[str, ...]
    details: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateRow:
    """A likely duplicate: the row of the file, and what stands there already (an asset, or an earlier row)."""

    id: int
    row: int
    distance_m: float
    decision: DuplicateDecision
    new: Side
    there: Side | None
    other_row: int | None
    made_asset_id: int | None


def import_file(engine: Engine, run_id: int) -> ImportView:
    """One import. Raises ``NotFound``."""
    with reading(engine) as tx:
        row = tx.execute(_views().where(import_run.c.id == run_id)).first()
        if row is None:
            raise NotFound("import", run_id)
        kept = select(func.count()).select_from(import_problem).where(import_problem.c.run_id == run_id)
        still_open = (
            select(func.count())
            .select_from(import_duplicate)
            .where(import_duplicate.c.run_id == run_id, import_duplicate.c.decision == DuplicateDecision.OPEN.value)
        )
        return _view(row, tx.execute(kept).scalar_one(), tx.execute(still_open).scalar_one())


def list_imports(
    engine: Engine, *, after: str | None = None, limit: int = PAGE, by_user_id: int | None = None
) -> Page[ImportView]:
    """Imports, the newest first, of everybody or of one user; ``after`` is the page before's ``next``."""
    query = _views().order_by(import_run.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(import_run.c.id < decode(after, int)[0])
    if by_user_id is not None:
        query = query.where(import_run.c.by_user_id == by_user_id)
    with reading(engine) as tx:
        rows = [_view(row) for row in tx.execute(query)]
    return page_of(rows, limit, lambda view: (view.id,))


def class_choices(engine: Engine, scheme: str, *, lang: str = "zh") -> list[tuple[str, str]]:
    """Every class of ``scheme``: its code, and its code and name in the reader's language."""
    query = select(asset_class.c.code, asset_class.c.name_zh, asset_class.c.name_en)
    with reading(engine) as tx:
        rows = tx.execute(query.where(asset_class.c.scheme == scheme).order_by(asset_class.c.code)).all()
    return [(row.code, f"{row.code} {row.name_zh if lang == 'zh' else row.name_en or row.name_zh}") for row in rows]


def problems(
    engine: Engine,
    run_id: int,
    *,
    after: int = 0,
    limit: int = PAGE,
    grave: bool | None = None,
    code: str = "",
    lang: str = "zh",
) -> list[ProblemRow]:
    """Lines of the report in the file's order; ``after`` is the last id seen."""
    query = (
        select(import_problem)
        .where(import_problem.c.run_id == run_id, import_problem.c.id > after)
        .order_by(import_problem.c.id)
        .limit(limit)
    )
    if grave is not None:
        query = query.where(import_problem.c.grave == int(grave))
    if code:
        query = query.where(import_problem.c.problem == code)
    with reading(engine) as tx:
        return [_problem(row, lang) for row in tx.execute(query)]


def problem_kinds(engine: Engine, run_id: int, *, lang: str = "zh") -> list[tuple[str, str, bool, int]]:
    """The report in short: code, problem, grave, how many kept lines; the most frequent first."""
    query = (
        select(import_problem.c.problem, import_problem.c.grave, func.count().label("count"))
        .where(import_problem.c.run_id == run_id)
        .group_by(import_problem.c.problem, import_problem.c.grave)
        .order_by(func.count().desc())
    )
    with reading(engine) as tx:
        return [(row.problem, say_of_all(row.problem, lang), bool(row.grave), row[2]) for row in tx.execute(query)]


def duplicates(
    engine: Engine,
    run_id: int,
    *,
    after: int = 0,
    limit: int = PAGE,
    decision: DuplicateDecision | None = None,
) -> list[DuplicateRow]:
    """Likely duplicates with both sides, in the file's order; ``after`` is the last id seen."""
    query = (
        select(import_duplicate)
        .where(import_duplicate.c.run_id == run_id, import_duplicate.c.id > after)
        .order_by(import_duplicate.c.id)
        .limit(limit)
    )
    if decision is not None:
        query = query.where(import_duplicate.c.decision == decision.value)
    with reading(engine) as tx:
        rows = tx.execute(query).all()
        ids = [row.asset_id for row in rows if row.asset_id is not None]
        there = {row.id: _asset_side(row) for row in tx.execute(select(asset).where(asset.c.id.in_(ids)))}
    return [
        DuplicateRow(
            id=row.id,
            row=row.row,
            distance_m=row.distance_m,
            decision=DuplicateDecision(row.decision),
            new=_row_side(row.row, row.row_values),
            there=there.get(row.asset_id),
            other_row=row.other_row,
            made_asset_id=row.made_asset_id,
        )
        for row in rows
    ]


def _views() -> Select[Any]:
    undoer = user.alias("undoer")
    return select(import_run, user.c.name.label("by_name"), undoer.c.name.label("undone_by_name")).select_from(
        import_run.outerjoin(user, user.c.id == import_run.c.by_user_id).outerjoin(
            undoer, undoer.c.id == import_run.c.undone_by
        )
    )


def _view(row: Any, problems_kept: int = 0, duplicates_open: int = 0) -> ImportView:
    same = [
        "id",
        "at",
        "file_name",
        "size_bytes",
        "by_user_id",
        "rows",
        "created",
        "updated",
        "unchanged",
        "rejected",
        "held",
    ]
    same += ["remarks", "next_row", "problem", "started_at", "finished_at", "undone_at"]
    return ImportView(
        **{name: getattr(row, name) for name in same},
        state=ImportState(row.state),
        by_name=row.by_name or "",
        undone_by_name=row.undone_by_name or "",
        settings=read_settings(row.settings) if row.settings else None,
        problems_kept=problems_kept,
        duplicates_open=duplicates_open,
    )


def _problem(row: Any, lang: str) -> ProblemRow:
    try:
        args = json.loads(row.fix) if row.fix else {}
    except ValueError:
        args = {}
    problem, fix = say(row.problem, args, lang)
    return ProblemRow(
        id=row.id,
        row=row.row,
        grave=bool(row.grave),
        column=row.column,
        value=row.value,
        code=row.problem,
        problem=problem,
        fix=fix,
    )


def _asset_side(row: Any) -> Side:
    return Side(
        row=None,
        asset_id=row.id,
        code=row.code,
        name=row.name,
        class_code=row.class_code,
        lon=row.lon,
        lat=row.lat,
        road=row.road,
        address=row.address,
        material=row.material,
        size=row.size,
        depth_mm=row.depth_mm,
        aliases=(),
        details=row.details,
    )


def _row_side(number: int, plain: dict[str, Any]) -> Side:
    said = plain["values"]
    return Side(
        row=number,
        asset_id=None,
        code=plain.get("code") or "",
        name=said.get("name", ""),
        class_code=plain["class_code"],
        lon=plain["place"][0],
        lat=plain["place"][1],
        road=said.get("road", ""),
        address=said.get("address", ""),
        material=said.get("material", ""),
        size=said.get("size", ""),
        depth_mm=said.get("depth_mm"),
        aliases=tuple(f"{kind} {value}" for kind, value in plain["aliases"]),
        details=plain["details"],
    )
