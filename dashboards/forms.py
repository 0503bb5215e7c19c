"""Reading what people send: once, at the door, into typed values. Every refusal names the field and the remedy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from werkzeug.datastructures import FileStorage, MultiDict

from dashboards.paths import safe_path
from registry.domain.errors import InvalidInput
from registry.domain.geo import Box

MAX_NOTE = 2000
MAX_TEXT = 1000
MAX_CONTACT = 120
MAX_PHOTOS = 9
_SECRET = frozenset({"password", "old_password", "again", "csrf_token"})

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """A form as a page shows it: what was typed, and what is wrong with it."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    photo_ids: tuple[int, ...] = ()

    def value(self, name: str) -> str:
        """What was typed into ``name``; empty at first."""
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """What is wrong with ``name``; empty when nothing is."""
        return self.errors.get(name, "")


def state_of(
    form: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    problem: str = "",
    photo_ids: tuple[int, ...] = (),
) -> FormState:
    """The form as it was sent (never its password), with what is wrong at its fields and in general."""
    kept = {name: text for name, text in form.items() if name not in _SECRET}
    return FormState(values=kept, errors=errors or {}, problem=problem, photo_ids=photo_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the sign-in form holds."""

    login: str
    password: str
    next: str


def read_credentials(form: Mapping[str, str]) -> Credentials:
    """The sign-in form. Nothing is refused here: a wrong name and a wrong password get the same answer."""
    return Credentials(
        login=form.get("login", "").strip()[:60],
        password=form.get("password", "")[:1000],
        next=safe_path(form.get("next"), otherwise=""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveForm:
    """What somebody wants to do with a case; ``photo_ids`` were uploaded with an earlier try of the same form."""

    move: str
    version: int
    note: str
    assignee_id: int | None
    unit_id: int | None
    photo_ids: tuple[int, ...]
    next: str
    until: str = ""
    into: str = ""
    passed: bool | None = None
    quantity: float | None = None
    cause: str = ""


def read_move(form: MultiDict[str, str]) -> MoveForm:
    """The move form. Raises ``InvalidInput`` for a number that is none and a note that is too long."""
    move = form.get("move", "").strip()
    if not move:
        raise InvalidInput("move", "no step was chosen; use one of the buttons")
    version = optional_int(form, "version")
    if version is None:
        raise InvalidInput("version", "is missing; load the case again and send the form once more")
    return MoveForm(
        move=move,
        version=version,
        note=text(form, "note", most=MAX_NOTE),
        assignee_id=optional_int(form, "assignee_id"),
        unit_id=optional_int(form, "unit_id"),
        photo_ids=read_photo_ids(form),
        next=safe_path(form.get("next"), otherwise=""),
        until=text(form, "until", most=10),
        into=text(form, "into_id", most=20),
        passed=flag(form, "passed"),
        quantity=optional_float(form, "quantity"),
        cause=text(form, "cause", most=80),
    )


def read_photo_ids(form: MultiDict[str, str]) -> tuple[int, ...]:
    """Photos that an earlier try of this form has uploaded already."""
    ids = tuple(dict.fromkeys(_int("photo_ids", word) for word in form.getlist("photo_ids") if word.strip()))
    if len(ids) > MAX_PHOTOS:
        raise InvalidInput("photo", "{count} photos are too many; send at most {most}", count=len(ids), most=MAX_PHOTOS)
    return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportForm:
    """What a citizen tells: text, and if they wish a way to reach them."""

    text: str
    contact: str


def read_report(form: Mapping[str, str]) -> ReportForm:
    """The report form. Raises ``InvalidInput`` for an empty or overlong text."""
    told = text(form, "text", most=MAX_TEXT)
    if not told:
        raise InvalidInput("text", "please write in a few words what is wrong")
    return ReportForm(text=told, contact=text(form, "contact", most=MAX_CONTACT))


def chosen_files(files: MultiDict[str, FileStorage], name: str = "photo") -> list[FileStorage]:
    """The files really chosen (a browser sends an empty one for none). Raises ``InvalidInput`` for too many."""
    chosen = [file for file in files.getlist(name) if file.filename]
    if len(chosen) > MAX_PHOTOS:
        raise InvalidInput(
            name, "{count} photos are too many; send at most {most} at a time", count=len(chosen), most=MAX_PHOTOS
        )
    return chosen


def text(form: Mapping[str, str], name: str, *, most: int) -> str:
    """A text field without the blanks around it. Raises ``InvalidInput`` when it is longer than ``most`` characters."""
    written = form.get(name, "").replace("\r\n", "\n").strip()
    if len(written) > most:
        raise InvalidInput(name, "is {count} characters long; at most {most} fit", count=len(written), most=most)
    if "\x00" in written:
        raise InvalidInput(name, "holds a character that can't be stored; type the text again")
    return written


def optional_text(args: Mapping[str, str], name: str, *, most: int = 120) -> str | None:
    """A text of an address; ``None`` when it is missing or empty."""
    return text(args, name, most=most) or None


def optional_int(args: Mapping[str, str], name: str) -> int | None:
    """A whole number; ``None`` when it is missing or empty."""
    written = args.get(name, "").strip()
    return _int(name, written) if written else None


def optional_float(args: Mapping[str, str], name: str) -> float | None:
    """A finite number; ``None`` when it is missing or empty."""
    written = args.get(name, "").strip()
    if not written:
        return None
    try:
        number = float(written)
    except ValueError:
        raise InvalidInput(name, "{given!r} must be a number", given=written[:20]) from None
    if not math.isfinite(number):
        raise InvalidInput(name, "{given!r} must be a finite number", given=written[:20])
    return number


def whole_number(args: Mapping[str, str], name: str, otherwise: int, *, least: int, most: int) -> int:
    """A whole number between ``least`` and ``most``, or ``otherwise`` when it is missing."""
    number = optional_int(args, name)
    if number is None:
        return otherwise
    if not least <= number <= most:
        raise InvalidInput(name, "{given} must be between {least} and {most}", given=number, least=least, most=most)
    return number


def choice(args: Mapping[str, str], name: str, words: Iterable[str]) -> str | None:
    """One of ``words``; ``None`` when it is missing or empty."""
    written = args.get(name, "").strip()
    if not written:
        return None
    known = list(words)
    if written not in known:
        raise InvalidInput(name, "{given!r} must be one of {known}", given=written[:40], known=", ".join(known))
    return written


def flag(args: Mapping[str, str], name: str) -> bool | None:
    """``1`` or ``0``; ``None`` when it is missing or empty."""
    word = choice(args, name, ("1", "0", "true", "false"))
    return None if word is None else word in ("1", "true")


def moment(args: Mapping[str, str], name: str) -> datetime | None:
    """A moment as ISO 8601 with its zone, or as milliseconds since 1970 UTC; ``None`` when it is missing or empty."""
    written = args.get(name, "").strip()
    if not written:
        return None
    try:
        if written.lstrip("-").isascii() and written.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(written) / 1000, UTC)
        # A plus sign arrives as a blank when a program forgot to quote it.
        found = datetime.fromisoformat(written.replace(" ", "+") if "T" in written else written)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(
            name,
            "{given!r} must be ISO 8601 (2026-03-02T12:00:00+08:00) or milliseconds since 1970",
            given=written[:40],
        ) from None
    if found.tzinfo is None:
        raise InvalidInput(name, "{given!r} needs its zone: append +08:00, or Z for UTC", given=written[:40])
    return found.astimezone(UTC)


def bounding_box(args: Mapping[str, str], name: str = "bbox") -> Box | None:
    """West, south, east, north in degrees; ``None`` when it is missing or empty."""
    written = args.get(name, "").strip()
    if not written:
        return None
    try:
        west, south, east, north = (float(part) for part in written.split(","))
    except ValueError:
        raise InvalidInput(name, "{given!r} must be west,south,east,north in degrees", given=written[:60]) from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise InvalidInput(
            name, "{given!r} must have west < east within ±180 and south < north within ±90", given=written[:60]
        )
    return Box(west=west, south=south, east=east, north=north)


def _int(name: str, written: str) -> int:
    try:
        number = int(written)
    except ValueError:
        raise InvalidInput(name, "{given!r} must be a whole number", given=written[:20]) from None
    if abs(number) >= 2**53:
        raise InvalidInput(name, "{given!r} is too large", given=written[:20])
    return number
