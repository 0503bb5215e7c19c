"""Who acts: a person with a role, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.kinds import DEFAULT_CASE_ROLES, CaseRole, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who does something. ``user_id`` and ``role`` are None for the system and for the public.

    ``area_code`` binds them to the areas whose codes begin with it; "" is the whole city. ``given_case_roles`` are
    the case roles an administrator gave them; none given: those that go with their role.
    """

    user_id: int | None
    name: str
    role: Role | None
    unit_id: int | None
    area_code: str = ""
    given_case_roles: frozenset[CaseRole] = frozenset()

    @property
    def case_roles(self) -> frozenset[CaseRole]:
        """Which posts they hold in the loop of a case; nobody's without a role."""
        if self.role is None:
            return frozenset()
        return self.given_case_roles or DEFAULT_CASE_ROLES[self.role]


SYSTEM = Actor(user_id=None, name="CoverCode", role=None, unit_id=None)
