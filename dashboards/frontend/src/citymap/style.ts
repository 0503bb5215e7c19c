// What the map looks like: MapLibre's sources and layers, made from the page's colours and what is switched on.
import type { ExpressionSpecification, FilterSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";
import { colour } from "../theme";
import { baseLayers, catalogueParts } from "./grounds";
import { asking, BY_ZOOM, type Facts, tilesOf } from "./facts";
import { GLYPH_TABLE } from "./icons";
import type { Crs } from "./shift";

/** What is switched on; everything in it can change while the map is open. */
export interface Choice {
  /** the base map below everything, where there is one */
  readonly base: boolean;
  /** level of the outlined areas; "auto" as the zoom asks for, "" none */
  readonly areas: string;
  /** days of cases in the heat; 0 none */
  readonly heat: number;
  /** families that are shown */
  readonly families: readonly string[];
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

export const ASSETS = "assets";
export const HITS = ["wrong-near", "wrong", "things", "dots"] as const;
/** From here on things stand apart: each is drawn with its glyph, and its severity beside it. */
export const NEAR = 16.5;

const FONT = ["sans-serif"];
const EMPTY: SourceSpecification = { type: "geojson", data: { type: "FeatureCollection", features: [] } };

const SEVERITY: ExpressionSpecification = ["to-number", ["get", "s"], 0];
/** What the stream just told of a thing goes before what its tile still says. */
const FRESH: ExpressionSpecification = ["max", ["to-number", ["feature-state", "s"], 0], SEVERITY];

function severityColour(of: ExpressionSpecification, calm: string | ExpressionSpecification): ExpressionSpecification {
  return ["match", of, 3, colour("critical-fill"), 2, colour("alarm-fill"), 1, colour("notice-fill"), calm];
}

/** How many things of the families in `families` a cluster holds; all of them when none is left out. */
export function countOf(families: readonly string[], all: readonly string[]): ExpressionSpecification {
  if (all.every((key) => families.includes(key))) return ["to-number", ["get", "n"], 0];
  const parts = families.map((key): ExpressionSpecification => ["to-number", ["get", `n_${key}`], 0]);
  return ["+", 0, ...parts];
}

function abbreviated(count: ExpressionSpecification, words: ClusterWords): ExpressionSpecification {
  const large: ExpressionSpecification = ["number-format", ["/", count, words.each], { "max-fraction-digits": 1 }];
  return ["case", ["<", count, words.each], ["to-string", count], ["concat", large, words.unit]];
}

/** From which number on counts are shortened, and by which word: 1.2万, 12k. */
export interface ClusterWords {
  readonly each: number;
  readonly unit: string;
}

function iconOf(): ExpressionSpecification {
  const kind: ExpressionSpecification = ["concat", ["get", "f"], "-", ["to-string", ["get", "c"]]];
  const family: ExpressionSpecification = ["match", ["get", "f"], ["cover", "light"], ["get", "f"], "other"];
  const glyph = ["match", kind, ...GLYPH_TABLE.flat(), family] as unknown as ExpressionSpecification;
  const state: ExpressionSpecification = ["match", ["get", "st"], ["damaged", "lost"], ["get", "st"], "intact"];
  return ["concat", "thing:", ["get", "f"], ":", glyph, ":", state];
}

export function styleOf(facts: Facts, choice: Choice, at: Addresses, crs: Crs, words: ClusterWords): StyleSpecification {
  const catalogue = catalogueParts(facts.layers.filter((layer) => choice.layers.includes(layer.key)), at.origin, crs);
  const ground = choice.base && !choice.wrongOnly ? baseLayers(facts.base, at.origin) : { sources: {}, layers: [] };
  const vector = (address: string): SourceSpecification => ({ type: "vector", tiles: [tilesOf(address, crs, at.origin)], maxzoom: 20 });
  return {
    version: 8,
    sources: {
      ...ground.sources,
      ...catalogue.sources,
      [ASSETS]: { ...vector(at.tiles), promoteId: { assets: "id", wrong: "id" } } as SourceSpecification,
      ...(choice.areas === "" ? {} : { areas: vector(choice.areas === BY_ZOOM ? at.areas : asking(at.areas, "level", choice.areas)) }),
      ...(choice.heat === 0 ? {} : { cases: vector(asking(at.cases, "days", String(choice.heat))) }),
      grid: EMPTY,
      streets: EMPTY,
      sketch: EMPTY,
      here: EMPTY,
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colour("surface-sunk") } },
      ...ground.layers,
      ...(ground.layers.length > 0 ? [] : plainLayers()),
      ...catalogue.layers,
      ...(choice.areas === "" ? [] : areaLayers()),
      ...(choice.heat === 0 ? [] : heatLayers()),
      ...(choice.wrongOnly ? [] : assetLayers(facts, choice, words)),
      ...(ground.layers.length > 0 ? [] : streetNames()),
      ...hereLayers(),
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

function areaLayers(): LayerSpecification[] {
  const tone = colour("accent");
  return [
    {
      id: "areas-line",
      type: "line",
      source: "areas",
      "source-layer": "areas",
      layout: { "line-join": "round" },
      paint: { "line-color": tone, "line-opacity": 0.75, "line-width": ["interpolate", ["linear"], ["zoom"], 9, 1, 16, 2.5], "line-dasharray": [4, 2] },
    },
    {
      id: "areas-name",
      type: "symbol",
      source: "areas",
      "source-layer": "names",
      layout: {
        "text-field": ["get", "name"],
        "text-font": FONT,
        "text-size": ["interpolate", ["linear"], ["zoom"], 9, 11, 16, 15],
        "text-padding": 12,
      },
      paint: { "text-color": tone, "text-halo-color": colour("surface"), "text-halo-width": 1.6 },
    },
  ];
}

function heatLayers(): LayerSpecification[] {
  const dark = /^rgb\((\d+)/.exec(colour("ground"))?.[1];
  const night = Number(dark ?? 255) < 80;
  // one hue from faint to strong: it reads as "more" for every kind of colour blindness
  const ramp = night ? ["rgba(60,22,8,0)", "#5a2a12", "#a34814", "#ea8a2e", "#ffe7b0"] : ["rgba(255,240,217,0)", "#fdd9a0", "#f59b4b", "#cf5714", "#7f2704"];
  return [
    {
      id: "heat",
      type: "heatmap",
      source: "cases",
      "source-layer": "cases",
      paint: {
        "heatmap-weight": ["interpolate", ["linear"], ["sqrt", ["to-number", ["get", "n"], 1]], 0, 0, 1, 0.3, 6, 1],
        "heatmap-intensity": ["interpolate", ["linear"], ["zoom"], 9, 0.8, 13, 1, 16, 2],
        "heatmap-radius": ["interpolate", ["linear"], ["zoom"], 9, 14, 13, 34, 17, 70],
        "heatmap-opacity": 0.78,
        "heatmap-color": ["interpolate", ["linear"], ["heatmap-density"], 0, ramp[0] ?? "", 0.2, ramp[1] ?? "", 0.45, ramp[2] ?? "", 0.7, ramp[3] ?? "", 1, ramp[4] ?? ""],
      },
    },
  ];
}

function assetLayers(facts: Facts, choice: Choice, words: ClusterWords): LayerSpecification[] {
  const all = facts.families.map((each) => each.key);
  const count = countOf(choice.families, all);
  const shown: FilterSpecification = ["in", ["get", "f"], ["literal", [...choice.families]]];
  const cover = colour("cover");
  const surface = colour("surface");
  const tone: ExpressionSpecification = ["match", ["get", "f"], "cover", cover, "light", surface, colour("ink-soft")];
  const rim: ExpressionSpecification = ["match", ["get", "f"], "light", colour("light"), surface];
  return [
    {
      id: "clusters",
      type: "circle",
      source: ASSETS,
      "source-layer": "clusters",
      filter: [">", count, 0],
      layout: { "circle-sort-key": count },
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["log10", ["max", 1, count]], 0, 5, 1, 10, 2, 15, 3, 20, 4, 25, 5, 31],
        "circle-color": surface,
        "circle-opacity": 0.92,
        "circle-stroke-width": ["case", [">", SEVERITY, 0], 3, 1.5],
        "circle-stroke-color": severityColour(SEVERITY, cover),
      },
    },
    {
      id: "cluster-counts",
      type: "symbol",
      source: ASSETS,
      "source-layer": "clusters",
      filter: [">", count, 1],
      layout: {
        "text-field": abbreviated(count, words),
        "text-font": FONT,
        "text-size": ["interpolate", ["linear"], ["log10", ["max", 1, count]], 0, 10, 3, 12, 5, 14],
        "text-allow-overlap": true,
        "text-ignore-placement": true,
        "symbol-sort-key": count,
      },
      paint: { "text-color": colour("ink") },
    },
    {
      id: "dots",
      type: "circle",
      source: ASSETS,
      "source-layer": "assets",
      maxzoom: NEAR,
      filter: shown,
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 1.6, 14, 3.4, NEAR, 6],
        "circle-color": ["match", ["to-number", ["feature-state", "s"], 0], 3, colour("critical-fill"), 2, colour("alarm-fill"), 1, colour("notice-fill"), tone],
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 10, 0.8, 15, 2],
        "circle-stroke-color": rim,
      },
    },
    {
      id: "things-fresh",
      type: "circle",
      source: ASSETS,
      "source-layer": "assets",
      minzoom: NEAR,
      filter: shown,
      paint: {
        "circle-radius": ["case", [">", FRESH, 0], 19, 0],
        "circle-color": severityColour(FRESH, "rgba(0,0,0,0)"),
        "circle-opacity": 0.35,
        "circle-stroke-width": ["case", [">", FRESH, 0], 2, 0],
        "circle-stroke-color": severityColour(FRESH, "rgba(0,0,0,0)"),
      },
    },
    {
      id: "things",
      type: "symbol",
      source: ASSETS,
      "source-layer": "assets",
      minzoom: NEAR,
      filter: shown,
      layout: {
        "icon-image": iconOf(),
        "icon-size": ["interpolate", ["linear"], ["zoom"], NEAR, 0.62, 18, 0.9, 20, 1.2],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
      },
    },
  ];
}

function wrongLayers(choice: Choice): LayerSpecification[] {
  const shown: FilterSpecification = choice.wrongOnly ? true : ["in", ["get", "f"], ["literal", [...choice.families]]];
  const icon: ExpressionSpecification = ["concat", "severity:", ["to-string", ["get", "s"]]];
  const always = { "icon-allow-overlap": true, "icon-ignore-placement": true, "symbol-sort-key": SEVERITY } as const;
  const near = choice.wrongOnly ? 24 : NEAR;
  return [
    {
      id: "ring",
      type: "circle",
      source: ASSETS,
      "source-layer": "wrong",
      filter: ["==", ["get", "id"], -1],
      paint: { "circle-radius": 20, "circle-color": "rgba(0,0,0,0)", "circle-stroke-width": 3, "circle-stroke-color": colour("focus") },
    },
    {
      id: "ring-calm",
      type: "circle",
      source: ASSETS,
      "source-layer": "assets",
      filter: ["==", ["get", "id"], -1],
      paint: { "circle-radius": 20, "circle-color": "rgba(0,0,0,0)", "circle-stroke-width": 3, "circle-stroke-color": colour("focus") },
    },
    {
      // Shapes are placed a moment after dots; until then, and whatever happens to a picture, what is wrong shows its colour.
      id: "wrong-dots",
      type: "circle",
      source: ASSETS,
      "source-layer": "wrong",
      maxzoom: near,
      filter: shown,
      layout: { "circle-sort-key": SEVERITY },
      paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 8, 3, 14, 6], "circle-color": severityColour(SEVERITY, colour("notice-fill")) },
    },
    {
      id: "wrong",
      type: "symbol",
      source: ASSETS,
      "source-layer": "wrong",
      maxzoom: near,
      filter: shown,
      layout: {
        ...always,
        "icon-image": icon,
        // far away many lie on one another: the graver, the larger
        "icon-size": ["interpolate", ["linear"], ["zoom"], 9, ["match", SEVERITY, 3, 0.62, 2, 0.5, 0.4], 13, ["match", SEVERITY, 3, 0.8, 2, 0.7, 0.6], 16, 1],
      },
    },
    {
      id: "wrong-near",
      type: "symbol",
      source: ASSETS,
      "source-layer": "wrong",
      minzoom: near,
      filter: shown,
      layout: {
        ...always,
        "icon-image": icon,
        "icon-size": 0.85,
        // beside the thing, whose own symbol stays to be seen
        "icon-offset": [15, -15],
        "text-field": ["get", "n"],
        "text-font": FONT,
        "text-size": 12,
        "text-anchor": "top",
        "text-offset": [0, 1.4],
        "text-max-width": 12,
        "text-optional": true,
      },
      paint: { "text-color": colour("ink"), "text-halo-color": colour("surface"), "text-halo-width": 1.6 },
    },
  ];
}

function hereLayers(): LayerSpecification[] {
  return [
    {
      id: "here-error",
      type: "fill",
      source: "here",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": colour("accent"), "fill-opacity": 0.12 },
    },
    {
      id: "here",
      type: "circle",
      source: "here",
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 8, "circle-color": colour("accent"), "circle-stroke-width": 3, "circle-stroke-color": colour("surface") },
    },
  ];
}

function sketchLayers(): LayerSpecification[] {
  const tone = colour("accent-ground");
  return [
    {
      id: "sketch-fill",
      type: "fill",
      source: "sketch",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": tone, "fill-opacity": 0.14 },
    },
    { id: "sketch-rim", type: "line", source: "sketch", layout: { "line-join": "round", "line-cap": "round" }, paint: { "line-color": colour("surface"), "line-width": 6 } },
    { id: "sketch-line", type: "line", source: "sketch", layout: { "line-join": "round", "line-cap": "round" }, paint: { "line-color": tone, "line-width": 3 } },
    {
      id: "sketch-points",
      type: "circle",
      source: "sketch",
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": 5, "circle-color": colour("surface"), "circle-stroke-width": 3, "circle-stroke-color": tone },
    },
  ];
}
