"""How far somebody's rights reach: the part of the city they are bound to. Pure; who may do what is a table elsewhere.

Areas nest by their codes (6 digits a county, 9 a street, 12 a community, 15 a grid cell), so that one area lies in
another exactly when its code begins with the other's.
"""

from __future__ import annotations

from registry.domain.errors import InvalidInput, NotAllowed
from registry.domain.people import Actor

AREA_CODE_LENGTHS = (0, 4, 6, 9, 12, 15)
"""Whole city, prefecture, county (district), street, community, grid cell."""


class OutsideArea(NotAllowed):
    """What was asked for lies outside the part of the city that this person is bound to."""

    def __init__(self, own: str, area_code: str) -> None:
        super().__init__(
            f"it lies in area {area_code or 'unknown'}, outside yours ({own}); "
            "somebody bound to that area, or an administrator, can do it"
        )
        self.own = own
        self.area_code = area_code


def covers(actor: Actor, area_code: str) -> bool:
    """Whether ``actor`` may deal with what lies in ``area_code``.

    What is known less exactly than the actor's own area (its code is shorter) is not theirs: it may lie next door.
    """
    return area_code.startswith(actor.area_code)


def check_area(actor: Actor, area_code: str) -> None:
    """Raise ``OutsideArea`` (a ``NotAllowed``) unless ``actor`` may deal with what lies in ``area_code``."""
    if not covers(actor, area_code):
        raise OutsideArea(actor.area_code, area_code)


def read_area_code(text: str) -> str:
    """``text`` as an area code ("" is the whole city). Raises ``InvalidInput`` for anything that can't be one."""
    code = "".join(text.split())
    if code and not (code.isascii() and code.isdigit()):
        raise InvalidInput("area_code", "{given!r} must be digits, or empty for the whole city", given=code[:20])
    if len(code) not in AREA_CODE_LENGTHS:
        raise InvalidInput(
            "area_code",
            "{given!r} has {count} digits; give 6 (district), 9 (street), 12 (community) or none",
            given=code[:20],
            count=len(code),
        )
    return code
