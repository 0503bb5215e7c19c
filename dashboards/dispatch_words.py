"""Why this unit and this person: the reasons of a proposal, or of an automatic dispatch, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboards import texts
from dashboards.site import lang, now, site, t, unit_called
from registry.domain.dispatch_reasons import Why
from registry.queries.dispatching import ReasonView, kept_reasons

_FAR_M = 1000

REASONS = (
    *(Why.LINE, Why.MAINTAINER, Why.OWNER, Why.LISTED_MAINTAINER, Why.LISTED_OWNER, Why.OWNERLESS, Why.TERRITORY),
    *(Why.NO_ASSET, Why.GAVE_IT_BACK, Why.NOBODY_NAMED, Why.POST_A, Why.POST_B, Why.POST_BY_PHONE, Why.POST_EMPTY),
    *(Why.NO_POST, Why.NEAREST, Why.LEAST, Why.UNIT_CHOOSES, Why.NOBODY_ON_DUTY, Why.NO_CREW),
    *(Why.AWAY, Why.OFF_SHIFT, Why.OTHER_AREA),
)
"""Words of sentences: ``dispatch_why.*``."""

_NO_PHONE = "post_without_phone"

WHY_NOT = (
    *(Why.AWAY, Why.OFF_SHIFT, Why.OTHER_AREA, Why.FULL, Why.FARTHER, Why.PLACE_UNKNOWN, Why.HAS_MORE),
    Why.NOT_ON_POST,
)
"""Short words beside somebody who was not chosen: ``dispatch_not.*``."""

HELD = (Why.NO_AUTOMATIC_LINE, Why.RETURNED, Why.RECALLED, Why.NO_UNIT)
"""Why a person has to dispatch it: ``dispatch_held.*``."""


def reason_sentence(reason: ReasonView) -> str:
    """One reason in the visitor's language."""
    values = reason.values
    seen = values.get("seen_at")
    silent = reason.why is Why.POST_BY_PHONE and not values.get("phone")
    return t(
        f"dispatch_why.{_NO_PHONE if silent else reason.why}",
        unit=unit_called(str(values.get("unit", ""))),
        area=values.get("area_name", ""),
        name=values.get("name", ""),
        post=values.get("post", ""),
        phone=values.get("phone", ""),
        open_cases=values.get("open_cases", 0),
        distance=distance(values.get("distance_m")),
        seen=texts.ago(datetime.fromisoformat(str(seen)), lang(), now=now()) if seen else "",
    )


def dispatch_reasons(detail: Mapping[str, Any]) -> list[str]:
    """The sentences that an entry of the timeline keeps of an automatic dispatch; none for a person's."""
    if not detail.get("automatic"):
        return []
    return [reason_sentence(reason) for reason in kept_reasons(site().engine, dict(detail))]


def distance(metres: float | str | None) -> str:
    """A distance as people say it: 120 m, 2.3 km."""
    if metres is None:
        return texts.NOTHING
    far = float(metres)
    return f"{texts.number(far, 0)}\u202fm" if far < _FAR_M else f"{texts.number(far / 1000, 1)}\u202fkm"
