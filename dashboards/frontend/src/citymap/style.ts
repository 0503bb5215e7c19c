// What the map looks like: MapLibre's sources and layers, made from the page's colours and what is switched on.
import type { LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";
import { colour } from "../theme";
import { baseLayers, catalogueParts } from "./grounds";
import { asking, BY_ZOOM, type Facts, tilesOf } from "./facts";
import { MOBILE, mobileLayers } from "./mobile";
import { areaLayers, heatLayers, hereLayers, sketchLayers } from "./overlays";
import type { Crs } from "./shift";
import { ASSETS, assetLayers, type ClusterWords, FONT, wrongLayers } from "./things_style";

/** What is switched on; everything in it can change while the map is open. */
export interface Choice {
  /** the base map below everything, where there is one */
  readonly base: boolean;
  /** the plain ground below the base map too: its tiles do not come */
  readonly plain: boolean;
  /** level of the outlined areas; "auto" as the zoom asks for, "" none */
  readonly areas: string;
  /** days of cases in the heat; 0 none */
  readonly heat: number;
  /** of which kind those are; "" of all */
  readonly heatKind: string;
  /** where vehicles, recorders and handsets are */
  readonly mobile: boolean;
  /** families that are shown */
  readonly families: readonly string[];
  /** only what is wrong at least so severely; 0 everything */
  readonly severity: number;
  /** keys of the catalogue's layers */
  readonly layers: readonly string[];
  /** only what is wrong, on the ground alone */
  readonly wrongOnly: boolean;
}

/** Where each kind of tile is asked for. */
export interface Addresses {
  readonly tiles: string;
  readonly areas: string;
  readonly cases: string;
  readonly origin: string;
}

const EMPTY: SourceSpecification = { type: "geojson", data: { type: "FeatureCollection", features: [] } };

/** Where the heat of the chosen days and kind is asked for. */
export function casesOf(address: string, choice: Pick<Choice, "heat" | "heatKind">): string {
  const days = asking(address, "days", String(choice.heat));
  return choice.heatKind === "" ? days : asking(days, "kind", choice.heatKind);
}

export function styleOf(facts: Facts, choice: Choice, at: Addresses, crs: Crs, words: ClusterWords): StyleSpecification {
  const catalogue = catalogueParts(facts.layers.filter((layer) => choice.layers.includes(layer.key)), at.origin, crs);
  const ground = choice.base && !choice.wrongOnly ? baseLayers(facts.base, at.origin) : { sources: {}, layers: [] };
  const plain = ground.layers.length === 0 || choice.plain;
  const vector = (address: string): SourceSpecification => ({ type: "vector", tiles: [tilesOf(address, crs, at.origin)], maxzoom: 20 });
  return {
    version: 8,
    sources: {
      ...ground.sources,
      ...catalogue.sources,
      [ASSETS]: { ...vector(at.tiles), promoteId: { assets: "id", wrong: "id" } } as SourceSpecification,
      ...(choice.areas === "" ? {} : { areas: vector(choice.areas === BY_ZOOM ? at.areas : asking(at.areas, "level", choice.areas)) }),
      ...(choice.heat === 0 ? {} : { cases: vector(casesOf(at.cases, choice)) }),
      ...(choice.mobile ? { [MOBILE]: EMPTY } : {}),
      grid: EMPTY,
      streets: EMPTY,
      sketch: EMPTY,
      here: EMPTY,
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colour("surface-sunk") } },
      ...(plain ? plainLayers() : []),
      ...ground.layers,
      ...catalogue.layers,
      ...(choice.areas === "" ? [] : areaLayers()),
      ...(choice.heat === 0 ? [] : heatLayers()),
      ...(choice.wrongOnly || choice.severity > 0 ? [] : assetLayers(facts, choice, words)),
      ...(plain ? streetNames() : []),
      ...hereLayers(),
      ...(choice.mobile ? mobileLayers() : []),
      ...wrongLayers(choice),
      ...sketchLayers(),
    ],
  };
}

function plainLayers(): LayerSpecification[] {
  return [
    { id: "grid", type: "line", source: "grid", paint: { "line-color": colour("line"), "line-width": 1 } },
    {
      id: "streets",
      type: "line",
      source: "streets",
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": colour("line"), "line-width": ["interpolate", ["exponential", 1.6], ["zoom"], 13, 3, 15, 7, 19, 44] },
    },
  ];
}

/** Above the things that stand along them: a name under dots can't be read. */
function streetNames(): LayerSpecification[] {
  return [
    {
      id: "street-names",
      type: "symbol",
      source: "streets",
      minzoom: 14.5,
      layout: {
        "symbol-placement": "line",
        "symbol-spacing": 320,
        "text-field": ["get", "name"],
        "text-font": FONT,
        "text-size": ["interpolate", ["linear"], ["zoom"], 14, 11, 19, 15],
        "text-letter-spacing": 0.08,
      },
      paint: { "text-color": colour("ink-soft"), "text-halo-color": colour("surface-sunk"), "text-halo-width": 2 },
    },
  ];
}

