"""Lists of the hotline 12345 and of other platforms, as CSV or XLSX: read, checked row by row, then taken as reports.

A row whose number was taken before is passed over, so that a list can be imported again after it grew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path

from sqlalchemy import Engine, select

from registry.domain.errors import DomainError, InvalidInput
from registry.domain.geo import Place, check_place
from registry.domain.kinds import Source
from registry.domain.people import Actor
from registry.domain.public_rules import PUBLIC_KINDS, REPORTED
from registry.domain.scopes import check_area
from registry.queries.find_asset import find_asset
from registry.services.reports import NewReport, Report, take_report
from registry.storage.database import reading
from registry.storage.tables import asset
from registry.tabular.cells import Row, as_written, plain
from registry.tabular.settings import ImportSettings
from registry.tabular.sources import open_table

MOST_ROWS = 2000

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("工单编号", "工单号", "受理编号", "编号", "number"),
    "text": ("诉求内容", "问题描述", "反映内容", "内容", "描述", "text", "description"),
    "phone": ("联系电话", "来电号码", "电话", "手机", "phone"),
    "name": ("来电人", "联系人", "姓名", "name"),
    "address": ("事发地址", "事发地点", "地址", "地点", "address"),
    "lon": ("经度", "lon", "longitude"),
    "lat": ("纬度", "lat", "latitude"),
    "asset": ("部件编码", "标牌编号", "部件", "asset_code"),
    "kind": ("案件类型", "类型", "kind"),
}
"""What each column is, by the names that it goes by in lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRow:
    """One row of a list: what it says, or why it can't be taken (``problem``)."""

    number: int
    report: NewReport | None
    problem: InvalidInput | None = None
    taken: Report | None = None


def read_list(engine: Engine, path: Path, *, kinds: Mapping[str, str], secret: bytes, by: Actor) -> list[ListedRow]:
    """Every row of the file, checked and not yet taken. ``kinds``: the words for case kinds, to their keys.

    Raises ``InvalidInput("file", …)`` for what is no list.
    """
    table = open_table(path, ImportSettings())
    at = {key: index for key in COLUMNS if (index := _column(table.columns, key)) is not None}
    if "text" not in at:
        raise InvalidInput("file", "no column says what was told; name one of them 内容 or text")
    rows: list[ListedRow] = []
    for row in table.rows():
        if len(rows) >= MOST_ROWS:
            raise InvalidInput("file", "has more than {most} rows; split it", most=MOST_ROWS)
        rows.append(_read(engine, row, at, kinds, secret, by))
    if not rows:
        raise InvalidInput("file", "has no row under its header")
    return rows


def take_list(engine: Engine, rows: Sequence[ListedRow], *, now: datetime, zone: tzinfo) -> list[ListedRow]:
    """Take every row that can be; each on its own, so that a bad one holds no other up."""
    done = []
    for row in rows:
        if row.report is None:
            done.append(row)
            continue
        try:
            done.append(replace(row, taken=take_report(engine, row.report, now=now, zone=zone)))
        except InvalidInput as error:
            done.append(replace(row, problem=error))
        except DomainError as error:
            done.append(replace(row, problem=InvalidInput("row", "{why}", why=error)))
    return done


def _column(columns: Sequence[str], key: str) -> int | None:
    folded = [plain(name).casefold() for name in columns]
    return next((folded.index(name.casefold()) for name in COLUMNS[key] if name.casefold() in folded), None)


def _read(
    engine: Engine, row: Row, at: Mapping[str, int], kinds: Mapping[str, str], secret: bytes, by: Actor
) -> ListedRow:
    def cell(key: str) -> str:
        return as_written(row.cells[at[key]]) if key in at and at[key] < len(row.cells) else ""

    try:
        if not cell("text"):
            raise InvalidInput("text", "please write in a few words what is wrong")
        asset_id = _asset_of(engine, cell("asset"), by)
        report = NewReport(
            text=cell("text"),
            source=Source.HOTLINE,
            kind=_kind(cell("kind"), kinds),
            asset_id=asset_id,
            place=_place(cell("lon"), cell("lat"), needed=asset_id is None),
            address=cell("address"),
            contact=cell("phone"),
            reporter=cell("name"),
            secret=secret,
            brought_by=by.user_id,
            foreign_id=f"hotline:{cell('number')}" if cell("number") else None,
            trusted=True,
        )
    except InvalidInput as error:
        return ListedRow(number=row.number, report=None, problem=error)
    return ListedRow(number=row.number, report=report)


def _kind(written: str, kinds: Mapping[str, str]) -> str:
    if not written:
        return REPORTED
    found = written if written in PUBLIC_KINDS else kinds.get(written)
    if found is None:
        raise InvalidInput("kind", "{given!r} must be one of {known}", given=written[:40], known=", ".join(kinds))
    return found


def _asset_of(engine: Engine, written: str, by: Actor) -> int | None:
    if not written:
        return None
    found = find_asset(engine, written)
    if len(found) != 1:
        raise InvalidInput("asset", "{given!r} names no asset on file", given=written[:60])
    with reading(engine) as tx:
        check_area(by, str(tx.scalar(select(asset.c.area_code).where(asset.c.id == found[0].asset_id))))
    return found[0].asset_id


def _place(lon: str, lat: str, *, needed: bool) -> Place | None:
    if not lon and not lat:
        if needed:
            raise InvalidInput("place", "give the number of the thing, or longitude and latitude; words can't be found")
        return None
    try:
        return check_place(float(lon), float(lat))
    except ValueError:
        raise InvalidInput("lon", "longitude and latitude must be two numbers of degrees") from None
