"""The catalogue of layers as the map's script wants it, and the files of those that were uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import url_for

from dashboards.site import lang, site, unit_called
from dashboards.tile_files import MapFileAway, drop_removed_files, tile_archive
from registry.domain.geo import Crs
from registry.domain.kinds import Role
from registry.domain.map_layers import LayerKind, sub_domains, system_of
from registry.queries.map_layers import MapLayer, list_layers


def layer_folder() -> Path:
    """Where uploaded layers lie."""
    return Path(site().city.data_dir) / "layers"


def catalogue_facts(role: Role | None) -> list[dict[str, Any]]:
    """The layers that ``role`` may see, in the order of the catalogue; one whose file is away is left out."""
    drop_removed_files()
    return [told for layer in list_layers(site().engine, role) if (told := _facts(layer)) is not None]


def _facts(layer: MapLayer) -> dict[str, Any] | None:
    told: dict[str, Any] = {
        "key": layer.key,
        "kind": layer.kind.value,
        "name": layer.name(lang()),
        "source": layer.source,
        "date": layer.dated_on,
        "owner": unit_called(layer.unit_name),
        "colour": layer.colour,
        "version": layer.version,
    }
    if layer.kind is LayerKind.GEOJSON and layer.file:
        # asked for in the system of the map that it is for
        return told | {"address": url_for("map_layer_file", key=layer.key, v=layer.version), "any_crs": True}
    if layer.kind is LayerKind.PMTILES:
        try:
            facts = tile_archive(*layer_tiles(layer)).facts
        except MapFileAway:
            return None
        tiles = url_for("map_layer_tile", key=layer.key, z=0, x=0, y=0).replace("/0/0/0", "/{z}/{x}/{y}")
        return told | {
            "tiles": [f"{tiles}?v={layer.version}"],
            "crs": Crs.WGS84.value,
            "format": "vector" if facts.vector else "raster",
            "min_zoom": facts.min_zoom,
            "max_zoom": facts.max_zoom,
            "tile_layers": facts.layers,
        }
    address, crs = system_of(layer.address)
    told |= {"crs": crs.value, "sub_domains": sub_domains(address)}
    if layer.kind is LayerKind.GEOJSON:
        return told | {"address": address}
    names = [layer.inner_layer] if layer.inner_layer else []
    shape = "vector" if layer.kind is LayerKind.MVT else "raster"
    return told | {"tiles": [address], "format": shape, "tile_layers": names}


def layer_tiles(layer: MapLayer) -> tuple[str, Path]:
    """What the file of a layer is called, and where it lies."""
    return f"the file of the map layer {layer.key}", layer_folder() / layer.file
