"""What else names a case: consultations, campaigns, tasks from above, patrols and inspections that it came from."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import msgspec
from sqlalchemy import BindParameter, Connection, Engine, Select, String, bindparam, cast, literal, select

from registry.queries.case_marks import Mark
from registry.storage.database import reading
from registry.storage.tables import (
    campaign,
    campaign_item,
    case,
    consultation,
    consultation_case,
    consultation_item,
    inspection,
    inspection_item,
    mandate,
    mandate_list,
    patrol_finding,
    patrol_plan,
    patrol_round,
    patrol_warning,
)


class TieKind(StrEnum):
    """By what a case is tied; each is the name of a page."""

    CONSULTATION = "consultation"
    CAMPAIGN = "campaign"
    MANDATE = "mandate"
    PATROL_ROUND = "patrol_round"
    WARNINGS = "warnings"
    INSPECTION = "inspection"


class CaseTie(msgspec.Struct, frozen=True, kw_only=True):
    """One of them: ``id`` is its page's, ``name`` what it is called, ``number`` its number where it has one."""

    kind: TieKind
    id: int
    name: str
    number: str


_LONGEST = 80
_MOST = 20


def ties_of_case(records: Engine | Connection, case_id: int, marks: frozenset[Mark] = frozenset(Mark)) -> list[CaseTie]:
    """Everything that names the case, kind by kind, the newest first; at most twenty of a kind.

    Only what is among ``marks`` (``marks_of``) is asked.
    """
    with reading(records) as tx:
        return [
            CaseTie(kind=kind, id=row.id, name=row.name[:_LONGEST], number=row.number)
            for kind, mark, query in _queries()
            if mark in marks
            for row in tx.execute(query, {"of_id": case_id})
        ]


@cache
def _queries() -> tuple[tuple[TieKind, Mark, Select[tuple[int, str, str]]], ...]:
    """Built once: every page of a case asks them, and building them takes longer than the database takes to answer."""
    case_id: BindParameter[int] = bindparam("of_id")
    none = literal("").label("number")
    year, serial = (cast(column, String) for column in (consultation.c.year, consultation.c.serial))
    held = literal("会商〔") + year + "〕" + serial + "号"
    talked = (
        select(consultation.c.id, consultation.c.subject.label("name"), held.label("number"))
        .distinct()
        .join_from(consultation_case, consultation_item, consultation_item.c.id == consultation_case.c.item_id)
        .join(consultation, consultation.c.id == consultation_item.c.consultation_id)
        .where(consultation_case.c.case_id == case_id)
        .order_by(consultation.c.id.desc())
    )
    in_campaign = (
        select(campaign.c.id, campaign.c.name, none)
        .distinct()
        .join_from(campaign_item, campaign, campaign.c.id == campaign_item.c.campaign_id)
        .where(campaign_item.c.case_id == case_id)
        .order_by(campaign.c.id.desc())
    )
    from_above = (
        select(mandate.c.id, mandate_list.c.name, mandate.c.number)
        .join_from(mandate, mandate_list, mandate_list.c.id == mandate.c.list_id)
        .where(mandate.c.case_id == case_id)
        .order_by(mandate.c.id.desc())
    )
    found = (
        select(patrol_round.c.id, patrol_plan.c.name, patrol_round.c.day.label("number"))
        .distinct()
        .join_from(patrol_finding, patrol_round, patrol_round.c.id == patrol_finding.c.round_id)
        .join(patrol_plan, patrol_plan.c.id == patrol_round.c.plan_id)
        .where(patrol_finding.c.case_id == case_id)
        .order_by(patrol_round.c.id.desc())
    )
    warned = (
        select(patrol_warning.c.id, patrol_warning.c.text.label("name"), none)
        .where(patrol_warning.c.case_id == case_id)
        .order_by(patrol_warning.c.id.desc())
    )
    alike = (
        select(inspection.c.id, case.c.place.label("name"), case.c.number)
        .join_from(inspection_item, inspection, inspection.c.id == inspection_item.c.inspection_id)
        .join(case, case.c.id == inspection.c.case_id)
        .where(inspection_item.c.case_id == case_id)
        .order_by(inspection.c.id.desc())
    )
    of_kinds = (
        (TieKind.CONSULTATION, Mark.CONSULTATION, talked),
        (TieKind.CAMPAIGN, Mark.CAMPAIGN, in_campaign),
        (TieKind.MANDATE, Mark.MANDATE, from_above),
        (TieKind.PATROL_ROUND, Mark.PATROL_ROUND, found),
        (TieKind.WARNINGS, Mark.WARNINGS, warned),
        (TieKind.INSPECTION, Mark.INSPECTED, alike),
    )
    return tuple((kind, mark, query.limit(_MOST)) for kind, mark, query in of_kinds)
