"""An asset's history in the visitor's language: each field by its name, each value as a person says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.site import lang, site, t, unit_called
from registry.domain.asset_facts import FACTS, show_fact
from registry.queries.asset_views import ChangeLine

# Fields whose words stand in the catalogue under another name than ``change_field.<field>``.
_NAMES = {
    "name": "asset.name",
    "road": "asset.road",
    "address": "asset.address",
    "state": "asset.state",
    "code": "asset.code",
    "grid_cell": "asset.grid_cell",
    "area_code": "asset.area",
    "accuracy": "asset.accuracy",
    "supervisor_unit_id": "asset.supervisor",
    "owner_unit_id": "asset.owner",
    "maintainer_unit_id": "asset.maintainer",
    "depth_mm": "asset.depth",
    "material": "asset.material",
    "size": "asset.size",
    "installed_on": "asset.installed",
    "warranty_until": "asset.warranty",
    "source_crs": "asset.crs",
    "lon": "asset.lon",
    "lat": "asset.lat",
    "device": "asset.device",
    "tag": "asset.tag",
    "photos": "photo.title",
    "aliases": "field.aliases",
    "merged_into_id": "asset.merged_into",
    "merged_code": "asset.merged_from",
}
# What follows from another field of the same line and tells nobody more.
_SILENT = frozenset({"place_cell", "source_x", "source_y", "scheme", "family", "version"})


@dataclass(frozen=True, slots=True)
class ReadableChange:
    """One field: what it is called, what was there, what is there now; empty for nothing."""

    name: str
    before: str
    after: str


def action_name(action: str) -> str:
    """What was done, in the visitor's language; a word of another release is shown as it is."""
    key = f"change_action.{action}"
    return t(key) if site().texts.has(lang(), key) else action


def readable(line: ChangeLine) -> list[ReadableChange]:
    """The fields of one line of history."""
    return [
        ReadableChange(field_words(each.field), _value(each.field, each.before), _value(each.field, each.after))
        for each in line.fields
        if each.field not in _SILENT
    ]


def field_words(field: str) -> str:
    """What a field of an asset is called; one that has no word is called as it is."""
    kind, _, key = field.partition(".")
    if kind == "details":
        spec = FACTS.get(key)
        return key if spec is None else spec.zh if lang() == "zh" else spec.en
    if kind == "baseline":
        return f"{t('asset.baseline_of')} {t(f'point.{key}')}"
    if kind == "alias":
        return key
    return t(_NAMES[field]) if field in _NAMES else field


def _value(field: str, value: Any) -> str:
    if value is None or value == "" or value == []:
        return ""
    kind, _, key = field.partition(".")
    if kind == "details" and key in FACTS:
        return show_fact(FACTS[key], value, lang())
    if field == "state":
        return t(f"state.{value}")
    if field.endswith("unit_id"):
        return unit_called(str(value)) or ""
    if field == "photos" and isinstance(value, list):
        return t("photo.count", n=len(value))
    if field in ("lon", "lat") and isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
