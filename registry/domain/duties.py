"""Who answers for what: the lines of the duty list (权责清单), and who of a post (AB 岗) is on duty today. Pure.

For components the rule is 先属主后属地: a line for the class goes before a line for the family, that before a line for
anything; among equals the smaller area wins. Where no line names a maintainer, the unit of the area itself stands in
(属地兜底).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from registry.domain.areas import parents_of
from registry.domain.kinds import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyLine:
    """One line: ``unit_id`` is the ``party`` for this class (or family) in this area; empty means any."""

    party: Party
    unit_id: int
    area_code: str = ""
    family: str = ""
    scheme: str = ""
    class_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a duty is looked up for."""

    scheme: str
    class_code: str
    family: str
    area_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Who is the party, and why: the line that says so, or (None) the unit of the area ``territory``."""

    unit_id: int
    line: DutyLine | None = None
    territory: str = ""


_Key = tuple[Party, str, str, str, str]


@dataclass(frozen=True, slots=True)
class DutyBook:
    """All lines, ready to be asked. ``territories``: area code → the unit that answers for the area."""

    lines: Mapping[_Key, DutyLine]
    territories: Mapping[str, int]

    @classmethod
    def of(cls, lines: Iterable[DutyLine], territories: Mapping[str, int] | None = None) -> DutyBook:
        """The book of ``lines``."""
        keyed = {(line.party, line.area_code, line.family, line.scheme, line.class_code): line for line in lines}
        return cls(keyed, dict(territories or {}))

    def answer(self, party: Party, subject: Subject) -> Answer | None:
        """The most exact line for ``party``; the area's own unit for a maintainer whom no line names; else None."""
        areas = _areas_of(subject.area_code)
        exactness = ((("", subject.scheme, subject.class_code)), ((subject.family, "", "")), (("", "", "")))
        for family, scheme, class_code in exactness:
            any_class = not (family or class_code)
            for area_code in areas:
                line = self.lines.get((party, area_code, family, scheme, class_code))
                if line is not None:
                    return Answer(unit_id=line.unit_id, line=line)
                if any_class and party is Party.MAINTAINER and area_code in self.territories:
                    return Answer(unit_id=self.territories[area_code], territory=area_code)
        return None

    def parties_of(self, subject: Subject) -> dict[Party, Answer]:
        """The answer for each of the three parties that has one."""
        found = {party: self.answer(party, subject) for party in Party}
        return {party: answer for party, answer in found.items() if answer is not None}


def _areas_of(area_code: str) -> list[str]:
    """``area_code`` and every area around it, smallest first, the whole city last."""
    return ([area_code] if area_code else []) + parents_of(area_code) + [""]


class Holder(StrEnum):
    """The two people of a post: A (主岗) and B (副岗), who stands in."""

    A = "A"
    B = "B"


class StandIn(StrEnum):
    """Why B is on duty, or why nobody but an absent A can be named."""

    NONE = ""
    AWAY = "away"
    ACCOUNT_CLOSED = "account_closed"
    NO_A = "no_a"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPerson:
    """Somebody of a post: an account, or a name with a phone. ``there`` is False for nobody and a closed account."""

    name: str = ""
    phone: str = ""
    user_id: int | None = None
    active: bool = True

    @property
    def there(self) -> bool:
        """Whether somebody stands here who can be called."""
        return bool(self.name) and self.active


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """The days on which A is away, both included; None: open to that side, both None: not away."""

    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Whether ``day`` is one of them."""
        if self.first is None and self.last is None:
            return False
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


def on_duty(a: PostPerson, b: PostPerson, absence: Absence, *, today: date) -> tuple[Holder, StandIn]:
    """Who of the two is on duty, and why it is not simply A.

    Where A can't be there and B is nobody, A stays named with the reason ``nobody``: somebody has to see that gap.
    """
    if not a.name:
        return (Holder.B, StandIn.NO_A) if b.there else (Holder.A, StandIn.NOBODY)
    reason = StandIn.NONE if a.active else StandIn.ACCOUNT_CLOSED
    if absence.holds(today):
        reason = StandIn.AWAY
    if reason is StandIn.NONE:
        return Holder.A, StandIn.NONE
    return (Holder.B, reason) if b.there else (Holder.A, StandIn.NOBODY)
