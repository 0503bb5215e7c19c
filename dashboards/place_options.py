"""What the choice lists of areas, duties, posts and units offer, as (value, label) pairs in the visitor's language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dashboards.site import lang, site, t, unit_called
from registry.domain.kinds import Family, Party
from registry.queries.areas import area_choices
from registry.queries.asset_choices import class_choices
from registry.queries.people import list_people, list_units

Options = list[tuple[str, str]]


def of_words(words: Iterable[str], prefix: str, *, key: str = "") -> Options:
    """A closed set of words; ``key`` stands before each value."""
    return [(f"{key}{word}", t(f"{prefix}{word}")) for word in words]


def of_units() -> Options:
    """Every unit."""
    return [(str(each.id), unit_called(each.name) or "") for each in list_units(site().engine)]


def of_people() -> Options:
    """Everybody whose account is open."""
    people = list_people(site().engine, active=True, limit=500).items
    return [(str(each.id), f"{each.name} ({each.login})") for each in people]


def of_areas(scope: str) -> Options:
    """Districts, streets and communities inside ``scope``, indented by their level."""
    in_english = lang() == "en"
    return [
        (each.code, f"{_INDENT[len(each.code)]}{(in_english and each.name_en) or each.name} {each.code}")
        for each in area_choices(site().engine, scope=scope)
    ]


def names_of_areas() -> dict[str, str]:
    """What districts, streets and communities are called, by their codes."""
    in_english = lang() == "en"
    return {each.code: (in_english and each.name_en) or each.name for each in area_choices(site().engine)}


_INDENT = {6: "", 9: "\u3000", 12: "\u3000\u3000"}


def of_subjects() -> list[tuple[str, Any]]:
    """What a line of the duty list may be for: a family, or a class of one of the tables."""
    groups: dict[str, Options] = {}
    for each in class_choices(site().engine):
        name = each.name_zh if lang() == "zh" or not each.name_en else each.name_en
        groups.setdefault(each.scheme, []).append((f"class:{each.scheme}:{each.code}", f"{each.code} {name}"))
    return [(t("duties.families"), of_words(Family, "family.", key="family:")), *groups.items()]


def of_parties() -> Options:
    """The three parties."""
    return of_words(Party, "party.")
