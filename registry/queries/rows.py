"""Rows of a statement as frozen values: each selected column becomes the field of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

from registry.shapes import shaped

View = TypeVar("View")


def as_view(row: Mapping[Any, Any], kind: type[View], **more: Any) -> View:
    """One mapping row, and fields that are not columns. Columns without a field are left out."""
    # SQLAlchemy's keys are a subclass of str, which msgspec refuses
    return shaped({str(name): value for name, value in row.items()} | more, kind)


def all_views(tx: Connection, query: Select[Any], kind: type[View]) -> list[View]:
    """Every row of ``query``."""
    return [as_view(row, kind) for row in tx.execute(query).mappings()]


def read_row(row: Any, view: type[View], **more: Any) -> View:
    """``view`` filled from the columns of the same names; ``more`` are the fields that no column holds.

    Words and numbers become the enumerations that the view names. Raises ``msgspec.ValidationError`` when a column does
    not fit, which is a mistake in the program.
    """
    columns = {str(name): value for name, value in row._mapping.items()}
    return shaped(columns | more, view, strict=False)
