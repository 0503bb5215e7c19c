"""Who should get a case, and why: the unit by owner first, then by territory (先属主后属地), then whom of the unit.

``propose`` answers with every reason as a word and its values, in the order in which they decided, so that a page can
say in any language why this one; and with everybody else who was thought of, so that it can say why not another. Pure:
``now`` comes in, nothing is read or written. What an ownerless cover (无主井盖) falls back to is a line of the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from registry.domain.dispatch_people import Candidate, Staff, candidates, choose_person, compared
from registry.domain.dispatch_reasons import Matter, Reason, Why
from registry.domain.dispatch_table import About, Applies, DispatchLine, DispatchTable, Whom
from registry.domain.duties import DutyBook, Subject
from registry.domain.kinds import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChoice:
    """The unit (None: nobody is named) with the reasons, and the line that says whom and whether automatically."""

    unit_id: int | None
    reasons: tuple[Reason, ...]
    line: DispatchLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Who should get the case. ``assignee_id`` None: the unit's own choice.

    ``held`` says why a person has to dispatch it; None: the table lets the worker do it.
    """

    unit_id: int | None
    assignee_id: int | None
    reasons: tuple[Reason, ...]
    held: Why | None
    line_id: int | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def automatic(self) -> bool:
        """Whether the worker dispatches it at once."""
        return self.held is None


def propose(matter: Matter, choice: UnitChoice, staff: Staff, *, now: datetime, today: date) -> Proposal:
    """Who of the chosen unit should get it, with all reasons. ``today`` is the city's calendar day of ``now``."""
    held = _held(matter, choice)
    if choice.unit_id is None:
        return Proposal(unit_id=None, assignee_id=None, reasons=choice.reasons, held=held)
    whom = Whom.BEST if choice.line is None else choice.line.whom
    thought_of = candidates(matter, staff, now=now)
    assignee_id, reasons = choose_person(matter, whom, staff, thought_of, today=today)
    return Proposal(
        unit_id=choice.unit_id,
        assignee_id=assignee_id,
        reasons=choice.reasons + reasons,
        held=held,
        line_id=None if choice.line is None else choice.line.id,
        candidates=compared(thought_of, assignee_id, reasons),
    )


def choose_unit(matter: Matter, table: DispatchTable, book: DutyBook) -> UnitChoice:
    """The unit by the table, else by owner, then by territory; a unit that gave the case back is passed over."""
    always = table.line_for(Applies.ALWAYS, matter.about)
    ownerless = table.line_for(Applies.OWNERLESS, matter.about)
    passed: list[Reason] = []
    for unit_id, reason, line in _in_order(matter, always, ownerless, book):
        if unit_id in matter.returned_by:
            passed.append(Reason(why=Why.GAVE_IT_BACK, values={"unit_id": unit_id}))
            continue
        return UnitChoice(unit_id=unit_id, reasons=(*_once(passed), reason), line=line)
    return UnitChoice(unit_id=None, reasons=(*_once(passed), Reason(why=Why.NOBODY_NAMED)))


_Option = tuple[int, Reason, DispatchLine | None]


def _in_order(
    matter: Matter, always: DispatchLine | None, ownerless: DispatchLine | None, book: DutyBook
) -> Iterable[_Option]:
    """Every unit that could be meant, the first choice first."""
    if always is not None and always.unit_id is not None:
        yield always.unit_id, Reason(why=Why.LINE, values=_told(always.unit_id, always)), always
    owners = [(unit_id, reason, always) for unit_id, reason in _by_owner(matter, book)]
    territory = [(unit_id, reason, always) for unit_id, reason in _by_territory(matter, book)]
    fallback: list[_Option] = []
    if ownerless is not None and ownerless.unit_id is not None:
        told = Reason(why=Why.OWNERLESS, values=_told(ownerless.unit_id, ownerless))
        fallback = [(ownerless.unit_id, told, ownerless)]
    # things: owner, then what is said for ownerless ones, then territory; what happens at a place: territory first
    yield from owners + fallback + territory if matter.has_asset else territory + owners + fallback


def _by_owner(matter: Matter, book: DutyBook) -> Iterable[tuple[int, Reason]]:
    """属主: who maintains it, who owns it, on its own file or by a line of the duty list."""
    for party, why in ((Party.MAINTAINER, Why.MAINTAINER), (Party.OWNER, Why.OWNER)):
        if party in matter.named:
            yield matter.named[party], Reason(why=why, values={"unit_id": matter.named[party]})
    for party, why in ((Party.MAINTAINER, Why.LISTED_MAINTAINER), (Party.OWNER, Why.LISTED_OWNER)):
        answer = book.answer(party, _subject(matter.about))
        if answer is not None and answer.line is not None:
            yield answer.unit_id, Reason(why=why, values={"unit_id": answer.unit_id, "area": answer.line.area_code})


def _by_territory(matter: Matter, book: DutyBook) -> Iterable[tuple[int, Reason]]:
    """属地: the units of the smallest area and of those around it."""
    code = matter.about.area_code
    for length in range(len(code), 0, -1):
        unit_id = book.territories.get(code[:length])
        if unit_id is not None:
            values: dict[str, str | int | float] = {"unit_id": unit_id, "area": code[:length]}
            yield unit_id, Reason(why=Why.TERRITORY if matter.has_asset else Why.NO_ASSET, values=values)


def _subject(about: About) -> Subject:
    return Subject(scheme=about.scheme, class_code=about.class_code, family=about.family, area_code=about.area_code)


def _told(unit_id: int, line: DispatchLine) -> dict[str, str | int | float]:
    return {"unit_id": unit_id, "line_id": line.id}


def _once(passed: list[Reason]) -> list[Reason]:
    """Each unit that was passed over, named once however many ways led to it."""
    return list({reason.values["unit_id"]: reason for reason in passed}.values())


def _held(matter: Matter, choice: UnitChoice) -> Why | None:
    if choice.unit_id is None:
        return Why.NO_UNIT
    if matter.returned_by:
        return Why.RETURNED
    if matter.recalled:
        return Why.RECALLED
    return None if choice.line is not None and choice.line.automatic else Why.NO_AUTOMATIC_LINE
