"""A case standard from a file: all of it or, on any mistake, nothing; first a dry run that says what would change.

Lines that the file does not have stay: a file may hold one class only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine

from registry.domain.case_standard import CaseLine
from registry.domain.people import Actor
from registry.services import audit
from registry.services.standard import load_standard, put_lines, same
from registry.storage.database import reading, writing
from registry.tabular.standard_table import RowProblem, read_standard


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardReport:
    """What loading a standard did, or would do (``written`` False): keys of new and changed lines, and the problems.

    Nothing is written while there is a problem. rows = added + changed + unchanged + problems.
    """

    written: bool
    rows: int
    added: Sequence[str]
    changed: Sequence[str]
    unchanged: int
    problems: Sequence[RowProblem]


def import_standard(
    engine: Engine, path: Path, *, by: Actor, now: datetime, check_only: bool = False
) -> StandardReport:
    """Load the standard in ``path`` (CSV or XLSX), or say what would happen. Raises as ``read_standard`` does."""
    if check_only:
        with reading(engine) as tx:
            return _plan(tx, path)[0]
    with writing(engine) as tx:
        report, lines = _plan(tx, path)
        if report.problems:
            return report
        put_lines(tx, lines, note=path.name, by=by, now=now)
        report = StandardReport(
            written=True,
            rows=report.rows,
            added=report.added,
            changed=report.changed,
            unchanged=report.unchanged,
            problems=(),
        )
        detail = {"file": path.name, "added": list(report.added), "changed": list(report.changed)}
        audit.record(tx, by=by, action="standard.import", subject="standard", detail=detail, now=now)
    return report


def _plan(tx: Connection, path: Path) -> tuple[StandardReport, list[CaseLine]]:
    kept = load_standard(tx).lines
    table = read_standard(path, kept)
    added: list[str] = []
    changed: list[str] = []
    lines: list[CaseLine] = []
    unchanged = 0
    for _, line in table.lines:
        was = kept.get(line.key)
        if was is not None and same(was, line):
            unchanged += 1
            continue
        (added if was is None else changed).append(line.key)
        lines.append(msgspec.structs.replace(line, version=1 if was is None else was.version + 1))
    report = StandardReport(
        written=False,
        rows=len(table.lines) + len(table.problems),
        added=added,
        changed=changed,
        unchanged=unchanged,
        problems=table.problems,
    )
    return report, lines
