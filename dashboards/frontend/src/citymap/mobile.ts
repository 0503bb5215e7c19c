// Vehicles, recorders and handsets on the map: what each is by its sign, where it last said to be, and hollow and pale once
// that is too long ago to go by. A place grows old here as well, so that a lost connection shows.
import type { ExpressionSpecification, LayerSpecification } from "maplibre-gl";
import { fetchJson } from "../answers";
import { ago } from "../format";
import type { Position } from "../geometry";
import { colour } from "../theme";
import type { Translate } from "../words";
import { type Crs, ontoMap } from "./shift";

export const MOBILE = "mobile";
/** From here on each has its name and the age of its place below it. */
const NAMED_FROM = 12.5;

/** One resource. Without an id nobody may know here which one it is. */
export interface MobileResource {
  readonly id: number | undefined;
  readonly kind: string;
  readonly name: string;
  readonly number: string;
  readonly unit: string;
  readonly speedKmh: number | undefined;
  /** WGS-84 */
  readonly at: Position;
  /** by this browser's clock, ms */
  readonly toldAt: number;
}

export interface MobilePlaces {
  readonly resources: readonly MobileResource[];
  /** a place older than this is no longer gone by, ms */
  readonly freshMs: number;
}

/** The server's answer, GeoJSON. */
export interface PlacesAnswer {
  readonly within_s: number;
  readonly features: readonly {
    readonly geometry: { readonly coordinates: readonly [number, number] };
    readonly properties: {
      readonly kind: string;
      readonly id?: number;
      readonly name?: string;
      readonly number?: string;
      readonly unit?: string | null;
      readonly age_s?: number;
      readonly speed_kmh?: number | null;
    };
  }[];
}

export const NO_PLACES: MobilePlaces = { resources: [], freshMs: 0 };

export function readPlaces(answer: PlacesAnswer, nowMs: number): MobilePlaces {
  const resources = answer.features.map(({ geometry, properties }): MobileResource => ({
    id: properties.id,
    kind: properties.kind,
    name: properties.name ?? "",
    number: properties.number ?? "",
    unit: properties.unit ?? "",
    speedKmh: properties.speed_kmh ?? undefined,
    at: [...geometry.coordinates],
    toldAt: nowMs - (properties.age_s ?? 0) * 1_000,
  }));
  return { resources, freshMs: answer.within_s * 1_000 };
}

/** Asks where they are. Throws as `fetchJson` does. */
export async function fetchPlaces(address: string): Promise<MobilePlaces> {
  return readPlaces(await fetchJson<PlacesAnswer>(address), Date.now());
}

export function isFresh(resource: MobileResource, places: MobilePlaces, nowMs: number): boolean {
  return nowMs - resource.toldAt < places.freshMs;
}

/** What the map draws of them now; `t` undefined: signs alone. */
export function featuresOf(places: MobilePlaces, crs: Crs, nowMs: number, t?: Translate): unknown[] {
  return places.resources.map((each) => ({
    type: "Feature",
    properties: {
      id: each.id ?? 0,
      kind: each.kind,
      on: isFresh(each, places, nowMs) ? 1 : 0,
      label: t === undefined ? "" : `${each.name}\n${ago(each.toldAt, nowMs, t)}`,
    },
    geometry: { type: "Point", coordinates: ontoMap(each.at, crs) },
  }));
}

/** The name of the picture of one; `drawNamed` draws it. */
export function mobileIcon(kind: string, fresh: boolean): string {
  return `mobile:${kind}:${fresh ? "on" : "off"}`;
}

export function mobileLayers(): LayerSpecification[] {
  const fresh: ExpressionSpecification = ["==", ["get", "on"], 1];
  return [
    {
      id: MOBILE,
      type: "symbol",
      source: MOBILE,
      layout: {
        "icon-image": ["concat", "mobile:", ["get", "kind"], ":", ["case", fresh, "on", "off"]],
        "icon-size": ["interpolate", ["linear"], ["zoom"], 9, 0.6, 13, 0.85, 17, 1.05],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["get", "on"],
        "text-field": ["step", ["zoom"], "", NAMED_FROM, ["get", "label"]],
        "text-font": ["sans-serif"],
        "text-size": 12,
        "text-anchor": "top",
        "text-offset": [0, 1.2],
        "text-max-width": 12,
        "text-optional": true,
      },
      paint: {
        "icon-opacity": ["case", fresh, 1, 0.7],
        "text-color": ["case", fresh, colour("ink"), colour("ink-soft")],
        "text-halo-color": colour("surface"),
        "text-halo-width": 1.6,
      },
    },
  ];
}
