"""Who may use which route: one table. A route that is not in it is refused to everybody."""

from __future__ import annotations

from registry.domain.kinds import Role

PUBLIC: frozenset[Role | None] = frozenset({None, *Role})
STAFF: frozenset[Role | None] = frozenset(Role)
WORKERS: frozenset[Role | None] = frozenset({Role.CREW, Role.DISPATCHER, Role.ADMINISTRATOR})

# ``None`` stands for somebody who is not signed in. Which *move* a role may make is decided by registry.domain.moves.
PERMISSIONS: dict[str, frozenset[Role | None]] = {
    "static": PUBLIC,
    "healthz": PUBLIC,
    "login": PUBLIC,
    "sign_in": PUBLIC,
    "logout": PUBLIC,
    "language": PUBLIC,
    "scan": PUBLIC,
    "report_here": PUBLIC,
    "report": PUBLIC,
    "overview": STAFF,
    "alerts": STAFF,
    "alert": STAFF,
    "cases": STAFF,
    "case": STAFF,
    "move_case": WORKERS,
    "add_photos": WORKERS,
    "assets": STAFF,
    "asset": STAFF,
    "label_svg": STAFF,
    "label_png": STAFF,
    "photo": STAFF,
    "system": STAFF,
    "rules": STAFF,
    "tasks": STAFF,
    "api_overview": STAFF,
    "api_wrong_now": STAFF,
    "api_map": STAFF,
    "api_values": STAFF,
    "api_series": STAFF,
    "stream": STAFF,
}

# Requests per address of the sender. Limits are counted in this process: there is one web process.
LIMITS: dict[str, str] = {
    "sign_in": "10/minute",
    "report_here": "6/minute;30/hour",
    "scan": "60/minute",
}


def allowed(endpoint: str, role: Role | None) -> bool:
    """Whether somebody with ``role`` (``None``: not signed in) may use the route ``endpoint``."""
    return role in PERMISSIONS.get(endpoint, frozenset())
