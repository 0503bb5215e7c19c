// How assets are drawn, counted or one by one, and what is wrong with them.
import type { ExpressionSpecification, FilterSpecification, LayerSpecification } from "maplibre-gl";
import { colour } from "../theme";
import type { Facts } from "./facts";
import { GLYPH_TABLE } from "./icons";
import type { Choice } from "./style";

export const ASSETS = "assets";
export const HITS = ["wrong-near", "wrong", "things", "dots"] as const;
/** From here on things stand apart: each is drawn with its glyph, and its severity beside it. */
export const NEAR = 16.5;
export const FONT = ["sans-serif"];

const SEVERITY: ExpressionSpecification = ["to-number", ["get", "s"], 0];
/** What the stream just told of a thing goes before what its tile still says. */
const FRESH: ExpressionSpecification = ["max", ["to-number", ["feature-state", "s"], 0], SEVERITY];

function severityColour(of: ExpressionSpecification, calm: string | ExpressionSpecification): ExpressionSpecification {
  return ["match", of, 3, colour("critical-fill"), 2, colour("alarm-fill"), 1, colour("notice-fill"), calm];
}

/**
 * One value, said as if it went by the thing. Circles whose values go by the thing in the same places are drawn by one
 * program of the graphics card: it was made when the map opened, and holds nobody up (0.3 s without a card) who comes
 * near or chooses something.
 */
function byFeature(value: string | number): ExpressionSpecification {
  return ["case", [">=", SEVERITY, 0], value, value];
}

/** From which number on counts are shortened, and by which word: 1.2万, 12k. */
export interface ClusterWords {
  readonly each: number;
  readonly unit: string;
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

function iconOf(): ExpressionSpecification {
  const kind: ExpressionSpecification = ["concat", ["get", "f"], "-", ["to-string", ["get", "c"]]];
  const family: ExpressionSpecification = ["match", ["get", "f"], ["cover", "light"], ["get", "f"], "other"];
  const glyph = ["match", kind, ...GLYPH_TABLE.flat(), family] as unknown as ExpressionSpecification;
  const state: ExpressionSpecification = ["match", ["get", "st"], ["damaged", "lost"], ["get", "st"], "intact"];
  return ["concat", "thing:", ["get", "f"], ":", glyph, ":", state];
}

export function assetLayers(facts: Facts, choice: Choice, words: ClusterWords): LayerSpecification[] {
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
        "circle-color": byFeature(surface),
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

export function wrongLayers(choice: Choice): LayerSpecification[] {
  const ofFamilies: FilterSpecification = choice.wrongOnly ? true : ["in", ["get", "f"], ["literal", [...choice.families]]];
  const shown: FilterSpecification = choice.severity > 0 ? (["all", ofFamilies, [">=", SEVERITY, choice.severity]] as FilterSpecification) : ofFamilies;
  const icon: ExpressionSpecification = ["concat", "severity:", ["to-string", ["get", "s"]]];
  const always = { "icon-allow-overlap": true, "icon-ignore-placement": true, "symbol-sort-key": SEVERITY } as const;
  // beside its thing only where that is drawn
  const near = choice.wrongOnly || choice.severity > 0 ? 24 : NEAR;
  const ring = {
    "circle-radius": byFeature(20),
    "circle-color": byFeature("rgba(0,0,0,0)"),
    "circle-stroke-width": byFeature(3),
    "circle-stroke-color": byFeature(colour("focus")),
  };
  return [
    {
      id: "ring",
      type: "circle",
      source: ASSETS,
      "source-layer": "wrong",
      filter: ["==", ["get", "id"], -1],
      paint: ring,
    },
    {
      id: "ring-calm",
      type: "circle",
      source: ASSETS,
      "source-layer": "assets",
      filter: ["==", ["get", "id"], -1],
      paint: ring,
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
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 8, 3, 14, 6],
        "circle-color": severityColour(SEVERITY, colour("notice-fill")),
        "circle-stroke-color": byFeature("rgba(0,0,0,0)"),
      },
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
