"""What one batch of rows of an import is: its surroundings, its rows, and the plan of what becomes of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from registry.domain.kinds import Family
from registry.domain.people import Actor
from registry.tabular.census_row import CensusRow, Unusable
from registry.tabular.faults import Fault
from registry.tabular.fields import ALIAS
from registry.tabular.rows import RowReader
from registry.tabular.settings import ImportSettings

_CHUNK = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOnFile:
    """What a row needs of its class."""

    name_zh: str
    family: Family


@dataclass(slots=True, kw_only=True)
class Context:
    """What stays the same for all batches of a run. ``units``: name to id, grown by those that the import makes."""

    run_id: int
    file_name: str
    settings: ImportSettings
    reader: RowReader
    classes: Mapping[str, ClassOnFile]
    units: dict[str, int]
    by: Actor
    dry_run: bool


@dataclass(slots=True, kw_only=True)
class NewRow:
    """A row that becomes an asset."""

    row: CensusRow
    area_code: str
    grid_cell: str


@dataclass(slots=True, kw_only=True)
class ChangedRow:
    """A row that changes ``before``: new values of columns, and ids to be added."""

    row: CensusRow
    before: Row[Any]
    after: dict[str, Any]
    aliases: list[tuple[str, str]]


@dataclass(slots=True, kw_only=True)
class HeldRow:
    """A likely duplicate of an asset, or of an earlier row that is not registered yet."""

    row: CensusRow
    asset_id: int | None
    other_row: int | None
    distance_m: float


@dataclass(slots=True, kw_only=True)
class Plan:
    """What becomes of a batch. ``faults``: (row, grave, fault); ``deferred``: to be merged into a row of this batch."""

    new: list[NewRow] = field(default_factory=list)
    changed: list[ChangedRow] = field(default_factory=list)
    unchanged: list[tuple[CensusRow, int]] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    faults: list[tuple[int, bool, Fault]] = field(default_factory=list)
    deferred: list[CensusRow] = field(default_factory=list)
    rejected: int = 0
    new_units: dict[str, None] = field(default_factory=dict)

    def refuse(self, number: int, fault: Fault) -> None:
        """The row stays out."""
        self.rejected += 1
        self.faults.append((number, True, fault))

    def remark(self, number: int, fault: Fault) -> None:
        """The row is taken, with a remark."""
        self.faults.append((number, False, fault))


def read_batch(reader: RowReader, records: Iterable[Any], plan: Plan) -> list[CensusRow]:
    """The usable records; the others are refused in ``plan``."""
    rows: list[CensusRow] = []
    for record in records:
        try:
            rows.append(reader.read(record))
        except Unusable as reason:
            plan.refuse(record.number, reason.fault)
    return rows


def key_of(settings: ImportSettings, row: CensusRow) -> str:
    """The value by which the row is known again; "" when there is none."""
    if settings.key == "code":
        return "" if row.code is None else str(row.code)
    kind = settings.key.removeprefix(ALIAS) if settings.key else ""
    return next((value for each, value in row.aliases if each == kind), "") if kind else ""


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """``values`` in pieces that one query can ask for."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
