"""What dispatching is asked, and the words in which it answers: reasons with their values, for any language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registry.domain.dispatch_table import About
from registry.domain.geo import Place
from registry.domain.kinds import Party


class Why(StrEnum):
    """Why a unit or a person was chosen or was not, or why somebody has to say so: ``dispatch_why.*`` in catalogues."""

    # the unit
    LINE = "line"
    MAINTAINER = "maintainer"
    OWNER = "owner"
    LISTED_MAINTAINER = "listed_maintainer"
    LISTED_OWNER = "listed_owner"
    OWNERLESS = "ownerless"
    TERRITORY = "territory"
    NO_ASSET = "no_asset"
    GAVE_IT_BACK = "gave_it_back"
    NOBODY_NAMED = "nobody_named"
    # whom of the unit
    POST_A = "post_a"
    POST_B = "post_b"
    POST_BY_PHONE = "post_by_phone"
    POST_EMPTY = "post_empty"
    NO_POST = "no_post"
    NEAREST = "nearest"
    LEAST = "least"
    UNIT_CHOOSES = "unit_chooses"
    NOBODY_ON_DUTY = "nobody_on_duty"
    NO_CREW = "no_crew"
    # why not this one
    AWAY = "away"
    OFF_SHIFT = "off_shift"
    OTHER_AREA = "other_area"
    FULL = "full"
    FARTHER = "farther"
    PLACE_UNKNOWN = "place_unknown"
    HAS_MORE = "has_more"
    NOT_ON_POST = "not_on_post"
    # why a person has to say so
    NO_AUTOMATIC_LINE = "no_automatic_line"
    RETURNED = "returned"
    RECALLED = "recalled"
    NO_UNIT = "no_unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason: ``values`` are ids (``unit_id``, ``user_id``, ``line_id``), words and figures with their units."""

    why: Why
    values: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """A case as far as dispatching cares. ``named``: the parties on the asset's file; no asset: a case of a place.

    ``returned_by``: the units that gave it back; ``recalled``: a person took an automatic dispatch back.
    """

    about: About
    place: Place | None = None
    has_asset: bool = True
    named: Mapping[Party, int] = field(default_factory=dict)
    returned_by: frozenset[int] = frozenset()
    recalled: bool = False
