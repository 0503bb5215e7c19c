"""Device profiles: which registers a kind of unit has and what they mean, as data (``gateway/profiles/*.toml``).

Pure apart from ``load_profiles``, which reads the files. A profile knows nothing of buses or addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from gateway.decoders.decoding import decode
from gateway.decoders.outcome import Measured
from gateway.decoders.profile import DeviceProfile, Identity, PointProfile, UrgentLimit
from gateway.decoders.registers import WORDS as _WIDTH
from gateway.decoders.registers import is_expected_kind

__all__ = [
    "BadProfile",
    "DeviceProfile",
    "Identity",
    "Measured",
    "PointProfile",
    "UrgentLimit",
    "is_expected_kind",
    "load_profiles",
    "read_registers",
]

_VERSION = 1
_MOST_REGISTERS = 125  # Modbus application protocol V1.1b3 §6.4


class BadProfile(Exception):
    """One or more profiles can't be used; the message names each file, field and fix."""


def read_registers(profile: DeviceProfile, block: bytes) -> list[Measured]:
    """The points in ``block``, the big-endian bytes of the profile's registers; points not fitted are left out.

    Those of a unit of another kind too, as far as they could be read: ``is_expected_kind`` tells.
    """
    return list(decode(profile, block).points)


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
    if profile.kind == "registers" and not 1 <= profile.count <= _MOST_REGISTERS:
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
        if profile.kind == "registers" and not profile.start <= point.register <= end - _WIDTH[point.type]:
            yield f"{at}: register {point.register} ({point.type}) is outside the block {profile.start} to {end - 1}"
        if not point.scale:
            yield f"{at}: scale must not be 0"
        if not point.sane[0] < point.sane[1]:
            yield f"{at}: sane must be [lowest, highest]"
