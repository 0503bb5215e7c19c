"""Supervision (督办): what may happen to an item of the ledger, its notice's number, reminders, and the rates. Pure.

An item is opened, answered with evidence, and struck off (销号) by somebody else than who answered; ``ITEM_MOVES`` is
the whole truth about that. A withdrawn item never was: it is left out of both sides of a rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from registry.domain.errors import InvalidInput, InvalidMove, NotAllowed
from registry.domain.kinds import CaseRole, Role, SupervisionState
from registry.domain.people import Actor

MAX_TEXT = 2000
LONGEST_DAYS = 366


class ItemMove(StrEnum):
    """What a person does to an item, by the words in forms and the item's timeline."""

    REPLY = "reply"
    REFUSE = "refuse"
    STRIKE_OFF = "strike_off"
    EXTEND = "extend"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    NOTE = "note"


class ItemEvent(StrEnum):
    """What stands in an item's timeline beside the moves."""

    OPENED = "opened"
    NOTICED = "noticed"
    REMINDED = "reminded"
    RECHECK_FAILED = "recheck_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRule:
    """One line of the table; crew make these moves only on items of their own unit."""

    from_states: frozenset[SupervisionState]
    to_state: SupervisionState | None
    roles: frozenset[CaseRole]
    note_required: bool = False


_LIVE = frozenset({SupervisionState.OPEN, SupervisionState.REPLIED})
_DESK = frozenset({CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER})
_JUDGES = _DESK | {CaseRole.VERIFIER}
_ALL = _JUDGES | {CaseRole.HANDLER, CaseRole.COLLECTOR, CaseRole.RECEPTIONIST}


def _rule(
    from_states: frozenset[SupervisionState],
    to_state: SupervisionState | None,
    roles: frozenset[CaseRole],
    *,
    note: bool = False,
) -> ItemRule:
    return ItemRule(from_states=from_states, to_state=to_state, roles=roles, note_required=note)


# fmt: off
ITEM_MOVES: dict[ItemMove, ItemRule] = {
    ItemMove.REPLY:      _rule(_LIVE, SupervisionState.REPLIED, _DESK | {CaseRole.HANDLER}, note=True),
    ItemMove.STRIKE_OFF: _rule(frozenset({SupervisionState.REPLIED}), SupervisionState.STRUCK_OFF, _JUDGES),
    ItemMove.REFUSE:     _rule(frozenset({SupervisionState.REPLIED}), SupervisionState.OPEN, _JUDGES, note=True),
    ItemMove.EXTEND:     _rule(_LIVE, None, _DESK, note=True),
    ItemMove.WITHDRAW:   _rule(_LIVE, SupervisionState.WITHDRAWN, _DESK, note=True),
    ItemMove.REOPEN:     _rule(frozenset(SupervisionState) - _LIVE, SupervisionState.OPEN, _DESK, note=True),
    ItemMove.NOTE:       _rule(frozenset(SupervisionState), None, _ALL, note=True),
}
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as far as its moves care. ``level``: the highest reminder that it had since its deadline was set."""

    id: int
    state: SupervisionState
    unit_id: int | None
    deadline_at: datetime
    level: int = 0
    replied_at: datetime | None = None
    replied_by: int | None = None
    ended_at: datetime | None = None
    ended_by: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOrder:
    """What somebody asks for. ``case_open``: its case is not closed, so a strike-off has to say why all the same."""

    move: ItemMove
    note: str = ""
    deadline_at: datetime | None = None
    case_open: bool = False


def read_item_move(text: str) -> ItemMove:
    """The move of that name. Raises ``InvalidInput`` for any other word."""
    try:
        return ItemMove(text)
    except ValueError:
        raise InvalidInput(
            "move", "{given!r} is not a move; known are {known}", given=text[:20], known=", ".join(ItemMove)
        ) from None


def open_moves(item: Item, by: Actor) -> list[ItemMove]:
    """The moves that this person may make on this item now, in the table's order."""
    return [
        move
        for move, rule in ITEM_MOVES.items()
        if item.state in rule.from_states
        and by.case_roles & rule.roles
        and (by.role is not Role.CREW or is_theirs(item.unit_id, by))
        and not (move is ItemMove.STRIKE_OFF and _is_own_answer(item, by))
    ]


def move_item(item: Item, order: ItemOrder, *, by: Actor, now: datetime) -> Item:
    """The item after the move, one version on.

    Raises ``NotAllowed`` when this person may not, ``InvalidMove`` when its state does not permit it,
    ``InvalidInput`` when a reason or a usable deadline is missing.
    """
    rule = ITEM_MOVES[order.move]
    _check_person(item, order.move, rule, by)
    if item.state not in rule.from_states:
        needed = ", ".join(state.value for state in SupervisionState if state in rule.from_states)
        raise InvalidMove(f"{order.move} needs an item that is {needed}, but this one is {item.state.value}")
    _check_note(order, rule)
    changed = replace(item, state=rule.to_state or item.state, version=item.version + 1)
    match order.move:
        case ItemMove.REPLY:
            return replace(changed, replied_at=now, replied_by=by.user_id)
        case ItemMove.STRIKE_OFF | ItemMove.WITHDRAW:
            return replace(changed, ended_at=now, ended_by=by.user_id)
        case ItemMove.REOPEN:
            return replace(_with_deadline(changed, order, now), ended_at=None, ended_by=None, replied_at=None)
        case ItemMove.EXTEND:
            return _with_deadline(changed, order, now)
        case _:
            return changed


def _check_person(item: Item, move: ItemMove, rule: ItemRule, by: Actor) -> None:
    if not by.case_roles & rule.roles:
        may = " or ".join(sorted(role.value for role in rule.roles))
        raise NotAllowed(f"{move} is for {may}; {by.name} is none of them")
    if by.role is Role.CREW and not is_theirs(item.unit_id, by):
        raise NotAllowed("this item is for another unit; its own people answer it")
    if move is ItemMove.STRIKE_OFF and _is_own_answer(item, by):
        raise NotAllowed(f"{by.name} answered this item; another person has to strike it off")


def is_theirs(unit_id: int | None, by: Actor) -> bool:
    """Whether what that unit has to do is something for this person of a crew."""
    return unit_id is not None and unit_id == by.unit_id


def _is_own_answer(item: Item, by: Actor) -> bool:
    return by.user_id is not None and item.replied_by == by.user_id


def _check_note(order: ItemOrder, rule: ItemRule) -> None:
    check_text("note", order.note, required=False)
    if order.note.strip():
        return
    if rule.note_required:
        raise InvalidInput("note", "{given} needs a reason; write why in a few words", given=order.move)
    if order.move is ItemMove.STRIKE_OFF and order.case_open:
        raise InvalidInput("note", "its case is not closed yet; write why the item is struck off all the same")


def _with_deadline(item: Item, order: ItemOrder, now: datetime) -> Item:
    if order.deadline_at is None:
        raise InvalidInput("deadline_at", "say until when: a day and an hour to come")
    check_deadline(order.deadline_at, now=now)
    return replace(item, deadline_at=order.deadline_at, level=level_at(order.deadline_at, now=now))


def check_text(field: str, text: str, *, required: bool = True, most: int = MAX_TEXT) -> str:
    """``text`` without the blanks around it. Raises ``InvalidInput`` when it is missing or too long."""
    kept = text.strip()
    if required and not kept:
        raise InvalidInput(field, "is missing; write it in a few words")
    if len(kept) > most:
        raise InvalidInput(field, "has {count} characters; at most {most} fit, shorten it", count=len(kept), most=most)
    return kept


def check_deadline(deadline_at: datetime, *, now: datetime, field: str = "deadline_at") -> None:
    """Raise ``InvalidInput`` for a deadline that has passed, or is more than a year away."""
    if not now < deadline_at <= now + timedelta(days=LONGEST_DAYS):
        raise InvalidInput(field, "must lie in the future, at most {days} days away", days=LONGEST_DAYS)


# (level, how long after the deadline): 提醒 a day before, 催办 when it has passed, 升级督办 three days later.
REMINDERS: tuple[tuple[int, timedelta], ...] = (
    (1, timedelta(days=-1)),
    (2, timedelta(0)),
    (3, timedelta(days=3)),
)
MOST_URGENT = REMINDERS[-1][0]


def level_at(deadline_at: datetime, *, now: datetime) -> int:
    """The reminder that is due at ``now``: 0 none yet. From stored times alone, so a late look loses none."""
    return max((level for level, after in REMINDERS if deadline_at + after <= now), default=0)


def rate(done: int, total: int) -> str:
    """``done`` of ``total`` in per cent with one decimal, half up: 2,196 of 2,251 is "97.6". Empty without any."""
    if total == 0:
        return ""
    percent = Decimal(100 * done) / Decimal(total)
    return str(percent.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP))


def notice_number(year: int, serial: int) -> str:
    """What a notice is called: 督〔2026〕17号 (GB/T 9704-2012: the year in hexagonal brackets, no leading zeros)."""
    return f"督〔{year}〕{serial}号"
