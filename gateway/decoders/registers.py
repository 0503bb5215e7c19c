"""A block of Modbus registers, read by the table in the profile. Pure; the block is big-endian, as the bus gives it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.decoders.numbers import cut, integer, is_missing, number, scaled
from gateway.decoders.outcome import Found, Refusal
from gateway.decoders.profile import DeviceProfile, PointProfile, RegisterType

WORDS: Mapping[RegisterType, int] = MappingProxyType({"u16": 1, "s16": 1, "u32": 2, "s32": 2, "f32": 2})
"""How many registers a number of each type takes."""

_MOST_DECIMALS = 6


def read(profile: DeviceProfile, block: bytes, port: int, found: Found) -> None:
    """Notes every point in ``block``; one that is not fitted is left out. A bus has no ``port``. Raises ``Refusal``."""
    if len(block) != 2 * profile.count:
        reason = "too_short" if len(block) < 2 * profile.count else "too_long"
        raise Refusal(reason, f"{len(block)} bytes; {profile.count} registers are {2 * profile.count}")
    for point in profile.point:
        if point.register >= 0:  # one without a register is derived from others
            _read_point(profile, point, block, found)
    if not is_expected_kind(profile, block):
        identity = profile.identity
        raise Refusal("other_kind", f"register {identity.register if identity else 0} does not hold what it should")


def is_expected_kind(profile: DeviceProfile, block: bytes) -> bool:
    """Whether the answer comes from the kind of unit that the profile describes."""
    if profile.identity is None:
        return True
    at = 2 * (profile.identity.register - profile.start)
    return int.from_bytes(block[at : at + 2], "big") == profile.identity.value


def _read_point(profile: DeviceProfile, point: PointProfile, block: bytes, found: Found) -> None:
    at = 2 * (point.register - profile.start)
    piece = block[at : at + 2 * WORDS[point.type]]
    if point.word_order == "little":
        piece = piece[2:] + piece[:2]
    raw = cut(number(piece, 0, point.type), point.mask, point.shift)
    if is_missing(raw, point.missing):
        return
    scale = point.scale
    if point.scale_by is not None:
        code = integer(block, 2 * (point.scale_by.register - profile.start), "u16")
        factor = point.scale_by.factors.get(str(code))
        if factor is None:
            raise Refusal("bad_value", f"register {point.scale_by.register} holds {code}: no unit of the profile")
        scale *= factor
    if point.decimals_register is not None:
        decimals = integer(block, 2 * (point.decimals_register - profile.start), "u16")
        if decimals > _MOST_DECIMALS:
            raise Refusal("bad_value", f"register {point.decimals_register} holds {decimals}: no number of decimals")
        scale = round(scale * 10.0**-decimals, 12)
    found.add(point.name, scaled(raw, scale, point.offset))
