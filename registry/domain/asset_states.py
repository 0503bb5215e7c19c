"""From which state to which an asset may go (完好, 破损, 丢失, 废弃), and which moves need a reason. One table."""

from __future__ import annotations

from registry.domain.errors import InvalidInput, InvalidMove
from registry.domain.kinds import AssetState

_INTACT, _DAMAGED, _LOST, _ABANDONED = AssetState

MOVES: dict[AssetState, tuple[AssetState, ...]] = {
    _INTACT: (_DAMAGED, _LOST, _ABANDONED),
    _DAMAGED: (_INTACT, _LOST, _ABANDONED),
    # found again, in whatever shape, or given up
    _LOST: (_INTACT, _DAMAGED, _ABANDONED),
    # The file never left: a wrong button, or a thing put back into use under its own code. It needs a new plate.
    _ABANDONED: (_INTACT, _DAMAGED),
}

MAX_REASON = 500


def check_state_move(now: AssetState, wanted: AssetState, reason: str) -> str:
    """The reason without blanks around it. Raises ``InvalidMove`` for a step not in the table, ``InvalidInput``."""
    if wanted is now:
        raise InvalidMove(f"the asset is {now.value} already; choose another state")
    if wanted not in MOVES[now]:
        allowed = ", ".join(each.value for each in MOVES[now])
        raise InvalidMove(f"an asset that is {now.value} can't become {wanted.value}; it can become {allowed}")
    said = reason.strip()
    if not said:
        raise InvalidInput("reason", "say why: what was seen, or which order it follows")
    if len(said) > MAX_REASON:
        raise InvalidInput("reason", "is longer than {most} characters; shorten it", most=MAX_REASON)
    return said
