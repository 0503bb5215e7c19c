// The ground where there is no base map: a grid of round degrees, and streets guessed from the things along them.
import type { Map as Canvas } from "maplibre-gl";
import { graticule, type OnRoad, type Position, roads } from "../geometry";
import type { TileFeature } from "./things";

/** Streets are guessed where few enough things are in sight. */
export const STREETS_FROM = 14;
export const MOST_ON_STREETS = 4_000;

export function gridOver(canvas: Canvas): unknown[] {
  const bounds = canvas.getBounds();
  const frame = { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() };
  return [{ type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: graticule(frame) } }];
}

export function streetsAlong(things: readonly TileFeature[]): unknown[] {
  const found: OnRoad[] = [];
  for (const { properties, geometry } of things) {
    if (geometry.type === "Point") found.push({ road: String(properties?.r ?? ""), at: geometry.coordinates as Position });
  }
  return roads(found).map(({ name, line }) => ({
    type: "Feature",
    properties: { name },
    geometry: { type: "LineString", coordinates: line },
  }));
}
