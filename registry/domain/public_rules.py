"""How a city takes what the public tells: limits, what counts as similar, rewards. Data with a version.

Pure. The shipped caps are Chengyang's (docs: 20 yuan an item, 1,000 a person and month, 30,000 a month); no reward is
proposed until a city switches them on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

import msgspec

from registry.domain.case_standard import KEY
from registry.domain.errors import InvalidInput
from registry.domain.geo import Place, distance_m
from registry.shapes import shaped

ANY_KIND = "*"
REPORTED = "reported"
PUBLIC_KINDS = ("cover_displaced", "cover_loose", "water_high", "pole_leaning", REPORTED)
"""What the public can tell apart; everything else is for sensors and for people of the house."""

_SPACES = re.compile(r"[\s().\-]+")


class PublicRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the rules. Money in fen, distances in metres, spans in hours or days.

    ``similar_m`` and ``similar_h``: how near and how close in time a report of the same kind is offered for merging.
    ``per_address_day`` and ``per_contact_day``: how many reports one network address and one contact may send in 24
    hours. ``same_photo_days``: how long a picture of another report is refused; 0: never. ``tariff_fen``: what the
    first report of a real case earns, by case kind ("*": any other). ``outcome_channel_id``: by which channel reporters
    hear the outcome at the contact they left; None: on their status page only.
    """

    similar_m: float = 50.0
    similar_h: float = 24.0
    per_address_day: int = 40
    per_contact_day: int = 20
    same_photo_days: int = 30
    rewards: bool = False
    tariff_fen: dict[str, int] = msgspec.field(default_factory=lambda: {ANY_KIND: 2_000})
    per_person_month_fen: int = 100_000
    per_month_fen: int = 3_000_000
    outcome_channel_id: int | None = None
    jurisdictions: tuple[str, ...] = ()


SHIPPED = PublicRules()


class Sighted(msgspec.Struct, frozen=True, kw_only=True):
    """Something reported, as far as it matters for whether another report is about the same."""

    kind: str
    place: Place
    at: datetime


def read_rules(given: Mapping[str, object]) -> PublicRules:
    """Rules from their JSON form. Raises ``InvalidInput`` naming the first field that can't be used."""
    try:
        rules = shaped(given, PublicRules, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput("rules", "{why}", why=error) from error
    for name, least, most in (
        ("similar_m", 0.0, 500.0),
        ("similar_h", 0.0, 720.0),
        ("per_address_day", 1, 100_000),
        ("per_contact_day", 1, 100_000),
        ("same_photo_days", 0, 366),
        ("per_person_month_fen", 0, 100_000_000),
        ("per_month_fen", 0, 10_000_000_000),
    ):
        value = getattr(rules, name)
        if not math.isfinite(value) or not least <= value <= most:
            raise InvalidInput(
                name, "{given:g} must be between {least:g} and {most:g}", given=value, least=least, most=most
            )
    for kind, fen in rules.tariff_fen.items():
        if kind != ANY_KIND and not KEY.fullmatch(kind):
            raise InvalidInput("tariff_fen", "{given!r} is not a case kind", given=kind[:40])
        if not 0 <= fen <= 10_000_000:
            raise InvalidInput("tariff_fen", "{given} fen must be between 0 and 10,000,000", given=fen)
    return rules


def similar_m(one: Sighted, other: Sighted, rules: PublicRules) -> float | None:
    """How many metres lie between two sightings that may be the same thing; None when they are not similar.

    The same kind within the distance and the time of the rules (50 m and 24 h as shipped, both ends included). A report
    without a kind of its own is similar to any kind: whoever wrote it could not choose.
    """
    if one.kind != other.kind and REPORTED not in (one.kind, other.kind):
        return None
    if abs(one.at - other.at) > timedelta(hours=rules.similar_h):
        return None
    away = distance_m(one.place, other.place)
    return away if away <= rules.similar_m else None


def tariff(kind: str, rules: PublicRules) -> int:
    """What the first report of a real case of that kind earns before caps, in fen."""
    return rules.tariff_fen.get(kind, rules.tariff_fen.get(ANY_KIND, 0))


def capped(tariff_fen: int, *, person_fen: int, month_fen: int, rules: PublicRules) -> tuple[int, str]:
    """What is left of a tariff under the caps of the month, and which cap took the rest ("person", "month" or "").

    ``person_fen`` and ``month_fen`` are what the person, and everybody, was promised or paid in that month already.
    """
    left = {"person": rules.per_person_month_fen - person_fen, "month": rules.per_month_fen - month_fen}
    tightest = min(left, key=lambda name: left[name])
    amount = max(0, min(tariff_fen, left[tightest]))
    return amount, tightest if amount < tariff_fen else ""


def month_of(moment: datetime, zone: tzinfo) -> str:
    """The month of the city's calendar: 2026-11."""
    return f"{moment.astimezone(zone):%Y-%m}"


def plain_contact(contact: str) -> str:
    """A contact as it is compared: a telephone number without blanks and country code, all else in small letters.

    13912345678, 139-1234-5678 and +86 139 1234 5678 are one person.
    """
    bare = _SPACES.sub("", contact).casefold()
    if bare.removeprefix("+").isdigit():
        bare = bare.removeprefix("+").removeprefix("00")
        if bare.startswith("86") and len(bare) == 13:
            bare = bare[2:]
    return bare
