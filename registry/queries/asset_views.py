"""What pages are shown of an asset: frozen values, JSON-encodable, times aware, units in the names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from registry.domain.kinds import AreaLevel, AssetState, CalibrationState, Family, Party, Quality, Stage, TagState
from registry.queries.duties import PostView


class AssetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the asset list. ``severity`` is the worst live alert's (0: none)."""

    id: int
    code: str
    name: str
    class_name_zh: str
    class_name_en: str
    family: Family
    state: AssetState
    road: str
    address: str
    area_code: str
    lon: float
    lat: float
    version: int
    updated_at: datetime
    token: str | None
    devices: int
    open_cases: int
    severity: int


class UnitView(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation as pages and plates name it."""

    id: int
    name: str
    name_en: str
    phone: str


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """What another system calls this asset."""

    kind: str
    value: str


class TagView(msgspec.Struct, frozen=True, kw_only=True):
    """One plate of the asset; ``shown`` is the token in its two groups."""

    token: str
    shown: str
    state: TagState
    bound_at: datetime | None
    ended_at: datetime | None


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """Hardware on the asset, and the bus it answers on; ``removed_at`` set: it was taken off then.

    ``suspect_since``: its readings are not to be trusted; ``calibration``: how its newest one stands, None: never had.
    """

    id: int
    serial: str
    profile: str
    cabinet_id: str
    bus: str
    bus_address: int | None
    heartbeat_s: float
    fitted_at: datetime
    removed_at: datetime | None
    note: str
    suspect_since: datetime | None = None
    calibration: CalibrationState | None = None


class PointValue(msgspec.Struct, frozen=True, kw_only=True):
    """The latest value of one point in its own unit, before the baseline; all None when it never spoke."""

    point_id: int
    device_id: int
    name: str
    unit: str
    decimals: int
    baseline: float
    full_scale: float | None
    value: float | None
    measured_at: datetime | None
    quality: Quality | None
    age_s: float | None


class BaselineLine(msgspec.Struct, frozen=True, kw_only=True):
    """One baseline a point has had: its value, since when, who set it. ``serial`` of the device."""

    device_id: int
    serial: str
    point: str
    unit: str
    value: float
    set_at: datetime
    set_by_name: str | None


class AreaName(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the path of areas in which the asset lies, the largest first."""

    level: AreaLevel
    code: str
    name: str
    name_en: str


class AssetRef(msgspec.Struct, frozen=True, kw_only=True):
    """Another asset, as a link."""

    id: int
    code: str
    name: str


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field before and after, as kept; ids of units are their names already."""

    field: str
    before: Any
    after: Any


class ChangeLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the asset's history. ``by_name`` None: the system."""

    id: int
    at: datetime
    action: str
    by_name: str | None
    note: str
    import_id: int | None
    fields: list[FieldChange]


class ImportOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """The import that brought the asset. ``row``: 1 is the first below the header; ``by_name`` None: the shell."""

    import_id: int
    row: int | None
    at: datetime
    file_name: str
    by_name: str | None


class PartyView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the three who answer for the asset, with the posts of that unit that do (A and B person)."""

    party: Party
    unit: UnitView
    posts: list[PostView]


class AssetCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case of this asset, as its file lists it."""

    id: int
    number: str
    kind: str
    stage: Stage
    severity: int
    opened_at: datetime
    deadline_at: datetime
    ended_at: datetime | None
    overdue: bool


class AssetAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is firing on this asset."""

    id: int
    case_id: int | None
    rule_key: str
    point: str
    unit: str
    severity: int
    fired_at: datetime
    value: float | None
    peak: float | None


class AssetPhoto(msgspec.Struct, frozen=True, kw_only=True):
    """A photo of the asset; the picture itself is served by id."""

    id: int
    case_id: int | None
    recorded_at: datetime
    width_px: int
    height_px: int
    distance_m: float | None
    kind: str = ""
    taken_at: datetime | None = None
    taken_by: int | None = None
    taken_by_name: str | None = None
    lon: float | None = None
    lat: float | None = None


class AssetFile(msgspec.Struct, frozen=True, kw_only=True):
    """一井一档案: all that is known about one asset. ``lon``, ``lat`` are WGS-84 degrees; ``source_*`` as given."""

    id: int
    code: str
    version: int
    code_grouped: str
    scheme: str
    class_code: str
    class_name_zh: str
    class_name_en: str
    family: Family
    name: str
    state: AssetState
    lon: float
    lat: float
    source_crs: str
    source_x: float | None
    source_y: float | None
    road: str
    address: str
    accuracy: str
    area_code: str
    grid_cell: str
    areas: list[AreaName]
    depth_mm: int | None
    material: str
    size: str
    installed_on: str | None
    warranty_until: str | None
    details: dict[str, Any]
    merged_into: AssetRef | None
    merged_from: list[AssetRef]
    created_at: datetime
    updated_at: datetime
    supervisor: UnitView | None
    owner: UnitView | None
    maintainer: UnitView | None
    parties: list[PartyView]
    aliases: list[Alias]
    tag: TagView | None
    former_tags: list[TagView]
    devices: list[DeviceView]
    values: list[PointValue]
    open_cases: list[AssetCase]
    past_cases: list[AssetCase]
    live_alerts: list[AssetAlert]
    photos: list[AssetPhoto]
    baselines: list[BaselineLine]
    changes: list[ChangeLine]
    made_by: ImportOrigin | None


class ScanView(msgspec.Struct, frozen=True, kw_only=True):
    """What the public may know of the asset behind a plate: no coordinates, no readings, no names of people."""

    token: str
    tag_state: TagState
    asset_id: int
    code: str
    code_grouped: str
    name: str
    class_name_zh: str
    class_name_en: str
    family: Family
    state: AssetState
    road: str
    maintainer: UnitView | None
    open_cases: int
    severity: int
