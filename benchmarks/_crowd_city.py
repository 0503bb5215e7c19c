"""The city of the crowd: its people with their posts, and some thousand cases that wait for them at every stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Engine, insert, select

from registry.domain.errors import DomainError
from registry.domain.kinds import CaseRole, Family, Role, Severity, Source
from registry.domain.moves import MoveName
from registry.domain.people import Actor
from registry.domain.shipped_standard import SHIPPED_LINES
from registry.services.assets import NewAsset, register_asset
from registry.services.case_opening import open_or_attach
from registry.services.cases import move_case
from registry.services.passwords import hash_password
from registry.services.people import actor_of
from registry.storage.database import reading, writing
from registry.storage.tables import case, unit, user

PASSWORD = "seven lamps over the harbour"  # noqa: S105
UNITS = ("水务集团", "供电局", "电信公司", "排水管理处", "路灯管理处", "城管局")
KINDS = tuple(line.key for line in SHIPPED_LINES if line.family is Family.COVER and not line.retired)[:4]
SOURCES = (Source.PATROL, Source.CITIZEN, Source.SENSOR, Source.CITIZEN)
LATE = timedelta(days=20)
"""One case in ten was noticed so long ago: its deadline has passed, and the next move and the worker both say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """One of the crowd; ``post``: dispatcher, crew or verifier. ``by_program``: acts through the API, not by pages."""

    user_id: int
    login: str
    post: str
    by_program: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdCity:
    """Who acts, on what; ``hot``: the cases that all of them go for at once."""

    people: tuple[Somebody, ...]
    cases: tuple[int, ...]
    hot: tuple[int, ...]


def found_city(engine: Engine, *, people: int, cases: int, hot: int, seed: int) -> CrowdCity:
    """Fill the records, which have their tables and classes. The same seed gives the same cases."""
    rng, now = Random(seed), datetime.now(UTC)
    crowd = _add_people(engine, people, now)
    opened = _open_cases(engine, cases, now)
    _spread(engine, crowd, opened, rng)
    return CrowdCity(people=crowd, cases=tuple(opened), hot=tuple(rng.sample(opened, min(hot, len(opened)))))


def _add_people(engine: Engine, many: int, now: datetime) -> tuple[Somebody, ...]:
    """Two of five send, one of ten verifies, the rest goes out; every fifth uses a program of their own."""
    hashed = hash_password(PASSWORD)
    crowd = []
    with writing(engine) as tx:
        units = [int(tx.scalar(insert(unit).values(name=name).returning(unit.c.id)) or 0) for name in UNITS]
        for number in range(many):
            post = ("dispatcher", "crew", "dispatcher", "crew", "crew", "dispatcher", "crew", "dispatcher", "crew")[
                number % 9
            ]
            post = "verifier" if number % 10 == 9 else post
            login = f"{post}{number}"
            row = {
                "login": login,
                "name": f"{'派核'[post == 'verifier'] if post != 'crew' else '处'}{number}",
                "role": (Role.CREW if post == "crew" else Role.DISPATCHER).value,
                "unit_id": units[number % len(units)] if post == "crew" else None,
                "case_roles": [CaseRole.VERIFIER.value] if post == "verifier" else [],
                "password_hash": hashed,
                "created_at": now,
            }
            user_id = int(tx.scalar(insert(user).values(row).returning(user.c.id)) or 0)
            crowd.append(Somebody(user_id=user_id, login=login, post=post, by_program=number % 5 == 4))
    return tuple(crowd)


def _open_cases(engine: Engine, many: int, now: datetime) -> list[int]:
    ids: list[int] = []
    for start in range(0, many, 200):
        with writing(engine) as tx:
            for number in range(start, min(start + 200, many)):
                if number % len(KINDS) == 0:
                    spot = (113.3 + number % 97 * 0.001, 23.1 + number % 89 * 0.001)
                    about = NewAsset(division="440803", class_code="0101", lon=spot[0], lat=spot[1])
                    asset_id = register_asset(tx, about, now=now)
                found = open_or_attach(
                    tx,
                    asset_id=asset_id,
                    kind=KINDS[number % len(KINDS)],
                    severity=Severity(1 + number % 3),
                    source=SOURCES[number // 2 % len(SOURCES)],
                    now=now - LATE if number % 10 == 0 else now,
                )
                ids.append(found.case_id)
    return ids


def _spread(engine: Engine, crowd: tuple[Somebody, ...], cases: list[int], rng: Random) -> None:
    """Let a part of the cases be dispatched, taken in hand and handed back, so that everybody finds work."""
    actors = _actors(engine, crowd)
    desk = next(actors[one.user_id] for one in crowd if one.post == "dispatcher")
    crews = [actors[one.user_id] for one in crowd if one.post == "crew"]
    for case_id in rng.sample(cases, len(cases) // 5):
        crew = rng.choice(crews)
        steps: list[tuple[MoveName, Actor, dict[str, Any]]] = [
            (MoveName.FILE, desk, {}),
            (MoveName.DISPATCH, desk, {"assignee_id": crew.user_id}),
            (MoveName.ACCEPT, crew, {}),
            (MoveName.HAND_BACK, crew, {"note": "修好"}),
        ]
        for move, by, more in steps[: rng.randint(2, 4)]:
            with reading(engine) as tx:
                version = int(tx.scalar(select(case.c.version).where(case.c.id == case_id)) or 0)
            try:
                at = datetime.now(UTC)
                move_case(engine, case_id=case_id, move=move, by=by, expected_version=version, now=at, **more)
            except DomainError:
                continue  # filed as it was opened


def _actors(engine: Engine, crowd: tuple[Somebody, ...]) -> dict[int, Actor]:
    with reading(engine) as tx:
        rows = tx.execute(select(user).where(user.c.id.in_([one.user_id for one in crowd]))).all()
    return {row.id: actor_of(row) for row in rows}
