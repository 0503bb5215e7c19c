"""A panel's answer as a table for a spreadsheet: times in the city's zone, one row for each figure. Where something did
not fit, the last row says so."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dashboards.board_words import Teller
from dashboards.site import site, t
from dashboards.texts import local_time
from registry.queries.board_values import (
    Answer,
    Bars,
    CountsOverTime,
    Curves,
    Heat,
    Stat,
    Table,
    Timeline,
)
from registry.tabular.cells import guarded

_BOM = "\ufeff"


def as_csv(answer: Answer | None) -> str:
    """The whole table; a mark before it says to spreadsheets which encoding it is in."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in _rows(answer, Teller()):
        writer.writerow([guarded(cell) for cell in row])
    return _BOM + text.getvalue()


def _rows(answer: Answer | None, teller: Teller) -> Iterator[list[Any]]:
    match answer:
        case Curves():
            yield from _curves(answer, teller)
        case CountsOverTime():
            yield from _counts(answer, teller)
        case Table():
            yield from _table(answer, teller)
        case Timeline():
            yield from _states(answer, teller)
        case Stat():
            yield [t("board.column.value"), t("board.column.before"), t("board.column.unit")]
            yield [answer.value, answer.before, t(f"unit.{answer.unit}")]
        case Bars():
            yield [t("board.column.name"), _headed(t("board.column.value"), answer.unit)]
            yield from ([teller.said(bar.name), bar.value] for bar in answer.bars)
            if answer.rest:
                yield [t("board.file.rest"), answer.rest]
        case Heat():
            yield [t(f"board.column.{each}") for each in ("weekday", "hour", "count")]
            yield from ([t(f"board.day.{day}"), hour, many] for day, hour, many in answer.cells)


def _curves(answer: Curves, teller: Teller) -> Iterator[list[Any]]:
    yield [t(f"board.column.{each}") for each in ("time", "name", "unit", "min", "mean", "max")]
    for curve in answer.series:
        name, unit = teller.said(curve.name), t(f"unit.{curve.unit}")
        for at_ms, *values in zip(curve.t, curve.min, curve.mean, curve.max, strict=True):
            yield [_time(at_ms), name, unit, *values]
    yield from _left_out(answer)


def _counts(answer: CountsOverTime, teller: Teller) -> Iterator[list[Any]]:
    names = [teller.said(each.name) or t("board.column.count") for each in answer.series]
    yield [t("board.column.time"), *names]
    for place, at_ms in enumerate(answer.series[0].t if answer.series else ()):
        yield [_time(at_ms), *(each.value[place] for each in answer.series)]
    yield from _left_out(answer)


def _table(answer: Table, teller: Teller) -> Iterator[list[Any]]:
    yield [_headed(teller.said(each.name), each.unit) for each in answer.columns]
    kinds = [each.kind for each in answer.columns]
    for row in answer.rows:
        yield [_cell(cell, kind, teller) for cell, kind in zip(row, kinds, strict=True)]
    if answer.more:
        yield [t("board.file.more", n=len(answer.rows))]


def _states(answer: Timeline, teller: Teller) -> Iterator[list[Any]]:
    yield [t(f"board.column.{each}") for each in ("name", "from", "until", "state")]
    for line in answer.rows:
        for since_ms, until_ms, state in line.spans:
            yield [teller.said(line.name), _time(since_ms), _time(until_ms), t(f"board.state.{state}")]
    if answer.more:
        yield [t("board.file.more_lines", n=len(answer.rows))]


def _left_out(answer: Curves | CountsOverTime) -> Iterator[list[Any]]:
    if answer.left_out:
        yield [t("board.file.left_out", n=answer.left_out)]


def _headed(name: str, unit: str) -> str:
    """What stands above a column of figures: its name, and the unit where they have one."""
    symbol = t(f"unit.{unit}") if unit else ""
    return f"{name} ({symbol})" if symbol else name


def _cell(cell: Any, kind: str, teller: Teller) -> Any:
    if cell is None:
        return ""
    if kind == "time":
        return _time(cell)
    return t(f"{kind}.{cell}") if kind in ("severity", "stage") else teller.said(cell)


def _time(at_ms: int) -> str:
    return local_time(datetime.fromtimestamp(at_ms / 1000, UTC), site().zone)
