// What the server says about its map: where the city lies, what it is drawn on, and which layers there are.
import { fetchJson } from "../answers";
import type { Crs } from "./shift";

export interface BaseMap {
  readonly kind: string;
  /** addresses of tiles with {z} {x} {y}; several lie on one another (Tianditu: picture below, names above) */
  readonly tiles?: readonly string[];
  /** what {s} in an address stands for, in turn */
  readonly sub_domains?: readonly string[];
  readonly crs?: Crs;
  readonly attribution?: string;
  readonly max_zoom?: number;
  readonly min_zoom?: number;
  /** what the tiles hold */
  readonly format?: "raster" | "vector";
  /** why there is none although the settings name one */
  readonly problem?: string;
}

export interface CatalogueLayer {
  readonly key: string;
  readonly kind: "geojson" | "mvt" | "wmts" | "pmtiles";
  readonly name: string;
  readonly source?: string;
  readonly date?: string | null;
  readonly owner?: string | null;
  readonly colour?: string;
  /** where its GeoJSON is, or its tiles with {z} {x} {y} */
  readonly address?: string;
  readonly tiles?: readonly string[];
  readonly sub_domains?: readonly string[];
  readonly format?: "raster" | "vector";
  readonly max_zoom?: number;
  /** the system of what lies there; WGS-84 where it isn't said */
  readonly crs?: Crs;
  /** the server answers in the system that is asked for */
  readonly any_crs?: boolean;
  /** names of the layers in vector tiles; without any the key is tried */
  readonly tile_layers?: readonly string[];
}

export interface Facts {
  readonly version: string | number;
  /** west, south, east, north; WGS-84 */
  readonly bbox: readonly [number, number, number, number] | null;
  readonly assets: number;
  readonly families: readonly { readonly key: string; readonly name: string }[];
  readonly base: BaseMap;
  readonly layers: readonly CatalogueLayer[];
}

export const ALL_FAMILIES = ["cover", "light", "other"] as const;

export async function fetchFacts(address: string): Promise<Facts> {
  return fetchJson<Facts>(address);
}

/** The coordinate system the map is drawn in: that of the base map below it. */
export function crsOf(facts: Facts): Crs {
  return facts.base.crs === "gcj02" ? "gcj02" : "wgs84";
}

/** The addresses that one with {s} stands for: MapLibre spreads its questions over them, and knows no {s} itself. */
export function spread(address: string, subDomains: readonly string[] = []): string[] {
  return subDomains.length === 0 ? [address] : subDomains.map((name) => address.replaceAll("{s}", name));
}

/** Whether a layer lies rightly on a map in `crs`: shapes are shifted on their way, tiles can't be. */
export function liesRightly(layer: CatalogueLayer, crs: Crs): boolean {
  return layer.kind === "geojson" || (layer.crs ?? "wgs84") === crs;
}

/** An address with one more thing asked for; `{z}` and the like stay as they are. */
export function asking(address: string, name: string, value: string): string {
  return `${address}${address.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}`;
}

/** The address of tiles for a map in `crs`, whole: MapLibre's worker has no page to complete it by. */
export function tilesOf(address: string, crs: Crs, origin: string): string {
  const whole = address.startsWith("/") ? `${origin}${address}` : address;
  return crs === "wgs84" ? whole : asking(whole, "crs", crs);
}

/** Areas of the level that fits the zoom, as the server chooses it. */
export const BY_ZOOM = "auto";

/** Where the map in `box` asks, as the template wrote it there. */
export function addressesOf(box: HTMLElement): { factsAddress: string; tilesAddress: string; areasAddress: string; casesAddress: string } {
  const { facts = "", tiles = "", areas = "", cases = "" } = box.dataset;
  return { factsAddress: facts, tilesAddress: tiles, areasAddress: areas, casesAddress: cases };
}

/** Where the cards of its assets lead and ask. */
export function leadsOf(box: HTMLElement): { asset: string; case: string; card: string } {
  const { asset = "", case: case_ = "", card = "" } = box.dataset;
  return { asset, case: case_, card };
}

/** An address that the template wrote for the id 0, for another id. */
export function addressed(address: string, id: number): string {
  return address.replace(/0$/, String(id));
}
