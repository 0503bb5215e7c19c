// What lies below the assets: the city's base map, and the layers of its catalogue.
import type { LayerSpecification, SourceSpecification } from "maplibre-gl";
import { colour, isNight } from "../theme";
import { type BaseMap, type CatalogueLayer, liesRightly, spread, tilesOf } from "./facts";
import type { Crs } from "./shift";

export interface Parts {
  readonly sources: Record<string, SourceSpecification>;
  readonly layers: LayerSpecification[];
}

/** A base map of pictures, as many as lie on one another, or of vector tiles. */
export function baseLayers(base: BaseMap, origin: string): Parts {
  const tiles = base.tiles ?? [];
  const asked = (address: string): string[] => spread(tilesOf(address, "wgs84", origin), base.sub_domains);
  if (base.kind === "none" || tiles.length === 0) return { sources: {}, layers: [] };
  const zooms = { minzoom: base.min_zoom ?? 0, maxzoom: base.max_zoom ?? 18 };
  if (base.format === "vector") {
    return {
      sources: { base: { type: "vector", tiles: tiles.flatMap(asked), ...zooms } },
      layers: drawnGround(),
    };
  }
  const sources: Parts["sources"] = {};
  const layers: LayerSpecification[] = [];
  tiles.forEach((each, index) => {
    const id = `base-${index}`;
    sources[id] = { type: "raster", tiles: asked(each), tileSize: 256, ...zooms };
    // calmed, so that the assets are what is seen; at night dimmed, since a bright sheet blinds who looks at it in the dark
    const calm = { "raster-saturation": -0.45, "raster-brightness-max": isNight() ? 0.5 : 1, "raster-fade-duration": 0 };
    layers.push({ id, type: "raster", source: id, paint: { ...calm, "raster-opacity": index === 0 ? 0.85 : 1 } });
  });
  return { sources, layers };
}

/** Ground, water, roads and names of a vector base map; both schemas in wide use name their layers so. */
function drawnGround(): LayerSpecification[] {
  const of = (id: string, layer: string): { id: string; source: "base"; "source-layer": string } => ({ id: `base-${id}`, source: "base", "source-layer": layer });
  const water = { "fill-color": colour("accent-soft") };
  const line = colour("line");
  const width = ["interpolate", ["exponential", 1.5], ["zoom"], 6, 0.4, 12, 1.4, 16, 8, 20, 40] as unknown as number;
  const roads = { "line-color": line, "line-width": width };
  const rounded = { "line-join": "round", "line-cap": "round" } as const;
  const name = ["coalesce", ["get", "name:zh-Hans"], ["get", "name:zh"], ["get", "name"]] as unknown as string;
  const words = { "text-color": colour("ink-soft"), "text-halo-color": colour("surface"), "text-halo-width": 1.4 };
  return [
    { ...of("earth", "earth"), type: "fill", paint: { "fill-color": colour("surface-sunk") } },
    { ...of("landuse", "landuse"), type: "fill", paint: { "fill-color": colour("good-soft"), "fill-opacity": 0.35 } },
    { ...of("water", "water"), type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: water },
    { ...of("buildings", "buildings"), type: "fill", minzoom: 14, paint: { "fill-color": line, "fill-opacity": 0.4 } },
    { ...of("building", "building"), type: "fill", minzoom: 14, paint: { "fill-color": line, "fill-opacity": 0.4 } },
    { ...of("roads", "roads"), type: "line", layout: rounded, paint: roads },
    { ...of("transportation", "transportation"), type: "line", layout: rounded, paint: roads },
    { ...of("boundaries", "boundaries"), type: "line", paint: { "line-color": colour("line-strong"), "line-dasharray": [3, 2] } },
    { ...of("road-names", "roads"), type: "symbol", minzoom: 13, layout: { "symbol-placement": "line", "text-field": name, "text-font": ["sans-serif"], "text-size": 12 }, paint: words },
    { ...of("transportation-names", "transportation_name"), type: "symbol", minzoom: 13, layout: { "symbol-placement": "line", "text-field": name, "text-font": ["sans-serif"], "text-size": 12 }, paint: words },
    { ...of("places", "places"), type: "symbol", layout: { "text-field": name, "text-font": ["sans-serif"], "text-size": 13 }, paint: words },
    { ...of("place", "place"), type: "symbol", layout: { "text-field": name, "text-font": ["sans-serif"], "text-size": 13 }, paint: words },
  ];
}

/** Shapes of another server that are in another system than the map, as `shiftedShapes` takes them. */
export function askedShifted(address: string, from: Crs, to: Crs): string {
  return from === to ? address : `${from}-${to}+${address}`;
}

/** From where an address of `askedShifted` is asked, and out of which system into which. */
export function readShifted(asked: string): { readonly address: string; readonly from: Crs; readonly to: Crs } {
  const [way = "", ...address] = asked.split("+");
  const [from, to] = way.split("-") as [Crs, Crs];
  return { address: address.join("+"), from, to };
}

/** The beginnings of such addresses. */
export const SHIFTED_WAYS = ["wgs84-gcj02", "gcj02-wgs84"].flatMap((way) => ["https", "http"].map((scheme) => `${way}+${scheme}`));

/** The catalogue's layers that are switched on and lie rightly on this map, in its order. */
export function catalogueParts(catalogue: readonly CatalogueLayer[], origin: string, crs: Crs): Parts {
  const sources: Parts["sources"] = {};
  const layers: LayerSpecification[] = [];
  for (const layer of catalogue) {
    const id = `layer-${layer.key}`;
    if (!liesRightly(layer, crs)) continue;
    const tiles = (layer.tiles ?? []).flatMap((each) => spread(tilesOf(each, "wgs84", origin), layer.sub_domains));
    const tone = layer.colour || colour("accent");
    if (layer.kind === "geojson") {
      sources[id] = { type: "geojson", data: shapesOf(layer, origin, crs) };
      layers.push(...drawn(id, id, tone));
    } else if (layer.kind === "mvt" || layer.format === "vector") {
      sources[id] = { type: "vector", tiles, maxzoom: layer.max_zoom ?? 14 };
      for (const within of layer.tile_layers?.length ? layer.tile_layers : [layer.key]) layers.push(...drawn(`${id}-${within}`, id, tone, within));
    } else {
      sources[id] = { type: "raster", tiles, tileSize: 256, maxzoom: layer.max_zoom ?? 18 };
      layers.push({ id, type: "raster", source: id, paint: { "raster-opacity": 0.8, "raster-fade-duration": 0 } });
    }
  }
  return { sources, layers };
}

/** Where its shapes are asked for: ours come shifted, those of other servers are shifted when they have come. */
function shapesOf(layer: CatalogueLayer, origin: string, crs: Crs): string {
  const [address = ""] = spread(layer.address ?? "", layer.sub_domains);
  if (layer.any_crs === true) return tilesOf(address, crs, origin);
  return askedShifted(tilesOf(address, "wgs84", origin), layer.crs ?? "wgs84", crs);
}

/** Whatever a layer holds: surfaces, lines and points in its colour. */
function drawn(id: string, source: string, tone: string, within?: string): LayerSpecification[] {
  const from = { source, ...(within === undefined ? {} : { "source-layer": within }) };
  return [
    { id: `${id}-fill`, type: "fill", ...from, filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": tone, "fill-opacity": 0.18 } },
    { id: `${id}-line`, type: "line", ...from, filter: ["!=", ["geometry-type"], "Point"], paint: { "line-color": tone, "line-width": 2 } },
    {
      id: `${id}-point`,
      type: "circle",
      ...from,
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 5, "circle-color": tone, "circle-stroke-width": 1.5, "circle-stroke-color": colour("surface") },
    },
  ];
}
