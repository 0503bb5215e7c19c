"""Reading the forms and files of the dispatch table and of absences into typed values."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from werkzeug.datastructures import FileStorage

from dashboards.forms import choice, optional_int, text
from dashboards.place_forms import read_day
from registry.domain.dispatch_table import Applies, Whom
from registry.domain.errors import InvalidInput
from registry.services.dispatch_files import DispatchFile, Names, read_dispatch_file
from registry.services.dispatch_lines import NewLine

_LONGEST_NAME = 100


def read_line(form: Mapping[str, str]) -> NewLine:
    """A line of the dispatch table. ``subject`` is ``family:cover`` or ``class:SCHEME:CODE``, or empty for anything."""
    kind, _, rest = text(form, "subject", most=60).partition(":")
    scheme, _, class_code = rest.rpartition(":") if kind == "class" else ("", "", "")
    return NewLine(
        applies=Applies(choice(form, "applies", Applies) or Applies.ALWAYS),
        kind=text(form, "kind", most=40),
        family=rest if kind == "family" else "",
        scheme=scheme,
        class_code=class_code,
        area_code=text(form, "area_code", most=20),
        grade=text(form, "grade", most=20),
        unit_id=optional_int(form, "unit_id"),
        whom=Whom(choice(form, "whom", Whom) or Whom.BEST),
        automatic=form.get("automatic") == "1",
    )


def read_file(file: FileStorage, names: Names) -> DispatchFile:
    """The lines of an uploaded CSV or XLSX. Raises ``InvalidInput`` for a file as a whole."""
    name = Path(file.filename or "").name.replace("\x00", "")[-_LONGEST_NAME:].lstrip(".")
    with tempfile.TemporaryDirectory(prefix="covercode-dispatch-") as folder:
        path = Path(folder) / (name or "dispatch")
        file.save(path)
        return read_dispatch_file(path, name or path.name, names)


def read_absence(form: Mapping[str, str]) -> tuple[int, date, date | None, str]:
    """Who is away, from when until when, and why."""
    user_id = optional_int(form, "user_id")
    if user_id is None:
        raise InvalidInput("user_id", "choose who is away")
    first = read_day(form, "first_on")
    if first is None:
        raise InvalidInput("first_on", "say from which day they are away")
    return user_id, first, read_day(form, "last_on"), text(form, "note", most=120)
