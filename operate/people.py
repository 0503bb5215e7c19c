"""Accounts from the shell: for the first administrator, and for one that nobody can get into any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine

from operate.processes import city, open_records
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Role
from registry.queries.people import Person, list_people
from registry.services import people
from registry.services.units import find_unit
from registry.storage.database import writing


def add_person(
    config: Path | None, *, login: str, name: str, role: str, password: str, area: str = "", unit: str = ""
) -> str:
    """A new account. ``unit`` is a unit's name."""
    engine = _records(config)
    with writing(engine) as tx:
        new = people.NewUser(
            login=login, name=name, role=Role(role), password=password, area_code=area, unit_id=_unit_id(tx, unit)
        )
        people.add_user(tx, new, now=datetime.now(UTC))
    engine.dispose()
    return f"added {role} {login}"


def show_people(config: Path | None, *, as_json: bool) -> Iterator[str]:
    """Every account, a line each."""
    engine = _records(config)
    found: list[Person] = []
    after: str | None = None
    while True:
        page = list_people(engine, after=after, limit=500)
        found += page.items
        after = page.next
        if after is None:
            break
    engine.dispose()
    if as_json:
        yield json.dumps({"people": msgspec.to_builtins(found)}, ensure_ascii=False)
        return
    if not found:
        yield "nobody may log in yet: covercode users add LOGIN --name NAME --role administrator"
    for each in found:
        state = "closed" if not each.active else "demo" if each.demo else "open"
        yield f"{each.login:<20} {each.role:<14} {each.area_code or '*':<12} {state:<7} {each.name}"


def set_password(config: Path | None, *, login: str, password: str) -> str:
    """Give an account another password, which its person has to change at the next sign-in; unlocks it too."""
    engine = _records(config)
    with writing(engine) as tx:
        user_id = people.find_login(tx, login)
        people.set_password(tx, user_id, password, now=datetime.now(UTC), must_change=True)
    engine.dispose()
    return f"{login} has another password, to be changed at the next sign-in; every session has ended"


def close_person(config: Path | None, *, login: str, reopen: bool) -> str:
    """Close an account, or open it again."""
    engine = _records(config)
    with writing(engine) as tx:
        people.set_active(tx, people.find_login(tx, login), active=reopen, now=datetime.now(UTC))
    engine.dispose()
    return f"{login} is {'open again' if reopen else 'closed; every session has ended'}"


def _records(config: Path | None) -> Engine:
    engine: Engine = open_records(city(config))[0]
    return engine


def _unit_id(tx: Connection, name: str) -> int | None:
    if not name:
        return None
    found = find_unit(tx, name)
    if found is None:
        raise InvalidInput("unit", f"there is no unit named {name!r}; add it on the page Units first")
    return found.id
