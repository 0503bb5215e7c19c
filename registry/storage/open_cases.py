"""What pages ask of open cases, in the very words of their partial indexes."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BindParameter, String, and_, bindparam

from registry.domain.deadlines import RUNNING_STAGES
from registry.domain.kinds import ENDED_STAGES, Stage
from registry.storage.tables import case


def _any_of(name: str, stages: Collection[Stage]) -> BindParameter[str]:
    # Literal words, not parameters: a partial index is used only for the very condition it was made with.
    return bindparam(name, sorted(stages), type_=String, expanding=True, literal_execute=True)


IS_OPEN = case.c.stage.not_in(_any_of("ended", ENDED_STAGES))

IS_RUNNING = case.c.stage.in_(_any_of("running", RUNNING_STAGES))
"""Somebody still has to do something for the street: the clock runs."""

IS_IN_HAND = case.c.stage.in_(_any_of("in_hand", (Stage.DISPATCHED, Stage.IN_HAND)))
"""With a unit: sent to it and not handed back."""

IS_AT_DESK = and_(
    case.c.stage == bindparam("filed", Stage.FILED.value, type_=String, literal_execute=True),
    case.c.returned_at.is_(None),
)
"""The desk has to dispatch it."""

IS_RETURNED = and_(
    case.c.stage == bindparam("filed", Stage.FILED.value, type_=String, literal_execute=True),
    case.c.returned_at.is_not(None),
)
"""Its unit sent it back (回退); the shift supervisor has to say who was right."""

SECURING = and_(case.c.secure_due_at.is_not(None), case.c.secured_at.is_(None))
"""The site (现场) is still to be secured."""
