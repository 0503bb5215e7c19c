"""Importing inventories: each usable row becomes an asset with a code, once, however often the file is imported.

Rows are written a thousand to a transaction; an import that was stopped half way is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select

from registry.domain.codes import read_division
from registry.domain.errors import InvalidInput
from registry.domain.geo import PLACE_DECIMALS, place_cell
from registry.domain.kinds import AssetState
from registry.domain.street_lights import ALIAS_KIND, Post, RowProblem, read_inventory
from registry.services.classes import CJT214_2007, AssetClass, find_class
from registry.services.codes import issue_codes
from registry.storage.database import reading, writing
from registry.storage.tables import asset, asset_alias, import_run

__all__ = ["ImportReport", "RowProblem", "import_street_lights"]

STREETLIGHT_CLASS = "0118"
_BATCH = 1_000
_MOST_BYTES = 512 * 1024 * 1024
_MOST_PROBLEMS_KEPT = 1_000

Progress = Callable[[int, int], None]
"""Told (posts registered, posts to register) after each batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did (or, ``dry_run``, would do). rows = created + unchanged + len(rejected)."""

    rows: int
    created: int
    unchanged: int
    dry_run: bool = False
    rejected: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)


def import_street_lights(
    engine: Engine,
    path: Path,
    *,
    division: str,
    now: datetime,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Register every post of a GeoJSON inventory that is not registered yet; posts are known again by their PoleID.

    Raises ``InvalidInput`` before anything is written: file unreadable or not GeoJSON, ``division`` not six digits.
    """
    read_division(division)
    inventory = read_inventory(_decoded(path))
    with reading(engine) as tx:
        of_class = find_class(tx, CJT214_2007, STREETLIGHT_CLASS)
    known = _known_pole_ids(engine)
    fresh = [post for post in inventory.posts if post.pole_id not in known]
    for start in () if dry_run else range(0, len(fresh), _BATCH):
        batch = fresh[start : start + _BATCH]
        with writing(engine) as tx:
            _register(tx, batch, division, of_class, now=now)
        if progress is not None:
            progress(start + len(batch), len(fresh))
    report = ImportReport(
        rows=inventory.rows,
        created=len(fresh),
        unchanged=len(inventory.posts) - len(fresh),
        dry_run=dry_run,
        rejected=inventory.rejected,
        warnings=inventory.warnings,
    )
    if not dry_run:
        _keep_report(engine, path.name, report, now=now)
    return report


def _decoded(path: Path) -> object:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidInput("file", f"{path.name} is larger than {_MOST_BYTES // 1024 // 1024} MB; split it")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput("file", f"{path} can't be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("file", f"{path.name} is not GeoJSON: {error}; export it as GeoJSON in UTF-8") from error


def _known_pole_ids(engine: Engine) -> set[str]:
    with reading(engine) as tx:
        return set(tx.execute(select(asset_alias.c.value).where(asset_alias.c.kind == ALIAS_KIND)).scalars())


def _register(tx: Connection, posts: Sequence[Post], division: str, of_class: AssetClass, *, now: datetime) -> None:
    """One transaction's worth of new posts; a PoleID that somebody else took meanwhile undoes all of them."""
    codes = issue_codes(tx, division, of_class.code, len(posts))
    tx.execute(insert(asset), [_columns(post, code, of_class, now) for post, code in zip(posts, codes, strict=True)])
    made = select(asset.c.code, asset.c.id).where(asset.c.code.between(codes[0], codes[-1]))
    ids = {row.code: row.id for row in tx.execute(made)}
    tx.execute(
        insert(asset_alias),
        [
            {"kind": ALIAS_KIND, "value": post.pole_id, "asset_id": ids[code]}
            for post, code in zip(posts, codes, strict=True)
        ],
    )


def _columns(post: Post, code: str, of_class: AssetClass, now: datetime) -> dict[str, Any]:
    """What differs from the columns' defaults; thousands of rows a second leave no room for the others."""
    return {
        "code": code,
        "scheme": of_class.scheme,
        "class_code": of_class.code,
        "family": of_class.family.value,
        "name": post.name,
        "state": AssetState.INTACT.value,
        "lon": round(post.place.lon, PLACE_DECIMALS),
        "lat": round(post.place.lat, PLACE_DECIMALS),
        "place_cell": place_cell(post.place.lon, post.place.lat),
        "area_code": code[:6],
        "source_x": post.place.lon,
        "source_y": post.place.lat,
        "road": post.road,
        "details": post.details,
        "created_at": now,
        "updated_at": now,
    }


def _keep_report(engine: Engine, file_name: str, report: ImportReport, *, now: datetime) -> None:
    problems = [asdict(problem) for problem in report.rejected[:_MOST_PROBLEMS_KEPT]]
    with writing(engine) as tx:
        tx.execute(
            insert(import_run).values(
                at=now,
                file_name=file_name[:200],
                rows=report.rows,
                created=report.created,
                unchanged=report.unchanged,
                rejected=len(report.rejected),
                problems=problems,
            )
        )
