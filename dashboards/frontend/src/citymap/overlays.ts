// What may lie over and under the assets: outlines of areas, the heat of cases, where one is, and what one draws.
import type { LayerSpecification } from "maplibre-gl";
import { colour, isNight } from "../theme";
import { FONT } from "./things_style";

export function areaLayers(): LayerSpecification[] {
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

export function heatLayers(): LayerSpecification[] {
  // one hue from faint to strong: it reads as "more" for every kind of colour blindness
  const ramp = isNight() ? ["rgba(60,22,8,0)", "#5a2a12", "#a34814", "#ea8a2e", "#ffe7b0"] : ["rgba(255,240,217,0)", "#fdd9a0", "#f59b4b", "#cf5714", "#7f2704"];
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

export function hereLayers(): LayerSpecification[] {
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

export function sketchLayers(): LayerSpecification[] {
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
