"""Tags: physical plates with a token. An asset has at most one active tag; a worn one is replaced, never reused.

Blank tags are printed ahead of the census and bound in the street. Every scan is kept, also of what nobody issued.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random, SystemRandom

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.geo import Place, check_place, distance_m
from registry.domain.kinds import TagState
from registry.domain.tokens import Finding, new_token, read_token
from registry.storage.database import writing
from registry.storage.tables import asset, scan, tag

_ENDS = {
    TagState.BLANK: {TagState.DESTROYED},
    TagState.ACTIVE: {TagState.LOST, TagState.REPLACED, TagState.DESTROYED},
    TagState.LOST: {TagState.DESTROYED},
    TagState.REPLACED: {TagState.DESTROYED},
    TagState.DESTROYED: set(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlace:
    """Where the phone said it was: WGS-84 degrees and its own estimate of its error."""

    lon: float
    lat: float
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one scan found. ``token`` is None when misread (``problem`` says how); ``distance_m`` phone to asset."""

    finding: Finding
    token: str | None
    asset_id: int | None
    distance_m: float | None
    problem: str


def issue_tag(tx: Connection, asset_id: int, *, now: datetime, rng: Random | None = None) -> str:
    """A new plate for an asset; returns its token. A plate that was active becomes *replaced*. Raises ``NotFound``."""
    if tx.execute(select(asset.c.id).where(asset.c.id == asset_id)).first() is None:
        raise NotFound("asset", asset_id)
    _replace_active(tx, asset_id, now=now)
    token = _free_tokens(tx, 1, rng or SystemRandom())[0]
    tx.execute(
        insert(tag).values(token=token, asset_id=asset_id, state=TagState.ACTIVE.value, created_at=now, bound_at=now)
    )
    return token


def issue_tags(tx: Connection, asset_ids: list[int], *, now: datetime, rng: Random | None = None) -> list[str]:
    """New plates for assets that have none active yet, in one go; returns the tokens in the order of ``asset_ids``."""
    if not asset_ids:
        return []
    tokens = _free_tokens(tx, len(asset_ids), rng or SystemRandom())
    tx.execute(
        insert(tag),
        [
            {
                "token": token,
                "asset_id": asset_id,
                "state": TagState.ACTIVE.value,
                "created_at": now,
                "bound_at": now,
            }
            for token, asset_id in zip(tokens, asset_ids, strict=True)
        ],
    )
    return tokens


def print_blank_tags(tx: Connection, count: int, *, now: datetime, rng: Random | None = None) -> list[str]:
    """Tokens of ``count`` plates that belong to nothing yet, to be bound in the street."""
    if count < 1:
        raise InvalidInput("count", "ask for at least one plate")
    tokens = _free_tokens(tx, count, rng or SystemRandom())
    tx.execute(insert(tag), [{"token": token, "state": TagState.BLANK.value, "created_at": now} for token in tokens])
    return tokens


def bind_tag(tx: Connection, token: str, asset_id: int, *, now: datetime) -> None:
    """Screw a blank plate onto an asset; its former active plate becomes *replaced*.

    Raises ``InvalidInput`` (misread), ``NotFound`` (never issued, no such asset) or ``InvalidMove`` (plate not blank).
    """
    row = _tag_row(tx, token)
    if row.state is not TagState.BLANK:
        raise InvalidMove(f"plate {row.token} is {row.state.value}; only a blank plate can be bound")
    if tx.execute(select(asset.c.id).where(asset.c.id == asset_id)).first() is None:
        raise NotFound("asset", asset_id)
    _replace_active(tx, asset_id, now=now)
    tx.execute(
        update(tag).where(tag.c.id == row.id).values(asset_id=asset_id, state=TagState.ACTIVE.value, bound_at=now)
    )


def end_tag(tx: Connection, token: str, state: TagState, *, now: datetime) -> None:
    """Record a plate as lost, replaced or destroyed. Raises ``InvalidMove`` for a step a plate can't take."""
    row = _tag_row(tx, token)
    if state not in _ENDS[row.state]:
        raise InvalidMove(f"plate {row.token} is {row.state.value} and can't become {state.value}")
    tx.execute(update(tag).where(tag.c.id == row.id).values(state=state.value, ended_at=now))


def record_scan(
    engine: Engine, text: str, *, now: datetime, user_id: int | None = None, place: ScanPlace | None = None
) -> Scan:
    """Look ``text`` up and keep the scan. A token that is unusable is a finding, not an error.

    Raises ``InvalidInput`` only for a ``place`` that is nowhere on earth.
    """
    phone = None if place is None else check_place(place.lon, place.lat)
    with writing(engine) as tx:
        found = _look_up(tx, text, phone)
        tx.execute(
            insert(scan).values(
                at=now,
                token=found.token or text.strip()[:64],
                asset_id=found.asset_id,
                user_id=user_id,
                finding=found.finding.value,
                lon=place.lon if place else None,
                lat=place.lat if place else None,
                accuracy_m=place.accuracy_m if place else None,
                distance_m=found.distance_m,
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    id: int
    token: str
    state: TagState


def _look_up(tx: Connection, text: str, phone: Place | None) -> Scan:
    try:
        token = read_token(text)
    except InvalidInput as error:
        return Scan(finding=Finding.MISREAD, token=None, asset_id=None, distance_m=None, problem=error.problem)
    row = tx.execute(
        select(tag.c.state, tag.c.asset_id, asset.c.lon, asset.c.lat)
        .outerjoin_from(tag, asset, asset.c.id == tag.c.asset_id)
        .where(tag.c.token == token)
    ).first()
    if row is None:
        problem = "no plate with this token was ever issued; it may be a forgery"
        return Scan(finding=Finding.UNKNOWN, token=token, asset_id=None, distance_m=None, problem=problem)
    away = None if phone is None or row.lon is None else distance_m(phone, Place(row.lon, row.lat))
    return Scan(finding=Finding(row.state), token=token, asset_id=row.asset_id, distance_m=away, problem="")


def _tag_row(tx: Connection, text: str) -> _Tag:
    token = read_token(text)
    row = tx.execute(select(tag.c.id, tag.c.state).where(tag.c.token == token)).first()
    if row is None:
        raise NotFound("plate", token)
    return _Tag(id=row.id, token=token, state=TagState(row.state))


def _replace_active(tx: Connection, asset_id: int, *, now: datetime) -> None:
    tx.execute(
        update(tag)
        .where(tag.c.asset_id == asset_id, tag.c.state == TagState.ACTIVE.value)
        .values(state=TagState.REPLACED.value, ended_at=now)
    )


def _free_tokens(tx: Connection, count: int, rng: Random) -> list[str]:
    """Fresh tokens that no plate carries; a clash is one in billions, but it would open somebody else's file."""
    tokens: dict[str, None] = {}
    while len(tokens) < count:
        batch = [new_token(rng) for _ in range(min(count - len(tokens), 500))]
        taken = set(tx.execute(select(tag.c.token).where(tag.c.token.in_(batch))).scalars())
        tokens.update(dict.fromkeys(token for token in batch if token not in taken))
    return list(tokens)
