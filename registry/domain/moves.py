"""What may happen to a case: one table of moves. ``domain.case_moves`` carries a move out, ``case_story`` tells it.

``MOVES`` is the whole truth about stages and case roles (岗位): from where, to where, by whom, and what has to come
with it. A move is refused before anything is saved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from registry.domain.errors import InvalidInput
from registry.domain.kinds import ENDED_STAGES, CaseRole, Stage


class MoveName(StrEnum):
    """The moves, by the words in entries, forms and catalogues."""

    ASK_CHECK = "ask_check"
    CHECK = "check"
    FILE = "file"
    DECLINE = "decline"
    SELF_HANDLE = "self_handle"
    DISPATCH = "dispatch"
    RECALL = "recall"
    ACCEPT = "accept"
    RETURN = "return"
    CONFIRM_RETURN = "confirm_return"
    REFUSE_RETURN = "refuse_return"
    SECURE = "secure"
    HAND_BACK = "hand_back"
    ASK_VERIFICATION = "ask_verification"
    VERIFY = "verify"
    REWORK = "rework"
    CLOSE = "close"
    REQUEST_EXTENSION = "request_extension"
    EXTEND = "extend"
    REFUSE_EXTENSION = "refuse_extension"
    REQUEST_SUSPENSION = "request_suspension"
    SUSPEND = "suspend"
    REFUSE_SUSPENSION = "refuse_suspension"
    RESUME = "resume"
    SUPERVISE = "supervise"
    MERGE = "merge"
    VOID = "void"
    REOPEN = "reopen"
    APPEAL = "appeal"
    GRANT_APPEAL = "grant_appeal"
    REFUSE_APPEAL = "refuse_appeal"
    APPROVE = "approve"
    NOTE = "note"


class EventName(StrEnum):
    """What stands in a timeline beside the moves: things that happened to the case without a person moving it."""

    COLLECT = "collect"
    REPORT = "report"
    ALERT_ATTACHED = "alert_attached"
    ALERT_CLEARED = "alert_cleared"
    GROUPED = "grouped"
    SEVERITY_RAISED = "severity_raised"
    OVERDUE = "overdue"
    WARNED = "warned"
    ESCALATED = "escalated"
    MERGED_IN = "merged_in"
    NAMED = "named"


class Must(StrEnum):
    """What has to be so before a move: beside the stage, which the table names."""

    LOOK_CHECK = "look_check"
    LOOK_VERIFY = "look_verify"
    RETURNED = "returned"
    NOT_SECURED = "not_secured"
    ASKED_EXTENSION = "asked_extension"
    ASKED_SUSPENSION = "asked_suspension"
    ASKED_APPEAL = "asked_appeal"
    ASKED = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One line of the table.

    ``to_stage`` None: the stage stays, or is the one before suspension (``resume``). ``together``: one person needs all
    the ``roles``, not just one of them; who has fewer asks, and the chain decides (``domain.case_requests``).
    ``system``: the program itself may do it. ``by_chain``: decided through a chain, never on its own.
    """

    name: MoveName
    from_stages: frozenset[Stage]
    to_stage: Stage | None
    roles: frozenset[CaseRole]
    note_required: bool = False
    note_or_photo: bool = False
    assignment_required: bool = False
    until_required: bool = False
    target_required: bool = False
    before_and_after: bool = False
    verdict_required: bool = False
    together: bool = False
    system: bool = False
    by_chain: bool = False
    must: Must | None = None


_C, _R, _S, _D, _H, _V = (frozenset({role}) for role in CaseRole)
_DESK = _R | _S | _D
_ANY = frozenset(CaseRole)
_OPEN = frozenset(Stage) - ENDED_STAGES
_NEW = frozenset({Stage.COLLECTED, Stage.FILED})
_SENT = frozenset({Stage.DISPATCHED, Stage.IN_HAND})
_WORK = frozenset({Stage.FILED}) | _SENT
_DONE = frozenset({Stage.HANDED_BACK, Stage.VERIFIED})
_AT = {stage: frozenset({stage}) for stage in Stage}
_TO = Stage


def _move(
    name: MoveName,
    from_stages: Iterable[Stage],
    to_stage: Stage | None,
    roles: frozenset[CaseRole],
    *needs: str,
    must: Must | None = None,
) -> tuple[MoveName, Move]:
    flags: dict[str, Any] = dict.fromkeys(needs, True)
    stages = frozenset(from_stages)
    return name, Move(name=name, from_stages=stages, to_stage=to_stage, roles=roles, must=must, **flags)


_WHY = "note_required"
_SAID = "note_or_photo"
_WHO = "assignment_required"
_UNTIL = "until_required"
_BOTH = "together"
_CHAIN = "by_chain"
_SYSTEM = "system"

# fmt: off
MOVES: dict[MoveName, Move] = dict((
    #      move                         from                     to               who       what has to come with it
    _move(MoveName.ASK_CHECK,           _AT[Stage.COLLECTED],    None,            _R),
    _move(MoveName.CHECK,               _AT[Stage.COLLECTED],    None,            _C,       _SAID, "verdict_required",
          must=Must.LOOK_CHECK),
    _move(MoveName.FILE,                _AT[Stage.COLLECTED],    _TO.FILED,       _R | _S),
    _move(MoveName.DECLINE,             _AT[Stage.COLLECTED],    _TO.VOID,        _R | _S,  _WHY),
    _move(MoveName.SELF_HANDLE,         _NEW,                    _TO.CLOSED,      _C,       "before_and_after"),
    _move(MoveName.DISPATCH,            _WORK,                   _TO.DISPATCHED,  _D,       _WHO, _SYSTEM),
    _move(MoveName.RECALL,              _AT[Stage.DISPATCHED],   _TO.FILED,       _D),
    _move(MoveName.ACCEPT,              _AT[Stage.DISPATCHED],   _TO.IN_HAND,     _H),
    _move(MoveName.RETURN,              _SENT,                   _TO.FILED,       _H,       _WHY),
    _move(MoveName.CONFIRM_RETURN,      _AT[Stage.FILED],        None,            _S,       must=Must.RETURNED),
    _move(MoveName.REFUSE_RETURN,       _AT[Stage.FILED],        _TO.DISPATCHED,  _S,       _WHY,
          must=Must.RETURNED),
    _move(MoveName.SECURE,              _AT[Stage.IN_HAND],      None,            _H,       _SAID,
          must=Must.NOT_SECURED),
    _move(MoveName.HAND_BACK,           _AT[Stage.IN_HAND],      _TO.HANDED_BACK, _H,       _SAID),
    _move(MoveName.ASK_VERIFICATION,    _AT[Stage.HANDED_BACK],  None,            _R),
    _move(MoveName.VERIFY,              _AT[Stage.HANDED_BACK],  _TO.VERIFIED,    _V | _C),
    _move(MoveName.REWORK,              _DONE,                   _TO.DISPATCHED,  _V | _R | _S | _C, _WHY),
    _move(MoveName.CLOSE,               _AT[Stage.VERIFIED],     _TO.CLOSED,      _S),
    _move(MoveName.REQUEST_EXTENSION,   _WORK,                   None,            _H | _D,  _WHY),
    _move(MoveName.EXTEND,              _WORK,                   None,            _S | _D,  _WHY, _BOTH),
    _move(MoveName.REFUSE_EXTENSION,    _WORK,                   None,            _S | _D,  _WHY, _CHAIN,
          must=Must.ASKED_EXTENSION),
    _move(MoveName.REQUEST_SUSPENSION,  _WORK,                   None,            _H | _D,  _WHY, _UNTIL),
    _move(MoveName.SUSPEND,             _WORK,                   _TO.SUSPENDED,   _S | _D,  _WHY, _UNTIL, _BOTH),
    _move(MoveName.REFUSE_SUSPENSION,   _WORK,                   None,            _S | _D,  _WHY, _CHAIN,
          must=Must.ASKED_SUSPENSION),
    _move(MoveName.RESUME,              _AT[Stage.SUSPENDED],    None,            _S | _D,  _SYSTEM),
    _move(MoveName.SUPERVISE,           _OPEN,                   None,            _S | _D,  _WHY, _SYSTEM),
    _move(MoveName.MERGE,               _OPEN - _AT[Stage.VERIFIED], _TO.VOID,    _DESK,    "target_required"),
    _move(MoveName.VOID,                _OPEN - _AT[Stage.VERIFIED], _TO.VOID,    _S,       _WHY),
    _move(MoveName.REOPEN,              ENDED_STAGES,            _TO.FILED,       _S | _D,  _WHY, _SYSTEM),
    _move(MoveName.APPEAL,              _AT[Stage.CLOSED],       None,            _H | _D,  _WHY),
    _move(MoveName.GRANT_APPEAL,        _AT[Stage.CLOSED],       None,            _S | _D | _V, _WHY, _CHAIN,
          must=Must.ASKED_APPEAL),
    _move(MoveName.REFUSE_APPEAL,       _AT[Stage.CLOSED],       None,            _S | _D | _V, _WHY, _CHAIN,
          must=Must.ASKED_APPEAL),
    _move(MoveName.APPROVE,             Stage,                   None,            _S | _D | _V, _CHAIN,
          must=Must.ASKED),
    _move(MoveName.NOTE,                Stage,                   None,            _ANY,     _SAID),
))
# fmt: on

DESK_ROLES = _DESK | _V
"""Who sits at the desk; the others stand in the street and may touch what is theirs only."""

WORK_STAGES = _WORK
"""Where somebody has to go on with the work; what may be extended or suspended."""


def read_move(text: str) -> MoveName:
    """The move of that name. Raises ``InvalidInput`` for any other word."""
    try:
        return MoveName(text)
    except ValueError:
        raise InvalidInput(
            "move", "{given!r} is not a move; known are {known}", given=text, known=", ".join(MoveName)
        ) from None


def holds(move: Move, roles: frozenset[CaseRole]) -> bool:
    """Whether somebody with these case roles may make the move at all."""
    return move.roles <= roles if move.together else bool(move.roles & roles)


def allowed(stage: Stage, roles: frozenset[CaseRole]) -> list[Move]:
    """The moves somebody with these case roles may make from that stage by themselves, in the table's order."""
    return [move for move in MOVES.values() if not move.by_chain and holds(move, roles) and stage in move.from_stages]
