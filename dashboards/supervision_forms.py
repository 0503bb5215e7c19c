"""The forms of supervision and of what goes beyond single cases, read once into what their services take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from dashboards import forms
from dashboards.quiet_forms import local_moment
from registry.domain.aftercare import Aftercare, Likeness
from registry.domain.errors import InvalidInput
from registry.domain.supervision import MAX_TEXT
from registry.services.supervision import NewItem
from registry.services.supervision_notices import NewNotice


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMoveForm:
    """What somebody wants to do with an item."""

    move: str
    version: int
    note: str
    deadline_at: datetime | None


def read_item(form: Mapping[str, str], zone: ZoneInfo) -> NewItem:
    """Something to be put under supervision. Raises ``InvalidInput`` naming the field."""
    return NewItem(
        problem=forms.text(form, "problem", most=MAX_TEXT),
        demand=forms.text(form, "demand", most=MAX_TEXT),
        deadline_at=needed_moment(form, "deadline_at", zone),
        unit_id=forms.optional_int(form, "unit_id"),
        case_id=forms.optional_int(form, "case_id"),
        asset_id=forms.optional_int(form, "asset_id"),
        area_code=forms.text(form, "area_code", most=20),
        place=forms.text(form, "place", most=200),
    )


def read_item_move(form: Mapping[str, str], zone: ZoneInfo) -> ItemMoveForm:
    """One step of an item. Raises ``InvalidInput`` naming the field."""
    return ItemMoveForm(
        move=forms.text(form, "move", most=20),
        version=needed_int(form, "version"),
        note=forms.text(form, "note", most=MAX_TEXT),
        deadline_at=local_moment(form, "deadline_at", zone),
    )


def read_notice(form: MultiDict[str, str], zone: ZoneInfo) -> NewNotice:
    """A notice to a unit about ticked items. Raises ``InvalidInput`` naming the field."""
    chosen = [word for word in form.getlist("item_ids") if word.strip()]
    return NewNotice(
        unit_id=needed_int(form, "unit_id"),
        item_ids=tuple(needed_int({"item_ids": word}, "item_ids") for word in chosen),
        title=forms.text(form, "title", most=120),
        demand=forms.text(form, "demand", most=MAX_TEXT),
        issuer=forms.text(form, "issuer", most=120),
        reply_by=needed_moment(form, "reply_by", zone),
    )


def read_aftercare(form: MultiDict[str, str]) -> Aftercare:
    """What is done after cases of a kind. Raises ``InvalidInput`` naming the field."""
    likes = tuple(like for like in Likeness if like in form.getlist("inspect_like"))
    repeat_m = forms.optional_float(form, "repeat_m")
    return Aftercare(
        kind=forms.text(form, "kind", most=40),
        recheck_days=needed_int(form, "recheck_days"),
        recheck_times=needed_int(form, "recheck_times"),
        inspect_like=likes,
        inspect_days=needed_int(form, "inspect_days"),
        inspect_most=needed_int(form, "inspect_most"),
        inspect_gate=forms.flag(form, "inspect_gate") or False,
        repeat_days=needed_int(form, "repeat_days"),
        repeat_m=0.0 if repeat_m is None else repeat_m,
    )


def needed_int(form: Mapping[str, str], name: str) -> int:
    """A whole number that has to be there. Raises ``InvalidInput``."""
    number = forms.optional_int(form, name)
    if number is None:
        raise InvalidInput(name, "is missing; choose one")
    return number


def needed_moment(form: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime:
    """A moment of the city's clock that has to be there. Raises ``InvalidInput``."""
    moment = local_moment(form, name, zone)
    if moment is None:
        raise InvalidInput(name, "say until when: a day and an hour to come")
    return moment
