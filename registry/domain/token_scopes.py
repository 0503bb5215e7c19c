"""What an API token may be made for, and who may hold such a token: one table.

A token never does more than the person who holds it: each request is checked for their role and their area as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Role


class TokenScope(StrEnum):
    """One thing a token can be good for."""

    READ = "read"
    REGISTRY_WRITE = "registry:write"
    IMPORTS = "imports"
    LABELS = "labels"
    CASES_WRITE = "cases:write"
    PLACES_WRITE = "places:write"
    PEOPLE_ADMIN = "people:admin"
    RULES_WRITE = "rules:write"
    EVENTS = "events"
    OPEN311 = "open311"
    POSITIONS = "positions"


_KEEPERS = frozenset({Role.ADMINISTRATOR, Role.REGISTRAR})

MAY_HOLD: dict[TokenScope, frozenset[Role]] = {
    TokenScope.READ: frozenset(Role),
    TokenScope.REGISTRY_WRITE: _KEEPERS | {Role.CREW},
    TokenScope.IMPORTS: _KEEPERS,
    TokenScope.LABELS: _KEEPERS,
    TokenScope.CASES_WRITE: frozenset({Role.ADMINISTRATOR, Role.DISPATCHER, Role.CREW}),
    TokenScope.PLACES_WRITE: _KEEPERS,
    TokenScope.PEOPLE_ADMIN: frozenset({Role.ADMINISTRATOR}),
    TokenScope.RULES_WRITE: frozenset({Role.ADMINISTRATOR, Role.DISPATCHER}),
    TokenScope.EVENTS: frozenset({Role.ADMINISTRATOR, Role.DISPATCHER}),
    TokenScope.OPEN311: frozenset({Role.ADMINISTRATOR, Role.DISPATCHER}),
    TokenScope.POSITIONS: frozenset({Role.ADMINISTRATOR, Role.DISPATCHER}),
}


def open_to(role: Role | None) -> list[TokenScope]:
    """The scopes that somebody with ``role`` may choose for a token, in the order of the table."""
    return [scope for scope, roles in MAY_HOLD.items() if role in roles]


def read_scopes(words: Iterable[str], role: Role) -> tuple[TokenScope, ...]:
    """``words`` as scopes, in the table's order. ``InvalidInput`` for none, an unknown one, one above ``role``."""
    wanted = set(words)
    if not wanted:
        raise InvalidInput("scopes", "a token needs at least one scope; choose what it is for")
    if unknown := sorted(wanted - set(TokenScope)):
        raise InvalidInput(
            "scopes", "{given!r} is no scope; choose from {known}", given=unknown[0][:40], known=", ".join(TokenScope)
        )
    if beyond := [scope for scope in TokenScope if scope in wanted and role not in MAY_HOLD[scope]]:
        raise InvalidInput(
            "scopes", "{known} is more than the role {role} may do; leave it out", known=", ".join(beyond), role=role
        )
    return tuple(scope for scope in TokenScope if scope in wanted)
