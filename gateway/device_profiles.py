"""Device profiles: which registers a kind of unit has and what they mean, as data (``gateway/profiles/*.toml``).

Pure apart from ``load_profiles``, which reads the files. A profile knows nothing of buses or addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

RegisterType = Literal["u16", "s16", "u32", "s32"]

_VERSION = 1
_MOST_REGISTERS = 125  # Modbus application protocol V1.1b3 §6.4
_WIDTH: Mapping[RegisterType, int] = MappingProxyType({"u16": 1, "s16": 1, "u32": 2, "s32": 2})


class BadProfile(Exception):
    """One or more profiles can't be used; the message names each file, field and fix."""


class UrgentLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value whose size (without sign) is above ``above`` or below ``below`` makes the whole answer urgent."""

    above: float | None = None
    below: float | None = None

    def broken_by(self, value: float) -> bool:
        """Whether ``value`` is beyond the limit."""
        size = abs(value)
        return (self.above is not None and size > self.above) or (self.below is not None and size < self.below)


class PointProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured quantity: where it stands, how its number is made, and what is possible (``sane``, in ``unit``)."""

    name: str
    register: int
    type: RegisterType
    unit: str
    sane: tuple[float, float]
    scale: float = 1.0
    missing: int | None = None
    urgent: UrgentLimit = UrgentLimit()


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``register`` must hold in every answer of this kind of unit."""

    register: int
    value: int


class DeviceProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of unit: the block of registers read in one request, and the points in it."""

    version: int
    title: str
    count: int
    point: tuple[PointProfile, ...]
    function: Literal[3, 4] = 4
    start: int = 0
    identity: Identity | None = None
    name: str = ""  # the file's name without its ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One value out of an answer, in the profile's unit."""

    point: PointProfile
    value: float
    sane: bool


def read_registers(profile: DeviceProfile, block: bytes) -> list[Measured]:
    """The points in ``block``, the big-endian bytes of the profile's registers; points not fitted are left out."""
    measured = []
    for point in profile.point:
        at = 2 * (point.register - profile.start)
        raw = int.from_bytes(block[at : at + 2 * _WIDTH[point.type]], "big", signed=point.type.startswith("s"))
        if raw == point.missing:
            continue
        # Rounded to the register's own resolution: 123 * 0.01 is 1.23 and not 1.2300000000000002.
        value = round(raw * point.scale, _decimals(point.scale))
        measured.append(Measured(point=point, value=value, sane=point.sane[0] <= value <= point.sane[1]))
    return measured


def is_expected_kind(profile: DeviceProfile, block: bytes) -> bool:
    """Whether the answer comes from the kind of unit that the profile describes."""
    if profile.identity is None:
        return True
    at = 2 * (profile.identity.register - profile.start)
    return int.from_bytes(block[at : at + 2], "big") == profile.identity.value


def load_profiles(extra: Path | None = None) -> dict[str, DeviceProfile]:
    """The shipped profiles by name, and those in the folder ``extra``, which win over ours of the same name.

    Raises ``BadProfile`` with all problems at once.
    """
    files = list(_toml_files(resources.files("gateway") / "profiles"))
    faults: list[str] = []
    if extra is not None:
        if extra.is_dir():
            files.extend(_toml_files(extra))
        else:
            faults.append(f"{extra}: is not a folder; put your profiles there or leave cabinet.profiles empty")
    profiles = {}
    for file in files:
        name = file.name.removesuffix(".toml")
        try:
            profile = msgspec.toml.decode(file.read_bytes(), type=DeviceProfile)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            faults.append(f"{file.name}: {error}")
            continue
        profile = msgspec.structs.replace(profile, name=name)
        faults.extend(f"{file.name}: {problem}" for problem in _problems(profile))
        profiles[name] = profile
    if faults:
        raise BadProfile("\n".join(faults))
    return profiles


def _toml_files(folder: Traversable) -> Iterator[Traversable]:
    return iter(sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name))


def _problems(profile: DeviceProfile) -> Iterator[str]:
    if profile.version != _VERSION:
        yield f"version: is {profile.version}; this program knows version {_VERSION}"
    if not 1 <= profile.count <= _MOST_REGISTERS:
        yield f"count: is {profile.count}; one request can read 1 to {_MOST_REGISTERS} registers"
    end = profile.start + profile.count
    if profile.identity is not None and not profile.start <= profile.identity.register < end:
        yield f"identity.register: {profile.identity.register} is outside the registers {profile.start} to {end - 1}"
    names = [point.name for point in profile.point]
    for place, point in enumerate(profile.point):
        at = f"point[{place}] {point.name}"
        if names.count(point.name) > 1:
            yield f"{at}: the name is used twice; every point needs a name of its own"
        if not point.name or "/" in point.name:
            yield f"{at}: name must not be empty or hold a slash"
        if not profile.start <= point.register <= end - _WIDTH[point.type]:
            yield f"{at}: register {point.register} ({point.type}) is outside the block {profile.start} to {end - 1}"
        if not point.scale:
            yield f"{at}: scale must not be 0"
        if not point.sane[0] < point.sane[1]:
            yield f"{at}: sane must be [lowest, highest]"


@lru_cache(maxsize=256)
def _decimals(scale: float) -> int:
    exponent = Decimal(repr(scale)).as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
