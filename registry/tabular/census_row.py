"""One usable record of a file, as a row of the register; what its plain fields are read by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from registry.domain.codes import ComponentCode
from registry.domain.geo import Place
from registry.tabular import values
from registry.tabular.cells import LONGEST_NAME, plain
from registry.tabular.faults import BadValue, Fault
from registry.tabular.fields import FIELDS
from registry.tabular.settings import ImportSettings

PARTIES = ("supervisor", "owner", "maintainer")


@dataclass(slots=True, kw_only=True)
class CensusRow:
    """One usable record. ``place`` is WGS-84, ``given`` the same as the file has it; both None when it has none.

    ``code`` is a component code that stands in the file. ``values``: columns of an asset; ``units``: party to the name
    of a unit; ``remarks``: faults that don't keep the row out.
    """

    number: int
    class_code: str
    division: str
    code: ComponentCode | None
    place: Place | None
    given: Place | None
    values: dict[str, Any]
    units: dict[str, str]
    aliases: list[tuple[str, str]]
    details: dict[str, Any]
    remarks: list[Fault]

    def names(self) -> list[str]:
        """Everything that only one asset may have: the code, and each id behind its kind and a unit separator."""
        names = [f"{kind}\x1f{value}" for kind, value in self.aliases]
        return [str(self.code), *names] if self.code is not None else names


class Unusable(Exception):
    """The row can't be taken; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def _text(field: str) -> Callable[[Any, ImportSettings], Any]:
    most = FIELDS[field].longest if field not in ("name", "road") else LONGEST_NAME
    return lambda cell, _settings: values.words(cell, most)


def _grid_cell(cell: Any, _settings: ImportSettings) -> str:
    text = values.digits(cell)
    # 15 digits by GB/T 30428.1; 14 and 16 are met in older and local tables
    if not (text.isdigit() and 14 <= len(text) <= 16):
        raise BadValue("bad_cell_code")
    return text


def _accuracy(cell: Any, _settings: ImportSettings) -> str:
    text = plain(cell).upper().removesuffix("级").removesuffix("类").strip()
    if text not in ("A", "B", "C"):
        raise BadValue("bad_accuracy")
    return text


READERS: Mapping[str, Callable[[Any, ImportSettings], Any]] = {
    "name": _text("name"),
    "road": _text("road"),
    "address": _text("address"),
    "state": lambda cell, _settings: values.state(cell).value,
    "grid_cell": _grid_cell,
    "depth": lambda cell, settings: values.millimetres(cell, settings.depth_unit),
    "material": _text("material"),
    "size": _text("size"),
    "installed_on": lambda cell, _settings: values.day(cell),
    "warranty_until": lambda cell, _settings: values.day(cell),
    "accuracy": _accuracy,
}
COLUMN_OF = {"depth": "depth_mm"}
