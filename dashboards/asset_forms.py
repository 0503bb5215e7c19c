"""Reading what people fill in about assets and sensors: filters of the list, the edit form, a new asset, a new sensor.

What a value may be is the registry's to say; here it only becomes typed. Every refusal names the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from dashboards import forms
from registry.domain.asset_facts import facts_of
from registry.domain.errors import InvalidInput
from registry.domain.geo import Crs
from registry.domain.kinds import AssetState, Family
from registry.domain.people import Actor
from registry.queries.asset_filters import AssetFilter, Gap
from registry.queries.asset_views import AssetFile
from registry.services.assets import AssetChange, GivenPlace, NewAsset, Parties
from registry.services.devices import NewDevice

PARTIES = ("supervisor_unit_id", "owner_unit_id", "maintainer_unit_id")
_WORDS = {"name": 120, "road": 120, "address": 200, "grid_cell": 16, "material": 40, "size": 60}
_PROFILES = {Family.COVER: "cc-cover-1", Family.LIGHT: "cc-pole-1"}
HEARTBEATS_S = (2, 60, 600, 3600, 86_400)
"""How often sensors of the usual kinds speak: polled on a bus, or by radio from a battery."""


def read_filter(args: MultiDict[str, str], who: Actor) -> AssetFilter:
    """The list's filters; somebody bound to an area sees that area. Raises ``InvalidInput``."""
    family = forms.choice(args, "family", Family)
    state = forms.choice(args, "state", AssetState)
    scheme, _, class_code = (forms.optional_text(args, "class") or "").partition(":")
    for gap in args.getlist("lacks"):
        forms.choice({"lacks": gap}, "lacks", Gap)
    return AssetFilter(
        q=forms.optional_text(args, "q") or "",
        family=None if family is None else Family(family),
        state=None if state is None else AssetState(state),
        scheme=scheme,
        class_code=class_code,
        area_code=forms.optional_text(args, "area") or "",
        road=forms.optional_text(args, "road") or "",
        unit_id=forms.optional_int(args, "unit"),
        lacks=tuple(Gap(gap) for gap in args.getlist("lacks") if gap),
        with_alert=forms.flag(args, "with_alert") or None,
        import_id=forms.optional_int(args, "import"),
        scopes=(who.area_code,) if who.area_code else (),
    )


def filter_args(wanted: AssetFilter) -> dict[str, Any]:
    """The filter again as the arguments of an address, for links to exports and lists."""
    told = {
        "q": wanted.q,
        "family": wanted.family,
        "state": wanted.state,
        "class": f"{wanted.scheme}:{wanted.class_code}" if wanted.class_code else "",
        "area": wanted.area_code,
        "road": wanted.road,
        "unit": wanted.unit_id,
        "lacks": [gap.value for gap in wanted.lacks],
        "with_alert": "1" if wanted.with_alert else "",
        "import": wanted.import_id,
    }
    return {name: value for name, value in told.items() if value}


def read_change(form: Mapping[str, str], file: AssetFile) -> AssetChange:
    """The edit form. The place is part of the change only when somebody altered it."""
    fields: dict[str, Any] = {name: forms.text(form, name, most=most) for name, most in _WORDS.items()}
    fields |= {name: forms.optional_int(form, name) for name in PARTIES}
    fields |= {name: forms.text(form, name, most=20) for name in ("installed_on", "warranty_until")}
    place = read_place(form)
    shown = (file.source_x, file.source_y, file.source_crs)
    if (place.lon, place.lat, place.crs.value) != shown:
        fields["place"] = place
    return AssetChange(
        **fields,
        accuracy=forms.text(form, "accuracy", most=1),
        depth_mm=forms.optional_int(form, "depth_mm"),
        details={spec.key: forms.text(form, spec.key, most=400) or None for spec in facts_of(file.family)},
    )


def read_new_asset(form: Mapping[str, str], division: str) -> NewAsset:
    """The form of a new asset; ``division`` where nobody stated another."""
    scheme, _, class_code = forms.text(form, "class", most=40).partition(":")
    if not class_code:
        raise InvalidInput("class", "choose what it is")
    place = read_place(form)
    return NewAsset(
        division=forms.text(form, "division", most=6) or division,
        scheme=scheme,
        class_code=class_code,
        lon=place.lon,
        lat=place.lat,
        crs=place.crs,
        accuracy=forms.text(form, "accuracy", most=1),
        name=forms.text(form, "name", most=120),
        road=forms.text(form, "road", most=120),
        address=forms.text(form, "address", most=200),
        material=forms.text(form, "material", most=40),
        size=forms.text(form, "size", most=60),
        depth_mm=forms.optional_int(form, "depth_mm"),
        parties=Parties(**{name: forms.optional_int(form, name) for name in PARTIES}),
    )


def read_place(form: Mapping[str, str]) -> GivenPlace:
    """Longitude, latitude and the system they are in. Raises ``InvalidInput``."""
    return GivenPlace(
        lon=_degrees(form, "lon"), lat=_degrees(form, "lat"), crs=Crs(forms.choice(form, "crs", Crs) or Crs.WGS84)
    )


def read_device(form: Mapping[str, str], asset_id: int, family: Family) -> NewDevice:
    """The form of a sensor to be fitted."""
    return NewDevice(
        serial=forms.text(form, "serial", most=60),
        profile=forms.text(form, "profile", most=60) or _PROFILES.get(family, ""),
        asset_id=asset_id,
        heartbeat_s=forms.optional_int(form, "heartbeat_s") or 0,
        cabinet_id=forms.text(form, "cabinet_id", most=60),
        bus=forms.text(form, "bus", most=60),
        bus_address=forms.optional_int(form, "bus_address"),
        note=forms.text(form, "note", most=500),
    )


def read_baselines(form: Mapping[str, str], points: list[str]) -> dict[str, float]:
    """The points whose box is ticked, with the value beside it."""
    chosen: dict[str, float] = {}
    for name in points:
        if form.get(f"use_{name}") != "1":
            continue
        written = forms.text(form, name, most=20)
        try:
            chosen[name] = float(written)
        except ValueError:
            raise InvalidInput(
                name, "{given!r} must be a number; untick the point to leave it as it is", given=written
            ) from None
    return chosen


def _degrees(form: Mapping[str, str], name: str) -> float:
    written = forms.text(form, name, most=30)
    try:
        return float(written)
    except ValueError:
        raise InvalidInput(
            name,
            "{given!r} must be degrees as a decimal number, e.g. {example}",
            given=written,
            example="113.30012" if name == "lon" else "23.10005",
        ) from None
