"""The form of an import's columns: what each column can be, and what somebody chose, as settings of the import.

Reads forms and makes choices for templates; reads no records and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from dashboards.forms import text, whole_number
from dashboards.site import lang, t
from registry.domain.errors import InvalidInput
from registry.tabular.fields import ALIAS, DETAILS, FIELDS
from registry.tabular.settings import ImportSettings

ENCODINGS = ("utf-8", "gb18030", "utf-16", "big5")
_LONGEST_KIND = 40
_CONSTANTS = ("division", "class", "owner", "maintainer")
_FLAGS = ("swapped", "add_units", "warn_no_road")
_WORDS = ("encoding", "sheet", "crs", "key", "duplicates", "depth_unit", "details")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoice:
    """One column on the page: its first values, its target, how sure the guess is ("": it was none), its options."""

    name: str
    samples: Sequence[str]
    target: str
    sure: str
    options: list[tuple[str, Any]]


def column_choices(looks: Iterable[Any], settings: ImportSettings) -> list[ColumnChoice]:
    """The columns of a file with what each can be; ``settings`` say what it is now."""
    fields = [(key, field.zh if lang() == "zh" else field.en) for key, field in FIELDS.items()]
    return [_column(look, settings, fields) for look in looks]


def _column(look: Any, settings: ImportSettings, fields: list[tuple[str, str]]) -> ColumnChoice:
    chosen = settings.columns.get(look.name, "" if settings.details == "none" else "details")
    guessed = chosen == look.target and chosen not in ("", "details")
    options: list[tuple[str, Any]] = [
        ("", t("imports.left_out")),
        ("details", t("imports.to_details")),
        (alias_of(look, chosen), t("imports.as_alias", kind=alias_of(look, chosen).removeprefix(ALIAS))),
        (t("imports.fields"), fields),
    ]
    if chosen.startswith(DETAILS):
        options.append((chosen, chosen.removeprefix(DETAILS)))
    return ColumnChoice(
        name=look.name,
        samples=look.samples,
        target=chosen,
        sure=_sure(look.confidence) if guessed else "",
        options=options,
    )


def alias_of(look: Any, chosen: str = "") -> str:
    """The target that keeps a column as an identifier: as chosen or guessed, else under the column's own name."""
    for target in (chosen, look.target):
        if target.startswith(ALIAS):
            return str(target)
    return f"{ALIAS}{look.name.rsplit('/', 1)[-1][:_LONGEST_KIND]}"


def _sure(confidence: float) -> str:
    return "sure" if confidence >= 0.9 else "likely" if confidence >= 0.6 else "perhaps"


def key_choices(looks: Sequence[Any], settings: ImportSettings) -> list[tuple[str, str]]:
    """By what a row can be known again: the code, or any column kept as an identifier (choosing one makes it so)."""
    choices = [("code", t("imports.key_code"))]
    for look in looks:
        target = alias_of(look, settings.columns.get(look.name, ""))
        choices.append((target, t("imports.key_column", column=look.name)))
    return choices


def read_columns(form: Mapping[str, str], looks: Sequence[Any], before: ImportSettings) -> ImportSettings:
    """The settings as the form has them. Raises ``InvalidInput`` for a number that is none.

    Whether they can be imported by is not checked here: a profile may be saved before it is complete.
    """
    chosen = {look.name: text(form, f"column-{at}", most=120) for at, look in enumerate(looks)}
    read: dict[str, Any] = {name: text(form, name, most=80) for name in _WORDS if name in form}
    key = read.get("key", "")
    if key.startswith(ALIAS) and key not in chosen.values():
        of_key = next((look.name for look in looks if alias_of(look) == key), None)
        if of_key is not None:
            chosen[of_key] = key
    constants = dict(before.constants)
    for name in _CONSTANTS:
        constants[name] = text(form, name, most=80)
    read |= {name: form.get(name) == "1" for name in _FLAGS}
    return replace(
        before,
        columns=chosen,
        constants={name: value for name, value in constants.items() if value},
        duplicates_m=_number(form, "duplicates_m", before.duplicates_m),
        far_km=_number(form, "far_km", before.far_km),
        name_pattern=text(form, "name_pattern", most=80),
        header_row=whole_number(form, "header_row", 0, least=0, most=1000),
        **read,
    )


def read_places(args: Mapping[str, str], looks: Sequence[Any], before: ImportSettings) -> ImportSettings:
    """The settings of a run with only the places read as an address says: system, exchange, and whose columns."""
    columns = {name: target for name, target in before.columns.items() if target not in ("lon", "lat", "place")}
    for target in ("lon", "lat", "place"):
        at = whole_number(args, target, -1, least=-1, most=len(looks) - 1)
        if at >= 0:
            columns[looks[at].name] = target
    return replace(before, columns=columns, crs=text(args, "crs", most=20), swapped=args.get("swapped") == "1")


def profiled(saved: ImportSettings, looks: Sequence[Any], found: ImportSettings) -> ImportSettings:
    """A saved profile on this file: what the file itself says stays, columns that it does not have are left aside."""
    known = {look.name: saved.columns.get(look.name, found.columns.get(look.name, "")) for look in looks}
    return replace(
        saved,
        format=found.format,
        encoding=found.encoding,
        delimiter=found.delimiter,
        sheet=found.sheet,
        header_row=found.header_row,
        header_rows=found.header_rows,
        columns=known,
    )


def _number(form: Mapping[str, str], name: str, otherwise: float) -> float:
    written = text(form, name, most=20)
    if not written:
        return otherwise
    try:
        number = float(written)
    except ValueError:
        raise InvalidInput(name, "{given!r} must be a number", given=written) from None
    if not 0 <= number <= 20_000:
        raise InvalidInput(name, "{given!r} must be between 0 and 20,000", given=written)
    return number
