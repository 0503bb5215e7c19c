"""Who acts: a person with a role, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.kinds import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who does something. ``user_id`` and ``role`` are None for the system and for the public.

    ``area_code`` binds them to the areas whose codes begin with it; "" is the whole city.
    """

    user_id: int | None
    name: str
    role: Role | None
    unit_id: int | None
    area_code: str = ""


SYSTEM = Actor(user_id=None, name="CoverCode", role=None, unit_id=None)
