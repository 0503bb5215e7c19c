"""Reading a settings file: TOML and environment → one frozen value, or every problem at once.

A setting ``name`` of section ``[city]`` can be overridden by the environment variable ``COVERCODE_CITY_NAME``. The
sections are dataclasses that live with the room that uses them; this module only fills them in.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

import cattrs
from cattrs.gen import make_dict_structure_fn
from cattrs.v import format_exception, transform_error

T = TypeVar("T")

PREFIX = "COVERCODE_"


class BadSettings(Exception):
    """The settings can't be used; ``problems`` names each field with what is wrong and how to mend it."""

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__(f"{source}: {len(problems)} problem(s)\n" + "\n".join(f"  - {line}" for line in problems))
        self.problems = problems


class SettingRow(NamedTuple):
    """One setting as documentation and ``config show`` present it."""

    section: str
    name: str
    default: str
    unit: str
    help: str
    secret: bool


def load_settings(kind: type[T], path: Path | None, environ: Mapping[str, str]) -> T:
    """The settings of ``kind`` from ``path`` (defaults alone when None). Raises ``BadSettings`` with every problem."""
    body: dict[str, Any] = {}
    if path is not None:
        try:
            body = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadSettings(str(path), ["there is no such file: give its path with --config"]) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadSettings(str(path), [f"not valid TOML: {error}"]) from None
    source = str(path) if path is not None else "environment"
    return parse_settings(kind, body, environ, source)


def parse_settings(kind: type[T], body: Mapping[str, Any], environ: Mapping[str, str], source: str) -> T:
    """Pure: a mapping as TOML gives it, and the environment, to settings. Raises ``BadSettings``."""
    merged = {section: dict(values) if isinstance(values, Mapping) else values for section, values in body.items()}
    for row in setting_rows(kind):
        text = environ.get(f"{PREFIX}{row.section}_{row.name}".upper())
        if text is not None and isinstance(merged.setdefault(row.section, {}), dict):
            merged[row.section][row.name] = text
    converter = _converter()
    try:
        return converter.structure(merged, kind)
    except cattrs.BaseValidationError as error:
        raise BadSettings(source, [_plain(line) for line in transform_error(error, format_exception=_said)]) from None


def setting_rows(kind: type) -> Iterator[SettingRow]:
    """Every plain setting of ``kind``, section by section; the docs and a test are made from these."""
    for section, part in get_type_hints(kind).items():
        if not dataclasses.is_dataclass(part):
            continue
        for item in dataclasses.fields(part):
            default = item.default
            if default is dataclasses.MISSING:
                default = "(must be given)" if item.default_factory is dataclasses.MISSING else item.default_factory()
            meta = item.metadata
            about = (str(meta.get("unit", "")), str(meta.get("help", "")), bool(meta.get("secret", False)))
            yield SettingRow(section, item.name, str(default), *about)


def shown(settings: Any) -> Iterator[tuple[str, str]]:
    """``section.name`` and effective value of every setting, secrets masked."""
    for row in setting_rows(type(settings)):
        value = getattr(getattr(settings, row.section), row.name)
        yield f"{row.section}.{row.name}", "********" if row.secret and value else str(value)


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(bool, _to_bool)
    converter.register_structure_hook(int, _to_int)
    converter.register_structure_hook(float, _to_float)
    converter.register_structure_hook(str, _to_str)
    converter.register_structure_hook(Path, lambda value, _: Path(_to_str(value, str)))
    converter.register_structure_hook_factory(
        dataclasses.is_dataclass,
        lambda kind: make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True),
    )
    return converter


def _to_bool(value: Any, _: type) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ValueError(f"must be true or false, not {value!r}")


def _to_int(value: Any, _: type) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    raise ValueError(f"must be a whole number, not {value!r}")


def _to_float(value: Any, _: type) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be a number, not {value!r}")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"must be a number, not {value!r}") from None


def _to_str(value: Any, _: type) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"must be text in quotes, not {value!r}")


def _said(problem: BaseException, kind: type | None) -> str:
    # our own hooks raise ValueError with a message for people; the rest is cattrs' wording
    return str(problem) if isinstance(problem, ValueError) else format_exception(problem, kind)


def _plain(line: str) -> str:
    """A sentence about a field, from cattrs' wording (``… @ $.city.demo``)."""
    text, _, where = line.rpartition(" @ ")
    where = where.removeprefix("$").removeprefix(".") or "file"
    text = text.removeprefix("invalid value for type, expected ").removeprefix("invalid type, ")
    if text.startswith("extra fields found ("):
        names = text.removeprefix("extra fields found (").removesuffix(")")
        return f"{where}: unknown setting {names}: check its spelling"
    if text == "required field missing":
        return f"{where}: must be given"
    return f"{where}: {text}"
