"""From a row of a statement to the frozen value that a page is shown."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

View = TypeVar("View", bound=msgspec.Struct)


def read_row(row: Any, view: type[View], **more: Any) -> View:
    """``view`` filled from the columns of the same names; ``more`` are the fields that no column holds.

    Words and numbers become the enumerations that the view names. Raises ``msgspec.ValidationError`` when a column does
    not fit, which is a mistake in the program.
    """
    columns = {str(name): value for name, value in row._mapping.items()}
    return msgspec.convert(columns | more, view, strict=False)
