"""Whether a profile's file has the right keys with the right kinds of values: every fault at once, each with its fix.

Pure. msgspec stops at the first fault; people who write a profile want to hear of all of them.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Union

import msgspec
import msgspec.structs

_LONGEST_QUOTE = 60
_OWN = frozenset({"name"})  # keys that a file may not have: the program fills them in
_WORDS = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "true or false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault: ``field`` is where (``point[2].sane``), ``value`` what stands there, ``fix`` what to do."""

    field: str
    value: str
    fix: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value}; {self.fix}" if self.value else f"{self.field}: {self.fix}"


def quoted(value: object) -> str:
    """``value`` as it stands in a file, short enough for one line."""
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"


def build(raw: Mapping[str, Any], kind: type[msgspec.Struct], problems: list[Problem], at: str = "") -> Any:
    """A ``kind`` made of ``raw``, with stand-ins where it is faulty; ``problems`` grows by what was found."""
    if at or not _OWN & raw.keys():
        try:
            return msgspec.convert(raw, kind)
        except msgspec.ValidationError:
            pass  # something is wrong: find out all of it
    fields = _fields(kind)
    problems += [_unknown(key, raw[key], fields, at) for key in raw if key not in fields or (not at and key in _OWN)]
    values = {}
    for name, field in fields.items():
        if name in raw and (at or name not in _OWN):
            good, value = _value(raw[name], field.type, problems, f"{at}{name}")
            if good or field.required:
                values[name] = value
        elif field.required:
            problems.append(Problem(field=f"{at}{name}", value="", fix=f"is missing; write {_described(field.type)}"))
            values[name] = _stand_in(field.type)
    return kind(**values)


@lru_cache(maxsize=32)
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(kind)}


def _unknown(key: str, value: object, fields: Mapping[str, object], at: str) -> Problem:
    if not at and key in _OWN:
        return Problem(field=key, value=quoted(value), fix="leave it out; the file's name is the profile's name")
    near = difflib.get_close_matches(key, [name for name in fields if name not in _OWN], n=1)
    return Problem(
        field=f"{at}{key}",
        value="unknown",
        fix=f"did you mean {near[0]}?" if near else f"leave it out; known are {', '.join(sorted(fields))}",
    )


def _value(raw: object, kind: Any, problems: list[Problem], at: str) -> tuple[bool, Any]:
    """Whether ``raw`` can be used, and the value or a stand-in."""
    struct = _struct_in(kind)
    if struct is not None and _is_list(kind):
        if isinstance(raw, list) and all(isinstance(item, dict) for item in raw):
            return True, tuple(build(item, struct, problems, f"{at}[{place}].") for place, item in enumerate(raw))
        problems.append(Problem(field=at, value=quoted(raw), fix=f"write one [[{at}]] block for each"))
        return False, ()
    if struct is not None:
        if isinstance(raw, dict):
            return True, build(raw, struct, problems, f"{at}.")
        problems.append(Problem(field=at, value=quoted(raw), fix="write a table of its fields, in { }"))
        return False, _stand_in(kind)
    try:
        return True, msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        problems.append(Problem(field=at, value=quoted(raw), fix=f"write {_described(kind)}"))
        return False, _stand_in(kind)


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for part in typing.get_args(kind) if (found := _struct_in(part)) is not None), None)


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def _stand_in(kind: Any) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return build({}, kind, [])
    if origin is Literal:
        return parts[0]
    if origin is tuple:
        return () if Ellipsis in parts else (0.0, 1.0)
    if origin is dict:
        return {}
    if origin in (Union, types.UnionType):
        return None if type(None) in parts else _stand_in(parts[0])
    return kind()


def _described(kind: Any) -> str:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in _WORDS:
        return _WORDS[kind]
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if origin is tuple and Ellipsis not in parts:
        return "two numbers: [lowest, highest]"
    if origin is tuple:
        return f"a list [ ] of {_described(parts[0])}"
    if origin is dict:
        return f"a table {{ }} of which each value is {_described(parts[1])}"
    if origin in (Union, types.UnionType):
        return " or ".join(_described(part) for part in parts if part is not type(None))
    return "a table { } of its fields"
