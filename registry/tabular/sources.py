"""One door to every format: which one a file is, and its table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from registry.domain.errors import InvalidInput
from registry.tabular.cells import Header, Table
from registry.tabular.csv_files import CsvTable, open_csv
from registry.tabular.geojson_files import open_geojson
from registry.tabular.settings import ImportSettings
from registry.tabular.xlsx_files import XlsxTable, open_xlsx

FORMATS = ("csv", "xlsx", "geojson")


def open_table(path: Path, settings: ImportSettings) -> Table:
    """The table of ``path``; what ``settings`` leaves open is found out.

    Raises ``InvalidInput`` saying what is wrong with the file and what to do.
    """
    header = None
    if settings.header_row:
        header = Header(first=settings.header_row - 1, count=max(settings.header_rows, 1))
    kind = settings.format or find_format(path)
    if kind == "xlsx":
        return open_xlsx(path, sheet=settings.sheet, header=header)
    if kind == "geojson":
        return open_geojson(path)
    return open_csv(path, encoding=settings.encoding, delimiter=settings.delimiter, header=header)


@contextmanager
def called(path: Path, name: str) -> Iterator[None]:
    """What is wrong with the file at ``path`` is told under ``name``: an upload is kept under the hash of its bytes."""
    try:
        yield
    except InvalidInput as error:
        if error.values.get("file") != path.name:
            raise
        raise error.telling(file=name) from error


def find_format(path: Path) -> str:
    """The format by what the file begins with; its name decides nothing, since names lie."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InvalidInput("file", "{given} can't be read: {why}", given=path, why=error.strerror) from error
    if not head:
        raise InvalidInput("file", "{file} is empty; export the table again", file=path.name)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")):
        return "xlsx"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        return "geojson"
    return "csv"


def settled(table: Table, settings: ImportSettings, path: Path) -> ImportSettings:
    """``settings`` with what was found out about the file written into them, so that it is read the same way again."""
    if isinstance(table, CsvTable):
        return replace(
            settings,
            format="csv",
            encoding=table.encoding,
            delimiter=table.delimiter,
            header_row=table.header.first + 1,
            header_rows=table.header.count,
        )
    if isinstance(table, XlsxTable):
        return replace(
            settings,
            format="xlsx",
            sheet=table.sheet,
            header_row=table.header.first + 1,
            header_rows=table.header.count,
        )
    return replace(settings, format=find_format(path))
