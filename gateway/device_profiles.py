"""Device profiles: which registers a kind of unit has and what they mean, as data (``gateway/profiles/*.toml``).

Pure apart from ``load_profiles``, which reads the files. A profile knows nothing of buses or addresses.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from gateway.decoders import checks
from gateway.decoders.profile import DeviceProfile, Identity, PointProfile, Setting, UrgentLimit
from gateway.decoders.registers import is_expected_kind
from gateway.decoders.shape import Problem, build, quoted

__all__ = [
    "BadProfile",
    "DeviceProfile",
    "Identity",
    "PointProfile",
    "Problem",
    "ProfileFile",
    "UrgentLimit",
    "is_expected_kind",
    "load_profiles",
    "profile_files",
    "read_profiles",
    "with_settings",
]


class BadProfile(Exception):
    """One or more profiles can't be used; the message names each file, field and fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFile:
    """One file, read: the profile it makes (None where it can't be told at all), and everything wrong with it."""

    file: str
    name: str
    profile: DeviceProfile | None
    problems: tuple[Problem, ...]


def with_settings(profile: DeviceProfile, settings: Mapping[str, Setting]) -> DeviceProfile:
    """``profile`` for one device that is mounted or built otherwise. Raises ``BadProfile``."""
    changed = msgspec.structs.replace(profile, settings={**profile.settings, **settings})
    faults = checks.problems(changed)
    if faults:
        raise BadProfile("\n".join(f"{profile.name}: {fault}" for fault in faults))
    return changed


def load_profiles(extra: Path | None = None) -> dict[str, DeviceProfile]:
    """The shipped profiles by name, and those in the folder ``extra``, which win over ours of the same name.

    Raises ``BadProfile`` with all problems at once.
    """
    if extra is not None and not extra.is_dir():
        raise BadProfile(f"{extra}: is not a folder; put your profiles there or leave cabinet.profiles empty")
    read = read_profiles(profile_files(extra))
    faults = [f"{each.file}: {problem}" for each in read for problem in each.problems]
    if faults:
        raise BadProfile("\n".join(faults))
    return {each.name: each.profile for each in read if each.profile is not None}


def profile_files(extra: Path | None = None) -> list[Traversable]:
    """The shipped profiles' files, then those of the folder ``extra``."""
    files = list(_toml_files(resources.files("gateway") / "profiles"))
    return [*files, *_toml_files(extra)] if extra is not None else files


def read_profiles(files: Iterable[Traversable]) -> list[ProfileFile]:
    """Every file with its profile and its problems; a later one may be ``like`` an earlier one or the other way round.

    Raises ``OSError`` for a file that can't be read.
    """
    raws: dict[str, dict[str, Any]] = {}
    read: list[tuple[str, str, dict[str, Any] | None, tuple[Problem, ...]]] = []
    for file in files:
        name = file.name.removesuffix(".toml")
        try:
            raw = msgspec.toml.decode(file.read_bytes())
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            read.append((file.name, name, None, (Problem(field="TOML", value=str(error), fix="correct this line"),)))
            continue
        # a file of ones own that is like ours of the same name is meant to change it
        if name in raws and raw.get("like") == name:
            raw = _over(raws[name], {key: value for key, value in raw.items() if key != "like"})
        raws[name] = raw
        read.append((file.name, name, raw, ()))
    return [
        ProfileFile(file=file, name=name, profile=None, problems=problems)
        if raw is None
        else _made(file, name, raw, raws)
        for file, name, raw, problems in read
    ]


def _made(file: str, name: str, raw: dict[str, Any], raws: Mapping[str, dict[str, Any]]) -> ProfileFile:
    problems: list[Problem] = []
    whole = _inherited(name, raw, raws, problems)
    profile = build(whole, DeviceProfile, problems)
    profile = msgspec.structs.replace(profile, name=name)
    # a stand-in is no value of the author's: what is said of its field has been said already
    wrong = [problem.field for problem in problems]
    problems += [each for each in checks.problems(profile) if not any(_covers(field, each.field) for field in wrong)]
    return ProfileFile(file=file, name=name, profile=profile, problems=tuple(problems))


def _covers(field: str, other: str) -> bool:
    """Whether ``other``, as ``point[2] level.sane`` or ``point[2] level``, is about ``field``, as ``point[2].sane``."""
    head, _, tail = field.rpartition(".")
    return other == field or (bool(head) and other.startswith(head) and tail in {"name", *other.split(".")[1:]})


def _inherited(
    name: str, raw: dict[str, Any], raws: Mapping[str, dict[str, Any]], problems: list[Problem]
) -> dict[str, Any]:
    """``raw`` over what it is ``like``, and over what that is like."""
    whole, seen = dict(raw), {name}
    while (parent := whole.pop("like", None)) is not None:
        base = raws.get(parent) if isinstance(parent, str) else None
        if parent in seen:
            problems.append(Problem(field="like", value="goes round in a circle", fix="let one of them stand alone"))
            return whole
        if base is None:
            near = difflib.get_close_matches(str(parent), raws, n=3) or sorted(set(raws) - {name})
            problems.append(Problem(field="like", value=f"is {quoted(parent)}", fix=f"use one of {', '.join(near)}"))
            return whole
        seen.add(parent)
        whole = _over(base, whole)
    return whole


def _over(base: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """Each key that ``raw`` writes itself counts, of ``settings`` each one."""
    settings = {**_table(base.get("settings")), **_table(raw.get("settings"))}
    return {**base, **raw, **({"settings": settings} if settings else {})}


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _toml_files(folder: Traversable) -> Iterator[Traversable]:
    return iter(sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name))
