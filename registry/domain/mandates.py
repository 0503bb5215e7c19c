"""Tasks from above (上级交办): each has an owner and a day, is done with proof, struck off by another person. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from registry.domain.errors import InvalidMove, NotAllowed


class MandateState(StrEnum):
    """Not done yet, reported as done with its proof, struck off (销号)."""

    OPEN = "open"
    DONE = "done"
    STRUCK = "struck"


class MandateMove(StrEnum):
    """What people do with a task from above."""

    REPORT = "report"
    SEND_BACK = "send_back"
    STRIKE_OFF = "strike_off"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class MandateStep:
    """One line of the table."""

    from_state: MandateState
    to_state: MandateState
    note_required: bool


MANDATE_MOVES: dict[MandateMove, MandateStep] = {
    MandateMove.REPORT: MandateStep(MandateState.OPEN, MandateState.DONE, note_required=True),
    MandateMove.SEND_BACK: MandateStep(MandateState.DONE, MandateState.OPEN, note_required=True),
    MandateMove.STRIKE_OFF: MandateStep(MandateState.DONE, MandateState.STRUCK, note_required=False),
    MandateMove.REOPEN: MandateStep(MandateState.STRUCK, MandateState.OPEN, note_required=True),
}


def check_mandate_move(
    state: MandateState, move: MandateMove, *, done_by: int | None, by: int | None, number: str
) -> MandateState:
    """The state after ``move``. Raises ``InvalidMove``, and ``NotAllowed`` for striking off what one did oneself."""
    step = MANDATE_MOVES[move]
    if state is not step.from_state:
        possible = [each.value for each, line in MANDATE_MOVES.items() if line.from_state is state]
        raise InvalidMove(f"task {number} is {state.value}: {move.value} is not possible; {', '.join(possible)} is")
    if move is MandateMove.STRIKE_OFF and by is not None and by == done_by:
        raise NotAllowed(f"you reported task {number} as done; another person has to strike it off")
    return step.to_state


def is_late(state: MandateState, due_on: date | None, done_on: date | None, *, today: date) -> bool:
    """Whether it was done after its day, or is open beyond it."""
    if due_on is None:
        return False
    return (done_on or today) > due_on if state is not MandateState.OPEN else today > due_on
