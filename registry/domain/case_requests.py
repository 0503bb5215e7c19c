"""Who decides what is asked for a case: 延期 and 挂账 by shift supervisor and dispatcher, 申诉 by two people. Pure.

Where a small city gives one person several posts, the steps that lie with that person are decided at once; an appeal
takes two people whatever their posts, and nobody decides what they asked for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from registry.domain.errors import InvalidInput, NotAllowed
from registry.domain.kinds import CaseRole, RequestKind, RequestState
from registry.domain.moves import MoveName
from registry.domain.people import Actor

_S, _D, _V = CaseRole.SHIFT_SUPERVISOR, CaseRole.DISPATCHER, CaseRole.VERIFIER

CHAINS: dict[RequestKind, tuple[frozenset[CaseRole], ...]] = {
    RequestKind.EXTENSION: (frozenset({_S}), frozenset({_D})),
    RequestKind.SUSPENSION: (frozenset({_S}), frozenset({_D})),
    RequestKind.APPEAL: (frozenset({_S, _D, _V}), frozenset({_S, _D, _V})),
}
"""The steps of each chain in their order: any one of the case roles decides a step."""

ASKED_BY: dict[RequestKind, MoveName] = {
    RequestKind.EXTENSION: MoveName.REQUEST_EXTENSION,
    RequestKind.SUSPENSION: MoveName.REQUEST_SUSPENSION,
    RequestKind.APPEAL: MoveName.APPEAL,
}
GRANTED_BY: dict[RequestKind, MoveName] = {
    RequestKind.EXTENSION: MoveName.EXTEND,
    RequestKind.SUSPENSION: MoveName.SUSPEND,
    RequestKind.APPEAL: MoveName.GRANT_APPEAL,
}
REFUSED_BY: dict[RequestKind, MoveName] = {
    RequestKind.EXTENSION: MoveName.REFUSE_EXTENSION,
    RequestKind.SUSPENSION: MoveName.REFUSE_SUSPENSION,
    RequestKind.APPEAL: MoveName.REFUSE_APPEAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """One decision of a chain; ``granted`` None: nobody has decided yet."""

    roles: tuple[CaseRole, ...]
    by_user_id: int | None = None
    at: datetime | None = None
    granted: bool | None = None
    note: str = ""

    def told(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "roles": [role.value for role in self.roles],
            "by_user_id": self.by_user_id,
            "at": None if self.at is None else self.at.isoformat(),
            "granted": self.granted,
            "note": self.note,
        }


def chain_of(kind: RequestKind) -> list[ChainStep]:
    """The steps that a new request has to take."""
    return [ChainStep(roles=tuple(role for role in CaseRole if role in roles)) for roles in CHAINS[kind]]


def read_chain(kept: Iterable[dict[str, Any]]) -> list[ChainStep]:
    """The steps of a kept request."""
    return [
        ChainStep(
            roles=tuple(CaseRole(role) for role in step["roles"]),
            by_user_id=step["by_user_id"],
            at=_moment(step["at"]),
            granted=step["granted"],
            note=step["note"],
        )
        for step in kept
    ]


def _moment(kept: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(kept) if isinstance(kept, str) else kept


def may_decide(kind: RequestKind, steps: Sequence[ChainStep], by: Actor, asked_by: int | None) -> bool:
    """Whether the next step waits for this person."""
    return _refusal(kind, steps, by, asked_by) == ""


def decide_chain(
    kind: RequestKind, steps: Sequence[ChainStep], *, granted: bool, note: str, by: Actor, asked_by: int | None,
    now: datetime,
) -> tuple[list[ChainStep], RequestState]:  # fmt: skip
    """The chain after ``by`` decided its next step (and those after it that lie with them), and how it stands now.

    Raises ``NotAllowed`` where the next step is not theirs, ``InvalidInput`` for a refusal without a reason.
    """
    refusal = _refusal(kind, steps, by, asked_by)
    if refusal:
        raise NotAllowed(refusal)
    if not granted and not note:
        raise InvalidInput("note", "a refusal needs a reason; write why in a few words")
    decided = list(steps)
    for at in range(len(decided)):
        step = decided[at]
        if step.granted is not None:
            continue
        if not by.case_roles & set(step.roles):
            break
        decided[at] = replace(step, by_user_id=by.user_id, at=now, granted=granted, note=note)
        if not granted or kind is RequestKind.APPEAL:
            break
    if not granted:
        return decided, RequestState.REFUSED
    return decided, RequestState.GRANTED if all(step.granted for step in decided) else RequestState.WAITING


def _refusal(kind: RequestKind, steps: Sequence[ChainStep], by: Actor, asked_by: int | None) -> str:
    """Why the next step is not theirs; "" where it is."""
    step = next((each for each in steps if each.granted is None), None)
    if step is None:
        return "it is decided already; load the case again"
    if not by.case_roles & set(step.roles):
        may = " or ".join(role.value for role in step.roles)
        return f"this step is for {may}; ask one of them to decide"
    if by.user_id == asked_by:
        return f"{by.name} asked for it; another person has to decide"
    if kind is RequestKind.APPEAL and any(each.by_user_id == by.user_id for each in steps if each.granted is not None):
        return f"{by.name} has decided the step before; an appeal takes two people"
    return ""
