"""Dead letters: asking for them to be replayed, and letting go of them. What is in them: ``registry.queries.letters``.

Replaying is the intake's own work, in the process that takes everything else in (``registry.intake``): only there is
known what is newest and what the rules remember. So a letter is only *asked for* here; the intake looks every second,
takes its readings as if they had just come, drops the letter when all are stored, and keeps it with the new reason when
they are not. Asking twice asks once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, literal, select, update

from registry.domain.errors import InvalidInput, NotFound
from registry.domain.people import Actor
from registry.queries.letters import LetterFilter, conditions_of
from registry.services import audit
from registry.storage.database import reading, writing
from registry.storage.tables import dead_letter
from registry.storage.times import UtcTime

MOST_NAMED = 1000


def ask_replay(engine: Engine, wanted: LetterFilter | Sequence[int], *, by: Actor, now: datetime) -> int:
    """Have letters replayed, by a filter or by their numbers; how many. Raises ``NotFound`` for a missing number.

    A letter that was asked for before and still waits counts too, and is not replayed twice.
    """
    with writing(engine) as tx:
        asked = tx.execute(
            update(dead_letter)
            .where(*_chosen(wanted))
            .values(asked_at=func.coalesce(dead_letter.c.asked_at, literal(now, UtcTime())))
        ).rowcount
        _all_found(wanted, asked)
        if asked:
            audit.record(tx, by=by, action="letters.replay", detail=_told(wanted, asked), now=now)
    return int(asked)


def drop_letters(engine: Engine, wanted: LetterFilter | Sequence[int], *, by: Actor, now: datetime) -> int:
    """Let go of letters for good; how many. Raises ``NotFound`` for a number without letter."""
    with writing(engine) as tx:
        dropped = tx.execute(delete(dead_letter).where(*_chosen(wanted))).rowcount
        _all_found(wanted, dropped)
        if dropped:
            audit.record(tx, by=by, action="letters.drop", detail=_told(wanted, dropped), now=now)
    return int(dropped)


def waiting(engine: Engine) -> int:
    """How many letters were asked for and not replayed yet."""
    with reading(engine) as tx:
        query = select(func.count()).select_from(dead_letter).where(dead_letter.c.asked_at.is_not(None))
        return int(tx.execute(query).scalar_one())


def _chosen(wanted: LetterFilter | Sequence[int]) -> list[ColumnElement[bool]]:
    if isinstance(wanted, LetterFilter):
        return conditions_of(wanted)
    if not 1 <= len(wanted) <= MOST_NAMED:
        raise InvalidInput(
            "ids", "{count} letters: name 1 to {most}, or use a filter", count=len(wanted), most=MOST_NAMED
        )
    return [dead_letter.c.id.in_(wanted)]


def _all_found(wanted: LetterFilter | Sequence[int], found: int) -> None:
    if not isinstance(wanted, LetterFilter) and found < len(set(wanted)):
        raise NotFound("letter", ", ".join(map(str, sorted(set(wanted))[:5])))


def _told(wanted: LetterFilter | Sequence[int], count: int) -> dict[str, Any]:
    if isinstance(wanted, LetterFilter):
        return {"letters": count, "filter": wanted.said()}
    return {"letters": count, "ids": sorted(set(wanted))[:20]}
