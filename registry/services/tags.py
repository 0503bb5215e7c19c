"""Tags: physical plates with a token. An asset has at most one active tag; a worn one is replaced, never reused.

Blank tags are printed ahead of the census and bound in the street. Whatever happens to a plate is written into its
history, with who did it; scans are kept by ``registry.services.scans``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random, SystemRandom
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import TagEvent, TagState
from registry.domain.people import SYSTEM, Actor
from registry.domain.scopes import check_area
from registry.domain.tokens import new_token, read_token
from registry.services import asset_changes, audit
from registry.services.scans import Scan, ScanPlace, place_scan, record_scan
from registry.storage.database import writing
from registry.storage.tables import asset, tag, tag_event

__all__ = [
    "Scan",
    "ScanPlace",
    "bind",
    "bind_tag",
    "end_tag",
    "find_tag_again",
    "issue_tag",
    "issue_tags",
    "move_tag",
    "place_scan",
    "print_blank_tags",
    "record_scan",
]

LONGEST_NOTE = 2_000
_ASSETS_AT_ONCE = 500

_ENDS = {
    TagState.BLANK: {TagState.DESTROYED},
    TagState.ACTIVE: {TagState.LOST, TagState.REPLACED, TagState.DESTROYED},
    TagState.LOST: {TagState.DESTROYED},
    TagState.REPLACED: {TagState.DESTROYED},
    TagState.DESTROYED: set(),
}
_EVENT_OF = {
    TagState.LOST: TagEvent.LOST,
    TagState.REPLACED: TagEvent.REPLACED,
    TagState.DESTROYED: TagEvent.DESTROYED,
}
_ACTION_OF = {TagState.LOST: "tag.lose", TagState.REPLACED: "tag.replace", TagState.DESTROYED: "tag.destroy"}


def issue_tag(
    tx: Connection, asset_id: int, *, now: datetime, by: Actor = SYSTEM, note: str = "", rng: Random | None = None
) -> str:
    """A new plate for an asset; returns its token. A plate that was active becomes *replaced*.

    Raises ``NotFound``, and ``NotAllowed`` for an asset outside the area of ``by``.
    """
    _check_asset(tx, asset_id, by)
    replaced = _replace_active(tx, asset_id, by=by, note=note, now=now)
    token = issue_tags(tx, [asset_id], now=now, by=by, rng=rng)[0]
    if replaced:
        detail = {"token": token, "replaced": replaced, "note": note}
        audit.record(tx, by=by, action="tag.replace", subject=f"asset:{asset_id}", detail=detail, now=now)
    return token


def issue_tags(
    tx: Connection,
    asset_ids: Sequence[int],
    *,
    now: datetime,
    by: Actor = SYSTEM,
    print_run_id: int | None = None,
    rng: Random | None = None,
) -> list[str]:
    """New plates for assets that have none active yet, in one go; returns the tokens in the order of ``asset_ids``."""
    if not asset_ids:
        return []
    tokens = _free_tokens(tx, len(asset_ids), rng or SystemRandom())
    made = _insert_tags(
        tx,
        [
            {
                "token": token,
                "asset_id": asset_id,
                "state": TagState.ACTIVE.value,
                "print_run_id": print_run_id,
                "created_at": now,
                "bound_at": now,
            }
            for token, asset_id in zip(tokens, asset_ids, strict=True)
        ],
    )
    _note_events(tx, TagEvent.ISSUED, zip(made, asset_ids, strict=True), by=by, now=now)
    _note_changes(tx, [(asset_id, None, token) for asset_id, token in zip(asset_ids, tokens, strict=True)], by, now)
    return tokens


def print_blank_tags(
    tx: Connection,
    count: int,
    *,
    now: datetime,
    by: Actor = SYSTEM,
    print_run_id: int | None = None,
    rng: Random | None = None,
) -> list[str]:
    """Tokens of ``count`` plates that belong to nothing yet, to be bound in the street."""
    if count < 1:
        raise InvalidInput("count", "ask for at least one plate")
    tokens = _free_tokens(tx, count, rng or SystemRandom())
    rows = [
        {"token": token, "state": TagState.BLANK.value, "print_run_id": print_run_id, "created_at": now}
        for token in tokens
    ]
    made = _insert_tags(tx, rows)
    _note_events(tx, TagEvent.ISSUED, ((tag_id, None) for tag_id in made), by=by, now=now)
    return tokens


def bind_tag(tx: Connection, token: str, asset_id: int, *, now: datetime, by: Actor = SYSTEM, note: str = "") -> None:
    """Screw a blank plate onto an asset; its former active plate becomes *replaced*.

    Raises ``InvalidInput`` (misread), ``NotFound`` (never issued, no such asset), ``InvalidMove`` (plate not blank, or
    somebody bound it a moment ago; asset merged into another) or ``NotAllowed`` (outside the area of ``by``).
    """
    row = _tag_row(tx, token)
    note = _checked_note(note)
    _check_asset(tx, asset_id, by)
    if row.state is not TagState.BLANK:
        raise InvalidMove(f"plate {row.token} is {row.state.value}; only a blank plate can be bound")
    replaced = _replace_active(tx, asset_id, by=by, note=note, now=now)
    # the state is asked for again: two people may hold one plate's address at the same moment
    bound = tx.execute(
        update(tag)
        .where(tag.c.id == row.id, tag.c.state == TagState.BLANK.value)
        .values(asset_id=asset_id, state=TagState.ACTIVE.value, bound_at=now)
    )
    if bound.rowcount == 0:
        raise InvalidMove(f"plate {row.token} was bound by somebody else a moment ago; scan it again")
    _note_events(tx, TagEvent.BOUND, [(row.id, asset_id)], by=by, note=note, now=now)
    _note_changes(tx, [(asset_id, replaced or None, row.token)], by, now)
    detail = {"token": row.token, "replaced": replaced, "note": note}
    audit.record(tx, by=by, action="tag.bind", subject=f"asset:{asset_id}", detail=detail, now=now)


def end_tag(tx: Connection, token: str, state: TagState, *, now: datetime, by: Actor = SYSTEM, note: str = "") -> None:
    """Record a plate as lost, replaced or destroyed. Raises ``InvalidMove`` for a step a plate can't take."""
    row = _tag_row(tx, token, by)
    note = _checked_note(note)
    if state not in _ENDS[row.state]:
        raise InvalidMove(f"plate {row.token} is {row.state.value} and can't become {state.value}")
    _move(tx, row, state, ended_at=now)
    _note_events(tx, _EVENT_OF[state], [(row.id, row.asset_id)], by=by, note=note, now=now)
    if row.asset_id is not None and row.state is TagState.ACTIVE:
        _note_changes(tx, [(row.asset_id, row.token, None)], by, now)
    detail = {"token": row.token, "from": row.state.value, "note": note}
    audit.record(tx, by=by, action=_ACTION_OF[state], subject=_subject(row), detail=detail, now=now)


def find_tag_again(tx: Connection, token: str, *, now: datetime, by: Actor = SYSTEM, note: str = "") -> TagState:
    """A lost plate turned up: active again, or *replaced* when its asset has a newer plate meanwhile; says which.

    Raises ``InvalidMove`` for a plate that is not lost.
    """
    row = _tag_row(tx, token, by)
    note = _checked_note(note)
    if row.state is not TagState.LOST:
        raise InvalidMove(f"plate {row.token} is {row.state.value}; only a lost plate can be found again")
    newer = select(tag.c.id).where(tag.c.asset_id == row.asset_id, tag.c.state == TagState.ACTIVE.value)
    state = TagState.REPLACED if tx.execute(newer).first() else TagState.ACTIVE
    _move(tx, row, state, ended_at=None if state is TagState.ACTIVE else now)
    _note_events(tx, TagEvent.FOUND, [(row.id, row.asset_id)], by=by, note=note, now=now)
    if row.asset_id is not None and state is TagState.ACTIVE:
        _note_changes(tx, [(row.asset_id, None, row.token)], by, now)
    detail = {"token": row.token, "to": state.value, "note": note}
    audit.record(tx, by=by, action="tag.find", subject=_subject(row), detail=detail, now=now)
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    id: int
    token: str
    state: TagState
    asset_id: int | None


def _subject(row: _Tag) -> str:
    return f"tag:{row.token}" if row.asset_id is None else f"asset:{row.asset_id}"


def _tag_row(tx: Connection, text: str, by: Actor | None = None) -> _Tag:
    """The plate; with ``by`` only if what it is fixed to lies in their area."""
    token = read_token(text)
    found = select(tag.c.id, tag.c.state, tag.c.asset_id, asset.c.area_code)
    row = tx.execute(found.outerjoin_from(tag, asset, asset.c.id == tag.c.asset_id).where(tag.c.token == token)).first()
    if row is None:
        raise NotFound("plate", token)
    if by is not None and row.asset_id is not None:
        check_area(by, row.area_code)
    return _Tag(id=row.id, token=token, state=TagState(row.state), asset_id=row.asset_id)


def _check_asset(tx: Connection, asset_id: int, by: Actor) -> None:
    row = tx.execute(select(asset.c.area_code, asset.c.merged_into_id).where(asset.c.id == asset_id)).first()
    if row is None:
        raise NotFound("asset", asset_id)
    check_area(by, row.area_code)
    if row.merged_into_id is not None:
        raise InvalidMove(f"asset {asset_id} was merged into asset {row.merged_into_id}; use that one")


def _checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise InvalidInput("note", "is {count} characters long; at most {most} fit", count=len(note), most=LONGEST_NOTE)
    return note


def _move(tx: Connection, row: _Tag, state: TagState, *, ended_at: datetime | None) -> None:
    moved = tx.execute(
        update(tag).where(tag.c.id == row.id, tag.c.state == row.state.value).values(state=state, ended_at=ended_at)
    )
    if moved.rowcount == 0:
        raise InvalidMove(f"plate {row.token} was changed by somebody else a moment ago; load it again")


def _replace_active(tx: Connection, asset_id: int, *, by: Actor, note: str, now: datetime) -> str:
    """The token of the plate that was active and is *replaced* now; empty when there was none."""
    row = tx.execute(
        update(tag)
        .where(tag.c.asset_id == asset_id, tag.c.state == TagState.ACTIVE.value)
        .values(state=TagState.REPLACED.value, ended_at=now)
        .returning(tag.c.id, tag.c.token)
    ).first()
    if row is None:
        return ""
    _note_events(tx, TagEvent.REPLACED, [(row.id, asset_id)], by=by, note=note, now=now)
    return str(row.token)


def _insert_tags(tx: Connection, rows: list[dict[str, Any]]) -> list[int]:
    """The new tags' ids, in the order of ``rows``."""
    made = tx.execute(insert(tag).returning(tag.c.id, sort_by_parameter_order=True), rows)
    return [int(tag_id) for tag_id in made.scalars()]


def _note_events(
    tx: Connection, event: TagEvent, tags: Iterable[tuple[int, int | None]], *, by: Actor, now: datetime, note: str = ""
) -> None:
    """One line of history for each (tag id, asset id) of ``tags``."""
    tx.execute(
        insert(tag_event),
        [
            {
                "tag_id": tag_id,
                "at": now,
                "event": event.value,
                "asset_id": asset_id,
                "by_user_id": by.user_id,
                "note": note,
            }
            for tag_id, asset_id in tags
        ],
    )


def _note_changes(
    tx: Connection, changed: Sequence[tuple[int, str | None, str | None]], by: Actor, now: datetime
) -> None:
    """The plate of each (asset id, token before, token after) changed: a line in its file, and a new version of it."""
    rows = [
        asset_changes.ChangeRow(asset_id=asset_id, action="tag", changes={"tag": (old, new)}, by=by.user_id, now=now)
        for asset_id, old, new in changed
    ]
    asset_changes.record_many(tx, rows)
    for start in range(0, len(changed), _ASSETS_AT_ONCE):
        ids = [each[0] for each in changed[start : start + _ASSETS_AT_ONCE]]
        tx.execute(update(asset).where(asset.c.id.in_(ids)).values(version=asset.c.version + 1, updated_at=now))


def _free_tokens(tx: Connection, count: int, rng: Random) -> list[str]:
    """Fresh tokens that no plate carries; a clash is one in billions, but it would open somebody else's file."""
    tokens: dict[str, None] = {}
    while len(tokens) < count:
        batch = [new_token(rng) for _ in range(min(count - len(tokens), 500))]
        taken = set(tx.execute(select(tag.c.token).where(tag.c.token.in_(batch))).scalars())
        tokens.update(dict.fromkeys(token for token in batch if token not in taken))
    return list(tokens)


def move_tag(engine: Engine, token: str, what: str, *, by: Actor, now: datetime, note: str = "") -> None:
    """``lost``, ``destroyed`` or ``found``, in a transaction of its own: what the page of a plate offers."""
    with writing(engine) as tx:
        if what == TagEvent.FOUND:
            find_tag_again(tx, token, now=now, by=by, note=note)
        else:
            end_tag(tx, token, TagState(what), now=now, by=by, note=note)


def bind(engine: Engine, token: str, asset_id: int, *, by: Actor, now: datetime, note: str = "") -> None:
    """``bind_tag`` in a transaction of its own."""
    with writing(engine) as tx:
        bind_tag(tx, token, asset_id, now=now, by=by, note=note)
